/* Slopes and rounding errors of functions of one and two numbers. */
#include "lstm/single/impl.h"

bool sp_single_known(sp_activation f) {
    switch (f.kind) {
    case SP_ACTIVATION_SIGMOID:
    case SP_ACTIVATION_TANH:
    case SP_ACTIVATION_HARD_SIGMOID:
    case SP_ACTIVATION_RELU:
    case SP_ACTIVATION_AFFINE:
    case SP_ACTIVATION_AT_LEAST:
    case SP_ACTIVATION_LEAKY_RELU:
        return true;
    default:
        return false;
    }
}

/* exp(-scale |x|) / (1 + it)^2 times `top`: the derivatives of the sigmoid and of tanh. */
static double bell(double x, double scale, double top) {
    const double e = exp(-scale * fabs(x));
    return top * e / ((1.0 + e) * (1.0 + e));
}

/* Falling on either side of zero. */
static sp_iv bell_slope(sp_iv x, double scale, double top) {
    const double far = fmax(fabs(x.lo), fabs(x.hi));
    const double near = x.lo <= 0.0 && x.hi >= 0.0 ? 0.0 : fmin(fabs(x.lo), fabs(x.hi));
    return (sp_iv){bell(far, scale, top) * (1.0 - SP_SINGLE_SLACK),
                   bell(near, scale, top) * (1.0 + SP_SINGLE_SLACK)};
}

/* `below` left of the kink, `above` right of it; between two points on either side any mean. */
static sp_iv kink_slope(sp_iv x, double kink, double below, double above) {
    return x.hi < kink   ? (sp_iv){below, below}
           : x.lo > kink ? (sp_iv){above, above}
                         : (sp_iv){fmin(below, above), fmax(below, above)};
}

/* min(max(alpha x + beta, 0), 1): whether it is wholly inside of the ramp, or off it. */
static sp_iv ramp_slope(sp_activation f, sp_iv x) {
    const double p = f.alpha * x.lo + f.beta, q = f.alpha * x.hi + f.beta;
    const double lo = sp_below(fmin(p, q)), hi = sp_above(fmax(p, q));
    const double slack = SP_SINGLE_SLACK * (1.0 + fabs(p) + fabs(q) + fabs(f.beta));
    if (lo > slack && hi < 1.0 - slack) {
        return (sp_iv){f.alpha, f.alpha};
    }
    if (hi < -slack || lo > 1.0 + slack) {
        return (sp_iv){0.0, 0.0};
    }
    return (sp_iv){fmin(f.alpha, 0.0), fmax(f.alpha, 0.0)};
}

sp_iv sp_single_slope(sp_activation f, sp_iv x) {
    switch (f.kind) {
    case SP_ACTIVATION_SIGMOID:
        return bell_slope(x, 1.0, 1.0);
    case SP_ACTIVATION_TANH:
        return bell_slope(x, 2.0, 4.0);
    case SP_ACTIVATION_HARD_SIGMOID:
        return ramp_slope(f, x);
    case SP_ACTIVATION_RELU:
        return kink_slope(x, 0.0, 0.0, 1.0);
    case SP_ACTIVATION_AFFINE:
        return (sp_iv){f.alpha, f.alpha};
    case SP_ACTIVATION_AT_LEAST:
        return kink_slope(x, f.alpha, 0.0, 1.0);
    case SP_ACTIVATION_LEAKY_RELU:
        return kink_slope(x, 0.0, f.alpha, 1.0);
    default:
        return (sp_iv){-INFINITY, INFINITY};
    }
}

static double largest(sp_iv x) {
    return fmax(fabs(x.lo), fabs(x.hi));
}

/* ---- products: gate(a) g(b), or (1 - gate(a)) g(b) ---- */

static sp_iv first_range(const sp_cell_variable *v, sp_iv a) {
    const sp_iv range = sp_activation_range(v->f, a);
    return v->complement ? (sp_iv){sp_below(1.0 - range.hi), sp_above(1.0 - range.lo)} : range;
}

static sp_iv second_range(const sp_cell_variable *v, sp_iv b) {
    return v->second_tanh ? sp_tanh_range(b) : b;
}

void sp_single_partials(const sp_cell_variable *v, sp_iv a, sp_iv b, sp_iv *by_a, sp_iv *by_b) {
    const sp_activation tanh_itself = {.kind = SP_ACTIVATION_TANH};
    const sp_iv slope = sp_single_slope(v->f, a), one = {1.0, 1.0};
    const sp_iv first = v->complement ? (sp_iv){-slope.hi, -slope.lo} : slope;
    *by_a = sp_iv_mul(first, second_range(v, b));
    *by_b = sp_iv_mul(first_range(v, a), v->second_tanh ? sp_single_slope(tanh_itself, b) : one);
}

/* ---- what an operation is off by ---- */

double sp_single_curve_local(const sp_single *s, sp_activation f, sp_iv x) {
    const double u = SP_SINGLE_UNIT, size = largest(x);
    switch (f.kind) {
    case SP_ACTIVATION_SIGMOID:
    case SP_ACTIVATION_TANH:
        return s->program->function;
    case SP_ACTIVATION_RELU:
    case SP_ACTIVATION_AT_LEAST:
        return SP_SINGLE_LOST;
    case SP_ACTIVATION_LEAKY_RELU:
        return 2.0 * u * fabs(f.alpha) * size + SP_SINGLE_LOST;
    default: // alpha x + beta, and what is cut off it
        return 4.0 * u * (fabs(f.alpha) * size + fabs(f.beta)) + 2.0 * SP_SINGLE_LOST;
    }
}

double sp_single_product_local(const sp_single *s, const sp_cell_variable *v, sp_iv a, sp_iv b) {
    const double u = SP_SINGLE_UNIT;
    const double gate = largest(sp_activation_range(v->f, a));
    const double first = largest(first_range(v, a)), second = largest(second_range(v, b));
    double first_off = sp_single_curve_local(s, v->f, a);
    if (v->complement) {
        first_off += u * (1.0 + gate + first_off);
    }
    const double second_off = v->second_tanh ? s->program->function : 0.0;
    const double off = first_off * second + second_off * first + first_off * second_off;
    return off + sp_single_round(first * second + off) + SP_SINGLE_LOST;
}
