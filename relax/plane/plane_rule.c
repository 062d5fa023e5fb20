/* Planes of one product by the rules of rules.h: docs/theory/published.md 2. */
#include <math.h>

#include "relax/plane/plane_anchor.h"
#include "relax/rules.h"

#define THIN 1e-9 /* sides below it have no mean slope */

static double value(sp_product f, double x, double y) {
    return sp_factor_x(f, x) * sp_factor_y(f, y);
}

/* ---- slopes of parallel planes ---- */

static double chord_x(sp_product f, sp_iv x) {
    const double w = x.hi - x.lo;
    return sp_factor_is_smooth(f) ? sp_relax_sigmoid_chord(x.lo, x.hi)
           : w < THIN             ? sp_factor_slope(f, sp_relax_middle(x))
                                  : (sp_factor_x(f, x.hi) - sp_factor_x(f, x.lo)) / w;
}

/* Those between the corners, in the mean of both edges. */
static sp_plane corners(sp_product f, sp_box box) {
    const double gates = 0.5 * (sp_factor_x(f, box.x.lo) + sp_factor_x(f, box.x.hi));
    const double values = 0.5 * (sp_factor_y(f, box.y.lo) + sp_factor_y(f, box.y.hi));
    const double y = sp_factor_has_tanh(f) ? sp_relax_tanh_chord(box.y.lo, box.y.hi) : 1.0;
    return (sp_plane){values * chord_x(f, box.x), gates * y, 0.0};
}

/* With exact offsets the planes of these slopes; the gap between them. */
static sp_plane_pair with_slopes(sp_product f, sp_box box, sp_plane slopes) {
    sp_plane_pair pair = {slopes, slopes};
    pair.lower.c = sp_plane_offset(f, box, slopes.a, slopes.b);
    pair.upper.c = sp_plane_offset_upper(f, box, slopes.a, slopes.b);
    return pair;
}

static double gap_of(sp_product f, sp_box box, sp_plane slopes) {
    const sp_plane_pair pair = with_slopes(f, box, slopes);
    return pair.upper.c - pair.lower.c;
}

/* ---- Table 8 of [CertRNN], sigma(x) tanh(y) ---- */

static double derivative_x(double x, double y) {
    const double s = sp_relax_sigmoid(x);
    return s * (1.0 - s) * tanh(y);
}

static double derivative_y(double x, double y) {
    const double t = tanh(y);
    return sp_relax_sigmoid(x) * (1.0 - t * t);
}

/* The y of a side at which tanh's slope, times sigma(x), is b; NaN: none. */
static double tangent_y(double b, double x, sp_iv side) {
    const double r = 1.0 - b / sp_relax_sigmoid(x), y = r >= 0.0 ? atanh(sqrt(r)) : NAN;
    return y >= side.lo && y <= side.hi ? y : -y >= side.lo && -y <= side.hi ? -y : NAN;
}

/* The x < end on the edge y at which the slope is a; NaN: none. */
static double tangent_x(double a, double y, double end) {
    const double q = 4.0 * a / tanh(y), r = q > 0.0 && q <= 1.0 ? sqrt(1.0 - q) : NAN;
    const double x = log((1.0 + r) / (1.0 - r));
    return x < end ? x : -x < end ? -x : NAN;
}

/* Keeps what is tighter, by more than rounding. */
static void offer(sp_box box, double a, double b, sp_plane *best, double *least) {
    const sp_plane slopes = {a, b, 0.0};
    const double gap =
        isfinite(a) && isfinite(b) ? gap_of(SP_PRODUCT_SIGMOID_TANH, box, slopes) : INFINITY;
    if (gap < (1.0 - 1e-9) * *least) {
        *least = gap;
        *best = slopes;
    }
}

static void offer_tangent(sp_box box, double b, sp_plane *best, double *least) {
    const sp_product f = SP_PRODUCT_SIGMOID_TANH;
    const double lx = box.x.lo, ux = box.x.hi, ly = box.y.lo, wx = ux - lx;
    const double y = tangent_y(b, ux, box.y);
    const double from = b > derivative_y(lx, ly) ? ly : tangent_y(b, lx, box.y);
    offer(box, (b * (from - y) + value(f, ux, y) - value(f, lx, from)) / wx, b, best, least);
}

