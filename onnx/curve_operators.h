/* Operators that are a function of every number, a row for each: one that may stand between layers
 * is a row here, and a kind of relax/curve_list.h.
 *   X(operator, KIND, attributes, alpha, beta)
 *   attributes: "", "alpha" or "alpha beta"; alpha, beta: their values where the file gives none */
#ifndef SP_ONNX_CURVE_OPERATORS_H
#define SP_ONNX_CURVE_OPERATORS_H

#define SP_ONNX_CURVE_LIST(X) X("LeakyRelu", LEAKY_RELU, "alpha", (double)0.01F, 0.0)

#endif
