/* The local minima of sigma(x) T - a x on a line y = const, of s tanh(y) - b y on a line x = const,
 * and of sigma(x) tanh(y) - a x - b y in the plane. Each is unique, and each function gives false
 * when there is none. Source: docs/theory/planes.md 2. Host and device. */
#ifndef SP_RELAX_STATIONARY_H
#define SP_RELAX_STATIONARY_H

#include "relax/scalar.h"

/** sp_stationary_sigmoid - sigma'(x) = a / T: on the left (convex) branch for T > 0, on the right
 *  for T < 0. */
SP_HD bool sp_stationary_sigmoid(double a, double T, double *x, double *s) {
    const double q = 4.0 * a / T; // NaN for T = a = 0
    if (!(q > 0.0 && q <= 1.0)) {
        return false;
    }
    const double r = sqrt(1.0 - q), far = log((1.0 + r) * (1.0 + r) / q);
    *x = T > 0.0 ? -far : far;
    *s = T > 0.0 ? 0.5 * q / (1.0 + r) : 0.5 * (1.0 + r);
    return true;
}

/** sp_stationary_tanh - s (1 - t^2) = b with t = tanh(y) < 0, for s > 0. */
SP_HD bool sp_stationary_tanh(double b, double s, double *y, double *t) {
    const double q = b / s;
    if (!(q > 0.0 && q <= 1.0)) {
        return false;
    }
    const double r = sqrt(1.0 - q);
    *y = -0.5 * log((1.0 + r) * (1.0 + r) / q);
    *t = -r;
    return true;
}

/** sp_stationary_product - with z = 1 - sigma(x), c = 1 - b the minimum is the least root of
 *  G(z) = z sqrt((1 - z)(c - z)) = -a. G is concave and increasing up to z_top, so Newton's steps
 *  from the left never pass the root. */
SP_HD bool sp_stationary_product(double a, double b, double *x, double *y, double *f) {
    if (!(a < 0.0 && b > 0.0 && b < 1.0)) {
        return false;
    }
    const double c = 1.0 - b;
    const double top = 4.0 * c / (3.0 + 3.0 * c + sqrt((9.0 * c - 14.0) * c + 9.0));
    if (!(top * sqrt((1.0 - top) * (c - top)) >= -a)) {
        return false;
    }
    double z = -a / sqrt(c);
    for (int step = 0; step < 60 && z < top; step++) {
        const double h = sqrt((1.0 - z) * (c - z));
        const double slope = h - z * (1.0 + c - 2.0 * z) / (2.0 * h);
        const double dz = (-a - z * h) / slope;
        if (!(slope > 0.0)) {
            break;
        }
        z += dz;
        if (!(dz > 1e-15 * z)) {
            break;
        }
    }
    z = sp_relax_min(z, top);
    const double s = 1.0 - z;
    const double t = -sqrt(sp_relax_min((c - z) / s, 1.0));
    *x = log(s / z);
    *y = -0.5 * log((1.0 - t) * (1.0 - t) * s / b); // exact b: 1 - t^2 would cancel
    *f = s * t;
    return true;
}

#endif
