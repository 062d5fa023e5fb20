/* Bounds on a device, emulated: equal to the CPU's, alone and many clips at once, within planned
 * memory. The emulator ends the program where anything but a kernel or a
 * copy touches the device's memory. */
#include "tests/lstm/compare.h"
#include "tests/lstm/toy_graph.h"

/* Nets of LSTMs, or of GRUs and RNNs of every kind. */
static void random_nets(bool cells, uint64_t seed) {
    sp_rng rng;
    sp_rng_init(&rng, seed);
    for (size_t i = 0; i < (sp_test_long() ? 200 : sp_test_sanitized() ? 4 : 15); i++) {
        sp_toy_shape shape = toy_shape(&rng);
        if (cells) {
            tame_cells(&shape);
        }
        shape.hidden = 1 + shape.hidden % 9;
        shape.lstms = sp_rng_below(&rng, 3);
        size_t frames[MOST_CLIPS];
        const size_t count = 1 + sp_rng_below(&rng, MOST_CLIPS);
        clips c;
        random_frames(&rng, shape.frames, frames, count);
        clips_mixed(&c, seed + i, &shape, frames, count);
        compare(&c, i % 3 == 0 ? &single : &exact, 0, 1 + sp_rng_below(&rng, SOME_ROWS), seed + i);
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
        compare(&c, &chosen, 0, 3, sp_test_seed() + 600 + i);
        clips_clear(&c);
    }
    check_strayed();
}

/* Graphs beyond chains; batches whose clips end at different frames of every node. */
static void graphs_agree_with_the_cpu(void **state) {
    sp_rng rng;
    (void)state;
    sp_rng_init(&rng, sp_test_seed() + 6);
    for (size_t i = 0; i < (sp_test_long() ? 400 : sp_test_sanitized() ? 6 : 40); i++) {
        sp_toy_shape shape = toy_shape(&rng);
        size_t frames[MOST_CLIPS];
        const size_t count = 1 + sp_rng_below(&rng, MOST_CLIPS);
        const sp_method *const methods[] = {&exact, &single, &exact, &chosen};
        clips c;
        shape.lstms = shape.dense = shape.head = 0;
        shape.joint = i % 4 == 3 || shape.joint;
        shape.split = i % 4 != 3 && shape.split;
        shape.eps = fmin(shape.eps, 0.02);
        random_frames(&rng, shape.frames, frames, count);
        clips_mixed(&c, sp_test_seed() + 900 + i, &shape, frames, count);
        toy_graph(&rng, &c.toy[0], shape.classes, false, i % 3 == 2);
        for (size_t k = 0; k < count; k++) {
            c.toy[k].front.node = c.toy[0].front.node;
        }
        c.count = sp_net_has_sums(&c.toy[0].net, c.toy[0].front.node)
                      ? 1
                      : count; // no clip beside one of another length
        compare(&c, methods[i % 4], 0, 1 + sp_rng_below(&rng, SOME_ROWS), sp_test_seed() + 900 + i);
        c.count = count;
        clips_clear(&c);
    }
    check_strayed();
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
            compare(&c, &exact, 0, SOME_ROWS, 38 + k);
            compare(&c, &single, 0, SOME_ROWS, 38 + k);
            compare(&c, &chosen, 0, SOME_ROWS, 38 + k);
            clips_clear(&c);
        }
    }
}

static void work_is_split_to_fit(void **state) {
    sp_toy_shape shape = wide;
    (void)state;
    split_to_fit(&shape, &exact);
    shape.cells = true;
    split_to_fit(&shape, &exact);
}

/* What the kernels do not know runs on the CPU, with the same bits as there. */
static void the_rest_runs_on_the_cpu(void **state) {
    const sp_method rest[] = {
        method_intervals(),
        method_backsub((sp_backsub_options){.planes = SP_BACKSUB_R2_LP}),
        method_r2opt(2),
    };
    (void)state;
    for (size_t k = 0; k < sizeof rest / sizeof rest[0]; k++) {
        sp_toy_shape shape = wide;
        sp_toy toy;
        sp_bounds bounds;
        double lower[2];
        const double row[4] = {1.0, -1.0, 0.5, 0.0};
        shape.hidden = 6;
        toy_init(&toy, 34, &shape);
        for (size_t i = 0; i < 2; i++) {
            select_backend(i == 0 ? "cpu" : device_id(), 0);
            assert_int_equal(bounds_of(NULL, &bounds, &toy.net, &toy.front, &rest[k]), SP_OK);
            assert_int_equal(bounds_margins(NULL, &bounds, &lower[i], NULL, row, 1), SP_OK);
            assert_int_equal(bounds_moved(&bounds), 0);
            bounds_destroy(&bounds);
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
        cmocka_unit_test(graphs_agree_with_the_cpu),
        cmocka_unit_test(rows_join_at_their_last_step),
        cmocka_unit_test(work_is_split_to_fit),
        cmocka_unit_test(the_rest_runs_on_the_cpu),
        cmocka_unit_test(backends_that_are_not_there_are_named),
    };
    return cmocka_run_group_tests_name("lstm/device", tests, NULL, NULL);
}
