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

/* Tap k reads frame t stride + k dilation - before, if that is one of the input. */
void sp_timing_taps(const sp_timing *timing, size_t frames, size_t t, size_t *first, size_t *end) {
    const size_t at = t * timing->stride, d = timing->dilation;
    const size_t missing = at < timing->before ? timing->before - at : 0;
    const size_t left = frames + timing->before > at ? frames + timing->before - at : 0;
    *first = (missing + d - 1) / d;
    *end = (left + d - 1) / d;
    *end = *end < timing->taps ? *end : timing->taps;
    *first = *first < *end ? *first : *end;
}

size_t sp_timing_tap_frame(const sp_timing *timing, size_t t, size_t k) {
    return t * timing->stride + k * timing->dilation - timing->before;
}
