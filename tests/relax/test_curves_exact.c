/* Lines and ranges of curves in exact mathematics: what a rounding moves shows at the points where
 * a line touches. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <float.h>

#include "relax/line/line_activation.h"
#include "tests/relax/check.h"

static int trials(int n) {
    return sp_test_sanitized() ? n / 4 : sp_test_long() ? 20 * n : n;
}

/* z *= factor. */
static void times(arb_t z, double factor) {
    arb_t w;
    arb_init(w);
    arb_set_d(w, factor);
    arb_mul(z, z, w, SP_ARB_BITS);
    arb_clear(w);
}

/* z = 1 / (1 + exp(-u)); far from 0 within 2^-2000 of 0 or 1. */
static void logistic(arb_t z, const arb_t u) {
    if (sp_arb_le(u, -0x1p20) || sp_arb_ge(u, 0x1p20)) {
        arb_set_si(z, sp_arb_ge(u, 0.0));
        arb_add_error_2exp_si(z, -2000);
        return;
    }
    arb_neg(z, u);
    arb_exp(z, z, SP_ARB_BITS);
    arb_add_ui(z, z, 1, SP_ARB_BITS);
    arb_inv(z, z, SP_ARB_BITS);
}

/* z = f(x) for z = x: the rows of SP_SHAPE_LIST, and the convex ones; false: another curve. */
static bool exact_shaped(arb_t z, sp_activation f, double x) {
    bool known = true;
    arb_t u, v;
    arb_init(u);
    arb_init(v);
    arb_set(v, z);
    switch (f.kind) {
    case SP_ACTIVATION_CLIP:
        arb_set_d(z, fmin(fmax(x, f.alpha), f.beta));
        break;
    case SP_ACTIVATION_ELU:
    case SP_ACTIVATION_SELU:
        if (x < 0.0) {
            arb_expm1(z, z, SP_ARB_BITS);
            times(z, f.alpha);
        }
        times(z, f.kind == SP_ACTIVATION_SELU ? f.beta : 1.0);
        break;
    case SP_ACTIVATION_SOFTPLUS:
        arb_set_d(u, -fabs(x)); // max(x, 0) + log(1 + exp(-|x|))
        logistic(u, u);
        arb_neg(u, u);
        arb_log1p(u, u, SP_ARB_BITS);
        arb_neg(u, u);
        arb_set_d(z, fmax(x, 0.0));
        arb_add(z, z, u, SP_ARB_BITS);
        break;
    case SP_ACTIVATION_SILU:
        times(z, f.alpha);
        logistic(u, z);
        arb_mul(z, u, v, SP_ARB_BITS);
        break;
    case SP_ACTIVATION_GELU:
        times(z, -f.alpha);
        if (sp_arb_le(z, -0x1p20) || sp_arb_ge(z, 0x1p20)) {
            arb_set_si(u, sp_arb_ge(z, 0.0) ? 0 : 2);
            arb_add_error_2exp_si(u, -2000);
        } else {
            arb_hypgeom_erfc(u, z, SP_ARB_BITS);
        }
        arb_mul(z, u, v, SP_ARB_BITS);
        times(z, 0.5);
        break;
    case SP_ACTIVATION_GELU_TANH:
        arb_pow_ui(u, v, 3, SP_ARB_BITS);
        times(u, fabs(f.beta));
        arb_add(u, u, v, SP_ARB_BITS);
        times(u, 2.0 * f.alpha);
        logistic(z, u);
        arb_mul(z, z, v, SP_ARB_BITS);
        break;
    case SP_ACTIVATION_MISH:
        arb_neg(u, v);
        logistic(z, u); // tanh(log(1 + exp(x))) = (1 - q) / (1 + q), q = sigma(-x)^2
        arb_sqr(z, z, SP_ARB_BITS);
        arb_add_ui(u, z, 1, SP_ARB_BITS);
        arb_sub_ui(z, z, 1, SP_ARB_BITS);
        arb_neg(z, z);
        arb_div(z, z, u, SP_ARB_BITS);
        arb_mul(z, z, v, SP_ARB_BITS);
        break;
    case SP_ACTIVATION_HARD_SWISH:
        arb_set_d(u, f.beta);
        sp_arb_addmul_d(u, f.alpha, x);
        if (sp_arb_le(u, 0.0)) {
            arb_zero(u);
        } else if (sp_arb_ge(u, 1.0)) {
            arb_one(u);
        }
        arb_mul(z, u, v, SP_ARB_BITS);
        break;
    case SP_ACTIVATION_SOFTSIGN:
        arb_abs(u, v);
        arb_add_ui(u, u, 1, SP_ARB_BITS);
        arb_div(z, v, u, SP_ARB_BITS);
        break;
    case SP_ACTIVATION_ERF:
        arb_hypgeom_erf(z, v, SP_ARB_BITS);
        break;
    case SP_ACTIVATION_CUBE:
        arb_pow_ui(z, v, 3, SP_ARB_BITS);
        break;
    case SP_ACTIVATION_EXP:
        arb_exp(z, v, SP_ARB_BITS);
        break;
    case SP_ACTIVATION_RECIPROCAL:
        arb_inv(z, v, SP_ARB_BITS);
        break;
    case SP_ACTIVATION_DIFFERS:
        arb_set_si(z, x != f.alpha);
        break;
    case SP_ACTIVATION_GUARD:
        arb_zero(z);
        break;
    case SP_ACTIVATION_RSQRT:
        arb_rsqrt(z, v, SP_ARB_BITS);
        break;
    default:
        known = false;
    }
    arb_clear(u);
    arb_clear(v);
    return known;
}

