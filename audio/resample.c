/* Another sample rate, by libsamplerate's best sinc converter. */
#include <limits.h>
#include <math.h>
#include <samplerate.h>
#include <stdint.h>
#include <stdlib.h>

#include "audio/impl.h"

/* to_unit - single precision samples with full scale 1. */
static float *to_unit(const sp_clip *clip) {
    float *unit = malloc(clip->n * sizeof *unit);
    for (size_t i = 0; unit != NULL && i < clip->n; i++) {
        unit[i] = (float)(clip->samples[i] / clip->full_scale);
    }
    return unit;
}

/* convert - out[room]; the number of samples made, or a failure. */
static sp_status convert(sp_error *err, const sp_clip *clip, double ratio, const float *in,
                         float *out, size_t room, size_t *made) {
    SRC_DATA data = {.data_in = in,
                     .data_out = out,
                     .input_frames = (long)clip->n,
                     .output_frames = (long)room,
                     .src_ratio = ratio};
    const int failure = src_simple(&data, SRC_SINC_BEST_QUALITY, 1);
    if (failure != 0) {
        return sp_fail(err, SP_E_NUMERIC, "the rate cannot be converted: %s",
                       src_strerror(failure));
    }
    *made = (size_t)data.output_frames_gen;
    if (*made == 0) {
        return sp_fail(err, SP_E_MISMATCH, "too short to be converted to another rate");
    }
    return SP_OK;
}

sp_status sp_clip_convert(sp_error *err, sp_clip *clip, int rate, size_t max_samples) {
    const double ratio = (double)rate / (double)clip->rate;
    if (!src_is_valid_ratio(ratio)) {
        return sp_fail(err, SP_E_UNSUPPORTED, "%d Hz cannot be converted to %d Hz", clip->rate,
                       rate);
    }
    const double length = ceil((double)clip->n * ratio) + 16.0;
    if (!(length <= (double)max_samples + 16.0 && length <= (double)LONG_MAX / sizeof(double))) {
        return sp_fail(err, SP_E_UNSUPPORTED,
                       "converted to %d Hz it is longer than the %zu samples accepted", rate,
                       max_samples);
    }
    const size_t room = (size_t)length;
    size_t made = 0;
    float *in = to_unit(clip), *out = malloc(room * sizeof *out);
    double *samples = malloc(room * sizeof *samples);
    sp_status status = SP_OK;
    if (in == NULL || out == NULL || samples == NULL) {
        status = sp_fail(err, SP_E_MEMORY, "out of memory for %zu samples", room);
    }
    if (status == SP_OK) {
        status = convert(err, clip, ratio, in, out, room, &made);
    }
    for (size_t i = 0; status == SP_OK && i < made; i++) {
        samples[i] = (double)out[i] * clip->full_scale;
    }
    free(in);
    free(out);
    if (status != SP_OK) {
        free(samples);
        return status;
    }
    free(clip->samples);
    clip->samples = samples;
    clip->n = made;
    clip->rate = rate;
    clip->resampled = true;
    return SP_OK;
}
