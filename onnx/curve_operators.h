/* Operators that are a function of every number, a row for each: one that may stand between layers
 * is a row here, and a kind of relax/curve/curve_list.h.
 *   X(operator, KIND, attributes, alpha, beta)
 *   attributes: none, one or two names, the first of alpha, the second of beta; alpha, beta: their
 *   values where the file gives none */
#ifndef SP_ONNX_CURVE_OPERATORS_H
#define SP_ONNX_CURVE_OPERATORS_H

#define SP_ONNX_CURVE_LIST(X)                                                                      \
    X("Abs", LEAKY_RELU, "", -1.0, 0.0)                                                            \
    X("Elu", ELU, "alpha", 1.0, 0.0)                                                               \
    X("Erf", ERF, "", 0.0, 0.0)                                                                    \
    X("Exp", EXP, "", 0.0, 0.0)                                                                    \
    X("HardSwish", HARD_SWISH, "", 1.0 / 6.0, 0.5)                                                 \
    X("LeakyRelu", LEAKY_RELU, "alpha", (double)0.01F, 0.0)                                        \
    X("Mish", MISH, "", 0.0, 0.0)                                                                  \
    X("Selu", SELU, "alpha gamma", 1.67326319217681884765625, 1.05070102214813232421875)           \
    X("Softplus", SOFTPLUS, "", 0.0, 0.0)                                                          \
    X("Softsign", SOFTSIGN, "", 0.0, 0.0)

#endif
