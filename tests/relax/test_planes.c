/* Planes at anchors: sound against Arb for every box and anchor, and as high at their anchor as the
 * convex envelope allows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "relax/rules.h"
#include "tests/relax/check.h"

static sp_rng rng;
static const double tolerance = 1e-3;

static int trials(int n) {
    return sp_test_sanitized() ? n / 10 : sp_test_long() ? 20 * n : n;
}

static double value_at(sp_plane p, double x, double y) {
    return p.a * x + p.b * y + p.c;
}

static sp_box flip(sp_box box) {
    return check_box(box.x.lo, box.x.hi, -box.y.hi, -box.y.lo);
}

/* ---- soundness ---- */

static void check_pair(sp_product f, sp_box box, sp_plane_pair p, int starts) {
    assert_true(check_contains(&rng, f, box, p.lower, SIDE_LOWER, starts, NULL));
    assert_true(check_contains(&rng, f, box, p.upper, SIDE_UPPER, starts, NULL));
}

static double random_anchor(sp_iv x) {
    static const double odd[] = {NAN, INFINITY, -INFINITY, 0.0, 1e300};
    switch (sp_rng_below(&rng, 8)) {
    case 0:
        return x.lo;
    case 1:
        return x.hi;
    case 2:
        return odd[sp_rng_below(&rng, 5)];
    default:
        return check_random_in(&rng, x);
    }
}

static void planes_are_sound_everywhere(void **state) {
    static const double tolerances[] = {1e-3, 1e-3, 1e-6, 0.0, 0.3, NAN, -1.0, INFINITY};
    (void)state;
    for (int i = 0; i < trials(2500); i++) {
        const sp_product f = (sp_product)(i & 1);
        const sp_box box = check_random_box(&rng);
        const double px = random_anchor(box.x), py = random_anchor(box.y);
        const double t = tolerances[sp_rng_below(&rng, 8)];
        const sp_plane_pair p = {sp_plane_lower(f, box, px, py, t),
                                 sp_plane_upper(f, box, px, py, t)};
        check_pair(f, box, p, 8);
    }
}

static void static_and_constant_planes_are_sound(void **state) {
    (void)state;
    for (int i = 0; i < trials(1000); i++) {
        const sp_product f = (sp_product)(i & 1);
        const sp_box box = i % 4 ? check_random_box(&rng) : check_random_plain_box(&rng);
        check_pair(f, box, sp_plane_static(f, box), 6);
        check_pair(f, box, sp_plane_interval(f, box), 4);
    }
}

/* ---- tightness ---- */

/* The value of the best plane of slope a, over all b, at the anchor: the value is concave in (a,
 * b). */
static double best_over_b(sp_product f, sp_box box, double a, double px, double py) {
    const double golden = 0.6180339887498949;
    double lo = -3.0, hi = 3.0, best = -INFINITY;
    for (int step = 0; step < 60; step++) {
        const double b1 = hi - golden * (hi - lo), b2 = lo + golden * (hi - lo);
        const double v1 = a * px + b1 * py + sp_plane_offset(f, box, a, b1);
        const double v2 = a * px + b2 * py + sp_plane_offset(f, box, a, b2);
        best = fmax(best, fmax(v1, v2));
        if (v1 < v2) {
            lo = b1;
        } else {
            hi = b2;
        }
    }
    return best;
}

/* The convex envelope at (px, py), by golden section in both slopes. */
static double envelope(sp_product f, sp_box box, double px, double py) {
    const double golden = 0.6180339887498949, reach = 1.0 + sp_iv_mag(box.y);
    double lo = -reach, hi = reach, best = -INFINITY;
    for (int step = 0; step < 50; step++) {
        const double a1 = hi - golden * (hi - lo), a2 = lo + golden * (hi - lo);
        const double v1 = best_over_b(f, box, a1, px, py), v2 = best_over_b(f, box, a2, px, py);
        best = fmax(best, fmax(v1, v2));
        if (v1 < v2) {
            lo = a1;
        } else {
            hi = a2;
        }
    }
    return best;
}

static double mean_gap(sp_product f, sp_box box, sp_plane p, double px, double py) {
    const double x[5] = {box.x.lo, box.x.lo, box.x.hi, box.x.hi, px};
    const double y[5] = {box.y.lo, box.y.hi, box.y.lo, box.y.hi, py};
    double sum = 0.0;
    for (int i = 0; i < 5; i++) {
        sum += sp_product_value(f, x[i], y[i]) - value_at(p, x[i], y[i]);
    }
    return 0.2 * sum;
}

