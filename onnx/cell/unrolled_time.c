/* Which time each layer of a cell that is written out belongs to. */
#include <stdlib.h>
#include <string.h>

#include "onnx/cell/unrolled.h"

/* Sets the times of layer l; false: it reads what has none. */
static bool set_time(sp_onnx_unrolled *u, size_t l) {
    const sp_onnx_layer *layer = &u->r->layer[l];
    size_t first = SP_ONNX_UNTIMED, time = 0;
    for (size_t i = 0; i < layer->parts; i++) {
        const sp_onnx_source from = sp_onnx_resolve(u->r, layer->part[i].from);
        size_t low = u->first[from.layer], high = u->time[from.layer], steps = 0;
        int64_t step = 0;
        if (!u->r->layer[from.layer].once) {
            if (!sp_onnx_step_of(u->r, from, &step, &steps) ||
                (u->steps > 0 && steps != u->steps)) {
                return false;
            }
            u->steps = steps;
            low = high = u->reversed ? steps - 1 - (size_t)step : (size_t)step;
        }
        first = low < first ? low : first;
        time = high > time && high != SP_ONNX_UNTIMED ? high : time;
    }
    u->first[l] = first;
    u->time[l] = first == SP_ONNX_UNTIMED ? SP_ONNX_UNTIMED : time;
    return true;
}

static void find_times(sp_onnx_unrolled *u) {
    u->steps = 0;
    for (size_t l = 0; l < u->layers; l++) {
        const sp_onnx_layer *layer = &u->r->layer[l];
        u->first[l] = u->time[l] = SP_ONNX_UNTIMED;
        if (u->needed[l] && layer->once && !layer->replaced && !set_time(u, l)) {
            u->first[l] = u->time[l] = SP_ONNX_UNTIMED;
        }
    }
    // A product with the state before belongs to the time at which it is read.
    for (size_t l = u->layers; l-- > 0;) {
        const sp_onnx_layer *layer = &u->r->layer[l];
        const bool of_state = u->time[l] != SP_ONNX_UNTIMED && layer->kind == SP_NODE_AFFINE &&
                              layer->role == SP_ONNX_LAYER_NODE && layer->parts == 1 &&
                              u->r->layer[sp_onnx_resolve(u->r, layer->part->from).layer].once;
        size_t soonest = SP_ONNX_UNTIMED;
        for (size_t k = l + 1; of_state && k < u->layers; k++) {
            for (size_t i = 0; u->needed[k] && i < u->r->layer[k].parts; i++) {
                if (sp_onnx_resolve(u->r, u->r->layer[k].part[i].from).layer == l &&
                    u->time[k] < soonest) {
                    soonest = u->time[k];
                }
            }
        }
        if (soonest != SP_ONNX_UNTIMED && soonest > u->time[l]) {
            u->first[l] = u->time[l]; // it holds a state
            u->time[l] = soonest;
        }
    }
}

static void mark_needed(sp_onnx_unrolled *u, const sp_onnx_affine *row, size_t count) {
    const sp_onnx_reader *r = u->r;
    memset(u->needed, 0, u->layers * sizeof *u->needed);
    for (size_t e = 0; e < count; e++) {
        for (size_t k = 0; k < row[e].entries; k++) {
            const sp_onnx_source from = {.layer = row[e].entry[k].layer};
            u->needed[sp_onnx_resolve(r, from).layer] = true;
        }
    }
    for (bool changed = true; changed;) { // replaced layers may stand behind their readers
        changed = false;
        for (size_t l = u->layers; l-- > 0;) {
            for (size_t i = 0; u->needed[l] && i < r->layer[l].parts; i++) {
                const size_t from = sp_onnx_resolve(r, r->layer[l].part[i].from).layer;
                changed = changed || (!u->needed[from] && from > l);
                u->needed[from] = true;
            }
        }
    }
}

bool sp_onnx_is_mixed(const sp_onnx_unrolled *u, size_t l) {
    return u->time[l] != SP_ONNX_UNTIMED && u->first[l] < u->time[l];
}

/* At how many times layers mix steps. */
static size_t count_mixed(const sp_onnx_unrolled *u) {
    size_t count = 0;
    for (size_t t = 0; t < u->steps; t++) {
        bool mixed = false;
        for (size_t l = 0; l < u->layers && !mixed; l++) {
            mixed = sp_onnx_is_mixed(u, l) && u->time[l] == t;
        }
        count += mixed;
    }
    return count;
}

/* The times of all layers, in the order of the steps in which more of them are mixed. */
size_t sp_onnx_mixed_times(sp_onnx_unrolled *u, const sp_onnx_affine *row, size_t count) {
    mark_needed(u, row, count);
    u->reversed = false;
    find_times(u);
    const size_t forward = count_mixed(u);
    u->reversed = true;
    find_times(u);
    const size_t backward = count_mixed(u);
    if (backward <= forward) {
        u->reversed = false;
        find_times(u);
    }
    return forward > backward ? forward : backward;
}

/* ---- functions of one step ---- */

static sp_status replace_lifted(sp_onnx_reader *r, size_t l) {
    sp_onnx_source source;
    bool lifted = false;
    SP_TRY(sp_onnx_lift(r, l, &source, &lifted));
    if (lifted) {
        r->layer[l].replaced = true;
        r->layer[l].by = source;
    }
    return SP_OK;
}

sp_status sp_onnx_lift_later(sp_onnx_unrolled *u, const sp_onnx_affine *row, size_t count) {
    (void)sp_onnx_mixed_times(u, row, count);
    for (size_t l = 0; l < u->layers; l++) {
        const bool frame =
            u->time[l] != SP_ONNX_UNTIMED && u->first[l] == u->time[l] && u->time[l] > 0;
        SP_TRY(frame && u->needed[l] ? replace_lifted(u->r, l) : SP_OK);
    }
    return SP_OK;
}

/* At the first time only what is computed at every other one. */
sp_status sp_onnx_lift_first(sp_onnx_unrolled *u, const sp_onnx_affine *row, size_t count) {
    sp_onnx_reader *r = u->r;
    (void)sp_onnx_mixed_times(u, row, count);
    for (size_t l = 0; l < u->layers; l++) {
        sp_onnx_source source;
        bool lifted = false;
        const size_t before = r->layers;
        if (u->time[l] != 0 || !u->needed[l]) {
            continue;
        }
        SP_TRY(sp_onnx_lift(r, l, &source, &lifted));
        if (lifted && source.layer < before) {
            r->layer[l].replaced = true;
            r->layer[l].by = source;
        }
        r->layers = before;
    }
    return SP_OK;
}
