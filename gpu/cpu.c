// The CPU backend: matrix products by OpenBLAS on the calling thread, the rest in vector loops. A
// sum is split over the lanes of a register, the same way for every row and any number of threads.
#include <cblas.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/hd.h"
#include "gpu/cpu_loops.h"
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

/* The kernels for the instructions of this processor. */
static const char *kernels_here(void) {
    if (SP_CPU_HAS("avx512f") && SP_CPU_HAS("avx512bw") && SP_CPU_HAS("avx512dq") &&
        SP_CPU_HAS("avx512vl")) {
        return "SkylakeX";
    }
    return SP_CPU_HAS("avx2") && SP_CPU_HAS("fma") ? "Haswell" : NULL;
}

const char *sp_gpu_fitting_kernels(void) {
    static const char *const old[] = {"Katmai",     "Coppermine",   "Northwood",   "Prescott",
                                      "Banias",     "Atom",         "Core2",       "Penryn",
                                      "Dunnington", "Nehalem",      "Sandybridge", "Athlon",
                                      "Opteron",    "Opteron_SSE3", "Barcelona",   "Bobcat",
                                      "Bulldozer",  "Piledriver",   "Steamroller", "Nano"};
    for (size_t i = 0; i < sizeof old / sizeof old[0]; i++) {
        if (strcmp(openblas_get_corename(), old[i]) == 0) {
            return kernels_here();
        }
    }
    return NULL;
}

/* OpenBLAS does not pack matrices of m n k <= 10^6, which is twice as fast for the narrow ones that
 * rows meet: many rows are taken in parts of that size, whole tiles of 64. */
static size_t rows_at_once(size_t m, size_t n, size_t k) {
    enum { SMALL = 1000000, ROWS = 64 };
    const size_t part = SMALL / (n * (k > 0 ? k : 1)) / ROWS * ROWS;
    return part == 0 || part > m ? m : part;
}

void sp_gpu_gemm(size_t m, size_t n, size_t k, const double *a, size_t lda, const double *b,
                 size_t ldb, bool transposed, double beta, double *c, size_t ldc) {
    const size_t part = n > 0 ? rows_at_once(m, n, k) : 0;
    for (size_t row = 0; n > 0 && row < m; row += part) {
        const size_t rows = m - row < part ? m - row : part;
        cblas_dgemm(CblasRowMajor, CblasNoTrans, transposed ? CblasTrans : CblasNoTrans,
                    (blasint)rows, (blasint)n, (blasint)k, 1.0, a + row * lda, (blasint)lda, b,
                    (blasint)ldb, beta, c + row * ldc, (blasint)ldc);
    }
}

void sp_gpu_gemm_single(size_t m, size_t n, size_t k, const float *a, size_t lda, const float *b,
                        size_t ldb, float *c, size_t ldc) {
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, (blasint)m, (blasint)n, (blasint)k, 1.0F,
                a, (blasint)lda, b, (blasint)ldb, 0.0F, c, (blasint)ldc);
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

