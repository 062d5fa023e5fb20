/* Private to lstm/: what has been proved about each layer at each step, and back-substitution over it. */
#ifndef SP_LSTM_IMPL_H
#define SP_LSTM_IMPL_H

#include "base/arena.h"
#include "gpu/backend.h"
#include "lstm/lstm.h"

/* Rows are handled in tiles of a fixed height, so that neither threads nor batches change a bit. */
enum { SP_TILE = 64, SP_MAX_WIDTH = 1 << 16 };

/** sp_state - bounds of one layer at one step. Arrays live in the arena of the bounds. */
typedef struct sp_state {
    double *in_lo, *in_hi;   /* ReLU: input [out]; LSTM: gate pre-activations [4 out]; affine: NULL */
    double *out_lo, *out_hi; /* [out] */
    double *cell_lo, *cell_hi; /* LSTM: c_t [out] */
    double *omega; /* affine [out], LSTM [4 out]: |W| |x| + |R| |h| + |b|, rounded up: the scale of the
                      rounding errors of a product with these weights (math/rounding.md) */
    sp_gpu_lines lines;           /* ReLU */
    sp_gpu_planes ig, fc, oc;     /* LSTM: sigma(i) tanh(g), sigma(f) c_{t-1}, sigma(o) tanh(c) */
} sp_state;

/** sp_workspace - the buffers of one tile of rows; nothing is allocated while walking back. */
typedef struct sp_workspace {
    double *gates;    /* [TILE, 4 Hmax] coefficients on pre-activations */
    double *h;        /* [TILE, Wmax] coefficients on the output of the layer at hand */
    double *c;        /* [TILE, Hmax] coefficients on c_t */
    double **pending; /* per LSTM layer [TILE, in + out]: on its input at t, and on its h_{t-1} */
    double **pending_c; /* per LSTM layer [TILE, out]: on c_{t-1} */
    double *cross[2]; /* [TILE, Wmax] coefficients handed down by layers without state, in turn */
    double *form;     /* [TILE, forms] coefficients on the linear forms of a frame */
    double *sample;   /* [TILE, frame] coefficients on the samples of the frame at hand */
    double *bias, *mass, *support; /* [TILE] */
    double flops;     /* of the matrix products done here */
} sp_workspace;

struct sp_bounds {
    const sp_net *net;           /* borrowed */
    const sp_front_bound *front; /* borrowed */
    sp_bounds_options options;
    sp_arena arena;       /* owned: all arrays below */
    double **weights;     /* [layers] LSTM: [4 out, in + out] = [W | R]; else NULL */
    sp_gpu_lines *line;   /* [T] of the features */
    sp_state *state;      /* [T, layers]; layers behind the readout at t = T-1 only */
    sp_workspace *work;   /* [tiles] */
    size_t tiles;
    double chain;         /* number of roundings that any one term of a bound can meet */
    double *unit;         /* [2 n, n], n = widest box: rows e_0, -e_0, e_1, -e_1, ...: the rows of a box */
    size_t unit_width;    /* n */
    double *box_lower;    /* [2 n] their lower bounds */
    sp_status *task_status; /* [n] */
};

static inline sp_state *sp_state_at(const sp_bounds *bounds, size_t t, size_t layer) {
    return bounds->state + t * bounds->net->layers + layer;
}

/* ---- back-substitution (backsub.c) ---- */

/** sp_start - where rows start: the variables that their coefficients stand on. */
typedef enum {
    SP_START_OUTPUT, /* the output of `layer` at step t: w [rows, out] */
    SP_START_GATES,  /* the pre-activations of LSTM `layer` at t: w [rows, 4 out] */
    SP_START_CELL    /* c_t of LSTM `layer`: w [rows, out] */
} sp_start;

/* "The layer below layer 0": the features. */
#define SP_NO_LAYER ((size_t)-1)

/** sp_backsub - lower bounds of rows of linear objectives, by back-substitution to the samples.
 *  O lower [rows]; error [rows] or NULL: the rounding term subtracted in it
 *  I w [rows, ldw]. Deterministic for any number of threads. SP_NO_LAYER with SP_START_OUTPUT stands
 *  for the features themselves. */
void sp_backsub(sp_bounds *bounds, double *lower, double *error, sp_start start, size_t t, size_t layer,
                const double *w, size_t ldw, size_t rows);

/** sp_box_rows - lower and upper bounds of n variables by back-substitution, met with their intervals
 *  [lo, hi]; the result may overwrite them. Start, t and layer as in sp_backsub. */
void sp_box_rows(sp_bounds *bounds, sp_start start, size_t t, size_t layer, size_t n, const double *lo,
                 const double *hi, double *box_lo, double *box_hi);

/* ---- one layer at one step, forward ---- */

/** sp_affine_interval - the interval image lo, hi [out] of W x + R h + b for x in [x_lo, x_hi] and h in
 *  [h_lo, h_hi], rounded outward, and omega [out] = |W| |x| + |R| |h| + |b| rounded up.
 *  recurrent may be NULL: then there is no h. */
void sp_affine_interval(size_t out, size_t in, const double *weight, const double *x_lo,
                        const double *x_hi, size_t hidden, const double *recurrent, const double *h_lo,
                        const double *h_hi, const double *bias, double *lo, double *hi, double *omega);

/** sp_lstm_bound, sp_relu_bound, sp_affine_bound - fill the state of one layer at step t: boxes of its
 *  inputs by intervals and back-substitution, its relaxation, the box of its output. */
sp_status sp_lstm_bound(sp_error *err, sp_bounds *bounds, size_t t, size_t layer);
void sp_relu_bound(sp_bounds *bounds, size_t t, size_t layer);
void sp_affine_bound(sp_bounds *bounds, size_t t, size_t layer);

/** sp_lines_set / sp_planes_set - store the relaxation of unit j with its mass; x and y are magnitudes
 *  of the arguments on the domain. */
void sp_lines_set(sp_gpu_lines *lines, size_t j, sp_line_pair pair, double x);
void sp_planes_set(sp_gpu_planes *planes, size_t j, sp_plane_pair pair, double x, double y);

/** sp_input_box - the box of the input of `layer` at step t. */
void sp_input_box(const sp_bounds *bounds, size_t t, size_t layer, const double **lo,
                  const double **hi);

#endif
