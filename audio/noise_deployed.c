/* Noisy clips that become samples of a coding before they are heard: rounded to a nearest value and
 * clipped to the range. Both are monotone: what a sample becomes are the values of the coding
 * between those of the two ends of its interval.
 * Source: docs/theory/noise-sets.md 8. */
#include <math.h>
#include <string.h>

#include "audio/audio.h"
#include "base/interval.h"

static const char *const names[] = {
    [SP_BUDGET_AS_REAL] = "real", [SP_BUDGET_AS_FILE] = "file", [SP_BUDGET_AS_INT16] = "int16"};

const char *sp_budget_deployed_name(sp_budget_deployed deployed) {
    return names[deployed];
}

bool sp_budget_deployed_find(sp_budget_deployed *deployed, const char *name) {
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(names[i], name) == 0) {
            *deployed = (sp_budget_deployed)i;
            return true;
        }
    }
    return false;
}

/* A clip of this coding without samples: what sp_clip_floor and sp_clip_ceil read. */
static sp_clip coding_of(const sp_clip *clip, sp_budget_deployed deployed) {
    sp_clip coding = *clip;
    if (deployed == SP_BUDGET_AS_INT16) {
        coding.coding = SP_CLIP_INTEGER;
        coding.lsb = coding.full_scale * 0x1p-15;
    }
    return coding;
}

/* The largest value of the coding that some y <= x is rounded to, ties to either side; beyond the
 * range its end. */
static double rounded_up(const sp_clip *coding, double x) {
    const double below = sp_clip_floor(coding, x), above = sp_clip_ceil(coding, x);
    if (!isfinite(above)) {
        return below;
    }
    return !isfinite(below) || sp_below(above - x) <= sp_above(x - below) ? above : below;
}

static double rounded_down(const sp_clip *coding, double x) {
    const double below = sp_clip_floor(coding, x), above = sp_clip_ceil(coding, x);
    if (!isfinite(below)) {
        return above;
    }
    return !isfinite(above) || sp_below(x - below) <= sp_above(above - x) ? below : above;
}

/* a - b, rounded up unless it is exact. */
static double difference_above(double a, double b) {
    const double d = a - b, part = d - a, rest = (a - (d - part)) - (b + part);
    return rest == 0.0 ? d : sp_above(d);
}

static double radius_of(const sp_clip *coding, double s, double eps) {
    const double lo = rounded_down(coding, sp_below(s - eps));
    const double hi = rounded_up(coding, sp_above(s + eps));
    return fmax(fmax(difference_above(hi, s), difference_above(s, lo)), 0.0);
}

static sp_status check(sp_error *err, const sp_budget *budget, const sp_clip *clip) {
    if (!sp_budget_set(budget)->box) {
        return sp_fail(err, SP_E_MISMATCH,
                       "noisy clips that are rounded are bounded in boxes only, norm inf");
    }
    if (budget->deployed == SP_BUDGET_AS_INT16) {
        return SP_OK;
    }
    if (clip->resampled || clip->mixed > 0) {
        return sp_fail(err, SP_E_MISMATCH,
                       "the clip's samples were resampled or mixed, they are not those of its "
                       "file: write the clip to a file first");
    }
    if (clip->coding == SP_CLIP_REAL || clip->coding == SP_CLIP_ADAPTIVE) {
        return sp_fail(err, SP_E_MISMATCH,
                       "the clip's format does not round samples one by one: say int16 where the "
                       "model hears 16-bit samples, or leave the rounding out");
    }
    return SP_OK;
}

sp_status sp_noise_of_budget(sp_error *err, sp_noise *noise, double *eps, const sp_budget *budget,
                             const sp_clip *clip) {
    SP_TRY(sp_budget_radius(err, eps, budget, clip));
    if (budget->deployed == SP_BUDGET_AS_REAL) {
        return sp_noise_of(err, noise, sp_budget_set(budget), clip->n, *eps);
    }
    SP_TRY(check(err, budget, clip));
    SP_TRY(sp_noise_box(err, noise, clip->n, *eps));
    const sp_clip coding = coding_of(clip, budget->deployed);
    for (size_t i = 0; i < clip->n; i++) {
        noise->radius[i] = radius_of(&coding, clip->samples[i], *eps);
        if (!isfinite(noise->radius[i])) {
            sp_noise_clear(noise);
            return sp_fail(err, SP_E_NONFINITE, "sample %zu is beyond what it can be rounded to",
                           i);
        }
    }
    return SP_OK;
}
