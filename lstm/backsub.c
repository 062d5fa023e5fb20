// Back-substitution of one tile of rows of linear objectives through layers and time down to the
// samples (DeepPoly/CROWN order; seed 000, section 3; rounding: math/rounding.md).
//
// Invariant of a row at every point of the walk, for every perturbation d of the set, in real
// arithmetic:
//   objective >= sum_v coefficient_v * v(d) + bias - gamma_chain * mass.
// Each kernel treats the coefficients that it is given as exact and adds to `mass` the sum of
// absolute values, over the boxes, of the terms that it rounds; no term meets more than `chain`
// roundings.
#include <string.h>

#include "lstm/impl.h"

static const sp_rows none = {NULL, 0};

static double *next_cross(sp_walk *walk) {
    walk->turn ^= 1;
    return walk->ws->cross[walk->turn];
}

static void multiply(sp_walk *walk, size_t n, size_t k, const double *a, size_t lda,
                     const double *b, size_t ldb, double beta, double *c, size_t ldc) {
    sp_gpu_gemm(walk->rows, n, k, a, lda, b, ldb, false, beta, c, ldc);
    walk->ws->flops += 2.0 * (double)walk->rows * (double)n * (double)k;
}

static sp_rows affine_back(sp_walk *walk, size_t l, size_t t, sp_rows in) {
    sp_workspace *ws = walk->ws;
    const sp_layer *layer = &walk->bounds->net->layer[l];
    double *out = next_cross(walk);
    sp_gpu_affine_bias(walk->rows, layer->out, in.w, in.ld, layer->bias,
                       sp_state_at(walk->bounds, t, l)->omega, ws->bias, ws->mass);
    multiply(walk, layer->in, layer->out, in.w, in.ld, layer->weight, layer->in, 0.0, out,
             layer->in);
    return (sp_rows){out, layer->in};
}

static sp_choices *choices_at(const sp_walk *walk, size_t l, size_t t) {
    return walk->ws->choices + t * walk->bounds->net->layers + l;
}

static sp_rows relu_back(sp_walk *walk, size_t l, size_t t, sp_rows in) {
    sp_workspace *ws = walk->ws;
    const sp_gpu_menu *lines = &sp_state_at(walk->bounds, t, l)->lines;
    double *out = next_cross(walk);
    if (walk->choosing) {
        sp_gpu_menu_back(walk->rows, in.w, in.ld, lines, choices_at(walk, l, t)->entry[0], out,
                         lines->n, NULL, 0, false, ws->bias, ws->mass);
    } else {
        sp_gpu_line_back(walk->rows, in.w, in.ld, lines, false, out, lines->n, ws->bias, ws->mass);
    }
    return (sp_rows){out, lines->n};
}

/* Coefficients on h_t: those handed down by the layer above and those kept from step t+1. */
static sp_rows hidden_rows(sp_walk *walk, size_t H, sp_rows above, sp_rows later) {
    if (above.w == NULL || later.w == NULL) {
        return above.w == NULL ? later : above;
    }
    double *sum = walk->ws->h;
    for (size_t r = 0; r < walk->rows; r++) {
        for (size_t j = 0; j < H; j++) {
            sum[r * H + j] = above.w[r * above.ld + j] + later.w[r * later.ld + j];
        }
    }
    return (sp_rows){sum, H};
}

static void product_back(sp_walk *walk, size_t l, size_t t, size_t product,
                         const sp_gpu_menu *planes, sp_rows in, double *x, size_t ldx, double *y,
                         size_t ldy, bool add) {
    sp_workspace *ws = walk->ws;
    if (walk->mix != NULL) {
        sp_mixture_back(walk, planes, sp_mixed_at(walk, l, t, product), in, x, ldx, y, ldy, add);
    } else if (walk->choosing) {
        sp_gpu_menu_back(walk->rows, in.w, in.ld, planes, choices_at(walk, l, t)->entry[product], x,
                         ldx, y, ldy, add, ws->bias, ws->mass);
    } else {
        sp_gpu_product_back(walk->rows, in.w, in.ld, planes, x, ldx, y, ldy, add, ws->bias,
                            ws->mass);
    }
}

static void set_block(double *a, size_t rows, size_t columns, size_t ld, sp_rows from) {
    for (size_t r = 0; r < rows; r++) {
        if (from.w != NULL) {
            memcpy(a + r * ld, from.w + r * from.ld, columns * sizeof(double));
        } else {
            memset(a + r * ld, 0, columns * sizeof(double));
        }
    }
}

