/* The propagation of bounds through networks. */
#ifndef SP_LSTM_LSTM_H
#define SP_LSTM_LSTM_H

#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"
#include "net/net.h"
#include "preprocess/front_bound.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum {
    SP_PLANES_INTERVAL, /* no linear bounds at all: intervals through every layer (IBP) */
    SP_PLANES_R2_LP,    /* R2's sampled LP */
    SP_PLANES_R2_OPT,   /* the same, with R2's five candidates for final rows to mix */
    SP_PLANES_STATIC,   /* exact supporting planes at the static anchors */
    SP_PLANES_TANGENT   /* no bounds: tangents at the one point of a set of radius 0 */
} sp_plane_rule;

/** sp_bounds - everything that was proved about one net on one noise set: boxes of all
 *  pre-activations, gates and cells, and the planes of all products. */
typedef struct sp_bounds sp_bounds;

/** sp_halfspace - the noises d with slope . d + offset <= 0. */
typedef struct sp_halfspace {
    double *slope; /* [padded], padded samples of the front end's bound */
    double offset;
} sp_halfspace;

typedef struct sp_bounds_options {
    sp_plane_rule planes;
    /* rounds in which each row of a box, and each final row, chooses its relaxations anew; 0: the
     * standard ones. Static planes only */
    size_t box_iterations, row_iterations;
    size_t mix_epochs; /* R2's OPT: epochs of Adam over the mixtures of each final row; 0: none */
    bool octagons; /* cut the boxes of products by bounds on x + y and x - y. Static planes only */
    bool stop_positive; /* final rows need not be improved once they are positive */
    /* products of matrices in single precision, with its error terms, where they are of use: static
     * planes, the joint front end without halfspaces and lines, weights that floats hold */
    bool single;
    /* NULL: the whole set; or everything is proved of its noises in this halfspace only. Borrowed.
     * Static planes and the joint front end only, as for lines */
    const sp_halfspace *within;
    bool lines;      /* sp_bounds_lines may be called */
    double deadline; /* sp_clock_wall() value after which SP_E_TIMEOUT is returned; 0: none */
    double hopeless; /* a pass is left out when earlier ones left a margin below this; 0: never */
} sp_bounds_options;

/** sp_bounds_create - boxes of every cell, by back-substitution to the samples intersected with
 *  intervals. `net` and `front` are borrowed and must outlive the bounds. */
SP_NODISCARD sp_status sp_bounds_create(sp_error *err, sp_bounds **bounds, const sp_net *net,
                                        const sp_front_bound *front,
                                        const sp_bounds_options *options);
void sp_bounds_destroy(sp_bounds *bounds);

/** sp_bounds_create_batch - the same for several clips at once, those with the most frames first,
 *  on a backend that has room for so many like the first (sp_bounds_room). Row and box functions
 *  then speak of all clips, one after the other, and of the first. What a backend's memory cannot
 *  hold, or its kernels do not know, runs on the CPU, one clip at a time. */
SP_NODISCARD sp_status sp_bounds_create_batch(sp_error *err, sp_bounds **bounds, const sp_net *net,
                                              const sp_front_bound *const *fronts, size_t clips,
                                              const sp_bounds_options *options);
/** sp_bounds_room - how many clips like this one, or shorter ones, the selected backend bounds at
 *  once: 1 on the CPU. */
size_t sp_bounds_room(const sp_net *net, const sp_front_bound *front,
                      const sp_bounds_options *options);
/** sp_bounds_together - whether the selected backend may bound several clips at once. */
bool sp_bounds_together(void);
/** sp_bounds_need - bytes of memory that the bounds of so many clips take on a backend with memory
 *  of its own (far) or in the program. */
size_t sp_bounds_need(const sp_net *net, const sp_front_bound *front,
                      const sp_bounds_options *options, size_t clips, bool far);
/** sp_bounds_moved - bytes written to and read from the backend's memory; 0 on the CPU. */
size_t sp_bounds_moved(const sp_bounds *bounds);

/** sp_bounds_rows - certified lower bounds of linear objectives of the logits.
 *  O lower [clips, rows]  lower[r] <= sum_k weight[r,k] logit[k](s + d) for every d of the set, in
 *  real arithmetic
 *  O error [clips, rows]  the running error term already subtracted from lower; may be NULL
 *  I weight [clips, rows, classes]
 *  A bound that is not a number is returned as -inf. */
SP_NODISCARD sp_status sp_bounds_rows(sp_error *err, sp_bounds *bounds, double *lower,
                                      double *error, const double *weight, size_t rows);

/** sp_bounds_lines - sp_bounds_rows of one clip, with the line that attains each bound:
 *  O line [rows]  slope (the caller's memory) and offset with slope . d + offset <= the objective
 *  for every d of the set (and the halfspace of the options), in real arithmetic. A row whose bound
 *  no line attains gets slope 0 and offset -inf. */
SP_NODISCARD sp_status sp_bounds_lines(sp_error *err, sp_bounds *bounds, double *lower,
                                       double *error, sp_halfspace *line, const double *weight,
                                       size_t rows);

/** sp_bounds_gradient - gradients of linear objectives of the logits by the samples, at the one
 *  point of a noise set of radius 0: the walk of the bounds along tangents (SP_PLANES_TANGENT,
 *  joint front end).
 *  O gradient [rows, padded]   I weight [rows, classes]. Not a bound; SP_E_ARGUMENT for other
 *  bounds. */
SP_NODISCARD sp_status sp_bounds_gradient(sp_error *err, sp_bounds *bounds, double *gradient,
                                          const double *weight, size_t rows);

/** sp_bounds_flops - floating point operations of the matrix products done so far (2 m n k each).
 *  */
double sp_bounds_flops(const sp_bounds *bounds);

/* Read access for tests, reports and later stages. Steps t < T, layers as in the net (for layers
 * at and behind the readout t must be T-1). */
/** sp_bounds_layer_box - ReLU: boxes of its input [out]; LSTM, GRU, RNN: of the pre-activations;
 *  affine: NULL. lo and hi point into the bounds. */
void sp_bounds_layer_box(sp_bounds *bounds, size_t t, size_t layer, const double **lo,
                         const double **hi);
/** sp_bounds_cell_box - LSTM: the boxes of c_t [out]; GRU: of h_{t-1} - n. */
void sp_bounds_cell_box(sp_bounds *bounds, size_t t, size_t layer, const double **lo,
                        const double **hi);

#ifdef __cplusplus
}
#endif

#endif
