/* The box: |d_i| <= radius_i. */
#include <math.h>

#include "audio/impl.h"

sp_status sp_noise_box(sp_error *err, sp_noise *noise, size_t n, double eps) {
    return sp_noise_of(err, noise, &sp_noise_set_box, n, eps);
}

/* The sum of |c_i radius_i|. */
static double gather(double sum, const double *c, const double *radius, size_t n) {
    double lane[SP_NOISE_LANES] = {0.0};
    for (size_t i = 0; i < n; i++) {
        lane[i % SP_NOISE_LANES] += fabs(c[i]) * fabs(radius[i]);
    }
    return sum + sp_noise_lanes(lane);
}

static double finish(double sum, size_t terms, size_t parts, size_t copies) {
    (void)copies; // each sample moves as far as it can, wherever it is heard
    return sp_noise_grow(sum, terms, parts);
}

static void attain(double *d, const double *c, const double *radius, size_t n) {
    for (size_t i = 0; i < n; i++) {
        d[i] = c[i] >= 0.0 ? radius[i] : -radius[i];
    }
}

static void ascend(double *d, const double *c, const double *radius, size_t n, size_t spread) {
    (void)spread;
    for (size_t i = 0; i < n; i++) {
        d[i] = c[i] > 0.0 ? radius[i] : c[i] < 0.0 ? -radius[i] : 0.0;
    }
}

static double size(const double *d, const double *radius, size_t n) {
    double most = 0.0;
    for (size_t i = 0; i < n; i++) {
        const double share = d[i] == 0.0 ? 0.0 : fabs(d[i]) / radius[i];
        most = share <= most ? most : share < INFINITY ? share : INFINITY; // NaN: INFINITY
    }
    return most;
}

static void project(double *d, const double *radius, size_t n) {
    for (size_t i = 0; i < n; i++) {
        d[i] = d[i] < -radius[i] ? -radius[i] : d[i] > radius[i] ? radius[i] : d[i];
    }
}

double sp_noise_box_energy(const double *radius, size_t n) {
    double sum = 0.0;
    for (size_t i = 0; i < n; i++) {
        sum += radius[i] * radius[i];
    }
    return sum;
}

const sp_noise_set sp_noise_set_box = {.name = "box",
                                       .is = "a box of noise",
                                       .norm = "inf",
                                       .within = "every noise whose samples are each within it",
                                       .box = true,
                                       .gather = gather,
                                       .finish = finish,
                                       .attain = attain,
                                       .ascend = ascend,
                                       .project = project,
                                       .size = size,
                                       .energy = sp_noise_box_energy};
