/* The concrete path: padding, frames, pre-emphasis, window, FFT, energies, logarithm, and what
 * becomes of it. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "preprocess/impl.h"

static double sample_at(const double *samples, size_t n, size_t i) {
    return i < n ? samples[i] : 0.0;
}

static double mean_of(const double *samples, size_t n, size_t first, size_t count) {
    double sum = 0.0;
    for (size_t j = 0; j < count; j++) {
        sum += sample_at(samples, n, first + j);
    }
    return sum / (double)count;
}

double sp_front_load(double *in, const sp_front *front, const double *samples, size_t n,
                     size_t first) {
    const sp_description *d = &front->description;
    const size_t lead = sp_description_lead(d), used = front->layout.used - lead;
    const double mean = d->remove_mean ? mean_of(samples, n, first + lead, used) : 0.0;
    double before = lead > 0                            ? sample_at(samples, n, first)
                    : d->emphasis == SP_EMPHASIS_REPEAT ? sample_at(samples, n, first) - mean
                                                        : 0.0;
    double raw = 0.0, windowed = 0.0;
    for (size_t j = 0; j < used; j++) {
        const double x = sample_at(samples, n, first + lead + j) - mean;
        in[j] = front->window[j] * (x - d->preemphasis * before);
        before = x;
        raw += x * x;
        windowed += in[j] * in[j];
    }
    return d->energy == SP_ENERGY_WINDOWED ? windowed : raw;
}

void sp_front_bins(double *bins, const double *out, const sp_front *front, double gain_square) {
    for (size_t k = 0; k < front->layout.bins; k++) {
        const double re = out[2 * k], im = out[2 * k + 1];
        const double p = gain_square * (re * re + im * im);
        const double power = front->divisor != 1.0 ? p / front->divisor : p;
        bins[k] = front->description.magnitude ? sqrt(power) : power;
    }
}

double sp_front_floored(double energy, const sp_front *front, size_t m) {
    switch (front->description.floor_rule) {
    case SP_FLOOR_ADD:
        return energy + front->added[m];
    case SP_FLOOR_AT_LEAST: // NaN stays
        return energy < front->floor[m] ? front->floor[m] : energy;
    case SP_FLOOR_FOR_ZERO:
        return energy == 0.0 ? front->floor[m] : energy;
    case SP_FLOOR_NONE:
        return energy;
    }
    return NAN;
}

double sp_front_energy_of(const sp_front *front, size_t m, const double *bins, double frame) {
    const sp_description *d = &front->description;
    const size_t count = front->layout.bins;
    if (m == d->bands && d->energy != SP_ENERGY_SPECTRUM) {
        return frame * front->energy_scale;
    }
    const double *weight = front->bank + m * count; /* bank[m,:] */
    double energy = 0.0;
    for (size_t k = 0; k < count; k++) {
        energy += (m == d->bands ? front->energy_scale : weight[k]) * bins[k];
    }
    return energy;
}

/* The bands of one frame: logarithms, or energies where none are taken. */
static bool run_bands(double *bands, const sp_front *front, const double *bins, double frame) {
    bool finite = true;
    for (size_t m = 0; m < sp_description_energies(&front->description); m++) {
        const double e = sp_front_floored(sp_front_energy_of(front, m, bins, frame), front, m);
        bands[m] = front->description.log == SP_UNIT_NONE ? e : log(e);
        finite = finite && isfinite(bands[m]);
    }
    return finite;
}

double sp_front_ceiling(size_t *at, const double *bands, const sp_front *front, size_t frames) {
    const size_t width = sp_description_energies(&front->description);
    double most = -INFINITY;
    for (size_t i = 0; i < frames * width; i++) {
        if (i % width < front->description.bands && bands[i] > most) {
            most = bands[i];
            *at = i;
        }
    }
    return most;
}

/* top_db: no band stays further below the loudest one of the clip. */
static void raise_bands(double *bands, const sp_front *front, size_t frames) {
    const size_t width = sp_description_energies(&front->description);
    size_t at = 0;
    const double least = sp_front_ceiling(&at, bands, front, frames) - front->top;
    for (size_t i = 0; i < frames * width; i++) {
        if (i % width < front->description.bands && bands[i] < least) {
            bands[i] = least;
        }
    }
}

