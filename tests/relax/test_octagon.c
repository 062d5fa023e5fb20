/* Planes on cut boxes: sound against Arb all over the octagon, above all on its cut edges; never
 * lower at the anchor than the box's plane; and wrong ones are noticed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/relax/check.h"

enum { ANCHORS = 3, POINTS = 160 };

static sp_rng rng;

static int trials(int n) {
    return sp_test_sanitized() ? n / 10 : sp_test_long() ? 20 * n : n;
}

static bool in_octagon(sp_box box, const sp_cut *cut, check_point at) {
    const long double px = (long double)cut->p * at.x, qy = (long double)cut->q * at.y;
    return at.x >= box.x.lo && at.x <= box.x.hi && at.y >= box.y.lo && at.y <= box.y.hi &&
           px + qy >= cut->sum.lo && px + qy <= cut->sum.hi && px - qy >= cut->difference.lo &&
           px - qy <= cut->difference.hi;
}

/* Points on the cut edges, on the sides and anywhere. */
static check_point random_point(sp_box box, const sp_cut *cut, int k) {
    double u = check_random_in(&rng, cut->sum), v = check_random_in(&rng, cut->difference);
    check_point at = {check_random_in(&rng, box.x), check_random_in(&rng, box.y)};
    const double inward = 1e-15 * (sp_iv_mag(cut->sum) + sp_iv_mag(cut->difference));
    switch (k % 8) {
    case 0:
        u = cut->sum.lo + inward;
        break;
    case 1:
        u = cut->sum.hi - inward;
        break;
    case 2:
        v = cut->difference.lo + inward;
        break;
    case 3:
        v = cut->difference.hi - inward;
        break;
    case 4:
        at.x = sp_rng_below(&rng, 2) ? box.x.lo : box.x.hi;
        return at;
    case 5:
        at.y = sp_rng_below(&rng, 2) ? box.y.lo : box.y.hi;
        return at;
    default:
        return at;
    }
    at.x = (u + v) / (2.0 * cut->p);
    at.y = (u - v) / (2.0 * cut->q);
    return at;
}

static bool sound(sp_product f, sp_box box, const sp_cut *cut, sp_plane p, check_side side) {
    for (int k = 0; k < POINTS; k++) {
        const check_point at = random_point(box, cut, k);
        if (in_octagon(box, cut, at) && !check_holds_at(f, p, side, at.x, at.y)) {
            check_print(f, box, p, side, at);
            return false;
        }
    }
    return true;
}

/* A box and a cut that leaves a good part of it; p and q as the bounds choose them, or others. */
static sp_box random_cut(sp_cut *cut, int i) {
    sp_box box = i % 3 ? check_random_plain_box(&rng) : check_random_box(&rng);
    const double width = fmax(box.x.hi - box.x.lo, 1e-12),
                 height = fmax(box.y.hi - box.y.lo, 1e-12);
    cut->p = i % 5 ? 2.0 / width : sp_rng_uniform(&rng, 0.1, 10.0);
    cut->q = i % 5 ? 2.0 / height : sp_rng_uniform(&rng, 0.1, 10.0);
    const check_point at = {check_random_in(&rng, box.x), check_random_in(&rng, box.y)};
    const double u = cut->p * at.x + cut->q * at.y, v = cut->p * at.x - cut->q * at.y;
    const double size = i % 4 ? 2.0 : 0.01;
    cut->sum.lo = u - sp_rng_uniform(&rng, 0.0, size);
    cut->sum.hi = u + sp_rng_uniform(&rng, 0.0, size);
    cut->difference.lo = v - sp_rng_uniform(&rng, 0.0, size);
    cut->difference.hi = v + sp_rng_uniform(&rng, 0.0, size);
    return box;
}

static void planes_are_sound_on_the_octagon(void **state) {
    (void)state;
    for (int i = 0; i < trials(400); i++) {
        const sp_product f = (sp_product)(i & 1);
        sp_cut cut;
        const sp_box box = random_cut(&cut, i);
        sp_anchor at[ANCHORS];
        sp_plane lower[ANCHORS], upper[ANCHORS];
        for (int k = 0; k < ANCHORS; k++) {
            at[k].x = check_random_in(&rng, box.x);
            at[k].y = check_random_in(&rng, box.y);
        }
        sp_octagon_planes(f, box, &cut, ANCHORS, at, at, 1e-3, lower, upper);
        for (int k = 0; k < ANCHORS; k++) {
            assert_true(sound(f, box, &cut, lower[k], SIDE_LOWER));
            assert_true(sound(f, box, &cut, upper[k], SIDE_UPPER));
        }
    }
}

/* What octagons are for: on a narrow band along the diagonal the gap must shrink. */
static void cuts_close_the_gap(void **state) {
    (void)state;
    for (int i = 0; i < 20; i++) {
        const sp_product f = (sp_product)(i & 1);
        const double c = sp_rng_uniform(&rng, -0.5, 0.5), h = sp_rng_uniform(&rng, 0.2, 1.0);
        const sp_box box = check_box(c - h, c + h, c - h, c + h);
        const sp_cut cut = {1.0 / h, 1.0 / h, {2.0 * c / h - 2.0, 2.0 * c / h + 2.0}, {-0.3, 0.3}};
        const sp_anchor at = {c, c};
        sp_plane lower, upper, box_lower, box_upper;
        sp_octagon_planes(f, box, &cut, 1, &at, &at, 1e-3, &lower, &upper);
        sp_octagon_planes(f, box, NULL, 1, &at, &at, 1e-3, &box_lower, &box_upper);
        const double value = sp_product_value(f, c, c);
        const double below = value - lower.a * c - lower.b * c - lower.c;
        const double above = upper.a * c + upper.b * c + upper.c - value;
        const double box_below = value - box_lower.a * c - box_lower.b * c - box_lower.c;
        const double box_above = box_upper.a * c + box_upper.b * c + box_upper.c - value;
        assert_true(below + above < 0.8 * (box_below + box_above));
    }
}

static void a_raised_plane_is_noticed(void **state) {
    (void)state;
    int noticed = 0;
    for (int i = 0; i < 40; i++) {
        sp_cut cut;
        const sp_box box = check_box(-1.0, 1.5, -1.0, 2.0);
        const sp_product f = (sp_product)(i & 1);
        cut = (sp_cut){0.8, 0.7, {-1.0, 1.2}, {-0.9, 0.8}};
        const sp_anchor at = {check_random_in(&rng, box.x), check_random_in(&rng, box.y)};
        sp_plane lower, upper;
        sp_octagon_planes(f, box, &cut, 1, &at, &at, 1e-3, &lower, &upper);
        lower.c += 0.02; // more than the slack of the sampled edges
        for (int k = 0; k < 400; k++) {
            const check_point p = random_point(box, &cut, k);
            if (in_octagon(box, &cut, p) && !check_holds_at(f, lower, SIDE_LOWER, p.x, p.y)) {
                noticed++;
                break;
            }
        }
    }
    assert_int_equal(noticed, 40);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(planes_are_sound_on_the_octagon),
        cmocka_unit_test(cuts_close_the_gap),
        cmocka_unit_test(a_raised_plane_is_noticed),
    };
    sp_rng_init(&rng, sp_test_seed());
    return cmocka_run_group_tests(tests, NULL, NULL);
}
