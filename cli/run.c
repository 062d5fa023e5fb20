/* soundproof run: what the model hears in a clip, without any noise. A model with a fixed window
 * hears every window of that many frames: one row per hop of the front end. */
#include "cli/job/job.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"

typedef struct outcome {
    sp_status status;
    sp_error err;
    size_t frames, hops; /* hops: 1 unless the model has a fixed window or answers at every frame */
    double *logits;      /* [hops, classes] owned */
    size_t predicted;    /* the answer whose score is the largest at any hop */
} outcome;

static outcome *outcome_of(const cli_job *j, size_t clip) {
    return cli_job_item(j, clip);
}

static const sp_net *net_of(const cli_job *j) {
    return &j->session.files.model.net;
}

/* A streaming model that hears samples: a row for every hop. A sequence is heard once, as a whole.
 */
static bool streams(const cli_job *j) {
    return j->session.files.model.streams && !net_of(j)->every && !j->session.clips.sequences &&
           sp_front_is_samples(j->session.files.front);
}

static bool has_window(const cli_job *j) {
    const bool window = net_of(j)->steps > 0 && !j->session.clips.sequences;
    return !net_of(j)->every && (window || streams(j));
}

/* A row for every frame of the output. */
static bool has_rows(const cli_job *j) {
    return has_window(j) || net_of(j)->every;
}

/* Frames of a window; those of a streaming model are its hops. */
static size_t window_of(const cli_job *j) {
    return streams(j) ? sp_net_hop(net_of(j)) : net_of(j)->steps;
}

/* ---- the pipeline ---- */

static sp_status count_hops(sp_error *err, const cli_job *j, outcome *out) {
    const size_t steps = window_of(j);
    if (net_of(j)->every) {
        out->hops = sp_net_rows(net_of(j), 0, out->frames);
        return SP_OK;
    }
    if (!has_window(j)) {
        out->hops = 1;
        return SP_OK;
    }
    if (out->frames < steps) {
        return sp_fail(err, SP_E_MISMATCH,
                       "the clip has %zu frames, but the model hears windows of %zu: it needs a "
                       "longer clip",
                       out->frames, steps);
    }
    out->hops = streams(j) ? out->frames / steps : out->frames - steps + 1;
    return SP_OK;
}

/* The answer of one row; a net with one logit answers 1, it fires, from 0 on. */
static size_t answer_of(const sp_net *net, const double *logits, double *score) {
    bool tie = false;
    const size_t best = sp_prediction(logits, net->classes, &tie);
    *score = net->classes == 1 ? fmax(logits[0], 0.0) : logits[best];
    return net->classes == 1 ? logits[0] >= 0.0 : best;
}

static void predict(const sp_net *net, outcome *out) {
    double most = -INFINITY, score = 0.0;
    for (size_t h = 0; h < out->hops; h++) {
        const size_t answer = answer_of(net, out->logits + h * net->classes, &score);
        if (score > most || (net->classes == 1 && answer == 1)) {
            most = score;
            out->predicted = answer;
        }
    }
}

static sp_status run_clip(sp_error *err, const cli_job *j, outcome *out, const sp_clip *clip) {
    const sp_front *front = j->session.files.front;
    const sp_net *net = net_of(j);
    out->frames = sp_front_frames(front, clip->n);
    SP_TRY(count_hops(err, j, out));
    const size_t steps = has_window(j) ? window_of(j) : out->frames;
    out->logits = calloc(out->hops + 1, net->classes * sizeof *out->logits);
    double *features = calloc(out->frames ? out->frames : 1, net->features * sizeof *features);
    sp_status status = out->logits && features ? SP_OK : sp_fail(err, SP_E_MEMORY, "out of memory");
    if (status == SP_OK) {
        status = sp_front_run(err, front, features, clip->samples, clip->n);
    }
    if (status == SP_OK && streams(j)) {
        status = sp_net_run_prefixes(err, net, out->logits, features, out->frames);
    }
    if (status == SP_OK && net->every) {
        status = sp_net_run_rows(err, net, out->logits, features, out->frames);
    }
    for (size_t h = 0; h < out->hops && status == SP_OK && !streams(j) && !net->every; h++) {
        status = sp_net_run(err, net, out->logits + h * net->classes, features + h * net->features,
                            steps);
    }
    if (status == SP_OK) {
        predict(net, out);
    }
    free(features);
    return status;
}

static void work(void *context, size_t index) {
    const cli_job *j = context;
    outcome *out = outcome_of(j, index);
    sp_clip clip = {0};
    out->status = cli_clip_read(&out->err, &clip, j->session.clips.file[index],
                                j->session.files.front, j->options);
    if (out->status == SP_OK) {
        out->status = run_clip(&out->err, j, out, &clip);
        sp_clip_clear(&clip);
    }
}

