/* The error function. Host and device. */
#ifndef SP_RELAX_CURVE_ERF_H
#define SP_RELAX_CURVE_ERF_H

#include "relax/shape.h"

SP_HD double sp_curve_erf_value(sp_activation f, double x) {
    (void)f;
    return erf(x);
}

SP_HD double sp_curve_erf_slope(sp_activation f, double x) {
    (void)f;
    return 1.1283791670955126 * exp(-x * x); // 2 / sqrt(pi)
}

SP_HD sp_shape sp_curve_erf_shape(sp_activation f, sp_iv x) {
    (void)f;
    (void)x;
    return sp_shape_turning(1, 0.0, -1, 1.13);
}

#endif
