/* Private to onnx/loop*.c: a Loop that is being read. */
#ifndef SP_ONNX_LOOP_H
#define SP_ONNX_LOOP_H

#include "onnx/impl.h"

/* sp_scan - an output that collects one value per iteration. */
typedef struct sp_scan {
    bool is_state;   /* each was the next state */
    sp_tensor shape; /* of one value */
    sp_value *value; /* [iterations] owned; constants */
    size_t room;
} sp_scan;

/* sp_loop - one Loop being read. Numbers that outlive an iteration live in `kept` of its parity or
 * in the heap of the graph around it. */
typedef struct sp_loop {
    const sp_graph *body;
    size_t carried, scans;
    int64_t trips;      /* INT64_MAX: no limit but the condition */
    sp_value **value;   /* [body->definitions] owned; names of the body before it runs */
    sp_value **scratch; /* [body->definitions] owned; while it runs */
    sp_value *now;      /* [carried] what the iteration starts with */
    sp_value *next;     /* [1 + carried + scans] the outputs of the body */
    sp_heap kept[2];
    bool go;           /* the condition */
    size_t iterations; /* done */
    /* of Loops over the input */
    bool *is_state;               /* [carried] */
    size_t states, state, hidden; /* number of states; the first one and its width */
    sp_cell cell;                 /* of the first iteration */
    sp_scan *scan;                /* [scans] owned */
} sp_loop;

static inline bool sp_loop_holds_forms(const sp_value *value) {
    return value->kind == SP_VALUE_TENSOR && value->tensor.kind == SP_NUMBERS_FORM;
}

/* ---- loop_body.c ---- */

/** sp_loop_init - checks the node and its body, and binds what the body reads from outside. */
SP_NODISCARD sp_status sp_loop_init(sp_reader *r, sp_loop *loop);
void sp_loop_clear(sp_loop *loop);
/** sp_loop_condition - a constant condition. */
SP_NODISCARD sp_status sp_loop_condition(sp_reader *r, bool *go, const sp_value *value,
                                         const char *what);
/** sp_loop_run_body - walks the body; its outputs live in the reader's heap. */
SP_NODISCARD sp_status sp_loop_run_body(sp_reader *r, sp_loop *loop);
/** sp_loop_keep - a copy that outlives the heap in which a value is; forms become opaque. */
SP_NODISCARD sp_status sp_loop_keep(sp_reader *r, sp_value *copy, const sp_value *value);

/* ---- loop_state.c ---- */

/** sp_loop_find_states - runs the first iteration until no more carried value turns out to depend
 *  on the features. */
SP_NODISCARD sp_status sp_loop_find_states(sp_reader *r, sp_loop *loop);
/** sp_loop_check_state - there is one state, and it starts at zero. */
SP_NODISCARD sp_status sp_loop_check_state(sp_reader *r, sp_loop *loop);
/** sp_loop_read_cell - the cell of this iteration, on the step of this iteration. Normalises the
 *  forms of the next state. */
SP_NODISCARD sp_status sp_loop_read_cell(sp_reader *r, sp_loop *loop, sp_cell *cell);
/** sp_loop_keep_cell - keeps the first iteration's cell; those of the others must be equal. */
SP_NODISCARD sp_status sp_loop_keep_cell(sp_reader *r, sp_loop *loop, const sp_cell *cell);

#endif
