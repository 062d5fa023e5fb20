/* The running error term: the same back-substitution with the same planes in Arb at 256 bits must
 * give a bound that is not below the double one, and that differs by no more than the error term
 * printed. */
#include "tests/lstm/exact_rows.h"
#include "tests/lstm/toy_graph.h"

/** outcome - of many random nets. */
typedef struct outcome {
    size_t known;            /* with a bound */
    size_t single, forms;    /* with products in single precision; with those of forms too */
    double worst, worst_gap; /* error term and true error, relative to the bound */
} outcome;

/* The bound of one row, times `size`, against the exact one. */
static void check_row(const sp_bounds *bounds, size_t seed, double size, outcome *all) {
    sp_backsub *self = bounds->self;
    const sp_net *net = self->boxes.net;
    double row[8] = {size, -size, 0.3 * size}, lower, error;
    const sp_backsub_start start = {.node = net->nodes - 1, .output = {{row}, net->classes}};
    arb_t exact, low;
    sp_backsub_lower_rows(self, (sp_boxes_array){&lower}, (sp_boxes_array){&error}, &start, 1, 0,
                          false);
    if (lower == -INFINITY) { // unbounded gates may overflow: no information
        return;
    }
    arb_init(exact);
    arb_init(low);
    bound_in_arb(exact, self, row);
    arb_set_d(low, lower);
    if (!arb_le(low, exact)) {
        fail_msg("seed %zu: the double bound %a lies above the exact one", seed, lower);
    }
    arb_sub(exact, exact, low, PRECISION);
    const double gap = arf_get_d(arb_midref(exact), ARF_RND_UP);
    if (size == 1.0 && !(gap <= 2.5 * error)) {
        fail_msg("seed %zu: gap %g, error term %g", seed, gap, error);
    }
    all->known++;
    all->single += self->boxes.single;
    all->forms += self->source.narrow;
    all->worst = fmax(all->worst, error / (1.0 + fabs(lower)));
    all->worst_gap = fmax(all->worst_gap, fabs(gap - error) / (1.0 + fabs(lower)));
    arb_clear(exact);
    arb_clear(low);
}

/* A net of layers, or with `graph` any. */
static sp_toy_shape rounding_toy(sp_rng *rng, sp_toy *toy, size_t i, bool joint, bool graph) {
    sp_toy_shape shape = toy_shape(rng);
    shape.cells = i % 3 > 0;
    shape.scale *= shape.cells ? 0.6 : 1.0;
    shape.hidden = 1 + shape.hidden % 8;
    if (joint) {
        shape.joint = true;
        shape.split = shape.plain = false;
    }
    if (graph) {
        shape.lstms = shape.dense = shape.head = 0;
        shape.eps = fmin(shape.eps, 0.1);
    }
    toy_init(toy, sp_test_seed() + i, &shape);
    if (graph) {
        toy_plain_graph(rng, toy, shape.classes, i % 2 > 0);
    }
    return shape;
}

static outcome check_nets(const sp_method *method, bool joint, bool graph, double size) {
    const size_t count = sp_test_long() ? 400 : 60;
    outcome all = {0};
    sp_rng rng;
    sp_rng_init(&rng, sp_test_seed());
    for (size_t i = 0; i < count; i++) {
        sp_toy toy;
        sp_bounds bounds;
        rounding_toy(&rng, &toy, i, joint, graph);
        assert_int_equal(bounds_of(NULL, &bounds, &toy.net, &toy.front, method), SP_OK);
        check_row(&bounds, i, size, &all);
        bounds_destroy(&bounds);
        toy_clear(&toy);
    }
    assert_true(all.known > count - count / 10);
    print_message("largest error term and error relative to the bound: %.2g, %.2g\n", all.worst,
                  all.worst_gap);
    return all;
}

static const sp_method exact_planes = {.domain = &sp_domain_backsub};
static const sp_method single_precision = {.domain = &sp_domain_backsub,
                                           .backsub = {.single = true}};

static void error_term_covers_rounding(void **state) {
    (void)state;
    const outcome all = check_nets(&exact_planes, false, false, 1.0);
    assert_int_equal(all.single, 0);
    assert_true(all.worst < 1e-6);
}

static void error_term_covers_rounding_in_graphs(void **state) {
    (void)state;
    const outcome all = check_nets(&exact_planes, false, true, 1.0);
    assert_true(all.worst < 1e-6);
}

/* Of products in single precision the error is that of floats, and so is the term. */
static void error_term_covers_single_precision(void **state) {
    (void)state;
    const outcome all = check_nets(&single_precision, true, false, 1.0);
    assert_true(all.single == all.known && all.forms == all.known);
    assert_true(all.worst_gap > 1e-8 && all.worst < 0.1);
    const outcome graphs = check_nets(&single_precision, true, true, 1.0);
    assert_true(graphs.single == graphs.known && graphs.forms == graphs.known);
}

