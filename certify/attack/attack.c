/* Attacks: descents of the margins from several starts, over all real noise of the set, then over
 * the clips of the sample format that lie in it. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "certify/attack/descent.h"
#include "certify/attack/replay.h"

/* How much louder than allowed the noise of a ladder is, rung by rung: where the answer changes
 * under louder noise, the descent continues from there in a smaller box. */
static const double ladder[] = {4.0, 2.8, 2.0, 1.4, 1.2, 1.1};
enum { RUNGS = sizeof ladder / sizeof ladder[0], FAVOURITES = 3 };

/* What one attack works with. */
typedef struct assault {
    const sp_problem *problem;
    const sp_attack_options *options;
    sp_descent descent;
    const double *hint; /* [n] noise of the first start, or NULL */
    size_t *favourite;  /* [classes - 1] owned; other labels, the most promising first */
    double *best;       /* [n] owned; the best point of the set */
    double margin;      /* least margin there; +inf: none yet */
    size_t answer;      /* the strongest other label there */
    bool whole;         /* only clips of the sample format */
    bool hopeless;      /* the answer does not change under much louder noise */
} assault;

sp_status sp_attacker_init(sp_error *err, sp_attacker *attacker, const sp_system *system) {
    *attacker = (sp_attacker){.system = system, .forms = system->forms};
    if (system->front_rule != SP_FRONT_JOINT) {
        SP_TRY(sp_front_forms_create(err, &attacker->own, system->front, SP_FRONT_JOINT));
        attacker->forms = attacker->own;
    }
    return SP_OK;
}

void sp_attacker_clear(sp_attacker *attacker) {
    sp_front_forms_destroy(attacker->own);
    *attacker = (sp_attacker){0};
}

void sp_attack_clear(sp_attack *attack) {
    free(attack->noise);
    sp_verdict_clear(&attack->verdict);
    attack->noise = NULL;
}

void sp_attack_init(sp_attack *attack) {
    *attack = (sp_attack){.real_margin = NAN,
                          .real_answer = SP_NO_LABEL,
                          .file_margin = NAN,
                          .original_margin = NAN,
                          .file_answer = SP_NO_LABEL,
                          .file_largest = NAN,
                          .file_snr_db = NAN};
    sp_verdict_init(&attack->verdict);
}

/* ---- starts ---- */

/* The other labels by the margin that the model linearised at the clip reaches in the set. */
static sp_status rank_labels(sp_error *err, assault *a) {
    const sp_descent *d = &a->descent;
    const sp_problem *problem = a->problem;
    double *promise = malloc(d->classes * sizeof *promise);
    sp_status status = promise ? sp_descent_promise(err, &a->descent, problem, promise)
                               : sp_fail(err, SP_E_MEMORY, "out of memory");
    size_t count = 0;
    for (size_t k = 0; status == SP_OK && k < d->classes; k++) {
        if (k == d->label) {
            continue;
        }
        size_t at = count++;
        for (; at > 0 && promise[k] < promise[a->favourite[at - 1]]; at--) {
            a->favourite[at] = a->favourite[at - 1];
        }
        a->favourite[at] = k;
    }
    free(promise);
    return status;
}

/* Start 0: the hint or the clip itself; 4, 8, ...: corners of the box; the others: points of it. */
static void take_start(assault *a, size_t start) {
    sp_descent *d = &a->descent;
    sp_random random = {sp_random_seed(a->options->seed) + start};
    for (size_t i = 0; i < d->n; i++) {
        const double lo = d->lo[i], hi = d->hi[i], u = sp_random_unit(&random);
        double x = a->problem->clip->samples[i];
        if (start == 0 && a->hint) {
            x += a->hint[i];
        } else if (start > 0) {
            x = start % 4 ? lo + u * (hi - lo) : u < 0.5 ? lo : hi;
        }
        d->x[i] = fmin(fmax(x, lo), hi);
    }
}

static bool take_box(assault *a, double scale) {
    return a->whole ? sp_descent_format_box(&a->descent, a->problem, scale)
                    : (sp_descent_real_box(&a->descent, a->problem, scale), true);
}

static bool changed(const assault *a) {
    return a->margin < -SP_ATTACK_CLEAR;
}

