/* Planes for the menu of one product: at the static anchors and at anchors spread over the box, on
 * boxes that may be cut by bounds on p x + q y and p x - q y: docs/theory/planes.md 4 and
 * docs/theory/octagons.md. Host and device. */
#ifndef SP_RELAX_PLANE_MENU_H
#define SP_RELAX_PLANE_MENU_H

#include "relax/plane/plane_anchor.h"

/* Below this share of the box's size a side is too thin for a polygon to pay. */
#define SP_OCTAGON_THIN 1e-5

/** sp_octagon_of - the polygon that the cut leaves of the box, of the flipped box for upper planes;
 *  false when there is none. */
SP_HD bool sp_octagon_of(sp_polygon *polygon, sp_product f, sp_box box, const sp_cut *cut,
                         bool upper) {
    const double width = box.x.hi - box.x.lo, height = box.y.hi - box.y.lo;
    if (cut == NULL || !sp_plane_box_usable(box) || !(width > SP_OCTAGON_THIN) ||
        !(height > SP_OCTAGON_THIN) || !sp_relax_usable(cut->sum) ||
        !sp_relax_usable(cut->difference)) {
        return false;
    }
    return sp_polygon_make(polygon, f, upper ? sp_plane_flip(box) : box, cut->p, cut->q,
                           upper ? cut->difference : cut->sum, upper ? cut->sum : cut->difference);
}

/** sp_octagon_plane - the plane at one anchor; polygon NULL: on the box. */
SP_HD sp_plane sp_octagon_plane(sp_product f, sp_box box, const sp_polygon *polygon, bool upper,
                                sp_anchor at, double tolerance) {
    if (polygon == NULL) {
        return upper ? sp_plane_upper_at(f, box, at.x, at.y, tolerance)
                     : sp_plane_lower_at(f, box, at.x, at.y, tolerance);
    }
    if (!upper) {
        return sp_octagon_lower_at(f, box, polygon, at.x, at.y, tolerance);
    }
    const sp_plane m = sp_octagon_lower_at(f, sp_plane_flip(box), polygon, at.x, -at.y, tolerance);
    const sp_plane mirrored = {-m.a, m.b, -m.c};
    return mirrored;
}

/** sp_static_anchor - the static anchor of docs/theory/planes.md 4 of the lower or the upper
 *  plane. */
SP_HD sp_anchor sp_static_anchor(sp_box box, bool upper) {
    const double xc = sp_relax_middle(box.x), yc = sp_relax_middle(box.y);
    const double hx = 0.5 * box.x.hi - 0.5 * box.x.lo, hy = 0.5 * box.y.hi - 0.5 * box.y.lo;
    const double lean = hy > 0.0 ? 0.2 * sp_relax_clamp(yc / hy, -1.0, 1.0) : 0.0;
    const sp_anchor lower = {xc - lean * hx, yc - hy / 3.0};
    const sp_anchor other = {xc + lean * hx, yc + hy / 3.0};
    return upper ? other : lower;
}

/** sp_spread_anchor - anchor k of those that are spread over the box: the four diagonal points at
 *  two thirds of the way to the corners, the middle, then the middles between the diagonal points.
 */
SP_HD sp_anchor sp_spread_anchor(sp_box box, size_t k) {
    const double xc = 0.5 * (box.x.lo + box.x.hi), xh = (box.x.hi - box.x.lo) / 3.0;
    const double yc = 0.5 * (box.y.lo + box.y.hi), yh = (box.y.hi - box.y.lo) / 3.0;
    const double side = k % 2 == 0 ? -1.0 : 1.0, other = k % 4 < 2 ? -1.0 : 1.0;
    sp_anchor at = {xc, yc};
    if (k < 4) {
        at.x += side * xh;
        at.y += other * yh;
    } else if (k == 5 || k == 6) {
        at.x += k == 5 ? xh : -xh;
    } else if (k > 6) {
        at.y += k == 7 ? yh : -yh;
    }
    return at;
}

#endif
