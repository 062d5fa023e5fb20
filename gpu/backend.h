/* The dense kernels of bound propagation behind one set of symbols; cpu.c is OpenBLAS plus loops.
 * A row is one linear objective being bounded from BELOW. All matrices are row-major with a leading
 * dimension in elements. Nothing here allocates; results do not depend on the number of threads. */
#ifndef SP_GPU_BACKEND_H
#define SP_GPU_BACKEND_H

#include <stdbool.h>
#include <stddef.h>

#include "relax/relax.h"

#ifdef __cplusplus
extern "C" {
#endif

/** sp_gpu_init - once per process: pins OpenBLAS to the calling thread (our pool makes the
 *  threads). */
void sp_gpu_init(void);
/** sp_gpu_name - "cpu (OpenBLAS ...)" for messages and benchmarks. */
const char *sp_gpu_name(void);

/** sp_gpu_gemm - c[m,n] = a[m,k] b[k,n] + beta c[m,n], beta 0 or 1; transposed: b is stored as
 *  [n,k]. Every entry is a sum of k products in some order: its error is at most gamma_{k+1} |a|
 *  |b| (+ |c|). */
void sp_gpu_gemm(size_t m, size_t n, size_t k, const double *a, size_t lda, const double *b,
                 size_t ldb, bool transposed, double beta, double *c, size_t ldc);

/** sp_gpu_menu - bounding planes (or lines: b NULL) of n units; the first `lower` entries bound
 *  from below, the others from above. Entry e of unit j: a[e n + j] x + b[e n + j] y + c[e n + j].
 *  Entries 0 and `lower` are the standard ones: those of rows that do not choose. */
typedef struct sp_gpu_menu {
    size_t n, lower, entries;
    double *a, *b, *c; /* [entries, n] */
    float *rough;      /* [entries, 3, n] a, b, c again, to choose by; NULL: rows do not choose */
    double *mass;      /* [n] >= max over all entries and the box of |a x| + |b y| + |c| */
} sp_gpu_menu;

/** sp_gpu_product_back - replaces the coefficients of H products by those of their inputs, with the
 *  standard planes.
 *  I   w     [rows, ldw]  coefficients on the products; >= 0 takes the lower plane, else the upper
 *  O   x     [rows, ldx]  = w a
 *  I/O y     [rows, ldy]  = w b (add false) or y + w b (add true)
 *  I/O bias  [rows]       += sum_j w c
 *  I/O mass  [rows]       += sum_j |w| planes->mass[j] */
void sp_gpu_product_back(size_t rows, const double *w, size_t ldw, const sp_gpu_menu *planes,
                         double *x, size_t ldx, double *y, size_t ldy, bool add, double *bias,
                         double *mass);

/** sp_gpu_line_back - the same for scalar functions and standard lines: x = w slope, bias += sum w
 *  c. x may be w unless split. split true: lower and upper slopes go to different columns:
 *  coefficients >= 0 to x[., j], the others
 *  to x[., n + j] (front ends whose lower and upper lines read different forms). */
void sp_gpu_line_back(size_t rows, const double *w, size_t ldw, const sp_gpu_menu *lines,
                      bool split, double *x, size_t ldx, double *bias, double *mass);

/** sp_gpu_affine_bias - bias += a . b and mass += |a| . omega, for rows a [rows, k]. */
void sp_gpu_affine_bias(size_t rows, size_t k, const double *a, size_t lda, const double *b,
                        const double *omega, double *bias, double *mass);

/** sp_gpu_box_support - out[r] += sum_i |c[r,i]| radius[i], i < n, in a fixed order. */
void sp_gpu_box_support(size_t rows, size_t n, const double *c, size_t ldc, const double *radius,
                        double *out);

/* ---- relaxations chosen per row, out of a menu ---- */

/** sp_gpu_menu_back - like sp_gpu_product_back with the entry choice[r n + j] for each coefficient,
 *  or the standard one where that entry bounds from the wrong side; choice is set to the entry
 *  used.
 *  A menu of lines writes x only (y, ldy, add are not read). */
void sp_gpu_menu_back(size_t rows, const double *w, size_t ldw, const sp_gpu_menu *menu,
                      int *choice, double *x, size_t ldx, double *y, size_t ldy, bool add,
                      double *bias, double *mass);

/** sp_gpu_menu_value - out = a x + b y + c of the chosen entries (add true: out +=). Heuristic use
 *  only. */
void sp_gpu_menu_value(size_t rows, const sp_gpu_menu *menu, const int *choice, const double *x,
                       size_t ldx, const double *y, size_t ldy, bool add, double *out, size_t ldo);

/** sp_gpu_range - the boxes of n scalars. */
typedef struct sp_gpu_range {
    const double *lo, *hi; /* [n] */
} sp_gpu_range;

/** sp_gpu_menu_choose - moves each row's anchor by step (x - anchor), from the middle of the box
 *  when `first`, and chooses the entry of the same side whose value at the anchor, clamped into the
 *  box, is best.
 *  I/O anchor [2, rows, n] (lines: [rows, n], and y, ldy, y_box are not read). */
void sp_gpu_menu_choose(size_t rows, const sp_gpu_menu *menu, const double *x, size_t ldx,
                        sp_gpu_range x_box, const double *y, size_t ldy, sp_gpu_range y_box,
                        bool first, double step, float *anchor, int *choice);

#ifdef __cplusplus
}
#endif
#endif
