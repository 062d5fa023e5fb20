/* LSTM, GRU and RNN nodes. ONNX orders the gates of an LSTM i, o, f, c and keeps two biases; the
 * layer has i, f, g, o and one. Those of a GRU have one order; with linear_before_reset the
 * recurrent bias of n stays inside the reset. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "onnx/cell/recurrence.h"
#include "onnx/cell/seed.h"

enum { IN_X, IN_W, IN_R, IN_B, IN_SEQUENCE_LENS, IN_INITIAL_H, IN_INITIAL_C, IN_P };

/* Gate g of the cell is gate order[g] of the file. */
static const size_t *gate_order(sp_cell_kind kind) {
    static const size_t lstm[4] = {0, 2, 3, 1}, same[4] = {0, 1, 2, 3};
    return kind == SP_CELL_LSTM ? lstm : same;
}

/* ---- inputs ---- */

/* The state of a streaming model: its units in order, of one direction. */
static sp_status read_carried(sp_onnx_reader *r, sp_onnx_carried *carried,
                              const sp_onnx_sequence *state, size_t k, size_t hidden) {
    const char *what = k == 0 ? "initial_h" : "initial_c";
    const sp_onnx_entry *first = state->row->entry;
    bool plain = state->width == hidden && state->outer == SP_ONNX_NO_AXIS &&
                 state->row->entries == 1 && r->layer[first->layer].role == SP_ONNX_LAYER_STATE;
    for (size_t i = 0; plain && i < hidden; i++) {
        const sp_onnx_affine *row = &state->row[i];
        plain = row->entries == 1 && row->bias == 0.0 && row->entry->weight == 1.0 &&
                row->entry->layer == first->layer && row->entry->feature == first->feature + i;
    }
    if (!plain) {
        return sp_onnx_refuse(r, SP_E_UNSUPPORTED,
                              "%s ('%.60s') depends on the features: it must be a constant, or a "
                              "state that the model is given, as it is",
                              what, sp_onnx_input_name(r, k == 0 ? IN_INITIAL_H : IN_INITIAL_C));
    }
    *carried = (sp_onnx_carried){true, first->layer, first->feature};
    return SP_OK;
}

/* Where the state starts: at constants, or at a state of the file's own; `carried` NULL: the file's
 * graph is evaluated. */
static sp_status read_start(sp_onnx_reader *r, sp_onnx_recurrence *cell, size_t k,
                            size_t directions, size_t batch, sp_onnx_carried *carried) {
    const size_t input = k == 0 ? IN_INITIAL_H : IN_INITIAL_C, hidden = cell->hidden;
    const char *what = k == 0 ? "initial_h" : "initial_c";
    const sp_onnx_value *value = sp_onnx_input(r, input);
    if (!value) {
        return SP_OK;
    }
    if (value->kind == SP_ONNX_VALUE_SEQUENCE && carried && directions == 1 && !cell->reverse) {
        return read_carried(r, &carried[k], &value->sequence, k, hidden);
    }
    const sp_onnx_tensor *state = NULL;
    SP_TRY(sp_onnx_input_tensor(r, &state, input, what));
    if (state->kind != SP_ONNX_REAL || state->rank != 3 ||
        state->count != directions * batch * hidden || state->dim[2] != (int64_t)hidden) {
        return sp_onnx_refuse(r, SP_E_FORMAT, "%s does not have the shape %zu x %zu x %zu", what,
                              directions, batch, hidden);
    }
    for (size_t i = 0; i < state->count; i++) {
        if (!isfinite(state->real[i])) {
            return sp_onnx_refuse(r, SP_E_NONFINITE, "%s[%zu] is %g", what, i, state->real[i]);
        }
    }
    for (size_t i = 0; i < directions; i++) {
        cell[i].start[k] = state->real + i * hidden;
    }
    return SP_OK;
}