/* Case 2, x <= 0 <= y: the tightest of five. */
static sp_plane second_case(sp_box box) {
    const sp_product f = SP_PRODUCT_SIGMOID_TANH;
    const double lx = box.x.lo, ux = box.x.hi, ly = box.y.lo, uy = box.y.hi;
    const double wx = ux - lx, wy = uy - ly, a = derivative_x(ux, ly);
    const double right = (value(f, ux, uy) - value(f, ux, ly)) / wy;
    const double left = (value(f, lx, uy) - value(f, lx, ly)) / wy;
    const double x = a > derivative_x(lx, uy) ? tangent_x(a, uy, ux) : lx;
    const sp_plane mean = corners(f, box);
    sp_plane best = mean;
    double least = INFINITY;
    offer(box, (value(f, ux, uy) - value(f, lx, uy)) / wx, derivative_y(lx, uy), &best, &least);
    offer(box, a, (value(f, x, uy) - value(f, ux, ly)) / wy, &best, &least);
    offer_tangent(box, right, &best, &least);
    offer_tangent(box, 0.5 * (right + left), &best, &least);
    return gap_of(f, box, mean) < (1.0 - 1e-9) * least ? mean : best;
}

/* Case 7, y >= 0 and x on both sides: the slopes of the edges at (lx, ly). */
static sp_plane seventh_case(sp_box box) {
    const sp_product f = SP_PRODUCT_SIGMOID_TANH;
    const double lx = box.x.lo, ux = box.x.hi, ly = box.y.lo, uy = box.y.hi;
    return (sp_plane){(value(f, ux, ly) - value(f, lx, ly)) / (ux - lx),
                      (value(f, lx, uy) - value(f, lx, ly)) / (uy - ly), 0.0};
}

/* y on both sides: none in x. */
static sp_plane level(sp_box box) {
    const sp_product f = SP_PRODUCT_SIGMOID_TANH;
    const double lx = box.x.lo, ux = box.x.hi, ly = box.y.lo, uy = box.y.hi, wy = uy - ly;
    return (sp_plane){0.0,
                      fmin((value(f, ux, uy) - value(f, lx, ly)) / wy,
                           (value(f, lx, uy) - value(f, ux, ly)) / wy),
                      0.0};
}

static sp_plane table_8(sp_box box) {
    const bool flips = box.y.hi <= 0.0; // f is odd in y
    const sp_box at = flips ? sp_plane_flip(box) : box;
    sp_plane slopes;
    if (at.x.hi - at.x.lo < THIN || at.y.hi - at.y.lo < THIN ||
        (at.x.lo >= 0.0 && at.y.lo >= 0.0)) {
        return corners(SP_PRODUCT_SIGMOID_TANH, box);
    }
    if (at.y.lo < 0.0) {
        return level(box);
    }
    slopes = at.x.hi <= 0.0 ? second_case(at) : seventh_case(at);
    slopes.a = flips ? -slopes.a : slopes.a;
    return slopes;
}

/* ---- Table 9, sigma(x) y ---- */

static sp_plane table_9(sp_box box) {
    const double ly = box.y.lo, uy = box.y.hi, wy = uy - ly;
    const double sl = sp_relax_sigmoid(box.x.lo), su = sp_relax_sigmoid(box.x.hi);
    if (wy < THIN || ly >= 0.0 || uy <= 0.0) {
        return corners(SP_PRODUCT_SIGMOID_ID, box); // not those that are printed
    }
    return (sp_plane){0.0, fmin((uy * su - ly * sl) / wy, (uy * sl - ly * su) / wy), 0.0};
}

static sp_plane tables(sp_product f, sp_box box) {
    return f == SP_PRODUCT_SIGMOID_TANH ? table_8(box)
           : f == SP_PRODUCT_SIGMOID_ID ? table_9(box)
                                        : corners(f, box);
}

/* ---- lines of the factors, then McCormick ---- */

static double at_middle(sp_line line, sp_iv x) {
    return line.w * sp_relax_middle(x) + line.c;
}

/* The slopes of one plane below s t, s in `s` and t in `t` (s >= 0): the products of (s - s0)(t -
 * t0) >= 0 at the two corners, the one that is higher in the middle, with the lines put in. */
