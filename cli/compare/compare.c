/* soundproof compare, one model: several methods and an attack on the same clips. */
#include "cli/compare/compare.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"

typedef struct item {
    cli_record record;
    cli_job *job;
    sp_error err; /* of reading the clip or its label */
    sp_comparison comparison;
} item;

static item *item_of(const cli_job *j, size_t clip) {
    return cli_job_item(j, clip);
}

/* ---- one clip ---- */

static void fail_item(item *it, long label, const sp_class_names *names) {
    sp_comparison *comparison = &it->comparison;
    for (size_t i = 0; i < comparison->budgets * comparison->methods; i++) {
        sp_verdict_clear(&comparison->verdict[i]);
        cli_verdict_fail(&comparison->verdict[i], &it->err, label, names);
    }
    for (size_t b = 0; b < comparison->budgets; b++) {
        sp_attack_clear(&comparison->attack[b]);
        sp_attack_init(&comparison->attack[b]);
        cli_verdict_fail(&comparison->attack[b].verdict, &it->err, label, names);
    }
}

/* ---- the journal: a verdict is a result, and all attacks on a clip are one ---- */

static void part_of(const cli_compare_job *own, char part[CLI_PART], size_t task) {
    const sp_comparison_setup *setup = &own->setup;
    const sp_pipeline *pipeline = &setup->pipeline[task % setup->methods];
    cli_record_part(part, "certify", pipeline->method, pipeline->front_rule,
                    setup->text[task / setup->methods]);
}

/* Attacks begin with the noise of those before them: all budgets, in their order. */
static void attack_part(const cli_compare_job *own, char part[CLI_PART]) {
    const sp_comparison_setup *setup = &own->setup;
    cli_record_part_all(part, "attack", NULL, SP_FRONT_JOINT, setup->text, setup->quiet_first,
                        setup->budgets);
}

static char *attacks_object(const cli_compare_job *own, const sp_comparison *comparison) {
    sp_json_line *line = sp_json_line_create();
    for (size_t i = 0; i < comparison->budgets; i++) {
        char *object = sp_record_attack(&comparison->attack[own->setup.quiet_first[i]]), key[32];
        snprintf(key, sizeof key, "%zu", i);
        sp_json_line_raw(line, key, object);
        free(object);
    }
    return sp_json_line_finish(line);
}

static void keep(void *context, const sp_comparison *comparison, size_t task) {
    const item *it = context;
    const cli_compare_job *own = (const cli_compare_job *)it->job;
    char part[CLI_PART];
    if (!it->record.on) {
        return;
    }
    if (task < comparison->budgets * comparison->methods) {
        part_of(own, part, task);
        cli_record_keep(it->job, &it->record, part, sp_record_verdict(&comparison->verdict[task]));
    } else {
        attack_part(own, part);
        cli_record_keep(it->job, &it->record, part, attacks_object(own, comparison));
    }
}

static void keep_all(const item *it) {
    const cli_compare_job *own = (const cli_compare_job *)it->job;
    const size_t verdicts = own->setup.budgets * own->setup.methods;
    for (size_t i = 0; i < verdicts + (own->setup.attacker != NULL); i++) {
        keep((void *)(uintptr_t)it, &it->comparison, i);
    }
}

static bool recall_verdict(cli_job *j, item *it, size_t task) {
    const sp_json *result = NULL;
    char part[CLI_PART];
    sp_verdict *verdict = &it->comparison.verdict[task];
    part_of((const cli_compare_job *)j, part, task);
    sp_json *line = cli_record_find(&result, j, &it->record, part);
    bool taken = line && sp_record_take_verdict(verdict, result);
    sp_json_destroy(line);
    if (taken && !cli_record_settled(j, verdict->kind)) {
        sp_verdict_clear(verdict);
        sp_verdict_init(verdict);
        taken = false;
    }
    verdict->names = cli_session_names(&j->session);
    return taken;
}

static bool recall_attacks(cli_job *j, item *it) {
    const cli_compare_job *own = (const cli_compare_job *)j;
    const sp_json *result = NULL;
    char part[CLI_PART];
    attack_part(own, part);
    sp_json *line = cli_record_find(&result, j, &it->record, part);
    bool taken = line != NULL;
    for (size_t i = 0; taken && i < own->setup.budgets; i++) {
        sp_attack *attack = &it->comparison.attack[own->setup.quiet_first[i]];
        char key[32];
        snprintf(key, sizeof key, "%zu", i);
        taken = sp_record_take_attack(attack, sp_json_get(result, key)) &&
                cli_record_settled(j, attack->verdict.kind);
        attack->verdict.names = cli_session_names(&j->session);
    }
    sp_json_destroy(line);
    for (size_t b = 0; !taken && b < own->setup.budgets; b++) {
        sp_attack_clear(&it->comparison.attack[b]);
        sp_attack_init(&it->comparison.attack[b]);
    }
    return taken;
}

