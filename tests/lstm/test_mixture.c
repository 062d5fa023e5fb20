/* R2's OPT: the gradient of a row's bound by the scores of its mixtures, against finite
 * differences; mixtures contain attained values and are not below the LP; two and more layers,
 * where PROVER's fail. */
#include "tests/lstm/toy.h"

#include "lstm/r2opt/mixture.h"

static double row_bound(sp_walk *walk, size_t r) {
    sp_walk_back(walk);
    return walk->ws->bias.on[r] - walk->ws->support.on[r]; // of the program
}

/* Whether rows meet variable v of the node, a product, at step t. */
static bool is_mixed(const sp_backsub *self, size_t node, size_t t, int v) {
    const sp_boxes *boxes = &self->boxes;
    if (boxes->net->node[node].kind != SP_NODE_CELL) {
        return false;
    }
    const sp_cell_steps *steps = &boxes->constants[node].cell;
    return v < (int)steps->count && steps->variable[v].op == SP_CELL_PRODUCT &&
           steps->variable[v].used && !sp_cell_zero(steps, v, t == 0);
}

static void gradient_matches_finite_differences(void **state) {
    (void)state;
    sp_rng rng;
    sp_rng_init(&rng, sp_test_seed());
    size_t all_checked = 0;
    for (size_t i = 0; i < 18; i++) {
        const sp_toy_shape shape = {.frames = 3,
                                    .bands = 3,
                                    .frame = 5,
                                    .step = 3,
                                    .dense = i % 2 * 5,
                                    .lstms = 1 + i % 3,
                                    .hidden = 4,
                                    .cells = i >= 6,
                                    .head = i % 2 * 3,
                                    .classes = 3,
                                    .joint = i % 2 > 0,
                                    .split = i % 3 > 0,
                                    .eps = 0.1,
                                    .scale = i < 6 ? 0.8 : 0.5};
        const sp_method method = method_r2opt(1);
        const double weight[6] = {1.0, -1.0, 0.0, 1.0, 0.0, -1.0};
        sp_toy toy;
        sp_bounds bounds;
        sp_r2opt_mixture mix;
        toy_init(&toy, 300 + i, &shape);
        assert_int_equal(bounds_of(NULL, &bounds, &toy.net, &toy.front, &method), SP_OK);
        sp_backsub *self = bounds.self;
        assert_int_equal(sp_r2opt_mixture_init(NULL, &mix, self, 2, 9 + i), SP_OK);
        const sp_backsub_start start = {.node = toy.net.nodes - 1,
                                        .output = {{(double *)weight}, 3}};
        sp_walk walk = {.self = self,
                        .ws = self->work,
                        .start = &start,
                        .rows = 2,
                        .span = 2,
                        .choosing = true,
                        .mixer = &sp_r2opt_mixture_mixer,
                        .mixture = &mix};
        sp_walk_reset(&walk);
        const double base = row_bound(&walk, 1);
        sp_walk_forward(&walk, 0);
        size_t checked = 0;
        for (size_t k = 0; k < 200 * SP_CELL_VARIABLES; k++) {
            const size_t node = 1 + sp_rng_below(&rng, toy.net.nodes - 1);
            const size_t t = sp_rng_below(&rng, sp_boxes_frames(&self->boxes, 0, node));
            const int v = (int)sp_rng_below(&rng, SP_CELL_VARIABLES);
            if (!is_mixed(self, node, t, v)) {
                continue;
            }
            sp_r2opt_mixed *m = mix.product + (self->boxes.first[node] + t) * SP_CELL_VARIABLES + v;
            const size_t scores = 2 * SP_R2_CANDIDATES;
            const size_t at = (shape.hidden + sp_rng_below(&rng, shape.hidden)) * scores +
                              sp_rng_below(&rng, scores); /* a score of row 1 */
            const double gradient = m->gradient[at], score = m->score[at], h = 1e-5;
            m->score[at] = score + h;
            const double up = row_bound(&walk, 1);
            m->score[at] = score - h;
            const double down = row_bound(&walk, 1);
            m->score[at] = score;
            const double slope = (up - down) / (2.0 * h);
            if (!(fabs(slope - gradient) <=
                  1e-6 * (1.0 + fabs(base)) * (1e-3 + fabs(gradient)) + 1e-9)) {
                fail_msg("net %zu: node %zu step %zu variable %d: slope %.9g, gradient %.9g", i,
                         node, t, v, slope, gradient);
            }
            checked += gradient != 0.0;
        }
        assert_true(shape.cells || checked > 20);
        all_checked += checked;
        sp_r2opt_mixture_clear(&mix);
        bounds_destroy(&bounds);
        toy_clear(&toy);
    }
    assert_true(all_checked > 500);
}

/* Least value of the row over samples of the set. */
static double attained(const sp_toy *toy, const double *row, uint64_t seed) {
    const size_t n = toy_point_size(toy), C = toy->net.classes;
    double *d = calloc(n, sizeof *d);
    double *features = calloc(toy->front.frames * toy->front.features, sizeof *features), logits[8];
    double least = INFINITY;
    sp_rng rng;
    sp_rng_init(&rng, seed);
    assert_non_null(d);
    assert_non_null(features);
    for (size_t s = 0; s < 3000; s++) {
        for (size_t i = 0; i < n; i++) {
            d[i] = (sp_rng_below(&rng, 2) ? 1.0 : -1.0) * toy->front.radius[0];
        }
        toy_features(toy, d, features);
        assert_int_equal(sp_net_run(NULL, &toy->net, logits, features, toy->front.frames), SP_OK);
        double value = 0.0;
        for (size_t k = 0; k < C; k++) {
            value += row[k] * logits[k];
        }
        least = fmin(least, value);
    }
    free(d);
    free(features);
    return least;
}

static void mixtures_are_sound_and_not_below_the_lp(void **state) {
    (void)state;
    size_t better = 0;
    for (size_t i = 0; i < (sp_test_sanitized() ? 4 : 16); i++) {
        const sp_toy_shape shape = {.frames = 4,
                                    .bands = 3,
                                    .frame = 5,
                                    .step = 3,
                                    .dense = 4,
                                    .lstms = 1 + i % 3,
                                    .hidden = 4,
                                    .classes = 3,
                                    .joint = true,
                                    .eps = 0.15,
                                    .scale = 1.0};
        const sp_method methods[2] = {
            method_backsub((sp_backsub_options){.planes = SP_BACKSUB_R2_LP}), method_r2opt(30)};
        const double row[3] = {1.0, -1.0, 0.0};
        double bound[2];
        sp_toy toy;
        toy_init(&toy, 700 + i, &shape);
        for (size_t k = 0; k < 2; k++) {
            sp_bounds bounds;
            assert_int_equal(bounds_of(NULL, &bounds, &toy.net, &toy.front, &methods[k]), SP_OK);
            assert_int_equal(bounds_margins(NULL, &bounds, &bound[k], NULL, row, 1), SP_OK);
            bounds_destroy(&bounds);
        }
        const double least = attained(&toy, row, 5 + i);
        assert_true(bound[1] >= bound[0] - 1e-9); // the error term covers more planes
        assert_true(bound[1] <= least + 1e-12);
        better += bound[1] > bound[0] + 1e-6;
        toy_clear(&toy);
    }
    assert_true(better > 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gradient_matches_finite_differences),
        cmocka_unit_test(mixtures_are_sound_and_not_below_the_lp),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
