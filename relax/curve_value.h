/* Values and slopes of the functions of one variable, by their rows in curve_list.h. Host and
 * device. */
#ifndef SP_RELAX_CURVE_VALUE_H
#define SP_RELAX_CURVE_VALUE_H

#include "relax/curve_affine.h"
#include "relax/curve_at_least.h"
#include "relax/curve_clip.h"
#include "relax/curve_cube.h"
#include "relax/curve_elu.h"
#include "relax/curve_erf.h"
#include "relax/curve_for_zero.h"
#include "relax/curve_gelu.h"
#include "relax/curve_gelu_tanh.h"
#include "relax/curve_hard_sigmoid.h"
#include "relax/curve_hard_swish.h"
#include "relax/curve_leaky_relu.h"
#include "relax/curve_log.h"
#include "relax/curve_mish.h"
#include "relax/curve_relu.h"
#include "relax/curve_selu.h"
#include "relax/curve_sigmoid.h"
#include "relax/curve_silu.h"
#include "relax/curve_softplus.h"
#include "relax/curve_softsign.h"
#include "relax/curve_sqrt.h"
#include "relax/curve_square.h"
#include "relax/curve_tanh.h"

SP_HD double sp_curve_value_of(sp_activation f, double x) {
    switch (f.kind) {
#define SP_CURVE_VALUE_CASE(KIND, name, parameters, least, first)                                  \
    case SP_ACTIVATION_##KIND:                                                                     \
        return sp_curve_##name##_value(f, x);
        SP_ACTIVATION_LIST(SP_CURVE_VALUE_CASE)
#undef SP_CURVE_VALUE_CASE
    }
    return NAN;
}

SP_HD double sp_curve_slope_of(sp_activation f, double x) {
    switch (f.kind) {
#define SP_CURVE_VALUE_CASE(KIND, name, parameters, least, first)                                  \
    case SP_ACTIVATION_##KIND:                                                                     \
        return sp_curve_##name##_slope(f, x);
        SP_ACTIVATION_LIST(SP_CURVE_VALUE_CASE)
#undef SP_CURVE_VALUE_CASE
    }
    return NAN;
}

#endif
