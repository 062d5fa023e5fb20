/* Several methods and an attack on the same clip and budgets, and what they add up to. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/pool.h"
#include "certify/study/study.h"

sp_status sp_comparison_init(sp_error *err, sp_comparison *comparison, size_t budgets,
                             size_t methods) {
    *comparison = (sp_comparison){.budgets = budgets, .methods = methods};
    comparison->verdict = calloc(budgets * methods, sizeof *comparison->verdict);
    comparison->attack = calloc(budgets, sizeof *comparison->attack);
    comparison->known = calloc(budgets * methods + 1, sizeof *comparison->known);
    if (!comparison->verdict || !comparison->attack || !comparison->known) {
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
    free(comparison->known);
    *comparison = (sp_comparison){0};
}

/* ---- one clip ---- */

typedef struct work {
    sp_comparison *comparison;
    const sp_comparison_setup *setup;
    const sp_comparison_asks *asks;
    const char *source;
} work;

/* The budgets from quiet to loud: noise that breaks the clip is tried first at the next one. */
static void attack_all(const work *w) {
    const sp_comparison_setup *setup = w->setup;
    sp_attack_options options = setup->attack;
    options.timeout = setup->timeout;
    options.source = w->source;
    options.out = NULL;
    options.hint = NULL;
    for (size_t i = 0; i < setup->budgets; i++) {
        const size_t b = setup->quiet_first[i];
        sp_attack *attack = &w->comparison->attack[b];
        w->asks->attack(w->asks->of, attack, setup->attacker, &setup->budget[b], &options);
        options.hint = attack->real_broken ? attack->noise : options.hint;
    }
}

static void run_task(void *context, size_t index) {
    const work *w = context;
    const sp_comparison_setup *setup = w->setup;
    const sp_comparison *comparison = w->comparison;
    const size_t b = index / setup->methods, m = index % setup->methods;
    if (comparison->known[index]) {
        return;
    }
    if (index == setup->budgets * setup->methods) {
        attack_all(w);
    } else {
        w->asks->certify(w->asks->of, &w->comparison->verdict[index], &setup->pipeline[m],
                         &setup->budget[b], setup->timeout);
    }
    if (comparison->finished) {
        comparison->finished(comparison->context, comparison, index);
    }
}

void sp_comparison_run_asks(sp_comparison *comparison, const sp_comparison_setup *setup,
                            const sp_comparison_asks *asks, const char *source) {
    work w = {comparison, setup, asks, source};
    const size_t tasks = setup->budgets * setup->methods;
    sp_pool_run(tasks + (setup->attacker != NULL), 0, run_task, &w);
    comparison->interrupted = sp_clock_stopped();
}

typedef struct labelled {
    const sp_clip *clip;
    long label;
} labelled;

static void certify_clip(const void *of, sp_verdict *verdict, const sp_pipeline *pipeline,
                         const sp_budget *budget, double timeout) {
    const labelled *l = of;
    (void)sp_certify(NULL, verdict, pipeline, l->clip, budget, l->label, timeout);
}

static void attack_clip(const void *of, sp_attack *attack, const sp_attacker *attacker,
                        const sp_budget *budget, const sp_attack_options *options) {
    const labelled *l = of;
    (void)sp_attack_budget(NULL, attack, attacker, l->clip, budget, l->label, options);
}

void sp_comparison_run(sp_comparison *comparison, const sp_comparison_setup *setup,
                       const sp_clip *clip, long label, const char *source) {
    const labelled of = {clip, label};
    sp_comparison_run_asks(comparison, setup, &(sp_comparison_asks){&of, certify_clip, attack_clip},
                           source);
}

bool sp_comparison_contradicts(const sp_comparison *comparison, size_t budget, size_t method) {
    const sp_verdict *verdict = &comparison->verdict[budget * comparison->methods + method];
    bool broken = comparison->attack[budget].real_broken;
    for (size_t b = 0; b < comparison->budgets; b++) {
        const sp_attack *attack = &comparison->attack[b];
        broken = broken || (attack->real_broken && attack->verdict.set == verdict->set &&
                            attack->verdict.eps <= verdict->eps);
    }
    return verdict->kind == SP_VERDICT_CERTIFIED && broken;
}

/* ---- all clips ---- */

sp_status sp_comparison_totals_init(sp_error *err, sp_comparison_totals *totals, size_t budgets,
                                    size_t methods) {
    *totals = (sp_comparison_totals){.budgets = budgets, .methods = methods};
    totals->method = calloc(budgets * methods, sizeof *totals->method);
    totals->attack = calloc(budgets, sizeof *totals->attack);
    totals->quiet_heard = calloc(budgets, sizeof *totals->quiet_heard);
    totals->quiet_right = calloc(budgets, sizeof *totals->quiet_right);
    if (!totals->method || !totals->attack || !totals->quiet_heard || !totals->quiet_right) {
        sp_comparison_totals_clear(totals);
        return sp_fail(err, SP_E_MEMORY, "out of memory for the results of %zu methods", methods);
    }
    return SP_OK;
}

