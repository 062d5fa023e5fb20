/* Networks as ONNX files: features [T, 1, D] in, logits [1, C] out, weights as floats. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "onnx/impl.h"

enum { OPSET = 14, IR_VERSION = 7, MOST_INPUTS = 4, NODES_PER_NODE = 3, TENSORS_PER_NODE = 4 };

/* Gate g of the file is gate order[g] of the cell: i, o, f, c out of i, f, g, o; z, r, h. */
static const size_t lstm_order[4] = {0, 3, 1, 2}, plain_order[3] = {0, 1, 2};

/* writer - a model in the making; what it points to is in blocks. */
typedef struct writer {
    Onnx__ModelProto model;
    Onnx__GraphProto graph;
    void **block; /* [blocks] owned */
    size_t blocks, room;
    bool failed; /* out of memory */
} writer;

static void *take(writer *w, size_t count, size_t size) {
    if (w->blocks == w->room) {
        const size_t room = 2 * w->room + 64;
        void **grown = realloc(w->block, room * sizeof *grown);
        if (!grown) {
            w->failed = true;
            return NULL;
        }
        w->block = grown;
        w->room = room;
    }
    void *block = calloc(count > 0 ? count : 1, size);
    w->failed = w->failed || !block;
    w->block[w->blocks++] = block;
    return block;
}

static char *text(writer *w, const char *words) {
    char *copy = take(w, strlen(words) + 1, 1);
    return copy ? strcpy(copy, words) : NULL;
}

/* "name" with a number behind it. */
static char *numbered(writer *w, const char *name, size_t number) {
    char *copy = take(w, strlen(name) + 24, 1);
    if (copy) {
        sprintf(copy, "%s%zu", name, number);
    }
    return copy;
}

/* ---- tensors ---- */

/* A new initialiser of the graph; NULL when memory is out. */
static Onnx__TensorProto *tensor(writer *w, char *name, const int64_t *dim, size_t rank,
                                 int32_t type) {
    Onnx__TensorProto *t = take(w, 1, sizeof *t);
    int64_t *dims = take(w, rank, sizeof *dims);
    if (!t || !dims || !name) {
        return NULL;
    }
    onnx__tensor_proto__init(t);
    memcpy(dims, dim, rank * sizeof *dims);
    t->name = name;
    t->dims = dims;
    t->n_dims = rank;
    t->has_data_type = 1;
    t->data_type = type;
    w->graph.initializer[w->graph.n_initializer++] = t;
    return t;
}

/* Numbers as little-endian bytes. */
static char *floats(writer *w, char *name, const int64_t *dim, size_t rank, const float *value) {
    size_t count = 1;
    for (size_t i = 0; i < rank; i++) {
        count *= (size_t)dim[i];
    }
    Onnx__TensorProto *t = tensor(w, name, dim, rank, ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT);
    uint8_t *bytes = take(w, count, sizeof(float));
    if (!t || !bytes) {
        return NULL;
    }
    for (size_t i = 0; i < count; i++) {
        uint32_t bits = 0;
        memcpy(&bits, &value[i], sizeof bits);
        for (size_t k = 0; k < 4; k++) {
            bytes[4 * i + k] = (uint8_t)(bits >> (8 * k));
        }
    }
    t->has_raw_data = 1;
    t->raw_data = (ProtobufCBinaryData){4 * count, bytes};
    return name;
}

static char *axis(writer *w, size_t number, int64_t value) {
    static const int64_t one[] = {1};
    char *name = numbered(w, "axis", number);
    Onnx__TensorProto *t = tensor(w, name, one, 1, ONNX__TENSOR_PROTO__DATA_TYPE__INT64);
    int64_t *data = take(w, 1, sizeof *data);
    if (!t || !data) {
        return NULL;
    }
    *data = value;
    t->int64_data = data;
    t->n_int64_data = 1;
    return name;
}

/* ---- nodes ---- */

