/* min(max(x, alpha), beta). Host and device. */
#ifndef SP_RELAX_CURVE_CLIP_H
#define SP_RELAX_CURVE_CLIP_H

#include "relax/shape.h"

SP_HD double sp_curve_clip_value(sp_activation f, double x) {
    const double v = x < f.alpha ? f.alpha : x; // NaN stays
    return v > f.beta ? f.beta : v;
}

SP_HD double sp_curve_clip_slope(sp_activation f, double x) {
    return x > f.alpha && x < f.beta ? 1.0 : 0.0;
}

SP_HD sp_shape sp_curve_clip_shape(sp_activation f, sp_iv x) {
    (void)x;
    return sp_shape_between(0, f.alpha, 0, f.beta, 1.0);
}

#endif
