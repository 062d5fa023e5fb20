/* Gradients of logit differences by the samples: the walk of the bounds along tangents at one
 * point. */
#include <string.h>

#include "certify/impl.h"

static sp_status walk(sp_error *err, const sp_net *net, const sp_front_bound *front,
                      double *gradient, const double *weight, size_t rows) {
    const sp_bounds_options options = {.planes = SP_PLANES_TANGENT};
    sp_bounds *bounds = NULL;
    sp_status status = sp_bounds_create(err, &bounds, net, front, &options);
    if (status == SP_OK) {
        status = sp_bounds_gradient(err, bounds, gradient, weight, rows);
    }
    sp_bounds_destroy(bounds);
    return status;
}

sp_status sp_attacker_gradient(sp_error *err, const sp_attacker *attacker, double *gradient,
                               const double *samples, const sp_noise *still, const double *weight,
                               size_t rows) {
    sp_front_bound front = {0};
    SP_TRY(sp_front_bound_create(err, &front, attacker->forms, samples, still->n, still));
    const sp_status status = walk(err, attacker->system->net, &front, gradient, weight, rows);
    sp_front_bound_clear(&front);
    return status;
}
