/* 0 where x > 0, else infinite: what must be proved of a number for an answer to have a meaning.
 * Host and device. */
#ifndef SP_RELAX_CURVE_GUARD_H
#define SP_RELAX_CURVE_GUARD_H

#include "relax/r2/line_r2.h"

SP_HD double sp_curve_guard_value(sp_activation f, double x) {
    (void)f;
    return x > 0.0 ? 0.0 : INFINITY;
}

SP_HD double sp_curve_guard_slope(sp_activation f, double x) {
    (void)f;
    (void)x;
    return 0.0;
}

SP_HD sp_iv sp_curve_guard_range(sp_activation f, sp_iv x) {
    const sp_iv none = {0.0, 0.0};
    (void)f;
    return x.lo > 0.0 ? none : sp_relax_unknown();
}

SP_HD sp_line_pair sp_curve_guard_lines(sp_activation f, sp_iv x, double m) {
    (void)m;
    return sp_line_constant(sp_curve_guard_range(f, x));
}

#endif
