/* Piecewise bilinear products, products of every gate, and lines of every activation: containment
 * in long double, whose rounding is far below the margins of relax/, and tightness against the
 * envelope of the knots. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "relax/relax.h"
#include "tests/support/support.h"

enum { GRID = 24 };

static const sp_product piecewise[3] = {SP_PRODUCT_HARD_ID, SP_PRODUCT_RELU_ID, SP_PRODUCT_ID_ID};

static long double factor(sp_product f, double x) {
    switch (f) {
    case SP_PRODUCT_HARD_ID:
        return fminl(fmaxl(x, 0.0L), 1.0L);
    case SP_PRODUCT_RELU_ID:
        return fmaxl(x, 0.0L);
    default:
        return x;
    }
}

static long double activation(sp_activation f, double x) {
    const long double u = (long double)f.alpha * x + f.beta;
    switch (f.kind) {
    case SP_ACTIVATION_SIGMOID:
        return 1.0L / (1.0L + expl(-(long double)x));
    case SP_ACTIVATION_TANH:
        return tanhl(x);
    case SP_ACTIVATION_HARD_SIGMOID:
        return fminl(fmaxl(u, 0.0L), 1.0L);
    case SP_ACTIVATION_RELU:
        return fmaxl(x, 0.0L);
    case SP_ACTIVATION_AFFINE:
        return u;
    default: // no gate: tests/relax/test_curves.c
        return NAN;
    }
}

/* Sides from points to wide, on both sides of the kinks or between them. */
static sp_iv random_side(sp_rng *rng, double reach) {
    static const double widths[6] = {0.0, 1e-9, 1e-3, 0.3, 2.0, 8.0};
    const double middle = reach * sp_rng_normal(rng);
    const double half = widths[sp_rng_below(rng, 6)] * sp_rng_uniform(rng, 0.0, 1.0);
    const sp_iv x = {middle - half, middle + half};
    return x;
}

static double at(sp_iv x, size_t k) {
    return fmin(fmax(x.lo + (x.hi - x.lo) * (double)k / GRID, x.lo), x.hi);
}

/* Points of x: a grid and where alpha x + beta is 0 or 1. */
static size_t points_of(double *point, sp_iv x, sp_activation f) {
    size_t n = 0;
    for (size_t k = 0; k <= GRID; k++) {
        point[n++] = at(x, k);
    }
    for (size_t k = 0; k < 2; k++) {
        const double kink = f.alpha != 0.0 ? ((double)k - f.beta) / f.alpha : 0.0;
        if (kink >= x.lo && kink <= x.hi) {
            point[n++] = kink;
        }
    }
    return n;
}

static long double plane_at(sp_plane p, double x, double y) {
    return (long double)p.a * x + (long double)p.b * y + p.c;
}

/* Value at (px, py) of the convex envelope of f over the knots of the box: the least over all
 * triangles of knots that hold the point. */
static double envelope(sp_product f, sp_box box, double px, double py) {
    double x[8], y[8], v[8], best = INFINITY;
    size_t n = 0;
    const double xs[4] = {box.x.lo, 0.0, 1.0, box.x.hi};
    for (size_t i = 0; i < 8; i++) {
        const double at_x = xs[i % 4];
        if (at_x >= box.x.lo && at_x <= box.x.hi) {
            x[n] = at_x;
            y[n] = i < 4 ? box.y.lo : box.y.hi;
            v[n] = (double)(factor(f, x[n]) * y[n]);
            n++;
        }
    }
    for (size_t i = 0; i < n; i++) {
        for (size_t j = i + 1; j < n; j++) {
            for (size_t k = j + 1; k < n; k++) {
                const double d = (x[j] - x[i]) * (y[k] - y[i]) - (x[k] - x[i]) * (y[j] - y[i]);
                const double wj = ((px - x[i]) * (y[k] - y[i]) - (x[k] - x[i]) * (py - y[i])) / d;
                const double wk = ((x[j] - x[i]) * (py - y[i]) - (px - x[i]) * (y[j] - y[i])) / d;
                if (d != 0.0 && wj >= -1e-12 && wk >= -1e-12 && wj + wk <= 1.0 + 1e-12) {
                    best = fmin(best, v[i] + wj * (v[j] - v[i]) + wk * (v[k] - v[i]));
                }
            }
        }
    }
    return best;
}

