// What the walks back and forward share (impl.h): where a tile's coefficients stand, and operations
// on them.
#include <math.h>

#include "lstm/backsub/impl.h"

size_t sp_walk_rows(const sp_walk *walk, size_t node, size_t t) {
    const size_t rows = sp_boxes_clips_at(&walk->self->boxes, node, t) * walk->span;
    return rows < walk->rows ? rows : walk->rows;
}

sp_backsub_rows sp_walk_on(const sp_walk *walk, size_t node, size_t frame) {
    const size_t ld = sp_backsub_apart(walk->self->boxes.net->node[node].width);
    const sp_boxes_array slot = walk->ws->slot[walk->self->slot_of[node]];
    return (sp_backsub_rows){sp_boxes_array_at(slot, frame * walk->rows * ld), ld};
}

/* Frames [first, end) of a node become 0. */
static void clear_frames(sp_walk *walk, size_t node, size_t first, size_t end) {
    if (first < end) {
        const sp_backsub_rows to = sp_walk_on(walk, node, first);
        sp_walk_set(walk, (end - first) * walk->rows, to.ld, sp_backsub_no_rows, to);
    }
}

bool sp_walk_open(sp_walk *walk, size_t node, size_t first, size_t end) {
    sp_backsub_span *span = &walk->ws->span[node];
    if (span->first == span->end) {
        *span = (sp_backsub_span){first, end};
        return false;
    }
    if (first < span->first) {
        clear_frames(walk, node, first, span->first);
        span->first = first;
    }
    if (end > span->end) {
        clear_frames(walk, node, span->end, end);
        span->end = end;
    }
    return true;
}

void sp_walk_begin(sp_walk *walk, size_t rows, size_t n, sp_backsub_rows from, sp_backsub_rows to) {
    const sp_backsub_rows of_tile = sp_backsub_rows_from(from, walk->row);
    sp_gpu_copy(walk->self->boxes.gpu,
                &(sp_gpu_copy_args){.rows = rows,
                                    .n = n,
                                    .from = of_tile.at.on,
                                    .ldf = of_tile.ld,
                                    .period = walk->start->common ? walk->span : rows,
                                    .to = to.at.on,
                                    .ldt = to.ld});
}

sp_gpu_rows sp_walk_at(const sp_walk *walk, size_t rows) {
    return (sp_gpu_rows){rows, walk->span, walk->self->boxes.stride};
}

sp_backsub_choices *sp_backsub_choices_at(const sp_walk *walk, size_t node, size_t t) {
    return walk->ws->choices + walk->self->boxes.first[node] + t;
}

/* ---- back ---- */

void sp_walk_multiply_wide(sp_walk *walk, size_t rows, size_t n, size_t k, sp_backsub_rows a,
                           sp_boxes_matrix b, bool add, sp_backsub_rows c) {
    sp_gpu_multiply(walk->self->boxes.gpu, &(sp_gpu_multiply_args){.m = rows,
                                                                   .n = n,
                                                                   .k = k,
                                                                   .a = a.at.on,
                                                                   .lda = a.ld,
                                                                   .b = b.wide.on,
                                                                   .ldb = b.ld,
                                                                   .beta = add ? 1.0 : 0.0,
                                                                   .c = c.at.on,
                                                                   .ldc = c.ld,
                                                                   .count = 1});
    walk->ws->flops += 2.0 * (double)rows * (double)n * (double)k;
}

void sp_walk_multiply(sp_walk *walk, size_t rows, size_t n, size_t k, sp_backsub_rows a,
                      sp_boxes_array omega, sp_boxes_matrix b, sp_boxes_range box, bool add,
                      sp_backsub_rows c) {
    if (b.narrow == NULL) {
        sp_walk_multiply_wide(walk, rows, n, k, a, b, add, c);
        return;
    }
    sp_walk_multiply_narrow(walk, &(sp_walk_narrow_product){.rows = rows,
                                                            .n = n,
                                                            .k = k,
                                                            .count = 1,
                                                            .a = a,
                                                            .omega = omega,
                                                            .b = b.narrow,
                                                            .ldb = b.ld,
                                                            .box = box,
                                                            .add = add,
                                                            .c = c});
}

