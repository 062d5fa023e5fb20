/* Private to train/: batches of clips, passes through the layers and back, and what they share. */
#ifndef SP_TRAIN_IMPL_H
#define SP_TRAIN_IMPL_H

#include "base/arena.h"
#include "base/digest.h"
#include "train/stream.h"
#include "train/train.h"

/* ---- parameters ---- */

/** sp_train_is_linear - whether a node is a linear layer, h_t = lambda o h_{t-1} + V x_t + c: a
 *  vanilla RNN whose activation is affine. Its recurrent matrix is diagonal, which
 *  sp_train_packed_batch_check makes sure of, and lambda [out] is that diagonal. */
bool sp_train_is_linear(const sp_node *node);

/** sp_train_weights - the arrays of a node, NULL and 0 where it has none: weight [rows, in],
 *  recurrent [rows, out], bias [rows], recurrent_bias [out]. Of a linear layer the diagonal of
 *  `recurrent` alone counts: `loops` numbers, `stride` apart. */
typedef struct sp_train_weights {
    size_t in, out, rows, loops, stride;
    double *weight, *recurrent, *bias, *recurrent_bias; /* in the net */
} sp_train_weights;
sp_train_weights sp_train_weights_of(const sp_node *node);

/** sp_train_block - one array of a net, and where it stands in vectors of all weights: node by node
 *  weight, recurrent, bias, recurrent_bias. */
typedef struct sp_train_block {
    double *value; /* in the net: the first, and the others `stride` numbers apart */
    size_t first, count, stride;
    bool decays; /* pulled towards zero: neither biases nor the lambda of linear layers */
} sp_train_block;
enum { SP_TRAIN_BLOCKS = 4 };
/** sp_train_blocks_of - O block [4 nodes]; returns how many there are. */
size_t sp_train_blocks_of(sp_train_block *block, const sp_net *net);
/** sp_train_parameters - the number of all parameters, P. */
size_t sp_train_parameters(const sp_net *net);

/** What is descended are not the weights of linear layers themselves but theta, W and b with
 *  lambda = sigmoid(theta), V = (1 - lambda) o W, c = (1 - lambda) o b; all other parameters are
 *  weights. sp_train_store - the weights of the net from parameters [P]. sp_train_load - the way
 *  back. sp_train_chain - slopes [P] by the weights become slopes by the parameters. */
void sp_train_store(const sp_net *net, const double *parameter);
void sp_train_load(double *parameter, const sp_net *net);
void sp_train_chain(double *gradient, const sp_net *net, const double *parameter);

/** sp_train_slopes - the places of one node's arrays in a gradient; NULL where the node has
 *  none. */
typedef struct sp_train_slopes {
    double *weight, *recurrent, *bias, *recurrent_bias;
} sp_train_slopes;
sp_train_slopes sp_train_slopes_of(const sp_net *net, size_t node, double *gradient);

/* ---- batches ---- */

/** sp_train_packed_batch - clips of different lengths, step by step: the rows of step t are those
 *  clips that have one, longest first, so that clip i stands in row first[t] + i of every step. */
typedef struct sp_train_packed_batch {
    size_t clips, steps, rows, width; /* width: of the features */
    size_t *count;                    /* [steps] clips that have step t; never grows with t */
    size_t *first;                    /* [steps] row of the first of them */
    size_t *last;                     /* [clips] row of the clip's last step */
    size_t *label;                    /* [clips] */
    size_t *which; /* [clips] number of the clip as given to sp_train_packed_batch_create */
    double *x;     /* [rows, width] features */
} sp_train_packed_batch;

/** sp_train_packed_batch_create - room for clips of these lengths (each >= 1) and labels; the
 *  features are to be filled in, step t of clip i (in the order of the batch) at row first[t] +
 *  i. */
SP_NODISCARD sp_status sp_train_packed_batch_create(sp_error *err, sp_train_packed_batch *batch,
                                                    const size_t *steps, const size_t *label,
                                                    size_t clips, size_t width);
void sp_train_packed_batch_clear(sp_train_packed_batch *batch);

/* ---- values: one pass. Nets are chains: each node reads the one before it ---- */

/** sp_train_packed_batch_rows - rows that a node has: those of the batch, or, from a pool on, its
 *  clips. */