/* Peepholes that are zero are none. */
static sp_status check_peepholes(sp_onnx_reader *r) {
    const sp_onnx_tensor *p = NULL;
    if (!sp_onnx_input(r, IN_P)) {
        return SP_OK;
    }
    SP_TRY(sp_onnx_input_tensor(r, &p, IN_P, "P"));
    for (size_t i = 0; i < p->count; i++) {
        if (p->kind != SP_ONNX_REAL || !(p->real[i] == 0.0)) {
            return sp_onnx_refuse(
                r, SP_E_UNSUPPORTED,
                "peephole weights P ('%.60s') that are not zero are not supported",
                sp_onnx_input_name(r, IN_P));
        }
    }
    return SP_OK;
}

/* sequence_lens may say what is so anyway: that the sequence has all its steps. */
static sp_status check_length(sp_onnx_reader *r, sp_onnx_dim steps) {
    const sp_onnx_dim *length = NULL;
    size_t count = 0;
    if (!sp_onnx_input(r, IN_SEQUENCE_LENS)) {
        return SP_OK;
    }
    SP_TRY(sp_onnx_input_wholes(r, &length, &count, IN_SEQUENCE_LENS, "sequence_lens"));
    if (count == 1 && length[0].t == 0 && length[0].k > 0 && steps.t != 0) {
        r->wants_steps = (size_t)length[0].k; // with another number it would leave some out
    }
    return count == 1 && sp_onnx_dim_equal(length[0], steps)
               ? SP_OK
               : sp_onnx_refuse(
                     r, SP_E_UNSUPPORTED,
                     "sequence_lens ('%.60s') that leaves out steps is not supported; where "
                     "all its lengths are the clip's own, export the model without it",
                     sp_onnx_input_name(r, IN_SEQUENCE_LENS));
}

static sp_status check_inputs(sp_onnx_reader *r, sp_onnx_recurrence *cell, size_t directions,
                              sp_onnx_dim steps, size_t batch, sp_onnx_carried *carried) {
    SP_TRY(check_length(r, steps));
    SP_TRY(check_peepholes(r));
    SP_TRY(read_start(r, cell, 0, directions, batch, carried));
    return read_start(r, cell, 1, directions, batch, carried);
}

/* [directions, rows, columns], or without columns; *numbers: of the first direction. */
static sp_status read_weights(sp_onnx_reader *r, const double **numbers, size_t input,
                              const char *what, size_t directions, size_t rows, size_t columns) {
    const sp_onnx_tensor *t = NULL;
    const size_t rank = columns > 0 ? 3 : 2;
    SP_TRY(sp_onnx_input_tensor(r, &t, input, what));
    if (t->kind != SP_ONNX_REAL || t->rank != rank || t->dim[0] != (int64_t)directions ||
        t->dim[1] != (int64_t)rows || (rank == 3 && t->dim[2] != (int64_t)columns)) {
        return sp_onnx_refuse(r, SP_E_FORMAT,
                              "%s ('%.60s') does not have the shape that %s, %zu "
                              "features and hidden_size need",
                              what, sp_onnx_input_name(r, input),
                              directions == 1 ? "one direction" : "two directions", columns);
    }
    *numbers = t->real;
    return SP_OK;
}

/* The number of hidden units, from R and hidden_size, which must agree. */
static sp_status read_hidden(sp_onnx_reader *r, size_t *hidden) {
    const sp_onnx_tensor *recurrent = NULL;
    int64_t declared = 0;
    SP_TRY(sp_onnx_input_tensor(r, &recurrent, IN_R, "R"));
    const int64_t found = recurrent->rank == 3 ? recurrent->dim[2] : 0;
    SP_TRY(sp_onnx_attribute_int(r, &declared, "hidden_size", found));
    if (found <= 0 || declared != found || found > INT64_MAX / 32) {
        return sp_onnx_refuse(r, SP_E_FORMAT,
                              "hidden_size = %" PRId64 ", but R has %" PRId64 " columns", declared,
                              found);
    }
    *hidden = (size_t)found;
    return SP_OK;
}

