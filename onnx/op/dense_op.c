/* MatMul and Gemm as dense layers, arithmetic with constants and sums of sequences; Gemm of
 * constants. */
#include <inttypes.h>

#include "onnx/impl.h"

/* sp_onnx_matrix - scale times a constant matrix: element (out j, in i) at data[j * row + i *
 * column]. */
typedef struct sp_onnx_matrix {
    const double *data;
    size_t out, in, row, column;
    double scale;
} sp_onnx_matrix;

/* The matrix in tensor[a, b]; `inputs_first`: a counts its inputs, so that it is used
 * transposed. */
static sp_onnx_matrix matrix_of(const sp_onnx_tensor *tensor, bool inputs_first, double scale) {
    const size_t rows = (size_t)tensor->dim[tensor->rank - 2];
    const size_t columns = (size_t)tensor->dim[tensor->rank - 1];
    if (inputs_first) {
        return (sp_onnx_matrix){tensor->real, columns, rows, 1, columns, scale};
    }
    return (sp_onnx_matrix){tensor->real, rows, columns, columns, 1, scale};
}

/* The matrix for all numbers of a step: every fibre along the axis is multiplied by m. */
static double *fibre_weights(sp_onnx_reader *r, const sp_onnx_sequence *x, size_t inner,
                             const sp_onnx_matrix *m) {
    const size_t fibres = x->width / m->in, out = fibres * m->out;
    double *weight = x->width > SIZE_MAX / out
                         ? NULL
                         : sp_region_take(&r->region, out * x->width, sizeof *weight);
    for (size_t f = 0; weight && f < fibres; f++) {
        const size_t o = f / inner, k = f % inner;
        for (size_t j = 0; j < m->out; j++) {
            double *row = weight + ((o * m->out + j) * inner + k) * x->width;
            for (size_t i = 0; i < m->in; i++) {
                row[(o * m->in + i) * inner + k] = m->scale * m->data[j * m->row + i * m->column];
            }
        }
    }
    return weight;
}

/* y = M x along `axis`, as a dense layer without bias. */
static sp_status multiply(sp_onnx_reader *r, sp_onnx_sequence *sequence, size_t axis,
                          const sp_onnx_matrix *m) {
    SP_TRY(sp_onnx_sequence_open(r, sequence));
    if (axis == sequence->outer) {
        return sp_onnx_refuse(r, SP_E_UNSUPPORTED,
                              "it multiplies along axis %zu, which holds no features", axis);
    }
    if (!sp_onnx_dim_is(sequence->dim[axis], (int64_t)m->in) || m->out == 0) {
        return sp_onnx_refuse(r, SP_E_FORMAT, "a matrix of %zu x %zu does not fit %lld features",
                              m->out, m->in, (long long)sequence->dim[axis].k);
    }
    int64_t stride[SP_ONNX_MAX_RANK];
    sp_onnx_sequence_strides(stride, sequence);
    const double *weight = fibre_weights(r, sequence, (size_t)stride[axis], m);
    sp_onnx_source source;
    if (!weight) {
        return sp_onnx_out_of_memory(r);
    }
    const size_t out = sequence->width / m->in * m->out;
    SP_TRY(sp_onnx_layer_affine(r, sequence, out, weight, NULL, &source));
    sequence->dim[axis] = sp_onnx_dim_of((int64_t)m->out);
    sequence->width = out;
    return sp_onnx_sequence_set(r, sequence, source);
}

static sp_status check_real(sp_onnx_reader *r, const sp_onnx_tensor *tensor, size_t input) {
    if (tensor->kind == SP_ONNX_POLYNOMIAL) {
        return sp_onnx_refuse(
            r, SP_E_UNSUPPORTED,
            "both of its inputs depend on the features, '%.60s' on one step of them",
            sp_onnx_input_name(r, input));
    }
    if (tensor->kind != SP_ONNX_REAL || tensor->count == 0) {
        return sp_onnx_refuse(r, SP_E_FORMAT, "'%.60s' must hold FLOAT or DOUBLE numbers",
                              sp_onnx_input_name(r, input));
    }
    return SP_OK;
}

