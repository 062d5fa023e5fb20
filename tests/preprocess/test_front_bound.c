/* Front-end bounds as a whole: what is refused, what a radius of zero gives, that larger sets give
 * wider bounds, that the joint rule's range ends where the energy does, and that threads change
 * nothing. */
#include "base/clock.h"
#include "base/pool.h"
#include "tests/preprocess/front_search.h"
#include "tests/support/arb.h"

static sp_rng rng;
static sp_front *front;
static sp_front_forms *all_forms[3]; /* by rule */

static int set_up(void **state) {
    (void)state;
    front = front_make(0);
    for (sp_front_rule rule = SP_FRONT_INTERVAL; rule <= SP_FRONT_JOINT; rule++) {
        all_forms[rule] = front_forms(front, rule);
    }
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    for (sp_front_rule rule = SP_FRONT_INTERVAL; rule <= SP_FRONT_JOINT; rule++) {
        sp_front_forms_destroy(all_forms[rule]);
    }
    sp_front_forms_destroy(NULL);
    sp_front_destroy(front);
    return 0;
}

static sp_front_bound make(const sp_front_forms *forms, const front_clip *clip, sp_noise *noise,
                           double eps) {
    sp_front_bound bound;
    sp_error err;
    assert_int_equal(sp_noise_box(&err, noise, clip->n, eps), SP_OK);
    if (sp_front_bound_create(&err, &bound, forms, clip->samples, clip->n, noise) != SP_OK) {
        fail_msg("%s", err.text);
    }
    return bound;
}

static void test_shape(void **state) {
    (void)state;
    static const size_t forms_per_frame[] = {0, 20, 10};
    front_clip clip;
    sp_rng_init(&rng, sp_test_seed());
    front_clip_make(&clip, CLIP_NOISE, 857, &rng);
    for (sp_front_rule rule = SP_FRONT_INTERVAL; rule <= SP_FRONT_JOINT; rule++) {
        const sp_front_forms *forms = all_forms[rule];
        sp_noise noise;
        sp_front_bound b = make(forms, &clip, &noise, 3.0);
        assert_int_equal(b.rule, rule);
        assert_int_equal(b.joint, rule == SP_FRONT_JOINT);
        assert_int_equal(b.frames, 5);
        assert_int_equal(b.padded, 1057);
        assert_int_equal(b.frame, 256);
        assert_int_equal(b.step, 200);
        assert_int_equal(b.bands, 10);
        assert_int_equal(b.forms, forms_per_frame[rule]);
        assert_true(rule != SP_FRONT_R2 || b.up_form == b.lo_form + 10);
        assert_int_equal(b.bins, rule == SP_FRONT_R2 ? 258 : 0);
        assert_true(rule != SP_FRONT_JOINT || b.up_form == b.lo_form);
        assert_ptr_equal(b.noise, &noise);
        for (size_t i = 0; i < b.padded; i++) {
            assert_true(b.radius[i] == (i < clip.n ? 3.0 : 0.0));
        }
        for (size_t i = 0; i < 50; i++) {
            assert_true(b.lo_w[i] >= 0.0 && b.up_w[i] >= 0.0 && b.lo[i] <= b.hi[i]);
            assert_true(rule != SP_FRONT_INTERVAL || (b.lo_w[i] == 0.0 && b.up_w[i] == 0.0));
        }
        sp_front_bound_clear(&b);
        assert_null(b.memory);
        sp_front_bound_clear(&b);
        sp_noise_clear(&noise);
    }
    free(clip.samples);
}

static void expect_error(const sp_front_forms *forms, const double *samples, size_t n,
                         size_t noise_n, double eps, sp_status code) {
    sp_noise noise = {
        .set = &sp_noise_set_box, .n = noise_n, .radius = calloc(noise_n + 1, sizeof(double))};
    sp_front_bound bound;
    sp_error err = {SP_OK, ""};
    assert_non_null(noise.radius);
    for (size_t i = 0; i < noise_n; i++) {
        noise.radius[i] = eps;
    }
    const sp_status status = sp_front_bound_create(&err, &bound, forms, samples, n, &noise);
    if (status != code || err.text[0] == '\0') {
        fail_msg("status %d, expected %d: %s", status, code, err.text);
    }
    assert_null(bound.memory);
    free(noise.radius);
}

static void test_refused(void **state) {
    (void)state;
    double samples[300];
    for (size_t i = 0; i < 300; i++) {
        samples[i] = (double)i;
    }
    for (sp_front_rule rule = SP_FRONT_INTERVAL; rule <= SP_FRONT_JOINT; rule++) {
        const sp_front_forms *forms = all_forms[rule];
        expect_error(forms, samples, 55, 55, 1.0, SP_E_MISMATCH);
        expect_error(forms, samples, 200, 200, 1.0, SP_E_MISMATCH);
        expect_error(forms, samples, 300, 299, 1.0, SP_E_MISMATCH);
        expect_error(forms, samples, 300, 300, 1e300, SP_E_NONFINITE);
        expect_error(forms, samples, 300, 300, 0x1p65, SP_E_NONFINITE);
        expect_error(forms, samples, 300, 300, INFINITY, SP_E_NONFINITE);
        expect_error(forms, samples, 300, 300, NAN, SP_E_NONFINITE);
        expect_error(forms, samples, 300, 300, -1.0, SP_E_NONFINITE);
        samples[3] = NAN;
        expect_error(forms, samples, 300, 300, 1.0, SP_E_NONFINITE);
        samples[3] = 1e250;
        expect_error(forms, samples, 300, 300, 1.0, SP_E_NONFINITE);
        samples[3] = 3.0;
    }
}

