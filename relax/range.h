/* Ranges of the scalar functions: libm at the ends, stepped outward by SP_RELAX_STEP and by
 * 2^-1074 for subnormal results. Host and device. */
#ifndef SP_RELAX_RANGE_H
#define SP_RELAX_RANGE_H

#include "relax/plane/factor.h"
#include "relax/relax.h"
#include "relax/scalar.h"

SP_HD double sp_range_step_below(double f) {
    return f - (fabs(f) * SP_RELAX_STEP + 0x1p-1074);
}

SP_HD double sp_range_step_above(double f) {
    return -sp_range_step_below(-f);
}

SP_HD sp_iv sp_range_sigmoid(sp_iv x) {
    if (!sp_relax_finite(x)) {
        return sp_relax_unknown();
    }
    const sp_iv r = {sp_relax_max(0.0, sp_range_step_below(sp_relax_sigmoid(x.lo))),
                     sp_relax_min(1.0, sp_range_step_above(sp_relax_sigmoid(x.hi)))};
    return r;
}

SP_HD sp_iv sp_range_tanh(sp_iv x) {
    if (!sp_relax_finite(x)) {
        return sp_relax_unknown();
    }
    const sp_iv r = {sp_relax_max(-1.0, sp_range_step_below(tanh(x.lo))),
                     sp_relax_min(1.0, sp_range_step_above(tanh(x.hi)))};
    return r;
}

SP_HD sp_iv sp_range_square(sp_iv x) {
    if (!sp_relax_finite(x)) {
        return sp_relax_unknown();
    }
    const double far = sp_iv_mag(x);
    const double near = x.lo > 0.0 ? x.lo : x.hi < 0.0 ? -x.hi : 0.0;
    const sp_iv r = {sp_relax_max(0.0, sp_below(near * near)), sp_above(far * far)};
    return r;
}

SP_HD sp_iv sp_range_log(sp_iv x) {
    if (!(sp_relax_finite(x) && x.lo > 0.0)) {
        return sp_relax_unknown();
    }
    const sp_iv r = {sp_range_step_below(log(x.lo)), sp_range_step_above(log(x.hi))};
    return r;
}

SP_HD sp_iv sp_range_product(sp_product f, sp_box box) {
    if (!(sp_relax_finite(box.x) && sp_relax_finite(box.y))) {
        return sp_relax_unknown();
    }
    if (!sp_factor_is_smooth(f)) { // sp_factor_x is exact
        const sp_iv p = {sp_factor_x(f, box.x.lo), sp_factor_x(f, box.x.hi)};
        sp_iv r = sp_iv_mul(p, sp_factor_has_tanh(f) ? sp_range_tanh(box.y) : box.y);
        if (sp_factor_has_tanh(f)) {
            r.lo = sp_relax_max(r.lo, -1.0);
            r.hi = sp_relax_min(r.hi, 1.0);
        }
        return r;
    }
    if (f == SP_PRODUCT_SIGMOID_ID) {
        return sp_iv_mul(sp_range_sigmoid(box.x), box.y);
    }
    sp_iv r = sp_iv_mul(sp_range_sigmoid(box.x), sp_range_tanh(box.y));
    r.lo = sp_relax_max(r.lo, -1.0);
    r.hi = sp_relax_min(r.hi, 1.0);
    return r;
}

#endif
