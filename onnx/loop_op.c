/* Loop. One whose body computes with constants only is run. One over the steps of the input is
 * recognised: in every iteration the states that it carries are replaced by symbols, and the
 * polynomials that the body makes of them must be the same recurrent cell each time, on step t in
 * iteration t, for all steps. */
#include <stdlib.h>
#include <string.h>

#include "onnx/loop.h"

enum { MOST_ITERATIONS = 1 << 20 };

/* ---- outputs of one iteration ---- */

/* Whether a scan output holds what the state becomes. */
static sp_status is_next_state(sp_reader *r, const sp_loop *loop, const sp_value *value,
                               bool *same) {
    *same = loop->states > 0 && sp_loop_holds_forms(value) && value->tensor.count == loop->hidden;
    for (size_t j = 0; *same && j < loop->hidden; j++) {
        sp_form form = value->tensor.form[j];
        SP_TRY(sp_form_normalise(r, &form));
        *same = sp_form_same(&form, &loop->next[loop->state + 1].tensor.form[j]);
    }
    return SP_OK;
}

static sp_status collect_scan(sp_reader *r, sp_loop *loop, size_t i, bool same) {
    sp_scan *scan = &loop->scan[i];
    const sp_value *value = &loop->next[1 + loop->carried + i];
    if (scan->room == loop->iterations) {
        const size_t room = scan->room == 0 ? 32 : 2 * scan->room;
        sp_value *grown = realloc(scan->value, room * sizeof *grown);
        if (!grown) {
            return sp_out_of_memory(r);
        }
        scan->value = grown;
        scan->room = room;
    }
    scan->is_state = same && (loop->iterations == 0 || scan->is_state);
    scan->shape = value->tensor;
    return r->depth > 0 ? (scan->value[loop->iterations] = *value, SP_OK)
                        : sp_loop_keep(r, &scan->value[loop->iterations], value);
}

/* What this iteration leaves: in r->heap, except for the carried values of the outermost Loop. */
static sp_status keep_outputs(sp_reader *r, sp_loop *loop, const bool *same) {
    sp_heap *kept = &loop->kept[loop->iterations % 2], outer = r->heap;
    sp_status status = SP_OK;
    for (size_t i = 0; status == SP_OK && i < loop->scans; i++) {
        status = collect_scan(r, loop, i, same[i]);
    }
    if (r->depth > 0) {
        memcpy(loop->now, loop->next + 1, loop->carried * sizeof *loop->now);
        return status;
    }
    outer = r->heap;
    sp_heap_clear(kept, outer.left);
    r->heap = *kept;
    for (size_t i = 0; status == SP_OK && i < loop->carried; i++) {
        status = loop->is_state[i] ? SP_OK : sp_loop_keep(r, &loop->now[i], &loop->next[i + 1]);
    }
    *kept = r->heap;
    r->heap = outer;
    return status;
}

static sp_status finish_iteration(sp_reader *r, sp_loop *loop, sp_cell *cell, bool *same) {
    SP_TRY(loop->states > 0 ? sp_loop_read_cell(r, loop, cell) : SP_OK);
    for (size_t i = 0; i < loop->scans; i++) {
        SP_TRY(is_next_state(r, loop, &loop->next[1 + loop->carried + i], &same[i]));
    }
    return sp_loop_condition(r, &loop->go, &loop->next[0], "the condition of its body");
}

/* One iteration. That of an outermost Loop gives its memory back. */
static sp_status iterate(sp_reader *r, sp_loop *loop, bool *same) {
    sp_heap outer = r->heap;
    const bool outermost = r->depth == 0;
    sp_cell cell = {0};
    if (outermost) {
        r->heap = (sp_heap){.left = outer.left};
        sp_algebra_reset(r->algebra);
    }
    sp_status status = sp_loop_run_body(r, loop);
    status = status == SP_OK ? finish_iteration(r, loop, &cell, same) : status;
    sp_heap scratch = {0};
    if (outermost) {
        scratch = r->heap;
        r->heap = outer;
    }
    if (status == SP_OK && loop->states > 0) {
        status = sp_loop_keep_cell(r, loop, &cell);
    }
    status = status == SP_OK ? keep_outputs(r, loop, same) : status;
    sp_heap_clear(&scratch, 0);
    loop->iterations++;
    return status;
}

/* ---- after the last iteration ---- */

/* The flow of one step's tensor with these axes, `width` features along the longest one. */
static sp_status flow_like(sp_reader *r, sp_flow *flow, const sp_tensor *shape, size_t width) {
    const sp_algebra *algebra = r->algebra;
    *flow = (sp_flow){.kind = SP_FLOW_SEQUENCE, .rank = shape->rank + 1, .inner = SP_NO_AXIS};
    if (shape->rank == 0 || flow->rank > SP_MAX_RANK) {
        return sp_refuse(r, SP_E_UNSUPPORTED, "its state has the rank %zu", shape->rank);
    }
    flow->dim[0] = sp_whole((int64_t)algebra->steps);
    for (size_t i = 0; i < shape->rank; i++) {
        flow->dim[i + 1] = sp_whole(shape->dim[i]);
        flow->inner = shape->dim[i] == (int64_t)width ? i + 1 : flow->inner;
    }
    if (flow->inner == SP_NO_AXIS) {
        return sp_refuse(r, SP_E_UNSUPPORTED, "its state of %zu units lies along several axes",
                         width);
    }
    return SP_OK;
}

