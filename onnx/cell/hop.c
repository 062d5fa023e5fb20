/* Streaming models whose hops have several steps. Each step of a hop must be computed by itself,
 * but for cells whose states go from its last step to the next hop: then hops one after the other
 * are one run over all their steps, and the answer of a hop is that of one of its steps. */
#include "onnx/cell/seed.h"
#include "onnx/cell/unrolled.h"

static sp_status refuse_answer(sp_onnx_reader *r, const sp_onnx_layer *layer) {
    r->node = layer->node ? layer->node : r->node;
    return sp_onnx_refuse(r, SP_E_UNSUPPORTED,
                          "a hop has %zu steps, and its answer is computed from several of them: "
                          "read are answers of one step; export the same weights with hops of one "
                          "step, or with an open number of steps",
                          r->hop);
}

/* Picks step `at` of every hop. */
static sp_status push_choice(sp_onnx_reader *r, sp_onnx_source *last, size_t from, size_t at) {
    const size_t n = r->layer[from].out, taps = r->hop;
    double *weight =
        n > SIZE_MAX / n / taps ? NULL : sp_region_take(&r->region, n * n * taps, sizeof *weight);
    double *bias = sp_region_take(&r->region, n, sizeof *bias);
    sp_onnx_part *part = sp_region_take(&r->region, 1, sizeof *part);
    if (!weight || !bias || !part) {
        return sp_onnx_out_of_memory(r);
    }
    for (size_t i = 0; i < n; i++) {
        weight[(i * taps + at) * n + i] = 1.0;
    }
    *part =
        (sp_onnx_part){.from = {.layer = from, .reading = SP_ONNX_READ_EVERY}, .weight = weight};
    const sp_onnx_layer layer = {.kind = SP_NODE_AFFINE,
                                 .out = n,
                                 .frames = sp_onnx_dim_of(1),
                                 .parts = 1,
                                 .part = part,
                                 .bias = bias,
                                 .timing = {.taps = taps, .stride = taps, .dilation = 1}};
    *last = (sp_onnx_source){.reading = SP_ONNX_READ_STEP};
    return sp_onnx_layer_push(r, layer, &last->layer);
}

sp_status sp_onnx_hop_close(sp_onnx_reader *r, sp_onnx_source *last) {
    sp_onnx_source source = sp_onnx_resolve(r, *last);
    bool lifted = true;
    if (r->layer[source.layer].once) {
        SP_TRY(sp_onnx_lift(r, source.layer, &source, &lifted));
    }
    const sp_onnx_layer *layer = &r->layer[source.layer];
    const bool one = lifted && source.reading == SP_ONNX_READ_STEP && source.at.t == 0 &&
                     source.at.k >= 0 && source.at.k < (int64_t)r->hop && !layer->once &&
                     sp_onnx_dim_is(layer->frames, (int64_t)r->hop);
    return one ? push_choice(r, last, source.layer, (size_t)source.at.k) : refuse_answer(r, layer);
}