/* The node as the file has it, reading `width` features: a cell for each direction. cell [2] */
static sp_status read_recurrence(sp_onnx_reader *r, sp_onnx_recurrence *cell, size_t *directions,
                                 size_t width) {
    const char *type = r->node->op_type;
    memset(cell, 0, 2 * sizeof *cell);
    cell->kind = type[0] == 'L' ? SP_CELL_LSTM : type[0] == 'G' ? SP_CELL_GRU : SP_CELL_RNN;
    cell->gates = cell->kind == SP_CELL_LSTM ? 4 : cell->kind == SP_CELL_GRU ? 3 : 1;
    cell->width = width;
    SP_TRY(sp_onnx_recurrence_directions(r, directions, &cell->reverse));
    SP_TRY(read_hidden(r, &cell->hidden));
    SP_TRY(sp_onnx_recurrence_attributes(r, cell, *directions));
    const size_t rows = cell->gates * cell->hidden;
    SP_TRY(read_weights(r, &cell->weight, IN_W, "W", *directions, rows, width));
    SP_TRY(read_weights(r, &cell->recurrent, IN_R, "R", *directions, rows, cell->hidden));
    SP_TRY(sp_onnx_input(r, IN_B)
               ? read_weights(r, &cell->bias, IN_B, "B", *directions, 2 * rows, 0)
               : SP_OK);
    if (*directions == 2) {
        const sp_activation function[2] = {cell[1].function[0], cell[1].function[1]};
        cell[1] = cell[0];
        cell[1].reverse = true;
        cell[1].weight += rows * width;
        cell[1].recurrent += rows * cell->hidden;
        cell[1].bias = cell->bias ? cell->bias + 2 * rows : NULL;
        memcpy(cell[1].function, function, sizeof function);
    }
    return SP_OK;
}

/* ---- the cell ---- */

/* Rows of `from` [gates hidden, columns], gate by gate, in the order of sp_cell. */
static double *reorder(sp_onnx_reader *r, const sp_onnx_recurrence *cell, const double *from,
                       size_t columns) {
    const size_t *order = gate_order(cell->kind), size = cell->hidden * columns;
    double *to = sp_region_take(&r->region, cell->gates * size, sizeof *to);
    for (size_t g = 0; to && g < cell->gates; g++) {
        memcpy(to + g * size, from + order[g] * size, size * sizeof *to);
    }
    return to;
}

static sp_status make_biases(sp_onnx_reader *r, const sp_onnx_recurrence *file, sp_cell *cell) {
    const size_t H = file->hidden, rows = file->gates * H, *order = gate_order(file->kind);
    double *bias = sp_region_take(&r->region, rows, sizeof *bias);
    double *inner = sp_region_take(&r->region, H, sizeof *inner);
    if (!bias || !inner) {
        return sp_onnx_out_of_memory(r);
    }
    for (size_t j = 0; file->bias && j < rows; j++) {
        const size_t from = order[j / H] * H + j % H;
        if (file->reset_after && j >= 2 * H) {
            bias[j] = file->bias[from];
            inner[j - 2 * H] = file->bias[rows + from];
        } else {
            bias[j] = file->bias[from] + file->bias[rows + from];
        }
    }
    cell->bias = bias;
    cell->recurrent_bias = file->reset_after ? inner : NULL;
    return SP_OK;
}

static sp_status make_cell(sp_onnx_reader *r, const sp_onnx_recurrence *file, sp_cell *cell) {
    *cell = (sp_cell){.kind = file->kind,
                      .in = file->width,
                      .out = file->hidden,
                      .weight = reorder(r, file, file->weight, file->width),
                      .recurrent = reorder(r, file, file->recurrent, file->hidden),
                      .gate = file->function[0],
                      .candidate = file->function[1],
                      .reset_after = file->reset_after,
                      .clip = file->clip};
    return cell->weight && cell->recurrent ? make_biases(r, file, cell) : sp_onnx_out_of_memory(r);
}

