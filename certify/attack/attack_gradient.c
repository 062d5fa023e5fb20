/* Gradients of scores by the samples: back through the network, then through the front end. */
#include <stdlib.h>

#include "base/clock.h"
#include "certify/attack/descent.h"

sp_status sp_attacker_gradient(sp_error *err, const sp_attacker *attacker, double *gradient,
                               const double *samples, size_t n, const double *weight, size_t rows,
                               double deadline) {
    const sp_pipeline *pipeline = attacker->pipeline;
    const size_t frames = sp_front_frames(pipeline->front, n);
    const size_t scores = sp_pipeline_scores(pipeline, n);
    const size_t logits = sp_net_rows(pipeline->net, 0, frames) * pipeline->net->classes;
    const size_t numbers = frames * pipeline->net->features;
    double *features = malloc(((rows + 1) * numbers + rows * (logits + 1)) * sizeof *features);
    if (features == NULL) {
        return sp_fail(err, SP_E_MEMORY, "out of memory for gradients of %zu samples", n);
    }
    double *slope = features + numbers, *row = slope + rows * numbers;
    sp_pipeline_rows(pipeline, row, row + rows * logits, weight, rows, scores);
    sp_status status = sp_front_run(err, pipeline->front, features, samples, n);
    if (status == SP_OK && sp_clock_passed(deadline)) {
        status = sp_fail(err, SP_E_TIMEOUT, "time limit reached before a gradient");
    }
    if (status == SP_OK) {
        status = sp_net_gradient(err, pipeline->net, slope, features, frames, row, rows);
    }
    if (status == SP_OK) {
        status =
            sp_front_gradient(err, pipeline->front, gradient, samples, n, slope, rows, deadline);
    }
    free(features);
    return status;
}
