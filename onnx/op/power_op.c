/* Pow, Sqrt, Log, and a number times itself: powers and logarithms of numbers that are never
 * negative, as front ends inside of models take them. */
#include <math.h>
#include <string.h>

#include "onnx/cell/power.h"
#include "onnx/impl.h"

static sp_status check(sp_onnx_reader *r, const sp_onnx_sequence *x, const char *what) {
    for (size_t i = 0; i < x->width; i++) {
        if (!(sp_onnx_row_least(r, &x->row[i]) >= 0.0)) {
            return sp_onnx_refuse(r, SP_E_UNSUPPORTED,
                                  "%s of '%.60s', which is not known never to be negative: sums of "
                                  "squares, or what a Relu, Max or Clip at 0 makes, are read",
                                  what, sp_onnx_input_name(r, 0));
        }
    }
    return SP_OK;
}

/* ---- the operators ---- */

static sp_status return_curve(sp_onnx_reader *r, const sp_onnx_sequence *x,
                              sp_activation_kind kind) {
    sp_onnx_sequence sequence = *x;
    SP_TRY(sp_onnx_sequence_curve(r, &sequence, (sp_activation){.kind = kind}));
    return sp_onnx_return_sequence(r, 0, &sequence);
}

// The squares of roots are what they are the roots of.
sp_status sp_onnx_square(sp_onnx_reader *r) {
    const sp_onnx_sequence x = sp_onnx_input(r, 0)->sequence;
    sp_onnx_sequence inside;
    bool roots = false;
    if (x.outer != SP_ONNX_NO_AXIS && x.head == SP_ONNX_HEAD_NONE) {
        SP_TRY(sp_onnx_sequence_under_roots(r, &x, &inside, &roots));
    }
    return roots ? sp_onnx_return_sequence(r, 0, &inside)
                 : return_curve(r, &x, SP_ACTIVATION_SQUARE);
}

static sp_status pow_tensor(sp_onnx_reader *r, const sp_onnx_tensor *x, double exponent) {
    sp_onnx_tensor to = *x;
    double *numbers = x->kind == SP_ONNX_REAL ? sp_onnx_tensor_make(r, &to) : NULL;
    if (!numbers) {
        return x->kind == SP_ONNX_REAL
                   ? sp_onnx_out_of_memory(r)
                   : sp_onnx_refuse(r, SP_E_UNSUPPORTED, "it works on whole numbers here");
    }
    for (size_t i = 0; i < to.count; i++) {
        numbers[i] = pow(x->real[i], exponent);
    }
    return sp_onnx_return_tensor(r, 0, &to);
}

sp_status sp_onnx_op_pow(sp_onnx_reader *r) {
    const sp_onnx_value *x = sp_onnx_input(r, 0);
    const sp_onnx_tensor *exponent = NULL;
    SP_TRY(sp_onnx_input_tensor(r, &exponent, 1, "the exponent"));
    const bool whole = exponent->kind == SP_ONNX_WHOLE;
    if (exponent->count != 1 || (!whole && exponent->kind != SP_ONNX_REAL) ||
        (whole && exponent->whole->t != 0)) {
        return sp_onnx_refuse(r, SP_E_UNSUPPORTED, "exponents other than one number");
    }
    const double power = whole ? (double)exponent->whole->k : exponent->real[0];
    if (x->kind != SP_ONNX_VALUE_SEQUENCE) {
        return pow_tensor(r, &x->tensor, power);
    }
    if (power == 1.0) {
        return sp_onnx_return_sequence(r, 0, &x->sequence);
    }
    if (power == 2.0) {
        return sp_onnx_square(r);
    }
    if (power == 3.0) {
        return return_curve(r, &x->sequence, SP_ACTIVATION_CUBE);
    }
    if (power == 0.5) {
        SP_TRY(check(r, &x->sequence, "a root"));
        return return_curve(r, &x->sequence, SP_ACTIVATION_SQRT);
    }
    return sp_onnx_refuse(r, SP_E_UNSUPPORTED, "the exponent %g: 1, 2, 3 and 0.5 are read", power);
}

sp_status sp_onnx_op_root(sp_onnx_reader *r) {
    const sp_onnx_value *x = sp_onnx_input(r, 0);
    const bool root = strcmp(r->node->op_type, "Sqrt") == 0;
    if (x->kind != SP_ONNX_VALUE_SEQUENCE) {
        sp_onnx_tensor to = x->tensor;
        double *numbers = to.kind == SP_ONNX_REAL ? sp_onnx_tensor_make(r, &to) : NULL;
        if (!numbers) {
            return to.kind == SP_ONNX_REAL
                       ? sp_onnx_out_of_memory(r)
                       : sp_onnx_refuse(r, SP_E_UNSUPPORTED, "it works on whole numbers here");
        }
        for (size_t i = 0; i < to.count; i++) {
            numbers[i] = root ? sqrt(x->tensor.real[i]) : log(x->tensor.real[i]);
        }
        return sp_onnx_return_tensor(r, 0, &to);
    }
    SP_TRY(check(r, &x->sequence, root ? "a root" : "the logarithm"));
    return return_curve(r, &x->sequence, root ? SP_ACTIVATION_SQRT : SP_ACTIVATION_LOG);
}
