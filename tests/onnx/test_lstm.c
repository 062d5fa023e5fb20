/* LSTM nodes: gate order, biases, stacks as exporters write them, and every attribute and input
 * that is refused. */
#include "tests/onnx/stack.h"

enum { D = 3, H = 4, C = 2 };

static sp_rng rng;

static int setup(void **state) {
    (void)state;
    sp_rng_init(&rng, sp_test_seed());
    return 0;
}

/* Linear -> ReLU -> LSTM stack -> Linear, as PyTorch exports it, in every way of reading out. */
static void check_stack(size_t layers, read_out way, const char *shape, size_t steps) {
    double w1[H * D], b1[H], w2[C * H], b2[C], w1t[D * H];
    om_random(&rng, w1, H * D);
    om_random(&rng, b1, H);
    om_random(&rng, w2, C * H);
    om_random(&rng, b2, C);
    for (size_t i = 0; i < D * H; i++) {
        w1t[i] = w1[i % H * D + i / H];
    }
    sp_net want;
    assert_int_equal(sp_net_init(NULL, &want, D), SP_OK);
    want.steps = steps;
    om *m = om_new(17);
    om_input(m, "x", shape);
    om_reals(m, "w1t", "3x4", w1t);
    om_reals(m, "b1", "4", b1);
    om_reals(m, "w2", "2x4", w2);
    om_reals(m, "b2", "2", b2);
    om_node(m, "MatMul", "x,w1t", "a");
    om_node(m, "Add", "b1,a", "b");
    om_node(m, "Relu", "b", "c");
    assert_int_equal(sp_net_add_affine(NULL, &want, H, w1, b1), SP_OK);
    assert_int_equal(sp_net_add_relu(NULL, &want), SP_OK);
    torch_states(m, "c", layers, H);
    torch_stack(m, &rng, &want, "c", layers, H, H);
    assert_int_equal(sp_net_add_pool(NULL, &want, SP_POOLING_LAST), SP_OK);
    read_out_by(m, layers, H, way);
    om_int(m, om_node(m, "Gemm", "v,w2,b2", "logits"), "transB", 1);
    assert_int_equal(sp_net_add_affine(NULL, &want, C, w2, b2), SP_OK);
    om_output(m, "logits");
    sp_model model;
    om_accept(m, &model);
    assert_string_equal(model.input_shape, shape);
    om_expect_net(&model, &want);
}

static void test_stacks(void **state) {
    (void)state;
    for (size_t layers = 1; layers <= 3; layers++) {
        for (int way = 0; way < READ_WAYS; way++) {
            check_stack(layers, (read_out)way, "T x batch x 3", 0);
            check_stack(layers, (read_out)way, "T x 1 x 3", 0);
            check_stack(layers, (read_out)way, "11 x 1 x 3", 11);
            check_stack(layers, (read_out)way, "? x ? x 3", 0);
        }
    }
}

/* batch_first: Transposes around every LSTM. */
static void test_batch_first(void **state) {
    (void)state;
    sp_net want;
    assert_int_equal(sp_net_init(NULL, &want, D), SP_OK);
    om *m = om_new(17);
    om_input(m, "x", "batch x T x 3");
    const int64_t swap[3] = {1, 0, 2};
    const om_lstm first = om_lstm_random(m, &rng, D, H), second = om_lstm_random(m, &rng, H, H);
    om_list(m, "axis1", 1, (const int64_t[]){1});
    om_whole(m, "minus-one", -1);
    om_ints(m, om_node(m, "Transpose", "x", "xt"), "perm", 3, swap);
    lstm_node(m, &first, 0, "xt", "");
    om_node(m, "Squeeze", "Y0,axis1", "s0");
    om_ints(m, om_node(m, "Transpose", "s0", "b0"), "perm", 3, swap);
    om_ints(m, om_node(m, "Transpose", "b0", "t0"), "perm", 3, swap);
    lstm_node(m, &second, 1, "t0", "");
    om_node(m, "Squeeze", "Y1,axis1", "s1");
    om_ints(m, om_node(m, "Transpose", "s1", "b1"), "perm", 3, swap);
    om_int(m, om_node(m, "Gather", "b1,minus-one", "y"), "axis", 1);
    om_output(m, "y");
    om_lstm_expect(&want, &first);
    om_lstm_expect(&want, &second);
    assert_int_equal(sp_net_add_pool(NULL, &want, SP_POOLING_LAST), SP_OK);
    sp_model model;
    om_accept(m, &model);
    om_expect_net(&model, &want);
}

