/* Attention: products of two matrices that both depend on the input, softmaxes over features. Each
 * file is read, its network agrees with the file's own graph, and with onnxruntime where that is
 * there. */
#include "tests/onnx/layer_cases.h"

static void dense(om *m, const char *x, const char *to, size_t in, size_t out) {
    char shape[32], name[32], inputs[64];
    snprintf(shape, sizeof shape, "%zux%zu", in, out);
    snprintf(name, sizeof name, "dense %s", to);
    reals(m, name, shape, in * out);
    snprintf(inputs, sizeof inputs, "%s,%s", x, name);
    om_node(m, "MatMul", inputs, to);
}

static void turn(om *m, const char *x, const char *to, size_t rank, const int64_t *perm) {
    om_ints(m, om_node(m, "Transpose", x, to), "perm", rank, perm);
}

/* [1, steps, 4] as two heads [1, 2, steps, 2]. */
static void heads(om *m, const char *x, const char *to) {
    char inputs[64], apart[32];
    snprintf(apart, sizeof apart, "apart %s", to);
    snprintf(inputs, sizeof inputs, "%s,by heads", x);
    om_node(m, "Reshape", inputs, apart);
    turn(m, apart, to, 4, (const int64_t[]){0, 2, 1, 3});
}

/* Self-attention of two heads, as nn.MultiheadAttention is exported; to [1, steps, 4]. */
static void attend(om *m) {
    double *scale = om_take(m, 1, sizeof *scale);
    *scale = 0.7;
    om_reals(m, "scale", "", scale);
    om_list(m, "by heads", 4, (const int64_t[]){1, -1, 2, 2});
    om_list(m, "together", 3, (const int64_t[]){1, -1, 4});
    dense(m, "x", "q", D, 4);
    dense(m, "x", "k", D, 4);
    dense(m, "x", "v", D, 4);
    heads(m, "q", "queries");
    heads(m, "k", "keys");
    heads(m, "v", "values");
    turn(m, "keys", "turned keys", 4, (const int64_t[]){0, 1, 3, 2});
    om_node(m, "Mul", "queries,scale", "scaled");
    om_node(m, "MatMul", "scaled,turned keys", "scores");
    om_int(m, om_node(m, "Softmax", "scores", "shares"), "axis", -1);
    om_node(m, "MatMul", "shares,values", "heard");
    turn(m, "heard", "steps again", 4, (const int64_t[]){0, 2, 1, 3});
    om_node(m, "Reshape", "steps again,together", "attended");
}

static void add_attention_last(om *m) {
    attend(m);
    classify_last(m, "attended", 4);
}

/* As a layer of a transformer: added to the input, normalised, its mean over the steps. */
static void add_transformer(om *m) {
    attend(m);
    reals(m, "norm", "4", D);
    om_node(m, "Add", "x,attended", "sum");
    om_int(m, om_node(m, "LayerNormalization", "sum,norm", "n"), "axis", -1);
    om_list(m, "steps axis", 1, (const int64_t[]){1});
    om_int(m, om_node(m, "ReduceMean", "n,steps axis", "mean"), "keepdims", 0);
    classify(m, "mean", D);
}

/* One head, whose scores are all numbers of a step, by matrices of rank 3. */
static void add_one_head(om *m) {
    dense(m, "x", "q", D, 3);
    turn(m, "x", "keys", 3, (const int64_t[]){0, 2, 1});
    dense(m, "q", "p", 3, D);
    om_node(m, "MatMul", "p,keys", "scores");
    om_int(m, om_node(m, "Softmax", "scores", "shares"), "axis", -1);
    om_node(m, "MatMul", "shares,x", "heard");
    classify_last(m, "heard", D);
}

/* The steps as what is summed, x' x, and as columns. */
static void add_covariance(om *m) {
    turn(m, "x", "turned", 3, (const int64_t[]){0, 2, 1});
    om_node(m, "MatMul", "turned,x", "covariance");
    om_list(m, "row", 2, (const int64_t[]){1, D * D});
    om_node(m, "Reshape", "covariance,row", "v");
    classify(m, "v", (size_t)D * D);
}

/* Weights of the features, at every step; any number of steps. */
static void add_shares_of_features(om *m) {
    dense(m, "x", "scores", D, D);
    om_int(m, om_node(m, "Softmax", "scores", "shares"), "axis", 2);
    om_node(m, "Mul", "shares,x", "weighed");
    classify_last(m, "weighed", D);
}

