/* Random networks of floats that soundproof itself writes. */
#ifndef SP_TESTS_ONNX_WRITTEN_H
#define SP_TESTS_ONNX_WRITTEN_H

#include "tests/onnx/build.h"

/* One letter per layer: d dense, r ReLU, l LSTM, g GRU with the reset after the product, G before
 * it, t and u RNN with tanh and ReLU, i linear, | readout. */
static const char *const written_stacks[] = {
    "l|d", "drll|d", "g|d", "drg|drd", "G|d", "t|d", "u|d", "lgt|d", "dugGl|rd", "i|d", "dridi|d"};
enum { WRITTEN = sizeof written_stacks / sizeof written_stacks[0] };

static inline double *written_numbers(sp_rng *rng, size_t count) {
    double *a = malloc((count + 1) * sizeof *a);
    assert_non_null(a);
    for (size_t i = 0; i < count; i++) {
        a[i] = (double)(float)sp_rng_uniform(rng, -1.0, 1.0);
    }
    return a;
}

static inline void written_layer(sp_rng *rng, sp_net *net, char kind, size_t out) {
    const sp_activation sigmoid = {SP_ACTIVATION_SIGMOID, 0.0, 0.0};
    const sp_activation tangent = {SP_ACTIVATION_TANH, 0.0, 0.0};
    const sp_activation relu = {SP_ACTIVATION_RELU, 0.0, 0.0};
    const size_t in = net->classes, rows = 4 * out;
    double *w = written_numbers(rng, rows * in), *r = written_numbers(rng, rows * out);
    double *b = written_numbers(rng, rows), *own = written_numbers(rng, out);
    sp_status status = SP_OK;
    switch (kind) {
    case 'd':
        status = sp_net_add_affine(NULL, net, out, w, b);
        break;
    case 'r':
        status = sp_net_add_relu(NULL, net);
        break;
    case 'l':
        status = sp_net_add_lstm(NULL, net, out, w, r, b);
        break;
    case 'g':
    case 'G':
        status = sp_net_add_gru(NULL, net, out, sigmoid, tangent, kind == 'g', w, r, b,
                                kind == 'g' ? own : NULL);
        break;
    case 'i':
        for (size_t j = 0; j < out * out; j++) {
            r[j] = j % (out + 1) == 0 ? (double)(float)(0.5 + 0.4 * r[j]) : 0.0;
        }
        status = sp_net_add_rnn(NULL, net, out, (sp_activation){SP_ACTIVATION_AFFINE, 1.0, 0.0}, w,
                                r, b);
        break;
    default:
        status = sp_net_add_rnn(NULL, net, out, kind == 't' ? tangent : relu, w, r, b);
    }
    assert_int_equal(status, SP_OK);
    free(w);
    free(r);
    free(b);
    free(own);
}

static inline void written_net(sp_rng *rng, sp_net *net, const char *stack) {
    assert_int_equal(sp_net_init(NULL, net, 1 + sp_rng_below(rng, 6)), SP_OK);
    for (const char *kind = stack; *kind; kind++) {
        if (*kind == '|') {
            assert_int_equal(sp_net_add_pool(NULL, net, SP_POOLING_LAST), SP_OK);
        } else {
            written_layer(rng, net, *kind, 1 + sp_rng_below(rng, 6));
        }
    }
}

#endif
