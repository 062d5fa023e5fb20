/* Lines of curves whose values are rational, and of the logarithm, in exact mathematics: what a
 * rounding moves shows at the points where a line touches. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <float.h>

#include "relax/line_activation.h"
#include "tests/relax/check.h"

static int trials(int n) {
    return sp_test_sanitized() ? n / 4 : sp_test_long() ? 20 * n : n;
}

/* z = f(x); false: not one of these curves. */
static bool exact(arb_t z, sp_activation f, double x) {
    arb_t end;
    arb_init(end);
    arb_set_d(z, x);
    switch (f.kind) {
    case SP_ACTIVATION_HARD_SIGMOID:
        arb_zero(z);
        sp_arb_addmul_d(z, f.alpha, x);
        sp_arb_addmul_d(z, f.beta, 1.0);
        arb_max(z, z, end, SP_ARB_BITS);
        arb_one(end);
        arb_min(z, z, end, SP_ARB_BITS);
        break;
    case SP_ACTIVATION_AFFINE:
        arb_zero(z);
        sp_arb_addmul_d(z, f.alpha, x);
        sp_arb_addmul_d(z, f.beta, 1.0);
        break;
    case SP_ACTIVATION_RELU:
        arb_max(z, z, end, SP_ARB_BITS);
        break;
    case SP_ACTIVATION_LEAKY_RELU:
        if (x < 0.0) {
            arb_zero(z);
            sp_arb_addmul_d(z, f.alpha, x);
        }
        break;
    case SP_ACTIVATION_SQUARE:
        arb_sqr(z, z, SP_ARB_BITS);
        break;
    case SP_ACTIVATION_LOG:
        arb_log(z, z, SP_ARB_BITS);
        break;
    default:
        arb_clear(end);
        return false;
    }
    arb_clear(end);
    return true;
}

static void check_at(sp_activation f, sp_line_pair pair, sp_iv x, double at) {
    arb_t lower, upper;
    arb_init(lower);
    arb_init(upper);
    if (exact(lower, f, at)) {
        arb_set(upper, lower);
        sp_arb_addmul_d(lower, -pair.lower.w, at);
        sp_arb_addmul_d(upper, -pair.upper.w, at);
        if (!(sp_arb_ge(lower, pair.lower.c) && sp_arb_le(upper, pair.upper.c))) {
            fail_msg("%s (%a, %a) on [%a, %a] at %a: lower %a %a, upper %a %a",
                     sp_activation_name(f.kind), f.alpha, f.beta, x.lo, x.hi, at, pair.lower.w,
                     pair.lower.c, pair.upper.w, pair.upper.c);
        }
    }
    arb_clear(lower);
    arb_clear(upper);
}

static void lines_hold_in_exact_mathematics(void **state) {
    (void)state;
    sp_rng rng;
    sp_rng_init(&rng, sp_test_seed());
    for (int i = 0; i < trials(4000); i++) {
        for (size_t kind = 0; kind < SP_ACTIVATION_KINDS; kind++) {
            sp_activation f = {(sp_activation_kind)kind, sp_rng_uniform(&rng, -2.0, 2.0),
                               sp_rng_normal(&rng)};
            sp_iv x = i % 2 ? check_random_plain(&rng) : check_random_narrow(&rng);
            if (i % 4 == 0) { // alpha x and beta cancel
                f.beta *= 1e4;
                x.lo = -f.beta / f.alpha - sp_rng_uniform(&rng, -2.0, 2.0);
                x.hi = x.lo + sp_rng_uniform(&rng, 0.0, 2.0);
            }
            if (kind == SP_ACTIVATION_LOG) {
                const double width = x.hi - x.lo;
                x.lo = exp(sp_rng_uniform(&rng, -6.0, 6.0));
                x.hi = x.lo + width;
            }
            const double m = check_random_in(&rng, x);
            const sp_line_pair pair = sp_activation_lines(f, x, m);
            const double kinks[] = {0.0, -f.beta / f.alpha, (1.0 - f.beta) / f.alpha};
            check_at(f, pair, x, x.lo);
            check_at(f, pair, x, x.hi);
            check_at(f, pair, x, m);
            for (size_t k = 0; k < sizeof kinks / sizeof kinks[0]; k++) {
                if (kinks[k] >= x.lo && kinks[k] <= x.hi) {
                    check_at(f, pair, x, kinks[k]);
                }
            }
        }
    }
}

