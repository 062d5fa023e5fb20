/* The noises for which a label could still win. The last pass leaves for every label a line below
 * its margin; noises where that line is above a threshold are settled, and the others are the part
 * of the set in a halfspace. Every box is bounded again on that part alone: a proof by
 * contradiction, after Kotha et al., Provably Bounding Neural Network Preimages (2023), with the
 * constraint kept as a halfspace of the samples. It pays where margins are lost to first order; in
 * the runaway of the boxes (math/tried.md) the lines hardly depend on the samples. */
#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "certify/impl.h"

/* Settled margins, as a share of the one without noise. */
#define SETTLED 5e-3
/* The least offset of a halfspace, as a share of what the noise can do to its line, at which boxes
 * shrink enough to be worth a round; and what a round must add to it for another one. */
#define WORTH 0.3
#define GAIN 0.1

/* offset over the largest slope . d of the set: -1 all of the set, 1 nothing but a corner. */
static double depth(const sp_halfspace *half, const sp_front_bound *front) {
    double largest = 0.0;
    for (size_t i = 0; i < front->padded; i++) {
        largest += fabs(half->slope[i]) * front->radius[i];
    }
    return largest > 0.0 ? half->offset / largest : -1.0;
}

/* One row on the part of the set in `half`, which becomes the part that is left. */
static sp_status bound_part(sp_error *err, const sp_problem *problem, const sp_front_bound *front,
                            const double *weight, double *lower, double *error, sp_halfspace *half,
                            sp_halfspace *left) {
    const sp_method *method = problem->system->method;
    sp_bounds_options options = method->pass[method->passes - 1];
    sp_bounds *bounds = NULL;
    options.deadline = problem->deadline;
    options.lines = true;
    options.within = half;
    sp_status status = sp_bounds_create(err, &bounds, problem->system->net, front, &options);
    if (status == SP_OK) {
        status = sp_bounds_lines(err, bounds, lower, error, left, weight, 1);
    }
    sp_bounds_destroy(bounds);
    return status;
}

/* Label k, whose objective is row r of weight. spare: memory for a line. */
static sp_status bound_label(sp_error *err, const sp_problem *problem, const sp_front_bound *front,
                             size_t k, const double *weight, double constant, sp_halfspace *half,
                             sp_halfspace *spare) {
    sp_verdict *verdict = problem->verdict;
    const double settled = SETTLED * (verdict->logits[verdict->label] - verdict->logits[k]);
    double before = -1.0;
    for (size_t i = 0; i < problem->system->method->rounds && !(verdict->margins[k] > 0.0); i++) {
        double lower, error;
        // margin(d) >= slope . d + offset + constant: the part where that is at most `settled`
        half->offset = sp_below(sp_below(half->offset + constant) - settled);
        const double now = depth(half, front);
        if (!(now >= WORTH) || !(now >= before + GAIN)) {
            return SP_OK;
        }
        SP_TRY(bound_part(err, problem, front, weight, &lower, &error, half, spare));
        const double part = sp_below(lower + constant);
        const double margin = part < settled ? part : settled;
        if (isfinite(part) && margin > verdict->margins[k]) {
            verdict->margins[k] = margin;
        }
        verdict->error = verdict->error >= error ? verdict->error : error;
        const sp_halfspace taken = *half;
        *half = *spare;
        *spare = taken;
        before = now;
    }
    return SP_OK;
}

sp_status sp_problem_remaining(sp_error *err, const sp_problem *problem,
                               const sp_front_bound *front, const double *weight,
                               const double *constant, sp_halfspace *line) {
    const sp_verdict *verdict = problem->verdict;
    const size_t classes = problem->system->net->classes;
    const double start = sp_clock_wall();
    for (size_t k = 0, r = 0; k < verdict->classes; k++) {
        if (k == verdict->label) {
            continue;
        }
        if (!(verdict->margins[k] > 0.0)) {
            SP_TRY(bound_label(err, problem, front, k, weight + r * classes, constant[r], &line[r],
                               &line[sp_problem_rows(problem)]));
        }
        r++;
    }
    problem->verdict->boxes_seconds += sp_clock_wall() - start;
    return SP_OK;
}
