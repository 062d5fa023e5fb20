/* Private to onnx/: numbers that depend on the input, and the layers that they become. */
#ifndef SP_ONNX_LAYERS_H
#define SP_ONNX_LAYERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/net.h"
#include "onnx/onnx.pb-c.h"

struct sp_onnx_reader;
struct sp_onnx_tensor;
struct sp_onnx_graph;

enum { SP_ONNX_MAX_RANK = 8 };

/* ---- dim.c: whole numbers that may grow with the number of steps ---- */

/** sp_onnx_dim - the whole number k + t L, where L is the number of steps T of the input, or, for
 *  of > 0, that of a layer with strides. */
typedef struct sp_onnx_dim {
    int64_t k, t;
    size_t of;
} sp_onnx_dim;

static inline sp_onnx_dim sp_onnx_dim_of(int64_t k) {
    return (sp_onnx_dim){.k = k};
}
static inline bool sp_onnx_dim_equal(sp_onnx_dim a, sp_onnx_dim b) {
    return a.k == b.k && a.t == b.t && a.of == b.of;
}
static inline bool sp_onnx_dim_is(sp_onnx_dim a, int64_t k) {
    return a.t == 0 && a.k == k;
}

/* False when the result does not fit, or is not of the sort k + t L. */
bool sp_onnx_dim_add(sp_onnx_dim *r, sp_onnx_dim a, sp_onnx_dim b);
bool sp_onnx_dim_sub(sp_onnx_dim *r, sp_onnx_dim a, sp_onnx_dim b);
bool sp_onnx_dim_mul(sp_onnx_dim *r, sp_onnx_dim a, sp_onnx_dim b);
bool sp_onnx_dim_div(sp_onnx_dim *r, sp_onnx_dim a, sp_onnx_dim b); /* towards zero */
/** sp_onnx_dim_same - *same: whether a = b for every L >= 1; false when that depends on L. */
bool sp_onnx_dim_same(bool *same, sp_onnx_dim a, sp_onnx_dim b);

/** sp_onnx_source - what is read of a layer: its numbers at every step, at one step, or at all
 *  steps side by side. A layer that runs once has the step 0. */
typedef enum { SP_ONNX_READ_EVERY, SP_ONNX_READ_STEP, SP_ONNX_READ_ALL } sp_onnx_reading;
typedef struct sp_onnx_source {
    size_t layer;
    sp_onnx_reading reading;
    sp_onnx_dim at; /* READ_STEP, from the front */
} sp_onnx_source;

/** sp_onnx_layer_role - what a layer is, if not a node: the numbers of state input `input`; the
 *  product of two parts, number by number, which becomes a node where no cell stands for it; the
 *  cell state of the LSTM that it reads. */
typedef enum {
    SP_ONNX_LAYER_NODE,
    SP_ONNX_LAYER_STATE,
    SP_ONNX_LAYER_PRODUCT,
    SP_ONNX_LAYER_MEMORY
} sp_onnx_layer_role;

/** sp_onnx_carried - where the state of a cell comes from: units first.. of a STATE layer. */
typedef struct sp_onnx_carried {
    bool given;
    size_t layer, first;
} sp_onnx_carried;

/** sp_onnx_part - one input of a layer; weight: AFFINE, [out, taps, in]. */
typedef struct sp_onnx_part {
    sp_onnx_source from;
    const double *weight;
} sp_onnx_part;

/** sp_onnx_layer - a node of the network to be. Those that the output does not need are dropped.
 *  Arrays are borrowed from the region. Layer 0 is the input. */
