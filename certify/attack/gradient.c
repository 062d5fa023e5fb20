/* Gradients of differences of scores by the samples: those of the network by its features, back
 * through the linear parts of the front end at the clip itself. */
#include <stdlib.h>
#include <string.h>

#include "certify/attack/descent.h"

/* Gradients by the features of a frame to those by its bands. */
static void to_bands(const sp_front_bound *front, const double *by_feature, double *by_band) {
    if (front->matrix == NULL) {
        memcpy(by_band, by_feature, front->bands * sizeof *by_band);
        return;
    }
    memset(by_band, 0, front->bands * sizeof *by_band);
    for (size_t i = 0; i < front->features; i++) {
        for (size_t m = 0; m < front->bands; m++) {
            by_band[m] += by_feature[i] * front->matrix[i * front->bands + m];
        }
    }
}

/* gradient [padded] += what the bands of frame t hand to its samples. On a set of one point the
 * lines of a band are its tangent. */
static void add_frame(const sp_front_bound *front, size_t t, const double *by_band,
                      double *gradient) {
    double *sample = gradient + t * front->step;
    for (size_t m = 0; m < front->bands; m++) {
        const double *form = front->form + (t * front->forms + front->up_form + m) * front->frame;
        const double slope = by_band[m] * front->up_w[t * front->bands + m];
        for (size_t i = 0; slope != 0.0 && i < front->frame; i++) {
            sample[i] += slope * form[i];
        }
    }
}

static sp_status by_samples(sp_error *err, const sp_net *net, const sp_front_bound *front,
                            const double *features, double *gradient, const double *weight,
                            size_t rows) {
    const size_t width = front->frames * front->features;
    double *memory = malloc((rows * width + front->bands + 1) * sizeof *memory);
    if (memory == NULL) {
        return sp_fail(err, SP_E_MEMORY, "out of memory");
    }
    double *by_feature = memory, *by_band = memory + rows * width;
    const sp_status status =
        sp_net_gradient(err, net, by_feature, features, front->frames, weight, rows);
    memset(gradient, 0, rows * front->padded * sizeof *gradient);
    for (size_t i = 0; status == SP_OK && i < rows * front->frames; i++) {
        const size_t r = i / front->frames, t = i % front->frames;
        to_bands(front, by_feature + r * width + t * front->features, by_band);
        add_frame(front, t, by_band, gradient + r * front->padded);
    }
    free(memory);
    return status;
}

sp_status sp_attacker_gradient(sp_error *err, const sp_attacker *attacker, double *gradient,
                               const double *samples, const sp_noise *still, const double *weight,
                               size_t rows) {
    const sp_system *system = attacker->system;
    const size_t classes = system->net->classes;
    sp_front_bound front = {0};
    SP_TRY(sp_front_bound_create(err, &front, attacker->forms, samples, still->n, still));
    const size_t width = front.frames * front.features;
    double *row = malloc((rows * (classes + 1) + width) * sizeof *row);
    sp_status status = row ? SP_OK : sp_fail(err, SP_E_MEMORY, "out of memory");
    if (status == SP_OK) {
        double *features = row + rows * (classes + 1);
        sp_system_rows(system, row, row + rows * classes, weight, rows);
        for (size_t i = 0; i < width; i++) {
            features[i] = 0.5 * front.feature_lo[i] + 0.5 * front.feature_hi[i];
        }
        status = by_samples(err, system->net, &front, features, gradient, row, rows);
    }
    sp_front_bound_clear(&front);
    free(row);
    return status;
}