SP_CLONES void sp_gpu_product_back(size_t rows, const double *w, size_t ldw,
                                   const sp_gpu_menu *planes, double *x, size_t ldx, double *y,
                                   size_t ldy, bool add, double *bias, double *mass) {
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

SP_CLONES void sp_gpu_line_back(size_t rows, const double *w, size_t ldw, const sp_gpu_menu *lines,
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

SP_CLONES void sp_gpu_affine_bias(size_t rows, size_t k, const double *a, size_t lda,
                                  const double *b, const double *omega, double *bias,
                                  double *mass) {
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

SP_CLONES void sp_gpu_box_support(size_t rows, size_t n, const double *c, size_t ldc,
                                  const double *radius, double *out) {
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

/* Peaks are taken in blocks, whose sums stay in registers for four rows at once. Mel bands overlap
 * their neighbours only, so most blocks meet few bands. */
enum { PEAK_ROWS = 4, PEAK_BLOCK = 16, PEAK_TILE = 64 };

/** sp_peaks - of the rows of a tile, for each place in a block: the largest sum_m a_m peak[m,j] of
 *  all blocks, a_m = max(0, -x[r,m]), and where the caller wants it the first block that attains
 *  it. */
typedef struct sp_peaks {
    double highest[PEAK_TILE][PEAK_BLOCK], block[PEAK_TILE][PEAK_BLOCK];
} sp_peaks;

/* The bands [first, end) outside of which the block is 0. */
static void block_bands(const sp_gpu_squares_args *p, size_t block, size_t count, size_t *first,
                        size_t *end) {
    *first = p->bands;
    *end = 0;
    for (size_t m = 0; m < p->bands; m++) {
        const double *row = p->peak + m * p->peaks + block; /* peak[m, block:] */
        for (size_t j = 0; j < count; j++) {
            if (row[j] != 0.0) {
                *first = *first < m ? *first : m;
                *end = m + 1;
                break;
            }
        }
    }
}

/* sum[i,j] over the bands [first, end). */
static inline void sum_block(const double *const *x, const double *peak, size_t peaks, size_t count,
                             size_t first, size_t end, double (*SP_RESTRICT sum)[PEAK_BLOCK]) {
    for (size_t i = 0; i < PEAK_ROWS; i++) {
        for (size_t j = 0; j < PEAK_BLOCK; j++) {
            sum[i][j] = 0.0;
        }
    }
    for (size_t m = first; m < end; m++) {
        const double *SP_RESTRICT row = peak + m * peaks; /* peak[m, block:] */
        for (size_t i = 0; i < PEAK_ROWS; i++) {
            const double a = x[i][m] < 0.0 ? -x[i][m] : 0.0;
#pragma omp simd
            for (size_t j = 0; j < count; j++) {
                sum[i][j] += a * row[j];
            }
        }
    }
}

static inline void raise_peaks(const double *SP_RESTRICT sum, double *SP_RESTRICT highest) {
#pragma omp simd
    for (size_t j = 0; j < PEAK_BLOCK; j++) {
        const double s = sum[j], old = highest[j];
        highest[j] = s > old ? s : old;
    }
}

static inline void mark_peaks(const double *SP_RESTRICT sum, const double *SP_RESTRICT highest,
                              double block, double *SP_RESTRICT at) {
#pragma omp simd
    for (size_t j = 0; j < PEAK_BLOCK; j++) {
        const double s = sum[j], old = highest[j], was = at[j];
        at[j] = s > old ? block : was;
    }
}

SP_CLONES static void meet_block(sp_peaks *peaks, const sp_gpu_squares_args *p, size_t row,
                                 size_t rows, size_t block) {
    const size_t left = p->peaks - block, count = left < PEAK_BLOCK ? left : PEAK_BLOCK;
    double sum[PEAK_ROWS][PEAK_BLOCK];
    size_t first, end;
    block_bands(p, block, count, &first, &end);
    for (size_t r = 0; first < end && r < rows; r += PEAK_ROWS) {
        const double *x[PEAK_ROWS]; // behind the last row: that row again
        for (size_t i = 0; i < PEAK_ROWS; i++) {
            x[i] = p->x + (row + (r + i < rows ? r + i : rows - 1)) * p->ldx;
        }
        if (count == PEAK_BLOCK) { // a constant: compiled apart
            sum_block(x, p->peak + block, p->peaks, PEAK_BLOCK, first, end, sum);
        } else {
            sum_block(x, p->peak + block, p->peaks, count, first, end, sum);
        }
        for (size_t i = 0; i < PEAK_ROWS; i++) {
            if (p->highest != NULL) {
                mark_peaks(sum[i], peaks->highest[r + i], (double)block, peaks->block[r + i]);
            }
            raise_peaks(sum[i], peaks->highest[r + i]);
        }
    }
}

static double highest_peak(const double *highest) {
    double most = 0.0;
#pragma omp simd reduction(max : most)
    for (size_t j = 0; j < PEAK_BLOCK; j++) {
        most = highest[j] > most ? highest[j] : most;
    }
    return most;
}

/* The first j that attains it; -1: it is 0. */
static int first_peak(const double *highest, const double *block, double most) {
    double place = INFINITY;
    for (size_t j = 0; j < PEAK_BLOCK; j++) {
        const double found = block[j] + (double)j;
        place = highest[j] == most && found < place ? found : place;
    }
    return most > 0.0 ? (int)place : -1;
}

/* Rows row .. row + rows - 1, at most a tile. */
SP_CLONES static void squares_of_tile(const sp_gpu_squares_args *p, size_t row, size_t rows,
                                      const double *square, double energy) {
    sp_peaks peaks = {.highest = {{0.0}}};
    for (size_t block = 0; block < p->peaks; block += PEAK_BLOCK) {
        meet_block(&peaks, p, row, rows, block);
    }
    for (size_t r = 0; r < rows; r++) {
        const double *x = p->x + (row + r) * p->ldx; /* x[row + r,:] */
        double single = 0.0;
        for (size_t m = 0; m < p->bands; m++) {
            single -= x[m] < 0.0 ? x[m] * square[m] : 0.0;
        }
        const double most = highest_peak(peaks.highest[r]), saved = single - energy * most;
        p->bias[row + r] += saved > 0.0 ? saved : 0.0;
        p->mass[row + r] += single > 0.0 ? 2.0 * single : 0.0;
        if (p->highest != NULL) {
            p->highest[row + r] =
                saved > 0.0 ? first_peak(peaks.highest[r], peaks.block[r], most) : -1;
        }
    }
}

void sp_gpu_joint_squares(const sp_gpu_squares_args *p, size_t row, size_t rows, size_t offset) {
    for (size_t r = 0; r < rows; r += PEAK_TILE) {
        const size_t count = rows - r < PEAK_TILE ? rows - r : PEAK_TILE;
        squares_of_tile(p, row + r, count, p->square + offset, p->energy[offset]);
    }
}
