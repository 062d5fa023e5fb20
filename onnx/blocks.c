/* Nodes of the network to be, as a tree of blocks, and the branch of it that becomes the network.
 */
#include <stdlib.h>
#include <string.h>

#include "onnx/impl.h"

/* Appends a block and returns its index in *index. */
static sp_status push(sp_reader *r, sp_block block, size_t *index) {
    if (r->blocks == r->block_room) {
        const size_t room = r->block_room == 0 ? 16 : 2 * r->block_room;
        sp_block *grown = realloc(r->block, room * sizeof *grown);
        if (!grown) {
            return sp_out_of_memory(r);
        }
        r->block = grown;
        r->block_room = room;
    }
    block.node = r->node;
    *index = r->blocks;
    r->block[r->blocks++] = block;
    return SP_OK;
}

static sp_status check_single(sp_reader *r, const sp_flow *flow) {
    if (flow->kind == SP_FLOW_STATES) {
        return sp_refuse(r, SP_E_UNSUPPORTED,
                         "it works on the states of %zu layers at once: select one of them first",
                         flow->blocks);
    }
    if (flow->partial) {
        return sp_refuse(r, SP_E_UNSUPPORTED,
                         "it works on other steps than the last one: only the last step can be "
                         "read out");
    }
    if (flow->head != SP_HEAD_NONE) {
        return sp_refuse(
            r, SP_E_UNSUPPORTED,
            "it works on what a %s gives: export the model with that as its last layer",
            flow->head == SP_HEAD_SIGMOID ? "Sigmoid" : "Softmax");
    }
    return SP_OK;
}

/* Layers behind the last step run once; a model of one step has no such distinction. */
static bool runs_once(const sp_reader *r, const sp_flow *flow) {
    return flow->kind == SP_FLOW_VECTOR && r->steps_axis != SP_NO_AXIS;
}

sp_status sp_block_add(sp_reader *r, sp_flow *flow, size_t axis, sp_block block) {
    SP_TRY(check_single(r, flow));
    block.parent = *flow->block;
    block.in = flow->width;
    block.once = runs_once(r, flow);
    size_t index = 0;
    SP_TRY(push(r, block, &index));
    if (axis != SP_NO_AXIS) {
        flow->dim[axis] = sp_whole((int64_t)block.out);
    }
    flow->inner = block.out == 1 ? SP_NO_AXIS : axis;
    return sp_flow_of_block(r, flow, index, block.out);
}

/* y = x + bias as a dense layer of its own. */
static sp_status shift(sp_reader *r, sp_flow *flow, const double *bias) {
    const size_t n = flow->width;
    double *weight = n > SIZE_MAX / n ? NULL : sp_heap_take(&r->heap, n * n, sizeof *weight);
    if (!weight) {
        return sp_out_of_memory(r);
    }
    for (size_t i = 0; i < n; i++) {
        weight[i * n + i] = 1.0;
    }
    size_t index = 0;
    const sp_block block = {.kind = SP_NODE_AFFINE,
                            .parent = *flow->block,
                            .in = n,
                            .out = n,
                            .weight = weight,
                            .bias = bias,
                            .once = runs_once(r, flow)};
    SP_TRY(push(r, block, &index));
    return sp_flow_of_block(r, flow, index, n);
}

sp_status sp_block_add_bias(sp_reader *r, sp_flow *flow, const double *bias) {
    SP_TRY(check_single(r, flow));
    const size_t last = *flow->block;
    if (last == SP_INPUT || r->block[last].kind != SP_NODE_AFFINE) {
        return shift(r, flow, bias);
    }
    sp_block block = r->block[last];
    double *sum = sp_heap_take(&r->heap, block.out, sizeof *sum);
    if (!sum) {
        return sp_out_of_memory(r);
    }
    for (size_t i = 0; i < block.out; i++) {
        sum[i] = block.bias[i] + bias[i];
    }
    block.bias = sum;
    size_t index = 0;
    SP_TRY(push(r, block, &index));
    return sp_flow_of_block(r, flow, index, block.out);
}

/* ---- the network ---- */

/* Appends the node of a block behind the last one. */
static sp_status add_node(sp_error *err, sp_net *net, const sp_block *block) {
    const sp_node cell = {
        .kind = SP_NODE_CELL, .width = block->out, .input = net->nodes - 1, .cell = block->cell};
    switch (block->kind) {
    case SP_NODE_AFFINE:
        return sp_net_add_affine(err, net, block->out, block->weight, block->bias);
    case SP_NODE_CURVE:
        return sp_net_add_curve(err, net, block->curve);
    case SP_NODE_CELL:
        return sp_net_append(err, net, &cell, NULL);
    case SP_NODE_INPUT:
    case SP_NODE_POOL:
        break;
    }
    return SP_E_ARGUMENT;
}

/* How many of the layers must run at every step: up to the last recurrent one that sees all steps.
 * Dense layers between it and the read-out give the same numbers when they run once. */
static size_t step_layers(const sp_reader *r, const size_t *chain, size_t count) {
    size_t steps = 0;
    for (size_t i = 0; i < count; i++) {
        const sp_block *block = &r->block[chain[i]];
        if (block->kind == SP_NODE_CELL && !block->once) {
            steps = i + 1;
        }
    }
    return steps;
}

sp_status sp_blocks_to_net(sp_reader *r, sp_net *net, size_t features, size_t last) {
    size_t count = 0;
    for (size_t at = last; at != SP_INPUT; at = r->block[at].parent) {
        count++;
    }
    size_t *chain = sp_heap_take(&r->heap, count + 1, sizeof *chain);
    if (!chain) {
        return sp_fail(r->err, SP_E_MEMORY, "no memory for %zu layers", count);
    }
    for (size_t at = last, i = count; at != SP_INPUT; at = r->block[at].parent) {
        chain[--i] = at;
    }
    const size_t steps = step_layers(r, chain, count);
    SP_TRY(sp_net_init(r->err, net, features));
    for (size_t i = 0; i <= count; i++) {
        sp_error why = {0};
        sp_status status = i == steps ? sp_net_add_pool(&why, net, SP_POOL_LAST) : SP_OK;
        if (status == SP_OK && i < count) {
            r->node = r->block[chain[i]].node;
            status = add_node(&why, net, &r->block[chain[i]]);
        }
        if (status != SP_OK) {
            sp_net_clear(net);
            return sp_refuse(r, status, "%s", why.text);
        }
    }
    net->steps = r->steps_axis == SP_NO_AXIS ? 1 : r->steps;
    return SP_OK;
}
