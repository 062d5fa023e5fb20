/* Kernels that bound one unit of one clip: boxes, planes and lines. Host and device; the CPU
 * backend runs these very functions. */
#ifndef SP_GPU_KERNEL_BOXES_H
#define SP_GPU_KERNEL_BOXES_H

#include "gpu/kernel/kernel.h"
#include "gpu/menu.h"
#include "relax/plane/plane_gate.h"
#include "relax/plane/plane_menu.h"
#include "relax/r2/line_r2.h"

/** sp_gpu_interval_sums - bounds of a sum, and the sum of absolute values. */
typedef struct sp_gpu_interval_sums {
    double lo, hi, absolute;
} sp_gpu_interval_sums;

SP_HD void sp_gpu_interval_add(sp_gpu_interval_sums *sums, size_t n, const double *w,
                               const double *x_lo, const double *x_hi) {
    double lo = 0.0, hi = 0.0, absolute = 0.0;
    for (size_t j = 0; j < n; j++) {
        const double p = w[j] * x_lo[j], q = w[j] * x_hi[j];
        const double size_p = fabs(p), size_q = fabs(q);
        lo += p < q ? p : q;
        hi += p < q ? q : p;
        absolute += size_p > size_q ? size_p : size_q;
    }
    sums->lo += lo;
    sums->hi += hi;
    sums->absolute += absolute;
}

SP_HD size_t sp_gpu_count_interval(const sp_gpu_interval_args *p) {
    return p->at.clips * p->out;
}

/** sp_gpu_interval_end - the image of output k, out of the sums over its inputs. */
SP_HD void sp_gpu_interval_end(const sp_gpu_interval_args *p, size_t at,
                               sp_gpu_interval_sums sums) {
    // each sum has in + hidden + 1 terms of one rounding each, added in any order
    const double gamma = sp_gamma((double)(p->in + p->hidden) + 3.0);
    // gamma_{2n} of the computed sum covers the error of the sum of absolute values itself
    // each product may lose half of the least double to underflow, in the sums and in absolute
    const double lost = ((double)(p->in + p->hidden) + 2.0) * 2.0 * SP_IV_LEAST;
    const double error = sp_above(sp_above(2.0 * gamma * sums.absolute) + lost);
    const sp_iv image = sp_iv_make(sp_below(sums.lo - error), sp_above(sums.hi + error));
    p->lo[at] = image.lo;
    p->hi[at] = image.hi;
    p->omega[at] = sp_above(sums.absolute + error);
}

SP_HD void sp_gpu_unit_interval(const sp_gpu_interval_args *p, size_t i) {
    const size_t k = i % p->out, clip = i / p->out * p->at.stride;
    sp_gpu_interval_sums sums = {p->bias[k], p->bias[k], fabs(p->bias[k])};
    sp_gpu_interval_add(&sums, p->in, p->weight + k * p->in, p->x.lo + clip, p->x.hi + clip);
    if (p->recurrent != NULL) {
        sp_gpu_interval_add(&sums, p->hidden, p->recurrent + k * p->hidden, p->h.lo + clip,
                            p->h.hi + clip);
    }
    sp_gpu_interval_end(p, clip + k, sums);
}

SP_HD size_t sp_gpu_count_spread(const sp_gpu_spread_args *p) {
    return p->at.clips * p->out;
}

/** sp_gpu_spread_sums - W m, |W| r, and how many products these have. */
typedef struct sp_gpu_spread_sums {
    double shift, spread, products;
} sp_gpu_spread_sums;

SP_HD void sp_gpu_spread_add(sp_gpu_spread_sums *sums, size_t n, const double *w, sp_gpu_range x,
                             size_t clip) {
    for (size_t j = 0; j < n; j++) {
        const double middle = sp_gpu_middle(x, clip + j);
        const double above = sp_above(x.hi[clip + j] - middle);
        const double under = sp_above(middle - x.lo[clip + j]);
        const double radius = above > under ? above : under;
        const bool moves = x.hi[clip + j] != middle || x.lo[clip + j] != middle;
        sums->shift += w[j] * middle;
        sums->spread += moves ? fabs(w[j]) * radius : 0.0;
        sums->products += w[j] != 0.0 && (moves || middle != 0.0) ? 1.0 : 0.0;
    }
}

