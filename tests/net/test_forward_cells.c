/* sp_net_run of GRU and RNN layers with every activation against the definitions of plain.h, and
 * what sp_net_add_gru and sp_net_add_rnn refuse. */
#include "tests/net/plain.h"

/* What one layer of the kind answers to features that are small, so that no state blows up. */
static double one_layer(sp_rng *rng, plain_net *plain, plain_kind kind, sp_activation gate,
                        sp_activation candidate, bool after, const char *broken) {
    double features[LONGEST * WIDEST];
    sp_net net;
    memset(plain, 0, sizeof *plain);
    plain->features = 3;
    plain->readout = 1;
    add_plain(rng, plain, kind, 4);
    plain_layer *layer = &plain->layer[0];
    plain_gate *gates[3] = {&layer->i, &layer->f, &layer->g};
    for (size_t i = 0; i < 3 * 4 * 4; i++) {
        gates[i / 16]->hidden[i / 4 % 4][i % 4] *= 0.4;
    }
    layer->gate = gate;
    layer->candidate = candidate;
    layer->reset_after = after;
    build(&net, plain);
    random_features(rng, features);
    if (strcmp(broken, "order") == 0) {
        const plain_gate keep = layer->i;
        layer->i = layer->f;
        layer->f = keep;
    } else if (strcmp(broken, "reset") == 0) {
        layer->reset_after = !layer->reset_after;
        memset(layer->recurrent_bias, 0, sizeof layer->recurrent_bias);
    } else if (strcmp(broken, "candidate") == 0) {
        layer->candidate.kind = (sp_activation_kind)((layer->candidate.kind + 1) % 5);
    }
    const double worst = difference(&net, plain, features, 6);
    sp_net_clear(&net);
    return worst;
}

/* All pairs of activations and both forms of the reset; a wrong order of gates, form or function
 * must be seen. */
static void test_every_activation(void **state) {
    (void)state;
    sp_rng rng;
    sp_rng_init(&rng, sp_test_seed() + 3);
    plain_net *plain = malloc(sizeof *plain);
    assert_non_null(plain);
    for (size_t i = 0; i < 5 * 5 * 2; i++) {
        const sp_activation gate = {(sp_activation_kind)(i % 5), 0.2, 0.5};
        const sp_activation candidate = {(sp_activation_kind)(i / 5 % 5), 0.7, -0.1};
        const bool after = i / 25 == 1;
        assert_true(one_layer(&rng, plain, PLAIN_GRU, gate, candidate, after, "") <= 1e-12);
        assert_true(one_layer(&rng, plain, PLAIN_RNN, gate, candidate, after, "") <= 1e-12);
        static const char *const broken[] = {"order", "reset", "candidate"};
        for (size_t k = 0; k < 3; k++) {
            double worst = 0.0; // units may all be saturated in one layer, not in ten
            for (int n = 0; n < 10; n++) {
                worst = fmax(worst,
                             one_layer(&rng, plain, PLAIN_GRU, gate, candidate, after, broken[k]));
            }
            assert_true(worst > 1e-3);
        }
    }
    free(plain);
}

static void test_bad_cells(void **state) {
    (void)state;
    static const double bad[3] = {NAN, INFINITY, -INFINITY};
    const sp_activation hard = {SP_ACTIVATION_HARD_SIGMOID, 0.2, 0.5};
    const sp_activation plain = {SP_ACTIVATION_TANH, NAN, NAN}; // reads neither
    double w[6] = {0}, r[3] = {0}, b[3] = {0}, own[1] = {0};
    sp_error err = {0};
    sp_net net;
    assert_int_equal(sp_net_init(NULL, &net, 2), SP_OK);
    for (size_t i = 0; i < 3; i++) {
        const sp_activation broken = {SP_ACTIVATION_HARD_SIGMOID, 0.2, bad[i]};
        expect_refused(sp_net_add_gru(&err, &net, 1, broken, plain, false, w, r, b, NULL),
                       SP_E_NONFINITE, &err, "hard_sigmoid");
        expect_refused(sp_net_add_rnn(&err, &net, 1, broken, w, r, b), SP_E_NONFINITE, &err,
                       "hard_sigmoid");
        own[0] = bad[i];
        expect_refused(sp_net_add_gru(&err, &net, 1, hard, plain, true, w, r, b, own),
                       SP_E_NONFINITE, &err, "recurrent_bias[0]");
        own[0] = 0.0;
        w[5] = bad[i];
        expect_refused(sp_net_add_gru(&err, &net, 1, hard, plain, true, w, r, b, own),
                       SP_E_NONFINITE, &err, "weight[5]");
        w[5] = 0.0;
    }
    expect_refused(sp_net_add_gru(&err, &net, 1, hard, plain, false, w, r, b, own), SP_E_ARGUMENT,
                   &err, "reset");
    const sp_activation unknown = {(sp_activation_kind)77, 0.0, 0.0};
    expect_refused(sp_net_add_rnn(&err, &net, 1, unknown, w, r, b), SP_E_ARGUMENT, &err, "77");
    expect_refused(sp_net_add_gru(&err, &net, 0, hard, plain, false, w, r, b, NULL), SP_E_ARGUMENT,
                   &err, "positive");
    expect_refused(sp_net_add_gru(&err, &net, SIZE_MAX / 2, hard, plain, false, w, r, b, NULL),
                   SP_E_MEMORY, &err, "too many");
    assert_int_equal(net.nodes, 1);
    assert_int_equal(sp_net_add_gru(&err, &net, 1, hard, plain, true, w, r, b, NULL), SP_OK);
    assert_int_equal(sp_net_add_rnn(&err, &net, 1, plain, w, r, b), SP_OK);
    sp_net_clear(&net);
}

static void test_activations(void **state) {
    (void)state;
    const sp_activation hard = {SP_ACTIVATION_HARD_SIGMOID, 0.2, 0.5};
    assert_true(sp_activation_value(hard, -2.5) == 0.0 && sp_activation_value(hard, 2.5) == 1.0);
    assert_true(sp_activation_value(hard, -1e308) == 0.0 &&
                sp_activation_value(hard, 1e308) == 1.0);
    assert_true(sp_activation_value(hard, 0.0) == 0.5);
    for (int kind = 0; kind < 5; kind++) {
        const sp_activation f = {(sp_activation_kind)kind, -0.3, 0.2};
        for (double x = -30.0; x < 30.0; x += 0.37) {
            const double want = (double)plain_activation(f, x);
            assert_true(fabs(sp_activation_value(f, x) - want) <= 4e-16 * fmax(1.0, fabs(want)));
        }
        assert_non_null(sp_activation_name(f.kind));
    }
    assert_null(sp_activation_name((sp_activation_kind)SP_ACTIVATION_KINDS));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_activations),
        cmocka_unit_test(test_every_activation),
        cmocka_unit_test(test_bad_cells),
    };
    return cmocka_run_group_tests_name("net/forward_cells", tests, NULL, NULL);
}
