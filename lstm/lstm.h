/* Networks, their concrete forward pass, and the propagation of bounds through them. */
#ifndef SP_LSTM_LSTM_H
#define SP_LSTM_LSTM_H

#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"
#include "relax/relax.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum {
    SP_LAYER_AFFINE,
    SP_LAYER_RELU,
    SP_LAYER_LSTM,
    SP_LAYER_GRU,
    SP_LAYER_RNN
} sp_layer_kind;

/** sp_layer - one layer. Weights are read as exact reals. States start at zero.
 *  LSTM: gates in the order i, f, g, o; c = sigma(f) c' + sigma(i) tanh(g), h = sigma(o) tanh(c).
 *  GRU: gates in the order z, r, n, with z = gate(Wz x + Rz h' + bz), r = gate(Wr x + Rr h' + br),
 *    n = candidate(Wn x + Rn (r o h') + bn), or for reset_after
 *    n = candidate(Wn x + bn + r o (Rn h' + recurrent_bias)); h = (1 - z) o n + z o h'.
 *  RNN: h = candidate(W x + R h' + b).
 *  The bias is the sum of the file's input and recurrent biases, except for recurrent_bias. */
typedef struct sp_layer {
    sp_layer_kind kind;
    size_t in, out;          /* widths D and H; equal for ReLU */
    double *weight;          /* owned; [G out, in], G = sp_layer_gates */
    double *recurrent;       /* owned; recurrent layers: [G out, out] */
    double *bias;            /* owned; [G out] */
    double *recurrent_bias;  /* owned; GRU with reset_after: [out]; else NULL */
    sp_activation gate;      /* LSTM: sigmoid; GRU: of z and r */
    sp_activation candidate; /* LSTM: tanh; GRU: of n; RNN */
    bool reset_after;        /* GRU: r multiplies the product (ONNX: linear_before_reset) */
} sp_layer;

/** sp_net - layers [0, readout) run at every step, layers [readout, layers) once on the output that
 *  the step layers have at the last step. */
typedef struct sp_net {
    sp_layer *layer; /* [layers] owned */
    size_t layers, readout;
    size_t features;  /* input width */
    size_t classes;   /* output width C */
    size_t steps;     /* the number of steps that it takes; 0: any */
    bool readout_set; /* by sp_net_set_readout */
    bool sigmoid;     /* classes = 1: the model's answer is the sigmoid of the logit */
    bool softmax;     /* the model's answer is the softmax of the logits */
} sp_net;

/** sp_net_init - an empty net that reads `features` numbers per step. */
void sp_net_init(sp_net *net, size_t features);
void sp_net_clear(sp_net *net);
/** sp_net_add_* - append a layer after the last one; the arrays are copied; widths must fit.
 *  After sp_net_set_readout the layers that follow run once. All weights must be finite
 *  (SP_E_NONFINITE names the array and index). */
SP_NODISCARD sp_status sp_net_add_affine(sp_error *err, sp_net *net, size_t out,
                                         const double *weight, const double *bias);
SP_NODISCARD sp_status sp_net_add_relu(sp_error *err, sp_net *net);
SP_NODISCARD sp_status sp_net_add_lstm(sp_error *err, sp_net *net, size_t hidden,
                                       const double *weight, const double *recurrent,
                                       const double *bias);
/** sp_net_add_gru, sp_net_add_rnn - recurrent_bias [hidden] may be NULL for zero; it must be NULL
 *  without reset_after. alpha and beta that an activation reads must be finite. */
SP_NODISCARD sp_status sp_net_add_gru(sp_error *err, sp_net *net, size_t hidden, sp_activation gate,
                                      sp_activation candidate, bool reset_after,
                                      const double *weight, const double *recurrent,
                                      const double *bias, const double *recurrent_bias);
SP_NODISCARD sp_status sp_net_add_rnn(sp_error *err, sp_net *net, size_t hidden,
                                      sp_activation activation, const double *weight,
                                      const double *recurrent, const double *bias);
void sp_net_set_readout(sp_net *net);

/** sp_layer_gates - blocks of pre-activations: 4 LSTM, 3 GRU, 1 RNN and affine, 0 ReLU. */
size_t sp_layer_gates(const sp_layer *layer);
/** sp_layer_parameters - its number of weights. */
size_t sp_layer_parameters(const sp_layer *layer);
/** sp_layer_is_recurrent - whether it keeps a state from step to step. */
bool sp_layer_is_recurrent(const sp_layer *layer);

/** sp_net_run - the concrete forward pass: logits [classes] of features [steps, features].
 *  SP_E_NONFINITE when a feature, a pre-activation, a cell or a logit is not finite; SP_E_MISMATCH
 *  for no steps at all or a number of steps that the net does not take. Thread-safe. */
SP_NODISCARD sp_status sp_net_run(sp_error *err, const sp_net *net, double *logits,
                                  const double *features, size_t steps);

/* ---- bounds ---- */

typedef enum {
    SP_PLANES_INTERVAL, /* no linear bounds at all: intervals through every layer (IBP) */
    SP_PLANES_R2_LP,    /* R2's sampled LP */
    SP_PLANES_R2_OPT,   /* the same, with R2's five candidates for final rows to mix */
    SP_PLANES_STATIC,   /* exact supporting planes at the static anchors */
    SP_PLANES_TANGENT   /* no bounds: tangents at the one point of a set of radius 0 */
} sp_plane_rule;

/** sp_bounds - everything that was proved about one net on one noise set: boxes of all
 *  pre-activations, gates and cells, and the planes of all products. */
typedef struct sp_bounds sp_bounds;

