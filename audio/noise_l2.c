/* The l2 ball: sum (d_i / radius_i)^2 <= 1. Its support is sqrt(sum (c_i radius_i)^2). */
#include <math.h>

#include "audio/impl.h"
#include "base/interval.h"

/* The sum of (c_i radius_i)^2. */
static double gather(double sum, const double *c, const double *radius, size_t n) {
    double lane[SP_NOISE_LANES] = {0.0};
    for (size_t i = 0; i < n; i++) {
        const double part = c[i] * radius[i];
        lane[i % SP_NOISE_LANES] += part * part;
    }
    return sum + sp_noise_lanes(lane);
}

/* A term passes two roundings more than one of a box, and loses less than 2^-1000 where it or its
 * square underflows. Noises of windows of their own have squares of `copies` at most together. */
static double finish(double sum, size_t terms, size_t parts, size_t copies) {
    const double whole = sp_above(sp_noise_grow(sum, terms, parts + 2) + (double)terms * 0x1p-1000);
    return sp_above(sqrt(sp_above((double)copies * whole)));
}

static void attain(double *d, const double *c, const double *radius, size_t n) {
    const double norm = sqrt(gather(0.0, c, radius, n));
    for (size_t i = 0; i < n; i++) {
        d[i] = norm > 0.0 ? c[i] * radius[i] / norm * radius[i] : 0.0;
    }
}

static void ascend(double *d, const double *c, const double *radius, size_t n, size_t spread) {
    (void)spread;
    attain(d, c, radius, n);
}

/* A quotient is rounded once more than a product of the support. */
static double size(const double *d, const double *radius, size_t n) {
    double sum = 0.0;
    for (size_t i = 0; i < n; i++) {
        const double share = d[i] == 0.0 ? 0.0 : d[i] / radius[i];
        sum += share * share; // NaN and infinity stay
    }
    const double whole = sp_above(sp_noise_grow(sum, n, n) + (double)n * 0x1p-1000);
    return sum < INFINITY ? sp_above(sqrt(whole)) : INFINITY;
}

static void project(double *d, const double *radius, size_t n) {
    double square = 0.0;
    for (size_t i = 0; i < n; i++) {
        d[i] = radius[i] > 0.0 ? d[i] : 0.0;
        square += radius[i] > 0.0 ? d[i] / radius[i] * (d[i] / radius[i]) : 0.0;
    }
    const double share = square > 1.0 ? 1.0 / sqrt(square) : 1.0;
    for (size_t i = 0; i < n; i++) {
        d[i] *= share;
    }
}

/* All of the noise in the sample that may move most. */
static double energy(const double *radius, size_t n) {
    double most = 0.0;
    for (size_t i = 0; i < n; i++) {
        most = fmax(most, radius[i] * radius[i]);
    }
    return most;
}

const sp_noise_set sp_noise_set_l2 = {.name = "l2",
                                      .is = "an l2 ball of noise",
                                      .norm = "2",
                                      .within = "every noise whose root of the sum of squares is "
                                                "within it, however it is spread",
                                      .of_energy = true,
                                      .gather = gather,
                                      .finish = finish,
                                      .attain = attain,
                                      .ascend = ascend,
                                      .project = project,
                                      .size = size,
                                      .energy = energy};
