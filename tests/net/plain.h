/* Networks in long double, by the definitions of PyTorch's Linear, ReLU and LSTM and of ONNX's GRU
 * and RNN, and the same networks as an sp_net. */
#ifndef SP_TESTS_NET_PLAIN_H
#define SP_TESTS_NET_PLAIN_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "net/net.h"
#include "tests/support/support.h"

enum { WIDEST = 17, LONGEST = 12, DEEPEST = 8 };

typedef enum { PLAIN_AFFINE, PLAIN_RELU, PLAIN_LSTM, PLAIN_GRU, PLAIN_RNN } plain_kind;

/* A layer as PyTorch's documentation writes it: one matrix per gate. */
typedef struct plain_gate {
    double input[WIDEST][WIDEST], hidden[WIDEST][WIDEST], bias[WIDEST];
} plain_gate;

typedef struct plain_layer {
    plain_kind kind;
    size_t in, out;
    plain_gate i, f, g, o; /* affine, RNN: i only; GRU: i, f, g are z, r, n */
    sp_activation gate, candidate;
    bool reset_after;
    double recurrent_bias[WIDEST]; /* of n, with reset_after */
    long double h[WIDEST], c[WIDEST];
} plain_layer;

typedef struct plain_net {
    plain_layer layer[DEEPEST];
    size_t layers, readout, features;
} plain_net;

static inline void fill_gate(sp_rng *rng, plain_gate *gate, size_t in, size_t out) {
    for (size_t j = 0; j < out; j++) {
        for (size_t k = 0; k < in; k++) {
            gate->input[j][k] = sp_rng_normal(rng);
        }
        for (size_t k = 0; k < out; k++) {
            gate->hidden[j][k] = sp_rng_normal(rng);
        }
        gate->bias[j] = sp_rng_normal(rng);
    }
}

/* ---- the definitions ---- */

static inline long double preactivation(const plain_gate *gate, size_t j, const plain_layer *layer,
                                        const long double *x, const long double *h) {
    long double sum = gate->bias[j];
    for (size_t k = 0; k < layer->in; k++) {
        sum += (long double)gate->input[j][k] * x[k];
    }
    for (size_t k = 0; h != NULL && k < layer->out; k++) {
        sum += (long double)gate->hidden[j][k] * h[k];
    }
    return sum;
}

static inline long double logistic(long double x) {
    return 1.0L / (1.0L + expl(-x));
}

static inline long double plain_activation(sp_activation f, long double x) {
    switch (f.kind) {
    case SP_ACTIVATION_SIGMOID:
        return logistic(x);
    case SP_ACTIVATION_TANH:
        return tanhl(x);
    case SP_ACTIVATION_HARD_SIGMOID:
        return fmaxl(0.0L, fminl(1.0L, (long double)f.alpha * x + f.beta));
    case SP_ACTIVATION_RELU:
        return fmaxl(0.0L, x);
    case SP_ACTIVATION_AFFINE:
        return (long double)f.alpha * x + f.beta;
    default:
        return NAN;
    }
}

/* ONNX's GRU: the reset gate times the state, or times what the recurrence makes of it. */
static inline void plain_gru(plain_layer *layer, const long double *x) {
    long double h[WIDEST], r[WIDEST], kept[WIDEST];
    const long double zero[WIDEST] = {0};
    memcpy(h, layer->h, sizeof h);
    for (size_t j = 0; j < layer->out; j++) {
        r[j] = plain_activation(layer->gate, preactivation(&layer->f, j, layer, x, h));
        kept[j] = r[j] * h[j];
    }
    for (size_t j = 0; j < layer->out; j++) {
        const long double z =
            plain_activation(layer->gate, preactivation(&layer->i, j, layer, x, h));
        long double n = preactivation(&layer->g, j, layer, x, layer->reset_after ? NULL : kept);
        if (layer->reset_after) {
            const long double recurrent =
                preactivation(&layer->g, j, layer, zero, h) - layer->g.bias[j];
            n += r[j] * (recurrent + layer->recurrent_bias[j]);
        }
        layer->h[j] = z * h[j] + (1.0L - z) * plain_activation(layer->candidate, n);
    }
}

