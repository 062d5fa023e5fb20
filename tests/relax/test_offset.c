/* The exact offset under and over a plane: sound against Arb on boxes and slopes of every kind, and
 * not lower than the function allows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "relax/line/stationary.h"
#include "tests/relax/check.h"

static sp_rng rng;

static int trials(int n) {
    return sp_test_sanitized() ? n / 10 : sp_test_long() ? 20 * n : n;
}

static double random_exponent(double lo, double hi) {
    return pow(10.0, sp_rng_uniform(&rng, lo, hi));
}

/* The gradient at a random point of the box: the plane may touch inside. */
static void gradient_slopes(sp_product f, sp_box box, double *a, double *b) {
    const double x = check_random_in(&rng, box.x), y = check_random_in(&rng, box.y);
    const double s = sp_product_value(SP_PRODUCT_SIGMOID_ID, x, 1.0);
    const double t = f == SP_PRODUCT_SIGMOID_TANH ? tanh(y) : y;
    *a = s * (1.0 - s) * t;
    *b = f == SP_PRODUCT_SIGMOID_TANH ? s * (1.0 - t * t) : s;
}

/* Slopes where the interior minimum of f1 and its saddle all but coincide. */
static void merging_slopes(double *a, double *b) {
    const double c =
        sp_rng_below(&rng, 2) ? sp_rng_uniform(&rng, 0.0, 1.0) : random_exponent(-16.0, 0.0);
    const double top = 4.0 * c / (3.0 + 3.0 * c + sqrt((9.0 * c - 14.0) * c + 9.0));
    *b = 1.0 - c;
    *a = -top * sqrt((1.0 - top) * (c - top)) * (1.0 - random_exponent(-18.0, -1.0));
}

static void random_slopes(sp_product f, sp_box box, double *a, double *b) {
    gradient_slopes(f, box, a, b);
    switch (sp_rng_below(&rng, 8)) {
    case 0:
        merging_slopes(a, b);
        break;
    case 1:
        *b = random_exponent(-320.0, 0.0);
        break;
    case 2:
        *a = -random_exponent(-320.0, 0.0);
        break;
    case 3:
        *a = sp_rng_normal(&rng);
        *b = sp_rng_normal(&rng);
        break;
    case 4:
        *b = 1.0 - random_exponent(-17.0, -1.0);
        break;
    case 5:
        *a = sp_rng_below(&rng, 4) ? *a : sp_rng_double(&rng);
        *b = sp_rng_below(&rng, 4) ? *b : sp_rng_double(&rng);
        break;
    default:
        break;
    }
}

static double margin_of(sp_box box, sp_plane p) {
    return 0x1p-47 *
           (fabs(p.a) * sp_iv_mag(box.x) + fabs(p.b) * sp_iv_mag(box.y) + fabs(p.c) + 1.0);
}

static void check_offset(sp_product f, sp_box box, double a, double b) {
    const sp_plane lower = {a, b, sp_plane_offset(f, box, a, b)};
    const sp_plane upper = {a, b, sp_plane_offset_upper(f, box, a, b)};
    assert_true(check_contains(&rng, f, box, lower, SIDE_LOWER, 10, NULL));
    assert_true(check_contains(&rng, f, box, upper, SIDE_UPPER, 10, NULL));
}

/* Point k of 32 cells on a side. */
static double grid_point(sp_iv x, int k) {
    return check_clamp(x.lo + (x.hi - x.lo) * k / 32.0, x);
}

/* The least gap on a box or on one of its edges: a descent in small steps from every point of a
 * grid that is not above its neighbours. */