typedef struct sp_onnx_layer {
    sp_node_kind kind;
    size_t out;
    sp_onnx_dim frames; /* number of its steps */
    bool once;          /* it has one frame, whatever the number of steps */
    size_t parts;       /* AFFINE: any number; CURVE, CELL, POOL: 1 */
    const sp_onnx_part *part;
    sp_timing timing;   /* AFFINE that reads every step */
    bool pads;          /* AFFINE: only steps around its input, by its timing */
    const double *bias; /* AFFINE: [out] */
    sp_activation curve;
    const struct sp_onnx_affine *argument; /* CURVE: the rows [out] that it is applied to */
    sp_cell cell;
    sp_pooling pool;
    sp_onnx_layer_role role;
    size_t input;                            /* STATE: which of the graph's roles */
    sp_onnx_carried carried[SP_CELL_STATES]; /* CELL: h and c */
    bool replaced;                           /* it is `by`, which is read instead */
    sp_onnx_source by;
    const char *why; /* why no cell was seen around it, or NULL; in the region */
    const Onnx__NodeProto *node;
} sp_onnx_layer;

#define SP_ONNX_FEATURES ((size_t)0)
#define SP_ONNX_NO_AXIS ((size_t)-1)

/** sp_onnx_head - what stands between the logits and the sequence. */
typedef enum {
    SP_ONNX_HEAD_NONE,
    SP_ONNX_HEAD_SIGMOID,
    SP_ONNX_HEAD_SOFTMAX,
    SP_ONNX_HEAD_LOG_SOFTMAX
} sp_onnx_head;

/** sp_onnx_defined - a definition of the outermost graph or of one inside of it. */
typedef struct sp_onnx_defined {
    const struct sp_onnx_graph *graph;
    size_t id;
} sp_onnx_defined;

/** sp_onnx_affine - one number of a sequence: bias + sum of weights times numbers of layers. */
typedef struct sp_onnx_entry {
    size_t layer, feature;
    sp_onnx_dim at; /* without an axis of steps: the step that is read */
    double weight;
} sp_onnx_entry;
typedef struct sp_onnx_affine {
    const sp_onnx_entry *entry; /* [entries] borrowed from the region */
    size_t entries;
    double bias;
} sp_onnx_affine;

/** sp_onnx_sequence - a tensor of numbers that depend on the input: an affine function of layers
 *  that waits to become one itself, so that moving, selecting, scaling and adding numbers costs
 *  nothing. One axis may count steps; step t reads step t of the layers, and of those that run once
 *  what they give, at every step. */
typedef struct sp_onnx_sequence {
    size_t rank;
    sp_onnx_dim dim[SP_ONNX_MAX_RANK]; /* without t, but for the axis of the steps */
    size_t outer;                      /* axis of the steps, or SP_ONNX_NO_AXIS */
    bool reversed;                     /* step t reads step length - 1 - t */
    size_t width;                      /* product of the other axes */
    const sp_onnx_affine *row;         /* [width], row-major over the other axes */
    sp_onnx_head head;                 /* no layer may follow one */
    sp_onnx_defined logits;            /* what stands in front of the head */
} sp_onnx_sequence;

/* ---- rows.c: the numbers of a sequence ---- */

/** sp_onnx_sequence_set - the sequence becomes numbers 0 .. width-1 of a source, in its shape. */
SP_NODISCARD sp_status sp_onnx_sequence_set(struct sp_onnx_reader *r, sp_onnx_sequence *sequence,
                                            sp_onnx_source from);
/** sp_onnx_sequence_is_input - whether it holds numbers of the input as they are. */
bool sp_onnx_sequence_is_input(const sp_onnx_sequence *sequence);
/** sp_onnx_sequence_copy - the same with rows of its own. */
SP_NODISCARD sp_status sp_onnx_sequence_copy(struct sp_onnx_reader *r, sp_onnx_sequence *copy,
                                             const sp_onnx_sequence *sequence);
/** sp_onnx_sequence_strides - in rows; 0 for the axis of the steps. */
void sp_onnx_sequence_strides(int64_t *stride, const sp_onnx_sequence *sequence);
/** sp_onnx_sequence_view - the rows first + sum_i index_i stride_i for the shape of `sequence`,
 *  whose rows are still the old ones; the caller answers for the range. */
