/* Bounds along one-dimensional noise: lines and gains against dense samples of the exact features,
 * how tight they are, windows of a recording, and a set of one point. */
#include "tests/preprocess/front_check.h"

static sp_rng rng;

static sp_front *front_of(size_t which) {
    static const char *const paths[] = {"examples/fronts/precise-sonopy.json",
                                        "examples/fronts/precise-speechpy.json"};
    sp_front *front = NULL;
    if (which < FRONT_COUNT || which >= FRONT_COUNT + 2) {
        return front_make(which < FRONT_COUNT ? which : which - 2);
    }
    assert_int_equal(sp_front_read(NULL, &front, paths[which - FRONT_COUNT]), SP_OK);
    return front;
}

static bool has_floor(const sp_front *front) {
    size_t count = 0;
    return sp_front_stages(front, &count)[3].kind != SP_STAGE_FOR_ZERO;
}

/* Least distance of lines and ranges from the features at parameter a, less all errors. */
static long double slack_at(const sp_front_bound *b, const sp_front *front, const front_clip *clip,
                            const double *d, long double a, long double middle, size_t t,
                            size_t step) {
    front_exact exact;
    front_evaluate(&exact, front, clip->samples, d, clip->n, t * step);
    long double least = front_feature_slack(b, &exact, t);
    for (size_t m = 0; m < b->bands; m++) {
        const size_t at = t * b->bands + m;
        const long double f = exact.feature[m];
        // d itself is rounded: by 2^-53 of the sample, so far less of the feature
        const long double e = exact.feature_error[m] + 1e-13L * (1.0L + fabsl(f));
        least = fminl(least, f - (b->lo_w[at] * (a - middle) + b->lo_c[at]) + e);
        least = fminl(least, b->up_w[at] * (a - middle) + b->up_c[at] - f + e);
        least = fminl(least, fminl(f - b->lo[at], b->hi[at] - f) + e);
    }
    return least;
}

static void check_part(const sp_front_path *path, const sp_front *front, const front_clip *clip,
                       const sp_noise *noise, double lo, double hi) {
    sp_front_bound bound;
    sp_error err;
    double *d = malloc(clip->n * sizeof *d);
    const size_t step = sp_front_layout_of(front)->step;
    assert_non_null(d);
    if (sp_front_path_bound(&err, &bound, path, lo, hi) != SP_OK) {
        if (err.code == SP_E_NONFINITE && hi > lo && !has_floor(front)) {
            free(d);
            return; // where the noise may cancel a band there is no lower end
        }
        if (err.code == SP_E_NONFINITE && hi > lo + 0.1 && !noise->set->scales &&
            sp_front_layout_of(front)->peak > 0.0) {
            free(d);
            return; // so for a gain where it may cancel all of the clip
        }
        fail_msg("%g to %g: %s", lo, hi, err.text);
    }
    assert_true(bound.frame == 1 && bound.step == 0 && bound.padded == 1);
    const size_t t = sp_rng_below(&rng, bound.frames);
    const double middle = lo + 0.5 * (hi - lo);
    assert_true(bound.radius[0] >= middle - lo && bound.radius[0] >= hi - middle);
    for (int k = 0; k <= 24; k++) {
        const double a = k == 24 ? hi : lo + (hi - lo) * k / 24.0;
        for (size_t i = 0; i < clip->n; i++) {
            d[i] = noise->set->factor(a) * noise->direction[i];
        }
        const long double slack = slack_at(&bound, front, clip, d, a, middle, t, step);
        if (!(slack >= 0.0L)) {
            fail_msg("%s, %a to %a at %a, frame %zu: a bound fails by %Lg", noise->set->name, lo,
                     hi, a, t, -slack);
        }
    }
    free(d);
    sp_front_bound_clear(&bound);
}

static void check_path(const sp_front *front, const sp_front_forms *forms, const front_clip *clip,
                       const sp_noise *noise, int parts) {
    sp_front_path *path = NULL;
    sp_error err;
    if (sp_front_path_create(&err, &path, forms, clip->samples, clip->n, noise, 0.0) != SP_OK) {
        fail_msg("%s", err.text);
    }
    for (int k = 0; k < parts; k++) {
        const double u = sp_rng_uniform(&rng, 0.0, 1.0), w = pow(sp_rng_uniform(&rng, 0.0, 1.0), 4);
        const double lo = noise->lo + u * (1.0 - w) * (noise->hi - noise->lo);
        check_part(path, front, clip, noise, lo, fmin(lo + w * (noise->hi - noise->lo), noise->hi));
    }
    check_part(path, front, clip, noise, noise->hi, noise->hi);
    sp_front_path_destroy(path);
}

