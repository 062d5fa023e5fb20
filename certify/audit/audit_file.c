/* The clip that breaks a property, as a file: written, read again, heard by the net and by the
 * graph of the model's file. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "certify/audit/audit_task.h"
#include "onnx/onnx.h"

/* The logits by the file's own graph; those of the net when there is none. */
static sp_status run_original(sp_error *err, double *logit, const sp_stream *stream,
                              const sp_pipeline *pipeline, const sp_clip *clip) {
    const size_t width = pipeline->net->features;
    if (!pipeline->original) {
        return sp_stream_run(err, logit, stream, pipeline, clip->samples, clip->n);
    }
    sp_error local = {0};
    double *features = sp_stream_features(&local, stream, pipeline, clip->samples, clip->n);
    sp_status status = features ? SP_OK : local.code;
    if (status == SP_OK && pipeline->net->every) {
        status =
            sp_model_evaluate(&local, pipeline->original, logit, NULL, features, stream->count);
    }
    for (size_t i = 0; i < stream->count && status == SP_OK && !pipeline->net->every; i++) {
        const size_t row = (size_t)(stream->first[i] + (long)stream->steps);
        status = sp_model_evaluate(&local, pipeline->original, &logit[i], NULL,
                                   features + row * width, stream->steps);
    }
    free(features);
    return status == SP_OK ? SP_OK : sp_fail(err, status, "%s", local.text);
}

static double largest(const double *x, size_t n) {
    double most = -INFINITY;
    for (size_t i = 0; i < n; i++) {
        most = fmax(most, x[i]);
    }
    return most;
}

/* Whether the trigger does what it must not, by more than rounding errors. */
static bool breaks(const sp_audit_task *q, const sp_trigger *trigger, const double *logit,
                   size_t count) {
    const double threshold = q->audit->trigger.threshold;
    for (size_t i = q->from; q->clean && i < q->end && i < count; i++) {
        const bool above = q->clean[i] >= threshold;
        if (above ? logit[i] < threshold - 1e-9 : logit[i] > threshold + 1e-9) {
            return true;
        }
    }
    if (q->clean) {
        return false;
    }
    return sp_trigger_hears(trigger, logit, count, q->fire ? 1e-9 : -1e-9) != q->fire;
}

static sp_status run_file(sp_error *err, sp_audit_task *q, const char *path,
                          const sp_stream *stream, const sp_trigger *trigger, bool *broken) {
    const sp_pipeline *pipeline = q->audit->attacker->pipeline;
    const sp_front_layout *layout = sp_front_layout_of(pipeline->front);
    const sp_clip_options wanted = {.rate = layout->sample_rate, .full_scale = layout->full_scale};
    const size_t count = stream->count;
    sp_clip heard = {0};
    double *logit = calloc(2 * count + 1, sizeof *logit), *original = logit + count;
    sp_status status = logit ? sp_clip_read(err, &heard, path, &wanted)
                             : sp_fail(err, SP_E_MEMORY, "out of memory");
    if (status == SP_OK) {
        status = sp_stream_run(err, logit, stream, pipeline, heard.samples, heard.n);
    }
    if (status == SP_OK) {
        status = run_original(err, original, stream, pipeline, &heard);
    }
    if (status == SP_OK) {
        *broken = breaks(q, trigger, logit, count) && breaks(q, trigger, original, count);
        if (*broken) {
            q->finding->file_logit = largest(logit, count);
            q->finding->original_logit = pipeline->original ? largest(original, count) : NAN;
        }
    }
    sp_clip_clear(&heard);
    free(logit);
    return status;
}

/* One file: written, heard, and kept where it breaks the property and has a path to stay at. */
static sp_status try_file(sp_error *err, sp_audit_task *q, const sp_clip *noisy,
                          const sp_stream *stream, const sp_trigger *trigger, sp_clip_form form,
                          bool *broken) {
    char *place = q->out ? sp_clip_form_place(q->out, noisy, form) : NULL;
    sp_file_draft draft;
    bool keep = false;
    if (q->out && !place) {
        return sp_fail(err, SP_E_MEMORY, "out of memory");
    }
    sp_status status =
        place ? sp_file_draft_open(err, &draft, place) : sp_file_draft_temporary(err, &draft);
    if (status == SP_OK) {
        status = sp_clip_draft(err, &draft, noisy, form);
        if (status == SP_OK) {
            status = run_file(err, q, sp_file_draft_place(&draft), stream, trigger, broken);
        }
        keep = status == SP_OK && *broken && place;
        if (keep) {
            status = sp_file_draft_keep(err, &draft);
        }
        sp_file_draft_drop(&draft);
    }
    q->finding->kept = keep && status == SP_OK;
    q->finding->form = form;
    sp_clip_form_name(q->finding->file_format, sizeof q->finding->file_format, noisy, form);
    free(place);
    return status;
}

sp_status sp_audit_task_keep(sp_error *err, sp_audit_task *q, const sp_clip *clip,
                             const sp_stream *stream, const sp_trigger *trigger,
                             const double *samples, bool *broken) {
    sp_clip noisy = *clip;
    *broken = false;
    if (!q->audit->source) {
        return SP_OK;
    }
    noisy.samples = (double *)samples; // read only
    if (sp_clip_own(clip) == SP_CLIP_KEPT) {
        sp_error own = {0};
        const sp_status status = try_file(&own, q, &noisy, stream, trigger, SP_CLIP_OWN, broken);
        if (status != SP_E_UNSUPPORTED) {
            return status == SP_OK ? SP_OK : sp_fail(err, status, "%s", own.text);
        }
    }
    return try_file(err, q, &noisy, stream, trigger, SP_CLIP_WAV, broken);
}
