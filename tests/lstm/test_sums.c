/* Planes of the sum of two products in the cell of an LSTM: bounds of random networks contain
 * attained values, boxes are narrower, and cells without such a sum are left alone. */
#include "tests/lstm/attained.h"

enum { NETS = 12 };

static sp_toy_shape shape_of(sp_rng *rng, size_t i) {
    sp_toy_shape shape = toy_shape(rng);
    shape.cells = false;
    shape.joint = i % 3 > 0;
    shape.split = shape.plain = i % 6 == 1;
    shape.lstms = 1 + i % 2;
    shape.frames = 2 + i % 4;
    shape.hidden = i % 5 == 0 ? 17 : 1 + shape.hidden % 6; // more than a block of units, too
    return shape;
}

static sp_backsub_options options_of(size_t i, bool sums) {
    return (sp_backsub_options){.octagons = true,
                                .box_iterations = 1 + i % 3,
                                .row_iterations = i % 4,
                                .energies = i % 2 > 0,
                                .sums = sums};
}

static void bounds_contain_attained_values(void **state) {
    (void)state;
    sp_rng rng;
    sp_rng_init(&rng, sp_test_seed());
    for (size_t i = 0; i < (sp_test_sanitized() ? 6 : sp_test_long() ? 400 : 16); i++) {
        const sp_toy_shape shape = shape_of(&rng, i);
        const sp_method method = method_backsub(options_of(i, true));
        double least;
        bound_toy(sp_test_seed() + i, &shape, &method, &least);
    }
}

/* Of the pre-activations of the last cell at its last step, on average. */
static double last_width(uint64_t seed, const sp_toy_shape *shape, bool sums) {
    const sp_method method =
        method_backsub((sp_backsub_options){.octagons = true, .box_iterations = 3, .sums = sums});
    double width = 0.0;
    sp_toy toy;
    sp_bounds bounds;
    toy_init(&toy, seed, shape);
    assert_int_equal(bounds_of(NULL, &bounds, &toy.net, &toy.front, &method), SP_OK);
    for (size_t i = 0; i < toy.net.nodes; i++) {
        const sp_node *node = &toy.net.node[i];
        const size_t n = 4 * node->width;
        if (node->kind != SP_NODE_CELL) {
            continue;
        }
        const size_t last = sp_boxes_frames(boxes_of(&bounds), 0, i) - 1;
        const sp_boxes_range box = sp_boxes_state_at(boxes_of(&bounds), i, last)->input;
        width = 0.0;
        for (size_t j = 0; j < n; j++) {
            width += (box.hi.on[j] - box.lo.on[j]) / (double)n;
        }
    }
    bounds_destroy(&bounds);
    toy_clear(&toy);
    return width;
}

static void boxes_are_narrower(void **state) {
    (void)state;
    sp_rng rng;
    double ratio = 0.0;
    size_t narrower = 0;
    sp_rng_init(&rng, sp_test_seed() + 1);
    for (size_t i = 0; i < NETS; i++) {
        sp_toy_shape shape = shape_of(&rng, i);
        shape.frames = 4;
        shape.hidden = 6;
        shape.eps = 0.2;
        const double with = last_width(sp_test_seed() + 300 + i, &shape, true);
        const double without = last_width(sp_test_seed() + 300 + i, &shape, false);
        ratio += with / without / NETS;
        narrower += with < without;
    }
    print_message("boxes are %.4f times as wide, narrower of %zu of %d networks\n", ratio, narrower,
                  NETS);
    assert_true(ratio < 1.0);
    assert_true(2 * narrower > NETS);
}

/* Bit by bit. */
static void other_cells_are_left_alone(void **state) {
    (void)state;
    sp_rng rng;
    sp_rng_init(&rng, sp_test_seed() + 2);
    for (size_t i = 0; i < 6; i++) {
        sp_toy_shape shape = shape_of(&rng, i);
        shape.cells = true;
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
        cmocka_unit_test(boxes_are_narrower),
        cmocka_unit_test(other_cells_are_left_alone),
    };
    return cmocka_run_group_tests_name("lstm/sums", tests, NULL, NULL);
}
