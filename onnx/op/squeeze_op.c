/* Squeeze and Unsqueeze: axes of length 1 come and go. */
#include <inttypes.h>

#include "onnx/impl.h"

/* marked[i] for every axis of the list, counted in a tensor of this rank. */
static sp_status mark_axes(sp_onnx_reader *r, bool *marked, const sp_onnx_dim *axes, size_t count,
                           size_t rank) {
    for (size_t i = 0; i < count; i++) {
        size_t axis = 0;
        if (axes[i].t != 0) {
            return sp_onnx_refuse(r, SP_E_UNSUPPORTED, "axes depends on the number of steps");
        }
        SP_TRY(sp_onnx_normalise_axis(r, &axis, axes[i].k, rank));
        if (marked[axis]) {
            return sp_onnx_refuse(r, SP_E_FORMAT, "axes names axis %zu twice", axis);
        }
        marked[axis] = true;
    }
    return SP_OK;
}

/* Without axes every axis of length 1 goes; for a sequence that would depend on the number of
 * steps. */
static sp_status mark_ones(sp_onnx_reader *r, bool *marked, const sp_onnx_value *x) {
    sp_onnx_dim dim[SP_ONNX_MAX_RANK];
    const size_t rank = sp_onnx_shape_of(x, dim);
    for (size_t i = 0; i < rank; i++) {
        if (dim[i].t != 0) {
            return sp_onnx_refuse(
                r, SP_E_UNSUPPORTED,
                "it has no axes: which ones it removes would depend on the input");
        }
        marked[i] = sp_onnx_dim_is(dim[i], 1);
    }
    return SP_OK;
}

sp_status sp_onnx_op_squeeze(sp_onnx_reader *r) {
    const sp_onnx_dim *axes = NULL;
    size_t count = 0, kept = 0;
    const sp_onnx_value *x = sp_onnx_input(r, 0);
    sp_onnx_dim old[SP_ONNX_MAX_RANK], dim[SP_ONNX_MAX_RANK];
    const size_t rank = sp_onnx_shape_of(x, old);
    bool drop[SP_ONNX_MAX_RANK] = {false};
    SP_TRY(sp_onnx_operand_wholes(r, &axes, &count, "axes", 1, 13));
    SP_TRY(axes ? mark_axes(r, drop, axes, count, rank) : mark_ones(r, drop, x));
    if (x->kind == SP_ONNX_VALUE_SEQUENCE) {
        sp_onnx_sequence sequence = x->sequence;
        SP_TRY(sp_onnx_sequence_drop(r, &sequence, drop));
        return sp_onnx_return_sequence(r, 0, &sequence);
    }
    for (size_t i = 0; i < rank; i++) {
        if (!drop[i]) {
            dim[kept++] = old[i];
        } else if (!sp_onnx_dim_is(old[i], 1)) {
            return sp_onnx_refuse(r, SP_E_FORMAT,
                                  "axis %zu of length %" PRId64 " cannot be removed", i, old[i].k);
        }
    }
    return sp_onnx_return_reshaped(r, x, dim, kept);
}

sp_status sp_onnx_op_unsqueeze(sp_onnx_reader *r) {
    const sp_onnx_dim *axes = NULL;
    size_t count = 0, from = 0;
    const sp_onnx_value *x = sp_onnx_input(r, 0);
    sp_onnx_dim old[SP_ONNX_MAX_RANK], dim[SP_ONNX_MAX_RANK];
    const size_t old_rank = sp_onnx_shape_of(x, old);
    bool fresh[SP_ONNX_MAX_RANK] = {false};
    SP_TRY(sp_onnx_operand_wholes(r, &axes, &count, "axes", 1, 13));
    if (!axes) {
        return sp_onnx_refuse(r, SP_E_FORMAT, "it has no axes");
    }
    if (count > SP_ONNX_MAX_RANK - old_rank) {
        return sp_onnx_refuse(r, SP_E_UNSUPPORTED, "a result with more than %d axes",
                              SP_ONNX_MAX_RANK);
    }
    const size_t rank = old_rank + count;
    SP_TRY(mark_axes(r, fresh, axes, count, rank));
    if (x->kind == SP_ONNX_VALUE_SEQUENCE) {
        sp_onnx_sequence sequence = x->sequence;
        SP_TRY(sp_onnx_sequence_insert(r, &sequence, fresh, rank));
        return sp_onnx_return_sequence(r, 0, &sequence);
    }
    for (size_t i = 0; i < rank; i++) {
        dim[i] = fresh[i] ? sp_onnx_dim_of(1) : old[from++];
    }
    return sp_onnx_return_reshaped(r, x, dim, rank);
}
