/* GRU and RNN nodes: both resets, activations with their numbers, layouts, lengths, refusals. */
#include <math.h>

#include "tests/onnx/build.h"

enum { D = 3, H = 4 };

static sp_rng rng;

static int setup(void **state) {
    (void)state;
    sp_rng_init(&rng, sp_test_seed());
    return 0;
}

/* Weights as ONNX has them: [G H, D], [G H, H], [2 G H]. */
typedef struct node_weights {
    size_t gates;
    double w[3 * H * D], r[3 * H * H], b[6 * H];
} node_weights;

static node_weights weights_put(om *m, size_t gates) {
    node_weights n = {.gates = gates};
    char shape[32];
    om_random(&rng, n.w, gates * H * D);
    om_random(&rng, n.r, gates * H * H);
    om_random(&rng, n.b, 2 * gates * H);
    snprintf(shape, sizeof shape, "1x%zux%d", gates * H, D);
    om_reals(m, "W", shape, n.w);
    snprintf(shape, sizeof shape, "1x%zux%d", gates * H, H);
    om_reals(m, "R", shape, n.r);
    snprintf(shape, sizeof shape, "1x%zu", 2 * gates * H);
    om_reals(m, "B", shape, n.b);
    return n;
}

/* One GRU at every step; biased: whether B is given. */
static sp_net gru_steps(const node_weights *n, sp_activation f, sp_activation g, bool after,
                        bool biased) {
    double bias[3 * H] = {0}, inner[H] = {0};
    sp_net net;
    for (size_t j = 0; biased && j < 3 * H; j++) {
        bias[j] = n->b[j] + (after && j >= 2 * H ? 0.0 : n->b[3 * H + j]);
    }
    for (size_t j = 0; biased && j < H; j++) {
        inner[j] = n->b[5 * H + j];
    }
    assert_int_equal(sp_net_init(NULL, &net, D), SP_OK);
    assert_int_equal(
        sp_net_add_gru(NULL, &net, H, f, g, after, n->w, n->r, bias, after ? inner : NULL), SP_OK);
    return net;
}

static sp_net gru_net(const node_weights *n, sp_activation f, sp_activation g, bool after,
                      bool biased) {
    sp_net net = gru_steps(n, f, g, after, biased);
    assert_int_equal(sp_net_add_pool(NULL, &net, SP_POOLING_LAST), SP_OK);
    return net;
}

static sp_net rnn_net(const node_weights *n, sp_activation f) {
    double bias[H];
    sp_net net;
    for (size_t j = 0; j < H; j++) {
        bias[j] = n->b[j] + n->b[H + j];
    }
    assert_int_equal(sp_net_init(NULL, &net, D), SP_OK);
    assert_int_equal(sp_net_add_rnn(NULL, &net, H, f, n->w, n->r, bias), SP_OK);
    assert_int_equal(sp_net_add_pool(NULL, &net, SP_POOLING_LAST), SP_OK);
    return net;
}

static const sp_activation sigmoid = {SP_ACTIVATION_SIGMOID, 0, 0};
static const sp_activation tangent = {SP_ACTIVATION_TANH, 0, 0};

static sp_activation hard(double alpha, double beta) {
    return (sp_activation){SP_ACTIVATION_HARD_SIGMOID, (float)alpha, (float)beta};
}
static sp_activation linear(double alpha, double beta) {
    return (sp_activation){SP_ACTIVATION_AFFINE, (float)alpha, (float)beta};
}

static void accept(om *m, sp_net net) {
    sp_model model;
    om_accept(m, &model);
    assert_true(model.agreement < 1e-9);
    om_expect_net(&model, &net);
}

static void test_resets(void **state) {
    (void)state;
    for (int after = 0; after < 2; after++) {
        for (int biased = 0; biased < 2; biased++) {
            for (int sequence = 0; sequence < 2; sequence++) {
                om *m = om_new(14);
                om_input(m, "x", "T x 1 x 3");
                const node_weights n = weights_put(m, 3);
                Onnx__NodeProto *node = om_node(m, "GRU", biased ? "x,W,R,B" : "x,W,R", "Y,Yh");
                om_int(m, node, "hidden_size", H);
                if (after) {
                    om_int(m, node, "linear_before_reset", 1);
                }
                om_whole(m, "-1", -1);
                if (sequence) {
                    om_node(m, "Gather", "Y,-1", "y");
                } else {
                    om_node(m, "Identity", "Yh", "y");
                }
                om_output(m, "y");
                accept(m, gru_net(&n, sigmoid, tangent, after, biased));
            }
        }
    }
}

