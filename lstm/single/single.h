/* How far a program that computes the network in single precision can be from the network in real
 * arithmetic: a bound of the difference of linear objectives of the output, for every input of a
 * noise set. The program is any that evaluates the nodes in IEEE floats, rounding to nearest, with
 * sums in any order, with or without fused multiply-adds.
 * Source: docs/theory/deployed-float32.md. */
#ifndef SP_LSTM_SINGLE_H
#define SP_LSTM_SINGLE_H

#include "lstm/domain.h"

#ifdef __cplusplus
extern "C" {
#endif

/** sp_single_program - what is said about the program.
 *  feature: a number x of the input that it gets lies within feature |x| + feature_least of the
 *    real one.
 *  function: its sigmoid and tanh lie within this of the real ones, at any float.
 *  biases: how much larger |Wb| + |Rb| is than |Wb + Rb| at most, of biases that are added up. */
typedef struct sp_single_program {
    double feature, feature_least, function, biases;
} sp_single_program;

/** SP_SINGLE_STANDARD - features that were computed in doubles and rounded to floats: within half a
 *  unit in the last place of the real ones, and 2^-30; functions within 2^-22. */
#define SP_SINGLE_STANDARD ((sp_single_program){0x1.00001p-24, 0x1p-30, 0x1p-22, 0.0})

/** sp_single_serves - SP_E_UNSUPPORTED names the first node that is not analysed: curves other than
 *  those of cells and piecewise linear ones, weights that no float holds. */
SP_NODISCARD sp_status sp_single_serves(sp_error *err, const sp_net *net, size_t source);

/** sp_single_terms - term[r] >= |objective r of the program - that of the network| for every noise
 *  of the set of `front`; +inf where nothing is known (overflow). `bounds` is what `domain` made of
 *  the net and the front; its margins have been asked for.
 *  O term [rows]   I weight [rows, classes] */
SP_NODISCARD sp_status sp_single_terms(sp_error *err, double *term,
                                       const sp_single_program *program, const sp_net *net,
                                       const sp_front_bound *front, const sp_domain *domain,
                                       void *bounds, const double *weight, size_t rows,
                                       double deadline);

#ifdef __cplusplus
}
#endif
#endif
