/* The gain: the clip itself louder or quieter, d = (e^a - 1) s. */
#include <math.h>

#include "audio/impl.h"

sp_status sp_noise_gain(sp_error *err, sp_noise *noise, const double *samples, size_t n, double lo,
                        double hi) {
    return sp_noise_path(err, noise, &sp_noise_set_gain, samples, n, lo, hi);
}

static double factor(double a) {
    return expm1(a);
}

static void factors(double *below, double *above, double lo, double hi) {
    const double least = expm1(lo), most = expm1(hi); // libm: 4 ulp
    *below = least - 0x1p-50 * fabs(least) - 0x1p-1074;
    *above = most + 0x1p-50 * fabs(most) + 0x1p-1074;
}

const sp_noise_set sp_noise_set_gain = {.name = "gain",
                                        .is = "a gain",
                                        .path = true,
                                        .energy = sp_noise_box_energy,
                                        .factor = factor,
                                        .factors = factors,
                                        .scales = true};
