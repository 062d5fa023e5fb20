/* A small wake-word model on a recording that it is audited on, and what it does without the code
 * under test. */
#ifndef SP_TESTS_CERTIFY_AUDITED_H
#define SP_TESTS_CERTIFY_AUDITED_H

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

#include "certify/audit/audit.h"
#include "tests/support/files.h"
#include "tests/support/support.h"

enum { H = 4, F = 4, STEPS = 5, N = 1100, RATE = 8000, PATH = 512 };

static const char FRONT[] =
    "{\"sample_rate\": 8000, \"scale\": \"unit\", \"frame\": 90, \"step\": 60, \"fft\": 48,"
    "\"window\": \"none\", \"power_norm\": \"1/N\", \"mel\": {\"bands\": 6, \"low_hz\": 0,"
    "\"high_hz\": 8000, \"formula\": \"1127*ln(1+f/700)\","
    "\"rounding\": \"floor((N/2+1)*hz/rate)\"},"
    "\"floor\": {\"at_least\": 1e-9}, \"log\": \"natural\","
    "\"dct\": {\"type\": \"II\", \"norm\": \"orthonormal\", \"coefficients\": 4},"
    "\"c0\": \"log energy\"}";

static sp_rng rng;

typedef struct wake {
    sp_net net;
    sp_front *front;
    sp_clip clip;
    sp_pipeline pipeline;
    sp_attacker attacker;
    sp_audit audit;
    double noise[N];
    char path[PATH];
} wake;

static inline void numbers(double *x, size_t n, double scale) {
    for (size_t i = 0; i < n; i++) {
        x[i] = sp_rng_uniform(&rng, -scale, scale);
    }
}

static inline void make_net(sp_net *net) {
    double w[3 * H * F], r[3 * H * H], b[3 * H], out[H], offset[1];
    const sp_activation gate = {SP_ACTIVATION_HARD_SIGMOID, 0.2, 0.5};
    const sp_activation candidate = {SP_ACTIVATION_AFFINE, 1.0, 0.0};
    numbers(w, 3 * H * F, 0.15);
    numbers(r, 3 * H * H, 0.3);
    numbers(b, 3 * H, 0.5);
    numbers(out, H, 2.0);
    numbers(offset, 1, 0.2);
    assert_int_equal(sp_net_init(NULL, net, F), SP_OK);
    assert_int_equal(sp_net_add_gru(NULL, net, H, gate, candidate, false, w, r, b, NULL), SP_OK);
    assert_int_equal(sp_net_add_pool(NULL, net, SP_POOLING_LAST), SP_OK);
    assert_int_equal(sp_net_add_affine(NULL, net, 1, out, offset), SP_OK);
    net->steps = STEPS;
}

static inline void make_clip(wake *w, uint64_t seed) {
    int16_t samples[N];
    char name[64];
    for (size_t i = 0; i < N; i++) {
        const double swell = exp(-4.0 * pow((double)i / N - 0.5, 2.0));
        samples[i] = (int16_t)(3000.0 * swell * sin(0.3 * (double)i) + 300.0 * sp_rng_normal(&rng));
    }
    snprintf(name, sizeof name, "certify_audit/%llu.wav", (unsigned long long)seed);
    sp_bytes bytes = sp_wav_bytes(samples, N, 1, RATE);
    sp_file_write(name, w->path, PATH, bytes.data, bytes.size);
    sp_bytes_clear(&bytes);
    const sp_clip_options options = {.rate = RATE, .full_scale = 1.0};
    assert_int_equal(sp_clip_read(NULL, &w->clip, w->path, &options), SP_OK);
}

