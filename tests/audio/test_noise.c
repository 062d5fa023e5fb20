/* The support functions of noise sets against exact arithmetic and their members, and padding. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>

#include "audio/audio.h"
#include "tests/support/arb.h"
#include "tests/support/support.h"

enum { N = 3000 };

static void boxes_are_checked(void **state) {
    (void)state;
    const double bad[] = {-1.0, NAN, INFINITY, -INFINITY};
    sp_error err;
    sp_noise noise;
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(sp_noise_box(&err, &noise, 3, bad[i]), SP_E_ARGUMENT);
        assert_null(noise.radius);
    }
    assert_int_equal(sp_noise_box(&err, &noise, 0, 1.0), SP_E_ARGUMENT);
    assert_int_equal(sp_noise_box(&err, &noise, SIZE_MAX, 1.0), SP_E_MEMORY);
    assert_int_equal(sp_noise_box(&err, &noise, 3, 0.7), SP_OK);
    assert_true(noise.n == 3 && noise.radius[0] == 0.7 && noise.radius[2] == 0.7);
    sp_noise_clear(&noise);
    assert_null(noise.radius);
}

/* exact - sum |c_i| r_i over the part of the range that is noisy. */
static void exact(arb_t sum, const sp_noise *noise, const double *c, size_t first, size_t count) {
    arb_zero(sum);
    for (size_t i = 0; i < count && first + i < noise->n; i++) {
        sp_arb_addmul_d(sum, fabs(c[i]), noise->radius[first + i]);
    }
}

static void support_is_rounded_up(void **state) {
    (void)state;
    const size_t rounds = sp_test_long() ? 5000 : sp_test_sanitized() ? 60 : 400;
    double *c = malloc(N * sizeof *c);
    sp_rng rng;
    arb_t truth, slack;
    assert_non_null(c);
    sp_rng_init(&rng, sp_test_seed());
    arb_init(truth);
    arb_init(slack);
    for (size_t round = 0; round < rounds; round++) {
        static const double sizes[] = {1.0, 1e-160, 1e150, 0x1p-1074};
        const size_t n = 1 + sp_rng_below(&rng, N), first = sp_rng_below(&rng, n);
        const size_t count = sp_rng_below(&rng, N);
        sp_error err;
        sp_noise noise;
        assert_int_equal(sp_noise_box(&err, &noise, n, 1.0), SP_OK);
        for (size_t i = 0; i < n; i++) {
            noise.radius[i] = fabs(sp_rng_normal(&rng)) * sizes[round % 4];
        }
        for (size_t i = 0; i < count; i++) {
            c[i] = sp_rng_normal(&rng) * sizes[round / 4 % 4];
        }
        const double support = sp_noise_support(&noise, c, first, count);
        exact(truth, &noise, c, first, count);
        arb_set_d(slack, 1.0 + 1e-12);
        arb_mul(slack, slack, truth, SP_ARB_BITS);
        sp_arb_addmul_d(slack, 0x1p-1060, 1.0);
        if (!sp_arb_le(truth, support) || !sp_arb_ge(slack, support)) {
            fail_msg("n %zu, first %zu, count %zu: %a instead of %a", n, first, count, support,
                     sp_arb_upper(truth));
        }
        assert_true(sp_noise_support(&noise, c, first, count) == support);
        sp_noise_clear(&noise);
    }
    free(c);
    arb_clear(truth);
    arb_clear(slack);
}

/* No member of the set reaches more: the worst corner and random members. */
static void members_stay_below(void **state) {
    (void)state;
    double c[64];
    sp_rng rng;
    sp_error err;
    sp_noise noise;
    arb_t dot;
    sp_rng_init(&rng, sp_test_seed() + 1);
    arb_init(dot);
    assert_int_equal(sp_noise_box(&err, &noise, 64, 0.3), SP_OK);
    for (size_t round = 0; round < 2000; round++) {
        double d[64];
        for (size_t i = 0; i < 64; i++) {
            c[i] = sp_rng_normal(&rng);
            d[i] = round % 2 == 0 ? copysign(0.3, c[i]) : sp_rng_uniform(&rng, -0.3, 0.3);
        }
        sp_arb_dot(dot, c, d, 64);
        assert_true(sp_arb_le(dot, sp_noise_support(&noise, c, 0, 64)));
    }
    sp_noise_clear(&noise);
    arb_clear(dot);
}

