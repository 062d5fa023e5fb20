// Rows and values through a cell: from its last step to its first and back, variable by variable as
// its description has them.
//
// Coefficients on pre-activations stand in ws->gates, a block of steps at a time; those on another
// variable in a buffer of its own, or where the variable they were passed from has them ("view").
// Whatever is added up at a variable was weighed into the mass by the operation that passed it on.
#include "lstm/backsub/impl.h"

typedef struct sp_cell_walk {
    sp_walk *walk;
    const sp_node *node;
    const sp_cell_steps *steps;
    const sp_node_constants *weights;
    size_t index, H, frames;
    size_t t, rows; /* the step at hand, and the rows that have it */
    sp_rows gates;  /* [rows, images H] of this step */
    sp_rows view[SP_CELL_VARIABLES];
    sp_array own[SP_CELL_VARIABLES];
} sp_cell_walk;

static const sp_cell_variable *variable(const sp_cell_walk *c, int v) {
    return &c->steps->variable[v];
}

static bool is_zero(const sp_cell_walk *c, int v) {
    return sp_cell_zero(c->steps, v, c->t == 0);
}

static bool is_live(const sp_cell_walk *c, int v) {
    return sp_rows_are(c->view[v]);
}

static sp_rows own(const sp_cell_walk *c, int v) {
    return (sp_rows){c->own[v], c->H};
}

static sp_rows image_columns(const sp_cell_walk *c, size_t place) {
    return (sp_rows){sp_array_at(c->gates.at, place * c->H), c->gates.ld};
}

/* Where coefficients on v are written. */
static sp_rows place_of(const sp_cell_walk *c, int v) {
    return variable(c, v)->op == SP_CELL_IMAGE ? image_columns(c, variable(c, v)->place)
                                               : own(c, v);
}

static size_t frame_of(const sp_cell_walk *c) {
    return sp_step_frame(c->node, c->t, c->frames);
}

static sp_cell_walk cell_walk(sp_walk *walk, size_t index) {
    const sp_boxes *boxes = &walk->self->boxes;
    sp_cell_walk c = {.walk = walk,
                      .node = &boxes->net->node[index],
                      .steps = &boxes->constants[index].cell,
                      .weights = &boxes->constants[index],
                      .index = index,
                      .H = boxes->net->node[index].width,
                      .frames = sp_frames_of(boxes, 0, index)};
    for (size_t v = 0; v < c.steps->count; v++) {
        c.own[v] = walk->ws->own[v];
    }
    return c;
}

static void enter_step(sp_cell_walk *c, size_t t) {
    const size_t ld = c->steps->images * c->H;
    c->t = t;
    c->rows = sp_walk_rows(c->walk, c->index, t);
    c->gates = (sp_rows){
        sp_array_at(c->walk->ws->gates, t % c->walk->self->steps * c->walk->rows * ld), ld};
}

/* ---- back: what one variable hands to another ---- */

/* Makes the buffer of v its view, so that it can be added to. */
static void settle_view(sp_cell_walk *c, int v) {
    const sp_rows to = place_of(c, v);
    if (is_live(c, v) && c->view[v].at.on != to.at.on) {
        sp_walk_set(c->walk, c->rows, c->H, c->view[v], to);
        c->view[v] = to;
    }
}

/* Coefficients `from` on to variable v, or their negatives. */
static void pass(sp_cell_walk *c, sp_rows from, int v, bool minus) {
    const sp_rows to = place_of(c, v);
    if (is_live(c, v)) {
        sp_walk_add(c->walk, c->rows, c->H, c->view[v], from, minus, to);
        c->view[v] = to;
    } else if (minus) {
        sp_walk_set(c->walk, c->rows, c->H, sp_no_rows, to);
        sp_walk_add(c->walk, c->rows, c->H, to, from, true, to);
        c->view[v] = to;
    } else if (variable(c, v)->op == SP_CELL_IMAGE) {
        sp_walk_set(c->walk, c->rows, c->H, from, to);
        c->view[v] = to;
    } else {
        c->view[v] = from;
    }
}

