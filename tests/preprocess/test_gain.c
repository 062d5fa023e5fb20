/* The gain by a clip's peak: what it does to features, to their gradients and, under noise that
 * moves the peak, to their bounds. */
#include "tests/preprocess/front_check.h"

static sp_rng rng;

/* The front end number `which` of FRONT_TEXTS, and the same without its gain. */
static sp_front *without_gain(size_t which) {
    char text[2048];
    sp_front *front = NULL;
    const char *gain = strstr(FRONT_TEXTS[which], "\"gain\""), *end = strchr(gain, '}') + 2;
    snprintf(text, sizeof text, "%.*s%s", (int)(gain - FRONT_TEXTS[which]), FRONT_TEXTS[which],
             end);
    assert_int_equal(sp_front_parse(NULL, &front, text, strlen(text), "plain"), SP_OK);
    return front;
}

static double *features_of(const sp_front *front, const double *samples, size_t n) {
    double *f = malloc(sp_front_frames(front, n) * sp_front_layout_of(front)->features * sizeof *f);
    assert_non_null(f);
    assert_int_equal(sp_front_run(NULL, front, f, samples, n), SP_OK);
    return f;
}

static void features_are_those_of_the_clip_at_its_peak(void **state) {
    (void)state;
    enum { N = 1000 };
    sp_rng_init(&rng, sp_test_seed());
    for (size_t which = FRONT_COUNT; which < FRONT_ALL; which++) {
        sp_front *front = front_make(which), *plain = without_gain(which);
        const sp_front_layout *layout = sp_front_layout_of(front);
        assert_true(layout->peak > 0.0 && sp_front_layout_of(plain)->peak == 0.0);
        double samples[N] = {0}, scaled[N] = {0};
        for (int round = 0; round < 6; round++) {
            double peak = 0.0;
            const double loud = pow(10.0, sp_rng_uniform(&rng, -3.0, 4.0));
            for (size_t i = 0; i < N && round > 0; i++) { // first: silence, which stays
                samples[i] = loud * sp_rng_normal(&rng);
                peak = fmax(peak, fabs(samples[i]));
            }
            for (size_t i = 0; i < N && round > 0; i++) {
                scaled[i] = samples[i] * layout->peak / peak;
            }
            double *a = features_of(front, samples, N), *b = features_of(plain, scaled, N);
            for (size_t i = 0; i < sp_front_frames(front, N) * layout->features; i++) {
                assert_true(fabs(a[i] - b[i]) <= 1e-12 * (1.0 + fabs(b[i])));
            }
            free(a);
            free(b);
        }
        sp_front_destroy(front);
        sp_front_destroy(plain);
    }
}

/* By central differences, at the loudest sample above all. */
static void gradients_know_the_loudest_sample(void **state) {
    (void)state;
    enum { N = 700 };
    sp_rng_init(&rng, sp_test_seed() + 1);
    for (size_t which = FRONT_COUNT; which < FRONT_ALL; which++) {
        sp_front *front = front_make(which);
        const size_t numbers = sp_front_frames(front, N) * sp_front_layout_of(front)->features;
        double samples[N], gradient[N], *slope = malloc(numbers * sizeof *slope);
        assert_non_null(slope);
        size_t at = 0;
        for (size_t i = 0; i < N; i++) {
            samples[i] = 100.0 * sp_rng_normal(&rng);
            at = fabs(samples[i]) > fabs(samples[at]) ? i : at;
        }
        samples[at] *= 1.5; // far from a second peak
        for (size_t i = 0; i < numbers; i++) {
            slope[i] = sp_rng_normal(&rng);
        }
        assert_int_equal(sp_front_gradient(NULL, front, gradient, samples, N, slope, 1, 0.0),
                         SP_OK);
        for (size_t k = 0; k < 12; k++) {
            const size_t i = k == 0 ? at : sp_rng_below(&rng, N);
            const double x = samples[i], step = 1e-3;
            samples[i] = x + step;
            double *above = features_of(front, samples, N);
            samples[i] = x - step;
            double *below = features_of(front, samples, N);
            samples[i] = x;
            double difference = 0.0;
            for (size_t j = 0; j < numbers; j++) {
                difference += slope[j] * (above[j] - below[j]) / (2.0 * step);
            }
            if (!(fabs(difference - gradient[i]) <= 1e-6 * (fabs(gradient[i]) + 1e-2))) {
                fail_msg("front %zu, sample %zu: %g, by differences %g", which, i, gradient[i],
                         difference);
            }
            free(above);
            free(below);
        }
        free(slope);
        sp_front_destroy(front);
    }
}

