/* The parameters of a net as one vector. */
#include "train/impl.h"

sp_train_weights sp_train_weights_of(const sp_node *node) {
    const sp_cell *cell = &node->cell;
    if (node->kind == SP_NODE_CELL) {
        return (sp_train_weights){cell->in,
                                  cell->out,
                                  sp_cell_gates(cell) * cell->out,
                                  cell->weight,
                                  cell->recurrent,
                                  cell->bias,
                                  cell->recurrent_bias};
    }
    if (node->kind == SP_NODE_AFFINE) {
        return (sp_train_weights){.in = node->term[0].in,
                                  .out = node->width,
                                  .rows = node->width,
                                  .weight = node->term[0].weight,
                                  .bias = node->bias};
    }
    return (sp_train_weights){.in = node->width, .out = node->width};
}

static size_t add(sp_train_block *block, double *value, size_t count, bool bias) {
    *block = (sp_train_block){value, 0, count, bias};
    return value && count > 0;
}

size_t sp_train_blocks_of(sp_train_block *block, const sp_net *net) {
    size_t blocks = 0, first = 0;
    for (size_t n = 0; n < net->nodes; n++) {
        const sp_train_weights at = sp_train_weights_of(&net->node[n]);
        sp_train_block own[SP_TRAIN_BLOCKS];
        size_t count = add(own, at.weight, at.rows * at.in, false);
        count += add(own + count, at.recurrent, at.rows * at.out, false);
        count += add(own + count, at.bias, at.rows, true);
        count += add(own + count, at.recurrent_bias, at.out, true);
        for (size_t i = 0; i < count; i++) {
            own[i].first = first;
            first += own[i].count;
            block[blocks++] = own[i];
        }
    }
    return blocks;
}

size_t sp_train_parameters(const sp_net *net) {
    size_t sum = 0;
    for (size_t n = 0; n < net->nodes; n++) {
        sum += sp_node_parameters(&net->node[n]);
    }
    return sum;
}

sp_train_slopes sp_train_slopes_of(const sp_net *net, size_t node, double *gradient) {
    const sp_train_weights at = sp_train_weights_of(&net->node[node]);
    sp_train_slopes slopes = {0};
    for (size_t n = 0; n < node; n++) {
        gradient += sp_node_parameters(&net->node[n]);
    }
    slopes.weight = gradient;
    gradient += at.rows * at.in;
    if (at.recurrent) {
        slopes.recurrent = gradient;
        gradient += at.rows * at.out;
    }
    slopes.bias = gradient;
    gradient += at.rows;
    slopes.recurrent_bias = at.recurrent_bias ? gradient : NULL;
    return slopes;
}
