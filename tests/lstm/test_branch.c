/* Bounds by branch and bound against attained values of random networks, and the halfspaces that
 * hold the sides of a cut. */
#include "tests/lstm/attained.h"

#include "base/clock.h"

enum { ROWS = 16, SAMPLES = 200 };

static const sp_backsub_options options = {
    .octagons = true, .box_iterations = 1, .row_iterations = 2, .parts = 5};

static void create(sp_bounds *bounds, const sp_toy *toy, const sp_method *method,
                   const double *goal) {
    bounds->front = &toy->front;
    bounds->task =
        (sp_bound_task){.net = &toy->net, .fronts = &bounds->front, .clips = 1, .goal = goal};
    assert_int_equal(bounds_create(NULL, bounds, method), SP_OK);
}

/* A shape that has kinks: hard gates among its cells, or ReLU layers. */
static sp_toy_shape kinked_shape(sp_rng *rng, size_t i) {
    sp_toy_shape shape = toy_shape(rng);
    shape.joint = true;
    shape.split = false;
    shape.lstms = 1 + i % 2;
    shape.frames = 1 + i % 4;
    shape.hidden = 1 + shape.hidden % 6;
    shape.cells = i % 3 > 0;
    shape.dense = i % 3 == 0 ? 4 : shape.dense;
    shape.head = i % 2 == 0 ? 3 : 0;
    shape.scale *= shape.cells ? 0.7 : 1.0;
    return shape;
}

/* The objectives without noise. */
static void run_clean(const sp_toy *toy, const double *rows, double *value) {
    sp_trace trace;
    double *memory =
        calloc(toy_point_size(toy) + toy->front.frames * toy->front.features, sizeof *memory);
    assert_non_null(memory);
    trace_init(&trace, toy);
    toy_features(toy, memory, memory + toy_point_size(toy));
    trace_run(&trace, memory + toy_point_size(toy));
    for (size_t r = 0; r < toy->net.classes; r++) {
        value[r] = objective(rows + r * toy->net.classes, trace_output(&trace), toy->net.classes);
    }
    trace_clear(&trace);
    free(memory);
}

/* Goals between the bound of the whole and what is there without noise: some are reached. Returns
 * how many bounds rose. */
static size_t branch_toy(uint64_t seed, const sp_toy_shape *shape, double share) {
    const sp_method whole = method_backsub(
        (sp_backsub_options){.octagons = true, .box_iterations = 1, .row_iterations = 2});
    const sp_method parts = method_backsub(options);
    sp_toy toy;
    sp_bounds bounds;
    double rows[ROWS * ROWS], lower[ROWS], before[ROWS], goal[ROWS];
    size_t risen = 0;
    toy_init(&toy, seed, shape);
    margin_rows(rows, shape->classes);
    create(&bounds, &toy, &whole, NULL);
    assert_int_equal(bounds_margins(NULL, &bounds, before, NULL, rows, shape->classes), SP_OK);
    bounds_destroy(&bounds);
    run_clean(&toy, rows, goal);
    for (size_t r = 0; r < shape->classes; r++) {
        goal[r] = before[r] + share * (goal[r] - before[r]);
    }
    create(&bounds, &toy, &parts, goal);
    assert_int_equal(bounds_margins(NULL, &bounds, lower, NULL, rows, shape->classes), SP_OK);
    (void)check_toy(&toy, &bounds, rows, shape->classes, lower, toy_samples() / 2, seed);
    for (size_t r = 0; r < shape->classes; r++) {
        assert_true(lower[r] >= before[r] - 1e-9 * (1.0 + fabs(before[r])));
        risen += lower[r] > before[r] + 1e-3 * fabs(before[r]);
    }
    bounds_destroy(&bounds);
    toy_clear(&toy);
    return risen;
}

static void bounds_on_parts_contain_attained_values(void **state) {
    (void)state;
    sp_rng rng;
    size_t risen = 0;
    const size_t count = sp_test_sanitized() ? 8 : sp_test_long() ? 400 : 40;
    const double share[4] = {0.01, 0.05, 0.2, 1.0}; // the last one is out of reach
    sp_rng_init(&rng, sp_test_seed());
    for (size_t i = 0; i < count; i++) {
        const sp_toy_shape shape = kinked_shape(&rng, i);
        risen += branch_toy(sp_test_seed() + i, &shape, share[i % 4]);
    }
    print_message("%zu bounds rose\n", risen);
    assert_true(risen >= count / 20); // a part is less than the whole
}

