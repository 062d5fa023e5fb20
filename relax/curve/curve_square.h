/* x^2. Host and device. */
#ifndef SP_RELAX_CURVE_SQUARE_H
#define SP_RELAX_CURVE_SQUARE_H

#include "relax/r2/line_r2.h"
#include "relax/range.h"

SP_HD double sp_curve_square_value(sp_activation f, double x) {
    (void)f;
    return x * x;
}

SP_HD double sp_curve_square_slope(sp_activation f, double x) {
    (void)f;
    return 2.0 * x;
}

SP_HD sp_iv sp_curve_square_range(sp_activation f, sp_iv x) {
    (void)f;
    return sp_range_square(x);
}

/** The tangent 2 m x - m^2 at m below, the chord above. */
SP_HD sp_line_pair sp_curve_square_lines(sp_activation f, sp_iv x, double m) {
    sp_line_pair r = sp_line_square(x);
    (void)f;
    r.lower.w = 2.0 * m;
    r.lower.c = m != 0.0 ? -sp_above(m * m) : 0.0;
    return r;
}

#endif
