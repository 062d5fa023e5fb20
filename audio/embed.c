/* Clips in background noise, parts of clips, and white noise. */
#include <math.h>
#include <stdlib.h>

#include "audio/impl.h"
#include "base/random.h"

/* Box and Muller. */
static double next_normal(sp_random *random) {
    const double u = 1.0 - sp_random_unit(random), v = sp_random_unit(random);
    return sqrt(-2.0 * log(u)) * cos(6.283185307179586 * v);
}

void sp_clip_white_noise(double *noise, size_t n, uint64_t seed) {
    sp_random random = {sp_random_seed(seed) + 1};
    for (size_t i = 0; i < n; i++) {
        noise[i] = next_normal(&random);
    }
}

sp_status sp_clip_embed(sp_error *err, sp_clip *out, const sp_clip *clip,
                        const sp_clip_background *background) {
    const double rate = clip->rate, step = clip->full_scale / 32768.0;
    const double before = nearbyint(background->before * rate);
    const double after = nearbyint(background->after * rate);
    *out = (sp_clip){0};
    if (!(before >= 0.0 && after >= 0.0 && before + after <= 1e9 && background->noise >= 0.0 &&
          isfinite(background->noise))) {
        return sp_fail(err, SP_E_ARGUMENT,
                       "a background of %g s, %g s and noise of %g is not possible",
                       background->before, background->after, background->noise);
    }
    const size_t lead = (size_t)before, n = lead + clip->n + (size_t)after;
    double *samples = calloc(n, sizeof *samples);
    if (samples == NULL) {
        return sp_fail(err, SP_E_MEMORY, "out of memory for %zu samples", n);
    }
    sp_random random = {background->seed};
    for (size_t i = 0; i < n; i++) {
        const double x = i >= lead && i - lead < clip->n ? clip->samples[i - lead] : 0.0;
        const double noise =
            background->noise > 0.0 ? step * background->noise * next_normal(&random) : 0.0;
        samples[i] = sp_clip_round(clip, x + noise);
    }
    const sp_status status =
        sp_clip_init(err, out, samples, n, clip->rate, clip->full_scale, clip->lsb);
    if (status == SP_OK) {
        sp_clip_take_format(out, clip);
    }
    free(samples);
    return status;
}

sp_status sp_clip_part(sp_error *err, sp_clip *part, const sp_clip *clip, size_t first, size_t n) {
    *part = (sp_clip){0};
    if (n == 0 || first > clip->n || n > clip->n - first) {
        return sp_fail(err, SP_E_MISMATCH, "samples %zu to %zu: the clip has %zu", first,
                       first + n - 1, clip->n);
    }
    SP_TRY(
        sp_clip_init(err, part, clip->samples + first, n, clip->rate, clip->full_scale, clip->lsb));
    sp_clip_take_format(part, clip);
    part->peak = clip->peak;
    return SP_OK;
}

sp_status sp_clip_window(sp_error *err, sp_clip *part, const sp_clip *clip, size_t first,
                         size_t n) {
    SP_TRY(sp_clip_part(err, part, clip, first, n));
    part->rms = clip->rms;
    part->whole = clip->n;
    return SP_OK;
}
