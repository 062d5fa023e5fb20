/* Gather and Slice: parts of constants, the last step of a sequence, one of several states. */
#include <inttypes.h>
#include <string.h>

#include "onnx/impl.h"

/* ---- one step inside the body of a Loop ---- */

static bool is_steps_axis(const sp_onnx_reader *r, const sp_onnx_value *x, size_t axis) {
    return r->algebra && x->kind == SP_ONNX_VALUE_SEQUENCE &&
           x->sequence.outer != SP_ONNX_NO_AXIS && axis == x->sequence.outer;
}

/* Step `at` of a sequence as symbols; the axis of the steps keeps the length 1. */
static sp_status read_step(sp_onnx_reader *r, sp_onnx_tensor *row, const sp_onnx_sequence *sequence,
                           sp_onnx_dim at) {
    sp_onnx_algebra *algebra = r->algebra;
    const sp_onnx_dim length = sequence->dim[sequence->outer];
    if (length.t != 0 || at.t != 0) {
        r->wants_length = true;
        return sp_onnx_refuse(
            r, SP_E_UNSUPPORTED,
            "a Loop over an unknown number of steps: export the model with a fixed "
            "number of steps");
    }
    const int64_t step = at.k < 0 ? at.k + length.k : at.k;
    if (step < 0 || step >= length.k) {
        return sp_onnx_refuse(r, SP_E_FORMAT, "step %" PRId64 " does not exist among %" PRId64,
                              at.k, length.k);
    }
    sp_onnx_source source;
    const size_t layers = r->layers;
    SP_TRY(sp_onnx_sequence_settle(r, sequence, &source));
    if (r->layers != layers) {
        return sp_onnx_refuse(r, SP_E_UNSUPPORTED,
                              "it reads a step of something that the body of the Loop computes");
    }
    if (algebra->reads && (algebra->source != source.layer || algebra->step != (size_t)step)) {
        return sp_onnx_refuse(r, SP_E_UNSUPPORTED,
                              "an iteration of the Loop reads more than one step of one sequence");
    }
    if (algebra->steps > 0 && algebra->steps != (size_t)length.k) {
        return sp_onnx_refuse(r, SP_E_UNSUPPORTED, "the Loop reads sequences of different lengths");
    }
    int64_t dim[SP_ONNX_MAX_RANK];
    for (size_t i = 0; i < sequence->rank; i++) {
        dim[i] = i == sequence->outer ? 1 : sequence->dim[i].k;
    }
    *row = (sp_onnx_tensor){.kind = SP_ONNX_POLYNOMIAL};
    if (sequence->reversed || sequence->width > SP_ONNX_MOST_UNITS ||
        !sp_onnx_tensor_shape(row, dim, sequence->rank) || row->count != sequence->width) {
        return sp_onnx_refuse(r, SP_E_UNSUPPORTED, "a Loop over %zu features", sequence->width);
    }
    sp_onnx_polynomial *polynomial = sp_onnx_tensor_make(r, row);
    if (!polynomial) {
        return sp_onnx_out_of_memory(r);
    }
    for (size_t j = 0; j < row->count; j++) {
        SP_TRY(sp_onnx_polynomial_symbol(r, &polynomial[j],
                                         SP_ONNX_SYMBOL_FEATURE + (sp_onnx_symbol)j));
    }
    algebra->reads = true;
    algebra->source = source.layer;
    algebra->step = (size_t)step;
    algebra->width = sequence->width;
    algebra->steps = (size_t)length.k;
    return SP_OK;
}

/* ---- Gather ---- */

/* Indices of a sequence along an axis that counts no steps. */
static sp_status gather_rows(sp_onnx_reader *r, sp_onnx_sequence *sequence, size_t axis,
                             const sp_onnx_tensor *index) {
    const int64_t n = sequence->dim[axis].k;
    int64_t stride[SP_ONNX_MAX_RANK];
    sp_onnx_sequence_strides(stride, sequence);
    sp_onnx_affine *row =
        sp_region_take(&r->region, sequence->width / (size_t)n * index->count + 1, sizeof *row);
    if (!row) {
        return sp_onnx_out_of_memory(r);
    }
    const size_t inner = (size_t)stride[axis];
    for (size_t o = 0, at = 0; o < sequence->width / (size_t)n / inner; o++) {
        for (size_t i = 0; i < index->count; i++) {
            const sp_onnx_dim given = index->whole[i];
            const int64_t k = given.k < 0 ? given.k + n : given.k;
            if (given.t != 0 || k < 0 || k >= n) {
                return sp_onnx_refuse(
                    r, SP_E_FORMAT,
                    "index %" PRId64 " does not exist on an axis of length %" PRId64, given.k, n);
            }
            memcpy(row + at, sequence->row + (o * (size_t)n + (size_t)k) * inner,
                   inner * sizeof *row);
            at += inner;
        }
    }
    sequence->row = row;
    sequence->dim[axis] = sp_onnx_dim_of((int64_t)index->count);
    sequence->width = sequence->width / (size_t)n * index->count;
    return SP_OK;
}

