// The answers to all beginnings of a sequence in one pass: without its pools, which take the last
// frame, a network of causal layers answers at every frame.
#include <stdlib.h>
#include <string.h>

#include "net/impl.h"

size_t sp_net_hop(const sp_net *net) {
    return net->hop > 0 ? net->hop : 1;
}

bool sp_net_is_call(const sp_net *net, const sp_timing *timing) {
    return timing->taps == sp_net_hop(net) && timing->stride == timing->taps &&
           timing->dilation == 1 && timing->before == 0 && timing->after == 0 && !timing->repeats;
}

/* Whether frame t depends on frames up to t only, one for one, or on those of a call. */
static bool is_causal(const sp_net *net, const sp_node *node) {
    bool causal = true;
    for (size_t i = 0; node->kind == SP_NODE_AFFINE && i < node->terms; i++) {
        const sp_timing *timing = &node->term[i].timing;
        const bool one = timing->stride == 1 && timing->after == 0 && !timing->repeats &&
                         !timing->reflects &&
                         timing->before == (timing->taps - 1) * timing->dilation;
        causal = causal && (one || sp_net_is_call(net, timing));
    }
    return causal && !(node->kind == SP_NODE_CELL && node->cell.reverse) &&
           !(node->kind == SP_NODE_POOL && node->pool != SP_POOLING_LAST);
}

/* The same nodes with the input of a pool in place of the pool. */
static sp_status without_pools(sp_error *err, sp_net *bare, const sp_net *net) {
    size_t *place = calloc(net->nodes, sizeof *place);
    sp_status status = place != NULL ? sp_net_init(err, bare, net->features)
                                     : sp_fail(err, SP_E_MEMORY, "no memory for a network");
    for (size_t n = 1; n < net->nodes && status == SP_OK; n++) {
        const sp_node *node = &net->node[n];
        if (!is_causal(net, node)) {
            status = sp_fail(err, SP_E_UNSUPPORTED,
                             "node %zu hears frames behind the one that it answers at", n);
        } else if (node->kind == SP_NODE_POOL) {
            place[n] = place[node->input];
        } else {
            status = sp_net_append_moved(err, bare, node, place, &place[n]);
        }
    }
    free(place);
    return status;
}

sp_status sp_net_run_prefixes(sp_error *err, const sp_net *net, double *logits, const double *input,
                              size_t frames) {
    sp_net bare = {0};
    sp_values values = {0};
    sp_status status = without_pools(err, &bare, net);
    if (status == SP_OK) {
        status = sp_values_compute(err, &values, &bare, 0, input, frames, false);
        if (status == SP_OK) {
            const size_t rows = values.frames[bare.nodes - 1];
            memcpy(logits, values.value[bare.nodes - 1], rows * net->classes * sizeof *logits);
        }
        sp_values_clear(&values);
    }
    sp_net_clear(&bare);
    return status;
}
