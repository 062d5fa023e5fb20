/* Every operator of curve_operators.h between two dense layers, with its attributes and without
 * them. */
#include "onnx/curve_operators.h"
#include "tests/onnx/build.h"

typedef struct curve {
    const char *operator;
    const char *attributes;
    sp_activation otherwise;
} curve;

static const curve curves[] = {
    {"Relu", "", {.kind = SP_ACTIVATION_RELU}}, // of activation_op.c: the same holds of it
#define SP_CURVE_ROW(operator, KIND, attributes, alpha, beta)                                      \
    {operator, attributes, {SP_ACTIVATION_##KIND, alpha, beta}},
    SP_ONNX_CURVE_LIST(SP_CURVE_ROW)
#undef SP_CURVE_ROW
};

static void check(const curve *c, bool given) {
    const double w[4] = {1.0, -2.0, 0.5, 3.0}, b[2] = {0.25, -0.5};
    sp_activation f = c->otherwise;
    sp_net want;
    sp_model model;
    om *m = om_new(17);
    om_input(m, "x", "T x batch x 2");
    om_reals(m, "W", "2x2", w);
    om_reals(m, "b", "2", b);
    om_list(m, "-1", 1, (const int64_t[]){-1});
    om_node(m, "MatMul", "x,W", "a");
    om_node(m, "Add", "a,b", "y");
    Onnx__NodeProto *node = om_node(m, c->operator, "y", "z");
    if (given && strstr(c->attributes, "alpha") != NULL) {
        om_float(m, node, "alpha", 0.375F);
        f.alpha = 0.375;
    }
    if (given && strstr(c->attributes, "beta") != NULL) {
        om_float(m, node, "beta", -0.125F);
        f.beta = -0.125;
    }
    om_whole(m, "last", -1);
    om_node(m, "Gather", "z,last", "last step");
    om_node(m, "MatMul", "last step,W", "logits");
    om_output(m, "logits");
    om_accept(m, &model);
    assert_true(model.agreement < 1e-12);
    const double turned[4] = {w[0], w[2], w[1], w[3]}, none[2] = {0.0, 0.0};
    assert_int_equal(sp_net_init(NULL, &want, 2), SP_OK);
    assert_int_equal(sp_net_add_pool(NULL, &want, SP_POOLING_LAST), SP_OK);
    assert_int_equal(sp_net_add_affine(NULL, &want, 2, turned, b), SP_OK);
    assert_int_equal(sp_net_add_curve(NULL, &want, f), SP_OK);
    assert_int_equal(sp_net_add_affine(NULL, &want, 2, turned, none), SP_OK);
    om_expect_net(&model, &want);
}

static void functions_stand_between_layers(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof curves / sizeof curves[0]; i++) {
        check(&curves[i], false);
        check(&curves[i], true);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(functions_stand_between_layers),
    };
    return cmocka_run_group_tests_name("onnx/curve_op", tests, NULL, NULL);
}
