/* Whether the polynomials of one state are a GRU. */
#include <string.h>

#include "onnx/cell/cell_match.h"

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
    sp_onnx_monomial *term = sp_region_take(&m->r->region, polynomial->terms + 1, sizeof *term);
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
    const sp_onnx_symbol h = m->state + (sp_onnx_symbol)k;
    sp_onnx_polynomial state, a, b, sum;
    SP_TRY(sp_onnx_polynomial_symbol(m->r, &state, h));
    for (size_t i = 0; i < next->terms; i++) {
        const sp_onnx_symbol *s = next->term[i].symbol;
        if (!sp_onnx_is_atom(s[0]) || s[1] != h || s[2] != SP_ONNX_NO_SYMBOL) {
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
    return sp_onnx_no_cell(m, k, "it is not z h + (1 - z) n for any gate z");
}

/* The candidate: an activation of a sum, or the sum itself. */
static sp_status read_candidate(sp_onnx_match *m, size_t k, const sp_onnx_polynomial *n,
                                sp_onnx_polynomial *sum) {
    sp_onnx_row *row = &m->row[2 * m->H + k];
    const sp_onnx_symbol atom = sp_onnx_lone_atom(n);
    row->seen = true;
    row->recurrent_bias = &m->cell->recurrent_bias[k];
    row->function = (sp_activation){.kind = SP_ACTIVATION_AFFINE, .alpha = 1.0};
    *sum = *n;
    if (atom != SP_ONNX_NO_SYMBOL) {
        SP_TRY(sp_onnx_match_function(m, k, &m->r->algebra->atom[atom - SP_ONNX_SYMBOL_ATOM],
                                      &row->function, sum));
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
            if (!sp_onnx_is_atom(s[0])) {
                continue;
            }
            if (!sp_onnx_match_is_state(m, s[1])) {
                return false;
            }
            sp_onnx_symbol *reset = &m->reset[s[1] - m->state];
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
            if (!sp_onnx_is_atom(s[0])) {
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
        } else if (used == 1 && sp_onnx_match_is_feature(m, s[0])) {
            row->weight[s[0] - SP_ONNX_SYMBOL_FEATURE] = term->factor;
        } else if (used == 1 && sp_onnx_is_atom(s[0]) && m->cell->reset_after) {
            *row->recurrent_bias = term->factor;
        } else if (used == 2 && sp_onnx_is_atom(s[0]) && sp_onnx_match_is_state(m, s[1]) &&
                   s[2] == SP_ONNX_NO_SYMBOL) {
            row->recurrent[s[1] - m->state] = term->factor;
        } else {
            return sp_onnx_no_cell(m, k, "its candidate holds other terms than those of a GRU");
        }
    }
    return SP_OK;
}

sp_status sp_onnx_match_gru(sp_onnx_match *m, const sp_onnx_polynomial *next) {
    const size_t H = m->H;
    m->cell->kind = SP_CELL_GRU;
    SP_TRY(sp_onnx_match_take(m, 3));
    sp_onnx_polynomial *sum = sp_region_take(&m->r->region, H, sizeof *sum);
    m->cell->recurrent_bias = sp_region_take(&m->r->region, H, sizeof(double));
    if (!sum || !m->cell->recurrent_bias) {
        return sp_onnx_out_of_memory(m->r);
    }
    for (size_t k = 0; k < H; k++) {
        sp_onnx_symbol z = SP_ONNX_NO_SYMBOL;
        bool complement = false;
        sp_onnx_polynomial n;
        SP_TRY(find_update(m, k, &next[k], &z, &complement, &n));
        SP_TRY(sp_onnx_match_gate(m, k, &m->row[k], z, complement));
        SP_TRY(read_candidate(m, k, &n, &sum[k]));
    }
    if (!resets_before(m, sum)) {
        m->cell->reset_after = true;
        if (!resets_after(m, sum)) {
            return sp_onnx_no_cell(m, 0,
                                   "no gate resets the state for the candidates of all units");
        }
    }
    for (size_t k = 0; k < H; k++) {
        SP_TRY(read_products(m, k, &sum[k]));
        if (m->reset[k] != SP_ONNX_NO_SYMBOL) {
            SP_TRY(sp_onnx_match_gate(m, k, &m->row[H + k], m->reset[k], false));
        }
    }
    SP_TRY(sp_onnx_match_share(m, &m->cell->gate, 0, 2 * H));
    SP_TRY(sp_onnx_match_share(m, &m->cell->candidate, 2 * H, H));
    if (!m->cell->reset_after) {
        m->cell->recurrent_bias = NULL;
    }
    return SP_OK;
}
