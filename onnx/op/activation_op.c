/* Sigmoid, Tanh, HardSigmoid, Relu, Neg, Clip, Min and Max. On sequences they are layers; a Sigmoid
 * becomes one when something reads it, and is the head otherwise. */
#include <float.h>
#include <math.h>
#include <string.h>

#include "onnx/impl.h"

/* ---- one function of every number ---- */

typedef struct sp_onnx_function {
    const char *name;
    double alpha, beta; /* HardSigmoid */
} sp_onnx_function;

static double real_value(const sp_onnx_function *f, double x) {
    switch (f->name[0]) {
    case 'S':
        return 1.0 / (1.0 + exp(-x));
    case 'T':
        return tanh(x);
    case 'H':
        return fmax(0.0, fmin(1.0, f->alpha * x + f->beta));
    case 'R':
        return x > 0.0 ? x : isnan(x) ? x : 0.0;
    default:
        return -x; // Neg
    }
}

static sp_status polynomial_value(sp_onnx_reader *r, sp_onnx_polynomial *to,
                                  const sp_onnx_function *f, const sp_onnx_polynomial *x) {
    if (sp_onnx_polynomial_is_constant(x)) {
        *to = sp_onnx_polynomial_constant(real_value(f, x->shift));
        return SP_OK;
    }
    switch (f->name[0]) {
    case 'S':
        return sp_onnx_polynomial_activate(r, to, SP_ONNX_ATOM_SIGMOID, x);
    case 'T':
        return sp_onnx_polynomial_activate(r, to, SP_ONNX_ATOM_TANH, x);
    case 'H': {
        sp_onnx_polynomial inner = *x;
        // A polynomial that is scaled already would mix its shift with beta.
        SP_TRY(sp_onnx_polynomial_normalise(r, &inner));
        inner = sp_onnx_polynomial_affine(&inner, f->alpha, f->beta);
        return sp_onnx_polynomial_clip(r, to, &inner, 0.0, 1.0);
    }
    case 'R':
        return sp_onnx_polynomial_clip(r, to, x, 0.0, INFINITY);
    default:
        *to = sp_onnx_polynomial_affine(x, -1.0, 0.0);
        return SP_OK;
    }
}

static sp_status apply(sp_onnx_reader *r, const sp_onnx_function *f, const sp_onnx_tensor *x) {
    sp_onnx_tensor to = *x;
    void *numbers = sp_onnx_tensor_make(r, &to);
    if (!numbers) {
        return sp_onnx_out_of_memory(r);
    }
    for (size_t i = 0; i < to.count; i++) {
        if (x->kind == SP_ONNX_REAL) {
            ((double *)numbers)[i] = real_value(f, x->real[i]);
        } else if (x->kind == SP_ONNX_POLYNOMIAL) {
            SP_TRY(polynomial_value(r, (sp_onnx_polynomial *)numbers + i, f, &x->polynomial[i]));
        } else if (f->name[0] != 'N' ||
                   !sp_onnx_dim_sub((sp_onnx_dim *)numbers + i, sp_onnx_dim_of(0), x->whole[i])) {
            return sp_onnx_refuse(r, SP_E_UNSUPPORTED, "it works on whole numbers here");
        }
    }
    return sp_onnx_return_tensor(r, 0, &to);
}

/* A head that the logits are read in front of. */
static sp_status add_head(sp_onnx_reader *r, sp_onnx_sequence sequence, sp_onnx_head head) {
    SP_TRY(sp_onnx_sequence_open(r, &sequence));
    if (r->depth > 0 || (head != SP_ONNX_HEAD_SIGMOID && sp_onnx_sequence_is_input(&sequence))) {
        return sp_onnx_refuse(
            r, SP_E_UNSUPPORTED,
            "it is supported as the last layer of a model only, behind the logits");
    }
    sequence.head = head;
    sequence.logits = (sp_onnx_defined){r->graph, sp_onnx_input_id(r, 0)};
    return sp_onnx_return_sequence(r, 0, &sequence);
}

static sp_status negate(sp_onnx_reader *r, sp_onnx_sequence sequence) {
    SP_TRY(sp_onnx_sequence_open(r, &sequence));
    SP_TRY(sp_onnx_rows_times(r, &sequence, -1.0));
    return sp_onnx_return_sequence(r, 0, &sequence);
}

static sp_status add_curve(sp_onnx_reader *r, sp_onnx_sequence sequence, sp_activation curve) {
    if (r->depth > 0 && curve.kind != SP_ACTIVATION_RELU) {
        return sp_onnx_refuse(r, SP_E_UNSUPPORTED,
                              "inside of a Loop it works on more than one step of the features");
    }
    SP_TRY(sp_onnx_sequence_curve(r, &sequence, curve));
    return sp_onnx_return_sequence(r, 0, &sequence);
}

