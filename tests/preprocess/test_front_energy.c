/* What bounds all bands of a frame at once, number by number: every row of the spectrum that bands
 * read has a peak above it, or a mixture of two, and the energy of a frame is all of the weighed
 * squares of its radii. Noises from inside the set come within a few per cent of the bound at best,
 * so that they do not tell a peak or an energy that is a little too small. */
#include "tests/preprocess/front_check.h"
#include "tests/support/arb.h"

/* The least of the columns i and j of the peaks, mixed as 1 - x to x, over weight_mj rho_j. In long
 * double: peaks are raised by more than this rounds. */
static long double reach(const sp_front_bound *b, const sp_front_forms *forms, size_t k, size_t i,
                         size_t j, long double x) {
    const sp_band *energy = &forms->energy; /* its weights are 1 / rho */
    long double least = INFINITY;
    for (size_t m = 0; m < b->bands; m++) {
        const long double weight = forms->mel->matrix[m * forms->mel->in + energy->row[k]];
        const double *peak = b->peak + m * b->peaks; /* peak[m,:] */
        if (weight > 0.0) {
            const long double at = (1.0L - x) * peak[i] + x * peak[j];
            least = fminl(least, at * energy->weight[k] / weight);
        }
    }
    return least;
}

/* Whether some mixture of two columns reaches weight_mj rho_j in all bands m. The least of several
 * linear functions is concave: its largest value is closed in on. */
static bool is_peaked(const sp_front_bound *b, const sp_front_forms *forms, size_t k, double part) {
    for (size_t i = 0; i < b->peaks; i++) {
        for (size_t j = i; j < b->peaks && j < i + 2; j++) {
            long double lo = 0.0L, hi = 1.0L;
            for (size_t n = 0; n < 200 && i != j; n++) {
                const long double x = lo + (hi - lo) / 3.0L, y = hi - (hi - lo) / 3.0L;
                if (reach(b, forms, k, i, j, x) < reach(b, forms, k, i, j, y)) {
                    lo = x;
                } else {
                    hi = y;
                }
            }
            if (part * reach(b, forms, k, i, j, lo) >= 1.0L) {
                return true;
            }
        }
    }
    return false;
}

static void check_peaks(const sp_front_bound *b, const sp_front_forms *forms, bool *tight) {
    size_t read = 0;
    for (size_t k = 0; k < forms->energy.rows; k++) {
        assert_true(is_peaked(b, forms, k, 1.0));
        *tight = *tight || !is_peaked(b, forms, k, 0.99);
    }
    for (size_t j = 0; j < forms->spectrum->out; j++) {
        bool is_read = false, is_zero = true;
        for (size_t m = 0; m < b->bands; m++) {
            is_read = is_read || forms->mel->matrix[m * forms->mel->in + j] > 0.0;
        }
        for (size_t i = 0; i < forms->spectrum->in; i++) {
            is_zero = is_zero && forms->spectrum->matrix[j * forms->spectrum->in + i] == 0.0;
        }
        read += is_read && !is_zero;
    }
    assert_int_equal(read, forms->energy.rows); // no row is forgotten
}

/* energy[t] >= sum_i D_i r_i^2, and hardly more. */
static void check_energy(const sp_front_bound *b, const sp_front_forms *forms, size_t t) {
    arb_t sum, square, weight;
    arb_init(sum);
    arb_init(square);
    arb_init(weight);
    for (size_t i = 0; i < b->frame; i++) {
        arb_set_d(square, b->radius[t * b->step + i]);
        arb_sqr(square, square, SP_ARB_BITS);
        arb_set_d(weight, forms->energy.diagonal[i]);
        arb_addmul(sum, weight, square, SP_ARB_BITS);
    }
    assert_true(sp_arb_le(sum, b->energy[t]));
    assert_true(sp_arb_ge(sum, b->energy[t] * (1.0 - 1e-9)));
    arb_clear(sum);
    arb_clear(square);
    arb_clear(weight);
}

static void peaks_and_energies_hold_number_by_number(void **state) {
    (void)state;
    sp_rng rng;
    sp_rng_init(&rng, sp_test_seed());
    for (size_t which = 0; which < FRONT_COUNT; which++) {
        sp_front *front = front_make(which);
        sp_front_forms *forms = front_forms(front, SP_FRONT_JOINT);
        front_clip clip;
        front_clip_make(&clip, CLIP_NOISE, 700, &rng);
        sp_noise noise = {0};
        sp_front_bound bound;
        sp_error err;
        bool tight = false;
        assert_int_equal(sp_noise_box(&err, &noise, clip.n, 3.0), SP_OK);
        for (size_t i = 0; i < clip.n; i++) { // a radius of its own for every sample
            noise.radius[i] = sp_rng_below(&rng, 4) ? sp_rng_uniform(&rng, 0.0, 3.0) : 0.0;
        }
        if (sp_front_bound_create(&err, &bound, forms, clip.samples, clip.n, &noise) != SP_OK) {
            fail_msg("%s", err.text);
        }
        assert_true(bound.peaks > 0);
        // the forms that rows read are those that the peaks and the diagonal are proved of
        assert_ptr_equal(bound.row, forms->spectrum->matrix);
        assert_ptr_equal(bound.share, forms->mel->matrix);
        assert_ptr_equal(bound.diagonal, forms->energy.diagonal);
        assert_int_equal(bound.rows, forms->mel->in);
        check_peaks(&bound, forms, &tight);
        assert_true(tight); // and the peaks are no larger than they must be
        for (size_t t = 0; t < bound.frames; t++) {
            check_energy(&bound, forms, t);
        }
        sp_front_bound_clear(&bound);
        sp_noise_clear(&noise);
        free(clip.samples);
        sp_front_forms_destroy(forms);
        sp_front_destroy(front);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(peaks_and_energies_hold_number_by_number),
    };
    return cmocka_run_group_tests_name("preprocess/front_energy", tests, NULL, NULL);
}
