// The CPU backend: matrix products by OpenBLAS on the calling thread, the rest in vector loops. A
// sum is split over the lanes of a register, the same way for every row and any number of threads.
#include <cblas.h>
#include <math.h>
#include <stdio.h>

#include "gpu/impl.h"

void sp_gpu_init(void) {
    openblas_set_num_threads(1);
}

const char *sp_gpu_cpu_name(void) {
    static char name[96];
    if (name[0] == '\0') {
        snprintf(name, sizeof name, "cpu (OpenBLAS, %s kernels)", openblas_get_corename());
    }
    return name;
}

void sp_gpu_gemm(size_t m, size_t n, size_t k, const double *a, size_t lda, const double *b,
                 size_t ldb, bool transposed, double beta, double *c, size_t ldc) {
    if (m == 0 || n == 0) {
        return;
    }
    cblas_dgemm(CblasRowMajor, CblasNoTrans, transposed ? CblasTrans : CblasNoTrans, (blasint)m,
                (blasint)n, (blasint)k, 1.0, a, (blasint)lda, b, (blasint)ldb, beta, c,
                (blasint)ldc);
}

/* One row of sp_gpu_product_back; `add` is a constant at each call, so two loops are compiled. */
static inline void product_row(const double *SP_RESTRICT w, const sp_gpu_menu *planes,
                               double *SP_RESTRICT x, double *SP_RESTRICT y, bool add,
                               double *SP_RESTRICT bias, double *SP_RESTRICT mass) {
    const size_t H = planes->n, upper = planes->lower * planes->n;
    const double *SP_RESTRICT la = planes->a, *SP_RESTRICT ua = planes->a + upper;
    const double *SP_RESTRICT lb = planes->b, *SP_RESTRICT ub = planes->b + upper;
    const double *SP_RESTRICT lc = planes->c, *SP_RESTRICT uc = planes->c + upper;
    const double *SP_RESTRICT pm = planes->mass;
    double sum = 0.0, absolute = 0.0;
#pragma omp simd reduction(+ : sum, absolute)
    for (size_t j = 0; j < H; j++) {
        const double v = w[j];
        const double a_lo = la[j], a_up = ua[j], b_lo = lb[j], b_up = ub[j], c_lo = lc[j],
                     c_up = uc[j];
        x[j] = v * (v >= 0.0 ? a_lo : a_up);
        const double vb = v * (v >= 0.0 ? b_lo : b_up);
        y[j] = add ? y[j] + vb : vb;
        sum += v * (v >= 0.0 ? c_lo : c_up);
        absolute += fabs(v) * pm[j];
    }
    *bias += sum;
    *mass += absolute;
}

void sp_gpu_product_back(size_t rows, const double *w, size_t ldw, const sp_gpu_menu *planes,
                         double *x, size_t ldx, double *y, size_t ldy, bool add, double *bias,
                         double *mass) {
    for (size_t r = 0; r < rows; r++) {
        if (add) {
            product_row(w + r * ldw, planes, x + r * ldx, y + r * ldy, true, bias + r, mass + r);
        } else {
            product_row(w + r * ldw, planes, x + r * ldx, y + r * ldy, false, bias + r, mass + r);
        }
    }
}

/* One row of sp_gpu_line_back: the biases, and the coefficients by one of the two loops below it.
 * */
static inline void line_row(const double *SP_RESTRICT w, const sp_gpu_menu *lines,
                            double *SP_RESTRICT bias, double *SP_RESTRICT mass) {
    const double *SP_RESTRICT lc = lines->c, *SP_RESTRICT uc = lines->c + lines->lower * lines->n;
    const double *SP_RESTRICT lm = lines->mass;
    const size_t n = lines->n;
    double sum = 0.0, absolute = 0.0;
#pragma omp simd reduction(+ : sum, absolute)
    for (size_t j = 0; j < n; j++) {
        const double v = w[j], c_lo = lc[j], c_up = uc[j];
        sum += v * (v >= 0.0 ? c_lo : c_up);
        absolute += fabs(v) * lm[j];
    }
    *bias += sum;
    *mass += absolute;
}

static inline void line_slopes(const double *w, const sp_gpu_menu *lines, double *x) {
    const size_t n = lines->n;
    const double *lw = lines->a, *uw = lines->a + lines->lower * lines->n;
#pragma omp simd
    for (size_t j = 0; j < n; j++) {
        const double v = w[j], w_lo = lw[j], w_up = uw[j];
        x[j] = v * (v >= 0.0 ? w_lo : w_up);
    }
}

