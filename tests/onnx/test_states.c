/* Streaming models: what one call hands to the next one, numbers that are given, and If whose
 * condition is a constant. */
#include "tests/onnx/onnxruntime.h"
#include "tests/onnx/step.h"

enum { D = 3, H = 4, C = 2 };

typedef struct streamed {
    om_lstm lstm;
    double head[H * C], bias[C];
} streamed;

static streamed draw(om *m, sp_rng *rng) {
    streamed s = {.lstm = om_lstm_random(m, rng, D, H)};
    om_random(rng, s.head, H * C);
    om_random(rng, s.bias, C);
    return s;
}

static void add_head(om *m, const streamed *s, const char *h) {
    char inputs[64];
    om_reals(m, "head", "4x2", s->head);
    om_reals(m, "bias", "2", s->bias);
    snprintf(inputs, sizeof inputs, "%s,head", h);
    om_node(m, "MatMul", inputs, "hb");
    om_node(m, "Add", "hb,bias", "logits");
    om_output(m, "logits");
}

/* The network over all steps of a clip, which starts at zero. */
static om *whole(uint64_t seed) {
    om *m = om_new(17);
    sp_rng rng;
    sp_rng_init(&rng, seed);
    const streamed s = draw(m, &rng);
    om_input(m, "x", "T x 1 x 3");
    om_lstm_weights(m, &s.lstm, "", OM_RAW);
    om_int(m, om_node(m, "LSTM", "x,W,R,B", "Y,Yh"), "hidden_size", H);
    om_list(m, "axis", 1, (const int64_t[]){0});
    om_node(m, "Squeeze", "Yh,axis", "last");
    add_head(m, &s, "last");
    return m;
}

/* The same network as one hop of a node with states. */
static om *hop(uint64_t seed, const char *h0, const char *c0, const char *hn, const char *cn) {
    om *m = om_new(17);
    sp_rng rng;
    char names[128];
    sp_rng_init(&rng, seed);
    const streamed s = draw(m, &rng);
    om_input(m, "x", "1 x 1 x 3");
    om_input(m, h0, "1 x 1 x 4");
    om_input(m, c0, "1 x N x 4");
    om_lstm_weights(m, &s.lstm, "", OM_RAW);
    snprintf(names, sizeof names, "x,W,R,B,,%s,%s", h0, c0);
    om_int(m, om_node(m, "LSTM", names, "Y,Yh,Yc"), "hidden_size", H);
    om_list(m, "axis", 1, (const int64_t[]){0});
    om_node(m, "Squeeze", "Yh,axis", "last");
    add_head(m, &s, "last");
    om_node(m, "Identity", "Yh", hn);
    om_node(m, "Identity", "Yc", cn);
    m->graph.output[m->graph.n_output++] = om_value(m, hn, 1, "1 x 1 x 4");
    m->graph.output[m->graph.n_output++] = om_value(m, cn, 1, "1 x 1 x 4");
    return m;
}

/* The same network as one hop, written out in operators, both states in one input [2, 1, 4]. */
static om *written(uint64_t seed, step_form form, bool swapped) {
    om *m = om_new(18);
    sp_rng rng;
    sp_rng_init(&rng, seed);
    const streamed s = draw(m, &rng);
    om_input(m, "x", "1 x 3");
    om_input(m, "state", "2 x 1 x 4");
    om_reals(m, "one", "", (const double[]){1.0});
    om_whole(m, "0", 0);
    om_whole(m, "1", 1);
    om_list(m, "[0]", 1, (const int64_t[]){0});
    om_node(m, "Gather", "state,0", "h");
    om_node(m, "Gather", "state,1", "c");
    step_weights(m, &s.lstm, "");
    step_write(m, &s.lstm, "", "p", "x", "h", "c", form);
    add_head(m, &s, "ph");
    om_node(m, "Unsqueeze", "ph,[0]", "h'");
    om_node(m, "Unsqueeze", "pc,[0]", "c'");
    om_int(m, om_node(m, "Concat", swapped ? "c',h'" : "h',c'", "stateN"), "axis", 0);
    m->graph.output[m->graph.n_output++] = om_value(m, "stateN", 1, "M x N x K");
    return m;
}

/* Node by node the network over all steps: so are all bounds of both. */
static void expect_whole(om *m, uint64_t seed) {
    sp_model model, want;
    om_accept(m, &model);
    om_accept(whole(seed), &want);
    assert_true(model.streams);
    assert_false(want.streams);
    assert_int_equal(model.net.steps, 0);
    om_expect_nodes(&model.net, &want.net);
    assert_true(model.agreement <= 1e-12);
    sp_model_clear(&model);
    sp_model_clear(&want);
}

static void hops_are_the_network_over_all_steps(void **state) {
    (void)state;
    const uint64_t seed = sp_test_seed();
    static const char *const names[][4] = {
        {"h0", "c0", "hn", "cn"},
        {"state.h", "state.c", "out_state.h", "out_state.c"},
        {"h_in", "c_in", "h_out", "c_out"},
        {"hidden", "cell", "new_hidden", "new_cell"},
        {"a", "b", "p", "q"}, // by their shapes, in order
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        expect_whole(hop(seed + i, names[i][0], names[i][1], names[i][2], names[i][3]), seed + i);
    }
    expect_whole(written(seed, STEP_RIGHT, false), seed);
    expect_whole(written(seed + 1, STEP_SLICED, false), seed + 1);
}

