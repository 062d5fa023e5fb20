/* Private to onnx/: an LSTM, GRU or RNN node as the file has it. */
#ifndef SP_ONNX_RECURRENCE_H
#define SP_ONNX_RECURRENCE_H

#include "onnx/impl.h"

/** sp_onnx_recurrence - one direction of an LSTM, GRU or RNN node as the file has it: gates in
 *  ONNX's order (i, o,  f, c; z, r, h), G = 4, 3 or 1. */
typedef struct sp_onnx_recurrence {
    sp_cell_kind kind;
    size_t gates, hidden, width;
    const double *weight, *recurrent; /* [G hidden, width], [G hidden, hidden] */
    const double *bias;               /* [2 G hidden], of W and of R; NULL: zero */
    sp_activation function[2];        /* of the gates and the candidate; RNN: [1] only */
    double clip;                      /* 0: none */
    bool reset_after, batch_first, reverse;
    const double *start[SP_CELL_STATES]; /* [hidden] h and c before the first step; NULL: zeros */
} sp_onnx_recurrence;

/** sp_onnx_recurrence_directions - how many there are, and whether the first one runs backwards. */
SP_NODISCARD sp_status sp_onnx_recurrence_directions(sp_onnx_reader *r, size_t *directions,
                                                     bool *reverse);
/** sp_onnx_recurrence_switch - an attribute that is 0 or 1. */
SP_NODISCARD sp_status sp_onnx_recurrence_switch(sp_onnx_reader *r, bool *value, const char *name);
/** sp_onnx_recurrence_attributes - what holds of all directions, and the activations of each. */
SP_NODISCARD sp_status sp_onnx_recurrence_attributes(sp_onnx_reader *r, sp_onnx_recurrence *cell,
                                                     size_t directions);
/** sp_onnx_recurrence_run - runs the node at hand on constants, by the formulas of the standard;
 *  cell [directions]. */
SP_NODISCARD sp_status sp_onnx_recurrence_run(sp_onnx_reader *r, const sp_onnx_recurrence *cell,
                                              size_t directions, const sp_onnx_tensor *x);

#endif