static void expect_plane(sp_product f, sp_box box, sp_plane p, double sign, const char *what) {
    double xs[GRID + 3];
    const sp_activation unit = {SP_ACTIVATION_HARD_SIGMOID, 1.0, 0.0};
    const size_t n = points_of(xs, box.x, unit);
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k <= GRID; k++) {
            const double y = at(box.y, k);
            const long double gap = sign * (factor(f, xs[i]) * y - plane_at(p, xs[i], y));
            if (!(gap >= 0.0L)) {
                fail_msg("%s of product %d on [%a, %a] x [%a, %a] is off by %Lg at (%a, %a)", what,
                         (int)f, box.x.lo, box.x.hi, box.y.lo, box.y.hi, gap, xs[i], y);
            }
        }
    }
}

static void test_supporting_planes(void **state) {
    (void)state;
    sp_rng rng;
    sp_rng_init(&rng, sp_test_seed());
    const int count = sp_test_long() ? 20000 : sp_test_sanitized() ? 200 : 2000;
    for (int i = 0; i < count; i++) {
        const sp_product f = piecewise[i % 3];
        const sp_box box = {random_side(&rng, 1.0), random_side(&rng, 3.0)};
        const double u = 0.01 + 0.98 * sp_rng_uniform(&rng, 0.0, 1.0),
                     v = 0.01 + 0.98 * sp_rng_uniform(&rng, 0.0, 1.0);
        const double px = box.x.lo + u * (box.x.hi - box.x.lo);
        const double py = box.y.lo + v * (box.y.hi - box.y.lo);
        const sp_plane lower = sp_plane_lower(f, box, px, py, 1e-3);
        const sp_plane upper = sp_plane_upper(f, box, px, py, 1e-3);
        expect_plane(f, box, lower, 1.0, "lower plane");
        expect_plane(f, box, upper, -1.0, "upper plane");
        if (box.x.hi - box.x.lo > 1e-6 && box.y.hi - box.y.lo > 1e-6) {
            const double scale =
                1.0 + fmax(fabs(box.x.lo), fabs(box.x.hi)) * fmax(fabs(box.y.lo), fabs(box.y.hi));
            const sp_box flipped = {box.x, {-box.y.hi, -box.y.lo}};
            assert_true(fabs((double)plane_at(lower, px, py) - envelope(f, box, px, py)) <=
                        1e-11 * scale);
            assert_true(fabs((double)plane_at(upper, px, py) + envelope(f, flipped, px, -py)) <=
                        1e-11 * scale);
        }
        const sp_plane_pair pair = sp_plane_static(f, box);
        expect_plane(f, box, pair.lower, 1.0, "static lower plane");
        expect_plane(f, box, pair.upper, -1.0, "static upper plane");
        const sp_iv range = sp_product_range(f, box);
        expect_plane(f, box, (sp_plane){0.0, 0.0, range.lo}, 1.0, "range");
        expect_plane(f, box, (sp_plane){0.0, 0.0, range.hi}, -1.0, "range");
        if (i % 20 == 0) {
            sp_plane_pair r2;
            assert_int_equal(sp_plane_r2_lp(NULL, &r2, f, box, 7), SP_OK);
            expect_plane(f, box, r2.lower, 1.0, "R2's lower plane");
            expect_plane(f, box, r2.upper, -1.0, "R2's upper plane");
        }
    }
}

/* The check above must see a plane that is a little too high. */
static void test_slope_is_seen(void **state) {
    (void)state;
    const sp_box box = {{-0.5, 1.5}, {-1.0, 2.0}};
    const sp_plane lower = sp_plane_lower(SP_PRODUCT_HARD_ID, box, 0.5, 0.5, 1e-3);
    double worst = 0.0;
    for (size_t i = 0; i < 4; i++) {
        const double x = (double[]){-0.5, 0.0, 1.0, 1.5}[i];
        for (size_t k = 0; k < 2; k++) {
            const double y = k == 0 ? -1.0 : 2.0;
            const double gap = (double)(factor(SP_PRODUCT_HARD_ID, x) * y - plane_at(lower, x, y));
            worst = gap < 1e-9 ? worst + 1.0 : worst;
        }
    }
    assert_true(worst >= 3.0); // a supporting plane touches three knots
}