static double inner_anchor(sp_iv x) {
    const double share = sp_rng_uniform(&rng, 0.01, 0.99);
    return check_clamp(x.lo * (1.0 - share) + x.hi * share, x);
}

static void check_height(sp_product f, sp_box box, sp_plane p, double px, double py) {
    const double best = envelope(f, box, px, py), reached = value_at(p, px, py);
    // f2's search stops by another mean of the gaps, at most 2.5 times this one.
    const double allowed = (f == SP_PRODUCT_SIGMOID_ID ? 2.5 : 1.0) * tolerance;
    // Thin boxes are widened to 1e-7 for their slopes; the golden sections end at 2e-10.
    const bool thin = fmin(box.x.hi - box.x.lo, box.y.hi - box.y.lo) < 1e-6;
    const double slack = (thin ? 2e-7 : 1e-9) * (1.0 + sp_iv_mag(box.y));
    if (!(reached >= best - allowed * mean_gap(f, box, p, px, py) - slack) ||
        !(best >= reached - 1e-6 * (1.0 + sp_iv_mag(box.x) + sp_iv_mag(box.y)))) {
        printf("f%d [%a, %a] x [%a, %a] at (%a, %a): reached %.9g, envelope %.9g\n", (int)f + 1,
               box.x.lo, box.x.hi, box.y.lo, box.y.hi, px, py, reached, best);
        fail();
    }
}

static void planes_reach_the_envelope(void **state) {
    (void)state;
    for (int i = 0; i < trials(200); i++) {
        const sp_product f = (sp_product)(i & 1);
        sp_box box = check_random_plain_box(&rng);
        if (i % 10 < 2) { // a side of no width
            *(i % 10 ? &box.x.hi : &box.y.hi) = *(i % 10 ? &box.x.lo : &box.y.lo);
        } else if (i % 10 < 4) {
            const double size = pow(10.0, sp_rng_uniform(&rng, -4.0, 3.0));
            box.x.hi = box.x.lo + size * sp_rng_uniform(&rng, 0.1, 1.0);
            box.y.hi = box.y.lo + size * sp_rng_uniform(&rng, 0.1, 1.0);
        }
        const double px = inner_anchor(box.x), py = inner_anchor(box.y);
        const sp_plane lower = sp_plane_lower(f, box, px, py, tolerance);
        const sp_plane upper = sp_plane_upper(f, box, px, py, tolerance);
        const sp_plane mirrored = {-upper.a, upper.b, -upper.c};
        check_height(f, box, lower, px, py);
        check_height(f, flip(box), mirrored, px, -py);
    }
}

/* The anchors of docs/theory/planes.md 4, written out again. */
static void static_planes_are_anchored_as_stated(void **state) {
    (void)state;
    for (int i = 0; i < trials(400); i++) {
        const sp_product f = (sp_product)(i & 1);
        const sp_box box = check_random_plain_box(&rng);
        const double xc = 0.5 * (box.x.lo + box.x.hi), hx = 0.5 * (box.x.hi - box.x.lo);
        const double yc = 0.5 * (box.y.lo + box.y.hi), hy = 0.5 * (box.y.hi - box.y.lo);
        const double lean = fmin(fmax(yc / hy, -1.0), 1.0);
        const double lx = xc - 0.2 * lean * hx, ly = yc - hy / 3.0;
        const double ux = xc + 0.2 * lean * hx, uy = yc + hy / 3.0;
        const sp_plane_pair p = sp_plane_static(f, box);
        const sp_plane lower = sp_plane_lower(f, box, lx, ly, tolerance);
        const sp_plane upper = sp_plane_upper(f, box, ux, uy, tolerance);
        const double slack = 3.0 * tolerance * mean_gap(f, box, lower, lx, ly) + 1e-12;
        const double slack_up = -3.0 * tolerance * mean_gap(f, box, upper, ux, uy) + 1e-12;
        assert_true(fabs(value_at(p.lower, lx, ly) - value_at(lower, lx, ly)) <= slack);
        assert_true(fabs(value_at(p.upper, ux, uy) - value_at(upper, ux, uy)) <= slack_up);
    }
}