static Onnx__NodeProto *node(writer *w, const char *op, char *const *input, size_t inputs,
                             char *const *output, size_t outputs) {
    Onnx__NodeProto *n = take(w, 1, sizeof *n);
    char **names = take(w, inputs + outputs, sizeof *names);
    char *type = text(w, op), *name = numbered(w, op, w->graph.n_node + 1);
    if (!n || !names || !type || !name) {
        return NULL;
    }
    onnx__node_proto__init(n);
    memcpy(names, input, inputs * sizeof *names);
    memcpy(names + inputs, output, outputs * sizeof *names);
    for (size_t i = 0; i < inputs + outputs; i++) {
        w->failed = w->failed || !names[i];
    }
    n->op_type = type;
    n->name = name;
    n->input = names;
    n->n_input = inputs;
    n->output = names + inputs;
    n->n_output = outputs;
    n->attribute = take(w, 4, sizeof *n->attribute);
    w->graph.node[w->graph.n_node++] = n;
    return n->attribute ? n : NULL;
}

static Onnx__AttributeProto *attribute(writer *w, Onnx__NodeProto *n, const char *name,
                                       Onnx__AttributeProto__AttributeType type) {
    Onnx__AttributeProto *a = take(w, 1, sizeof *a);
    if (!a || !n) {
        return NULL;
    }
    onnx__attribute_proto__init(a);
    a->name = text(w, name);
    a->has_type = 1;
    a->type = type;
    n->attribute[n->n_attribute++] = a;
    return a;
}

static void set_int(writer *w, Onnx__NodeProto *n, const char *name, int64_t value) {
    Onnx__AttributeProto *a = attribute(w, n, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT);
    if (a) {
        a->has_i = 1;
        a->i = value;
    }
}

static void set_float(writer *w, Onnx__NodeProto *n, const char *name, double value) {
    Onnx__AttributeProto *a = attribute(w, n, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOATS);
    float *one = take(w, 1, sizeof *one);
    if (a && one) {
        *one = (float)value;
        a->floats = one;
        a->n_floats = 1;
    }
}

static void set_activation(writer *w, Onnx__NodeProto *n, const char *value) {
    Onnx__AttributeProto *a =
        attribute(w, n, "activations", ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__STRINGS);
    ProtobufCBinaryData *s = take(w, 1, sizeof *s);
    char *copy = text(w, value);
    if (a && s && copy) {
        *s = (ProtobufCBinaryData){strlen(value), (uint8_t *)copy};
        a->strings = s;
        a->n_strings = 1;
    }
}

/* One output, a new name; returns it. */
static char *step(writer *w, const char *op, char *const *input, size_t inputs) {
    char *output[] = {numbered(w, "value", w->graph.n_node + 1)};
    return node(w, op, input, inputs, output, 1) ? output[0] : NULL;
}

/* ---- nodes of the network; l counts those that are no pool ---- */

/* out = x W^T + b, with W^T [in, out] in the file: MatMul takes any rank. */
static char *write_affine(writer *w, const sp_node *from, size_t l, char *x) {
    const size_t in = from->term[0].in, out = from->width;
    float *weight = take(w, in * out, sizeof *weight), *bias = take(w, out, sizeof *bias);
    const int64_t weight_dim[] = {(int64_t)in, (int64_t)out}, bias_dim[] = {(int64_t)out};
    if (!weight || !bias) {
        return NULL;
    }
    for (size_t j = 0; j < out; j++) {
        for (size_t i = 0; i < in; i++) {
            weight[i * out + j] = (float)from->term[0].weight[j * in + i];
        }
        bias[j] = (float)from->bias[j];
    }
    char *product[] = {x, floats(w, numbered(w, "weight", l + 1), weight_dim, 2, weight)};
    char *sum[] = {step(w, "MatMul", product, 2),
                   floats(w, numbered(w, "bias", l + 1), bias_dim, 1, bias)};
    return step(w, "Add", sum, 2);
}

