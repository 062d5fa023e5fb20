/* Projected descent of a margin over a set of noisy clips: steepest steps (of a box, signs of the
 * gradient) with momentum and a length that halves when they stop paying.
 * Source: [AutoPGD]. */
#include "certify/attack/descent.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

#define INERTIA 0.75 /* weight of the new step against the last move */
#define PAYING 0.75  /* part of the steps that must improve for the step to stay */

sp_status sp_attack_descent_init(sp_error *err, sp_attack_descent *d, const sp_attacker *attacker,
                                 const sp_query *query) {
    const size_t n = query->clip->n, scores = query->verdict->classes;
    *d = (sp_attack_descent){.attacker = attacker, .n = n, .scores = scores};
    d->verdict = query->verdict;
    d->deadline = query->deadline;
    d->margin = INFINITY;
    d->clear = SP_ATTACK_CLEAR;
    d->lead = calloc(scores + SP_ATTACK_LEADS, sizeof *d->lead);
    d->leads =
        d->lead ? sp_lead_list(d->lead, SP_ATTACK_LEADS, attacker->pipeline, query->verdict) : 0;
    d->memory = calloc(9 * n + d->leads * (n + scores) + scores, sizeof *d->memory);
    if (!d->memory || !d->lead) {
        sp_attack_descent_clear(d);
        return sp_fail(err, SP_E_MEMORY, "out of memory to attack %zu samples", n);
    }
    double *at = d->memory;
    double **const vectors[9] = {&d->lo,   &d->hi,   &d->x,      &d->before, &d->point,
                                 &d->best, &d->home, &d->radius, &d->noise};
    for (int i = 0; i < 9; i++, at += n) {
        *vectors[i] = at;
    }
    d->gradient = at;
    d->weight = d->gradient + d->leads * n;
    d->logits = d->weight + d->leads * scores;
    return SP_OK;
}

void sp_attack_descent_clear(sp_attack_descent *d) {
    free(d->memory);
    free(d->lead);
    *d = (sp_attack_descent){0};
}

bool sp_attack_descent_changed(const sp_attack_descent *d) {
    return d->margin < -d->clear;
}

sp_status sp_attack_descent_margins(sp_error *err, sp_attack_descent *d, const sp_query *query,
                                    double *linear_margin) {
    sp_attack_descent_weigh(d);
    d->steps++;
    SP_TRY(sp_attacker_gradient(err, d->attacker, d->gradient, query->clip->samples, d->n,
                                d->weight, d->leads, d->deadline));
    for (size_t i = 0; i < d->leads; i++) {
        const double *slope = d->gradient + i * d->n; /* gradient[i,:] */
        sp_lead lead;
        (void)sp_lead_of(&lead, d->attacker->pipeline, d->verdict, d->lead[i]);
        linear_margin[i] = sp_lead_value(&lead, query->verdict->logits) -
                           sp_noise_support(&query->noise, slope, 0, d->n);
    }
    return SP_OK;
}

/* The objective of the margin at score k.   O weight [scores] */
static void weigh(const sp_attack_descent *d, double *weight, size_t k) {
    sp_lead lead;
    (void)sp_lead_of(&lead, d->attacker->pipeline, d->verdict, k);
    memset(weight, 0, d->scores * sizeof *weight);
    if (lead.plus != SP_NO_LABEL) {
        weight[lead.plus] += 1.0;
    }
    if (lead.minus != SP_NO_LABEL) {
        weight[lead.minus] -= 1.0;
    }
}

void sp_attack_descent_weigh(sp_attack_descent *d) {
    for (size_t i = 0; i < d->leads; i++) {
        weigh(d, d->weight + i * d->scores, d->lead[i]);
    }
}

/* What is lowered at the margin of score k, at the logits in d; its gradient by them in weight. The
 * sides of outputs have margins alone. */
static double value_at(sp_attack_descent *d, size_t k) {
    const size_t outputs = d->verdict->outputs;
    sp_lead lead;
    (void)sp_lead_of(&lead, d->attacker->pipeline, d->verdict, k);
    if (d->loss == SP_ATTACK_MARGIN || d->verdict->sides) {
        weigh(d, d->weight, k);
        return sp_lead_value(&lead, d->logits);
    }
    const size_t first = outputs > 0 ? k / outputs * outputs : 0;
    memset(d->weight, 0, d->scores * sizeof *d->weight);
    return sp_attack_loss_value(d->weight + first, d->logits + first,
                                outputs > 0 ? outputs : d->scores, lead.plus - first, k - first,
                                d->loss);
}

/* Hears the rounded x, keeps it when it is the best so far; *value: the margin over `target`, or
 * the least margin when that is SP_NO_LABEL. */
