/* The hyperbolic tangent. Host and device. */
#ifndef SP_RELAX_CURVE_TANH_H
#define SP_RELAX_CURVE_TANH_H

#include "relax/line/line_sigmoid.h"

SP_HD double sp_curve_tanh_value(sp_activation f, double x) {
    (void)f;
    return tanh(x);
}

SP_HD double sp_curve_tanh_slope(sp_activation f, double x) {
    const double v = sp_curve_tanh_value(f, x);
    return 1.0 - v * v;
}

SP_HD sp_iv sp_curve_tanh_range(sp_activation f, sp_iv x) {
    (void)f;
    return sp_range_tanh(x);
}

SP_HD sp_line_pair sp_curve_tanh_lines(sp_activation f, sp_iv x, double m) {
    (void)f;
    return sp_curve_lines(SP_CURVE_TANH, x, m);
}

SP_HD bool sp_line_first_tanh(sp_activation f, sp_iv x, sp_line_pair *lines) {
    (void)f;
    return sp_curve_tangents(SP_CURVE_TANH, x, lines);
}

#endif
