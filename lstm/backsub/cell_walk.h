/* Private to back-substitution: a walk through a cell, back (cell_back.c) or forward
 * (cell_forward.c), variable by variable as the cell's description has them.
 *
 * Coefficients (or values) of pre-activations stand in ws->gates, a block of steps at a time; those
 * of another variable in a buffer of its own, or where the variable that they were passed from has
 * them ("view"). */
#ifndef SP_LSTM_CELL_WALK_H
#define SP_LSTM_CELL_WALK_H

#include "lstm/backsub/impl.h"

typedef struct sp_walk_cell {
    sp_walk *walk;
    const sp_node *node;
    const sp_cell_steps *steps;
    const sp_boxes_constants *weights;
    size_t index, H, frames;
    size_t t, rows;        /* the step at hand, and the rows that have it */
    sp_backsub_rows gates; /* [rows, images H] of this step */
    size_t narrowed;       /* so many columns of them stand in ws->narrow */
    sp_backsub_rows view[SP_CELL_VARIABLES];
    sp_boxes_array own[SP_CELL_VARIABLES];
} sp_walk_cell;

static inline const sp_cell_variable *sp_walk_cell_variable(const sp_walk_cell *c, int v) {
    return &c->steps->variable[v];
}

static inline bool sp_walk_cell_zero(const sp_walk_cell *c, int v) {
    return sp_cell_zero(c->steps, v, c->t == 0);
}

static inline bool sp_walk_cell_live(const sp_walk_cell *c, int v) {
    return sp_backsub_rows_are(c->view[v]);
}

static inline sp_backsub_rows sp_walk_cell_own(const sp_walk_cell *c, int v) {
    return (sp_backsub_rows){c->own[v], sp_backsub_apart(c->H)};
}

static inline sp_backsub_rows sp_walk_cell_image(const sp_walk_cell *c, size_t place) {
    return (sp_backsub_rows){sp_boxes_array_at(c->gates.at, place * c->H), c->gates.ld};
}

/* Where coefficients on v are written. */
static inline sp_backsub_rows sp_walk_cell_place(const sp_walk_cell *c, int v) {
    return sp_walk_cell_variable(c, v)->op == SP_CELL_IMAGE
               ? sp_walk_cell_image(c, sp_walk_cell_variable(c, v)->place)
               : sp_walk_cell_own(c, v);
}

static inline size_t sp_walk_cell_frame(const sp_walk_cell *c) {
    return sp_boxes_step_frame(c->node, c->t, c->frames);
}

static inline sp_walk_cell sp_walk_cell_begin(sp_walk *walk, size_t index) {
    const sp_boxes *boxes = &walk->self->boxes;
    sp_walk_cell c = {.walk = walk,
                      .node = &boxes->net->node[index],
                      .steps = &boxes->constants[index].cell,
                      .weights = &boxes->constants[index],
                      .index = index,
                      .H = boxes->net->node[index].width,
                      .frames = sp_boxes_frames(boxes, 0, index)};
    for (size_t v = 0; v < c.steps->count; v++) {
        c.own[v] = walk->ws->own[v];
    }
    return c;
}

static inline void sp_walk_cell_enter(sp_walk_cell *c, size_t t) {
    const size_t ld = sp_backsub_apart(c->steps->images * c->H);
    c->t = t;
    c->narrowed = 0;
    c->rows = sp_walk_rows(c->walk, c->index, t);
    c->gates = (sp_backsub_rows){
        sp_boxes_array_at(c->walk->ws->gates, t % c->walk->self->steps * c->walk->rows * ld), ld};
}

/* Makes the buffer of v its view, so that it can be added to. */
static inline void sp_walk_cell_settle(sp_walk_cell *c, int v) {
    const sp_backsub_rows to = sp_walk_cell_place(c, v);
    if (sp_walk_cell_live(c, v) && c->view[v].at.on != to.at.on) {
        sp_walk_set(c->walk, c->rows, c->H, c->view[v], to);
        c->view[v] = to;
    }
}

#endif
