// Interval image of an affine map, and the scale of the rounding errors made with its weights.
#include <math.h>

#include "lstm/impl.h"

typedef struct sp_sums {
    double lo, hi, absolute;
} sp_sums;

static void accumulate(sp_sums *sums, size_t n, const double *w, const double *x_lo,
                       const double *x_hi) {
    double lo = 0.0, hi = 0.0, absolute = 0.0;
#pragma omp simd reduction(+ : lo, hi, absolute)
    for (size_t j = 0; j < n; j++) {
        const double p = w[j] * x_lo[j], q = w[j] * x_hi[j];
        const double size_p = fabs(p), size_q = fabs(q);
        lo += p < q ? p : q;
        hi += p < q ? q : p;
        absolute += size_p > size_q ? size_p : size_q;
    }
    sums->lo += lo;
    sums->hi += hi;
    sums->absolute += absolute;
}

void sp_affine_interval(size_t out, size_t in, const double *weight, const double *x_lo,
                        const double *x_hi, size_t hidden, const double *recurrent,
                        const double *h_lo, const double *h_hi, const double *bias, double *lo,
                        double *hi, double *omega) {
    // each sum has in + hidden + 1 terms of one rounding each, added in any order
    const double gamma = sp_gamma((double)(in + hidden) + 3.0);
    for (size_t k = 0; k < out; k++) {
        sp_sums sums = {bias[k], bias[k], fabs(bias[k])};
        accumulate(&sums, in, weight + k * in, x_lo, x_hi);
        if (recurrent != NULL) {
            accumulate(&sums, hidden, recurrent + k * hidden, h_lo, h_hi);
        }
        // gamma_{2n} of the computed sum covers the error of the sum of absolute values itself
        const double error = sp_above(2.0 * gamma * sums.absolute);
        const sp_iv image = sp_iv_make(sp_below(sums.lo - error), sp_above(sums.hi + error));
        lo[k] = image.lo;
        hi[k] = image.hi;
        omega[k] = sp_above(sums.absolute + error);
    }
}
