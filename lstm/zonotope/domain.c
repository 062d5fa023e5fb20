// The domain of zonotopes: affine forms carried forward through the graph, node by node, met with
// intervals at every box. Independent of back-substitution: no row is ever walked. [DeepZ],
// [CertRNN]
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lstm/zonotope/impl.h"

static sp_zonotope *of(sp_boxes *boxes) {
    return (sp_zonotope *)(void *)boxes;
}

/* Meets the boxes of numbers [first, first + n) of a form; or they become what it says. */
static void meet(sp_zonotope *z, const sp_zonotope_form *form, size_t first, size_t n,
                 sp_boxes_range box) {
    double *lo = sp_boxes_program(&z->boxes, box.lo), *hi = sp_boxes_program(&z->boxes, box.hi);
    for (size_t i = 0; i < n; i++) {
        const sp_iv before = {lo[i], hi[i]}, range = sp_zonotope_range(z, form, first + i);
        const sp_iv met = z->options.rules.alone ? range : sp_iv_meet(before, range);
        lo[i] = met.lo;
        hi[i] = met.hi;
    }
}

static sp_iv box_at(const sp_boxes *boxes, sp_boxes_range box, size_t i) {
    return (sp_iv){sp_boxes_program(boxes, box.lo)[i], sp_boxes_program(boxes, box.hi)[i]};
}

/* ---- nodes ---- */

/* The variables are those of the cell at hand. */
static void enter_cell(sp_zonotope *z, size_t i) {
    const sp_node *node = &z->boxes.net->node[i];
    z->node = i;
    for (size_t v = 0; node->kind == SP_NODE_CELL && v < SP_CELL_VARIABLES; v++) {
        z->variable[v].n = node->width;
    }
}

static void finish_affine(sp_zonotope *z, size_t i, size_t t, sp_zonotope_form *to) {
    const sp_boxes *boxes = &z->boxes;
    const sp_node *node = &boxes->net->node[i];
    const sp_boxes_matrix m = sp_boxes_matrix_at(&boxes->constants[i].weight, 0, 0);
    const size_t parts = sp_zonotope_parts(z, i, t, sp_boxes_program(boxes, m.wide), m.ld);
    memset(to->generator, 0, parts == 0 ? node->width * z->capacity * sizeof(double) : 0);
    sp_zonotope_image(z, to, 0, node->width, z->part, parts, node->bias);
}

static void copy_form(const sp_zonotope *z, sp_zonotope_form *to, const sp_zonotope_form *from) {
    memcpy(to->center, from->center, from->n * sizeof(double));
    memcpy(to->noise, from->noise, from->n * sizeof(double));
    memcpy(to->generator, from->generator, from->n * z->capacity * sizeof(double));
}

static void finish(sp_boxes *boxes, size_t i, size_t t) {
    sp_zonotope *z = of(boxes);
    const sp_node *node = &boxes->net->node[i];
    sp_zonotope_form *to = z->out + boxes->first[i] + t;
    z->node = i;
    if (node->kind == SP_NODE_AFFINE) {
        finish_affine(z, i, t, to);
    } else if (node->kind == SP_NODE_POOL) {
        const size_t frames = sp_boxes_frames(boxes, 0, node->input);
        copy_form(z, to,
                  sp_zonotope_at(z, node->input, node->pool == SP_POOLING_LAST ? frames - 1 : 0));
    } else if (node->kind == SP_NODE_CELL) {
        copy_form(z, to, &z->variable[boxes->constants[i].cell.output]);
        for (size_t s = 0; s < boxes->constants[i].cell.states; s++) {
            copy_form(z, &z->variable[boxes->constants[i].cell.state[s].before],
                      &z->variable[boxes->constants[i].cell.state[s].after]);
        }
    }
    meet(z, to, 0, node->width, sp_boxes_state_at(boxes, i, t)->out);
}

/* ---- cells ---- */

