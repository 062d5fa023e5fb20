/* soundproof run: what the model hears in a clip, without any noise. */
#include "cli/impl.h"

#include <stdlib.h>

#include "base/json.h"

typedef struct outcome {
    sp_status status;
    sp_error err;
    double *logits; /* [classes] owned */
    size_t frames, predicted;
} outcome;

typedef struct job {
    const cli_options *options;
    cli_source source;
    cli_names names;
    outcome *outcome; /* [clips] */
    bool failed;
} job;

static sp_status hear(sp_error *err, const job *j, outcome *out, const sp_clip *clip) {
    const sp_front *front = j->source.front;
    const sp_net *net = &j->source.model.net;
    bool tie = false;
    out->frames = sp_front_frames(front, clip->n);
    out->logits = calloc(net->classes, sizeof *out->logits);
    double *features = calloc(out->frames ? out->frames : 1, net->features * sizeof *features);
    sp_status status = out->logits && features ? SP_OK : sp_fail(err, SP_E_MEMORY, "out of memory");
    if (status == SP_OK) {
        status = sp_front_run(err, front, features, clip->samples, clip->n);
    }
    if (status == SP_OK) {
        status = sp_net_run(err, net, out->logits, features, out->frames);
    }
    if (status == SP_OK) {
        out->predicted = sp_prediction(out->logits, net->classes, &tie);
    }
    free(features);
    return status;
}

static void work(void *context, size_t index) {
    job *j = context;
    outcome *out = &j->outcome[index];
    sp_clip clip = {0};
    out->status =
        cli_clip_read(&out->err, &clip, j->options->argument[index], j->source.front, j->options);
    if (out->status == SP_OK) {
        out->status = hear(&out->err, j, out, &clip);
        sp_clip_clear(&clip);
    }
}

static void print_json(const char *clip, const outcome *out, size_t classes) {
    sp_json_line *line = sp_json_line_create();
    sp_json_line_text(line, "clip", clip);
    if (out->status == SP_OK) {
        sp_json_line_number(line, "predicted", (double)out->predicted);
        sp_json_line_number(line, "frames", (double)out->frames);
        sp_json_line_numbers(line, "logits", out->logits, classes);
        sp_json_line_null(line, "error");
    } else {
        sp_json_line_null(line, "predicted");
        sp_json_line_null(line, "frames");
        sp_json_line_null(line, "logits");
        sp_json_line_text(line, "error", out->err.text);
    }
    cli_print(sp_json_line_finish(line));
}

static void print_row(const cli_names *names, size_t index, const outcome *out, size_t classes) {
    const char *name = names->name[index];
    const size_t width = sp_text_width(name);
    printf("%s%*s", name, (int)(names->width - width), "");
    if (out->status != SP_OK) {
        puts("       -       -  unusable");
        return;
    }
    printf("  %6zu  %6zu ", out->predicted, out->frames);
    for (size_t k = 0; k < classes; k++) {
        printf(" %8.3f", out->logits[k]);
    }
    putchar('\n');
}

static void emit(void *context, size_t index) {
    job *j = context;
    outcome *out = &j->outcome[index];
    const size_t classes = j->source.model.net.classes;
    if (j->options->json) {
        print_json(j->options->argument[index], out, classes);
    } else {
        print_row(&j->names, index, out, classes);
    }
    if (out->status != SP_OK) {
        j->failed = true;
        cli_complain_about(j->options->argument[index], out->err.text);
    }
    free(out->logits);
    out->logits = NULL;
}

static void print_head(const job *j) {
    printf("%-*s  answer  frames ", (int)j->names.width, "clip");
    for (size_t k = 0; k < j->source.model.net.classes; k++) {
        printf(" logit%3zu", k);
    }
    putchar('\n');
}

static sp_status check_widths(sp_error *err, const cli_source *source) {
    const size_t features = sp_front_layout_of(source->front)->features;
    if (features != source->model.net.features) {
        return sp_fail(err, SP_E_MISMATCH,
                       "the front end gives %zu features per frame but the network reads %zu",
                       features, source->model.net.features);
    }
    return SP_OK;
}

static int run_all(job *j) {
    const cli_options *options = j->options;
    sp_error err = {0};
    if (check_widths(&err, &j->source) != SP_OK) {
        cli_complain("%s", err.text);
        return CLI_INPUT;
    }
    j->outcome = calloc(options->arguments, sizeof *j->outcome);
    if (!j->outcome || !cli_names_make(&j->names, options->argument, options->arguments)) {
        cli_complain("out of memory for %zu clips", options->arguments);
        return CLI_INPUT;
    }
    if (!options->json) {
        print_head(j);
    }
    if (!cli_batch_run("run", options->arguments, work, emit, j)) {
        cli_complain("out of memory for %zu clips", options->arguments);
        return CLI_INPUT;
    }
    return j->failed ? CLI_INPUT : CLI_OK;
}

static int run(const cli_options *options) {
    job j = {.options = options};
    if (options->arguments == 0) {
        return cli_usage(&cli_run, "no clips: name at least one audio file");
    }
    int code = cli_source_open(&j.source, &cli_run, options);
    if (code < 0) {
        code = run_all(&j);
        cli_names_clear(&j.names);
        free(j.outcome);
        cli_source_clear(&j.source);
    }
    return code;
}

const cli_command cli_run = {
    .name = "run",
    .arguments = "[OPTION...] CLIP.wav...",
    .summary = "print the model's logits and answer for clips, without noise",
    .examples = "  soundproof run --model M.onnx --front F.json clips/*.wav\n"
                "  soundproof run --model M.onnx --front F.json --json 8_theo_3.wav\n",
    .accepts = CLI_MODEL | CLI_FRONT | CLI_AUDIO | CLI_THREADS | CLI_JSON,
    .run = run,
};
