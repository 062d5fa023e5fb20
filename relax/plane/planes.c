/* Exported planes; the mathematics is in plane_offset.h and plane_anchor.h. */
#include "relax/plane/plane_anchor.h"

static const double static_tolerance = 1e-3;

double sp_product_value(sp_product f, double x, double y) {
    return sp_factor_x(f, x) * sp_factor_y(f, y);
}

double sp_plane_offset(sp_product f, sp_box box, double a, double b) {
    return sp_plane_offset_lower(f, box, a, b);
}

double sp_plane_offset_upper(sp_product f, sp_box box, double a, double b) {
    return -sp_plane_offset_lower(f, sp_plane_flip(box), -a, b);
}

sp_plane sp_plane_lower(sp_product f, sp_box box, double px, double py, double tolerance) {
    return sp_plane_lower_at(f, box, px, py, tolerance);
}

sp_plane sp_plane_upper(sp_product f, sp_box box, double px, double py, double tolerance) {
    return sp_plane_upper_at(f, box, px, py, tolerance);
}

sp_plane_pair sp_plane_static(sp_product f, sp_box box) {
    return sp_plane_static_at(f, box, static_tolerance);
}

sp_plane sp_plane_tangent(sp_product f, double x, double y) {
    sp_plane plane;
    sp_plane_gradient(f, x, y, &plane.a, &plane.b);
    plane.c = sp_product_value(f, x, y) - plane.a * x - plane.b * y;
    return plane;
}

sp_plane_pair sp_plane_interval(sp_product f, sp_box box) {
    const sp_iv range = sp_range_product(f, box);
    const sp_plane_pair r = {{0.0, 0.0, range.lo}, {0.0, 0.0, range.hi}};
    return r;
}
