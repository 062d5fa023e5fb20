/* Windows and mel matrices, which are constants, and Fourier transforms of real numbers, which are
 * matrices: over an axis of features, or over frames of samples. */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "onnx/op/spectrum.h"

enum { LONGEST = 1 << 16, MOST_BANDS = 1 << 12 };
static const double turn = 6.283185307179586;

/* ---- constants ---- */

/* An input that is one number. */
static sp_status read_number(sp_onnx_reader *r, double *number, size_t i, const char *what) {
    const sp_onnx_tensor *t = NULL;
    SP_TRY(sp_onnx_input_tensor(r, &t, i, what));
    const bool whole = t->kind == SP_ONNX_WHOLE;
    if (t->count != 1 || (whole && t->whole->t != 0) || (!whole && t->kind != SP_ONNX_REAL)) {
        return sp_onnx_refuse(r, SP_E_UNSUPPORTED, "%s is not one number", what);
    }
    *number = whole ? (double)t->whole->k : t->real[0];
    return SP_OK;
}

static sp_status read_length(sp_onnx_reader *r, size_t *length, size_t i, const char *what,
                             size_t most) {
    double number = 0.0;
    SP_TRY(read_number(r, &number, i, what));
    if (!(number >= 1.0 && number <= (double)most && number == floor(number))) {
        return sp_onnx_refuse(r, SP_E_UNSUPPORTED, "%s = %g: 1 to %zu are read", what, number,
                              most);
    }
    *length = (size_t)number;
    return SP_OK;
}

/* FLOAT and DOUBLE are the same here. */
static sp_status check_type(sp_onnx_reader *r) {
    int64_t type = 1;
    SP_TRY(sp_onnx_attribute_int(r, &type, "output_datatype", 1));
    return type == 1 || type == 11
               ? SP_OK
               : sp_onnx_refuse(r, SP_E_UNSUPPORTED,
                                "output_datatype = %" PRId64 ": FLOAT and DOUBLE are read", type);
}

static sp_status return_numbers(sp_onnx_reader *r, double **numbers, sp_onnx_tensor *to,
                                const int64_t *dim, size_t rank) {
    *to = (sp_onnx_tensor){.kind = SP_ONNX_REAL};
    *numbers = sp_onnx_tensor_shape(to, dim, rank) ? sp_onnx_tensor_make(r, to) : NULL;
    return *numbers ? SP_OK : sp_onnx_out_of_memory(r);
}

sp_status sp_onnx_op_window(sp_onnx_reader *r) {
    static const double terms[3][3] = {
        {0.5, 0.5, 0.0}, {25.0 / 46.0, 21.0 / 46.0, 0.0}, {0.42, 0.5, 0.08}};
    const char *type = r->node->op_type;
    const double *a = terms[type[0] == 'B' ? 2 : type[2] == 'm' ? 1 : 0];
    int64_t periodic = 1;
    size_t size = 0;
    double *numbers = NULL;
    sp_onnx_tensor to;
    SP_TRY(check_type(r));
    SP_TRY(sp_onnx_attribute_int(r, &periodic, "periodic", 1));
    SP_TRY(read_length(r, &size, 0, "size", LONGEST));
    SP_TRY(return_numbers(r, &numbers, &to, (const int64_t[]){(int64_t)size}, 1));
    const size_t period = periodic != 0 ? size : size - 1;
    for (size_t n = 0; n < size; n++) {
        const double angle = period > 0 ? turn * (double)n / (double)period : 0.0;
        numbers[n] = period > 0 ? a[0] - a[1] * cos(angle) + a[2] * cos(2.0 * angle) : 1.0;
    }
    return sp_onnx_return_tensor(r, 0, &to);
}

/* The bin of edge i of bands that are equally wide on the mel scale. */
static size_t edge_of(size_t i, size_t bands, size_t length, double rate, double low, double high) {
    const double first = 2595.0 * log10(1.0 + low / 700.0);
    const double last = 2595.0 * log10(1.0 + high / 700.0);
    const double mel = first + (double)i * (last - first) / (double)(bands + 2);
    return (size_t)floor((double)(length + 1) * 700.0 * (pow(10.0, mel / 2595.0) - 1.0) / rate);
}

