/* Reshape, Flatten, Transpose and Shape: the same numbers on other axes. */
#include <inttypes.h>
#include <string.h>

#include "onnx/impl.h"

static sp_status cannot_hold(sp_reader *r) {
    return sp_refuse(r, SP_E_UNSUPPORTED,
                     "a result with more than %d axes, or with too many elements", SP_MAX_RANK);
}

size_t sp_shape_of(const sp_value *value, sp_extent *dim) {
    const size_t rank = value->kind == SP_VALUE_FLOW ? value->flow.rank : value->tensor.rank;
    for (size_t i = 0; i < rank; i++) {
        dim[i] = value->kind == SP_VALUE_FLOW ? value->flow.dim[i] : sp_whole(value->tensor.dim[i]);
    }
    return rank;
}

sp_status sp_return_reshaped(sp_reader *r, const sp_value *x, const sp_extent *dim, size_t rank) {
    if (x->kind == SP_VALUE_FLOW) {
        sp_flow flow = x->flow;
        SP_TRY(sp_flow_reshape(r, &flow, dim, rank));
        return sp_return_flow(r, 0, &flow);
    }
    int64_t fixed[SP_MAX_RANK];
    if (rank > SP_MAX_RANK) {
        return cannot_hold(r);
    }
    for (size_t i = 0; i < rank; i++) {
        if (dim[i].t != 0) {
            return sp_refuse(r, SP_E_UNSUPPORTED, "a constant cannot have one row per step");
        }
        fixed[i] = dim[i].k;
    }
    sp_tensor tensor = x->tensor;
    if (!sp_tensor_shape(&tensor, fixed, rank) || tensor.count != x->tensor.count) {
        return sp_refuse(r, SP_E_FORMAT, "the shape that it asks for does not hold %zu elements",
                         x->tensor.count);
    }
    return sp_return_tensor(r, 0, &tensor);
}

/* ---- Reshape ---- */

static sp_status product_overflows(sp_reader *r) {
    return sp_refuse(r, SP_E_UNSUPPORTED, "the shape that it asks for cannot be followed");
}

static sp_status product(sp_reader *r, sp_extent *result, const sp_extent *dim, size_t rank,
                         size_t without) {
    *result = sp_whole(1);
    for (size_t i = 0; i < rank; i++) {
        if (i != without && !sp_extent_mul(result, *result, dim[i])) {
            return product_overflows(r);
        }
    }
    return SP_OK;
}

/* total / part; part may be c T when total is. */
static bool quotient(sp_extent *result, sp_extent total, sp_extent part) {
    if (part.t == 0) {
        sp_extent back;
        return sp_extent_div(result, total, part) && sp_extent_mul(&back, *result, part) &&
               sp_extent_equal(back, total);
    }
    if (part.k != 0 || total.k != 0 || total.t % part.t != 0) {
        return false;
    }
    *result = sp_whole(total.t / part.t);
    return true;
}

/* Replaces 0 by the input's length and -1 by what is left. */
static sp_status resolve_shape(sp_reader *r, sp_extent *dim, size_t rank, const sp_value *x,
                               bool allow_zero) {
    sp_extent old[SP_MAX_RANK], total, others;
    const size_t old_rank = sp_shape_of(x, old);
    size_t open = SP_NO_AXIS;
    for (size_t i = 0; i < rank; i++) {
        if (sp_extent_is(dim[i], 0) && !allow_zero) {
            if (i >= old_rank) {
                return sp_refuse(r, SP_E_FORMAT,
                                 "its shape copies axis %zu of a tensor of rank %zu", i, old_rank);
            }
            dim[i] = old[i];
        } else if (sp_extent_is(dim[i], -1)) {
            if (open != SP_NO_AXIS) {
                return sp_refuse(r, SP_E_FORMAT, "its shape leaves two lengths open");
            }
            open = i;
        } else if (dim[i].t < 0 || (dim[i].t == 0 && dim[i].k < 0)) {
            return sp_refuse(r, SP_E_FORMAT, "its shape has the length %" PRId64, dim[i].k);
        }
    }
    if (open == SP_NO_AXIS) {
        return SP_OK;
    }
    SP_TRY(product(r, &total, old, old_rank, SP_NO_AXIS));
    SP_TRY(product(r, &others, dim, rank, open));
    return quotient(&dim[open], total, others) ? SP_OK : product_overflows(r);
}

