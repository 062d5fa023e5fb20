/* Every operator of curve_operators.h between two dense layers, with its attributes and without
 * them; limits, PRelu, and the products that exporters write for a function of one number. */
#include "onnx/curve_operators.h"
#include "tests/onnx/build.h"

typedef struct curve {
    const char *operator;
    const char *attributes;
    sp_activation otherwise;
} curve;

static const curve curves[] = {
    {"Relu", "", {.kind = SP_ACTIVATION_RELU}}, // of other files: the same holds of them
    {"Tanh", "", {.kind = SP_ACTIVATION_TANH}},
    {"Sigmoid", "", {.kind = SP_ACTIVATION_SIGMOID}},
    {"HardSigmoid", "alpha beta", {SP_ACTIVATION_HARD_SIGMOID, (double)0.2F, 0.5}},
    {"Gelu", "", {SP_ACTIVATION_GELU, 0.70710678118654752440, 0.0}},
#define SP_CURVE_ROW(operator, KIND, attributes, alpha, beta)                                      \
    {operator, attributes, {SP_ACTIVATION_##KIND, alpha, beta}},
    SP_ONNX_CURVE_LIST(SP_CURVE_ROW)
#undef SP_CURVE_ROW
};

static const double w[4] = {1.0, -2.0, 0.5, 3.0}, b[2] = {0.25, -0.5};

/* x -> dense -> "y". */
static om *begin(void) {
    om *m = om_new(20);
    om_input(m, "x", "T x batch x 2");
    om_reals(m, "W", "2x2", w);
    om_reals(m, "b", "2", b);
    om_node(m, "MatMul", "x,W", "a");
    om_node(m, "Add", "a,b", "y");
    return m;
}

/* "z" -> last step -> dense; the network must be the same with f at that place, times `scale`. */
static void end(om *m, sp_activation f, double scale) {
    sp_net want;
    sp_model model;
    om_whole(m, "last", -1);
    om_node(m, "Gather", "z,last", "last step");
    om_node(m, "MatMul", "last step,W", "logits");
    om_output(m, "logits");
    om_accept(m, &model);
    assert_true(model.agreement < 1e-12);
    const double turned[4] = {w[0], w[2], w[1], w[3]}, none[2] = {0.0, 0.0};
    double scaled[4];
    for (size_t i = 0; i < 4; i++) {
        scaled[i] = scale * turned[i];
    }
    assert_int_equal(sp_net_init(NULL, &want, 2), SP_OK);
    assert_int_equal(sp_net_add_pool(NULL, &want, SP_POOLING_LAST), SP_OK);
    assert_int_equal(sp_net_add_affine(NULL, &want, 2, turned, b), SP_OK);
    assert_int_equal(sp_net_add_curve(NULL, &want, f), SP_OK);
    assert_int_equal(sp_net_add_affine(NULL, &want, 2, scaled, none), SP_OK);
    om_expect_net(&model, &want);
}

static void check(const curve *c, bool given) {
    sp_activation f = c->otherwise;
    om *m = begin();
    Onnx__NodeProto *node = om_node(m, c->operator, "y", "z");
    const char *second = strchr(c->attributes, ' ');
    if (given && c->attributes[0] != '\0') {
        om_float(m, node, "alpha", 0.375F);
        f.alpha = 0.375;
    }
    if (given && second != NULL) {
        om_float(m, node, second + 1, -0.125F);
        f.beta = -0.125;
    }
    end(m, f, 1.0);
}

static void functions_stand_between_layers(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof curves / sizeof curves[0]; i++) {
        check(&curves[i], false);
        check(&curves[i], true);
    }
}

/* ---- limits ---- */

static void limits_are_curves(void **state) {
    (void)state;
    const struct {
        const char *lo, *hi; // "": none
        sp_activation f;
    } of[] = {{"-1", "2", {SP_ACTIVATION_CLIP, -1.0, 2.0}},
              {"0", "6", {SP_ACTIVATION_CLIP, 0.0, 6.0}},
              {"0", "", {SP_ACTIVATION_RELU, 0.0, 0.0}},
              {"-0.5", "", {SP_ACTIVATION_AT_LEAST, -0.5, 0.0}}};
    for (size_t i = 0; i < sizeof of / sizeof *of; i++) {
        om *m = begin();
        char inputs[32];
        if (of[i].lo[0] != '\0') {
            om_reals(m, "lo", "", (const double[]){strtod(of[i].lo, NULL)});
        }
        if (of[i].hi[0] != '\0') {
            om_reals(m, "hi", "", (const double[]){strtod(of[i].hi, NULL)});
        }
        snprintf(inputs, sizeof inputs, "y,%s%s", of[i].lo[0] != '\0' ? "lo" : "",
                 of[i].hi[0] != '\0' ? ",hi" : "");
        om_node(m, "Clip", inputs, "z");
        end(m, of[i].f, 1.0);
    }
    om *m = begin();
    om_reals(m, "lo", "", (const double[]){2.0});
    om_reals(m, "hi", "", (const double[]){1.0});
    om_node(m, "Clip", "y,lo,hi", "z");
    om_output(m, "z");
    om_refuse(m, SP_E_UNSUPPORTED, "'z' (Clip)|2 .. 1");
}

/* min(y, hi) turns its argument: compared by what it gives. */
static void an_upper_limit_is_a_lower_one_turned(void **state) {
    (void)state;
    const double x[4] = {0.5, 0.25, 3.0, -1.0};
    double logits[2];
    sp_model model;
    om *m = begin();
    om_reals(m, "hi", "", (const double[]){0.75});
    om_node(m, "Min", "y,hi", "z");
    om_whole(m, "last", -1);
    om_node(m, "Gather", "z,last", "logits");
    om_output(m, "logits");
    om_accept(m, &model);
    assert_true(model.agreement < 1e-12);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(sp_net_run(NULL, &model.net, logits, x + 2 * i, 1), SP_OK);
        for (size_t j = 0; j < 2; j++) {
            const double y = x[2 * i] * w[j] + x[2 * i + 1] * w[2 + j] + b[j];
            assert_true(fabs(logits[j] - fmin(y, 0.75)) < 1e-14);
        }
    }
    sp_model_clear(&model);
}

