/* Lines of the hard sigmoid and of the ReLU at an anchor, over u: both are linear between their
 * kinks, so their envelopes are chords between knots. Host and device.
 *
 * The slope is chosen first; the constant is the least value of f - w u over the knots, less the
 * margin of plane_offset.h. */
#ifndef SP_RELAX_LINE_PIECEWISE_H
#define SP_RELAX_LINE_PIECEWISE_H

#include "relax/factor.h"

/** sp_piecewise_lower - for sign = 1 the line below p at m, for -1 the line below -p. `f` names the
 *  product whose first factor is p; the interval is usable, m inside it. */
SP_HD sp_line sp_piecewise_lower(sp_product f, double sign, sp_iv u, double m) {
    double knot[4], value[4], least = INFINITY;
    const int n = sp_factor_knots(f, u, knot);
    sp_line r = {sign * sp_factor_slope(f, m), 0.0};
    for (int k = 0; k < n; k++) {
        value[k] = sign * sp_factor_x(f, knot[k]);
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

SP_HD sp_line_pair sp_piecewise_lines(sp_product f, sp_iv u, double m) {
    const sp_line flipped = sp_piecewise_lower(f, -1.0, u, m);
    sp_line_pair r;
    r.lower = sp_piecewise_lower(f, 1.0, u, m);
    r.upper.w = -flipped.w;
    r.upper.c = -flipped.c;
    return r;
}

#endif