/* ---- the node ---- */

static sp_status check_axes(sp_onnx_reader *r, const sp_onnx_sequence *x, bool batch_first) {
    const size_t steps = batch_first ? 1 : 0;
    if (x->rank != 3 || (x->outer != SP_ONNX_NO_AXIS && x->outer != steps) ||
        !sp_onnx_dim_is(x->dim[1 - steps], 1) ||
        (x->outer == SP_ONNX_NO_AXIS && !sp_onnx_dim_is(x->dim[steps], 1))) {
        return sp_onnx_refuse(
            r, SP_E_UNSUPPORTED,
            "its input '%.60s' must have the axes %s x features (layout %d), with one recording in "
            "a batch: export the same weights with batch size 1, which changes no answer to one "
            "clip",
            sp_onnx_input_name(r, IN_X), steps ? "batch x steps" : "steps x batch", (int)steps);
    }
    return SP_OK;
}

/* The output of one direction as a sequence with the axes of the input. */
static sp_status add_direction(sp_onnx_reader *r, sp_onnx_sequence *h,
                               const sp_onnx_recurrence *file, sp_onnx_source from,
                               const sp_onnx_carried *carried) {
    sp_onnx_part *part = sp_region_take(&r->region, 1, sizeof *part);
    sp_onnx_layer layer = {.kind = SP_NODE_CELL,
                           .out = file->hidden,
                           .frames = r->layer[from.layer].frames,
                           .once = h->outer == SP_ONNX_NO_AXIS,
                           .parts = 1,
                           .part = part};
    if (!part) {
        return sp_onnx_out_of_memory(r);
    }
    memcpy(layer.carried, carried, sizeof layer.carried);
    SP_TRY(make_cell(r, file, &layer.cell));
    layer.cell.reverse = h->reversed != file->reverse;
    SP_TRY(sp_onnx_cell_seed(r, &layer.cell, &from, file->start));
    part->from = from;
    layer.frames = layer.once ? sp_onnx_dim_of(1) : layer.frames;
    sp_onnx_source source = {.reading = from.reading};
    SP_TRY(sp_onnx_layer_push(r, layer, &source.layer));
    h->dim[2] = sp_onnx_dim_of((int64_t)file->hidden);
    h->width = file->hidden;
    return sp_onnx_sequence_set(r, h, source);
}

/* Y_c of the last step is the state that a streaming model hands on. */
static sp_status return_memory(sp_onnx_reader *r, const sp_onnx_sequence *h, size_t directions) {
    const size_t cell = h->row->entry->layer;
    if (directions > 1 || (!r->layer[cell].once && r->hop == 0)) {
        return sp_onnx_return_opaque(r, 2,
                                     "the cell state of an LSTM: only Y and Y_h are supported");
    }
    sp_onnx_part *part = sp_region_take(&r->region, 1, sizeof *part);
    if (!part) {
        return sp_onnx_out_of_memory(r);
    }
    part->from =
        (sp_onnx_source){.layer = cell, .reading = SP_ONNX_READ_STEP, .at = h->row->entry->at};
    sp_onnx_source source = {.reading = SP_ONNX_READ_STEP};
    sp_onnx_sequence memory = *h;
    SP_TRY(sp_onnx_layer_push(r,
                              (sp_onnx_layer){.role = SP_ONNX_LAYER_MEMORY,
                                              .out = r->layer[cell].out,
                                              .frames = sp_onnx_dim_of(1),
                                              .once = true,
                                              .parts = 1,
                                              .part = part},
                              &source.layer));
    SP_TRY(sp_onnx_sequence_set(r, &memory, source));
    return sp_onnx_return_sequence(r, 2, &memory);
}

/* Y [steps, directions, batch, hidden] and Y_h [directions, batch, hidden]; layout 1: Y [batch,
 * steps, directions, hidden] and Y_h [batch, directions, hidden]. */
