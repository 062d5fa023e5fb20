/* max(x, 0). Host and device. */
#ifndef SP_RELAX_CURVE_RELU_H
#define SP_RELAX_CURVE_RELU_H

#include "relax/line/line_piecewise.h"
#include "relax/r2/line_r2.h"

SP_HD double sp_curve_relu_value(sp_activation f, double x) {
    (void)f;
    return x < 0.0 ? 0.0 : x;
}

SP_HD double sp_curve_relu_slope(sp_activation f, double x) {
    (void)f;
    return sp_factor_slope(SP_PRODUCT_RELU_ID, x);
}

SP_HD sp_iv sp_curve_relu_range(sp_activation f, sp_iv x) {
    const sp_iv r = {sp_relax_max(x.lo, 0.0), sp_relax_max(x.hi, 0.0)};
    (void)f;
    return r;
}

SP_HD sp_line_pair sp_curve_relu_lines(sp_activation f, sp_iv x, double m) {
    (void)f;
    return sp_piecewise_lines(SP_PRODUCT_RELU_ID, x, m);
}

/** sp_line_first_relu - DeepPoly's lines. */
SP_HD bool sp_line_first_relu(sp_activation f, sp_iv x, sp_line_pair *lines) {
    (void)f;
    *lines = sp_line_relu(x);
    return true;
}

#endif
