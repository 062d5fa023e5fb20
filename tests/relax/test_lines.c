/* Ranges and lines of one variable: sound against Arb on intervals of every kind, and as tight as
 * stated. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <float.h>

#include "relax/rules.h"
#include "tests/relax/check.h"

static sp_rng rng;

static int trials(int n) {
    return sp_test_sanitized() ? n / 10 : sp_test_long() ? 20 * n : n;
}

typedef enum { SIGMOID, TANH, RELU, SQUARE, LOG, CURVES } curve;

static void exact(arb_t z, curve f, double x) {
    if (f == SIGMOID) {
        check_arb_sigmoid(z, x);
        return;
    }
    if (f == TANH) {
        check_arb_tanh(z, x);
        return;
    }
    arb_set_d(z, f == RELU && x < 0.0 ? 0.0 : x);
    if (f == SQUARE) {
        arb_mul(z, z, z, SP_ARB_BITS);
    } else if (f == LOG) {
        arb_log(z, z, SP_ARB_BITS);
    }
}

static long double value(curve f, double x) {
    const long double e = expl(-fabsl((long double)x));
    switch (f) {
    case SIGMOID:
        return (x >= 0.0 ? 1.0L : e) / (1.0L + e);
    case TANH:
        return tanhl(x);
    case RELU:
        return x > 0.0 ? x : 0.0L;
    case SQUARE:
        return (long double)x * x;
    default:
        return logl(x);
    }
}

static sp_line_pair lines_of(curve f, sp_iv x, double m) {
    switch (f) {
    case SIGMOID:
        return sp_sigmoid_lines(x, m);
    case TANH:
        return sp_tanh_lines(x, m);
    case RELU:
        return sp_relu_lines(x);
    case SQUARE:
        return sp_square_lines_r2(x);
    default:
        return sp_log_lines_r2(x);
    }
}

static sp_iv range_of(curve f, sp_iv x) {
    switch (f) {
    case SIGMOID:
        return sp_sigmoid_range(x);
    case TANH:
        return sp_tanh_range(x);
    case SQUARE:
        return sp_square_range(x);
    default:
        return sp_log_range(x);
    }
}

static sp_iv random_domain(curve f) {
    sp_iv x = check_random_iv(&rng);
    if (f == LOG && !(x.lo > 0.0)) {
        const double tiny = pow(10.0, sp_rng_uniform(&rng, -320.0, 300.0));
        x = check_iv(tiny, tiny * pow(10.0, sp_rng_uniform(&rng, 0.0, 12.0)));
        x.hi = fmin(x.hi, 1e308);
    }
    return x;
}

/* Whether the line is on its side of f at x for certain. */
static bool holds_at(curve f, sp_line line, check_side side, double x) {
    const double outward = side == SIDE_LOWER ? -line.c : line.c;
    bool holds;
    arb_t z;
    if (outward == INFINITY || ((f == TANH || f == SIGMOID) && line.w == 0.0 && outward >= 1.0)) {
        return true;
    }
    arb_init(z);
    exact(z, f, x);
    sp_arb_addmul_d(z, -line.w, x);
    holds = side == SIDE_LOWER ? sp_arb_ge(z, line.c) : sp_arb_le(z, line.c);
    arb_clear(z);
    return holds;
}

static long double gap_at(curve f, sp_line line, check_side side, double x) {
    const long double gap = value(f, x) - (long double)line.w * x - line.c;
    return side == SIDE_LOWER ? gap : -gap;
}

/* Walks to a local minimum of the gap. */
static double descend(curve f, sp_line line, check_side side, sp_iv x, double at) {
    double step = 0.25 * (x.hi - x.lo);
    for (int moves = 0; moves < 80; moves++) {
        const double left = check_clamp(at - step, x), right = check_clamp(at + step, x);
        const long double here = gap_at(f, line, side, at);
        if (gap_at(f, line, side, left) < here) {
            at = left;
        } else if (gap_at(f, line, side, right) < here) {
            at = right;
        } else {
            step *= 0.5;
        }
    }
    return at;
}

