/* ONNX messages in the making. */
#include "onnx/file/writer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void *sp_onnx_write_take(sp_onnx_writer *w, size_t count, size_t size) {
    void *block = sp_region_take(&w->region, count, size);
    w->failed = w->failed || !block;
    return block;
}

char *sp_onnx_write_text(sp_onnx_writer *w, const char *words) {
    char *copy = sp_onnx_write_take(w, strlen(words) + 1, 1);
    return copy ? strcpy(copy, words) : NULL;
}

char *sp_onnx_write_numbered(sp_onnx_writer *w, const char *name, size_t number) {
    const char *prefix = w->prefix ? w->prefix : "";
    char *copy = sp_onnx_write_take(w, strlen(prefix) + strlen(name) + 24, 1);
    if (copy) {
        sprintf(copy, "%s%s%zu", prefix, name, number);
    }
    return copy;
}

/* ---- tensors ---- */

Onnx__TensorProto *sp_onnx_write_tensor(sp_onnx_writer *w, char *name, const int64_t *dim,
                                        size_t rank, int32_t type) {
    Onnx__TensorProto *t = sp_onnx_write_take(w, 1, sizeof *t);
    int64_t *dims = sp_onnx_write_take(w, rank, sizeof *dims);
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

char *sp_onnx_write_floats(sp_onnx_writer *w, char *name, const int64_t *dim, size_t rank,
                           const float *value) {
    size_t count = 1;
    for (size_t i = 0; i < rank; i++) {
        count *= (size_t)dim[i];
    }
    Onnx__TensorProto *t =
        sp_onnx_write_tensor(w, name, dim, rank, ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT);
    uint8_t *bytes = sp_onnx_write_take(w, count, sizeof(float));
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

char *sp_onnx_write_axis(sp_onnx_writer *w, size_t number, int64_t value) {
    static const int64_t one[] = {1};
    char *name = sp_onnx_write_numbered(w, "axis", number);
    Onnx__TensorProto *t =
        sp_onnx_write_tensor(w, name, one, 1, ONNX__TENSOR_PROTO__DATA_TYPE__INT64);
    int64_t *data = sp_onnx_write_take(w, 1, sizeof *data);
    if (!t || !data) {
        return NULL;
    }
    *data = value;
    t->int64_data = data;
    t->n_int64_data = 1;
    return name;
}

/* ---- nodes ---- */

Onnx__NodeProto *sp_onnx_write_node(sp_onnx_writer *w, const char *op, char *const *input,
                                    size_t inputs, char *const *output, size_t outputs) {
    Onnx__NodeProto *n = sp_onnx_write_take(w, 1, sizeof *n);
    char **names = sp_onnx_write_take(w, inputs + outputs, sizeof *names);
    char *type = sp_onnx_write_text(w, op),
         *name = sp_onnx_write_numbered(w, op, w->graph.n_node + 1);
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
    n->attribute = sp_onnx_write_take(w, 5, sizeof *n->attribute);
    w->graph.node[w->graph.n_node++] = n;
    return n->attribute ? n : NULL;
}

Onnx__AttributeProto *sp_onnx_write_attribute(sp_onnx_writer *w, Onnx__NodeProto *n,
                                              const char *name,
                                              Onnx__AttributeProto__AttributeType type) {
    Onnx__AttributeProto *a = sp_onnx_write_take(w, 1, sizeof *a);
    if (!a || !n) {
        return NULL;
    }
    onnx__attribute_proto__init(a);
    a->name = sp_onnx_write_text(w, name);
    a->has_type = 1;
    a->type = type;
    n->attribute[n->n_attribute++] = a;
    return a;
}

void sp_onnx_write_set_int(sp_onnx_writer *w, Onnx__NodeProto *n, const char *name, int64_t value) {
    Onnx__AttributeProto *a =
        sp_onnx_write_attribute(w, n, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT);
    if (a) {
        a->has_i = 1;
        a->i = value;
    }
}

void sp_onnx_write_set_floats(sp_onnx_writer *w, Onnx__NodeProto *n, const char *name,
                              const double *values, size_t count) {
    Onnx__AttributeProto *a =
        sp_onnx_write_attribute(w, n, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOATS);
    float *list = sp_onnx_write_take(w, count, sizeof *list);
    if (a && list) {
        for (size_t i = 0; i < count; i++) {
            list[i] = (float)values[i];
        }
        a->floats = list;
        a->n_floats = count;
    }
}

void sp_onnx_write_set_activations(sp_onnx_writer *w, Onnx__NodeProto *n, const char *const *values,
                                   size_t count) {
    Onnx__AttributeProto *a = sp_onnx_write_attribute(
        w, n, "activations", ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__STRINGS);
    ProtobufCBinaryData *list = sp_onnx_write_take(w, count, sizeof *list);
    for (size_t i = 0; a && list && i < count; i++) {
        char *copy = sp_onnx_write_text(w, values[i]);
        if (copy) {
            list[i] = (ProtobufCBinaryData){strlen(copy), (uint8_t *)copy};
            a->strings = list;
            a->n_strings = i + 1;
        }
    }
}

char *sp_onnx_write_step(sp_onnx_writer *w, const char *op, char *const *input, size_t inputs) {
    char *output[] = {sp_onnx_write_numbered(w, "value", w->graph.n_node + 1)};
    return sp_onnx_write_node(w, op, input, inputs, output, 1) ? output[0] : NULL;
}

Onnx__ValueInfoProto *sp_onnx_write_value_info(sp_onnx_writer *w, char *name, const int64_t *dim,
                                               size_t rank, const char *open) {
    Onnx__ValueInfoProto *info = sp_onnx_write_take(w, 1, sizeof *info);
    Onnx__TypeProto *type = sp_onnx_write_take(w, 1, sizeof *type);
    Onnx__TypeProto__Tensor *of = sp_onnx_write_take(w, 1, sizeof *of);
    Onnx__TensorShapeProto *shape = sp_onnx_write_take(w, 1, sizeof *shape);
    Onnx__TensorShapeProto__Dimension **dims = sp_onnx_write_take(w, rank, sizeof *dims);
    if (!info || !type || !of || !shape || !dims) {
        return NULL;
    }
    onnx__value_info_proto__init(info);
    onnx__type_proto__init(type);
    onnx__type_proto__tensor__init(of);
    onnx__tensor_shape_proto__init(shape);
    for (size_t i = 0; i < rank; i++) {
        Onnx__TensorShapeProto__Dimension *d = dims[i] = sp_onnx_write_take(w, 1, sizeof *d);
        if (!d) {
            return NULL;
        }
        onnx__tensor_shape_proto__dimension__init(d);
        d->value_case = dim[i] < 0 ? ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_PARAM
                                   : ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE;
        if (dim[i] < 0) {
            d->dim_param = sp_onnx_write_text(w, open);
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

sp_status sp_onnx_write_pack(sp_error *err, sp_onnx_writer *w, void **data, size_t *size) {
    *data = NULL;
    *size = 0;
    if (!w->failed) {
        *size = onnx__model_proto__get_packed_size(&w->model);
        *data = malloc(*size);
        w->failed = !*data;
    }
    if (!w->failed) {
        onnx__model_proto__pack(&w->model, *data);
    }
    sp_region_clear(&w->region, 0);
    return w->failed ? sp_fail(err, SP_E_MEMORY, "no memory to write the network") : SP_OK;
}
