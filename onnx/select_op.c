/* Gather and Slice: parts of constants, the last step of a sequence, one of several states. */
#include <inttypes.h>
#include <string.h>

#include "onnx/impl.h"

/* ---- one step inside the body of a Loop ---- */

static bool is_steps_axis(const sp_reader *r, const sp_value *x, size_t axis) {
    return r->algebra && x->kind == SP_VALUE_FLOW && x->flow.kind == SP_FLOW_SEQUENCE &&
           axis == x->flow.outer;
}

/* Step `at` of a sequence as symbols; the axis of the steps keeps the length 1. */
static sp_status read_step(sp_reader *r, sp_tensor *row, const sp_flow *flow, sp_extent at) {
    sp_algebra *algebra = r->algebra;
    const sp_extent length = flow->dim[flow->outer];
    if (length.t != 0 || at.t != 0) {
        r->wants_length = true;
        return sp_refuse(r, SP_E_UNSUPPORTED,
                         "a Loop over an unknown number of steps: export the model with a fixed "
                         "number of steps");
    }
    const int64_t step = at.k < 0 ? at.k + length.k : at.k;
    if (step < 0 || step >= length.k) {
        return sp_refuse(r, SP_E_FORMAT, "step %" PRId64 " does not exist among %" PRId64, at.k,
                         length.k);
    }
    if (algebra->reads && (algebra->source != *flow->block || algebra->step != (size_t)step)) {
        return sp_refuse(r, SP_E_UNSUPPORTED,
                         "an iteration of the Loop reads more than one step of one sequence");
    }
    if (algebra->steps > 0 && algebra->steps != (size_t)length.k) {
        return sp_refuse(r, SP_E_UNSUPPORTED, "the Loop reads sequences of different lengths");
    }
    int64_t dim[SP_MAX_RANK];
    for (size_t i = 0; i < flow->rank; i++) {
        dim[i] = i == flow->outer ? 1 : flow->dim[i].k;
    }
    *row = (sp_tensor){.kind = SP_NUMBERS_FORM};
    if (flow->head != SP_HEAD_NONE || flow->partial || flow->width > SP_MOST_UNITS ||
        !sp_tensor_shape(row, dim, flow->rank) || row->count != flow->width) {
        return sp_refuse(r, SP_E_UNSUPPORTED, "a Loop over %zu features", flow->width);
    }
    sp_form *form = sp_tensor_make(r, row);
    if (!form) {
        return sp_out_of_memory(r);
    }
    for (size_t j = 0; j < row->count; j++) {
        SP_TRY(sp_form_symbol(r, &form[j], SP_SYMBOL_FEATURE + (sp_symbol)j));
    }
    algebra->reads = true;
    algebra->source = *flow->block;
    algebra->step = (size_t)step;
    algebra->width = flow->width;
    algebra->steps = (size_t)length.k;
    return SP_OK;
}

/* ---- Gather ---- */

/* One position of a flow: an index of rank 0 removes the axis, one of rank 1 leaves its length
 * 1. */
static sp_status gather_flow(sp_reader *r, sp_flow flow, size_t axis, const sp_tensor *index) {
    if (index->count != 1 || index->rank > 1) {
        return sp_refuse(r, SP_E_UNSUPPORTED, "it takes several positions of '%.60s' at once",
                         sp_input_name(r, 0));
    }
    const sp_extent at = index->whole[0];
    sp_extent end;
    if (!sp_extent_add(&end, at, sp_whole(1))) {
        return sp_refuse(r, SP_E_FORMAT, "an index that does not exist");
    }
    // -1 + 1 = 0 would mean the front.
    const bool is_last = sp_extent_is(at, -1);
    const bool fixed = flow.dim[axis].t == 0;
    if (at.t == 0 && fixed && (at.k < -flow.dim[axis].k || at.k >= flow.dim[axis].k)) {
        return sp_refuse(r, SP_E_FORMAT,
                         "index %" PRId64 " does not exist on an axis of length %" PRId64, at.k,
                         flow.dim[axis].k);
    }
    SP_TRY(sp_flow_select(r, &flow, axis, at, is_last ? sp_whole(INT32_MAX) : end));
    if (!sp_extent_is(flow.dim[axis], 1)) {
        return sp_refuse(r, SP_E_UNSUPPORTED, "it takes one of the features of '%.60s'",
                         sp_input_name(r, 0));
    }
    if (index->rank == 0) {
        bool drop[SP_MAX_RANK] = {false};
        drop[axis] = true;
        SP_TRY(sp_flow_drop(r, &flow, drop));
    }
    return sp_return_flow(r, 0, &flow);
}

