/* Private to the GRU: cell_gru.c bounds a layer, cell_gru_rows.c takes rows and values through
 * it. */
#ifndef SP_LSTM_CELL_GRU_H
#define SP_LSTM_CELL_GRU_H

#include "lstm/layers.h"

enum { RESET, CANDIDATE, UPDATE };        /* the menus */
enum { GATE_Z, GATE_R, GATE_N, IMAGE_Q }; /* blocks of pre-activations */

/** sp_gru_is_paired - whether h_t is (1 - gate(a_z)) tanh(a_n) + gate(a_z) h, two products. */
bool sp_gru_is_paired(const sp_layer *layer);
/** sp_gru_inputs - blocks of pre-activations. sp_gru_apart - |h_{t-1}| + |n| [out], behind their
 *  omegas. */
size_t sp_gru_inputs(const sp_layer *layer);
double *sp_gru_apart(const sp_layer *layer, const sp_state *state);

sp_rows sp_gru_start(sp_walk *walk, size_t l, size_t t);
sp_rows sp_gru_back(sp_walk *walk, size_t l, size_t t, sp_rows above);
sp_rows sp_gru_value(sp_walk *walk, size_t l, size_t t, sp_rows in, size_t iteration);

#endif
