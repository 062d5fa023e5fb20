/* Which axis of the input counts the steps, and which output is the logits. */
#include <unistd.h>

#include "tests/onnx/lstm.h"

enum { D = 3, H = 2 };

static sp_rng rng;

static int setup(void **state) {
    (void)state;
    sp_rng_init(&rng, sp_test_seed());
    return 0;
}

/* An LSTM over the given input, whose axes are permuted first where perm is not NULL; batch first
 * or time first, then its last state. */
static om *lstm_model(const char *shape, const int64_t *perm, const char *extra) {
    om *m = om_new(17);
    const om_lstm l = om_lstm_random(m, &rng, D, H);
    om_input(m, "x", shape);
    om_lstm_weights(m, &l, "", OM_RAW);
    if (perm) {
        om_ints(m, om_node(m, "Transpose", "x", "xt"), "perm", 3, perm);
    }
    Onnx__NodeProto *node = om_node(m, "LSTM", perm ? "xt,W,R,B" : "x,W,R,B", "Y,Yh");
    om_int(m, node, "hidden_size", H);
    om_list(m, "first", 1, (const int64_t[]){0});
    om_reals(m, "w", "2x4", (const double[H * 4]){1, 2, 3, 4, -1, 2, -3, 4});
    om_node(m, "Squeeze", "Yh,first", "h");
    om_node(m, "MatMul", "h,w", "y");
    if (extra) {
        om_output(m, extra);
    }
    om_output(m, "y");
    return m;
}

static sp_status open_model(om *m, sp_error *err, sp_model *model, const sp_model_choice *choice) {
    char path[512];
    size_t size = 0;
    uint8_t *data = om_pack(m, &size);
    sp_test_scratch("test_axes.onnx", path, sizeof path);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
    free(data);
    om_free(m);
    const sp_status status = sp_model_open(err, model, path, choice);
    unlink(path);
    return status;
}

static const int64_t batch_first[3] = {1, 0, 2}, features_first[3] = {2, 0, 1};

