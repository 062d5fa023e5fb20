/* Queries about random networks against dense samples of their inputs: unsat is never said where a
 * sample meets the query, and witnesses do. */
#include <math.h>

#include "base/clock.h"
#include "base/pool.h"
#include "tests/certify/verify_nets.h"

static void run_net(const sp_model *model, size_t inputs, double *y, const double *x) {
    assert_int_equal(sp_net_run(NULL, &model->net, y, x, inputs / model->net.features), SP_OK);
}

/* ---- queries ---- */

static double rounded(sp_rng *rng, double lo, double hi) {
    return round(100.0 * sp_rng_uniform(rng, lo, hi)) / 100.0;
}

/* a . y <= value, near what the network attains somewhere: many are close. */
static void add_output(char *text, sp_rng *rng, const sp_model *model, size_t inputs) {
    double x[MOST_INPUTS], y[OUTPUTS], value = 0.0;
    for (size_t i = 0; i < inputs; i++) {
        x[i] = sp_rng_uniform(rng, -1.0, 1.0);
    }
    run_net(model, inputs, y, x);
    add(text, sp_rng_below(rng, 2) > 0 ? " (<= (+" : " (>= (+");
    for (size_t k = 0; k < OUTPUTS; k++) {
        const double a = rounded(rng, -2.0, 2.0);
        add(text, " (* %.2f Y_%zu)", a, k);
        value += a * y[k];
    }
    if (sp_rng_below(rng, 3) == 0) { // of an input as well
        const double a = rounded(rng, -2.0, 2.0);
        add(text, " (* X_%zu %.2f)", inputs - 1, a);
        value += a * x[inputs - 1];
    }
    add(text, ") %.4f)", value + sp_rng_uniform(rng, -1.0, 1.0));
}

static void random_query(char *text, sp_rng *rng, const sp_model *model, size_t inputs) {
    text[0] = '\0';
    for (size_t i = 0; i < inputs; i++) {
        add(text, "(declare-const X_%zu Real)", i);
    }
    for (size_t k = 0; k < OUTPUTS; k++) {
        add(text, "(declare-const Y_%zu Real)", k);
    }
    for (size_t i = 0; i < inputs; i++) {
        const double lo = rounded(rng, -1.0, 0.5);
        add(text, "(assert (>= X_%zu %.2f))(assert (<= X_%zu %.2f))", i, lo, i,
            lo + rounded(rng, 0.0, 0.6));
    }
    if (sp_rng_below(rng, 3) == 0) {
        add(text, "(assert (<= (+ X_0 (* 0.7 X_%zu)) %.2f))", inputs - 1, rounded(rng, -0.7, 0.7));
    }
    add(text, "(assert (or");
    for (size_t a = 0; a <= sp_rng_below(rng, 3); a++) {
        add(text, " (and");
        for (size_t k = 0; k <= sp_rng_below(rng, 3); k++) {
            add_output(text, rng, model, inputs);
        }
        add(text, ")");
    }
    add(text, "))");
}

/* How many samples meet the query. */
static size_t count_witnesses(const sp_vnnlib *query, const sp_model *model, sp_rng *rng,
                              int samples) {
    const size_t n = query->input.size;
    size_t met = 0;
    for (size_t k = 0; k < query->parts; k++) {
        const sp_vnnlib_case *part = &query->part[k];
        for (int s = 0; s < samples; s++) {
            double x[MOST_INPUTS], y[OUTPUTS];
            for (size_t i = 0; i < n; i++) {
                const double u = sp_rng_uniform(rng, -0.2, 1.2);
                x[i] = part->least[i] + fmin(fmax(u, 0.0), 1.0) * (part->most[i] - part->least[i]);
            }
            run_net(model, n, y, x);
            met += sp_vnnlib_holds(query, x, y);
        }
    }
    return met;
}

static void check_answer(const char *text, const sp_vnnlib *query, const sp_model *model,
                         const sp_verify_answer *answer, size_t met) {
    double y[OUTPUTS];
    if (answer->kind == SP_VERIFY_UNSAT && met > 0) {
        fail_msg("unsat, but %zu samples meet it: %s", met, text);
    }
    if (answer->kind == SP_VERIFY_SAT) {
        run_net(model, query->input.size, y, answer->input);
        for (size_t k = 0; k < OUTPUTS; k++) {
            assert_true(fabs(y[k] - answer->output[k]) <= 1e-9);
        }
        if (!sp_vnnlib_holds(query, answer->input, answer->output)) {
            fail_msg("the witness meets nothing of %s", text);
        }
    } else {
        assert_null(answer->input);
    }
}

