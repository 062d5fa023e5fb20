// The relaxations of curves and products over their boxes, and the cuts of the boxes of products.
#include <math.h>

#include "base/pool.h"
#include "gpu/menu.h"
#include "lstm/backsub/impl.h"

enum { UNITS_PER_TASK = 8 };
#define PLANE_TOLERANCE 1e-3
/* One set of points in the unit square serves every product, as in R2's code. Its draw matters:
 * over four seeds the margin of 3_nicolas_0 at -70 dB ran from 2.81 to 3.11 (R2's own run: 3.03).
 * */
#define R2_SEED 5

static sp_backsub *of(sp_boxes *boxes) {
    return (sp_backsub *)(void *)boxes;
}

/* ---- planes of one product, by the program ---- */

/* One product: over x and y as the layer has them, and over the variables of map->product. */
typedef struct sp_relaxed {
    const sp_gate_map *map;
    sp_box box, inner;
    double x, y; /* magnitudes over box */
} sp_relaxed;

static void store(sp_gpu_menu *menu, size_t e, size_t j, const sp_relaxed *at, sp_plane plane) {
    const bool upper = e >= menu->lower;
    const sp_plane p = sp_gate_plane(at->map, at->box, plane, upper);
    sp_gpu_menu_store(menu, e, j, p);
    menu->mass[j] = sp_gpu_menu_raise(menu->mass[j], e, p, at->x, at->y);
}

/* Exact planes at the static anchors and, for rows that choose, at anchors spread over the box. */
static void fill_exact(sp_gpu_menu *menu, size_t j, const sp_relaxed *at, const sp_cut *cut) {
    sp_anchor lower_at[SP_BACKSUB_MENU_PLANES], upper_at[SP_BACKSUB_MENU_PLANES];
    sp_plane lower[SP_BACKSUB_MENU_PLANES], upper[SP_BACKSUB_MENU_PLANES];
    const sp_box box = at->inner;
    const size_t own = menu->lower - menu->shared;
    sp_cut inner_cut;
    if (cut != NULL) {
        inner_cut = sp_gate_cut(at->map, at->box, cut);
    }
    sp_menu_anchors(box, own, lower_at, upper_at);
    sp_octagon_planes(at->map->product, box, cut != NULL ? &inner_cut : NULL, own, lower_at,
                      upper_at, PLANE_TOLERANCE, lower, upper);
    for (size_t k = 0; k < own; k++) {
        store(menu, k, j, at, lower[k]);
    }
    for (size_t k = 0; k < own; k++) {
        store(menu, menu->lower + k, j, at, upper[k]);
    }
}

/* What underflow takes from a mixture of so few planes, over the gamma of any chain. */
#define MIXED_LOSS 0x1p-1020

/* R2's candidates: the standard entries are the planes of its LP. */
static sp_status fill_candidates(sp_gpu_menu *menu, size_t j, const sp_relaxed *at) {
    sp_plane_pair planes[SP_R2_CANDIDATES];
    SP_TRY(sp_plane_r2_candidates(NULL, planes, at->map->product, at->inner, R2_SEED));
    for (size_t k = 0; k < SP_R2_CANDIDATES; k++) {
        store(menu, k, j, at, planes[k].lower);
    }
    for (size_t k = 0; k < SP_R2_CANDIDATES; k++) {
        store(menu, menu->lower + k, j, at, planes[k].upper);
    }
    menu->mass[j] = sp_above(menu->mass[j] + MIXED_LOSS * (at->x + at->y + 1.0));
    return SP_OK;
}

static sp_status fill_lp(sp_gpu_menu *menu, size_t j, const sp_relaxed *at) {
    sp_plane_pair pair;
    const sp_status status = sp_plane_r2_lp(NULL, &pair, at->map->product, at->inner, R2_SEED);
    store(menu, 0, j, at, pair.lower);
    store(menu, menu->lower, j, at, pair.upper);
    return status;
}

static void fill_rule(sp_gpu_menu *menu, size_t j, const sp_relaxed *at,
                      const sp_backsub_options *options) {
    const sp_plane_pair pair = sp_plane_rule_planes(options->rules.plane, options->rules.line,
                                                    at->map->product, at->inner);
    store(menu, 0, j, at, pair.lower);
    store(menu, menu->lower, j, at, pair.upper);
}