static sp_status run_model(sp_error *err, sp_attack_descent *d, size_t target, double *value,
                           size_t *runner_up) {
    const bool inside = sp_attack_descent_round(d, d->point, d->x);
    SP_TRY(sp_pipeline_run(err, d->attacker->pipeline, d->logits, d->point, d->n));
    const double least = sp_lead_least(d->attacker->pipeline, d->verdict, d->logits, runner_up);
    if (inside && least < d->margin) {
        d->margin = least;
        d->answer = *runner_up;
        memcpy(d->best, d->point, d->n * sizeof *d->best);
    }
    if (target != SP_NO_LABEL) {
        *runner_up = target;
    }
    *value = value_at(d, *runner_up);
    return SP_OK;
}

sp_status sp_attack_descent_hear(sp_error *err, sp_attack_descent *d, double *margin) {
    size_t runner_up = 0;
    return run_model(err, d, SP_NO_LABEL, margin, &runner_up);
}

static sp_status take_slope(sp_error *err, sp_attack_descent *d, size_t runner_up) {
    (void)value_at(d, runner_up);
    d->steps++;
    return sp_attacker_gradient(err, d->attacker, d->gradient, d->point, d->n, d->weight, 1,
                                d->deadline);
}

/* Of the samples of a clip that share a step of the size 1, if it is one of clicks. */
#define SPREAD (1.0 / 256.0)

/* The same in a ball. */
static void move_in_ball(sp_attack_descent *d, double size, bool first) {
    const double spread = fmax(SPREAD * size * (double)d->n, 1.0);
    double *next = d->point; // of the last run, which the gradient has used
    for (size_t i = 0; i < d->n; i++) {
        d->gradient[i] = -d->gradient[i];
    }
    d->set->ascend(next, d->gradient, d->radius, d->n, (size_t)spread);
    for (size_t i = 0; i < d->n; i++) {
        next[i] = d->x[i] + size * next[i];
    }
    sp_attack_descent_project(d, next);
    for (size_t i = 0; i < d->n && !first; i++) {
        next[i] =
            d->x[i] + INERTIA * (next[i] - d->x[i]) + (1.0 - INERTIA) * (d->x[i] - d->before[i]);
    }
    sp_attack_descent_project(d, next);
    memcpy(d->before, d->x, d->n * sizeof *d->before);
    memcpy(d->x, next, d->n * sizeof *d->x);
}

/* One step down: against the sign of the gradient, mixed with the last move. */
static void move(sp_attack_descent *d, double size, bool first) {
    for (size_t i = 0; i < d->n; i++) {
        const double x = d->x[i], lo = d->lo[i], hi = d->hi[i];
        const double reach = 0.5 * size * (hi - lo), slope = d->gradient[i];
        const double free = slope > 0.0 ? x - reach : slope < 0.0 ? x + reach : x;
        double next = fmin(fmax(free, lo), hi);
        if (!first) {
            next = x + INERTIA * (next - x) + (1.0 - INERTIA) * (x - d->before[i]);
            next = fmin(fmax(next, lo), hi);
        }
        d->before[i] = x;
        d->x[i] = next;
    }
}

/* When steps are judged: after 22 % of them, then after ever shorter stretches. */
typedef struct pace {
    size_t stretch, left, least, improved;
    double size;
    double best, best_before; /* of this descent */
} pace;

static pace start_pace(size_t steps) {
    const size_t first = (size_t)(0.22 * (double)steps) + 1;
    const size_t least = (size_t)(0.06 * (double)steps) + 1;
    return (pace){first, first, least, 0, 2.0, INFINITY, INFINITY};
}

/* Halves the step and returns to the best point when too few steps of the stretch have paid. */
static void judge(sp_attack_descent *d, pace *p) {
    if (--p->left > 0) {
        return;
    }
    const bool paid = (double)p->improved >= PAYING * (double)p->stretch;
    if (!paid || !(p->best < p->best_before)) {
        p->size *= 0.5;
        memcpy(d->x, d->home, d->n * sizeof *d->x);
        memcpy(d->before, d->home, d->n * sizeof *d->before);
        (void)sp_attack_descent_round(d, d->point, d->x);
    }
    p->best_before = p->best;
    p->improved = 0;
    p->stretch = p->stretch > p->least + 1 ? p->stretch - p->least / 2 - 1 : p->least;
    p->left = p->stretch;
}

sp_status sp_attack_descent_run(sp_error *err, sp_attack_descent *d, size_t target, size_t steps) {
    pace p = start_pace(steps);
    double last = INFINITY;
    for (size_t i = 0;; i++) {
        double value = 0.0;
        size_t runner_up = 0;
        if (sp_clock_passed(d->deadline)) {
            return sp_fail(err, SP_E_TIMEOUT, "the time ran out in the attack");
        }
        SP_TRY(run_model(err, d, target, &value, &runner_up));
        if (value < p.best) {
            p.best = value;
            memcpy(d->home, d->x, d->n * sizeof *d->home);
        }
        p.improved += value < last;
        last = value;
        if (sp_attack_descent_changed(d) || i >= steps) {
            return SP_OK;
        }
        if (i > 0) {
            judge(d, &p);
        }
        SP_TRY(take_slope(err, d, runner_up));
        (d->set->box ? move : move_in_ball)(d, p.size, i == 0);
    }
}