/* The number that a cut speaks of. */
static double number_at(const sp_bounds *bounds, const sp_trace *trace,
                        const sp_backsub_split *split) {
    const sp_node *node = &trace->net->node[split->node];
    if (node->kind == SP_NODE_CURVE) {
        return value_at(trace, node->input, split->t)[split->column];
    }
    const sp_cell_steps *steps = &boxes_of(bounds)->constants[split->node].cell;
    const size_t frame = sp_boxes_step_frame(node, split->t, trace->frames[split->node]);
    int v = 0;
    while (steps->variable[v].op != SP_CELL_IMAGE ||
           steps->variable[v].place != split->column / node->width) {
        v++;
    }
    return variable_at(trace, split->node, frame, v)[split->column % node->width];
}

/* Every noise at which the number is on one side lies in the halfspace of that side. */
static size_t check_sides(uint64_t seed, const sp_toy_shape *shape) {
    const sp_method method = method_backsub(options);
    sp_toy toy;
    sp_bounds bounds;
    sp_trace trace;
    sp_backsub_split split;
    bool found;
    size_t sides[2] = {0, 0};
    double rows[ROWS * ROWS], goal[ROWS] = {0.0};
    sp_rng rng;
    sp_rng_init(&rng, seed ^ 0xcab);
    toy_init(&toy, seed, shape);
    margin_rows(rows, shape->classes);
    create(&bounds, &toy, &method, goal);
    const size_t n = toy.front.padded;
    double *memory = calloc(3 * n + shape->frames * toy.front.features, sizeof *memory);
    assert_non_null(memory);
    double *d = memory + 2 * n, *features = d + n;
    sp_halfspace half[2] = {{memory, 0.0}, {memory + n, 0.0}};
    assert_int_equal(sp_backsub_choose_split(NULL, bounds.self, rows, &split, &found), SP_OK);
    trace_init(&trace, &toy);
    if (found) {
        sp_backsub_split_halves(bounds.self, &split, half);
    }
    for (size_t s = 0; found && s < SAMPLES; s++) {
        for (size_t i = 0; i < n; i++) {
            const double eps = toy.front.radius[i];
            d[i] = s % 2 == 0              ? sp_rng_uniform(&rng, -eps, eps)
                   : sp_rng_below(&rng, 2) ? eps
                                           : -eps;
        }
        toy_features(&toy, d, features);
        trace_run(&trace, features);
        const double x = number_at(&bounds, &trace, &split);
        const size_t side = x > split.at;
        double sum = half[side].offset, size = fabs(half[side].offset);
        for (size_t i = 0; i < n; i++) {
            sum += half[side].slope[i] * d[i];
            size += fabs(half[side].slope[i] * d[i]);
        }
        if (!(sum <= 1e-11 * (1.0 + size))) {
            fail_msg("seed %llu: %a is cut off at %a, side %zu", (unsigned long long)seed, x,
                     split.at, side);
        }
        sides[side]++;
    }
    trace_clear(&trace);
    free(memory);
    bounds_destroy(&bounds);
    toy_clear(&toy);
    return sides[0] > 0 && sides[1] > 0;
}

static void halfspaces_hold_the_sides_of_a_cut(void **state) {
    (void)state;
    sp_rng rng;
    size_t both = 0;
    const size_t count = sp_test_sanitized() ? 8 : sp_test_long() ? 400 : 40;
    sp_rng_init(&rng, sp_test_seed() + 7);
    for (size_t i = 0; i < count; i++) {
        const sp_toy_shape shape = kinked_shape(&rng, i);
        both += check_sides(sp_test_seed() + 50 + i, &shape);
    }
    assert_true(both >= count / 6);
}

/* Small networks, whose least values flips find: a goal that two parts can reach is reached, and
 * the bound is that of the worse part. */
