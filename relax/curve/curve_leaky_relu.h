/* x, and alpha x where x is negative; alpha of any size and sign. Host and device. */
#ifndef SP_RELAX_CURVE_LEAKY_RELU_H
#define SP_RELAX_CURVE_LEAKY_RELU_H

#include "relax/line/line_piecewise.h"
#include "relax/r2/line_r2.h"

SP_HD double sp_curve_leaky_relu_value(sp_activation f, double x) {
    return x < 0.0 ? f.alpha * x : x;
}

SP_HD double sp_curve_leaky_relu_slope(sp_activation f, double x) {
    return x < 0.0 ? f.alpha : 1.0;
}

SP_HD sp_iv sp_curve_leaky_relu_range(sp_activation f, sp_iv x) {
    const sp_iv alpha = {f.alpha, f.alpha};
    const sp_iv negative = {sp_relax_min(x.lo, 0.0), sp_relax_min(x.hi, 0.0)};
    const sp_iv scaled = sp_iv_mul(alpha, negative);
    const sp_iv both = {sp_relax_min(scaled.lo, x.hi), sp_relax_max(scaled.hi, x.hi)};
    return x.lo >= 0.0 ? x : x.hi < 0.0 ? scaled : both;
}

/** The values at the knots are off by one rounding, which the margin of the lines covers. */
SP_HD sp_line_pair sp_curve_leaky_relu_lines(sp_activation f, sp_iv x, double m) {
    sp_line_knots k = sp_line_knots_of(x, 0.0);
    for (int i = 0; i < k.count; i++) {
        k.value[i] = sp_curve_leaky_relu_value(f, k.at[i]);
    }
    return fabs(f.alpha) <= SP_RELAX_HUGE
               ? sp_line_pair_of_knots(&k, sp_curve_leaky_relu_slope(f, m), x, m)
               : sp_line_constant(sp_curve_leaky_relu_range(f, x));
}

#endif
