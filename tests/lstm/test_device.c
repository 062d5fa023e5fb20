/* Bounds on a device, emulated: equal to the CPU's, alone and many clips at once, within planned
 * memory. The emulator ends the program where anything but a kernel or a
 * copy touches the device's memory. */
#include "tests/lstm/device.h"

/* What memory held before must not matter: NaN in all that the next bounds will take. */
static void spoil_memory(size_t bytes) {
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
static void random_frames(sp_rng *rng, size_t most, size_t *frames, size_t count) {
    const bool equal = sp_rng_below(rng, 4) == 0;
    for (size_t i = 0; i < count; i++) {
        const size_t last = i > 0 ? frames[i - 1] : most;
        frames[i] = equal && i > 0 ? last : 1 + sp_rng_below(rng, last);
    }
}

/* What two backends may differ by: sums in another order; rounded to floats, a last bit of a double
 * may become one of a float. */
static double tolerance = 1e-9;

static void check_near(const char *what, size_t i, double cpu, double device, uint64_t seed) {
    const double scale = fmax(1.0, fmax(fabs(cpu), fabs(device)));
    if (!(fabs(cpu - device) <= tolerance * scale) && cpu != device) {
        fail_msg("seed %llu: %s %zu is %a and %a on the device", (unsigned long long)seed, what, i,
                 cpu, device);
    }
}

/* Error terms are small: only their size tells them apart. Planes that turn on a rounding change
 * them by less than 1e-3, the number of roundings of another length by several percent. */
static void check_error(size_t i, double a, double b, uint64_t seed) {
    if (!(fabs(a - b) <= 1e-2 * fmax(fabs(a), fabs(b)))) {
        fail_msg("seed %llu: error term %zu is %a and %a", (unsigned long long)seed, i, a, b);
    }
}

static void check_box(sp_bounds *cpu, sp_bounds *device, size_t t, size_t l, size_t n,
                      void (*box)(sp_bounds *, size_t, size_t, const double **, const double **),
                      uint64_t seed) {
    const double *lo[2], *hi[2];
    box(cpu, t, l, &lo[0], &hi[0]);
    box(device, t, l, &lo[1], &hi[1]);
    for (size_t j = 0; j < n; j++) {
        check_near("lower side", j, lo[0][j], lo[1][j], seed);
        check_near("upper side", j, hi[0][j], hi[1][j], seed);
    }
}

static void check_boxes(const sp_toy *toy, sp_bounds *cpu, sp_bounds *device, uint64_t seed) {
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
static void check_alone(const clips *c, const sp_bounds_options *options, size_t rows,
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

/* All clips at once on the device, one by one on the CPU. */
static void compare(const clips *c, const sp_bounds_options *options, size_t memory, size_t rows,
                    uint64_t seed) {
    const sp_net *net = &c->toy[0].net;
    double weight[MOST_CLIPS * MOST_ROWS * 8], lower[2][MOST_CLIPS * MOST_ROWS],
        error[2][MOST_CLIPS * MOST_ROWS];
    sp_bounds *cpu[MOST_CLIPS], *device;
    sp_rng rng;
    tolerance = options->single ? 1e-5 : 1e-9;
    sp_rng_init(&rng, seed ^ 77);
    random_rows(&rng, weight, c->count * rows * net->classes);
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
    assert_true(fabs(sp_bounds_flops(device) - flops) <= 1e-6 * flops);
    sp_bounds_destroy(device);
    check_alone(c, options, rows, weight, lower[1], error[1], seed);
    select_backend("cpu", 0);
    for (size_t i = 0; i < c->count; i++) {
        sp_bounds_destroy(cpu[i]);
    }
}

static const sp_bounds_options single = {.planes = SP_PLANES_STATIC, .single = true};

/* Nets of LSTMs, or of GRUs and RNNs of every kind. These are kept from running away: where boxes
 * are huge, planes to a relative gap of 1e-3 turn on a rounding. */
static void random_nets(bool cells, uint64_t seed) {
    sp_rng rng;
    sp_rng_init(&rng, seed);
    for (size_t i = 0; i < (sp_test_long() ? 200 : sp_test_sanitized() ? 4 : 15); i++) {
        sp_toy_shape shape = toy_shape(&rng);
        if (cells) {
            shape.cells = true;
            shape.scale = fmin(shape.scale, 0.35);
            shape.eps = fmin(shape.eps, 0.02);
        }
        shape.hidden = 1 + shape.hidden % 9;
        shape.lstms = sp_rng_below(&rng, 3);
        size_t frames[MOST_CLIPS];
        const size_t count = 1 + sp_rng_below(&rng, MOST_CLIPS);
        clips c;
        random_frames(&rng, shape.frames, frames, count);
        clips_mixed(&c, seed + i, &shape, frames, count);
        compare(&c, i % 3 == 0 ? &single : &exact, 0, 1 + sp_rng_below(&rng, MOST_ROWS), seed + i);
        clips_clear(&c);
    }
}

static void device_agrees_with_the_cpu(void **state) {
    (void)state;
    random_nets(false, sp_test_seed());
    random_nets(true, sp_test_seed() + 500);
}

/* Each kind of GRU and RNN: gates and candidates of every activation, reset before and after. */
static void every_cell_agrees_with_the_cpu(void **state) {
    static const size_t frames[2][3] = {{3, 3}, {3, 2, 1}};
    sp_rng rng;
    (void)state;
    sp_rng_init(&rng, sp_test_seed() + 5);
    for (size_t i = 0; i < TOY_CELLS; i += sp_test_sanitized() ? 3 : 1) {
        const sp_toy_shape shape = {.frames = 3,
                                    .bands = 3,
                                    .frame = 4,
                                    .step = 3,
                                    .classes = 2,
                                    .joint = true,
                                    .eps = 0.05,
                                    .scale = 0.5};
        const sp_toy_cell cell = toy_cell_number(i);
        clips c;
        clips_mixed(&c, sp_test_seed() + 600 + i, &shape, frames[i % 2], 2 + i % 2);
        toy_cell_net(&rng, &c.toy[0].net, &cell, 3, 1 + i % 6, 2);
        compare(&c, i % 4 == 0 ? &single : &exact, 0, 3, sp_test_seed() + 600 + i);
        clips_clear(&c);
    }
}

/* Frames that overlap, so that rows which join meet windows that moved once or twice before; dense
 * layers between the readout and the highest LSTM or GRU, and none of these at all. More rows than
 * twice the widest layer. */
static void rows_join_at_their_last_step(void **state) {
    static const size_t frames[][MOST_CLIPS] = {{6, 5, 3, 2, 1}, {5, 5, 4, 4, 1}, {4, 4, 4, 4, 4}};
    (void)state;
    for (size_t k = 0; k < sizeof frames / sizeof frames[0]; k++) {
        for (size_t lstms = 0; lstms < 3; lstms++) {
            sp_toy_shape shape = wide;
            clips c;
            shape.hidden = 1;
            shape.lstms = lstms;
            shape.cells = k == 1;
            shape.dense = lstms > 1 ? 3 : 0;
            shape.head = lstms < 2 ? 3 : 0;
            shape.bands = 2;
            shape.classes = 2;
            clips_mixed(&c, 38 + k, &shape, frames[k], MOST_CLIPS);
            compare(&c, &exact, 0, MOST_ROWS, 38 + k);
            compare(&c, &single, 0, MOST_ROWS, 38 + k);
            clips_clear(&c);
        }
    }
}

/* The least memory that holds a clip: walks in tiles of 64 rows; a byte less is refused. */
static void split_to_fit(const sp_toy_shape *shape) {
    clips c;
    sp_bounds *bounds;
    sp_error err;
    size_t least = 1 << 16;
    clips_init(&c, 31, shape, 1);
    const size_t whole = sp_bounds_need(&c.toy[0].net, c.front[0], &exact, 1, true);
    for (size_t step = whole / 2; step > 64; step -= step / 2) {
        select_backend(device_id(), least + step);
        if (sp_bounds_create(&err, &bounds, &c.toy[0].net, c.front[0], &exact) == SP_OK) {
            sp_bounds_destroy(bounds);
        } else {
            assert_int_equal(err.code, SP_E_MEMORY);
            assert_non_null(strstr(err.text, "--device-memory"));
            least += step;
        }
    }
    assert_true(least + 256 < whole);
    compare(&c, &exact, least + 256, 3, 31);
    clips_clear(&c);
}

static void work_is_split_to_fit(void **state) {
    sp_toy_shape shape = wide;
    (void)state;
    split_to_fit(&shape);
    shape.cells = true;
    split_to_fit(&shape);
}

/* What the kernels do not know runs on the CPU, with the same bits as there. */
static void the_rest_runs_on_the_cpu(void **state) {
    static const sp_bounds_options rest[] = {
        {.planes = SP_PLANES_INTERVAL},
        {.planes = SP_PLANES_R2_LP},
        {.planes = SP_PLANES_STATIC, .octagons = true, .row_iterations = 1},
    };
    (void)state;
    for (size_t k = 0; k < sizeof rest / sizeof rest[0]; k++) {
        sp_toy_shape shape = wide;
        sp_toy toy;
        sp_bounds *bounds;
        double lower[2];
        const double row[4] = {1.0, -1.0, 0.5, 0.0};
        shape.hidden = 6;
        toy_init(&toy, 34, &shape);
        for (size_t i = 0; i < 2; i++) {
            select_backend(i == 0 ? "cpu" : device_id(), 0);
            assert_int_equal(sp_bounds_create(NULL, &bounds, &toy.net, &toy.front, &rest[k]),
                             SP_OK);
            assert_int_equal(sp_bounds_rows(NULL, bounds, &lower[i], NULL, row, 1), SP_OK);
            assert_int_equal(sp_bounds_moved(bounds), 0);
            sp_bounds_destroy(bounds);
        }
        assert_memory_equal(&lower[0], &lower[1], sizeof lower[0]);
        toy_clear(&toy);
    }
    select_backend("cpu", 0);
}

static void backends_that_are_not_there_are_named(void **state) {
    sp_error err;
    (void)state;
    assert_int_equal(sp_gpu_select(&err, "abacus", 0), SP_E_ARGUMENT);
    assert_non_null(strstr(err.text, "abacus"));
    assert_string_equal(sp_gpu_id(), "cpu");
    if (sp_gpu_select(&err, "cuda", 0) != SP_OK) { // no device, or no library
        assert_int_equal(err.code, SP_E_UNSUPPORTED);
        assert_non_null(strstr(err.text, "CUDA"));
        assert_null(strchr(err.text, '\n'));
        assert_string_equal(sp_gpu_id(), "cpu");
    }
    assert_int_equal(sp_gpu_select(NULL, "cpu", 0), SP_OK);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(device_agrees_with_the_cpu),
        cmocka_unit_test(every_cell_agrees_with_the_cpu),
        cmocka_unit_test(rows_join_at_their_last_step),
        cmocka_unit_test(work_is_split_to_fit),
        cmocka_unit_test(the_rest_runs_on_the_cpu),
        cmocka_unit_test(backends_that_are_not_there_are_named),
    };
    return cmocka_run_group_tests_name("lstm/device", tests, NULL, NULL);
}
