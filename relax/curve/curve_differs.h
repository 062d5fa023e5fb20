/* 1 where x is not alpha, else 0: what asks for padding. Host and device. */
#ifndef SP_RELAX_CURVE_DIFFERS_H
#define SP_RELAX_CURVE_DIFFERS_H

#include "relax/r2/line_r2.h"

SP_HD double sp_curve_differs_value(sp_activation f, double x) {
    return x == f.alpha ? 0.0 : x == x ? 1.0 : x; // NaN stays
}

SP_HD double sp_curve_differs_slope(sp_activation f, double x) {
    (void)f;
    (void)x;
    return 0.0;
}

SP_HD sp_iv sp_curve_differs_range(sp_activation f, sp_iv x) {
    const bool holds = x.lo <= f.alpha && f.alpha <= x.hi;
    const sp_iv r = {holds ? 0.0 : 1.0, holds && x.lo == x.hi ? 0.0 : 1.0};
    return r;
}

SP_HD sp_line_pair sp_curve_differs_lines(sp_activation f, sp_iv x, double m) {
    (void)m;
    return sp_line_constant(sp_curve_differs_range(f, x));
}

#endif
