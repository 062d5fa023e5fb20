/* Planes on boxes that are cut by bounds on p x + q y and p x - q y; the mathematics is in
 * plane_polygon.h. */
#include "relax/plane_anchor.h"

/* Below this share of the box's size a side is too thin for a polygon to pay. */
#define OCTAGON_THIN 1e-5

/* The polygon under the lower planes of f, and the one of the flipped box under the upper planes.
 * */
static bool make_polygons(sp_polygon polygon[2], sp_product f, sp_box box, const sp_cut *cut) {
    const double width = box.x.hi - box.x.lo, height = box.y.hi - box.y.lo;
    if (cut == NULL || !sp_plane_box_usable(box) || !(width > OCTAGON_THIN) ||
        !(height > OCTAGON_THIN) || !sp_relax_usable(cut->sum) ||
        !sp_relax_usable(cut->difference)) {
        return false;
    }
    return sp_polygon_make(&polygon[0], f, box, cut->p, cut->q, cut->sum, cut->difference) &&
           sp_polygon_make(&polygon[1], f, sp_plane_flip(box), cut->p, cut->q, cut->difference,
                           cut->sum);
}

void sp_octagon_planes(sp_product f, sp_box box, const sp_cut *cut, size_t count,
                       const sp_anchor *lower_at, const sp_anchor *upper_at, double tolerance,
                       sp_plane *lower, sp_plane *upper) {
    sp_polygon polygon[2];
    const bool cuts = make_polygons(polygon, f, box, cut);
    for (size_t k = 0; k < count; k++) {
        if (!cuts) {
            lower[k] = sp_plane_lower_at(f, box, lower_at[k].x, lower_at[k].y, tolerance);
            upper[k] = sp_plane_upper_at(f, box, upper_at[k].x, upper_at[k].y, tolerance);
            continue;
        }
        lower[k] =
            sp_octagon_lower_at(f, box, &polygon[0], lower_at[k].x, lower_at[k].y, tolerance);
        const sp_plane flipped = sp_octagon_lower_at(f, sp_plane_flip(box), &polygon[1],
                                                     upper_at[k].x, -upper_at[k].y, tolerance);
        const sp_plane mirrored = {-flipped.a, flipped.b, -flipped.c};
        upper[k] = mirrored;
    }
}

void sp_static_anchors(sp_box box, sp_anchor *lower, sp_anchor *upper) {
    const double xc = sp_relax_middle(box.x), yc = sp_relax_middle(box.y);
    const double hx = 0.5 * box.x.hi - 0.5 * box.x.lo, hy = 0.5 * box.y.hi - 0.5 * box.y.lo;
    const double lean = hy > 0.0 ? 0.2 * sp_relax_clamp(yc / hy, -1.0, 1.0) : 0.0;
    lower->x = xc - lean * hx;
    lower->y = yc - hy / 3.0;
    upper->x = xc + lean * hx;
    upper->y = yc + hy / 3.0;
}
