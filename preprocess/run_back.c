/* Gradients by the samples from those by the features: the stages of run.c in reverse. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "preprocess/impl.h"

/* One frame: what the forward pass knows, and slopes on their way back. */
typedef struct back {
    const sp_front *front;
    double *in, *out;       /* a frame and its spectrum, interleaved */
    double *frame, *slopes; /* slopes by the two */
    double *bins;           /* [bins] power or magnitude, then slopes by it */
    double energy;          /* slope by the energy of the frame itself */
    double gain_square;     /* of the clip */
    double by_gain;         /* the sum of the slopes by the energies times these */
    /* of the clip */
    const double *samples;
    size_t n, frames;
    double *stored; /* [frames, keep] spectra, and windowed frames where their energy is wanted */
    size_t keep;
    double *band;    /* [frames, M] logarithms, before they are raised */
    double *floored; /* [frames, M] the energies in front of the floor */
    double *inverse; /* [frames, M] derivative of the logarithm by the energy */
    double *slope;   /* [frames, M] slopes by the logarithms */
} back;

static size_t width_of(const back *b) {
    return sp_description_energies(&b->front->description);
}

static sp_status take(sp_error *err, back *b) {
    const size_t count = b->frames * width_of(b);
    const bool windowed = b->front->description.energy == SP_ENERGY_WINDOWED;
    b->keep = 2 * b->front->layout.bins + (windowed ? b->front->layout.used : 0);
    SP_TRY(sp_fft_buffers(err, b->front->fft, &b->in, &b->out));
    SP_TRY(sp_fft_buffers(err, b->front->fft, &b->frame, &b->slopes));
    b->bins = malloc((b->front->layout.bins + 4 * count + b->frames * b->keep) * sizeof *b->bins);
    if (b->bins == NULL) {
        return sp_fail(err, SP_E_MEMORY, "out of memory for a gradient of %zu frames", b->frames);
    }
    b->band = b->bins + b->front->layout.bins;
    b->inverse = b->band + count;
    b->slope = b->inverse + count;
    b->floored = b->slope + count;
    b->stored = b->floored + count;
    return SP_OK;
}

static void release(back *b) {
    sp_fft_buffers_free(b->in, b->out);
    sp_fft_buffers_free(b->frame, b->slopes);
    free(b->bins);
}

/* The spectrum of frame t, its bands, and 1 / E of every band, 0 where a floor stands for the
 * energy. */
static void forward(back *b, size_t t) {
    const sp_front *front = b->front;
    const bool logs = front->description.log != SP_UNIT_NONE;
    double *stored = b->stored + t * b->keep;
    const size_t spectrum = 2 * front->layout.bins;
    const double frame = sp_front_load(b->in, front, b->samples, b->n, t * front->layout.step);
    sp_fft_execute(front->fft, b->in, b->out);
    memcpy(stored, b->out, spectrum * sizeof *stored);
    memcpy(stored + spectrum, b->in, (b->keep - spectrum) * sizeof *stored);
    sp_front_bins(b->bins, b->out, front, b->gain_square);
    for (size_t m = 0; m < width_of(b); m++) {
        const size_t at = t * width_of(b) + m;
        const double energy = sp_front_energy_of(front, m, b->bins, b->gain_square * frame);
        const double kept = sp_front_floored(energy, front, m);
        const bool replaced = front->description.floor_rule != SP_FLOOR_ADD && kept != energy;
        b->floored[at] = energy;
        b->band[at] = logs ? log(kept) : kept;
        b->inverse[at] = replaced ? 0.0 : logs ? 1.0 / kept : 1.0;
    }
}

/* From the features of all frames to their bands. A band that is raised follows the largest one. */
static void back_to_bands(back *b, const double *slope) {
    const sp_front *front = b->front;
    const size_t width = width_of(b), features = front->base;
    for (size_t i = 0; i < b->frames * width; i++) {
        double sum = front->rows == NULL ? slope[i] : 0.0;
        for (size_t k = 0; front->rows != NULL && k < features; k++) {
            sum += front->rows[k * width + i % width] * slope[i / width * features + k];
        }
        b->slope[i] = sum;
    }
    if (front->top > 0.0) {
        size_t largest = 0;
        const double least = sp_front_ceiling(&largest, b->band, front, b->frames) - front->top;
        double moved = 0.0;
        for (size_t i = 0; i < b->frames * width; i++) {
            if (i % width < front->description.bands && b->band[i] < least) {
                moved += b->slope[i];
                b->slope[i] = 0.0;
            }
        }
        b->slope[largest] += moved;
    }
}

