/* The line: one noise at every level, d = a direction. */
#include "audio/impl.h"

sp_status sp_noise_line(sp_error *err, sp_noise *noise, const double *direction, size_t n,
                        double lo, double hi) {
    return sp_noise_path(err, noise, &sp_noise_set_line, direction, n, lo, hi);
}

static double factor(double a) {
    return a;
}

static void factors(double *below, double *above, double lo, double hi) {
    *below = lo;
    *above = hi;
}

const sp_noise_set sp_noise_set_line = {.name = "line",
                                        .is = "one noise at every level",
                                        .path = true,
                                        .energy = sp_noise_box_energy,
                                        .factor = factor,
                                        .factors = factors};
