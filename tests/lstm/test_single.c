/* What a float32 program may be off by: programs that sum in random orders, fused or not, whose
 * functions and features are off as far as they may, stay within the terms; and each source of
 * error, alone, is paid for. */
#include <stdio.h>

#include "lstm/single/single.h"
#include "tests/lstm/float_machine.h"

/* ---- random graphs ---- */

static void to_floats(double *x, size_t count) {
    for (size_t i = 0; i < count; i++) {
        x[i] = (double)(float)x[i];
    }
}

/* Weights become floats; biases of cells may be sums of two. */
static void net_to_floats(sp_net *net) {
    for (size_t n = 0; n < net->nodes; n++) {
        sp_node *node = &net->node[n];
        for (size_t i = 0; node->kind == SP_NODE_AFFINE && i < node->terms; i++) {
            to_floats(node->term[i].weight,
                      node->width * node->term[i].timing.taps * node->term[i].in);
        }
        if (node->kind == SP_NODE_AFFINE) {
            to_floats(node->bias, node->width);
        } else if (node->kind == SP_NODE_CELL) {
            const size_t rows = sp_cell_gates(&node->cell) * node->cell.out;
            to_floats(node->cell.weight, rows * node->cell.in);
            if (node->cell.recurrent != NULL) {
                to_floats(node->cell.recurrent, rows * node->cell.out);
            }
            to_floats(node->cell.bias, rows);
            node->cell.gate.alpha = (double)(float)node->cell.gate.alpha;
            node->cell.gate.beta = (double)(float)node->cell.gate.beta;
            node->cell.candidate.alpha = (double)(float)node->cell.candidate.alpha;
            node->cell.candidate.beta = (double)(float)node->cell.candidate.beta;
        } else if (node->kind == SP_NODE_CURVE) {
            node->curve.alpha = (double)(float)node->curve.alpha;
            node->curve.beta = (double)(float)node->curve.beta;
        }
    }
}

static void random_features(const sp_front_bound *front, double *features, sp_rng *rng) {
    for (size_t i = 0; i < front->frames * front->features; i++) {
        const double lo = front->feature_lo[i], hi = front->feature_hi[i];
        features[i] = fmin(lo + (hi - lo) * sp_rng_uniform(rng, 0.0, 1.0), hi);
    }
}

/* Runs inside the boxes of the features; returns the largest share of a term that was attained. */
static double check_terms(const sp_net *net, const sp_front_bound *front, const double *term,
                          const machine *m, int runs) {
    double *features = malloc(front->frames * front->features * sizeof *features), most = 0.0;
    assert_non_null(features);
    for (int i = 0; i < runs; i++) {
        double real[16], floats[16];
        machine of = *m;
        of.push = i % 3 - 1;
        random_features(front, features, m->rng);
        if (sp_net_run_from(NULL, net, front->node, real, features, front->frames) != SP_OK) {
            continue;
        }
        run_floats(&of, net, front->node, features, front->frames, floats);
        for (size_t k = 0; k < net->classes; k++) {
            const double d = fabs(floats[k] - real[k]);
            assert_true(term[k] >= 0.0);
            if (term[k] == INFINITY) {
                continue; // floats may overflow: nothing is said of them
            }
            if (!(d <= term[k] + 1e-12 * fabs(real[k]))) {
                fail_msg("run %d, output %zu: floats are %g away, the term is %g", i, k, d,
                         term[k]);
            }
            most = fmax(most, d / term[k]);
        }
    }
    free(features);
    return most;
}

static sp_status terms_of(double *term, const sp_single_program *program, const sp_net *net,
                          const sp_front_bound *front, const sp_domain *domain) {
    const sp_method method = {.domain = domain};
    double rows[16 * 16] = {0.0}, lower[16];
    sp_error err = {0};
    sp_bounds bounds;
    for (size_t k = 0; k < net->classes; k++) {
        rows[k * net->classes + k] = 1.0;
    }
    SP_TRY(bounds_of(&err, &bounds, net, front, &method));
    assert_int_equal(bounds_margins(&err, &bounds, lower, NULL, rows, net->classes), SP_OK);
    const sp_status status = sp_single_terms(&err, term, program, net, front, domain, bounds.self,
                                             rows, net->classes, 0.0);
    bounds_destroy(&bounds);
    return status;
}

