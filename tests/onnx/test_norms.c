/* Layer normalisations, softmaxes over the steps, normalisation of clips and masks of padding, in
 * the ways in which exporters write them: each file is read, its network agrees with the file's own
 * graph, and with onnxruntime where that is there. */
#include "tests/onnx/layer_cases.h"

static void dense(om *m, const char *x, const char *to, size_t in, size_t out) {
    char shape[32], name[32], inputs[64];
    snprintf(shape, sizeof shape, "%zux%zu", in, out);
    snprintf(name, sizeof name, "dense %s", to);
    reals(m, name, shape, in * out);
    snprintf(inputs, sizeof inputs, "%s,%s", x, name);
    om_node(m, "MatMul", inputs, to);
}

static void number(om *m, const char *name, double value) {
    double *kept = om_take(m, 1, sizeof *kept);
    *kept = value;
    om_reals(m, name, "", kept);
}

static void reduce(om *m, const char *op, const char *x, const char *to, int64_t axis, bool keep) {
    char inputs[64], axes[32];
    snprintf(axes, sizeof axes, "axes %s", to);
    om_list(m, axes, 1, &axis);
    snprintf(inputs, sizeof inputs, "%s,%s", x, axes);
    om_int(m, om_node(m, op, inputs, to), "keepdims", keep);
}

static void add_norm(om *m) {
    reals(m, "scale", "4", D);
    reals(m, "shift", "4", D);
    om_int(m, om_node(m, "LayerNormalization", "x,scale,shift", "n"), "axis", -1);
    classify_last(m, "n", D);
}

static void add_norm_once(om *m) {
    dense(m, "x", "d", D, 3);
    last_step(m, "d", "v");
    reals(m, "scale", "3", 3);
    Onnx__NodeProto *node = om_node(m, "LayerNormalization", "v,scale", "n");
    om_int(m, node, "axis", 1);
    om_float(m, node, "epsilon", 0.01);
    classify(m, "n", 3);
}

/* Every channel over the steps of the clip. */
static void add_norm_of_channels(om *m) {
    reals(m, "scale", "4", D);
    reals(m, "shift", "4", D);
    om_ints(m, om_node(m, "Transpose", "x", "channels"), "perm", 3, (const int64_t[]){0, 2, 1});
    om_float(m, om_node(m, "InstanceNormalization", "channels,scale,shift", "n"), "epsilon", 0.01);
    om_ints(m, om_node(m, "Transpose", "n", "steps"), "perm", 3, (const int64_t[]){0, 2, 1});
    classify_last(m, "steps", D);
}

/* As torch writes it before opset 17, and then a mean over the steps. */
static void add_norm_written_out(om *m) {
    number(m, "two", 2.0);
    number(m, "little", 1e-3);
    reals(m, "scale", "4", D);
    reals(m, "shift", "4", D);
    reduce(m, "ReduceMean", "x", "mean", -1, true);
    om_node(m, "Sub", "x,mean", "apart");
    om_node(m, "Pow", "apart,two", "square");
    reduce(m, "ReduceMean", "square", "variance", -1, true);
    om_node(m, "Add", "variance,little", "more");
    om_node(m, "Sqrt", "more", "deviation");
    om_node(m, "Div", "apart,deviation", "ratio");
    om_node(m, "Mul", "ratio,scale", "scaled");
    om_node(m, "Add", "scaled,shift", "n");
    reduce(m, "ReduceMean", "n", "v", 1, false);
    classify(m, "v", D);
}

/* As Keras writes it: x r - mean r, with r = 1 / sqrt(..). */
static void add_norm_of_keras(om *m) {
    number(m, "little", 1e-3);
    reduce(m, "ReduceMean", "x", "mean", 2, true);
    om_node(m, "Neg", "mean", "less");
    om_node(m, "Sub", "x,mean", "apart");
    om_node(m, "Mul", "apart,apart", "square");
    reduce(m, "ReduceMean", "square", "variance", 2, true);
    om_node(m, "Add", "variance,little", "more");
    om_node(m, "Sqrt", "more", "deviation");
    om_node(m, "Reciprocal", "deviation", "factor");
    om_node(m, "Mul", "x,factor", "a");
    om_node(m, "Mul", "less,factor", "b");
    om_node(m, "Add", "a,b", "n");
    classify_last(m, "n", D);
}

