/* Variants of a clip: other gain, time shift, added noise. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "train/impl.h"

/* Sample i of the clip that begins `shift` samples earlier (negative: later). What lies before its
 * start is its beginning mirrored: as loud as the room was. */
static double mirrored(const sp_clip *clip, long i) {
    const size_t at = i < 0 ? (size_t)(-i) : (size_t)i;
    return at < clip->n ? clip->samples[at] : 0.0;
}

size_t sp_train_variant_length(const sp_train_variant *variant, const sp_clip *clip) {
    return (size_t)((long)clip->n + variant->shift);
}

sp_train_variant sp_train_variant_draw(const sp_recipe *recipe, const sp_clip *clip, size_t least,
                                       sp_random *random) {
    sp_train_variant v = {.gain = pow(10.0, recipe->gain_db * sp_random_sign(random) / 20.0)};
    const double most = (double)(recipe->shift < clip->n ? recipe->shift : clip->n - 1);
    v.shift = lrint(most * sp_random_sign(random));
    if ((long)clip->n + v.shift < (long)least) {
        v.shift = 0;
    }
    if (!isnan(recipe->noise_db)) {
        const double db = recipe->noise_db - recipe->noise_span_db * sp_random_unit(random);
        v.noise = v.gain * clip->peak * pow(10.0, db / 20.0);
    }
    return v;
}

double sp_train_variant_fill(double *samples, const sp_train_variant *variant, const sp_clip *clip,
                             sp_random *random) {
    const size_t n = sp_train_variant_length(variant, clip);
    double peak = 0.0;
    for (size_t i = 0; i < n; i++) {
        const double noise = variant->noise > 0.0 ? variant->noise * sp_random_sign(random) : 0.0;
        samples[i] = variant->gain * mirrored(clip, (long)i - variant->shift) + noise;
        peak = fabs(samples[i]) > peak ? fabs(samples[i]) : peak;
    }
    return peak;
}
