/* Loop. One whose body computes with constants only is run. One over the steps of the input is
 * recognised: in every iteration the states that it carries are replaced by symbols, and the
 * polynomials that the body makes of them must be the same recurrent cell each time, on step t in
 * iteration t, for all steps. */
#include <stdlib.h>
#include <string.h>

#include "onnx/cell/loop.h"
#include "onnx/cell/seed.h"

enum { MOST_ITERATIONS = 1 << 20 };

/* ---- outputs of one iteration ---- */

/* Which state a scan output holds after the step; SP_ONNX_NO_STATE: none. */
#define SP_ONNX_NO_STATE ((size_t)-1)
static sp_status find_state(sp_onnx_reader *r, const sp_onnx_loop *loop, const sp_onnx_value *value,
                            size_t *state) {
    *state = SP_ONNX_NO_STATE;
    for (size_t s = 0; s < loop->states && *state == SP_ONNX_NO_STATE; s++) {
        bool same = !loop->copy[s] && sp_onnx_loop_holds_polynomials(value) &&
                    value->tensor.count == loop->hidden[s];
        for (size_t j = 0; same && j < loop->hidden[s]; j++) {
            sp_onnx_polynomial polynomial = value->tensor.polynomial[j];
            SP_TRY(sp_onnx_polynomial_normalise(r, &polynomial));
            same = sp_onnx_polynomial_same(&polynomial,
                                           &loop->next[loop->state[s] + 1].tensor.polynomial[j]);
        }
        *state = same ? s : *state;
    }
    return SP_OK;
}

static sp_status collect_scan(sp_onnx_reader *r, sp_onnx_loop *loop, size_t i, size_t state) {
    sp_onnx_scan *scan = &loop->scan[i];
    const sp_onnx_value *value = &loop->next[1 + loop->carried + i];
    if (scan->room == loop->iterations) {
        const size_t room = scan->room == 0 ? 32 : 2 * scan->room;
        sp_onnx_value *grown = realloc(scan->value, room * sizeof *grown);
        if (!grown) {
            return sp_onnx_out_of_memory(r);
        }
        scan->value = grown;
        scan->room = room;
    }
    scan->is_state = state != SP_ONNX_NO_STATE &&
                     (loop->iterations == 0 || (scan->is_state && scan->state == state));
    scan->state = state;
    scan->shape = value->tensor;
    return r->depth > 0 ? (scan->value[loop->iterations] = *value, SP_OK)
                        : sp_onnx_loop_keep(r, &scan->value[loop->iterations], value);
}

/* What this iteration leaves: in r->region, except for the carried values of the outermost Loop. */
static sp_status keep_outputs(sp_onnx_reader *r, sp_onnx_loop *loop, const size_t *scanned) {
    sp_region *kept = &loop->kept[loop->iterations % 2], outer = r->region;
    sp_status status = SP_OK;
    for (size_t i = 0; status == SP_OK && i < loop->scans; i++) {
        status = collect_scan(r, loop, i, scanned[i]);
    }
    if (r->depth > 0) {
        memcpy(loop->now, loop->next + 1, loop->carried * sizeof *loop->now);
        return status;
    }
    outer = r->region;
    sp_region_clear(kept, outer.left);
    r->region = *kept;
    for (size_t i = 0; status == SP_OK && i < loop->carried; i++) {
        status =
            loop->is_state[i] ? SP_OK : sp_onnx_loop_keep(r, &loop->now[i], &loop->next[i + 1]);
    }
    *kept = r->region;
    r->region = outer;
    return status;
}

static sp_status finish_iteration(sp_onnx_reader *r, sp_onnx_loop *loop, sp_onnx_found *found,
                                  size_t *cells, size_t *scanned) {
    SP_TRY(loop->states > 0 ? sp_onnx_loop_read_cells(r, loop, found, cells) : SP_OK);
    for (size_t i = 0; i < loop->scans; i++) {
        SP_TRY(find_state(r, loop, &loop->next[1 + loop->carried + i], &scanned[i]));
    }
    return sp_onnx_loop_condition(r, &loop->go, &loop->next[0], "the condition of its body");
}

