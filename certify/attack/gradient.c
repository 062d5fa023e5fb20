/* Gradients of differences of scores by the samples. */
#include <stdlib.h>

#include "certify/attack/descent.h"

sp_status sp_attacker_gradient(sp_error *err, const sp_attacker *attacker, double *gradient,
                               const double *samples, const sp_noise *still, const double *weight,
                               size_t rows) {
    const sp_pipeline *pipeline = attacker->pipeline;
    const size_t classes = pipeline->net->classes;
    sp_front_bound front = {0};
    double *row = malloc(rows * (classes + 1) * sizeof *row);
    sp_status status =
        row ? sp_front_bound_create(err, &front, attacker->forms, samples, still->n, still)
            : sp_fail(err, SP_E_MEMORY, "out of memory");
    if (status == SP_OK) {
        sp_pipeline_rows(pipeline, row, row + rows * classes, weight, rows);
        status = sp_margins_gradient(err, pipeline->net, &front, gradient, row, rows);
    }
    sp_front_bound_clear(&front);
    free(row);
    return status;
}
