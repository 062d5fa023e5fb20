/* Operators that only move values: opset differences, arithmetic with the number of steps, and every
 * selection that is not the last step. */
#include "tests/onnx/build.h"

enum { D = 3, C = 2 };

static double weight[C * D], transposed[D * C];

static int setup(void **state) {
    (void)state;
    sp_rng rng;
    sp_rng_init(&rng, sp_test_seed());
    om_random(&rng, weight, C * D);
    for (size_t i = 0; i < C * D; i++) {
        transposed[i] = weight[i % C * D + i / C];
    }
    return 0;
}

/* x [shape] -> MatMul -> "h"; the test adds nodes that end in "y". */
static om *start(int64_t opset, const char *shape) {
    om *m = om_new(opset);
    om_input(m, "x", shape);
    om_reals(m, "Wt", "3x2", transposed);
    om_node(m, "MatMul", "x,Wt", "h");
    om_whole(m, "0", 0);
    om_whole(m, "1", 1);
    om_whole(m, "-1", -1);
    om_list(m, "[0]", 1, (const int64_t[]){0});
    om_list(m, "[1]", 1, (const int64_t[]){1});
    om_list(m, "[2]", 1, (const int64_t[]){2});
    om_list(m, "[-1]", 1, (const int64_t[]){-1});
    om_list(m, "[-2]", 1, (const int64_t[]){-2});
    om_list(m, "[far]", 1, (const int64_t[]){INT64_MAX});
    om_list(m, "[far32]", 1, (const int64_t[]){INT32_MAX});
    om_list(m, "[back]", 1, (const int64_t[]){INT64_MIN});
    return m;
}

/* The model must be the one dense layer, on the last of any number of steps. */
static void accept(om *m, size_t steps) {
    sp_net want;
    sp_model model;
    const double zero[C] = {0};
    sp_net_init(&want, D);
    sp_net_set_readout(&want);
    want.steps = steps;
    assert_int_equal(sp_net_add_affine(NULL, &want, C, weight, zero), SP_OK);
    om_output(m, "y");
    om_accept(m, &model);
    om_expect_net(&model, &want);
}

static void refuse(om *m, sp_status status, const char *parts) {
    om_output(m, "y");
    om_refuse(m, status, parts);
}

/* Gather of the last step, so that a test can be about what stands before it. */
static void last(om *m, const char *x) {
    char inputs[64];
    snprintf(inputs, sizeof inputs, "%s,-1", x);
    om_int(m, om_node(m, "Gather", inputs, "y"), "axis", 0);
}

/* ---- opsets ---- */

static void test_axes_by_opset(void **state) {
    (void)state;
    const int64_t one[1] = {1}, minus_two[1] = {-2};
    for (int64_t opset = 7; opset <= 28; opset++) {
        const bool input = opset >= 13;
        om *m = start(opset, "T x 1 x 3");
        Onnx__NodeProto *squeeze = om_node(m, "Squeeze", input ? "h,[1]" : "h", "s");
        Onnx__NodeProto *unsqueeze = om_node(m, "Unsqueeze", input ? "s,[-2]" : "s", "u");
        if (!input) {
            om_ints(m, squeeze, "axes", 1, one);
            om_ints(m, unsqueeze, "axes", 1, minus_two);
        }
        last(m, "u");
        accept(m, 0);
        // the other spelling is refused
        m = start(opset, "T x 1 x 3");
        squeeze = om_node(m, "Squeeze", input ? "h" : "h,[1]", "s");
        if (input) {
            om_ints(m, squeeze, "axes", 1, one);
        }
        last(m, "s");
        refuse(m, SP_E_FORMAT, "'s' (Squeeze)|axes|opset");
    }
}

