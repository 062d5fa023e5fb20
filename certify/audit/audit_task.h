/* Private to certify/audit/: what the properties of an audit share. */
#ifndef SP_CERTIFY_AUDIT_TASK_H
#define SP_CERTIFY_AUDIT_TASK_H

#include "certify/audit/audit.h"
#include "certify/impl.h"
#include "certify/study/study.h"

/** sp_audit_task - one property of one recording. */
typedef struct sp_audit_task {
    const sp_audit *audit;
    sp_finding *finding;
    const char *out;
    double deadline;   /* sp_clock_wall value; 0: none */
    bool fire;         /* what must hold: it fires, or stays silent */
    sp_clip window;    /* owned; the part of the recording that the window hears */
    sp_stream whole;   /* owned; all predictions of the recording */
    sp_stream one;     /* owned; the window's */
    sp_trigger single; /* fires with the window */
    /* of hops: a file breaks the property where one of [from, end) changes its side; [count], or
     * NULL: by the trigger */
    const double *clean;
    size_t from, end;
} sp_audit_task;

/** sp_audit_task_time - seconds that are left; 0: no limit. */
double sp_audit_task_time(const sp_audit_task *q);
/** sp_audit_task_scale - eps in all units; the mean square of the loudest noise of a box is `power`
 *  times eps^2, as when it moves that share of the samples. */
sp_budget_scale sp_audit_task_scale(const sp_noise_set *set, const sp_clip *clip, double eps,
                                    double power);
/** sp_audit_task_shares - that share under the audit's profile; 1 without one. */
double sp_audit_task_shares(const sp_audit_task *q, const sp_clip *clip);
/** sp_audit_task_attack - what attacks of the audit may do, which keep no file. */
sp_attack_options sp_audit_task_attack(const sp_audit_task *q);
/** sp_audit_task_set - of the audit, never NULL. */
const sp_noise_set *sp_audit_task_set(const sp_audit_task *q);

/** sp_audit_task_keep - writes samples [n of clip], reads them again, and lets the model and its
 *  own graph hear them. *broken: both do what they must not. Fills the finding's file_ fields if
 *  so, and only then leaves a file. */
SP_NODISCARD sp_status sp_audit_task_keep(sp_error *err, sp_audit_task *q, const sp_clip *clip,
                                          const sp_stream *stream, const sp_trigger *trigger,
                                          const double *samples, bool *broken);

/** sp_stream_features - [steps + frames, features] of a recording: zeros first, so that the window
 *  of prediction i begins at row first[i] + steps. Free it; NULL: failed. */
double *sp_stream_features(sp_error *err, const sp_stream *stream, const sp_pipeline *pipeline,
                           const double *samples, size_t n);

/** The properties; each fills the finding (its window is chosen already). */
SP_NODISCARD sp_status sp_audit_task_box(sp_error *err, sp_audit_task *q);
SP_NODISCARD sp_status sp_audit_task_burst(sp_error *err, sp_audit_task *q);
SP_NODISCARD sp_status sp_audit_task_gain(sp_error *err, sp_audit_task *q);
SP_NODISCARD sp_status sp_audit_task_line(sp_error *err, sp_audit_task *q, bool stream);
SP_NODISCARD sp_status sp_audit_task_dead(sp_error *err, sp_audit_task *q);
SP_NODISCARD sp_status sp_audit_task_hops(sp_error *err, sp_audit_task *q);
SP_NODISCARD sp_status sp_audit_task_trigger(sp_error *err, sp_audit_task *q);

#endif
