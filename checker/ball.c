/* Functions in balls, and the least values of f(x) q(y) - a x - b y over boxes.
 *
 * The least value: on a cell h wide in x and k wide in y the bilinear interpolant of its corners is
 * nowhere below the least corner. A function lies below its chord by no more than h^2/8 times its
 * largest second derivative, or, where its slope changes by c within the cell, h c/4; so does the
 * product below the interpolant, in x by as much times q, then in y times f. Cells whose bound is not
 * within a tolerance of the least corner of all are halved, the half of their least corner first. The
 * result holds wherever halving stops. */
#include <math.h>
#include <stdlib.h>

#include "checker.h"

enum { PRECISION = 64, MOST_CELLS = 1 << 16 };
#define TOLERANCE 1e-12

typedef void function(arb_t y, const arb_t x, slong precision);

static void sigma(arb_t y, const arb_t x, slong precision) {
    arb_neg(y, x);
    arb_exp(y, y, precision);
    arb_add_ui(y, y, 1, precision);
    arb_inv(y, y, precision);
}

static ck_range value(function *f, double x) {
    arb_t b;
    arf_t lo, hi;
    arb_init(b);
    arf_init(lo);
    arf_init(hi);
    arb_set_d(b, x);
    f(b, b, PRECISION);
    arb_get_interval_arf(lo, hi, b, PRECISION);
    const ck_range range = {arf_get_d(lo, ARF_RND_FLOOR), arf_get_d(hi, ARF_RND_CEIL)};
    arb_clear(b);
    arf_clear(lo);
    arf_clear(hi);
    return range;
}

ck_range ck_log(double x) {
    return value(arb_log, x);
}

/* Whatever a function says of an argument out of its reach: fmax and fmin pass a NaN over. */
static ck_range within(ck_range range, double lo) {
    return (ck_range){fmax(range.lo, lo), fmin(range.hi, 1.0)};
}

/* alpha x + beta, of which `beta` may be within 2^-53 of what is meant. */
static ck_range hard(ck_curve f, double x) {
    const double u = f.alpha * x + f.beta;
    const double off = 0x1p-50 * (fabs(f.alpha * x) + fabs(f.beta) + 1.0);
    return (ck_range){fmin(fmax(u - off, 0.0), 1.0), fmin(fmax(u + off, 0.0), 1.0)};
}

ck_range ck_value(ck_curve f, double x) {
    const double positive = f.kind == CK_RECTIFIER ? fmax(x, 0.0) : x;
    return f.kind == CK_SIGMOID        ? within(value(sigma, x), 0.0)
           : f.kind == CK_TANH         ? within(value(arb_tanh, x), -1.0)
           : f.kind == CK_HARD_SIGMOID ? hard(f, x)
                                       : (ck_range){positive, positive};
}

/* How far f may be from its chord over h, whose ends have these values. */
static ck_range from_chord(ck_curve f, ck_range ends, double h) {
    if (f.kind == CK_IDENTITY) {
        return (ck_range){0.0, 0.0};
    }
    if (f.kind == CK_SIGMOID) { /* (1 + tanh(x / 2)) / 2 */
        const ck_range t = {2.0 * ends.lo - 1.0, 2.0 * ends.hi - 1.0};
        const ck_range twice = from_chord((ck_curve){.kind = CK_TANH}, t, 0.5 * h);
        return (ck_range){0.5 * twice.lo, 0.5 * twice.hi};
    }
    if (f.kind == CK_TANH) { /* -2 t (1 - t^2), at most 0.76981; t may be off by 2^-53 */
        const double large = fmax(fabs(ends.lo), fabs(ends.hi));
        const double small = ends.lo > 0.0 ? ends.lo : ends.hi < 0.0 ? ends.hi : 0.0;
        const double second = 2.000001 * large * (1.0 - small) * (1.0 + small) + 1e-15;
        const double bend = 0.1250001 * h * h * fmin(0.76981, second);
        return (ck_range){ends.lo < 0.0 ? -bend : 0.0, ends.hi > 0.0 ? bend : 0.0};
    }
    const bool hard = f.kind == CK_HARD_SIGMOID;
    const double bend = 0.2500001 * h * (hard ? fabs(f.alpha) : 1.0);
    return (ck_range){ends.lo <= 0.0 && ends.hi > 0.0 ? -bend : 0.0,
                      hard && ends.hi >= 1.0 && ends.lo < 1.0 ? bend : 0.0};
}

