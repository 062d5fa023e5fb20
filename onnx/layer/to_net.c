/* Layers as nodes of a network: first which of them are needed at which steps, from the last one
 * back; then a node for each. What is read at one step only is computed at that step only, as far
 * back as steps do not mix. */
#include <stdlib.h>
#include <string.h>

#include "onnx/impl.h"

#define NO_NODE ((size_t)-1)

/* sp_onnx_need - a step at which a layer is read. */
typedef struct sp_onnx_need {
    sp_onnx_dim at;
    size_t node;
    struct sp_onnx_need *next;
} sp_onnx_need;

typedef struct sp_onnx_needs {
    bool every;
    size_t node; /* of every step, or of a layer that runs once */
    sp_onnx_need *step;
} sp_onnx_needs;

typedef struct sp_onnx_making {
    sp_onnx_reader *r;
    sp_net *net;
    sp_onnx_needs *of; /* [layers] */
    sp_error why;
} sp_onnx_making;

/* ---- what is needed ---- */

static sp_onnx_need *find_step(const sp_onnx_needs *needs, sp_onnx_dim at) {
    sp_onnx_need *step = needs->step;
    while (step && !sp_onnx_dim_equal(step->at, at)) {
        step = step->next;
    }
    return step;
}

static sp_status want(sp_onnx_making *m, sp_onnx_source from) {
    sp_onnx_needs *needs = &m->of[from.layer];
    if (from.reading != SP_ONNX_READ_STEP || m->r->layer[from.layer].once) {
        needs->every = true;
        return SP_OK;
    }
    if (find_step(needs, from.at)) {
        return SP_OK;
    }
    sp_onnx_need *step = sp_region_take(&m->r->region, 1, sizeof *step);
    if (!step) {
        return sp_onnx_out_of_memory(m->r);
    }
    *step = (sp_onnx_need){from.at, NO_NODE, needs->step};
    needs->step = step;
    return SP_OK;
}

/* Whether a step of the layer depends on that step of what it reads. */
static bool is_step_by_step(const sp_onnx_layer *layer) {
    const sp_timing *t = &layer->timing;
    return layer->kind == SP_NODE_CURVE || layer->role == SP_ONNX_LAYER_PRODUCT ||
           (layer->kind == SP_NODE_AFFINE && t->taps == 1 && t->stride == 1 && t->before == 0 &&
            t->after == 0);
}

static sp_status find_needs(sp_onnx_making *m, sp_onnx_source last) {
    SP_TRY(want(m, last));
    for (size_t l = last.layer; l > 0; l--) {
        const sp_onnx_layer *layer = &m->r->layer[l];
        sp_onnx_needs *needs = &m->of[l];
        needs->every = needs->every || (needs->step && !is_step_by_step(layer));
        for (size_t i = 0; needs->every && i < layer->parts; i++) {
            SP_TRY(want(m, layer->part[i].from));
        }
        for (sp_onnx_need *step = needs->step; step && !needs->every; step = step->next) {
            for (size_t i = 0; i < layer->parts; i++) {
                sp_onnx_source from = layer->part[i].from;
                from.reading = SP_ONNX_READ_STEP;
                from.at = step->at;
                SP_TRY(want(m, from));
            }
        }
    }
    m->of[SP_ONNX_FEATURES].every = true;
    return SP_OK;
}

/* ---- nodes ---- */

static sp_status append(sp_onnx_making *m, const sp_node *node, size_t *index) {
    return sp_net_append(&m->why, m->net, node, index);
}

static double *copy_weights(const double *weights) {
    return (double *)(uintptr_t)weights; // nodes have arrays that are not const; they are copied
}

static sp_status append_pool(sp_onnx_making *m, size_t input, sp_pooling pool, size_t *index) {
    const sp_node node = {
        .kind = SP_NODE_POOL, .width = m->net->node[input].width, .input = input, .pool = pool};
    return append(m, &node, index);
}

/* Frames `at` behind the first one, or `at` before the last one: a tap, then a pool. */
static sp_status append_shifted(sp_onnx_making *m, size_t input, size_t at, bool last,
                                size_t *index) {
    const size_t n = m->net->node[input].width, taps = at + 1, tap = last ? 0 : at;
    double *weight = n > SIZE_MAX / n / taps
                         ? NULL
                         : sp_region_take(&m->r->region, n * n * taps, sizeof *weight);
    double *bias = sp_region_take(&m->r->region, n, sizeof *bias);
    if (!weight || !bias) {
        return sp_fail(&m->why, SP_E_MEMORY, "no memory for a step of %zu numbers", n);
    }
    for (size_t i = 0; i < n; i++) {
        weight[(i * taps + tap) * n + i] = 1.0;
    }
    sp_term term = {.input = input,
                    .in = n,
                    .weight = weight,
                    .timing = {.taps = taps, .stride = 1, .dilation = 1}};
    const sp_node node = {
        .kind = SP_NODE_AFFINE, .width = n, .terms = 1, .term = &term, .bias = bias};
    SP_TRY(append(m, &node, index));
    return append_pool(m, *index, last ? SP_POOLING_LAST : SP_POOLING_FIRST, index);
}

