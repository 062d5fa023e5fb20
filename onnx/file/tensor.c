/* Tensors of constants: reading them, shapes, and strided views that are copied out. */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "onnx/impl.h"

bool sp_onnx_tensor_shape(sp_onnx_tensor *tensor, const int64_t *dim, size_t rank) {
    if (rank > SP_ONNX_MAX_RANK) {
        return false;
    }
    // Strides stay in range also where another axis has length 0.
    int64_t count = 1;
    bool empty = false;
    for (size_t i = 0; i < rank; i++) {
        if (dim[i] < 0 || (dim[i] > 0 && count > INT64_MAX / 32 / dim[i])) {
            return false;
        }
        count *= dim[i] > 0 ? dim[i] : 1;
        empty = empty || dim[i] == 0;
    }
    tensor->rank = rank;
    tensor->count = empty ? 0 : (size_t)count;
    for (size_t i = 0; i < SP_ONNX_MAX_RANK; i++) {
        tensor->dim[i] = i < rank ? dim[i] : 1;
    }
    return true;
}

void sp_onnx_tensor_strides(int64_t *stride, const sp_onnx_tensor *tensor) {
    int64_t step = 1;
    for (size_t i = tensor->rank; i-- > 0;) {
        stride[i] = step;
        step *= tensor->dim[i] > 0 ? tensor->dim[i] : 1;
    }
}

size_t sp_onnx_number_size(sp_onnx_numbers kind) {
    return kind == SP_ONNX_REAL    ? sizeof(double)
           : kind == SP_ONNX_WHOLE ? sizeof(sp_onnx_dim)
                                   : sizeof(sp_onnx_polynomial);
}

const void *sp_onnx_tensor_data(const sp_onnx_tensor *tensor) {
    return tensor->kind == SP_ONNX_REAL    ? (const void *)tensor->real
           : tensor->kind == SP_ONNX_WHOLE ? (const void *)tensor->whole
                                           : (const void *)tensor->polynomial;
}

static void *take_numbers(sp_region *region, sp_onnx_tensor *tensor) {
    void *data = sp_region_take(region, tensor->count + 1, sp_onnx_number_size(tensor->kind));
    tensor->real = tensor->kind == SP_ONNX_REAL ? data : NULL;
    tensor->whole = tensor->kind == SP_ONNX_WHOLE ? data : NULL;
    tensor->polynomial = tensor->kind == SP_ONNX_POLYNOMIAL ? data : NULL;
    return data;
}

void *sp_onnx_tensor_make(sp_onnx_reader *r, sp_onnx_tensor *tensor) {
    return take_numbers(&r->region, tensor);
}

/* ---- reading ---- */

static const char *type_name(int32_t type) {
    static const char *const names[] = {"UNDEFINED",  "FLOAT",   "UINT8",  "INT8",   "UINT16",
                                        "INT16",      "INT32",   "INT64",  "STRING", "BOOL",
                                        "FLOAT16",    "DOUBLE",  "UINT32", "UINT64", "COMPLEX64",
                                        "COMPLEX128", "BFLOAT16"};
    return type >= 0 && (size_t)type < sizeof names / sizeof *names ? names[type] : "unknown";
}

/* Bytes are little-endian whatever the machine. */
static uint64_t little_endian(const uint8_t *bytes, size_t size) {
    uint64_t value = 0;
    for (size_t i = size; i-- > 0;) {
        value = value << 8 | bytes[i];
    }
    return value;
}

