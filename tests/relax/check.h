/* What the tests of relax/ share: odd boxes, and a search for the point where a plane comes closest
 * to its function, judged in Arb. */
#ifndef SP_TESTS_RELAX_CHECK_H
#define SP_TESTS_RELAX_CHECK_H

#include <math.h>
#include <stdio.h>

#include "relax/relax.h"
#include "tests/support/arb.h"
#include "tests/support/support.h"

typedef enum { SIDE_LOWER, SIDE_UPPER } check_side;

typedef struct check_point {
    double x, y;
} check_point;

static inline double check_clamp(double x, sp_iv r) {
    return fmin(fmax(x, r.lo), r.hi);
}

static inline sp_iv check_iv(double a, double b) {
    const sp_iv r = {fmin(a, b), fmax(a, b)};
    return r;
}

static inline sp_box check_box(double xlo, double xhi, double ylo, double yhi) {
    const sp_box box = {{xlo, xhi}, {ylo, yhi}};
    return box;
}

/* ---- random intervals ---- */

/* A moderate interval, as networks have them. */
static inline sp_iv check_random_plain(sp_rng *rng) {
    const double c = sp_rng_uniform(rng, -4.0, 4.0), h = sp_rng_uniform(rng, 0.0, 4.0);
    return check_iv(c - h * sp_rng_uniform(rng, 0.05, 1.0), c + h);
}

/* A narrow one. */
static inline sp_iv check_random_narrow(sp_rng *rng) {
    const double c = sp_rng_uniform(rng, -30.0, 30.0);
    return check_iv(c, c + pow(10.0, sp_rng_uniform(rng, -17.0, 0.0)));
}

/* Any finite magnitude, either or both signs. */
static inline sp_iv check_random_scaled(sp_rng *rng) {
    const double scale = pow(10.0, sp_rng_uniform(rng, -322.0, 307.0));
    return check_iv(scale * sp_rng_uniform(rng, -1.0, 1.0), scale * sp_rng_uniform(rng, -1.0, 1.0));
}

/* One sign, both ends of their own magnitude. */
static inline sp_iv check_random_skew(sp_rng *rng) {
    const double sign = sp_rng_below(rng, 2) ? 1.0 : -1.0;
    return check_iv(sign * pow(10.0, sp_rng_uniform(rng, -20.0, 8.0)),
                    sign * pow(10.0, sp_rng_uniform(rng, -20.0, 8.0)));
}

static inline sp_iv check_random_iv(sp_rng *rng) {
    const double x = sp_rng_uniform(rng, -5.0, 5.0);
    switch (sp_rng_below(rng, 12)) {
    case 0:
        return check_random_narrow(rng);
    case 1:
        return check_random_scaled(rng);
    case 2:
        return check_random_skew(rng);
    case 3:
        return check_iv(sp_rng_double(rng), sp_rng_double(rng));
    case 4:
        return check_iv(x, x);
    case 5:
        return check_iv(x, nextafter(x, 10.0));
    case 6:
        return check_iv(0.0, x);
    case 7:
        return check_iv(sp_rng_uniform(rng, -1e3, 1e3), sp_rng_uniform(rng, -1e3, 1e3));
    case 8:
        return check_iv(sp_rng_uniform(rng, -760.0, 40.0), sp_rng_uniform(rng, -760.0, 760.0));
    default:
        return check_random_plain(rng);
    }
}

static inline sp_box check_random_box(sp_rng *rng) {
    const sp_box box = {check_random_iv(rng), check_random_iv(rng)};
    return box;
}

static inline sp_box check_random_plain_box(sp_rng *rng) {
    const sp_box box = {check_random_plain(rng), check_random_plain(rng)};
    return box;
}

static inline double check_random_in(sp_rng *rng, sp_iv x) {
    return sp_rng_uniform(rng, x.lo, x.hi);
}

/* ---- exact values ---- */

static inline void check_arb_sigmoid(arb_t z, double x) {
    arb_t e;
    arb_init(e);
    arb_set_d(e, -fabs(x));
    arb_exp(e, e, SP_ARB_BITS);
    arb_add_ui(z, e, 1, SP_ARB_BITS);
    if (x >= 0.0) {
        arb_one(e);
    }
    arb_div(z, e, z, SP_ARB_BITS);
    arb_clear(e);
}

static inline void check_arb_tanh(arb_t z, double x) {
    arb_set_d(z, x);
    arb_tanh(z, z, SP_ARB_BITS);
}

static inline void check_arb_product(arb_t z, sp_product f, double x, double y) {
    arb_t t;
    arb_init(t);
    check_arb_sigmoid(z, x);
    if (f == SP_PRODUCT_SIGMOID_TANH) {
        check_arb_tanh(t, y);
    } else {
        arb_set_d(t, y);
    }
    arb_mul(z, z, t, SP_ARB_BITS);
    arb_clear(t);
}

/* Whether the plane is on its side of f at (x, y) for certain. A constant of -inf (+inf) always is,
 * and so is -1 (+1) for f1, which balls around tanh = 1 cannot tell. */
