/* The peak gain under noise in front of it (docs/theory/front-end.md 8). The loudest sample moves,
 * and with it the factor g = to / max |x + d| that all frames share. With a fixed g0 near the
 * clip's own g, and g^2 = g0^2 m,
 *   log(g^2 E + c) = log g0^2 + log(m E + c / g0^2),
 * so that bands are bounded with the floor f = fl(c / g0^2) and without any gain. With c / g0^2 = q
 * f, the second logarithm is within log min(m, q) and log max(m, q) of log(E + f); the same holds
 * of log max(E, f), and where f stands for 0. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "preprocess/bound/impl.h"

/* Gains whose squares are outside would leave the ranges that bounds are made for. */
#define LEAST_SQUARE 0x1p-200
#define LARGEST_SQUARE 0x1p200

/* |x| of all x of the interval. */
static sp_iv magnitude(sp_iv x) {
    const double near = x.lo > 0.0 ? x.lo : x.hi < 0.0 ? -x.hi : 0.0;
    const sp_iv r = {near, fmax(-x.lo, x.hi)};
    return r;
}

/* The range of the largest |sample| of the noisy clip. */
static sp_iv peak_of_radii(const double *samples, size_t n, const sp_noise *noise) {
    sp_iv peak = {0.0, 0.0};
    for (size_t i = 0; i < n; i++) {
        const double r = noise->radius[i];
        const sp_iv moved = {r > 0.0 ? sp_below(samples[i] - r) : samples[i],
                             r > 0.0 ? sp_above(samples[i] + r) : samples[i]};
        const sp_iv size = magnitude(moved);
        peak.lo = fmax(peak.lo, size.lo);
        peak.hi = fmax(peak.hi, size.hi);
    }
    return peak;
}

/* The same for the samples + a direction with a in [lo, hi] of a path. */
static sp_iv peak_of_path(const double *samples, size_t n, const sp_noise *noise, double lo,
                          double hi) {
    sp_iv peak = {0.0, 0.0}, factor;
    noise->set->factors(&factor.lo, &factor.hi, lo, hi);
    for (size_t i = 0; i < n; i++) {
        const sp_iv at = {samples[i], samples[i]}, v = {noise->direction[i], noise->direction[i]};
        const sp_iv size = magnitude(sp_iv_add(at, sp_iv_mul(factor, v)));
        peak.lo = fmax(peak.lo, size.lo);
        peak.hi = fmax(peak.hi, size.hi);
    }
    return peak;
}

sp_status sp_front_gain_find(sp_error *err, sp_front_gain *gain, const sp_front_forms *forms,
                             const double *samples, size_t n) {
    double peak = 0.0;
    for (size_t i = 0; i < n; i++) {
        peak = fmax(peak, fabs(samples[i]));
    }
    *gain = (sp_front_gain){.to = forms->gain_peak, .square = 1.0};
    if (gain->to > 0.0 && peak > 0.0) {
        gain->square = (gain->to / peak) * (gain->to / peak);
    }
    return gain->square >= LEAST_SQUARE && gain->square <= LARGEST_SQUARE
               ? SP_OK
               : sp_fail(err, SP_E_NONFINITE, "the clip's peak is %g: no gain bounds for it", peak);
}

/* log of the positive double x, as a range. */
static sp_iv log_of(double x) {
    const sp_iv point = {x, x};
    return sp_log_range(point);
}

