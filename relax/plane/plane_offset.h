/* The exact offset of a plane under a product on a box: docs/theory/planes.md 1, 2 and 7.
 * The soundness of every plane rests on this file alone. Host and device.
 *
 * Why the margin SP_RELAX_MARGIN * (|a| X + |b| Y + |C| + 1) = 32 u [..] is enough, for slopes and
 * corners up to 2^400 (nothing overflows, underflow stays below 2^-200):
 * - The true minimum over the box is at a corner, at one of the stationary points of stationary.h
 *   on the edges or, for f1, inside (f2 has no interior minimum). A spot too many only lowers
 *   C; so only the error of the spot that stands for the true minimiser counts.
 * - Corner: f is within 19 u |f|, the sums within 3 u (|a||x| + |b||y|) + 2 u |f|. With |f| <= 1
 *   (f1) or |f| <= |C| + |a| X + |b| Y (f2, at the minimiser), in all at most 24 u [..].
 * - Stationary point of an edge: x, s (or y, t) are functions of the computed q, r and lie on the
 *   curve to a few u; an error of q moves along the curve, where the objective is stationary. What
 *   is left: s within 4 u, times T within 8 u; x within 8 u |x| + 6 u, and |a| <= |f|, |b| <= 1. In
 *   all at most 24 u [..]. At q = 1 +- u the minimum merges with the maximum, and to miss it
 *   costs O(u^1.5) against the end of the edge that the descent reaches.
 * - Interior: the same with c - z >= c/3, so that t is within 4 u; Newton's residual is below 20 u
 *   |a| and is multiplied by the relative error of z. Where the minimum merges with the saddle:
 *   O(u^1.5) again.
 * - Piecewise bilinear products have their minima at corners and kinks, where f is within u |f|;
 *   p(x) tanh(y) has them there and at stationary points of tanh on sides and kinks.
 * - Membership is decided on rounded coordinates: a minimiser lost that way lies within a few
 *   u (1 + |x|) of an edge, whose own minimum is then higher by the square of that. */
#ifndef SP_RELAX_PLANE_OFFSET_H
#define SP_RELAX_PLANE_OFFSET_H

#include "relax/line/stationary.h"
#include "relax/plane/plane_polygon.h"
#include "relax/range.h"
#include "relax/relax.h"
#include "relax/scalar.h"

enum { SP_PLANE_SPOTS = SP_POLYGON_CORNERS + 7 };

/** sp_plane_domain - a usable box with the factors at the ends of x and of y. */
typedef struct sp_plane_domain {
    sp_product f;
    sp_iv x, y;
    double s_lo, s_hi, t_lo, t_hi;
    const sp_polygon *polygon; /* the part of the box that counts; NULL: all of it */
} sp_plane_domain;

SP_HD sp_plane_domain sp_plane_domain_make(sp_product f, sp_box box) {
    sp_plane_domain d;
    d.f = f;
    d.x = box.x;
    d.y = box.y;
    d.s_lo = sp_factor_x(f, box.x.lo);
    d.s_hi = sp_factor_x(f, box.x.hi);
    d.t_lo = sp_factor_y(f, box.y.lo);
    d.t_hi = sp_factor_y(f, box.y.hi);
    d.polygon = NULL;
    return d;
}

/** sp_plane_corners - in order around the domain; returns how many. */
SP_HD int sp_plane_corners(const sp_plane_domain *d, sp_spot spot[SP_POLYGON_CORNERS]) {
    if (d->polygon != NULL) {
        for (int i = 0; i < d->polygon->corners; i++) {
            spot[i] = d->polygon->corner[i];
        }
        return d->polygon->corners;
    }
    sp_spot_set(&spot[0], d->x.lo, d->y.lo, d->s_lo * d->t_lo);
    sp_spot_set(&spot[1], d->x.hi, d->y.lo, d->s_hi * d->t_lo);
    sp_spot_set(&spot[2], d->x.hi, d->y.hi, d->s_hi * d->t_hi);
    sp_spot_set(&spot[3], d->x.lo, d->y.hi, d->s_lo * d->t_hi);
    return 4;
}

/** sp_plane_inside - whether a stationary point on a side of the box lies in what is left of that
 *  side. */
SP_HD bool sp_plane_inside(double at, sp_iv side) {
    return at > side.lo && at < side.hi;
}

/** sp_plane_kinks - the kinks of the first factor on the sides y = lo, hi; returns how many. */
SP_HD int sp_plane_kinks(const sp_plane_domain *d, sp_spot *spot) {
    const sp_polygon *g = d->polygon;
    int n = 0;
    for (int k = 0; k < sp_factor_kinks(d->f); k++) {
        const double x = (double)k, p = sp_factor_x(d->f, x);
        if (sp_plane_inside(x, g != NULL ? g->side_y_lo : d->x)) {
            sp_spot_set(&spot[n++], x, d->y.lo, p * d->t_lo);
        }
        if (sp_plane_inside(x, g != NULL ? g->side_y_hi : d->x)) {
            sp_spot_set(&spot[n++], x, d->y.hi, p * d->t_hi);
        }
    }
    return n;
}

/** sp_plane_ridges - the local minima of p(x) tanh(y) - b y on the sides x = lo, hi and, where p
 *  has a kink and is not 0, on x = 1; returns how many. For fixed y the product is linear in x
 *  between those. */
