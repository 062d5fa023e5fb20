/* Layers of the network to be, and how sequences become some. */
#include <stdlib.h>
#include <string.h>

#include "onnx/impl.h"

sp_status sp_onnx_layer_push(sp_onnx_reader *r, sp_onnx_layer layer, size_t *index) {
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

/* A layer that reads as the sequence does: at every step, or once. */
static sp_status push_like(sp_onnx_reader *r, const sp_onnx_sequence *sequence, sp_onnx_layer layer,
                           sp_onnx_source *source) {
    const bool steps = sequence->outer != SP_ONNX_NO_AXIS;
    *source = (sp_onnx_source){.reading = steps ? SP_ONNX_READ_EVERY : SP_ONNX_READ_STEP};
    layer.once = layer.once || !steps;
    layer.frames = layer.once ? sp_onnx_dim_of(1) : layer.frames;
    return sp_onnx_layer_push(r, layer, &source->layer);
}

sp_status sp_onnx_sequence_open(sp_onnx_reader *r, sp_onnx_sequence *sequence) {
    const sp_onnx_head head = sequence->head;
    if (head == SP_ONNX_HEAD_LOG_SOFTMAX) {
        return sp_onnx_refuse(r, SP_E_UNSUPPORTED,
                              "it works on what a LogSoftmax gives: export the model with that as "
                              "its last layer");
    }
    sequence->head = SP_ONNX_HEAD_NONE;
    if (head == SP_ONNX_HEAD_SOFTMAX) {
        return r->softmax(r, sequence);
    }
    return head == SP_ONNX_HEAD_SIGMOID
               ? sp_onnx_sequence_curve(r, sequence, (sp_activation){.kind = SP_ACTIVATION_SIGMOID})
               : SP_OK;
}

/* ---- what the rows of a sequence read ---- */

/* sp_onnx_reads - the sources of a sequence; one of several steps reads `taps` of them. */
typedef struct sp_onnx_reads {
    sp_onnx_source *from;
    size_t count;
} sp_onnx_reads;

static bool is_fixed(const sp_onnx_layer *layer) {
    return !layer->once && layer->frames.t == 0 && layer->frames.k > 0;
}

/* The source that an entry belongs to; count: none yet. */
static size_t find_source(const sp_onnx_reader *r, const sp_onnx_reads *reads,
                          const sp_onnx_entry *entry) {
    for (size_t i = reads->count; i-- > 0;) {
        const sp_onnx_source *from = &reads->from[i];
        if (from->layer == entry->layer &&
            (from->reading != SP_ONNX_READ_STEP || r->layer[from->layer].once ||
             sp_onnx_dim_equal(from->at, entry->at))) {
            return i;
        }
    }
    return reads->count;
}

/* Two steps of a layer that has a fixed number of them: all are read together. */
static bool join_steps(const sp_onnx_reader *r, sp_onnx_reads *reads, size_t layer) {
    for (size_t i = 0; is_fixed(&r->layer[layer]) && i < reads->count; i++) {
        if (reads->from[i].layer == layer) {
            reads->from[i].reading = SP_ONNX_READ_ALL;
            return true;
        }
    }
    return false;
}

static sp_status find_reads(sp_onnx_reader *r, const sp_onnx_sequence *sequence,
                            sp_onnx_reads *reads) {
    const bool steps = sequence->outer != SP_ONNX_NO_AXIS;
    size_t room = 4;
    *reads = (sp_onnx_reads){sp_region_take(&r->region, room, sizeof *reads->from), 0};
    for (size_t e = 0; reads->from && e < sequence->width; e++) {
        for (size_t k = 0; reads->from && k < sequence->row[e].entries; k++) {
            const sp_onnx_entry *entry = &sequence->row[e].entry[k];
            if (find_source(r, reads, entry) < reads->count ||
                (!steps && join_steps(r, reads, entry->layer))) {
                continue;
            }
            if (reads->count == room) {
                sp_onnx_source *grown = sp_region_take(&r->region, 2 * room, sizeof *reads->from);
                if (grown) {
                    memcpy(grown, reads->from, room * sizeof *grown);
                }
                reads->from = grown;
                room *= 2;
            }
            if (reads->from) {
                const bool every = steps && !r->layer[entry->layer].once;
                reads->from[reads->count++] =
                    (sp_onnx_source){entry->layer, every ? SP_ONNX_READ_EVERY : SP_ONNX_READ_STEP,
                                     steps ? sp_onnx_dim_of(0) : entry->at};
            }
        }
    }
    if (!reads->from) {
        return sp_onnx_out_of_memory(r);
    }
    return reads->count > 0
               ? SP_OK
               : sp_onnx_refuse(r, SP_E_UNSUPPORTED, "its input does not depend on the features");
}

static size_t taps_of(const sp_onnx_reader *r, const sp_onnx_source *from) {
    return from->reading == SP_ONNX_READ_ALL ? (size_t)r->layer[from->layer].frames.k : 1;
}

/* weight [out, taps, in] += factor * row, for output o. */
static void add_row(const sp_onnx_reader *r, const sp_onnx_reads *reads, double *const *weight,
                    size_t o, const sp_onnx_affine *row, double factor) {
    for (size_t k = 0; k < row->entries; k++) {
        const sp_onnx_entry *entry = &row->entry[k];
        const size_t i = find_source(r, reads, entry), taps = taps_of(r, &reads->from[i]);
        const size_t tap = taps > 1 ? (size_t)entry->at.k : 0;
        weight[i][(o * taps + tap) * r->layer[entry->layer].out + entry->feature] +=
            factor * entry->weight;
    }
}

/* The sequence, or a matrix [out, width] times it, plus a bias, as a layer. */
static sp_status add_affine(sp_onnx_reader *r, const sp_onnx_sequence *sequence, size_t out,
                            const double *matrix, const double *bias, sp_onnx_source *source) {
    sp_onnx_reads reads;
    SP_TRY(find_reads(r, sequence, &reads));
    double *sum = sp_region_take(&r->region, out, sizeof *sum);
    double **weight = sp_region_take(&r->region, reads.count, sizeof *weight);
    sp_onnx_part *part = sp_region_take(&r->region, reads.count, sizeof *part);
    if (!sum || !weight || !part) {
        return sp_onnx_out_of_memory(r);
    }
    for (size_t i = 0; i < reads.count; i++) {
        const size_t n = taps_of(r, &reads.from[i]) * r->layer[reads.from[i].layer].out;
        weight[i] =
            n > SIZE_MAX / out ? NULL : sp_region_take(&r->region, n * out, sizeof **weight);
        part[i] = (sp_onnx_part){reads.from[i], weight[i]};
        if (!weight[i]) {
            return sp_onnx_out_of_memory(r);
        }
    }
    for (size_t o = 0; o < out; o++) {
        sum[o] = bias ? bias[o] : 0.0;
        for (size_t e = matrix ? 0 : o; e < (matrix ? sequence->width : o + 1); e++) {
            const double factor = matrix ? matrix[o * sequence->width + e] : 1.0;
            if (factor != 0.0) {
                sum[o] += factor * sequence->row[e].bias;
                add_row(r, &reads, weight, o, &sequence->row[e], factor);
            }
        }
    }
    size_t first = 0; // the first that gives the number of steps
    while (first + 1 < reads.count && r->layer[reads.from[first].layer].once) {
        first++;
    }
    const sp_onnx_layer layer = {.kind = SP_NODE_AFFINE,
                                 .out = out,
                                 .frames = r->layer[reads.from[first].layer].frames,
                                 .parts = reads.count,
                                 .part = part,
                                 .timing = sp_timing_same,
                                 .bias = sum};
    return push_like(r, sequence, layer, source);
}

/* ---- settling ---- */

/* Whether steps are read at all, not only what runs once. */
static bool reads_steps(const sp_onnx_reader *r, const sp_onnx_sequence *sequence) {
    bool every = sequence->outer == SP_ONNX_NO_AXIS;
    for (size_t e = 0; !every && e < sequence->width; e++) {
        for (size_t k = 0; k < sequence->row[e].entries; k++) {
            every = every || !r->layer[sequence->row[e].entry[k].layer].once;
        }
    }
    return every;
}

/* Whether every row is a number of one layer, at one step; *plain: in order, without scale or
 * shift. */
static bool reads_one_layer(const sp_onnx_reader *r, const sp_onnx_sequence *sequence,
                            bool *plain) {
    const sp_onnx_entry *first = sequence->row[0].entry;
    *plain = true;
    for (size_t e = 0; e < sequence->width; e++) {
        const sp_onnx_affine *row = &sequence->row[e];
        if (row->entries != 1 || row->entry->layer != first->layer ||
            !sp_onnx_dim_equal(row->entry->at, first->at)) {
            return *plain = false;
        }
        *plain =
            *plain && row->entry->feature == e && row->entry->weight == 1.0 && row->bias == 0.0;
    }
    *plain = *plain && r->layer[first->layer].out == sequence->width;
    return true;
}

/* The affine layer that the sequence reads, with its rows moved, scaled and shifted likewise. */
static sp_status fold(sp_onnx_reader *r, const sp_onnx_sequence *sequence, sp_onnx_source *source) {
    const sp_onnx_layer old = r->layer[source->layer];
    const size_t out = sequence->width;
    sp_onnx_layer layer = old;
    double *bias = sp_region_take(&r->region, out, sizeof *bias);
    sp_onnx_part *part = sp_region_take(&r->region, old.parts, sizeof *part);
    bool same = out == old.out;
    if (!bias || !part) {
        return sp_onnx_out_of_memory(r);
    }
    for (size_t e = 0; e < out; e++) {
        const sp_onnx_entry *entry = sequence->row[e].entry;
        bias[e] = entry->weight * old.bias[entry->feature] + sequence->row[e].bias;
        same = same && entry->weight == 1.0 && entry->feature == e;
    }
    for (size_t i = 0; i < old.parts; i++) {
        const sp_onnx_part *from = &old.part[i];
        const size_t taps =
            from->from.reading == SP_ONNX_READ_ALL ? taps_of(r, &from->from) : old.timing.taps;
        const size_t n = taps * r->layer[from->from.layer].out;
        part[i] = *from;
        if (same) {
            continue;
        }
        double *weight =
            n > SIZE_MAX / out ? NULL : sp_region_take(&r->region, out * n, sizeof *weight);
        if (!weight) {
            return sp_onnx_out_of_memory(r);
        }
        for (size_t e = 0; e < out; e++) {
            const sp_onnx_entry *entry = sequence->row[e].entry;
            for (size_t k = 0; k < n; k++) {
                weight[e * n + k] = entry->weight * from->weight[entry->feature * n + k];
            }
        }
        part[i].weight = weight;
    }
    layer.out = out;
    layer.bias = bias;
    layer.part = part;
    layer.pads = false;
    return sp_onnx_layer_push(r, layer, &source->layer);
}

sp_status sp_onnx_sequence_settle(sp_onnx_reader *r, const sp_onnx_sequence *given,
                                  sp_onnx_source *source) {
    bool plain = false;
    sp_onnx_sequence opened = *given, *sequence = &opened;
    SP_TRY(sp_onnx_sequence_open(r, sequence));
    if (!reads_steps(r, sequence)) {
        return sp_onnx_refuse(r, SP_E_UNSUPPORTED,
                              "it repeats at every step what does not depend on the step");
    }
    if (!reads_one_layer(r, sequence, &plain)) {
        return add_affine(r, sequence, sequence->width, NULL, NULL, source);
    }
    const sp_onnx_entry *first = sequence->row[0].entry;
    *source = (sp_onnx_source){first->layer, SP_ONNX_READ_EVERY, first->at};
    if (sequence->outer == SP_ONNX_NO_AXIS) {
        source->reading = SP_ONNX_READ_STEP;
    }
    if (plain) {
        return SP_OK;
    }
    return r->layer[first->layer].kind == SP_NODE_AFFINE
               ? fold(r, sequence, source)
               : add_affine(r, sequence, sequence->width, NULL, NULL, source);
}

sp_status sp_onnx_sequence_settle_once(sp_onnx_reader *r, const sp_onnx_sequence *given,
                                       sp_onnx_source *source) {
    sp_onnx_sequence sequence = *given;
    if (sequence.outer != SP_ONNX_NO_AXIS) { // what is the same at every step
        sequence.dim[sequence.outer] = sp_onnx_dim_of(1);
        sequence.outer = SP_ONNX_NO_AXIS;
        sequence.reversed = false;
    }
    SP_TRY(sp_onnx_sequence_settle(r, &sequence, source));
    return r->layer[source->layer].once
               ? SP_OK
               : add_affine(r, &sequence, sequence.width, NULL, NULL, source);
}

/* ---- layers on sequences ---- */

sp_status sp_onnx_layer_affine(sp_onnx_reader *r, const sp_onnx_sequence *sequence, size_t out,
                               const double *weight, const double *bias, sp_onnx_source *source) {
    sp_onnx_sequence x = *sequence;
    SP_TRY(sp_onnx_sequence_open(r, &x));
    for (size_t e = 0; e < x.width; e++) {
        if (x.row[e].entries > 1) { // a sum is made once, not once for each output
            sp_onnx_source sum;
            SP_TRY(sp_onnx_sequence_settle(r, &x, &sum));
            SP_TRY(sp_onnx_sequence_set(r, &x, sum));
            break;
        }
    }
    return add_affine(r, &x, out, weight, bias, source);
}

/* A layer that reads the whole sequence, as one part with these weights. frames: of the layer;
 * NULL: as many as the sequence has. */
static sp_status push_over(sp_onnx_reader *r, const sp_onnx_sequence *sequence, sp_onnx_layer layer,
                           const double *weight, const sp_onnx_dim *frames,
                           sp_onnx_source *source) {
    sp_onnx_source from;
    SP_TRY(sp_onnx_sequence_settle(r, sequence, &from));
    sp_onnx_part *part = sp_region_take(&r->region, 1, sizeof *part);
    if (!part) {
        return sp_onnx_out_of_memory(r);
    }
    *part = (sp_onnx_part){from, weight};
    layer.parts = 1;
    layer.part = part;
    layer.frames = frames ? *frames : r->layer[from.layer].frames;
    return push_like(r, sequence, layer, source);
}

sp_status sp_onnx_layer_timed(sp_onnx_reader *r, const sp_onnx_sequence *sequence, size_t out,
                              sp_timing timing, sp_onnx_dim frames, const double *weight,
                              const double *bias, sp_onnx_source *source) {
    sp_onnx_layer layer = {.kind = SP_NODE_AFFINE, .out = out, .timing = timing, .bias = bias};
    sp_onnx_source from;
    SP_TRY(sp_onnx_sequence_settle(r, sequence, &from));
    const sp_onnx_layer *before = &r->layer[from.layer];
    const bool alone = timing.before == 0 && timing.after == 0;
    if (!before->pads || !alone || sequence->outer == SP_ONNX_NO_AXIS) {
        return push_over(r, sequence, layer, weight, &frames, source);
    }
    sp_onnx_part *part = sp_region_take(&r->region, 1, sizeof *part);
    if (!part) {
        return sp_onnx_out_of_memory(r);
    }
    *part = (sp_onnx_part){before->part->from, weight};
    layer.timing.before = before->timing.before;
    layer.timing.after = before->timing.after;
    layer.timing.repeats = before->timing.repeats;
    layer.timing.reflects = before->timing.reflects;
    layer.parts = 1;
    layer.part = part;
    layer.frames = frames;
    return push_like(r, sequence, layer, source);
}

sp_status sp_onnx_sequence_surround(sp_onnx_reader *r, sp_onnx_sequence *x, sp_timing around) {
    const size_t n = x->width;
    double *weight = n > SIZE_MAX / n ? NULL : sp_region_take(&r->region, n * n, sizeof *weight);
    double *bias = sp_region_take(&r->region, n, sizeof *bias);
    sp_onnx_dim count;
    sp_onnx_source source;
    if (!weight || !bias) {
        return sp_onnx_out_of_memory(r);
    }
    for (size_t i = 0; i < n; i++) {
        weight[i * n + i] = 1.0;
    }
    SP_TRY(sp_onnx_length_after(r, &count, &around, x->dim[x->outer]));
    const sp_onnx_layer layer = {
        .kind = SP_NODE_AFFINE, .out = n, .timing = around, .bias = bias, .pads = true};
    SP_TRY(push_over(r, x, layer, weight, &count, &source));
    x->dim[x->outer] = count;
    return sp_onnx_sequence_set(r, x, source);
}

sp_status sp_onnx_sequence_curve(sp_onnx_reader *r, sp_onnx_sequence *sequence,
                                 sp_activation curve) {
    SP_TRY(sp_onnx_sequence_open(r, sequence));
    const sp_onnx_layer layer = {
        .kind = SP_NODE_CURVE, .out = sequence->width, .curve = curve, .argument = sequence->row};
    sp_onnx_source source;
    SP_TRY(push_over(r, sequence, layer, NULL, NULL, &source));
    return sp_onnx_sequence_set(r, sequence, source);
}

sp_status sp_onnx_sequence_product(sp_onnx_reader *r, sp_onnx_sequence *to,
                                   const sp_onnx_sequence *a, const sp_onnx_sequence *b) {
    sp_onnx_sequence x = *a, y = *b;
    SP_TRY(sp_onnx_sequence_open(r, &x));
    SP_TRY(sp_onnx_sequence_open(r, &y));
    SP_TRY(sp_onnx_sequence_match(r, &x, &y));
    sp_onnx_part *part = sp_region_take(&r->region, 2, sizeof *part);
    sp_onnx_source source;
    if (!part) {
        return sp_onnx_out_of_memory(r);
    }
    const bool first = reads_steps(r, &x), second = reads_steps(r, &y);
    if (!first && second) { // what gives the number of steps comes first
        const sp_onnx_sequence swapped = x;
        x = y;
        y = swapped;
    }
    SP_TRY(sp_onnx_sequence_settle(r, &x, &part[0].from));
    SP_TRY(first && second ? sp_onnx_sequence_settle(r, &y, &part[1].from)
                           : sp_onnx_sequence_settle_once(r, &y, &part[1].from));
    const sp_onnx_layer layer = {.role = SP_ONNX_LAYER_PRODUCT,
                                 .kind = SP_NODE_CELL,
                                 .out = x.width,
                                 .frames = r->layer[part->from.layer].frames,
                                 .parts = 2,
                                 .part = part};
    SP_TRY(push_like(r, &x, layer, &source));
    *to = x;
    return sp_onnx_sequence_set(r, to, source);
}

sp_status sp_onnx_sequence_pool(sp_onnx_reader *r, sp_onnx_sequence *sequence, sp_pooling pool) {
    const sp_onnx_layer layer = {
        .kind = SP_NODE_POOL, .out = sequence->width, .once = true, .pool = pool};
    sp_onnx_source source;
    SP_TRY(push_over(r, sequence, layer, NULL, NULL, &source));
    source.reading = SP_ONNX_READ_STEP;
    sequence->dim[sequence->outer] = sp_onnx_dim_of(1);
    sequence->outer = SP_ONNX_NO_AXIS;
    sequence->reversed = false;
    return sp_onnx_sequence_set(r, sequence, source);
}

/* ---- lengths ---- */

sp_status sp_onnx_length_after(sp_onnx_reader *r, sp_onnx_dim *after, const sp_timing *timing,
                               sp_onnx_dim frames) {
    const int64_t shift = (int64_t)(timing->before + timing->after) -
                          (int64_t)((timing->taps - 1) * timing->dilation + 1);
    const size_t stride = timing->stride;
    if (frames.t == 0) {
        *after =
            sp_onnx_dim_of(frames.k + shift >= 0 ? (frames.k + shift) / (int64_t)stride + 1 : 0);
        return after->k > 0
                   ? SP_OK
                   : sp_onnx_refuse(r, SP_E_FORMAT, "%lld steps are too few for its %zu taps",
                                    (long long)frames.k, timing->taps);
    }
    if (stride == 1) {
        return sp_onnx_dim_add(after, frames, sp_onnx_dim_of(shift + 1))
                   ? SP_OK
                   : sp_onnx_refuse(r, SP_E_UNSUPPORTED, "its number of steps is out of range");
    }
    *after = (sp_onnx_dim){.t = 1, .of = r->lengths};
    for (const sp_onnx_length *at = r->length; at; at = at->before) {
        if (sp_onnx_dim_equal(at->from, frames) && at->shift == shift && at->stride == stride) {
            return SP_OK;
        }
        after->of--;
    }
    sp_onnx_length *length = sp_region_take(&r->region, 1, sizeof *length);
    if (!length) {
        return sp_onnx_out_of_memory(r);
    }
    *length = (sp_onnx_length){frames, shift, stride, r->length};
    r->length = length;
    after->of = ++r->lengths;
    return SP_OK;
}
