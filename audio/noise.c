/* Noise sets and their support function. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "audio/audio.h"
#include "base/interval.h"

enum { LANES = 8 };

sp_status sp_noise_box(sp_error *err, sp_noise *noise, size_t n, double eps) {
    memset(noise, 0, sizeof *noise);
    if (!(eps >= 0.0 && isfinite(eps))) {
        return sp_fail(err, SP_E_ARGUMENT, "a noise radius of %g is not possible", eps);
    }
    if (n == 0) {
        return sp_fail(err, SP_E_ARGUMENT, "a noise set needs at least one sample");
    }
    double *radius = n <= (size_t)PTRDIFF_MAX / sizeof(double) ? malloc(n * sizeof(double)) : NULL;
    if (radius == NULL) {
        return sp_fail(err, SP_E_MEMORY, "out of memory for %zu samples", n);
    }
    for (size_t i = 0; i < n; i++) {
        radius[i] = eps;
    }
    noise->n = n;
    noise->radius = radius;
    return SP_OK;
}

void sp_noise_clear(sp_noise *noise) {
    free(noise->radius);
    memset(noise, 0, sizeof *noise);
}

/* Lane l sums the terms l, l + 8, ...: a term passes one product and at most count/8 + 4 additions,
 * each with relative error 2^-53, or loses at most 2^-1074 where it underflows. */
double sp_noise_support(const sp_noise *noise, const double *c, size_t first, size_t count) {
    if (first >= noise->n) {
        return 0.0;
    }
    const double *radius = noise->radius + first;
    const size_t m = count < noise->n - first ? count : noise->n - first;
    double lane[LANES] = {0.0};
    for (size_t i = 0; i < m; i++) {
        lane[i % LANES] += fabs(c[i]) * radius[i];
    }
    const double sum =
        ((lane[0] + lane[4]) + (lane[2] + lane[6])) + ((lane[1] + lane[5]) + (lane[3] + lane[7]));
    const double roundings = (double)(m / LANES) + 6.0;
    const double kept = sp_below(1.0 - sp_gamma(roundings));
    const double whole = sp_above(sum + (double)m * 0x1p-1074);
    return kept > 0.0 ? sp_above(whole / kept) : INFINITY;
}