/* One descent in the box of the set itself; the best point of all of them is kept. */
static sp_status descend_once(sp_error *err, assault *a, size_t target, size_t steps) {
    sp_descent *d = &a->descent;
    d->margin = INFINITY;
    SP_TRY(sp_descent_run(err, d, target, steps));
    if (d->margin < a->margin) {
        a->margin = d->margin;
        a->answer = d->answer;
        memcpy(a->best, d->best, d->n * sizeof *a->best);
    }
    return SP_OK;
}

/* Down the ladder from the clip. */
static sp_status climb_down(sp_error *err, assault *a, size_t target, size_t steps) {
    sp_descent *d = &a->descent;
    memcpy(d->x, a->problem->clip->samples, d->n * sizeof *d->x);
    for (size_t rung = 0; rung < RUNGS && !a->hopeless; rung++) {
        (void)take_box(a, ladder[rung]);
        sp_descent_clamp(d, d->x);
        d->margin = INFINITY;
        SP_TRY(sp_descent_run(err, d, target, (steps + 1) / 2));
        memcpy(d->x, sp_descent_changed(d) ? d->best : d->home, d->n * sizeof *d->x);
        a->hopeless = rung == 0 && !sp_descent_changed(d);
    }
    (void)take_box(a, 1.0);
    sp_descent_clamp(d, d->x);
    return a->hopeless ? SP_OK : descend_once(err, a, target, steps);
}

/* Every second start comes down the ladder; the first two are after any label, the others after
 * the most promising ones. */
static sp_status descend(sp_error *err, assault *a) {
    const size_t starts = a->options->starts ? a->options->starts : SP_ATTACK_STARTS;
    const size_t steps = a->options->steps ? a->options->steps : SP_ATTACK_STEPS;
    const size_t others = a->descent.classes - 1;
    const size_t favourites = others < FAVOURITES ? others : FAVOURITES;
    a->margin = INFINITY;
    for (size_t start = 0; start < starts && !changed(a) && !a->hopeless; start++) {
        const size_t target = start < 2 ? SP_NO_LABEL : a->favourite[(start / 2 - 1) % favourites];
        if (start % 2 == 1) {
            SP_TRY(climb_down(err, a, target, steps));
        } else {
            take_start(a, start);
            SP_TRY(descend_once(err, a, target, steps));
        }
    }
    return SP_OK;
}

/* ---- the two searches ---- */

static void take_noise(const assault *a, sp_attack *attack) {
    for (size_t i = 0; i < a->descent.n; i++) {
        attack->noise[i] = a->best[i] - a->problem->clip->samples[i];
    }
}

static sp_status search_real(sp_error *err, assault *a, sp_attack *attack) {
    const sp_descent *d = &a->descent;
    a->whole = false;
    a->hint = a->options->hint;
    (void)take_box(a, 1.0);
    SP_TRY(descend(err, a));
    attack->noise = malloc(d->n * sizeof *attack->noise);
    if (!attack->noise) {
        return sp_fail(err, SP_E_MEMORY, "out of memory for %zu samples", d->n);
    }
    take_noise(a, attack);
    attack->real_margin = a->margin;
    attack->real_answer = a->answer;
    attack->real_broken = changed(a);
    return SP_OK;
}

static void explain(sp_verdict *verdict, const char *why, const sp_attack *attack) {
    snprintf(verdict->reason, sizeof verdict->reason,
             "real-valued noise of the set changes the answer to %zu, but %s", attack->real_answer,
             why);
}

/* The best clip of the format is written, read again and heard. */
static sp_status search_format(sp_error *err, assault *a, sp_attack *attack) {
    sp_verdict *verdict = a->problem->verdict;
    a->whole = true;
    a->hopeless = false;
    a->hint = attack->noise;
    if (!take_box(a, 1.0)) {
        explain(verdict, "no other clip of the file's sample format lies in it", attack);
        return SP_OK;
    }
    SP_TRY(descend(err, a));
    if (!changed(a)) {
        attack->file_margin = a->margin;
        attack->file_answer = a->answer;
        explain(verdict, "none was found that the file's sample format can hold", attack);
        return SP_OK;
    }
    SP_TRY(sp_replay(err, attack, a->problem, a->best, a->options));
    if (attack->file_margin < -SP_ATTACK_CLEAR) {
        verdict->kind = SP_VERDICT_BROKEN;
        take_noise(a, attack);
        snprintf(verdict->reason, sizeof verdict->reason,
                 "a file of the clip's sample format within the budget is answered %zu, not %zu",
                 attack->file_answer, verdict->label);
    } else {
        explain(verdict, "the file with it is not answered wrongly", attack);
    }
    return SP_OK;
}

