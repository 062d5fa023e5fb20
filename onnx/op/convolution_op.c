/* Conv over steps, over steps and one more axis, or without steps; BatchNormalization, which is a
 * scale and a shift of every channel. */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "onnx/impl.h"

enum { MOST_SPATIAL = 2, LARGEST = 1 << 16 };

/* sp_onnx_window - a kernel [out, in / groups, size[0], size[1]]; with one spatial axis, size[1] is
 * 1. */
typedef struct sp_onnx_window {
    size_t axes, out, in, groups;
    size_t size[MOST_SPATIAL], stride[MOST_SPATIAL], dilation[MOST_SPATIAL];
    size_t before[MOST_SPATIAL], after[MOST_SPATIAL];
    const double *weight;
} sp_onnx_window;

/* ---- attributes ---- */

static sp_status read_sizes(sp_onnx_reader *r, const sp_onnx_dim **values, const char *name,
                            size_t count, int64_t least) {
    size_t found = 0;
    SP_TRY(sp_onnx_attribute_wholes(r, values, &found, name));
    for (size_t i = 0; *values && i < found; i++) {
        if (found != count || (*values)[i].k < least || (*values)[i].k > LARGEST) {
            return sp_onnx_refuse(r, SP_E_UNSUPPORTED, "%s has %zu entries, or %" PRId64, name,
                                  found, (*values)[i].k);
        }
    }
    return SP_OK;
}

/* Padding by name: of both sides together, what stride 1 needs to keep the length. */
static sp_status read_auto_pad(sp_onnx_reader *r, sp_onnx_window *w, bool *named) {
    const Onnx__AttributeProto *a = sp_onnx_attribute(r->node, "auto_pad");
    const size_t n = a ? a->s.len : 0;
    const char *text = n > 0 ? (const char *)a->s.data : "";
    *named = n == 10 && (memcmp(text, "SAME_UPPER", n) == 0 || memcmp(text, "SAME_LOWER", n) == 0);
    const bool none = n == 0 || (n == 6 && memcmp(text, "NOTSET", n) == 0) ||
                      (n == 5 && memcmp(text, "VALID", n) == 0);
    bool same_length = true;
    for (size_t i = 0; *named && i < w->axes; i++) {
        const size_t all = (w->size[i] - 1) * w->dilation[i];
        const bool lower = text[5] == 'L';
        same_length = same_length && w->stride[i] == 1;
        w->before[i] = lower ? all - all / 2 : all / 2;
        w->after[i] = all - w->before[i];
    }
    return (none || *named) && same_length
               ? SP_OK
               : sp_onnx_refuse(r, SP_E_UNSUPPORTED,
                                "auto_pad = \"%.*s\" is read with strides of 1 only",
                                (int)(n < 40 ? n : 40), text);
}

static sp_status read_window(sp_onnx_reader *r, sp_onnx_window *w, size_t rank) {
    const sp_onnx_tensor *kernel = NULL;
    const sp_onnx_dim *size = NULL, *stride = NULL, *dilation = NULL, *pads = NULL;
    int64_t groups = 1;
    bool named = false;
    SP_TRY(sp_onnx_input_tensor(r, &kernel, 1, "W"));
    SP_TRY(sp_onnx_attribute_int(r, &groups, "group", 1));
    if (rank < 3 || rank > 2 + MOST_SPATIAL || kernel->rank != rank ||
        kernel->kind != SP_ONNX_REAL || kernel->count == 0 || groups < 1 ||
        kernel->dim[0] % groups != 0) {
        return sp_onnx_refuse(r, SP_E_UNSUPPORTED,
                              "an input of rank %zu and a kernel of rank %zu with %" PRId64
                              " groups: one or two axes behind the channels are read",
                              rank, kernel->rank, groups);
    }
    *w = (sp_onnx_window){.axes = rank - 2,
                          .out = (size_t)kernel->dim[0],
                          .in = (size_t)(kernel->dim[1] * groups),
                          .groups = (size_t)groups,
                          .weight = kernel->real};
    SP_TRY(read_sizes(r, &size, "kernel_shape", w->axes, 1));
    SP_TRY(read_sizes(r, &stride, "strides", w->axes, 1));
    SP_TRY(read_sizes(r, &dilation, "dilations", w->axes, 1));
    SP_TRY(read_sizes(r, &pads, "pads", 2 * w->axes, 0));
    for (size_t i = 0; i < MOST_SPATIAL; i++) {
        const bool there = i < w->axes;
        w->size[i] = there ? (size_t)kernel->dim[2 + i] : 1;
        w->stride[i] = there && stride ? (size_t)stride[i].k : 1;
        w->dilation[i] = there && dilation ? (size_t)dilation[i].k : 1;
        w->before[i] = there && pads ? (size_t)pads[i].k : 0;
        w->after[i] = there && pads ? (size_t)pads[w->axes + i].k : 0;
        if (w->size[i] > LARGEST || (there && size && (size_t)size[i].k != w->size[i])) {
            return sp_onnx_refuse(r, SP_E_FORMAT, "kernel_shape is not that of W");
        }
    }
    return read_auto_pad(r, w, &named);
}