static void check_graphs(const sp_domain *domain, size_t count, const sp_single_program *program) {
    const bool small = program->feature_least < 1e-2;
    sp_rng rng;
    size_t served = 0, informative = 0;
    double most = 0.0;
    sp_rng_init(&rng, sp_test_seed() + 3);
    for (size_t i = 0; i < count; i++) {
        sp_toy_shape shape = {.frames = 1 + sp_rng_below(&rng, 7),
                              .bands = 3,
                              .frame = 5,
                              .step = 3,
                              .hidden = 1,
                              .classes = 1 + sp_rng_below(&rng, 4),
                              .joint = true,
                              .eps = pow(10.0, sp_rng_uniform(&rng, -6.0, -1.0)),
                              .scale = 1.0};
        double term[16];
        sp_toy toy;
        toy_init(&toy, sp_test_seed() + 300 + i, &shape);
        toy_graph(&rng, &toy, shape.classes, true, false);
        net_to_floats(&toy.net);
        const sp_status status = terms_of(term, program, &toy.net, &toy.front, domain);
        assert_true(status == SP_OK || status == SP_E_UNSUPPORTED);
        if (status == SP_OK) {
            const machine m = {.rng = &rng, .program = *program};
            served++;
            informative += term[0] < 1e-2;
            most = fmax(most,
                        check_terms(&toy.net, &toy.front, term, &m, sp_test_sanitized() ? 9 : 60));
        }
        toy_clear(&toy);
    }
    print_message("%s: %zu of %zu graphs, %zu terms below 0.01, at most %.2f attained\n",
                  domain->name, served, count, informative, most);
    assert_true(served > count / 10 && (informative > 0 || !small) && most > 0.01);
}

static void float_programs_stay_within_their_terms(void **state) {
    (void)state;
    const size_t count = sp_test_long() ? 2000 : sp_test_sanitized() ? 40 : 250;
    const sp_single_program standard = SP_SINGLE_STANDARD;
    check_graphs(&sp_domain_backsub, count, &standard);
    check_graphs(&sp_domain_interval, count, &standard);
    check_graphs(&sp_domain_zonotope, count / 2, &standard);
}

/* Errors far above roundings: each must be paid for by its own term. */
static void functions_and_features_are_paid_for(void **state) {
    (void)state;
    const size_t count = sp_test_long() ? 1000 : sp_test_sanitized() ? 30 : 150;
    const sp_single_program function = {0.0, 0.0, 1e-5, 0.0}, relative = {1e-5, 0.0, 0x1p-22, 0.0},
                            absolute = {0x1p-24, 1e-5, 0x1p-22, 0.0};
    const sp_single_program rounded = {0.0, 0.0, 0x1p-24, 0.0}; // roundings alone
    check_graphs(&sp_domain_interval, count, &rounded);
    check_graphs(&sp_domain_backsub, count, &function);
    check_graphs(&sp_domain_backsub, count, &relative);
    check_graphs(&sp_domain_backsub, count, &absolute);
}

/* Errors that carry numbers to where curves bend otherwise, through every sum on the way. */
static void errors_across_kinks_are_paid_for(void **state) {
    (void)state;
    const size_t count = sp_test_long() ? 1000 : sp_test_sanitized() ? 60 : 150;
    const sp_single_program far = {0x1p-24, 0.5, 0x1p-22, 0.0}, further = {0x1p-24, 4.0, 0.1, 0.0};
    check_graphs(&sp_domain_backsub, count, &far);
    check_graphs(&sp_domain_backsub, count, &further);
}

/* ---- one operation ---- */

/* A net of one frame over `width` features that lie at `value`. */
static double term_of_net(const sp_net *net, size_t frames, double value,
                          const sp_single_program *program) {
    const size_t count = frames * net->features;
    double *memory = calloc(4 * count, sizeof *memory), term[1];
    assert_non_null(memory);
    for (size_t i = 0; i < count; i++) {
        memory[i] = memory[count + i] = value;
    }
    const sp_front_bound front = {.rule = SP_FRONT_INTERVAL,
                                  .frames = frames,
                                  .bands = net->features,
                                  .features = net->features,
                                  .lo_w = memory + 2 * count,
                                  .up_w = memory + 2 * count,
                                  .lo_c = memory,
                                  .up_c = memory,
                                  .lo = memory,
                                  .hi = memory + count,
                                  .feature_lo = memory,
                                  .feature_hi = memory + count};
    assert_int_equal(terms_of(term, program, net, &front, &sp_domain_interval), SP_OK);
    free(memory);
    return term[0];
}