/* ---- PRelu ---- */

static void prelu_has_one_slope_or_one_for_every_channel(void **state) {
    (void)state;
    om *m = begin();
    om_reals(m, "s", "1", (const double[]){0.25});
    om_node(m, "PRelu", "y,s", "z");
    end(m, (sp_activation){SP_ACTIVATION_LEAKY_RELU, 0.25, 0.0}, 1.0);
    const double x[2] = {-0.5, 0.25}, slope[2] = {0.25, -0.5};
    double logits[2];
    sp_model model;
    m = begin();
    om_reals(m, "s", "2", slope);
    om_node(m, "PRelu", "y,s", "z");
    om_whole(m, "last", -1);
    om_node(m, "Gather", "z,last", "logits");
    om_output(m, "logits");
    om_accept(m, &model);
    assert_true(model.agreement < 1e-12);
    assert_int_equal(sp_net_run(NULL, &model.net, logits, x, 1), SP_OK);
    for (size_t j = 0; j < 2; j++) {
        const double y = x[0] * w[j] + x[1] * w[2 + j] + b[j];
        assert_true(fabs(logits[j] - (y < 0.0 ? slope[j] * y : y)) < 1e-14);
    }
    sp_model_clear(&model);
}

/* ---- products ---- */

static void number(om *m, const char *name, double value) {
    om_reals(m, name, "", &value);
}