/* Rows of the cell's matrix [G out, columns] in the file's order of gates. */
static float *reorder(writer *w, const double *from, const size_t *order, size_t gates,
                      size_t block) {
    float *to = take(w, gates * block, sizeof *to);
    for (size_t g = 0; to && g < gates; g++) {
        for (size_t i = 0; i < block; i++) {
            to[g * block + i] = (float)from[order[g] * block + i];
        }
    }
    return to;
}

/* The file's two biases; the second one is the recurrent bias of a GRU, else zero. */
static float *biases(writer *w, const sp_cell *cell, const size_t *order, size_t gates) {
    const size_t H = cell->out;
    float *both = take(w, 2 * gates * H, sizeof *both);
    float *first = reorder(w, cell->bias, order, gates, H);
    if (!both || !first) {
        return NULL;
    }
    memcpy(both, first, gates * H * sizeof *both);
    for (size_t j = 0; cell->recurrent_bias && j < H; j++) {
        both[(2 * gates - 1) * H + j] = (float)cell->recurrent_bias[j];
    }
    return both;
}

static void write_candidate(writer *w, Onnx__NodeProto *n, sp_activation f) {
    switch (f.kind) {
    case SP_ACTIVATION_RELU:
        set_activation(w, n, "Relu");
        break;
    case SP_ACTIVATION_AFFINE:
        set_activation(w, n, "Affine");
        set_float(w, n, "activation_alpha", f.alpha);
        set_float(w, n, "activation_beta", f.beta);
        break;
    default:
        set_activation(w, n, "Tanh");
        break;
    }
}

/* [T, 1, in] to [T, 1, out], or to the last state [1, out]. */
static char *write_recurrent(writer *w, const sp_cell *cell, size_t l, char *x, bool last) {
    const bool lstm = cell->kind == SP_CELL_LSTM, gru = cell->kind == SP_CELL_GRU;
    const size_t G = sp_cell_gates(cell), H = cell->out, *order = lstm ? lstm_order : plain_order;
    const int64_t rows = (int64_t)(G * H);
    const int64_t weight_dim[] = {1, rows, (int64_t)cell->in}, loop_dim[] = {1, rows, (int64_t)H};
    const int64_t bias_dim[] = {1, 2 * rows};
    float *weight = reorder(w, cell->weight, order, G, H * cell->in);
    float *loop = reorder(w, cell->recurrent, order, G, H * H);
    float *bias = biases(w, cell, order, G);
    if (!weight || !loop || !bias) {
        return NULL;
    }
    char *input[] = {x, floats(w, numbered(w, "weight", l + 1), weight_dim, 3, weight),
                     floats(w, numbered(w, "recurrent", l + 1), loop_dim, 3, loop),
                     floats(w, numbered(w, "bias", l + 1), bias_dim, 2, bias)};
    char *state = numbered(w, last ? "last" : "states", l + 1);
    char *output[] = {last ? text(w, "") : state, state};
    Onnx__NodeProto *n =
        node(w, lstm ? "LSTM" : (gru ? "GRU" : "RNN"), input, MOST_INPUTS, output, last ? 2 : 1);
    set_int(w, n, "hidden_size", (int64_t)H);
    if (gru) {
        set_int(w, n, "linear_before_reset", cell->reset_after);
    } else if (!lstm) {
        write_candidate(w, n, cell->candidate);
    }
    char *squeezed[] = {state, axis(w, l + 1, last ? 0 : 1)}; // the axis of the directions
    return step(w, "Squeeze", squeezed, 2);
}

static bool writable_cell(const sp_cell *cell) {
    const sp_activation_kind gate = cell->gate.kind, candidate = cell->candidate.kind;
    if (!sp_cell_is_plain(cell)) {
        return false;
    }
    if (cell->kind == SP_CELL_RNN) {
        return !cell->reverse &&
               (candidate == SP_ACTIVATION_TANH || candidate == SP_ACTIVATION_RELU ||
                candidate == SP_ACTIVATION_AFFINE);
    }
    return !cell->reverse && gate == SP_ACTIVATION_SIGMOID && candidate == SP_ACTIVATION_TANH;
}