/* Sums one after another round far more often than they multiply. */
static void the_order_of_a_sum_is_paid_for(void **state) {
    (void)state;
    enum { TERMS = 4000 };
    static double weight[TERMS];
    const double bias[1] = {0.0};
    const float x = 0.1F;
    sp_net net;
    float sum = 0.0F;
    for (size_t i = 0; i < TERMS; i++) {
        weight[i] = 1.0;
        sum += x;
    }
    assert_int_equal(sp_net_init(NULL, &net, TERMS), SP_OK);
    assert_int_equal(sp_net_add_affine(NULL, &net, 1, weight, bias), SP_OK);
    assert_int_equal(sp_net_add_pool(NULL, &net, SP_POOLING_LAST), SP_OK);
    const sp_single_program exact = {0.0, 0.0, 0.0, 0.0};
    const double off = fabs((double)sum - TERMS * (double)x), size = TERMS * (double)x;
    const double term = term_of_net(&net, 1, (double)x, &exact);
    assert_true(off > 20.0 * 0x1p-24 * size); // far more than a rounding of each product
    assert_true(off <= term && term <= 1.01 * (TERMS + 6.0) * 0x1p-24 * size);
    sp_net_clear(&net);
}

/* A product and an addition that both lie in the middle between two floats, and go down: the term
 * is what they are off by, and hardly more. */
static void two_roundings_are_paid_for_in_full(void **state) {
    (void)state;
    const double weight[1] = {1.0 + 0x1p-12}, bias[1] = {0x1p-24};
    const float x = 1.0F + 0x1p-12F, product = (float)weight[0] * x;
    const float sum = product + (float)bias[0];
    const double off = weight[0] * (double)x + bias[0] - (double)sum;
    const sp_single_program exact = {0.0, 0.0, 0.0, 0.0};
    sp_net net;
    assert_int_equal(sp_net_init(NULL, &net, 1), SP_OK);
    assert_int_equal(sp_net_add_affine(NULL, &net, 1, weight, bias), SP_OK);
    assert_int_equal(sp_net_add_pool(NULL, &net, SP_POOLING_LAST), SP_OK);
    const double term = term_of_net(&net, 1, (double)x, &exact);
    assert_true(off == 0x1p-23);
    assert_true(off <= term && term <= 1.001 * off);
    sp_net_clear(&net);
}

/* h = x + h, twice: the state is rounded by a sum, and by nothing else. */
static void a_state_is_rounded_at_each_step(void **state) {
    (void)state;
    const double weight[1] = {1.0}, recurrent[1] = {1.0}, zero[1] = {0.0};
    const sp_activation affine = {SP_ACTIVATION_AFFINE, 1.0, 0.0};
    const sp_single_program exact = {0.0, 0.0, 0.0, 0.0};
    const float x = 1.0F + 0x1p-23F, two = x + x, three = two + x;
    sp_net net;
    assert_int_equal(sp_net_init(NULL, &net, 1), SP_OK);
    assert_int_equal(sp_net_add_rnn(NULL, &net, 1, affine, weight, recurrent, zero), SP_OK);
    assert_int_equal(sp_net_add_pool(NULL, &net, SP_POOLING_LAST), SP_OK);
    const double off = fabs((double)three - 3.0 * (double)x);
    assert_true(off == 0x1p-23 && off <= term_of_net(&net, 3, (double)x, &exact));
    sp_net_clear(&net);
}

/* A bias whose two halves a program adds up, and rounds as far as it can: the net has `real`,
 * the program `single`. */
typedef struct split_bias {
    double real;
    float single;
} split_bias;

