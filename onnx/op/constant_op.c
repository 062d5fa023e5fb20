/* Constant, ConstantOfShape and Cast; Identity and Dropout, which hand their input on. */
#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "onnx/impl.h"

static sp_status return_whole(sp_onnx_reader *r, const int64_t *values, size_t count, size_t rank) {
    sp_onnx_tensor tensor = {.kind = SP_ONNX_WHOLE};
    const int64_t dim = (int64_t)count;
    if (!sp_onnx_tensor_shape(&tensor, &dim, rank)) {
        return sp_onnx_out_of_memory(r);
    }
    sp_onnx_dim *numbers = sp_onnx_tensor_make(r, &tensor);
    if (!numbers) {
        return sp_onnx_out_of_memory(r);
    }
    for (size_t i = 0; i < tensor.count; i++) {
        numbers[i] = sp_onnx_dim_of(values[i]);
    }
    return sp_onnx_return_tensor(r, 0, &tensor);
}

static sp_status return_real(sp_onnx_reader *r, const float *values, size_t count, size_t rank) {
    sp_onnx_tensor tensor = {.kind = SP_ONNX_REAL};
    const int64_t dim = (int64_t)count;
    if (!sp_onnx_tensor_shape(&tensor, &dim, rank)) {
        return sp_onnx_out_of_memory(r);
    }
    double *numbers = sp_onnx_tensor_make(r, &tensor);
    if (!numbers) {
        return sp_onnx_out_of_memory(r);
    }
    for (size_t i = 0; i < tensor.count; i++) {
        numbers[i] = values[i];
    }
    return sp_onnx_return_tensor(r, 0, &tensor);
}

/* The message of attribute `name`, read into *tensor. */
static sp_status read_message(sp_onnx_reader *r, sp_onnx_tensor *tensor,
                              const Onnx__AttributeProto *a) {
    if (!a->t) {
        return sp_onnx_refuse(r, SP_E_FORMAT, "attribute '%s' is not a tensor", a->name);
    }
    sp_error why = {0};
    const sp_status status = sp_onnx_tensor_read(&why, &r->region, tensor, a->t);
    return status == SP_OK ? SP_OK : sp_onnx_refuse(r, status, "%s", why.text);
}

sp_status sp_onnx_op_constant(sp_onnx_reader *r) {
    if (r->node->n_attribute != 1) {
        return sp_onnx_refuse(r, SP_E_FORMAT, "it has %zu attributes instead of one value",
                              r->node->n_attribute);
    }
    const Onnx__AttributeProto *a = r->node->attribute[0];
    if (strcmp(a->name, "value_ints") == 0) {
        return return_whole(r, a->ints, a->n_ints, 1);
    }
    if (strcmp(a->name, "value_floats") == 0) {
        return return_real(r, a->floats, a->n_floats, 1);
    }
    if (strcmp(a->name, "value_int") == 0) {
        int64_t value = 0;
        SP_TRY(sp_onnx_attribute_int(r, &value, a->name, 0));
        return return_whole(r, &value, 1, 0);
    }
    if (strcmp(a->name, "value_float") == 0) {
        double value = 0.0;
        SP_TRY(sp_onnx_attribute_float(r, &value, a->name, 0.0));
        const float number = (float)value;
        return return_real(r, &number, 1, 0);
    }
    sp_onnx_tensor tensor;
    SP_TRY(read_message(r, &tensor, a));
    return sp_onnx_return_tensor(r, 0, &tensor);
}

sp_status sp_onnx_op_constant_of_shape(sp_onnx_reader *r) {
    const sp_onnx_dim *given = NULL;
    size_t rank = 0;
    int64_t dim[SP_ONNX_MAX_RANK];
    SP_TRY(sp_onnx_input_wholes(r, &given, &rank, 0, "input"));
    for (size_t i = 0; i < rank && i < SP_ONNX_MAX_RANK; i++) {
        if (given[i].t != 0) {
            return sp_onnx_refuse(r, SP_E_UNSUPPORTED, "its shape depends on the number of steps");
        }
        dim[i] = given[i].k;
    }
    sp_onnx_tensor tensor = {0}, value = {.kind = SP_ONNX_REAL, .count = 1, .real = &(double){0.0}};
    const Onnx__AttributeProto *a = sp_onnx_attribute(r->node, "value");
    SP_TRY(a ? read_message(r, &value, a) : SP_OK);
    if (!sp_onnx_tensor_shape(&tensor, dim, rank) || value.count != 1) {
        return sp_onnx_refuse(r, SP_E_FORMAT, "its shape or its value is not valid");
    }
    const int64_t stride[SP_ONNX_MAX_RANK] = {0};
    SP_TRY(sp_onnx_tensor_view(r, &tensor, &value, 0, stride));
    return sp_onnx_return_tensor(r, 0, &tensor);
}

static sp_status return_input(sp_onnx_reader *r) {
    const sp_onnx_value *x = sp_onnx_input(r, 0);
    return x->kind == SP_ONNX_VALUE_SEQUENCE ? sp_onnx_return_sequence(r, 0, &x->sequence)
                                             : sp_onnx_return_tensor(r, 0, &x->tensor);
}

sp_status sp_onnx_op_identity(sp_onnx_reader *r) {
    return return_input(r);
}

