// What the layers' walks back and forward share (layers.h).
#include "lstm/layers.h"

double *sp_walk_cross(sp_walk *walk) {
    walk->turn ^= 1;
    return walk->ws->cross[walk->turn];
}

static sp_choices *choices_at(const sp_walk *walk, size_t l, size_t t) {
    return walk->ws->choices + t * walk->bounds->net->layers + l;
}

bool sp_walk_is_silent(const sp_bounds *bounds, size_t t) {
    const sp_front_bound *front = bounds->front;
    if (bounds->far || front->radius == NULL) {
        return false;
    }
    const double *radius = front->radius + t * front->step;
    for (size_t i = 0; i < front->frame; i++) {
        if (radius[i] != 0.0) {
            return false;
        }
    }
    return true;
}

/* ---- back ---- */

void sp_walk_multiply(sp_walk *walk, size_t n, size_t k, sp_rows a, const double *omega,
                      const double *b, size_t ldb, double beta, double *c, size_t ldc) {
    const float *single = sp_single_of(walk->bounds, b);
    if (single != NULL) {
        sp_single_multiply(walk, &(sp_single_product){.n = n,
                                                      .k = k,
                                                      .count = 1,
                                                      .ldb = ldb,
                                                      .ldc = ldc,
                                                      .a = a,
                                                      .omega = omega,
                                                      .b = single,
                                                      .add = beta != 0.0,
                                                      .c = c});
    } else {
        sp_gpu_multiply(walk->bounds->gpu, &(sp_gpu_multiply_args){.m = walk->rows,
                                                                   .n = n,
                                                                   .k = k,
                                                                   .a = a.w,
                                                                   .lda = a.ld,
                                                                   .b = b,
                                                                   .ldb = ldb,
                                                                   .beta = beta,
                                                                   .c = c,
                                                                   .ldc = ldc,
                                                                   .count = 1});
    }
    walk->ws->flops += 2.0 * (double)walk->rows * (double)n * (double)k;
}

unsigned char *sp_signs_of(const sp_walk *walk, size_t row) {
    unsigned char *sign = walk->ws->sign;
    return sign != NULL ? sign + row * sp_sign_width(walk->bounds->front) : NULL;
}

sp_gpu_rows sp_walk_at(const sp_walk *walk) {
    return (sp_gpu_rows){walk->rows, walk->span, walk->bounds->stride};
}

void sp_walk_affine(sp_walk *walk, size_t n, sp_rows a, const double *b, const double *omega) {
    sp_gpu_affine(walk->bounds->gpu, &(sp_gpu_affine_args){.at = sp_walk_at(walk),
                                                           .n = n,
                                                           .a = a.w,
                                                           .lda = a.ld,
                                                           .b = b,
                                                           .omega = omega,
                                                           .bias = walk->ws->bias,
                                                           .mass = walk->ws->mass});
}

void sp_walk_scalars(sp_walk *walk, sp_rows in, const sp_gpu_menu *lines, bool split, double *x,
                     size_t ldx) {
    sp_gpu_line(walk->bounds->gpu, &(sp_gpu_line_args){.at = sp_walk_at(walk),
                                                       .w = in.w,
                                                       .ldw = in.ld,
                                                       .lines = *lines,
                                                       .split = split,
                                                       .x = x,
                                                       .ldx = ldx,
                                                       .bias = walk->ws->bias,
                                                       .mass = walk->ws->mass});
}

/* Each coefficient takes the entry that its row chose. */
static void pick(sp_walk *walk, sp_rows in, const sp_gpu_menu *menu, int *choice, double *x,
                 size_t ldx, double *y, size_t ldy, bool add) {
    sp_gpu_pick(walk->bounds->gpu, &(sp_gpu_pick_args){.at = sp_walk_at(walk),
                                                       .w = in.w,
                                                       .ldw = in.ld,
                                                       .planes = *menu,
                                                       .choice = choice,
                                                       .x = x,
                                                       .ldx = ldx,
                                                       .y = y,
                                                       .ldy = ldy,
                                                       .add = add,
                                                       .bias = walk->ws->bias,
                                                       .mass = walk->ws->mass});
}

void sp_walk_product(sp_walk *walk, size_t l, size_t t, size_t k, sp_rows in, double *x, size_t ldx,
                     double *y, size_t ldy, bool add) {
    sp_workspace *ws = walk->ws;
    const sp_gpu_menu *planes = &sp_state_at(walk->bounds, t, l)->menu[k];
    if (walk->mix != NULL) {
        sp_mixture_back(walk, planes, sp_mixed_at(walk, l, t, k), in, x, ldx, y, ldy, add);
    } else if (walk->choosing) {
        pick(walk, in, planes, choices_at(walk, l, t)->entry[k], x, ldx, y, ldy, add);
    } else {
        sp_gpu_product(walk->bounds->gpu, &(sp_gpu_product_args){.at = sp_walk_at(walk),
                                                                 .w = in.w,
                                                                 .ldw = in.ld,
                                                                 .planes = *planes,
                                                                 .x = x,
                                                                 .ldx = ldx,
                                                                 .y = y,
                                                                 .ldy = ldy,
                                                                 .add = add,
                                                                 .bias = ws->bias,
                                                                 .mass = ws->mass});
    }
}

void sp_walk_lines(sp_walk *walk, size_t l, size_t t, size_t k, sp_rows in, double *x, size_t ldx) {
    const sp_gpu_menu *lines = &sp_state_at(walk->bounds, t, l)->menu[k];
    if (walk->choosing) {
        pick(walk, in, lines, choices_at(walk, l, t)->entry[k], x, ldx, NULL, 0, false);
    } else {
        sp_walk_scalars(walk, in, lines, false, x, ldx);
    }
}

