/* Private to onnx/cell/loop*.c: a Loop that is being read. */
#ifndef SP_ONNX_LOOP_H
#define SP_ONNX_LOOP_H

#include "onnx/impl.h"

/* sp_onnx_scan - an output that collects one value per iteration. */
typedef struct sp_onnx_scan {
    bool is_state; /* each was the next state, namely: */
    size_t state;
    sp_onnx_tensor shape; /* of one value */
    sp_onnx_value *value; /* [iterations] owned; constants */
    size_t room;
} sp_onnx_scan;

/* sp_onnx_loop - one Loop being read. Numbers that outlive an iteration live in `kept` of its
 * parity or in the region of the graph around it. */
typedef struct sp_onnx_loop {
    const sp_onnx_graph *body;
    size_t carried, scans;
    int64_t trips;           /* INT64_MAX: no limit but the condition */
    sp_onnx_value **value;   /* [body->definitions] owned; names of the body before it runs */
    sp_onnx_value **scratch; /* [body->definitions] owned; while it runs */
    sp_onnx_value *now;      /* [carried] what the iteration starts with */
    sp_onnx_value *next;     /* [1 + carried + scans] the outputs of the body */
    sp_region kept[2];
    bool go;           /* the condition */
    size_t iterations; /* done */
    /* of Loops over the input */
    bool *is_state;                    /* [carried] */
    size_t states;                     /* number of states */
    size_t state[SP_ONNX_MOST_STATES]; /* [states] carried values that they are */
    size_t hidden[SP_ONNX_MOST_STATES];
    bool copy[SP_ONNX_MOST_STATES];           /* see sp_onnx_states */
    const double *start[SP_ONNX_MOST_STATES]; /* [hidden] in the region */
    sp_onnx_found cell[SP_ONNX_MOST_STATES];  /* [cells] of the first iteration */
    size_t cells;
    sp_onnx_scan *scan; /* [scans] owned */
} sp_onnx_loop;

static inline bool sp_onnx_loop_holds_polynomials(const sp_onnx_value *value) {
    return value->kind == SP_ONNX_VALUE_TENSOR && value->tensor.kind == SP_ONNX_POLYNOMIAL;
}

/* ---- loop_body.c ---- */

/** sp_onnx_loop_init - checks the node and its body, and binds what the body reads from outside. */
SP_NODISCARD sp_status sp_onnx_loop_init(sp_onnx_reader *r, sp_onnx_loop *loop);
void sp_onnx_loop_clear(sp_onnx_loop *loop);
/** sp_onnx_loop_condition - a constant condition. */
SP_NODISCARD sp_status sp_onnx_loop_condition(sp_onnx_reader *r, bool *go,
                                              const sp_onnx_value *value, const char *what);
/** sp_onnx_loop_run_body - walks the body; its outputs live in the reader's region. */
SP_NODISCARD sp_status sp_onnx_loop_run_body(sp_onnx_reader *r, sp_onnx_loop *loop);
/** sp_onnx_loop_keep - a copy that outlives the region in which a value is; polynomials become
 *  opaque. */
SP_NODISCARD sp_status sp_onnx_loop_keep(sp_onnx_reader *r, sp_onnx_value *copy,
                                         const sp_onnx_value *value);

/* ---- loop_state.c ---- */

/** sp_onnx_loop_find_states - runs the first iteration until no more carried value turns out to
 *  depend on the features. */
SP_NODISCARD sp_status sp_onnx_loop_find_states(sp_onnx_reader *r, sp_onnx_loop *loop);
/** sp_onnx_loop_check_states - they start as constants. */
SP_NODISCARD sp_status sp_onnx_loop_check_states(sp_onnx_reader *r, sp_onnx_loop *loop);
/** sp_onnx_loop_read_cells - the cells [*cells] of this iteration, on the step of this iteration.
 *  Normalises the polynomials of the next states. */
SP_NODISCARD sp_status sp_onnx_loop_read_cells(sp_onnx_reader *r, sp_onnx_loop *loop,
                                               sp_onnx_found *found, size_t *cells);
/** sp_onnx_loop_keep_cells - keeps the first iteration's cells; those of the others must be
 *  equal. */
SP_NODISCARD sp_status sp_onnx_loop_keep_cells(sp_onnx_reader *r, sp_onnx_loop *loop,
                                               const sp_onnx_found *found, size_t cells);
/** sp_onnx_cell_copy - a cell with numbers of its own. */
SP_NODISCARD sp_status sp_onnx_cell_copy(sp_onnx_reader *r, sp_cell *copy, const sp_cell *cell);

#endif
