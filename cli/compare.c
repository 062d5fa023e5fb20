/* soundproof compare: several methods and an attack on the same clips, for one model or several,
 * and the chart of all. */
#include "cli/job.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"

enum { MODELS };
static const cli_own own_options[] = {
    {"models",
     "several models instead of --model, with commas between them; their front ends are "
     "their own unless --front names one for all",
     "A,B,C"}};

typedef struct item {
    sp_error err; /* of reading the clip or its label */
    sp_comparison comparison;
} item;

/* One model; its session's pipeline serves the attack, and the methods with the same front end. */
typedef struct job {
    cli_job base;
    sp_pipeline *pipeline; /* [methods] */
    size_t *order;         /* [budgets] from quiet to loud */
    sp_comparison_setup setup;
    sp_comparison_totals totals;
} job;

static item *item_of(const cli_job *j, size_t clip) {
    return (item *)j->item + clip;
}

/* ---- one clip ---- */

static void fail_item(item *it, long label, const sp_class_names *names) {
    sp_comparison *comparison = &it->comparison;
    for (size_t i = 0; i < comparison->budgets * comparison->methods; i++) {
        cli_verdict_fail(&comparison->verdict[i], &it->err, label, names);
    }
    for (size_t b = 0; b < comparison->budgets; b++) {
        cli_verdict_fail(&comparison->attack[b].verdict, &it->err, label, names);
    }
}

static void work(void *context, size_t index) {
    const job *own = context;
    const cli_job *j = &own->base;
    const cli_clips *clips = &j->session.clips;
    item *it = item_of(j, index);
    sp_clip clip = {0};
    long label = -1;
    if (sp_comparison_init(&it->err, &it->comparison, own->setup.budgets, own->setup.methods) !=
        SP_OK) {
        return;
    }
    if (cli_clips_read(&it->err, &clip, &label, clips, index, j->session.files.front) != SP_OK) {
        fail_item(it, label, cli_session_names(&j->session));
        return;
    }
    sp_comparison_run(&it->comparison, &own->setup, &clip, label, clips->file[index]);
    sp_clip_clear(&clip);
}

/* ---- printing, in the order of the clips ---- */

static void print_json(const job *own, size_t index, const item *it) {
    const char *path = own->base.session.clips.path[index];
    const sp_comparison_setup *setup = &own->setup;
    for (size_t i = 0; i < setup->budgets * setup->methods; i++) {
        cli_print(sp_report_verdict_json(path, &setup->pipeline[i % setup->methods],
                                         &it->comparison.verdict[i]));
    }
    for (size_t b = 0; setup->attacker && b < setup->budgets; b++) {
        cli_print(sp_report_attack_json(path, &it->comparison.attack[b], &setup->attack));
    }
}

static void complain_errors(job *own, size_t index, const item *it) {
    const sp_comparison_setup *setup = &own->setup;
    const sp_comparison *comparison = &it->comparison;
    cli_job *j = &own->base;
    const char *last = "";
    for (size_t i = 0; i < setup->budgets * setup->methods; i++) {
        const size_t b = i / setup->methods, m = i % setup->methods;
        if (comparison->verdict[i].kind == SP_VERDICT_ERROR) {
            cli_job_complain(j, index, comparison->verdict[i].reason, &last);
        }
        if (sp_comparison_contradicts(comparison, b, m)) {
            j->failed = true;
            cli_complain("%s: %s certifies %s, and noise within it changes the answer: this is an "
                         "error of soundproof, please report it",
                         j->session.clips.path[index], setup->pipeline[m].method->name,
                         setup->text[b]);
        }
    }
    for (size_t b = 0; setup->attacker && b < setup->budgets; b++) {
        if (comparison->attack[b].verdict.kind == SP_VERDICT_ERROR) {
            cli_job_complain(j, index, comparison->attack[b].verdict.reason, &last);
        }
    }
}

