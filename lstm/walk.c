// What the layers' walks back and forward share (layers.h).
#include <string.h>

#include "lstm/layers.h"

double *sp_walk_cross(sp_walk *walk) {
    walk->turn ^= 1;
    return walk->ws->cross[walk->turn];
}

static sp_choices *choices_at(const sp_walk *walk, size_t l, size_t t) {
    return walk->ws->choices + t * walk->bounds->net->layers + l;
}

/* ---- back ---- */

void sp_walk_multiply(sp_walk *walk, size_t n, size_t k, sp_rows a, const double *b, size_t ldb,
                      double beta, double *c, size_t ldc) {
    sp_gpu_gemm(walk->rows, n, k, a.w, a.ld, b, ldb, false, beta, c, ldc);
    walk->ws->flops += 2.0 * (double)walk->rows * (double)n * (double)k;
}

void sp_walk_product(sp_walk *walk, size_t l, size_t t, size_t k, sp_rows in, double *x, size_t ldx,
                     double *y, size_t ldy, bool add) {
    sp_workspace *ws = walk->ws;
    const sp_gpu_menu *planes = &sp_state_at(walk->bounds, t, l)->menu[k];
    if (walk->mix != NULL) {
        sp_mixture_back(walk, planes, sp_mixed_at(walk, l, t, k), in, x, ldx, y, ldy, add);
    } else if (walk->choosing) {
        sp_gpu_menu_back(walk->rows, in.w, in.ld, planes, choices_at(walk, l, t)->entry[k], x, ldx,
                         y, ldy, add, ws->bias, ws->mass);
    } else {
        sp_gpu_product_back(walk->rows, in.w, in.ld, planes, x, ldx, y, ldy, add, ws->bias,
                            ws->mass);
    }
}

void sp_walk_lines(sp_walk *walk, size_t l, size_t t, size_t k, sp_rows in, double *x, size_t ldx) {
    sp_workspace *ws = walk->ws;
    const sp_gpu_menu *lines = &sp_state_at(walk->bounds, t, l)->menu[k];
    if (walk->choosing) {
        sp_gpu_menu_back(walk->rows, in.w, in.ld, lines, choices_at(walk, l, t)->entry[k], x, ldx,
                         NULL, 0, false, ws->bias, ws->mass);
    } else {
        sp_gpu_line_back(walk->rows, in.w, in.ld, lines, false, x, ldx, ws->bias, ws->mass);
    }
}

void sp_walk_set(sp_walk *walk, double *a, size_t columns, size_t ld, sp_rows from) {
    for (size_t r = 0; r < walk->rows; r++) {
        if (from.w != NULL) {
            memcpy(a + r * ld, from.w + r * from.ld, columns * sizeof(double));
        } else {
            memset(a + r * ld, 0, columns * sizeof(double));
        }
    }
}

sp_rows sp_walk_hidden(sp_walk *walk, size_t l, size_t t, sp_rows above) {
    const sp_layer *layer = &walk->bounds->net->layer[l];
    const size_t H = layer->out, width = layer->in + H;
    const sp_rows kept = {walk->ws->pending[l] + layer->in, width};
    if (t == walk->start->t) {
        return above;
    }
    if (above.w == NULL) {
        return kept;
    }
    double *sum = walk->ws->h;
    for (size_t r = 0; r < walk->rows; r++) {
        for (size_t j = 0; j < H; j++) {
            sum[r * H + j] = above.w[r * above.ld + j] + kept.w[r * kept.ld + j];
        }
    }
    return (sp_rows){sum, H};
}

/* ---- forward ---- */

void sp_walk_affine_value(sp_walk *walk, size_t n, size_t k, sp_rows in, const double *weight,
                          size_t ldw, const double *bias, double *out) {
    for (size_t r = 0; r < walk->rows; r++) {
        memcpy(out + r * n, bias, n * sizeof(double));
    }
    sp_gpu_gemm(walk->rows, n, k, in.w, in.ld, weight, ldw, true, 1.0, out, n);
    walk->ws->flops += 2.0 * (double)walk->rows * (double)n * (double)k;
}

static double damping(size_t iteration) {
    return iteration == 0 ? 0.75 : 2.0 / ((double)iteration + 3.0);
}

void sp_walk_product_value(sp_walk *walk, size_t l, size_t t, size_t k, sp_argument_value x,
                           sp_argument_value y, bool add, double *out, size_t iteration) {
    const sp_choices *choices = choices_at(walk, l, t);
    const sp_gpu_menu *planes = &sp_state_at(walk->bounds, t, l)->menu[k];
    double *value = walk->ws->h; // out may be y
    if (walk->mix != NULL) {
        sp_mixture_value(walk, planes, sp_mixed_at(walk, l, t, k), x.value, y.value, value);
    } else {
        sp_gpu_menu_value(walk->rows, planes, choices->entry[k], x.value.w, x.value.ld, y.value.w,
                          y.value.ld, false, value, planes->n);
        sp_gpu_menu_choose(walk->rows, planes, x.value.w, x.value.ld, x.box, y.value.w, y.value.ld,
                           y.box, iteration == 0, damping(iteration), choices->anchor[k],
                           choices->entry[k]);
    }
    for (size_t i = 0; i < walk->rows * planes->n; i++) {
        out[i] = add ? out[i] + value[i] : value[i];
    }
}

void sp_walk_lines_value(sp_walk *walk, size_t l, size_t t, size_t k, sp_argument_value x,
                         double *out, size_t ldo, size_t iteration) {
    const sp_choices *choices = choices_at(walk, l, t);
    const sp_gpu_menu *lines = &sp_state_at(walk->bounds, t, l)->menu[k];
    const sp_gpu_range no_box = {NULL, NULL};
    sp_gpu_menu_value(walk->rows, lines, choices->entry[k], x.value.w, x.value.ld, NULL, 0, false,
                      out, ldo);
    if (walk->mix == NULL) {
        sp_gpu_menu_choose(walk->rows, lines, x.value.w, x.value.ld, x.box, NULL, 0, no_box,
                           iteration == 0, damping(iteration), choices->anchor[k],
                           choices->entry[k]);
    }
}
