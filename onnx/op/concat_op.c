/* Concat and Expand: constants put together, and features of the same steps side by side. */
#include <inttypes.h>
#include <string.h>

#include "onnx/impl.h"

/* ---- constants ---- */

/* The inputs; when any of them holds polynomials, all do. */
static sp_status read_tensors(sp_onnx_reader *r, sp_onnx_tensor **input) {
    bool polynomials = false;
    *input = sp_region_take(&r->region, sp_onnx_inputs(r), sizeof **input);
    if (!*input) {
        return sp_onnx_out_of_memory(r);
    }
    for (size_t i = 0; i < sp_onnx_inputs(r); i++) {
        (*input)[i] = sp_onnx_input(r, i)->tensor;
        polynomials = polynomials || (*input)[i].kind == SP_ONNX_POLYNOMIAL;
    }
    for (size_t i = 0; polynomials && i < sp_onnx_inputs(r); i++) {
        const sp_onnx_tensor tensor = (*input)[i];
        if (tensor.kind != SP_ONNX_WHOLE) {
            SP_TRY(sp_onnx_tensor_polynomials(r, &(*input)[i], &tensor));
        }
    }
    return SP_OK;
}

static sp_status joined_shape(sp_onnx_reader *r, sp_onnx_tensor *to, size_t *axis,
                              const sp_onnx_tensor *input, int64_t given) {
    const sp_onnx_tensor *first = &input[0];
    SP_TRY(sp_onnx_normalise_axis(r, axis, given, first->rank));
    int64_t dim[SP_ONNX_MAX_RANK];
    memcpy(dim, first->dim, sizeof dim);
    for (size_t i = 1; i < sp_onnx_inputs(r); i++) {
        const sp_onnx_tensor *x = &input[i];
        bool fits = x->rank == first->rank && x->kind == first->kind;
        for (size_t k = 0; k < first->rank; k++) {
            fits = fits && (k == *axis || x->dim[k] == dim[k]);
        }
        if (!fits || dim[*axis] > INT64_MAX / 32 - x->dim[*axis]) {
            return sp_onnx_refuse(r, SP_E_FORMAT, "input %zu ('%.60s') does not fit the first one",
                                  i, sp_onnx_input_name(r, i));
        }
        dim[*axis] += x->dim[*axis];
    }
    to->kind = first->kind;
    if (!sp_onnx_tensor_shape(to, dim, first->rank)) {
        return sp_onnx_refuse(r, SP_E_UNSUPPORTED, "its result has too many elements");
    }
    return SP_OK;
}

static sp_status concat_tensors(sp_onnx_reader *r, int64_t given) {
    sp_onnx_tensor to = {0}, *input = NULL;
    size_t axis = 0, outer = 1, inner = 1, done = 0;
    SP_TRY(read_tensors(r, &input));
    SP_TRY(joined_shape(r, &to, &axis, input, given));
    char *numbers = sp_onnx_tensor_make(r, &to);
    if (!numbers) {
        return sp_onnx_out_of_memory(r);
    }
    for (size_t i = 0; i < to.rank; i++) {
        *(i < axis ? &outer : &inner) *= i == axis ? 1 : (size_t)to.dim[i];
    }
    const size_t size = sp_onnx_number_size(to.kind);
    const size_t row = inner * (size_t)to.dim[axis] * size;
    for (size_t i = 0; i < sp_onnx_inputs(r) && to.count > 0; i++) {
        const sp_onnx_tensor *x = &input[i];
        const char *source = sp_onnx_tensor_data(x);
        const size_t piece = inner * (size_t)x->dim[axis] * size;
        for (size_t o = 0; o < outer; o++) {
            memcpy(numbers + o * row + done, source + o * piece, piece);
        }
        done += piece;
    }
    return sp_onnx_return_tensor(r, 0, &to);
}

/* ---- sequences ---- */

/* The inputs as sequences of the same steps; constants are the same at every step. */
static sp_status read_sequences(sp_onnx_reader *r, sp_onnx_sequence **input) {
    const sp_onnx_sequence *like = NULL;
    *input = sp_region_take(&r->region, sp_onnx_inputs(r), sizeof **input);
    if (!*input) {
        return sp_onnx_out_of_memory(r);
    }
    for (size_t i = 0; i < sp_onnx_inputs(r); i++) {
        const sp_onnx_value *x = sp_onnx_input(r, i);
        like = x->kind == SP_ONNX_VALUE_SEQUENCE ? &x->sequence : like;
    }
    for (size_t i = 0; i < sp_onnx_inputs(r); i++) {
        const sp_onnx_value *x = sp_onnx_input(r, i);
        if (x->kind == SP_ONNX_VALUE_SEQUENCE) {
            (*input)[i] = x->sequence;
            SP_TRY(sp_onnx_inputs(r) > 1 ? sp_onnx_sequence_open(r, &(*input)[i]) : SP_OK);
        } else {
            SP_TRY(sp_onnx_sequence_constant(r, &(*input)[i], &x->tensor, like));
        }
    }
    return SP_OK;
}