/* One step of a layer whose every step is there. */
static sp_status append_step(sp_onnx_making *m, const sp_onnx_layer *layer, size_t input,
                             sp_onnx_dim at, size_t *index) {
    enum { FARTHEST = 1 << 12 };
    sp_onnx_dim behind;
    const bool known = sp_onnx_dim_sub(&behind, layer->frames, at) && behind.t == 0;
    const int64_t back = known ? behind.k - 1 : -1, front = at.t == 0 ? at.k : -1;
    if (back == 0 || front == 0) {
        return append_pool(m, input, back == 0 ? SP_POOLING_LAST : SP_POOLING_FIRST, index);
    }
    const bool last = back > 0 && (front < 0 || back < front);
    const int64_t shift = last ? back : front;
    if (shift < 0 || shift > FARTHEST) {
        return sp_fail(&m->why, SP_E_UNSUPPORTED, "it reads a step that not every recording has");
    }
    return append_shifted(m, input, (size_t)shift, last, index);
}

static size_t node_of(const sp_onnx_making *m, sp_onnx_source from) {
    const sp_onnx_needs *needs = &m->of[from.layer];
    return from.reading == SP_ONNX_READ_STEP && !m->r->layer[from.layer].once
               ? find_step(needs, from.at)->node
               : needs->node;
}

/* All steps of a part, side by side: one frame. */
static sp_status append_window(sp_onnx_making *m, const sp_onnx_layer *layer,
                               const sp_onnx_part *part, const double *bias, size_t *index) {
    const sp_onnx_layer *from = &m->r->layer[part->from.layer];
    sp_term term = {.input = node_of(m, part->from),
                    .in = from->out,
                    .weight = copy_weights(part->weight),
                    .timing = {.taps = (size_t)from->frames.k, .stride = 1, .dilation = 1}};
    const sp_node node = {.kind = SP_NODE_AFFINE,
                          .width = layer->out,
                          .terms = 1,
                          .term = &term,
                          .bias = copy_weights(bias)};
    SP_TRY(append(m, &node, index));
    return append_pool(m, *index, SP_POOLING_FIRST, index);
}

static const double *identity(sp_onnx_reader *r, size_t n) {
    double *weight = n > SIZE_MAX / n ? NULL : sp_region_take(&r->region, n * n, sizeof *weight);
    for (size_t i = 0; weight && i < n; i++) {
        weight[i * n + i] = 1.0;
    }
    return weight;
}

/* A part that runs once, of a layer that runs at every step, is the same at each. */
static bool is_spread(const sp_onnx_making *m, const sp_onnx_layer *layer, const sp_onnx_dim *at,
                      sp_onnx_source from) {
    return !at && !layer->once && from.reading == SP_ONNX_READ_STEP && m->r->layer[from.layer].once;
}

/* What says how many frames there are comes first. */
static void order_terms(sp_term *term, size_t count) {
    size_t first = 0;
    while (first + 1 < count && term[first].timing.stride == 0) {
        first++;
    }
    const sp_term moved = term[first];
    term[first] = term[0];
    term[0] = moved;
}

/* at: the step at which all parts are read, or NULL. */
static sp_status append_affine(sp_onnx_making *m, const sp_onnx_layer *layer, const sp_onnx_dim *at,
                               size_t *index) {
    if (layer->parts == 1 && layer->part->from.reading == SP_ONNX_READ_ALL) {
        return append_window(m, layer, layer->part, layer->bias, index);
    }
    sp_term *term = sp_region_take(&m->r->region, layer->parts, sizeof *term);
    const double *zero = sp_region_take(&m->r->region, layer->out, sizeof *zero);
    if (!term || !zero) {
        return sp_fail(&m->why, SP_E_MEMORY, "no memory for a layer");
    }
    for (size_t i = 0; i < layer->parts; i++) {
        const sp_onnx_part *part = &layer->part[i];
        sp_onnx_source from = part->from;
        term[i] = (sp_term){.in = m->r->layer[from.layer].out,
                            .weight = copy_weights(part->weight),
                            .timing = is_spread(m, layer, at, from) ? sp_timing_spread
                                      : at || layer->once           ? sp_timing_same
                                                                    : layer->timing};
        if (from.reading == SP_ONNX_READ_ALL) { // as a sum of its own
            SP_TRY(append_window(m, layer, part, zero, &term[i].input));
            term[i].in = layer->out;
            term[i].weight = copy_weights(identity(m->r, layer->out));
            if (!term[i].weight) {
                return sp_fail(&m->why, SP_E_MEMORY, "no memory for a layer");
            }
            continue;
        }
        if (at) {
            from.reading = SP_ONNX_READ_STEP;
            from.at = *at;
        }
        term[i].input = node_of(m, from);
    }
    order_terms(term, layer->parts);
    const sp_node node = {.kind = SP_NODE_AFFINE,
                          .width = layer->out,
                          .terms = layer->parts,
                          .term = term,
                          .bias = copy_weights(layer->bias)};
    return append(m, &node, index);
}

