/* One verdict, and one attack, of all windows of a recording. */
#include "cli/job/windows.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/pool.h"

sp_budget cli_windows_budget(const cli_windows *w, size_t i, const sp_budget *budget) {
    sp_budget own = *budget;
    own.profile = w->profile ? &w->profile[i] : NULL;
    return own;
}

void cli_windows_name(sp_verdict *verdict, const cli_windows *w, size_t i) {
    verdict->windows = w->all;
    verdict->first_frame = w->first[i];
    verdict->begin_s = (double)w->first[i] * w->step_s;
    if (verdict->reason[0]) {
        char reason[sizeof verdict->reason];
        snprintf(reason, sizeof reason, "in the window at %.2f s: %.460s", verdict->begin_s,
                 verdict->reason);
        memcpy(verdict->reason, reason, sizeof reason);
    }
}

static int rank(sp_verdict_kind kind) {
    switch (kind) {
    case SP_VERDICT_ERROR:
        return 0;
    case SP_VERDICT_MISCLASSIFIED:
        return 1;
    case SP_VERDICT_BROKEN:
        return 2;
    case SP_VERDICT_TIMEOUT:
        return 3;
    case SP_VERDICT_UNKNOWN:
        return 4;
    case SP_VERDICT_CERTIFIED:
        return 5;
    }
    return 0;
}

static bool is_worse(const sp_verdict *a, const sp_verdict *b) {
    const int p = rank(a->kind), q = rank(b->kind);
    return p < q || (p == q && !(a->margin >= b->margin) && !isnan(b->margin));
}

/* ---- verdicts ---- */

typedef struct window_task {
    const cli_windows *windows;
    const sp_pipeline *pipeline;
    const sp_budget *budget;
    double timeout;
    const sp_attacker *attacker;
    const sp_attack_options *attack;
    sp_verdict *verdict; /* [windows] */
} window_task;

static void certify_window(void *context, size_t index) {
    const window_task *task = context;
    const cli_windows *w = task->windows;
    const sp_budget budget = cli_windows_budget(w, index, task->budget);
    sp_verdict *verdict = &task->verdict[index];
    (void)sp_certify(NULL, verdict, task->pipeline, &w->part[index], &budget, w->label,
                     task->timeout);
    if (task->attacker && verdict->kind == SP_VERDICT_UNKNOWN) {
        sp_attack_verdict(verdict, task->attacker, &w->part[index], &budget, w->label,
                          task->attack);
    }
}

static void take_weakest(sp_verdict *to, const cli_windows *w, sp_verdict *verdict) {
    double seconds = 0.0, cpu = 0.0;
    size_t weakest = 0;
    for (size_t i = 0; i < w->count; i++) {
        weakest = is_worse(&verdict[i], &verdict[weakest]) ? i : weakest;
        seconds += verdict[i].seconds;
        cpu += verdict[i].cpu_seconds;
    }
    *to = verdict[weakest];
    verdict[weakest] = (sp_verdict){0};
    to->seconds = seconds;
    to->cpu_seconds = cpu;
    cli_windows_name(to, w, weakest);
    for (size_t i = 0; i < w->count; i++) {
        sp_verdict_clear(&verdict[i]);
    }
}

void cli_windows_certify(sp_verdict *verdict, const cli_windows *windows,
                         const sp_pipeline *pipeline, const sp_budget *budget, double timeout,
                         const sp_attacker *attacker, const sp_attack_options *attack) {
    const sp_error none = {.text = "out of memory for the windows of a recording"};
    sp_verdict *all = calloc(windows->count, sizeof *all);
    window_task task = {windows, pipeline, budget, timeout, attacker, attack, all};
    if (all) {
        sp_pool_run(windows->count, 0, certify_window, &task);
        take_weakest(verdict, windows, all);
    } else {
        cli_verdict_fail(verdict, &none, windows->label, pipeline->names);
    }
    free(all);
}

/* ---- attacks ---- */

/* Real-valued noise that breaks a window counts for more than how near others came. */
static bool is_nearer(const sp_attack *a, const sp_attack *b) {
    const bool failed = a->verdict.kind == SP_VERDICT_ERROR || b->verdict.kind == SP_VERDICT_ERROR;
    return !failed && a->real_broken != b->real_broken ? a->real_broken
                                                       : is_worse(&a->verdict, &b->verdict);
}

void cli_windows_attack(sp_attack *best, const cli_windows *w, const sp_attacker *attacker,
                        const sp_budget *budget, const sp_attack_options *options) {
    double seconds = 0.0;
    for (size_t k = 0; k < w->count; k++) {
        const size_t window = w->order[k];
        const sp_budget own = cli_windows_budget(w, window, budget);
        sp_attack attack;
        (void)sp_attack_budget(NULL, &attack, attacker, &w->part[window], &own, w->label, options);
        seconds += attack.verdict.seconds;
        cli_windows_name(&attack.verdict, w, window);
        const bool nearer = k == 0 || is_nearer(&attack, best);
        if (nearer && k > 0) {
            sp_attack_clear(best);
        }
        if (nearer) {
            *best = attack;
        } else {
            sp_attack_clear(&attack);
        }
        if (best->verdict.kind == SP_VERDICT_BROKEN) {
            break;
        }
    }
    best->verdict.seconds = seconds;
}
