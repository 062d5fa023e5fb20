/* soundproof certify: a verdict for every clip and budget. */
#include "cli/impl.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/pool.h"

/* One clip with a verdict per budget. */
typedef struct item {
    long label; /* -1: the model's own answer */
    int bits;
    bool usable;
    sp_error err;        /* of reading the clip or its label */
    sp_verdict *verdict; /* [budgets] owned */
} item;

typedef struct job {
    const cli_options *options;
    cli_session session;
    sp_attacker attacker; /* with --attack */
    item *item;           /* [clips] */
    sp_tally *tally;      /* [budgets] */
    size_t own_labels;    /* clips whose label is the model's own answer */
    bool failed;
} job;

/* ---- a group of clips ---- */

typedef struct group {
    job *job;
    size_t first, count;
    sp_clip *clip;         /* [count] */
    sp_certify_item *work; /* [count, budgets]; those that can be used come first */
    size_t works;
} group;

static void fail_item(const job *j, item *it) {
    for (size_t b = 0; b < j->options->budgets; b++) {
        sp_verdict_init(&it->verdict[b]);
        if (it->label >= 0) {
            it->verdict[b].label = (size_t)it->label;
        }
        snprintf(it->verdict[b].reason, sizeof it->verdict[b].reason, "%s", it->err.text);
    }
}

static void read_clip(void *context, size_t index) {
    group *g = context;
    job *j = g->job;
    item *it = &j->item[g->first + index];
    const sp_status status =
        cli_clips_read(&it->err, &g->clip[index], &it->label, &j->session.clips, g->first + index,
                       j->session.source.front);
    it->usable = status == SP_OK;
    if (it->usable) {
        it->bits = g->clip[index].bits;
    } else {
        fail_item(j, it);
    }
}

static void list_work(group *g) {
    const cli_options *options = g->job->options;
    for (size_t i = 0; i < g->count; i++) {
        item *it = &g->job->item[g->first + i];
        for (size_t b = 0; it->usable && b < options->budgets; b++) {
            g->work[g->works++] =
                (sp_certify_item){&g->clip[i], &options->budget[b], it->label, &it->verdict[b]};
        }
    }
}

static void attack_work(void *context, size_t index) {
    const group *g = context;
    const job *j = g->job;
    const sp_certify_item *work = &g->work[index];
    if (work->verdict->kind == SP_VERDICT_UNKNOWN) {
        const size_t clip = g->first + (size_t)(work->clip - g->clip);
        const sp_attack_options attack =
            cli_attack_options(j->options, j->session.clips.file[clip]);
        sp_attack_verdict(work->verdict, &j->attacker, work->clip, work->budget, work->label,
                          &attack);
    }
}

static void certify_group(group *g) {
    const cli_options *options = g->job->options;
    sp_error err = {0};
    sp_pool_run(g->count, 0, read_clip, g);
    list_work(g);
    if (sp_certify_all(&err, &g->job->session.pipeline, g->work, g->works, options->timeout) !=
        SP_OK) {
        for (size_t i = 0; i < g->count; i++) {
            g->job->item[g->first + i].err = err;
            fail_item(g->job, &g->job->item[g->first + i]);
        }
    } else if (options->attack) {
        sp_pool_run(g->works, 0, attack_work, g);
    }
    for (size_t i = 0; i < g->count; i++) {
        sp_clip_clear(&g->clip[i]);
    }
}

static void work(void *context, size_t index) {
    job *j = context;
    const size_t first = index * sp_certify_group(), left = j->session.clips.count - first;
    const size_t count = left < sp_certify_group() ? left : sp_certify_group();
    group g = {.job = j,
               .first = first,
               .count = count,
               .clip = calloc(count, sizeof *g.clip),
               .work = calloc(count * j->options->budgets, sizeof *g.work)};
    const bool taken = g.clip && g.work;
    if (taken) {
        certify_group(&g);
    }
    for (size_t i = 0; i < count && !taken; i++) {
        sp_fail(&j->item[first + i].err, SP_E_MEMORY, "out of memory for %zu clips", count);
        fail_item(j, &j->item[first + i]);
    }
    free(g.clip);
    free(g.work);
}

/* ---- printing, in the order of the clips ---- */

static void warn_vacuous(const job *j, const char *path, const item *it) {
    for (size_t b = 0; b < j->options->budgets; b++) {
        const sp_budget_scale *scale = &it->verdict[b].scale;
        const sp_verdict_kind kind = it->verdict[b].kind;
        if (scale->vacuous && kind != SP_VERDICT_ERROR && kind != SP_VERDICT_MISCLASSIFIED) {
            cli_complain(
                "%s: %s is only %.2g LSB, less than half a step of %d-bit samples: no other "
                "%d-bit clip is that close, so the verdict is vacuous for files of this format",
                path, j->options->budget_text[b], scale->lsb, it->bits, it->bits);
            return;
        }
    }
}

static void complain_errors(job *j, const char *path, const item *it) {
    const char *last = "";
    for (size_t b = 0; b < j->options->budgets; b++) {
        const sp_verdict *verdict = &it->verdict[b];
        if (verdict->kind == SP_VERDICT_ERROR) {
            j->failed = true;
            if (strcmp(last, verdict->reason) != 0) {
                cli_complain_about(path, verdict->reason);
            }
            last = verdict->reason;
        }
    }
}

