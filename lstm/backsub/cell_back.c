// Rows through a cell: from its last step to its first. Whatever is added up at a variable was
// weighed into the mass by the operation that passed it on.
#include "base/clock.h"
#include "lstm/backsub/cell_walk.h"

/* ---- back: what one variable hands to another ---- */

/* Coefficients `from` on to variable v, or their negatives. */
static void pass(sp_walk_cell *c, sp_backsub_rows from, int v, bool minus) {
    const sp_backsub_rows to = sp_walk_cell_place(c, v);
    if (sp_walk_cell_live(c, v)) {
        sp_walk_add(c->walk, c->rows, c->H, c->view[v], from, minus, to);
        c->view[v] = to;
    } else if (minus) {
        sp_walk_set(c->walk, c->rows, c->H, sp_backsub_no_rows, to);
        sp_walk_add(c->walk, c->rows, c->H, to, from, true, to);
        c->view[v] = to;
    } else if (sp_walk_cell_variable(c, v)->op == SP_CELL_IMAGE) {
        sp_walk_set(c->walk, c->rows, c->H, from, to);
        c->view[v] = to;
    } else {
        c->view[v] = from;
    }
}

/* Where an operation may write coefficients on pre-activation v: its columns, or a spare that
 * finish_image adds to them. */
static sp_backsub_rows begin_image(const sp_walk_cell *c, int v) {
    return sp_walk_cell_live(c, v) ? (sp_backsub_rows){c->walk->ws->spare, sp_backsub_apart(c->H)}
                                   : sp_walk_cell_place(c, v);
}

static void finish_image(sp_walk_cell *c, int v, sp_backsub_rows written) {
    if (sp_walk_cell_live(c, v)) {
        pass(c, written, v, false);
    } else {
        c->view[v] = written;
    }
}

static void product_back(sp_walk_cell *c, int v) {
    const sp_cell_variable *p = sp_walk_cell_variable(c, v);
    const sp_backsub_rows x = begin_image(c, p->a), y = sp_walk_cell_place(c, p->b);
    const bool add = sp_walk_cell_live(c, p->b);
    sp_walk_cell_settle(c, p->b);
    sp_walk_product(c->walk, c->rows, c->index, c->t, v, c->view[v], x, y, add);
    finish_image(c, p->a, x);
    c->view[p->b] = y;
}

static void curve_back(sp_walk_cell *c, int v) {
    const int a = sp_walk_cell_variable(c, v)->a;
    const sp_backsub_rows x = begin_image(c, a);
    sp_walk_line(c->walk, c->rows, c->index, c->t, v, c->view[v], x);
    finish_image(c, a, x);
}

/* The difference that v is a term of, or none: coefficients on v are then added up. */
static int shared_by(const sp_walk_cell *c, int v) {
    for (size_t d = 0; d < c->steps->count; d++) {
        const sp_cell_variable *at = sp_walk_cell_variable(c, (int)d);
        if (at->op == SP_CELL_DIFFERENCE && at->used && at->b == v) {
            return (int)d;
        }
    }
    return SP_NO_VARIABLE;
}

static void weigh(sp_walk_cell *c, int v, int difference) {
    const sp_boxes_state *state = sp_boxes_state_at(&c->walk->self->boxes, c->index, c->t);
    sp_walk_weigh_mass(c->walk, c->rows, c->H, c->view[v], state->size[difference]);
}

static void sum_back(sp_walk_cell *c, int v) {
    const sp_cell_variable *s = sp_walk_cell_variable(c, v);
    const int terms[] = {s->a, s->b};
    if (s->op == SP_CELL_DIFFERENCE) {
        weigh(c, v, v);
    } else if (shared_by(c, s->a) != SP_NO_VARIABLE) {
        weigh(c, v, shared_by(c, s->a));
    }
    for (size_t i = 0; i < 2; i++) {
        if (!sp_walk_cell_zero(c, terms[i])) {
            pass(c, c->view[v], terms[i], i == 1 && s->op == SP_CELL_DIFFERENCE);
        }
    }
}

/* ---- back: pre-activations ---- */

/* The biases of those pre-activations among [first, end), all of one run, that fold or that do not.
 */
