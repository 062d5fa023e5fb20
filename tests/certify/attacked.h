/* A small pipeline that is attacked: network, front end, clip, and the file that the clip is in. */
#ifndef SP_TESTS_CERTIFY_ATTACKED_H
#define SP_TESTS_CERTIFY_ATTACKED_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "certify/report/report.h"
#include "tests/certify/small.h"
#include "tests/support/files.h"
#include "tests/support/support.h"

enum { H = 5, C = 3, PATH = 512 };

typedef struct attacked {
    sp_net net;
    sp_front *front;
    sp_clip clip;
    sp_pipeline pipeline;
    sp_attacker attacker;
    char path[PATH];
    double logits[C];
    size_t label; /* the answer to the clip */
} attacked;

static inline void attacked_numbers(sp_rng *rng, double *values, size_t count, double scale) {
    for (size_t i = 0; i < count; i++) {
        values[i] = sp_rng_uniform(rng, -scale, scale);
    }
}

/* A 16-bit file of noise and the clip that is read from it. */
static inline void attacked_clip(attacked *a, sp_rng *rng, double loudness) {
    int16_t samples[SMALL_SAMPLES];
    char name[64];
    for (size_t i = 0; i < SMALL_SAMPLES; i++) {
        samples[i] = (int16_t)fmax(fmin(round(loudness * sp_rng_uniform(rng, -1.0, 1.0)), 32767.0),
                                   -32768.0);
    }
    // test programs that run side by side draw the same clips
    snprintf(name, sizeof name, "certify_attacked/%ld-%llu.wav", (long)getpid(),
             (unsigned long long)rng->state);
    sp_bytes bytes = sp_wav_bytes(samples, SMALL_SAMPLES, 1, SMALL_RATE);
    sp_file_write(name, a->path, PATH, bytes.data, bytes.size);
    sp_bytes_clear(&bytes);
    sp_error err = {0};
    const sp_clip_options options = {.rate = SMALL_RATE, .full_scale = 32768.0};
    if (sp_clip_read(&err, &a->clip, a->path, &options) != SP_OK) {
        fail_msg("%s", err.text);
    }
}

/* An LSTM and a readout; the gates are near their middles at the clip's mean features. */
static inline void attacked_net(attacked *a, sp_rng *rng) {
    double weight[4 * H * SMALL_FEATURES], recurrent[4 * H * H], bias[4 * H], readout[C * H];
    double offset[C], mean[SMALL_FEATURES] = {0.0}, features[16 * SMALL_FEATURES];
    const size_t frames = sp_front_frames(a->front, a->clip.n);
    assert_true(frames <= 16);
    assert_int_equal(sp_front_run(NULL, a->front, features, a->clip.samples, a->clip.n), SP_OK);
    for (size_t i = 0; i < frames * SMALL_FEATURES; i++) {
        mean[i % SMALL_FEATURES] += features[i] / (double)frames;
    }
    attacked_numbers(rng, weight, 4 * H * SMALL_FEATURES, 0.8);
    attacked_numbers(rng, recurrent, 4 * H * H, 0.5);
    attacked_numbers(rng, bias, 4 * H, 0.5);
    attacked_numbers(rng, readout, C * H, 3.0);
    attacked_numbers(rng, offset, C, 0.1);
    for (size_t k = 0; k < 4 * H; k++) {
        for (size_t m = 0; m < SMALL_FEATURES; m++) {
            bias[k] -= weight[k * SMALL_FEATURES + m] * mean[m];
        }
    }
    assert_int_equal(sp_net_init(NULL, &a->net, SMALL_FEATURES), SP_OK);
    assert_int_equal(sp_net_add_lstm(NULL, &a->net, H, weight, recurrent, bias), SP_OK);
    assert_int_equal(sp_net_add_pool(NULL, &a->net, SP_POOLING_LAST), SP_OK);
    assert_int_equal(sp_net_add_affine(NULL, &a->net, C, readout, offset), SP_OK);
}

static inline void attacked_run(const attacked *a, double *logits, const double *samples) {
    const size_t frames = sp_front_frames(a->front, a->clip.n);
    double *features = malloc(frames * SMALL_FEATURES * sizeof *features);
    assert_non_null(features);
    assert_int_equal(sp_front_run(NULL, a->front, features, samples, a->clip.n), SP_OK);
    assert_int_equal(sp_net_run(NULL, &a->net, logits, features, frames), SP_OK);
    free(features);
}

/* The least margin of the clip's label. */
static inline double attacked_margin(const attacked *a, const double *samples, size_t *runner_up) {
    double logits[C], least = INFINITY;
    attacked_run(a, logits, samples);
    for (size_t k = 0; k < C; k++) {
        if (k != a->label && logits[a->label] - logits[k] < least) {
            least = logits[a->label] - logits[k];
            *runner_up = k;
        }
    }
    return least;
}

static inline void attacked_init(attacked *a, uint64_t seed, double loudness, const char *method) {
    sp_rng rng;
    sp_error err = {0};
    bool tie = false;
    sp_rng_init(&rng, seed);
    if (sp_front_parse(&err, &a->front, small_front, sizeof small_front - 1, "small") != SP_OK) {
        fail_msg("%s", err.text);
    }
    attacked_clip(a, &rng, loudness);
    attacked_net(a, &rng);
    const sp_method *row = sp_method_find(method);
    if (sp_pipeline_init(&err, &a->pipeline, &a->net, a->front, row, row->front) != SP_OK ||
        sp_attacker_init(&err, &a->attacker, &a->pipeline) != SP_OK) {
        fail_msg("%s", err.text);
    }
    attacked_run(a, a->logits, a->clip.samples);
    a->label = sp_prediction(a->logits, C, &tie);
    assert_false(tie);
}

static inline void attacked_clear(attacked *a) {
    sp_attacker_clear(&a->attacker);
    sp_pipeline_clear(&a->pipeline);
    sp_clip_clear(&a->clip);
    sp_front_destroy(a->front);
    sp_net_clear(&a->net);
}

#endif
