/* The input of a graph: its type and shape, and which of its axes can count the steps. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "onnx/impl.h"

typedef Onnx__TensorShapeProto__Dimension sp_onnx_dimension;

static bool is_fixed(const sp_onnx_dimension *dim) {
    return dim->value_case == ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE;
}

sp_status sp_onnx_input_check(sp_error *err, const Onnx__ValueInfoProto *input) {
    const char *name = input->name ? input->name : "";
    const Onnx__TypeProto *type = input->type;
    if (!type || type->value_case != ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE || !type->tensor_type) {
        return sp_fail(err, SP_E_UNSUPPORTED, "the input '%.80s' is not a tensor", name);
    }
    const int32_t number = type->tensor_type->elem_type;
    if (number != ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT &&
        number != ONNX__TENSOR_PROTO__DATA_TYPE__DOUBLE) {
        return sp_fail(err, SP_E_UNSUPPORTED,
                       "the input '%.80s' has the element type %" PRId32
                       ": FLOAT (1) or DOUBLE (11) is "
                       "needed",
                       name, number);
    }
    const Onnx__TensorShapeProto *shape = type->tensor_type->shape;
    if (!shape || shape->n_dim == 0 || shape->n_dim > 3) {
        return sp_fail(
            err, SP_E_UNSUPPORTED,
            "the input '%.80s' must have one to three axes, such as steps x batch x features, "
            "not %zu",
            name, shape ? shape->n_dim : 0);
    }
    for (size_t i = 0; i < shape->n_dim; i++) {
        const int64_t length = is_fixed(shape->dim[i]) ? shape->dim[i]->dim_value : 1;
        if (length <= 0 || length > INT32_MAX) {
            return sp_fail(err, SP_E_FORMAT,
                           "the input '%.80s' has the length %" PRId64 " along axis %zu", name,
                           length, i);
        }
    }
    if (!is_fixed(shape->dim[shape->n_dim - 1])) {
        return sp_fail(err, SP_E_UNSUPPORTED,
                       "the number of features, the last axis of the input '%.80s', is not fixed",
                       name);
    }
    return SP_OK;
}

sp_status sp_onnx_input_describe(sp_error *err, char **text, const Onnx__TensorShapeProto *shape) {
    size_t size = 1;
    for (size_t i = 0; i < shape->n_dim; i++) {
        const sp_onnx_dimension *dim = shape->dim[i];
        size += 32 + (!is_fixed(dim) && dim->dim_param ? strlen(dim->dim_param) : 0);
    }
    *text = calloc(size, 1);
    if (!*text) {
        return sp_fail(err, SP_E_MEMORY, "no memory for a text of the file");
    }
    for (size_t i = 0, at = 0; i < shape->n_dim; i++) {
        const sp_onnx_dimension *dim = shape->dim[i];
        const char *times = i > 0 ? " x " : "";
        const bool named =
            dim->value_case == ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_PARAM &&
            dim->dim_param && dim->dim_param[0] != '\0';
        at += (size_t)(is_fixed(dim)
                           ? snprintf(*text + at, size - at, "%s%" PRId64, times, dim->dim_value)
                           : snprintf(*text + at, size - at, "%s%s", times,
                                      named ? dim->dim_param : "?"));
    }
    return SP_OK;
}

/* ---- the axis of steps ---- */

static bool has_recurrence(const Onnx__GraphProto *proto) {
    for (size_t n = 0; n < proto->n_node; n++) {
        const char *type = proto->node[n]->op_type ? proto->node[n]->op_type : "";
        if (strcmp(type, "LSTM") == 0 || strcmp(type, "GRU") == 0 || strcmp(type, "RNN") == 0 ||
            strcmp(type, "Loop") == 0) {
            return true;
        }
    }
    return false;
}

size_t sp_onnx_input_guesses(sp_onnx_guess *guess, const Onnx__GraphProto *proto,
                             const Onnx__TensorShapeProto *shape) {
    size_t count = 0, fixed = 0;
    for (size_t i = 0; i + 1 < shape->n_dim; i++) {
        fixed += is_fixed(shape->dim[i]) && shape->dim[i]->dim_value > 1;
    }
    for (size_t i = 0; i + 1 < shape->n_dim; i++) {
        const bool is_one = is_fixed(shape->dim[i]) && shape->dim[i]->dim_value == 1;
        const bool is_long = is_fixed(shape->dim[i]) && !is_one;
        if (is_long ? fixed == 1 : !is_one && fixed == 0) {
            guess[count++] = (sp_onnx_guess){i, is_long ? (size_t)shape->dim[i]->dim_value : 0};
        }
    }
    if (fixed == 0 && (count == 0 || (count == 1 && shape->n_dim == 2 && !has_recurrence(proto)))) {
        guess[count++] = (sp_onnx_guess){SP_ONNX_NO_AXIS, 1};
    }
    return count;
}
