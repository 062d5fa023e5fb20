// The functions of one variable that gates and candidates use, in doubles.
#include <math.h>

#include "lstm/lstm.h"

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