static void states_that_no_cell_hands_on_are_refused(void **state) {
    (void)state;
    static const step_form wrong[] = {STEP_NO_TANH, STEP_COMPLEMENT, STEP_TANH_OF_OLD,
                                      STEP_SIGMOID_INSIDE};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        sp_error err = {0};
        sp_model model;
        om *m = written(7, wrong[i], false);
        assert_int_equal(om_parse(m, &err, &model), SP_E_UNSUPPORTED);
        om_free(m);
    }
    om_refuse(written(7, STEP_RIGHT, true), SP_E_UNSUPPORTED,
              "the state 'state' is read otherwise|no LSTM");
    // The states in each other's place.
    om_refuse(hop(7, "h0", "c0", "cn", "hn"), SP_E_UNSUPPORTED, "LSTM|'h0'|is not its Y_h");
    om *m = hop(7, "h0", "c0", "hn", "cn");
    m->input[1]->type->tensor_type->shape->dim[2]->dim_value = 5;
    om_refuse(m, SP_E_UNSUPPORTED, "'h0'");
}

static void a_cell_that_starts_anew_in_every_hop_is_refused(void **state) {
    (void)state;
    om *m = hop(3, "h0", "c0", "hn", "cn");
    m->graph.node[0]->n_input = 6; // without c0
    om_refuse(m, SP_E_UNSUPPORTED, "LSTM|cell state starts anew in every hop");
}

/* ---- numbers that are given ---- */

/* y = x W where rate = 16000, else x W + 1; the rate is an input, or a constant when it is 0. */
static om *by_rate(bool nested) {
    om *m = om_new(18);
    om_input(m, "x", "1 x 3");
    m->graph.input[m->graph.n_input++] = om_value(m, "sr", 7, "");
    om_reals(m, "W", "3x2", (const double[]){1, 2, 3, 4, 5, 6});
    om_reals(m, "one", "2", (const double[]){1, 1});
    om_whole(m, "16000", 16000);
    om_whole(m, "8000", 8000);
    om_node(m, "MatMul", "x,W", "xW");
    om_node(m, "Equal", "sr,16000", "wide");
    Onnx__GraphProto around = om_body_begin(m);
    om_node(m, "Identity", "xW", "then");
    om_output(m, "then");
    Onnx__GraphProto *then = om_body_end(m, &around);
    around = om_body_begin(m);
    om_node(m, "Add", "xW,one", "sum");
    if (nested) {
        om_node(m, "Equal", "sr,8000", "narrow");
        const Onnx__GraphProto inside = om_body_begin(m);
        om_node(m, "Sigmoid", "sum", "q");
        om_output(m, "q");
        Onnx__GraphProto *narrow = om_body_end(m, &inside);
        const Onnx__GraphProto other = om_body_begin(m);
        om_node(m, "Identity", "sum", "r");
        om_output(m, "r");
        Onnx__GraphProto *rest = om_body_end(m, &other);
        Onnx__NodeProto *node = om_node(m, "If", "narrow", "else");
        om_graph(m, node, "then_branch", narrow);
        om_graph(m, node, "else_branch", rest);
    } else {
        om_node(m, "Identity", "sum", "else");
    }
    om_output(m, "else");
    Onnx__GraphProto *otherwise = om_body_end(m, &around);
    Onnx__NodeProto *node = om_node(m, "If", "wide", "y");
    om_graph(m, node, "then_branch", then);
    om_graph(m, node, "else_branch", otherwise);
    om_output(m, "y");
    return m;
}

static sp_status open_with(om *m, sp_error *err, sp_model *model, const sp_model_input *input,
                           size_t inputs) {
    char path[512];
    const sp_model_choice choice = {
        .steps_axis = SP_MODEL_AXIS_BY_FILE, .input = input, .inputs = inputs};
    size_t size;
    sp_test_scratch("test_states.onnx", path, sizeof path);
    uint8_t *data = om_pack(m, &size);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
    free(data);
    om_free(m);
    return sp_model_open(err, model, path, &choice);
}

static void a_given_number_chooses_the_branch(void **state) {
    (void)state;
    static const struct {
        const char *value;
        double y[2];
    } cases[] = {{"16000", {22, 28}}, {"8000", {23, 29}}, {"44100", {23, 29}}};
    for (size_t i = 0; i < 6; i++) {
        const sp_model_input input = {"sr", cases[i / 2].value};
        sp_error err = {0};
        sp_model model;
        double logits[2], direct[2];
        if (open_with(by_rate(i % 2 > 0), &err, &model, &input, 1) != SP_OK) {
            fail_msg("%s", err.text);
        }
        const double x[3] = {1, 2, 3};
        assert_int_equal(sp_net_run(NULL, &model.net, logits, x, 1), SP_OK);
        assert_int_equal(sp_model_evaluate(NULL, &model, direct, NULL, x, 1), SP_OK);
        for (size_t k = 0; k < 2; k++) {
            assert_true(logits[k] == cases[i / 2].y[k] && direct[k] == logits[k]);
        }
        sp_model_clear(&model);
    }
}

