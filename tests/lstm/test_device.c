/* Bounds on a device, emulated: equal to the CPU's, alone and many clips at once, within planned
 * memory and with little traffic. The emulator ends the program where anything but a kernel or a
 * copy touches the device's memory. */
#include "tests/lstm/toy.h"

#include "base/pool.h"

enum { MOST_CLIPS = 5, MOST_ROWS = 8 };

/* The clips of one net: toys of one shape, whose own nets are not used but for the first. */
typedef struct clips {
    sp_toy toy[MOST_CLIPS];
    const sp_front_bound *front[MOST_CLIPS];
    size_t count;
} clips;

static void clips_init(clips *c, uint64_t seed, const sp_toy_shape *shape, size_t count) {
    c->count = count;
    for (size_t i = 0; i < count; i++) {
        toy_init(&c->toy[i], seed + 1000 * i, shape);
        c->toy[i].front.matrix = c->toy[0].front.matrix; // of the front end, not of the clip
        c->toy[i].front.matrix_bias = c->toy[0].front.matrix_bias;
        c->front[i] = &c->toy[i].front;
    }
}

static void clips_clear(clips *c) {
    for (size_t i = 0; i < c->count; i++) {
        toy_clear(&c->toy[i]);
    }
}

/* The emulator, or with make check-gpu the device itself. */
static const char *device_id(void) {
    const char *id = getenv("SOUNDPROOF_BACKEND");
    return id != NULL ? id : "emulator";
}

static void select_backend(const char *id, size_t memory) {
    assert_int_equal(sp_gpu_select(NULL, id, memory), SP_OK);
    assert_string_equal(sp_gpu_id(), id);
}

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

static void random_rows(sp_rng *rng, double *rows, size_t count) {
    for (size_t i = 0; i < count; i++) {
        rows[i] = sp_rng_uniform(rng, -2.0, 2.0);
    }
}

static void check_near(const char *what, size_t i, double cpu, double device, uint64_t seed) {
    const double scale = fmax(1.0, fmax(fabs(cpu), fabs(device)));
    if (!(fabs(cpu - device) <= 1e-9 * scale) && cpu != device) {
        fail_msg("seed %llu: %s %zu is %a on the CPU and %a on the device",
                 (unsigned long long)seed, what, i, cpu, device);
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

/* All clips at once on the device, one by one on the CPU. */
static void compare(const clips *c, const sp_bounds_options *options, size_t memory, size_t rows,
                    uint64_t seed) {
    const sp_net *net = &c->toy[0].net;
    double weight[MOST_CLIPS * MOST_ROWS * 8], lower[2][MOST_CLIPS * MOST_ROWS],
        error[2][MOST_CLIPS * MOST_ROWS];
    sp_bounds *cpu[MOST_CLIPS], *device;
    sp_rng rng;
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
        check_near("error term", i, error[0][i], error[1][i], seed);
    }
    assert_true(sp_bounds_moved(device) > 0);
    check_boxes(&c->toy[0], cpu[0], device, seed);
    assert_true(fabs(sp_bounds_flops(device) - (double)c->count * sp_bounds_flops(cpu[0])) <=
                1e-6 * sp_bounds_flops(device));
    sp_bounds_destroy(device);
    select_backend("cpu", 0);
    for (size_t i = 0; i < c->count; i++) {
        sp_bounds_destroy(cpu[i]);
    }
}

static const sp_bounds_options exact = {.planes = SP_PLANES_STATIC};

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
        shape.lstms = 1 + shape.lstms % 2;
        clips c;
        clips_init(&c, seed + i, &shape, 1 + sp_rng_below(&rng, MOST_CLIPS));
        compare(&c, &exact, 0, 1 + sp_rng_below(&rng, MOST_ROWS), seed + i);
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
        clips_init(&c, sp_test_seed() + 600 + i, &shape, 2 + i % 2);
        toy_cell_net(&rng, &c.toy[0].net, &cell, 3, 1 + i % 6, 2);
        compare(&c, &exact, 0, 3, sp_test_seed() + 600 + i);
        clips_clear(&c);
    }
}

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

