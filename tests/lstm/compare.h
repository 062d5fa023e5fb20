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
 * and of polygons with corners on a side of the box, turn on a rounding by more, which the steps
 * behind them carry on; none by the tolerance that they are searched to. That such planes are few
 * is what check_strayed holds them to. */
static inline double tolerance_of(const sp_net *net, const sp_method *method) {
    const sp_backsub_options *options = &method->backsub;
    const bool choosing = options->box_iterations + options->row_iterations > 0;
    bool bends = false;
    for (size_t i = 0; i < net->nodes; i++) {
        const sp_node *node = &net->node[i];
        bends = bends || (node->kind == SP_NODE_CELL && node->cell.kind != SP_CELL_LSTM);
    }
    if (options->octagons || (bends && choosing)) {
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

static inline void check_box(const sp_bounds *cpu, const sp_bounds *device, size_t node,
                             size_t frame, int variable, uint64_t seed) {
    const double *lo[2], *hi[2];
    cpu->domain->box(cpu->self, node, frame, variable, &lo[0], &hi[0]);
    device->domain->box(device->self, node, frame, variable, &lo[1], &hi[1]);
    assert_int_equal(lo[0] != NULL, lo[1] != NULL);
    for (size_t j = 0; lo[0] != NULL && j < cpu->task.net->node[node].width; j++) {
        check_near("lower side", j, lo[0][j], lo[1][j], seed);
        check_near("upper side", j, hi[0][j], hi[1][j], seed);
    }
}

static inline void check_boxes(const sp_bounds *cpu, const sp_bounds *device, uint64_t seed) {
    const sp_boxes *boxes = boxes_of(cpu);
    for (size_t i = boxes->source; i < boxes->net->nodes; i++) {
        const bool cell = i > boxes->source && boxes->net->node[i].kind == SP_NODE_CELL;
        for (size_t t = 0; t < sp_boxes_frames(boxes, 0, i); t++) {
            check_box(cpu, device, i, t, SP_NO_VARIABLE, seed);
            for (int v = 0; cell && v < (int)boxes->constants[i].cell.count; v++) {
                check_box(cpu, device, i, t, v, seed);
            }
        }
    }
}

/* What clips share with others shows in the order of the sums of matrix products alone. */
static inline void check_alone(const clips *c, const sp_method *method, size_t rows,
                               const double *weight, const double *lower, const double *error,
                               uint64_t seed) {
    const sp_net *net = &c->toy[0].net;
    for (size_t i = 0; i < c->count; i++) {
        double alone[MOST_ROWS], own[MOST_ROWS];
        sp_bounds bounds;
        assert_int_equal(bounds_of_clip(NULL, &bounds, c, i, method), SP_OK);
        assert_int_equal(
            bounds_margins(NULL, &bounds, alone, own, weight + i * rows * net->classes, rows),
            SP_OK);
        for (size_t r = 0; r < rows; r++) {
            check_near("bound together", i * rows + r, alone[r], lower[i * rows + r], seed);
            check_error(i * rows + r, own[r], error[i * rows + r], seed);
        }
        bounds_destroy(&bounds);
    }
}

/* Products of several frames at once go over the rows of clips that have ended in between. Where
 * rows stop, clips wait for each other. */
static inline void check_flops(const sp_bounds *cpu, size_t count, const sp_bounds *device,
                               const sp_method *method) {
    const sp_boxes *boxes = boxes_of(device);
    const bool equal = boxes->fronts[0]->frames == boxes->fronts[count - 1]->frames;
    double flops = 0.0;
    for (size_t i = 0; i < count; i++) {
        flops += bounds_flops(&cpu[i]);
    }
    const double all = bounds_flops(device);
    if (!method->backsub.stop_positive &&
        !(all >= flops * (1.0 - 1e-6) && (!equal || all <= flops * (1.0 + 1e-6)))) {
        fail_msg("%g operations on the device, %g on the CPU", all, flops);
    }
}

/* All clips at once on the device, one by one on the CPU, whose bounds are left in `bound`. */
static inline void compare_rows(const clips *c, const sp_method *method, size_t memory,
                                const double *weight, size_t rows, double *bound, uint64_t seed) {
    const sp_net *net = &c->toy[0].net;
    double lower[2][MOST_CLIPS * MOST_ROWS], error[2][MOST_CLIPS * MOST_ROWS];
    sp_bounds cpu[MOST_CLIPS], device;
    tie.allowed = tolerance_of(net, method);
    select_backend("cpu", 0);
    for (size_t i = 0; i < c->count; i++) {
        assert_int_equal(bounds_of_clip(NULL, &cpu[i], c, i, method), SP_OK);
        assert_int_equal(bounds_margins(NULL, &cpu[i], lower[0] + i * rows, error[0] + i * rows,
                                        weight + i * rows * net->classes, rows),
                         SP_OK);
        assert_int_equal(bounds_moved(&cpu[i]), 0);
    }
    select_backend(device_id(), memory);
    spoil_memory(device_bytes(c, 0, c->count, method));
    assert_int_equal(bounds_of_clips(NULL, &device, c, c->count, method), SP_OK);
    assert_int_equal(bounds_margins(NULL, &device, lower[1], error[1], weight, rows), SP_OK);
    for (size_t i = 0; i < c->count * rows; i++) {
        check_near("bound", i, lower[0][i], lower[1][i], seed);
        check_error(i, error[0][i], error[1][i], seed);
    }
    assert_true(bounds_moved(&device) > 0);
    check_boxes(&cpu[0], &device, seed);
    check_flops(cpu, c->count, &device, method);
    bounds_destroy(&device);
    check_alone(c, method, rows, weight, lower[1], error[1], seed);
    select_backend("cpu", 0);
    for (size_t i = 0; i < c->count; i++) {
        bounds_destroy(&cpu[i]);
    }
    memcpy(bound, lower[0], c->count * rows * sizeof *bound);
}

static inline void compare(const clips *c, const sp_method *method, size_t memory, size_t rows,
                           uint64_t seed) {
    double weight[MOST_CLIPS * SOME_ROWS * MOST_CLASSES], bound[MOST_CLIPS * SOME_ROWS];
    sp_rng rng;
    sp_rng_init(&rng, seed ^ 77);
    random_rows(&rng, weight, c->count * rows * c->toy[0].net.classes);
    compare_rows(c, method, memory, weight, rows, bound, seed);
}

/* GRUs and RNNs of every kind, kept from running away: where boxes are huge, planes to a relative
 * gap of 1e-3 turn on a rounding. */
static inline void tame_cells(sp_toy_shape *shape) {
    shape->cells = true;
    shape->scale = fmin(shape->scale, 0.35);
    shape->eps = fmin(shape->eps, 0.02);
}

/* The least memory that holds a clip: walks in tiles of 64 rows; a byte less is refused. */
static inline void split_to_fit(const sp_toy_shape *shape, const sp_method *method) {
    clips c;
    sp_bounds bounds;
    sp_error err;
    size_t least = 1 << 16;
    clips_init(&c, 31, shape, 1);
    const size_t whole = device_bytes(&c, 0, 1, method);
    for (size_t step = whole / 2; step > 64; step -= step / 2) {
        select_backend(device_id(), least + step);
        if (bounds_of_clip(&err, &bounds, &c, 0, method) == SP_OK) {
            bounds_destroy(&bounds);
        } else {
            assert_int_equal(err.code, SP_E_MEMORY);
            assert_non_null(strstr(err.text, "--device-memory"));
            least += step;
        }
    }
    assert_true(least + 256 < whole);
    compare(&c, method, least + 256, 3, 31);
    clips_clear(&c);
}

#endif
