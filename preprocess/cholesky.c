/* Cholesky factorisation of a symmetric matrix, for the proof of D >= Q and for least-norm
 * solutions. */
#include <math.h>

#include "preprocess/front_bound_impl.h"

bool sp_cholesky(double *m, size_t n) {
    for (size_t k = 0; k < n; k++) {
        double *a = m + k * n; /* m[k, :] */
        for (size_t j = 0; j < k; j++) {
            a[j] = (a[j] - sp_row_dot(a, m + j * n, j)) / m[j * n + j];
        }
        const double pivot = a[k] - sp_row_dot(a, a, k);
        if (!(pivot > 0.0 && pivot <= 0x1p900)) {
            return false;
        }
        a[k] = sqrt(pivot);
    }
    return true;
}

void sp_cholesky_solve(const double *l, size_t n, double *x) {
    for (size_t k = 0; k < n; k++) {
        x[k] = (x[k] - sp_row_dot(l + k * n, x, k)) / l[k * n + k];
    }
    for (size_t k = n; k-- > 0;) {
        x[k] /= l[k * n + k];
        for (size_t j = 0; j < k; j++) {
            x[j] -= l[k * n + j] * x[k];
        }
    }
}
