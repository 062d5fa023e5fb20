/* Scalar functions and constants that the lines and planes of relax/ share. Host and device.
 *
 * Assumption on libm: exp, log, tanh, log1p are within 4 ulp, that is a relative error of 8 u with
 * u = 2^-53 (glibc documents at most 2 ulp). Then sp_relax_sigmoid is within 10 u. */
#ifndef SP_RELAX_SCALAR_H
#define SP_RELAX_SCALAR_H

#include <math.h>
#include <stdbool.h>

#include "base/hd.h"
#include "base/interval.h"

/* Relative step over one libm result or one sp_relax_sigmoid: 16 u. */
#define SP_RELAX_STEP 0x1p-49
/* Relative margin of an offset, 32 u: the argument stands in plane_offset.h. */
#define SP_RELAX_MARGIN 0x1p-48
/* Lines and planes with a slope are made for |x| up to here: no product of two such numbers
 * overflows, and what underflows is below 2^-200. Beyond it the bounds are constants. */
#define SP_RELAX_HUGE 0x1p400

SP_HD double sp_relax_min(double a, double b) {
    return a < b ? a : b;
}

SP_HD double sp_relax_max(double a, double b) {
    return a > b ? a : b;
}

SP_HD double sp_relax_clamp(double x, double lo, double hi) {
    return sp_relax_min(sp_relax_max(x, lo), hi);
}

SP_HD double sp_relax_sigmoid(double x) {
    const double e = exp(-fabs(x));
    return (x >= 0.0 ? 1.0 : e) / (1.0 + e);
}

/** sp_relax_sigmoid_chord, sp_relax_tanh_chord - the slope between lo and hi, about; that at lo
 *  where they are equal. Nothing cancels: sigma(hi) - sigma(lo) = (1 - e^(lo - hi)) sigma(hi)
 *  sigma(-lo), tanh(x) = 2 sigma(2 x) - 1. */
SP_HD double sp_relax_sigmoid_chord(double lo, double hi) {
    const double w = hi - lo, part = w > 0.0 ? -expm1(-w) / w : 1.0;
    return part * sp_relax_sigmoid(hi) * sp_relax_sigmoid(-lo);
}

SP_HD double sp_relax_tanh_chord(double lo, double hi) {
    return 4.0 * sp_relax_sigmoid_chord(2.0 * lo, 2.0 * hi);
}

/** sp_relax_finite - lo <= hi, both finite; NaN fails. */
SP_HD bool sp_relax_finite(sp_iv x) {
    return x.lo <= x.hi && x.lo >= -DBL_MAX && x.hi <= DBL_MAX;
}

/** sp_relax_usable - ordered and within SP_RELAX_HUGE; NaN fails. */
SP_HD bool sp_relax_usable(sp_iv x) {
    return x.lo <= x.hi && x.lo >= -SP_RELAX_HUGE && x.hi <= SP_RELAX_HUGE;
}

SP_HD double sp_relax_middle(sp_iv x) {
    return 0.5 * x.lo + 0.5 * x.hi;
}

SP_HD sp_iv sp_relax_unknown(void) {
    const sp_iv r = {-INFINITY, INFINITY};
    return r;
}

SP_HD sp_iv sp_relax_flip(sp_iv x) {
    const sp_iv r = {-x.hi, -x.lo};
    return r;
}

#endif