/* Lines and gains: the support is the larger of the two ends, rounded up; every member stays
 * inside the box around the set. */
static void lines_and_gains(void **state) {
    (void)state;
    enum { M = 200 };
    double c[M], x[M], d[M];
    sp_rng rng;
    arb_t dot;
    sp_rng_init(&rng, sp_test_seed() + 2);
    arb_init(dot);
    for (size_t round = 0; round < 400; round++) {
        const bool gain = round % 2 == 0;
        const double lo = sp_rng_uniform(&rng, -1.5, 1.0), hi = lo + sp_rng_uniform(&rng, 0.0, 1.0);
        sp_noise noise, copy;
        for (size_t i = 0; i < M; i++) {
            c[i] = sp_rng_normal(&rng);
            x[i] = i % 7 == 0 ? 0.0 : sp_rng_normal(&rng);
        }
        assert_int_equal(gain ? sp_noise_gain(NULL, &noise, x, M, lo, hi)
                              : sp_noise_line(NULL, &noise, x, M, lo, hi),
                         SP_OK);
        assert_int_equal(sp_noise_copy(NULL, &copy, &noise), SP_OK);
        const size_t first = sp_rng_below(&rng, M), count = sp_rng_below(&rng, M);
        const double support = sp_noise_support(&noise, c, first, count);
        assert_true(sp_noise_support(&copy, c, first, count) == support);
        double most = -INFINITY;
        for (int k = 0; k <= 8; k++) {
            const double a = k == 8 ? hi : lo + (hi - lo) * k / 8.0, f = gain ? expm1(a) : a;
            double sum = 0.0;
            for (size_t i = 0; i < M; i++) {
                d[i] = f * x[i];
                assert_true(fabs(d[i]) <= noise.radius[i] * (1.0 + 1e-15));
                sum += i < count && first + i < M ? c[i] * f * x[first + i] : 0.0;
            }
            most = fmax(most, sum);
        }
        assert_true(support >= most - 1e-13 * (1.0 + fabs(most)));
        assert_true(support <= most + 1e-11 * (1.0 + fabs(most)));
        if (!gain) { // exactly, at both ends
            const size_t m = count < M - first ? count : M - first;
            for (size_t i = 0; i < m; i++) {
                d[i] = c[i];
            }
            sp_arb_dot(dot, d, x + first, m);
            arb_t end;
            arb_init(end);
            arb_set_d(end, hi);
            arb_mul(end, end, dot, SP_ARB_BITS);
            assert_true(sp_arb_le(end, support));
            arb_clear(end);
        }
        sp_noise_clear(&noise);
        sp_noise_clear(&copy);
    }
    arb_clear(dot);
}

/* ---- every set of radii ---- */

enum { SET_N = 150, STEP = 40 };

static double plain_dot(const double *c, const double *d, size_t n) {
    double sum = 0.0;
    for (size_t i = 0; i < n; i++) {
        sum += c[i] * d[i];
    }
    return sum;
}

/* A point that the set says is its own, a little further in: such sets are convex around 0. */
static void draw_in(sp_rng *rng, const sp_noise *noise, const double *c, double *d) {
    const bool attained = sp_rng_below(rng, 2) == 0;
    for (size_t i = 0; i < noise->n; i++) {
        d[i] = attained ? c[i] + (sp_rng_below(rng, 2) == 0 ? sp_rng_normal(rng) : 0.0)
                        : 3.0 * sp_rng_normal(rng) * (sp_rng_below(rng, 3) == 0 ? 1.0 : 0.01);
    }
    if (attained) {
        noise->set->attain(d, d, noise->radius, noise->n);
    } else {
        noise->set->project(d, noise->radius, noise->n);
    }
    for (size_t i = 0; i < noise->n; i++) {
        assert_true(fabs(d[i]) <= noise->radius[i] * (1.0 + 1e-14));
        d[i] *= 1.0 - 1e-12;
    }
}