void sp_walk_multiply_narrow(sp_walk *walk, const sp_walk_narrow_product *p) {
    sp_gpu *gpu = walk->self->boxes.gpu;
    float *a = walk->ws->narrow, *c = walk->ws->wide;
    const size_t rows = p->rows / p->count;
    if (!p->again) {
        sp_gpu_narrow(gpu, &(sp_gpu_narrow_args){.at = sp_walk_at(walk, p->rows),
                                                 .n = p->k,
                                                 .a = p->a.at.on,
                                                 .lda = p->a.ld,
                                                 .omega = p->omega.on,
                                                 .shift = p->shift.on,
                                                 .spread = p->spread.on,
                                                 .to = a,
                                                 .bias = walk->ws->bias.on,
                                                 .rough = walk->ws->rough.on});
    }
    sp_gpu_multiply_single(gpu, &(sp_gpu_multiply_single_args){.m = rows,
                                                               .n = p->n,
                                                               .k = p->k,
                                                               .a = a,
                                                               .b = p->b,
                                                               .c = c,
                                                               .lda = p->k,
                                                               .ldb = p->ldb,
                                                               .ldc = p->n,
                                                               .count = p->count,
                                                               .a_step = rows * p->k,
                                                               .b_step = p->step,
                                                               .c_step = rows * p->n});
    sp_gpu_widen(gpu, &(sp_gpu_widen_args){.at = sp_walk_at(walk, p->rows),
                                           .n = p->n,
                                           .from = c,
                                           .add = p->add,
                                           .to = p->c.at.on,
                                           .ldt = p->c.ld,
                                           .box = sp_boxes_range_of(p->box),
                                           .bias = walk->ws->bias.on});
    walk->ws->flops += 2.0 * (double)p->rows * (double)p->n * (double)p->k;
}

void sp_walk_affine(sp_walk *walk, size_t rows, size_t n, sp_backsub_rows a, sp_boxes_array b,
                    sp_boxes_array omega) {
    sp_gpu_affine(walk->self->boxes.gpu, &(sp_gpu_affine_args){.at = sp_walk_at(walk, rows),
                                                               .n = n,
                                                               .a = a.at.on,
                                                               .lda = a.ld,
                                                               .b = b.on,
                                                               .omega = omega.on,
                                                               .bias = walk->ws->bias.on,
                                                               .mass = walk->ws->mass.on});
}

void sp_walk_centre(sp_walk *walk, size_t rows, size_t n, sp_backsub_rows a, sp_boxes_array shift,
                    sp_boxes_array spread) {
    sp_gpu_centre(walk->self->boxes.gpu, &(sp_gpu_centre_args){.at = sp_walk_at(walk, rows),
                                                               .n = n,
                                                               .a = a.at.on,
                                                               .lda = a.ld,
                                                               .shift = shift.on,
                                                               .spread = spread.on,
                                                               .bias = walk->ws->bias.on,
                                                               .rough = walk->ws->rough.on});
}

void sp_walk_weigh_mass(sp_walk *walk, size_t rows, size_t n, sp_backsub_rows a,
                        sp_boxes_array size) {
    sp_gpu_support(walk->self->boxes.gpu, &(sp_gpu_support_args){.at = sp_walk_at(walk, rows),
                                                                 .n = n,
                                                                 .c = a.at.on,
                                                                 .ldc = a.ld,
                                                                 .radius = size.on,
                                                                 .out = walk->ws->mass.on});
}

void sp_walk_scalars(sp_walk *walk, size_t rows, sp_backsub_rows in, const sp_gpu_menu *lines,
                     bool split, sp_backsub_rows x) {
    sp_gpu_line(walk->self->boxes.gpu, &(sp_gpu_line_args){.at = sp_walk_at(walk, rows),
                                                           .w = in.at.on,
                                                           .ldw = in.ld,
                                                           .lines = *lines,
                                                           .split = split,
                                                           .x = x.at.on,
                                                           .ldx = x.ld,
                                                           .bias = walk->ws->bias.on,
                                                           .mass = walk->ws->mass.on});
}

void sp_walk_menu_pick(sp_walk *walk, size_t rows, sp_backsub_rows in, const sp_gpu_menu *menu,
                       unsigned char *choice, sp_backsub_rows x, sp_backsub_rows y, bool add) {
    sp_gpu_pick(walk->self->boxes.gpu, &(sp_gpu_pick_args){.at = sp_walk_at(walk, rows),
                                                           .w = in.at.on,
                                                           .ldw = in.ld,
                                                           .planes = *menu,
                                                           .choice = choice,
                                                           .fresh = walk->fresh,
                                                           .x = x.at.on,
                                                           .ldx = x.ld,
                                                           .y = y.at.on,
                                                           .ldy = y.ld,
                                                           .add = add,
                                                           .bias = walk->ws->bias.on,
                                                           .mass = walk->ws->mass.on});
}

