/* ONNX models made in memory for the tests of onnx/, from protobuf-c's structs. */
#ifndef SP_TESTS_ONNX_BUILD_H
#define SP_TESTS_ONNX_BUILD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "onnx/onnx.h"
#include "onnx/onnx.pb-c.h"
#include "tests/support/support.h"

enum { OM_MOST = 256 };

/* om - a model being made; `block` holds everything that it points to. */
typedef struct om {
    Onnx__ModelProto model;
    Onnx__GraphProto graph;
    Onnx__OperatorSetIdProto opset, *opsets[1];
    Onnx__NodeProto *node[OM_MOST];
    Onnx__TensorProto *initialiser[OM_MOST];
    Onnx__ValueInfoProto *input[OM_MOST], *output[OM_MOST];
    Onnx__StringStringEntryProto *metadata[4];
    void *block[65536];
    size_t blocks;
} om;

/* How the numbers of a tensor are stored. */
typedef enum { OM_RAW, OM_LISTED, OM_DOUBLE_RAW, OM_DOUBLE_LISTED } om_storage;

static inline void *om_take(om *m, size_t count, size_t size) {
    void *p = calloc(count + 1, size);
    assert_non_null(p);
    assert_true(m->blocks < sizeof m->block / sizeof *m->block);
    m->block[m->blocks++] = p;
    return p;
}

static inline char *om_text(om *m, const char *text) {
    return strcpy(om_take(m, strlen(text) + 1, 1), text);
}

/* An empty model: om_new, then om_input, om_node, om_reals..., om_output, and om_free at the
 * end. */
static inline om *om_new(int64_t opset) {
    om *m = calloc(1, sizeof *m);
    assert_non_null(m);
    onnx__model_proto__init(&m->model);
    onnx__graph_proto__init(&m->graph);
    onnx__operator_set_id_proto__init(&m->opset);
    m->model.has_ir_version = 1;
    m->model.ir_version = 7;
    m->model.producer_name = om_text(m, "soundproof-tests");
    m->model.graph = &m->graph;
    m->model.opset_import = m->opsets;
    m->model.n_opset_import = 1;
    m->opsets[0] = &m->opset;
    m->opset.domain = om_text(m, "");
    m->opset.has_version = 1;
    m->opset.version = opset;
    m->graph.name = om_text(m, "graph");
    m->graph.node = m->node;
    m->graph.initializer = m->initialiser;
    m->graph.input = m->input;
    m->graph.output = m->output;
    m->model.metadata_props = m->metadata;
    return m;
}

static inline void om_free(om *m) {
    for (size_t i = 0; i < m->blocks; i++) {
        free(m->block[i]);
    }
    free(m);
}

/* A value "name: T x 1 x 10": numbers are fixed lengths, words are names, "?" is an unknown
 * length. */
static inline Onnx__ValueInfoProto *om_value(om *m, const char *name, int type, const char *shape) {
    Onnx__ValueInfoProto *value = om_take(m, 1, sizeof *value);
    onnx__value_info_proto__init(value);
    value->name = om_text(m, name);
    value->type = om_take(m, 1, sizeof *value->type);
    onnx__type_proto__init(value->type);
    value->type->value_case = ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE;
    Onnx__TypeProto__Tensor *tensor = om_take(m, 1, sizeof *tensor);
    onnx__type_proto__tensor__init(tensor);
    value->type->tensor_type = tensor;
    tensor->has_elem_type = 1;
    tensor->elem_type = type;
    if (!shape) {
        return value;
    }
    tensor->shape = om_take(m, 1, sizeof *tensor->shape);
    onnx__tensor_shape_proto__init(tensor->shape);
    tensor->shape->dim = om_take(m, 16, sizeof *tensor->shape->dim);
    char *copy = om_text(m, shape), *rest = NULL;
    for (char *word = strtok_r(copy, " x", &rest); word; word = strtok_r(NULL, " x", &rest)) {
        Onnx__TensorShapeProto__Dimension *dim = om_take(m, 1, sizeof *dim);
        onnx__tensor_shape_proto__dimension__init(dim);
        char *end = NULL;
        const long long length = strtoll(word, &end, 10);
        if (*end == '\0') {
            dim->value_case = ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE;
            dim->dim_value = length;
        } else if (strcmp(word, "?") != 0) {
            dim->value_case = ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_PARAM;
            dim->dim_param = om_text(m, word);
        }
        tensor->shape->dim[tensor->shape->n_dim++] = dim;
    }
    return value;
}

