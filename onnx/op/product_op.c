/* MatMul of tensors, sums and means, Tile. */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "onnx/op/spectrum.h"

/* ---- MatMul ---- */

/* sp_onnx_multiplication - [batch] x [rows, depth] x [depth, columns]. */
typedef struct sp_onnx_multiplication {
    sp_onnx_tensor a, b; /* with the batch axes of the result, at least matrices */
    size_t batches, rows, depth, columns;
} sp_onnx_multiplication;

static sp_status wrong_shapes(sp_onnx_reader *r) {
    return sp_onnx_refuse(r, SP_E_FORMAT, "its inputs have shapes that cannot be multiplied");
}

/* Batch axes as numpy broadcasts them; vectors become matrices. */
static sp_status align(sp_onnx_reader *r, sp_onnx_multiplication *p, sp_onnx_tensor *to) {
    sp_onnx_tensor a = p->a, b = p->b, batch = {0};
    int64_t dim[SP_ONNX_MAX_RANK + 2];
    if (a.rank == 0 || b.rank == 0 || a.kind == SP_ONNX_WHOLE || b.kind == SP_ONNX_WHOLE) {
        return wrong_shapes(r);
    }
    const bool row = a.rank == 1, column = b.rank == 1;
    if (row) {
        (void)sp_onnx_tensor_shape(&a, (const int64_t[]){1, a.dim[0]}, 2);
    }
    if (column) {
        (void)sp_onnx_tensor_shape(&b, (const int64_t[]){b.dim[0], 1}, 2);
    }
    sp_onnx_tensor outer_a = {0}, outer_b = {0};
    (void)sp_onnx_tensor_shape(&outer_a, a.dim, a.rank - 2);
    (void)sp_onnx_tensor_shape(&outer_b, b.dim, b.rank - 2);
    const int64_t rows = a.dim[a.rank - 2], depth = a.dim[a.rank - 1];
    const int64_t columns = b.dim[b.rank - 1];
    if (b.dim[b.rank - 2] != depth || !sp_onnx_tensor_broadcast(&batch, &outer_a, &outer_b)) {
        return wrong_shapes(r);
    }
    *p = (sp_onnx_multiplication){.batches = batch.count,
                                  .rows = (size_t)rows,
                                  .depth = (size_t)depth,
                                  .columns = (size_t)columns};
    memcpy(dim, batch.dim, batch.rank * sizeof *dim);
    dim[batch.rank] = rows;
    dim[batch.rank + 1] = depth;
    const bool fits = sp_onnx_tensor_shape(&p->a, dim, batch.rank + 2);
    dim[batch.rank] = depth;
    dim[batch.rank + 1] = columns;
    if (!fits || !sp_onnx_tensor_shape(&p->b, dim, batch.rank + 2)) {
        return wrong_shapes(r);
    }
    SP_TRY(sp_onnx_tensor_expand(r, &p->a, &a));
    SP_TRY(sp_onnx_tensor_expand(r, &p->b, &b));
    size_t rank = batch.rank;
    if (!row) {
        dim[rank++] = rows;
    }
    if (!column) {
        dim[rank++] = columns;
    }
    return sp_onnx_tensor_shape(to, dim, rank) ? SP_OK : wrong_shapes(r);
}

/* Element (i, j) of batch n. */
static sp_status multiply(sp_onnx_reader *r, const sp_onnx_multiplication *p, void *numbers,
                          size_t n, size_t i, size_t j) {
    const size_t row = (n * p->rows + i) * p->depth, column = n * p->depth * p->columns + j;
    const size_t at = (n * p->rows + i) * p->columns + j;
    if (p->a.kind == SP_ONNX_POLYNOMIAL) {
        return sp_onnx_polynomial_combine(r, (sp_onnx_polynomial *)numbers + at,
                                          p->a.polynomial + row, 1, p->b.real + column, p->columns,
                                          p->depth);
    }
    if (p->b.kind == SP_ONNX_POLYNOMIAL) {
        return sp_onnx_polynomial_combine(r, (sp_onnx_polynomial *)numbers + at,
                                          p->b.polynomial + column, p->columns, p->a.real + row, 1,
                                          p->depth);
    }
    double sum = 0.0;
    for (size_t k = 0; k < p->depth; k++) {
        sum += p->a.real[row + k] * p->b.real[column + k * p->columns];
    }
    ((double *)numbers)[at] = sum;
    return SP_OK;
}