/* One sequence without a batch axis, Reshape instead of Squeeze, ReLU between and behind. */
static void test_unbatched(void **state) {
    (void)state;
    sp_net want;
    assert_int_equal(sp_net_init(NULL, &want, D), SP_OK);
    om *m = om_new(17);
    om_input(m, "x", "T x 3");
    const om_lstm first = om_lstm_random(m, &rng, D, H), second = om_lstm_random(m, &rng, H, 1);
    om_list(m, "axis1", 1, (const int64_t[]){1});
    om_list(m, "shape", 3, (const int64_t[]){0, 1, -1});
    om_list(m, "flat", 1, (const int64_t[]){-1});
    om_node(m, "Unsqueeze", "x,axis1", "x1");
    lstm_node(m, &first, 0, "x1", "");
    om_node(m, "Reshape", "Y0,shape", "s0");
    om_node(m, "Relu", "s0", "r0");
    lstm_node(m, &second, 1, "r0", "");
    om_node(m, "Reshape", "H1,flat", "v");
    om_node(m, "Relu", "v", "y");
    om_output(m, "y");
    om_lstm_expect(&want, &first);
    assert_int_equal(sp_net_add_relu(NULL, &want), SP_OK);
    om_lstm_expect(&want, &second);
    assert_int_equal(sp_net_add_pool(NULL, &want, SP_POOLING_LAST), SP_OK);
    assert_int_equal(sp_net_add_relu(NULL, &want), SP_OK);
    sp_model model;
    om_accept(m, &model);
    om_expect_net(&model, &want);
}

/* An LSTM on the last state of another one runs once; one on a model of one step at that step. */
static void test_single_steps(void **state) {
    (void)state;
    sp_net want;
    sp_model model;
    assert_int_equal(sp_net_init(NULL, &want, D), SP_OK);
    om *m = om_new(17);
    om_input(m, "x", "T x 1 x 3");
    const om_lstm first = om_lstm_random(m, &rng, D, H), second = om_lstm_random(m, &rng, H, C);
    lstm_node(m, &first, 0, "x", "");
    lstm_node(m, &second, 1, "H0", "");
    om_output(m, "Y1");
    om_lstm_expect(&want, &first);
    assert_int_equal(sp_net_add_pool(NULL, &want, SP_POOLING_LAST), SP_OK);
    om_lstm_expect(&want, &second);
    om_accept(m, &model);
    om_expect_net(&model, &want);
    assert_int_equal(sp_net_init(NULL, &want, D), SP_OK);
    m = om_new(17);
    om_input(m, "x", "1 x 1 x 3");
    const om_lstm only = om_lstm_random(m, &rng, D, H);
    lstm_node(m, &only, 0, "x", "");
    om_output(m, "Y0");
    assert_int_equal(sp_net_add_pool(NULL, &want, SP_POOLING_LAST), SP_OK);
    om_lstm_expect(&want, &only);
    want.steps = 1;
    om_accept(m, &model);
    om_expect_net(&model, &want);
}

/* Every storage of the weights, no bias, and the weights put together by nodes of the graph. */
static void test_weights(void **state) {
    (void)state;
    for (int storage = 0; storage < 4; storage++) {
        sp_net want;
        sp_model model;
        assert_int_equal(sp_net_init(NULL, &want, D), SP_OK);
        om *m = om_new(14);
        om_input(m, "x", "T x 1 x 3");
        om_lstm l = om_lstm_random(m, &rng, D, H);
        om_lstm_weights(m, &l, "", (om_storage)storage);
        const bool biased = storage != OM_LISTED;
        if (!biased) {
            memset(l.bias_input, 0, 4 * H * sizeof(double));
            memset(l.bias_recurrent, 0, 4 * H * sizeof(double));
        }
        om_node(m, "LSTM", biased ? "x,W,R,B" : "x,W,R", ",y");
        om_output(m, "y");
        om_lstm_expect(&want, &l);
        assert_int_equal(sp_net_add_pool(NULL, &want, SP_POOLING_LAST), SP_OK);
        om_accept(m, &model);
        om_expect_net(&model, &want);
    }
}

/* Weights in PyTorch's own order, brought into ONNX's by Slice, Concat and Unsqueeze in the
 * graph. */
