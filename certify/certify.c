/* From a noise set to a verdict: bounds of the front end, one objective per margin, the passes of
 * the method. */
#include <stdlib.h>

#include "base/clock.h"
#include "certify/impl.h"

/* Of many decisions each is about one frame. */
static void fill_frames(const sp_query *query, sp_objectives *o) {
    const sp_verdict *verdict = query->verdict;
    const size_t outputs = verdict->outputs;
    for (size_t k = 0, r = 0; k < verdict->classes; k++) {
        sp_lead lead;
        if (!sp_lead_of(&lead, query->pipeline, verdict, k)) {
            continue;
        }
        double *row = o->weight + r * outputs;
        if (lead.plus != SP_NO_LABEL) {
            row[lead.plus % outputs] = 1.0;
        }
        if (lead.minus != SP_NO_LABEL) {
            row[lead.minus % outputs] = -1.0;
        }
        o->frame[r] = k / outputs;
        o->constant[r] = lead.constant;
        o->clean[r++] = sp_lead_value(&lead, verdict->logits);
    }
}

/* +1 at the label, -1 at the other one. */
static sp_status fill_objectives(sp_error *err, const sp_query *query, sp_objectives *o) {
    const sp_verdict *verdict = query->verdict;
    const size_t classes = verdict->classes;
    if (verdict->outputs > 0) {
        fill_frames(query, o);
        return SP_OK;
    }
    double *answers = calloc(o->rows > 0 ? o->rows * classes : 1, sizeof *answers);
    if (!answers) {
        return sp_fail(err, SP_E_MEMORY, "out of memory for %zu labels", o->rows);
    }
    for (size_t k = 0, r = 0; k < classes; k++) {
        if (k != verdict->label) {
            answers[r * classes + verdict->label] = 1.0;
            answers[r * classes + k] = -1.0;
            o->clean[r++] = verdict->logits[verdict->label] - verdict->logits[k];
        }
    }
    sp_pipeline_rows(query->pipeline, o->weight, o->constant, answers, o->rows, classes);
    free(answers);
    return SP_OK;
}

/* Clips of so many frames may take hours by back-substitution, which goes back through all frames
 * from each: intervals, which take seconds, are tried first. */
enum { LONG_CLIP = 2000 };

/* What intervals prove. That they prove nothing is no failure. */
static sp_status try_intervals(sp_error *err, const sp_query *query, sp_objectives *o) {
    sp_front_bound front = {0};
    sp_objectives *const list[] = {o};
    const double start = sp_clock_wall();
    sp_status status = sp_front_bound_until(err, &front, query->pipeline->boxes, query->middle,
                                            query->clip->n, &query->noise, o->deadline);
    query->verdict->front_seconds += sp_clock_wall() - start;
    if (status == SP_OK) {
        o->front = &front;
        sp_schedule_run(sp_method_find("ibp"), query->pipeline->net, list, 1);
        status = o->status;
        *err = o->err;
        o->front = NULL;
    }
    sp_front_bound_clear(&front);
    o->settled = status == SP_OK;
    for (size_t r = 0; r < o->rows; r++) {
        o->settled = o->settled && o->proved[r] > 0.0; // NaN fails
    }
    if (status != SP_OK && status != SP_E_TIMEOUT && sp_query_unproved(status)) {
        o->status = status = SP_OK;
        *err = (sp_error){0};
    }
    return status;
}

static bool is_long(const sp_query *query) {
    return query->pipeline->boxes && query->noise.set->box && query->verdict->frames >= LONG_CLIP;
}

