/* The walk over the graph: which operator reads a node, and what its names stand for. */
#include <stdlib.h>
#include <string.h>

#include "onnx/cell/power.h"
#include "onnx/curve_operators.h"
#include "onnx/impl.h"

typedef struct sp_onnx_operator {
    const char *name;
    sp_status (*read)(sp_onnx_reader *r);
    size_t least, most; /* inputs */
    const char *attributes;
} sp_onnx_operator;

#define RECURRENT "activation_alpha activation_beta activations clip direction hidden_size layout"

static const sp_onnx_operator operators[] = {
    {"Add", sp_onnx_op_arithmetic, 2, 2, ""},
    {"And", sp_onnx_op_compare, 2, 2, ""},
    {"AveragePool", sp_onnx_op_pool, 1, 1,
     "auto_pad ceil_mode count_include_pad dilations kernel_shape pads strides"},
    {"BatchNormalization", sp_onnx_op_batch_norm, 5, 5, "epsilon momentum training_mode spatial"},
    {"Cast", sp_onnx_op_cast, 1, 1, "to saturate round_mode"},
    {"Clip", sp_onnx_op_clip, 1, 3, "min max"},
    {"Concat", sp_onnx_op_concat, 1, SIZE_MAX, "axis"},
    {"Constant", sp_onnx_op_constant, 0, 0, "value value_float value_floats value_int value_ints"},
    {"ConstantOfShape", sp_onnx_op_constant_of_shape, 1, 1, "value"},
    {"Conv", sp_onnx_op_conv, 2, 3, "auto_pad dilations group kernel_shape pads strides"},
    {"Div", sp_onnx_op_arithmetic, 2, 2, ""},
    {"Dropout", sp_onnx_op_dropout, 1, 3, "ratio seed"},
    {"Equal", sp_onnx_op_compare, 2, 2, ""},
    {"Expand", sp_onnx_op_expand, 2, 2, ""},
    {"Flatten", sp_onnx_op_flatten, 1, 1, "axis"},
    {"GRU", sp_onnx_op_recurrent, 3, 6, RECURRENT " linear_before_reset"},
    {"Gather", sp_onnx_op_gather, 2, 2, "axis"},
    {"Gelu", sp_onnx_op_gelu, 1, 1, "approximate"},
    {"Gemm", sp_onnx_op_gemm, 2, 3, "alpha beta transA transB"},
    {"GlobalAveragePool", sp_onnx_op_reduce_sum, 1, 1, ""},
    {"GlobalMaxPool", sp_onnx_op_reduce_max, 1, 1, ""},
    {"Greater", sp_onnx_op_compare, 2, 2, ""},
    {"GreaterOrEqual", sp_onnx_op_compare, 2, 2, ""},
    {"HardSigmoid", sp_onnx_op_activation, 1, 1, "alpha beta"},
    {"Identity", sp_onnx_op_identity, 1, 1, ""},
    {"If", sp_onnx_op_if, 1, 1, "then_branch else_branch"},
    {"LSTM", sp_onnx_op_recurrent, 3, 8, RECURRENT " input_forget"},
    {"Less", sp_onnx_op_compare, 2, 2, ""},
    {"LessOrEqual", sp_onnx_op_compare, 2, 2, ""},
    {"Log", sp_onnx_op_root, 1, 1, ""},
    {"LogSoftmax", sp_onnx_op_softmax, 1, 1, "axis"},
    {"Loop", sp_onnx_op_loop, 0, SIZE_MAX, "body"},
    {"MatMul", sp_onnx_op_matmul, 2, 2, ""},
    {"Max", sp_onnx_op_limit, 1, SIZE_MAX, ""},
    {"MaxPool", sp_onnx_op_pool, 1, 1,
     "auto_pad ceil_mode dilations kernel_shape pads storage_order strides"},
    {"Min", sp_onnx_op_limit, 1, SIZE_MAX, ""},
    {"Mul", sp_onnx_op_arithmetic, 2, 2, ""},
    {"Neg", sp_onnx_op_activation, 1, 1, ""},
    {"Not", sp_onnx_op_not, 1, 1, ""},
    {"Or", sp_onnx_op_compare, 2, 2, ""},
    {"PRelu", sp_onnx_op_prelu, 2, 2, ""},
    {"Pad", sp_onnx_op_pad, 1, 4, "mode pads value"},
    {"Pow", sp_onnx_op_pow, 2, 2, ""},
    {"RNN", sp_onnx_op_recurrent, 3, 6, RECURRENT},
    {"ReduceMax", sp_onnx_op_reduce_max, 1, 2, "axes keepdims noop_with_empty_axes"},
    {"ReduceMean", sp_onnx_op_reduce_sum, 1, 2, "axes keepdims noop_with_empty_axes"},
    {"ReduceSum", sp_onnx_op_reduce_sum, 1, 2, "axes keepdims noop_with_empty_axes"},
    {"Relu", sp_onnx_op_activation, 1, 1, ""},
    {"Reshape", sp_onnx_op_reshape, 2, 2, "allowzero"},
    {"Shape", sp_onnx_op_shape, 1, 1, "start end"},
    {"Sigmoid", sp_onnx_op_activation, 1, 1, ""},
    {"Size", sp_onnx_op_shape, 1, 1, ""},
    {"ReverseSequence", sp_onnx_op_reverse_sequence, 2, 2, "batch_axis time_axis"},
    {"ScatterElements", sp_onnx_op_scatter_elements, 3, 3, "axis reduction"},
    {"Slice", sp_onnx_op_slice, 1, 5, "starts ends axes"},
    {"Softmax", sp_onnx_op_softmax, 1, 1, "axis"},
    {"Split", sp_onnx_op_split, 1, 2, "axis split num_outputs"},
    {"Sqrt", sp_onnx_op_root, 1, 1, ""},
    {"Squeeze", sp_onnx_op_squeeze, 1, 2, "axes"},
    {"Sub", sp_onnx_op_arithmetic, 2, 2, ""},
    {"Tanh", sp_onnx_op_activation, 1, 1, ""},
    {"Tile", sp_onnx_op_tile, 2, 2, ""},
    {"TopK", sp_onnx_op_top_k, 2, 2, "axis largest sorted"},
    {"Transpose", sp_onnx_op_transpose, 1, 1, "perm"},
    {"Unsqueeze", sp_onnx_op_unsqueeze, 1, 2, "axes"},
    {"Where", sp_onnx_op_where, 3, 3, ""},
#define SP_CURVE_ROW(operator, KIND, attributes, alpha, beta)                                      \
    {operator, sp_onnx_op_curve, 1, 1, attributes},
    SP_ONNX_CURVE_LIST(SP_CURVE_ROW)
#undef SP_CURVE_ROW
};

