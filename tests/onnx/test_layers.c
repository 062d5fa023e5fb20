/* Layers between the input and the logits, in the ways in which exporters write them: each file is
 * read, its network agrees with the file's own graph, and with onnxruntime where that is there. */
#include "tests/onnx/layer_cases.h"

static void norm(om *m, const char *x, const char *to) {
    static const double variance[D] = {0.5, 1.5, 2.0, 0.25};
    char inputs[64];
    reals(m, "gamma", "4", D);
    reals(m, "beta", "4", D);
    reals(m, "mean", "4", D);
    om_reals(m, "variance", "4", variance);
    snprintf(inputs, sizeof inputs, "%s,gamma,beta,mean,variance", x);
    om_float(m, om_node(m, "BatchNormalization", inputs, to), "epsilon", 1e-3);
}

/* xt [1, D, T] -> c [1, T, channels] */
static void conv(om *m, const char *x, size_t channels, size_t groups, int64_t stride,
                 int64_t dilation, int64_t before, int64_t after) {
    char shape[32], inputs[64];
    snprintf(shape, sizeof shape, "%zux%zux3", channels, D / groups);
    reals(m, "kernel", shape, channels * D / groups * 3);
    snprintf(shape, sizeof shape, "%zu", channels);
    reals(m, "kernel bias", shape, channels);
    snprintf(inputs, sizeof inputs, "%s,kernel,kernel bias", x);
    Onnx__NodeProto *node = om_node(m, "Conv", inputs, "ct");
    om_int(m, node, "group", (int64_t)groups);
    ints(m, node, "strides", 1, &stride);
    ints(m, node, "dilations", 1, &dilation);
    ints(m, node, "pads", 2, (const int64_t[]){before, after});
    ints(m, om_node(m, "Transpose", "ct", "c"), "perm", 3, (const int64_t[]){0, 2, 1});
}

static void channels_first(om *m, const char *to) {
    ints(m, om_node(m, "Transpose", "x", to), "perm", 3, (const int64_t[]){0, 2, 1});
}

static void add_norm_before(om *m) {
    channels_first(m, "xt");
    norm(m, "xt", "xn");
    conv(m, "xn", 3, 1, 1, 1, 1, 1);
    om_node(m, "Relu", "c", "r");
    last_step(m, "r", "v");
    classify(m, "v", 3);
}

static void add_norm_behind(om *m) {
    channels_first(m, "xt");
    conv(m, "xt", 4, 2, 1, 2, 4, 0);
    norm(m, "ct", "nt");
    om_node(m, "Relu", "nt", "rt");
    om_node(m, "GlobalAveragePool", "rt", "p");
    om_list(m, "two", 1, (const int64_t[]){2});
    om_node(m, "Squeeze", "p,two", "v");
    classify(m, "v", 4);
}

static void add_strides(om *m) {
    channels_first(m, "xt");
    conv(m, "xt", 3, 1, 2, 1, 1, 1);
    om_node(m, "Relu", "c", "r");
    om_int(m, om_node(m, "ReduceMean", "r,one", "v"), "keepdims", 0);
    om_list(m, "one", 1, (const int64_t[]){1});
    classify(m, "v", 3);
}

static void add_image(om *m) { // time x features with one channel, halved along the features
    om_list(m, "one", 1, (const int64_t[]){1});
    om_node(m, "Unsqueeze", "x,one", "image");
    reals(m, "kernel", "3x1x3x2", 18);
    Onnx__NodeProto *node = om_node(m, "Conv", "image,kernel", "c");
    ints(m, node, "strides", 2, (const int64_t[]){1, 2});
    ints(m, node, "pads", 4, (const int64_t[]){1, 0, 1, 0});
    om_node(m, "Relu", "c", "r");
    ints(m, om_node(m, "Transpose", "r", "rt"), "perm", 4, (const int64_t[]){0, 2, 1, 3});
    om_list(m, "flat", 3, (const int64_t[]){0, 0, 6});
    om_node(m, "Reshape", "rt,flat", "f");
    last_step(m, "f", "v");
    classify(m, "v", 6);
}

