// Interval image of an affine map, and the scale of the rounding errors made with its weights.
#include "lstm/impl.h"

void sp_affine_interval(size_t out, size_t in, const double *weight, const double *x_lo,
                        const double *x_hi, size_t hidden, const double *recurrent,
                        const double *h_lo, const double *h_hi, const double *bias, double *lo,
                        double *hi, double *omega) {
    sp_gpu_affine_interval(&(sp_gpu_interval_args){.at = {1, 0},
                                                   .out = out,
                                                   .in = in,
                                                   .hidden = hidden,
                                                   .weight = weight,
                                                   .recurrent = recurrent,
                                                   .bias = bias,
                                                   .x = {x_lo, x_hi},
                                                   .h = {h_lo, h_hi},
                                                   .lo = lo,
                                                   .hi = hi,
                                                   .omega = omega});
}
