/* Weights spread over six hundred orders of magnitude: coefficients of rows underflow while the
 * variables behind them are huge, so that no relative error term sees what is lost. Bounds and
 * boxes stay on their side of the exact values, which Arb gives. */
#include "tests/lstm/exact.h"
#include "tests/lstm/toy_graph.h"

enum { MOST_CLASSES = 4 };

/** sp_spread - a graph being made whose node i has numbers of about 2^size[i]. */
typedef struct sp_spread {
    sp_rng *rng;
    sp_net *net;
    int size[16];
} sp_spread;

/* A size that a weight can reach from that of node `from`. */
static int next_size(sp_spread *s, size_t from) {
    const int ends[] = {-1000, -600, 0, 600, 980};
    const int size = ends[sp_rng_below(s->rng, 5)] + (int)sp_rng_below(s->rng, 40) - 20;
    const int step = size - s->size[from];
    return s->size[from] + (step > 1000 ? 1000 : step < -1000 ? -1000 : step);
}

static double *spread_numbers(sp_spread *s, size_t count, int exponent) {
    double *a = toy_random(s->rng, count, 1.0);
    for (size_t i = 0; i < count; i++) {
        a[i] = ldexp(a[i], exponent);
    }
    return a;
}

static void spread_affine(sp_spread *s, size_t width, int size) {
    const size_t last = s->net->nodes - 1;
    const bool timed = sp_net_frames(s->net, 0, last, 2) > 1 && sp_rng_below(s->rng, 3) == 0;
    sp_term term = {.input = last,
                    .in = s->net->node[last].width,
                    .timing = timed ? toy_timing(s->rng) : sp_timing_same};
    const sp_node node = {.kind = SP_NODE_AFFINE,
                          .width = width,
                          .terms = 1,
                          .term = &term,
                          .bias = spread_numbers(s, width, size - 3)};
    term.weight = spread_numbers(s, width * term.timing.taps * term.in, size - s->size[last]);
    s->size[last + 1] = size;
    assert_int_equal(sp_net_append(NULL, s->net, &node, NULL), SP_OK);
    free(term.weight);
    free(node.bias);
}

/* Its input is brought to the size of one. */
static void spread_cell(sp_spread *s) {
    const size_t last = s->net->nodes - 1, in = s->net->node[last].width;
    const size_t H = 1 + sp_rng_below(s->rng, 4);
    sp_cell cell = {.kind = (sp_cell_kind)sp_rng_below(s->rng, 3),
                    .in = in,
                    .out = H,
                    .weight = spread_numbers(s, 4 * H * in, -s->size[last]),
                    .recurrent = spread_numbers(s, 4 * H * H, 0),
                    .bias = spread_numbers(s, 4 * H, 0),
                    .gate = {.kind = SP_ACTIVATION_SIGMOID},
                    .candidate = {.kind = SP_ACTIVATION_TANH}};
    double *own = spread_numbers(s, H, 0);
    if (cell.kind == SP_CELL_GRU && sp_rng_below(s->rng, 2) > 0) {
        cell.reset_after = true;
        cell.recurrent_bias = own;
    }
    const sp_node node = {.kind = SP_NODE_CELL, .width = H, .input = last, .cell = cell};
    s->size[last + 1] = 0;
    assert_int_equal(sp_net_append(NULL, s->net, &node, NULL), SP_OK);
    free(cell.weight);
    free(cell.recurrent);
    free(cell.bias);
    free(own);
}

static void spread_net(sp_rng *rng, sp_toy *toy, size_t classes, bool cells) {
    sp_spread s = {.rng = rng, .net = &toy->net};
    const size_t depth = 2 + sp_rng_below(rng, 4);
    sp_net_clear(s.net);
    assert_int_equal(sp_net_init(NULL, s.net, toy->front.features), SP_OK);
    for (size_t k = 0; k < depth; k++) {
        spread_affine(&s, 1 + sp_rng_below(rng, 4), next_size(&s, s.net->nodes - 1));
        if (sp_rng_below(rng, 2) > 0) {
            s.size[s.net->nodes] = s.size[s.net->nodes - 1];
            assert_int_equal(sp_net_add_relu(NULL, s.net), SP_OK);
        } else if (cells && abs(s.size[s.net->nodes - 1]) < 1010 && sp_rng_below(rng, 2) > 0) {
            spread_cell(&s);
        }
    }
    s.size[s.net->nodes] = s.size[s.net->nodes - 1];
    assert_int_equal(sp_net_add_pool(NULL, s.net, SP_POOLING_LAST), SP_OK);
    const int from = s.size[s.net->nodes - 1];
    const int size = -(int)sp_rng_below(rng, 400);
    spread_affine(&s, classes, from - size > 1000 ? from - 1000 : size);
}

/* A front end without nonlinearity, whose features at no noise are its base. */
static sp_toy_shape spread_shape(sp_rng *rng) {
    sp_toy_shape shape = toy_shape(rng);
    shape.lstms = shape.dense = shape.head = shape.mapped = 0;
    shape.wiggle = 0.0;
    shape.eps = pow(10.0, sp_rng_uniform(rng, -15.0, -8.0));
    shape.joint = true;
    shape.split = false;
    return shape;
}

