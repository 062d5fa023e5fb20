/* Kernels that bound one unit of one clip of a layer with activations: lines, and the intervals of
 * a GRU. Host and device; the CPU backend runs these very functions. */
#ifndef SP_GPU_KERNEL_CELLS_H
#define SP_GPU_KERNEL_CELLS_H

#include "gpu/kernel/kernel.h"
#include "gpu/menu.h"
#include "relax/line/line_activation.h"
#include "relax/range.h"

/** sp_gpu_range_at - element `at`; 0 where there is no array. */
SP_HD sp_iv sp_gpu_range_at(sp_gpu_range range, size_t at) {
    sp_iv r = {0.0, 0.0};
    if (range.lo != NULL) {
        r.lo = range.lo[at];
        r.hi = range.hi[at];
    }
    return r;
}

/** sp_gpu_clip_at - where unit i mod n of clip i / n stands. */
SP_HD size_t sp_gpu_clip_at(sp_gpu_clips clips, size_t n, size_t i) {
    return i / n * clips.stride + i % n;
}

SP_HD size_t sp_gpu_count_curve(const sp_gpu_curve_args *p) {
    return p->at.clips * p->lines.n;
}

SP_HD void sp_gpu_unit_curve(const sp_gpu_curve_args *p, size_t i) {
    const size_t j = i % p->lines.n, offset = i / p->lines.n * p->at.stride;
    const sp_gpu_menu lines = sp_gpu_menu_of(&p->lines, offset);
    const sp_iv x = sp_gpu_range_at(p->x, offset + j);
    for (size_t k = 0; k < lines.lower; k++) {
        const sp_line_pair pair = sp_line_spread(p->f, x, k);
        const sp_plane lower = {pair.lower.w, 0.0, pair.lower.c};
        const sp_plane upper = {pair.upper.w, 0.0, pair.upper.c};
        sp_gpu_menu_store(&lines, k, j, lower);
        sp_gpu_menu_store(&lines, lines.lower + k, j, upper);
    }
    sp_gpu_menu_weigh(&lines, j, sp_iv_mag(x), 0.0);
}

SP_HD size_t sp_gpu_count_activate(const sp_gpu_activate_args *p) {
    return p->at.clips * p->n;
}

SP_HD void sp_gpu_unit_activate(const sp_gpu_activate_args *p, size_t i) {
    const size_t at = sp_gpu_clip_at(p->at, p->n, i);
    sp_iv r = sp_range_activation(p->f, sp_gpu_range_at(p->x, at));
    if (p->y.lo != NULL) {
        r = sp_iv_mul(r, sp_gpu_range_at(p->y, at));
    }
    if (p->from.lo != NULL) {
        r = sp_iv_add(sp_gpu_range_at(p->from, at), r);
    }
    p->lo[at] = r.lo;
    p->hi[at] = r.hi;
}

SP_HD size_t sp_gpu_count_difference(const sp_gpu_difference_args *p) {
    return p->at.clips * p->n;
}

SP_HD void sp_gpu_unit_difference(const sp_gpu_difference_args *p, size_t i) {
    const size_t at = sp_gpu_clip_at(p->at, p->n, i);
    const sp_iv h = sp_gpu_range_at(p->h, at);
    const sp_iv n = sp_range_activation(p->f, sp_gpu_range_at(p->x, at));
    const sp_iv y = sp_iv_add(h, sp_relax_flip(n));
    p->lo[at] = y.lo;
    p->hi[at] = y.hi;
    p->apart[at] = sp_above(sp_iv_mag(h) + sp_iv_mag(n));
}

SP_HD size_t sp_gpu_count_blend(const sp_gpu_blend_args *p) {
    return p->at.clips * p->n;
}

/** sp_gpu_unit_blend - for z in [0, 1] the state lies between n and h. */
SP_HD void sp_gpu_unit_blend(const sp_gpu_blend_args *p, size_t i) {
    const size_t at = sp_gpu_clip_at(p->at, p->n, i);
    const sp_iv h = sp_gpu_range_at(p->h, at), y = sp_gpu_range_at(p->y, at), one = {1.0, 1.0};
    const sp_iv n = sp_range_activation(p->f, sp_gpu_range_at(p->x, at));
    const sp_iv z = sp_range_activation(p->gate, sp_gpu_range_at(p->g, at));
    const sp_iv other = sp_iv_add(one, sp_relax_flip(z));
    const sp_iv apart = sp_iv_add(sp_iv_mul(other, n), sp_iv_mul(z, h));
    sp_iv out = sp_iv_meet(sp_iv_add(n, sp_iv_mul(z, y)), apart);
    if (z.lo >= 0.0 && z.hi <= 1.0) {
        const sp_iv hull = {fmin(n.lo, h.lo), fmax(n.hi, h.hi)};
        out = sp_iv_meet(out, hull);
    }
    p->lo[at] = out.lo;
    p->hi[at] = out.hi;
}

SP_HD size_t sp_gpu_count_lose(const sp_gpu_lose_args *p) {
    return p->at.clips;
}

SP_HD void sp_gpu_unit_lose(const sp_gpu_lose_args *p, size_t clip) {
    const size_t at = clip * p->at.stride;
    double sum = 0.0;
    for (size_t j = 0; j < p->n; j++) {
        sum = sum + (1.0 + sp_iv_mag(sp_gpu_range_at(p->x, at + j)));
    }
    // n sums and n + 1 roundings of terms that are all positive
    const double most = sp_above(sum * (1.0 + sp_gamma(2.0 * (double)p->n + 4.0)));
    p->lost[at] = sp_above(p->lost[at] + sp_above(sp_above(p->rate * most)));
}

#endif
