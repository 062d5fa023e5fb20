/* Queries about what stands behind a sigmoid, a softmax or its logarithm. */
#include <math.h>

#include "tests/certify/verify_nets.h"

/* ---- dense samples ---- */

static void outputs_of(const sp_model *model, size_t inputs, double *y, const double *x) {
    double logits[OUTPUTS];
    assert_int_equal(sp_model_evaluate(NULL, model, logits, y, x, inputs / model->net.features),
                     SP_OK);
}

/* A bound of one output, a comparison, or a sum with an input; near what is attained somewhere. */
static void add_constraint(char *text, sp_rng *rng, const sp_model *model, size_t inputs) {
    double x[MOST_INPUTS], y[OUTPUTS];
    const size_t k = sp_rng_below(rng, OUTPUTS), other = (k + 1) % OUTPUTS;
    const char *sign = sp_rng_below(rng, 2) > 0 ? "<=" : ">=";
    const double a = sp_rng_below(rng, 2) > 0 ? 1.5 : -2.0;
    for (size_t i = 0; i < inputs; i++) {
        x[i] = sp_rng_uniform(rng, -0.7, 0.7);
    }
    outputs_of(model, inputs, y, x);
    const double shift = sp_rng_uniform(rng, -0.05, 0.05);
    switch (sp_rng_below(rng, 4)) {
    case 0:
        add(text, "(%s Y_%zu Y_%zu)", sign, k, other);
        break;
    case 1:
        add(text, "(%s (+ Y_%zu (* 0.5 X_0)) %.5f)", sign, k, y[k] + 0.5 * x[0] + shift);
        break;
    case 2:
        add(text, "(%s (* %g Y_%zu) %.5f)", sign, a, k, a * (y[k] + shift));
        break;
    default:
        add(text, "(%s Y_%zu %.5f)", sign, k, y[k] + shift);
    }
}

static void make_query(char *text, sp_rng *rng, const sp_model *model, size_t inputs) {
    text[0] = '\0';
    for (size_t i = 0; i < inputs; i++) {
        add(text, "(declare-const X_%zu Real)", i);
    }
    for (size_t k = 0; k < OUTPUTS; k++) {
        add(text, "(declare-const Y_%zu Real)", k);
    }
    for (size_t i = 0; i < inputs; i++) {
        const double lo = sp_rng_uniform(rng, -1.0, 0.5);
        add(text, "(assert (>= X_%zu %.3f))(assert (<= X_%zu %.3f))", i, lo, i,
            lo + sp_rng_uniform(rng, 0.0, 0.5));
    }
    add(text, "(assert (or (and ");
    add_constraint(text, rng, model, inputs);
    add_constraint(text, rng, model, inputs);
    add(text, ") ");
    add_constraint(text, rng, model, inputs);
    add(text, "))");
}

static bool is_met_by_samples(const sp_vnnlib *query, const sp_model *model, sp_rng *rng) {
    const size_t n = query->input.size;
    for (size_t k = 0; k < query->parts; k++) {
        const sp_vnnlib_case *part = &query->part[k];
        for (int s = 0; s < 600; s++) {
            double x[MOST_INPUTS], y[OUTPUTS];
            for (size_t i = 0; i < n; i++) {
                const double u = fmin(fmax(sp_rng_uniform(rng, -0.2, 1.2), 0.0), 1.0);
                x[i] = part->least[i] + u * (part->most[i] - part->least[i]);
            }
            outputs_of(model, n, y, x);
            if (sp_vnnlib_holds(query, x, y)) {
                return true;
            }
        }
    }
    return false;
}

