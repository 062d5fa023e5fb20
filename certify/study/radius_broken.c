/* The quietest budget that an attack breaks: from a broken one downwards, every attack starting
 * from the noise of the last success. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "certify/attack/descent.h"
#include "certify/study/radius.h"

#define STEP_DOWN 2.0 /* dB; halved at every failure */
#define STEP_UP 1.0   /* dB; doubled at every failure */

/* How hard an attempt is: from the last noise alone, from it and from a ladder, or as the options
 * say. */
typedef enum { QUICK = 1, BRISK = 2, FULL = 0 } effort;

/* An attack at budget k. `file`: only a replayed file counts. */
static sp_status try_budget(sp_error *err, sp_radius_search *q, long k, bool file, effort hard,
                            bool *broken) {
    const sp_query *query = q->query;
    sp_attack_options options = q->options->attack;
    const sp_budget budget = sp_radius_search_set(q, k);
    sp_attack attack;
    options.timeout = sp_radius_search_time(q);
    options.hint = q->hint;
    options.source = file ? options.source : NULL;
    options.out = NULL;
    options.starts = hard == FULL ? options.starts : (size_t)hard;
    sp_status status = sp_attack_budget(err, &attack, q->attacker, query->clip, &budget,
                                        (long)query->verdict->label, &options);
    *broken = file ? attack.verdict.kind == SP_VERDICT_BROKEN : attack.real_broken;
    q->late = attack.verdict.kind == SP_VERDICT_TIMEOUT;
    double **const kept = file ? &q->radius->file_noise : &q->hint;
    if (status == SP_OK && *broken) { // quieter than the last success
        free(*kept);
        *kept = attack.noise;
        attack.noise = NULL;
    }
    const sp_radius_point point = {.db = sp_radius_search_db(q, k),
                                   .attacked = true,
                                   .file = file,
                                   .broken = *broken,
                                   .margin = file ? attack.file_margin : attack.real_margin,
                                   .seconds = attack.verdict.seconds};
    sp_attack_clear(&attack);
    if (q->late || status != SP_OK) {
        return q->late ? SP_OK : status;
    }
    return sp_radius_search_keep(err, q, &point);
}

/* The least margin under the hint, made quieter by as much as budget k is below budget `from`, and
 * whether that breaks the clip still. Scratch: samples [n], logits [classes]. */
static sp_status run_quieter(sp_error *err, const sp_radius_search *q, long k, long from,
                             double *samples, double *logits, double *margin, bool *breaks) {
    const sp_clip *clip = q->query->clip;
    const sp_verdict *verdict = q->query->verdict;
    const double scale =
        pow(10.0, (sp_radius_search_db(q, k) - sp_radius_search_db(q, from)) / 20.0);
    for (size_t i = 0; i < clip->n; i++) {
        samples[i] = clip->samples[i] + scale * q->hint[i];
    }
    SP_TRY(sp_pipeline_run(err, q->query->pipeline, logits, samples, clip->n));
    size_t at = SP_NO_LABEL;
    double term = 0.0;
    *margin = sp_lead_least(q->query->pipeline, verdict, logits, &at);
    return sp_attack_beyond_rounding(err, breaks, &term, q->query, samples, at, *margin);
}

/* Makes the noise of the broken budget *k quieter for as long as that is enough. */
static sp_status shrink(sp_error *err, sp_radius_search *q, long *k) {
    const size_t n = q->query->clip->n;
    double *samples = malloc((n + q->query->verdict->classes) * sizeof *samples);
    const long from = *k;
    double attained = NAN;
    sp_status status =
        samples ? SP_OK : sp_fail(err, SP_E_MEMORY, "out of memory for %zu samples", n);
    for (bool holds = true; status == SP_OK && holds && *k > q->least;) {
        double margin = NAN;
        status = run_quieter(err, q, *k - 1, from, samples, samples + n, &margin, &holds);
        holds = status == SP_OK && holds;
        attained = holds ? margin : attained;
        *k -= holds;
    }
    free(samples);
    if (status != SP_OK || *k == from) {
        return status;
    }
    const double scale =
        pow(10.0, (sp_radius_search_db(q, *k) - sp_radius_search_db(q, from)) / 20.0);
    for (size_t i = 0; i < n; i++) {
        q->hint[i] *= scale;
    }
    const sp_radius_point point = {
        .db = sp_radius_search_db(q, *k), .attacked = true, .broken = true, .margin = attained};
    return sp_radius_search_keep(err, q, &point);
}

/* From a broken budget down. Quick attempts from the last noise alone; the last failure is a full
 * one. */
static sp_status climb_down(sp_error *err, sp_radius_search *q, long *broken) {
    long step = sp_radius_search_steps(q, STEP_DOWN);
    SP_TRY(shrink(err, q, broken));
    while (*broken > q->least) {
        const long k = *broken - step < q->least ? q->least : *broken - step;
        bool breaks = false;
        SP_TRY(try_budget(err, q, k, false, step > 1 ? QUICK : FULL, &breaks));
        if (q->late || (!breaks && step == 1)) {
            break;
        }
        if (breaks) {
            *broken = k;
            SP_TRY(shrink(err, q, broken));
        } else {
            step /= 2;
        }
    }
    return SP_OK;
}

sp_status sp_radius_search_break(sp_error *err, sp_radius_search *q, long guess, long *broken) {
    long step = sp_radius_search_steps(q, STEP_UP);
    *broken = q->most + 1;
    for (long k = guess; *broken > q->most; step *= 2) {
        bool breaks = false;
        SP_TRY(try_budget(err, q, k, false, FULL, &breaks));
        if (q->late || (!breaks && k == q->most)) {
            return SP_OK;
        }
        *broken = breaks ? k : *broken;
        k = k + step < q->most ? k + step : q->most;
    }
    return climb_down(err, q, broken);
}

sp_status sp_radius_search_break_file(sp_error *err, sp_radius_search *q, long least,
                                      long *broken) {
    long quiet = least - 1, loud = q->most + 1, step = 1;
    for (long k = least; loud - quiet > 1;) {
        bool breaks = false;
        SP_TRY(try_budget(err, q, k, true, BRISK, &breaks));
        if (q->late) {
            break;
        }
        *(breaks ? &loud : &quiet) = k;
        if (loud <= q->most) {
            k = quiet + (loud - quiet) / 2;
        } else {
            k = k + step < q->most ? k + step : q->most;
            step *= 2;
        }
    }
    *broken = loud;
    return SP_OK;
}