/* Adds |coefficients| on n products or curves, weighted by the rows, to their influence. */
static void add_influence(const sp_walk *walk, size_t rows, size_t node, size_t t, int v,
                          sp_backsub_rows in) {
    const unsigned char *entry = sp_backsub_choices_at(walk, node, t)->entry[v];
    const size_t at = (size_t)(entry - walk->ws->entries) / walk->self->tile;
    const size_t n = sp_backsub_relaxations_at(walk->self, node, t)->menu[v].n;
    const double *w = sp_boxes_program(&walk->self->boxes, in.at);
    for (size_t r = 0; r < rows; r++) {
        const double weight = walk->start->weight[walk->row + r];
        for (size_t j = 0; j < n; j++) {
            walk->ws->influence[at + j] += weight * fabs(w[r * in.ld + j]);
        }
    }
}

void sp_walk_product(sp_walk *walk, size_t rows, size_t node, size_t t, int v, sp_backsub_rows in,
                     sp_backsub_rows x, sp_backsub_rows y, bool add) {
    const sp_gpu_menu *planes = &sp_backsub_relaxations_at(walk->self, node, t)->menu[v];
    if (walk->start->weight != NULL) {
        add_influence(walk, rows, node, t, v, in);
    }
    if (walk->mixer != NULL) {
        walk->mixer->back(walk->mixture, walk, node, t, v, in, x, y, add);
    } else if (walk->choosing) {
        sp_walk_menu_pick(walk, rows, in, planes, sp_backsub_choices_at(walk, node, t)->entry[v], x,
                          y, add);
    } else {
        sp_gpu_product(walk->self->boxes.gpu, &(sp_gpu_product_args){.at = sp_walk_at(walk, rows),
                                                                     .w = in.at.on,
                                                                     .ldw = in.ld,
                                                                     .planes = *planes,
                                                                     .x = x.at.on,
                                                                     .ldx = x.ld,
                                                                     .y = y.at.on,
                                                                     .ldy = y.ld,
                                                                     .add = add,
                                                                     .bias = walk->ws->bias.on,
                                                                     .mass = walk->ws->mass.on});
    }
}

void sp_walk_line(sp_walk *walk, size_t rows, size_t node, size_t t, int v, sp_backsub_rows in,
                  sp_backsub_rows x) {
    const sp_gpu_menu *lines = &sp_backsub_relaxations_at(walk->self, node, t)->menu[v];
    if (walk->start->weight != NULL) {
        add_influence(walk, rows, node, t, v, in);
    }
    if (walk->choosing) {
        sp_walk_menu_pick(walk, rows, in, lines, sp_backsub_choices_at(walk, node, t)->entry[v], x,
                          sp_backsub_no_rows, false);
    } else {
        sp_walk_scalars(walk, rows, in, lines, false, x);
    }
}

void sp_walk_set(sp_walk *walk, size_t rows, size_t columns, sp_backsub_rows from,
                 sp_backsub_rows to) {
    sp_gpu_copy(walk->self->boxes.gpu, &(sp_gpu_copy_args){.rows = rows,
                                                           .n = columns,
                                                           .from = from.at.on,
                                                           .ldf = from.ld,
                                                           .period = rows,
                                                           .to = to.at.on,
                                                           .ldt = to.ld});
}

void sp_walk_add(sp_walk *walk, size_t rows, size_t n, sp_backsub_rows a, sp_backsub_rows b,
                 bool minus, sp_backsub_rows to) {
    sp_gpu_add(walk->self->boxes.gpu, &(sp_gpu_add_args){.rows = rows,
                                                         .n = n,
                                                         .a = a.at.on,
                                                         .b = b.at.on,
                                                         .lda = a.ld,
                                                         .ldb = b.ld,
                                                         .minus = minus,
                                                         .to = to.at.on,
                                                         .ldt = to.ld});
}

/* ---- forward ---- */