/* Of two inputs, *which depends on the features; the other one must be a constant. */
static sp_status one_sequence(sp_onnx_reader *r, size_t *which, const sp_onnx_tensor **constant) {
    const sp_onnx_value *a = sp_onnx_input(r, 0), *b = sp_onnx_input(r, 1);
    if (a->kind == SP_ONNX_VALUE_SEQUENCE && b->kind == SP_ONNX_VALUE_SEQUENCE) {
        return sp_onnx_refuse(
            r, SP_E_UNSUPPORTED,
            "both '%.60s' and '%.60s' depend on the features: one must be a constant",
            sp_onnx_input_name(r, 0), sp_onnx_input_name(r, 1));
    }
    *which = a->kind == SP_ONNX_VALUE_SEQUENCE ? 0 : 1;
    *constant = *which == 0 ? &b->tensor : &a->tensor;
    return check_real(r, *constant, 1 - *which);
}

/* A constant may have lengths along features only, the same at every step. */
static sp_status check_constant(sp_onnx_reader *r, const sp_onnx_sequence *x,
                                const sp_onnx_tensor *c, size_t input, bool may_widen) {
    for (size_t i = 0; i < c->rank; i++) {
        const size_t axis = x->rank - c->rank + i;
        const bool fits = axis != x->outer && (sp_onnx_dim_is(x->dim[axis], c->dim[i]) ||
                                               (may_widen && sp_onnx_dim_is(x->dim[axis], 1)));
        if (c->dim[i] != 1 && !fits) {
            return sp_onnx_refuse(r, SP_E_UNSUPPORTED,
                                  "'%.60s' has the length %" PRId64
                                  " along axis %zu: a constant can be combined with features of "
                                  "that length only, the same at every step",
                                  sp_onnx_input_name(r, input), c->dim[i], i);
        }
    }
    return SP_OK;
}

/* A constant for a fixed number of steps, the same at each, as one for any step. */
static sp_status drop_steps(sp_onnx_reader *r, sp_onnx_tensor *to, const sp_onnx_tensor *c,
                            const sp_onnx_sequence *x) {
    const size_t axis = x->outer + c->rank - x->rank;
    *to = *c;
    if (x->outer == SP_ONNX_NO_AXIS || x->outer + c->rank < x->rank || c->dim[axis] == 1 ||
        !sp_onnx_dim_is(x->dim[x->outer], c->dim[axis]) || c->kind != SP_ONNX_REAL) {
        return SP_OK;
    }
    int64_t stride[SP_ONNX_MAX_RANK];
    sp_onnx_tensor_strides(stride, c);
    const size_t inner = (size_t)stride[axis], steps = (size_t)c->dim[axis];
    for (size_t i = 0; i < c->count; i++) {
        const size_t first = i / (inner * steps) * inner * steps + i % inner;
        if (c->real[i] != c->real[first]) {
            return SP_OK;
        }
    }
    int64_t dim[SP_ONNX_MAX_RANK];
    for (size_t i = 0; i < c->rank; i++) {
        dim[i] = i == axis ? 1 : c->dim[i];
    }
    (void)sp_onnx_tensor_shape(to, dim, c->rank);
    return sp_onnx_tensor_view(r, to, c, 0, stride);
}

/* The sequence in the common shape with the constant, and the constant for each of its numbers. */
static sp_status match_constant(sp_onnx_reader *r, sp_onnx_sequence *x, const sp_onnx_tensor *given,
                                size_t input, bool may_widen, double **numbers) {
    sp_onnx_sequence c;
    sp_onnx_tensor step;
    const sp_onnx_tensor *constant = &step;
    SP_TRY(sp_onnx_sequence_pad(r, x, given->rank));
    SP_TRY(drop_steps(r, &step, given, x));
    SP_TRY(check_constant(r, x, constant, input, may_widen));
    SP_TRY(sp_onnx_sequence_constant(r, &c, constant, x));
    SP_TRY(sp_onnx_sequence_expand(r, x, c.dim, c.rank));
    SP_TRY(sp_onnx_sequence_expand(r, &c, x->dim, x->rank));
    *numbers = sp_region_take(&r->region, x->width, sizeof **numbers);
    if (!*numbers) {
        return sp_onnx_out_of_memory(r);
    }
    for (size_t i = 0; i < x->width; i++) {
        (*numbers)[i] = c.row[i].bias;
    }
    return SP_OK;
}

