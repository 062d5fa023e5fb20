// Back-substitution of rows of linear objectives through layers and time down to the samples
// (DeepPoly/CROWN order; seed 000, section 3; rounding: math/rounding.md).
//
// Invariant of a row at every point of the walk, for every perturbation d of the set, in real arithmetic:
//   objective >= sum_v coefficient_v * v(d) + bias - gamma_chain * mass.
// Each kernel treats the coefficients that it is given as exact and adds to `mass` the sum of absolute
// values, over the boxes, of the terms that it rounds; no term meets more than `chain` roundings.
#include "lstm/impl.h"

#include <math.h>
#include <string.h>

#include "base/pool.h"

/* Coefficients [rows, ld] on the output of the layer at hand, or none. */
typedef struct sp_rows {
    const double *w;
    size_t ld;
} sp_rows;

typedef struct sp_walk {
    sp_bounds *bounds;
    sp_workspace *ws;
    size_t rows;
    size_t t; /* the step where the rows start */
    int turn; /* which cross buffer is written next */
} sp_walk;

static double *next_cross(sp_walk *walk) {
    walk->turn ^= 1;
    return walk->ws->cross[walk->turn];
}

static void multiply(sp_walk *walk, size_t n, size_t k, const double *a, size_t lda, const double *b,
                     size_t ldb, double beta, double *c, size_t ldc) {
    sp_gpu_gemm(walk->rows, n, k, a, lda, b, ldb, beta, c, ldc);
    walk->ws->flops += 2.0 * (double)walk->rows * (double)n * (double)k;
}

static sp_rows affine_back(sp_walk *walk, const sp_layer *layer, const sp_state *state, sp_rows in) {
    sp_workspace *ws = walk->ws;
    double *out = next_cross(walk);
    sp_gpu_affine_bias(walk->rows, layer->out, in.w, in.ld, layer->bias, state->omega, ws->bias,
                       ws->mass);
    multiply(walk, layer->in, layer->out, in.w, in.ld, layer->weight, layer->in, 0.0, out, layer->in);
    return (sp_rows){out, layer->in};
}

static sp_rows relu_back(sp_walk *walk, const sp_layer *layer, const sp_state *state, sp_rows in) {
    double *out = next_cross(walk);
    sp_gpu_line_back(walk->rows, layer->out, in.w, in.ld, &state->lines, false, out, layer->out,
                     walk->ws->bias, walk->ws->mass);
    return (sp_rows){out, layer->out};
}

/* Coefficients on h_t: those handed down by the layer above and those kept from step t+1. */
static sp_rows hidden_rows(sp_walk *walk, const sp_layer *layer, sp_rows above, sp_rows later) {
    if (above.w == NULL || later.w == NULL) {
        return above.w == NULL ? later : above;
    }
    double *sum = walk->ws->h;
    for (size_t r = 0; r < walk->rows; r++) {
        for (size_t j = 0; j < layer->out; j++) {
            sum[r * layer->out + j] = above.w[r * above.ld + j] + later.w[r * later.ld + j];
        }
    }
    return (sp_rows){sum, layer->out};
}

/* From coefficients on h_t and c_t to those on the pre-activations (in ws->gates) and c_{t-1}. */
static void cell_back(sp_walk *walk, size_t l, size_t t, const sp_state *state, sp_rows hidden,
                      sp_rows cell, bool later) {
    sp_workspace *ws = walk->ws;
    const size_t H = walk->bounds->net->layer[l].out, rows = walk->rows;
    double *gates = ws->gates;
    if (hidden.w != NULL) {
        if (later) {
            memcpy(ws->c, ws->pending_c[l], rows * H * sizeof(double));
        }
        sp_gpu_product_back(rows, H, hidden.w, hidden.ld, &state->oc, gates + 3 * H, 4 * H, ws->c, H,
                            later, ws->bias, ws->mass);
        cell = (sp_rows){ws->c, H};
    } else {
        for (size_t r = 0; r < rows; r++) {
            memset(gates + r * 4 * H + 3 * H, 0, H * sizeof(double));
        }
    }
    for (size_t r = 0; t == 0 && r < rows; r++) {
        memset(gates + r * 4 * H + H, 0, H * sizeof(double));
    }
    sp_gpu_product_back(rows, H, cell.w, cell.ld, &state->ig, gates, 4 * H, gates + 2 * H, 4 * H, false,
                        ws->bias, ws->mass);
    if (t > 0) {
        sp_gpu_product_back(rows, H, cell.w, cell.ld, &state->fc, gates + H, 4 * H, ws->pending_c[l], H,
                            false, ws->bias, ws->mass);
    }
}

