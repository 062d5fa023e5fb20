// Where the noises are cut in two: at a kink of a gate or of a ReLU, on one side of which its
// relaxation is exact in that argument, or in the middle of a gate, which halves the gap of its
// product. The cut is scored by what the gap that it removes costs the boxes behind it: the
// coefficients of their rows on the product, read off one walk of each. Nothing that is chosen here
// needs to be right. Source: docs/theory/halfspaces.md 6.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lstm/backsub/impl.h"

void sp_backsub_apply_splits(const sp_backsub *self, size_t node, size_t t, size_t column, size_t n,
                             sp_boxes_range box) {
    double *lo = sp_boxes_program(&self->boxes, box.lo);
    double *hi = sp_boxes_program(&self->boxes, box.hi);
    for (size_t k = 0; k < self->part.splits; k++) {
        const sp_backsub_split *s = &self->part.split[k];
        if (s->node != node || s->t != t || s->column < column || s->column >= column + n) {
            continue;
        }
        const size_t j = s->column - column; // a part without noise may have any box
        if (s->above) {
            lo[j] = lo[j] < s->at ? s->at : lo[j];
            hi[j] = hi[j] < s->at ? s->at : hi[j];
        } else {
            hi[j] = hi[j] > s->at ? s->at : hi[j];
            lo[j] = lo[j] > s->at ? s->at : lo[j];
        }
    }
}

/* Rows e_0, e_1, ... of the numbers of a curve's argument, or of pre-activations [first, end). */
static sp_backsub_start rows_of(const sp_backsub *self, size_t node, size_t t, int end,
                                size_t column, size_t apart) {
    const sp_node *at = &self->boxes.net->node[node];
    const sp_backsub_rows unit = {sp_boxes_array_at(self->unit, 2 * column * self->unit_width),
                                  apart * self->unit_width};
    if (at->kind == SP_NODE_CURVE) {
        return (sp_backsub_start){.node = at->input, .t = t, .common = true, .output = unit};
    }
    return (sp_backsub_start){.node = node, .t = t, .common = true, .end = end, .images = unit};
}

/* The pre-activation that a column belongs to. */
static int image_at(const sp_cell_steps *steps, size_t column, size_t H) {
    int v = 0;
    while (steps->variable[v].op != SP_CELL_IMAGE || steps->variable[v].place != column / H) {
        v++;
    }
    return v;
}

void sp_backsub_split_halves(sp_backsub *self, const sp_backsub_split *split, sp_halfspace *half) {
    const sp_node *node = &self->boxes.net->node[split->node];
    const sp_boxes_array none = {NULL};
    const int end =
        node->kind == SP_NODE_CELL
            ? image_at(&self->boxes.constants[split->node].cell, split->column, node->width) + 1
            : 0;
    sp_backsub_start start = rows_of(self, split->node, split->t, end, split->column, 1);
    start.line = half;
    half[0].offset = half[1].offset = -INFINITY;
    sp_backsub_lower_rows(self, self->box_lower, none, &start, 2, self->options.box_iterations,
                          false);
    for (int side = 0; side < 2; side++) { // half[0] <= u <= at, half[1] <= -u <= -at
        half[side].offset = sp_below(half[side].offset + (side == 0 ? -split->at : split->at));
        if (!isfinite(half[side].offset)) { // no line: all noises
            half[side].offset = 0.0;
            for (size_t i = 0; i < self->boxes.front->padded; i++) {
                half[side].slope[i] = 0.0;
            }
        }
    }
}

/* ---- which ---- */

/* The kinks of a function, and its slope between or behind them; returns how many. */
static int kinks_of(sp_activation f, double *kink, double *slope) {
    switch (f.kind) {
    case SP_ACTIVATION_HARD_SIGMOID:
        *slope = fabs(f.alpha);
        kink[0] = -f.beta / f.alpha;
        kink[1] = (1.0 - f.beta) / f.alpha;
        return 2;
    case SP_ACTIVATION_RELU:
        *slope = 1.0;
        kink[0] = 0.0;
        return 1;
    case SP_ACTIVATION_LEAKY_RELU:
        *slope = fabs(1.0 - f.alpha);
        kink[0] = 0.0;
        return 1;
    default:
        *slope = f.kind == SP_ACTIVATION_SIGMOID ? 0.25 : f.kind == SP_ACTIVATION_TANH ? 1.0 : 0.0;
        return 0;
    }
}

