/* One model in a comparison: several methods and an attack on the same clips, as tables. */
#include "cli/compare.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/pool.h"

/* ---- one clip ---- */

static void fail_item(cli_item *it, long label) {
    sp_comparison *comparison = &it->comparison;
    for (size_t i = 0; i < comparison->budgets * comparison->methods; i++) {
        sp_verdict *verdict = &comparison->verdict[i];
        verdict->label = label >= 0 ? (size_t)label : SP_NO_LABEL;
        snprintf(verdict->reason, sizeof verdict->reason, "%s", it->err.text);
    }
    for (size_t b = 0; b < comparison->budgets; b++) {
        sp_verdict *verdict = &comparison->attack[b].verdict;
        verdict->label = label >= 0 ? (size_t)label : SP_NO_LABEL;
        snprintf(verdict->reason, sizeof verdict->reason, "%s", it->err.text);
    }
}

static void work(void *context, size_t index) {
    cli_job *j = context;
    cli_item *it = &j->item[index];
    const cli_clips *clips = &j->session.clips;
    sp_clip clip = {0};
    long label = -1;
    if (sp_comparison_init(&it->err, &it->comparison, j->setup.budgets, j->setup.methods) !=
        SP_OK) {
        return;
    }
    if (cli_clips_read(&it->err, &clip, &label, clips, index, j->session.source.front) != SP_OK) {
        fail_item(it, label);
        return;
    }
    sp_comparison_run(&it->comparison, &j->setup, &clip, label, clips->file[index]);
    sp_clip_clear(&clip);
}

/* ---- printing, in the order of the clips ---- */

static void print_json(const cli_job *j, size_t index, const cli_item *it) {
    const char *path = j->session.clips.path[index];
    const sp_comparison_setup *setup = &j->setup;
    for (size_t i = 0; i < setup->budgets * setup->methods; i++) {
        cli_print(sp_report_verdict_json(path, &setup->pipeline[i % setup->methods],
                                         &it->comparison.verdict[i]));
    }
    for (size_t b = 0; setup->attacker && b < setup->budgets; b++) {
        cli_print(sp_report_attack_json(path, &it->comparison.attack[b], &setup->attack));
    }
}

static void complain_once(cli_job *j, const char *path, const char *reason, const char **last) {
    j->failed = true;
    if (strcmp(*last, reason) != 0) {
        cli_complain_about(path, reason);
    }
    *last = reason;
}

static void complain_errors(cli_job *j, const char *path, const cli_item *it) {
    const sp_comparison_setup *setup = &j->setup;
    const sp_comparison *comparison = &it->comparison;
    const char *last = "";
    for (size_t i = 0; i < setup->budgets * setup->methods; i++) {
        const size_t b = i / setup->methods, m = i % setup->methods;
        if (comparison->verdict[i].kind == SP_VERDICT_ERROR) {
            complain_once(j, path, comparison->verdict[i].reason, &last);
        }
        if (sp_comparison_contradicts(comparison, b, m)) {
            j->failed = true;
            cli_complain("%s: %s certifies %s, and noise within it changes the answer: this is an "
                         "error of soundproof, please report it",
                         path, setup->pipeline[m].method->name, setup->text[b]);
        }
    }
    for (size_t b = 0; setup->attacker && b < setup->budgets; b++) {
        if (comparison->attack[b].verdict.kind == SP_VERDICT_ERROR) {
            complain_once(j, path, comparison->attack[b].verdict.reason, &last);
        }
    }
}

static void emit(void *context, size_t index) {
    cli_job *j = context;
    cli_item *it = &j->item[index];
    const cli_clips *clips = &j->session.clips;
    if (!it->comparison.verdict) {
        j->failed = true;
        cli_complain_about(clips->path[index], it->err.text);
        return;
    }
    sp_comparison_totals_add(&j->totals, &it->comparison);
    if (j->options->json) {
        print_json(j, index, it);
    } else {
        cli_print(sp_report_comparison_row(clips->names.name[index], clips->names.width,
                                           &it->comparison, &j->setup));
    }
    fflush(stdout);
    complain_errors(j, clips->path[index], it);
    sp_comparison_clear(&it->comparison);
}

static void print_totals(const cli_job *j, double seconds) {
    const sp_comparison_setup *setup = &j->setup;
    if (!j->options->json) {
        putchar('\n');
        cli_print(sp_report_comparison_table(&j->totals, setup));
        printf("%.1f s on %d thread%s.\n", seconds, sp_pool_threads(),
               sp_pool_threads() == 1 ? "" : "s");
        return;
    }
    for (size_t b = 0; b < setup->budgets; b++) {
        for (size_t m = 0; m < setup->methods + (setup->attacker != NULL); m++) {
            cli_print(sp_report_comparison_json(&j->totals, setup, b, m));
        }
    }
}