static void test_slice_by_opset(void **state) {
    (void)state;
    om *m = start(9, "T x 1 x 3");
    Onnx__NodeProto *slice = om_node(m, "Slice", "h", "y");
    om_ints(m, slice, "starts", 1, (const int64_t[]){-1});
    om_ints(m, slice, "ends", 1, (const int64_t[]){INT64_MAX});
    om_ints(m, slice, "axes", 1, (const int64_t[]){0});
    accept(m, 0);
    m = start(9, "T x 1 x 3");
    slice = om_node(m, "Slice", "h", "y");
    om_ints(m, slice, "starts", 1, (const int64_t[]){-1});
    om_ints(m, slice, "ends", 1, (const int64_t[]){INT32_MAX});
    accept(m, 0);
    m = start(9, "T x 1 x 3");
    om_node(m, "Slice", "h,[-1],[far]", "y");
    refuse(m, SP_E_FORMAT, "'y' (Slice)|starts");
    m = start(10, "T x 1 x 3");
    slice = om_node(m, "Slice", "h", "y");
    om_ints(m, slice, "starts", 1, (const int64_t[]){-1});
    om_ints(m, slice, "ends", 1, (const int64_t[]){INT64_MAX});
    refuse(m, SP_E_FORMAT, "'y' (Slice)|starts");
    m = start(10, "T x 1 x 3");
    om_node(m, "Slice", "h,[-1],[far]", "y");
    accept(m, 0);
}

static void test_opset_range(void **state) {
    (void)state;
    static const int64_t bad[] = {-1, 0, 1, 6, 29, INT64_MAX};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        om *m = start(bad[i], "T x 1 x 3");
        last(m, "h");
        refuse(m, SP_E_UNSUPPORTED, "operator set|7 to 28");
    }
    om *m = start(17, "T x 1 x 3");
    m->model.n_opset_import = 0;
    last(m, "h");
    refuse(m, SP_E_FORMAT, "no operator set");
    m = start(17, "T x 1 x 3");
    m->opset.domain = om_text(m, "com.microsoft");
    last(m, "h");
    refuse(m, SP_E_FORMAT, "no operator set");
}

/* ---- the last step and others ---- */

static void test_last_step(void **state) {
    (void)state;
    om *m = start(17, "T x 1 x 3");
    last(m, "h");
    accept(m, 0);
    // an index of rank 1, on either axis
    m = start(17, "1 x T x 3");
    om_int(m, om_node(m, "Gather", "h,[-1]", "g"), "axis", 1);
    om_node(m, "Squeeze", "g", "y");
    accept(m, 0);
    // T - 1, from the shape; T itself as the end of a slice
    m = start(17, "T x 1 x 3");
    om_node(m, "Shape", "x", "s");
    om_node(m, "Gather", "s,0", "T");
    om_node(m, "Sub", "T,1", "T-1");
    om_node(m, "Gather", "h,T-1", "y");
    accept(m, 0);
    m = start(17, "T x 1 x 3");
    om_int(m, om_node(m, "Shape", "x", "[T]"), "end", 1);
    om_node(m, "Add", "[T],-1", "[T-1]");
    om_node(m, "Slice", "h,[T-1],[T],[0],[1]", "y");
    accept(m, 0);
    m = start(17, "T x 1 x 3");
    om_node(m, "Slice", "h,[-1],[far32],[0]", "y");
    accept(m, 0);
    m = start(17, "5 x 1 x 3");
    om_list(m, "[4]", 1, (const int64_t[]){4});
    om_list(m, "[5]", 1, (const int64_t[]){5});
    om_node(m, "Slice", "h,[4],[5],[0]", "y");
    accept(m, 5);
    // slices that keep everything
    m = start(17, "T x 1 x 3");
    om_node(m, "Slice", "h,[0],[far],[0]", "a");
    om_node(m, "Slice", "a,[0],[far],[2]", "b");
    om_node(m, "Slice", "b,[0],[1],[1]", "c");
    last(m, "c");
    accept(m, 0);
    // the only step of a model of one step
    m = start(17, "1 x 1 x 3");
    om_node(m, "Gather", "h,0", "y");
    accept(m, 1);
}

