/* Kernels whose results depend on one element: copies and sums of rows, the lower bounds of rows,
 * and choices out of menus. Host and device; the CPU backend runs these very functions. */
#ifndef SP_GPU_KERNEL_UNITS_H
#define SP_GPU_KERNEL_UNITS_H

#include "gpu/kernel/kernel.h"
#include "gpu/menu.h"

/* For each operation: sp_count_* is the number of its elements, sp_unit_* does one of them. */

SP_HD size_t sp_gpu_count_copy(const sp_gpu_copy_args *p) {
    return p->rows * p->n;
}

SP_HD void sp_gpu_unit_copy(const sp_gpu_copy_args *p, size_t i) {
    const size_t row = i / p->n, j = i % p->n;
    p->to[row * p->ldt + j] = p->from != NULL ? p->from[row % p->period * p->ldf + j] : 0.0;
}

SP_HD size_t sp_gpu_count_add(const sp_gpu_add_args *p) {
    return p->rows * p->n;
}

SP_HD void sp_gpu_unit_add(const sp_gpu_add_args *p, size_t i) {
    const size_t row = i / p->n, j = i % p->n;
    const double a = p->a[row * p->lda + j], b = p->b[row * p->ldb + j];
    p->to[row * p->ldt + j] = p->minus ? a - b : a + b;
}

/** sp_gpu_tiles - how many tiles of rows there are. */
SP_HD size_t sp_gpu_tiles(size_t rows, size_t tile) {
    return (rows + tile - 1) / tile;
}

SP_HD size_t sp_gpu_count_keep(const sp_gpu_keep_args *p) {
    return p->at.rows;
}

SP_HD void sp_gpu_unit_keep(const sp_gpu_keep_args *p, size_t r) {
    const double gamma = p->gamma[sp_gpu_clip_offset(p->at, r)];
    double error = sp_above(sp_above(gamma * sp_above(p->mass[r] + p->support[r])) +
                            p->lost[sp_gpu_clip_offset(p->at, r)]);
    if (p->rough != NULL) {
        error = sp_above(error + sp_above(p->rough_gamma * p->rough[r]));
    }
    const double bound = sp_below(sp_below(p->bias[r] - p->support[r]) - error);
    const size_t clip = r / p->at.span, row = r % p->at.span, at = clip * p->apart + row;
    if (p->settled != NULL &&
        p->settled[clip * sp_gpu_tiles(p->at.span, p->tile) + row / p->tile]) {
        return;
    }
    const double before = p->fresh ? -INFINITY : p->lower[at];
    const bool better = bound > before && bound < INFINITY; // NaN fails
    p->lower[at] = better ? bound : before;
    if (p->error != NULL && (better || p->fresh)) {
        p->error[at] = better ? error : 0.0;
    }
}

SP_HD size_t sp_gpu_count_value(const sp_gpu_value_args *p) {
    return p->at.rows * p->planes.n;
}

SP_HD void sp_gpu_unit_value(const sp_gpu_value_args *p, size_t i) {
    const size_t n = p->planes.n, row = i / n, j = i % n;
    const sp_gpu_menu planes = sp_gpu_menu_of(&p->planes, sp_gpu_clip_offset(p->at, row));
    const size_t e = (size_t)p->choice[i] * n + j;
    double value = planes.a[e] * p->x[row * p->ldx + j] + planes.c[e];
    if (planes.b != NULL) {
        value += planes.b[e] * p->y[row * p->ldy + j];
    }
    double *out = p->out + row * p->ldo + j;
    *out = p->add ? *out + value : value;
}

/** sp_gpu_anchor_move - an anchor (NULL: nowhere kept) moved towards x, and its place clamped into
 *  the box. */
SP_HD float sp_gpu_anchor_move(float *anchor, double x, double lo, double hi, bool first,
                               double step) {
    const double from = first || anchor == NULL ? 0.5 * lo + 0.5 * hi : (double)*anchor;
    const float to = (float)(from + step * (x - from));
    if (anchor != NULL) {
        *anchor = to;
    }
    const double moved = to, raised = moved > lo ? moved : lo;
    return (float)(raised < hi ? raised : hi);
}

SP_HD size_t sp_gpu_count_squares(const sp_gpu_squares_args *p) {
    return p->at.rows;
}

SP_HD void sp_gpu_unit_squares(const sp_gpu_squares_args *p, size_t r) {
    const size_t clip = sp_gpu_clip_offset(p->at, r);
    const double *x = p->x + r * p->ldx; /* x[r,:] */
    double single = 0.0, most = 0.0;
    int highest = -1;
    for (size_t m = 0; m < p->bands; m++) {
        single -= x[m] < 0.0 ? x[m] * p->square[clip + m] : 0.0;
    }
    for (size_t j = 0; single > 0.0 && j < p->peaks; j++) {
        double sum = 0.0;
        for (size_t m = 0; m < p->bands; m++) {
            sum -= x[m] < 0.0 ? x[m] * p->peak[m * p->peaks + j] : 0.0;
        }
        highest = sum > most ? (int)j : highest;
        most = sum > most ? sum : most;
    }
    const double saved = single - p->energy[clip] * most;
    if (saved > 0.0) {
        p->bias[r] += saved;
    }
    p->mass[r] += 2.0 * single;
    if (p->highest != NULL) {
        p->highest[r] = saved > 0.0 ? highest : -1;
    }
}