static void check_members(sp_rng *rng, const sp_noise *noise, const double *c) {
    const size_t n = noise->n;
    const double support = sp_noise_support(noise, c, 0, n);
    double d[SET_N], again[SET_N];
    arb_t dot;
    arb_init(dot);
    for (size_t k = 0; k < 20; k++) {
        draw_in(rng, noise, c, d);
        sp_arb_dot(dot, c, d, n);
        if (!sp_arb_le(dot, support)) {
            fail_msg("%s: support %a, attained %a", noise->set->name, support, sp_arb_upper(dot));
        }
        for (size_t i = 0; i < n; i++) {
            again[i] = d[i];
        }
        noise->set->project(again, noise->radius, n); // what is inside stays
        for (size_t i = 0; i < n; i++) {
            assert_true(fabs(again[i] - d[i]) <= 1e-12 * noise->radius[i]);
        }
    }
    noise->set->attain(d, c, noise->radius, n);
    assert_true(fabs(plain_dot(c, d, n) - support) <= 1e-11 * support + 1e-100);
    arb_clear(dot);
}

/* Steps of searches lie in the set and go up; sizes say how far out a noise is. */
static void check_steps(sp_rng *rng, const sp_noise *noise, const double *c) {
    const sp_noise_set *set = noise->set;
    const size_t n = noise->n;
    double d[SET_N], support = sp_noise_support(noise, c, 0, n);
    draw_in(rng, noise, c, d);
    assert_true(set->size(d, noise->radius, n) <= 1.0);
    set->attain(d, c, noise->radius, n);
    assert_true(support == 0.0 || fabs(set->size(d, noise->radius, n) - 1.0) <= 1e-11);
    set->ascend(d, c, noise->radius, n, 1 + sp_rng_below(rng, n));
    assert_true(set->size(d, noise->radius, n) <= 1.0 + 1e-11);
    assert_true(plain_dot(c, d, n) > 0.0 || support <= 1e-100);
    set->ascend(d, c, noise->radius, n, 1); // one sample is what attain moves
    assert_true(fabs(plain_dot(c, d, n) - support) <= 1e-11 * support + 1e-100);
    for (size_t i = 0; i < n; i++) {
        d[i] *= 3.0;
    }
    assert_true(support == 0.0 || fabs(set->size(d, noise->radius, n) - 3.0) <= 1e-11);
    d[0] = NAN;
    assert_true(set->size(d, noise->radius, n) == INFINITY);
    set->attain(d, c, noise->radius, n);
    d[n - 1] = noise->radius[n - 1] == 0.0 ? 1e-300 : INFINITY;
    assert_true(set->size(d, noise->radius, n) == INFINITY);
}

/* The support of a row that is met window by window; and of windows that each have a noise of
 * their own for the samples that they share: never below that of the samples themselves. */
static void check_windows(const sp_noise *noise, const double *c) {
    const sp_noise_set *set = noise->set;
    const double support = sp_noise_support(noise, c, 0, noise->n);
    double sum = 0.0, apart = 0.0, half[SET_N];
    size_t parts = 0;
    for (size_t first = 0; first < noise->n; first += STEP, parts++) {
        const size_t left = noise->n - first, n = left < STEP ? left : STEP;
        const size_t wide = left < 2 * STEP ? left : 2 * STEP;
        sum = set->gather(sum, c + first, noise->radius + first, n);
        for (size_t i = 0; i < wide; i++) { // all samples but the first are in two windows
            half[i] = first + i < STEP ? c[first + i] : 0.5 * c[first + i];
        }
        apart = set->gather(apart, half, noise->radius + first, wide);
    }
    const double met = set->finish(sum, noise->n, parts, 1);
    assert_true(fabs(met - support) <= 1e-12 * support);
    assert_true(set->finish(apart, 2 * noise->n, parts, 2) >= support * (1.0 - 1e-12));
}