/* What an anchor does not choose: R2's lines touch in the middle and at the ends. */
static void lines_of_r2_hold_in_exact_mathematics(void **state) {
    (void)state;
    sp_rng rng;
    sp_rng_init(&rng, sp_test_seed() + 1);
    const sp_activation log = {SP_ACTIVATION_LOG, 0.0, 0.0};
    const sp_activation square = {SP_ACTIVATION_SQUARE, 0.0, 0.0};
    const sp_activation relu = {SP_ACTIVATION_RELU, 0.0, 0.0};
    for (int i = 0; i < trials(4000); i++) {
        const sp_iv x = i % 2 ? check_random_plain(&rng) : check_random_narrow(&rng);
        const double least = exp(sp_rng_uniform(&rng, -6.0, 6.0));
        const sp_iv above = {least, least * (1.0 + exp(sp_rng_uniform(&rng, -30.0, 6.0)))};
        const double ends[2][3] = {{x.lo, x.hi, sp_relax_middle(x)},
                                   {above.lo, above.hi, sp_relax_middle(above)}};
        for (size_t k = 0; k < 3; k++) {
            check_at(square, sp_square_lines_r2(x), x, ends[0][k]);
            check_at(relu, sp_relu_lines(x), x, ends[0][k]);
            check_at(log, sp_log_lines_r2(above), above, ends[1][k]);
        }
    }
}

/* Parameters and ends that no product of doubles holds: no information, or what holds. */
static void parameters_of_any_size_give_no_wrong_line(void **state) {
    (void)state;
    const double sizes[] = {0x1p300, 0x1p401, 0x1p800, DBL_MAX};
    const double ends[] = {0x1p-600, 1.0, 0x1p200, 0x1p399};
    for (size_t kind = 0; kind < SP_ACTIVATION_KINDS; kind++) {
        for (size_t i = 0; i < 64; i++) {
            const sp_activation f = {(sp_activation_kind)kind,
                                     (i % 2 ? -1.0 : 1.0) * sizes[i / 2 % 4], 0.0};
            const double end = ends[i / 8 % 4];
            const sp_iv x = {kind == SP_ACTIVATION_LOG ? 0.5 * end : i < 32 ? -end : -1.0, end};
            const sp_line_pair pair = sp_activation_lines(f, x, x.hi);
            assert_true(pair.lower.w == pair.lower.w && pair.upper.w == pair.upper.w);
            if (isfinite(pair.lower.w) && isfinite(pair.upper.w)) {
                check_at(f, pair, x, x.lo);
                check_at(f, pair, x, x.hi);
            }
        }
    }
}

static void a_line_above_the_logarithm_touches_at_its_anchor(void **state) {
    (void)state;
    const sp_activation f = {SP_ACTIVATION_LOG, 0.0, 0.0};
    const sp_iv x = {0.5, 20.0};
    for (double m = 0.5; m <= 20.0; m += 0.5) {
        const sp_line line = sp_activation_lines(f, x, m).upper;
        assert_true(fabs(line.w * m + line.c - log(m)) <= 1e-13);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_hold_in_exact_mathematics),
        cmocka_unit_test(lines_of_r2_hold_in_exact_mathematics),
        cmocka_unit_test(parameters_of_any_size_give_no_wrong_line),
        cmocka_unit_test(a_line_above_the_logarithm_touches_at_its_anchor),
    };
    return cmocka_run_group_tests_name("relax/curves_exact", tests, NULL, NULL);
}