static void planes_are_never_below_the_constant(void **state) {
    (void)state;
    for (int i = 0; i < trials(3000); i++) {
        const sp_product f = (sp_product)(i & 1);
        const sp_box box = check_random_box(&rng);
        const double px = inner_anchor(box.x), py = inner_anchor(box.y);
        const sp_plane_pair flat = sp_plane_interval(f, box);
        const sp_plane lower = sp_plane_lower(f, box, px, py, tolerance);
        const sp_plane upper = sp_plane_upper(f, box, px, py, tolerance);
        // The value at the anchor is rounded here as well.
        const double slack =
            1e-15 * (1.0 + fabs(lower.a * px) + fabs(lower.b * py) + fabs(lower.c));
        const double slack_up =
            1e-15 * (1.0 + fabs(upper.a * px) + fabs(upper.b * py) + fabs(upper.c));
        assert_true(value_at(lower, px, py) >= flat.lower.c - slack);
        assert_true(value_at(upper, px, py) <= flat.upper.c + slack_up);
    }
}

/* ---- structure ---- */

static void upper_is_the_flipped_lower(void **state) {
    (void)state;
    for (int i = 0; i < trials(3000); i++) {
        const sp_product f = (sp_product)(i & 1);
        const sp_box box = check_random_box(&rng);
        const double px = check_random_in(&rng, box.x), py = check_random_in(&rng, box.y);
        const sp_plane upper = sp_plane_upper(f, box, px, py, tolerance);
        const sp_plane lower = sp_plane_lower(f, flip(box), px, -py, tolerance);
        assert_true(upper.a == -lower.a && upper.b == lower.b && upper.c == -lower.c);
    }
}

static void a_bigger_box_has_a_lower_plane(void **state) {
    (void)state;
    for (int i = 0; i < trials(3000); i++) {
        const sp_product f = (sp_product)(i & 1);
        const sp_box box = check_random_plain_box(&rng);
        const sp_box bigger = check_box(
            box.x.lo - sp_rng_uniform(&rng, 0.0, 2.0), box.x.hi + sp_rng_uniform(&rng, 0.0, 2.0),
            box.y.lo - sp_rng_uniform(&rng, 0.0, 2.0), box.y.hi + sp_rng_uniform(&rng, 0.0, 2.0));
        const double px = inner_anchor(box.x), py = inner_anchor(box.y);
        const sp_plane own = sp_plane_lower(f, box, px, py, tolerance);
        const sp_plane wide = sp_plane_lower(f, bigger, px, py, tolerance);
        const double slack = 3.0 * tolerance * mean_gap(f, box, own, px, py) + 1e-12;
        assert_true(value_at(wide, px, py) <= value_at(own, px, py) + slack);
    }
}

static void a_point_gives_its_value(void **state) {
    (void)state;
    for (int i = 0; i < trials(1000); i++) {
        const sp_product f = (sp_product)(i & 1);
        const double x = sp_rng_uniform(&rng, -8.0, 8.0), y = sp_rng_uniform(&rng, -8.0, 8.0);
        const sp_box box = check_box(x, x, y, y);
        const sp_plane_pair p = sp_plane_static(f, box);
        const double v = sp_product_value(f, x, y);
        assert_true(value_at(p.lower, x, y) <= v && value_at(p.lower, x, y) >= v - 1e-13);
        assert_true(value_at(p.upper, x, y) >= v && value_at(p.upper, x, y) <= v + 1e-13);
    }
}

static void what_is_not_finite_gives_no_information(void **state) {
    const double bad[] = {NAN, INFINITY, -INFINITY};
    (void)state;
    for (int f = 0; f < 2; f++) {
        for (int k = 0; k < 12; k++) {
            double v[4] = {-1.0, 2.0, -3.0, 1.0};
            v[k / 3] = bad[k % 3];
            const sp_box box = check_box(v[0], v[1], v[2], v[3]);
            const sp_plane_pair s = sp_plane_static((sp_product)f, box);
            const sp_plane_pair c = sp_plane_interval((sp_product)f, box);
            const sp_plane lower = sp_plane_lower((sp_product)f, box, 0.0, 0.0, tolerance);
            const sp_plane upper = sp_plane_upper((sp_product)f, box, 0.0, 0.0, tolerance);
            assert_true(s.lower.c == -INFINITY && s.upper.c == INFINITY);
            assert_true(c.lower.c == -INFINITY && c.upper.c == INFINITY);
            assert_true(lower.c == -INFINITY && lower.a == 0.0 && lower.b == 0.0);
            assert_true(upper.c == INFINITY && upper.a == 0.0 && upper.b == 0.0);
        }
    }
}