static void kinks_are_proved_away(void **state) {
    (void)state;
    const sp_method parts = method_backsub((sp_backsub_options){
        .octagons = true, .box_iterations = 1, .row_iterations = 2, .parts = 40});
    const size_t count = sp_test_sanitized() ? 8 : 40;
    size_t reached = 0;
    for (size_t i = 0; i < count; i++) {
        const sp_toy_shape shape = {.frames = 1 + i % 2,
                                    .bands = 1,
                                    .frame = 3,
                                    .step = 3,
                                    .dense = 3,
                                    .lstms = 1,
                                    .hidden = 2,
                                    .cells = i % 4 > 1,
                                    .classes = 2,
                                    .joint = true,
                                    .plain = true,
                                    .eps = 0.3,
                                    .scale = 1.0};
        sp_toy toy;
        sp_bounds bounds;
        const double row[2] = {1.0, -1.0};
        double lower[2], least = 0.0, goal = 0.0;
        toy_init(&toy, sp_test_seed() + 900 + i, &shape);
        for (int k = 0; k < 2; k++) {
            create(&bounds, &toy, &parts, k == 0 ? NULL : &goal);
            assert_int_equal(bounds_margins(NULL, &bounds, &lower[k], NULL, row, 1), SP_OK);
            least = check_toy(&toy, &bounds, row, 1, &lower[k], 200, i);
            bounds_destroy(&bounds);
            goal = lower[0] + (i % 3 == 0 ? 0.7 : 0.1) * (least - lower[0]);
        }
        reached += lower[1] > goal || least - lower[0] < 1e-9 * (1.0 + fabs(least));
        toy_clear(&toy);
    }
    print_message("%zu of %zu goals reached\n", reached, count);
    assert_true(reached >= count / 2);
}

/* Rows that stop once they are good enough go on until they reach their goal. */
static void rows_stop_at_their_goal(void **state) {
    (void)state;
    sp_rng rng;
    size_t better = 0;
    sp_rng_init(&rng, sp_test_seed() + 9);
    for (size_t i = 0; i < 20; i++) {
        sp_toy_shape shape = kinked_shape(&rng, i);
        sp_method method = method_backsub((sp_backsub_options){.row_iterations = 4});
        double row[ROWS] = {1.0, -1.0}, lower[3], goal = INFINITY;
        sp_toy toy;
        sp_bounds bounds;
        toy_init(&toy, sp_test_seed() + 700 + i, &shape);
        toy.net.node[toy.net.nodes - 1].bias[0] += 100.0; // positive from the first walk on
        for (int k = 0; k < 3; k++) {
            method.backsub.stop_positive = k > 0;
            create(&bounds, &toy, &method, k == 2 ? &goal : NULL);
            assert_int_equal(bounds_margins(NULL, &bounds, &lower[k], NULL, row, 1), SP_OK);
            bounds_destroy(&bounds);
        }
        assert_true(lower[2] == lower[0] && lower[1] > 0.0 && lower[1] <= lower[0]);
        better += lower[2] > lower[1];
        toy_clear(&toy);
    }
    assert_true(better > 0);
}

static void the_deadline_ends_it(void **state) {
    (void)state;
    sp_rng rng;
    sp_rng_init(&rng, 5);
    sp_toy_shape shape = kinked_shape(&rng, 1);
    shape.frames = 8;
    shape.eps = 0.5;
    sp_toy toy;
    sp_bounds bounds;
    double row[ROWS] = {1.0, -1.0}, lower = 0.0, goal = INFINITY;
    toy_init(&toy, 3, &shape);
    const sp_method parts = method_backsub(
        (sp_backsub_options){.box_iterations = 1, .row_iterations = 2, .parts = 100000});
    create(&bounds, &toy, &parts, &goal);
    boxes_of(&bounds)->deadline = sp_clock_wall() + 0.002;
    assert_int_equal(bounds_margins(NULL, &bounds, &lower, NULL, row, 1), SP_E_TIMEOUT);
    assert_true(lower == -INFINITY);
    bounds_destroy(&bounds);
    toy_clear(&toy);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bounds_on_parts_contain_attained_values),
        cmocka_unit_test(halfspaces_hold_the_sides_of_a_cut),
        cmocka_unit_test(kinks_are_proved_away),
        cmocka_unit_test(rows_stop_at_their_goal),
        cmocka_unit_test(the_deadline_ends_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
