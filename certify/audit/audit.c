/* Audits: which window or stream a property speaks of, and who answers it. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "certify/audit/audit_task.h"

static const char *const properties[] = {
#define SP_PROPERTY_ENTRY(name, text) text,
    SP_PROPERTY_LIST(SP_PROPERTY_ENTRY)
#undef SP_PROPERTY_ENTRY
};

const char *sp_property_name(sp_property property) {
    return property < SP_PROPERTIES ? properties[property] : "";
}

sp_property sp_property_find(const char *name) {
    int found = 0;
    while (found < SP_PROPERTIES && strcmp(properties[found], name) != 0) {
        found++;
    }
    return (sp_property)found;
}

bool sp_audit_of_hops(sp_property property) {
    return property == SP_PROPERTY_HOPS || property == SP_PROPERTY_TRIGGER;
}

bool sp_audit_applies(sp_property property, bool fires, bool hops) {
    if (hops != sp_audit_of_hops(property)) {
        return false;
    }
    switch (property) {
    case SP_PROPERTY_FIRE:
    case SP_PROPERTY_STREAM_FIRE:
        return fires;
    case SP_PROPERTY_SILENT:
    case SP_PROPERTY_STREAM_SILENT:
        return !fires;
    default:
        return true;
    }
}

bool sp_audit_of_set(sp_property property) {
    return property == SP_PROPERTY_FIRE || property == SP_PROPERTY_SILENT ||
           property == SP_PROPERTY_BURST || sp_audit_of_hops(property);
}

bool sp_audit_of_window(sp_property property) {
    return property == SP_PROPERTY_FIRE || property == SP_PROPERTY_SILENT ||
           property == SP_PROPERTY_TRIGGER;
}

/* ---- the clean recording ---- */

/* A prediction at every frame that ends a whole window. */
static sp_status every_frame(sp_error *err, sp_stream *stream, const sp_audit *audit) {
    const sp_pipeline *pipeline = audit->attacker->pipeline;
    SP_TRY(sp_stream_one(err, stream, pipeline, 0));
    const size_t frames = sp_front_frames(pipeline->front, audit->clip->n), steps = stream->steps;
    if (frames < steps) {
        sp_stream_clear(stream);
        const double rate = audit->clip->rate;
        return sp_fail(err, SP_E_MISMATCH,
                       "the recording is %.2f s long, and one window of the model hears %.2f s: "
                       "give it more to hear before it (--before)",
                       (double)audit->clip->n / rate,
                       (double)sp_front_samples(pipeline->front, steps) / rate);
    }
    free(stream->first);
    stream->count = frames - steps + 1;
    stream->first = calloc(stream->count, sizeof *stream->first);
    if (!stream->first) {
        return sp_fail(err, SP_E_MEMORY, "out of memory for %zu predictions", stream->count);
    }
    for (size_t i = 0; i < stream->count; i++) {
        stream->first[i] = (long)i;
    }
    return SP_OK;
}

static sp_status logits_of(sp_error *err, double **logit, const sp_stream *stream,
                           const sp_audit *audit) {
    *logit = calloc(stream->count + 1, sizeof **logit);
    if (!*logit) {
        return sp_fail(err, SP_E_MEMORY, "out of memory for %zu predictions", stream->count);
    }
    return sp_stream_run(err, *logit, stream, audit->attacker->pipeline, audit->clip->samples,
                         audit->clip->n);
}

/* All hops are predictions. */
static sp_status run_hops(sp_error *err, double *logit, size_t *frame, bool *fires,
                          const sp_audit *audit) {
    const sp_pipeline *pipeline = audit->attacker->pipeline;
    sp_stream hops = {0};
    double *by_hop = NULL;
    SP_TRY(sp_audit_check_hops(err, pipeline));
    SP_TRY(sp_stream_init(err, &hops, pipeline, audit->clip->n, audit->trigger.chunk));
    sp_status status = hops.count > 0
                           ? logits_of(err, &by_hop, &hops, audit)
                           : sp_fail(err, SP_E_MISMATCH, "the recording has no whole hop");
    *frame = 0;
    for (size_t i = 1; status == SP_OK && i < hops.count; i++) {
        *frame = by_hop[i] > by_hop[*frame] ? i : *frame;
    }
    if (status == SP_OK) {
        *logit = by_hop[*frame];
        *fires = sp_trigger_hears(&audit->trigger, by_hop, hops.count, 0.0);
    }
    free(by_hop);
    sp_stream_clear(&hops);
    return status;
}

