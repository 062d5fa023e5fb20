/* Intervals through a graph: what is known of every node at every frame, in the memory of a
 * backend. Each domain stands on it: intervals alone are one; others tighten each box as soon as it
 * is there, by the functions of sp_boxes_refinement. Nodes are bounded in topological order,
 * each with all its frames. */
#ifndef SP_LSTM_BOXES_H
#define SP_LSTM_BOXES_H

#include "base/arena.h"
#include "gpu/backend.h"
#include "lstm/domain.h"

enum { SP_BOXES_MAX_WIDTH = 1 << 16, SP_BOXES_MAX_CLIPS = 1 << 12 };

typedef struct sp_boxes sp_boxes;

/* ---- memory ---- */

/** sp_boxes_array - doubles in the memory of the backend, which may not be the program's:
 *  operations alone read them. `on` goes into their arguments and is never looked behind
 *  (tests/lint). */
typedef struct sp_boxes_array {
    double *on;
} sp_boxes_array;

static inline sp_boxes_array sp_boxes_array_at(sp_boxes_array a, size_t offset) {
    const sp_boxes_array at = {a.on != NULL ? a.on + offset : NULL};
    return at;
}

/** sp_boxes_range - the boxes of n scalars. */
typedef struct sp_boxes_range {
    sp_boxes_array lo, hi;
} sp_boxes_range;

static inline sp_boxes_range sp_boxes_range_at(sp_boxes_range box, size_t offset) {
    const sp_boxes_range at = {sp_boxes_array_at(box.lo, offset),
                               sp_boxes_array_at(box.hi, offset)};
    return at;
}
static inline sp_gpu_range sp_boxes_range_of(sp_boxes_range box) {
    const sp_gpu_range range = {box.lo.on, box.hi.on};
    return range;
}

/** sp_boxes_matrix - a matrix of all clips, [., ld] by rows, and the same rounded to floats for
 *  products in single precision; narrow NULL: its numbers do not fit, or are not wanted. */
typedef struct sp_boxes_matrix {
    sp_boxes_array wide;
    float *narrow;
    size_t ld;
} sp_boxes_matrix;

static inline sp_boxes_matrix sp_boxes_matrix_at(const sp_boxes_matrix *m, size_t row,
                                                 size_t column) {
    const size_t offset = row * m->ld + column;
    const sp_boxes_matrix at = {sp_boxes_array_at(m->wide, offset),
                                m->narrow != NULL ? m->narrow + offset : NULL, m->ld};
    return at;
}

/** sp_boxes_program - an array for loops of the program; NULL where it is a device's. */
static inline double *sp_boxes_program(const sp_boxes *boxes, sp_boxes_array array);

/** sp_boxes_carver - lays arrays out, in two passes: the first only counts (arenas NULL). */
typedef struct sp_boxes_carver {
    sp_arena *host, *numbers;
    size_t host_need, need;
} sp_boxes_carver;
/** sp_boxes_carve_host - what the program alone reads, all zero. sp_boxes_carve - what the
 *  backend reads. NULL while counting. */
void *sp_boxes_carve_host(sp_boxes_carver *carver, size_t count, size_t size);
void *sp_boxes_carve(sp_boxes_carver *carver, size_t count, size_t size);
sp_boxes_array sp_boxes_carve_array(sp_boxes_carver *carver, size_t count);
sp_boxes_range sp_boxes_carve_range(sp_boxes_carver *carver, size_t count);

/* ---- what is known ---- */

/** sp_boxes_state - of a node at one frame. For a cell frames are numbered in the order of its
 *  steps. */
