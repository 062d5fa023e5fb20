/* soundproof compare: one model or several, and the chart of all. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "cli/compare/compare.h"

static const cli_own own_options[] = {
    [CLI_COMPARE_MODELS] = {"models",
                            "several models instead of --model, with commas between them; their "
                            "front ends are their own unless --front names one for all",
                            "A,B,C"},
    [CLI_COMPARE_HOP] = {
        "hop",
        "of recordings that are longer than the model's window: every N-th frame begins one; 1",
        "N"}};

/* ---- several models ---- */

/* One after another. */
typedef struct models {
    char *list;           /* owned: the names, cut at their commas */
    cli_options *options; /* [count] owned: those of the command line, with the model's name */
    cli_compare_job *job; /* [count] owned */
    size_t count;
    cli_rows rows; /* of all */
    char *total_path;
    cli_rows total_rows; /* of what they add up to */
    cli_page page;
} models;

/* The files of tables: -1, or the exit code after a message. */
static int open_rows(models *c, const cli_options *options) {
    cli_options totals = {0};
    int code = cli_rows_open(&c->rows, &cli_compare, options);
    code = code < 0 ? cli_page_open(&c->page, options->html) : code;
    if (code >= 0 || !options->csv) {
        return code;
    }
    c->total_path = cli_path_with(options->csv, "-totals");
    totals.csv = c->total_path;
    if (!totals.csv) {
        cli_complain("out of memory");
        return CLI_INPUT;
    }
    return cli_rows_open(&c->total_rows, &cli_compare, &totals);
}

static bool close_rows(models *c) {
    const bool kept = cli_rows_close(&c->rows) < 0, totals = cli_rows_close(&c->total_rows) < 0;
    const char *const *column = c->page.corpus.column;
    const bool page = cli_page_close(&c->page) < 0;
    free((void *)(uintptr_t)column);
    free(c->total_path);
    return kept && totals && page;
}

static void drop_rows(models *c) {
    cli_rows_drop(&c->rows);
    cli_rows_drop(&c->total_rows);
    free((void *)(uintptr_t)c->page.corpus.column);
    c->page.corpus.column = NULL;
    cli_page_drop(&c->page);
    free(c->total_path);
}

