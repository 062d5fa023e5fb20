/* min(max(alpha x + beta, 0), 1). Host and device. */
#ifndef SP_RELAX_CURVE_HARD_SIGMOID_H
#define SP_RELAX_CURVE_HARD_SIGMOID_H

#include "relax/curve/curve_affine.h"
#include "relax/line/line_piecewise.h"

SP_HD double sp_curve_hard_sigmoid_value(sp_activation f, double x) {
    return fmin(fmax(f.alpha * x + f.beta, 0.0), 1.0);
}

SP_HD double sp_curve_hard_sigmoid_slope(sp_activation f, double x) {
    return f.alpha * sp_factor_slope(SP_PRODUCT_HARD_ID, f.alpha * x + f.beta);
}

SP_HD sp_iv sp_curve_hard_sigmoid_range(sp_activation f, sp_iv x) {
    sp_iv r = sp_curve_affine_range(f, x);
    r.lo = sp_relax_clamp(r.lo, 0.0, 1.0);
    r.hi = sp_relax_clamp(r.hi, 0.0, 1.0);
    return r;
}

/** sp_line_from_u - from a line over u = alpha x + beta: w alpha x + (w beta + c). What rounding
 *  moves goes into the constant, down (sign 1) for a lower line. */
SP_HD sp_line sp_line_from_u(sp_activation f, sp_iv x, sp_line line, double sign) {
    const double w = line.w * f.alpha, shift = line.w * f.beta;
    const double slack = sp_above(fabs(w) * sp_iv_mag(x) + fabs(shift) + fabs(line.c)) * 0x1p-50 +
                         0x1p-1070 * (1.0 + sp_iv_mag(x)); // where w alpha underflows
    const sp_line r = {w, shift + line.c - sign * slack};
    return r;
}

SP_HD sp_line_pair sp_curve_hard_sigmoid_lines(sp_activation f, sp_iv x, double m) {
    if (!sp_curve_affine_is_usable(f, x)) {
        return sp_line_constant(sp_curve_hard_sigmoid_range(f, x));
    }
    const sp_iv u = sp_curve_affine_range(f, x);
    sp_line_pair r =
        sp_piecewise_lines(SP_PRODUCT_HARD_ID, u, sp_relax_clamp(f.alpha * m + f.beta, u.lo, u.hi));
    r.lower = sp_line_from_u(f, x, r.lower, 1.0);
    r.upper = sp_line_from_u(f, x, r.upper, -1.0);
    return r;
}

#endif