size_t sp_train_packed_batch_rows(const sp_train_packed_batch *batch, const sp_net *net,
                                  size_t node);
/** sp_train_packed_batch_check - SP_E_UNSUPPORTED for a net that is no such chain. */
SP_NODISCARD sp_status sp_train_packed_batch_check(sp_error *err, const sp_net *net);

/** sp_train_trace - what a pass leaves at one node; rows: sp_train_packed_batch_rows. */
typedef struct sp_train_trace {
    double *out;   /* [rows, out] */
    double *cell;  /* cells: [rows, slots, out] variables of the steps (cell_plan.h) */
    double *zero;  /* cells: [out] */
    double *slope; /* [rows, out] of the loss by out, on the way back */
} sp_train_trace;

/** sp_train_pass - buffers of one pass over one batch: concrete values and their gradients. */
typedef struct sp_train_pass {
    const sp_net *net;                  /* borrowed */
    const sp_train_packed_batch *batch; /* borrowed */
    sp_train_trace *trace;              /* [nodes] */
    double *input_slope;                /* [rows, features], if asked for */
    sp_arena arena;                     /* owned */
} sp_train_pass;

SP_NODISCARD sp_status sp_train_pass_create(sp_error *err, sp_train_pass *pass, const sp_net *net,
                                            const sp_train_packed_batch *batch);
void sp_train_pass_clear(sp_train_pass *pass);
/** sp_train_pass_forward - the logits [clips, classes] of features x [rows, features]; they point
 *  into the pass. */
const double *sp_train_pass_forward(sp_train_pass *pass, const double *x);
/** sp_train_pass_backward - of the x of the last sp_train_pass_forward, once. I slope [clips,
 *  classes] of the loss by the logits. Adds to gradient [P] unless it is NULL; leaves the slopes by
 *  x in input_slope if `inputs`. */
void sp_train_pass_backward(sp_train_pass *pass, const double *x, const double *slope,
                            double *gradient, bool inputs);

/** sp_train_cell_forward, sp_train_cell_backward - what a cell does over a whole batch: forward
 *  from its input x [rows, in], and back from trace->slope, which then holds all of the loss's
 *  slope by out; dx [rows, in] or NULL; slopes NULL: not wanted. `arena` has room for scratch, see
 *  sp_train_pass_create. */
void sp_train_cell_forward(const sp_cell *cell, const sp_train_packed_batch *batch,
                           sp_train_trace *trace, const double *x);
void sp_train_cell_backward(const sp_cell *cell, const sp_train_packed_batch *batch,
                            sp_train_trace *trace, const double *x, double *dx,
                            const sp_train_slopes *slopes, sp_arena *arena);
/** sp_train_linear_forward, sp_train_linear_backward - the same for linear layers. */
void sp_train_linear_forward(const sp_cell *cell, const sp_train_packed_batch *batch,
                             sp_train_trace *trace, const double *x);
void sp_train_linear_backward(const sp_cell *cell, const sp_train_packed_batch *batch,
                              sp_train_trace *trace, const double *x, double *dx,
                              const sp_train_slopes *slopes, sp_arena *arena);

/* ---- intervals: the same pass over boxes ---- */

/** sp_train_interval - centre and half width of n numbers. */
typedef struct sp_train_interval {
    double *mid, *rad; /* rad >= 0 */
} sp_train_interval;

/** sp_train_interval_trace - what a pass of intervals leaves at one node. */
typedef struct sp_train_interval_trace {
    sp_train_interval out; /* [rows, out] */
    double *ends; /* ReLU: [2, rows, out] bounds; cells: [2, rows, slots, out] (cell_plan.h) */
    sp_train_interval slope; /* [rows, out] of the loss by out.mid and out.rad */
} sp_train_interval_trace;

typedef struct sp_train_interval_pass {
    const sp_net *net;                  /* borrowed */
    const sp_train_packed_batch *batch; /* borrowed */
    sp_train_interval_trace *trace;     /* [nodes] */
    double **magnitude;                 /* [nodes] |weight| then, but for linear layers,
                                           |recurrent| */
    sp_arena arena;                     /* owned */
} sp_train_interval_pass;

