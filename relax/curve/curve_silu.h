/* SiLU, for alpha = 1, and its scaled forms: x sigma(alpha x). Host and device. */
#ifndef SP_RELAX_CURVE_SILU_H
#define SP_RELAX_CURVE_SILU_H

#include "relax/shape.h"

SP_HD double sp_curve_silu_value(sp_activation f, double x) {
    return x * sp_relax_sigmoid(f.alpha * x);
}

SP_HD double sp_curve_silu_slope(sp_activation f, double x) {
    const double z = f.alpha * x, v = sp_relax_sigmoid(z);
    return v + (v < 1.0 && v > 0.0 ? z * v * sp_relax_sigmoid(-z) : 0.0);
}

/** The second derivative has the sign of alpha (2 - z tanh(z / 2)), z = alpha x: its zeros are z =
 *  +-2.3994; the slope lies between -0.0999 and 1.0999. */
SP_HD sp_shape sp_curve_silu_shape(sp_activation f, sp_iv x) {
    const double turn = 2.3993572805154336 / f.alpha;
    const int inside = f.alpha >= 0.0 ? 1 : -1;
    (void)x;
    return f.alpha == 0.0 ? sp_shape_even(0, 0.5)
                          : sp_shape_between(-inside, -turn, inside, turn, 1.1);
}

#endif
