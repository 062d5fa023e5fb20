/* soundproof train --plant: networks that hide counterexamples, and the queries that these meet. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/interval.h"
#include "base/json.h"
#include "base/npy.h"
#include "cli/train/train_options.h"
#include "cli/verify/query.h"
#include "vnnlib/vnnlib.h"

enum { MOST_INSTANCES = 1000, MOST_STEPS = 1000, MOST_WIDTH = 4096 };
#define TIMEOUT 300 /* seconds, in instances.csv */

typedef struct planting {
    const cli_options *options;
    sp_plant plant;
    size_t width;     /* of a step */
    bool late;        /* queries of version 2.0 */
    char *out, *arch; /* the folder; the architecture of now */
    char name[256];   /* of the network of now, without folder and ending */
    sp_net net;
    sp_planted planted;
    sp_file_draft list, manifest;
    FILE *instances, *clips; /* to them */
    double *lo;              /* [2 inputs] */
    size_t written;
} planting;

/* ---- files ---- */

/* OUT/PART/NAME_K.ENDING, OUT/PART/NAME.ENDING for a negative K. */
static void place(char path[CLI_TRAIN_PATH], const planting *p, const char *folder,
                  const char *part, long number, const char *ending) {
    char text[32] = "";
    if (number >= 0) {
        snprintf(text, sizeof text, "_%ld", number);
    }
    snprintf(path, CLI_TRAIN_PATH, "%s%s%s/%s%s.%s", folder, folder[0] ? "/" : "", part, p->name,
             text, ending);
}

/* The query, and the counterexample as the answer to it. */
static sp_status write_query(sp_error *err, planting *p, const char *path, size_t number) {
    const sp_planted_instance *at = &p->planted.instance[number];
    const size_t n = p->plant.steps * p->width;
    for (size_t i = 0; i < n; i++) {
        p->lo[i] = sp_below(at->centre[i] - p->plant.radius);
        p->lo[n + i] = sp_above(at->centre[i] + p->plant.radius);
    }
    const cli_query query = {.about = "a counterexample to the label was planted",
                             .late = p->late,
                             .axis = {p->plant.steps, 1, p->width},
                             .axes = 3,
                             .inputs = n,
                             .lo = p->lo,
                             .hi = p->lo + n,
                             .outputs = p->net.classes,
                             .label = at->label};
    return cli_query_write(err, path, &query);
}

static sp_status write_counterexample(sp_error *err, const planting *p, const char *query_path,
                                      const char *path, size_t number) {
    const sp_planted_instance *at = &p->planted.instance[number];
    sp_vnnlib query;
    sp_file_draft draft;
    double *logits = calloc(p->net.classes, sizeof *logits);
    sp_status status = logits ? SP_OK : sp_fail(err, SP_E_MEMORY, "out of memory for logits");
    status = status == SP_OK ? sp_net_run(err, &p->net, logits, at->input, p->plant.steps) : status;
    if (status == SP_OK && (status = sp_vnnlib_read(err, &query, query_path)) == SP_OK) {
        if (!sp_vnnlib_holds(&query, at->input, logits)) {
            status = sp_fail(err, SP_E_CONTRADICTION,
                             "internal contradiction: a planted input does not meet its query; "
                             "please report this seed");
        } else if ((status = sp_file_draft_open(err, &draft, path)) == SP_OK) {
            FILE *to = sp_file_draft_stream(&draft);
            if (to) {
                fputs("sat\n", to);
                sp_vnnlib_witness(to, &query, at->input, logits);
                status = sp_file_draft_keep(err, &draft);
            } else {
                sp_file_draft_drop(&draft);
                status = sp_fail(err, SP_E_MEMORY, "out of memory for a counterexample");
            }
        }
        sp_vnnlib_clear(&query);
    }
    free(logits);
    return status;
}