SP_NODISCARD sp_status sp_onnx_sequence_view(struct sp_onnx_reader *r, sp_onnx_sequence *sequence,
                                             int64_t first, const int64_t *stride);
/** sp_onnx_rows_scale - rows times factors, plus shifts; NULL: ones, zeros. */
SP_NODISCARD sp_status sp_onnx_rows_scale(struct sp_onnx_reader *r, sp_onnx_sequence *sequence,
                                          const double *factor, const double *shift);
/** sp_onnx_rows_times - all rows times one factor. */
SP_NODISCARD sp_status sp_onnx_rows_times(struct sp_onnx_reader *r, sp_onnx_sequence *sequence,
                                          double factor);
/** sp_onnx_sequence_tap - `count` steps of a layer with `taps` taps at distance 1, of which only
 *  tap `at`, with weight 1, reads. */
SP_NODISCARD sp_status sp_onnx_sequence_tap(struct sp_onnx_reader *r, sp_onnx_sequence *sequence,
                                            size_t taps, size_t at, size_t stride,
                                            sp_onnx_dim count);
/** sp_onnx_affine_sum - the sum of rows[first + k stride], k < count, times `weight`. */
SP_NODISCARD sp_status sp_onnx_affine_sum(struct sp_onnx_reader *r, sp_onnx_affine *to,
                                          const sp_onnx_affine *rows, size_t first, size_t stride,
                                          size_t count, double weight);
/** sp_onnx_sequence_match - a and b, broadcast to one shape; where one has steps and the other
 *  none, that one is the same at every step. */
SP_NODISCARD sp_status sp_onnx_sequence_match(struct sp_onnx_reader *r, sp_onnx_sequence *a,
                                              sp_onnx_sequence *b);
/** sp_onnx_sequence_add - a + sign b, broadcast likewise. */
SP_NODISCARD sp_status sp_onnx_sequence_add(struct sp_onnx_reader *r, sp_onnx_sequence *to,
                                            const sp_onnx_sequence *a, const sp_onnx_sequence *b,
                                            double sign);
/** sp_onnx_sequence_constant - a constant as a sequence of the steps of `like` (or of none), whose
 *  axis of steps, aligned from the last one, has the length 1 in it. */
SP_NODISCARD sp_status sp_onnx_sequence_constant(struct sp_onnx_reader *r, sp_onnx_sequence *to,
                                                 const struct sp_onnx_tensor *constant,
                                                 const sp_onnx_sequence *like);
/** sp_onnx_sequence_expand - broadcast to the shape; its axis of steps stays. */
SP_NODISCARD sp_status sp_onnx_sequence_expand(struct sp_onnx_reader *r, sp_onnx_sequence *sequence,
                                               const sp_onnx_dim *dim, size_t rank);

/* ---- sequence.c: the same numbers on other axes ---- */

/** sp_onnx_sequence_pad - leading axes of length 1 up to the rank. */
SP_NODISCARD sp_status sp_onnx_sequence_pad(struct sp_onnx_reader *r, sp_onnx_sequence *sequence,
                                            size_t rank);
/** sp_onnx_sequence_permute / sp_onnx_sequence_drop / sp_onnx_sequence_insert /
 *  sp_onnx_sequence_reshape - drop: drop[i] tells whether axis i goes; insert: axis i of the result
 *  is new where fresh[i]. Reshape may lay a fixed number of steps side by side. */
SP_NODISCARD sp_status sp_onnx_sequence_permute(struct sp_onnx_reader *r,
                                                sp_onnx_sequence *sequence, const size_t *perm);
SP_NODISCARD sp_status sp_onnx_sequence_drop(struct sp_onnx_reader *r, sp_onnx_sequence *sequence,
                                             const bool *drop);
SP_NODISCARD sp_status sp_onnx_sequence_insert(struct sp_onnx_reader *r, sp_onnx_sequence *sequence,
                                               const bool *fresh, size_t rank);
