/* Planes of the sum of two products: sound against Arb at the points that a search finds closest to
 * them, on faces and edges of all that is known of the four variables; closer than planes of each
 * product apart where strips tie them; and wrong ones are noticed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "relax/sum.h"
#include "tests/relax/check.h"

enum { N = 4, STEPS = 200 };

static sp_rng rng;

static int trials(int n) {
    return sp_test_sanitized() ? n / 10 : sp_test_long() ? 20 * n : n;
}

/* ---- random domains ---- */

typedef struct sum_case {
    sp_sum_product of[2];
    sp_sum_strip strip[SP_SUM_STRIPS];
    double inside[N]; /* a point in all of it */
} sum_case;

static sp_iv around(double at, double size) {
    const double below = sp_rng_uniform(&rng, 0.0, size), above = sp_rng_uniform(&rng, 0.0, size);
    return (sp_iv){at - below, at + above};
}

static double in_strip(const sp_sum_strip *s, const double z[N]) {
    return s->a[0] * z[0] + s->b[0] * z[1] + s->a[1] * z[2] + s->b[1] * z[3];
}

/* As a cell has them, in every third case with any coefficients. */
static void random_case(sum_case *c, int i) {
    for (int m = 0; m < 2; m++) {
        sp_sum_product *p = &c->of[m];
        p->f = sp_rng_below(&rng, 2) ? SP_PRODUCT_SIGMOID_TANH : SP_PRODUCT_SIGMOID_ID;
        p->box = check_random_plain_box(&rng);
        p->box.x.hi = i % 4 == 1 ? p->box.x.lo + 0.02 : p->box.x.hi + 1e-3; // bent along y alone
        p->box.y.hi = i % 4 == 2 ? p->box.y.lo + 0.02 : p->box.y.hi + 1e-3; // along x
        const double x = check_random_in(&rng, p->box.x), y = check_random_in(&rng, p->box.y);
        p->cut.p = 2.0 / (p->box.x.hi - p->box.x.lo);
        p->cut.q = 2.0 / (p->box.y.hi - p->box.y.lo);
        p->cut.sum = around(p->cut.p * x + p->cut.q * y, 2.0);
        p->cut.difference = around(p->cut.p * x - p->cut.q * y, 2.0);
        c->inside[2 * m] = x;
        c->inside[2 * m + 1] = y;
    }
    for (int k = 0; k < SP_SUM_STRIPS; k++) {
        sp_sum_strip *s = &c->strip[k];
        for (int m = 0; m < 2; m++) {
            const double sign = m == 1 && (k & 4) != 0 ? -1.0 : 1.0;
            const double other = (k >> m & 1) != 0 ? -sign : sign;
            s->a[m] = sign * c->of[m].cut.p;
            s->b[m] = other * c->of[m].cut.q;
            if (i % 3 == 0) {
                s->a[m] = sp_rng_uniform(&rng, -2.0, 2.0);
                s->b[m] = sp_rng_uniform(&rng, -2.0, 2.0);
            }
        }
        s->range = around(in_strip(s, c->inside), i % 4 ? 2.0 : 0.1);
        if (i % 5 == 0 && k % 2) {
            s->range = (sp_iv){-INFINITY, INFINITY};
        }
    }
}

static void meet(double at, double step, sp_iv range, double *lo, double *hi) {
    if (step != 0.0) {
        const double a = (range.lo - at) / step, b = (range.hi - at) / step;
        *lo = fmax(*lo, fmin(a, b));
        *hi = fmin(*hi, fmax(a, b));
    }
}

/* From z along a direction, to a face in half of the cases. */
static void move(const sum_case *c, double z[N], const double step[N]) {
    double lo = -INFINITY, hi = INFINITY;
    for (int m = 0; m < 2; m++) {
        const sp_sum_product *p = &c->of[m];
        const double x = z[2 * m], y = z[2 * m + 1], u = step[2 * m], v = step[2 * m + 1];
        const double px = p->cut.p * x, qy = p->cut.q * y, pu = p->cut.p * u, qv = p->cut.q * v;
        meet(x, u, p->box.x, &lo, &hi);
        meet(y, v, p->box.y, &lo, &hi);
        meet(px + qy, pu + qv, p->cut.sum, &lo, &hi);
        meet(px - qy, pu - qv, p->cut.difference, &lo, &hi);
    }
    for (int k = 0; k < SP_SUM_STRIPS; k++) {
        meet(in_strip(&c->strip[k], z), in_strip(&c->strip[k], step), c->strip[k].range, &lo, &hi);
    }
    const double end = sp_rng_below(&rng, 2) ? lo : hi;
    const double far = sp_rng_below(&rng, 2) ? end * (1.0 - 1e-12) : sp_rng_uniform(&rng, lo, hi);
    for (int k = 0; k < N; k++) {
        z[k] += lo <= hi ? far * step[k] : 0.0;
    }
}