sp_status sp_onnx_tensor_product(sp_onnx_reader *r, sp_onnx_tensor *to, const sp_onnx_tensor *a,
                                 const sp_onnx_tensor *b) {
    sp_onnx_multiplication p = {.a = *a, .b = *b};
    if (a->kind == SP_ONNX_POLYNOMIAL && b->kind == SP_ONNX_POLYNOMIAL) {
        return sp_onnx_refuse(
            r, SP_E_UNSUPPORTED,
            "both '%.60s' and '%.60s' depend on the features: one must be a constant",
            sp_onnx_input_name(r, 0), sp_onnx_input_name(r, 1));
    }
    SP_TRY(align(r, &p, to));
    to->kind = a->kind == SP_ONNX_POLYNOMIAL || b->kind == SP_ONNX_POLYNOMIAL ? SP_ONNX_POLYNOMIAL
                                                                              : SP_ONNX_REAL;
    void *numbers = sp_onnx_tensor_make(r, to);
    if (!numbers) {
        return sp_onnx_out_of_memory(r);
    }
    const size_t flops = to->count > SIZE_MAX / (p.depth + 1) ? SIZE_MAX : to->count * p.depth;
    if (flops > r->work) {
        return sp_onnx_refuse(r, SP_E_UNSUPPORTED, "it takes too many steps");
    }
    r->work -= r->depth > 0 ? flops : 0;
    for (size_t n = 0; n < p.batches; n++) {
        for (size_t i = 0; i < p.rows; i++) {
            for (size_t j = 0; j < p.columns; j++) {
                SP_TRY(multiply(r, &p, numbers, n, i, j));
            }
        }
    }
    return SP_OK;
}

/* ---- ReduceSum, ReduceMean, ReduceSumSquare and ReduceL2 ---- */

static bool is_mean(const sp_onnx_reader *r) {
    return strcmp(r->node->op_type, "ReduceMean") == 0 ||
           strcmp(r->node->op_type, "GlobalAveragePool") == 0;
}

/* GlobalAveragePool is the mean over what stands behind the channels. */
static sp_status read_axes(sp_onnx_reader *r, bool *summed, size_t rank, bool *nothing) {
    const sp_onnx_dim *axes = NULL;
    const bool global = strcmp(r->node->op_type, "GlobalAveragePool") == 0;
    for (size_t i = 0; global && i < rank; i++) {
        summed[i] = i >= 2;
    }
    if (global) {
        *nothing = false;
        return SP_OK;
    }
    size_t count = 0;
    int64_t noop = 0;
    SP_TRY(sp_onnx_operand_wholes(r, &axes, &count, "axes", 1,
                                  strcmp(r->node->op_type, "ReduceSum") == 0 ? 13 : 18));
    SP_TRY(sp_onnx_attribute_int(r, &noop, "noop_with_empty_axes", 0));
    *nothing = count == 0 && noop != 0;
    for (size_t i = 0; i < rank; i++) {
        summed[i] = count == 0;
    }
    for (size_t i = 0; i < count; i++) {
        size_t axis = 0;
        if (axes[i].t != 0) {
            return sp_onnx_refuse(r, SP_E_UNSUPPORTED, "axes depends on the number of steps");
        }
        SP_TRY(sp_onnx_normalise_axis(r, &axis, axes[i].k, rank));
        summed[axis] = true;
    }
    return SP_OK;
}

/* Adds element i of x to the element of the sum that it belongs to. */
static sp_status add_element(sp_onnx_reader *r, void *numbers, size_t at, const sp_onnx_tensor *x,
                             size_t i) {
    if (x->kind == SP_ONNX_REAL) {
        ((double *)numbers)[at] += x->real[i];
        return SP_OK;
    }
    if (x->kind == SP_ONNX_POLYNOMIAL) {
        sp_onnx_polynomial *sum = (sp_onnx_polynomial *)numbers + at;
        const sp_onnx_polynomial so_far = *sum;
        return sp_onnx_polynomial_add(r, sum, &so_far, &x->polynomial[i]);
    }
    sp_onnx_dim *sum = (sp_onnx_dim *)numbers + at;
    return sp_onnx_dim_add(sum, *sum, x->whole[i])
               ? SP_OK
               : sp_onnx_refuse(r, SP_E_UNSUPPORTED, "its sum does not fit a whole number");
}

