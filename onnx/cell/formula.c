/* Layers as polynomials of the sources and states of one step. */
#include "onnx/cell/formula.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The layer that a part, or an entry of a row, reads. */
static size_t below(const sp_onnx_formulas *f, const sp_onnx_part *part) {
    return sp_onnx_resolve(f->r, part->from).layer;
}
static size_t entry_layer(const sp_onnx_formulas *f, const sp_onnx_entry *entry) {
    return sp_onnx_resolve(f->r, (sp_onnx_source){.layer = entry->layer}).layer;
}

sp_status sp_onnx_formulas_init(sp_onnx_reader *r, sp_onnx_formulas *f) {
    *f = (sp_onnx_formulas){.r = r, .layers = r->layers};
    sp_onnx_algebra_init(&f->algebra);
    f->of = calloc(r->layers + 1, sizeof *f->of);
    f->inside = calloc(r->layers + 1, sizeof *f->inside);
    f->joined = calloc(r->layers + 1, sizeof *f->joined);
    f->feature = calloc(r->layers + 1, sizeof *f->feature);
    f->source = calloc(r->layers + 1, sizeof *f->source);
    return f->of && f->inside && f->joined && f->feature && f->source
               ? SP_OK
               : sp_fail(r->err, SP_E_MEMORY, "no memory for %zu layers", r->layers);
}

void sp_onnx_formulas_clear(sp_onnx_formulas *f) {
    sp_onnx_algebra_clear(&f->algebra);
    free(f->of);
    free(f->inside);
    free(f->joined);
    free(f->feature);
    free(f->source);
    *f = (sp_onnx_formulas){0};
}

static sp_status no_memory(const sp_onnx_formulas *f) {
    return sp_fail(f->r->err, SP_E_MEMORY, "no memory for the numbers of one step");
}

static sp_status symbols(sp_onnx_formulas *f, size_t layer, const sp_onnx_symbol *symbol,
                         size_t first) {
    const size_t n = f->r->layer[layer].out;
    sp_onnx_polynomial *of = sp_region_take(&f->r->region, n, sizeof *of);
    if (!of) {
        return no_memory(f);
    }
    for (size_t j = 0; j < n; j++) {
        SP_TRY(sp_onnx_polynomial_symbol(
            f->r, &of[j],
            symbol ? symbol[j] : SP_ONNX_SYMBOL_FEATURE + (sp_onnx_symbol)(first + j)));
    }
    f->of[layer] = of;
    return SP_OK;
}

sp_status sp_onnx_formula_state(sp_onnx_formulas *f, size_t layer, const sp_onnx_symbol *symbol) {
    f->inside[layer] = true;
    return symbols(f, layer, symbol, 0);
}

/* A layer that depends on no state: its numbers are features of the cell. */
static sp_status add_source(sp_onnx_formulas *f, size_t layer) {
    const size_t n = f->r->layer[layer].out;
    if (n > SP_ONNX_MOST_UNITS - f->width) {
        return no_memory(f);
    }
    f->feature[layer] = f->width + 1;
    f->source[f->sources++] = layer;
    f->width += n;
    return symbols(f, layer, NULL, f->feature[layer] - 1);
}

/* ---- one layer ---- */

/* Row o of an affine layer. term, weight: for all numbers that it reads, and one more. */
static sp_status affine_row(sp_onnx_formulas *f, const sp_onnx_layer *layer, size_t o,
                            sp_onnx_polynomial *to, sp_onnx_polynomial *term, double *weight) {
    size_t count = 0;
    for (size_t i = 0; i < layer->parts; i++) {
        const size_t from = below(f, &layer->part[i]), in = f->r->layer[from].out;
        for (size_t j = 0; j < in; j++) {
            if (layer->part[i].weight[o * in + j] != 0.0) {
                term[count] = f->of[from][j];
                weight[count++] = layer->part[i].weight[o * in + j];
            }
        }
    }
    if (layer->bias[o] != 0.0) {
        term[count] = sp_onnx_polynomial_constant(layer->bias[o]);
        weight[count++] = 1.0;
    }
    return sp_onnx_polynomial_combine(f->r, to, term, 1, weight, 1, count);
}

static sp_status affine_of(sp_onnx_formulas *f, const sp_onnx_layer *layer,
                           sp_onnx_polynomial *of) {
    size_t most = 1;
    for (size_t i = 0; i < layer->parts; i++) {
        const sp_onnx_source from = layer->part[i].from;
        if (from.reading == SP_ONNX_READ_ALL || layer->timing.taps > 1) {
            f->why = "it reads several steps at once";
            return SP_E_UNSUPPORTED;
        }
        most += f->r->layer[below(f, &layer->part[i])].out;
    }
    sp_onnx_polynomial *term = sp_region_take(&f->r->region, most, sizeof *term);
    double *weight = sp_region_take(&f->r->region, most, sizeof *weight);
    if (!term || !weight) {
        return no_memory(f);
    }
    for (size_t o = 0; o < layer->out; o++) {
        SP_TRY(affine_row(f, layer, o, &of[o], term, weight));
    }
    return SP_OK;
}

