/* The walk over the graph: which operator reads a node, and what its names stand for. */
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
        const size_t id = sp_input_id(r, i);
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
    if (*value->flow.block == SP_INPUT) {
        return sp_fail(r->err, SP_E_UNSUPPORTED,
                       "the output '%.80s' is the input, without any layer", name);
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
        r->node = r->graph.proto->node[sp_node_index(r)];
        SP_TRY(read_node(r));
    }
    return check_result(r, result);
}
