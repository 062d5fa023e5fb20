/* Networks that go on from the states behind a frame answer as the whole network does. */
#include "tests/net/graphs.h"

enum { FRAMES = 7, WIDTH = 3 };

static void add_affine(sp_rng *rng, sp_net *net, size_t out) {
    double weight[WIDTH * 4 * WIDTH], bias[WIDTH * 4];
    random_numbers(rng, weight, out * net->classes, 1.0);
    random_numbers(rng, bias, out, 0.5);
    assert_int_equal(sp_net_add_affine(NULL, net, out, weight, bias), SP_OK);
}

static void add_cell(sp_rng *rng, sp_net *net, size_t kind) {
    double weight[4 * WIDTH * 4 * WIDTH], recurrent[4 * WIDTH * WIDTH], bias[4 * WIDTH];
    double own[WIDTH];
    const sp_activation gate = {.kind = SP_ACTIVATION_SIGMOID}, f = {.kind = SP_ACTIVATION_TANH};
    random_numbers(rng, weight, 4 * WIDTH * net->classes, 0.7);
    random_numbers(rng, recurrent, 4 * WIDTH * WIDTH, 0.7);
    random_numbers(rng, bias, 4 * WIDTH, 0.5);
    random_numbers(rng, own, WIDTH, 0.5);
    if (kind == 4) { // a product, which has no states
        double product[2 * WIDTH * 4 * WIDTH];
        random_numbers(rng, product, 2 * WIDTH * net->classes, 0.7);
        const sp_node node = {.kind = SP_NODE_CELL,
                              .width = WIDTH,
                              .input = net->nodes - 1,
                              .cell = {.kind = SP_CELL_TIMES,
                                       .in = net->classes,
                                       .out = WIDTH,
                                       .weight = product,
                                       .bias = bias}};
        assert_int_equal(sp_net_append(NULL, net, &node, NULL), SP_OK);
    } else if (kind == 0) {
        assert_int_equal(sp_net_add_lstm(NULL, net, WIDTH, weight, recurrent, bias), SP_OK);
    } else if (kind == 1) {
        assert_int_equal(sp_net_add_rnn(NULL, net, WIDTH, f, weight, recurrent, bias), SP_OK);
    } else {
        assert_int_equal(sp_net_add_gru(NULL, net, WIDTH, gate, f, kind == 2, weight, recurrent,
                                        bias, kind == 2 ? own : NULL),
                         SP_OK);
    }
}

/* Two cells with other nodes before, between and behind them. */
static void make_net(sp_rng *rng, sp_net *net, size_t kind) {
    assert_int_equal(sp_net_init(NULL, net, 2), SP_OK);
    if (kind % 2 == 0) {
        add_affine(rng, net, 4);
        assert_int_equal(sp_net_add_relu(NULL, net), SP_OK);
    }
    add_cell(rng, net, kind % 5);
    if (kind % 3 == 0) {
        add_affine(rng, net, 2);
    }
    add_cell(rng, net, kind / 5 % 5);
    add_affine(rng, net, 2);
    net->every = true;
}

static void answers_go_on_from_every_frame(void **state) {
    (void)state;
    sp_rng rng;
    sp_rng_init(&rng, sp_test_seed());
    for (size_t kind = 0; kind < 30; kind++) {
        double x[FRAMES * 2], all[FRAMES * 2], rest[FRAMES * 2], states[FRAMES * 4 * WIDTH];
        sp_net net;
        make_net(&rng, &net, kind);
        random_numbers(&rng, x, FRAMES * 2, 1.0);
        const size_t width = sp_net_state_width(&net);
        assert_true(width <= 4 * WIDTH);
        assert_int_equal(sp_net_states(NULL, &net, states, x, FRAMES), SP_OK);
        assert_int_equal(sp_net_run_rows(NULL, &net, all, x, FRAMES), SP_OK);
        for (size_t p = 1; p < FRAMES; p++) {
            sp_net resumed;
            assert_int_equal(sp_net_resume(NULL, &resumed, &net, states + (p - 1) * width), SP_OK);
            assert_true(resumed.every);
            assert_int_equal(sp_net_run_rows(NULL, &resumed, rest, x + 2 * p, FRAMES - p), SP_OK);
            for (size_t i = 0; i < 2 * (FRAMES - p); i++) {
                assert_true(fabs(rest[i] - all[2 * p + i]) <= 1e-12 * (1.0 + fabs(rest[i])));
            }
            sp_net_clear(&resumed);
        }
        sp_net_clear(&net);
    }
}

static void nodes_that_hear_several_frames_cannot_go_on(void **state) {
    (void)state;
    double state_of[2 * WIDTH] = {0.0}, x[4] = {0.0};
    const double weight[2 * 2 * 2] = {1.0}, bias[2] = {0.0};
    sp_rng rng;
    sp_rng_init(&rng, sp_test_seed());
    for (int i = 0; i < 2; i++) {
        sp_error err = {0};
        sp_net net, resumed;
        assert_int_equal(sp_net_init(NULL, &net, 2), SP_OK);
        if (i == 0) {
            const sp_timing timing = {.taps = 2, .stride = 1, .dilation = 1, .before = 1};
            assert_int_equal(sp_net_add_convolution(NULL, &net, 2, timing, weight, bias), SP_OK);
        }
        add_cell(&rng, &net, 0);
        net.node[net.nodes - 1].cell.reverse = i == 1;
        assert_int_equal(sp_net_resume(&err, &resumed, &net, state_of), SP_E_UNSUPPORTED);
        assert_int_equal(sp_net_states(&err, &net, state_of, x, 1), SP_E_UNSUPPORTED);
        assert_non_null(strstr(err.text, "it cannot go on from a frame"));
        sp_net_clear(&net);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_go_on_from_every_frame),
        cmocka_unit_test(nodes_that_hear_several_frames_cannot_go_on),
    };
    return cmocka_run_group_tests_name("net/resume", tests, NULL, NULL);
}