void sp_walk_weigh(sp_walk *walk, size_t rows, size_t n, size_t k, sp_backsub_rows in,
                   sp_boxes_matrix weight, sp_backsub_rows out) {
    sp_gpu_multiply(walk->self->boxes.gpu, &(sp_gpu_multiply_args){.m = rows,
                                                                   .n = n,
                                                                   .k = k,
                                                                   .a = in.at.on,
                                                                   .lda = in.ld,
                                                                   .b = weight.wide.on,
                                                                   .ldb = weight.ld,
                                                                   .transposed = true,
                                                                   .beta = 1.0,
                                                                   .c = out.at.on,
                                                                   .ldc = out.ld,
                                                                   .count = 1});
    walk->ws->flops += 2.0 * (double)rows * (double)n * (double)k;
}

void sp_walk_bias(sp_walk *walk, size_t rows, size_t n, sp_boxes_array bias, sp_backsub_rows out) {
    sp_gpu_copy(
        walk->self->boxes.gpu,
        &(sp_gpu_copy_args){
            .rows = rows, .n = n, .from = bias.on, .period = 1, .to = out.at.on, .ldt = out.ld});
}

/* How far anchors move to the worst case in an iteration. */
static double damping(size_t iteration) {
    return iteration == 0 ? 0.75 : 2.0 / ((double)iteration + 3.0);
}

void sp_walk_menu_value(sp_walk *walk, size_t rows, const sp_gpu_menu *menu,
                        const unsigned char *choice, sp_backsub_rows x, sp_backsub_rows y,
                        sp_backsub_rows out) {
    sp_gpu_value(walk->self->boxes.gpu, &(sp_gpu_value_args){.at = sp_walk_at(walk, rows),
                                                             .planes = *menu,
                                                             .choice = choice,
                                                             .x = x.at.on,
                                                             .ldx = x.ld,
                                                             .y = y.at.on,
                                                             .ldy = y.ld,
                                                             .out = out.at.on,
                                                             .ldo = out.ld});
}

void sp_walk_menu_choose(sp_walk *walk, size_t rows, const sp_gpu_menu *menu, sp_walk_value x,
                         sp_walk_value y, size_t iteration, float *anchor, unsigned char *choice) {
    const bool first = iteration == 0;
    sp_gpu_choose(walk->self->boxes.gpu,
                  &(sp_gpu_choose_args){.at = sp_walk_at(walk, rows),
                                        .planes = *menu,
                                        .x = x.at.at.on,
                                        .ldx = x.at.ld,
                                        .y = y.at.at.on,
                                        .ldy = y.at.ld,
                                        .x_box = sp_boxes_range_of(x.box),
                                        .y_box = sp_boxes_range_of(y.box),
                                        .first = first,
                                        .step = damping(iteration),
                                        .anchor = first && walk->last ? NULL : anchor,
                                        .choice = choice});
}

void sp_walk_product_value(sp_walk *walk, size_t rows, size_t node, size_t t, int v,
                           sp_walk_value x, sp_walk_value y, size_t iteration,
                           sp_backsub_rows out) {
    const sp_gpu_menu *planes = &sp_backsub_relaxations_at(walk->self, node, t)->menu[v];
    if (walk->mixer != NULL) {
        walk->mixer->value(walk->mixture, walk, node, t, v, x.at, y.at, out);
        return;
    }
    const sp_backsub_choices *choices = sp_backsub_choices_at(walk, node, t);
    sp_walk_menu_value(walk, rows, planes, choices->entry[v], x.at, y.at, out);
    sp_walk_menu_choose(walk, rows, planes, x, y, iteration, choices->anchor[v], choices->entry[v]);
}

void sp_walk_line_value(sp_walk *walk, size_t rows, size_t node, size_t t, int v, sp_walk_value x,
                        size_t iteration, sp_backsub_rows out) {
    const sp_backsub_choices *choices = sp_backsub_choices_at(walk, node, t);
    const sp_gpu_menu *lines = &sp_backsub_relaxations_at(walk->self, node, t)->menu[v];
    const sp_walk_value none = {sp_backsub_no_rows, {{NULL}, {NULL}}};
    sp_walk_menu_value(walk, rows, lines, choices->entry[v], x.at, sp_backsub_no_rows, out);
    if (walk->mixer == NULL) {
        sp_walk_menu_choose(walk, rows, lines, x, none, iteration, choices->anchor[v],
                            choices->entry[v]);
    }
}
