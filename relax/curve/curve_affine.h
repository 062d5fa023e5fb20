/* alpha x + beta. Host and device. */
#ifndef SP_RELAX_CURVE_AFFINE_H
#define SP_RELAX_CURVE_AFFINE_H

#include "relax/r2/line_r2.h"
#include "relax/range.h"

SP_HD double sp_curve_affine_value(sp_activation f, double x) {
    return f.alpha * x + f.beta;
}

SP_HD double sp_curve_affine_slope(sp_activation f, double x) {
    (void)x;
    return f.alpha;
}

SP_HD sp_iv sp_curve_affine_range(sp_activation f, sp_iv x) {
    const sp_iv alpha = {f.alpha, f.alpha}, beta = {f.beta, f.beta};
    return sp_iv_add(sp_iv_mul(alpha, x), beta);
}

/** sp_curve_affine_is_usable - whether nothing overflows on the way to a line over alpha x + beta.
 */
SP_HD bool sp_curve_affine_is_usable(sp_activation f, sp_iv x) {
    return fabs(f.alpha) <= SP_RELAX_HUGE && sp_relax_usable(sp_curve_affine_range(f, x));
}

SP_HD sp_line_pair sp_curve_affine_lines(sp_activation f, sp_iv x, double m) {
    const sp_line line = {f.alpha, f.beta};
    const sp_line_pair r = {line, line};
    (void)m;
    return sp_curve_affine_is_usable(f, x) ? r : sp_line_constant(sp_curve_affine_range(f, x));
}

#endif