typedef struct sp_boxes_state {
    sp_boxes_range out;   /* [width] */
    sp_boxes_range input; /* CURVE: its argument [width]; CELL: pre-activations [images H] */
    /* AFFINE [width], CELL [images H]: |W| |x| + |R| |h| + |b|, rounded up: the scale of the
     * rounding errors of a product with these weights */
    sp_boxes_array omega;
    sp_boxes_array shift, spread; /* single: as omega; of the middles and radii (gpu/ops.h) */
    sp_boxes_range
        variable[SP_CELL_VARIABLES];        /* CELL: [H] where a variable has a box of its own */
    sp_boxes_array size[SP_CELL_VARIABLES]; /* CELL, differences: [H] |a| + |b| */
} sp_boxes_state;

/** sp_boxes_run - variables [first, end) of a cell that are bounded together: pre-activations with
 *  neighbouring weights, the same state and nothing added; products and curves in a row; else one.
 */
typedef struct sp_boxes_run {
    int first, end;
} sp_boxes_run;
size_t sp_boxes_runs(const sp_cell_steps *steps, sp_boxes_run run[SP_CELL_VARIABLES]);

/** sp_boxes_constants - the weights of a node where the backend reads them. */
typedef struct sp_boxes_constants {
    sp_boxes_matrix
        weight; /* AFFINE: [out, K], the taps of all terms side by side; CELL: [G H, D] */
    sp_boxes_matrix recurrent;
    sp_boxes_array bias, recurrent_bias;
    sp_cell_steps cell; /* the description of a cell, and its variables in runs */
    sp_boxes_run run[SP_CELL_VARIABLES];
    size_t runs;
    size_t columns; /* K */
} sp_boxes_constants;

/** sp_boxes_refinement - what a domain adds to intervals. Each function may be NULL. */
typedef struct sp_boxes_refinement {
    /* Lays out arrays: those of all clips together, and those of each clip at a frame of a node. */
    void (*carve)(sp_boxes *boxes, sp_boxes_carver *carver);
    void (*carve_clip)(sp_boxes *boxes, sp_boxes_carver *carver);
    /* Arrays that the program fills for one clip before anything is bounded, at the start of the
     * clip's memory; on a device they are filled in memory of the program and sent. What belongs to
     * frames comes last, frame by frame, and ends with a clip of fewer. */
    void (*carve_inputs)(sp_boxes *boxes, sp_boxes_carver *carver, size_t frames);
    void (*fill_inputs)(sp_boxes *boxes, const sp_front_bound *front);
    /* Constants of all clips; then, on a device, arrays of the front bound of one clip. */
    SP_NODISCARD sp_status (*prepare)(sp_error *err, sp_boxes *boxes);
    SP_NODISCARD sp_status (*send_front)(sp_error *err, sp_boxes *boxes, size_t clip);
    /* Meets boxes that intervals gave with better ones: of the argument of a curve; of
     * pre-activations [first, end) or one sum or difference of a cell. */
    void (*tighten)(sp_boxes *boxes, size_t node, size_t t, int first, int end);
    /* Relaxes a curve, or products and curves [first, end) of a cell, over their boxes. */
    SP_NODISCARD sp_status (*relax)(sp_error *err, sp_boxes *boxes, size_t node, size_t t,
                                    int first, int end);
    /* After the box of the node's own numbers at a frame: may meet it with a better one. */
    void (*finish)(sp_boxes *boxes, size_t node, size_t t);
} sp_boxes_refinement;

/** sp_boxes - everything that was proved about one net on the noise sets of some clips. On a
 *  backend with memory of its own the clips are bounded together, the longest first: those that
 *  have a frame come before those that ended. Arrays that differ from clip to clip have room for
 *  the longest one's frames and stand `stride` doubles after that of the clip before; pointers are
 *  those of the first clip. */
struct sp_boxes {
    sp_gpu *gpu;                   /* owned */
    bool device;                   /* the backend's memory is not the program's */
    const sp_net *net;             /* the task's, or: */
    sp_net unrolled;               /* owned: it with its sums as affine nodes */
    const sp_front_bound **fronts; /* [clips] owned; what they point to is borrowed */
    const sp_front_bound *front;   /* fronts[0]: its shape; its arrays are the program's */
    size_t clips, source;          /* source: the node that the fronts bound */
    size_t answer;                 /* frame of the output whose rows are asked for */
    const sp_boxes_refinement *refinement;
    bool evident;
    double deadline;
    bool single; /* matrices are wanted in floats too */
    /* The rate of underflow: what products lose per unit of the variables behind them
     * (docs/theory/rounding.md, Underflow), and the most terms of one sum. */
    double underflow, width;

