/* Nodes of the network to be, as a tree, and the branch of it that becomes the network.
 */
#include <stdlib.h>
#include <string.h>

#include "onnx/impl.h"

/* Appends a layer and returns its index in *index. */
static sp_status push(sp_onnx_reader *r, sp_onnx_layer layer, size_t *index) {
    if (r->layers == r->layer_room) {
        const size_t room = r->layer_room == 0 ? 16 : 2 * r->layer_room;
        sp_onnx_layer *grown = realloc(r->layer, room * sizeof *grown);
        if (!grown) {
            return sp_onnx_out_of_memory(r);
        }
        r->layer = grown;
        r->layer_room = room;
    }
    layer.node = r->node;
    *index = r->layers;
    r->layer[r->layers++] = layer;
    return SP_OK;
}

static sp_status check_single(sp_onnx_reader *r, const sp_onnx_sequence *sequence) {
    if (sequence->kind == SP_ONNX_SEQUENCE_STATES) {
        return sp_onnx_refuse(
            r, SP_E_UNSUPPORTED,
            "it works on the states of %zu layers at once: select one of them first",
            sequence->layers);
    }
    if (sequence->partial) {
        return sp_onnx_refuse(
            r, SP_E_UNSUPPORTED,
            "it works on other steps than the last one: only the last step can be "
            "read out");
    }
    if (sequence->head != SP_ONNX_HEAD_NONE) {
        return sp_onnx_refuse(
            r, SP_E_UNSUPPORTED,
            "it works on what a %s gives: export the model with that as its last layer",
            sequence->head == SP_ONNX_HEAD_SIGMOID ? "Sigmoid" : "Softmax");
    }
    return SP_OK;
}

/* Layers behind the last step run once; a model of one step has no such distinction. */
static bool runs_once(const sp_onnx_reader *r, const sp_onnx_sequence *sequence) {
    return sequence->kind == SP_ONNX_SEQUENCE_LAST && r->steps_axis != SP_ONNX_NO_AXIS;
}

sp_status sp_onnx_layer_add(sp_onnx_reader *r, sp_onnx_sequence *sequence, size_t axis,
                            sp_onnx_layer layer) {
    SP_TRY(check_single(r, sequence));
    layer.parent = *sequence->layer;
    layer.in = sequence->width;
    layer.once = runs_once(r, sequence);
    size_t index = 0;
    SP_TRY(push(r, layer, &index));
    if (axis != SP_ONNX_NO_AXIS) {
        sequence->dim[axis] = sp_onnx_dim_of((int64_t)layer.out);
    }
    sequence->inner = layer.out == 1 ? SP_ONNX_NO_AXIS : axis;
    return sp_onnx_sequence_of_layer(r, sequence, index, layer.out);
}

/* y = x + bias as a dense layer of its own. */
static sp_status shift(sp_onnx_reader *r, sp_onnx_sequence *sequence, const double *bias) {
    const size_t n = sequence->width;
    double *weight =
        n > SIZE_MAX / n ? NULL : sp_onnx_region_take(&r->region, n * n, sizeof *weight);
    if (!weight) {
        return sp_onnx_out_of_memory(r);
    }
    for (size_t i = 0; i < n; i++) {
        weight[i * n + i] = 1.0;
    }
    size_t index = 0;
    const sp_onnx_layer layer = {.kind = SP_NODE_AFFINE,
                                 .parent = *sequence->layer,
                                 .in = n,
                                 .out = n,
                                 .weight = weight,
                                 .bias = bias,
                                 .once = runs_once(r, sequence)};
    SP_TRY(push(r, layer, &index));
    return sp_onnx_sequence_of_layer(r, sequence, index, n);
}

sp_status sp_onnx_layer_add_bias(sp_onnx_reader *r, sp_onnx_sequence *sequence,
                                 const double *bias) {
    SP_TRY(check_single(r, sequence));
    const size_t last = *sequence->layer;
    if (last == SP_ONNX_FEATURES || r->layer[last].kind != SP_NODE_AFFINE) {
        return shift(r, sequence, bias);
    }
    sp_onnx_layer layer = r->layer[last];
    double *sum = sp_onnx_region_take(&r->region, layer.out, sizeof *sum);
    if (!sum) {
        return sp_onnx_out_of_memory(r);
    }
    for (size_t i = 0; i < layer.out; i++) {
        sum[i] = layer.bias[i] + bias[i];
    }
    layer.bias = sum;
    size_t index = 0;
    SP_TRY(push(r, layer, &index));
    return sp_onnx_sequence_of_layer(r, sequence, index, layer.out);
}

/* ---- the network ---- */

/* Appends the node of a layer behind the last one. */
static sp_status add_node(sp_error *err, sp_net *net, const sp_onnx_layer *layer) {
    const sp_node cell = {
        .kind = SP_NODE_CELL, .width = layer->out, .input = net->nodes - 1, .cell = layer->cell};
    switch (layer->kind) {
    case SP_NODE_AFFINE:
        return sp_net_add_affine(err, net, layer->out, layer->weight, layer->bias);
    case SP_NODE_CURVE:
        return sp_net_add_curve(err, net, layer->curve);
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
static size_t step_layers(const sp_onnx_reader *r, const size_t *chain, size_t count) {
    size_t steps = 0;
    for (size_t i = 0; i < count; i++) {
        const sp_onnx_layer *layer = &r->layer[chain[i]];
        if (layer->kind == SP_NODE_CELL && !layer->once) {
            steps = i + 1;
        }
    }
    return steps;
}

sp_status sp_onnx_layers_to_net(sp_onnx_reader *r, sp_net *net, size_t features, size_t last) {
    size_t count = 0;
    for (size_t at = last; at != SP_ONNX_FEATURES; at = r->layer[at].parent) {
        count++;
    }
    size_t *chain = sp_onnx_region_take(&r->region, count + 1, sizeof *chain);
    if (!chain) {
        return sp_fail(r->err, SP_E_MEMORY, "no memory for %zu layers", count);
    }
    for (size_t at = last, i = count; at != SP_ONNX_FEATURES; at = r->layer[at].parent) {
        chain[--i] = at;
    }
    const size_t steps = step_layers(r, chain, count);
    SP_TRY(sp_net_init(r->err, net, features));
    for (size_t i = 0; i <= count; i++) {
        sp_error why = {0};
        sp_status status = i == steps ? sp_net_add_pool(&why, net, SP_POOLING_LAST) : SP_OK;
        if (status == SP_OK && i < count) {
            r->node = r->layer[chain[i]].node;
            status = add_node(&why, net, &r->layer[chain[i]]);
        }
        if (status != SP_OK) {
            sp_net_clear(net);
            return sp_onnx_refuse(r, status, "%s", why.text);
        }
    }
    net->steps = r->steps_axis == SP_ONNX_NO_AXIS ? 1 : r->steps;
    return SP_OK;
}
