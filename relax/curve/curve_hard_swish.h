/* x min(max(alpha x + beta, 0), 1). Host and device. */
#ifndef SP_RELAX_CURVE_HARD_SWISH_H
#define SP_RELAX_CURVE_HARD_SWISH_H

#include "relax/shape.h"

SP_HD double sp_curve_hard_swish_value(sp_activation f, double x) {
    const double u = f.alpha * x + f.beta;
    return x * (u < 0.0 ? 0.0 : u > 1.0 ? 1.0 : u);
}

SP_HD double sp_curve_hard_swish_slope(sp_activation f, double x) {
    const double u = f.alpha * x + f.beta;
    return u < 0.0 ? 0.0 : u > 1.0 ? 1.0 : 2.0 * f.alpha * x + f.beta;
}

/** Between its kinks the slope is u + alpha x = 2 u - beta, 0 <= u <= 1. */
SP_HD sp_shape sp_curve_hard_swish_shape(sp_activation f, sp_iv x) {
    const double steep = 3.0 + fabs(f.beta);
    (void)x;
    return f.alpha == 0.0 ? sp_shape_even(0, steep)
                          : sp_shape_between(0, -f.beta / f.alpha, f.alpha > 0.0 ? 1 : -1,
                                             (1.0 - f.beta) / f.alpha, steep);
}

#endif
