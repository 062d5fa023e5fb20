/* The lower end of the joint rule's range against the least energy that a plain descent of our own
 * finds: never above it, and close to it, from thin sets up to sets that cancel whole bands. */
#include "tests/preprocess/front_check.h"

static sp_rng rng;
static size_t compared; /* bands whose least energy was found here, too */

/* E at x + d, and half its gradient. */
static double energy_at(double *gradient, const sp_front_forms *forms, const sp_band *band,
                        const double *x, const double *d) {
    double moved[512] = {0.0}, y[512], energy = band->floor;
    const sp_stage *s = forms->spectrum;
    for (size_t i = 0; i < s->in; i++) {
        moved[i] = x[i] + d[i];
    }
    sp_rows_times(y, s->matrix, s->in, band->row, band->rows, moved);
    for (size_t k = 0; k < band->rows; k++) {
        energy += band->weight[k] * y[k] * y[k];
        y[k] *= band->weight[k];
    }
    sp_rows_combine(gradient, s->matrix, s->in, band->row, band->rows, y);
    return energy;
}

/* Accelerated projected gradient with restarts when the energy rises; d holds the best point. */
static double least_energy(const sp_front_forms *forms, const sp_band *band, const double *x,
                           double radius, int steps) {
    double d[512] = {0.0}, y[512] = {0.0}, next[512], gradient[512], speed = 1.0;
    double best = energy_at(gradient, forms, band, x, d), last = best;
    const size_t n = forms->spectrum->in;
    for (int step = 0; step < steps; step++) {
        (void)energy_at(gradient, forms, band, x, y);
        for (size_t i = 0; i < n; i++) {
            next[i] = fmax(-radius, fmin(radius, y[i] - gradient[i] / band->curvature));
        }
        const double value = energy_at(gradient, forms, band, x, next);
        const double faster = 0.5 * (1.0 + sqrt(1.0 + 4.0 * speed * speed));
        const double beta = value > last ? 0.0 : (speed - 1.0) / faster;
        for (size_t i = 0; i < n; i++) {
            y[i] = next[i] + beta * (next[i] - d[i]);
            d[i] = next[i];
        }
        speed = value > last ? 1.0 : faster;
        last = value;
        best = fmin(best, value);
    }
    return best;
}

static double check_clip(const sp_front_forms *forms, const front_clip *clip, double part) {
    sp_noise noise;
    sp_front_bound b;
    sp_error err;
    double worst = 0.0;
    const double eps = part * front_peak(clip);
    assert_int_equal(sp_noise_box(&err, &noise, clip->n, eps), SP_OK);
    assert_int_equal(sp_front_bound_create(&err, &b, forms, clip->samples, clip->n, &noise), SP_OK);
    for (size_t m = 0; m < b.bands; m++) {
        const sp_band *band = &forms->band[m];
        const int steps = sp_test_sanitized() ? 300 : sp_test_long() ? 1500 : 600;
        const double half = log(least_energy(forms, band, clip->samples, eps, steps / 2));
        const double found = log(least_energy(forms, band, clip->samples, eps, steps));
        const double width = b.hi[m] - b.lo[m];
        assert_true(b.lo[m] <= found + 1e-12);
        // where noise can nearly cancel a band, the descent here needs up to 10^6 steps
        if (half - found < 1e-4 * width) {
            worst = fmax(worst, (found - b.lo[m]) / width);
            compared++;
        }
    }
    sp_front_bound_clear(&b);
    sp_noise_clear(&noise);
    return worst;
}

static void check_front(size_t which) {
    static const double parts[] = {1e-6, 1e-4, 3e-3, 2e-2, 6e-2, 0.5};
    sp_front *front = front_make(which);
    sp_front_forms *forms = front_forms(front, SP_FRONT_JOINT);
    for (clip_kind kind = CLIP_IMPULSE; kind < CLIP_KINDS; kind++) {
        front_clip clip;
        front_clip_make(&clip, kind, forms->layout->frame, &rng);
        for (size_t k = 0; k < sizeof parts / sizeof *parts; k += sp_test_sanitized() ? 4 : 1) {
            const double worst = check_clip(forms, &clip, parts[k]);
            if (!(worst < 0.02)) {
                fail_msg("front %zu, %s, radius %g: %g of the range is lost", which, clip.name,
                         parts[k], worst);
            }
        }
        free(clip.samples);
    }
    sp_front_forms_destroy(forms);
    sp_front_destroy(front);
}

static void test_fsdd(void **state) {
    (void)state;
    sp_rng_init(&rng, sp_test_seed());
    check_front(0);
    print_message("%zu least energies compared\n", compared);
    assert_true(compared > (sp_test_sanitized() ? 40 : 150));
}

static void test_others(void **state) {
    (void)state;
    sp_rng_init(&rng, sp_test_seed() + 1);
    check_front(1);
    check_front(2);
}

/* A band that noise cancels ends at the floor, and one that it cannot does not. */
static void test_cancelling(void **state) {
    (void)state;
    sp_front *front = front_make(2);
    sp_front_forms *forms = front_forms(front, SP_FRONT_JOINT);
    front_clip clip;
    sp_rng_init(&rng, sp_test_seed() + 2);
    front_clip_make(&clip, CLIP_NOISE, 150, &rng);
    for (int loud = 0; loud < 2; loud++) {
        sp_noise noise;
        sp_front_bound b;
        sp_error err;
        assert_int_equal(sp_noise_box(&err, &noise, 150, (loud ? 1.0 : 1e-3) * front_peak(&clip)),
                         SP_OK);
        assert_int_equal(sp_front_bound_create(&err, &b, forms, clip.samples, 150, &noise), SP_OK);
        for (size_t m = 0; m < b.bands; m++) {
            assert_true((b.lo[m] < log(1e-10) + 1e-6) == (loud == 1));
            assert_true(b.lo[m] > log(1e-10) - 1e-6);
        }
        sp_front_bound_clear(&b);
        sp_noise_clear(&noise);
    }
    free(clip.samples);
    sp_front_forms_destroy(forms);
    sp_front_destroy(front);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fsdd),
        cmocka_unit_test(test_others),
        cmocka_unit_test(test_cancelling),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