static void images(sp_zonotope *z, size_t i, size_t t, int first, int end) {
    const sp_boxes *boxes = &z->boxes;
    const sp_node *node = &boxes->net->node[i];
    const sp_boxes_constants *c = &boxes->constants[i];
    for (int v = first; v < end; v++) {
        const sp_cell_variable *at = &c->cell.variable[v];
        const size_t H = node->width, row = at->block * H;
        const size_t frame = sp_boxes_step_frame(node, t, sp_boxes_frames(boxes, 0, i));
        sp_zonotope_form *to = &z->variable[v];
        sp_zonotope_part part[2];
        size_t parts = 0;
        if (at->input) {
            const sp_boxes_matrix m = sp_boxes_matrix_at(&c->weight, row, 0);
            part[parts++] = (sp_zonotope_part){sp_boxes_program(boxes, m.wide), m.ld,
                                               sp_zonotope_at(z, node->input, frame)};
        }
        if (at->a != SP_NO_VARIABLE && !sp_cell_zero(&c->cell, at->a, t == 0)) {
            const sp_boxes_matrix m = sp_boxes_matrix_at(&c->recurrent, row, 0);
            part[parts++] =
                (sp_zonotope_part){sp_boxes_program(boxes, m.wide), m.ld, &z->variable[at->a]};
        }
        memset(to->generator, 0, parts == 0 ? H * z->capacity * sizeof(double) : 0);
        sp_zonotope_image(z, to, 0, H, part, parts,
                          at->recurrent_bias ? node->cell.recurrent_bias : node->cell.bias + row);
        for (size_t j = 0;
             at->b != SP_NO_VARIABLE && !sp_cell_zero(&c->cell, at->b, t == 0) && j < H; j++) {
            const sp_zonotope_form copy = *to;
            sp_zonotope_combine(z, to, j, 1.0, &copy, j, 1.0, &z->variable[at->b], j,
                                (sp_iv){0.0, 0.0});
        }
    }
}

static void sum(sp_zonotope *z, size_t i, size_t t, int v) {
    const sp_cell_steps *steps = &z->boxes.constants[i].cell;
    const sp_cell_variable *s = &steps->variable[v];
    const bool no_a = sp_cell_zero(steps, s->a, t == 0), no_b = sp_cell_zero(steps, s->b, t == 0);
    const double b = s->op == SP_CELL_DIFFERENCE ? -1.0 : 1.0;
    for (size_t j = 0; j < z->boxes.net->node[i].width; j++) {
        if (no_a) {
            sp_zonotope_combine(z, &z->variable[v], j, b, &z->variable[s->b], j, 0.0, NULL, 0,
                                (sp_iv){0.0, 0.0});
        } else {
            sp_zonotope_combine(z, &z->variable[v], j, 1.0, &z->variable[s->a], j, b,
                                no_b ? NULL : &z->variable[s->b], j, (sp_iv){0.0, 0.0});
        }
    }
}

static void tighten(sp_boxes *boxes, size_t i, size_t t, int first, int end) {
    sp_zonotope *z = of(boxes);
    const sp_node *node = &boxes->net->node[i];
    const size_t H = node->width;
    const sp_boxes_state *state = sp_boxes_state_at(boxes, i, t);
    enter_cell(z, i);
    if (node->kind == SP_NODE_CURVE) {
        meet(z, sp_zonotope_at(z, node->input, t), 0, H, state->input);
        return;
    }
    const sp_cell_steps *steps = &boxes->constants[i].cell;
    if (steps->variable[first].op == SP_CELL_IMAGE) {
        images(z, i, t, first, end);
    } else {
        sum(z, i, t, first);
    }
    for (int v = first; v < end; v++) {
        meet(z, &z->variable[v], 0, H, sp_boxes_variable(boxes, i, t, v));
    }
}

/* f of number j of x, alone in a form. */
static void take_factor(sp_zonotope *z, sp_zonotope_form *to, const sp_zonotope_form *x, size_t j,
                        sp_activation f, sp_iv box) {
    const sp_zonotope_slopes s = sp_zonotope_line(&z->options.rules, f, box);
    sp_zonotope_combine(z, to, 0, s.a, x, j, 0.0, NULL, 0, s.rest);
}

