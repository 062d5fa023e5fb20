/* Which recurrent cell the polynomials of one iteration are.
 *
 * With x the step and h the state, both as symbols, and activations as symbols a of their own, the
 * next state of unit k is a polynomial. Split by one of its symbols, it is a A + B. That is
 *     z h_k + (1 - z) n   with z = a,     n = B         when A + B = h_k,
 *     (1 - z) n + z h_k   with z = 1 - a, n = h_k + A   when B = h_k,
 * whatever order the graph computes it in. The candidate n is an activation, or itself a
 * polynomial, whose products r_j h_j or r_k h_j show the reset gate. */
#include <math.h>
#include <string.h>

#include "onnx/impl.h"

/* A row of pre-activations: weight x + recurrent h + bias, seen through min(max(alpha . + beta, 0),
 * 1) or another function. */
typedef struct sp_onnx_row {
    bool seen;
    sp_activation function;
    double *weight, *recurrent, *bias;
    double *recurrent_bias; /* of candidates, else NULL */
} sp_onnx_row;

typedef struct sp_onnx_match {
    sp_onnx_reader *r;
    sp_cell *cell;
    size_t D, H;
    sp_onnx_symbol *reset; /* [H] reset gate of unit j; SP_ONNX_NO_SYMBOL: not seen */
    sp_onnx_row *row;      /* [3 H] of z, r, n; RNN: [H] */
} sp_onnx_match;

static bool is_feature(const sp_onnx_match *m, sp_onnx_symbol s) {
    return s >= SP_ONNX_SYMBOL_FEATURE && s - SP_ONNX_SYMBOL_FEATURE < m->D;
}
static bool is_state(const sp_onnx_match *m, sp_onnx_symbol s) {
    return s >= SP_ONNX_SYMBOL_STATE && s - SP_ONNX_SYMBOL_STATE < m->H;
}
static bool is_atom(sp_onnx_symbol s) {
    return s >= SP_ONNX_SYMBOL_ATOM;
}

static sp_status no_cell(const sp_onnx_match *m, size_t k, const char *why) {
    return sp_onnx_refuse(
        m->r, SP_E_UNSUPPORTED,
        "unit %zu of the state that its body computes is no GRU, nor a vanilla RNN: %s", k, why);
}

/* ---- rows ---- */

/* Reads the argument of an atom as a function of a plain sum: the weights stay as in the file. */
static sp_status read_function(const sp_onnx_match *m, size_t k, const sp_onnx_atom *atom,
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
    return no_cell(m, k, "an activation is limited on one side by another number than 0");
}

