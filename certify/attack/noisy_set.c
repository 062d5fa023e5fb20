/* The noisy clips that a descent may use: those of the noise set, and those of them that are values
 * of the clip's coding. */
#include <math.h>

#include "certify/attack/descent.h"

/* ---- real noise ---- */

/* A hair inside the set: a sum of a sample and a noise is rounded, and so is the projection of a
 * ball. `left`: of the radius after that of all samples; `lost`: what a sample loses. */
static double inner_radius(const sp_noise_set *set, double r, double s, double lost) {
    return set->box ? fmax(r * (1.0 - 1e-12) - 1e-15 * fabs(s), 0.0)
                    : fmax(r * (1.0 - 1e-9) - lost, 0.0);
}

/* What all samples together may lose of a ball, in any norm. */
static double lost_of(const sp_query *query, double scale) {
    const sp_noise *noise = &query->noise;
    double largest = 0.0;
    for (size_t i = 0; i < noise->n; i++) {
        largest = fmax(largest, fabs(query->middle[i]) + scale * noise->radius[i]);
    }
    return 1e-15 * (double)noise->n * largest;
}

void sp_attack_descent_real_set(sp_attack_descent *d, const sp_query *query, double scale) {
    const double lost = query->noise.set->box ? 0.0 : lost_of(query, scale);
    d->set = query->noise.set;
    d->clean = query->middle;
    d->coded = NULL;
    for (size_t i = 0; i < d->n; i++) {
        const double s = d->clean[i], r = scale * query->noise.radius[i];
        d->radius[i] = inner_radius(d->set, r, s, lost);
        d->lo[i] = s - d->radius[i];
        d->hi[i] = s + d->radius[i];
    }
}

void sp_attack_descent_project(const sp_attack_descent *d, double *x) {
    if (d->set->box) {
        for (size_t i = 0; i < d->n; i++) {
            x[i] = fmin(fmax(x[i], d->lo[i]), d->hi[i]);
        }
        return;
    }
    for (size_t i = 0; i < d->n; i++) {
        d->noise[i] = x[i] - d->clean[i];
    }
    d->set->project(d->noise, d->radius, d->n);
    for (size_t i = 0; i < d->n; i++) {
        x[i] = d->clean[i] + d->noise[i];
    }
}

/* ---- values of the coding ---- */

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

/* The two values next to x, the one nearer to s first. */
static void coded_sides(const sp_clip *clip, double s, double x, double *near, double *far) {
    const double below = sp_clip_floor(clip, x), above = sp_clip_ceil(clip, x);
    const bool falls = fabs(below - s) <= fabs(above - s); // infinite: there is none
    *near = falls ? below : above;
    *far = falls ? above : below;
}

/* How far x is on its way from one value to the next. */
static double way(double x, double near, double far) {
    return isfinite(far) && far != near ? (x - near) / (far - near) : 0.0;
}

/* The noise of x, where it is more than `least` on its way to the farther value moved there, else
 * to the nearer one; its size. */
static double coded_noise(const sp_attack_descent *d, const double *x, double least) {
    for (size_t i = 0; i < d->n; i++) {
        double near, far;
        coded_sides(d->coded, d->clean[i], x[i], &near, &far);
        d->noise[i] = (way(x[i], near, far) > least ? far : near) - d->clean[i];
    }
    return d->set->size(d->noise, d->radius, d->n);
}

/* As loud as x is, if the coding lets it: a threshold for the fractions, by halving. What comes of
 * fractions below one half, when the noise is spread, is noise in those samples that ask for most.
 */
static bool round_in_ball(const sp_attack_descent *d, double *point, const double *x) {
    double lo = 0.0, hi = 1.0;
    for (size_t i = 0; i < d->n; i++) {
        d->noise[i] = x[i] - d->clean[i];
    }
    const double loud = fmin(d->set->size(d->noise, d->radius, d->n), 1.0);
    for (int i = 0; i < 20; i++) {
        const double middle = 0.5 * (lo + hi);
        *(coded_noise(d, x, middle) <= loud ? &hi : &lo) = middle;
    }
    const bool inside = coded_noise(d, x, hi) <= 1.0;
    for (size_t i = 0; i < d->n; i++) {
        point[i] = d->clean[i] + d->noise[i];
    }
    return inside;
}

bool sp_attack_descent_round(const sp_attack_descent *d, double *point, const double *x) {
    if (d->coded && !d->set->box) {
        return round_in_ball(d, point, x);
    }
    for (size_t i = 0; i < d->n; i++) {
        const double value = d->coded ? sp_clip_round(d->coded, x[i]) : x[i];
        point[i] = d->set->box ? fmin(fmax(value, d->lo[i]), d->hi[i]) : value;
    }
    return true;
}

/* Whether a sample can take another value; of a box its ends become values of the coding. */
static bool take_coded(sp_attack_descent *d, size_t i, double r, bool *other) {
    const double s = d->clean[i];
    double lo, hi;
    coded_range(d->coded, s, r, &lo, &hi);
    *other = *other || lo < s || (hi > s && lo <= hi);
    if (d->set->box) {
        d->lo[i] = lo;
        d->hi[i] = hi;
    }
    return lo <= hi;
}

bool sp_attack_descent_format_set(sp_attack_descent *d, const sp_query *query, double scale) {
    const sp_clip *clip = query->clip;
    bool other = false;
    sp_attack_descent_real_set(d, query, scale);
    if (clip->coding == SP_CLIP_REAL) {
        for (size_t i = 0; i < d->n; i++) {
            other = other || d->lo[i] < d->clean[i] || d->hi[i] > d->clean[i];
        }
        return other;
    }
    d->coded = clip;
    for (size_t i = 0; i < d->n; i++) {
        if (!take_coded(d, i, scale * query->noise.radius[i], &other)) {
            return false;
        }
    }
    return other && (d->set->box || coded_noise(d, d->clean, 0.0) <= 1.0);
}