/* [R2, section 2]: the intervals, and the planes of c2 on [0.4, 1.6]^2. Its linear program has more
 * than one optimum: the planes below all pass through one value at the centre. */
static void worked_example_of_r2(void **state) {
    static const double printed[2][3] = {{0.1792, 0.3756, -0.1209}, {0.0739, 0.2703, 0.0898}};
    const sp_iv gate1 = {-1.2, 1.2}, gate2 = {0.4, 1.6};
    const sp_box box1 = {gate1, gate1}, box2 = {gate2, gate2};
    const sp_iv c1 = sp_product_range(SP_PRODUCT_SIGMOID_TANH, box1);
    const sp_iv c2 = sp_product_range(SP_PRODUCT_SIGMOID_TANH, box2);
    const sp_box out1 = {gate1, c1}, out2 = {gate2, c2};
    const sp_iv h1 = sp_product_range(SP_PRODUCT_SIGMOID_TANH, out1);
    const sp_iv h2 = sp_product_range(SP_PRODUCT_SIGMOID_TANH, out2);
    (void)state;
    assert_true(fabs(c1.lo + 0.64) < 5e-3 && fabs(c1.hi - 0.64) < 5e-3);
    assert_true(fabs(c2.lo - 0.23) < 5e-3 && fabs(c2.hi - 0.77) < 5e-3);
    assert_true(fabs(h1.lo + 0.43) < 5e-3 && fabs(h1.hi - 0.43) < 5e-3);
    assert_true(fabs(h2.lo - 0.13) < 5e-3 && fabs(h2.hi - 0.54) < 5e-3);
    assert_true(fabs(h2.lo - h1.hi + 0.30) < 5e-3);

    const sp_plane p = sp_plane_lower(SP_PRODUCT_SIGMOID_TANH, box2, 1.0, 1.0, tolerance);
    for (int k = 0; k < 2; k++) {
        const double *q = printed[k];
        const double c = sp_plane_offset(SP_PRODUCT_SIGMOID_TANH, box2, q[0], q[1]);
        assert_true(fabs(c - q[2]) < 1e-3);
        assert_true(fabs(value_at(p, 1.0, 1.0) - (q[0] + q[1] + q[2])) < 2e-3);
    }
}

static int setup(void **state) {
    (void)state;
    sp_rng_init(&rng, sp_test_seed());
    return 0;
}

/* Planes of every published rule, on the products that Arb knows here. */
static void published_rules_hold(void **state) {
    (void)state;
    for (int i = 0; i < trials(1000); i++) {
        const sp_product f = i % 2 ? SP_PRODUCT_SIGMOID_ID : SP_PRODUCT_SIGMOID_TANH;
        const sp_plane_rule rule = (sp_plane_rule)(i / 2 % (SP_PLANE_RULE_BOX + 1));
        const sp_line_rule lines = (sp_line_rule)(i / 12 % (SP_LINE_RULE_BOX + 1));
        const sp_box box = i % 3 ? check_random_plain_box(&rng) : check_random_box(&rng);
        const sp_plane_pair pair = sp_plane_rule_planes(rule, lines, f, box);
        const bool parallel = rule >= SP_PLANE_RULE_CORNERS && rule <= SP_PLANE_RULE_FORMS;
        check_pair(f, box, pair, 6);
        assert_true(!parallel || (pair.lower.a == pair.upper.a && pair.lower.b == pair.upper.b));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(planes_are_sound_everywhere),
        cmocka_unit_test(static_and_constant_planes_are_sound),
        cmocka_unit_test(planes_reach_the_envelope),
        cmocka_unit_test(static_planes_are_anchored_as_stated),
        cmocka_unit_test(planes_are_never_below_the_constant),
        cmocka_unit_test(upper_is_the_flipped_lower),
        cmocka_unit_test(a_bigger_box_has_a_lower_plane),
        cmocka_unit_test(a_point_gives_its_value),
        cmocka_unit_test(what_is_not_finite_gives_no_information),
        cmocka_unit_test(worked_example_of_r2),
        cmocka_unit_test(published_rules_hold),
    };
    return cmocka_run_group_tests_name("planes", tests, setup, NULL);
}