static sp_status return_outputs(sp_onnx_reader *r, const sp_onnx_sequence *h, size_t directions,
                                const sp_onnx_recurrence *cell) {
    const bool behind_steps[4] = {false, !cell->batch_first, cell->batch_first, false};
    sp_onnx_sequence y[2], last[2];
    for (size_t i = 0; i < directions; i++) {
        y[i] = last[i] = h[i];
        SP_TRY(sp_onnx_sequence_insert(r, &y[i], behind_steps, 4));
        // The axis of the steps becomes that of the direction.
        if (h->outer != SP_ONNX_NO_AXIS) {
            sp_onnx_dim at = sp_onnx_dim_of(0);
            if (!cell[i].reverse && !sp_onnx_dim_sub(&at, h->dim[h->outer], sp_onnx_dim_of(1))) {
                return sp_onnx_refuse(r, SP_E_FORMAT, "a step that no recording has");
            }
            SP_TRY(sp_onnx_sequence_step(r, &last[i], at));
        }
    }
    if (directions == 2) {
        SP_TRY(sp_onnx_sequence_join(r, &y[0], &y[1], cell->batch_first ? 2 : 1));
        SP_TRY(sp_onnx_sequence_join(r, &last[0], &last[1], cell->batch_first ? 1 : 0));
    }
    SP_TRY(sp_onnx_return_sequence(r, 0, &y[0]));
    SP_TRY(sp_onnx_return_sequence(r, 1, &last[0]));
    return cell->kind == SP_CELL_LSTM ? return_memory(r, &last[0], directions) : SP_OK;
}

static sp_status add_cell(sp_onnx_reader *r, const sp_onnx_sequence *x) {
    sp_onnx_recurrence cell[2];
    sp_onnx_sequence h[2] = {*x, *x};
    sp_onnx_source from;
    size_t directions = 0;
    bool batch_first = false;
    sp_onnx_carried carried[SP_CELL_STATES] = {{0}};
    SP_TRY(sp_onnx_recurrence_switch(r, &batch_first, "layout"));
    SP_TRY(check_axes(r, x, batch_first));
    SP_TRY(read_recurrence(r, cell, &directions, (size_t)x->dim[2].k));
    SP_TRY(check_inputs(r, cell, directions,
                        x->outer == SP_ONNX_NO_AXIS ? sp_onnx_dim_of(1) : x->dim[x->outer], 1,
                        carried));
    SP_TRY(sp_onnx_sequence_settle(r, x, &from));
    for (size_t i = 0; i < directions; i++) {
        SP_TRY(add_direction(r, &h[i], &cell[i], from, carried));
    }
    return return_outputs(r, h, directions, cell);
}

sp_status sp_onnx_op_recurrent(sp_onnx_reader *r) {
    const sp_onnx_value *x = sp_onnx_input(r, IN_X);
    sp_onnx_recurrence cell[2];
    size_t directions = 0;
    if (x->kind == SP_ONNX_VALUE_SEQUENCE) {
        return add_cell(r, &x->sequence);
    }
    if (x->tensor.kind != SP_ONNX_REAL || x->tensor.rank != 3) {
        return sp_onnx_refuse(r, SP_E_UNSUPPORTED, "its input '%.60s' is no sequence",
                              sp_onnx_input_name(r, IN_X));
    }
    SP_TRY(read_recurrence(r, cell, &directions, (size_t)x->tensor.dim[2]));
    const size_t steps = cell->batch_first ? 1 : 0;
    const int64_t batch = x->tensor.dim[1 - steps];
    if (batch < 1 || x->tensor.dim[steps] < 1) {
        return sp_onnx_refuse(r, SP_E_UNSUPPORTED, "its input '%.60s' holds no sequence",
                              sp_onnx_input_name(r, IN_X));
    }
    SP_TRY(check_inputs(r, cell, directions, sp_onnx_dim_of(x->tensor.dim[steps]), (size_t)batch,
                        NULL));
    return sp_onnx_recurrence_run(r, cell, directions, &x->tensor);
}
