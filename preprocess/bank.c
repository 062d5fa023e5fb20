/* The weights of FFT bins in bands: triangles whose corners are equally spaced on a mel scale, each
 * rounded down to a bin or not at all; numbers that are given; or every bin for itself. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "preprocess/impl.h"

/* Slaney: linear up to 1 kHz, 27 mel for each factor of 6.4 above. */
#define SLANEY_HZ_A_MEL (200.0L / 3.0L)
#define SLANEY_KNEE 15.0L

static long double mel_of(long double hz, sp_mel_formula formula) {
    const long double x = 1.0L + hz / 700.0L;
    if (formula == SP_MEL_SLANEY) {
        return hz < 1000.0L ? hz / SLANEY_HZ_A_MEL
                            : SLANEY_KNEE + 27.0L * logl(hz / 1000.0L) / logl(6.4L);
    }
    return formula == SP_MEL_2595_LOG10 ? 2595.0L * log10l(x) : 1127.0L * logl(x);
}

static long double hz_of(long double mel, sp_mel_formula formula) {
    if (formula == SP_MEL_SLANEY) {
        return mel < SLANEY_KNEE ? mel * SLANEY_HZ_A_MEL
                                 : 1000.0L * expl((mel - SLANEY_KNEE) * logl(6.4L) / 27.0L);
    }
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
    case SP_MEL_IN_HZ:
    case SP_MEL_IN_MEL:
        break;
    }
    return 0.0L;
}

// Corner j of bands + 2 on the mel scale, and in Hz. The first and the last are the given
// frequencies themselves.
static long double corner_mel(const sp_description *d, size_t j) {
    const long double low = mel_of(d->low_hz, d->formula), high = mel_of(d->high_hz, d->formula);
    return low + (high - low) * (long double)j / (long double)(d->bands + 1);
}

static long double corner_hz(const sp_description *d, size_t j) {
    return j == 0              ? (long double)d->low_hz
           : j == d->bands + 1 ? (long double)d->high_hz
                               : hz_of(corner_mel(d, j), d->formula);
}

static size_t corner_bin(const sp_description *d, size_t j) {
    const long double bin = floorl(bins_a_rate(d) * corner_hz(d, j) / (long double)d->sample_rate);
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

static bool fill_rounded(double *row, const sp_description *d, size_t m, size_t *right) {
    const size_t left = corner_bin(d, m), centre = corner_bin(d, m + 1);
    *right = corner_bin(d, m + 2);
    return *right > d->fft / 2 + 1 || fill_filter(row, left, centre, *right);
}

/* One triangle that is not rounded, over the places of the bins in Hz or in mel. */
static bool fill_triangle(double *row, const sp_description *d, size_t m) {
    const bool hz = d->rounding == SP_MEL_IN_HZ;
    const size_t bins = sp_description_bins(d);
    long double corner[3];
    bool any = false;
    for (size_t j = 0; j < 3; j++) {
        corner[j] = hz ? corner_hz(d, m + j) : corner_mel(d, m + j);
    }
    for (size_t k = 0; k < bins; k++) {
        const long double rate = (long double)d->sample_rate;
        const long double f = d->half_rate_bins ? (long double)(d->sample_rate / 2) *
                                                      (long double)k / (long double)(bins - 1)
                                                : rate * (long double)k / (long double)d->fft;
        const long double x = hz ? f : mel_of(f, d->formula);
        const long double up = (x - corner[0]) / (corner[1] - corner[0]);
        const long double down = (corner[2] - x) / (corner[2] - corner[1]);
        row[k] = (double)fmaxl(0.0L, fminl(up, down));
        any = any || row[k] > 0.0;
    }
    return any;
}

/* Filter m of its band's width in Hz: the triangle's area is 1 Hz. */
static void over_area(double *row, const sp_description *d, size_t m) {
    const long double scale = 2.0L / (corner_hz(d, m + 2) - corner_hz(d, m));
    for (size_t k = 0; k < sp_description_bins(d); k++) {
        row[k] = (double)((long double)row[k] * scale);
    }
}

static sp_status fill_mel(sp_error *err, double *bank, const sp_description *d, size_t m) {
    const size_t bins = sp_description_bins(d);
    const bool rounded = d->rounding != SP_MEL_IN_HZ && d->rounding != SP_MEL_IN_MEL;
    double *row = bank + m * bins; /* bank[m,:] */
    size_t right = 0;
    const bool any = rounded ? fill_rounded(row, d, m, &right) : fill_triangle(row, d, m);
    if (right > bins) {
        return sp_fail(err, SP_E_FORMAT,
                       "mel: filter %zu of %zu reaches bin %zu, the fft has %zu: check rounding, "
                       "fft and high_hz against the training code",
                       m, d->bands, right, bins);
    }
    if (!any && !d->empty_bands) {
        return sp_fail(err, SP_E_FORMAT,
                       "mel: filter %zu of %zu holds no FFT bin; \"empty\": \"allowed\" says "
                       "that the model was trained so",
                       m, d->bands);
    }
    if (d->area) {
        over_area(row, d, m);
    }
    return SP_OK;
}

sp_status sp_bank_fill(sp_error *err, double *bank, const sp_description *d) {
    const size_t bins = sp_description_bins(d);
    memset(bank, 0, d->bands * bins * sizeof *bank);
    for (size_t m = 0; m < d->bands; m++) {
        switch (d->bank) {
        case SP_BANK_MEL:
            SP_TRY(fill_mel(err, bank, d, m));
            break;
        case SP_BANK_NUMBERS:
            memcpy(bank + m * bins, d->bank_numbers + m * bins, bins * sizeof *bank);
            break;
        case SP_BANK_BINS:
            bank[m * bins + m] = 1.0;
            break;
        }
    }
    return SP_OK;
}
