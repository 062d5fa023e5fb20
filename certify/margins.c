/* Margins and gradients of a network: the one file of certify/ that calls the engine. */
#include "base/clock.h"
#include "certify/schedule.h"

sp_status sp_margins_bound(sp_error *err, sp_margins *margins) {
    sp_bounds_options options = *margins->pass;
    sp_bounds *bounds = NULL;
    const double start = sp_clock_wall();
    options.deadline = margins->deadline;
    options.within = margins->within;
    options.lines = margins->line != NULL;
    sp_status status = sp_bounds_create_batch(err, &bounds, margins->net, margins->front,
                                              margins->clips, &options);
    const double boxed = sp_clock_wall();
    if (status == SP_OK) {
        status = margins->line ? sp_bounds_lines(err, bounds, margins->lower, margins->error,
                                                 margins->line, margins->weight, margins->rows)
                               : sp_bounds_rows(err, bounds, margins->lower, margins->error,
                                                margins->weight, margins->rows);
    }
    sp_bounds_destroy(bounds);
    margins->boxes_seconds = boxed - start;
    margins->rows_seconds = sp_clock_wall() - boxed;
    return status;
}

size_t sp_margins_room(const sp_net *net, const sp_front_bound *front,
                       const sp_bounds_options *pass) {
    return sp_bounds_room(net, front, pass);
}

size_t sp_certify_group(void) {
    enum { DEVICE_GROUP = 64 };
    return sp_bounds_together() ? DEVICE_GROUP : 1;
}

sp_status sp_margins_gradient(sp_error *err, const sp_net *net, const sp_front_bound *front,
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