/* Both factors as forms, then their product. */
static void multiply(sp_zonotope *z, const sp_cell_variable *p, sp_zonotope_form *to, size_t j,
                     sp_box box) {
    static const sp_activation hyperbolic = {.kind = SP_ACTIVATION_TANH};
    static const sp_iv nothing = {0.0, 0.0}, one = {1.0, 1.0};
    sp_zonotope_form *gate = &z->factor[0], *other = &z->factor[1];
    take_factor(z, gate, &z->variable[p->a], j, p->f, box.x);
    if (p->complement) {
        const sp_zonotope_form copy = *gate;
        sp_zonotope_combine(z, gate, 0, -1.0, &copy, 0, 0.0, NULL, 0, one);
    }
    if (p->second_tanh) {
        take_factor(z, other, &z->variable[p->b], j, hyperbolic, box.y);
    } else {
        sp_zonotope_combine(z, other, 0, 1.0, &z->variable[p->b], j, 0.0, NULL, 0, nothing);
    }
    sp_zonotope_multiply(z, to, j, gate, other);
}

static void relax_variable(sp_zonotope *z, size_t i, size_t t, int v) {
    const sp_boxes *boxes = &z->boxes;
    const sp_cell_variable *p = &boxes->constants[i].cell.variable[v];
    const sp_boxes_range x = sp_boxes_variable(boxes, i, t, p->a);
    const sp_boxes_range y = sp_boxes_variable(boxes, i, t, p->b);
    for (size_t j = 0; j < boxes->net->node[i].width; j++) {
        if (p->op == SP_CELL_CURVE) {
            const sp_zonotope_slopes s =
                sp_zonotope_line(&z->options.rules, p->f, box_at(boxes, x, j));
            sp_zonotope_combine(z, &z->variable[v], j, s.a, &z->variable[p->a], j, 0.0, NULL, 0,
                                s.rest);
        } else {
            const sp_box box = {box_at(boxes, x, j), box_at(boxes, y, j)};
            if (z->options.products) {
                multiply(z, p, &z->variable[v], j, box);
                continue;
            }
            const sp_zonotope_slopes s = sp_zonotope_plane(&z->options.rules, &p->map, box);
            sp_zonotope_combine(z, &z->variable[v], j, s.a, &z->variable[p->a], j, s.b,
                                &z->variable[p->b], j, s.rest);
        }
    }
}

static sp_status relax(sp_error *err, sp_boxes *boxes, size_t i, size_t t, int first, int end) {
    sp_zonotope *z = of(boxes);
    const sp_node *node = &boxes->net->node[i];
    (void)err;
    enter_cell(z, i);
    if (node->kind == SP_NODE_CURVE) {
        sp_zonotope_form *to = z->out + boxes->first[i] + t;
        for (size_t j = 0; j < node->width; j++) {
            const sp_zonotope_slopes s =
                sp_zonotope_line(&z->options.rules, node->curve,
                                 box_at(boxes, sp_boxes_state_at(boxes, i, t)->input, j));
            sp_zonotope_combine(z, to, j, s.a, sp_zonotope_at(z, node->input, t), j, 0.0, NULL, 0,
                                s.rest);
        }
        return SP_OK;
    }
    const sp_cell_steps *steps = &boxes->constants[i].cell;
    for (int v = first; v < end; v++) {
        if (steps->variable[v].used && !sp_cell_zero(steps, v, t == 0)) {
            relax_variable(z, i, t, v);
        }
    }
    return SP_OK;
}

/* ---- memory ---- */

enum { FEWEST_SYMBOLS = 8 };

static const sp_boxes_refinement refinement = {
    .tighten = tighten, .relax = relax, .finish = finish};

