/* The planes of relax.h at an anchor: slopes by plane_exchange.h or plane_family.h, offset by
 * plane_offset.h. Host and device. */
#ifndef SP_RELAX_PLANE_ANCHOR_H
#define SP_RELAX_PLANE_ANCHOR_H

#include "relax/plane/plane_exchange.h"
#include "relax/plane/plane_family.h"
#include "relax/plane/plane_piecewise.h"

#define SP_PLANE_THIN 1e-7  /* sides below it are widened to it while slopes are sought */
#define SP_PLANE_INSET 1e-3 /* anchors keep this share of a side away from the boundary */

SP_HD sp_iv sp_plane_widen(sp_iv x) {
    const double middle = sp_relax_middle(x);
    const double half = 0.5 * sp_relax_max(SP_PLANE_THIN, 0x1p-30 * fabs(middle));
    const sp_iv r = {sp_relax_min(x.lo, middle - half), sp_relax_max(x.hi, middle + half)};
    return r;
}

/** sp_plane_inset - p moved inside; NaN becomes the middle. */
SP_HD double sp_plane_inset(sp_iv x, double p) {
    const double inset = SP_PLANE_INSET * (x.hi - x.lo);
    return p == p ? sp_relax_clamp(p, x.lo + inset, x.hi - inset) : sp_relax_middle(x);
}

SP_HD void sp_plane_gradient(sp_product f, double x, double y, double *a, double *b) {
    const double s = sp_factor_x(f, x), t = sp_factor_y(f, y);
    *a = sp_factor_slope(f, x) * t;
    *b = sp_factor_has_tanh(f) ? s * (1.0 - t * t) : s;
}

/** sp_plane_at_tangent - the gradient at an anchor where f1 is convex, kept if its plane comes
 *  near. */
SP_HD bool sp_plane_at_tangent(const sp_plane_domain *d, double px, double py, double tolerance,
                               double *a, double *b) {
    const double s = sp_relax_sigmoid(px), t = sp_factor_y(d->f, py);
    sp_spot spot[SP_PLANE_SPOTS];
    if (!(d->f == SP_PRODUCT_SIGMOID_TANH && t < 0.0 && s > 0.5 &&
          t * t * (3.0 * s - 1.0) >= 1.0 - s)) {
        return false;
    }
    *a = s * (1.0 - s) * t;
    *b = s * (1.0 - t * t);
    const int n = sp_plane_spots(d, *a, *b, spot);
    const double c = sp_plane_least_gap(spot, n, *a, *b);
    const double miss = s * t - *a * px - *b * py - c;
    double gap = 0.0;
    for (int i = 0; i < 4; i++) { // the corners come first
        gap += 0.2 * (sp_spot_gap(&spot[i], *a, *b) - c);
    }
    return miss <= tolerance * gap || miss < 1e-15;
}

/** sp_plane_slopes - slopes of the supporting plane at an anchor inside a usable box. */
SP_HD void sp_plane_slopes(sp_product f, sp_box box, double px, double py, double tolerance,
                           double *a, double *b) {
    if (!sp_factor_is_smooth(f) && !sp_factor_has_tanh(f)) {
        const sp_plane_domain exact = sp_plane_domain_make(f, box);
        if (!sp_piecewise_slopes(&exact, px, py, a, b)) {
            sp_plane_gradient(f, px, py, a, b);
        }
        return;
    }
    const sp_box wide = {sp_plane_widen(box.x), sp_plane_widen(box.y)};
    const sp_plane_domain d = sp_plane_domain_make(f, wide);
    const bool small = wide.x.hi - wide.x.lo < 10.0 * SP_PLANE_THIN &&
                       wide.y.hi - wide.y.lo < 10.0 * SP_PLANE_THIN;
    if (!small) {
        if (sp_plane_at_tangent(&d, px, py, tolerance, a, b)) {
            return;
        }
        const bool found = f == SP_PRODUCT_SIGMOID_ID
                               ? sp_family_slopes(&d, px, py, tolerance, a, b)
                               : sp_exchange_slopes(&d, px, py, tolerance, a, b);
        if (found) {
            return;
        }
    }
    sp_plane_gradient(f, px, py, a, b);
}

