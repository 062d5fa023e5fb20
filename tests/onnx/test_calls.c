/* Streaming models whose calls hear several steps at once, and hand their states on. */
#include "tests/onnx/onnxruntime.h"
#include "tests/onnx/step.h"

enum { D = 3, H = 4, C = 2, MOST_CALLS = 7, MOST_STEPS = 5 };

typedef enum {
    CALL_LSTM,
    CALL_GRU,
    CALL_STACK, /* a dense layer, an LSTM, a GRU */
    CALL_ROWS,  /* logits for every step */
    CALL_KINDS,
    CALL_MEAN = CALL_KINDS, /* of the steps of the call */
    CALL_TAPS,              /* a convolution over steps before the cell */
    CALL_FIRST,             /* the state behind the first step is handed on */
    CALL_BACKWARDS,
    CALL_HALF, /* half of the state is handed on */
    CALL_ANEW  /* the cell state of the LSTM is not handed on */
} call_kind;

static void add_head(om *m, sp_rng *rng, const char *h) {
    double head[H * C], bias[C];
    char inputs[64];
    om_random(rng, head, H * C);
    om_random(rng, bias, C);
    om_reals(m, "head", "4x2", head);
    om_reals(m, "bias", "2", bias);
    snprintf(inputs, sizeof inputs, "%s,head", h);
    om_node(m, "MatMul", inputs, "hb");
    om_node(m, "Add", "hb,bias", "logits");
    om_output(m, "logits");
}

static void add_gru(om *m, sp_rng *rng, size_t in, const char *x, const char *start) {
    double w[3 * H * D + 3 * H * H], r[3 * H * H], b[6 * H];
    char shape[32], inputs[64];
    om_random(rng, w, 3 * H * in);
    om_random(rng, r, 3 * H * H);
    om_random(rng, b, 6 * H);
    snprintf(shape, sizeof shape, "1x%dx%zu", 3 * H, in);
    om_reals(m, "gW", shape, w);
    om_reals(m, "gR", "1x12x4", r);
    om_reals(m, "gB", "1x24", b);
    snprintf(inputs, sizeof inputs, "%s,gW,gR,gB%s", x, start);
    Onnx__NodeProto *node = om_node(m, "GRU", inputs, "gY,gYh");
    om_int(m, node, "hidden_size", H);
    om_int(m, node, "linear_before_reset", 1);
}

static void hand_on(om *m, bool states, const char *from, const char *to) {
    if (!states) {
        return;
    }
    om_node(m, "Identity", from, to);
    m->graph.output[m->graph.n_output++] = om_value(m, to, 1, "1 x 1 x 4");
}

/* steps 0: any number of them, in one call that hands nothing on. */
static om *call(uint64_t seed, call_kind kind, size_t steps) {
    om *m = om_new(17);
    sp_rng rng;
    char shape[32];
    const bool gru = kind == CALL_GRU, stack = kind == CALL_STACK;
    sp_rng_init(&rng, seed);
    const om_lstm l = om_lstm_random(m, &rng, D, H);
    snprintf(shape, sizeof shape, steps ? "%zu x 1 x 3" : "T x 1 x 3", steps);
    om_input(m, "x", shape);
    const char *x = "x";
    om_list(m, "axis", 1, (const int64_t[]){0});
    if (stack) {
        double w[D * D];
        om_random(&rng, w, D * D);
        om_reals(m, "dW", "3x3", w);
        om_node(m, "MatMul", "x,dW", "dx");
        om_node(m, "Tanh", "dx", "dt");
        x = "dt";
    }
    if (kind == CALL_TAPS) {
        double w[D * D * 3];
        om_random(&rng, w, D * D * 3);
        om_reals(m, "cW", "3x3x3", w);
        om_list(m, "perm", 3, (const int64_t[]){1, 2, 0});
        om_ints(m, om_node(m, "Transpose", "x", "xt"), "perm", 3, (const int64_t[]){1, 2, 0});
        om_ints(m, om_node(m, "Conv", "xt,cW", "ct"), "pads", 2, (const int64_t[]){2, 0});
        om_ints(m, om_node(m, "Transpose", "ct", "cx"), "perm", 3, (const int64_t[]){2, 0, 1});
        x = "cx";
    }
    const char *last = gru || stack ? "gYh" : "Yh";
    if (!gru) {
        char inputs[64];
        if (steps > 0) {
            om_input(m, "h0", "1 x 1 x 4");
        }
        if (steps > 0 && kind != CALL_ANEW) {
            om_input(m, "c0", "1 x 1 x 4");
        }
        om_lstm_weights(m, &l, "", OM_RAW);
        snprintf(inputs, sizeof inputs, "%s,W,R,B%s%s", x, steps > 0 ? ",,h0" : "",
                 steps > 0 && kind != CALL_ANEW ? ",c0" : "");
        Onnx__NodeProto *node = om_node(m, "LSTM", inputs, "Y,Yh,Yc");
        om_int(m, node, "hidden_size", H);
        if (kind == CALL_BACKWARDS) {
            om_string(m, node, "direction", "reverse");
        }
    }
    if (gru || stack) {
        if (steps > 0) {
            om_input(m, "g0", "1 x 1 x 4");
        }
        if (stack) {
            om_list(m, "one", 1, (const int64_t[]){1});
            om_node(m, "Squeeze", "Y,one", "ys");
        }
        add_gru(m, &rng, gru ? D : H, gru ? "x" : "ys", steps > 0 ? ",,g0" : "");
    }
    if (kind == CALL_ROWS) {
        om_list(m, "one", 1, (const int64_t[]){1});
        om_node(m, "Squeeze", "Y,one", "last");
    } else if (kind == CALL_MEAN) {
        Onnx__NodeProto *node = om_node(m, "ReduceMean", "Y", "mean");
        om_ints(m, node, "axes", 1, (const int64_t[]){0});
        om_int(m, node, "keepdims", 0);
        om_node(m, "Squeeze", "mean,axis", "last");
    } else {
        char inputs[32];
        snprintf(inputs, sizeof inputs, "%s,axis", last);
        om_node(m, "Squeeze", inputs, "last");
    }
    add_head(m, &rng, "last");
    if (!gru) {
        if (kind == CALL_FIRST) {
            om_whole(m, "0", 0);
            om_node(m, "Gather", "Y,0", "first");
            hand_on(m, steps > 0, "first", "hn");
        } else if (kind == CALL_HALF) {
            om_reals(m, "half", "", (const double[]){0.5});
            om_node(m, "Mul", "Yh,half", "halved");
            hand_on(m, steps > 0, "halved", "hn");
        } else {
            hand_on(m, steps > 0, "Yh", "hn");
        }
        if (kind != CALL_ANEW) {
            hand_on(m, steps > 0, "Yc", "cn");
        }
    }
    if (gru || stack) {
        hand_on(m, steps > 0, "gYh", "gn");
    }
    return m;
}