    size_t *frames; /* [clips, nodes] */
    size_t *first;  /* [nodes] where the states of a node start */
    sp_boxes_state *state;
    sp_boxes_constants *constants; /* [nodes] */
    sp_boxes_range features;       /* [frames, width] clip: the boxes of the source */
    sp_boxes_range window;         /* [columns of the widest gathered window] clip */
    size_t gathered;               /* that many */
    sp_boxes_array lost; /* [1] clip: what underflow can take from a bound, of all nodes so far */

    sp_arena host, numbers; /* owned */
    void *block;            /* owned: the backend's memory under `numbers`, on a device */
    size_t clip_at, input_bytes, clip_bytes, stride;
    double *mirror; /* owned: what was read back of the first clip, or NULL */
};

static inline double *sp_boxes_program(const sp_boxes *boxes, sp_boxes_array array) {
    return boxes->device ? NULL : array.on;
}

static inline sp_boxes_state *sp_boxes_state_at(const sp_boxes *boxes, size_t node, size_t t) {
    return boxes->state + boxes->first[node] + t;
}
/** sp_boxes_frames - frames of a node for a clip. sp_boxes_clips_at - how many clips have frame
 *  t of it. */
static inline size_t sp_boxes_frames(const sp_boxes *boxes, size_t clip, size_t node) {
    return boxes->frames[clip * boxes->net->nodes + node];
}
size_t sp_boxes_clips_at(const sp_boxes *boxes, size_t node, size_t t);
static inline sp_gpu_clips sp_boxes_clips_of(const sp_boxes *boxes, size_t node, size_t t) {
    const sp_gpu_clips at = {sp_boxes_clips_at(boxes, node, t), boxes->stride};
    return at;
}

/** sp_boxes_step_frame - the frame that step k of a cell reads and writes, of `frames`. */
static inline size_t sp_boxes_step_frame(const sp_node *node, size_t k, size_t frames) {
    return node->kind == SP_NODE_CELL && node->cell.reverse ? frames - 1 - k : k;
}
/** sp_boxes_out - the box of a node at a frame of its sequence. */
sp_boxes_range sp_boxes_out(const sp_boxes *boxes, size_t node, size_t frame);
/** sp_boxes_variable - of a variable of a cell at step t; no arrays: it is 0, or has no box. */
sp_boxes_range sp_boxes_variable(const sp_boxes *boxes, size_t node, size_t t, int variable);

/* ---- making it ---- */

/** sp_boxes_plan - bytes: of the program; of the backend for all clips; for each clip. */
typedef struct sp_boxes_need {
    size_t host, shared, clip;
} sp_boxes_need;
/** sp_boxes_unroll - sets boxes->net: sums over all frames become affine nodes over as many as the
 *  clips have. */
SP_NODISCARD sp_status sp_boxes_unroll(sp_error *err, sp_boxes *boxes, const sp_bound_task *task);
/** sp_boxes_shape - checks the task and sets what a plan needs; arrays on `frames` are owned.
 *  boxes is zeroed but for the domain's own members. */
SP_NODISCARD sp_status sp_boxes_shape(sp_error *err, sp_boxes *boxes, const sp_bound_task *task,
                                      const sp_boxes_refinement *refinement, bool device);
/** sp_boxes_count - the need of the shape. sp_boxes_total - of so many clips; SIZE_MAX:
 *  overflow. */