static sp_status last_step(sp_reader *r, sp_flow *flow) {
    bool drop[SP_MAX_RANK] = {true};
    SP_TRY(sp_flow_select(r, flow, 0, sp_whole(-1), sp_whole(INT32_MAX)));
    return sp_flow_drop(r, flow, drop);
}

/* Appends the cell as a block; *sequence is its output at every step, with the state's axes. */
static sp_status add_cell(sp_reader *r, sp_loop *loop, sp_flow *sequence) {
    const sp_algebra *algebra = r->algebra;
    if (loop->iterations != algebra->steps) {
        return sp_refuse(r, SP_E_UNSUPPORTED, "it ends after %zu of the %zu steps",
                         loop->iterations, algebra->steps);
    }
    SP_TRY(flow_like(r, sequence, &loop->now[loop->state].tensor, loop->hidden));
    const size_t axis = sequence->inner;
    SP_TRY(sp_flow_of_block(r, sequence, algebra->source, algebra->width));
    return sp_block_add(r, sequence, axis,
                        (sp_block){.kind = SP_NODE_CELL, .out = loop->hidden, .cell = loop->cell});
}

/* The constants of all iterations, one behind the other along a new first axis. */
static sp_status return_stack(sp_reader *r, const sp_loop *loop, size_t output, sp_scan *scan) {
    bool constant = loop->iterations > 0;
    for (size_t k = 0; constant && k < loop->iterations; k++) {
        const sp_tensor *a = &scan->value[k].tensor, *b = &scan->value[0].tensor;
        constant = scan->value[k].kind == SP_VALUE_TENSOR && a->kind == b->kind &&
                   a->rank == b->rank && memcmp(a->dim, b->dim, sizeof a->dim) == 0;
    }
    if (!constant) {
        return sp_return_opaque(r, output,
                                "an output of a Loop with one row per iteration, which is not the "
                                "state of its cell");
    }
    const sp_tensor *one = &scan->value[0].tensor;
    int64_t dim[SP_MAX_RANK + 1] = {(int64_t)loop->iterations};
    memcpy(dim + 1, one->dim, one->rank * sizeof *dim);
    sp_tensor all = {.kind = one->kind};
    if (!sp_tensor_shape(&all, dim, one->rank + 1)) {
        return sp_refuse(r, SP_E_UNSUPPORTED, "its result has too many axes or elements");
    }
    char *numbers = sp_tensor_make(r, &all);
    if (!numbers) {
        return sp_out_of_memory(r);
    }
    const size_t size = one->count * sp_number_size(one->kind);
    for (size_t k = 0; k < loop->iterations && size > 0; k++) {
        memcpy(numbers + k * size, sp_tensor_data(&scan->value[k].tensor), size);
    }
    return sp_return_tensor(r, output, &all);
}

static sp_status return_carried(sp_reader *r, sp_loop *loop, size_t i, const sp_flow *sequence) {
    if (loop->states > 0 && i == loop->state) {
        sp_flow last = *sequence;
        SP_TRY(last_step(r, &last));
        return sp_return_flow(r, i, &last);
    }
    sp_value value = loop->now[i];
    SP_TRY(r->depth == 0 ? sp_loop_keep(r, &value, &loop->now[i]) : SP_OK);
    return sp_return_value(r, i, &value);
}

static sp_status return_outputs(sp_reader *r, sp_loop *loop) {
    sp_flow sequence = {0};
    SP_TRY(loop->states > 0 ? add_cell(r, loop, &sequence) : SP_OK);
    for (size_t i = 0; i < loop->carried; i++) {
        SP_TRY(return_carried(r, loop, i, &sequence));
    }
    for (size_t i = 0; i < loop->scans; i++) {
        if (loop->states > 0 && loop->scan[i].is_state) {
            sp_flow flow;
            SP_TRY(flow_like(r, &flow, &loop->scan[i].shape, loop->hidden));
            flow.inner = loop->hidden == 1 ? SP_NO_AXIS : flow.inner;
            SP_TRY(sp_flow_of_block(r, &flow, *sequence.block, loop->hidden));
            SP_TRY(sp_return_flow(r, loop->carried + i, &flow));
        } else {
            SP_TRY(return_stack(r, loop, loop->carried + i, &loop->scan[i]));
        }
    }
    return SP_OK;
}

/* ---- the whole ---- */

static sp_status run_loop(sp_reader *r, sp_loop *loop) {
    SP_TRY(sp_loop_init(r, loop));
    bool *same = sp_heap_take(&r->heap, loop->scans + 1, sizeof *same);
    if (!same) {
        return sp_out_of_memory(r);
    }
    if (r->depth == 0) {
        SP_TRY(sp_loop_find_states(r, loop));
        SP_TRY(loop->states > 0 ? sp_loop_check_state(r, loop) : SP_OK);
    }
    while (loop->go && (int64_t)loop->iterations < loop->trips) {
        if (loop->iterations == MOST_ITERATIONS) {
            return sp_refuse(r, SP_E_UNSUPPORTED, "it does not end within %d iterations",
                             MOST_ITERATIONS);
        }
        SP_TRY(iterate(r, loop, same));
    }
    return return_outputs(r, loop);
}

sp_status sp_op_loop(sp_reader *r) {
    sp_loop loop = {0};
    sp_algebra algebra;
    const bool outermost = r->depth == 0;
    if (outermost) {
        sp_algebra_init(&algebra);
        r->algebra = &algebra;
    }
    const sp_status status = run_loop(r, &loop);
    if (outermost) {
        r->algebra = NULL;
        sp_algebra_clear(&algebra);
    }
    sp_loop_clear(&loop);
    return status;
}
