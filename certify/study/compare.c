/* Several methods and an attack on the same clip and budgets, and what they add up to. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/pool.h"
#include "certify/study/study.h"

sp_status sp_comparison_init(sp_error *err, sp_comparison *comparison, size_t budgets,
                             size_t methods) {
    *comparison = (sp_comparison){.budgets = budgets, .methods = methods};
    comparison->verdict = calloc(budgets * methods, sizeof *comparison->verdict);
    comparison->attack = calloc(budgets, sizeof *comparison->attack);
    if (!comparison->verdict || !comparison->attack) {
        sp_comparison_clear(comparison);
        return sp_fail(err, SP_E_MEMORY, "out of memory for %zu verdicts", budgets * methods);
    }
    for (size_t i = 0; i < budgets * methods; i++) {
        sp_verdict_init(&comparison->verdict[i]);
    }
    for (size_t b = 0; b < budgets; b++) {
        sp_attack_init(&comparison->attack[b]);
    }
    return SP_OK;
}

void sp_comparison_clear(sp_comparison *comparison) {
    for (size_t i = 0; comparison->verdict && i < comparison->budgets * comparison->methods; i++) {
        sp_verdict_clear(&comparison->verdict[i]);
    }
    for (size_t b = 0; comparison->attack && b < comparison->budgets; b++) {
        sp_attack_clear(&comparison->attack[b]);
    }
    free(comparison->verdict);
    free(comparison->attack);
    *comparison = (sp_comparison){0};
}

/* ---- one clip ---- */

typedef struct work {
    sp_comparison *comparison;
    const sp_contest *contest;
    const sp_clip *clip;
    long label;
    const char *source;
} work;

/* The budgets from quiet to loud: noise that breaks the clip is tried first at the next one. */
static void attack_all(const work *w) {
    const sp_contest *contest = w->contest;
    sp_attack_options options = contest->attack;
    options.timeout = contest->timeout;
    options.source = w->source;
    options.out = NULL;
    options.hint = NULL;
    for (size_t i = 0; i < contest->budgets; i++) {
        const size_t b = contest->quiet_first[i];
        sp_attack *attack = &w->comparison->attack[b];
        (void)sp_attack_budget(NULL, attack, contest->attacker, w->clip, &contest->budget[b],
                               w->label, &options);
        options.hint = attack->real_broken ? attack->noise : options.hint;
    }
}

static void run_task(void *context, size_t index) {
    const work *w = context;
    const sp_contest *contest = w->contest;
    if (index == contest->budgets * contest->methods) {
        attack_all(w);
        return;
    }
    const size_t b = index / contest->methods, m = index % contest->methods;
    (void)sp_certify(NULL, &w->comparison->verdict[index], &contest->system[m], w->clip,
                     &contest->budget[b], w->label, contest->timeout);
}

void sp_compare(sp_comparison *comparison, const sp_contest *contest, const sp_clip *clip,
                long label, const char *source) {
    work w = {comparison, contest, clip, label, source};
    const size_t tasks = contest->budgets * contest->methods;
    sp_pool_run(tasks + (contest->attacker != NULL), 0, run_task, &w);
}

bool sp_comparison_contradicts(const sp_comparison *comparison, size_t budget, size_t method) {
    return comparison->verdict[budget * comparison->methods + method].kind ==
               SP_VERDICT_CERTIFIED &&
           comparison->attack[budget].real_broken;
}

/* ---- all clips ---- */

sp_status sp_standings_init(sp_error *err, sp_standings *standings, size_t budgets,
                            size_t methods) {
    *standings = (sp_standings){.budgets = budgets, .methods = methods};
    standings->method = calloc(budgets * methods, sizeof *standings->method);
    standings->attack = calloc(budgets, sizeof *standings->attack);
    if (!standings->method || !standings->attack) {
        sp_standings_clear(standings);
        return sp_fail(err, SP_E_MEMORY, "out of memory for the results of %zu methods", methods);
    }
    return SP_OK;
}

void sp_standings_clear(sp_standings *standings) {
    free(standings->method);
    free(standings->attack);
    *standings = (sp_standings){0};
}

static bool heard_rightly(const sp_verdict *verdict) {
    return verdict->kind != SP_VERDICT_ERROR && verdict->kind != SP_VERDICT_MISCLASSIFIED;
}

static void add_verdict(sp_standing *standing, const sp_verdict *verdict) {
    standing->clips++;
    standing->certified += verdict->kind == SP_VERDICT_CERTIFIED;
    standing->seconds += verdict->seconds;
    if (isfinite(verdict->margin)) {
        standing->margins++;
        standing->margin += verdict->margin;
    }
}

static void add_attack(sp_standing *standing, const sp_attack *attack) {
    standing->clips++;
    standing->broken += attack->real_broken;
    standing->broken_file += attack->verdict.kind == SP_VERDICT_BROKEN;
    standing->seconds += attack->verdict.seconds;
    if (isfinite(attack->real_margin)) {
        standing->margins++;
        standing->margin += attack->real_margin;
    }
}

void sp_standings_add(sp_standings *standings, const sp_comparison *comparison) {
    bool heard = false, right = false;
    for (size_t i = 0; i < standings->budgets * standings->methods; i++) {
        const sp_verdict *verdict = &comparison->verdict[i];
        heard = heard || verdict->kind != SP_VERDICT_ERROR;
        if (heard_rightly(verdict)) {
            right = true;
            add_verdict(&standings->method[i], verdict);
        }
    }
    for (size_t b = 0; b < standings->budgets; b++) {
        if (heard_rightly(&comparison->attack[b].verdict)) {
            add_attack(&standings->attack[b], &comparison->attack[b]);
        }
    }
    standings->heard += heard;
    standings->right += right;
}