/* h [1, T, directions H] */
static void recurrent(om *m, const char *op, const char *direction) {
    const size_t n = direction[0] == 'b' ? 2 : 1;
    const size_t gates = op[0] == 'L' ? 4 : op[0] == 'G' ? 3 : 1;
    char shape[48];
    ints(m, om_node(m, "Transpose", "x", "steps first"), "perm", 3, (const int64_t[]){1, 0, 2});
    snprintf(shape, sizeof shape, "%zux%zux%d", n, gates * H, D);
    reals(m, "W", shape, n * gates * H * D);
    snprintf(shape, sizeof shape, "%zux%zux%d", n, gates * H, H);
    reals(m, "R", shape, n * gates * H * H);
    snprintf(shape, sizeof shape, "%zux%zu", n, 2 * gates * H);
    reals(m, "B", shape, n * 2 * gates * H);
    Onnx__NodeProto *node = om_node(m, op, "steps first,W,R,B", "Y,Yh");
    om_int(m, node, "hidden_size", H);
    om_string(m, node, "direction", direction);
    ints(m, om_node(m, "Transpose", "Y", "Yt"), "perm", 4, (const int64_t[]){2, 0, 1, 3});
    om_list(m, "side by side", 3, (const int64_t[]){1, -1, (int64_t)n * H});
    om_node(m, "Reshape", "Yt,side by side", "h");
}

static void add_both_directions(om *m) {
    recurrent(m, "LSTM", "bidirectional");
    last_step(m, "h", "v");
    classify(m, "v", 2 * H);
}

static void add_last_states(om *m) { // those of both directions side by side
    recurrent(m, "GRU", "bidirectional");
    ints(m, om_node(m, "Transpose", "Yh", "t"), "perm", 3, (const int64_t[]){1, 0, 2});
    om_node(m, "Flatten", "t", "v");
    classify(m, "v", 2 * H);
}

static void add_reverse(om *m) {
    recurrent(m, "RNN", "reverse");
    om_whole(m, "first", 0);
    om_int(m, om_node(m, "Gather", "h,first", "v"), "axis", 1);
    classify(m, "v", H);
}

static void add_residual(om *m) {
    reals(m, "square", "4x4", 16);
    om_node(m, "MatMul", "x,square", "a");
    om_node(m, "Relu", "a", "b");
    om_node(m, "Add", "b,x", "c");
    om_node(m, "Sub", "x,c", "d");
    om_node(m, "Neg", "d", "e");
    last_step(m, "e", "v");
    classify(m, "v", D);
}

static void add_parts(om *m) { // features 3, 1 and the first two, and a constant
    reals(m, "square", "4x4", 16);
    om_node(m, "MatMul", "x,square", "a");
    om_list(m, "some", 2, (const int64_t[]){3, 1});
    om_int(m, om_node(m, "Gather", "a,some", "b"), "axis", 2);
    om_list(m, "zero", 1, (const int64_t[]){0});
    om_list(m, "two", 1, (const int64_t[]){2});
    om_node(m, "Slice", "x,zero,two,two", "c");
    om_int(m, om_node(m, "Concat", "b,c", "d"), "axis", 2);
    om_node(m, "Relu", "d", "e");
    last_step(m, "e", "v");
    classify(m, "v", D);
}

static void add_window(om *m) { // all steps side by side
    om_node(m, "Relu", "x", "r");
    om_node(m, "Flatten", "r", "v");
    classify(m, "v", STEPS * D);
}

static void add_middle_step(om *m) {
    om_whole(m, "seventh", 6);
    om_node(m, "Relu", "x", "r");
    om_int(m, om_node(m, "Gather", "r,seventh", "v"), "axis", 1);
    classify(m, "v", D);
}

static void add_later_steps(om *m) { // all but the first one and the last two
    om_list(m, "one", 1, (const int64_t[]){1});
    om_list(m, "minus two", 1, (const int64_t[]){-2});
    om_node(m, "Relu", "x", "r");
    om_node(m, "Slice", "r,one,minus two,one", "s");
    om_node(m, "ReduceSum", "s,one", "w");
    om_node(m, "Flatten", "w", "v");
    classify(m, "v", D);
}

static void add_backwards(om *m) { // flipped steps and a forward cell
    const char *back = "steps back";
    om_list(m, "minus one", 1, (const int64_t[]){-1});
    om_list(m, "far", 1, (const int64_t[]){INT64_MIN});
    om_list(m, "axis one", 1, (const int64_t[]){1});
    om_node(m, "Slice", "x,minus one,far,axis one,minus one", back);
    ints(m, om_node(m, "Transpose", back, "t"), "perm", 3, (const int64_t[]){1, 0, 2});
    reals(m, "W", "1x3x4", 12);
    reals(m, "R", "1x3x3", 9);
    om_int(m, om_node(m, "RNN", "t,W,R", "Y,Yh"), "hidden_size", H);
    om_node(m, "Flatten", "Yh", "v");
    classify(m, "v", H);
}

