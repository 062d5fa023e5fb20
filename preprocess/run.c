/* The concrete path: frames, pre-emphasis, window, FFT, mel energies, logarithm. */
#include <math.h>
#include <stdlib.h>

#include "preprocess/impl.h"

// Windowed, pre-emphasised frame that starts at sample `first`; samples beyond n are zero.
static void load_frame(double *in, const sp_front *front, const double *samples, size_t n,
                       size_t first) {
    const sp_description *d = &front->description;
    const size_t used = d->frame < d->fft ? d->frame : d->fft;
    double before = 0.0;
    for (size_t j = 0; j < used; j++) {
        const double x = first + j < n ? samples[first + j] : 0.0;
        in[j] = front->window[j] * (x - d->preemphasis * before);
        before = x;
    }
}

// re^2 + im^2 of each bin, over N if the description says so; overwrites out [2 bins] by power
// [bins].
static void take_power(double *out, const sp_front *front) {
    const double n = (double)front->description.fft;
    const size_t bins = front->layout.bins;
    for (size_t k = 0; k < bins; k++) {
        const double re = out[2 * k], im = out[2 * k + 1], p = re * re + im * im;
        out[k] = front->description.power_over_n ? p / n : p;
    }
}

static bool take_features(double *features, const sp_front *front, const double *power) {
    const size_t bins = front->layout.bins;
    bool finite = true;
    for (size_t m = 0; m < front->layout.bands; m++) {
        const double *weight = front->mel + m * 2 * bins; /* mel[m, :bins] */
        double energy = 0.0;
        for (size_t k = 0; k < bins; k++) {
            energy += weight[k] * power[k];
        }
        features[m] = log(energy + front->floor[m]);
        finite = finite && isfinite(features[m]);
    }
    return finite;
}

sp_status sp_front_run(sp_error *err, const sp_front *front, double *features,
                       const double *samples, size_t n) {
    const size_t frames = sp_front_frames(front, n);
    double *in = NULL, *out = NULL;
    if (frames == 0) {
        return sp_fail(err, SP_E_MISMATCH,
                       "the clip has %zu samples, with padding %zu; one frame needs %zu", n,
                       sp_front_padded(front, n), front->layout.frame);
    }
    SP_TRY(sp_fft_buffers(err, front->fft, &in, &out));
    sp_status status = SP_OK;
    for (size_t t = 0; t < frames && status == SP_OK; t++) {
        load_frame(in, front, samples, n, t * front->layout.step);
        sp_fft_execute(front->fft, in, out);
        take_power(out, front);
        if (!take_features(features + t * front->layout.features, front, out)) {
            status = sp_fail(err, SP_E_NONFINITE, "frame %zu has a feature that is not finite", t);
        }
    }
    sp_fft_buffers_free(in, out);
    return status;
}