SP_NODISCARD sp_status sp_train_interval_pass_create(sp_error *err, sp_train_interval_pass *pass,
                                                     const sp_net *net,
                                                     const sp_train_packed_batch *batch);
void sp_train_interval_pass_clear(sp_train_interval_pass *pass);
/** sp_train_interval_pass_forward - interval bounds of features x [rows, features] through all
 *  nodes but the last; O worst [clips, classes] upper bounds of logit[k] - logit[label]. */
void sp_train_interval_pass_forward(sp_train_interval_pass *pass, sp_train_interval x,
                                    double *worst);
/** sp_train_interval_pass_backward - I slope [clips, classes] of the loss by `worst`; adds to
 *  gradient [P]. */
void sp_train_interval_pass_backward(sp_train_interval_pass *pass, sp_train_interval x,
                                     const double *slope, double *gradient);

/** sp_train_interval_cell - a node at work: what its functions read and write. */
typedef struct sp_train_interval_cell {
    const sp_cell *cell;
    const sp_train_packed_batch *batch;
    sp_train_interval_trace *trace;
    const double *magnitude; /* |weight| then, but for linear layers, |recurrent| */
    sp_train_interval x;     /* [rows, in] */
    sp_train_interval dx;    /* [rows, in]; mid NULL: not wanted */
    const sp_train_slopes *slopes;
    sp_arena *arena;
} sp_train_interval_cell;
void sp_train_cell_box_forward(const sp_train_interval_cell *at);
void sp_train_cell_box_backward(const sp_train_interval_cell *at);
void sp_train_linear_box_forward(const sp_train_interval_cell *at);
void sp_train_linear_box_backward(const sp_train_interval_cell *at);

/* ---- zonotopes: the same pass over affine forms of the noise ---- */

/** sp_train_forms - numbers as affine forms: a centre, a coefficient for each symbol (one symbol
 *  for each feature of each frame up to the row's) and a rest that is independent of everything; a
 *  range around the centre, a box that they lie in, and what intervals alone say of them. */
typedef struct sp_train_forms {
    size_t rows, ld;               /* leading dimension of all arrays */
    const size_t *first;           /* [rows + 1] form rows before: centres, symbol by symbol */
    double *gen;                   /* [first[rows], ld] */
    double *rest, *range;          /* [rows, ld] */
    sp_train_interval box, bounds; /* [rows, ld] */
} sp_train_forms;

/** sp_train_zonotope_trace - what a pass of zonotopes leaves at one node. */
typedef struct sp_train_zonotope_trace {
    sp_train_forms all, all_slope; /* of all variables of a cell; else of the node */
    sp_train_forms out, out_slope; /* columns of these */
    struct sp_train_chord *chord;  /* ReLU: [rows, out]; cells: [rows, curves, out] */
} sp_train_zonotope_trace;

typedef struct sp_train_zonotope_pass {
    const sp_net *net;                  /* borrowed */
    const sp_train_packed_batch *batch; /* borrowed */
    bool meet;                          /* ranges meet with intervals at every number [RNNGuard] */
    sp_train_forms input;
    sp_train_zonotope_trace *trace; /* [nodes] */
    double **magnitude;             /* [nodes] as in sp_train_interval_pass */
    size_t *index;                  /* owned: the `first` of all forms */
    sp_arena arena;                 /* owned */
} sp_train_zonotope_pass;

SP_NODISCARD sp_status sp_train_zonotope_pass_create(sp_error *err, sp_train_zonotope_pass *pass,
                                                     const sp_net *net,
                                                     const sp_train_packed_batch *batch, bool meet);
void sp_train_zonotope_pass_clear(sp_train_zonotope_pass *pass);
/** sp_train_zonotope_pass_forward, sp_train_zonotope_pass_backward - as those of
 *  sp_train_interval_pass. */
void sp_train_zonotope_pass_forward(sp_train_zonotope_pass *pass, sp_train_interval x,
                                    double *worst);
void sp_train_zonotope_pass_backward(sp_train_zonotope_pass *pass, const double *slope,
                                     double *gradient);

/* ---- pieces of both ---- */