static inline void plain_rnn(plain_layer *layer, const long double *x) {
    long double h[WIDEST];
    memcpy(h, layer->h, sizeof h);
    for (size_t j = 0; j < layer->out; j++) {
        layer->h[j] = plain_activation(layer->candidate, preactivation(&layer->i, j, layer, x, h));
    }
}

static inline void plain_step(plain_layer *layer, long double *x) {
    long double y[WIDEST], h[WIDEST];
    if (layer->kind == PLAIN_GRU || layer->kind == PLAIN_RNN) {
        (layer->kind == PLAIN_GRU ? plain_gru : plain_rnn)(layer, x);
        memcpy(x, layer->h, layer->out * sizeof *x);
        return;
    }
    memcpy(h, layer->h, sizeof h);
    for (size_t j = 0; j < layer->out; j++) {
        if (layer->kind == PLAIN_RELU) {
            y[j] = fmaxl(x[j], 0.0L);
        } else if (layer->kind == PLAIN_AFFINE) {
            y[j] = preactivation(&layer->i, j, layer, x, NULL);
        } else {
            const long double i = logistic(preactivation(&layer->i, j, layer, x, h));
            const long double f = logistic(preactivation(&layer->f, j, layer, x, h));
            const long double g = tanhl(preactivation(&layer->g, j, layer, x, h));
            const long double o = logistic(preactivation(&layer->o, j, layer, x, h));
            layer->c[j] = f * layer->c[j] + i * g;
            y[j] = layer->h[j] = o * tanhl(layer->c[j]);
        }
    }
    memcpy(x, y, layer->out * sizeof *x);
}

static inline void plain_run(plain_net *net, long double *logits, const double *features,
                             size_t steps) {
    long double x[WIDEST];
    for (size_t l = 0; l < net->layers; l++) {
        memset(net->layer[l].h, 0, sizeof net->layer[l].h);
        memset(net->layer[l].c, 0, sizeof net->layer[l].c);
    }
    for (size_t t = 0; t < steps; t++) {
        for (size_t k = 0; k < net->features; k++) {
            x[k] = features[t * net->features + k];
        }
        const size_t end = t + 1 == steps ? net->layers : net->readout;
        for (size_t l = 0; l < end; l++) {
            plain_step(&net->layer[l], x);
        }
    }
    memcpy(logits, x, sizeof x);
}

/* ---- the same network as an sp_net ---- */

static inline void stack_gate(double *weight, double *recurrent, double *bias,
                              const plain_gate *gate, size_t in, size_t out) {
    for (size_t j = 0; j < out; j++) {
        memcpy(weight + j * in, gate->input[j], in * sizeof *weight);
        memcpy(recurrent + j * out, gate->hidden[j], out * sizeof *recurrent);
        bias[j] = gate->bias[j];
    }
}

static inline void add_layer(sp_net *net, const plain_layer *layer) {
    double w[4 * WIDEST * WIDEST], r[4 * WIDEST * WIDEST], b[4 * WIDEST];
    const size_t D = layer->in, H = layer->out;
    const plain_gate *gates[4] = {&layer->i, &layer->f, &layer->g, &layer->o};
    for (size_t k = 0; k < 4; k++) {
        stack_gate(w + k * H * D, r + k * H * H, b + k * H, gates[k], D, H);
    }
    switch (layer->kind) {
    case PLAIN_AFFINE:
        assert_int_equal(sp_net_add_affine(NULL, net, H, w, b), SP_OK);
        break;
    case PLAIN_RELU:
        assert_int_equal(sp_net_add_relu(NULL, net), SP_OK);
        break;
    case PLAIN_LSTM:
        assert_int_equal(sp_net_add_lstm(NULL, net, H, w, r, b), SP_OK);
        break;
    case PLAIN_GRU:
        assert_int_equal(sp_net_add_gru(NULL, net, H, layer->gate, layer->candidate,
                                        layer->reset_after, w, r, b,
                                        layer->reset_after ? layer->recurrent_bias : NULL),
                         SP_OK);
        break;
    case PLAIN_RNN:
        assert_int_equal(sp_net_add_rnn(NULL, net, H, layer->candidate, w, r, b), SP_OK);
        break;
    }
}