static bool reads_product(const sp_onnx_reader *r, const sp_onnx_sequence *x) {
    for (size_t k = 0; k < x->row->entries; k++) {
        if (r->layer[x->row->entry[k].layer].role == SP_ONNX_LAYER_PRODUCT) {
            return true;
        }
    }
    return false;
}

static sp_status both_sequences(sp_onnx_reader *r, char op) {
    sp_onnx_sequence a = sp_onnx_input(r, 0)->sequence, b = sp_onnx_input(r, 1)->sequence, to;
    if ((op == '/' || op == '*') && r->depth > 0) {
        return sp_onnx_refuse(
            r, SP_E_UNSUPPORTED,
            "both '%.60s' and '%.60s' depend on the features: one must be a constant",
            sp_onnx_input_name(r, 0), sp_onnx_input_name(r, 1));
    }
    SP_TRY(sp_onnx_sequence_open(r, &a));
    SP_TRY(sp_onnx_sequence_open(r, &b));
    bool curve = false;
    if (op == '/') {
        SP_TRY(sp_onnx_sequence_reciprocal(r, &b));
        SP_TRY(sp_onnx_sequence_product(r, &to, &a, &b));
        return sp_onnx_return_sequence(r, 0, &to);
    }
    SP_TRY(op == '*' ? sp_onnx_sequence_swish(r, &to, &a, &b, &curve) : SP_OK);
    SP_TRY(curve       ? SP_OK
           : op == '*' ? sp_onnx_sequence_product(r, &to, &a, &b)
                       : sp_onnx_sequence_add(r, &to, &a, &b, op == '-' ? -1.0 : 1.0));
    if (op != '*' && to.outer == SP_ONNX_NO_AXIS && reads_product(r, &to)) {
        sp_onnx_source source; // the state of a cell, which its next step reads as one layer
        SP_TRY(sp_onnx_sequence_settle(r, &to, &source));
        SP_TRY(sp_onnx_sequence_set(r, &to, source));
    }
    return sp_onnx_return_sequence(r, 0, &to);
}

sp_status sp_onnx_dense_arithmetic(sp_onnx_reader *r, char op) {
    size_t which = 0;
    const sp_onnx_tensor *constant = NULL;
    if (sp_onnx_input(r, 0)->kind == SP_ONNX_VALUE_SEQUENCE &&
        sp_onnx_input(r, 1)->kind == SP_ONNX_VALUE_SEQUENCE) {
        return both_sequences(r, op);
    }
    SP_TRY(one_sequence(r, &which, &constant));
    sp_onnx_sequence sequence = sp_onnx_input(r, which)->sequence;
    double *numbers = NULL;
    SP_TRY(sp_onnx_sequence_open(r, &sequence));
    const bool below = op == '/' && which == 1;
    if (below) {
        SP_TRY(sp_onnx_sequence_reciprocal(r, &sequence));
    }
    SP_TRY(match_constant(r, &sequence, constant, 1 - which, true, &numbers));
    double *ones = sp_region_take(&r->region, sequence.width, sizeof *ones);
    if (!ones) {
        return sp_onnx_out_of_memory(r);
    }
    for (size_t i = 0; i < sequence.width; i++) {
        ones[i] = op == '-' && which == 1 ? -1.0 : 1.0; // constant - x
        numbers[i] = op == '-' && which == 0 ? -numbers[i]
                     : op == '/' && !below   ? 1.0 / numbers[i]
                                             : numbers[i];
    }
    const bool scales = op == '*' || op == '/';
    SP_TRY(sp_onnx_rows_scale(r, &sequence, scales ? numbers : ones, scales ? NULL : numbers));
    return sp_onnx_return_sequence(r, 0, &sequence);
}

