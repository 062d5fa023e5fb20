/* soundproof export: what certify asks of clips, as ONNX files over samples and VNN-LIB queries. */
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/interval.h"
#include "cli/impl.h"
#include "cli/verify/query.h"

enum { VNNLIB, LANGUAGE, OWNED };
static const cli_own own_options[OWNED] = {
    {"vnnlib", "the folder of what is written: onnx/, vnnlib/ and instances.csv", "DIR"},
    {"language", "of the queries: 1.0 or 2.0; 2.0 unless given", "V"}};

enum { MOST = 4096 };
#define USUAL_TIMEOUT 300.0 /* seconds, in instances.csv */

typedef struct exporting {
    const cli_options *options;
    cli_session session;
    bool late;           /* version 2.0 */
    sp_net front;        /* the front end as nodes */
    double peak;         /* to which it brings clips first, or 0 */
    size_t lengths;      /* of clips, for each of which there is a network */
    size_t length[MOST]; /* in padded samples */
    sp_file_draft instances;
    FILE *list; /* to it */
} exporting;

/* ---- networks ---- */

/* FOLDER/PART/NAME with another ending; owned by the caller. */
static char *place(const char *folder, const char *part, const char *name, const char *text,
                   const char *ending) {
    const char *slash = strrchr(name, '/'), *file = slash ? slash + 1 : name;
    const char *dot = strrchr(file, '.');
    const size_t stem = dot && dot != file ? (size_t)(dot - file) : strlen(file);
    const size_t room =
        strlen(folder) + strlen(part) + stem + strlen(text) + strlen(ending) + sizeof "//_";
    char *path = malloc(room);
    if (path) {
        snprintf(path, room, "%s%s%s/%.*s%s%s%s", folder, folder[0] ? "/" : "", part, (int)stem,
                 file, text[0] ? "_" : "", text, ending);
    }
    return path;
}

/* "onnx/NAME_N.onnx" in a folder, for N samples. */
static char *network_of(const exporting *e, const char *folder, size_t samples) {
    char text[32];
    snprintf(text, sizeof text, "%zu", samples);
    return place(folder, "onnx", e->options->model, text, ".onnx");
}

/* Verifiers want inputs of a fixed length: a network for every length of clips. */
static sp_status write_network(sp_error *err, exporting *e, size_t samples) {
    for (size_t i = 0; i < e->lengths; i++) {
        if (e->length[i] == samples) {
            return SP_OK;
        }
    }
    size_t size = 0;
    void *data = NULL;
    char *path = network_of(e, e->options->own[VNNLIB], samples);
    sp_status status = !path ? sp_fail(err, SP_E_MEMORY, "out of memory for a name")
                       : e->lengths == MOST
                           ? sp_fail(err, SP_E_UNSUPPORTED, "clips of more than %d lengths", MOST)
                           : sp_model_pack_pipeline(err, &data, &size, &e->session.files.model,
                                                    &e->front, e->peak, samples);
    status = status == SP_OK ? sp_file_replace(err, path, data, size) : status;
    if (status == SP_OK) {
        e->length[e->lengths++] = samples;
        printf("%s\n", path);
    }
    free(data);
    free(path);
    return status;
}

/* ---- queries ---- */

/* The padded clip, and where in it the clip begins; padding that is not zeros is no constant. */
static sp_status pad(sp_error *err, const sp_front *front, const sp_clip *clip, double *padded,
                     size_t *first) {
    const size_t all = sp_front_padded(front, clip->n);
    double *ones = malloc((clip->n + 1) * sizeof *ones);
    if (!ones) {
        return sp_fail(err, SP_E_MEMORY, "out of memory for a clip");
    }
    for (size_t i = 0; i < clip->n; i++) {
        ones[i] = 1.0;
    }
    sp_status status = sp_front_pad(err, padded, front, ones, clip->n);
    free(ones);
    size_t count = 0;
    *first = all;
    for (size_t i = 0; status == SP_OK && i < all; i++) {
        count += padded[i] != 0.0;
        *first = padded[i] != 0.0 && i < *first ? i : *first;
    }
    if (status == SP_OK && (count != clip->n || *first + clip->n > all)) {
        status = sp_fail(err, SP_E_UNSUPPORTED,
                         "the padding of this front end depends on the clip: queries are written "
                         "about clips between zeros");
    }
    return status == SP_OK ? sp_front_pad(err, padded, front, clip->samples, clip->n) : status;
}

