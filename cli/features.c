/* soundproof features: what a front end makes of recordings, and how it differs from what somebody
 * else's code makes of them. */
#include "cli/job/job.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/npy.h"

enum { NPY, COMPARE, OWNED };
static const cli_own own_options[OWNED] = {
    {"npy", "write the features of the one clip as float64 [frames, features]", "FILE.npy"},
    {"compare",
     "features of the one clip that other code made, [frames, features] or [features, frames]: say "
     "where and by how much these differ",
     "FILE.npy"}};

#define MOST_NUMBERS ((size_t)1 << 28)

typedef struct table {
    sp_status status; /* of the clip */
    sp_error err;
    double *value; /* [frames, width] owned */
    size_t frames, width;
} table;

static sp_status take_features(sp_error *err, table *t, const sp_front *front, const char *path,
                               const cli_options *options) {
    sp_clip clip = {0};
    SP_TRY(cli_clip_read(err, &clip, path, front, options));
    t->frames = sp_front_frames(front, clip.n);
    t->width = sp_front_layout_of(front)->features;
    t->value = malloc((t->frames * t->width + 1) * sizeof *t->value);
    sp_status status = t->value ? sp_front_run(err, front, t->value, clip.samples, clip.n)
                                : sp_fail(err, SP_E_MEMORY, "out of memory for the features");
    sp_clip_clear(&clip);
    return status;
}

/* ---- output ---- */

/* The first line of a text about a clip. */
static void print_head(const table *t, const char *path, const char *rest) {
    char *name = strdup(path);
    if (name) {
        cli_plain(name);
    }
    printf("%s: %zu frames of %zu features%s", name ? name : "", t->frames, t->width, rest);
    free(name);
}

static void print_rows(const table *t, const char *path) {
    print_head(t, path, "\n");
    for (size_t i = 0; i < t->frames * t->width; i++) {
        printf("%s%.6g%s", i % t->width == 0 ? "" : " ", t->value[i],
               (i + 1) % t->width == 0 ? "\n" : "");
    }
}

static sp_json_line *json_head(const table *t, const char *path) {
    sp_json_line *line = sp_json_line_create();
    sp_json_line_text(line, "clip", path);
    sp_json_line_number(line, "frames", (double)t->frames);
    sp_json_line_number(line, "width", (double)t->width);
    return line;
}

static void print_json(const table *t, const char *path) {
    sp_json_line *line = json_head(t, path);
    sp_json_line_rows(line, "features", t->value, t->frames, t->width);
    cli_print(sp_json_line_finish(line));
}

/* ---- comparison ---- */

typedef struct difference {
    double largest, squares;
    size_t frame, feature;
    double ours, theirs;
    bool transposed;
} difference;

static double theirs_at(const double *theirs, const table *t, bool transposed, size_t i) {
    return transposed ? theirs[i % t->width * t->frames + i / t->width] : theirs[i];
}

static difference differ(const table *t, const double *theirs, bool transposed) {
    difference d = {.transposed = transposed, .largest = -1.0};
    for (size_t i = 0; i < t->frames * t->width; i++) {
        const double other = theirs_at(theirs, t, transposed, i);
        const double apart = fabs(t->value[i] - other);
        d.squares += apart * apart;
        if (!(apart <= d.largest)) {
            d.largest = apart;
            d.frame = i / t->width;
            d.feature = i % t->width;
            d.ours = t->value[i];
            d.theirs = other;
        }
    }
    d.squares /= (double)(t->frames * t->width);
    return d;
}

static void print_difference(const table *t, const char *path, const char *other,
                             const difference *d, bool json) {
    if (json) {
        sp_json_line *line = json_head(t, path);
        sp_json_line_text(line, "compared", other);
        sp_json_line_bool(line, "transposed", d->transposed);
        sp_json_line_number(line, "largest_difference", d->largest);
        sp_json_line_number(line, "rms_difference", sqrt(d->squares));
        sp_json_line_number(line, "frame", (double)d->frame);
        sp_json_line_number(line, "feature", (double)d->feature);
        sp_json_line_number(line, "ours", d->ours);
        sp_json_line_number(line, "theirs", d->theirs);
        cli_print(sp_json_line_finish(line));
        return;
    }
    print_head(t, path, ", and ");
    printf("%s%s\n", other, d->transposed ? ", transposed" : "");
    printf("largest difference %.3g, in frame %zu, feature %zu: %.9g here, %.9g there\n",
           d->largest, d->frame, d->feature, d->ours, d->theirs);
    printf("root of the mean square of all differences %.3g\n", sqrt(d->squares));
}

static sp_status compare(sp_error *err, const table *t, const char *path, const char *other,
                         bool json) {
    double *theirs = NULL;
    size_t rows = 0, columns = 0;
    SP_TRY(sp_npy_read(err, &theirs, &rows, &columns, other, MOST_NUMBERS));
    const bool same = rows == t->frames && columns == t->width;
    if (!same && !(rows == t->width && columns == t->frames)) {
        free(theirs);
        return sp_fail(err, SP_E_MISMATCH,
                       "%s has %zu x %zu numbers, the front end makes %zu frames of %zu features: "
                       "compare pad, frame, step and the number of features with the other code",
                       other, rows, columns, t->frames, t->width);
    }
    const difference d = differ(t, theirs, !same);
    print_difference(t, path, other, &d, json);
    free(theirs);
    return SP_OK;
}

/* ---- the command ---- */

static void work(void *context, size_t clip) {
    const cli_job *j = context;
    table *t = cli_job_item(j, clip);
    t->status =
        take_features(&t->err, t, j->session.files.front, j->session.clips.file[clip], j->options);
}

static void emit(void *context, size_t clip) {
    cli_job *j = context;
    const cli_options *options = j->options;
    const char *path = j->session.clips.path[clip], *last = "";
    table *t = cli_job_item(j, clip);
    if (t->status == SP_OK && options->own[NPY]) {
        t->status = sp_npy_write(&t->err, options->own[NPY], t->value, t->frames, t->width);
    }
    if (t->status == SP_OK && options->own[COMPARE]) {
        t->status = compare(&t->err, t, path, options->own[COMPARE], options->json);
    } else if (t->status == SP_OK && options->json) {
        print_json(t, path);
    } else if (t->status == SP_OK && !options->own[NPY]) {
        print_rows(t, path);
    }
    if (t->status != SP_OK) {
        cli_job_complain(j, clip, t->err.text, &last);
    }
}

static void end(cli_job *j, void *item) {
    (void)j;
    free(((table *)item)->value);
}

static const cli_steps steps = {
    .item = sizeof(table), .concrete = true, .work = work, .emit = emit, .end = end};

static int run(const cli_options *options) {
    cli_job j = {.command = &cli_features, .steps = &steps, .options = options};
    return options->arguments > 1 && (options->own[NPY] || options->own[COMPARE])
               ? cli_usage(&cli_features, "--npy and --compare are about one clip")
               : cli_job_run(&j);
}

const cli_command cli_features = {
    .name = "features",
    .arguments = "(--front F.json | --model M.onnx) [OPTION...] CLIP...",
    .summary = "what the front end makes of recordings, and how that differs from other code's",
    .examples = "  soundproof features --front F.json clip.wav\n"
                "  soundproof features --model M.onnx --compare theirs.npy clip.wav\n",
    .accepts = CLI_MODEL | CLI_FRONT | CLI_MANIFEST | CLI_AUDIO | CLI_THREADS | CLI_JSON,
    .front_alone = true,
    .own = own_options,
    .owned = OWNED,
    .run = run,
};
