/* Gradients of every layer type, of concrete values, intervals and zonotopes, against finite
 * differences; and all passes against the concrete forward pass of net/. */
#include "tests/train/nets.h"
#include "train/pass/zonotope_form.h"

enum { MOST_BLOCKS = 64 };
static const double wanted = 1e-6; /* relative error, in the norm of one array */

/* ---- a loss as a function of everything ---- */

typedef enum { VALUES, INTERVALS, ZONOTOPES, INTERZONO, DOMAINS } bound_kind;
static const char *const names[] = {"values", "intervals", "zonotopes", "zonotopes and intervals"};

typedef struct problem {
    sp_net net;
    bound_kind domain;
    sp_train_packed_batch batch;
    double *rad;  /* [rows, FEATURES]; NULL: concrete values */
    double scale; /* of the loss */
} problem;

static void problem_init(problem *p, sp_rng *rng, const char *stack, bound_kind domain) {
    *p = (problem){.scale = 0.7, .domain = domain};
    make_net(rng, &p->net, stack);
    make_pack(rng, &p->batch);
    if (domain != VALUES) {
        p->rad = random_numbers(rng, p->batch.rows * FEATURES, 0.2);
        for (size_t k = 0; k < p->batch.rows * FEATURES; k++) {
            p->rad[k] = fabs(p->rad[k]);
        }
    }
}

static void problem_clear(problem *p) {
    sp_net_clear(&p->net);
    sp_train_packed_batch_clear(&p->batch);
    free(p->rad);
}

/* The worst logits of the box; their slopes by the weights, from `slope`, unless that is NULL. */
static void bound(const problem *p, double *worst, const double *slope, double *gradient) {
    const sp_train_interval x = {p->batch.x, p->rad};
    if (p->domain == INTERVALS) {
        sp_train_interval_pass pass;
        assert_int_equal(sp_train_interval_pass_create(NULL, &pass, &p->net, &p->batch), SP_OK);
        sp_train_interval_pass_forward(&pass, x, worst);
        if (slope) {
            sp_train_interval_pass_backward(&pass, x, slope, gradient);
        }
        assert_true(sp_arena_ok(&pass.arena));
        sp_train_interval_pass_clear(&pass);
        return;
    }
    sp_train_zonotope_pass pass;
    assert_int_equal(
        sp_train_zonotope_pass_create(NULL, &pass, &p->net, &p->batch, p->domain == INTERZONO),
        SP_OK);
    sp_train_zonotope_pass_forward(&pass, x, worst);
    if (slope) {
        sp_train_zonotope_pass_backward(&pass, slope, gradient);
    }
    assert_true(sp_arena_ok(&pass.arena));
    sp_train_zonotope_pass_clear(&pass);
}

/* The loss; gradient [P] and inputs [rows, FEATURES] (concrete values only) unless NULL. */
static double loss(const problem *p, double *gradient, double *inputs) {
    double slope[CLIPS * CLASSES], worst[CLIPS * CLASSES], sum = 0.0;
    size_t right = 0;
    if (p->rad) {
        bound(p, worst, NULL, NULL);
        sum =
            sp_train_cross_entropy(slope, worst, p->batch.label, CLIPS, CLASSES, p->scale, &right);
        if (gradient) {
            bound(p, worst, slope, gradient);
        }
        return sum;
    }
    sp_train_pass pass;
    assert_int_equal(sp_train_pass_create(NULL, &pass, &p->net, &p->batch), SP_OK);
    const double *logits = sp_train_pass_forward(&pass, p->batch.x);
    sum = sp_train_cross_entropy(slope, logits, p->batch.label, CLIPS, CLASSES, p->scale, &right);
    if (gradient || inputs) {
        sp_train_pass_backward(&pass, p->batch.x, slope, gradient, inputs != NULL);
    }
    if (inputs) {
        memcpy(inputs, pass.input_slope, p->batch.rows * FEATURES * sizeof *inputs);
    }
    assert_true(sp_arena_ok(&pass.arena));
    sp_train_pass_clear(&pass);
    return sum;
}

/* The derivative by *value, by four points: the error is of the fourth order in the step. */
static double difference(const problem *p, double *value, double step) {
    const double x = *value;
    double f[4];
    for (int i = 0; i < 4; i++) {
        static const double at[] = {-2.0, -1.0, 1.0, 2.0};
        *value = x + at[i] * step;
        f[i] = loss(p, NULL, NULL);
    }
    *value = x;
    return (8.0 * (f[2] - f[1]) - (f[3] - f[0])) / (12.0 * step);
}

/* Losses have kinks, those of intervals many: where a step may have met one, smaller ones follow,
 * down to where rounding errors still leave the wanted accuracy; the best of them counts. */
static double derivative(const problem *p, double *value, double slope) {
    double best = INFINITY;
    for (double step = 2e-4; step > 1e-8 && !(fabs(best - slope) <= 1e-8); step *= 0.1) {
        const double d = difference(p, value, step);
        best = fabs(d - slope) < fabs(best - slope) ? d : best;
    }
    return best;
}

