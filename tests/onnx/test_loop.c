/* Loops over the steps: the seven shapes of real wake-word models, other algebra that means the
 * same, and everything that is refused. */
#include <math.h>

#include "tests/onnx/small_loop.h"
#include "tests/onnx/wake.h"

static sp_rng rng;

static int setup(void **state) {
    (void)state;
    sp_rng_init(&rng, sp_test_seed());
    return 0;
}

/* ---- what is read ---- */

static void test_shapes(void **state) {
    (void)state;
    static const size_t sizes[][3] = {{3, 4, 6}, {13, 20, 29}, {1, 1, 2}, {2, 1, 3}, {1, 5, 4}};
    for (size_t i = 0; i < 7; i++) {
        for (size_t k = sp_test_sanitized() ? 2 : 0; k < sizeof sizes / sizeof *sizes; k++) {
            om *m = om_new(18);
            const wake_weights w =
                wake_weights_random(m, &rng, sizes[k][0], sizes[k][1], sizes[k][2]);
            wake_model(m, &w, &wake_shapes[i]);
            sp_net want;
            sp_model model;
            wake_expect(&want, &w, &wake_shapes[i]);
            om_accept(m, &model);
            assert_true(model.agreement < 1e-9);
            om_expect_net(&model, &want);
        }
    }
}

/* Both nets and the file's own graph on random features. */
static void expect_same(const sp_model *model, const sp_net *want, double tolerance) {
    double features[16 * 16], ours[1], theirs[1], logit[1], probability[1];
    sp_error err = {0};
    for (size_t i = 0; i < 5; i++) {
        for (size_t k = 0; k < want->steps * want->features; k++) {
            features[k] = 2.0 * sp_rng_normal(&rng);
        }
        assert_int_equal(sp_net_run(&err, &model->net, ours, features, want->steps), SP_OK);
        assert_int_equal(sp_net_run(&err, want, theirs, features, want->steps), SP_OK);
        assert_int_equal(sp_model_evaluate(&err, model, logit, probability, features, want->steps),
                         SP_OK);
        const double scale = tolerance * fmax(1.0, fabs(theirs[0]));
        if (!(fabs(ours[0] - theirs[0]) <= scale) || !(fabs(logit[0] - theirs[0]) <= scale)) {
            fail_msg("%a, expected %a, the graph itself %a", ours[0], theirs[0], logit[0]);
        }
        assert_true(fabs(probability[0] - 1.0 / (1.0 + exp(-theirs[0]))) <= 1e-12);
    }
}

static void check_algebra(const wake_shape *s) {
    om *m = om_new(18);
    const wake_weights w = wake_weights_random(m, &rng, 2, 3, 5);
    wake_model(m, &w, s);
    sp_net want;
    sp_model model;
    wake_expect(&want, &w, s);
    om_accept(m, &model);
    const sp_cell *got = &model.net.node[1].cell, *expected = &want.node[1].cell;
    assert_int_equal(got->kind, SP_CELL_GRU);
    assert_int_equal(got->reset_after, s->reset_after);
    assert_int_equal(got->gate.kind, expected->gate.kind);
    assert_int_equal(got->candidate.kind, expected->candidate.kind);
    assert_true(model.net.sigmoid);
    expect_same(&model, &want, 1e-10);
    if (s->gate != GATE_SIX) { // relu6(x + 3) / 6 takes the 3 as a bias
        om_expect_net(&model, &want);
    } else {
        sp_model_clear(&model);
        sp_net_clear(&want);
    }
}

static void test_algebra(void **state) {
    (void)state;
    size_t count = 0;
    for (int update = 0; update < UPDATES; update++) {
        for (int gate = 0; gate < GATES; gate++) {
            for (int candidate = 0; candidate < CANDIDATES; candidate++) {
                for (int more = 0; more < 4; more++) {
                    wake_shape s = wake_shapes[count++ % 7];
                    if (sp_test_sanitized() && count % 8 != 0) {
                        continue;
                    }
                    s.update = update;
                    s.gate = gate;
                    s.candidate = candidate;
                    s.reset_after = more % 2 == 1;
                    s.joined = more / 2 == 1;
                    check_algebra(&s);
                }
            }
        }
    }
}

/* ---- RNN ---- */