static split_bias random_bias(sp_rng *rng, double lo, double hi) {
    const float single = (float)sp_rng_uniform(rng, lo, hi);
    const float next = nextafterf(single, -INFINITY);
    return (split_bias){(double)single - 0.4999 * ((double)single - (double)next), single};
}

static double logistic(double x) {
    return 1.0 / (1.0 + exp(-x));
}

/* Two steps of an LSTM that reads nothing, with its own functions exact: how far h is off. */
static double lstm_is_off_by(const split_bias gate[4]) {
    const double i = logistic((double)gate[0].single), f = logistic((double)gate[1].single);
    const double g = tanh((double)gate[2].single), o = logistic((double)gate[3].single);
    const float first = (float)(i * g), kept = (float)(f * (double)first);
    const float second = kept + (float)(i * g), h = (float)(o * tanh((double)second));
    const double real = logistic(gate[0].real) * tanh(gate[2].real);
    const double cell = logistic(gate[1].real) * real + real;
    return (double)h - logistic(gate[3].real) * tanh(cell);
}

/* Among many LSTMs one in which all roundings go up by nearly as much as they may: products just
 * below an eighth, and their sum just below a quarter. Without what is charged for its products, or
 * for its sum, the term would be too small. */
static void products_and_sums_of_a_cell_are_paid_for(void **state) {
    (void)state;
    static const double none[4] = {0.0};
    const sp_single_program exact = {0.0, 0.0, 0.0, 0.0};
    split_bias gate[4], worst[4];
    double most = 0.0, bias[4];
    sp_rng rng;
    sp_rng_init(&rng, 5);
    for (int k = 0; k < 400000; k++) {
        gate[0] = random_bias(&rng, -1.10, -1.00);
        gate[1] = random_bias(&rng, 4.1, 7.9);
        gate[2] = random_bias(&rng, 0.501, 0.52);
        gate[3] = random_bias(&rng, 4.1, 7.9);
        const double product = logistic(gate[0].real) * tanh(gate[2].real);
        const double off = lstm_is_off_by(gate);
        if (product < 0.12499 && off > most) {
            most = off;
            memcpy(worst, gate, sizeof worst);
        }
    }
    for (int k = 0; k < 4; k++) {
        bias[k] = worst[k].real;
    }
    sp_net net;
    assert_int_equal(sp_net_init(NULL, &net, 1), SP_OK);
    assert_int_equal(sp_net_add_lstm(NULL, &net, 1, none, none, bias), SP_OK);
    assert_int_equal(sp_net_add_pool(NULL, &net, SP_POOLING_LAST), SP_OK);
    const double term = term_of_net(&net, 2, 0.0, &exact);
    print_message("%.4g of %.4g attained, %.3f\n", most, term, most / term);
    assert_true(most <= term && term <= 1.25 * most);
    sp_net_clear(&net);
}

/* Two large biases whose sum is small: the file has them, the net has their sum. */
static void biases_that_cancel_are_paid_for(void **state) {
    (void)state;
    const double weight[1] = {1.0}, recurrent[1] = {0.0}, bias[1] = {0.0};
    const sp_activation affine = {SP_ACTIVATION_AFFINE, 1.0, 0.0};
    sp_net net;
    assert_int_equal(sp_net_init(NULL, &net, 1), SP_OK);
    assert_int_equal(sp_net_add_rnn(NULL, &net, 1, affine, weight, recurrent, bias), SP_OK);
    assert_int_equal(sp_net_add_pool(NULL, &net, SP_POOLING_LAST), SP_OK);
    const float large = 1e8F, x = 0.3F;
    const float program = (x + large) - large; // 0
    const sp_single_program exact = {0.0, 0.0, 0.0, 2.0 * (double)large};
    assert_true(fabs((double)program - (double)x) <= term_of_net(&net, 1, (double)x, &exact));
    sp_net_clear(&net);
}

/* A gate's argument that is off moves h = n + z (h' - n) by the slope of z times h' - n, which is
 * large where n and h' have opposite signs. */
