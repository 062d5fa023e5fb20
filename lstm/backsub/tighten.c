// Boxes met with bounds of their variables by back-substitution.
#include <math.h>

#include "lstm/backsub/impl.h"

/* What the rows say is all that is known. */
static void take(const sp_backsub *self, size_t n, sp_boxes_range box) {
    const double *lower = sp_boxes_program(&self->boxes, self->box_lower);
    double *lo = sp_boxes_program(&self->boxes, box.lo);
    double *hi = sp_boxes_program(&self->boxes, box.hi);
    for (size_t j = 0; j < n; j++) {
        const sp_iv rows = {lower[2 * j], -lower[2 * j + 1]};
        const bool known = rows.lo <= rows.hi; // NaN fails
        lo[j] = known ? rows.lo : -INFINITY;
        hi[j] = known ? rows.hi : INFINITY;
    }
}

/* Bounds of n variables, which are the columns from `column` on of what the start names. */
static void tighten(sp_backsub *self, const sp_backsub_start *start, size_t n, sp_boxes_range box) {
    const sp_boxes *boxes = &self->boxes;
    const sp_boxes_array none = {NULL};
    sp_backsub_lower_rows(self, self->box_lower, none, start, 2 * n, self->options.box_iterations,
                          false);
    if (self->options.rules.alone) {
        take(self, n, box);
        return;
    }
    sp_gpu_meet(boxes->gpu,
                &(sp_gpu_meet_args){.at = sp_boxes_clips_of(boxes, start->node, start->t),
                                    .n = n,
                                    .apart = self->most,
                                    .lower = self->box_lower.on,
                                    .box = sp_boxes_range_of(box),
                                    .lo = box.lo.on,
                                    .hi = box.hi.on});
}

void sp_backsub_tighten(sp_boxes *boxes, size_t node, size_t t, int first, int end) {
    sp_backsub *self = (sp_backsub *)(void *)boxes;
    const sp_node *at = &boxes->net->node[node];
    const sp_boxes_state *state = sp_boxes_state_at(boxes, node, t);
    const size_t width = self->unit_width, H = at->width;
    sp_backsub_start start = {.node = node, .t = t, .common = true, .line = NULL};
    if (at->kind == SP_NODE_CURVE) { // the numbers of the node below
        start.node = at->input;
        start.output = (sp_backsub_rows){self->unit, width};
        tighten(self, &start, H, state->input);
        sp_backsub_apply_splits(self, node, t, 0, H, state->input);
        return;
    }
    const sp_cell_steps *steps = &boxes->constants[node].cell;
    const sp_cell_variable *v = &steps->variable[first];
    start.end = end;
    if (!v->boxed) {
        return; // the interval will do
    }
    if (v->op == SP_CELL_IMAGE) {
        const size_t column = v->place * H;
        const size_t n = (size_t)(end - first) * H;
        const sp_boxes_range box = sp_boxes_range_at(state->input, column);
        start.images = (sp_backsub_rows){sp_boxes_array_at(self->unit, 2 * column * width), width};
        tighten(self, &start, n, box);
        sp_backsub_apply_splits(self, node, t, column, n, box);
    } else {
        start.on[0] = (sp_backsub_rows){self->unit, width};
        start.variable[0] = first;
        tighten(self, &start, H, sp_boxes_variable(boxes, node, t, first));
    }
}
