/* Writes seeds of the ONNX fuzzer: small LSTM stacks in every way of reading them out. */
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

int main(int count, char **arguments) {
    sp_rng rng;
    sp_rng_init(&rng, 1);
    if (count != 2) {
        fprintf(stderr, "seeds FOLDER\n");
        return 1;
    }
    size_t index = 0;
    for (size_t layers = 1; layers <= 2; layers++) {
        for (int way = 0; way < READ_WAYS; way++) {
            om *m = stack(&rng, layers, (read_out)way);
            write_model(m, arguments[1], index++);
            om_free(m);
        }
    }
    return 0;
}
