/* Rows of coefficients through the relaxations of a domain, in Arb, from the definitions. */
#ifndef SP_TESTS_LSTM_EXACT_ROWS_H
#define SP_TESTS_LSTM_EXACT_ROWS_H

#include "lstm/backsub/impl.h"
#include "tests/lstm/exact.h"

enum { WIDEST = 64, SAMPLES = 256 };

/* One row of coefficients, in exact arithmetic as far as 256 bits go. */
typedef struct sp_form {
    const sp_backsub *self;
    arb_ptr *on;                                /* [nodes] [frames, width] */
    arb_struct h[WIDEST], c[WIDEST], x[WIDEST]; /* on the states of a cell; on one frame */
    arb_struct gate[4 * WIDEST], sample[SAMPLES];
    arb_t bias;
} sp_form;

static inline size_t node_numbers(const sp_boxes *boxes, size_t node) {
    return sp_boxes_frames(boxes, 0, node) * boxes->net->node[node].width;
}

static inline sp_form *form_new(const sp_backsub *self) {
    const sp_boxes *boxes = &self->boxes;
    sp_form *f = malloc(sizeof *f);
    assert_non_null(f);
    f->self = self;
    f->on = calloc(boxes->net->nodes, sizeof *f->on);
    assert_non_null(f->on);
    for (size_t i = boxes->source; i < boxes->net->nodes; i++) {
        f->on[i] = _arb_vec_init((slong)node_numbers(boxes, i));
    }
    for (size_t i = 0; i < WIDEST; i++) {
        arb_init(f->h + i);
        arb_init(f->c + i);
        arb_init(f->x + i);
    }
    for (size_t i = 0; i < 4 * WIDEST; i++) {
        arb_init(f->gate + i);
    }
    for (size_t i = 0; i < SAMPLES; i++) {
        arb_init(f->sample + i);
    }
    arb_init(f->bias);
    return f;
}

static inline void form_free(sp_form *f) {
    const sp_boxes *boxes = &f->self->boxes;
    for (size_t i = boxes->source; i < boxes->net->nodes; i++) {
        _arb_vec_clear(f->on[i], (slong)node_numbers(boxes, i));
    }
    free(f->on);
    for (size_t i = 0; i < WIDEST; i++) {
        arb_clear(f->h + i);
        arb_clear(f->c + i);
        arb_clear(f->x + i);
    }
    for (size_t i = 0; i < 4 * WIDEST; i++) {
        arb_clear(f->gate + i);
    }
    for (size_t i = 0; i < SAMPLES; i++) {
        arb_clear(f->sample + i);
    }
    arb_clear(f->bias);
    free(f);
}

static inline arb_ptr on_frame(const sp_form *f, size_t node, size_t frame) {
    return f->on[node] + frame * f->self->boxes.net->node[node].width;
}

/* w * product -> its inputs and the bias. */
static inline void product_row(sp_form *f, const arb_t w, const sp_gpu_menu *planes, size_t j,
                               arb_t x, arb_t y) {
    const size_t at = (arb_is_negative(w) ? planes->lower * planes->n : 0) + j;
    arb_t copy;
    arb_init(copy);
    arb_set(copy, w);
    arb_zero(x);
    add_scaled(x, copy, planes->a[at]);
    add_scaled(y, copy, planes->b[at]);
    add_scaled(f->bias, copy, planes->c[at]);
    arb_clear(copy);
}

/* w * curve -> its argument and the bias. */
static inline void curve_line(sp_form *f, const arb_t w, const sp_gpu_menu *lines, size_t j,
                              arb_t x) {
    const size_t at = (arb_is_negative(w) ? lines->lower * lines->n : 0) + j;
    arb_zero(x);
    add_scaled(x, w, lines->a[at]);
    add_scaled(f->bias, w, lines->c[at]);
}

/* out += in W, with `rows` coefficients in `in`; rows of W stand `ld` apart. */
static inline void add_product(arb_struct *out, const arb_struct *in, size_t rows, size_t columns,
                               const double *W, size_t ld) {
    for (size_t k = 0; k < rows; k++) {
        for (size_t j = 0; j < columns; j++) {
            add_scaled(out + j, in + k, W[k * ld + j]);
        }
    }
}

static inline void row_times(arb_struct *out, const arb_struct *in, size_t rows, size_t columns,
                             const double *W) {
    arb_struct *sum = _arb_vec_init((slong)columns);
    add_product(sum, in, rows, columns, W, columns);
    _arb_vec_set(out, sum, (slong)columns);
    _arb_vec_clear(sum, (slong)columns);
}