static sp_status apply_to_flow(sp_onnx_reader *r, const sp_onnx_function *f,
                               sp_onnx_sequence sequence) {
    switch (f->name[0]) {
    case 'R':
        return add_curve(r, sequence, (sp_activation){.kind = SP_ACTIVATION_RELU});
    case 'T':
        return add_curve(r, sequence, (sp_activation){.kind = SP_ACTIVATION_TANH});
    case 'H':
        return add_curve(r, sequence,
                         (sp_activation){SP_ACTIVATION_HARD_SIGMOID, f->alpha, f->beta});
    case 'N':
        return negate(r, sequence);
    default:
        return add_head(r, sequence, SP_ONNX_HEAD_SIGMOID);
    }
}

sp_status sp_onnx_op_activation(sp_onnx_reader *r) {
    sp_onnx_function f = {.name = r->node->op_type};
    SP_TRY(sp_onnx_attribute_float(r, &f.alpha, "alpha", (double)0.2f));
    SP_TRY(sp_onnx_attribute_float(r, &f.beta, "beta", 0.5));
    const sp_onnx_value *x = sp_onnx_input(r, 0);
    return x->kind == SP_ONNX_VALUE_SEQUENCE ? apply_to_flow(r, &f, x->sequence)
                                             : apply(r, &f, &x->tensor);
}

/* ---- limits ---- */

static sp_status limit_polynomial(sp_onnx_reader *r, sp_onnx_polynomial *to,
                                  const sp_onnx_polynomial *x, double lo, double hi) {
    if (sp_onnx_polynomial_is_constant(x)) {
        *to = sp_onnx_polynomial_constant(fmin(fmax(x->shift, lo), hi));
        return SP_OK;
    }
    return sp_onnx_polynomial_clip(r, to, x, lo, hi);
}

/* min(max(x, lo), hi) of a sequence. */
static sp_status limit_sequence(sp_onnx_reader *r, sp_onnx_sequence *x, double lo, double hi) {
    const bool below = lo > -(double)FLT_MAX, above = hi < (double)FLT_MAX;
    if (lo > hi) {
        return sp_onnx_refuse(r, SP_E_UNSUPPORTED, "it limits '%.60s' to %g .. %g",
                              sp_onnx_input_name(r, 0), lo, hi);
    }
    if (below && above) {
        return sp_onnx_sequence_curve(r, x, (sp_activation){SP_ACTIVATION_CLIP, lo, hi});
    }
    if (below) {
        const sp_activation f = {lo == 0.0 ? SP_ACTIVATION_RELU : SP_ACTIVATION_AT_LEAST, lo, 0.0};
        return sp_onnx_sequence_curve(r, x, f);
    }
    if (!above) {
        return SP_OK;
    }
    // min(x, hi) = -max(-x, -hi)
    SP_TRY(sp_onnx_rows_times(r, x, -1.0));
    SP_TRY(sp_onnx_sequence_curve(r, x, (sp_activation){SP_ACTIVATION_AT_LEAST, -hi, 0.0}));
    return sp_onnx_rows_times(r, x, -1.0);
}

/* min(max(x, lo), hi) for every number. */
static sp_status limit(sp_onnx_reader *r, sp_onnx_value *to, const sp_onnx_value *x, double lo,
                       double hi) {
    if (x->kind == SP_ONNX_VALUE_SEQUENCE) {
        *to = *x;
        return limit_sequence(r, &to->sequence, lo, hi);
    }
    const sp_onnx_tensor *from = &x->tensor;
    *to = *x;
    void *numbers = sp_onnx_tensor_make(r, &to->tensor);
    if (!numbers) {
        return sp_onnx_out_of_memory(r);
    }
    for (size_t i = 0; i < from->count; i++) {
        if (from->kind == SP_ONNX_REAL) {
            const double v = from->real[i];
            ((double *)numbers)[i] = isnan(v) ? v : fmin(fmax(v, lo), hi);
        } else if (from->kind == SP_ONNX_POLYNOMIAL) {
            SP_TRY(limit_polynomial(r, (sp_onnx_polynomial *)numbers + i, &from->polynomial[i], lo,
                                    hi));
        } else {
            return sp_onnx_refuse(r, SP_E_UNSUPPORTED, "it works on whole numbers here");
        }
    }
    return SP_OK;
}

