/* Sigmoid, Tanh, HardSigmoid, Relu, Neg, Clip, Min and Max. On flows only ReLU is a layer, and a
 * Sigmoid may be the last operator. */
#include <float.h>
#include <math.h>
#include <string.h>

#include "onnx/impl.h"

/* ---- one function of every number ---- */

typedef struct sp_function {
    const char *name;
    double alpha, beta; /* HardSigmoid */
} sp_function;

static double real_value(const sp_function *f, double x) {
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

static sp_status form_value(sp_reader *r, sp_form *to, const sp_function *f, const sp_form *x) {
    if (sp_form_is_constant(x)) {
        *to = sp_form_constant(real_value(f, x->shift));
        return SP_OK;
    }
    switch (f->name[0]) {
    case 'S':
        return sp_form_activate(r, to, SP_ATOM_SIGMOID, x);
    case 'T':
        return sp_form_activate(r, to, SP_ATOM_TANH, x);
    case 'H': {
        sp_form inner = *x;
        // A form that is scaled already would mix its shift with beta.
        SP_TRY(sp_form_normalise(r, &inner));
        inner = sp_form_affine(&inner, f->alpha, f->beta);
        return sp_form_clip(r, to, &inner, 0.0, 1.0);
    }
    case 'R':
        return sp_form_clip(r, to, x, 0.0, INFINITY);
    default:
        *to = sp_form_affine(x, -1.0, 0.0);
        return SP_OK;
    }
}

static sp_status apply(sp_reader *r, const sp_function *f, const sp_tensor *x) {
    sp_tensor to = *x;
    void *numbers = sp_tensor_make(r, &to);
    if (!numbers) {
        return sp_out_of_memory(r);
    }
    for (size_t i = 0; i < to.count; i++) {
        if (x->kind == SP_NUMBERS_REAL) {
            ((double *)numbers)[i] = real_value(f, x->real[i]);
        } else if (x->kind == SP_NUMBERS_FORM) {
            SP_TRY(form_value(r, (sp_form *)numbers + i, f, &x->form[i]));
        } else if (f->name[0] != 'N' ||
                   !sp_extent_sub((sp_extent *)numbers + i, sp_whole(0), x->whole[i])) {
            return sp_refuse(r, SP_E_UNSUPPORTED, "it works on whole numbers here");
        }
    }
    return sp_return_tensor(r, 0, &to);
}

static sp_status add_relu(sp_reader *r, sp_flow flow) {
    SP_TRY(sp_block_add(r, &flow, flow.inner,
                        (sp_block){.kind = SP_NODE_CURVE,
                                   .curve = {.kind = SP_ACTIVATION_RELU},
                                   .out = flow.width}));
    return sp_return_flow(r, 0, &flow);
}

/* A head that the logits are read in front of. */
static sp_status add_head(sp_reader *r, sp_flow flow, sp_head head) {
    if (r->depth > 0 || flow.head != SP_HEAD_NONE || flow.partial || flow.kind == SP_FLOW_STATES ||
        *flow.block == SP_INPUT) {
        return sp_refuse(r, SP_E_UNSUPPORTED,
                         "it is supported as the last layer of a model only, behind the logits");
    }
    flow.head = head;
    flow.logits = sp_input_id(r, 0);
    return sp_return_flow(r, 0, &flow);
}

static sp_status apply_to_flow(sp_reader *r, const sp_function *f, sp_flow flow) {
    switch (f->name[0]) {
    case 'R':
        return add_relu(r, flow);
    case 'S':
        if (flow.width != 1) {
            return sp_refuse(r, SP_E_UNSUPPORTED,
                             "a Sigmoid of %zu outputs, each an answer of its own, is not "
                             "supported: one output, or a Softmax",
                             flow.width);
        }
        return add_head(r, flow, SP_HEAD_SIGMOID);
    default:
        return sp_refuse(r, SP_E_UNSUPPORTED,
                         "of activations between layers only Relu is supported");
    }
}

sp_status sp_op_activation(sp_reader *r) {
    sp_function f = {.name = r->node->op_type};
    SP_TRY(sp_attribute_float(r, &f.alpha, "alpha", (double)0.2f));
    SP_TRY(sp_attribute_float(r, &f.beta, "beta", 0.5));
    const sp_value *x = sp_input(r, 0);
    return x->kind == SP_VALUE_FLOW ? apply_to_flow(r, &f, x->flow) : apply(r, &f, &x->tensor);
}

/* ---- limits ---- */

static sp_status limit_form(sp_reader *r, sp_form *to, const sp_form *x, double lo, double hi) {
    if (sp_form_is_constant(x)) {
        *to = sp_form_constant(fmin(fmax(x->shift, lo), hi));
        return SP_OK;
    }
    return sp_form_clip(r, to, x, lo, hi);
}

/* min(max(x, lo), hi) for every number. */
static sp_status limit(sp_reader *r, sp_value *to, const sp_value *x, double lo, double hi) {
    if (x->kind == SP_VALUE_FLOW) {
        if (lo == 0.0 && hi >= (double)FLT_MAX) {
            to->kind = SP_VALUE_FLOW;
            to->flow = x->flow;
            return sp_block_add(r, &to->flow, to->flow.inner,
                                (sp_block){.kind = SP_NODE_CURVE,
                                           .curve = {.kind = SP_ACTIVATION_RELU},
                                           .out = to->flow.width});
        }
        return sp_refuse(
            r, SP_E_UNSUPPORTED,
            "it limits '%.60s' to %g .. %g: between layers only max(x, 0) is supported",
            sp_input_name(r, 0), lo, hi);
    }
    const sp_tensor *from = &x->tensor;
    *to = *x;
    void *numbers = sp_tensor_make(r, &to->tensor);
    if (!numbers) {
        return sp_out_of_memory(r);
    }
    for (size_t i = 0; i < from->count; i++) {
        if (from->kind == SP_NUMBERS_REAL) {
            const double v = from->real[i];
            ((double *)numbers)[i] = isnan(v) ? v : fmin(fmax(v, lo), hi);
        } else if (from->kind == SP_NUMBERS_FORM) {
            SP_TRY(limit_form(r, (sp_form *)numbers + i, &from->form[i], lo, hi));
        } else {
            return sp_refuse(r, SP_E_UNSUPPORTED, "it works on whole numbers here");
        }
    }
    return SP_OK;
}

/* A limit: one real constant. */
static sp_status read_limit(sp_reader *r, double *number, size_t i, const char *what) {
    const sp_tensor *tensor = NULL;
    if (!sp_input(r, i)) {
        return SP_OK;
    }
    SP_TRY(sp_input_tensor(r, &tensor, i, what));
    if (tensor->kind != SP_NUMBERS_REAL || tensor->count != 1 || isnan(tensor->real[0])) {
        return sp_refuse(r, SP_E_FORMAT, "%s ('%.60s') must be one number", what,
                         sp_input_name(r, i));
    }
    *number = tensor->real[0];
    return SP_OK;
}

static sp_status return_limited(sp_reader *r, double lo, double hi) {
    sp_value to = {0};
    SP_TRY(limit(r, &to, sp_input(r, 0), lo, hi));
    return sp_return_value(r, 0, &to);
}

sp_status sp_op_clip(sp_reader *r) {
    double lo = -INFINITY, hi = INFINITY;
    if (r->opset < 11) {
        SP_TRY(sp_attribute_float(r, &lo, "min", lo));
        SP_TRY(sp_attribute_float(r, &hi, "max", hi));
    } else if (sp_attribute(r->node, "min") || sp_attribute(r->node, "max")) {
        return sp_refuse(r, SP_E_FORMAT, "min and max are inputs since opset 11");
    }
    SP_TRY(read_limit(r, &lo, 1, "min"));
    SP_TRY(read_limit(r, &hi, 2, "max"));
    return return_limited(r, lo, hi);
}

static bool is_number(const sp_value *value, sp_numbers kind) {
    return value->kind == SP_VALUE_TENSOR && value->tensor.kind == kind;
}

/* min or max of two tensors of constants. */
static sp_status fold_limit(sp_reader *r, sp_tensor *to, const sp_tensor *a, const sp_tensor *b,
                            bool least) {
    sp_tensor x, y;
    if (a->kind != b->kind || a->kind == SP_NUMBERS_FORM || !sp_tensor_broadcast(to, a, b)) {
        return sp_refuse(r, SP_E_FORMAT, "tensors of these types and shapes do not fit together");
    }
    x = y = *to;
    SP_TRY(sp_tensor_expand(r, &x, a));
    SP_TRY(sp_tensor_expand(r, &y, b));
    to->kind = a->kind;
    void *numbers = sp_tensor_make(r, to);
    if (!numbers) {
        return sp_out_of_memory(r);
    }
    for (size_t i = 0; i < to->count; i++) {
        if (to->kind == SP_NUMBERS_REAL) {
            const double p = x.real[i], q = y.real[i];
            ((double *)numbers)[i] = isnan(p) || isnan(q) ? NAN : least ? fmin(p, q) : fmax(p, q);
        } else if (x.whole[i].t != 0 || y.whole[i].t != 0) {
            return sp_refuse(r, SP_E_UNSUPPORTED, "it compares numbers of steps");
        } else {
            ((sp_extent *)numbers)[i] =
                (x.whole[i].k < y.whole[i].k) == least ? x.whole[i] : y.whole[i];
        }
    }
    return SP_OK;
}

/* Min or Max of what was found so far and one more input. */
static sp_status limit_by(sp_reader *r, sp_value *so_far, const sp_value *next, bool least) {
    const sp_value found = *so_far;
    if (is_number(&found, SP_NUMBERS_REAL) || is_number(&found, SP_NUMBERS_WHOLE)) {
        if (next->kind == SP_VALUE_TENSOR && next->tensor.kind == found.tensor.kind) {
            return fold_limit(r, &so_far->tensor, &found.tensor, &next->tensor, least);
        }
    }
    const bool swap = is_number(&found, SP_NUMBERS_REAL);
    const sp_value *x = swap ? next : &found, *limits = swap ? &found : next;
    if (!is_number(limits, SP_NUMBERS_REAL) || limits->tensor.count != 1 ||
        isnan(limits->tensor.real[0])) {
        return sp_refuse(r, SP_E_UNSUPPORTED,
                         "of its inputs only one may depend on the features, the others must be "
                         "single numbers");
    }
    const double c = limits->tensor.real[0];
    return limit(r, so_far, x, least ? -INFINITY : c, least ? c : INFINITY);
}

sp_status sp_op_limit(sp_reader *r) {
    const bool least = strcmp(r->node->op_type, "Min") == 0;
    sp_value value = *sp_input(r, 0);
    for (size_t i = 1; i < sp_inputs(r); i++) {
        if (!sp_input(r, i)) {
            return sp_refuse(r, SP_E_FORMAT, "input %zu is left out", i);
        }
        SP_TRY(limit_by(r, &value, sp_input(r, i), least));
    }
    return sp_return_value(r, 0, &value);
}

/* ---- Softmax ---- */

static sp_status softmax_flow(sp_reader *r, sp_flow flow, size_t axis) {
    bool covers = flow.inner != SP_NO_AXIS && flow.width > 1;
    if (r->opset >= 13) {
        covers = covers && axis == flow.inner;
    } else { // over all axes from `axis` on
        covers = covers && axis <= flow.inner && (flow.outer == SP_NO_AXIS || flow.outer < axis);
    }
    if (!covers) {
        return sp_refuse(r, SP_E_UNSUPPORTED, "it is not taken over the classes (axis %zu)", axis);
    }
    return add_head(r, flow, SP_HEAD_SOFTMAX);
}

static sp_status softmax_tensor(sp_reader *r, const sp_tensor *x, size_t axis) {
    size_t outer = 1, length = (size_t)x->dim[axis], inner = 1;
    for (size_t i = 0; i < x->rank; i++) {
        size_t *part = i < axis ? &outer : i == axis ? NULL : r->opset < 13 ? &length : &inner;
        if (part) {
            *part *= (size_t)x->dim[i];
        }
    }
    sp_tensor to = *x;
    double *numbers = x->kind == SP_NUMBERS_REAL ? sp_tensor_make(r, &to) : NULL;
    if (!numbers) {
        return x->kind == SP_NUMBERS_REAL
                   ? sp_out_of_memory(r)
                   : sp_refuse(r, SP_E_UNSUPPORTED, "a Softmax inside of a Loop");
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
            numbers[first + k * inner] /= sum;
        }
    }
    return sp_return_tensor(r, 0, &to);
}

sp_status sp_op_softmax(sp_reader *r) {
    int64_t given = 0;
    size_t axis = 0;
    const sp_value *x = sp_input(r, 0);
    SP_TRY(sp_attribute_int(r, &given, "axis", r->opset < 13 ? 1 : -1));
    SP_TRY(sp_normalise_axis(r, &axis, given,
                             x->kind == SP_VALUE_FLOW ? x->flow.rank : x->tensor.rank));
    return x->kind == SP_VALUE_FLOW ? softmax_flow(r, x->flow, axis)
                                    : softmax_tensor(r, &x->tensor, axis);
}