static void random_cut(sp_rng *rng, sp_box box, sp_cut *cut) {
    const double x = 0.5 * (box.x.lo + box.x.hi), y = 0.5 * (box.y.lo + box.y.hi);
    const double share = 0.1 + 0.9 * sp_rng_uniform(rng, 0.0, 1.0),
                 other = 0.1 + 0.9 * sp_rng_uniform(rng, 0.0, 1.0);
    cut->p = 2.0 / (box.x.hi - box.x.lo);
    cut->q = 2.0 / (box.y.hi - box.y.lo);
    const double s = cut->p * x + cut->q * y + 0.3 * sp_rng_normal(rng);
    const double d = cut->p * x - cut->q * y + 0.3 * sp_rng_normal(rng);
    cut->sum = (sp_iv){s - 2.0 * share, s + 2.0 * share};
    cut->difference = (sp_iv){d - 2.0 * other, d + 2.0 * other};
}

static bool in_cut(const sp_cut *cut, double x, double y) {
    const double s = cut->p * x + cut->q * y, d = cut->p * x - cut->q * y;
    return s >= cut->sum.lo && s <= cut->sum.hi && d >= cut->difference.lo &&
           d <= cut->difference.hi;
}

typedef struct gated {
    sp_activation gate;
    sp_box box;
    const sp_cut *cut;
} gated;

/* How many points of the cut box were seen. */
static size_t expect_gated(const gated *g, sp_plane p, double sign) {
    double xs[GRID + 3];
    const size_t n = points_of(xs, g->box.x, g->gate);
    size_t seen = 0;
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k <= GRID; k++) {
            const double y = at(g->box.y, k);
            if (g->cut != NULL && !in_cut(g->cut, xs[i], y)) {
                continue;
            }
            const long double gap = sign * (activation(g->gate, xs[i]) * y - plane_at(p, xs[i], y));
            seen++;
            if (!(gap >= 0.0L)) {
                fail_msg("%s gate (%g, %g) on [%a, %a] x [%a, %a]%s: off by %Lg at (%a, %a)",
                         sp_activation_name(g->gate.kind), g->gate.alpha, g->gate.beta, g->box.x.lo,
                         g->box.x.hi, g->box.y.lo, g->box.y.hi, g->cut != NULL ? ", cut" : "", gap,
                         xs[i], y);
            }
        }
    }
    return seen;
}

static sp_activation random_activation(sp_rng *rng, size_t kind) {
    const double sign = sp_rng_below(rng, 4) == 0 ? -1.0 : 1.0;
    const sp_activation f = {(sp_activation_kind)kind,
                             sign * (0.05 + 2.0 * sp_rng_uniform(rng, 0.0, 1.0)),
                             sp_rng_normal(rng)};
    return f;
}

/* Planes of gate(x) y by way of sp_gate_map, with and without cuts. */
static void test_gates(void **state) {
    (void)state;
    sp_rng rng;
    sp_rng_init(&rng, sp_test_seed() + 1);
    const int count = sp_test_long() ? 20000 : sp_test_sanitized() ? 200 : 3000;
    size_t seen = 0, cut_used = 0, cuts = 0;
    for (int i = 0; i < count; i++) {
        const sp_activation gate = random_activation(&rng, (size_t)i % 5);
        const sp_gate_map map = sp_gate_map_of(gate);
        const sp_box box = {random_side(&rng, 1.0), random_side(&rng, 3.0)};
        const bool wide = box.x.hi - box.x.lo > 1e-2 && box.y.hi - box.y.lo > 1e-2;
        const sp_box inner = sp_gate_box(&map, box);
        sp_anchor low[2], up[2];
        sp_plane lower[2], upper[2];
        sp_cut cut;
        random_cut(&rng, box, &cut);
        sp_static_anchors(inner, &low[0], &up[0]);
        low[1] = up[1] = (sp_anchor){inner.x.lo + 0.7 * (inner.x.hi - inner.x.lo),
                                     inner.y.lo + 0.4 * (inner.y.hi - inner.y.lo)};
        for (size_t with = 0; with < (wide ? 2U : 1U); with++) {
            const gated g = {gate, box, with ? &cut : NULL};
            const sp_cut inner_cut = sp_gate_cut(&map, box, &cut);
            const sp_iv range = sp_gate_range(&map, box);
            assert_true(range.hi - range.lo < INFINITY);
            expect_gated(&g, (sp_plane){0.0, 0.0, range.lo}, 1.0);
            expect_gated(&g, (sp_plane){0.0, 0.0, range.hi}, -1.0);
            sp_octagon_planes(map.product, inner, with ? &inner_cut : NULL, 2, low, up, 1e-3, lower,
                              upper);
            for (size_t k = 0; k < 2; k++) {
                const sp_plane l = sp_gate_plane(&map, box, lower[k], false);
                const sp_plane u = sp_gate_plane(&map, box, upper[k], true);
                seen += expect_gated(&g, l, 1.0);
                expect_gated(&g, u, -1.0);
                if (with) {
                    const sp_plane whole =
                        sp_plane_lower(map.product, inner, low[k].x, low[k].y, 1e-3);
                    cut_used += lower[k].a != whole.a || lower[k].c != whole.c;
                    cuts++;
                }
            }
        }
    }
    assert_true(seen > (size_t)count * GRID);
    assert_true(4 * cut_used > cuts);
}