/* ---- the whole run ---- */

/* From quiet to loud when all budgets have one unit; as given otherwise. */
static void sort_budgets(cli_job *j) {
    const cli_options *options = j->options;
    const sp_budget *budget = options->budget;
    bool comparable = true;
    for (size_t b = 0; b < options->budgets; b++) {
        j->order[b] = b;
        comparable = comparable && budget[b].unit == budget[0].unit;
    }
    const double sign = budget[0].unit == SP_BUDGET_DB_SNR ? -1.0 : 1.0;
    for (size_t b = 1; comparable && b < options->budgets; b++) {
        size_t at = b;
        for (; at > 0 && sign * budget[b].value < sign * budget[j->order[at - 1]].value; at--) {
            j->order[at] = j->order[at - 1];
        }
        j->order[at] = b;
    }
}

/* The forms of the session serve every method that has its front end. */
static bool shares_forms(const cli_job *j, size_t m) {
    return j->pipeline[m].forms == j->session.pipeline.forms;
}

static int open_systems(cli_job *j, const sp_method *const *methods, size_t count) {
    sp_error err = {0};
    for (size_t m = 0; m < count; m++) {
        j->pipeline[m] = j->session.pipeline;
        j->pipeline[m].method = methods[m];
        j->setup.methods = m + 1;
        if (methods[m]->front != j->session.pipeline.front_rule &&
            sp_pipeline_init(&err, &j->pipeline[m], j->session.pipeline.net,
                             j->session.pipeline.front, methods[m], methods[m]->front) != SP_OK) {
            cli_complain("%s: %s", methods[m]->name, err.text);
            return CLI_INPUT;
        }
    }
    return -1;
}

static int open_setup(cli_job *j) {
    const cli_options *options = j->options;
    size_t known = 0;
    const sp_method *table = sp_methods(&known);
    const size_t count = options->method_count ? options->method_count : known;
    const sp_method **methods = calloc(count, sizeof *methods);
    j->pipeline = calloc(count, sizeof *j->pipeline);
    j->order = calloc(options->budgets, sizeof *j->order);
    j->item = calloc(j->session.clips.count, sizeof *j->item);
    if (!methods || !j->pipeline || !j->order || !j->item ||
        sp_comparison_totals_init(NULL, &j->totals, options->budgets, count) != SP_OK) {
        free(methods);
        cli_complain("out of memory for %zu clips", j->session.clips.count);
        return CLI_INPUT;
    }
    for (size_t m = 0; m < count; m++) {
        methods[m] = options->method_count ? options->methods[m] : &table[m];
    }
    sort_budgets(j);
    j->setup = (sp_comparison_setup){.budgets = options->budgets,
                                     .pipeline = j->pipeline,
                                     .budget = options->budget,
                                     .text = options->budget_text,
                                     .quiet_first = j->order,
                                     .attacker = options->no_attack ? NULL : &j->attacker,
                                     .attack = cli_attack_options(options, NULL),
                                     .timeout = options->timeout};
    int code = open_systems(j, methods, count);
    free(methods);
    if (code < 0 && !options->no_attack) {
        code = cli_attacker_open(&j->attacker, &j->session);
    }
    return code;
}

void cli_job_clear(cli_job *j) {
    if (!j->open) {
        return;
    }
    for (size_t m = 0; m < j->setup.methods; m++) {
        if (!shares_forms(j, m)) {
            sp_pipeline_clear(&j->pipeline[m]);
        }
    }
    free(j->pipeline);
    free(j->order);
    free(j->item);
    sp_comparison_totals_clear(&j->totals);
    sp_attacker_clear(&j->attacker);
    cli_session_clear(&j->session);
}

int cli_job_run(cli_job *j) {
    const double start = sp_clock_wall();
    const size_t count = j->session.clips.count;
    if (!j->options->json) {
        cli_print(sp_report_comparison_head(j->session.clips.names.width, &j->setup));
    }
    if (!cli_batch_run("compare", count, work, emit, j)) {
        cli_complain("out of memory for %zu clips", count);
        return CLI_INPUT;
    }
    print_totals(j, sp_clock_wall() - start);
    return j->failed ? CLI_INPUT : CLI_OK;
}

int cli_job_open(cli_job *j) {
    const int code = cli_session_open(&j->session, &cli_compare, j->options);
    j->open = code < 0;
    return j->open ? open_setup(j) : code;
}