static void emit_clip(job *j, size_t index) {
    item *it = &j->item[index];
    const char *path = j->session.clips.path[index];
    for (size_t b = 0; b < j->options->budgets; b++) {
        const sp_verdict *verdict = &it->verdict[b];
        sp_tally_add(&j->tally[b], verdict);
        if (j->options->json) {
            cli_print(sp_report_verdict_json(path, &j->session.pipeline, verdict));
        } else {
            cli_print(sp_report_verdict_row(j->session.clips.names.name[index],
                                            j->session.clips.names.width, verdict));
        }
        if (j->options->verbose && !j->options->json) {
            cli_print(sp_report_verdict_details(verdict));
        }
    }
    fflush(stdout);
    j->own_labels += it->label < 0 && it->verdict[0].label != SP_NO_LABEL;
    complain_errors(j, path, it);
    warn_vacuous(j, path, it);
    for (size_t b = 0; b < j->options->budgets; b++) {
        sp_verdict_clear(&it->verdict[b]);
    }
}

static void emit(void *context, size_t index) {
    job *j = context;
    const size_t first = index * sp_certify_group(), end = first + sp_certify_group();
    for (size_t i = first; i < end && i < j->session.clips.count; i++) {
        emit_clip(j, i);
    }
}

static void print_summary(const job *j, double seconds) {
    putchar('\n');
    for (size_t b = 0; b < j->options->budgets; b++) {
        cli_print(sp_report_summary(j->options->budget_text[b], &j->tally[b]));
    }
    if (j->own_labels > 0) {
        printf("For %zu of the clips the right answer is not known: what is certified is that the "
               "model's own answer stays what it is.\n",
               j->own_labels);
    }
    printf("Method %s, %.1f s on %d thread%s.\n", j->session.pipeline.method->name, seconds,
           sp_pool_threads(), sp_pool_threads() == 1 ? "" : "s");
}

/* ---- the whole run ---- */

static bool take_memory(job *j) {
    const size_t budgets = j->options->budgets, count = j->session.clips.count;
    j->item = calloc(count, sizeof *j->item);
    j->tally = calloc(budgets, sizeof *j->tally);
    bool taken = j->item && j->tally;
    for (size_t i = 0; taken && i < count; i++) {
        j->item[i].verdict = calloc(budgets, sizeof *j->item[i].verdict);
        taken = j->item[i].verdict != NULL;
    }
    return taken;
}

static int certify_all(job *j) {
    const double start = sp_clock_wall();
    const size_t count = j->session.clips.count;
    if (!take_memory(j)) {
        cli_complain("out of memory for %zu clips", count);
        return CLI_INPUT;
    }
    if (!j->options->json) {
        cli_print(sp_report_verdict_head(j->session.clips.names.width));
    }
    if (!cli_batch_run("certify", (count + sp_certify_group() - 1) / sp_certify_group(), work, emit,
                       j)) {
        cli_complain("out of memory for %zu clips", count);
        return CLI_INPUT;
    }
    if (!j->options->json) {
        print_summary(j, sp_clock_wall() - start);
    }
    return j->failed ? CLI_INPUT : CLI_OK;
}

static void clear_job(job *j) {
    for (size_t i = 0; j->item && i < j->session.clips.count; i++) {
        free(j->item[i].verdict);
    }
    free(j->item);
    free(j->tally);
    sp_attacker_clear(&j->attacker);
    cli_session_clear(&j->session);
}

static int run(const cli_options *options) {
    job j = {.options = options};
    int code = cli_budget_check(&cli_certify, options);
    if (code < 0) {
        code = cli_session_open(&j.session, &cli_certify, options);
    }
    if (code >= 0) {
        return code;
    }
    if (options->attack) {
        code = cli_attacker_open(&j.attacker, &j.session);
    }
    if (code < 0) {
        code = certify_all(&j);
    }
    clear_job(&j);
    return code;
}

const cli_command cli_certify = {
    .name = "certify",
    .arguments = "[OPTION...] CLIP.wav...",
    .summary = "prove that no noise within a budget changes the model's answer",
    .examples =
        "  soundproof certify --model M.onnx --front F.json --budget -70dB 8_theo_3.wav\n"
        "  soundproof certify --model M.onnx --front F.json --budget -80dB --budget -60dB *.wav\n"
        "  soundproof certify --model M.onnx --front F.json --budget 3lsb --label 8 take.wav\n"
        "  soundproof certify --model M.onnx --front F.json --budget 45dBsnr --manifest test.tsv "
        "--json\n"
        "  soundproof certify --model M.onnx --front F.json --budget -50dB --attack *.wav\n",
    .accepts = CLI_MODEL | CLI_FRONT | CLI_BUDGET | CLI_METHOD | CLI_FRONT_RELAX | CLI_LABEL |
               CLI_MANIFEST | CLI_AUDIO | CLI_TIMEOUT | CLI_DEVICE | CLI_PRECISION | CLI_THREADS |
               CLI_JSON | CLI_VERBOSE | CLI_ATTACK | CLI_EFFORT,
    .run = run,
};