static void the_axis_of_steps_is_found(void **state) {
    (void)state;
    static const struct {
        const char *shape;
        const int64_t *perm;
        long axis;
        size_t steps;
    } cases[] = {
        {"time x 1 x 3", NULL, 0, 0},
        {"? x ? x 3", NULL, 0, 0},
        {"batch x time x 3", batch_first, 1, 0},
        {"1 x 5 x 3", batch_first, 1, 5},
        {"1 x 3 x time", features_first, 2, 0},
        {"1 x 3 x 7", features_first, 2, 7},
        {"? x ? x 3", batch_first, 1, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        sp_model model;
        om_accept(lstm_model(cases[i].shape, cases[i].perm, NULL), &model);
        assert_int_equal(model.steps_axis, cases[i].axis);
        assert_int_equal(model.net.steps, cases[i].steps);
        assert_int_equal(model.net.features, D);
        assert_null(model.doubt);
        assert_true(model.agreement < 1e-12);
        sp_model_clear(&model);
    }
}

static void a_name_that_contradicts_the_network_is_refused_until_the_axis_is_chosen(void **state) {
    (void)state;
    sp_error err = {0};
    sp_model model;
    sp_model_choice choice = {.steps_axis = SP_MODEL_AXIS_BY_FILE};
    assert_int_equal(open_model(lstm_model("batch x time x 3", NULL, NULL), &err, &model, &choice),
                     SP_E_UNSUPPORTED);
    assert_non_null(strstr(err.text, "axis 1 of its input 'time'"));
    assert_non_null(strstr(err.text, "runs over axis 0, 'batch'"));
    assert_non_null(strstr(err.text, "--steps-axis 0"));
    choice.accept_doubt = true;
    assert_int_equal(open_model(lstm_model("batch x time x 3", NULL, NULL), &err, &model, &choice),
                     SP_OK);
    assert_non_null(model.doubt);
    sp_model_clear(&model);
    choice = (sp_model_choice){.steps_axis = 0};
    assert_int_equal(open_model(lstm_model("batch x time x 3", NULL, NULL), &err, &model, &choice),
                     SP_OK);
    assert_null(model.doubt);
    assert_int_equal(model.steps_axis, 0);
    sp_model_clear(&model);
    choice.steps_axis = 1;
    assert_int_not_equal(
        open_model(lstm_model("batch x time x 3", NULL, NULL), &err, &model, &choice), SP_OK);
    choice.steps_axis = 3;
    assert_int_equal(open_model(lstm_model("batch x time x 3", NULL, NULL), &err, &model, &choice),
                     SP_E_UNSUPPORTED);
    assert_non_null(strstr(err.text, "axis 3 of its input cannot count the steps"));
}

/* A window [frames x features] or [features x frames], side by side. */
static om *window_model(const char *shape) {
    om *m = om_new(17);
    om_input(m, "x", shape);
    om_reals(m, "w", "9x2", (const double[18]){1, 2, 3, 4, -1, 2, -3, 4, 5, -6, 7, 1, 0, 2, 1, 1});
    om_int(m, om_node(m, "Flatten", "x", "f"), "axis", 1);
    om_node(m, "MatMul", "f,w", "y");
    om_output(m, "y");
    return m;
}

/* Of a square both axes can be meant, and no number of features would ever show it. */
static void a_square_window_is_refused_until_its_axis_is_chosen(void **state) {
    (void)state;
    static const char *const square[] = {"1 x 3 x 3", "1 x 1 x 3 x 3", "batch x 3 x 3"};
    for (long i = 0; i < 3; i++) {
        const long first = i == 1 ? 2 : 1;
        sp_model_choice choice = {.steps_axis = SP_MODEL_AXIS_BY_FILE};
        sp_error err = {0};
        sp_model model;
        assert_int_equal(open_model(window_model(square[i]), &err, &model, &choice),
                         SP_E_UNSUPPORTED);
        assert_non_null(strstr(err.text, "choose by --steps-axis"));
        double logits[2][2];
        for (long axis = 0; axis < 2; axis++) {
            const double x[9] = {1, 2, 3, 4, 5, 6, 7, 8, 9};
            choice.steps_axis = first + axis;
            assert_int_equal(open_model(window_model(square[i]), &err, &model, &choice), SP_OK);
            assert_int_equal(model.steps_axis, first + axis);
            assert_int_equal(sp_net_run(&err, &model.net, logits[axis], x, 3), SP_OK);
            sp_model_clear(&model);
        }
        assert_true(logits[0][0] != logits[1][0]);
    }
}

static void of_several_outputs_the_last_one_is_the_logits(void **state) {
    (void)state;
    static const char *const extras[] = {"Yh", "h", "Y"};
    for (size_t i = 0; i < 3; i++) {
        sp_model model;
        om *m = lstm_model("time x 1 x 3", NULL, extras[i]);
        if (i == 2) { // every step, which nobody reads: none follows from the other
            om_refuse(m, SP_E_UNSUPPORTED, "2 outputs|--output");
            continue;
        }
        om_accept(m, &model);
        assert_int_equal(model.net.classes, 4);
        sp_model_clear(&model);
    }
}

static void an_output_is_chosen_by_its_name(void **state) {
    (void)state;
    sp_error err = {0};
    sp_model model;
    sp_model_choice choice = {.output = "y", .steps_axis = SP_MODEL_AXIS_BY_FILE};
    assert_int_equal(open_model(lstm_model("time x 1 x 3", NULL, "Y"), &err, &model, &choice),
                     SP_OK);
    assert_int_equal(model.net.classes, 4);
    assert_true(model.agreement < 1e-12);
    sp_model_clear(&model);
    choice.output = "h";
    assert_int_equal(open_model(lstm_model("time x 1 x 3", NULL, "h"), &err, &model, &choice),
                     SP_OK);
    assert_int_equal(model.net.classes, H);
    sp_model_clear(&model);
    choice.output = "h"; // no output, but computed
    assert_int_equal(open_model(lstm_model("time x 1 x 3", NULL, NULL), &err, &model, &choice),
                     SP_OK);
    assert_int_equal(model.net.classes, H);
    sp_model_clear(&model);
    choice.output = "z";
    assert_int_equal(open_model(lstm_model("time x 1 x 3", NULL, "h"), &err, &model, &choice),
                     SP_E_UNSUPPORTED);
    assert_non_null(strstr(err.text, "no output 'z'"));
}

/* A row for every step, behind a Sigmoid: one of them, and one number of it. */
static om *rows_model(const double *w) {
    om *m = om_new(17);
    om_input(m, "x", "1 x T x 3");
    om_reals(m, "w", "3x2", w);
    om_node(m, "MatMul", "x,w", "z");
    om_ints(m, om_node(m, "Transpose", "z", "zt"), "perm", 3, (const int64_t[]){0, 2, 1});
    om_node(m, "Sigmoid", "zt", "y"); // [1, 2, T]
    om_output(m, "y");
    return m;
}

static void a_step_and_a_number_of_an_output_are_chosen(void **state) {
    (void)state;
    enum { STEPS = 9 };
    static const struct {
        const char *text;
        long step, number; /* -1: the last step; all numbers */
    } cases[] = {{"y@last", -1, -1},   {"@first", 0, -1}, {"y@4", 4, -1},
                 {"y[1]@last", -1, 1}, {"y[0]@8", 8, 0},  {"[1]@first", 0, 1}};
    static const char *const wrong[][2] = {
        {"y@", "no output 'y@'"},   {"y@-1", "no output 'y@-1'"},
        {"y@last[0]", "no output"}, {"y[x]@last", "no output"},
        {"y[0]", "@last"},          {"y[2]@last", "2 numbers, none is number 2"},
        {"", "one row per step"}};
    double w[6], x[STEPS * D], logits[2], direct[2], output[2];
    om_random(&rng, w, 6);
    om_random(&rng, x, STEPS * D);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        sp_error err = {0};
        sp_model model;
        const sp_model_choice choice = {.output = cases[i].text,
                                        .steps_axis = SP_MODEL_AXIS_BY_FILE};
        if (open_model(rows_model(w), &err, &model, &choice) != SP_OK) {
            fail_msg("%s: %s", cases[i].text, err.text);
        }
        const size_t at = cases[i].step < 0 ? STEPS - 1 : (size_t)cases[i].step;
        assert_int_equal(model.net.classes, cases[i].number < 0 ? 2 : 1);
        assert_true(model.net.sigmoid);
        assert_int_equal(sp_net_run(NULL, &model.net, logits, x, STEPS), SP_OK);
        assert_int_equal(sp_model_evaluate(NULL, &model, direct, output, x, STEPS), SP_OK);
        for (size_t k = 0; k < model.net.classes; k++) {
            const size_t number = cases[i].number < 0 ? k : (size_t)cases[i].number;
            double want = 0.0;
            for (size_t d = 0; d < D; d++) {
                want += x[at * D + d] * (double)(float)w[2 * d + number];
            }
            assert_true(fabs(logits[k] - want) < 1e-12 && fabs(direct[k] - want) < 1e-12);
            assert_true(fabs(output[k] - 1.0 / (1.0 + exp(-want))) < 1e-12);
        }
        sp_model_clear(&model);
    }
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        sp_error err = {0};
        sp_model model;
        const sp_model_choice choice = {.output = wrong[i][0][0] != '\0' ? wrong[i][0] : NULL,
                                        .steps_axis = SP_MODEL_AXIS_BY_FILE};
        assert_int_not_equal(open_model(rows_model(w), &err, &model, &choice), SP_OK);
        if (strstr(err.text, wrong[i][1]) == NULL) {
            fail_msg("'%s' does not hold '%s'", err.text, wrong[i][1]);
        }
    }
}

