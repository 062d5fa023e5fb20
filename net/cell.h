/* Recurrent cells, described once: which variables a step has, in the order in which they are
 * computed, and how each comes out of those before it. The concrete pass, the trainer, intervals,
 * relaxations, rows and error terms all read this description; a new cell is a new description. */
#ifndef SP_NET_CELL_H
#define SP_NET_CELL_H

#include "relax/relax.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum { SP_CELL_LSTM, SP_CELL_GRU, SP_CELL_RNN, SP_CELL_TIMES } sp_cell_kind;

/** sp_cell - weights and activations. Weights are read as exact reals. States start at zero.
 *  D = in, H = out, G = sp_cell_gates.
 *  LSTM: gates in the order i, f, g, o; c = gate(f) c' + gate(i) candidate(g),
 *    h = gate(o) candidate(c).
 *  GRU: gates in the order z, r, n, with z = gate(Wz x + Rz h' + bz), r = gate(Wr x + Rr h' + br),
 *    n = candidate(Wn x + Rn (r o h') + bn), or for reset_after
 *    n = candidate(Wn x + bn + r o (Rn h' + recurrent_bias)); h = (1 - z) o n + z o h'.
 *  RNN: h = candidate(W x + R h' + b).
 *  TIMES: h = (Wa x + ba) o (Wb x + bb), of one step alone: it has no states.
 *  The bias is the sum of the file's input and recurrent biases, except for recurrent_bias.
 *  seeded: each step begins by adding numbers of its input to the states, h' + V x + v, of an LSTM
 *    also c' + U x + u: V (and U) with v (and u) stand in front of the gates' weights and biases;
 *    the rows of `recurrent` in front are not read. This is how states start elsewhere than at 0.
 *  clip: what the gates and the candidate are applied to lies in -clip .. clip. */
typedef struct sp_cell {
    sp_cell_kind kind;
    size_t in, out;
    double *weight;          /* owned; [G H, D] */
    double *recurrent;       /* owned; [G H, H]; TIMES: NULL */
    double *bias;            /* owned; [G H] */
    double *recurrent_bias;  /* owned; GRU with reset_after: [H]; else NULL */
    sp_activation gate;      /* LSTM; GRU: of z and r; TIMES: x */
    sp_activation candidate; /* LSTM; GRU: of n; RNN */
    bool reset_after;        /* GRU: r multiplies the product (ONNX: linear_before_reset) */
    bool reverse;            /* from the last frame to the first */
    bool seeded;
    double clip; /* 0: no limit */
} sp_cell;

/** sp_cell_gates - blocks of weights: 4 LSTM, 3 GRU, 1 RNN, 2 TIMES, and before them those of
 *  sp_cell_seeds. sp_cell_parameters - numbers. */
size_t sp_cell_gates(const sp_cell *cell);
size_t sp_cell_parameters(const sp_cell *cell);
/** sp_cell_states - what a step hands on to the next: 2 LSTM, 1 GRU and RNN, 0 TIMES.
 *  sp_cell_seeds - as many if they are seeded; else 0. */
size_t sp_cell_states(const sp_cell *cell);
size_t sp_cell_seeds(const sp_cell *cell);
/** sp_cell_is_plain - no product, neither seeded nor with a limit, and of an LSTM sigmoid and
 *  tanh. */
bool sp_cell_is_plain(const sp_cell *cell);

enum { SP_CELL_VARIABLES = 18, SP_CELL_STATES = 2, SP_NO_VARIABLE = -1 };

/** sp_cell_op - how a variable [H] comes out of others. */
typedef enum {
    SP_CELL_STATE,     /* the state before the step; 0 before the first */
    SP_CELL_IMAGE,     /* a pre-activation: W x + R a + b + bias, each part where there is one */
    SP_CELL_PRODUCT,   /* gate(a) second(b), or (1 - gate(a)) second(b) */
    SP_CELL_CURVE,     /* f(a) */
    SP_CELL_SUM,       /* a + b */
    SP_CELL_DIFFERENCE /* a - b */
} sp_cell_op;

/** sp_cell_range - how the interval of a sum is found: of its terms; or, for n + z (h - n), of the
 *  convex combination of n and h that it is, too. */
typedef enum { SP_CELL_RANGE_TERMS, SP_CELL_RANGE_BLEND } sp_cell_range;

/** sp_cell_variable - one variable of a step; operands are variables before it. */
typedef struct sp_cell_variable {
    sp_cell_op op;
    int a, b;
    /* IMAGE: its place among the pre-activations; the block of W and R that it reads; whether W x
     * is a part; its bias, block * H numbers into `bias`, or recurrent_bias */
    size_t place, block;
    bool input, recurrent_bias;
    sp_activation f;  /* CURVE: f; PRODUCT: the gate */
    bool complement;  /* PRODUCT: 1 - gate(a) */
    bool second_tanh; /* PRODUCT: second is tanh, else the identity */
    sp_gate_map map;  /* PRODUCT: the same for relaxations */
    sp_cell_range range;
    bool boxed; /* intervals alone are too wide: rows bound it as well */
    bool used;  /* the output depends on it by way of the operands; else it serves ranges only */
} sp_cell_variable;

/** sp_cell_steps - the description of a step. */
typedef struct sp_cell_steps {
    size_t count;
    sp_cell_variable variable[SP_CELL_VARIABLES];
    size_t images; /* number of IMAGE variables; these have places 0 .. images - 1 */
    size_t states;
    struct {
        int before, after; /* a STATE and the variable that it is one step later */
    } state[SP_CELL_STATES];
    int output;
    size_t roundings; /* sums over a row's coefficients that a step adds to its bound, at most */
} sp_cell_steps;

/** sp_cell_describe - the description of this cell. */
void sp_cell_describe(sp_cell_steps *steps, const sp_cell *cell);

/** sp_cell_zero - whether variable v is exactly zero at a step whose states are zero (first). */
bool sp_cell_zero(const sp_cell_steps *steps, int v, bool first);

#ifdef __cplusplus
}
#endif
#endif