/* alpha and beta go to the activations that take them, in order; the rest have the defaults. */
static void test_activations(void **state) {
    (void)state;
    static const float two[2] = {0.25f, -1.5f}, halves[2] = {0.5f, 0.125f}, fifth[1] = {0.2f};
    const struct {
        const char *names;
        const float *alpha, *beta;
        size_t alphas, betas;
        sp_activation f, g;
    } cases[] = {
        {"HardSigmoid,Affine", two, halves, 2, 2, hard(0.25, 0.5), linear(-1.5, 0.125)},
        {"HardSigmoid,Affine", fifth, halves, 1, 1, hard(0.2f, 0.5), linear(1, 0)},
        {"HardSigmoid,Affine", NULL, NULL, 0, 0, hard(0.2f, 0.5), linear(1, 0)},
        {"sigmoid,affine", two, halves, 1, 2 - 1, sigmoid, linear(0.25, 0.5)},
        {"HardSigmoid,Tanh", two, NULL, 1, 0, hard(0.25, 0.5), tangent},
        {"Sigmoid,Relu", NULL, NULL, 0, 0, sigmoid, {SP_ACTIVATION_RELU, 0, 0}},
        {"Sigmoid,HardSigmoid", NULL, halves, 0, 1, sigmoid, hard(0.2f, 0.5)},
        {"Tanh,Tanh", NULL, NULL, 0, 0, tangent, tangent},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        om *m = om_new(18);
        om_input(m, "x", "N x 6 x 3");
        om_ints(m, om_node(m, "Transpose", "x", "xt"), "perm", 3, (const int64_t[]){1, 0, 2});
        const node_weights n = weights_put(m, 3);
        Onnx__NodeProto *node = om_node(m, "GRU", "xt,W,R,B", ",y");
        om_strings(m, node, "activations", cases[i].names);
        if (cases[i].alpha) {
            om_float_list(m, node, "activation_alpha", cases[i].alphas, cases[i].alpha);
        }
        if (cases[i].beta) {
            om_float_list(m, node, "activation_beta", cases[i].betas, cases[i].beta);
        }
        om_output(m, "y");
        sp_net net = gru_net(&n, cases[i].f, cases[i].g, false, true);
        net.steps = 6;
        // Random weights with linear candidates may grow beyond comparing bit by bit.
        sp_model model;
        om_accept(m, &model);
        om_expect_net(&model, &net);
    }
}

static void test_rnn(void **state) {
    (void)state;
    const struct {
        const char *name;
        sp_activation f;
    } cases[] = {{NULL, tangent},
                 {"Tanh", tangent},
                 {"Relu", {SP_ACTIVATION_RELU, 0, 0}},
                 {"Sigmoid", sigmoid},
                 {"HardSigmoid", hard(0.2f, 0.5)}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        om *m = om_new(14);
        om_input(m, "x", "T x batch x 3");
        const node_weights n = weights_put(m, 1);
        Onnx__NodeProto *node = om_node(m, "RNN", "x,W,R,B", "Y,y");
        if (cases[i].name) {
            om_strings(m, node, "activations", cases[i].name);
        }
        om_output(m, "y");
        accept(m, rnn_net(&n, cases[i].f));
    }
}

/* layout 1, of all three kinds: batch first in X, Y and Y_h. */
static void test_layout(void **state) {
    (void)state;
    for (int kind = 0; kind < 2; kind++) {
        for (int sequence = 0; sequence < 2; sequence++) {
            om *m = om_new(14);
            om_input(m, "x", "1 x T x 3");
            const node_weights n = weights_put(m, kind == 0 ? 3 : 1);
            Onnx__NodeProto *node = om_node(m, kind == 0 ? "GRU" : "RNN", "x,W,R,B", "Y,Yh");
            om_int(m, node, "layout", 1);
            om_whole(m, "-1", -1);
            om_list(m, "[1]", 1, (const int64_t[]){1});
            if (sequence) { // [1, T, 1, H]
                om_int(m, om_node(m, "Gather", "Y,-1", "y"), "axis", 1);
            } else { // [1, 1, H]
                om_node(m, "Squeeze", "Yh,[1]", "y");
            }
            om_output(m, "y");
            accept(m,
                   kind == 0 ? gru_net(&n, sigmoid, tangent, false, true) : rnn_net(&n, tangent));
        }
    }
}

/* sequence_lens that says what is so anyway, as tf2onnx computes it from the shape. */
static void test_lengths(void **state) {
    (void)state;
    for (int fixed = 0; fixed < 2; fixed++) {
        om *m = om_new(14);
        om_input(m, "x", fixed ? "5 x 1 x 3" : "T x 1 x 3");
        const node_weights n = weights_put(m, 3);
        om_whole(m, "0", 0);
        om_list(m, "[0]", 1, (const int64_t[]){0});
        om_node(m, "Shape", "x", "shape");
        om_node(m, "Gather", "shape,[0]", "T");
        om_int(m, om_node(m, "Cast", "T", "lens"), "to", 6);
        om_reals(m, "zeros", "1x1x4", (const double[H]){0});
        om_node(m, "GRU", "x,W,R,B,lens,zeros", ",y");
        om_output(m, "y");
        sp_net net = gru_net(&n, sigmoid, tangent, false, true);
        net.steps = fixed ? 5 : 0;
        accept(m, net);
    }
}

