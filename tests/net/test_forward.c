/* sp_net_run against the definitions of plain.h, and what sp_net_add_* and sp_net_run refuse. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/net/plain.h"

static void test_random_nets(void **state) {
    (void)state;
    sp_rng rng;
    sp_rng_init(&rng, sp_test_seed());
    plain_net *plain = malloc(sizeof *plain);
    assert_non_null(plain);
    double features[LONGEST * WIDEST];
    const int count = sp_test_long() ? 20000 : sp_test_sanitized() ? 200 : 1000;
    for (int n = 0; n < count; n++) {
        sp_net net;
        random_net(&rng, plain);
        build(&net, plain);
        random_features(&rng, features);
        const size_t steps = 1 + sp_rng_below(&rng, LONGEST);
        const double worst = difference(&net, plain, features, steps);
        // Weights of size 1 in up to 7 layers lose a few digits.
        if (!(worst <= 1e-9)) {
            fail_msg("net %d, %zu steps: the logits differ by %a", n, steps, worst);
        }
        sp_net_clear(&net);
    }
    free(plain);
}

/* A wrong order of the gates must be seen: any two of them are exchanged in the definition. */
static void test_gate_order_is_seen(void **state) {
    (void)state;
    sp_rng rng;
    sp_rng_init(&rng, sp_test_seed() + 1);
    plain_net *plain = calloc(1, sizeof *plain);
    assert_non_null(plain);
    double features[LONGEST * WIDEST];
    random_features(&rng, features);
    plain->features = 3;
    add_plain(&rng, plain, PLAIN_LSTM, 4);
    plain->readout = 1;
    sp_net net;
    build(&net, plain);
    assert_true(difference(&net, plain, features, 5) <= 1e-14);
    plain_gate *gates[4] = {&plain->layer[0].i, &plain->layer[0].f, &plain->layer[0].g,
                            &plain->layer[0].o};
    for (size_t a = 0; a < 4; a++) {
        for (size_t b = 0; b < a; b++) {
            const plain_gate keep = *gates[a];
            *gates[a] = *gates[b];
            *gates[b] = keep;
            assert_true(difference(&net, plain, features, 5) > 1e-3);
            *gates[b] = *gates[a];
            *gates[a] = keep;
        }
    }
    plain->layer[0].o.hidden[1][2] = -plain->layer[0].o.hidden[1][2];
    assert_true(difference(&net, plain, features, 5) > 1e-6);
    sp_net_clear(&net);
    free(plain);
}

/* Layers behind the readout start from zero and see the last step only. */
static void test_readout(void **state) {
    (void)state;
    sp_rng rng;
    sp_rng_init(&rng, sp_test_seed() + 2);
    plain_net *plain = calloc(1, sizeof *plain);
    assert_non_null(plain);
    double features[LONGEST * WIDEST];
    random_features(&rng, features);
    plain->features = 2;
    add_plain(&rng, plain, PLAIN_AFFINE, 5);
    add_plain(&rng, plain, PLAIN_LSTM, 3);
    sp_net net;
    double last[WIDEST], all[WIDEST];
    plain->readout = 1;
    build(&net, plain);
    assert_int_equal(sp_net_run(NULL, &net, all, features, 4), SP_OK);
    assert_int_equal(sp_net_run(NULL, &net, last, features + 3 * 2, 1), SP_OK);
    assert_memory_equal(all, last, 3 * sizeof *all);
    assert_true(difference(&net, plain, features, 4) <= 1e-14);
    sp_net_clear(&net);
    plain->readout = 2;
    build(&net, plain);
    assert_true(difference(&net, plain, features, 4) <= 1e-14);
    assert_int_equal(sp_net_run(NULL, &net, last, features, 4), SP_OK);
    assert_true(fabs(last[0] - all[0]) > 1e-6);
    sp_net_clear(&net);
    free(plain);
}

static void test_a_pool_alone_is_the_last_frame(void **state) {
    (void)state;
    sp_net net;
    double out[2];
    assert_int_equal(sp_net_init(NULL, &net, 2), SP_OK);
    assert_int_equal(sp_net_add_pool(NULL, &net, SP_POOLING_LAST), SP_OK);
    assert_int_equal(sp_net_run(NULL, &net, out, (const double[]){1, 2, 3, 4}, 2), SP_OK);
    assert_true(out[0] == 3.0 && out[1] == 4.0);
    sp_net_clear(&net);
}

static void test_weights_are_copied(void **state) {
    (void)state;
    sp_net net;
    double weight[2] = {1.0, 2.0}, bias[1] = {3.0}, out[1];
    assert_int_equal(sp_net_init(NULL, &net, 2), SP_OK);
    assert_int_equal(sp_net_add_affine(NULL, &net, 1, weight, bias), SP_OK);
    weight[0] = bias[0] = 100.0;
    assert_int_equal(sp_net_run(NULL, &net, out, (const double[]){5, 7}, 1), SP_OK);
    assert_true(out[0] == 22.0);
    sp_net_clear(&net);
}

/* ---- refusals ---- */

