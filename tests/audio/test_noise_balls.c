/* The support of the l2 and the l1 ball and the size of noise in them, against exact arithmetic. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>

#include "audio/audio.h"
#include "tests/support/arb.h"
#include "tests/support/support.h"

enum { N = 700 };

/* sqrt(sum (c_i r_i)^2) and max |c_i| r_i. */
static void exact(arb_t square, arb_t most, const sp_noise *noise, const double *c) {
    arb_t part;
    arb_init(part);
    arb_zero(square);
    arb_zero(most);
    for (size_t i = 0; i < noise->n; i++) {
        arb_set_d(part, fabs(c[i]));
        arb_t r;
        arb_init(r);
        arb_set_d(r, noise->radius[i]);
        arb_mul(part, part, r, SP_ARB_BITS);
        arb_max(most, most, part, SP_ARB_BITS);
        arb_mul(part, part, part, SP_ARB_BITS);
        arb_add(square, square, part, SP_ARB_BITS);
        arb_clear(r);
    }
    arb_sqrt(square, square, SP_ARB_BITS);
    arb_clear(part);
}

static void check(const sp_noise_set *set, const sp_noise *shape, const double *c,
                  const arb_t truth, bool tight) {
    sp_noise noise;
    arb_t slack;
    arb_init(slack);
    assert_int_equal(sp_noise_of(NULL, &noise, set, shape->n, 0.0), SP_OK);
    for (size_t i = 0; i < noise.n; i++) {
        noise.radius[i] = shape->radius[i];
    }
    const double support = sp_noise_support(&noise, c, 0, noise.n);
    arb_set_d(slack, 1.0 + 1e-12);
    arb_mul(slack, slack, truth, SP_ARB_BITS);
    if (!sp_arb_le(truth, support) || (tight && !sp_arb_ge(slack, support))) {
        fail_msg("%s, %zu samples: %a instead of %a", set->name, noise.n, support,
                 sp_arb_upper(truth));
    }
    sp_noise_clear(&noise);
    arb_clear(slack);
}

static void supports_of_balls_are_rounded_up(void **state) {
    (void)state;
    static const double sizes[] = {1.0, 1e-160, 1e70, 0x1p-1074};
    const size_t rounds = sp_test_long() ? 3000 : sp_test_sanitized() ? 60 : 300;
    double c[N];
    sp_rng rng;
    arb_t square, most;
    arb_init(square);
    arb_init(most);
    sp_rng_init(&rng, sp_test_seed());
    for (size_t round = 0; round < rounds; round++) {
        sp_noise noise;
        const bool tight = round % 4 == 0 && round / 4 % 4 == 0;
        assert_int_equal(sp_noise_box(NULL, &noise, 1 + sp_rng_below(&rng, N), 1.0), SP_OK);
        for (size_t i = 0; i < noise.n; i++) {
            noise.radius[i] = fabs(sp_rng_normal(&rng)) * sizes[round % 4];
            c[i] = sp_rng_normal(&rng) * sizes[round / 4 % 4];
        }
        exact(square, most, &noise, c);
        check(&sp_noise_set_l2, &noise, c, square, tight);
        check(&sp_noise_set_l1, &noise, c, most, tight);
        sp_noise_clear(&noise);
    }
    arb_clear(square);
    arb_clear(most);
}

/* sqrt(sum (d_i / r_i)^2) or sum |d_i| / r_i. */
static void exact_size(arb_t truth, bool square, const double *d, const double *radius, size_t n) {
    arb_t share, r;
    arb_init(share);
    arb_init(r);
    arb_zero(truth);
    for (size_t i = 0; i < n; i++) {
        arb_set_d(share, fabs(d[i]));
        arb_set_d(r, radius[i]);
        arb_div(share, share, r, SP_ARB_BITS);
        if (square) {
            arb_mul(share, share, share, SP_ARB_BITS);
        }
        arb_add(truth, truth, share, SP_ARB_BITS);
    }
    if (square) {
        arb_sqrt(truth, truth, SP_ARB_BITS);
    }
    arb_clear(share);
    arb_clear(r);
}

static void sizes_of_noise_are_rounded_up(void **state) {
    (void)state;
    static const double sizes[] = {1.0, 1e-160, 1e-40, 0x1p-1074};
    const size_t rounds = sp_test_long() ? 3000 : sp_test_sanitized() ? 60 : 300;
    double d[N], radius[N];
    sp_rng rng;
    arb_t truth, slack;
    arb_init(truth);
    arb_init(slack);
    sp_rng_init(&rng, sp_test_seed() + 1);
    for (size_t round = 0; round < rounds; round++) {
        const size_t n = 1 + sp_rng_below(&rng, N);
        for (size_t i = 0; i < n; i++) {
            d[i] = sp_rng_normal(&rng) * sizes[round % 4];
            radius[i] = 0.1 + sp_rng_uniform(&rng, 0.0, 3.0);
        }
        for (int square = 0; square < 2; square++) {
            const sp_noise_set *set = square ? &sp_noise_set_l2 : &sp_noise_set_l1;
            const double size = set->size(d, radius, n);
            exact_size(truth, square, d, radius, n);
            arb_set_d(slack, 1.0 + 1e-12);
            arb_mul(slack, slack, truth, SP_ARB_BITS);
            if (!sp_arb_le(truth, size) || (round % 4 == 0 && !sp_arb_ge(slack, size))) {
                fail_msg("%s: size %a instead of %a", set->name, size, sp_arb_upper(truth));
            }
        }
    }
    arb_clear(truth);
    arb_clear(slack);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(supports_of_balls_are_rounded_up),
                                       cmocka_unit_test(sizes_of_noise_are_rounded_up)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
