/* R2's lines of the square and the logarithm [R2, figure 4], and those of [DeepPoly] of the ReLU:
 * docs/theory/planes.md 6.2 and 6.3. Each is sound for the rounded slope: the constant is taken
 * from it, rounded outward. Host and device. */
#ifndef SP_RELAX_LINE_R2_H
#define SP_RELAX_LINE_R2_H

#include "relax/relax.h"
#include "relax/scalar.h"

SP_HD sp_line_pair sp_line_unknown(void) {
    const sp_line_pair r = {{0.0, -INFINITY}, {0.0, INFINITY}};
    return r;
}

/** sp_line_constant - constant lines. */
SP_HD sp_line_pair sp_line_constant(sp_iv range) {
    const sp_line_pair r = {{0.0, range.lo}, {0.0, range.hi}};
    return r;
}

/** sp_line_above_end - the least c, rounded up, with w x + c >= f at one point x. */
SP_HD double sp_line_above_end(double f, double w, double x) {
    return sp_above(f - sp_below(w * x));
}

SP_HD sp_line_pair sp_line_relu(sp_iv x) {
    if (!sp_relax_finite(x)) {
        return sp_line_unknown();
    }
    sp_line_pair r = {{0.0, 0.0}, {0.0, 0.0}};
    if (x.hi <= 0.0) {
        return r;
    }
    if (x.lo >= 0.0) {
        r.lower.w = r.upper.w = 1.0;
        return r;
    }
    // ReLU is convex: an upper line is sound when it is so at both ends.
    const double w = sp_relax_min(x.hi / (x.hi - x.lo), 1.0);
    r.upper.w = w;
    r.upper.c = sp_relax_max(sp_line_above_end(0.0, w, x.lo), sp_line_above_end(x.hi, w, x.hi));
    r.lower.w = x.hi > -x.lo ? 1.0 : 0.0;
    return r;
}

/** sp_line_square_tangent - where R2's lower line touches the square. */
SP_HD double sp_line_square_tangent(sp_iv x) {
    if (x.lo >= 0.0 && x.lo < x.hi / 3.0) {
        return 2.0 * x.lo;
    }
    if (x.hi <= 0.0 && x.hi > x.lo / 3.0) {
        return 2.0 * x.hi;
    }
    return x.lo < 0.0 && x.hi > 0.0 ? 0.0 : sp_relax_middle(x);
}

SP_HD sp_line_pair sp_line_square(sp_iv x) {
    if (!sp_relax_finite(x)) {
        return sp_line_unknown();
    }
    sp_line_pair r;
    const double p = sp_line_square_tangent(x), w = x.lo + x.hi;
    r.lower.w = 2.0 * p;
    r.lower.c = p != 0.0 ? -sp_above(p * p) : 0.0; // 2 p x - p^2, and 2 p is exact
    // x^2 is convex: an upper line is sound when it is so at both ends, x^2 - w x = x (x - w).
    const sp_iv lo = {x.lo, x.lo}, hi = {x.hi, x.hi};
    const sp_iv from_lo = {sp_below(x.lo - w), sp_above(x.lo - w)};
    const sp_iv from_hi = {sp_below(x.hi - w), sp_above(x.hi - w)};
    r.upper.w = w;
    r.upper.c = sp_relax_max(sp_iv_mul(lo, from_lo).hi, sp_iv_mul(hi, from_hi).hi);
    return fabs(r.lower.w) <= DBL_MAX && fabs(w) <= DBL_MAX ? r : sp_line_unknown();
}

/** sp_line_log_chord - (log u - log l) / (u - l), 1 / l for an interval of one point. */
SP_HD double sp_line_log_chord(sp_iv x) {
    const double width = x.hi - x.lo, share = width / x.lo;
    if (!(width > 0.0)) {
        return 1.0 / x.lo;
    }
    return (share <= 1.0 ? log1p(share) : log(x.hi) - log(x.lo)) / width;
}

/** sp_line_log_below_end - the largest c, less the libm error, with w x + c <= log x at one point.
 *  */
SP_HD double sp_line_log_below_end(double w, double x) {
    const double f = log(x);
    return sp_below(f - sp_above(w * x)) - fabs(f) * SP_RELAX_STEP;
}

SP_HD sp_line_pair sp_line_log(sp_iv x) {
    if (!(sp_relax_finite(x) && x.lo > 0.0)) {
        return sp_line_unknown();
    }
    sp_line_pair r = {{0.0, 0.0}, {0.0, 0.0}};
    // log is concave: a lower line is sound when it is so at both ends.
    const double chord = sp_line_log_chord(x);
    r.lower.w = chord <= DBL_MAX ? chord : 0.0;
    r.lower.c = sp_below(sp_relax_min(sp_line_log_below_end(r.lower.w, x.lo),
                                      sp_line_log_below_end(r.lower.w, x.hi)));
    // For every w > 0 the line w x - log(w) - 1 is a tangent of log, at 1 / w.
    const double w = 1.0 / sp_relax_middle(x), f = w <= DBL_MAX ? -log(w) : log(x.hi);
    r.upper.w = w <= DBL_MAX ? w : 0.0;
    r.upper.c = sp_above(sp_above(w <= DBL_MAX ? f - 1.0 : f) + fabs(f) * SP_RELAX_STEP);
    return r;
}

#endif
