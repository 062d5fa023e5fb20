/* Private to certify/: one descent of a margin over the samples. */
#ifndef SP_CERTIFY_DESCENT_H
#define SP_CERTIFY_DESCENT_H

#include "certify/attack/attack.h"
#include "certify/impl.h"

/** SP_ATTACK_CLEAR - an answer counts as changed when the other label leads by more than this: far
 *  above the rounding errors of the concrete pass. */
#define SP_ATTACK_CLEAR 1e-9

/** sp_attack_loss - what a descent lowers. */
typedef enum {
    SP_ATTACK_MARGIN,     /* over one label, or the strongest one */
    SP_ATTACK_LIKELIHOOD, /* the logarithm of the label's: less is more cross-entropy */
    SP_ATTACK_RATIO       /* the margin over the distance of the largest logit and the third: DLR;
                             the margin where there are but two */
} sp_attack_loss;
/** sp_attack_loss_value - its value and, as O weight [classes], its gradient by the logits. */
double sp_attack_loss_value(double *weight, const double *logits, size_t classes, size_t label,
                            size_t other, sp_attack_loss loss);

/** sp_attack_descent - a set of noisy clips, a point in it, and the best point so far over all
 *  descents. */
typedef struct sp_attack_descent {
    const sp_attacker *attacker; /* borrowed */
    const sp_verdict *verdict;   /* borrowed; of the query: what must stay as it is */
    size_t n, scores;
    size_t *lead; /* [leads] owned; scores at which there is a margin; of many those nearest to 0 */
    size_t leads;
    const sp_noise_set *set; /* of the noise */
    const double *clean;     /* [n] borrowed; the middle of the set, as a rule the clip */
    double *radius;          /* [n] of the noise, a hair smaller than those allowed */
    double *lo, *hi; /* [n] the box around it; of a box with a coding its values of the coding */
    const sp_clip *coded; /* points are rounded to values of its coding; NULL: they are not */
    double *x;            /* [n] where a descent starts and stands */
    double *home;         /* [n] the best x of the last descent, before rounding */
    double *best;         /* [n] the best point since `margin` was set to +inf */
    double margin;        /* least margin there */
    size_t answer;        /* where that is: the strongest other label, or a score of many */
    double clear;         /* the answer has changed where the margin is below minus this */
    size_t steps;         /* gradients taken so far */
    sp_attack_loss loss;  /* margins unless set */
    double deadline;      /* sp_clock_wall value; 0: none */
    // scratch:
    double *before, *point; /* [n] */
    double *noise;          /* [n] of projections and roundings */
    double *gradient;       /* [leads, n] */
    double *weight;         /* [leads, scores] */
    double *logits;         /* [scores] */
    double *memory;         /* owned: all arrays above */
} sp_attack_descent;

/** SP_ATTACK_LEADS - of many decisions so many margins are linearised. */
enum { SP_ATTACK_LEADS = 12 };

/** sp_attacker_gradient - gradients of `rows` linear objectives of the scores by the samples.
 *  O gradient [rows, n]   I samples [n], weight [rows, scores]
 *  SP_E_TIMEOUT at the deadline (a value of sp_clock_wall; 0: none). */
SP_NODISCARD sp_status sp_attacker_gradient(sp_error *err, const sp_attacker *attacker,
                                            double *gradient, const double *samples, size_t n,
                                            const double *weight, size_t rows, double deadline);

SP_NODISCARD sp_status sp_attack_descent_init(sp_error *err, sp_attack_descent *d,
                                              const sp_attacker *attacker, const sp_query *query);
void sp_attack_descent_clear(sp_attack_descent *d);

/** sp_attack_descent_real_set - all real noise of `scale` times the set.
 *  sp_attack_descent_format_set - the clips of the sample format in it; false: there is none but
 *  the clip itself. */
void sp_attack_descent_real_set(sp_attack_descent *d, const sp_query *query, double scale);
bool sp_attack_descent_format_set(sp_attack_descent *d, const sp_query *query, double scale);
/** sp_attack_descent_project - moves x [n] into the set. */
void sp_attack_descent_project(const sp_attack_descent *d, double *x);
/** sp_attack_descent_round - a clip near x of the set that the format holds, x itself without a
 *  coding; false: none of the set was found.   O point [n] */
bool sp_attack_descent_round(const sp_attack_descent *d, double *point, const double *x);

/** sp_attack_descent_margins - the margins that the model linearised at the clip reaches in the
 *  noise set.   O linear_margin [leads] */
SP_NODISCARD sp_status sp_attack_descent_margins(sp_error *err, sp_attack_descent *d,
                                                 const sp_query *query, double *linear_margin);

/** sp_attack_descent_weigh - the objectives of all leads: weight [leads, scores]. */
void sp_attack_descent_weigh(sp_attack_descent *d);

/** sp_attack_descent_changed - whether the best point has another answer, by more than rounding
 *  errors. */
bool sp_attack_descent_changed(const sp_attack_descent *d);
/** sp_attack_beyond_rounding - whether the other answer leads by `-margin` at these samples of any
 *  program that the query speaks of: with float32, by more than its rounding may undo.
 *  O term  what that is; 0 of real numbers. beyond_rounding.c */
SP_NODISCARD sp_status sp_attack_beyond_rounding(sp_error *err, bool *beyond, double *term,
                                                 const sp_query *query, const double *samples,
                                                 size_t other, double margin);

/** sp_attack_descent_hear - the least margin at x, which is kept when it is the best so far. */
SP_NODISCARD sp_status sp_attack_descent_hear(sp_error *err, sp_attack_descent *d, double *margin);
/** sp_attack_boundary - from the clip to the boundary that is nearest by its linearisation, time
 *  and again. sp_attack_square - bursts at random places, each kept if the least margin falls: no
 *  gradient is taken. Both end when the answer has changed (suite.c). */
SP_NODISCARD sp_status sp_attack_boundary(sp_error *err, sp_attack_descent *d,
                                          const sp_query *query, size_t steps);
SP_NODISCARD sp_status sp_attack_square(sp_error *err, sp_attack_descent *d, uint64_t seed,
                                        size_t queries);

/** sp_attack_descent_run - from x: at most `steps` gradient steps down the margin at score
 *  `target`, or the least one at every point when that is SP_NO_LABEL. Ends early when the answer
 *  has changed.
 */
SP_NODISCARD sp_status sp_attack_descent_run(sp_error *err, sp_attack_descent *d, size_t target,
                                             size_t steps);

#endif