/* The first three are bounded; an affine candidate may blow its state up: its slope is small. */
static inline sp_activation random_activation(sp_rng *rng, uint64_t kinds) {
    const sp_activation f = {(sp_activation_kind)sp_rng_below(rng, kinds), 0.2 * sp_rng_normal(rng),
                             sp_rng_normal(rng)};
    return f;
}

static inline void add_plain(sp_rng *rng, plain_net *net, plain_kind kind, size_t out) {
    plain_layer *layer = &net->layer[net->layers];
    layer->kind = kind;
    layer->in = net->layers == 0 ? net->features : net->layer[net->layers - 1].out;
    layer->out = kind == PLAIN_RELU ? layer->in : out;
    plain_gate *gates[4] = {&layer->i, &layer->f, &layer->g, &layer->o};
    for (size_t k = 0; k < 4; k++) {
        fill_gate(rng, gates[k], layer->in, layer->out);
    }
    layer->gate = random_activation(rng, 3);
    layer->candidate = random_activation(rng, 5);
    layer->reset_after = sp_rng_below(rng, 2) == 0;
    for (size_t j = 0; j < layer->out; j++) {
        layer->recurrent_bias[j] = sp_rng_normal(rng);
    }
    net->layers++;
}

/* The layers up to the read-out at every step, those behind it once, on the last step. */
static inline void build(sp_net *net, const plain_net *plain) {
    assert_int_equal(sp_net_init(NULL, net, plain->features), SP_OK);
    for (size_t l = 0; l <= plain->layers; l++) {
        if (l == plain->readout) {
            assert_int_equal(sp_net_add_pool(NULL, net, SP_POOLING_LAST), SP_OK);
        }
        if (l < plain->layers) {
            add_layer(net, &plain->layer[l]);
        }
    }
    assert_int_equal(net->nodes, plain->layers + 2);
    assert_int_equal(net->classes,
                     plain->layers ? plain->layer[plain->layers - 1].out : plain->features);
}

/* The node of layer l. */
static inline size_t node_of(const plain_net *plain, size_t l) {
    return l + (l < plain->readout ? 1 : 2);
}

/* Largest difference of the logits of both networks, relative to max(1, |logit|). */
static inline double difference(const sp_net *net, plain_net *plain, const double *features,
                                size_t steps) {
    double logits[WIDEST], worst = 0.0;
    long double reference[WIDEST];
    assert_int_equal(sp_net_run(NULL, net, logits, features, steps), SP_OK);
    plain_run(plain, reference, features, steps);
    for (size_t k = 0; k < net->classes; k++) {
        const double scale = fmax(1.0, fabs((double)reference[k]));
        worst = fmax(worst, fabs((double)(logits[k] - reference[k])) / scale);
    }
    return worst;
}

static inline void random_net(sp_rng *rng, plain_net *plain) {
    memset(plain, 0, sizeof *plain);
    plain->features = 1 + sp_rng_below(rng, WIDEST - 1);
    const size_t layers = sp_rng_below(rng, DEEPEST);
    for (size_t l = 0; l < layers; l++) {
        add_plain(rng, plain, (plain_kind)sp_rng_below(rng, 5), 1 + sp_rng_below(rng, WIDEST - 1));
    }
    plain->readout = sp_rng_below(rng, layers + 1);
}

static inline void random_features(sp_rng *rng, double *features) {
    for (size_t i = 0; i < LONGEST * WIDEST; i++) {
        features[i] = sp_rng_normal(rng);
    }
}

static inline void expect_refused(sp_status status, sp_status wanted, const sp_error *err,
                                  const char *part) {
    if (status != wanted || strstr(err->text, part) == NULL) {
        fail_msg("status %d, '%s': expected %d and '%s'", status, err->text, wanted, part);
    }
}

#endif
