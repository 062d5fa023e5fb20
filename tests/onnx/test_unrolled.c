/* Cells that are written out step by step: read as the cells that they are, or refused. */
#include "tests/onnx/step.h"

enum { T = 6, D = 3, H = 4, C = 2 };

/* What an unrolled file may do otherwise than an LSTM over all steps. */
typedef enum {
    UNROLLED,
    BACKWARDS,
    COLLECTED,    /* the head reads the mean of all outputs, stacked along an axis of steps */
    TWO_CELLS,    /* one on top of the other, both in each step */
    OTHER_WEIGHT, /* in one step */
    OTHER_START,  /* not zero */
    LEFT_OUT,     /* a step that is not read */
    TWO_STEPS,    /* a step that reads the one before, too */
    MEMORY_READ,  /* the head reads the cell state */
    FORMS
} unrolled_form;

typedef struct unrolled {
    om *m;
    om_lstm lstm, upper, other;
    double head[H * C], bias[C];
} unrolled;

static unrolled begin(uint64_t seed, const char *shape) {
    unrolled u = {.m = om_new(18)};
    sp_rng rng;
    sp_rng_init(&rng, seed);
    u.lstm = om_lstm_random(u.m, &rng, D, H);
    u.upper = om_lstm_random(u.m, &rng, H, H);
    u.other = om_lstm_random(u.m, &rng, D, H);
    om_random(&rng, u.head, H * C);
    om_random(&rng, u.bias, C);
    om_input(u.m, "x", shape);
    om_list(u.m, "[0]", 1, (const int64_t[]){0});
    return u;
}

static om *finish(unrolled *u, const char *h) {
    char inputs[64];
    om_reals(u->m, "head", "4x2", u->head);
    om_reals(u->m, "bias", "2", u->bias);
    snprintf(inputs, sizeof inputs, "%s,head", h);
    om_node(u->m, "MatMul", inputs, "hb");
    om_node(u->m, "Add", "hb,bias", "logits");
    om_output(u->m, "logits");
    return u->m;
}

/* The same network with LSTM nodes. */
static om *whole(uint64_t seed, unrolled_form form) {
    unrolled u = begin(seed, "T x 1 x 3");
    om_lstm_weights(u.m, &u.lstm, "", OM_RAW);
    Onnx__NodeProto *node = om_node(u.m, "LSTM", "x,W,R,B", "Y,Yh");
    om_int(u.m, node, "hidden_size", H);
    if (form == BACKWARDS) {
        om_string(u.m, node, "direction", "reverse");
    }
    if (form == TWO_CELLS) {
        om_list(u.m, "[1]", 1, (const int64_t[]){1});
        om_node(u.m, "Squeeze", "Y,[1]", "below");
        om_lstm_weights(u.m, &u.upper, "u", OM_RAW);
        om_int(u.m, om_node(u.m, "LSTM", "below,uW,uR,uB", "uY,uh"), "hidden_size", H);
    }
    if (form == COLLECTED) {
        om_list(u.m, "[1]", 1, (const int64_t[]){1});
        om_node(u.m, "Squeeze", "Y,[1]", "rows");
        Onnx__NodeProto *mean = om_node(u.m, "ReduceMean", "rows,[0]", "last");
        om_int(u.m, mean, "keepdims", 0);
    } else {
        om_node(u.m, "Squeeze", form == TWO_CELLS ? "uh,[0]" : "Yh,[0]", "last");
    }
    return finish(&u, "last");
}

static void add_start(om *m, const char *h, const char *c, double start) {
    double zeros[H] = {start};
    om_reals(m, h, "1x4", zeros);
    om_reals(m, c, "1x4", zeros);
}

static char *step_input(om *m, size_t t, size_t step) {
    char name[32], index[32], list[64];
    snprintf(name, sizeof name, "x%zu", t);
    snprintf(index, sizeof index, "t%zu", t);
    om_whole(m, index, (int64_t)step);
    snprintf(list, sizeof list, "x,%s", index);
    om_node(m, "Gather", list, name);
    return om_text(m, name);
}

