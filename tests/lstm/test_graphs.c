/* Bounds of random graphs, beyond chains of layers, against attained values: every box and final
 * rows, by every domain. */
#include "tests/lstm/attained.h"
#include "tests/lstm/toy_graph.h"

static sp_toy_shape graph_shape(sp_rng *rng) {
    sp_toy_shape shape = toy_shape(rng);
    shape.lstms = 0;
    shape.hidden = 1;
    shape.dense = shape.head = 0;
    shape.eps = pow(10.0, sp_rng_uniform(rng, -4.0, -0.5));
    return shape;
}

static void random_graphs(const sp_method *method, size_t count, uint64_t salt) {
    sp_rng rng;
    sp_rng_init(&rng, sp_test_seed() + salt);
    for (size_t i = 0; i < count; i++) {
        const sp_toy_shape shape = graph_shape(&rng);
        const uint64_t seed = sp_test_seed() + salt + i;
        double rows[16 * 16], lower[16];
        sp_toy toy;
        sp_bounds bounds;
        toy_init(&toy, seed, &shape);
        toy_graph(&rng, &toy, shape.classes, true, i % 3 == 2);
        assert_int_equal(bounds_of(NULL, &bounds, &toy.net, &toy.front, method), SP_OK);
        margin_rows(rows, shape.classes);
        assert_int_equal(bounds_margins(NULL, &bounds, lower, NULL, rows, shape.classes), SP_OK);
        check_toy(&toy, &bounds, rows, shape.classes, lower, sp_test_sanitized() ? 40 : 150, seed);
        bounds_destroy(&bounds);
        toy_clear(&toy);
    }
}

static size_t share(size_t all) {
    return sp_test_long() ? 10 * all : sp_test_sanitized() ? (all + 4) / 5 : all;
}

static void intervals_contain_attained_values(void **state) {
    const sp_method method = method_intervals();
    (void)state;
    random_graphs(&method, share(30), 1000);
}

static void exact_planes_contain_attained_values(void **state) {
    const sp_method method = method_backsub((sp_backsub_options){0});
    (void)state;
    random_graphs(&method, share(80), 2000);
}

static void octagons_contain_attained_values(void **state) {
    const sp_method method = method_backsub((sp_backsub_options){.octagons = true});
    (void)state;
    random_graphs(&method, share(25), 3000);
}

static void chosen_planes_contain_attained_values(void **state) {
    sp_method method =
        method_backsub((sp_backsub_options){.box_iterations = 1, .row_iterations = 3});
    (void)state;
    random_graphs(&method, share(25), 4000);
    method.backsub.octagons = true;
    method.backsub.stop_positive = true;
    random_graphs(&method, share(10), 4500);
}

static void single_precision_contains_attained_values(void **state) {
    const sp_method method = method_backsub((sp_backsub_options){.single = true});
    (void)state;
    random_graphs(&method, share(20), 5000);
}

static void sampled_planes_contain_attained_values(void **state) {
    sp_method method = method_backsub((sp_backsub_options){.planes = SP_BACKSUB_R2_LP});
    (void)state;
    random_graphs(&method, share(10), 6000);
    method = method_r2opt(4);
    random_graphs(&method, share(20), 7000);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(intervals_contain_attained_values),
        cmocka_unit_test(exact_planes_contain_attained_values),
        cmocka_unit_test(octagons_contain_attained_values),
        cmocka_unit_test(chosen_planes_contain_attained_values),
        cmocka_unit_test(single_precision_contains_attained_values),
        cmocka_unit_test(sampled_planes_contain_attained_values),
    };
    return cmocka_run_group_tests_name("lstm/graphs", tests, toy_backend, NULL);
}
