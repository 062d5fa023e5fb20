/* Networks and their concrete forward pass. */
#ifndef SP_NET_NET_H
#define SP_NET_NET_H

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

/** SP_NO_LABEL - stands for a label or a prediction that is not known. */
#define SP_NO_LABEL ((size_t)-1)

/** sp_prediction - the index of the largest logit; *tie says whether another one equals it.
 *  SP_NO_LABEL when there is none or one is not finite. */
size_t sp_prediction(const double *logits, size_t classes, bool *tie);

#ifdef __cplusplus
}
#endif

#endif
