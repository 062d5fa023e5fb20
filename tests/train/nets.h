/* Random networks and batches for the tests of train/. */
#ifndef SP_TESTS_TRAIN_NETS_H
#define SP_TESTS_TRAIN_NETS_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/support.h"
#include "train/impl.h"

enum { FEATURES = 3, CLASSES = 4, CLIPS = 5 };

/* Stacks by one letter per layer: d dense, r ReLU, l LSTM, g GRU, t and u RNN with tanh and ReLU, i
 * linear, | readout. Widths go 5, 4, 3, 5, ...; a dense layer to CLASSES is put at the end. */
static const char *const stacks[] = {
    "l|",  "g|",     "t|",     "u|",    "drl|", "drg|",      "drt|", "dru|",    "ll|",   "gg|",
    "tu|", "lgt|dr", "drll|d", "gdl|r", "l|dr", "drggt|drd", "i|",   "dridri|", "lii|dr"};
enum { STACKS = sizeof stacks / sizeof stacks[0] };

static inline double *random_numbers(sp_rng *rng, size_t n, double scale) {
    double *a = malloc((n + 1) * sizeof *a);
    assert_non_null(a);
    for (size_t i = 0; i < n; i++) {
        a[i] = sp_rng_uniform(rng, -scale, scale);
    }
    return a;
}

static inline void add_layer(sp_rng *rng, sp_net *net, char kind, size_t out) {
    const size_t in = net->classes, gates = kind == 'l' ? 4 : (kind == 'g' ? 3 : 1);
    const sp_activation sigmoid = {SP_ACTIVATION_SIGMOID, 0.0, 0.0};
    const sp_activation tangent = {SP_ACTIVATION_TANH, 0.0, 0.0};
    const sp_activation relu = {SP_ACTIVATION_RELU, 0.0, 0.0};
    double *w = random_numbers(rng, gates * out * in, 0.9);
    double *r = random_numbers(rng, gates * out * out, 0.9);
    double *b = random_numbers(rng, gates * out, 0.5), *own = random_numbers(rng, out, 0.5);
    sp_status status = SP_OK;
    for (size_t j = 0; kind == 'i' && j < out * out; j++) {
        r[j] = j % (out + 1) == 0 ? 0.5 + 0.5 * r[j] : 0.0; // lambda on the diagonal
    }
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
        status = sp_net_add_gru(NULL, net, out, sigmoid, tangent, true, w, r, b, own);
        break;
    case 'i':
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

static inline void make_net(sp_rng *rng, sp_net *net, const char *stack) {
    assert_int_equal(sp_net_init(NULL, net, FEATURES), SP_OK);
    size_t out = 5;
    for (const char *c = stack; *c; c++) {
        if (*c == '|') {
            assert_int_equal(sp_net_add_pool(NULL, net, SP_POOLING_LAST), SP_OK);
            continue;
        }
        add_layer(rng, net, *c, out);
        out = out == 3 ? 5 : out - 1;
    }
    add_layer(rng, net, 'd', CLASSES);
}

/* Clips of 1 to 6 steps. */
static inline void make_pack(sp_rng *rng, sp_train_packed_batch *batch) {
    size_t steps[CLIPS], label[CLIPS];
    for (size_t i = 0; i < CLIPS; i++) {
        steps[i] = 1 + sp_rng_below(rng, 6);
        label[i] = sp_rng_below(rng, CLASSES);
    }
    assert_int_equal(sp_train_packed_batch_create(NULL, batch, steps, label, CLIPS, FEATURES),
                     SP_OK);
    for (size_t k = 0; k < batch->rows * FEATURES; k++) {
        batch->x[k] = sp_rng_uniform(rng, -1.5, 1.5);
    }
}

/* The number of steps of clip i of a batch, and its features [steps, FEATURES]. */
static inline size_t clip_features(const sp_train_packed_batch *batch, size_t i, const double *x,
                                   double *out) {
    size_t steps = 0;
    while (steps < batch->steps && batch->count[steps] > i) {
        memcpy(out + steps * FEATURES, x + (batch->first[steps] + i) * FEATURES,
               FEATURES * sizeof *out);
        steps++;
    }
    return steps;
}

#endif
