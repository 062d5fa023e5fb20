/* Private to onnx/cell/unrolled*.c and roll.c: cells that are written out step by step. */
#ifndef SP_ONNX_UNROLLED_H
#define SP_ONNX_UNROLLED_H

#include "onnx/cell/formula.h"

enum { SP_ONNX_FEWEST_STEPS = 3 };
#define SP_ONNX_UNTIMED ((size_t)-1)

typedef struct sp_onnx_unrolled {
    sp_onnx_reader *r;
    sp_onnx_formulas f;
    size_t layers;
    bool *needed;
    size_t *first,
        *time; /* [layers] first and last time that it reads; SP_ONNX_UNTIMED: at every step */
    size_t steps;
    bool found;    /* cells, so that there may be more on top of them */
    bool reversed; /* time t reads step steps - 1 - t */
    size_t states;
    size_t state[SP_ONNX_MOST_STATES];             /* layers of the time before */
    sp_onnx_polynomial *next[SP_ONNX_MOST_STATES]; /* what they become */
    size_t (*at)[SP_ONNX_MOST_STATES];             /* [steps] the layers that they are */
    char why[256];
} sp_onnx_unrolled;

/* ---- roll.c ---- */

/** sp_onnx_join_equal - layers that are computed twice are read once. */
void sp_onnx_join_equal(sp_onnx_reader *r);
/** sp_onnx_step_of - the step that a source of one step reads, and how many there are; false: it is
 *  none. */
bool sp_onnx_step_of(const sp_onnx_reader *r, sp_onnx_source from, int64_t *step, size_t *steps);
/** sp_onnx_lift - the layer that computes at every step what layer l computes of one; *source: it
 *  at that step. False in *lifted where l is no such function. */
SP_NODISCARD sp_status sp_onnx_lift(sp_onnx_reader *r, size_t l, sp_onnx_source *source,
                                    bool *lifted);

/* ---- unrolled_time.c ---- */

/** sp_onnx_is_mixed - whether a layer reads several times. */
bool sp_onnx_is_mixed(const sp_onnx_unrolled *u, size_t l);
/** sp_onnx_mixed_times - the times of all layers that rows need, in the order of the steps in which
 *  layers mix more of them; at how many times they do. */
size_t sp_onnx_mixed_times(sp_onnx_unrolled *u, const sp_onnx_affine *row, size_t count);
/** sp_onnx_lift_later / sp_onnx_lift_first - what is computed of one step is computed at every one:
 *  of later ones; of the first only what is at the others. */
SP_NODISCARD sp_status sp_onnx_lift_later(sp_onnx_unrolled *u, const sp_onnx_affine *row,
                                          size_t count);
SP_NODISCARD sp_status sp_onnx_lift_first(sp_onnx_unrolled *u, const sp_onnx_affine *row,
                                          size_t count);

#endif
