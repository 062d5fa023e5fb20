/* The values of all nodes at one point, in Arb at 256 bits, written from the definitions. */
#ifndef SP_TESTS_LSTM_EXACT_H
#define SP_TESTS_LSTM_EXACT_H

#include "tests/lstm/toy.h"

#include "tests/support/arb.h"

enum { PRECISION = 256 };

static inline void add_scaled(arb_t sum, const arb_t a, double b) {
    arb_t factor;
    arb_init(factor);
    arb_set_d(factor, b);
    arb_addmul(sum, a, factor, PRECISION);
    arb_clear(factor);
}

typedef struct sp_values_at {
    const sp_net *net;
    size_t frames[32];
    arb_ptr value[32]; /* [frames, width] */
} sp_values_at;

static inline void exact_function(arb_t y, sp_activation f, const arb_t x) {
    arb_t a, b;
    arb_init(a);
    arb_init(b);
    arb_set_d(a, f.beta);
    add_scaled(a, x, f.alpha); // alpha x + beta
    switch (f.kind) {
    case SP_ACTIVATION_SIGMOID:
        arb_neg(a, x);
        arb_exp(a, a, PRECISION);
        arb_add_ui(a, a, 1, PRECISION);
        arb_inv(y, a, PRECISION);
        break;
    case SP_ACTIVATION_TANH:
        arb_tanh(y, x, PRECISION);
        break;
    case SP_ACTIVATION_HARD_SIGMOID:
        arb_max(a, a, b, PRECISION);
        arb_one(b);
        arb_min(y, a, b, PRECISION);
        break;
    case SP_ACTIVATION_RELU:
        arb_max(y, x, b, PRECISION);
        break;
    case SP_ACTIVATION_AFFINE:
        arb_set(y, a);
        break;
    default:
        fail_msg("activation %d is of front ends", (int)f.kind);
    }
    arb_clear(a);
    arb_clear(b);
}

/* sum += W x. */
static inline void add_image(arb_t sum, const double *W, const arb_struct *x, size_t n) {
    for (size_t i = 0; i < n; i++) {
        add_scaled(sum, x + i, W[i]);
    }
}

/* What a gate or candidate makes of a pre-activation. */
static inline void exact_gate(arb_t x, const sp_cell *cell, sp_activation f) {
    arb_t most;
    arb_init(most);
    arb_set_d(most, cell->clip);
    if (cell->clip > 0.0) {
        arb_min(x, x, most, PRECISION);
        arb_neg(most, most);
        arb_max(x, x, most, PRECISION);
    }
    exact_function(x, f, x);
    arb_clear(most);
}

static inline void exact_lstm(const sp_cell *cell, arb_ptr y, const arb_struct *x,
                              const arb_struct *h, arb_ptr c) {
    const size_t H = cell->out, first = sp_cell_seeds(cell);
    arb_struct *gate = _arb_vec_init(4);
    for (size_t j = 0; j < H; j++) {
        for (size_t k = 0; k < 4; k++) {
            const size_t row = (first + k) * H + j;
            arb_set_d(gate + k, cell->bias[row]);
            add_image(gate + k, cell->weight + row * cell->in, x, cell->in);
            add_image(gate + k, cell->recurrent + row * H, h, H);
            exact_gate(gate + k, cell, k == 2 ? cell->candidate : cell->gate);
        }
        arb_mul(c + j, c + j, gate + 1, PRECISION);
        arb_addmul(c + j, gate, gate + 2, PRECISION);
        exact_function(y + j, cell->candidate, c + j);
        arb_mul(y + j, y + j, gate + 3, PRECISION);
    }
    _arb_vec_clear(gate, 4);
}

static inline void exact_rnn(const sp_cell *cell, arb_ptr y, const arb_struct *x,
                             const arb_struct *h) {
    const size_t first = sp_cell_seeds(cell) * cell->out;
    for (size_t j = 0; j < cell->out; j++) {
        const size_t row = first + j;
        arb_set_d(y + j, cell->bias[row]);
        add_image(y + j, cell->weight + row * cell->in, x, cell->in);
        add_image(y + j, cell->recurrent + row * cell->out, h, cell->out);
        exact_gate(y + j, cell, cell->candidate);
    }
}

static inline void exact_gru(const sp_cell *cell, arb_ptr y, const arb_struct *x,
                             const arb_struct *h) {
    const size_t H = cell->out, first = sp_cell_seeds(cell) * H;
    arb_struct *r = _arb_vec_init((slong)H), *kept = _arb_vec_init((slong)H);
    arb_t z, n, q;
    arb_init(z);
    arb_init(n);
    arb_init(q);
    for (size_t j = 0; j < H; j++) {
        arb_set_d(r + j, cell->bias[first + H + j]);
        add_image(r + j, cell->weight + (first + H + j) * cell->in, x, cell->in);
        add_image(r + j, cell->recurrent + (first + H + j) * H, h, H);
        exact_gate(r + j, cell, cell->gate);
        arb_mul(kept + j, r + j, h + j, PRECISION);
    }
    for (size_t j = 0; j < H; j++) {
        const double *R = cell->recurrent + (first + 2 * H + j) * H;
        arb_set_d(z, cell->bias[first + j]);
        add_image(z, cell->weight + (first + j) * cell->in, x, cell->in);
        add_image(z, cell->recurrent + (first + j) * H, h, H);
        exact_gate(z, cell, cell->gate);
        arb_set_d(n, cell->bias[first + 2 * H + j]);
        add_image(n, cell->weight + (first + 2 * H + j) * cell->in, x, cell->in);
        if (cell->reset_after) {
            arb_set_d(q, cell->recurrent_bias[j]);
            add_image(q, R, h, H);
            arb_addmul(n, r + j, q, PRECISION);
        } else {
            add_image(n, R, kept, H);
        }
        exact_gate(n, cell, cell->candidate);
        arb_sub(q, h + j, n, PRECISION);
        arb_set(y + j, n);
        arb_addmul(y + j, z, q, PRECISION);
    }
    _arb_vec_clear(r, (slong)H);
    _arb_vec_clear(kept, (slong)H);
    arb_clear(z);
    arb_clear(n);
    arb_clear(q);
}

