/* Private to net/: the values of all nodes, which both passes go through. */
#ifndef SP_NET_IMPL_H
#define SP_NET_IMPL_H

#include "net/net.h"

/** sp_node_copy - a node with arrays of its own, which are checked; n: its number, for messages. On
 *  failure what was copied so far is in *copy. */
SP_NODISCARD sp_status sp_node_copy(sp_error *err, sp_node *copy, const sp_node *node, size_t n);

/** sp_timing_frames - frames that a timing makes of `frames`; 0: too few. */
size_t sp_timing_frames(const sp_timing *timing, size_t frames);

/** sp_timing_run - how many taps from tap k of frame t on read frames that lie side by side, and
 *  the first of these; all zeros: *frame is `frames`. */
size_t sp_timing_run(size_t *frame, const sp_timing *timing, size_t frames, size_t t, size_t k);

/** sp_products - y[j] += sum_i weight[j ld + i] x[i], j < rows, i < n, in the order of i: sums go
 *  on where y stands. */
void sp_products(double *y, const double *weight, size_t ld, size_t rows, size_t n,
                 const double *x);

/* ---- a step of a cell ---- */

/** sp_cell_block - numbers of one step: the values of all variables [count, out], then [count, out]
 *  the gates of products. */
size_t sp_cell_block(const sp_cell *cell, const sp_cell_steps *steps);
/** sp_cell_step - the variables that the output depends on, at one step.
 *  O block   I x [in]; before: the block of the step before, NULL at the first */
void sp_cell_step(const sp_cell *cell, const sp_cell_steps *steps, double *block,
                  const double *before, const double *x);
/** sp_cell_step_back - the same step in reverse mode, for each of `rows` objectives.
 *  I/O slope [rows, count, out]: by the variables; the output's and those of the states after hold
 *      what later steps and nodes add, all others are zero; on return those of the states before
 *      are what the step before takes over
 *  O dx [rows] rows, ld apart: added to   I scratch [3 count, out] */
void sp_cell_step_back(const sp_cell *cell, const sp_cell_steps *steps, double *slope, double *dx,
                       size_t ld, const double *block, size_t rows, double *scratch);

/* ---- values of all nodes ---- */

/** sp_values - the sequences of the nodes that the output depends on, from node `source` on. */
typedef struct sp_values {
    const sp_net *net; /* borrowed */
    size_t source;
    bool keep;            /* all of them; else each only as long as a node reads it */
    size_t *frames;       /* [nodes] owned, as the arrays below; 0: not needed */
    size_t *reader;       /* [nodes] the last node that reads it */
    double **owned;       /* [nodes] sequences that were computed */
    const double **value; /* [nodes] all sequences [frames, width] */
    double **trace;       /* [nodes] keep: the blocks of a cell [frames] */
} sp_values;

/** sp_values_compute - SP_E_NONFINITE, SP_E_MISMATCH as sp_net_run. sequence: that of the source,
 *  borrowed. Clear also after a failure. */
SP_NODISCARD sp_status sp_values_compute(sp_error *err, sp_values *values, const sp_net *net,
                                         size_t source, const double *sequence, size_t frames,
                                         bool keep);
/** sp_values_one - SP_E_MISMATCH unless the output has one frame. */
SP_NODISCARD sp_status sp_values_one(sp_error *err, const sp_values *values);
void sp_values_clear(sp_values *values);

#endif
