/* Kernels that walk rows back: each lane of a row takes every SP_GPU_ROW_LANES-th coefficient. Host
 * and device. */
#ifndef SP_GPU_KERNEL_ROWS_H
#define SP_GPU_KERNEL_ROWS_H

#include "gpu/kernel/kernel.h"
#include "gpu/menu.h"

/* A row kernel out of what one lane does in phase 0; nothing falls on rows beyond the last. */
#define SP_GPU_ROW_KERNEL(op, bias, mass)                                                          \
    SP_HD void sp_gpu_kernel_##op(const sp_gpu_##op##_args *p, sp_gpu_at at, int phase) {          \
        const size_t row = sp_gpu_at_row(at);                                                      \
        sp_gpu_sums s = {0.0, 0.0};                                                                \
        if (phase > 0) {                                                                           \
            sp_gpu_at_finish(at, phase, p->at.rows, bias, mass);                                   \
            return;                                                                                \
        }                                                                                          \
        if (row < p->at.rows) {                                                                    \
            s = sp_gpu_lane_##op(p, row, sp_gpu_at_column(at));                                    \
        }                                                                                          \
        sp_gpu_at_leave(at, s);                                                                    \
    }

SP_HD sp_gpu_sums sp_gpu_lane_product(const sp_gpu_product_args *p, size_t row, size_t lane) {
    const sp_gpu_menu planes = sp_gpu_menu_of(&p->planes, sp_gpu_clip_offset(p->at, row));
    const size_t n = planes.n, upper = planes.lower * n;
    const double *w = p->w + row * p->ldw;                     /* w[row,:] */
    double *x = p->x + row * p->ldx, *y = p->y + row * p->ldy; /* x[row,:], y[row,:] */
    sp_gpu_sums s = {0.0, 0.0};
    for (size_t j = lane; j < n; j += SP_GPU_ROW_LANES) {
        const double v = w[j];
        const size_t e = (v >= 0.0 ? 0 : upper) + j;
        const double vb = v * planes.b[e];
        x[j] = v * planes.a[e];
        y[j] = p->add ? y[j] + vb : vb;
        s.sum += v * planes.constant[e];
        s.absolute += fabs(v) * planes.mass[j];
    }
    return s;
}

SP_HD sp_gpu_sums sp_gpu_lane_line(const sp_gpu_line_args *p, size_t row, size_t lane) {
    const sp_gpu_menu lines = sp_gpu_menu_of(&p->lines, sp_gpu_clip_offset(p->at, row));
    const size_t n = lines.n, upper = lines.lower * n;
    const double *w = p->w + row * p->ldw; /* w[row,:] */
    double *x = p->x + row * p->ldx;       /* x[row,:] */
    sp_gpu_sums s = {0.0, 0.0};
    for (size_t j = lane; j < n; j += SP_GPU_ROW_LANES) {
        const double v = w[j];
        const bool below = v >= 0.0;
        const size_t e = (below ? 0 : upper) + j;
        const double slope = v * lines.a[e];
        s.sum += v * lines.constant[e];
        s.absolute += fabs(v) * lines.mass[j];
        if (p->split) {
            x[j] = below ? slope : 0.0;
            x[n + j] = below ? 0.0 : slope;
        } else {
            x[j] = slope;
        }
    }
    return s;
}

SP_HD sp_gpu_sums sp_gpu_lane_affine(const sp_gpu_affine_args *p, size_t row, size_t lane) {
    const double *a = p->a + row * p->lda; /* a[row,:] */
    const double *omega = p->omega + sp_gpu_clip_offset(p->at, row);
    sp_gpu_sums s = {0.0, 0.0};
    for (size_t j = lane; j < p->n; j += SP_GPU_ROW_LANES) {
        s.sum += a[j] * p->b[j];
        s.absolute += fabs(a[j]) * omega[j];
    }
    return s;
}

SP_HD sp_gpu_sums sp_gpu_lane_support(const sp_gpu_support_args *p, size_t row, size_t lane) {
    const double *c = p->c + row * p->ldc; /* c[row,:] */
    const double *radius = p->radius + sp_gpu_clip_offset(p->at, row);
    sp_gpu_sums s = {0.0, 0.0};
    for (size_t i = lane; i < p->n; i += SP_GPU_ROW_LANES) {
        s.sum += fabs(c[i]) * radius[i];
    }
    return s;
}