static sp_timing timing_of(const sp_onnx_window *w, size_t axis) {
    return (sp_timing){.taps = w->size[axis],
                       .stride = w->stride[axis],
                       .dilation = w->dilation[axis],
                       .before = w->before[axis],
                       .after = w->after[axis]};
}

/* Where tap k of output position t reads an axis of this length; false: a zero around it. */
static bool reads(const sp_onnx_window *w, size_t axis, size_t t, size_t k, size_t length,
                  size_t *at) {
    const size_t padded = t * w->stride[axis] + k * w->dilation[axis];
    *at = padded - w->before[axis];
    return padded >= w->before[axis] && *at < length;
}

static sp_status read_bias(sp_onnx_reader *r, const sp_onnx_window *w, const double **bias) {
    const sp_onnx_tensor *b = NULL;
    *bias = NULL;
    if (!sp_onnx_input(r, 2)) {
        return SP_OK;
    }
    SP_TRY(sp_onnx_input_tensor(r, &b, 2, "B"));
    if (b->kind != SP_ONNX_REAL || b->count != w->out) {
        return sp_onnx_refuse(r, SP_E_FORMAT, "B ('%.60s') does not hold %zu numbers",
                              sp_onnx_input_name(r, 2), w->out);
    }
    *bias = b->real;
    return SP_OK;
}

/* ---- on sequences ---- */

/* sp_onnx_layout - which spatial axis counts steps (0 or 1), and the length of the other one before
 * and behind. */
typedef struct sp_onnx_layout {
    size_t time, other, length, result;
} sp_onnx_layout;

static sp_status lay_out(sp_onnx_reader *r, const sp_onnx_window *w, const sp_onnx_sequence *x,
                         sp_onnx_layout *l) {
    if (x->outer == SP_ONNX_NO_AXIS || x->outer < 2 || !sp_onnx_dim_is(x->dim[0], 1) ||
        !sp_onnx_dim_is(x->dim[1], (int64_t)w->in)) {
        return sp_onnx_refuse(r, SP_E_UNSUPPORTED,
                              "its input '%.60s' must have the axes batch x %zu channels x .., one "
                              "of which counts the steps",
                              sp_onnx_input_name(r, 0), w->in);
    }
    l->time = x->outer - 2;
    l->other = 1 - l->time;
    l->length = w->axes == 2 ? (size_t)x->dim[2 + l->other].k : 1;
    sp_onnx_dim result = sp_onnx_dim_of(1);
    if (w->axes == 2) {
        const sp_timing timing = timing_of(w, l->other);
        SP_TRY(sp_onnx_length_after(r, &result, &timing, sp_onnx_dim_of((int64_t)l->length)));
    }
    l->result = (size_t)result.k;
    return SP_OK;
}

