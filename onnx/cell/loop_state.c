/* The states of a Loop over the steps of the input, and the cells that each iteration computes. */
#include <string.h>

#include "onnx/cell/loop.h"

/* Runs the first iteration until no more carried value turns out to depend on the features. */
sp_status sp_onnx_loop_find_states(sp_onnx_reader *r, sp_onnx_loop *loop) {
    for (bool found = true; found && loop->go && loop->trips > 0;) {
        found = false;
        sp_region outer = r->region;
        r->region = (sp_region){.left = outer.left};
        sp_onnx_algebra_reset(r->algebra);
        const sp_status status = sp_onnx_loop_run_body(r, loop);
        for (size_t i = 0; status == SP_OK && i < loop->carried; i++) {
            if (!loop->is_state[i] && sp_onnx_loop_holds_polynomials(&loop->next[i + 1])) {
                found = loop->is_state[i] = true;
            }
        }
        sp_region_clear(&r->region, 0);
        r->region = outer;
        SP_TRY(status);
    }
    return SP_OK;
}

static double *copy_numbers(sp_onnx_reader *r, const double *numbers, size_t count) {
    double *copy = sp_region_take(&r->region, count, sizeof *copy);
    if (copy) {
        memcpy(copy, numbers, count * sizeof *copy);
    }
    return copy;
}

static sp_status check_state(sp_onnx_reader *r, sp_onnx_loop *loop, size_t state) {
    const sp_onnx_value *value = &loop->now[loop->state[state]];
    const char *name = sp_onnx_input_name(r, loop->state[state] + 2);
    if (value->kind != SP_ONNX_VALUE_TENSOR || value->tensor.kind != SP_ONNX_REAL) {
        return sp_onnx_refuse(r, SP_E_UNSUPPORTED, "its state '%.60s' does not start as constants",
                              name);
    }
    loop->hidden[state] = value->tensor.count;
    loop->start[state] = copy_numbers(r, value->tensor.real, value->tensor.count);
    if (!loop->start[state]) {
        return sp_onnx_out_of_memory(r);
    }
    return value->tensor.count > 0 && value->tensor.count <= SP_ONNX_MOST_UNITS
               ? SP_OK
               : sp_onnx_refuse(r, SP_E_UNSUPPORTED, "its state has %zu units",
                                value->tensor.count);
}

sp_status sp_onnx_loop_check_states(sp_onnx_reader *r, sp_onnx_loop *loop) {
    for (size_t i = 0; i < loop->carried; i++) {
        if (loop->is_state[i] && loop->states == SP_ONNX_MOST_STATES) {
            return sp_onnx_refuse(r, SP_E_UNSUPPORTED,
                                  "it carries more than %d states from step to step",
                                  SP_ONNX_MOST_STATES);
        }
        if (loop->is_state[i]) {
            loop->state[loop->states++] = i;
        }
    }
    for (size_t s = 0; s < loop->states; s++) {
        SP_TRY(check_state(r, loop, s));
    }
    return SP_OK;
}

/* Normalised, so that scan outputs can be compared with it. */
static sp_status next_state(sp_onnx_reader *r, sp_onnx_loop *loop, size_t state,
                            sp_onnx_polynomial **polynomial) {
    const size_t carried = loop->state[state];
    sp_onnx_tensor *next = &loop->next[carried + 1].tensor;
    const sp_onnx_tensor *now = &loop->now[carried].tensor;
    if (!sp_onnx_loop_holds_polynomials(&loop->next[carried + 1]) || next->rank != now->rank ||
        memcmp(next->dim, now->dim, sizeof next->dim) != 0) {
        return sp_onnx_refuse(r, SP_E_UNSUPPORTED,
                              "its state '%.60s' is another one after iteration %zu",
                              sp_onnx_input_name(r, carried + 2), loop->iterations);
    }
    const sp_onnx_polynomial *found = next->polynomial;
    *polynomial = sp_onnx_tensor_make(r, next);
    if (!*polynomial) {
        return sp_onnx_out_of_memory(r);
    }
    memcpy(*polynomial, found, next->count * sizeof **polynomial);
    return SP_OK;
}

static bool polynomial_reads(const sp_onnx_polynomial *p, size_t state) {
    bool reads = false;
    for (size_t k = 0; k < p->terms; k++) {
        for (size_t i = 0; i < SP_ONNX_MOST_FACTORS; i++) {
            reads = reads || p->term[k].symbol[i] >> 22 ==
                                 (SP_ONNX_SYMBOL_STATE >> 22) + (sp_onnx_symbol)state;
        }
    }
    return reads;
}