static void answers_agree_with_dense_samples(void **state) {
    (void)state;
    static const char *const curves[] = {"Relu", "Sigmoid", "Tanh"};
    const int rounds = sp_test_long() ? 2000 : sp_test_sanitized() ? 8 : 150;
    sp_verify_options options = {.most_boxes = 2000, .starts = 1, .seed = 1};
    size_t count[4] = {0};
    sp_rng rng;
    sp_rng_init(&rng, sp_test_seed());
    for (int i = 0; i < rounds; i++) {
        const size_t inputs = i % 4 == 3 ? 6 : 2 + (size_t)i % 2;
        sp_model model =
            i % 4 == 3 ? recurrent(&rng) : perceptron(&rng, inputs, curves[i % 3], NULL);
        char text[TEXT];
        random_query(text, &rng, &model, inputs);
        sp_vnnlib query = parse(text);
        sp_verify_answer made;
        options.steps = i % 2 == 0 ? 1 : 20; // what is false must be so without any attack
        answer(&made, &query, &model, &options);
        check_answer(text, &query, &model, &made,
                     count_witnesses(&query, &model, &rng, sp_test_sanitized() ? 200 : 3000));
        count[made.kind]++;
        sp_verify_answer_clear(&made);
        sp_vnnlib_clear(&query);
        sp_model_clear(&model);
    }
    assert_true(count[SP_VERIFY_SAT] > (size_t)rounds / 8);
    assert_true(count[SP_VERIFY_UNSAT] > (size_t)rounds / 8);
    assert_true(count[SP_VERIFY_UNKNOWN] < (size_t)rounds / 4);
}

/* ---- a network that can be computed by hand: y_0 = |x_0| + |x_1|, y_1 = x_0 - x_1 ---- */

static sp_model diamond(const char *shape) {
    static const double first[] = {1, -1, 0, 0, 0, 0, 1, -1}, last[] = {1, 1, 1, -1, 1, -1, 1, 1};
    om *m = om_new(14);
    om_input(m, "x", shape);
    om_reals(m, "w1", "2x4", first);
    om_reals(m, "w2", "4x2", last);
    om_int(m, om_node(m, "Flatten", "x", "f"), "axis", 1);
    om_node(m, "MatMul", "f,w1", "a");
    om_node(m, "Relu", "a", "h");
    om_node(m, "MatMul", "h,w2", "y");
    om_output(m, "y");
    return finish(m);
}

#define BOX                                                                                        \
    "(vnnlib-version <2.0>)(declare-network f (declare-input X real [1,2])(declare-output Y real " \
    "[1,2]))(assert (and (<= X[0,0] 1)(>= X[0,0] -1)(<= X[0,1] 1)(>= X[0,1] -0.5)))"

static void answers_are_sharp(void **state) {
    (void)state;
    static const struct {
        const char *assertion;
        sp_verify_kind kind;
    } cases[] = {
        {"(assert (>= Y[0,0] 2.0001))", SP_VERIFY_UNSAT},
        {"(assert (>= Y[0,0] 1.9999))", SP_VERIFY_SAT},
        {"(assert (<= Y[0,0] -0.001))", SP_VERIFY_UNSAT},
        {"(assert (<= Y[0,0] 0.001))", SP_VERIFY_SAT},
        {"(assert (>= Y[0,1] 1.5001))", SP_VERIFY_UNSAT},
        {"(assert (>= Y[0,1] 1.4999))", SP_VERIFY_SAT},
        {"(assert (and (>= Y[0,0] 1.6)(>= Y[0,1] 0.0)(<= X[0,1] -0.1)))", SP_VERIFY_UNSAT},
        {"(assert (and (>= Y[0,0] 1.4)(>= Y[0,1] 0.0)(<= X[0,1] -0.1)))", SP_VERIFY_SAT},
        {"(assert (or (>= Y[0,0] 3)(>= (+ Y[0,0] Y[0,1]) 3.1)))", SP_VERIFY_UNSAT},
        {"(assert (or (>= Y[0,0] 3)(>= (+ Y[0,0] Y[0,1]) 2.9)))", SP_VERIFY_SAT},
        {"(assert (<= (+ X[0,0] X[0,1]) -1))(assert (<= Y[0,0] 0.99))", SP_VERIFY_UNSAT},
        {"(assert (<= (+ X[0,0] X[0,1]) -1))(assert (<= Y[0,0] 1.01))", SP_VERIFY_SAT},
        {"(assert (>= (- Y[0,0] X[0,0]) 3.01))", SP_VERIFY_UNSAT},
        {"(assert (>= (- Y[0,0] X[0,0]) 2.99))", SP_VERIFY_SAT},
        {"(assert (>= X[0,1] 0.5))", SP_VERIFY_SAT},
        {"(assert (>= X[0,1] 1.5))", SP_VERIFY_UNSAT},
    };
    sp_model model = diamond("1x1x2");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const sp_verify_kind kind = ask(&model, BOX, cases[i].assertion, SP_ARITHMETIC_REAL);
        if (kind != cases[i].kind) {
            fail_msg("%s: %s", cases[i].assertion, sp_verify_name(kind));
        }
    }
    sp_model_clear(&model);
}