typedef struct sp_cut_at {
    double at, gain;
} sp_cut_at;

/* What a cut of x takes off the gap of f(x) times something of magnitude `most` and half side
 * `half`: the height of a kink, and a part of the product's own gap. */
static sp_cut_at best_cut(sp_activation f, sp_iv x, double most, double half) {
    double kink[2], slope;
    const int kinks = kinks_of(f, kink, &slope);
    const double wide = x.hi - x.lo, least = 1e-6 * wide;
    const bool constant =
        kinks > 0 && f.kind != SP_ACTIVATION_LEAKY_RELU &&
        (f.alpha < 0.0 && kinks == 2 ? x.lo >= kink[0] || x.hi <= kink[1]
                                     : x.hi <= kink[0] || (kinks == 2 && x.lo >= kink[1]));
    sp_cut_at best = {0.5 * x.lo + 0.5 * x.hi, 0.25 * slope * half * wide};
    if (!(wide > 0.0) || !isfinite(wide) || constant) {
        best.gain = 0.0;
        return best;
    }
    for (int k = 0; k < kinks; k++) {
        const double left = kink[k] - x.lo, right = x.hi - kink[k];
        const double gain = slope * (most * left * right / wide + 0.5 * half * fmin(left, right));
        if (left > least && right > least && gain > best.gain) {
            best = (sp_cut_at){kink[k], gain};
        }
    }
    return best;
}

/* ---- what a box is worth ---- */

/* Of each number of a cell's variables, and of a curve's argument: by how much the final row falls
 * when its box grows by as much, to first order. */
typedef struct sp_worth {
    const sp_backsub *self;
    double *of; /* [states, SP_CELL_VARIABLES, most numbers of a variable] */
    size_t wide;
} sp_worth;

static double *worth_at(const sp_worth *worth, size_t node, size_t t, int v) {
    const size_t state = worth->self->boxes.first[node] + t;
    return worth->of + (state * SP_CELL_VARIABLES + (size_t)v) * worth->wide;
}

/* Where the box of a variable was made: that of a state one step before. */
static double *worth_of_variable(const sp_worth *worth, size_t node, size_t t, int v) {
    const sp_cell_steps *steps = &worth->self->boxes.constants[node].cell;
    for (size_t i = 0; t > 0 && i < steps->states; i++) {
        if (steps->state[i].before == v) {
            return worth_at(worth, node, t - 1, steps->state[i].after);
        }
    }
    return worth_at(worth, node, t, v);
}

/* The share of the product of two half sides that planes on octagons lose. */
#define GAP 0.35

static sp_iv box_at(const sp_backsub *self, size_t node, size_t t, int v, size_t j) {
    const sp_boxes_range box = sp_boxes_variable(&self->boxes, node, t, v);
    const double *lo = sp_boxes_program(&self->boxes, box.lo);
    const sp_iv none = {0.0, 0.0};
    return lo != NULL ? (sp_iv){lo[j], sp_boxes_program(&self->boxes, box.hi)[j]} : none;
}

/* What the kinks of f inside x add to the worth of x, per unit of what f is multiplied by. */
static double kink_worth(sp_activation f, sp_iv x) {
    double kink[2], slope, worth = 0.0;
    const int kinks = kinks_of(f, kink, &slope);
    for (int k = 0; k < kinks; k++) {
        const double left = kink[k] - x.lo, right = x.hi - kink[k], wide = x.hi - x.lo;
        if (left > 0.0 && right > 0.0) {
            worth += 0.5 * slope * (left * left + right * right) / (wide * wide);
        }
    }
    return worth;
}

/* A second factor y of box `y`. */
typedef struct sp_second {
    double most, half;
} sp_second;

static sp_second second_of(const sp_backsub *self, size_t node, size_t t, int v, size_t j) {
    const sp_cell_variable *p = &self->boxes.constants[node].cell.variable[v];
    if (p->op != SP_CELL_PRODUCT) {
        return (sp_second){1.0, 0.0};
    }
    const sp_iv y = box_at(self, node, t, p->b, j);
    const double most = sp_iv_mag(y), half = 0.5 * (y.hi - y.lo);
    return p->second_tanh ? (sp_second){fmin(most, 1.0), fmin(half, 1.0)} : (sp_second){most, half};
}

