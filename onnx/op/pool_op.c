/* MaxPool, AveragePool, ReduceMax and GlobalMaxPool. A maximum is max(a, b) = a + max(b - a, 0),
 * pair by pair, so that it is made of layers that have bounds already. Windows are boxes: their
 * maximum, and their mean, is that along one axis after the other. */
#include <inttypes.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "onnx/impl.h"

enum { MOST_AXES = 2, MOST_TAPS = 1 << 12 };

/* sp_onnx_pool - windows along the axes behind the channels. */
typedef struct sp_onnx_pool {
    size_t axes;
    sp_timing window[MOST_AXES];
    bool most; /* the maximum, else the mean */
} sp_onnx_pool;

/* ---- attributes ---- */

static sp_status read_list(sp_onnx_reader *r, size_t *to, const char *name, size_t count,
                           size_t otherwise) {
    const sp_onnx_dim *given = NULL;
    size_t found = 0;
    SP_TRY(sp_onnx_attribute_wholes(r, &given, &found, name));
    for (size_t i = 0; i < count; i++) {
        const int64_t k = given && i < found ? given[i].k : (int64_t)otherwise;
        if ((given && found != count) || k < (int64_t)otherwise || k > MOST_TAPS) {
            return sp_onnx_refuse(r, SP_E_UNSUPPORTED, "%s has %zu entries, or %" PRId64, name,
                                  found, k);
        }
        to[i] = (size_t)k;
    }
    return SP_OK;
}

static bool is_named(const sp_onnx_reader *r, const char *name, const char *otherwise) {
    const Onnx__AttributeProto *a = sp_onnx_attribute(r->node, name);
    return a && a->s.len > 0 &&
           !(a->s.len == strlen(otherwise) && memcmp(a->s.data, otherwise, a->s.len) == 0);
}

static sp_status read_pool(sp_onnx_reader *r, sp_onnx_pool *pool, size_t rank) {
    size_t size[MOST_AXES] = {1, 1}, stride[MOST_AXES], dilation[MOST_AXES];
    size_t pads[2 * MOST_AXES];
    int64_t up = 0, with_zeros = 0;
    *pool = (sp_onnx_pool){.axes = rank - 2, .most = r->node->op_type[0] == 'M'};
    if (rank < 3 || rank > 2 + MOST_AXES) {
        return sp_onnx_refuse(r, SP_E_UNSUPPORTED,
                              "an input of rank %zu: one or two axes behind the channels are read",
                              rank);
    }
    SP_TRY(read_list(r, size, "kernel_shape", pool->axes, 1));
    SP_TRY(read_list(r, stride, "strides", pool->axes, 1));
    SP_TRY(read_list(r, dilation, "dilations", pool->axes, 1));
    SP_TRY(read_list(r, pads, "pads", 2 * pool->axes, 0));
    SP_TRY(sp_onnx_attribute_int(r, &up, "ceil_mode", 0));
    SP_TRY(sp_onnx_attribute_int(r, &with_zeros, "count_include_pad", 0));
    bool padded = false;
    for (size_t i = 0; i < pool->axes; i++) {
        pool->window[i] =
            (sp_timing){.taps = size[i], .stride = stride[i], .dilation = dilation[i]};
        padded = padded || pads[i] > 0 || pads[pool->axes + i] > 0;
    }
    if (padded || up != 0 ||
        (is_named(r, "auto_pad", "NOTSET") && is_named(r, "auto_pad", "VALID"))) {
        return sp_onnx_refuse(
            r, SP_E_UNSUPPORTED,
            "windows that reach over the ends (pads, ceil_mode, auto_pad) are not "
            "read");
    }
    return SP_OK;
}

/* ---- maxima and means of sequences ---- */

static sp_status larger(sp_onnx_reader *r, sp_onnx_sequence *a, const sp_onnx_sequence *b) {
    sp_onnx_sequence apart, sum;
    SP_TRY(sp_onnx_sequence_add(r, &apart, b, a, -1.0));
    SP_TRY(sp_onnx_sequence_curve(r, &apart, (sp_activation){.kind = SP_ACTIVATION_RELU}));
    SP_TRY(sp_onnx_sequence_add(r, &sum, a, &apart, 1.0));
    *a = sum;
    return SP_OK;
}

