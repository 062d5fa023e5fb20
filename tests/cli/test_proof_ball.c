/* What the checker of certificates takes as the least value of f(x) q(y) - a x - b y over a box is
 * nowhere above it, and hardly below; the same of the most. */
#include "checker/ball.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/support/support.h"

enum { GRID = 60 };
static const ck_curve functions[] = {
    {.kind = CK_SIGMOID},
    {.kind = CK_TANH},
    {.kind = CK_RECTIFIER},
    {.kind = CK_IDENTITY},
    {.kind = CK_HARD_SIGMOID, .alpha = 0.2, .beta = 0.5},
    {.kind = CK_HARD_SIGMOID, .alpha = 1.0 / 6.0, .beta = 0.5},
};
enum { FUNCTIONS = sizeof functions / sizeof functions[0] };

static double plain(ck_curve f, double x) {
    switch (f.kind) {
    case CK_SIGMOID:
        return 1.0 / (1.0 + exp(-x));
    case CK_TANH:
        return tanh(x);
    case CK_RECTIFIER:
        return fmax(x, 0.0);
    case CK_HARD_SIGMOID:
        return fmin(fmax(f.alpha * x + f.beta, 0.0), 1.0);
    case CK_IDENTITY:
        break;
    }
    return x;
}

static ck_range random_range(sp_rng *rng) {
    const double size = sp_rng_uniform(rng, 0.0, 1.0) < 0.5 ? 1.0 : 8.0;
    const double a = sp_rng_uniform(rng, -size, size), b = sp_rng_uniform(rng, -size, size);
    return (ck_range){fmin(a, b), fmax(a, b)};
}

static void least_and_most_values_contain_all_others(void **state) {
    (void)state;
    const uint64_t seed = sp_test_seed();
    const size_t rounds = sp_test_long() ? 4000 : 240;
    for (size_t k = 0; k < rounds; k++) {
        sp_rng rng;
        sp_rng_init(&rng, seed + k);
        const ck_curve f = functions[k % FUNCTIONS];
        const ck_curve q = functions[k / FUNCTIONS % 2 == 0 ? 1 : 3];
        const bool single = k % 5 == 0;
        const ck_range x = random_range(&rng),
                       y = single ? (ck_range){1.0, 1.0} : random_range(&rng);
        const double a = sp_rng_uniform(&rng, -1.0, 1.0);
        const double b = single ? 0.0 : sp_rng_uniform(&rng, -1.0, 1.0);
        const double least = ck_least(f, x, q, y, a, b), most = ck_most(f, x, q, y, a, b);
        const ck_range range = ck_product(f, x, q, y);
        double lowest = INFINITY, highest = -INFINITY;
        for (int i = 0; i <= GRID; i++) {
            for (int j = 0; j <= (single ? 0 : GRID); j++) {
                const double u = x.lo + (x.hi - x.lo) * i / GRID;
                const double v = y.lo + (y.hi - y.lo) * j / GRID;
                const double product = plain(f, u) * plain(q, v), g = product - a * u - b * v;
                lowest = fmin(lowest, g);
                highest = fmax(highest, g);
                assert_true(product >= range.lo - 1e-14 && product <= range.hi + 1e-14);
            }
        }
        /* a grid misses the ends by its width times slopes of at most 1 times 8, twice */
        const double width = (x.hi - x.lo + y.hi - y.lo) / GRID;
        if (!(least <= lowest + 1e-13 && least >= lowest - 1e-8 - 8.0 * width * width) ||
            !(most >= highest - 1e-13 && most <= highest + 1e-8 + 8.0 * width * width)) {
            const bool kink = f.kind == CK_RECTIFIER || f.kind == CK_HARD_SIGMOID;
            if (!kink || !(least <= lowest + 1e-13 && most >= highest - 1e-13) ||
                !(least >= lowest - 16.0 * width && most <= highest + 16.0 * width)) {
                fail_msg("seed %llu: %.17g is the least of the grid, %.17g bounds it; most %.17g, "
                         "%.17g",
                         (unsigned long long)(seed + k), lowest, least, highest, most);
            }
        }
    }
}

/* Where a function bends or has a kink, the chord is off by what is said. */
static void functions_lie_as_near_to_their_chords_as_is_said(void **state) {
    (void)state;
    const uint64_t seed = sp_test_seed();
    const size_t rounds = sp_test_long() ? 20000 : 2000;
    for (size_t k = 0; k < rounds; k++) {
        sp_rng rng;
        sp_rng_init(&rng, seed + k);
        const ck_curve f = functions[k % FUNCTIONS];
        const double x = sp_rng_uniform(&rng, -6.0, 6.0), h = sp_rng_uniform(&rng, 0.0, 4.0);
        const ck_range ends = {ck_value(f, x).lo, ck_value(f, x + h).hi};
        const ck_range off = from_chord(f, ends, h);
        for (int i = 0; i <= GRID; i++) {
            const double part = (double)i / GRID;
            const double chord = (1.0 - part) * plain(f, x) + part * plain(f, x + h);
            const double here = plain(f, x + part * h) - chord;
            if (!(here >= off.lo - 1e-14 && here <= off.hi + 1e-14)) {
                fail_msg("seed %llu: %.17g is outside of %.17g .. %.17g",
                         (unsigned long long)(seed + k), here, off.lo, off.hi);
            }
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(least_and_most_values_contain_all_others),
        cmocka_unit_test(functions_lie_as_near_to_their_chords_as_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