/* Corners that meet a query, in boxes of which the middle does not: no cut loses them. A search
 * without steps to speak of finds them by bounds alone. */
static void no_part_of_the_box_is_lost(void **state) {
    (void)state;
    sp_model model = diamond("1x2");
    sp_rng rng;
    sp_rng_init(&rng, sp_test_seed() + 1);
    for (int i = 0; i < 40; i++) {
        const double a = rounded(&rng, -0.4, 0.9), b = rounded(&rng, -0.4, 0.9);
        const double s = sp_rng_below(&rng, 2) > 0 ? 1.0 : -1.0;
        char text[TEXT] = BOX;
        // Y_0 + s X_0 at one point, among those below a line through it
        const double y = fabs(a) + fabs(b) + s * a;
        add(text,
            "(assert (and (<= (+ (* 3 X[0,0]) X[0,1]) %.17g) (>= X[0,0] %.2f) (>= X[0,1] %.2f)",
            3.0 * a + b + 1e-3, a, b);
        add(text, "(<= (+ Y[0,0] (* %g X[0,0])) %.17g) (>= (+ Y[0,0] (* %g X[0,0])) %.17g)))", s,
            y + 4e-3, s, y - 4e-3);
        sp_vnnlib query = parse(text);
        sp_verify_answer made;
        const sp_verify_options options = {.most_boxes = 5000, .steps = 1, .starts = 1, .seed = 1};
        answer(&made, &query, &model, &options);
        if (made.kind != SP_VERIFY_SAT) {
            fail_msg("%s: %s", text, sp_verify_name(made.kind));
        }
        sp_verify_answer_clear(&made);
        sp_vnnlib_clear(&query);
    }
    sp_model_clear(&model);
}

/* In single precision a sum of floats may be off by more than the real margin. */
static void float32_is_another_question(void **state) {
    (void)state;
    static const char near[] = "(assert (>= Y[0,0] 2.000000001))";
    sp_model model = diamond("1x2");
    assert_int_equal(ask(&model, BOX, near, SP_ARITHMETIC_REAL), SP_VERIFY_UNSAT);
    assert_int_equal(ask(&model, BOX, near, SP_ARITHMETIC_FLOAT32), SP_VERIFY_UNKNOWN);
    assert_int_equal(ask(&model, BOX, "(assert (>= Y[0,0] 2.001))", SP_ARITHMETIC_FLOAT32),
                     SP_VERIFY_UNSAT);
    assert_int_equal(ask(&model, BOX, "(assert (>= Y[0,0] 1.999))", SP_ARITHMETIC_FLOAT32),
                     SP_VERIFY_SAT);
    sp_model_clear(&model);
}

