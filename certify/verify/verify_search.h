/* Private to certify/verify/: one part of a query before a network, and what is known of boxes of
 * its inputs. */
#ifndef SP_CERTIFY_VERIFY_SEARCH_H
#define SP_CERTIFY_VERIFY_SEARCH_H

#include "certify/impl.h"
#include "certify/verify/verify.h"

/** sp_verify_row - a constraint of the query that speaks of outputs: it is false on a box where
 *  weight . y, and what it says of inputs, is above limit + slack there. */
typedef struct sp_verify_row {
    const sp_vnnlib_constraint *constraint;
    const double *weight; /* [classes] */
    double limit, slack;  /* its bound; how far rounded numbers of the file can move it */
} sp_verify_row;

/** sp_verify_alternative - rows that hold together. */
typedef struct sp_verify_alternative {
    size_t *row; /* [rows] */
    size_t rows;
} sp_verify_alternative;

/** sp_verify_part - a part of a query; all but the last group is borrowed. */
typedef struct sp_verify_part {
    const sp_vnnlib *query;
    const sp_vnnlib_case *inputs;
    const sp_model *model;
    const sp_pipeline *pipeline;
    const sp_verify_options *options;
    const size_t *place; /* [n] where number i of the query's tensor stands in the sequence */
    size_t n;
    double deadline; /* sp_clock_wall value; 0: none */

    size_t classes;
    sp_verify_row *row; /* [rows] owned */
    size_t rows;
    double *weight;                     /* [rows, classes] owned */
    sp_verify_alternative *alternative; /* [alternatives] owned */
    size_t alternatives;
    size_t *numbers; /* owned: of all alternatives */
} sp_verify_part;
/** sp_verify_part_init - behind the borrowed ones. */
SP_NODISCARD sp_status sp_verify_part_init(sp_error *err, sp_verify_part *part);
void sp_verify_part_clear(sp_verify_part *part);

/* ---- sigmoids and softmaxes at the end: verify_head.c ---- */

/** sp_verify_head - the query as it is asked of logits, or of the network with the function as
 *  nodes behind it (`opened`). Without such a head, or for real numbers and constraints that its
 *  monotony translates, `net` is empty and the network that of the file. */
typedef struct sp_verify_head {
    sp_vnnlib query; /* that of the file but for its constraints; not to be cleared */
    bool opened;
    sp_net net;                       /* owned */
    sp_vnnlib_constraint *constraint; /* owned, or NULL */
    sp_vnnlib_term *term;             /* owned, or NULL */
} sp_verify_head;
/** sp_verify_head_init - `query` and `model` are borrowed. Clear it after a failure, too. */
SP_NODISCARD sp_status sp_verify_head_init(sp_error *err, sp_verify_head *head,
                                           const sp_vnnlib *query, const sp_model *model,
                                           sp_arithmetic arithmetic);
void sp_verify_head_clear(sp_verify_head *head);

/* ---- boxes: verify_box.c ---- */

/** sp_verify_margins - lower bounds of weight . y for all inputs between lo and hi [n].
 *  O lower [rows]   O slope [rows, n] of lines below them, or NULL   I weight [rows, classes]
 *  I goal [rows] they need not be better; or NULL */
SP_NODISCARD sp_status sp_verify_margins(sp_error *err, const sp_verify_part *part, double *lower,
                                         double *slope, const double *lo, const double *hi,
                                         const sp_method_pass *pass, const double *weight,
                                         const double *goal, size_t rows);

/** sp_verify_bounds - what is asked about rows over a box of inputs. */
typedef struct sp_verify_bounds {
    const double *lo, *hi; /* [n] */
    const size_t *row;     /* [rows] which ones */
    size_t rows;
    const sp_method_pass *pass;
    bool met; /* not whether they are false, but whether they are met */
} sp_verify_bounds;
/** sp_verify_bound - by how much row - limit is above 0 at least; of `met`, limit - row.
 *  O lower [rows]   O slope [rows, n] or NULL */
SP_NODISCARD sp_status sp_verify_bound(sp_error *err, const sp_verify_part *part, double *lower,
                                       double *slope, const sp_verify_bounds *bounds);
/** sp_verify_shrink - cuts a box to what the linear constraints of inputs leave of it; false:
 *  nothing. */
bool sp_verify_shrink(const sp_verify_part *part, double *lo, double *hi);

/* ---- points: verify_point.c ---- */

/** sp_verify_outputs - y [classes] at x [n]. sp_verify_gradients - gradients [count, n] of weight
 *  [count, classes] . y. */
SP_NODISCARD sp_status sp_verify_outputs(sp_error *err, const sp_verify_part *part, double *y,
                                         const double *x);
SP_NODISCARD sp_status sp_verify_gradients(sp_error *err, const sp_verify_part *part,
                                           double *gradient, const double *x, const double *weight,
                                           size_t count);
/** sp_verify_slope - the gradient [n] of what a constraint says of outputs.
 *  weight [classes]: memory */
SP_NODISCARD sp_status sp_verify_slope(sp_error *err, const sp_verify_part *part, double *gradient,
                                       const double *x, double *weight,
                                       const sp_vnnlib_constraint *c);
/** sp_verify_excess - the largest row - limit of an alternative at a point, constraints of inputs
 *  among them, in doubles: a witness has none above 0. *worst: that constraint, or NULL. */
double sp_verify_excess(const sp_verify_part *part, size_t alternative, const double *x,
                        const double *y, const sp_vnnlib_constraint **worst);
/** sp_verify_snap - moves x into the part's box, to floats where there are any. */
void sp_verify_snap(const sp_verify_part *part, double *x);
/** sp_verify_prove - whether bounds at the point x alone prove that it meets the query. */
SP_NODISCARD sp_status sp_verify_prove(sp_error *err, const sp_verify_part *part, bool *proved,
                                       const double *x);

/* ---- searches ---- */

/** sp_verify_settle - whether one quick pass over the part's box makes every alternative false
 *  (verify_branch.c).
 *  sp_verify_attack - looks for a witness x [n] by descent, of so many steps from so many starts
 *  for each alternative (verify_attack.c). */
SP_NODISCARD sp_status sp_verify_settle(sp_error *err, const sp_verify_part *part, bool *settled);
SP_NODISCARD sp_status sp_verify_attack(sp_error *err, const sp_verify_part *part, double *x,
                                        bool *found, size_t steps, size_t starts);
/** sp_verify_branch - bounds the part's box, and cuts it where that proves nothing, until a witness
 *  x [n] is found or nothing is left (verify_branch.c). The answer gets kind and reason, and more
 *  boxes and volume. */
SP_NODISCARD sp_status sp_verify_branch(sp_error *err, const sp_verify_part *part, double *x,
                                        sp_verify_answer *answer);

#endif
