/* Random numbers are those of splitmix64, and Adam's steps are the textbook's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>

#include "base/adam.h"
#include "base/random.h"

/* From the reference implementation (Vigna, splitmix64.c) started at 1234567. */
static void numbers_are_those_of_splitmix64(void **state) {
    (void)state;
    static const uint64_t expected[] = {
        UINT64_C(6457827717110365317), UINT64_C(3203168211198807973), UINT64_C(9817491932198370423),
        UINT64_C(4593380528125082431), UINT64_C(16408922859458223821)};
    sp_random random = {1234567}, unit = random, sign = random;
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        assert_true(sp_random_next(&random) == expected[i]);
        assert_true(sp_random_unit(&unit) == (double)(expected[i] >> 11) / 0x1p53);
        assert_true(sp_random_sign(&sign) == (double)(expected[i] >> 11) / 0x1p52 - 1.0);
    }
}

static void numbers_fill_their_range(void **state) {
    (void)state;
    enum { DRAWS = 20000 };
    sp_random random = {sp_random_seed(7)};
    double lo = 1.0, hi = 0.0, sum = 0.0, least = 1.0, most = -1.0;
    for (size_t i = 0; i < DRAWS; i++) {
        const double u = sp_random_unit(&random), s = sp_random_sign(&random);
        lo = fmin(lo, u);
        hi = fmax(hi, u);
        least = fmin(least, s);
        most = fmax(most, s);
        sum += u + s;
    }
    assert_true(lo >= 0.0 && lo < 1e-3 && hi < 1.0 && hi > 1.0 - 1e-3);
    assert_true(least >= -1.0 && least < -1.0 + 1e-3 && most < 1.0 && most > 1.0 - 1e-3);
    assert_true(fabs(sum / DRAWS - 0.5) < 0.02);
}

/* Equal gradients: without its bias each mean is the gradient, and a step is one rate long. */
static void equal_gradients_give_steps_of_one_rate(void **state) {
    (void)state;
    double mean = 0.0, square = 0.0;
    for (int step = 1; step <= 50; step++) {
        sp_adam_track(&mean, &square, -3.0);
        const double m = mean / sp_adam_weight(SP_ADAM_MEAN, step);
        const double v = square / sp_adam_weight(SP_ADAM_SQUARE, step);
        assert_true(fabs(m + 3.0) <= 1e-12 && fabs(v - 9.0) <= 1e-10);
        assert_true(fabs(sp_adam_step(0.25, m, v) + 0.25) <= 1e-8);
    }
    sp_adam_track(&mean, &square, 5.0);
    const double old = 1.0 - pow(0.9, 50.0), older = 1.0 - pow(0.999, 50.0);
    assert_true(fabs(mean - (0.9 * -3.0 * old + 0.1 * 5.0)) <= 1e-12);
    assert_true(fabs(square - (0.999 * 9.0 * older + 0.001 * 25.0)) <= 1e-12);
    assert_true(sp_adam_step(0.25, 0.0, 0.0) == 0.0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_those_of_splitmix64),
        cmocka_unit_test(numbers_fill_their_range),
        cmocka_unit_test(equal_gradients_give_steps_of_one_rate),
    };
    return cmocka_run_group_tests_name("base/random", tests, NULL, NULL);
}