static inline void line_slopes_split(const double *w, const sp_gpu_menu *lines, double *x) {
    const size_t n = lines->n;
    const double *lw = lines->a, *uw = lines->a + lines->lower * lines->n;
#pragma omp simd
    for (size_t j = 0; j < n; j++) {
        const double v = w[j], lower = v * lw[j], upper = v * uw[j];
        x[j] = v >= 0.0 ? lower : 0.0;
        x[n + j] = v >= 0.0 ? 0.0 : upper;
    }
}

void sp_gpu_line_back(size_t rows, const double *w, size_t ldw, const sp_gpu_menu *lines,
                      bool split, double *x, size_t ldx, double *bias, double *mass) {
    for (size_t r = 0; r < rows; r++) {
        const double *wr = w + r * ldw; /* w[r,:] */
        line_row(wr, lines, bias + r, mass + r);
        if (split) {
            line_slopes_split(wr, lines, x + r * ldx);
        } else {
            line_slopes(wr, lines, x + r * ldx);
        }
    }
}

void sp_gpu_affine_bias(size_t rows, size_t k, const double *a, size_t lda, const double *b,
                        const double *omega, double *bias, double *mass) {
    for (size_t r = 0; r < rows; r++) {
        const double *SP_RESTRICT ar = a + r * lda; /* a[r,:] */
        double sum = 0.0, absolute = 0.0;
#pragma omp simd reduction(+ : sum, absolute)
        for (size_t j = 0; j < k; j++) {
            sum += ar[j] * b[j];
            absolute += fabs(ar[j]) * omega[j];
        }
        bias[r] += sum;
        mass[r] += absolute;
    }
}

void sp_gpu_box_support(size_t rows, size_t n, const double *c, size_t ldc, const double *radius,
                        double *out) {
    for (size_t r = 0; r < rows; r++) {
        const double *SP_RESTRICT cr = c + r * ldc; /* c[r,:] */
        double sum = 0.0;
#pragma omp simd reduction(+ : sum)
        for (size_t j = 0; j < n; j++) {
            sum += fabs(cr[j]) * radius[j];
        }
        out[r] += sum;
    }
}

enum { PEAK_BLOCK = 64 };

/* sum_m a_m peak[m, first + j] for j < count, a_m = max(0, -x[m]); returns the largest. */
static inline double peak_block(size_t bands, const double *x, size_t peaks, const double *peak,
                                size_t count, double *SP_RESTRICT sum) {
    double highest = 0.0;
    for (size_t j = 0; j < PEAK_BLOCK; j++) {
        sum[j] = 0.0;
    }
    for (size_t m = 0; m < bands; m++) {
        if (x[m] < 0.0) {
            const double *SP_RESTRICT row = peak + m * peaks; /* peak[m, first:] */
#pragma omp simd
            for (size_t j = 0; j < count; j++) {
                sum[j] -= x[m] * row[j];
            }
        }
    }
#pragma omp simd reduction(max : highest)
    for (size_t j = 0; j < count; j++) {
        highest = sum[j] > highest ? sum[j] : highest;
    }
    return highest;
}

static double highest_peak(size_t bands, const double *x, size_t peaks, const double *peak,
                           int *at) {
    double highest = 0.0, sum[PEAK_BLOCK];
    *at = -1;
    for (size_t first = 0; first < peaks; first += PEAK_BLOCK) {
        const size_t count = peaks - first < PEAK_BLOCK ? peaks - first : PEAK_BLOCK;
        const double most = peak_block(bands, x, peaks, peak + first, count, sum);
        for (size_t j = 0; most > highest && j < count; j++) {
            if (sum[j] == most) {
                highest = most;
                *at = (int)(first + j);
            }
        }
    }
    return highest;
}

void sp_gpu_joint_squares(const sp_gpu_squares_args *p, size_t row, size_t rows, size_t offset) {
    const double *square = p->square + offset, energy = p->energy[offset];
    for (size_t r = row; r < row + rows; r++) {
        const double *x = p->x + r * p->ldx; /* x[r,:] */
        double single = 0.0, saved = 0.0;
        int highest = -1;
        for (size_t m = 0; m < p->bands; m++) {
            single -= x[m] < 0.0 ? x[m] * square[m] : 0.0;
        }
        if (single > 0.0) {
            saved = single - energy * highest_peak(p->bands, x, p->peaks, p->peak, &highest);
            p->bias[r] += saved > 0.0 ? saved : 0.0;
            p->mass[r] += 2.0 * single;
        }
        if (p->highest != NULL) {
            p->highest[r] = saved > 0.0 ? highest : -1;
        }
    }
}