/* The steps stand on the second axis, or on the last one: number [0,1,2] of the tensor. */
static void numbers_of_tensors_reach_their_steps(void **state) {
    (void)state;
    static const char *const shapes[] = {"1xTx2", "1x2xT"};
    for (int last = 0; last < 2; last++) {
        double kernel[2 * 3] = {0.0}; // [1, 2, 3]: the second number of the last step
        kernel[1 * 3 + 2] = 1.0;
        om *m = om_new(14);
        om_input(m, "x", shapes[last]);
        om_reals(m, "k", "1x2x3", kernel);
        if (last == 0) {
            om_ints(m, om_node(m, "Transpose", "x", "t"), "perm", 3, (const int64_t[]){0, 2, 1});
        } else {
            om_node(m, "Identity", "x", "t");
        }
        om_node(m, "Conv", "t,k", "c");
        om_int(m, om_node(m, "ReduceMean", "c", "y"), "keepdims", 0);
        om_ints(m, m->graph.node[m->graph.n_node - 1], "axes", 1, (const int64_t[]){2});
        om_output(m, "y");
        sp_model model = finish(m);
        char head[TEXT] = "(vnnlib-version <2.0>)(declare-network f (declare-input X real ";
        add(head, "%s)(declare-output Y real [1,1]))", last ? "[1,2,3]" : "[1,3,2]");
        for (int i = 0; i < 6; i++) {
            char at[16];
            snprintf(at, sizeof at, last ? "0,%d,%d" : "0,%d,%d", last ? i / 3 : i / 2,
                     last ? i % 3 : i % 2);
            const double middle = i == (last ? 1 * 3 + 2 : 2 * 2 + 1) ? 5.0 : 0.0;
            add(head, "(assert (>= X[%s] %g))(assert (<= X[%s] %g))", at, middle - 1.0, at,
                middle + 1.0);
        }
        assert_int_equal(ask(&model, head, "(assert (<= Y[0,0] 3.9))", SP_ARITHMETIC_REAL),
                         SP_VERIFY_UNSAT);
        assert_int_equal(ask(&model, head, "(assert (<= Y[0,0] 4.1))", SP_ARITHMETIC_REAL),
                         SP_VERIFY_SAT);
        sp_model_clear(&model);
    }
}

/* Behind a softmax: comparisons are those of the logits, and the witness has probabilities. */
static void a_softmax_keeps_comparisons(void **state) {
    (void)state;
    static const double first[] = {1, -1, 0, 0, 0, 0, 1, -1}, last[] = {1, 1, 1, -1, 1, -1, 1, 1};
    static const char head[] = "(declare-const X_0 Real)(declare-const X_1 Real)(declare-const Y_0 "
                               "Real)(declare-const Y_1 Real)(assert (and (<= X_0 1)(>= X_0 0.25)"
                               "(<= X_1 1)(>= X_1 0.25)))";
    om *m = om_new(14);
    om_input(m, "x", "1x2");
    om_reals(m, "w1", "2x4", first);
    om_reals(m, "w2", "4x2", last);
    om_node(m, "MatMul", "x,w1", "a");
    om_node(m, "Relu", "a", "h");
    om_node(m, "MatMul", "h,w2", "logits");
    om_int(m, om_node(m, "Softmax", "logits", "y"), "axis", 1);
    om_output(m, "y");
    sp_model model = finish(m);
    assert_true(model.net.softmax);
    // y_0 = x_0 + x_1 > x_0 - x_1 = y_1
    assert_int_equal(ask(&model, head, "(assert (<= Y_0 Y_1))", SP_ARITHMETIC_REAL),
                     SP_VERIFY_UNSAT);
    char text[TEXT] = "";
    add(text, "%s(assert (<= Y_1 Y_0))", head);
    sp_vnnlib query = parse(text);
    sp_verify_answer made;
    const sp_verify_options options = {.seed = 1};
    answer(&made, &query, &model, &options);
    assert_int_equal(made.kind, SP_VERIFY_SAT);
    assert_true(fabs(made.output[0] + made.output[1] - 1.0) < 1e-12);
    sp_verify_answer_clear(&made);
    sp_vnnlib_clear(&query);
    // y_0 - y_1 = 2 x_1, at least 0.5
    assert_int_equal(ask(&model, head, "(assert (<= Y_0 0.6224))", SP_ARITHMETIC_REAL),
                     SP_VERIFY_UNSAT);
    assert_int_equal(ask(&model, head, "(assert (<= Y_0 0.6225))", SP_ARITHMETIC_REAL),
                     SP_VERIFY_SAT);
    sp_model_clear(&model);
}

/* ---- what cannot be answered ---- */