static bool sound(curve f, sp_iv x, sp_line line, check_side side) {
    bool ok = !isnan(line.w) && !isnan(line.c);
    for (int k = 0; k < 8 && ok; k++) {
        double at = k == 0 ? x.lo : k == 1 ? x.hi : check_random_in(&rng, x);
        if (k == 2) {
            at = check_clamp(sp_rng_uniform(&rng, -40.0, 40.0), x);
        }
        ok = holds_at(f, line, side, at);
        ok = ok && holds_at(f, line, side, descend(f, line, side, x, at));
        if (!ok) {
            printf("curve %d on [%a, %a]: w %a c %a fails near %a\n", (int)f, x.lo, x.hi, line.w,
                   line.c, at);
        }
    }
    return ok;
}

static void ranges_hold(void **state) {
    (void)state;
    for (int i = 0; i < trials(4000); i++) {
        const curve f = (curve)(i % CURVES);
        if (f == RELU) {
            continue;
        }
        const sp_iv x = random_domain(f), r = range_of(f, x);
        const double at[3] = {x.lo, x.hi, check_random_in(&rng, x)};
        arb_t z;
        arb_init(z);
        for (int k = 0; k < 3; k++) {
            exact(z, f, at[k]);
            // Balls cannot tell sigma and tanh from their limits far out.
            assert_true(((f == SIGMOID && r.lo == 0.0) || (f == TANH && r.lo == -1.0) ||
                         sp_arb_ge(z, r.lo)) &&
                        (((f == SIGMOID || f == TANH) && r.hi == 1.0) || sp_arb_le(z, r.hi)));
        }
        arb_clear(z);
        const double least_at = f == SQUARE ? check_clamp(0.0, x) : x.lo;
        const long double low = fminl(value(f, least_at), DBL_MAX);
        const long double high =
            f == SQUARE ? fmaxl(value(f, x.lo), value(f, x.hi)) : value(f, x.hi);
        assert_true(r.lo >= low - 1e-14L * fabsl(low) - 1e-322L);
        assert_true(r.hi == INFINITY || r.hi <= high + 1e-14L * fabsl(high) + 1e-322L);
    }
}

static void product_ranges_hold(void **state) {
    (void)state;
    for (int i = 0; i < trials(2000); i++) {
        const sp_product f = (sp_product)(i & 1);
        const sp_box box = check_random_box(&rng);
        const sp_iv r = sp_product_range(f, box);
        const sp_plane lower = {0.0, 0.0, r.lo}, upper = {0.0, 0.0, r.hi};
        for (int k = 0; k < 6; k++) {
            const double x = k & 1 ? box.x.hi : box.x.lo, y = k & 2 ? box.y.hi : box.y.lo;
            const double px = k < 4 ? x : check_random_in(&rng, box.x);
            const double py = k < 4 ? y : check_random_in(&rng, box.y);
            assert_true(check_holds_at(f, lower, SIDE_LOWER, px, py));
            assert_true(check_holds_at(f, upper, SIDE_UPPER, px, py));
        }
    }
}

static void lines_are_sound_everywhere(void **state) {
    static const double odd[] = {NAN, INFINITY, -INFINITY, 0.0, 1e300};
    (void)state;
    for (int i = 0; i < trials(5000); i++) {
        const curve f = (curve)(i % CURVES);
        const sp_iv x = random_domain(f);
        const double m = i % 7 ? check_random_in(&rng, x) : odd[sp_rng_below(&rng, 5)];
        const sp_line_pair p = lines_of(f, x, m);
        assert_true(sound(f, x, p.lower, SIDE_LOWER));
        assert_true(sound(f, x, p.upper, SIDE_UPPER));
    }
}

/* The least gap below f on x: a descent from every point of a grid that is lower than both
 * neighbours. */
