/* Making noise sets of any kind, and the rounding of their support functions. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "audio/impl.h"
#include "base/interval.h"

static sp_status take_memory(sp_error *err, sp_noise *noise, const sp_noise_set *set, size_t n,
                             bool path) {
    memset(noise, 0, sizeof *noise);
    if (n == 0) {
        return sp_fail(err, SP_E_ARGUMENT, "a noise set needs at least one sample");
    }
    const bool fits = n <= (size_t)PTRDIFF_MAX / sizeof(double);
    double *radius = fits ? malloc(n * sizeof(double)) : NULL;
    double *direction = fits && path ? malloc(n * sizeof(double)) : NULL;
    if (radius == NULL || (path && direction == NULL)) {
        free(radius);
        free(direction);
        return sp_fail(err, SP_E_MEMORY, "out of memory for %zu samples", n);
    }
    *noise = (sp_noise){.set = set, .n = n, .radius = radius, .direction = direction};
    return SP_OK;
}

sp_status sp_noise_of(sp_error *err, sp_noise *noise, const sp_noise_set *set, size_t n,
                      double eps) {
    memset(noise, 0, sizeof *noise);
    if (!(eps >= 0.0 && isfinite(eps))) {
        return sp_fail(err, SP_E_ARGUMENT, "a noise radius of %g is not possible", eps);
    }
    if (set->path) {
        return sp_fail(err, SP_E_ARGUMENT, "%s has no radius", set->is);
    }
    SP_TRY(take_memory(err, noise, set, n, false));
    for (size_t i = 0; i < n; i++) {
        noise->radius[i] = eps;
    }
    return SP_OK;
}

sp_status sp_noise_burst(sp_error *err, sp_noise *noise, const sp_noise_set *set, size_t n,
                         double eps, size_t begin, size_t end) {
    SP_TRY(sp_noise_of(err, noise, set, n, eps));
    for (size_t i = 0; i < n; i++) {
        noise->radius[i] = i >= begin && i < end ? eps : 0.0;
    }
    return SP_OK;
}

sp_status sp_noise_path(sp_error *err, sp_noise *noise, const sp_noise_set *set,
                        const double *direction, size_t n, double lo, double hi) {
    sp_iv factor = {NAN, NAN};
    memset(noise, 0, sizeof *noise);
    if (!set->path) {
        return sp_fail(err, SP_E_ARGUMENT, "%s has no direction", set->is);
    }
    set->factors(&factor.lo, &factor.hi, lo, hi);
    if (!(lo <= hi) || !isfinite(factor.lo) || !isfinite(factor.hi)) {
        return sp_fail(err, SP_E_ARGUMENT, "noise between %g and %g is not possible", lo, hi);
    }
    SP_TRY(take_memory(err, noise, set, n, true));
    noise->lo = lo;
    noise->hi = hi;
    for (size_t i = 0; i < n; i++) {
        noise->direction[i] = direction[i];
        noise->radius[i] =
            direction[i] == 0.0 ? 0.0 : sp_above(sp_iv_mag(factor) * fabs(direction[i]));
        if (!isfinite(noise->radius[i])) {
            sp_noise_clear(noise);
            return sp_fail(err, SP_E_NONFINITE, "the noise at sample %zu is not finite", i);
        }
    }
    return SP_OK;
}

sp_status sp_noise_copy(sp_error *err, sp_noise *noise, const sp_noise *source) {
    const bool path = source->direction != NULL;
    SP_TRY(take_memory(err, noise, source->set, source->n, path));
    memcpy(noise->radius, source->radius, source->n * sizeof(double));
    if (path) {
        memcpy(noise->direction, source->direction, source->n * sizeof(double));
    }
    noise->lo = source->lo;
    noise->hi = source->hi;
    return SP_OK;
}

void sp_noise_clear(sp_noise *noise) {
    free(noise->radius);
    free(noise->direction);
    memset(noise, 0, sizeof *noise);
}

/* Both ends are rounded outward, and so is the radius around what is about their middle. */
sp_status sp_noise_within(sp_error *err, sp_noise *noise, double *centre, const double *samples,
                          double least, double most) {
    if (!noise->set->box || !(least <= most)) {
        return sp_fail(err, SP_E_ARGUMENT, "only a box of noise can be cut to an interval");
    }
    for (size_t i = 0; i < noise->n; i++) {
        const double x = samples[i], r = noise->radius[i];
        if (!(x >= least && x <= most)) {
            return sp_fail(err, SP_E_MISMATCH,
                           "number %zu is %g without noise already, which is not within %g and %g",
                           i, x, least, most);
        }
        const double lo = fmax(sp_below(x - r), least), hi = fmin(sp_above(x + r), most);
        centre[i] = r > 0.0 ? lo + 0.5 * (hi - lo) : x;
        noise->radius[i] = r > 0.0 ? fmax(sp_above(centre[i] - lo), sp_above(hi - centre[i])) : 0.0;
    }
    return SP_OK;
}

double sp_noise_grow(double sum, size_t terms, size_t parts) {
    const double roundings = (double)(terms / SP_NOISE_LANES) + 5.0 + (double)parts;
    const double kept = sp_below(1.0 - sp_gamma(roundings));
    const double whole = sp_above(sum + (double)terms * 0x1p-1074);
    return kept > 0.0 ? sp_above(whole / kept) : INFINITY;
}