/* The threshold lies a little below (share > 0) or above the clip's largest logit. */
static inline void make(wake *w, uint64_t seed, double share) {
    sp_error err = {0};
    const sp_method *exact = sp_method_find("exact");
    memset(w, 0, sizeof *w);
    sp_rng_init(&rng, seed);
    make_net(&w->net);
    make_clip(w, seed);
    if (sp_front_parse(&err, &w->front, FRONT, sizeof FRONT - 1, "wake") != SP_OK ||
        sp_pipeline_init(&err, &w->pipeline, &w->net, w->front, exact, exact->front) != SP_OK ||
        sp_attacker_init(&err, &w->attacker, &w->pipeline) != SP_OK) {
        fail_msg("%s", err.text);
    }
    sp_clip_white_noise(w->noise, N, seed);
    double largest = 0.0;
    for (size_t i = 0; i < N; i++) {
        largest = fmax(largest, fabs(w->noise[i]));
    }
    for (size_t i = 0; i < N; i++) {
        w->noise[i] /= largest;
    }
    w->audit = (sp_audit){.attacker = &w->attacker,
                          .trigger = {.level = 1, .chunk = 64},
                          .clip = &w->clip,
                          .noise = w->noise,
                          .source = w->path,
                          .gain_lo = -6.0,
                          .gain_hi = 6.0,
                          .burst = 2,
                          .tolerance = 2.0,
                          .attack = {.steps = 10, .starts = 2, .seed = 1}};
    double logit = NAN;
    size_t frame = 0;
    bool fires = false;
    assert_int_equal(sp_audit_run(&err, &logit, &frame, &fires, &w->audit), SP_OK);
    w->pipeline.threshold = w->audit.trigger.threshold = logit - share * (0.1 + fabs(logit));
}

static inline void clear(wake *w) {
    unlink(w->path);
    sp_attacker_clear(&w->attacker);
    sp_pipeline_clear(&w->pipeline);
    sp_clip_clear(&w->clip);
    sp_front_destroy(w->front);
    sp_net_clear(&w->net);
}

/* ---- what the model does, without the code under test ---- */

static inline double logit_of(const wake *w, const double *samples, long first) {
    double features[64 * F] = {0.0}, window[STEPS * F] = {0.0}, logit = NAN;
    assert_true(sp_front_frames(w->front, N) <= 64);
    assert_int_equal(sp_front_run(NULL, w->front, features, samples, N), SP_OK);
    for (long t = 0; t < STEPS; t++) {
        for (long f = 0; f < F && first + t >= 0; f++) {
            window[t * F + f] = features[(first + t) * F + f];
        }
    }
    assert_int_equal(sp_net_run(NULL, &w->net, &logit, window, STEPS), SP_OK);
    return logit;
}

static inline bool stream_fires(const wake *w, const double *samples) {
    const sp_trigger *trigger = &w->audit.trigger;
    long activation = 0, start = -1, quiet = -1, i = 0;
    for (size_t heard = 64; heard <= N; heard += 64, i++) {
        const long frames = heard < 90 ? 0 : (long)((heard - 90) / 60 + 1);
        const double logit = logit_of(w, samples, frames - STEPS);
        const bool on = logit >= trigger->threshold;
        if (trigger->rule == SP_TRIGGER_PRECISE) {
            activation = on ? activation + 1 : activation > 0 ? activation - 1 : 0;
        } else if (trigger->rule == SP_TRIGGER_CONSECUTIVE) {
            activation = on ? activation + 1 : 0;
        } else {
            quiet = on ? -1 : quiet;
            start = on && start < 0 ? i : start;
            if (start >= 0 && logit < trigger->low) {
                quiet = quiet < 0 ? i : quiet;
                start = i - quiet >= (long)trigger->silence ? -1 : start;
            }
            quiet = start < 0 ? -1 : quiet;
            activation = start >= 0 && quiet < 0 ? i - start + 1 : 0;
        }
        if (activation >= 2) {
            return true;
        }
    }
    return false;
}

static inline bool does(const wake *w, sp_property property, const double *samples, size_t frame) {
    return property == SP_PROPERTY_STREAM_FIRE || property == SP_PROPERTY_STREAM_SILENT
               ? stream_fires(w, samples)
               : logit_of(w, samples, (long)frame) >= w->audit.trigger.threshold;
}

#endif
