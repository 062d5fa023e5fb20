/* The natural logarithm. Host and device. */
#ifndef SP_RELAX_CURVE_LOG_H
#define SP_RELAX_CURVE_LOG_H

#include "relax/r2/line_r2.h"
#include "relax/range.h"

SP_HD double sp_curve_log_value(sp_activation f, double x) {
    (void)f;
    return log(x);
}

SP_HD double sp_curve_log_slope(sp_activation f, double x) {
    (void)f;
    return 1.0 / x;
}

SP_HD sp_iv sp_curve_log_range(sp_activation f, sp_iv x) {
    (void)f;
    return sp_range_log(x);
}

/** The chord below, a tangent near m above: w x - log(w) - 1 for w = 1 / m. */
SP_HD sp_line_pair sp_curve_log_lines(sp_activation f, sp_iv x, double m) {
    sp_line_pair r = sp_line_log(x);
    (void)f;
    const double w = 1.0 / m;
    if (x.lo > 0.0 && w <= DBL_MAX) {
        const double size = -log(w);
        r.upper.w = w;
        r.upper.c = sp_above(sp_above(size - 1.0) + fabs(size) * SP_RELAX_STEP);
    }
    return r;
}

#endif
