/* Networks from ONNX files: chains of dense layers, ReLU, LSTM and RNN and the last step, with the
 * plumbing that exporters write around them. Whatever else a file holds is refused by name. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "checker.h"
#include "onnx.pb-c.h"

typedef enum {
    NOTHING,
    SEQUENCE, /* what the chain has computed so far, all steps */
    LAST,     /* its last step */
    STACK,    /* several of these, one behind the other */
    CONSTANT,
    ZERO, /* an initial state */
    SHAPE /* sizes and what is made of them; they can only become ZERO */
} value_kind;

typedef struct value {
    const char *name;
    value_kind kind;
    size_t at, member[8], members; /* layers behind it; of a STACK */
    const Onnx__TensorProto *tensor;
} value;

typedef struct reader {
    ck_network *network;
    value *value;
    size_t values;
    const Onnx__NodeProto *node;
} reader;

static _Noreturn void cannot(const reader *r, const char *what) {
    ck_refuse("model", "node %s (%s): %s", r->node != NULL ? r->node->name : "",
              r->node != NULL ? r->node->op_type : "graph", what);
}

/* ---- values ---- */

static value *find(const reader *r, const char *name) {
    for (size_t i = r->values; i-- > 0;) {
        if (strcmp(r->value[i].name, name) == 0) {
            return &r->value[i];
        }
    }
    cannot(r, "reads something that is not there, or is not known");
}

static bool has(const reader *r, size_t i) {
    return i < r->node->n_input && r->node->input[i][0] != '\0';
}

