/* The walk over the graph: which operator reads a node, and what its names stand for. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "onnx/impl.h"

typedef struct sp_operator {
    const char *name;
    sp_status (*read)(sp_reader *r);
    size_t least, most; /* inputs */
    const char *attributes;
} sp_operator;

static const sp_operator operators[] = {
    {"Add", sp_op_add, 2, 2, ""},
    {"Cast", sp_op_cast, 1, 1, "to saturate round_mode"},
    {"Concat", sp_op_concat, 1, SIZE_MAX, "axis"},
    {"Constant", sp_op_constant, 0, 0, "value value_float value_floats value_int value_ints"},
    {"ConstantOfShape", sp_op_constant_of_shape, 1, 1, "value"},
    {"Div", sp_op_arithmetic, 2, 2, ""},
    {"Dropout", sp_op_dropout, 1, 3, "ratio seed"},
    {"Equal", sp_op_arithmetic, 2, 2, ""},
    {"Expand", sp_op_expand, 2, 2, ""},
    {"Flatten", sp_op_flatten, 1, 1, "axis"},
    {"Gather", sp_op_gather, 2, 2, "axis"},
    {"Gemm", sp_op_gemm, 2, 3, "alpha beta transA transB"},
    {"Identity", sp_op_identity, 1, 1, ""},
    {"LSTM", sp_op_lstm, 3, 8,
     "activation_alpha activation_beta activations clip direction hidden_size input_forget layout"},
    {"MatMul", sp_op_matmul, 2, 2, ""},
    {"Mul", sp_op_arithmetic, 2, 2, ""},
    {"Relu", sp_op_relu, 1, 1, ""},
    {"Reshape", sp_op_reshape, 2, 2, "allowzero"},
    {"Shape", sp_op_shape, 1, 1, "start end"},
    {"Slice", sp_op_slice, 1, 5, "starts ends axes"},
    {"Squeeze", sp_op_squeeze, 1, 2, "axes"},
    {"Sub", sp_op_arithmetic, 2, 2, ""},
    {"Transpose", sp_op_transpose, 1, 1, "perm"},
    {"Unsqueeze", sp_op_unsqueeze, 1, 2, "axes"},
    {"Where", sp_op_where, 3, 3, ""},
};

/* Why some common operators are refused. */
static const char *const reasons[][2] = {
    {"Softmax", "the certificate speaks of logits: export the model without its Softmax"},
    {"LogSoftmax", "the certificate speaks of logits: export the model without its LogSoftmax"},
    {"Sigmoid", "the certificate speaks of logits: export the model without its Sigmoid"},
    {"ArgMax", "the certificate speaks of logits: export the model without its ArgMax"},
    {"If",
     "a branch that depends on shapes, as squeeze() of an unknown length makes it: export the "
     "model with batch size 1, or select the last step by an index"},
};

