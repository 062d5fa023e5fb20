/* The installed interface: recordings as a model hears them. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "certify/api/impl.h"

sp_status sp_api_clip_read(sp_error *err, soundproof_clip *clip, const soundproof *system,
                           const char *path) {
    const sp_front_layout *layout = sp_front_layout_of(system->front);
    const sp_clip_options options = {.rate = layout->sample_rate, .full_scale = layout->full_scale};
    if (!path) {
        return sp_fail(err, SP_E_ARGUMENT, "no clip was named");
    }
    clip->path = malloc(strlen(path) + 1);
    if (!clip->path) {
        return sp_fail(err, SP_E_MEMORY, "out of memory for the clip's name");
    }
    strcpy(clip->path, path);
    return sp_clip_read(err, &clip->clip, path, &options);
}

/* Samples rescaled to what the front end hears; a power of two changes no digit. */
sp_status sp_api_clip_of(sp_error *err, soundproof_clip *clip, const soundproof *system,
                         const double *samples, size_t n, int rate, double full_scale) {
    const double target = sp_front_layout_of(system->front)->full_scale;
    if (!samples || n == 0 || n > SIZE_MAX / sizeof(double)) {
        return sp_fail(err, SP_E_ARGUMENT, "there are no samples");
    }
    if (!(full_scale > 0.0) || !isfinite(full_scale)) {
        return sp_fail(err, SP_E_ARGUMENT, "the full scale must be a positive number");
    }
    double *scaled = malloc(n * sizeof *scaled);
    if (!scaled) {
        return sp_fail(err, SP_E_MEMORY, "out of memory for %zu samples", n);
    }
    for (size_t i = 0; i < n; i++) {
        scaled[i] = samples[i] * (target / full_scale);
    }
    const sp_status status = sp_clip_init(err, &clip->clip, scaled, n, rate, target, 0.0);
    free(scaled);
    return status;
}

void sp_api_clip_clear(soundproof_clip *clip) {
    sp_clip_clear(&clip->clip);
    free(clip->path);
    *clip = (soundproof_clip){0};
}

/* `filled` on the heap, or NULL after its status. */
static soundproof_clip *keep_clip(soundproof_clip *filled, sp_status status) {
    soundproof_clip *clip = status == SP_OK ? malloc(sizeof *clip) : NULL;
    if (clip) {
        *clip = *filled;
        return clip;
    }
    if (status == SP_OK) {
        sp_fail(sp_api_error(), SP_E_MEMORY, "out of memory for a clip");
    }
    sp_api_clip_clear(filled);
    return NULL;
}

soundproof_clip *soundproof_clip_read(const soundproof *system, const char *path) {
    soundproof_clip filled = {0};
    sp_api_begin();
    return keep_clip(&filled, sp_api_clip_read(sp_api_error(), &filled, system, path));
}

soundproof_clip *soundproof_clip_of(const soundproof *system, const double *samples, size_t n,
                                    int rate, double full_scale) {
    soundproof_clip filled = {0};
    sp_api_begin();
    return keep_clip(&filled,
                     sp_api_clip_of(sp_api_error(), &filled, system, samples, n, rate, full_scale));
}

void soundproof_clip_free(soundproof_clip *clip) {
    if (clip) {
        sp_api_clip_clear(clip);
        free(clip);
    }
}

size_t soundproof_clip_size(const soundproof_clip *clip) {
    return clip->clip.n;
}

const double *soundproof_clip_samples(const soundproof_clip *clip) {
    return clip->clip.samples;
}

double soundproof_full_scale(const soundproof *system) {
    return sp_front_layout_of(system->front)->full_scale;
}
