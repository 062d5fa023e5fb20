// The arrays of back-substitution: relaxations of each clip, and the workspaces of the tiles.
#include <string.h>

#include "lstm/backsub/impl.h"

static size_t larger(size_t a, size_t b) {
    return a > b ? a : b;
}

static sp_backsub *of(sp_boxes *boxes) {
    return (sp_backsub *)(void *)boxes;
}

bool sp_backsub_rows_choose(const sp_backsub *self) {
    return self->options.box_iterations + self->options.row_iterations > 0 ||
           self->options.planes == SP_BACKSUB_R2_CANDIDATES;
}

bool sp_backsub_features_choose(const sp_backsub *self) {
    return sp_backsub_rows_choose(self) && self->boxes.front->tangents > 0;
}

/* ---- relaxations ---- */

static void carve_menu(sp_boxes_carver *carver, sp_gpu_menu *menu, size_t n, size_t lower,
                       size_t upper, bool planes) {
    const size_t entries = lower + upper;
    menu->n = n;
    menu->lower = lower;
    menu->entries = entries;
    menu->shared = 0;
    menu->a = sp_boxes_carve_array(carver, entries * n).on;
    menu->b = planes ? sp_boxes_carve_array(carver, entries * n).on : NULL;
    menu->c = menu->constant = sp_boxes_carve_array(carver, entries * n).on;
    menu->rough = lower > 1 ? sp_boxes_carve(carver, entries * 3 * n, sizeof(float)) : NULL;
    menu->mass = sp_boxes_carve_array(carver, n).on;
}

/* Rows meet the biases of the arguments with the constants. */
static void carve_constant(sp_boxes_carver *carver, sp_gpu_menu *menu, const sp_cell_steps *steps,
                           int v) {
    if (sp_backsub_folds(steps, steps->variable[v].a) ||
        sp_backsub_folds(steps, steps->variable[v].b)) {
        menu->constant = sp_boxes_carve_array(carver, menu->entries * menu->n).on;
    }
}

static size_t planes_of(const sp_backsub *self) {
    return self->options.planes == SP_BACKSUB_R2_CANDIDATES ? SP_R2_CANDIDATES
           : sp_backsub_rows_choose(self)                   ? SP_BACKSUB_MENU_PLANES
                                                            : 1;
}

/* The ReLU has two lines below where rows choose, and one above. */
static void carve_curve(const sp_backsub *self, sp_boxes_carver *carver, sp_gpu_menu *menu,
                        size_t n, sp_activation f, bool node) {
    const bool choosing = self->options.box_iterations + self->options.row_iterations > 0;
    if (node && f.kind == SP_ACTIVATION_RELU) {
        carve_menu(carver, menu, n, choosing ? 2 : 1, 1, false);
    } else {
        const size_t own = f.kind == SP_ACTIVATION_TANH ? 1 : 0; // beside that in the middle
        const size_t lines = choosing ? SP_BACKSUB_CURVE_LINES + own : 1;
        carve_menu(carver, menu, n, lines, lines, false);
    }
}

static void carve_cell(const sp_backsub *self, sp_boxes_carver *carver, sp_backsub_relaxations *to,
                       const sp_cell_steps *steps, size_t n) {
    const size_t planes = planes_of(self);
    for (size_t v = 0; v < steps->count; v++) {
        const sp_cell_variable *at = &steps->variable[v];
        if (at->used && at->op == SP_CELL_PRODUCT) {
            const size_t shared = sp_backsub_shared(self, steps, (int)v);
            carve_menu(carver, &to->menu[v], n, planes + shared, planes + shared, true);
            to->menu[v].shared = shared;
            carve_constant(carver, &to->menu[v], steps, (int)v);
            to->cut[v] = self->options.octagons && sp_backsub_is_cut(steps, (int)v)
                             ? sp_boxes_carve(carver, n, sizeof *to->cut[v])
                             : NULL;
        } else if (at->used && at->op == SP_CELL_CURVE) {
            carve_curve(self, carver, &to->menu[v], n, at->f, false);
            carve_constant(carver, &to->menu[v], steps, (int)v);
        }
    }
}

