/* LSTM weights in PyTorch's order, as an ONNX file and as a layer. */
#ifndef SP_TESTS_ONNX_LSTM_H
#define SP_TESTS_ONNX_LSTM_H

#include "tests/onnx/build.h"

/* An LSTM as PyTorch keeps it: gates i, f, g, o; two biases. */
typedef struct om_lstm {
    size_t in, hidden;
    double *input, *recurrent, *bias_input,
        *bias_recurrent; /* [4H,D] [4H,H] [4H] [4H], in the model */
} om_lstm;

static inline om_lstm om_lstm_random(om *m, sp_rng *rng, size_t in, size_t hidden) {
    om_lstm l = {.in = in, .hidden = hidden};
    l.input = om_take(m, 4 * hidden * in, sizeof(double));
    l.recurrent = om_take(m, 4 * hidden * hidden, sizeof(double));
    l.bias_input = om_take(m, 4 * hidden, sizeof(double));
    l.bias_recurrent = om_take(m, 4 * hidden, sizeof(double));
    om_random(rng, l.input, 4 * hidden * in);
    om_random(rng, l.recurrent, 4 * hidden * hidden);
    om_random(rng, l.bias_input, 4 * hidden);
    om_random(rng, l.bias_recurrent, 4 * hidden);
    return l;
}

/* Copies [4H, columns] from the order i, f, g, o to ONNX's i, o, f, c. */
static inline void om_onnx_order(double *to, const double *from, size_t hidden, size_t columns) {
    const size_t size = hidden * columns;
    memcpy(to, from, size * sizeof *to);
    memcpy(to + size, from + 3 * size, size * sizeof *to);
    memcpy(to + 2 * size, from + size, size * sizeof *to);
    memcpy(to + 3 * size, from + 2 * size, size * sizeof *to);
}

/* Initialisers W, R and B of a layer, called prefix + "W" and so on. */
static inline void om_lstm_weights(om *m, const om_lstm *l, const char *prefix,
                                   om_storage storage) {
    const size_t D = l->in, H = l->hidden;
    double *w = om_take(m, 4 * H * D, sizeof *w), *r = om_take(m, 4 * H * H, sizeof *r);
    double *b = om_take(m, 8 * H, sizeof *b);
    char name[64], shape[64];
    om_onnx_order(w, l->input, H, D);
    om_onnx_order(r, l->recurrent, H, H);
    om_onnx_order(b, l->bias_input, H, 1);
    om_onnx_order(b + 4 * H, l->bias_recurrent, H, 1);
    snprintf(name, sizeof name, "%sW", prefix);
    snprintf(shape, sizeof shape, "1x%zux%zu", 4 * H, D);
    om_initialiser(m, om_real_tensor(m, name, shape, w, storage));
    snprintf(name, sizeof name, "%sR", prefix);
    snprintf(shape, sizeof shape, "1x%zux%zu", 4 * H, H);
    om_initialiser(m, om_real_tensor(m, name, shape, r, storage));
    snprintf(name, sizeof name, "%sB", prefix);
    snprintf(shape, sizeof shape, "1x%zu", 8 * H);
    om_initialiser(m, om_real_tensor(m, name, shape, b, storage));
}

/* The same layer at the end of the expected net. */
static inline void om_lstm_expect(sp_net *net, const om_lstm *l) {
    double *bias = malloc(4 * l->hidden * sizeof *bias);
    assert_non_null(bias);
    for (size_t j = 0; j < 4 * l->hidden; j++) {
        bias[j] = l->bias_input[j] + l->bias_recurrent[j];
    }
    assert_int_equal(sp_net_add_lstm(NULL, net, l->hidden, l->input, l->recurrent, bias), SP_OK);
    free(bias);
}

#endif
