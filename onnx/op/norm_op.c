/* LayerNormalization: every step less its mean, over its deviation; InstanceNormalization: every
 * channel likewise. Reciprocal. */
#include <math.h>

#include "onnx/impl.h"

/* ---- Reciprocal ---- */

sp_status sp_onnx_op_reciprocal(sp_onnx_reader *r) {
    const sp_onnx_value *x = sp_onnx_input(r, 0);
    if (x->kind == SP_ONNX_VALUE_SEQUENCE) {
        sp_onnx_sequence sequence = x->sequence;
        SP_TRY(sp_onnx_sequence_reciprocal(r, &sequence));
        return sp_onnx_return_sequence(r, 0, &sequence);
    }
    const double one = 1.0;
    const sp_onnx_tensor number = {.kind = SP_ONNX_REAL, .count = 1, .real = &one};
    sp_onnx_tensor to = {0};
    SP_TRY(sp_onnx_tensor_arithmetic(r, &to, &number, &x->tensor, '/'));
    return sp_onnx_return_tensor(r, 0, &to);
}

/* ---- LayerNormalization ---- */

/* sp_onnx_norm - over the axes from `axis` on; channels: scale and bias have one number for each
 * channel, axis 1. */
typedef struct sp_onnx_norm {
    size_t axis;
    bool channels;
    double epsilon;
    const sp_onnx_tensor *scale, *bias; /* bias may be NULL */
} sp_onnx_norm;

static sp_status read_norm(sp_onnx_reader *r, sp_onnx_norm *norm, size_t rank) {
    int64_t axis = 0;
    SP_TRY(sp_onnx_attribute_int(r, &axis, "axis", -1));
    SP_TRY(sp_onnx_normalise_axis(r, &norm->axis, axis, rank));
    SP_TRY(sp_onnx_attribute_float(r, &norm->epsilon, "epsilon", (double)1e-5F));
    SP_TRY(sp_onnx_input_tensor(r, &norm->scale, 1, "Scale"));
    if (sp_onnx_input(r, 2)) {
        SP_TRY(sp_onnx_input_tensor(r, &norm->bias, 2, "B"));
    }
    if (norm->scale->kind != SP_ONNX_REAL || (norm->bias && norm->bias->kind != SP_ONNX_REAL)) {
        return sp_onnx_refuse(r, SP_E_FORMAT, "Scale and B must hold FLOAT or DOUBLE numbers");
    }
    return norm->epsilon >= 0.0 && isfinite(norm->epsilon)
               ? SP_OK
               : sp_onnx_refuse(r, SP_E_FORMAT, "epsilon is %g", norm->epsilon);
}

/* A factor or shift for every number of x, from a constant of the axes that are normalised. */
static sp_status weights_of(sp_onnx_reader *r, double **weight, const sp_onnx_tensor *given,
                            const sp_onnx_sequence *x) {
    sp_onnx_sequence all;
    SP_TRY(sp_onnx_sequence_constant(r, &all, given, x));
    SP_TRY(sp_onnx_sequence_expand(r, &all, x->dim, x->rank));
    *weight = sp_region_take(&r->region, x->width, sizeof **weight);
    if (!*weight) {
        return sp_onnx_out_of_memory(r);
    }
    if (all.rank != x->rank || all.width != x->width) {
        return sp_onnx_refuse(r, SP_E_FORMAT, "Scale or B has another shape than its input");
    }
    for (size_t i = 0; i < x->width; i++) {
        (*weight)[i] = all.row[i].bias;
    }
    return SP_OK;
}

/* The mean along all axes from `axis` on. */
static sp_status mean_of(sp_onnx_reader *r, const sp_onnx_norm *norm, sp_onnx_sequence *x) {
    for (size_t i = norm->axis; i < x->rank; i++) {
        SP_TRY(i == x->outer ? sp_onnx_sequence_pool(r, x, SP_POOLING_MEAN)
                             : sp_onnx_sequence_total(r, x, i, 1.0 / (double)x->dim[i].k));
    }
    return SP_OK;
}

static sp_status norm_sequence(sp_onnx_reader *r, const sp_onnx_norm *norm, sp_onnx_sequence x) {
    SP_TRY(sp_onnx_sequence_open(r, &x));
    if (!norm->channels && x.outer != SP_ONNX_NO_AXIS && x.outer >= norm->axis) {
        return sp_onnx_refuse(r, SP_E_UNSUPPORTED,
                              "it normalises along axis %zu, which counts the steps", x.outer);
    }
    sp_onnx_sequence mean = x, apart, variance, to;
    sp_onnx_source source;
    SP_TRY(mean_of(r, norm, &mean));
    SP_TRY(sp_onnx_sequence_add(r, &apart, &x, &mean, -1.0));
    SP_TRY(sp_onnx_sequence_settle(r, &apart, &source)); // read twice
    SP_TRY(sp_onnx_sequence_set(r, &apart, source));
    variance = apart;
    SP_TRY(sp_onnx_sequence_curve(r, &variance, (sp_activation){.kind = SP_ACTIVATION_SQUARE}));
    SP_TRY(mean_of(r, norm, &variance));
    double *shift = sp_region_take(&r->region, variance.width, sizeof *shift), *weight = NULL;
    for (size_t i = 0; shift && i < variance.width; i++) {
        shift[i] = norm->epsilon;
    }
    SP_TRY(shift ? sp_onnx_rows_scale(r, &variance, NULL, shift) : sp_onnx_out_of_memory(r));
    SP_TRY(sp_onnx_sequence_curve(r, &variance, (sp_activation){.kind = SP_ACTIVATION_RSQRT}));
    SP_TRY(sp_onnx_sequence_product(r, &to, &apart, &variance));
    SP_TRY(weights_of(r, &weight, norm->scale, &to));
    SP_TRY(sp_onnx_rows_scale(r, &to, weight, NULL));
    if (norm->bias) {
        SP_TRY(weights_of(r, &weight, norm->bias, &to));
        SP_TRY(sp_onnx_rows_scale(r, &to, NULL, weight));
    }
    return sp_onnx_return_sequence(r, 0, &to);
}

