/* Mutations of ONNX models that stay protobuf: half of the inputs are edited as messages, so
 * that the fuzzer gets behind the decoder; the others are edited as bytes. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "onnx/onnx.pb-c.h"

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned seed);

enum { MOST_NAMES = 256 };

/* Names that a model need not hold, but that the reader knows. */
static const char *const known[] = {
    "Add",       "Cast",      "Concat",   "Constant", "ConstantOfShape",
    "Div",       "Dropout",   "Equal",    "Expand",   "Flatten",
    "Gather",    "Gemm",      "Identity", "LSTM",     "MatMul",
    "Mul",       "Relu",      "Reshape",  "Shape",    "Slice",
    "Squeeze",   "Sub",       "Where",    "axes",     "axis",
    "Transpose", "Unsqueeze", "perm",     "transA",   "transB",
    "value",     "starts",    "ends",     "to",       "start",
    "end",       "layout",    "alpha",    "beta",     "value_ints",
    "clip",      "direction", "ai.onnx",  "",         "value_float",
    "And",       "Clip",      "GRU",      "Less",     "HardSigmoid",
    "Loop",      "Max",       "Min",      "RNN",      "ReduceSum",
    "Sigmoid",   "Softmax",   "Tanh",     "Tile",     "linear_before_reset",
    "body",      "Affine",    "Neg",      "keepdims", "noop_with_empty_axes"};

typedef struct sp_mutation {
    uint64_t state;
    const char *name[MOST_NAMES]; /* strings of the model, to be exchanged */
    size_t names;
} sp_mutation;

static size_t below(sp_mutation *m, size_t n) {
    m->state = m->state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (size_t)(m->state >> 33) % n;
}

static size_t type_size(ProtobufCType type) {
    switch (type) {
    case PROTOBUF_C_TYPE_BOOL:
        return sizeof(protobuf_c_boolean);
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_DOUBLE:
        return 8;
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_MESSAGE:
        return sizeof(void *);
    case PROTOBUF_C_TYPE_BYTES:
        return sizeof(ProtobufCBinaryData);
    default:
        return 4;
    }
}

/* ---- fields of a message ---- */

static void *member(ProtobufCMessage *message, unsigned offset) {
    return (char *)message + offset;
}

/* The array of a field and its length; a field that is not repeated is an array of length 0 or
 * 1. */
static char *elements(ProtobufCMessage *message, const ProtobufCFieldDescriptor *field,
                      size_t *count) {
    if (field->label == PROTOBUF_C_LABEL_REPEATED) {
        *count = *(size_t *)member(message, field->quantifier_offset);
        return *(char **)member(message, field->offset);
    }
    const int pointer =
        field->type == PROTOBUF_C_TYPE_MESSAGE || field->type == PROTOBUF_C_TYPE_STRING;
    if (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) {
        *count = *(uint32_t *)member(message, field->quantifier_offset) == field->id;
    } else if (pointer) {
        const void *value = *(void **)member(message, field->offset);
        *count = value != NULL && value != field->default_value;
    } else {
        *count = *(protobuf_c_boolean *)member(message, field->quantifier_offset) != 0;
    }
    return member(message, field->offset);
}

static void collect_names(sp_mutation *m, ProtobufCMessage *message) {
    for (unsigned f = 0; f < message->descriptor->n_fields; f++) {
        const ProtobufCFieldDescriptor *field = &message->descriptor->fields[f];
        size_t count;
        char *array = elements(message, field, &count);
        for (size_t i = 0; i < count && m->names < MOST_NAMES; i++) {
            if (field->type == PROTOBUF_C_TYPE_STRING) {
                m->name[m->names++] = strdup(((char **)array)[i]);
            } else if (field->type == PROTOBUF_C_TYPE_MESSAGE) {
                collect_names(m, ((ProtobufCMessage **)array)[i]);
            }
        }
    }
}

/* ---- edits ---- */

static uint64_t interesting(sp_mutation *m) {
    static const int64_t values[] = {
        0,  1,  -1, 2,         3,         4,         7,         8,        11,
        13, 17, -2, INT32_MAX, INT32_MIN, INT64_MAX, INT64_MIN, 1L << 31, 1L << 20};
    return below(m, 4) == 0 ? m->state : (uint64_t)values[below(m, sizeof values / sizeof *values)];
}

static ProtobufCMessage *copy_message(const ProtobufCMessage *message) {
    const size_t size = protobuf_c_message_get_packed_size(message);
    uint8_t *data = malloc(size + 1);
    ProtobufCMessage *copy = NULL;
    if (data) {
        protobuf_c_message_pack(message, data);
        copy = protobuf_c_message_unpack(message->descriptor, NULL, size, data);
    }
    free(data);
    return copy;
}

