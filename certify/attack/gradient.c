/* Gradients of scores by the samples: back through the network, then through the front end. */
#include <stdlib.h>

#include "certify/attack/descent.h"

sp_status sp_attacker_gradient(sp_error *err, const sp_attacker *attacker, double *gradient,
                               const double *samples, size_t n, const double *weight, size_t rows) {
    const sp_system *system = attacker->system;
    const size_t frames = sp_front_frames(system->front, n), classes = system->net->classes;
    const size_t numbers = frames * system->net->features;
    double *features = malloc(((rows + 1) * numbers + rows * (classes + 1)) * sizeof *features);
    if (features == NULL) {
        return sp_fail(err, SP_E_MEMORY, "out of memory for gradients of %zu samples", n);
    }
    double *slope = features + numbers, *row = slope + rows * numbers;
    sp_system_rows(system, row, row + rows * classes, weight, rows);
    sp_status status = sp_front_run(err, system->front, features, samples, n);
    if (status == SP_OK) {
        status = sp_net_gradient(err, system->net, slope, features, frames, row, rows);
    }
    if (status == SP_OK) {
        status = sp_front_gradient(err, system->front, gradient, samples, n, slope, rows);
    }
    free(features);
    return status;
}
