/* soundproof features: what a front end makes of recordings, and how it differs from what somebody
 * else's code makes of them. */
#include "cli/impl.h"

#include <math.h>
#include <stdlib.h>

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

static void print_rows(const table *t, const char *path) {
    printf("%s: %zu frames of %zu features\n", path, t->frames, t->width);
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
    printf("%s: %zu frames of %zu features, and %s%s\n", path, t->frames, t->width, other,
           d->transposed ? ", transposed" : "");
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

static sp_status do_clip(sp_error *err, const sp_front *front, const char *path,
                         const cli_options *options) {
    table t = {0};
    sp_status status = take_features(err, &t, front, path, options);
    if (status == SP_OK && options->own[NPY]) {
        status = sp_npy_write(err, options->own[NPY], t.value, t.frames, t.width);
    }
    if (status == SP_OK && options->own[COMPARE]) {
        status = compare(err, &t, path, options->own[COMPARE], options->json);
    } else if (status == SP_OK && options->json) {
        print_json(&t, path);
    } else if (status == SP_OK && !options->own[NPY]) {
        print_rows(&t, path);
    }
    free(t.value);
    return status;
}

/* Of a description alone there is no model in the files. */
static int open_front(cli_model_files *files, const cli_options *options) {
    sp_error err = {0};
    if (options->model) {
        return cli_model_files_open(files, &cli_features, options, false);
    }
    if (!options->front) {
        return cli_usage(&cli_features, "--front is missing: which description? or a --model that "
                                        "carries one");
    }
    if (sp_front_read(&err, &files->front, options->front) != SP_OK) {
        cli_complain_about(options->front, err.text);
        return CLI_INPUT;
    }
    return -1;
}

static int run(const cli_options *options) {
    cli_model_files files = {0};
    int code = cli_clips_check(&cli_features, options);
    if (code < 0 && options->arguments > 1 && (options->own[NPY] || options->own[COMPARE])) {
        code = cli_usage(&cli_features, "--npy and --compare are about one clip");
    }
    code = code < 0 ? open_front(&files, options) : code;
    if (code >= 0) {
        return code;
    }
    code = CLI_OK;
    for (size_t i = 0; i < options->arguments; i++) {
        sp_error err = {0};
        if (do_clip(&err, files.front, options->argument[i], options) != SP_OK) {
            cli_complain_about(options->argument[i], err.text);
            code = CLI_INPUT;
        }
    }
    cli_model_files_clear(&files);
    return code;
}

const cli_command cli_features = {
    .name = "features",
    .arguments = "(--front F.json | --model M.onnx) [OPTION...] CLIP...",
    .summary = "what the front end makes of recordings, and how that differs from other code's",
    .examples = "  soundproof features --front F.json clip.wav\n"
                "  soundproof features --model M.onnx --compare theirs.npy clip.wav\n",
    .accepts = CLI_MODEL | CLI_FRONT | CLI_AUDIO | CLI_JSON,
    .own = own_options,
    .owned = OWNED,
    .run = run,
};
