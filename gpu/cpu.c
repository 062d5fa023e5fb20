// The CPU backend: matrix products by OpenBLAS on the calling thread, the rest in loops whose inner
// eight lanes the compiler maps to vector registers. Sums run in eight lanes, added pairwise at the end.
#include "gpu/backend.h"

#include <cblas.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { LANES = 8 };

void sp_gpu_init(void) {
    openblas_set_num_threads(1);
}

const char *sp_gpu_name(void) {
    static char name[96];
    if (name[0] == '\0') {
        snprintf(name, sizeof name, "cpu (OpenBLAS, %s kernels)", openblas_get_corename());
    }
    return name;
}

void sp_gpu_gemm(size_t m, size_t n, size_t k, const double *a, size_t lda, const double *b, size_t ldb,
                 double beta, double *c, size_t ldc) {
    if (m == 0 || n == 0) {
        return;
    }
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, (blasint)m, (blasint)n, (blasint)k, 1.0, a,
                (blasint)lda, b, (blasint)ldb, beta, c, (blasint)ldc);
}

static double sum_lanes(const double *lane) {
    return ((lane[0] + lane[4]) + (lane[2] + lane[6])) + ((lane[1] + lane[5]) + (lane[3] + lane[7]));
}

/* One row of sp_gpu_product_back; `add` is a constant at each call, so two loops are compiled. */
static inline void product_row(size_t H, const double *SP_RESTRICT w, const sp_gpu_planes *planes,
                               double *SP_RESTRICT x, double *SP_RESTRICT y, bool add, double *bias,
                               double *mass) {
    const double *SP_RESTRICT la = planes->a, *SP_RESTRICT ua = planes->a + planes->ld;
    const double *SP_RESTRICT lb = planes->b, *SP_RESTRICT ub = planes->b + planes->ld;
    const double *SP_RESTRICT lc = planes->c, *SP_RESTRICT uc = planes->c + planes->ld;
    const double *SP_RESTRICT pm = planes->mass;
    double sum[LANES] = {0}, absolute[LANES] = {0};
    size_t j = 0;
    for (; j + LANES <= H; j += LANES) {
        for (size_t i = 0; i < LANES; i++) {
            const double v = w[j + i];
            const bool lower = v >= 0.0;
            x[j + i] = v * (lower ? la[j + i] : ua[j + i]);
            const double vb = v * (lower ? lb[j + i] : ub[j + i]);
            y[j + i] = add ? y[j + i] + vb : vb;
            sum[i] += v * (lower ? lc[j + i] : uc[j + i]);
            absolute[i] += fabs(v) * pm[j + i];
        }
    }
    for (size_t i = 0; j < H; j++, i++) {
        const double v = w[j];
        const bool lower = v >= 0.0;
        x[j] = v * (lower ? la[j] : ua[j]);
        const double vb = v * (lower ? lb[j] : ub[j]);
        y[j] = add ? y[j] + vb : vb;
        sum[i] += v * (lower ? lc[j] : uc[j]);
        absolute[i] += fabs(v) * pm[j];
    }
    *bias += sum_lanes(sum);
    *mass += sum_lanes(absolute);
}

void sp_gpu_product_back(size_t rows, size_t H, const double *w, size_t ldw,
                         const sp_gpu_planes *planes, double *x, size_t ldx, double *y, size_t ldy,
                         bool add, double *bias, double *mass) {
    for (size_t r = 0; r < rows; r++) {
        if (add) {
            product_row(H, w + r * ldw, planes, x + r * ldx, y + r * ldy, true, bias + r, mass + r);
        } else {
            product_row(H, w + r * ldw, planes, x + r * ldx, y + r * ldy, false, bias + r, mass + r);
        }
    }
}

void sp_gpu_line_back(size_t rows, size_t n, const double *w, size_t ldw, const sp_gpu_lines *lines,
                      bool split, double *x, size_t ldx, double *bias, double *mass) {
    const double *lw = lines->w, *uw = lines->w + lines->ld;
    const double *lc = lines->c, *uc = lines->c + lines->ld;
    for (size_t r = 0; r < rows; r++) {
        const double *wr = w + r * ldw; /* w[r,:] */
        double *xr = x + r * ldx;       /* x[r,:] */
        double sum[LANES] = {0}, absolute[LANES] = {0};
        for (size_t j = 0; j < n; j++) {
            const double v = wr[j];
            const bool lower = v >= 0.0;
            sum[j % LANES] += v * (lower ? lc[j] : uc[j]);
            absolute[j % LANES] += fabs(v) * lines->mass[j];
            if (split) {
                xr[j] = lower ? v * lw[j] : 0.0;
                xr[n + j] = lower ? 0.0 : v * uw[j];
            } else {
                xr[j] = v * (lower ? lw[j] : uw[j]);
            }
        }
        bias[r] += sum_lanes(sum);
        mass[r] += sum_lanes(absolute);
    }
}

void sp_gpu_affine_bias(size_t rows, size_t k, const double *a, size_t lda, const double *b,
                        const double *omega, double *bias, double *mass) {
    for (size_t r = 0; r < rows; r++) {
        const double *ar = a + r * lda; /* a[r,:] */
        double sum[LANES] = {0}, absolute[LANES] = {0};
        size_t j = 0;
        for (; j + LANES <= k; j += LANES) {
            for (size_t i = 0; i < LANES; i++) {
                sum[i] += ar[j + i] * b[j + i];
                absolute[i] += fabs(ar[j + i]) * omega[j + i];
            }
        }
        for (size_t i = 0; j < k; j++, i++) {
            sum[i] += ar[j] * b[j];
            absolute[i] += fabs(ar[j]) * omega[j];
        }
        bias[r] += sum_lanes(sum);
        mass[r] += sum_lanes(absolute);
    }
}

void sp_gpu_box_support(size_t rows, size_t n, const double *c, size_t ldc, const double *radius,
                        double *out) {
    for (size_t r = 0; r < rows; r++) {
        const double *cr = c + r * ldc; /* c[r,:] */
        double sum[LANES] = {0};
        size_t j = 0;
        for (; j + LANES <= n; j += LANES) {
            for (size_t i = 0; i < LANES; i++) {
                sum[i] += fabs(cr[j + i]) * radius[j + i];
            }
        }
        for (size_t i = 0; j < n; j++, i++) {
            sum[i] += fabs(cr[j]) * radius[j];
        }
        out[r] += sum_lanes(sum);
    }
}
