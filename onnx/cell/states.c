/* Streaming models: every state must go from one hop to the next as the state of a recurrent cell,
 * an LSTM, GRU or RNN node or one that other operators compute. */
#include <stdlib.h>
#include <string.h>

#include "onnx/cell/formula.h"
#include "onnx/cell/seed.h"

/* sp_onnx_slot - a state of one cell: `width` units of a STATE layer, and what they are after the
 * hop. */
typedef struct sp_onnx_slot {
    size_t layer, first, width;
    const sp_onnx_role *role;
    const sp_onnx_affine *after; /* [width] */
    bool done;
} sp_onnx_slot;

typedef struct sp_onnx_slots {
    sp_onnx_slot slot[SP_ONNX_MOST_STATES];
    size_t count;
} sp_onnx_slots;

/* ---- which states there are ---- */

/* The last axis of a state holds the units of a cell. */
static sp_status list_slots(sp_onnx_reader *r, sp_onnx_slots *slots, size_t l) {
    const sp_onnx_layer *layer = &r->layer[l];
    const sp_onnx_role *role = &r->root->role[layer->input];
    const sp_onnx_value *value = NULL;
    int64_t dim[SP_ONNX_MAX_RANK];
    size_t rank = 0;
    SP_TRY(sp_onnx_value_load(r, &value, role->after));
    const sp_onnx_sequence *after = value ? &value->sequence : NULL;
    if (!value || value->kind != SP_ONNX_VALUE_SEQUENCE || after->outer != SP_ONNX_NO_AXIS ||
        after->width != layer->out || after->head != SP_ONNX_HEAD_NONE) {
        return sp_fail(
            r->err, SP_E_UNSUPPORTED,
            "the output '%.60s', which the state '%.60s' is in the next hop, has not its "
            "shape or is no function of the features and states that can be followed",
            r->root->definition[role->after].name, role->name);
    }
    (void)sp_onnx_role_shape(role, dim, &rank, SP_ONNX_MAX_RANK);
    const size_t width = rank > 0 ? (size_t)dim[rank - 1] : 1;
    if (layer->out / width > SP_ONNX_MOST_STATES - slots->count) {
        return sp_fail(r->err, SP_E_UNSUPPORTED, "more than %d states go from hop to hop",
                       SP_ONNX_MOST_STATES);
    }
    for (size_t i = 0; i < layer->out; i += width) {
        slots->slot[slots->count++] = (sp_onnx_slot){
            .layer = l, .first = i, .width = width, .role = role, .after = after->row + i};
    }
    return SP_OK;
}

/* ---- LSTM, GRU and RNN nodes ---- */

/* Those of the last step. */
static bool are_units(const sp_onnx_reader *r, const sp_onnx_affine *row, size_t count,
                      size_t layer) {
    const sp_onnx_layer *of = &r->layer[layer];
    for (size_t i = 0; i < count; i++) {
        if (row[i].entries == 1 && !of->once &&
            !sp_onnx_dim_is(row[i].entry->at, of->frames.k - 1)) {
            return false;
        }
        if (row[i].entries != 1 || row[i].bias != 0.0 || row[i].entry->layer != layer ||
            row[i].entry->feature != i || row[i].entry->weight != 1.0) {
            return false;
        }
    }
    return true;
}

static size_t find_memory(const sp_onnx_reader *r, size_t cell) {
    for (size_t l = cell + 1; l < r->layers; l++) {
        if (r->layer[l].role == SP_ONNX_LAYER_MEMORY && r->layer[l].part->from.layer == cell) {
            return l;
        }
    }
    return r->layers;
}

