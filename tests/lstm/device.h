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

static inline sp_bound_task clips_task(const clips *c, size_t count) {
    return (sp_bound_task){.net = &c->toy[0].net, .fronts = c->front, .clips = count};
}

/* The first clips, or one of them alone. */
static inline sp_status bounds_of_clips(sp_error *err, sp_bounds *bounds, const clips *c,
                                        size_t count, const sp_method *method) {
    bounds->task = clips_task(c, count);
    return bounds_create(err, bounds, method);
}

static inline sp_status bounds_of_clip(sp_error *err, sp_bounds *bounds, const clips *c,
                                       size_t clip, const sp_method *method) {
    return bounds_of(err, bounds, &c->toy[0].net, c->front[clip], method);
}

/* Bytes on the device for so many clips like one of these; how many have room there. */
static inline size_t device_bytes(const clips *c, size_t clip, size_t count,
                                  const sp_method *method) {
    const sp_bound_task task = {.net = &c->toy[0].net, .fronts = c->front + clip, .clips = 1};
    const sp_front_bound *same[MOST_CLIPS];
    for (size_t i = 0; i < count; i++) {
        same[i] = task.fronts[0];
    }
    const sp_bound_task many = {.net = task.net, .fronts = same, .clips = count};
    return method->domain->bytes(&many, method_options(method), true);
}

static inline size_t device_room(const clips *c, const sp_method *method) {
    const sp_bound_task task = clips_task(c, 1);
    return method->domain->room(&task, method_options(method));
}

static inline size_t bounds_moved(const sp_bounds *bounds) {
    double flops;
    size_t moved;
    bounds->domain->spent(bounds->self, &flops, &moved);
    return moved;
}

static inline double bounds_flops(const sp_bounds *bounds) {
    double flops;
    size_t moved;
    bounds->domain->spent(bounds->self, &flops, &moved);
    return flops;
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

static const sp_method exact = {.domain = &sp_domain_backsub};
static const sp_method single = {.domain = &sp_domain_backsub, .backsub = {.single = true}};
static const sp_method chosen = {
    .domain = &sp_domain_backsub,
    .backsub = {.octagons = true, .box_iterations = 1, .row_iterations = 2, .stop_positive = true}};

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
