/* Functions in balls, and the least values of sigma(x) q(y) - a x - b y over boxes.
 *
 * The least value: on a cell h wide in x and k wide in y the bilinear interpolant I of its corners
 * is nowhere below the least corner, and
 *   g - I >= -h^2/8 sup(g_xx)+ - k^2/8 sup(g_yy)+
 * (linear interpolation in x, then in y). Cells whose bound is not within a tolerance of the least
 * corner of all are halved. The result holds wherever halving stops. */
#include <math.h>
#include <stdlib.h>

#include "balls.h"
#include "checker.h"

enum { PRECISION = 64, MOST_CELLS = 1 << 15 };
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

typedef struct cell {
    double x0, x1, y0, y1;
    ck_range s0, s1, q0, q1; /* sigma at x0, x1, q at y0, y1 */
    double low;              /* at most g on the cell */
    bool wide;               /* halve it in x */
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

/* The bound of a cell; *best: the least corner so far. */
static void look(cell *c, bool tanh_second, double a, double b, double *best) {
    double least = INFINITY, about;
    const ck_range s[2] = {c->s0, c->s1}, q[2] = {c->q0, c->q1};
    const double x[2] = {c->x0, c->x1}, y[2] = {c->y0, c->y1};
    for (int i = 0; i < 4; i++) {
        least = fmin(least, corner(s[i & 1], q[i >> 1], a * x[i & 1], b * y[i >> 1], &about));
        *best = fmin(*best, about);
    }
    /* sigma'' = s (1 - s) (1 - 2 s), at most 0.09623 */
    const double s_lo = c->s0.lo, s_hi = c->s1.hi;
    const double near = s_lo > 0.5 ? s_lo : s_hi < 0.5 ? s_hi : 0.5;
    const double bend = fmin(0.09623, 1.000001 * near * (1.0 - near) *
                                          fmax(fabs(1.0 - 2.0 * s_lo), fabs(1.0 - 2.0 * s_hi)));
    const ck_range q_all = {c->q0.lo, c->q1.hi};
    const double xx = positive(s_hi <= 0.5 ? 0.0 : -bend, s_lo >= 0.5 ? 0.0 : bend, q_all);
    /* tanh'' = -2 t (1 - t^2), at most 0.76981 */
    double yy = 0.0;
    if (tanh_second) {
        const double t_lo = q_all.lo, t_hi = q_all.hi;
        const double small = t_lo > 0.0 ? t_lo : t_hi < 0.0 ? t_hi : 0.0;
        const double turn =
            fmin(0.76981, 2.000001 * fmax(fabs(t_lo), fabs(t_hi)) * (1.0 - small * small) + 1e-18);
        yy = positive(t_hi <= 0.0 ? 0.0 : -turn, t_lo >= 0.0 ? 0.0 : turn, (ck_range){s_lo, s_hi});
    }
    const double h = c->x1 - c->x0, k = c->y1 - c->y0;
    const double in_x = 0.1250001 * h * h * xx, in_y = 0.1250001 * k * k * yy;
    c->wide = in_x >= in_y;
    c->low = least - 1.0000001 * (in_x + in_y) - CK_TINY;
}

static ck_range second(bool tanh_second, double y) {
    return tanh_second ? ck_tanh(y) : (ck_range){y, y};
}

double ck_least_product(bool tanh_second, ck_range x, ck_range y, double a, double b) {
    static cell two[2][MOST_CELLS]; /* for one thread */
    cell *now = two[0], *next = two[1];
    double best = INFINITY, least = INFINITY;
    size_t count = 1;
    const ck_range q0 = second(tanh_second, y.lo), q1 = second(tanh_second, y.hi);
    now[0] = (cell){x.lo, x.hi, y.lo, y.hi, ck_sigma(x.lo), ck_sigma(x.hi), q0, q1, 0.0, false};
    look(&now[0], tanh_second, a, b, &best);
    while (count > 0) {
        size_t more = 0;
        for (size_t i = 0; i < count; i++) {
            const cell c = now[i];
            const double x_mid = c.x0 + 0.5 * (c.x1 - c.x0), y_mid = c.y0 + 0.5 * (c.y1 - c.y0);
            const bool splits =
                c.wide ? x_mid > c.x0 && x_mid < c.x1 : y_mid > c.y0 && y_mid < c.y1;
            if (c.low >= best - TOLERANCE || !splits || more + 2 > MOST_CELLS) {
                least = fmin(least, c.low);
                continue;
            }
            cell left = c, right = c;
            if (c.wide) {
                left.x1 = right.x0 = x_mid;
                left.s1 = right.s0 = ck_sigma(x_mid);
            } else {
                left.y1 = right.y0 = y_mid;
                left.q1 = right.q0 = second(tanh_second, y_mid);
            }
            look(&left, tanh_second, a, b, &best);
            look(&right, tanh_second, a, b, &best);
            next[more++] = left;
            next[more++] = right;
        }
        cell *const spare = now;
        now = next;
        next = spare;
        count = more;
    }
    return least;
}

/* q is odd: sigma(x) q(y) - a x - b y = -(sigma(x) q(-y) + a x - b (-y)). */
double ck_most_product(bool tanh_second, ck_range x, ck_range y, double a, double b) {
    return -ck_least_product(tanh_second, x, (ck_range){-y.hi, -y.lo}, -a, b);
}

/* tanh(x) - a x = 2 (sigma(2 x) - a/4 (2 x)) - 1. */
double ck_least_tanh(ck_range x, double a) {
    const ck_range twice = {2.0 * x.lo, 2.0 * x.hi}, one = {1.0, 1.0};
    const double least = 2.0 * ck_least_product(false, twice, one, 0.25 * a, 0.0) - 1.0;
    return least - 0x1p-50 * (fabs(least) + 1.0);
}

double ck_most_tanh(ck_range x, double a) {
    return -ck_least_tanh((ck_range){-x.hi, -x.lo}, a);
}