SP_HD size_t sp_gpu_count_choose(const sp_gpu_choose_args *p) {
    return p->at.rows * p->planes.n;
}

SP_HD void sp_gpu_unit_choose(const sp_gpu_choose_args *p, size_t i) {
    const size_t n = p->planes.n, row = i / n, j = i % n, clip = sp_gpu_clip_offset(p->at, row);
    const sp_gpu_menu m = sp_gpu_menu_of(&p->planes, clip);
    float *ax = p->anchor != NULL ? p->anchor + i : NULL;
    float *ay = p->anchor != NULL ? ax + p->at.rows * n : NULL;
    const float x = sp_gpu_anchor_move(ax, p->x[row * p->ldx + j], p->x_box.lo[clip + j],
                                       p->x_box.hi[clip + j], p->first, p->step);
    const float y = m.b == NULL
                        ? 0.0F
                        : sp_gpu_anchor_move(ay, p->y[row * p->ldy + j], p->y_box.lo[clip + j],
                                             p->y_box.hi[clip + j], p->first, p->step);
    const bool below = p->choice[i] < (int)m.lower;
    const size_t start = below ? 0 : m.lower, end = (below ? m.lower : m.entries) - m.shared;
    float best = -INFINITY;
    size_t entry = start;
    for (size_t e = start; e < end; e++) {
        const float *plane = m.rough + e * 3 * n + j;
        const float value = plane[0] * x + plane[n] * y + plane[2 * n];
        const float gain = below ? value : -value;
        entry = gain > best ? e : entry;
        best = gain > best ? gain : best;
    }
    p->choice[i] = (unsigned char)entry;
}

SP_HD size_t sp_gpu_count_signs(const sp_gpu_signs_args *p) {
    return p->rows * p->n;
}

SP_HD void sp_gpu_unit_signs(const sp_gpu_signs_args *p, size_t i) {
    const size_t row = i / p->n, j = i % p->n;
    p->sign[row * p->lds + j] = p->c == NULL || p->c[row * p->ldc + j] >= 0.0;
}

SP_HD size_t sp_gpu_count_attain(const sp_gpu_attain_args *p) {
    return p->at.rows * p->n;
}

SP_HD void sp_gpu_unit_attain(const sp_gpu_attain_args *p, size_t i) {
    const size_t row = i / p->n, j = i % p->n;
    const double radius = p->radius[sp_gpu_clip_offset(p->at, row) + j];
    p->d[row * p->ldd + j] = p->sign[row * p->lds + j] ? -radius : radius;
}

SP_HD size_t sp_gpu_count_relieve(const sp_gpu_relieve_args *p) {
    return p->at.rows * p->lines.n;
}

SP_HD void sp_gpu_unit_relieve(const sp_gpu_relieve_args *p, size_t i) {
    const size_t n = p->lines.n, row = i / n, m = i % n, clip = sp_gpu_clip_offset(p->at, row);
    const size_t entry = (size_t)p->choice[i];
    if (p->highest[row] >= 0 && entry >= p->lines.lower) {
        const double peak = p->peak[m * p->peaks + (size_t)p->highest[row]];
        const double joint = p->energy[clip] * peak;
        p->v[row * p->ldv + m] -= p->lines.a[clip + entry * n + m] * (p->square[clip + m] - joint);
    }
}

SP_HD size_t sp_gpu_count_reset(const sp_gpu_reset_args *p) {
    return p->count;
}

SP_HD void sp_gpu_unit_reset(const sp_gpu_reset_args *p, size_t i) {
    p->choice[i] = 0;
}

SP_HD size_t sp_gpu_count_settle(const sp_gpu_settle_args *p) {
    return p->clips * sp_gpu_tiles(p->span, p->tile);
}

SP_HD void sp_gpu_unit_settle(const sp_gpu_settle_args *p, size_t i) {
    const size_t tiles = sp_gpu_tiles(p->span, p->tile), clip = i / tiles,
                 first = i % tiles * p->tile;
    const size_t left = p->span - first, count = left < p->tile ? left : p->tile;
    const double *lower = p->lower + clip * p->apart + first;
    bool positive = true;
    for (size_t r = 0; r < count; r++) {
        positive = positive && lower[r] > 0.0;
    }
    p->settled[i] = positive || (!p->fresh && p->settled[i]);
}

#endif
