// Octagons in cells: rectangles of p x - q y and p x + q y, clipped by the box.
// Source: docs/theory/sums.md 2.
#include "relax/plane/sum_impl.h"

/* Narrower sides, or narrower ranges in units of their size, are left to other planes. */
#define SP_SUM_THIN 1e-5

bool sp_sum_is_known(const sp_gate_map *map) {
    return sp_factor_is_smooth(map->product) && map->scale == 1.0 && map->shift == 0.0 &&
           map->factor == 1.0 && map->rest == 0.0;
}

/* Of the terms of p x + q y. */
static double size_of(const sp_sum_part *part) {
    return part->cut.p * sp_iv_mag(part->box.x) + part->cut.q * sp_iv_mag(part->box.y);
}

/* Interval k of the grid over a range, widened so that neighbours overlap by more than the rounding
 * of a corner. */
static sp_iv interval_of(sp_iv range, double size, int k) {
    const double width = (range.hi - range.lo) / SP_SUM_GRID;
    const double pad = SP_POLYGON_WIDEN * (range.hi - range.lo) + 0x1p-44 * size;
    const double lo = k == 0 ? range.lo : range.lo + k * width;
    const double hi = k + 1 == SP_SUM_GRID ? range.hi : range.lo + (k + 1) * width;
    const sp_iv r = {lo - pad, hi + pad};
    return r;
}

static bool apart(double lo, double hi, sp_iv box) {
    return hi < box.lo || lo > box.hi;
}

/* Whether a rectangle of sum and difference has no point in the box: one of the four directions of
 * their sides separates them. */
static bool misses(const sp_sum_part *part, sp_iv sum, sp_iv difference) {
    const double p = part->cut.p, q = part->cut.q;
    const sp_iv x = part->box.x, y = part->box.y;
    return apart((sum.lo + difference.lo) / (2.0 * p), (sum.hi + difference.hi) / (2.0 * p), x) ||
           apart((sum.lo - difference.hi) / (2.0 * q), (sum.hi - difference.lo) / (2.0 * q), y) ||
           apart(p * x.lo + q * y.lo, p * x.hi + q * y.hi, sum) ||
           apart(p * x.lo - q * y.hi, p * x.hi - q * y.lo, difference);
}

static int clip(sp_sum_cell *cell, const sp_sum_part *part, sp_iv sum, sp_iv difference) {
    const double p = part->cut.p, q = part->cut.q;
    const sp_box box = part->box;
    int n = 4;
    sp_spot_set(&cell->corner[0], box.x.lo, box.y.lo, 0.0);
    sp_spot_set(&cell->corner[1], box.x.hi, box.y.lo, 0.0);
    sp_spot_set(&cell->corner[2], box.x.hi, box.y.hi, 0.0);
    sp_spot_set(&cell->corner[3], box.x.lo, box.y.hi, 0.0);
    n = sp_polygon_clip(cell->corner, n, p, q, sum.hi);
    n = n < 3 ? 0 : sp_polygon_clip(cell->corner, n, -p, -q, -sum.lo);
    n = n < 3 ? 0 : sp_polygon_clip(cell->corner, n, p, -q, difference.hi);
    n = n < 3 ? 0 : sp_polygon_clip(cell->corner, n, -p, q, -difference.lo);
    return n < 3 ? 0 : n;
}

/* Where the corners are. */
static sp_box around(const sp_sum_cell *cell) {
    sp_box box = {{INFINITY, -INFINITY}, {INFINITY, -INFINITY}};
    for (int i = 0; i < cell->corners; i++) {
        sp_polygon_side(&box.x, cell->corner[i].x);
        sp_polygon_side(&box.y, cell->corner[i].y);
    }
    return box;
}

/* Bounds of the second derivatives that are positive: f_xx = sigma'' t, f_xy = sigma' t' and
 * f_yy = sigma t'', with |sigma''| < 0.0963, |tanh| <= min(1, |y|), sigma' <= 1/4, and largest at
 * the point next to 0, 0 <= t' <= 1, tanh'' <= min(0.77, 2 |y|), positive for y < 0. */
static double bend_xx(sp_product f, sp_box box) {
    const double reach = sp_iv_mag(box.y), t = sp_factor_has_tanh(f) && reach > 1.0 ? 1.0 : reach;
    const bool turned = (box.x.lo < 0.0 && box.y.hi > 0.0) || (box.x.hi > 0.0 && box.y.lo < 0.0);
    return turned ? 0.0963 * t : 0.0;
}

static double bend_xy(sp_box box) {
    const double nearest = sp_relax_min(fabs(box.x.lo), fabs(box.x.hi));
    const bool middle = box.x.lo <= 0.0 && box.x.hi >= 0.0;
    return middle ? 0.25 : sp_relax_min(0.25, sp_relax_sigmoid(-nearest));
}

static double bend_yy(sp_product f, sp_box box) {
    const double steep = sp_relax_min(0.77, -2.0 * box.y.lo);
    return sp_factor_has_tanh(f) && box.y.lo < 0.0 ? sp_relax_sigmoid(box.x.hi) * steep : 0.0;
}

/* What f can be below the corners' values: half the second derivative times the variance of a
 * point's coordinates among the corners, at most (width / 2)^2. */