static sp_status norm_tensor(sp_onnx_reader *r, const sp_onnx_norm *norm, const sp_onnx_tensor *x) {
    sp_onnx_tensor to = *x, scaled, shifted;
    double *numbers = x->kind == SP_ONNX_REAL ? sp_onnx_tensor_make(r, &to) : NULL;
    size_t n = 1;
    if (!numbers) {
        return x->kind == SP_ONNX_REAL
                   ? sp_onnx_out_of_memory(r)
                   : sp_onnx_refuse(r, SP_E_UNSUPPORTED, "it works on numbers that are not real");
    }
    for (size_t i = norm->axis; i < x->rank; i++) {
        n *= (size_t)x->dim[i];
    }
    for (size_t first = 0; n > 0 && first < x->count; first += n) {
        double mean = 0.0, squares = 0.0;
        for (size_t i = 0; i < n; i++) {
            mean += x->real[first + i] / (double)n;
        }
        for (size_t i = 0; i < n; i++) {
            numbers[first + i] = x->real[first + i] - mean;
            squares += numbers[first + i] * numbers[first + i] / (double)n;
        }
        for (size_t i = 0; i < n; i++) {
            numbers[first + i] /= sqrt(squares + norm->epsilon);
        }
    }
    SP_TRY(sp_onnx_tensor_arithmetic(r, &scaled, &to, norm->scale, '*'));
    if (!norm->bias) {
        return sp_onnx_return_tensor(r, 0, &scaled);
    }
    SP_TRY(sp_onnx_tensor_arithmetic(r, &shifted, &scaled, norm->bias, '+'));
    return sp_onnx_return_tensor(r, 0, &shifted);
}

sp_status sp_onnx_op_layer_norm(sp_onnx_reader *r) {
    const sp_onnx_value *x = sp_onnx_input(r, 0);
    const bool sequence = x->kind == SP_ONNX_VALUE_SEQUENCE;
    sp_onnx_norm norm = {0};
    SP_TRY(read_norm(r, &norm, sequence ? x->sequence.rank : x->tensor.rank));
    SP_TRY(sp_onnx_return_opaque(r, 1, "the mean of a LayerNormalization"));
    SP_TRY(sp_onnx_return_opaque(r, 2, "the deviation of a LayerNormalization"));
    return sequence ? norm_sequence(r, &norm, x->sequence) : norm_tensor(r, &norm, &x->tensor);
}

/* ---- InstanceNormalization ---- */

/* [C] as [C, 1, ..]. */
static sp_status of_channels(sp_onnx_reader *r, sp_onnx_tensor *to, size_t i, const char *what,
                             size_t rank) {
    const sp_onnx_tensor *given = NULL;
    int64_t dim[SP_ONNX_MAX_RANK];
    SP_TRY(sp_onnx_input_tensor(r, &given, i, what));
    *to = *given;
    for (size_t k = 0; k + 1 < rank; k++) {
        dim[k] = k == 0 ? (int64_t)given->count : 1;
    }
    return given->kind == SP_ONNX_REAL && given->rank == 1 && rank >= 3 &&
                   sp_onnx_tensor_shape(to, dim, rank - 1)
               ? SP_OK
               : sp_onnx_refuse(r, SP_E_FORMAT, "%s is no list of a number for each channel", what);
}

sp_status sp_onnx_op_instance_norm(sp_onnx_reader *r) {
    const sp_onnx_value *x = sp_onnx_input(r, 0);
    const bool sequence = x->kind == SP_ONNX_VALUE_SEQUENCE;
    const size_t rank = sequence ? x->sequence.rank : x->tensor.rank;
    sp_onnx_tensor scale, bias;
    sp_onnx_norm norm = {.axis = 2, .channels = true, .scale = &scale, .bias = &bias};
    SP_TRY(sp_onnx_attribute_float(r, &norm.epsilon, "epsilon", (double)1e-5F));
    SP_TRY(of_channels(r, &scale, 1, "scale", rank));
    SP_TRY(of_channels(r, &bias, 2, "B", rank));
    if (!(norm.epsilon >= 0.0) || !isfinite(norm.epsilon) ||
        (sequence && x->sequence.outer != SP_ONNX_NO_AXIS && x->sequence.outer < 2)) {
        return sp_onnx_refuse(
            r, SP_E_UNSUPPORTED,
            "it normalises what is not batch x channels x steps, or epsilon is %g", norm.epsilon);
    }
    return sequence ? norm_sequence(r, &norm, x->sequence) : norm_tensor(r, &norm, &x->tensor);
}