static void carve_relaxations(const sp_backsub *self, sp_boxes_carver *carver) {
    const sp_boxes *boxes = &self->boxes;
    for (size_t i = boxes->source + 1; i < boxes->net->nodes; i++) {
        const sp_node *node = &boxes->net->node[i];
        for (size_t t = 0; t < sp_boxes_frames(boxes, 0, i); t++) {
            sp_backsub_relaxations spare, *to = &spare;
            if (self->relaxations != NULL) {
                to = sp_backsub_relaxations_at(self, i, t);
            }
            memset(to, 0, sizeof *to);
            if (node->kind == SP_NODE_CURVE) {
                carve_curve(self, carver, &to->menu[0], node->width, node->curve, true);
            } else if (node->kind == SP_NODE_CELL) {
                sp_cell_steps steps;
                sp_cell_describe(&steps, &node->cell);
                carve_cell(self, carver, to, &steps, node->width);
            }
        }
    }
}

/* ---- the front end ---- */

void sp_backsub_carve_inputs(sp_boxes *boxes, sp_boxes_carver *carver, size_t frames) {
    sp_backsub *self = of(boxes);
    const sp_front_bound *front = boxes->front;
    const size_t steps = front->frames;
    const bool choose = sp_backsub_features_choose(self);
    sp_backsub_source *source = &self->source;
    sp_gpu_menu spare;
    self->gamma = sp_boxes_carve_array(carver, 1);
    source->energy_omega = sp_boxes_carve_array(carver, front->bins > 0 ? steps * front->bands : 0);
    source->feature_omega =
        sp_boxes_carve_array(carver, front->matrix != NULL ? steps * front->features : 0);
    source->form_min = sp_boxes_carve_array(carver, steps * front->forms);
    source->loud = sp_boxes_carve_array(carver, self->energies ? steps * front->bands : 0).on;
    for (size_t t = 0; t < frames; t++) {
        carve_menu(carver, source->line != NULL ? source->line + t : &spare, front->bands,
                   choose ? 2 : 1, choose ? 1 + front->tangents : 1, false);
        if (front->bins > 0) {
            carve_menu(carver, source->bin_line != NULL ? source->bin_line + t : &spare,
                       front->bins, 1, 1, false);
        }
    }
}

static sp_boxes_array clip_array(const sp_boxes *boxes, sp_boxes_carver *carver, const double *from,
                                 size_t count) {
    return boxes->device ? sp_boxes_carve_array(carver, from != NULL ? count : 0)
                         : (sp_boxes_array){(double *)from};
}

/* What walks read of the front end of each clip. */
static void carve_front(sp_backsub *self, sp_boxes_carver *carver) {
    const sp_boxes *boxes = &self->boxes;
    const sp_front_bound *front = boxes->front;
    sp_backsub_source *source = &self->source;
    const size_t steps = front->frames;
    source->form.wide = clip_array(boxes, carver, front->form, steps * front->forms * front->frame);
    source->form.ld = front->frame;
    if (boxes->single && front->tangents > 0) {
        source->form.narrow =
            sp_boxes_carve(carver, steps * front->forms * front->frame, sizeof(float));
    }
    source->form_max = clip_array(boxes, carver, front->form_max,
                                  sp_backsub_features_choose(self) ? steps * front->forms : 0);
    source->radius = clip_array(boxes, carver, front->radius, sp_backsub_samples_read(front));
    source->square = clip_array(boxes, carver, front->square, steps * front->bands);
    source->energy = clip_array(boxes, carver, front->energy, steps);
}

void sp_backsub_carve_clip(sp_boxes *boxes, sp_boxes_carver *carver) {
    sp_backsub *self = of(boxes);
    carve_front(self, carver);
    carve_relaxations(self, carver);
}

static void carve_front_constants(sp_backsub *self, sp_boxes_carver *carver) {
    const sp_boxes *boxes = &self->boxes;
    const sp_front_bound *front = boxes->front;
    sp_backsub_source *source = &self->source;
    source->matrix =
        (sp_boxes_matrix){clip_array(boxes, carver, front->matrix, front->features * front->bands),
                          NULL, front->bands};
    source->matrix_bias = clip_array(boxes, carver, front->matrix_bias, front->features);
    source->peak = clip_array(boxes, carver, front->peak, front->bands * front->peaks);
    source->spectrum = (sp_boxes_matrix){
        clip_array(boxes, carver, front->spectrum, front->bins * front->frame), NULL, front->frame};
    source->mel = (sp_boxes_matrix){
        clip_array(boxes, carver, front->mel, front->bands * front->bins), NULL, front->bins};
    source->mel_bias = clip_array(boxes, carver, front->mel_bias, front->bands);
}

/* ---- widths ---- */

