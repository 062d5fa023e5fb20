/* Lines of the logarithm of a band's energy along a one-dimensional noise set. */
#include <math.h>

#include "preprocess/bound/impl.h"

/* Both lines get the slope of the chord. Their offsets are the extremes of g(x) = log E(x) - w x,
 * found cell by cell: on a cell of width h, g stays within sup |g''| h^2 / 8 of the chord of its
 * ends, and g'' = E''/E - (E'/E)^2. Source: docs/theory/front-end.md 5.1. */
#define CELLS 32

static sp_iv point(double x) {
    const sp_iv p = {x, x};
    return p;
}

static sp_iv value_at(const sp_path_energy *f, double x) {
    const sp_iv e =
        sp_iv_add(f->a, sp_iv_mul(point(x), sp_iv_add(f->b, sp_iv_mul(f->c, point(x)))));
    return (sp_iv){fmax(e.lo, f->floor), fmax(e.hi, f->floor)};
}

/* log max(E, least) for E in e; (-inf, .) where E may vanish. */
static sp_iv floored_log(const sp_path_energy *f, sp_iv e) {
    const sp_iv floored = {fmax(e.lo, f->least), fmax(e.hi, f->least)};
    const sp_iv no_information = {-INFINITY, INFINITY};
    return floored.lo > 0.0 ? sp_log_range(floored) : no_information;
}

typedef struct cell {
    double p, q;      /* ends */
    sp_iv energy;     /* on the cell */
    sp_iv at_p, at_q; /* log E at the ends */
} cell;

/* E is convex: at most the larger end, at least its tangent at the middle. */
static sp_iv cell_energy(const sp_path_energy *f, double p, double q) {
    const double m = 0.5 * (p + q), half = sp_above(0.5 * sp_above(q - p) + 0x1p-52 * fabs(m));
    const sp_iv at = value_at(f, m);
    const sp_iv twice = {2.0 * f->c.lo, 2.0 * f->c.hi};
    const sp_iv slope = sp_iv_add(f->b, sp_iv_mul(twice, point(m)));
    const double low = sp_below(at.lo - sp_above(sp_iv_mag(slope) * half));
    return (sp_iv){fmax(low, f->floor), fmax(value_at(f, p).hi, value_at(f, q).hi)};
}

/* The most by which g can fall below, and rise above, its chord on a cell. */
static void bends(const sp_path_energy *f, const cell *c, double *below, double *above) {
    const double h = sp_above(c->q - c->p), share = sp_above(sp_above(h * h) / 8.0);
    const sp_iv x = {c->p, c->q}, twice = {2.0 * f->c.lo, 2.0 * f->c.hi};
    const sp_iv slope = sp_iv_add(f->b, sp_iv_mul(twice, x));
    const double steep = sp_iv_mag(slope);
    const double flat = slope.lo > 0.0 ? slope.lo : slope.hi < 0.0 ? -slope.hi : 0.0;
    const double least = c->energy.lo, most = c->energy.hi;
    const double up = sp_above(sp_above(twice.hi / least) -
                               sp_below(sp_below(flat * flat) / sp_above(most * most)));
    const double down = sp_above(sp_above(sp_above(steep * steep) / sp_below(least * least)) -
                                 sp_below(fmax(twice.lo, 0.0) / most));
    *below = sp_above(fmax(up, 0.0) * share);
    *above = sp_above(fmax(down, 0.0) * share);
}

/* The range of g on a cell, met with what intervals say. */
static sp_iv cell_range(const sp_path_energy *f, const cell *c, double w) {
    const sp_iv x = {c->p, c->q}, plain = floored_log(f, c->energy);
    sp_iv fall = sp_iv_mul(point(-w), x);
    sp_iv range = sp_iv_add(plain, fall);
    if (c->energy.lo > 0.0 && c->energy.lo >= f->least) {
        const sp_iv g_p = sp_iv_add(c->at_p, sp_iv_mul(point(-w), point(c->p)));
        const sp_iv g_q = sp_iv_add(c->at_q, sp_iv_mul(point(-w), point(c->q)));
        double below = INFINITY, above = INFINITY;
        bends(f, c, &below, &above);
        const double lo = sp_below(fmin(g_p.lo, g_q.lo) - below);
        const double hi = sp_above(fmax(g_p.hi, g_q.hi) + above);
        range.lo = fmax(range.lo, lo); // fmax and fmin pass over NaN
        range.hi = fmin(range.hi, hi);
    }
    return range;
}

static double slope_of(sp_iv at_lo, sp_iv at_hi, double lo, double hi) {
    const double rise = 0.5 * (at_hi.lo + at_hi.hi) - 0.5 * (at_lo.lo + at_lo.hi);
    const double w = hi > lo ? rise / (hi - lo) : 0.0;
    return isfinite(w) ? w : 0.0;
}

/* w x + c as a line over x - middle. */
static sp_line_pair shifted(double w, sp_iv c, double middle) {
    const sp_iv moved = sp_iv_mul(point(w), point(middle));
    const sp_line_pair lines = {{w, sp_below(c.lo + moved.lo)}, {w, sp_above(c.hi + moved.hi)}};
    return lines;
}

static sp_line_pair silent_lines(sp_iv *range, const sp_path_energy *f) {
    const double energy = fmax(fmax(f->floor, f->least), f->for_zero);
    *range = sp_log_range(point(energy));
    const sp_line_pair lines = {{0.0, range->lo}, {0.0, range->hi}};
    return lines;
}

