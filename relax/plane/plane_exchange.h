/* Slopes of the supporting plane of f's convex envelope at an anchor, by exchange: a simplex method
 * on three points of the box whose triangle holds the anchor. The points are priced by the spots of
 * plane_offset.h. Source: docs/theory/planes.md 3. Host and device.
 *
 * Works in coordinates X = (x - px) / width, Y = (y - py) / height, with the anchor at the origin.
 * */
#ifndef SP_RELAX_PLANE_EXCHANGE_H
#define SP_RELAX_PLANE_EXCHANGE_H

#include "relax/plane/plane_offset.h"

enum { SP_EXCHANGE_POOL = 96, SP_EXCHANGE_PIVOTS = 80, SP_EXCHANGE_PRICINGS = 40 };

typedef struct sp_exchange {
    const sp_plane_domain *domain;
    double px, py, fp; /* anchor and f there */
    double sx, sy;     /* 1 / width, 1 / height of the box */
    double rx, ry;     /* the anchor moved a little, so that it never lies on a diagonal */
    double tolerance;  /* relative to the mean gap at the corners and the anchor */
    double floor;      /* absolute: below it violations are rounding */
    sp_spot pool[SP_EXCHANGE_POOL]; /* scaled; the corners first */
    int corners, count, basis[3];
    double x1, y1, x2, y2, inverse; /* sides of the basis triangle, 1 / determinant */
    double a, b, v;                 /* plane through the basis, scaled; v at the anchor */
    double best, best_a, best_b;    /* best value at the anchor so far, and its slopes */
} sp_exchange;

/** sp_exchange_triangle - the first basis: corner 0 and an edge, the triangle of them that holds
 *  the anchor. */
SP_HD void sp_exchange_triangle(sp_exchange *e) {
    const sp_spot *p0 = &e->pool[0];
    e->basis[0] = 0;
    for (int i = 1; i + 1 < e->corners; i++) {
        const sp_spot *p2 = &e->pool[i + 1];
        e->basis[1] = i;
        e->basis[2] = i + 1;
        // the corners run counter-clockwise: the anchor is in the first triangle whose
        // far side it does not pass
        if ((p2->x - p0->x) * (e->ry - p0->y) - (p2->y - p0->y) * (e->rx - p0->x) <= 0.0) {
            return;
        }
    }
}

SP_HD void sp_exchange_start(sp_exchange *e, const sp_plane_domain *d, double px, double py,
                             double tolerance) {
    const double nudge_x = 1.7e-7, nudge_y = 1.0e-7;
    e->domain = d;
    e->px = px;
    e->py = py;
    e->fp = sp_factor_x(d->f, px) * sp_factor_y(d->f, py);
    e->sx = 1.0 / (d->x.hi - d->x.lo);
    e->sy = 1.0 / (d->y.hi - d->y.lo);
    e->tolerance = tolerance;
    e->floor = 0.0;
    e->corners = e->count = sp_plane_corners(d, e->pool);
    for (int i = 0; d->polygon != NULL && i < d->polygon->samples; i++) {
        e->pool[e->count++] = d->polygon->sample[i];
    }
    for (int i = 0; i < e->count; i++) {
        e->floor = sp_relax_max(e->floor, 2e-15 * fabs(e->pool[i].f));
        e->pool[i].x = (e->pool[i].x - px) * e->sx;
        e->pool[i].y = (e->pool[i].y - py) * e->sy;
    }
    const double ax = (px - d->x.lo) * e->sx, ay = (py - d->y.lo) * e->sy;
    const double qx = sp_relax_clamp(ax - nudge_x, nudge_x, 1.0 - nudge_x);
    const double qy = sp_relax_clamp(ay - nudge_y, nudge_y, 1.0 - nudge_y);
    e->rx = qx - ax;
    e->ry = qy - ay;
    sp_exchange_triangle(e);
    e->best = -INFINITY;
    e->best_a = e->best_b = 0.0;
}

/** sp_exchange_plane - the plane through the basis; false when its points lie on one line. */
SP_HD bool sp_exchange_plane(sp_exchange *e) {
    const sp_spot *p0 = &e->pool[e->basis[0]], *p1 = &e->pool[e->basis[1]];
    const sp_spot *p2 = &e->pool[e->basis[2]];
    e->x1 = p1->x - p0->x;
    e->y1 = p1->y - p0->y;
    e->x2 = p2->x - p0->x;
    e->y2 = p2->y - p0->y;
    const double determinant = e->x1 * e->y2 - e->x2 * e->y1;
    const double d1 = p1->f - p0->f, d2 = p2->f - p0->f;
    e->inverse = 1.0 / determinant;
    e->a = (d1 * e->y2 - d2 * e->y1) * e->inverse;
    e->b = (e->x1 * d2 - e->x2 * d1) * e->inverse;
    e->v = p0->f - e->a * p0->x - e->b * p0->y;
    return fabs(e->inverse) <= DBL_MAX && e->v == e->v;
}

