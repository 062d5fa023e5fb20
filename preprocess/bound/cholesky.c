/* Cholesky factorisation of a symmetric matrix, for proofs about largest eigenvalues and
 * for least-norm solutions. */
#include <math.h>
#include <string.h>

#include "preprocess/bound/impl.h"

#define POWER_STEPS 40

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

/* With n the number of terms: each computed entry went through n + 6 roundings at most, so by
 * Cauchy-Schwarz it is off by at most gamma_{n+8} sqrt(C_kk C_ll), the matrix by at most
 * e = gamma_{n+8} tr(C). If Cholesky in floating point completes for M = (scale - shift) 1 - C as
 * computed, its least eigenvalue is at least -gamma_{R+1} / (1 - gamma_{R+1}) tr(M) ([Rump];
 * [Higham, theorem 10.3]), and tr(M) <= R scale. The shift covers both and the roundings of the
 * diagonal. */
bool sp_eigenvalues_below(const double *c, double *work, size_t n, size_t terms, double scale) {
    const double rows = (double)n, sums = (double)terms, g = sp_gamma(rows + 1.0);
    double trace = 0.0;
    for (size_t k = 0; k < n; k++) {
        trace += c[k * n + k];
    }
    const double entries = sp_gamma(sums + 8.0) * sp_front_up(trace, sums + rows + 8.0);
    const double factor = g / (1.0 - g) * (rows * scale) + 8.0 * 0x1p-53 * scale;
    const double shift = 1.01 * (entries + factor) + SP_FRONT_TINY;
    for (size_t k = 0; k < n; k++) {
        for (size_t l = 0; l < k; l++) {
            work[k * n + l] = -c[k * n + l];
        }
        work[k * n + k] = (scale - shift) - c[k * n + k];
    }
    return sp_cholesky(work, n);
}

// The power method on the lower triangle.
double sp_largest_eigenvalue(const double *c, double *work, size_t n) {
    double *x = work, *y = work + n, value = 0.0;
    for (size_t k = 0; k < n; k++) {
        x[k] = 1.0;
    }
    for (size_t round = 0; round < POWER_STEPS; round++) {
        double square = 0.0;
        memset(y, 0, n * sizeof *y);
        for (size_t k = 0; k < n; k++) {
            const double *row = c + k * n; /* c[k, :] */
            y[k] += sp_row_dot(row, x, k + 1);
            for (size_t j = 0; j < k; j++) {
                y[j] += row[j] * x[k];
            }
        }
        value = sqrt(sp_row_dot(y, y, n) / sp_row_dot(x, x, n));
        for (size_t k = 0; k < n; k++) {
            square = fmax(square, fabs(y[k]));
        }
        for (size_t k = 0; k < n; k++) {
            x[k] = y[k] / square;
        }
    }
    return value;
}
