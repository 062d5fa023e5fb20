// Sums and means over all frames as affine nodes over a fixed number of them.
#include <stdint.h>
#include <stdlib.h>

#include "net/impl.h"

static bool is_sum(const sp_node *node) {
    return node->kind == SP_NODE_POOL &&
           (node->pool == SP_POOLING_MEAN || node->pool == SP_POOLING_SUM);
}

bool sp_net_has_sums(const sp_net *net, size_t source) {
    for (size_t n = source + 1; n < net->nodes; n++) {
        const sp_node *node = &net->node[n];
        bool ends = is_sum(node);
        for (size_t i = 0; node->kind == SP_NODE_AFFINE && i < node->terms; i++) {
            const sp_timing *timing = &node->term[i].timing;
            ends = ends || ((timing->repeats || timing->reflects) && timing->after > 0);
        }
        if (ends) {
            return true;
        }
    }
    return false;
}

/* y = sum over the frames of weight x. */
static sp_status copy_sum(sp_error *err, sp_node *copy, const sp_node *node, size_t n,
                          size_t frames) {
    const size_t width = node->width;
    if (frames == 0 || frames > SIZE_MAX / sizeof(double) / width / width) {
        return sp_fail(err, SP_E_MEMORY, "node %zu: a sum over %zu frames is too large", n, frames);
    }
    *copy = (sp_node){.kind = SP_NODE_AFFINE,
                      .width = width,
                      .terms = 1,
                      .term = calloc(1, sizeof *copy->term),
                      .bias = calloc(width, sizeof *copy->bias)};
    double *weight = calloc(width * frames * width, sizeof *weight);
    if (copy->term == NULL || copy->bias == NULL || weight == NULL) {
        free(weight);
        return sp_fail(err, SP_E_MEMORY, "node %zu: no memory for a sum", n);
    }
    const double share = node->pool == SP_POOLING_MEAN ? 1.0 / (double)frames : 1.0;
    for (size_t j = 0; j < width; j++) {
        for (size_t t = 0; t < frames; t++) {
            weight[(j * frames + t) * width + j] = share;
        }
    }
    copy->term[0] = (sp_term){.input = node->input,
                              .in = width,
                              .weight = weight,
                              .timing = {.taps = frames, .stride = 1, .dilation = 1}};
    return SP_OK;
}

sp_status sp_net_unroll(sp_error *err, sp_net *unrolled, const sp_net *net, size_t source,
                        size_t frames) {
    *unrolled = *net;
    unrolled->node = calloc(net->nodes, sizeof *unrolled->node);
    sp_status status = unrolled->node != NULL ? SP_OK : sp_fail(err, SP_E_MEMORY, "out of memory");
    unrolled->nodes = unrolled->node != NULL ? net->nodes : 0;
    for (size_t n = 0; n < net->nodes && status == SP_OK; n++) {
        const sp_node *node = &net->node[n];
        status = n > source && is_sum(node)
                     ? copy_sum(err, &unrolled->node[n], node, n,
                                sp_net_frames(net, source, node->input, frames))
                     : sp_node_copy(err, &unrolled->node[n], node, n);
    }
    if (status != SP_OK) {
        sp_net_clear(unrolled);
    }
    return status;
}
