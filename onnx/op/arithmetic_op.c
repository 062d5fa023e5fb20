/* Add, Sub, Mul and Div; Mod, comparisons and Where on constants: what exporters compute with
 * shapes. */
#include <inttypes.h>
#include <math.h>

#include "onnx/cell/power.h"
#include "onnx/impl.h"
#include "onnx/layer/mask.h"

static sp_status whole_result(sp_onnx_reader *r, sp_onnx_dim *to, sp_onnx_dim a, sp_onnx_dim b,
                              char op) {
    const bool known = op == '+'   ? sp_onnx_dim_add(to, a, b)
                       : op == '-' ? sp_onnx_dim_sub(to, a, b)
                       : op == '*' ? sp_onnx_dim_mul(to, a, b)
                                   : sp_onnx_dim_div(to, a, b);
    if (!known) {
        return sp_onnx_refuse(r, SP_E_UNSUPPORTED,
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

static sp_status polynomial_result(sp_onnx_reader *r, sp_onnx_polynomial *to,
                                   const sp_onnx_polynomial *a, const sp_onnx_polynomial *b,
                                   char op) {
    sp_onnx_polynomial other = *b;
    switch (op) {
    case '-':
        other = sp_onnx_polynomial_affine(b, -1.0, 0.0);
        return sp_onnx_polynomial_add(r, to, a, &other);
    case '+':
        return sp_onnx_polynomial_add(r, to, a, b);
    case '*':
        return sp_onnx_polynomial_multiply(r, to, a, b);
    default:
        if (!sp_onnx_polynomial_is_constant(b) || b->shift == 0.0) {
            return sp_onnx_refuse(r, SP_E_UNSUPPORTED, "it divides by '%.60s'",
                                  sp_onnx_input_name(r, 1));
        }
        other = sp_onnx_polynomial_constant(1.0 / b->shift);
        return sp_onnx_polynomial_multiply(r, to, a, &other);
    }
}

/* a and b with one shape and kind of numbers; `to` gets them too. */
static sp_status match(sp_onnx_reader *r, sp_onnx_tensor *to, sp_onnx_tensor *x, sp_onnx_tensor *y,
                       const sp_onnx_tensor *a, const sp_onnx_tensor *b) {
    const bool polynomials = (a->kind == SP_ONNX_POLYNOMIAL) != (b->kind == SP_ONNX_POLYNOMIAL) &&
                             a->kind != SP_ONNX_WHOLE && b->kind != SP_ONNX_WHOLE;
    sp_onnx_tensor p = *a, q = *b;
    if ((a->kind != b->kind && !polynomials) || !sp_onnx_tensor_broadcast(to, a, b)) {
        return sp_onnx_refuse(r, SP_E_FORMAT,
                              "constants of these types and shapes do not fit together");
    }
    SP_TRY(polynomials ? sp_onnx_tensor_polynomials(r, &p, a) : SP_OK);
    SP_TRY(polynomials ? sp_onnx_tensor_polynomials(r, &q, b) : SP_OK);
    *x = *y = *to;
    SP_TRY(sp_onnx_tensor_expand(r, x, &p));
    SP_TRY(sp_onnx_tensor_expand(r, y, &q));
    to->kind = p.kind;
    return SP_OK;
}

sp_status sp_onnx_tensor_arithmetic(sp_onnx_reader *r, sp_onnx_tensor *to, const sp_onnx_tensor *a,
                                    const sp_onnx_tensor *b, char op) {
    sp_onnx_tensor x, y;
    SP_TRY(match(r, to, &x, &y, a, b));
    void *numbers = sp_onnx_tensor_make(r, to);
    if (!numbers) {
        return sp_onnx_out_of_memory(r);
    }
    for (size_t i = 0; i < to->count; i++) {
        switch (to->kind) {
        case SP_ONNX_REAL:
            ((double *)numbers)[i] = real_result(x.real[i], y.real[i], op);
            break;
        case SP_ONNX_WHOLE:
            SP_TRY(whole_result(r, (sp_onnx_dim *)numbers + i, x.whole[i], y.whole[i], op));
            break;
        case SP_ONNX_POLYNOMIAL:
            SP_TRY(polynomial_result(r, (sp_onnx_polynomial *)numbers + i, &x.polynomial[i],
                                     &y.polynomial[i], op));
            break;
        }
    }
    return SP_OK;
}

sp_status sp_onnx_op_arithmetic(sp_onnx_reader *r) {
    const sp_onnx_value *a = sp_onnx_input(r, 0), *b = sp_onnx_input(r, 1);
    const char name = r->node->op_type[0]; // Add, Sub, Mul or Div
    const char op = name == 'A' ? '+' : name == 'S' ? '-' : name == 'M' ? '*' : '/';
    if (op == '*' && a->kind == SP_ONNX_VALUE_SEQUENCE &&
        sp_onnx_input_id(r, 0) == sp_onnx_input_id(r, 1)) {
        return sp_onnx_square(r);
    }
    if (a->kind == SP_ONNX_VALUE_SEQUENCE || b->kind == SP_ONNX_VALUE_SEQUENCE) {
        return sp_onnx_dense_arithmetic(r, op);
    }
    sp_onnx_tensor to = {0};
    SP_TRY(sp_onnx_tensor_arithmetic(r, &to, &a->tensor, &b->tensor, op));
    return sp_onnx_return_tensor(r, 0, &to);
}

/* ---- remainders ---- */

sp_status sp_onnx_op_mod(sp_onnx_reader *r) {
    const sp_onnx_tensor *a = NULL, *b = NULL;
    sp_onnx_tensor to = {0}, x, y;
    SP_TRY(sp_onnx_input_tensor(r, &a, 0, "A"));
    SP_TRY(sp_onnx_input_tensor(r, &b, 1, "B"));
    if (a->kind != SP_ONNX_WHOLE || b->kind != SP_ONNX_WHOLE) {
        return sp_onnx_refuse(r, SP_E_UNSUPPORTED, "remainders of whole numbers alone are read");
    }
    SP_TRY(match(r, &to, &x, &y, a, b));
    sp_onnx_dim *numbers = sp_onnx_tensor_make(r, &to);
    if (!numbers) {
        return sp_onnx_out_of_memory(r);
    }
    for (size_t i = 0; i < to.count; i++) {
        const int64_t p = x.whole[i].k, q = y.whole[i].k;
        if (x.whole[i].t != 0 || y.whole[i].t != 0 || q <= 0) {
            return sp_onnx_refuse(r, SP_E_UNSUPPORTED,
                                  "a remainder of lengths that cannot be followed");
        }
        numbers[i] = sp_onnx_dim_of((p % q + q) % q); // the sign is that of q
    }
    return sp_onnx_return_tensor(r, 0, &to);
}

/* ---- comparisons ---- */

/* The least and the greatest sign that a - b has for T >= 1; false when it does not fit. */
static bool sign_of_difference(int *least, int *greatest, sp_onnx_dim a, sp_onnx_dim b) {
    sp_onnx_dim d, first;
    if (!sp_onnx_dim_sub(&d, a, b) || !sp_onnx_dim_add(&first, d, sp_onnx_dim_of(d.t))) {
        return false;
    }
    const int sign = first.k < 0 ? -1 : first.k > 0; // at T = 1
    *least = d.t < 0 ? -1 : sign;
    *greatest = d.t > 0 ? 1 : sign;
    return true;
}

static bool compare(int sign, const char *op) {
    switch (op[0]) {
    case 'L':
        return op[4] == '\0' ? sign < 0 : sign <= 0; // Less, LessOrEqual
    case 'G':
        return op[7] == '\0' ? sign > 0 : sign >= 0; // Greater, GreaterOrEqual
    default:
        return sign == 0;
    }
}

static sp_status whole_comparison(sp_onnx_reader *r, bool *result, sp_onnx_dim a, sp_onnx_dim b,
                                  const char *op) {
    int least = 0, greatest = 0;
    bool known = true;
    if (op[0] == 'A' || op[0] == 'O') {
        const bool p = a.k != 0, q = b.k != 0;
        known = a.t == 0 && b.t == 0;
        *result = op[0] == 'A' ? p && q : p || q;
    } else if (op[0] == 'E') {
        known = sp_onnx_dim_same(result, a, b);
    } else {
        known = sign_of_difference(&least, &greatest, a, b) &&
                compare(least, op) == compare(greatest, op);
        *result = compare(least, op);
    }
    return known ? SP_OK
                 : sp_onnx_refuse(r, SP_E_UNSUPPORTED,
                                  "whether %" PRId64 "+%" PRId64 "T is %.20s %" PRId64 "+%" PRId64
                                  "T depends on the number of steps T",
                                  a.k, a.t, op, b.k, b.t);
}

sp_status sp_onnx_op_compare(sp_onnx_reader *r) {
    const char *op = r->node->op_type;
    const sp_onnx_tensor *a = NULL, *b = NULL;
    sp_onnx_tensor to = {0}, x, y;
    if (sp_onnx_input(r, 0)->kind == SP_ONNX_VALUE_SEQUENCE) {
        return sp_onnx_mask_compare(r);
    }
    SP_TRY(sp_onnx_input_tensor(r, &a, 0, "A"));
    SP_TRY(sp_onnx_input_tensor(r, &b, 1, "B"));
    SP_TRY(match(r, &to, &x, &y, a, b));
    to.kind = SP_ONNX_WHOLE;
    sp_onnx_dim *numbers = sp_onnx_tensor_make(r, &to);
    if (!numbers) {
        return sp_onnx_out_of_memory(r);
    }
    for (size_t i = 0; i < to.count; i++) {
        bool result = false;
        if (x.kind == SP_ONNX_WHOLE) {
            SP_TRY(whole_comparison(r, &result, x.whole[i], y.whole[i], op));
        } else if (op[0] == 'A' || op[0] == 'O' || isnan(x.real[i]) || isnan(y.real[i])) {
            return sp_onnx_refuse(r, SP_E_FORMAT, "it compares %g with %g", x.real[i], y.real[i]);
        } else {
            result = compare((x.real[i] > y.real[i]) - (x.real[i] < y.real[i]), op);
        }
        numbers[i] = sp_onnx_dim_of(result);
    }
    return sp_onnx_return_tensor(r, 0, &to);
}

sp_status sp_onnx_op_not(sp_onnx_reader *r) {
    const sp_onnx_tensor *a = NULL;
    if (sp_onnx_input(r, 0)->kind == SP_ONNX_VALUE_SEQUENCE) {
        return sp_onnx_mask_not(r);
    }
    SP_TRY(sp_onnx_input_tensor(r, &a, 0, "X"));
    sp_onnx_tensor to = *a;
    sp_onnx_dim *numbers = sp_onnx_tensor_make(r, &to);
    if (!numbers) {
        return sp_onnx_out_of_memory(r);
    }
    for (size_t i = 0; i < to.count; i++) {
        if (a->kind != SP_ONNX_WHOLE || a->whole[i].t != 0) {
            return sp_onnx_refuse(r, SP_E_FORMAT, "its input is no BOOL");
        }
        numbers[i] = sp_onnx_dim_of(a->whole[i].k == 0);
    }
    return sp_onnx_return_tensor(r, 0, &to);
}

/* ---- Where ---- */

sp_status sp_onnx_op_where(sp_onnx_reader *r) {
    const sp_onnx_tensor *condition = NULL, *a = NULL, *b = NULL;
    SP_TRY(sp_onnx_input_tensor(r, &condition, 0, "condition"));
    SP_TRY(sp_onnx_input_tensor(r, &a, 1, "X"));
    SP_TRY(sp_onnx_input_tensor(r, &b, 2, "Y"));
    sp_onnx_tensor both = {0}, to = {0};
    if (condition->kind != SP_ONNX_WHOLE || a->kind != b->kind || a->kind == SP_ONNX_POLYNOMIAL ||
        !sp_onnx_tensor_broadcast(&both, a, b) ||
        !sp_onnx_tensor_broadcast(&to, &both, condition)) {
        return sp_onnx_refuse(r, SP_E_FORMAT,
                              "constants of these types and shapes do not fit together");
    }
    sp_onnx_tensor choice = to, x = to, y = to;
    SP_TRY(sp_onnx_tensor_expand(r, &choice, condition));
    SP_TRY(sp_onnx_tensor_expand(r, &x, a));
    SP_TRY(sp_onnx_tensor_expand(r, &y, b));
    to.kind = a->kind;
    void *numbers = sp_onnx_tensor_make(r, &to);
    if (!numbers) {
        return sp_onnx_out_of_memory(r);
    }
    for (size_t i = 0; i < to.count; i++) {
        const bool first = !sp_onnx_dim_is(choice.whole[i], 0);
        if (choice.whole[i].t != 0) {
            return sp_onnx_refuse(r, SP_E_UNSUPPORTED,
                                  "its condition depends on the number of steps");
        }
        if (to.kind == SP_ONNX_REAL) {
            ((double *)numbers)[i] = first ? x.real[i] : y.real[i];
        } else {
            ((sp_onnx_dim *)numbers)[i] = first ? x.whole[i] : y.whole[i];
        }
    }
    return sp_onnx_return_tensor(r, 0, &to);
}
