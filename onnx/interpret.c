/* The walk over the graph: which operator reads a node, and what its names stand for. */
#include <stdlib.h>
#include <string.h>

#include "onnx/curve_list.h"
#include "onnx/impl.h"

typedef struct sp_operator {
    const char *name;
    sp_status (*read)(sp_reader *r);
    size_t least, most; /* inputs */
    const char *attributes;
} sp_operator;

#define RECURRENT "activation_alpha activation_beta activations clip direction hidden_size layout"

static const sp_operator operators[] = {
    {"Add", sp_op_arithmetic, 2, 2, ""},
    {"And", sp_op_compare, 2, 2, ""},
    {"Cast", sp_op_cast, 1, 1, "to saturate round_mode"},
    {"Clip", sp_op_clip, 1, 3, "min max"},
    {"Concat", sp_op_concat, 1, SIZE_MAX, "axis"},
    {"Constant", sp_op_constant, 0, 0, "value value_float value_floats value_int value_ints"},
    {"ConstantOfShape", sp_op_constant_of_shape, 1, 1, "value"},
    {"Div", sp_op_arithmetic, 2, 2, ""},
    {"Dropout", sp_op_dropout, 1, 3, "ratio seed"},
    {"Equal", sp_op_compare, 2, 2, ""},
    {"Expand", sp_op_expand, 2, 2, ""},
    {"Flatten", sp_op_flatten, 1, 1, "axis"},
    {"GRU", sp_op_recurrent, 3, 6, RECURRENT " linear_before_reset"},
    {"Gather", sp_op_gather, 2, 2, "axis"},
    {"Gemm", sp_op_gemm, 2, 3, "alpha beta transA transB"},
    {"Greater", sp_op_compare, 2, 2, ""},
    {"GreaterOrEqual", sp_op_compare, 2, 2, ""},
    {"HardSigmoid", sp_op_activation, 1, 1, "alpha beta"},
    {"Identity", sp_op_identity, 1, 1, ""},
    {"LSTM", sp_op_recurrent, 3, 8, RECURRENT " input_forget"},
    {"Less", sp_op_compare, 2, 2, ""},
    {"LessOrEqual", sp_op_compare, 2, 2, ""},
    {"Loop", sp_op_loop, 0, SIZE_MAX, "body"},
    {"MatMul", sp_op_matmul, 2, 2, ""},
    {"Max", sp_op_limit, 1, SIZE_MAX, ""},
    {"Min", sp_op_limit, 1, SIZE_MAX, ""},
    {"Mul", sp_op_arithmetic, 2, 2, ""},
    {"Neg", sp_op_activation, 1, 1, ""},
    {"Not", sp_op_not, 1, 1, ""},
    {"Or", sp_op_compare, 2, 2, ""},
    {"RNN", sp_op_recurrent, 3, 6, RECURRENT},
    {"ReduceSum", sp_op_reduce_sum, 1, 2, "axes keepdims noop_with_empty_axes"},
    {"Relu", sp_op_activation, 1, 1, ""},
    {"Reshape", sp_op_reshape, 2, 2, "allowzero"},
    {"Shape", sp_op_shape, 1, 1, "start end"},
    {"Sigmoid", sp_op_activation, 1, 1, ""},
    {"Slice", sp_op_slice, 1, 5, "starts ends axes"},
    {"Softmax", sp_op_softmax, 1, 1, "axis"},
    {"Squeeze", sp_op_squeeze, 1, 2, "axes"},
    {"Sub", sp_op_arithmetic, 2, 2, ""},
    {"Tanh", sp_op_activation, 1, 1, ""},
    {"Tile", sp_op_tile, 2, 2, ""},
    {"Transpose", sp_op_transpose, 1, 1, "perm"},
    {"Unsqueeze", sp_op_unsqueeze, 1, 2, "axes"},
    {"Where", sp_op_where, 3, 3, ""},
#define SP_CURVE_ROW(operator, KIND, attributes, alpha, beta)                                      \
    {operator, sp_op_curve, 1, 1, attributes},
    SP_ONNX_CURVE_LIST(SP_CURVE_ROW)
#undef SP_CURVE_ROW
};

