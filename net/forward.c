/* The concrete forward pass in doubles, by plain loops. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "net/net.h"

/* Buffers of one run. A layer reads `x` and writes `y`; then the two change places. */
typedef struct sp_pass {
    double *x, *y;  /* [widest] */
    double *gates;  /* [4 widest] */
    double *reset;  /* [widest] r o h of a GRU */
    double *state;  /* h then (LSTM) c of every recurrent layer, in the order of the layers */
    double *memory; /* owned: all of the above */
} sp_pass;

/* Below the size of the layer's weights. */
static size_t state_size(const sp_layer *layer) {
    const bool lstm = layer->kind == SP_LAYER_LSTM;
    return sp_layer_is_recurrent(layer) ? (lstm ? 2 : 1) * layer->out : 0;
}

static sp_status pass_init(sp_error *err, sp_pass *pass, const sp_net *net) {
    size_t widest = net->features, state = 0;
    for (size_t l = 0; l < net->layers; l++) {
        const sp_layer *layer = &net->layer[l];
        widest = layer->out > widest ? layer->out : widest;
        state += state_size(layer);
    }
    if (widest < SIZE_MAX / sizeof(double) / 8 && state < SIZE_MAX / sizeof(double) / 4) {
        pass->memory = calloc(7 * widest + state, sizeof(double));
    }
    if (!pass->memory) {
        return sp_fail(err, SP_E_MEMORY, "no memory for a network that is %zu wide", widest);
    }
    pass->x = pass->memory;
    pass->y = pass->x + widest;
    pass->gates = pass->y + widest;
    pass->reset = pass->gates + 4 * widest;
    pass->state = pass->reset + widest;
    return SP_OK;
}

static double dot(const double *a, const double *b, size_t n) {
    double sum = 0.0;
    for (size_t i = 0; i < n; i++) {
        sum += a[i] * b[i];
    }
    return sum;
}

// An overflow may otherwise vanish in the next sigmoid or ReLU.
static sp_status check_finite(sp_error *err, const double *values, size_t n, size_t t,
                              size_t layer) {
    for (size_t i = 0; i < n; i++) {
        if (!isfinite(values[i])) {
            return sp_fail(err, SP_E_NONFINITE,
                           "step %zu, layer %zu: value %zu of the network is %g", t, layer, i,
                           values[i]);
        }
    }
    return SP_OK;
}

static sp_status run_affine(sp_error *err, const sp_layer *layer, sp_pass *pass, size_t t,
                            size_t l) {
    for (size_t j = 0; j < layer->out; j++) {
        pass->y[j] = dot(layer->weight + j * layer->in, pass->x, layer->in) + layer->bias[j];
    }
    return check_finite(err, pass->y, layer->out, t, l);
}

/* Row k of the pre-activations: W x + R h + b. */
static double preactivation(const sp_layer *layer, const sp_pass *pass, const double *h, size_t k) {
    return dot(layer->weight + k * layer->in, pass->x, layer->in) +
           dot(layer->recurrent + k * layer->out, h, layer->out) + layer->bias[k];
}

/* h and c [out] hold the state of the step before and receive that of this one. */
static sp_status run_lstm(sp_error *err, const sp_layer *layer, sp_pass *pass, double *h, double *c,
                          size_t t, size_t l) {
    const size_t H = layer->out;
    double *gates = pass->gates;
    for (size_t j = 0; j < 4 * H; j++) {
        gates[j] = preactivation(layer, pass, h, j);
    }
    SP_TRY(check_finite(err, gates, 4 * H, t, l));
    const double *i = gates, *f = i + H, *g = f + H, *o = g + H;
    for (size_t j = 0; j < H; j++) {
        c[j] = sp_activation_value(layer->gate, f[j]) * c[j] +
               sp_activation_value(layer->gate, i[j]) * sp_activation_value(layer->candidate, g[j]);
        h[j] = pass->y[j] =
            sp_activation_value(layer->gate, o[j]) * sp_activation_value(layer->candidate, c[j]);
    }
    return check_finite(err, c, H, t, l);
}

/* The pre-activations of n into gates + 2 H; those of z and r stand in front of it. */
static void candidate_gate(const sp_layer *layer, sp_pass *pass, const double *h) {
    const size_t H = layer->out;
    double *r = pass->gates + H, *n = pass->gates + 2 * H;
    for (size_t j = 0; j < H; j++) {
        r[j] = sp_activation_value(layer->gate, r[j]);
        pass->reset[j] = r[j] * h[j];
    }
    for (size_t j = 0; j < H; j++) {
        const size_t k = 2 * H + j;
        const double *row = layer->recurrent + k * H;
        if (layer->reset_after) {
            n[j] = dot(layer->weight + k * layer->in, pass->x, layer->in) + layer->bias[k] +
                   r[j] * (dot(row, h, H) + layer->recurrent_bias[j]);
        } else {
            n[j] = preactivation(layer, pass, pass->reset, k);
        }
    }
}