static void number(om *m, const char *name, double value) {
    om_reals(m, name, "", &value);
}

static void add_limits(om *m) { // PRelu of every channel, Clip, Tanh, Sigmoid
    om_reals(m, "slopes", "4", (const double[]){0.25, -0.5, 1.5, 0.0});
    om_node(m, "PRelu", "x,slopes", "a");
    number(m, "low", -0.5);
    number(m, "high", 1.0);
    om_node(m, "Clip", "a,low,high", "b");
    om_node(m, "Min", "x,low", "c");
    om_node(m, "Add", "b,c", "d");
    om_node(m, "Tanh", "d", "e");
    om_node(m, "HardSigmoid", "x", "f");
    om_node(m, "Sub", "e,f", "g");
    om_node(m, "Sigmoid", "g", "h");
    last_step(m, "h", "v");
    classify(m, "v", D);
}

static void add_curves(om *m) { // operators of curve_operators.h, added up
    om_node(m, "Elu", "x", "a");
    om_node(m, "Selu", "a", "b");
    om_node(m, "Softplus", "x", "c");
    om_node(m, "HardSwish", "x", "d");
    om_node(m, "Softsign", "x", "e");
    om_node(m, "Erf", "x", "f");
    om_node(m, "Mish", "x", "g");
    om_node(m, "Abs", "x", "h");
    om_node(m, "LeakyRelu", "x", "i");
    om_node(m, "Gelu", "x", "j");
    om_string(m, om_node(m, "Gelu", "x", "k"), "approximate", "tanh");
    om_node(m, "Add", "b,c", "1");
    om_node(m, "Sub", "d,e", "2");
    om_node(m, "Sub", "f,g", "3");
    om_node(m, "Add", "h,i", "4");
    om_node(m, "Sub", "j,k", "5");
    om_node(m, "Add", "1,2", "6");
    om_node(m, "Add", "3,4", "7");
    om_node(m, "Add", "6,7", "8");
    om_node(m, "Add", "8,5", "s");
    last_step(m, "s", "v");
    classify(m, "v", D);
}

static void add_products(om *m) { // SiLU and GELU as exporters write them, one behind the other
    number(m, "root", (double)1.41421354F);
    number(m, "k", 0.797884583473205566);
    number(m, "c", 0.0447149984538555145);
    number(m, "1", 1.0);
    number(m, "half", 0.5);
    om_node(m, "Sigmoid", "x", "s");
    om_node(m, "Mul", "x,s", "a");
    om_node(m, "Div", "a,root", "b");
    om_node(m, "Erf", "b", "d");
    om_node(m, "Add", "d,1", "e");
    om_node(m, "Mul", "a,e", "f");
    om_node(m, "Mul", "f,half", "g");
    om_node(m, "Mul", "g,g", "g2");
    om_node(m, "Mul", "g2,g", "g3");
    om_node(m, "Mul", "g3,c", "h");
    om_node(m, "Add", "g,h", "i");
    om_node(m, "Mul", "i,k", "j");
    om_node(m, "Tanh", "j", "l");
    om_node(m, "Add", "l,1", "m");
    om_node(m, "Mul", "g,m", "n");
    last_step(m, "n", "v");
    classify(m, "v", D);
}

/* relu(x) -> conv -> 4 channels [1, 4, T] -> `op` of windows -> the last one */
static void pool_steps(om *m, const char *op, int64_t size, int64_t stride, int64_t dilation) {
    channels_first(m, "xt");
    conv(m, "xt", 4, 2, 1, 1, 1, 1);
    Onnx__NodeProto *node = om_node(m, op, "ct", "p");
    ints(m, node, "kernel_shape", 1, &size);
    ints(m, node, "strides", 1, &stride);
    if (dilation > 1) {
        ints(m, node, "dilations", 1, &dilation);
    }
    ints(m, om_node(m, "Transpose", "p", "q"), "perm", 3, (const int64_t[]){0, 2, 1});
    last_step(m, "q", "v");
    classify(m, "v", 4);
}

