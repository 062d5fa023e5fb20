/* Noisy clips that are rounded and clipped before they are heard: the box holds what they become,
 * and its radii are attained. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>

#include "audio/audio.h"
#include "tests/support/support.h"

enum { N = 40, TRIES = 200 };

/* What a coding can hold is asked of sp_clip_round, which tests of codings check. */
typedef struct coding {
    sp_clip_coding coding;
    double full_scale, lsb;
    sp_budget_deployed deployed;
} coding;
static const coding codings[] = {
    {SP_CLIP_INTEGER, 32768.0, 1.0, SP_BUDGET_AS_FILE},
    {SP_CLIP_INTEGER, 32768.0, 1.0, SP_BUDGET_AS_INT16},
    {SP_CLIP_INTEGER, 1.0, 0x1p-15, SP_BUDGET_AS_FILE},
    {SP_CLIP_INTEGER, 32768.0, 256.0, SP_BUDGET_AS_FILE},
    {SP_CLIP_INTEGER, 32768.0, 256.0, SP_BUDGET_AS_INT16},
    {SP_CLIP_INTEGER, 32768.0, 0x1p-8, SP_BUDGET_AS_INT16},
    {SP_CLIP_INTEGER, 1.0, 0x1p-23, SP_BUDGET_AS_INT16},
    {SP_CLIP_MU_LAW, 32768.0, 8.0, SP_BUDGET_AS_FILE},
    {SP_CLIP_A_LAW, 32768.0, 16.0, SP_BUDGET_AS_FILE},
    {SP_CLIP_MU_LAW, 32768.0, 8.0, SP_BUDGET_AS_INT16},
    {SP_CLIP_SINGLE, 1.0, 0.0, SP_BUDGET_AS_FILE},
    {SP_CLIP_SINGLE, 1.0, 0.0, SP_BUDGET_AS_INT16},
    {SP_CLIP_REAL, 1.0, 0.0, SP_BUDGET_AS_INT16},
};
enum { CODINGS = sizeof codings / sizeof codings[0] };

/* Values of the coding, some of them the ends of its range. */
static void make_clip(sp_clip *clip, const coding *c, sp_rng *rng) {
    double samples[N];
    for (size_t i = 0; i < N; i++) {
        const double loud = exp(sp_rng_uniform(rng, -9.0, 0.0));
        samples[i] =
            c->full_scale * (i < 4 ? i % 2 ? -1.0 : 1.0 : sp_rng_uniform(rng, -loud, loud));
    }
    assert_int_equal(sp_clip_init(NULL, clip, samples, N, 8000, c->full_scale, c->lsb), SP_OK);
    clip->coding = c->coding;
    for (size_t i = 0; i < N; i++) {
        clip->samples[i] = sp_clip_round(clip, samples[i]);
    }
}

/* What is heard of a real sample. */
static double heard(const sp_clip *clip, sp_budget_deployed deployed, double x) {
    sp_clip of = *clip;
    if (deployed == SP_BUDGET_AS_INT16) {
        of.coding = SP_CLIP_INTEGER;
        of.lsb = of.full_scale * 0x1p-15;
    }
    const double most = of.coding == SP_CLIP_SINGLE ? INFINITY : of.full_scale;
    return sp_clip_round(&of, fmin(fmax(x, -most), most));
}

/* Some real number next to the end is rounded outward, which no double need be. */
static void check_sample(const sp_clip *clip, const coding *c, double s, double eps, double radius,
                         sp_rng *rng) {
    double most = 0.0;
    for (size_t k = 0; k < TRIES; k++) {
        const double u = k < 2 ? k % 2 ? -1.0 : 1.0 : sp_rng_uniform(rng, -1.0, 1.0);
        const double d = fabs(heard(clip, c->deployed, s + eps * u) - s);
        if (!(d <= radius)) {
            fail_msg("%a + %a is heard %a away, the radius is %a", s, eps * u, d, radius);
        }
        most = fmax(most, d);
    }
    for (int k = -1; k <= 1; k += 2) { // ties go to either side
        const double end = s + k * eps + k * 1e-12 * (fabs(s) + eps);
        most = fmax(most, fabs(heard(clip, c->deployed, end) - s));
    }
    if (!(most >= radius * (1.0 - 1e-9))) {
        fail_msg("coding %d, %s: %a with noise of %a is heard at most %a away, the radius is %a",
                 (int)c->coding, sp_budget_deployed_name(c->deployed), s, eps, most, radius);
    }
}