/* From coefficients on the pre-activations to those on the layer's input and, for t > 0, on h_{t-1};
 * both stay in ws->pending[l] until step t-1. */
static sp_rows gates_back(sp_walk *walk, size_t l, size_t t, const sp_state *state, sp_rows gates) {
    const sp_layer *layer = &walk->bounds->net->layer[l];
    const size_t K = 4 * layer->out, width = layer->in + layer->out;
    sp_gpu_affine_bias(walk->rows, K, gates.w, gates.ld, layer->bias, state->omega, walk->ws->bias,
                       walk->ws->mass);
    multiply(walk, t > 0 ? width : layer->in, K, gates.w, gates.ld, walk->bounds->weights[l], width, 0.0,
             walk->ws->pending[l], width);
    return (sp_rows){walk->ws->pending[l], width};
}

/* Adds what the columns [first, frame) of the window of frame t contribute to the support function. */
static void support_of(sp_walk *walk, size_t t, size_t first) {
    const sp_front_bound *front = walk->bounds->front;
    sp_gpu_box_support(walk->rows, front->frame - first, walk->ws->sample + first, front->frame,
                       front->radius + t * front->step + first, walk->ws->support);
}

/* Moves the window of coefficients on samples from frame t+1 to frame t. */
static void shift_window(sp_walk *walk, size_t keep) {
    const size_t frame = walk->bounds->front->frame, step = walk->bounds->front->step;
    for (size_t r = 0; r < walk->rows; r++) {
        double *row = walk->ws->sample + r * frame; /* sample[r,:] */
        memmove(row + (frame - keep), row, keep * sizeof(double));
        memset(row, 0, (step < frame ? step : frame) * sizeof(double));
    }
}

/* Coefficients on the features of step t: through the front end's lines to the samples of frame t.
 * Samples that no earlier frame shares are concretised here, the others move on to frame t-1. */
static void features_back(sp_walk *walk, size_t t, sp_rows in, bool last) {
    const sp_front_bound *front = walk->bounds->front;
    sp_workspace *ws = walk->ws;
    const bool split = front->lo_form != front->up_form;
    sp_gpu_line_back(walk->rows, front->bands, in.w, in.ld, &walk->bounds->line[t], split, ws->form,
                     front->forms > 0 ? front->forms : front->bands, ws->bias, ws->mass);
    if (front->forms == 0) {
        return;
    }
    const bool joint = front->joint;
    const size_t keep = joint && front->step < front->frame ? front->frame - front->step : 0;
    const bool carried = joint && t != walk->t;
    if (carried) {
        shift_window(walk, keep);
    }
    multiply(walk, front->frame, front->forms, ws->form, front->forms,
             front->form + t * front->forms * front->frame, front->frame, carried ? 1.0 : 0.0, ws->sample,
             front->frame);
    support_of(walk, t, last ? 0 : keep);
}

static bool has_lstm(const sp_net *net, size_t first, size_t end, size_t *highest) {
    bool found = false;
    for (size_t l = first; l < end; l++) {
        if (net->layer[l].kind == SP_LAYER_LSTM) {
            *highest = l;
            found = true;
        }
    }
    return found;
}

