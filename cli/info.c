/* soundproof info: what a model file holds. */
#include "cli/impl.h"

#include <stdint.h>
#include <string.h>

#include "base/json.h"

static const char *kind_text(const sp_node *node) {
    static const char *const cells[] = {[SP_CELL_LSTM] = "LSTM",
                                        [SP_CELL_GRU] = "GRU",
                                        [SP_CELL_RNN] = "RNN",
                                        [SP_CELL_TIMES] = "product"};
    switch (node->kind) {
    case SP_NODE_AFFINE:
        return node->term[0].timing.taps > 1 ? "conv" : "dense";
    case SP_NODE_CURVE:
        return node->curve.kind == SP_ACTIVATION_RELU ? "ReLU"
                                                      : sp_activation_name(node->curve.kind);
    case SP_NODE_CELL:
        return cells[node->cell.kind];
    case SP_NODE_INPUT:
    case SP_NODE_POOL:
        break;
    }
    return "unknown";
}

static void print_activation(sp_activation f) {
    switch (f.kind) {
    case SP_ACTIVATION_HARD_SIGMOID:
        printf("hard sigmoid %g x + %g", (double)(float)f.alpha, (double)(float)f.beta);
        break;
    case SP_ACTIVATION_AFFINE:
        if (f.alpha == 1.0 && f.beta == 0.0) {
            printf("linear");
        } else {
            printf("linear %g x + %g", (double)(float)f.alpha, (double)(float)f.beta);
        }
        break;
    case SP_ACTIVATION_RELU:
        printf("ReLU");
        break;
    default:
        printf("%s", sp_activation_name(f.kind));
        break;
    }
}

/* A second line for cells that come in several kinds. */
static void print_cell(const sp_cell *cell) {
    if (cell->kind == SP_CELL_GRU) {
        printf("       gates ");
        print_activation(cell->gate);
        printf(", candidate ");
        print_activation(cell->candidate);
        printf(", reset %s the product\n", cell->reset_after ? "after" : "before");
    } else if (cell->kind == SP_CELL_RNN) {
        printf("       activation ");
        print_activation(cell->candidate);
        putchar('\n');
    } else if (cell->kind == SP_CELL_LSTM && (cell->gate.kind != SP_ACTIVATION_SIGMOID ||
                                              cell->candidate.kind != SP_ACTIVATION_TANH)) {
        printf("       gates ");
        print_activation(cell->gate);
        printf(", candidate and output ");
        print_activation(cell->candidate);
        putchar('\n');
    }
    if (cell->clip > 0.0) {
        printf("       what gates and candidates are applied to lies in %g .. %g\n", -cell->clip,
               cell->clip);
    }
    if (cell->seeded) {
        printf("       states start as the file gives them; %zu of its inputs hold them\n",
               sp_cell_seeds(cell) * cell->out);
    }
}

/* The nodes but for the input and pools; those behind a pool run once. */
static void print_nodes(const sp_net *net) {
    size_t l = 0;
    printf("layer  kind      in   out  parameters  runs\n");
    for (size_t n = 1; n < net->nodes; n++) {
        const sp_node *node = &net->node[n];
        if (node->kind == SP_NODE_POOL) {
            continue;
        }
        printf("%5zu  %-5s  %5zu %5zu  %10zu  %s\n", ++l, kind_text(node),
               net->node[sp_node_input(node, 0)].width, node->width, sp_node_parameters(node),
               sp_net_frames(net, 0, n, SIZE_MAX / 2) == 1 ? "once, after the last frame"
                                                           : "at every frame");
        if (node->kind == SP_NODE_CELL) {
            print_cell(&node->cell);
        }
    }
}

