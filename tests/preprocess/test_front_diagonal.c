/* D >= Q for every band, judged in Arb on the doubles of the stage list, and D as small as the
 * dual says. */
#include "tests/preprocess/front_check.h"
#include "tests/support/arb.h"

static sp_rng rng;

/* v' Q v = sum_k weight_k (f_k . v)^2 */
static void quadratic(arb_t out, const sp_stage *spectrum, const sp_band *band, const double *v) {
    arb_t y, w;
    arb_init(y);
    arb_init(w);
    arb_zero(out);
    for (size_t k = 0; k < band->rows; k++) {
        sp_arb_dot(y, spectrum->matrix + band->row[k] * spectrum->in, v, spectrum->in);
        arb_sqr(y, y, SP_ARB_BITS);
        arb_set_d(w, band->weight[k]);
        arb_addmul(out, w, y, SP_ARB_BITS);
    }
    arb_clear(y);
    arb_clear(w);
}

/* scale v' D v */
static void diagonal(arb_t out, const sp_band *band, const double *v, size_t n, double scale) {
    arb_t x, d;
    arb_init(x);
    arb_init(d);
    arb_zero(out);
    for (size_t i = 0; i < n; i++) {
        arb_set_d(x, v[i]);
        arb_sqr(x, x, SP_ARB_BITS);
        arb_set_d(d, band->diagonal[i]);
        arb_addmul(out, d, x, SP_ARB_BITS);
    }
    arb_set_d(d, scale);
    arb_mul(out, out, d, SP_ARB_BITS);
    arb_clear(x);
    arb_clear(d);
}

/* Whether scale v' D v >= v' Q v for certain. */
static bool holds(const sp_stage *spectrum, const sp_band *band, const double *v, double scale) {
    arb_t q, d;
    arb_init(q);
    arb_init(d);
    quadratic(q, spectrum, band, v);
    diagonal(d, band, v, spectrum->in, scale);
    const bool result = arb_ge(d, q);
    arb_clear(q);
    arb_clear(d);
    return result;
}

/* v <- D^-1 Q v, normalised: towards the direction where D is tightest. */
static void towards_tight(double *v, const sp_stage *spectrum, const sp_band *band, size_t rounds) {
    double y[512];
    for (size_t round = 0; round < rounds; round++) {
        double square = 0.0;
        sp_rows_times(y, spectrum->matrix, spectrum->in, band->row, band->rows, v);
        for (size_t k = 0; k < band->rows; k++) {
            y[k] *= band->weight[k];
        }
        sp_rows_combine(v, spectrum->matrix, spectrum->in, band->row, band->rows, y);
        for (size_t i = 0; i < spectrum->in; i++) {
            v[i] = band->diagonal[i] > 0.0 ? v[i] / band->diagonal[i] : 0.0;
            square += v[i] * v[i];
        }
        for (size_t i = 0; i < spectrum->in; i++) {
            v[i] /= sqrt(square);
        }
    }
}

static void check_band(const sp_stage *spectrum, const sp_band *band) {
    double v[512];
    const int draws = sp_test_sanitized() ? 4 : sp_test_long() ? 200 : 12;
    for (int k = 0; k < draws; k++) {
        for (size_t i = 0; i < spectrum->in; i++) {
            v[i] = k % 2 ? sp_rng_normal(&rng) : sp_rng_below(&rng, 2) ? 1.0 : -1.0;
        }
        towards_tight(v, spectrum, band, k % 4 < 2 ? 0 : 40);
        assert_true(holds(spectrum, band, v, 1.0));
    }
    towards_tight(v, spectrum, band, 200);
    assert_true(holds(spectrum, band, v, 1.0));
    assert_false(holds(spectrum, band, v, 0.99)); // a diagonal that is too small is seen
}

/* D has least trace if it is near a lower bound of the dual: max over sign vectors of v' Q v is
 * one. */
static double best_signs(const sp_stage *spectrum, const sp_band *band) {
    double best = 0.0, v[512], g[512], y[512];
    for (int start = 0; start < 8; start++) {
        for (size_t i = 0; i < spectrum->in; i++) {
            v[i] = start == 0 || sp_rng_below(&rng, 2) ? 1.0 : -1.0; // a constant is one start
        }
        for (int round = 0; round < 60; round++) {
            double value = 0.0;
            sp_rows_times(y, spectrum->matrix, spectrum->in, band->row, band->rows, v);
            for (size_t k = 0; k < band->rows; k++) {
                value += band->weight[k] * y[k] * y[k];
                y[k] *= band->weight[k];
            }
            best = fmax(best, value);
            sp_rows_combine(g, spectrum->matrix, spectrum->in, band->row, band->rows, y);
            for (size_t i = 0; i < spectrum->in; i++) {
                v[i] = g[i] < 0.0 ? -1.0 : 1.0;
            }
        }
    }
    return best;
}

static void test_diagonals(void **state) {
    (void)state;
    sp_rng_init(&rng, sp_test_seed());
    for (size_t which = 0; which < FRONT_COUNT; which++) {
        sp_front *front = front_make(which);
        sp_front_forms *forms = front_forms(front, SP_FRONT_JOINT);
        double total = 0.0;
        for (size_t m = 0; m < forms->layout->bands; m++) {
            const sp_band *band = &forms->band[m];
            double trace = 0.0;
            for (size_t i = 0; i < forms->spectrum->in; i++) {
                trace += band->diagonal[i];
            }
            total += trace;
            check_band(forms->spectrum, band);
            // least trace / best signs lies between 1 and pi / 2 [Nesterov]
            const double signs = best_signs(forms->spectrum, band);
            assert_true(trace >= signs);
            if (!(trace <= 1.5708 * signs)) {
                fail_msg("front %zu band %zu: trace %g, signs %g", which, m, trace, signs);
            }
        }
        check_band(forms->spectrum, &forms->energy);
        print_message("front %zu: sum of traces %.4f\n", which, total);
        assert_true(which != 0 || fabs(total - 592.0) < 1.0); // computed apart from this code
        sp_front_forms_destroy(forms);
        sp_front_destroy(front);
    }
}

/* Samples behind the transform reach nothing: they have no column, and every other one a D > 0. */
static void test_cut_samples(void **state) {
    (void)state;
    sp_front *front = front_make(2);
    sp_front_forms *forms = front_forms(front, SP_FRONT_JOINT);
    for (size_t m = 0; m < forms->layout->bands; m++) {
        assert_int_equal(forms->spectrum->in, 64);
        for (size_t i = 0; i < 64; i++) {
            assert_true(forms->band[m].diagonal[i] > 0.0);
        }
    }
    sp_front_forms_destroy(forms);
    sp_front_destroy(front);
}

/* The same numbers on every run. */
static void test_deterministic(void **state) {
    (void)state;
    sp_front *front = front_make(0);
    sp_front_forms *a = front_forms(front, SP_FRONT_JOINT), *b = front_forms(front, SP_FRONT_JOINT);
    for (size_t m = 0; m < 10; m++) {
        assert_memory_equal(a->band[m].diagonal, b->band[m].diagonal, 256 * sizeof(double));
    }
    sp_front_forms_destroy(a);
    sp_front_forms_destroy(b);
    sp_front_destroy(front);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_diagonals),
        cmocka_unit_test(test_cut_samples),
        cmocka_unit_test(test_deterministic),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