static void what_is_heard_lies_in_the_box_and_attains_it(void **state) {
    (void)state;
    const size_t rounds = sp_test_long() ? 400 : sp_test_sanitized() ? 3 : 40;
    sp_rng rng;
    sp_rng_init(&rng, sp_test_seed());
    for (size_t round = 0; round < rounds * CODINGS; round++) {
        const coding *c = &codings[round % CODINGS];
        sp_budget budget = {.unit = SP_BUDGET_DBFS,
                            .value = sp_rng_uniform(&rng, -110.0, -10.0),
                            .deployed = c->deployed};
        if (c->lsb > 0.0 && round % 3 == 0) { // whole and half steps, exactly
            budget.unit = SP_BUDGET_LSB;
            budget.value = 0.5 * (double)(1 + sp_rng_below(&rng, 9));
        }
        sp_noise noise;
        sp_clip clip;
        double eps = NAN, plain = NAN;
        make_clip(&clip, c, &rng);
        assert_int_equal(sp_noise_of_budget(NULL, &noise, &eps, &budget, &clip), SP_OK);
        assert_int_equal(sp_budget_radius(NULL, &plain, &budget, &clip), SP_OK);
        assert_true(eps == plain && noise.set == &sp_noise_set_box);
        for (size_t i = 0; i < N; i++) {
            check_sample(&clip, c, clip.samples[i], eps, noise.radius[i], &rng);
        }
        sp_noise_clear(&noise);
        sp_clip_clear(&clip);
    }
}

/* Rounding adds half a step at most, and nothing to whole steps. */
static void whole_steps_stay_and_others_become_whole(void **state) {
    (void)state;
    static const struct {
        double lsb, becomes;
    } cases[] = {{0.49, 0.0}, {0.5, 1.0}, {1.0, 1.0}, {1.49, 1.0}, {1.5, 2.0}, {7.0, 7.0}};
    const double samples[] = {0.0, -3.0, 32767.0, -32768.0, 32760.0};
    sp_clip clip;
    assert_int_equal(sp_clip_init(NULL, &clip, samples, 5, 8000, 32768.0, 1.0), SP_OK);
    clip.coding = SP_CLIP_INTEGER;
    for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
        const sp_budget budget = {
            .unit = SP_BUDGET_LSB, .value = cases[k].lsb, .deployed = SP_BUDGET_AS_INT16};
        sp_noise noise;
        double eps;
        assert_int_equal(sp_noise_of_budget(NULL, &noise, &eps, &budget, &clip), SP_OK);
        for (size_t i = 0; i < 5; i++) {
            assert_true(noise.radius[i] == cases[k].becomes);
        }
        sp_noise_clear(&noise);
    }
    sp_clip_clear(&clip);
}

/* A loud noise is clipped: no sample gets farther away than the end of the range. */
static void the_range_limits_what_is_heard(void **state) {
    (void)state;
    const double samples[] = {32767.0, -32768.0, 0.0};
    const sp_budget budget = {
        .unit = SP_BUDGET_LSB, .value = 200000.0, .deployed = SP_BUDGET_AS_FILE};
    sp_noise noise;
    sp_clip clip;
    double eps;
    assert_int_equal(sp_clip_init(NULL, &clip, samples, 3, 8000, 32768.0, 1.0), SP_OK);
    clip.coding = SP_CLIP_INTEGER;
    assert_int_equal(sp_noise_of_budget(NULL, &noise, &eps, &budget, &clip), SP_OK);
    assert_true(noise.radius[0] == 65535.0 && noise.radius[1] == 65535.0);
    assert_true(noise.radius[2] == 32768.0);
    sp_noise_clear(&noise);
    sp_clip_clear(&clip);
}

static void codings_without_values_of_single_samples_are_refused(void **state) {
    (void)state;
    const double samples[] = {1.0, 2.0};
    sp_budget budget = {.unit = SP_BUDGET_DBFS, .value = -60.0, .deployed = SP_BUDGET_AS_FILE};
    sp_error err = {0};
    sp_noise noise = {0};
    sp_clip clip;
    double eps;
    assert_int_equal(sp_clip_init(NULL, &clip, samples, 2, 8000, 32768.0, 1.0), SP_OK);
    clip.coding = SP_CLIP_ADAPTIVE;
    assert_int_equal(sp_noise_of_budget(&err, &noise, &eps, &budget, &clip), SP_E_MISMATCH);
    clip.coding = SP_CLIP_REAL;
    assert_int_equal(sp_noise_of_budget(&err, &noise, &eps, &budget, &clip), SP_E_MISMATCH);
    clip.coding = SP_CLIP_INTEGER;
    clip.resampled = true;
    assert_int_equal(sp_noise_of_budget(&err, &noise, &eps, &budget, &clip), SP_E_MISMATCH);
    clip.resampled = false;
    budget.set = &sp_noise_set_l2;
    assert_int_equal(sp_noise_of_budget(&err, &noise, &eps, &budget, &clip), SP_E_MISMATCH);
    sp_clip_clear(&clip);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_heard_lies_in_the_box_and_attains_it),
        cmocka_unit_test(whole_steps_stay_and_others_become_whole),
        cmocka_unit_test(the_range_limits_what_is_heard),
        cmocka_unit_test(codings_without_values_of_single_samples_are_refused),
    };
    return cmocka_run_group_tests_name("audio/deployed", tests, NULL, NULL);
}
