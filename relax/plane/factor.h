/* The two factors of a product, as functions. Host and device. */
#ifndef SP_RELAX_FACTOR_H
#define SP_RELAX_FACTOR_H

#include "relax/relax.h"
#include "relax/scalar.h"

/** sp_factor_is_smooth - whether the first factor is sigma; else it is linear between the kinks 0
 *  and 1 (SP_PRODUCT_RELU_ID: 0). */
SP_HD bool sp_factor_is_smooth(sp_product f) {
    return f == SP_PRODUCT_SIGMOID_TANH || f == SP_PRODUCT_SIGMOID_ID;
}

SP_HD bool sp_factor_is_hard(sp_product f) {
    return f == SP_PRODUCT_HARD_ID || f == SP_PRODUCT_HARD_TANH;
}

/** sp_factor_has_tanh - whether the second factor is tanh(y); else it is y. */
SP_HD bool sp_factor_has_tanh(sp_product f) {
    return f == SP_PRODUCT_SIGMOID_TANH || f == SP_PRODUCT_HARD_TANH;
}

SP_HD int sp_factor_kinks(sp_product f) {
    return sp_factor_is_hard(f) ? 2 : f == SP_PRODUCT_RELU_ID ? 1 : 0;
}

/** sp_factor_x, sp_factor_y - the factors. */
SP_HD double sp_factor_x(sp_product f, double x) {
    if (sp_factor_is_smooth(f)) {
        return sp_relax_sigmoid(x);
    }
    const double raised = f == SP_PRODUCT_ID_ID ? x : sp_relax_max(x, 0.0);
    return sp_factor_is_hard(f) ? sp_relax_min(raised, 1.0) : raised;
}

SP_HD double sp_factor_y(sp_product f, double y) {
    return sp_factor_has_tanh(f) ? tanh(y) : y;
}

/** sp_factor_slope - the derivative of the first factor, at a kink that of one side. */
SP_HD double sp_factor_slope(sp_product f, double x) {
    if (sp_factor_is_smooth(f)) {
        const double s = sp_relax_sigmoid(x);
        return s * (1.0 - s);
    }
    const bool flat = f != SP_PRODUCT_ID_ID && (x <= 0.0 || (sp_factor_is_hard(f) && x >= 1.0));
    return flat ? 0.0 : 1.0;
}

/** sp_factor_knots - the ends of x and the kinks between them, in order; returns how many. */
SP_HD int sp_factor_knots(sp_product f, sp_iv x, double knot[4]) {
    int n = 0;
    knot[n++] = x.lo;
    for (int k = 0; k < sp_factor_kinks(f); k++) {
        if ((double)k > x.lo && (double)k < x.hi) {
            knot[n++] = (double)k;
        }
    }
    knot[n++] = x.hi;
    return n;
}

#endif
