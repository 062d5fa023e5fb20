/* Rows of pre-activations of a cell, out of polynomials. */
#include <math.h>
#include <string.h>

#include "onnx/cell/cell_match.h"

bool sp_onnx_match_is_feature(const sp_onnx_match *m, sp_onnx_symbol s) {
    return !m->below && s >= SP_ONNX_SYMBOL_FEATURE && s - SP_ONNX_SYMBOL_FEATURE < m->D;
}
bool sp_onnx_match_is_state(const sp_onnx_match *m, sp_onnx_symbol s) {
    return s >= m->state && s - m->state < m->H;
}
sp_status sp_onnx_no_cell(const sp_onnx_match *m, size_t k, const char *why) {
    return sp_onnx_refuse(
        m->r, SP_E_UNSUPPORTED,
        "unit %zu of the state that its body computes is no LSTM, GRU or vanilla RNN: %s", k, why);
}

static bool same_symbols(const sp_onnx_monomial *a, const sp_onnx_monomial *b) {
    return memcmp(a->symbol, b->symbol, sizeof a->symbol) == 0;
}

/* Whether a term is a number of the input of the cell, *j. */
static bool is_input(sp_onnx_match *m, const sp_onnx_monomial *term, size_t *j) {
    *j = term->symbol[0] - SP_ONNX_SYMBOL_FEATURE;
    for (size_t i = 0; m->below && i < m->D; i++) {
        *j = (m->next_below + i) % m->D;
        if (same_symbols(m->below[*j].term, term)) {
            m->next_below = *j + 1;
            return true;
        }
    }
    return sp_onnx_match_is_feature(m, term->symbol[0]) && term->symbol[1] == SP_ONNX_NO_SYMBOL;
}

/* ---- rows ---- */

/* Reads the argument of an atom as a function of a plain sum: the weights stay as in the file. */
sp_status sp_onnx_match_function(const sp_onnx_match *m, size_t k, const sp_onnx_atom *atom,
                                 sp_activation *function, sp_onnx_polynomial *sum) {
    *sum = atom->argument;
    switch (atom->kind) {
    case SP_ONNX_ATOM_SIGMOID:
        *function = (sp_activation){.kind = SP_ACTIVATION_SIGMOID};
        return SP_OK;
    case SP_ONNX_ATOM_TANH:
        *function = (sp_activation){.kind = SP_ACTIVATION_TANH};
        return SP_OK;
    case SP_ONNX_ATOM_CLIP:
        if (atom->lo == 0.0 && isinf(atom->hi)) {
            *function = (sp_activation){.kind = SP_ACTIVATION_RELU};
            return sp_onnx_polynomial_normalise(m->r, sum);
        }
        if (atom->lo == 0.0 && atom->hi == 1.0) {
            *function = (sp_activation){
                .kind = SP_ACTIVATION_HARD_SIGMOID, .alpha = sum->scale, .beta = sum->shift};
            sum->scale = function->alpha < 0.0 ? -1.0 : 1.0; // alpha becomes positive
            sum->shift = 0.0;
            function->alpha = fabs(function->alpha);
            return sp_onnx_polynomial_normalise(m->r, sum);
        }
    }
    return sp_onnx_no_cell(m, k, "an activation is limited on one side by another number than 0");
}

/* sum = weight x + recurrent h + bias, or nothing of the kind. */
sp_status sp_onnx_match_linear(sp_onnx_match *m, size_t k, sp_onnx_row *row,
                               const sp_onnx_polynomial *sum) {
    row->seen = true;
    for (size_t i = 0; i < sum->terms; i++) {
        const sp_onnx_monomial *term = &sum->term[i];
        const sp_onnx_symbol s = term->symbol[0];
        size_t j = 0;
        if (s == SP_ONNX_NO_SYMBOL) {
            *row->bias = term->factor;
        } else if (is_input(m, term, &j)) {
            row->weight[j] = term->factor;
        } else if (sp_onnx_match_is_state(m, s) && term->symbol[1] == SP_ONNX_NO_SYMBOL) {
            row->recurrent[s - m->state] = term->factor;
        } else {
            return sp_onnx_no_cell(m, k,
                                   "a gate does not depend linearly on the step and the state");
        }
    }
    return SP_OK;
}

