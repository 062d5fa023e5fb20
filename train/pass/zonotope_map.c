/* Affine maps of forms, of all rows at once, there and back. */
#include <string.h>

#include "gpu/backend.h"
#include "train/pass/zonotope_form.h"

void sp_train_forms_outer(double *dw, const double *dy, size_t lddy, const double *x, size_t ldx,
                          size_t rows, size_t out, size_t in, double *scratch) {
    for (size_t r = 0; r < rows; r++) {
        for (size_t j = 0; j < out; j++) {
            scratch[j * rows + r] = dy[r * lddy + j];
        }
    }
    if (rows > 0) {
        sp_gpu_gemm(out, in, rows, scratch, rows, x, ldx, false, 1.0, dw, in);
    }
}

void sp_train_forms_outer_sign(double *dw, const double *w, const double *dy, size_t lddy,
                               const double *x, size_t ldx, size_t rows, size_t out, size_t in,
                               double *scratch) {
    double *product = scratch + out * rows;
    memset(product, 0, out * in * sizeof *product);
    sp_train_forms_outer(product, dy, lddy, x, ldx, rows, out, in, scratch);
    for (size_t i = 0; i < out * in; i++) {
        dw[i] += w[i] > 0.0 ? product[i] : (w[i] < 0.0 ? -product[i] : 0.0);
    }
}

size_t sp_train_forms_all(const sp_train_forms *forms) {
    return forms->first[forms->rows];
}

size_t sp_train_forms_need(size_t all, size_t rows, size_t ld) {
    return sp_arena_need(all * ld, sizeof(double)) + sp_arena_need(6 * rows * ld, sizeof(double));
}

sp_train_forms sp_train_forms_take(sp_arena *arena, const size_t *first, size_t rows, size_t ld) {
    const size_t n = rows * ld;
    sp_train_forms f = {.rows = rows, .ld = ld, .first = first};
    f.gen = sp_arena_take(arena, first[rows] * ld, double);
    double *rest = sp_arena_take(arena, 6 * n, double);
    f.rest = rest;
    f.range = rest + n;
    f.box = (sp_train_interval){rest + 2 * n, rest + 3 * n};
    f.bounds = (sp_train_interval){rest + 4 * n, rest + 5 * n};
    return f;
}

size_t sp_train_forms_affine_work(size_t all, size_t rows, size_t in, size_t out) {
    return sp_train_forms_need(all, rows, out) + sp_arena_need(out * (all + in), sizeof(double));
}

static void map_forms(const sp_train_forms *y, const sp_train_forms *x,
                      const sp_train_forms_map *map, bool meet) {
    const size_t in = map->in, out = map->out, rows = x->rows;
    const double *w = map->weight, *size = map->magnitude;
    sp_gpu_gemm(sp_train_forms_all(x), out, in, x->gen, x->ld, w, in, true, 0.0, y->gen, y->ld);
    sp_gpu_gemm(rows, out, in, x->rest, x->ld, size, in, true, 0.0, y->rest, y->ld);
    if (meet) {
        sp_gpu_gemm(rows, out, in, x->box.mid, x->ld, w, in, true, 0.0, y->bounds.mid, y->ld);
        sp_gpu_gemm(rows, out, in, x->box.rad, x->ld, size, in, true, 0.0, y->bounds.rad, y->ld);
    }
    for (size_t r = 0; r < rows; r++) {
        double *centre = y->gen + x->first[r] * y->ld;
        for (size_t j = 0; j < out; j++) {
            centre[j] += map->bias[j];
            y->bounds.mid[r * y->ld + j] = meet ? y->bounds.mid[r * y->ld + j] + map->bias[j] : 0.0;
        }
    }
}

