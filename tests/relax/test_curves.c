/* Every row of curve_list.h: ranges and lines contain the values, slopes are derivatives, domains
 * that are none give no information. A new row is tested by standing there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <float.h>

#include "relax/line/line_activation.h"
#include "relax/rules.h"
#include "tests/relax/check.h"

enum { GRID = 40 };

static int trials(int n) {
    return sp_test_sanitized() ? n / 10 : sp_test_long() ? 20 * n : n;
}

static sp_activation random_curve(sp_rng *rng, size_t kind) {
    const double sign = sp_rng_below(rng, 3) == 0 ? -1.0 : 1.0;
    return (sp_activation){(sp_activation_kind)kind,
                           sign * sp_rng_uniform(rng, 0.0, 2.0) *
                               (sp_rng_below(rng, 8) == 0 ? 0.0 : 1.0),
                           sp_rng_normal(rng)};
}

/* An interval inside the domain of f, of any width and size. */
static sp_iv random_domain(sp_rng *rng, sp_activation f) {
    const double least = sp_activation_least(f.kind);
    sp_iv x = check_random_iv(rng);
    if (sp_rng_below(rng, 4) == 0) {
        x.lo = 0.0;
        x.hi = fabs(x.hi);
    }
    if (isfinite(least)) { // shifted above it
        const double width = fmin(x.hi - x.lo, 0x1p300);
        x.lo = least + fmax(fmin(fabs(x.lo), 0x1p300), 0x1p-300);
        x.hi = x.lo + width;
    }
    return x;
}

/* Where things happen: the ends, a grid, and the kinks that are inside. */
static size_t points_of(double *at, sp_iv x, sp_activation f) {
    const double kinks[] = {0.0,
                            -0x1p-1074,
                            0x1p-1074,
                            f.alpha,
                            f.beta,
                            -f.beta / f.alpha,
                            (1.0 - f.beta) / f.alpha,
                            1.0 / f.alpha,
                            -1.0 / f.alpha,
                            2.4 / f.alpha,
                            -2.4 / f.alpha};
    size_t n = 0;
    for (size_t k = 0; k <= GRID; k++) {
        at[n++] = check_clamp(x.lo + (x.hi - x.lo) * ((double)k / GRID), x);
    }
    for (size_t k = 0; k < sizeof kinks / sizeof kinks[0]; k++) {
        if (kinks[k] >= x.lo && kinks[k] <= x.hi) {
            at[n++] = kinks[k];
        }
    }
    return n;
}

/* What the value in doubles may be off by: a libm result, or sums of products of the parameters. */
static long double slack_of(sp_activation f, double x, long double v) {
    const bool shaped =
        f.kind >= SP_ACTIVATION_CLIP; // relax/shape.h says what their values are off
    const long double size = fabsl(v) + (shaped ? fabs(x) : 0.0L) +
                             (sp_activation_parameters(f.kind) > 0
                                  ? fabsl((long double)f.alpha * x) + fabs(f.alpha) + fabs(f.beta)
                                  : 0.0L);
    return 0x1p-50L * size + 0x1p-1020L; // exp overflows on the way to a sigmoid below it
}

static void check_lines(sp_activation f, sp_iv x, sp_line_pair pair, const char *what) {
    double at[GRID + 20];
    const size_t n = points_of(at, x, f);
    const sp_iv range = sp_activation_range(f, x);
    for (size_t k = 0; k < n; k++) {
        if (!isfinite(sp_activation_value(f, at[k]))) {
            continue; // beyond doubles
        }
        const long double v = sp_activation_value(f, at[k]), slack = slack_of(f, at[k], v);
        const long double low = (long double)pair.lower.w * at[k] + pair.lower.c;
        const long double up = (long double)pair.upper.w * at[k] + pair.upper.c;
        if (!(low <= v + slack && v - slack <= up && range.lo <= v + slack &&
              v - slack <= range.hi)) {
            fail_msg("%s, %s (%a, %a) on [%a, %a]: %La, %La, %La at %a", sp_activation_name(f.kind),
                     what, f.alpha, f.beta, x.lo, x.hi, low, v, up, at[k]);
        }
    }
}

