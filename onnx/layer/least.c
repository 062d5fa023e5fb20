// What numbers are never below, as far as the layers alone tell.
#include <math.h>

#include "onnx/impl.h"

enum { DEPTH = 6 };

static double least_of(const sp_onnx_reader *r, size_t layer, size_t feature, size_t depth);

/* w times a number of the layer; 0 where w is 0. */
static double least_product(const sp_onnx_reader *r, double w, size_t layer, size_t feature,
                            size_t depth) {
    return w == 0.0 ? 0.0 : w > 0.0 ? w * least_of(r, layer, feature, depth) : -INFINITY;
}

/* Number `feature` of an affine layer. */
static double least_sum(const sp_onnx_reader *r, const sp_onnx_layer *layer, size_t feature,
                        size_t depth) {
    double least = layer->bias[feature];
    for (size_t i = 0; least > -INFINITY && i < layer->parts; i++) {
        const sp_onnx_part *part = &layer->part[i];
        const size_t in = r->layer[part->from.layer].out;
        const size_t taps = part->from.reading == SP_ONNX_READ_EVERY ? layer->timing.taps : 1;
        if (part->from.reading == SP_ONNX_READ_ALL) {
            return -INFINITY;
        }
        for (size_t k = 0; least > -INFINITY && k < taps * in; k++) {
            const double w = part->weight[feature * taps * in + k];
            const double one = least_product(r, w, part->from.layer, k % in, depth);
            // around the steps there may be zeros
            least +=
                taps > 1 || layer->timing.before + layer->timing.after > 0 ? fmin(one, 0.0) : one;
        }
    }
    return least;
}

static double least_curve(sp_activation f) {
    switch (f.kind) {
    case SP_ACTIVATION_SQUARE:
    case SP_ACTIVATION_SQRT:
    case SP_ACTIVATION_RELU:
    case SP_ACTIVATION_SIGMOID:
    case SP_ACTIVATION_SOFTPLUS:
    case SP_ACTIVATION_EXP:
    case SP_ACTIVATION_RECIPROCAL: // of what is never negative
    case SP_ACTIVATION_RSQRT:
        return 0.0;
    case SP_ACTIVATION_AT_LEAST:
    case SP_ACTIVATION_CLIP:
        return f.alpha;
    case SP_ACTIVATION_LEAKY_RELU:
        return f.alpha <= 0.0 ? 0.0 : -INFINITY;
    default:
        return -INFINITY;
    }
}

static double least_of(const sp_onnx_reader *r, size_t index, size_t feature, size_t depth) {
    const sp_onnx_layer *layer = &r->layer[index];
    if (depth == 0) {
        return -INFINITY;
    }
    if (layer->role == SP_ONNX_LAYER_PRODUCT) {
        const double a = least_of(r, layer->part[0].from.layer, feature, depth - 1);
        const double b = least_of(r, layer->part[1].from.layer, feature, depth - 1);
        return a >= 0.0 && b >= 0.0 ? a * b : -INFINITY;
    }
    if (layer->role != SP_ONNX_LAYER_NODE) {
        return -INFINITY;
    }
    switch (layer->kind) {
    case SP_NODE_CURVE:
        return least_curve(layer->curve);
    case SP_NODE_AFFINE:
        return least_sum(r, layer, feature, depth - 1);
    case SP_NODE_POOL: { // of one step at least
        const double least = least_of(r, layer->part->from.layer, feature, depth - 1);
        return least >= 0.0 || layer->pool != SP_POOLING_SUM ? least : -INFINITY;
    }
    case SP_NODE_INPUT:
    case SP_NODE_CELL:
        break;
    }
    return -INFINITY;
}

double sp_onnx_row_least(const sp_onnx_reader *r, const sp_onnx_affine *row) {
    double least = row->bias;
    for (size_t k = 0; least > -INFINITY && k < row->entries; k++) {
        const sp_onnx_entry *e = &row->entry[k];
        least += least_product(r, e->weight, e->layer, e->feature, DEPTH);
    }
    return least;
}