/* One product of all units of a cell. */
typedef struct sp_units {
    const sp_backsub_options *options;
    sp_gpu_menu *menu;
    const sp_cut *cut; /* [n] or NULL */
    const sp_gpu_factor *of;
    sp_status *status; /* [tasks] */
} sp_units;

static sp_status relax_unit(const sp_units *work, size_t j) {
    const sp_gpu_factor *of = work->of;
    const sp_box box = {{of->x.lo[j], of->x.hi[j]}, {of->y.lo[j], of->y.hi[j]}};
    const sp_relaxed at = {&of->map, box, sp_gate_box(&of->map, box), sp_iv_mag(box.x),
                           sp_iv_mag(box.y)};
    switch (work->options->planes) {
    case SP_BACKSUB_STATIC:
        fill_exact(work->menu, j, &at, work->cut != NULL ? work->cut + j : NULL);
        return SP_OK;
    case SP_BACKSUB_R2_LP:
        return fill_lp(work->menu, j, &at);
    case SP_BACKSUB_R2_CANDIDATES:
        return fill_candidates(work->menu, j, &at);
    case SP_BACKSUB_RULES:
        fill_rule(work->menu, j, &at, work->options);
        return SP_OK;
    }
    return SP_E_ARGUMENT;
}

static void relax_some(void *context, size_t task) {
    const sp_units *work = context;
    const size_t first = task * UNITS_PER_TASK, left = work->menu->n - first;
    const size_t end = first + (left < UNITS_PER_TASK ? left : UNITS_PER_TASK);
    sp_status status = SP_OK;
    for (size_t j = first; j < end && status == SP_OK; j++) {
        status = relax_unit(work, j);
    }
    work->status[task] = status;
}

/* ---- the variables of a cell ---- */

static sp_gpu_factor factor_of(const sp_boxes *boxes, size_t node, size_t t, int v) {
    const sp_cell_variable *p = &boxes->constants[node].cell.variable[v];
    return (sp_gpu_factor){p->map, sp_boxes_range_of(sp_boxes_variable(boxes, node, t, p->a)),
                           sp_boxes_range_of(sp_boxes_variable(boxes, node, t, p->b))};
}

static sp_status relax_product(sp_error *err, sp_backsub *self, size_t node, size_t t, int v) {
    const sp_boxes *boxes = &self->boxes;
    sp_backsub_relaxations *to = sp_backsub_relaxations_at(self, node, t);
    const sp_gpu_factor of_product = factor_of(boxes, node, t, v);
    const sp_gpu_clips at = sp_boxes_clips_of(boxes, node, t);
    if (boxes->device) {
        sp_gpu_planes(boxes->gpu, &(sp_gpu_planes_args){.at = at,
                                                        .of = of_product,
                                                        .cut = to->cut[v],
                                                        .tolerance = PLANE_TOLERANCE,
                                                        .menu = to->menu[v]});
        sp_gpu_masses(boxes->gpu,
                      &(sp_gpu_masses_args){.at = at, .of = of_product, .menu = to->menu[v]});
        return SP_OK;
    }
    const size_t tasks = (to->menu[v].n + UNITS_PER_TASK - 1) / UNITS_PER_TASK;
    sp_units work = {&self->options, &to->menu[v], to->cut[v], &of_product, self->task_status};
    sp_pool_run(tasks, 0, relax_some, &work);
    for (size_t i = 0; i < tasks; i++) {
        if (work.status[i] != SP_OK) {
            return sp_fail(err, work.status[i],
                           "no plane for a product of node %zu at step %zu: %s", node, t,
                           sp_status_text(work.status[i]));
        }
    }
    return SP_OK;
}