/* Whether the indices are all steps, from the last to the first. */
static bool counts_down(const sp_onnx_tensor *index, sp_onnx_dim length) {
    bool down = length.t == 0 && index->count == (size_t)length.k;
    for (size_t i = 0; down && i < index->count; i++) {
        down = sp_onnx_dim_is(index->whole[i], length.k - 1 - (int64_t)i);
    }
    return down;
}

/* One step, or all of them backwards. */
static sp_status gather_steps(sp_onnx_reader *r, sp_onnx_sequence *sequence, size_t axis,
                              const sp_onnx_tensor *index) {
    const sp_onnx_dim length = sequence->dim[axis];
    if (counts_down(index, length) && index->count > 1) {
        sequence->reversed = !sequence->reversed;
        return SP_OK;
    }
    if (index->count != 1) {
        return sp_onnx_refuse(r, SP_E_UNSUPPORTED, "it takes several steps of '%.60s' at once",
                              sp_onnx_input_name(r, 0));
    }
    sp_onnx_dim at = index->whole[0], behind;
    if (at.t == 0 && at.k < 0 && !sp_onnx_dim_add(&at, at, length)) {
        return sp_onnx_refuse(r, SP_E_FORMAT, "an index that does not exist");
    }
    if (!sp_onnx_dim_sub(&behind, length, at) || (behind.t == 0 && behind.k <= 0) ||
        (at.t == 0 && at.k < 0)) {
        return sp_onnx_refuse(r, SP_E_FORMAT,
                              "index %" PRId64 " does not exist on an axis of length %" PRId64,
                              index->whole[0].k, length.k);
    }
    return sp_onnx_sequence_step(r, sequence, at);
}

/* An index of rank 0 removes the axis. */
static sp_status gather_sequence(sp_onnx_reader *r, sp_onnx_sequence sequence, size_t axis,
                                 const sp_onnx_tensor *index) {
    if (index->rank > 1 || index->count == 0) {
        return sp_onnx_refuse(r, SP_E_UNSUPPORTED, "indices of rank %zu for '%.60s'", index->rank,
                              sp_onnx_input_name(r, 0));
    }
    SP_TRY(sp_onnx_sequence_open(r, &sequence));
    SP_TRY(axis == sequence.outer ? gather_steps(r, &sequence, axis, index)
                                  : gather_rows(r, &sequence, axis, index));
    if (index->rank == 0) {
        bool drop[SP_ONNX_MAX_RANK] = {false};
        drop[axis] = true;
        SP_TRY(sp_onnx_sequence_drop(r, &sequence, drop));
    }
    return sp_onnx_return_sequence(r, 0, &sequence);
}

/* The numbers index[i] along `axis`, as tensors of inner elements each. */
static sp_status copy_gathered(sp_onnx_reader *r, sp_onnx_tensor *to, const sp_onnx_tensor *from,
                               size_t axis, const sp_onnx_tensor *index) {
    void *numbers = sp_onnx_tensor_make(r, to);
    if (!numbers) {
        return sp_onnx_out_of_memory(r);
    }
    if (to->count == 0) {
        return SP_OK;
    }
    const int64_t length = from->dim[axis];
    const size_t size = sp_onnx_number_size(to->kind);
    const char *source = sp_onnx_tensor_data(from);
    size_t inner = 1, outer = 1;
    for (size_t i = 0; i < from->rank; i++) {
        *(i < axis ? &outer : &inner) *= i == axis ? 1 : (size_t)from->dim[i];
    }
    for (size_t o = 0; o < outer; o++) {
        for (size_t i = 0; i < index->count; i++) {
            const sp_onnx_dim at = index->whole[i];
            if (at.t != 0 || at.k < -length || at.k >= length) {
                return sp_onnx_refuse(
                    r, SP_E_FORMAT,
                    "index %" PRId64 " does not exist on an axis of length %" PRId64, at.k, length);
            }
            const size_t k = (size_t)(at.k < 0 ? at.k + length : at.k);
            memcpy((char *)numbers + (o * index->count + i) * inner * size,
                   source + (o * (size_t)length + k) * inner * size, inner * size);
        }
    }
    return SP_OK;
}