sp_line_pair sp_path_lines(sp_iv *range, const sp_path_energy *f, double lo, double hi,
                           double middle) {
    if (f->silent) {
        return silent_lines(range, f);
    }
    const sp_iv first = floored_log(f, value_at(f, lo)), last = floored_log(f, value_at(f, hi));
    const double w = slope_of(first, last, lo, hi);
    sp_iv offset = {INFINITY, -INFINITY};
    cell c = {.q = lo, .at_q = first};
    *range = offset;
    for (size_t i = 0; i < CELLS; i++) {
        c.p = c.q;
        c.at_p = c.at_q;
        c.q = i + 1 == CELLS ? hi : fmin(lo + (hi - lo) * (double)(i + 1) / CELLS, hi);
        c.at_q = i + 1 == CELLS ? last : floored_log(f, value_at(f, c.q));
        c.energy = cell_energy(f, c.p, c.q);
        const sp_iv g = cell_range(f, &c, w), log = floored_log(f, c.energy);
        offset.lo = g.lo < offset.lo ? g.lo : offset.lo;
        offset.hi = g.hi > offset.hi ? g.hi : offset.hi;
        range->lo = fmin(range->lo, log.lo);
        range->hi = fmax(range->hi, log.hi);
    }
    return shifted(w, offset, middle);
}

/* log(u + v) with u = a e^{2x}, v = floor: between the ends it lies below its chord, and by
 * Jensen's inequality above (1 - k) (log a + 2 x) + k log v + H(k) for every k in [0, 1], H the
 * entropy. */
static sp_iv gain_log(const sp_path_energy *f, double x) {
    const sp_iv u = sp_iv_add(sp_log_range(f->a), point(2.0 * x));
    if (f->floor > 0.0) {
        const sp_iv e = {sp_below(exp(u.lo) * (1.0 - 0x1p-49)),
                         sp_above(exp(u.hi) * (1.0 + 0x1p-49))};
        return sp_log_range(sp_iv_add((sp_iv){fmax(e.lo, 0.0), e.hi}, point(f->floor)));
    }
    if (f->least > 0.0) {
        const sp_iv least = sp_log_range(point(f->least));
        return (sp_iv){fmax(u.lo, least.lo), fmax(u.hi, least.hi)};
    }
    return u;
}

static sp_line jensen(const sp_path_energy *f, double lo, double middle) {
    const sp_iv log_a = sp_log_range(f->a);
    const double floor = fmax(f->floor, f->least);
    if (!(floor > 0.0) || (f->floor == 0.0 && log_a.lo + 2.0 * lo > log(floor))) {
        const sp_line line = {2.0, sp_below(log_a.lo + 2.0 * middle)}; // 2 x is exact
        return line;
    }
    const double u = exp(0.5 * (log_a.lo + log_a.hi) + 2.0 * middle);
    double k = f->floor > 0.0 ? floor / (u + floor) : u < floor ? 1.0 : 0.0;
    k = k > 0.0 && k < 1.0 ? k : k >= 1.0 ? 1.0 : 0.0;
    const double rest = 1.0 - k; // off by at most 2^-53
    const double entropy =
        f->floor > 0.0 && k > 0.0 && rest > 0.0 ? -k * log(k) - rest * log(rest) : 0.0;
    // the exact weight of the floor is 1 - rest
    const sp_iv share = {sp_below(rest), sp_above(rest)}, other = {k - 0x1p-52, k + 0x1p-52};
    const sp_iv u_log = sp_iv_add(log_a, point(2.0 * middle));
    const sp_iv sum =
        sp_iv_add(sp_iv_mul(share, u_log), sp_iv_mul(other, sp_log_range(point(floor))));
    const sp_line line = {2.0 * rest, sp_below(sp_below(sum.lo + entropy) - 1e-12)};
    return line;
}

sp_line_pair sp_path_gain_lines(sp_iv *range, const sp_path_energy *f, double lo, double hi,
                                double middle) {
    const sp_line_pair nothing = {{0.0, -INFINITY}, {0.0, INFINITY}};
    if (f->silent) {
        return silent_lines(range, f);
    }
    if (!(f->a.lo > 0.0)) { // no lower end: from the floor up to what intervals say
        const double most = fmax(
            sp_above(sp_above(f->a.hi * exp(2.0 * hi) * (1.0 + 0x1p-49)) + f->floor), f->least);
        const double least = fmax(f->floor, f->least);
        *range = (sp_iv){-INFINITY, INFINITY};
        if (!(least > 0.0)) {
            return nothing;
        }
        const sp_iv box = {least, most};
        *range = sp_log_range(box);
        const sp_line_pair flat = {{0.0, range->lo}, {0.0, range->hi}};
        return flat;
    }
    const sp_iv first = gain_log(f, lo), last = gain_log(f, hi);
    const double w = f->floor == 0.0 && first.lo > log(fmax(f->least, 0x1p-1000)) + 1e-9
                         ? 2.0
                         : slope_of(first, last, lo, hi);
    const double a = sp_above(first.hi - sp_below(w * lo)),
                 b = sp_above(last.hi - sp_below(w * hi));
    const sp_line_pair upper = shifted(w, (sp_iv){0.0, fmax(a, b)}, middle);
    const sp_line_pair lines = {jensen(f, lo, middle), upper.upper};
    *range = (sp_iv){first.lo, last.hi};
    return lines;
}
