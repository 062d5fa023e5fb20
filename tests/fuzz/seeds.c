/* Writes seeds of the ONNX fuzzer: small LSTM stacks in every way of reading them out, every
 * operator that moves values, Loops, and GRU and RNN nodes. */
#include "tests/onnx/stack.h"
#include "tests/onnx/wake.h"

static void write_model(const om *m, const char *folder, size_t index) {
    char path[512];
    size_t size;
    uint8_t *data = om_pack(m, &size);
    snprintf(path, sizeof path, "%s/stack-%zu.onnx", folder, index);
    FILE *file = fopen(path, "wb");
    if (!file || fwrite(data, 1, size, file) != size || fclose(file) != 0) {
        fprintf(stderr, "%s: cannot be written\n", path);
        exit(1);
    }
    free(data);
}

static om *stack(sp_rng *rng, size_t layers, read_out way) {
    enum { D = 2, H = 2 };
    const double weight[D * H] = {1, 2, 3, 4}, bias[H] = {0.5, -0.5};
    sp_net unused;
    om *m = om_new(17);
    om_input(m, "x", "T x batch x 2");
    om_reals(m, "w", "2x2", weight);
    om_reals(m, "b", "2", bias);
    om_node(m, "MatMul", "x,w", "a");
    om_node(m, "Add", "a,b", "d");
    om_node(m, "Relu", "d", "c");
    assert_int_equal(sp_net_init(NULL, &unused, D), SP_OK);
    torch_states(m, "c", layers, H);
    torch_stack(m, rng, &unused, "c", layers, D, H);
    sp_net_clear(&unused);
    read_out_by(m, layers, H, way);
    om_int(m, om_node(m, "Gemm", "v,w,b", "logits"), "transB", 1);
    om_output(m, "logits");
    return m;
}

/* Every other operator that moves values. */
static om *plumbing(void) {
    const double weight[6] = {1, 2, 3, 4, 5, 6};
    om *m = om_new(17);
    om_input(m, "x", "batch x T x 3");
    om_reals(m, "W", "2x3", weight);
    om_whole(m, "1", 1);
    om_whole(m, "-1", -1);
    om_list(m, "[0]", 1, (const int64_t[]){0});
    om_list(m, "[1]", 1, (const int64_t[]){1});
    om_list(m, "rows", 2, (const int64_t[]){2, 3});
    om_list(m, "view", 3, (const int64_t[]){0, -1, 2});
    om_wholes(m, "mask", "2x1", (const int64_t[]){1, 0});
    om_node(m, "Gather", "W,[0]", "row0");
    om_node(m, "Expand", "row0,rows", "e");
    om_node(m, "Where", "mask,e,W", "w");
    om_node(m, "Mul", "w,w", "w2");
    om_node(m, "Div", "w2,w", "w3");
    om_int(m, om_node(m, "Cast", "w3", "w4"), "to", 11);
    om_node(m, "Transpose", "w4", "Wt");
    om_node(m, "Identity", "x", "i");
    om_node(m, "Dropout", "i", "d");
    om_node(m, "MatMul", "d,Wt", "h");
    om_node(m, "Shape", "h", "s");
    om_node(m, "Gather", "s,1", "T");
    om_node(m, "Equal", "T,-1", "no");
    om_node(m, "Where", "no,1,T", "T2");
    om_node(m, "Sub", "T2,1", "last");
    om_node(m, "Reshape", "h,view", "r");
    om_int(m, om_node(m, "Gather", "r,last", "v"), "axis", 1);
    om_int(m, om_node(m, "Constant", "", "zero"), "value_int", 0);
    om_ints(m, om_node(m, "Constant", "", "axes"), "value_ints", 1, (const int64_t[]){0});
    om_float(m, om_node(m, "Constant", "", "shift"), "value_float", 0.5);
    om_node(m, "Add", "v,shift", "a");
    om_node(m, "Unsqueeze", "a,axes", "u");
    om_node(m, "Slice", "u,[0],[1],[0],[1]", "c");
    om_node(m, "Squeeze", "c,[0]", "q");
    om_int(m, om_node(m, "Flatten", "q", "y"), "axis", 1);
    om_output(m, "y");
    return m;
}

/* Loops in their seven shapes, and in other algebra. */
static om *loop(sp_rng *rng, size_t i) {
    om *m = om_new(18);
    wake_shape s = wake_shapes[i % 7];
    s.update = i % UPDATES;
    s.gate = i % GATES;
    s.candidate = i % CANDIDATES;
    s.reset_after = i % 2 > 0;
    s.joined = i % 4 > 1;
    const wake_weights w = wake_weights_random(m, rng, 2, 2, 3);
    wake_model(m, &w, &s);
    return m;
}

/* GRU and RNN nodes, one behind the other. */
static om *cells(sp_rng *rng) {
    static const float alpha[2] = {0.2f, 1.0f}, beta[2] = {0.5f, 0.0f};
    om *m = om_new(18);
    om_input(m, "x", "T x 1 x 2");
    om_reals(m, "W", "1x6x2", wake_numbers(m, rng, 12, 0.5));
    om_reals(m, "R", "1x6x2", wake_numbers(m, rng, 12, 0.5));
    om_reals(m, "B", "1x12", wake_numbers(m, rng, 12, 0.5));
    om_reals(m, "W2", "1x2x2", wake_numbers(m, rng, 4, 0.5));
    om_reals(m, "R2", "1x2x2", wake_numbers(m, rng, 4, 0.5));
    om_list(m, "[1]", 1, (const int64_t[]){1});
    Onnx__NodeProto *gru = om_node(m, "GRU", "x,W,R,B", "Y,");
    om_int(m, gru, "linear_before_reset", 1);
    om_strings(m, gru, "activations", "HardSigmoid,Affine");
    om_float_list(m, gru, "activation_alpha", 2, alpha);
    om_float_list(m, gru, "activation_beta", 2, beta);
    om_node(m, "Squeeze", "Y,[1]", "s");
    om_node(m, "RNN", "s,W2,R2", ",h");
    om_node(m, "Squeeze", "h,[1]", "logits");
    om_node(m, "Softmax", "logits", "y");
    om_output(m, "y");
    return m;
}

int main(int count, char **arguments) {
    sp_rng rng;
    sp_rng_init(&rng, 1);
    if (count != 2) {
        fprintf(stderr, "seeds FOLDER\n");
        return 1;
    }
    size_t index = 0;
    om *every = plumbing();
    sp_model model;
    assert_int_equal(om_parse(every, NULL, &model), SP_OK);
    sp_model_clear(&model);
    write_model(every, arguments[1], index++);
    om_free(every);
    for (size_t layers = 1; layers <= 2; layers++) {
        for (int way = 0; way < READ_WAYS; way++) {
            om *m = stack(&rng, layers, (read_out)way);
            write_model(m, arguments[1], index++);
            om_free(m);
        }
    }
    for (size_t i = 0; i < 28; i++) {
        om *m = loop(&rng, i);
        write_model(m, arguments[1], index++);
        om_free(m);
    }
    om *recurrent = cells(&rng);
    write_model(recurrent, arguments[1], index++);
    om_free(recurrent);
    return 0;
}
