// A cell at one step: the intervals of its variables in their order, each refined as soon as it is
// there. Read from the cell's description alone.
#include "lstm/boxes/boxes.h"

typedef struct sp_cell_at {
    sp_boxes *boxes;
    const sp_cell *cell;
    const sp_cell_steps *steps;
    const sp_boxes_state *state;
    size_t node, t, H;
    sp_gpu_clips at;
} sp_cell_at;

static const sp_gpu_range nowhere = {NULL, NULL};

static sp_gpu_range range(const sp_cell_at *c, int v) {
    return sp_boxes_range_of(sp_boxes_variable(c->boxes, c->node, c->t, v));
}

static bool is_zero(const sp_cell_at *c, int v) {
    return sp_cell_zero(c->steps, v, c->t == 0);
}

static const sp_cell_variable *variable(const sp_cell_at *c, int v) {
    return &c->steps->variable[v];
}

/* Where the box of v is written. */
static sp_boxes_range own(const sp_cell_at *c, int v) {
    return sp_boxes_variable(c->boxes, c->node, c->t, v);
}

static sp_gpu_factor factor(const sp_cell_at *c, int v) {
    const sp_cell_variable *p = variable(c, v);
    return (sp_gpu_factor){p->map, range(c, p->a), range(c, p->b)};
}

/* ---- pre-activations ---- */

/* Whether one interval image and one product of matrices serve both: neighbouring blocks of the
 * same weights, state and bias, and nothing added. */
static bool neighbours(const sp_cell_variable *v, const sp_cell_variable *next) {
    return next->op == SP_CELL_IMAGE && next->a == v->a && v->b == SP_NO_VARIABLE &&
           next->b == SP_NO_VARIABLE && next->input == v->input && !v->recurrent_bias &&
           !next->recurrent_bias && next->place == v->place + 1 && next->block == v->block + 1;
}

static bool is_relaxed(const sp_cell_variable *v) {
    return v->op == SP_CELL_PRODUCT || v->op == SP_CELL_CURVE;
}

size_t sp_boxes_runs(const sp_cell_steps *steps, sp_boxes_run run[SP_CELL_VARIABLES]) {
    size_t runs = 0;
    for (int v = 0; v < (int)steps->count; v++) {
        const sp_cell_variable *at = &steps->variable[v];
        const bool goes_on =
            v > 0 && (at->op == SP_CELL_IMAGE
                          ? at[-1].op == SP_CELL_IMAGE && neighbours(at - 1, at)
                          : is_relaxed(at) && is_relaxed(at - 1) && at->a < run[runs - 1].first &&
                                at->b < run[runs - 1].first);
        if (goes_on) {
            run[runs - 1].end = v + 1;
        } else {
            run[runs].first = v;
            run[runs].end = v + 1;
            runs++;
        }
    }
    return runs;
}

static void image_intervals(const sp_cell_at *c, int first, int end) {
    const sp_cell_variable *v = variable(c, first);
    const sp_boxes_constants *constants = &c->boxes->constants[c->node];
    const sp_node *node = &c->boxes->net->node[c->node];
    const size_t H = c->H, row = v->block * H;
    const bool state = v->a != SP_NO_VARIABLE && !is_zero(c, v->a);
    const sp_boxes_range to = sp_boxes_range_at(c->state->input, v->place * H);
    sp_gpu_interval_args image = {
        .at = c->at,
        .out = (size_t)(end - first) * H,
        .in = v->input ? c->cell->in : 0,
        .hidden = H,
        .weight = sp_boxes_matrix_at(&constants->weight, row, 0).wide.on,
        .recurrent = state ? sp_boxes_matrix_at(&constants->recurrent, row, 0).wide.on : NULL,
        .bias = v->recurrent_bias ? constants->recurrent_bias.on
                                  : sp_boxes_array_at(constants->bias, row).on,
        .h = state ? range(c, v->a) : nowhere,
        .lo = to.lo.on,
        .hi = to.hi.on,
        .omega = sp_boxes_array_at(c->state->omega, v->place * H).on};
    const size_t frame = sp_boxes_step_frame(node, c->t, sp_boxes_frames(c->boxes, 0, c->node));
    image.x = sp_boxes_range_of(sp_boxes_out(c->boxes, node->input, frame));
    sp_gpu_interval(c->boxes->gpu, &image);
    sp_boxes_spread(c->boxes, c->node, c->t, v->place * H, &image);
    if (v->b != SP_NO_VARIABLE && !is_zero(c, v->b)) { // a product or a state, added as it is
        const sp_cell_variable itself = {
            .f = {SP_ACTIVATION_AFFINE, 1.0, 0.0}, .a = v->b, .b = SP_NO_VARIABLE};
        const bool product = variable(c, v->b)->op == SP_CELL_PRODUCT;
        const sp_cell_variable *p = product ? variable(c, v->b) : &itself;
        sp_gpu_activate(c->boxes->gpu, &(sp_gpu_activate_args){.at = c->at,
                                                               .n = H,
                                                               .f = p->f,
                                                               .x = range(c, p->a),
                                                               .y = range(c, p->b),
                                                               .from = sp_boxes_range_of(to),
                                                               .lo = to.lo.on,
                                                               .hi = to.hi.on});
    }
}

/* ---- products, curves and sums ---- */

