// Values through a cell, from its first step to its last, along the relaxations that the rows
// chose; heuristic use only.
#include "lstm/backsub/cell_walk.h"

static sp_walk_value value_of(const sp_walk_cell *c, int v) {
    return (sp_walk_value){c->view[v], sp_boxes_variable(&c->walk->self->boxes, c->index, c->t, v)};
}

/* The input's part of the pre-activations of steps [first, end), all in one block, and biases. */
static void input_forward(sp_walk_cell *c, size_t first, size_t end) {
    const size_t D = c->node->cell.in, K = sp_cell_gates(&c->node->cell) * c->H;
    const bool together = !c->node->cell.reverse;
    for (size_t t = first; t < end; t += together ? end - first : 1) {
        const size_t steps = together ? end - first : 1;
        const size_t rows =
            (steps - 1) * c->walk->rows + sp_walk_rows(c->walk, c->index, t + steps - 1);
        sp_walk_cell_enter(c, t);
        sp_walk_bias(c->walk, rows, K, c->weights->bias, c->gates);
        sp_walk_weigh(c->walk, rows, K, D,
                      sp_walk_on(c->walk, c->node->input, sp_walk_cell_frame(c)),
                      c->weights->weight, c->gates);
    }
}

static void image_forward(sp_walk_cell *c, int v) {
    const sp_cell_variable *at = sp_walk_cell_variable(c, v);
    const sp_backsub_rows to = sp_walk_cell_image(c, at->place);
    if (at->recurrent_bias) {
        sp_walk_bias(c->walk, c->rows, c->H, c->weights->recurrent_bias, to);
    }
    if (at->a != SP_NO_VARIABLE && !sp_walk_cell_zero(c, at->a)) {
        sp_walk_weigh(c->walk, c->rows, c->H, c->H, c->view[at->a],
                      sp_boxes_matrix_at(&c->weights->recurrent, at->block * c->H, 0), to);
    }
    if (at->b != SP_NO_VARIABLE && !sp_walk_cell_zero(c, at->b)) {
        sp_walk_add(c->walk, c->rows, c->H, to, c->view[at->b], false, to);
    }
    c->view[v] = to;
}

static void images_forward(sp_walk_cell *c, sp_boxes_run run) {
    const sp_cell_variable *v = sp_walk_cell_variable(c, run.first);
    if (run.end == run.first + 1 || v->a == SP_NO_VARIABLE || sp_walk_cell_zero(c, v->a)) {
        for (int i = run.first; i < run.end; i++) {
            image_forward(c, i);
        }
        return;
    }
    sp_walk_weigh(c->walk, c->rows, (size_t)(run.end - run.first) * c->H, c->H, c->view[v->a],
                  sp_boxes_matrix_at(&c->weights->recurrent, v->block * c->H, 0),
                  sp_walk_cell_image(c, v->place));
    for (int i = run.first; i < run.end; i++) {
        c->view[i] = sp_walk_cell_image(c, sp_walk_cell_variable(c, i)->place);
    }
}

static void sum_forward(sp_walk_cell *c, int v) {
    const sp_cell_variable *s = sp_walk_cell_variable(c, v);
    const bool minus = s->op == SP_CELL_DIFFERENCE;
    if (sp_walk_cell_zero(c, s->b)) {
        c->view[v] = c->view[s->a];
        return;
    }
    if (sp_walk_cell_zero(c, s->a)) {
        sp_walk_set(c->walk, c->rows, c->H, sp_backsub_no_rows, sp_walk_cell_own(c, v));
        sp_walk_add(c->walk, c->rows, c->H, sp_walk_cell_own(c, v), c->view[s->b], minus,
                    sp_walk_cell_own(c, v));
    } else {
        sp_walk_add(c->walk, c->rows, c->H, c->view[s->a], c->view[s->b], minus,
                    sp_walk_cell_own(c, v));
    }
    c->view[v] = sp_walk_cell_own(c, v);
}

/* Planes that two products share. Anchors that no step follows are not kept. */
static void choose_terms(const sp_walk_cell *c, int v, size_t iteration) {
    const sp_cell_variable *s = sp_walk_cell_variable(c, v);
    const bool kept = iteration > 0 || !c->walk->last;
    if (c->walk->self->sums && kept && c->walk->mixer == NULL &&
        sp_backsub_is_summed(c->steps, v) && !sp_walk_cell_zero(c, s->a) &&
        !sp_walk_cell_zero(c, s->b)) {
        sp_walk_choose_sum(c->walk, c->rows, c->index, c->t, v);
    }
}

static void variable_forward(sp_walk_cell *c, int v, size_t iteration) {
    const sp_cell_variable *at = sp_walk_cell_variable(c, v);
    if (!at->used || sp_walk_cell_zero(c, v)) {
        return;
    }
    switch (at->op) {
    case SP_CELL_PRODUCT:
        sp_walk_product_value(c->walk, c->rows, c->index, c->t, v, value_of(c, at->a),
                              value_of(c, at->b), iteration, sp_walk_cell_own(c, v));
        c->view[v] = sp_walk_cell_own(c, v);
        break;
    case SP_CELL_CURVE:
        sp_walk_line_value(c->walk, c->rows, c->index, c->t, v, value_of(c, at->a), iteration,
                           sp_walk_cell_own(c, v));
        c->view[v] = sp_walk_cell_own(c, v);
        break;
    case SP_CELL_SUM:
        choose_terms(c, v, iteration);
        sum_forward(c, v);
        break;
    case SP_CELL_DIFFERENCE:
        sum_forward(c, v);
        break;
    case SP_CELL_STATE:
    case SP_CELL_IMAGE:
        break;
    }
}

/* The values of the states of the next step. */
static void hand_on(sp_walk_cell *c) {
    for (size_t i = 0; i < c->steps->states; i++) {
        const int before = c->steps->state[i].before, after = c->steps->state[i].after;
        sp_walk_cell_settle(c, after);
        const sp_boxes_array spare = c->own[before];
        c->view[before] = c->view[after];
        c->own[before] = c->own[after];
        c->own[after] = spare;
    }
}

void sp_walk_cell_forward(sp_walk *walk, size_t index, size_t iteration) {
    const sp_backsub_start *start = walk->start;
    const bool inside = index == start->node && start->end > 0;
    const sp_backsub_span span = walk->ws->span[index];
    sp_walk_cell c = sp_walk_cell_begin(walk, index);
    const size_t top = inside                 ? start->t
                       : c.node->cell.reverse ? c.frames - 1 - span.first
                                              : span.end - 1;
    for (size_t t = 0; t <= top; t++) {
        const int end = inside && t == top ? start->end : (int)c.steps->count;
        if (t % walk->self->steps == 0) {
            input_forward(&c, t, top + 1 - t < walk->self->steps ? top + 1 : t + walk->self->steps);
        }
        sp_walk_cell_enter(&c, t);
        for (size_t i = 0; i < c.weights->runs && c.weights->run[i].first < end; i++) {
            const sp_boxes_run run = c.weights->run[i];
            if (sp_walk_cell_variable(&c, run.first)->op == SP_CELL_IMAGE) {
                images_forward(&c, run);
                continue;
            }
            for (int v = run.first; v < run.end && v < end; v++) {
                variable_forward(&c, v, iteration);
            }
        }
        if (inside && t == top) {
            return;
        }
        const size_t frame = sp_walk_cell_frame(&c);
        if (frame >= span.first && frame < span.end) {
            sp_walk_set(walk, c.rows, c.H, c.view[c.steps->output], sp_walk_on(walk, index, frame));
        }
        hand_on(&c);
    }
}
