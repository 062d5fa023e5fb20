/* The matrix of pre-emphasis, window and real DFT. With y_j = w_j (x_j - a x_{j-1}), sample j
 * reaches bin k by (w_j e^{-2 pi i jk/n} - a w_{j+1} e^{-2 pi i (j+1)k/n}) scale; samples at and
 * beyond n are cut off and have no column. */
#include <math.h>
#include <stdlib.h>

#include "preprocess/impl.h"

#define PI 3.141592653589793238462643383279502884L

// cos and sin of 2 pi q / n, exact at multiples of a quarter turn: reduced to the first octant.
static void turn(long double *c, long double *s, size_t q, size_t n) {
    const size_t quadrant = 4 * q / n, rest = 4 * q - quadrant * n; // rest/n quarters, < 1
    const bool upper = 2 * rest > n;
    const long double angle = PI / 2.0L * (long double)(upper ? n - rest : rest) / (long double)n;
    const long double x = upper ? sinl(angle) : cosl(angle), y = upper ? cosl(angle) : sinl(angle);
    *c = quadrant == 0 ? x : quadrant == 1 ? -y : quadrant == 2 ? -x : y;
    *s = quadrant == 0 ? y : quadrant == 1 ? x : quadrant == 2 ? -y : -x;
}

sp_status sp_spectrum_matrix(sp_error *err, double *matrix, const sp_description *description,
                             const double *window) {
    const size_t n = description->fft, bins = n / 2 + 1;
    const size_t used = description->frame < n ? description->frame : n;
    const long double a = description->preemphasis;
    const long double scale = description->power_over_n ? 1.0L / sqrtl((long double)n) : 1.0L;
    long double *table = malloc(2 * n * sizeof *table);
    if (table == NULL) {
        return sp_fail(err, SP_E_MEMORY, "out of memory for a transform of %zu points", n);
    }
    for (size_t q = 0; q < n; q++) {
        turn(&table[2 * q], &table[2 * q + 1], q, n);
    }
    for (size_t k = 0; k < bins; k++) {
        double *re = matrix + k * used, *im = matrix + (bins + k) * used;
        for (size_t j = 0; j < used; j++) {
            const size_t q = j * k % n, next = (j + 1) * k % n;
            const long double w0 = (long double)window[j];
            const long double w1 = j + 1 < used ? a * (long double)window[j + 1] : 0.0L;
            re[j] = (double)((w0 * table[2 * q] - w1 * table[2 * next]) * scale);
            im[j] = (double)((w1 * table[2 * next + 1] - w0 * table[2 * q + 1]) * scale);
        }
    }
    free(table);
    return SP_OK;
}
