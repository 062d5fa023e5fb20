/* Writes seeds of the ONNX fuzzer: small LSTM stacks in every way of reading them out, and every
 * operator that moves values. */
#include "tests/onnx/stack.h"

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
    sp_net_init(&unused, D);
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
    return 0;
}
