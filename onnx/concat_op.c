/* Concat and Expand: constants put together, and the last states of several LSTMs side by side. */
#include <inttypes.h>
#include <string.h>

#include "onnx/impl.h"

/* ---- constants ---- */

/* The inputs; when any of them holds forms, all do. */
static sp_status read_tensors(sp_reader *r, sp_tensor **input) {
    bool forms = false;
    *input = sp_heap_take(&r->heap, sp_inputs(r), sizeof **input);
    if (!*input) {
        return sp_out_of_memory(r);
    }
    for (size_t i = 0; i < sp_inputs(r); i++) {
        (*input)[i] = sp_input(r, i)->tensor;
        forms = forms || (*input)[i].kind == SP_NUMBERS_FORM;
    }
    for (size_t i = 0; forms && i < sp_inputs(r); i++) {
        const sp_tensor tensor = (*input)[i];
        if (tensor.kind != SP_NUMBERS_WHOLE) {
            SP_TRY(sp_tensor_forms(r, &(*input)[i], &tensor));
        }
    }
    return SP_OK;
}

static sp_status joined_shape(sp_reader *r, sp_tensor *to, size_t *axis, const sp_tensor *input,
                              int64_t given) {
    const sp_tensor *first = &input[0];
    SP_TRY(sp_normalise_axis(r, axis, given, first->rank));
    int64_t dim[SP_MAX_RANK];
    memcpy(dim, first->dim, sizeof dim);
    for (size_t i = 1; i < sp_inputs(r); i++) {
        const sp_tensor *x = &input[i];
        bool fits = x->rank == first->rank && x->kind == first->kind;
        for (size_t k = 0; k < first->rank; k++) {
            fits = fits && (k == *axis || x->dim[k] == dim[k]);
        }
        if (!fits || dim[*axis] > INT64_MAX / 32 - x->dim[*axis]) {
            return sp_refuse(r, SP_E_FORMAT, "input %zu ('%.60s') does not fit the first one", i,
                             sp_input_name(r, i));
        }
        dim[*axis] += x->dim[*axis];
    }
    to->kind = first->kind;
    if (!sp_tensor_shape(to, dim, first->rank)) {
        return sp_refuse(r, SP_E_UNSUPPORTED, "its result has too many elements");
    }
    return SP_OK;
}

static sp_status concat_tensors(sp_reader *r, int64_t given) {
    sp_tensor to = {0}, *input = NULL;
    size_t axis = 0, outer = 1, inner = 1, done = 0;
    SP_TRY(read_tensors(r, &input));
    SP_TRY(joined_shape(r, &to, &axis, input, given));
    char *numbers = sp_tensor_make(r, &to);
    if (!numbers) {
        return sp_out_of_memory(r);
    }
    for (size_t i = 0; i < to.rank; i++) {
        *(i < axis ? &outer : &inner) *= i == axis ? 1 : (size_t)to.dim[i];
    }
    const size_t size = sp_number_size(to.kind);
    const size_t row = inner * (size_t)to.dim[axis] * size;
    for (size_t i = 0; i < sp_inputs(r) && to.count > 0; i++) {
        const sp_tensor *x = &input[i];
        const char *source = sp_tensor_data(x);
        const size_t piece = inner * (size_t)x->dim[axis] * size;
        for (size_t o = 0; o < outer; o++) {
            memcpy(numbers + o * row + done, source + o * piece, piece);
        }
        done += piece;
    }
    return sp_return_tensor(r, 0, &to);
}

/* ---- states ---- */

/* Whether a flow can stand beside others along this axis. */
static bool is_stackable(const sp_flow *flow, const sp_flow *first, size_t axis) {
    if (flow->kind == SP_FLOW_SEQUENCE || flow->partial || flow->head != SP_HEAD_NONE ||
        flow->rank != first->rank || flow->width != first->width || flow->inner != first->inner ||
        (flow->kind == SP_FLOW_STATES && flow->outer != axis)) {
        return false;
    }
    return flow->kind == SP_FLOW_STATES || sp_extent_is(flow->dim[axis], 1);
}

