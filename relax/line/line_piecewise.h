/* Lines of piecewise linear functions at an anchor: their envelopes are chords between knots. Host
 * and device.
 *
 * The slope is chosen first; the constant is the least value of f - w u over the knots, less the
 * margin of plane_offset.h. */
#ifndef SP_RELAX_LINE_PIECEWISE_H
#define SP_RELAX_LINE_PIECEWISE_H

#include "relax/plane/factor.h"

/** sp_line_knots - the ends of an interval and the kinks between them, in order, with the values
 *  there. */
typedef struct sp_line_knots {
    int count;
    double at[4], value[4];
} sp_line_knots;

/** sp_line_knots_of - of a function with one kink, without the values. */
SP_HD sp_line_knots sp_line_knots_of(sp_iv x, double kink) {
    sp_line_knots k = {0, {0.0, 0.0, 0.0, 0.0}, {0.0, 0.0, 0.0, 0.0}};
    k.at[k.count++] = x.lo;
    if (kink > x.lo && kink < x.hi) {
        k.at[k.count++] = kink;
    }
    k.at[k.count++] = x.hi;
    return k;
}

/** sp_line_below_knots - for sign = 1 the line below f at m, for -1 the line below -f. slope: of f
 *  at m, for an interval of one point; the interval u is usable, m inside it. */
SP_HD sp_line sp_line_below_knots(const sp_line_knots *knots, double sign, double slope, sp_iv u,
                                  double m) {
    const double *knot = knots->at;
    const int n = knots->count;
    double value[4], least = INFINITY;
    sp_line r = {sign * slope, 0.0};
    for (int k = 0; k < n; k++) {
        value[k] = sign * knots->value[k];
    }
    for (int i = 0; i < n; i++) {
        for (int k = i + 1; k < n; k++) {
            if (knot[i] <= m && m <= knot[k] && knot[i] < knot[k]) {
                const double w = (value[k] - value[i]) / (knot[k] - knot[i]);
                const double at = value[i] + w * (m - knot[i]);
                if (at < least) {
                    least = at;
                    r.w = w;
                }
            }
        }
    }
    least = INFINITY;
    for (int k = 0; k < n; k++) {
        least = sp_relax_min(least, value[k] - r.w * knot[k]);
    }
    r.c = least - SP_RELAX_MARGIN * (fabs(r.w) * sp_iv_mag(u) + fabs(least) + 1.0);
    return r;
}

SP_HD sp_line_pair sp_line_pair_of_knots(const sp_line_knots *knots, double slope, sp_iv u,
                                         double m) {
    const sp_line flipped = sp_line_below_knots(knots, -1.0, slope, u, m);
    sp_line_pair r;
    r.lower = sp_line_below_knots(knots, 1.0, slope, u, m);
    r.upper.w = -flipped.w;
    r.upper.c = -flipped.c;
    return r;
}

/** sp_piecewise_lines - of the first factor of a product. */
SP_HD sp_line_pair sp_piecewise_lines(sp_product f, sp_iv u, double m) {
    sp_line_knots k = {0, {0.0, 0.0, 0.0, 0.0}, {0.0, 0.0, 0.0, 0.0}};
    k.count = sp_factor_knots(f, u, k.at);
    for (int i = 0; i < k.count; i++) {
        k.value[i] = sp_factor_x(f, k.at[i]);
    }
    return sp_line_pair_of_knots(&k, sp_factor_slope(f, m), u, m);
}

#endif