sp_status sp_audit_run(sp_error *err, double *logit, size_t *frame, bool *fires,
                       const sp_audit *audit) {
    if (audit->attacker->pipeline->net->every) {
        return run_hops(err, logit, frame, fires, audit);
    }
    sp_stream frames = {0}, chunks = {0};
    double *by_frame = NULL, *by_chunk = NULL;
    sp_status status = every_frame(err, &frames, audit);
    if (status == SP_OK) {
        status = logits_of(err, &by_frame, &frames, audit);
    }
    if (status == SP_OK) {
        status = sp_stream_init(err, &chunks, audit->attacker->pipeline, audit->clip->n,
                                audit->trigger.chunk);
    }
    if (status == SP_OK) {
        status = logits_of(err, &by_chunk, &chunks, audit);
    }
    if (status == SP_OK) {
        *frame = 0;
        for (size_t i = 1; i < frames.count; i++) {
            *frame = by_frame[i] > by_frame[*frame] ? i : *frame;
        }
        *logit = by_frame[*frame];
        *fires = sp_trigger_hears(&audit->trigger, by_chunk, chunks.count, 0.0);
    }
    free(by_frame);
    free(by_chunk);
    sp_stream_clear(&frames);
    sp_stream_clear(&chunks);
    return status;
}

/* ---- one property ---- */

/* What must hold, and whether it does without any noise. */
static bool settle(sp_audit_task *q, bool stream_fires) {
    sp_finding *f = q->finding;
    const sp_property property = f->property;
    const bool stream =
        property == SP_PROPERTY_STREAM_FIRE || property == SP_PROPERTY_STREAM_SILENT;
    if (sp_audit_of_hops(property)) { // that it stays what it is
        q->fire = f->fire = stream_fires;
        return false;
    }
    const bool does = stream ? stream_fires : f->logit >= f->threshold;
    q->fire = property == SP_PROPERTY_FIRE || property == SP_PROPERTY_STREAM_FIRE ||
              (property != SP_PROPERTY_SILENT && property != SP_PROPERTY_STREAM_SILENT && does);
    f->fire = q->fire;
    if (does == q->fire) {
        return false;
    }
    f->kind = SP_VERDICT_MISCLASSIFIED;
    if (stream && does == (f->logit >= f->threshold)) {
        snprintf(f->reason, sizeof f->reason, "without noise the trigger %s",
                 does ? "fires on the recording" : "does not fire on the recording");
    } else if (stream) {
        snprintf(f->reason, sizeof f->reason,
                 "without noise the trigger %s: single windows reach %.4g, but it needs %zu more",
                 does ? "fires" : "does not fire", f->logit,
                 sp_trigger_run(&q->audit->trigger) - 1);
    } else {
        snprintf(f->reason, sizeof f->reason,
                 "without noise its largest logit is %.4g, and the threshold %.4g", f->logit,
                 f->threshold);
    }
    return true;
}

static sp_status open_task(sp_error *err, sp_audit_task *q, bool *settled) {
    const sp_audit *audit = q->audit;
    const sp_pipeline *pipeline = audit->attacker->pipeline;
    const sp_front_layout *layout = sp_front_layout_of(pipeline->front);
    sp_finding *f = q->finding;
    bool fires = false;
    SP_TRY(sp_audit_run(err, &f->logit, &f->frame, &fires, audit));
    if (sp_audit_of_hops(f->property) != pipeline->net->every) {
        return sp_fail(err, SP_E_ARGUMENT,
                       pipeline->net->every
                           ? "%s is of models with a window; of one that answers after every hop "
                             "ask hops and trigger"
                           : "%s is of models that answer after every hop of a stream",
                       sp_property_name(f->property));
    }
    if (pipeline->net->every) {
        *settled = settle(q, fires);
        return sp_stream_init(err, &q->whole, pipeline, audit->clip->n, audit->trigger.chunk);
    }
    const size_t begin = f->frame * layout->step;
    const size_t length = sp_front_samples(pipeline->front, pipeline->net->steps);
    f->begin_s = (double)begin / layout->sample_rate;
    f->end_s = (double)(begin + length) / layout->sample_rate;
    *settled = settle(q, fires);
    SP_TRY(sp_clip_part(err, &q->window, audit->clip, begin, length));
    SP_TRY(sp_stream_one(err, &q->one, pipeline, 0));
    return sp_stream_init(err, &q->whole, pipeline, audit->clip->n, audit->trigger.chunk);
}

