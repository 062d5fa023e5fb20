/* Private to certify/audit/: what the properties of an audit share. */
#ifndef SP_CERTIFY_INQUIRY_H
#define SP_CERTIFY_INQUIRY_H

#include "certify/audit/audit.h"
#include "certify/impl.h"
#include "certify/study/study.h"

/** sp_inquiry - one property of one recording. */
typedef struct sp_inquiry {
    const sp_audit *audit;
    sp_finding *finding;
    const char *out;
    double deadline;   /* sp_clock_wall value; 0: none */
    bool fire;         /* what must hold: it fires, or stays silent */
    sp_clip window;    /* owned; the part of the recording that the window hears */
    sp_stream whole;   /* owned; all predictions of the recording */
    sp_stream one;     /* owned; the window's */
    sp_trigger single; /* fires with the window */
} sp_inquiry;

/** sp_inquiry_time - seconds that are left; 0: no limit. */
double sp_inquiry_time(const sp_inquiry *q);
/** sp_inquiry_scale - eps in all units; `share` of the samples are noisy with `power` times eps^2.
 */
sp_budget_scale sp_inquiry_scale(const sp_inquiry *q, const sp_clip *clip, double eps,
                                 double power);

/** sp_inquiry_keep - writes samples [n of clip], reads them again, and lets the model and its own
 *  graph hear them. *broken: both do what they must not. Fills the finding's file_ fields if so,
 *  and only then leaves a file. */
SP_NODISCARD sp_status sp_inquiry_keep(sp_error *err, sp_inquiry *q, const sp_clip *clip,
                                       const sp_stream *stream, const sp_trigger *trigger,
                                       const double *samples, bool *broken);

/** sp_stream_features - [steps + frames, features] of a recording: zeros first, so that the window
 *  of prediction i begins at row first[i] + steps. Free it; NULL: failed. */
double *sp_stream_features(sp_error *err, const sp_stream *stream, const sp_system *system,
                           const double *samples, size_t n);

/** The properties; each fills the finding (its window is chosen already). */
SP_NODISCARD sp_status sp_inquire_box(sp_error *err, sp_inquiry *q);
SP_NODISCARD sp_status sp_inquire_burst(sp_error *err, sp_inquiry *q);
SP_NODISCARD sp_status sp_inquire_gain(sp_error *err, sp_inquiry *q);
SP_NODISCARD sp_status sp_inquire_line(sp_error *err, sp_inquiry *q, bool stream);
SP_NODISCARD sp_status sp_inquire_dead(sp_error *err, sp_inquiry *q);

#endif
