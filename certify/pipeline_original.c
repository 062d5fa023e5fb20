/* What a model file's own graph says about samples: the independent check of breaking clips. */
#include "onnx/onnx.h"

#include <math.h>
#include <stdlib.h>

#include "certify/impl.h"

sp_status sp_pipeline_original(sp_error *err, const sp_pipeline *pipeline, double *logits,
                               const double *samples, size_t n) {
    const size_t scores = sp_pipeline_scores(pipeline, n);
    const bool single = pipeline->net->classes == 1 && !sp_pipeline_asks_many(pipeline);
    const size_t frames = sp_front_frames(pipeline->whole, n);
    for (size_t k = 0; k < scores; k++) {
        logits[k] = NAN;
    }
    if (!pipeline->original) {
        return SP_OK;
    }
    double *features = calloc(frames ? frames : 1,
                              sp_front_layout_of(pipeline->whole)->features * sizeof *features);
    if (!features) {
        return sp_fail(err, SP_E_MEMORY, "out of memory for the features of %zu frames", frames);
    }
    double *out = single ? logits + 1 : logits;
    sp_status status = sp_front_run(err, pipeline->whole, features, samples, n);
    if (status == SP_OK) {
        status = sp_model_evaluate(err, pipeline->original, out, NULL, features, frames);
    }
    if (status == SP_OK && single) {
        logits[0] = pipeline->threshold;
    }
    free(features);
    return status;
}
