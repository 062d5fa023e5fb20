// The functions of one variable that gates and candidates use: values and tangents, and exported
// functions of range.h and line_activation.h.
#include <math.h>

#include "relax/line_activation.h"

const char *sp_activation_name(sp_activation_kind kind) {
    switch (kind) {
    case SP_ACTIVATION_SIGMOID:
        return "sigmoid";
    case SP_ACTIVATION_TANH:
        return "tanh";
    case SP_ACTIVATION_HARD_SIGMOID:
        return "hard_sigmoid";
    case SP_ACTIVATION_RELU:
        return "relu";
    case SP_ACTIVATION_AFFINE:
        return "affine";
    }
    return NULL;
}

double sp_activation_value(sp_activation f, double x) {
    switch (f.kind) {
    case SP_ACTIVATION_SIGMOID:
        return 1.0 / (1.0 + exp(-x));
    case SP_ACTIVATION_TANH:
        return tanh(x);
    case SP_ACTIVATION_HARD_SIGMOID:
        return fmin(fmax(f.alpha * x + f.beta, 0.0), 1.0);
    case SP_ACTIVATION_RELU:
        return x < 0.0 ? 0.0 : x;
    case SP_ACTIVATION_AFFINE:
        return f.alpha * x + f.beta;
    }
    return NAN;
}

sp_iv sp_activation_range(sp_activation f, sp_iv x) {
    return sp_range_activation(f, x);
}

sp_line_pair sp_activation_lines(sp_activation f, sp_iv x, double m) {
    return sp_line_activation(f, x, m);
}

sp_line sp_activation_tangent(sp_activation f, double x) {
    const double v = sp_activation_value(f, x), u = f.alpha * x + f.beta;
    sp_line r = {0.0, 0.0};
    switch (f.kind) {
    case SP_ACTIVATION_SIGMOID:
        r.w = v * (1.0 - v);
        break;
    case SP_ACTIVATION_TANH:
        r.w = 1.0 - v * v;
        break;
    case SP_ACTIVATION_HARD_SIGMOID:
        r.w = f.alpha * sp_factor_slope(SP_PRODUCT_HARD_ID, u);
        break;
    case SP_ACTIVATION_RELU:
        r.w = sp_factor_slope(SP_PRODUCT_RELU_ID, x);
        break;
    case SP_ACTIVATION_AFFINE:
        r.w = f.alpha;
        break;
    }
    r.c = v - r.w * x;
    return r;
}