/* The lines of a rule: one below and one above. */
static void rule_lines(const sp_backsub *self, size_t node, size_t t, int v, sp_activation f,
                       sp_boxes_range box) {
    const sp_gpu_menu *menu = &sp_backsub_relaxations_at(self, node, t)->menu[v];
    const double *lo = sp_boxes_program(&self->boxes, box.lo);
    const double *hi = sp_boxes_program(&self->boxes, box.hi);
    for (size_t j = 0; j < menu->n; j++) {
        const sp_iv x = {lo[j], hi[j]};
        const sp_line_pair pair = sp_relax_rules_lines(&self->options.rules, f, x);
        sp_gpu_menu_store(menu, 0, j, (sp_plane){pair.lower.w, 0.0, pair.lower.c});
        sp_gpu_menu_store(menu, menu->lower, j, (sp_plane){pair.upper.w, 0.0, pair.upper.c});
        sp_gpu_menu_weigh(menu, j, sp_iv_mag(x), 0.0);
    }
}

static void relax_curve(sp_backsub *self, size_t node, size_t t, int v, sp_activation f,
                        sp_boxes_range x) {
    const sp_boxes *boxes = &self->boxes;
    if (self->options.planes == SP_BACKSUB_RULES) {
        rule_lines(self, node, t, v, f, x);
        return;
    }
    sp_gpu_curve(boxes->gpu,
                 &(sp_gpu_curve_args){.at = sp_boxes_clips_of(boxes, node, t),
                                      .f = f,
                                      .x = sp_boxes_range_of(x),
                                      .lines = sp_backsub_relaxations_at(self, node, t)->menu[v]});
}

/* The ReLU of a node: as many lines below as rows choose from, one above. */
static void relax_relu(sp_backsub *self, size_t node, size_t t) {
    const sp_boxes *boxes = &self->boxes;
    const sp_boxes_state *state = sp_boxes_state_at(boxes, node, t);
    sp_gpu_relu(boxes->gpu,
                &(sp_gpu_relu_args){.at = sp_boxes_clips_of(boxes, node, t),
                                    .lines = sp_backsub_relaxations_at(self, node, t)->menu[0],
                                    .in_lo = state->input.lo.on,
                                    .in_hi = state->input.hi.on,
                                    .out_lo = state->out.lo.on,
                                    .out_hi = state->out.hi.on});
}

/* ---- biases of pre-activations ---- */

/** sp_image_bias - of an argument that is a pre-activation; NULL: it is not. */
typedef struct sp_image_bias {
    const double *bias, *omega;
} sp_image_bias;

static sp_image_bias bias_of(const sp_boxes *boxes, size_t node, size_t t, int v) {
    const sp_boxes_constants *constants = &boxes->constants[node];
    const size_t H = boxes->net->node[node].width;
    if (!sp_backsub_folds(&constants->cell, v)) {
        return (sp_image_bias){NULL, NULL};
    }
    const sp_cell_variable *at = &constants->cell.variable[v];
    const sp_boxes_array bias = at->recurrent_bias
                                    ? constants->recurrent_bias
                                    : sp_boxes_array_at(constants->bias, at->block * H);
    return (sp_image_bias){
        bias.on, sp_boxes_array_at(sp_boxes_state_at(boxes, node, t)->omega, at->place * H).on};
}

static void fold_biases(const sp_backsub *self, size_t node, size_t t, int v) {
    const sp_boxes *boxes = &self->boxes;
    const sp_cell_variable *at = &boxes->constants[node].cell.variable[v];
    const sp_image_bias x = bias_of(boxes, node, t, at->a), y = bias_of(boxes, node, t, at->b);
    if (x.bias != NULL || y.bias != NULL) {
        sp_gpu_fold(boxes->gpu,
                    &(sp_gpu_fold_args){.at = sp_boxes_clips_of(boxes, node, t),
                                        .menu = sp_backsub_relaxations_at(self, node, t)->menu[v],
                                        .x_bias = x.bias,
                                        .y_bias = y.bias,
                                        .x_omega = x.omega,
                                        .y_omega = y.omega});
    }
}

/* ---- cuts ---- */