static inline void om_input(om *m, const char *name, const char *shape) {
    m->graph.input[m->graph.n_input++] = om_value(m, name, 1, shape);
}

static inline void om_output(om *m, const char *name) {
    m->graph.output[m->graph.n_output++] = om_value(m, name, 1, NULL);
}

static inline char **om_names(om *m, const char *list, size_t *count) {
    char **names = om_take(m, OM_MOST, sizeof *names);
    *count = 0;
    while (*list != '\0') {
        const size_t length = strcspn(list, ",");
        names[*count] = om_take(m, length + 1, 1);
        memcpy(names[(*count)++], list, length);
        list += length + (list[length] == ',');
    }
    return names;
}

/* A node; inputs and outputs are separated by commas, an empty one is left out ("x,,y"). */
static inline Onnx__NodeProto *om_node(om *m, const char *op, const char *inputs,
                                       const char *outputs) {
    Onnx__NodeProto *node = om_take(m, 1, sizeof *node);
    onnx__node_proto__init(node);
    node->op_type = om_text(m, op);
    node->name = om_text(m, "");
    node->input = om_names(m, inputs, &node->n_input);
    node->output = om_names(m, outputs, &node->n_output);
    node->attribute = om_take(m, 40, sizeof *node->attribute);
    assert_true(m->graph.n_node < OM_MOST);
    m->graph.node[m->graph.n_node++] = node;
    return node;
}

/* ---- attributes ---- */

static inline Onnx__AttributeProto *om_attribute(om *m, Onnx__NodeProto *node, const char *name,
                                                 Onnx__AttributeProto__AttributeType type) {
    Onnx__AttributeProto *a = om_take(m, 1, sizeof *a);
    onnx__attribute_proto__init(a);
    a->name = om_text(m, name);
    a->has_type = 1;
    a->type = type;
    assert_true(node->n_attribute < 40);
    node->attribute[node->n_attribute++] = a;
    return a;
}

static inline void om_int(om *m, Onnx__NodeProto *node, const char *name, int64_t value) {
    Onnx__AttributeProto *a =
        om_attribute(m, node, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT);
    a->has_i = 1;
    a->i = value;
}

static inline void om_float(om *m, Onnx__NodeProto *node, const char *name, double value) {
    Onnx__AttributeProto *a =
        om_attribute(m, node, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOAT);
    a->has_f = 1;
    a->f = (float)value;
}

static inline void om_string(om *m, Onnx__NodeProto *node, const char *name, const char *value) {
    Onnx__AttributeProto *a =
        om_attribute(m, node, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__STRING);
    a->has_s = 1;
    a->s.data = (uint8_t *)om_text(m, value);
    a->s.len = strlen(value);
}

static inline void om_strings(om *m, Onnx__NodeProto *node, const char *name, const char *list) {
    Onnx__AttributeProto *a =
        om_attribute(m, node, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__STRINGS);
    char **words = om_names(m, list, &a->n_strings);
    a->strings = om_take(m, a->n_strings, sizeof *a->strings);
    for (size_t i = 0; i < a->n_strings; i++) {
        a->strings[i] = (ProtobufCBinaryData){.len = strlen(words[i]), .data = (uint8_t *)words[i]};
    }
}