static void run_rows(double *features, const sp_front *front, const double *bands) {
    const size_t width = sp_description_energies(&front->description);
    for (size_t i = 0; i < front->base; i++) {
        double sum = front->rows_bias[i];
        for (size_t m = 0; m < width; m++) {
            sum += front->rows[i * width + m] * bands[m];
        }
        features[i] = sum;
    }
}

static sp_status run_frames(sp_error *err, const sp_front *front, double *bands,
                            const double *samples, size_t n, size_t frames) {
    const size_t width = sp_description_energies(&front->description);
    const double gain_square = sp_front_gain_square(front, samples, n);
    double *in = NULL, *out = NULL;
    sp_status status = SP_OK;
    SP_TRY(sp_fft_buffers(err, front->fft, &in, &out));
    for (size_t t = 0; t < frames && status == SP_OK; t++) {
        const double energy = sp_front_load(in, front, samples, n, t * front->layout.step);
        sp_fft_execute(front->fft, in, out);
        sp_front_bins(out, out, front, gain_square);
        if (!run_bands(bands + t * width, front, out, gain_square * energy)) {
            status = sp_fail(err, SP_E_NONFINITE, "frame %zu has a feature that is not finite", t);
        }
    }
    sp_fft_buffers_free(in, out);
    return status;
}

/* The features of single frames [frames, base]. */
static sp_status run_clip(sp_error *err, const sp_front *front, double *features,
                          const double *samples, size_t n, size_t frames) {
    const size_t width = sp_description_energies(&front->description);
    double *padded = NULL, *bands = features;
    size_t length = n;
    SP_TRY(sp_padding_lift(err, &padded, &length, &front->description.padding, samples, n));
    if (front->description.raw) {
        const double *from = padded != NULL ? padded : samples;
        for (size_t t = 0; t < frames; t++) {
            memcpy(features + t * front->base, from + t * front->layout.step,
                   front->base * sizeof *features);
        }
        free(padded);
        return SP_OK;
    }
    if (front->rows != NULL) {
        bands = malloc(frames * width * sizeof *bands);
    }
    sp_status status =
        bands == NULL
            ? sp_fail(err, SP_E_MEMORY, "out of memory for %zu frames", frames)
            : run_frames(err, front, bands, padded != NULL ? padded : samples, length, frames);
    if (status == SP_OK && front->top > 0.0) {
        raise_bands(bands, front, frames);
    }
    for (size_t t = 0; status == SP_OK && front->rows != NULL && t < frames; t++) {
        run_rows(features + t * front->base, front, bands + t * width);
    }
    free(bands != features ? bands : NULL);
    free(padded);
    return status;
}

sp_status sp_front_run(sp_error *err, const sp_front *front, double *features,
                       const double *samples, size_t n) {
    const sp_description *d = &front->description;
    const size_t frames = sp_front_frames(front, n);
    if (front->sequence) {
        return sp_front_sequence_run(err, front, features, samples, n);
    }
    if (frames == 0 && sp_sequence_least(d) <= 1) {
        return sp_fail(err, SP_E_MISMATCH,
                       "the clip has %zu samples, with padding %zu; one frame needs %zu", n,
                       sp_front_padded(front, n), sp_front_samples(front, 1));
    }
    if (frames == 0) {
        return sp_fail(err, SP_E_MISMATCH,
                       "the clip has %zu samples, with padding %zu; the %zu frames that its deltas "
                       "need are %zu",
                       n, sp_front_padded(front, n), sp_sequence_least(d),
                       sp_front_samples(front, sp_sequence_least(d)));
    }
    if (d->steps == 0) {
        return run_clip(err, front, features, samples, n, frames);
    }
    double *own = malloc(frames * front->base * sizeof *own);
    sp_status status = own != NULL
                           ? run_clip(err, front, own, samples, n, frames)
                           : sp_fail(err, SP_E_MEMORY, "out of memory for %zu frames", frames);
    if (status == SP_OK) {
        status = sp_sequence_run(err, features, d, own, frames, front->base);
    }
    free(own);
    return status;
}