static void compare(const problem *p, double *value, size_t stride, const double *slope,
                    size_t count, const char *stack, const char *what, size_t number) {
    double error = 0.0, norm = 0.0;
    for (size_t i = 0; i < count; i++) {
        const double d = derivative(p, value + i * stride, slope[i]);
        error += (d - slope[i]) * (d - slope[i]);
        norm += d * d;
    }
    if (!(sqrt(error) <= wanted * sqrt(norm) + 1e-12)) {
        fail_msg("%s, %s %zu: the gradient is off by %g of %g", stack, what, number, sqrt(error),
                 sqrt(norm));
    }
}

static void check(const char *stack, bound_kind domain, uint64_t seed) {
    sp_rng rng;
    problem p;
    sp_train_block block[MOST_BLOCKS];
    sp_rng_init(&rng, seed);
    problem_init(&p, &rng, stack, domain);
    const size_t count = sp_train_parameters(&p.net), n = p.batch.rows * FEATURES;
    double *gradient = calloc(count, sizeof *gradient), *inputs = calloc(n, sizeof *inputs);
    assert_non_null(gradient);
    assert_non_null(inputs);
    loss(&p, gradient, domain != VALUES ? NULL : inputs);
    const size_t blocks = sp_train_blocks_of(block, &p.net);
    assert_int_equal(block[blocks - 1].first + block[blocks - 1].count, count);
    for (size_t b = 0; b < blocks; b++) {
        compare(&p, block[b].value, block[b].stride, gradient + block[b].first, block[b].count,
                stack, names[domain], b);
    }
    if (domain == VALUES) {
        compare(&p, p.batch.x, 1, inputs, n, stack, "features", 0);
    }
    // once more on top: gradients are added up
    double *twice = calloc(count, sizeof *twice);
    assert_non_null(twice);
    loss(&p, twice, NULL);
    loss(&p, twice, NULL);
    for (size_t i = 0; i < count; i++) {
        assert_true(fabs(twice[i] - 2.0 * gradient[i]) <= 1e-13 * (1.0 + fabs(gradient[i])));
    }
    free(twice);
    free(gradient);
    free(inputs);
    problem_clear(&p);
}

static void concrete_gradients(void **state) {
    (void)state;
    for (size_t s = 0; s < STACKS; s++) {
        check(stacks[s], VALUES, sp_test_seed() + s);
    }
}

static void interval_gradients(void **state) {
    (void)state;
    for (size_t s = 0; s < STACKS; s++) {
        check(stacks[s], INTERVALS, sp_test_seed() + 100 + s);
    }
}

static void zonotope_gradients(void **state) {
    (void)state;
    for (size_t s = 0; s < STACKS; s++) {
        check(stacks[s], ZONOTOPES, sp_test_seed() + 500 + s);
        check(stacks[s], INTERZONO, sp_test_seed() + 600 + s);
    }
}

/* ---- values ---- */

static void forward_is_that_of_lstm(void **state) {
    (void)state;
    for (size_t s = 0; s < STACKS; s++) {
        sp_rng rng;
        problem p;
        sp_train_pass pass;
        sp_rng_init(&rng, sp_test_seed() + 200 + s);
        problem_init(&p, &rng, stacks[s], VALUES);
        assert_int_equal(sp_train_pass_create(NULL, &pass, &p.net, &p.batch), SP_OK);
        const double *logits = sp_train_pass_forward(&pass, p.batch.x);
        for (size_t i = 0; i < CLIPS; i++) {
            double features[6 * FEATURES], expected[CLASSES];
            const size_t steps = clip_features(&p.batch, i, p.batch.x, features);
            assert_int_equal(sp_net_run(NULL, &p.net, expected, features, steps), SP_OK);
            for (size_t k = 0; k < CLASSES; k++) {
                assert_true(fabs(logits[i * CLASSES + k] - expected[k]) <= 1e-13);
            }
        }
        sp_train_pass_clear(&pass);
        problem_clear(&p);
    }
}

/* The largest logit[k] - logit[label] that points of the box attain, corners among them; the bound
 * of a domain must not be below. `thin`: the box is one point and the two are equal. */
