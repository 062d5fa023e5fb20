/* Functions of one step as functions of every step, and stacked steps as an axis of steps. */
#include <stdlib.h>
#include <string.h>

#include "onnx/cell/unrolled.h"

/* ---- equal layers ---- */

static bool same_weights(const double *a, const double *b, size_t count) {
    return a == b || (a && b && memcmp(a, b, count * sizeof *a) == 0);
}

static bool same_source(const sp_onnx_reader *r, sp_onnx_source a, sp_onnx_source b) {
    const sp_onnx_source p = sp_onnx_resolve(r, a), q = sp_onnx_resolve(r, b);
    return p.layer == q.layer && p.reading == q.reading &&
           (p.reading != SP_ONNX_READ_STEP || r->layer[p.layer].once ||
            sp_onnx_dim_equal(p.at, q.at));
}

static bool is_function(const sp_onnx_layer *layer) {
    return layer->role == SP_ONNX_LAYER_PRODUCT ||
           (layer->role == SP_ONNX_LAYER_NODE &&
            (layer->kind == SP_NODE_CURVE ||
             (layer->kind == SP_NODE_AFFINE && layer->timing.taps == 1)));
}

/* The same function of parts that `same` finds equal. */
static bool same_layer(const sp_onnx_reader *r, const sp_onnx_layer *a, const sp_onnx_layer *b) {
    bool same = a->role == b->role && a->kind == b->kind && a->out == b->out &&
                a->once == b->once && a->parts == b->parts &&
                memcmp(&a->curve, &b->curve, sizeof a->curve) == 0;
    for (size_t i = 0; same && i < a->parts; i++) {
        same = same_source(r, a->part[i].from, b->part[i].from);
    }
    const bool affine = same && a->role == SP_ONNX_LAYER_NODE && a->kind == SP_NODE_AFFINE;
    for (size_t i = 0; affine && same && i < a->parts; i++) {
        const size_t in = r->layer[sp_onnx_resolve(r, a->part[i].from).layer].out;
        same = a->part[i].from.reading != SP_ONNX_READ_ALL &&
               same_weights(a->part[i].weight, b->part[i].weight, a->out * in);
    }
    return same && (!affine || same_weights(a->bias, b->bias, a->out));
}

/* Layers that are computed twice are read once. */
void sp_onnx_join_equal(sp_onnx_reader *r) {
    for (size_t l = 0; l < r->layers; l++) {
        sp_onnx_layer *layer = &r->layer[l];
        for (size_t k = l; layer->once && !layer->replaced && is_function(layer) && k-- > 0;) {
            if (!r->layer[k].replaced && is_function(&r->layer[k]) &&
                same_layer(r, layer, &r->layer[k])) {
                layer->replaced = true;
                layer->by = (sp_onnx_source){.layer = k, .reading = SP_ONNX_READ_STEP};
            }
        }
    }
}

/* ---- functions of one step ---- */

/* The step that a layer of one step reads, and how many there are; false: it is none. */
bool sp_onnx_step_of(const sp_onnx_reader *r, sp_onnx_source from, int64_t *step, size_t *steps) {
    const sp_onnx_layer *layer = &r->layer[from.layer];
    const bool fixed = !layer->once && from.reading == SP_ONNX_READ_STEP && from.at.t == 0 &&
                       layer->frames.t == 0 && layer->frames.k > 0;
    *step = from.at.k;
    *steps = fixed ? (size_t)layer->frames.k : 0;
    return fixed && from.at.k >= 0 && from.at.k < layer->frames.k;
}

/* The layer that computes at every step what layer l computes of one; *source: it at that step.
 * False in *lifted where l is no such function. */