static inline void exact_times(const sp_cell *cell, arb_ptr y, const arb_struct *x) {
    const size_t H = cell->out;
    arb_t b;
    arb_init(b);
    for (size_t j = 0; j < H; j++) {
        arb_set_d(y + j, cell->bias[j]);
        add_image(y + j, cell->weight + j * cell->in, x, cell->in);
        arb_set_d(b, cell->bias[H + j]);
        add_image(b, cell->weight + (H + j) * cell->in, x, cell->in);
        arb_mul(y + j, y + j, b, PRECISION);
    }
    arb_clear(b);
}

static inline arb_ptr exact_at(const sp_values_at *v, size_t node, size_t frame) {
    return v->value[node] + frame * v->net->node[node].width;
}

static inline void exact_cell(const sp_values_at *v, const sp_node *node, size_t i) {
    const sp_cell *cell = &node->cell;
    arb_struct *h = _arb_vec_init((slong)cell->out), *c = _arb_vec_init((slong)cell->out);
    for (size_t k = 0; k < v->frames[i]; k++) {
        const size_t t = cell->reverse ? v->frames[i] - 1 - k : k;
        const arb_struct *x = exact_at(v, node->input, t);
        arb_t own;
        arb_init(own);
        for (size_t s = 0; s < sp_cell_seeds(cell) * cell->out; s++) {
            arb_ptr state = s < cell->out ? h + s : c + s - cell->out;
            arb_set_d(own, cell->bias[s]);
            arb_add(state, state, own, PRECISION);
            add_image(state, cell->weight + s * cell->in, x, cell->in);
        }
        arb_clear(own);
        switch (cell->kind) {
        case SP_CELL_LSTM:
            exact_lstm(cell, exact_at(v, i, t), x, h, c);
            break;
        case SP_CELL_GRU:
            exact_gru(cell, exact_at(v, i, t), x, h);
            break;
        case SP_CELL_RNN:
            exact_rnn(cell, exact_at(v, i, t), x, h);
            break;
        case SP_CELL_TIMES:
            exact_times(cell, exact_at(v, i, t), x);
            break;
        }
        _arb_vec_set(h, exact_at(v, i, t), (slong)cell->out);
    }
    _arb_vec_clear(h, (slong)cell->out);
    _arb_vec_clear(c, (slong)cell->out);
}

static inline void exact_affine(const sp_values_at *v, const sp_node *node, size_t i) {
    for (size_t t = 0; t < v->frames[i]; t++) {
        for (size_t j = 0; j < node->width; j++) {
            arb_ptr y = exact_at(v, i, t) + j;
            arb_set_d(y, node->bias[j]);
            for (size_t k = 0; k < node->terms; k++) {
                const sp_term *term = &node->term[k];
                const sp_timing *g = &term->timing;
                for (size_t tap = 0; tap < g->taps; tap++) {
                    const long at = tap_frame(g, v->frames[term->input], t, tap);
                    if (at >= 0) {
                        add_image(y, term->weight + (j * g->taps + tap) * term->in,
                                  exact_at(v, term->input, (size_t)at), term->in);
                    }
                }
            }
        }
    }
}

/* I features [frames, width of the source]   Clear afterwards. */
static inline void exact_values(sp_values_at *v, const sp_net *net, size_t source,
                                const double *features, size_t frames) {
    *v = (sp_values_at){.net = net};
    assert_true(net->nodes <= 32);
    for (size_t i = source; i < net->nodes; i++) {
        const sp_node *node = &net->node[i];
        v->frames[i] = sp_net_frames(net, source, i, frames);
        const size_t numbers = v->frames[i] * node->width;
        v->value[i] = _arb_vec_init((slong)numbers);
        if (i == source) {
            for (size_t k = 0; k < numbers; k++) {
                arb_set_d(v->value[i] + k, features[k]);
            }
        } else if (node->kind == SP_NODE_AFFINE) {
            exact_affine(v, node, i);
        } else if (node->kind == SP_NODE_CURVE) {
            for (size_t k = 0; k < numbers; k++) {
                exact_function(v->value[i] + k, node->curve, v->value[node->input] + k);
            }
        } else if (node->kind == SP_NODE_CELL) {
            exact_cell(v, node, i);
        } else {
            const size_t last = v->frames[node->input] - 1;
            _arb_vec_set(v->value[i],
                         exact_at(v, node->input, node->pool == SP_POOLING_LAST ? last : 0),
                         (slong)node->width);
        }
    }
}

static inline void exact_clear(sp_values_at *v) {
    for (size_t i = 0; i < v->net->nodes; i++) {
        if (v->value[i] != NULL) {
            _arb_vec_clear(v->value[i], (slong)(v->frames[i] * v->net->node[i].width));
        }
    }
}

#endif