/* The largest sets that are accepted still give finite, valid bounds. */
static void test_loudest(void **state) {
    (void)state;
    front_clip clip;
    sp_rng_init(&rng, sp_test_seed() + 1);
    front_clip_make(&clip, CLIP_NOISE, 300, &rng);
    for (sp_front_rule rule = SP_FRONT_INTERVAL; rule <= SP_FRONT_JOINT; rule++) {
        const sp_front_forms *forms = all_forms[rule];
        static const double eps[] = {0x1p63, 1e10, 1e-300, 0x1p-1074, 0.0};
        for (size_t k = 0; k < 5; k++) {
            sp_noise noise;
            sp_front_bound b = make(forms, &clip, &noise, eps[k]);
            double d[300];
            for (int trial = 0; trial < 20; trial++) {
                for (size_t i = 0; i < 300; i++) {
                    d[i] = trial % 2 ? sp_rng_uniform(&rng, -eps[k], eps[k])
                                     : (sp_rng_below(&rng, 2) ? eps[k] : -eps[k]);
                }
                assert_true(front_slack(&b, front, clip.samples, d, 300, 0) >= 0.0L);
            }
            sp_front_bound_clear(&b);
            sp_noise_clear(&noise);
        }
    }
    free(clip.samples);
}

/* The exact feature of band m in Arb, from the doubles of the stages. */
static void exact_feature(arb_t out, const double *x, size_t m) {
    size_t count = 0;
    const sp_stage *s = sp_front_stages(front, &count);
    arb_t y, w;
    arb_init(y);
    arb_init(w);
    arb_set_d(out, s[2].bias[m]);
    for (size_t k = 0; k < s[0].out; k++) {
        if (s[2].matrix[m * s[2].in + k] > 0.0) {
            sp_arb_dot(y, s[0].matrix + k * s[0].in, x, s[0].in);
            arb_sqr(y, y, SP_ARB_BITS);
            arb_set_d(w, s[2].matrix[m * s[2].in + k]);
            arb_addmul(out, w, y, SP_ARB_BITS);
        }
    }
    arb_log(out, out, SP_ARB_BITS);
    arb_clear(y);
    arb_clear(w);
}

/* Without noise every bound is the exact feature, to rounding. */
static void test_no_noise(void **state) {
    (void)state;
    sp_rng_init(&rng, sp_test_seed() + 2);
    for (clip_kind kind = 0; kind < CLIP_KINDS; kind++) {
        front_clip clip;
        front_clip_make(&clip, kind, 256, &rng);
        for (sp_front_rule rule = SP_FRONT_INTERVAL; rule <= SP_FRONT_JOINT; rule++) {
            const sp_front_forms *forms = all_forms[rule];
            sp_noise noise;
            sp_front_bound b = make(forms, &clip, &noise, 0.0);
            arb_t f;
            arb_init(f);
            for (size_t m = 0; m < 10; m++) {
                exact_feature(f, clip.samples, m);
                assert_true(sp_arb_within(f, b.lo[m], b.hi[m]));
                assert_true(sp_arb_within(f, b.lo_c[m], b.up_c[m]));
                assert_true(b.hi[m] - b.lo[m] < 1e-8 && b.up_c[m] - b.lo_c[m] < 1e-8);
            }
            arb_clear(f);
            sp_front_bound_clear(&b);
            sp_noise_clear(&noise);
        }
        free(clip.samples);
    }
}

/* A larger set gives a wider range and lines that are no better at its common centre. */
static void test_monotone(void **state) {
    (void)state;
    front_clip clip;
    sp_rng_init(&rng, sp_test_seed() + 3);
    front_clip_make(&clip, CLIP_TONE, 1000, &rng);
    for (sp_front_rule rule = SP_FRONT_INTERVAL; rule <= SP_FRONT_JOINT; rule++) {
        const sp_front_forms *forms = all_forms[rule];
        sp_noise noise, wide_noise;
        sp_front_bound b = make(forms, &clip, &noise, 1e-4);
        for (double eps = 3e-4; eps < 1e5; eps *= sp_test_sanitized() ? 81.0 : 3.0) {
            sp_front_bound wide = make(forms, &clip, &wide_noise, eps);
            for (size_t i = 0; i < b.frames * b.bands; i++) {
                // the minimum is converged to a part of the range
                const double slack = 1e-3 * (wide.hi[i] - wide.lo[i]) + 1e-12;
                assert_true(wide.lo[i] <= b.lo[i] + slack);
                assert_true(wide.hi[i] >= b.hi[i] - slack);
            }
            sp_front_bound_clear(&b);
            sp_noise_clear(&noise);
            b = wide;
            noise = wide_noise;
            b.noise = &noise;
        }
        sp_front_bound_clear(&b);
        sp_noise_clear(&noise);
    }
    free(clip.samples);
}