SP_HD int sp_plane_ridges(const sp_plane_domain *d, double b, sp_spot *spot) {
    const sp_polygon *g = d->polygon;
    double y, t;
    int n = 0;
    if (d->s_lo > 0.0 && sp_stationary_tanh(b, d->s_lo, &y, &t) &&
        sp_plane_inside(y, g != NULL ? g->side_x_lo : d->y)) {
        sp_spot_set(&spot[n++], d->x.lo, y, d->s_lo * t);
    }
    if (d->s_hi > 0.0 && sp_stationary_tanh(b, d->s_hi, &y, &t) &&
        sp_plane_inside(y, g != NULL ? g->side_x_hi : d->y)) {
        sp_spot_set(&spot[n++], d->x.hi, y, d->s_hi * t);
    }
    if (d->x.lo < 1.0 && d->x.hi > 1.0 && sp_stationary_tanh(b, 1.0, &y, &t) &&
        sp_plane_inside(y, d->y) && (g == NULL || sp_polygon_holds(g, 1.0, y))) {
        sp_spot_set(&spot[n++], 1.0, y, t);
    }
    return n;
}

/** sp_plane_spots - every point of the domain, but for cut edges, where f - a x - b y can be least;
 *  the corners first; returns how many. */
SP_HD int sp_plane_spots(const sp_plane_domain *d, double a, double b,
                         sp_spot spot[SP_PLANE_SPOTS]) {
    const sp_polygon *g = d->polygon;
    int n = sp_plane_corners(d, spot);
    double x, y, s, t, f;
    if (!sp_factor_is_smooth(d->f)) {
        n += sp_plane_kinks(d, spot + n);
        return sp_factor_has_tanh(d->f) ? n + sp_plane_ridges(d, b, spot + n) : n;
    }
    if (sp_stationary_sigmoid(a, d->t_lo, &x, &s) &&
        sp_plane_inside(x, g != NULL ? g->side_y_lo : d->x)) {
        sp_spot_set(&spot[n++], x, d->y.lo, s * d->t_lo);
    }
    if (sp_stationary_sigmoid(a, d->t_hi, &x, &s) &&
        sp_plane_inside(x, g != NULL ? g->side_y_hi : d->x)) {
        sp_spot_set(&spot[n++], x, d->y.hi, s * d->t_hi);
    }
    if (d->f == SP_PRODUCT_SIGMOID_ID || !(d->y.lo < 0.0)) {
        return n;
    }
    if (sp_stationary_tanh(b, d->s_lo, &y, &t) &&
        sp_plane_inside(y, g != NULL ? g->side_x_lo : d->y)) {
        sp_spot_set(&spot[n++], d->x.lo, y, d->s_lo * t);
    }
    if (sp_stationary_tanh(b, d->s_hi, &y, &t) &&
        sp_plane_inside(y, g != NULL ? g->side_x_hi : d->y)) {
        sp_spot_set(&spot[n++], d->x.hi, y, d->s_hi * t);
    }
    if (d->x.hi > 0.0 && sp_stationary_product(a, b, &x, &y, &f) && sp_plane_inside(x, d->x) &&
        sp_plane_inside(y, d->y) && (g == NULL || sp_polygon_holds(g, x, y))) {
        sp_spot_set(&spot[n++], x, y, f);
    }
    return n;
}

SP_HD double sp_spot_gap(const sp_spot *spot, double a, double b) {
    return spot->f - a * spot->x - b * spot->y;
}

SP_HD double sp_plane_least_gap(const sp_spot *spot, int n, double a, double b) {
    double least = INFINITY;
    for (int i = 0; i < n; i++) {
        least = sp_relax_min(least, sp_spot_gap(&spot[i], a, b));
    }
    return least;
}

/** sp_plane_offset_domain - C* less its margin, for slopes up to SP_RELAX_HUGE. */
SP_HD double sp_plane_offset_domain(const sp_plane_domain *d, double a, double b) {
    sp_spot spot[SP_PLANE_SPOTS];
    const int n = sp_plane_spots(d, a, b, spot);
    double c = sp_plane_least_gap(spot, n, a, b);
    if (d->polygon != NULL) {
        const double sampled = sp_plane_least_gap(d->polygon->sample, d->polygon->samples, a, b);
        const double corner = sp_plane_least_gap(d->polygon->corner, d->polygon->corners, a, b);
        c = sp_relax_min(c, sp_relax_min(sampled, corner) - d->polygon->slack);
    }
    const double reach = fabs(a) * sp_iv_mag(d->x) + fabs(b) * sp_iv_mag(d->y);
    return c - SP_RELAX_MARGIN * (reach + fabs(c) + 1.0);
}

/** sp_plane_offset_coarse - min f - |a| X - |b| Y, for numbers of any size; NaN gives -inf. */
SP_HD double sp_plane_offset_coarse(sp_product f, sp_box box, double a, double b) {
    const double ax = sp_above(fabs(a) * sp_iv_mag(box.x));
    const double by = sp_above(fabs(b) * sp_iv_mag(box.y));
    return sp_below(sp_range_product(f, box).lo - sp_above(ax + by));
}

SP_HD bool sp_plane_box_usable(sp_box box) {
    return sp_relax_usable(box.x) && sp_relax_usable(box.y);
}

SP_HD double sp_plane_offset_lower(sp_product f, sp_box box, double a, double b) {
    if (sp_plane_box_usable(box) && fabs(a) <= SP_RELAX_HUGE && fabs(b) <= SP_RELAX_HUGE) {
        const sp_plane_domain d = sp_plane_domain_make(f, box);
        return sp_plane_offset_domain(&d, a, b);
    }
    return sp_plane_offset_coarse(f, box, a, b);
}

/** sp_plane_flip - the box mirrored in y: f(x, y) = -f(x, -y), so a lower plane (a, b, c) there is
 *  the upper plane (-a, b, -c) here. */
SP_HD sp_box sp_plane_flip(sp_box box) {
    const sp_box r = {box.x, sp_relax_flip(box.y)};
    return r;
}

#endif
