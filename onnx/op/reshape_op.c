/* Reshape, Flatten, Transpose and Shape: the same numbers on other axes. */
#include <inttypes.h>
#include <string.h>

#include "onnx/impl.h"

static sp_status cannot_hold(sp_onnx_reader *r) {
    return sp_onnx_refuse(r, SP_E_UNSUPPORTED,
                          "a result with more than %d axes, or with too many elements",
                          SP_ONNX_MAX_RANK);
}

size_t sp_onnx_shape_of(const sp_onnx_value *value, sp_onnx_dim *dim) {
    const size_t rank =
        value->kind == SP_ONNX_VALUE_SEQUENCE ? value->sequence.rank : value->tensor.rank;
    for (size_t i = 0; i < rank; i++) {
        dim[i] = value->kind == SP_ONNX_VALUE_SEQUENCE ? value->sequence.dim[i]
                                                       : sp_onnx_dim_of(value->tensor.dim[i]);
    }
    return rank;
}

sp_status sp_onnx_return_reshaped(sp_onnx_reader *r, const sp_onnx_value *x, const sp_onnx_dim *dim,
                                  size_t rank) {
    if (x->kind == SP_ONNX_VALUE_SEQUENCE) {
        sp_onnx_sequence sequence = x->sequence;
        SP_TRY(sp_onnx_sequence_reshape(r, &sequence, dim, rank));
        return sp_onnx_return_sequence(r, 0, &sequence);
    }
    int64_t fixed[SP_ONNX_MAX_RANK];
    if (rank > SP_ONNX_MAX_RANK) {
        return cannot_hold(r);
    }
    for (size_t i = 0; i < rank; i++) {
        if (dim[i].t != 0) {
            return sp_onnx_refuse(r, SP_E_UNSUPPORTED, "a constant cannot have one row per step");
        }
        fixed[i] = dim[i].k;
    }
    sp_onnx_tensor tensor = x->tensor;
    if (!sp_onnx_tensor_shape(&tensor, fixed, rank) || tensor.count != x->tensor.count) {
        return sp_onnx_refuse(r, SP_E_FORMAT,
                              "the shape that it asks for does not hold %zu elements",
                              x->tensor.count);
    }
    return sp_onnx_return_tensor(r, 0, &tensor);
}

/* ---- Reshape ---- */

static sp_status product_overflows(sp_onnx_reader *r) {
    return sp_onnx_refuse(r, SP_E_UNSUPPORTED, "the shape that it asks for cannot be followed");
}

static sp_status product(sp_onnx_reader *r, sp_onnx_dim *result, const sp_onnx_dim *dim,
                         size_t rank, size_t without) {
    *result = sp_onnx_dim_of(1);
    for (size_t i = 0; i < rank; i++) {
        if (i != without && !sp_onnx_dim_mul(result, *result, dim[i])) {
            return product_overflows(r);
        }
    }
    return SP_OK;
}

/* total / part; part may be c T when total is. */
static bool quotient(sp_onnx_dim *result, sp_onnx_dim total, sp_onnx_dim part) {
    if (part.t == 0) {
        sp_onnx_dim back;
        return sp_onnx_dim_div(result, total, part) && sp_onnx_dim_mul(&back, *result, part) &&
               sp_onnx_dim_equal(back, total);
    }
    if (part.k != 0 || total.k != 0 || total.t % part.t != 0) {
        return false;
    }
    *result = sp_onnx_dim_of(total.t / part.t);
    return true;
}

/* Replaces 0 by the input's length and -1 by what is left. */
static sp_status resolve_shape(sp_onnx_reader *r, sp_onnx_dim *dim, size_t rank,
                               const sp_onnx_value *x, bool allow_zero) {
    sp_onnx_dim old[SP_ONNX_MAX_RANK], total, others;
    const size_t old_rank = sp_onnx_shape_of(x, old);
    size_t open = SP_ONNX_NO_AXIS;
    for (size_t i = 0; i < rank; i++) {
        if (sp_onnx_dim_is(dim[i], 0) && !allow_zero) {
            if (i >= old_rank) {
                return sp_onnx_refuse(r, SP_E_FORMAT,
                                      "its shape copies axis %zu of a tensor of rank %zu", i,
                                      old_rank);
            }
            dim[i] = old[i];
        } else if (sp_onnx_dim_is(dim[i], -1)) {
            if (open != SP_ONNX_NO_AXIS) {
                return sp_onnx_refuse(r, SP_E_FORMAT, "its shape leaves two lengths open");
            }
            open = i;
        } else if (dim[i].t < 0 || (dim[i].t == 0 && dim[i].k < 0)) {
            return sp_onnx_refuse(r, SP_E_FORMAT, "its shape has the length %" PRId64, dim[i].k);
        }
    }
    if (open == SP_ONNX_NO_AXIS) {
        return SP_OK;
    }
    SP_TRY(product(r, &total, old, old_rank, SP_ONNX_NO_AXIS));
    SP_TRY(product(r, &others, dim, rank, open));
    return quotient(&dim[open], total, others) ? SP_OK : product_overflows(r);
}

sp_status sp_onnx_op_reshape(sp_onnx_reader *r) {
    const sp_onnx_dim *given = NULL;
    size_t rank = 0;
    int64_t allow_zero = 0;
    SP_TRY(sp_onnx_input_wholes(r, &given, &rank, 1, "shape"));
    SP_TRY(sp_onnx_attribute_int(r, &allow_zero, "allowzero", 0));
    if (rank > SP_ONNX_MAX_RANK) {
        return cannot_hold(r);
    }
    sp_onnx_dim dim[SP_ONNX_MAX_RANK];
    memcpy(dim, given, rank * sizeof *dim);
    SP_TRY(resolve_shape(r, dim, rank, sp_onnx_input(r, 0), allow_zero != 0));
    return sp_onnx_return_reshaped(r, sp_onnx_input(r, 0), dim, rank);
}