/* Where an operation may write coefficients on pre-activation v: its columns, or a spare that
 * finish_image adds to them. */
static sp_rows begin_image(const sp_cell_walk *c, int v) {
    return is_live(c, v) ? (sp_rows){c->walk->ws->spare, c->H} : place_of(c, v);
}

static void finish_image(sp_cell_walk *c, int v, sp_rows written) {
    if (is_live(c, v)) {
        pass(c, written, v, false);
    } else {
        c->view[v] = written;
    }
}

static void product_back(sp_cell_walk *c, int v) {
    const sp_cell_variable *p = variable(c, v);
    const sp_rows x = begin_image(c, p->a), y = place_of(c, p->b);
    const bool add = is_live(c, p->b);
    settle_view(c, p->b);
    sp_walk_product(c->walk, c->rows, c->index, c->t, v, c->view[v], x, y, add);
    finish_image(c, p->a, x);
    c->view[p->b] = y;
}

static void curve_back(sp_cell_walk *c, int v) {
    const int a = variable(c, v)->a;
    const sp_rows x = begin_image(c, a);
    sp_walk_line(c->walk, c->rows, c->index, c->t, v, c->view[v], x);
    finish_image(c, a, x);
}

/* The difference that v is a term of, or none: coefficients on v are then added up. */
static int shared_by(const sp_cell_walk *c, int v) {
    for (size_t d = 0; d < c->steps->count; d++) {
        const sp_cell_variable *at = variable(c, (int)d);
        if (at->op == SP_CELL_DIFFERENCE && at->used && at->b == v) {
            return (int)d;
        }
    }
    return SP_NO_VARIABLE;
}

static void weigh(sp_cell_walk *c, int v, int difference) {
    const sp_node_state *state = sp_state_at(&c->walk->self->boxes, c->index, c->t);
    sp_walk_weigh_mass(c->walk, c->rows, c->H, c->view[v], state->size[difference]);
}

static void sum_back(sp_cell_walk *c, int v) {
    const sp_cell_variable *s = variable(c, v);
    const int terms[] = {s->a, s->b};
    if (s->op == SP_CELL_DIFFERENCE) {
        weigh(c, v, v);
    } else if (shared_by(c, s->a) != SP_NO_VARIABLE) {
        weigh(c, v, shared_by(c, s->a));
    }
    for (size_t i = 0; i < 2; i++) {
        if (!is_zero(c, terms[i])) {
            pass(c, c->view[v], terms[i], i == 1 && s->op == SP_CELL_DIFFERENCE);
        }
    }
}

/* ---- back: pre-activations ---- */

/* Pre-activations [first, end): their biases, and their part of the state or what was added. */
static void images_back(sp_cell_walk *c, int first, int end) {
    const sp_cell_variable *v = variable(c, first);
    const size_t H = c->H, n = (size_t)(end - first) * H;
    const sp_rows in = image_columns(c, v->place);
    const sp_node_state *state = sp_state_at(&c->walk->self->boxes, c->index, c->t);
    const sp_array omega = sp_array_at(state->omega, v->place * H);
    const sp_array bias = v->recurrent_bias ? c->weights->recurrent_bias
                                            : sp_array_at(c->weights->bias, v->block * H);
    for (int i = first; i < end; i++) {
        if (!is_live(c, i)) {
            const sp_rows to = image_columns(c, variable(c, i)->place);
            sp_walk_set(c->walk, c->rows, H, sp_no_rows, to);
            c->view[i] = to;
        }
    }
    sp_walk_affine(c->walk, c->rows, n, in, bias, omega);
    if (v->a != SP_NO_VARIABLE && !is_zero(c, v->a)) {
        const bool add = is_live(c, v->a);
        settle_view(c, v->a);
        sp_walk_multiply(c->walk, c->rows, H, n, in, omega,
                         sp_matrix_at(&c->weights->recurrent, v->block * H, 0), add, own(c, v->a));
        c->view[v->a] = own(c, v->a);
    }
    if (v->b != SP_NO_VARIABLE && !is_zero(c, v->b)) {
        pass(c, in, v->b, false);
    }
}

