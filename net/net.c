/* Networks as lists of layers: building them from copied, checked weights. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "net/net.h"

void sp_net_init(sp_net *net, size_t features) {
    *net = (sp_net){.features = features, .classes = features};
}

static void layer_clear(sp_layer *layer) {
    free(layer->weight);
    free(layer->recurrent);
    free(layer->bias);
    free(layer->recurrent_bias);
    *layer = (sp_layer){0};
}

void sp_net_clear(sp_net *net) {
    for (size_t l = 0; l < net->layers; l++) {
        layer_clear(&net->layer[l]);
    }
    free(net->layer);
    *net = (sp_net){0};
}

void sp_net_set_readout(sp_net *net) {
    net->readout = net->layers;
    net->readout_set = true;
}

/* Copies values[rows, columns] into *copy; `what` names the array in messages. */
static sp_status copy_finite(sp_error *err, double **copy, size_t layer, const char *what,
                             const double *values, size_t rows, size_t columns) {
    if (columns > SIZE_MAX / sizeof(double) / rows) {
        return sp_fail(err, SP_E_MEMORY, "layer %zu: %s [%zu, %zu] is too large", layer, what, rows,
                       columns);
    }
    const size_t count = rows * columns;
    for (size_t i = 0; i < count; i++) {
        if (!isfinite(values[i])) {
            return sp_fail(err, SP_E_NONFINITE,
                           "layer %zu: %s[%zu] is %g: weights must be finite numbers", layer, what,
                           i, values[i]);
        }
    }
    *copy = malloc(count * sizeof(double));
    if (!*copy) {
        return sp_fail(err, SP_E_MEMORY, "layer %zu: no memory for %s [%zu, %zu]", layer, what,
                       rows, columns);
    }
    memcpy(*copy, values, count * sizeof(double));
    return SP_OK;
}

/* Appends `layer`, which it takes over; on failure the net is as before. */
static sp_status append(sp_error *err, sp_net *net, sp_layer *layer) {
    sp_layer *grown = NULL;
    if (net->layers < SIZE_MAX / sizeof *grown - 1) {
        grown = realloc(net->layer, (net->layers + 1) * sizeof *grown);
    }
    if (!grown) {
        layer_clear(layer);
        return sp_fail(err, SP_E_MEMORY, "no memory for layer %zu", net->layers);
    }
    net->layer = grown;
    net->layer[net->layers++] = *layer;
    net->classes = layer->out;
    if (!net->readout_set) {
        net->readout = net->layers;
    }
    return SP_OK;
}

static sp_status check_width(sp_error *err, const sp_net *net, size_t out) {
    if (net->classes == 0 || out == 0) {
        return sp_fail(err, SP_E_ARGUMENT, "layer %zu: widths must be positive, not %zu to %zu",
                       net->layers, net->classes, out);
    }
    return SP_OK;
}

sp_status sp_net_add_affine(sp_error *err, sp_net *net, size_t out, const double *weight,
                            const double *bias) {
    SP_TRY(check_width(err, net, out));
    sp_layer layer = {.kind = SP_LAYER_AFFINE, .in = net->classes, .out = out};
    sp_status status =
        copy_finite(err, &layer.weight, net->layers, "weight", weight, out, layer.in);
    if (status == SP_OK) {
        status = copy_finite(err, &layer.bias, net->layers, "bias", bias, out, 1);
    }
    if (status != SP_OK) {
        layer_clear(&layer);
        return status;
    }
    return append(err, net, &layer);
}

sp_status sp_net_add_relu(sp_error *err, sp_net *net) {
    SP_TRY(check_width(err, net, net->classes));
    sp_layer layer = {.kind = SP_LAYER_RELU, .in = net->classes, .out = net->classes};
    return append(err, net, &layer);
}

static sp_status check_activation(sp_error *err, size_t layer, sp_activation f) {
    if (sp_activation_name(f.kind) == NULL) {
        return sp_fail(err, SP_E_ARGUMENT, "layer %zu: no activation has number %d", layer,
                       (int)f.kind);
    }
    const bool reads = f.kind == SP_ACTIVATION_HARD_SIGMOID || f.kind == SP_ACTIVATION_AFFINE;
    if (reads && !(isfinite(f.alpha) && isfinite(f.beta))) {
        return sp_fail(err, SP_E_NONFINITE,
                       "layer %zu: %s with alpha %g and beta %g: they must be finite numbers",
                       layer, sp_activation_name(f.kind), f.alpha, f.beta);
    }
    return SP_OK;
}

