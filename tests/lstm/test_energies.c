/* Rows with the energies of their own worst noise: bounds of random networks contain attained
 * values, are not below those without, and come near the least value where nothing else is lost. */
#include "tests/lstm/attained.h"

enum { ROWS = 16 };

/* Squares matter: large noise for weights that are small. */
static sp_toy_shape loud_shape(sp_rng *rng, size_t i) {
    sp_toy_shape shape = toy_shape(rng);
    shape.joint = true;
    shape.split = shape.plain = false;
    shape.cells = i % 3 == 1;
    shape.frames = 1 + i % 5;
    shape.hidden = 1 + shape.hidden % 8;
    shape.eps = pow(10.0, sp_rng_uniform(rng, -2.0, 0.3));
    shape.scale *= 0.5;
    return shape;
}

static sp_backsub_options options_of(size_t i, bool energies) {
    return (sp_backsub_options){.octagons = i % 2 > 0,
                                .box_iterations = i % 4 / 2,
                                .row_iterations = i % 3,
                                .energies = energies};
}

static void bounds_contain_attained_values(void **state) {
    (void)state;
    sp_rng rng;
    sp_rng_init(&rng, sp_test_seed());
    for (size_t i = 0; i < (sp_test_sanitized() ? 12 : sp_test_long() ? 600 : 60); i++) {
        const sp_toy_shape shape = loud_shape(&rng, i);
        const sp_method method = method_backsub(options_of(i, true));
        double least;
        bound_toy(sp_test_seed() + i, &shape, &method, &least);
    }
}

/* One frame and a linear map behind its features: the least value of a row is among the corners,
 * where the row is concave. Returns its lower bound, with the least value and the clean one. */
static double bound_frame(uint64_t seed, const sp_toy_shape *shape, bool energies, double *least,
                          double *clean) {
    const sp_method method = method_backsub((sp_backsub_options){.energies = energies});
    double row[ROWS] = {1.0, -1.0}, lower, d[ROWS], features[ROWS];
    const size_t n = shape->frame;
    sp_toy toy;
    sp_bounds bounds;
    sp_trace trace;
    toy_init(&toy, seed, shape);
    assert_int_equal(bounds_of(NULL, &bounds, &toy.net, &toy.front, &method), SP_OK);
    assert_int_equal(bounds_margins(NULL, &bounds, &lower, NULL, row, 1), SP_OK);
    trace_init(&trace, &toy);
    *least = INFINITY;
    for (size_t corner = 0; corner <= (size_t)1 << n; corner++) {
        for (size_t i = 0; i < n; i++) { // the last one is no noise
            d[i] = corner >> n ? 0.0 : corner >> i & 1 ? shape->eps : -shape->eps;
        }
        toy_features(&toy, d, features);
        trace_run(&trace, features);
        const double value = objective(row, trace_output(&trace), shape->classes);
        *least = fmin(*least, value);
        *clean = value;
    }
    if (!(lower <= *least + 1e-12 * (1.0 + fabs(*least)))) {
        fail_msg("seed %llu: %a is above %a", (unsigned long long)seed, lower, *least);
    }
    trace_clear(&trace);
    bounds_destroy(&bounds);
    toy_clear(&toy);
    return lower;
}

static void rows_of_one_frame_are_below_all_corners_and_near_them(void **state) {
    (void)state;
    sp_rng rng;
    double before = 0.0, after = 0.0;
    sp_rng_init(&rng, sp_test_seed() + 1);
    for (size_t i = 0; i < 200; i++) {
        const sp_toy_shape shape = {.frames = 1,
                                    .bands = 1 + sp_rng_below(&rng, 4),
                                    .frame = 4 + sp_rng_below(&rng, 5),
                                    .step = 4,
                                    .classes = 2,
                                    .joint = true,
                                    .eps = pow(10.0, sp_rng_uniform(&rng, -2.0, 0.5)),
                                    .scale = 1.0};
        double least, clean;
        const double held = bound_frame(sp_test_seed() + 300 + i, &shape, false, &least, &clean);
        const double met = bound_frame(sp_test_seed() + 300 + i, &shape, true, &least, &clean);
        assert_true(met >= held - 1e-12 * (1.0 + fabs(held)));
        before += (least - held) / (clean - held);
        after += (least - met) / (clean - met);
    }
    print_message("of a row's reach %.3f is lost, %.3f with energies at their most\n",
                  after / 200.0, before / 200.0);
    assert_true(after < 0.7 * before);
}

/* Where they are not known, the bounds are those without: bit by bit. */
static void other_front_ends_are_left_alone(void **state) {
    (void)state;
    sp_rng rng;
    sp_rng_init(&rng, sp_test_seed() + 2);
    for (size_t i = 0; i < 12; i++) {
        sp_toy_shape shape = loud_shape(&rng, i);
        shape.joint = i % 3 > 0;
        shape.plain = i % 3 == 1;
        shape.set = i % 3 == 2 ? &sp_noise_set_l2 : NULL;
        double least;
        const sp_method with = method_backsub(options_of(i, true));
        const sp_method without = method_backsub(options_of(i, false));
        const double a = bound_toy(sp_test_seed() + 600 + i, &shape, &with, &least);
        const double b = bound_toy(sp_test_seed() + 600 + i, &shape, &without, &least);
        assert_true(a == b);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bounds_contain_attained_values),
        cmocka_unit_test(rows_of_one_frame_are_below_all_corners_and_near_them),
        cmocka_unit_test(other_front_ends_are_left_alone),
    };
    return cmocka_run_group_tests_name("lstm/energies", tests, NULL, NULL);
}
