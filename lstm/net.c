/* Networks as lists of layers: building them from copied, checked weights. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lstm/lstm.h"

void sp_net_init(sp_net *net, size_t features) {
    *net = (sp_net){.features = features, .classes = features};
}

static void layer_clear(sp_layer *layer) {
    free(layer->weight);
    free(layer->recurrent);
    free(layer->bias);
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

sp_status sp_net_add_lstm(sp_error *err, sp_net *net, size_t hidden, const double *weight,
                          const double *recurrent, const double *bias) {
    SP_TRY(check_width(err, net, hidden));
    if (hidden > SIZE_MAX / 4) {
        return sp_fail(err, SP_E_MEMORY, "layer %zu: %zu hidden units are too many", net->layers,
                       hidden);
    }
    const size_t gates = 4 * hidden, l = net->layers;
    sp_layer layer = {.kind = SP_LAYER_LSTM, .in = net->classes, .out = hidden};
    sp_status status = copy_finite(err, &layer.weight, l, "weight", weight, gates, layer.in);
    if (status == SP_OK) {
        status = copy_finite(err, &layer.recurrent, l, "recurrent", recurrent, gates, hidden);
    }
    if (status == SP_OK) {
        status = copy_finite(err, &layer.bias, l, "bias", bias, gates, 1);
    }
    if (status != SP_OK) {
        layer_clear(&layer);
        return status;
    }
    return append(err, net, &layer);
}
