/* The functions of one variable, a row for each. A new one is a file curve_NAME.h, its line
 * in curve_value.h, and a row here:
 *   X(KIND, name, parameters, least, first)
 *   parameters: 0, 1 (alpha) or 2 (alpha and beta); least: arguments lie above it; first: `middle`
 *   when the first lines of a menu stand in the middle, else its name; sp_line_first_NAME gives
 *   them.
 * The file gives, for host and device, with x finite and ordered:
 *   double sp_curve_NAME_value(sp_activation f, double x)       the value
 *   double sp_curve_NAME_slope(sp_activation f, double x)       the derivative; at kinks of a side
 *   sp_iv sp_curve_NAME_range(sp_activation f, sp_iv x)         the range, rounded outward
 *   sp_line_pair sp_curve_NAME_lines(sp_activation f, sp_iv x, double m)
 *       sound lines, near the function at m in x; |x| <= SP_RELAX_HUGE
 * or, in place of range and lines, which line_shape.h makes of it, with a row in SP_SHAPE_LIST:
 *   sp_shape sp_curve_NAME_shape(sp_activation f, sp_iv x)      where the function bends on x */
#ifndef SP_RELAX_CURVE_LIST_H
#define SP_RELAX_CURVE_LIST_H

#include <math.h>

/* Those up to AFFINE may be gates of cells (gate.c). */
#define SP_ACTIVATION_LIST(X)                                                                      \
    X(SIGMOID, sigmoid, 0, -INFINITY, middle)                                                      \
    X(TANH, tanh, 0, -INFINITY, tanh)                                                              \
    X(HARD_SIGMOID, hard_sigmoid, 2, -INFINITY, middle) /* min(max(alpha x + beta, 0), 1) */       \
    X(RELU, relu, 0, -INFINITY, relu)                                                              \
    X(AFFINE, affine, 2, -INFINITY, middle) /* alpha x + beta */                                   \
    X(SQUARE, square, 0, -INFINITY, middle)                                                        \
    X(LOG, log, 0, 0.0, middle)                                                                    \
    X(AT_LEAST, at_least, 1, -INFINITY, middle) /* max(x, alpha) */                                \
    X(FOR_ZERO, for_zero, 1, -INFINITY, middle) /* alpha at zero, else x */                        \
    X(LEAKY_RELU, leaky_relu, 1, -INFINITY, middle)                                                \
    X(SQRT, sqrt, 0, -INFINITY, middle) /* of max(x, 0) */                                         \
    X(CLIP, clip, 2, -INFINITY, middle) /* min(max(x, alpha), beta) */                             \
    X(ELU, elu, 1, -INFINITY, middle)                                                              \
    X(SELU, selu, 2, -INFINITY, middle)                                                            \
    X(SOFTPLUS, softplus, 0, -INFINITY, middle)                                                    \
    X(SILU, silu, 1, -INFINITY, middle)           /* x sigma(alpha x) */                           \
    X(GELU, gelu, 1, -INFINITY, middle)           /* x (1 + erf(alpha x)) / 2 */                   \
    X(GELU_TANH, gelu_tanh, 2, -INFINITY, middle) /* x (1 + tanh(alpha (x + |beta| x^3))) / 2 */   \
    X(MISH, mish, 0, -INFINITY, middle)                                                            \
    X(HARD_SWISH, hard_swish, 2, -INFINITY, middle) /* x min(max(alpha x + beta, 0), 1) */         \
    X(SOFTSIGN, softsign, 0, -INFINITY, middle)                                                    \
    X(ERF, erf, 0, -INFINITY, middle)                                                              \
    X(CUBE, cube, 0, -INFINITY, middle)                                                            \
    X(EXP, exp, 0, -INFINITY, middle)                                                              \
    X(RECIPROCAL, reciprocal, 0, 0.0, middle)                                                      \
    X(RSQRT, rsqrt, 0, 0.0, middle)           /* 1 / sqrt(x) */                                    \
    X(DIFFERS, differs, 1, -INFINITY, middle) /* 0 at alpha, else 1 */                             \
    X(GUARD, guard, 0, 0.0, middle)           /* 0 above 0, else infinite */

/* Those whose lines come out of their shape. */
#define SP_SHAPE_LIST(X)                                                                           \
    X(clip)                                                                                        \
    X(elu)                                                                                         \
    X(selu)                                                                                        \
    X(softplus)                                                                                    \
    X(silu)                                                                                        \
    X(gelu)                                                                                        \
    X(gelu_tanh)                                                                                   \
    X(mish)                                                                                        \
    X(hard_swish)                                                                                  \
    X(softsign)                                                                                    \
    X(erf)                                                                                         \
    X(cube)

#endif
