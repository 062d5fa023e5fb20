/* Networks from ONNX files: dense layers, curves, cells and the last step, with the plumbing that exporters write around them. Whatever else a file holds is refused by name. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "checker.h"
#include "onnx.pb-c.h"

typedef enum {
    SEQUENCE, /* what a layer gives, all steps */
    SINGLE,   /* a layer that gives one step */
    ANSWER,   /* probabilities of these logits */
    STACK,    /* several of one step, one behind the other */
    CONSTANT,
    ZERO, /* an initial state */
    SHAPE /* sizes and what is made of them; they can only become ZERO */
} value_kind;

typedef struct value {
    const char *name;
    value_kind kind;
    size_t at, member[8], members; /* the layer, 0: the features; of a STACK */
    bool turned;                   /* steps are its second axis, not its first */
    const Onnx__TensorProto *tensor;
} value;

typedef struct reader {
    ck_network *network;
    value *value;
    size_t values;
    const Onnx__NodeProto *node;
} reader;

/* What is missing in a file may be NULL. */
static const char *text_of(const char *text) {
    return text != NULL ? text : "";
}

static _Noreturn void cannot(const reader *r, const char *what) {
    ck_refuse("model", "node %s (%s): %s", text_of(r->node != NULL ? r->node->name : NULL),
              text_of(r->node != NULL ? r->node->op_type : "graph"), what);
}

static void require(const reader *r, bool holds, const char *what) {
    if (!holds) {
        cannot(r, what);
    }
}

/* ---- values ---- */

/* NULL: it is not there. */
static value *find(const reader *r, const char *name) {
    for (size_t i = r->values; i-- > 0;) {
        if (strcmp(text_of(r->value[i].name), text_of(name)) == 0) {
            return &r->value[i];
        }
    }
    return NULL;
}

static bool has(const reader *r, size_t i) {
    return i < r->node->n_input && r->node->input[i][0] != '\0';
}

static value *input(const reader *r, size_t i) {
    value *v = has(r, i) ? find(r, r->node->input[i]) : NULL;
    require(r, v != NULL, "reads something that is not there, or is not known");
    return v;
}

static void give(reader *r, size_t output, value v) {
    if (output < r->node->n_output && r->node->output[output][0] != '\0') {
        v.name = r->node->output[output];
        r->value[r->values++] = v;
    }
}

static double *numbers(const reader *r, const value *v, const size_t *shape, size_t dims) {
    const Onnx__TensorProto *t = v->tensor;
    size_t count = 1;
    bool fits = v->kind == CONSTANT && t->n_dims == dims &&
                t->data_type == ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT && t->n_external_data == 0;
    for (size_t i = 0; fits && i < dims; i++) {
        fits = t->dims[i] == (int64_t)shape[i];
        count *= shape[i];
    }
    const bool raw = fits && t->has_raw_data && t->raw_data.len == 4 * count;
    require(r, fits && (raw || t->n_float_data == count), "weights of another shape or type");
    double *to = ck_alloc(count, sizeof *to);
    for (size_t i = 0; i < count; i++) {
        to[i] = raw ? ck_float(t->raw_data.data + 4 * i) : (double)t->float_data[i];
        require(r, fabs(to[i]) <= 0x1p40, "a weight is not finite, or huge");
    }
    return to;
}

/* One integer. */
static int64_t index_of(const reader *r, const value *v) {
    const Onnx__TensorProto *t = v->tensor;
    const bool constant =
        v->kind == CONSTANT && t->data_type == ONNX__TENSOR_PROTO__DATA_TYPE__INT64;
    const bool raw = constant && t->has_raw_data && t->raw_data.len == 8;
    require(r, raw || (constant && t->n_int64_data == 1), "an index is no constant");
    return raw ? (int64_t)ck_little(t->raw_data.data, 8) : t->int64_data[0];
}

static const Onnx__AttributeProto *attribute(const reader *r, const char *name) {
    for (size_t i = 0; i < r->node->n_attribute; i++) {
        if (strcmp(text_of(r->node->attribute[i]->name), name) == 0) {
            return r->node->attribute[i];
        }
    }
    return NULL;
}

/* Refuses attributes that are not in the list, each between blanks. */
static void only(const reader *r, const char *list) {
    for (size_t i = 0; i < r->node->n_attribute; i++) {
        char word[64];
        snprintf(word, sizeof word, " %s ", text_of(r->node->attribute[i]->name));
        require(r, strstr(list, word) != NULL, "has an attribute that is not known");
    }
}