static long double least_gap(curve f, sp_iv x, sp_line line) {
    enum { CELLS = 100 };
    long double gap[CELLS + 1], least = INFINITY;
    double at[CELLS + 1];
    for (int j = 0; j <= CELLS; j++) {
        at[j] = check_clamp(x.lo + (x.hi - x.lo) * j / CELLS, x);
        gap[j] = gap_at(f, line, SIDE_LOWER, at[j]);
    }
    for (int j = 0; j <= CELLS; j++) {
        if ((j == 0 || gap[j] <= gap[j - 1]) && (j == CELLS || gap[j] <= gap[j + 1])) {
            const sp_iv cell = {at[j > 0 ? j - 1 : 0], at[j < CELLS ? j + 1 : CELLS]};
            const double low = descend(f, line, SIDE_LOWER, cell, at[j]);
            least = fminl(least, gap_at(f, line, SIDE_LOWER, low));
        }
    }
    return least;
}

/* The envelope of sigma or tanh at m from below: the highest of many lines through its own lowest
 * gap, by golden section in the slope. */
static double envelope(curve f, sp_iv x, double m) {
    const double golden = 0.6180339887498949;
    double lo = 0.0, hi = 1.0, best = -INFINITY;
    for (int step = 0; step < 60; step++) {
        const double w[2] = {hi - golden * (hi - lo), lo + golden * (hi - lo)};
        double v[2];
        for (int k = 0; k < 2; k++) {
            const sp_line line = {w[k], 0.0};
            v[k] = w[k] * m + (double)least_gap(f, x, line);
            best = fmax(best, v[k]);
        }
        if (v[0] < v[1]) {
            lo = w[0];
        } else {
            hi = w[1];
        }
    }
    return best;
}

static void sigmoid_lines_reach_the_envelope(void **state) {
    (void)state;
    for (int i = 0; i < trials(60); i++) {
        const curve f = i & 1 ? TANH : SIGMOID;
        const sp_iv x = check_random_plain(&rng), mirrored = {-x.hi, -x.lo};
        const double m = check_random_in(&rng, x);
        const sp_line_pair p = lines_of(f, x, m);
        const double best = envelope(f, x, m);
        const double above = (f == SIGMOID ? 1.0 : 0.0) - envelope(f, mirrored, -m);
        assert_true(fabs(p.lower.w * m + p.lower.c - best) < 1e-8);
        assert_true(fabs(p.upper.w * m + p.upper.c - above) < 1e-8);
    }
}

static void check_line(sp_line line, double w, double c) {
    const double scale = 1e-14 * (1.0 + fabs(w) + fabs(c));
    assert_true(fabs(line.w - w) <= scale && fabs(line.c - c) <= scale);
}

/* [R2, figure 4]: one interval for each case of the square, and the logarithm. */
static void cases_of_figure_4(void **state) {
    const sp_iv right = {1.0, 4.0}, left = {-4.0, -1.0}, both = {-1.0, 4.0};
    const sp_iv narrow = {2.0, 4.0}, narrow_left = {-4.0, -2.0}, log_x = {1.0, 3.0};
    const sp_iv from_zero = {0.0, 2.0}, to_zero = {-2.0, 0.0}, point = {3.0, 3.0};
    sp_line_pair p;
    (void)state;
    check_line(sp_square_lines_r2(right).lower, 4.0, -4.0);
    check_line(sp_square_lines_r2(right).upper, 5.0, -4.0);
    check_line(sp_square_lines_r2(left).lower, -4.0, -4.0);
    check_line(sp_square_lines_r2(left).upper, -5.0, -4.0);
    check_line(sp_square_lines_r2(both).lower, 0.0, 0.0);
    check_line(sp_square_lines_r2(both).upper, 3.0, 4.0);
    check_line(sp_square_lines_r2(narrow).lower, 6.0, -9.0);
    check_line(sp_square_lines_r2(narrow_left).lower, -6.0, -9.0);
    check_line(sp_square_lines_r2(from_zero).lower, 0.0, 0.0);
    check_line(sp_square_lines_r2(to_zero).lower, 0.0, 0.0);
    check_line(sp_square_lines_r2(point).lower, 6.0, -9.0);
    check_line(sp_square_lines_r2(point).upper, 6.0, -9.0);
    p = sp_log_lines_r2(log_x);
    check_line(p.lower, 0.5 * log(3.0), -0.5 * log(3.0));
    check_line(p.upper, 0.5, log(2.0) - 1.0);
    p = sp_log_lines_r2(point);
    check_line(p.lower, 1.0 / 3.0, log(3.0) - 1.0);
    check_line(p.upper, 1.0 / 3.0, log(3.0) - 1.0);
}

