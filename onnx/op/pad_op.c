/* Pad of constants and of features: zeros or another number around them, the last number repeated,
 * or their mirror image. */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "onnx/impl.h"

typedef enum { CONSTANT, REFLECT, EDGE } sp_onnx_padding_mode;

typedef struct sp_onnx_padding {
    sp_onnx_padding_mode mode;
    double value;
    int64_t before[SP_ONNX_MAX_RANK], after[SP_ONNX_MAX_RANK]; /* negative: that many are cut off */
} sp_onnx_padding;

static sp_status read_mode(sp_onnx_reader *r, sp_onnx_padding *p) {
    static const char *const names[] = {"constant", "reflect", "edge"};
    const Onnx__AttributeProto *a = sp_onnx_attribute(r->node, "mode");
    for (size_t i = 0; i < 3; i++) {
        if (a ? a->s.len == strlen(names[i]) && memcmp(a->s.data, names[i], a->s.len) == 0
              : i == 0) {
            p->mode = (sp_onnx_padding_mode)i;
            return SP_OK;
        }
    }
    return sp_onnx_refuse(r, SP_E_UNSUPPORTED,
                          "mode = \"%.*s\": constant, reflect and edge are read",
                          (int)(a->s.len < 40 ? a->s.len : 40), a->s.data ? (char *)a->s.data : "");
}

static sp_status read_value(sp_onnx_reader *r, sp_onnx_padding *p) {
    if (r->opset < 11) {
        return sp_onnx_attribute_float(r, &p->value, "value", 0.0);
    }
    const sp_onnx_tensor *value = NULL;
    if (!sp_onnx_input(r, 2)) {
        return SP_OK;
    }
    SP_TRY(sp_onnx_input_tensor(r, &value, 2, "constant_value"));
    if (value->count != 1 || (value->kind == SP_ONNX_WHOLE && value->whole[0].t != 0)) {
        return sp_onnx_refuse(r, SP_E_FORMAT, "constant_value is not one number");
    }
    p->value = value->kind == SP_ONNX_WHOLE ? (double)value->whole[0].k : value->real[0];
    return isfinite(p->value) ? SP_OK
                              : sp_onnx_refuse(r, SP_E_NONFINITE, "constant_value is %g", p->value);
}

static sp_status read_padding(sp_onnx_reader *r, sp_onnx_padding *p, size_t rank) {
    const sp_onnx_dim *pads = NULL, *axes = NULL;
    size_t count = 0, named = 0;
    SP_TRY(read_mode(r, p));
    SP_TRY(read_value(r, p));
    SP_TRY(sp_onnx_operand_wholes(r, &pads, &count, "pads", 1, 11));
    if (sp_onnx_input(r, 3)) {
        SP_TRY(sp_onnx_input_wholes(r, &axes, &named, 3, "axes"));
    }
    const size_t n = axes ? named : rank;
    if (!pads || count != 2 * n || n > rank) {
        return sp_onnx_refuse(r, SP_E_FORMAT, "pads has %zu entries for %zu axes", count, n);
    }
    for (size_t i = 0; i < n; i++) {
        size_t axis = i;
        SP_TRY(axes ? sp_onnx_normalise_axis(r, &axis, axes[i].k, rank) : SP_OK);
        const sp_onnx_dim before = pads[i], after = pads[n + i];
        if (before.t != 0 || after.t != 0 || before.k > INT32_MAX || after.k > INT32_MAX ||
            before.k < -INT32_MAX || after.k < -INT32_MAX) {
            return sp_onnx_refuse(r, SP_E_UNSUPPORTED,
                                  "how far it pads axis %zu depends on the number of steps", axis);
        }
        p->before[axis] = before.k;
        p->after[axis] = after.k;
    }
    return SP_OK;
}

/* Where position i of an axis is read, of `length`; -1: it is the constant. */
static int64_t read_at(const sp_onnx_padding *p, size_t axis, int64_t i, int64_t length) {
    int64_t at = i - p->before[axis];
    if (p->mode == EDGE) {
        return at < 0 ? 0 : at >= length ? length - 1 : at;
    }
    if (p->mode == REFLECT) {
        const int64_t period = 2 * (length - 1);
        at = period == 0 ? 0 : at % period;
        at = at < 0 ? at + period : at;
        return at >= length ? period - at : at;
    }
    return at < 0 || at >= length ? -1 : at;
}

/* For every element of the result, the place of the element that it is, or -1. */
static sp_status places(sp_onnx_reader *r, const sp_onnx_padding *p, const int64_t *dim,
                        size_t rank, int64_t *to, int64_t **place, size_t *count) {
    *count = 1;
    for (size_t i = 0; i < rank; i++) {
        to[i] = dim[i] + p->before[i] + p->after[i];
        if (to[i] <= 0 || dim[i] <= 0 || (size_t)to[i] > ((size_t)1 << 28) / *count) {
            return sp_onnx_refuse(r, SP_E_UNSUPPORTED,
                                  "it pads axis %zu of length %" PRId64 " to %" PRId64, i, dim[i],
                                  to[i]);
        }
        *count *= (size_t)to[i];
    }
    *place = sp_region_take(&r->region, *count, sizeof **place);
    if (!*place) {
        return sp_onnx_out_of_memory(r);
    }
    for (size_t e = 0; e < *count; e++) {
        int64_t stride = 1, at = 0;
        size_t rest = e;
        for (size_t i = rank; i-- > 0;) {
            const int64_t k = read_at(p, i, (int64_t)(rest % (size_t)to[i]), dim[i]);
            rest /= (size_t)to[i];
            at = k < 0 || at < 0 ? -1 : at + k * stride;
            stride *= dim[i];
        }
        (*place)[e] = at;
    }
    return SP_OK;
}