static sp_status shift_for(sp_error *err, sp_front_gain *gain, sp_iv peak) {
    const double g2 = gain->square, to = gain->to;
    sp_iv m = {1.0, 1.0};
    gain->shift = (sp_iv){0.0, 0.0};
    if (to == 0.0 || peak.hi == 0.0) { // no gain, or silence that stays
        return SP_OK;
    }
    if (!(peak.lo > 0.0)) {
        return sp_fail(err, SP_E_NONFINITE,
                       "the noise can silence the clip's peak: the gain has no finite bounds at "
                       "this radius");
    }
    const double least = sp_below(to / peak.hi), most = sp_above(to / peak.lo);
    m.lo = sp_below(sp_below(least * least) / g2);
    m.hi = sp_above(sp_above(most * most) / g2);
    // q is within 2^-53 of 1, but for underflow, which the limits exclude
    m.lo = fmin(m.lo, 1.0 - 0x1p-52);
    m.hi = fmax(m.hi, 1.0 + 0x1p-52);
    if (!(m.lo > 0.0 && isfinite(m.hi))) {
        return sp_fail(err, SP_E_NONFINITE, "the gain has no finite bounds at this radius");
    }
    gain->shift = sp_iv_add(log_of(g2), sp_log_range(m));
    return SP_OK;
}

sp_status sp_front_gain_noise(sp_error *err, sp_front_gain *gain, const double *samples, size_t n,
                              const sp_noise *noise) {
    return shift_for(err, gain, peak_of_radii(samples, n, noise));
}

sp_status sp_front_gain_part(sp_error *err, sp_front_gain *gain, const double *samples, size_t n,
                             const sp_noise *noise, double lo, double hi) {
    return shift_for(err, gain, peak_of_path(samples, n, noise, lo, hi));
}

sp_status sp_front_gain_forms(sp_error *err, sp_front_forms *of_clip, const sp_front_forms *forms,
                              const sp_front_gain *gain) {
    const size_t bands = forms->layout->bands;
    *of_clip = *forms;
    of_clip->band = malloc(bands * sizeof *of_clip->band);
    if (of_clip->band == NULL) {
        return sp_fail(err, SP_E_MEMORY, "out of memory for the bands of a clip");
    }
    memcpy(of_clip->band, forms->band, bands * sizeof *of_clip->band);
    for (size_t m = 0; m < bands; m++) {
        sp_band *band = &of_clip->band[m];
        band->floor /= gain->square;
        band->least /= gain->square;
        band->for_zero /= gain->square;
    }
    return SP_OK;
}

static void move(double *lower, double *upper, sp_iv shift) {
    *lower = sp_below(*lower + shift.lo);
    *upper = sp_above(*upper + shift.hi);
}

/* R2's energies keep the floor c of the description: with f in place of it, w (E + f) + k = w (E +
 * c) + (k + w (f - c)). */
static void move_energy(sp_front_bound *bound, size_t at, double c, double f, sp_iv shift) {
    const sp_iv apart = {sp_below(f - c), sp_above(f - c)};
    const sp_iv lower = {bound->log_lo_w[at], bound->log_lo_w[at]};
    const sp_iv upper = {bound->log_up_w[at], bound->log_up_w[at]};
    bound->log_lo_c[at] = sp_below(bound->log_lo_c[at] + sp_iv_mul(lower, apart).lo);
    bound->log_up_c[at] = sp_above(bound->log_up_c[at] + sp_iv_mul(upper, apart).hi);
    bound->energy_max[at] = sp_above(bound->energy_max[at] + fmax(-apart.lo, 0.0));
    move(&bound->log_lo_c[at], &bound->log_up_c[at], shift);
}

void sp_front_gain_move(sp_front_bound *bound, size_t t, const sp_front_gain *gain,
                        const sp_front_forms *forms) {
    for (size_t m = 0; gain->to > 0.0 && m < bound->bands; m++) {
        const size_t at = t * bound->bands + m;
        move(&bound->lo_c[at], &bound->up_c[at], gain->shift);
        move(&bound->lo[at], &bound->hi[at], gain->shift);
        for (size_t k = 0; k < bound->tangents; k++) {
            double *c = &bound->tangent_c[(t * bound->tangents + k) * bound->bands + m];
            *c = sp_above(*c + gain->shift.hi);
        }
        if (bound->bins > 0) {
            const double c = forms->band[m].floor;
            move_energy(bound, at, c, c / gain->square, gain->shift);
        }
    }
}
