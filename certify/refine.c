/* Preimage refinement. The last pass leaves for every row a line below its objective; noises where
 * that line is above a threshold are settled, and the others are the part of the set in a
 * halfspace. Every box is bounded again on that part alone: a proof by contradiction after [Kotha],
 * with the constraint kept as a halfspace of the samples. It pays where margins are lost to first
 * order; where boxes feed on themselves (docs/tried.md) the lines hardly depend on the samples.
 * Source: docs/theory/halfspaces.md 4. */
#include <math.h>

#include "base/clock.h"
#include "certify/schedule.h"

/* Settled margins, as a share of the one without noise. */
#define SETTLED 5e-3
/* A round must add this share of the method's depth for another one. */
#define GAIN (1.0 / 3.0)

/* offset over the largest slope . d of the set: -1 all of the set, 1 nothing but a corner. The
 * method says from where on boxes shrink enough to be worth a round. */
static double depth(const sp_halfspace *half, const sp_front_bound *front) {
    double largest = 0.0;
    for (size_t i = 0; i < front->padded; i++) {
        largest += fabs(half->slope[i]) * front->radius[i];
    }
    return largest > 0.0 ? half->offset / largest : -1.0;
}

/* Row r on the part of the set in `half`, which becomes the part that is left. */
static sp_status bound_part(sp_error *err, const sp_method *method, const sp_net *net,
                            const sp_objectives *o, size_t r, double *lower, double *error,
                            const sp_halfspace *half, sp_halfspace *left) {
    double term = 0.0;
    sp_margins margins = {.net = net,
                          .front = &o->front,
                          .clips = 1,
                          .rows = 1,
                          .weight = o->weight + r * net->classes,
                          .frame = o->frame ? o->frame + r : NULL,
                          .pass = &method->pass[method->passes - 1],
                          .within = half,
                          .deadline = o->deadline,
                          .lower = lower,
                          .error = error,
                          .line = left,
                          .program = o->program,
                          .term = &term,
                          .float32 = o->float32};
    return sp_margins_bound(err, &margins);
}

/* half: the line below row r. spare: memory for another one. */
static sp_status refine_row(sp_error *err, const sp_method *method, const sp_net *net,
                            sp_objectives *o, size_t r, sp_halfspace *half, sp_halfspace *spare) {
    const double settled = SETTLED * o->clean[r], constant = o->constant[r];
    double before = -1.0;
    for (size_t i = 0; i < method->refinements && !(o->proved[r] > 0.0); i++) {
        double lower, error;
        // objective(d) >= slope . d + offset + constant: the part where that is at most `settled`
        half->offset = sp_below(sp_below(half->offset + constant) - settled);
        const double now = depth(half, o->front);
        if (!(now >= method->depth) || !(now >= before + GAIN * method->depth)) {
            return SP_OK;
        }
        SP_TRY(bound_part(err, method, net, o, r, &lower, &error, half, spare));
        const double part = sp_below(lower + constant);
        const double bound = part < settled ? part : settled;
        if (isfinite(part) && bound > o->proved[r]) {
            o->proved[r] = bound;
        }
        o->error = o->error >= error ? o->error : error;
        const sp_halfspace taken = *half;
        *half = *spare;
        *spare = taken;
        before = now;
    }
    return SP_OK;
}

sp_status sp_schedule_refine(sp_error *err, const sp_method *method, const sp_net *net,
                             sp_objectives *o, sp_halfspace *line) {
    const double start = sp_clock_wall();
    for (size_t r = 0; r < o->rows; r++) {
        SP_TRY(refine_row(err, method, net, o, r, &line[r], &line[o->rows]));
    }
    o->boxes_seconds += sp_clock_wall() - start;
    return SP_OK;
}