static void cases_of_the_relu(void **state) {
    const sp_iv more = {-1.0, 3.0}, less = {-3.0, 1.0}, dead = {-3.0, 0.0}, alive = {0.0, 3.0};
    (void)state;
    check_line(sp_relu_lines(more).lower, 1.0, 0.0);
    check_line(sp_relu_lines(more).upper, 0.75, 0.75);
    check_line(sp_relu_lines(less).lower, 0.0, 0.0);
    check_line(sp_relu_lines(less).upper, 0.25, 0.75);
    check_line(sp_relu_lines(dead).lower, 0.0, 0.0);
    check_line(sp_relu_lines(dead).upper, 0.0, 0.0);
    check_line(sp_relu_lines(alive).lower, 1.0, 0.0);
    check_line(sp_relu_lines(alive).upper, 1.0, 0.0);
}

static void tanh_lines_are_odd(void **state) {
    (void)state;
    for (int i = 0; i < trials(1000); i++) {
        const sp_iv x = check_random_iv(&rng), mirrored = {-x.hi, -x.lo};
        const double m = check_random_in(&rng, x);
        const sp_line_pair p = sp_tanh_lines(x, m), q = sp_tanh_lines(mirrored, -m);
        assert_true(p.lower.w == q.upper.w && p.lower.c == -q.upper.c);
    }
}

static void points_give_their_value(void **state) {
    (void)state;
    for (int i = 0; i < trials(2000); i++) {
        const curve f = (curve)(i % CURVES);
        const double at =
            f == LOG ? pow(10.0, sp_rng_uniform(&rng, -9.0, 9.0)) : sp_rng_uniform(&rng, -9.0, 9.0);
        const sp_iv x = {at, at};
        const sp_line_pair p = lines_of(f, x, at);
        const double v = (double)value(f, at),
                     near = 1e-13 * (1.0 + fabs(v) + at * at * (f == SQUARE));
        assert_true(fabs(p.lower.w * at + p.lower.c - v) <= near);
        assert_true(fabs(p.upper.w * at + p.upper.c - v) <= near);
    }
}

static void what_is_not_finite_gives_no_information(void **state) {
    const double bad[] = {NAN, INFINITY, -INFINITY};
    const sp_iv reversed = {2.0, 1.0}, zero = {0.0, 1.0}, negative = {-1.0, 1.0};
    (void)state;
    for (int f = 0; f < CURVES; f++) {
        for (int k = 0; k < 7; k++) {
            const sp_iv low = {bad[k % 3], 1.0}, high = {1.0, bad[k % 3]};
            const sp_iv x = k == 6 ? reversed : k < 3 ? low : high;
            const sp_line_pair p = lines_of((curve)f, x, 1.0);
            assert_true(p.lower.c == -INFINITY && p.lower.w == 0.0);
            assert_true(p.upper.c == INFINITY && p.upper.w == 0.0);
            if (f != RELU) {
                const sp_iv r = range_of((curve)f, x);
                assert_true(r.lo == -INFINITY && r.hi == INFINITY);
            }
        }
    }
    assert_true(sp_log_lines_r2(zero).lower.c == -INFINITY);
    assert_true(sp_log_lines_r2(negative).upper.c == INFINITY);
    assert_true(sp_log_range(zero).lo == -INFINITY && sp_log_range(negative).hi == INFINITY);
}