/* One iteration. That of an outermost Loop gives its memory back. */
static sp_status iterate(sp_onnx_reader *r, sp_onnx_loop *loop, size_t *scanned) {
    sp_region outer = r->region;
    const bool outermost = r->depth == 0;
    sp_onnx_found found[SP_ONNX_MOST_STATES];
    size_t cells = 0;
    if (outermost) {
        r->region = (sp_region){.left = outer.left};
        sp_onnx_algebra_reset(r->algebra);
    }
    sp_status status = sp_onnx_loop_run_body(r, loop);
    status = status == SP_OK ? finish_iteration(r, loop, found, &cells, scanned) : status;
    sp_region scratch = {0};
    if (outermost) {
        scratch = r->region;
        r->region = outer;
    }
    if (status == SP_OK && loop->states > 0) {
        status = sp_onnx_loop_keep_cells(r, loop, found, cells);
    }
    status = status == SP_OK ? keep_outputs(r, loop, scanned) : status;
    sp_region_clear(&scratch, 0);
    loop->iterations++;
    return status;
}

/* ---- after the last iteration ---- */

/* The sequence of one step's tensor with these axes, the numbers of a layer. */
static sp_status sequence_like(sp_onnx_reader *r, sp_onnx_sequence *sequence,
                               const sp_onnx_tensor *shape, sp_onnx_source source) {
    *sequence = (sp_onnx_sequence){.rank = shape->rank + 1, .width = shape->count};
    if (shape->rank == 0 || sequence->rank > SP_ONNX_MAX_RANK) {
        return sp_onnx_refuse(r, SP_E_UNSUPPORTED, "its state has the rank %zu", shape->rank);
    }
    sequence->dim[0] = sp_onnx_dim_of((int64_t)r->algebra->steps);
    for (size_t i = 0; i < shape->rank; i++) {
        sequence->dim[i + 1] = sp_onnx_dim_of(shape->dim[i]);
    }
    return sp_onnx_sequence_set(r, sequence, source);
}

static sp_status last_step(sp_onnx_reader *r, sp_onnx_sequence *sequence) {
    bool drop[SP_ONNX_MAX_RANK] = {true};
    SP_TRY(sp_onnx_sequence_step(r, sequence, sp_onnx_dim_of((int64_t)r->algebra->steps - 1)));
    return sp_onnx_sequence_drop(r, sequence, drop);
}

/* Appends the cells as layers; source[s]: what state s is, where it is a cell's output. */
static sp_status add_cells(sp_onnx_reader *r, sp_onnx_loop *loop, sp_onnx_source *source) {
    const sp_onnx_algebra *algebra = r->algebra;
    if (loop->iterations != algebra->steps) {
        return sp_onnx_refuse(r, SP_E_UNSUPPORTED, "it ends after %zu of the %zu steps",
                              loop->iterations, algebra->steps);
    }
    return sp_onnx_cells_push(r, source, loop->cell, loop->cells, algebra->source);
}

/* The constants of all iterations, one behind the other along a new first axis. */
static sp_status return_stack(sp_onnx_reader *r, const sp_onnx_loop *loop, size_t output,
                              sp_onnx_scan *scan) {
    bool constant = loop->iterations > 0;
    for (size_t k = 0; constant && k < loop->iterations; k++) {
        const sp_onnx_tensor *a = &scan->value[k].tensor, *b = &scan->value[0].tensor;
        constant = scan->value[k].kind == SP_ONNX_VALUE_TENSOR && a->kind == b->kind &&
                   a->rank == b->rank && memcmp(a->dim, b->dim, sizeof a->dim) == 0;
    }
    if (!constant) {
        return sp_onnx_return_opaque(
            r, output,
            "an output of a Loop with one row per iteration, which is not the "
            "state of its cell");
    }
    const sp_onnx_tensor *one = &scan->value[0].tensor;
    int64_t dim[SP_ONNX_MAX_RANK + 1] = {(int64_t)loop->iterations};
    memcpy(dim + 1, one->dim, one->rank * sizeof *dim);
    sp_onnx_tensor all = {.kind = one->kind};
    if (!sp_onnx_tensor_shape(&all, dim, one->rank + 1)) {
        return sp_onnx_refuse(r, SP_E_UNSUPPORTED, "its result has too many axes or elements");
    }
    char *numbers = sp_onnx_tensor_make(r, &all);
    if (!numbers) {
        return sp_onnx_out_of_memory(r);
    }
    const size_t size = one->count * sp_onnx_number_size(one->kind);
    for (size_t k = 0; k < loop->iterations && size > 0; k++) {
        memcpy(numbers + k * size, sp_onnx_tensor_data(&scan->value[k].tensor), size);
    }
    return sp_onnx_return_tensor(r, output, &all);
}

static const char *const cell_state = "the cell state of an LSTM: only its output can be read";