SP_HD double sp_exchange_violation(const sp_exchange *e, const sp_spot *p) {
    return e->v + e->a * p->x + e->b * p->y - p->f;
}

/** sp_exchange_worst - the pool point that the plane violates most, -1 when none; and the mean gap.
 *  */
SP_HD int sp_exchange_worst(const sp_exchange *e, double *violation, double *gap) {
    int worst = -1;
    *violation = 0.0;
    *gap = sp_relax_max(0.0, e->fp - e->v);
    for (int i = 0; i < e->count; i++) {
        const double d = sp_exchange_violation(e, &e->pool[i]);
        if (i < e->corners && d < 0.0) {
            *gap -= d;
        }
        if (d > *violation && i != e->basis[0] && i != e->basis[1] && i != e->basis[2]) {
            *violation = d;
            worst = i;
        }
    }
    *gap /= e->corners + 1.0;
    return worst;
}

/** sp_exchange_pivot - brings a point into the basis for the one whose weight at the anchor falls
 *  to 0 first. */
SP_HD bool sp_exchange_pivot(sp_exchange *e, int enter) {
    const sp_spot *p0 = &e->pool[e->basis[0]], *q = &e->pool[enter];
    const double qx = q->x - p0->x, qy = q->y - p0->y, rx = e->rx - p0->x, ry = e->ry - p0->y;
    double change[3], weight[3], least = INFINITY;
    int leave = -1;
    change[1] = (qx * e->y2 - qy * e->x2) * e->inverse;
    change[2] = (qy * e->x1 - qx * e->y1) * e->inverse;
    change[0] = 1.0 - change[1] - change[2];
    weight[1] = (rx * e->y2 - ry * e->x2) * e->inverse;
    weight[2] = (ry * e->x1 - rx * e->y1) * e->inverse;
    weight[0] = 1.0 - weight[1] - weight[2];
    for (int i = 0; i < 3; i++) {
        if (change[i] > 1e-13) {
            const double ratio = sp_relax_max(weight[i], 0.0) / change[i];
            if (ratio < least) {
                least = ratio;
                leave = i;
            }
        }
    }
    if (leave < 0) {
        return false;
    }
    e->basis[leave] = enter;
    return true;
}

/** sp_exchange_price - keeps the plane, lowered onto f, if it is the best so far, and adds the
 *  violated spots to the pool; false when there is nothing to gain. */
SP_HD bool sp_exchange_price(sp_exchange *e, double allowed) {
    sp_spot spot[SP_PLANE_SPOTS];
    const double a = e->a * e->sx, b = e->b * e->sy;
    const int n = sp_plane_spots(e->domain, a, b, spot), before = e->count;
    const double value = sp_plane_least_gap(spot, n, a, b) + a * e->px + b * e->py;
    double worst = 0.0;
    for (int i = 0; i < n; i++) {
        sp_spot scaled;
        sp_spot_set(&scaled, (spot[i].x - e->px) * e->sx, (spot[i].y - e->py) * e->sy, spot[i].f);
        const double d = sp_exchange_violation(e, &scaled);
        worst = sp_relax_max(worst, d);
        if (d > 0.5 * allowed && e->count < SP_EXCHANGE_POOL) {
            e->pool[e->count++] = scaled;
        }
    }
    if (value > e->best) {
        e->best = value;
        e->best_a = a;
        e->best_b = b;
    }
    return worst > allowed && e->count > before;
}

/** sp_exchange_slopes - false when no plane was found. */
SP_HD bool sp_exchange_slopes(const sp_plane_domain *d, double px, double py, double tolerance,
                              double *a, double *b) {
    sp_exchange e;
    int pivots = 0, pricings = 0;
    sp_exchange_start(&e, d, px, py, tolerance);
    while (pivots <= SP_EXCHANGE_PIVOTS && sp_exchange_plane(&e)) {
        double violation, gap;
        const int worst = sp_exchange_worst(&e, &violation, &gap);
        const double allowed = tolerance * gap + e.floor;
        if (worst >= 0 && violation > 0.5 * allowed) {
            pivots++;
            if (!sp_exchange_pivot(&e, worst)) {
                break;
            }
        } else if (!sp_exchange_price(&e, allowed) || ++pricings >= SP_EXCHANGE_PRICINGS) {
            break;
        }
    }
    *a = e.best_a;
    *b = e.best_b;
    return e.best > -INFINITY;
}

#endif