static void test_weights_folded(void **state) {
    (void)state;
    sp_net want;
    sp_model model;
    assert_int_equal(sp_net_init(NULL, &want, D), SP_OK);
    om *m = om_new(17);
    om_input(m, "x", "T x 1 x 3");
    const om_lstm l = om_lstm_random(m, &rng, D, H);
    om_reals(m, "w", "16x3", l.input);
    om_reals(m, "r", "16x4", l.recurrent);
    om_reals(m, "bi", "16", l.bias_input);
    om_reals(m, "bh", "16", l.bias_recurrent);
    om_list(m, "axis0", 1, (const int64_t[]){0});
    for (int64_t g = 0; g <= 4; g++) {
        char name[8];
        snprintf(name, sizeof name, "g%d", (int)g);
        om_list(m, name, 1, (const int64_t[]){g * H});
    }
    static const char *const names[4] = {"w", "r", "bi", "bh"};
    for (size_t i = 0; i < 4; i++) {
        char inputs[64], output[32], joined[96];
        for (int g = 0; g < 4; g++) {
            snprintf(inputs, sizeof inputs, "%s,g%d,g%d,axis0", names[i], g, g + 1);
            snprintf(output, sizeof output, "%s-%d", names[i], g);
            om_node(m, "Slice", inputs, output);
        }
        snprintf(joined, sizeof joined, "%s-0,%s-3,%s-1,%s-2", names[i], names[i], names[i],
                 names[i]);
        snprintf(output, sizeof output, "%s-onnx", names[i]);
        om_int(m, om_node(m, "Concat", joined, output), "axis", 0);
    }
    om_int(m, om_node(m, "Concat", "bi-onnx,bh-onnx", "b-onnx"), "axis", 0);
    om_node(m, "Unsqueeze", "w-onnx,axis0", "W");
    om_node(m, "Unsqueeze", "r-onnx,axis0", "R");
    om_node(m, "Unsqueeze", "b-onnx,axis0", "B");
    om_node(m, "LSTM", "x,W,R,B", ",y");
    om_output(m, "y");
    om_lstm_expect(&want, &l);
    assert_int_equal(sp_net_add_pool(NULL, &want, SP_POOLING_LAST), SP_OK);
    om_accept(m, &model);
    om_expect_net(&model, &want);
}

/* Attributes that say what is the default anyway are read and accepted. */
static void test_default_attributes(void **state) {
    (void)state;
    sp_net want;
    sp_model model;
    assert_int_equal(sp_net_init(NULL, &want, D), SP_OK);
    om *m = om_new(17);
    om_input(m, "x", "T x 1 x 3");
    const om_lstm l = om_lstm_random(m, &rng, D, H);
    Onnx__NodeProto *node = lstm_node(m, &l, 0, "x", "");
    om_string(m, node, "direction", "forward");
    om_strings(m, node, "activations", "Sigmoid,tanh,Tanh");
    om_int(m, node, "input_forget", 0);
    om_int(m, node, "layout", 0);
    om_float_list(m, node, "activation_alpha", 0, NULL);
    om_output(m, "H0");
    om_lstm_expect(&want, &l);
    assert_int_equal(sp_net_add_pool(NULL, &want, SP_POOLING_LAST), SP_OK);
    om_accept(m, &model);
    om_expect_net(&model, &want);
}

/* ---- refusals ---- */

/* A model of one LSTM named "cell" that reads its state from "state". */
static om *single(Onnx__NodeProto **node, const char *shape, const char *state) {
    om *m = om_new(17);
    om_input(m, "x", shape);
    const om_lstm l = om_lstm_random(m, &rng, D, H);
    *node = lstm_node(m, &l, 0, "x", state);
    (*node)->name = om_text(m, "cell");
    om_output(m, "H0");
    return m;
}