sp_status sp_onnx_op_mel_matrix(sp_onnx_reader *r) {
    size_t bands = 0, length = 0;
    double rate = 0.0, low = 0.0, high = 0.0, *numbers = NULL;
    sp_onnx_tensor to;
    SP_TRY(check_type(r));
    SP_TRY(read_length(r, &bands, 0, "num_mel_bins", MOST_BANDS));
    SP_TRY(read_length(r, &length, 1, "dft_length", LONGEST));
    SP_TRY(read_number(r, &rate, 2, "sample_rate"));
    SP_TRY(read_number(r, &low, 3, "lower_edge_hertz"));
    SP_TRY(read_number(r, &high, 4, "upper_edge_hertz"));
    const size_t bins = length / 2 + 1;
    if (!(rate > 0.0 && low >= 0.0 && low < high && high <= rate / 2.0)) {
        return sp_onnx_refuse(r, SP_E_UNSUPPORTED, "bands from %g to %g Hz at %g Hz", low, high,
                              rate);
    }
    SP_TRY(return_numbers(r, &numbers, &to, (const int64_t[]){(int64_t)bins, (int64_t)bands}, 2));
    for (size_t b = 0; b < bands; b++) {
        const size_t left = edge_of(b, bands, length, rate, low, high);
        const size_t middle = edge_of(b + 1, bands, length, rate, low, high);
        const size_t right = edge_of(b + 2, bands, length, rate, low, high);
        for (size_t k = left; k <= middle && k < bins; k++) {
            numbers[k * bands + b] =
                left == middle ? 1.0 : (double)(k - left) / (double)(middle - left);
        }
        for (size_t k = middle; k < right && k < bins; k++) {
            numbers[k * bands + b] = (double)(right - k) / (double)(right - middle);
        }
    }
    return sp_onnx_return_tensor(r, 0, &to);
}

/* ---- transforms ---- */

/* sp_onnx_fourier - bins 0 .. bins - 1 of the transform of `length` numbers, of which the first
 * `given` are there, times a window (NULL: ones). */
typedef struct sp_onnx_fourier {
    size_t length, given, bins;
    const double *window;
} sp_onnx_fourier;

/* The weight of number n in the real (part 0) or imaginary part of bin k. */
static double weight_of(const sp_onnx_fourier *f, size_t k, size_t part, size_t n) {
    const double angle = turn * (double)(k * n % f->length) / (double)f->length;
    return (f->window ? f->window[n] : 1.0) * (part == 0 ? cos(angle) : -sin(angle));
}

static sp_status read_sides(sp_onnx_reader *r, sp_onnx_fourier *f, int64_t usual) {
    int64_t onesided = usual, inverse = 0;
    SP_TRY(sp_onnx_attribute_int(r, &onesided, "onesided", usual));
    SP_TRY(sp_onnx_attribute_int(r, &inverse, "inverse", 0));
    f->bins = onesided != 0 ? f->length / 2 + 1 : f->length;
    return inverse == 0 ? SP_OK
                        : sp_onnx_refuse(r, SP_E_UNSUPPORTED, "inverse = 1: only 0 is read");
}

static sp_status check_real(sp_onnx_reader *r, const sp_onnx_dim *dim, size_t rank) {
    return rank >= 2 && sp_onnx_dim_is(dim[rank - 1], 1)
               ? SP_OK
               : sp_onnx_refuse(r, SP_E_UNSUPPORTED,
                                "its input '%.60s' does not hold real numbers, a last axis of "
                                "length 1",
                                sp_onnx_input_name(r, 0));
}

static sp_status read_dft(sp_onnx_reader *r, sp_onnx_fourier *f, size_t *axis,
                          const sp_onnx_dim *dim, size_t rank) {
    int64_t at = 1;
    double number = -2.0;
    SP_TRY(check_real(r, dim, rank));
    if (r->opset < 20) {
        SP_TRY(sp_onnx_attribute_int(r, &at, "axis", 1));
    } else {
        SP_TRY(sp_onnx_input(r, 2) ? read_number(r, &number, 2, "axis") : SP_OK);
        at = (int64_t)number;
    }
    SP_TRY(sp_onnx_normalise_axis(r, axis, at, rank));
    if (*axis + 1 == rank || dim[*axis].t != 0 || dim[*axis].k < 1 || dim[*axis].k > LONGEST) {
        return sp_onnx_refuse(r, SP_E_UNSUPPORTED,
                              "it transforms axis %zu, whose length is not fixed, or not in 1 .. "
                              "%d",
                              *axis, (int)LONGEST);
    }
    f->length = (size_t)dim[*axis].k;
    if (sp_onnx_input(r, 1)) {
        SP_TRY(read_length(r, &f->length, 1, "dft_length", LONGEST));
    }
    f->given = (size_t)dim[*axis].k < f->length ? (size_t)dim[*axis].k : f->length;
    return read_sides(r, f, 0);
}