/* (1 - gate(x)) tanh(y), with and without cuts. */
static void test_complement(void **state) {
    (void)state;
    sp_rng rng;
    sp_rng_init(&rng, sp_test_seed() + 2);
    size_t cut_used = 0, cuts = 0;
    for (int i = 0; i < (sp_test_long() ? 20000 : sp_test_sanitized() ? 200 : 1500); i++) {
        sp_activation gate = random_activation(&rng, i % 2 == 0 ? 0 : 2);
        gate.beta = 0.5 + ldexp((double)sp_rng_below(&rng, 9) - 4.0, -3);
        assert_true(sp_gate_has_complement(gate));
        const sp_gate_map map = sp_gate_complement(gate);
        const sp_box box = {random_side(&rng, 2.0), random_side(&rng, 2.0)};
        const sp_box inner = sp_gate_box(&map, box);
        const sp_iv range = sp_gate_range(&map, box);
        const bool with = i % 4 < 2 && box.x.hi - box.x.lo > 1e-2 && box.y.hi - box.y.lo > 1e-2;
        double xs[GRID + 3];
        const size_t n = points_of(xs, box.x, gate);
        sp_anchor low, up;
        sp_plane lower, upper;
        sp_cut cut;
        random_cut(&rng, box, &cut);
        const sp_cut inner_cut = sp_gate_cut(&map, box, &cut);
        sp_static_anchors(inner, &low, &up);
        sp_octagon_planes(map.product, inner, with ? &inner_cut : NULL, 1, &low, &up, 1e-3, &lower,
                          &upper);
        cuts += with;
        cut_used += with && lower.c != sp_plane_static(map.product, inner).lower.c;
        lower = sp_gate_plane(&map, box, lower, false);
        upper = sp_gate_plane(&map, box, upper, true);
        for (size_t k = 0; k < n * (GRID + 1); k++) {
            const double x = xs[k % n], y = at(box.y, k / n);
            const long double f = (1.0L - activation(gate, x)) * tanhl(y);
            assert_true(range.lo <= f && f <= range.hi);
            if (with && !in_cut(&cut, x, y)) {
                continue;
            }
            if (!(plane_at(lower, x, y) <= f && f <= plane_at(upper, x, y))) {
                fail_msg("gate %s (%g, %g), box %d%s: %Lg not in [%Lg, %Lg] at (%a, %a)",
                         sp_activation_name(gate.kind), gate.alpha, gate.beta, i,
                         with ? ", cut" : "", f, plane_at(lower, x, y), plane_at(upper, x, y), x,
                         y);
            }
        }
    }
    assert_true(4 * cut_used > cuts);
    const sp_activation rounded = {SP_ACTIVATION_HARD_SIGMOID, 0.2, 0x1p-60};
    assert_false(sp_gate_has_complement(rounded));
    // 1 - beta is rounded, though taking it from 1 again gives beta
    for (int side = -1; side <= 1; side += 2) {
        const sp_activation far = {SP_ACTIVATION_HARD_SIGMOID, 0.2, side * 1e17};
        assert_true(1.0 - (1.0 - far.beta) == far.beta);
        assert_false(sp_gate_has_complement(far));
    }
}