static void test_bad_weights(void **state) {
    (void)state;
    static const double bad[3] = {NAN, INFINITY, -INFINITY};
    double w[8] = {0}, r[4] = {0}, b[4] = {0};
    for (size_t i = 0; i < 3; i++) {
        sp_net net;
        sp_error err = {0};
        assert_int_equal(sp_net_init(NULL, &net, 2), SP_OK);
        w[3] = bad[i];
        expect_refused(sp_net_add_affine(&err, &net, 4, w, b), SP_E_NONFINITE, &err, "weight[3]");
        expect_refused(sp_net_add_lstm(&err, &net, 1, w, r, b), SP_E_NONFINITE, &err, "weight[3]");
        w[3] = 0.0;
        r[2] = bad[i];
        expect_refused(sp_net_add_lstm(&err, &net, 1, w, r, b), SP_E_NONFINITE, &err,
                       "recurrent[2]");
        r[2] = 0.0;
        b[1] = bad[i];
        expect_refused(sp_net_add_affine(&err, &net, 4, w, b), SP_E_NONFINITE, &err, "bias[1]");
        expect_refused(sp_net_add_lstm(&err, &net, 1, w, r, b), SP_E_NONFINITE, &err, "bias[1]");
        b[1] = 0.0;
        assert_int_equal(net.nodes, 1);
        assert_int_equal(net.classes, 2);
        sp_net_clear(&net);
    }
}

static void test_bad_sizes(void **state) {
    (void)state;
    const double zero[1] = {0};
    sp_error err = {0};
    sp_net net;
    assert_int_equal(sp_net_init(NULL, &net, 2), SP_OK);
    expect_refused(sp_net_add_affine(&err, &net, 0, zero, zero), SP_E_ARGUMENT, &err, "positive");
    expect_refused(sp_net_add_affine(&err, &net, SIZE_MAX / 4, zero, zero), SP_E_MEMORY, &err,
                   "too large");
    expect_refused(sp_net_add_lstm(&err, &net, SIZE_MAX / 2, zero, zero, zero), SP_E_MEMORY, &err,
                   "too many");
    expect_refused(sp_net_add_lstm(&err, &net, SIZE_MAX / 32, zero, zero, zero), SP_E_MEMORY, &err,
                   "too large");
    assert_int_equal(net.nodes, 1);
    sp_net_clear(&net);
    expect_refused(sp_net_init(&err, &net, 0), SP_E_ARGUMENT, &err, "at least one");
}

static void test_bad_runs(void **state) {
    (void)state;
    sp_error err = {0};
    sp_net net;
    double out[2], x[4] = {1.0, 1.0, 1.0, 1.0};
    const double zeros[4] = {0};
    assert_int_equal(sp_net_init(NULL, &net, 2), SP_OK);
    const double huge[4] = {1e308, 1e308, -1e308, -1e308}, zero[2] = {0};
    assert_int_equal(sp_net_add_affine(&err, &net, 2, huge, zero), SP_OK);
    assert_int_equal(sp_net_add_relu(&err, &net), SP_OK);
    expect_refused(sp_net_run(&err, &net, out, zeros, 2), SP_E_MISMATCH, &err, "2 frames");
    assert_int_equal(sp_net_add_pool(&err, &net, SP_POOLING_LAST), SP_OK);
    expect_refused(sp_net_run(&err, &net, out, x, 0), SP_E_MISMATCH, &err, "at least one step");
    x[0] = x[2] = 0.5;
    x[1] = x[3] = 0.25;
    assert_int_equal(sp_net_run(&err, &net, out, x, 2), SP_OK);
    assert_true(out[0] == 7.5e307 && out[1] == 0.0);
    // -1e308 - 1e308 overflows; a ReLU that made 0 of it would hide that.
    x[0] = x[1] = 1.0;
    expect_refused(sp_net_run(&err, &net, out, x, 2), SP_E_NONFINITE, &err, "step 0, node 1");
    x[0] = NAN;
    expect_refused(sp_net_run(&err, &net, out, x, 2), SP_E_NONFINITE, &err, "feature 0 of step 0");
    x[0] = 0.0;
    x[1] = 0.0;
    net.steps = 2;
    assert_int_equal(sp_net_run(&err, &net, out, x, 2), SP_OK);
    expect_refused(sp_net_run(&err, &net, out, x, 1), SP_E_MISMATCH, &err, "exactly 2 steps");
    sp_net_clear(&net);
}

static void test_saturated_gates(void **state) {
    (void)state;
    sp_net net;
    double out[1];
    assert_int_equal(sp_net_init(NULL, &net, 1), SP_OK);
    // i, f, o at +-1e4 and g at 1e4: exact limits, no overflow in the sigmoid.
    const double w[4] = {0}, r[4] = {0}, open[4] = {1e4, 1e4, 1e4, 1e4},
                 shut[4] = {-1e4, 1e4, 1e4, 1e4};
    assert_int_equal(sp_net_add_lstm(NULL, &net, 1, w, r, open), SP_OK);
    assert_int_equal(sp_net_add_pool(NULL, &net, SP_POOLING_LAST), SP_OK);
    assert_int_equal(sp_net_run(NULL, &net, out, (const double[]){0, 0, 0}, 3), SP_OK);
    assert_true(fabs(out[0] - tanh(3.0)) <= 1e-15);
    sp_net_clear(&net);
    assert_int_equal(sp_net_init(NULL, &net, 1), SP_OK);
    assert_int_equal(sp_net_add_lstm(NULL, &net, 1, w, r, shut), SP_OK);
    assert_int_equal(sp_net_add_pool(NULL, &net, SP_POOLING_LAST), SP_OK);
    assert_int_equal(sp_net_run(NULL, &net, out, (const double[]){0, 0, 0}, 3), SP_OK);
    assert_true(out[0] == 0.0);
    sp_net_clear(&net);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_nets),
        cmocka_unit_test(test_gate_order_is_seen),
        cmocka_unit_test(test_readout),
        cmocka_unit_test(test_a_pool_alone_is_the_last_frame),
        cmocka_unit_test(test_weights_are_copied),
        cmocka_unit_test(test_bad_weights),
        cmocka_unit_test(test_bad_sizes),
        cmocka_unit_test(test_bad_runs),
        cmocka_unit_test(test_saturated_gates),
    };
    return cmocka_run_group_tests_name("net/forward", tests, NULL, NULL);
}
