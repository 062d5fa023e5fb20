/* The model, its front end and the clips that it hears. */
#include "cli/impl.h"

#include <string.h>

static sp_status open_front(sp_error *err, cli_model_files *files, const cli_options *options,
                            bool sequences) {
    if (sequences) {
        return sp_front_sequence(err, &files->front, files->model.net.features);
    }
    if (options->front) {
        return sp_front_read(err, &files->front, options->front);
    }
    if (options->rate > 0) {
        char text[96];
        snprintf(text, sizeof text, "{\"sample_rate\": %ld, \"scale\": \"unit\", \"samples\": {}}",
                 options->rate);
        return sp_front_parse(err, &files->front, text, strlen(text), "--rate");
    }
    return sp_front_parse(err, &files->front, files->model.front, strlen(files->model.front),
                          options->model);
}

int cli_model_files_open(cli_model_files *files, const cli_command *command,
                         const cli_options *options, bool sequences) {
    sp_error err = {0};
    *files = (cli_model_files){0};
    if (sequences && options->front) {
        return cli_usage(command, "--front does not go with sequences of numbers: the model reads "
                                  "them as they are");
    }
    if (!options->model) {
        return cli_usage(command, "--model is missing: which ONNX file?");
    }
    sp_model_choice choice = {.output = options->output,
                              .steps_axis = options->steps_axis,
                              .input = options->input,
                              .inputs = options->inputs};
    sp_status status = sp_model_open(&err, &files->model, options->model, &choice);
    if (status == SP_OK && files->model.streams && !files->model.net.every && command->hears_hops) {
        char name[300];
        snprintf(name, sizeof name, "%.250s@all", options->output ? options->output : "");
        sp_model_clear(&files->model);
        choice.output = name;
        status = sp_model_open(&err, &files->model, options->model, &choice);
    }
    if (status != SP_OK) {
        cli_complain_about(options->model, err.text);
        return CLI_INPUT;
    }
    const bool hears = files->model.net.features == 1;
    if (options->rate > 0 && (options->front || sequences || !hears)) {
        sp_model_clear(&files->model);
        return cli_usage(command, hears ? "--rate stands in place of --front"
                                        : "--rate is of a model that hears samples one by one: "
                                          "this one reads features, or frames of samples, which "
                                          "--front says");
    }
    if (!sequences && !options->front && !files->model.front && options->rate == 0) {
        sp_model_clear(&files->model);
        if (hears) {
            return cli_usage(command, "--rate is missing: %s hears samples, at how many a second?",
                             options->model);
        }
        return cli_usage(command, "--front is missing: %s carries no front-end description",
                         options->model);
    }
    if (open_front(&err, files, options, sequences) != SP_OK) {
        cli_complain_about(options->front ? options->front : options->model, err.text);
        sp_model_clear(&files->model);
        return CLI_INPUT;
    }
    return -1;
}

void cli_model_files_clear(cli_model_files *files) {
    sp_front_destroy(files->front);
    sp_model_clear(&files->model);
}

sp_status cli_clip_read(sp_error *err, sp_clip *clip, const char *path, const sp_front *front,
                        const cli_options *options) {
    const sp_front_layout *layout = sp_front_layout_of(front);
    const sp_clip_options wanted = {.rate = layout->sample_rate,
                                    .full_scale = layout->full_scale,
                                    .width = sp_front_width(front),
                                    .channel = options->channel,
                                    .downmix = options->downmix,
                                    .resample = options->resample};
    SP_TRY(sp_clip_read(err, clip, path, &wanted));
    if (clip->note[0] != '\0') {
        cli_complain_about(path, clip->note);
    }
    return SP_OK;
}
