/* Bounds of random networks of GRU and RNN layers against attained values, with every method; and
 * front ends whose frames all hear one number. */
#include "tests/lstm/attained.h"

#include "base/pool.h"

static void random_cells(const sp_method *method, size_t count) {
    sp_rng rng;
    sp_rng_init(&rng, sp_test_seed() + 1);
    for (size_t i = 0; i < count; i++) {
        sp_toy_shape shape = toy_shape(&rng);
        double least;
        shape.cells = true;
        shape.scale *= 0.7;
        bound_toy(sp_test_seed() + 100 + i, &shape, method, &least);
    }
}

static void exact_planes_contain_attained_values(void **state) {
    (void)state;
    const sp_method method = method_backsub((sp_backsub_options){0});
    random_cells(&method, sp_test_sanitized() ? 20 : sp_test_long() ? 600 : 50);
}

static void chosen_planes_and_octagons_contain_attained_values(void **state) {
    (void)state;
    sp_method method =
        method_backsub((sp_backsub_options){.box_iterations = 1, .row_iterations = 4});
    random_cells(&method, sp_test_sanitized() ? 8 : sp_test_long() ? 200 : 20);
    method.backsub.octagons = true;
    random_cells(&method, sp_test_sanitized() ? 8 : sp_test_long() ? 200 : 20);
}

static void intervals_contain_attained_values(void **state) {
    (void)state;
    const sp_method method = method_intervals();
    random_cells(&method, sp_test_sanitized() ? 15 : 40);
}

static void sampled_planes_contain_attained_values(void **state) {
    (void)state;
    sp_method method = method_backsub((sp_backsub_options){.planes = SP_BACKSUB_R2_LP});
    random_cells(&method, sp_test_long() ? 40 : 5);
    method = method_r2opt(5);
    random_cells(&method, sp_test_long() ? 20 : 3);
}

static const sp_toy_shape small = {.frames = 5,
                                   .bands = 3,
                                   .frame = 4,
                                   .step = 3,
                                   .lstms = 0,
                                   .hidden = 3,
                                   .classes = 2,
                                   .joint = true,
                                   .scale = 0.5};

/* Every kind of cell: contained, and to first order exact: the width of the bounds shrinks with the
 * square of the noise towards that of the tangents, unless a kink is inside. */
static void every_cell_is_exact_to_first_order(void **state) {
    (void)state;
    sp_rng rng;
    sp_rng_init(&rng, sp_test_seed() + 2);
    for (size_t i = 0; i < TOY_CELLS; i++) {
        const sp_toy_cell cell = toy_cell_number(i);
        sp_toy_shape shape = small;
        const double row[2] = {1.0, -0.7};
        const sp_method method = method_backsub((sp_backsub_options){0});
        double lower, least;
        sp_toy toy;
        sp_bounds bounds;
        shape.eps = 1e-5;
        toy_init(&toy, 300 + i, &shape);
        toy_cell_net(&rng, &toy.net, &cell, 3, 4, 2);
        assert_int_equal(bounds_of(NULL, &bounds, &toy.net, &toy.front, &method), SP_OK);
        assert_int_equal(bounds_margins(NULL, &bounds, &lower, NULL, row, 1), SP_OK);
        least = check_toy(&toy, &bounds, row, 1, &lower, toy_samples(), i);
        if (!(least - lower <= 2e-6)) { // flips find the vertex of what is nearly linear
            fail_msg("cell %zu: bound %.12g, attained %.12g", i, lower, least);
        }
        bounds_destroy(&bounds);
        toy_clear(&toy);
    }
}

/* All frames hear the same single number (frame = 1, step = 0): coefficients of all steps meet in
 * it, and bounds are those of a function of one variable. */
static void one_shared_number(void **state) {
    (void)state;
    sp_rng rng;
    sp_rng_init(&rng, sp_test_seed() + 4);
    for (size_t i = 0; i < 40; i++) {
        sp_toy_shape shape = toy_shape(&rng);
        const sp_method method = method_backsub((sp_backsub_options){
            .box_iterations = i % 2, .row_iterations = i % 2 * 3, .octagons = i % 4 == 1});
        sp_toy toy;
        sp_bounds bounds;
        double rows[16 * 16], lower[16];
        shape.cells = i % 3 > 0;
        shape.frame = 1;
        shape.step = 0;
        shape.joint = true;
        toy_init(&toy, 500 + i, &shape);
        assert_int_equal(toy.front.padded, 1);
        assert_int_equal(bounds_of(NULL, &bounds, &toy.net, &toy.front, &method), SP_OK);
        margin_rows(rows, shape.classes);
        assert_int_equal(bounds_margins(NULL, &bounds, lower, NULL, rows, shape.classes), SP_OK);
        const double least = check_toy(&toy, &bounds, rows, shape.classes, lower, toy_samples(), i);
        if (shape.eps < 1e-3 && shape.wiggle == 0.0 && !shape.split) {
            // no slack from frames that would move apart
            assert_true(least - lower[0] < 0.1 * shape.eps * 1e3);
        }
        bounds_destroy(&bounds);
        toy_clear(&toy);
    }
}

