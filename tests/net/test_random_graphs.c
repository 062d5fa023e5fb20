/* Random graphs against their definitions: numbers of frames, values, gradients; passes that begin
 * at a node; what sp_net_append refuses. */
#include "tests/net/graphs.h"

enum { ROWS = 3 };

static sequence values[GRAPH_NODES + 1];

/* Fills values[0] with an input and a direction; O x [frames, features]. */
static void random_input(sp_rng *rng, const sp_net *net, double *x, double *direction,
                         size_t frames) {
    for (size_t t = 0; t < frames; t++) {
        for (size_t i = 0; i < net->features; i++) {
            const size_t at = t * net->features + i;
            x[at] = sp_rng_normal(rng);
            direction[at] = sp_rng_normal(rng);
            values[0][t][i] = (dual){x[at], direction[at]};
        }
    }
}

/* Whether every node has frames: then all that speaks of it must agree with the reference. */
static bool all_long_enough(const sp_net *net, size_t frames) {
    for (size_t n = 0; n < net->nodes; n++) {
        if (sp_net_frames(net, 0, n, frames) == 0) {
            return false;
        }
    }
    return true;
}

static void check_gradient(sp_rng *rng, const sp_net *net, const double *x, const double *direction,
                           size_t frames) {
    double weight[ROWS * GRAPH_WIDTH], gradient[ROWS * GRAPH_FRAMES * GRAPH_WIDTH];
    random_numbers(rng, weight, ROWS * net->classes, 1.0);
    assert_int_equal(sp_net_gradient(NULL, net, gradient, x, frames, weight, ROWS), SP_OK);
    for (size_t r = 0; r < ROWS; r++) {
        long double want = 0.0L, got = 0.0L, scale = 1.0L;
        for (size_t c = 0; c < net->classes; c++) {
            want += weight[r * net->classes + c] * values[net->nodes - 1][0][c].d;
        }
        for (size_t i = 0; i < frames * net->features; i++) {
            const long double part =
                (long double)gradient[r * frames * net->features + i] * direction[i];
            got += part;
            scale += fabsl(part);
        }
        if (!(fabsl(got - want) <= 1e-10L * scale)) {
            fail_msg("row %zu: %a along the direction, expected %a", r, (double)got, (double)want);
        }
    }
}

static void test_values_frames_and_gradients(void **state) {
    (void)state;
    sp_rng rng;
    sp_rng_init(&rng, sp_test_seed() + 11);
    double x[GRAPH_FRAMES * GRAPH_WIDTH], direction[GRAPH_FRAMES * GRAPH_WIDTH];
    size_t frames[GRAPH_NODES + 1], checked = 0;
    const size_t count = sp_test_long() ? 20000 : 2000;
    for (size_t n = 0; n < count; n++) {
        sp_net net;
        random_graph(&rng, &net, 2 + sp_rng_below(&rng, GRAPH_NODES - 1), 0);
        frames[0] = 1 + sp_rng_below(&rng, 10);
        random_input(&rng, &net, x, direction, frames[0]);
        double logits[GRAPH_WIDTH];
        if (all_long_enough(&net, frames[0])) {
            checked++;
            reference_run(&net, values, frames);
            for (size_t i = 0; i < net.nodes; i++) {
                assert_int_equal(sp_net_frames(&net, 0, i, frames[0]), frames[i]);
            }
            assert_int_equal(sp_net_run(NULL, &net, logits, x, frames[0]), SP_OK);
            for (size_t c = 0; c < net.classes; c++) {
                const double want = (double)values[net.nodes - 1][0][c].v;
                if (!(fabs(logits[c] - want) <= 1e-11 * fmax(1.0, fabs(want)))) {
                    fail_msg("graph %zu: %a, expected %a", n, logits[c], want);
                }
            }
            check_gradient(&rng, &net, x, direction, frames[0]);
        }
        sp_net_clear(&net);
    }
    assert_true(checked > count / 2);
}