static double influence_on(const sp_backsub *self, size_t node, size_t t, int v, size_t j) {
    const unsigned char *entry = self->work[0].choices[self->boxes.first[node] + t].entry[v];
    const size_t at = (size_t)(entry - self->work[0].entries) / self->tile + j;
    double sum = 0.0;
    for (size_t i = 0; i < self->threads; i++) { // every workspace has its entries in one order
        sum += self->work[i].influence[at];
    }
    return sum;
}

/* From the influence of products and curves of a cell at a step to the worth of the boxes that they
 * stand on. */
static void add_worth(const sp_worth *worth, size_t node, size_t t) {
    const sp_backsub *self = worth->self;
    const sp_cell_steps *steps = &self->boxes.constants[node].cell;
    const size_t H = self->boxes.net->node[node].width;
    for (int v = 0; v < (int)steps->count; v++) {
        const sp_cell_variable *p = &steps->variable[v];
        const bool product = p->op == SP_CELL_PRODUCT;
        if (!p->used || (!product && p->op != SP_CELL_CURVE) || sp_cell_zero(steps, v, t == 0)) {
            continue;
        }
        double *x_worth = worth_of_variable(worth, node, t, p->a);
        double *y_worth = product ? worth_of_variable(worth, node, t, p->b) : NULL;
        double kink[2], slope;
        (void)kinks_of(p->f, kink, &slope);
        for (size_t j = 0; j < H; j++) {
            const double influence = influence_on(self, node, t, v, j);
            const sp_iv x = box_at(self, node, t, p->a, j);
            const sp_second y = second_of(self, node, t, v, j);
            x_worth[j] += influence * (GAP * slope * y.half + kink_worth(p->f, x) * y.most);
            if (product) {
                y_worth[j] += influence * fmin(GAP * slope * 0.5 * (x.hi - x.lo), 1.0);
            }
        }
    }
}

/* Adds the rows of n boxes to the influences, with their worth. */
static void add_rows(sp_backsub *self, sp_backsub_start start, const double *worth, size_t n) {
    const sp_boxes_array none = {NULL};
    start.weight = worth;
    sp_backsub_lower_rows(self, self->box_lower, none, &start, n, 0, false);
}

static void add_cell(sp_backsub *self, const sp_worth *worth, size_t node, size_t t) {
    const sp_boxes_constants *constants = &self->boxes.constants[node];
    const size_t H = self->boxes.net->node[node].width;
    // the boxes of states come from this step too, and stand before what the next one reads
    for (size_t i = constants->runs; i-- > 0;) {
        const sp_boxes_run run = constants->run[i];
        const sp_cell_variable *v = &constants->cell.variable[run.first];
        if (!v->boxed || !v->used) {
            continue;
        }
        for (int k = run.first; k < run.end; k++) {
            sp_backsub_start start =
                rows_of(self, node, t, run.end, constants->cell.variable[k].place * H, 2);
            if (v->op != SP_CELL_IMAGE) {
                start.images = sp_backsub_no_rows;
                start.on[0] = (sp_backsub_rows){self->unit, 2 * self->unit_width};
                start.variable[0] = k;
            }
            add_rows(self, start, worth_at(worth, node, t, k), H);
        }
    }
}

static void add_curve(sp_backsub *self, const sp_worth *worth, size_t node, size_t t) {
    const sp_node *at = &self->boxes.net->node[node];
    double *of = worth_at(worth, node, t, 0);
    for (size_t j = 0; j < at->width; j++) {
        const sp_boxes_state *state = sp_boxes_state_at(&self->boxes, node, t);
        const sp_iv x = {sp_boxes_program(&self->boxes, state->input.lo)[j],
                         sp_boxes_program(&self->boxes, state->input.hi)[j]};
        of[j] = influence_on(self, node, t, 0, j) * kink_worth(at->curve, x);
    }
    add_rows(self, rows_of(self, node, t, 0, 0, 2), of, at->width);
}

