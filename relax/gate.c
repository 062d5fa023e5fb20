// Products of a gate and a variable, brought to the products that planes are known of.
#include <math.h>

#include "relax/relax.h"
#include "relax/scalar.h"

sp_gate_map sp_gate_identity(sp_product product) {
    return (sp_gate_map){product, 1.0, 0.0, 1.0, 0.0};
}

/* For |beta| <= 1 the second difference is exact (Sterbenz), so it is beta only when the first one
 * is exact too. */
bool sp_gate_has_complement(sp_activation gate) {
    const bool exact = fabs(gate.beta) <= 1.0 && 1.0 - (1.0 - gate.beta) == gate.beta;
    return gate.kind == SP_ACTIVATION_SIGMOID || (gate.kind == SP_ACTIVATION_HARD_SIGMOID && exact);
}

/* 1 - min(max(u, 0), 1) = min(max(1 - u, 0), 1). */
sp_gate_map sp_gate_complement(sp_activation gate) {
    if (gate.kind == SP_ACTIVATION_HARD_SIGMOID) {
        return (sp_gate_map){SP_PRODUCT_HARD_TANH, -gate.alpha, 1.0 - gate.beta, 1.0, 0.0};
    }
    return (sp_gate_map){SP_PRODUCT_SIGMOID_TANH, -1.0, 0.0, 1.0, 0.0};
}

sp_gate_map sp_gate_map_of(sp_activation gate) {
    switch (gate.kind) {
    case SP_ACTIVATION_SIGMOID:
        break;
    case SP_ACTIVATION_TANH: // tanh(x) = 2 sigma(2 x) - 1
        return (sp_gate_map){SP_PRODUCT_SIGMOID_ID, 2.0, 0.0, 2.0, -1.0};
    case SP_ACTIVATION_HARD_SIGMOID:
        return (sp_gate_map){SP_PRODUCT_HARD_ID, gate.alpha, gate.beta, 1.0, 0.0};
    case SP_ACTIVATION_RELU:
        return sp_gate_identity(SP_PRODUCT_RELU_ID);
    case SP_ACTIVATION_AFFINE:
        return (sp_gate_map){SP_PRODUCT_ID_ID, gate.alpha, gate.beta, 1.0, 0.0};
    }
    return sp_gate_identity(SP_PRODUCT_SIGMOID_ID);
}

/* scale x + shift is exact for these. */
static bool is_plain(const sp_gate_map *map) {
    return map->scale == 1.0 && map->shift == 0.0;
}

sp_box sp_gate_box(const sp_gate_map *map, sp_box box) {
    const sp_iv scale = {map->scale, map->scale}, shift = {map->shift, map->shift};
    if (is_plain(map)) {
        return box;
    }
    if (map->shift == 0.0 && (map->scale == 2.0 || map->scale == -1.0)) { // exact but for overflow
        const double p = map->scale * box.x.lo, q = map->scale * box.x.hi;
        return (sp_box){{fmin(p, q), fmax(p, q)}, box.y};
    }
    return (sp_box){sp_iv_add(sp_iv_mul(scale, box.x), shift), box.y};
}

/* p x = (p / scale) (u - shift). With p' = p / |scale| rounded, p x + q y = +-p' u + q y -+ p'
 * shift up to 2 u p' (|u| + |shift|); for scale < 0 sum and difference change places:
 * p x + q y = -(p' u - q y) + p' shift. */
sp_cut sp_gate_cut(const sp_gate_map *map, sp_box box, const sp_cut *cut) {
    if (is_plain(map)) {
        return *cut;
    }
    const double p = cut->p / fabs(map->scale), shift = p * map->shift;
    const double u = sp_iv_mag(sp_gate_box(map, box).x);
    const double pad = sp_above(p * u + fabs(shift)) * 0x1p-50;
    sp_cut r = {p, cut->q, cut->sum, cut->difference};
    if (map->scale < 0.0) {
        r.sum = sp_relax_flip(cut->difference);
        r.difference = sp_relax_flip(cut->sum);
    }
    r.sum = (sp_iv){sp_below(r.sum.lo + shift) - pad, sp_above(r.sum.hi + shift) + pad};
    r.difference =
        (sp_iv){sp_below(r.difference.lo + shift) - pad, sp_above(r.difference.hi + shift) + pad};
    return r;
}

/* factor (a (scale x + shift) + b y + c) + rest y. Each number below is off by at most 4 u of the
 * sizes of its terms; twice that goes into the constant. */
sp_plane sp_gate_plane(const sp_gate_map *map, sp_box box, sp_plane plane, bool upper) {
    if (is_plain(map) && map->factor == 1.0 && map->rest == 0.0) {
        return plane;
    }
    const double a = map->factor * plane.a, b = map->factor * plane.b, c = map->factor * plane.c;
    const sp_plane r = {a * map->scale, b + map->rest, a * map->shift + c};
    const double size = fabs(r.a) * sp_iv_mag(box.x) +
                        (fabs(b) + fabs(map->rest)) * sp_iv_mag(box.y) + fabs(a * map->shift) +
                        fabs(c);
    const double slack = sp_above(size) * 0x1p-50 + 0x1p-1070;
    return (sp_plane){r.a, r.b, upper ? sp_above(r.c + slack) : sp_below(r.c - slack)};
}