static void test_passes_that_begin_at_a_node(void **state) {
    (void)state;
    sp_rng rng;
    sp_rng_init(&rng, sp_test_seed() + 12);
    double x[GRAPH_FRAMES * GRAPH_WIDTH], direction[GRAPH_FRAMES * GRAPH_WIDTH];
    size_t frames[GRAPH_NODES + 1], checked = 0;
    for (size_t n = 0; n < 500; n++) {
        sp_net net;
        random_graph(&rng, &net, GRAPH_NODES, 3);
        frames[0] = 1 + sp_rng_below(&rng, 10);
        random_input(&rng, &net, x, direction, frames[0]);
        if (all_long_enough(&net, frames[0])) {
            checked++;
            reference_run(&net, values, frames);
            double part[GRAPH_FRAMES * GRAPH_WIDTH], logits[GRAPH_WIDTH], whole[GRAPH_WIDTH];
            const size_t width = net.node[3].width;
            for (size_t i = 0; i < frames[3] * width; i++) {
                part[i] = (double)values[3][i / width][i % width].v;
            }
            assert_int_equal(sp_net_frames(&net, 3, net.nodes - 2, frames[3]),
                             frames[net.nodes - 2]);
            sp_error err = {0};
            const sp_status status = sp_net_run_from(&err, &net, 3, logits, part, frames[3]);
            assert_int_equal(sp_net_run(NULL, &net, whole, x, frames[0]), SP_OK);
            assert_true(status == SP_OK || strstr(err.text, "before the source") != NULL);
            for (size_t c = 0; status == SP_OK && c < net.classes; c++) {
                assert_true(fabs(logits[c] - whole[c]) <= 1e-11 * fmax(1.0, fabs(whole[c])));
            }
        }
        sp_net_clear(&net);
    }
    assert_true(checked > 100);
}

/* y_t = x_{2 t - 1} + 10 x_{2 t + 2}, two taps three apart, every second frame, one zero before. */
static void test_a_convolution_by_hand(void **state) {
    (void)state;
    sp_net net;
    assert_int_equal(sp_net_init(NULL, &net, 1), SP_OK);
    const sp_timing timing = {.taps = 2, .stride = 2, .dilation = 3, .before = 1, .after = 2};
    const double weight[2] = {1.0, 10.0}, bias[1] = {100.0};
    assert_int_equal(sp_net_add_convolution(NULL, &net, 1, timing, weight, bias), SP_OK);
    assert_int_equal(sp_net_frames(&net, 0, 1, 5), 3);
    assert_int_equal(sp_net_frames(&net, 0, 1, 1), 1);
    assert_int_equal(sp_net_frames(&net, 0, 1, 0), 0);
    const double x[5] = {1, 2, 3, 4, 5}, first = 130.0, last = 104.0;
    const sp_pooling pool[2] = {SP_POOLING_FIRST, SP_POOLING_LAST};
    for (size_t i = 0; i < 2; i++) {
        sp_net pooled;
        double y[1];
        assert_int_equal(sp_net_init(NULL, &pooled, 1), SP_OK);
        assert_int_equal(sp_net_append(NULL, &pooled, &net.node[1], NULL), SP_OK);
        assert_int_equal(sp_net_add_pool(NULL, &pooled, pool[i]), SP_OK);
        assert_int_equal(sp_net_run(NULL, &pooled, y, x, 5), SP_OK);
        assert_true(y[0] == (i == 0 ? first : last));
        sp_net_clear(&pooled);
    }
    sp_net_clear(&net);
}

static void expect(sp_status status, sp_status wanted, const sp_error *err, const char *part) {
    if (status != wanted || strstr(err->text, part) == NULL) {
        fail_msg("status %d, '%s': expected %d and '%s'", status, err->text, wanted, part);
    }
}

