/* The boxes of noisy clips that a descent may use. */
#include <math.h>

#include "certify/attack/descent.h"

/* A hair inside the set: a sum of a sample and a noise is rounded. */
void sp_attack_descent_real_box(sp_attack_descent *d, const sp_query *query, double scale) {
    d->coded = NULL;
    for (size_t i = 0; i < d->n; i++) {
        const double s = query->clip->samples[i], r = scale * query->noise.radius[i];
        const double inner = fmax(r * (1.0 - 1e-12) - 1e-15 * fabs(s), 0.0);
        d->lo[i] = s - inner;
        d->hi[i] = s + inner;
    }
}

/* Values of the clip's coding within r of s; lo > hi: there is none. The ends s - r and s + r are
 * rounded, the distances from s tell. */
static void coded_range(const sp_clip *clip, double s, double r, double *lo, double *hi) {
    *lo = sp_clip_ceil(clip, s - r);
    *hi = sp_clip_floor(clip, s + r);
    if (s - *lo > r) {
        *lo = sp_clip_ceil(clip, nextafter(*lo, INFINITY));
    }
    if (*hi - s > r) {
        *hi = sp_clip_floor(clip, nextafter(*hi, -INFINITY));
    }
}

bool sp_attack_descent_format_box(sp_attack_descent *d, const sp_query *query, double scale) {
    const sp_clip *clip = query->clip;
    bool other = false;
    sp_attack_descent_real_box(d, query, scale);
    d->coded = clip->coding == SP_CLIP_REAL ? NULL : clip;
    for (size_t i = 0; i < d->n; i++) {
        const double s = clip->samples[i], r = scale * query->noise.radius[i];
        if (d->coded) {
            coded_range(clip, s, r, &d->lo[i], &d->hi[i]);
        }
        if (!(d->lo[i] <= d->hi[i])) {
            return false;
        }
        other = other || d->lo[i] < s || d->hi[i] > s;
    }
    return other;
}