static sp_status open_as(om *m, sp_error *err, sp_model *model, const char *output) {
    char path[512];
    const sp_model_choice choice = {.steps_axis = SP_MODEL_AXIS_BY_FILE, .output = output};
    size_t size;
    sp_test_scratch("test_calls.onnx", path, sizeof path);
    uint8_t *data = om_pack(m, &size);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
    free(data);
    om_free(m);
    return sp_model_open(err, model, path, &choice);
}

static void accept(om *m, sp_model *model, const char *output) {
    sp_error err = {0};
    if (open_as(m, &err, model, output) != SP_OK) {
        fail_msg("%s", err.text);
    }
    assert_true(model->agreement <= 1e-12);
}

static const char *output_of(call_kind kind, bool all) {
    return kind == CALL_ROWS ? all ? "logits@last@all" : "logits@last"
           : all             ? "logits@all"
                             : "logits";
}

/* Bit for bit: what the network of all steps says behind each call. */
static void calls_are_one_run_over_their_steps(void **state) {
    (void)state;
    const uint64_t seed = sp_test_seed();
    double x[(MOST_CALLS * MOST_STEPS + MOST_STEPS) * D], want[C], got[C];
    double rows[MOST_CALLS * C], direct[MOST_CALLS * C];
    sp_rng rng;
    sp_rng_init(&rng, seed);
    for (size_t k = 0; k < 4 * (size_t)CALL_KINDS; k++) {
        const call_kind kind = (call_kind)(k % CALL_KINDS);
        const size_t steps = 2 + k / CALL_KINDS;
        sp_model whole, last, all;
        accept(call(seed + k, kind, 0), &whole, kind == CALL_ROWS ? "logits@last" : "logits");
        accept(call(seed + k, kind, steps), &last, output_of(kind, false));
        accept(call(seed + k, kind, steps), &all, output_of(kind, true));
        assert_true(last.streams && all.streams && all.net.every && !last.net.every);
        assert_int_equal(last.net.hop, steps);
        assert_int_equal(last.net.steps, 0);
        om_random(&rng, x, sizeof x / sizeof *x);
        const size_t extra = k % steps; // frames that do not fill a call
        const size_t frames = MOST_CALLS * steps + extra;
        assert_int_equal(sp_net_rows(&all.net, 0, frames), MOST_CALLS);
        assert_int_equal(sp_net_run_rows(NULL, &all.net, rows, x, frames), SP_OK);
        assert_int_equal(sp_model_evaluate(NULL, &all, direct, NULL, x, frames), SP_OK);
        for (size_t i = 0; i < MOST_CALLS; i++) {
            assert_int_equal(sp_net_run(NULL, &whole.net, want, x, (i + 1) * steps), SP_OK);
            assert_int_equal(sp_net_run(NULL, &last.net, got, x, (i + 1) * steps + extra), SP_OK);
            assert_memory_equal(got, want, sizeof want);
            assert_memory_equal(rows + i * C, want, sizeof want);
            for (size_t c = 0; c < C; c++) {
                assert_true(fabs(direct[i * C + c] - want[c]) <= 1e-12);
            }
        }
        assert_int_equal(sp_model_evaluate(NULL, &all, direct, NULL, x, steps - 1), SP_E_MISMATCH);
        sp_model_clear(&whole);
        sp_model_clear(&last);
        sp_model_clear(&all);
    }
}