/* The products of two ranges, rounded to nearest. */
static ck_range times(ck_range a, ck_range b) {
    const double p[] = {a.lo * b.lo, a.lo * b.hi, a.hi * b.lo, a.hi * b.hi};
    return (ck_range){fmin(fmin(p[0], p[1]), fmin(p[2], p[3])),
                      fmax(fmax(p[0], p[1]), fmax(p[2], p[3]))};
}

/* g, the least corner that was seen, and how many cells may still be halved. */
typedef struct search {
    ck_curve f, q;
    double a, b, best;
    int left;
} search;

typedef struct cell {
    double x[2], y[2];
    ck_range s[2], t[2]; /* f at x, q at y */
} cell;

/* At most g on a cell. */
static double least(search *g, const cell *c) {
    double low = INFINITY, lowest = INFINITY;
    int at = 0;
    for (int i = 0; i < 4; i++) {
        const int j = i & 1, k = i >> 1;
        const double product = times(c->s[j], c->t[k]).lo, ax = g->a * c->x[j], by = g->b * c->y[k];
        const double corner = product - ax - by; /* about */
        low = fmin(low, corner - 0x1p-50 * (fabs(product) + fabs(ax) + fabs(by)) - CK_TINY);
        at = corner < lowest ? i : at;
        lowest = fmin(lowest, corner);
    }
    g->best = fmin(g->best, lowest);
    const double h = c->x[1] - c->x[0], k = c->y[1] - c->y[0];
    const ck_range s = {c->s[0].lo, c->s[1].hi}, t = {c->t[0].lo, c->t[1].hi};
    const double in_x = fmin(0.0, times(from_chord(g->f, s, h), t).lo);
    const double in_y = fmin(0.0, times(from_chord(g->q, t, k), s).lo);
    low += 1.0000001 * (in_x + in_y) - CK_TINY;

    const double x = c->x[0] + 0.5 * h, y = c->y[0] + 0.5 * k;
    const bool wide = in_x <= in_y;
    const bool splits = wide ? x > c->x[0] && x < c->x[1] : y > c->y[0] && y < c->y[1];
    if (low >= g->best - TOLERANCE || !splits || --g->left < 0) {
        return low;
    }
    cell half[2] = {*c, *c};
    if (wide) {
        half[0].x[1] = half[1].x[0] = x;
        half[0].s[1] = half[1].s[0] = ck_value(g->f, x);
    } else {
        half[0].y[1] = half[1].y[0] = y;
        half[0].t[1] = half[1].t[0] = ck_value(g->q, y);
    }
    const int first = wide ? at & 1 : at >> 1;
    const double one = least(g, &half[first]);
    return fmin(one, least(g, &half[1 - first]));
}

double ck_least(ck_curve f, ck_range x, ck_curve q, ck_range y, double a, double b) {
    search g = {f, q, a, b, INFINITY, MOST_CELLS};
    const cell all = {{x.lo, x.hi},
                      {y.lo, y.hi},
                      {ck_value(f, x.lo), ck_value(f, x.hi)},
                      {ck_value(q, y.lo), ck_value(q, y.hi)}};
    return least(&g, &all);
}

/* q is odd: f(x) q(y) - a x - b y = -(f(x) q(-y) + a x - b (-y)). */
double ck_most(ck_curve f, ck_range x, ck_curve q, ck_range y, double a, double b) {
    return -ck_least(f, x, q, (ck_range){-y.hi, -y.lo}, -a, b);
}

ck_range ck_product(ck_curve f, ck_range x, ck_curve q, ck_range y) {
    const ck_range p = times((ck_range){ck_value(f, x.lo).lo, ck_value(f, x.hi).hi},
                             (ck_range){ck_value(q, y.lo).lo, ck_value(q, y.hi).hi});
    return (ck_range){p.lo - CK_EPS * fabs(p.lo) - CK_TINY, p.hi + CK_EPS * fabs(p.hi) + CK_TINY};
}