static int64_t integer(const reader *r, const char *name, int64_t otherwise) {
    const Onnx__AttributeProto *a = attribute(r, name);
    return a != NULL ? a->i : otherwise;
}

/* ---- layers ---- */

static size_t width(const reader *r, const value *v) {
    return v->at > 0 ? r->network->layer[v->at - 1].out : r->network->features;
}

/* A layer that reads this value. */
static ck_layer *append(reader *r, ck_layer_kind kind, size_t out, const value *from) {
    ck_network *n = r->network;
    require(r, from->kind == SEQUENCE || from->kind == SINGLE, "reads what no layer gives");
    require(r, n->layers < 64 && out > 0 && out <= 512, "more than 64 layers, or 512 numbers");
    n->layer[n->layers] = (ck_layer){.kind = kind,
                                     .in = width(r, from),
                                     .out = out,
                                     .from = from->at,
                                     .candidate = {.kind = CK_IDENTITY}};
    return &n->layer[n->layers++];
}

/* What the newest layer gives, in the order of this value. */
static void give_layer(reader *r, size_t output, const value *as) {
    give(r, output, (value){.kind = as->kind, .at = r->network->layers, .turned = as->turned});
}

static void give_last(reader *r, size_t output, const value *x) {
    append(r, CK_LAST, width(r, x), x);
    give(r, output, (value){.kind = SINGLE, .at = r->network->layers});
}

static void dense(reader *r) {
    const bool gemm = r->node->op_type[0] == 'G';
    const value x = *input(r, 0), *w = input(r, 1);
    only(r, gemm ? " alpha beta transA transB " : "");
    const Onnx__AttributeProto *alpha = attribute(r, "alpha"), *beta = attribute(r, "beta");
    const bool turned = gemm && integer(r, "transB", 0) == 1;
    require(r,
            w->kind == CONSTANT && w->tensor->n_dims == 2 && integer(r, "transA", 0) == 0 &&
                (alpha == NULL || alpha->f == 1.0F) && (beta == NULL || beta->f == 1.0F),
            "only constant matrices without factors are known");
    const size_t out = (size_t)w->tensor->dims[turned ? 0 : 1];
    ck_layer *layer = append(r, CK_PLAIN, out, &x);
    const size_t in = layer->in, shape[] = {turned ? out : in, turned ? in : out};
    double *m = numbers(r, w, shape, 2);
    layer->weight = ck_alloc(in * out, sizeof(double));
    for (size_t i = 0; i < in * out; i++) {
        layer->weight[i] = turned ? m[i] : m[i % in * out + i / in];
    }
    layer->bias =
        gemm && has(r, 2) ? numbers(r, input(r, 2), &out, 1) : ck_alloc(out, sizeof(double));
    give_layer(r, 0, &x);
}

/* A bias. */
static void add(reader *r) {
    const size_t other = input(r, 0)->kind == CONSTANT ? 1 : 0;
    const value x = *input(r, other);
    ck_layer *layer = append(r, CK_PLAIN, width(r, &x), &x);
    layer->bias = numbers(r, input(r, 1 - other), &layer->out, 1);
    give_layer(r, 0, &x);
}

/* The cells there are, each with its activations, the usual ones first; gate g of the layer is gate
 * order[g] of the file. */
typedef struct cell_kind {
    const char *op;
    ck_layer_kind kind;
    size_t gates, order[4];
    ck_curve_kind gate, candidate;
    const char *activations;
} cell_kind;
static const cell_kind cells[] = {
    {"LSTM", CK_LSTM, 4, {0, 2, 3, 1}, CK_SIGMOID, CK_TANH, "Sigmoid Tanh Tanh "}, /* of i o f g */
    {"GRU", CK_GRU, 3, {0, 1, 2, 0}, CK_SIGMOID, CK_TANH, "Sigmoid Tanh "},
    {"GRU", CK_GRU, 3, {0, 1, 2, 0}, CK_SIGMOID, CK_IDENTITY, "Sigmoid Affine "},
    {"GRU", CK_GRU, 3, {0, 1, 2, 0}, CK_HARD_SIGMOID, CK_TANH, "HardSigmoid Tanh "},
    {"GRU", CK_GRU, 3, {0, 1, 2, 0}, CK_HARD_SIGMOID, CK_IDENTITY, "HardSigmoid Affine "},
    {"RNN", CK_PLAIN, 1, {0, 0, 0, 0}, CK_TANH, CK_TANH, "Tanh "},
    {"RNN", CK_PLAIN, 1, {0, 0, 0, 0}, CK_TANH, CK_IDENTITY, "Affine "}};