static sp_status along(sp_onnx_reader *r, sp_onnx_sequence *x, size_t axis, size_t first,
                       size_t end, size_t step) {
    return sp_onnx_sequence_select(r, x, axis, sp_onnx_dim_of((int64_t)first),
                                   sp_onnx_dim_of((int64_t)end), (int64_t)step);
}

/* The numbers that tap k of all windows reads, as a sequence of the windows. */
static sp_status take_tap(sp_onnx_reader *r, sp_onnx_sequence *x, size_t axis,
                          const sp_timing *window, size_t tap, sp_onnx_dim count) {
    if (axis != x->outer) {
        const size_t first = tap * window->dilation;
        return along(r, x, axis, first, first + (size_t)(count.k - 1) * window->stride + 1,
                     window->stride);
    }
    return sp_onnx_sequence_tap(r, x, (window->taps - 1) * window->dilation + 1,
                                tap * window->dilation, window->stride, count);
}

/* Taps [first, end) of all windows, by halves. */
static sp_status combine(sp_onnx_reader *r, sp_onnx_sequence *to, const sp_onnx_sequence *x,
                         size_t axis, const sp_timing *window, size_t first, size_t end, bool most,
                         sp_onnx_dim count) {
    *to = *x;
    if (end - first == 1) {
        return take_tap(r, to, axis, window, first, count);
    }
    sp_onnx_sequence other, sum;
    const size_t middle = first + (end - first) / 2;
    SP_TRY(combine(r, to, x, axis, window, first, middle, most, count));
    SP_TRY(combine(r, &other, x, axis, window, middle, end, most, count));
    if (most) {
        return larger(r, to, &other);
    }
    SP_TRY(sp_onnx_sequence_add(r, &sum, to, &other, 1.0));
    *to = sum;
    return SP_OK;
}

static sp_status pool_axis(sp_onnx_reader *r, sp_onnx_sequence *x, size_t axis,
                           const sp_timing *window, bool most) {
    const sp_onnx_sequence whole = *x;
    sp_onnx_dim count;
    if (window->taps == 1 && window->stride == 1) {
        return SP_OK;
    }
    SP_TRY(sp_onnx_length_after(r, &count, window, x->dim[axis]));
    SP_TRY(combine(r, x, &whole, axis, window, 0, window->taps, most, count));
    return most ? SP_OK : sp_onnx_rows_times(r, x, 1.0 / (double)window->taps);
}

static sp_status pool_sequence(sp_onnx_reader *r, sp_onnx_sequence x) {
    sp_onnx_pool pool;
    SP_TRY(read_pool(r, &pool, x.rank));
    SP_TRY(sp_onnx_sequence_open(r, &x));
    if (x.reversed || x.outer == 0 || x.outer == 1) {
        return sp_onnx_refuse(r, SP_E_UNSUPPORTED,
                              "its input must have the axes batch x channels x .., and steps in "
                              "their order");
    }
    for (size_t i = 0; i < pool.axes; i++) {
        SP_TRY(pool_axis(r, &x, 2 + i, &pool.window[i], pool.most));
    }
    return sp_onnx_return_sequence(r, 0, &x);
}

/* ---- on constants ---- */

/* x [outer, length, inner] along its middle axis. */
static sp_status pool_numbers(sp_onnx_reader *r, sp_onnx_tensor *x, size_t axis,
                              const sp_timing *window, bool most) {
    const sp_onnx_tensor from = *x;
    int64_t dim[SP_ONNX_MAX_RANK];
    size_t outer = 1, inner = 1;
    sp_onnx_dim count;
    SP_TRY(sp_onnx_length_after(r, &count, window, sp_onnx_dim_of(x->dim[axis])));
    for (size_t i = 0; i < x->rank; i++) {
        dim[i] = i == axis ? count.k : x->dim[i];
        outer *= i < axis ? (size_t)x->dim[i] : 1;
        inner *= i > axis ? (size_t)x->dim[i] : 1;
    }
    double *numbers = sp_onnx_tensor_shape(x, dim, from.rank) ? sp_onnx_tensor_make(r, x) : NULL;
    if (!numbers) {
        return sp_onnx_out_of_memory(r);
    }
    const size_t length = (size_t)from.dim[axis], result = (size_t)count.k;
    for (size_t i = 0; i < outer * result * inner; i++) {
        const size_t o = i / inner / result, t = i / inner % result;
        double found = most ? -INFINITY : 0.0;
        for (size_t k = 0; k < window->taps; k++) {
            const size_t at = t * window->stride + k * window->dilation;
            const double v = from.real[(o * length + at) * inner + i % inner];
            found = most ? (v > found || isnan(v) ? v : found) : found + v;
        }
        numbers[i] = most ? found : found / (double)window->taps;
    }
    return SP_OK;
}

