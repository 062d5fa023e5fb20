/* soundproof certify: the work on a group of clips, with certificates, boxes and journals. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/pool.h"
#include "cli/certify/certify_job.h"

static cli_certify_clip *item_of(const cli_job *j, size_t clip) {
    return cli_job_item(j, clip);
}

/* ---- a group of clips: one, or as many as a device bounds together ---- */

typedef struct group {
    cli_job *job;
    size_t first, count;
    sp_clip *clip;         /* [count] */
    cli_windows *windows;  /* [count] of those that are longer than the model's window */
    sp_certify_item *work; /* [count, budgets]; those that can be used come first */
    size_t works;
    cli_proof_one *proof; /* [count, budgets]; NULL without --proof */
} group;

static void fail_item(cli_job *j, cli_certify_clip *it) {
    const sp_class_names *names = cli_session_names(&j->session);
    for (size_t b = 0; b < j->options->budgets; b++) {
        if (it->known[b]) {
            sp_verdict_clear(&it->verdict[b]);
        }
        it->known[b] = false;
        cli_verdict_fail(&it->verdict[b], &it->err, it->label, names);
    }
}

static bool wants_nothing(const cli_job *j, const cli_certify_clip *it) {
    size_t known = 0;
    for (size_t b = 0; b < j->options->budgets; b++) {
        known += it->known[b];
    }
    return known == j->options->budgets;
}

static void read_clip(void *context, size_t index) {
    group *g = context;
    cli_job *j = g->job;
    cli_certify_clip *it = item_of(j, g->first + index);
    if (wants_nothing(j, it)) {
        return;
    }
    sp_status status = cli_clips_read(&it->err, &g->clip[index], &it->label, &j->session.clips,
                                      g->first + index, j->session.files.front);
    if (status == SP_OK) {
        status = cli_windows_cut(&it->err, &g->windows[index], &j->session, &g->clip[index],
                                 it->label, (size_t)((const cli_certify_job *)j)->hop);
    }
    it->longer = it->record.longer = g->windows[index].count > 0;
    it->usable = status == SP_OK;
    if (!it->usable) {
        fail_item(j, it);
    }
}

static void list_work(group *g) {
    const cli_options *options = g->job->options;
    const sp_budget *budget = options->budget;
    for (size_t i = 0; i < g->count; i++) {
        cli_certify_clip *it = item_of(g->job, g->first + i);
        for (size_t b = 0; it->usable && !it->longer && b < options->budgets; b++) {
            if (!it->known[b]) {
                g->work[g->works++] = (sp_certify_item){.clip = &g->clip[i],
                                                        .budget = &budget[b],
                                                        .label = it->label,
                                                        .verdict = &it->verdict[b]};
            }
        }
    }
}

static void attack_work(void *context, size_t index) {
    const group *g = context;
    const cli_job *j = g->job;
    const sp_certify_item *work = &g->work[index];
    if (work->verdict->kind == SP_VERDICT_UNKNOWN) {
        const size_t clip = g->first + (size_t)(work->clip - g->clip);
        const sp_attack_options attack =
            cli_attack_options(j->options, j->session.clips.file[clip]);
        sp_attack_verdict(work->verdict, &j->attacker, work->clip, work->budget, work->label,
                          &attack);
    }
}

/* ---- certificates ---- */

/* What each item leaves while it is proved. */
static void begin_proofs(group *g) {
    const cli_certify_job *own = (const cli_certify_job *)g->job;
    for (size_t i = 0; g->proof && i < g->works; i++) {
        sp_certify_item *work = &g->work[i];
        g->proof[i] = (cli_proof_one){
            .proof = &own->proof,
            .index = g->first + (size_t)(work->clip - g->clip),
            .clip = work->clip,
            .budget = work->budget,
            .budget_text = g->job->options->budget_text[work->budget - g->job->options->budget],
            .verdict = work->verdict};
        cli_proof_begin(&g->proof[i]);
        work->keep = &g->proof[i].keep;
    }
}

static void end_proofs(const group *g) {
    for (size_t i = 0; g->proof && i < g->works; i++) {
        sp_error err = {0};
        if (cli_proof_end(&err, &g->proof[i]) != SP_OK) {
            item_of(g->job, g->proof[i].index)->unproved = err;
        }
    }
}

/* Boxes of whatever has a verdict, and time. */
static void dump_work(void *context, size_t index) {
    const group *g = context;
    const cli_job *j = g->job;
    const sp_certify_item *work = &g->work[index];
    const cli_certify_clip *it = item_of(j, g->first + (size_t)(work->clip - g->clip));
    if (work->verdict->kind != SP_VERDICT_ERROR && work->verdict->kind != SP_VERDICT_TIMEOUT) {
        cli_dump_bounds(&it->part[work->budget - j->options->budget], &j->session.pipeline,
                        work->clip, work->budget, j->options->timeout);
    }
}

/* ---- the journal ---- */

static void part_of(const cli_job *j, char part[CLI_PART], size_t budget) {
    const cli_options *options = j->options;
    cli_record_part(part, options->attack ? "certify attack" : "certify", options->method,
                    options->front_rule, options->budget_text[budget]);
}

