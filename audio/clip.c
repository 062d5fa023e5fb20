/* Clips in memory: their life, and the figures that budgets refer to. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "audio/impl.h"

/* mean_square - of the samples times 2^-exponent, which brings the peak to [1/2, 1): no overflow,
 * and what underflows is far below the last bit. The squares are rounded once; the compensated sum
 * of positive terms adds at most 3 units of 2^-53 for any length that fits into memory. */
static double mean_square(const sp_clip *clip, int exponent) {
    double sum = 0.0, lost = 0.0;
    for (size_t i = 0; i < clip->n; i++) {
        const double scaled = ldexp(clip->samples[i], -exponent);
        const double term = scaled * scaled, next = sum + term;
        lost += sum >= term ? (sum - next) + term : (term - next) + sum;
        sum = next;
    }
    return (sum + lost) / (double)clip->n;
}

sp_status sp_clip_measure(sp_error *err, sp_clip *clip) {
    double peak = 0.0;
    for (size_t i = 0; i < clip->n; i++) {
        const double size = fabs(clip->samples[i]);
        if (!isfinite(size) && clip->width > 0) {
            return sp_fail(err, SP_E_NONFINITE, "number %zu is not finite", i);
        }
        if (!isfinite(size)) {
            return sp_fail(err, SP_E_NONFINITE, "sample %zu (at %.3f s) is not a finite number", i,
                           (double)i / clip->rate);
        }
        peak = size > peak ? size : peak;
    }
    clip->peak = peak;
    clip->rms = 0.0;
    if (peak > 0.0) {
        int exponent = 0;
        (void)frexp(peak, &exponent);
        clip->rms = ldexp(sqrt(mean_square(clip, exponent)), exponent);
    }
    clip->gap = sp_clip_gap(clip);
    return SP_OK;
}

void sp_clip_take_format(sp_clip *clip, const sp_clip *from) {
    clip->lsb = from->lsb;
    clip->bits = from->bits;
    clip->coding = from->coding;
    clip->format = from->format;
    clip->resampled = from->resampled;
    clip->mixed = from->mixed;
    clip->gap = sp_clip_gap(clip);
}

/* steps_to_bits - bits of an integer format with this step; 0 for none. */
static int steps_to_bits(double full_scale, double lsb) {
    return lsb > 0.0 ? 1 + (int)lround(log2(full_scale / lsb)) : 0;
}

sp_status sp_clip_init(sp_error *err, sp_clip *clip, const double *samples, size_t n, int rate,
                       double full_scale, double lsb) {
    memset(clip, 0, sizeof *clip);
    if (n == 0 || rate <= 0) {
        return sp_fail(err, SP_E_ARGUMENT, "a clip needs samples and a rate above 0 Hz");
    }
    if (!(full_scale > 0.0 && isfinite(full_scale) && lsb >= 0.0 && lsb <= full_scale)) {
        return sp_fail(err, SP_E_ARGUMENT, "full scale %g with steps of %g is no sample format",
                       full_scale, lsb);
    }
    sp_clip made = {.n = n, .rate = rate, .full_scale = full_scale, .lsb = lsb};
    made.bits = steps_to_bits(full_scale, lsb);
    made.coding = lsb > 0.0 ? SP_CLIP_INTEGER : SP_CLIP_REAL;
    made.samples = n <= (size_t)PTRDIFF_MAX / sizeof(double) ? malloc(n * sizeof(double)) : NULL;
    if (made.samples == NULL) {
        return sp_fail(err, SP_E_MEMORY, "out of memory for %zu samples", n);
    }
    memcpy(made.samples, samples, n * sizeof(double));
    const sp_status status = sp_clip_measure(err, &made);
    if (status != SP_OK) {
        free(made.samples);
        return status;
    }
    *clip = made;
    return SP_OK;
}

void sp_clip_clear(sp_clip *clip) {
    free(clip->samples);
    memset(clip, 0, sizeof *clip);
}
