/* Planes on boxes that are cut by bounds on p x + q y and p x - q y; the mathematics is in
 * plane_menu.h and plane_polygon.h. */
#include "relax/plane/plane_menu.h"

void sp_octagon_planes(sp_product f, sp_box box, const sp_cut *cut, size_t count,
                       const sp_anchor *lower_at, const sp_anchor *upper_at, double tolerance,
                       sp_plane *lower, sp_plane *upper) {
    sp_polygon polygon[2];
    const bool cuts = sp_octagon_of(&polygon[0], f, box, cut, false) &&
                      sp_octagon_of(&polygon[1], f, box, cut, true);
    for (size_t k = 0; k < count; k++) {
        lower[k] =
            sp_octagon_plane(f, box, cuts ? &polygon[0] : NULL, false, lower_at[k], tolerance);
        upper[k] =
            sp_octagon_plane(f, box, cuts ? &polygon[1] : NULL, true, upper_at[k], tolerance);
    }
}

void sp_menu_anchors(sp_box box, size_t count, sp_anchor *lower, sp_anchor *upper) {
    sp_static_anchors(box, lower, upper);
    for (size_t k = 1; k < count; k++) {
        lower[k] = upper[k] = sp_spread_anchor(box, k - 1);
    }
}

void sp_static_anchors(sp_box box, sp_anchor *lower, sp_anchor *upper) {
    *lower = sp_static_anchor(box, false);
    *upper = sp_static_anchor(box, true);
}
