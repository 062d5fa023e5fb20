/* Values and slopes of the functions of one variable, by their rows in curve_list.h. Host and
 * device. */
#ifndef SP_RELAX_CURVE_VALUE_H
#define SP_RELAX_CURVE_VALUE_H

#include "relax/curve/curve_affine.h"
#include "relax/curve/curve_at_least.h"
#include "relax/curve/curve_clip.h"
#include "relax/curve/curve_cube.h"
#include "relax/curve/curve_differs.h"
#include "relax/curve/curve_elu.h"
#include "relax/curve/curve_erf.h"
#include "relax/curve/curve_exp.h"
#include "relax/curve/curve_for_zero.h"
#include "relax/curve/curve_gelu.h"
#include "relax/curve/curve_gelu_tanh.h"
#include "relax/curve/curve_guard.h"
#include "relax/curve/curve_hard_sigmoid.h"
#include "relax/curve/curve_hard_swish.h"
#include "relax/curve/curve_leaky_relu.h"
#include "relax/curve/curve_log.h"
#include "relax/curve/curve_mish.h"
#include "relax/curve/curve_reciprocal.h"
#include "relax/curve/curve_relu.h"
#include "relax/curve/curve_rsqrt.h"
#include "relax/curve/curve_selu.h"
#include "relax/curve/curve_sigmoid.h"
#include "relax/curve/curve_silu.h"
#include "relax/curve/curve_softplus.h"
#include "relax/curve/curve_softsign.h"
#include "relax/curve/curve_sqrt.h"
#include "relax/curve/curve_square.h"
#include "relax/curve/curve_tanh.h"

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
