/* Gradients of logit differences by the samples: the walk of the bounds along tangents at one
 * point. */
#include <stdlib.h>

#include "certify/attack/descent.h"

static sp_status walk(sp_error *err, const sp_system *system, const sp_front_bound *front,
                      double *gradient, const double *weight, size_t rows) {
    const sp_bounds_options options = {.planes = SP_PLANES_TANGENT};
    sp_bounds *bounds = NULL;
    double *row = malloc(rows * (system->net->classes + 1) * sizeof *row);
    sp_status status = row ? sp_bounds_create(err, &bounds, system->net, front, &options)
                           : sp_fail(err, SP_E_MEMORY, "out of memory");
    if (status == SP_OK) {
        sp_system_rows(system, row, row + rows * system->net->classes, weight, rows);
        status = sp_bounds_gradient(err, bounds, gradient, row, rows);
    }
    sp_bounds_destroy(bounds);
    free(row);
    return status;
}

sp_status sp_attacker_gradient(sp_error *err, const sp_attacker *attacker, double *gradient,
                               const double *samples, const sp_noise *still, const double *weight,
                               size_t rows) {
    sp_front_bound front = {0};
    SP_TRY(sp_front_bound_create(err, &front, attacker->forms, samples, still->n, still));
    const sp_status status = walk(err, attacker->system, &front, gradient, weight, rows);
    sp_front_bound_clear(&front);
    return status;
}