SP_HD sp_plane sp_plane_lower_at(sp_product f, sp_box box, double px, double py, double tolerance) {
    sp_plane flat = {0.0, 0.0, sp_range_product(f, box).lo};
    if (!sp_plane_box_usable(box)) {
        return flat;
    }
    sp_plane plane;
    const double x = sp_plane_inset(box.x, px), y = sp_plane_inset(box.y, py);
    sp_plane_slopes(f, box, x, y, tolerance, &plane.a, &plane.b);
    plane.c = sp_plane_offset_lower(f, box, plane.a, plane.b);
    // Wherever rounding eats the gain of the slopes, the constant is the better plane.
    return plane.a * x + plane.b * y + plane.c >= flat.c ? plane : flat;
}

SP_HD sp_plane sp_plane_upper_at(sp_product f, sp_box box, double px, double py, double tolerance) {
    const sp_plane m = sp_plane_lower_at(f, sp_plane_flip(box), px, -py, tolerance);
    const sp_plane r = {-m.a, m.b, -m.c};
    return r;
}

/** sp_octagon_anchor - an anchor moved well inside: p x + q y and p x - q y into the middle three
 *  quarters of their ranges; false when that point is outside the box. */
SP_HD bool sp_octagon_anchor(const sp_polygon *g, sp_box box, double *px, double *py) {
    const double u0 = sp_relax_middle(g->sum), uh = 0.375 * (g->sum.hi - g->sum.lo);
    const double v0 = sp_relax_middle(g->difference),
                 vh = 0.375 * (g->difference.hi - g->difference.lo);
    const double u = sp_relax_clamp(g->p * *px + g->q * *py, u0 - uh, u0 + uh);
    const double v = sp_relax_clamp(g->p * *px - g->q * *py, v0 - vh, v0 + vh);
    *px = (u + v) / (2.0 * g->p);
    *py = (u - v) / (2.0 * g->q);
    const bool inside_x = *px > box.x.lo && *px < box.x.hi;
    return inside_x && *py > box.y.lo && *py < box.y.hi;
}

/** sp_octagon_lower_at - like sp_plane_lower_at on a cut box; `g` belongs to f, box and cuts. */
SP_HD sp_plane sp_octagon_lower_at(sp_product f, sp_box box, const sp_polygon *g, double px,
                                   double py, double tolerance) {
    sp_plane plane = sp_plane_lower_at(f, box, px, py, tolerance);
    double x = px, y = py;
    sp_plane_domain d = sp_plane_domain_make(f, box);
    d.polygon = g;
    if (!sp_octagon_anchor(g, box, &x, &y)) {
        return plane;
    }
    sp_plane cut;
    if (!sp_exchange_slopes(&d, x, y, tolerance, &cut.a, &cut.b)) {
        return plane;
    }
    cut.c = sp_plane_offset_domain(&d, cut.a, cut.b);
    return cut.a * x + cut.b * y + cut.c >= plane.a * x + plane.b * y + plane.c ? cut : plane;
}

/** sp_plane_static_at - lower plane at centre + half side (-0.2 clip(yc / hy, -1, 1), -1/3), upper
 *  plane at the same point of the flipped box. Source: docs/theory/planes.md 4. */
SP_HD sp_plane_pair sp_plane_static_at(sp_product f, sp_box box, double tolerance) {
    const double xc = sp_relax_middle(box.x), yc = sp_relax_middle(box.y);
    const double hx = 0.5 * box.x.hi - 0.5 * box.x.lo, hy = 0.5 * box.y.hi - 0.5 * box.y.lo;
    const double lean = hy > 0.0 ? 0.2 * sp_relax_clamp(yc / hy, -1.0, 1.0) : 0.0;
    sp_plane_pair r;
    r.lower = sp_plane_lower_at(f, box, xc - lean * hx, yc - hy / 3.0, tolerance);
    r.upper = sp_plane_upper_at(f, box, xc + lean * hx, yc + hy / 3.0, tolerance);
    return r;
}

#endif
