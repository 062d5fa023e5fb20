/* An LSTM layer over boxes: c = f c' + i g and h = o tanh(c) by intervals, there and back. */
#include <string.h>

#include "train/ball_rules.h"

enum { I, F, G, O }; /* the gates' places */

/* Where the numbers of one row stand. */
typedef struct cell {
    sp_pair gate;       /* [4 H]; first mid and rad of the pre-activations */
    sp_pair c, tanh;    /* [H] */
    sp_pair before;     /* [H] c of the step before; lo NULL: zero */
    sp_ball out, slope; /* [H] */
} cell;

static cell cell_at(const sp_ball_layer *at, size_t t, size_t i) {
    const size_t H = at->layer->out, rows = at->pack->rows, row = at->pack->first[t] + i;
    sp_ball_trace *trace = at->trace;
    double *gates = trace->gates + row * 4 * H, *c = trace->cell;
    cell r = {.gate = {gates, gates + rows * 4 * H},
              .c = {c + row * H, c + (rows + row) * H},
              .tanh = {c + (2 * rows + row) * H, c + (3 * rows + row) * H},
              .out = {trace->out.mid + row * H, trace->out.rad + row * H},
              .slope = {trace->slope.mid + row * H, trace->slope.rad + row * H}};
    if (t > 0) {
        const size_t earlier = at->pack->first[t - 1] + i;
        r.before = (sp_pair){c + earlier * H, c + (rows + earlier) * H};
    }
    return r;
}

static void step_forward(const sp_cell *layer, cell a) {
    const size_t H = layer->out;
    for (size_t j = 0; j < H; j++) {
        sp_ends gate[4];
        for (size_t g = 0; g < 4; g++) {
            const size_t k = g * H + j;
            gate[g] = sp_ends_activate(g == G ? layer->candidate : layer->gate,
                                       sp_ends_of(a.gate.lo[k], a.gate.hi[k]));
            sp_pair_set(a.gate, k, gate[g]);
        }
        sp_ends c = sp_ends_gate(gate[I], gate[G]);
        if (a.before.lo) {
            const sp_ends kept = sp_ends_gate(gate[F], sp_pair_get(a.before, j));
            c = (sp_ends){c.lo + kept.lo, c.hi + kept.hi};
        }
        const sp_ends squashed = sp_ends_activate(layer->candidate, c);
        sp_pair_set(a.c, j, c);
        sp_pair_set(a.tanh, j, squashed);
        sp_ball_set(a.out, j, sp_ends_gate(gate[O], squashed));
    }
}

void sp_lstm_box_forward(const sp_ball_layer *at) {
    const sp_cell *layer = at->layer;
    const size_t H = layer->out, W = 4 * H, rows = at->pack->rows;
    const sp_ball gates = {at->trace->gates, at->trace->gates + rows * W};
    sp_ball_affine(gates, at->x, rows, layer->in, layer->weight, at->magnitude, layer->bias, W);
    for (size_t t = 0; t < at->pack->steps; t++) {
        const size_t first = at->pack->first[t] * W;
        if (t > 0) {
            sp_ball_recurrence(at, t, gates.mid + first, gates.rad + first, W, layer->recurrent,
                               at->magnitude + W * layer->in, W);
        }
        for (size_t i = 0; i < at->pack->count[t]; i++) {
            step_forward(layer, cell_at(at, t, i));
        }
    }
}

/* carry [H]: the slopes that reach c from the step after. */
static void step_backward(const sp_cell *layer, cell a, sp_pair carry) {
    const size_t H = layer->out;
    for (size_t j = 0; j < H; j++) {
        sp_ends gate[4], slope[4] = {{0.0, 0.0}}, dtanh = {0.0, 0.0}, before = {0.0, 0.0};
        for (size_t g = 0; g < 4; g++) {
            gate[g] = sp_pair_get(a.gate, g * H + j);
        }
        const sp_ends squashed = sp_pair_get(a.tanh, j);
        sp_ends_gate_back(&slope[O], &dtanh, gate[O], squashed,
                          sp_ends_slope(a.slope.mid[j], a.slope.rad[j]));
        sp_ends dc = sp_ends_activate_back(layer->candidate, squashed, dtanh);
        dc = (sp_ends){dc.lo + carry.lo[j], dc.hi + carry.hi[j]};
        sp_ends_gate_back(&slope[I], &slope[G], gate[I], gate[G], dc);
        if (a.before.lo) {
            sp_ends_gate_back(&slope[F], &before, gate[F], sp_pair_get(a.before, j), dc);
        }
        sp_pair_set(carry, j, before);
        for (size_t g = 0; g < 4; g++) {
            sp_pair_slope(
                a.gate, g * H + j,
                sp_ends_activate_back(g == G ? layer->candidate : layer->gate, gate[g], slope[g]));
        }
    }
}

void sp_lstm_box_backward(const sp_ball_layer *at) {
    const sp_cell *layer = at->layer;
    const size_t H = layer->out, W = 4 * H, rows = at->pack->rows;
    const size_t mark = sp_arena_mark(at->arena), clips = at->pack->clips;
    const sp_ball gates = {at->trace->gates, at->trace->gates + rows * W};
    double *carry = sp_arena_take(at->arena, 2 * clips * H, double);
    memset(carry, 0, 2 * clips * H * sizeof *carry);
    for (size_t t = at->pack->steps; t-- > 0;) {
        const size_t first = at->pack->first[t] * W;
        for (size_t i = 0; i < at->pack->count[t]; i++) {
            step_backward(layer, cell_at(at, t, i),
                          (sp_pair){carry + i * H, carry + (clips + i) * H});
        }
        if (t > 0) {
            sp_ball_recurrence_back(at, t, gates.mid + first, gates.rad + first, W,
                                    layer->recurrent, at->magnitude + W * layer->in, W);
        }
    }
    sp_ball_recurrent_slopes(at, gates);
    sp_arena_release(at->arena, mark);
}