static void answers_agree_with_dense_samples(void **state) {
    (void)state;
    static const char *const heads[] = {"Sigmoid", "Softmax", "LogSoftmax"};
    const int rounds = sp_test_long() ? 900 : sp_test_sanitized() ? 9 : 90;
    const sp_verify_options options = {.most_boxes = 1000, .starts = 1, .steps = 5, .seed = 1};
    size_t count[4] = {0};
    sp_rng rng;
    sp_rng_init(&rng, sp_test_seed());
    for (int i = 0; i < rounds; i++) {
        char text[TEXT];
        sp_model model = perceptron(&rng, 2, i % 2 ? "Relu" : "Tanh", heads[i % 3]);
        assert_true(model.net.sigmoid || model.net.softmax || model.log_softmax);
        make_query(text, &rng, &model, 2);
        sp_vnnlib query = parse(text);
        sp_verify_answer made;
        answer(&made, &query, &model, &options);
        count[made.kind]++;
        if (made.kind == SP_VERIFY_UNSAT && is_met_by_samples(&query, &model, &rng)) {
            fail_msg("%s: unsat, but samples meet %s", heads[i % 3], text);
        }
        if (made.kind == SP_VERIFY_SAT) {
            double y[OUTPUTS];
            outputs_of(&model, 2, y, made.input);
            if (!sp_vnnlib_holds(&query, made.input, y)) {
                fail_msg("%s: the witness meets nothing of %s", heads[i % 3], text);
            }
        }
        sp_verify_answer_clear(&made);
        sp_vnnlib_clear(&query);
        sp_model_clear(&model);
    }
    print_message("%zu sat, %zu unsat, %zu unknown\n", count[SP_VERIFY_SAT], count[SP_VERIFY_UNSAT],
                  count[SP_VERIFY_UNKNOWN]);
    assert_true(count[SP_VERIFY_SAT] > (size_t)rounds / 8);
    assert_true(count[SP_VERIFY_UNSAT] > (size_t)rounds / 8);
    assert_true(count[SP_VERIFY_UNKNOWN] < (size_t)rounds / 4);
}

/* ---- by hand: y = sigma(x), x in [-1, 1]; sigma(1) = 0.73105857863000487... ---- */

static sp_model identity(const char *head, size_t outputs) {
    static const double one[] = {1.0, -1.0};
    om *m = om_new(14);
    om_input(m, "x", "1x1");
    om_reals(m, "w", outputs == 1 ? "1x1" : "1x2", one);
    om_node(m, "MatMul", "x,w", "z");
    om_node(m, head, "z", "y");
    om_output(m, "y");
    return finish(m);
}

typedef struct sharp {
    const char *assertion;
    sp_verify_kind kind;
} sharp;

static void expect_all(const sp_model *model, const sharp *cases, size_t count,
                       sp_arithmetic arithmetic) {
    char head[256];
    snprintf(head, sizeof head,
             "(declare-const X_0 Real)(declare-const Y_0 Real)%s(assert (<= X_0 1))"
             "(assert (>= X_0 -1))",
             model->net.classes == 2 ? "(declare-const Y_1 Real)" : "");
    for (size_t i = 0; i < count; i++) {
        const sp_verify_kind kind = ask(model, head, cases[i].assertion, arithmetic);
        if (kind != cases[i].kind) {
            fail_msg("%s: %s", cases[i].assertion, sp_verify_name(kind));
        }
    }
}

static void bounds_of_a_sigmoid_are_sharp(void **state) {
    (void)state;
    static const sharp cases[] = {
        {"(assert (>= Y_0 0.73105857863))", SP_VERIFY_SAT},
        {"(assert (>= Y_0 0.731058578631))", SP_VERIFY_UNSAT},
        {"(assert (> Y_0 0.73105857863))", SP_VERIFY_SAT},
        {"(assert (<= Y_0 0.26894142137))", SP_VERIFY_SAT},
        {"(assert (<= Y_0 0.268941421369))", SP_VERIFY_UNSAT},
        {"(assert (<= (* -2 Y_0) -1.46211715726))", SP_VERIFY_SAT},
        {"(assert (<= (* -2 Y_0) -1.462117157262))", SP_VERIFY_UNSAT},
        {"(assert (>= (* -2 Y_0) -0.53788284274))", SP_VERIFY_SAT},
        {"(assert (>= (* -2 Y_0) -0.537882842739))", SP_VERIFY_UNSAT},
        {"(assert (>= (* 0.1 Y_0) 0.07310585786))", SP_VERIFY_SAT},
        {"(assert (>= (* 0.1 Y_0) 0.0731058578632))", SP_VERIFY_UNSAT},
        {"(assert (>= Y_0 1))", SP_VERIFY_UNSAT},
        {"(assert (> Y_0 1))", SP_VERIFY_UNSAT},
        {"(assert (<= Y_0 1))", SP_VERIFY_SAT},
        {"(assert (>= Y_0 0))", SP_VERIFY_SAT},
        {"(assert (<= Y_0 0))", SP_VERIFY_UNSAT},
        {"(assert (< Y_0 0))", SP_VERIFY_UNSAT},
        {"(assert (<= Y_0 -3))", SP_VERIFY_UNSAT},
        {"(assert (and (>= Y_0 0.5) (<= Y_0 0.5)))", SP_VERIFY_UNKNOWN},
        {"(assert (>= (+ Y_0 X_0) 1.7311))", SP_VERIFY_UNSAT},
        {"(assert (>= (+ Y_0 X_0) 1.731))", SP_VERIFY_SAT},
    };
    sp_model model = identity("Sigmoid", 1);
    expect_all(&model, cases, sizeof cases / sizeof *cases, SP_ARITHMETIC_REAL);
    sp_model_clear(&model);
}