static bool name_models(models *c, const cli_options *options) {
    const char *given = options->own[CLI_COMPARE_MODELS] ? options->own[CLI_COMPARE_MODELS] : "";
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
        c->options[c->count].model = options->own[CLI_COMPARE_MODELS] ? name : options->model;
        c->job[c->count].base = (cli_job){.command = &cli_compare,
                                          .steps = &cli_compare_steps,
                                          .options = &c->options[c->count],
                                          .rows = &c->rows,
                                          .models = most};
        c->job[c->count].total_rows = &c->total_rows;
        c->job[c->count].page = &c->page;
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

/* Until one cannot be used at all, or the run is interrupted; the worst exit code. *worked: how
 * many of them have results. */
static int run_models(models *c, bool *complete, size_t *worked) {
    int worst = CLI_OK;
    *complete = true;
    for (size_t i = 0; i < c->count && *complete && !sp_clock_stopped(); i++) {
        int code = c->job[i].base.records.merged ? cli_job_replay_open(&c->job[i].base)
                                                 : cli_job_open(&c->job[i].base);
        const char *chart = c->options[i].plot;
        sp_error err = {0};
        if (code < 0 && i == 0 && chart && cli_path_check(&err, chart) != SP_OK) {
            cli_complain("the chart: %s", err.text);
            code = CLI_INPUT;
        }
        if (code < 0 && sp_clock_stopped()) { // while the files of the next model were read
            code = cli_interrupt_code();
            worst = code > worst ? code : worst;
            break;
        }
        *complete = code < 0;
        if (*complete) {
            if (c->count > 1) {
                say_model(&c->options[i], i == 0);
                c->rows.prefix_key = "model";
                c->rows.prefix = c->options[i].model;
                c->total_rows.prefix_key = "model";
                c->total_rows.prefix = c->options[i].model;
            }
            code = cli_job_work(&c->job[i].base);
            *worked = i + 1;
        }
        worst = code > worst ? code : worst;
    }
    return worst;
}

/* The charts of the first `count` models. */
static int plot(const models *c, size_t count, const char *path) {
    sp_error err = {0};
    sp_report_model *result = calloc(count, sizeof *result);
    cli_names names = {0};
    char **model = calloc(count, sizeof *model);
    bool ready = result && model;
    for (size_t i = 0; ready && i < count; i++) {
        model[i] = c->options[i].model;
    }
    ready = ready && cli_names_make(&names, model, count);
    for (size_t i = 0; ready && i < count; i++) {
        char *dot = strrchr(names.name[i], '.');
        if (dot && strcmp(dot, ".onnx") == 0) {
            *dot = '\0';
        }
        result[i] = (sp_report_model){names.name[i], &c->job[i].totals, &c->job[i].setup};
    }
    int code = CLI_OK;
    char *spread = cli_path_with(path, "-margins");
    ready = ready && spread;
    if (!ready || sp_report_comparison_chart(&err, result, count, path) != SP_OK ||
        sp_report_comparison_spread_chart(&err, result, count, spread) != SP_OK) {
        cli_complain("%s", ready ? err.text : "out of memory");
        code = CLI_INPUT;
    }
    free(spread);
    cli_names_clear(&names);
    free(model);
    free(result);
    return code;
}

static int check_usage(const cli_options *options) {
    const sp_comparison_setup budgets = {.budgets = options->budgets, .budget = options->budget};
    sp_error err = {0};
    const int code = cli_budget_check(&cli_compare, options);
    if (code < 0 && options->deployed != SP_BUDGET_AS_REAL && !options->no_attack) {
        return cli_usage(&cli_compare,
                         "attacks look for real-valued noise, and --deployed %s is of rounded "
                         "noise: --no-attack leaves them out",
                         sp_budget_deployed_name(options->deployed));
    }
    if (code < 0 && options->model && options->own[CLI_COMPARE_MODELS]) {
        return cli_usage(&cli_compare, "--model and --models exclude each other");
    }
    const char *list = options->own[CLI_COMPARE_MODELS];
    const size_t length = list ? strlen(list) : 0;
    if (code < 0 && list &&
        (length == 0 || list[0] == ',' || list[length - 1] == ',' || strstr(list, ",,"))) {
        return cli_usage(&cli_compare, "--models needs a file on either side of each comma");
    }
    if (code < 0 && options->plot && sp_report_comparison_check_chart(&err, &budgets) != SP_OK) {
        return cli_usage(&cli_compare, "--plot: %s", err.text);
    }
    return code;
}

/* All that follows when the models are named. */
static int run_named(models *c, const cli_options *options) {
    bool complete = false;
    size_t worked = 0;
    int code = run_models(c, &complete, &worked);
    if (complete && worked > 0 && options->plot) {
        const int plotted = plot(c, worked, options->plot);
        code = plotted > code ? plotted : code;
    }
    size_t vacuous = 0;
    for (size_t i = 0; i < c->count; i++) {
        vacuous += c->job[i].base.vacuous;
    }
    cli_job_say_vacuous(vacuous);
    cli_compare_page_end(&c->page, c->job, worked);
    if (!close_rows(c) && code < CLI_INPUT) {
        code = CLI_INPUT;
    }
    for (size_t i = 0; i < c->count; i++) {
        cli_job_clear(&c->job[i].base);
    }
    free(c->list);
    free(c->options);
    free(c->job);
    return code;
}

static int run(const cli_options *options) {
    models c = {0};
    int code = check_usage(options);
    if (code < 0) {
        code = open_rows(&c, options);
    }
    if (code < 0 && name_models(&c, options)) {
        return run_named(&c, options);
    }
    drop_rows(&c);
    return code < 0 ? CLI_INPUT : code;
}

int cli_compare_merge(const cli_job *base, size_t count, const cli_options *options) {
    models c = {.options = calloc(count, sizeof *c.options), .job = calloc(count, sizeof *c.job)};
    int code = open_rows(&c, options);
    if (code >= 0 || !c.options || !c.job) {
        drop_rows(&c);
        free(c.options);
        free(c.job);
        return code >= 0 ? code : CLI_INPUT;
    }
    for (; c.count < count; c.count++) {
        c.options[c.count] = *base[c.count].options;
        c.job[c.count].base = base[c.count];
        c.job[c.count].base.steps = &cli_compare_steps;
        c.job[c.count].base.options = &c.options[c.count];
        c.job[c.count].base.rows = &c.rows;
        c.job[c.count].total_rows = &c.total_rows;
        c.job[c.count].page = &c.page;
    }
    return run_named(&c, options);
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
    .accepts = CLI_MODEL | CLI_FRONT | CLI_BUDGET | CLI_NORM | CLI_METHODS | CLI_LABEL |
               CLI_MANIFEST | CLI_AUDIO | CLI_NO_ATTACK | CLI_EFFORT | CLI_PLOT | CLI_TIMEOUT |
               CLI_DEVICE | CLI_THREADS | CLI_JSON | CLI_FRAME,
    .sequences = true,
    .own = own_options,
    .owned = sizeof own_options / sizeof own_options[0],
    .apart = 1 << CLI_COMPARE_MODELS,
    .corpus = true,
    .programs = true,
    .deployed = true,
    .page = true,
    .run = run,
};