sp_status sp_onnx_op_flatten(sp_onnx_reader *r) {
    int64_t given = 0;
    SP_TRY(sp_onnx_attribute_int(r, &given, "axis", 1));
    const sp_onnx_value *x = sp_onnx_input(r, 0);
    sp_onnx_dim old[SP_ONNX_MAX_RANK], dim[2];
    const size_t rank = sp_onnx_shape_of(x, old);
    size_t axis = rank;
    if (given != (int64_t)rank) {
        SP_TRY(sp_onnx_normalise_axis(r, &axis, given, rank));
    }
    SP_TRY(product(r, &dim[0], old, axis, SP_ONNX_NO_AXIS));
    SP_TRY(product(r, &dim[1], old + axis, rank - axis, SP_ONNX_NO_AXIS));
    return sp_onnx_return_reshaped(r, x, dim, 2);
}

/* ---- Transpose and Shape ---- */

static sp_status read_permutation(sp_onnx_reader *r, size_t *perm, size_t rank) {
    const sp_onnx_dim *given = NULL;
    size_t count = 0;
    bool seen[SP_ONNX_MAX_RANK] = {false};
    SP_TRY(sp_onnx_attribute_wholes(r, &given, &count, "perm"));
    if (given && count != rank) {
        return sp_onnx_refuse(r, SP_E_FORMAT, "perm has %zu entries for %zu axes", count, rank);
    }
    for (size_t i = 0; i < rank; i++) {
        const int64_t axis = given ? given[i].k : (int64_t)(rank - 1 - i);
        if (axis < 0 || axis >= (int64_t)rank || seen[axis]) {
            return sp_onnx_refuse(r, SP_E_FORMAT,
                                  "perm[%zu] = %" PRId64 " is not part of a permutation", i, axis);
        }
        seen[axis] = true;
        perm[i] = (size_t)axis;
    }
    return SP_OK;
}

sp_status sp_onnx_op_transpose(sp_onnx_reader *r) {
    const sp_onnx_value *x = sp_onnx_input(r, 0);
    sp_onnx_dim old[SP_ONNX_MAX_RANK];
    size_t perm[SP_ONNX_MAX_RANK];
    const size_t rank = sp_onnx_shape_of(x, old);
    SP_TRY(read_permutation(r, perm, rank));
    if (x->kind == SP_ONNX_VALUE_SEQUENCE) {
        sp_onnx_sequence sequence = x->sequence;
        SP_TRY(sp_onnx_sequence_permute(r, &sequence, perm));
        return sp_onnx_return_sequence(r, 0, &sequence);
    }
    int64_t of_source[SP_ONNX_MAX_RANK], stride[SP_ONNX_MAX_RANK], dim[SP_ONNX_MAX_RANK];
    sp_onnx_tensor_strides(of_source, &x->tensor);
    for (size_t i = 0; i < rank; i++) {
        stride[i] = of_source[perm[i]];
        dim[i] = x->tensor.dim[perm[i]];
    }
    sp_onnx_tensor tensor = {0};
    if (!sp_onnx_tensor_shape(&tensor, dim, rank)) {
        return cannot_hold(r);
    }
    SP_TRY(sp_onnx_tensor_view(r, &tensor, &x->tensor, 0, stride));
    return sp_onnx_return_tensor(r, 0, &tensor);
}

/* A bound of a list as in Python: negative ones count from the end, then it is cut. */
static size_t clamp(int64_t index, size_t rank) {
    index = index < 0 ? index + (int64_t)rank : index;
    return index < 0 ? 0 : index > (int64_t)rank ? rank : (size_t)index;
}

/* The number of elements, as the only one of a tensor of rank 0. */
static sp_status return_size(sp_onnx_reader *r, const sp_onnx_dim *dim, size_t rank) {
    sp_onnx_tensor tensor = {.kind = SP_ONNX_WHOLE};
    (void)sp_onnx_tensor_shape(&tensor, NULL, 0);
    sp_onnx_dim *size = sp_onnx_tensor_make(r, &tensor);
    if (!size) {
        return sp_onnx_out_of_memory(r);
    }
    SP_TRY(product(r, size, dim, rank, SP_ONNX_NO_AXIS));
    return sp_onnx_return_tensor(r, 0, &tensor);
}

sp_status sp_onnx_op_shape(sp_onnx_reader *r) {
    int64_t start = 0, end = 0;
    sp_onnx_dim dim[SP_ONNX_MAX_RANK];
    const size_t rank = sp_onnx_shape_of(sp_onnx_input(r, 0), dim);
    if (strcmp(r->node->op_type, "Size") == 0) {
        return return_size(r, dim, rank);
    }
    SP_TRY(sp_onnx_attribute_int(r, &start, "start", 0));
    SP_TRY(sp_onnx_attribute_int(r, &end, "end", (int64_t)rank));
    const size_t first = clamp(start, rank), last = clamp(end, rank);
    const int64_t count = last > first ? (int64_t)(last - first) : 0;
    sp_onnx_tensor tensor = {.kind = SP_ONNX_WHOLE};
    if (!sp_onnx_tensor_shape(&tensor, &count, 1)) {
        return cannot_hold(r);
    }
    sp_onnx_dim *values = sp_onnx_tensor_make(r, &tensor);
    if (!values) {
        return sp_onnx_out_of_memory(r);
    }
    memcpy(values, dim + first, (size_t)count * sizeof *values);
    return sp_onnx_return_tensor(r, 0, &tensor);
}