SP_HD void sp_gpu_unit_spread(const sp_gpu_spread_args *p, size_t i) {
    const size_t k = i % p->out, clip = i / p->out * p->at.stride, at = clip + k;
    sp_gpu_spread_sums s = {0.0, 0.0, 0.0};
    if (p->weight != NULL) {
        sp_gpu_spread_add(&s, p->in, p->weight + k * p->in, p->x, clip);
    }
    if (p->recurrent != NULL) {
        sp_gpu_spread_add(&s, p->hidden, p->recurrent + k * p->hidden, p->h, clip);
    }
    // what underflow takes from shift is paid here, where rough_gamma > 2^-25 multiplies it
    const double gamma = sp_gamma(2.0 * (double)(p->in + p->hidden) + 8.0);
    const double lost = s.products * 0x1p27 * SP_IV_LEAST;
    p->shift[at] = s.shift;
    p->spread[at] = s.spread > 0.0 || lost > 0.0 ? sp_above(s.spread * (1.0 + gamma) + lost) : 0.0;
}

SP_HD size_t sp_gpu_count_meet(const sp_gpu_meet_args *p) {
    return p->at.clips * p->n;
}

SP_HD void sp_gpu_unit_meet(const sp_gpu_meet_args *p, size_t i) {
    const size_t clip = i / p->n, j = i % p->n, at = clip * p->at.stride + j;
    const double *lower = p->lower + clip * p->apart + 2 * j;
    const sp_iv linear = {lower[0], -lower[1]};
    const sp_iv interval = {p->box.lo[at], p->box.hi[at]};
    const sp_iv met = sp_iv_meet(linear, interval);
    p->lo[at] = met.lo;
    p->hi[at] = met.hi;
}

SP_HD sp_box sp_gpu_factor_box(const sp_gpu_factor *of, size_t at) {
    const sp_box box = {{of->x.lo[at], of->x.hi[at]}, {of->y.lo[at], of->y.hi[at]}};
    return box;
}

/* One side of the menu of one unit: a task of its own, because planes cost a microsecond each. */
SP_HD size_t sp_gpu_count_planes(const sp_gpu_planes_args *p) {
    return 2 * p->at.clips * p->menu.n;
}

SP_HD void sp_gpu_unit_planes(const sp_gpu_planes_args *p, size_t i) {
    const size_t n = p->menu.n, j = i / 2 % n, clip = i / 2 / n;
    const bool upper = i % 2 != 0;
    const size_t offset = clip * p->at.stride;
    const sp_gpu_menu menu = sp_gpu_menu_of(&p->menu, offset);
    const sp_box box = sp_gpu_factor_box(&p->of, offset + j);
    // cuts are structures of doubles, so clips of them stand `stride` doubles apart too
    const sp_cut *cut =
        p->cut == NULL ? NULL : (const sp_cut *)((const double *)p->cut + offset) + j;
    const sp_gate_map *map = &p->of.map;
    const sp_box inner = sp_map_box(map, box);
    sp_cut inner_cut;
    if (cut != NULL) {
        inner_cut = sp_map_cut(map, box, cut);
    }
    const size_t first = upper ? menu.lower : 0, count = upper ? menu.entries - first : menu.lower;
    sp_polygon polygon;
    const bool cuts =
        sp_octagon_of(&polygon, map->product, inner, cut != NULL ? &inner_cut : NULL, upper);
    for (size_t k = 0; k < count; k++) {
        const sp_anchor at =
            k == 0 ? sp_static_anchor(inner, upper) : sp_spread_anchor(inner, k - 1);
        const sp_plane plane =
            sp_octagon_plane(map->product, inner, cuts ? &polygon : NULL, upper, at, p->tolerance);
        sp_gpu_menu_store(&menu, first + k, j, sp_map_plane(map, box, plane, upper));
    }
}

SP_HD size_t sp_gpu_count_masses(const sp_gpu_masses_args *p) {
    return p->at.clips * p->menu.n;
}

SP_HD void sp_gpu_unit_masses(const sp_gpu_masses_args *p, size_t i) {
    const size_t j = i % p->menu.n, offset = i / p->menu.n * p->at.stride;
    const sp_gpu_menu menu = sp_gpu_menu_of(&p->menu, offset);
    const sp_box box = sp_gpu_factor_box(&p->of, offset + j);
    sp_gpu_menu_weigh(&menu, j, sp_iv_mag(box.x), sp_iv_mag(box.y));
}