static const cell_kind *cell_of(const reader *r) {
    const Onnx__AttributeProto *a = attribute(r, "activations");
    char list[128] = "";
    for (size_t i = 0; a != NULL && i < a->n_strings && a->n_strings <= 3; i++) {
        snprintf(list + strlen(list), 40, "%.*s ", (int)fmin((double)a->strings[i].len, 31.0),
                 (const char *)a->strings[i].data);
    }
    for (size_t k = 0; k < sizeof cells / sizeof cells[0]; k++) {
        if (strcmp(cells[k].op, r->node->op_type) == 0 &&
            (a == NULL || strcmp(cells[k].activations, list) == 0)) {
            return &cells[k];
        }
    }
    cannot(r, "has activations that are not known");
}

/* Factor i of the activations: those that have factors take one after the other. */
static double factor(const reader *r, const char *name, size_t i, float otherwise) {
    const Onnx__AttributeProto *a = attribute(r, name);
    require(r, a == NULL || i < a->n_floats, "a list of factors is too short");
    return (double)(a != NULL ? a->floats[i] : otherwise);
}

static void take_functions(const reader *r, const cell_kind *cell, ck_layer *layer) {
    const bool hard = cell->gate == CK_HARD_SIGMOID, line = cell->candidate == CK_IDENTITY;
    const double alpha = hard ? factor(r, "activation_alpha", 0, 0.2F) : 1.0;
    const double beta = hard ? factor(r, "activation_beta", 0, 0.5F) : 0.0;
    const double slope = line ? factor(r, "activation_alpha", hard, 1.0F) : 1.0;
    const double offset = line ? factor(r, "activation_beta", hard, 0.0F) : 0.0;
    require(r,
            alpha > 0x1p-10 && alpha < 0x1p10 && fabs(beta) < 0x1p10 && slope == 1.0 &&
                offset == 0.0,
            "has factors that are not known");
    layer->gate = (ck_curve){cell->gate, alpha, beta};
    layer->candidate.kind = cell->candidate;
}

static void check_default(const reader *r) {
    const Onnx__AttributeProto *d = attribute(r, "direction");
    only(r, " hidden_size direction activations layout input_forget linear_before_reset "
            "activation_alpha activation_beta ");
    require(r,
            (d == NULL || (d->s.len == 7 && memcmp(d->s.data, "forward", 7) == 0)) &&
                integer(r, "layout", 0) == 0 && integer(r, "input_forget", 0) == 0 && !has(r, 4) &&
                !has(r, 7),
            "this checker knows forward cells without lengths and peepholes");
    for (size_t i = 5; i < 7; i++) {
        require(r, !has(r, i) || input(r, i)->kind == ZERO, "initial states must be 0");
    }
}

static void recurrent(reader *r) {
    const cell_kind *cell = cell_of(r);
    const size_t H = (size_t)integer(r, "hidden_size", 0), gates = cell->gates;
    const bool after = cell->kind == CK_GRU && integer(r, "linear_before_reset", 0) != 0;
    check_default(r);
    const value x = *input(r, 0);
    require(r, x.kind == SEQUENCE && !x.turned, "a cell behind the last step, or across");
    ck_layer *layer = append(r, cell->kind, H, &x);
    const size_t D = layer->in;
    const size_t w[] = {1, gates * H, D}, u[] = {1, gates * H, H}, b[] = {1, 2 * gates * H};
    double *weight = numbers(r, input(r, 1), w, 3), *recurrent = numbers(r, input(r, 2), u, 3);
    double *bias =
        has(r, 3) ? numbers(r, input(r, 3), b, 2) : ck_alloc(2 * gates * H, sizeof(double));
    layer->weight = ck_alloc(gates * H * D, sizeof(double));
    layer->recurrent = ck_alloc(gates * H * H, sizeof(double));
    layer->bias = ck_alloc(gates * H, sizeof(double));
    layer->inside = after ? bias + 5 * H : NULL;
    take_functions(r, cell, layer);
    for (size_t g = 0; g < gates; g++) {
        const size_t from = cell->order[g];
        memcpy(layer->weight + g * H * D, weight + from * H * D, H * D * sizeof(double));
        memcpy(layer->recurrent + g * H * H, recurrent + from * H * H, H * H * sizeof(double));
        for (size_t j = 0; j < H; j++) {
            const double other = bias[(gates + from) * H + j];
            layer->bias[g * H + j] = bias[from * H + j] + (after && g == 2 ? 0.0 : other);
        }
    }
    give_layer(r, 0, &x);
    const value all = {.kind = SEQUENCE, .at = r->network->layers};
    give_last(r, 1, &all);
}

