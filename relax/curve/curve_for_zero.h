/* alpha at zero, x elsewhere: what some front ends put for an energy of exactly zero. Host and
 * device. */
#ifndef SP_RELAX_CURVE_FOR_ZERO_H
#define SP_RELAX_CURVE_FOR_ZERO_H

#include "relax/relax.h"
#include "relax/scalar.h"

SP_HD double sp_curve_for_zero_value(sp_activation f, double x) {
    return x == 0.0 ? f.alpha : x;
}

SP_HD double sp_curve_for_zero_slope(sp_activation f, double x) {
    (void)f;
    return x == 0.0 ? 0.0 : 1.0;
}

SP_HD bool sp_curve_for_zero_jumps(sp_iv x) {
    return x.lo <= 0.0 && x.hi >= 0.0;
}

SP_HD sp_iv sp_curve_for_zero_range(sp_activation f, sp_iv x) {
    sp_iv r = x;
    if (sp_curve_for_zero_jumps(x)) {
        r.lo = sp_relax_min(x.lo < 0.0 || x.hi > 0.0 ? x.lo : f.alpha, f.alpha);
        r.hi = sp_relax_max(x.lo < 0.0 || x.hi > 0.0 ? x.hi : f.alpha, f.alpha);
    }
    return r;
}

SP_HD sp_line_pair sp_curve_for_zero_lines(sp_activation f, sp_iv x, double m) {
    const double jump = sp_curve_for_zero_jumps(x) ? f.alpha : 0.0;
    const sp_line_pair r = {{1.0, sp_relax_min(jump, 0.0)}, {1.0, sp_relax_max(jump, 0.0)}};
    (void)m;
    return r;
}

#endif
