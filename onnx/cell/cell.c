/* Which recurrent cells the polynomials of one iteration are.
 *
 * With x the step and h the state, both as symbols, and activations as symbols a of their own, the
 * next state of unit k is a polynomial. Split by one of its symbols, it is a A + B. That is
 *     z h_k + (1 - z) n   with z = a,     n = B         when A + B = h_k,
 *     (1 - z) n + z h_k   with z = 1 - a, n = h_k + A   when B = h_k,
 * whatever order the graph computes it in. The candidate n is an activation, or itself a
 * polynomial, whose products r_j h_j or r_k h_j show the reset gate.
 *
 * With two states, h is o tanh(c') where c' = f c + i g is the other state: an LSTM. Cells of one
 * iteration may form a stack, each reading what the one before gives at this step. */
#include <string.h>

#include "onnx/cell/cell_match.h"
#include "onnx/cell/seed.h"

/* ---- RNN ---- */

static bool has_products(const sp_onnx_polynomial *polynomial) {
    for (size_t i = 0; i < polynomial->terms; i++) {
        if (polynomial->term[i].symbol[1] != SP_ONNX_NO_SYMBOL ||
            sp_onnx_is_atom(polynomial->term[i].symbol[0])) {
            return true;
        }
    }
    return false;
}

static bool is_rnn(const sp_onnx_polynomial *next, size_t hidden) {
    for (size_t k = 0; k < hidden; k++) {
        if (sp_onnx_lone_atom(&next[k]) == SP_ONNX_NO_SYMBOL && has_products(&next[k])) {
            return false;
        }
    }
    return true;
}

static sp_status match_rnn(sp_onnx_match *m, const sp_onnx_polynomial *next) {
    m->cell->kind = SP_CELL_RNN;
    SP_TRY(sp_onnx_match_take(m, 1));
    for (size_t k = 0; k < m->H; k++) {
        sp_onnx_row *row = &m->row[k];
        const sp_onnx_symbol atom = sp_onnx_lone_atom(&next[k]);
        sp_onnx_polynomial sum = next[k];
        row->function = (sp_activation){.kind = SP_ACTIVATION_AFFINE, .alpha = 1.0};
        if (atom != SP_ONNX_NO_SYMBOL) {
            SP_TRY(sp_onnx_match_function(m, k, &m->r->algebra->atom[atom - SP_ONNX_SYMBOL_ATOM],
                                          &row->function, &sum));
        } else if (sp_onnx_polynomial_is_constant(&sum)) {
            *row->bias = sum.shift;
        }
        SP_TRY(sp_onnx_match_linear(m, k, row, &sum));
    }
    return sp_onnx_match_share(m, &m->cell->candidate, 0, m->H);
}

/* ---- LSTM ---- */

/* The two activations that a polynomial is the product of, the one of kind TANH second. */
static bool is_gated(const sp_onnx_match *m, const sp_onnx_monomial *term, sp_onnx_symbol *gate,
                     sp_onnx_symbol *inner) {
    if (term->factor != 1.0 || !sp_onnx_is_atom(term->symbol[0]) ||
        !sp_onnx_is_atom(term->symbol[1]) || term->symbol[2] != SP_ONNX_NO_SYMBOL) {
        return false;
    }
    const sp_onnx_atom *atom = m->r->algebra->atom;
    const bool first = atom[term->symbol[0] - SP_ONNX_SYMBOL_ATOM].kind == SP_ONNX_ATOM_TANH;
    *inner = term->symbol[first ? 0 : 1];
    *gate = term->symbol[first ? 1 : 0];
    return atom[*inner - SP_ONNX_SYMBOL_ATOM].kind == SP_ONNX_ATOM_TANH &&
           atom[*gate - SP_ONNX_SYMBOL_ATOM].kind == SP_ONNX_ATOM_SIGMOID;
}

/* Whether h is a gate times tanh of the other state, unit by unit. */
static bool is_output_of(const sp_onnx_match *m, const sp_onnx_polynomial *h,
                         const sp_onnx_polynomial *c, size_t hidden) {
    for (size_t k = 0; k < hidden; k++) {
        sp_onnx_symbol gate, inner;
        if (h[k].terms != 1 || !is_gated(m, h[k].term, &gate, &inner) ||
            !sp_onnx_polynomial_same(&m->r->algebra->atom[inner - SP_ONNX_SYMBOL_ATOM].argument,
                                     &c[k])) {
            return false;
        }
    }
    return true;
}

static sp_status match_lstm(sp_onnx_match *m, const sp_onnx_polynomial *h,
                            const sp_onnx_polynomial *c, sp_onnx_symbol cells) {
    const size_t H = m->H;
    m->cell->kind = SP_CELL_LSTM;
    m->cell->gate = (sp_activation){.kind = SP_ACTIVATION_SIGMOID};
    m->cell->candidate = (sp_activation){.kind = SP_ACTIVATION_TANH};
    SP_TRY(sp_onnx_match_take(m, 4));
    for (size_t k = 0; k < H; k++) {
        sp_onnx_symbol i = 0, f = 0, g = 0, o = 0, inner = 0;
        (void)is_gated(m, h[k].term, &o, &inner);
        for (size_t j = 0; c[k].terms == 2 && j < 2; j++) {
            const sp_onnx_monomial *term = &c[k].term[j];
            const bool keeps = term->factor == 1.0 && sp_onnx_is_atom(term->symbol[0]) &&
                               term->symbol[1] == cells + (sp_onnx_symbol)k &&
                               term->symbol[2] == SP_ONNX_NO_SYMBOL;
            f = keeps ? term->symbol[0] : f;
            if (!keeps && !is_gated(m, term, &i, &g)) {
                i = SP_ONNX_NO_SYMBOL;
            }
        }
        if (i == SP_ONNX_NO_SYMBOL || f == SP_ONNX_NO_SYMBOL ||
            m->r->algebra->atom[f - SP_ONNX_SYMBOL_ATOM].kind != SP_ONNX_ATOM_SIGMOID) {
            return sp_onnx_no_cell(m, k, "its cell state is not sigmoid(f) c + sigmoid(i) tanh(g)");
        }
        SP_TRY(sp_onnx_match_gate(m, k, &m->row[k], i, false));
        SP_TRY(sp_onnx_match_gate(m, k, &m->row[H + k], f, false));
        SP_TRY(sp_onnx_match_gate(m, k, &m->row[2 * H + k], g, false));
        SP_TRY(sp_onnx_match_gate(m, k, &m->row[3 * H + k], o, false));
    }
    return SP_OK;
}