static void edit_bytes(ProtobufCBinaryData *bytes) {
    uint8_t *data = malloc(bytes->len + 64);
    if (data) {
        if (bytes->len > 0) {
            memcpy(data, bytes->data, bytes->len);
        }
        bytes->len = LLVMFuzzerMutate(data, bytes->len, bytes->len + 64);
        free(bytes->data);
        bytes->data = data;
    }
}

static void edit_value(sp_mutation *m, const ProtobufCFieldDescriptor *field, char *value) {
    const uint64_t number = interesting(m);
    switch (field->type) {
    case PROTOBUF_C_TYPE_STRING:
        free(*(char **)value);
        *(char **)value =
            strdup(m->names > 0 && below(m, 3) > 0 ? m->name[below(m, m->names)]
                                                   : known[below(m, sizeof known / sizeof *known)]);
        break;
    case PROTOBUF_C_TYPE_BYTES:
        edit_bytes((ProtobufCBinaryData *)value);
        break;
    case PROTOBUF_C_TYPE_MESSAGE:
        break;
    default:
        memcpy(value, &number, type_size(field->type)); // both byte orders give some number
        break;
    }
}

static void remove_element(const ProtobufCFieldDescriptor *field, char *array, size_t *count,
                           size_t at) {
    const size_t size = type_size(field->type);
    char *element = array + at * size;
    if (field->type == PROTOBUF_C_TYPE_MESSAGE) {
        protobuf_c_message_free_unpacked(*(ProtobufCMessage **)element, NULL);
    } else if (field->type == PROTOBUF_C_TYPE_STRING) {
        free(*(char **)element);
    } else if (field->type == PROTOBUF_C_TYPE_BYTES) {
        free(((ProtobufCBinaryData *)element)->data);
    }
    memmove(element, element + size, (*count - at - 1) * size);
    --*count;
}

static void duplicate_element(const ProtobufCFieldDescriptor *field, char **array, size_t *count,
                              size_t at) {
    const size_t size = type_size(field->type);
    char *grown =
        field->type == PROTOBUF_C_TYPE_BYTES ? NULL : realloc(*array, (*count + 1) * size);
    if (!grown) {
        return;
    }
    *array = grown;
    char *from = grown + at * size, *to = grown + *count * size;
    if (field->type == PROTOBUF_C_TYPE_MESSAGE) {
        ProtobufCMessage *copy = copy_message(*(ProtobufCMessage **)from);
        if (!copy) {
            return;
        }
        *(ProtobufCMessage **)to = copy;
    } else if (field->type == PROTOBUF_C_TYPE_STRING) {
        *(char **)to = strdup(*(char **)from);
    } else {
        memcpy(to, from, size);
    }
    ++*count;
}

static void edit_list(sp_mutation *m, ProtobufCMessage *message,
                      const ProtobufCFieldDescriptor *field, char *array, size_t *count) {
    const size_t at = below(m, *count), other = below(m, *count), size = type_size(field->type);
    char keep[sizeof(ProtobufCBinaryData)];
    switch (below(m, 3)) {
    case 0:
        remove_element(field, array, count, at);
        break;
    case 1:
        duplicate_element(field, member(message, field->offset), count, at);
        break;
    default:
        memcpy(keep, array + at * size, size);
        memmove(array + at * size, array + other * size, size);
        memcpy(array + other * size, keep, size);
        break;
    }
}

/* Walks down a random path and edits one value or one list on it. */
static void edit(sp_mutation *m, ProtobufCMessage *message) {
    for (int tries = 0; tries < 64; tries++) {
        const ProtobufCFieldDescriptor *field =
            &message->descriptor->fields[below(m, message->descriptor->n_fields)];
        size_t count;
        char *array = elements(message, field, &count);
        if (count == 0) {
            continue;
        }
        const int is_list = field->label == PROTOBUF_C_LABEL_REPEATED;
        if (is_list && below(m, 4) == 0) {
            edit_list(m, message, field, array, member(message, field->quantifier_offset));
            return;
        }
        char *value = array + below(m, count) * type_size(field->type);
        if (field->type == PROTOBUF_C_TYPE_MESSAGE) {
            message = *(ProtobufCMessage **)value;
            continue;
        }
        edit_value(m, field, value);
        return;
    }
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned seed) {
    sp_mutation m = {.state = seed};
    Onnx__ModelProto *model = below(&m, 4) > 0 ? onnx__model_proto__unpack(NULL, size, data) : NULL;
    if (!model) {
        return LLVMFuzzerMutate(data, size, max);
    }
    collect_names(&m, &model->base);
    for (size_t edits = 1 + below(&m, 4); edits > 0; edits--) {
        edit(&m, &model->base);
    }
    const size_t packed = onnx__model_proto__get_packed_size(model);
    if (packed <= max) {
        size = onnx__model_proto__pack(model, data);
    }
    onnx__model_proto__free_unpacked(model, NULL);
    for (size_t i = 0; i < m.names; i++) {
        free((char *)m.name[i]);
    }
    return packed <= max ? size : LLVMFuzzerMutate(data, size, max);
}
