/* exp(x). Host and device. Source: docs/theory/planes.md 6.6. */
#ifndef SP_RELAX_CURVE_EXP_H
#define SP_RELAX_CURVE_EXP_H

#include "relax/line/line_convex.h"

SP_HD double sp_curve_exp_value(sp_activation f, double x) {
    (void)f;
    return exp(x);
}

SP_HD double sp_curve_exp_slope(sp_activation f, double x) {
    (void)f;
    return exp(x);
}

SP_HD sp_iv sp_curve_exp_range(sp_activation f, sp_iv x) {
    (void)f;
    const double lo = sp_relax_min(exp(x.lo), 0x1p1000), hi = exp(x.hi); // infinite, perhaps
    const sp_iv r = {sp_relax_max(0.0, sp_range_step_below(lo)),
                     hi <= 0x1p1000 ? sp_range_step_above(hi) : INFINITY};
    return sp_relax_finite(x) ? r : sp_relax_unknown();
}

/** For every w > 0 the constant w - w log(w) makes w x + c the tangent at log(w). */
SP_HD sp_line_pair sp_curve_exp_lines(sp_activation f, sp_iv x, double m) {
    const sp_iv range = sp_curve_exp_range(f, x);
    const double w = exp(m), size = w * log(w);
    const bool known = w >= 0x1p-400 && w <= SP_RELAX_HUGE;
    const double c = sp_below(w - sp_above(size + fabs(size) * (2.0 * SP_RELAX_STEP)));
    const sp_line tangent = {w, c};
    return sp_line_convex(x, range, sp_range_step_above(exp(x.lo)), range.hi,
                          (range.hi - range.lo) / (x.hi - x.lo), known ? &tangent : NULL);
}

#endif
