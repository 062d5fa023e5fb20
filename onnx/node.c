/* The node at hand: its inputs and outputs as values, and failures that name it. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "onnx/impl.h"

sp_status sp_onnx_refuse(sp_onnx_reader *r, sp_status code, const char *format, ...) {
    char text[400];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    const Onnx__NodeProto *node = r->node;
    const char *name = node->name ? node->name : "";
    if (name[0] == '\0' && node->n_output > 0) {
        name = node->output[0];
    }
    return sp_fail(r->err, code, "node '%.80s' (%.40s): %s", name,
                   node->op_type ? node->op_type : "", text);
}

sp_status sp_onnx_out_of_memory(sp_onnx_reader *r) {
    return sp_onnx_refuse(r, SP_E_MEMORY,
                          "its result does not fit into memory, or into the %zu MiB that a "
                          "file of this size may take",
                          r->budget >> 20);
}

size_t sp_onnx_node_index(const sp_onnx_reader *r) {
    return r->graph->order[r->at];
}

size_t sp_onnx_inputs(const sp_onnx_reader *r) {
    return r->node->n_input;
}

size_t sp_onnx_input_id(const sp_onnx_reader *r, size_t i) {
    return i < r->node->n_input ? r->graph->input[r->graph->first_input[sp_onnx_node_index(r)] + i]
                                : SP_ONNX_NO_NAME;
}

const sp_onnx_value *sp_onnx_input(const sp_onnx_reader *r, size_t i) {
    const size_t id = sp_onnx_input_id(r, i);
    return id == SP_ONNX_NO_NAME ? NULL : r->value[id];
}

const char *sp_onnx_input_name(const sp_onnx_reader *r, size_t i) {
    return i < r->node->n_input ? r->node->input[i] : "";
}

sp_status sp_onnx_input_tensor(sp_onnx_reader *r, const sp_onnx_tensor **tensor, size_t i,
                               const char *what) {
    const sp_onnx_value *value = sp_onnx_input(r, i);
    if (!value) {
        return sp_onnx_refuse(r, SP_E_FORMAT, "input %s is missing", what);
    }
    if (value->kind != SP_ONNX_VALUE_TENSOR) {
        return sp_onnx_refuse(r, SP_E_UNSUPPORTED,
                              "input %s ('%.60s') depends on the features: it must be a constant",
                              what, sp_onnx_input_name(r, i));
    }
    if (value->tensor.kind == SP_ONNX_POLYNOMIAL) {
        return sp_onnx_refuse(
            r, SP_E_UNSUPPORTED,
            "input %s ('%.60s') depends on the features or on a state of the Loop: it "
            "must be a constant",
            what, sp_onnx_input_name(r, i));
    }
    *tensor = &value->tensor;
    return SP_OK;
}

sp_status sp_onnx_input_wholes(sp_onnx_reader *r, const sp_onnx_dim **values, size_t *count,
                               size_t i, const char *what) {
    const sp_onnx_tensor *tensor = NULL;
    SP_TRY(sp_onnx_input_tensor(r, &tensor, i, what));
    if (tensor->kind != SP_ONNX_WHOLE || tensor->rank > 1) {
        return sp_onnx_refuse(r, SP_E_FORMAT, "input %s ('%.60s') must be a list of whole numbers",
                              what, sp_onnx_input_name(r, i));
    }
    *values = tensor->whole;
    *count = tensor->count;
    return SP_OK;
}

static size_t output_id(const sp_onnx_reader *r, size_t i) {
    return i < r->node->n_output
               ? r->graph->output[r->graph->first_output[sp_onnx_node_index(r)] + i]
               : SP_ONNX_NO_NAME;
}

static sp_status return_value(sp_onnx_reader *r, size_t i, const sp_onnx_value *value) {
    const size_t id = output_id(r, i);
    if (id == SP_ONNX_NO_NAME) {
        return SP_OK;
    }
    sp_onnx_value *copy = sp_region_take(&r->region, 1, sizeof *copy);
    if (!copy) {
        return sp_onnx_out_of_memory(r);
    }
    *copy = *value;
    r->value[id] = copy;
    return SP_OK;
}

sp_status sp_onnx_return_tensor(sp_onnx_reader *r, size_t i, const sp_onnx_tensor *tensor) {
    return return_value(r, i, &(sp_onnx_value){.kind = SP_ONNX_VALUE_TENSOR, .tensor = *tensor});
}

sp_status sp_onnx_return_sequence(sp_onnx_reader *r, size_t i, const sp_onnx_sequence *sequence) {
    return return_value(r, i,
                        &(sp_onnx_value){.kind = SP_ONNX_VALUE_SEQUENCE, .sequence = *sequence});
}

sp_status sp_onnx_return_opaque(sp_onnx_reader *r, size_t i, const char *why) {
    return return_value(r, i, &(sp_onnx_value){.kind = SP_ONNX_VALUE_OPAQUE, .why = why});
}

sp_status sp_onnx_return_value(sp_onnx_reader *r, size_t i, const sp_onnx_value *value) {
    return return_value(r, i, value);
}

sp_status sp_onnx_normalise_axis(sp_onnx_reader *r, size_t *axis, int64_t given, size_t rank) {
    const int64_t n = (int64_t)rank;
    if (given < -n || given >= n) {
        return sp_onnx_refuse(
            r, SP_E_FORMAT, "axis %" PRId64 " does not exist in a tensor of rank %zu", given, rank);
    }
    *axis = (size_t)(given < 0 ? given + n : given);
    return SP_OK;
}
