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

sp_status sp_noise_burst(sp_error *err, sp_noise *noise, size_t n, double eps, size_t begin,
                         size_t end) {
    SP_TRY(sp_noise_box(err, noise, n, eps));
    for (size_t i = 0; i < n; i++) {
        noise->radius[i] = i >= begin && i < end ? eps : 0.0;
    }
    return SP_OK;
}

/* The factors of the direction at both ends: a, or e^a - 1 rounded outward. */
static sp_iv factors(sp_noise_kind kind, double lo, double hi) {
    const sp_iv plain = {lo, hi};
    if (kind != SP_NOISE_GAIN) {
        return plain;
    }
    const double below = expm1(lo), above = expm1(hi); // libm: 4 ulp
    const sp_iv gain = {below - 0x1p-50 * fabs(below) - 0x1p-1074,
                        above + 0x1p-50 * fabs(above) + 0x1p-1074};
    return gain;
}

static sp_status make_line(sp_error *err, sp_noise *noise, sp_noise_kind kind,
                           const double *direction, size_t n, double lo, double hi) {
    const sp_iv factor = factors(kind, lo, hi);
    memset(noise, 0, sizeof *noise);
    if (!(lo <= hi) || !isfinite(factor.lo) || !isfinite(factor.hi)) {
        return sp_fail(err, SP_E_ARGUMENT, "noise between %g and %g is not possible", lo, hi);
    }
    SP_TRY(sp_noise_box(err, noise, n, 0.0));
    noise->kind = kind;
    noise->lo = lo;
    noise->hi = hi;
    noise->direction = malloc(n * sizeof(double));
    sp_status status = SP_OK;
    if (noise->direction == NULL) {
        status = sp_fail(err, SP_E_MEMORY, "out of memory for %zu samples", n);
    }
    for (size_t i = 0; i < n && status == SP_OK; i++) {
        noise->direction[i] = direction[i];
        noise->radius[i] =
            direction[i] == 0.0 ? 0.0 : sp_above(sp_iv_mag(factor) * fabs(direction[i]));
        if (!isfinite(noise->radius[i])) {
            status = sp_fail(err, SP_E_NONFINITE, "the noise at sample %zu is not finite", i);
        }
    }
    if (status != SP_OK) {
        sp_noise_clear(noise);
    }
    return status;
}

sp_status sp_noise_line(sp_error *err, sp_noise *noise, const double *direction, size_t n,
                        double lo, double hi) {
    return make_line(err, noise, SP_NOISE_LINE, direction, n, lo, hi);
}

sp_status sp_noise_gain(sp_error *err, sp_noise *noise, const double *samples, size_t n, double lo,
                        double hi) {
    return make_line(err, noise, SP_NOISE_GAIN, samples, n, lo, hi);
}

sp_status sp_noise_copy(sp_error *err, sp_noise *noise, const sp_noise *source) {
    if (source->kind != SP_NOISE_BOX) {
        return make_line(err, noise, source->kind, source->direction, source->n, source->lo,
                         source->hi);
    }
    SP_TRY(sp_noise_box(err, noise, source->n, 0.0));
    memcpy(noise->radius, source->radius, source->n * sizeof(double));
    return SP_OK;
}

void sp_noise_clear(sp_noise *noise) {
    free(noise->radius);
    free(noise->direction);
    memset(noise, 0, sizeof *noise);
}

/* Lane l sums the terms l, l + 8, ...: a term passes one product and at most count/8 + 4 additions,
 * each with relative error 2^-53, or loses at most 2^-1074 where it underflows. So the sum of
 * |a_i b_i| is at most the computed one divided by `kept` and a little more. */
static double size_of(const double *a, const double *b, size_t m) {
    double lane[LANES] = {0.0};
    for (size_t i = 0; i < m; i++) {
        lane[i % LANES] += fabs(a[i]) * fabs(b[i]);
    }
    const double sum =
        ((lane[0] + lane[4]) + (lane[2] + lane[6])) + ((lane[1] + lane[5]) + (lane[3] + lane[7]));
    const double roundings = (double)(m / LANES) + 6.0;
    const double kept = sp_below(1.0 - sp_gamma(roundings));
    const double whole = sp_above(sum + (double)m * 0x1p-1074);
    return kept > 0.0 ? sp_above(whole / kept) : INFINITY;
}

/* The largest a (c . direction): a plain sum of m terms is off by at most gamma_m of their sizes.
 */
static double line_support(const sp_noise *noise, const double *c, const double *direction,
                           size_t m) {
    const sp_iv factor = factors(noise->kind, noise->lo, noise->hi);
    double sum = 0.0;
    for (size_t i = 0; i < m; i++) {
        sum += c[i] * direction[i];
    }
    const double error =
        sp_above(sp_above(sp_gamma((double)m + 1.0) * size_of(c, direction, m)) + 0x1p-1000);
    const sp_iv dot = {sp_below(sum - error), sp_above(sum + error)};
    return sp_iv_mul(factor, dot).hi;
}

double sp_noise_support(const sp_noise *noise, const double *c, size_t first, size_t count) {
    if (first >= noise->n) {
        return 0.0;
    }
    const size_t m = count < noise->n - first ? count : noise->n - first;
    return noise->kind == SP_NOISE_BOX ? size_of(c, noise->radius + first, m)
                                       : line_support(noise, c, noise->direction + first, m);
}