static bool both_tensors(const sp_onnx_reader *r) {
    return sp_onnx_input(r, 0)->kind == SP_ONNX_VALUE_TENSOR &&
           sp_onnx_input(r, 1)->kind == SP_ONNX_VALUE_TENSOR;
}

/* x W multiplies along the last axis of x, W x along the one before it. */
sp_status sp_onnx_op_matmul(sp_onnx_reader *r) {
    if (both_tensors(r)) {
        sp_onnx_tensor to = {0};
        SP_TRY(sp_onnx_tensor_product(r, &to, &sp_onnx_input(r, 0)->tensor,
                                      &sp_onnx_input(r, 1)->tensor));
        return sp_onnx_return_tensor(r, 0, &to);
    }
    size_t which = 0;
    const sp_onnx_tensor *constant = NULL;
    if (sp_onnx_input(r, 0)->kind == SP_ONNX_VALUE_SEQUENCE &&
        sp_onnx_input(r, 1)->kind == SP_ONNX_VALUE_SEQUENCE) {
        sp_onnx_sequence to;
        SP_TRY(sp_onnx_sequence_matmul(r, &to, &sp_onnx_input(r, 0)->sequence,
                                       &sp_onnx_input(r, 1)->sequence));
        return sp_onnx_return_sequence(r, 0, &to);
    }
    SP_TRY(one_sequence(r, &which, &constant));
    if (constant->rank < 2) {
        return sp_onnx_refuse(r, SP_E_UNSUPPORTED, "the constant '%.60s' is no matrix",
                              sp_onnx_input_name(r, 1 - which));
    }
    for (size_t i = 0; i + 2 < constant->rank; i++) {
        if (constant->dim[i] != 1) {
            return sp_onnx_refuse(r, SP_E_UNSUPPORTED, "'%.60s' holds several matrices",
                                  sp_onnx_input_name(r, 1 - which));
        }
    }
    sp_onnx_sequence sequence = sp_onnx_input(r, which)->sequence;
    if (sequence.rank == 0 || (sequence.rank == 1 && constant->rank > 2)) {
        return sp_onnx_refuse(r, SP_E_UNSUPPORTED, "'%.60s' has the rank %zu",
                              sp_onnx_input_name(r, which), sequence.rank);
    }
    SP_TRY(sequence.rank == 1 ? SP_OK : sp_onnx_sequence_pad(r, &sequence, constant->rank));
    const size_t axis = which == 0 || sequence.rank == 1 ? sequence.rank - 1 : sequence.rank - 2;
    const sp_onnx_matrix matrix = matrix_of(constant, which == 0, 1.0);
    SP_TRY(multiply(r, &sequence, axis, &matrix));
    return sp_onnx_return_sequence(r, 0, &sequence);
}

/* ---- Gemm: alpha A' B' + beta C, where A' is A or its transpose ---- */

typedef struct sp_onnx_gemm {
    double alpha, beta;
    int64_t transpose[2];
} sp_onnx_gemm;

static sp_status gemm_operand(sp_onnx_reader *r, sp_onnx_tensor *operand, size_t i,
                              bool transpose) {
    const sp_onnx_tensor *x = &sp_onnx_input(r, i)->tensor;
    if (x->rank != 2) {
        return sp_onnx_refuse(r, SP_E_FORMAT, "its inputs must be matrices, not of rank %zu",
                              x->rank);
    }
    *operand = *x;
    if (!transpose) {
        return SP_OK;
    }
    const int64_t dim[2] = {x->dim[1], x->dim[0]}, stride[2] = {1, x->dim[1]};
    (void)sp_onnx_tensor_shape(operand, dim, 2);
    return sp_onnx_tensor_view(r, operand, x, 0, stride);
}

