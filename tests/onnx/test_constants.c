/* Constants that exporters compute in the graph: shapes with the number of steps in them, weights
 * moved about. */
#include "tests/onnx/sequence.h"

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
        {"Add", 5, -7, -2},
        {"Sub", 5, -7, 12},
        {"Mul", 5, -7, -35},
        {"Div", 7, 2, 3},
        {"Div", -7, 2, -3},
        {"Div", 7, -2, -3},
        {"Equal", 3, 3, 1},
        {"Equal", 3, 4, 0},
        {"Less", 3, 4, 1},
        {"Less", 4, 4, 0},
        {"LessOrEqual", 4, 4, 1},
        {"LessOrEqual", 5, 4, 0},
        {"Greater", 5, 4, 1},
        {"Greater", 4, 4, 0},
        {"GreaterOrEqual", 4, 4, 1},
        {"GreaterOrEqual", 3, 4, 0},
        {"And", 1, 0, 0},
        {"And", 1, 1, 1},
        {"Or", 1, 0, 1},
        {"Or", 0, 0, 0},
        {"Min", 3, -4, -4},
        {"Max", 3, -4, 3},
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

/* With an unknown number of steps T >= 1: 2 T - T - 1 is T - 1; T / 1, T = -1 and Where are
 * known. */
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
    static const char *const unknown[][3] = {
        {"Mul", "T,T", "cannot be followed"},
        {"Div", "T,2", "cannot be followed"},
        {"Div", "2,T", "cannot be followed"},
        {"Equal", "T,2", "depends on the number of steps"},
        {"Equal", "T,1", "depends on the number of steps"},
        {"Less", "T,2", "depends on the number of steps"},
        {"LessOrEqual", "T,1", "depends on the number of steps"},
        {"Greater", "2,T", "depends on the number of steps"},
        {"GreaterOrEqual", "1,T", "depends on the number of steps"},
    };
    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++) {
        m = start(17, "T x 1 x 3");
        om_whole(m, "2", 2);
        om_int(m, om_node(m, "Shape", "x", "[T]"), "end", 1);
        om_node(m, "Squeeze", "[T],[0]", "T");
        om_node(m, unknown[i][0], unknown[i][1], "r");
        om_node(m, "Gather", "h,r", "y");
        char parts[64];
        snprintf(parts, sizeof parts, "'r'|%s", unknown[i][2]);
        refuse(m, SP_E_UNSUPPORTED, parts);
    }
    // What holds for every T >= 1 is known: these give 0, and the last step is 0 - 1.
    static const char *const known[][2] = {{"Less", "T,1"},    {"LessOrEqual", "T,0"},
                                           {"Greater", "1,T"}, {"GreaterOrEqual", "0,T"},
                                           {"Less", "T,T"},    {"Equal", "T,0"}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        m = start(17, "T x 1 x 3");
        om_int(m, om_node(m, "Shape", "x", "[T]"), "end", 1);
        om_node(m, "Squeeze", "[T],[0]", "T");
        om_node(m, known[i][0], known[i][1], "no");
        om_node(m, "Not", "no", "yes");
        om_node(m, "Where", "yes,-1,0", "i");
        om_node(m, "Gather", "h,i", "y");
        accept(m, 0);
    }
    m = start(17, "T x 1 x 3");
    om_int(m, om_node(m, "Shape", "x", "[T]"), "end", 1);
    om_node(m, "ConstantOfShape", "[T]", "zeros");
    om_node(m, "Add", "h,zeros", "y");
    refuse(m, SP_E_UNSUPPORTED, "'zeros' (ConstantOfShape)|depends on the number of steps");
    m = start(17, "T x 1 x 3");
    om_int(m, om_node(m, "Shape", "x", "[T]"), "end", 1);
    om_int(m, om_node(m, "Cast", "[T]", "float"), "to", 1);
    om_node(m, "Add", "h,float", "y"); // a number that every step may read
    refuse(m, SP_E_UNSUPPORTED, "'y' has one row per step");
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
        cmocka_unit_test(test_constant_arithmetic),
        cmocka_unit_test(test_symbolic_arithmetic),
        cmocka_unit_test(test_constant_moves),
        cmocka_unit_test(test_constant_nodes),
    };
    return cmocka_run_group_tests_name("onnx/constants", tests, setup, NULL);
}
