/* Clips of one net on a device, for the tests that compare its bounds and count what it takes. */
#ifndef SP_TESTS_LSTM_DEVICE_H
#define SP_TESTS_LSTM_DEVICE_H

#include "tests/lstm/toy.h"

enum { MOST_CLIPS = 5, SOME_ROWS = 8, MOST_ROWS = 130, MOST_CLASSES = 4 };

/* The clips of one net: toys of one shape but for their frames, the longest first, whose own nets
 * are not used but for the first. */
typedef struct clips {
    sp_toy toy[MOST_CLIPS];
    const sp_front_bound *front[MOST_CLIPS];
    size_t count;
} clips;

static inline void clips_mixed(clips *c, uint64_t seed, const sp_toy_shape *shape,
                               const size_t *frames, size_t count) {
    c->count = count;
    for (size_t i = 0; i < count; i++) {
        sp_toy_shape own = *shape;
        own.frames = frames[i];
        toy_init(&c->toy[i], seed + 1000 * i, &own);
        c->toy[i].front.matrix = c->toy[0].front.matrix; // of the front end, not of the clip
        c->toy[i].front.matrix_bias = c->toy[0].front.matrix_bias;
        c->front[i] = &c->toy[i].front;
    }
}

static inline void clips_init(clips *c, uint64_t seed, const sp_toy_shape *shape, size_t count) {
    size_t frames[MOST_CLIPS];
    for (size_t i = 0; i < count; i++) {
        frames[i] = shape->frames;
    }
    clips_mixed(c, seed, shape, frames, count);
}

static inline void clips_clear(clips *c) {
    for (size_t i = 0; i < c->count; i++) {
        toy_clear(&c->toy[i]);
    }
}

/* The emulator, or with make check-gpu the device itself. */
static inline const char *device_id(void) {
    const char *id = getenv("SOUNDPROOF_BACKEND");
    return id != NULL ? id : "emulator";
}

static inline void select_backend(const char *id, size_t memory) {
    assert_int_equal(sp_gpu_select(NULL, id, memory), SP_OK);
    assert_string_equal(sp_gpu_id(), id);
}

static inline void random_rows(sp_rng *rng, double *rows, size_t count) {
    for (size_t i = 0; i < count; i++) {
        rows[i] = sp_rng_uniform(rng, -2.0, 2.0);
    }
}

static const sp_bounds_options exact = {.planes = SP_PLANES_STATIC};
static const sp_bounds_options single = {.planes = SP_PLANES_STATIC, .single = true};
static const sp_bounds_options chosen = {.planes = SP_PLANES_STATIC,
                                         .octagons = true,
                                         .box_iterations = 1,
                                         .row_iterations = 2,
                                         .stop_positive = true};

static const sp_toy_shape wide = {.frames = 3,
                                  .bands = 3,
                                  .frame = 5,
                                  .step = 3,
                                  .dense = 6,
                                  .lstms = 2,
                                  .hidden = 12, /* 96 rows of gates: more than a tile */
                                  .classes = 4,
                                  .joint = true,
                                  .eps = 0.01,
                                  .scale = 0.3};

#endif