static void say_instance(const planting *p, const char *query, const sp_planted_instance *at) {
    if (p->options->json) {
        sp_json_line *line = sp_json_line_create();
        sp_json_line_text(line, "network", p->name);
        sp_json_line_text(line, "query", query);
        sp_json_line_number(line, "label", (double)at->label);
        sp_json_line_number(line, "other", (double)at->target);
        sp_json_line_number(line, "depth", at->depth);
        cli_print(sp_json_line_finish(line));
        return;
    }
    printf("%5zu %6zu %8.4f  %s\n", at->label, at->target, at->depth, query);
}

static sp_status write_instance(sp_error *err, planting *p, size_t number) {
    const sp_planted_instance *at = &p->planted.instance[number];
    char path[CLI_TRAIN_PATH], other[CLI_TRAIN_PATH];
    place(path, p, p->out, "vnnlib", (long)number, "vnnlib");
    SP_TRY(write_query(err, p, path, number));
    place(other, p, p->out, "counterexamples", (long)number, "txt");
    SP_TRY(write_counterexample(err, p, path, other, number));
    say_instance(p, path, at);
    place(path, p, p->out, "centres", (long)number, "npy");
    SP_TRY(sp_npy_write(err, path, at->centre, p->plant.steps, p->width));
    fprintf(p->clips, "%s\t%zu\n", cli_path_name(path), at->label);
    place(path, p, "", "onnx", -1, "onnx");
    place(other, p, "", "vnnlib", (long)number, "vnnlib");
    fprintf(p->instances, "%s,%s,%d\n", path, other, TIMEOUT);
    p->written++;
    return SP_OK;
}

/* What the file says of how it came about. */
static char *describe(const planting *p) {
    sp_json_line *line = sp_json_line_create();
    sp_json_line_number(line, "seed", (double)p->plant.seed);
    sp_json_line_number(line, "instances", (double)p->plant.instances);
    sp_json_line_number(line, "radius", p->plant.radius);
    sp_json_line_number(line, "depth", p->plant.depth);
    sp_json_line_number(line, "rate", p->plant.rate);
    sp_json_line_number(line, "epochs", (double)p->planted.epochs);
    return sp_json_line_finish(line);
}

static sp_status write_network(sp_error *err, planting *p) {
    char path[CLI_TRAIN_PATH], *about = describe(p);
    place(path, p, p->out, "onnx", -1, "onnx");
    const sp_model_note note = {"soundproof.planted", about};
    p->net.steps = p->plant.steps;
    const sp_status status = about ? sp_model_write(err, path, &p->net, &note, 1)
                                   : sp_fail(err, SP_E_MEMORY, "out of memory for a description");
    free(about);
    return status;
}

static sp_status write_instances(sp_error *err, planting *p) {
    char path[CLI_TRAIN_PATH];
    place(path, p, p->out, "centres", -1, "tsv");
    SP_TRY(sp_file_draft_open(err, &p->manifest, path));
    p->clips = sp_file_draft_stream(&p->manifest);
    sp_status status = p->clips ? SP_OK : sp_fail(err, SP_E_MEMORY, "out of memory for a list");
    for (size_t i = 0; i < p->planted.instances && status == SP_OK; i++) {
        status = p->planted.instance[i].planted ? write_instance(err, p, i) : SP_OK;
    }
    if (status != SP_OK) {
        sp_file_draft_drop(&p->manifest);
        return status;
    }
    return sp_file_draft_keep(err, &p->manifest);
}

/* ---- networks ---- */

static sp_status read_arch(sp_error *err, planting *p) {
    SP_TRY(sp_arch_read(err, &p->net, p->arch, p->width, p->plant.seed));
    if (p->net.steps > 0 && p->net.steps != p->plant.steps) {
        return sp_fail(err, SP_E_MISMATCH, "%s: dense layers alone take one step: --shape 1x%zu",
                       p->arch, p->plant.steps * p->width);
    }
    const char *file = cli_path_name(p->arch), *dot = strrchr(file, '.');
    snprintf(p->name, sizeof p->name, "%.*s_%llu", dot ? (int)(dot - file) : (int)strlen(file),
             file, (unsigned long long)p->plant.seed);
    return SP_OK;
}

