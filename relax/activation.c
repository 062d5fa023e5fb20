// The functions of one variable that gates and candidates use: values, ranges, lines.
#include <math.h>

#include "relax/line_piecewise.h"
#include "relax/line_r2.h"
#include "relax/line_sigmoid.h"

const char *sp_activation_name(sp_activation_kind kind) {
    switch (kind) {
    case SP_ACTIVATION_SIGMOID:
        return "sigmoid";
    case SP_ACTIVATION_TANH:
        return "tanh";
    case SP_ACTIVATION_HARD_SIGMOID:
        return "hard_sigmoid";
    case SP_ACTIVATION_RELU:
        return "relu";
    case SP_ACTIVATION_AFFINE:
        return "affine";
    }
    return NULL;
}

double sp_activation_value(sp_activation f, double x) {
    switch (f.kind) {
    case SP_ACTIVATION_SIGMOID:
        return 1.0 / (1.0 + exp(-x));
    case SP_ACTIVATION_TANH:
        return tanh(x);
    case SP_ACTIVATION_HARD_SIGMOID:
        return fmin(fmax(f.alpha * x + f.beta, 0.0), 1.0);
    case SP_ACTIVATION_RELU:
        return x < 0.0 ? 0.0 : x;
    case SP_ACTIVATION_AFFINE:
        return f.alpha * x + f.beta;
    }
    return NAN;
}

/* alpha x + beta over an interval, rounded outward. */
static sp_iv affine_range(sp_activation f, sp_iv x) {
    const sp_iv alpha = {f.alpha, f.alpha}, beta = {f.beta, f.beta};
    return sp_iv_add(sp_iv_mul(alpha, x), beta);
}

sp_iv sp_activation_range(sp_activation f, sp_iv x) {
    if (!sp_relax_finite(x)) {
        return sp_relax_unknown();
    }
    sp_iv r = x;
    switch (f.kind) {
    case SP_ACTIVATION_SIGMOID:
        return sp_range_sigmoid(x);
    case SP_ACTIVATION_TANH:
        return sp_range_tanh(x);
    case SP_ACTIVATION_HARD_SIGMOID:
        r = affine_range(f, x);
        r.lo = sp_relax_clamp(r.lo, 0.0, 1.0);
        r.hi = sp_relax_clamp(r.hi, 0.0, 1.0);
        return r;
    case SP_ACTIVATION_RELU:
        r.lo = sp_relax_max(r.lo, 0.0);
        r.hi = sp_relax_max(r.hi, 0.0);
        return r;
    case SP_ACTIVATION_AFFINE:
        return affine_range(f, x);
    }
    return sp_relax_unknown();
}

/* From a line over u = alpha x + beta: w alpha x + (w beta + c). What rounding moves goes into the
 * constant, down for a lower line. */
static sp_line from_u(sp_activation f, sp_iv x, sp_line line, double sign) {
    const double w = line.w * f.alpha, shift = line.w * f.beta;
    const double slack = sp_above(fabs(w) * sp_iv_mag(x) + fabs(shift) + fabs(line.c)) * 0x1p-50;
    const sp_line r = {w, shift + line.c - sign * slack};
    return r;
}

static sp_line_pair hard_lines(sp_activation f, sp_iv x, double m) {
    const sp_iv u = affine_range(f, x);
    sp_line_pair r =
        sp_piecewise_lines(SP_PRODUCT_HARD_ID, u, sp_relax_clamp(f.alpha * m + f.beta, u.lo, u.hi));
    r.lower = from_u(f, x, r.lower, 1.0);
    r.upper = from_u(f, x, r.upper, -1.0);
    return r;
}

/* Whether nothing overflows on the way to a line with a slope. */
static bool has_lines(sp_activation f, sp_iv x) {
    const bool reads = f.kind == SP_ACTIVATION_HARD_SIGMOID || f.kind == SP_ACTIVATION_AFFINE;
    return sp_relax_usable(x) &&
           (!reads || (fabs(f.alpha) <= SP_RELAX_HUGE && sp_relax_usable(affine_range(f, x))));
}

sp_line_pair sp_activation_lines(sp_activation f, sp_iv x, double m) {
    const sp_iv range = sp_activation_range(f, x);
    const double at = m == m ? sp_relax_clamp(m, x.lo, x.hi) : sp_relax_middle(x);
    sp_line_pair r = {{0.0, range.lo}, {0.0, range.hi}};
    if (!has_lines(f, x)) {
        return r;
    }
    switch (f.kind) {
    case SP_ACTIVATION_SIGMOID:
        return sp_curve_lines(SP_CURVE_SIGMOID, x, at);
    case SP_ACTIVATION_TANH:
        return sp_curve_lines(SP_CURVE_TANH, x, at);
    case SP_ACTIVATION_HARD_SIGMOID:
        return hard_lines(f, x, at);
    case SP_ACTIVATION_RELU:
        return sp_piecewise_lines(SP_PRODUCT_RELU_ID, x, at);
    case SP_ACTIVATION_AFFINE:
        r.lower.w = r.upper.w = f.alpha;
        r.lower.c = r.upper.c = f.beta;
        return r;
    }
    return r;
}

sp_line sp_activation_tangent(sp_activation f, double x) {
    const double v = sp_activation_value(f, x), u = f.alpha * x + f.beta;
    sp_line r = {0.0, 0.0};
    switch (f.kind) {
    case SP_ACTIVATION_SIGMOID:
        r.w = v * (1.0 - v);
        break;
    case SP_ACTIVATION_TANH:
        r.w = 1.0 - v * v;
        break;
    case SP_ACTIVATION_HARD_SIGMOID:
        r.w = f.alpha * sp_factor_slope(SP_PRODUCT_HARD_ID, u);
        break;
    case SP_ACTIVATION_RELU:
        r.w = sp_factor_slope(SP_PRODUCT_RELU_ID, x);
        break;
    case SP_ACTIVATION_AFFINE:
        r.w = f.alpha;
        break;
    }
    r.c = v - r.w * x;
    return r;
}