static om *written(uint64_t seed, unrolled_form form, step_form step) {
    unrolled u = begin(seed, "6 x 1 x 3");
    om *m = u.m;
    char h[32] = "h", c[32] = "c", uh[32] = "uh", uc[32] = "uc", rows[512] = "";
    om_reals(m, "one", "", (const double[]){1.0});
    om_reals(m, "half", "", (const double[]){0.5});
    add_start(m, h, c, form == OTHER_START ? 0.5 : 0.0);
    add_start(m, uh, uc, 0.0);
    step_weights(m, &u.lstm, "");
    step_weights(m, &u.upper, "upper");
    step_weights(m, &u.other, "other");
    for (size_t t = 0; t < T; t++) {
        const size_t at = form == BACKWARDS ? T - 1 - t : form == LEFT_OUT && t == 3 ? 2 : t;
        const bool odd = form == OTHER_WEIGHT && t == 4;
        char prefix[32];
        const char *x = step_input(m, t, at);
        if (form == TWO_STEPS && t > 0) {
            char list[64], sum[32];
            snprintf(list, sizeof list, "x%zu,x%zu", t, t - 1);
            snprintf(sum, sizeof sum, "s%zu", t);
            om_node(m, "Add", list, sum);
            x = om_text(m, sum);
        }
        snprintf(prefix, sizeof prefix, "p%zu", t);
        step_write(m, odd ? &u.other : &u.lstm, odd ? "other" : "", om_text(m, prefix), x,
                   om_text(m, h), om_text(m, c), step);
        snprintf(h, sizeof h, "p%zuh", t);
        snprintf(c, sizeof c, "p%zuc", t);
        if (form == TWO_CELLS) {
            snprintf(prefix, sizeof prefix, "q%zu", t);
            step_write(m, &u.upper, "upper", om_text(m, prefix), om_text(m, h), om_text(m, uh),
                       om_text(m, uc), step);
            snprintf(uh, sizeof uh, "q%zuh", t);
            snprintf(uc, sizeof uc, "q%zuc", t);
        }
        snprintf(rows + strlen(rows), sizeof rows - strlen(rows), "%srow%zu", t > 0 ? "," : "", t);
        char list[64], row[32];
        snprintf(list, sizeof list, "%s,[0]", h);
        snprintf(row, sizeof row, "row%zu", t);
        om_node(m, "Unsqueeze", list, row);
    }
    if (form == COLLECTED) {
        om_int(m, om_node(m, "Concat", rows, "all"), "axis", 0);
        om_int(m, om_node(m, "ReduceMean", "all,[0]", "mean"), "keepdims", 0);
    }
    return finish(&u, form == COLLECTED     ? "mean"
                      : form == MEMORY_READ ? om_text(m, c)
                      : form == TWO_CELLS   ? om_text(m, uh)
                                            : om_text(m, h));
}

/* Node by node the network with LSTM nodes: so are all bounds of both. */
static void cells_written_out_are_cells(void **state) {
    (void)state;
    const uint64_t seed = sp_test_seed();
    for (size_t i = 0; i < 8; i++) {
        const unrolled_form form = (unrolled_form)(i / 2);
        sp_model model, want;
        om_accept(written(seed + i, form, i % 2 > 0 ? STEP_SLICED : STEP_RIGHT), &model);
        om_accept(whole(seed + i, form), &want);
        assert_int_equal(model.net.steps, T);
        om_expect_nodes(&model.net, &want.net);
        assert_true(model.agreement <= 1e-12);
        sp_model_clear(&model);
        sp_model_clear(&want);
    }
}

/* Products of numbers, step by step: what they compute is the same, and no cell. */
static void check_no_cell(om *m) {
    sp_model model;
    size_t cells = 0;
    om_accept(m, &model);
    for (size_t n = 0; n < model.net.nodes; n++) {
        cells +=
            model.net.node[n].kind == SP_NODE_CELL && model.net.node[n].cell.kind != SP_CELL_TIMES;
    }
    assert_int_equal(cells, 0);
    assert_true(model.agreement <= 1e-12);
    sp_model_clear(&model);
}

static void what_is_no_cell_is_made_of_products(void **state) {
    (void)state;
    for (size_t form = OTHER_WEIGHT; form < FORMS; form++) {
        check_no_cell(written(5, (unrolled_form)form, STEP_RIGHT));
    }
    static const step_form other[] = {STEP_NO_TANH, STEP_COMPLEMENT, STEP_SIGMOID_INSIDE};
    for (size_t i = 0; i < sizeof other / sizeof *other; i++) {
        check_no_cell(written(5, UNROLLED, other[i]));
    }
    om_refuse(written(5, UNROLLED, STEP_TANH_OF_OLD), SP_E_UNSUPPORTED, "node");
}

