/* Slopes of the supporting plane at an anchor where f = p(x) y with p linear between its kinks.
 * Such an f is bilinear on rectangles, so a plane lies below f as soon as it does at the knots: the
 * ends and kinks of x, on the two edges y = lo, hi. A plane of slope a in x is best when it touches
 * both edges, m_i(a) = min over knots of y_i p(x) - a x, b = (m_1 - m_0) / (hi - lo); its value at
 * the anchor is concave and piecewise linear in a, with its maximum at the slope between two knots
 * of an edge. At most 12 slopes: all are tried. Host and device. */
#ifndef SP_RELAX_PLANE_PIECEWISE_H
#define SP_RELAX_PLANE_PIECEWISE_H

#include "relax/plane/plane_offset.h"

/** sp_piecewise_edge - m(a) of the edge y. */
SP_HD double sp_piecewise_edge(const double *knot, const double *value, int n, double y, double a) {
    double least = INFINITY;
    for (int k = 0; k < n; k++) {
        least = sp_relax_min(least, y * value[k] - a * knot[k]);
    }
    return least;
}

SP_HD bool sp_piecewise_slopes(const sp_plane_domain *d, double px, double py, double *a,
                               double *b) {
    double knot[4], value[4];
    const int n = sp_factor_knots(d->f, d->x, knot);
    const double height = d->y.hi - d->y.lo;
    const double weight = height > 0.0 ? (py - d->y.lo) / height : 0.5;
    double best = -INFINITY;
    for (int k = 0; k < n; k++) {
        value[k] = sp_factor_x(d->f, knot[k]);
    }
    for (int side = 0; side < 2; side++) {
        const double y = side == 0 ? d->y.lo : d->y.hi;
        for (int i = 0; i < n; i++) {
            for (int k = i + 1; k < n; k++) {
                const double slope = y * (value[k] - value[i]) / (knot[k] - knot[i]);
                const double m0 = sp_piecewise_edge(knot, value, n, d->y.lo, slope);
                const double m1 = sp_piecewise_edge(knot, value, n, d->y.hi, slope);
                const double v = slope * px + (1.0 - weight) * m0 + weight * m1;
                if (v > best) {
                    best = v;
                    *a = slope;
                    *b = (m1 - m0) / height;
                }
            }
        }
    }
    return best > -INFINITY && *a == *a && *b == *b && fabs(*b) <= DBL_MAX;
}

#endif
