/* Private to onnx/: recurrent cells as layers. */
#ifndef SP_ONNX_SEED_H
#define SP_ONNX_SEED_H

#include "onnx/impl.h"

/** sp_onnx_cell_seed - a plain cell that reads a source, with states that start as given (NULL:
 *  zeros): where they do not start at zero it becomes one that is seeded, and reads another source.
 *  The cell's arrays live in the region. */
SP_NODISCARD sp_status sp_onnx_cell_seed(sp_onnx_reader *r, sp_cell *cell, sp_onnx_source *from,
                                         const double *const start[SP_CELL_STATES]);

/** sp_onnx_hop_close - of a file whose hops have several steps: the answer as a layer that runs at
 *  every step, and behind it the one that picks the step of each hop at which it is given. */
SP_NODISCARD sp_status sp_onnx_hop_close(sp_onnx_reader *r, sp_onnx_source *last);

/** sp_onnx_cells_push - cells as layers, the first of which reads every step of layer `below`, each
 *  other one the one before; source[h] of each cell's state h: it. */
SP_NODISCARD sp_status sp_onnx_cells_push(sp_onnx_reader *r, sp_onnx_source *source,
                                          const sp_onnx_found *found, size_t cells, size_t below);

#endif