/** sp_halfspace - the noises d with slope . d + offset <= 0. */
typedef struct sp_halfspace {
    double *slope; /* [padded], padded samples of the front end's bound */
    double offset;
} sp_halfspace;

typedef struct sp_bounds_options {
    sp_plane_rule planes;
    /* rounds in which each row of a box, and each final row, chooses its relaxations anew; 0: the
     * standard ones. Static planes only */
    size_t box_iterations, row_iterations;
    size_t mix_epochs; /* R2's OPT: epochs of Adam over the mixtures of each final row; 0: none */
    bool octagons; /* cut the boxes of products by bounds on x + y and x - y. Static planes only */
    bool stop_positive; /* final rows need not be improved once they are positive */
    /* products of matrices in single precision, with its error terms, where they are of use: static
     * planes, the joint front end without halfspaces and lines, weights that floats hold */
    bool single;
    /* NULL: the whole set; or everything is proved of its noises in this halfspace only. Borrowed.
     * Static planes and the joint front end only, as for lines */
    const sp_halfspace *within;
    bool lines;      /* sp_bounds_lines may be called */
    double deadline; /* sp_clock_wall() value after which SP_E_TIMEOUT is returned; 0: none */
    double hopeless; /* a pass is left out when earlier ones left a margin below this; 0: never */
} sp_bounds_options;

/** sp_bounds_create - boxes of every cell, by back-substitution to the samples intersected with
 *  intervals. `net` and `front` are borrowed and must outlive the bounds. */
SP_NODISCARD sp_status sp_bounds_create(sp_error *err, sp_bounds **bounds, const sp_net *net,
                                        const sp_front_bound *front,
                                        const sp_bounds_options *options);
void sp_bounds_destroy(sp_bounds *bounds);

/** sp_bounds_create_batch - the same for several clips at once, those with the most frames first,
 *  on a backend that has room for so many like the first (sp_bounds_room). Row and box functions
 *  then speak of all clips, one after the other, and of the first. What a backend's memory cannot
 *  hold, or its kernels do not know, runs on the CPU, one clip at a time. */
SP_NODISCARD sp_status sp_bounds_create_batch(sp_error *err, sp_bounds **bounds, const sp_net *net,
                                              const sp_front_bound *const *fronts, size_t clips,
                                              const sp_bounds_options *options);
/** sp_bounds_room - how many clips like this one, or shorter ones, the selected backend bounds at
 *  once: 1 on the CPU. */
size_t sp_bounds_room(const sp_net *net, const sp_front_bound *front,
                      const sp_bounds_options *options);
/** sp_bounds_together - whether the selected backend may bound several clips at once. */
bool sp_bounds_together(void);
/** sp_bounds_need - bytes of memory that the bounds of so many clips take on a backend with memory
 *  of its own (far) or in the program. */
size_t sp_bounds_need(const sp_net *net, const sp_front_bound *front,
                      const sp_bounds_options *options, size_t clips, bool far);
/** sp_bounds_moved - bytes written to and read from the backend's memory; 0 on the CPU. */
size_t sp_bounds_moved(const sp_bounds *bounds);

/** sp_bounds_rows - certified lower bounds of linear objectives of the logits.
 *  O lower [clips, rows]  lower[r] <= sum_k weight[r,k] logit[k](s + d) for every d of the set, in
 *  real arithmetic
 *  O error [clips, rows]  the running error term already subtracted from lower; may be NULL
 *  I weight [clips, rows, classes]
 *  A bound that is not a number is returned as -inf. */
SP_NODISCARD sp_status sp_bounds_rows(sp_error *err, sp_bounds *bounds, double *lower,
                                      double *error, const double *weight, size_t rows);

/** sp_bounds_lines - sp_bounds_rows of one clip, with the line that attains each bound:
 *  O line [rows]  slope (the caller's memory) and offset with slope . d + offset <= the objective
 *  for every d of the set (and the halfspace of the options), in real arithmetic. A row whose bound
 *  no line attains gets slope 0 and offset -inf. */
SP_NODISCARD sp_status sp_bounds_lines(sp_error *err, sp_bounds *bounds, double *lower,
                                       double *error, sp_halfspace *line, const double *weight,
                                       size_t rows);

/** sp_bounds_gradient - gradients of linear objectives of the logits by the samples, at the one
 *  point of a noise set of radius 0: the walk of the bounds along tangents (SP_PLANES_TANGENT,
 *  joint front end).
 *  O gradient [rows, padded]   I weight [rows, classes]. Not a bound; SP_E_ARGUMENT for other
 *  bounds. */
SP_NODISCARD sp_status sp_bounds_gradient(sp_error *err, sp_bounds *bounds, double *gradient,
                                          const double *weight, size_t rows);

/** sp_bounds_flops - floating point operations of the matrix products done so far (2 m n k each).
 *  */
double sp_bounds_flops(const sp_bounds *bounds);

/* Read access for tests, reports and later stages. Steps t < T, layers as in the net (for layers
 * at and behind the readout t must be T-1). */
/** sp_bounds_layer_box - ReLU: boxes of its input [out]; LSTM, GRU, RNN: of the pre-activations;
 *  affine: NULL. lo and hi point into the bounds. */
void sp_bounds_layer_box(sp_bounds *bounds, size_t t, size_t layer, const double **lo,
                         const double **hi);
/** sp_bounds_cell_box - LSTM: the boxes of c_t [out]; GRU: of h_{t-1} - n. */
void sp_bounds_cell_box(sp_bounds *bounds, size_t t, size_t layer, const double **lo,
                        const double **hi);

#ifdef __cplusplus
}
#endif
#endif