static sp_plane below_product(sp_line_pair gate, sp_line_pair other, sp_iv x, sp_iv y, sp_iv s,
                              sp_iv t) {
    sp_plane best = {0.0, 0.0, -INFINITY};
    double most = -INFINITY;
    for (int corner = 0; corner < 2; corner++) {
        const double s0 = corner ? s.hi : s.lo, t0 = corner ? t.hi : t.lo;
        const sp_line u = t0 >= 0.0 ? gate.lower : gate.upper, v = other.lower;
        const double middle = t0 * at_middle(u, x) + s0 * at_middle(v, y) - s0 * t0;
        if (middle > most) {
            most = middle;
            best = (sp_plane){t0 * u.w, s0 * v.w, 0.0};
        }
    }
    return best;
}

/* The lines of sigma and of tanh or the identity. */
typedef struct factors {
    sp_line_pair gate, other;
} factors;

static factors lines_of(sp_line_rule rule, sp_product f, sp_box box) {
    const sp_activation sigmoid = {.kind = SP_ACTIVATION_SIGMOID};
    const sp_activation hyperbolic = {.kind = SP_ACTIVATION_TANH};
    const sp_line_pair identity = {{1.0, 0.0}, {1.0, 0.0}};
    const sp_line_pair gate = sp_line_rule_lines(rule, sigmoid, box.x);
    return (factors){gate, sp_factor_has_tanh(f) ? sp_line_rule_lines(rule, hyperbolic, box.y)
                                                 : identity};
}

/* s = s0 + ..., t = t0 + ...: t0 times the slope of s, s0 times that of t. */
static sp_plane product_of_forms(sp_line_rule rule, sp_product f, sp_box box) {
    const factors of = lines_of(rule, f, box);
    const double s0 = 0.5 * at_middle(of.gate.lower, box.x) + 0.5 * at_middle(of.gate.upper, box.x);
    const double t0 =
        0.5 * at_middle(of.other.lower, box.y) + 0.5 * at_middle(of.other.upper, box.y);
    const double s = 0.5 * of.gate.lower.w + 0.5 * of.gate.upper.w;
    const double t = 0.5 * of.other.lower.w + 0.5 * of.other.upper.w;
    return (sp_plane){t0 * s, s0 * t, 0.0};
}

static sp_plane composed(sp_line_rule rule, sp_product f, sp_box box) {
    const factors of = lines_of(rule, f, box);
    const sp_iv s = sp_sigmoid_range(box.x);
    const sp_iv t = sp_factor_has_tanh(f) ? sp_tanh_range(box.y) : box.y;
    return below_product(of.gate, of.other, box.x, box.y, s, t);
}

/* The upper plane is the flip of the lower one on the flipped box. Constants of its own. */
static sp_plane_pair compose(sp_line_rule rule, sp_product f, sp_box box) {
    sp_plane_pair pair = {composed(rule, f, box), composed(rule, f, sp_plane_flip(box))};
    pair.upper.a = -pair.upper.a;
    pair.lower.c = sp_plane_offset(f, box, pair.lower.a, pair.lower.b);
    pair.upper.c = sp_plane_offset_upper(f, box, pair.upper.a, pair.upper.b);
    return pair;
}

/* ---- the rules ---- */

sp_plane_pair sp_plane_rule_planes(sp_plane_rule rule, sp_line_rule lines, sp_product f,
                                   sp_box box) {
    const bool smooth = f == SP_PRODUCT_SIGMOID_TANH || f == SP_PRODUCT_SIGMOID_ID;
    if (rule == SP_PLANE_RULE_BOX || !sp_plane_box_usable(box)) {
        return sp_plane_interval(f, box);
    }
    switch (rule) {
    case SP_PLANE_RULE_CORNERS:
        return with_slopes(f, box, corners(f, box));
    case SP_PLANE_RULE_TABLES:
        return with_slopes(f, box, tables(f, box));
    case SP_PLANE_RULE_FORMS:
        return with_slopes(f, box, smooth ? product_of_forms(lines, f, box) : corners(f, box));
    case SP_PLANE_RULE_COMPOSED:
        return smooth ? compose(lines, f, box) : with_slopes(f, box, corners(f, box));
    case SP_PLANE_RULE_OWN:
    case SP_PLANE_RULE_BOX:
        break;
    }
    return sp_plane_static(f, box);
}