static sp_status run_task(sp_error *err, sp_audit_task *q) {
    bool settled = false;
    SP_TRY(open_task(err, q, &settled));
    if (settled) {
        return SP_OK;
    }
    switch (q->finding->property) {
    case SP_PROPERTY_FIRE:
    case SP_PROPERTY_SILENT:
        return sp_audit_task_box(err, q);
    case SP_PROPERTY_BURST:
        return sp_audit_task_burst(err, q);
    case SP_PROPERTY_GAIN:
        return sp_audit_task_gain(err, q);
    case SP_PROPERTY_NOISE_LINE:
        return sp_audit_task_line(err, q, false);
    case SP_PROPERTY_STREAM_FIRE:
    case SP_PROPERTY_STREAM_SILENT:
        return sp_audit_task_line(err, q, true);
    case SP_PROPERTY_DEAD:
        return sp_audit_task_dead(err, q);
    case SP_PROPERTY_HOPS:
        return sp_audit_task_hops(err, q);
    case SP_PROPERTY_TRIGGER:
        return sp_audit_task_trigger(err, q);
    default:
        return sp_fail(err, SP_E_ARGUMENT, "there is no such property");
    }
}

void sp_finding_clear(sp_finding *f) {
    free(f->place_db);
    f->place_db = NULL;
    f->places = 0;
}

static void init_finding(sp_finding *f, const sp_audit *audit, sp_property property) {
    const sp_budget_scale none = {NAN, NAN, NAN, false};
    *f = (sp_finding){.property = property,
                      .kind = SP_VERDICT_ERROR,
                      .threshold = audit->trigger.threshold,
                      .shared = audit->profile && sp_audit_of_window(property),
                      .logit = NAN,
                      .certified = none,
                      .broken = none,
                      .file = none,
                      .gain_lo = NAN,
                      .gain_hi = NAN,
                      .gain_broken = NAN,
                      .margin = NAN,
                      .float32 = NAN,
                      .begin_s = NAN,
                      .end_s = NAN,
                      .file_logit = NAN,
                      .original_logit = NAN};
}

/* A failed property: nothing that was certified may survive it. */
static void fail_finding(sp_finding *f, const sp_audit *audit, const sp_error *err,
                         sp_status status) {
    sp_finding_clear(f);
    init_finding(f, audit, f->property);
    if (status == SP_E_TIMEOUT) {
        f->kind = SP_VERDICT_TIMEOUT;
        if (sp_clock_stopped()) {
            snprintf(f->reason, sizeof f->reason, "interrupted");
        } else {
            snprintf(f->reason, sizeof f->reason, "no answer within %g s", audit->timeout);
        }
    } else {
        snprintf(f->reason, sizeof f->reason, "%s",
                 err->text[0] ? err->text : sp_status_text(status));
    }
}

sp_status sp_audit_property(sp_error *err, sp_finding *finding, const sp_audit *audit,
                            sp_property property, const char *out) {
    const double start = sp_clock_wall();
    sp_error local = {0};
    sp_audit_task q = {.audit = audit, .finding = finding, .out = out};
    init_finding(finding, audit, property);
    q.deadline = audit->timeout > 0.0 ? start + audit->timeout : 0.0;
    q.single = (sp_trigger){.threshold = audit->trigger.threshold, .chunk = audit->trigger.chunk};
    sp_status status = sp_arithmetic_check(&local);
    if (status == SP_OK) {
        status = run_task(&local, &q);
    }
    sp_clip_clear(&q.window);
    sp_stream_clear(&q.one);
    sp_stream_clear(&q.whole);
    if (status != SP_OK) {
        fail_finding(finding, audit, &local, status);
        if (err) {
            *err = local;
        }
    }
    finding->seconds = sp_clock_wall() - start;
    return status;
}
