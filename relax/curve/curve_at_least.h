/* max(x, alpha). Host and device. */
#ifndef SP_RELAX_CURVE_AT_LEAST_H
#define SP_RELAX_CURVE_AT_LEAST_H

#include "relax/line/line_piecewise.h"

SP_HD double sp_curve_at_least_value(sp_activation f, double x) {
    return x < f.alpha ? f.alpha : x;
}

SP_HD double sp_curve_at_least_slope(sp_activation f, double x) {
    return x > f.alpha ? 1.0 : 0.0;
}

SP_HD sp_iv sp_curve_at_least_range(sp_activation f, sp_iv x) {
    const sp_iv r = {sp_curve_at_least_value(f, x.lo), sp_curve_at_least_value(f, x.hi)};
    return r;
}

SP_HD sp_line_pair sp_curve_at_least_lines(sp_activation f, sp_iv x, double m) {
    sp_line_knots k = sp_line_knots_of(x, f.alpha);
    for (int i = 0; i < k.count; i++) {
        k.value[i] = sp_curve_at_least_value(f, k.at[i]);
    }
    return sp_line_pair_of_knots(&k, sp_curve_at_least_slope(f, m), x, m);
}

#endif
