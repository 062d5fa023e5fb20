/* Networks as graphs of sequences, and their concrete pass.
 *
 * A node gives a sequence, frames x width numbers, out of the sequences of nodes before it; how
 * many frames it has follows from theirs. Node 0 is the input: features handed in directly, or
 * samples (width 1) where the front end is the first part of the graph (preprocess/). The last node
 * is the output. Weights are read as exact reals. */
#ifndef SP_NET_NET_H
#define SP_NET_NET_H

#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"
#include "net/cell.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum {
    SP_NODE_INPUT,
    SP_NODE_AFFINE, /* y_t = bias + sum over terms and taps of weights times frames */
    SP_NODE_CURVE,  /* one function of one variable for every number */
    SP_NODE_CELL,   /* a recurrent cell over all frames */
    SP_NODE_POOL    /* one frame out of all */
} sp_node_kind;

/** sp_timing - the frames that frame t of the output reads: those of the input numbered
 *  t stride + k dilation - before, k < taps; `before` and `after` are frames around the input: of
 *  zeros, or its first and its last one again, or its mirror image. Stride 0, with one tap and
 *  nothing around it: all frames read the only one of an input that has one; another term says how
 *  many there are. */
typedef struct sp_timing {
    size_t taps, stride, dilation, before, after;
    bool repeats;  /* the first and the last frame stand around the input */
    bool reflects; /* frames 1, 2, .. from either end do, of which there must be enough */
} sp_timing;
/** sp_timing_same - one tap, frame by frame. sp_timing_spread - the one with stride 0. */
extern const sp_timing sp_timing_same, sp_timing_spread;
/** sp_timing_reads - the frame that tap k of frame t reads; false: a frame of zeros. */
static inline bool sp_timing_reads(size_t *frame, const sp_timing *timing, size_t frames, size_t t,
                                   size_t k) {
    const size_t at = t * timing->stride + k * timing->dilation;
    *frame = at >= timing->before ? at - timing->before : 0;
    if (timing->reflects) {
        const size_t last = frames - 1;
        *frame = at < timing->before ? timing->before - at
                 : *frame > last     ? last - (*frame - last)
                                     : *frame;
        return *frame < frames;
    }
    if (timing->repeats) {
        *frame = *frame < frames ? *frame : frames - 1;
        return true;
    }
    return at >= timing->before && *frame < frames;
}

/** sp_term - one input of an affine node. */
typedef struct sp_term {
    size_t input;   /* node */
    size_t in;      /* its width */
    double *weight; /* owned; [out, taps, in] */
    sp_timing timing;
} sp_term;

/** sp_pooling - MEAN: the sum times the double next to 1 / frames. */
typedef enum { SP_POOLING_LAST, SP_POOLING_FIRST, SP_POOLING_MEAN, SP_POOLING_SUM } sp_pooling;

/** sp_node - one node; which members count depends on the kind. */
typedef struct sp_node {
    sp_node_kind kind;
    size_t width;
    size_t input;        /* CURVE, CELL, POOL: the node that they read */
    size_t terms;        /* AFFINE */
    sp_term *term;       /* owned; [terms] */
    double *bias;        /* owned; AFFINE: [width] */
    sp_activation curve; /* CURVE */
    sp_cell cell;        /* CELL */
    sp_pooling pool;     /* POOL */
} sp_node;

/** sp_net - the graph. */
typedef struct sp_net {
    sp_node *node; /* [nodes] owned */
    size_t nodes;
    size_t features; /* width of the input */
    size_t classes;  /* width of the output C */
    size_t steps;    /* the number of frames that it takes; 0: any */
    bool sigmoid;    /* the model's outputs are the sigmoids of the logits, each by itself */
    bool softmax;    /* the model's answer is the softmax of the logits */
    bool every;      /* it answers at every frame of its output, which may have any number; else at
                      * its only one */
    size_t hop;      /* frames that a call of a streaming model hears, which its last node tells
                      * apart; 0: one, or it is none */
} sp_net;

