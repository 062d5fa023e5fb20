// The CPU backend: matrix products by OpenBLAS on the calling thread, the rest in vector loops. A
// sum is split over the lanes of a register, the same way for every row and any number of threads.
#include <cblas.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/hd.h"
#include "gpu/cpu/cpu_loops.h"
#include "gpu/impl.h"
#include "gpu/kernel/kernel_units.h"

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

/* ---- rows, LANES columns of a tile of rows at a time: what belongs to the columns stays in
 * registers for all rows, and each lane of a row's sums is a sum of its own ---- */

enum { LANES = 8, TILE = 64, MOST = 2 * LANES };

/** sp_lanes - of each row of a tile, two sums lane by lane. */
typedef struct sp_lanes {
    double sum[TILE][LANES], absolute[TILE][LANES];
} sp_lanes;

static inline double sum_of_lanes(const double *s) {
    return ((s[0] + s[4]) + (s[1] + s[5])) + ((s[2] + s[6]) + (s[3] + s[7]));
}

static inline void clear_lanes(sp_lanes *lanes, size_t rows) {
    memset(lanes->sum, 0, rows * sizeof lanes->sum[0]);
    memset(lanes->absolute, 0, rows * sizeof lanes->absolute[0]);
}

static inline void add_lanes(const sp_lanes *lanes, size_t rows, double *SP_RESTRICT bias,
                             double *SP_RESTRICT mass) {
    for (size_t r = 0; r < rows; r++) {
        bias[r] += sum_of_lanes(lanes->sum[r]);
        mass[r] += sum_of_lanes(lanes->absolute[r]);
    }
}

/** sp_sides - numbers of up to MOST units, for coefficients >= 0 and for the others. */
typedef struct sp_sides {
    double lower[MOST], upper[MOST];
} sp_sides;

/* The side of each coefficient, in a loop of its own: otherwise compilers multiply on both. */
static inline void choose_sides(size_t count, const double *SP_RESTRICT v, const sp_sides *sides,
                                double *SP_RESTRICT chosen) {
#pragma omp simd
    for (size_t l = 0; l < count; l++) {
        const double lower = sides->lower[l], upper = sides->upper[l];
        chosen[l] = v[l] >= 0.0 ? lower : upper;
    }
}

static inline sp_sides sides_of(const double *lower, const double *upper, size_t count) {
    sp_sides s;
    for (size_t l = 0; l < count; l++) {
        s.lower[l] = lower[l];
        s.upper[l] = upper[l];
    }
    return s;
}

/* Adds v c and |v| mass of `count` units to the lanes of a row, LANES after LANES. */
static inline void add_terms(size_t count, const double *SP_RESTRICT v, const double *SP_RESTRICT c,
                             const double *SP_RESTRICT mass, double *SP_RESTRICT sum,
                             double *SP_RESTRICT absolute) {
    if (count == MOST) {
#pragma omp simd
        for (size_t l = 0; l < LANES; l++) {
            sum[l] = (sum[l] + v[l] * c[l]) + v[l + LANES] * c[l + LANES];
            absolute[l] =
                (absolute[l] + fabs(v[l]) * mass[l]) + fabs(v[l + LANES]) * mass[l + LANES];
        }
        return;
    }
#pragma omp simd
    for (size_t l = 0; l < count; l++) {
        sum[l] += v[l] * c[l];
        absolute[l] += fabs(v[l]) * mass[l];
    }
}

/* Columns [first, first + count) of sp_gpu_product_back. Where count and add are constants, loops
 * for them are compiled apart. */
