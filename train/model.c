/* The trained net as a model file holds it. */
#include <stdlib.h>
#include <string.h>

#include "train/impl.h"

static sp_status copy_layer(sp_error *err, sp_net *copy, const sp_layer *layer) {
    switch (layer->kind) {
    case SP_LAYER_AFFINE:
        return sp_net_add_affine(err, copy, layer->out, layer->weight, layer->bias);
    case SP_LAYER_RELU:
        return sp_net_add_relu(err, copy);
    case SP_LAYER_LSTM:
        return sp_net_add_lstm(err, copy, layer->out, layer->weight, layer->recurrent, layer->bias);
    case SP_LAYER_GRU:
        return sp_net_add_gru(err, copy, layer->out, layer->gate, layer->candidate,
                              layer->reset_after, layer->weight, layer->recurrent, layer->bias,
                              layer->recurrent_bias);
    case SP_LAYER_RNN:
        return sp_net_add_rnn(err, copy, layer->out, layer->candidate, layer->weight,
                              layer->recurrent, layer->bias);
    }
    return sp_fail(err, SP_E_UNSUPPORTED, "a layer of no known kind");
}

static sp_status copy_net(sp_error *err, sp_net *copy, const sp_net *net) {
    sp_net_init(copy, net->features);
    for (size_t l = 0; l < net->layers; l++) {
        if (l == net->readout) {
            sp_net_set_readout(copy);
        }
        SP_TRY(copy_layer(err, copy, &net->layer[l]));
    }
    return SP_OK;
}

/* W (x - mean) / deviation + b = (W / deviation) x + (b - W mean / deviation). */
static void fold(sp_layer *layer, const double *mean, const double *deviation) {
    const size_t rows = sp_layer_gates(layer) * layer->out;
    for (size_t r = 0; r < rows; r++) {
        double *w = layer->weight + r * layer->in; /* w[r,:] */
        for (size_t m = 0; m < layer->in; m++) {
            w[m] /= deviation[m];
            layer->bias[r] -= w[m] * mean[m];
        }
    }
}

sp_status sp_training_net(sp_error *err, const sp_training *training, sp_net *net) {
    *net = (sp_net){0};
    if (training->best_epoch == 0) {
        return sp_fail(err, SP_E_ARGUMENT, "no epoch is over");
    }
    sp_block *block = calloc(SP_LAYER_BLOCKS * training->net.layers, sizeof *block);
    const sp_status status = block ? copy_net(err, net, &training->net)
                                   : sp_fail(err, SP_E_MEMORY, "no memory for the net");
    if (status != SP_OK) {
        free(block);
        sp_net_clear(net);
        return status;
    }
    const size_t blocks = sp_blocks_of(block, net);
    for (size_t b = 0; b < blocks; b++) {
        memcpy(block[b].value, training->best + block[b].first,
               block[b].count * sizeof *block[b].value);
    }
    fold(&net->layer[0], training->mean, training->deviation);
    for (size_t b = 0; b < blocks; b++) {
        for (size_t i = 0; i < block[b].count; i++) {
            block[b].value[i] = (double)(float)block[b].value[i];
        }
    }
    free(block);
    return SP_OK;
}