/* A stack of both kinds, with ReLU and dense layers, as PyTorch exports it. */
static void test_stack(void **state) {
    (void)state;
    om *m = om_new(17);
    om_input(m, "x", "T x 1 x 3");
    const node_weights first = weights_put(m, 3);
    double w[H * H], r[H * H], b[2 * H], dense[2 * H], bias[2], sum[H];
    om_random(&rng, w, H * H);
    om_random(&rng, r, H * H);
    om_random(&rng, b, 2 * H);
    om_random(&rng, dense, 2 * H);
    om_random(&rng, bias, 2);
    om_reals(m, "W2", "1x4x4", w);
    om_reals(m, "R2", "1x4x4", r);
    om_reals(m, "B2", "1x8", b);
    om_reals(m, "dense", "2x4", dense);
    om_reals(m, "bias", "2", bias);
    om_list(m, "[1]", 1, (const int64_t[]){1});
    om_whole(m, "-1", -1);
    om_int(m, om_node(m, "GRU", "x,W,R,B", "Y,"), "linear_before_reset", 1);
    om_node(m, "Squeeze", "Y,[1]", "S");
    om_node(m, "RNN", "S,W2,R2,B2", "Y2,");
    om_node(m, "Squeeze", "Y2,[1]", "S2");
    om_node(m, "Gather", "S2,-1", "v");
    om_int(m, om_node(m, "Gemm", "v,dense,bias", "logits"), "transB", 1);
    om_int(m, om_node(m, "Softmax", "logits", "y"), "axis", 1);
    om_output(m, "y");
    sp_net net = gru_steps(&first, sigmoid, tangent, true, true);
    for (size_t j = 0; j < H; j++) {
        sum[j] = b[j] + b[H + j];
    }
    assert_int_equal(sp_net_add_rnn(NULL, &net, H, tangent, w, r, sum), SP_OK);
    assert_int_equal(sp_net_add_pool(NULL, &net, SP_POOLING_LAST), SP_OK);
    assert_int_equal(sp_net_add_affine(NULL, &net, 2, dense, bias), SP_OK);
    net.softmax = true;
    accept(m, net);
}

/* ---- refusals ---- */

static om *single(Onnx__NodeProto **node, const char *op) {
    om *m = om_new(17);
    om_input(m, "x", "T x 1 x 3");
    weights_put(m, op[0] == 'G' ? 3 : 1);
    *node = om_node(m, op, "x,W,R,B", ",y");
    (*node)->name = om_text(m, "cell");
    om_output(m, "y");
    return m;
}

static void refuse_text(const char *op, const char *attribute, const char *value,
                        const char *parts) {
    Onnx__NodeProto *node;
    om *m = single(&node, op);
    if (strcmp(attribute, "activations") == 0) {
        om_strings(m, node, attribute, value);
    } else {
        om_string(m, node, attribute, value);
    }
    om_refuse(m, SP_E_UNSUPPORTED, parts);
}

static void refuse_int(const char *op, const char *attribute, int64_t value, sp_status status,
                       const char *parts) {
    Onnx__NodeProto *node;
    om *m = single(&node, op);
    om_int(m, node, attribute, value);
    om_refuse(m, status, parts);
}

static void refuse_numbers(const char *activations, const char *attribute, size_t count,
                           const float *values, sp_status status, const char *parts) {
    Onnx__NodeProto *node;
    om *m = single(&node, "GRU");
    om_strings(m, node, "activations", activations);
    om_float_list(m, node, attribute, count, values);
    om_refuse(m, status, parts);
}

