/* Private to gpu/: the CPU backend's loops over the rows of one clip. */
#ifndef SP_GPU_CPU_LOOPS_H
#define SP_GPU_CPU_LOOPS_H

#include "gpu/ops.h"

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

/** sp_gpu_joint_squares - the operation `squares` on rows row .. row + rows - 1, all of one clip
 *  whose arrays stand `offset` doubles further. */
void sp_gpu_joint_squares(const sp_gpu_squares_args *args, size_t row, size_t rows, size_t offset);

/** sp_gpu_box_support - out[r] += sum_i |c[r,i]| radius[i], i < n, in a fixed order. */
void sp_gpu_box_support(size_t rows, size_t n, const double *c, size_t ldc, const double *radius,
                        double *out);

/* ---- relaxations chosen per row, out of a menu ---- */

/** sp_gpu_menu_back - like sp_gpu_product_back with the entry choice[r n + j] for each coefficient,
 *  or the standard one where that entry bounds from the wrong side; choice is set to the entry
 *  used.
 *  A menu of lines writes x only (y, ldy, add are not read). */
void sp_gpu_menu_back(size_t rows, const double *w, size_t ldw, const sp_gpu_menu *menu,
                      unsigned char *choice, double *x, size_t ldx, double *y, size_t ldy, bool add,
                      double *bias, double *mass);

/** sp_gpu_menu_standard - the same with the standard entries, whatever choice holds. */
void sp_gpu_menu_standard(size_t rows, const double *w, size_t ldw, const sp_gpu_menu *menu,
                          unsigned char *choice, double *x, size_t ldx, double *y, size_t ldy,
                          bool add, double *bias, double *mass);

/** sp_gpu_menu_value - out = a x + b y + c of the chosen entries (add true: out +=). Heuristic use
 *  only. */
void sp_gpu_menu_value(size_t rows, const sp_gpu_menu *menu, const unsigned char *choice,
                       const double *x, size_t ldx, const double *y, size_t ldy, bool add,
                       double *out, size_t ldo);

/** sp_gpu_menu_choose - moves each row's anchor by step (x - anchor), from the middle of the box
 *  when `first`, and chooses the entry of the same side whose value at the anchor, clamped into the
 *  box, is best.
 *  I/O anchor [2, rows, n] (lines: [rows, n], and y, ldy, y_box are not read), or NULL. */
void sp_gpu_menu_choose(size_t rows, const sp_gpu_menu *menu, const double *x, size_t ldx,
                        sp_gpu_range x_box, const double *y, size_t ldy, sp_gpu_range y_box,
                        bool first, double step, float *anchor, unsigned char *choice);

#endif