/** sp_train_activation_slope - the derivative, from the function's value; 0 at a kink's left. */
static inline double sp_train_activation_slope(sp_activation activation, double value) {
    switch (activation.kind) {
    case SP_ACTIVATION_SIGMOID:
        return value * (1.0 - value);
    case SP_ACTIVATION_TANH:
        return 1.0 - value * value;
    case SP_ACTIVATION_HARD_SIGMOID:
        return value > 0.0 && value < 1.0 ? activation.alpha : 0.0;
    case SP_ACTIVATION_RELU:
        return value > 0.0 ? 1.0 : 0.0;
    case SP_ACTIVATION_AFFINE:
        return activation.alpha;
    default:
        return 0.0;
    }
}

/** sp_train_rows_affine - y [rows, ldy] = x [rows, in] weightT + bias (or + 0 for NULL), out
 *  columns. */
void sp_train_rows_affine(double *y, size_t ldy, const double *x, size_t rows, size_t in,
                          const double *weight, const double *bias, size_t out);
/** sp_train_rows_outer - dw [out, in] += dyT x, through `scratch` [out, rows]. */
void sp_train_rows_outer(double *dw, const double *dy, size_t lddy, const double *x, size_t rows,
                         size_t out, size_t in, double *scratch);
/** sp_train_rows_sum - db [out] += the sum of the rows of dy [rows, lddy]. */
void sp_train_rows_sum(double *db, const double *dy, size_t lddy, size_t rows, size_t out);
/** sp_train_packed_batch_before - O before [rows - count[0], width]: to each row of steps >= 1 the
 *  row of the same clip one step earlier in h [rows, width]. */
void sp_train_packed_batch_before(double *before, const sp_train_packed_batch *batch,
                                  const double *h, size_t width);
/** sp_train_packed_batch_last - O last [clips, width]: the clips' last rows of h.
 *  sp_train_packed_batch_spread - the way back:
 *  O h [rows, width], zero elsewhere. */
void sp_train_packed_batch_last(double *last, const sp_train_packed_batch *batch, const double *h,
                                size_t width);
void sp_train_packed_batch_spread(double *h, const sp_train_packed_batch *batch, const double *last,
                                  size_t width);

/** sp_ball_* - the same for intervals; `magnitude` = |weight|. */
void sp_train_interval_affine(sp_train_interval y, sp_train_interval x, size_t rows, size_t in,
                              const double *weight, const double *magnitude, const double *bias,
                              size_t out);
void sp_train_interval_outer(double *dw, sp_train_interval dy, size_t lddy, sp_train_interval x,
                             size_t rows, size_t out, size_t in, const double *weight,
                             double *scratch);
/** sp_train_interval_outer_work - doubles of scratch for sp_train_interval_outer. */
size_t sp_train_interval_outer_work(size_t rows, size_t out, size_t in);

/* ---- losses ---- */

/** sp_train_cross_entropy - the sum over clips of -log softmax(logits)[label], times scale; O slope
 *  [clips, classes] of it (NULL: not wanted). *right += clips whose label leads strictly. */
double sp_train_cross_entropy(double *slope, const double *logits, const size_t *label,
                              size_t clips, size_t classes, double scale, size_t *right);

/* ---- noise ---- */

/** sp_train_band_noise - how far noise moves the features: band m of the front end is log(a^2 +
 *  floor) with an amplitude a, and noise |d_i| <= eps moves a by at most eps bound[m] (to the three
 *  digits of an eigenvalue). What noise there is in a frame is shared by its bands: all of it in
 *  one of them reaches that far, and of what is spread over several the squares of the shares add
 *  up to about one at most. A number of a sequence is its own amplitude and moves by eps, whatever
 *  the others do; its floor is -1. */
typedef struct sp_train_band_noise {
    size_t bands;
    double *bound, *floor; /* [bands] owned */
} sp_train_band_noise;
/** sp_train_band_noise_create - SP_E_UNSUPPORTED for front ends that do not end in the log of band
 *  energies. */
SP_NODISCARD sp_status sp_train_band_noise_create(sp_error *err, sp_train_band_noise *band_noise,
                                                  const sp_front *front);
void sp_train_band_noise_clear(sp_train_band_noise *band_noise);
/** sp_train_band_noise_feature - the feature whose amplitude is moved; sp_train_band_noise_slope -
 *  its derivative by the move. */