/* What is asked of a clip under a budget. */
typedef struct asking {
    const sp_clip *clip;
    const char *budget;
    double *padded; /* [all] */
    size_t all, first, label;
    sp_noise noise;
} asking;

/* Rounded outward, by more than 17 digits can lose: unsat is about all of the noise.
 * O lo, hi [all] */
static void fill_box(const asking *a, double *lo, double *hi) {
    for (size_t i = 0; i < a->all; i++) {
        const bool heard = i >= a->first && i < a->first + a->clip->n;
        const double x = a->padded[i], r = heard ? a->noise.radius[i - a->first] : 0.0;
        lo[i] = r > 0.0 ? sp_below(x - r) : x;
        hi[i] = r > 0.0 ? sp_above(x + r) : x;
    }
}

static sp_status write_query(sp_error *err, const exporting *e, const asking *a, const char *path) {
    const sp_net *net = &e->session.files.model.net;
    char about[256];
    double *lo = malloc(2 * (a->all + 1) * sizeof *lo), *hi = lo + a->all;
    if (!lo) {
        return sp_fail(err, SP_E_MEMORY, "out of memory for a query");
    }
    snprintf(about, sizeof about,
             "noise of %.80s around a clip that is answered %zu, in samples of the front end",
             a->budget, a->label);
    fill_box(a, lo, hi);
    const cli_query query = {.about = about,
                             .late = e->late,
                             .axis = {1, a->all},
                             .axes = 2,
                             .inputs = a->all,
                             .lo = lo,
                             .hi = hi,
                             .outputs = net->classes,
                             .threshold = net->sigmoid ? 0.5 : 0.0,
                             .label = a->label};
    const sp_status status = cli_query_write(err, path, &query);
    free(lo);
    return status;
}

/* ---- clips ---- */

/* The right answer, or the model's own. */
static sp_status choose_label(sp_error *err, const exporting *e, const sp_clip *clip, long given,
                              size_t *label) {
    const cli_model_files *files = &e->session.files;
    const sp_net *net = &files->model.net;
    const size_t frames = sp_front_frames(files->front, clip->n), classes = net->classes;
    double *features = malloc((frames * net->features + classes + 2) * sizeof *features);
    if (!features) {
        return sp_fail(err, SP_E_MEMORY, "out of memory for a clip");
    }
    double *logits = features + frames * net->features;
    bool tie = false;
    logits[0] = 0.0; // the threshold of a network with one logit
    sp_status status = sp_front_run(err, files->front, features, clip->samples, clip->n);
    if (status == SP_OK) {
        status = sp_net_run(err, net, classes == 1 ? logits + 1 : logits, features, frames);
    }
    const size_t heard =
        status == SP_OK ? sp_prediction(logits, classes == 1 ? 2 : classes, &tie) : 0;
    if (status == SP_OK && given >= 0 && heard != (size_t)given) {
        status = sp_fail(err, SP_E_MISMATCH, "without any noise the model answers %zu, not %ld",
                         heard, given);
    }
    *label = heard;
    free(features);
    return status;
}

static sp_status export_budget(sp_error *err, exporting *e, asking *a, const char *clip,
                               size_t budget) {
    const cli_options *o = e->options;
    double eps = 0.0;
    a->budget = o->budget_text[budget];
    SP_TRY(sp_noise_of_budget(err, &a->noise, &eps, &o->budget[budget], a->clip));
    char *path = place(o->own[VNNLIB], "vnnlib", clip, a->budget, ".vnnlib");
    char *listed = place("", "vnnlib", clip, a->budget, ".vnnlib");
    char *network = network_of(e, "", a->all);
    sp_status status = path && listed && network
                           ? write_query(err, e, a, path)
                           : sp_fail(err, SP_E_MEMORY, "out of memory for a name");
    if (status == SP_OK) {
        fprintf(e->list, "%s,%s,%g\n", network, listed,
                o->timeout > 0.0 ? o->timeout : USUAL_TIMEOUT);
        printf("%s\n", path);
    }
    free(network);
    free(path);
    free(listed);
    sp_noise_clear(&a->noise);
    return status;
}