static inline void om_ints(om *m, Onnx__NodeProto *node, const char *name, size_t count,
                           const int64_t *values) {
    Onnx__AttributeProto *a =
        om_attribute(m, node, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INTS);
    a->n_ints = count;
    a->ints = om_take(m, count, sizeof *a->ints);
    for (size_t i = 0; i < count; i++) {
        a->ints[i] = values[i];
    }
}

static inline void om_float_list(om *m, Onnx__NodeProto *node, const char *name, size_t count,
                                 const float *values) {
    Onnx__AttributeProto *a =
        om_attribute(m, node, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOATS);
    a->n_floats = count;
    a->floats = om_take(m, count, sizeof *a->floats);
    for (size_t i = 0; i < count; i++) {
        a->floats[i] = values[i];
    }
}

static inline void om_tensor(om *m, Onnx__NodeProto *node, const char *name,
                             Onnx__TensorProto *tensor) {
    om_attribute(m, node, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__TENSOR)->t = tensor;
}

/* ---- graphs inside of nodes ---- */

/* Until om_body_end, nodes, initialisers, inputs and outputs go into a graph of their own. */
static inline Onnx__GraphProto om_body_begin(om *m) {
    const Onnx__GraphProto around = m->graph;
    onnx__graph_proto__init(&m->graph);
    m->graph.name = om_text(m, "body");
    m->graph.node = om_take(m, OM_MOST, sizeof *m->graph.node);
    m->graph.initializer = om_take(m, OM_MOST, sizeof *m->graph.initializer);
    m->graph.input = om_take(m, OM_MOST, sizeof *m->graph.input);
    m->graph.output = om_take(m, OM_MOST, sizeof *m->graph.output);
    return around;
}

/* The graph that was made; goes back to the one around it. */
static inline Onnx__GraphProto *om_body_end(om *m, const Onnx__GraphProto *around) {
    Onnx__GraphProto *body = om_take(m, 1, sizeof *body);
    *body = m->graph;
    m->graph = *around;
    return body;
}

static inline void om_graph(om *m, Onnx__NodeProto *node, const char *name,
                            Onnx__GraphProto *graph) {
    om_attribute(m, node, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__GRAPH)->g = graph;
}

/* ---- tensors; "2x3" is a shape, "" that of a single number ---- */

static inline Onnx__TensorProto *om_bare(om *m, const char *name, const char *shape,
                                         size_t *count) {
    Onnx__TensorProto *t = om_take(m, 1, sizeof *t);
    onnx__tensor_proto__init(t);
    t->name = om_text(m, name);
    t->dims = om_take(m, 16, sizeof *t->dims);
    t->has_data_type = 1;
    *count = 1;
    char *copy = om_text(m, shape), *rest = NULL;
    for (char *word = strtok_r(copy, "x", &rest); word; word = strtok_r(NULL, "x", &rest)) {
        t->dims[t->n_dims] = atoll(word);
        *count *= (size_t)t->dims[t->n_dims++];
    }
    return t;
}

static inline void om_raw_bytes(om *m, Onnx__TensorProto *t, const void *data, size_t size) {
    t->has_raw_data = 1;
    t->raw_data.len = size;
    t->raw_data.data = om_take(m, size, 1);
    if (size > 0) {
        memcpy(t->raw_data.data, data, size);
    }
}

static inline Onnx__TensorProto *om_real_tensor(om *m, const char *name, const char *shape,
                                                const double *values, om_storage storage) {
    size_t count;
    Onnx__TensorProto *t = om_bare(m, name, shape, &count);
    float *single = om_take(m, count, sizeof *single);
    double *copy = om_take(m, count, sizeof *copy);
    memcpy(copy, values, count * sizeof *copy);
    for (size_t i = 0; i < count; i++) {
        single[i] = (float)copy[i];
    }
    t->data_type = storage == OM_RAW || storage == OM_LISTED
                       ? ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT
                       : ONNX__TENSOR_PROTO__DATA_TYPE__DOUBLE;
    switch (storage) {
    case OM_RAW: // these tests run on little-endian machines
        om_raw_bytes(m, t, single, count * sizeof *single);
        break;
    case OM_DOUBLE_RAW:
        om_raw_bytes(m, t, copy, count * sizeof *copy);
        break;
    case OM_LISTED:
        t->n_float_data = count;
        t->float_data = single;
        break;
    case OM_DOUBLE_LISTED:
        t->n_double_data = count;
        t->double_data = copy;
        break;
    }
    return t;
}

