/* The loudest certified budget: steps that follow the proved margin, then halved brackets. */
#include <math.h>

#include "certify/study/radius.h"

/* Keeps the verdict of the largest certified budget; until there is one, that of the quietest. */
static void keep_verdict(sp_radius_search *q, sp_verdict *verdict) {
    const bool certified = verdict->kind == SP_VERDICT_CERTIFIED;
    const bool had = q->best.kind == SP_VERDICT_CERTIFIED;
    const bool louder = verdict->eps > q->best.eps;
    if (isnan(q->best.eps) || (certified ? !had || louder : !had && !louder)) {
        sp_verdict_clear(&q->best);
        q->best = *verdict;
    } else {
        sp_verdict_clear(verdict);
    }
}

static sp_status try_budget(sp_error *err, sp_radius_search *q, long k, bool *certified,
                            double *margin) {
    const sp_query *query = q->query;
    const sp_budget budget = sp_radius_search_set(q, k);
    sp_verdict verdict;
    const sp_status status = sp_certify(err, &verdict, query->pipeline, query->clip, &budget,
                                        (long)query->verdict->label, sp_radius_search_time(q));
    *certified = verdict.kind == SP_VERDICT_CERTIFIED;
    *margin = verdict.margin;
    q->late = verdict.kind == SP_VERDICT_TIMEOUT;
    if (q->late || (status != SP_OK && !sp_query_unproved(status))) {
        sp_verdict_clear(&verdict);
        return q->late ? SP_OK : status;
    }
    const sp_radius_point point = {.db = sp_radius_search_db(q, k),
                                   .certified = *certified,
                                   .margin = verdict.margin,
                                   .seconds = verdict.seconds};
    keep_verdict(q, &verdict);
    return sp_radius_search_keep(err, q, &point);
}

/* How far the edge may be, in dB. Where the margin falls in proportion to the noise, the edge is
 * where it is used up; boxes that run away end it about half-way there. Shortly behind the edge
 * nothing is left. */
static double distance(const sp_radius_search *q, bool certified, double margin) {
    const double left = margin / q->clean;
    if (certified) {
        return fmin(fmax(-10.0 * log10(fmax(1.0 - left, 1e-9)), 1.0), 8.0);
    }
    return left > -0.5 ? 1.0 : left > -2.5 ? 2.0 : 6.0; // NaN: 6
}

sp_status sp_radius_search_certify(sp_error *err, sp_radius_search *q, long guess, long most,
                                   long *certified) {
    long quiet = q->least - 1, loud = most + 1;
    long k = guess < q->least ? q->least : guess > most ? most : guess;
    while (loud - quiet > 1) {
        bool proved = false;
        double margin = NAN;
        SP_TRY(try_budget(err, q, k, &proved, &margin));
        if (q->late) {
            break;
        }
        *(proved ? &quiet : &loud) = k;
        const long step = sp_radius_search_steps(q, distance(q, proved, margin));
        k += proved ? step : -step;
        if (k <= quiet || k >= loud) { // beyond what is known already
            const bool inside = quiet >= q->least && loud <= most;
            k = inside ? quiet + (loud - quiet) / 2 : proved ? loud - 1 : quiet + 1;
        }
    }
    *certified = quiet;
    return SP_OK;
}