static void test_refused_attributes(void **state) {
    (void)state;
    static const char *const directions[] = {"backward", "both", "Forward", ""};
    static const char *const activations[][2] = {
        {"Sigmoid,Tanh,Relu", "activations[1] and activations[2] are not the same"},
        {"Elu,Tanh,Tanh", "activations[0]|\"Elu\""},
        {"Sigmoid,Sigmoid,Tanh", "activations[1] and activations[2] are not the same"},
        {"Sigmoid,Tanh", "activations has 2"},
        {"Sigmoid,Tanh,Tanh,Sigmoid,Tanh,Tanh", "activations has 6"},
    };
    Onnx__NodeProto *node;
    om *m;
    for (size_t i = 0; i < 4; i++) {
        m = single(&node, "T x 1 x 3", "");
        om_string(m, node, "direction", directions[i]);
        char parts[64];
        snprintf(parts, sizeof parts, "'cell' (LSTM)|direction = \"%s\"", directions[i]);
        om_refuse(m, SP_E_UNSUPPORTED, parts);
    }
    for (size_t i = 0; i < 5; i++) {
        m = single(&node, "T x 1 x 3", "");
        om_strings(m, node, "activations", activations[i][0]);
        om_refuse(m, SP_E_UNSUPPORTED, activations[i][1]);
    }
    const float three[3] = {0.25f, 1.0f, 1.0f};
    m = single(&node, "T x 1 x 3", "");
    om_float_list(m, node, "activation_alpha", 3, three);
    om_refuse(m, SP_E_UNSUPPORTED, "'cell' (LSTM)|activation_alpha = 0.25");
    m = single(&node, "T x 1 x 3", "");
    om_float_list(m, node, "activation_beta", 3, three);
    om_refuse(m, SP_E_UNSUPPORTED, "activation_beta = 0.25");
    m = single(&node, "T x 1 x 3", "");
    om_float(m, node, "clip", -3.5);
    om_refuse(m, SP_E_FORMAT, "clip = -3.5 is no limit");
    m = single(&node, "T x 1 x 3", "");
    om_int(m, node, "clip", 0);
    om_refuse(m, SP_E_FORMAT, "clip");
    m = single(&node, "T x 1 x 3", "");
    om_int(m, node, "input_forget", 1);
    om_refuse(m, SP_E_UNSUPPORTED, "input_forget = 1");
    m = single(&node, "T x 1 x 3", "");
    om_int(m, node, "layout", 1);
    om_refuse(m, SP_E_UNSUPPORTED, "batch x steps x features (layout 1)");
    m = single(&node, "T x 1 x 3", "");
    om_int(m, node, "layout", 2);
    om_refuse(m, SP_E_UNSUPPORTED, "layout = 2");
    m = single(&node, "T x 1 x 3", "");
    om_int(m, node, "output_sequence", 1);
    om_refuse(m, SP_E_UNSUPPORTED, "'output_sequence' is not supported");
    m = single(&node, "T x 1 x 3", "");
    om_int(m, node, "linear_before_reset", 0);
    om_refuse(m, SP_E_UNSUPPORTED, "'linear_before_reset' is not supported");
    m = single(&node, "T x 1 x 3", "");
    node->attribute[0]->i = 5;
    om_refuse(m, SP_E_FORMAT, "hidden_size = 5|R has 4");
}

/* Whichever of its states starts elsewhere than at zero. */
static void test_starts(void **state) {
    (void)state;
    static const char *const names[3][2] = {{"h0", "zeros"}, {"zeros", "h0"}, {"h0", "h0"}};
    const double zeros[4] = {0, 0, 0, 0}, start[4] = {0, 0.5, -1e-30, -2.0};
    for (size_t i = 0; i < 3; i++) {
        Onnx__NodeProto *node;
        sp_model model;
        om *m = single(&node, "T x 1 x 3", "");
        om_reals(m, "zeros", "1x1x4", zeros);
        om_reals(m, "h0", "1x1x4", start);
        node->n_input = 7;
        node->input[4] = om_text(m, "");
        node->input[5] = om_text(m, names[i][0]);
        node->input[6] = om_text(m, names[i][1]);
        om_accept(m, &model); // compared with the file's own graph
        bool seeded = false;
        for (size_t n = 0; n < model.net.nodes; n++) {
            seeded = seeded || model.net.node[n].cell.seeded;
        }
        assert_true(seeded && model.agreement < 1e-12);
        sp_model_clear(&model);
    }
}

static void test_refused_inputs(void **state) {
    (void)state;
    const double zeros[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0.5};
    const double tiny[4] = {0, 0, NAN, 0};
    Onnx__NodeProto *node;
    om *m = single(&node, "T x 1 x 3", "");
    om_reals(m, "P", "1x12", zeros);
    node->n_input = 8;
    node->input[5] = node->input[6] = om_text(m, "");
    node->input[7] = om_text(m, "P");
    om_refuse(m, SP_E_UNSUPPORTED, "'cell' (LSTM)|peephole weights P ('P')");
    m = single(&node, "6 x 1 x 3", "");
    om_wholes(m, "lens", "1", (const int64_t[]){4});
    node->n_input = 5;
    node->input[4] = om_text(m, "lens");
    om_refuse(m, SP_E_UNSUPPORTED, "sequence_lens ('lens')");
    m = single(&node, "T x 1 x 3", "state");
    om_reals(m, "state", "1x1x4", tiny);
    om_refuse(m, SP_E_NONFINITE, "initial_h[2] is");
    m = single(&node, "T x 1 x 3", "state");
    om_reals(m, "state", "1x4", zeros);
    om_refuse(m, SP_E_FORMAT, "initial_h does not have the shape 1 x 1 x 4");
    m = single(&node, "T x 1 x 3", "x");
    om_refuse(m, SP_E_UNSUPPORTED, "initial_h ('x') depends on the features");
}