static void biases_back(sp_walk_cell *c, int first, int end, bool folding) {
    const sp_boxes_state *state = sp_boxes_state_at(&c->walk->self->boxes, c->index, c->t);
    for (int i = first, next = i; i < end; i = next) {
        const sp_cell_variable *v = sp_walk_cell_variable(c, i);
        for (next = i + 1;
             next < end && sp_backsub_folds(c->steps, next) == sp_backsub_folds(c->steps, i);
             next++) {
        }
        if (sp_backsub_folds(c->steps, i) == folding) {
            sp_walk_affine(c->walk, c->rows, (size_t)(next - i) * c->H,
                           sp_walk_cell_image(c, v->place),
                           v->recurrent_bias ? c->weights->recurrent_bias
                                             : sp_boxes_array_at(c->weights->bias, v->block * c->H),
                           sp_boxes_array_at(state->omega, v->place * c->H));
        }
    }
}

/* Pre-activations [first, end): their biases, and their part of the state or what was added. */
static void images_back(sp_walk_cell *c, int first, int end) {
    const sp_cell_variable *v = sp_walk_cell_variable(c, first);
    const size_t H = c->H, n = (size_t)(end - first) * H;
    const sp_backsub_rows in = sp_walk_cell_image(c, v->place);
    const sp_boxes_state *state = sp_boxes_state_at(&c->walk->self->boxes, c->index, c->t);
    const sp_boxes_array omega = sp_boxes_array_at(state->omega, v->place * H);
    for (int i = first; i < end; i++) {
        if (!sp_walk_cell_live(c, i)) {
            const sp_backsub_rows to = sp_walk_cell_image(c, sp_walk_cell_variable(c, i)->place);
            sp_walk_set(c->walk, c->rows, H, sp_backsub_no_rows, to);
            c->view[i] = to;
        }
    }
    biases_back(c, first, end, false); // those that fold came with the constants
    const bool meets = v->a != SP_NO_VARIABLE && !sp_walk_cell_zero(c, v->a);
    const bool narrow = meets && c->weights->recurrent.narrow != NULL;
    const sp_boxes_array shift = sp_boxes_array_at(state->shift, v->place * H);
    const sp_boxes_array spread = sp_boxes_array_at(state->spread, v->place * H);
    if (!narrow && (c->weights->weight.narrow != NULL || c->weights->recurrent.narrow != NULL)) {
        sp_walk_centre(c->walk, c->rows, n, in, shift, spread);
    }
    if (meets) {
        const bool add = sp_walk_cell_live(c, v->a);
        const sp_boxes_matrix b = sp_boxes_matrix_at(&c->weights->recurrent, v->block * H, 0);
        const sp_backsub_rows to = sp_walk_cell_place(c, v->a);
        sp_walk_cell_settle(c, v->a);
        if (narrow) {
            sp_walk_multiply_narrow(
                c->walk, &(sp_walk_narrow_product){
                             .rows = c->rows,
                             .n = H,
                             .k = n,
                             .count = 1,
                             .a = in,
                             .omega = omega,
                             .shift = shift,
                             .spread = spread,
                             .b = b.narrow,
                             .ldb = b.ld,
                             .box = sp_boxes_variable(&c->walk->self->boxes, c->index, c->t, v->a),
                             .add = add,
                             .c = to});
        } else {
            sp_walk_multiply_wide(c->walk, c->rows, H, n, in, b, add, to);
        }
        c->view[v->a] = to;
        c->narrowed = narrow && v->place == 0 ? n : 0;
    }
    if (v->b != SP_NO_VARIABLE && !sp_walk_cell_zero(c, v->b)) {
        pass(c, in, v->b, false);
    }
}

static bool any_live(const sp_walk_cell *c, int first, int end) {
    bool live = false;
    for (int v = first; v < end; v++) {
        live = live || sp_walk_cell_live(c, v);
    }
    return live;
}

/* Columns that meet W and on which this step has no coefficients. */
static void clear_unmet(sp_walk_cell *c) {
    for (size_t v = 0; v < c->steps->count; v++) {
        const sp_cell_variable *at = sp_walk_cell_variable(c, (int)v);
        if (at->op == SP_CELL_IMAGE && at->input && !sp_walk_cell_live(c, (int)v)) {
            sp_walk_set(c->walk, c->rows, c->H, sp_backsub_no_rows,
                        sp_walk_cell_image(c, at->place));
        }
    }
}

/* How many columns meet W at the step at hand: where rows start inside the cell, those that come
 * behind have no scales yet. */