static sp_status run_searches(sp_error *err, assault *a, sp_attack *attack) {
    sp_verdict *verdict = a->problem->verdict;
    verdict->kind = SP_VERDICT_UNKNOWN;
    SP_TRY(rank_labels(err, a));
    SP_TRY(search_real(err, a, attack));
    SP_TRY(sp_problem_attain(err, a->problem, a->best));
    if (!attack->real_broken) {
        snprintf(verdict->reason, sizeof verdict->reason,
                 "no noise was found that changes the answer: the least margin reached is %.4g, "
                 "over label %zu",
                 attack->real_margin, attack->real_answer);
        return SP_OK;
    }
    if (!a->options->source) {
        explain(verdict, "no file was written", attack);
        return SP_OK;
    }
    return search_format(err, a, attack);
}

typedef struct order {
    sp_attack *attack;
    const sp_attacker *attacker;
    const sp_attack_options *options;
} order;

static sp_status answer(sp_error *err, sp_problem *problem, void *context) {
    const order *o = context;
    if (problem->noise.kind != SP_NOISE_BOX) {
        return sp_fail(err, SP_E_UNSUPPORTED, "attacks search boxes of noise only");
    }
    assault a = {.problem = problem, .options = o->options};
    SP_TRY(sp_descent_init(err, &a.descent, o->attacker, problem));
    a.favourite = calloc(a.descent.classes, sizeof *a.favourite);
    a.best = calloc(a.descent.n, sizeof *a.best);
    const sp_status status = a.favourite && a.best ? run_searches(err, &a, o->attack)
                                                   : sp_fail(err, SP_E_MEMORY, "out of memory");
    o->attack->steps = a.descent.steps;
    free(a.best);
    free(a.favourite);
    sp_descent_clear(&a.descent);
    return status;
}

static sp_status attack_question(sp_error *err, sp_attack *attack, const sp_attacker *attacker,
                                 const sp_clip *clip, const sp_question *question,
                                 const sp_attack_options *options) {
    order o = {attack, attacker, options};
    sp_attack_init(attack);
    return sp_question_answer(err, &attack->verdict, attacker->system, clip, question, answer, &o);
}

sp_status sp_attack_budget(sp_error *err, sp_attack *attack, const sp_attacker *attacker,
                           const sp_clip *clip, const sp_budget *budget, long label,
                           const sp_attack_options *options) {
    const sp_question question = {budget, NULL, label, options->timeout};
    return attack_question(err, attack, attacker, clip, &question, options);
}

sp_status sp_attack_noise(sp_error *err, sp_attack *attack, const sp_attacker *attacker,
                          const sp_clip *clip, const sp_noise *noise, long label,
                          const sp_attack_options *options) {
    const sp_question question = {NULL, noise, label, options->timeout};
    return attack_question(err, attack, attacker, clip, &question, options);
}

void sp_verdict_attack(sp_verdict *verdict, const sp_attacker *attacker, const sp_clip *clip,
                       const sp_budget *budget, long label, const sp_attack_options *options) {
    sp_attack attack;
    (void)sp_attack_budget(NULL, &attack, attacker, clip, budget, label, options);
    if (attack.verdict.kind == SP_VERDICT_BROKEN) {
        verdict->kind = SP_VERDICT_BROKEN;
        snprintf(verdict->reason, sizeof verdict->reason, "%s", attack.verdict.reason);
    } else {
        const size_t used = strlen(verdict->reason);
        snprintf(verdict->reason + used, sizeof verdict->reason - used, "; attacked: %s",
                 attack.verdict.reason);
    }
    verdict->seconds += attack.verdict.seconds;
    verdict->cpu_seconds += attack.verdict.cpu_seconds;
    sp_attack_clear(&attack);
}
