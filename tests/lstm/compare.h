/* Bounds of several clips at once on a device, compared with those of the CPU. */
#ifndef SP_TESTS_LSTM_COMPARE_H
#define SP_TESTS_LSTM_COMPARE_H

#include "tests/lstm/device.h"

/* What memory held before must not matter: NaN in all that the next bounds will take. */
static inline void spoil_memory(size_t bytes) {
    const size_t most = sp_gpu_memory() - 256, count = (bytes < most ? bytes : most) / 8;
    double *nothing = malloc(count * sizeof *nothing);
    sp_gpu *gpu;
    assert_non_null(nothing);
    for (size_t i = 0; i < count; i++) {
        nothing[i] = NAN;
    }
    assert_int_equal(sp_gpu_open(NULL, &gpu, false), SP_OK);
    void *block = sp_gpu_take(gpu, count * sizeof *nothing);
    assert_non_null(block);
    sp_gpu_write(gpu, block, nothing, count * sizeof *nothing);
    assert_int_equal(sp_gpu_sync(NULL, gpu), SP_OK);
    sp_gpu_release(gpu, block);
    sp_gpu_close(gpu);
    free(nothing);
}

/* 1 .. most, falling; every fourth time all are equal. */
static inline void random_frames(sp_rng *rng, size_t most, size_t *frames, size_t count) {
    const bool equal = sp_rng_below(rng, 4) == 0;
    for (size_t i = 0; i < count; i++) {
        const size_t last = i > 0 ? frames[i - 1] : most;
        frames[i] = equal && i > 0 ? last : 1 + sp_rng_below(rng, last);
    }
}

static struct {
    double allowed;
    size_t seen, strayed; /* by more than 1e-9 */
} tie;

/* What two backends may differ by: sums in another order. Rounded to floats, a last bit of a double
 * may become one of a float. Rows choose by planes in single precision: a tie of planes of a tiny
 * box, settled by a last bit, moves a bound by about a bit of a float. Planes of gates that bend,
 * and of polygons with corners on a side of the box, turn on a rounding by more; none by the
 * tolerance that they are searched to. */
static inline double tolerance_of(const sp_net *net, const sp_bounds_options *options) {
    const bool choosing = options->box_iterations + options->row_iterations > 0;
    bool bends = false;
    for (size_t l = 0; l < net->layers; l++) {
        const sp_layer_kind kind = net->layer[l].kind;
        bends = bends || kind == SP_LAYER_GRU || kind == SP_LAYER_RNN;
    }
    if (bends && (choosing || options->octagons)) {
        return 1e-4;
    }
    return options->single ? 1e-5 : choosing ? 1e-7 : 1e-9;
}

/* Nearly all are as close as without choices. */
static inline void check_strayed(void) {
    if (tie.strayed > tie.seen / 20) {
        fail_msg("%zu of %zu numbers differ by more than 1e-9", tie.strayed, tie.seen);
    }
}

static inline void check_near(const char *what, size_t i, double cpu, double device,
                              uint64_t seed) {
    const double scale = fmax(1.0, fmax(fabs(cpu), fabs(device)));
    tie.seen++;
    tie.strayed += fabs(cpu - device) > 1e-9 * scale;
    if (!(fabs(cpu - device) <= tie.allowed * scale) && cpu != device) {
        fail_msg("seed %llu: %s %zu is %a and %a on the device", (unsigned long long)seed, what, i,
                 cpu, device);
    }
}

/* Error terms are small: only their size tells them apart. Planes that turn on a rounding change
 * them by less than 1e-3, the number of roundings of another length by several percent. */
static inline void check_error(size_t i, double a, double b, uint64_t seed) {
    if (!(fabs(a - b) <= 1e-2 * fmax(fabs(a), fabs(b)))) {
        fail_msg("seed %llu: error term %zu is %a and %a", (unsigned long long)seed, i, a, b);
    }
}

static inline void check_box(sp_bounds *cpu, sp_bounds *device, size_t t, size_t l, size_t n,
                             void (*box)(sp_bounds *, size_t, size_t, const double **,
                                         const double **),
                             uint64_t seed) {
    const double *lo[2], *hi[2];
    box(cpu, t, l, &lo[0], &hi[0]);
    box(device, t, l, &lo[1], &hi[1]);
    for (size_t j = 0; j < n; j++) {
        check_near("lower side", j, lo[0][j], lo[1][j], seed);
        check_near("upper side", j, hi[0][j], hi[1][j], seed);
    }
}

static inline void check_boxes(const sp_toy *toy, sp_bounds *cpu, sp_bounds *device,
                               uint64_t seed) {
    for (size_t t = 0; t < toy->front.frames; t++) {
        const size_t layers = t + 1 == toy->front.frames ? toy->net.layers : toy->net.readout;
        for (size_t l = 0; l < layers; l++) {
            const sp_layer *layer = &toy->net.layer[l];
            const size_t gates = layer->kind == SP_LAYER_RELU ? 1 : sp_layer_gates(layer);
            const bool cell = layer->kind == SP_LAYER_LSTM || layer->kind == SP_LAYER_GRU;
            if (layer->kind != SP_LAYER_AFFINE) {
                const size_t blocks = gates + (layer->reset_after ? 1 : 0);
                check_box(cpu, device, t, l, blocks * layer->out, sp_bounds_layer_box, seed);
            }
            if (cell) {
                check_box(cpu, device, t, l, layer->out, sp_bounds_cell_box, seed);
            }
        }
    }
}