sp_status sp_refuse(sp_reader *r, sp_status code, const char *format, ...) {
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

sp_status sp_out_of_memory(sp_reader *r) {
    return sp_refuse(r, SP_E_MEMORY,
                     "its result does not fit into memory, or into the %zu MiB that a "
                     "file of this size may take",
                     r->budget >> 20);
}

static size_t node_index(const sp_reader *r) {
    return r->graph.order[r->at];
}

size_t sp_inputs(const sp_reader *r) {
    return r->node->n_input;
}

static size_t input_id(const sp_reader *r, size_t i) {
    return i < r->node->n_input ? r->graph.input[r->graph.first_input[node_index(r)] + i]
                                : SP_NO_NAME;
}

const sp_value *sp_input(const sp_reader *r, size_t i) {
    const size_t id = input_id(r, i);
    return id == SP_NO_NAME ? NULL : r->value[id];
}

const char *sp_input_name(const sp_reader *r, size_t i) {
    return i < r->node->n_input ? r->node->input[i] : "";
}

sp_status sp_input_tensor(sp_reader *r, const sp_tensor **tensor, size_t i, const char *what) {
    const sp_value *value = sp_input(r, i);
    if (!value) {
        return sp_refuse(r, SP_E_FORMAT, "input %s is missing", what);
    }
    if (value->kind != SP_VALUE_TENSOR) {
        return sp_refuse(r, SP_E_UNSUPPORTED,
                         "input %s ('%.60s') depends on the features: it must be a constant", what,
                         sp_input_name(r, i));
    }
    *tensor = &value->tensor;
    return SP_OK;
}

sp_status sp_input_wholes(sp_reader *r, const sp_extent **values, size_t *count, size_t i,
                          const char *what) {
    const sp_tensor *tensor = NULL;
    SP_TRY(sp_input_tensor(r, &tensor, i, what));
    if (tensor->kind != SP_NUMBERS_WHOLE || tensor->rank > 1) {
        return sp_refuse(r, SP_E_FORMAT, "input %s ('%.60s') must be a list of whole numbers", what,
                         sp_input_name(r, i));
    }
    *values = tensor->whole;
    *count = tensor->count;
    return SP_OK;
}

static size_t output_id(const sp_reader *r, size_t i) {
    return i < r->node->n_output ? r->graph.output[r->graph.first_output[node_index(r)] + i]
                                 : SP_NO_NAME;
}

bool sp_output_wanted(const sp_reader *r, size_t i) {
    return output_id(r, i) != SP_NO_NAME;
}

static sp_status return_value(sp_reader *r, size_t i, const sp_value *value) {
    const size_t id = output_id(r, i);
    if (id == SP_NO_NAME) {
        return SP_OK;
    }
    sp_value *copy = sp_heap_take(&r->heap, 1, sizeof *copy);
    if (!copy) {
        return sp_out_of_memory(r);
    }
    *copy = *value;
    r->value[id] = copy;
    return SP_OK;
}

sp_status sp_return_tensor(sp_reader *r, size_t i, const sp_tensor *tensor) {
    return return_value(r, i, &(sp_value){.kind = SP_VALUE_TENSOR, .tensor = *tensor});
}

sp_status sp_return_flow(sp_reader *r, size_t i, const sp_flow *flow) {
    return return_value(r, i, &(sp_value){.kind = SP_VALUE_FLOW, .flow = *flow});
}

sp_status sp_return_cell(sp_reader *r, size_t i) {
    return return_value(r, i, &(sp_value){.kind = SP_VALUE_CELL});
}

sp_status sp_normalise_axis(sp_reader *r, size_t *axis, int64_t given, size_t rank) {
    const int64_t n = (int64_t)rank;
    if (given < -n || given >= n) {
        return sp_refuse(r, SP_E_FORMAT, "axis %" PRId64 " does not exist in a tensor of rank %zu",
                         given, rank);
    }
    *axis = (size_t)(given < 0 ? given + n : given);
    return SP_OK;
}

/* ---- the walk ---- */

static sp_status find_operator(sp_reader *r, const sp_operator **found) {
    const char *type = r->node->op_type ? r->node->op_type : "";
    const char *domain = r->node->domain ? r->node->domain : "";
    if (domain[0] != '\0' && strcmp(domain, "ai.onnx") != 0) {
        return sp_refuse(r, SP_E_UNSUPPORTED, "operators of the domain '%.60s' are not supported",
                         domain);
    }
    for (size_t i = 0; i < sizeof operators / sizeof *operators; i++) {
        if (strcmp(operators[i].name, type) == 0) {
            *found = &operators[i];
            return SP_OK;
        }
    }
    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++) {
        if (strcmp(reasons[i][0], type) == 0) {
            return sp_refuse(r, SP_E_UNSUPPORTED, "%s", reasons[i][1]);
        }
    }
    return sp_refuse(
        r, SP_E_UNSUPPORTED,
        "this operator is not supported: MatMul, Gemm, Add, Relu, LSTM and operators that "
        "only move values are read");
}

static sp_status load_initialiser(sp_reader *r, size_t id) {
    const sp_definition *definition = &r->graph.definition[id];
    if (r->value[id] || definition->by != SP_DEFINED_BY_INITIALISER) {
        return SP_OK;
    }
    sp_value *value = sp_heap_take(&r->heap, 1, sizeof *value);
    if (!value) {
        return sp_out_of_memory(r);
    }
    value->kind = SP_VALUE_TENSOR;
    SP_TRY(sp_tensor_read(r->err, &r->heap, &value->tensor,
                          r->graph.proto->initializer[definition->index]));
    r->value[id] = value;
    return SP_OK;
}