/* [out * result, taps, in * length]; with one spatial axis the other one has the length 1. */
static double *dense_kernel(sp_onnx_reader *r, const sp_onnx_window *w, const sp_onnx_layout *l) {
    const size_t rows = w->out * l->result, width = w->in * l->length, taps = w->size[l->time];
    const size_t each = w->in / w->groups, others = w->axes == 2 ? w->size[l->other] : 1;
    double *weight = width > SIZE_MAX / 8 / rows / taps
                         ? NULL
                         : sp_region_take(&r->region, rows * taps * width, sizeof *weight);
    for (size_t o = 0; weight && o < w->out; o++) {
        for (size_t i = 0; i < each; i++) {
            const size_t channel = o / (w->out / w->groups) * each + i;
            for (size_t k = 0; k < taps * others; k++) {
                const size_t tap = k / others, other = k % others;
                const size_t place = l->time == 0 ? tap * others + other : other * taps + tap;
                const double number = w->weight[(o * each + i) * taps * others + place];
                for (size_t f = 0; f < l->result; f++) {
                    size_t at = 0;
                    if (w->axes == 1 || reads(w, l->other, f, other, l->length, &at)) {
                        weight[((o * l->result + f) * taps + tap) * width + channel * l->length +
                               at] += number;
                    }
                }
            }
        }
    }
    return weight;
}

/* The numbers of one output: weight [in, length[0], length[1]]. */
static void still_row(const sp_onnx_window *w, double *weight, const size_t *length, size_t o,
                      const size_t *t) {
    const size_t each = w->in / w->groups, first = o / (w->out / w->groups) * each;
    const size_t taps = w->size[0] * w->size[1];
    for (size_t i = 0; i < each; i++) {
        for (size_t k = 0; k < taps; k++) {
            size_t p = 0, q = 0;
            if (reads(w, 0, t[0], k / w->size[1], length[0], &p) &&
                reads(w, 1, t[1], k % w->size[1], length[1], &q)) {
                weight[((first + i) * length[0] + p) * length[1] + q] +=
                    w->weight[(o * each + i) * taps + k];
            }
        }
    }
}

/* Conv over axes of which none counts steps: a dense layer. */
static sp_status conv_still(sp_onnx_reader *r, sp_onnx_sequence x) {
    sp_onnx_window w;
    const double *given = NULL;
    size_t length[MOST_SPATIAL] = {1, 1}, result[MOST_SPATIAL] = {1, 1};
    SP_TRY(read_window(r, &w, x.rank));
    SP_TRY(read_bias(r, &w, &given));
    if (!sp_onnx_dim_is(x.dim[0], 1) || !sp_onnx_dim_is(x.dim[1], (int64_t)w.in)) {
        return sp_onnx_refuse(r, SP_E_UNSUPPORTED, "its input must be 1 x %zu channels x ..", w.in);
    }
    for (size_t i = 0; i < w.axes; i++) {
        const sp_timing timing = timing_of(&w, i);
        sp_onnx_dim after;
        length[i] = (size_t)x.dim[2 + i].k;
        SP_TRY(sp_onnx_length_after(r, &after, &timing, x.dim[2 + i]));
        result[i] = (size_t)after.k;
        x.dim[2 + i] = after;
    }
    const size_t each = result[0] * result[1], rows = w.out * each;
    double *weight = x.width > SIZE_MAX / 8 / rows
                         ? NULL
                         : sp_region_take(&r->region, rows * x.width, sizeof *weight);
    double *bias = sp_region_take(&r->region, rows, sizeof *bias);
    if (!weight || !bias) {
        return sp_onnx_out_of_memory(r);
    }
    for (size_t i = 0; i < rows; i++) {
        const size_t t[MOST_SPATIAL] = {i / result[1] % result[0], i % result[1]};
        still_row(&w, weight + i * x.width, length, i / each, t);
        bias[i] = given ? given[i / each] : 0.0;
    }
    sp_onnx_source source;
    SP_TRY(sp_onnx_layer_affine(r, &x, rows, weight, bias, &source));
    x.dim[1] = sp_onnx_dim_of((int64_t)w.out);
    x.head = SP_ONNX_HEAD_NONE;
    x.width = rows;
    SP_TRY(sp_onnx_sequence_set(r, &x, source));
    return sp_onnx_return_sequence(r, 0, &x);
}

