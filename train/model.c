/* The trained net as a model file holds it. */
#include <stdlib.h>
#include <string.h>

#include "train/impl.h"

static sp_status copy_net(sp_error *err, sp_net *copy, const sp_net *net) {
    SP_TRY(sp_net_init(err, copy, net->features));
    for (size_t n = 1; n < net->nodes; n++) {
        SP_TRY(sp_net_append(err, copy, &net->node[n], NULL));
    }
    return SP_OK;
}

/* W (x - mean) / deviation + b = (W / deviation) x + (b - W mean / deviation). */
static void fold(const sp_node *node, const double *mean, const double *deviation) {
    const sp_train_weights at = sp_train_weights_of(node);
    for (size_t r = 0; r < at.rows; r++) {
        double *w = at.weight + r * at.in; /* w[r,:] */
        for (size_t m = 0; m < at.in; m++) {
            w[m] /= deviation[m];
            at.bias[r] -= w[m] * mean[m];
        }
    }
}

sp_status sp_training_net(sp_error *err, const sp_training *training, sp_net *net) {
    *net = (sp_net){0};
    if (training->best_epoch == 0) {
        return sp_fail(err, SP_E_ARGUMENT, "no epoch is over");
    }
    sp_train_block *block = calloc(SP_TRAIN_BLOCKS * training->net.nodes, sizeof *block);
    const sp_status status = block ? copy_net(err, net, &training->net)
                                   : sp_fail(err, SP_E_MEMORY, "no memory for the net");
    if (status != SP_OK) {
        free(block);
        sp_net_clear(net);
        return status;
    }
    const size_t blocks = sp_train_blocks_of(block, net);
    for (size_t b = 0; b < blocks; b++) {
        memcpy(block[b].value, training->best + block[b].first,
               block[b].count * sizeof *block[b].value);
    }
    fold(&net->node[1], training->mean, training->deviation);
    for (size_t b = 0; b < blocks; b++) {
        for (size_t i = 0; i < block[b].count; i++) {
            block[b].value[i] = (double)(float)block[b].value[i];
        }
    }
    free(block);
    return SP_OK;
}