static bool any_live(const sp_cell_walk *c, int first, int end) {
    bool live = false;
    for (int v = first; v < end; v++) {
        live = live || is_live(c, v);
    }
    return live;
}

/* Columns that meet W and on which this step has no coefficients. */
static void clear_unmet(sp_cell_walk *c) {
    for (size_t v = 0; v < c->steps->count; v++) {
        const sp_cell_variable *at = variable(c, (int)v);
        if (at->op == SP_CELL_IMAGE && at->input && !is_live(c, (int)v)) {
            sp_walk_set(c->walk, c->rows, c->H, sp_no_rows, image_columns(c, at->place));
        }
    }
}

/* From coefficients on the pre-activations of steps [first, end), all in one block, to those on the
 * input. */
static void input_back(sp_cell_walk *c, size_t first, size_t end, bool add) {
    const sp_boxes *boxes = &c->walk->self->boxes;
    const size_t D = c->node->cell.in, K = sp_cell_gates(&c->node->cell) * c->H;
    const bool together = c->weights->weight.narrow == NULL && !c->node->cell.reverse;
    for (size_t t = first; t < end; t += together ? end - first : 1) {
        enter_step(c, t);
        const sp_rows to = sp_walk_on(c->walk, c->node->input, frame_of(c));
        if (together) {
            const size_t rows =
                (end - first - 1) * c->walk->rows + sp_walk_rows(c->walk, c->index, end - 1);
            sp_walk_multiply_wide(c->walk, rows, D, K, c->gates, c->weights->weight, add, to);
        } else {
            sp_walk_multiply(c->walk, c->rows, D, K, c->gates,
                             sp_state_at(boxes, c->index, t)->omega, c->weights->weight, add, to);
        }
    }
}

/* ---- back: steps ---- */