SP_NODISCARD sp_status sp_onnx_sequence_reshape(struct sp_onnx_reader *r,
                                                sp_onnx_sequence *sequence, const sp_onnx_dim *dim,
                                                size_t rank);
/** sp_onnx_sequence_lay_out - a fixed number of steps as numbers, where the axis of the steps
 *  stands. */
SP_NODISCARD sp_status sp_onnx_sequence_lay_out(struct sp_onnx_reader *r,
                                                sp_onnx_sequence *sequence);
/** sp_onnx_sequence_select - keeps first, first + step, .. up to before `end` along an axis, as
 *  Slice counts. */
SP_NODISCARD sp_status sp_onnx_sequence_select(struct sp_onnx_reader *r, sp_onnx_sequence *sequence,
                                               size_t axis, sp_onnx_dim first, sp_onnx_dim end,
                                               int64_t step);
/** sp_onnx_sequence_step - one step, without its axis of steps, whose length is then 1. */
SP_NODISCARD sp_status sp_onnx_sequence_step(struct sp_onnx_reader *r, sp_onnx_sequence *sequence,
                                             sp_onnx_dim at);

/** sp_onnx_sequence_join - to, then other, along an axis of length 1. */
SP_NODISCARD sp_status sp_onnx_sequence_join(struct sp_onnx_reader *r, sp_onnx_sequence *to,
                                             const sp_onnx_sequence *other, size_t axis);

/* ---- layers (layers.c) ---- */

/** sp_onnx_layer_push - appends a layer; *index: which. */
SP_NODISCARD sp_status sp_onnx_layer_push(struct sp_onnx_reader *r, sp_onnx_layer layer,
                                          size_t *index);
/** sp_onnx_sequence_settle - the sequence as a layer whose numbers are its rows, in order. Affine
 *  layers at its end take up scales and shifts. */
SP_NODISCARD sp_status sp_onnx_sequence_settle(struct sp_onnx_reader *r,
                                               const sp_onnx_sequence *sequence,
                                               sp_onnx_source *source);
/** sp_onnx_sequence_settle_once - the same without steps, as a layer that runs once. */
SP_NODISCARD sp_status sp_onnx_sequence_settle_once(struct sp_onnx_reader *r,
                                                    const sp_onnx_sequence *sequence,
                                                    sp_onnx_source *source);
/** sp_onnx_layer_affine - weight [out, width] times the rows plus bias as a layer; *source: it. */
SP_NODISCARD sp_status sp_onnx_layer_affine(struct sp_onnx_reader *r,
                                            const sp_onnx_sequence *sequence, size_t out,
                                            const double *weight, const double *bias,
                                            sp_onnx_source *source);
/** sp_onnx_layer_timed - weight [out, taps, width] over steps of the sequence. */
SP_NODISCARD sp_status sp_onnx_layer_timed(struct sp_onnx_reader *r,
                                           const sp_onnx_sequence *sequence, size_t out,
                                           sp_timing timing, sp_onnx_dim frames,
                                           const double *weight, const double *bias,
                                           sp_onnx_source *source);
/** sp_onnx_sequence_curve - a function of every number, whose layer remembers the rows. */
SP_NODISCARD sp_status sp_onnx_sequence_curve(struct sp_onnx_reader *r, sp_onnx_sequence *sequence,
                                              sp_activation curve);
/** sp_onnx_sequence_product - a times b, number by number, broadcast: a layer that is a product of
 *  the network, unless a cell is recognised around it. */
SP_NODISCARD sp_status sp_onnx_sequence_product(struct sp_onnx_reader *r, sp_onnx_sequence *to,
                                                const sp_onnx_sequence *a,
                                                const sp_onnx_sequence *b);
/** sp_onnx_sequence_swish - a times b where one of them is a function of the other so that the
 *  product is a curve, as exporters write x sigma(x); *found: whether it is (curve_product.c). */