/* Why some common operators are refused. */
static const char *const reasons[][2] = {
    {"LogSoftmax", "the certificate speaks of logits: export the model without its LogSoftmax"},
    {"ArgMax", "the certificate speaks of logits: export the model without its ArgMax"},
    {"If",
     "a branch that depends on shapes, as squeeze() of an unknown length makes it: export the "
     "model with batch size 1, or select the last step by an index"},
    {"Scan", "of loops in the graph only Loop is read: export the model with another opset"},
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
        "this operator is not supported: MatMul, Gemm, Add, Relu, LSTM, GRU, RNN, Loops over such "
        "a cell, and operators that only move values are read");
}

sp_status sp_load(sp_reader *r, const sp_value **found, size_t id) {
    const sp_definition *definition = &r->graph->definition[id];
    if (!r->value[id] && definition->by == SP_DEFINED_BY_INITIALISER) {
        sp_value *value = sp_heap_take(&r->heap, 1, sizeof *value);
        if (!value) {
            return sp_fail(r->err, SP_E_MEMORY, "no memory for tensor '%.120s'", definition->name);
        }
        value->kind = SP_VALUE_TENSOR;
        SP_TRY(sp_tensor_read(r->err, &r->heap, &value->tensor,
                              r->graph->proto->initializer[definition->index]));
        r->value[id] = value;
    }
    *found = r->value[id];
    return SP_OK;
}