static void attend(om *m, size_t scores) {
    dense(m, "x", "values", D, 3);
    dense(m, "x", "scores", D, scores);
    om_int(m, om_node(m, "Softmax", "scores", "shares"), "axis", 1);
    om_node(m, "Mul", scores > 1 ? "shares,values" : "values,shares", "parts");
    reduce(m, "ReduceSum", "parts", "v", 1, false);
    classify(m, "v", 3);
}

static void add_attention(om *m) {
    attend(m, 1);
}

static void add_attention_of_each(om *m) {
    attend(m, 3);
}

/* exp(s) / sum exp(s), over the steps, written out. */
static void add_softmax_written_out(om *m) {
    dense(m, "x", "scores", D, 1);
    om_node(m, "Exp", "scores", "e");
    reduce(m, "ReduceSum", "e", "sum", 1, true);
    om_node(m, "Div", "e,sum", "shares");
    om_node(m, "Mul", "shares,x", "parts");
    reduce(m, "ReduceSum", "parts", "v", 1, false);
    classify(m, "v", D);
}

/* x less its mean, over its deviation, of the whole clip; of n steps, n - 1 count. */
static void add_clip_normalised(om *m) {
    om_whole(m, "axis", 1);
    number(m, "one", 1.0);
    number(m, "little", 1e-3);
    reduce(m, "ReduceMean", "x", "mean", 1, true);
    om_node(m, "Sub", "x,mean", "apart");
    om_node(m, "Mul", "apart,apart", "square");
    reduce(m, "ReduceMean", "square", "variance", 1, true);
    om_node(m, "Shape", "x", "shape");
    om_list(m, "axes", 1, (const int64_t[]){1});
    om_node(m, "Gather", "shape,axes", "length");
    om_int(m, om_node(m, "ReduceProd", "length", "steps"), "keepdims", 0);
    om_int(m, om_node(m, "Cast", "steps", "count"), "to", 1);
    om_node(m, "Mul", "variance,count", "total");
    om_node(m, "Add", "count,one", "others");
    om_node(m, "Div", "total,others", "unbiased");
    om_node(m, "Sqrt", "unbiased", "deviation");
    om_node(m, "Add", "deviation,little", "divisor");
    om_node(m, "Div", "apart,divisor", "n");
    om_node(m, "Tanh", "n", "t");
    classify_last(m, "t", D);
}

static void add_gate(om *m) {
    dense(m, "x", "a", D, 3);
    dense(m, "x", "b", D, 3);
    om_node(m, "Sigmoid", "a", "gate");
    om_node(m, "Mul", "gate,b", "g");
    classify_last(m, "g", 3);
}

static void add_constant_over_sum(om *m) {
    number(m, "one", 1.5);
    om_node(m, "Mul", "x,x", "square");
    reduce(m, "ReduceSum", "square", "sum", 2, true);
    om_node(m, "Add", "sum,one", "more");
    om_node(m, "Div", "one,more", "quotient");
    classify_last(m, "quotient", 1);
}

static void add_largest_of_any(om *m) {
    dense(m, "x", "d", D, 3);
    reduce(m, "ReduceMax", "d", "v", 1, false);
    classify(m, "v", 3);
}

static void add_mask(om *m) {
    number(m, "zero", 0.0);
    om_node(m, "Equal", "x,zero", "is");
    om_node(m, "Not", "is", "is not");
    om_int(m, om_node(m, "Cast", "is not", "ones"), "to", 1);
    reduce(m, "ReduceSum", "ones", "count", -1, true);
    om_node(m, "Greater", "count,zero", "mask");
    om_int(m, om_node(m, "Cast", "mask", "factor"), "to", 1);
    om_node(m, "Mul", "factor,x", "masked");
    dense(m, "masked", "d", D, 3);
    classify_last(m, "d", 3);
}

