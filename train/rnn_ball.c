/* A vanilla recurrent layer over boxes: its activation does not fall, so ends go to ends. */
#include "train/ball_rules.h"

void sp_rnn_box_forward(const sp_ball_layer *at) {
    const sp_cell *layer = at->layer;
    const size_t H = layer->out, rows = at->pack->rows;
    const sp_pair value = sp_pair_of(at->trace->gates, rows * H);
    const sp_ball gates = {value.lo, value.hi};
    sp_ball_affine(gates, at->x, rows, layer->in, layer->weight, at->magnitude, layer->bias, H);
    for (size_t t = 0; t < at->pack->steps; t++) {
        const size_t first = at->pack->first[t] * H;
        if (t > 0) {
            sp_ball_recurrence(at, t, gates.mid + first, gates.rad + first, H, layer->recurrent,
                               at->magnitude + H * layer->in, H);
        }
        for (size_t k = first; k < first + at->pack->count[t] * H; k++) {
            const sp_ends h =
                sp_ends_activate(layer->candidate, sp_ends_of(gates.mid[k], gates.rad[k]));
            sp_pair_set(value, k, h);
            sp_ball_set(at->trace->out, k, h);
        }
    }
}

void sp_rnn_box_backward(const sp_ball_layer *at) {
    const sp_cell *layer = at->layer;
    const size_t H = layer->out, rows = at->pack->rows;
    const sp_pair value = sp_pair_of(at->trace->gates, rows * H);
    const sp_ball gates = {value.lo, value.hi}, slope = at->trace->slope;
    for (size_t t = at->pack->steps; t-- > 0;) {
        const size_t first = at->pack->first[t] * H;
        for (size_t k = first; k < first + at->pack->count[t] * H; k++) {
            sp_pair_slope(value, k,
                          sp_ends_activate_back(layer->candidate, sp_pair_get(value, k),
                                                sp_ends_slope(slope.mid[k], slope.rad[k])));
        }
        if (t > 0) {
            sp_ball_recurrence_back(at, t, gates.mid + first, gates.rad + first, H,
                                    layer->recurrent, at->magnitude + H * layer->in, H);
        }
    }
    sp_ball_recurrent_slopes(at, gates);
}
