/* Products of a gate and a variable, brought to the products that planes are known of
 * (sp_gate_map): domains over there, planes and ranges back. Host and device. */
#ifndef SP_RELAX_PLANE_GATE_H
#define SP_RELAX_PLANE_GATE_H

#include "relax/range.h"

/** sp_map_is_plain - scale x + shift is exact for these. */
SP_HD bool sp_map_is_plain(const sp_gate_map *map) {
    return map->scale == 1.0 && map->shift == 0.0;
}

/** sp_map_is_identity - the product itself. */
SP_HD bool sp_map_is_identity(const sp_gate_map *map) {
    return sp_map_is_plain(map) && map->factor == 1.0 && map->rest == 0.0;
}

SP_HD sp_box sp_map_box(const sp_gate_map *map, sp_box box) {
    const sp_iv scale = {map->scale, map->scale}, shift = {map->shift, map->shift};
    sp_box inner = box;
    if (sp_map_is_plain(map)) {
        return inner;
    }
    if (map->shift == 0.0 && (map->scale == 2.0 || map->scale == -1.0)) { // exact but for overflow
        const double p = map->scale * box.x.lo, q = map->scale * box.x.hi;
        inner.x.lo = fmin(p, q);
        inner.x.hi = fmax(p, q);
        return inner;
    }
    inner.x = sp_iv_add(sp_iv_mul(scale, box.x), shift);
    return inner;
}

/** sp_map_cut - p x = (p / scale) (u - shift). With p' = p / |scale| rounded, p x + q y = +-p' u +
 *  q y -+ p' shift up to 2 u p' (|u| + |shift|); for scale < 0 sum and difference change places:
 *  p x + q y = -(p' u - q y) + p' shift. */
SP_HD sp_cut sp_map_cut(const sp_gate_map *map, sp_box box, const sp_cut *cut) {
    if (sp_map_is_plain(map)) {
        return *cut;
    }
    const double p = cut->p / fabs(map->scale), shift = p * map->shift;
    const double u = sp_iv_mag(sp_map_box(map, box).x);
    const double pad = sp_above(p * u + fabs(shift)) * 0x1p-50;
    sp_cut r = {p, cut->q, cut->sum, cut->difference};
    if (map->scale < 0.0) {
        r.sum = sp_relax_flip(cut->difference);
        r.difference = sp_relax_flip(cut->sum);
    }
    r.sum.lo = sp_below(r.sum.lo + shift) - pad;
    r.sum.hi = sp_above(r.sum.hi + shift) + pad;
    r.difference.lo = sp_below(r.difference.lo + shift) - pad;
    r.difference.hi = sp_above(r.difference.hi + shift) + pad;
    return r;
}

/** sp_map_plane - factor (a (scale x + shift) + b y + c) + rest y. Each number below is off by at
 *  most 4 u of the sizes of its terms, and by 2^-1075 of those of what it multiplies where a
 *  product underflows; twice that goes into the constant. */
SP_HD sp_plane sp_map_plane(const sp_gate_map *map, sp_box box, sp_plane plane, bool upper) {
    if (sp_map_is_identity(map)) {
        return plane;
    }
    const double a = map->factor * plane.a, b = map->factor * plane.b, c = map->factor * plane.c;
    sp_plane r = {a * map->scale, b + map->rest, a * map->shift + c};
    const double size = fabs(r.a) * sp_iv_mag(box.x) +
                        (fabs(b) + fabs(map->rest)) * sp_iv_mag(box.y) + fabs(a * map->shift) +
                        fabs(c);
    const double least = 0x1p-1070 * (1.0 + fabs(map->scale) + fabs(map->shift)) *
                         (1.0 + sp_iv_mag(box.x) + sp_iv_mag(box.y));
    const double slack = sp_above(size) * 0x1p-50 + least;
    r.c = upper ? sp_above(r.c + slack) : sp_below(r.c - slack);
    return r;
}

/** sp_map_range - the range of factor product(scale x + shift, y) + rest y by intervals. */
SP_HD sp_iv sp_map_range(const sp_gate_map *map, sp_box box) {
    const sp_iv product = sp_range_product(map->product, sp_map_box(map, box));
    if (sp_map_is_identity(map)) {
        return product;
    }
    const sp_iv factor = {map->factor, map->factor}, rest = {map->rest, map->rest};
    return sp_iv_add(sp_iv_mul(factor, product), sp_iv_mul(rest, box.y));
}

#endif
