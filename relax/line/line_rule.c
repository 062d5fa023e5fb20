/* Lines of one function by the rules of rules.h: docs/theory/published.md 1. */
#include <math.h>

#include "relax/line/line_activation.h"
#include "relax/rules.h"

/* ---- sigma and tanh ---- */

static sp_curve curve_of(sp_activation f) {
    return f.kind == SP_ACTIVATION_TANH ? SP_CURVE_TANH : SP_CURVE_SIGMOID;
}

static double slope_at(sp_curve f, double x) {
    return sp_curve_slope(f, sp_curve_value(f, x));
}

static double chord_of(sp_curve f, sp_iv x) {
    return f == SP_CURVE_TANH ? sp_relax_tanh_chord(x.lo, x.hi)
                              : sp_relax_sigmoid_chord(x.lo, x.hi);
}

/* The line of this slope below f, that above it. tanh is odd, sigma(x) = 1 - sigma(-x). */
static sp_line below(sp_curve f, sp_iv x, double w) {
    return (sp_line){w, sp_curve_offset(f, x, w)};
}

static sp_line above(sp_curve f, sp_iv x, double w) {
    const double c = sp_curve_offset(f, sp_relax_flip(x), w);
    return (sp_line){w, f == SP_CURVE_TANH ? -c : sp_above(1.0 - c)};
}

/* The slopes of the tangents through the opposite ends, l < 0 < u: below through (u, f(u)), above
 * through (l, f(l)). */
static double touch_below(sp_curve f, sp_iv x) {
    return slope_at(f, sp_curve_touch(f, x.hi));
}

static double touch_above(sp_curve f, sp_iv x) {
    return slope_at(f, sp_curve_touch(f, -x.lo));
}

/* Both ends are flatter than the chord: the third case of [DeepCert]. */
static bool is_third(sp_curve f, sp_iv x) {
    const double k = chord_of(f, x);
    return x.lo < 0.0 && x.hi > 0.0 && x.hi - x.lo >= SP_LINE_THIN && slope_at(f, x.lo) < k &&
           slope_at(f, x.hi) < k;
}

static void deepcert(sp_curve f, sp_iv x, double *lower, double *upper) {
    const bool third = is_third(f, x);
    *lower = third ? touch_below(f, x) : chord_of(f, x);
    *upper = third ? touch_above(f, x) : *lower;
}

static void crown(sp_curve f, sp_iv x, double *lower, double *upper) {
    const double chord = chord_of(f, x), middle = slope_at(f, sp_relax_middle(x));
    if (x.lo >= 0.0 || x.hi <= 0.0) {
        *lower = x.lo >= 0.0 ? chord : middle;
        *upper = x.lo >= 0.0 ? middle : chord;
        return;
    }
    *lower = sp_curve_touch(f, x.hi) > x.lo ? touch_below(f, x) : chord;
    *upper = sp_curve_touch(f, -x.lo) > -x.hi ? touch_above(f, x) : chord;
}

static sp_line_pair smooth(sp_line_rule rule, sp_curve f, sp_iv x) {
    double lower = 0.0, upper = 0.0;
    switch (rule) {
    case SP_LINE_RULE_CHORD:
        lower = upper = chord_of(f, x);
        break;
    case SP_LINE_RULE_LEAST:
        deepcert(f, x, &lower, &upper);
        lower = upper = fmin(lower, upper);
        break;
    case SP_LINE_RULE_END:
        lower = upper = fmin(slope_at(f, x.lo), slope_at(f, x.hi));
        break;
    case SP_LINE_RULE_DEEPCERT:
        deepcert(f, x, &lower, &upper);
        break;
    case SP_LINE_RULE_CROWN:
        crown(f, x, &lower, &upper);
        break;
    case SP_LINE_RULE_OWN:
    case SP_LINE_RULE_BOX:
        break;
    }
    return (sp_line_pair){below(f, x, lower), above(f, x, upper)};
}

/* ---- ReLU and the others ---- */

/* The range of (p - q) x over x, rounded outward; p and q are exact. */
static sp_iv tilt(double p, double q, sp_iv x) {
    const sp_iv slope = {sp_below(p - q), sp_above(p - q)};
    return sp_iv_mul(slope, x);
}