static void expect_rnn(om *m, sp_activation activation) {
    const double weight[LOOP_H * LOOP_D] = {0.5, 1, -1, 0.75, 0.25, -0.5},
                                 bias[LOOP_H] = {0.125, -0.25, 0.5};
    const double recurrent[LOOP_H * LOOP_H] = {0.5, -1, 0, 0, 0.25, 0.5, 1, 0, -0.75};
    sp_net want;
    sp_model model;
    assert_int_equal(sp_net_init(NULL, &want, LOOP_D), SP_OK);
    want.steps = LOOP_T;
    assert_int_equal(sp_net_add_rnn(NULL, &want, LOOP_H, activation, weight, recurrent, bias),
                     SP_OK);
    assert_int_equal(sp_net_add_pool(NULL, &want, SP_POOLING_LAST), SP_OK);
    om_accept(m, &model);
    om_expect_net(&model, &want);
}

static void test_rnn(void **state) {
    (void)state;
    static const struct {
        const char *op;
        sp_activation activation;
    } cases[] = {
        {"Tanh", {SP_ACTIVATION_TANH, 0, 0}},
        {"Sigmoid", {SP_ACTIVATION_SIGMOID, 0, 0}},
        {"Relu", {SP_ACTIVATION_RELU, 0, 0}},
        {"Identity", {SP_ACTIVATION_AFFINE, 1, 0}},
        {"HardSigmoid", {SP_ACTIVATION_HARD_SIGMOID, (double)0.2f, 0.5}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        for (int scan = 0; scan < 2; scan++) {
            small_loop l = small_begin("N x 4 x 2");
            l.scan = scan == 1;
            rnn_body(l.m);
            om_node(l.m, cases[i].op, "a", "next");
            expect_rnn(small_end(&l, "trips"), cases[i].activation);
        }
    }
}

/* A Loop without a trip count, one whose steps are read by Slice, and -1 for the last step. */
static void test_control(void **state) {
    (void)state;
    const sp_activation tanh_ = {.kind = SP_ACTIVATION_TANH};
    small_loop l = small_begin("1 x 4 x 2");
    rnn_body(l.m);
    om_node(l.m, "Tanh", "a", "next");
    om_node(l.m, "Less", "t,T - 1", "go on");
    l.go = "go on";
    expect_rnn(small_end(&l, ""), tanh_);
    l = small_begin("N x 4 x 2");
    l.m->graph.node[0]->op_type = om_text(l.m, "Identity"); // no Gather
    l.m->graph.node[0]->n_input = 1;
    l.m->graph.node[0]->input[0] = om_text(l.m, "row 1");
    om_list(l.m, "[0]", 1, (const int64_t[]){0});
    om_list(l.m, "[1]", 1, (const int64_t[]){1});
    om_node(l.m, "Unsqueeze", "t,[0]", "[t]");
    om_node(l.m, "Add", "[t],[1]", "[t+1]");
    om_node(l.m, "Slice", "xt,[t],[t+1],[0]", "row 0");
    om_node(l.m, "Squeeze", "row 0,[0]", "row 1");
    rnn_body(l.m);
    om_node(l.m, "Tanh", "a", "next");
    expect_rnn(small_end(&l, "trips"), tanh_);
}

/* A Loop of constants is run, wherever it stands: 2^4 by doubling, inside of a Loop as well. */
static void test_constants(void **state) {
    (void)state;
    for (int nested = 0; nested < 2; nested++) {
        small_loop l = small_begin("N x 4 x 2");
        om *m = l.m;
        rnn_body(m);
        om_node(m, "Tanh", "a", "next");
        Onnx__GraphProto rest = m->graph;
        if (!nested) {
            m->graph = l.around;
        }
        const Onnx__GraphProto around = om_body_begin(m);
        m->graph.input[m->graph.n_input++] = om_value(m, "k", INT64_TYPE, "");
        m->graph.input[m->graph.n_input++] = om_value(m, "on", BOOL_TYPE, "");
        m->graph.input[m->graph.n_input++] = om_value(m, "power", FLOAT_TYPE, NULL);
        om_node(m, "Add", "power,power", "double");
        m->graph.output[m->graph.n_output++] = om_value(m, "on", BOOL_TYPE, NULL);
        m->graph.output[m->graph.n_output++] = om_value(m, "double", FLOAT_TYPE, NULL);
        m->graph.output[m->graph.n_output++] = om_value(m, "power", FLOAT_TYPE, NULL);
        Onnx__GraphProto *body = om_body_end(m, &around);
        om_graph(m, om_node(m, "Loop", "trips,true,ones", "sixteen,powers"), "body", body);
        if (!nested) {
            l.around = m->graph;
            m->graph = rest;
        }
        // 16 - 8 - 7 ones is a vector of ones
        om_list(m, "[3]", 1, (const int64_t[]){3});
        om_reals(m, "7", "", (const double[]){7});
        om_list(m, "[0]", 1, (const int64_t[]){0});
        om_node(m, "Gather", "powers,[3]", "eight 0");
        om_node(m, "Squeeze", "eight 0,[0]", "eight");
        om_node(m, "Sub", "sixteen,eight", "8");
        om_node(m, "Sub", "8,7", "1");
        om_node(m, "Mul", "next,1", "next 1");
        m->graph.output[m->graph.n_output++] = om_value(m, "go", BOOL_TYPE, NULL);
        m->graph.output[m->graph.n_output++] = om_value(m, "next 1", FLOAT_TYPE, NULL);
        Onnx__GraphProto *whole = om_body_end(m, &l.around);
        om_graph(m, om_node(m, "Loop", "trips,true,zeros", "y"), "body", whole);
        om_output(m, "y");
        expect_rnn(m, (sp_activation){.kind = SP_ACTIVATION_TANH});
    }
}

/* A dense layer in front of the Loop, ReLU and a dense layer behind it. */
static void test_between_layers(void **state) {
    (void)state;
    const double first[LOOP_D * LOOP_D] = {1, 2, -1, 0.5}, back[2 * LOOP_H] = {1, 2, 3, 4, 5, 6};
    const double zero[LOOP_H] = {0}, weight[LOOP_H * LOOP_D] = {0.5, 1, -1, 0.75, 0.25, -0.5};
    const double bias[LOOP_H] = {0.125, -0.25, 0.5};
    const double recurrent[LOOP_H * LOOP_H] = {0.5, -1, 0, 0, 0.25, 0.5, 1, 0, -0.75};
    small_loop l = small_begin("N x 4 x 2");
    om *m = l.m;
    rnn_body(m);
    om_node(m, "Tanh", "a", "next");
    m->node[0]->input[0] = om_text(m, "x'");
    Onnx__GraphProto body = m->graph;
    m->graph = l.around;
    om_reals(m, "F", "2x2", (const double[]){1, -1, 2, 0.5});
    om_reals(m, "B", "2x3", back);
    om_node(m, "MatMul", "input,F", "x'");
    l.around = m->graph;
    m->graph = body;
    m = small_end(&l, "trips");
    m->output[0]->name = om_text(m, "z");
    om_node(m, "Relu", "y", "r");
    om_int(m, om_node(m, "Gemm", "r,B", "z"), "transB", 1);
    sp_net want;
    sp_model model;
    assert_int_equal(sp_net_init(NULL, &want, LOOP_D), SP_OK);
    want.steps = LOOP_T;
    assert_int_equal(sp_net_add_affine(NULL, &want, LOOP_D, first, zero), SP_OK);
    assert_int_equal(sp_net_add_rnn(NULL, &want, LOOP_H,
                                    (sp_activation){.kind = SP_ACTIVATION_TANH}, weight, recurrent,
                                    bias),
                     SP_OK);
    assert_int_equal(sp_net_add_pool(NULL, &want, SP_POOLING_LAST), SP_OK);
    assert_int_equal(sp_net_add_relu(NULL, &want), SP_OK);
    assert_int_equal(sp_net_add_affine(NULL, &want, 2, back, zero), SP_OK);
    om_accept(m, &model);
    om_expect_net(&model, &want);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shapes),    cmocka_unit_test(test_algebra),
        cmocka_unit_test(test_rnn),       cmocka_unit_test(test_control),
        cmocka_unit_test(test_constants), cmocka_unit_test(test_between_layers),
    };
    return cmocka_run_group_tests_name("onnx/loop", tests, setup, NULL);
}