/* min(max(x, 0), 1) tanh(y): no plane of other slopes that touches from below is clearly higher at
 * the anchor. */
static void test_hard_tanh_is_supporting(void **state) {
    (void)state;
    sp_rng rng;
    sp_rng_init(&rng, sp_test_seed() + 5);
    for (int i = 0; i < 300; i++) {
        const sp_product f = SP_PRODUCT_HARD_TANH;
        const double x = sp_rng_uniform(&rng, -1.0, 1.5), y = sp_rng_uniform(&rng, -2.0, 1.0);
        const sp_box box = {{x, x + sp_rng_uniform(&rng, 0.1, 2.0)},
                            {y, y + sp_rng_uniform(&rng, 0.1, 3.0)}};
        const double px = sp_rng_uniform(&rng, box.x.lo, box.x.hi);
        const double py = sp_rng_uniform(&rng, box.y.lo, box.y.hi);
        const sp_plane plane = sp_plane_lower(f, box, px, py, 1e-3);
        const double value = (double)plane_at(plane, px, py);
        const double gap = sp_product_value(f, px, py) - value;
        for (int k = 0; k < 200; k++) {
            const double size = pow(10.0, sp_rng_uniform(&rng, -3.0, 0.0));
            sp_plane other = plane;
            other.a += size * sp_rng_normal(&rng);
            other.b += size * sp_rng_normal(&rng);
            other.c = sp_plane_offset(f, box, other.a, other.b);
            assert_true(plane_at(other, px, py) <= value + 5e-3 * (0.05 + gap));
        }
    }
}

static void test_lines(void **state) {
    (void)state;
    sp_rng rng;
    sp_rng_init(&rng, sp_test_seed() + 3);
    const int count = sp_test_long() ? 50000 : sp_test_sanitized() ? 500 : 5000;
    for (int i = 0; i < count; i++) {
        const sp_activation f = random_activation(&rng, (size_t)i % 5);
        const sp_iv x = random_side(&rng, 2.0);
        const double m = x.lo + (x.hi - x.lo) * sp_rng_uniform(&rng, 0.0, 1.0);
        const sp_line_pair pair = sp_activation_lines(f, x, m);
        const sp_iv range = sp_activation_range(f, x);
        double xs[GRID + 3];
        const size_t n = points_of(xs, x, f);
        for (size_t k = 0; k < n; k++) {
            const long double v = activation(f, xs[k]);
            const long double low = (long double)pair.lower.w * xs[k] + pair.lower.c;
            const long double up = (long double)pair.upper.w * xs[k] + pair.upper.c;
            // an affine line is the function: only the rounding of this sum is between them
            const long double slack = f.kind == SP_ACTIVATION_AFFINE ? 1e-18L * (1 + fabsl(v)) : 0;
            if (!(low <= v + slack && v <= up + slack && range.lo <= v && v <= range.hi)) {
                fail_msg("%s (%g, %g) on [%a, %a]: %Lg, %Lg, %Lg at %a", sp_activation_name(f.kind),
                         f.alpha, f.beta, x.lo, x.hi, low, v, up, xs[k]);
            }
        }
    }
}

/* Envelopes of the hard sigmoid and the ReLU, whose ends and kinks are known. */
static void test_line_envelopes(void **state) {
    (void)state;
    const sp_activation hard = {SP_ACTIVATION_HARD_SIGMOID, 0.2, 0.5};
    const sp_activation relu = {SP_ACTIVATION_RELU, 0.0, 0.0};
    const sp_line_pair both = sp_activation_lines(hard, (sp_iv){-4.0, 4.0}, 0.5);
    // below: from (-4, 0) to (2.5, 1) is above the curve; from (-2.5, 0) to (4, 1) below it
    assert_true(fabs(both.lower.w - 1.0 / 6.5) < 1e-12 && fabs(both.upper.w - 1.0 / 6.5) < 1e-12);
    assert_true(fabs(both.lower.w * 4.0 + both.lower.c - 1.0) < 1e-12);
    assert_true(fabs(both.upper.w * -4.0 + both.upper.c) < 1e-12);
    const sp_line_pair flat = sp_activation_lines(hard, (sp_iv){-4.0, 0.0}, -3.0);
    assert_true(fabs(flat.lower.w) < 1e-15 && fabs(flat.upper.w - 0.125) < 1e-12);
    const sp_line_pair linear = sp_activation_lines(hard, (sp_iv){-1.0, 2.0}, 0.0);
    assert_true(fabs(linear.lower.w - 0.2) < 1e-12 && fabs(linear.upper.w - 0.2) < 1e-12);
    assert_true(sp_activation_lines(relu, (sp_iv){-1.0, 2.0}, 1.0).lower.w == 1.0);
    assert_true(sp_activation_lines(relu, (sp_iv){-1.0, 2.0}, -0.5).lower.w == 0.0);
    assert_true(fabs(sp_activation_lines(relu, (sp_iv){-1.0, 2.0}, 1.0).upper.w - 2.0 / 3.0) <
                1e-12);
}