/* z = f(x); false: not one of these curves, or too near to its limit for a ball. */
static bool exact(arb_t z, sp_activation f, double x) {
    arb_t end;
    bool known = true;
    arb_init(end); // 0
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
    case SP_ACTIVATION_SQRT:
        arb_max(z, z, end, SP_ARB_BITS);
        arb_sqrt(z, z, SP_ARB_BITS);
        break;
    case SP_ACTIVATION_AT_LEAST:
        arb_set_d(z, fmax(x, f.alpha));
        break;
    case SP_ACTIVATION_SIGMOID:
        logistic(z, z);
        known = fabs(x) < 50.0; // so far away a ball reaches beyond 1
        break;
    case SP_ACTIVATION_TANH:
        arb_tanh(z, z, SP_ARB_BITS);
        known = fabs(x) < 25.0;
        break;
    default:
        known = exact_shaped(z, f, x);
    }
    arb_clear(end);
    return known;
}

static void check_at(sp_activation f, sp_line_pair pair, sp_iv x, double at) {
    arb_t lower, upper;
    arb_init(lower);
    arb_init(upper);
    if (exact(lower, f, at)) {
        arb_set(upper, lower);
        sp_arb_addmul_d(lower, -pair.lower.w, at);
        sp_arb_addmul_d(upper, -pair.upper.w, at);
        const sp_iv range = sp_activation_range(f, x);
        arb_t value;
        arb_init(value);
        assert_true(exact(value, f, at));
        const bool inside = sp_arb_within(value, range.lo, range.hi);
        arb_clear(value);
        if (!(inside && sp_arb_ge(lower, pair.lower.c) && sp_arb_le(upper, pair.upper.c))) {
            fail_msg("%s (%a, %a) on [%a, %a] at %a: lower %a %a, upper %a %a",
                     sp_activation_name(f.kind), f.alpha, f.beta, x.lo, x.hi, at, pair.lower.w,
                     pair.lower.c, pair.upper.w, pair.upper.c);
        }
    }
    arb_clear(lower);
    arb_clear(upper);
}

/* Where sign f - w x is least, to a grid refined around its least point. */
static double touch_of(sp_activation f, sp_iv x, double w, double sign) {
    double lo = x.lo, hi = x.hi, best = x.lo;
    for (int round = 0; round < 6; round++) {
        double least = INFINITY;
        for (int k = 0; k <= 24; k++) {
            const double at = check_clamp(lo + (hi - lo) * (k / 24.0), x);
            const double v = sign * (sp_activation_value(f, at) - w * at);
            if (v < least) {
                least = v;
                best = at;
            }
        }
        const double step = (hi - lo) / 24.0;
        lo = check_clamp(best - step, x);
        hi = check_clamp(best + step, x);
    }
    return best;
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
            if (isfinite(sp_activation_least(f.kind))) {
                const double width = x.hi - x.lo;
                x.lo = exp(sp_rng_uniform(&rng, -6.0, 6.0));
                x.hi = x.lo + width;
            }
            const double m = check_random_in(&rng, x);
            const sp_line_pair pair = sp_activation_lines(f, x, m);
            const double kinks[] = {0.0,
                                    -f.beta / f.alpha,
                                    (1.0 - f.beta) / f.alpha,
                                    f.alpha,
                                    f.beta,
                                    touch_of(f, x, pair.lower.w, 1.0),
                                    touch_of(f, x, pair.upper.w, -1.0)};
            check_at(f, pair, x, x.lo);
            check_at(f, pair, x, x.hi);
            check_at(f, pair, x, m);
            for (size_t k = 0; k < 4; k++) {
                check_at(f, sp_line_spread(f, x, k), x, x.lo);
                check_at(f, sp_line_spread(f, x, k), x, x.hi);
            }
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
            const bool positive = isfinite(sp_activation_least((sp_activation_kind)kind));
            const sp_iv x = {positive ? 0.5 * end : i < 32 ? -end : -1.0, end};
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