/* The states of a node: what they start as must be what they were in the hop before. */
static sp_status close_node(sp_onnx_reader *r, sp_onnx_slots *slots, size_t cell) {
    const sp_onnx_layer *layer = &r->layer[cell];
    const size_t states = sp_cell_states(&layer->cell);
    r->node = layer->node;
    for (size_t k = 0; k < states; k++) {
        sp_onnx_slot *slot = NULL;
        for (size_t i = 0; layer->carried[k].given && i < slots->count; i++) {
            const bool same = slots->slot[i].layer == layer->carried[k].layer &&
                              slots->slot[i].first == layer->carried[k].first &&
                              slots->slot[i].width == layer->out;
            slot = same ? &slots->slot[i] : slot;
        }
        if (!slot) {
            return sp_onnx_refuse(
                r, SP_E_UNSUPPORTED,
                "in a file that computes one hop, its %s starts anew in every hop: "
                "export the same weights with an open number of steps",
                k == 0 ? "state" : "cell state");
        }
        const size_t from = k == 0 ? cell : find_memory(r, cell);
        if (slot->done || !are_units(r, slot->after, slot->width, from)) {
            return sp_onnx_refuse(r, SP_E_UNSUPPORTED,
                                  "its state starts as '%.60s', but after the hop that is not %s",
                                  slot->role->name, k == 0 ? "its Y_h" : "its Y_c");
        }
        slot->done = true;
    }
    return SP_OK;
}

/* ---- cells written out ---- */

static bool is_read(const sp_onnx_reader *r, size_t layer) {
    for (size_t l = 0; l < r->layers; l++) {
        for (size_t i = 0; i < r->layer[l].parts; i++) {
            if (r->layer[l].part[i].from.layer == layer) {
                return true;
            }
        }
    }
    return false;
}

static sp_status set_symbols(sp_onnx_formulas *f, const sp_onnx_slots *slots, size_t layer,
                             const size_t *number) {
    const size_t n = f->r->layer[layer].out;
    sp_onnx_symbol *symbol = sp_region_take(&f->r->region, n, sizeof *symbol);
    if (!symbol) {
        return sp_fail(f->r->err, SP_E_MEMORY, "no memory for a state of %zu units", n);
    }
    for (size_t i = 0; i < slots->count; i++) {
        const sp_onnx_slot *slot = &slots->slot[i];
        for (size_t j = 0; slot->layer == layer && j < slot->width; j++) {
            symbol[slot->first + j] =
                SP_ONNX_SYMBOL_STATE + ((sp_onnx_symbol)number[i] << 22) + (sp_onnx_symbol)j;
        }
    }
    return sp_onnx_formula_state(f, layer, symbol);
}

/* Layers that hold a state after the hop are what the new cell gives. */
static sp_status replace(sp_onnx_formulas *f, const sp_onnx_polynomial *next, size_t width,
                         sp_onnx_source by) {
    for (size_t l = 0; l < f->layers; l++) {
        if (!f->inside[l] || !f->of[l] || f->r->layer[l].out != width ||
            f->r->layer[l].role == SP_ONNX_LAYER_STATE) {
            continue;
        }
        sp_onnx_polynomial *of = sp_region_take(&f->r->region, width, sizeof *of);
        if (!of) {
            return sp_fail(f->r->err, SP_E_MEMORY, "no memory for the state of a cell");
        }
        memcpy(of, f->of[l], width * sizeof *of);
        for (size_t j = 0; j < width; j++) {
            SP_TRY(sp_onnx_polynomial_normalise(f->r, &of[j]));
        }
        if (sp_onnx_polynomials_same(of, next, width)) {
            f->r->layer[l].replaced = true;
            f->r->layer[l].by = by;
        }
    }
    return SP_OK;
}

/* The reason why no cell was seen, for the layers that depend on the states. */
static sp_status keep_reason(sp_onnx_formulas *f, const char *text) {
    char *why = sp_region_take(&f->r->region, strlen(text) + 1, 1);
    if (!why) {
        return sp_fail(f->r->err, SP_E_MEMORY, "no memory for a text");
    }
    strcpy(why, text);
    for (size_t l = 0; l < f->layers; l++) {
        f->r->layer[l].why = f->inside[l] ? why : f->r->layer[l].why;
    }
    return SP_OK;
}