/* The rows along one axis, added up; it keeps the length 1. */
static sp_status reduce_rows(sp_onnx_reader *r, sp_onnx_sequence *x, size_t axis, double weight) {
    int64_t stride[SP_ONNX_MAX_RANK];
    sp_onnx_sequence_strides(stride, x);
    const size_t n = (size_t)x->dim[axis].k, inner = (size_t)stride[axis];
    sp_onnx_affine *row = sp_region_take(&r->region, x->width / n, sizeof *row);
    if (!row) {
        return sp_onnx_out_of_memory(r);
    }
    for (size_t i = 0; i < x->width / n; i++) {
        SP_TRY(sp_onnx_affine_sum(r, &row[i], x->row, i / inner * n * inner + i % inner, inner, n,
                                  weight));
    }
    x->row = row;
    x->width /= n;
    x->dim[axis] = sp_onnx_dim_of(1);
    return SP_OK;
}

sp_status sp_onnx_sequence_total(sp_onnx_reader *r, sp_onnx_sequence *x, size_t axis,
                                 double weight) {
    SP_TRY(sp_onnx_sequence_open(r, x));
    if (axis != x->outer) {
        return reduce_rows(r, x, axis, weight);
    }
    SP_TRY(sp_onnx_sequence_pool(r, x, SP_POOLING_SUM));
    return sp_onnx_rows_times(r, x, weight);
}

static sp_status reduce_sequence(sp_onnx_reader *r, sp_onnx_sequence *to) {
    sp_onnx_sequence x = *to;
    bool summed[SP_ONNX_MAX_RANK], nothing = false;
    int64_t keep = 1;
    SP_TRY(sp_onnx_attribute_int(r, &keep, "keepdims", 1));
    SP_TRY(read_axes(r, summed, x.rank, &nothing));
    bool one = true; // number by number: what it sums is one number each
    for (size_t i = 0; i < x.rank; i++) {
        one = one && (nothing || !summed[i] || sp_onnx_dim_is(x.dim[i], 1));
    }
    SP_TRY(one ? SP_OK : sp_onnx_sequence_open(r, &x));
    for (size_t i = 0; !nothing && i < x.rank; i++) {
        if (one) {
            continue;
        }
        if (summed[i] && i == x.outer) {
            SP_TRY(sp_onnx_sequence_pool(r, &x, is_mean(r) ? SP_POOLING_MEAN : SP_POOLING_SUM));
        } else if (summed[i]) {
            SP_TRY(reduce_rows(r, &x, i, is_mean(r) ? 1.0 / (double)x.dim[i].k : 1.0));
        }
    }
    SP_TRY(keep == 0 && !nothing ? sp_onnx_sequence_drop(r, &x, summed) : SP_OK);
    *to = x;
    return SP_OK;
}

static sp_status reduce_tensor(sp_onnx_reader *r, sp_onnx_tensor *result, const sp_onnx_tensor *x) {
    bool summed[SP_ONNX_MAX_RANK], nothing = false;
    int64_t keep = 0, full[SP_ONNX_MAX_RANK], dim[SP_ONNX_MAX_RANK], stride[SP_ONNX_MAX_RANK];
    SP_TRY(sp_onnx_attribute_int(r, &keep, "keepdims", 1));
    SP_TRY(read_axes(r, summed, x->rank, &nothing));
    *result = *x;
    if (nothing) {
        return SP_OK;
    }
    size_t rank = 0;
    for (size_t i = 0; i < x->rank; i++) {
        full[i] = summed[i] ? 1 : x->dim[i];
        if (!summed[i] || keep != 0) {
            dim[rank++] = full[i];
        }
    }
    sp_onnx_tensor to = {.kind = x->kind};
    (void)sp_onnx_tensor_shape(&to, full, x->rank);
    sp_onnx_tensor_strides(stride, &to);
    void *numbers = sp_onnx_tensor_make(r, &to);
    if (!numbers) {
        return sp_onnx_out_of_memory(r);
    }
    for (size_t i = 0; x->kind == SP_ONNX_POLYNOMIAL && i < to.count; i++) {
        ((sp_onnx_polynomial *)numbers)[i] = sp_onnx_polynomial_constant(0.0);
    }
    int64_t index[SP_ONNX_MAX_RANK] = {0};
    for (size_t i = 0; i < x->count; i++) {
        size_t at = 0;
        for (size_t axis = 0; axis < x->rank; axis++) {
            at += summed[axis] ? 0 : (size_t)(index[axis] * stride[axis]);
        }
        SP_TRY(add_element(r, numbers, at, x, i));
        for (size_t axis = x->rank; axis-- > 0;) {
            if (++index[axis] < x->dim[axis]) {
                break;
            }
            index[axis] = 0;
        }
    }
    if (is_mean(r) && x->kind != SP_ONNX_REAL) {
        return sp_onnx_refuse(r, SP_E_UNSUPPORTED, "a mean of numbers that are not real");
    }
    for (size_t i = 0; is_mean(r) && i < to.count; i++) {
        ((double *)numbers)[i] /= (double)(x->count / to.count);
    }
    (void)sp_onnx_tensor_shape(&to, dim, rank);
    *result = to;
    return SP_OK;
}