static void take_cuts(sp_backsub *self, size_t node, size_t t, int first, const int *product,
                      size_t products) {
    const sp_boxes *boxes = &self->boxes;
    const sp_cell_steps *steps = &boxes->constants[node].cell;
    const size_t H = boxes->net->node[node].width, rows = products * H * SP_GPU_ROWS_PER_CUT;
    sp_gpu_cut_rows_args args = {.n = H};
    sp_gpu_cuts_args cuts = {.at = sp_boxes_clips_of(boxes, node, t),
                             .n = H,
                             .products = products,
                             .apart = self->most,
                             .lower = self->box_lower.on};
    sp_backsub_start start = {
        .node = node, .t = t, .end = first, .cuts = &args, .cut_variable = SP_NO_VARIABLE};
    const sp_boxes_array none = {NULL};
    for (size_t k = 0; k < products; k++) {
        const sp_cell_variable *p = &steps->variable[product[k]];
        const sp_cell_variable *x = &steps->variable[p->a], *y = &steps->variable[p->b];
        const bool image = y->op == SP_CELL_IMAGE;
        if (!image) {
            start.cut_variable = p->b;
        }
        args.of[k] = cuts.of[k] =
            (sp_gpu_cut_of){.x = sp_boxes_range_of(sp_boxes_variable(boxes, node, t, p->a)),
                            .y = sp_boxes_range_of(sp_boxes_variable(boxes, node, t, p->b)),
                            .x_column = x->place * H,
                            .y_column = image ? y->place * H : 0,
                            .y_on_gates = image,
                            .cut = sp_backsub_relaxations_at(self, node, t)->cut[product[k]]};
    }
    sp_backsub_lower_rows(self, self->box_lower, none, &start, rows, self->options.box_iterations,
                          false);
    sp_gpu_cuts(boxes->gpu, &cuts);
}

/* Cuts the boxes of the products among [first, end): bounds of p x + q y and p x - q y, p and q the
 * inverse half sides, met with what the box says. */
static void cut_products(sp_backsub *self, size_t node, size_t t, int first, int end) {
    const sp_cell_steps *steps = &self->boxes.constants[node].cell;
    int product[SP_GPU_CUT_PRODUCTS];
    size_t products = 0;
    for (int v = first; v < end; v++) {
        const sp_cell_variable *at = &steps->variable[v];
        if (at->used && sp_backsub_is_cut(steps, v) && !sp_cell_zero(steps, v, t == 0)) {
            product[products++] = v;
        }
        if (products == SP_GPU_CUT_PRODUCTS || (v + 1 == end && products > 0)) {
            take_cuts(self, node, t, first, product, products);
            products = 0;
        }
    }
}

/* Sums of two products among [first, end). */
static void relax_sums(sp_backsub *self, size_t node, size_t t, int first, int end) {
    const sp_cell_steps *steps = &self->boxes.constants[node].cell;
    for (int s = 0; self->sums && s < (int)steps->count; s++) {
        const sp_cell_variable *at = &steps->variable[s];
        if (at->a >= first && at->a < end && at->b >= first && at->b < end &&
            sp_backsub_is_summed(steps, s)) {
            sp_backsub_relax_sum(self, node, t, first, s);
        }
    }
}

sp_status sp_backsub_relax(sp_error *err, sp_boxes *boxes, size_t node, size_t t, int first,
                           int end) {
    sp_backsub *self = of(boxes);
    const sp_node *at = &boxes->net->node[node];
    if (at->kind == SP_NODE_CURVE) {
        if (at->curve.kind == SP_ACTIVATION_RELU && self->options.planes != SP_BACKSUB_RULES) {
            relax_relu(self, node, t);
        } else {
            relax_curve(self, node, t, 0, at->curve, sp_boxes_state_at(boxes, node, t)->input);
        }
        return SP_OK;
    }
    const sp_cell_steps *steps = &boxes->constants[node].cell;
    if (self->options.octagons) {
        cut_products(self, node, t, first, end);
    }
    for (int v = first; v < end; v++) {
        const sp_cell_variable *variable = &steps->variable[v];
        if (!variable->used || sp_cell_zero(steps, v, t == 0)) {
            continue;
        }
        if (variable->op == SP_CELL_CURVE) {
            relax_curve(self, node, t, v, variable->f,
                        sp_boxes_variable(boxes, node, t, variable->a));
        } else {
            SP_TRY(relax_product(err, self, node, t, v));
        }
    }
    relax_sums(self, node, t, first, end);
    for (int v = first; v < end; v++) {
        if (steps->variable[v].used && !sp_cell_zero(steps, v, t == 0)) {
            fold_biases(self, node, t, v);
        }
    }
    return SP_OK;
}