static void ranges_and_lines_contain_the_values(void **state) {
    (void)state;
    sp_rng rng;
    sp_rng_init(&rng, sp_test_seed());
    for (int i = 0; i < trials(1500); i++) {
        for (size_t kind = 0; kind < SP_ACTIVATION_KINDS; kind++) {
            const sp_activation f = random_curve(&rng, kind);
            const sp_iv x = random_domain(&rng, f);
            const double m = x.lo + (x.hi - x.lo) * sp_rng_uniform(&rng, -0.2, 1.2);
            check_lines(f, x, sp_activation_lines(f, x, m), "lines at an anchor");
            for (size_t k = 0; k < 4; k++) {
                check_lines(f, x, sp_line_spread(f, x, k), "lines of a menu");
            }
        }
    }
}

static bool rule_is_parallel(int rule) {
    return rule == SP_LINE_RULE_CHORD || rule == SP_LINE_RULE_LEAST || rule == SP_LINE_RULE_END ||
           rule == SP_LINE_RULE_BOX;
}

/* Of every curve, not only of those that the papers speak of. */
static void lines_of_published_rules_contain_the_values(void **state) {
    (void)state;
    sp_rng rng;
    sp_rng_init(&rng, sp_test_seed() + 3);
    for (int i = 0; i < trials(600); i++) {
        for (size_t kind = 0; kind < SP_ACTIVATION_KINDS; kind++) {
            const sp_activation f = random_curve(&rng, kind);
            const sp_iv x = random_domain(&rng, f);
            for (int rule = SP_LINE_RULE_OWN; rule <= SP_LINE_RULE_BOX; rule++) {
                const sp_line_pair pair = sp_line_rule_lines((sp_line_rule)rule, f, x);
                check_lines(f, x, pair, "lines of a rule");
                assert_true(!rule_is_parallel(rule) || kind == SP_ACTIVATION_AFFINE ||
                            pair.lower.w == pair.upper.w);
            }
        }
    }
}

/* On an interval of next to no width the lines are next to the function. */
static void lines_are_near_the_function(void **state) {
    (void)state;
    sp_rng rng;
    sp_rng_init(&rng, sp_test_seed() + 1);
    for (int i = 0; i < trials(300); i++) {
        for (size_t kind = 0; kind < SP_ACTIVATION_KINDS; kind++) {
            const sp_activation f = random_curve(&rng, kind);
            const double at = fmax(2.0 * sp_rng_normal(&rng), sp_activation_least(f.kind) + 0.1);
            const sp_iv x = {at, at + 1e-7};
            const sp_line_pair pair = sp_activation_lines(f, x, at);
            const double v = sp_activation_value(f, at);
            assert_true(fabs(pair.lower.w * at + pair.lower.c - v) <= 1e-5);
            assert_true(fabs(pair.upper.w * at + pair.upper.c - v) <= 1e-5);
            const double near = 1e-5 + 1e-6 * fabs(pair.upper.w); // a box loses slope times width
            for (int rule = SP_LINE_RULE_OWN; rule <= SP_LINE_RULE_BOX; rule++) {
                const sp_line_pair of = sp_line_rule_lines((sp_line_rule)rule, f, x);
                assert_true(fabs(of.lower.w * at + of.lower.c - v) <= near);
                assert_true(fabs(of.upper.w * at + of.upper.c - v) <= near);
            }
        }
    }
}

static void slopes_are_derivatives(void **state) {
    (void)state;
    sp_rng rng;
    sp_rng_init(&rng, sp_test_seed() + 2);
    for (int i = 0; i < trials(300); i++) {
        for (size_t kind = 0; kind < SP_ACTIVATION_KINDS; kind++) {
            const sp_activation f = random_curve(&rng, kind);
            const double x = fmax(2.0 * sp_rng_normal(&rng), sp_activation_least(f.kind) + 0.1);
            const double d = 1e-6, u = f.alpha * x + f.beta;
            const double left = sp_activation_value(f, x - d), at = sp_activation_value(f, x);
            const double right = sp_activation_value(f, x + d);
            const bool kink =
                fmin(fmin(fmin(fabs(u), fabs(u - 1.0)), fmin(fabs(x), fabs(x - f.alpha))),
                     fabs(x - f.beta)) < (f.kind == SP_ACTIVATION_SQRT ? 0.1 : 1e-4);
            const sp_line line = sp_activation_tangent(f, x);
            assert_true(fabs(line.w * x + line.c - at) <= 1e-14 * (1.0 + fabs(at)));
            if (!(kink || fabs(line.w - (right - left) / (2.0 * d)) <= 1e-6 * (1.0 + fabs(x)))) {
                fail_msg("%s (%a, %a) at %a: slope %a", sp_activation_name(f.kind), f.alpha, f.beta,
                         x, line.w);
            }
        }
    }
}

