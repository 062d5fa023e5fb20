// Plain products, and where the taps of an affine node fall.
#include "net/impl.h"

enum { TOGETHER = 8 }; /* rows whose sums go on side by side: each waits for its last addition */

void sp_products(double *y, const double *weight, size_t ld, size_t rows, size_t n,
                 const double *x) {
    size_t j = 0;
    for (; j + TOGETHER <= rows; j += TOGETHER) {
        const double *w = weight + j * ld;
        double sum[TOGETHER];
        for (size_t k = 0; k < TOGETHER; k++) {
            sum[k] = y[j + k];
        }
        for (size_t i = 0; i < n; i++) {
            for (size_t k = 0; k < TOGETHER; k++) {
                sum[k] += w[k * ld + i] * x[i];
            }
        }
        for (size_t k = 0; k < TOGETHER; k++) {
            y[j + k] = sum[k];
        }
    }
    for (; j < rows; j++) {
        for (size_t i = 0; i < n; i++) {
            y[j] += weight[j * ld + i] * x[i];
        }
    }
}

size_t sp_timing_run(size_t *frame, const sp_timing *timing, size_t frames, size_t t, size_t k) {
    size_t run = 1, next = 0;
    const bool some = sp_timing_reads(frame, timing, frames, t, k);
    while (k + run < timing->taps && sp_timing_reads(&next, timing, frames, t, k + run) == some &&
           (!some || next == *frame + run)) {
        run++;
    }
    *frame = some ? *frame : frames;
    return run;
}