static bool recall(cli_job *j, size_t clip) {
    const cli_compare_job *own = (const cli_compare_job *)j;
    const size_t verdicts = own->setup.budgets * own->setup.methods;
    item *it = item_of(j, clip);
    bool whole = true;
    if (sp_comparison_init(&it->err, &it->comparison, own->setup.budgets, own->setup.methods) !=
        SP_OK) {
        return false;
    }
    cli_record_open(&it->record, j, clip);
    for (size_t i = 0; i < verdicts; i++) {
        it->comparison.known[i] = recall_verdict(j, it, i);
        whole = whole && it->comparison.known[i];
    }
    if (own->setup.attacker) {
        it->comparison.known[verdicts] = recall_attacks(j, it);
        whole = whole && it->comparison.known[verdicts];
    }
    return whole;
}

static void work(void *context, size_t index) {
    cli_compare_job *own = context;
    cli_job *j = &own->base;
    const cli_clips *clips = &j->session.clips;
    item *it = item_of(j, index);
    sp_clip clip = {0};
    cli_windows windows = {0};
    long label = -1;
    it->job = j;
    if (!it->comparison.verdict && sp_comparison_init(&it->err, &it->comparison, own->setup.budgets,
                                                      own->setup.methods) != SP_OK) {
        return;
    }
    if (cli_clips_read(&it->err, &clip, &label, clips, index, j->session.files.front) != SP_OK ||
        cli_windows_cut(&it->err, &windows, &j->session, &clip, label, (size_t)own->hop) != SP_OK) {
        fail_item(it, label, cli_session_names(&j->session));
        sp_clip_clear(&clip);
        keep_all(it);
        return;
    }
    it->comparison.finished = keep;
    it->comparison.context = it;
    it->record.longer = windows.count > 0;
    if (it->record.longer) {
        cli_compare_windows(&it->comparison, &own->setup, &windows, clips->file[index]);
    } else {
        sp_comparison_run(&it->comparison, &own->setup, &clip, label, clips->file[index]);
    }
    cli_windows_clear(&windows);
    sp_clip_clear(&clip);
}

/* ---- printing, in the order of the clips ---- */

static void put_json(const cli_compare_job *own, char *json) {
    if (json) {
        cli_rows_put(own->base.rows, json, NULL);
    }
    if (own->base.options->json) {
        cli_print(json);
    } else {
        free(json);
    }
}

static void put_objects(const cli_compare_job *own, size_t index, const item *it) {
    const char *path = own->base.session.clips.path[index];
    const sp_comparison_setup *setup = &own->setup;
    for (size_t i = 0; i < setup->budgets * setup->methods; i++) {
        put_json(own, sp_report_verdict_json(path, &setup->pipeline[i % setup->methods],
                                             &it->comparison.verdict[i]));
    }
    for (size_t b = 0; setup->attacker && b < setup->budgets; b++) {
        put_json(own, sp_report_attack_json(path, &it->comparison.attack[b], &setup->attack));
    }
}

static void complain_errors(cli_compare_job *own, size_t index, const item *it) {
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
    cli_compare_job *own = context;
    cli_job *j = &own->base;
    const cli_clips *clips = &j->session.clips;
    item *it = item_of(j, index);
    const char *last = "";
    if (!it->comparison.verdict) {
        cli_job_complain(j, index, it->err.text, &last);
        return;
    }
    sp_comparison_totals_add(&own->totals, &it->comparison);
    own->longer += it->record.longer;
    put_objects(own, index, it);
    cli_compare_page_row(own, index, &it->comparison);
    if (!j->options->json) {
        cli_print(sp_report_comparison_row(clips->names.name[index], clips->names.width,
                                           &it->comparison, &own->setup));
    }
    fflush(stdout);
    complain_errors(own, index, it);
    for (size_t i = 0; i < own->setup.budgets * own->setup.methods; i++) {
        j->vacuous += sp_verdict_is_vacuous(&it->comparison.verdict[i]);
    }
}

