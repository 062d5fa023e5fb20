// The operators of curve_operators.h, Gelu and PRelu.
#include <math.h>
#include <string.h>

#include "onnx/curve_operators.h"
#include "onnx/impl.h"

/* The function that the node at hand applies. */
static sp_status read_curve(sp_onnx_reader *r, sp_activation *f) {
    *f = (sp_activation){.kind = SP_ACTIVATION_RELU};
    const char *names = "";
#define SP_CURVE_ROW(operator, KIND, attributes, first, second)                                    \
    if (strcmp(r->node->op_type, operator) == 0) {                                                 \
        *f = (sp_activation){SP_ACTIVATION_##KIND, first, second};                                 \
        names = attributes;                                                                        \
    }
    SP_ONNX_CURVE_LIST(SP_CURVE_ROW)
#undef SP_CURVE_ROW
    const char *second = strchr(names, ' ');
    SP_TRY(names[0] == '\0' ? SP_OK : sp_onnx_attribute_float(r, &f->alpha, "alpha", f->alpha));
    return second ? sp_onnx_attribute_float(r, &f->beta, second + 1, f->beta) : SP_OK;
}

static sp_status apply(sp_onnx_reader *r, sp_activation f, const sp_onnx_tensor *x) {
    sp_onnx_tensor to = *x;
    if (x->kind != SP_ONNX_REAL) {
        return sp_onnx_refuse(r, SP_E_UNSUPPORTED,
                              "it works on whole numbers or inside of a Loop here");
    }
    double *numbers = sp_onnx_tensor_make(r, &to);
    if (!numbers) {
        return sp_onnx_out_of_memory(r);
    }
    for (size_t i = 0; i < to.count; i++) {
        numbers[i] = sp_activation_value(f, x->real[i]);
    }
    return sp_onnx_return_tensor(r, 0, &to);
}

static sp_status return_curve(sp_onnx_reader *r, sp_activation f) {
    const sp_onnx_value *x = sp_onnx_input(r, 0);
    if (x->kind != SP_ONNX_VALUE_SEQUENCE) {
        return apply(r, f, &x->tensor);
    }
    sp_onnx_sequence sequence = x->sequence;
    SP_TRY(sp_onnx_sequence_curve(r, &sequence, f));
    return sp_onnx_return_sequence(r, 0, &sequence);
}

sp_status sp_onnx_op_curve(sp_onnx_reader *r) {
    sp_activation f;
    SP_TRY(read_curve(r, &f));
    return return_curve(r, f);
}

sp_status sp_onnx_op_gelu(sp_onnx_reader *r) {
    const Onnx__AttributeProto *form = sp_onnx_attribute(r->node, "approximate");
    const size_t length = form && form->has_s ? form->s.len : 0;
    const bool by_tanh = length == 4 && memcmp(form->s.data, "tanh", 4) == 0;
    if (form && !by_tanh && !(length == 4 && memcmp(form->s.data, "none", 4) == 0)) {
        return sp_onnx_refuse(r, SP_E_FORMAT, "approximate is neither none nor tanh");
    }
    return return_curve(
        r, by_tanh ? (sp_activation){SP_ACTIVATION_GELU_TANH, 0.79788456080286535588, 0.044715}
                   : (sp_activation){SP_ACTIVATION_GELU, 0.70710678118654752440, 0.0});
}

/* ---- PRelu: x, and slope x where x is negative ---- */

/* The slopes, for every number of the sequence. */
static sp_status read_slopes(sp_onnx_reader *r, const sp_onnx_sequence *x, double **slope) {
    const sp_onnx_tensor *given = NULL;
    sp_onnx_sequence all;
    SP_TRY(sp_onnx_input_tensor(r, &given, 1, "slope"));
    SP_TRY(sp_onnx_sequence_constant(r, &all, given, x));
    SP_TRY(sp_onnx_sequence_expand(r, &all, x->dim, x->rank));
    *slope = sp_region_take(&r->region, x->width, sizeof **slope);
    if (!*slope) {
        return sp_onnx_out_of_memory(r);
    }
    if (all.rank != x->rank || all.width != x->width) {
        return sp_onnx_refuse(r, SP_E_FORMAT, "slope has another shape than its input");
    }
    for (size_t i = 0; i < x->width; i++) {
        (*slope)[i] = all.row[i].bias;
    }
    return SP_OK;
}

/* A slope s for every channel: (1 + s) / 2 x + (1 - s) / 2 |x|, whose lines are those of |x|. */
static sp_status prelu_sequence(sp_onnx_reader *r, sp_onnx_sequence x) {
    double *slope = NULL;
    bool same = true;
    SP_TRY(sp_onnx_sequence_open(r, &x));
    SP_TRY(read_slopes(r, &x, &slope));
    for (size_t i = 0; i < x.width; i++) {
        same = same && slope[i] == slope[0];
    }
    if (same) {
        SP_TRY(sp_onnx_sequence_curve(r, &x, (sp_activation){SP_ACTIVATION_LEAKY_RELU, *slope, 0}));
        return sp_onnx_return_sequence(r, 0, &x);
    }
    sp_onnx_sequence size = x, sum;
    double *weight = sp_region_take(&r->region, 2 * x.width, sizeof *weight);
    if (!weight) {
        return sp_onnx_out_of_memory(r);
    }
    for (size_t i = 0; i < x.width; i++) {
        weight[i] = 0.5 * (1.0 + slope[i]);
        weight[x.width + i] = 0.5 * (1.0 - slope[i]);
    }
    SP_TRY(sp_onnx_sequence_curve(r, &size, (sp_activation){SP_ACTIVATION_LEAKY_RELU, -1.0, 0.0}));
    SP_TRY(sp_onnx_rows_scale(r, &x, weight, NULL));
    SP_TRY(sp_onnx_rows_scale(r, &size, weight + x.width, NULL));
    SP_TRY(sp_onnx_sequence_add(r, &sum, &x, &size, 1.0));
    return sp_onnx_return_sequence(r, 0, &sum);
}

sp_status sp_onnx_op_prelu(sp_onnx_reader *r) {
    const sp_onnx_value *x = sp_onnx_input(r, 0);
    const sp_onnx_tensor *slope = NULL;
    if (x->kind == SP_ONNX_VALUE_SEQUENCE) {
        return prelu_sequence(r, x->sequence);
    }
    SP_TRY(sp_onnx_input_tensor(r, &slope, 1, "slope"));
    sp_onnx_tensor to = x->tensor, all = x->tensor;
    if (to.kind != SP_ONNX_REAL || slope->kind != SP_ONNX_REAL) {
        return sp_onnx_refuse(r, SP_E_UNSUPPORTED,
                              "it works on whole numbers or inside of a Loop here");
    }
    SP_TRY(sp_onnx_tensor_expand(r, &all, slope));
    double *numbers = sp_onnx_tensor_make(r, &to);
    if (!numbers) {
        return sp_onnx_out_of_memory(r);
    }
    for (size_t i = 0; i < to.count; i++) {
        const double v = x->tensor.real[i];
        numbers[i] = v < 0.0 ? all.real[i] * v : v;
    }
    return sp_onnx_return_tensor(r, 0, &to);
}