/* Checks the layer, copies its weights and appends it. */
static sp_status add_recurrent(sp_error *err, sp_net *net, sp_layer layer, const double *weight,
                               const double *recurrent, const double *bias,
                               const double *recurrent_bias) {
    const size_t l = net->layers, blocks = sp_layer_gates(&layer);
    SP_TRY(check_width(err, net, layer.out));
    SP_TRY(check_activation(err, l, layer.gate));
    SP_TRY(check_activation(err, l, layer.candidate));
    if (layer.out > SIZE_MAX / blocks) {
        return sp_fail(err, SP_E_MEMORY, "layer %zu: %zu hidden units are too many", l, layer.out);
    }
    const size_t rows = blocks * layer.out;
    layer.in = net->classes;
    sp_status status = copy_finite(err, &layer.weight, l, "weight", weight, rows, layer.in);
    if (status == SP_OK) {
        status = copy_finite(err, &layer.recurrent, l, "recurrent", recurrent, rows, layer.out);
    }
    if (status == SP_OK) {
        status = copy_finite(err, &layer.bias, l, "bias", bias, rows, 1);
    }
    if (status == SP_OK && recurrent_bias != NULL) {
        status = copy_finite(err, &layer.recurrent_bias, l, "recurrent_bias", recurrent_bias,
                             layer.out, 1);
    } else if (status == SP_OK && layer.reset_after) {
        layer.recurrent_bias = calloc(layer.out, sizeof(double));
        status = layer.recurrent_bias == NULL ? sp_fail(err, SP_E_MEMORY, "out of memory") : SP_OK;
    }
    if (status != SP_OK) {
        layer_clear(&layer);
        return status;
    }
    return append(err, net, &layer);
}

sp_status sp_net_add_lstm(sp_error *err, sp_net *net, size_t hidden, const double *weight,
                          const double *recurrent, const double *bias) {
    const sp_layer layer = {.kind = SP_LAYER_LSTM,
                            .out = hidden,
                            .gate = {SP_ACTIVATION_SIGMOID, 0.0, 0.0},
                            .candidate = {SP_ACTIVATION_TANH, 0.0, 0.0}};
    return add_recurrent(err, net, layer, weight, recurrent, bias, NULL);
}

sp_status sp_net_add_gru(sp_error *err, sp_net *net, size_t hidden, sp_activation gate,
                         sp_activation candidate, bool reset_after, const double *weight,
                         const double *recurrent, const double *bias,
                         const double *recurrent_bias) {
    if (recurrent_bias != NULL && !reset_after) {
        return sp_fail(err, SP_E_ARGUMENT,
                       "layer %zu: a recurrent bias of its own needs the reset after the product",
                       net->layers);
    }
    const sp_layer layer = {.kind = SP_LAYER_GRU,
                            .out = hidden,
                            .gate = gate,
                            .candidate = candidate,
                            .reset_after = reset_after};
    return add_recurrent(err, net, layer, weight, recurrent, bias, recurrent_bias);
}

sp_status sp_net_add_rnn(sp_error *err, sp_net *net, size_t hidden, sp_activation activation,
                         const double *weight, const double *recurrent, const double *bias) {
    const sp_layer layer = {.kind = SP_LAYER_RNN, .out = hidden, .candidate = activation};
    return add_recurrent(err, net, layer, weight, recurrent, bias, NULL);
}

size_t sp_layer_gates(const sp_layer *layer) {
    switch (layer->kind) {
    case SP_LAYER_LSTM:
        return 4;
    case SP_LAYER_GRU:
        return 3;
    case SP_LAYER_RNN:
    case SP_LAYER_AFFINE:
        return 1;
    case SP_LAYER_RELU:
        break;
    }
    return 0;
}

bool sp_layer_is_recurrent(const sp_layer *layer) {
    return layer->kind == SP_LAYER_LSTM || layer->kind == SP_LAYER_GRU ||
           layer->kind == SP_LAYER_RNN;
}

size_t sp_layer_parameters(const sp_layer *layer) {
    const size_t columns = layer->in + (sp_layer_is_recurrent(layer) ? layer->out : 0) + 1;
    return sp_layer_gates(layer) * layer->out * columns +
           (layer->recurrent_bias != NULL ? layer->out : 0);
}