static sp_status curve_of(sp_onnx_formulas *f, sp_activation curve, const sp_onnx_polynomial *x,
                          sp_onnx_polynomial *to) {
    sp_onnx_polynomial inner = *x;
    if (sp_onnx_polynomial_is_constant(x)) {
        *to = sp_onnx_polynomial_constant(sp_activation_value(curve, x->shift));
        return SP_OK;
    }
    switch (curve.kind) {
    case SP_ACTIVATION_SIGMOID:
        return sp_onnx_polynomial_activate(f->r, to, SP_ONNX_ATOM_SIGMOID, x);
    case SP_ACTIVATION_TANH:
        return sp_onnx_polynomial_activate(f->r, to, SP_ONNX_ATOM_TANH, x);
    case SP_ACTIVATION_RELU:
        return sp_onnx_polynomial_clip(f->r, to, x, 0.0, INFINITY);
    case SP_ACTIVATION_HARD_SIGMOID:
        SP_TRY(sp_onnx_polynomial_normalise(f->r, &inner));
        inner = sp_onnx_polynomial_affine(&inner, curve.alpha, curve.beta);
        return sp_onnx_polynomial_clip(f->r, to, &inner, 0.0, 1.0);
    default:
        f->why = "it holds an activation that no cell has";
        return SP_E_UNSUPPORTED;
    }
}

static sp_status formula_of(sp_onnx_formulas *f, size_t l) {
    const sp_onnx_layer *layer = &f->r->layer[l];
    sp_onnx_polynomial *of = sp_region_take(&f->r->region, layer->out, sizeof *of);
    if (!of) {
        return no_memory(f);
    }
    f->r->node = layer->node; // for messages
    if (layer->role == SP_ONNX_LAYER_PRODUCT) {
        for (size_t j = 0; j < layer->out; j++) {
            SP_TRY(sp_onnx_polynomial_multiply(f->r, &of[j], &f->of[below(f, &layer->part[0])][j],
                                               &f->of[below(f, &layer->part[1])][j]));
        }
    } else if (layer->role == SP_ONNX_LAYER_NODE && layer->kind == SP_NODE_CURVE) {
        for (size_t j = 0; j < layer->out; j++) {
            SP_TRY(curve_of(f, layer->curve, &f->of[below(f, layer->part)][j], &of[j]));
        }
    } else if (layer->role == SP_ONNX_LAYER_NODE && layer->kind == SP_NODE_AFFINE) {
        SP_TRY(affine_of(f, layer, of));
    } else {
        f->why = "another recurrent layer reads it within the step";
        return SP_E_UNSUPPORTED;
    }
    f->of[l] = of;
    return SP_OK;
}

/* ---- all that rows need ---- */

/* Whether every number of layer l is added as it is where an affine layer inside reads it, so that
 * its own weights are those of the cell. */
static bool joins(const sp_onnx_formulas *f, const bool *needed, size_t l) {
    const sp_onnx_layer *layer = &f->r->layer[l];
    bool joins = l != SP_ONNX_FEATURES && layer->role == SP_ONNX_LAYER_NODE &&
                 layer->kind == SP_NODE_AFFINE && layer->timing.taps == 1 &&
                 layer->timing.stride == 1 && layer->timing.before + layer->timing.after == 0;
    for (size_t i = 0; joins && i < layer->parts; i++) {
        joins = layer->part[i].from.reading != SP_ONNX_READ_ALL;
    }
    for (size_t k = 0; joins && !f->join_all && k < f->layers; k++) {
        const sp_onnx_layer *reader = &f->r->layer[k];
        for (size_t i = 0; needed[k] && f->inside[k] && !f->of[k] && i < reader->parts; i++) {
            if (below(f, &reader->part[i]) != l) {
                continue;
            }
            joins = joins && reader->kind == SP_NODE_AFFINE && reader->role == SP_ONNX_LAYER_NODE;
            for (size_t e = 0; joins && e < reader->out * layer->out; e++) {
                const double w = reader->part[i].weight[e];
                joins = w == 0.0 || w == 1.0;
            }
        }
    }
    return joins;
}

/* Marks the layers inside that rows need, back to states, and what these read. */
static void mark_inside(const sp_onnx_formulas *f, bool *needed) {
    for (size_t l = f->layers; l-- > 0;) {
        const sp_onnx_layer *layer = &f->r->layer[l];
        for (size_t i = 0; needed[l] && !f->of[l] && f->inside[l] && i < layer->parts; i++) {
            needed[below(f, &layer->part[i])] = true;
        }
    }
}