static long double least_gap_on(sp_product f, sp_box box, sp_plane p, check_side side) {
    long double gap[35][35], least = INFINITY;
    for (int i = 0; i < 35; i++) {
        for (int j = 0; j < 35; j++) {
            const check_point at = {grid_point(box.x, i - 1), grid_point(box.y, j - 1)};
            const bool inside = i > 0 && j > 0 && i < 34 && j < 34;
            gap[i][j] = inside ? check_gap(f, p, side, at) : INFINITY;
        }
    }
    for (int i = 1; i < 34; i++) {
        for (int j = 1; j < (box.y.lo < box.y.hi ? 34 : 2); j++) {
            const long double near =
                fminl(fminl(gap[i - 1][j], gap[i + 1][j]), fminl(gap[i][j - 1], gap[i][j + 1]));
            if (gap[i][j] <= near) {
                check_point at = {grid_point(box.x, i - 1), grid_point(box.y, j - 1)};
                least = fminl(least, check_descend(f, p, side, box, 1.0 / 64.0, &at));
            }
        }
        if (!(box.x.lo < box.x.hi)) {
            break;
        }
    }
    return least;
}

/* A minimum on an edge need not stand out on the grid of the box: edges are searched on their own.
 * */
static long double least_gap(sp_product f, sp_box box, sp_plane p, check_side side) {
    const sp_box part[5] = {box, check_box(box.x.lo, box.x.lo, box.y.lo, box.y.hi),
                            check_box(box.x.hi, box.x.hi, box.y.lo, box.y.hi),
                            check_box(box.x.lo, box.x.hi, box.y.lo, box.y.lo),
                            check_box(box.x.lo, box.x.hi, box.y.hi, box.y.hi)};
    long double least = INFINITY;
    for (int k = 0; k < 5; k++) {
        least = fminl(least, least_gap_on(f, part[k], p, side));
    }
    return least;
}

static void offsets_are_sound_everywhere(void **state) {
    (void)state;
    for (int i = 0; i < trials(1200); i++) {
        const sp_product f = (sp_product)(i & 1);
        const sp_box box = check_random_box(&rng);
        double a, b;
        random_slopes(f, box, &a, &b);
        check_offset(f, box, a, b);
    }
}

static void offsets_are_attained(void **state) {
    (void)state;
    for (int i = 0; i < trials(400); i++) {
        const sp_product f = (sp_product)(i & 1);
        const sp_box box = check_random_plain_box(&rng);
        double a, b;
        gradient_slopes(f, box, &a, &b);
        if (i % 3 == 0) {
            a += 0.1 * sp_rng_normal(&rng);
            b += 0.1 * sp_rng_normal(&rng);
        }
        const sp_plane lower = {a, b, sp_plane_offset(f, box, a, b)};
        const sp_plane upper = {a, b, sp_plane_offset_upper(f, box, a, b)};
        // A descent may stop a little early: it bounds the least gap from above.
        const long double below = least_gap(f, box, lower, SIDE_LOWER);
        const long double above = least_gap(f, box, upper, SIDE_UPPER);
        assert_true(below >= 0.0L && below <= 1e-9L + margin_of(box, lower));
        assert_true(above >= 0.0L && above <= 1e-9L + margin_of(box, upper));
    }
}

/* Boxes with the interior minimum of f1 well inside: corners and edges alone would be too high. */
static void interior_minimum_counts(void **state) {
    int inside = 0;
    (void)state;
    for (int i = 0; i < trials(600); i++) {
        double a, b, x, y, f;
        if (i % 2 == 0) {
            merging_slopes(&a, &b);
        } else {
            const double s = sp_rng_uniform(&rng, 0.5, 1.0), t = -sp_rng_uniform(&rng, 0.0, 1.0);
            a = s * (1.0 - s) * t;
            b = s * (1.0 - t * t);
        }
        if (!sp_stationary_product(a, b, &x, &y, &f)) {
            continue;
        }
        inside++;
        const double w = random_exponent(-6.0, 3.0), h = random_exponent(-6.0, 3.0);
        const sp_box box = check_box(x - w, x + w * sp_rng_uniform(&rng, 0.0, 2.0), y - h,
                                     y + h * sp_rng_uniform(&rng, 0.0, 2.0));
        const sp_plane p = {a, b, sp_plane_offset(SP_PRODUCT_SIGMOID_TANH, box, a, b)};
        const check_point at = {x, y};
        assert_true(check_holds_at(SP_PRODUCT_SIGMOID_TANH, p, SIDE_LOWER, x, y));
        assert_true(check_contains(&rng, SP_PRODUCT_SIGMOID_TANH, box, p, SIDE_LOWER, 8, NULL));
        if (i % 2 == 1 && w < 0.1 && h < 0.1) {
            // Not merging, and the box is within the well: the plane touches there.
            assert_true(check_gap(SP_PRODUCT_SIGMOID_TANH, p, SIDE_LOWER, at) < 1e-2);
        }
    }
    assert_true(inside > trials(600) / 3);
}