static const sp_layer_case cases[] = {
    {"norm", 0, add_norm},
    {"norm-once", 0, add_norm_once},
    {"norm-of-channels", 0, add_norm_of_channels},
    {"norm-of-channels-fixed", STEPS, add_norm_of_channels},
    {"norm-written-out", 0, add_norm_written_out},
    {"norm-of-keras", 0, add_norm_of_keras},
    {"attention", 0, add_attention},
    {"attention-of-each", STEPS, add_attention_of_each},
    {"softmax-written-out", 0, add_softmax_written_out},
    {"clip-normalised", 0, add_clip_normalised},
    {"gate", 0, add_gate},
    {"constant-over-sum", 0, add_constant_over_sum},
    {"largest-of-any", 0, add_largest_of_any},
    {"mask", STEPS, add_mask},
};
enum { CASES = sizeof cases / sizeof *cases };

static void files_are_read_and_agree_with_their_graphs(void **state) {
    (void)state;
    check_graphs(cases, CASES);
}

static void files_agree_with_onnxruntime(void **state) {
    (void)state;
    compare_files(cases, CASES, "norms");
}

/* A step that the mask leaves out has no answer here, one that it does not has that without it. */
static void clips_with_padding_are_refused(void **state) {
    (void)state;
    const sp_layer_case mask = {"mask", STEPS, add_mask};
    double x[STEPS * D], logits[C];
    sp_model model;
    sp_error err = {0};
    sp_rng_init(&rng, sp_test_seed());
    om_accept(make_file(&mask), &model);
    for (size_t i = 0; i < STEPS * D; i++) {
        x[i] = i % D == 1 ? 0.0 : 1.0 + (double)i;
    }
    assert_int_equal(sp_net_run(&err, &model.net, logits, x, STEPS), SP_OK);
    for (size_t i = 0; i < D; i++) {
        x[3 * D + i] = 0.0;
    }
    assert_int_equal(sp_net_run(&err, &model.net, logits, x, STEPS), SP_E_NONFINITE);
    assert_non_null(strstr(err.text, "frame 3 (from 0) is padding, which the model's mask"));
    sp_model_clear(&model);
}

static void refuse_node(const char *op, const char *inputs, const char *parts) {
    om *m = om_new(20);
    om_input(m, "x", "1 x 9 x 4");
    number(m, "zero", 0.0);
    number(m, "one", 1.0);
    reals(m, "scale", "9x4", 36);
    om_node(m, "Relu", "x", "positive");
    om_node(m, "Equal", "x,zero", "is");
    Onnx__NodeProto *node = om_node(m, op, inputs, "n");
    if (op[0] == 'L' && op[1] == 'a') {
        om_int(m, node, "axis", 1);
    }
    classify_last(m, "n", D);
    om_output(m, "y");
    om_refuse(m, SP_E_UNSUPPORTED, parts);
}

static void what_is_none_of_these_is_refused(void **state) {
    (void)state;
    sp_rng_init(&rng, sp_test_seed());
    refuse_node("LayerNormalization", "x,scale", "(LayerNormalization)|which counts the steps");
    refuse_node("Div", "x,x", "(Div)|not known never to be negative");
    refuse_node("Reciprocal", "x", "(Reciprocal)|not known never to be negative");
    refuse_node("Greater", "positive,zero", "(Greater)|certain values");
    refuse_node("Less", "is,one", "(Less)|certain values");
    refuse_node("Not", "positive", "(Not)|certain values");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_are_read_and_agree_with_their_graphs),
        cmocka_unit_test(files_agree_with_onnxruntime),
        cmocka_unit_test(clips_with_padding_are_refused),
        cmocka_unit_test(what_is_none_of_these_is_refused),
    };
    return cmocka_run_group_tests_name("onnx/norms", tests, NULL, NULL);
}
