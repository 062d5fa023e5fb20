/* Private to certify/: linear objectives under one noise set, and the passes of a method over
 * them. Certificates, batches and audits all ask sp_schedule_run. */
#ifndef SP_CERTIFY_SCHEDULE_H
#define SP_CERTIFY_SCHEDULE_H

#include "certify/certify.h"

/** sp_objectives - linear objectives of the logits, proved when all are positive on the noise set
 *  behind `front`, and what is proved of them so far. */
typedef struct sp_objectives {
    const sp_front_bound *front; /* borrowed */
    size_t rows;
    /* [rows] owned; of which frame of the output each is, not falling; or NULL: of the only one */
    size_t *frame;
    double *weight;   /* [rows, net classes] */
    double *constant; /* [rows] added to the product */
    double *clean;    /* [rows] the objectives at one noise of the set; they prove nothing */
    double *proved;   /* [rows] certified lower bounds; NaN before the first pass */
    double error;     /* largest running error term inside them */
    const sp_certify_keep *keep;      /* or NULL */
    const sp_single_program *program; /* borrowed; NULL: float32 is not asked about */
    bool float32;                     /* what it can change is subtracted from what is proved */
    double *term;                     /* [rows] that; of the tightest boxes so far, NaN before */
    double deadline;                  /* sp_clock_wall value; 0: none */
    double boxes_seconds, rows_seconds;
    bool settled;     /* all are positive: no pass is tried */
    sp_status status; /* and err: of the first pass that failed; no later one is tried */
    sp_error err;
    double *memory; /* owned: all arrays above */
} sp_objectives;
/** sp_objectives_init - frames: with `frame`. */
SP_NODISCARD sp_status sp_objectives_init(sp_error *err, sp_objectives *o, size_t rows,
                                          size_t classes, bool frames);
void sp_objectives_clear(sp_objectives *o);
/** sp_objectives_take - keeps a lower bound of row r that is better than what is proved, and the
 *  larger error term. `lower` is that of the product with the weights. SP_E_CONTRADICTION: it lies
 *  above what one noise of the set attains, so that nothing is to be believed. */
SP_NODISCARD sp_status sp_objectives_take(sp_error *err, sp_objectives *o, size_t r, double lower,
                                          double error);

/** sp_objectives_goals - what the products must exceed (schedule.c). */
void sp_objectives_goals(double *goal, const sp_objectives *o);

/** sp_schedule_run - the passes of a method over `count` clips: each is tried only on those of
 *  which something is left to prove and is not hopeless; the last one with its refinement. On a
 *  device many clips are bounded together. Each leaves its status. */
void sp_schedule_run(const sp_method *method, const sp_net *net, sp_objectives *const *list,
                     size_t count);

/** sp_schedule_refine - bounds rows that are not proved on the noises for which they could still
 *  fail (refine.c).   I/O line [rows + 1]: of the last pass, and a spare one */
SP_NODISCARD sp_status sp_schedule_refine(sp_error *err, const sp_method *method, const sp_net *net,
                                          sp_objectives *o, sp_halfspace *line);

/** sp_schedule_pieces - proves all rows that are left on pieces of the noises, up to as many as the
 *  method says, or none of them (pieces.c). */
SP_NODISCARD sp_status sp_schedule_pieces(sp_error *err, const sp_method *method, const sp_net *net,
                                          sp_objectives *o);

/* ---- what is asked of the engine (margins.c) ---- */

/** sp_margins - lower bounds of linear objectives, by one pass. */
typedef struct sp_margins {
    const sp_net *net;
    const sp_front_bound *const *front; /* [clips] those with the most frames first */
    size_t clips, rows;
    const double *weight; /* [clips, rows, net classes] */
    const size_t *frame; /* of one clip [rows], not falling: of the output; NULL: of its only one */
    const sp_method_pass *pass;
    const sp_halfspace *within;       /* NULL: the whole set */
    const double *goal;               /* NULL, or [rows] of one clip: bounds need not be better */
    double deadline;                  /* sp_clock_wall value; 0: none */
    double *lower, *error;            /* O [clips, rows] */
    const sp_single_program *program; /* NULL, or of one clip: */
    double *term;                     /* O [rows] what float32 arithmetic can change */
    bool float32;                     /* it is subtracted from bounds and lines */
    sp_halfspace *line;               /* O [rows] of one clip, see lstm/domain.h; NULL: not asked */
    const sp_certify_keep *keep;      /* of one clip; or NULL */
    const double *constant;           /* [rows] what `keep` adds to `lower` */
    double boxes_seconds, rows_seconds; /* O */
} sp_margins;
SP_NODISCARD sp_status sp_margins_bound(sp_error *err, sp_margins *margins);
/** sp_margins_room - how many clips like this one, or shorter ones, are bounded at once. */
size_t sp_margins_room(const sp_net *net, const sp_front_bound *front, const sp_method_pass *pass);
#endif