static void what_is_given_wrongly_is_said(void **state) {
    (void)state;
    static const struct {
        const char *name, *value, *parts;
    } cases[] = {
        {"sr", "16000.5", "sr=16000.5"},
        {"sr", "fast", "whole numbers"},
        {"sr", "1x2", "2 lengths"},
        {"rate", "1", "no input 'rate'"},
        {"x", "1x4", "the file fixes it as 3"},
        {"x", "1", "none of the graph's inputs"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const sp_model_input input[2] = {{cases[i].name, cases[i].value}, {"sr", "8000"}};
        sp_error err = {0};
        sp_model model;
        const size_t inputs = strcmp(cases[i].name, "sr") == 0 ? 1 : 2;
        assert_int_equal(open_with(by_rate(false), &err, &model, input, inputs), SP_E_UNSUPPORTED);
        if (!strstr(err.text, cases[i].parts)) {
            fail_msg("'%s' does not hold '%s'", err.text, cases[i].parts);
        }
    }
    om_refuse(by_rate(false), SP_E_UNSUPPORTED, "'sr'|--input sr=NUMBER");
}

/* Lengths of an input that the file leaves open: a window of samples. */
static void given_lengths_fix_the_window(void **state) {
    (void)state;
    om *m = om_new(18);
    om_input(m, "x", "N x samples");
    om_reals(m, "W", "3x2", (const double[]){1, 2, 3, 4, 5, 6});
    om_list(m, "pads", 4, (const int64_t[]){0, 0, 0, 1});
    om_string(m, om_node(m, "Pad", "x,pads", "padded"), "mode", "reflect");
    om_node(m, "MatMul", "padded,W", "y");
    om_output(m, "y");
    const sp_model_input input = {"x", "1x2"};
    sp_error err = {0};
    sp_model model;
    if (open_with(m, &err, &model, &input, 1) != SP_OK) {
        fail_msg("%s", err.text);
    }
    assert_int_equal(model.net.features, 2);
    double logits[2];
    const double x[2] = {1, 10}; // 1, 10, 1
    assert_int_equal(sp_net_run(NULL, &model.net, logits, x, 1), SP_OK);
    assert_true(logits[0] == 1 + 30 + 5 && logits[1] == 2 + 40 + 6);
    sp_model_clear(&model);
}

/* ---- onnxruntime ---- */

static void hops_are_those_of_onnxruntime(void **state) {
    (void)state;
    char path[512], features[512], output[512], list[512];
    batch b = {.width = D};
    sp_rng rng;
    const char *interpreter = python();
    const uint64_t seed = sp_test_seed();
    sp_rng_init(&rng, seed);
    for (size_t k = 0; k < 20; k++) {
        double rows[9 * D];
        om_random(&rng, rows, 9 * D);
        batch_add(&b, rows, 1 + k % 9);
    }
    sp_test_scratch("test_states-hops.onnx", path, sizeof path);
    sp_test_scratch("test_states.features", features, sizeof features);
    sp_test_scratch("test_states.output", output, sizeof output);
    sp_test_scratch("test_states.jobs", list, sizeof list);
    batch_write(&b, features);
    for (size_t i = 0; i < 2; i++) {
        om *m = i == 0 ? hop(seed, "h0", "c0", "hn", "cn") : written(seed, STEP_RIGHT, false);
        size_t size;
        uint8_t *data = om_pack(m, &size);
        FILE *file = fopen(path, "wb");
        assert_non_null(file);
        assert_int_equal(fwrite(data, 1, size, file), size);
        assert_int_equal(fclose(file), 0);
        file = fopen(list, "w");
        assert_non_null(file);
        fprintf(file, "%s\t%s\t%s\t%s\t%s\n", path, features, output, i == 0 ? "1,1,3" : "1,3",
                i == 0 ? "h0>hn,c0>cn" : "state>stateN");
        assert_int_equal(fclose(file), 0);
        run_jobs(interpreter, list);
        sp_model model;
        om_accept(m, &model);
        (void)compare(&model.net, &b, output, 1e-5, 0.0);
        sp_model_clear(&model);
        free(data);
    }
    batch_clear(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hops_are_the_network_over_all_steps),
        cmocka_unit_test(states_that_no_cell_hands_on_are_refused),
        cmocka_unit_test(a_cell_that_starts_anew_in_every_hop_is_refused),
        cmocka_unit_test(a_given_number_chooses_the_branch),
        cmocka_unit_test(what_is_given_wrongly_is_said),
        cmocka_unit_test(given_lengths_fix_the_window),
        cmocka_unit_test(hops_are_those_of_onnxruntime),
    };
    return cmocka_run_group_tests_name("onnx/states", tests, NULL, NULL);
}