static void print_head(cli_job *j) {
    cli_job_head(
        j, sp_report_comparison_head(j->session.clips.names.width, &((cli_compare_job *)j)->setup),
        NULL);
}

static void print_summary(cli_job *j) {
    const cli_compare_job *own = (const cli_compare_job *)j;
    putchar('\n');
    cli_print(sp_report_comparison_table(&own->totals, &own->setup));
    cli_windows_says(&j->session, own->longer, own->hop);
    cli_asks_says(&j->session);
    cli_norm_says(j->options);
    cli_job_seconds(j);
}

/* A row of the second table. */
static void put_total(const cli_compare_job *own, char *json) {
    if (json && own->total_rows) {
        cli_rows_put(own->total_rows, json, NULL);
    }
    if (own->base.options->json) {
        cli_print(json);
    } else {
        free(json);
    }
}

static int put_totals(cli_job *j) {
    const cli_compare_job *own = (const cli_compare_job *)j;
    cli_compare_page_curves(own);
    const sp_comparison_setup *setup = &own->setup;
    for (size_t b = 0; b < setup->budgets; b++) {
        for (size_t m = 0; m < setup->methods + (setup->attacker != NULL); m++) {
            put_total(own, sp_report_comparison_json(&own->totals, setup, b, m));
        }
    }
    for (size_t m = 0; m < setup->methods; m++) {
        put_total(own, sp_report_comparison_radii_json(&own->totals, setup, m));
    }
    for (size_t m = 0; m + 1 < setup->methods; m++) {
        for (size_t b = 0; b <= setup->budgets; b++) {
            put_total(own, sp_report_comparison_paired_json(&own->totals, setup, b, m));
        }
    }
    if (j->rows && j->rows->out) {
        cli_rows_block(j->rows, sp_report_comparison_latex(&own->totals, setup));
    }
    return -1;
}

/* ---- one model ---- */

/* From quiet to loud when all budgets have one unit; as given otherwise. */
static void sort_budgets(cli_compare_job *own) {
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

static int prepare(cli_job *j) {
    cli_compare_job *own = (cli_compare_job *)j;
    const cli_options *options = j->options;
    size_t known = 0;
    const sp_method *table = sp_methods(&known);
    const size_t count = options->method_count ? options->method_count : known;
    const sp_method **methods = calloc(count, sizeof *methods);
    own->order = calloc(options->budgets, sizeof *own->order);
    if (!methods || !own->order ||
        sp_comparison_totals_init(NULL, &own->totals, options->budgets, count) != SP_OK) {
        free(methods);
        return cli_clips_out_of_memory(&j->session.clips);
    }
    for (size_t m = 0; m < count; m++) {
        methods[m] = options->method_count ? options->methods[m] : &table[m];
    }
    int code =
        cli_pipelines_open(&own->pipelines, &j->session, methods, count, j->records.merged != NULL);
    free(methods);
    sort_budgets(own);
    own->setup = (sp_comparison_setup){.methods = own->pipelines.count,
                                       .budgets = options->budgets,
                                       .pipeline = own->pipelines.list,
                                       .budget = options->budget,
                                       .text = options->budget_text,
                                       .quiet_first = own->order,
                                       .attacker = options->no_attack ? NULL : &j->attacker,
                                       .attack = cli_attack_options(options, NULL),
                                       .timeout = options->timeout};
    if (code < 0) {
        code = cli_windows_hop_read(&own->hop, j->command, options->own[CLI_COMPARE_HOP]);
    }
    if (code < 0 && !cli_compare_page_begin(own)) {
        code = cli_clips_out_of_memory(&j->session.clips);
    }
    return code < 0 && !options->no_attack && !j->records.merged
               ? cli_attacker_open(&j->attacker, &j->session)
               : code;
}

static void end(cli_job *j, void *of) {
    (void)j;
    sp_comparison_clear(&((item *)of)->comparison);
}

static void clear(cli_job *j) {
    cli_compare_job *own = (cli_compare_job *)j;
    cli_pipelines_clear(&own->pipelines);
    free(own->order);
    sp_comparison_totals_clear(&own->totals);
}

const cli_steps cli_compare_steps = {.item = sizeof(item),
                                     .partial = true,
                                     .quiet = true,
                                     .budget = true,
                                     .prepare = prepare,
                                     .head = print_head,
                                     .recall = recall,
                                     .work = work,
                                     .emit = emit,
                                     .end = end,
                                     .finish = put_totals,
                                     .summary = print_summary,
                                     .clear = clear};