static size_t met_columns(const sp_walk_cell *c) {
    const sp_backsub_start *start = c->walk->start;
    if (c->index != start->node || start->end == 0 || c->t != start->t) {
        return sp_cell_gates(&c->node->cell) * c->H;
    }
    size_t blocks = 0;
    for (int v = 0; v < start->end; v++) {
        const sp_cell_variable *at = sp_walk_cell_variable(c, v);
        if (at->op == SP_CELL_IMAGE && at->input && at->place >= blocks) {
            blocks = at->place + 1;
        }
    }
    return blocks * c->H;
}

/* From coefficients on the pre-activations of steps [first, end), all in one block, to those on the
 * input. */
static void input_back(sp_walk_cell *c, size_t first, size_t end, bool add) {
    const sp_boxes *boxes = &c->walk->self->boxes;
    const size_t D = c->node->cell.in, K = sp_cell_gates(&c->node->cell) * c->H;
    const bool together = c->weights->weight.narrow == NULL && !c->node->cell.reverse;
    const size_t narrowed = end - first == 1 ? c->narrowed : 0;
    for (size_t t = first; t < end; t += together ? end - first : 1) {
        sp_walk_cell_enter(c, t);
        const sp_backsub_rows to = sp_walk_on(c->walk, c->node->input, sp_walk_cell_frame(c));
        if (together) {
            const size_t rows =
                (end - first - 1) * c->walk->rows + sp_walk_rows(c->walk, c->index, end - 1);
            sp_walk_multiply_wide(c->walk, rows, D, K, c->gates, c->weights->weight, add, to);
            continue;
        }
        const sp_boxes_array omega = sp_boxes_state_at(boxes, c->index, t)->omega;
        const sp_boxes_range box = sp_boxes_out(boxes, c->node->input, sp_walk_cell_frame(c));
        const size_t columns = met_columns(c);
        if (narrowed == columns && c->weights->weight.narrow != NULL) {
            sp_walk_multiply_narrow(c->walk,
                                    &(sp_walk_narrow_product){.rows = c->rows,
                                                              .n = D,
                                                              .k = columns,
                                                              .count = 1,
                                                              .a = c->gates,
                                                              .omega = omega,
                                                              .b = c->weights->weight.narrow,
                                                              .ldb = D,
                                                              .box = box,
                                                              .again = true,
                                                              .add = add,
                                                              .c = to});
        } else {
            sp_walk_multiply(c->walk, c->rows, D, columns, c->gates, omega, c->weights->weight, box,
                             add, to);
        }
    }
}

/* ---- back: steps ---- */

/* One step from variable end - 1 down. */
static void step_back(sp_walk_cell *c, int end) {
    for (size_t i = c->weights->runs; i-- > 0;) {
        const sp_boxes_run run = c->weights->run[i];
        const int last = run.end < end ? run.end : end;
        if (sp_walk_cell_variable(c, run.first)->op == SP_CELL_IMAGE) {
            if (run.first < last && any_live(c, run.first, last)) {
                images_back(c, run.first, last);
            }
            continue;
        }
        for (int v = last - 1; v >= run.first; v--) {
            if (!sp_walk_cell_live(c, v) || sp_walk_cell_zero(c, v)) {
                continue;
            }
            switch (sp_walk_cell_variable(c, v)->op) {
            case SP_CELL_PRODUCT:
                product_back(c, v);
                break;
            case SP_CELL_CURVE:
                curve_back(c, v);
                break;
            case SP_CELL_SUM:
            case SP_CELL_DIFFERENCE:
                sum_back(c, v);
                break;
            case SP_CELL_STATE:
            case SP_CELL_IMAGE:
                break;
            }
        }
    }
    clear_unmet(c);
}

/* Coefficients on the states become those on the variables that these were one step earlier. */
static void carry_states(sp_walk_cell *c) {
    sp_backsub_rows carried[SP_CELL_STATES];
    for (size_t i = 0; i < c->steps->states; i++) {
        const int before = c->steps->state[i].before, after = c->steps->state[i].after;
        sp_walk_cell_settle(c, before);
        carried[i] = c->view[before];
        const sp_boxes_array spare = c->own[after];
        c->own[after] = c->own[before];
        c->own[before] = spare;
    }
    for (size_t v = 0; v < c->steps->count; v++) {
        c->view[v] = sp_backsub_no_rows;
    }
    for (size_t i = 0; i < c->steps->states; i++) {
        c->view[c->steps->state[i].after] = carried[i];
    }
}