/* From coefficients on c_t to those on i, f, g (in ws->gates) and c_{t-1}. */
static void cell_back(sp_walk *walk, size_t l, size_t t, sp_rows cell) {
    sp_workspace *ws = walk->ws;
    const sp_state *state = sp_state_at(walk->bounds, t, l);
    const size_t H = walk->bounds->net->layer[l].out;
    product_back(walk, l, t, 0, &state->ig, cell, ws->gates, 4 * H, ws->gates + 2 * H, 4 * H,
                 false);
    if (t > 0) {
        product_back(walk, l, t, 1, &state->fc, cell, ws->gates + H, 4 * H, ws->pending_c[l], H,
                     false);
    } else {
        set_block(ws->gates + H, walk->rows, H, 4 * H, none);
    }
}

/* From coefficients on h_t, and for `later` those on c_t kept from step t+1, to the same. */
static void output_back(sp_walk *walk, size_t l, size_t t, sp_rows hidden, bool later) {
    sp_workspace *ws = walk->ws;
    const size_t H = walk->bounds->net->layer[l].out;
    if (later) {
        memcpy(ws->c, ws->pending_c[l], walk->rows * H * sizeof(double));
    }
    product_back(walk, l, t, 2, &sp_state_at(walk->bounds, t, l)->oc, hidden, ws->gates + 3 * H,
                 4 * H, ws->c, H, later);
    cell_back(walk, l, t, (sp_rows){ws->c, H});
}

/* From coefficients on the pre-activations to those on the layer's input and, for t > 0, on
 * h_{t-1}; both stay in ws->pending[l] until step t-1. */
static sp_rows gates_back(sp_walk *walk, size_t l, size_t t, sp_rows gates) {
    sp_workspace *ws = walk->ws;
    const sp_layer *layer = &walk->bounds->net->layer[l];
    const size_t K = 4 * layer->out, width = layer->in + layer->out;
    sp_gpu_affine_bias(walk->rows, K, gates.w, gates.ld, layer->bias,
                       sp_state_at(walk->bounds, t, l)->omega, ws->bias, ws->mass);
    multiply(walk, t > 0 ? width : layer->in, K, gates.w, gates.ld, walk->bounds->weights[l], width,
             0.0, ws->pending[l], width);
    return (sp_rows){ws->pending[l], width};
}

static sp_rows lstm_start(sp_walk *walk, size_t l, size_t t) {
    const sp_start *start = walk->start;
    sp_workspace *ws = walk->ws;
    const size_t H = walk->bounds->net->layer[l].out;
    if (start->cell.w == NULL) {
        set_block(ws->pending_c[l], walk->rows, H, H, start->before);
        return gates_back(walk, l, t, start->gates);
    }
    const sp_rows gate_o = {start->gates.w != NULL ? start->gates.w + 3 * H : NULL,
                            start->gates.ld};
    set_block(ws->gates + 3 * H, walk->rows, H, 4 * H, gate_o);
    cell_back(walk, l, t, start->cell);
    return gates_back(walk, l, t, (sp_rows){ws->gates, 4 * H});
}

static sp_rows lstm_back(sp_walk *walk, size_t l, size_t t, sp_rows above) {
    const sp_layer *layer = &walk->bounds->net->layer[l];
    const bool later = t != walk->start->t;
    const sp_rows kept = {walk->ws->pending[l] + layer->in, layer->in + layer->out};
    output_back(walk, l, t, hidden_rows(walk, layer->out, above, later ? kept : none), later);
    return gates_back(walk, l, t, (sp_rows){walk->ws->gates, 4 * layer->out});
}

/* The columns [first, end) of the window of frame t meet no earlier frame: they are concretised. */
static void concretise(sp_walk *walk, size_t t, size_t first, size_t end) {
    const sp_front_bound *front = walk->bounds->front;
    sp_workspace *ws = walk->ws;
    sp_gpu_box_support(walk->rows, end - first, ws->sample + first, front->frame,
                       front->radius + t * front->step + first, ws->support);
    for (size_t r = 0; walk->gradient != NULL && r < walk->rows; r++) {
        memcpy(walk->gradient + r * front->padded + t * front->step + first,
               ws->sample + r * front->frame + first, (end - first) * sizeof(double));
    }
    for (size_t r = 0; walk->choosing && r < walk->rows; r++) {
        unsigned char *sign = ws->sign + r * sp_sign_width(front) + sp_sign_at(front, t);
        for (size_t i = first; i < end; i++) {
            sign[i] = ws->sample[r * front->frame + i] >= 0.0;
        }
    }
}

