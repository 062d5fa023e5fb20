/* The discrete cosine transform of the mel bands' logarithms. */
#include <math.h>
#include <string.h>

#include "preprocess/impl.h"

#define PI 3.141592653589793238462643383279502884L

/* Orthonormal DCT-II of n numbers: sqrt(2/n) cos(pi i (2 j + 1) / (2 n)), row 0 over sqrt(2). */
void sp_dct_fill(double *dct, const sp_description *d) {
    const size_t n = d->bands, width = sp_description_energies(d);
    memset(dct, 0, d->coefficients * width * sizeof *dct);
    for (size_t i = 0; i < d->coefficients; i++) {
        const long double scale = sqrtl((i == 0 ? 1.0L : 2.0L) / (long double)n);
        for (size_t j = 0; j < n; j++) {
            const size_t turn = i * (2 * j + 1) % (4 * n); /* of 4 n */
            dct[i * width + j] =
                (double)(scale * cosl(PI * (long double)turn / (long double)(2 * n)));
        }
    }
    if (d->log_energy) {
        memset(dct, 0, width * sizeof *dct);
        dct[n] = 1.0;
    }
}