static sp_status plant_one(sp_error *err, planting *p) {
    size_t planted = 0;
    SP_TRY(read_arch(err, p));
    SP_TRY(sp_plant_run(err, &p->planted, &p->net, &p->plant));
    for (size_t i = 0; i < p->planted.instances; i++) {
        planted += p->planted.instance[i].planted;
    }
    if (planted == 0) {
        return sp_fail(err, SP_E_UNSUPPORTED,
                       "%s: no counterexample could be planted in %zu epochs: more --epochs, wider "
                       "layers or fewer instances",
                       p->arch, p->plant.epochs);
    }
    SP_TRY(write_network(err, p));
    SP_TRY(write_instances(err, p));
    if (planted < p->planted.instances) {
        cli_complain("%s: %zu of %zu instances could not be planted and were left out", p->arch,
                     p->planted.instances - planted, p->planted.instances);
    }
    return SP_OK;
}

static sp_status open_folders(sp_error *err, planting *p) {
    static const char *const parts[] = {"onnx", "vnnlib", "counterexamples", "centres"};
    char path[CLI_TRAIN_PATH];
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        snprintf(path, sizeof path, "%s/%s", p->out, parts[i]);
        SP_TRY(cli_path_make_folder(err, path));
    }
    snprintf(path, sizeof path, "%s/instances.csv", p->out);
    SP_TRY(sp_file_draft_open(err, &p->list, path));
    p->instances = sp_file_draft_stream(&p->list);
    return p->instances ? SP_OK : sp_fail(err, SP_E_MEMORY, "out of memory for a list");
}

/* Every architecture of --arch. */
static sp_status plant_all(sp_error *err, planting *p) {
    char *list = strdup(p->options->own[CLI_TRAIN_arch]);
    p->lo = calloc(2 * p->plant.steps * p->width, sizeof *p->lo);
    sp_status status = list && p->lo ? open_folders(err, p)
                                     : sp_fail(err, SP_E_MEMORY, "out of memory for a query");
    if (status == SP_OK && !p->options->json) {
        printf("label  other    depth  query\n");
    }
    for (char *at = list; at && status == SP_OK;) {
        char *comma = strchr(at, ',');
        p->arch = at;
        at = comma ? comma + 1 : NULL;
        if (comma) {
            *comma = '\0';
        }
        status = plant_one(err, p);
        sp_planted_clear(&p->planted);
        sp_net_clear(&p->net);
    }
    if (status == SP_OK) {
        status = sp_file_draft_keep(err, &p->list);
    } else {
        sp_file_draft_drop(&p->list);
    }
    free(p->lo);
    free(list);
    return status;
}

/* ---- options ---- */

static bool read_real(double *value, const char *text) {
    char *end = NULL;
    if (text) {
        *value = strtod(text, &end);
    }
    return !text || (end != text && *end == '\0' && isfinite(*value));
}

/* Those that planting has in common with training, or of its own. */
static bool takes(size_t option) {
    static const int taken[] = {
        CLI_TRAIN_plant, CLI_TRAIN_shape, CLI_TRAIN_radius, CLI_TRAIN_depth,  CLI_TRAIN_language,
        CLI_TRAIN_arch,  CLI_TRAIN_out,   CLI_TRAIN_seed,   CLI_TRAIN_epochs, CLI_TRAIN_rate};
    for (size_t i = 0; i < sizeof taken / sizeof taken[0]; i++) {
        if ((size_t)taken[i] == option) {
            return true;
        }
    }
    return false;
}

/* Without --plant: what goes with it alone. */
static int check_others(const cli_options *o) {
    static const int only[] = {CLI_TRAIN_shape, CLI_TRAIN_radius, CLI_TRAIN_depth,
                               CLI_TRAIN_language};
    for (size_t i = 0; i < sizeof only / sizeof only[0]; i++) {
        if (o->own[only[i]]) {
            return cli_usage(o->command, "--%s goes with --plant", o->command->own[only[i]].name);
        }
    }
    return -1;
}