static sp_status run_gru(sp_error *err, const sp_layer *layer, sp_pass *pass, double *h, size_t t,
                         size_t l) {
    const size_t H = layer->out;
    double *gates = pass->gates;
    for (size_t k = 0; k < 2 * H; k++) {
        gates[k] = preactivation(layer, pass, h, k);
    }
    SP_TRY(check_finite(err, gates, 2 * H, t, l));
    candidate_gate(layer, pass, h);
    SP_TRY(check_finite(err, gates + 2 * H, H, t, l));
    for (size_t j = 0; j < H; j++) {
        const double z = sp_activation_value(layer->gate, gates[j]);
        const double n = sp_activation_value(layer->candidate, gates[2 * H + j]);
        h[j] = pass->y[j] = (1.0 - z) * n + z * h[j];
    }
    return check_finite(err, h, H, t, l);
}

static sp_status run_rnn(sp_error *err, const sp_layer *layer, sp_pass *pass, double *h, size_t t,
                         size_t l) {
    const size_t H = layer->out;
    for (size_t j = 0; j < H; j++) {
        pass->gates[j] = preactivation(layer, pass, h, j);
    }
    SP_TRY(check_finite(err, pass->gates, H, t, l));
    for (size_t j = 0; j < H; j++) {
        h[j] = pass->y[j] = sp_activation_value(layer->candidate, pass->gates[j]);
    }
    return check_finite(err, h, H, t, l);
}

static sp_status run_layers(sp_error *err, const sp_net *net, sp_pass *pass, size_t first,
                            size_t end, double *state, size_t t) {
    for (size_t l = first; l < end; l++) {
        const sp_layer *layer = &net->layer[l];
        switch (layer->kind) {
        case SP_LAYER_AFFINE:
            SP_TRY(run_affine(err, layer, pass, t, l));
            break;
        case SP_LAYER_RELU:
            for (size_t j = 0; j < layer->out; j++) {
                pass->y[j] = pass->x[j] < 0.0 ? 0.0 : pass->x[j];
            }
            break;
        case SP_LAYER_LSTM:
            SP_TRY(run_lstm(err, layer, pass, state, state + layer->out, t, l));
            break;
        case SP_LAYER_GRU:
            SP_TRY(run_gru(err, layer, pass, state, t, l));
            break;
        case SP_LAYER_RNN:
            SP_TRY(run_rnn(err, layer, pass, state, t, l));
            break;
        }
        state += state_size(layer);
        double *swap = pass->x;
        pass->x = pass->y;
        pass->y = swap;
    }
    return SP_OK;
}

static double *readout_state(const sp_net *net, sp_pass *pass) {
    double *state = pass->state;
    for (size_t l = 0; l < net->readout; l++) {
        state += state_size(&net->layer[l]);
    }
    return state;
}

static sp_status run_steps(sp_error *err, const sp_net *net, sp_pass *pass, const double *features,
                           size_t steps) {
    const size_t D = net->features;
    for (size_t t = 0; t < steps; t++) {
        memcpy(pass->x, features + t * D, D * sizeof(double));
        for (size_t i = 0; i < D; i++) {
            if (!isfinite(pass->x[i])) {
                return sp_fail(err, SP_E_NONFINITE, "feature %zu of step %zu is %g", i, t,
                               pass->x[i]);
            }
        }
        SP_TRY(run_layers(err, net, pass, 0, net->readout, pass->state, t));
    }
    return run_layers(err, net, pass, net->readout, net->layers, readout_state(net, pass),
                      steps - 1);
}

sp_status sp_net_run(sp_error *err, const sp_net *net, double *logits, const double *features,
                     size_t steps) {
    if (steps == 0) {
        return sp_fail(err, SP_E_MISMATCH, "the network needs at least one step of features");
    }
    if (net->steps != 0 && steps != net->steps) {
        return sp_fail(err, SP_E_MISMATCH,
                       "the model takes exactly %zu step%s of features, not %zu", net->steps,
                       net->steps == 1 ? "" : "s", steps);
    }
    sp_pass pass = {0};
    SP_TRY(pass_init(err, &pass, net));
    const sp_status status = run_steps(err, net, &pass, features, steps);
    if (status == SP_OK) {
        memcpy(logits, pass.x, net->classes * sizeof(double));
    }
    free(pass.memory);
    return status;
}
