/* soundproof compare: several methods and an attack on the same clips, for one model or several,
 * and the chart of all. */
#include "cli/compare.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"

enum { MODELS };
static const cli_own own_options[] = {
    {"models",
     "several models instead of --model, with commas between them; their front ends are "
     "their own unless --front names one for all",
     "A,B,C"}};

/* contenders - the models that are compared, one after another. */
typedef struct contenders {
    char *list;           /* owned: the names, cut at their commas */
    cli_options *options; /* [count] owned: those of the command line, with the model's name */
    cli_job *job;         /* [count] owned */
    size_t count;
} contenders;

static bool name_contenders(contenders *c, const cli_options *options) {
    const char *given = options->own[MODELS] ? options->own[MODELS] : "";
    size_t most = 1;
    for (const char *at = given; *at; at++) {
        most += *at == ',';
    }
    c->list = strdup(given);
    c->options = calloc(most, sizeof *c->options);
    c->job = calloc(most, sizeof *c->job);
    if (!c->list || !c->options || !c->job) {
        cli_complain("out of memory");
        return false;
    }
    for (char *name = c->list; name; c->count++) {
        char *comma = strchr(name, ',');
        if (comma) {
            *comma = '\0';
        }
        c->options[c->count] = *options;
        c->options[c->count].model = options->own[MODELS] ? name : options->model;
        c->job[c->count].options = &c->options[c->count];
        name = comma ? comma + 1 : NULL;
    }
    return true;
}

static void say_model(const cli_options *options, bool first) {
    if (options->json) {
        sp_json_line *line = sp_json_line_create();
        sp_json_line_text(line, "model", options->model);
        cli_print(sp_json_line_finish(line));
    } else {
        printf("%s%s\n\n", first ? "" : "\n", options->model);
    }
}

/* One model after another, until one cannot be used at all; the worst exit code. */
static int run_contenders(contenders *c, bool *complete) {
    int worst = CLI_OK;
    *complete = true;
    for (size_t i = 0; i < c->count && *complete; i++) {
        int code = cli_job_open(&c->job[i]);
        const char *chart = c->options[i].plot;
        if (code < 0 && i == 0 && chart && !cli_path_writable(chart)) {
            cli_complain("%s: the chart cannot be written: %s", chart, strerror(errno));
            code = CLI_INPUT;
        }
        *complete = code < 0;
        if (*complete) {
            if (c->count > 1) {
                say_model(&c->options[i], i == 0);
            }
            code = cli_job_run(&c->job[i]);
        }
        worst = code > worst ? code : worst;
    }
    return worst;
}

static int plot(const contenders *c, const char *path) {
    sp_error err = {0};
    sp_report_model *field = calloc(c->count, sizeof *field);
    cli_names names = {0};
    char **model = calloc(c->count, sizeof *model);
    bool ready = field && model;
    for (size_t i = 0; ready && i < c->count; i++) {
        model[i] = c->options[i].model;
    }
    ready = ready && cli_names_make(&names, model, c->count);
    for (size_t i = 0; ready && i < c->count; i++) {
        char *dot = strrchr(names.name[i], '.');
        if (dot && strcmp(dot, ".onnx") == 0) {
            *dot = '\0';
        }
        field[i] = (sp_report_model){names.name[i], &c->job[i].totals, &c->job[i].setup};
    }
    int code = CLI_OK;
    if (!ready || sp_report_comparison_chart(&err, field, c->count, path) != SP_OK) {
        cli_complain("%s", ready ? err.text : "out of memory");
        code = CLI_INPUT;
    }
    cli_names_clear(&names);
    free(model);
    free(field);
    return code;
}

static int check_usage(const cli_options *options) {
    const sp_comparison_setup budgets = {.budgets = options->budgets, .budget = options->budget};
    sp_error err = {0};
    const int code = cli_budget_check(&cli_compare, options);
    if (code < 0 && options->model && options->own[MODELS]) {
        return cli_usage(&cli_compare, "--model and --models exclude each other");
    }
    if (code < 0 && options->plot && sp_report_comparison_check_chart(&err, &budgets) != SP_OK) {
        return cli_usage(&cli_compare, "--plot: %s", err.text);
    }
    return code;
}

static int run(const cli_options *options) {
    contenders c = {0};
    bool complete = false;
    int code = check_usage(options);
    if (code >= 0) {
        return code;
    }
    code = name_contenders(&c, options) ? run_contenders(&c, &complete) : CLI_INPUT;
    if (complete && options->plot) {
        const int plotted = plot(&c, options->plot);
        code = plotted > code ? plotted : code;
    }
    for (size_t i = 0; i < c.count; i++) {
        cli_job_clear(&c.job[i]);
    }
    free(c.list);
    free(c.options);
    free(c.job);
    return code;
}

const cli_command cli_compare = {
    .name = "compare",
    .arguments = "[OPTION...] CLIP.wav...",
    .summary = "compare methods and an attack on the same clips and budgets",
    .examples =
        "  soundproof compare --model M.onnx --front F.json --methods ibp,r2-lp,exact "
        "--budget -80dB --budget -60dB *.wav\n"
        "  soundproof compare --model M.onnx --front F.json --budget -80dB --budget -70dB "
        "--budget -60dB --plot shares *.wav\n"
        "  soundproof compare --model M.onnx --front F.json --methods exact,opt --budget -60dB "
        "--no-attack --json *.wav\n"
        "  soundproof compare --models A.onnx,B.onnx --methods exact --budget -80dB --budget -60dB "
        "--no-attack --plot shares --manifest test.tsv\n",
    .accepts = CLI_MODEL | CLI_FRONT | CLI_BUDGET | CLI_METHODS | CLI_LABEL | CLI_MANIFEST |
               CLI_AUDIO | CLI_NO_ATTACK | CLI_EFFORT | CLI_PLOT | CLI_TIMEOUT | CLI_DEVICE |
               CLI_THREADS | CLI_JSON,
    .own = own_options,
    .owned = sizeof own_options / sizeof own_options[0],
    .run = run,
};