/* Slopes of 1e-17 and less: 1 - b rounds to 1, and the minimum lies far out, where only |b| Y
 * counts. */
static void tiny_slopes_keep_their_minimum(void **state) {
    static const double tiny[] = {1e-12, 1e-16, 1.2e-16, 1e-17, 1e-20, 1e-100, 1e-300, 5e-324};
    (void)state;
    for (size_t i = 0; i < sizeof tiny / sizeof *tiny; i++) {
        for (int k = 0; k < trials(10); k++) {
            const double reach = random_exponent(0.0, 9.0);
            const sp_box box = check_box(-reach, reach * sp_rng_uniform(&rng, 0.1, 1.0), -reach,
                                         sp_rng_uniform(&rng, -1.0, 1.0));
            check_offset(SP_PRODUCT_SIGMOID_TANH, box, -random_exponent(-20.0, -1.0), tiny[i]);
            check_offset(SP_PRODUCT_SIGMOID_TANH, box, -tiny[i], 0.1);
            check_offset(SP_PRODUCT_SIGMOID_TANH, box, tiny[i], tiny[i]);
            check_offset(SP_PRODUCT_SIGMOID_ID, box, tiny[i], sp_rng_uniform(&rng, 0.0, 1.0));
            check_offset(SP_PRODUCT_SIGMOID_ID, box, -tiny[i], tiny[i]);
        }
    }
}

/* Factors near the end of the doubles' range, where 4 a / y is subnormal and sigma underflows. */
static void extreme_boxes_are_sound(void **state) {
    (void)state;
    for (int i = 0; i < trials(400); i++) {
        const double y = random_exponent(100.0, 308.0), x = random_exponent(2.0, 3.5);
        const sp_box box = check_box(-x, x * sp_rng_uniform(&rng, -0.9, 1.0), y, y);
        const sp_box below = check_box(box.x.lo, box.x.hi, -y, y * sp_rng_uniform(&rng, -1.0, 1.0));
        const double a = random_exponent(-8.0, 2.0);
        check_offset(SP_PRODUCT_SIGMOID_ID, box, a, 0.0);
        check_offset(SP_PRODUCT_SIGMOID_ID, below, -a, 0.0);
        check_offset(SP_PRODUCT_SIGMOID_ID, below, a, random_exponent(-310.0, 0.0));
        check_offset(SP_PRODUCT_SIGMOID_TANH, box, -a, random_exponent(-310.0, 0.0));
    }
}

static void upper_is_the_flipped_lower(void **state) {
    (void)state;
    for (int i = 0; i < trials(2000); i++) {
        const sp_product f = (sp_product)(i & 1);
        const sp_box box = check_random_box(&rng);
        const sp_box flipped = check_box(box.x.lo, box.x.hi, -box.y.hi, -box.y.lo);
        double a, b;
        random_slopes(f, box, &a, &b);
        const double upper = sp_plane_offset_upper(f, box, a, b);
        assert_true(upper == -sp_plane_offset(f, flipped, -a, b));
    }
}

static void a_bigger_box_has_a_lower_offset(void **state) {
    (void)state;
    for (int i = 0; i < trials(2000); i++) {
        const sp_product f = (sp_product)(i & 1);
        const sp_box box = check_random_plain_box(&rng);
        const sp_box bigger = check_box(box.x.lo - random_exponent(-9.0, 1.0), box.x.hi, box.y.lo,
                                        box.y.hi + random_exponent(-9.0, 1.0));
        double a, b;
        gradient_slopes(f, box, &a, &b);
        const sp_plane p = {a, b, sp_plane_offset(f, bigger, a, b)};
        assert_true(p.c <= sp_plane_offset(f, box, a, b) + margin_of(bigger, p));
    }
}