static void sets_of_radii_contain_their_members(void **state) {
    (void)state;
    size_t count;
    const sp_noise_set *const *sets = sp_noise_sets(&count);
    sp_rng rng;
    sp_rng_init(&rng, sp_test_seed() + 3);
    for (size_t round = 0; round < count * 200; round++) {
        const sp_noise_set *set = sets[round % count];
        const size_t n = 1 + sp_rng_below(&rng, SET_N);
        const bool zeros = sp_rng_below(&rng, 2) == 0;
        sp_noise noise, copy, box;
        double c[SET_N];
        if (set->path) {
            continue;
        }
        assert_int_equal(sp_noise_of(NULL, &noise, set, n, 1.0), SP_OK);
        assert_int_equal(sp_noise_box(NULL, &box, n, 1.0), SP_OK);
        for (size_t i = 0; i < n; i++) {
            const double r = round % 3 == 0 ? 0.7 : sp_rng_uniform(&rng, 0.0, 2.0);
            box.radius[i] = noise.radius[i] = zeros && i % 3 == 1 ? 0.0 : r;
            c[i] = sp_rng_normal(&rng);
        }
        check_members(&rng, &noise, c);
        check_steps(&rng, &noise, c);
        check_windows(&noise, c);
        const double support = sp_noise_support(&noise, c, 0, n);
        assert_true(support <= sp_noise_support(&box, c, 0, n) * (1.0 + 1e-12) + 1e-100);
        assert_true(noise.set->energy(noise.radius, n) <= box.set->energy(box.radius, n));
        assert_int_equal(sp_noise_copy(NULL, &copy, &noise), SP_OK);
        assert_true(sp_noise_support(&copy, c, 0, n) == support);
        c[0] = NAN;
        assert_true(sp_noise_support(&noise, c, 0, n) == INFINITY);
        sp_noise_clear(&noise);
        sp_noise_clear(&copy);
        sp_noise_clear(&box);
    }
    assert_ptr_equal(sp_noise_set_of_norm("inf"), &sp_noise_set_box);
    assert_ptr_equal(sp_noise_set_of_norm("2"), &sp_noise_set_l2);
    assert_ptr_equal(sp_noise_set_of_norm("1"), &sp_noise_set_l1);
    assert_null(sp_noise_set_of_norm("3"));
}

static void bursts(void **state) {
    (void)state;
    sp_noise noise;
    assert_int_equal(sp_noise_burst(NULL, &noise, &sp_noise_set_box, 10, 0.5, 3, 6), SP_OK);
    for (size_t i = 0; i < 10; i++) {
        assert_true(noise.radius[i] == (i >= 3 && i < 6 ? 0.5 : 0.0));
    }
    sp_noise_clear(&noise);
}

static void padding_is_not_noisy(void **state) {
    (void)state;
    const double c[4] = {1.0, 2.0, 4.0, 8.0};
    sp_error err;
    sp_noise noise;
    assert_int_equal(sp_noise_box(&err, &noise, 10, 0.5), SP_OK);
    assert_true(fabs(sp_noise_support(&noise, c, 0, 4) - 7.5) < 1e-12);
    assert_true(fabs(sp_noise_support(&noise, c, 8, 4) - 1.5) < 1e-12);
    assert_true(sp_noise_support(&noise, c, 10, 4) == 0.0);
    assert_true(sp_noise_support(&noise, c, SIZE_MAX, 4) == 0.0);
    assert_true(fabs(sp_noise_support(&noise, c, 8, SIZE_MAX) - 1.5) < 1e-12);
    assert_true(sp_noise_support(&noise, c, 0, 0) < 1e-300);
    sp_noise_clear(&noise);
}

static void no_information_is_infinite(void **state) {
    (void)state;
    const double bad[] = {NAN, INFINITY, -INFINITY, 1e308};
    sp_error err;
    sp_noise noise;
    assert_int_equal(sp_noise_box(&err, &noise, 3, 1e300), SP_OK);
    noise.radius[1] = 0.0;
    for (size_t i = 0; i < 4; i++) {
        const double first[3] = {bad[i], 0.0, 0.0}, middle[3] = {0.0, bad[i], 0.0};
        assert_true(sp_noise_support(&noise, first, 0, 3) == INFINITY);
        if (i < 3) {
            assert_true(sp_noise_support(&noise, middle, 0, 3) == INFINITY);
        }
    }
    sp_noise_clear(&noise);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(boxes_are_checked),
        cmocka_unit_test(support_is_rounded_up),
        cmocka_unit_test(members_stay_below),
        cmocka_unit_test(padding_is_not_noisy),
        cmocka_unit_test(no_information_is_infinite),
        cmocka_unit_test(lines_and_gains),
        cmocka_unit_test(sets_of_radii_contain_their_members),
        cmocka_unit_test(bursts),
    };
    return cmocka_run_group_tests_name("audio/noise", tests, NULL, NULL);
}