/* Mutations of a sound line must be seen by the check that the other tests rely on. */
static void the_check_sees_a_wrong_line(void **state) {
    (void)state;
    for (int f = 0; f < CURVES; f++) {
        const sp_iv x = {f == LOG ? 0.5 : -0.6, 2.0};
        const sp_line_pair p = lines_of((curve)f, x, 1.0);
        const sp_line raised = {p.lower.w, p.lower.c + 1e-9},
                      lowered = {p.upper.w, p.upper.c - 1e-9};
        double low = x.lo, high = x.lo;
        for (int k = 0; k < 20; k++) {
            const double start = check_random_in(&rng, x);
            const double a = descend((curve)f, p.lower, SIDE_LOWER, x, start);
            const double b = descend((curve)f, p.upper, SIDE_UPPER, x, start);
            if (gap_at((curve)f, p.lower, SIDE_LOWER, a) <
                gap_at((curve)f, p.lower, SIDE_LOWER, low)) {
                low = a;
            }
            if (gap_at((curve)f, p.upper, SIDE_UPPER, b) <
                gap_at((curve)f, p.upper, SIDE_UPPER, high)) {
                high = b;
            }
        }
        assert_true(holds_at((curve)f, p.lower, SIDE_LOWER, low));
        assert_true(holds_at((curve)f, p.upper, SIDE_UPPER, high));
        assert_false(holds_at((curve)f, raised, SIDE_LOWER, low));
        assert_false(holds_at((curve)f, lowered, SIDE_UPPER, high));
    }
}

static int setup(void **state) {
    (void)state;
    sp_rng_init(&rng, sp_test_seed());
    return 0;
}

/* Lines of every published rule. */
static void published_rules_hold(void **state) {
    (void)state;
    static const sp_activation_kind kinds[] = {[SIGMOID] = SP_ACTIVATION_SIGMOID,
                                               [TANH] = SP_ACTIVATION_TANH,
                                               [RELU] = SP_ACTIVATION_RELU,
                                               [SQUARE] = SP_ACTIVATION_SQUARE,
                                               [LOG] = SP_ACTIVATION_LOG};
    for (int i = 0; i < trials(3000); i++) {
        const curve f = (curve)(i % CURVES);
        const sp_line_rule rule = (sp_line_rule)(i / CURVES % (SP_LINE_RULE_BOX + 1));
        const sp_activation activation = {.kind = kinds[f]};
        const sp_iv x = random_domain(f);
        const sp_line_pair lines = sp_line_rule_lines(rule, activation, x);
        assert_true(sound(f, x, lines.lower, SIDE_LOWER));
        assert_true(sound(f, x, lines.upper, SIDE_UPPER));
        const bool parallel = rule == SP_LINE_RULE_CHORD || rule == SP_LINE_RULE_LEAST ||
                              rule == SP_LINE_RULE_END || rule == SP_LINE_RULE_BOX;
        assert_true(!parallel || lines.lower.w == lines.upper.w);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ranges_hold),
        cmocka_unit_test(product_ranges_hold),
        cmocka_unit_test(lines_are_sound_everywhere),
        cmocka_unit_test(sigmoid_lines_reach_the_envelope),
        cmocka_unit_test(cases_of_figure_4),
        cmocka_unit_test(cases_of_the_relu),
        cmocka_unit_test(tanh_lines_are_odd),
        cmocka_unit_test(points_give_their_value),
        cmocka_unit_test(what_is_not_finite_gives_no_information),
        cmocka_unit_test(the_check_sees_a_wrong_line),
        cmocka_unit_test(published_rules_hold),
    };
    return cmocka_run_group_tests_name("lines", tests, setup, NULL);
}