static sp_status gather_tensor(sp_onnx_reader *r, const sp_onnx_tensor *from, size_t axis,
                               const sp_onnx_tensor *index) {
    int64_t dim[2 * SP_ONNX_MAX_RANK];
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
    sp_onnx_tensor to = {.kind = from->kind};
    if (!sp_onnx_tensor_shape(&to, dim, rank)) {
        return sp_onnx_refuse(r, SP_E_UNSUPPORTED, "its result has too many axes or elements");
    }
    SP_TRY(copy_gathered(r, &to, from, axis, index));
    return sp_onnx_return_tensor(r, 0, &to);
}

sp_status sp_onnx_op_gather(sp_onnx_reader *r) {
    const sp_onnx_value *x = sp_onnx_input(r, 0);
    const sp_onnx_tensor *index = NULL;
    int64_t given = 0;
    size_t axis = 0;
    SP_TRY(sp_onnx_attribute_int(r, &given, "axis", 0));
    SP_TRY(sp_onnx_input_tensor(r, &index, 1, "indices"));
    if (index->kind != SP_ONNX_WHOLE) {
        return sp_onnx_refuse(r, SP_E_FORMAT, "indices must be whole numbers");
    }
    SP_TRY(sp_onnx_normalise_axis(
        r, &axis, given, x->kind == SP_ONNX_VALUE_SEQUENCE ? x->sequence.rank : x->tensor.rank));
    if (is_steps_axis(r, x, axis) && index->count == 1) {
        const sp_onnx_tensor first = {.kind = SP_ONNX_WHOLE,
                                      .rank = index->rank,
                                      .count = 1,
                                      .dim = {1, 1, 1, 1, 1, 1, 1, 1},
                                      .whole = &(sp_onnx_dim){.k = 0}};
        sp_onnx_tensor row;
        SP_TRY(read_step(r, &row, &x->sequence, index->whole[0]));
        return gather_tensor(r, &row, axis, &first);
    }
    return x->kind == SP_ONNX_VALUE_SEQUENCE ? gather_sequence(r, x->sequence, axis, index)
                                             : gather_tensor(r, &x->tensor, axis, index);
}

/* ---- Slice ---- */

typedef struct sp_onnx_range {
    sp_onnx_dim start, end;
    int64_t step;
} sp_onnx_range;

typedef struct sp_onnx_ranges {
    sp_onnx_range of[SP_ONNX_MAX_RANK];
    bool given[SP_ONNX_MAX_RANK];
} sp_onnx_ranges;

static sp_status read_ranges(sp_onnx_reader *r, sp_onnx_ranges *ranges, size_t rank) {
    const sp_onnx_dim *start, *end, *axes, *step = NULL;
    size_t starts, ends, named, steps = 0;
    SP_TRY(sp_onnx_operand_wholes(r, &start, &starts, "starts", 1, 10));
    SP_TRY(sp_onnx_operand_wholes(r, &end, &ends, "ends", 2, 10));
    SP_TRY(sp_onnx_operand_wholes(r, &axes, &named, "axes", 3, 10));
    if (sp_onnx_input(r, 4)) {
        SP_TRY(sp_onnx_input_wholes(r, &step, &steps, 4, "steps"));
    }
    if (!start || !end || starts != ends || (axes && named != starts) ||
        (step && steps != starts) || starts > rank) {
        return sp_onnx_refuse(r, SP_E_FORMAT,
                              "starts, ends, axes and steps do not have the same length");
    }
    for (size_t i = 0; i < starts; i++) {
        size_t axis = i;
        if ((axes && axes[i].t != 0) || (step && step[i].t != 0)) {
            return sp_onnx_refuse(r, SP_E_UNSUPPORTED,
                                  "axes or steps depend on the number of steps");
        }
        SP_TRY(axes ? sp_onnx_normalise_axis(r, &axis, axes[i].k, rank) : SP_OK);
        const int64_t by = step ? step[i].k : 1;
        if (by == 0 || by == INT64_MIN || ranges->given[axis]) {
            return sp_onnx_refuse(r, SP_E_FORMAT,
                                  "step %" PRId64 " of axis %zu, or an axis given twice", by, axis);
        }
        ranges->given[axis] = true;
        ranges->of[axis] = (sp_onnx_range){start[i], end[i], by};
    }
    return SP_OK;
}