static double float_at(const uint8_t *bytes) {
    const uint32_t bits = (uint32_t)little_endian(bytes, 4);
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static double double_at(const uint8_t *bytes) {
    const uint64_t bits = little_endian(bytes, 8);
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static int64_t signed_at(const uint8_t *bytes, size_t size) {
    const uint64_t bits = little_endian(bytes, size);
    int64_t value;
    if (size == 4) {
        const uint32_t low = (uint32_t)bits;
        int32_t narrow;
        memcpy(&narrow, &low, sizeof narrow);
        return narrow;
    }
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* The field of a type of numbers, its length, and the bytes of one number in raw_data; 0: no
 * such type. */
static size_t type_size(const Onnx__TensorProto *proto, size_t *listed) {
    switch (proto->data_type) {
    case ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT:
        *listed = proto->n_float_data;
        return 4;
    case ONNX__TENSOR_PROTO__DATA_TYPE__DOUBLE:
        *listed = proto->n_double_data;
        return 8;
    case ONNX__TENSOR_PROTO__DATA_TYPE__INT32:
        *listed = proto->n_int32_data;
        return 4;
    case ONNX__TENSOR_PROTO__DATA_TYPE__INT64:
        *listed = proto->n_int64_data;
        return 8;
    case ONNX__TENSOR_PROTO__DATA_TYPE__BOOL:
        *listed = proto->n_int32_data;
        return 1;
    default:
        return 0;
    }
}

bool sp_onnx_tensor_bytes(size_t *bytes, const Onnx__TensorProto *proto) {
    sp_onnx_tensor shape = {0};
    size_t listed = 0;
    *bytes = type_size(proto, &listed);
    if (*bytes == 0 || !sp_onnx_tensor_shape(&shape, proto->dims, proto->n_dims)) {
        return false;
    }
    *bytes *= shape.count;
    return true;
}

static double real_value(const Onnx__TensorProto *proto, const uint8_t *raw, size_t i) {
    if (proto->data_type == ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT) {
        return raw ? float_at(raw + 4 * i) : (double)proto->float_data[i];
    }
    return raw ? double_at(raw + 8 * i) : proto->double_data[i];
}

static int64_t whole_value(const Onnx__TensorProto *proto, const uint8_t *raw, size_t i) {
    switch (proto->data_type) {
    case ONNX__TENSOR_PROTO__DATA_TYPE__INT32:
        return raw ? signed_at(raw + 4 * i, 4) : proto->int32_data[i];
    case ONNX__TENSOR_PROTO__DATA_TYPE__INT64:
        return raw ? signed_at(raw + 8 * i, 8) : proto->int64_data[i];
    default:
        return raw ? raw[i] != 0 : proto->int32_data[i] != 0;
    }
}

static sp_status check_storage(sp_error *err, const Onnx__TensorProto *proto, const char *name) {
    if (proto->has_data_location &&
        proto->data_location != ONNX__TENSOR_PROTO__DATA_LOCATION__DEFAULT) {
        return sp_fail(err, SP_E_UNSUPPORTED, "tensor '%.120s' keeps its numbers in another file",
                       name);
    }
    if (proto->segment) {
        return sp_fail(err, SP_E_UNSUPPORTED, "tensor '%.120s' is stored in segments", name);
    }
    return SP_OK;
}

sp_status sp_onnx_tensor_read(sp_error *err, sp_region *region, sp_onnx_tensor *tensor,
                              const Onnx__TensorProto *proto) {
    const char *name = proto->name ? proto->name : "";
    *tensor = (sp_onnx_tensor){0};
    SP_TRY(check_storage(err, proto, name));
    for (size_t i = 0; i < proto->n_dims; i++) {
        if (proto->dims[i] < 0) {
            return sp_fail(err, SP_E_FORMAT,
                           "tensor '%.120s' has the length %" PRId64 " along axis %zu", name,
                           proto->dims[i], i);
        }
    }
    if (!sp_onnx_tensor_shape(tensor, proto->dims, proto->n_dims)) {
        return sp_fail(err, SP_E_UNSUPPORTED, "tensor '%.120s' has too many axes (%zu) or elements",
                       name, proto->n_dims);
    }
    size_t listed = 0;
    const size_t size = type_size(proto, &listed);
    if (size == 0) {
        return sp_fail(err, SP_E_UNSUPPORTED,
                       "tensor '%.120s' has the type %s (%" PRId32
                       "): FLOAT, DOUBLE, INT32, INT64 and "
                       "BOOL are read",
                       name, type_name(proto->data_type), proto->data_type);
    }
    const uint8_t *raw = proto->has_raw_data && listed == 0 ? proto->raw_data.data : NULL;
    const size_t found = raw ? proto->raw_data.len / size : listed;
    const bool both = proto->has_raw_data && proto->raw_data.len > 0 && listed > 0;
    if (found != tensor->count || both || (raw && proto->raw_data.len % size != 0)) {
        return sp_fail(err, SP_E_FORMAT,
                       "tensor '%.120s' needs %zu numbers for its shape, but its data hold %zu",
                       name, tensor->count, both ? found + proto->raw_data.len / size : found);
    }
    const bool real = proto->data_type == ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT ||
                      proto->data_type == ONNX__TENSOR_PROTO__DATA_TYPE__DOUBLE;
    tensor->kind = real ? SP_ONNX_REAL : SP_ONNX_WHOLE;
    void *numbers = take_numbers(region, tensor);
    if (!numbers) {
        return sp_fail(err, SP_E_MEMORY, "no memory for tensor '%.120s' of %zu numbers", name,
                       tensor->count);
    }
    for (size_t i = 0; i < tensor->count; i++) {
        if (real) {
            ((double *)numbers)[i] = real_value(proto, raw, i);
        } else {
            ((sp_onnx_dim *)numbers)[i] = sp_onnx_dim_of(whole_value(proto, raw, i));
        }
    }
    return SP_OK;
}

/* ---- views ---- */

sp_status sp_onnx_tensor_view(sp_onnx_reader *r, sp_onnx_tensor *tensor,
                              const sp_onnx_tensor *source, int64_t first, const int64_t *stride) {
    tensor->kind = source->kind;
    void *numbers = sp_onnx_tensor_make(r, tensor);
    if (!numbers) {
        return sp_onnx_out_of_memory(r);
    }
    int64_t index[SP_ONNX_MAX_RANK] = {0}, at = first;
    const size_t size = sp_onnx_number_size(tensor->kind);
    const char *data = sp_onnx_tensor_data(source);
    for (size_t i = 0; i < tensor->count; i++) {
        memcpy((char *)numbers + i * size, data + (size_t)at * size, size);
        for (size_t axis = tensor->rank; axis-- > 0;) {
            at += stride[axis];
            if (++index[axis] < tensor->dim[axis]) {
                break;
            }
            at -= stride[axis] * tensor->dim[axis];
            index[axis] = 0;
        }
    }
    return SP_OK;
}

sp_status sp_onnx_tensor_copy(sp_onnx_reader *r, sp_onnx_tensor *copy,
                              const sp_onnx_tensor *tensor) {
    *copy = *tensor;
    void *numbers = sp_onnx_tensor_make(r, copy);
    if (!numbers) {
        return sp_onnx_out_of_memory(r);
    }
    memcpy(numbers, sp_onnx_tensor_data(tensor), tensor->count * sp_onnx_number_size(tensor->kind));
    return SP_OK;
}

sp_status sp_onnx_tensor_polynomials(sp_onnx_reader *r, sp_onnx_tensor *polynomials,
                                     const sp_onnx_tensor *tensor) {
    *polynomials = *tensor;
    if (tensor->kind == SP_ONNX_POLYNOMIAL) {
        return SP_OK;
    }
    polynomials->kind = SP_ONNX_POLYNOMIAL;
    sp_onnx_polynomial *numbers = sp_onnx_tensor_make(r, polynomials);
    if (!numbers) {
        return sp_onnx_out_of_memory(r);
    }
    for (size_t i = 0; i < tensor->count; i++) {
        if (!isfinite(tensor->real[i])) {
            return sp_onnx_refuse(
                r, SP_E_NONFINITE,
                "a constant that it combines with the features is %g: weights must be "
                "finite numbers",
                tensor->real[i]);
        }
        numbers[i] = sp_onnx_polynomial_constant(tensor->real[i]);
    }
    return SP_OK;
}

bool sp_onnx_tensor_broadcast(sp_onnx_tensor *shape, const sp_onnx_tensor *a,
                              const sp_onnx_tensor *b) {
    int64_t dim[SP_ONNX_MAX_RANK];
    const size_t rank = a->rank > b->rank ? a->rank : b->rank;
    for (size_t i = 0; i < rank; i++) {
        const int64_t p = i + a->rank < rank ? 1 : a->dim[i + a->rank - rank];
        const int64_t q = i + b->rank < rank ? 1 : b->dim[i + b->rank - rank];
        if (p != q && p != 1 && q != 1) {
            return false;
        }
        dim[i] = p == 1 ? q : p;
    }
    return sp_onnx_tensor_shape(shape, dim, rank);
}

sp_status sp_onnx_tensor_expand(sp_onnx_reader *r, sp_onnx_tensor *tensor,
                                const sp_onnx_tensor *source) {
    int64_t stride[SP_ONNX_MAX_RANK] = {0}, of_source[SP_ONNX_MAX_RANK];
    sp_onnx_tensor_strides(of_source, source);
    const size_t fresh = tensor->rank - source->rank;
    for (size_t i = 0; i < source->rank; i++) {
        stride[fresh + i] = source->dim[i] == 1 ? 0 : of_source[i];
    }
    return sp_onnx_tensor_view(r, tensor, source, 0, stride);
}
