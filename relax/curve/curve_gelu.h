/* GELU, for alpha = sqrt(1/2), and its scaled forms: x (1 + erf(alpha x)) / 2. Host and device. */
#ifndef SP_RELAX_CURVE_GELU_H
#define SP_RELAX_CURVE_GELU_H

#include "relax/shape.h"

SP_HD double sp_curve_gelu_value(sp_activation f, double x) {
    return 0.5 * x * erfc(-f.alpha * x);
}

SP_HD double sp_curve_gelu_slope(sp_activation f, double x) {
    const double z = f.alpha * x, density = 0.56418958354775629 * exp(-z * z); // 1 / sqrt(pi)
    return 0.5 * erfc(-z) + (density > 0.0 ? z * density : 0.0);
}

/** The second derivative is 2 alpha exp(-z^2) (1 - z^2) / sqrt(pi), z = alpha x; the slope lies
 *  between -0.129 and 1.129. */
SP_HD sp_shape sp_curve_gelu_shape(sp_activation f, sp_iv x) {
    const int inside = f.alpha >= 0.0 ? 1 : -1;
    (void)x;
    return f.alpha == 0.0 ? sp_shape_even(0, 0.5)
                          : sp_shape_between(-inside, -1.0 / f.alpha, inside, 1.0 / f.alpha, 1.13);
}

#endif