static void keep_clip(cli_job *j, cli_certify_clip *it) {
    char part[CLI_PART];
    for (size_t b = 0; it->record.on && b < j->options->budgets; b++) {
        if (!it->known[b]) {
            part_of(j, part, b);
            cli_record_keep(j, &it->record, part, sp_record_verdict(&it->verdict[b]));
        }
    }
}

/* A verdict whose certificate is gone is found out again. */
static bool has_proof(const cli_job *j, size_t clip, size_t budget, const sp_verdict *verdict) {
    const char *folder = j->options->own[CLI_CERTIFY_PROOF];
    if (!folder || verdict->kind != SP_VERDICT_CERTIFIED || j->records.merged) {
        return true;
    }
    char *path =
        cli_path_proof(folder, j->session.clips.names.name[clip], j->options->budget_text[budget]);
    const bool there = path && access(path, R_OK) == 0;
    free(path);
    return there;
}

static bool recall_clip(cli_job *j, size_t clip) {
    cli_certify_clip *it = item_of(j, clip);
    char part[CLI_PART];
    cli_record_open(&it->record, j, clip);
    it->label = it->record.label;
    for (size_t b = 0; b < j->options->budgets; b++) {
        const sp_json *result = NULL;
        sp_verdict *verdict = &it->verdict[b];
        part_of(j, part, b);
        sp_json *line = cli_record_find(&result, j, &it->record, part);
        if (line && sp_record_take_verdict(verdict, result)) {
            verdict->names = cli_session_names(&j->session);
            it->known[b] = cli_record_settled(j, verdict->kind) && has_proof(j, clip, b, verdict);
            if (!it->known[b]) {
                sp_verdict_clear(verdict);
            }
        }
        sp_json_destroy(line);
    }
    it->longer = it->record.longer;
    return wants_nothing(j, it);
}

bool cli_certify_recall(cli_job *j, size_t unit) {
    const size_t first = unit * j->group, end = first + j->group;
    bool whole = true;
    for (size_t i = first; i < end && i < j->session.clips.count; i++) {
        whole = recall_clip(j, i) && whole;
    }
    return whole;
}

/* All budgets, also those that are known. */
static void ask_windows(const group *g, size_t index) {
    const cli_job *j = g->job;
    const cli_options *options = j->options;
    cli_certify_clip *it = item_of(j, g->first + index);
    const sp_attack_options attack =
        cli_attack_options(options, j->session.clips.file[g->first + index]);
    for (size_t b = 0; b < options->budgets; b++) {
        sp_verdict_clear(&it->verdict[b]);
        it->known[b] = false;
        cli_windows_certify(&it->verdict[b], &g->windows[index], &j->session.pipeline,
                            &options->budget[b], options->timeout,
                            options->attack ? &j->attacker : NULL, &attack);
    }
}

static void certify_group(group *g) {
    const cli_options *options = g->job->options;
    sp_error err = {0};
    sp_pool_run(g->count, 0, read_clip, g);
    list_work(g);
    begin_proofs(g);
    if (sp_certify_all(&err, &g->job->session.pipeline, g->work, g->works, options->timeout) !=
        SP_OK) {
        for (size_t i = 0; i < g->count; i++) {
            item_of(g->job, g->first + i)->err = err;
            fail_item(g->job, item_of(g->job, g->first + i));
        }
    } else if (options->attack) {
        sp_pool_run(g->works, 0, attack_work, g);
    }
    end_proofs(g);
    if (((const cli_certify_job *)g->job)->dump != NULL) {
        sp_pool_run(g->works, 0, dump_work, g);
    }
    for (size_t i = 0; i < g->count; i++) {
        cli_certify_clip *it = item_of(g->job, g->first + i);
        if (it->usable && it->longer) {
            ask_windows(g, i);
        }
        cli_windows_clear(&g->windows[i]);
        keep_clip(g->job, item_of(g->job, g->first + i));
        sp_clip_clear(&g->clip[i]);
    }
}

void cli_certify_work(void *context, size_t index) {
    cli_job *j = context;
    const size_t first = index * j->group, left = j->session.clips.count - first;
    const size_t count = left < j->group ? left : j->group;
    group g = {.job = j,
               .first = first,
               .count = count,
               .clip = calloc(count, sizeof *g.clip),
               .windows = calloc(count, sizeof *g.windows),
               .work = calloc(count * j->options->budgets, sizeof *g.work)};
    const bool proves = j->options->own[CLI_CERTIFY_PROOF] != NULL;
    if (proves) {
        g.proof = calloc(count * j->options->budgets, sizeof *g.proof);
    }
    const bool taken = g.clip && g.windows && g.work && (g.proof || !proves);
    if (taken) {
        certify_group(&g);
    }
    for (size_t i = 0; i < count && !taken; i++) {
        cli_certify_clip *it = item_of(j, first + i);
        sp_fail(&it->err, SP_E_MEMORY, "out of memory for %zu clips", count);
        fail_item(j, it);
    }
    free(g.clip);
    free(g.windows);
    free(g.work);
    free(g.proof);
}
