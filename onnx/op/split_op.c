/* Split: consecutive parts along one axis, of constants, of polynomials, of features. */
#include <inttypes.h>

#include "onnx/impl.h"

/* The lengths of the parts, given or equal; the last one may be shorter. */
static sp_status read_lengths(sp_onnx_reader *r, int64_t *part, sp_onnx_dim length) {
    const size_t outputs = r->node->n_output;
    const sp_onnx_dim *given = NULL;
    size_t count = 0;
    SP_TRY(sp_onnx_operand_wholes(r, &given, &count, "split", 1, 13));
    if (length.t != 0) {
        r->wants_length = true;
        return sp_onnx_refuse(r, SP_E_UNSUPPORTED, "it splits an axis of unknown length");
    }
    const int64_t n = (int64_t)outputs, each = (length.k + n - 1) / n;
    int64_t left = length.k;
    if (given && count != outputs) {
        return sp_onnx_refuse(r, SP_E_FORMAT, "split has %zu entries for %zu outputs", count,
                              outputs);
    }
    for (size_t i = 0; i < outputs; i++) {
        part[i] = given ? given[i].k : each < left ? each : left;
        if ((given && given[i].t != 0) || part[i] <= 0 || part[i] > left) {
            return sp_onnx_refuse(r, SP_E_FORMAT, "%zu parts do not fit an axis of length %" PRId64,
                                  outputs, length.k);
        }
        left -= part[i];
    }
    return left == 0 ? SP_OK
                     : sp_onnx_refuse(r, SP_E_FORMAT, "its parts leave out %" PRId64 " of %" PRId64,
                                      left, length.k);
}

/* Part first .. first + length - 1 of a tensor. */
static sp_status return_part(sp_onnx_reader *r, size_t i, const sp_onnx_tensor *x, size_t axis,
                             int64_t first, int64_t length) {
    int64_t stride[SP_ONNX_MAX_RANK], dim[SP_ONNX_MAX_RANK];
    sp_onnx_tensor to = {0};
    sp_onnx_tensor_strides(stride, x);
    for (size_t k = 0; k < x->rank; k++) {
        dim[k] = k == axis ? length : x->dim[k];
    }
    (void)sp_onnx_tensor_shape(&to, dim, x->rank);
    SP_TRY(sp_onnx_tensor_view(r, &to, x, first * stride[axis], stride));
    return sp_onnx_return_tensor(r, i, &to);
}

sp_status sp_onnx_op_split(sp_onnx_reader *r) {
    const sp_onnx_value *x = sp_onnx_input(r, 0);
    const size_t outputs = r->node->n_output;
    sp_onnx_dim dim[SP_ONNX_MAX_RANK];
    int64_t given = 0, first = 0, wanted = 0;
    size_t axis = 0;
    const size_t rank = sp_onnx_shape_of(x, dim);
    SP_TRY(sp_onnx_attribute_int(r, &given, "axis", 0));
    SP_TRY(sp_onnx_attribute_int(r, &wanted, "num_outputs", (int64_t)outputs));
    SP_TRY(sp_onnx_normalise_axis(r, &axis, given, rank));
    int64_t *part = sp_region_take(&r->region, outputs + 1, sizeof *part);
    if (!part) {
        return sp_onnx_out_of_memory(r);
    }
    if (outputs == 0 || wanted != (int64_t)outputs) {
        return sp_onnx_refuse(r, SP_E_FORMAT, "it has %zu outputs", outputs);
    }
    SP_TRY(read_lengths(r, part, dim[axis]));
    for (size_t i = 0; i < outputs; i++) {
        if (x->kind == SP_ONNX_VALUE_TENSOR) {
            SP_TRY(return_part(r, i, &x->tensor, axis, first, part[i]));
        } else {
            sp_onnx_sequence sequence = x->sequence;
            SP_TRY(sp_onnx_sequence_select(r, &sequence, axis, sp_onnx_dim_of(first),
                                           sp_onnx_dim_of(first + part[i]), 1));
            SP_TRY(sp_onnx_return_sequence(r, i, &sequence));
        }
        first += part[i];
    }
    return SP_OK;
}