static sp_status dft_tensor(sp_onnx_reader *r, const sp_onnx_fourier *f, size_t axis,
                            const sp_onnx_tensor *x) {
    int64_t dim[SP_ONNX_MAX_RANK];
    double *numbers = NULL;
    sp_onnx_tensor to;
    size_t inner = 1;
    if (x->kind != SP_ONNX_REAL) {
        return sp_onnx_refuse(r, SP_E_UNSUPPORTED, "it transforms no real numbers");
    }
    memcpy(dim, x->dim, sizeof dim);
    for (size_t i = axis + 1; i + 1 < x->rank; i++) {
        inner *= (size_t)x->dim[i];
    }
    const size_t length = (size_t)x->dim[axis];
    dim[axis] = (int64_t)f->bins;
    dim[x->rank - 1] = 2;
    SP_TRY(return_numbers(r, &numbers, &to, dim, x->rank));
    for (size_t i = 0; i < to.count; i++) {
        const size_t part = i % 2, at = i / 2 % inner, k = i / 2 / inner % f->bins;
        const size_t outer = i / 2 / inner / f->bins;
        for (size_t n = 0; n < f->given; n++) {
            numbers[i] += weight_of(f, k, part, n) * x->real[(outer * length + n) * inner + at];
        }
    }
    return sp_onnx_return_tensor(r, 0, &to);
}

/* As a layer over all numbers of a step. */
static sp_status dft_sequence(sp_onnx_reader *r, const sp_onnx_fourier *f, size_t axis,
                              sp_onnx_sequence x) {
    int64_t stride[SP_ONNX_MAX_RANK];
    sp_onnx_sequence_strides(stride, &x);
    const size_t inner = (size_t)stride[axis], length = (size_t)x.dim[axis].k;
    const size_t out = x.width / length * f->bins * 2;
    double *weight =
        out > SIZE_MAX / x.width ? NULL : sp_region_take(&r->region, out * x.width, sizeof *weight);
    sp_onnx_source source;
    if (!weight) {
        return sp_onnx_out_of_memory(r);
    }
    for (size_t i = 0; i < out; i++) {
        const size_t part = i % 2, at = i / 2 % inner, k = i / 2 / inner % f->bins;
        const size_t outer = i / 2 / inner / f->bins;
        for (size_t n = 0; n < f->given; n++) {
            weight[i * x.width + (outer * length + n) * inner + at] = weight_of(f, k, part, n);
        }
    }
    SP_TRY(sp_onnx_layer_affine(r, &x, out, weight, NULL, &source));
    x.head = SP_ONNX_HEAD_NONE;
    x.dim[axis] = sp_onnx_dim_of((int64_t)f->bins);
    x.dim[x.rank - 1] = sp_onnx_dim_of(2);
    x.width = out;
    SP_TRY(sp_onnx_sequence_set(r, &x, source));
    return sp_onnx_return_sequence(r, 0, &x);
}

sp_status sp_onnx_op_dft(sp_onnx_reader *r) {
    const sp_onnx_value *x = sp_onnx_input(r, 0);
    sp_onnx_fourier f = {0};
    sp_onnx_dim dim[SP_ONNX_MAX_RANK];
    size_t axis = 0;
    const size_t rank = sp_onnx_shape_of(x, dim);
    SP_TRY(read_dft(r, &f, &axis, dim, rank));
    return x->kind == SP_ONNX_VALUE_SEQUENCE ? dft_sequence(r, &f, axis, x->sequence)
                                             : dft_tensor(r, &f, axis, &x->tensor);
}

/* ---- frames of samples ---- */

