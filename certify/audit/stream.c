/* The predictions of a model with a window on a recording, and their logits without bounds. */
#include <stdlib.h>
#include <string.h>

#include "certify/audit/audit_task.h"

sp_status sp_audit_check_hops(sp_error *err, const sp_pipeline *pipeline) {
    const sp_front_layout *layout = sp_front_layout_of(pipeline->whole);
    const bool samples = sp_front_is_samples(pipeline->whole);
    if (pipeline->net->classes != 1 || !pipeline->net->every) {
        return sp_fail(
            err, SP_E_UNSUPPORTED,
            "an audit needs a model with one output, for a fixed number of frames, as "
            "wake-word models have it, or for every hop of a stream; use certify, radius "
            "and attack for this one");
    }
    if (pipeline->joined || (layout->before > 0 && !samples) ||
        (!samples && sp_front_hears_all(pipeline->whole))) {
        return sp_fail(err, SP_E_UNSUPPORTED,
                       "an audit is about a stream, and this front end's features in a stretch are "
                       "not those of the recording; certify says what holds of one clip");
    }
    return SP_OK;
}

static sp_status make(sp_error *err, sp_stream *stream, const sp_pipeline *pipeline, size_t count) {
    *stream = (sp_stream){.steps = pipeline->net->steps, .count = count};
    if (pipeline->net->every) { // no windows: all hops are heard in one pass
        stream->steps = 0;
        SP_TRY(sp_audit_check_hops(err, pipeline));
        stream->first = calloc(count + 1, sizeof *stream->first);
        return stream->first ? SP_OK : sp_fail(err, SP_E_MEMORY, "out of memory");
    }
    if (stream->steps == 0 || pipeline->net->classes != 1) {
        return sp_fail(
            err, SP_E_UNSUPPORTED,
            "an audit needs a model with one output that hears a fixed number of frames, "
            "as wake-word models do; use certify, radius and attack for this one");
    }
    const char *whole = pipeline->whole ? sp_front_hears_all(pipeline->whole) : NULL;
    if (whole || pipeline->joined) {
        return sp_fail(err, SP_E_UNSUPPORTED,
                       "an audit is about a stream, and this front end %s; certify says what holds "
                       "of one clip",
                       whole ? whole : "takes magnitudes");
    }
    stream->first = calloc(count + 1, sizeof *stream->first);
    return stream->first ? SP_OK
                         : sp_fail(err, SP_E_MEMORY, "out of memory for %zu predictions", count);
}

sp_status sp_stream_init(sp_error *err, sp_stream *stream, const sp_pipeline *pipeline, size_t n,
                         size_t chunk) {
    if (pipeline->net->every) {
        return make(err, stream, pipeline,
                    sp_net_rows(pipeline->net, 0, sp_front_frames(pipeline->front, n)));
    }
    SP_TRY(make(err, stream, pipeline, n / chunk));
    for (size_t i = 0; i < stream->count; i++) {
        const size_t heard = sp_front_frames(pipeline->front, (i + 1) * chunk);
        stream->first[i] = (long)heard - (long)stream->steps;
    }
    return SP_OK;
}

sp_status sp_stream_one(sp_error *err, sp_stream *stream, const sp_pipeline *pipeline, long first) {
    SP_TRY(make(err, stream, pipeline, 1));
    stream->first[0] = first;
    return SP_OK;
}

void sp_stream_clear(sp_stream *stream) {
    free(stream->first);
    *stream = (sp_stream){0};
}

double *sp_stream_features(sp_error *err, const sp_stream *stream, const sp_pipeline *pipeline,
                           const double *samples, size_t n) {
    const size_t width = pipeline->net->features, frames = sp_front_frames(pipeline->front, n);
    double *features = calloc((stream->steps + frames) * width + 1, sizeof *features);
    if (!features) {
        (void)sp_fail(err, SP_E_MEMORY, "out of memory for the features of %zu frames", frames);
        return NULL;
    }
    if (sp_front_run(err, pipeline->front, features + stream->steps * width, samples, n) != SP_OK) {
        free(features);
        return NULL;
    }
    return features;
}

sp_status sp_stream_run(sp_error *err, double *logit, const sp_stream *stream,
                        const sp_pipeline *pipeline, const double *samples, size_t n) {
    const size_t width = pipeline->net->features;
    sp_error local = {0};
    if (pipeline->net->every) {
        return sp_pipeline_run(err, pipeline, logit, samples, n);
    }
    double *features = sp_stream_features(&local, stream, pipeline, samples, n);
    sp_status status = features ? SP_OK : local.code;
    for (size_t i = 0; i < stream->count && status == SP_OK; i++) {
        const size_t row = (size_t)(stream->first[i] + (long)stream->steps);
        status =
            sp_net_run(&local, pipeline->net, &logit[i], features + row * width, stream->steps);
    }
    free(features);
    if (status != SP_OK && err) {
        *err = local;
    }
    return status;
}