/* ---- the walk ---- */

static const sp_onnx_operator *find_operator(const Onnx__NodeProto *node) {
    const char *type = node->op_type ? node->op_type : "";
    const char *domain = node->domain ? node->domain : "";
    for (size_t i = 0; i < sizeof operators / sizeof *operators; i++) {
        if (strcmp(operators[i].name, type) == 0) {
            return domain[0] == '\0' || strcmp(domain, "ai.onnx") == 0 ? &operators[i] : NULL;
        }
    }
    return NULL;
}

bool sp_onnx_operator_known(const Onnx__NodeProto *node) {
    return find_operator(node) != NULL;
}

sp_status sp_onnx_value_load(sp_onnx_reader *r, const sp_onnx_value **found, size_t id) {
    const sp_onnx_definition *definition = &r->graph->definition[id];
    if (!r->value[id] && definition->by == SP_ONNX_DEFINED_BY_INITIALISER) {
        sp_onnx_value *value = sp_onnx_region_take(&r->region, 1, sizeof *value);
        if (!value) {
            return sp_fail(r->err, SP_E_MEMORY, "no memory for tensor '%.120s'", definition->name);
        }
        value->kind = SP_ONNX_VALUE_TENSOR;
        SP_TRY(sp_onnx_tensor_read(r->err, &r->region, &value->tensor,
                                   r->graph->proto->initializer[definition->index]));
        r->value[id] = value;
    }
    *found = r->value[id];
    return SP_OK;
}

static sp_status load_inputs(sp_onnx_reader *r) {
    for (size_t i = 0; i < r->node->n_input; i++) {
        const size_t id = sp_onnx_input_id(r, i);
        const sp_onnx_value *value = NULL;
        if (id == SP_ONNX_NO_NAME) {
            continue;
        }
        SP_TRY(sp_onnx_value_load(r, &value, id));
        if (!value) {
            return sp_onnx_refuse(r, SP_E_UNSUPPORTED,
                                  "it reads '%.60s', an optional output that its node "
                                  "does not give here",
                                  sp_onnx_input_name(r, i));
        }
        if (value->kind == SP_ONNX_VALUE_OPAQUE) {
            return sp_onnx_refuse(r, SP_E_UNSUPPORTED, "it reads '%.60s', %s",
                                  sp_onnx_input_name(r, i), value->why);
        }
    }
    return SP_OK;
}

