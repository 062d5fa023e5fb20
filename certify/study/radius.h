/* Private to certify/study/: the parts of the search for a clip's radius. */
#ifndef SP_CERTIFY_RADIUS_H
#define SP_CERTIFY_RADIUS_H

#include "certify/impl.h"
#include "certify/study/study.h"

/** sp_quest - one search. Budgets are numbered: budget k has k times the tolerance in dB relative
 *  to the clip's peak. */
typedef struct sp_quest {
    sp_radius *radius;
    const sp_attacker *attacker;
    const sp_radius_options *options;
    const sp_problem *problem; /* its noise has 0 dB */
    long least, most;          /* budgets that are tried */
    double clean;              /* least margin without noise */
    sp_verdict best;           /* of the largest certified budget, or of the quietest one tried */
    double *hint;              /* [n] owned; noise of the quietest broken budget, or NULL */
    bool late;                 /* the time is up */
} sp_quest;

double sp_quest_db(const sp_quest *q, long k);
/** sp_quest_budget - the nearest budget of [least, most]. */
long sp_quest_budget(const sp_quest *q, double db);
/** sp_quest_steps - how many budgets make `db` decibels; at least 1. */
long sp_quest_steps(const sp_quest *q, double db);
/** sp_quest_noise - the set of budget k, in all samples or in those of the frames asked for. */
SP_NODISCARD sp_status sp_quest_noise(sp_error *err, const sp_quest *q, sp_noise *noise, long k);
/** sp_quest_time - seconds that are left; 0: no limit. */
double sp_quest_time(const sp_quest *q);
/** sp_quest_keep - notes a budget that was tried. */
SP_NODISCARD sp_status sp_quest_keep(sp_error *err, sp_quest *q, const sp_radius_point *point);

/** sp_quest_certify - the loudest certified budget up to `most`, first tried at `guess`; least - 1:
 *  none (radius_certified.c). */
SP_NODISCARD sp_status sp_quest_certify(sp_error *err, sp_quest *q, long guess, long most,
                                        long *certified);
/** sp_quest_break - the quietest budget that real-valued noise was found to break, first tried at
 *  `guess`; most + 1: none. sp_quest_break_file - the quietest from `least` on that a file was
 *  (radius_broken.c). */
SP_NODISCARD sp_status sp_quest_break(sp_error *err, sp_quest *q, long guess, long *broken);
SP_NODISCARD sp_status sp_quest_break_file(sp_error *err, sp_quest *q, long least, long *broken);

#endif
