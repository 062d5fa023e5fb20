/* How far noise moves the features. Band m has the energy sum_k w_k |X_k|^2 with X linear in the
 * samples, so its root is a norm of X: a(x + d) <= a(x) + a(d) and >= a(x) - a(d), and |d_i| <= eps
 * gives |D_k| parts of at most eps times the sums of absolute entries of their rows. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "train/impl.h"

/* affine, square, affine, log, and nothing else. */
static bool ends_in_log_energies(const sp_stage *stage, size_t count) {
    static const sp_stage_kind kinds[] = {SP_STAGE_AFFINE, SP_STAGE_SQUARE, SP_STAGE_AFFINE,
                                          SP_STAGE_LOG};
    bool fits = count == sizeof kinds / sizeof kinds[0];
    for (size_t s = 0; fits && s < count; s++) {
        fits = stage[s].kind == kinds[s];
    }
    return fits;
}

sp_status sp_reach_create(sp_error *err, sp_reach *reach, const sp_front *front) {
    size_t count = 0;
    const sp_stage *stage = sp_front_stages(front, &count);
    *reach = (sp_reach){0};
    if (!ends_in_log_energies(stage, count)) {
        return sp_fail(err, SP_E_UNSUPPORTED,
                       "training against noise needs a front end whose features are the logarithms "
                       "of band energies");
    }
    const sp_stage *spectrum = &stage[0], *mel = &stage[2];
    double *square = calloc(spectrum->out, sizeof *square);
    reach->bands = mel->out;
    reach->reach = calloc(2 * mel->out, sizeof *reach->reach);
    if (!square || !reach->reach) {
        free(square);
        sp_reach_clear(reach);
        return sp_fail(err, SP_E_MEMORY, "no memory for the front end's bounds");
    }
    reach->floor = reach->reach + mel->out;
    memcpy(reach->floor, mel->bias, mel->out * sizeof *reach->floor);
    for (size_t k = 0; k < spectrum->out; k++) {
        double sum = 0.0;
        for (size_t j = 0; j < spectrum->in; j++) {
            sum += fabs(spectrum->matrix[k * spectrum->in + j]);
        }
        square[k] = sum * sum;
    }
    for (size_t m = 0; m < mel->out; m++) {
        double energy = 0.0;
        for (size_t k = 0; k < mel->in; k++) {
            energy += mel->matrix[m * mel->in + k] * square[k];
        }
        reach->reach[m] = sqrt(energy);
    }
    free(square);
    return SP_OK;
}

void sp_reach_clear(sp_reach *reach) {
    free(reach->reach);
    *reach = (sp_reach){0};
}

double sp_reach_amplitude(double feature, double floor) {
    const double energy = exp(feature) - floor;
    return energy > 0.0 ? sqrt(energy) : 0.0;
}

double sp_reach_feature(double amplitude, double move, double floor) {
    const double a = amplitude + move;
    return log((a > 0.0 ? a * a : 0.0) + floor);
}