static void product_interval(const sp_cell_at *c, int v) {
    const sp_boxes_range to = own(c, v);
    const sp_cell_variable *p = variable(c, v);
    if (to.lo.on == NULL || is_zero(c, v)) {
        return; // its range is taken where it is added
    }
    if (v == c->steps->output) {
        const sp_gpu_factor first = factor(c, v), none = {first.map, nowhere, nowhere};
        sp_gpu_ranges(c->boxes->gpu, &(sp_gpu_ranges_args){.at = c->at,
                                                           .n = c->H,
                                                           .first = first,
                                                           .second = none,
                                                           .lo = to.lo.on,
                                                           .hi = to.hi.on});
        return;
    }
    sp_gpu_activate(c->boxes->gpu, &(sp_gpu_activate_args){.at = c->at,
                                                           .n = c->H,
                                                           .f = p->f,
                                                           .x = range(c, p->a),
                                                           .y = range(c, p->b),
                                                           .lo = to.lo.on,
                                                           .hi = to.hi.on});
}

static void curve_interval(const sp_cell_at *c, int v) {
    const sp_boxes_range to = own(c, v);
    if (to.lo.on != NULL) {
        sp_gpu_activate(c->boxes->gpu, &(sp_gpu_activate_args){.at = c->at,
                                                               .n = c->H,
                                                               .f = variable(c, v)->f,
                                                               .x = range(c, variable(c, v)->a),
                                                               .lo = to.lo.on,
                                                               .hi = to.hi.on});
    }
}

/* h - n with n = f(x). */
static void difference_interval(const sp_cell_at *c, int v) {
    const sp_cell_variable *y = variable(c, v), *n = variable(c, y->b);
    const sp_boxes_range to = own(c, v);
    sp_gpu_difference(c->boxes->gpu, &(sp_gpu_difference_args){.at = c->at,
                                                               .n = c->H,
                                                               .f = n->f,
                                                               .x = range(c, n->a),
                                                               .h = range(c, y->a),
                                                               .lo = to.lo.on,
                                                               .hi = to.hi.on,
                                                               .apart = c->state->size[v].on});
}

/* n + z (h - n), the cell's only difference being h - n. */
static void blend_interval(const sp_cell_at *c, int v) {
    int y = v;
    while (variable(c, y)->op != SP_CELL_DIFFERENCE) {
        y--;
    }
    const sp_cell_variable *n = variable(c, variable(c, y)->b);
    const sp_cell_variable *z = variable(c, variable(c, v)->b);
    const sp_boxes_range to = own(c, v);
    sp_gpu_blend(c->boxes->gpu, &(sp_gpu_blend_args){.at = c->at,
                                                     .n = c->H,
                                                     .gate = z->f,
                                                     .f = n->f,
                                                     .g = range(c, z->a),
                                                     .x = range(c, n->a),
                                                     .h = range(c, variable(c, y)->a),
                                                     .y = range(c, y),
                                                     .lo = to.lo.on,
                                                     .hi = to.hi.on});
}

static void sum_interval(const sp_cell_at *c, int v) {
    const sp_cell_variable *s = variable(c, v);
    if (s->range == SP_CELL_RANGE_BLEND) {
        blend_interval(c, v);
        return;
    }
    const sp_gpu_factor first = factor(c, s->a), none = {first.map, nowhere, nowhere};
    const sp_boxes_range to = own(c, v);
    sp_gpu_ranges(c->boxes->gpu,
                  &(sp_gpu_ranges_args){.at = c->at,
                                        .n = c->H,
                                        .first = first,
                                        .second = is_zero(c, s->b) ? none : factor(c, s->b),
                                        .lo = to.lo.on,
                                        .hi = to.hi.on});
}

/* ---- the step ---- */

static void tighten(const sp_cell_at *c, int first, int end) {
    const sp_cell_variable *v = variable(c, first);
    if (c->boxes->refinement->tighten != NULL && v->used) {
        c->boxes->refinement->tighten(c->boxes, c->node, c->t, first, end);
    }
}

static sp_status relax(sp_error *err, const sp_cell_at *c, int first, int end) {
    if (c->boxes->refinement->relax != NULL) {
        SP_TRY(c->boxes->refinement->relax(err, c->boxes, c->node, c->t, first, end));
    }
    for (int v = first; v < end; v++) {
        if (variable(c, v)->op == SP_CELL_PRODUCT) {
            product_interval(c, v);
        } else {
            curve_interval(c, v);
        }
        if (v != c->steps->output) {
            sp_boxes_lose(c->boxes, c->at, c->H, own(c, v));
        }
    }
    return SP_OK;
}

static void add_up(const sp_cell_at *c, int v) {
    if (variable(c, v)->op == SP_CELL_DIFFERENCE) {
        difference_interval(c, v);
    } else {
        sum_interval(c, v);
    }
    tighten(c, v, v + 1);
    if (v != c->steps->output) {
        sp_boxes_lose(c->boxes, c->at, c->H, own(c, v));
    }
}

sp_status sp_boxes_bound_cell(sp_error *err, sp_boxes *boxes, size_t node, size_t t) {
    const sp_cell_at c = {boxes,
                          &boxes->net->node[node].cell,
                          &boxes->constants[node].cell,
                          sp_boxes_state_at(boxes, node, t),
                          node,
                          t,
                          boxes->net->node[node].width,
                          sp_boxes_clips_of(boxes, node, t)};
    for (size_t i = 0; i < boxes->constants[node].runs; i++) {
        const sp_boxes_run run = boxes->constants[node].run[i];
        switch (variable(&c, run.first)->op) {
        case SP_CELL_STATE:
            break;
        case SP_CELL_IMAGE:
            image_intervals(&c, run.first, run.end);
            tighten(&c, run.first, run.end);
            sp_boxes_lose(boxes, c.at, (size_t)(run.end - run.first) * c.H, own(&c, run.first));
            break;
        case SP_CELL_PRODUCT:
        case SP_CELL_CURVE:
            SP_TRY(relax(err, &c, run.first, run.end));
            break;
        case SP_CELL_SUM:
        case SP_CELL_DIFFERENCE:
            add_up(&c, run.first);
            break;
        }
    }
    return SP_OK;
}
