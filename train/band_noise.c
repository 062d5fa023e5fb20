/* How far noise moves the features. Band m has the energy sum_k w_k |X_k|^2 = d^T Q d with Q = X^T
 * diag(w) X, so its root a is a norm of the samples: a(x + d) is within a(d) of a(x), and a(d)^2 is
 * at most the largest eigenvalue of Q times the sum of the d_i^2, which is below n eps^2. Source:
 * docs/theory/training.md 2. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "train/impl.h"

/* affine, square, affine, log, and nothing else. */
static bool ends_in_log_energies(const sp_stage *stage, size_t count) {
    static const sp_stage_kind kinds[] = {SP_STAGE_AFFINE, SP_STAGE_SQUARE, SP_STAGE_AFFINE,
                                          SP_STAGE_LOG};
    bool fits = count == sizeof kinds / sizeof kinds[0];
    for (size_t s = 0; fits && s < count; s++) {
        fits = stage[s].kind == kinds[s];
    }
    return fits;
}

/* out [in] = Q x. I weight [out of the stage]; spectrum [the same]. */
static void apply(double *out, const sp_stage *stage, const double *weight, const double *x,
                  double *spectrum) {
    memset(out, 0, stage->in * sizeof *out);
    for (size_t k = 0; k < stage->out; k++) {
        const double *row = stage->matrix + k * stage->in; /* X[k,:] */
        double sum = 0.0;
        for (size_t j = 0; weight[k] != 0.0 && j < stage->in; j++) {
            sum += row[j] * x[j];
        }
        spectrum[k] = weight[k] * sum;
        for (size_t j = 0; spectrum[k] != 0.0 && j < stage->in; j++) {
            out[j] += row[j] * spectrum[k];
        }
    }
}

/* The largest eigenvalue of Q by power iteration, from below; a little more than enough rounds for
 * three digits. work [2 in + out]. */
static double largest_eigenvalue(const sp_stage *stage, const double *weight, double *work) {
    enum { ROUNDS = 60 };
    double *x = work, *y = work + stage->in, *spectrum = y + stage->in, value = 0.0;
    sp_random random = {1};
    for (size_t j = 0; j < stage->in; j++) {
        x[j] = sp_random_sign(&random);
    }
    for (int round = 0; round < ROUNDS; round++) {
        double norm = 0.0;
        for (size_t j = 0; j < stage->in; j++) {
            norm += x[j] * x[j];
        }
        apply(y, stage, weight, x, spectrum);
        value = 0.0;
        for (size_t j = 0; j < stage->in; j++) {
            value += x[j] * y[j] / norm;
        }
        for (size_t j = 0; j < stage->in; j++) {
            x[j] = y[j] / sqrt(norm);
        }
    }
    return value;
}

/* Numbers of sequences are moved themselves. */
#define PLAIN (-1.0)

static sp_status create_plain(sp_error *err, sp_train_band_noise *band_noise, size_t width) {
    band_noise->bands = width;
    band_noise->bound = calloc(2 * width, sizeof *band_noise->bound);
    if (!band_noise->bound) {
        return sp_fail(err, SP_E_MEMORY, "no memory for the noise of %zu numbers", width);
    }
    band_noise->floor = band_noise->bound + width;
    for (size_t m = 0; m < width; m++) {
        band_noise->bound[m] = 1.0;
        band_noise->floor[m] = PLAIN;
    }
    return SP_OK;
}

sp_status sp_train_band_noise_create(sp_error *err, sp_train_band_noise *band_noise,
                                     const sp_front *front) {
    size_t count = 0;
    const sp_stage *stage = sp_front_stages(front, &count);
    *band_noise = (sp_train_band_noise){0};
    if (sp_front_width(front) > 0) {
        return create_plain(err, band_noise, sp_front_width(front));
    }
    if (!ends_in_log_energies(stage, count)) {
        return sp_fail(err, SP_E_UNSUPPORTED,
                       "training against noise needs a front end whose features are the logarithms "
                       "of band energies");
    }
    const sp_stage *spectrum = &stage[0], *mel = &stage[2];
    band_noise->bands = mel->out;
    band_noise->bound = calloc(2 * mel->out, sizeof *band_noise->bound);
    double *work = calloc(2 * spectrum->in + spectrum->out, sizeof *work);
    if (!work || !band_noise->bound) {
        free(work);
        sp_train_band_noise_clear(band_noise);
        return sp_fail(err, SP_E_MEMORY, "no memory for the front end's bounds");
    }
    band_noise->floor = band_noise->bound + mel->out;
    memcpy(band_noise->floor, mel->bias, mel->out * sizeof *band_noise->floor);
    for (size_t m = 0; m < mel->out; m++) {
        const double largest = largest_eigenvalue(spectrum, mel->matrix + m * mel->in, work);
        band_noise->bound[m] = sqrt((double)spectrum->in * largest);
    }
    free(work);
    return SP_OK;
}

static int compare_reals(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *x, size_t n) {
    qsort(x, n, sizeof *x, compare_reals);
    return x[n / 2];
}

/* The slope of log(a^2 + c) by a is at most 1 / sqrt(c): with sqrt(c) half of what the noise moves
 * a by, a feature moves by about two at most. */
double sp_training_floor(const sp_training *training, double *has) {
    const sp_train_band_noise *noise = &training->band_noise;
    const size_t clips = training->data->split[SP_SPLIT_TRAIN];
    double *work = calloc(clips + noise->bands + 1, sizeof *work), floor = NAN;
    *has = NAN;
    if (noise->bands > 0 && noise->floor[0] != PLAIN && clips > 0 && work) {
        const double heard = sp_front_layout_of(training->front)->peak;
        for (size_t i = 0; i < clips; i++) {
            const double peak = training->data->clip[training->train[i]].clip.peak;
            work[i] = heard > 0.0 ? heard : peak;
        }
        memcpy(work + clips, noise->bound, noise->bands * sizeof *work);
        const double move = median(work, clips) * median(work + clips, noise->bands) *
                            pow(10.0, training->recipe.budget_db / 20.0);
        floor = 0.25 * move * move;
        *has = noise->floor[0];
    }
    free(work);
    return floor;
}

void sp_train_band_noise_clear(sp_train_band_noise *band_noise) {
    free(band_noise->bound);
    *band_noise = (sp_train_band_noise){0};
}

double sp_train_band_noise_amplitude(double feature, double floor) {
    if (floor == PLAIN) {
        return feature;
    }
    const double energy = exp(feature) - floor;
    return energy > 0.0 ? sqrt(energy) : 0.0;
}

double sp_train_band_noise_slope(double amplitude, double move, double floor) {
    const double a = amplitude + move;
    if (floor == PLAIN) {
        return 1.0;
    }
    return a > 0.0 ? 2.0 * a / (a * a + floor) : 0.0;
}

double sp_train_band_noise_feature(double amplitude, double move, double floor) {
    const double a = amplitude + move;
    if (floor == PLAIN) {
        return a;
    }
    return log((a > 0.0 ? a * a : 0.0) + floor);
}