/* softmax(x, -x) = sigma(2 x), sigma(2) = 0.88079707797788..., and its logarithm. */
static void bounds_of_two_outputs_of_a_softmax_are_sharp(void **state) {
    (void)state;
    static const sharp plain[] = {
        {"(assert (>= Y_0 0.880797077977))", SP_VERIFY_SAT},
        {"(assert (>= Y_0 0.880797077979))", SP_VERIFY_UNSAT},
        {"(assert (<= Y_1 0.119202922023))", SP_VERIFY_SAT},
        {"(assert (<= Y_1 0.119202922021))", SP_VERIFY_UNSAT},
        {"(assert (and (>= Y_0 Y_1) (<= X_0 -0.001)))", SP_VERIFY_UNSAT},
        {"(assert (and (>= Y_1 Y_0) (<= X_0 -0.001)))", SP_VERIFY_SAT},
        {"(assert (>= (+ Y_0 Y_1) 1.01))", SP_VERIFY_UNSAT},
        {"(assert (>= (- Y_0 Y_1) 0.77))", SP_VERIFY_UNSAT},
        {"(assert (>= (- Y_0 Y_1) 0.76))", SP_VERIFY_SAT},
    };
    static const sharp logarithm[] = {
        {"(assert (>= Y_0 -0.1269))", SP_VERIFY_UNSAT}, // log sigma(2) = -0.126928...
        {"(assert (>= Y_0 -0.127))", SP_VERIFY_SAT},
        {"(assert (<= Y_0 -2.127))", SP_VERIFY_UNSAT}, // log sigma(-2) = -2.126928...
        {"(assert (<= Y_0 -2.1269))", SP_VERIFY_SAT},
        {"(assert (and (>= Y_0 Y_1) (<= X_0 -0.001)))", SP_VERIFY_UNSAT},
    };
    sp_model model = identity("Softmax", 2);
    expect_all(&model, plain, sizeof plain / sizeof *plain, SP_ARITHMETIC_REAL);
    sp_model_clear(&model);
    model = identity("LogSoftmax", 2);
    expect_all(&model, logarithm, sizeof logarithm / sizeof *logarithm, SP_ARITHMETIC_REAL);
    sp_model_clear(&model);
}

/* A float sigmoid may be off by 2^-22; a float softmax is not bounded. */
static void single_precision_rounds_the_head_too(void **state) {
    (void)state;
    static const sharp cases[] = {
        {"(assert (>= Y_0 0.73106))", SP_VERIFY_UNSAT},
        {"(assert (>= Y_0 0.731058579))", SP_VERIFY_UNKNOWN},
        {"(assert (>= Y_0 0.73105))", SP_VERIFY_SAT},
    };
    sp_model model = identity("Sigmoid", 1);
    expect_all(&model, cases, sizeof cases / sizeof *cases, SP_ARITHMETIC_FLOAT32);
    sp_model_clear(&model);
    model = identity("Softmax", 2);
    sp_vnnlib query =
        parse("(declare-const X_0 Real)(declare-const Y_0 Real)(declare-const Y_1 Real)"
              "(assert (<= X_0 1))(assert (>= X_0 0.5))(assert (<= Y_0 Y_1))");
    sp_verify_answer made;
    sp_error err = {0};
    const sp_verify_options options = {.arithmetic = SP_ARITHMETIC_FLOAT32};
    assert_int_equal(sp_verify_query(&err, &made, &query, &model, &options), SP_E_UNSUPPORTED);
    assert_non_null(strstr(err.text, "--arithmetic real"));
    sp_vnnlib_clear(&query);
    sp_model_clear(&model);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_agree_with_dense_samples),
        cmocka_unit_test(bounds_of_a_sigmoid_are_sharp),
        cmocka_unit_test(bounds_of_two_outputs_of_a_softmax_are_sharp),
        cmocka_unit_test(single_precision_rounds_the_head_too),
    };
    return cmocka_run_group_tests_name("verify_heads", tests, NULL, NULL);
}
