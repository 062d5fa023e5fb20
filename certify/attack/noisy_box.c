/* The boxes of noisy clips that a descent may use. */
#include <math.h>

#include "certify/attack/descent.h"

/* A hair inside the set: a sum of a sample and a noise is rounded. */
void sp_attack_descent_real_box(sp_attack_descent *d, const sp_query *query, double scale) {
    d->lsb = 0.0;
    d->single = false;
    for (size_t i = 0; i < d->n; i++) {
        const double s = query->clip->samples[i], r = scale * query->noise.radius[i];
        const double inner = fmax(r * (1.0 - 1e-12) - 1e-15 * fabs(s), 0.0);
        d->lo[i] = s - inner;
        d->hi[i] = s + inner;
    }
}

/* Multiples of lsb within r of s and within the format; lo > hi: there is none. */
static void whole_range(const sp_clip *clip, double s, double r, double *lo, double *hi) {
    const double lsb = clip->lsb;
    *lo = lsb * ceil(fmax(s - r, -clip->full_scale) / lsb);
    *hi = lsb * floor(fmin(s + r, clip->full_scale - lsb) / lsb);
    *lo += s - *lo > r ? lsb : 0.0;
    *hi -= *hi - s > r ? lsb : 0.0;
}

static bool is_single(double x) {
    return (double)(float)x == x;
}

/* Singles within [lo, hi]; lo > hi: there is none. */
static void single_range(double *lo, double *hi) {
    const float least = (float)*lo, most = (float)*hi;
    *lo = (double)least < *lo ? (double)nextafterf(least, INFINITY) : (double)least;
    *hi = (double)most > *hi ? (double)nextafterf(most, -INFINITY) : (double)most;
}

/* Whether all samples are singles: then the file holds singles, or doubles that are. */
static bool holds_singles(const sp_clip *clip) {
    bool single = true;
    for (size_t i = 0; single && i < clip->n; i++) {
        single = is_single(clip->samples[i]);
    }
    return single;
}

bool sp_attack_descent_format_box(sp_attack_descent *d, const sp_query *query, double scale) {
    const sp_clip *clip = query->clip;
    bool other = false;
    sp_attack_descent_real_box(d, query, scale);
    d->lsb = clip->lsb;
    d->single = !(clip->lsb > 0.0) && holds_singles(clip);
    for (size_t i = 0; i < d->n; i++) {
        const double s = clip->samples[i], r = scale * query->noise.radius[i];
        if (d->lsb > 0.0) {
            whole_range(clip, s, r, &d->lo[i], &d->hi[i]);
        } else if (d->single) {
            single_range(&d->lo[i], &d->hi[i]);
        }
        if (!(d->lo[i] <= d->hi[i])) {
            return false;
        }
        other = other || d->lo[i] < s || d->hi[i] > s;
    }
    return other;
}
