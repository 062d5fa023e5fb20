/* Outputs with a row for every step, read as a network that answers at every frame: NAME@all. */
#include <unistd.h>

#include "tests/onnx/lstm.h"

enum { D = 3, H = 2, C = 4, STEPS = 6 };

static sp_rng rng;

static int setup(void **state) {
    (void)state;
    sp_rng_init(&rng, sp_test_seed());
    return 0;
}

/* A row for every step behind an LSTM, with a head. `first`: the first axis, of the recording, is
 * kept. */
static om *rows_model(const char *head, bool first) {
    om *m = om_new(17);
    const om_lstm l = om_lstm_random(m, &rng, D, H);
    om_input(m, "x", "T x 1 x 3");
    om_lstm_weights(m, &l, "", OM_RAW);
    om_int(m, om_node(m, "LSTM", "x,W,R,B", "Y,Yh"), "hidden_size", H);
    om_list(m, "axes", first ? 1 : 2, (const int64_t[]){1, 2});
    om_reals(m, "w", "2x4", (const double[H * C]){1, 2, 3, 4, -1, 2, -3, 4});
    om_reals(m, "b", "4", (const double[C]){0.1, -0.2, 0.3, -0.4});
    om_node(m, "Squeeze", "Y,axes", "h");
    om_node(m, "MatMul", "h,w", "hw");
    om_node(m, "Add", "hw,b", "y");
    if (head) {
        Onnx__NodeProto *node = om_node(m, head, "y", "p");
        if (strcmp(head, "Softmax") == 0) {
            om_int(m, node, "axis", -1);
        }
    }
    om_list(m, "axis", 1, (const int64_t[]){0});
    om_node(m, "Squeeze", "Yh,axis", "last");
    om_output(m, head ? "p" : "y");
    return m;
}

/* One hop of the same, with its states. */
static om *hop_model(void) {
    om *m = om_new(17);
    const om_lstm l = om_lstm_random(m, &rng, D, H);
    om_input(m, "x", "1 x 1 x 3");
    om_input(m, "h0", "1 x 1 x 2");
    om_input(m, "c0", "1 x 1 x 2");
    om_lstm_weights(m, &l, "", OM_RAW);
    om_int(m, om_node(m, "LSTM", "x,W,R,B,,h0,c0", "Y,Yh,Yc"), "hidden_size", H);
    om_list(m, "axis", 1, (const int64_t[]){0});
    om_reals(m, "w", "2x4", (const double[H * C]){1, 2, 3, 4, -1, 2, -3, 4});
    om_node(m, "Squeeze", "Yh,axis", "last");
    om_node(m, "MatMul", "last,w", "y");
    om_node(m, "Sigmoid", "y", "p");
    om_node(m, "Identity", "Yh", "hn");
    om_node(m, "Identity", "Yc", "cn");
    om_output(m, "p");
    m->graph.output[m->graph.n_output++] = om_value(m, "hn", 1, "1 x 1 x 2");
    m->graph.output[m->graph.n_output++] = om_value(m, "cn", 1, "1 x 1 x 2");
    return m;
}

/* The file stays where it is for other choices. */
static void write_model(om *m, char path[512]) {
    size_t size = 0;
    uint8_t *data = om_pack(m, &size);
    sp_test_scratch("test_every.onnx", path, 512);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
    free(data);
    om_free(m);
}

static void open_as(sp_model *model, const char *path, const char *output) {
    const sp_model_choice choice = {.output = output, .steps_axis = SP_MODEL_AXIS_BY_FILE};
    sp_error err = {0};
    if (sp_model_open(&err, model, path, &choice) != SP_OK) {
        fail_msg("%s: %s", output, err.text);
    }
}

static double head_of(const sp_model *model, const double *logits, size_t k) {
    double sum = 0.0;
    for (size_t j = 0; j < model->net.classes; j++) {
        sum += exp(logits[j]);
    }
    return model->net.sigmoid   ? 1.0 / (1.0 + exp(-logits[k]))
           : model->net.softmax ? exp(logits[k]) / sum
                                : logits[k];
}