static void domains_that_are_none_give_no_information(void **state) {
    (void)state;
    const sp_iv bad[4] = {{NAN, 1.0}, {1.0, 0.0}, {-INFINITY, 1.0}, {1.0, INFINITY}};
    for (size_t kind = 0; kind < SP_ACTIVATION_KINDS; kind++) {
        const sp_activation f = {(sp_activation_kind)kind, 0.2, 0.5};
        for (size_t i = 0; i < 4; i++) {
            const sp_line_pair pair = sp_activation_lines(f, bad[i], 0.5);
            assert_true(pair.lower.w == 0.0 && pair.lower.c == -INFINITY);
            assert_true(pair.upper.w == 0.0 && pair.upper.c == INFINITY);
            assert_true(sp_activation_range(f, bad[i]).lo == -INFINITY);
        }
        const double least = sp_activation_least(f.kind);
        if (isfinite(least)) {
            const sp_iv outside = {least - 1.0, least + 1.0};
            assert_true(sp_activation_range(f, outside).lo == -INFINITY);
            assert_true(sp_activation_lines(f, outside, least + 0.5).lower.c == -INFINITY);
        }
    }
    assert_null(sp_activation_name((sp_activation_kind)SP_ACTIVATION_KINDS));
}

/* The first lines of tanh are the tangents of DeepCert's three cases on intervals that are not
 * wide, and the lines in the middle on others. */
static void first_lines_of_tanh_are_tangents(void **state) {
    (void)state;
    static const struct {
        double lo, hi, lower_w, lower_c, upper_w, upper_c;
    } cases[] = {{-2.0, -0.5, 0.334606949, -0.432966287, 0.334606949, -0.294813683},
                 {0.5, 2.0, 0.334606949, 0.294813683, 0.334606949, 0.432966287},
                 {-1.0, 1.0, 0.816218753, -0.054624597, 0.816218753, 0.054624597}};
    const sp_activation f = {.kind = SP_ACTIVATION_TANH};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const sp_iv x = {cases[i].lo, cases[i].hi};
        const sp_line_pair pair = sp_line_spread(f, x, 0);
        assert_true(fabs(pair.lower.w - cases[i].lower_w) <= 1e-8);
        assert_true(fabs(pair.lower.c - cases[i].lower_c) <= 1e-8);
        assert_true(fabs(pair.upper.w - cases[i].upper_w) <= 1e-8);
        assert_true(fabs(pair.upper.c - cases[i].upper_c) <= 1e-8);
    }
    sp_rng rng;
    sp_rng_init(&rng, sp_test_seed() + 8);
    for (int i = 0; i < trials(3000); i++) {
        const double at = 2.0 * sp_rng_normal(&rng), width = exp(sp_rng_uniform(&rng, -8.0, 2.0));
        const sp_iv x = {at, at + width};
        const sp_line_pair middle = sp_activation_lines(f, x, NAN), pair = sp_line_spread(f, x, 0);
        const sp_line_pair last = sp_line_spread(f, x, 3);
        check_lines(f, x, pair, "first lines");
        assert_memory_equal(&last, &middle, sizeof last);
        if (x.hi - x.lo > SP_LINE_STEEP) {
            assert_memory_equal(&pair, &middle, sizeof pair);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ranges_and_lines_contain_the_values),
        cmocka_unit_test(lines_of_published_rules_contain_the_values),
        cmocka_unit_test(lines_are_near_the_function),
        cmocka_unit_test(slopes_are_derivatives),
        cmocka_unit_test(domains_that_are_none_give_no_information),
        cmocka_unit_test(first_lines_of_tanh_are_tangents),
    };
    return cmocka_run_group_tests_name("relax/curves", tests, NULL, NULL);
}