/* One step from variable end - 1 down. */
static void step_back(sp_cell_walk *c, int end) {
    for (size_t i = c->weights->runs; i-- > 0;) {
        const sp_cell_run run = c->weights->run[i];
        const int last = run.end < end ? run.end : end;
        if (variable(c, run.first)->op == SP_CELL_IMAGE) {
            if (run.first < last && any_live(c, run.first, last)) {
                images_back(c, run.first, last);
            }
            continue;
        }
        for (int v = last - 1; v >= run.first; v--) {
            if (!is_live(c, v) || is_zero(c, v)) {
                continue;
            }
            switch (variable(c, v)->op) {
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
static void carry_states(sp_cell_walk *c) {
    sp_rows carried[SP_CELL_STATES];
    for (size_t i = 0; i < c->steps->states; i++) {
        const int before = c->steps->state[i].before, after = c->steps->state[i].after;
        settle_view(c, before);
        carried[i] = c->view[before];
        const sp_array spare = c->own[after];
        c->own[after] = c->own[before];
        c->own[before] = spare;
    }
    for (size_t v = 0; v < c->steps->count; v++) {
        c->view[v] = sp_no_rows;
    }
    for (size_t i = 0; i < c->steps->states; i++) {
        c->view[c->steps->state[i].after] = carried[i];
    }
}

/* Rows of clips that have step t but not t+1 have nothing carried from there: it is 0. */
static void admit(sp_cell_walk *c) {
    const size_t later = c->t + 1 < c->frames ? sp_walk_rows(c->walk, c->index, c->t + 1) : 0;
    for (size_t i = 0; later < c->rows && i < c->steps->states; i++) {
        const int after = c->steps->state[i].after;
        if (is_live(c, after)) {
            sp_walk_set(c->walk, c->rows - later, c->H, sp_no_rows,
                        sp_rows_from(c->view[after], later));
        }
    }
}

/* Coefficients that stand on variables inside the cell at the step at hand. */
static void begin_inside(sp_cell_walk *c) {
    const sp_walk *walk = c->walk;
    const sp_start *start = walk->start;
    const size_t images = c->steps->images * c->H;
    if (start->cuts != NULL) {
        sp_gpu_cut_rows_args cuts = *start->cuts;
        const sp_rows other =
            own(c, start->cut_variable != SP_NO_VARIABLE ? start->cut_variable : 0);
        cuts.at = sp_walk_at(walk, c->rows);
        cuts.first = walk->row;
        cuts.gates = c->gates.at.on;
        cuts.gates_width = c->gates.ld;
        cuts.other = other.at.on;
        cuts.other_width = c->H;
        sp_gpu_cut_rows(walk->self->boxes.gpu, &cuts);
    }
    if (start->cuts != NULL || sp_rows_are(start->images)) {
        if (start->cuts == NULL) {
            sp_walk_begin(c->walk, c->rows, images, start->images, c->gates);
        }
        for (int v = 0; v < start->end; v++) {
            if (variable(c, v)->op == SP_CELL_IMAGE) {
                c->view[v] = image_columns(c, variable(c, v)->place);
            }
        }
    }
    if (start->cuts != NULL && start->cut_variable != SP_NO_VARIABLE) {
        c->view[start->cut_variable] = own(c, start->cut_variable);
    }
    for (size_t i = 0; i < SP_START_VARIABLES; i++) {
        if (start->cuts == NULL && sp_rows_are(start->on[i])) {
            const sp_rows to = own(c, start->variable[i]);
            sp_walk_begin(c->walk, c->rows, c->H, start->on[i], to);
            c->view[start->variable[i]] = to;
        }
    }
}

void sp_cell_back(sp_walk *walk, size_t index) {
    const sp_start *start = walk->start;
    const bool inside = index == start->node && start->end > 0;
    const sp_span span = walk->ws->span[index];
    sp_cell_walk c = cell_walk(walk, index);
    const bool reverse = c.node->cell.reverse;
    const size_t top = inside ? start->t : reverse ? c.frames - 1 - span.first : span.end - 1;
    const size_t first = reverse ? c.frames - 1 - top : 0;
    const bool add = sp_walk_open(walk, c.node->input, first, first + top + 1);
    size_t block_end = top + 1;
    for (size_t t = top + 1; t-- > 0;) {
        enter_step(&c, t);
        admit(&c);
        const size_t frame = frame_of(&c);
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

/* ---- forward; heuristic use only ---- */

static sp_value value_of(const sp_cell_walk *c, int v) {
    return (sp_value){c->view[v], sp_variable_box(&c->walk->self->boxes, c->index, c->t, v)};
}

/* The input's part of the pre-activations of steps [first, end), all in one block, and biases. */
static void input_forward(sp_cell_walk *c, size_t first, size_t end) {
    const size_t D = c->node->cell.in, K = sp_cell_gates(&c->node->cell) * c->H;
    const bool together = !c->node->cell.reverse;
    for (size_t t = first; t < end; t += together ? end - first : 1) {
        const size_t steps = together ? end - first : 1;
        const size_t rows =
            (steps - 1) * c->walk->rows + sp_walk_rows(c->walk, c->index, t + steps - 1);
        enter_step(c, t);
        sp_walk_bias(c->walk, rows, K, c->weights->bias, c->gates);
        sp_walk_weigh(c->walk, rows, K, D, sp_walk_on(c->walk, c->node->input, frame_of(c)),
                      c->weights->weight, c->gates);
    }
}

static void image_forward(sp_cell_walk *c, int v) {
    const sp_cell_variable *at = variable(c, v);
    const sp_rows to = image_columns(c, at->place);
    if (at->recurrent_bias) {
        sp_walk_bias(c->walk, c->rows, c->H, c->weights->recurrent_bias, to);
    }
    if (at->a != SP_NO_VARIABLE && !is_zero(c, at->a)) {
        sp_walk_weigh(c->walk, c->rows, c->H, c->H, c->view[at->a],
                      sp_matrix_at(&c->weights->recurrent, at->block * c->H, 0), to);
    }
    if (at->b != SP_NO_VARIABLE && !is_zero(c, at->b)) {
        sp_walk_add(c->walk, c->rows, c->H, to, c->view[at->b], false, to);
    }
    c->view[v] = to;
}

static void images_forward(sp_cell_walk *c, sp_cell_run run) {
    const sp_cell_variable *v = variable(c, run.first);
    if (run.end == run.first + 1 || v->a == SP_NO_VARIABLE || is_zero(c, v->a)) {
        for (int i = run.first; i < run.end; i++) {
            image_forward(c, i);
        }
        return;
    }
    sp_walk_weigh(c->walk, c->rows, (size_t)(run.end - run.first) * c->H, c->H, c->view[v->a],
                  sp_matrix_at(&c->weights->recurrent, v->block * c->H, 0),
                  image_columns(c, v->place));
    for (int i = run.first; i < run.end; i++) {
        c->view[i] = image_columns(c, variable(c, i)->place);
    }
}

static void sum_forward(sp_cell_walk *c, int v) {
    const sp_cell_variable *s = variable(c, v);
    const bool minus = s->op == SP_CELL_DIFFERENCE;
    if (is_zero(c, s->b)) {
        c->view[v] = c->view[s->a];
        return;
    }
    if (is_zero(c, s->a)) {
        sp_walk_set(c->walk, c->rows, c->H, sp_no_rows, own(c, v));
        sp_walk_add(c->walk, c->rows, c->H, own(c, v), c->view[s->b], minus, own(c, v));
    } else {
        sp_walk_add(c->walk, c->rows, c->H, c->view[s->a], c->view[s->b], minus, own(c, v));
    }
    c->view[v] = own(c, v);
}

static void variable_forward(sp_cell_walk *c, int v, size_t iteration) {
    const sp_cell_variable *at = variable(c, v);
    if (!at->used || is_zero(c, v)) {
        return;
    }
    switch (at->op) {
    case SP_CELL_PRODUCT:
        sp_walk_product_value(c->walk, c->rows, c->index, c->t, v, value_of(c, at->a),
                              value_of(c, at->b), iteration, own(c, v));
        c->view[v] = own(c, v);
        break;
    case SP_CELL_CURVE:
        sp_walk_line_value(c->walk, c->rows, c->index, c->t, v, value_of(c, at->a), iteration,
                           own(c, v));
        c->view[v] = own(c, v);
        break;
    case SP_CELL_SUM:
    case SP_CELL_DIFFERENCE:
        sum_forward(c, v);
        break;
    case SP_CELL_STATE:
    case SP_CELL_IMAGE:
        break;
    }
}

/* The values of the states of the next step. */
static void hand_on(sp_cell_walk *c) {
    for (size_t i = 0; i < c->steps->states; i++) {
        const int before = c->steps->state[i].before, after = c->steps->state[i].after;
        settle_view(c, after);
        const sp_array spare = c->own[before];
        c->view[before] = c->view[after];
        c->own[before] = c->own[after];
        c->own[after] = spare;
    }
}

void sp_cell_forward(sp_walk *walk, size_t index, size_t iteration) {
    const sp_start *start = walk->start;
    const bool inside = index == start->node && start->end > 0;
    const sp_span span = walk->ws->span[index];
    sp_cell_walk c = cell_walk(walk, index);
    const size_t top = inside                 ? start->t
                       : c.node->cell.reverse ? c.frames - 1 - span.first
                                              : span.end - 1;
    for (size_t t = 0; t <= top; t++) {
        const int end = inside && t == top ? start->end : (int)c.steps->count;
        if (t % walk->self->steps == 0) {
            input_forward(&c, t, top + 1 - t < walk->self->steps ? top + 1 : t + walk->self->steps);
        }
        enter_step(&c, t);
        for (size_t i = 0; i < c.weights->runs && c.weights->run[i].first < end; i++) {
            const sp_cell_run run = c.weights->run[i];
            if (variable(&c, run.first)->op == SP_CELL_IMAGE) {
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
        const size_t frame = frame_of(&c);
        if (frame >= span.first && frame < span.end) {
            sp_walk_set(walk, c.rows, c.H, c.view[c.steps->output], sp_walk_on(walk, index, frame));
        }
        hand_on(&c);
    }
}
