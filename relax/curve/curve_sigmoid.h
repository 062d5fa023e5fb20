/* The sigmoid. Host and device. */
#ifndef SP_RELAX_CURVE_SIGMOID_H
#define SP_RELAX_CURVE_SIGMOID_H

#include "relax/line/line_sigmoid.h"

SP_HD double sp_curve_sigmoid_value(sp_activation f, double x) {
    (void)f;
    return 1.0 / (1.0 + exp(-x));
}

SP_HD double sp_curve_sigmoid_slope(sp_activation f, double x) {
    const double v = sp_curve_sigmoid_value(f, x);
    return v * (1.0 - v);
}

SP_HD sp_iv sp_curve_sigmoid_range(sp_activation f, sp_iv x) {
    (void)f;
    return sp_range_sigmoid(x);
}

SP_HD sp_line_pair sp_curve_sigmoid_lines(sp_activation f, sp_iv x, double m) {
    (void)f;
    return sp_curve_lines(SP_CURVE_SIGMOID, x, m);
}

#endif