static inline void product_columns(size_t rows, const double *w, size_t ldw,
                                   const sp_gpu_menu *planes, size_t first, size_t count, double *x,
                                   size_t ldx, double *y, size_t ldy, bool add,
                                   sp_lanes *SP_RESTRICT lanes) {
    const size_t upper = planes->lower * planes->n + first;
    const sp_sides a = sides_of(planes->a + first, planes->a + upper, count);
    const sp_sides b = sides_of(planes->b + first, planes->b + upper, count);
    const sp_sides c = sides_of(planes->constant + first, planes->constant + upper, count);
    const sp_sides mass = sides_of(planes->mass + first, planes->mass + first, count);
    for (size_t r = 0; r < rows; r++) {
        const double *SP_RESTRICT wr = w + r * ldw + first; /* w[r,first:] */
        double *SP_RESTRICT xr = x + r * ldx + first, *SP_RESTRICT yr = y + r * ldy + first;
        double slope_x[MOST], slope_y[MOST], constant[MOST];
        choose_sides(count, wr, &a, slope_x);
        choose_sides(count, wr, &b, slope_y);
        choose_sides(count, wr, &c, constant);
#pragma omp simd
        for (size_t l = 0; l < count; l++) {
            const double v = wr[l], vb = v * slope_y[l];
            xr[l] = v * slope_x[l];
            yr[l] = add ? yr[l] + vb : vb;
        }
        add_terms(count, wr, constant, mass.lower, lanes->sum[r], lanes->absolute[r]);
    }
}

static inline void product_tile(size_t rows, const double *w, size_t ldw, const sp_gpu_menu *planes,
                                double *x, size_t ldx, double *y, size_t ldy, bool add,
                                sp_lanes *lanes) {
    size_t j = 0;
    for (; j + MOST <= planes->n; j += MOST) {
        product_columns(rows, w, ldw, planes, j, MOST, x, ldx, y, ldy, add, lanes);
    }
    for (; j + LANES <= planes->n; j += LANES) {
        product_columns(rows, w, ldw, planes, j, LANES, x, ldx, y, ldy, add, lanes);
    }
    if (j < planes->n) {
        product_columns(rows, w, ldw, planes, j, planes->n - j, x, ldx, y, ldy, add, lanes);
    }
}

SP_CLONES void sp_gpu_product_back(size_t rows, const double *w, size_t ldw,
                                   const sp_gpu_menu *planes, double *x, size_t ldx, double *y,
                                   size_t ldy, bool add, double *bias, double *mass) {
    sp_lanes lanes;
    for (size_t r = 0; r < rows; r += TILE) {
        const size_t count = rows - r < TILE ? rows - r : TILE;
        const double *wr = w + r * ldw;
        double *xr = x + r * ldx, *yr = y + r * ldy;
        clear_lanes(&lanes, count);
        if (add) {
            product_tile(count, wr, ldw, planes, xr, ldx, yr, ldy, true, &lanes);
        } else {
            product_tile(count, wr, ldw, planes, xr, ldx, yr, ldy, false, &lanes);
        }
        add_lanes(&lanes, count, bias + r, mass + r);
    }
}

/* The same of sp_gpu_line_back; x may be w. */
static inline void line_columns(size_t rows, const double *w, size_t ldw, const sp_gpu_menu *lines,
                                size_t first, size_t count, bool split, double *x, size_t ldx,
                                sp_lanes *SP_RESTRICT lanes) {
    const size_t n = lines->n, upper = lines->lower * n + first;
    const sp_sides a = sides_of(lines->a + first, lines->a + upper, count);
    const sp_sides c = sides_of(lines->constant + first, lines->constant + upper, count);
    const sp_sides mass = sides_of(lines->mass + first, lines->mass + first, count);
    for (size_t r = 0; r < rows; r++) {
        const double *wr = w + r * ldw + first; /* w[r,first:] */
        double *xr = x + r * ldx + first;       /* x[r,first:] */
        double chosen[LANES], constant[LANES];
        choose_sides(count, wr, &a, chosen);
        choose_sides(count, wr, &c, constant);
#pragma omp simd
        for (size_t l = 0; l < count; l++) {
            const double v = wr[l], slope = v * chosen[l];
            if (split) {
                xr[l] = v >= 0.0 ? slope : 0.0;
                xr[n + l] = v >= 0.0 ? 0.0 : slope;
            } else {
                xr[l] = slope;
            }
            lanes->sum[r][l] += v * constant[l];
            lanes->absolute[r][l] += fabs(v) * mass.lower[l];
        }
    }
}