static void test_refused_attributes(void **state) {
    (void)state;
    const sp_status no = SP_E_UNSUPPORTED;
    refuse_text("GRU", "direction", "backward", "'cell' (GRU)|direction = \"backward\"");
    refuse_text("GRU", "activations", "Sigmoid", "activations has 1 entries, not 2");
    refuse_text("GRU", "activations", "Sigmoid,Elu", "activations[1] = \"Elu\"");
    refuse_text("RNN", "activations", "Softsign", "activations[0] = \"Softsign\"");
    refuse_int("GRU", "hidden_size", 5, SP_E_FORMAT, "hidden_size = 5|R has 4");
    refuse_int("GRU", "layout", -1, no, "layout = -1");
    refuse_int("GRU", "linear_before_reset", 2, no, "linear_before_reset = 2");
    refuse_int("RNN", "linear_before_reset", 0, no, "'linear_before_reset' is not supported");
    refuse_int("GRU", "input_forget", 0, no, "'input_forget' is not supported");
    refuse_int("GRU", "activation_alpha", 1, SP_E_FORMAT, "activation_alpha is not a list");
    const float values[3] = {0.25f, 0.0f, NAN}, negative[1] = {-0.2f};
    refuse_numbers("Sigmoid,Tanh", "activation_alpha", 1, values, no, "activation_alpha = 0.25");
    refuse_numbers("HardSigmoid,Tanh", "activation_beta", 2, values, no,
                   "activation_beta = 0.25|2 numbers|1 of its activations");
    refuse_numbers("HardSigmoid,Affine", "activation_alpha", 3, values, SP_E_NONFINITE,
                   "activation_alpha[2] is nan");
    refuse_numbers("HardSigmoid,Tanh", "activation_alpha", 1, negative, no,
                   "activation_alpha = -0.2|positive");
    Onnx__NodeProto *node;
    om *m = single(&node, "GRU");
    om_float(m, node, "clip", 0);
    om_refuse(m, SP_E_FORMAT, "clip = 0 is no limit");
}

static void test_refused_inputs(void **state) {
    (void)state;
    Onnx__NodeProto *node;
    om *m = single(&node, "GRU");
    om_reals(m, "start", "1x1x4", (const double[H]){0, INFINITY, 0, 0});
    node->n_input = 6;
    node->input[4] = om_text(m, "");
    node->input[5] = om_text(m, "start");
    om_refuse(m, SP_E_NONFINITE, "'cell' (GRU)|initial_h[1] is inf");
    m = single(&node, "GRU");
    om_wholes(m, "lens", "1", (const int64_t[]){-4});
    node->n_input = 5;
    node->input[4] = om_text(m, "lens");
    om_refuse(m, SP_E_UNSUPPORTED, "sequence_lens ('lens')|leaves out steps");
    m = single(&node, "GRU");
    node->input[1] = om_text(m, "R");
    om_refuse(m, SP_E_FORMAT, "'cell' (GRU)|W ('R') does not have the shape");
    m = single(&node, "RNN");
    node->input[3] = om_text(m, "W");
    om_refuse(m, SP_E_FORMAT, "'cell' (RNN)|B ('W') does not have the shape");
    m = single(&node, "GRU");
    m->initialiser[2]->raw_data.data[3] = 0x7f; // an infinity or NaN
    m->initialiser[2]->raw_data.data[2] = 0x80;
    om_refuse(m, SP_E_NONFINITE, "'cell' (GRU)|finite");
    m = single(&node, "GRU");
    node->input = om_names(m, "x,W,R,B,,,B", &node->n_input);
    om_refuse(m, SP_E_FORMAT, "'cell' (GRU)|7 inputs");
    m = single(&node, "RNN"); // RNN has no third output
    node->output = om_names(m, ",,y", &node->n_output);
    om_refuse(m, SP_E_UNSUPPORTED, "'y' is not a function of the input");
}

/* ---- the graph itself ---- */

/* The comparison is one of two programs: a net that was tampered with no longer agrees. */
static void test_evaluation(void **state) {
    (void)state;
    Onnx__NodeProto *node;
    sp_model model;
    om_accept(single(&node, "GRU"), &model);
    double features[5 * D], ours[H], theirs[H];
    om_random(&rng, features, 5 * D);
    for (int tampered = 0; tampered < 2; tampered++) {
        double worst = 0.0;
        assert_int_equal(sp_net_run(NULL, &model.net, ours, features, 5), SP_OK);
        assert_int_equal(sp_model_evaluate(NULL, &model, theirs, NULL, features, 5), SP_OK);
        for (size_t k = 0; k < H; k++) {
            worst = fmax(worst, fabs(ours[k] - theirs[k]));
        }
        assert_true(tampered ? worst > 1e-4 : worst < 1e-12);
        model.net.node[1].cell.recurrent[H * H + 1] += 0.125;
    }
    sp_error err = {0};
    assert_int_equal(sp_model_evaluate(&err, &model, theirs, NULL, features, 0), SP_E_MISMATCH);
    features[4] = NAN;
    assert_int_equal(sp_model_evaluate(&err, &model, theirs, NULL, features, 5), SP_E_NONFINITE);
    sp_model_clear(&model);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_resets),
        cmocka_unit_test(test_activations),
        cmocka_unit_test(test_rnn),
        cmocka_unit_test(test_layout),
        cmocka_unit_test(test_lengths),
        cmocka_unit_test(test_stack),
        cmocka_unit_test(test_refused_attributes),
        cmocka_unit_test(test_refused_inputs),
        cmocka_unit_test(test_evaluation),
    };
    return cmocka_run_group_tests_name("onnx/gru", tests, setup, NULL);
}