/* Both lines with the slope between theirs, which is kept where they have one already. */
static sp_line_pair parallel(sp_line_pair lines, sp_iv x) {
    const double w = 0.5 * lines.lower.w + 0.5 * lines.upper.w;
    sp_line_pair r = {{w, lines.lower.c}, {w, lines.upper.c}};
    if (lines.lower.w != w) {
        r.lower.c = sp_below(lines.lower.c + tilt(lines.lower.w, w, x).lo);
    }
    if (lines.upper.w != w) {
        r.upper.c = sp_above(lines.upper.c + tilt(lines.upper.w, w, x).hi);
    }
    return r;
}

static bool is_parallel(sp_line_rule rule) {
    return rule == SP_LINE_RULE_CHORD || rule == SP_LINE_RULE_LEAST || rule == SP_LINE_RULE_END;
}

/* ReLU with 0 inside: slope 0 <= w <= 1, w x below it; w x - w lo and (1 - w) hi + w x above it.
 * [DeepZ] */
static sp_line_pair rectifier(sp_iv x) {
    const double w = fmin(1.0, fmax(0.0, x.hi / (x.hi - x.lo)));
    const sp_iv one = {sp_below(1.0 - w), sp_above(1.0 - w)}, hi = {x.hi, x.hi};
    const double at_lo = sp_above(-w * x.lo), at_hi = sp_iv_mul(one, hi).hi;
    return (sp_line_pair){{w, 0.0}, {w, sp_relax_max(at_lo, at_hi)}};
}

sp_line_pair sp_line_rule_lines(sp_line_rule rule, sp_activation f, sp_iv x) {
    const bool smooth_one = f.kind == SP_ACTIVATION_SIGMOID || f.kind == SP_ACTIVATION_TANH;
    const bool constant = rule == SP_LINE_RULE_BOX && f.kind != SP_ACTIVATION_AFFINE;
    if (constant || !sp_relax_usable(x)) {
        return sp_line_constant(sp_range_activation(f, x));
    }
    if (rule != SP_LINE_RULE_OWN && smooth_one) {
        return smooth(rule, curve_of(f), x);
    }
    if (is_parallel(rule) && f.kind == SP_ACTIVATION_RELU && x.lo < 0.0 && x.hi > 0.0) {
        return rectifier(x);
    }
    const sp_line_pair own = sp_line_spread(f, x, 0);
    return is_parallel(rule) ? parallel(own, x) : own; // affine functions lose nothing
}

/* ---- rules of ReLU ---- */

/* Both shares of zBox, 0 <= f <= hi, and of zDiag, x <= f <= x - lo, add up to 1. */
static sp_line_pair mixed(sp_iv x, double diagonal) {
    const double w = fmin(1.0, fmax(0.0, diagonal)), box = sp_above(1.0 - w);
    return (sp_line_pair){{w, 0.0}, {w, sp_above(sp_above(box * x.hi) + sp_above(-w * x.lo))}};
}

sp_line_pair sp_relax_rules_lines(const sp_relax_rules *rules, sp_activation f, sp_iv x) {
    const bool relu = f.kind == SP_ACTIVATION_RELU && rules->relu != SP_RELU_RULE_LINES;
    if (!relu || !sp_relax_usable(x)) {
        return sp_line_rule_lines(rules->line, f, x);
    }
    if (x.lo >= 0.0 || x.hi <= 0.0) {
        const double w = x.lo >= 0.0 ? 1.0 : 0.0;
        return (sp_line_pair){{w, 0.0}, {w, 0.0}};
    }
    switch (rules->relu) {
    case SP_RELU_RULE_LINES:
    case SP_RELU_RULE_PARALLEL:
        break;
    case SP_RELU_RULE_BOX:
        return mixed(x, 0.0);
    case SP_RELU_RULE_DIAGONAL:
        return mixed(x, 1.0);
    case SP_RELU_RULE_SWITCH:
        return mixed(x, -x.lo > x.hi ? 0.0 : 1.0);
    case SP_RELU_RULE_SMOOTH:
        return mixed(x, x.hi / (x.hi - x.lo));
    }
    return rectifier(x);
}

bool sp_relax_rules_parallel(const sp_relax_rules *rules) {
    const bool lines = is_parallel(rules->line) || rules->line == SP_LINE_RULE_BOX;
    return lines && rules->plane != SP_PLANE_RULE_OWN && rules->plane != SP_PLANE_RULE_COMPOSED;
}