static void test_other_steps(void **state) {
    (void)state;
    static const struct {
        const char *shape, *op, *inputs, *parts;
    } cases[] = {
        {"T x 1 x 3", "Gather", "h,0", "other steps than the last"},
        {"T x 1 x 3", "Gather", "h,1", "other steps than the last"},
        {"T x 1 x 3", "Gather", "h,[-2]", "other steps than the last"},
        {"5 x 1 x 3", "Gather", "h,1", "other steps than the last"},
        {"T x 1 x 3", "Gather", "h,pair", "several positions"},
        {"T x 1 x 3", "Slice", "h,[0],[1],[0]", "other steps than the last"},
        {"T x 1 x 3", "Slice", "h,[-2],[far],[0]", "other steps than the last"},
        {"T x 1 x 3", "Slice", "h,[1],[far],[0]", "other steps than the last"},
        {"T x 1 x 3", "Slice", "h,[0],[-1],[0]", "other steps than the last"},
        {"T x 1 x 3", "Slice", "h,[-2],[-1],[0]", "other steps than the last"},
        {"T x 1 x 3", "Slice", "h,[-1],[-1],[0]", "other steps than the last"},
        {"T x 1 x 3", "Slice", "h,[-1],[0],[0]", "other steps than the last"},
        {"T x 1 x 3", "Slice", "h,[-1],[back],[0],[-1]", "step -1"},
        {"T x 1 x 3", "Slice", "h,[0],[far],[0],[2]", "step 2"},
        {"T x 1 x 3", "Slice", "h,[0],[1],[2]", "some of the features"},
        {"T x 1 x 3", "Slice", "h,[1],[1],[1]", "keeps nothing"},
        {"T x 1 x 3", "ReduceMax", "h", "(ReduceMax)|not supported"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        om *m = start(17, cases[i].shape);
        om_list(m, "pair", 2, (const int64_t[]){0, -1});
        om_node(m, cases[i].op, cases[i].inputs, "y");
        om_output(m, "y");
        sp_error err = {0};
        sp_model model;
        const sp_status status = om_parse(m, &err, &model);
        assert_true(status == SP_E_UNSUPPORTED || status == SP_E_FORMAT);
        om_refuse(m, status, cases[i].parts);
    }
    om *m = start(17, "T x 1 x 3");
    om_int(m, om_node(m, "Gather", "h,0", "g"), "axis", 2);
    last(m, "g");
    refuse(m, SP_E_UNSUPPORTED, "'g' (Gather)|some of the features");
    m = start(17, "T x 1 x 3");
    om_int(m, om_node(m, "Gather", "h,1", "y"), "axis", 1);
    refuse(m, SP_E_FORMAT, "index 1 does not exist");
}

/* ---- shapes ---- */

static void test_reshape(void **state) {
    (void)state;
    // [T, 1, C] -> [T, C] -> [1, T, 1, C] -> [T, 1, C], with 0, -1 and the number of steps itself
    om *m = start(17, "T x 1 x 3");
    om_list(m, "s1", 2, (const int64_t[]){-1, C});
    om_list(m, "s2", 4, (const int64_t[]){1, -1, 1, C});
    om_list(m, "[C]", 1, (const int64_t[]){C});
    om_int(m, om_node(m, "Shape", "x", "[T]"), "end", 1);
    om_int(m, om_node(m, "Concat", "[T],[1],[C]", "s3"), "axis", 0);
    om_list(m, "s4", 3, (const int64_t[]){0, 0, -1});
    om_node(m, "Reshape", "h,s1", "a");
    om_node(m, "Reshape", "a,s2", "b");
    om_node(m, "Reshape", "b,s3", "c");
    om_node(m, "Reshape", "c,s4", "d");
    last(m, "d");
    accept(m, 0);
    m = start(17, "T x 1 x 3");
    om_int(m, om_node(m, "Gather", "h,-1", "v"), "axis", 0);
    om_int(m, om_node(m, "Flatten", "v", "y"), "axis", 1);
    accept(m, 0);
    static const struct {
        const char *shape;
        int64_t to[3];
        size_t rank;
        const char *parts;
    } bad[] = {
        {"T x 1 x 3", {C, -1}, 2, "mixes steps"}, {"T x 1 x 3", {-1}, 1, "mixes steps"},
        {"T x 1 x 3", {1, -1}, 2, "mixes steps"}, {"T x 1 x 3", {-1, -1, C}, 3, "two lengths"},
        {"T x 1 x 3", {-1, 4}, 2, "cannot be"},   {"T x 1 x 3", {-2, C}, 2, "length -2"},
        {"T x 1 x 3", {5, C}, 2, "mixes steps"},  {"7 x 1 x 3", {C, 7}, 2, "mixes steps"},
        {"7 x 1 x 3", {14}, 1, "mixes steps"},    {"7 x 1 x 3", {7}, 1, "too few"},
        {"7 x 1 x 3", {7, 1, C}, 0, "too few"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        m = start(17, bad[i].shape);
        om_list(m, "s", bad[i].rank, bad[i].to);
        om_node(m, "Reshape", "h,s", "r");
        last(m, "r");
        om_output(m, "y");
        sp_error err = {0};
        sp_model model;
        const sp_status status = om_parse(m, &err, &model);
        assert_true(status == SP_E_UNSUPPORTED || status == SP_E_FORMAT);
        om_refuse(m, status, bad[i].parts);
    }
    m = start(17, "T x 3");
    om_node(m, "Flatten", "h", "f");
    last(m, "f");
    accept(m, 0);
    m = start(17, "7 x 1 x 3");
    om_int(m, om_node(m, "Flatten", "h", "y"), "axis", 0);
    refuse(m, SP_E_UNSUPPORTED, "mixes steps");
}

/* Steps and features of one length: only the order of the axes tells them apart. */
static void test_square_sequences(void **state) {
    (void)state;
    om *m = start(17, "2 x 1 x 3");
    om_list(m, "s", 3, (const int64_t[]){1, 2, 2});
    om_node(m, "Reshape", "h,s", "r");
    om_int(m, om_node(m, "Gather", "r,-1", "y"), "axis", 1);
    accept(m, 2);
    m = start(17, "2 x 1 x 3");
    om_list(m, "s", 3, (const int64_t[]){1, 2, 2});
    om_node(m, "Reshape", "h,s", "r");
    om_int(m, om_node(m, "Gather", "r,-1", "y"), "axis", 2);
    refuse(m, SP_E_UNSUPPORTED, "some of the features");
}

static void test_squeeze_and_transpose(void **state) {
    (void)state;
    om *m = start(17, "T x 1 x 3");
    om_node(m, "Squeeze", "h", "s");
    last(m, "s");
    refuse(m, SP_E_UNSUPPORTED, "'s' (Squeeze)|no axes");
    m = start(17, "T x 1 x 3");
    om_node(m, "Squeeze", "h,[0]", "s");
    last(m, "s");
    refuse(m, SP_E_UNSUPPORTED, "axis 0 is removed");
    m = start(17, "T x 1 x 3");
    om_list(m, "[3]", 1, (const int64_t[]){3});
    om_node(m, "Squeeze", "h,[3]", "s");
    last(m, "s");
    refuse(m, SP_E_FORMAT, "axis 3 does not exist");
    m = start(17, "T x 1 x 3");
    om_list(m, "twice", 2, (const int64_t[]){1, -2});
    om_node(m, "Squeeze", "h,twice", "s");
    last(m, "s");
    refuse(m, SP_E_FORMAT, "axis 1 twice");
    m = start(17, "T x 1 x 3");
    om_node(m, "Transpose", "h", "t");
    om_int(m, om_node(m, "Gather", "t,-1", "v"), "axis", 2);
    om_ints(m, om_node(m, "Transpose", "v", "y"), "perm", 2, (const int64_t[]){1, 0});
    accept(m, 0);
    static const int64_t bad[][3] = {{0, 1, 1}, {0, 1, 3}, {-1, 0, 1}};
    for (size_t i = 0; i < 3; i++) {
        m = start(17, "T x 1 x 3");
        om_ints(m, om_node(m, "Transpose", "h", "t"), "perm", 3, bad[i]);
        last(m, "t");
        refuse(m, SP_E_FORMAT, "not part of a permutation");
    }
    m = start(17, "T x 1 x 3");
    om_ints(m, om_node(m, "Transpose", "h", "t"), "perm", 2, bad[0]);
    last(m, "t");
    refuse(m, SP_E_FORMAT, "perm has 2 entries");
    m = start(17, "T x 1 x 3");
    om_list(m, "many", 6, (const int64_t[]){0, 1, 2, 3, 4, 5});
    om_node(m, "Unsqueeze", "h,many", "u");
    last(m, "u");
    refuse(m, SP_E_UNSUPPORTED, "more than 8 axes");
}

/* Operators that do nothing to the features. */
static void test_identities(void **state) {
    (void)state;
    om *m = start(17, "T x 1 x 3");
    om_tensor(m, om_node(m, "Constant", "", "training"), "value",
              om_whole_tensor(m, "", "", (const int64_t[]){0}));
    om_node(m, "Identity", "h", "a");
    om_node(m, "Dropout", "a", "b");
    om_float(m, om_node(m, "Dropout", "b,,training", "c"), "seed", 0.0);
    om_int(m, om_node(m, "Cast", "c", "d"), "to", 11);
    om_int(m, om_node(m, "Concat", "d", "e"), "axis", 0);
    om_list(m, "ones", 3, (const int64_t[]){1, 1, C});
    om_node(m, "Expand", "e,ones", "f");
    last(m, "f");
    accept(m, 0);
    m = start(17, "T x 1 x 3");
    om_node(m, "Dropout", "h,,1", "d");
    last(m, "d");
    refuse(m, SP_E_UNSUPPORTED, "training_mode is set");
    m = start(17, "T x 1 x 3");
    om_node(m, "Dropout", "h", "d,mask");
    last(m, "mask");
    refuse(m, SP_E_UNSUPPORTED, "'mask'");
    static const int64_t types[] = {10, 7, 16, 0, -5};
    for (size_t i = 0; i < 5; i++) {
        m = start(17, "T x 1 x 3");
        om_int(m, om_node(m, "Cast", "h", "c"), "to", types[i]);
        last(m, "c");
        refuse(m, SP_E_UNSUPPORTED, "'c' (Cast)|to =");
    }
    m = start(17, "T x 1 x 3");
    om_list(m, "repeat", 3, (const int64_t[]){1, 4, C});
    om_node(m, "Expand", "h,repeat", "e");
    last(m, "e");
    refuse(m, SP_E_UNSUPPORTED, "'e' (Expand)|repeats 'h' along axis 1");
}

/* ---- constants ---- */

/* Folds an expression in the graph and uses it as the index of a step; it must come to `value`. */
static void expect_whole(om *m, const char *name, int64_t value) {
    // Of 4 fixed steps only index 3 or -1 is the last.
    char index[32];
    snprintf(index, sizeof index, "%s,offset", name);
    om_whole(m, "offset", value + 1);
    om_node(m, "Sub", index, "minus");
    om_node(m, "Gather", "h,minus", "g");
    om_node(m, "Squeeze", "g", "y");
    om_output(m, "y");
    sp_model model;
    sp_error err = {0};
    if (om_parse(m, &err, &model) != SP_OK) {
        fail_msg("%s is not %lld: %s", name, (long long)value, err.text);
    }
    sp_model_clear(&model);
    om_free(m);
}

static void test_constant_arithmetic(void **state) {
    (void)state;
    static const struct {
        const char *op;
        int64_t a, b, result;
    } cases[] = {
        {"Add", 5, -7, -2}, {"Sub", 5, -7, 12}, {"Mul", 5, -7, -35}, {"Div", 7, 2, 3},
        {"Div", -7, 2, -3}, {"Div", 7, -2, -3}, {"Equal", 3, 3, 1},  {"Equal", 3, 4, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        om *m = start(17, "4 x 1 x 3");
        om_whole(m, "a", cases[i].a);
        om_whole(m, "b", cases[i].b);
        om_node(m, cases[i].op, "a,b", "r");
        expect_whole(m, "r", cases[i].result);
    }
    static const struct {
        const char *op;
        int64_t a, b;
    } bad[] = {
        {"Add", INT64_MAX, 1},  {"Add", INT64_MIN, -1},      {"Sub", INT64_MIN, 1},
        {"Sub", 0, INT64_MIN},  {"Mul", INT64_MAX, 2},       {"Mul", INT64_MIN, -1},
        {"Mul", -1, INT64_MIN}, {"Mul", 1L << 32, 1L << 31}, {"Div", 1, 0},
        {"Div", INT64_MIN, -1},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        om *m = start(17, "4 x 1 x 3");
        om_whole(m, "a", bad[i].a);
        om_whole(m, "b", bad[i].b);
        om_node(m, bad[i].op, "a,b", "r");
        last(m, "h");
        m->node[m->graph.n_node - 1]->input[1] = om_text(m, "r");
        refuse(m, SP_E_UNSUPPORTED, "'r'|cannot be followed");
    }
}

/* With an unknown number of steps T >= 1: 2 T - T - 1 is T - 1; T / 1, T = -1 and Where are known. */
static void test_symbolic_arithmetic(void **state) {
    (void)state;
    om *m = start(17, "T x 1 x 3");
    om_whole(m, "2", 2);
    om_int(m, om_node(m, "Shape", "x", "[T]"), "end", 1);
    om_node(m, "Squeeze", "[T],[0]", "T");
    om_node(m, "Mul", "2,T", "2T");
    om_node(m, "Div", "2T,2", "T again");
    om_node(m, "Sub", "2T,T again", "T third");
    om_node(m, "Equal", "T third,-1", "no");
    om_node(m, "Equal", "T third,T", "yes");
    om_node(m, "Equal", "T third,0", "no again");
    om_node(m, "Add", "no,no again", "zero");
    om_node(m, "Equal", "zero,1", "still no");
    om_node(m, "Where", "still no,-1,T third", "T fourth");
    om_node(m, "Where", "yes,T fourth,-1", "T fifth");
    om_int(m, om_node(m, "Cast", "T fifth", "T sixth"), "to", 7);
    om_node(m, "Sub", "T sixth,1", "T-1");
    om_node(m, "Gather", "h,T-1", "y");
    accept(m, 0);
    static const char *const unknown[][2] = {
        {"Mul", "T,T"}, {"Div", "T,2"}, {"Div", "2,T"}, {"Equal", "T,2"}, {"Equal", "T,1"},
    };
    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++) {
        m = start(17, "T x 1 x 3");
        om_whole(m, "2", 2);
        om_int(m, om_node(m, "Shape", "x", "[T]"), "end", 1);
        om_node(m, "Squeeze", "[T],[0]", "T");
        om_node(m, unknown[i][0], unknown[i][1], "r");
        om_node(m, "Gather", "h,r", "y");
        refuse(m, SP_E_UNSUPPORTED, "'r'|cannot be followed");
    }
    m = start(17, "T x 1 x 3");
    om_int(m, om_node(m, "Shape", "x", "[T]"), "end", 1);
    om_node(m, "ConstantOfShape", "[T]", "zeros");
    om_node(m, "Add", "h,zeros", "y");
    refuse(m, SP_E_UNSUPPORTED, "'zeros' (ConstantOfShape)|depends on the number of steps");
    m = start(17, "T x 1 x 3");
    om_int(m, om_node(m, "Shape", "x", "[T]"), "end", 1);
    om_int(m, om_node(m, "Cast", "[T]", "float"), "to", 1);
    om_node(m, "Add", "h,float", "y");
    refuse(m, SP_E_UNSUPPORTED, "'float' (Cast)|number of steps");
}

/* Strided copies of constants, checked as weights: every one must restore the matrix. */
static void test_constant_moves(void **state) {
    (void)state;
    for (int form = 0; form < 7; form++) {
        om *m = om_new(17);
        om_input(m, "x", "N x 3");
        om_reals(m, "W", "2x3", weight);
        om_list(m, "[0]", 1, (const int64_t[]){0});
        om_list(m, "[1]", 1, (const int64_t[]){1});
        om_list(m, "[-1]", 1, (const int64_t[]){-1});
        om_list(m, "[far]", 1, (const int64_t[]){INT64_MAX});
        om_list(m, "[back]", 1, (const int64_t[]){INT64_MIN});
        if (form == 0) {
            om_node(m, "Transpose", "W", "Wt");
        } else if (form == 1) { // rows reversed twice
            om_node(m, "Slice", "W,[-1],[back],[0],[-1]", "r");
            om_node(m, "Slice", "r,[far],[back],[0],[-1]", "r2");
            om_node(m, "Transpose", "r2", "Wt");
        } else if (form == 2) { // columns gathered one by one
            om_list(m, "pick", 3, (const int64_t[]){2, -2, 0});
            om_list(m, "undo", 3, (const int64_t[]){2, 1, 0});
            om_int(m, om_node(m, "Gather", "W,pick", "g"), "axis", 1);
            om_int(m, om_node(m, "Gather", "g,undo", "g2"), "axis", 1);
            om_node(m, "Transpose", "g2", "Wt");
        } else if (form == 3) { // cut in two and joined
            om_node(m, "Slice", "W,[0],[1],[1]", "left");
            om_node(m, "Slice", "W,[1],[far],[1]", "right");
            om_int(m, om_node(m, "Concat", "left,right", "c"), "axis", -1);
            om_node(m, "Transpose", "c", "Wt");
        } else if (form == 4) { // through three axes
            om_list(m, "s3", 3, (const int64_t[]){1, 2, 3});
            om_list(m, "s2", 2, (const int64_t[]){3, -1});
            om_node(m, "Reshape", "W,s3", "a");
            om_ints(m, om_node(m, "Transpose", "a", "b"), "perm", 3, (const int64_t[]){2, 0, 1});
            om_node(m, "Reshape", "b,s2", "Wt");
        } else if (form == 5) { // plus zeros, times ones, minus zeros, broadcast
            const double ones[3] = {1, 1, 1}, zeros[2] = {0, 0};
            om_reals(m, "ones", "3", ones);
            om_reals(m, "zeros", "2x1", zeros);
            om_node(m, "Add", "W,zeros", "a");
            om_node(m, "Mul", "ones,a", "b");
            om_node(m, "Sub", "b,zeros", "c");
            om_node(m, "Div", "c,ones", "d");
            om_node(m, "Transpose", "d", "Wt");
        } else { // chosen by a mask, out of a repeated row
            om_list(m, "rows", 2, (const int64_t[]){2, 3});
            om_wholes(m, "mask", "2x1", (const int64_t[]){1, 0});
            om_node(m, "Gather", "W,[0]", "row0");
            om_node(m, "Expand", "row0,rows", "e");
            om_node(m, "Where", "mask,e,W", "w");
            om_node(m, "Transpose", "w", "Wt");
        }
        om_node(m, "MatMul", "x,Wt", "y");
        accept(m, 1);
    }
}

static void test_constant_nodes(void **state) {
    (void)state;
    static const struct {
        const char *attribute;
        bool list;
    } forms[] = {{"value_int", false}, {"value_ints", true}};
    for (size_t i = 0; i < 2; i++) {
        om *m = start(17, "T x 1 x 3");
        Onnx__NodeProto *node = om_node(m, "Constant", "", "i");
        if (forms[i].list) {
            om_ints(m, node, forms[i].attribute, 1, (const int64_t[]){-1});
        } else {
            om_int(m, node, forms[i].attribute, -1);
        }
        om_node(m, "Gather", "h,i", "y");
        accept(m, 0);
    }
    om *m = start(17, "T x 1 x 3");
    om_float(m, om_node(m, "Constant", "", "f"), "value_float", 0.0);
    om_float_list(m, om_node(m, "Constant", "", "g"), "value_floats", 2, (const float[]){0, 0});
    om_node(m, "Add", "h,f", "a");
    om_node(m, "Add", "g,a", "b");
    last(m, "b");
    accept(m, 0);
    m = start(17, "T x 1 x 3");
    om_string(m, om_node(m, "Constant", "", "s"), "value_string", "text");
    om_node(m, "Gather", "h,s", "y");
    refuse(m, SP_E_UNSUPPORTED, "'s' (Constant)|'value_string' is not supported");
    m = start(17, "T x 1 x 3");
    om_node(m, "Constant", "", "s");
    om_node(m, "Gather", "h,s", "y");
    refuse(m, SP_E_FORMAT, "'s' (Constant)|0 attributes");
    m = start(17, "T x 1 x 3");
    om_int(m, om_node(m, "Constant", "", "s"), "value", 3);
    om_node(m, "Gather", "h,s", "y");
    refuse(m, SP_E_FORMAT, "'s' (Constant)|'value' is not a tensor");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_axes_by_opset),       cmocka_unit_test(test_slice_by_opset),
        cmocka_unit_test(test_opset_range),         cmocka_unit_test(test_last_step),
        cmocka_unit_test(test_other_steps),         cmocka_unit_test(test_reshape),
        cmocka_unit_test(test_square_sequences),    cmocka_unit_test(test_squeeze_and_transpose),
        cmocka_unit_test(test_identities),          cmocka_unit_test(test_constant_arithmetic),
        cmocka_unit_test(test_symbolic_arithmetic), cmocka_unit_test(test_constant_moves),
        cmocka_unit_test(test_constant_nodes),
    };
    return cmocka_run_group_tests_name("onnx/plumbing", tests, setup, NULL);
}
