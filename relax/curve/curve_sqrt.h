/* The square root of max(x, 0): boxes of what is not negative may begin a rounding below 0. Host
 * and device. Source: docs/theory/planes.md 6.4. */
#ifndef SP_RELAX_CURVE_SQRT_H
#define SP_RELAX_CURVE_SQRT_H

#include "relax/r2/line_r2.h"
#include "relax/range.h"

SP_HD double sp_curve_sqrt_value(sp_activation f, double x) {
    (void)f;
    return x > 0.0 ? sqrt(x) : 0.0 * x; // NaN stays
}

SP_HD double sp_curve_sqrt_slope(sp_activation f, double x) {
    (void)f;
    return x > 0.0 ? 0.5 / sqrt(x) : 0.0;
}

SP_HD sp_iv sp_curve_sqrt_range(sp_activation f, sp_iv x) {
    const double lo = sp_curve_sqrt_value(f, x.lo), hi = sp_curve_sqrt_value(f, x.hi);
    const sp_iv r = {lo > 0.0 ? sp_relax_max(sp_below(lo), 0.0) : 0.0,
                     hi > 0.0 ? sp_above(hi) : 0.0};
    return r;
}

/** For every w > 0 the constant 1 / (4 w) makes w x + c the tangent at 1 / (4 w^2), the largest of
 *  sqrt(x) - w x; from x.lo < 0 on the line must also stay above 0. */
SP_HD double sp_line_sqrt_above(double w, sp_iv x) {
    const double tangent = sp_above(0.25 / w);
    return x.lo < 0.0 ? sp_relax_max(tangent, sp_above(-w * x.lo)) : tangent;
}

/** A tangent near m above; below the chord, or the line from the origin to the upper end. */
SP_HD sp_line_pair sp_curve_sqrt_lines(sp_activation f, sp_iv x, double m) {
    const sp_iv range = sp_curve_sqrt_range(f, x);
    sp_line_pair r = {{0.0, range.lo}, {0.0, range.hi}};
    const double lo = sp_relax_max(x.lo, 0.0), w = 0.5 / sqrt(sp_relax_max(m, -x.lo));
    if (!(x.hi > 0.0)) {
        return r;
    }
    if (w > 0.0 && w <= 0x1p400) {
        r.upper.w = w;
        r.upper.c = sp_line_sqrt_above(w, x);
    }
    const double ends = sqrt(x.hi) + sqrt(lo); // the chord's slope is 1 / ends
    if (ends >= 0x1p-400) {
        r.lower.w = 1.0 / ends;
        // concave: a line is sound when it is so at both ends
        r.lower.c = sp_relax_min(sp_below(sp_below(sqrt(lo)) - sp_above(r.lower.w * lo)),
                                 sp_below(sp_below(sqrt(x.hi)) - sp_above(r.lower.w * x.hi)));
        r.lower.c = sp_relax_min(r.lower.c, lo > 0.0 ? r.lower.c : 0.0);
    }
    return r;
}

#endif
