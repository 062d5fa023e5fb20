/* In Arb at 256 bits, written from the definitions: rows of coefficients through the relaxations of a
 * domain, and the values of all nodes at one point. */
#ifndef SP_TESTS_LSTM_EXACT_H
#define SP_TESTS_LSTM_EXACT_H

#include "tests/lstm/toy.h"

#include <arb.h>

#include "lstm/backsub/impl.h"

enum { PRECISION = 256, WIDEST = 64, SAMPLES = 256 };

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

static inline void add_scaled(arb_t sum, const arb_t a, double b) {
    arb_t factor;
    arb_init(factor);
    arb_set_d(factor, b);
    arb_addmul(sum, a, factor, PRECISION);
    arb_clear(factor);
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

/* ---- rows through cells: one step each, from f->x + f->h on the output to the input in f->x ---- */

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
                const size_t at = t * g->stride + tap * g->dilation;
                if (at >= g->before && at - g->before < sp_boxes_frames(boxes, 0, term->input)) {
                    add_product(on_frame(f, term->input, at - g->before), w, node->width, term->in,
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
    arb_ptr to = on_frame(f, node->input, node->pool == SP_POOL_LAST ? frames - 1 : 0);
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

/* ---- values ---- */

typedef struct sp_values_at {
    const sp_net *net;
    size_t frames[32];
    arb_ptr value[32]; /* [frames, width] */
} sp_values_at;

static inline void exact_function(arb_t y, sp_activation f, const arb_t x) {
    arb_t a, b;
    arb_init(a);
    arb_init(b);
    arb_set_d(a, f.beta);
    add_scaled(a, x, f.alpha); // alpha x + beta
    switch (f.kind) {
    case SP_ACTIVATION_SIGMOID:
        arb_neg(a, x);
        arb_exp(a, a, PRECISION);
        arb_add_ui(a, a, 1, PRECISION);
        arb_inv(y, a, PRECISION);
        break;
    case SP_ACTIVATION_TANH:
        arb_tanh(y, x, PRECISION);
        break;
    case SP_ACTIVATION_HARD_SIGMOID:
        arb_max(a, a, b, PRECISION);
        arb_one(b);
        arb_min(y, a, b, PRECISION);
        break;
    case SP_ACTIVATION_RELU:
        arb_max(y, x, b, PRECISION);
        break;
    case SP_ACTIVATION_AFFINE:
        arb_set(y, a);
        break;
    default:
        fail_msg("activation %d is of front ends", (int)f.kind);
    }
    arb_clear(a);
    arb_clear(b);
}

/* sum += W x. */
static inline void add_image(arb_t sum, const double *W, const arb_struct *x, size_t n) {
    for (size_t i = 0; i < n; i++) {
        add_scaled(sum, x + i, W[i]);
    }
}

static inline void exact_lstm(const sp_cell *cell, arb_ptr y, const arb_struct *x,
                              const arb_struct *h, arb_ptr c) {
    const size_t H = cell->out;
    arb_struct *gate = _arb_vec_init(4);
    for (size_t j = 0; j < H; j++) {
        for (size_t k = 0; k < 4; k++) {
            const size_t row = k * H + j;
            arb_set_d(gate + k, cell->bias[row]);
            add_image(gate + k, cell->weight + row * cell->in, x, cell->in);
            add_image(gate + k, cell->recurrent + row * H, h, H);
            exact_function(gate + k, k == 2 ? cell->candidate : cell->gate, gate + k);
        }
        arb_mul(c + j, c + j, gate + 1, PRECISION);
        arb_addmul(c + j, gate, gate + 2, PRECISION);
        arb_tanh(y + j, c + j, PRECISION);
        arb_mul(y + j, y + j, gate + 3, PRECISION);
    }
    _arb_vec_clear(gate, 4);
}

static inline void exact_rnn(const sp_cell *cell, arb_ptr y, const arb_struct *x,
                             const arb_struct *h) {
    for (size_t j = 0; j < cell->out; j++) {
        arb_set_d(y + j, cell->bias[j]);
        add_image(y + j, cell->weight + j * cell->in, x, cell->in);
        add_image(y + j, cell->recurrent + j * cell->out, h, cell->out);
        exact_function(y + j, cell->candidate, y + j);
    }
}

static inline void exact_gru(const sp_cell *cell, arb_ptr y, const arb_struct *x,
                             const arb_struct *h) {
    const size_t H = cell->out;
    arb_struct *r = _arb_vec_init((slong)H), *kept = _arb_vec_init((slong)H);
    arb_t z, n, q;
    arb_init(z);
    arb_init(n);
    arb_init(q);
    for (size_t j = 0; j < H; j++) {
        arb_set_d(r + j, cell->bias[H + j]);
        add_image(r + j, cell->weight + (H + j) * cell->in, x, cell->in);
        add_image(r + j, cell->recurrent + (H + j) * H, h, H);
        exact_function(r + j, cell->gate, r + j);
        arb_mul(kept + j, r + j, h + j, PRECISION);
    }
    for (size_t j = 0; j < H; j++) {
        const double *R = cell->recurrent + (2 * H + j) * H;
        arb_set_d(z, cell->bias[j]);
        add_image(z, cell->weight + j * cell->in, x, cell->in);
        add_image(z, cell->recurrent + j * H, h, H);
        exact_function(z, cell->gate, z);
        arb_set_d(n, cell->bias[2 * H + j]);
        add_image(n, cell->weight + (2 * H + j) * cell->in, x, cell->in);
        if (cell->reset_after) {
            arb_set_d(q, cell->recurrent_bias[j]);
            add_image(q, R, h, H);
            arb_addmul(n, r + j, q, PRECISION);
        } else {
            add_image(n, R, kept, H);
        }
        exact_function(n, cell->candidate, n);
        arb_sub(q, h + j, n, PRECISION);
        arb_set(y + j, n);
        arb_addmul(y + j, z, q, PRECISION);
    }
    _arb_vec_clear(r, (slong)H);
    _arb_vec_clear(kept, (slong)H);
    arb_clear(z);
    arb_clear(n);
    arb_clear(q);
}

static inline arb_ptr exact_at(const sp_values_at *v, size_t node, size_t frame) {
    return v->value[node] + frame * v->net->node[node].width;
}

static inline void exact_cell(const sp_values_at *v, const sp_node *node, size_t i) {
    const sp_cell *cell = &node->cell;
    arb_struct *zero = _arb_vec_init((slong)cell->out), *c = _arb_vec_init((slong)cell->out);
    const arb_struct *h = zero;
    for (size_t k = 0; k < v->frames[i]; k++) {
        const size_t t = cell->reverse ? v->frames[i] - 1 - k : k;
        const arb_struct *x = exact_at(v, node->input, t);
        switch (cell->kind) {
        case SP_CELL_LSTM:
            exact_lstm(cell, exact_at(v, i, t), x, h, c);
            break;
        case SP_CELL_GRU:
            exact_gru(cell, exact_at(v, i, t), x, h);
            break;
        case SP_CELL_RNN:
            exact_rnn(cell, exact_at(v, i, t), x, h);
            break;
        }
        h = exact_at(v, i, t);
    }
    _arb_vec_clear(zero, (slong)cell->out);
    _arb_vec_clear(c, (slong)cell->out);
}

static inline void exact_affine(const sp_values_at *v, const sp_node *node, size_t i) {
    for (size_t t = 0; t < v->frames[i]; t++) {
        for (size_t j = 0; j < node->width; j++) {
            arb_ptr y = exact_at(v, i, t) + j;
            arb_set_d(y, node->bias[j]);
            for (size_t k = 0; k < node->terms; k++) {
                const sp_term *term = &node->term[k];
                const sp_timing *g = &term->timing;
                for (size_t tap = 0; tap < g->taps; tap++) {
                    const size_t at = t * g->stride + tap * g->dilation;
                    if (at >= g->before && at - g->before < v->frames[term->input]) {
                        add_image(y, term->weight + (j * g->taps + tap) * term->in,
                                  exact_at(v, term->input, at - g->before), term->in);
                    }
                }
            }
        }
    }
}

/* I features [frames, width of the source]   Clear afterwards. */
static inline void exact_values(sp_values_at *v, const sp_net *net, size_t source,
                                const double *features, size_t frames) {
    *v = (sp_values_at){.net = net};
    assert_true(net->nodes <= 32);
    for (size_t i = source; i < net->nodes; i++) {
        const sp_node *node = &net->node[i];
        v->frames[i] = sp_net_frames(net, source, i, frames);
        const size_t numbers = v->frames[i] * node->width;
        v->value[i] = _arb_vec_init((slong)numbers);
        if (i == source) {
            for (size_t k = 0; k < numbers; k++) {
                arb_set_d(v->value[i] + k, features[k]);
            }
        } else if (node->kind == SP_NODE_AFFINE) {
            exact_affine(v, node, i);
        } else if (node->kind == SP_NODE_CURVE) {
            for (size_t k = 0; k < numbers; k++) {
                exact_function(v->value[i] + k, node->curve, v->value[node->input] + k);
            }
        } else if (node->kind == SP_NODE_CELL) {
            exact_cell(v, node, i);
        } else {
            const size_t last = v->frames[node->input] - 1;
            _arb_vec_set(v->value[i],
                         exact_at(v, node->input, node->pool == SP_POOL_LAST ? last : 0),
                         (slong)node->width);
        }
    }
}

static inline void exact_clear(sp_values_at *v) {
    for (size_t i = 0; i < v->net->nodes; i++) {
        if (v->value[i] != NULL) {
            _arb_vec_clear(v->value[i], (slong)(v->frames[i] * v->net->node[i].width));
        }
    }
}

#endif