sp_status sp_onnx_op_pool(sp_onnx_reader *r) {
    const sp_onnx_value *x = sp_onnx_input(r, 0);
    if (x->kind == SP_ONNX_VALUE_SEQUENCE) {
        return pool_sequence(r, x->sequence);
    }
    sp_onnx_pool pool;
    sp_onnx_tensor to = x->tensor;
    SP_TRY(read_pool(r, &pool, to.rank));
    if (to.kind != SP_ONNX_REAL) {
        return sp_onnx_refuse(r, SP_E_UNSUPPORTED, "an input that is not real");
    }
    for (size_t i = 0; i < pool.axes; i++) {
        SP_TRY(pool_numbers(r, &to, 2 + i, &pool.window[i], pool.most));
    }
    return sp_onnx_return_tensor(r, 0, &to);
}

/* ---- ReduceMax and GlobalMaxPool ---- */

static sp_status read_axes(sp_onnx_reader *r, bool *taken, size_t rank) {
    const sp_onnx_dim *axes = NULL;
    size_t count = 0;
    if (r->node->op_type[0] == 'G') {
        for (size_t i = 0; i < rank; i++) {
            taken[i] = i >= 2;
        }
        return SP_OK;
    }
    SP_TRY(sp_onnx_operand_wholes(r, &axes, &count, "axes", 1, 18));
    for (size_t i = 0; i < rank; i++) {
        taken[i] = count == 0;
    }
    for (size_t i = 0; i < count; i++) {
        size_t axis = 0;
        if (axes[i].t != 0) {
            return sp_onnx_refuse(r, SP_E_UNSUPPORTED, "axes depends on the number of steps");
        }
        SP_TRY(sp_onnx_normalise_axis(r, &axis, axes[i].k, rank));
        taken[axis] = true;
    }
    return SP_OK;
}

/* By halves, which overlap in one number where the length is odd. */
static sp_status most_along(sp_onnx_reader *r, sp_onnx_sequence *x, size_t axis) {
    while (x->dim[axis].k > 1) {
        const size_t n = (size_t)x->dim[axis].k, half = (n + 1) / 2;
        sp_onnx_sequence behind = *x;
        SP_TRY(along(r, x, axis, 0, half, 1));
        SP_TRY(along(r, &behind, axis, n - half, n, 1));
        SP_TRY(larger(r, x, &behind));
    }
    return SP_OK;
}

static double *identity(sp_onnx_reader *r, size_t n, size_t taps) {
    double *weight =
        n > SIZE_MAX / n / taps ? NULL : sp_region_take(&r->region, taps * n * n, sizeof *weight);
    for (size_t i = 0; weight && i < n; i++) {
        weight[i * taps * n + i] = 1.0;
        if (taps > 1) {
            weight[i * taps * n + n + i] = -1.0;
        }
    }
    return weight;
}

/* Of any number of steps. The largest number so far, less the one at hand, is
 * g_t = max(g_(t-1) + x_(t-1) - x_t, 0): an RNN with ReLU, which starts with x_(-1) = x_0. */
static sp_status most_of_all(sp_onnx_reader *r, sp_onnx_sequence *x) {
    const sp_timing two = {.taps = 2, .stride = 1, .dilation = 1, .before = 1, .repeats = true};
    const size_t n = x->width;
    double *fall = identity(r, n, 2), *one = identity(r, n, 1);
    const double *zero = sp_region_take(&r->region, n, sizeof *zero);
    sp_onnx_part *part = sp_region_take(&r->region, 1, sizeof *part);
    sp_onnx_sequence above = *x, sum;
    sp_onnx_dim last;
    if (!fall || !one || !zero || !part) {
        return sp_onnx_out_of_memory(r);
    }
    x->reversed = above.reversed = false; // the order does not matter
    SP_TRY(sp_onnx_layer_timed(r, x, n, two, x->dim[x->outer], fall, zero, &part->from));
    const sp_activation relu = {.kind = SP_ACTIVATION_RELU};
    sp_onnx_source source = {.reading = SP_ONNX_READ_EVERY};
    SP_TRY(sp_onnx_layer_push(r,
                              (sp_onnx_layer){.kind = SP_NODE_CELL,
                                              .out = n,
                                              .frames = r->layer[part->from.layer].frames,
                                              .parts = 1,
                                              .part = part,
                                              .cell = {.kind = SP_CELL_RNN,
                                                       .in = n,
                                                       .out = n,
                                                       .weight = one,
                                                       .recurrent = one,
                                                       .bias = (double *)(uintptr_t)zero,
                                                       .gate = relu,
                                                       .candidate = relu}},
                              &source.layer));
    SP_TRY(sp_onnx_sequence_set(r, &above, source));
    SP_TRY(sp_onnx_sequence_add(r, &sum, &above, x, 1.0));
    *x = sum;
    if (!sp_onnx_dim_sub(&last, x->dim[x->outer], sp_onnx_dim_of(1))) {
        return sp_onnx_refuse(r, SP_E_UNSUPPORTED, "its last step cannot be followed");
    }
    return sp_onnx_sequence_step(r, x, last);
}