typedef struct sp_widths {
    size_t node, hidden, images, box, operand;
} sp_widths;

static sp_widths widths_of(const sp_boxes *boxes) {
    const sp_front_bound *front = boxes->front;
    sp_widths w = {larger(front->features, front->bands), 0, 0, front->features, front->forms};
    for (size_t i = boxes->source; i < boxes->net->nodes; i++) {
        const sp_node *node = &boxes->net->node[i];
        w.node = larger(w.node, node->width);
        w.box = larger(w.box, node->width);
        if (node->kind == SP_NODE_CELL) {
            sp_cell_steps steps;
            sp_cell_describe(&steps, &node->cell);
            w.hidden = larger(w.hidden, node->width);
            w.images = larger(w.images, steps.images * node->width);
        }
    }
    w.box = larger(w.box, w.images);
    w.operand = larger(larger(w.operand, w.images), w.node);
    return w;
}

/* Buffers for coefficients on nodes: a node needs one from the walk through the highest node that
 * reads it to the walk through itself. */
static void assign_slots(sp_backsub *self) {
    const sp_net *net = self->boxes.net;
    const size_t source = self->boxes.source, none = (size_t)-1;
    size_t *free_slots = self->slot_size + net->nodes, count = 0; // a stack
    self->slots = 0;
    for (size_t i = 0; i < net->nodes; i++) {
        self->slot_of[i] = none;
        self->slot_size[i] = 0;
    }
    for (size_t n = net->nodes; n-- > source;) {
        const size_t inputs = n > source ? sp_node_inputs(&net->node[n]) : 0;
        for (size_t k = 0; k <= inputs; k++) { // first the node itself, if nothing reads it
            const size_t i = k == 0 ? n : sp_node_input(&net->node[n], k - 1);
            if (self->slot_of[i] == none) {
                self->slot_of[i] = count > 0 ? free_slots[--count] : self->slots++;
            }
            const size_t need =
                sp_backsub_apart(net->node[i].width) * sp_boxes_frames(&self->boxes, 0, i);
            size_t *size = &self->slot_size[self->slot_of[i]];
            *size = larger(*size, need);
        }
        free_slots[count++] = self->slot_of[n];
    }
}

/* ---- choices ---- */

static size_t entries_of(const sp_node *node) {
    if (node->kind == SP_NODE_CURVE) {
        return node->width;
    }
    size_t entries = 0;
    if (node->kind == SP_NODE_CELL) {
        sp_cell_steps steps;
        sp_cell_describe(&steps, &node->cell);
        for (size_t v = 0; v < steps.count; v++) {
            const sp_cell_op op = steps.variable[v].op;
            entries += steps.variable[v].used && (op == SP_CELL_PRODUCT || op == SP_CELL_CURVE)
                           ? node->width
                           : 0;
        }
    }
    return entries;
}

/* Of a node at a frame; returns where the entries of the next one stand. */
static unsigned char *carve_choice(sp_boxes_carver *carver, sp_backsub_choices *choices,
                                   const sp_node *node, size_t rows, unsigned char *entry) {
    sp_cell_steps steps = {.count = node->kind == SP_NODE_CURVE ? 1 : 0};
    const sp_backsub_choices none = {{NULL}, {NULL}};
    *choices = none;
    steps.variable[0] = (sp_cell_variable){.op = SP_CELL_CURVE, .used = true};
    if (node->kind == SP_NODE_CELL) {
        sp_cell_describe(&steps, &node->cell);
    }
    for (size_t v = 0; v < steps.count; v++) {
        const sp_cell_op op = steps.variable[v].op;
        if (steps.variable[v].used && (op == SP_CELL_PRODUCT || op == SP_CELL_CURVE)) {
            const size_t axes = op == SP_CELL_PRODUCT ? 2 : 1;
            choices->entry[v] = entry;
            choices->anchor[v] = sp_boxes_carve(carver, axes * rows * node->width, sizeof(float));
            entry = entry != NULL ? entry + rows * node->width : NULL;
        }
    }
    return entry;
}

