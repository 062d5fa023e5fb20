/* The parameters of a net as one vector. */
#include "train/impl.h"

static size_t add(sp_block *block, double *value, size_t count, bool bias) {
    *block = (sp_block){value, 0, count, bias};
    return value && count > 0;
}

size_t sp_blocks_of(sp_block *block, const sp_net *net) {
    size_t blocks = 0, first = 0;
    for (size_t l = 0; l < net->layers; l++) {
        const sp_layer *layer = &net->layer[l];
        const size_t rows = sp_layer_gates(layer) * layer->out;
        sp_block own[SP_LAYER_BLOCKS];
        size_t count = add(own, layer->weight, rows * layer->in, false);
        count += add(own + count, layer->recurrent, rows * layer->out, false);
        count += add(own + count, layer->bias, rows, true);
        count += add(own + count, layer->recurrent_bias, layer->out, true);
        for (size_t i = 0; i < count; i++) {
            own[i].first = first;
            first += own[i].count;
            block[blocks++] = own[i];
        }
    }
    return blocks;
}

size_t sp_parameters(const sp_net *net) {
    size_t sum = 0;
    for (size_t l = 0; l < net->layers; l++) {
        sp_layer layer = net->layer[l];
        sp_block block[SP_LAYER_BLOCKS];
        const sp_net one = {.layer = &layer, .layers = 1};
        const size_t blocks = sp_blocks_of(block, &one);
        sum += blocks > 0 ? block[blocks - 1].first + block[blocks - 1].count : 0;
    }
    return sum;
}

sp_slopes sp_slopes_of(const sp_net *net, size_t layer, double *gradient) {
    const sp_net before = {.layer = net->layer, .layers = layer};
    const sp_layer *at = &net->layer[layer];
    const size_t rows = sp_layer_gates(at) * at->out;
    sp_slopes slopes = {0};
    gradient += sp_parameters(&before);
    slopes.weight = gradient;
    gradient += rows * at->in;
    if (at->recurrent) {
        slopes.recurrent = gradient;
        gradient += rows * at->out;
    }
    slopes.bias = gradient;
    gradient += rows;
    slopes.recurrent_bias = at->recurrent_bias ? gradient : NULL;
    return slopes;
}