/* lower <= row . logits; *without: whether that were so, too, without what underflow is paid. */
static void check_row(const sp_values_at *v, const double *row, double lower, double lost,
                      size_t seed, bool *without) {
    arb_t value, bound;
    arb_init(value);
    arb_init(bound);
    for (size_t k = 0; k < v->net->classes; k++) {
        add_scaled(value, exact_at(v, v->net->nodes - 1, 0) + k, row[k]);
    }
    arb_set_d(bound, lower);
    if (arb_gt(bound, value)) {
        fail_msg("seed %zu: bound %a lies above the attained value %a", seed, lower,
                 arf_get_d(arb_midref(value), ARF_RND_DOWN));
    }
    arb_set_d(bound, lower + lost);
    *without = !arb_gt(bound, value);
    arb_clear(value);
    arb_clear(bound);
}

static void check_boxes(const sp_bounds *bounds, const sp_values_at *v, size_t seed) {
    arb_t end;
    arb_init(end);
    for (size_t i = 0; i < v->net->nodes; i++) {
        for (size_t t = 0; t < v->frames[i]; t++) {
            const double *lo, *hi;
            bounds->domain->box(bounds->self, i, t, SP_NO_VARIABLE, &lo, &hi);
            for (size_t j = 0; j < v->net->node[i].width; j++) {
                arb_set_d(end, lo[j]);
                const bool below = arb_gt(end, exact_at(v, i, t) + j);
                arb_set_d(end, hi[j]);
                if (below || arb_lt(end, exact_at(v, i, t) + j)) {
                    fail_msg("seed %zu: number %zu of node %zu, frame %zu outside [%a, %a]", seed,
                             j, i, t, lo[j], hi[j]);
                }
            }
        }
    }
    arb_clear(end);
}

static double lost_of(const sp_bounds *bounds) {
    return bounds->domain == &sp_domain_interval
               ? 0.0
               : *sp_boxes_host(boxes_of(bounds), boxes_of(bounds)->lost);
}

/* Returns how many bounds would be false without what underflow is paid. */
static size_t check_nets(const sp_method *method, bool cells, size_t count) {
    size_t paid = 0, known = 0;
    sp_rng rng;
    sp_rng_init(&rng, sp_test_seed() + 21);
    for (size_t i = 0; i < count; i++) {
        const sp_toy_shape shape = spread_shape(&rng);
        const size_t rows = 2 * shape.classes;
        double weight[2 * MOST_CLASSES * MOST_CLASSES] = {0}, lower[2 * MOST_CLASSES];
        sp_toy toy;
        sp_bounds bounds;
        sp_values_at v;
        toy_init(&toy, sp_test_seed() + i, &shape);
        spread_net(&rng, &toy, shape.classes, cells);
        for (size_t r = 0; r < rows; r++) {
            weight[r * shape.classes + r / 2] = r % 2 > 0 ? -1.0 : 1.0;
        }
        assert_int_equal(bounds_of(NULL, &bounds, &toy.net, &toy.front, method), SP_OK);
        assert_int_equal(bounds_margins(NULL, &bounds, lower, NULL, weight, rows), SP_OK);
        exact_values(&v, &toy.net, 0, toy.base, shape.frames);
        check_boxes(&bounds, &v, i);
        for (size_t r = 0; r < rows; r++) {
            bool without;
            check_row(&v, weight + r * shape.classes, lower[r], lost_of(&bounds), i, &without);
            paid += !without;
            known += lower[r] > -INFINITY;
        }
        exact_clear(&v);
        bounds_destroy(&bounds);
        toy_clear(&toy);
    }
    assert_true(known > count);
    return paid;
}

static size_t share(size_t all) {
    const size_t some = strcmp(sp_gpu_id(), "emulator") == 0 ? (all + 5) / 6 : all;
    return sp_test_long() ? 10 * some : sp_test_sanitized() ? (some + 3) / 4 : some;
}

static void rows_pay_for_what_underflows(void **state) {
    const sp_method method = method_backsub((sp_backsub_options){0});
    (void)state;
    assert_true(check_nets(&method, false, share(300)) > 0);
    (void)check_nets(&method, true, share(200));
}

static void rows_that_choose_pay(void **state) {
    const sp_method method = method_backsub(
        (sp_backsub_options){.octagons = true, .box_iterations = 1, .row_iterations = 2});
    (void)state;
    (void)check_nets(&method, true, share(40));
}

static void single_precision_pays(void **state) {
    const sp_method method = method_backsub((sp_backsub_options){.single = true});
    (void)state;
    (void)check_nets(&method, true, share(100));
}

static void mixtures_pay(void **state) {
    const sp_method method = method_r2opt(3);
    (void)state;
    (void)check_nets(&method, true, share(10));
}

static void intervals_hold(void **state) {
    const sp_method method = method_intervals();
    (void)state;
    (void)check_nets(&method, true, share(200));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_pay_for_what_underflows),
        cmocka_unit_test(rows_that_choose_pay),
        cmocka_unit_test(single_precision_pays),
        cmocka_unit_test(mixtures_pay),
        cmocka_unit_test(intervals_hold),
    };
    const struct CMUnitTest emulated[] = {
        cmocka_unit_test(rows_pay_for_what_underflows),
        cmocka_unit_test(rows_that_choose_pay),
        cmocka_unit_test(single_precision_pays),
    };
    const int failed = cmocka_run_group_tests_name("lstm/underflow", tests, toy_backend, NULL);
    return getenv("SOUNDPROOF_BACKEND") != NULL
               ? failed
               : failed + cmocka_run_group_tests_name("emulated", emulated, toy_emulator, NULL);
}
