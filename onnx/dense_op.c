/* MatMul, Gemm, Add and Relu as layers. */
#include <inttypes.h>

#include "onnx/impl.h"

/* sp_matrix - scale times a constant matrix: element (out j, in i) at data[j * row + i *
 * column]. */
typedef struct sp_matrix {
    const double *data;
    size_t out, in, row, column;
    double scale;
} sp_matrix;

/* The matrix in tensor[a, b]; `inputs_first`: a counts its inputs, so that it is used
 * transposed. */
static sp_matrix matrix_of(const sp_tensor *tensor, bool inputs_first, double scale) {
    const size_t rows = (size_t)tensor->dim[tensor->rank - 2];
    const size_t columns = (size_t)tensor->dim[tensor->rank - 1];
    if (inputs_first) {
        return (sp_matrix){tensor->real, columns, rows, 1, columns, scale};
    }
    return (sp_matrix){tensor->real, rows, columns, columns, 1, scale};
}

/* y = M x along `axis`, as a dense layer without bias. */
static sp_status multiply(sp_reader *r, sp_flow *flow, size_t axis, const sp_matrix *m) {
    if (!sp_flow_is_feature_axis(flow, axis)) {
        return sp_refuse(r, SP_E_UNSUPPORTED,
                         "it multiplies along axis %zu, which holds no features", axis);
    }
    if (m->in != flow->width || m->out == 0) {
        return sp_refuse(r, SP_E_FORMAT, "a matrix of %zu x %zu does not fit %zu features", m->out,
                         m->in, flow->width);
    }
    double *weight = sp_heap_take(&r->heap, m->out * m->in, sizeof *weight);
    double *bias = sp_heap_take(&r->heap, m->out, sizeof *bias);
    if (!weight || !bias) {
        return sp_out_of_memory(r);
    }
    for (size_t j = 0; j < m->out; j++) {
        for (size_t i = 0; i < m->in; i++) {
            weight[j * m->in + i] = m->scale * m->data[j * m->row + i * m->column];
        }
    }
    return sp_block_add(
        r, flow, axis,
        (sp_block){.kind = SP_LAYER_AFFINE, .out = m->out, .weight = weight, .bias = bias});
}

/* Adds scale times a constant that is the same at every step: it may have a length along the
 * features only, and more leading axes of length 1 than the flow. */
static sp_status add_constant(sp_reader *r, sp_flow *flow, const sp_tensor *c, double scale,
                              size_t input) {
    SP_TRY(sp_flow_pad(r, flow, c->rank));
    int64_t stride[SP_MAX_RANK];
    sp_tensor_strides(stride, c);
    int64_t step = 0;
    for (size_t i = 0; i < c->rank; i++) {
        const size_t axis = flow->rank - c->rank + i;
        if (c->dim[i] == 1) {
            continue;
        }
        if (c->dim[i] != (int64_t)flow->width || axis != flow->inner) {
            return sp_refuse(r, SP_E_UNSUPPORTED,
                             "'%.60s' has the length %" PRId64
                             " along axis %zu: a constant can be added "
                             "to the %zu features only, the same at every step",
                             sp_input_name(r, input), c->dim[i], i, flow->width);
        }
        step = stride[i];
    }
    double *bias = sp_heap_take(&r->heap, flow->width, sizeof *bias);
    if (!bias) {
        return sp_out_of_memory(r);
    }
    for (size_t i = 0; i < flow->width; i++) {
        bias[i] = scale * c->real[(int64_t)i * step];
    }
    return sp_block_add_bias(r, flow, bias);
}

static sp_status check_real(sp_reader *r, const sp_tensor *tensor, size_t input) {
    if (tensor->kind != SP_NUMBERS_REAL || tensor->count == 0) {
        return sp_refuse(r, SP_E_FORMAT, "'%.60s' must hold FLOAT or DOUBLE numbers",
                         sp_input_name(r, input));
    }
    return SP_OK;
}

/* Of two inputs, *which depends on the features; the other one must be a constant. */
static sp_status one_flow(sp_reader *r, size_t *which, const sp_tensor **constant) {
    const sp_value *a = sp_input(r, 0), *b = sp_input(r, 1);
    if (a->kind == SP_VALUE_FLOW && b->kind == SP_VALUE_FLOW) {
        return sp_refuse(r, SP_E_UNSUPPORTED,
                         "both '%.60s' and '%.60s' depend on the features: one must be a constant",
                         sp_input_name(r, 0), sp_input_name(r, 1));
    }
    if (a->kind != SP_VALUE_FLOW && b->kind != SP_VALUE_FLOW) {
        return sp_refuse(r, SP_E_UNSUPPORTED,
                         "it works on constants only: export the model with "
                         "constant folding");
    }
    *which = a->kind == SP_VALUE_FLOW ? 0 : 1;
    *constant = *which == 0 ? &b->tensor : &a->tensor;
    return check_real(r, *constant, 1 - *which);
}