/* Moves the window of coefficients on samples from frame t+1 to frame t. */
static void shift_window(sp_walk *walk, size_t keep) {
    const size_t frame = walk->bounds->front->frame;
    for (size_t r = 0; r < walk->rows; r++) {
        double *row = walk->ws->sample + r * frame; /* sample[r,:] */
        memmove(row + (frame - keep), row, keep * sizeof(double));
        memset(row, 0, (frame - keep) * sizeof(double));
    }
}

/* Coefficients on the features of step t to those on its linear forms; returns how many there are.
 * */
static size_t forms_back(sp_walk *walk, size_t t, sp_rows in) {
    const sp_front_bound *front = walk->bounds->front;
    sp_workspace *ws = walk->ws;
    const sp_gpu_menu *line = &walk->bounds->line[t];
    for (size_t r = 0; walk->choosing && r < walk->rows; r++) {
        for (size_t m = 0; m < front->bands; m++) {
            ws->feature[t][r * front->bands + m] = in.w[r * in.ld + m] >= 0.0 ? 0 : 1;
        }
    }
    if (front->bins == 0) {
        sp_gpu_line_back(walk->rows, in.w, in.ld, line, front->lo_form != front->up_form, ws->form,
                         front->forms > 0 ? front->forms : front->bands, ws->bias, ws->mass);
        return front->forms;
    }
    double *squares = ws->form;
    sp_gpu_line_back(walk->rows, in.w, in.ld, line, false, ws->energy, front->bands, ws->bias,
                     ws->mass);
    sp_gpu_affine_bias(walk->rows, front->bands, ws->energy, front->bands, front->mel_bias,
                       walk->bounds->energy_omega + t * front->bands, ws->bias, ws->mass);
    multiply(walk, front->bins, front->bands, ws->energy, front->bands, front->mel, front->bins,
             0.0, squares, front->bins);
    for (size_t i = 0; walk->choosing && i < walk->rows * front->bins; i++) {
        ws->bin[t][i] = squares[i] >= 0.0 ? 0 : 1;
    }
    sp_gpu_line_back(walk->rows, squares, front->bins, &walk->bounds->square[t], false, squares,
                     front->bins, ws->bias, ws->mass);
    return front->bins;
}

/* Coefficients on the features of step t: through the front end's lines to the samples of frame t.
 * Samples that no earlier frame shares are concretised here, the others move on to frame t-1. */
static void features_back(sp_walk *walk, size_t t, sp_rows in, bool last) {
    const sp_front_bound *front = walk->bounds->front;
    const size_t forms = forms_back(walk, t, in);
    if (forms == 0) {
        return;
    }
    const double *matrix =
        front->bins > 0 ? front->spectrum : front->form + t * front->forms * front->frame;
    const size_t keep = front->joint && front->step < front->frame ? front->frame - front->step : 0;
    const bool carried = front->joint && t != walk->start->t;
    if (carried) {
        shift_window(walk, keep);
    }
    multiply(walk, front->frame, forms, walk->ws->form, forms, matrix, front->frame,
             carried ? 1.0 : 0.0, walk->ws->sample, front->frame);
    concretise(walk, t, last ? 0 : keep, front->frame);
}

size_t sp_highest_lstm(const sp_net *net, size_t end) {
    while (end-- > 0) {
        if (net->layer[end].kind == SP_LAYER_LSTM) {
            return end;
        }
    }
    return SP_NO_LAYER;
}

void sp_walk_back(sp_walk *walk) {
    const sp_net *net = walk->bounds->net;
    const sp_start *start = walk->start;
    const size_t end = start->layer == SP_NO_LAYER ? 0 : start->layer + 1;
    const size_t highest = sp_highest_lstm(net, end);
    memset(walk->ws->bias, 0, SP_TILE * sizeof(double));
    memset(walk->ws->mass, 0, SP_TILE * sizeof(double));
    memset(walk->ws->support, 0, SP_TILE * sizeof(double));
    for (size_t t = start->t;; t--) {
        const bool first = t == start->t;
        const bool last = t == 0 || highest == SP_NO_LAYER;
        sp_rows rows = first ? start->output : none;
        for (size_t l = first ? end : highest + 1; l-- > 0;) {
            const sp_layer_kind kind = net->layer[l].kind;
            if (kind == SP_LAYER_AFFINE) {
                rows = affine_back(walk, l, t, rows);
            } else if (kind == SP_LAYER_RELU) {
                rows = relu_back(walk, l, t, rows);
            } else if (first && l == start->layer && start->output.w == NULL) {
                rows = lstm_start(walk, l, t);
            } else {
                rows = lstm_back(walk, l, t, rows);
            }
        }
        features_back(walk, t, rows, last);
        if (last) {
            return;
        }
    }
}