/* Whether anything of the iteration reads a state. */
static bool is_read(const sp_onnx_reader *r, const sp_onnx_states *states, size_t state) {
    bool reads = false;
    for (size_t k = 0; k < r->algebra->atoms; k++) {
        reads = reads || polynomial_reads(&r->algebra->atom[k].argument, state);
    }
    for (size_t s = 0; s < states->count; s++) {
        for (size_t k = 0; k < states->width[s]; k++) {
            reads = reads || polynomial_reads(&states->next[s][k], state);
        }
    }
    return reads;
}

/* States that nothing reads and that become what another one becomes: the output of the step
 * before, which Keras keeps for steps that a mask leaves out. */
static sp_status find_copies(sp_onnx_reader *r, sp_onnx_states *states) {
    for (size_t s = 0; s < states->count; s++) {
        for (size_t k = 0; k < states->width[s]; k++) {
            SP_TRY(sp_onnx_polynomial_normalise(r, &states->next[s][k]));
        }
    }
    for (size_t s = 0; s < states->count; s++) {
        for (size_t t = 0; t < states->count && !states->copy[s]; t++) {
            states->copy[s] =
                t != s && !states->copy[t] && states->width[s] == states->width[t] &&
                sp_onnx_polynomials_same(states->next[s], states->next[t], states->width[s]) &&
                !is_read(r, states, s);
        }
    }
    return SP_OK;
}

/* The cells of this iteration, on the step of this iteration. */
sp_status sp_onnx_loop_read_cells(sp_onnx_reader *r, sp_onnx_loop *loop, sp_onnx_found *found,
                                  size_t *cells) {
    const sp_onnx_algebra *algebra = r->algebra;
    sp_onnx_states states = {.count = loop->states};
    if (!algebra->reads) {
        return sp_onnx_refuse(r, SP_E_UNSUPPORTED, "iteration %zu reads no step of the input",
                              loop->iterations);
    }
    if (algebra->step != loop->iterations) {
        return sp_onnx_refuse(r, SP_E_UNSUPPORTED,
                              "iteration %zu reads step %zu: the steps must be read in order",
                              loop->iterations, algebra->step);
    }
    for (size_t s = 0; s < loop->states; s++) {
        states.width[s] = loop->hidden[s];
        SP_TRY(next_state(r, loop, s, &states.next[s]));
    }
    SP_TRY(find_copies(r, &states));
    for (size_t s = 0; s < loop->states; s++) {
        if (loop->iterations > 0 && loop->copy[s] != states.copy[s]) {
            return sp_onnx_refuse(r, SP_E_UNSUPPORTED,
                                  "iteration %zu computes another cell than the first one",
                                  loop->iterations);
        }
        loop->copy[s] = states.copy[s];
    }
    return sp_onnx_cells_recognise(r, found, cells, &states);
}

sp_status sp_onnx_cell_copy(sp_onnx_reader *r, sp_cell *copy, const sp_cell *cell) {
    const size_t rows = sp_cell_gates(cell) * cell->out;
    *copy = *cell;
    copy->weight = copy_numbers(r, cell->weight, rows * cell->in);
    copy->recurrent = copy_numbers(r, cell->recurrent, rows * cell->out);
    copy->bias = copy_numbers(r, cell->bias, rows);
    if (cell->recurrent_bias) {
        copy->recurrent_bias = copy_numbers(r, cell->recurrent_bias, cell->out);
    }
    return copy->weight && copy->recurrent && copy->bias &&
                   (!cell->recurrent_bias || copy->recurrent_bias)
               ? SP_OK
               : sp_onnx_out_of_memory(r);
}

/* The first iteration's cells are kept; those of the others must be equal. */
sp_status sp_onnx_loop_keep_cells(sp_onnx_reader *r, sp_onnx_loop *loop, const sp_onnx_found *found,
                                  size_t cells) {
    if (loop->iterations == 0) {
        loop->cells = cells;
        for (size_t k = 0; k < cells; k++) {
            loop->cell[k] = found[k];
            SP_TRY(sp_onnx_cell_copy(r, &loop->cell[k].cell, &found[k].cell));
            loop->cell[k].start[0] = loop->start[found[k].h];
            loop->cell[k].start[1] = loop->start[found[k].c];
        }
        return SP_OK;
    }
    bool same = cells == loop->cells;
    for (size_t k = 0; same && k < cells; k++) {
        same = found[k].h == loop->cell[k].h && found[k].c == loop->cell[k].c &&
               sp_onnx_cell_same(&found[k].cell, &loop->cell[k].cell);
    }
    return same ? SP_OK
                : sp_onnx_refuse(r, SP_E_UNSUPPORTED,
                                 "iteration %zu computes another cell than the first one",
                                 loop->iterations);
}
