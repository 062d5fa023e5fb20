/* One dense layer on a sequence, x -> MatMul -> "h", behind which a test puts operators that move
 * values and end in "y". */
#ifndef SP_TESTS_ONNX_SEQUENCE_H
#define SP_TESTS_ONNX_SEQUENCE_H

#include "tests/onnx/build.h"

enum { D = 3, C = 2 };

static double weight[C * D], transposed[D * C];

static inline int setup(void **state) {
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
static inline om *start(int64_t opset, const char *shape) {
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
static inline void accept(om *m, size_t steps) {
    sp_net want;
    sp_model model;
    const double zero[C] = {0};
    assert_int_equal(sp_net_init(NULL, &want, D), SP_OK);
    assert_int_equal(sp_net_add_pool(NULL, &want, SP_POOLING_LAST), SP_OK);
    want.steps = steps;
    assert_int_equal(sp_net_add_affine(NULL, &want, C, weight, zero), SP_OK);
    om_output(m, "y");
    om_accept(m, &model);
    om_expect_net(&model, &want);
}

static inline void refuse(om *m, sp_status status, const char *parts) {
    om_output(m, "y");
    om_refuse(m, status, parts);
}

/* Gather of the last step, so that a test can be about what stands before it. */
static inline void last(om *m, const char *x) {
    char inputs[64];
    snprintf(inputs, sizeof inputs, "%s,-1", x);
    om_int(m, om_node(m, "Gather", inputs, "y"), "axis", 0);
}

#endif