void sp_comparison_totals_clear(sp_comparison_totals *totals) {
    free(totals->method);
    free(totals->attack);
    free(totals->quiet_heard);
    free(totals->quiet_right);
    free(totals->sample);
    *totals = (sp_comparison_totals){0};
}

static bool heard_rightly(const sp_verdict *verdict) {
    return verdict->kind != SP_VERDICT_ERROR && verdict->kind != SP_VERDICT_MISCLASSIFIED;
}

static bool counts(const sp_comparison *comparison, const sp_verdict *verdict) {
    return heard_rightly(verdict) &&
           !(comparison->interrupted && verdict->kind == SP_VERDICT_TIMEOUT);
}

static void add_verdict(sp_comparison_sum *sum, const sp_verdict *verdict) {
    sum->clips++;
    sum->certified += verdict->kind == SP_VERDICT_CERTIFIED;
    sum->vacuous += sp_verdict_is_vacuous(verdict);
    sum->timeouts += verdict->kind == SP_VERDICT_TIMEOUT;
    sum->seconds += verdict->seconds;
    if (isfinite(verdict->margin)) {
        sum->margins++;
        sum->margin += verdict->margin;
    }
}

static void add_attack(sp_comparison_sum *sum, const sp_attack *attack) {
    sum->clips++;
    sum->broken += attack->real_broken;
    sum->timeouts += attack->verdict.kind == SP_VERDICT_TIMEOUT;
    sum->broken_file += attack->verdict.kind == SP_VERDICT_BROKEN;
    sum->seconds += attack->verdict.seconds;
    if (isfinite(attack->real_margin)) {
        sum->margins++;
        sum->margin += attack->real_margin;
    }
}

/* The loudest certified budget, relative to the clip or, of sequences, as it is. */
static double radius_of(const sp_comparison *comparison, size_t method) {
    double radius = 0.0;
    for (size_t b = 0; b < comparison->budgets; b++) {
        const sp_verdict *v = &comparison->verdict[b * comparison->methods + method];
        const double size =
            isfinite(v->scale.db_peak) ? pow(10.0, v->scale.db_peak / 20.0) : v->eps;
        if (!counts(comparison, v)) {
            return NAN;
        }
        if (v->kind == SP_VERDICT_CERTIFIED && size > radius) {
            radius = size;
        }
    }
    return radius;
}

/* Before the clip is counted. */
static void add_sample(sp_comparison_totals *totals, const sp_comparison *comparison) {
    const size_t verdicts = totals->budgets * totals->methods, wide = verdicts + totals->methods;
    if (totals->right == totals->room && !totals->lost) {
        const size_t room = 2 * totals->room + 16;
        double *grown = realloc(totals->sample, room * wide * sizeof *grown);
        totals->lost = grown == NULL;
        totals->sample = grown ? grown : totals->sample;
        totals->room = grown ? room : totals->room;
    }
    if (totals->lost) {
        return;
    }
    double *row = totals->sample + totals->right * wide;
    for (size_t i = 0; i < verdicts; i++) {
        row[i] = counts(comparison, &comparison->verdict[i]) ? comparison->verdict[i].margin : NAN;
    }
    for (size_t m = 0; m < totals->methods; m++) {
        row[verdicts + m] = radius_of(comparison, m);
    }
}

void sp_comparison_column(const sp_comparison_totals *totals, double *values, size_t budget,
                          size_t method) {
    const size_t wide = (totals->budgets + 1) * totals->methods;
    for (size_t i = 0; i < totals->right; i++) {
        values[i] =
            totals->lost ? NAN : totals->sample[i * wide + budget * totals->methods + method];
    }
}

void sp_comparison_totals_add(sp_comparison_totals *totals, const sp_comparison *comparison) {
    bool heard = false, right = false;
    for (size_t i = 0; i < totals->budgets * totals->methods; i++) {
        const sp_verdict *verdict = &comparison->verdict[i];
        heard = heard || counts(comparison, verdict) || verdict->kind == SP_VERDICT_MISCLASSIFIED;
        if (counts(comparison, verdict)) {
            right = true;
            add_verdict(&totals->method[i], verdict);
        }
    }
    for (size_t b = 0; b < totals->budgets; b++) {
        if (counts(comparison, &comparison->attack[b].verdict)) {
            add_attack(&totals->attack[b], &comparison->attack[b]);
        }
    }
    if (right) {
        add_sample(totals, comparison);
    }
    totals->heard += heard;
    totals->right += right;
    for (size_t b = 0; heard && b < totals->budgets; b++) {
        const bool quiet = comparison->verdict[b * totals->methods].scale.vacuous;
        totals->quiet_heard[b] += quiet;
        totals->quiet_right[b] += quiet && right;
    }
}

double sp_comparison_share(size_t part, size_t whole) {
    return whole > 0 ? 100.0 * (double)part / (double)whole : NAN;
}
