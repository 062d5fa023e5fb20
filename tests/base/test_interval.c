/* Outward rounding against exact arithmetic. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/interval.h"
#include "tests/support/arb.h"
#include "tests/support/support.h"

typedef enum { ADD, SUBTRACT, MULTIPLY, DIVIDE, ROOT, OPERATIONS } operation;

static double rounded(operation op, double a, double b) {
    switch (op) {
    case ADD:
        return a + b;
    case SUBTRACT:
        return a - b;
    case MULTIPLY:
        return a * b;
    case DIVIDE:
        return a / b;
    default:
        return sqrt(a);
    }
}

static void exact(arb_t z, operation op, double a, double b) {
    arb_t x, y;
    arb_init(x);
    arb_init(y);
    arb_set_d(x, a);
    arb_set_d(y, b);
    switch (op) {
    case ADD:
        arb_add(z, x, y, SP_ARB_BITS);
        break;
    case SUBTRACT:
        arb_sub(z, x, y, SP_ARB_BITS);
        break;
    case MULTIPLY:
        arb_mul(z, x, y, SP_ARB_BITS);
        break;
    case DIVIDE:
        arb_div(z, x, y, SP_ARB_BITS);
        break;
    default:
        arb_sqrt(z, x, SP_ARB_BITS);
        break;
    }
    arb_clear(x);
    arb_clear(y);
}

static size_t samples(void) {
    return sp_test_long() ? 1000000 : sp_test_sanitized() ? 5000 : 40000;
}

/* One rounding: the step leads strictly past the exact result, and not much further. */
static void one_rounding_is_covered(void **state) {
    (void)state;
    sp_rng rng;
    arb_t z;
    sp_rng_init(&rng, sp_test_seed());
    arb_init(z);
    for (size_t i = 0; i < samples(); i++) {
        const operation op = (operation)sp_rng_below(&rng, OPERATIONS);
        double a = sp_rng_double(&rng), b = sp_rng_double(&rng);
        a = op == ROOT ? fabs(a) : a;
        b = op == DIVIDE && b == 0.0 ? 1.0 : b;
        const double r = rounded(op, a, b), below = sp_below(r), above = sp_above(r);
        exact(z, op, a, b);
        if (!sp_arb_gt(z, below) || !sp_arb_lt(z, above)) {
            fail_msg("operation %d of %a and %a: [%a, %a] around %a", (int)op, a, b, below, above,
                     r);
        }
        if (fabs(r) <= DBL_MAX / 2) {
            assert_true(above - below <= fabs(r) * 0x1p-50 + 0x1p-1072);
        }
    }
    arb_clear(z);
}

static void steps_are_total(void **state) {
    (void)state;
    assert_true(sp_below(NAN) == -INFINITY);
    assert_true(sp_above(NAN) == INFINITY);
    assert_true(sp_below(INFINITY) == DBL_MAX);
    assert_true(sp_above(-INFINITY) == -DBL_MAX);
    assert_true(sp_below(-INFINITY) == -INFINITY);
    assert_true(sp_above(INFINITY) == INFINITY);
    assert_true(sp_below(0.0) < 0.0 && sp_above(0.0) > 0.0);
    assert_true(sp_below(0x1p-1074) <= 0.0);
    assert_true(sp_above(DBL_MAX) == INFINITY);
    assert_true(sp_below(-DBL_MAX) == -INFINITY);
}

static sp_iv random_interval(sp_rng *rng) {
    const double a = sp_rng_double(rng), b = sp_rng_below(rng, 4) == 0 ? a : sp_rng_double(rng);
    return sp_iv_make(fmin(a, b), fmax(a, b));
}

/* inside - an end, or a point between (by the mean of the ends, which cannot overflow here). */
static double inside(sp_rng *rng, sp_iv a) {
    switch (sp_rng_below(rng, 3)) {
    case 0:
        return a.lo;
    case 1:
        return a.hi;
    default:
        return fmin(a.hi, fmax(a.lo, 0.5 * a.lo + 0.5 * a.hi));
    }
}