static sp_status load_inputs(sp_reader *r) {
    for (size_t i = 0; i < r->node->n_input; i++) {
        const size_t id = input_id(r, i);
        if (id == SP_NO_NAME) {
            continue;
        }
        SP_TRY(load_initialiser(r, id));
        if (!r->value[id]) {
            return sp_refuse(r, SP_E_UNSUPPORTED,
                             "it reads '%.60s', an optional output that its node "
                             "does not give here",
                             sp_input_name(r, i));
        }
        if (r->value[id]->kind == SP_VALUE_CELL) {
            return sp_refuse(
                r, SP_E_UNSUPPORTED,
                "it reads '%.60s', the cell state of an LSTM: only Y and Y_h are supported",
                sp_input_name(r, i));
        }
    }
    return SP_OK;
}

static sp_status read_node(sp_reader *r) {
    const sp_operator *op = NULL;
    SP_TRY(find_operator(r, &op));
    SP_TRY(sp_attributes_check(r, op->attributes));
    if (r->node->n_input < op->least || r->node->n_input > op->most) {
        return sp_refuse(r, SP_E_FORMAT, "it has %zu inputs", r->node->n_input);
    }
    SP_TRY(load_inputs(r));
    for (size_t i = 0; i < op->least; i++) {
        if (!sp_input(r, i)) {
            return sp_refuse(r, SP_E_FORMAT, "input %zu is left out", i);
        }
    }
    return op->read(r);
}

/* The input of the graph at this walk: [.., T, .., D], axes other than these two have length 1. */
static sp_status start_flow(sp_reader *r) {
    const Onnx__TensorShapeProto *shape = r->graph.features->type->tensor_type->shape;
    const size_t id = sp_graph_find(&r->graph, r->graph.features->name);
    sp_value *value = sp_heap_take(&r->heap, 1, sizeof *value);
    size_t *block = sp_heap_take(&r->heap, 1, sizeof *block);
    if (!value || !block) {
        return sp_fail(r->err, SP_E_MEMORY, "no memory for the input of the graph");
    }
    *block = SP_INPUT;
    value->kind = SP_VALUE_FLOW;
    sp_flow *flow = &value->flow;
    *flow = (sp_flow){.kind = SP_FLOW_VECTOR,
                      .rank = shape->n_dim,
                      .outer = SP_NO_AXIS,
                      .inner = shape->n_dim - 1,
                      .blocks = 1,
                      .block = block};
    for (size_t i = 0; i < flow->rank; i++) {
        flow->dim[i] = sp_whole(1);
    }
    flow->dim[flow->inner] = sp_whole(shape->dim[flow->inner]->dim_value);
    flow->width = (size_t)shape->dim[flow->inner]->dim_value;
    if (r->steps_axis != SP_NO_AXIS) {
        flow->kind = SP_FLOW_SEQUENCE;
        flow->outer = r->steps_axis;
        flow->dim[flow->outer] = r->steps > 0 ? sp_whole((int64_t)r->steps) : (sp_extent){0, 1};
    }
    if (flow->width == 1) {
        flow->inner = SP_NO_AXIS;
    }
    r->value[id] = value;
    return SP_OK;
}

static sp_status check_result(sp_reader *r, const sp_flow **result) {
    const sp_value *value = r->value[r->graph.result];
    const char *name = r->graph.definition[r->graph.result].name;
    if (!value || value->kind != SP_VALUE_FLOW) {
        return sp_fail(r->err, SP_E_UNSUPPORTED,
                       "the output '%.80s' is not a function of the input", name);
    }
    if (value->flow.kind == SP_FLOW_SEQUENCE) {
        return sp_fail(
            r->err, SP_E_UNSUPPORTED,
            "the output '%.80s' has one row per step: export the model with the last step's "
            "logits as its output",
            name);
    }
    if (value->flow.kind == SP_FLOW_STATES) {
        return sp_fail(r->err, SP_E_UNSUPPORTED,
                       "the output '%.80s' holds the states of %zu layers: select one", name,
                       value->flow.blocks);
    }
    *result = &value->flow;
    return SP_OK;
}

sp_status sp_interpret(sp_reader *r, const sp_flow **result) {
    sp_heap_clear(&r->heap, r->budget);
    memset(r->value, 0, r->graph.definitions * sizeof(sp_value *));
    r->blocks = 0;
    r->at = 0;
    SP_TRY(start_flow(r));
    for (; r->at < r->graph.needed; r->at++) {
        r->node = r->graph.proto->node[node_index(r)];
        SP_TRY(read_node(r));
    }
    return check_result(r, result);
}