static inline Onnx__TensorProto *om_whole_tensor(om *m, const char *name, const char *shape,
                                                 const int64_t *values) {
    size_t count;
    Onnx__TensorProto *t = om_bare(m, name, shape, &count);
    t->data_type = ONNX__TENSOR_PROTO__DATA_TYPE__INT64;
    om_raw_bytes(m, t, values, count * sizeof *values);
    return t;
}

static inline Onnx__TensorProto *om_initialiser(om *m, Onnx__TensorProto *tensor) {
    assert_true(m->graph.n_initializer < OM_MOST);
    return m->graph.initializer[m->graph.n_initializer++] = tensor;
}

static inline Onnx__TensorProto *om_reals(om *m, const char *name, const char *shape,
                                          const double *values) {
    return om_initialiser(m, om_real_tensor(m, name, shape, values, OM_RAW));
}

static inline Onnx__TensorProto *om_wholes(om *m, const char *name, const char *shape,
                                           const int64_t *values) {
    return om_initialiser(m, om_whole_tensor(m, name, shape, values));
}

static inline void om_whole(om *m, const char *name, int64_t value) {
    om_wholes(m, name, "", &value);
}

static inline void om_list(om *m, const char *name, size_t count, const int64_t *values) {
    char shape[24];
    snprintf(shape, sizeof shape, "%zu", count);
    om_wholes(m, name, shape, values);
}

/* ---- reading the model back ---- */

static inline uint8_t *om_pack(const om *m, size_t *size) {
    *size = onnx__model_proto__get_packed_size(&m->model);
    uint8_t *data = malloc(*size);
    assert_non_null(data);
    assert_int_equal(onnx__model_proto__pack(&m->model, data), *size);
    return data;
}

static inline sp_status om_parse(const om *m, sp_error *err, sp_model *model) {
    size_t size;
    uint8_t *data = om_pack(m, &size);
    const sp_status status = sp_model_parse(err, model, data, size, "test.onnx");
    free(data);
    return status;
}

/* Parses the model, which must be accepted, and frees it. */
static inline void om_accept(om *m, sp_model *model) {
    sp_error err = {0};
    if (om_parse(m, &err, model) != SP_OK) {
        fail_msg("refused: %s", err.text);
    }
    om_free(m);
}

/* The model must be refused with this status and a line that holds all words, separated by '|'. */
static inline void om_refuse(om *m, sp_status status, const char *words) {
    sp_error err = {0};
    sp_model model;
    const sp_status found = om_parse(m, &err, &model);
    char copy[512], *rest = NULL;
    if (found == SP_OK) {
        fail_msg("accepted, but expected status %d and '%s'", status, words);
    }
    if (found != status) {
        fail_msg("status %d, expected %d and '%s': %s", found, status, words, err.text);
    }
    assert_int_equal(err.code, status);
    snprintf(copy, sizeof copy, "%s", words);
    for (char *word = strtok_r(copy, "|", &rest); word; word = strtok_r(NULL, "|", &rest)) {
        if (!strstr(err.text, word)) {
            fail_msg("'%s' does not hold '%s'", err.text, word);
        }
    }
    assert_null(strchr(err.text, '\n'));
    // A refused model holds nothing.
    assert_int_equal(model.net.nodes, 0);
    assert_null(model.net.node);
    assert_null(model.input_name);
    om_free(m);
}