/* One loud sample, far from the frames that are looked at: their own samples do not move, the gain
 * does. What is attained comes close to the bounds, so that they cannot be those of a gain that
 * stands still. */
static void the_peak_alone_moves_every_frame(void **state) {
    (void)state;
    enum { N = 1000 };
    sp_rng_init(&rng, sp_test_seed() + 2);
    for (size_t which = FRONT_COUNT; which < FRONT_ALL; which++) {
        sp_front *front = front_make(which);
        double samples[N];
        for (size_t i = 0; i < N; i++) {
            samples[i] = 3000.0 * sin(0.9 * (double)i) + 300.0 * sp_rng_normal(&rng);
        }
        samples[N - 20] = 20000.0;
        for (sp_front_rule rule = SP_FRONT_INTERVAL; rule <= SP_FRONT_JOINT; rule++) {
            sp_front_forms *forms = front_forms(front, rule);
            sp_noise noise;
            sp_front_bound bound;
            double d[N] = {0};
            assert_int_equal(
                sp_noise_burst(NULL, &noise, &sp_noise_set_box, N, 2000.0, N - 20, N - 19), SP_OK);
            assert_int_equal(sp_front_bound_create(NULL, &bound, forms, samples, N, &noise), SP_OK);
            for (int side = -1; side <= 1; side += 2) {
                d[N - 20] = 2000.0 * side;
                const long double slack = front_slack(&bound, front, samples, d, N, 0);
                front_exact moved, still;
                front_evaluate(&moved, front, samples, d, N, 0);
                d[N - 20] = 0.0;
                front_evaluate(&still, front, samples, d, N, 0);
                const long double by = fabsl(moved.feature[1] - still.feature[1]);
                assert_true(slack >= 0.0L && by > 0.1L);
                assert_true(slack < 0.01L + 0.1L * by);
            }
            sp_front_bound_clear(&bound);
            sp_noise_clear(&noise);
            sp_front_forms_destroy(forms);
        }
        sp_front_destroy(front);
    }
}

static void noise_up_to_the_peak_has_no_bounds(void **state) {
    (void)state;
    enum { N = 600 };
    sp_front *front = front_make(FRONT_COUNT);
    sp_front_forms *forms = front_forms(front, SP_FRONT_JOINT);
    double samples[N];
    for (size_t i = 0; i < N; i++) {
        samples[i] = 1000.0 * sin(0.5 * (double)i + 0.3);
    }
    static const double radius[] = {900.0, 1000.0, 5000.0};
    for (size_t k = 0; k < 3; k++) {
        sp_noise noise;
        sp_front_bound bound;
        sp_error err = {0};
        assert_int_equal(sp_noise_box(NULL, &noise, N, radius[k]), SP_OK);
        const sp_status status = sp_front_bound_create(&err, &bound, forms, samples, N, &noise);
        assert_int_equal(status, k == 0 ? SP_OK : SP_E_NONFINITE);
        assert_true(k == 0 || strstr(err.text, "gain") != NULL);
        if (status == SP_OK) {
            sp_front_bound_clear(&bound);
        }
        sp_noise_clear(&noise);
    }
    sp_front_forms_destroy(forms);
    sp_front_destroy(front);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(features_are_those_of_the_clip_at_its_peak),
        cmocka_unit_test(gradients_know_the_loudest_sample),
        cmocka_unit_test(the_peak_alone_moves_every_frame),
        cmocka_unit_test(noise_up_to_the_peak_has_no_bounds),
    };
    return cmocka_run_group_tests_name("preprocess/gain", tests, NULL, NULL);
}