static void what_is_not_finite_gives_no_information(void **state) {
    const double bad[] = {NAN, INFINITY, -INFINITY};
    const sp_box box = check_box(-1.0, 2.0, -3.0, 1.0);
    (void)state;
    for (int f = 0; f < 2; f++) {
        for (int k = 0; k < 3; k++) {
            double v[4] = {box.x.lo, box.x.hi, box.y.lo, box.y.hi};
            for (int j = 0; j < 4; j++) {
                const double kept = v[j];
                v[j] = bad[k];
                const sp_box odd = check_box(v[0], v[1], v[2], v[3]);
                assert_true(sp_plane_offset((sp_product)f, odd, 0.1, 0.2) == -INFINITY);
                assert_true(sp_plane_offset_upper((sp_product)f, odd, 0.1, 0.2) == INFINITY);
                v[j] = kept;
            }
            assert_true(sp_plane_offset((sp_product)f, box, bad[k], 0.2) == -INFINITY);
            assert_true(sp_plane_offset((sp_product)f, box, 0.2, bad[k]) == -INFINITY);
            assert_true(sp_plane_offset_upper((sp_product)f, box, 0.2, bad[k]) == INFINITY);
        }
        const sp_box reversed = check_box(1.0, -1.0, 0.0, 1.0);
        assert_true(sp_plane_offset((sp_product)f, reversed, 0.1, 0.2) == -INFINITY);
        const sp_box huge = check_box(-1e300, 1e300, -1e300, 1e300);
        assert_true(sp_plane_offset((sp_product)f, huge, 1e200, 0.2) == -INFINITY);
    }
}

/* Mutations of a sound plane must be seen by the check that the other tests rely on. */
static void the_check_sees_a_wrong_plane(void **state) {
    (void)state;
    for (int i = 0; i < trials(300); i++) {
        const sp_product f = (sp_product)(i & 1);
        const sp_box box = check_random_plain_box(&rng);
        double a, b;
        gradient_slopes(f, box, &a, &b);
        const sp_plane sound = {a, b, sp_plane_offset(f, box, a, b)};
        const double scale = fabs(a) * sp_iv_mag(box.x) + fabs(b) * sp_iv_mag(box.y) + 1.0;
        sp_rng same = rng; // the wrong plane gets the starts of the sound one
        long double least;
        assert_true(check_contains(&rng, f, box, sound, SIDE_LOWER, 24, &least));
        if (least < 1e-10L * scale) {
            const sp_plane raised = {a, b, sound.c + 1e-9 * scale};
            assert_true(check_rejects(&same, f, box, raised, SIDE_LOWER));
        }
        // The offset of the plane with a sign turned round is another.
        const sp_plane turned = {-a - 0.05, b, sound.c};
        const double own = sp_plane_offset(f, box, turned.a, turned.b);
        if (sound.c > own + 1e-6) {
            assert_true(check_rejects(&rng, f, box, turned, SIDE_LOWER));
        }
    }
}

static int setup(void **state) {
    (void)state;
    sp_rng_init(&rng, sp_test_seed());
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(offsets_are_sound_everywhere),
        cmocka_unit_test(offsets_are_attained),
        cmocka_unit_test(interior_minimum_counts),
        cmocka_unit_test(tiny_slopes_keep_their_minimum),
        cmocka_unit_test(extreme_boxes_are_sound),
        cmocka_unit_test(upper_is_the_flipped_lower),
        cmocka_unit_test(a_bigger_box_has_a_lower_offset),
        cmocka_unit_test(what_is_not_finite_gives_no_information),
        cmocka_unit_test(the_check_sees_a_wrong_plane),
    };
    return cmocka_run_group_tests_name("offset", tests, setup, NULL);
}