static void sums_and_products_contain(void **state) {
    (void)state;
    sp_rng rng;
    arb_t z;
    sp_rng_init(&rng, sp_test_seed() + 1);
    arb_init(z);
    for (size_t i = 0; i < samples(); i++) {
        const sp_iv a = random_interval(&rng), b = random_interval(&rng);
        const double x = inside(&rng, a), y = inside(&rng, b);
        const sp_iv sum = sp_iv_add(a, b), product = sp_iv_mul(a, b);
        exact(z, ADD, x, y);
        if (!sp_arb_within(z, sum.lo, sum.hi)) {
            fail_msg("%a + %a is not in [%a, %a]", x, y, sum.lo, sum.hi);
        }
        exact(z, MULTIPLY, x, y);
        if (!sp_arb_within(z, product.lo, product.hi)) {
            fail_msg("%a * %a is not in [%a, %a]", x, y, product.lo, product.hi);
        }
    }
    arb_clear(z);
}

static void no_information_is_the_whole_line(void **state) {
    (void)state;
    const sp_iv whole = sp_iv_make(-INFINITY, INFINITY), one = sp_iv_make(1.0, 1.0);
    const sp_iv bad[] = {sp_iv_make(NAN, 1.0), sp_iv_make(0.0, NAN), sp_iv_make(2.0, 1.0)};
    for (size_t i = 0; i < 3; i++) {
        assert_true(bad[i].lo == -INFINITY && bad[i].hi == INFINITY);
    }
    const sp_iv raw = {NAN, NAN};
    const sp_iv results[] = {sp_iv_add(raw, one), sp_iv_mul(raw, one), sp_iv_add(whole, one),
                             sp_iv_mul(whole, sp_iv_make(0.0, 0.0))};
    for (size_t i = 0; i < 4; i++) {
        assert_true(results[i].lo == -INFINITY && results[i].hi == INFINITY);
    }
}

static void meet_keeps_a_sound_enclosure(void **state) {
    (void)state;
    const sp_iv a = sp_iv_make(0.0, 3.0), b = sp_iv_make(2.0, 5.0), c = sp_iv_make(6.0, 6.5);
    const sp_iv both = sp_iv_meet(a, b), apart = sp_iv_meet(a, c);
    assert_true(both.lo == 2.0 && both.hi == 3.0);
    assert_true(apart.lo == 6.0 && apart.hi == 6.5);
    assert_true(sp_iv_mag(sp_iv_make(-4.0, 3.0)) == 4.0);
    assert_true(sp_iv_mag(sp_iv_make(-1.0, 3.0)) == 3.0);
}

static void gamma_is_rounded_up(void **state) {
    (void)state;
    sp_rng rng;
    arb_t ku, g;
    sp_rng_init(&rng, sp_test_seed() + 2);
    arb_init(ku);
    arb_init(g);
    for (size_t i = 0; i < samples() / 4; i++) {
        const double k = floor(exp(sp_rng_uniform(&rng, 0.0, 36.0)));
        const double value = sp_gamma(k);
        arb_set_d(ku, k);
        arb_mul_2exp_si(ku, ku, -53);
        arb_sub_ui(g, ku, 1, SP_ARB_BITS);
        arb_neg(g, g);
        arb_div(g, ku, g, SP_ARB_BITS);
        if (!sp_arb_le(g, value)) {
            fail_msg("gamma(%a) = %a is too small", k, value);
        }
        assert_true(value < sp_arb_upper(g) * (1.0 + 0x1p-48));
    }
    arb_clear(ku);
    arb_clear(g);
    assert_true(sp_gamma(0x1p52) == INFINITY);
    assert_true(sp_gamma(NAN) == INFINITY);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_rounding_is_covered),
        cmocka_unit_test(steps_are_total),
        cmocka_unit_test(sums_and_products_contain),
        cmocka_unit_test(no_information_is_the_whole_line),
        cmocka_unit_test(meet_keeps_a_sound_enclosure),
        cmocka_unit_test(gamma_is_rounded_up),
    };
    return cmocka_run_group_tests_name("base/interval", tests, NULL, NULL);
}