static sp_status return_carried(sp_onnx_reader *r, sp_onnx_loop *loop, size_t i,
                                const sp_onnx_source *source) {
    for (size_t k = 0; k < loop->cells; k++) {
        const sp_onnx_found *found = &loop->cell[k];
        if (i == loop->state[found->h]) {
            sp_onnx_sequence last;
            SP_TRY(sequence_like(r, &last, &loop->now[i].tensor, source[found->h]));
            SP_TRY(last_step(r, &last));
            return sp_onnx_return_sequence(r, i, &last);
        }
        if (i == loop->state[found->c]) {
            return sp_onnx_return_opaque(r, i, cell_state);
        }
    }
    sp_onnx_value value = loop->now[i];
    SP_TRY(r->depth == 0 ? sp_onnx_loop_keep(r, &value, &loop->now[i]) : SP_OK);
    return sp_onnx_return_value(r, i, &value);
}

static sp_status return_scan(sp_onnx_reader *r, sp_onnx_loop *loop, size_t i,
                             const sp_onnx_source *source) {
    sp_onnx_scan *scan = &loop->scan[i];
    if (loop->states == 0 || !scan->is_state) {
        return return_stack(r, loop, loop->carried + i, scan);
    }
    for (size_t k = 0; k < loop->cells; k++) {
        if (loop->cell[k].h == scan->state) {
            sp_onnx_sequence collected;
            SP_TRY(sequence_like(r, &collected, &scan->shape, source[scan->state]));
            return sp_onnx_return_sequence(r, loop->carried + i, &collected);
        }
    }
    return sp_onnx_return_opaque(r, loop->carried + i, cell_state);
}

static sp_status return_outputs(sp_onnx_reader *r, sp_onnx_loop *loop) {
    sp_onnx_source source[SP_ONNX_MOST_STATES] = {{0}};
    SP_TRY(loop->states > 0 ? add_cells(r, loop, source) : SP_OK);
    for (size_t i = 0; i < loop->carried; i++) {
        SP_TRY(return_carried(r, loop, i, source));
    }
    for (size_t i = 0; i < loop->scans; i++) {
        SP_TRY(return_scan(r, loop, i, source));
    }
    return SP_OK;
}

/* ---- the whole ---- */

/* Sequences that the node reads become layers now: its iterations work in memory that ends with
 * them. */
static sp_status settle_inputs(sp_onnx_reader *r) {
    const size_t n = sp_onnx_node_index(r);
    for (size_t i = r->graph->first_input[n]; i < r->graph->first_input[n + 1]; i++) {
        const size_t id = r->graph->input[i];
        sp_onnx_value *value = id != SP_ONNX_NO_NAME ? r->value[id] : NULL;
        sp_onnx_source source;
        if (value && value->kind == SP_ONNX_VALUE_SEQUENCE &&
            value->sequence.outer != SP_ONNX_NO_AXIS && value->sequence.head == SP_ONNX_HEAD_NONE) {
            SP_TRY(sp_onnx_sequence_settle(r, &value->sequence, &source));
            SP_TRY(sp_onnx_sequence_set(r, &value->sequence, source));
        }
    }
    return SP_OK;
}

static sp_status run_loop(sp_onnx_reader *r, sp_onnx_loop *loop) {
    SP_TRY(sp_onnx_loop_init(r, loop));
    size_t *scanned = sp_region_take(&r->region, loop->scans + 1, sizeof *scanned);
    if (!scanned) {
        return sp_onnx_out_of_memory(r);
    }
    if (r->depth == 0) {
        SP_TRY(sp_onnx_loop_find_states(r, loop));
        SP_TRY(sp_onnx_loop_check_states(r, loop));
    }
    while (loop->go && (int64_t)loop->iterations < loop->trips) {
        if (loop->iterations == MOST_ITERATIONS) {
            return sp_onnx_refuse(r, SP_E_UNSUPPORTED, "it does not end within %d iterations",
                                  MOST_ITERATIONS);
        }
        SP_TRY(iterate(r, loop, scanned));
    }
    return return_outputs(r, loop);
}

sp_status sp_onnx_op_loop(sp_onnx_reader *r) {
    sp_onnx_loop loop = {0};
    sp_onnx_algebra algebra;
    const bool outermost = r->depth == 0;
    if (outermost) {
        SP_TRY(settle_inputs(r));
        sp_onnx_algebra_init(&algebra);
        r->algebra = &algebra;
    }
    const sp_status status = run_loop(r, &loop);
    if (outermost) {
        r->algebra = NULL;
        sp_onnx_algebra_clear(&algebra);
    }
    sp_onnx_loop_clear(&loop);
    return status;
}