/* ---- the whole ---- */

/* The cell of an unused state h, with a second state if it is an LSTM. */
static sp_status match_state(sp_onnx_match *m, const sp_onnx_states *states, const bool *used,
                             size_t h, sp_onnx_found *found) {
    m->state = SP_ONNX_SYMBOL_STATE + ((sp_onnx_symbol)h << 22);
    m->H = states->width[h];
    m->cell = &found->cell;
    found->h = found->c = h;
    for (size_t c = 0; c < states->count; c++) {
        if (c != h && !used[c] && states->width[c] == m->H &&
            is_output_of(m, states->next[h], states->next[c], m->H)) {
            found->c = c;
            return match_lstm(m, states->next[h], states->next[c],
                              SP_ONNX_SYMBOL_STATE + ((sp_onnx_symbol)c << 22));
        }
    }
    if (is_rnn(states->next[h], m->H)) {
        return match_rnn(m, states->next[h]);
    }
    return m->below
               ? sp_onnx_no_cell(m, 0, "of cells that read another one, LSTMs and vanilla RNNs are")
               : sp_onnx_match_gru(m, states->next[h]);
}

/* Whether each of the outputs is one product of symbols, which a cell above can be seen to read. */
static bool are_products(const sp_onnx_polynomial *output, size_t count) {
    bool all = true;
    for (size_t k = 0; k < count; k++) {
        all = all && output[k].terms == 1 && output[k].term->factor == 1.0;
    }
    return all;
}

sp_status sp_onnx_cells_recognise(sp_onnx_reader *r, sp_onnx_found *found, size_t *cells,
                                  const sp_onnx_states *states) {
    bool used[SP_ONNX_MOST_STATES] = {false};
    sp_error *err = r->err, why = {0};
    sp_onnx_match below = {.D = r->algebra->width};
    size_t left = states->count;
    for (size_t s = 0; s < states->count; s++) {
        for (size_t k = 0; k < states->width[s]; k++) {
            SP_TRY(sp_onnx_polynomial_normalise(r, &states->next[s][k]));
        }
    }
    for (size_t s = 0; s < states->count; s++) {
        used[s] = states->copy[s];
        left -= states->copy[s] ? 1 : 0;
    }
    for (*cells = 0; left > 0; (*cells)++) {
        sp_status status = SP_E_UNSUPPORTED;
        sp_onnx_found *one = &found[*cells];
        sp_error first = {0};
        for (size_t h = 0; h < states->count && status != SP_OK; h++) {
            if (used[h]) {
                continue;
            }
            sp_onnx_match m = below;
            m.r = r;
            *one = (sp_onnx_found){0};
            r->err = &why;
            status = match_state(&m, states, used, h, one);
            r->err = err;
            first = first.code == SP_OK ? why : first;
            if (status == SP_E_MEMORY || status == SP_E_NONFINITE) {
                return sp_fail(err, status, "%s", why.text);
            }
        }
        if (status != SP_OK) {
            return sp_fail(err, first.code, "%s", first.text);
        }
        left -= one->c == one->h ? 1 : 2;
        used[one->h] = used[one->c] = true;
        below = (sp_onnx_match){.D = states->width[one->h], .below = states->next[one->h]};
        if (left > 0 && !are_products(below.below, below.D)) {
            return sp_onnx_refuse(r, SP_E_UNSUPPORTED,
                                  "it carries %zu states from step to step: several cells in one "
                                  "Loop are read where each is an LSTM or an RNN on top of another",
                                  states->count);
        }
    }
    return SP_OK;
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

sp_status sp_onnx_cells_push(sp_onnx_reader *r, sp_onnx_source *source, const sp_onnx_found *found,
                             size_t cells, size_t below) {
    for (size_t k = 0; k < cells; k++) {
        sp_onnx_part *part = sp_region_take(&r->region, 1, sizeof *part);
        if (!part) {
            return sp_onnx_out_of_memory(r);
        }
        const bool once = r->layer[below].once;
        part->from = (sp_onnx_source){.layer = below,
                                      .reading = once ? SP_ONNX_READ_STEP : SP_ONNX_READ_EVERY};
        sp_cell cell = found[k].cell;
        SP_TRY(sp_onnx_cell_seed(r, &cell, &part->from, found[k].start));
        source[found[k].h] = (sp_onnx_source){.reading = part->from.reading};
        SP_TRY(sp_onnx_layer_push(r,
                                  (sp_onnx_layer){.kind = SP_NODE_CELL,
                                                  .out = found[k].cell.out,
                                                  .frames = r->layer[below].frames,
                                                  .once = once,
                                                  .parts = 1,
                                                  .part = part,
                                                  .cell = cell},
                                  &source[found[k].h].layer));
        below = source[found[k].h].layer;
    }
    return SP_OK;
}