static inline void om_expect_equal(const char *what, const double *a, const double *b,
                                   size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (!(a[i] == b[i])) {
            fail_msg("%s[%zu]: %a, expected %a", what, i, a[i], b[i]);
        }
    }
}

static inline void om_expect_activation(sp_activation a, sp_activation b) {
    assert_int_equal(a.kind, b.kind);
    const size_t parameters = sp_activation_parameters(b.kind);
    om_expect_equal("alpha", &a.alpha, &b.alpha, parameters > 0 ? 1 : 0);
    om_expect_equal("beta", &a.beta, &b.beta, parameters > 1 ? 1 : 0);
}

static inline void om_expect_cell(const sp_cell *a, const sp_cell *b) {
    const size_t rows = sp_cell_gates(b) * b->out;
    assert_int_equal(a->kind, b->kind);
    assert_int_equal(a->in, b->in);
    assert_int_equal(a->reverse, b->reverse);
    om_expect_equal("weight", a->weight, b->weight, rows * b->in);
    om_expect_equal("bias", a->bias, b->bias, rows);
    om_expect_equal("recurrent", a->recurrent, b->recurrent, rows * b->out);
    om_expect_activation(a->candidate, b->candidate);
    if (b->kind == SP_CELL_GRU) {
        assert_int_equal(a->reset_after, b->reset_after);
        om_expect_activation(a->gate, b->gate);
    }
    for (size_t j = 0; b->kind == SP_CELL_GRU && b->reset_after && j < b->out; j++) {
        const double x = a->recurrent_bias ? a->recurrent_bias[j] : 0.0;
        const double y = b->recurrent_bias ? b->recurrent_bias[j] : 0.0;
        om_expect_equal("recurrent_bias", &x, &y, 1);
    }
}

static inline void om_expect_node(const sp_node *a, const sp_node *b) {
    assert_int_equal(a->kind, b->kind);
    assert_int_equal(a->width, b->width);
    assert_int_equal(sp_node_inputs(a), sp_node_inputs(b));
    for (size_t i = 0; i < sp_node_inputs(b); i++) {
        assert_int_equal(sp_node_input(a, i), sp_node_input(b, i));
    }
    for (size_t i = 0; b->kind == SP_NODE_AFFINE && i < b->terms; i++) {
        const sp_term *p = &a->term[i], *q = &b->term[i];
        assert_memory_equal(&p->timing, &q->timing, sizeof q->timing);
        om_expect_equal("weight", p->weight, q->weight, b->width * q->timing.taps * q->in);
    }
    if (b->kind == SP_NODE_AFFINE) {
        om_expect_equal("bias", a->bias, b->bias, b->width);
    } else if (b->kind == SP_NODE_CURVE) {
        om_expect_activation(a->curve, b->curve);
    } else if (b->kind == SP_NODE_CELL) {
        om_expect_cell(&a->cell, &b->cell);
    }
    assert_int_equal(a->pool, b->pool);
}

static inline void om_expect_nodes(const sp_net *got, const sp_net *want) {
    assert_int_equal(got->nodes, want->nodes);
    assert_int_equal(got->features, want->features);
    assert_int_equal(got->classes, want->classes);
    for (size_t n = 0; n < want->nodes; n++) {
        om_expect_node(&got->node[n], &want->node[n]);
    }
}

/* The net that was read must equal `want` in every node and weight; clears both. */
static inline void om_expect_net(sp_model *model, sp_net *want) {
    const sp_net *got = &model->net;
    om_expect_nodes(got, want);
    assert_int_equal(got->steps, want->steps);
    assert_int_equal(got->sigmoid, want->sigmoid);
    assert_int_equal(got->softmax, want->softmax);
    sp_model_clear(model);
    sp_net_clear(want);
}

/* ---- weights ---- */

/* Numbers that a FLOAT holds exactly. */
static inline void om_random(sp_rng *rng, double *values, size_t count) {
    for (size_t i = 0; i < count; i++) {
        values[i] = (float)sp_rng_normal(rng);
    }
}

#endif