static sp_status pad_tensor(sp_onnx_reader *r, const sp_onnx_padding *p, const sp_onnx_tensor *x) {
    int64_t dim[SP_ONNX_MAX_RANK], *place = NULL;
    size_t count = 0;
    SP_TRY(places(r, p, x->dim, x->rank, dim, &place, &count));
    sp_onnx_tensor to = {.kind = x->kind};
    (void)sp_onnx_tensor_shape(&to, dim, x->rank);
    void *numbers = sp_onnx_tensor_make(r, &to);
    if (!numbers) {
        return sp_onnx_out_of_memory(r);
    }
    for (size_t e = 0; e < count; e++) {
        const int64_t at = place[e];
        if (x->kind == SP_ONNX_REAL) {
            ((double *)numbers)[e] = at < 0 ? p->value : x->real[at];
        } else if (x->kind == SP_ONNX_WHOLE) {
            ((sp_onnx_dim *)numbers)[e] = at < 0 ? sp_onnx_dim_of((int64_t)p->value) : x->whole[at];
        } else {
            ((sp_onnx_polynomial *)numbers)[e] =
                at < 0 ? sp_onnx_polynomial_constant(p->value) : x->polynomial[at];
        }
    }
    return sp_onnx_return_tensor(r, 0, &to);
}

/* Along the steps: as frames around what a layer reads. */
static sp_status pad_steps(sp_onnx_reader *r, sp_onnx_padding *p, sp_onnx_sequence *x) {
    const int64_t before = p->before[x->outer], after = p->after[x->outer];
    const sp_onnx_dim length = x->dim[x->outer];
    const sp_timing around = {.taps = 1,
                              .stride = 1,
                              .dilation = 1,
                              .before = (size_t)(before > 0 ? before : 0),
                              .after = (size_t)(after > 0 ? after : 0),
                              .repeats = p->mode == EDGE,
                              .reflects = p->mode == REFLECT};
    p->before[x->outer] = p->after[x->outer] = 0;
    if (before == 0 && after == 0) {
        return SP_OK;
    }
    if (before < 0 || after < 0 || x->reversed || (p->mode == CONSTANT && p->value != 0.0)) {
        return sp_onnx_refuse(r, SP_E_UNSUPPORTED,
                              "it pads '%.60s' along its steps with a constant other than 0, or "
                              "cuts steps off, or the steps are turned around: export the same "
                              "weights with the padding inside of the layer that follows",
                              sp_onnx_input_name(r, 0));
    }
    if (p->mode == REFLECT && length.t == 0 && (before >= length.k || after >= length.k)) {
        return sp_onnx_refuse(r, SP_E_FORMAT,
                              "%" PRId64 " steps are too few for a mirror image of %" PRId64,
                              length.k, before > after ? before : after);
    }
    SP_TRY(sp_onnx_sequence_open(r, x));
    return sp_onnx_sequence_surround(r, x, around);
}

static sp_status pad_sequence(sp_onnx_reader *r, sp_onnx_padding p, sp_onnx_sequence x) {
    int64_t dim[SP_ONNX_MAX_RANK], to[SP_ONNX_MAX_RANK], *place = NULL;
    size_t count = 0;
    bool others = false;
    SP_TRY(x.outer == SP_ONNX_NO_AXIS ? SP_OK : pad_steps(r, &p, &x));
    for (size_t i = 0; i < x.rank; i++) {
        others = others || p.before[i] != 0 || p.after[i] != 0;
        dim[i] = i == x.outer ? 1 : x.dim[i].k;
    }
    if (!others) {
        return sp_onnx_return_sequence(r, 0, &x);
    }
    SP_TRY(sp_onnx_sequence_open(r, &x));
    SP_TRY(places(r, &p, dim, x.rank, to, &place, &count));
    sp_onnx_affine *row = sp_region_take(&r->region, count, sizeof *row);
    if (!row) {
        return sp_onnx_out_of_memory(r);
    }
    for (size_t e = 0; e < count; e++) {
        row[e] = place[e] < 0 ? (sp_onnx_affine){NULL, 0, p.value} : x.row[place[e]];
    }
    for (size_t i = 0; i < x.rank; i++) {
        x.dim[i] = i == x.outer ? x.dim[i] : sp_onnx_dim_of(to[i]);
    }
    x.row = row;
    x.width = count;
    return sp_onnx_return_sequence(r, 0, &x);
}

sp_status sp_onnx_op_pad(sp_onnx_reader *r) {
    const sp_onnx_value *x = sp_onnx_input(r, 0);
    const bool sequence = x->kind == SP_ONNX_VALUE_SEQUENCE;
    sp_onnx_padding p = {.mode = CONSTANT};
    SP_TRY(read_padding(r, &p, sequence ? x->sequence.rank : x->tensor.rank));
    return sequence ? pad_sequence(r, p, x->sequence) : pad_tensor(r, &p, &x->tensor);
}
