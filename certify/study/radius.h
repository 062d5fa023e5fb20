/* Private to certify/study/: the parts of the search for a clip's radius. */
#ifndef SP_CERTIFY_RADIUS_H
#define SP_CERTIFY_RADIUS_H

#include "certify/impl.h"
#include "certify/study/study.h"

/** sp_radius_search - one search. Budgets are numbered: budget k has k times the tolerance in
 *  dB. */
typedef struct sp_radius_search {
    sp_radius *radius;
    const sp_attacker *attacker;
    const sp_radius_options *options;
    const sp_query *query; /* its noise has 0 dB */
    long least, most;      /* budgets that are tried */
    double clean;          /* least margin without noise */
    sp_verdict best;       /* of the largest certified budget, or of the quietest one tried */
    double *hint;          /* [n] owned; noise of the quietest broken budget, or NULL */
    bool late;             /* the time is up */
} sp_radius_search;

double sp_radius_search_db(const sp_radius_search *q, long k);
/** sp_radius_search_budget - the nearest budget of [least, most]. */
long sp_radius_search_budget(const sp_radius_search *q, double db);
/** sp_radius_search_steps - how many budgets make `db` decibels; at least 1. */
long sp_radius_search_steps(const sp_radius_search *q, double db);
/** sp_radius_search_set - budget k, in all samples or in those of the frames asked for. */
sp_budget sp_radius_search_set(const sp_radius_search *q, long k);
/** sp_radius_search_time - seconds that are left; 0: no limit. */
double sp_radius_search_time(const sp_radius_search *q);
/** sp_radius_search_keep - notes a budget that was tried. */
SP_NODISCARD sp_status sp_radius_search_keep(sp_error *err, sp_radius_search *q,
                                             const sp_radius_point *point);

/** sp_radius_search_certify - the loudest certified budget up to `most`, first tried at `guess`;
 *  least - 1: none (radius_certified.c). */
SP_NODISCARD sp_status sp_radius_search_certify(sp_error *err, sp_radius_search *q, long guess,
                                                long most, long *certified);
/** sp_radius_search_break - the quietest budget that real-valued noise was found to break, first
 *  tried at `guess`; most + 1: none. sp_radius_search_break_file - the quietest from `least` on
 *  that a file was (radius_broken.c). */
SP_NODISCARD sp_status sp_radius_search_break(sp_error *err, sp_radius_search *q, long guess,
                                              long *broken);
SP_NODISCARD sp_status sp_radius_search_break_file(sp_error *err, sp_radius_search *q, long least,
                                                   long *broken);

#endif