sp_status sp_onnx_op_reduce_sum(sp_onnx_reader *r) {
    const sp_onnx_value *x = sp_onnx_input(r, 0);
    if (x->kind == SP_ONNX_VALUE_SEQUENCE) {
        sp_onnx_sequence sum = x->sequence;
        SP_TRY(reduce_sequence(r, &sum));
        return sp_onnx_return_sequence(r, 0, &sum);
    }
    sp_onnx_tensor sum;
    SP_TRY(reduce_tensor(r, &sum, &x->tensor));
    return sp_onnx_return_tensor(r, 0, &sum);
}

/* Of all numbers of a constant: lengths, as torch.std has them. */
sp_status sp_onnx_op_reduce_prod(sp_onnx_reader *r) {
    const sp_onnx_tensor *x = NULL;
    bool taken[SP_ONNX_MAX_RANK], nothing = false;
    int64_t keep = 1, dim[SP_ONNX_MAX_RANK];
    SP_TRY(sp_onnx_input_tensor(r, &x, 0, "data"));
    SP_TRY(sp_onnx_attribute_int(r, &keep, "keepdims", 1));
    SP_TRY(read_axes(r, taken, x->rank, &nothing));
    bool all = x->kind != SP_ONNX_POLYNOMIAL && !nothing;
    for (size_t i = 0; i < x->rank; i++) {
        all = all && taken[i];
        dim[i] = 1;
    }
    sp_onnx_tensor to = {.kind = x->kind};
    (void)sp_onnx_tensor_shape(&to, dim, keep != 0 ? x->rank : 0);
    void *number = all ? sp_onnx_tensor_make(r, &to) : NULL;
    if (!number) {
        return all ? sp_onnx_out_of_memory(r)
                   : sp_onnx_refuse(r, SP_E_UNSUPPORTED, "products along some axes only");
    }
    double real = 1.0;
    sp_onnx_dim whole = sp_onnx_dim_of(1);
    for (size_t i = 0; i < x->count; i++) {
        real *= x->kind == SP_ONNX_REAL ? x->real[i] : 1.0;
        if (x->kind == SP_ONNX_WHOLE && !sp_onnx_dim_mul(&whole, whole, x->whole[i])) {
            return sp_onnx_refuse(r, SP_E_UNSUPPORTED,
                                  "a product of lengths that cannot be followed");
        }
    }
    if (x->kind == SP_ONNX_REAL) {
        *(double *)number = real;
    } else {
        *(sp_onnx_dim *)number = whole;
    }
    return sp_onnx_return_tensor(r, 0, &to);
}

static sp_status map_tensor(sp_onnx_reader *r, sp_onnx_tensor *to, const sp_onnx_tensor *from,
                            bool root) {
    *to = *from;
    double *numbers = from->kind == SP_ONNX_REAL ? sp_onnx_tensor_make(r, to) : NULL;
    if (!numbers) {
        return from->kind == SP_ONNX_REAL
                   ? sp_onnx_out_of_memory(r)
                   : sp_onnx_refuse(r, SP_E_UNSUPPORTED, "squares of numbers that are not real");
    }
    for (size_t i = 0; i < to->count; i++) {
        numbers[i] = root ? sqrt(from->real[i]) : from->real[i] * from->real[i];
    }
    return SP_OK;
}