static value *input(const reader *r, size_t i) {
    if (!has(r, i)) {
        cannot(r, "an input is missing");
    }
    return find(r, r->node->input[i]);
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
    if (!fits || (!raw && t->n_float_data != count)) {
        cannot(r, "weights have another shape, or are no float32 numbers");
    }
    double *to = ck_alloc(count, sizeof *to);
    for (size_t i = 0; i < count; i++) {
        float f = 0.0F;
        if (raw) {
            const unsigned char *b = t->raw_data.data + 4 * i;
            const uint32_t bits =
                (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
            memcpy(&f, &bits, sizeof f);
        } else {
            f = t->float_data[i];
        }
        to[i] = (double)f;
        if (!(fabs(to[i]) <= 0x1p40)) {
            cannot(r, "a weight is not finite, or huge");
        }
    }
    return to;
}

/* One integer. */
static int64_t index_of(const reader *r, const value *v) {
    const Onnx__TensorProto *t = v->tensor;
    if (v->kind == CONSTANT && t->data_type == ONNX__TENSOR_PROTO__DATA_TYPE__INT64) {
        if (t->n_int64_data == 1) {
            return t->int64_data[0];
        }
        if (t->has_raw_data && t->raw_data.len == 8) {
            int64_t i = 0;
            for (size_t b = 8; b-- > 0;) {
                i = (int64_t)((uint64_t)i << 8 | t->raw_data.data[b]);
            }
            return i;
        }
    }
    cannot(r, "an index is no constant");
}

static const Onnx__AttributeProto *attribute(const reader *r, const char *name) {
    for (size_t i = 0; i < r->node->n_attribute; i++) {
        if (strcmp(r->node->attribute[i]->name, name) == 0) {
            return r->node->attribute[i];
        }
    }
    return NULL;
}

/* Refuses attributes that are not in the list, separated by blanks. */
static void only(const reader *r, const char *list) {
    for (size_t i = 0; i < r->node->n_attribute; i++) {
        const char *name = r->node->attribute[i]->name, *at = strstr(list, name);
        const size_t length = strlen(name);
        if (at == NULL || (at != list && at[-1] != ' ') ||
            (at[length] != ' ' && at[length] != '\0')) {
            cannot(r, "has an attribute that this checker does not know");
        }
    }
}

static int64_t integer(const reader *r, const char *name, int64_t otherwise) {
    const Onnx__AttributeProto *a = attribute(r, name);
    return a != NULL ? a->i : otherwise;
}

/* ---- layers ---- */

static size_t width(const ck_network *n) {
    return n->layers > 0 ? n->layer[n->layers - 1].out : n->features;
}

static ck_layer *append(reader *r, ck_layer_kind kind, size_t out) {
    ck_network *n = r->network;
    if (n->layers == 64 || out == 0 || out > 512) {
        cannot(r, "this checker knows 64 layers of 512 numbers");
    }
    n->layer[n->layers] = (ck_layer){.kind = kind, .in = width(n), .out = out};
    return &n->layer[n->layers++];
}

/* The chain must stand where the input of this node does; its last step is taken if need be. */
static bool follow(reader *r, const value *v) {
    ck_network *n = r->network;
    const bool last = n->layers > 0 && n->layer[n->layers - 1].kind == CK_LAST;
    if ((v->kind != SEQUENCE && v->kind != LAST) || v->at != n->layers) {
        cannot(r, "is no link of a chain of layers");
    }
    if (v->kind == LAST && !last) {
        bool taken = false;
        for (size_t i = 0; i < n->layers; i++) {
            taken = taken || n->layer[i].kind == CK_LAST;
        }
        if (!taken) {
            append(r, CK_LAST, width(n));
        }
    }
    return v->kind == LAST;
}

static void give_chain(reader *r, size_t output, bool last) {
    give(r, output, (value){.kind = last ? LAST : SEQUENCE, .at = r->network->layers});
}

static void dense(reader *r, bool gemm) {
    const value *x = input(r, 0), *w = input(r, 1);
    only(r, gemm ? "alpha beta transA transB" : "");
    const Onnx__AttributeProto *alpha = attribute(r, "alpha"), *beta = attribute(r, "beta");
    const bool turned = gemm && integer(r, "transB", 0) == 1;
    if (w->kind != CONSTANT || w->tensor->n_dims != 2 || integer(r, "transA", 0) != 0 ||
        (alpha != NULL && alpha->f != 1.0F) || (beta != NULL && beta->f != 1.0F)) {
        cannot(r, "this checker knows a matrix of constants, without factors");
    }
    const bool last = follow(r, x);
    const size_t in = width(r->network), out = (size_t)w->tensor->dims[turned ? 0 : 1];
    const size_t shape[] = {turned ? out : in, turned ? in : out};
    ck_layer *layer = append(r, CK_AFFINE, out);
    double *m = numbers(r, w, shape, 2);
    layer->weight = ck_alloc(in * out, sizeof(double));
    for (size_t i = 0; i < in * out; i++) {
        layer->weight[i] = turned ? m[i] : m[i % in * out + i / in];
    }
    layer->bias =
        gemm && has(r, 2) ? numbers(r, input(r, 2), &out, 1) : ck_alloc(out, sizeof(double));
    free(m);
    give_chain(r, 0, last);
}

static void add(reader *r) {
    const size_t other = input(r, 0)->kind == CONSTANT ? 1 : 0;
    const value *x = input(r, other), *b = input(r, 1 - other);
    ck_network *n = r->network;
    if ((x->kind != SEQUENCE && x->kind != LAST) || x->at != n->layers || n->layers == 0 ||
        n->layer[n->layers - 1].kind != CK_AFFINE) {
        cannot(r, "this checker knows biases of dense layers");
    }
    ck_layer *layer = &n->layer[n->layers - 1];
    double *bias = numbers(r, b, &layer->out, 1);
    for (size_t i = 0; i < layer->out; i++) {
        layer->bias[i] += bias[i];
    }
    free(bias);
    give(r, 0, (value){.kind = x->kind, .at = x->at});
}

static void check_default(const reader *r, bool lstm) {
    static const char *const usual[] = {"Sigmoid", "Tanh", "Tanh"};
    const Onnx__AttributeProto *d = attribute(r, "direction"), *a = attribute(r, "activations");
    only(r, "hidden_size direction activations layout input_forget");
    if ((d != NULL && (d->s.len != 7 || memcmp(d->s.data, "forward", 7) != 0)) ||
        integer(r, "layout", 0) != 0 || integer(r, "input_forget", 0) != 0 || has(r, 4) ||
        has(r, 7)) {
        cannot(r, "this checker knows forward cells without lengths and peepholes");
    }
    for (size_t i = 0; a != NULL && i < a->n_strings; i++) {
        const char *name = lstm ? usual[i < 3 ? i : 0] : "Tanh";
        if (a->n_strings != (lstm ? 3U : 1U) || a->strings[i].len != strlen(name) ||
            memcmp(a->strings[i].data, name, strlen(name)) != 0) {
            cannot(r, "this checker knows the usual activations");
        }
    }
    for (size_t i = 5; i < 7; i++) {
        if (has(r, i) && input(r, i)->kind != ZERO) {
            cannot(r, "initial states must be 0");
        }
    }
}

static void cell(reader *r, bool lstm) {
    static const size_t order[] = {0, 2, 3, 1}; /* i f g o of the file's i o f g */
    const size_t H = (size_t)integer(r, "hidden_size", 0), gates = lstm ? 4 : 1;
    check_default(r, lstm);
    if (follow(r, input(r, 0))) {
        cannot(r, "a cell behind the last step");
    }
    const size_t D = width(r->network);
    ck_layer *layer = append(r, lstm ? CK_LSTM : CK_RNN, H);
    const size_t w[] = {1, gates * H, D}, u[] = {1, gates * H, H}, b[] = {1, 2 * gates * H};
    double *weight = numbers(r, input(r, 1), w, 3), *recurrent = numbers(r, input(r, 2), u, 3);
    double *bias =
        has(r, 3) ? numbers(r, input(r, 3), b, 2) : ck_alloc(2 * gates * H, sizeof(double));
    layer->weight = ck_alloc(gates * H * D, sizeof(double));
    layer->recurrent = ck_alloc(gates * H * H, sizeof(double));
    layer->bias = ck_alloc(gates * H, sizeof(double));
    for (size_t g = 0; g < gates; g++) {
        const size_t from = lstm ? order[g] : 0;
        memcpy(layer->weight + g * H * D, weight + from * H * D, H * D * sizeof(double));
        memcpy(layer->recurrent + g * H * H, recurrent + from * H * H, H * H * sizeof(double));
        for (size_t j = 0; j < H; j++) {
            layer->bias[g * H + j] = bias[from * H + j] + bias[(gates + from) * H + j];
        }
    }
    free(weight);
    free(recurrent);
    free(bias);
    give_chain(r, 0, false);
    give_chain(r, 1, true);
}

/* ---- plumbing ---- */

static void concat(reader *r) {
    value stack = {.kind = STACK};
    bool states = true;
    for (size_t i = 0; i < r->node->n_input; i++) {
        states = states && input(r, i)->kind == LAST && i < 8;
    }
    for (size_t i = 0; states && i < r->node->n_input; i++) {
        stack.member[stack.members++] = input(r, i)->at;
    }
    if (states && integer(r, "axis", -1) == 0) {
        give(r, 0, stack);
        return;
    }
    for (size_t i = 0; i < r->node->n_input; i++) {
        if (input(r, i)->kind != SHAPE && input(r, i)->kind != CONSTANT) {
            cannot(r, "this checker does not know what is put together here");
        }
    }
    give(r, 0, (value){.kind = SHAPE});
}

static void gather(reader *r) {
    const value *x = input(r, 0);
    if (x->kind == SHAPE) {
        give(r, 0, (value){.kind = SHAPE});
        return;
    }
    const int64_t i = index_of(r, input(r, 1));
    if (integer(r, "axis", 0) != 0) {
        cannot(r, "this checker knows axis 0");
    } else if (x->kind == STACK && i < (int64_t)x->members && i >= -(int64_t)x->members) {
        give(r, 0, (value){.kind = LAST, .at = x->member[i < 0 ? i + (int64_t)x->members : i]});
    } else if (i == -1 ? x->kind == SEQUENCE || x->kind == LAST : i == 0 && x->kind == LAST) {
        give(r, 0, (value){.kind = LAST, .at = x->at});
    } else {
        cannot(r, "this checker does not know what is taken here");
    }
}

static void zeros(reader *r) {
    const Onnx__AttributeProto *a = attribute(r, "value");
    bool zero = input(r, 0)->kind == SHAPE || input(r, 0)->kind == CONSTANT;
    if (a != NULL) {
        const value v = {.kind = CONSTANT, .tensor = a->t};
        const size_t one = 1;
        double *number = numbers(r, &v, &one, 1);
        zero = zero && number[0] == 0.0;
        free(number);
    }
    if (!zero) {
        cannot(r, "this checker knows zeros only");
    }
    give(r, 0, (value){.kind = ZERO});
}

/* Nodes that hand on the numbers of their first input. */
static void pass(reader *r) {
    const value v = *input(r, 0);
    give(r, 0, v.kind == CONSTANT ? (value){.kind = SHAPE} : v);
}

static void read_node(reader *r) {
    const char *op = r->node->op_type;
    if (r->node->domain != NULL && r->node->domain[0] != '\0') {
        cannot(r, "is of a domain that this checker does not know");
    }
    if (strcmp(op, "MatMul") == 0 || strcmp(op, "Gemm") == 0) {
        dense(r, op[0] == 'G');
    } else if (strcmp(op, "Add") == 0) {
        add(r);
    } else if (strcmp(op, "Relu") == 0) {
        const bool last = follow(r, input(r, 0));
        append(r, CK_RELU, width(r->network));
        give_chain(r, 0, last);
    } else if (strcmp(op, "LSTM") == 0 || strcmp(op, "RNN") == 0) {
        cell(r, op[0] == 'L');
    } else if (strcmp(op, "Constant") == 0) {
        const Onnx__AttributeProto *a = attribute(r, "value");
        if (a == NULL || a->t == NULL) {
            cannot(r, "this checker knows tensors");
        }
        give(r, 0, (value){.kind = CONSTANT, .tensor = a->t});
    } else if (strcmp(op, "Shape") == 0) {
        (void)input(r, 0);
        give(r, 0, (value){.kind = SHAPE});
    } else if (strcmp(op, "Concat") == 0) {
        concat(r);
    } else if (strcmp(op, "Gather") == 0) {
        gather(r);
    } else if (strcmp(op, "ConstantOfShape") == 0) {
        zeros(r);
    } else if (strcmp(op, "Squeeze") == 0 || strcmp(op, "Identity") == 0) {
        pass(r); /* axes of one number are dropped, the numbers stay in their order */
    } else if ((strcmp(op, "Slice") == 0 && input(r, 0)->kind == ZERO) ||
               (strcmp(op, "Unsqueeze") == 0 && input(r, 0)->kind == SHAPE)) {
        pass(r);
    } else {
        cannot(r, "this checker does not know this operator");
    }
}

/* The features: [steps, 1, D]. */
static void read_input(reader *r, const Onnx__GraphProto *graph) {
    const Onnx__ValueInfoProto *in = NULL;
    for (size_t i = 0; i < graph->n_input; i++) {
        bool weight = false;
        for (size_t k = 0; k < graph->n_initializer; k++) {
            weight = weight || strcmp(graph->initializer[k]->name, graph->input[i]->name) == 0;
        }
        if (!weight && in != NULL) {
            cannot(r, "has several inputs");
        }
        in = weight ? in : graph->input[i];
    }
    const Onnx__TensorShapeProto *shape =
        in != NULL && in->type != NULL && in->type->tensor_type != NULL
            ? in->type->tensor_type->shape
            : NULL;
    int64_t size[3] = {0, 0, 0}; /* 0: any */
    for (size_t i = 0; shape != NULL && shape->n_dim == 3 && i < 3; i++) {
        const bool fixed =
            shape->dim[i]->value_case == ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE;
        size[i] = fixed ? shape->dim[i]->dim_value : 0;
    }
    if (size[0] != 0 || size[1] < 0 || size[1] > 1 || size[2] < 1 || size[2] > 512) {
        cannot(r, "this checker knows one input, any number of steps by 1 by features");
    }
    r->network->features = (size_t)size[2];
    r->value[r->values++] = (value){.name = in->name, .kind = SEQUENCE};
}

void ck_network_read(ck_network *network, ck_bytes file) {
    const Onnx__ModelProto *model = onnx__model_proto__unpack(NULL, file.size, file.at);
    const Onnx__GraphProto *graph = model != NULL ? model->graph : NULL;
    if (graph == NULL || graph->n_output != 1) {
        ck_unreadable("the model is no ONNX file with one output");
    }
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
    if (out->kind != LAST || out->at != network->layers) {
        cannot(&r, "the output is not the end of the chain at its last step");
    }
    if (network->layer[network->layers - 1].kind != CK_AFFINE) {
        cannot(&r, "the last layer must be dense");
    }
    for (size_t i = 0; i < model->n_metadata_props; i++) {
        if (strcmp(model->metadata_props[i]->key, "soundproof.front") == 0) {
            network->front = model->metadata_props[i]->value;
        }
    }
}