/* Whether a sequence can stand beside the first one along this axis. */
static bool fits(const sp_onnx_sequence *x, const sp_onnx_sequence *first, size_t axis) {
    bool fit = x->rank == first->rank && x->outer == first->outer && axis != first->outer &&
               x->reversed == first->reversed && x->head == SP_ONNX_HEAD_NONE;
    for (size_t i = 0; fit && i < x->rank; i++) {
        fit = i == axis || sp_onnx_dim_equal(x->dim[i], first->dim[i]);
    }
    return fit;
}

static sp_status concat_sequences(sp_onnx_reader *r, int64_t given) {
    sp_onnx_sequence *input = NULL, to;
    size_t axis = 0, width = 0, inner = 1, done = 0;
    int64_t length = 0;
    SP_TRY(read_sequences(r, &input));
    to = input[0];
    SP_TRY(sp_onnx_normalise_axis(r, &axis, given, to.rank));
    if (sp_onnx_inputs(r) == 1) {
        return sp_onnx_return_sequence(r, 0, &to);
    }
    for (size_t i = 0; i < sp_onnx_inputs(r); i++) {
        if (!fits(&input[i], &to, axis)) {
            return sp_onnx_refuse(
                r, SP_E_UNSUPPORTED,
                "it joins '%.60s' with others: only features of the same steps can be put side "
                "by side",
                sp_onnx_input_name(r, i));
        }
        width += input[i].width;
        length += input[i].dim[axis].k;
    }
    sp_onnx_affine *row = sp_region_take(&r->region, width, sizeof *row);
    if (!row) {
        return sp_onnx_out_of_memory(r);
    }
    for (size_t i = axis + 1; i < to.rank; i++) {
        inner *= i == to.outer ? 1 : (size_t)to.dim[i].k;
    }
    for (size_t i = 0; i < sp_onnx_inputs(r); i++) {
        const size_t piece = inner * (size_t)input[i].dim[axis].k;
        for (size_t o = 0; o < input[i].width / piece; o++) {
            memcpy(row + o * inner * (size_t)length + done, input[i].row + o * piece,
                   piece * sizeof *row);
        }
        done += piece;
    }
    to.row = row;
    to.width = width;
    to.dim[axis] = sp_onnx_dim_of(length);
    bool rolled = false;
    if (to.outer == SP_ONNX_NO_AXIS && (size_t)length == sp_onnx_inputs(r) && r->depth == 0) {
        SP_TRY(sp_onnx_sequence_roll(r, &to, axis, &rolled));
    }
    return sp_onnx_return_sequence(r, 0, &to);
}

sp_status sp_onnx_op_concat(sp_onnx_reader *r) {
    int64_t axis = 0;
    if (!sp_onnx_attribute(r->node, "axis")) {
        return sp_onnx_refuse(r, SP_E_FORMAT, "it has no axis");
    }
    SP_TRY(sp_onnx_attribute_int(r, &axis, "axis", 0));
    size_t sequences = 0;
    for (size_t i = 0; i < sp_onnx_inputs(r); i++) {
        if (!sp_onnx_input(r, i)) {
            return sp_onnx_refuse(r, SP_E_FORMAT, "input %zu is left out", i);
        }
        sequences += sp_onnx_input(r, i)->kind == SP_ONNX_VALUE_SEQUENCE;
    }
    return sequences == 0 ? concat_tensors(r, axis) : concat_sequences(r, axis);
}

/* ---- Expand ---- */

static sp_status expand_sequence(sp_onnx_reader *r, sp_onnx_sequence sequence,
                                 const sp_onnx_dim *dim, size_t rank) {
    SP_TRY(sp_onnx_sequence_expand(r, &sequence, dim, rank));
    return sp_onnx_return_sequence(r, 0, &sequence);
}

sp_status sp_onnx_op_expand(sp_onnx_reader *r) {
    const sp_onnx_value *x = sp_onnx_input(r, 0);
    const sp_onnx_dim *given = NULL;
    size_t rank = 0;
    SP_TRY(sp_onnx_input_wholes(r, &given, &rank, 1, "shape"));
    if (x->kind == SP_ONNX_VALUE_SEQUENCE) {
        return expand_sequence(r, x->sequence, given, rank);
    }
    int64_t dim[SP_ONNX_MAX_RANK];
    for (size_t i = 0; i < rank && i < SP_ONNX_MAX_RANK; i++) {
        if (given[i].t != 0) {
            return sp_onnx_refuse(r, SP_E_UNSUPPORTED, "it repeats a constant for every step");
        }
        dim[i] = given[i].k;
    }
    sp_onnx_tensor wanted = {0}, to = {0};
    if (!sp_onnx_tensor_shape(&wanted, dim, rank) ||
        !sp_onnx_tensor_broadcast(&to, &x->tensor, &wanted)) {
        return sp_onnx_refuse(r, SP_E_FORMAT, "'%.60s' cannot be repeated to that shape",
                              sp_onnx_input_name(r, 0));
    }
    SP_TRY(sp_onnx_tensor_expand(r, &to, &x->tensor));
    return sp_onnx_return_tensor(r, 0, &to);
}