SP_NODISCARD sp_status sp_onnx_sequence_swish(struct sp_onnx_reader *r, sp_onnx_sequence *to,
                                              const sp_onnx_sequence *a, const sp_onnx_sequence *b,
                                              bool *found);
/** sp_onnx_row_least - a number that the row is never below, -inf where none is known. */
double sp_onnx_row_least(const struct sp_onnx_reader *r, const sp_onnx_affine *row);
/** sp_onnx_sequence_under_roots - whether every number is a root; *inside: what it is the root of,
 *  which is never negative. */
SP_NODISCARD sp_status sp_onnx_sequence_under_roots(struct sp_onnx_reader *r,
                                                    const sp_onnx_sequence *sequence,
                                                    sp_onnx_sequence *inside, bool *roots);
/** sp_onnx_sequence_reciprocal - 1 / x of numbers that are never negative; of roots 1 / sqrt(x). */
SP_NODISCARD sp_status sp_onnx_sequence_reciprocal(struct sp_onnx_reader *r,
                                                   sp_onnx_sequence *sequence);
/** sp_onnx_sequence_softmax - over an axis, which may be that of the steps. */
SP_NODISCARD sp_status sp_onnx_sequence_softmax(struct sp_onnx_reader *r,
                                                sp_onnx_sequence *sequence, size_t axis);
/** sp_onnx_sequence_softmax_all - over all numbers of a step. */
SP_NODISCARD sp_status sp_onnx_sequence_softmax_all(struct sp_onnx_reader *r,
                                                    sp_onnx_sequence *sequence);
/** sp_onnx_sequence_matmul - the matrices of the last two axes multiplied (pair_op.c); steps that
 *  meet each other must be a fixed number of them. */
SP_NODISCARD sp_status sp_onnx_sequence_matmul(struct sp_onnx_reader *r, sp_onnx_sequence *to,
                                               const sp_onnx_sequence *a,
                                               const sp_onnx_sequence *b);
/** sp_onnx_sequence_surround - steps before and behind, by the padding of a timing; a layer over
 *  them that has none of its own takes it up. */
SP_NODISCARD sp_status sp_onnx_sequence_surround(struct sp_onnx_reader *r,
                                                 sp_onnx_sequence *sequence, sp_timing around);
/** sp_onnx_sequence_count - a whole number k + t T as one that depends on the input: T is the sum
 *  of a 1 at every step. */
SP_NODISCARD sp_status sp_onnx_sequence_count(struct sp_onnx_reader *r, sp_onnx_sequence *to,
                                              const struct sp_onnx_tensor *number);
/** sp_onnx_sequence_total - the sum along an axis, times a weight; it keeps the length 1. */
SP_NODISCARD sp_status sp_onnx_sequence_total(struct sp_onnx_reader *r, sp_onnx_sequence *sequence,
                                              size_t axis, double weight);
/** sp_onnx_sequence_open - a sigmoid or softmax that was taken for the head becomes layers; another
 *  head is refused. */
SP_NODISCARD sp_status sp_onnx_sequence_open(struct sp_onnx_reader *r, sp_onnx_sequence *sequence);
/** sp_onnx_sequence_pool - one frame out of all steps; the axis of steps has length 1 then. */
SP_NODISCARD sp_status sp_onnx_sequence_pool(struct sp_onnx_reader *r, sp_onnx_sequence *sequence,
                                             sp_pooling pool);
/** sp_onnx_length_after - the number of frames that a timing makes of `frames`. */
SP_NODISCARD sp_status sp_onnx_length_after(struct sp_onnx_reader *r, sp_onnx_dim *after,
                                            const sp_timing *timing, sp_onnx_dim frames);

/* ---- to_net.c ---- */

/** sp_onnx_layers_to_net - what the source needs, as nodes. */
SP_NODISCARD sp_status sp_onnx_layers_to_net(struct sp_onnx_reader *r, sp_net *net,
                                             sp_onnx_source last);

#endif