/* x scaled by a number; by 1 it stays what it is. */
static sp_status scaled(sp_onnx_reader *r, sp_onnx_tensor *to, const sp_onnx_tensor *x,
                        double factor) {
    *to = *x;
    const sp_onnx_tensor number = {.kind = SP_ONNX_REAL, .count = 1, .real = &factor};
    return factor == 1.0 ? SP_OK : sp_onnx_tensor_arithmetic(r, to, x, &number, '*');
}

static sp_status gemm_tensors(sp_onnx_reader *r, const sp_onnx_gemm *gemm) {
    sp_onnx_tensor a, b, product, sum, c;
    SP_TRY(gemm_operand(r, &a, 0, gemm->transpose[0] != 0));
    SP_TRY(gemm_operand(r, &b, 1, gemm->transpose[1] != 0));
    SP_TRY(sp_onnx_tensor_product(r, &product, &a, &b));
    SP_TRY(scaled(r, &sum, &product, gemm->alpha));
    if (sp_onnx_input(r, 2)) {
        if (sp_onnx_input(r, 2)->kind != SP_ONNX_VALUE_TENSOR ||
            sp_onnx_input(r, 2)->tensor.kind == SP_ONNX_WHOLE) {
            return sp_onnx_refuse(r, SP_E_UNSUPPORTED, "input C is not a tensor of real numbers");
        }
        SP_TRY(scaled(r, &c, &sp_onnx_input(r, 2)->tensor, gemm->beta));
        const sp_onnx_tensor product_only = sum;
        SP_TRY(sp_onnx_tensor_arithmetic(r, &sum, &product_only, &c, '+'));
    }
    return sp_onnx_return_tensor(r, 0, &sum);
}

static sp_status gemm_sequence(sp_onnx_reader *r, const sp_onnx_gemm *gemm) {
    size_t which = 0;
    const sp_onnx_tensor *constant = NULL;
    SP_TRY(one_sequence(r, &which, &constant));
    sp_onnx_sequence sequence = sp_onnx_input(r, which)->sequence;
    if (sequence.rank != 2 || constant->rank != 2) {
        return sp_onnx_refuse(r, SP_E_FORMAT,
                              "its inputs must be matrices, not of rank %zu and %zu", sequence.rank,
                              constant->rank);
    }
    if (gemm->transpose[which] != 0) {
        SP_TRY(sp_onnx_sequence_permute(r, &sequence, (const size_t[]){1, 0}));
    }
    const size_t axis = 1 - which; // the columns of A', the rows of B'
    const sp_onnx_matrix matrix =
        matrix_of(constant, (which == 0) == (gemm->transpose[1 - which] == 0), gemm->alpha);
    SP_TRY(multiply(r, &sequence, axis, &matrix));
    if (sp_onnx_input(r, 2)) {
        const sp_onnx_tensor *c = NULL;
        double *bias = NULL;
        SP_TRY(sp_onnx_input_tensor(r, &c, 2, "C"));
        SP_TRY(check_real(r, c, 2));
        if (c->rank > 2) {
            return sp_onnx_refuse(r, SP_E_FORMAT, "input C has the rank %zu", c->rank);
        }
        SP_TRY(match_constant(r, &sequence, c, 2, false, &bias));
        for (size_t i = 0; i < sequence.width; i++) {
            bias[i] *= gemm->beta;
        }
        SP_TRY(sp_onnx_rows_scale(r, &sequence, NULL, bias));
    }
    return sp_onnx_return_sequence(r, 0, &sequence);
}

sp_status sp_onnx_op_gemm(sp_onnx_reader *r) {
    sp_onnx_gemm gemm = {0};
    SP_TRY(sp_onnx_attribute_float(r, &gemm.alpha, "alpha", 1.0));
    SP_TRY(sp_onnx_attribute_float(r, &gemm.beta, "beta", 1.0));
    SP_TRY(sp_onnx_attribute_int(r, &gemm.transpose[0], "transA", 0));
    SP_TRY(sp_onnx_attribute_int(r, &gemm.transpose[1], "transB", 0));
    return both_tensors(r) ? gemm_tensors(r, &gemm) : gemm_sequence(r, &gemm);
}
