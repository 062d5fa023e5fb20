/* Add, Sub, Mul, Div, Equal and Where on constants: what exporters compute with shapes. */
#include <inttypes.h>

#include "onnx/impl.h"

static sp_status whole_result(sp_reader *r, sp_extent *to, sp_extent a, sp_extent b, char op) {
    bool known = false, same = false;
    switch (op) {
    case '+':
        known = sp_extent_add(to, a, b);
        break;
    case '-':
        known = sp_extent_sub(to, a, b);
        break;
    case '*':
        known = sp_extent_mul(to, a, b);
        break;
    case '/':
        known = sp_extent_div(to, a, b);
        break;
    default:
        known = sp_extent_same(&same, a, b);
        *to = sp_whole(same);
        break;
    }
    if (!known) {
        return sp_refuse(r, SP_E_UNSUPPORTED,
                         "the result of %" PRId64 "+%" PRId64 "T %c %" PRId64 "+%" PRId64
                         "T for T steps "
                         "cannot be followed",
                         a.k, a.t, op, b.k, b.t);
    }
    return SP_OK;
}

static double real_result(double a, double b, char op) {
    switch (op) {
    case '+':
        return a + b;
    case '-':
        return a - b;
    case '*':
        return a * b;
    default:
        return a / b;
    }
}

sp_status sp_arithmetic_fold(sp_reader *r, const sp_tensor *a, const sp_tensor *b, char op) {
    sp_tensor to = {0};
    const bool real = a->kind == SP_NUMBERS_REAL;
    if (a->kind != b->kind || (real && op == '=') || !sp_tensor_broadcast(&to, a, b)) {
        return sp_refuse(r, SP_E_FORMAT, "constants of these types and shapes do not fit together");
    }
    sp_tensor x = to, y = to;
    SP_TRY(sp_tensor_expand(r, &x, a));
    SP_TRY(sp_tensor_expand(r, &y, b));
    to.kind = a->kind;
    void *numbers = sp_tensor_make(r, &to);
    if (!numbers) {
        return sp_out_of_memory(r);
    }
    for (size_t i = 0; i < to.count; i++) {
        if (real) {
            ((double *)numbers)[i] = real_result(x.real[i], y.real[i], op);
        } else {
            SP_TRY(whole_result(r, (sp_extent *)numbers + i, x.whole[i], y.whole[i], op));
        }
    }
    return sp_return_tensor(r, 0, &to);
}

sp_status sp_op_arithmetic(sp_reader *r) {
    const sp_tensor *a = NULL, *b = NULL;
    SP_TRY(sp_input_tensor(r, &a, 0, "A"));
    SP_TRY(sp_input_tensor(r, &b, 1, "B"));
    const char name = r->node->op_type[0]; // Sub, Mul, Div or Equal
    return sp_arithmetic_fold(r, a, b,
                              name == 'S'   ? '-'
                              : name == 'M' ? '*'
                              : name == 'D' ? '/'
                                            : '=');
}

sp_status sp_op_where(sp_reader *r) {
    const sp_tensor *condition = NULL, *a = NULL, *b = NULL;
    SP_TRY(sp_input_tensor(r, &condition, 0, "condition"));
    SP_TRY(sp_input_tensor(r, &a, 1, "X"));
    SP_TRY(sp_input_tensor(r, &b, 2, "Y"));
    sp_tensor both = {0}, to = {0};
    if (condition->kind != SP_NUMBERS_WHOLE || a->kind != b->kind ||
        !sp_tensor_broadcast(&both, a, b) || !sp_tensor_broadcast(&to, &both, condition)) {
        return sp_refuse(r, SP_E_FORMAT, "constants of these types and shapes do not fit together");
    }
    sp_tensor choice = to, x = to, y = to;
    SP_TRY(sp_tensor_expand(r, &choice, condition));
    SP_TRY(sp_tensor_expand(r, &x, a));
    SP_TRY(sp_tensor_expand(r, &y, b));
    to.kind = a->kind;
    void *numbers = sp_tensor_make(r, &to);
    if (!numbers) {
        return sp_out_of_memory(r);
    }
    for (size_t i = 0; i < to.count; i++) {
        const bool first = !sp_extent_is(choice.whole[i], 0);
        if (choice.whole[i].t != 0) {
            return sp_refuse(r, SP_E_UNSUPPORTED, "its condition depends on the number of steps");
        }
        if (to.kind == SP_NUMBERS_REAL) {
            ((double *)numbers)[i] = first ? x.real[i] : y.real[i];
        } else {
            ((sp_extent *)numbers)[i] = first ? x.whole[i] : y.whole[i];
        }
    }
    return sp_return_tensor(r, 0, &to);
}