/* The numbers of both parts side by side, then their products. */
static sp_status append_product(sp_onnx_making *m, const sp_onnx_layer *layer,
                                const sp_onnx_dim *at, size_t *index) {
    const size_t n = layer->out, two = n > SIZE_MAX / 8 / n ? 0 : 2 * n;
    double *weight = sp_region_take(&m->r->region, two * two, sizeof *weight);
    double *zero = sp_region_take(&m->r->region, two, sizeof *zero);
    double *half[2] = {sp_region_take(&m->r->region, two * n, sizeof *weight),
                       sp_region_take(&m->r->region, two * n, sizeof *weight)};
    if (two == 0 || !weight || !zero || !half[0] || !half[1]) {
        return sp_fail(&m->why, SP_E_MEMORY, "no memory for %zu products", n);
    }
    for (size_t i = 0; i < n; i++) {
        half[0][i * n + i] = half[1][(n + i) * n + i] = 1.0;
        weight[i * two + i] = weight[(n + i) * two + n + i] = 1.0;
    }
    const sp_onnx_part part[2] = {{layer->part[0].from, half[0]}, {layer->part[1].from, half[1]}};
    sp_onnx_layer both = *layer;
    both.out = two;
    both.part = part;
    both.bias = zero;
    both.timing = sp_timing_same;
    sp_node node = {.kind = SP_NODE_CELL,
                    .width = n,
                    .cell = {.kind = SP_CELL_TIMES,
                             .in = two,
                             .out = n,
                             .weight = weight,
                             .bias = zero,
                             .gate = {SP_ACTIVATION_AFFINE, 1.0, 0.0},
                             .candidate = {SP_ACTIVATION_AFFINE, 1.0, 0.0}}};
    SP_TRY(append_affine(m, &both, at, &node.input));
    return append(m, &node, index);
}

static sp_status append_layer(sp_onnx_making *m, const sp_onnx_layer *layer, const sp_onnx_dim *at,
                              size_t *index) {
    if (layer->kind == SP_NODE_AFFINE) {
        return append_affine(m, layer, at, index);
    }
    if (layer->role == SP_ONNX_LAYER_PRODUCT) {
        return append_product(m, layer, at, index);
    }
    sp_onnx_source from = layer->part->from;
    if (at) {
        from.reading = SP_ONNX_READ_STEP;
        from.at = *at;
    }
    sp_node node = {.kind = layer->kind,
                    .width = layer->out,
                    .input = node_of(m, from),
                    .curve = layer->curve,
                    .cell = layer->cell,
                    .pool = layer->pool};
    return append(m, &node, index);
}

static sp_status make_layer(sp_onnx_making *m, size_t l) {
    const sp_onnx_layer *layer = &m->r->layer[l];
    sp_onnx_needs *needs = &m->of[l];
    m->r->node = layer->node ? layer->node : m->r->node;
    if (needs->every && l != SP_ONNX_FEATURES) {
        SP_TRY(append_layer(m, layer, NULL, &needs->node));
    }
    for (sp_onnx_need *step = needs->step; step; step = step->next) {
        SP_TRY(needs->every ? append_step(m, layer, needs->node, step->at, &step->node)
                            : append_layer(m, layer, &step->at, &step->node));
    }
    return SP_OK;
}

sp_status sp_onnx_layers_to_net(sp_onnx_reader *r, sp_net *net, sp_onnx_source last) {
    sp_onnx_making m = {.r = r, .net = net};
    m.of = sp_region_take(&r->region, last.layer + 1, sizeof *m.of);
    if (!m.of) {
        return sp_fail(r->err, SP_E_MEMORY, "no memory for %zu layers", last.layer);
    }
    SP_TRY(find_needs(&m, last));
    SP_TRY(sp_net_init(r->err, net, r->layer[SP_ONNX_FEATURES].out));
    for (size_t l = 0; l <= last.layer; l++) {
        const sp_status status = make_layer(&m, l);
        if (status != SP_OK) {
            sp_net_clear(net);
            return sp_onnx_refuse(r, status, "%s", m.why.text);
        }
    }
    net->hop = r->hop;
    net->steps = r->streams ? 0 : r->steps_axis == SP_ONNX_NO_AXIS ? 1 : r->steps;
    return SP_OK;
}
