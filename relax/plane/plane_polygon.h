/* Boxes cut by bounds on p x + q y and p x - q y ("octagons"): corners, the points at which a plane
 * must be checked, and the offset that follows. Source: docs/theory/octagons.md 3 and 4. Host and
 * device.
 *
 * On the cut edges no closed form gives the minimum of f - a x - b y. There f is sampled; between
 * two neighbouring samples the function lies above their smaller value less curvature L^2 / 8, with
 * curvature >= the second derivative of f along the edge by arc parameter and L their distance.
 * Where the first factor has kinks, they are samples too.
 *
 * Rounding: the cuts are widened by SP_POLYGON_WIDEN of their range before corners are computed,
 * far more than the rounding of a corner, so the hull of the computed corners contains the cut
 * box. */
#ifndef SP_RELAX_PLANE_POLYGON_H
#define SP_RELAX_PLANE_POLYGON_H

#include "relax/plane/factor.h"
#include "relax/range.h"
#include "relax/relax.h"
#include "relax/scalar.h"

enum {
    SP_POLYGON_CORNERS = 8,
    SP_POLYGON_PIECES = 8,
    SP_POLYGON_SAMPLES = 4 * (SP_POLYGON_PIECES - 1 + 2)
};
#define SP_POLYGON_WIDEN 0x1p-30

/** sp_spot - a point and the function's value there. */
typedef struct sp_spot {
    double x, y, f;
} sp_spot;

SP_HD void sp_spot_set(sp_spot *spot, double x, double y, double f) {
    spot->x = x;
    spot->y = y;
    spot->f = f;
}

/** sp_polygon - corners in order around the polygon; samples on the cut edges; `slack` is what the
 *  offset must be lowered by where a sample or a corner is the least of them. */
typedef struct sp_polygon {
    int corners, samples;
    sp_spot corner[SP_POLYGON_CORNERS], sample[SP_POLYGON_SAMPLES];
    double slack;
    double p, q; /* the cuts, widened: sum = p x + q y, difference = p x - q y */
    sp_iv sum, difference;
    sp_iv side_y_lo,
        side_y_hi; /* what is left of the sides y = lo and y = hi: ranges of x; empty: lo > hi */
    sp_iv side_x_lo, side_x_hi; /* of the sides x = lo and x = hi: ranges of y */
} sp_polygon;

/** sp_polygon_clip - keeps the part of the polygon with a x + b y <= c (Sutherland and Hodgman). */
SP_HD int sp_polygon_clip(sp_spot *point, int n, double a, double b, double c) {
    sp_spot kept[SP_POLYGON_CORNERS + 4];
    int count = 0;
    for (int i = 0; i < n; i++) {
        const sp_spot s = point[i], t = point[(i + 1) % n];
        const double ds = a * s.x + b * s.y - c, dt = a * t.x + b * t.y - c;
        if (ds <= 0.0) {
            kept[count++] = s;
        }
        if ((ds < 0.0 && dt > 0.0) || (ds > 0.0 && dt < 0.0)) {
            const double w = ds / (ds - dt);
            // along a side of the box the other coordinate stays exact
            const double x = s.x == t.x ? s.x : s.x + w * (t.x - s.x);
            const double y = s.y == t.y ? s.y : s.y + w * (t.y - s.y);
            sp_spot_set(&kept[count++], x, y, 0.0);
        }
        if (count > SP_POLYGON_CORNERS) {
            return 0;
        }
    }
    for (int i = 0; i < count; i++) {
        point[i] = kept[i];
    }
    return count;
}

SP_HD sp_iv sp_polygon_widened(sp_iv v) {
    const double pad = SP_POLYGON_WIDEN * (v.hi - v.lo) + 0x1p-44 * sp_iv_mag(v);
    const sp_iv r = {v.lo - pad, v.hi + pad};
    return r;
}

SP_HD void sp_polygon_side(sp_iv *side, double at) {
    side->lo = sp_relax_min(side->lo, at);
    side->hi = sp_relax_max(side->hi, at);
}

/** sp_polygon_curvature - a bound of |f''| along a vector (dx, dy), anywhere on the box. */
SP_HD double sp_polygon_curvature(sp_product f, sp_box box, double dx, double dy) {
    if (!sp_factor_is_smooth(f)) { // |p'| <= 1, and with tanh p <= 1
        const double bend = sp_factor_has_tanh(f) ? 0.77 * dy * dy : 0.0;
        return (2.0 * fabs(dx * dy) + bend) * (1.0 + 0x1p-40);
    }
    // |sigma'| <= 1/4, |sigma''| <= 0.0963, |tanh| <= min(1, |y|), |tanh'| <= 1, |tanh''| <= 0.7699
    const double s_hi = sp_relax_sigmoid(box.x.hi);
    const double slope = box.x.lo <= 0.0 && box.x.hi >= 0.0
                             ? 0.25
                             : sp_relax_sigmoid(-sp_relax_min(fabs(box.x.lo), fabs(box.x.hi)));
    const double ds = sp_relax_min(0.25, slope);
    const double reach = sp_iv_mag(box.y);
    double value = 0.0963 * (sp_factor_has_tanh(f) ? sp_relax_min(1.0, reach) : reach) * dx * dx;
    value += 2.0 * ds * fabs(dx * dy);
    if (sp_factor_has_tanh(f)) {
        value += s_hi * sp_relax_min(0.77, 2.0 * reach) * dy * dy;
    }
    return value * (1.0 + 0x1p-40);
}