static void walk_back(sp_walk *walk, sp_start start, size_t layer, sp_rows in) {
    sp_bounds *bounds = walk->bounds;
    const sp_net *net = bounds->net;
    const size_t end = layer == SP_NO_LAYER ? 0 : layer + 1;
    size_t highest = 0;
    const bool recurrent = has_lstm(net, 0, end, &highest);
    for (size_t t = walk->t;; t--) {
        const bool first = t == walk->t;
        const bool last = t == 0 || !recurrent;
        sp_rows rows = first ? in : (sp_rows){NULL, 0};
        for (size_t l = first ? end : highest + 1; l-- > 0;) {
            const sp_layer *at = &net->layer[l];
            const sp_state *state = sp_state_at(bounds, t, l);
            if (at->kind == SP_LAYER_AFFINE) {
                rows = affine_back(walk, at, state, rows);
            } else if (at->kind == SP_LAYER_RELU) {
                rows = relu_back(walk, at, state, rows);
            } else if (first && l == layer && start == SP_START_GATES) {
                for (size_t r = 0; t > 0 && r < walk->rows; r++) {
                    memset(walk->ws->pending_c[l] + r * at->out, 0, at->out * sizeof(double));
                }
                rows = gates_back(walk, l, t, state, rows);
            } else {
                const sp_rows none = {NULL, 0};
                const sp_rows later = {walk->ws->pending[l] + at->in, at->in + at->out};
                const bool cell = first && l == layer && start == SP_START_CELL;
                const sp_rows hidden =
                    cell ? none : hidden_rows(walk, at, rows, first ? none : later);
                cell_back(walk, l, t, state, hidden, cell ? rows : none, !first);
                rows = gates_back(walk, l, t, state, (sp_rows){walk->ws->gates, 4 * at->out});
            }
        }
        features_back(walk, t, rows, last);
        if (last) {
            break;
        }
    }
}

typedef struct sp_tiles {
    sp_bounds *bounds;
    double *lower, *error;
    sp_start start;
    size_t t, layer, ldw, rows, first;
    const double *w;
} sp_tiles;

static void run_tile(void *context, size_t index) {
    const sp_tiles *tiles = context;
    sp_bounds *bounds = tiles->bounds;
    sp_workspace *ws = bounds->work + index;
    const size_t row = tiles->first + index * SP_TILE;
    const size_t count = tiles->rows - row < SP_TILE ? tiles->rows - row : SP_TILE;
    sp_walk walk = {bounds, ws, count, tiles->t, 0};
    memset(ws->bias, 0, SP_TILE * sizeof(double));
    memset(ws->mass, 0, SP_TILE * sizeof(double));
    memset(ws->support, 0, SP_TILE * sizeof(double));
    walk_back(&walk, tiles->start, tiles->layer, (sp_rows){tiles->w + row * tiles->ldw, tiles->ldw});
    const double gamma = sp_gamma(bounds->chain);
    for (size_t r = 0; r < count; r++) {
        const double err = sp_above(gamma * sp_above(ws->mass[r] + ws->support[r]));
        const double bound = sp_below(sp_below(ws->bias[r] - ws->support[r]) - err);
        tiles->lower[row + r] = bound > -INFINITY && bound < INFINITY ? bound : -INFINITY;
        if (tiles->error != NULL) {
            tiles->error[row + r] = err;
        }
    }
}

void sp_backsub(sp_bounds *bounds, double *lower, double *error, sp_start start, size_t t, size_t layer,
                const double *w, size_t ldw, size_t rows) {
    sp_tiles tiles = {bounds, lower, error, start, t, layer, ldw, rows, 0, w};
    while (tiles.first < rows) {
        size_t count = (rows - tiles.first + SP_TILE - 1) / SP_TILE;
        count = count < bounds->tiles ? count : bounds->tiles;
        sp_pool_run(count, 0, run_tile, &tiles);
        tiles.first += count * SP_TILE;
    }
}

void sp_box_rows(sp_bounds *bounds, sp_start start, size_t t, size_t layer, size_t n, const double *lo,
                 const double *hi, double *box_lo, double *box_hi) {
    const double *lower = bounds->box_lower;
    sp_backsub(bounds, bounds->box_lower, NULL, start, t, layer, bounds->unit, bounds->unit_width, 2 * n);
    for (size_t j = 0; j < n; j++) {
        const sp_iv linear = {lower[2 * j], -lower[2 * j + 1]};
        const sp_iv interval = {lo[j], hi[j]};
        const sp_iv met = sp_iv_meet(linear, interval);
        box_lo[j] = met.lo;
        box_hi[j] = met.hi;
    }
}