/* A limit: one real constant. */
static sp_status read_limit(sp_onnx_reader *r, double *number, size_t i, const char *what) {
    const sp_onnx_tensor *tensor = NULL;
    if (!sp_onnx_input(r, i)) {
        return SP_OK;
    }
    SP_TRY(sp_onnx_input_tensor(r, &tensor, i, what));
    if (tensor->kind != SP_ONNX_REAL || tensor->count != 1 || isnan(tensor->real[0])) {
        return sp_onnx_refuse(r, SP_E_FORMAT, "%s ('%.60s') must be one number", what,
                              sp_onnx_input_name(r, i));
    }
    *number = tensor->real[0];
    return SP_OK;
}

static sp_status return_limited(sp_onnx_reader *r, double lo, double hi) {
    sp_onnx_value to = {0};
    SP_TRY(limit(r, &to, sp_onnx_input(r, 0), lo, hi));
    return sp_onnx_return_value(r, 0, &to);
}

sp_status sp_onnx_op_clip(sp_onnx_reader *r) {
    double lo = -INFINITY, hi = INFINITY;
    if (r->opset < 11) {
        SP_TRY(sp_onnx_attribute_float(r, &lo, "min", lo));
        SP_TRY(sp_onnx_attribute_float(r, &hi, "max", hi));
    } else if (sp_onnx_attribute(r->node, "min") || sp_onnx_attribute(r->node, "max")) {
        return sp_onnx_refuse(r, SP_E_FORMAT, "min and max are inputs since opset 11");
    }
    SP_TRY(read_limit(r, &lo, 1, "min"));
    SP_TRY(read_limit(r, &hi, 2, "max"));
    return return_limited(r, lo, hi);
}

static bool is_number(const sp_onnx_value *value, sp_onnx_numbers kind) {
    return value->kind == SP_ONNX_VALUE_TENSOR && value->tensor.kind == kind;
}

/* min or max of two tensors of constants. */
static sp_status fold_limit(sp_onnx_reader *r, sp_onnx_tensor *to, const sp_onnx_tensor *a,
                            const sp_onnx_tensor *b, bool least) {
    sp_onnx_tensor x, y;
    if (a->kind != b->kind || a->kind == SP_ONNX_POLYNOMIAL ||
        !sp_onnx_tensor_broadcast(to, a, b)) {
        return sp_onnx_refuse(r, SP_E_FORMAT,
                              "tensors of these types and shapes do not fit together");
    }
    x = y = *to;
    SP_TRY(sp_onnx_tensor_expand(r, &x, a));
    SP_TRY(sp_onnx_tensor_expand(r, &y, b));
    to->kind = a->kind;
    void *numbers = sp_onnx_tensor_make(r, to);
    if (!numbers) {
        return sp_onnx_out_of_memory(r);
    }
    for (size_t i = 0; i < to->count; i++) {
        if (to->kind == SP_ONNX_REAL) {
            const double p = x.real[i], q = y.real[i];
            ((double *)numbers)[i] = isnan(p) || isnan(q) ? NAN : least ? fmin(p, q) : fmax(p, q);
        } else if (x.whole[i].t != 0 || y.whole[i].t != 0) {
            return sp_onnx_refuse(r, SP_E_UNSUPPORTED, "it compares numbers of steps");
        } else {
            ((sp_onnx_dim *)numbers)[i] =
                (x.whole[i].k < y.whole[i].k) == least ? x.whole[i] : y.whole[i];
        }
    }
    return SP_OK;
}

/* Min or Max of what was found so far and one more input. */
static sp_status limit_by(sp_onnx_reader *r, sp_onnx_value *so_far, const sp_onnx_value *next,
                          bool least) {
    const sp_onnx_value found = *so_far;
    if (is_number(&found, SP_ONNX_REAL) || is_number(&found, SP_ONNX_WHOLE)) {
        if (next->kind == SP_ONNX_VALUE_TENSOR && next->tensor.kind == found.tensor.kind) {
            return fold_limit(r, &so_far->tensor, &found.tensor, &next->tensor, least);
        }
    }
    const bool swap = is_number(&found, SP_ONNX_REAL);
    const sp_onnx_value *x = swap ? next : &found, *limits = swap ? &found : next;
    if (!is_number(limits, SP_ONNX_REAL) || limits->tensor.count != 1 ||
        isnan(limits->tensor.real[0])) {
        return sp_onnx_refuse(
            r, SP_E_UNSUPPORTED,
            "of its inputs only one may depend on the features, the others must be "
            "single numbers");
    }
    const double c = limits->tensor.real[0];
    return limit(r, so_far, x, least ? -INFINITY : c, least ? c : INFINITY);
}