static double error_of(const sp_sum_part *part, sp_box box, sp_iv sum, sp_iv difference) {
    const double p = part->cut.p, q = part->cut.q;
    const double xx = bend_xx(part->f, box) / (2.0 * p * p);
    const double yy = bend_yy(part->f, box) / (2.0 * q * q);
    const double xy = bend_xy(box) / (2.0 * p * q);
    const double v = sum.hi - sum.lo, u = difference.hi - difference.lo;
    return 0.125 * (1.0 + 0x1p-40) * ((xy + xx + yy) * v * v + (xx + yy) * u * u);
}

static void fill(sp_sum_cell *cell, const sp_sum_part *part, int strips, sp_iv sum,
                 sp_iv difference) {
    cell->error = error_of(part, around(cell), sum, difference);
    for (int i = 0; i < cell->corners; i++) {
        cell->corner[i].f = sp_polygon_value(part->f, cell->corner[i].x, cell->corner[i].y);
    }
    for (int k = 0; k < strips; k++) {
        const sp_iv none = {INFINITY, -INFINITY};
        cell->in[k] = none;
        for (int i = 0; i < cell->corners; i++) {
            sp_polygon_side(&cell->in[k],
                            part->a[k] * cell->corner[i].x + part->b[k] * cell->corner[i].y);
        }
    }
}

/* false: a cell that should have points has no corners. */
static bool cut_into_cells(sp_sum_part *part, int strips) {
    const double size = size_of(part);
    part->cells = 0;
    for (int i = 0; i < SP_SUM_CELLS; i++) {
        const sp_iv sum = interval_of(part->cut.sum, size, i / SP_SUM_GRID);
        const sp_iv difference = interval_of(part->cut.difference, size, i % SP_SUM_GRID);
        sp_sum_cell *cell = &part->cell[part->cells];
        cell->corners = clip(cell, part, sum, difference);
        if (cell->corners > 0) {
            fill(cell, part, strips, sum, difference);
            part->cells++;
        } else if (!misses(part, sum, difference)) {
            return false;
        }
    }
    return part->cells > 0;
}

static bool is_usable(const sp_sum_part *part) {
    const sp_box box = part->box;
    const double width = box.x.hi - box.x.lo, height = box.y.hi - box.y.lo;
    const double sums = part->cut.sum.hi - part->cut.sum.lo;
    const double differences = part->cut.difference.hi - part->cut.difference.lo;
    const double thin = SP_SUM_THIN * size_of(part);
    // far from where anything overflows or underflows, and not so thin that rounding counts
    return sp_iv_mag(box.x) <= 0x1p20 && sp_iv_mag(box.y) <= 0x1p20 && width > SP_SUM_THIN &&
           height > SP_SUM_THIN && part->cut.p > 0x1p-30 && part->cut.p < 0x1p30 &&
           part->cut.q > 0x1p-30 && part->cut.q < 0x1p30 && sums > thin && differences > thin &&
           sp_relax_finite(part->cut.sum) && sp_relax_finite(part->cut.difference);
}

static sp_sum_meeting meet(const sp_sum_domain *d, const sp_sum_cell *one,
                           const sp_sum_cell *other) {
    sp_sum_meeting meeting = SP_SUM_INSIDE;
    for (int k = 0; k < d->strips; k++) {
        const double lo = one->in[k].lo + other->in[k].lo, hi = one->in[k].hi + other->in[k].hi;
        const double slack = SP_SUM_MARGIN * (sp_iv_mag(one->in[k]) + sp_iv_mag(other->in[k]) +
                                              sp_iv_mag(d->range[k]));
        if (lo > d->range[k].hi + slack || hi < d->range[k].lo - slack) {
            return SP_SUM_APART;
        }
        if (hi > d->range[k].hi || lo < d->range[k].lo) {
            meeting = SP_SUM_CROSSED;
        }
    }
    return meeting;
}

static void take_strips(sp_sum_domain *d, const sp_sum_strip *strip, double sign) {
    d->strips = 0;
    for (int k = 0; k < SP_SUM_STRIPS; k++) {
        if (!sp_relax_finite(strip[k].range)) {
            continue;
        }
        for (int i = 0; i < 2; i++) {
            d->part[i].a[d->strips] = strip[k].a[i];
            d->part[i].b[d->strips] = sign * strip[k].b[i];
        }
        d->range[d->strips++] = strip[k].range;
    }
}

bool sp_sum_domain_make(sp_sum_domain *d, const sp_sum_product of[2],
                        const sp_sum_strip strip[SP_SUM_STRIPS], bool upper) {
    take_strips(d, strip, upper ? -1.0 : 1.0);
    for (int i = 0; i < 2; i++) {
        sp_sum_part *part = &d->part[i];
        part->f = of[i].f;
        part->box = of[i].box;
        part->cut = of[i].cut;
        if (upper) {
            part->box = sp_plane_flip(of[i].box);
            part->cut.sum = of[i].cut.difference;
            part->cut.difference = of[i].cut.sum;
        }
        if (!is_usable(part) || !cut_into_cells(part, d->strips)) {
            return false;
        }
    }
    for (int i = 0; i < d->part[0].cells; i++) {
        for (int j = 0; j < d->part[1].cells; j++) {
            d->meeting[i][j] = (unsigned char)meet(d, &d->part[0].cell[i], &d->part[1].cell[j]);
        }
    }
    return true;
}