sp_status sp_op_reshape(sp_reader *r) {
    const sp_extent *given = NULL;
    size_t rank = 0;
    int64_t allow_zero = 0;
    SP_TRY(sp_input_wholes(r, &given, &rank, 1, "shape"));
    SP_TRY(sp_attribute_int(r, &allow_zero, "allowzero", 0));
    if (rank > SP_MAX_RANK) {
        return cannot_hold(r);
    }
    sp_extent dim[SP_MAX_RANK];
    memcpy(dim, given, rank * sizeof *dim);
    SP_TRY(resolve_shape(r, dim, rank, sp_input(r, 0), allow_zero != 0));
    return sp_return_reshaped(r, sp_input(r, 0), dim, rank);
}

sp_status sp_op_flatten(sp_reader *r) {
    int64_t given = 0;
    SP_TRY(sp_attribute_int(r, &given, "axis", 1));
    const sp_value *x = sp_input(r, 0);
    sp_extent old[SP_MAX_RANK], dim[2];
    const size_t rank = sp_shape_of(x, old);
    size_t axis = rank;
    if (given != (int64_t)rank) {
        SP_TRY(sp_normalise_axis(r, &axis, given, rank));
    }
    SP_TRY(product(r, &dim[0], old, axis, SP_NO_AXIS));
    SP_TRY(product(r, &dim[1], old + axis, rank - axis, SP_NO_AXIS));
    return sp_return_reshaped(r, x, dim, 2);
}

/* ---- Transpose and Shape ---- */

static sp_status read_permutation(sp_reader *r, size_t *perm, size_t rank) {
    const sp_extent *given = NULL;
    size_t count = 0;
    bool seen[SP_MAX_RANK] = {false};
    SP_TRY(sp_attribute_wholes(r, &given, &count, "perm"));
    if (given && count != rank) {
        return sp_refuse(r, SP_E_FORMAT, "perm has %zu entries for %zu axes", count, rank);
    }
    for (size_t i = 0; i < rank; i++) {
        const int64_t axis = given ? given[i].k : (int64_t)(rank - 1 - i);
        if (axis < 0 || axis >= (int64_t)rank || seen[axis]) {
            return sp_refuse(r, SP_E_FORMAT, "perm[%zu] = %" PRId64 " is not part of a permutation",
                             i, axis);
        }
        seen[axis] = true;
        perm[i] = (size_t)axis;
    }
    return SP_OK;
}

sp_status sp_op_transpose(sp_reader *r) {
    const sp_value *x = sp_input(r, 0);
    sp_extent old[SP_MAX_RANK];
    size_t perm[SP_MAX_RANK];
    const size_t rank = sp_shape_of(x, old);
    SP_TRY(read_permutation(r, perm, rank));
    if (x->kind == SP_VALUE_FLOW) {
        sp_flow flow = x->flow;
        sp_flow_permute(&flow, perm);
        return sp_return_flow(r, 0, &flow);
    }
    int64_t of_source[SP_MAX_RANK], stride[SP_MAX_RANK], dim[SP_MAX_RANK];
    sp_tensor_strides(of_source, &x->tensor);
    for (size_t i = 0; i < rank; i++) {
        stride[i] = of_source[perm[i]];
        dim[i] = x->tensor.dim[perm[i]];
    }
    sp_tensor tensor = {0};
    if (!sp_tensor_shape(&tensor, dim, rank)) {
        return cannot_hold(r);
    }
    SP_TRY(sp_tensor_view(r, &tensor, &x->tensor, 0, stride));
    return sp_return_tensor(r, 0, &tensor);
}

/* A bound of a list as in Python: negative ones count from the end, then it is cut. */
static size_t clamp(int64_t index, size_t rank) {
    index = index < 0 ? index + (int64_t)rank : index;
    return index < 0 ? 0 : index > (int64_t)rank ? rank : (size_t)index;
}

sp_status sp_op_shape(sp_reader *r) {
    int64_t start = 0, end = 0;
    sp_extent dim[SP_MAX_RANK];
    const size_t rank = sp_shape_of(sp_input(r, 0), dim);
    SP_TRY(sp_attribute_int(r, &start, "start", 0));
    SP_TRY(sp_attribute_int(r, &end, "end", (int64_t)rank));
    const size_t first = clamp(start, rank), last = clamp(end, rank);
    const int64_t count = last > first ? (int64_t)(last - first) : 0;
    sp_tensor tensor = {.kind = SP_NUMBERS_WHOLE};
    if (!sp_tensor_shape(&tensor, &count, 1)) {
        return cannot_hold(r);
    }
    sp_extent *values = sp_tensor_make(r, &tensor);
    if (!values) {
        return sp_out_of_memory(r);
    }
    memcpy(values, dim + first, (size_t)count * sizeof *values);
    return sp_return_tensor(r, 0, &tensor);
}