/* Two groups of two features each. */
static void add_shares_of_groups(om *m) {
    om_list(m, "groups", 4, (const int64_t[]){1, -1, 2, 2});
    om_list(m, "flat", 3, (const int64_t[]){1, -1, 4});
    om_node(m, "Reshape", "x,groups", "pairs");
    om_int(m, om_node(m, "Softmax", "pairs", "shares"), "axis", 2);
    om_node(m, "Reshape", "shares,flat", "p");
    classify_last(m, "p", D);
}

static const sp_layer_case cases[] = {
    {"attention-last", STEPS, add_attention_last},
    {"transformer", STEPS, add_transformer},
    {"one-head", STEPS, add_one_head},
    {"covariance", STEPS, add_covariance},
    {"shares-of-features", 0, add_shares_of_features},
    {"shares-of-groups", 0, add_shares_of_groups},
};
enum { CASES = sizeof cases / sizeof *cases };

static void files_are_read_and_agree_with_their_graphs(void **state) {
    (void)state;
    check_graphs(cases, CASES);
}

static void files_agree_with_onnxruntime(void **state) {
    (void)state;
    compare_files(cases, CASES, "pairs");
}

/* ---- what is refused ---- */

static void attention_over_an_open_number_of_steps_is_refused(void **state) {
    (void)state;
    const sp_layer_case open = {"open", 0, add_attention_last};
    const sp_model_input given = {"x", "1x9x4"};
    const sp_model_choice choice = {
        .steps_axis = SP_MODEL_AXIS_BY_FILE, .input = &given, .inputs = 1};
    char path[512];
    size_t size = 0;
    sp_model model;
    sp_error err = {0};
    sp_rng_init(&rng, sp_test_seed());
    om *m = make_file(&open);
    uint8_t *data = om_pack(m, &size);
    om_free(m);
    sp_test_scratch("test_pairs-open.onnx", path, sizeof path);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
    free(data);
    assert_int_equal(sp_model_read(&err, &model, path), SP_E_UNSUPPORTED);
    assert_non_null(strstr(err.text, "(MatMul)"));
    assert_non_null(strstr(err.text, "--input x=1xSTEPSxFEATURES"));
    // with a length that is given it is read
    assert_int_equal(sp_model_open(&err, &model, path, &choice), SP_OK);
    assert_int_equal(model.net.steps, 9);
    sp_model_clear(&model);
}

static void attention_that_is_too_large_is_refused(void **state) {
    (void)state;
    om *m = om_new(20);
    sp_rng_init(&rng, sp_test_seed());
    om_input(m, "x", "1 x 300 x 4");
    add_one_head(m);
    om_output(m, "y");
    om_refuse(m, SP_E_UNSUPPORTED, "'scores' (MatMul)|more than 1024 products");
}

static void remainders_are_of_whole_numbers(void **state) {
    (void)state;
    om *m = om_new(20); // -1 mod 3 is 2, the last axis
    sp_model model;
    sp_rng_init(&rng, sp_test_seed());
    om_input(m, "x", "1 x T x 4");
    om_list(m, "minus", 1, (const int64_t[]){-4});
    om_list(m, "three", 1, (const int64_t[]){3});
    om_node(m, "Mod", "minus,three", "axis");
    om_int(m, om_node(m, "ReduceSum", "x,axis", "sum"), "keepdims", 1);
    classify_last(m, "sum", 1);
    om_output(m, "y");
    om_accept(m, &model);
    sp_model_clear(&model);
    m = om_new(20);
    om_input(m, "x", "1 x T x 4");
    om_reals(m, "real", "", (const double[]){2.0});
    om_node(m, "Mod", "x,real", "rest");
    classify_last(m, "rest", D);
    om_output(m, "y");
    om_refuse(m, SP_E_UNSUPPORTED, "'rest' (Mod)|depends on the features");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_are_read_and_agree_with_their_graphs),
        cmocka_unit_test(files_agree_with_onnxruntime),
        cmocka_unit_test(attention_over_an_open_number_of_steps_is_refused),
        cmocka_unit_test(attention_that_is_too_large_is_refused),
        cmocka_unit_test(remainders_are_of_whole_numbers),
    };
    return cmocka_run_group_tests_name("onnx/pairs", tests, NULL, NULL);
}
