/* Whether the net is, rounding by rounding, what a runtime computes from the file's graph in
 * float32. The reader folds constants into weights: products of two constants, or a constant added
 * before a product, are exact in the net and rounded in a runtime. Files are taken whose operators
 * leave nothing to fold. */
#include <math.h>
#include <string.h>

#include "onnx/impl.h"

/* What computes with numbers, as the nodes of a net do; what only moves them, or makes shapes. */
static const char *const computing[] = {"Add",       "GRU",        "Gemm",   "HardSigmoid", "LSTM",
                                        "LeakyRelu", "LogSoftmax", "MatMul", "RNN",         "Relu",
                                        "Sigmoid",   "Softmax",    "Tanh"};
static const char *const moving[] = {
    "Concat", "Constant", "ConstantOfShape", "Dropout",   "Equal", "Expand", "Flatten",
    "Gather", "Identity", "Reshape",         "Shape",     "Slice", "Split",  "Squeeze",
    "Tile",   "Cast",     "Transpose",       "Unsqueeze", "Where"};

static bool is_among(const char *const *names, size_t count, const char *name) {
    for (size_t i = 0; i < count; i++) {
        if (strcmp(names[i], name) == 0) {
            return true;
        }
    }
    return false;
}

typedef struct check {
    sp_error *err;
    const sp_onnx_graph *graph;
    const Onnx__NodeProto *node;
    size_t index;
    sp_region region;
    double biases;
} check;

static sp_status refuse(const check *c, const char *why) {
    return sp_fail(
        c->err, SP_E_UNSUPPORTED,
        "node '%.60s' (%.40s) of the file: %s, so that float32 verdicts cannot tell what "
        "a runtime rounds",
        c->node->name ? c->node->name : "", c->node->op_type, why);
}

static const sp_onnx_definition *input_of(const check *c, size_t i) {
    const size_t id = i < c->node->n_input ? c->graph->input[c->graph->first_input[c->index] + i]
                                           : SP_ONNX_NO_NAME;
    return id == SP_ONNX_NO_NAME ? NULL : &c->graph->definition[id];
}

/* The initialiser that is input i, in float32; NULL: it is something else. */
static const Onnx__TensorProto *constant_of(const check *c, size_t i) {
    const sp_onnx_definition *d = input_of(c, i);
    if (!d || d->by != SP_ONNX_DEFINED_BY_INITIALISER) {
        return NULL;
    }
    const Onnx__TensorProto *tensor = c->graph->proto->initializer[d->index];
    return tensor->data_type == ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT ? tensor : NULL;
}

/* The operator that gives input i, or "". */
static const char *giver_of(const check *c, size_t i) {
    const sp_onnx_definition *d = input_of(c, i);
    const bool node = d && d->by == SP_ONNX_DEFINED_BY_NODE;
    return node ? c->graph->proto->node[d->index]->op_type : "";
}

static bool is_attribute(const check *c, const char *name, float value) {
    const Onnx__AttributeProto *a = sp_onnx_attribute(c->node, name);
    return !a || a->f == value;
}

static sp_status check_cast(const check *c) {
    const Onnx__AttributeProto *to = sp_onnx_attribute(c->node, "to");
    return to && (to->i == ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT ||
                  to->i == ONNX__TENSOR_PROTO__DATA_TYPE__INT64 ||
                  to->i == ONNX__TENSOR_PROTO__DATA_TYPE__INT32 ||
                  to->i == ONNX__TENSOR_PROTO__DATA_TYPE__BOOL)
               ? SP_OK
               : refuse(c, "it casts to another type than float32");
}

/* The two biases of a recurrent layer are added up in the net. */
static sp_status check_recurrent(check *c) {
    enum { IN_W = 1, IN_R, IN_B };
    if (!constant_of(c, IN_W) || !constant_of(c, IN_R)) {
        return refuse(c, "its weights are no float32 initialisers");
    }
    if (!input_of(c, IN_B)) {
        return SP_OK;
    }
    const Onnx__TensorProto *proto = constant_of(c, IN_B);
    sp_onnx_tensor tensor = {0};
    if (!proto) {
        return refuse(c, "its biases are no float32 initialiser");
    }
    SP_TRY(sp_onnx_tensor_read(c->err, &c->region, &tensor, proto));
    if (tensor.rank != 2 || tensor.kind != SP_ONNX_REAL) {
        return refuse(c, "its biases have another shape");
    }
    const size_t both = (size_t)tensor.dim[1], half = both / 2;
    for (size_t k = 0; k < tensor.count; k++) {
        if (k % both < half) {
            const double w = tensor.real[k], r = tensor.real[k + half];
            c->biases = fmax(c->biases, fabs(w) + fabs(r) - fabs(w + r));
        }
    }
    return SP_OK;
}

static sp_status check_node(check *c) {
    const char *type = c->node->op_type;
    if (is_among(moving, sizeof moving / sizeof moving[0], type)) {
        return strcmp(type, "Cast") == 0 ? check_cast(c) : SP_OK;
    }
    if (!is_among(computing, sizeof computing / sizeof computing[0], type)) {
        return refuse(c, "this operator is folded into others");
    }
    if (strcmp(type, "LSTM") == 0 || strcmp(type, "GRU") == 0 || strcmp(type, "RNN") == 0) {
        return check_recurrent(c);
    }
    if (strcmp(type, "MatMul") == 0 && !constant_of(c, 0) && !constant_of(c, 1)) {
        return refuse(c, "neither factor is a float32 initialiser");
    }
    if (strcmp(type, "Gemm") == 0 &&
        (!constant_of(c, 1) || (input_of(c, 2) && !constant_of(c, 2)) ||
         !is_attribute(c, "alpha", 1.0F) || !is_attribute(c, "beta", 1.0F))) {
        return refuse(c, "it has scales, or a factor that is no float32 initialiser");
    }
    if (strcmp(type, "Add") == 0 &&
        !((constant_of(c, 0) && strcmp(giver_of(c, 1), "MatMul") == 0) ||
          (constant_of(c, 1) && strcmp(giver_of(c, 0), "MatMul") == 0))) {
        return refuse(c, "it adds something else than a float32 bias to a product");
    }
    return SP_OK;
}

sp_status sp_model_single(sp_error *err, const sp_model *model, double *biases) {
    const sp_onnx_graph *graph = model->reference ? &model->reference->graph : NULL;
    *biases = 0.0;
    if (!graph) {
        return sp_fail(err, SP_E_UNSUPPORTED, "float32 verdicts need the graph of the file");
    }
    const Onnx__TypeProto *type = graph->features->type;
    if (!type || !type->tensor_type ||
        type->tensor_type->elem_type != ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT) {
        return sp_fail(err, SP_E_UNSUPPORTED, "the input of the file's graph is not float32");
    }
    check c = {.err = err, .graph = graph};
    sp_region_clear(&c.region, model->reference->budget);
    sp_status status = SP_OK;
    for (size_t i = 0; status == SP_OK && i < graph->needed; i++) {
        c.index = graph->order[i];
        c.node = graph->proto->node[c.index];
        status = check_node(&c);
    }
    sp_region_clear(&c.region, 0);
    *biases = c.biases;
    return status;
}