/* At every frame what the file's own graph says; number `index` of each row, or all (C). */
static void expect_rows(const char *path, const char *output, size_t index, const double *x,
                        const double *rows) {
    sp_model model;
    double logits[STEPS * C], direct[STEPS * C], values[STEPS * C];
    open_as(&model, path, output);
    const size_t classes = index < C ? 1 : C;
    assert_true(model.net.every);
    assert_int_equal(model.net.classes, classes);
    assert_int_equal(sp_net_rows(&model.net, 0, STEPS), STEPS);
    assert_int_equal(sp_net_run_rows(NULL, &model.net, logits, x, STEPS), SP_OK);
    assert_int_equal(sp_model_evaluate(NULL, &model, direct, values, x, STEPS), SP_OK);
    for (size_t i = 0; i < STEPS * classes; i++) {
        const size_t k = index < C ? i * C + index : i;
        assert_true(fabs(logits[i] - direct[i]) <= 1e-9);
        assert_true(fabs(logits[i] - rows[k]) <= 1e-9);
        assert_true(fabs(head_of(&model, logits + i / classes * classes, i % classes) -
                         values[i]) <= 1e-9 ||
                    (index < C && model.net.softmax) || (!model.net.sigmoid && !model.net.softmax));
    }
    // the pass of one frame does not answer for all
    assert_int_equal(sp_net_run(NULL, &model.net, logits, x, STEPS), SP_E_MISMATCH);
    sp_model_clear(&model);
}

/* The rows, each read alone. `beginnings`: row t answers to the first t + 1 steps, as the last. */
static void read_alone(const char *path, bool beginnings, const double *x, double *rows) {
    for (size_t t = 0; t < STEPS; t++) {
        char output[16];
        sp_model model;
        snprintf(output, sizeof output, "p@%zu", t);
        open_as(&model, path, beginnings ? "p" : output);
        assert_false(model.net.every);
        assert_int_equal(sp_net_run(NULL, &model.net, rows + t * C, x, beginnings ? t + 1 : STEPS),
                         SP_OK);
        sp_model_clear(&model);
    }
}

static void rows_of_every_step_are_those_read_alone(void **state) {
    (void)state;
    static const char *const heads[] = {"Softmax", "Sigmoid", "LogSoftmax", "Identity"};
    double x[STEPS * D], rows[STEPS * C];
    char path[512];
    for (size_t i = 0; i < 8; i++) {
        write_model(rows_model(heads[i / 2], i % 2), path);
        for (size_t k = 0; k < STEPS * D; k++) {
            x[k] = sp_rng_uniform(&rng, -2.0, 2.0);
        }
        read_alone(path, false, x, rows);
        expect_rows(path, "p@all", C, x, rows);
        expect_rows(path, "@all", C, x, rows);
        expect_rows(path, "y[2]@all", 2, x, rows);
    }
    unlink(path);
}

static void hops_answer_each_by_themselves(void **state) {
    (void)state;
    double x[STEPS * D], rows[STEPS * C];
    char path[512];
    write_model(hop_model(), path);
    for (size_t k = 0; k < STEPS * D; k++) {
        x[k] = sp_rng_uniform(&rng, -2.0, 2.0);
    }
    read_alone(path, true, x, rows);
    expect_rows(path, "p@all", C, x, rows);
    expect_rows(path, "p[1]@all", 1, x, rows);
    unlink(path);
}

static void outputs_of_one_row_have_no_others(void **state) {
    (void)state;
    static const char *const outputs[] = {"last@all", "p@every", "p[9]@all", "p@"};
    static const char *const words[] = {"has no row for each step", "no output 'p@every'",
                                        "none is number 9", "no output 'p@'"};
    char path[512];
    write_model(rows_model("Sigmoid", false), path);
    for (size_t i = 0; i < 4; i++) {
        const sp_model_choice choice = {.output = outputs[i], .steps_axis = SP_MODEL_AXIS_BY_FILE};
        sp_error err = {0};
        sp_model model;
        assert_int_equal(sp_model_open(&err, &model, path, &choice), SP_E_UNSUPPORTED);
        if (!strstr(err.text, words[i])) {
            fail_msg("no '%s' in %s", words[i], err.text);
        }
    }
    // that there is such a choice is said where it is missing
    sp_error err = {0};
    sp_model model;
    assert_int_equal(sp_model_open(&err, &model, path, NULL), SP_E_UNSUPPORTED);
    assert_non_null(strstr(err.text, "'@all'"));
    unlink(path);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_of_every_step_are_those_read_alone),
        cmocka_unit_test(hops_answer_each_by_themselves),
        cmocka_unit_test(outputs_of_one_row_have_no_others),
    };
    return cmocka_run_group_tests_name("onnx/every", tests, setup, NULL);
}
