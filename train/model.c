/* The trained net as a model file holds it. */
#include <stdlib.h>
#include <string.h>

#include "train/impl.h"

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

/* W x + b = (W deviation) (x - mean) / deviation + (b + W mean). */
static void unfold(const sp_node *node, const double *mean, const double *deviation) {
    const sp_train_weights at = sp_train_weights_of(node);
    for (size_t r = 0; r < at.rows; r++) {
        double *w = at.weight + r * at.in; /* w[r,:] */
        for (size_t m = 0; m < at.in; m++) {
            at.bias[r] += w[m] * mean[m];
            w[m] *= deviation[m];
        }
    }
}

static bool same_layers(const sp_net *a, const sp_net *b) {
    bool same = a->nodes == b->nodes && a->features == b->features;
    for (size_t n = 1; same && n < a->nodes; n++) {
        const sp_node *p = &a->node[n], *q = &b->node[n];
        same = p->kind == q->kind && p->width == q->width &&
               (p->kind != SP_NODE_CELL ||
                (p->cell.kind == q->cell.kind && p->cell.candidate.kind == q->cell.candidate.kind));
    }
    return same;
}

sp_status sp_training_begin(sp_error *err, sp_training *training, const sp_net *net) {
    sp_net begin;
    if (!same_layers(&training->net, net) || training->epochs > 0) {
        return sp_fail(err, SP_E_MISMATCH, "the net to begin with has other layers");
    }
    SP_TRY(sp_net_copy(err, &begin, net));
    sp_status status = sp_train_packed_batch_check(err, &begin);
    if (status == SP_OK) {
        unfold(&begin.node[1], training->mean, training->deviation);
        sp_train_load(training->parameter, &begin);
        status = sp_training_set(err, training);
    }
    sp_net_clear(&begin);
    return status;
}

sp_status sp_training_net(sp_error *err, const sp_training *training, sp_net *net) {
    *net = (sp_net){0};
    if (training->best_epoch == 0) {
        return sp_fail(err, SP_E_ARGUMENT, "no epoch is over");
    }
    sp_train_block *block = calloc(SP_TRAIN_BLOCKS * training->net.nodes, sizeof *block);
    const sp_status status = block ? sp_net_copy(err, net, &training->net)
                                   : sp_fail(err, SP_E_MEMORY, "no memory for the net");
    if (status != SP_OK) {
        free(block);
        sp_net_clear(net);
        return status;
    }
    sp_train_store(net, training->best);
    fold(&net->node[1], training->mean, training->deviation);
    const size_t blocks = sp_train_blocks_of(block, net);
    for (size_t b = 0; b < blocks; b++) {
        for (size_t i = 0; i < block[b].count; i++) {
            double *value = block[b].value + i * block[b].stride;
            *value = (double)(float)*value;
        }
    }
    free(block);
    return SP_OK;
}