static sp_status read_stft(sp_onnx_reader *r, sp_onnx_fourier *f, size_t *step) {
    const sp_onnx_tensor *window = NULL;
    SP_TRY(read_length(r, step, 1, "frame_step", LONGEST));
    if (sp_onnx_input(r, 2)) {
        SP_TRY(sp_onnx_input_tensor(r, &window, 2, "window"));
        if (window->kind != SP_ONNX_REAL || window->rank != 1 || window->count < 1 ||
            window->count > LONGEST) {
            return sp_onnx_refuse(r, SP_E_FORMAT, "window is no list of real numbers");
        }
        f->window = window->real;
        f->length = window->count;
    }
    if (sp_onnx_input(r, 3)) {
        SP_TRY(read_length(r, &f->length, 3, "frame_length", LONGEST));
    }
    if (f->length == 0 || (window && window->count != f->length)) {
        return sp_onnx_refuse(r, SP_E_FORMAT, "frame_length is not that of the window");
    }
    f->given = f->length;
    return read_sides(r, f, 1);
}

static sp_status stft_tensor(sp_onnx_reader *r, const sp_onnx_fourier *f, size_t step,
                             const sp_onnx_tensor *x) {
    double *numbers = NULL;
    sp_onnx_tensor to;
    if (x->kind != SP_ONNX_REAL || x->dim[1] < (int64_t)f->length) {
        return sp_onnx_refuse(r, SP_E_UNSUPPORTED, "its input '%.60s' holds no whole frame",
                              sp_onnx_input_name(r, 0));
    }
    const size_t batch = (size_t)x->dim[0], all = (size_t)x->dim[1];
    const size_t frames = (all - f->length) / step + 1;
    const int64_t dim[4] = {x->dim[0], (int64_t)frames, (int64_t)f->bins, 2};
    SP_TRY(return_numbers(r, &numbers, &to, dim, 4));
    for (size_t k = 0; k < 2 * f->bins; k++) {
        for (size_t n = 0; n < f->length; n++) {
            const double weight = weight_of(f, k / 2, k % 2, n);
            for (size_t t = 0; t < batch * frames; t++) {
                numbers[t * 2 * f->bins + k] +=
                    weight * x->real[t / frames * all + t % frames * step + n];
            }
        }
    }
    return sp_onnx_return_tensor(r, 0, &to);
}

static sp_status stft_sequence(sp_onnx_reader *r, const sp_onnx_fourier *f, size_t step,
                               const sp_onnx_sequence *x) {
    const sp_timing timing = {.taps = f->length, .stride = step, .dilation = 1};
    const size_t out = 2 * f->bins;
    if (x->outer != 1 || x->width != 1 || x->reversed) {
        return sp_onnx_refuse(r, SP_E_UNSUPPORTED,
                              "its input '%.60s' must have the axes batch x samples, or batch x "
                              "samples x 1, with one recording in a batch",
                              sp_onnx_input_name(r, 0));
    }
    double *weight = sp_region_take(&r->region, out * f->length, sizeof *weight);
    double *bias = sp_region_take(&r->region, out, sizeof *bias);
    if (!weight || !bias) {
        return sp_onnx_out_of_memory(r);
    }
    for (size_t i = 0; i < out * f->length; i++) {
        weight[i] = weight_of(f, i / f->length / 2, i / f->length % 2, i % f->length);
    }
    sp_onnx_source source;
    sp_onnx_sequence to = {.rank = 4, .outer = 1, .width = out};
    to.dim[0] = sp_onnx_dim_of(1);
    to.dim[2] = sp_onnx_dim_of((int64_t)f->bins);
    to.dim[3] = sp_onnx_dim_of(2);
    SP_TRY(sp_onnx_length_after(r, &to.dim[1], &timing, x->dim[1]));
    SP_TRY(sp_onnx_layer_timed(r, x, out, timing, to.dim[1], weight, bias, &source));
    SP_TRY(sp_onnx_sequence_set(r, &to, source));
    return sp_onnx_return_sequence(r, 0, &to);
}

sp_status sp_onnx_op_stft(sp_onnx_reader *r) {
    const sp_onnx_value *x = sp_onnx_input(r, 0);
    sp_onnx_fourier f = {0};
    sp_onnx_dim dim[SP_ONNX_MAX_RANK];
    size_t step = 0;
    const size_t rank = sp_onnx_shape_of(x, dim);
    SP_TRY(read_stft(r, &f, &step));
    SP_TRY(rank == 2 ? SP_OK : check_real(r, dim, rank == 3 ? rank : 0));
    return x->kind == SP_ONNX_VALUE_SEQUENCE ? stft_sequence(r, &f, step, &x->sequence)
                                             : stft_tensor(r, &f, step, &x->tensor);
}