static sp_status export_clip(sp_error *err, exporting *e, size_t index) {
    const cli_clips *clips = &e->session.clips;
    const sp_front *front = e->session.files.front;
    sp_clip clip = {0};
    long given = -1;
    if (strpbrk(clips->path[index], ",\"\n\r")) {
        return sp_fail(err, SP_E_UNSUPPORTED,
                       "its name holds a comma, a quote or the end of a line, which instances.csv "
                       "cannot: give the file another name");
    }
    SP_TRY(cli_clips_read(err, &clip, &given, clips, index, front));
    asking a = {.clip = &clip, .all = sp_front_padded(front, clip.n)};
    a.padded = malloc((a.all + 1) * sizeof *a.padded);
    sp_status status = a.padded ? pad(err, front, &clip, a.padded, &a.first)
                                : sp_fail(err, SP_E_MEMORY, "out of memory for a clip");
    status = status == SP_OK ? choose_label(err, e, &clip, given, &a.label) : status;
    status = status == SP_OK ? write_network(err, e, a.all) : status;
    for (size_t b = 0; b < e->options->budgets && status == SP_OK; b++) {
        status = export_budget(err, e, &a, clips->path[index], b);
    }
    free(a.padded);
    sp_clip_clear(&clip);
    return status;
}

/* ---- the command ---- */

static int check(exporting *e) {
    const cli_options *o = e->options;
    const char *language = cli_query_language(o->own[LANGUAGE]);
    if (!o->own[VNNLIB]) {
        return cli_usage(&cli_export, "--vnnlib is missing: into which folder?");
    }
    if (!language) {
        return cli_usage(&cli_export, "--language is 1.0 or 2.0, not '%s'", o->own[LANGUAGE]);
    }
    e->late = language[0] == '2';
    return cli_budget_check(&cli_export, o);
}

static sp_status open_folder(sp_error *err, exporting *e) {
    const char *folder = e->options->own[VNNLIB];
    char *networks = place(folder, "onnx", "", "", "");
    char *queries = place(folder, "vnnlib", "", "", "");
    char *list = place(folder, ".", "instances", "", ".csv");
    sp_status status =
        networks && queries && list ? SP_OK : sp_fail(err, SP_E_MEMORY, "out of memory for a name");
    status = status == SP_OK
                 ? sp_front_graph_scaled(err, &e->front, &e->peak, e->session.files.front)
                 : status;
    status = status == SP_OK ? cli_path_make_folder(err, networks) : status;
    status = status == SP_OK ? cli_path_make_folder(err, queries) : status;
    status = status == SP_OK ? sp_file_draft_open(err, &e->instances, list) : status;
    if (status == SP_OK) {
        e->list = sp_file_draft_stream(&e->instances);
        status = e->list ? SP_OK : sp_fail(err, SP_E_MEMORY, "out of memory for a list");
    }
    free(networks);
    free(queries);
    free(list);
    return status;
}

static int run_clips(exporting *e) {
    int code = CLI_OK;
    sp_error err = {0};
    for (size_t i = 0; i < e->session.clips.count; i++) {
        if (export_clip(&err, e, i) != SP_OK) {
            cli_complain_about(e->session.clips.path[i], err.text);
            code = CLI_INPUT;
        }
    }
    if (sp_file_draft_keep(&err, &e->instances) != SP_OK) {
        cli_complain("%s", err.text);
        code = CLI_INPUT;
    }
    return code;
}

static int run(const cli_options *options) {
    exporting e = {.options = options};
    sp_error err = {0};
    int code = check(&e);
    code = code < 0 ? cli_session_open(&e.session, &cli_export, options, false) : code;
    if (code >= 0) {
        return code;
    }
    if (open_folder(&err, &e) != SP_OK) {
        cli_complain_about(options->model, err.text);
        sp_file_draft_drop(&e.instances);
        code = CLI_INPUT;
    } else {
        code = run_clips(&e);
    }
    sp_net_clear(&e.front);
    cli_session_clear(&e.session);
    return code;
}

const cli_command cli_export = {
    .name = "export",
    .arguments = "--vnnlib DIR [OPTION...] CLIP.wav...",
    .summary = "write what certify asks as ONNX over samples and VNN-LIB queries",
    .examples = "  soundproof export --vnnlib DIR --model M.onnx --budget -60dB clips/*.wav\n"
                "  soundproof export --vnnlib DIR --language 1.0 --model M.onnx --front F.json \\\n"
                "      --budget -70dB --budget -60dB --timeout 120 8_theo_3.wav\n",
    .accepts = CLI_MODEL | CLI_FRONT | CLI_BUDGET | CLI_LABEL | CLI_MANIFEST | CLI_AUDIO |
               CLI_TIMEOUT | CLI_THREADS,
    .own = own_options,
    .owned = OWNED,
    .run = run,
};
