/* The input of a graph: its type and shape, and which of its axes can count the steps. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "onnx/impl.h"

typedef Onnx__TensorShapeProto__Dimension sp_onnx_dimension;

static bool is_fixed(const sp_onnx_dimension *dim) {
    return dim->value_case == ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE;
}

/* Whether the one input goes into a convolution over a single channel, or into an STFT. */
static bool hears_samples(const Onnx__GraphProto *proto) {
    size_t inputs = 0;
    bool single = false;
    for (size_t i = 0; i < proto->n_input; i++) {
        bool given = false;
        for (size_t k = 0; k < proto->n_initializer && !given; k++) {
            given = proto->initializer[k]->name && proto->input[i]->name &&
                    strcmp(proto->input[i]->name, proto->initializer[k]->name) == 0;
        }
        inputs += !given;
    }
    for (size_t n = 0; n < proto->n_node && inputs == 1; n++) {
        const Onnx__NodeProto *node = proto->node[n];
        const bool conv = node->op_type && strcmp(node->op_type, "Conv") == 0 && node->n_input > 1;
        if (node->op_type && strcmp(node->op_type, "STFT") == 0) {
            return true;
        }
        for (size_t k = 0; conv && k < proto->n_initializer; k++) {
            const Onnx__TensorProto *kernel = proto->initializer[k];
            single = single || (kernel->name && strcmp(kernel->name, node->input[1]) == 0 &&
                                kernel->n_dims == 3 && kernel->dims[1] == 1);
        }
        if (conv) {
            break; // the first one
        }
    }
    return single;
}

sp_status sp_onnx_input_check(sp_error *err, const Onnx__GraphProto *proto,
                              const Onnx__ValueInfoProto *input) {
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
    if (!shape || shape->n_dim == 0 || shape->n_dim > 4) {
        return sp_fail(
            err, SP_E_UNSUPPORTED,
            "the input '%.80s' must have one to four axes, such as steps x batch x features, "
            "not %zu",
            name, shape ? shape->n_dim : 0);
    }
    size_t features = 0;
    for (size_t i = 0; i < shape->n_dim; i++) {
        const int64_t length = is_fixed(shape->dim[i]) ? shape->dim[i]->dim_value : 1;
        if (length <= 0 || length > INT32_MAX) {
            return sp_fail(err, SP_E_FORMAT,
                           "the input '%.80s' has the length %" PRId64 " along axis %zu", name,
                           length, i);
        }
        features += is_fixed(shape->dim[i]) && (length > 1 || i + 1 == shape->n_dim);
    }
    if (features == 0 && !hears_samples(proto)) {
        return sp_fail(
            err, SP_E_UNSUPPORTED,
            "the number of features, an axis of the input '%.80s', is not fixed: give the "
            "lengths that the model runs with, as --input %.80s=1x80 where there are 80",
            name, name);
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

bool sp_onnx_name_holds(const char *name, const char *word) {
    const size_t length = strlen(word);
    for (; *name != '\0'; name++) {
        if (strncasecmp(name, word, length) == 0) {
            return true;
        }
    }
    return false;
}

const char *sp_onnx_axis_name(const Onnx__TensorShapeProto *shape, size_t axis) {
    const sp_onnx_dimension *dim = shape->dim[axis];
    return dim->value_case == ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_PARAM && dim->dim_param
               ? dim->dim_param
               : "";
}

int sp_onnx_axis_sense(const Onnx__TensorShapeProto *shape, size_t axis) {
    static const char *const steps[] = {"time", "frame", "step", "seq"};
    const char *name = sp_onnx_axis_name(shape, axis);
    if (sp_onnx_name_holds(name, "batch") || strcasecmp(name, "b") == 0 ||
        strcasecmp(name, "n") == 0) {
        return -1;
    }
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        if (sp_onnx_name_holds(name, steps[i])) {
            return 1;
        }
    }
    return strcasecmp(name, "t") == 0 || strcasecmp(name, "l") == 0;
}

static size_t length_of(const sp_onnx_dimension *dim) {
    return is_fixed(dim) ? (size_t)dim->dim_value : 0;
}

size_t sp_onnx_input_inner(const Onnx__TensorShapeProto *shape, size_t axis) {
    size_t inner = 1;
    for (size_t i = 0; i < shape->n_dim; i++) {
        const bool behind = axis == SP_ONNX_NO_AXIS || i > axis;
        inner *= behind && is_fixed(shape->dim[i]) ? (size_t)shape->dim[i]->dim_value : 1;
    }
    return inner;
}

static bool all_fixed(const Onnx__TensorShapeProto *shape) {
    bool all = true;
    for (size_t i = 0; i < shape->n_dim; i++) {
        all = all && is_fixed(shape->dim[i]);
    }
    return all;
}

size_t sp_onnx_input_guesses(sp_onnx_guess *guess, const Onnx__GraphProto *proto,
                             const Onnx__TensorShapeProto *shape, bool flat) {
    size_t count = 0, fixed = 0;
    const size_t last = shape->n_dim - 1;
    for (size_t i = 0; i < last; i++) {
        fixed += length_of(shape->dim[i]) > 1;
    }
    const bool last_steps = last > 0 && length_of(shape->dim[last]) != 1 && fixed == 1;
    const bool samples = fixed == 0 && length_of(shape->dim[last]) != 1;
    if (samples && hears_samples(proto)) {
        guess[count++] = (sp_onnx_guess){.axis = last, .steps = length_of(shape->dim[last])};
    }
    if (flat && all_fixed(shape) && !has_recurrence(proto)) {
        guess[count++] = (sp_onnx_guess){.axis = SP_ONNX_NO_AXIS, .steps = 1};
    }
    if (last_steps && sp_onnx_axis_sense(shape, last) > 0) {
        guess[count++] = (sp_onnx_guess){.axis = last, .steps = length_of(shape->dim[last])};
    }
    for (size_t named = 0; is_fixed(shape->dim[last]) && named < 2; named++) {
        for (size_t i = 0; i < last; i++) { // named ones first
            const size_t length = length_of(shape->dim[i]);
            if ((named == 0) == (sp_onnx_axis_sense(shape, i) > 0) &&
                (length > 1 ? fixed == 1 : length == 0 && fixed == 0)) {
                guess[count++] = (sp_onnx_guess){.axis = i, .steps = length};
            }
        }
    }
    for (size_t i = 0; fixed == 1 && i < last && is_fixed(shape->dim[last]); i++) {
        for (size_t k = 0; sp_onnx_axis_sense(shape, i) > 0 && k < last; k++) {
            if (length_of(shape->dim[k]) > 1 && length_of(shape->dim[i]) == 0) {
                guess[count++] = (sp_onnx_guess){.axis = i, .batch = {length_of(shape->dim[k]), k}};
            }
        }
    }
    if (fixed == 0 && (count == 0 || (count == 1 && shape->n_dim == 2 && !has_recurrence(proto)))) {
        guess[count++] = (sp_onnx_guess){.axis = SP_ONNX_NO_AXIS, .steps = 1};
    }
    if (last_steps && sp_onnx_axis_sense(shape, last) <= 0) {
        guess[count++] = (sp_onnx_guess){.axis = last, .steps = length_of(shape->dim[last])};
    }
    return count;
}