/* Of a fixed number of steps, laid side by side. */
static sp_status most_step(sp_onnx_reader *r, sp_onnx_sequence *x) {
    const size_t outer = x->outer;
    const sp_onnx_dim steps = x->dim[outer];
    if (steps.t != 0) {
        return most_of_all(r, x);
    }
    sp_onnx_dim apart[SP_ONNX_MAX_RANK], flat[2] = {steps, sp_onnx_dim_of(0)};
    const size_t rank = x->rank;
    memcpy(apart, x->dim, rank * sizeof *apart);
    flat[1].k = (int64_t)x->width;
    size_t perm[SP_ONNX_MAX_RANK], n = 0;
    perm[n++] = outer; // the steps in front of all others
    for (size_t i = 0; i < rank; i++) {
        if (i != outer) {
            perm[n++] = i;
        }
    }
    SP_TRY(sp_onnx_sequence_permute(r, x, perm));
    flat[1] = sp_onnx_dim_of(steps.k * flat[1].k);
    flat[0] = sp_onnx_dim_of(1);
    SP_TRY(sp_onnx_sequence_reshape(r, x, flat, 2));
    flat[0] = steps;
    flat[1].k /= steps.k;
    SP_TRY(sp_onnx_sequence_reshape(r, x, flat, 2));
    SP_TRY(most_along(r, x, 0));
    apart[outer] = sp_onnx_dim_of(1);
    return sp_onnx_sequence_reshape(r, x, apart, rank);
}

static sp_status most_of_sequence(sp_onnx_reader *r, sp_onnx_sequence x, int64_t keep) {
    bool taken[SP_ONNX_MAX_RANK];
    SP_TRY(read_axes(r, taken, x.rank));
    SP_TRY(sp_onnx_sequence_open(r, &x));
    for (size_t i = 0; i < x.rank; i++) {
        if (taken[i]) {
            SP_TRY(i == x.outer ? most_step(r, &x) : most_along(r, &x, i));
        }
    }
    SP_TRY(keep == 0 ? sp_onnx_sequence_drop(r, &x, taken) : SP_OK);
    return sp_onnx_return_sequence(r, 0, &x);
}

sp_status sp_onnx_op_reduce_max(sp_onnx_reader *r) {
    const sp_onnx_value *x = sp_onnx_input(r, 0);
    int64_t keep = 1, dim[SP_ONNX_MAX_RANK];
    SP_TRY(sp_onnx_attribute_int(r, &keep, "keepdims", 1));
    if (x->kind == SP_ONNX_VALUE_SEQUENCE) {
        return most_of_sequence(r, x->sequence, keep);
    }
    bool taken[SP_ONNX_MAX_RANK];
    sp_onnx_tensor to = x->tensor;
    SP_TRY(read_axes(r, taken, to.rank));
    if (to.kind != SP_ONNX_REAL) {
        return sp_onnx_refuse(r, SP_E_UNSUPPORTED, "an input that is not real");
    }
    size_t rank = 0;
    for (size_t i = 0; i < to.rank; i++) {
        const sp_timing all = {.taps = (size_t)to.dim[i], .stride = 1, .dilation = 1};
        SP_TRY(taken[i] ? pool_numbers(r, &to, i, &all, true) : SP_OK);
        if (!taken[i] || keep != 0) {
            dim[rank++] = to.dim[i];
        }
    }
    (void)sp_onnx_tensor_shape(&to, dim, rank);
    return sp_onnx_return_tensor(r, 0, &to);
}