/* ---- plumbing ---- */

/* The last states of several layers, one behind the other. */
static void concat(reader *r) {
    value stack = {.kind = STACK, .members = r->node->n_input};
    require(r, integer(r, "axis", -1) == 0 && stack.members <= 8, "an unknown stack");
    for (size_t i = 0; i < stack.members; i++) {
        require(r, input(r, i)->kind == SINGLE, "this is not known to be put together");
        stack.member[i] = input(r, i)->at;
    }
    give(r, 0, stack);
}

static void gather(reader *r) {
    value x = *input(r, 0);
    const int64_t i = index_of(r, input(r, 1)), members = (int64_t)x.members;
    const bool member = x.kind == STACK && i < members && i >= -members;
    require(r,
            integer(r, "axis", 0) == x.turned && (member || (i == -1 && x.kind == SEQUENCE) ||
                                                  ((i == -1 || i == 0) && x.kind == SINGLE &&
                                                   r->network->layer[x.at - 1].kind == CK_LAST)),
            "this checker does not know what is taken here");
    if (x.kind == SEQUENCE) {
        give_last(r, 0, &x);
    } else {
        give(r, 0, member ? (value){.kind = SINGLE, .at = x.member[i < 0 ? i + members : i]} : x);
    }
}

static void zeros(reader *r) {
    const Onnx__AttributeProto *a = attribute(r, "value");
    const value_kind size = input(r, 0)->kind;
    const value v = {.kind = CONSTANT, .tensor = a != NULL ? a->t : NULL};
    require(
        r,
        (size == SHAPE || size == CONSTANT) &&
            (a == NULL || (v.tensor != NULL && numbers(r, &v, (const size_t[]){1}, 1)[0] == 0.0)),
        "this checker knows zeros only");
    give(r, 0, (value){.kind = ZERO});
}

/* Axes of one number are dropped, the numbers stay in their order. */
static void pass(reader *r) {
    require(r, !input(r, 0)->turned, "axes in front of turned steps are dropped");
    give(r, 0, *input(r, 0));
}

/* The first two axes change places. */
static void transpose(reader *r) {
    const Onnx__AttributeProto *a = attribute(r, "perm");
    value x = *input(r, 0);
    require(r,
            x.kind == SEQUENCE && a != NULL && a->n_ints == 3 && a->ints[0] == 1 && a->ints[1] == 0,
            "this checker does not know this order");
    x.turned = !x.turned;
    give(r, 0, x);
}

/* Of the logits: it changes neither which is the largest nor what one of them is compared with. */
static void answer(reader *r) {
    const value x = *input(r, 0);
    require(r,
            x.kind == SINGLE && integer(r, "axis", -1) != 0 &&
                (r->node->op_type[1] == 'o' || width(r, &x) == 1),
            "this checker knows it behind the logits");
    give(r, 0, (value){.kind = ANSWER, .at = x.at});
}

static void curve(reader *r) {
    const value x = *input(r, 0);
    append(r, CK_PLAIN, width(r, &x), &x)->candidate.kind =
        r->node->op_type[0] == 'T' ? CK_TANH : CK_RECTIFIER;
    give_layer(r, 0, &x);
}

static void constant(reader *r) {
    const Onnx__AttributeProto *a = attribute(r, "value");
    require(r, a != NULL && a->t != NULL, "this checker knows tensors");
    give(r, 0, (value){.kind = CONSTANT, .tensor = a->t});
}

static void shape(reader *r) {
    give(r, 0, (value){.kind = SHAPE});
}

static void part(reader *r) {
    require(r, input(r, 0)->kind == ZERO, "this checker knows parts of zeros");
    pass(r);
}

