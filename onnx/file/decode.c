/* From bytes to protobuf-c messages. protobuf-c recurses with the nesting of the file and
 * allocates many bytes per byte read, so both are limited here first. */
#include <stdlib.h>
#include <string.h>

#include "onnx/impl.h"

enum { DEEPEST = 32 };

static sp_status malformed(sp_error *err, size_t at, const char *what) {
    return sp_fail(err, SP_E_FORMAT,
                   "not an ONNX model, or a damaged one: %s at byte %zu: export the model again",
                   what, at);
}

static sp_status read_varint(sp_error *err, const uint8_t *data, size_t *at, size_t end,
                             uint64_t *value) {
    *value = 0;
    const size_t start = *at;
    for (int shift = 0; shift < 70; shift += 7) {
        if (*at >= end) {
            return malformed(err, start, "the data ends inside a number");
        }
        const uint8_t byte = data[(*at)++];
        if (shift < 64) {
            *value |= (uint64_t)(byte & 0x7f) << shift;
        }
        if (!(byte & 0x80)) {
            return SP_OK;
        }
    }
    return malformed(err, start, "a number has more than ten bytes");
}

static sp_status scan_message(sp_error *err, const uint8_t *data,
                              const ProtobufCMessageDescriptor *type, size_t at, size_t end,
                              int depth);

/* A field with a length: looks into messages, and for zero bytes in strings, which C cannot tell
 * apart. */
static sp_status scan_bytes(sp_error *err, const uint8_t *data,
                            const ProtobufCFieldDescriptor *field, size_t at, size_t end,
                            int depth) {
    if (!field) {
        return SP_OK;
    }
    if (field->type == PROTOBUF_C_TYPE_STRING && end > at && memchr(data + at, 0, end - at)) {
        return malformed(err, at, "a zero byte inside a name");
    }
    if (field->type != PROTOBUF_C_TYPE_MESSAGE) {
        return SP_OK;
    }
    if (depth == DEEPEST) {
        return sp_fail(err, SP_E_UNSUPPORTED,
                       "graphs or types are nested more than %d messages deep", DEEPEST);
    }
    return scan_message(err, data, field->descriptor, at, end, depth + 1);
}

static sp_status scan_message(sp_error *err, const uint8_t *data,
                              const ProtobufCMessageDescriptor *type, size_t at, size_t end,
                              int depth) {
    while (at < end) {
        const size_t start = at;
        uint64_t tag = 0, length = 0;
        SP_TRY(read_varint(err, data, &at, end, &tag));
        if (tag >> 3 == 0 || tag >> 32 != 0) {
            return malformed(err, start, "an invalid field number");
        }
        const ProtobufCFieldDescriptor *field =
            protobuf_c_message_descriptor_get_field(type, (unsigned)(tag >> 3));
        switch (tag & 7) {
        case 0:
            SP_TRY(read_varint(err, data, &at, end, &length));
            length = 0;
            break;
        case 1:
            length = 8;
            break;
        case 2:
            SP_TRY(read_varint(err, data, &at, end, &length));
            break;
        case 5:
            length = 4;
            break;
        default:
            return malformed(err, start, "an unknown kind of field");
        }
        if (length > end - at) {
            return malformed(err, start, "the data ends inside a field");
        }
        if ((tag & 7) == 2) {
            SP_TRY(scan_bytes(err, data, field, at, at + (size_t)length, depth));
        }
        at += (size_t)length;
    }
    return SP_OK;
}

/* What protobuf-c may still allocate. */
static void *take(void *left, size_t size) {
    size_t *bytes = left;
    const size_t cost = size + 32;
    if (cost < size || cost > *bytes) {
        return NULL;
    }
    *bytes -= cost;
    return malloc(size);
}

static void give(void *left, void *pointer) {
    (void)left;
    free(pointer);
}

sp_status sp_onnx_decode(sp_error *err, Onnx__ModelProto **model, const uint8_t *data,
                         size_t size) {
    SP_TRY(scan_message(err, data, &onnx__model_proto__descriptor, 0, size, 0));
    size_t left = ((size_t)64 << 20) + 16 * size;
    ProtobufCAllocator allocator = {.alloc = take, .free = give, .allocator_data = &left};
    *model = onnx__model_proto__unpack(&allocator, size, data);
    if (!*model) {
        return sp_fail(err, SP_E_FORMAT,
                       "not an ONNX model, or a damaged one: its messages cannot be decoded");
    }
    return SP_OK;
}