/* A tone in a noise floor, in the units of the front. */
static front_clip make_clip(const sp_front *front, size_t n, double floor) {
    front_clip clip;
    const double unit = sp_front_layout_of(front)->full_scale / 32768.0;
    front_clip_make(&clip, CLIP_TONE, n, &rng);
    for (size_t i = 0; i < n; i++) {
        clip.samples[i] = unit * rint(0.3 * clip.samples[i] + floor * sp_rng_normal(&rng));
    }
    return clip;
}

static void test_lines_and_gains(void **state) {
    (void)state;
    const int rounds = sp_test_long() ? 20 : 3;
    sp_rng_init(&rng, sp_test_seed());
    for (size_t which = 0; which < FRONT_ALL + 2; which++) {
        sp_front *front = front_of(which);
        sp_front_forms *forms = front_forms(front, SP_FRONT_INTERVAL);
        const size_t n = sp_front_samples(front, 3);
        for (int round = 0; round < rounds; round++) {
            front_clip clip = make_clip(front, n, round == 0 ? 2.0 : 40.0);
            front_clip other = make_clip(front, n, 300.0);
            sp_noise noise;
            if (round == 1) { // noise that cancels most of the clip on its way
                for (size_t i = 0; i < n; i++) {
                    other.samples[i] = 0.01 * other.samples[i] - 0.8 * clip.samples[i];
                }
            }
            assert_int_equal(sp_noise_line(NULL, &noise, other.samples, n, 0.0, 1.5), SP_OK);
            check_path(front, forms, &clip, &noise, 8);
            sp_noise_clear(&noise);
            for (size_t i = 0; i < n && round == 2; i++) { // energies near a floor that is added
                clip.samples[i] *= 1e-3;
            }
            assert_int_equal(sp_noise_gain(NULL, &noise, clip.samples, n, -3.0, 2.0), SP_OK);
            check_path(front, forms, &clip, &noise, 8);
            sp_noise_clear(&noise);
            free(clip.samples);
            free(other.samples);
        }
        sp_front_forms_destroy(forms);
        sp_front_destroy(front);
    }
}

/* Lines are nearly exact: of two parallel lines around a curve with little third derivative, a
 * quarter remains when the part is halved. Gains above the floor are exact. */
static void test_tightness(void **state) {
    (void)state;
    sp_rng_init(&rng, sp_test_seed() + 1);
    sp_front *front = front_of(FRONT_COUNT);
    sp_front_forms *forms = front_forms(front, SP_FRONT_INTERVAL);
    front_clip clip = make_clip(front, 4000, 30.0), other = make_clip(front, 4000, 300.0);
    sp_noise noise;
    sp_front_path *path = NULL;
    sp_front_bound bound;
    double gap[3] = {0.0};
    assert_int_equal(sp_noise_line(NULL, &noise, other.samples, 4000, 0.0, 1.0), SP_OK);
    assert_int_equal(sp_front_path_create(NULL, &path, forms, clip.samples, 4000, &noise, 0.0),
                     SP_OK);
    for (int k = 0; k < 3; k++) {
        assert_int_equal(sp_front_path_bound(NULL, &bound, path, 0.5, 0.5 + 0.1 / (1 << k)), SP_OK);
        for (size_t i = 0; i < bound.frames * bound.bands; i++) {
            assert_true(bound.up_w[i] == bound.lo_w[i]);
            gap[k] += bound.up_c[i] - bound.lo_c[i];
        }
        sp_front_bound_clear(&bound);
    }
    assert_true(gap[1] < 0.3 * gap[0] && gap[2] < 0.3 * gap[1]);
    sp_front_path_destroy(path);
    sp_noise_clear(&noise);
    assert_int_equal(sp_noise_gain(NULL, &noise, clip.samples, 4000, -2.0, 2.0), SP_OK);
    assert_int_equal(sp_front_bound_create(NULL, &bound, forms, clip.samples, 4000, &noise), SP_OK);
    for (size_t i = 0; i < bound.frames * bound.bands; i++) {
        assert_true(bound.up_w[i] == 2.0 && bound.lo_w[i] == 2.0);
        assert_true(bound.up_c[i] - bound.lo_c[i] < 1e-9);
    }
    sp_front_bound_clear(&bound);
    sp_noise_clear(&noise);
    free(clip.samples);
    free(other.samples);
    sp_front_forms_destroy(forms);
    sp_front_destroy(front);
}

