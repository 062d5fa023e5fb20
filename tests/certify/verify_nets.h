/* Small networks as files, feed-forward ones and an LSTM, and queries about them. */
#ifndef SP_TESTS_CERTIFY_VERIFY_NETS_H
#define SP_TESTS_CERTIFY_VERIFY_NETS_H

#include "certify/verify/verify.h"
#include "tests/onnx/build.h"

enum { MOST_INPUTS = 6, HIDDEN = 6, OUTPUTS = 3, TEXT = 16384 };

static inline void random_tensor(om *m, sp_rng *rng, const char *name, size_t rows, size_t columns,
                                 double scale) {
    double value[64 * 64];
    char shape[32];
    for (size_t i = 0; i < rows * columns; i++) {
        value[i] = (double)(float)sp_rng_uniform(rng, -scale, scale);
    }
    snprintf(shape, sizeof shape, columns > 1 ? "%zux%zu" : "%zu", rows, columns);
    om_reals(m, name, shape, value);
}

static inline sp_model finish(om *m) {
    size_t size = 0;
    sp_model model;
    sp_error err = {0};
    uint8_t *data = om_pack(m, &size);
    if (sp_model_parse(&err, &model, data, size, "net") != SP_OK) {
        fail_msg("%s", err.text);
    }
    free(data);
    om_free(m);
    return model;
}

/* x [1, inputs] through two hidden layers; head: an operator behind them, or NULL. */
static inline sp_model perceptron(sp_rng *rng, size_t inputs, const char *curve, const char *head) {
    char shape[32];
    om *m = om_new(14);
    snprintf(shape, sizeof shape, "1x%zu", inputs);
    om_input(m, "x", shape);
    random_tensor(m, rng, "w1", inputs, HIDDEN, 1.5);
    random_tensor(m, rng, "b1", HIDDEN, 1, 1.0);
    random_tensor(m, rng, "w2", HIDDEN, HIDDEN, 1.0);
    random_tensor(m, rng, "b2", HIDDEN, 1, 1.0);
    random_tensor(m, rng, "w3", HIDDEN, OUTPUTS, 1.0);
    random_tensor(m, rng, "b3", OUTPUTS, 1, 1.0);
    om_node(m, "Gemm", "x,w1,b1", "a1");
    om_node(m, curve, "a1", "h1");
    om_node(m, "MatMul", "h1,w2", "m2");
    om_node(m, "Add", "m2,b2", "a2");
    om_node(m, curve, "a2", "h2");
    om_node(m, "Gemm", "h2,w3,b3", head ? "z" : "y");
    if (head) {
        om_node(m, head, "z", "y");
    }
    om_output(m, "y");
    return finish(m);
}

/* An LSTM over three steps of two numbers, written by the library itself. */
static inline sp_model recurrent(sp_rng *rng) {
    double weight[4 * HIDDEN * 2], loop[4 * HIDDEN * HIDDEN], bias[4 * HIDDEN];
    double readout[OUTPUTS * HIDDEN], offset[OUTPUTS];
    double *const list[] = {weight, loop, bias, readout, offset};
    const size_t count[] = {sizeof weight / sizeof(double), sizeof loop / sizeof(double),
                            sizeof bias / sizeof(double), sizeof readout / sizeof(double),
                            sizeof offset / sizeof(double)};
    for (size_t k = 0; k < 5; k++) {
        for (size_t i = 0; i < count[k]; i++) {
            list[k][i] = sp_rng_uniform(rng, -1.0, 1.0);
        }
    }
    sp_net net;
    sp_model model;
    sp_error err = {0};
    void *data = NULL;
    size_t size = 0;
    assert_int_equal(sp_net_init(NULL, &net, 2), SP_OK);
    assert_int_equal(sp_net_add_lstm(NULL, &net, HIDDEN, weight, loop, bias), SP_OK);
    assert_int_equal(sp_net_add_pool(NULL, &net, SP_POOLING_LAST), SP_OK);
    assert_int_equal(sp_net_add_affine(NULL, &net, OUTPUTS, readout, offset), SP_OK);
    assert_int_equal(sp_model_pack(NULL, &data, &size, &net, NULL, 0), SP_OK);
    if (sp_model_parse(&err, &model, data, size, "net") != SP_OK) {
        fail_msg("%s", err.text);
    }
    free(data);
    sp_net_clear(&net);
    return model;
}

/* ---- queries ---- */

static inline void add(char *text, const char *format, ...) SP_PRINTF(2, 3);
static inline void add(char *text, const char *format, ...) {
    va_list values;
    const size_t used = strlen(text);
    va_start(values, format);
    vsnprintf(text + used, TEXT - used, format, values);
    va_end(values);
}

static inline sp_vnnlib parse(const char *text) {
    sp_vnnlib query;
    sp_error err = {0};
    if (sp_vnnlib_parse(&err, &query, text, strlen(text), "q") != SP_OK) {
        fail_msg("%s: %s", text, err.text);
    }
    return query;
}

static inline void answer(sp_verify_answer *made, const sp_vnnlib *query, const sp_model *model,
                          const sp_verify_options *options) {
    sp_error err = {0};
    if (sp_verify_query(&err, made, query, model, options) != SP_OK) {
        fail_msg("%s", err.text);
    }
}

static inline sp_verify_kind ask(const sp_model *model, const char *head, const char *assertion,
                                 sp_arithmetic arithmetic) {
    char text[TEXT] = "";
    add(text, "%s%s", head, assertion);
    sp_vnnlib query = parse(text);
    sp_verify_answer made;
    const sp_verify_options options = {
        .most_boxes = 5000, .arithmetic = arithmetic, .seed = 1, .timeout = 60.0};
    answer(&made, &query, model, &options);
    const sp_verify_kind kind = made.kind;
    sp_verify_answer_clear(&made);
    sp_vnnlib_clear(&query);
    return kind;
}

#endif
