/* Matrix products over the rows of a batch; all of them are sp_gpu_gemm. */
#include <string.h>

#include "gpu/backend.h"
#include "train/impl.h"

void sp_train_rows_affine(double *y, size_t ldy, const double *x, size_t rows, size_t in,
                          const double *weight, const double *bias, size_t out) {
    for (size_t r = 0; bias && r < rows; r++) {
        memcpy(y + r * ldy, bias, out * sizeof *y);
    }
    sp_gpu_gemm(rows, out, in, x, in, weight, in, true, bias ? 1.0 : 0.0, y, ldy);
}

/* dy [rows, lddy], columns 0 .. out - 1, on its side: [out, rows]. */
static void turn(double *turned, const double *dy, size_t lddy, size_t rows, size_t out) {
    for (size_t r = 0; r < rows; r++) {
        for (size_t j = 0; j < out; j++) {
            turned[j * rows + r] = dy[r * lddy + j];
        }
    }
}

void sp_train_rows_outer(double *dw, const double *dy, size_t lddy, const double *x, size_t rows,
                         size_t out, size_t in, double *scratch) {
    if (rows > 0) {
        turn(scratch, dy, lddy, rows, out);
        sp_gpu_gemm(out, in, rows, scratch, rows, x, in, false, 1.0, dw, in);
    }
}

void sp_train_rows_sum(double *db, const double *dy, size_t lddy, size_t rows, size_t out) {
    for (size_t r = 0; r < rows; r++) {
        for (size_t j = 0; j < out; j++) {
            db[j] += dy[r * lddy + j];
        }
    }
}

/* ---- intervals ---- */

void sp_train_interval_affine(sp_train_interval y, sp_train_interval x, size_t rows, size_t in,
                              const double *weight, const double *magnitude, const double *bias,
                              size_t out) {
    sp_train_rows_affine(y.mid, out, x.mid, rows, in, weight, bias, out);
    sp_train_rows_affine(y.rad, out, x.rad, rows, in, magnitude, NULL, out);
}

size_t sp_train_interval_outer_work(size_t rows, size_t out, size_t in) {
    return out * rows + out * in;
}

/* By the centre: dyT x; by the half width: (dyT x) sign(w). */
void sp_train_interval_outer(double *dw, sp_train_interval dy, size_t lddy, sp_train_interval x,
                             size_t rows, size_t out, size_t in, const double *weight,
                             double *scratch) {
    double *product = scratch + out * rows;
    if (rows == 0) {
        return;
    }
    sp_train_rows_outer(dw, dy.mid, lddy, x.mid, rows, out, in, scratch);
    turn(scratch, dy.rad, lddy, rows, out);
    sp_gpu_gemm(out, in, rows, scratch, rows, x.rad, in, false, 0.0, product, in);
    for (size_t i = 0; i < out * in; i++) {
        dw[i] += weight[i] > 0.0 ? product[i] : (weight[i] < 0.0 ? -product[i] : 0.0);
    }
}