sp_status sp_query_bound(sp_error *err, const sp_query *query, sp_front_bound *front,
                         sp_objectives *o) {
    *front = (sp_front_bound){0};
    query->verdict->front_seconds = 0.0;
    const sp_verdict *verdict = query->verdict;
    const size_t many = sp_verdict_decisions(verdict);
    SP_TRY(sp_objectives_init(err, o, verdict->classes - (verdict->sides ? 0 : many),
                              query->pipeline->net->classes, verdict->outputs > 0));
    o->deadline = query->deadline;
    o->program = query->pipeline->gap ? &query->pipeline->program : NULL;
    o->float32 = query->pipeline->arithmetic == SP_ARITHMETIC_FLOAT32;
    SP_TRY(fill_objectives(err, query, o));
    if (is_long(query)) {
        SP_TRY(try_intervals(err, query, o));
    }
    o->front = front;
    o->keep = query->keep;
    if (o->settled) {
        return SP_OK;
    }
    const double start = sp_clock_wall();
    const sp_status status = sp_front_bound_until(err, front, query->pipeline->forms, query->middle,
                                                  query->clip->n, &query->noise, query->deadline);
    query->verdict->front_seconds += sp_clock_wall() - start;
    o->status = status;
    return status;
}

/* The largest that float32 arithmetic can change; clips whose answer it may change without noise:
 * said of the label that is nearest. */
static void take_terms(const sp_pipeline *pipeline, sp_verdict *verdict, const sp_objectives *o) {
    for (size_t k = 0, r = 0; o->program != NULL && k < verdict->classes; k++) {
        sp_lead lead;
        if (!sp_lead_of(&lead, pipeline, verdict, k)) {
            continue;
        }
        verdict->float32 = verdict->float32 >= o->term[r] ? verdict->float32 : o->term[r];
        const bool within = !(o->clean[r] > o->term[r]) && !(o->proved[r] > 0.0);
        verdict->rival = within && verdict->rival == SP_NO_LABEL ? k : verdict->rival;
        r++;
    }
}

void sp_query_judge(const sp_query *query, const sp_objectives *o) {
    sp_verdict *verdict = query->verdict;
    verdict->boxes_seconds = o->boxes_seconds;
    verdict->rows_seconds = o->rows_seconds;
    if (o->status == SP_OK || o->status == SP_E_TIMEOUT) { // what complete passes proved holds
        for (size_t k = 0, r = 0; k < verdict->classes; k++) {
            sp_lead lead;
            if (sp_lead_of(&lead, query->pipeline, verdict, k)) {
                verdict->margins[k] = o->proved[r++];
            }
        }
        verdict->error = o->error;
        take_terms(query->pipeline, verdict, o);
        sp_verdict_judge(verdict); // sp_query_close makes a timeout of it if it is one
    }
}

static sp_status certify(sp_error *err, sp_query *query, void *context) {
    sp_front_bound front = {0};
    sp_objectives objectives = {0}, *const list[] = {&objectives};
    (void)context;
    sp_status status = sp_query_bound(err, query, &front, &objectives);
    if (status == SP_OK) {
        sp_schedule_run(query->pipeline->method, query->pipeline->net, list, 1);
        status = objectives.status;
        *err = objectives.err;
    }
    if (status == SP_OK || status == SP_E_TIMEOUT) {
        objectives.status = status;
        sp_query_judge(query, &objectives);
    }
    sp_objectives_clear(&objectives);
    sp_front_bound_clear(&front);
    return status;
}

sp_status sp_certify(sp_error *err, sp_verdict *verdict, const sp_pipeline *pipeline,
                     const sp_clip *clip, const sp_budget *budget, long label, double timeout) {
    return sp_certify_kept(err, verdict, pipeline, clip, budget, label, timeout, NULL);
}

sp_status sp_certify_kept(sp_error *err, sp_verdict *verdict, const sp_pipeline *pipeline,
                          const sp_clip *clip, const sp_budget *budget, long label, double timeout,
                          const sp_certify_keep *keep) {
    const sp_query_options options = {budget, NULL, label, timeout, keep};
    return sp_query_answer(err, verdict, pipeline, clip, &options, certify, NULL);
}

sp_status sp_certify_noise(sp_error *err, sp_verdict *verdict, const sp_pipeline *pipeline,
                           const sp_clip *clip, const sp_noise *noise, long label, double timeout) {
    const sp_query_options options = {NULL, noise, label, timeout, NULL};
    return sp_query_answer(err, verdict, pipeline, clip, &options, certify, NULL);
}