/* Three numbers per step of recordings, of which the file takes four at once; `mixes`: it adds
 * their mean. */
static om *four_at_once(const double *w, bool mixes) {
    om *m = om_new(17);
    om_input(m, "x", "4 x time x 3");
    om_reals(m, "w", "3x2", w);
    om_node(m, "MatMul", "x,w", "a");
    om_int(m, om_node(m, "ReduceMean", "a", "b"), "keepdims", 0);
    om_ints(m, m->graph.node[1], "axes", 1, (const int64_t[]){1});
    if (mixes) {
        om_ints(m, om_node(m, "ReduceMean", "b", "mean"), "axes", 1, (const int64_t[]){0});
        om_node(m, "Add", "b,mean", "y");
    } else {
        om_node(m, "Relu", "b", "y");
    }
    om_output(m, "y");
    return m;
}

static void of_several_recordings_at_once_each_is_answered_by_itself(void **state) {
    double w[6];
    sp_error err = {0};
    sp_model model;
    (void)state;
    om_random(&rng, w, 6);
    om_accept(four_at_once(w, false), &model);
    assert_int_equal(model.recordings, 4);
    assert_int_equal(model.steps_axis, 1);
    assert_int_equal(model.net.steps, 0);
    assert_true(model.agreement < 1e-12);
    sp_model_clear(&model);
    om *m = four_at_once(w, true); // another recording changes the answer
    assert_int_equal(om_parse(m, &err, &model), SP_E_UNSUPPORTED);
    assert_non_null(strstr(err.text, "cannot be read soundly"));
    om_free(m);
}

