/* Loops that carry the two states of an LSTM, or those of several LSTMs on top of one another. */
#include <math.h>

#include "tests/onnx/step.h"

enum { D = 3, H = 2, T = 4 };

static sp_rng rng;

static int setup(void **state) {
    (void)state;
    sp_rng_init(&rng, sp_test_seed());
    return 0;
}

static void carry(om *m, const char *name) {
    m->graph.input[m->graph.n_input++] = om_value(m, name, 1, NULL);
}

static void result(om *m, const char *name) {
    m->graph.output[m->graph.n_output++] = om_value(m, name, 1, NULL);
}

/* A Loop over T steps of D features, `cells` LSTMs in its body; the output is the last state. */
static om *loop_model(sp_net *want, size_t cells, step_form form, const char *start,
                      const char *output) {
    om *m = om_new(18);
    om_lstm l[2];
    sp_error err = {0};
    om_input(m, "input", "4 x 1 x 3");
    om_reals(m, "zeros", "1x2", (const double[H]){0});
    om_reals(m, "started", "1x2", (const double[H]){0, 0.5});
    om_reals(m, "one", "", (const double[]){1});
    om_whole(m, "true", 1);
    om_whole(m, "trips", T);
    if (want) {
        assert_int_equal(sp_net_init(&err, want, D), SP_OK);
    }
    for (size_t k = 0; k < cells; k++) {
        l[k] = om_lstm_random(m, &rng, k == 0 ? D : H, H);
        step_weights(m, &l[k], k == 0 ? "A" : "B");
        if (want) {
            om_lstm_expect(want, &l[k]);
        }
    }
    const Onnx__GraphProto around = om_body_begin(m);
    m->graph.input[m->graph.n_input++] = om_value(m, "t", 7, "");
    m->graph.input[m->graph.n_input++] = om_value(m, "go", 9, "");
    carry(m, "c1");
    carry(m, "h1");
    if (cells > 1) {
        carry(m, "h2");
        carry(m, "c2");
    }
    om_node(m, "Gather", "input,t", "x1");
    step_write(m, &l[0], "A", "p", "x1", "h1", "c1", form);
    if (cells > 1) {
        step_write(m, &l[1], "B", "q", "ph", "h2", "c2", STEP_RIGHT);
    }
    m->graph.output[m->graph.n_output++] = om_value(m, "go", 9, NULL);
    result(m, "pc");
    result(m, "ph");
    if (cells > 1) {
        result(m, "qh");
        result(m, "qc");
    }
    Onnx__GraphProto *body = om_body_end(m, &around);
    char inputs[96];
    snprintf(inputs, sizeof inputs, "trips,true,%s,zeros%s", start,
             cells > 1 ? ",zeros,zeros" : "");
    Onnx__NodeProto *loop =
        om_node(m, "Loop", inputs, cells > 1 ? "last c,last h,top h,top c" : "last c,last h");
    loop->name = om_text(m, "loop");
    om_graph(m, loop, "body", body);
    om_node(m, "Identity", output, "y");
    om_output(m, "y");
    if (want) {
        assert_int_equal(sp_net_add_pool(&err, want, SP_POOLING_LAST), SP_OK);
        want->steps = T;
    }
    return m;
}

static void a_loop_with_two_states_is_an_lstm(void **state) {
    (void)state;
    for (step_form form = STEP_RIGHT; form <= STEP_SLICED; form++) {
        sp_net want;
        sp_model model;
        om *m = loop_model(&want, 1, form, "zeros", "last h");
        om_accept(m, &model);
        assert_true(model.agreement < 1e-12);
        om_expect_net(&model, &want);
    }
}

static void a_loop_with_four_states_is_two_lstms(void **state) {
    (void)state;
    sp_net want;
    sp_model model;
    om *m = loop_model(&want, 2, STEP_RIGHT, "zeros", "top h");
    om_accept(m, &model);
    assert_true(model.agreement < 1e-12);
    om_expect_net(&model, &want);
}

/* Numbers at the start become columns of the input; agreement is with the file's own graph. */
static void a_loop_may_start_anywhere(void **state) {
    (void)state;
    sp_model model;
    om *m = loop_model(NULL, 1, STEP_RIGHT, "started", "last h");
    om_accept(m, &model);
    assert_true(model.agreement < 1e-12);
    assert_true(model.net.node[model.net.nodes - 1].kind == SP_NODE_CELL
                    ? model.net.node[model.net.nodes - 1].cell.seeded
                    : model.net.nodes > 1);
    sp_model_clear(&model);
}

static void whatever_is_no_lstm_is_refused(void **state) {
    (void)state;
    for (step_form form = STEP_NO_TANH; form < STEPS_WRITTEN; form++) {
        om_refuse(loop_model(NULL, 1, form, "zeros", "last h"), SP_E_UNSUPPORTED,
                  "(Loop)|no LSTM, GRU or vanilla RNN");
    }
    om_refuse(loop_model(NULL, 1, STEP_RIGHT, "zeros", "last c"), SP_E_UNSUPPORTED,
              "the cell state of an LSTM");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_loop_with_two_states_is_an_lstm),
        cmocka_unit_test(a_loop_with_four_states_is_two_lstms),
        cmocka_unit_test(a_loop_may_start_anywhere),
        cmocka_unit_test(whatever_is_no_lstm_is_refused),
    };
    return cmocka_run_group_tests_name("onnx/loop_lstm", tests, setup, NULL);
}