/* Numbers that get a symbol of their own. */
static size_t relaxed_in(const sp_node *node, const sp_zonotope_options *options) {
    sp_cell_steps steps = {.count = 0};
    size_t relaxed = node->kind == SP_NODE_CURVE ? node->width : 0;
    if (node->kind == SP_NODE_CELL) {
        sp_cell_describe(&steps, &node->cell);
    }
    for (size_t v = 0; v < steps.count; v++) {
        const sp_cell_op op = steps.variable[v].op;
        relaxed += op == SP_CELL_CURVE     ? node->width
                   : op != SP_CELL_PRODUCT ? 0
                   : options->products     ? 3 * node->width
                                           : node->width;
    }
    return relaxed;
}

typedef struct sp_zonotope_size {
    size_t samples, capacity, numbers, forms, hidden, widest, taps;
} sp_zonotope_size;

static sp_zonotope_size size_of(const sp_boxes *boxes, const sp_zonotope_options *options) {
    const sp_front_bound *front = boxes->front;
    sp_zonotope_size s = {.samples = sp_zonotope_samples(front, options),
                          .hidden = front->bands,
                          .widest = front->bands};
    s.capacity = s.samples + front->frames * front->bands + 1;
    s.numbers = front->frames * front->features;
    s.forms = front->frames;
    for (size_t i = boxes->source + 1; i < boxes->net->nodes; i++) {
        const sp_node *node = &boxes->net->node[i];
        const size_t frames = sp_boxes_frames(boxes, 0, i);
        size_t columns = node->kind == SP_NODE_CELL ? node->cell.in + node->width : node->width;
        size_t taps = 0;
        for (size_t k = 0; node->kind == SP_NODE_AFFINE && k < node->terms; k++) {
            columns += node->term[k].timing.taps * node->term[k].in;
            taps += node->term[k].timing.taps;
        }
        s.taps = taps > s.taps ? taps : s.taps;
        s.capacity += options->independent ? 0 : frames * relaxed_in(node, options);
        s.numbers += frames * node->width;
        s.forms += frames;
        s.hidden = node->kind == SP_NODE_CELL && node->width > s.hidden ? node->width : s.hidden;
        s.widest = columns > s.widest ? columns : s.widest;
    }
    s.numbers += SP_CELL_VARIABLES * s.hidden + SP_ZONOTOPE_FACTORS;
    const size_t most = options->symbols > 0 ? options->symbols : SIZE_MAX;
    s.capacity = most < s.capacity ? most : s.capacity;
    return s;
}

static double *carve_form(sp_zonotope_form *form, size_t n, size_t capacity, double *at) {
    *form = (sp_zonotope_form){n, at, at + n, at + 2 * n};
    return at + n * (capacity + 2);
}

static void note_readers(sp_zonotope *z) {
    const sp_net *net = z->boxes.net;
    for (size_t i = 0; i < net->nodes; i++) {
        const sp_node *node = &net->node[i];
        z->last[i] = i + 1 == net->nodes ? SIZE_MAX : i;
        for (size_t k = 0; node->kind == SP_NODE_AFFINE && k < node->terms; k++) {
            z->last[node->term[k].input] = i;
        }
        if (node->kind != SP_NODE_AFFINE && node->kind != SP_NODE_INPUT) {
            z->last[node->input] = i;
        }
    }
}