static inline void line_tile(size_t rows, const double *w, size_t ldw, const sp_gpu_menu *lines,
                             bool split, double *x, size_t ldx, sp_lanes *lanes) {
    size_t j = 0;
    for (; j + LANES <= lines->n; j += LANES) {
        line_columns(rows, w, ldw, lines, j, LANES, split, x, ldx, lanes);
    }
    if (j < lines->n) {
        line_columns(rows, w, ldw, lines, j, lines->n - j, split, x, ldx, lanes);
    }
}

SP_CLONES void sp_gpu_line_back(size_t rows, const double *w, size_t ldw, const sp_gpu_menu *lines,
                                bool split, double *x, size_t ldx, double *bias, double *mass) {
    sp_lanes lanes;
    for (size_t r = 0; r < rows; r += TILE) {
        const size_t count = rows - r < TILE ? rows - r : TILE;
        clear_lanes(&lanes, count);
        if (split) {
            line_tile(count, w + r * ldw, ldw, lines, true, x + r * ldx, ldx, &lanes);
        } else {
            line_tile(count, w + r * ldw, ldw, lines, false, x + r * ldx, ldx, &lanes);
        }
        add_lanes(&lanes, count, bias + r, mass + r);
    }
}

/* a . b and |a| . omega of one row. */
static inline void affine_row(size_t k, const double *SP_RESTRICT a, const double *SP_RESTRICT b,
                              const double *SP_RESTRICT omega, double *SP_RESTRICT bias,
                              double *SP_RESTRICT mass) {
    double sum[LANES] = {0.0}, absolute[LANES] = {0.0};
    size_t j = 0;
    for (; j + LANES <= k; j += LANES) {
#pragma omp simd
        for (size_t l = 0; l < LANES; l++) {
            sum[l] += a[j + l] * b[j + l];
            absolute[l] += fabs(a[j + l]) * omega[j + l];
        }
    }
    for (size_t l = 0; j + l < k; l++) {
        sum[l] += a[j + l] * b[j + l];
        absolute[l] += fabs(a[j + l]) * omega[j + l];
    }
    *bias += sum_of_lanes(sum);
    *mass += sum_of_lanes(absolute);
}