sp_status sp_onnx_lift(sp_onnx_reader *r, size_t l, sp_onnx_source *source, bool *lifted) {
    const sp_onnx_layer layer = r->layer[l];
    sp_onnx_part *part = sp_region_take(&r->region, layer.parts + 1, sizeof *part);
    int64_t step = -1, at = 0;
    size_t steps = 0;
    *lifted = layer.once && layer.parts > 0 && is_function(&layer);
    if (!part) {
        return sp_onnx_out_of_memory(r);
    }
    for (size_t i = 0; *lifted && i < layer.parts; i++) {
        sp_onnx_source from = sp_onnx_resolve(r, layer.part[i].from);
        if (r->layer[from.layer].once) {
            SP_TRY(sp_onnx_lift(r, from.layer, &from, lifted));
        }
        *lifted = *lifted && sp_onnx_step_of(r, from, &at, &steps) && (step < 0 || step == at);
        step = at;
        part[i] = layer.part[i];
        part[i].from = (sp_onnx_source){.layer = from.layer, .reading = SP_ONNX_READ_EVERY};
    }
    if (!*lifted) {
        return SP_OK;
    }
    sp_onnx_layer every = layer;
    every.once = false;
    every.frames = sp_onnx_dim_of((int64_t)steps);
    every.part = part;
    every.timing = layer.kind == SP_NODE_AFFINE ? sp_timing_same : layer.timing;
    *source = (sp_onnx_source){.reading = SP_ONNX_READ_STEP, .at = sp_onnx_dim_of(step)};
    for (size_t k = 0; k < r->layers; k++) {
        if (!r->layer[k].replaced && is_function(&r->layer[k]) &&
            same_layer(r, &every, &r->layer[k])) {
            source->layer = k;
            return SP_OK;
        }
    }
    const Onnx__NodeProto *node = r->node;
    r->node = layer.node;
    const sp_status status = sp_onnx_layer_push(r, every, &source->layer);
    r->node = node;
    return status;
}

/* ---- an axis of steps ---- */

static sp_status slice(sp_onnx_reader *r, const sp_onnx_sequence *sequence, size_t axis, int64_t t,
                       sp_onnx_source *source) {
    sp_onnx_sequence one = *sequence;
    SP_TRY(sp_onnx_sequence_select(r, &one, axis, sp_onnx_dim_of(t), sp_onnx_dim_of(t + 1), 1));
    return sp_onnx_sequence_settle(r, &one, source);
}

sp_status sp_onnx_sequence_roll(sp_onnx_reader *r, sp_onnx_sequence *sequence, size_t axis,
                                bool *rolled) {
    const int64_t steps = sequence->dim[axis].k;
    sp_onnx_source *at = sp_region_take(&r->region, (size_t)steps + 1, sizeof *at);
    *rolled = false;
    if (!at) {
        return sp_onnx_out_of_memory(r);
    }
    if (steps < SP_ONNX_FEWEST_STEPS || r->streams) {
        return SP_OK;
    }
    sp_onnx_affine *row = sp_region_take(&r->region, (size_t)steps, sizeof *row);
    sp_onnx_entry *entry = sp_region_take(&r->region, (size_t)steps, sizeof *entry);
    if (!row || !entry) {
        return sp_onnx_out_of_memory(r);
    }
    for (int64_t t = 0; t < steps; t++) {
        SP_TRY(slice(r, sequence, axis, t, &at[t]));
        entry[t] = (sp_onnx_entry){.layer = at[t].layer, .weight = 1.0};
        row[t] = (sp_onnx_affine){&entry[t], 1, 0.0};
    }
    SP_TRY(sp_onnx_unrolled_find(r, row, (size_t)steps));
    bool forward = true, backward = true;
    sp_onnx_source first = {0};
    for (int64_t t = 0; t < steps; t++) {
        sp_onnx_source from = sp_onnx_resolve(r, at[t]);
        bool lifted = true;
        if (r->layer[from.layer].once) {
            SP_TRY(sp_onnx_lift(r, from.layer, &from, &lifted));
        }
        int64_t step = 0;
        size_t all = 0;
        lifted = lifted && sp_onnx_step_of(r, from, &step, &all) && all == (size_t)steps;
        first = t == 0 ? from : first;
        lifted = lifted && from.layer == first.layer;
        forward = forward && lifted && step == t;
        backward = backward && lifted && step == steps - 1 - t;
    }
    if (!forward && !backward) {
        return SP_OK;
    }
    *rolled = true;
    sequence->outer = axis;
    sequence->reversed = !forward;
    sequence->width /= (size_t)steps;
    return sp_onnx_sequence_set(
        r, sequence, (sp_onnx_source){.layer = first.layer, .reading = SP_ONNX_READ_EVERY});
}
