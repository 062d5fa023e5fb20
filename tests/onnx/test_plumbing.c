/* Operators that only move values: opset differences, arithmetic with the number of steps, and
 * every selection that is not the last step. */
#include "tests/onnx/sequence.h"

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

static void test_what_no_recording_has_is_refused(void **state) {
    (void)state;
    static const struct {
        const char *shape, *op, *inputs, *parts;
    } cases[] = {
        {"5 x 1 x 3", "Gather", "h,9", "index 9 does not exist"},
        {"T x 1 x 3", "Gather", "h,pair", "several steps"},
        {"T x 1 x 3", "Slice", "h,[1],[far],[0]", "one row per step"},
        {"T x 1 x 3", "Slice", "h,[-1],[-1],[0]", "takes no steps"},
        {"T x 1 x 3", "Slice", "h,[-1],[0],[0]", "cannot be followed"},
        {"T x 1 x 3", "Slice", "h,[0],[far],[0],[2]", "every 2th step"},
        {"T x 1 x 3", "Slice", "h,[1],[1],[1]", "keeps nothing"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        om *m = start(17, cases[i].shape);
        om_list(m, "pair", 2, (const int64_t[]){0, -1});
        om_whole(m, "9", 9);
        om_node(m, cases[i].op, cases[i].inputs, "y");
        om_output(m, "y");
        sp_error err = {0};
        sp_model model;
        const sp_status status = om_parse(m, &err, &model);
        assert_true(status == SP_E_UNSUPPORTED || status == SP_E_FORMAT);
        om_refuse(m, status, cases[i].parts);
    }
    om *m = start(17, "T x 1 x 3");
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
        {"T x 1 x 3", {C, -1}, 2, "mixes steps"},     {"T x 1 x 3", {-1}, 1, "mixes steps"},
        {"T x 1 x 3", {1, -1}, 2, "mixes steps"},     {"T x 1 x 3", {-1, -1, C}, 3, "two lengths"},
        {"T x 1 x 3", {-1, 4}, 2, "cannot be"},       {"T x 1 x 3", {-2, C}, 2, "length -2"},
        {"T x 1 x 3", {5, C}, 2, "mixes steps"},      {"7 x 1 x 3", {5, C}, 2, "does not hold"},
        {"7 x 1 x 3", {13}, 1, "does not hold"},      {"7 x 1 x 3", {7}, 1, "does not hold"},
        {"7 x 1 x 3", {7, 1, C}, 0, "does not hold"},
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
    om_list(m, "five", 1, (const int64_t[]){5});
    om_int(m, om_node(m, "Reshape", "h,five", "y"), "allowzero", 0);
    refuse(m, SP_E_UNSUPPORTED, "does not hold the elements of 'h'");
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
    refuse(m, SP_E_UNSUPPORTED, "one row per step");
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
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_axes_by_opset),
        cmocka_unit_test(test_slice_by_opset),
        cmocka_unit_test(test_opset_range),
        cmocka_unit_test(test_last_step),
        cmocka_unit_test(test_what_no_recording_has_is_refused),
        cmocka_unit_test(test_reshape),
        cmocka_unit_test(test_square_sequences),
        cmocka_unit_test(test_squeeze_and_transpose),
        cmocka_unit_test(test_identities),
    };
    return cmocka_run_group_tests_name("onnx/plumbing", tests, setup, NULL);
}
