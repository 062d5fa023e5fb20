/* Triangular mel filters over FFT bins. The corner frequencies are equally spaced on the mel
 * scale; each is rounded down to a bin. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "preprocess/impl.h"

static long double mel_of(long double hz, sp_mel_formula formula) {
    const long double x = 1.0L + hz / 700.0L;
    return formula == SP_MEL_2595_LOG10 ? 2595.0L * log10l(x) : 1127.0L * logl(x);
}

static long double hz_of(long double mel, sp_mel_formula formula) {
    const long double x =
        formula == SP_MEL_2595_LOG10 ? powl(10.0L, mel / 2595.0L) : expl(mel / 1127.0L);
    return 700.0L * (x - 1.0L);
}

static long double bins_a_rate(const sp_description *d) {
    const long double half = (long double)(d->fft / 2);
    switch (d->rounding) {
    case SP_MEL_FLOOR_N_PLUS_1:
        return (long double)d->fft + 1.0L;
    case SP_MEL_FLOOR_N:
        return (long double)d->fft;
    case SP_MEL_FLOOR_HALF_N_PLUS_1:
        return half + 1.0L;
    case SP_MEL_FLOOR_HALF_N_PLUS_2:
        return half + 2.0L;
    }
    return 0.0L;
}

// The bin of corner j of bands + 2. The first and the last are the given frequencies themselves.
static size_t corner_bin(const sp_description *d, size_t j) {
    const long double low = mel_of(d->low_hz, d->formula), high = mel_of(d->high_hz, d->formula);
    const long double mel = low + (high - low) * (long double)j / (long double)(d->bands + 1);
    const long double hz = j == 0              ? (long double)d->low_hz
                           : j == d->bands + 1 ? (long double)d->high_hz
                                               : hz_of(mel, d->formula);
    const long double bin = floorl(bins_a_rate(d) * hz / (long double)d->sample_rate);
    return bin > 0.0L ? (size_t)bin : 0;
}

// One filter: up on [left, centre), down on [centre, right). Returns whether any weight is
// positive.
static bool fill_filter(double *row, size_t left, size_t centre, size_t right) {
    for (size_t i = left; i < centre; i++) {
        row[i] = (double)(i - left) / (double)(centre - left);
    }
    for (size_t i = centre; i < right; i++) {
        row[i] = (double)(right - i) / (double)(right - centre);
    }
    return centre < right || left + 1 < centre;
}

sp_status sp_mel_bank(sp_error *err, double *mel, const sp_description *description) {
    const size_t bins = description->fft / 2 + 1;
    memset(mel, 0, description->bands * bins * sizeof *mel);
    for (size_t m = 0; m < description->bands; m++) {
        const size_t left = corner_bin(description, m), centre = corner_bin(description, m + 1);
        const size_t right = corner_bin(description, m + 2);
        if (right > bins) {
            return sp_fail(err, SP_E_FORMAT,
                           "mel: filter %zu of %zu reaches bin %zu, the fft has %zu; use a lower "
                           "high_hz",
                           m, description->bands, right, bins);
        }
        if (!fill_filter(mel + m * bins, left, centre, right)) {
            return sp_fail(
                err, SP_E_FORMAT,
                "mel: filter %zu of %zu holds no FFT bin; use fewer bands or a longer fft", m,
                description->bands);
        }
    }
    return SP_OK;
}