/** sp_net_hop - frames of a call, 1 unless the net says otherwise. sp_net_is_call - whether a sum
 *  over frames is one over those of one call. */
size_t sp_net_hop(const sp_net *net);
bool sp_net_is_call(const sp_net *net, const sp_timing *timing);

/** sp_net_init - a graph whose only node is an input of `features` numbers per frame. */
SP_NODISCARD sp_status sp_net_init(sp_error *err, sp_net *net, size_t features);
void sp_net_clear(sp_net *net);
/** sp_net_copy - the same nodes with arrays of their own. */
SP_NODISCARD sp_status sp_net_copy(sp_error *err, sp_net *copy, const sp_net *net);

/* ---- appending a node that reads the last one ---- */

/** sp_net_add_* - the arrays are copied; all weights must be finite (SP_E_NONFINITE names the array
 *  and the index). affine: weight [out, width], bias [out], frame by frame. */
SP_NODISCARD sp_status sp_net_add_affine(sp_error *err, sp_net *net, size_t out,
                                         const double *weight, const double *bias);
/** sp_net_add_convolution - weight [out, taps, width]. */
SP_NODISCARD sp_status sp_net_add_convolution(sp_error *err, sp_net *net, size_t out,
                                              sp_timing timing, const double *weight,
                                              const double *bias);
/** sp_net_add_curve - alpha and beta that an activation reads must be finite. */
SP_NODISCARD sp_status sp_net_add_curve(sp_error *err, sp_net *net, sp_activation curve);
SP_NODISCARD sp_status sp_net_add_relu(sp_error *err, sp_net *net);
SP_NODISCARD sp_status sp_net_add_lstm(sp_error *err, sp_net *net, size_t hidden,
                                       const double *weight, const double *recurrent,
                                       const double *bias);
/** sp_net_add_gru, sp_net_add_rnn - recurrent_bias [hidden] may be NULL for zero; it must be NULL
 *  without reset_after. */
SP_NODISCARD sp_status sp_net_add_gru(sp_error *err, sp_net *net, size_t hidden, sp_activation gate,
                                      sp_activation candidate, bool reset_after,
                                      const double *weight, const double *recurrent,
                                      const double *bias, const double *recurrent_bias);
SP_NODISCARD sp_status sp_net_add_rnn(sp_error *err, sp_net *net, size_t hidden,
                                      sp_activation activation, const double *weight,
                                      const double *recurrent, const double *bias);
/** sp_net_add_pool - the nodes that follow have one frame. A second pool of one frame changes
 *  nothing and is not added. */
SP_NODISCARD sp_status sp_net_add_pool(sp_error *err, sp_net *net, sp_pooling pool);

/* ---- appending a node anywhere ---- */

/** sp_net_append - a node whose inputs are named; its arrays are copied. *index: where it stands.
 *  SP_E_MISMATCH where widths do not fit, SP_E_NONFINITE for weights that are no numbers. */
SP_NODISCARD sp_status sp_net_append(sp_error *err, sp_net *net, const sp_node *node,
                                     size_t *index);
/** sp_net_append_moved - a node of another network, whose inputs stand at other places here:
 *  place[n] is that of its node n.  sp_net_answer_as - the answers are those of `like`: of a
 *  sigmoid or softmax, at every frame, hop by hop. */
SP_NODISCARD sp_status sp_net_append_moved(sp_error *err, sp_net *net, const sp_node *node,
                                           const size_t *place, size_t *to);
void sp_net_answer_as(sp_net *net, const sp_net *like);

/** sp_net_has_sums - whether a node behind `source` is a mean or sum over all frames, or repeats
 *  or reflects the last ones.
 *  sp_net_unroll - the net for `frames` frames of node `source`: there such a node is an affine one
 *  over all of them. */
bool sp_net_has_sums(const sp_net *net, size_t source);
SP_NODISCARD sp_status sp_net_unroll(sp_error *err, sp_net *unrolled, const sp_net *net,
                                     size_t source, size_t frames);

