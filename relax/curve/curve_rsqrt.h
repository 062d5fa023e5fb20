/* 1 / sqrt(x) for x > 0. Host and device. Source: docs/theory/planes.md 6.6. */
#ifndef SP_RELAX_CURVE_RSQRT_H
#define SP_RELAX_CURVE_RSQRT_H

#include "relax/line/line_convex.h"

SP_HD double sp_curve_rsqrt_value(sp_activation f, double x) {
    (void)f;
    return 1.0 / sqrt(x);
}

SP_HD double sp_curve_rsqrt_slope(sp_activation f, double x) {
    (void)f;
    return -0.5 / (x * sqrt(x));
}

SP_HD sp_iv sp_curve_rsqrt_range(sp_activation f, sp_iv x) {
    (void)f;
    const sp_iv r = {sp_below(1.0 / sp_above(sqrt(x.hi))), sp_above(1.0 / sp_below(sqrt(x.lo)))};
    return sp_relax_finite(x) && x.lo > 0.0 ? r : sp_relax_unknown();
}

/** For every s > 0 the constant c with c^3 = 27 s / 4 makes -s x + c the tangent at (2 s)^(-2/3);
 *  the root is taken roughly, and kept where its cube, rounded upward, is no larger. */
SP_HD sp_line_pair sp_curve_rsqrt_lines(sp_activation f, sp_iv x, double m) {
    const sp_iv range = sp_curve_rsqrt_range(f, x);
    const double s = 0.5 / (m * sqrt(m));
    const double c = 1.5 * cbrt(2.0 * s) * (1.0 - SP_RELAX_STEP);
    const bool known =
        s >= 0x1p-300 && s <= 0x1p300 && sp_above(sp_above(c * c) * c) <= sp_below(6.75 * s);
    const sp_line tangent = {-s, c};
    const double root_lo = sqrt(x.lo), root_hi = sqrt(x.hi);
    return sp_line_convex(x, range, range.hi, sp_above(1.0 / sp_below(sqrt(x.hi))),
                          -1.0 / (root_lo * root_hi * (root_lo + root_hi)),
                          known ? &tangent : NULL);
}

#endif