SP_CLONES void sp_gpu_affine_bias(size_t rows, size_t k, const double *a, size_t lda,
                                  const double *b, const double *omega, double *bias,
                                  double *mass) {
    for (size_t r = 0; r < rows; r++) {
        affine_row(k, a + r * lda, b, omega, bias + r, mass + r);
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

/* The weights a_m = max(0, -x[r,m]) of a tile of rows stand turned, the rows of a band side by
 * side: the lanes of a register are rows. Mel bands overlap their neighbours only, so that most
 * peaks meet one or two. */
enum { PEAK_WEIGHTS = 4096, PEAKS_AT_ONCE = 128 };

/** sp_peaks - of the rows of a tile: their weights, sum_m a_m peak[m,j] of the peak at hand, the
 *  largest of all, and where the caller wants it the first j that attains that. Peak `from` + k
 *  meets the bands [first[k], end[k]) at most. */
typedef struct sp_peaks {
    double weight[PEAK_WEIGHTS]; /* [bands, rows] */
    double sum[TILE], highest[TILE], at[TILE];
    size_t rows, from;
    size_t first[PEAKS_AT_ONCE], end[PEAKS_AT_ONCE];
} sp_peaks;

static inline void turn_weights(sp_peaks *peaks, const sp_gpu_squares_args *p, size_t row) {
    for (size_t r = 0; r < peaks->rows; r++) {
        const double *x = p->x + (row + r) * p->ldx; /* x[row + r,:] */
        for (size_t m = 0; m < p->bands; m++) {
            peaks->weight[m * peaks->rows + r] = x[m] < 0.0 ? -x[m] : 0.0;
        }
        peaks->highest[r] = 0.0;
        peaks->at[r] = -1.0;
    }
}

static inline void meet_bands(sp_peaks *peaks, const sp_gpu_squares_args *p, size_t count) {
    for (size_t k = 0; k < count; k++) {
        peaks->first[k] = p->bands;
        peaks->end[k] = 0;
    }
    for (size_t m = 0; m < p->bands; m++) {
        const double *row = p->peak + m * p->peaks + peaks->from; /* peak[m, from:] */
        for (size_t k = 0; k < count; k++) {
            const size_t first = peaks->first[k], end = peaks->end[k];
            peaks->first[k] = row[k] != 0.0 && m < first ? m : first;
            peaks->end[k] = row[k] != 0.0 ? m + 1 : end;
        }
    }
}

/* A peak of two bands, or of one: then p1 is 0. */
static inline void meet_two(sp_peaks *peaks, const double *SP_RESTRICT w0,
                            const double *SP_RESTRICT w1, double p0, double p1, double j,
                            bool where) {
    double *SP_RESTRICT highest = peaks->highest, *SP_RESTRICT at = peaks->at;
#pragma omp simd
    for (size_t r = 0; r < peaks->rows; r++) {
        const double s = w0[r] * p0 + w1[r] * p1, old = highest[r];
        highest[r] = s > old ? s : old;
        if (where) { // a constant where this is called
            const double was = at[r];
            at[r] = s > old ? j : was;
        }
    }
}

/* The same for any number of bands. */
static inline void meet_many(sp_peaks *peaks, const double *weight, const double *peak, size_t ld,
                             size_t bands, double j) {
    for (size_t r = 0; r < peaks->rows; r++) {
        double s = 0.0;
        for (size_t m = 0; m < bands; m++) {
            s += weight[m * peaks->rows + r] * peak[m * ld];
        }
        if (s > peaks->highest[r]) {
            peaks->highest[r] = s;
            peaks->at[r] = j;
        }
    }
}

static inline void meet_peaks(sp_peaks *peaks, const sp_gpu_squares_args *p, size_t count,
                              bool where) {
    for (size_t k = 0; k < count; k++) {
        const size_t first = peaks->first[k], end = peaks->end[k];
        const double *weight = peaks->weight + first * peaks->rows;
        const double *peak = p->peak + first * p->peaks + peaks->from + k; /* peak[first:,j] */
        const double j = (double)(peaks->from + k);
        if (first + 2 < end) {
            meet_many(peaks, weight, peak, p->peaks, end - first, j);
        } else if (first < end) {
            const bool two = first + 1 < end;
            meet_two(peaks, weight, weight + (two ? peaks->rows : 0), *peak,
                     two ? peak[p->peaks] : 0.0, j, where);
        }
    }
}

/* Rows row .. row + rows - 1. */
SP_CLONES static void squares_of_tile(const sp_gpu_squares_args *p, size_t row, size_t rows,
                                      const double *square, double energy) {
    sp_peaks peaks;
    peaks.rows = rows;
    turn_weights(&peaks, p, row);
    for (peaks.from = 0; peaks.from < p->peaks; peaks.from += PEAKS_AT_ONCE) {
        const size_t left = p->peaks - peaks.from;
        const size_t count = left < PEAKS_AT_ONCE ? left : PEAKS_AT_ONCE;
        meet_bands(&peaks, p, count);
        if (p->highest != NULL) {
            meet_peaks(&peaks, p, count, true);
        } else {
            meet_peaks(&peaks, p, count, false);
        }
    }
    for (size_t r = 0; r < rows; r++) {
        double single = 0.0;
        for (size_t m = 0; m < p->bands; m++) {
            single += peaks.weight[m * rows + r] * square[m];
        }
        const double saved = single - energy * peaks.highest[r];
        p->bias[row + r] += saved > 0.0 ? saved : 0.0;
        p->mass[row + r] += single > 0.0 ? 2.0 * single : 0.0;
        if (p->highest != NULL) {
            p->highest[row + r] = saved > 0.0 ? (int)peaks.at[r] : -1;
        }
    }
}

void sp_gpu_joint_squares(const sp_gpu_squares_args *p, size_t row, size_t rows, size_t offset) {
    const size_t most = PEAK_WEIGHTS / (p->bands > 0 ? p->bands : 1),
                 tile = most < TILE ? most : TILE;
    for (size_t r = 0; tile > 0 && r < rows; r += tile) {
        const size_t count = rows - r < tile ? rows - r : tile;
        squares_of_tile(p, row + r, count, p->square + offset, p->energy[offset]);
    }
    for (size_t r = 0; tile == 0 && r < rows; r++) {
        sp_gpu_unit_squares(p, row + r);
    }
}
