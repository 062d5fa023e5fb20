/* MatMul, Gemm, Add and Relu: every way of writing a dense layer, and what is refused. */
#include "tests/onnx/build.h"

enum { D = 3, C = 2 };

static double weight[C * D], transposed[D * C], bias[C];

static void fill(sp_rng *rng) {
    om_random(rng, weight, C * D);
    om_random(rng, bias, C);
    for (size_t j = 0; j < C; j++) {
        for (size_t i = 0; i < D; i++) {
            transposed[i * C + j] = weight[j * D + i];
        }
    }
}

static int setup(void **state) {
    (void)state;
    sp_rng rng;
    sp_rng_init(&rng, sp_test_seed());
    fill(&rng);
    return 0;
}

/* The layer y = scale W x + shift b of a model of one step, or of the last step. */
static void expect_dense(om *m, double scale, double shift, size_t steps) {
    double w[C * D], b[C];
    sp_model model;
    sp_net want;
    for (size_t i = 0; i < C * D; i++) {
        w[i] = scale * weight[i];
    }
    for (size_t i = 0; i < C; i++) {
        b[i] = shift * bias[i];
    }
    assert_int_equal(sp_net_init(NULL, &want, D), SP_OK);
    assert_int_equal(sp_net_add_pool(NULL, &want, SP_POOLING_LAST), SP_OK);
    want.steps = steps;
    assert_int_equal(sp_net_add_affine(NULL, &want, C, w, b), SP_OK);
    om_accept(m, &model);
    om_expect_net(&model, &want);
}

static om *start(const char *shape) {
    om *m = om_new(17);
    om_input(m, "x", shape);
    om_reals(m, "W", "2x3", weight);
    om_reals(m, "Wt", "3x2", transposed);
    om_reals(m, "b", "2", bias);
    return m;
}