/* ---- what follows from the graph ---- */

/** sp_net_frames - how many frames node `index` has when node `source` has `frames`; 0: these are
 *  too few for it. */
size_t sp_net_frames(const sp_net *net, size_t source, size_t index, size_t frames);
/** sp_node_inputs - number of nodes that a node reads; sp_node_input - the i-th of them. */
size_t sp_node_inputs(const sp_node *node);
size_t sp_node_input(const sp_node *node, size_t i);
/** sp_node_parameters - its number of weights and biases. */
size_t sp_node_parameters(const sp_node *node);

/* ---- concrete passes ---- */

/** sp_net_run - logits [classes] of an input [frames, features]; the output must have one frame.
 *  SP_E_NONFINITE when a number of the input, a pre-activation, a state or a logit is not finite;
 *  SP_E_MISMATCH for no frames at all or a number of frames that the net does not take.
 *  Thread-safe. */
SP_NODISCARD sp_status sp_net_run(sp_error *err, const sp_net *net, double *logits,
                                  const double *input, size_t frames);
/** sp_net_rows - at how many frames of its output it answers to `frames` of node `source`: 1 unless
 *  net.every. sp_net_run_rows - the same as sp_net_run with all of them.  O logits [rows, classes]
  */
size_t sp_net_rows(const sp_net *net, size_t source, size_t frames);
SP_NODISCARD sp_status sp_net_run_rows(sp_error *err, const sp_net *net, double *logits,
                                       const double *input, size_t frames);
/** sp_net_run_from - the same with the sequence of node `source` [frames, width] handed in; the
 *  nodes before it are not computed and no later one may read them. frames: of that node. */
SP_NODISCARD sp_status sp_net_run_from(sp_error *err, const sp_net *net, size_t source,
                                       double *logits, const double *sequence, size_t frames);
/** sp_net_run_prefixes - the logits that sp_net_run has for the first 1, 2, .. `frames` frames, in
 *  one pass; for networks that take the last frame of what each frame adds to those before it:
 *  SP_E_UNSUPPORTED for others.
 *  O logits [frames, classes] */
SP_NODISCARD sp_status sp_net_run_prefixes(sp_error *err, const sp_net *net, double *logits,
                                           const double *input, size_t frames);
/** sp_net_states - the states of all cells behind each of `frames` frames, in the order of the
 *  nodes, of an LSTM h then c; sp_net_state_width of them each. SP_E_UNSUPPORTED where a node other
 *  than a cell hears several frames, for reversed cells and those whose states do not start at
 *  zero.
 *  O states [frames, width]
 *  sp_net_resume - the network that goes on from such states [width]: to the frames that follow it
 *  answers as net does to all of them, but for rounding. Nodes before the first cell stay in place.
 */
size_t sp_net_state_width(const sp_net *net);
SP_NODISCARD sp_status sp_net_states(sp_error *err, const sp_net *net, double *states,
                                     const double *input, size_t frames);
SP_NODISCARD sp_status sp_net_resume(sp_error *err, sp_net *resumed, const sp_net *net,
                                     const double *state);
/** sp_net_gradient - gradients of rows of linear objectives of the output by the input, at an input
 *  [frames, features]: reverse mode, in doubles.
 *  O gradient [rows, frames, features]   I weight [rows, sp_net_rows, classes] */
SP_NODISCARD sp_status sp_net_gradient(sp_error *err, const sp_net *net, double *gradient,
                                       const double *input, size_t frames, const double *weight,
                                       size_t rows);

/** SP_NO_LABEL - stands for a label or a prediction that is not known. */
#define SP_NO_LABEL ((size_t)-1)

/** sp_prediction - the index of the largest logit; *tie says whether another one equals it.
 *  SP_NO_LABEL when there is none or one is not finite. */
size_t sp_prediction(const double *logits, size_t classes, bool *tie);

#ifdef __cplusplus
}
#endif
#endif