/* The numbers index[i] along `axis`, as tensors of inner elements each. */
static sp_status copy_gathered(sp_reader *r, sp_tensor *to, const sp_tensor *from, size_t axis,
                               const sp_tensor *index) {
    void *numbers = sp_tensor_make(r, to);
    if (!numbers) {
        return sp_out_of_memory(r);
    }
    if (to->count == 0) {
        return SP_OK;
    }
    const int64_t length = from->dim[axis];
    const size_t size = sp_number_size(to->kind);
    const char *source = sp_tensor_data(from);
    size_t inner = 1, outer = 1;
    for (size_t i = 0; i < from->rank; i++) {
        *(i < axis ? &outer : &inner) *= i == axis ? 1 : (size_t)from->dim[i];
    }
    for (size_t o = 0; o < outer; o++) {
        for (size_t i = 0; i < index->count; i++) {
            const sp_extent at = index->whole[i];
            if (at.t != 0 || at.k < -length || at.k >= length) {
                return sp_refuse(r, SP_E_FORMAT,
                                 "index %" PRId64 " does not exist on an axis of length %" PRId64,
                                 at.k, length);
            }
            const size_t k = (size_t)(at.k < 0 ? at.k + length : at.k);
            memcpy((char *)numbers + (o * index->count + i) * inner * size,
                   source + (o * (size_t)length + k) * inner * size, inner * size);
        }
    }
    return SP_OK;
}

static sp_status gather_tensor(sp_reader *r, const sp_tensor *from, size_t axis,
                               const sp_tensor *index) {
    int64_t dim[2 * SP_MAX_RANK];
    size_t rank = 0;
    for (size_t i = 0; i < from->rank; i++) {
        if (i != axis) {
            dim[rank++] = from->dim[i];
            continue;
        }
        for (size_t k = 0; k < index->rank; k++) {
            dim[rank++] = index->dim[k];
        }
    }
    sp_tensor to = {.kind = from->kind};
    if (!sp_tensor_shape(&to, dim, rank)) {
        return sp_refuse(r, SP_E_UNSUPPORTED, "its result has too many axes or elements");
    }
    SP_TRY(copy_gathered(r, &to, from, axis, index));
    return sp_return_tensor(r, 0, &to);
}

sp_status sp_op_gather(sp_reader *r) {
    const sp_value *x = sp_input(r, 0);
    const sp_tensor *index = NULL;
    int64_t given = 0;
    size_t axis = 0;
    SP_TRY(sp_attribute_int(r, &given, "axis", 0));
    SP_TRY(sp_input_tensor(r, &index, 1, "indices"));
    if (index->kind != SP_NUMBERS_WHOLE) {
        return sp_refuse(r, SP_E_FORMAT, "indices must be whole numbers");
    }
    SP_TRY(sp_normalise_axis(r, &axis, given,
                             x->kind == SP_VALUE_FLOW ? x->flow.rank : x->tensor.rank));
    if (is_steps_axis(r, x, axis) && index->count == 1) {
        const sp_tensor first = {.kind = SP_NUMBERS_WHOLE,
                                 .rank = index->rank,
                                 .count = 1,
                                 .dim = {1, 1, 1, 1, 1, 1, 1, 1},
                                 .whole = &(sp_extent){0, 0}};
        sp_tensor row;
        SP_TRY(read_step(r, &row, &x->flow, index->whole[0]));
        return gather_tensor(r, &row, axis, &first);
    }
    return x->kind == SP_VALUE_FLOW ? gather_flow(r, x->flow, axis, index)
                                    : gather_tensor(r, &x->tensor, axis, index);
}

/* ---- Slice ---- */

typedef struct sp_range {
    sp_extent start, end;
    int64_t step;
} sp_range;

typedef struct sp_ranges {
    sp_range of[SP_MAX_RANK];
    bool given[SP_MAX_RANK];
} sp_ranges;

static sp_status read_ranges(sp_reader *r, sp_ranges *ranges, size_t rank) {
    const sp_extent *start, *end, *axes, *step = NULL;
    size_t starts, ends, named, steps = 0;
    SP_TRY(sp_operand_wholes(r, &start, &starts, "starts", 1, 10));
    SP_TRY(sp_operand_wholes(r, &end, &ends, "ends", 2, 10));
    SP_TRY(sp_operand_wholes(r, &axes, &named, "axes", 3, 10));
    if (sp_input(r, 4)) {
        SP_TRY(sp_input_wholes(r, &step, &steps, 4, "steps"));
    }
    if (!start || !end || starts != ends || (axes && named != starts) ||
        (step && steps != starts) || starts > rank) {
        return sp_refuse(r, SP_E_FORMAT,
                         "starts, ends, axes and steps do not have the same length");
    }
    for (size_t i = 0; i < starts; i++) {
        size_t axis = i;
        if ((axes && axes[i].t != 0) || (step && step[i].t != 0)) {
            return sp_refuse(r, SP_E_UNSUPPORTED, "axes or steps depend on the number of steps");
        }
        SP_TRY(axes ? sp_normalise_axis(r, &axis, axes[i].k, rank) : SP_OK);
        const int64_t by = step ? step[i].k : 1;
        if (by == 0 || by == INT64_MIN || ranges->given[axis]) {
            return sp_refuse(r, SP_E_FORMAT, "step %" PRId64 " of axis %zu, or an axis given twice",
                             by, axis);
        }
        ranges->given[axis] = true;
        ranges->of[axis] = (sp_range){start[i], end[i], by};
    }
    return SP_OK;
}

