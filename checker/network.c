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
    size_t at, axes, member[8], members; /* the layer, 0: the features; of a STACK */
    bool turned;                         /* steps are the second of the axes, not the first */
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

static void require(const reader *r, bool holds, const char *what) {
    ck_require(holds, "model", "node %s (%s): %s", text_of(r->node != NULL ? r->node->name : NULL),
               text_of(r->node != NULL ? r->node->op_type : "graph"), what);
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

/* The only axis that an attribute or an input names. */
static int64_t axis_of(const reader *r) {
    const Onnx__AttributeProto *a = attribute(r, "axes");
    require(r, a == NULL || a->n_ints == 1, "names several axes");
    return a != NULL ? a->ints[0] : index_of(r, input(r, 1));
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
static ck_layer *append(reader *r, ck_node kind, size_t out, const value *from) {
    ck_network *n = r->network;
    require(r, from->kind == SEQUENCE || from->kind == SINGLE, "reads what no layer gives");
    require(r, n->layers < 64 && out > 0 && out <= 512, "more than 64 layers, or 512 numbers");
    n->layer[n->layers] = (ck_layer){.kind = kind,
                                     .in = width(r, from),
                                     .out = out,
                                     .from = {from->at, from->at},
                                     .candidate = {.kind = CK_IDENTITY}};
    return &n->layer[n->layers++];
}

/* What the newest layer gives, in the order of this value. */
static void give_layer(reader *r, size_t output, value v) {
    v.at = r->network->layers;
    give(r, output, v);
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
    give_layer(r, 0, x);
}

/* A bias, or the sum of two layers. */
static void add(reader *r) {
    const size_t other = input(r, 0)->kind == CONSTANT ? 1 : 0;
    const value x = *input(r, other), y = *input(r, 1 - other);
    const bool bias = y.kind == CONSTANT;
    ck_layer *layer = append(r, bias ? CK_PLAIN : CK_TWO, width(r, &x), &x);
    layer->bias = bias ? numbers(r, &y, &layer->out, 1) : NULL;
    layer->from[1] = bias ? x.at : y.at;
    require(r, bias || (y.kind == x.kind && y.axes == x.axes && y.turned == x.turned),
            "other axes");
    require(r, bias || width(r, &y) == layer->out, "adds what does not fit");
    give_layer(r, 0, x);
}

/* The sum, mean or maximum of all steps. */
static void reduce(reader *r) {
    const char *op = r->node->op_type; /* ReduceSum, ReduceMean, ReduceMax */
    const value x = *input(r, 0);
    only(r, " axes keepdims noop_with_empty_axes ");
    require(r, x.kind == SEQUENCE && axis_of(r) == x.turned, "is of another axis than the steps");
    append(r, op[6] == 'S' ? CK_SUM : op[8] == 'a' ? CK_MEAN : CK_MAX, width(r, &x), &x);
    give(r, 0, (value){.kind = SINGLE, .at = r->network->layers});
}

/* Gate g of a layer is gate order[g] of the file: i f g o of i o f g; z r n. */
static const struct cell_kind {
    const char *op;
    ck_node kind;
    size_t gates, order[4];
} cells[] = {
    {"LSTM", CK_LSTM, 4, {0, 2, 3, 1}}, {"GRU", CK_GRU, 3, {0, 1, 2}}, {"RNN", CK_PLAIN, 1, {0}}};
static const char *const functions[] = {"Sigmoid", "HardSigmoid", "Relu", "Tanh", "Affine"};

/* Function i of a cell; those that have factors take them one after the other. */
static ck_curve function(const reader *r, size_t i, ck_curve_kind usual, size_t *taken) {
    const Onnx__AttributeProto *a = attribute(r, "activations");
    const Onnx__AttributeProto *by = attribute(r, "activation_alpha"),
                               *and = attribute(r, "activation_beta");
    ck_curve f = {usual, 1.0, 0.0};
    for (size_t k = 0; a != NULL; k++) {
        require(r, i < a->n_strings && k < 5, "has activations that are not known");
        if (strlen(functions[k]) == a->strings[i].len &&
            memcmp(functions[k], a->strings[i].data, a->strings[i].len) == 0) {
            f.kind = (ck_curve_kind)k;
            break;
        }
    }
    if (f.kind == CK_HARD_SIGMOID || f.kind == CK_IDENTITY) {
        const bool hard = f.kind == CK_HARD_SIGMOID;
        const size_t at = (*taken)++;
        require(r, (by == NULL || at < by->n_floats) && (and == NULL || at < and->n_floats),
                "a list of factors is too short");
        f.alpha = (double)(by != NULL ? by->floats[at] : hard ? 0.2F : 1.0F);
        f.beta = (double)(and != NULL ? and->floats[at] : hard ? 0.5F : 0.0F);
    }
    return f;
}

static void take_functions(const reader *r, ck_layer *layer, size_t gates) {
    size_t taken = 0;
    const ck_curve gate = gates > 1 ? function(r, 0, CK_SIGMOID, &taken) : layer->gate;
    const ck_curve q = function(r, gates > 1, CK_TANH, &taken);
    const bool line = q.kind == CK_IDENTITY && q.alpha == 1.0 && q.beta == 0.0 && gates < 4;
    const bool hard = gate.kind == CK_HARD_SIGMOID && gates < 4 && gate.alpha > 0x1p-10 &&
                      gate.alpha < 0x1p10 && fabs(gate.beta) < 0x1p10;
    require(r,
            (gate.kind == CK_SIGMOID || hard) && (q.kind == CK_TANH || line) &&
                (gates < 4 || function(r, 2, CK_TANH, &taken).kind == CK_TANH),
            "has activations that are not known");
    layer->gate = gate;
    layer->candidate.kind = q.kind;
}

static void check_default(const reader *r) {
    const Onnx__AttributeProto *d = attribute(r, "direction");
    only(r, " hidden_size direction activations layout input_forget linear_before_reset "
            "activation_alpha activation_beta ");
    require(r,
            (d == NULL || (d->s.len == 7 && memcmp(d->s.data, "forward", 7) == 0)) && !has(r, 4) &&
                integer(r, "layout", 0) == 0 && integer(r, "input_forget", 0) == 0 && !has(r, 7),
            "this checker knows forward cells without lengths and peepholes");
    for (size_t i = 5; i < 7; i++) {
        require(r, !has(r, i) || input(r, i)->kind == ZERO, "initial states must be 0");
    }
}

static void recurrent(reader *r) {
    const struct cell_kind *cell = cells;
    for (; strcmp(cell->op, r->node->op_type) != 0; cell++) {
    }
    const size_t H = (size_t)integer(r, "hidden_size", 0), gates = cell->gates;
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
    const bool after = cell->kind == CK_GRU && integer(r, "linear_before_reset", 0) != 0;
    layer->inside = after ? bias + 5 * H : NULL;
    take_functions(r, layer, gates);
    for (size_t g = 0; g < gates; g++) {
        const size_t from = cell->order[g];
        memcpy(layer->weight + g * H * D, weight + from * H * D, H * D * sizeof(double));
        memcpy(layer->recurrent + g * H * H, recurrent + from * H * H, H * H * sizeof(double));
        for (size_t j = 0; j < H; j++) {
            const double other = bias[(gates + from) * H + j];
            layer->bias[g * H + j] = bias[from * H + j] + (after && g == 2 ? 0.0 : other);
        }
    }
    const value all = {.kind = SEQUENCE, .at = r->network->layers, .axes = x.axes + 1};
    give(r, 0, all);
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
    const value v = {.kind = CONSTANT, .tensor = a != NULL ? a->t : NULL};
    const size_t one = 1;
    require(r, a == NULL || (a->t != NULL && numbers(r, &v, &one, 1)[0] == 0.0), "is not 0");
    give(r, 0, (value){.kind = ZERO});
}

/* Axes of one number are dropped, the numbers stay in their order; parts of zeros are zeros. */
static void pass(reader *r) {
    value x = *input(r, 0);
    const char op = r->node->op_type[1]; /* Squeeze, Slice, Identity */
    const bool drops = op == 'q' && x.kind == SEQUENCE;
    require(r, op == 'l' ? x.kind == ZERO : !drops || (!x.turned && axis_of(r) > 0), "other axes");
    x.axes -= drops;
    give(r, 0, x);
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
    give_layer(r, 0, x);
}

static void constant(reader *r) {
    const Onnx__AttributeProto *a = attribute(r, "value");
    require(r, a != NULL && a->t != NULL, "this checker knows tensors");
    give(r, 0, (value){.kind = CONSTANT, .tensor = a->t});
}

static void shape(reader *r) {
    give(r, 0, (value){.kind = SHAPE});
}

static const struct {
    const char *ops;
    void (*read)(reader *r);
} operators[] = {{" MatMul Gemm ", dense},
                 {" Add ", add},
                 {" Relu Tanh ", curve},
                 {" LSTM GRU RNN ", recurrent},
                 {" Shape ", shape},
                 {" Constant ", constant},
                 {" Concat ", concat},
                 {" Gather ", gather},
                 {" ConstantOfShape ", zeros},
                 {" Squeeze Identity Slice ", pass},
                 {" Transpose ", transpose},
                 {" Sigmoid Softmax ", answer},
                 {" ReduceSum ReduceMean ReduceMax ", reduce}};

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
    r->value[r->values++] = (value){.name = in->name, .axes = 3, .turned = turned}; /* SEQUENCE */
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
            char *text = model->metadata_props[i]->value;
            network->front = (ck_bytes){(unsigned char *)text, strlen(text_of(text))};
        }
    }
}