sp_status sp_op_add(sp_reader *r) {
    const sp_value *a = sp_input(r, 0), *b = sp_input(r, 1);
    if (a->kind == SP_VALUE_TENSOR && b->kind == SP_VALUE_TENSOR) {
        return sp_arithmetic_fold(r, &a->tensor, &b->tensor, '+');
    }
    size_t which = 0;
    const sp_tensor *constant = NULL;
    SP_TRY(one_flow(r, &which, &constant));
    sp_flow flow = sp_input(r, which)->flow;
    SP_TRY(add_constant(r, &flow, constant, 1.0, 1 - which));
    return sp_return_flow(r, 0, &flow);
}

/* x W multiplies along the last axis of x, W x along the one before it. */
sp_status sp_op_matmul(sp_reader *r) {
    size_t which = 0;
    const sp_tensor *constant = NULL;
    SP_TRY(one_flow(r, &which, &constant));
    if (constant->rank < 2) {
        return sp_refuse(r, SP_E_UNSUPPORTED, "the constant '%.60s' is no matrix",
                         sp_input_name(r, 1 - which));
    }
    for (size_t i = 0; i + 2 < constant->rank; i++) {
        if (constant->dim[i] != 1) {
            return sp_refuse(r, SP_E_UNSUPPORTED, "'%.60s' holds several matrices",
                             sp_input_name(r, 1 - which));
        }
    }
    sp_flow flow = sp_input(r, which)->flow;
    if (flow.rank == 0 || (flow.rank == 1 && constant->rank > 2)) {
        return sp_refuse(r, SP_E_UNSUPPORTED, "'%.60s' has the rank %zu", sp_input_name(r, which),
                         flow.rank);
    }
    SP_TRY(flow.rank == 1 ? SP_OK : sp_flow_pad(r, &flow, constant->rank));
    const size_t axis = which == 0 || flow.rank == 1 ? flow.rank - 1 : flow.rank - 2;
    const sp_matrix matrix = matrix_of(constant, which == 0, 1.0);
    SP_TRY(multiply(r, &flow, axis, &matrix));
    return sp_return_flow(r, 0, &flow);
}

/* alpha A' B' + beta C, where A' is A or its transpose. */
sp_status sp_op_gemm(sp_reader *r) {
    double alpha = 0.0, beta = 0.0;
    int64_t transpose[2] = {0, 0};
    SP_TRY(sp_attribute_float(r, &alpha, "alpha", 1.0));
    SP_TRY(sp_attribute_float(r, &beta, "beta", 1.0));
    SP_TRY(sp_attribute_int(r, &transpose[0], "transA", 0));
    SP_TRY(sp_attribute_int(r, &transpose[1], "transB", 0));
    size_t which = 0;
    const sp_tensor *constant = NULL;
    SP_TRY(one_flow(r, &which, &constant));
    sp_flow flow = sp_input(r, which)->flow;
    if (flow.rank != 2 || constant->rank != 2) {
        return sp_refuse(r, SP_E_FORMAT, "its inputs must be matrices, not of rank %zu and %zu",
                         flow.rank, constant->rank);
    }
    if (transpose[which] != 0) {
        sp_flow_permute(&flow, (const size_t[]){1, 0});
    }
    const size_t axis = 1 - which; // the columns of A', the rows of B'
    const sp_matrix matrix =
        matrix_of(constant, (which == 0) == (transpose[1 - which] == 0), alpha);
    SP_TRY(multiply(r, &flow, axis, &matrix));
    if (sp_input(r, 2)) {
        const sp_tensor *c = NULL;
        SP_TRY(sp_input_tensor(r, &c, 2, "C"));
        SP_TRY(check_real(r, c, 2));
        if (c->rank > 2) {
            return sp_refuse(r, SP_E_FORMAT, "input C has the rank %zu", c->rank);
        }
        SP_TRY(add_constant(r, &flow, c, beta, 2));
    }
    return sp_return_flow(r, 0, &flow);
}

sp_status sp_op_relu(sp_reader *r) {
    const sp_value *x = sp_input(r, 0);
    if (x->kind != SP_VALUE_FLOW) {
        return sp_refuse(r, SP_E_UNSUPPORTED,
                         "it works on a constant: export the model with constant folding");
    }
    sp_flow flow = x->flow;
    SP_TRY(
        sp_block_add(r, &flow, flow.inner, (sp_block){.kind = SP_LAYER_RELU, .out = flow.width}));
    return sp_return_flow(r, 0, &flow);
}