static void test_gemm_transpositions(void **state) {
    (void)state;
    static const struct {
        const char *shape, *inputs;
        int64_t a, b;
    } cases[] = {
        {"N x 3", "x,W,b", 0, 1},
        {"N x 3", "x,Wt,b", 0, 0},
        {"1 x 3", "x,W,b", 0, 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        om *m = start(cases[i].shape);
        Onnx__NodeProto *gemm = om_node(m, "Gemm", cases[i].inputs, "y");
        om_int(m, gemm, "transA", cases[i].a);
        om_int(m, gemm, "transB", cases[i].b);
        om_output(m, "y");
        expect_dense(m, 1.0, 1.0, 1);
    }
}

/* W x with x as a column, and with transA on a row: the constant is the first matrix or the
 * second. */
static void test_gemm_columns(void **state) {
    (void)state;
    for (int form = 0; form < 4; form++) {
        om *m = start("N x 3");
        om_reals(m, "column", "2x1", bias);
        Onnx__NodeProto *column = om_node(m, "Transpose", "x", "c");
        om_ints(m, column, "perm", 2, (const int64_t[]){1, 0});
        const char *inputs[4] = {"W,c,column", "Wt,c,column", "W,x,column", "c,Wt,b"};
        Onnx__NodeProto *gemm = om_node(m, "Gemm", inputs[form], "y");
        om_int(m, gemm, "transA", form == 1 || form == 3);
        om_int(m, gemm, "transB", form == 2);
        om_output(m, "y");
        expect_dense(m, 1.0, 1.0, 1);
    }
}

static void test_gemm_scales(void **state) {
    (void)state;
    om *m = start("N x 3");
    Onnx__NodeProto *gemm = om_node(m, "Gemm", "x,Wt,b", "y");
    om_float(m, gemm, "alpha", 0.375);
    om_float(m, gemm, "beta", -1.5);
    om_output(m, "y");
    expect_dense(m, 0.375, -1.5, 1);
    m = start("N x 3");
    gemm = om_node(m, "Gemm", "x,Wt", "y");
    om_float(m, gemm, "beta", 5.0);
    om_output(m, "y");
    expect_dense(m, 1.0, 0.0, 1);
    // attributes without a type and a C that is repeated
    m = start("N x 3");
    bias[1] = bias[0];
    om_reals(m, "b0", "1x1", bias);
    gemm = om_node(m, "Gemm", "x,W,b0", "y");
    om_int(m, gemm, "transB", 1);
    gemm->attribute[0]->has_type = 0;
    om_output(m, "y");
    expect_dense(m, 1.0, 1.0, 1);
}

static void test_matmul_and_add(void **state) {
    (void)state;
    static const char *const matmul[] = {"x,Wt", "W,x"};
    static const char *const add[] = {"xw,b", "b,xw"};
    for (int order = 0; order < 2; order++) {
        for (int side = 0; side < 2; side++) {
            om *m = start(order == 0 ? "N x 3" : "3");
            om_node(m, "MatMul", matmul[order], "xw");
            om_node(m, "Add", add[side], "y");
            om_output(m, "y");
            expect_dense(m, 1.0, 1.0, 1);
        }
    }
    // W x on a column, x W on a vector, leading axes on either side
    om *m = start("1 x 3");
    om_reals(m, "column", "2x1", bias);
    om_wholes(m, "axes", "1", (const int64_t[]){-1});
    om_node(m, "Unsqueeze", "x,axes", "x1");
    om_node(m, "MatMul", "W,x1", "xw");
    om_node(m, "Add", "column,xw", "y");
    om_output(m, "y");
    expect_dense(m, 1.0, 1.0, 1);
    m = start("3");
    om_node(m, "MatMul", "x,Wt", "xw");
    om_node(m, "Add", "xw,b", "y");
    om_output(m, "y");
    expect_dense(m, 1.0, 1.0, 1);
    m = start("1 x 3");
    om_reals(m, "W3", "1x1x3x2", transposed);
    om_reals(m, "b3", "1x1x1x1x2", bias);
    om_node(m, "MatMul", "x,W3", "xw");
    om_node(m, "Add", "xw,b3", "y");
    om_output(m, "y");
    expect_dense(m, 1.0, 1.0, 1);
}

static void test_weight_storage(void **state) {
    (void)state;
    for (int storage = 0; storage < 4; storage++) {
        for (int as_node = 0; as_node < 2; as_node++) {
            om *m = om_new(17);
            om_input(m, "x", "N x 3");
            Onnx__TensorProto *w = om_real_tensor(m, "w", "2x3", weight, (om_storage)storage);
            if (as_node) {
                om_tensor(m, om_node(m, "Constant", "", "w"), "value", w);
            } else {
                om_initialiser(m, w);
            }
            Onnx__NodeProto *gemm = om_node(m, "Gemm", "x,w", "y");
            om_int(m, gemm, "transB", 1);
            om_output(m, "y");
            expect_dense(m, 1.0, 0.0, 1);
        }
    }
}

/* Doubles that no FLOAT holds come through unchanged. */
static void test_double_weights_are_exact(void **state) {
    (void)state;
    const double keep = weight[2];
    weight[2] = 0.1;
    om *m = om_new(17);
    om_input(m, "x", "N x 3");
    m->input[0]->type->tensor_type->elem_type = ONNX__TENSOR_PROTO__DATA_TYPE__DOUBLE;
    om_initialiser(m, om_real_tensor(m, "w", "2x3", weight, OM_DOUBLE_RAW));
    om_int(m, om_node(m, "Gemm", "x,w", "y"), "transB", 1);
    om_output(m, "y");
    expect_dense(m, 1.0, 0.0, 1);
    weight[2] = keep;
}

/* Adds before and after other layers become layers of their own. */
static void test_lonely_add(void **state) {
    (void)state;
    const double identity[9] = {1, 0, 0, 0, 1, 0, 0, 0, 1}, shift[3] = {1.5, -2, 0.25};
    const double doubled[3] = {3, -4, 0.5};
    om *m = start("N x 3");
    om_reals(m, "shift", "1x3", shift);
    om_node(m, "Add", "x,shift", "a");
    om_node(m, "Add", "shift,a", "b2");
    om_node(m, "Relu", "b2", "c");
    om_node(m, "Add", "c,shift", "y");
    om_output(m, "y");
    sp_net want;
    assert_int_equal(sp_net_init(NULL, &want, D), SP_OK);
    assert_int_equal(sp_net_add_pool(NULL, &want, SP_POOLING_LAST), SP_OK);
    want.steps = 1;
    assert_int_equal(sp_net_add_affine(NULL, &want, D, identity, doubled), SP_OK);
    assert_int_equal(sp_net_add_relu(NULL, &want), SP_OK);
    assert_int_equal(sp_net_add_affine(NULL, &want, D, identity, shift), SP_OK);
    sp_model model;
    om_accept(m, &model);
    om_expect_net(&model, &want);
}

/* A dense net on a sequence: the last step is what counts; other layers may share its inputs. */
static void test_sequence_and_branches(void **state) {
    (void)state;
    om *m = start("T x batch x 3");
    om_whole(m, "last", -1);
    om_node(m, "MatMul", "x,Wt", "xw");
    om_node(m, "Add", "b,xw", "seq");
    om_node(m, "Relu", "seq", "unused");
    om_node(m, "Relu", "xw", "unused2");
    om_int(m, om_node(m, "Gather", "seq,last", "y"), "axis", 0);
    om_output(m, "y");
    expect_dense(m, 1.0, 1.0, 0);
    // the bias may also be added behind the selection
    m = start("batch x T x 3");
    om_whole(m, "last", -1);
    om_node(m, "MatMul", "x,Wt", "xw");
    om_int(m, om_node(m, "Gather", "xw,last", "v"), "axis", 1);
    om_node(m, "Add", "b,v", "y");
    om_output(m, "y");
    expect_dense(m, 1.0, 1.0, 0);
    // a fixed number of steps
    m = start("7 x 1 x 3");
    om_whole(m, "last", 6);
    om_node(m, "MatMul", "x,Wt", "xw");
    om_node(m, "Add", "b,xw", "seq");
    om_int(m, om_node(m, "Gather", "seq,last", "y"), "axis", 0);
    om_output(m, "y");
    expect_dense(m, 1.0, 1.0, 7);
}

/* Features of width 1, where every axis of length 1 could hold them. */
static void test_width_one(void **state) {
    (void)state;
    const double w1[2] = {2, -3}, w2[2] = {0.5, 0.25}, b1[1] = {1};
    om *m = om_new(17);
    om_input(m, "x", "T x 1 x 1");
    om_reals(m, "w1", "1x2", w1);
    om_reals(m, "w2", "2x1", w2);
    om_reals(m, "b1", "", b1);
    om_list(m, "axes", 1, (const int64_t[]){1});
    om_whole(m, "last", -1);
    om_node(m, "Squeeze", "x,axes", "s");
    om_node(m, "MatMul", "s,w1", "a");
    om_node(m, "Relu", "a", "b");
    om_node(m, "MatMul", "b,w2", "c");
    om_node(m, "Add", "c,b1", "d");
    om_int(m, om_node(m, "Gather", "d,last", "e"), "axis", 0);
    om_node(m, "Relu", "e", "y");
    om_output(m, "y");
    sp_net want;
    const double zero[2] = {0};
    assert_int_equal(sp_net_init(NULL, &want, 1), SP_OK);
    assert_int_equal(sp_net_add_pool(NULL, &want, SP_POOLING_LAST), SP_OK);
    assert_int_equal(sp_net_add_affine(NULL, &want, 2, w1, zero), SP_OK);
    assert_int_equal(sp_net_add_relu(NULL, &want), SP_OK);
    assert_int_equal(sp_net_add_affine(NULL, &want, 1, w2, b1), SP_OK);
    assert_int_equal(sp_net_add_relu(NULL, &want), SP_OK);
    sp_model model;
    om_accept(m, &model);
    om_expect_net(&model, &want);
}

/* ---- refusals ---- */

static void refuse_nodes(const char *shape, const char *op, const char *inputs, sp_status status,
                         const char *parts) {
    om *m = start(shape);
    om_reals(m, "W33", "3x3", (const double[9]){0});
    om_reals(m, "two", "2x3x2", (const double[12]){0});
    om_reals(m, "rows", "2x1", bias);
    om_reals(m, "steps", "7x1x3", (const double[21]){[3] = 1.0});
    om_wholes(m, "whole", "3x2", (const int64_t[6]){0});
    om_reals(m, "none", "0", bias);
    om_reals(m, "vector", "3", weight);
    om_node(m, op, inputs, "y")->name = om_text(m, "the-node");
    om_output(m, "y");
    om_refuse(m, status, parts);
}

static void test_refusals(void **state) {
    (void)state;
    refuse_nodes("N x 3", "MatMul", "x,x", SP_E_UNSUPPORTED,
                 "the-node|MatMul|attention compares every step");
    refuse_nodes("N x 3", "MatMul", "x,W", SP_E_FORMAT, "the-node|MatMul|3 x 2|3 features");
    refuse_nodes("N x 3", "MatMul", "x,two", SP_E_UNSUPPORTED, "the-node|'two' holds several");
    refuse_nodes("N x 3", "MatMul", "x,vector", SP_E_UNSUPPORTED, "'vector' is no matrix");
    refuse_nodes("N x 3", "MatMul", "x,whole", SP_E_FORMAT, "the-node|'whole' must hold FLOAT");
    refuse_nodes("1 x 3", "MatMul", "W33,x", SP_E_FORMAT, "the-node|does not fit 1 features");
    refuse_nodes("N x 3", "Gemm", "x,W", SP_E_FORMAT, "the-node|Gemm|3 x 2");
    refuse_nodes("N x 3", "Gemm", "x,Wt,rows", SP_E_UNSUPPORTED, "'rows'|axis 0");
    refuse_nodes("N x 3", "Gemm", "x,vector", SP_E_FORMAT, "rank 2 and 1");
    refuse_nodes("T x 1 x 3", "Gemm", "x,W", SP_E_FORMAT, "rank 3 and 2");
    refuse_nodes("N x 3", "Gemm", "x,Wt,x", SP_E_UNSUPPORTED, "input C ('x') depends");
    refuse_nodes("N x 3", "Add", "x,b", SP_E_UNSUPPORTED, "'b' has the length 2");
    refuse_nodes("7 x 1 x 3", "Add", "x,steps", SP_E_UNSUPPORTED, "'steps'|same at every step");
    refuse_nodes("N x 3", "Add", "x,none", SP_E_FORMAT, "'none'");
    refuse_nodes("N x 3", "Add", "x,whole", SP_E_FORMAT, "'whole'");
    refuse_nodes("N x 3", "Relu", "W", SP_E_UNSUPPORTED, "'y' is not a function of the input");
    refuse_nodes("N x 3", "Add", "x", SP_E_FORMAT, "the-node|1 inputs");
    refuse_nodes("N x 3", "Add", ",x", SP_E_FORMAT, "the-node|input 0 is left out");
    refuse_nodes("N x 3", "Mul", "x,b", SP_E_UNSUPPORTED, "the-node|Mul|'b' has the length 2");
    refuse_nodes("N x 3", "Sub", "b,x", SP_E_UNSUPPORTED, "the-node|Sub|'b' has the length 2");
    refuse_nodes("N x 3", "Div", "vector,x", SP_E_UNSUPPORTED,
                 "the-node|Div|divides by what is not known never to be negative");
    refuse_nodes("N x 3", "Less", "x,vector", SP_E_UNSUPPORTED,
                 "the-node|Less|it asks whether features");
    refuse_nodes("N x 3", "Max", "x,vector", SP_E_UNSUPPORTED, "the-node|Max|single numbers");
    refuse_nodes("N x 3", "Clip", "x,vector", SP_E_FORMAT, "the-node|Clip|min|one number");
}

static void test_other_operators(void **state) {
    (void)state;
    refuse_nodes("N x 3", "Softmax", "x", SP_E_UNSUPPORTED, "the-node|Softmax|behind the logits");
    refuse_nodes("N x 3", "LogSoftmax", "x", SP_E_UNSUPPORTED, "the-node|LogSoftmax|logits");
    refuse_nodes("N x 3", "Det", "x,W", SP_E_UNSUPPORTED, "the-node|Det|not supported");
    refuse_nodes("N x 3", "Scan", "x,W,W", SP_E_UNSUPPORTED, "the-node|Scan|only Loop");
    refuse_nodes("N x 3", "If", "x", SP_E_UNSUPPORTED, "the-node|If|branch");
    refuse_nodes("N x 3", "Loop", "x,W,W", SP_E_FORMAT, "the-node|Loop|no body");
    refuse_nodes("N x 3", "", "x", SP_E_UNSUPPORTED, "the-node");
}

static void test_attributes(void **state) {
    (void)state;
    om *m = start("N x 3");
    om_int(m, om_node(m, "Relu", "x", "y"), "consumed_inputs", 1);
    om_output(m, "y");
    om_refuse(m, SP_E_UNSUPPORTED, "'y' (Relu)|'consumed_inputs' is not supported");
    m = start("N x 3");
    Onnx__NodeProto *gemm = om_node(m, "Gemm", "x,W,b", "y");
    om_int(m, gemm, "transB", 1);
    om_int(m, gemm, "transB", 1);
    om_output(m, "y");
    om_refuse(m, SP_E_FORMAT, "'transB' is given twice");
    m = start("N x 3");
    om_float(m, om_node(m, "Gemm", "x,W,b", "y"), "transB", 1.0);
    om_output(m, "y");
    om_refuse(m, SP_E_FORMAT, "'transB' is not a whole number");
    m = start("N x 3");
    om_int(m, om_node(m, "Gemm", "x,Wt,b", "y"), "alpha", 2);
    om_output(m, "y");
    om_refuse(m, SP_E_FORMAT, "'alpha' is not a number");
    m = start("N x 3");
    gemm = om_node(m, "Gemm", "x,Wt,b", "y");
    om_float(m, gemm, "alpha", 2.0);
    gemm->attribute[0]->ref_attr_name = om_text(m, "outer");
    om_output(m, "y");
    om_refuse(m, SP_E_UNSUPPORTED, "'alpha' refers to");
    m = start("N x 3");
    om_node(m, "Relu", "x", "y")->domain = om_text(m, "com.microsoft");
    om_output(m, "y");
    om_refuse(m, SP_E_UNSUPPORTED, "'com.microsoft'");
}

static void test_nonfinite_weights(void **state) {
    (void)state;
    const double bad[3] = {1.0 / 0.0, -1.0 / 0.0, 0.0 / 0.0};
    for (size_t i = 0; i < 3; i++) {
        double w[6] = {0};
        w[4] = bad[i];
        om *m = start("N x 3");
        om_reals(m, "bad", "2x3", w);
        om_int(m, om_node(m, "Gemm", "x,bad,b", "y"), "transB", 1);
        om_output(m, "y");
        om_refuse(m, SP_E_NONFINITE, "'y' (Gemm)|weight[4]");
        m = start("N x 3");
        om_reals(m, "bad", "2", w + 3);
        om_int(m, om_node(m, "Gemm", "x,W,bad", "y"), "transB", 1);
        om_output(m, "y");
        om_refuse(m, SP_E_NONFINITE, "'y' (Gemm)|bias[1]");
    }
    // A finite weight times alpha may overflow.
    double w[6] = {1e300};
    om *m = start("N x 3");
    om_initialiser(m, om_real_tensor(m, "big", "2x3", w, OM_DOUBLE_LISTED));
    Onnx__NodeProto *gemm = om_node(m, "Gemm", "x,big,b", "y");
    om_int(m, gemm, "transB", 1);
    om_float(m, gemm, "alpha", 1e30);
    om_output(m, "y");
    om_refuse(m, SP_E_NONFINITE, "weight[0]");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_gemm_transpositions, setup),
        cmocka_unit_test_setup(test_gemm_columns, setup),
        cmocka_unit_test_setup(test_gemm_scales, setup),
        cmocka_unit_test_setup(test_matmul_and_add, setup),
        cmocka_unit_test_setup(test_weight_storage, setup),
        cmocka_unit_test_setup(test_double_weights_are_exact, setup),
        cmocka_unit_test_setup(test_lonely_add, setup),
        cmocka_unit_test_setup(test_sequence_and_branches, setup),
        cmocka_unit_test_setup(test_width_one, setup),
        cmocka_unit_test_setup(test_refusals, setup),
        cmocka_unit_test_setup(test_other_operators, setup),
        cmocka_unit_test_setup(test_attributes, setup),
        cmocka_unit_test_setup(test_nonfinite_weights, setup),
    };
    return cmocka_run_group_tests_name("onnx/dense", tests, NULL, NULL);
}