static void emit(void *context, size_t index) {
    job *own = context;
    cli_job *j = &own->base;
    const cli_clips *clips = &j->session.clips;
    item *it = item_of(j, index);
    const char *last = "";
    if (!it->comparison.verdict) {
        cli_job_complain(j, index, it->err.text, &last);
        return;
    }
    sp_comparison_totals_add(&own->totals, &it->comparison);
    if (j->options->json) {
        print_json(own, index, it);
    } else {
        cli_print(sp_report_comparison_row(clips->names.name[index], clips->names.width,
                                           &it->comparison, &own->setup));
    }
    fflush(stdout);
    complain_errors(own, index, it);
    for (size_t i = 0; i < own->setup.budgets * own->setup.methods; i++) {
        j->vacuous += sp_verdict_is_vacuous(&it->comparison.verdict[i]);
    }
    sp_comparison_clear(&it->comparison);
}

static void print_head(cli_job *j) {
    cli_print(sp_report_comparison_head(j->session.clips.names.width, &((job *)j)->setup));
}

static void print_summary(cli_job *j) {
    const job *own = (const job *)j;
    putchar('\n');
    cli_print(sp_report_comparison_table(&own->totals, &own->setup));
    cli_norm_says(j->options);
    cli_job_seconds(j);
}

static int print_json_totals(cli_job *j) {
    const job *own = (const job *)j;
    const sp_comparison_setup *setup = &own->setup;
    for (size_t b = 0; j->options->json && b < setup->budgets; b++) {
        for (size_t m = 0; m < setup->methods + (setup->attacker != NULL); m++) {
            cli_print(sp_report_comparison_json(&own->totals, setup, b, m));
        }
    }
    return -1;
}

/* ---- one model ---- */

/* From quiet to loud when all budgets have one unit; as given otherwise. */
static void sort_budgets(job *own) {
    const cli_options *options = own->base.options;
    const sp_budget *budget = options->budget;
    bool comparable = true;
    for (size_t b = 0; b < options->budgets; b++) {
        own->order[b] = b;
        comparable = comparable && budget[b].unit == budget[0].unit;
    }
    const double sign = budget[0].unit == SP_BUDGET_DB_SNR ? -1.0 : 1.0;
    for (size_t b = 1; comparable && b < options->budgets; b++) {
        size_t at = b;
        for (; at > 0 && sign * budget[b].value < sign * budget[own->order[at - 1]].value; at--) {
            own->order[at] = own->order[at - 1];
        }
        own->order[at] = b;
    }
}

/* The forms of the session serve every method that has its front end. */
static bool shares_forms(const job *own, size_t m) {
    return own->pipeline[m].forms == own->base.session.pipeline.forms;
}

static int open_pipelines(job *own, const sp_method *const *methods, size_t count) {
    const sp_pipeline *first = &own->base.session.pipeline;
    sp_error err = {0};
    for (size_t m = 0; m < count; m++) {
        own->pipeline[m] = *first;
        own->pipeline[m].method = methods[m];
        own->setup.methods = m + 1;
        if (methods[m]->front != first->front_rule &&
            sp_pipeline_init(&err, &own->pipeline[m], first->net, first->front, methods[m],
                             methods[m]->front) != SP_OK) {
            cli_complain("%s: %s", methods[m]->name, err.text);
            return CLI_INPUT;
        }
        own->pipeline[m].names = first->names;
    }
    return -1;
}

static int prepare(cli_job *j) {
    job *own = (job *)j;
    const cli_options *options = j->options;
    size_t known = 0;
    const sp_method *table = sp_methods(&known);
    const size_t count = options->method_count ? options->method_count : known;
    const sp_method **methods = calloc(count, sizeof *methods);
    own->pipeline = calloc(count, sizeof *own->pipeline);
    own->order = calloc(options->budgets, sizeof *own->order);
    if (!methods || !own->pipeline || !own->order ||
        sp_comparison_totals_init(NULL, &own->totals, options->budgets, count) != SP_OK) {
        free(methods);
        return cli_job_out_of_memory(j);
    }
    for (size_t m = 0; m < count; m++) {
        methods[m] = options->method_count ? options->methods[m] : &table[m];
    }
    sort_budgets(own);
    own->setup = (sp_comparison_setup){.budgets = options->budgets,
                                       .pipeline = own->pipeline,
                                       .budget = options->budget,
                                       .text = options->budget_text,
                                       .quiet_first = own->order,
                                       .attacker = options->no_attack ? NULL : &j->attacker,
                                       .attack = cli_attack_options(options, NULL),
                                       .timeout = options->timeout};
    const int code = open_pipelines(own, methods, count);
    free(methods);
    return code < 0 && !options->no_attack ? cli_attacker_open(&j->attacker, &j->session) : code;
}

