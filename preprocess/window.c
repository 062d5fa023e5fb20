/* Window functions of one frame. */
#include <math.h>

#include "preprocess/impl.h"

#define TWO_PI 6.283185307179586476925286766559005768L

void sp_window_fill(double *w, size_t n, sp_window window) {
    const bool hamming = window == SP_WINDOW_HAMMING || window == SP_WINDOW_HAMMING_PERIODIC;
    const bool periodic = window == SP_WINDOW_HAMMING_PERIODIC || window == SP_WINDOW_HANN_PERIODIC;
    const long double mean = hamming ? 0.54L : 0.5L, swing = hamming ? 0.46L : 0.5L;
    const long double period = (long double)(periodic ? n : n - 1);
    for (size_t j = 0; j < n; j++) {
        const bool flat = window == SP_WINDOW_NONE || !(period > 0.0L);
        w[j] = flat ? 1.0 : (double)(mean - swing * cosl(TWO_PI * (long double)j / period));
    }
}
