/* Gradients by the samples from those by the features: the stages of run.c in reverse. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "preprocess/impl.h"

/* One frame: what the forward pass knows, and slopes on their way back. */
typedef struct back {
    const sp_front *front;
    double *in, *out;       /* a frame and its spectrum, interleaved */
    double *frame, *slopes; /* slopes by the two */
    double *inverse;        /* [bands] derivative of the logarithm by the energy */
    double *energy;         /* [bands] the energies in front of the floor */
    double gain_square;     /* of the clip */
    double *power;          /* [bins] the power, then slopes by it */
} back;

static sp_status take(sp_error *err, back *b, const sp_front *front) {
    const size_t bands = front->layout.bands, bins = front->layout.bins;
    *b = (back){.front = front};
    SP_TRY(sp_fft_buffers(err, front->fft, &b->in, &b->out));
    SP_TRY(sp_fft_buffers(err, front->fft, &b->frame, &b->slopes));
    b->inverse = malloc((2 * bands + bins) * sizeof *b->inverse);
    if (b->inverse == NULL) {
        return sp_fail(err, SP_E_MEMORY, "out of memory for a frame");
    }
    b->energy = b->inverse + bands;
    b->power = b->energy + bands;
    return SP_OK;
}

static void release(back *b) {
    sp_fft_buffers_free(b->in, b->out);
    sp_fft_buffers_free(b->frame, b->slopes);
    free(b->inverse);
}

/* The spectrum of the frame, and 1 / E of every band; 0 where a floor stands for the energy. */
static void forward(back *b, const double *samples, size_t n, size_t first) {
    const sp_front *front = b->front;
    const size_t bins = front->layout.bins;
    sp_front_load(b->in, front, samples, n, first);
    sp_fft_execute(front->fft, b->in, b->out);
    for (size_t k = 0; k < bins; k++) {
        const double re = b->out[2 * k], im = b->out[2 * k + 1];
        const double p = b->gain_square * (re * re + im * im);
        b->power[k] = front->description.power_over_n ? p / (double)front->description.fft : p;
    }
    for (size_t m = 0; m < front->layout.bands; m++) {
        const double energy = sp_front_energy_of(front, m, b->power);
        const double kept = sp_front_floored(energy, front, m);
        b->energy[m] = energy;
        const bool replaced = front->description.floor_rule != SP_FLOOR_ADD && kept != energy;
        b->inverse[m] = replaced ? 0.0 : 1.0 / kept;
    }
}

/* From a row of features to the power; returns the sum of the slopes by the energies times
 * these. */
static double back_to_power(back *b, const double *slope) {
    const sp_front *front = b->front;
    const size_t bands = front->layout.bands, bins = front->layout.bins;
    double by_gain = 0.0;
    memset(b->power, 0, bins * sizeof *b->power);
    for (size_t m = 0; m < bands; m++) {
        double sum = front->dct == NULL ? slope[m] : 0.0;
        for (size_t i = 0; front->dct != NULL && i < front->layout.features; i++) {
            sum += front->dct[i * bands + m] * slope[i];
        }
        const double by_energy = sum * b->inverse[m];
        by_gain += by_energy * b->energy[m];
        const double *weight = front->mel + m * 2 * bins; /* mel[m, :bins] */
        for (size_t k = 0; k < bins; k++) {
            b->power[k] += by_energy * weight[k];
        }
    }
    return by_gain;
}

/* From the power to the samples [used] of the frame, added to gradient; samples behind its `left`
 * ones are none. */
static void back_to_samples(back *b, double *gradient, size_t left) {
    const sp_description *d = &b->front->description;
    const double scale = b->gain_square * (d->power_over_n ? 2.0 / (double)d->fft : 2.0);
    const size_t used = b->front->layout.used;
    for (size_t k = 0; k < b->front->layout.bins; k++) {
        b->slopes[2 * k] = scale * b->out[2 * k] * b->power[k];
        b->slopes[2 * k + 1] = scale * b->out[2 * k + 1] * b->power[k];
    }
    sp_fft_adjoint(b->front->fft, b->slopes, b->frame);
    for (size_t j = 0; j < used; j++) {
        const double next = j + 1 < used ? b->front->window[j + 1] * b->frame[j + 1] : 0.0;
        if (j < left) {
            gradient[j] += b->front->window[j] * b->frame[j] - d->preemphasis * next;
        }
    }
}

sp_status sp_front_gradient(sp_error *err, const sp_front *front, double *gradient,
                            const double *samples, size_t n, const double *slope, size_t rows,
                            double deadline) {
    const size_t frames = sp_front_frames(front, n), features = front->layout.features;
    back b;
    memset(gradient, 0, rows * n * sizeof *gradient);
    sp_status status = take(err, &b, front);
    b.gain_square = sp_front_gain_square(front, samples, n);
    for (size_t t = 0; status == SP_OK && t < frames; t++) {
        const size_t first = t * front->layout.step;
        if (sp_clock_passed(deadline)) {
            status = sp_fail(err, SP_E_TIMEOUT, "time limit reached in a gradient");
            break;
        }
        forward(&b, samples, n, first);
        for (size_t r = 0; r < rows; r++) {
            const double by_gain = back_to_power(&b, slope + (r * frames + t) * features);
            sp_front_gain_back(front, gradient + r * n, samples, n, by_gain);
            back_to_samples(&b, gradient + r * n + first, first < n ? n - first : 0);
        }
    }
    release(&b);
    return status;
}
