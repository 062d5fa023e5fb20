/* The bound of second derivatives that planes on polygons stand on, against the derivatives
 * themselves: sampled planes do not tell a bound that is a little too small. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <float.h>

#include "relax/plane/plane_polygon.h"
#include "tests/relax/check.h"

static int trials(void) {
    return sp_test_sanitized() ? 500 : sp_test_long() ? 50000 : 5000;
}

/* |f''| along (dx, dy) at a point. */
static double derivative(sp_product f, double x, double y, double dx, double dy) {
    const double s = 1.0 / (1.0 + exp(-x)), t = tanh(y);
    switch (f) {
    case SP_PRODUCT_SIGMOID_TANH:
        return fabs(s * (1.0 - s) * (1.0 - 2.0 * s) * t * dx * dx +
                    2.0 * s * (1.0 - s) * (1.0 - t * t) * dx * dy -
                    2.0 * s * t * (1.0 - t * t) * dy * dy);
    case SP_PRODUCT_SIGMOID_ID:
        return fabs(s * (1.0 - s) * (1.0 - 2.0 * s) * y * dx * dx + 2.0 * s * (1.0 - s) * dx * dy);
    default: // x y
        return fabs(2.0 * dx * dy);
    }
}

static void second_derivatives_stay_below_their_bound(void **state) {
    (void)state;
    static const sp_product product[3] = {SP_PRODUCT_SIGMOID_TANH, SP_PRODUCT_SIGMOID_ID,
                                          SP_PRODUCT_ID_ID};
    double nearest[3] = {0.0, 0.0, 0.0};
    sp_rng rng;
    sp_rng_init(&rng, sp_test_seed());
    for (int i = 0; i < trials(); i++) {
        const sp_product f = product[i % 3];
        const sp_box box = {check_random_plain(&rng), check_random_plain(&rng)};
        const double dx = sp_rng_below(&rng, 4) == 0 ? 0.0 : sp_rng_normal(&rng);
        const double dy = sp_rng_below(&rng, 4) == 0 ? 0.0 : sp_rng_normal(&rng);
        const double bound = sp_polygon_curvature(f, box, dx, dy);
        assert_true(bound <= 20.0 * (dx * dx + dy * dy) * (1.0 + sp_iv_mag(box.y)));
        for (int k = 0; k < 40; k++) {
            const double x = k == 0 ? check_clamp(0.0, box.x) : check_random_in(&rng, box.x);
            const double y = k == 0 ? check_clamp(0.0, box.y) : check_random_in(&rng, box.y);
            const double there = derivative(f, x, y, dx, dy);
            assert_true(there <= bound);
            if (bound > 0.0) {
                nearest[i % 3] = fmax(nearest[i % 3], there / bound);
            }
        }
    }
    for (int k = 0; k < 3; k++) {
        assert_true(nearest[k] > 0.98); // and it is reached
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(second_derivatives_stay_below_their_bound),
    };
    return cmocka_run_group_tests_name("relax/curvature", tests, NULL, NULL);
}