SP_HD sp_gpu_sums sp_gpu_lane_narrow(const sp_gpu_narrow_args *p, size_t row, size_t lane) {
    const double *a = p->a + row * p->lda; /* a[row,:] */
    const size_t clip = sp_gpu_clip_offset(p->at, row);
    float *to = p->to + row * p->n; /* to[row,:] */
    sp_gpu_sums s = {0.0, 0.0};
    for (size_t j = lane; j < p->n; j += SP_GPU_ROW_LANES) {
        const double size = fabs(a[j]);
        const bool tiny = size < SP_GPU_TINY, moves = p->spread != NULL;
        to[j] = tiny ? 0.0F : (float)a[j];
        s.sum += (moves && p->shift != NULL ? a[j] * p->shift[clip + j] : 0.0) -
                 (tiny ? size * fabs(p->omega[clip + j]) : 0.0);
        s.absolute += moves ? size * fabs(p->spread[clip + j]) : 0.0;
    }
    return s;
}

SP_HD sp_gpu_sums sp_gpu_lane_centre(const sp_gpu_centre_args *p, size_t row, size_t lane) {
    const double *a = p->a + row * p->lda; /* a[row,:] */
    const size_t clip = sp_gpu_clip_offset(p->at, row);
    sp_gpu_sums s = {0.0, 0.0};
    for (size_t j = lane; j < p->n; j += SP_GPU_ROW_LANES) {
        s.sum += p->shift != NULL ? a[j] * p->shift[clip + j] : 0.0;
        s.absolute += fabs(a[j]) * fabs(p->spread[clip + j]);
    }
    return s;
}

SP_HD sp_gpu_sums sp_gpu_lane_widen(const sp_gpu_widen_args *p, size_t row, size_t lane) {
    const float *from = p->from + row * p->n; /* from[row,:] */
    double *to = p->to + row * p->ldt;        /* to[row,:] */
    const size_t clip = sp_gpu_clip_offset(p->at, row);
    sp_gpu_sums s = {0.0, 0.0};
    for (size_t j = lane; j < p->n; j += SP_GPU_ROW_LANES) {
        const double v = from[j];
        to[j] = p->add ? to[j] + v : v;
        s.sum -= p->box.lo != NULL ? v * sp_gpu_middle(p->box, clip + j) : 0.0;
    }
    return s;
}

SP_HD sp_gpu_sums sp_gpu_lane_pick(const sp_gpu_pick_args *p, size_t row, size_t lane) {
    const sp_gpu_menu planes = sp_gpu_menu_of(&p->planes, sp_gpu_clip_offset(p->at, row));
    const size_t n = planes.n;
    const int lower = (int)planes.lower;
    const double *w = p->w + row * p->ldw;                     /* w[row,:] */
    double *x = p->x + row * p->ldx, *y = p->y + row * p->ldy; /* x[row,:], y[row,:] */
    unsigned char *choice = p->choice + row * n;               /* choice[row,:] */
    sp_gpu_sums s = {0.0, 0.0};
    for (size_t j = lane; j < n; j += SP_GPU_ROW_LANES) {
        const double v = w[j];
        const int standard = v >= 0.0 ? 0 : lower, old = p->fresh ? standard : choice[j];
        const int entry = (old >= lower ? lower : 0) == standard ? old : standard;
        const size_t e = (size_t)entry * n + j;
        choice[j] = (unsigned char)entry;
        x[j] = v * planes.a[e];
        s.sum += v * planes.constant[e];
        s.absolute += fabs(v) * planes.mass[j];
        if (planes.b != NULL) {
            const double vb = v * planes.b[e];
            y[j] = p->add ? y[j] + vb : vb;
        }
    }
    return s;
}

SP_GPU_ROW_KERNEL(product, p->bias, p->mass)
SP_GPU_ROW_KERNEL(line, p->bias, p->mass)
SP_GPU_ROW_KERNEL(affine, p->bias, p->mass)
SP_GPU_ROW_KERNEL(support, p->out, NULL)
SP_GPU_ROW_KERNEL(narrow, p->bias, p->spread != NULL ? p->rough : NULL)
SP_GPU_ROW_KERNEL(centre, p->bias, p->rough)
SP_GPU_ROW_KERNEL(widen, p->bias, NULL)
SP_GPU_ROW_KERNEL(pick, p->bias, p->mass)

#endif