/* Front ends without tangents, sequences among them: the weights alone are floats. */
static void error_term_covers_single_precision_of_weights(void **state) {
    (void)state;
    const outcome all = check_nets(&single_precision, false, false, 1.0);
    assert_true(all.single == all.known && all.forms < all.known / 2);
    const outcome graphs = check_nets(&single_precision, false, true, 1.0);
    assert_true(graphs.single == graphs.known && graphs.forms < graphs.known / 2);
}

/* The width that rows +-e_0 of the output leave. */
static double width_of(sp_toy *toy, const sp_method *method) {
    sp_bounds bounds;
    double row[16] = {1.0}, lower[2];
    row[toy->net.classes] = -1.0;
    assert_int_equal(bounds_of(NULL, &bounds, &toy->net, &toy->front, method), SP_OK);
    assert_int_equal(sp_backsub_margins(NULL, bounds.self, lower, NULL, row, 2), SP_OK);
    bounds_destroy(&bounds);
    return -(lower[0] + lower[1]);
}

/* Products are rounded around the middles of boxes: where little moves, little is lost. */
static void single_precision_loses_a_share_of_what_moves(void **state) {
    sp_rng rng;
    (void)state;
    sp_rng_init(&rng, sp_test_seed());
    for (size_t i = 0; i < 40; i++) {
        sp_toy toy;
        sp_toy_shape shape = toy_shape(&rng);
        shape.joint = true;
        shape.split = shape.plain = false;
        shape.eps = 1e-4;
        shape.hidden = 4 + shape.hidden % 5;
        shape.classes = 2 + shape.classes % 4;
        toy_init(&toy, sp_test_seed() + i, &shape);
        const double exact = width_of(&toy, &exact_planes);
        const double single = width_of(&toy, &single_precision);
        if (!(single <= 1.02 * exact + 1e-9)) {
            fail_msg("seed %zu: a width of %g becomes %g", i, exact, single);
        }
        toy_clear(&toy);
    }
}

/* Coefficients of which some, or all, are too small for products of floats. */
static void coefficients_below_floats_are_covered(void **state) {
    const double sizes[] = {0x1p-48, 0x1p-52, 0x1p-160, 0x1p-1040};
    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        const outcome all = check_nets(&single_precision, true, false, sizes[i]);
        assert_true(all.single == all.known && all.forms == all.known);
    }
}

/* Weights and forms that floats do not hold. */
static void what_does_not_fit_is_read_in_double(void **state) {
    const double misfits[] = {1e-20, -1e25};
    sp_rng rng;
    (void)state;
    sp_rng_init(&rng, sp_test_seed());
    for (size_t i = 0; i < 6; i++) {
        sp_toy toy;
        sp_bounds bounds;
        outcome all = {0};
        const sp_toy_shape shape = rounding_toy(&rng, &toy, 3 * i, true, false);
        const size_t last = toy.net.nodes - 1; // dense, behind a pool and a head
        const size_t cell = last - 2 - (shape.head > 0 ? 2 : 0);
        toy.net.node[last].term[0].weight[0] = misfits[0];
        if (i % 2 > 0) {
            ((double *)toy.front.form)[0] = misfits[1]; // its error is large: no bound is checked
        }
        assert_int_equal(bounds_of(NULL, &bounds, &toy.net, &toy.front, &single_precision), SP_OK);
        const sp_backsub *self = bounds.self;
        assert_true(self->boxes.single);
        assert_null(self->boxes.constants[last].weight.narrow);
        assert_int_equal(toy.net.node[cell].kind, SP_NODE_CELL);
        assert_non_null(self->boxes.constants[cell].weight.narrow);
        assert_non_null(self->boxes.constants[cell].recurrent.narrow);
        assert_int_equal(self->source.narrow, i % 2 == 0);
        if (i % 2 == 0) {
            check_row(&bounds, i, 1.0, &all);
            assert_int_equal(all.known, 1);
        }
        bounds_destroy(&bounds);
        toy_clear(&toy);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(error_term_covers_rounding),
        cmocka_unit_test(error_term_covers_rounding_in_graphs),
        cmocka_unit_test(error_term_covers_single_precision),
        cmocka_unit_test(error_term_covers_single_precision_of_weights),
        cmocka_unit_test(single_precision_loses_a_share_of_what_moves),
        cmocka_unit_test(coefficients_below_floats_are_covered),
        cmocka_unit_test(what_does_not_fit_is_read_in_double),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