static void test_what_does_not_fit_is_refused(void **state) {
    (void)state;
    sp_error err = {0};
    sp_net net;
    double weight[8] = {0}, bias[2] = {0};
    assert_int_equal(sp_net_init(NULL, &net, 2), SP_OK);
    sp_term term[2] = {{.input = 0, .in = 2, .weight = weight, .timing = sp_timing_same},
                       {.input = 0, .in = 2, .weight = weight, .timing = sp_timing_same}};
    sp_node node = {.kind = SP_NODE_AFFINE, .width = 2, .terms = 2, .term = term, .bias = bias};
    term[1].input = 1;
    expect(sp_net_append(&err, &net, &node, NULL), SP_E_MISMATCH, &err, "not before it");
    term[1].input = 0;
    term[1].in = 3;
    expect(sp_net_append(&err, &net, &node, NULL), SP_E_MISMATCH, &err, "reads 3 numbers");
    term[1].in = 2;
    term[1].timing.stride = 0;
    expect(sp_net_append(&err, &net, &node, NULL), SP_E_MISMATCH, &err, "one frame for all");
    term[1].timing.before = 1;
    expect(sp_net_append(&err, &net, &node, NULL), SP_E_ARGUMENT, &err, "positive");
    term[1].timing.before = 0;
    term[1].timing.stride = 2;
    expect(sp_net_append(&err, &net, &node, NULL), SP_E_MISMATCH, &err, "different lengths");
    term[1].timing.stride = 1;
    term[1].timing.before = (size_t)1 << 40;
    expect(sp_net_append(&err, &net, &node, NULL), SP_E_UNSUPPORTED, &err, "reaches over");
    term[1].timing.before = 0;
    weight[3] = NAN;
    expect(sp_net_append(&err, &net, &node, NULL), SP_E_NONFINITE, &err, "weight[3]");
    weight[3] = 0.0;
    node.terms = 0;
    expect(sp_net_append(&err, &net, &node, NULL), SP_E_ARGUMENT, &err, "reads no node");
    const sp_node input = {.kind = SP_NODE_INPUT, .width = 2};
    expect(sp_net_append(&err, &net, &input, NULL), SP_E_ARGUMENT, &err, "only the first");
    assert_int_equal(net.nodes, 1);
    sp_net_clear(&net);
}

/* Two ways to halve the frames that round alike may be added, two that do not may not. */
static void test_lengths_are_compared_for_all_inputs(void **state) {
    (void)state;
    sp_error err = {0};
    sp_net net;
    double weight[4] = {1.0, 1.0, 1.0, 1.0}, bias[1] = {0.0};
    assert_int_equal(sp_net_init(NULL, &net, 1), SP_OK);
    const sp_timing three = {.taps = 3, .stride = 2, .dilation = 1, .before = 1, .after = 1};
    const sp_timing one = {.taps = 1, .stride = 2, .dilation = 1};
    sp_term term[2] = {{.in = 1, .weight = weight, .timing = three},
                       {.in = 1, .weight = weight, .timing = one}};
    const sp_node node = {
        .kind = SP_NODE_AFFINE, .width = 1, .terms = 2, .term = term, .bias = bias};
    assert_int_equal(sp_net_append(&err, &net, &node, NULL), SP_OK);
    term[0].timing.after = 0; // one less for every second number of frames
    expect(sp_net_append(&err, &net, &node, NULL), SP_E_MISMATCH, &err, "different lengths");
    sp_net_clear(&net);
}

static void test_a_pool_of_one_frame_is_not_added(void **state) {
    (void)state;
    sp_net net;
    assert_int_equal(sp_net_init(NULL, &net, 1), SP_OK);
    assert_int_equal(sp_net_add_pool(NULL, &net, SP_POOLING_FIRST), SP_OK);
    assert_int_equal(sp_net_add_pool(NULL, &net, SP_POOLING_LAST), SP_OK);
    assert_int_equal(sp_net_add_relu(NULL, &net), SP_OK);
    assert_int_equal(sp_net_add_pool(NULL, &net, SP_POOLING_LAST), SP_OK);
    assert_int_equal(net.nodes, 3);
    sp_net_clear(&net);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values_frames_and_gradients),
        cmocka_unit_test(test_passes_that_begin_at_a_node),
        cmocka_unit_test(test_a_convolution_by_hand),
        cmocka_unit_test(test_what_does_not_fit_is_refused),
        cmocka_unit_test(test_lengths_are_compared_for_all_inputs),
        cmocka_unit_test(test_a_pool_of_one_frame_is_not_added),
    };
    return cmocka_run_group_tests_name("net/random_graphs", tests, NULL, NULL);
}
