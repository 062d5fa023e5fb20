/* Closed intervals of doubles with outward rounding: round to nearest, then step outward.
 * No rounding mode is ever changed; every function is total: NaN gives (-inf, +inf). */
#ifndef SP_BASE_INTERVAL_H
#define SP_BASE_INTERVAL_H

#include <float.h>
#include <math.h>

#include "base/hd.h"

#ifdef __cplusplus
extern "C" {
#endif

/** SP_IV_LEAST - twice what a product can lose to underflow. */
#define SP_IV_LEAST 0x1p-1074

/** sp_iv - the reals x with lo <= x <= hi. lo is the true lower bound (never negated). */
typedef struct sp_iv {
    double lo, hi;
} sp_iv;

/** sp_below - a number strictly below every real that rounds to x (x itself when x = -inf).
 *  Covers one rounding of any of + - * / sqrt, subnormal results included.
 *  The step is 2^-52 |x| + 2^-1074, at least one half ulp; after FLINT's double_interval. */
SP_HD double sp_below(double x) {
    if (x != x) {
        return -INFINITY;
    }
    if (x > DBL_MAX) {
        return DBL_MAX;
    }
    return x - (fabs(x) * 0x1p-52 + SP_IV_LEAST);
}

/** sp_above - a number strictly above every real that rounds to x; NaN gives +inf. */
SP_HD double sp_above(double x) {
    return -sp_below(-x);
}

SP_HD sp_iv sp_iv_make(double lo, double hi) {
    sp_iv r = {lo, hi};
    if (!(lo <= hi)) {
        r.lo = -INFINITY;
        r.hi = INFINITY;
    }
    return r;
}

SP_HD sp_iv sp_iv_add(sp_iv a, sp_iv b) {
    sp_iv r = {sp_below(a.lo + b.lo), sp_above(a.hi + b.hi)};
    return r;
}

SP_HD sp_iv sp_iv_mul(sp_iv a, sp_iv b) {
    const double p = a.lo * b.lo, q = a.lo * b.hi, s = a.hi * b.lo, t = a.hi * b.hi;
    sp_iv r = {-INFINITY, INFINITY};
    if (p == p && q == q && s == s && t == t) {
        r.lo = sp_below(fmin(fmin(p, q), fmin(s, t)));
        r.hi = sp_above(fmax(fmax(p, q), fmax(s, t)));
    }
    return r;
}

/** sp_iv_meet - the intersection; when rounding has separated two enclosures of one value the
 *  sound answer is either of them: the narrower is returned. */
SP_HD sp_iv sp_iv_meet(sp_iv a, sp_iv b) {
    sp_iv r = {fmax(a.lo, b.lo), fmin(a.hi, b.hi)};
    if (r.lo <= r.hi) {
        return r;
    }
    return (a.hi - a.lo) <= (b.hi - b.lo) ? a : b;
}

SP_HD double sp_iv_mag(sp_iv a) {
    return fmax(fabs(a.lo), fabs(a.hi));
}

/** sp_gamma_of - ku / (1 - ku), rounded up; +inf when ku >= 1/2. */
SP_HD double sp_gamma_of(double ku) {
    return ku < 0.5 ? sp_above(sp_above(ku) / sp_below(1.0 - ku)) : INFINITY;
}

/** sp_gamma - gamma_k = k u / (1 - k u), u = 2^-53, rounded up: the relative error of a chain of k
 *  roundings. Source: [Higham, lemma 3.1]. sp_gamma_single - the same for
 *  roundings to floats, u = 2^-24. */
SP_HD double sp_gamma(double k) {
    return sp_gamma_of(k * 0x1p-53);
}

SP_HD double sp_gamma_single(double k) {
    return sp_gamma_of(k * 0x1p-24);
}

#ifdef __cplusplus
}
#endif
#endif