/* ---- cells: one step each, from f->x + f->h on the output to f->x on the input ---- */

/* The menu of the k-th product or curve of a cell. */
static inline const sp_gpu_menu *menu_of(const sp_form *f, size_t node, size_t t, sp_cell_op op,
                                         size_t k) {
    const sp_cell_steps *steps = &f->self->boxes.constants[node].cell;
    for (size_t v = 0; v < steps->count; v++) {
        if (steps->variable[v].op == op && k-- == 0) {
            return &sp_backsub_relaxations_at(f->self, node, t)->menu[v];
        }
    }
    fail_msg("node %zu has no such menu", node);
    return NULL;
}

static inline void lstm_row(sp_form *f, const sp_cell *cell, size_t node, size_t t) {
    const size_t H = cell->out;
    arb_t hidden, state;
    arb_init(hidden);
    arb_init(state);
    for (size_t j = 0; j < H; j++) {
        arb_add(hidden, f->x + j, f->h + j, PRECISION);
        arb_set(state, f->c + j);
        product_row(f, hidden, menu_of(f, node, t, SP_CELL_PRODUCT, 2), j, f->gate + 3 * H + j,
                    state);
        arb_zero(f->gate + 2 * H + j);
        product_row(f, state, menu_of(f, node, t, SP_CELL_PRODUCT, 0), j, f->gate + j,
                    f->gate + 2 * H + j);
        arb_zero(f->gate + H + j);
        arb_zero(f->c + j);
        if (t > 0) {
            product_row(f, state, menu_of(f, node, t, SP_CELL_PRODUCT, 1), j, f->gate + H + j,
                        f->c + j);
        }
    }
    for (size_t k = 0; k < 4 * H; k++) {
        add_scaled(f->bias, f->gate + k, cell->bias[k]);
    }
    row_times(f->h, f->gate, 4 * H, H, cell->recurrent);
    row_times(f->x, f->gate, 4 * H, cell->in, cell->weight);
    arb_clear(hidden);
    arb_clear(state);
}

static inline bool is_paired(const sp_cell *cell) {
    return cell->candidate.kind == SP_ACTIVATION_TANH && sp_gate_has_complement(cell->gate);
}

/* From coefficients on h_t to those on a_z, a_n (in f->gate) and, in f->h, on h_{t-1}. */
static inline void gru_output_row(sp_form *f, const sp_cell *cell, size_t node, size_t t) {
    const size_t H = cell->out;
    const bool paired = is_paired(cell);
    arb_t w, z, y;
    arb_init(w);
    arb_init(z);
    arb_init(y);
    for (size_t j = 0; j < H; j++) {
        arb_add(w, f->x + j, f->h + j, PRECISION);
        arb_zero(y);
        arb_zero(z);
        if (!paired || t > 0) {
            product_row(f, w, menu_of(f, node, t, SP_CELL_PRODUCT, paired ? 2 : 1), j, z, y);
        }
        arb_set(f->h + j, y);
        if (paired) {
            arb_zero(f->gate + 2 * H + j);
            product_row(f, w, menu_of(f, node, t, SP_CELL_PRODUCT, 1), j, f->gate + j,
                        f->gate + 2 * H + j);
            arb_add(f->gate + j, f->gate + j, z, PRECISION);
        } else {
            arb_set(f->gate + j, z);
            arb_sub(w, w, y, PRECISION);
            curve_line(f, w, menu_of(f, node, t, SP_CELL_CURVE, 0), j, f->gate + 2 * H + j);
        }
    }
    arb_clear(w);
    arb_clear(z);
    arb_clear(y);
}

static inline void gru_row(sp_form *f, const sp_cell *cell, size_t node, size_t t) {
    const size_t H = cell->out;
    arb_struct *p = _arb_vec_init((slong)H), *h = _arb_vec_init((slong)H);
    gru_output_row(f, cell, node, t);
    _arb_vec_zero(f->gate + H, (slong)H);
    if (cell->reset_after) {
        for (size_t j = 0; j < H; j++) {
            product_row(f, f->gate + 2 * H + j, menu_of(f, node, t, SP_CELL_PRODUCT, 0), j,
                        f->gate + H + j, p + j);
            add_scaled(f->bias, p + j, cell->recurrent_bias[j]);
        }
        row_times(h, p, H, H, cell->recurrent + 2 * H * H);
    } else if (t > 0) {
        row_times(p, f->gate + 2 * H, H, H, cell->recurrent + 2 * H * H);
        for (size_t j = 0; j < H; j++) {
            product_row(f, p + j, menu_of(f, node, t, SP_CELL_PRODUCT, 0), j, f->gate + H + j,
                        h + j);
        }
    }
    for (size_t k = 0; k < 3 * H; k++) {
        add_scaled(f->bias, f->gate + k, cell->bias[k]);
    }
    _arb_vec_add(f->h, f->h, h, (slong)H, PRECISION);
    row_times(h, f->gate, 2 * H, H, cell->recurrent);
    _arb_vec_add(f->h, f->h, h, (slong)H, PRECISION);
    row_times(f->x, f->gate, 3 * H, cell->in, cell->weight);
    _arb_vec_clear(p, (slong)H);
    _arb_vec_clear(h, (slong)H);
}

