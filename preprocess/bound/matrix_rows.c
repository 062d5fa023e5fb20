/* Products with a selection of rows of a matrix: the dense loops of the front end's bounds. */
#include <math.h>

#include "base/hd.h"
#include "preprocess/bound/impl.h"

#define LANES 8
#define TOGETHER 4 /* rows: their sums do not wait for each other */

static double sum_lanes(const double *s) {
    return ((s[0] + s[4]) + (s[1] + s[5])) + ((s[2] + s[6]) + (s[3] + s[7]));
}

SP_CLONES double sp_row_dot(const double *a, const double *x, size_t n) {
    double s[LANES] = {0.0};
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) {
#pragma omp simd
        for (size_t j = 0; j < LANES; j++) {
            s[j] += a[i + j] * x[i + j];
        }
    }
    for (; i < n; i++) {
        s[0] += a[i] * x[i];
    }
    return sum_lanes(s);
}

SP_CLONES double sp_row_size(const double *a, const double *x, size_t n) {
    double s[LANES] = {0.0};
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) {
#pragma omp simd
        for (size_t j = 0; j < LANES; j++) {
            s[j] += fabs(a[i + j] * x[i + j]);
        }
    }
    for (; i < n; i++) {
        s[0] += fabs(a[i] * x[i]);
    }
    return sum_lanes(s);
}

/* The products of TOGETHER rows with x, each summed as sp_row_dot does. */
SP_CLONES static void dot_together(double *out, const double *const *a, const double *x, size_t n) {
    double s[TOGETHER][LANES] = {{0.0}};
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        for (size_t k = 0; k < TOGETHER; k++) {
#pragma omp simd
            for (size_t j = 0; j < LANES; j++) {
                s[k][j] += a[k][i + j] * x[i + j];
            }
        }
    }
    for (size_t k = 0; k < TOGETHER; k++) {
        for (size_t j = i; j < n; j++) {
            s[k][0] += a[k][j] * x[j];
        }
        out[k] = sum_lanes(s[k]);
    }
}

void sp_rows_times(double *out, const double *matrix, size_t n, const size_t *row, size_t rows,
                   const double *x) {
    size_t k = 0;
    for (; k + TOGETHER <= rows; k += TOGETHER) {
        const double *a[TOGETHER];
        for (size_t l = 0; l < TOGETHER; l++) {
            a[l] = matrix + row[k + l] * n;
        }
        dot_together(out + k, a, x, n);
    }
    for (; k < rows; k++) {
        out[k] = sp_row_dot(matrix + row[k] * n, x, n);
    }
}

SP_CLONES void sp_rows_combine(double *out, const double *matrix, size_t n, const size_t *row,
                               size_t rows, const double *c) {
    for (size_t i = 0; i < n; i++) {
        out[i] = 0.0;
    }
    size_t k = 0;
    for (; k + 4 <= rows; k += 4) {
        const double *f0 = matrix + row[k] * n, *f1 = matrix + row[k + 1] * n;
        const double *f2 = matrix + row[k + 2] * n, *f3 = matrix + row[k + 3] * n;
        const double c0 = c[k], c1 = c[k + 1], c2 = c[k + 2], c3 = c[k + 3];
        for (size_t i = 0; i < n; i++) {
            out[i] += (c0 * f0[i] + c1 * f1[i]) + (c2 * f2[i] + c3 * f3[i]);
        }
    }
    for (; k < rows; k++) {
        const double *f = matrix + row[k] * n;
        for (size_t i = 0; i < n; i++) {
            out[i] += c[k] * f[i];
        }
    }
}