static sp_status read_node(sp_onnx_reader *r) {
    const sp_onnx_operator *op = find_operator(r->node);
    if (!op) {
        return sp_onnx_refuse_operator(r);
    }
    SP_TRY(sp_onnx_attributes_check(r, op->attributes));
    if (r->node->n_input < op->least || r->node->n_input > op->most) {
        return sp_onnx_refuse(r, SP_E_FORMAT, "it has %zu inputs", r->node->n_input);
    }
    SP_TRY(load_inputs(r));
    for (size_t i = 0; i < op->least; i++) {
        if (!sp_onnx_input(r, i)) {
            return sp_onnx_refuse(r, SP_E_FORMAT, "input %zu is left out", i);
        }
    }
    return op->read(r);
}

/* What bodies of Loops take: a step for the node and one for every 16 bytes. */
static sp_status account(sp_onnx_reader *r, size_t before) {
    const size_t steps = 1 + (before > r->region.left ? (before - r->region.left) / 16 : 0);
    if (r->depth > 0 && steps > r->work) {
        return sp_onnx_refuse(r, SP_E_UNSUPPORTED, "the Loop around it takes too many steps");
    }
    r->work -= r->depth > 0 ? steps : 0;
    return SP_OK;
}

sp_status sp_onnx_walk(sp_onnx_reader *r) {
    for (r->at = 0; r->at < r->graph->needed; r->at++) {
        r->node = r->graph->proto->node[sp_onnx_node_index(r)];
        r->furthest = r->graph == r->root ? r->at : r->furthest;
        const size_t before = r->region.left;
        SP_TRY(read_node(r));
        SP_TRY(account(r, before));
    }
    r->furthest = r->graph == r->root ? r->at : r->furthest;
    return SP_OK;
}

/* The lengths of the input's axes at this walk; the other axes than that of the steps are features,
 * or a batch of 1. */
static void input_lengths(const sp_onnx_reader *r, sp_onnx_dim *dim, sp_onnx_dim steps) {
    const Onnx__TensorShapeProto *shape = r->root->features->type->tensor_type->shape;
    for (size_t i = 0; i < shape->n_dim; i++) {
        const Onnx__TensorShapeProto__Dimension *d = shape->dim[i];
        const bool fixed = d->value_case == ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE;
        dim[i] = i == r->steps_axis ? steps : sp_onnx_dim_of(fixed ? d->dim_value : 1);
    }
}

static sp_status no_memory_for(sp_onnx_reader *r, const char *name) {
    return sp_fail(r->err, SP_E_MEMORY, "no memory for the input '%.80s' of the graph", name);
}

/* An input beside the features as a tensor: the number that is given, the number of steps, or the
 * state, as it is now or at the start. */
static sp_status start_constant(sp_onnx_reader *r, size_t i, sp_onnx_dim steps) {
    const sp_onnx_role *role = &r->root->role[i];
    int64_t dim[SP_ONNX_MAX_RANK];
    size_t rank = 0;
    sp_onnx_value *value = sp_onnx_region_take(&r->region, 1, sizeof *value);
    if (!value || !sp_onnx_role_shape(role, dim, &rank, SP_ONNX_MAX_RANK) ||
        !sp_onnx_tensor_shape(&value->tensor, dim, rank)) {
        return no_memory_for(r, role->name);
    }
    value->kind = SP_ONNX_VALUE_TENSOR;
    value->tensor.kind = sp_onnx_role_whole(role) ? SP_ONNX_WHOLE : SP_ONNX_REAL;
    void *numbers = sp_onnx_tensor_make(r, &value->tensor);
    if (!numbers) {
        return no_memory_for(r, role->name);
    }
    for (size_t k = 0; k < value->tensor.count; k++) {
        if (value->tensor.kind == SP_ONNX_REAL) {
            ((double *)numbers)[k] = r->state && r->state[i] ? r->state[i][k] : role->value;
        } else {
            ((sp_onnx_dim *)numbers)[k] =
                role->kind == SP_ONNX_ROLE_LENGTH ? steps : sp_onnx_dim_of((int64_t)role->value);
        }
    }
    r->root_value[role->id] = value;
    return SP_OK;
}

