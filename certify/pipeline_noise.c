/* The noises of a budget; noise in the samples of some frames only. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "certify/impl.h"

sp_status sp_pipeline_frame_noise(sp_error *err, sp_noise *noise, const sp_noise_set *set,
                                  const sp_front *front, size_t n, double eps, size_t first,
                                  size_t frames) {
    const sp_front_layout *layout = sp_front_layout_of(front);
    const size_t all = sp_front_frames(front, n);
    if (frames > 0 && (first >= all || frames > all - first)) {
        return sp_fail(err, SP_E_MISMATCH, "there are no frames %zu to %zu: the clip has %zu",
                       first, first + frames - 1, all);
    }
    if (frames == 0) {
        return sp_noise_of(err, noise, set, n, eps);
    }
    const size_t start = first * layout->step, before = layout->before;
    const size_t end = start + (frames - 1) * layout->step + layout->used;
    const size_t begin = start > before ? start - before : 0;
    return sp_noise_burst(err, noise, set, n, eps, begin, end > before ? end - before : 0);
}

/* Of every sample the largest share of the frames that hear it. */
static void spread(double *share, size_t n, const sp_noise_profile *profile,
                   const sp_front *front) {
    const sp_front_layout *layout = sp_front_layout_of(front);
    for (size_t i = 0; i < n; i++) {
        share[i] = 0.0;
    }
    for (size_t t = 0; t < profile->count; t++) {
        const size_t start = t * layout->step, before = layout->before;
        const size_t end = start + layout->used > before ? start + layout->used - before : 0;
        for (size_t i = start > before ? start - before : 0; i < end && i < n; i++) {
            share[i] = fmax(share[i], profile->share[t]);
        }
    }
}

sp_status sp_pipeline_shares(sp_error *err, double **share, const sp_noise_profile *profile,
                             const sp_front *front, size_t n) {
    const size_t frames = sp_front_frames(front, n);
    *share = NULL;
    if (profile->count != n && profile->count != frames) {
        return sp_fail(err, SP_E_MISMATCH,
                       "the profile has %zu shares, one for each of %zu samples or of %zu frames "
                       "is needed",
                       profile->count, n, frames);
    }
    *share = malloc(n * sizeof **share);
    if (!*share) {
        return sp_fail(err, SP_E_MEMORY, "out of memory for %zu samples", n);
    }
    if (profile->count == n) {
        memcpy(*share, profile->share, n * sizeof **share);
    } else {
        spread(*share, n, profile, front);
    }
    return SP_OK;
}

sp_status sp_pipeline_share(sp_error *err, sp_noise *noise, const sp_noise_profile *profile,
                            const sp_front *front) {
    double *share = NULL;
    if (profile == NULL) {
        return SP_OK;
    }
    SP_TRY(sp_pipeline_shares(err, &share, profile, front, noise->n));
    const sp_status status = sp_noise_share(err, noise, share);
    free(share);
    return status;
}

static sp_status cut(sp_error *err, sp_noise *noise, double **moved, const sp_clip *clip,
                     const sp_budget *budget) {
    *moved = malloc(clip->n * sizeof **moved);
    if (!*moved) {
        return sp_fail(err, SP_E_MEMORY, "out of memory for %zu samples", clip->n);
    }
    return sp_noise_within(err, noise, *moved, clip->samples, budget->least, budget->most);
}

sp_status sp_pipeline_noise(sp_error *err, sp_noise *noise, double **moved, double *eps,
                            const sp_pipeline *pipeline, const sp_clip *clip,
                            const sp_budget *budget) {
    *moved = NULL;
    if (budget->deployed != SP_BUDGET_AS_REAL &&
        (budget->frames > 0 || clip->width > 0 || budget->profile)) {
        return sp_fail(err, SP_E_ARGUMENT,
                       "what noisy clips are rounded to is known of recordings with noise in all "
                       "samples");
    }
    if (budget->frames == 0) {
        SP_TRY(sp_noise_of_budget(err, noise, eps, budget, clip));
    } else {
        SP_TRY(sp_budget_radius(err, eps, budget, clip));
        SP_TRY(sp_pipeline_frame_noise(err, noise, sp_budget_set(budget), pipeline->front, clip->n,
                                       *eps, budget->first, budget->frames));
    }
    sp_status status = sp_pipeline_share(err, noise, budget->profile, pipeline->front);
    if (status == SP_OK && budget->within) {
        status = cut(err, noise, moved, clip, budget);
    }
    if (status != SP_OK) {
        sp_noise_clear(noise);
        free(*moved);
        *moved = NULL;
    }
    return status;
}