sp_status sp_onnx_op_limit(sp_onnx_reader *r) {
    const bool least = strcmp(r->node->op_type, "Min") == 0;
    sp_onnx_value value = *sp_onnx_input(r, 0);
    for (size_t i = 1; i < sp_onnx_inputs(r); i++) {
        if (!sp_onnx_input(r, i)) {
            return sp_onnx_refuse(r, SP_E_FORMAT, "input %zu is left out", i);
        }
        SP_TRY(limit_by(r, &value, sp_onnx_input(r, i), least));
    }
    return sp_onnx_return_value(r, 0, &value);
}

/* ---- Softmax ---- */

/* Whether a softmax from `axis` on is one over all numbers of a step. */
static bool covers_classes(const sp_onnx_reader *r, const sp_onnx_sequence *x, size_t axis) {
    bool covers = x->width > 1 && axis != x->outer;
    for (size_t i = 0; i < x->rank; i++) {
        const bool inside = r->opset >= 13 ? i == axis : i >= axis;
        covers = covers && (inside ? i != x->outer : i == x->outer || sp_onnx_dim_is(x->dim[i], 1));
    }
    return covers;
}

static sp_status softmax_sequence(sp_onnx_reader *r, sp_onnx_sequence sequence, size_t axis) {
    if (axis == sequence.outer) {
        SP_TRY(
            r->node->op_type[0] == 'L' || r->depth > 0
                ? sp_onnx_refuse(r, SP_E_UNSUPPORTED, "it is taken over the steps (axis %zu)", axis)
                : SP_OK);
        SP_TRY(sp_onnx_sequence_softmax(r, &sequence, axis));
        return sp_onnx_return_sequence(r, 0, &sequence);
    }
    const bool log = r->node->op_type[0] == 'L';
    if (!covers_classes(r, &sequence, axis)) {
        const bool part = !log && r->depth == 0 && sequence.dim[axis].k > 1 &&
                          (r->opset >= 13 || axis + 1 == sequence.rank);
        SP_TRY(part ? SP_OK
                    : sp_onnx_refuse(r, SP_E_UNSUPPORTED,
                                     "it is not taken over the classes (axis %zu)", axis));
        SP_TRY(sp_onnx_sequence_softmax(r, &sequence, axis));
        return sp_onnx_return_sequence(r, 0, &sequence);
    }
    return add_head(r, sequence, log ? SP_ONNX_HEAD_LOG_SOFTMAX : SP_ONNX_HEAD_SOFTMAX);
}

static sp_status softmax_tensor(sp_onnx_reader *r, const sp_onnx_tensor *x, size_t axis) {
    size_t outer = 1, length = (size_t)x->dim[axis], inner = 1;
    for (size_t i = 0; i < x->rank; i++) {
        size_t *part = i < axis ? &outer : i == axis ? NULL : r->opset < 13 ? &length : &inner;
        if (part) {
            *part *= (size_t)x->dim[i];
        }
    }
    sp_onnx_tensor to = *x;
    double *numbers = x->kind == SP_ONNX_REAL ? sp_onnx_tensor_make(r, &to) : NULL;
    if (!numbers) {
        return x->kind == SP_ONNX_REAL
                   ? sp_onnx_out_of_memory(r)
                   : sp_onnx_refuse(r, SP_E_UNSUPPORTED, "a Softmax inside of a Loop");
    }
    for (size_t i = 0; i < (to.count == 0 ? 0 : outer * inner); i++) {
        const size_t first = i / inner * length * inner + i % inner;
        double most = -INFINITY, sum = 0.0;
        for (size_t k = 0; k < length; k++) {
            most = fmax(most, x->real[first + k * inner]);
        }
        for (size_t k = 0; k < length; k++) {
            sum += numbers[first + k * inner] = exp(x->real[first + k * inner] - most);
        }
        for (size_t k = 0; k < length; k++) {
            double *value = &numbers[first + k * inner];
            *value = r->node->op_type[0] == 'L' ? x->real[first + k * inner] - most - log(sum)
                                                : *value / sum;
        }
    }
    return sp_onnx_return_tensor(r, 0, &to);
}

sp_status sp_onnx_op_softmax(sp_onnx_reader *r) {
    int64_t given = 0;
    size_t axis = 0;
    const sp_onnx_value *x = sp_onnx_input(r, 0);
    SP_TRY(sp_onnx_attribute_int(r, &given, "axis", r->opset < 13 ? 1 : -1));
    SP_TRY(sp_onnx_normalise_axis(
        r, &axis, given, x->kind == SP_ONNX_VALUE_SEQUENCE ? x->sequence.rank : x->tensor.rank));
    return x->kind == SP_ONNX_VALUE_SEQUENCE ? softmax_sequence(r, x->sequence, axis)
                                             : softmax_tensor(r, &x->tensor, axis);
}