static void print_ends(const sp_model *model) {
    const sp_net *net = &model->net;
    printf("input       %s [%s]: %zu features per frame, ", model->input_name, model->input_shape,
           net->features);
    if (net->steps == 0) {
        printf("any number of frames");
    } else {
        printf("windows of %zu frame%s", net->steps, net->steps == 1 ? "" : "s");
    }
    if (model->steps_axis >= 0) {
        printf(", along axis %ld", model->steps_axis);
    }
    if (model->recordings > 1) {
        printf("; of the %zu recordings that it takes at once each by itself", model->recordings);
    }
    putchar('\n');
    if (model->inputs[0] != '\0') {
        printf("besides     %s", model->inputs);
        if (model->streams && net->hop > 0) {
            printf("; %zu frames are a hop, the answer that of the last whole one", net->hop);
        } else if (model->streams) {
            printf("; a frame is a hop, the answer that of the last one");
        }
        putchar('\n');
    }
    if (model->doubt) {
        printf("            CONTRADICTION: %s\n", model->doubt);
    }
    const char *head = net->sigmoid   ? ", behind which the file has a sigmoid"
                       : net->softmax ? ", behind whose logits the file has a softmax"
                                      : "";
    if (net->classes == 1) {
        printf("output      one logit%s\n", head);
    } else {
        printf("output      %zu classes%s\n", net->classes, head);
    }
}

static void print_names(const sp_model *model) {
    sp_class_names names = {0};
    sp_error err = {0};
    if (model->names && sp_class_names_parse(&err, &names, model->names,
                                             sp_pipeline_answers(&model->net)) != SP_OK) {
        printf("answers     named wrongly: the file %s\n", err.text);
    } else if (names.count > 0) {
        printf("answers     ");
        for (size_t k = 0; k < names.count; k++) {
            printf("%s%zu %s", k > 0 ? ", " : "", k, names.name[k]);
        }
        putchar('\n');
    }
    sp_class_names_clear(&names);
}

static void print_model(const char *path, const sp_model *model) {
    const sp_net *net = &model->net;
    printf("file        %s\n", path);
    printf("producer    %s\n", model->producer[0] ? model->producer : "not named");
    printf("opset       %ld\n", model->opset);
    print_ends(model);
    print_names(model);
    printf("parameters  %zu\n", model->parameters);
    printf("checked     against the file's own graph on random inputs: largest difference %.1e\n",
           model->agreement);
    printf("front end   %s\n\n", model->front ? "described inside the file"
                                              : "not described inside the file: pass --front");
    print_nodes(net);
}

static void print_member(const char *name, const sp_json *value) {
    const double number = sp_json_is_number(value) ? sp_json_value(value) : 0.0;
    if (sp_json_is_string(value)) {
        printf("  %-17s  %s\n", name, sp_json_string(value));
    } else if (sp_json_is_number(value)) {
        printf("  %-17s  %.10g\n", name, number);
    }
}

/* The members of the description of the training, as they are. */
static void print_training(const sp_model *model) {
    sp_json *root = NULL;
    if (!model->training) {
        return;
    }
    if (sp_json_parse(NULL, &root, model->training, strlen(model->training)) != SP_OK) {
        puts("\ntraining: described inside the file, but not as soundproof writes it");
        return;
    }
    puts("\ntraining");
    for (const sp_json *at = sp_json_first(root); at; at = sp_json_next(at)) {
        print_member(sp_json_name(at), at);
    }
    sp_json_destroy(root);
}

static int run(const cli_options *options) {
    int code = CLI_OK;
    if (options->arguments == 0) {
        return cli_usage(&cli_info, "which ONNX file?");
    }
    for (size_t i = 0; i < options->arguments; i++) {
        const sp_model_choice choice = {.output = options->output,
                                        .steps_axis = options->steps_axis,
                                        .accept_doubt = true,
                                        .input = options->input,
                                        .inputs = options->inputs};
        sp_model model;
        sp_error err = {0};
        if (sp_model_open(&err, &model, options->argument[i], &choice) != SP_OK) {
            cli_complain_about(options->argument[i], err.text);
            code = CLI_INPUT;
            continue;
        }
        if (i > 0) {
            putchar('\n');
        }
        print_model(options->argument[i], &model);
        print_training(&model);
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
    .reads_models = true,
    .run = run,
};