/* From the final row down: what stands behind a box is known before its own rows are walked. */
static void find_influence(sp_backsub *self, const sp_worth *worth, const double *row) {
    const sp_boxes *boxes = &self->boxes;
    const double one = 1.0;
    add_rows(self, sp_backsub_final_rows(self, (sp_boxes_array){(double *)row}), &one, 1);
    for (size_t i = boxes->net->nodes; i-- > boxes->source + 1;) {
        const sp_node_kind kind = boxes->net->node[i].kind;
        for (size_t t = sp_boxes_frames(boxes, 0, i); t-- > 0;) {
            if (kind == SP_NODE_CELL) {
                add_worth(worth, i, t);
                add_cell(self, worth, i, t);
            } else if (kind == SP_NODE_CURVE) {
                add_curve(self, worth, i, t);
            }
        }
    }
}

/* ---- the best ---- */

static void keep_better(sp_backsub_split *best, double *score, sp_backsub_split split,
                        double influence, sp_cut_at cut) {
    if (influence * cut.gain > *score) { // NaN fails
        *score = influence * cut.gain;
        *best = split;
        best->at = cut.at;
    }
}

static void score_cell(const sp_backsub *self, size_t node, size_t t, sp_backsub_split *best,
                       double *score) {
    const sp_cell_steps *steps = &self->boxes.constants[node].cell;
    const size_t H = self->boxes.net->node[node].width;
    for (int v = 0; v < (int)steps->count; v++) {
        const sp_cell_variable *p = &steps->variable[v];
        if (!p->used || (p->op != SP_CELL_PRODUCT && p->op != SP_CELL_CURVE) ||
            !steps->variable[p->a].boxed || sp_cell_zero(steps, v, t == 0)) {
            continue;
        }
        for (size_t j = 0; j < H; j++) {
            const sp_second y = second_of(self, node, t, v, j);
            const size_t column = steps->variable[p->a].place * H + j;
            keep_better(best, score, (sp_backsub_split){node, t, column, false, 0.0},
                        influence_on(self, node, t, v, j),
                        best_cut(p->f, box_at(self, node, t, p->a, j), y.most, y.half));
        }
    }
}

static void score_curve(const sp_backsub *self, size_t node, size_t t, sp_backsub_split *best,
                        double *score) {
    const sp_boxes *boxes = &self->boxes;
    const sp_boxes_state *state = sp_boxes_state_at(boxes, node, t);
    for (size_t j = 0; j < boxes->net->node[node].width; j++) {
        const sp_iv x = {sp_boxes_program(boxes, state->input.lo)[j],
                         sp_boxes_program(boxes, state->input.hi)[j]};
        keep_better(best, score, (sp_backsub_split){node, t, j, false, 0.0},
                    influence_on(self, node, t, 0, j),
                    best_cut(boxes->net->node[node].curve, x, 1.0, 0.0));
    }
}

sp_status sp_backsub_choose_split(sp_error *err, sp_backsub *self, const double *row,
                                  sp_backsub_split *split, bool *found) {
    const sp_boxes *boxes = &self->boxes;
    const size_t last = boxes->net->nodes - 1;
    const size_t states = boxes->first[last] + sp_boxes_frames(boxes, 0, last);
    sp_worth worth = {self, NULL, self->unit_width};
    double score = 0.0;
    worth.of = calloc(states * SP_CELL_VARIABLES * worth.wide, sizeof *worth.of);
    if (worth.of == NULL) {
        return sp_fail(err, SP_E_MEMORY, "out of memory for the parts of the noises");
    }
    for (size_t i = 0; i < self->threads; i++) {
        memset(self->work[i].influence, 0, self->entries_end * sizeof(double));
    }
    find_influence(self, &worth, row);
    for (size_t i = boxes->source + 1; i <= last; i++) {
        for (size_t t = 0; t < sp_boxes_frames(boxes, 0, i); t++) {
            if (boxes->net->node[i].kind == SP_NODE_CELL) {
                score_cell(self, i, t, split, &score);
            } else if (boxes->net->node[i].kind == SP_NODE_CURVE) {
                score_curve(self, i, t, split, &score);
            }
        }
    }
    free(worth.of);
    *found = score > 0.0;
    return SP_OK;
}