/* Then affine layers that join them, and what these read. */
static void mark_joined(sp_onnx_formulas *f, bool *needed) {
    for (bool changed = true; changed;) {
        changed = false;
        for (size_t l = 0; l < f->layers; l++) {
            const sp_onnx_layer *layer = &f->r->layer[l];
            if (!needed[l] || f->of[l] || f->inside[l] || f->joined[l] || !joins(f, needed, l)) {
                continue;
            }
            changed = f->joined[l] = true;
            for (size_t i = 0; i < layer->parts; i++) {
                needed[below(f, &layer->part[i])] = true;
            }
        }
    }
}

static void mark(sp_onnx_formulas *f, bool *needed, const sp_onnx_affine *row, size_t count) {
    for (size_t e = 0; e < count; e++) {
        for (size_t k = 0; k < row[e].entries; k++) {
            needed[entry_layer(f, &row[e].entry[k])] = true;
        }
    }
    for (size_t l = 0; l < f->layers; l++) {
        const sp_onnx_layer *layer = &f->r->layer[l];
        for (size_t i = 0; !layer->replaced && i < layer->parts; i++) {
            f->inside[l] = f->inside[l] || f->inside[below(f, &layer->part[i])];
        }
    }
    mark_inside(f, needed);
    mark_joined(f, needed);
}

static sp_status fill(sp_onnx_formulas *f, const bool *needed) {
    for (size_t l = 0; l < f->layers; l++) {
        if (needed[l] && !f->of[l] && !f->inside[l] && !f->joined[l]) {
            SP_TRY(add_source(f, l));
        }
    }
    for (int inside = 0; inside < 2; inside++) {
        for (size_t l = 0; l < f->layers; l++) {
            if (needed[l] && !f->of[l] && f->inside[l] == (inside > 0)) {
                SP_TRY(formula_of(f, l));
            }
        }
    }
    return SP_OK;
}

static sp_status sum_rows(sp_onnx_formulas *f, sp_onnx_polynomial *polynomial,
                          const sp_onnx_affine *row) {
    *polynomial = sp_onnx_polynomial_constant(row->bias);
    for (size_t k = 0; k < row->entries; k++) {
        const sp_onnx_entry *entry = &row->entry[k];
        const sp_onnx_polynomial before = *polynomial;
        sp_onnx_polynomial part;
        SP_TRY(sp_onnx_polynomial_combine(
            f->r, &part, &f->of[entry_layer(f, entry)][entry->feature], 1, &entry->weight, 1, 1));
        SP_TRY(sp_onnx_polynomial_add(f->r, polynomial, &part, &before));
    }
    return sp_onnx_polynomial_normalise(f->r, polynomial);
}

sp_status sp_onnx_formula_rows(sp_onnx_formulas *f, sp_onnx_polynomial *polynomial,
                               const sp_onnx_affine *row, size_t count) {
    bool *needed = calloc(f->layers + 1, sizeof *needed);
    if (!needed) {
        return no_memory(f);
    }
    mark(f, needed, row, count);
    sp_onnx_algebra *around = f->r->algebra;
    f->r->algebra = &f->algebra;
    sp_status status = fill(f, needed);
    for (size_t e = 0; e < count && status == SP_OK; e++) {
        status = sum_rows(f, &polynomial[e], &row[e]);
    }
    f->r->algebra = around;
    free(needed);
    return status;
}

sp_status sp_onnx_formula_below(sp_onnx_formulas *f, size_t *layer) {
    if (f->sources == 1) {
        *layer = f->source[0];
        return SP_OK;
    }
    sp_onnx_reader *r = f->r;
    sp_onnx_affine *row = sp_region_take(&r->region, f->width + 1, sizeof *row);
    sp_onnx_entry *entry = sp_region_take(&r->region, f->width + 1, sizeof *entry);
    sp_onnx_source source;
    if (!row || !entry || f->sources == 0) {
        return f->sources == 0 ? sp_fail(r->err, SP_E_UNSUPPORTED, "its cell reads no features")
                               : no_memory(f);
    }
    for (size_t i = 0, at = 0; i < f->sources; i++) {
        for (size_t j = 0; j < r->layer[f->source[i]].out; j++, at++) {
            entry[at] = (sp_onnx_entry){.layer = f->source[i], .feature = j, .weight = 1.0};
            row[at] = (sp_onnx_affine){&entry[at], 1, 0.0};
        }
    }
    const bool once = r->layer[f->source[0]].once;
    const sp_onnx_sequence all = {
        .rank = 2,
        .dim = {r->layer[f->source[0]].frames, sp_onnx_dim_of((int64_t)f->width)},
        .outer = once ? SP_ONNX_NO_AXIS : 0,
        .width = f->width,
        .row = row};
    SP_TRY(sp_onnx_sequence_settle(r, &all, &source));
    *layer = source.layer;
    return SP_OK;
}