/* A state as symbols: a layer that no node will be. */
static sp_status start_state(sp_onnx_reader *r, size_t i) {
    const sp_onnx_role *role = &r->root->role[i];
    int64_t dim[SP_ONNX_MAX_RANK];
    sp_onnx_value *value = sp_onnx_region_take(&r->region, 1, sizeof *value);
    if (!value) {
        return no_memory_for(r, role->name);
    }
    sp_onnx_sequence *state = &value->sequence;
    *state = (sp_onnx_sequence){.outer = SP_ONNX_NO_AXIS, .width = 1};
    if (!sp_onnx_role_shape(role, dim, &state->rank, SP_ONNX_MAX_RANK)) {
        return no_memory_for(r, role->name);
    }
    for (size_t k = 0; k < state->rank; k++) {
        if (dim[k] <= 0 || dim[k] > SP_ONNX_MOST_UNITS / (int64_t)state->width) {
            return sp_fail(r->err, SP_E_UNSUPPORTED, "the state '%.80s' has too many units",
                           role->name);
        }
        state->dim[k] = sp_onnx_dim_of(dim[k]);
        state->width *= (size_t)dim[k];
    }
    if (role->value != 0.0) {
        return sp_fail(r->err, SP_E_UNSUPPORTED,
                       "the state '%.80s' starts at %g: only states that start at zero are "
                       "supported",
                       role->name, role->value);
    }
    value->kind = SP_ONNX_VALUE_SEQUENCE;
    size_t layer = 0;
    SP_TRY(sp_onnx_layer_push(r,
                              (sp_onnx_layer){.kind = SP_NODE_INPUT,
                                              .role = SP_ONNX_LAYER_STATE,
                                              .input = i,
                                              .out = state->width,
                                              .once = true,
                                              .frames = sp_onnx_dim_of(1)},
                              &layer));
    r->root_value[role->id] = value;
    return sp_onnx_sequence_set(r, state, (sp_onnx_source){layer, SP_ONNX_READ_STEP, {0}});
}

/* Where the file computes one hop, states go from each hop to the next. Where it takes any number
 * of steps, a clip is one call, and its states start as they do in the first one. */
static sp_status start_others(sp_onnx_reader *r, sp_onnx_dim steps) {
    for (size_t i = 0; i < r->root->roles; i++) {
        const sp_onnx_role *role = &r->root->role[i];
        const bool state = role->kind == SP_ONNX_ROLE_STATE;
        if (state && r->steps_axis != SP_ONNX_NO_AXIS && r->steps > 0) {
            return sp_fail(r->err, SP_E_UNSUPPORTED,
                           "the file computes hops of %zu steps and hands on '%.60s': files with "
                           "states are read where a hop is one step, or where the number of steps "
                           "is open: export the same weights with one of them",
                           r->steps, role->name);
        }
        if (role->kind == SP_ONNX_ROLE_FEATURES) {
            continue;
        }
        SP_TRY(state && r->streams ? start_state(r, i) : start_constant(r, i, steps));
    }
    return SP_OK;
}

static bool has_states(const sp_onnx_reader *r) {
    bool any = false;
    for (size_t i = 0; i < r->root->roles; i++) {
        any = any || r->root->role[i].kind == SP_ONNX_ROLE_STATE;
    }
    return any;
}

static sp_status start_sequence(sp_onnx_reader *r) {
    const size_t id = sp_onnx_graph_find(r->root, r->root->features->name);
    const bool steps = r->steps_axis != SP_ONNX_NO_AXIS;
    r->streams = !steps && has_states(r);
    const sp_onnx_dim length = !steps         ? sp_onnx_dim_of(1)
                               : r->steps > 0 ? sp_onnx_dim_of((int64_t)r->steps)
                                              : (sp_onnx_dim){.t = 1};
    sp_onnx_value *value = sp_onnx_region_take(&r->region, 1, sizeof *value);
    if (!value) {
        return sp_fail(r->err, SP_E_MEMORY, "no memory for the input of the graph");
    }
    value->kind = SP_ONNX_VALUE_SEQUENCE;
    sp_onnx_sequence *sequence = &value->sequence;
    *sequence = (sp_onnx_sequence){.rank = r->root->features->type->tensor_type->shape->n_dim,
                                   .outer = r->steps_axis};
    input_lengths(r, sequence->dim, length);
    sequence->width = 1;
    for (size_t i = 0; i < sequence->rank; i++) {
        sequence->width *= i == sequence->outer ? 1 : (size_t)sequence->dim[i].k;
    }
    size_t layer = 0;
    SP_TRY(sp_onnx_layer_push(
        r,
        (sp_onnx_layer){
            .kind = SP_NODE_INPUT, .out = sequence->width, .frames = length, .once = r->streams},
        &layer));
    r->value[id] = value;
    SP_TRY(sp_onnx_sequence_set(
        r, sequence, (sp_onnx_source){layer, steps ? SP_ONNX_READ_EVERY : SP_ONNX_READ_STEP, {0}}));
    return start_others(r, length);
}

/* ---- the whole ---- */