static bool within(double at, sp_iv range) {
    return at >= range.lo && at <= range.hi;
}

static bool holds_all(const sum_case *c, const double z[N]) {
    bool in = true;
    for (int m = 0; m < 2; m++) {
        const sp_sum_product *p = &c->of[m];
        const double px = p->cut.p * z[2 * m], qy = p->cut.q * z[2 * m + 1];
        in = in && within(z[2 * m], p->box.x) && within(z[2 * m + 1], p->box.y) &&
             within(px + qy, p->cut.sum) && within(px - qy, p->cut.difference);
    }
    for (int k = 0; k < SP_SUM_STRIPS; k++) {
        in = in && within(in_strip(&c->strip[k], z), c->strip[k].range);
    }
    return in;
}

/* ---- planes and the sum ---- */

static double gap(const sum_case *c, const sp_sum_plane *p, check_side side, const double z[N]) {
    double sum = 0.0;
    for (int m = 0; m < 2; m++) {
        const double x = z[2 * m], y = z[2 * m + 1];
        sum += sp_product_value(c->of[m].f, x, y) - p->of[m].a * x - p->of[m].b * y - p->of[m].c;
    }
    return side == SIDE_LOWER ? sum : -sum;
}

static bool proved_at(const sum_case *c, const sp_sum_plane *p, check_side side,
                      const double z[N]) {
    arb_t sum, term;
    arb_init(sum);
    arb_init(term);
    for (int m = 0; m < 2; m++) {
        check_arb_product(term, c->of[m].f, z[2 * m], z[2 * m + 1]);
        arb_add(sum, sum, term, SP_ARB_BITS);
        sp_arb_addmul_d(sum, -p->of[m].a, z[2 * m]);
        sp_arb_addmul_d(sum, -p->of[m].b, z[2 * m + 1]);
        sp_arb_addmul_d(sum, -p->of[m].c, 1.0);
    }
    const bool holds = side == SIDE_LOWER ? sp_arb_ge(sum, 0.0) : sp_arb_le(sum, 0.0);
    arb_clear(sum);
    arb_clear(term);
    return holds;
}

/* Walks to where the plane comes closest to the sum; returns the gap there. */
static double closest(const sum_case *c, const sp_sum_plane *p, check_side side, double z[N]) {
    double best = gap(c, p, side, c->inside);
    memcpy(z, c->inside, N * sizeof *z);
    for (int s = 0; s < STEPS; s++) {
        double to[N], step[N];
        memcpy(to, s % 50 == 0 ? c->inside : z, sizeof to);
        for (int k = 0; k < N; k++) {
            const sp_iv side_of = k % 2 ? c->of[k / 2].box.y : c->of[k / 2].box.x;
            const bool still = s % 3 == 0 && sp_rng_below(&rng, 2);
            step[k] = still ? 0.0 : sp_rng_uniform(&rng, -1.0, 1.0) * (side_of.hi - side_of.lo);
        }
        move(c, to, step);
        const double here = gap(c, p, side, to);
        if (here < best && holds_all(c, to)) {
            best = here;
            memcpy(z, to, sizeof to);
        }
    }
    return best;
}

static void planes_are_sound_in_all_strips(void **state) {
    (void)state;
    int found = 0;
    for (int i = 0; i < trials(300); i++) {
        sum_case c;
        sp_sum_plane plane[2][SP_SUM_PLANES];
        random_case(&c, i);
        if (!sp_sum_planes(c.of, c.strip, plane[0], plane[1])) {
            continue;
        }
        found++;
        for (int k = 0; k < 2 * SP_SUM_PLANES; k++) {
            const check_side side = k % 2 ? SIDE_UPPER : SIDE_LOWER;
            double z[N];
            const double least = closest(&c, &plane[k % 2][k / 2], side, z);
            if (!proved_at(&c, &plane[k % 2][k / 2], side, z)) {
                fail_msg("case %d, plane %d: %g at (%a, %a, %a, %a)", i, k, least, z[0], z[1], z[2],
                         z[3]);
            }
        }
    }
    assert_true(found > trials(300) * 9 / 10);
}