static sp_status load_inputs(sp_reader *r) {
    for (size_t i = 0; i < r->node->n_input; i++) {
        const size_t id = sp_input_id(r, i);
        const sp_value *value = NULL;
        if (id == SP_NO_NAME) {
            continue;
        }
        SP_TRY(sp_load(r, &value, id));
        if (!value) {
            return sp_refuse(r, SP_E_UNSUPPORTED,
                             "it reads '%.60s', an optional output that its node "
                             "does not give here",
                             sp_input_name(r, i));
        }
        if (value->kind == SP_VALUE_OPAQUE) {
            return sp_refuse(r, SP_E_UNSUPPORTED, "it reads '%.60s', %s", sp_input_name(r, i),
                             value->why);
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

/* What bodies of Loops take: a step for the node and one for every 16 bytes. */
static sp_status account(sp_reader *r, size_t before) {
    const size_t steps = 1 + (before > r->heap.left ? (before - r->heap.left) / 16 : 0);
    if (r->depth > 0 && steps > r->work) {
        return sp_refuse(r, SP_E_UNSUPPORTED, "the Loop around it takes too many steps");
    }
    r->work -= r->depth > 0 ? steps : 0;
    return SP_OK;
}

sp_status sp_walk(sp_reader *r) {
    for (r->at = 0; r->at < r->graph->needed; r->at++) {
        r->node = r->graph->proto->node[sp_node_index(r)];
        r->furthest = r->depth == 0 ? r->at : r->furthest;
        const size_t before = r->heap.left;
        SP_TRY(read_node(r));
        SP_TRY(account(r, before));
    }
    r->furthest = r->depth == 0 ? r->at : r->furthest;
    return SP_OK;
}

/* The input of the graph at this walk: [.., T, .., D], axes other than these two have length 1. */
static sp_status start_flow(sp_reader *r) {
    const Onnx__TensorShapeProto *shape = r->root->features->type->tensor_type->shape;
    const size_t id = sp_graph_find(r->root, r->root->features->name);
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

static sp_status check_result(sp_reader *r, const sp_flow **result, size_t i) {
    const sp_value *value = NULL;
    const char *name = r->root->definition[r->root->result[i]].name;
    SP_TRY(sp_load(r, &value, r->root->result[i]));
    if (!value || value->kind != SP_VALUE_FLOW) {
        return sp_fail(r->err, SP_E_UNSUPPORTED,
                       "the output '%.80s' is not a function of the input that can be followed",
                       name);
    }
    if (value->flow.partial) {
        return sp_fail(r->err, SP_E_UNSUPPORTED,
                       "the output '%.80s' holds other steps than the last one", name);
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

/* Further outputs may be the same logits, with or without a head. */
static sp_status check_results(sp_reader *r, const sp_flow **result) {
    const size_t outputs = r->root->proto->n_output;
    for (size_t i = outputs; i-- > 0;) {
        const sp_flow *other = *result;
        const sp_status status = check_result(r, result, i);
        if (outputs > 1 && (status != SP_OK || (other && *other->block != *(*result)->block))) {
            return sp_fail(r->err, SP_E_UNSUPPORTED,
                           "the graph has %zu outputs, and '%.80s' is not the same logits as the "
                           "others: export the model with its logits as the only one",
                           outputs, r->root->definition[r->root->result[i]].name);
        }
        SP_TRY(status);
    }
    return SP_OK;
}

/* ---- the whole ---- */

sp_status sp_reader_init(sp_reader *r, sp_error *err, const sp_graph *root, long opset,
                         size_t budget) {
    *r = (sp_reader){.err = err, .root = root, .opset = opset, .budget = budget};
    r->root_value = calloc(root->definitions + 1, sizeof *r->root_value);
    return r->root_value ? SP_OK
                         : sp_fail(err, SP_E_MEMORY, "no memory for the values of the graph");
}

void sp_reader_clear(sp_reader *r) {
    sp_heap_clear(&r->heap, 0);
    free(r->root_value);
    free(r->block);
    *r = (sp_reader){0};
}

static void restart(sp_reader *r) {
    sp_heap_clear(&r->heap, r->budget);
    memset(r->root_value, 0, r->root->definitions * sizeof *r->root_value);
    r->graph = r->root;
    r->value = r->root_value;
    r->work = SP_MOST_WORK;
    r->depth = r->blocks = r->furthest = 0;
    r->algebra = NULL;
    r->wants_length = false;
}

sp_status sp_interpret(sp_reader *r, const sp_flow **result) {
    *result = NULL;
    restart(r);
    SP_TRY(start_flow(r));
    SP_TRY(sp_walk(r));
    return check_results(r, result);
}

static sp_status start_tensor(sp_reader *r, const double *features, size_t steps) {
    const Onnx__TensorShapeProto *shape = r->root->features->type->tensor_type->shape;
    const size_t width = (size_t)shape->dim[shape->n_dim - 1]->dim_value;
    sp_value *value = sp_heap_take(&r->heap, 1, sizeof *value);
    int64_t dim[SP_MAX_RANK];
    for (size_t i = 0; i < shape->n_dim; i++) {
        dim[i] = i + 1 == shape->n_dim ? (int64_t)width : i == r->steps_axis ? (int64_t)steps : 1;
    }
    if (!value || !sp_tensor_shape(&value->tensor, dim, shape->n_dim)) {
        return sp_fail(r->err, SP_E_MEMORY, "no memory for %zu steps of features", steps);
    }
    value->kind = SP_VALUE_TENSOR;
    value->tensor.kind = SP_NUMBERS_REAL;
    double *numbers = sp_tensor_make(r, &value->tensor);
    if (!numbers) {
        return sp_fail(r->err, SP_E_MEMORY, "no memory for %zu steps of features", steps);
    }
    memcpy(numbers, features, value->tensor.count * sizeof *numbers);
    r->root_value[sp_graph_find(r->root, r->root->features->name)] = value;
    return SP_OK;
}

sp_status sp_evaluate(sp_reader *r, const double *features, size_t steps) {
    restart(r);
    SP_TRY(start_tensor(r, features, steps));
    return sp_walk(r);
}

sp_status sp_evaluated(sp_reader *r, const sp_tensor **result, size_t id) {
    const sp_value *value = NULL;
    SP_TRY(sp_load(r, &value, id));
    if (!value || value->kind != SP_VALUE_TENSOR || value->tensor.kind != SP_NUMBERS_REAL) {
        return sp_fail(r->err, SP_E_UNSUPPORTED, "'%.80s' of the file's own graph is not real",
                       r->root->definition[id].name);
    }
    *result = &value->tensor;
    return SP_OK;
}