static bool is_dense(const sp_node *at) {
    const sp_timing *timing = &at->term[0].timing;
    return at->terms == 1 && timing->taps == 1 && timing->stride == 1 && timing->before == 0 &&
           timing->after == 0;
}

static bool writable(const sp_node *at) {
    switch (at->kind) {
    case SP_NODE_AFFINE:
        return is_dense(at);
    case SP_NODE_CURVE:
        return at->curve.kind == SP_ACTIVATION_RELU;
    case SP_NODE_CELL:
        return writable_cell(&at->cell);
    case SP_NODE_POOL:
        return at->pool == SP_POOLING_LAST;
    case SP_NODE_INPUT:
        break;
    }
    return false;
}

/* A chain of nodes with one pool, which follows a cell; behind it there are no cells. */
static sp_status check(sp_error *err, const sp_net *net) {
    size_t pool = 0;
    for (size_t n = 1; n < net->nodes; n++) {
        const sp_node *at = &net->node[n];
        if (!writable(at) || sp_node_input(at, 0) != n - 1 ||
            (pool > 0 && (at->kind == SP_NODE_CELL || at->kind == SP_NODE_POOL))) {
            return sp_fail(err, SP_E_UNSUPPORTED,
                           "layer %zu: only dense, ReLU, LSTM, GRU and RNN layers with the "
                           "activations of the standard are written",
                           pool > 0 ? n - 1 : n);
        }
        pool = at->kind == SP_NODE_POOL ? n : pool;
    }
    if (pool < 2 || net->node[pool - 1].kind != SP_NODE_CELL) {
        return sp_fail(err, SP_E_UNSUPPORTED,
                       "only networks whose last layer of every step is recurrent are written");
    }
    return SP_OK;
}

/* ---- the whole ---- */

static Onnx__ValueInfoProto *value_info(writer *w, char *name, const int64_t *dim, size_t rank) {
    Onnx__ValueInfoProto *info = take(w, 1, sizeof *info);
    Onnx__TypeProto *type = take(w, 1, sizeof *type);
    Onnx__TypeProto__Tensor *of = take(w, 1, sizeof *of);
    Onnx__TensorShapeProto *shape = take(w, 1, sizeof *shape);
    Onnx__TensorShapeProto__Dimension **dims = take(w, rank, sizeof *dims);
    if (!info || !type || !of || !shape || !dims) {
        return NULL;
    }
    onnx__value_info_proto__init(info);
    onnx__type_proto__init(type);
    onnx__type_proto__tensor__init(of);
    onnx__tensor_shape_proto__init(shape);
    for (size_t i = 0; i < rank; i++) {
        Onnx__TensorShapeProto__Dimension *d = dims[i] = take(w, 1, sizeof *d);
        if (!d) {
            return NULL;
        }
        onnx__tensor_shape_proto__dimension__init(d);
        d->value_case = dim[i] < 0 ? ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_PARAM
                                   : ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE;
        if (dim[i] < 0) {
            d->dim_param = text(w, "T");
        } else {
            d->dim_value = dim[i];
        }
    }
    shape->dim = dims;
    shape->n_dim = rank;
    of->has_elem_type = 1;
    of->elem_type = ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT;
    of->shape = shape;
    type->value_case = ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE;
    type->tensor_type = of;
    info->name = name;
    info->type = type;
    return info;
}

static void write_nodes(writer *w, const sp_net *net, char *name) {
    size_t l = 0;
    for (size_t n = 1; n < net->nodes && !w->failed; n++) {
        const sp_node *at = &net->node[n];
        if (at->kind == SP_NODE_POOL) {
            continue; // the cell before it gives its last state
        }
        if (at->kind == SP_NODE_CELL) {
            const bool last = n + 1 < net->nodes && net->node[n + 1].kind == SP_NODE_POOL;
            name = write_recurrent(w, &at->cell, l, name, last);
        } else if (at->kind == SP_NODE_AFFINE) {
            name = write_affine(w, at, l, name);
        } else {
            name = step(w, "Relu", &name, 1);
        }
        l++;
    }
    if (!w->failed) { // the last node gives the logits their name
        Onnx__NodeProto *last = w->graph.node[w->graph.n_node - 1];
        last->output[0] = w->graph.output[0]->name;
    }
}