/* A window has the rows of the whole, and zeros before the first. */
static void test_windows(void **state) {
    (void)state;
    sp_rng_init(&rng, sp_test_seed() + 2);
    for (size_t which = 0; which < FRONT_COUNT; which++) {
        sp_front *front = front_of(which);
        for (sp_front_rule rule = SP_FRONT_INTERVAL; rule <= SP_FRONT_JOINT; rule++) {
            sp_front_forms *forms = front_forms(front, rule);
            const size_t n = sp_front_samples(front, 5);
            front_clip clip = make_clip(front, n, 40.0);
            sp_noise noise;
            sp_front_bound whole, window;
            assert_int_equal(sp_noise_box(NULL, &noise, n, 1e-3), SP_OK);
            assert_int_equal(sp_front_bound_create(NULL, &whole, forms, clip.samples, n, &noise),
                             SP_OK);
            for (long first = -4; first <= 2; first++) {
                assert_int_equal(sp_front_bound_window(NULL, &window, &whole, first, 3), SP_OK);
                assert_int_equal(window.frames, 3);
                for (size_t i = 0; i < 3 * whole.bands; i++) {
                    const long at = first * (long)whole.bands + (long)i;
                    assert_true(window.lo_c[i] == (at < 0 ? 0.0 : whole.lo_c[at]));
                    assert_true(window.up_w[i] == (at < 0 ? 0.0 : whole.up_w[at]));
                    assert_true(window.hi[i] == (at < 0 ? 0.0 : whole.hi[at]));
                }
                for (size_t i = 0; i < 3 * whole.features; i++) {
                    const long at = first * (long)whole.features + (long)i;
                    assert_true(window.feature_lo[i] == (at < 0 ? 0.0 : whole.feature_lo[at]));
                }
                for (size_t i = 0; i < window.padded; i++) {
                    const long at = first * (long)whole.step + (long)i;
                    assert_true(window.radius[i] == (at < 0 ? 0.0 : whole.radius[at]));
                }
                sp_front_bound_clear(&window);
            }
            assert_int_equal(
                sp_front_bound_window(NULL, &window, &whole, (long)whole.frames - 2, 3),
                SP_E_ARGUMENT);
            sp_front_bound_clear(&whole);
            sp_noise_clear(&noise);
            free(clip.samples);
            sp_front_forms_destroy(forms);
        }
        sp_front_destroy(front);
    }
}

static void test_bad_sets(void **state) {
    (void)state;
    const double x[4] = {1.0, -2.0, 0.0, 3.0};
    sp_noise noise;
    sp_front_path *path = NULL;
    sp_front_bound bound;
    sp_front *front = front_of(FRONT_COUNT + 1); // no floor but for exact zeros
    sp_front_forms *forms = front_forms(front, SP_FRONT_JOINT);
    assert_int_equal(sp_noise_line(NULL, &noise, x, 4, 1.0, 0.0), SP_E_ARGUMENT);
    assert_int_equal(sp_noise_line(NULL, &noise, x, 4, 0.0, INFINITY), SP_E_ARGUMENT);
    assert_int_equal(sp_noise_gain(NULL, &noise, x, 4, NAN, 0.0), SP_E_ARGUMENT);
    sp_rng_init(&rng, sp_test_seed() + 3);
    front_clip clip = make_clip(front, 2400, 30.0);
    double *back = malloc(2400 * sizeof *back);
    assert_non_null(back);
    for (size_t i = 0; i < 2400; i++) {
        back[i] = -clip.samples[i];
    }
    assert_int_equal(sp_noise_line(NULL, &noise, back, 2400, 0.0, 1.0), SP_OK);
    assert_int_equal(sp_front_path_create(NULL, &path, forms, clip.samples, 2400, &noise, 0.0),
                     SP_OK);
    assert_int_equal(sp_front_path_bound(NULL, &bound, path, 0.0, 0.9), SP_OK);
    sp_front_bound_clear(&bound);
    assert_int_equal(sp_front_path_bound(NULL, &bound, path, 0.0, 1.0), SP_E_NONFINITE);
    assert_int_equal(sp_front_path_bound(NULL, &bound, path, 0.0, 1.1), SP_E_ARGUMENT);
    sp_front_path_destroy(path);
    sp_noise_clear(&noise);
    free(back);
    free(clip.samples);
    sp_front_forms_destroy(forms);
    sp_front_destroy(front);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines_and_gains),
        cmocka_unit_test(test_tightness),
        cmocka_unit_test(test_windows),
        cmocka_unit_test(test_bad_sets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