/* What the file's own head makes of the logits of one row. */
static void to_probabilities(const sp_net *net, double *values) {
    double most = values[0], sum = 0.0;
    for (size_t k = 1; k < net->classes; k++) {
        most = fmax(most, values[k]);
    }
    for (size_t k = 0; k < net->classes; k++) {
        values[k] = net->sigmoid ? 1.0 / (1.0 + exp(-values[k])) : exp(values[k] - most);
        sum += values[k];
    }
    for (size_t k = 0; net->softmax && k < net->classes; k++) {
        values[k] /= sum;
    }
}

/* [hops, classes], owned by the caller; NULL for a model without a head, or out of memory. */
static double *probabilities(const sp_net *net, const outcome *out) {
    const size_t count = out->hops * net->classes;
    double *values = net->sigmoid || net->softmax ? malloc(count * sizeof *values) : NULL;
    if (values) {
        memcpy(values, out->logits, count * sizeof *values);
    }
    for (size_t h = 0; values && h < out->hops; h++) {
        to_probabilities(net, values + h * net->classes);
    }
    return values;
}

/* ---- JSON ---- */

static double seconds_per_hop(const cli_job *j) {
    const sp_front_layout *layout = sp_front_layout_of(j->session.files.front);
    const size_t hop = streams(j) ? sp_net_hop(net_of(j)) : 1;
    return (double)(hop * layout->step) / layout->sample_rate;
}

static double window_seconds(const cli_job *j) {
    const sp_front_layout *layout = sp_front_layout_of(j->session.files.front);
    const size_t frames = window_of(j);
    return (double)((frames - 1) * layout->step + layout->frame) / layout->sample_rate;
}

static void put_rows(const cli_job *j, sp_json_line *line, const char *key, const double *values,
                     size_t hops) {
    const size_t classes = net_of(j)->classes;
    if (has_rows(j)) {
        sp_json_line_rows(line, key, values, hops, classes);
    } else {
        sp_json_line_numbers(line, key, values, classes);
    }
}

static void put_answers(const cli_job *j, sp_json_line *line, const outcome *out) {
    const sp_net *net = net_of(j);
    double *answers = malloc(out->hops * sizeof *answers), score = 0.0;
    for (size_t h = 0; answers && h < out->hops; h++) {
        answers[h] = (double)answer_of(net, out->logits + h * net->classes, &score);
    }
    if (answers) {
        sp_json_line_numbers(line, "answers", answers, out->hops);
    }
    free(answers);
}

static void put_result(const cli_job *j, sp_json_line *line, const outcome *out) {
    const sp_net *net = net_of(j);
    double *values = probabilities(net, out);
    const char *name = sp_class_name(cli_session_names(&j->session), out->predicted);
    sp_json_line_number(line, "predicted", (double)out->predicted);
    if (name) {
        sp_json_line_text(line, "predicted_name", name);
    } else {
        sp_json_line_null(line, "predicted_name");
    }
    sp_json_line_number(line, "frames", (double)out->frames);
    if (has_window(j)) {
        sp_json_line_number(line, "hop_s", seconds_per_hop(j));
        sp_json_line_number(line, "window_s", window_seconds(j));
    }
    if (has_rows(j)) {
        put_answers(j, line, out);
    }
    put_rows(j, line, "logits", out->logits, out->hops);
    if (values) {
        put_rows(j, line, "probabilities", values, out->hops);
    }
    sp_json_line_null(line, "error");
    free(values);
}

static void print_json(const cli_job *j, const char *clip, const outcome *out) {
    sp_json_line *line = sp_json_line_create();
    sp_json_line_text(line, "clip", clip);
    if (out->status == SP_OK) {
        put_result(j, line, out);
    } else {
        sp_json_line_null(line, "predicted");
        sp_json_line_null(line, "frames");
        sp_json_line_null(line, "logits");
        sp_json_line_text(line, "error", out->err.text);
    }
    cli_print(sp_json_line_finish(line));
}

/* ---- the table ---- */

static void print_name(const cli_names *names, size_t index) {
    const char *name = names->name[index];
    printf("%s%*s", name, (int)(names->width - sp_table_text_width(name)), "");
}

/* Columns of the answer, and of logit or probability k, below their names. */
static int answer_width(const cli_job *j) {
    const sp_class_names *names = cli_session_names(&j->session);
    size_t width = 6;
    for (size_t k = 0; names && k < names->count; k++) {
        const size_t own = sp_table_text_width(names->name[k]);
        width = own > width ? own : width;
    }
    return (int)width;
}

