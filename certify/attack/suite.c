/* Searches beside the descents: towards the nearest boundary, and at random without gradients.
 * Sources: [FAB], [Square]. */
#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "base/random.h"
#include "certify/attack/descent.h"

#define OVERSHOOT 1.05 /* of a step to a boundary */
#define HOMESICK 0.1   /* how much of a step begins at the clip, at most */

/* Gradients of all leads, at the point that was heard last. */
static sp_status take_gradients(sp_error *err, sp_attack_descent *d) {
    sp_attack_descent_weigh(d);
    d->steps++;
    return sp_attacker_gradient(err, d->attacker, d->gradient, d->point, d->n, d->weight, d->leads,
                                d->deadline);
}

/* The lead whose boundary is nearest by its linearisation; *share: how much of the set reaches it.
 * None: none can be reached. */
static size_t nearest(const sp_attack_descent *d, const sp_query *query, double *share) {
    size_t best = SP_NO_LABEL;
    *share = INFINITY;
    for (size_t row = 0; row < d->leads; row++) {
        const double *slope = d->gradient + row * d->n; /* gradient[row,:] */
        const double support = sp_noise_support(&query->noise, slope, 0, d->n);
        sp_lead lead;
        (void)sp_lead_of(&lead, d->attacker->pipeline, d->verdict, d->lead[row]);
        const double part = sp_lead_value(&lead, d->logits) / support;
        if (support > 0.0 && part < *share) {
            *share = part;
            best = row;
        }
    }
    return best;
}

static void step_to(sp_attack_descent *d, const sp_query *query, size_t row, double share) {
    double *slope = d->gradient + row * d->n; /* gradient[row,:] */
    const double support = sp_noise_support(&query->noise, slope, 0, d->n);
    double back = 0.0;
    for (size_t i = 0; i < d->n; i++) {
        back += slope[i] * (d->clean[i] - d->x[i]);
        slope[i] = -slope[i];
    }
    const double of_clean = fmax(share + back / support, 0.0);
    const double part = share / (share + of_clean), alpha = part < HOMESICK ? part : HOMESICK;
    d->set->attain(d->before, slope, d->radius, d->n);
    for (size_t i = 0; i < d->n; i++) {
        const double from_x = d->x[i] + OVERSHOOT * share * d->before[i];
        const double from_clean = d->clean[i] + OVERSHOOT * of_clean * d->before[i];
        d->x[i] = (1.0 - alpha) * from_x + alpha * from_clean;
    }
    sp_attack_descent_project(d, d->x);
}

sp_status sp_attack_boundary(sp_error *err, sp_attack_descent *d, const sp_query *query,
                             size_t steps) {
    memcpy(d->x, d->clean, d->n * sizeof *d->x);
    for (size_t i = 0;; i++) {
        double margin = 0.0, share = 0.0;
        SP_TRY(sp_attack_descent_hear(err, d, &margin));
        if (sp_attack_descent_changed(d) || i >= steps) {
            return SP_OK;
        }
        SP_TRY(take_gradients(err, d));
        const size_t row = nearest(d, query, &share);
        if (row == SP_NO_LABEL) {
            return SP_OK; // flat: nothing says where to go
        }
        step_to(d, query, row, fmax(share, 0.0));
    }
}

/* A burst of one sign, or of signs that change every `period` samples, at full radius. */
static void set_burst(sp_attack_descent *d, sp_random *random, size_t length) {
    const size_t first = (size_t)(sp_random_unit(random) * (double)(d->n - length + 1));
    const size_t period = 1 + (size_t)(sp_random_unit(random) * 32.0);
    const double sign = sp_random_sign(random) < 0.0 ? -1.0 : 1.0;
    for (size_t i = first; i < first + length; i++) {
        const double turned = (i - first) / period % 2 > 0 ? -sign : sign;
        const double from = d->set->box ? d->clean[i] : d->x[i];
        d->x[i] = from + turned * d->radius[i];
    }
    sp_attack_descent_project(d, d->x);
}

sp_status sp_attack_square(sp_error *err, sp_attack_descent *d, uint64_t seed, size_t queries) {
    sp_random random = {sp_random_seed(seed)};
    double best = INFINITY;
    memcpy(d->x, d->clean, d->n * sizeof *d->x);
    for (size_t q = 0; q <= queries; q++) {
        double margin = 0.0;
        if (sp_clock_passed(d->deadline)) {
            return sp_fail(err, SP_E_TIMEOUT, "the time ran out in the attack");
        }
        memcpy(d->before, d->x, d->n * sizeof *d->before);
        if (q > 0) {
            const double share = 0.5 * pow(0.5, 8.0 * (double)q / (double)queries);
            const double length = fmax(share * (double)d->n, 1.0);
            set_burst(d, &random, (size_t)length);
        }
        SP_TRY(sp_attack_descent_hear(err, d, &margin));
        if (sp_attack_descent_changed(d)) {
            return SP_OK;
        }
        if (margin < best) {
            best = margin;
        } else {
            memcpy(d->x, d->before, d->n * sizeof *d->x);
        }
    }
    return SP_OK;
}
