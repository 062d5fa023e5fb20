/* Mish: x tanh(log(1 + exp(x))). Host and device. */
#ifndef SP_RELAX_CURVE_MISH_H
#define SP_RELAX_CURVE_MISH_H

#include "relax/shape.h"

/** tanh(log(1 + e)) = e (e + 2) / (e (e + 2) + 2) for e = exp(x), here by q = exp(-|x|). */
SP_HD double sp_curve_mish_factor(double x) {
    const double q = exp(-fabs(x));
    return x >= 0.0 ? (1.0 + 2.0 * q) / (1.0 + 2.0 * q + 2.0 * q * q)
                    : q * (q + 2.0) / (q * (q + 2.0) + 2.0);
}

SP_HD double sp_curve_mish_value(sp_activation f, double x) {
    (void)f;
    return x * sp_curve_mish_factor(x);
}

/** The derivative of tanh(s), s = log(1 + exp(x)), is (1 - tanh(s)^2) sigma(x). */
SP_HD double sp_curve_mish_slope(sp_activation f, double x) {
    (void)f;
    const double v = sp_curve_mish_factor(x), q = exp(-fabs(x));
    const double rest = x >= 0.0 ? 2.0 * q * q / (1.0 + 2.0 * q + 2.0 * q * q)
                                 : 2.0 / (q * (q + 2.0) + 2.0); // 1 - v
    const double bell = rest * (1.0 + v) * sp_relax_sigmoid(x);
    return v + (bell > 0.0 ? x * bell : 0.0);
}

/** The second derivative is positive between its two zeros; the slope lies in [-0.113, 1.089]. */
SP_HD sp_shape sp_curve_mish_shape(sp_activation f, sp_iv x) {
    (void)f;
    (void)x;
    return sp_shape_between(-1, -2.2563763963607931, 1, 1.4905711794854284, 1.1);
}

#endif