static void add_largest_of_steps(om *m) {
    pool_steps(m, "MaxPool", 3, 2, 1);
}

static void add_largest_apart(om *m) {
    pool_steps(m, "MaxPool", 2, 1, 2);
}

static void add_mean_of_steps(om *m) {
    pool_steps(m, "AveragePool", 3, 2, 1);
}

static void add_image_pools(om *m) { // windows over steps and features, then the mean of windows
    om_list(m, "one", 1, (const int64_t[]){1});
    om_node(m, "Unsqueeze", "x,one", "image");
    reals(m, "kernel", "3x1x3x1", 9);
    ints(m, om_node(m, "Conv", "image,kernel", "c"), "pads", 4, (const int64_t[]){1, 0, 1, 0});
    Onnx__NodeProto *node = om_node(m, "MaxPool", "c", "p");
    ints(m, node, "kernel_shape", 2, (const int64_t[]){2, 3});
    node = om_node(m, "AveragePool", "p", "q");
    ints(m, node, "kernel_shape", 2, (const int64_t[]){1, 2});
    ints(m, om_node(m, "Transpose", "q", "rt"), "perm", 4, (const int64_t[]){0, 2, 1, 3});
    om_list(m, "flat", 3, (const int64_t[]){0, 0, 3});
    om_node(m, "Reshape", "rt,flat", "f");
    last_step(m, "f", "v");
    classify(m, "v", 3);
}

static void add_largest_feature(om *m) {
    reals(m, "square", "4x4", 16);
    om_list(m, "two", 1, (const int64_t[]){2});
    om_node(m, "MatMul", "x,square", "a");
    om_node(m, "ReduceMax", "a,two", "b");
    om_node(m, "Sub", "a,b", "d");
    last_step(m, "d", "v");
    classify(m, "v", D);
}

static void add_largest_step(om *m) { // of a fixed number of them
    recurrent(m, "GRU", "forward");
    om_list(m, "one", 1, (const int64_t[]){1});
    om_int(m, om_node(m, "ReduceMax", "h,one", "v"), "keepdims", 0);
    classify(m, "v", H);
}

static void add_largest_channels(om *m) {
    channels_first(m, "xt");
    conv(m, "xt", 4, 2, 1, 1, 1, 1);
    om_node(m, "GlobalMaxPool", "ct", "p");
    om_node(m, "Flatten", "p", "v");
    classify(m, "v", 4);
}

static void add_log_softmax(om *m) {
    last_step(m, "x", "v");
    classify(m, "v", D);
    m->graph.node[m->graph.n_node - 1]->output[0] = om_text(m, "logits");
    om_node(m, "LogSoftmax", "logits", "y");
}

static const sp_layer_case cases[] = {
    {"norm-before", 0, add_norm_before},
    {"norm-behind", 0, add_norm_behind},
    {"strides", 0, add_strides},
    {"image", 0, add_image},
    {"both-directions", 0, add_both_directions},
    {"last-states", 0, add_last_states},
    {"reverse", 0, add_reverse},
    {"residual", 0, add_residual},
    {"parts", 0, add_parts},
    {"window", STEPS, add_window},
    {"middle-step", STEPS, add_middle_step},
    {"later-steps", STEPS, add_later_steps},
    {"backwards", 0, add_backwards},
    {"limits", 0, add_limits},
    {"curves", 0, add_curves},
    {"products", 0, add_products},
    {"largest-of-steps", 0, add_largest_of_steps},
    {"largest-apart", 0, add_largest_apart},
    {"mean-of-steps", 0, add_mean_of_steps},
    {"image-pools", 0, add_image_pools},
    {"largest-feature", 0, add_largest_feature},
    {"largest-step", STEPS, add_largest_step},
    {"largest-channels", STEPS, add_largest_channels},
    {"log-softmax", 0, add_log_softmax},
};
enum { CASES = sizeof cases / sizeof *cases };

static void files_are_read_and_agree_with_their_graphs(void **state) {
    (void)state;
    check_graphs(cases, CASES);
}

static void files_agree_with_onnxruntime(void **state) {
    (void)state;
    compare_files(cases, CASES, "layers");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_are_read_and_agree_with_their_graphs),
        cmocka_unit_test(files_agree_with_onnxruntime),
    };
    return cmocka_run_group_tests_name("onnx/layers", tests, NULL, NULL);
}
