// The operators of curve_operators.h.
#include <string.h>

#include "onnx/curve_operators.h"
#include "onnx/impl.h"

/* The function that the node at hand applies. */
static sp_status read_curve(sp_onnx_reader *r, sp_activation *f) {
    *f = (sp_activation){.kind = SP_ACTIVATION_RELU};
#define SP_CURVE_ROW(operator, KIND, attributes, first, second)                                    \
    if (strcmp(r->node->op_type, operator) == 0) {                                                 \
        *f = (sp_activation){SP_ACTIVATION_##KIND, first, second};                                 \
    }
    SP_ONNX_CURVE_LIST(SP_CURVE_ROW)
#undef SP_CURVE_ROW
    SP_TRY(sp_onnx_attribute_float(r, &f->alpha, "alpha", f->alpha));
    return sp_onnx_attribute_float(r, &f->beta, "beta", f->beta);
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

sp_status sp_onnx_op_curve(sp_onnx_reader *r) {
    sp_activation f;
    const sp_onnx_value *x = sp_onnx_input(r, 0);
    SP_TRY(read_curve(r, &f));
    if (x->kind != SP_ONNX_VALUE_SEQUENCE) {
        return apply(r, f, &x->tensor);
    }
    sp_onnx_sequence sequence = x->sequence;
    SP_TRY(sp_onnx_sequence_curve(r, &sequence, f));
    return sp_onnx_return_sequence(r, 0, &sequence);
}