static sp_status concat_flows(sp_reader *r, int64_t given) {
    sp_flow to = sp_input(r, 0)->flow;
    size_t axis = 0, blocks = 0;
    SP_TRY(sp_normalise_axis(r, &axis, given, to.rank));
    if (sp_inputs(r) == 1) {
        return sp_return_flow(r, 0, &to);
    }
    for (size_t i = 0; i < sp_inputs(r); i++) {
        const sp_flow *x = &sp_input(r, i)->flow;
        if (!is_stackable(x, &sp_input(r, 0)->flow, axis)) {
            return sp_refuse(
                r, SP_E_UNSUPPORTED,
                "it joins '%.60s' with others: only the last states of layers of one width "
                "can be put side by side",
                sp_input_name(r, i));
        }
        blocks += x->blocks;
    }
    size_t *block = sp_heap_take(&r->heap, blocks, sizeof *block);
    if (!block) {
        return sp_out_of_memory(r);
    }
    for (size_t i = 0, at = 0; i < sp_inputs(r); i++) {
        const sp_flow *x = &sp_input(r, i)->flow;
        memcpy(block + at, x->block, x->blocks * sizeof *block);
        at += x->blocks;
    }
    to.kind = SP_FLOW_STATES;
    to.outer = axis;
    to.dim[axis] = sp_whole((int64_t)blocks);
    to.block = block;
    to.blocks = blocks;
    return sp_return_flow(r, 0, &to);
}

sp_status sp_op_concat(sp_reader *r) {
    int64_t axis = 0;
    if (!sp_attribute(r->node, "axis")) {
        return sp_refuse(r, SP_E_FORMAT, "it has no axis");
    }
    SP_TRY(sp_attribute_int(r, &axis, "axis", 0));
    size_t flows = 0;
    for (size_t i = 0; i < sp_inputs(r); i++) {
        if (!sp_input(r, i)) {
            return sp_refuse(r, SP_E_FORMAT, "input %zu is left out", i);
        }
        flows += sp_input(r, i)->kind == SP_VALUE_FLOW;
    }
    if (flows != 0 && flows != sp_inputs(r)) {
        return sp_refuse(r, SP_E_UNSUPPORTED,
                         "it joins constants with values that depend on the features");
    }
    return flows == 0 ? concat_tensors(r, axis) : concat_flows(r, axis);
}

/* ---- Expand ---- */

static sp_status expand_flow(sp_reader *r, sp_flow flow, const sp_extent *dim, size_t rank) {
    SP_TRY(sp_flow_pad(r, &flow, rank));
    for (size_t i = 0; i < rank; i++) {
        const size_t axis = flow.rank - rank + i;
        if (!sp_extent_is(dim[i], 1) && !sp_extent_equal(dim[i], flow.dim[axis])) {
            return sp_refuse(r, SP_E_UNSUPPORTED, "it repeats '%.60s' along axis %zu",
                             sp_input_name(r, 0), axis);
        }
    }
    return sp_return_flow(r, 0, &flow);
}

sp_status sp_op_expand(sp_reader *r) {
    const sp_value *x = sp_input(r, 0);
    const sp_extent *given = NULL;
    size_t rank = 0;
    SP_TRY(sp_input_wholes(r, &given, &rank, 1, "shape"));
    if (x->kind == SP_VALUE_FLOW) {
        return expand_flow(r, x->flow, given, rank);
    }
    int64_t dim[SP_MAX_RANK];
    for (size_t i = 0; i < rank && i < SP_MAX_RANK; i++) {
        if (given[i].t != 0) {
            return sp_refuse(r, SP_E_UNSUPPORTED, "it repeats a constant for every step");
        }
        dim[i] = given[i].k;
    }
    sp_tensor wanted = {0}, to = {0};
    if (!sp_tensor_shape(&wanted, dim, rank) || !sp_tensor_broadcast(&to, &x->tensor, &wanted)) {
        return sp_refuse(r, SP_E_FORMAT, "'%.60s' cannot be repeated to that shape",
                         sp_input_name(r, 0));
    }
    SP_TRY(sp_tensor_expand(r, &to, &x->tensor));
    return sp_return_tensor(r, 0, &to);
}
