/* Lines of the functions of one variable that gates and candidates use. Host and device. */
#ifndef SP_RELAX_LINE_ACTIVATION_H
#define SP_RELAX_LINE_ACTIVATION_H

#include "relax/line_piecewise.h"
#include "relax/line_r2.h"
#include "relax/line_sigmoid.h"

/** sp_line_from_u - from a line over u = alpha x + beta: w alpha x + (w beta + c). What rounding
 *  moves goes into the constant, down (sign 1) for a lower line. */
SP_HD sp_line sp_line_from_u(sp_activation f, sp_iv x, sp_line line, double sign) {
    const double w = line.w * f.alpha, shift = line.w * f.beta;
    const double slack = sp_above(fabs(w) * sp_iv_mag(x) + fabs(shift) + fabs(line.c)) * 0x1p-50;
    const sp_line r = {w, shift + line.c - sign * slack};
    return r;
}

SP_HD sp_line_pair sp_line_hard(sp_activation f, sp_iv x, double m) {
    const sp_iv u = sp_range_affine(f, x);
    sp_line_pair r =
        sp_piecewise_lines(SP_PRODUCT_HARD_ID, u, sp_relax_clamp(f.alpha * m + f.beta, u.lo, u.hi));
    r.lower = sp_line_from_u(f, x, r.lower, 1.0);
    r.upper = sp_line_from_u(f, x, r.upper, -1.0);
    return r;
}

/** sp_line_has_slope - whether nothing overflows on the way to a line with a slope. */
SP_HD bool sp_line_has_slope(sp_activation f, sp_iv x) {
    const bool reads = f.kind == SP_ACTIVATION_HARD_SIGMOID || f.kind == SP_ACTIVATION_AFFINE;
    return sp_relax_usable(x) &&
           (!reads || (fabs(f.alpha) <= SP_RELAX_HUGE && sp_relax_usable(sp_range_affine(f, x))));
}

/** sp_line_activation - lines at m, which is clamped into x; NaN becomes the middle. */
SP_HD sp_line_pair sp_line_activation(sp_activation f, sp_iv x, double m) {
    const sp_iv range = sp_range_activation(f, x);
    const double at = m == m ? sp_relax_clamp(m, x.lo, x.hi) : sp_relax_middle(x);
    sp_line_pair r = {{0.0, range.lo}, {0.0, range.hi}};
    if (!sp_line_has_slope(f, x)) {
        return r;
    }
    switch (f.kind) {
    case SP_ACTIVATION_SIGMOID:
        return sp_curve_lines(SP_CURVE_SIGMOID, x, at);
    case SP_ACTIVATION_TANH:
        return sp_curve_lines(SP_CURVE_TANH, x, at);
    case SP_ACTIVATION_HARD_SIGMOID:
        return sp_line_hard(f, x, at);
    case SP_ACTIVATION_RELU:
        return sp_piecewise_lines(SP_PRODUCT_RELU_ID, x, at);
    case SP_ACTIVATION_AFFINE:
        r.lower.w = r.upper.w = f.alpha;
        r.lower.c = r.upper.c = f.beta;
        return r;
    }
    return r;
}

/** sp_line_spread - pair k of a menu: 0 stands at the middle (of the ReLU: DeepPoly's), the others
 *  in turn a third of the width to either side. */
SP_HD sp_line_pair sp_line_spread(sp_activation f, sp_iv x, size_t k) {
    const double middle = 0.5 * x.lo + 0.5 * x.hi, reach = (x.hi - x.lo) / 3.0;
    if (k == 0 && f.kind == SP_ACTIVATION_RELU) {
        return sp_line_relu(x);
    }
    return sp_line_activation(f, x, k == 0 ? middle : k % 2 == 1 ? middle - reach : middle + reach);
}

#endif
