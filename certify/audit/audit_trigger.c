/* Audits of a trigger behind a model that answers after every hop of a stream, on a recording that
 * is noisy throughout: bounds of all hops from one pass, and what the trigger makes of them at
 * worst. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "certify/audit/audit_task.h"

/* What is asked of a level, or of the budget. */
static sp_budget budget_of(const sp_audit_task *q, double db) {
    const sp_audit *audit = q->audit;
    sp_budget budget = {.unit = SP_BUDGET_DB_PEAK, .value = db, .set = sp_audit_task_set(q)};
    budget = audit->budget ? *audit->budget : budget;
    budget.profile = audit->profile;
    budget.deployed = audit->deployed;
    return budget;
}

static sp_status scale_of(sp_error *err, sp_budget_scale *scale, const sp_audit_task *q,
                          const sp_budget *budget) {
    const sp_clip *clip = q->audit->clip;
    double eps = NAN;
    SP_TRY(sp_budget_radius(err, &eps, budget, clip));
    *scale = sp_audit_task_scale(sp_audit_task_set(q), clip, eps, sp_audit_task_shares(q, clip));
    scale->db_peak = q->audit->budget ? scale->db_peak : budget->value;
    return SP_OK;
}

/* Of every hop whether it is certainly above a threshold, or below. O above, below [count] */
static sp_status bound_sides(sp_error *err, const sp_audit_task *q, double threshold, double db,
                             bool *above, bool *below, double *margin) {
    sp_pipeline pipeline = *q->audit->attacker->pipeline;
    const sp_budget budget = budget_of(q, db);
    sp_verdict verdict;
    pipeline.threshold = threshold;
    const sp_status status =
        sp_certify(err, &verdict, &pipeline, q->audit->clip, &budget, -1, sp_audit_task_time(q));
    for (size_t i = 0; i < q->whole.count; i++) {
        const bool proved =
            verdict.margins && i < verdict.classes && verdict.margins[i] > 0.0; // NaN fails
        above[i] = proved && verdict.logits[i] >= threshold;
        below[i] = proved && !(verdict.logits[i] >= threshold);
        if (proved && !(verdict.margins[i] >= *margin)) {
            *margin = verdict.margins[i];
        }
    }
    sp_verdict_clear(&verdict);
    return status;
}

/* Whether the trigger does what it must at a level: with all hops that are not certainly on taken
 * for off, or the other way round. */
static sp_status prove_level(sp_error *err, const sp_audit_task *q, double db, bool *holds,
                             double *margin) {
    const sp_trigger *trigger = &q->audit->trigger;
    const size_t count = q->whole.count;
    bool *above = calloc(4 * count + 1, sizeof *above), *below = above ? above + count : NULL;
    bool *high = above ? below + count : NULL, *low = above ? high + count : NULL;
    if (!above) {
        return sp_fail(err, SP_E_MEMORY, "out of memory for %zu hops", count);
    }
    *margin = INFINITY;
    sp_status status = bound_sides(err, q, trigger->threshold, db, above, below, margin);
    if (status == SP_OK && trigger->rule == SP_TRIGGER_SPEECH) {
        status = bound_sides(err, q, trigger->low, db, high, low, margin);
    }
    for (size_t i = 0; i < count; i++) {
        const bool speech = trigger->rule == SP_TRIGGER_SPEECH;
        const bool keeps =
            q->fire ? above[i] || (speech && high[i]) : !(speech ? low[i] : below[i]);
        above[i] = q->fire ? above[i] : !below[i];
        high[i] = keeps;
    }
    *holds = status == SP_OK && sp_trigger_fires(NULL, trigger, above, high, count) == q->fire;
    free(above);
    return sp_query_unproved(status) ? SP_OK : status;
}

/* Noise of a level that makes the trigger do what it must not, if the attack on its hops finds it.
 */
