/* The routine that makes lines out of values, slopes and bends: as tight as the convex envelope,
 * and as the closed forms where there are some. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <float.h>

#include "relax/line/line_activation.h"
#include "tests/relax/check.h"

enum { GRID = 2000 };

static int trials(int n) {
    return sp_test_sanitized() ? n / 10 : sp_test_long() ? 20 * n : n;
}

/* Point k of a grid that meets the ends and the kinks of f. */
static double point(sp_activation f, sp_iv x, size_t k) {
    const double kinks[] = {0.0, f.alpha, f.beta, -f.beta / f.alpha, (1.0 - f.beta) / f.alpha};
    const double step = (x.hi - x.lo) / GRID, at = check_clamp(x.lo + step * (double)k, x);
    for (size_t i = 0; i < sizeof kinks / sizeof *kinks && k > 0 && k < GRID; i++) {
        if (fabs(kinks[i] - at) < 0.5 * step && kinks[i] >= x.lo && kinks[i] <= x.hi) {
            return kinks[i];
        }
    }
    return at;
}

static double sample(sp_activation f, sp_iv x, size_t k) {
    return sp_activation_value(f, point(f, x, k));
}

/* The convex envelope at m of sign f over a grid: the lowest chord over m. */
static double envelope(sp_activation f, double sign, sp_iv x, double m) {
    double at[GRID + 1], value[GRID + 1];
    size_t hull[GRID + 1], n = 0;
    for (size_t k = 0; k <= GRID; k++) {
        at[k] = point(f, x, k);
        value[k] = sign * sample(f, x, k);
        while (n > 1 && (value[hull[n - 1]] - value[hull[n - 2]]) * (at[k] - at[hull[n - 1]]) >=
                            (value[k] - value[hull[n - 1]]) * (at[hull[n - 1]] - at[hull[n - 2]])) {
            n--;
        }
        hull[n++] = k;
    }
    for (size_t i = 1; i < n; i++) {
        const double a = at[hull[i - 1]], b = at[hull[i]];
        if (m <= b) {
            return value[hull[i - 1]] + (value[hull[i]] - value[hull[i - 1]]) / (b - a) * (m - a);
        }
    }
    return value[GRID];
}

/* Rows whose lines come out of their shape, with numbers that put something inside. */
static sp_activation shaped(sp_rng *rng, size_t kind) {
    sp_activation f = {(sp_activation_kind)kind, sp_rng_uniform(rng, -2.0, 2.0),
                       sp_rng_uniform(rng, -1.0, 1.0)};
    if (kind == SP_ACTIVATION_CLIP) {
        f.beta = f.alpha + sp_rng_uniform(rng, 0.0, 2.0);
    }
    return f;
}

/* An interval of the curve's domain, not at its very end. */
static sp_iv random_box(sp_rng *rng, sp_activation f) {
    const double least = sp_activation_least(f.kind), at = sp_rng_uniform(rng, -6.0, 5.0);
    const double lo = isfinite(least) ? least + 0.05 + fabs(at) : at;
    return (sp_iv){lo, lo + exp(sp_rng_uniform(rng, -3.0, 2.0))};
}

/* At least the second derivative. */
static double bend_of(sp_activation f, sp_iv x) {
    switch (f.kind) {
    case SP_ACTIVATION_EXP:
        return exp(x.hi);
    case SP_ACTIVATION_RECIPROCAL:
        return 2.0 / (x.lo * x.lo * x.lo);
    case SP_ACTIVATION_RSQRT:
        return 0.75 / (x.lo * x.lo * sqrt(x.lo));
    default:
        return 80.0 * (1.0 + fabs(f.alpha * x.lo)) * (1.0 + fabs(x.lo) + (x.hi - x.lo));
    }
}

static void lines_are_as_high_as_the_envelope(void **state) {
    (void)state;
    sp_rng rng;
    sp_rng_init(&rng, sp_test_seed());
    for (int i = 0; i < trials(150); i++) {
        for (size_t kind = SP_ACTIVATION_CLIP; kind < SP_ACTIVATION_KINDS; kind++) {
            const sp_activation f = shaped(&rng, kind);
            const sp_iv x = random_box(&rng, f);
            const double m = check_random_in(&rng, x);
            if (f.kind == SP_ACTIVATION_DIFFERS) {
                continue; // no grid meets its one point
            }
            const sp_line_pair pair = sp_activation_lines(f, x, m);
            const double low = envelope(f, 1.0, x, m), up = -envelope(f, -1.0, x, m);
            const double below = pair.lower.w * m + pair.lower.c;
            const double above = pair.upper.w * m + pair.upper.c;
            const double v = sp_activation_value(f, m), width = x.hi - x.lo;
            // the chords of a grid lie above the envelope by its step, squared
            const double grid = 0.125 * width * width / GRID / GRID * bend_of(f, x);
            if (!(low - below <= 1e-3 * (v - below) + grid + 1e-12 &&
                  above - up <= 1e-3 * (above - v) + grid + 1e-12)) {
                fail_msg("%s (%g, %g) on [%g, %g] at %g: %.12g below %.12g, %.12g above %.12g",
                         sp_activation_name(f.kind), f.alpha, f.beta, x.lo, x.hi, m, below, low,
                         above, up);
            }
        }
    }
}

