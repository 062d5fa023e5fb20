/* Sums whose roundings all go one way, through every domain of the table: networks whose values are
 * constants, so that nothing but roundings stands between a bound and what is attained. */
#include "tests/lstm/exact.h"

enum { MANY = 500 };

static const double SMALL[2] = {SP_TEST_LOST, SP_TEST_RAISED};

static double *numbers(size_t n, double first, double rest) {
    double *a = malloc(n * sizeof *a);
    assert_non_null(a);
    for (size_t i = 0; i < n; i++) {
        a[i] = i == 0 ? first : rest;
    }
    return a;
}

/* A toy whose net answers constants: `wide` numbers of 1 and then `small`, and `classes` sums of
 * them; the weights are 1, or `small` but for the first class where there is one number only. */
static void make(sp_toy *toy, size_t wide, size_t classes, double small, bool relu) {
    const sp_toy_shape shape = {.frames = 2,
                                .bands = 2,
                                .frame = 3,
                                .step = 2,
                                .lstms = 1,
                                .hidden = 1,
                                .classes = 2,
                                .joint = true,
                                .plain = true,
                                .eps = 1e-3,
                                .scale = 0.5};
    double *zero = numbers(2 * wide, 0.0, 0.0), *bias = numbers(wide, 1.0, small);
    double *weight = numbers(wide * classes, 1.0, wide > 1 ? 1.0 : small);
    double *none = numbers(classes, 0.0, 0.0);
    toy_init(toy, 5, &shape);
    sp_net_clear(&toy->net);
    assert_int_equal(sp_net_init(NULL, &toy->net, 2), SP_OK);
    assert_int_equal(sp_net_add_affine(NULL, &toy->net, wide, zero, bias), SP_OK);
    if (relu) {
        assert_int_equal(sp_net_add_relu(NULL, &toy->net), SP_OK);
    }
    assert_int_equal(sp_net_add_pool(NULL, &toy->net, SP_POOLING_LAST), SP_OK);
    assert_int_equal(sp_net_add_affine(NULL, &toy->net, classes, weight, none), SP_OK);
    free(zero);
    free(bias);
    free(weight);
    free(none);
}

/* The objectives +-sum of all outputs, or +-the first, from below. */
static void check(const sp_domain *domain, size_t wide, size_t classes, double small, bool relu) {
    const sp_method method =
        domain == &sp_domain_r2opt ? method_r2opt(2) : (sp_method){.domain = domain};
    sp_toy toy;
    sp_bounds bounds;
    sp_values_at values;
    double *rows = calloc(2 * classes, sizeof *rows), lower[2], features[4];
    arb_t sum;
    arb_init(sum);
    assert_non_null(rows);
    make(&toy, wide, classes, small, relu);
    for (size_t c = 0; c < (wide > 1 ? 1 : classes); c++) {
        rows[c] = 1.0;
        rows[classes + c] = -1.0;
    }
    memcpy(features, toy.front.lo, sizeof features);
    exact_values(&values, &toy.net, 0, features, 2);
    for (size_t c = 0; c < classes; c++) {
        add_scaled(sum, exact_at(&values, toy.net.nodes - 1, 0) + c, rows[c]);
    }
    assert_int_equal(bounds_of(NULL, &bounds, &toy.net, &toy.front, &method), SP_OK);
    assert_int_equal(bounds_margins(NULL, &bounds, lower, NULL, rows, 2), SP_OK);
    if (!sp_arb_within(sum, lower[0], -lower[1])) {
        fail_msg("%s: %zu numbers, %zu classes: %.17g is not between %.17g and %.17g", domain->name,
                 wide, classes, sp_arb_lower(sum), lower[0], -lower[1]);
    }
    assert_true(-lower[1] - lower[0] <= 1e-11); // and nothing else does
    bounds_destroy(&bounds);
    exact_clear(&values);
    toy_clear(&toy);
    free(rows);
    arb_clear(sum);
}

static void every_domain_covers_what_sums_lose(void **state) {
    (void)state;
    size_t domains = 0;
    const sp_domain *const *domain = sp_domains(&domains);
    for (size_t i = 0; i < domains; i++) {
        for (size_t kind = 0; kind < 2; kind++) {
            check(domain[i], MANY, 2, SMALL[kind], false);
            check(domain[i], MANY, 2, SMALL[kind], true);
            check(domain[i], 1, MANY, SMALL[kind], false);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_domain_covers_what_sums_lose),
    };
    return cmocka_run_group_tests_name("lstm/lost_terms", tests, toy_backend, NULL);
}