static void products_that_are_a_function_of_one_number_are_read_as_it(void **state) {
    (void)state;
    const double root = (double)1.41421354F, k = (double)0.79788458F, c = (double)0.044715F;
    om *m = begin(); // SiLU
    om_node(m, "Sigmoid", "y", "s");
    om_node(m, "Mul", "s,y", "z");
    end(m, (sp_activation){SP_ACTIVATION_SILU, 1.0, 0.0}, 1.0);
    m = begin(); // its scaled form
    number(m, "k", 1.75);
    om_node(m, "Mul", "y,k", "v");
    om_node(m, "Sigmoid", "v", "s");
    om_node(m, "Mul", "y,s", "z");
    end(m, (sp_activation){SP_ACTIVATION_SILU, 1.75, 0.0}, 1.0);
    m = begin(); // GELU as PyTorch writes it
    number(m, "root", root);
    number(m, "one", 1.0);
    number(m, "half", 0.5);
    om_node(m, "Div", "y,root", "v");
    om_node(m, "Erf", "v", "e");
    om_node(m, "Add", "e,one", "f");
    om_node(m, "Mul", "y,f", "g");
    om_node(m, "Mul", "g,half", "z");
    end(m, (sp_activation){SP_ACTIVATION_GELU, 1.0 / root, 0.0}, 1.0);
    m = begin(); // with the half in front
    number(m, "root", 0.75);
    number(m, "one", 1.0);
    number(m, "half", 0.5);
    om_node(m, "Mul", "y,half", "h");
    om_node(m, "Mul", "y,root", "v");
    om_node(m, "Erf", "v", "e");
    om_node(m, "Add", "one,e", "f");
    om_node(m, "Mul", "h,f", "z");
    sp_model model;
    om_whole(m, "last", -1);
    om_node(m, "Gather", "z,last", "logits");
    om_output(m, "logits");
    om_accept(m, &model);
    assert_true(model.agreement < 1e-12);
    assert_int_equal(model.net.nodes, 5); // input, last step, dense, GELU, twice that
    assert_int_equal(model.net.node[3].curve.kind, SP_ACTIVATION_GELU);
    sp_model_clear(&model);
    m = begin(); // GELU by tanh
    number(m, "k", k);
    number(m, "c", c);
    number(m, "one", 1.0);
    number(m, "half", 0.5);
    om_node(m, "Mul", "y,y", "y2");
    om_node(m, "Mul", "y2,y", "y3");
    om_node(m, "Mul", "c,y3", "cy3");
    om_node(m, "Add", "y,cy3", "u");
    om_node(m, "Mul", "k,u", "v");
    om_node(m, "Tanh", "v", "t");
    om_node(m, "Add", "one,t", "f");
    om_node(m, "Mul", "y,f", "g");
    om_node(m, "Mul", "half,g", "z");
    end(m, (sp_activation){SP_ACTIVATION_GELU_TANH, k, k * c / k}, 1.0);
    m = begin(); // hard swish over ReLU6
    number(m, "three", 3.0);
    number(m, "zero", 0.0);
    number(m, "six", 6.0);
    om_node(m, "Add", "y,three", "v");
    om_node(m, "Clip", "v,zero,six", "r");
    om_node(m, "Mul", "y,r", "g");
    om_node(m, "Div", "g,six", "z");
    end(m, (sp_activation){SP_ACTIVATION_HARD_SWISH, 1.0 / 6.0, 0.5}, 1.0);
    m = begin(); // Mish
    om_node(m, "Softplus", "y", "s");
    om_node(m, "Tanh", "s", "t");
    om_node(m, "Mul", "y,t", "z");
    end(m, (sp_activation){SP_ACTIVATION_MISH, 0.0, 0.0}, 1.0);
    m = begin(); // a square
    om_node(m, "Mul", "y,y", "z");
    end(m, (sp_activation){SP_ACTIVATION_SQUARE, 0.0, 0.0}, 1.0);
}

/* The network multiplies two numbers, and does what the file's graph does. */
static void expect_product(om *m) {
    sp_model model;
    size_t products = 0;
    om_whole(m, "last", -1);
    om_node(m, "Gather", "z,last", "logits");
    om_output(m, "logits");
    om_accept(m, &model);
    for (size_t n = 0; n < model.net.nodes; n++) {
        products +=
            model.net.node[n].kind == SP_NODE_CELL && model.net.node[n].cell.kind == SP_CELL_TIMES;
    }
    assert_int_equal(products, 1);
    assert_true(model.agreement < 1e-12);
    sp_model_clear(&model);
}

/* What looks like one of them and is none. */
static void other_products_are_products(void **state) {
    (void)state;
    om *m = begin(); // another order of numbers
    om_list(m, "turn", 2, (const int64_t[]){1, 0});
    om_node(m, "Sigmoid", "y", "s");
    om_int(m, om_node(m, "Gather", "s,turn", "t"), "axis", 2);
    om_node(m, "Mul", "y,t", "z");
    expect_product(m);
    m = begin(); // a shift inside
    number(m, "k", 0.5);
    om_node(m, "Add", "y,k", "v");
    om_node(m, "Sigmoid", "v", "s");
    om_node(m, "Mul", "y,s", "z");
    expect_product(m);
    m = begin(); // scales that differ
    om_reals(m, "k", "2", (const double[]){1.0, 2.0});
    om_node(m, "Mul", "y,k", "v");
    om_node(m, "Sigmoid", "v", "s");
    om_node(m, "Mul", "y,s", "z");
    expect_product(m);
    m = begin(); // numbers of another layer
    om_node(m, "MatMul", "y,W", "v");
    om_node(m, "Sigmoid", "v", "s");
    om_node(m, "Mul", "y,s", "z");
    expect_product(m);
    m = begin();
    om_node(m, "Sigmoid", "y", "s");
    om_node(m, "Div", "y,s", "z");
    expect_product(m);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(functions_stand_between_layers),
        cmocka_unit_test(limits_are_curves),
        cmocka_unit_test(an_upper_limit_is_a_lower_one_turned),
        cmocka_unit_test(prelu_has_one_slope_or_one_for_every_channel),
        cmocka_unit_test(products_that_are_a_function_of_one_number_are_read_as_it),
        cmocka_unit_test(other_products_are_products),
    };
    return cmocka_run_group_tests_name("onnx/curve_op", tests, NULL, NULL);
}