/* What a descent reaches is what the joint rule says can be reached, as long as noise cannot
 * cancel a band. */
static void test_range_is_attained(void **state) {
    (void)state;
    const sp_front_forms *forms = all_forms[SP_FRONT_JOINT];
    front_clip clip;
    sp_rng_init(&rng, sp_test_seed() + 4);
    front_clip_make(&clip, CLIP_NOISE, 456, &rng);
    for (double part = 1e-4; part < 2e-2; part *= sp_test_sanitized() ? 64.0 : 4.0) {
        sp_noise noise;
        sp_front_bound b = make(forms, &clip, &noise, part * front_peak(&clip));
        double worst = 0.0;
        for (size_t m = 0; m < 10; m++) {
            front_target target = {.forms = forms,
                                   .band = &forms->band[m],
                                   .x = clip.samples,
                                   .r = noise.radius,
                                   .sign = 1.0};
            double d[256] = {0.0};
            const double low = front_search(d, &target, 400);
            memset(d, 0, sizeof d);
            target.sign = -1.0;
            const double high = -front_search(d, &target, 400), width = b.hi[m] - b.lo[m];
            worst = fmax(worst, fmax(low - b.lo[m], b.hi[m] - high) / width);
            assert_true(b.lo[m] <= low + 1e-12 && high <= b.hi[m] + 1e-12);
        }
        print_message("radius %g of the peak: at most %.3f of a range is not attained\n", part,
                      worst);
        assert_true(worst < 0.15);
        sp_front_bound_clear(&b);
        sp_noise_clear(&noise);
    }
    free(clip.samples);
}

/* Bit for bit the same with any number of threads. */
static void test_threads(void **state) {
    (void)state;
    front_clip clip;
    const size_t frames = sp_test_sanitized() ? 70 : 90; // more than there are workers
    sp_rng_init(&rng, sp_test_seed() + 5);
    front_clip_make(&clip, CLIP_NOISE, 200 * frames + 17, &rng);
    for (sp_front_rule rule = SP_FRONT_R2; rule <= SP_FRONT_JOINT; rule++) {
        sp_noise noise[2];
        sp_front_bound b[2];
        for (int k = 0; k < 2; k++) {
            assert_int_equal(sp_pool_start(k == 0 ? 1 : 4), SP_OK);
            sp_front_forms *forms = front_forms(front, rule);
            b[k] = make(forms, &clip, &noise[k], 20.0);
            sp_front_forms_destroy(forms);
            sp_pool_stop();
        }
        const size_t more = 6 * b[0].bins + (b[0].bins > 0 ? 50 : 0);
        const size_t count = b[0].frames * (b[0].forms * 257 + 60 + more) + b[0].padded;
        assert_int_equal(b[0].frames, frames);
        assert_memory_equal(b[0].memory, b[1].memory, count * sizeof(double));
        for (int k = 0; k < 2; k++) {
            sp_front_bound_clear(&b[k]);
            sp_noise_clear(&noise[k]);
        }
    }
    free(clip.samples);
}

/* A deadline ends the bounds on every thread; one that is not reached changes nothing. */
static void a_deadline_ends_the_bounds(void **state) {
    (void)state;
    front_clip clip;
    sp_rng_init(&rng, sp_test_seed());
    front_clip_make(&clip, CLIP_NOISE, 857, &rng);
    for (sp_front_rule rule = SP_FRONT_INTERVAL; rule <= SP_FRONT_JOINT; rule++) {
        sp_noise noise;
        sp_error err;
        sp_front_bound late, timely, whole = make(all_forms[rule], &clip, &noise, 3.0);
        assert_int_equal(sp_front_bound_until(&err, &late, all_forms[rule], clip.samples, clip.n,
                                              &noise, sp_clock_wall() - 1.0),
                         SP_E_TIMEOUT);
        assert_null(late.memory);
        assert_non_null(strstr(err.text, "0 of 5 frames"));
        assert_int_equal(sp_front_bound_until(&err, &timely, all_forms[rule], clip.samples, clip.n,
                                              &noise, sp_clock_wall() + 1000.0),
                         SP_OK);
        const size_t bytes = whole.frames * whole.bands * sizeof(double);
        assert_memory_equal(timely.lo_c, whole.lo_c, bytes);
        assert_memory_equal(timely.up_c, whole.up_c, bytes);
        sp_front_bound_clear(&timely);
        sp_front_bound_clear(&whole);
        sp_noise_clear(&noise);
    }
    free(clip.samples);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shape),    cmocka_unit_test(test_refused),
        cmocka_unit_test(test_loudest),  cmocka_unit_test(test_no_noise),
        cmocka_unit_test(test_monotone), cmocka_unit_test(test_range_is_attained),
        cmocka_unit_test(test_threads),  cmocka_unit_test(a_deadline_ends_the_bounds),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