double sp_train_band_noise_slope(double amplitude, double move, double floor);
double sp_train_band_noise_feature(double amplitude, double move, double floor);
/** sp_train_band_noise_amplitude - a of a feature. */
double sp_train_band_noise_amplitude(double feature, double floor);

/* ---- variants of clips ---- */

/** sp_train_variant - how a clip is changed before it is heard. */
typedef struct sp_train_variant {
    double gain;
    long shift;   /* samples by which it begins earlier; negative: later */
    double noise; /* largest added noise, in sample units */
} sp_train_variant;
/** sp_train_variant_draw - at least `least` samples remain. */
sp_train_variant sp_train_variant_draw(const sp_recipe *recipe, const sp_clip *clip, size_t least,
                                       sp_random *random);
size_t sp_train_variant_length(const sp_train_variant *variant, const sp_clip *clip);
/** sp_train_variant_fill - O samples [sp_train_variant_length]; returns the largest of them. */
double sp_train_variant_fill(double *samples, const sp_train_variant *variant, const sp_clip *clip,
                             sp_random *random);

/* ---- steps ---- */

/** sp_train_adam - the state of the optimiser over P parameters. */
typedef struct sp_train_adam {
    uint64_t steps;
    double *mean, *square; /* [P] borrowed */
} sp_train_adam;
/** sp_train_step - one step of the parameters [P] along scale * gradient. */
void sp_train_step(sp_train_adam *adam, double *parameter, const sp_train_block *block,
                   size_t blocks, const double *gradient, double scale, double rate, double decay);
double sp_train_gradient_norm(const double *gradient, size_t count);

/** sp_train_micro_batch - a few clips of a mini-batch; all inputs are borrowed. */
enum { SP_TRAIN_MICRO_BATCH = 16 }; /* most clips in one */
typedef struct sp_train_micro_batch {
    const sp_net *net; /* of normalised features */
    const sp_front *front;
    const sp_dataset *data;
    const sp_recipe *recipe;
    const sp_train_band_noise *band_noise; /* read when weight is not 0 */
    const double *mean, *deviation;        /* [features] */
    const size_t *clip;                    /* [clips] of the data */
    size_t clips;
    size_t epoch;
    bool augment;
    double scale;  /* of the losses: 1 over the clips of the batch */
    double weight; /* of the loss under noise */
    double noise;  /* largest noise over the clip's peak; of sequences, largest move */
    double box;    /* share of it that bounds cover */
    /* out */
    double *gradient; /* [P] added to, or NULL */
    double loss;
    size_t right, robust; /* clips answered rightly, without noise and under it */
} sp_train_micro_batch;
SP_NODISCARD sp_status sp_train_micro_batch_run(sp_error *err, sp_train_micro_batch *micro_batch);

/* ---- the training itself ---- */

struct sp_training {
    sp_net net;             /* owned; reads normalised features */
    const sp_front *front;  /* borrowed */
    const sp_dataset *data; /* borrowed */
    sp_recipe recipe;
    double deadline;                /* of epochs: a value of sp_clock_wall; 0: none */
    sp_train_band_noise band_noise; /* owned; empty without a defence */
    sp_train_block *block;          /* [blocks] owned */
    size_t blocks, parameters;
    double *memory;           /* owned: the arrays below */
    double *mean, *deviation; /* [features] of the training clips' features */
    double *parameter;        /* [P] */
    double *average;          /* [P] of the parameters over the last steps, see the recipe */
    double *best;             /* [P] parameters of the best epoch */
    double *gradients;        /* [micro-batches of a batch, P] */
    sp_train_adam adam;
    size_t *train, *check; /* [of each] clips for training, in an order of their own per epoch, and
                                for validation; owned by train */
    sp_training_point *curve;   /* [recipe.epochs] owned */
    char begin[SP_DIGEST_TEXT]; /* of the parameters that it began with */
    size_t epochs;              /* that are over */
    size_t best_epoch;          /* 0: none */
};

/** sp_training_set - makes `parameter` the beginning of the training. */
SP_NODISCARD sp_status sp_training_set(sp_error *err, sp_training *training);
/** sp_training_fingerprint - O text [SP_DIGEST_TEXT]: data, net, features and recipe. */
SP_NODISCARD sp_status sp_training_fingerprint(sp_error *err, const sp_training *training,
                                               char *text);

#endif