static void clear(cli_job *j) {
    job *own = (job *)j;
    for (size_t i = 0; i < j->session.clips.count; i++) {
        sp_comparison_clear(&item_of(j, i)->comparison);
    }
    for (size_t m = 0; m < own->setup.methods; m++) {
        if (!shares_forms(own, m)) {
            sp_pipeline_clear(&own->pipeline[m]);
        }
    }
    free(own->pipeline);
    free(own->order);
    sp_comparison_totals_clear(&own->totals);
}

static const cli_steps steps = {.item = sizeof(item),
                                .partial = true,
                                .quiet = true,
                                .budget = true,
                                .prepare = prepare,
                                .head = print_head,
                                .work = work,
                                .emit = emit,
                                .finish = print_json_totals,
                                .summary = print_summary,
                                .clear = clear};

/* ---- several models ---- */

/* One after another. */
typedef struct models {
    char *list;           /* owned: the names, cut at their commas */
    cli_options *options; /* [count] owned: those of the command line, with the model's name */
    job *job;             /* [count] owned */
    size_t count;
} models;

static bool name_models(models *c, const cli_options *options) {
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
        c->job[c->count].base =
            (cli_job){.command = &cli_compare, .steps = &steps, .options = &c->options[c->count]};
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
        int code = cli_job_open(&c->job[i].base);
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
            }
            code = cli_job_work(&c->job[i].base);
            *worked = i + 1;
        }
        worst = code > worst ? code : worst;
    }
    return worst;
}

/* The chart of the first `count` models. */
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
    if (!ready || sp_report_comparison_chart(&err, result, count, path) != SP_OK) {
        cli_complain("%s", ready ? err.text : "out of memory");
        code = CLI_INPUT;
    }
    cli_names_clear(&names);
    free(model);
    free(result);
    return code;
}

static int check_usage(const cli_options *options) {
    const sp_comparison_setup budgets = {.budgets = options->budgets, .budget = options->budget};
    sp_error err = {0};
    const int code = cli_budget_check(&cli_compare, options);
    if (code < 0 && options->model && options->own[MODELS]) {
        return cli_usage(&cli_compare, "--model and --models exclude each other");
    }
    const char *list = options->own[MODELS];
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

static int run(const cli_options *options) {
    models c = {0};
    bool complete = false;
    size_t worked = 0;
    int code = check_usage(options);
    if (code >= 0) {
        return code;
    }
    code = name_models(&c, options) ? run_models(&c, &complete, &worked) : CLI_INPUT;
    if (complete && worked > 0 && options->plot) {
        const int plotted = plot(&c, worked, options->plot);
        code = plotted > code ? plotted : code;
    }
    size_t vacuous = 0;
    for (size_t i = 0; i < c.count; i++) {
        vacuous += c.job[i].base.vacuous;
    }
    cli_job_say_vacuous(vacuous);
    for (size_t i = 0; i < c.count; i++) {
        cli_job_clear(&c.job[i].base);
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
    .accepts = CLI_MODEL | CLI_FRONT | CLI_BUDGET | CLI_NORM | CLI_METHODS | CLI_LABEL |
               CLI_MANIFEST | CLI_AUDIO | CLI_NO_ATTACK | CLI_EFFORT | CLI_PLOT | CLI_TIMEOUT |
               CLI_DEVICE | CLI_THREADS | CLI_JSON | CLI_FRAME,
    .sequences = true,
    .own = own_options,
    .owned = sizeof own_options / sizeof own_options[0],
    .run = run,
};