/* "logit 3", or the name of the answer. One logit is that of answer 1. */
static int write_title(char text[SP_CLASS_TEXT + 8], const cli_job *j, const char *what, size_t k) {
    const size_t classes = net_of(j)->classes;
    const char *name = sp_class_name(cli_session_names(&j->session), classes == 1 ? 1 : k);
    if (name) {
        snprintf(text, SP_CLASS_TEXT + 8, what[0] == 'p' ? "p(%s)" : "%s", name);
    } else if (classes == 1) {
        snprintf(text, SP_CLASS_TEXT + 8, "%s", what);
    } else {
        snprintf(text, SP_CLASS_TEXT + 8, "%s%3zu", what, k);
    }
    const size_t width = sp_table_text_width(text);
    return width > 8 ? (int)width : 8;
}

static void print_padded(const char *text, int width) {
    const int padding = width - (int)sp_table_text_width(text);
    printf("%*s%s", padding > 0 ? padding : 0, "", text);
}

static void print_hop(const cli_job *j, size_t index, const outcome *out, size_t hop,
                      const double *values) {
    const sp_net *net = net_of(j);
    const double *logits = out->logits + hop * net->classes;
    double score = 0.0;
    print_name(&j->session.clips.names, index);
    char title[SP_CLASS_TEXT + 8];
    printf("  ");
    print_padded(
        sp_class_text(title, cli_session_names(&j->session), answer_of(net, logits, &score)),
        answer_width(j));
    if (net->every) {
        printf("  %6zu ", (hop + 1) * sp_net_hop(net) - 1);
    } else if (has_window(j)) {
        printf("  %6.2f ", (double)hop * seconds_per_hop(j) + window_seconds(j));
    } else {
        printf("  %6zu ", out->frames);
    }
    for (size_t k = 0; k < net->classes; k++) {
        printf(" %*.3f", write_title(title, j, "logit", k), logits[k]);
    }
    for (size_t k = 0; values && k < net->classes; k++) {
        printf(" %*.4f", write_title(title, j, "prob", k), values[hop * net->classes + k]);
    }
    putchar('\n');
}

static void print_rows(const cli_job *j, size_t index, const outcome *out) {
    if (out->status != SP_OK) {
        print_name(&j->session.clips.names, index);
        printf("  %*s  %6s  unusable\n", answer_width(j), "-", "-");
        return;
    }
    double *values = probabilities(net_of(j), out);
    for (size_t h = 0; h < out->hops; h++) {
        print_hop(j, index, out, h, values);
    }
    free(values);
}

static void print_head(cli_job *j) {
    const sp_net *net = net_of(j);
    char title[SP_CLASS_TEXT + 8];
    printf("%-*s  %*s  %s ", (int)j->session.clips.names.width, "clip", answer_width(j), "answer",
           net->every      ? " frame"
           : has_window(j) ? " until"
                           : "frames");
    for (size_t k = 0; k < net->classes; k++) {
        const int width = write_title(title, j, "logit", k);
        putchar(' ');
        print_padded(title, width);
    }
    for (size_t k = 0; (net->sigmoid || net->softmax) && k < net->classes; k++) {
        const int width = write_title(title, j, "prob", k);
        putchar(' ');
        print_padded(title, width);
    }
    putchar('\n');
}

static void emit(void *context, size_t index) {
    cli_job *j = context;
    outcome *out = outcome_of(j, index);
    const char *last = "";
    if (j->options->json) {
        print_json(j, j->session.clips.path[index], out);
    } else {
        print_rows(j, index, out);
    }
    if (out->status != SP_OK) {
        cli_job_complain(j, index, out->err.text, &last);
    }
    free(out->logits);
    out->logits = NULL;
}

/* ---- the command ---- */

static int prepare(cli_job *j) {
    sp_error err;
    if (sp_pipeline_fits(&err, net_of(j), j->session.files.front) != SP_OK) {
        cli_complain("%s", err.text);
        return CLI_INPUT;
    }
    return -1;
}

static int run(const cli_options *options) {
    static const cli_steps steps = {.item = sizeof(outcome),
                                    .concrete = true,
                                    .prepare = prepare,
                                    .head = print_head,
                                    .work = work,
                                    .emit = emit};
    cli_job j = {.command = &cli_run, .steps = &steps, .options = options};
    return cli_job_run(&j);
}

const cli_command cli_run = {
    .name = "run",
    .arguments = "[OPTION...] CLIP.wav...",
    .summary = "print the model's logits and answer for clips, without noise",
    .examples = "  soundproof run --model M.onnx --front F.json clips/*.wav\n"
                "  soundproof run --model M.onnx --front F.json --json 8_theo_3.wav\n",
    .accepts = CLI_MODEL | CLI_FRONT | CLI_AUDIO | CLI_THREADS | CLI_JSON,
    .sequences = true,
    .run = run,
};