/* From the bands of frame t to its bins, and to the energy of the frame itself. */
static void back_to_bins(back *b, size_t t) {
    const sp_front *front = b->front;
    const sp_description *d = &front->description;
    const size_t bins = front->layout.bins;
    memset(b->bins, 0, bins * sizeof *b->bins);
    b->energy = 0.0;
    for (size_t m = 0; m < width_of(b); m++) {
        const size_t at = t * width_of(b) + m;
        const double by_energy = b->slope[at] * b->inverse[at];
        const double *weight = front->bank + m * bins; /* bank[m,:] */
        b->by_gain += by_energy * b->floored[at];
        if (m == d->bands && d->energy != SP_ENERGY_SPECTRUM) {
            b->energy = by_energy * front->energy_scale * b->gain_square;
            continue;
        }
        for (size_t k = 0; k < bins; k++) {
            b->bins[k] += by_energy * (m == d->bands ? front->energy_scale : weight[k]);
        }
    }
}

/* Slopes by the windowed frame t, from those by its bins. */
static void back_to_frame(back *b, size_t t) {
    const sp_front *front = b->front;
    const double *stored = b->stored + t * b->keep, *in = stored + 2 * front->layout.bins;
    for (size_t k = 0; k < front->layout.bins; k++) {
        const double re = stored[2 * k], im = stored[2 * k + 1];
        double scale = b->gain_square * (2.0 / front->divisor);
        if (front->description.magnitude) {
            const double size = sqrt((re * re + im * im) * front->divisor);
            scale = size > 0.0 ? 1.0 / size : 0.0;
        }
        b->slopes[2 * k] = scale * re * b->bins[k];
        b->slopes[2 * k + 1] = scale * im * b->bins[k];
    }
    sp_fft_adjoint(front->fft, b->slopes, b->frame);
    for (size_t j = 0; j < b->keep - 2 * front->layout.bins; j++) {
        b->frame[j] += 2.0 * b->energy * in[j];
    }
}

/* From the windowed frame to the samples that it hears, added to gradient; samples behind the
 * `left` ones are none. */
static void back_to_samples(back *b, double *gradient, size_t first) {
    const sp_description *d = &b->front->description;
    const size_t lead = sp_description_lead(d), used = b->front->layout.used - lead;
    const double *window = b->front->window, a = d->preemphasis;
    const size_t left = first < b->n ? b->n - first : 0;
    double *by = b->slopes, mean = 0.0; /* by the samples of the frame; the spectrum's are done */
    const double clip_mean = d->remove_mean ? 1.0 / (double)used : 0.0;
    double sum = 0.0;
    for (size_t j = 0; j < used; j++) {
        sum += lead + j < left ? b->samples[first + lead + j] : 0.0;
    }
    for (size_t j = 0; j < used; j++) {
        const double next = j + 1 < used ? window[j + 1] * b->frame[j + 1] : 0.0;
        const double x = lead + j < left ? b->samples[first + lead + j] : 0.0;
        by[j] = window[j] * b->frame[j] - a * next;
        if (j == 0 && d->emphasis == SP_EMPHASIS_REPEAT) {
            by[j] -= a * window[0] * b->frame[0];
        }
        if (d->energy == SP_ENERGY_FRAME) {
            by[j] += 2.0 * b->energy * (x - clip_mean * sum);
        }
        mean += by[j] * clip_mean;
    }
    for (size_t j = 0; j < used && lead + j < left; j++) {
        gradient[first + lead + j] += by[j] - mean;
    }
    if (lead > 0 && left > 0) {
        gradient[first] -= a * window[0] * b->frame[0];
    }
}

static sp_status clip_forward(sp_error *err, back *b, double deadline) {
    for (size_t t = 0; t < b->frames; t++) {
        if (sp_clock_passed(deadline)) {
            return sp_fail(err, SP_E_TIMEOUT, "time limit reached in a gradient");
        }
        forward(b, t);
    }
    return SP_OK;
}

