/* 1 / x for x > 0. Host and device. Source: docs/theory/planes.md 6.6. */
#ifndef SP_RELAX_CURVE_RECIPROCAL_H
#define SP_RELAX_CURVE_RECIPROCAL_H

#include "relax/line/line_convex.h"

SP_HD double sp_curve_reciprocal_value(sp_activation f, double x) {
    (void)f;
    return 1.0 / x;
}

SP_HD double sp_curve_reciprocal_slope(sp_activation f, double x) {
    (void)f;
    return -1.0 / (x * x);
}

SP_HD sp_iv sp_curve_reciprocal_range(sp_activation f, sp_iv x) {
    (void)f;
    const sp_iv r = {sp_below(1.0 / x.hi), sp_above(1.0 / x.lo)};
    return sp_relax_finite(x) && x.lo > 0.0 ? r : sp_relax_unknown();
}

/** For every s > 0 the constant 2 sqrt(s) makes -s x + c the tangent at 1 / sqrt(s). */
SP_HD sp_line_pair sp_curve_reciprocal_lines(sp_activation f, sp_iv x, double m) {
    const sp_iv range = sp_curve_reciprocal_range(f, x);
    const double s = 1.0 / (m * m);
    const sp_line tangent = {-s, sp_below(2.0 * sqrt(s))};
    return sp_line_convex(x, range, range.hi, sp_above(1.0 / x.hi), -1.0 / x.lo / x.hi,
                          s >= 0x1p-400 && s <= SP_RELAX_HUGE ? &tangent : NULL);
}

#endif