sp_status sp_onnx_op_reduce_squares(sp_onnx_reader *r) {
    const sp_onnx_value *x = sp_onnx_input(r, 0);
    const bool root = strcmp(r->node->op_type, "ReduceL2") == 0;
    if (x->kind == SP_ONNX_VALUE_SEQUENCE) {
        sp_onnx_sequence sum = x->sequence;
        SP_TRY(sp_onnx_sequence_curve(r, &sum, (sp_activation){.kind = SP_ACTIVATION_SQUARE}));
        SP_TRY(reduce_sequence(r, &sum));
        SP_TRY(root ? sp_onnx_sequence_curve(r, &sum, (sp_activation){.kind = SP_ACTIVATION_SQRT})
                    : SP_OK);
        return sp_onnx_return_sequence(r, 0, &sum);
    }
    sp_onnx_tensor square, sum, length;
    SP_TRY(map_tensor(r, &square, &x->tensor, false));
    SP_TRY(reduce_tensor(r, &sum, &square));
    SP_TRY(root ? map_tensor(r, &length, &sum, true) : SP_OK);
    return sp_onnx_return_tensor(r, 0, root ? &length : &sum);
}

/* ---- Tile ---- */

sp_status sp_onnx_op_tile(sp_onnx_reader *r) {
    const sp_onnx_value *value = sp_onnx_input(r, 0);
    const sp_onnx_dim *repeats = NULL;
    size_t count = 0;
    SP_TRY(sp_onnx_input_wholes(r, &repeats, &count, 1, "repeats"));
    const size_t rank =
        value->kind == SP_ONNX_VALUE_SEQUENCE ? value->sequence.rank : value->tensor.rank;
    if (count != rank) {
        return sp_onnx_refuse(r, SP_E_FORMAT, "repeats has %zu entries for %zu axes", count, rank);
    }
    bool once = true;
    for (size_t i = 0; i < rank; i++) {
        once = once && sp_onnx_dim_is(repeats[i], 1);
    }
    if (once) {
        return sp_onnx_return_value(r, 0, value);
    }
    if (value->kind == SP_ONNX_VALUE_SEQUENCE) {
        return sp_onnx_refuse(r, SP_E_UNSUPPORTED, "it repeats '%.60s'", sp_onnx_input_name(r, 0));
    }
    // [a, b] repeated [m, n] times is [1, a, 1, b] expanded to [m, a, n, b].
    const sp_onnx_tensor *x = &value->tensor;
    int64_t dim[SP_ONNX_MAX_RANK], stride[2 * SP_ONNX_MAX_RANK], wide[2 * SP_ONNX_MAX_RANK];
    int64_t of_source[SP_ONNX_MAX_RANK];
    if (2 * rank > SP_ONNX_MAX_RANK) {
        return sp_onnx_refuse(r, SP_E_UNSUPPORTED, "a tensor of rank %zu", rank);
    }
    sp_onnx_tensor_strides(of_source, x);
    for (size_t i = 0; i < rank; i++) {
        if (repeats[i].t != 0 || repeats[i].k < 0 ||
            (x->dim[i] > 0 && repeats[i].k > INT64_MAX / 32 / x->dim[i])) {
            return sp_onnx_refuse(r, SP_E_UNSUPPORTED, "it repeats axis %zu %" PRId64 " times", i,
                                  repeats[i].k);
        }
        dim[i] = x->dim[i] * repeats[i].k;
        wide[2 * i] = repeats[i].k;
        wide[2 * i + 1] = x->dim[i];
        stride[2 * i] = 0;
        stride[2 * i + 1] = of_source[i];
    }
    sp_onnx_tensor to = {0};
    if (!sp_onnx_tensor_shape(&to, wide, 2 * rank)) {
        return sp_onnx_refuse(r, SP_E_FORMAT, "its result has too many elements");
    }
    SP_TRY(sp_onnx_tensor_view(r, &to, x, 0, stride));
    (void)sp_onnx_tensor_shape(&to, dim, rank);
    return sp_onnx_return_tensor(r, 0, &to);
}
