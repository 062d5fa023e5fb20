/* Functions in balls, and the least values of sigma(x) q(y) - a x - b y over boxes.
 *
 * The least value: on a cell h wide in x and k wide in y the bilinear interpolant I of its corners
 * is nowhere below the least corner, and
 *   g - I >= -h^2/8 sup(g_xx)+ - k^2/8 sup(g_yy)+
 * (linear interpolation in x, then in y). Cells whose bound is not within a tolerance of the least
 * corner of all are halved, the half of their least corner first. The result holds wherever halving stops. */
#include <math.h>
#include <stdlib.h>

#include "checker.h"

enum { PRECISION = 64, MOST_CELLS = 1 << 16 };
#define TOLERANCE 1e-9

static ck_range range_of(const arb_t x) {
    arf_t end;
    ck_range range;
    arf_init(end);
    arb_get_lbound_arf(end, x, PRECISION);
    range.lo = arf_get_d(end, ARF_RND_FLOOR);
    arb_get_ubound_arf(end, x, PRECISION);
    range.hi = arf_get_d(end, ARF_RND_CEIL);
    arf_clear(end);
    return range;
}

typedef void function(arb_t y, const arb_t x, slong precision);

static void sigma(arb_t y, const arb_t x, slong precision) {
    arb_neg(y, x);
    arb_exp(y, y, precision);
    arb_add_ui(y, y, 1, precision);
    arb_inv(y, y, precision);
}

static ck_range value(function *f, double x) {
    arb_t b;
    arb_init(b);
    arb_set_d(b, x);
    f(b, b, PRECISION);
    const ck_range range = range_of(b);
    arb_clear(b);
    return range;
}

ck_range ck_log(double x) {
    return value(arb_log, x);
}

/* Whatever a function says of an argument out of its reach: fmax and fmin pass a NaN over. */
static ck_range within(ck_range range, double lo) {
    return (ck_range){fmax(range.lo, lo), fmin(range.hi, 1.0)};
}

ck_range ck_sigma(double x) {
    return within(value(sigma, x), 0.0);
}

ck_range ck_tanh(double x) {
    return within(value(arb_tanh, x), -1.0);
}

/* g, the least corner that was seen, and how many cells may still be halved. */
typedef struct product {
    bool tanh_second;
    double a, b, best;
    int left;
} product;

typedef struct cell {
    double x[2], y[2];
    ck_range s[2], q[2]; /* sigma at x, q at y */
} cell;

/* At most, and about, g at a corner. */
static double corner(ck_range s, ck_range q, double ax, double by, double *about) {
    const double p[] = {s.lo * q.lo, s.hi * q.lo, s.lo * q.hi, s.hi * q.hi};
    const double least = fmin(fmin(p[0], p[1]), fmin(p[2], p[3]));
    *about = least - ax - by;
    return *about - 0x1p-50 * (fabs(least) + fabs(ax) + fabs(by)) - CK_TINY;
}

static double positive(double lo, double hi, ck_range f) {
    return fmax(0.0, fmax(fmax(lo * f.lo, lo * f.hi), fmax(hi * f.lo, hi * f.hi)));
}

static ck_range second(const product *g, double y) {
    return g->tanh_second ? ck_tanh(y) : (ck_range){y, y};
}

