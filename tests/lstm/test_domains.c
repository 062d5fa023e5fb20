/* Every row of the table of domains, with its standard options: bounds of random networks and
 * graphs contain attained values. A new domain needs no test of its own for this. */
#include <stdio.h>

#include "tests/lstm/attained.h"
#include "tests/lstm/toy_graph.h"

/* Rows that mix planes take seconds for each net. */
static size_t share(const sp_domain *domain, size_t all) {
    const size_t some = sp_test_long() ? 10 * all : sp_test_sanitized() ? (all + 4) / 5 : all;
    return domain == &sp_domain_r2opt ? (some + 9) / 10 : some;
}

static sp_method method_standard(const sp_domain *domain) {
    return domain == &sp_domain_r2opt ? method_r2opt(3) : (sp_method){.domain = domain};
}

static void for_all_domains(void (*check)(const sp_method *method, size_t count), size_t all) {
    size_t domains = 0;
    const sp_domain *const *domain = sp_domains(&domains);
    assert_true(domains >= 4);
    for (size_t i = 0; i < domains; i++) {
        const sp_method method = method_standard(domain[i]);
        print_message("domain %s\n", domain[i]->name);
        check(&method, share(domain[i], all));
    }
}

static void check_chains(const sp_method *method, size_t count) {
    sp_rng rng;
    sp_rng_init(&rng, sp_test_seed() + 1);
    for (size_t i = 0; i < count; i++) {
        sp_toy_shape shape = toy_shape(&rng);
        double least;
        shape.cells = i % 2 > 0;
        bound_toy(sp_test_seed() + 100 + i, &shape, method, &least);
    }
}

static void chains_contain_attained_values(void **state) {
    (void)state;
    for_all_domains(check_chains, 20);
}

static void check_graphs(const sp_method *method, size_t count) {
    sp_rng rng;
    sp_rng_init(&rng, sp_test_seed() + 2);
    for (size_t i = 0; i < count; i++) {
        sp_toy_shape shape = toy_shape(&rng);
        double rows[16 * 16], lower[16];
        sp_toy toy;
        sp_bounds bounds;
        shape.lstms = shape.dense = shape.head = 0;
        shape.hidden = 1;
        shape.eps = pow(10.0, sp_rng_uniform(&rng, -4.0, -0.5));
        toy_init(&toy, sp_test_seed() + 200 + i, &shape);
        toy_graph(&rng, &toy, shape.classes, true, i % 3 == 2);
        assert_int_equal(bounds_of(NULL, &bounds, &toy.net, &toy.front, method), SP_OK);
        margin_rows(rows, shape.classes);
        assert_int_equal(bounds_margins(NULL, &bounds, lower, NULL, rows, shape.classes), SP_OK);
        check_toy(&toy, &bounds, rows, shape.classes, lower, sp_test_sanitized() ? 40 : 150,
                  sp_test_seed() + 200 + i);
        bounds_destroy(&bounds);
        toy_clear(&toy);
    }
}

static void graphs_contain_attained_values(void **state) {
    (void)state;
    for_all_domains(check_graphs, 20);
}

/* A cell, and behind it nothing, an affine layer or a curve: a network that answers at every frame.
 */
static void make_every(sp_rng *rng, sp_toy *toy, size_t i) {
    sp_net *net = &toy->net;
    sp_net_clear(net);
    assert_int_equal(sp_net_init(NULL, net, toy->front.features), SP_OK);
    toy_cell(rng, net, net->classes, 3, 0.8);
    if (i % 2 == 0) {
        net->node[net->nodes - 1].cell.reverse = true;
    }
    if (i % 3 > 0) {
        toy_affine(rng, net, net->classes, 4, 1.0);
    }
    if (i % 3 == 2) {
        assert_int_equal(sp_net_add_relu(NULL, net), SP_OK);
    }
    net->every = true;
}

/* Number k of frame t and its negative. O lower [frames, classes, 2] */
static void bound_every(const sp_toy *toy, const sp_method *method, double *lower) {
    const size_t C = toy->net.classes, frames = sp_net_rows(&toy->net, 0, toy->front.frames);
    double rows[2 * 16 * 16] = {0.0};
    sp_bounds bounds;
    for (size_t k = 0; k < C; k++) {
        rows[2 * k * C + k] = 1.0;
        rows[(2 * k + 1) * C + k] = -1.0;
    }
    assert_int_equal(bounds_of(NULL, &bounds, &toy->net, &toy->front, method), SP_OK);
    for (size_t t = frames; t-- > 0;) {
        bounds.domain->answer(bounds.self, t, NULL);
        assert_int_equal(bounds_margins(NULL, &bounds, lower + 2 * t * C, NULL, rows, 2 * C),
                         SP_OK);
    }
    bounds_destroy(&bounds);
}