static void what_depends_on_where_calls_begin_is_refused(void **state) {
    (void)state;
    static const struct {
        call_kind kind;
        const char *words;
    } cases[] = {
        {CALL_MEAN, "several of them"},
        {CALL_TAPS, "mixes the 4 steps of a hop"},
        {CALL_FIRST, "is not its Y_h"},
        {CALL_BACKWARDS, ""},
        {CALL_HALF, "is not its Y_h"},
        {CALL_ANEW, "cell state starts anew in every hop"},
        {CALL_ROWS, "a row for each of the 4 steps of a hop"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        sp_error err = {0};
        sp_model model;
        const char *output = cases[i].kind == CALL_ROWS ? "logits@all" : "logits";
        assert_int_equal(open_as(call(7, cases[i].kind, 4), &err, &model, output),
                         SP_E_UNSUPPORTED);
        if (!strstr(err.text, cases[i].words) || strchr(err.text, '\n')) {
            fail_msg("'%s' does not hold '%s'", err.text, cases[i].words);
        }
    }
}

/* Networks that go on behind a call, whose cells begin with their states there. */
static void a_call_goes_on_where_the_last_one_ended(void **state) {
    (void)state;
    const uint64_t seed = sp_test_seed();
    enum { STEPS = 3 };
    double x[MOST_CALLS * STEPS * D], rows[MOST_CALLS * C], rest[MOST_CALLS * C];
    sp_rng rng;
    sp_rng_init(&rng, seed);
    for (size_t k = 0; k < CALL_KINDS; k++) {
        sp_model all;
        accept(call(seed + k, (call_kind)k, STEPS), &all, output_of((call_kind)k, true));
        om_random(&rng, x, sizeof x / sizeof *x);
        const size_t width = sp_net_state_width(&all.net), frames = MOST_CALLS * STEPS;
        double *states = calloc(frames * width, sizeof *states);
        assert_int_equal(sp_net_run_rows(NULL, &all.net, rows, x, frames), SP_OK);
        assert_int_equal(sp_net_states(NULL, &all.net, states, x, frames), SP_OK);
        for (size_t i = 1; i < MOST_CALLS; i++) {
            sp_net resumed;
            const size_t at = i * STEPS;
            assert_int_equal(sp_net_resume(NULL, &resumed, &all.net, states + (at - 1) * width),
                             SP_OK);
            assert_int_equal(sp_net_run_rows(NULL, &resumed, rest, x + at * D, frames - at), SP_OK);
            for (size_t c = 0; c < (MOST_CALLS - i) * C; c++) {
                assert_true(fabs(rest[c] - rows[i * C + c]) <= 1e-12);
            }
            sp_net_clear(&resumed);
        }
        free(states);
        sp_model_clear(&all);
    }
}

static void calls_are_those_of_onnxruntime(void **state) {
    (void)state;
    char path[512], features[512], output[512], list[512];
    enum { STEPS = 4 };
    batch calls = {.width = STEPS * D}, frames = {.width = D};
    sp_rng rng;
    const char *interpreter = python();
    const uint64_t seed = sp_test_seed();
    sp_rng_init(&rng, seed);
    for (size_t k = 0; k < 20; k++) {
        double rows[9 * STEPS * D];
        om_random(&rng, rows, 9 * STEPS * D);
        batch_add(&calls, rows, 1 + k % 9);
        batch_add(&frames, rows, (1 + k % 9) * STEPS);
    }
    sp_test_scratch("test_calls-all.onnx", path, sizeof path);
    sp_test_scratch("test_calls.features", features, sizeof features);
    sp_test_scratch("test_calls.output", output, sizeof output);
    sp_test_scratch("test_calls.jobs", list, sizeof list);
    batch_write(&calls, features);
    for (size_t k = 0; k < CALL_ROWS; k++) {
        static const char *const states[] = {"h0>hn,c0>cn", "g0>gn", "h0>hn,c0>cn,g0>gn"};
        om *m = call(seed, (call_kind)k, STEPS);
        size_t size;
        uint8_t *data = om_pack(m, &size);
        FILE *file = fopen(path, "wb");
        assert_non_null(file);
        assert_int_equal(fwrite(data, 1, size, file), size);
        assert_int_equal(fclose(file), 0);
        file = fopen(list, "w");
        assert_non_null(file);
        fprintf(file, "%s\t%s\t%s\t4,1,3\t%s\n", path, features, output, states[k]);
        assert_int_equal(fclose(file), 0);
        run_jobs(interpreter, list);
        sp_model model;
        accept(m, &model, "logits");
        (void)compare(&model.net, &frames, output, 1e-5, 0.0);
        sp_model_clear(&model);
        free(data);
    }
    batch_clear(&calls);
    batch_clear(&frames);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(calls_are_one_run_over_their_steps),
        cmocka_unit_test(what_depends_on_where_calls_begin_is_refused),
        cmocka_unit_test(a_call_goes_on_where_the_last_one_ended),
        cmocka_unit_test(calls_are_those_of_onnxruntime),
    };
    return cmocka_run_group_tests_name("onnx/calls", tests, NULL, NULL);
}
