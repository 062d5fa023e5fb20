/* GELU by tanh: x (1 + tanh(alpha (x + |beta| x^3))) / 2. Host and device. */
#ifndef SP_RELAX_CURVE_GELU_TANH_H
#define SP_RELAX_CURVE_GELU_TANH_H

#include "relax/shape.h"

SP_HD double sp_curve_gelu_tanh_inner(sp_activation f, double x) {
    return f.alpha * (x + fabs(f.beta) * (x * x * x));
}

/** (1 + tanh(u)) / 2 = sigma(2 u). */
SP_HD double sp_curve_gelu_tanh_value(sp_activation f, double x) {
    return x * sp_relax_sigmoid(2.0 * sp_curve_gelu_tanh_inner(f, x));
}

SP_HD double sp_curve_gelu_tanh_slope(sp_activation f, double x) {
    const double u = 2.0 * sp_curve_gelu_tanh_inner(f, x), v = sp_relax_sigmoid(u);
    const double bell = v * sp_relax_sigmoid(-u);
    return v + (bell > 0.0 ? x * bell * 2.0 * f.alpha * (1.0 + 3.0 * fabs(f.beta) * (x * x)) : 0.0);
}

/** The second derivative has the sign of 1 + 6 s - alpha x tanh(u) (1 + 3 s)^2, s = |beta| x^2,
 *  times that of alpha: an even function of x with one zero before 2 / |alpha|. The slope is
 *  v + x U' v (1 - v), U = 2 u, v = sigma(U): x U' <= 3 U and |U| v (1 - v) <= 0.23. */
SP_HD sp_shape sp_curve_gelu_tanh_shape(sp_activation f, sp_iv x) {
    const double a = fabs(f.alpha), b = fabs(f.beta);
    const int inside = f.alpha >= 0.0 ? 1 : -1;
    double lo = 0.0, hi = 2.0 / a;
    (void)x;
    for (int step = 0; step < 60 && hi <= DBL_MAX; step++) {
        const double p = 0.5 * lo + 0.5 * hi, s = b * (p * p), rest = 1.0 + 3.0 * s;
        if (a * p * tanh(a * (p + s * p)) * rest * rest < 1.0 + 6.0 * s) {
            lo = p;
        } else {
            hi = p;
        }
    }
    return a == 0.0 ? sp_shape_even(0, 0.5) : sp_shape_between(-inside, -hi, inside, hi, 1.7);
}

#endif