static sp_status break_level(sp_error *err, sp_audit_task *q, double db, bool *broken) {
    const sp_clip *clip = q->audit->clip;
    const sp_pipeline *pipeline = q->audit->attacker->pipeline;
    const sp_budget budget = budget_of(q, db);
    sp_attack_options options = sp_audit_task_attack(q);
    sp_attack attack;
    *broken = false;
    if (budget.deployed != SP_BUDGET_AS_REAL) { // rounded clips are not attacked
        return SP_OK;
    }
    sp_status status =
        sp_attack_budget(err, &attack, q->audit->attacker, clip, &budget, -1, &options);
    double *samples = calloc(clip->n + q->whole.count, sizeof *samples);
    double *logit = samples ? samples + clip->n : NULL;
    if (status == SP_OK && samples && attack.noise) {
        for (size_t i = 0; i < clip->n; i++) {
            samples[i] = clip->samples[i] + attack.noise[i];
        }
        status = sp_pipeline_run(err, pipeline, logit, samples, clip->n);
        *broken = status == SP_OK && sp_trigger_hears(&q->audit->trigger, logit, q->whole.count,
                                                      q->fire ? 1e-9 : -1e-9) != q->fire;
        if (*broken && attack.verdict.kind == SP_VERDICT_BROKEN) {
            bool file = false;
            status =
                sp_audit_task_keep(err, q, clip, &q->whole, &q->audit->trigger, samples, &file);
            if (file) {
                q->finding->file = attack.verdict.scale;
            }
        }
        if (*broken) {
            q->finding->broken = attack.verdict.scale;
        }
    }
    free(samples);
    sp_attack_clear(&attack);
    return status;
}

#define QUIETEST (-110.0)
#define LOUDER 3.0

/* Halves the grid between a level that is proved and one that is not; then louder ones are
 * attacked. */
static sp_status search_trigger(sp_error *err, sp_audit_task *q, double *certified) {
    const double tolerance = q->audit->tolerance;
    long quiet = lrint(QUIETEST / tolerance) - 1, loud = 1;
    bool holds = false, broken = false;
    double margin = NAN;
    while (loud - quiet > 1) {
        const long k = quiet + (loud - quiet) / 2;
        SP_TRY(prove_level(err, q, (double)k * tolerance, &holds, &margin));
        *(holds ? &quiet : &loud) = k;
        q->finding->margin = holds ? margin : q->finding->margin;
    }
    *certified = quiet < lrint(QUIETEST / tolerance) ? NAN : (double)quiet * tolerance;
    for (double db = (double)loud * tolerance; db <= 0.0 && !broken && !q->audit->no_attack;
         db += LOUDER) {
        SP_TRY(break_level(err, q, db, &broken));
    }
    return SP_OK;
}

sp_status sp_audit_task_trigger(sp_error *err, sp_audit_task *q) {
    const sp_audit *audit = q->audit;
    sp_finding *f = q->finding;
    double certified = NAN;
    bool holds = false, broken = false;
    f->begin_s = 0.0;
    f->end_s = (double)audit->clip->n / audit->clip->rate;
    if (audit->budget) {
        const sp_budget budget = budget_of(q, NAN);
        SP_TRY(prove_level(err, q, NAN, &holds, &f->margin));
        if (holds) {
            SP_TRY(scale_of(err, &f->certified, q, &budget));
        } else if (!audit->no_attack) {
            SP_TRY(break_level(err, q, NAN, &broken));
        }
    } else {
        SP_TRY(search_trigger(err, q, &certified));
        const sp_budget budget = budget_of(q, certified);
        holds = !isnan(certified) && scale_of(NULL, &f->certified, q, &budget) == SP_OK;
    }
    const bool breaks = isfinite(f->broken.db_peak);
    f->kind = holds ? SP_VERDICT_CERTIFIED : breaks ? SP_VERDICT_BROKEN : SP_VERDICT_UNKNOWN;
    if (!holds) {
        f->margin = NAN;
        snprintf(f->reason, sizeof f->reason, "%s",
                 breaks ? "noise was found that changes what the trigger does"
                        : "what the trigger does could neither be proved nor changed");
    }
    return SP_OK;
}