/* At most g on a cell. */
static double least(product *g, const cell *c) {
    double low = INFINITY, lowest = INFINITY, about;
    int at = 0;
    for (int i = 0; i < 4; i++) {
        const int j = i & 1, k = i >> 1;
        low = fmin(low, corner(c->s[j], c->q[k], g->a * c->x[j], g->b * c->y[k], &about));
        at = about < lowest ? i : at;
        lowest = fmin(lowest, about);
    }
    g->best = fmin(g->best, lowest);
    /* sigma'' = s (1 - s) (1 - 2 s), at most 0.09623 */
    const ck_range s = {c->s[0].lo, c->s[1].hi}, q = {c->q[0].lo, c->q[1].hi};
    const double near = s.lo > 0.5 ? s.lo : s.hi < 0.5 ? s.hi : 0.5;
    const double bend = fmin(0.09623, 1.000001 * near * (1.0 - near) *
                                          fmax(fabs(1.0 - 2.0 * s.lo), fabs(1.0 - 2.0 * s.hi)));
    const double xx = positive(s.hi <= 0.5 ? 0.0 : -bend, s.lo >= 0.5 ? 0.0 : bend, q);
    /* tanh'' = -2 t (1 - t^2), at most 0.76981 */
    const double small = q.lo > 0.0 ? q.lo : q.hi < 0.0 ? q.hi : 0.0;
    const double turn =
        fmin(0.76981, 2.000001 * fmax(fabs(q.lo), fabs(q.hi)) * (1.0 - small * small) + 1e-18);
    const double yy = positive(q.hi <= 0.0 ? 0.0 : -turn, q.lo >= 0.0 ? 0.0 : turn, s);
    const double h = c->x[1] - c->x[0], k = c->y[1] - c->y[0], in_x = 0.1250001 * h * h * xx;
    const double in_y = g->tanh_second ? 0.1250001 * k * k * yy : 0.0;
    low -= 1.0000001 * (in_x + in_y) + CK_TINY;

    const double x = c->x[0] + 0.5 * h, y = c->y[0] + 0.5 * k;
    const bool wide = in_x >= in_y;
    const bool splits = wide ? x > c->x[0] && x < c->x[1] : y > c->y[0] && y < c->y[1];
    if (low >= g->best - TOLERANCE || !splits || --g->left < 0) {
        return low;
    }
    cell half[2] = {*c, *c};
    if (wide) {
        half[0].x[1] = half[1].x[0] = x;
        half[0].s[1] = half[1].s[0] = ck_sigma(x);
    } else {
        half[0].y[1] = half[1].y[0] = y;
        half[0].q[1] = half[1].q[0] = second(g, y);
    }
    const int first = wide ? at & 1 : at >> 1;
    const double one = least(g, &half[first]);
    return fmin(one, least(g, &half[1 - first]));
}

double ck_least_product(bool tanh_second, ck_range x, ck_range y, double a, double b) {
    product g = {tanh_second, a, b, INFINITY, MOST_CELLS};
    const cell all = {{x.lo, x.hi},
                      {y.lo, y.hi},
                      {ck_sigma(x.lo), ck_sigma(x.hi)},
                      {second(&g, y.lo), second(&g, y.hi)}};
    return least(&g, &all);
}

/* q is odd: sigma(x) q(y) - a x - b y = -(sigma(x) q(-y) + a x - b (-y)). */
double ck_most_product(bool tanh_second, ck_range x, ck_range y, double a, double b) {
    return -ck_least_product(tanh_second, x, (ck_range){-y.hi, -y.lo}, -a, b);
}

ck_range ck_curve_range(ck_curve curve, ck_range x) {
    return curve == CK_CURVE_TANH ? (ck_range){ck_tanh(x.lo).lo, ck_tanh(x.hi).hi}
                                  : (ck_range){fmax(x.lo, 0.0), fmax(x.hi, 0.0)};
}

/* tanh(x) - a x = 2 (sigma(2 x) - a/4 (2 x)) - 1. */
static double least_tanh(ck_range x, double a) {
    const ck_range twice = {2.0 * x.lo, 2.0 * x.hi}, one = {1.0, 1.0};
    const double least = 2.0 * ck_least_product(false, twice, one, 0.25 * a, 0.0) - 1.0;
    return least - 0x1p-50 * (fabs(least) + 1.0);
}

/* What the ends and, of the least value, 0 may be off by; nothing where all of it is 0. */
static double error_of_relu(ck_range x, double a, double value) {
    return value != 0.0 || a != 0.0 ? CK_EPS * (1.0 + fabs(a)) * fmax(fabs(x.lo), fabs(x.hi)) : 0.0;
}

double ck_least_curve(ck_curve curve, ck_range x, double a) {
    if (curve == CK_CURVE_TANH) {
        return least_tanh(x, a);
    }
    const double ends = fmin(fmax(x.lo, 0.0) - a * x.lo, fmax(x.hi, 0.0) - a * x.hi);
    const double least = x.lo < 0.0 && x.hi > 0.0 ? fmin(ends, 0.0) : ends;
    return least - error_of_relu(x, a, least);
}

double ck_most_curve(ck_curve curve, ck_range x, double a) {
    if (curve == CK_CURVE_TANH) {
        return -least_tanh((ck_range){-x.hi, -x.lo}, a); /* odd */
    }
    const double most = fmax(fmax(x.lo, 0.0) - a * x.lo, fmax(x.hi, 0.0) - a * x.hi);
    return most + error_of_relu(x, a, most); /* convex */
}
