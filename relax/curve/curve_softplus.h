/* log(1 + exp(x)). Host and device. */
#ifndef SP_RELAX_CURVE_SOFTPLUS_H
#define SP_RELAX_CURVE_SOFTPLUS_H

#include "relax/shape.h"

SP_HD double sp_curve_softplus_value(sp_activation f, double x) {
    (void)f;
    return (x > 0.0 ? x : 0.0 * x) + log1p(exp(-fabs(x))); // NaN stays
}

SP_HD double sp_curve_softplus_slope(sp_activation f, double x) {
    (void)f;
    return sp_relax_sigmoid(x);
}

SP_HD sp_shape sp_curve_softplus_shape(sp_activation f, sp_iv x) {
    (void)f;
    (void)x;
    return sp_shape_even(1, 1.0);
}

#endif
