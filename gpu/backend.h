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

/** sp_gpu_init - once per process: pins OpenBLAS to the calling thread (our pool makes the threads). */
void sp_gpu_init(void);
/** sp_gpu_name - "cpu (OpenBLAS ...)" for messages and benchmarks. */
const char *sp_gpu_name(void);

/** sp_gpu_gemm - c[m,n] = a[m,k] b[k,n] + beta c[m,n], beta 0 or 1.
 *  Every entry is a sum of k products in some order: its error is at most gamma_{k+1} |a| |b| (+ |c|). */
void sp_gpu_gemm(size_t m, size_t n, size_t k, const double *a, size_t lda, const double *b, size_t ldb,
                 double beta, double *c, size_t ldc);

/** sp_gpu_planes - the two bounding planes of H products and what rounding needs of them.
 *  Planes of unit j: lower a[j], b[j], c[j]; upper a[ld+j], b[ld+j], c[ld+j] (ld >= H).
 *  mass[j] >= max over both planes and the box of |a x| + |b y| + |c|; y_mag[j] >= |y|. */
typedef struct sp_gpu_planes {
    size_t ld;
    double *a, *b, *c; /* [2, ld] */
    double *mass;      /* [ld] */
} sp_gpu_planes;

/** sp_gpu_product_back - replaces the coefficients of H products by those of their inputs.
 *  I   w     [rows, ldw]  coefficients on the products; >= 0 takes the lower plane, else the upper
 *  O   x     [rows, ldx]  = w a
 *  I/O y     [rows, ldy]  = w b (add false) or y + w b (add true)
 *  I/O bias  [rows]       += sum_j w c
 *  I/O mass  [rows]       += sum_j |w| planes.mass[j] */
void sp_gpu_product_back(size_t rows, size_t H, const double *w, size_t ldw,
                         const sp_gpu_planes *planes, double *x, size_t ldx, double *y, size_t ldy,
                         bool add, double *bias, double *mass);

/** sp_gpu_lines - the two bounding lines of n scalars: lower w[j], c[j]; upper w[ld+j], c[ld+j]. */
typedef struct sp_gpu_lines {
    size_t ld;
    double *w, *c; /* [2, ld] */
    double *mass;  /* [ld] >= max over both lines and the domain of |w x| + |c| */
} sp_gpu_lines;

/** sp_gpu_line_back - the same for scalar functions: x = w slope, bias += sum w c.
 *  split true: lower and upper slopes go to different columns: coefficients >= 0 to x[., j], the others
 *  to x[., n + j] (front ends whose lower and upper lines read different forms). */
void sp_gpu_line_back(size_t rows, size_t n, const double *w, size_t ldw, const sp_gpu_lines *lines,
                      bool split, double *x, size_t ldx, double *bias, double *mass);

/** sp_gpu_affine_bias - bias += a . b and mass += |a| . omega, for rows a [rows, k]. */
void sp_gpu_affine_bias(size_t rows, size_t k, const double *a, size_t lda, const double *b,
                        const double *omega, double *bias, double *mass);

/** sp_gpu_box_support - out[r] += sum_i |c[r,i]| radius[i], i < n, in a fixed order. */
void sp_gpu_box_support(size_t rows, size_t n, const double *c, size_t ldc, const double *radius,
                        double *out);

#ifdef __cplusplus
}
#endif
#endif
