/* Private to onnx/cell/cell*.c: the polynomials of one iteration as the rows of a cell. */
#ifndef SP_ONNX_CELL_MATCH_H
#define SP_ONNX_CELL_MATCH_H

#include "onnx/impl.h"

/* A row of pre-activations: weight x + recurrent h + bias, seen through min(max(alpha . + beta, 0),
 * 1) or another function. */
typedef struct sp_onnx_row {
    bool seen;
    sp_activation function;
    double *weight, *recurrent, *bias;
    double *recurrent_bias; /* of candidates, else NULL */
} sp_onnx_row;

typedef struct sp_onnx_match {
    sp_onnx_reader *r;
    sp_cell *cell;
    size_t D, H;
    sp_onnx_symbol state; /* of its first unit */
    /* [D] outputs of the cell that it reads; NULL: the features. Each is one product of symbols */
    const sp_onnx_polynomial *below;
    size_t next_below;     /* where to look first */
    sp_onnx_symbol *reset; /* [H] reset gate of unit j; SP_ONNX_NO_SYMBOL: not seen */
    sp_onnx_row *row;      /* [3 H] of z, r, n; RNN: [H] */
} sp_onnx_match;

static inline bool sp_onnx_is_atom(sp_onnx_symbol s) {
    return s >= SP_ONNX_SYMBOL_ATOM;
}

/* ---- cell_rows.c ---- */

/** sp_onnx_match_is_feature / sp_onnx_match_is_state - whether a symbol is one of those that the
 *  cell reads. */
bool sp_onnx_match_is_feature(const sp_onnx_match *m, sp_onnx_symbol s);
bool sp_onnx_match_is_state(const sp_onnx_match *m, sp_onnx_symbol s);
/** sp_onnx_no_cell - refuses unit k of the state. */
sp_status sp_onnx_no_cell(const sp_onnx_match *m, size_t k, const char *why);
/** sp_onnx_lone_atom - the activation that a polynomial is; SP_ONNX_NO_SYMBOL: it is none. */
sp_onnx_symbol sp_onnx_lone_atom(const sp_onnx_polynomial *polynomial);
/** sp_onnx_match_function - the argument of an atom as a function of a plain sum. */
SP_NODISCARD sp_status sp_onnx_match_function(const sp_onnx_match *m, size_t k,
                                              const sp_onnx_atom *atom, sp_activation *function,
                                              sp_onnx_polynomial *sum);
/** sp_onnx_match_linear - sum = weight x + recurrent h + bias, into a row. */
SP_NODISCARD sp_status sp_onnx_match_linear(sp_onnx_match *m, size_t k, sp_onnx_row *row,
                                            const sp_onnx_polynomial *sum);
/** sp_onnx_match_gate - the gate that a symbol, or 1 - it, is, into a row. */
SP_NODISCARD sp_status sp_onnx_match_gate(sp_onnx_match *m, size_t k, sp_onnx_row *row,
                                          sp_onnx_symbol symbol, bool complement);
/** sp_onnx_match_share - the function that rows of one kind share. */
SP_NODISCARD sp_status sp_onnx_match_share(sp_onnx_match *m, sp_activation *shared, size_t first,
                                           size_t count);
/** sp_onnx_match_take - rows for this many gates. */
SP_NODISCARD sp_status sp_onnx_match_take(sp_onnx_match *m, size_t gates);

/* ---- cell_gru.c ---- */

SP_NODISCARD sp_status sp_onnx_match_gru(sp_onnx_match *m, const sp_onnx_polynomial *next);

#endif