static void write_graph(writer *w, const sp_net *net) {
    const int64_t in[] = {-1, 1, (int64_t)net->features}, out[] = {1, (int64_t)net->classes};
    onnx__graph_proto__init(&w->graph);
    w->graph.name = text(w, "soundproof");
    w->graph.node = take(w, NODES_PER_NODE * net->nodes, sizeof *w->graph.node);
    w->graph.initializer = take(w, TENSORS_PER_NODE * net->nodes, sizeof *w->graph.initializer);
    w->graph.input = take(w, 1, sizeof *w->graph.input);
    w->graph.output = take(w, 1, sizeof *w->graph.output);
    if (w->failed) {
        return;
    }
    w->graph.input[0] = value_info(w, text(w, "features"), in, 3);
    w->graph.output[0] = value_info(w, text(w, "logits"), out, 2);
    w->graph.n_input = w->graph.n_output = 1;
    if (!w->failed) {
        write_nodes(w, net, w->graph.input[0]->name);
    }
}

static void write_notes(writer *w, const sp_model_note *note, size_t notes) {
    w->model.metadata_props = take(w, notes, sizeof *w->model.metadata_props);
    for (size_t i = 0; i < notes && !w->failed; i++) {
        Onnx__StringStringEntryProto *entry = take(w, 1, sizeof *entry);
        if (entry) {
            onnx__string_string_entry_proto__init(entry);
            entry->key = text(w, note[i].key);
            entry->value = text(w, note[i].value);
            w->model.metadata_props[w->model.n_metadata_props++] = entry;
        }
    }
}

static void write_model(writer *w, const sp_net *net, const sp_model_note *note, size_t notes) {
    Onnx__OperatorSetIdProto *set = take(w, 1, sizeof *set);
    onnx__model_proto__init(&w->model);
    w->model.opset_import = take(w, 1, sizeof *w->model.opset_import);
    write_graph(w, net);
    write_notes(w, note, notes);
    w->model.producer_name = text(w, "soundproof");
    w->model.producer_version = text(w, SP_VERSION);
    if (w->failed) {
        return;
    }
    onnx__operator_set_id_proto__init(set);
    set->domain = text(w, "");
    set->has_version = 1;
    set->version = OPSET;
    w->model.opset_import[0] = set;
    w->model.n_opset_import = 1;
    w->model.has_ir_version = 1;
    w->model.ir_version = IR_VERSION;
    w->model.graph = &w->graph;
}

sp_status sp_model_pack(sp_error *err, void **data, size_t *size, const sp_net *net,
                        const sp_model_note *note, size_t notes) {
    writer w = {0};
    *data = NULL;
    *size = 0;
    SP_TRY(check(err, net));
    write_model(&w, net, note, notes);
    if (!w.failed) {
        *size = onnx__model_proto__get_packed_size(&w.model);
        *data = malloc(*size);
        w.failed = !*data;
    }
    if (!w.failed) {
        onnx__model_proto__pack(&w.model, *data);
    }
    for (size_t i = 0; i < w.blocks; i++) {
        free(w.block[i]);
    }
    free(w.block);
    return w.failed ? sp_fail(err, SP_E_MEMORY, "no memory to write the network") : SP_OK;
}

sp_status sp_model_write(sp_error *err, const char *path, const sp_net *net,
                         const sp_model_note *note, size_t notes) {
    void *data = NULL;
    size_t size = 0;
    SP_TRY(sp_model_pack(err, &data, &size, net, note, notes));
    const sp_status status = sp_file_replace(err, path, data, size);
    free(data);
    return status;
}
