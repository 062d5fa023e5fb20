/* x / (1 + |x|). Host and device. */
#ifndef SP_RELAX_CURVE_SOFTSIGN_H
#define SP_RELAX_CURVE_SOFTSIGN_H

#include "relax/shape.h"

SP_HD double sp_curve_softsign_value(sp_activation f, double x) {
    (void)f;
    return x / (1.0 + fabs(x));
}

SP_HD double sp_curve_softsign_slope(sp_activation f, double x) {
    (void)f;
    const double d = 1.0 / (1.0 + fabs(x));
    return d * d;
}

SP_HD sp_shape sp_curve_softsign_shape(sp_activation f, sp_iv x) {
    (void)f;
    (void)x;
    return sp_shape_turning(1, 0.0, -1, 1.0);
}

#endif