static const struct {
    const char *ops;
    void (*read)(reader *r);
} operators[] = {{" MatMul Gemm ", dense},      {" Add ", add},       {" Relu Tanh ", curve},
                 {" LSTM GRU RNN ", recurrent}, {" Shape ", shape},   {" Constant ", constant},
                 {" Concat ", concat},          {" Gather ", gather}, {" ConstantOfShape ", zeros},
                 {" Squeeze Identity ", pass},  {" Slice ", part},    {" Transpose ", transpose},
                 {" Sigmoid Softmax ", answer}};

static void read_node(reader *r) {
    char op[64];
    snprintf(op, sizeof op, " %s ", text_of(r->node->op_type));
    const bool zero = strcmp(op, " ConstantOfShape ") == 0;
    bool sizes = r->node->n_input > 0 && !zero; /* what is made of sizes is sizes */
    require(r, text_of(r->node->domain)[0] == '\0', "its domain is not known");
    for (size_t i = 0; i < r->node->n_input; i++) {
        const value *v = has(r, i) ? find(r, r->node->input[i]) : NULL;
        sizes = sizes && v != NULL && (v->kind == SHAPE || v->kind == CONSTANT);
    }
    const size_t known = sizeof operators / sizeof operators[0];
    size_t i = 0;
    while (i < known && strstr(operators[i].ops, op) == NULL) {
        i++;
    }
    require(r, sizes || i < known, "this checker does not know this operator");
    (sizes ? shape : operators[i].read)(r);
}

/* The features: [steps, 1, D], or [1, steps, D], which is turned before a cell reads it. */
static void read_input(reader *r, const Onnx__GraphProto *graph) {
    const Onnx__ValueInfoProto *in = NULL;
    for (size_t i = 0; i < graph->n_input; i++) {
        if (find(r, graph->input[i]->name) == NULL) { /* no weight */
            require(r, in == NULL, "has several inputs");
            in = graph->input[i];
        }
    }
    require(r, in != NULL && in->type != NULL && in->type->tensor_type != NULL, "has no input");
    const Onnx__TensorShapeProto *shape = in->type->tensor_type->shape;
    int64_t size[3] = {0, 0, 0}; /* 0: any */
    for (size_t i = 0; shape != NULL && shape->n_dim == 3 && i < 3; i++) {
        const bool fixed =
            shape->dim[i]->value_case == ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE;
        size[i] = fixed ? shape->dim[i]->dim_value : 0;
    }
    const bool turned = size[0] == 1 || size[1] > 1;
    const int64_t steps = size[turned], recordings = size[!turned];
    require(r,
            (recordings == 0 || recordings == 1) && steps >= 0 && steps <= CK_TERMS &&
                size[2] >= 1 && size[2] <= 512,
            "only inputs of steps by 1 by features are known");
    r->network->features = (size_t)size[2];
    r->network->steps = (size_t)steps;
    r->value[r->values++] = (value){.name = in->name, .kind = SEQUENCE, .turned = turned};
}

void ck_network_read(ck_network *network, ck_bytes file) {
    const Onnx__ModelProto *model = onnx__model_proto__unpack(NULL, file.size, file.at);
    const Onnx__GraphProto *graph = model != NULL ? model->graph : NULL;
    ck_require(graph != NULL && graph->n_output > 0, "model", "is no ONNX file with an output");
    size_t most = graph->n_initializer + 1;
    for (size_t i = 0; i < graph->n_node; i++) {
        most += graph->node[i]->n_output;
    }
    reader r = {.network = network, .value = ck_alloc(most, sizeof(value))};
    network->layer = ck_alloc(64, sizeof *network->layer);
    for (size_t i = 0; i < graph->n_initializer; i++) {
        r.value[r.values++] = (value){
            .name = graph->initializer[i]->name, .kind = CONSTANT, .tensor = graph->initializer[i]};
    }
    read_input(&r, graph);
    for (size_t i = 0; i < graph->n_node; i++) {
        r.node = graph->node[i];
        read_node(&r);
    }
    const value *out = find(&r, graph->output[0]->name);
    require(&r, out != NULL && (out->kind == SINGLE || out->kind == ANSWER) && out->at > 0,
            "the first output is no layer of one step");
    network->output = out->at;
    for (size_t i = 0; i < model->n_metadata_props; i++) {
        if (strcmp(text_of(model->metadata_props[i]->key), "soundproof.front") == 0) {
            network->front = model->metadata_props[i]->value;
        }
    }
}