/* sigma, tanh, the square and the logarithm have lines of their own. */
static void closed_forms_and_shapes_give_the_same_lines(void **state) {
    (void)state;
    const struct {
        sp_activation_kind kind;
        sp_shape shape;
    } of[] = {{SP_ACTIVATION_SIGMOID, sp_shape_turning(1, 0.0, -1, 0.25)},
              {SP_ACTIVATION_TANH, sp_shape_turning(1, 0.0, -1, 1.0)},
              {SP_ACTIVATION_RELU, sp_shape_turning(0, 0.0, 0, 1.0)},
              {SP_ACTIVATION_SQUARE, sp_shape_even(1, 40.0)},
              {SP_ACTIVATION_LOG, sp_shape_even(-1, 100.0)}};
    sp_rng rng;
    sp_rng_init(&rng, sp_test_seed() + 1);
    for (int i = 0; i < trials(1000); i++) {
        for (size_t k = 0; k < sizeof of / sizeof *of; k++) {
            const sp_activation f = {.kind = of[k].kind};
            sp_iv x = check_random_plain(&rng);
            if (f.kind == SP_ACTIVATION_LOG) {
                x = (sp_iv){fabs(x.lo) + 0.01, fabs(x.lo) + 0.01 + (x.hi - x.lo)};
            }
            const double m = check_random_in(&rng, x), v = sp_activation_value(f, m);
            const sp_line_pair own = sp_activation_lines(f, x, m);
            const sp_line_pair pair = sp_shape_lines(f, of[k].shape, x, m);
            const double gap = v - (own.lower.w * m + own.lower.c);
            const double other = own.upper.w * m + own.upper.c - v;
            assert_true(v - (pair.lower.w * m + pair.lower.c) <= gap + 1e-3 * gap + 1e-10);
            assert_true(pair.upper.w * m + pair.upper.c - v <= other + 1e-3 * other + 1e-10);
            for (size_t n = 0; n <= 50; n++) {
                const double at = check_clamp(x.lo + (x.hi - x.lo) * ((double)n / 50.0), x);
                const double value = sp_activation_value(f, at);
                assert_true(pair.lower.w * at + pair.lower.c <= value + 1e-15 * fabs(value));
                assert_true(pair.upper.w * at + pair.upper.c >= value - 1e-15 * fabs(value));
            }
        }
    }
}

/* A range is as wide as what the values take, but for rounding. */
static void ranges_are_those_of_the_values(void **state) {
    (void)state;
    sp_rng rng;
    sp_rng_init(&rng, sp_test_seed() + 2);
    for (int i = 0; i < trials(300); i++) {
        for (size_t kind = SP_ACTIVATION_CLIP; kind < SP_ACTIVATION_KINDS; kind++) {
            const sp_activation f = shaped(&rng, kind);
            const sp_iv x = random_box(&rng, f);
            const sp_iv range = sp_activation_range(f, x);
            sp_iv seen = {INFINITY, -INFINITY};
            for (size_t k = 0; k <= GRID; k++) {
                const double v = sample(f, x, k);
                seen.lo = fmin(seen.lo, v);
                seen.hi = fmax(seen.hi, v);
            }
            const double kinks[] = {0.0, f.alpha, f.beta, -f.beta / f.alpha,
                                    (1.0 - f.beta) / f.alpha};
            for (size_t k = 0; k < sizeof kinks / sizeof *kinks; k++) {
                if (kinks[k] >= x.lo && kinks[k] <= x.hi) {
                    const double v = sp_activation_value(f, kinks[k]);
                    seen.lo = fmin(seen.lo, v);
                    seen.hi = fmax(seen.hi, v);
                }
            }
            const double slack = 1e-5 * (x.hi - x.lo) * (1.0 + seen.hi - seen.lo);
            if (!(range.lo <= seen.lo && seen.lo - range.lo <= slack && range.hi >= seen.hi &&
                  range.hi - seen.hi <= slack)) {
                fail_msg("%s (%g, %g) on [%g, %g]: range [%.17g, %.17g], seen [%.17g, %.17g]",
                         sp_activation_name(f.kind), f.alpha, f.beta, x.lo, x.hi, range.lo,
                         range.hi, seen.lo, seen.hi);
            }
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_are_as_high_as_the_envelope),
        cmocka_unit_test(closed_forms_and_shapes_give_the_same_lines),
        cmocka_unit_test(ranges_are_those_of_the_values),
    };
    return cmocka_run_group_tests_name("relax/shape", tests, NULL, NULL);
}