/* How far the bounds are from the values attained by noises of the set, on average. */
static double gap_every(const sp_toy *toy, const double *lower, size_t samples, uint64_t seed) {
    const size_t C = toy->net.classes, frames = sp_net_rows(&toy->net, 0, toy->front.frames);
    const size_t n = toy_point_size(toy);
    double *d = calloc(n, sizeof *d), *y = calloc(frames * C, sizeof *y), gap = 0.0;
    double *features = calloc(toy->front.frames * toy->front.features, sizeof *features);
    sp_rng rng;
    assert_true(d && y && features);
    sp_rng_init(&rng, seed);
    for (size_t s = 0; s < samples; s++) {
        for (size_t i = 0; i < n; i++) {
            const double u = sp_rng_uniform(&rng, -1.0, 1.0);
            d[i] = toy->front.radius[0] * (s % 2 ? u : u < 0.0 ? -1.0 : 1.0);
        }
        toy_enter(toy, d);
        toy_features(toy, d, features);
        assert_int_equal(sp_net_run_rows(NULL, &toy->net, y, features, toy->front.frames), SP_OK);
        for (size_t i = 0; i < 2 * frames * C; i++) {
            const double value = i % 2 ? -y[i / 2] : y[i / 2];
            if (!(lower[i] <= value + 1e-12 * fmax(1.0, fabs(value)))) {
                fail_msg("seed %llu: frame %zu, number %zu: bound %a above attained %a",
                         (unsigned long long)seed, i / 2 / C, i / 2 % C, lower[i], value);
            }
            gap += (value - lower[i]) / (double)(2 * frames * C * samples);
        }
    }
    free(d);
    free(y);
    free(features);
    return gap;
}

static void check_every(const sp_method *method, size_t count) {
    sp_rng rng;
    sp_rng_init(&rng, sp_test_seed() + 4);
    for (size_t i = 0; i < count; i++) {
        sp_toy_shape shape = toy_shape(&rng);
        double lower[2 * 16 * 64];
        sp_toy toy;
        shape.frames = 2 + i % 5;
        shape.eps = i % 4 == 0 ? 1e-10 : pow(10.0, sp_rng_uniform(&rng, -4.0, -0.5));
        toy_init(&toy, sp_test_seed() + 400 + i, &shape);
        make_every(&rng, &toy, i);
        bound_every(&toy, method, lower);
        const double gap = gap_every(&toy, lower, 60, sp_test_seed() + 400 + i);
        if (shape.eps < 1e-9) {
            // what almost no noise leaves open is the width of the bounds themselves, and what a
            // band may lose whose energy is next to nothing: intervals, the widest, lose it too
            const sp_method intervals = {.domain = &sp_domain_interval};
            bound_every(&toy, &intervals, lower);
            const double wide = gap_every(&toy, lower, 60, sp_test_seed() + 400 + i);
            assert_true(gap < fmax(1e-3, 1.1 * wide));
        }
        toy_clear(&toy);
    }
}

static void answers_at_every_frame_contain_attained_values(void **state) {
    (void)state;
    for_all_domains(check_every, 20);
}

/* The same for every rule of lines and planes, carried back and carried forward. */
static void published_rules_contain_attained_values(void **state) {
    (void)state;
    for (int i = 0; i < (sp_test_sanitized() ? 6 : 24); i++) {
        const sp_relax_rules rules = {
            .plane = (sp_plane_rule)(i % (SP_PLANE_RULE_BOX + 1)),
            .line = (sp_line_rule)((i + i / 6) % (SP_LINE_RULE_BOX + 1)),
            .alone = i % 4 > 1,
            .relu = (sp_relu_rule)(i % (SP_RELU_RULE_SMOOTH + 1)),
        };
        const sp_method back =
            method_backsub((sp_backsub_options){.planes = SP_BACKSUB_RULES, .rules = rules});
        const sp_method forward = {
            .domain = &sp_domain_zonotope,
            .zonotope = {.rules = rules, .independent = i % 5 == 1, .products = i % 3 == 1}};
        check_chains(&back, 2);
        check_graphs(&back, 1);
        check_chains(&forward, 2);
        check_graphs(&forward, 1);
    }
}

