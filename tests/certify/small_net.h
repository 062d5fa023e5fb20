/* A small network behind the small front end, and a clip. */
#ifndef SP_TESTS_CERTIFY_SMALL_NET_H
#define SP_TESTS_CERTIFY_SMALL_NET_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "certify/certify.h"
#include "tests/certify/small.h"
#include "tests/support/support.h"

enum { H = 5, C = 3 };

typedef struct small {
    sp_net net;
    sp_front *front;
    sp_clip clip;
} small;

static inline void random_list(sp_rng *rng, double *values, size_t count, double scale) {
    for (size_t i = 0; i < count; i++) {
        values[i] = sp_rng_uniform(rng, -scale, scale);
    }
}

/* LSTM and a readout; `twin`: the rows of classes 0 and 1 are equal. */
static inline void make_net(sp_net *net, sp_rng *rng, size_t features, size_t classes, bool twin) {
    double weight[4 * H * 16], recurrent[4 * H * H], bias[4 * H], readout[C * H], offset[C];
    random_list(rng, weight, 4 * H * features, 0.15);
    random_list(rng, recurrent, 4 * H * H, 0.5);
    random_list(rng, bias, 4 * H, 0.5);
    random_list(rng, readout, C * H, 3.0);
    random_list(rng, offset, C, 0.5);
    if (twin) {
        memcpy(readout + H, readout, H * sizeof(double));
        offset[0] = offset[1] = 50.0;
    }
    assert_int_equal(sp_net_init(NULL, net, features), SP_OK);
    assert_int_equal(sp_net_add_lstm(NULL, net, H, weight, recurrent, bias), SP_OK);
    assert_int_equal(sp_net_add_pool(NULL, net, SP_POOLING_LAST), SP_OK);
    assert_int_equal(sp_net_add_affine(NULL, net, classes, readout, offset), SP_OK);
}

static inline void make_clip(sp_clip *clip, sp_rng *rng, size_t n, double loudness) {
    double samples[SMALL_SAMPLES];
    for (size_t i = 0; i < n; i++) {
        samples[i] = round(loudness * sp_rng_uniform(rng, -1.0, 1.0));
    }
    assert_int_equal(sp_clip_init(NULL, clip, samples, n, SMALL_RATE, 32768.0, 1.0), SP_OK);
}

static inline void make(small *s, uint64_t seed, bool twin) {
    sp_rng rng;
    sp_error err = {0};
    sp_rng_init(&rng, seed);
    make_net(&s->net, &rng, SMALL_FEATURES, C, twin);
    if (sp_front_parse(&err, &s->front, small_front, sizeof small_front - 1, "small") != SP_OK) {
        fail_msg("%s", err.text);
    }
    make_clip(&s->clip, &rng, SMALL_SAMPLES, 3000.0);
}

static inline void clear(small *s) {
    sp_clip_clear(&s->clip);
    sp_front_destroy(s->front);
    sp_net_clear(&s->net);
}

static inline sp_pipeline make_system(const small *s, const char *method) {
    sp_pipeline pipeline;
    sp_error err = {0};
    const sp_method *row = sp_method_find(method);
    if (sp_pipeline_init(&err, &pipeline, &s->net, s->front, row, row->front) != SP_OK) {
        fail_msg("%s", err.text);
    }
    return pipeline;
}

static inline void run(const small *s, double *logits, const double *samples) {
    const size_t frames = sp_front_frames(s->front, s->clip.n);
    double *features = malloc(frames * SMALL_FEATURES * sizeof *features);
    assert_non_null(features);
    assert_int_equal(sp_front_run(NULL, s->front, features, samples, s->clip.n), SP_OK);
    assert_int_equal(sp_net_run(NULL, &s->net, logits, features, frames), SP_OK);
    free(features);
}

#endif