static inline bool check_holds_at(sp_product f, sp_plane p, check_side side, double x, double y) {
    arb_t z;
    bool holds;
    const double outward = side == SIDE_LOWER ? -p.c : p.c;
    if (outward == INFINITY ||
        (f == SP_PRODUCT_SIGMOID_TANH && p.a == 0.0 && p.b == 0.0 && outward >= 1.0)) {
        return true;
    }
    arb_init(z);
    check_arb_product(z, f, x, y);
    sp_arb_addmul_d(z, -p.a, x);
    sp_arb_addmul_d(z, -p.b, y);
    holds = side == SIDE_LOWER ? sp_arb_ge(z, p.c) : sp_arb_le(z, p.c);
    arb_clear(z);
    return holds;
}

/* ---- search ---- */

/* Distance from the plane to f on its own side, in long double: where it is least is worth a look.
 * */
static inline long double check_gap(sp_product f, sp_plane p, check_side side, check_point at) {
    const long double e = expl(-fabsl((long double)at.x));
    const long double s = (at.x >= 0.0 ? 1.0L : e) / (1.0L + e);
    const long double t = f == SP_PRODUCT_SIGMOID_TANH ? tanhl((long double)at.y) : at.y;
    const long double gap = s * t - (long double)p.a * at.x - (long double)p.b * at.y - p.c;
    return side == SIDE_LOWER ? gap : -gap;
}

/* Walks from `at` to a local minimum of the gap: steps along the axes and diagonals, first of this
 * share of the sides, halved when none helps and never longer. */
static inline long double check_descend(sp_product f, sp_plane p, check_side side, sp_box box,
                                        double share, check_point *at) {
    static const int direction[8][2] = {{1, 0}, {-1, 0}, {0, 1},  {0, -1},
                                        {1, 1}, {1, -1}, {-1, 1}, {-1, -1}};
    const double width = box.x.hi - box.x.lo, height = box.y.hi - box.y.lo;
    long double least = check_gap(f, p, side, *at);
    double step = share;
    for (int moves = 0; step > 0x1p-44 && moves < 400; moves++) {
        bool better = false;
        for (int k = 0; k < 8 && !better; k++) {
            const check_point next = {check_clamp(at->x + direction[k][0] * step * width, box.x),
                                      check_clamp(at->y + direction[k][1] * step * height, box.y)};
            const long double gap = check_gap(f, p, side, next);
            if (gap < least) {
                least = gap;
                *at = next;
                better = true;
            }
        }
        step = better ? fmin(2.0 * step, share) : 0.5 * step;
    }
    return least;
}

/* A start of the search: corners, then the edges, then points that crowd around 0 or the corners
 * where the curvature of a long box is, then any. */
static inline check_point check_start(sp_rng *rng, sp_box box, int k) {
    check_point p = {check_random_in(rng, box.x), check_random_in(rng, box.y)};
    if (k < 4) {
        p.x = k & 1 ? box.x.hi : box.x.lo;
        p.y = k & 2 ? box.y.hi : box.y.lo;
    } else if (k % 4 == 0) {
        p.x = sp_rng_below(rng, 2) ? box.x.hi : box.x.lo;
    } else if (k % 4 == 1) {
        p.y = sp_rng_below(rng, 2) ? box.y.hi : box.y.lo;
    } else if (k % 4 == 2) {
        p.x = check_clamp(sp_rng_uniform(rng, -40.0, 40.0), box.x);
        p.y = check_clamp(sp_rng_uniform(rng, -3.0, 3.0), box.y);
    }
    return p;
}

static inline void check_print(sp_product f, sp_box box, sp_plane p, check_side side,
                               check_point at) {
    printf("%s plane of f%d on [%a, %a] x [%a, %a]: a %a b %a c %a fails at (%a, %a)\n",
           side == SIDE_LOWER ? "lower" : "upper", (int)f + 1, box.x.lo, box.x.hi, box.y.lo,
           box.y.hi, p.a, p.b, p.c, at.x, at.y);
}

/* check_search - whether the plane is sound as far as `starts` descents can tell; every end point
 * and start is judged in Arb. *at is where it fails, *least the least gap that was met. */
static inline bool check_search(sp_rng *rng, sp_product f, sp_box box, sp_plane p, check_side side,
                                int starts, check_point *at, long double *least) {
    bool sound = !isnan(p.a) && !isnan(p.b) && !isnan(p.c);
    *least = INFINITY;
    for (int k = 0; k < starts && sound; k++) {
        *at = check_start(rng, box, k);
        sound = check_holds_at(f, p, side, at->x, at->y);
        if (sound && isfinite(p.c)) {
            *least = fminl(*least, check_descend(f, p, side, box, 0.25, at));
            sound = check_holds_at(f, p, side, at->x, at->y);
        }
    }
    return sound;
}

/* check_contains - the same, and prints the operands of a failure. *least may be NULL. */
static inline bool check_contains(sp_rng *rng, sp_product f, sp_box box, sp_plane p,
                                  check_side side, int starts, long double *least) {
    check_point at = {0.0, 0.0};
    long double lowest;
    const bool sound = check_search(rng, f, box, p, side, starts, &at, &lowest);
    if (!sound) {
        check_print(f, box, p, side, at);
    }
    if (least != NULL) {
        *least = lowest;
    }
    return sound;
}

/* check_rejects - for planes that are wrong on purpose. */
static inline bool check_rejects(sp_rng *rng, sp_product f, sp_box box, sp_plane p,
                                 check_side side) {
    check_point at;
    long double least;
    return !check_search(rng, f, box, p, side, 24, &at, &least);
}

#endif