/* sum = weight x + recurrent h + bias, or nothing of the kind. */
static sp_status read_linear(sp_onnx_match *m, size_t k, sp_onnx_row *row,
                             const sp_onnx_polynomial *sum) {
    row->seen = true;
    for (size_t i = 0; i < sum->terms; i++) {
        const sp_onnx_monomial *term = &sum->term[i];
        const sp_onnx_symbol s = term->symbol[0];
        if (s == SP_ONNX_NO_SYMBOL) {
            *row->bias = term->factor;
        } else if (is_feature(m, s) && term->symbol[1] == SP_ONNX_NO_SYMBOL) {
            row->weight[s - SP_ONNX_SYMBOL_FEATURE] = term->factor;
        } else if (is_state(m, s) && term->symbol[1] == SP_ONNX_NO_SYMBOL) {
            row->recurrent[s - SP_ONNX_SYMBOL_STATE] = term->factor;
        } else {
            return no_cell(m, k, "a gate does not depend linearly on the step and the state");
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
static sp_status read_gate(sp_onnx_match *m, size_t k, sp_onnx_row *row, sp_onnx_symbol symbol,
                           bool complement) {
    sp_onnx_polynomial sum;
    if (!is_atom(symbol)) {
        return no_cell(m, k, "its gate is no activation");
    }
    SP_TRY(read_function(m, k, &m->r->algebra->atom[symbol - SP_ONNX_SYMBOL_ATOM], &row->function,
                         &sum));
    SP_TRY(read_linear(m, k, row, &sum));
    sp_activation *f = &row->function;
    if (complement && f->kind != SP_ACTIVATION_SIGMOID && f->kind != SP_ACTIVATION_HARD_SIGMOID) {
        return no_cell(m, k, "1 - gate of its gate has no name");
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
static sp_status share_function(sp_onnx_match *m, sp_activation *shared, size_t first,
                                size_t count) {
    const sp_activation *f = NULL;
    bool equal = true;
    for (size_t k = first; k < first + count; k++) {
        const sp_onnx_row *row = &m->row[k];
        if (!row->seen) {
            continue;
        }
        f = f ? f : &row->function;
        if (row->function.kind != f->kind) {
            return no_cell(m, k % m->H, "its activation is not that of the other units and gates");
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

static sp_status take_rows(sp_onnx_match *m, size_t gates) {
    sp_cell *cell = m->cell;
    sp_onnx_region *region = &m->r->region;
    const size_t rows = gates * m->H;
    cell->in = m->D;
    cell->out = m->H;
    cell->weight = sp_onnx_region_take(region, rows * m->D, sizeof(double));
    cell->recurrent = sp_onnx_region_take(region, rows * m->H, sizeof(double));
    cell->bias = sp_onnx_region_take(region, rows, sizeof(double));
    m->row = sp_onnx_region_take(region, rows, sizeof *m->row);
    m->reset = sp_onnx_region_take(region, m->H, sizeof *m->reset);
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

/* ---- RNN ---- */

static sp_onnx_symbol lone_atom(const sp_onnx_polynomial *polynomial) {
    const sp_onnx_monomial *term = polynomial->term;
    return polynomial->terms == 1 && term->factor == 1.0 && is_atom(term->symbol[0]) &&
                   term->symbol[1] == SP_ONNX_NO_SYMBOL
               ? term->symbol[0]
               : SP_ONNX_NO_SYMBOL;
}

static bool has_products(const sp_onnx_polynomial *polynomial) {
    for (size_t i = 0; i < polynomial->terms; i++) {
        if (polynomial->term[i].symbol[1] != SP_ONNX_NO_SYMBOL ||
            is_atom(polynomial->term[i].symbol[0])) {
            return true;
        }
    }
    return false;
}

static bool is_rnn(const sp_onnx_polynomial *next, size_t hidden) {
    for (size_t k = 0; k < hidden; k++) {
        if (lone_atom(&next[k]) == SP_ONNX_NO_SYMBOL && has_products(&next[k])) {
            return false;
        }
    }
    return true;
}

static sp_status match_rnn(sp_onnx_match *m, const sp_onnx_polynomial *next) {
    m->cell->kind = SP_CELL_RNN;
    SP_TRY(take_rows(m, 1));
    for (size_t k = 0; k < m->H; k++) {
        sp_onnx_row *row = &m->row[k];
        const sp_onnx_symbol atom = lone_atom(&next[k]);
        sp_onnx_polynomial sum = next[k];
        row->function = (sp_activation){.kind = SP_ACTIVATION_AFFINE, .alpha = 1.0};
        if (atom != SP_ONNX_NO_SYMBOL) {
            SP_TRY(read_function(m, k, &m->r->algebra->atom[atom - SP_ONNX_SYMBOL_ATOM],
                                 &row->function, &sum));
        } else if (sp_onnx_polynomial_is_constant(&sum)) {
            *row->bias = sum.shift;
        }
        SP_TRY(read_linear(m, k, row, &sum));
    }
    return share_function(m, &m->cell->candidate, 0, m->H);
}

/* ---- GRU ---- */

static bool contains(const sp_onnx_monomial *term, sp_onnx_symbol symbol) {
    for (size_t i = 0; i < SP_ONNX_MOST_FACTORS; i++) {
        if (term->symbol[i] == symbol) {
            return true;
        }
    }
    return false;
}

/* polynomial = symbol a + b. */
static sp_status split(sp_onnx_match *m, sp_onnx_polynomial *a, sp_onnx_polynomial *b,
                       const sp_onnx_polynomial *polynomial, sp_onnx_symbol symbol) {
    sp_onnx_monomial *term =
        sp_onnx_region_take(&m->r->region, polynomial->terms + 1, sizeof *term);
    if (!term) {
        return sp_onnx_out_of_memory(m->r);
    }
    size_t with = 0, without = polynomial->terms;
    for (size_t i = polynomial->terms; i-- > 0;) {
        if (!contains(&polynomial->term[i], symbol)) {
            term[--without] = polynomial->term[i]; // stay sorted
        }
    }
    for (size_t i = 0; i < polynomial->terms; i++) {
        if (!contains(&polynomial->term[i], symbol)) {
            continue;
        }
        sp_onnx_monomial rest = {.factor = polynomial->term[i].factor};
        size_t n = 0, dropped = 0;
        for (size_t j = 0; j < SP_ONNX_MOST_FACTORS; j++) {
            if (polynomial->term[i].symbol[j] == symbol && dropped++ == 0) {
                continue;
            }
            rest.symbol[n++] = polynomial->term[i].symbol[j];
        }
        term[with++] = rest;
    }
    // Adding nothing sorts them and tells numbers from sums.
    *a = (sp_onnx_polynomial){.term = term, .terms = with, .scale = 1.0};
    *b = (sp_onnx_polynomial){
        .term = term + without, .terms = polynomial->terms - without, .scale = 1.0};
    const sp_onnx_polynomial none = sp_onnx_polynomial_constant(0.0);
    SP_TRY(sp_onnx_polynomial_add(m->r, a, a, &none));
    return sp_onnx_polynomial_add(m->r, b, b, &none);
}

static bool is_symbol(const sp_onnx_polynomial *polynomial, sp_onnx_symbol symbol) {
    return polynomial->terms == 1 && polynomial->term->factor == 1.0 && polynomial->scale == 1.0 &&
           polynomial->shift == 0.0 && polynomial->term->symbol[0] == symbol &&
           polynomial->term->symbol[1] == SP_ONNX_NO_SYMBOL;
}

/* Finds z and n of unit k. */
static sp_status find_update(sp_onnx_match *m, size_t k, const sp_onnx_polynomial *next,
                             sp_onnx_symbol *z, bool *complement, sp_onnx_polynomial *n) {
    const sp_onnx_symbol h = SP_ONNX_SYMBOL_STATE + (sp_onnx_symbol)k;
    sp_onnx_polynomial state, a, b, sum;
    SP_TRY(sp_onnx_polynomial_symbol(m->r, &state, h));
    for (size_t i = 0; i < next->terms; i++) {
        const sp_onnx_symbol *s = next->term[i].symbol;
        if (!is_atom(s[0]) || s[1] != h || s[2] != SP_ONNX_NO_SYMBOL) {
            continue;
        }
        SP_TRY(split(m, &a, &b, next, s[0]));
        SP_TRY(sp_onnx_polynomial_add(m->r, &sum, &a, &b));
        *z = s[0];
        *complement = is_symbol(&b, h);
        if (is_symbol(&sum, h)) {
            *complement = false;
            *n = b;
            return SP_OK;
        }
        if (*complement) {
            return sp_onnx_polynomial_add(m->r, n, &a, &state);
        }
    }
    return no_cell(m, k, "it is not z h + (1 - z) n for any gate z");
}

/* The candidate: an activation of a sum, or the sum itself. */
static sp_status read_candidate(sp_onnx_match *m, size_t k, const sp_onnx_polynomial *n,
                                sp_onnx_polynomial *sum) {
    sp_onnx_row *row = &m->row[2 * m->H + k];
    const sp_onnx_symbol atom = lone_atom(n);
    row->seen = true;
    row->recurrent_bias = &m->cell->recurrent_bias[k];
    row->function = (sp_activation){.kind = SP_ACTIVATION_AFFINE, .alpha = 1.0};
    *sum = *n;
    if (atom != SP_ONNX_NO_SYMBOL) {
        SP_TRY(read_function(m, k, &m->r->algebra->atom[atom - SP_ONNX_SYMBOL_ATOM], &row->function,
                             sum));
    }
    if (sp_onnx_polynomial_is_constant(sum)) {
        *row->bias = sum->shift;
    }
    return SP_OK;
}

/* Whether all products of the candidates are r_j h_j: the reset before the product. */
static bool resets_before(sp_onnx_match *m, const sp_onnx_polynomial *sum) {
    memset(m->reset, 0, m->H * sizeof *m->reset);
    for (size_t k = 0; k < m->H; k++) {
        for (size_t i = 0; i < sum[k].terms; i++) {
            const sp_onnx_symbol *s = sum[k].term[i].symbol;
            if (!is_atom(s[0])) {
                continue;
            }
            if (!is_state(m, s[1])) {
                return false;
            }
            sp_onnx_symbol *reset = &m->reset[s[1] - SP_ONNX_SYMBOL_STATE];
            if (*reset != SP_ONNX_NO_SYMBOL && *reset != s[0]) {
                return false;
            }
            *reset = s[0];
        }
    }
    return true;
}

/* Whether those of unit k are r_k h_j and r_k: the reset after the product. */
static bool resets_after(sp_onnx_match *m, const sp_onnx_polynomial *sum) {
    memset(m->reset, 0, m->H * sizeof *m->reset);
    for (size_t k = 0; k < m->H; k++) {
        for (size_t i = 0; i < sum[k].terms; i++) {
            const sp_onnx_symbol *s = sum[k].term[i].symbol;
            if (!is_atom(s[0])) {
                continue;
            }
            if (m->reset[k] != SP_ONNX_NO_SYMBOL && m->reset[k] != s[0]) {
                return false;
            }
            m->reset[k] = s[0];
        }
    }
    return true;
}

/* Row k of n: weight x + bias + products with the reset gate. */
static sp_status read_products(sp_onnx_match *m, size_t k, const sp_onnx_polynomial *sum) {
    sp_onnx_row *row = &m->row[2 * m->H + k];
    for (size_t i = 0; i < sum->terms; i++) {
        const sp_onnx_monomial *term = &sum->term[i];
        const sp_onnx_symbol *s = term->symbol;
        const size_t used = s[0] == SP_ONNX_NO_SYMBOL ? 0 : s[1] == SP_ONNX_NO_SYMBOL ? 1 : 2;
        if (used == 0) {
            *row->bias = term->factor;
        } else if (used == 1 && is_feature(m, s[0])) {
            row->weight[s[0] - SP_ONNX_SYMBOL_FEATURE] = term->factor;
        } else if (used == 1 && is_atom(s[0]) && m->cell->reset_after) {
            *row->recurrent_bias = term->factor;
        } else if (used == 2 && is_atom(s[0]) && is_state(m, s[1]) && s[2] == SP_ONNX_NO_SYMBOL) {
            row->recurrent[s[1] - SP_ONNX_SYMBOL_STATE] = term->factor;
        } else {
            return no_cell(m, k, "its candidate holds other terms than those of a GRU");
        }
    }
    return SP_OK;
}

static sp_status match_gru(sp_onnx_match *m, const sp_onnx_polynomial *next) {
    const size_t H = m->H;
    m->cell->kind = SP_CELL_GRU;
    SP_TRY(take_rows(m, 3));
    sp_onnx_polynomial *sum = sp_onnx_region_take(&m->r->region, H, sizeof *sum);
    m->cell->recurrent_bias = sp_onnx_region_take(&m->r->region, H, sizeof(double));
    if (!sum || !m->cell->recurrent_bias) {
        return sp_onnx_out_of_memory(m->r);
    }
    for (size_t k = 0; k < H; k++) {
        sp_onnx_symbol z = SP_ONNX_NO_SYMBOL;
        bool complement = false;
        sp_onnx_polynomial n;
        SP_TRY(find_update(m, k, &next[k], &z, &complement, &n));
        SP_TRY(read_gate(m, k, &m->row[k], z, complement));
        SP_TRY(read_candidate(m, k, &n, &sum[k]));
    }
    if (!resets_before(m, sum)) {
        m->cell->reset_after = true;
        if (!resets_after(m, sum)) {
            return no_cell(m, 0, "no gate resets the state for the candidates of all units");
        }
    }
    for (size_t k = 0; k < H; k++) {
        SP_TRY(read_products(m, k, &sum[k]));
        if (m->reset[k] != SP_ONNX_NO_SYMBOL) {
            SP_TRY(read_gate(m, k, &m->row[H + k], m->reset[k], false));
        }
    }
    SP_TRY(share_function(m, &m->cell->gate, 0, 2 * H));
    SP_TRY(share_function(m, &m->cell->candidate, 2 * H, H));
    if (!m->cell->reset_after) {
        m->cell->recurrent_bias = NULL;
    }
    return SP_OK;
}

/* ---- the whole ---- */

sp_status sp_onnx_cell_recognise(sp_onnx_reader *r, sp_cell *cell, sp_onnx_polynomial *next,
                                 size_t hidden) {
    *cell = (sp_cell){0};
    sp_onnx_match m = {.r = r, .cell = cell, .D = r->algebra->width, .H = hidden};
    for (size_t k = 0; k < hidden; k++) {
        SP_TRY(sp_onnx_polynomial_normalise(r, &next[k]));
    }
    return is_rnn(next, hidden) ? match_rnn(&m, next) : match_gru(&m, next);
}

static bool same_numbers(const double *a, const double *b, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (!(a[i] == b[i])) {
            return false;
        }
    }
    return true;
}

static bool same_function(sp_activation a, sp_activation b) {
    return a.kind == b.kind && a.alpha == b.alpha && a.beta == b.beta;
}

bool sp_onnx_cell_same(const sp_cell *a, const sp_cell *b) {
    if (a->kind != b->kind || a->in != b->in || a->out != b->out ||
        a->reset_after != b->reset_after || !same_function(a->gate, b->gate) ||
        !same_function(a->candidate, b->candidate)) {
        return false;
    }
    const size_t rows = sp_cell_gates(a) * a->out;
    return same_numbers(a->weight, b->weight, rows * a->in) &&
           same_numbers(a->recurrent, b->recurrent, rows * a->out) &&
           same_numbers(a->bias, b->bias, rows) &&
           (!a->reset_after || same_numbers(a->recurrent_bias, b->recurrent_bias, a->out));
}