/* A function of one step each, stacked: the same at every step, or not. */
static void steps_that_are_stacked_are_a_sequence(void **state) {
    (void)state;
    for (size_t odd = 0; odd < 2; odd++) {
        om *m = om_new(18);
        om_input(m, "x", "6 x 1 x 3");
        om_reals(m, "W", "3x2", (const double[]){1, 2, 3, 4, 5, 6});
        om_reals(m, "V", "3x2", (const double[]){6, 5, 4, 3, 2, 1});
        om_list(m, "[0]", 1, (const int64_t[]){0});
        om_list(m, "[1]", 1, (const int64_t[]){1});
        for (size_t t = 0; t < T; t++) {
            char names[64], out[32];
            snprintf(names, sizeof names, "%s,%s", step_input(m, t, t), odd && t == 3 ? "V" : "W");
            snprintf(out, sizeof out, "y%zu", t);
            om_node(m, "MatMul", names, out);
            snprintf(names, sizeof names, "y%zu", t);
            snprintf(out, sizeof out, "r%zu", t);
            om_node(m, "Relu", names, out);
            snprintf(names, sizeof names, "r%zu,[0]", t);
            snprintf(out, sizeof out, "u%zu", t);
            om_node(m, "Unsqueeze", names, out);
        }
        om_int(m, om_node(m, "Concat", "u0,u1,u2,u3,u4,u5", "rows"), "axis", 0);
        const double w[8] = {1, 2, 3, 4, 5, 6, 7, 8}, r[16] = {0.5};
        om_reals(m, "CW", "1x4x2", w);
        om_reals(m, "CR", "1x4x4", r);
        om_int(m, om_node(m, "RNN", "rows,CW,CR", "Y,last"), "hidden_size", 4);
        om_node(m, "Squeeze", "last,[0]", "y");
        om_output(m, "y");
        if (odd) {
            om_refuse(m, SP_E_UNSUPPORTED, "RNN|'rows'");
            continue;
        }
        sp_model model;
        om_accept(m, &model);
        assert_int_equal(model.net.nodes, 5); // input, dense, ReLU, RNN, last step
        assert_int_equal(model.net.node[1].width, 2);
        sp_model_clear(&model);
    }
}

/* ---- whole sequences ---- */

/* An LSTM behind ReverseSequence of `reversed` steps, or with sequence_lens of as many; 0: all. */
static om *lengths(bool reverse, int64_t steps, const char *shape) {
    unrolled u = begin(11, shape);
    om_lstm_weights(u.m, &u.lstm, "", OM_RAW);
    om_list(u.m, "fixed", 1, &steps);
    om_int(u.m, om_node(u.m, "Shape", "x", "all"), "end", 1);
    const char *length = steps > 0 ? "fixed" : "all";
    char names[64];
    snprintf(names, sizeof names, "x,%s", length);
    if (reverse) {
        Onnx__NodeProto *node = om_node(u.m, "ReverseSequence", names, "xr");
        om_int(u.m, node, "time_axis", 0);
        om_int(u.m, node, "batch_axis", 1);
    }
    snprintf(names, sizeof names, reverse ? "xr,W,R,B" : "x,W,R,B,%s", length);
    om_int(u.m, om_node(u.m, "LSTM", names, "Y,Yh"), "hidden_size", H);
    om_node(u.m, "Squeeze", "Yh,[0]", "last");
    return finish(&u, "last");
}

static void lengths_of_the_whole_clip_are_none(void **state) {
    (void)state;
    for (size_t i = 0; i < 4; i++) {
        const bool reverse = i % 2 > 0;
        sp_model model, want;
        om_accept(lengths(reverse, i / 2 > 0 ? T : 0, i / 2 > 0 ? "6 x 1 x 3" : "T x 1 x 3"),
                  &model);
        om_accept(whole(11, reverse ? BACKWARDS : UNROLLED), &want);
        om_expect_nodes(&model.net, &want.net);
        sp_model_clear(&model);
        sp_model_clear(&want);
    }
    sp_model model;
    om_accept(lengths(false, 5, "T x 1 x 3"),
              &model); // with another number it would leave some out
    assert_int_equal(model.net.steps, 5);
    sp_model_clear(&model);
    om_refuse(lengths(false, 5, "6 x 1 x 3"), SP_E_UNSUPPORTED, "LSTM|sequence_lens");
    om_refuse(lengths(true, 5, "6 x 1 x 3"), SP_E_UNSUPPORTED, "ReverseSequence|sequence_lens");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cells_written_out_are_cells),
        cmocka_unit_test(what_is_no_cell_is_made_of_products),
        cmocka_unit_test(steps_that_are_stacked_are_a_sequence),
        cmocka_unit_test(lengths_of_the_whole_clip_are_none),
    };
    return cmocka_run_group_tests_name("onnx/unrolled", tests, NULL, NULL);
}