static void test_tangents(void **state) {
    (void)state;
    sp_rng rng;
    sp_rng_init(&rng, sp_test_seed() + 4);
    for (int i = 0; i < 1000; i++) {
        const sp_activation f = random_activation(&rng, (size_t)i % 5);
        const double x = 2.0 * sp_rng_normal(&rng), d = 1e-5;
        const sp_line line = sp_activation_tangent(f, x);
        const double v = (double)activation(f, x), u = f.alpha * x + f.beta;
        const double slope = (double)(activation(f, x + d) - activation(f, x - d)) / (2.0 * d);
        const bool kink = fmin(fmin(fabs(u), fabs(u - 1.0)), fabs(x)) < 1e-4;
        assert_true(fabs(line.w * x + line.c - v) <= 1e-14 * (1.0 + fabs(v)));
        assert_true(kink || fabs(line.w - slope) <= 1e-8);
        const double y = sp_rng_normal(&rng);
        const sp_gate_map map = sp_gate_map_of(f);
        const sp_plane inner = sp_plane_tangent(map.product, map.scale * x + map.shift, y);
        const sp_plane plane = sp_gate_plane(&map, (sp_box){{x, x}, {y, y}}, inner, false);
        assert_true(fabs(plane.a * x + plane.b * y + plane.c - v * y) <= 1e-12);
        assert_true(kink || fabs(plane.a - slope * y) <= 1e-7);
        assert_true(fabs(plane.b - v) <= 1e-12);
    }
}

/* No information out of domains that are none, and nothing wrong out of huge ones. */
static void test_bad_domains(void **state) {
    (void)state;
    const sp_iv bad[4] = {{NAN, 1.0}, {1.0, 0.0}, {-INFINITY, 0.0}, {0.0, INFINITY}};
    for (size_t kind = 0; kind < 5; kind++) {
        const sp_activation f = {(sp_activation_kind)kind, 0.2, 0.5};
        for (size_t i = 0; i < 4; i++) {
            const sp_line_pair pair = sp_activation_lines(f, bad[i], 0.0);
            assert_true(pair.lower.w == 0.0 && pair.lower.c == -INFINITY);
            assert_true(pair.upper.w == 0.0 && pair.upper.c == INFINITY);
        }
        const sp_iv huge = {-1e200, 1e250};
        const sp_line_pair pair = sp_activation_lines(f, huge, 0.0);
        assert_true(pair.lower.w * 1e250 + pair.lower.c <= (double)activation(f, 1e250));
        assert_true(pair.upper.w * 1e250 + pair.upper.c >= (double)activation(f, 1e250));
    }
    for (size_t k = 0; k < 3; k++) {
        const sp_box box = {bad[2], {-1.0, 1.0}};
        assert_true(sp_plane_lower(piecewise[k], box, 0.0, 0.0, 1e-3).c == -INFINITY);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_supporting_planes),
        cmocka_unit_test(test_slope_is_seen),
        cmocka_unit_test(test_hard_tanh_is_supporting),
        cmocka_unit_test(test_gates),
        cmocka_unit_test(test_complement),
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_line_envelopes),
        cmocka_unit_test(test_tangents),
        cmocka_unit_test(test_bad_domains),
    };
    return cmocka_run_group_tests_name("relax/gates", tests, NULL, NULL);
}