static void carve_features(const sp_backsub *self, sp_boxes_carver *carver,
                           sp_backsub_workspace *ws, size_t rows) {
    const sp_front_bound *front = self->boxes.front;
    ws->feature = sp_boxes_carve_host(carver, front->frames, sizeof *ws->feature);
    ws->feature_anchor = sp_boxes_carve_host(carver, front->frames, sizeof *ws->feature_anchor);
    ws->peak = sp_boxes_carve_host(carver, front->frames, sizeof *ws->peak);
    ws->bin = sp_boxes_carve_host(carver, front->frames, sizeof *ws->bin);
    for (size_t t = 0; t < front->frames; t++) {
        float *anchor = sp_boxes_carve(carver, rows * front->bands, sizeof(float));
        int *peak = sp_boxes_carve(carver, rows, sizeof(int));
        unsigned char *bin = sp_boxes_carve(carver, rows * front->bins, 1);
        if (ws->bin != NULL) {
            ws->feature[t] = ws->entries + t * rows * front->bands;
            ws->feature_anchor[t] = anchor;
            ws->peak[t] = peak;
            ws->bin[t] = bin;
        }
    }
}

/* What the rows of a tile choose, everywhere. */
static void carve_choices(const sp_backsub *self, sp_boxes_carver *carver, sp_backsub_workspace *ws,
                          size_t rows) {
    const sp_boxes *boxes = &self->boxes;
    size_t states = 0;
    for (size_t i = boxes->source + 1; i < boxes->net->nodes; i++) {
        states += sp_boxes_frames(boxes, 0, i);
    }
    ws->choices = sp_boxes_carve_host(carver, states, sizeof *ws->choices);
    ws->sign = sp_boxes_carve(carver, rows * sp_backsub_sign_width(boxes->front), 1);
    ws->entries = sp_boxes_carve(carver, rows * self->entries_end, 1);
    carve_features(self, carver, ws, rows);
    for (size_t i = boxes->source + 1; i < boxes->net->nodes; i++) {
        unsigned char *entry =
            ws->entries != NULL ? ws->entries + rows * self->entries_at[i] : NULL;
        for (size_t t = 0; t < sp_boxes_frames(boxes, 0, i); t++) {
            sp_backsub_choices spare;
            entry = carve_choice(carver,
                                 ws->choices != NULL ? ws->choices + boxes->first[i] + t : &spare,
                                 &boxes->net->node[i], rows, entry);
        }
    }
}

static void count_entries(sp_backsub *self) {
    const sp_boxes *boxes = &self->boxes;
    size_t at = boxes->front->frames * boxes->front->bands;
    for (size_t i = boxes->source + 1; i < boxes->net->nodes; i++) {
        if (self->entries_at != NULL) {
            self->entries_at[i] = at;
            self->entries_frame[i] = entries_of(&boxes->net->node[i]);
        }
        at += entries_of(&boxes->net->node[i]) * sp_boxes_frames(boxes, 0, i);
    }
    self->entries_end = at;
}

/* ---- workspaces ---- */

/* At least what rows of up to n coefficients take. */
static size_t apart(size_t n) {
    return n + 8;
}

static void carve_workspace(sp_backsub *self, sp_boxes_carver *carver, sp_backsub_workspace *ws,
                            sp_widths w) {
    const sp_boxes *boxes = &self->boxes;
    const sp_front_bound *front = boxes->front;
    const size_t rows = boxes->clips * self->tile;
    memset(ws, 0, sizeof *ws);
    ws->slot = sp_boxes_carve_host(carver, self->slots, sizeof *ws->slot);
    ws->own = sp_boxes_carve_host(carver, SP_CELL_VARIABLES, sizeof *ws->own);
    ws->span = sp_boxes_carve_host(carver, boxes->net->nodes, sizeof *ws->span);
    for (size_t i = 0; i < self->slots; i++) {
        const sp_boxes_array slot = sp_boxes_carve_array(carver, rows * self->slot_size[i]);
        if (ws->slot != NULL) {
            ws->slot[i] = slot;
        }
    }
    for (size_t v = 0; v < SP_CELL_VARIABLES; v++) {
        const sp_boxes_array own = sp_boxes_carve_array(carver, rows * apart(w.hidden));
        if (ws->own != NULL) {
            ws->own[v] = own;
        }
    }
    ws->gates = sp_boxes_carve_array(carver, self->steps * rows * apart(w.images));
    ws->spare = sp_boxes_carve_array(carver, rows * apart(larger(w.node, w.hidden)));
    ws->form = sp_boxes_carve_array(carver,
                                    rows * larger(larger(front->forms, front->bands), front->bins));
    ws->band = sp_boxes_carve_array(carver, rows * front->bands);
    ws->energy = sp_boxes_carve_array(carver, rows * front->bands);
    ws->sample = sp_boxes_carve_array(carver, rows * front->frame);
    ws->carry = sp_boxes_carve_array(carver, front->joint && front->step < front->frame
                                                 ? rows * (front->frame - front->step)
                                                 : 0);
    if (self->energies) {
        ws->trial = sp_boxes_carve_array(carver, rows * front->frame);
        ws->turned = sp_boxes_carve_array(carver, rows * front->frame);
        ws->wave = sp_boxes_carve_array(carver, 2 * rows * front->rows);
    }
    ws->bias = sp_boxes_carve_array(carver, rows);
    ws->mass = sp_boxes_carve_array(carver, rows);
    ws->support = sp_boxes_carve_array(carver, rows);
    ws->rough = sp_boxes_carve_array(carver, boxes->single ? rows : 0);
    ws->slope =
        sp_boxes_carve_array(carver, self->slopes ? rows * sp_backsub_slope_width(front) : 0);
    if (boxes->single) {
        ws->narrow = sp_boxes_carve(carver, rows * w.operand, sizeof *ws->narrow);
        ws->wide = sp_boxes_carve(carver, rows * larger(w.operand, front->frame), sizeof *ws->wide);
    }
    if (sp_backsub_rows_choose(self)) {
        carve_choices(self, carver, ws, rows);
    }
    ws->influence =
        sp_boxes_carve_host(carver, self->parts ? self->entries_end : 0, sizeof *ws->influence);
}

