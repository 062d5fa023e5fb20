/* Features that are a linear map of the bands: their boxes against sums in exact mathematics, for
 * rows whose terms cancel, so that what is left is of the size of the rounding. */
#include "tests/preprocess/front_check.h"
#include "tests/support/arb.h"

enum { BANDS = 40, FEATURES = 13 };

static void boxes_of_a_linear_map_hold_where_its_terms_cancel(void **state) {
    (void)state;
    sp_rng rng;
    sp_rng_init(&rng, sp_test_seed());
    double matrix[FEATURES * BANDS], bias[FEATURES], lo[BANDS], hi[BANDS];
    double feature_lo[FEATURES], feature_hi[FEATURES];
    sp_front_bound bound = {.bands = BANDS,
                            .features = FEATURES,
                            .matrix = matrix,
                            .matrix_bias = bias,
                            .lo = lo,
                            .hi = hi,
                            .feature_lo = feature_lo,
                            .feature_hi = feature_hi};
    arb_t low, high;
    arb_init(low);
    arb_init(high);
    for (int trial = 0; trial < 50; trial++) {
        for (size_t m = 0; m < BANDS; m++) {
            lo[m] = sp_rng_normal(&rng);
            hi[m] = lo[m] + (trial % 2 ? 0.0 : fabs(sp_rng_normal(&rng)));
        }
        for (size_t i = 0; i < FEATURES; i++) {
            long double sum = 0.0L;
            for (size_t m = 0; m < BANDS; m++) {
                matrix[i * BANDS + m] = sp_rng_normal(&rng);
                sum += (long double)matrix[i * BANDS + m] * lo[m];
            }
            bias[i] = (double)-sum;
        }
        sp_front_features(&bound, 0);
        for (size_t i = 0; i < FEATURES; i++) {
            double size = fabs(bias[i]);
            arb_set_d(low, bias[i]);
            arb_set_d(high, bias[i]);
            for (size_t m = 0; m < BANDS; m++) {
                const double w = matrix[i * BANDS + m];
                sp_arb_addmul_d(low, w, w >= 0.0 ? lo[m] : hi[m]);
                sp_arb_addmul_d(high, w, w >= 0.0 ? hi[m] : lo[m]);
                size += fabs(w) * fmax(fabs(lo[m]), fabs(hi[m]));
            }
            assert_true(sp_arb_ge(low, feature_lo[i]));
            assert_true(sp_arb_le(high, feature_hi[i]));
            assert_true(sp_arb_lower(low) - feature_lo[i] <= 1e-13 * size); // and hardly wider
            assert_true(feature_hi[i] - sp_arb_upper(high) <= 1e-13 * size);
        }
    }
    arb_clear(low);
    arb_clear(high);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(boxes_of_a_linear_map_hold_where_its_terms_cancel),
    };
    return cmocka_run_group_tests_name("preprocess/front_features", tests, NULL, NULL);
}