static sp_status take_forms(sp_error *err, sp_zonotope *z) {
    const sp_boxes *boxes = &z->boxes;
    const sp_zonotope_size s = size_of(boxes, &z->options);
    const size_t most = SIZE_MAX / sizeof(double) / (s.capacity + 2), nodes = boxes->net->nodes;
    if (z->options.symbols > 0 && z->options.symbols < FEWEST_SYMBOLS) {
        return sp_fail(err, SP_E_ARGUMENT, "%zu symbols are too few: %d are the least",
                       z->options.symbols, FEWEST_SYMBOLS);
    }
    z->samples = z->symbols = s.samples;
    z->capacity = s.capacity;
    z->hidden = s.hidden;
    z->last = malloc(nodes * sizeof *z->last);
    z->weight = malloc(s.capacity * sizeof *z->weight);
    z->forms = calloc(s.forms, sizeof *z->forms);
    z->scratch = calloc(s.widest + 1, sizeof *z->scratch);
    z->part = calloc(s.taps + 1, sizeof *z->part);
    z->memory = s.numbers < most ? calloc(s.numbers * (s.capacity + 2), sizeof(double)) : NULL;
    if (z->forms == NULL || z->scratch == NULL || z->part == NULL || z->memory == NULL ||
        z->last == NULL || z->weight == NULL) {
        return sp_fail(err, SP_E_MEMORY,
                       "out of memory: zonotopes of %zu numbers over %zu symbols need %.0f MB",
                       s.numbers, s.capacity, (double)s.numbers * (double)s.capacity * 8e-6);
    }
    double *at = z->memory;
    sp_zonotope_form *form = z->forms;
    z->features = form;
    for (size_t t = 0; t < boxes->front->frames; t++) {
        at = carve_form(form++, boxes->front->features, s.capacity, at);
    }
    z->out = form;
    for (size_t i = boxes->source + 1; i < boxes->net->nodes; i++) {
        for (size_t t = 0; t < sp_boxes_frames(boxes, 0, i); t++) {
            at = carve_form(form++, boxes->net->node[i].width, s.capacity, at);
        }
    }
    for (size_t v = 0; v < SP_CELL_VARIABLES; v++) {
        at = carve_form(&z->variable[v], s.hidden, s.capacity, at);
    }
    for (size_t k = 0; k < SP_ZONOTOPE_FACTORS; k++) {
        at = carve_form(&z->factor[k], 1, s.capacity, at);
    }
    note_readers(z);
    return SP_OK;
}

static sp_status bound(sp_error *err, sp_zonotope *z, const sp_bound_task *task) {
    SP_TRY(sp_boxes_shape(err, &z->boxes, task, &refinement, false));
    SP_TRY(sp_boxes_take(err, &z->boxes));
    SP_TRY(take_forms(err, z));
    sp_zonotope_features(z);
    return sp_boxes_bound(err, &z->boxes);
}

static void destroy(void *self) {
    sp_zonotope *z = self;
    if (z != NULL) {
        sp_boxes_clear(&z->boxes);
        free(z->memory);
        free(z->forms);
        free(z->scratch);
        free(z->part);
        free(z->last);
        free(z->weight);
        free(z);
    }
}

static sp_status create(sp_error *err, void **self, const sp_bound_task *task,
                        const void *options) {
    sp_zonotope *z = calloc(1, sizeof *z);
    *self = NULL;
    if (z == NULL) {
        return sp_fail(err, SP_E_MEMORY, "out of memory for bounds");
    }
    if (options != NULL) {
        z->options = *(const sp_zonotope_options *)options;
    }
    const sp_status status = bound(err, z, task);
    if (status != SP_OK) {
        destroy(z);
        return status;
    }
    *self = z;
    return SP_OK;
}

static void box(void *self, size_t node, size_t frame, int variable, const double **lo,
                const double **hi) {
    sp_boxes_box(self, node, frame, variable, lo, hi);
}

static size_t room(const sp_bound_task *task, const void *options) {
    (void)task;
    (void)options;
    return 1;
}

static size_t bytes(const sp_bound_task *task, const void *options, bool device) {
    sp_boxes boxes = {0};
    const sp_zonotope_options standard = {.symbols = 0};
    size_t need = SIZE_MAX;
    if (!device && sp_boxes_shape(NULL, &boxes, task, &refinement, false) == SP_OK) {
        const sp_zonotope_size s = size_of(&boxes, options != NULL ? options : &standard);
        need = sp_boxes_total(sp_boxes_count(&boxes), task->clips) +
               s.numbers * (s.capacity + 2) * sizeof(double);
    }
    sp_boxes_clear(&boxes);
    return need;
}

static void spent(void *self, double *flops, size_t *moved) {
    (void)self;
    *flops = 0.0;
    *moved = 0;
}

const sp_domain sp_domain_zonotope = {.name = "zonotope",
                                      .create = create,
                                      .answer = sp_zonotope_answer,
                                      .margins = sp_zonotope_margins,
                                      .box = box,
                                      .room = room,
                                      .bytes = bytes,
                                      .spent = spent,
                                      .destroy = destroy};