static void scale_row(const sp_onnx_match *m, sp_onnx_row *row, double factor) {
    for (size_t i = 0; i < m->D; i++) {
        row->weight[i] *= factor;
    }
    for (size_t i = 0; i < m->H; i++) {
        row->recurrent[i] *= factor;
    }
    *row->bias *= factor;
    if (row->recurrent_bias) {
        *row->recurrent_bias *= factor;
    }
}

/* The gate that a symbol is, into a row that may know it already. */
sp_status sp_onnx_match_gate(sp_onnx_match *m, size_t k, sp_onnx_row *row, sp_onnx_symbol symbol,
                             bool complement) {
    sp_onnx_polynomial sum;
    if (!sp_onnx_is_atom(symbol)) {
        return sp_onnx_no_cell(m, k, "its gate is no activation");
    }
    SP_TRY(sp_onnx_match_function(m, k, &m->r->algebra->atom[symbol - SP_ONNX_SYMBOL_ATOM],
                                  &row->function, &sum));
    SP_TRY(sp_onnx_match_linear(m, k, row, &sum));
    sp_activation *f = &row->function;
    if (complement && f->kind != SP_ACTIVATION_SIGMOID && f->kind != SP_ACTIVATION_HARD_SIGMOID) {
        return sp_onnx_no_cell(m, k, "1 - gate of its gate has no name");
    }
    // 1 - sigmoid(x) = sigmoid(-x); 1 - hs(alpha x + beta) = hs(alpha (-x) + 1 - beta).
    if (complement) {
        f->beta = f->kind == SP_ACTIVATION_HARD_SIGMOID ? 1.0 - f->beta : f->beta;
        scale_row(m, row, -1.0);
    }
    return SP_OK;
}

/* Rows of one kind must share one function. Hard sigmoids with different alpha and beta are
 * brought to min(max(x, 0), 1). */
sp_status sp_onnx_match_share(sp_onnx_match *m, sp_activation *shared, size_t first, size_t count) {
    const sp_activation *f = NULL;
    bool equal = true;
    for (size_t k = first; k < first + count; k++) {
        const sp_onnx_row *row = &m->row[k];
        if (!row->seen) {
            continue;
        }
        f = f ? f : &row->function;
        if (row->function.kind != f->kind) {
            return sp_onnx_no_cell(m, k % m->H,
                                   "its activation is not that of the other units and gates");
        }
        equal = equal && row->function.alpha == f->alpha && row->function.beta == f->beta;
    }
    *shared = f ? *f : (sp_activation){.kind = SP_ACTIVATION_SIGMOID};
    if (equal) {
        return SP_OK;
    }
    *shared = (sp_activation){.kind = SP_ACTIVATION_HARD_SIGMOID, .alpha = 1.0};
    for (size_t k = first; k < first + count; k++) {
        sp_onnx_row *row = &m->row[k];
        if (row->seen) {
            scale_row(m, row, row->function.alpha);
            *row->bias += row->function.beta;
        }
    }
    return SP_OK;
}

sp_status sp_onnx_match_take(sp_onnx_match *m, size_t gates) {
    sp_cell *cell = m->cell;
    sp_region *region = &m->r->region;
    const size_t rows = gates * m->H;
    cell->in = m->D;
    cell->out = m->H;
    cell->weight = sp_region_take(region, rows * m->D, sizeof(double));
    cell->recurrent = sp_region_take(region, rows * m->H, sizeof(double));
    cell->bias = sp_region_take(region, rows, sizeof(double));
    m->row = sp_region_take(region, rows, sizeof *m->row);
    m->reset = sp_region_take(region, m->H, sizeof *m->reset);
    if (!cell->weight || !cell->recurrent || !cell->bias || !m->row || !m->reset) {
        return sp_onnx_out_of_memory(m->r);
    }
    for (size_t k = 0; k < rows; k++) {
        m->row[k].weight = cell->weight + k * m->D;
        m->row[k].recurrent = cell->recurrent + k * m->H;
        m->row[k].bias = cell->bias + k;
    }
    return SP_OK;
}

sp_onnx_symbol sp_onnx_lone_atom(const sp_onnx_polynomial *polynomial) {
    const sp_onnx_monomial *term = polynomial->term;
    return polynomial->terms == 1 && term->factor == 1.0 && sp_onnx_is_atom(term->symbol[0]) &&
                   term->symbol[1] == SP_ONNX_NO_SYMBOL
               ? term->symbol[0]
               : SP_ONNX_NO_SYMBOL;
}