void sp_train_form_copy(const sp_train_form *to, const sp_train_form *from) {
    const size_t bytes = to->H * sizeof(double);
    const size_t n = to->symbols < from->symbols ? to->symbols : from->symbols;
    for (size_t p = 0; p < n; p++) {
        memcpy(to->gen + (to->symbols - p) * to->ld, from->gen + (from->symbols - p) * from->ld,
               bytes);
    }
    memcpy(to->gen, from->gen, bytes);
    memcpy(to->rest, from->rest, bytes);
    memcpy(to->bounds.mid, from->bounds.mid, bytes);
    memcpy(to->bounds.rad, from->bounds.rad, bytes);
}

static void copy_rows(const sp_train_forms *to, const sp_train_forms *from, size_t H, bool clear) {
    for (size_t r = 0; r < to->rows; r++) {
        const sp_train_form y = sp_train_form_of(to, r, 0, H), x = sp_train_form_of(from, r, 0, H);
        if (clear) {
            sp_train_form_clear(&y);
        }
        sp_train_form_copy(&y, &x);
    }
}

void sp_train_forms_affine(const sp_train_forms *y, const sp_train_forms *x,
                           const sp_train_forms_map *map, bool meet, sp_arena *arena) {
    const size_t mark = sp_arena_mark(arena);
    if (y->first == x->first) {
        map_forms(y, x, map, meet);
    } else {
        const sp_train_forms z = sp_train_forms_take(arena, x->first, x->rows, map->out);
        map_forms(&z, x, map, meet);
        copy_rows(y, &z, map->out, true);
    }
    sp_arena_release(arena, mark);
}

static void map_back(const sp_train_forms *dy, const sp_train_forms *x, const sp_train_forms *dx,
                     const sp_train_forms_map *map, bool meet, double *scratch) {
    const size_t in = map->in, out = map->out, rows = x->rows, all = sp_train_forms_all(x);
    const double *w = map->weight, *size = map->magnitude;
    double *dw = map->weight_slope;
    for (size_t r = 0; r < rows; r++) {
        const double *centre = dy->gen + x->first[r] * dy->ld;
        for (size_t j = 0; j < out; j++) {
            map->bias_slope[j] += centre[j] + (meet ? dy->bounds.mid[r * dy->ld + j] : 0.0);
        }
    }
    sp_train_forms_outer(dw, dy->gen, dy->ld, x->gen, x->ld, all, out, in, scratch);
    sp_train_forms_outer_sign(dw, w, dy->rest, dy->ld, x->rest, x->ld, rows, out, in, scratch);
    if (meet) {
        sp_train_forms_outer(dw, dy->bounds.mid, dy->ld, x->box.mid, x->ld, rows, out, in, scratch);
        sp_train_forms_outer_sign(dw, w, dy->bounds.rad, dy->ld, x->box.rad, x->ld, rows, out, in,
                                  scratch);
    }
    if (dx) {
        sp_gpu_gemm(all, in, out, dy->gen, dy->ld, w, in, false, 1.0, dx->gen, dx->ld);
        sp_gpu_gemm(rows, in, out, dy->rest, dy->ld, size, in, false, 1.0, dx->rest, dx->ld);
    }
    if (dx && meet) {
        sp_gpu_gemm(rows, in, out, dy->bounds.mid, dy->ld, w, in, false, 1.0, dx->box.mid, dx->ld);
        sp_gpu_gemm(rows, in, out, dy->bounds.rad, dy->ld, size, in, false, 1.0, dx->box.rad,
                    dx->ld);
    }
}

void sp_train_forms_affine_back(const sp_train_forms *slope, const sp_train_forms *x,
                                const sp_train_forms *dx, const sp_train_forms_map *map, bool meet,
                                sp_arena *arena) {
    const size_t mark = sp_arena_mark(arena);
    double *scratch = sp_arena_take(arena, map->out * (sp_train_forms_all(x) + map->in), double);
    if (slope->first == x->first) {
        map_back(slope, x, dx, map, meet, scratch);
    } else {
        const sp_train_forms z = sp_train_forms_take(arena, x->first, x->rows, map->out);
        copy_rows(&z, slope, map->out, false);
        map_back(&z, x, dx, map, meet, scratch);
    }
    sp_arena_release(arena, mark);
}
