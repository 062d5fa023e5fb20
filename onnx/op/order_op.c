/* ReverseSequence of whole sequences; TopK and ScatterElements of single numbers, with which packed
 * sequences of one clip are sorted. */
#include <string.h>

#include "onnx/impl.h"

/* ---- ReverseSequence ---- */

static sp_status read_axes(sp_onnx_reader *r, size_t *time, size_t rank) {
    int64_t batch_axis = 1, time_axis = 0;
    size_t batch = 0;
    SP_TRY(sp_onnx_attribute_int(r, &batch_axis, "batch_axis", 1));
    SP_TRY(sp_onnx_attribute_int(r, &time_axis, "time_axis", 0));
    SP_TRY(sp_onnx_normalise_axis(r, &batch, batch_axis, rank));
    return sp_onnx_normalise_axis(r, time, time_axis, rank);
}

static sp_status check_lengths(sp_onnx_reader *r, sp_onnx_dim steps) {
    const sp_onnx_dim *length = NULL;
    size_t count = 0;
    SP_TRY(sp_onnx_input_wholes(r, &length, &count, 1, "sequence_lens"));
    return count == 1 && sp_onnx_dim_equal(length[0], steps)
               ? SP_OK
               : sp_onnx_refuse(r, SP_E_UNSUPPORTED,
                                "sequence_lens ('%.60s') is not the length of the sequence: it is "
                                "read where it reverses all steps of one clip",
                                sp_onnx_input_name(r, 1));
}

static sp_status reverse_tensor(sp_onnx_reader *r, const sp_onnx_tensor *x, size_t axis) {
    int64_t stride[SP_ONNX_MAX_RANK];
    sp_onnx_tensor to = {0};
    SP_TRY(check_lengths(r, sp_onnx_dim_of(x->dim[axis])));
    sp_onnx_tensor_strides(stride, x);
    (void)sp_onnx_tensor_shape(&to, x->dim, x->rank);
    const int64_t first = x->dim[axis] > 0 ? (x->dim[axis] - 1) * stride[axis] : 0;
    stride[axis] = -stride[axis];
    SP_TRY(sp_onnx_tensor_view(r, &to, x, first, stride));
    return sp_onnx_return_tensor(r, 0, &to);
}

sp_status sp_onnx_op_reverse_sequence(sp_onnx_reader *r) {
    const sp_onnx_value *x = sp_onnx_input(r, 0);
    size_t axis = 0;
    if (x->kind != SP_ONNX_VALUE_SEQUENCE) {
        SP_TRY(read_axes(r, &axis, x->tensor.rank));
        return reverse_tensor(r, &x->tensor, axis);
    }
    sp_onnx_sequence sequence = x->sequence;
    SP_TRY(read_axes(r, &axis, sequence.rank));
    if (axis != sequence.outer) {
        return sp_onnx_refuse(r, SP_E_UNSUPPORTED, "it reverses axis %zu, which counts no steps",
                              axis);
    }
    SP_TRY(check_lengths(r, sequence.dim[axis]));
    sequence.reversed = !sequence.reversed;
    return sp_onnx_return_sequence(r, 0, &sequence);
}

/* ---- single numbers ---- */

/* The largest of one number is that number, at place 0. */
sp_status sp_onnx_op_top_k(sp_onnx_reader *r) {
    const sp_onnx_tensor *x = NULL, *k = NULL;
    SP_TRY(sp_onnx_input_tensor(r, &x, 0, "X"));
    SP_TRY(sp_onnx_input_tensor(r, &k, 1, "K"));
    if (x->count != 1 || k->kind != SP_ONNX_WHOLE || k->count != 1 ||
        !sp_onnx_dim_is(k->whole[0], 1)) {
        return sp_onnx_refuse(r, SP_E_UNSUPPORTED,
                              "it sorts '%.60s': only single numbers, the lengths of one clip, are "
                              "read",
                              sp_onnx_input_name(r, 0));
    }
    sp_onnx_tensor place = *x;
    place.kind = SP_ONNX_WHOLE;
    if (!sp_onnx_tensor_make(r, &place)) { // zeros
        return sp_onnx_out_of_memory(r);
    }
    SP_TRY(sp_onnx_return_tensor(r, 0, x));
    return sp_onnx_return_tensor(r, 1, &place);
}

sp_status sp_onnx_op_scatter_elements(sp_onnx_reader *r) {
    const sp_onnx_tensor *x = NULL, *index = NULL, *updates = NULL;
    SP_TRY(sp_onnx_input_tensor(r, &x, 0, "data"));
    SP_TRY(sp_onnx_input_tensor(r, &index, 1, "indices"));
    SP_TRY(sp_onnx_input_tensor(r, &updates, 2, "updates"));
    if (x->count != 1 || updates->count != 1 || index->count != 1 || index->kind != SP_ONNX_WHOLE ||
        !sp_onnx_dim_is(index->whole[0], 0) || updates->kind != x->kind) {
        return sp_onnx_refuse(r, SP_E_UNSUPPORTED,
                              "it replaces parts of '%.60s': only single numbers are read",
                              sp_onnx_input_name(r, 0));
    }
    sp_onnx_tensor to = *updates;
    (void)sp_onnx_tensor_shape(&to, x->dim, x->rank);
    return sp_onnx_return_tensor(r, 0, &to);
}
