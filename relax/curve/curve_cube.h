/* x^3. Host and device. */
#ifndef SP_RELAX_CURVE_CUBE_H
#define SP_RELAX_CURVE_CUBE_H

#include "relax/shape.h"

SP_HD double sp_curve_cube_value(sp_activation f, double x) {
    (void)f;
    return x * x * x;
}

SP_HD double sp_curve_cube_slope(sp_activation f, double x) {
    (void)f;
    return 3.0 * x * x;
}

SP_HD sp_shape sp_curve_cube_shape(sp_activation f, sp_iv x) {
    (void)f;
    return sp_shape_turning(-1, 0.0, 1, 3.0 * (sp_iv_mag(x) * sp_iv_mag(x)));
}

#endif