static inline void rnn_row(sp_form *f, const sp_cell *cell, size_t node, size_t t) {
    const size_t H = cell->out;
    for (size_t j = 0; j < H; j++) {
        arb_add(f->x + j, f->x + j, f->h + j, PRECISION);
        curve_line(f, f->x + j, menu_of(f, node, t, SP_CELL_CURVE, 0), j, f->gate + j);
        add_scaled(f->bias, f->gate + j, cell->bias[j]);
    }
    row_times(f->h, f->gate, H, H, cell->recurrent);
    row_times(f->x, f->gate, H, cell->in, cell->weight);
}

static inline void times_row(sp_form *f, const sp_cell *cell, size_t node, size_t t) {
    const size_t H = cell->out;
    _arb_vec_zero(f->gate, (slong)(2 * H));
    for (size_t j = 0; j < H; j++) {
        product_row(f, f->x + j, menu_of(f, node, t, SP_CELL_PRODUCT, 0), j, f->gate + j,
                    f->gate + H + j);
    }
    for (size_t k = 0; k < 2 * H; k++) {
        add_scaled(f->bias, f->gate + k, cell->bias[k]);
    }
    row_times(f->x, f->gate, 2 * H, cell->in, cell->weight);
}

static inline void cell_row(sp_form *f, const sp_node *node, size_t i) {
    const sp_cell *cell = &node->cell;
    const size_t frames = sp_boxes_frames(&f->self->boxes, 0, i);
    _arb_vec_zero(f->h, WIDEST);
    _arb_vec_zero(f->c, WIDEST);
    for (size_t t = frames; t-- > 0;) {
        const size_t frame = cell->reverse ? frames - 1 - t : t;
        _arb_vec_set(f->x, on_frame(f, i, frame), (slong)cell->out);
        switch (cell->kind) {
        case SP_CELL_LSTM:
            lstm_row(f, cell, i, t);
            break;
        case SP_CELL_GRU:
            gru_row(f, cell, i, t);
            break;
        case SP_CELL_RNN:
            rnn_row(f, cell, i, t);
            break;
        case SP_CELL_TIMES:
            times_row(f, cell, i, t);
            break;
        }
        arb_ptr to = on_frame(f, node->input, frame);
        _arb_vec_add(to, to, f->x, (slong)cell->in, PRECISION);
    }
}

/* ---- the other nodes ---- */

static inline void affine_row(sp_form *f, const sp_node *node, size_t i) {
    const sp_boxes *boxes = &f->self->boxes;
    for (size_t t = 0; t < sp_boxes_frames(boxes, 0, i); t++) {
        const arb_struct *w = on_frame(f, i, t);
        for (size_t j = 0; j < node->width; j++) {
            add_scaled(f->bias, w + j, node->bias[j]);
        }
        for (size_t k = 0; k < node->terms; k++) {
            const sp_term *term = &node->term[k];
            const sp_timing *g = &term->timing;
            for (size_t tap = 0; tap < g->taps; tap++) {
                const long at = tap_frame(g, sp_boxes_frames(boxes, 0, term->input), t, tap);
                if (at >= 0) {
                    add_product(on_frame(f, term->input, (size_t)at), w, node->width, term->in,
                                term->weight + tap * term->in, g->taps * term->in);
                }
            }
        }
    }
}

static inline void curve_row(sp_form *f, const sp_node *node, size_t i) {
    arb_t x;
    arb_init(x);
    for (size_t t = 0; t < sp_boxes_frames(&f->self->boxes, 0, i); t++) {
        const sp_gpu_menu *lines = &sp_backsub_relaxations_at(f->self, i, t)->menu[0];
        for (size_t j = 0; j < node->width; j++) {
            arb_ptr to = on_frame(f, node->input, t) + j;
            curve_line(f, on_frame(f, i, t) + j, lines, j, x);
            arb_add(to, to, x, PRECISION);
        }
    }
    arb_clear(x);
}