static int check_options(const cli_options *o) {
    for (size_t i = 0; i < CLI_TRAIN_COUNT; i++) {
        if (o->own[i] && !takes(i)) {
            return cli_usage(o->command, "--%s does not go with --plant", o->command->own[i].name);
        }
    }
    if (o->arguments > 0 || o->front) {
        return cli_usage(o->command, "--plant takes no clips and no front end");
    }
    if (!o->own[CLI_TRAIN_arch]) {
        return cli_usage(o->command, "--arch is missing: which layers?");
    }
    return o->own[CLI_TRAIN_out] ? -1
                                 : cli_usage(o->command, "--out is missing: into which folder?");
}

static int read_shape(planting *p) {
    const cli_options *o = p->options;
    const char *text = o->own[CLI_TRAIN_shape];
    char *end = NULL, *last = NULL;
    const unsigned long steps = text ? strtoul(text, &end, 10) : 0;
    const unsigned long width = text && *end == 'x' ? strtoul(end + 1, &last, 10) : 0;
    if (steps < 1 || steps > MOST_STEPS || width < 1 || width > MOST_WIDTH || *last != '\0') {
        return cli_usage(o->command,
                         "--plant needs --shape TxD, steps and numbers of each, as 4x5; dense "
                         "layers alone take 1xD");
    }
    p->plant.steps = steps;
    p->width = width;
    return -1;
}

static int read_options(planting *p) {
    const cli_options *o = p->options;
    const char *language = cli_query_language(o->own[CLI_TRAIN_language]);
    long instances = 0, seed = 1, epochs = (long)p->plant.epochs;
    if (!cli_whole_parse(&instances, o->own[CLI_TRAIN_plant], 1, MOST_INSTANCES)) {
        return cli_usage(o->command, "--plant is a number of 1 to %d, not '%s'", MOST_INSTANCES,
                         o->own[CLI_TRAIN_plant]);
    }
    if ((o->own[CLI_TRAIN_seed] &&
         !cli_whole_parse(&seed, o->own[CLI_TRAIN_seed], 0, 1000000000)) ||
        (o->own[CLI_TRAIN_epochs] &&
         !cli_whole_parse(&epochs, o->own[CLI_TRAIN_epochs], 1, 1000000))) {
        return cli_usage(o->command, "--seed and --epochs are whole numbers");
    }
    if (!read_real(&p->plant.radius, o->own[CLI_TRAIN_radius]) ||
        !read_real(&p->plant.depth, o->own[CLI_TRAIN_depth]) ||
        !read_real(&p->plant.rate, o->own[CLI_TRAIN_rate])) {
        return cli_usage(o->command, "--radius, --depth and --rate are numbers");
    }
    if (!language) {
        return cli_usage(o->command, "--language is 1.0 or 2.0, not '%s'",
                         o->own[CLI_TRAIN_language]);
    }
    p->late = language[0] == '2';
    p->plant.instances = (size_t)instances;
    p->plant.seed = (uint64_t)seed;
    p->plant.epochs = (size_t)epochs;
    return read_shape(p);
}

int cli_train_plant(const cli_options *options) {
    planting p = {.options = options};
    sp_error err = {0};
    const double start = sp_clock_wall();
    sp_plant_standard(&p.plant);
    if (!options->own[CLI_TRAIN_plant]) {
        return check_others(options);
    }
    int code = check_options(options);
    code = code < 0 ? read_options(&p) : code;
    if (code >= 0) {
        return code;
    }
    p.out = options->own[CLI_TRAIN_out];
    cli_interrupt_watch();
    if (plant_all(&err, &p) != SP_OK) {
        cli_complain("%s", err.text);
        return cli_interrupt_code() >= 0 ? cli_interrupt_code() : CLI_INPUT;
    }
    if (!options->json) {
        printf("\n%zu counterexample%s planted, which 64 descents do not find; %.1f s.\n",
               p.written, p.written == 1 ? "" : "s", sp_clock_wall() - start);
    }
    return CLI_OK;
}
