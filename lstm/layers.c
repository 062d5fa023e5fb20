// The kinds of layers, by their files.
#include "lstm/layers.h"

const sp_layer_ops *sp_layer_ops_of(const sp_layer *layer) {
    switch (layer->kind) {
    case SP_LAYER_AFFINE:
        return &sp_affine_ops;
    case SP_LAYER_RELU:
        return &sp_relu_ops;
    case SP_LAYER_LSTM:
        return &sp_lstm_ops;
    case SP_LAYER_GRU:
        return &sp_gru_ops;
    case SP_LAYER_RNN:
        return &sp_rnn_ops;
    }
    return NULL;
}

size_t sp_highest_recurrent(const sp_net *net, size_t end) {
    while (end-- > 0) {
        if (sp_layer_is_recurrent(&net->layer[end])) {
            return end;
        }
    }
    return SP_NO_LAYER;
}

void sp_input_box(const sp_bounds *bounds, size_t t, size_t layer, const double **lo,
                  const double **hi) {
    if (layer == 0) {
        *lo = bounds->front->feature_lo + t * bounds->front->features;
        *hi = bounds->front->feature_hi + t * bounds->front->features;
    } else {
        const sp_state *below = sp_state_at(bounds, t, layer - 1);
        *lo = below->out_lo;
        *hi = below->out_hi;
    }
}

void sp_collapse(size_t n, double *lo, double *hi) {
    for (size_t j = 0; j < n; j++) {
        lo[j] = hi[j] = 0.5 * (lo[j] + hi[j]);
    }
}

void sp_bound_boxes(sp_bounds *bounds, sp_box_kind kind, const sp_start *at, size_t first, size_t n,
                    double *lo, double *hi) {
    if (sp_rule_is_linear(bounds->options.planes)) {
        sp_box_rows(bounds, kind, at, first, n, lo, hi, lo, hi);
    } else if (bounds->options.planes == SP_PLANES_TANGENT) {
        sp_collapse(n, lo, hi);
    }
}

void sp_bound_cuts(sp_bounds *bounds, const sp_start *at, size_t first, size_t end) {
    if (bounds->options.octagons && sp_rule_is_linear(bounds->options.planes)) {
        sp_cut_rows(bounds, at, first, end);
    }
}