static inline void pool_row(sp_form *f, const sp_node *node, size_t i) {
    const size_t frames = sp_boxes_frames(&f->self->boxes, 0, node->input);
    arb_ptr to = on_frame(f, node->input, node->pool == SP_POOLING_LAST ? frames - 1 : 0);
    _arb_vec_add(to, to, f->on[i], (slong)node->width, PRECISION);
}

/* The squares of all bands together. */
static inline void joint_squares(sp_form *f, const sp_front_bound *front, size_t t) {
    arb_t single, joint, highest, a;
    arb_init(single);
    arb_init(joint);
    arb_init(highest);
    arb_init(a);
    for (size_t j = 0; j < front->peaks; j++) {
        arb_zero(single);
        arb_zero(joint);
        for (size_t m = 0; m < front->bands; m++) {
            if (arb_is_negative(f->x + m)) {
                arb_neg(a, f->x + m);
                add_scaled(single, a, front->square[t * front->bands + m]);
                add_scaled(joint, a, front->peak[m * front->peaks + j]);
            }
        }
        arb_max(highest, highest, joint, PRECISION);
    }
    arb_zero(joint);
    add_scaled(joint, highest, front->energy[t]);
    arb_sub(single, single, joint, PRECISION);
    if (arb_is_positive(single)) {
        arb_add(f->bias, f->bias, single, PRECISION);
    }
    arb_clear(single);
    arb_clear(joint);
    arb_clear(highest);
    arb_clear(a);
}

/* Features of frame t, in f->x, to samples. */
static inline void features_row(sp_form *f, size_t t) {
    const sp_front_bound *front = f->self->boxes.front;
    const sp_gpu_menu *lines = &f->self->source.line[t];
    size_t upper[WIDEST];
    if (front->matrix != NULL) {
        for (size_t i = 0; i < front->features; i++) {
            add_scaled(f->bias, f->x + i, front->matrix_bias[i]);
        }
        row_times(f->x, f->x, front->features, front->bands, front->matrix);
    }
    for (size_t m = 0; m < front->bands; m++) {
        arb_t w;
        arb_init(w);
        arb_set(w, f->x + m);
        upper[m] = arb_is_negative(w);
        curve_line(f, w, lines, m, f->x + m);
        arb_clear(w);
    }
    if (front->tangents > 0) {
        joint_squares(f, front, t);
    }
    for (size_t i = 0; i < front->frame; i++) {
        arb_struct *sample = f->sample + t * (front->joint ? front->step : front->frame) + i;
        for (size_t m = 0; m < front->bands; m++) {
            const size_t form = upper[m] ? front->up_form + m : front->lo_form + m;
            add_scaled(sample, f->x + m, front->form[(t * front->forms + form) * front->frame + i]);
        }
    }
}

/* The exact lower bound of one row with the planes of the domain. */
static inline void bound_in_arb(arb_t result, const sp_backsub *self, const double *row) {
    const sp_boxes *boxes = &self->boxes;
    const sp_net *net = boxes->net;
    sp_form *f = form_new(self);
    arb_t a, support;
    arb_init(a);
    arb_init(support);
    for (size_t k = 0; k < net->classes; k++) {
        arb_set_d(f->on[net->nodes - 1] + k, row[k]);
    }
    for (size_t i = net->nodes - 1; i > boxes->source; i--) {
        const sp_node *node = &net->node[i];
        switch (node->kind) {
        case SP_NODE_INPUT:
            break;
        case SP_NODE_AFFINE:
            affine_row(f, node, i);
            break;
        case SP_NODE_CURVE:
            curve_row(f, node, i);
            break;
        case SP_NODE_CELL:
            cell_row(f, node, i);
            break;
        case SP_NODE_POOL:
            pool_row(f, node, i);
            break;
        }
    }
    for (size_t t = 0; t < boxes->front->frames; t++) {
        _arb_vec_set(f->x, on_frame(f, boxes->source, t), (slong)boxes->front->features);
        features_row(f, t);
    }
    for (size_t i = 0; i < SAMPLES; i++) {
        arb_abs(a, f->sample + i);
        add_scaled(support, a, boxes->front->radius[0]); // one radius everywhere in the toy
    }
    arb_sub(result, f->bias, support, PRECISION);
    arb_clear(a);
    arb_clear(support);
    form_free(f);
}

#endif