static void numbers_that_overflow_prove_nothing(void **state) {
    (void)state;
    char text[TEXT] = "";
    sp_model model = diamond("1x2");
    add(text, "(declare-const X_0 Real)(declare-const X_1 Real)(declare-const Y_0 Real)"
              "(declare-const Y_1 Real)");
    for (int i = 0; i < 2; i++) {
        add(text, "(assert (<= X_%d 1.7e308))(assert (>= X_%d -1.7e308))", i, i);
    }
    add(text, "(assert (<= Y_0 -1))");
    sp_vnnlib query = parse(text);
    const sp_verify_options options = {.most_boxes = 100, .seed = 1};
    sp_verify_answer made;
    sp_error err = {0};
    const sp_status status = sp_verify_query(&err, &made, &query, &model, &options);
    assert_true(status != SP_OK || made.kind == SP_VERIFY_UNKNOWN);
    assert_true(status == SP_OK ? made.reason[0] != '\0' : err.text[0] != '\0');
    sp_verify_answer_clear(&made);
    sp_vnnlib_clear(&query);
    sp_model_clear(&model);
}

static void time_runs_out(void **state) {
    (void)state;
    sp_rng rng;
    sp_rng_init(&rng, 3);
    sp_model model = perceptron(&rng, 6, "Tanh", NULL);
    char text[TEXT] = "";
    for (int i = 0; i < 6; i++) {
        add(text, "(declare-const X_%d Real)", i);
    }
    add(text, "(declare-const Y_0 Real)(declare-const Y_1 Real)(declare-const Y_2 Real)");
    for (int i = 0; i < 6; i++) {
        add(text, "(assert (<= X_%d 3))(assert (>= X_%d -3))", i, i);
    }
    double best = -INFINITY, y[OUTPUTS];
    for (int i = 0; i < 20000; i++) { // a little more than what is attained
        double x[6];
        for (int k = 0; k < 6; k++) {
            x[k] = fmin(fmax(sp_rng_uniform(&rng, -6.0, 6.0), -3.0), 3.0);
        }
        run_net(&model, 6, y, x);
        best = fmax(best, y[0]);
    }
    add(text, "(assert (>= Y_0 %.6f))", best + 0.01);
    sp_vnnlib query = parse(text);
    sp_verify_answer made;
    const sp_verify_options options = {.timeout = 0.2, .seed = 1, .steps = 2, .starts = 1};
    const double start = sp_clock_wall();
    answer(&made, &query, &model, &options);
    assert_int_equal(made.kind, SP_VERIFY_TIMEOUT);
    assert_non_null(strstr(made.reason, "no answer within 0.2 s"));
    assert_true(sp_clock_wall() - start < 20.0);
    sp_verify_answer_clear(&made);
    sp_vnnlib_clear(&query);
    sp_model_clear(&model);
}

static void queries_about_other_networks_are_refused(void **state) {
    (void)state;
    sp_model model = diamond("1x2");
    static const char *const texts[] = {
        "(declare-const X_0 Real)(declare-const Y_0 Real)(declare-const Y_1 Real)"
        "(assert (<= X_0 1))(assert (>= X_0 0))",
        "(declare-const X_0 Real)(declare-const X_1 Real)(declare-const Y_0 Real)"
        "(assert (and (<= X_0 1)(>= X_0 0)(<= X_1 1)(>= X_1 0)))"};
    for (int i = 0; i < 2; i++) {
        sp_vnnlib query = parse(texts[i]);
        sp_error err = {0};
        assert_int_equal(sp_verify_fits(&err, &query, &model), SP_E_MISMATCH);
        assert_non_null(strstr(err.text, i == 0 ? "1 inputs" : "1 outputs"));
        sp_vnnlib_clear(&query);
    }
    sp_model_clear(&model);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_agree_with_dense_samples),
        cmocka_unit_test(answers_are_sharp),
        cmocka_unit_test(no_part_of_the_box_is_lost),
        cmocka_unit_test(float32_is_another_question),
        cmocka_unit_test(a_softmax_keeps_comparisons),
        cmocka_unit_test(numbers_of_tensors_reach_their_steps),
        cmocka_unit_test(numbers_that_overflow_prove_nothing),
        cmocka_unit_test(time_runs_out),
        cmocka_unit_test(queries_about_other_networks_are_refused),
    };
    return cmocka_run_group_tests_name("verify", tests, NULL, NULL);
}
