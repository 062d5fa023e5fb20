/* ELU: x, and alpha (exp(x) - 1) where x is negative. Host and device. */
#ifndef SP_RELAX_CURVE_ELU_H
#define SP_RELAX_CURVE_ELU_H

#include "relax/shape.h"

SP_HD double sp_curve_elu_value(sp_activation f, double x) {
    return x < 0.0 ? f.alpha * expm1(x) : x;
}

SP_HD double sp_curve_elu_slope(sp_activation f, double x) {
    return x < 0.0 ? f.alpha * exp(x) : 1.0;
}

SP_HD sp_shape sp_curve_elu_shape(sp_activation f, sp_iv x) {
    (void)x;
    return sp_shape_turning(f.alpha >= 0.0 ? 1 : -1, 0.0, 0, sp_relax_max(fabs(f.alpha), 1.0));
}

#endif
