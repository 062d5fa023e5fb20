/* The support of the l2 and the l1 ball against exact arithmetic. */
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

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(supports_of_balls_are_rounded_up)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