sp_boxes_need sp_boxes_count(sp_boxes *boxes);
size_t sp_boxes_total(sp_boxes_need need, size_t clips);
/** sp_boxes_take - opens the queue, takes the memory, copies the weights and the clips' inputs. */
SP_NODISCARD sp_status sp_boxes_take(sp_error *err, sp_boxes *boxes);
/** sp_boxes_bound - all boxes. sp_boxes_bound_frame - those of a node at one frame (of a cell: at a
 *  step), from what is known of the others. */
SP_NODISCARD sp_status sp_boxes_bound(sp_error *err, sp_boxes *boxes);
SP_NODISCARD sp_status sp_boxes_bound_frame(sp_error *err, sp_boxes *boxes, size_t node, size_t t);
void sp_boxes_clear(sp_boxes *boxes);

/** sp_boxes_work - what the first `frames` frames of a node take, in units that take about the same
 *  time: rows that tighten a box go back through all frames before it, in all cells up to there.
 *  sp_boxes_tell - frame t of node i is done, of work `all` so much `before` the node (work.c). */
double sp_boxes_work(const sp_boxes *boxes, size_t i, size_t frames);
void sp_boxes_tell(const sp_boxes *boxes, size_t i, size_t t, double before, double all);

/** sp_boxes_chain - the most roundings that one term of a bound of this clip can meet. */
double sp_boxes_chain(const sp_boxes *boxes, const sp_front_bound *front);

/** sp_boxes_send - writes an array of clip number `clip` to where `to`, the first clip's, stands
 *  for it. */
void sp_boxes_send(sp_boxes *boxes, size_t clip, sp_boxes_array to, const double *from,
                   size_t count);

/** sp_boxes_host - an array of the first clip for the program to read; NULL: there is none. */
const double *sp_boxes_host(sp_boxes *boxes, sp_boxes_array array);
/** sp_boxes_output - the box of the output of a clip at frame `answer`. O lo, hi [classes] */
void sp_boxes_output(sp_boxes *boxes, size_t clip, double *lo, double *hi);
/** sp_boxes_know_nothing - lower = -inf, error = 0 (or NULL). sp_boxes_check_objectives -
 *  SP_E_NONFINITE for weights that are no numbers. */
void sp_boxes_know_nothing(double *lower, double *error, size_t rows);
SP_NODISCARD sp_status sp_boxes_check_objectives(sp_error *err, const double *weight, size_t count);
/** sp_boxes_row_through - an objective of an output that is affine as one of what it reads, of the
 *  numbers in its window: constant + row . x, and how far row and, last, constant can be from
 *  exact (raise.c).   O row [columns], off [columns + 1] */
void sp_boxes_row_through(const sp_boxes *boxes, const double *weight, double *row, double *off,
                          double *constant);
/** sp_boxes_raise - raises lower bounds of objectives by the box of the output and, where it is
 *  affine, by that of what it reads.   I/O lower [clips, rows]   I weight [clips, rows, classes] */
SP_NODISCARD sp_status sp_boxes_raise(sp_error *err, sp_boxes *boxes, double *lower,
                                      const double *weight, size_t rows);
/** sp_boxes_box - the `box` of a domain. */
void sp_boxes_box(sp_boxes *boxes, size_t node, size_t frame, int variable, const double **lo,
                  const double **hi);
/** sp_boxes_front_loss - the same of the front end's variables. sp_boxes_lose - adds what
 *  underflow can take from coefficients on these n variables. */
double sp_boxes_front_loss(const sp_boxes *boxes, const sp_front_bound *front);
void sp_boxes_lose(sp_boxes *boxes, sp_gpu_clips at, size_t n, sp_boxes_range box);

/* ---- one node at one frame (cell_boxes.c) ---- */

/** sp_boxes_spread - with `single`: the shift and spread, from entry `first` on, of what this image
 *  multiplies in single precision (spread.c). */
void sp_boxes_spread(const sp_boxes *boxes, size_t node, size_t t, size_t first,
                     const sp_gpu_interval_args *image);
SP_NODISCARD sp_status sp_boxes_bound_cell(sp_error *err, sp_boxes *boxes, size_t node, size_t t);

#endif
