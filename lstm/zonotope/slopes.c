// Parallel lines and planes: slopes, and the interval of what is left over the box. Any slopes are
// sound; the interval is proved.
#include <math.h>

#include "lstm/zonotope/impl.h"

/* The range of (p - q) x over x, rounded outward; p and q are exact. */
static sp_iv tilt(double p, double q, sp_iv x) {
    const sp_iv slope = {sp_below(p - q), sp_above(p - q)};
    return sp_iv_mul(slope, x);
}

/* f(x) - w x lies between the ranges of lower - w x and upper - w x. */
static sp_iv rest_of(sp_line_pair lines, double w, sp_iv x) {
    const sp_iv below = tilt(lines.lower.w, w, x), above = tilt(lines.upper.w, w, x);
    return sp_iv_make(sp_below(lines.lower.c + below.lo), sp_above(lines.upper.c + above.hi));
}

/* sigma and tanh: with 0 <= w <= f' on the box f - w x rises [DeepZ]. */
static sp_zonotope_slopes rising(sp_activation f, sp_iv x) {
    const double at = fmin(sp_activation_tangent(f, x.lo).w, sp_activation_tangent(f, x.hi).w);
    const double w = fmax(0.0, at * (1.0 - 0x1p-30) - 0x1p-60);
    const sp_iv lo = {x.lo, x.lo}, hi = {x.hi, x.hi}, slope = {w, w};
    const double below = sp_below(sp_activation_range(f, lo).lo - sp_iv_mul(slope, lo).hi);
    const double above = sp_above(sp_activation_range(f, hi).hi - sp_iv_mul(slope, hi).lo);
    return (sp_zonotope_slopes){w, 0.0, sp_iv_make(below, above)};
}

/* ReLU over a box with 0 inside: w between 0 and 1, w x below it, w x - w lo above [DeepZ]. */
static sp_zonotope_slopes rectifier(sp_iv x) {
    const double w = fmin(1.0, fmax(0.0, x.hi / (x.hi - x.lo)));
    const sp_iv slope = {w, w}, one = {sp_below(1.0 - w), sp_above(1.0 - w)};
    const sp_iv lo = {x.lo, x.lo}, hi = {x.hi, x.hi};
    const double above = fmax(-sp_iv_mul(slope, lo).lo, sp_iv_mul(one, hi).hi);
    return (sp_zonotope_slopes){w, 0.0, sp_iv_make(0.0, above)};
}

sp_zonotope_slopes sp_zonotope_line(const sp_relax_rules *rules, sp_activation f, sp_iv x) {
    const bool relu = f.kind == SP_ACTIVATION_RELU && rules->relu != SP_RELU_RULE_LINES;
    if (rules->line != SP_LINE_RULE_OWN || relu) {
        const sp_line_pair pair = sp_relax_rules_lines(rules, f, x);
        const double w = 0.5 * pair.lower.w + 0.5 * pair.upper.w;
        return (sp_zonotope_slopes){w, 0.0, rest_of(pair, w, x)};
    }
    if (f.kind == SP_ACTIVATION_SIGMOID || f.kind == SP_ACTIVATION_TANH) {
        return rising(f, x);
    }
    if (f.kind == SP_ACTIVATION_RELU && x.lo < 0.0 && x.hi > 0.0) {
        return rectifier(x);
    }
    const sp_line_pair lines = sp_activation_lines(f, x, 0.5 * x.lo + 0.5 * x.hi);
    const double w = 0.5 * lines.lower.w + 0.5 * lines.upper.w;
    return (sp_zonotope_slopes){w, 0.0, rest_of(lines, w, x)};
}

/* The slopes between those of the two exact planes, with the exact offsets of their own. */
sp_zonotope_slopes sp_zonotope_plane(const sp_relax_rules *rules, const sp_gate_map *map,
                                     sp_box box) {
    const sp_box inner = sp_gate_box(map, box);
    const sp_plane_pair pair = sp_plane_rule_planes(rules->plane, rules->line, map->product, inner);
    const double a = 0.5 * pair.lower.a + 0.5 * pair.upper.a;
    const double b = 0.5 * pair.lower.b + 0.5 * pair.upper.b;
    const sp_plane below = {a, b, sp_plane_offset(map->product, inner, a, b)};
    const sp_plane above = {a, b, sp_plane_offset_upper(map->product, inner, a, b)};
    const sp_plane lower = sp_gate_plane(map, box, below, false);
    const sp_plane upper = sp_gate_plane(map, box, above, true);
    const double x = 0.5 * lower.a + 0.5 * upper.a, y = 0.5 * lower.b + 0.5 * upper.b;
    const sp_iv low = sp_iv_add(tilt(lower.a, x, box.x), tilt(lower.b, y, box.y));
    const sp_iv high = sp_iv_add(tilt(upper.a, x, box.x), tilt(upper.b, y, box.y));
    return (sp_zonotope_slopes){
        x, y, sp_iv_make(sp_below(lower.c + low.lo), sp_above(upper.c + high.hi))};
}