/* Both products between the same two variables, nearly: the strips know, the octagons do not. */
static void tied(sum_case *c, double h) {
    for (int m = 0; m < 2; m++) {
        c->of[m] = (sp_sum_product){m == 0 ? SP_PRODUCT_SIGMOID_TANH : SP_PRODUCT_SIGMOID_ID,
                                    check_box(-h, h, -h, h),
                                    {1.0 / h, 1.0 / h, {-2.0, 2.0}, {-2.0, 2.0}}};
    }
    for (int k = 0; k < SP_SUM_STRIPS; k++) {
        const double first = (k & 1) != 0 ? -1.0 : 1.0, second = (k & 2) != 0 ? -1.0 : 1.0;
        const double sign = (k & 4) != 0 ? -1.0 : 1.0;
        c->strip[k] = (sp_sum_strip){{1.0 / h, sign / h}, {first / h, sign * second / h}, {0, 0}};
        // the extremes of the one product's form are where the other's are half of theirs
        c->strip[k].range = (sp_iv){-2.4, 2.4};
    }
    memset(c->inside, 0, sizeof c->inside);
}

static void strips_close_the_gap(void **state) {
    (void)state;
    for (int i = 0; i < 10; i++) {
        const double h = sp_rng_uniform(&rng, 0.2, 1.0);
        const sp_anchor middle = {0.0, 0.0};
        sum_case c;
        sp_sum_plane lower[SP_SUM_PLANES], upper[SP_SUM_PLANES];
        double apart[2] = {0.0, 0.0};
        tied(&c, h);
        for (int m = 0; m < 2; m++) {
            sp_plane below, above;
            sp_octagon_planes(c.of[m].f, c.of[m].box, &c.of[m].cut, 1, &middle, &middle, 1e-3,
                              &below, &above);
            apart[0] -= below.c;
            apart[1] += above.c;
        }
        assert_true(sp_sum_planes(c.of, c.strip, lower, upper));
        assert_true(gap(&c, &lower[0], SIDE_LOWER, c.inside) < 0.85 * apart[0]);
        assert_true(gap(&c, &upper[0], SIDE_UPPER, c.inside) < 0.85 * apart[1]);
    }
}

/* A plane that is moved by a fifth of its gap in the middle is found out. */
static void a_raised_plane_is_noticed(void **state) {
    (void)state;
    int noticed = 0;
    for (int i = 0; i < 40; i++) {
        const check_side side = i % 2 ? SIDE_UPPER : SIDE_LOWER;
        sum_case c;
        sp_sum_plane plane[2][SP_SUM_PLANES];
        double z[N], least = INFINITY;
        tied(&c, sp_rng_uniform(&rng, 0.3, 1.0));
        assert_true(sp_sum_planes(c.of, c.strip, plane[0], plane[1]));
        sp_sum_plane *p = &plane[i % 2][i % SP_SUM_PLANES];
        const double by = 0.2 * gap(&c, p, side, c.inside);
        p->of[0].c += side == SIDE_LOWER ? by : -by;
        for (int k = 0; k < 10; k++) {
            least = fmin(least, closest(&c, p, side, z));
        }
        noticed += least < 0.0;
    }
    assert_int_equal(noticed, 40);
}

static void what_is_not_finite_or_thin_has_no_planes(void **state) {
    (void)state;
    sum_case c;
    sp_sum_plane lower[SP_SUM_PLANES], upper[SP_SUM_PLANES];
    const sp_iv bad[] = {{NAN, 1.0}, {1.0, -1.0}, {-INFINITY, 1.0}, {0.5, 0.5}};
    for (size_t k = 0; k < sizeof bad / sizeof bad[0]; k++) {
        tied(&c, 0.5);
        c.of[k % 2].box.x = bad[k];
        assert_false(sp_sum_planes(c.of, c.strip, lower, upper));
        tied(&c, 0.5);
        c.of[k % 2].cut.sum = bad[k];
        assert_false(sp_sum_planes(c.of, c.strip, lower, upper));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(planes_are_sound_in_all_strips),
        cmocka_unit_test(strips_close_the_gap),
        cmocka_unit_test(a_raised_plane_is_noticed),
        cmocka_unit_test(what_is_not_finite_or_thin_has_no_planes),
    };
    sp_rng_init(&rng, sp_test_seed());
    return cmocka_run_group_tests(tests, NULL, NULL);
}
