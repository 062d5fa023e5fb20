/* The concrete path: frames, pre-emphasis, window, FFT, mel energies, logarithm, cosine transform.
 */
#include <math.h>
#include <stdlib.h>

#include "preprocess/impl.h"

void sp_front_load(double *in, const sp_front *front, const double *samples, size_t n,
                   size_t first) {
    const sp_description *d = &front->description;
    const size_t used = front->layout.used;
    double before = 0.0;
    for (size_t j = 0; j < used; j++) {
        const double x = first + j < n ? samples[first + j] : 0.0;
        in[j] = front->window[j] * (x - d->preemphasis * before);
        before = x;
    }
}

// re^2 + im^2 of each bin times the square of the gain, over N if the description says so;
// overwrites out [2 bins] by power [bins].
static void take_power(double *out, const sp_front *front, double gain_square) {
    const double n = (double)front->description.fft;
    const size_t bins = front->layout.bins;
    for (size_t k = 0; k < bins; k++) {
        const double re = out[2 * k], im = out[2 * k + 1];
        const double p = gain_square * (re * re + im * im);
        out[k] = front->description.power_over_n ? p / n : p;
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
    }
    return NAN;
}

double sp_front_energy_of(const sp_front *front, size_t m, const double *power) {
    const size_t bins = front->layout.bins;
    const double *weight = front->mel + m * 2 * bins; /* mel[m, :bins] */
    double energy = 0.0;
    for (size_t k = 0; k < bins; k++) {
        energy += weight[k] * power[k];
    }
    return energy;
}

static bool take_logs(double *logs, const sp_front *front, const double *power) {
    bool finite = true;
    for (size_t m = 0; m < front->layout.bands; m++) {
        logs[m] = log(sp_front_floored(sp_front_energy_of(front, m, power), front, m));
        finite = finite && isfinite(logs[m]);
    }
    return finite;
}

static void take_features(double *features, const sp_front *front, const double *logs) {
    const size_t bands = front->layout.bands;
    for (size_t i = 0; i < front->layout.features; i++) {
        double sum = 0.0;
        for (size_t m = 0; m < bands; m++) {
            sum += front->dct[i * bands + m] * logs[m];
        }
        features[i] = sum;
    }
}

// logs [bands] is scratch.
static bool run_frame(double *features, double *logs, const sp_front *front, double *in,
                      double *out, double gain_square) {
    sp_fft_execute(front->fft, in, out);
    take_power(out, front, gain_square);
    if (front->dct == NULL) {
        return take_logs(features, front, out);
    }
    const bool finite = take_logs(logs, front, out);
    take_features(features, front, logs);
    return finite;
}

sp_status sp_front_run(sp_error *err, const sp_front *front, double *features,
                       const double *samples, size_t n) {
    const size_t frames = sp_front_frames(front, n);
    const double gain_square = sp_front_gain_square(front, samples, n);
    double *in = NULL, *out = NULL;
    if (frames == 0) {
        return sp_fail(err, SP_E_MISMATCH,
                       "the clip has %zu samples, with padding %zu; one frame needs %zu", n,
                       sp_front_padded(front, n), sp_front_samples(front, 1));
    }
    SP_TRY(sp_fft_buffers(err, front->fft, &in, &out));
    double *logs = malloc(front->layout.bands * sizeof *logs);
    sp_status status =
        logs != NULL ? SP_OK : sp_fail(err, SP_E_MEMORY, "out of memory for a frame");
    for (size_t t = 0; t < frames && status == SP_OK; t++) {
        sp_front_load(in, front, samples, n, t * front->layout.step);
        if (!run_frame(features + t * front->layout.features, logs, front, in, out, gain_square)) {
            status = sp_fail(err, SP_E_NONFINITE, "frame %zu has a feature that is not finite", t);
        }
    }
    free(logs);
    sp_fft_buffers_free(in, out);
    return status;
}