static void carve_tables(sp_backsub *self, sp_boxes_carver *carver) {
    const sp_boxes *boxes = &self->boxes;
    const size_t nodes = boxes->net->nodes, frames = boxes->front->frames;
    size_t states = 0;
    for (size_t i = boxes->source + 1; i < nodes; i++) {
        states += sp_boxes_frames(boxes, 0, i);
    }
    self->relaxations = sp_boxes_carve_host(carver, states, sizeof *self->relaxations);
    self->source.line = sp_boxes_carve_host(carver, frames, sizeof *self->source.line);
    self->source.bin_line = sp_boxes_carve_host(carver, frames, sizeof *self->source.bin_line);
    self->work = sp_boxes_carve_host(carver, self->threads, sizeof *self->work);
    self->entries_at = sp_boxes_carve_host(carver, nodes, sizeof *self->entries_at);
    self->entries_frame = sp_boxes_carve_host(carver, nodes, sizeof *self->entries_frame);
    count_entries(self);
    assign_slots(self);
}

void sp_backsub_carve(sp_boxes *boxes, sp_boxes_carver *carver) {
    sp_backsub *self = of(boxes);
    const sp_widths w = widths_of(boxes);
    carve_tables(self, carver);
    self->unit_width = w.box;
    // bounds of cuts too: four rows for each of up to two products of the widest cell
    self->most = sp_backsub_whole_tiles(
        larger(2 * w.box, SP_GPU_CUT_PRODUCTS * SP_GPU_ROWS_PER_CUT * w.hidden));
    const size_t rows = boxes->clips * self->most;
    self->unit = sp_boxes_carve_array(carver, 2 * w.box * w.box);
    self->box_lower = sp_boxes_carve_array(carver, rows);
    self->row_error = sp_boxes_carve_array(carver, boxes->device ? rows : 0);
    self->objective = sp_boxes_carve_array(carver, boxes->device ? rows * boxes->net->classes : 0);
    if (boxes->device && self->options.stop_positive) {
        const size_t tiles = rows / SP_BACKSUB_TILE;
        self->settled = sp_boxes_carve(carver, tiles, sizeof *self->settled);
        self->settled_here = sp_boxes_carve_host(carver, tiles, sizeof *self->settled_here);
    }
    self->task_status = sp_boxes_carve_host(carver, w.box, sizeof *self->task_status);
    if (self->sums) {
        const size_t strip_rows = SP_SUM_STRIPS * w.hidden;
        self->strip = sp_boxes_carve_host(carver, strip_rows, sizeof *self->strip);
        self->strip_images = sp_boxes_carve_array(carver, strip_rows * w.images);
        self->strip_other = sp_boxes_carve_array(carver, strip_rows * w.hidden);
    }
    carve_front_constants(self, carver);
    for (size_t i = 0; i < self->threads; i++) {
        sp_backsub_workspace spare;
        carve_workspace(self, carver, self->work != NULL ? self->work + i : &spare, w);
    }
}
