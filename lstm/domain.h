/* Abstract domains: whoever can carry bounds through a network, from what is known of one of its
 * nodes (the features of a clip under a noise set) to lower bounds of linear objectives of its
 * output. A domain is one row of the table below and a folder of its own.
 *
 * Contract: every bound holds in REAL arithmetic, for every noise of the set (and, where the task
 * names one, of the halfspace). What cannot be proved is -inf; NaN is never a bound. */
#ifndef SP_LSTM_DOMAIN_H
#define SP_LSTM_DOMAIN_H

#include "net/net.h"
#include "preprocess/front_bound.h"

#ifdef __cplusplus
extern "C" {
#endif

/** sp_halfspace - the noises d with slope . d + offset <= 0. */
typedef struct sp_halfspace {
    double *slope; /* [padded], padded samples of the front end's bound */
    double offset;
} sp_halfspace;

/** sp_bound_task - what is to be bounded; borrowed, and must outlive what is made of it. */
typedef struct sp_bound_task {
    const sp_net *net;
    const sp_front_bound *const *fronts; /* [clips] bounds of node fronts[0]->node, most frames
                                            first, all of one front end */
    size_t clips;
    const sp_halfspace *within; /* NULL, or: only the noises in it; serves HALFSPACE */
    bool lines;                 /* `lines` will be asked; serves LINES */
    bool evident;       /* margins are what `evidence` shows: not by what the last layer reads */
    const double *goal; /* NULL, or [rows] of the margins: they need not be better */
    double deadline;    /* sp_clock_wall() after which SP_E_TIMEOUT is returned; 0: none */
} sp_bound_task;

/** sp_domain_planes - the slopes of what bounds numbers from below and from above: a x + b y, lines
 *  without b. Offsets follow from the boxes. */
typedef struct sp_domain_planes {
    const double *lower_a, *lower_b, *upper_a, *upper_b; /* [width] */
} sp_domain_planes;

/** sp_domain_serves - what a domain can do beyond the margins of one clip on the CPU. */
enum {
    SP_SERVES_HALFSPACE = 1, /* task.within, with the joint front end */
    SP_SERVES_LINES = 2,     /* lines, with the joint front end */
    SP_SERVES_BATCH = 4      /* several clips at once, on a backend with memory of its own */
};

/** sp_domain - a row. `options`: those of the domain, see its header; NULL: standard ones. */
typedef struct sp_domain {
    const char *name;
    unsigned serves;
    SP_NODISCARD sp_status (*create)(sp_error *err, void **self, const sp_bound_task *task,
                                     const void *options);
    /* Of which frame of the output margins and lines speak from now on, of one clip: the first one
     * unless it was called. goal: that of their rows, in place of the task's. */
    void (*answer)(void *self, size_t frame, const double *goal);
    /* O lower [clips, rows]  lower[r] <= sum_k weight[r,k] output[k](s + d) for every d of the set
     * O error [clips, rows]  the rounding terms that were subtracted; may be NULL
     * I weight [clips, rows, classes] */
    SP_NODISCARD sp_status (*margins)(sp_error *err, void *self, double *lower, double *error,
                                      const double *weight, size_t rows);
    /* The same for one clip, with lines that lie below the objectives everywhere on the set and
     * attain the bounds: slope . d + offset <= objective. slope 0, offset -inf: none. */
    SP_NODISCARD sp_status (*lines)(sp_error *err, void *self, double *lower, double *error,
                                    sp_halfspace *line, const double *weight, size_t rows);
    /* The box [width] of the numbers of a node at one of its frames, of the first clip. For a cell
     * `variable` names one of its variables (net/cell.h) instead; SP_NO_VARIABLE: its output. The
     * arrays are the domain's; NULL where there is no box. */
    void (*box)(void *self, size_t node, size_t frame, int variable, const double **lo,
                const double **hi);
    /* For a certificate: the planes that every row of the first clip used for a curve, or for a
     * product or curve `variable` of a cell, at a frame. *zero: it is exactly zero there and has
     * none. NULL: the domain leaves nothing that could be checked. */
    SP_NODISCARD sp_status (*evidence)(sp_error *err, void *self, sp_domain_planes *planes,
                                       bool *zero, size_t node, size_t frame, int variable);
    /* How many clips like this one, or shorter ones, are bounded at once; bytes that `clips` of
     * them need, on the device where it bounds them. */
    size_t (*room)(const sp_bound_task *task, const void *options);
    size_t (*bytes)(const sp_bound_task *task, const void *options, bool device);
    /* What was spent: floating point operations of matrix products (2 m n k each) and bytes moved
     * to and from a device. */
    void (*spent)(void *self, double *flops, size_t *moved);
    void (*destroy)(void *self);
} sp_domain;

/** sp_domains - the table. */
const sp_domain *const *sp_domains(size_t *count);
extern const sp_domain sp_domain_interval, sp_domain_backsub, sp_domain_r2opt, sp_domain_zonotope;

/** sp_domain_bound - create, margins and destroy in one, for those who only want margins. */
SP_NODISCARD sp_status sp_domain_bound(sp_error *err, const sp_domain *domain,
                                       const sp_bound_task *task, const void *options,
                                       double *lower, double *error, const double *weight,
                                       size_t rows);

/** sp_domain_serves_task - SP_OK, or SP_E_ARGUMENT with what the task asks that the domain has
 *  not. */
SP_NODISCARD sp_status sp_domain_serves_task(sp_error *err, const sp_domain *domain,
                                             const sp_bound_task *task);

#ifdef __cplusplus
}
#endif
#endif
