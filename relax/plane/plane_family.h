/* Slopes of the supporting plane of sigma(x) y at an anchor. f2 is linear in y, so a plane of slope
 * a in x is best when it touches both edges y = lo, hi: m_i(a) = min over x of y_i sigma(x) - a x,
 * b = (m_1 - m_0) / (hi - lo). The value at the anchor is concave in a; its maximum is bracketed
 * and found by intersecting tangents. Source: docs/theory/planes.md 3. Host and device. */
#ifndef SP_RELAX_PLANE_FAMILY_H
#define SP_RELAX_PLANE_FAMILY_H

#include "relax/plane/plane_offset.h"

enum { SP_FAMILY_STEPS = 60 };

/** sp_family_point - the best plane of slope a: its edges' offsets, its value at the anchor and the
 *  derivative by a. */
typedef struct sp_family_point {
    double a, m0, m1, value, slope;
} sp_family_point;

SP_HD double sp_family_edge(const sp_plane_domain *d, double a, double y, double *at) {
    double least = y * d->s_lo - a * d->x.lo, x, s;
    const double other = y * d->s_hi - a * d->x.hi;
    *at = d->x.lo;
    if (other < least) {
        least = other;
        *at = d->x.hi;
    }
    if (sp_stationary_sigmoid(a, y, &x, &s) && x > d->x.lo && x < d->x.hi) {
        const double inner = y * s - a * x;
        if (inner < least) {
            least = inner;
            *at = x;
        }
    }
    return least;
}

SP_HD sp_family_point sp_family_at(const sp_plane_domain *d, double a, double px, double weight) {
    sp_family_point p;
    double x0, x1;
    p.a = a;
    p.m0 = sp_family_edge(d, a, d->y.lo, &x0);
    p.m1 = sp_family_edge(d, a, d->y.hi, &x1);
    p.value = a * px + (1.0 - weight) * p.m0 + weight * p.m1;
    p.slope = px - (1.0 - weight) * x0 - weight * x1;
    return p;
}

/** sp_family_gap - the gap at the anchor plus the mean gap at the corners. */
SP_HD double sp_family_gap(const sp_plane_domain *d, const sp_family_point *p, double fp) {
    return fabs(fp - p->value) + 0.25 * (fabs(d->s_lo * d->y.lo - p->a * d->x.lo - p->m0) +
                                         fabs(d->s_hi * d->y.lo - p->a * d->x.hi - p->m0) +
                                         fabs(d->s_lo * d->y.hi - p->a * d->x.lo - p->m1) +
                                         fabs(d->s_hi * d->y.hi - p->a * d->x.hi - p->m1));
}

/** sp_family_bracket - slopes a between which the best one lies: the hull of y sigma'(x) on the
 *  box, widened. */
SP_HD void sp_family_bracket(const sp_plane_domain *d, double *left, double *right) {
    const double g_lo = d->s_lo * (1.0 - d->s_lo), g_hi = d->s_hi * (1.0 - d->s_hi);
    const double steep = d->x.lo <= 0.0 && d->x.hi >= 0.0 ? 0.25 : sp_relax_max(g_lo, g_hi);
    const double flat = sp_relax_min(g_lo, g_hi);
    *left = d->y.lo * (d->y.lo < 0.0 ? steep : flat);
    *right = d->y.hi * (d->y.hi > 0.0 ? steep : flat);
    const double pad = 1e-9 + 1e-6 * (*right - *left);
    *left -= pad;
    *right += pad;
}

SP_HD bool sp_family_slopes(const sp_plane_domain *d, double px, double py, double tolerance,
                            double *a, double *b) {
    const double height = d->y.hi - d->y.lo, weight = (py - d->y.lo) / height;
    const double fp = sp_relax_sigmoid(px) * py;
    double a_left, a_right;
    sp_family_bracket(d, &a_left, &a_right);
    sp_family_point left = sp_family_at(d, a_left, px, weight);
    sp_family_point right = sp_family_at(d, a_right, px, weight);
    sp_family_point best = right.value > left.value ? right : left;
    for (int step = 0; step < SP_FAMILY_STEPS && left.slope > 0.0 && right.slope < 0.0; step++) {
        double next = (right.value - left.value + left.slope * left.a - right.slope * right.a) /
                      (left.slope - right.slope);
        const double bound = left.value + left.slope * (next - left.a);
        if (!(next > left.a && next < right.a)) {
            next = 0.5 * (left.a + right.a);
        }
        if (bound - best.value <= 0.5 * tolerance * sp_family_gap(d, &best, fp)) {
            break;
        }
        const sp_family_point p = sp_family_at(d, next, px, weight);
        if (p.value > best.value) {
            best = p;
        }
        if (p.slope > 0.0) {
            left = p;
        } else if (p.slope < 0.0) {
            right = p;
        } else {
            break;
        }
        if (!(right.a - left.a > 1e-15 * (fabs(left.a) + fabs(right.a)))) {
            break;
        }
    }
    *a = best.a;
    *b = (best.m1 - best.m0) / height;
    return *a == *a && *b == *b;
}

#endif