static sp_status recognise(sp_onnx_formulas *f, sp_onnx_slots *slots) {
    sp_onnx_reader *r = f->r;
    sp_onnx_states states = {0};
    size_t number[SP_ONNX_MOST_STATES] = {0}, cells = 0, below = 0;
    sp_onnx_found found[SP_ONNX_MOST_STATES];
    for (size_t i = 0; i < slots->count; i++) {
        if (slots->slot[i].done) {
            continue;
        }
        const size_t s = number[i] = states.count++;
        states.width[s] = slots->slot[i].width;
        states.next[s] = sp_region_take(&r->region, slots->slot[i].width, sizeof *states.next[s]);
        if (!states.next[s]) {
            return sp_fail(r->err, SP_E_MEMORY, "no memory for the state of a cell");
        }
    }
    for (size_t i = 0; i < slots->count; i++) {
        if (!slots->slot[i].done && !f->of[slots->slot[i].layer]) {
            SP_TRY(set_symbols(f, slots, slots->slot[i].layer, number));
        }
    }
    for (size_t i = 0; i < slots->count; i++) {
        const sp_onnx_slot *slot = &slots->slot[i];
        SP_TRY(slot->done
                   ? SP_OK
                   : sp_onnx_formula_rows(f, states.next[number[i]], slot->after, slot->width));
    }
    f->algebra.width = f->width;
    r->algebra = &f->algebra;
    const sp_status status = sp_onnx_cells_recognise(r, found, &cells, &states);
    r->algebra = NULL;
    SP_TRY(status);
    sp_onnx_source source[SP_ONNX_MOST_STATES];
    SP_TRY(sp_onnx_formula_below(f, &below));
    SP_TRY(sp_onnx_cells_push(r, source, found, cells, below));
    for (size_t k = 0; k < cells; k++) {
        SP_TRY(replace(f, states.next[found[k].h], found[k].cell.out, source[found[k].h]));
    }
    return SP_OK;
}

static sp_status close_others(sp_onnx_reader *r, sp_onnx_slots *slots) {
    sp_onnx_formulas f;
    sp_error *err = r->err, why = {0};
    bool open = false;
    for (size_t i = 0; i < slots->count; i++) {
        slots->slot[i].done = slots->slot[i].done || !is_read(r, slots->slot[i].layer);
        open = open || !slots->slot[i].done;
    }
    if (!open) {
        return SP_OK;
    }
    if (r->hop > 0) {
        return sp_fail(err, SP_E_UNSUPPORTED,
                       "a hop has %zu steps, and some state of it is read by other operators than "
                       "an LSTM, GRU or RNN node over them: export the same weights with hops of "
                       "one step, or with an open number of steps",
                       r->hop);
    }
    sp_status status = sp_onnx_formulas_init(r, &f);
    if (status == SP_OK) {
        r->err = &why;
        status = recognise(&f, slots);
        r->err = err;
        const bool other = status != SP_OK && status != SP_E_MEMORY;
        const char *text = why.code != SP_OK ? why.text : f.why ? f.why : "";
        status = other ? keep_reason(&f, text) : status;
        if (status == SP_E_MEMORY && why.code == SP_E_MEMORY) {
            status = sp_fail(err, status, "%s", why.text);
        }
    }
    sp_onnx_formulas_clear(&f);
    return status;
}

sp_status sp_onnx_states_close(sp_onnx_reader *r) {
    sp_onnx_slots slots = {.count = 0};
    for (size_t l = 0; l < r->layers; l++) {
        SP_TRY(r->layer[l].role == SP_ONNX_LAYER_STATE ? list_slots(r, &slots, l) : SP_OK);
    }
    if (slots.count == 0) {
        return SP_OK;
    }
    for (size_t l = 0; l < r->layers; l++) {
        const sp_onnx_layer *layer = &r->layer[l];
        const bool cell = layer->role == SP_ONNX_LAYER_NODE && layer->kind == SP_NODE_CELL;
        SP_TRY(cell ? close_node(r, &slots, l) : SP_OK);
    }
    return close_others(r, &slots);
}
