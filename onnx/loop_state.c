/* The state of a Loop over the steps of the input, and the cell that each iteration computes. */
#include <string.h>

#include "onnx/loop.h"

/* Runs the first iteration until no more carried value turns out to depend on the features. */
sp_status sp_onnx_loop_find_states(sp_onnx_reader *r, sp_onnx_loop *loop) {
    for (bool found = true; found && loop->go && loop->trips > 0;) {
        found = false;
        sp_onnx_region outer = r->region;
        r->region = (sp_onnx_region){.left = outer.left};
        sp_onnx_algebra_reset(r->algebra);
        const sp_status status = sp_onnx_loop_run_body(r, loop);
        for (size_t i = 0; status == SP_OK && i < loop->carried; i++) {
            if (!loop->is_state[i] && sp_onnx_loop_holds_polynomials(&loop->next[i + 1])) {
                found = loop->is_state[i] = true;
                loop->state = loop->states++ == 0 ? i : loop->state;
            }
        }
        sp_onnx_region_clear(&r->region, 0);
        r->region = outer;
        SP_TRY(status);
    }
    return SP_OK;
}

sp_status sp_onnx_loop_check_state(sp_onnx_reader *r, sp_onnx_loop *loop) {
    if (loop->states > 1) {
        return sp_onnx_refuse(
            r, SP_E_UNSUPPORTED,
            "it carries %zu states from step to step: only Loops with one, as those "
            "of a GRU or RNN, are read",
            loop->states);
    }
    const sp_onnx_value *value = &loop->now[loop->state];
    if (value->kind != SP_ONNX_VALUE_TENSOR || value->tensor.kind != SP_ONNX_REAL) {
        return sp_onnx_refuse(r, SP_E_UNSUPPORTED, "its state '%.60s' does not start as constants",
                              sp_onnx_input_name(r, loop->state + 2));
    }
    for (size_t i = 0; i < value->tensor.count; i++) {
        if (!(value->tensor.real[i] == 0.0)) {
            return sp_onnx_refuse(
                r, SP_E_UNSUPPORTED,
                "its state '%.60s' starts at %g: only states that start at zero are "
                "supported",
                sp_onnx_input_name(r, loop->state + 2), value->tensor.real[i]);
        }
    }
    loop->hidden = value->tensor.count;
    if (loop->hidden == 0 || loop->hidden > SP_ONNX_MOST_UNITS) {
        return sp_onnx_refuse(r, SP_E_UNSUPPORTED, "its state has %zu units", loop->hidden);
    }
    return SP_OK;
}

/* The cell of this iteration, on the step of this iteration. */
sp_status sp_onnx_loop_read_cell(sp_onnx_reader *r, sp_onnx_loop *loop, sp_cell *cell) {
    const sp_onnx_algebra *algebra = r->algebra;
    sp_onnx_tensor *next = &loop->next[loop->state + 1].tensor;
    const sp_onnx_tensor *state = &loop->now[loop->state].tensor;
    if (!sp_onnx_loop_holds_polynomials(&loop->next[loop->state + 1]) ||
        next->rank != state->rank || memcmp(next->dim, state->dim, sizeof next->dim) != 0) {
        return sp_onnx_refuse(r, SP_E_UNSUPPORTED,
                              "its state '%.60s' is another one after iteration %zu",
                              sp_onnx_input_name(r, loop->state + 2), loop->iterations);
    }
    if (!algebra->reads) {
        return sp_onnx_refuse(r, SP_E_UNSUPPORTED, "iteration %zu reads no step of the input",
                              loop->iterations);
    }
    if (algebra->step != loop->iterations) {
        return sp_onnx_refuse(r, SP_E_UNSUPPORTED,
                              "iteration %zu reads step %zu: the steps must be read in order",
                              loop->iterations, algebra->step);
    }
    // Normalised, so that scan outputs can be compared with it.
    const sp_onnx_polynomial *found = next->polynomial;
    sp_onnx_polynomial *polynomial = sp_onnx_tensor_make(r, next);
    if (!polynomial) {
        return sp_onnx_out_of_memory(r);
    }
    memcpy(polynomial, found, next->count * sizeof *polynomial);
    return sp_onnx_cell_recognise(r, cell, polynomial, loop->hidden);
}

static double *copy_numbers(sp_onnx_reader *r, const double *numbers, size_t count) {
    double *copy = sp_onnx_region_take(&r->region, count, sizeof *copy);
    if (copy) {
        memcpy(copy, numbers, count * sizeof *copy);
    }
    return copy;
}

/* The first iteration's cell is kept; those of the others must be equal. */
sp_status sp_onnx_loop_keep_cell(sp_onnx_reader *r, sp_onnx_loop *loop, const sp_cell *cell) {
    if (loop->iterations > 0) {
        return sp_onnx_cell_same(cell, &loop->cell)
                   ? SP_OK
                   : sp_onnx_refuse(r, SP_E_UNSUPPORTED,
                                    "iteration %zu computes another cell than the first one",
                                    loop->iterations);
    }
    const size_t rows = sp_cell_gates(cell) * cell->out;
    sp_cell *copy = &loop->cell;
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