static sp_status conv_sequence(sp_onnx_reader *r, sp_onnx_sequence x) {
    if (x.outer == SP_ONNX_NO_AXIS) {
        return conv_still(r, x);
    }
    sp_onnx_window w;
    sp_onnx_layout l = {0};
    sp_onnx_dim frames;
    const double *given = NULL;
    SP_TRY(read_window(r, &w, x.rank));
    SP_TRY(lay_out(r, &w, &x, &l));
    SP_TRY(read_bias(r, &w, &given));
    sp_timing timing = timing_of(&w, l.time);
    if (x.reversed) {
        return sp_onnx_refuse(r, SP_E_UNSUPPORTED, "it works on steps that run backwards");
    }
    SP_TRY(sp_onnx_length_after(r, &frames, &timing, x.dim[x.outer]));
    const size_t rows = w.out * l.result;
    const double *weight = dense_kernel(r, &w, &l);
    double *bias = sp_region_take(&r->region, rows, sizeof *bias);
    if (!weight || !bias) {
        return sp_onnx_out_of_memory(r);
    }
    for (size_t i = 0; given && i < rows; i++) {
        bias[i] = given[i / l.result];
    }
    sp_onnx_source source;
    SP_TRY(sp_onnx_layer_timed(r, &x, rows, timing, frames, weight, bias, &source));
    x.dim[1] = sp_onnx_dim_of((int64_t)w.out);
    x.dim[x.outer] = frames;
    if (w.axes == 2) {
        x.dim[2 + l.other] = sp_onnx_dim_of((int64_t)l.result);
    }
    x.width = rows;
    SP_TRY(sp_onnx_sequence_set(r, &x, source));
    return sp_onnx_return_sequence(r, 0, &x);
}

/* ---- on constants ---- */

static double convolve(const sp_onnx_window *w, const double *x, const size_t *length, size_t o,
                       const size_t *t) {
    const size_t each = w->in / w->groups, first = o / (w->out / w->groups) * each;
    double sum = 0.0;
    for (size_t i = 0; i < each; i++) {
        for (size_t k = 0; k < w->size[0] * w->size[1]; k++) {
            size_t p = 0, q = 0;
            if (reads(w, 0, t[0], k / w->size[1], length[0], &p) &&
                reads(w, 1, t[1], k % w->size[1], length[1], &q)) {
                sum += w->weight[(o * each + i) * w->size[0] * w->size[1] + k] *
                       x[((first + i) * length[0] + p) * length[1] + q];
            }
        }
    }
    return sum;
}

static sp_status conv_tensor(sp_onnx_reader *r, const sp_onnx_tensor *x) {
    sp_onnx_window w;
    const double *bias = NULL;
    size_t length[MOST_SPATIAL] = {1, 1}, result[MOST_SPATIAL] = {1, 1};
    SP_TRY(read_window(r, &w, x->rank));
    SP_TRY(read_bias(r, &w, &bias));
    if (x->kind != SP_ONNX_REAL || x->dim[0] != 1 || x->dim[1] != (int64_t)w.in) {
        return sp_onnx_refuse(r, SP_E_UNSUPPORTED, "its input must be 1 x %zu channels x ..", w.in);
    }
    sp_onnx_tensor to = {.kind = SP_ONNX_REAL};
    int64_t dim[SP_ONNX_MAX_RANK] = {1, (int64_t)w.out};
    for (size_t i = 0; i < w.axes; i++) {
        const sp_timing timing = timing_of(&w, i);
        sp_onnx_dim after;
        length[i] = (size_t)x->dim[2 + i];
        SP_TRY(sp_onnx_length_after(r, &after, &timing, sp_onnx_dim_of(x->dim[2 + i])));
        result[i] = (size_t)after.k;
        dim[2 + i] = after.k;
    }
    double *numbers = sp_onnx_tensor_shape(&to, dim, x->rank) ? sp_onnx_tensor_make(r, &to) : NULL;
    if (!numbers) {
        return sp_onnx_out_of_memory(r);
    }
    for (size_t i = 0; i < to.count; i++) {
        const size_t o = i / (result[0] * result[1]);
        const size_t t[MOST_SPATIAL] = {i / result[1] % result[0], i % result[1]};
        numbers[i] = convolve(&w, x->real, length, o, t) + (bias ? bias[o] : 0.0);
    }
    return sp_onnx_return_tensor(r, 0, &to);
}

sp_status sp_onnx_op_conv(sp_onnx_reader *r) {
    const sp_onnx_value *x = sp_onnx_input(r, 0);
    return x->kind == SP_ONNX_VALUE_SEQUENCE ? conv_sequence(r, x->sequence)
                                             : conv_tensor(r, &x->tensor);
}