static double zonotope_margin(const sp_toy *toy, const sp_toy_shape *shape, size_t symbols) {
    const sp_method method = {
        .domain = &sp_domain_zonotope,
        .zonotope = {
            .rules = {.plane = SP_PLANE_RULE_CORNERS, .line = SP_LINE_RULE_LEAST, .alone = true},
            .symbols = symbols}};
    double rows[16 * 16], lower[16];
    sp_bounds bounds;
    assert_int_equal(bounds_of(NULL, &bounds, &toy->net, &toy->front, &method), SP_OK);
    margin_rows(rows, shape->classes);
    assert_int_equal(bounds_margins(NULL, &bounds, lower, NULL, rows, shape->classes), SP_OK);
    check_toy(toy, &bounds, rows, shape->classes, lower, 100, sp_test_seed());
    bounds_destroy(&bounds);
    return lower[0];
}

/* With fewer symbols bounds are wider, down to the fewest; with as many as are needed they
 * are the same. */
static void fewer_symbols_bound_what_all_do(void **state) {
    (void)state;
    sp_rng rng;
    size_t wider = 0;
    sp_rng_init(&rng, sp_test_seed() + 13);
    for (uint64_t i = 0; i < 24; i++) {
        sp_toy_shape shape = toy_shape(&rng);
        sp_toy toy;
        shape.cells = i % 2 > 0;
        shape.split = shape.split && i % 4 == 0;
        shape.eps = pow(10.0, sp_rng_uniform(&rng, -3.0, -1.0));
        toy_init(&toy, sp_test_seed() + 300 + i, &shape);
        if (i % 3 == 2) {
            toy_graph(&rng, &toy, shape.classes, true, false);
        }
        const double all = zonotope_margin(&toy, &shape, 0);
        assert_true(zonotope_margin(&toy, &shape, 1000000) == all);
        const double some = zonotope_margin(&toy, &shape, 60);
        wider += zonotope_margin(&toy, &shape, 8) < all;
        wider += some < all;
        toy_clear(&toy);
    }
    assert_true(wider > 12);
}

static void too_few_symbols_are_refused(void **state) {
    (void)state;
    const sp_toy_shape shape = {.frames = 4,
                                .bands = 2,
                                .frame = 5,
                                .step = 3,
                                .lstms = 1,
                                .hidden = 3,
                                .classes = 2,
                                .joint = true,
                                .eps = 1e-3,
                                .scale = 0.8};
    const sp_method method = {.domain = &sp_domain_zonotope, .zonotope = {.symbols = 7}};
    sp_error err = {0};
    sp_bounds bounds;
    sp_toy toy;
    toy_init(&toy, 1, &shape);
    assert_int_equal(bounds_of(&err, &bounds, &toy.net, &toy.front, &method), SP_E_ARGUMENT);
    assert_non_null(strstr(err.text, "8 are the least"));
    toy_clear(&toy);
}

/* On a set that hardly has any noise a bound is close to the value, whatever the domain, unless it
 * is intervals or mixes R2's planes. */
static void zonotopes_and_rows_agree_without_noise(void **state) {
    const sp_toy_shape shape = {.frames = 5,
                                .bands = 3,
                                .frame = 5,
                                .step = 3,
                                .dense = 4,
                                .lstms = 2,
                                .hidden = 6,
                                .classes = 3,
                                .joint = true,
                                .eps = 1e-10,
                                .scale = 0.8};
    const sp_domain *const domains[] = {&sp_domain_backsub, &sp_domain_zonotope};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        const sp_method method = {.domain = domains[i]};
        double least;
        const double lower = bound_toy(3000, &shape, &method, &least);
        assert_true(least - lower < 1e-4);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chains_contain_attained_values),
        cmocka_unit_test(graphs_contain_attained_values),
        cmocka_unit_test(answers_at_every_frame_contain_attained_values),
        cmocka_unit_test(published_rules_contain_attained_values),
        cmocka_unit_test(fewer_symbols_bound_what_all_do),
        cmocka_unit_test(too_few_symbols_are_refused),
        cmocka_unit_test(zonotopes_and_rows_agree_without_noise),
    };
    return cmocka_run_group_tests_name("lstm/domains", tests, toy_backend, NULL);
}
