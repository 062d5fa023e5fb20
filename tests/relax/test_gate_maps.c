/* What brings planes and cuts of a gate's product over to another product and back, in exact
 * mathematics: no rounding may be lost between the two. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <float.h>

#include "relax/plane/plane_gate.h"
#include "tests/relax/check.h"

static int trials(void) {
    return sp_test_sanitized() ? 2000 : sp_test_long() ? 100000 : 10000;
}

/* A number of either sign, sometimes much larger than the others. */
static double number(sp_rng *rng) {
    return sp_rng_normal(rng) * (sp_rng_below(rng, 4) == 0 ? 1e4 : 1.0);
}

static sp_gate_map random_map(sp_rng *rng) {
    return (sp_gate_map){SP_PRODUCT_HARD_ID, number(rng), number(rng), number(rng), number(rng)};
}

/* z = scale x + shift. */
static void argument(arb_t z, const sp_gate_map *map, double x) {
    arb_set_d(z, map->shift);
    sp_arb_addmul_d(z, map->scale, x);
}

/* z = factor (a (scale x + shift) + b y + c) + rest y. */
static void exact_plane(arb_t z, const sp_gate_map *map, sp_plane p, double x, double y) {
    arb_t d;
    arb_init(d);
    argument(z, map, x);
    arb_set_d(d, p.a);
    arb_mul(z, z, d, SP_ARB_BITS);
    sp_arb_addmul_d(z, p.b, y);
    sp_arb_addmul_d(z, p.c, 1.0);
    arb_set_d(d, map->factor);
    arb_mul(z, z, d, SP_ARB_BITS);
    sp_arb_addmul_d(z, map->rest, y);
    arb_clear(d);
}

static void planes_keep_their_side(void **state) {
    (void)state;
    sp_rng rng;
    sp_rng_init(&rng, sp_test_seed());
    arb_t z;
    arb_init(z);
    for (int i = 0; i < trials(); i++) {
        const sp_gate_map map = random_map(&rng);
        const sp_box box = {check_random_plain(&rng), check_random_plain(&rng)};
        // numbers next to nothing too: there a rounding is absolute
        const double tiny = i % 16 == 0 ? 0x1p-1072 : 1.0;
        const sp_plane p = {tiny * number(&rng), tiny * number(&rng), tiny * number(&rng)};
        sp_gate_map same_size = map;
        same_size.rest = tiny < 1.0 ? 0.0 : map.rest;
        for (int corner = 0; corner < 4; corner++) {
            const double x = corner & 1 ? box.x.hi : box.x.lo, y = corner & 2 ? box.y.hi : box.y.lo;
            for (int upper = 0; upper < 2; upper++) {
                const sp_plane r = sp_map_plane(&same_size, box, p, upper);
                exact_plane(z, &same_size, p, x, y);
                sp_arb_addmul_d(z, -r.a, x);
                sp_arb_addmul_d(z, -r.b, y);
                assert_true(upper ? sp_arb_le(z, r.c) : sp_arb_ge(z, r.c));
                const double mag_x = sp_iv_mag(box.x), mag_y = sp_iv_mag(box.y);
                const double size =
                    fabs(map.factor) * (fabs(p.a) * (fabs(map.scale) * mag_x + fabs(map.shift)) +
                                        fabs(p.b) * mag_y + fabs(p.c)) +
                    fabs(same_size.rest) * mag_y;
                assert_true(fabs(sp_arb_upper(z) - r.c) <= 0x1p-46 * size + 0x1p-1040);
            }
        }
    }
    arb_clear(z);
}

/* The interval of p x + sign q y at one point, rounded outward. */
static sp_iv exact_sum(double p, double x, double q, double sign, double y) {
    arb_t z;
    arb_init(z);
    sp_arb_addmul_d(z, p, x);
    sp_arb_addmul_d(z, sign * q, y);
    const sp_iv r = {sp_arb_lower(z), sp_arb_upper(z)};
    arb_clear(z);
    return r;
}

static void cuts_hold_for_the_argument(void **state) {
    (void)state;
    sp_rng rng;
    sp_rng_init(&rng, sp_test_seed() + 1);
    arb_t u, z;
    arb_init(u);
    arb_init(z);
    for (int i = 0; i < trials(); i++) {
        const sp_gate_map map = random_map(&rng);
        const sp_box box = {check_random_plain(&rng), check_random_plain(&rng)};
        const double x = check_random_in(&rng, box.x), y = check_random_in(&rng, box.y);
        const double p = sp_rng_uniform(&rng, 0.1, 3.0), q = sp_rng_uniform(&rng, 0.1, 3.0);
        const sp_cut cut = {p, q, exact_sum(p, x, q, 1.0, y), exact_sum(p, x, q, -1.0, y)};
        const sp_cut r = sp_map_cut(&map, box, &cut);
        for (int k = 0; k < 2; k++) {
            const sp_iv within = k == 0 ? r.sum : r.difference;
            argument(u, &map, x);
            arb_set_d(z, r.p);
            arb_mul(z, z, u, SP_ARB_BITS);
            sp_arb_addmul_d(z, k == 0 ? r.q : -r.q, y);
            assert_true(sp_arb_within(z, within.lo, within.hi));
            const double size = r.p * (fabs(map.scale) * sp_iv_mag(box.x) + 2.0 * fabs(map.shift));
            assert_true(within.hi - within.lo <= 0x1p-46 * (size + fabs(q * y)));
        }
    }
    arb_clear(u);
    arb_clear(z);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(planes_keep_their_side),
        cmocka_unit_test(cuts_hold_for_the_argument),
    };
    return cmocka_run_group_tests_name("relax/gate_maps", tests, NULL, NULL);
}