/* Over gamma this covers what a product that underflows has lost (docs/theory/rounding.md 8.3). */
#define SP_GPU_FOLD_SMALL 0x1p-900
#define SP_GPU_FOLD_LOSS 0x1p-1000

/** sp_gpu_fold_part - adds slope times bias to a constant; whether that may have underflowed. */
SP_HD bool sp_gpu_fold_part(double *constant, double slope, double bias) {
    const double part = slope * bias;
    *constant += part;
    return fabs(part) < SP_GPU_FOLD_SMALL && slope != 0.0 && bias != 0.0;
}

SP_HD size_t sp_gpu_count_fold(const sp_gpu_fold_args *p) {
    return p->at.clips * p->menu.n;
}

SP_HD void sp_gpu_unit_fold(const sp_gpu_fold_args *p, size_t i) {
    const size_t n = p->menu.n, j = i % n, clip = i / n * p->at.stride;
    const sp_gpu_menu m = sp_gpu_menu_of(&p->menu, clip);
    double x_most = 0.0, y_most = 0.0;
    bool lost = false;
    for (size_t e = j; e < m.entries * n; e += n) {
        double constant = m.c[e];
        if (p->x_bias != NULL) {
            const double slope = fabs(m.a[e]);
            lost = sp_gpu_fold_part(&constant, m.a[e], p->x_bias[j]) || lost;
            x_most = slope > x_most ? slope : x_most;
        }
        if (p->y_bias != NULL) {
            const double slope = fabs(m.b[e]);
            lost = sp_gpu_fold_part(&constant, m.b[e], p->y_bias[j]) || lost;
            y_most = slope > y_most ? slope : y_most;
        }
        m.constant[e] = constant;
    }
    const double x = p->x_bias != NULL ? sp_gpu_menu_part(x_most, p->x_omega[clip + j]) : 0.0;
    const double y = p->y_bias != NULL ? sp_gpu_menu_part(y_most, p->y_omega[clip + j]) : 0.0;
    const double loss = lost ? SP_GPU_FOLD_LOSS : 0.0;
    const double mass = m.mass[j] + x + y + loss;
    m.mass[j] = mass > 0.0 ? sp_above(sp_above(sp_above(mass))) : mass;
}

SP_HD size_t sp_gpu_count_ranges(const sp_gpu_ranges_args *p) {
    return p->at.clips * p->n;
}

SP_HD void sp_gpu_unit_ranges(const sp_gpu_ranges_args *p, size_t i) {
    const size_t at = i / p->n * p->at.stride + i % p->n;
    sp_iv r = sp_map_range(&p->first.map, sp_gpu_factor_box(&p->first, at));
    if (p->second.x.lo != NULL) {
        r = sp_iv_add(r, sp_map_range(&p->second.map, sp_gpu_factor_box(&p->second, at)));
    }
    p->lo[at] = r.lo;
    p->hi[at] = r.hi;
}

SP_HD size_t sp_gpu_count_relu(const sp_gpu_relu_args *p) {
    return p->at.clips * p->lines.n;
}

SP_HD void sp_gpu_unit_relu(const sp_gpu_relu_args *p, size_t i) {
    const size_t j = i % p->lines.n, offset = i / p->lines.n * p->at.stride, at = offset + j;
    const sp_gpu_menu lines = sp_gpu_menu_of(&p->lines, offset);
    const sp_iv x = sp_iv_make(p->in_lo[at], p->in_hi[at]);
    const sp_line_pair pair = sp_line_relu(x);
    const sp_plane lower = {pair.lower.w, 0.0, pair.lower.c},
                   other = {1.0 - pair.lower.w, 0.0, 0.0};
    const sp_plane upper = {pair.upper.w, 0.0, pair.upper.c};
    sp_gpu_menu_store(&lines, 0, j, lower);
    if (lines.lower > 1) {
        sp_gpu_menu_store(&lines, 1, j, x.lo < 0.0 && x.hi > 0.0 ? other : lower);
    }
    sp_gpu_menu_store(&lines, lines.lower, j, upper);
    sp_gpu_menu_weigh(&lines, j, sp_iv_mag(x), 0.0);
    p->in_lo[at] = x.lo;
    p->in_hi[at] = x.hi;
    p->out_lo[at] = sp_relax_max(0.0, x.lo);
    p->out_hi[at] = sp_relax_max(0.0, x.hi);
}

#endif