/** sp_polygon_is_side - whether an edge lies on a side of the box. */
SP_HD bool sp_polygon_is_side(sp_box box, const sp_spot *s, const sp_spot *t) {
    return (s->x == t->x && (s->x == box.x.lo || s->x == box.x.hi)) ||
           (s->y == t->y && (s->y == box.y.lo || s->y == box.y.hi));
}

SP_HD double sp_polygon_value(sp_product f, double x, double y) {
    return sp_factor_x(f, x) * sp_factor_y(f, y);
}

/** sp_polygon_sample_kinks - the points of an edge where the first factor has a kink. */
SP_HD void sp_polygon_sample_kinks(sp_polygon *g, sp_product f, const sp_spot *s,
                                   const sp_spot *t) {
    for (int k = 0; k < sp_factor_kinks(f) && g->samples < SP_POLYGON_SAMPLES; k++) {
        const double x = (double)k, w = (x - s->x) / (t->x - s->x);
        if (w > 0.0 && w < 1.0) {
            const double y = s->y + w * (t->y - s->y);
            sp_spot_set(&g->sample[g->samples++], x, y, sp_polygon_value(f, x, y));
        }
    }
}

SP_HD void sp_polygon_edges(sp_polygon *g, sp_product f, sp_box box) {
    const sp_iv none = {INFINITY, -INFINITY};
    g->side_y_lo = g->side_y_hi = g->side_x_lo = g->side_x_hi = none;
    for (int i = 0; i < g->corners; i++) {
        const sp_spot *s = &g->corner[i], *t = &g->corner[(i + 1) % g->corners];
        if (s->y == box.y.lo) {
            sp_polygon_side(&g->side_y_lo, s->x);
        }
        if (s->y == box.y.hi) {
            sp_polygon_side(&g->side_y_hi, s->x);
        }
        if (s->x == box.x.lo) {
            sp_polygon_side(&g->side_x_lo, s->y);
        }
        if (s->x == box.x.hi) {
            sp_polygon_side(&g->side_x_hi, s->y);
        }
        if (sp_polygon_is_side(box, s, t)) {
            continue;
        }
        const double dx = (t->x - s->x) / SP_POLYGON_PIECES, dy = (t->y - s->y) / SP_POLYGON_PIECES;
        for (int k = 1; k < SP_POLYGON_PIECES && g->samples < SP_POLYGON_SAMPLES; k++) {
            const double x = s->x + k * dx, y = s->y + k * dy;
            sp_spot_set(&g->sample[g->samples++], x, y, sp_polygon_value(f, x, y));
        }
        sp_polygon_sample_kinks(g, f, s, t);
        g->slack = sp_relax_max(g->slack, 0.125 * sp_polygon_curvature(f, box, dx, dy));
    }
}

/** sp_polygon_make - false when the cuts leave less than a usable polygon: then the box must do. */
SP_HD bool sp_polygon_make(sp_polygon *g, sp_product f, sp_box box, double p, double q, sp_iv sum,
                           sp_iv difference) {
    g->p = p;
    g->q = q;
    g->sum = sp_polygon_widened(sum);
    g->difference = sp_polygon_widened(difference);
    g->samples = 0;
    g->slack = 0.0;
    sp_spot_set(&g->corner[0], box.x.lo, box.y.lo, 0.0);
    sp_spot_set(&g->corner[1], box.x.hi, box.y.lo, 0.0);
    sp_spot_set(&g->corner[2], box.x.hi, box.y.hi, 0.0);
    sp_spot_set(&g->corner[3], box.x.lo, box.y.hi, 0.0);
    int n = 4;
    n = n < 3 ? 0 : sp_polygon_clip(g->corner, n, p, q, g->sum.hi);
    n = n < 3 ? 0 : sp_polygon_clip(g->corner, n, -p, -q, -g->sum.lo);
    n = n < 3 ? 0 : sp_polygon_clip(g->corner, n, p, -q, g->difference.hi);
    n = n < 3 ? 0 : sp_polygon_clip(g->corner, n, -p, q, -g->difference.lo);
    g->corners = n;
    if (n < 3) {
        return false;
    }
    for (int i = 0; i < n; i++) {
        g->corner[i].f = sp_polygon_value(f, g->corner[i].x, g->corner[i].y);
    }
    sp_polygon_edges(g, f, box);
    return true;
}

/** sp_polygon_holds - membership for stationary points; a point lost to rounding lies next to an
 *  edge. */
SP_HD bool sp_polygon_holds(const sp_polygon *g, double x, double y) {
    const double u = g->p * x + g->q * y, v = g->p * x - g->q * y;
    return u >= g->sum.lo && u <= g->sum.hi && v >= g->difference.lo && v <= g->difference.hi;
}

#endif