static sp_status slice_sequence(sp_onnx_reader *r, sp_onnx_sequence sequence,
                                const sp_onnx_ranges *ranges) {
    for (size_t axis = 0; axis < sequence.rank; axis++) {
        const sp_onnx_range *range = &ranges->of[axis];
        if (!ranges->given[axis]) {
            continue;
        }
        SP_TRY(sp_onnx_sequence_select(r, &sequence, axis, range->start, range->end, range->step));
    }
    return sp_onnx_return_sequence(r, 0, &sequence);
}

static int64_t limit(int64_t index, int64_t length, int64_t lo, int64_t hi) {
    if (index < 0) {
        index += length;
    }
    return index < lo ? lo : index > hi ? hi : index;
}

/* The first position and the number of positions of a range on an axis. */
static int64_t count_positions(const sp_onnx_range *range, int64_t length, int64_t *first) {
    if (range->step > 0) {
        const int64_t end = limit(range->end.k, length, 0, length);
        *first = limit(range->start.k, length, 0, length);
        return end > *first ? (end - *first - 1) / range->step + 1 : 0;
    }
    const int64_t end = limit(range->end.k, length, -1, length - 1);
    *first = limit(range->start.k, length, -1, length - 1);
    return end < *first ? (*first - end - 1) / -range->step + 1 : 0;
}

static sp_status slice_tensor(sp_onnx_reader *r, const sp_onnx_tensor *x,
                              const sp_onnx_ranges *ranges) {
    int64_t stride[SP_ONNX_MAX_RANK], dim[SP_ONNX_MAX_RANK], first = 0;
    sp_onnx_tensor_strides(stride, x);
    for (size_t axis = 0; axis < x->rank; axis++) {
        dim[axis] = x->dim[axis];
        if (!ranges->given[axis]) {
            continue;
        }
        const sp_onnx_range *range = &ranges->of[axis];
        if (range->start.t != 0 || range->end.t != 0) {
            return sp_onnx_refuse(r, SP_E_UNSUPPORTED,
                                  "the range of a constant depends on the number of steps");
        }
        int64_t at = 0;
        dim[axis] = count_positions(range, x->dim[axis], &at);
        if (dim[axis] > 0) {
            first += at * stride[axis];
        }
        stride[axis] = dim[axis] > 1 ? stride[axis] * range->step : 0;
    }
    sp_onnx_tensor tensor = {0};
    if (!sp_onnx_tensor_shape(&tensor, dim, x->rank)) {
        return sp_onnx_refuse(r, SP_E_FORMAT, "its result has too many elements");
    }
    SP_TRY(sp_onnx_tensor_view(r, &tensor, x, first, stride));
    return sp_onnx_return_tensor(r, 0, &tensor);
}

static bool is_one_step(const sp_onnx_range *range) {
    return range->step == 1 && range->start.t == 0 && range->end.t == 0 &&
           (range->start.k == -1
                ? range->end.k >= INT32_MAX
                : range->start.k < INT64_MAX && range->end.k == range->start.k + 1);
}

sp_status sp_onnx_op_slice(sp_onnx_reader *r) {
    const sp_onnx_value *x = sp_onnx_input(r, 0);
    sp_onnx_ranges ranges = {0};
    SP_TRY(read_ranges(r, &ranges,
                       x->kind == SP_ONNX_VALUE_SEQUENCE ? x->sequence.rank : x->tensor.rank));
    const size_t outer = x->kind == SP_ONNX_VALUE_SEQUENCE ? x->sequence.outer : SP_ONNX_NO_AXIS;
    if (outer != SP_ONNX_NO_AXIS && is_steps_axis(r, x, outer) && ranges.given[outer] &&
        is_one_step(&ranges.of[outer])) {
        sp_onnx_tensor row;
        SP_TRY(read_step(r, &row, &x->sequence, ranges.of[outer].start));
        ranges.given[outer] = false;
        return slice_tensor(r, &row, &ranges);
    }
    return x->kind == SP_ONNX_VALUE_SEQUENCE ? slice_sequence(r, x->sequence, &ranges)
                                             : slice_tensor(r, &x->tensor, &ranges);
}
