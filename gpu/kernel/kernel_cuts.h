/* Kernels that cut the boxes of products: rows p x + q y and p x - q y, and what their bounds say.
 * Host and device; the CPU backend runs these very functions. */
#ifndef SP_GPU_KERNEL_CUTS_H
#define SP_GPU_KERNEL_CUTS_H

#include "gpu/kernel/kernel.h"
#include "gpu/kernel/kernel_cells.h"

/** sp_gpu_inverse_half - 1 over half the side of a box. */
SP_HD double sp_gpu_inverse_half(sp_iv x) {
    const double half = 0.5 * (x.hi - x.lo);
    return half > 0x1p-500 && half < 0x1p500 ? 1.0 / half : 1.0;
}

/** sp_gpu_cut_row - one row: its two coefficients. */
typedef struct sp_gpu_cut_row {
    size_t x_column, y_column;
    bool y_on_gates;
    double x, y;
} sp_gpu_cut_row;

/** sp_gpu_cut_row_of - row r of all clips. */
SP_HD sp_gpu_cut_row sp_gpu_cut_row_of(const sp_gpu_cut_rows_args *p, size_t r) {
    const size_t i = p->first + r % p->at.span, unit = i / SP_GPU_ROWS_PER_CUT,
                 k = i % SP_GPU_ROWS_PER_CUT;
    const sp_gpu_cut_of *of = &p->of[unit / p->n];
    const size_t j = unit % p->n, at = sp_gpu_clip_offset(p->at, r) + j;
    const double sign = k % 2 == 0 ? 1.0 : -1.0, other = k < 2 ? sign : -sign;
    const sp_gpu_cut_row row = {of->x_column + j, of->y_column + j, of->y_on_gates,
                                sign * sp_gpu_inverse_half(sp_gpu_range_at(of->x, at)),
                                other * sp_gpu_inverse_half(sp_gpu_range_at(of->y, at))};
    return row;
}

SP_HD size_t sp_gpu_count_cut_rows(const sp_gpu_cut_rows_args *p) {
    return p->at.rows * (p->gates_width + p->other_width);
}

SP_HD void sp_gpu_unit_cut_rows(const sp_gpu_cut_rows_args *p, size_t i) {
    const size_t width = p->gates_width + p->other_width, r = i / width, c = i % width;
    const sp_gpu_cut_row row = sp_gpu_cut_row_of(p, r);
    if (c < p->gates_width) {
        const double y = row.y_on_gates && c == row.y_column ? row.y : 0.0;
        p->gates[r * p->gates_width + c] = c == row.x_column ? row.x : y;
    } else {
        const size_t column = c - p->gates_width;
        const bool y = !row.y_on_gates && column == row.y_column;
        p->other[r * p->other_width + column] = y ? row.y : 0.0;
    }
}

/** sp_gpu_cut_box_sum - what the box says about p x + q y. */
SP_HD sp_iv sp_gpu_cut_box_sum(double p, double q, sp_iv x, sp_iv y) {
    const sp_iv a = {p, p}, b = {q, q};
    return sp_iv_add(sp_iv_mul(a, x), sp_iv_mul(b, y));
}

SP_HD size_t sp_gpu_count_cuts(const sp_gpu_cuts_args *p) {
    return p->at.clips * p->products * p->n;
}

SP_HD void sp_gpu_unit_cuts(const sp_gpu_cuts_args *p, size_t i) {
    const size_t units = p->products * p->n, clip = i / units, unit = i % units, j = unit % p->n;
    const sp_gpu_cut_of *of = &p->of[unit / p->n];
    const size_t offset = clip * p->at.stride;
    const double *lower = p->lower + clip * p->apart + SP_GPU_ROWS_PER_CUT * unit;
    const sp_iv x = sp_gpu_range_at(of->x, offset + j), y = sp_gpu_range_at(of->y, offset + j);
    const sp_iv minus_y = {-y.hi, -y.lo};
    const sp_iv sum = {lower[0], -lower[1]}, difference = {lower[2], -lower[3]};
    sp_cut *cut = (sp_cut *)((double *)of->cut + offset) + j; // structures of doubles
    cut->p = sp_gpu_inverse_half(x);
    cut->q = sp_gpu_inverse_half(y);
    cut->sum = sp_iv_meet(sum, sp_gpu_cut_box_sum(cut->p, cut->q, x, y));
    cut->difference = sp_iv_meet(difference, sp_gpu_cut_box_sum(cut->p, cut->q, x, minus_y));
}

#endif