static sp_status slice_flow(sp_reader *r, sp_flow flow, const sp_ranges *ranges) {
    for (size_t axis = 0; axis < flow.rank; axis++) {
        const sp_range *range = &ranges->of[axis];
        if (!ranges->given[axis]) {
            continue;
        }
        if (range->step != 1) {
            return sp_refuse(r, SP_E_UNSUPPORTED, "step %" PRId64 " along axis %zu of '%.60s'",
                             range->step, axis, sp_input_name(r, 0));
        }
        SP_TRY(sp_flow_select(r, &flow, axis, range->start, range->end));
    }
    return sp_return_flow(r, 0, &flow);
}

static int64_t limit(int64_t index, int64_t length, int64_t lo, int64_t hi) {
    if (index < 0) {
        index += length;
    }
    return index < lo ? lo : index > hi ? hi : index;
}

/* The first position and the number of positions of a range on an axis. */
static int64_t count_positions(const sp_range *range, int64_t length, int64_t *first) {
    if (range->step > 0) {
        const int64_t end = limit(range->end.k, length, 0, length);
        *first = limit(range->start.k, length, 0, length);
        return end > *first ? (end - *first - 1) / range->step + 1 : 0;
    }
    const int64_t end = limit(range->end.k, length, -1, length - 1);
    *first = limit(range->start.k, length, -1, length - 1);
    return end < *first ? (*first - end - 1) / -range->step + 1 : 0;
}

static sp_status slice_tensor(sp_reader *r, const sp_tensor *x, const sp_ranges *ranges) {
    int64_t stride[SP_MAX_RANK], dim[SP_MAX_RANK], first = 0;
    sp_tensor_strides(stride, x);
    for (size_t axis = 0; axis < x->rank; axis++) {
        dim[axis] = x->dim[axis];
        if (!ranges->given[axis]) {
            continue;
        }
        const sp_range *range = &ranges->of[axis];
        if (range->start.t != 0 || range->end.t != 0) {
            return sp_refuse(r, SP_E_UNSUPPORTED,
                             "the range of a constant depends on the number of steps");
        }
        int64_t at = 0;
        dim[axis] = count_positions(range, x->dim[axis], &at);
        if (dim[axis] > 0) {
            first += at * stride[axis];
        }
        stride[axis] = dim[axis] > 1 ? stride[axis] * range->step : 0;
    }
    sp_tensor tensor = {0};
    if (!sp_tensor_shape(&tensor, dim, x->rank)) {
        return sp_refuse(r, SP_E_FORMAT, "its result has too many elements");
    }
    SP_TRY(sp_tensor_view(r, &tensor, x, first, stride));
    return sp_return_tensor(r, 0, &tensor);
}

static bool is_one_step(const sp_range *range) {
    return range->step == 1 && range->start.t == 0 && range->end.t == 0 &&
           (range->start.k == -1
                ? range->end.k >= INT32_MAX
                : range->start.k < INT64_MAX && range->end.k == range->start.k + 1);
}

sp_status sp_op_slice(sp_reader *r) {
    const sp_value *x = sp_input(r, 0);
    sp_ranges ranges = {0};
    SP_TRY(read_ranges(r, &ranges, x->kind == SP_VALUE_FLOW ? x->flow.rank : x->tensor.rank));
    const size_t outer = x->kind == SP_VALUE_FLOW ? x->flow.outer : SP_NO_AXIS;
    if (outer != SP_NO_AXIS && is_steps_axis(r, x, outer) && ranges.given[outer] &&
        is_one_step(&ranges.of[outer])) {
        sp_tensor row;
        SP_TRY(read_step(r, &row, &x->flow, ranges.of[outer].start));
        ranges.given[outer] = false;
        return slice_tensor(r, &row, &ranges);
    }
    return x->kind == SP_VALUE_FLOW ? slice_flow(r, x->flow, &ranges)
                                    : slice_tensor(r, &x->tensor, &ranges);
}