/* What clips share with others shows in the order of the sums of matrix products alone. */
static inline void check_alone(const clips *c, const sp_bounds_options *options, size_t rows,
                               const double *weight, const double *lower, const double *error,
                               uint64_t seed) {
    const sp_net *net = &c->toy[0].net;
    for (size_t i = 0; i < c->count; i++) {
        double alone[MOST_ROWS], own[MOST_ROWS];
        sp_bounds *bounds;
        assert_int_equal(sp_bounds_create(NULL, &bounds, net, c->front[i], options), SP_OK);
        assert_int_equal(
            sp_bounds_rows(NULL, bounds, alone, own, weight + i * rows * net->classes, rows),
            SP_OK);
        for (size_t r = 0; r < rows; r++) {
            check_near("bound together", i * rows + r, alone[r], lower[i * rows + r], seed);
            check_error(i * rows + r, own[r], error[i * rows + r], seed);
        }
        sp_bounds_destroy(bounds);
    }
}

/* All clips at once on the device, one by one on the CPU, whose bounds are left in `bound`. */
static inline void compare_rows(const clips *c, const sp_bounds_options *options, size_t memory,
                                const double *weight, size_t rows, double *bound, uint64_t seed) {
    const sp_net *net = &c->toy[0].net;
    double lower[2][MOST_CLIPS * MOST_ROWS], error[2][MOST_CLIPS * MOST_ROWS];
    sp_bounds *cpu[MOST_CLIPS], *device;
    tie.allowed = tolerance_of(net, options);
    select_backend("cpu", 0);
    for (size_t i = 0; i < c->count; i++) {
        assert_int_equal(sp_bounds_create(NULL, &cpu[i], net, c->front[i], options), SP_OK);
        assert_int_equal(sp_bounds_rows(NULL, cpu[i], lower[0] + i * rows, error[0] + i * rows,
                                        weight + i * rows * net->classes, rows),
                         SP_OK);
        assert_int_equal(sp_bounds_moved(cpu[i]), 0);
    }
    select_backend(device_id(), memory);
    spoil_memory(sp_bounds_need(net, c->front[0], options, c->count, true));
    assert_int_equal(sp_bounds_create_batch(NULL, &device, net, c->front, c->count, options),
                     SP_OK);
    assert_int_equal(sp_bounds_rows(NULL, device, lower[1], error[1], weight, rows), SP_OK);
    for (size_t i = 0; i < c->count * rows; i++) {
        check_near("bound", i, lower[0][i], lower[1][i], seed);
        check_error(i, error[0][i], error[1][i], seed);
    }
    assert_true(sp_bounds_moved(device) > 0);
    check_boxes(&c->toy[0], cpu[0], device, seed);
    double flops = 0.0;
    for (size_t i = 0; i < c->count; i++) {
        flops += sp_bounds_flops(cpu[i]);
    }
    assert_true(options->stop_positive || // where clips wait for each other
                fabs(sp_bounds_flops(device) - flops) <= 1e-6 * flops);
    sp_bounds_destroy(device);
    check_alone(c, options, rows, weight, lower[1], error[1], seed);
    select_backend("cpu", 0);
    for (size_t i = 0; i < c->count; i++) {
        sp_bounds_destroy(cpu[i]);
    }
    memcpy(bound, lower[0], c->count * rows * sizeof *bound);
}

static inline void compare(const clips *c, const sp_bounds_options *options, size_t memory,
                           size_t rows, uint64_t seed) {
    double weight[MOST_CLIPS * SOME_ROWS * MOST_CLASSES], bound[MOST_CLIPS * SOME_ROWS];
    sp_rng rng;
    sp_rng_init(&rng, seed ^ 77);
    random_rows(&rng, weight, c->count * rows * c->toy[0].net.classes);
    compare_rows(c, options, memory, weight, rows, bound, seed);
}

/* GRUs and RNNs of every kind, kept from running away: where boxes are huge, planes to a relative
 * gap of 1e-3 turn on a rounding. */
static inline void tame_cells(sp_toy_shape *shape) {
    shape->cells = true;
    shape->scale = fmin(shape->scale, 0.35);
    shape->eps = fmin(shape->eps, 0.02);
}

/* The least memory that holds a clip: walks in tiles of 64 rows; a byte less is refused. */
static inline void split_to_fit(const sp_toy_shape *shape, const sp_bounds_options *options) {
    clips c;
    sp_bounds *bounds;
    sp_error err;
    size_t least = 1 << 16;
    clips_init(&c, 31, shape, 1);
    const size_t whole = sp_bounds_need(&c.toy[0].net, c.front[0], options, 1, true);
    for (size_t step = whole / 2; step > 64; step -= step / 2) {
        select_backend(device_id(), least + step);
        if (sp_bounds_create(&err, &bounds, &c.toy[0].net, c.front[0], options) == SP_OK) {
            sp_bounds_destroy(bounds);
        } else {
            assert_int_equal(err.code, SP_E_MEMORY);
            assert_non_null(strstr(err.text, "--device-memory"));
            least += step;
        }
    }
    assert_true(least + 256 < whole);
    compare(&c, options, least + 256, 3, 31);
    clips_clear(&c);
}

#endif