static void room_is_what_fits(void **state) {
    clips c;
    sp_bounds *bounds;
    (void)state;
    clips_init(&c, 32, &wide, MOST_CLIPS);
    const sp_net *net = &c.toy[0].net;
    const size_t three = sp_bounds_need(net, c.front[0], &exact, 3, true);
    assert_int_equal(sp_bounds_room(net, c.front[0], &exact), 1);
    select_backend(device_id(), three + 256);
    assert_int_equal(sp_bounds_room(net, c.front[0], &exact), 3);
    assert_int_equal(sp_bounds_create_batch(NULL, &bounds, net, c.front, 4, &exact), SP_E_ARGUMENT);
    assert_null(bounds);
    assert_int_equal(sp_bounds_create_batch(NULL, &bounds, net, c.front, 3, &exact), SP_OK);
    sp_bounds_destroy(bounds);
    select_backend("cpu", 0);
    clips_clear(&c);
}

/* Inputs: what is read of a clip's front end; outputs: bounds and error terms of its rows. */
static void little_is_moved(void **state) {
    sp_toy_shape shape = wide;
    clips c;
    sp_bounds *bounds;
    double weight[MOST_CLIPS * 3 * 4], lower[MOST_CLIPS * 3], error[MOST_CLIPS * 3];
    sp_rng rng;
    (void)state;
    shape.frames = 8;
    shape.frame = 40;
    shape.step = 30;
    clips_init(&c, 33, &shape, MOST_CLIPS);
    sp_rng_init(&rng, 3);
    random_rows(&rng, weight, MOST_CLIPS * 3 * 4);
    select_backend(device_id(), 0);
    size_t moved[2];
    for (size_t k = 0; k < 2; k++) {
        const size_t count = k == 0 ? 1 : MOST_CLIPS;
        assert_int_equal(
            sp_bounds_create_batch(NULL, &bounds, &c.toy[0].net, c.front, count, &exact), SP_OK);
        assert_int_equal(sp_bounds_rows(NULL, bounds, lower, error, weight, 3), SP_OK);
        moved[k] = sp_bounds_moved(bounds);
        sp_bounds_destroy(bounds);
    }
    select_backend("cpu", 0);
    const sp_front_bound *f = c.front[0];
    const size_t inputs =
        f->frames * f->forms * (f->frame + 1) + 6 * f->frames * f->bands + f->padded + 3 * 4;
    const size_t outputs = 2 * 3;
    const double per_clip = (double)(moved[1] - moved[0]) / (MOST_CLIPS - 1);
    const double allowed = 3.0 * 8.0 * (double)(inputs + outputs);
    if (!(per_clip <= allowed)) {
        fail_msg("%.0f bytes are moved per clip, %.0f allowed", per_clip, allowed);
    }
    clips_clear(&c);
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

/* ---- several threads, each with a queue ---- */

typedef struct crowd {
    const clips *c;
    double lower[MOST_CLIPS];
} crowd;

static void bound_one(void *context, size_t index) {
    crowd *work = context;
    const double row[4] = {1.0, -1.0, 0.5, 0.0};
    sp_bounds *bounds;
    work->lower[index] = NAN;
    if (sp_bounds_create(NULL, &bounds, &work->c->toy[0].net, work->c->front[index], &exact) ==
        SP_OK) {
        if (sp_bounds_rows(NULL, bounds, &work->lower[index], NULL, row, 1) != SP_OK) {
            work->lower[index] = NAN;
        }
        sp_bounds_destroy(bounds);
    }
}

static void queues_wait_for_memory(void **state) {
    clips c;
    crowd one = {.c = &c}, many = {.c = &c};
    (void)state;
    clips_init(&c, 35, &wide, MOST_CLIPS);
    const size_t need = sp_bounds_need(&c.toy[0].net, c.front[0], &exact, 1, true);
    select_backend(device_id(), need + need / 2); // room for one at a time
    for (size_t i = 0; i < MOST_CLIPS; i++) {
        bound_one(&one, i);
    }
    assert_int_equal(sp_pool_start(3), SP_OK);
    sp_pool_run(MOST_CLIPS, 0, bound_one, &many);
    sp_pool_stop();
    assert_memory_equal(one.lower, many.lower, sizeof one.lower);
    for (size_t i = 0; i < MOST_CLIPS; i++) {
        assert_true(isfinite(one.lower[i]));
    }
    select_backend("cpu", 0);
    clips_clear(&c);
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
        cmocka_unit_test(work_is_split_to_fit),
        cmocka_unit_test(room_is_what_fits),
        cmocka_unit_test(little_is_moved),
        cmocka_unit_test(the_rest_runs_on_the_cpu),
        cmocka_unit_test(queues_wait_for_memory),
        cmocka_unit_test(backends_that_are_not_there_are_named),
    };
    return cmocka_run_group_tests_name("lstm/device", tests, NULL, NULL);
}