/* At inference Dropout does nothing. */
sp_status sp_onnx_op_dropout(sp_onnx_reader *r) {
    if (sp_onnx_input(r, 2)) {
        const sp_onnx_dim *training = NULL;
        size_t count = 0;
        SP_TRY(sp_onnx_input_wholes(r, &training, &count, 2, "training_mode"));
        if (count != 1 || !sp_onnx_dim_is(training[0], 0)) {
            return sp_onnx_refuse(r, SP_E_UNSUPPORTED,
                                  "training_mode is set: export the model for inference");
        }
    }
    return return_input(r);
}

/* ---- Cast ---- */

static sp_status cast_to_real(sp_onnx_reader *r, double *to, const sp_onnx_tensor *x, size_t i,
                              bool single) {
    if (x->kind == SP_ONNX_WHOLE && x->whole[i].t != 0) {
        return sp_onnx_refuse(r, SP_E_UNSUPPORTED, "it turns the number of steps into a FLOAT");
    }
    const double value = x->kind == SP_ONNX_WHOLE ? (double)x->whole[i].k : x->real[i];
    if (single && isfinite(value) && fabs(value) > FLT_MAX) {
        return sp_onnx_refuse(r, SP_E_NONFINITE, "%g is beyond the largest FLOAT", value);
    }
    *to = single ? (double)(float)value : value;
    return SP_OK;
}

static sp_status cast_to_whole(sp_onnx_reader *r, sp_onnx_dim *to, const sp_onnx_tensor *x,
                               size_t i, int64_t type) {
    const bool logical = type == ONNX__TENSOR_PROTO__DATA_TYPE__BOOL;
    sp_onnx_dim value;
    if (x->kind == SP_ONNX_WHOLE) {
        value = x->whole[i];
    } else if (fabs(x->real[i]) < 0x1p62) {
        value = sp_onnx_dim_of(logical ? x->real[i] != 0.0 : (int64_t)x->real[i]);
    } else {
        return sp_onnx_refuse(r, SP_E_FORMAT, "%g does not fit a whole number", x->real[i]);
    }
    if (type == ONNX__TENSOR_PROTO__DATA_TYPE__INT32 &&
        (value.k > INT32_MAX || value.k < INT32_MIN)) {
        return sp_onnx_refuse(r, SP_E_UNSUPPORTED, "%" PRId64 " does not fit INT32", value.k);
    }
    if (logical && value.t != 0) {
        return sp_onnx_refuse(r, SP_E_UNSUPPORTED, "it turns the number of steps into a BOOL");
    }
    *to = logical ? sp_onnx_dim_of(value.k != 0) : value;
    return SP_OK;
}

static sp_status cast_tensor(sp_onnx_reader *r, const sp_onnx_tensor *x, int64_t type, bool real) {
    sp_onnx_tensor tensor = *x;
    tensor.kind = real ? SP_ONNX_REAL : SP_ONNX_WHOLE;
    void *numbers = sp_onnx_tensor_make(r, &tensor);
    if (!numbers) {
        return sp_onnx_out_of_memory(r);
    }
    for (size_t i = 0; i < tensor.count; i++) {
        SP_TRY(real ? cast_to_real(r, (double *)numbers + i, x, i,
                                   type == ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT)
                    : cast_to_whole(r, (sp_onnx_dim *)numbers + i, x, i, type));
    }
    return sp_onnx_return_tensor(r, 0, &tensor);
}

/* One number that depends on the number of steps of the input. */
static bool counts_steps(const sp_onnx_tensor *x) {
    return x->kind == SP_ONNX_WHOLE && x->count == 1 && x->whole->t != 0 && x->whole->of == 0;
}

sp_status sp_onnx_op_cast(sp_onnx_reader *r) {
    int64_t type = 0;
    SP_TRY(sp_onnx_attribute_int(r, &type, "to", 0));
    const bool real = type == ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT ||
                      type == ONNX__TENSOR_PROTO__DATA_TYPE__DOUBLE;
    const bool whole = type == ONNX__TENSOR_PROTO__DATA_TYPE__INT32 ||
                       type == ONNX__TENSOR_PROTO__DATA_TYPE__INT64 ||
                       type == ONNX__TENSOR_PROTO__DATA_TYPE__BOOL;
    const sp_onnx_value *x = sp_onnx_input(r, 0);
    const bool features = x->kind == SP_ONNX_VALUE_SEQUENCE || x->tensor.kind == SP_ONNX_POLYNOMIAL;
    if (features && (type == ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT16 ||
                     type == ONNX__TENSOR_PROTO__DATA_TYPE__BFLOAT16)) {
        return sp_onnx_refuse(
            r, SP_E_UNSUPPORTED,
            "the network computes in 16 bits (to = %" PRId64 "), and a verdict about the float32 "
            "network would say nothing about it: to certify that other network, export it in "
            "float32, before the conversion",
            type);
    }
    if ((!real && !whole) || (features && !real)) {
        return sp_onnx_refuse(r, SP_E_UNSUPPORTED,
                              "to = %" PRId64 " is not supported here: FLOAT (1) and "
                              "DOUBLE (11) keep the features",
                              type);
    }
    if (real && !features && counts_steps(&x->tensor)) {
        sp_onnx_sequence count;
        SP_TRY(sp_onnx_sequence_count(r, &count, &x->tensor));
        return sp_onnx_return_sequence(r, 0, &count);
    }
    return features ? return_input(r) : cast_tensor(r, &x->tensor, type, real);
}