static void the_two_places_of_an_update_gate_add_up(void **state) {
    (void)state;
    const double weight[6] = {1.0, 0.0, 0.0, 0.0, 0.0, 3.0}, zero[3] = {0.0, 0.0, 0.0};
    const double features[4] = {0.0, -1.0, 0.0, 1.0}; // z of the first number, n of the second
    double memory[12] = {0.0}, term[1], real[1], floats[1];
    const sp_activation sigmoid = {SP_ACTIVATION_SIGMOID, 0.0, 0.0};
    const sp_activation tangent = {SP_ACTIVATION_TANH, 0.0, 0.0};
    const sp_single_program program = {0.0, 1e-3, 0x1p-22, 0.0};
    sp_net net;
    sp_rng rng;
    sp_rng_init(&rng, sp_test_seed());
    assert_int_equal(sp_net_init(NULL, &net, 2), SP_OK);
    assert_int_equal(
        sp_net_add_gru(NULL, &net, 1, sigmoid, tangent, false, weight, zero, zero, NULL), SP_OK);
    assert_int_equal(sp_net_add_pool(NULL, &net, SP_POOLING_LAST), SP_OK);
    memcpy(memory, features, sizeof features);
    const sp_front_bound front = {.rule = SP_FRONT_INTERVAL,
                                  .frames = 2,
                                  .bands = 2,
                                  .features = 2,
                                  .lo_w = memory + 4,
                                  .up_w = memory + 4,
                                  .lo_c = memory,
                                  .up_c = memory,
                                  .lo = memory,
                                  .hi = memory,
                                  .feature_lo = memory,
                                  .feature_hi = memory};
    assert_int_equal(terms_of(term, &program, &net, &front, &sp_domain_interval), SP_OK);
    assert_int_equal(sp_net_run_from(NULL, &net, 0, real, features, 2), SP_OK);
    for (int push = -1; push <= 1; push += 2) {
        const machine m = {.rng = &rng, .program = program, .push = push};
        run_floats(&m, &net, 0, features, 2, floats);
        assert_true(fabs(floats[0] - real[0]) <= term[0]);
    }
    assert_true(term[0] >= 0.25 * 1.4 * 1e-3); // the slope of z times h' - n, of the second step
    sp_net_clear(&net);
}

/* Beyond the range of floats nothing is known. */
static void overflow_is_no_term(void **state) {
    (void)state;
    const double weight[1] = {1e30}, bias[1] = {0.0};
    sp_net net;
    double w = (double)(float)weight[0];
    assert_int_equal(sp_net_init(NULL, &net, 1), SP_OK);
    assert_int_equal(sp_net_add_affine(NULL, &net, 1, &w, bias), SP_OK);
    assert_int_equal(sp_net_add_pool(NULL, &net, SP_POOLING_LAST), SP_OK);
    const sp_single_program standard = SP_SINGLE_STANDARD;
    assert_true(term_of_net(&net, 1, 1e10, &standard) == INFINITY);
    assert_true(term_of_net(&net, 1, 1e-10, &standard) < INFINITY);
    sp_net_clear(&net);
}

/* Weights that are no floats were made of several numbers of a file. */
static void folded_weights_are_refused(void **state) {
    (void)state;
    const double weight[1] = {0.1}, bias[1] = {0.0};
    sp_error err = {0};
    sp_net net;
    assert_int_equal(sp_net_init(NULL, &net, 1), SP_OK);
    assert_int_equal(sp_net_add_affine(NULL, &net, 1, weight, bias), SP_OK);
    assert_int_equal(sp_single_serves(&err, &net, 0), SP_E_UNSUPPORTED);
    sp_net_clear(&net);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(float_programs_stay_within_their_terms),
        cmocka_unit_test(functions_and_features_are_paid_for),
        cmocka_unit_test(errors_across_kinks_are_paid_for),
        cmocka_unit_test(the_order_of_a_sum_is_paid_for),
        cmocka_unit_test(two_roundings_are_paid_for_in_full),
        cmocka_unit_test(a_state_is_rounded_at_each_step),
        cmocka_unit_test(products_and_sums_of_a_cell_are_paid_for),
        cmocka_unit_test(biases_that_cancel_are_paid_for),
        cmocka_unit_test(the_two_places_of_an_update_gate_add_up),
        cmocka_unit_test(overflow_is_no_term),
        cmocka_unit_test(folded_weights_are_refused),
    };
    return cmocka_run_group_tests_name("lstm/single", tests, NULL, NULL);
}
