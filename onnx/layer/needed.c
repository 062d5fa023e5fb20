/* The layers that the output needs, in an order in which they can become nodes. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "onnx/impl.h"

enum { FRESH, OPEN, DONE };

typedef struct sp_onnx_sorting {
    sp_onnx_reader *r;
    unsigned char *mark;  /* [layers] */
    size_t *stack, *next; /* [layers] open layers, and the part of each that is looked at next */
    size_t *number;       /* [layers] their new places */
    sp_onnx_layer *kept;
    size_t count;
} sp_onnx_sorting;

sp_onnx_source sp_onnx_resolve(const sp_onnx_reader *r, sp_onnx_source from) {
    while (r->layer[from.layer].replaced) {
        from = r->layer[from.layer].by;
    }
    return from;
}

static sp_status check_layer(sp_onnx_reader *r, const sp_onnx_layer *layer) {
    r->node = layer->node ? layer->node : r->node;
    switch (layer->role) {
    case SP_ONNX_LAYER_NODE:
    case SP_ONNX_LAYER_PRODUCT:
        return SP_OK;
    case SP_ONNX_LAYER_STATE:
        return sp_fail(r->err, SP_E_UNSUPPORTED,
                       "the state '%.60s' is read otherwise than as the state of an LSTM, GRU or "
                       "vanilla RNN%s%.200s",
                       r->root->role[layer->input].name, layer->why ? ": " : "",
                       layer->why ? layer->why : "");
    case SP_ONNX_LAYER_MEMORY:
        break;
    }
    return sp_onnx_refuse(r, SP_E_UNSUPPORTED,
                          "its cell state is read as features: only Y and Y_h are supported");
}

/* Moves a layer behind those that it reads. */
static sp_status keep(sp_onnx_sorting *s, size_t l) {
    sp_onnx_layer *layer = &s->kept[s->count];
    *layer = s->r->layer[l];
    sp_onnx_part *part = sp_region_take(&s->r->region, layer->parts + 1, sizeof *part);
    if (!part) {
        return sp_fail(s->r->err, SP_E_MEMORY, "no memory for the layers");
    }
    for (size_t i = 0; i < layer->parts; i++) {
        part[i] = layer->part[i];
        part[i].from = sp_onnx_resolve(s->r, part[i].from);
        part[i].from.layer = s->number[part[i].from.layer];
    }
    layer->part = part;
    s->number[l] = s->count++;
    return check_layer(s->r, layer);
}

static sp_status visit(sp_onnx_sorting *s, size_t root) {
    size_t depth = 0;
    s->stack[0] = root;
    s->next[0] = 0;
    s->mark[root] = OPEN;
    for (;;) {
        const size_t l = s->stack[depth];
        if (s->next[depth] == s->r->layer[l].parts) {
            s->mark[l] = DONE;
            SP_TRY(keep(s, l));
            if (depth-- == 0) {
                return SP_OK;
            }
            continue;
        }
        const size_t below =
            sp_onnx_resolve(s->r, s->r->layer[l].part[s->next[depth]++].from).layer;
        if (s->mark[below] == OPEN) {
            return sp_fail(s->r->err, SP_E_UNSUPPORTED,
                           "a recurrent cell reads what is computed from its own output");
        }
        if (s->mark[below] == FRESH) {
            s->mark[below] = OPEN;
            s->stack[++depth] = below;
            s->next[depth] = 0;
        }
    }
}

/* Whether a layer computes each step of a hop by itself, or is a cell that hands its state on, so
 * that hops one after the other are one run over all their steps. */
static sp_status check_alone(sp_onnx_reader *r, const sp_onnx_layer *layer) {
    const sp_timing *t = &layer->timing;
    const bool cell = layer->role == SP_ONNX_LAYER_NODE && layer->kind == SP_NODE_CELL;
    const bool plain = layer->role == SP_ONNX_LAYER_PRODUCT || layer->kind == SP_NODE_CURVE ||
                       (layer->kind == SP_NODE_AFFINE && t->taps == 1 && t->stride == 1 &&
                        t->before == 0 && t->after == 0);
    bool alone =
        (cell ? layer->carried->given && !layer->cell.reverse && !layer->cell.seeded : plain) &&
        !layer->once && sp_onnx_dim_is(layer->frames, (int64_t)r->hop);
    for (size_t i = 0; i < layer->parts; i++) {
        alone = alone && layer->part[i].from.reading == SP_ONNX_READ_EVERY;
    }
    if (alone) {
        return SP_OK;
    }
    r->node = layer->node ? layer->node : r->node;
    return sp_onnx_refuse(r, SP_E_UNSUPPORTED,
                          "it mixes the %zu steps of a hop, so that what it gives depends on where "
                          "hops begin: export the same weights with hops of one step, or with an "
                          "open number of steps",
                          r->hop);
}

/* Layers of one hop run in every hop of a clip, or at every step of it, whose number is open; the
 * answer is that of the last one, or there is one in every hop. */
static sp_status unroll(sp_onnx_sorting *s, sp_onnx_source *last) {
    const sp_onnx_dim hops = {.t = 1};
    for (size_t l = 0; l < s->count; l++) {
        sp_onnx_layer *layer = &s->kept[l];
        if (s->r->hop > 0 && l != SP_ONNX_FEATURES && l != last->layer) {
            SP_TRY(check_alone(s->r, layer));
        }
        layer->once = false;
        layer->frames = hops;
        for (size_t i = 0; i < layer->parts; i++) {
            ((sp_onnx_part *)(uintptr_t)layer->part)[i].from.reading = SP_ONNX_READ_EVERY;
        }
    }
    last->reading = s->r->chosen.every ? SP_ONNX_READ_EVERY : SP_ONNX_READ_STEP;
    last->at = (sp_onnx_dim){.k = -1, .t = 1};
    return SP_OK;
}

static sp_status sort(sp_onnx_sorting *s, sp_onnx_source *last) {
    s->mark[SP_ONNX_FEATURES] = DONE;
    SP_TRY(keep(s, SP_ONNX_FEATURES));
    *last = sp_onnx_resolve(s->r, *last);
    SP_TRY(s->mark[last->layer] == DONE ? SP_OK : visit(s, last->layer));
    last->layer = s->number[last->layer];
    if (s->r->streams) {
        SP_TRY(unroll(s, last));
    }
    memcpy(s->r->layer, s->kept, s->count * sizeof *s->kept);
    s->r->layers = s->count;
    return SP_OK;
}

sp_status sp_onnx_layers_compact(sp_onnx_reader *r, sp_onnx_source *last) {
    sp_onnx_sorting s = {.r = r,
                         .mark = calloc(r->layers + 1, 1),
                         .stack = calloc(r->layers + 1, sizeof *s.stack),
                         .next = calloc(r->layers + 1, sizeof *s.next),
                         .number = calloc(r->layers + 1, sizeof *s.number),
                         .kept = calloc(r->layers + 1, sizeof *s.kept)};
    const sp_status status = s.mark && s.stack && s.next && s.number && s.kept
                                 ? sort(&s, last)
                                 : sp_fail(r->err, SP_E_MEMORY, "no memory for the layers");
    free(s.mark);
    free(s.stack);
    free(s.next);
    free(s.number);
    free(s.kept);
    return status;
}