sp_status sp_onnx_reader_init(sp_onnx_reader *r, sp_error *err, const sp_onnx_graph *root,
                              long opset, size_t budget) {
    *r = (sp_onnx_reader){.err = err, .root = root, .opset = opset, .budget = budget};
    r->root_value = calloc(root->definitions + 1, sizeof *r->root_value);
    return r->root_value ? SP_OK
                         : sp_fail(err, SP_E_MEMORY, "no memory for the values of the graph");
}

void sp_onnx_reader_clear(sp_onnx_reader *r) {
    sp_onnx_region_clear(&r->region, 0);
    free(r->root_value);
    free(r->layer);
    *r = (sp_onnx_reader){0};
}

static void restart(sp_onnx_reader *r) {
    sp_onnx_region_clear(&r->region, r->budget);
    memset(r->root_value, 0, r->root->definitions * sizeof *r->root_value);
    r->graph = r->root;
    r->value = r->root_value;
    r->work = SP_ONNX_MOST_WORK;
    r->depth = r->layers = r->furthest = 0;
    r->algebra = NULL;
    r->length = NULL;
    r->lengths = 0;
    r->wants_length = false;
    r->wants_steps = 0;
    r->streams = false;
    r->captured = NULL;
}

sp_status sp_onnx_interpret(sp_onnx_reader *r, const sp_onnx_sequence **result) {
    *result = NULL;
    restart(r);
    SP_TRY(start_sequence(r));
    SP_TRY(sp_onnx_walk(r));
    SP_TRY(sp_onnx_results_check(r, result));
    r->furthest++;
    return SP_OK;
}

/* Steps of features, [steps, features], on the axes of the input. */
static sp_status start_tensor(sp_onnx_reader *r, const double *features, size_t steps) {
    const size_t rank = r->root->features->type->tensor_type->shape->n_dim;
    sp_onnx_value *value = sp_onnx_region_take(&r->region, 1, sizeof *value);
    sp_onnx_dim length[SP_ONNX_MAX_RANK];
    int64_t dim[SP_ONNX_MAX_RANK];
    size_t inner = 1;
    input_lengths(r, length, sp_onnx_dim_of((int64_t)steps));
    for (size_t i = 0; i < rank; i++) {
        dim[i] = length[i].k;
        inner *= r->steps_axis != SP_ONNX_NO_AXIS && i > r->steps_axis ? (size_t)dim[i] : 1;
    }
    if (!value || !sp_onnx_tensor_shape(&value->tensor, dim, rank)) {
        return sp_fail(r->err, SP_E_MEMORY, "no memory for %zu steps of features", steps);
    }
    value->kind = SP_ONNX_VALUE_TENSOR;
    value->tensor.kind = SP_ONNX_REAL;
    double *numbers = sp_onnx_tensor_make(r, &value->tensor);
    if (!numbers) {
        return sp_fail(r->err, SP_E_MEMORY, "no memory for %zu steps of features", steps);
    }
    const size_t width = value->tensor.count / steps;
    for (size_t i = 0; i < value->tensor.count; i++) { // features before the steps, step, behind
        const size_t t = r->steps_axis == SP_ONNX_NO_AXIS ? 0 : i / inner % steps;
        const size_t feature =
            r->steps_axis == SP_ONNX_NO_AXIS ? i : i / inner / steps * inner + i % inner;
        numbers[i] = features[t * width + feature];
    }
    r->root_value[sp_onnx_graph_find(r->root, r->root->features->name)] = value;
    for (size_t i = 0; i < r->root->roles; i++) {
        if (r->root->role[i].kind != SP_ONNX_ROLE_FEATURES) {
            SP_TRY(start_constant(r, i, sp_onnx_dim_of((int64_t)steps)));
        }
    }
    return SP_OK;
}

sp_status sp_onnx_evaluate(sp_onnx_reader *r, const double *features, size_t steps) {
    restart(r);
    SP_TRY(start_tensor(r, features, steps));
    return sp_onnx_walk(r);
}

sp_status sp_onnx_evaluated(sp_onnx_reader *r, const sp_onnx_tensor **result,
                            sp_onnx_defined place) {
    const sp_onnx_value *value = r->captured;
    SP_TRY(place.graph == r->root ? sp_onnx_value_load(r, &value, place.id) : SP_OK);
    if (!value || value->kind != SP_ONNX_VALUE_TENSOR || value->tensor.kind != SP_ONNX_REAL) {
        return sp_fail(r->err, SP_E_UNSUPPORTED, "'%.80s' of the file's own graph is not real",
                       place.graph->definition[place.id].name);
    }
    *result = &value->tensor;
    return SP_OK;
}
