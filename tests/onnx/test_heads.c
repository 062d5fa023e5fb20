/* Sigmoid and Softmax at the end of a model: dropped, marked, and evaluated. */
#include <math.h>

#include "tests/onnx/build.h"

enum { D = 3 };

/* x [3 numbers] -> dense -> "logits" of this width. */
static om *dense(size_t classes, int64_t opset) {
    char shape[16];
    const double weight[6] = {0.5, -1, 2, 1, 0.25, -0.5};
    om *m = om_new(opset);
    om_input(m, "x", "N x 3");
    snprintf(shape, sizeof shape, "%zux3", classes);
    om_reals(m, "W", shape, weight);
    om_int(m, om_node(m, "Gemm", "x,W", "logits"), "transB", 1);
    return m;
}

static void accept_head(om *m, size_t classes, bool is_sigmoid) {
    const double weight[6] = {0.5, -1, 2, 1, 0.25, -0.5}, zero[2] = {0};
    const double features[3] = {1.0, 0.5, -0.25};
    double logits[2], direct[2], output[2];
    sp_model model;
    sp_net net;
    om_accept(m, &model);
    assert_int_equal(sp_net_init(NULL, &net, D), SP_OK);
    assert_int_equal(sp_net_add_pool(NULL, &net, SP_POOLING_LAST), SP_OK);
    assert_int_equal(sp_net_add_affine(NULL, &net, classes, weight, zero), SP_OK);
    net.steps = 1;
    net.sigmoid = is_sigmoid;
    net.softmax = !is_sigmoid;
    assert_int_equal(sp_net_run(NULL, &net, logits, features, 1), SP_OK);
    assert_int_equal(sp_model_evaluate(NULL, &model, direct, output, features, 1), SP_OK);
    const double sum = exp(logits[0]) + (classes == 2 ? exp(logits[1]) : 1.0);
    for (size_t k = 0; k < classes; k++) {
        assert_true(fabs(direct[k] - logits[k]) < 1e-14);
        assert_true(fabs(output[k] - exp(logits[k]) / sum) < 1e-14);
    }
    om_expect_net(&model, &net);
}

static void test_heads(void **state) {
    (void)state;
    om *m = dense(1, 18);
    om_node(m, "Sigmoid", "logits", "y");
    om_output(m, "y");
    accept_head(m, 1, true);
    m = dense(2, 12); // the axis 1 of old operator sets
    om_node(m, "Softmax", "logits", "y");
    om_output(m, "y");
    accept_head(m, 2, false);
    m = dense(2, 18); // plumbing behind the head
    om_list(m, "[0]", 1, (const int64_t[]){0});
    om_node(m, "Softmax", "logits", "p");
    om_node(m, "Unsqueeze", "p,[0]", "q");
    om_node(m, "Identity", "q", "y");
    om_output(m, "y");
    accept_head(m, 2, false);
    // the same logits twice, with and without the head; the first output counts
    m = dense(1, 18);
    om_node(m, "Sigmoid", "logits", "y");
    om_output(m, "y");
    om_output(m, "logits");
    accept_head(m, 1, true);
    sp_model model;
    m = dense(1, 18);
    om_node(m, "Sigmoid", "logits", "y");
    om_output(m, "logits");
    om_output(m, "y");
    om_accept(m, &model);
    assert_false(model.net.sigmoid);
    sp_model_clear(&model);
}

/* dense -> Sigmoid -> what follows, as nodes of a network. */
static void expect_layers(om *m, const double *sign, bool is_sigmoid) {
    const double weight[6] = {0.5, -1, 2, 1, 0.25, -0.5}, zero[2] = {0}, shift[2] = {1.0, 1.0};
    const double turned[4] = {0.0, -1.0, 1.0, 0.0};
    sp_model model;
    sp_net net;
    om_accept(m, &model);
    assert_true(model.agreement < 1e-12);
    assert_int_equal(sp_net_init(NULL, &net, D), SP_OK);
    assert_int_equal(sp_net_add_pool(NULL, &net, SP_POOLING_LAST), SP_OK);
    assert_int_equal(sp_net_add_affine(NULL, &net, 2, weight, zero), SP_OK);
    assert_int_equal(sp_net_add_curve(NULL, &net, (sp_activation){.kind = SP_ACTIVATION_SIGMOID}),
                     SP_OK);
    if (sign != NULL) {
        assert_int_equal(sp_net_add_affine(NULL, &net, 2, turned, shift), SP_OK);
    }
    net.steps = 1;
    net.sigmoid = is_sigmoid;
    om_expect_net(&model, &net);
}

static void a_sigmoid_is_a_layer_where_others_follow(void **state) {
    (void)state;
    const double sign[2] = {-1.0, 1.0};
    om *m = dense(2, 18); // turned, one sign, and a shift
    om_list(m, "turn", 2, (const int64_t[]){1, 0});
    om_reals(m, "sign", "2", sign);
    om_reals(m, "one", "1", (const double[]){1});
    om_node(m, "Sigmoid", "logits", "p");
    om_int(m, om_node(m, "Gather", "p,turn", "q"), "axis", 1);
    om_node(m, "Mul", "q,sign", "s");
    om_node(m, "Add", "s,one", "y");
    om_output(m, "y");
    expect_layers(m, sign, false);
    m = dense(2, 18); // the second one is the end
    om_node(m, "Sigmoid", "logits", "p");
    om_node(m, "Sigmoid", "p", "y");
    om_output(m, "y");
    expect_layers(m, NULL, true);
}

static void test_refused_heads(void **state) {
    (void)state;
    om *m = dense(2, 18);
    om_int(m, om_node(m, "Softmax", "logits", "y"), "axis", 0);
    om_output(m, "y");
    om_refuse(m, SP_E_UNSUPPORTED, "'y' has one row per step");
    m = dense(1, 18);
    om_node(m, "Softmax", "logits", "y");
    om_output(m, "y");
    om_refuse(m, SP_E_UNSUPPORTED, "'y' (Softmax)|not taken over the classes");
    m = dense(2, 18);
    om_node(m, "LogSoftmax", "logits", "p");
    om_node(m, "Relu", "p", "y");
    om_output(m, "y");
    om_refuse(m, SP_E_UNSUPPORTED, "'y' (Relu)|what a LogSoftmax gives");
    m = dense(2, 18); // another output
    om_node(m, "Relu", "logits", "y");
    om_output(m, "logits");
    om_output(m, "y");
    om_refuse(m, SP_E_UNSUPPORTED, "2 outputs|'logits' may be the logits as well as 'y'|--output");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_heads),
        cmocka_unit_test(a_sigmoid_is_a_layer_where_others_follow),
        cmocka_unit_test(test_refused_heads),
    };
    return cmocka_run_group_tests_name("onnx/heads", tests, NULL, NULL);
}