/* Frames that move together cancel: the state's changes of one step undo those of another. */
static void a_shared_number_cancels(void **state) {
    (void)state;
    const sp_activation identity = {SP_ACTIVATION_AFFINE, 1.0, 0.0};
    const double weight = 1.0, recurrent = -1.0, bias = 0.0;
    const double row[1] = {1.0};
    const sp_method method = method_backsub((sp_backsub_options){0});
    sp_toy_shape shape = small;
    sp_toy toy;
    sp_bounds bounds;
    double lower;
    shape.bands = 1;
    shape.frames = 4; // h = x - x + x - x = 0 when all features move by the same
    shape.frame = 1;
    shape.step = 0;
    shape.eps = 0.5;
    shape.plain = true;
    toy_init(&toy, 600, &shape);
    sp_net_clear(&toy.net);
    assert_int_equal(sp_net_init(NULL, &toy.net, 1), SP_OK);
    assert_int_equal(sp_net_add_rnn(NULL, &toy.net, 1, identity, &weight, &recurrent, &bias),
                     SP_OK);
    assert_int_equal(sp_net_add_pool(NULL, &toy.net, SP_POOLING_LAST), SP_OK);
    double value = 0.0;
    for (size_t t = 0; t < 4; t++) {
        toy.front.form[t] = 1.0;
        toy.front.form_max[t] = 0.5;
        toy.front.lo[t] = toy.base[t] - 0.5;
        toy.front.hi[t] = toy.base[t] + 0.5;
        value = toy.base[t] - value;
    }
    assert_int_equal(bounds_of(NULL, &bounds, &toy.net, &toy.front, &method), SP_OK);
    assert_int_equal(bounds_margins(NULL, &bounds, &lower, NULL, row, 1), SP_OK);
    assert_true(lower <= value + 1e-13 && lower >= value - 1e-10);
    bounds_destroy(&bounds);
    toy_clear(&toy);
}

/* Frames without noise are passed by; noise far below rounding takes the long way. */
static void silent_frames_change_nothing(void **state) {
    (void)state;
    for (size_t i = 0; i < 6; i++) {
        sp_toy_shape shape = small;
        const sp_method method = method_backsub(
            (sp_backsub_options){.box_iterations = i % 2, .row_iterations = i % 2 * 2});
        double rows[16 * 16], lower[2][16];
        shape.lstms = 1;
        shape.cells = i % 3 > 0;
        shape.step = 5; // no frame shares samples
        shape.eps = 0.05;
        margin_rows(rows, shape.classes);
        for (size_t run = 0; run < 2; run++) {
            sp_toy toy;
            sp_bounds bounds;
            toy_init(&toy, 700 + i, &shape);
            for (size_t k = 0; k < toy.front.padded; k++) {
                if (k / shape.step != 2) {
                    toy.front.radius[k] = run == 0 ? 0.0 : 1e-200;
                }
            }
            assert_int_equal(bounds_of(NULL, &bounds, &toy.net, &toy.front, &method), SP_OK);
            assert_int_equal(bounds_margins(NULL, &bounds, lower[run], NULL, rows, shape.classes),
                             SP_OK);
            bounds_destroy(&bounds);
            toy_clear(&toy);
        }
        for (size_t k = 0; k < shape.classes; k++) {
            assert_true(fabs(lower[0][k] - lower[1][k]) <= 1e-12 * (1.0 + fabs(lower[0][k])));
        }
    }
}

static void threads_do_not_change_a_bit(void **state) {
    (void)state;
    const sp_toy_shape shape = {.frames = 5,
                                .bands = 3,
                                .frame = 5,
                                .step = 3,
                                .dense = 7,
                                .lstms = 2,
                                .cells = true,
                                .hidden = 40,
                                .classes = 4,
                                .joint = true,
                                .eps = 0.01,
                                .scale = 0.2};
    const sp_method method = method_backsub(
        (sp_backsub_options){.octagons = true, .box_iterations = 1, .row_iterations = 2});
    double lower[2][16], rows[16 * 16];
    margin_rows(rows, shape.classes);
    for (int run = 0; run < 2; run++) {
        sp_toy toy;
        sp_bounds bounds;
        assert_int_equal(sp_pool_start(run == 0 ? 1 : 3), SP_OK);
        toy_init(&toy, 78, &shape);
        assert_int_equal(bounds_of(NULL, &bounds, &toy.net, &toy.front, &method), SP_OK);
        assert_int_equal(bounds_margins(NULL, &bounds, lower[run], NULL, rows, shape.classes),
                         SP_OK);
        bounds_destroy(&bounds);
        toy_clear(&toy);
        sp_pool_stop();
    }
    assert_memory_equal(lower[0], lower[1], shape.classes * sizeof(double));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exact_planes_contain_attained_values),
        cmocka_unit_test(chosen_planes_and_octagons_contain_attained_values),
        cmocka_unit_test(intervals_contain_attained_values),
        cmocka_unit_test(sampled_planes_contain_attained_values),
        cmocka_unit_test(every_cell_is_exact_to_first_order),
        cmocka_unit_test(one_shared_number),
        cmocka_unit_test(a_shared_number_cancels),
        cmocka_unit_test(silent_frames_change_nothing),
        cmocka_unit_test(threads_do_not_change_a_bit),
    };
    const struct CMUnitTest emulated[] = {
        cmocka_unit_test(exact_planes_contain_attained_values),
        cmocka_unit_test(every_cell_is_exact_to_first_order),
        cmocka_unit_test(one_shared_number),
        cmocka_unit_test(a_shared_number_cancels),
        cmocka_unit_test(silent_frames_change_nothing),
    };
    const int failed = cmocka_run_group_tests_name("lstm/bounds_cells", tests, toy_backend, NULL);
    return getenv("SOUNDPROOF_BACKEND") != NULL
               ? failed
               : failed + cmocka_run_group_tests_name("emulated", emulated, toy_emulator, NULL);
}