static void check_containment(const char *stack, bound_kind domain, uint64_t seed, bool thin) {
    sp_rng rng;
    problem p;
    double worst[CLIPS * CLASSES];
    sp_rng_init(&rng, seed);
    problem_init(&p, &rng, stack, domain);
    const size_t n = p.batch.rows * FEATURES;
    for (size_t k = 0; thin && k < n; k++) {
        p.rad[k] = 0.0;
    }
    double *x = malloc(n * sizeof *x);
    assert_non_null(x);
    bound(&p, worst, NULL, NULL);
    for (int sample = 0; sample < (thin ? 1 : 60); sample++) {
        for (size_t k = 0; k < n; k++) {
            const double u = sp_rng_uniform(&rng, -1.0, 1.0);
            x[k] = p.batch.x[k] + p.rad[k] * (sample % 2 ? u : (u > 0.0 ? 1.0 : -1.0));
        }
        for (size_t i = 0; i < CLIPS; i++) {
            double features[6 * FEATURES], logits[CLASSES];
            const size_t steps = clip_features(&p.batch, i, x, features);
            assert_int_equal(sp_net_run(NULL, &p.net, logits, features, steps), SP_OK);
            for (size_t k = 0; k < CLASSES; k++) {
                const double d = logits[k] - logits[p.batch.label[i]], w = worst[i * CLASSES + k];
                if (!(d <= w + 1e-12) || (thin && !(fabs(d - w) <= 1e-12))) {
                    fail_msg("%s: %a is attained, the bound of %s is %a", stack, d, names[domain],
                             w);
                }
            }
        }
    }
    free(x);
    problem_clear(&p);
}

static void domains_contain(void **state) {
    (void)state;
    for (size_t s = 0; s < STACKS; s++) {
        for (bound_kind d = INTERVALS; d < DOMAINS; d++) {
            check_containment(stacks[s], d, sp_test_seed() + 300 + s, false);
            check_containment(stacks[s], d, sp_test_seed() + 400 + s, true);
        }
    }
}

/* Lines of slope k around every function, by dense points; and their slopes by the ends. */
static void chords_hold_functions(void **state) {
    (void)state;
    static const sp_activation functions[] = {{SP_ACTIVATION_SIGMOID, 0.0, 0.0},
                                              {SP_ACTIVATION_TANH, 0.0, 0.0},
                                              {SP_ACTIVATION_RELU, 0.0, 0.0},
                                              {SP_ACTIVATION_HARD_SIGMOID, 0.2, 0.5},
                                              {SP_ACTIVATION_AFFINE, 1.0, 0.0}};
    sp_rng rng;
    sp_rng_init(&rng, sp_test_seed() + 700);
    for (int i = 0; i < 4000; i++) {
        const sp_activation f = functions[i % 5];
        const double mid = sp_rng_uniform(&rng, -6.0, 6.0);
        const double rad = i % 7 ? pow(10.0, sp_rng_uniform(&rng, -7.0, 0.8)) : 0.0;
        const sp_train_chord c = sp_train_chord_of(f, (sp_train_ends){mid - rad, mid + rad});
        double least = INFINITY, most = -INFINITY;
        for (int p = 0; p <= 400; p++) {
            const double x = mid + rad * (p / 200.0 - 1.0);
            const double away = sp_activation_value(f, x) - c.k * x - c.offset;
            least = fmin(least, away);
            most = fmax(most, away);
        }
        const double slack = 1e-12 + 0.02 * c.error; // of points beside the extremes
        assert_true(c.error >= 0.0 && most <= c.error + 1e-12 && least >= -c.error - 1e-12);
        assert_true(most >= c.error - slack && least <= -c.error + slack);
    }
}

/* On small boxes zonotopes are tighter on every stack; with intervals beside them they are never
 * wider than intervals. */
static void zonotopes_are_tighter(void **state) {
    (void)state;
    for (size_t s = 0; s < STACKS; s++) {
        sp_rng rng;
        problem p;
        double worst[DOMAINS][CLIPS * CLASSES], sum[DOMAINS] = {0.0};
        sp_rng_init(&rng, sp_test_seed() + 800 + s);
        problem_init(&p, &rng, stacks[s], INTERVALS);
        for (size_t k = 0; k < p.batch.rows * FEATURES; k++) {
            p.rad[k] *= 0.1;
        }
        for (bound_kind d = INTERVALS; d < DOMAINS; d++) {
            p.domain = d;
            bound(&p, worst[d], NULL, NULL);
            for (size_t k = 0; k < CLIPS * CLASSES; k++) {
                sum[d] += worst[d][k];
            }
        }
        for (size_t k = 0; k < CLIPS * CLASSES; k++) {
            // the intervals of GRUs know that z and 1 - z are one gate, bounds of products do not
            assert_true(strchr(stacks[s], 'g') ||
                        worst[INTERZONO][k] <= worst[INTERVALS][k] + 1e-12);
        }
        assert_true(sum[ZONOTOPES] <= sum[INTERVALS] + 1e-12);
        assert_true(sum[INTERZONO] <= sum[ZONOTOPES] + 1e-12);
        problem_clear(&p);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(concrete_gradients),    cmocka_unit_test(interval_gradients),
        cmocka_unit_test(zonotope_gradients),    cmocka_unit_test(forward_is_that_of_lstm),
        cmocka_unit_test(domains_contain),       cmocka_unit_test(chords_hold_functions),
        cmocka_unit_test(zonotopes_are_tighter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