void sp_walk_set(sp_walk *walk, double *a, size_t columns, size_t ld, sp_rows from) {
    sp_gpu_copy(walk->bounds->gpu, &(sp_gpu_copy_args){.rows = walk->rows,
                                                       .n = columns,
                                                       .from = from.w,
                                                       .ldf = from.ld,
                                                       .period = walk->rows,
                                                       .to = a,
                                                       .ldt = ld});
}

void sp_walk_add(sp_walk *walk, size_t n, sp_rows a, sp_rows b, bool minus, double *to,
                 size_t ldt) {
    sp_gpu_add(walk->bounds->gpu, &(sp_gpu_add_args){.rows = walk->rows,
                                                     .n = n,
                                                     .a = a.w,
                                                     .lda = a.ld,
                                                     .b = b.w,
                                                     .ldb = b.ld,
                                                     .minus = minus,
                                                     .to = to,
                                                     .ldt = ldt});
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
    sp_walk_add(walk, H, above, kept, false, sum, H);
    return (sp_rows){sum, H};
}

/* ---- forward ---- */

void sp_walk_weigh(sp_walk *walk, size_t n, size_t k, sp_rows in, const double *weight, size_t ldw,
                   double *out, size_t ldo) {
    sp_gpu_multiply(walk->bounds->gpu, &(sp_gpu_multiply_args){.m = walk->rows,
                                                               .n = n,
                                                               .k = k,
                                                               .a = in.w,
                                                               .lda = in.ld,
                                                               .b = weight,
                                                               .ldb = ldw,
                                                               .transposed = true,
                                                               .beta = 1.0,
                                                               .c = out,
                                                               .ldc = ldo,
                                                               .count = 1});
    walk->ws->flops += 2.0 * (double)walk->rows * (double)n * (double)k;
}

void sp_walk_bias_value(sp_walk *walk, size_t n, const double *bias, double *out, size_t ldo) {
    sp_gpu_copy(walk->bounds->gpu,
                &(sp_gpu_copy_args){
                    .rows = walk->rows, .n = n, .from = bias, .period = 1, .to = out, .ldt = ldo});
}

void sp_walk_affine_value(sp_walk *walk, size_t n, size_t k, sp_rows in, const double *weight,
                          size_t ldw, const double *bias, double *out) {
    sp_walk_bias_value(walk, n, bias, out, n);
    sp_walk_weigh(walk, n, k, in, weight, ldw, out, n);
}

double sp_damping(size_t iteration) {
    return iteration == 0 ? 0.75 : 2.0 / ((double)iteration + 3.0);
}

void sp_walk_menu_value(sp_walk *walk, const sp_gpu_menu *menu, const int *choice, sp_rows x,
                        sp_rows y, double *out, size_t ldo) {
    sp_gpu_value(walk->bounds->gpu, &(sp_gpu_value_args){.at = sp_walk_at(walk),
                                                         .planes = *menu,
                                                         .choice = choice,
                                                         .x = x.w,
                                                         .ldx = x.ld,
                                                         .y = y.w,
                                                         .ldy = y.ld,
                                                         .out = out,
                                                         .ldo = ldo});
}

void sp_walk_menu_choose(sp_walk *walk, const sp_gpu_menu *menu, sp_argument_value x,
                         sp_argument_value y, size_t iteration, float *anchor, int *choice) {
    sp_gpu_choose(walk->bounds->gpu, &(sp_gpu_choose_args){.at = sp_walk_at(walk),
                                                           .planes = *menu,
                                                           .x = x.value.w,
                                                           .ldx = x.value.ld,
                                                           .y = y.value.w,
                                                           .ldy = y.value.ld,
                                                           .x_box = x.box,
                                                           .y_box = y.box,
                                                           .first = iteration == 0,
                                                           .step = sp_damping(iteration),
                                                           .anchor = anchor,
                                                           .choice = choice});
}

void sp_walk_product_value(sp_walk *walk, size_t l, size_t t, size_t k, sp_argument_value x,
                           sp_argument_value y, bool add, double *out, size_t iteration) {
    const sp_choices *choices = choices_at(walk, l, t);
    const sp_gpu_menu *planes = &sp_state_at(walk->bounds, t, l)->menu[k];
    const size_t n = planes->n;
    double *values = walk->ws->h; // out may be y
    if (walk->mix != NULL) {
        sp_mixture_value(walk, planes, sp_mixed_at(walk, l, t, k), x.value, y.value, values);
    } else {
        sp_walk_menu_value(walk, planes, choices->entry[k], x.value, y.value, values, n);
        sp_walk_menu_choose(walk, planes, x, y, iteration, choices->anchor[k], choices->entry[k]);
    }
    if (add) {
        sp_walk_add(walk, n, (sp_rows){out, n}, (sp_rows){values, n}, false, out, n);
    } else {
        sp_walk_set(walk, out, n, n, (sp_rows){values, n});
    }
}

void sp_walk_lines_value(sp_walk *walk, size_t l, size_t t, size_t k, sp_argument_value x,
                         double *out, size_t ldo, size_t iteration) {
    const sp_choices *choices = choices_at(walk, l, t);
    const sp_gpu_menu *lines = &sp_state_at(walk->bounds, t, l)->menu[k];
    const sp_argument_value none = {sp_no_rows, {NULL, NULL}};
    sp_walk_menu_value(walk, lines, choices->entry[k], x.value, none.value, out, ldo);
    if (walk->mix == NULL) {
        sp_walk_menu_choose(walk, lines, x, none, iteration, choices->anchor[k], choices->entry[k]);
    }
}