/* ---- BatchNormalization ---- */

/* Scale and shift of every channel. */
static sp_status read_norm(sp_onnx_reader *r, double **factor, double **shift, size_t channels) {
    static const char *const what[4] = {"scale", "B", "mean", "var"};
    const double *number[4];
    double epsilon = 0.0;
    int64_t training = 0;
    SP_TRY(sp_onnx_attribute_float(r, &epsilon, "epsilon", (double)1e-5f));
    SP_TRY(sp_onnx_attribute_int(r, &training, "training_mode", 0));
    if (training != 0) {
        return sp_onnx_refuse(r, SP_E_UNSUPPORTED,
                              "training_mode = 1: export the model in evaluation mode");
    }
    for (size_t i = 0; i < 4; i++) {
        const sp_onnx_tensor *t = NULL;
        SP_TRY(sp_onnx_input_tensor(r, &t, 1 + i, what[i]));
        if (t->kind != SP_ONNX_REAL || t->count != channels) {
            return sp_onnx_refuse(r, SP_E_FORMAT, "%s does not hold %zu numbers", what[i],
                                  channels);
        }
        number[i] = t->real;
    }
    *factor = sp_region_take(&r->region, channels, sizeof **factor);
    *shift = sp_region_take(&r->region, channels, sizeof **shift);
    if (!*factor || !*shift) {
        return sp_onnx_out_of_memory(r);
    }
    for (size_t c = 0; c < channels; c++) {
        (*factor)[c] = number[0][c] / sqrt(number[3][c] + epsilon);
        (*shift)[c] = number[1][c] - number[2][c] * (*factor)[c];
    }
    return SP_OK;
}

static sp_status normalise_sequence(sp_onnx_reader *r, sp_onnx_sequence x) {
    int64_t stride[SP_ONNX_MAX_RANK];
    double *factor = NULL, *shift = NULL;
    if (x.rank < 2 || x.outer == 1) {
        return sp_onnx_refuse(r, SP_E_UNSUPPORTED, "its channels, axis 1, are no features");
    }
    SP_TRY(sp_onnx_sequence_open(r, &x));
    const size_t channels = (size_t)x.dim[1].k;
    SP_TRY(read_norm(r, &factor, &shift, channels));
    double *all = sp_region_take(&r->region, 2 * x.width, sizeof *all);
    if (!all) {
        return sp_onnx_out_of_memory(r);
    }
    sp_onnx_sequence_strides(stride, &x);
    for (size_t i = 0; i < x.width; i++) {
        const size_t c = i / (size_t)stride[1] % channels;
        all[i] = factor[c];
        all[x.width + i] = shift[c];
    }
    SP_TRY(sp_onnx_rows_scale(r, &x, all, all + x.width));
    return sp_onnx_return_sequence(r, 0, &x);
}

static sp_status normalise_tensor(sp_onnx_reader *r, const sp_onnx_tensor *x) {
    int64_t stride[SP_ONNX_MAX_RANK];
    double *factor = NULL, *shift = NULL;
    sp_onnx_tensor to = *x;
    if (x->kind != SP_ONNX_REAL || x->rank < 2) {
        return sp_onnx_refuse(r, SP_E_UNSUPPORTED, "an input of rank %zu", x->rank);
    }
    SP_TRY(read_norm(r, &factor, &shift, (size_t)x->dim[1]));
    double *numbers = sp_onnx_tensor_make(r, &to);
    if (!numbers) {
        return sp_onnx_out_of_memory(r);
    }
    sp_onnx_tensor_strides(stride, x);
    for (size_t i = 0; i < to.count; i++) {
        const size_t c = i / (size_t)stride[1] % (size_t)x->dim[1];
        numbers[i] = factor[c] * x->real[i] + shift[c];
    }
    return sp_onnx_return_tensor(r, 0, &to);
}

sp_status sp_onnx_op_batch_norm(sp_onnx_reader *r) {
    const sp_onnx_value *x = sp_onnx_input(r, 0);
    return x->kind == SP_ONNX_VALUE_SEQUENCE ? normalise_sequence(r, x->sequence)
                                             : normalise_tensor(r, &x->tensor);
}