/* Rows of clips that have step t but not t+1 have nothing carried from there: it is 0. */
static void admit(sp_walk_cell *c) {
    const size_t later = c->t + 1 < c->frames ? sp_walk_rows(c->walk, c->index, c->t + 1) : 0;
    for (size_t i = 0; later < c->rows && i < c->steps->states; i++) {
        const int after = c->steps->state[i].after;
        if (sp_walk_cell_live(c, after)) {
            sp_walk_set(c->walk, c->rows - later, c->H, sp_backsub_no_rows,
                        sp_backsub_rows_from(c->view[after], later));
        }
    }
}

/* Coefficients that stand on variables inside the cell at the step at hand. */
static void begin_inside(sp_walk_cell *c) {
    const sp_walk *walk = c->walk;
    const sp_backsub_start *start = walk->start;
    const size_t images = c->steps->images * c->H;
    if (start->cuts != NULL) {
        sp_gpu_cut_rows_args cuts = *start->cuts;
        const sp_backsub_rows other =
            sp_walk_cell_own(c, start->cut_variable != SP_NO_VARIABLE ? start->cut_variable : 0);
        cuts.at = sp_walk_at(walk, c->rows);
        cuts.first = walk->row;
        cuts.gates = c->gates.at.on;
        cuts.gates_width = c->gates.ld;
        cuts.other = other.at.on;
        cuts.other_width = other.ld;
        sp_gpu_cut_rows(walk->self->boxes.gpu, &cuts);
    }
    if (start->cuts != NULL || sp_backsub_rows_are(start->images)) {
        if (start->cuts == NULL) {
            sp_walk_begin(c->walk, c->rows, images, start->images, c->gates);
        }
        for (int v = 0; v < start->end; v++) {
            if (sp_walk_cell_variable(c, v)->op == SP_CELL_IMAGE) {
                c->view[v] = sp_walk_cell_image(c, sp_walk_cell_variable(c, v)->place);
            }
        }
        for (size_t i = 0; i < c->weights->runs && c->weights->run[i].first < start->end; i++) {
            const sp_boxes_run run = c->weights->run[i];
            if (sp_walk_cell_variable(c, run.first)->op == SP_CELL_IMAGE) {
                biases_back(c, run.first, run.end < start->end ? run.end : start->end, true);
            }
        }
    }
    if (start->cuts != NULL && start->cut_variable != SP_NO_VARIABLE) {
        c->view[start->cut_variable] = sp_walk_cell_own(c, start->cut_variable);
    }
    for (size_t i = 0; i < SP_BACKSUB_START_VARIABLES; i++) {
        if (start->cuts == NULL && sp_backsub_rows_are(start->on[i])) {
            const sp_backsub_rows to = sp_walk_cell_own(c, start->variable[i]);
            sp_walk_begin(c->walk, c->rows, c->H, start->on[i], to);
            c->view[start->variable[i]] = to;
        }
    }
}

void sp_walk_cell_back(sp_walk *walk, size_t index) {
    const sp_backsub_start *start = walk->start;
    const bool inside = index == start->node && start->end > 0;
    const sp_backsub_span span = walk->ws->span[index];
    sp_walk_cell c = sp_walk_cell_begin(walk, index);
    const bool reverse = c.node->cell.reverse;
    const size_t top = inside ? start->t : reverse ? c.frames - 1 - span.first : span.end - 1;
    const size_t first = reverse ? c.frames - 1 - top : 0;
    const bool add = sp_walk_open(walk, c.node->input, first, first + top + 1);
    size_t block_end = top + 1;
    for (size_t t = top + 1; t-- > 0;) {
        if (!walk->self->boxes.device && sp_clock_passed(walk->self->boxes.deadline)) {
            walk->late = true;
            return;
        }
        sp_walk_cell_enter(&c, t);
        admit(&c);
        const size_t frame = sp_walk_cell_frame(&c);
        if (inside && t == top) {
            begin_inside(&c);
        } else if (frame >= span.first && frame < span.end) {
            pass(&c, sp_walk_on(walk, index, frame), c.steps->output, false);
        }
        step_back(&c, inside && t == top ? start->end : (int)c.steps->count);
        carry_states(&c);
        if (t % walk->self->steps == 0) {
            input_back(&c, t, block_end, add);
            block_end = t;
        }
    }
}
