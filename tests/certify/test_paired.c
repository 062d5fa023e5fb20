/* Statistics of comparisons: quantiles, deviations and Wilcoxon's signed-rank test. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "certify/study/study.h"
#include "tests/support/support.h"

enum { MOST = 200 };

static sp_paired pairs(const double *a, const double *b, size_t count) {
    sp_paired paired;
    assert_int_equal(sp_paired_test(NULL, &paired, a, b, count), SP_OK);
    return paired;
}

/* Ten pairs, of which one is equal; p by all 2^9 signs. */
static void known_values(void **state) {
    (void)state;
    static const double a[] = {125, 115, 130, 140, 140, 115, 140, 125, 140, 135},
                        b[] = {110, 122, 125, 120, 140, 124, 123, 137, 135, 145};
    const sp_paired paired = pairs(a, b, 10);
    assert_int_equal(paired.pairs, 10);
    assert_int_equal(paired.larger, 5);
    assert_int_equal(paired.smaller, 4);
    assert_int_equal(paired.equal, 1);
    assert_true(paired.exact);
    assert_true(paired.rank_sum == 18.0);
    assert_true(paired.p == 0.6328125);
    sp_paired_spread spread;
    static const double values[] = {4.0, NAN, 1.0, 2.0, INFINITY, 3.0};
    assert_int_equal(sp_paired_spread_of(NULL, &spread, values, 6), SP_OK);
    assert_int_equal(spread.count, 4);
    assert_true(fabs(spread.mean - 2.5) < 1e-15);
    assert_true(fabs(spread.deviation - sqrt(5.0 / 3.0)) < 1e-15);
    assert_true(fabs(spread.quantile[0] - 1.15) < 1e-12);
    assert_true(fabs(spread.quantile[1] - 1.75) < 1e-12);
    assert_true(fabs(spread.quantile[2] - 2.5) < 1e-12);
    assert_true(fabs(spread.quantile[4] - 3.85) < 1e-12);
}

/* The ranks of |d| by counting, and all 2^n signs one by one. */
static double slow_p(const double *d, size_t n) {
    double rank[16], plus = 0.0, all = 0.0;
    size_t below = 0, above = 0;
    for (size_t i = 0; i < n; i++) {
        double smaller = 0.0, same = 0.0;
        for (size_t j = 0; j < n; j++) {
            smaller += fabs(d[j]) < fabs(d[i]);
            same += fabs(d[j]) == fabs(d[i]);
        }
        rank[i] = smaller + 0.5 * (same + 1.0);
        plus += d[i] > 0.0 ? rank[i] : 0.0;
        all += rank[i];
    }
    for (size_t signs = 0; signs < (size_t)1 << n; signs++) {
        double sum = 0.0;
        for (size_t i = 0; i < n; i++) {
            sum += signs >> i & 1u ? rank[i] : 0.0;
        }
        below += sum <= plus;
        above += sum >= plus;
    }
    const double less = (double)(below < above ? below : above) / (double)((size_t)1 << n);
    return fmin(1.0, 2.0 * less);
}

static void small_samples_are_tested_exactly(void **state) {
    (void)state;
    sp_rng rng;
    sp_rng_init(&rng, sp_test_seed());
    for (int round = 0; round < 60; round++) {
        const size_t n = 1 + sp_rng_below(&rng, 12);
        double a[16], b[16] = {0.0};
        for (size_t i = 0; i < n; i++) { // few sizes: many are equal
            a[i] = ((double)sp_rng_below(&rng, round % 2 ? 4 : 1000) + 1.0) *
                   (sp_rng_below(&rng, 3) ? 1.0 : -1.0);
        }
        const sp_paired paired = pairs(a, b, n), other = pairs(b, a, n);
        assert_true(paired.exact);
        assert_true(fabs(paired.p - slow_p(a, n)) < 1e-12);
        assert_true(paired.p == other.p);
        assert_true(paired.rank_sum == other.rank_sum);
        assert_int_equal(paired.larger, other.smaller);
    }
}

static void expect_near(double value, double expected) {
    assert_true(fabs(value - expected) <= 1e-9 * expected);
}

/* SciPy's p of 50 differences, exactly, and of 51 and 200 by the normal distribution. */
static void large_samples_are_taken_for_normal(void **state) {
    (void)state;
    double a[MOST], b[MOST] = {0.0};
    for (size_t i = 0; i < MOST; i++) { // distinct sizes; three of ten are negative
        a[i] = (1.0 + (double)i) * (i % 10 < 7 ? 1.0 : -1.0);
    }
    assert_true(pairs(a, b, 50).exact);
    assert_false(pairs(a, b, 51).exact);
    expect_near(pairs(a, b, 50).p, 0.05060520369320898);
    expect_near(pairs(a, b, 51).p, 0.032585757035245785);
    expect_near(pairs(a, b, MOST).p, 3.337934319736726e-06);
    for (size_t i = 0; i < MOST; i++) { // seven of a size
        a[i] = (1.0 + (double)(i / 7)) * (i % 10 < 7 ? 1.0 : -1.0);
    }
    expect_near(pairs(a, b, MOST).p, 3.3565556368708542e-06);
    assert_true(pairs(a, b, MOST).rank_sum == 6241.5);
    for (size_t i = 0; i < MOST; i++) {
        a[i] = i % 2 ? 1.0 : -1.0;
    }
    assert_true(fabs(pairs(a, b, MOST).p - 1.0) < 1e-12); // all are equal
}

static void nothing_to_test_has_no_p(void **state) {
    (void)state;
    static const double same[] = {1.0, 2.0, 3.0}, gaps[] = {NAN, INFINITY, -INFINITY};
    assert_true(isnan(pairs(same, same, 3).p));
    assert_int_equal(pairs(same, same, 3).equal, 3);
    assert_true(isnan(pairs(same, gaps, 3).p));
    assert_int_equal(pairs(same, gaps, 3).pairs, 0);
    assert_true(isnan(pairs(same, gaps, 0).difference.mean));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_values),
        cmocka_unit_test(small_samples_are_tested_exactly),
        cmocka_unit_test(large_samples_are_taken_for_normal),
        cmocka_unit_test(nothing_to_test_has_no_p),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