static void test_refused_shapes(void **state) {
    (void)state;
    Onnx__NodeProto *node;
    om *m = single(&node, "T x 3", "");
    om_refuse(m, SP_E_UNSUPPORTED, "'cell' (LSTM)|'x'|steps x batch x features");
    m = single(&node, "5 x 7 x 3", "");
    om_refuse(m, SP_E_UNSUPPORTED, "two axes of the input");
    m = single(&node, "1 x 7 x 3", "");
    om_refuse(m, SP_E_UNSUPPORTED, "steps x batch x features");
    m = single(&node, "T x 1 x 5", "");
    om_refuse(m, SP_E_FORMAT, "'cell' (LSTM)|W ('l0W')|5 features");
    static const struct {
        size_t tensor, axis;
        const char *part;
    } broken[] = {{0, 0, "W"}, {0, 1, "W"}, {1, 0, "R"}, {1, 1, "R"}, {1, 2, "W"}, {2, 1, "B"}};
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
        m = single(&node, "T x 1 x 3", "");
        node->n_attribute = 0;
        Onnx__TensorProto *t = m->initialiser[broken[i].tensor];
        t->dims[broken[i].axis] += 1;
        size_t count = sizeof(float);
        for (size_t k = 0; k < t->n_dims; k++) {
            count *= (size_t)t->dims[k];
        }
        om_raw_bytes(m, t, om_take(m, count, 1), count);
        om_refuse(m, SP_E_FORMAT, broken[i].part);
    }
}

static void test_refused_results(void **state) {
    (void)state;
    Onnx__NodeProto *node;
    om *m = single(&node, "T x 1 x 3", "");
    m->output[0]->name = om_text(m, "Y0");
    om_refuse(m, SP_E_UNSUPPORTED, "'Y0' has one row per step|last step");
    m = single(&node, "T x 1 x 3", "");
    m->output[0]->name = om_text(m, "C0");
    om_refuse(m, SP_E_UNSUPPORTED, "'C0'");
    m = single(&node, "T x 1 x 3", "");
    om_node(m, "Relu", "C0", "y");
    m->output[0]->name = om_text(m, "y");
    om_refuse(m, SP_E_UNSUPPORTED, "'y' (Relu)|'C0', the cell state of an LSTM");
    m = single(&node, "T x 1 x 3", "");
    om_node(m, "Add", "H0,Y0", "y");
    m->output[0]->name = om_text(m, "y");
    om_refuse(m, SP_E_UNSUPPORTED, "'y' has one row per step");
}

/* A residual connection around a layer, and two directions joined, are no chains. */

static void test_nonfinite(void **state) {
    (void)state;
    for (size_t t = 0; t < 3; t++) {
        Onnx__NodeProto *node;
        om *m = single(&node, "T x 1 x 3", "");
        const float nan = (float)(0.0 / 0.0);
        memcpy(m->initialiser[t]->raw_data.data, &nan, sizeof nan);
        static const char *const part[3] = {"'cell' (LSTM)|weight[0]", "'cell' (LSTM)|recurrent[0]",
                                            "'cell' (LSTM)|bias[0]"};
        om_refuse(m, SP_E_NONFINITE, part[t]);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stacks),
        cmocka_unit_test(test_batch_first),
        cmocka_unit_test(test_unbatched),
        cmocka_unit_test(test_single_steps),
        cmocka_unit_test(test_weights),
        cmocka_unit_test(test_weights_folded),
        cmocka_unit_test(test_default_attributes),
        cmocka_unit_test(test_refused_attributes),
        cmocka_unit_test(test_starts),
        cmocka_unit_test(test_refused_inputs),
        cmocka_unit_test(test_refused_shapes),
        cmocka_unit_test(test_refused_results),
        cmocka_unit_test(test_nonfinite),
    };
    return cmocka_run_group_tests_name("onnx/lstm", tests, setup, NULL);
}