/* gradient [n] of one row of slopes. */
static sp_status clip_back(sp_error *err, back *b, double *gradient, const double *slope,
                           double deadline) {
    b->by_gain = 0.0;
    back_to_bands(b, slope);
    for (size_t t = 0; t < b->frames; t++) {
        if (sp_clock_passed(deadline)) {
            return sp_fail(err, SP_E_TIMEOUT, "time limit reached in a gradient");
        }
        back_to_bins(b, t);
        back_to_frame(b, t);
        back_to_samples(b, gradient, t * b->front->layout.step);
    }
    return SP_OK;
}

/* From the padded clip to the clip. */
static void fold(double *gradient, const double *padded, const sp_padding *padding, size_t length,
                 size_t n) {
    for (size_t i = 0; i < length; i++) {
        double weight = 0.0;
        const size_t at = sp_padding_source(padding, n, i, &weight);
        if (at != SIZE_MAX) {
            gradient[at] += weight * padded[i];
        }
    }
}

/* slope [rows, T, base] */
static sp_status gradient_of(sp_error *err, const sp_front *front, double *gradient,
                             const double *samples, size_t n, const double *slope, size_t rows,
                             double deadline) {
    const sp_padding *padding = &front->description.padding;
    const size_t features = front->base;
    double *padded = NULL, *by_padded = NULL;
    back b = {.front = front, .frames = sp_front_frames(front, n)};
    if (front->sequence) {
        sp_front_sequence_gradient(gradient, slope, rows, n);
        return SP_OK;
    }
    memset(gradient, 0, rows * n * sizeof *gradient);
    SP_TRY(sp_padding_lift(err, &padded, &b.n, padding, samples, n));
    b.samples = padded != NULL ? padded : samples;
    b.gain_square = sp_front_gain_square(front, samples, n);
    sp_status status = take(err, &b);
    if (status == SP_OK && padded != NULL) {
        by_padded = malloc(b.n * sizeof *by_padded);
        status = by_padded != NULL ? SP_OK : sp_fail(err, SP_E_MEMORY, "out of memory");
    }
    status = status == SP_OK ? clip_forward(err, &b, deadline) : status;
    for (size_t r = 0; status == SP_OK && r < rows; r++) {
        double *to = padded != NULL ? by_padded : gradient + r * n;
        if (padded != NULL) {
            memset(by_padded, 0, b.n * sizeof *by_padded);
        }
        status = clip_back(err, &b, to, slope + r * b.frames * features, deadline);
        if (padded != NULL) {
            fold(gradient + r * n, by_padded, padding, b.n, n);
        }
        sp_front_gain_back(front, gradient + r * n, samples, n, b.by_gain);
    }
    release(&b);
    free(padded);
    free(by_padded);
    return status;
}

/* Of features that are samples. */
static void gradient_of_samples(const sp_front *front, double *gradient, size_t n,
                                const double *slope, size_t rows) {
    const size_t frames = sp_front_frames(front, n), width = front->base;
    memset(gradient, 0, rows * n * sizeof *gradient);
    for (size_t r = 0; r < rows; r++) {
        for (size_t i = 0; i < frames * width; i++) {
            double weight = 0.0;
            const size_t at =
                sp_padding_source(&front->description.padding, n,
                                  i / width * front->layout.step + i % width, &weight);
            if (at != SIZE_MAX) {
                gradient[r * n + at] += weight * slope[r * frames * width + i];
            }
        }
    }
}

sp_status sp_front_gradient(sp_error *err, const sp_front *front, double *gradient,
                            const double *samples, size_t n, const double *slope, size_t rows,
                            double deadline) {
    const sp_description *d = &front->description;
    const size_t frames = sp_front_frames(front, n);
    if (d->raw) {
        gradient_of_samples(front, gradient, n, slope, rows);
        return SP_OK;
    }
    if (d->steps == 0) {
        return gradient_of(err, front, gradient, samples, n, slope, rows, deadline);
    }
    double *own = malloc((rows * frames * front->base + 1) * sizeof *own);
    sp_status status =
        own != NULL ? sp_sequence_back(err, own, d, slope, frames, front->base, rows)
                    : sp_fail(err, SP_E_MEMORY, "no memory for gradients of %zu frames", frames);
    if (status == SP_OK) {
        status = gradient_of(err, front, gradient, samples, n, own, rows, deadline);
    }
    free(own);
    return status;
}
