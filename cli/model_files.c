/* The model, its front end and the clips that it hears. */
#include "cli/impl.h"

#include <string.h>

static sp_status open_front(sp_error *err, cli_model_files *source, const cli_options *options) {
    if (options->front) {
        return sp_front_read(err, &source->front, options->front);
    }
    return sp_front_parse(err, &source->front, source->model.front, strlen(source->model.front),
                          options->model);
}

int cli_model_files_open(cli_model_files *source, const cli_command *command,
                         const cli_options *options) {
    sp_error err = {0};
    *source = (cli_model_files){0};
    if (!options->model) {
        return cli_usage(command, "--model is missing: which ONNX file?");
    }
    if (sp_model_read(&err, &source->model, options->model) != SP_OK) {
        cli_complain_about(options->model, err.text);
        return CLI_INPUT;
    }
    if (!options->front && !source->model.front) {
        sp_model_clear(&source->model);
        return cli_usage(command, "--front is missing: %s carries no front-end description",
                         options->model);
    }
    if (open_front(&err, source, options) != SP_OK) {
        cli_complain_about(options->front ? options->front : options->model, err.text);
        sp_model_clear(&source->model);
        return CLI_INPUT;
    }
    return -1;
}

void cli_model_files_clear(cli_model_files *source) {
    sp_front_destroy(source->front);
    sp_model_clear(&source->model);
}

sp_status cli_clip_read(sp_error *err, sp_clip *clip, const char *path, const sp_front *front,
                        const cli_options *options) {
    const sp_front_layout *layout = sp_front_layout_of(front);
    const sp_clip_options wanted = {.rate = layout->sample_rate,
                                    .full_scale = layout->full_scale,
                                    .channel = options->channel,
                                    .resample = options->resample};
    return sp_clip_read(err, clip, path, &wanted);
}