static void a_refusal_names_all_that_stands_in_the_way(void **state) {
    (void)state;
    om *m = om_new(17);
    om_input(m, "x", "T x 1 x 3");
    om_node(m, "LayerNormalization", "x,x", "a");
    om_node(m, "Mystery", "a", "b");
    om_node(m, "Mystery", "b", "c");
    om_int(m, om_node(m, "Relu", "c", "d"), "slope", 1);
    om_output(m, "d");
    om_refuse(m, SP_E_UNSUPPORTED,
              "'a' (LayerNormalization):|nor does it read|'b' (Mystery) and 1 more|"
              "'d' (Relu, attribute 'slope')");
}

/* The logits read the last state; it and the cell state are outputs, too, directly or moved. */
static om *stateful_model(const char *move, bool moves_logits) {
    om *m = lstm_model("time x 1 x 3", NULL, NULL);
    m->graph.node[0]->n_output = 0;
    m->graph.node[0]->output = om_names(m, "Y,Yh,Yc", &m->graph.node[0]->n_output);
    m->graph.n_output = 0;
    if (move) {
        om_node(m, move, "Yh", "hn");
        om_node(m, move, "Yc", "cn");
    }
    if (moves_logits) {
        om_node(m, "Identity", "y", "z");
    }
    om_output(m, moves_logits ? "z" : "y");
    om_output(m, move ? "hn" : "Yh");
    om_output(m, move ? "cn" : "Yc");
    return m;
}

static void states_beside_the_logits_are_no_obstacle(void **state) {
    static const char *const moves[] = {NULL, "Identity", "Squeeze", "Dropout"};
    (void)state;
    for (size_t i = 0; i < 2 * (sizeof moves / sizeof *moves); i++) {
        sp_model model;
        om_accept(stateful_model(moves[i / 2], i % 2 == 1), &model);
        assert_int_equal(model.net.classes, 4);
        assert_true(model.agreement < 1e-12);
        sp_model_clear(&model);
    }
    om *m = stateful_model("Tanh", false); // computed, and no state any more
    om_refuse(m, SP_E_UNSUPPORTED, "'cn' (Tanh)|the cell state");
    sp_error err = {0};
    sp_model model;
    const sp_model_choice y = {.output = "y", .steps_axis = SP_MODEL_AXIS_BY_FILE};
    assert_int_equal(open_model(stateful_model("Tanh", false), &err, &model, &y), SP_OK);
    sp_model_clear(&model);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_axis_of_steps_is_found),
        cmocka_unit_test(a_name_that_contradicts_the_network_is_refused_until_the_axis_is_chosen),
        cmocka_unit_test(a_square_window_is_refused_until_its_axis_is_chosen),
        cmocka_unit_test(of_several_outputs_the_last_one_is_the_logits),
        cmocka_unit_test(an_output_is_chosen_by_its_name),
        cmocka_unit_test(a_step_and_a_number_of_an_output_are_chosen),
        cmocka_unit_test(of_several_recordings_at_once_each_is_answered_by_itself),
        cmocka_unit_test(states_beside_the_logits_are_no_obstacle),
        cmocka_unit_test(a_refusal_names_all_that_stands_in_the_way),
    };
    return cmocka_run_group_tests_name("onnx/axes", tests, setup, NULL);
}
