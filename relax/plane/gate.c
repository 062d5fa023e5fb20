// The maps of gates, and exported functions of plane_gate.h.
#include <math.h>

#include "relax/plane/plane_gate.h"

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

bool sp_gate_is_known(sp_activation_kind kind) {
    return sp_activation_name(kind) != NULL && kind <= SP_ACTIVATION_AFFINE;
}

sp_gate_map sp_gate_map_of(sp_activation gate) {
    switch (gate.kind) {
    default:
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

sp_box sp_gate_box(const sp_gate_map *map, sp_box box) {
    return sp_map_box(map, box);
}

sp_cut sp_gate_cut(const sp_gate_map *map, sp_box box, const sp_cut *cut) {
    return sp_map_cut(map, box, cut);
}

sp_plane sp_gate_plane(const sp_gate_map *map, sp_box box, sp_plane plane, bool upper) {
    return sp_map_plane(map, box, plane, upper);
}

sp_iv sp_gate_range(const sp_gate_map *map, sp_box box) {
    return sp_map_range(map, box);
}
