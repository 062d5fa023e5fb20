/* Two recurrent layers of sines, and an input: a network that the reader may check by hand. */
#ifndef SP_TESTS_NET_SINES_H
#define SP_TESTS_NET_SINES_H

#include <math.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include "net/net.h"

enum { SINES_FRAMES = 3, SINES_WIDTH = 2, SINES_UNITS = 3, SINES_CLASSES = 3 };

/** sines_make - four gates: LSTM layers, one: vanilla ones. */
static inline void sines_make(sp_net *net, size_t gates) {
    enum { U = SINES_UNITS, K = SINES_CLASSES };
    double w[4 * U * U], r[4 * U * U], b[4 * U], out[K * U], zero[K] = {0.0};
    const sp_activation hyperbolic = {.kind = SP_ACTIVATION_TANH};
    assert_int_equal(sp_net_init(NULL, net, SINES_WIDTH), SP_OK);
    for (size_t l = 0; l < 2; l++) {
        const size_t in = l ? U : SINES_WIDTH;
        const double depth = (double)l;
        for (size_t i = 0; i < gates * U; i++) {
            const double row = (double)i;
            for (size_t k = 0; k < in; k++) {
                w[i * in + k] = 0.9 * sin(1.0 + 1.7 * row + 0.9 * (double)k + 0.5 * depth);
            }
            for (size_t k = 0; k < U; k++) {
                r[i * U + k] = 0.7 * sin(2.0 + 1.1 * row + 2.3 * (double)k + 0.7 * depth);
            }
            b[i] = 0.3 * sin(3.0 + 0.8 * row + depth);
        }
        assert_int_equal(gates == 4 ? sp_net_add_lstm(NULL, net, U, w, r, b)
                                    : sp_net_add_rnn(NULL, net, U, hyperbolic, w, r, b),
                         SP_OK);
    }
    for (size_t k = 0; k < K; k++) {
        for (size_t j = 0; j < U; j++) {
            out[k * U + j] = 1.5 * sin(0.5 + 2.1 * (double)k + 1.3 * (double)j);
        }
    }
    assert_int_equal(sp_net_add_pool(NULL, net, SP_POOLING_LAST), SP_OK);
    assert_int_equal(sp_net_add_affine(NULL, net, K, out, zero), SP_OK);
}

/** sines_input - x[t, d] = cos(t + 2 d). */
static inline void sines_input(double x[SINES_FRAMES * SINES_WIDTH]) {
    for (size_t i = 0; i < SINES_FRAMES * SINES_WIDTH; i++) {
        x[i] = cos((double)(i / SINES_WIDTH) + 2.0 * (double)(i % SINES_WIDTH));
    }
}

#endif
