/* soundproof info: what a model file holds. */
#include "cli/impl.h"

static const char *kind_text(sp_layer_kind kind) {
    switch (kind) {
    case SP_LAYER_AFFINE:
        return "dense";
    case SP_LAYER_RELU:
        return "ReLU";
    case SP_LAYER_LSTM:
        return "LSTM";
    case SP_LAYER_GRU:
        return "GRU";
    case SP_LAYER_RNN:
        return "RNN";
    }
    return "unknown";
}

static size_t layer_parameters(const sp_layer *layer) {
    const size_t columns = layer->in + (sp_layer_is_recurrent(layer) ? layer->out : 0) + 1;
    return sp_layer_gates(layer) * layer->out * columns +
           (layer->recurrent_bias != NULL ? layer->out : 0);
}

static void print_model(const char *path, const sp_model *model) {
    const sp_net *net = &model->net;
    printf("file        %s\n", path);
    printf("producer    %s\n", model->producer[0] ? model->producer : "not named");
    printf("opset       %ld\n", model->opset);
    printf("input       %s [%s]: %zu features per frame, any number of frames\n", model->input_name,
           model->input_shape, net->features);
    printf("output      %zu classes\n", net->classes);
    printf("parameters  %zu\n", model->parameters);
    printf("front end   %s\n\n", model->front ? "described inside the file"
                                              : "not described inside the file: pass --front");
    printf("layer  kind      in   out  parameters  runs\n");
    for (size_t i = 0; i < net->layers; i++) {
        const sp_layer *layer = &net->layer[i];
        printf("%5zu  %-5s  %5zu %5zu  %10zu  %s\n", i + 1, kind_text(layer->kind), layer->in,
               layer->out, layer_parameters(layer),
               i < net->readout ? "at every frame" : "once, after the last frame");
    }
}

static int run(const cli_options *options) {
    int code = CLI_OK;
    if (options->arguments == 0) {
        return cli_usage(&cli_info, "which ONNX file?");
    }
    for (size_t i = 0; i < options->arguments; i++) {
        sp_model model;
        sp_error err = {0};
        if (sp_model_read(&err, &model, options->argument[i]) != SP_OK) {
            cli_complain_about(options->argument[i], err.text);
            code = CLI_INPUT;
            continue;
        }
        if (i > 0) {
            putchar('\n');
        }
        print_model(options->argument[i], &model);
        sp_model_clear(&model);
    }
    return code;
}

const cli_command cli_info = {
    .name = "info",
    .arguments = "M.onnx...",
    .summary = "show a model's layers, shapes and origin",
    .examples = "  soundproof info model.onnx\n",
    .accepts = CLI_THREADS,
    .run = run,
};
