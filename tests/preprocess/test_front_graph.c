/* A front end as nodes of a graph: the same features, the same bounds; band energies are found
 * wherever a graph comes from, and what only looks like them is not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "preprocess/impl.h"
#include "tests/preprocess/front_check.h"

static sp_rng rng;

static void fill(double *to, size_t count, double scale) {
    for (size_t i = 0; i < count; i++) {
        to[i] = scale * sp_rng_normal(&rng);
    }
}

/* A network that no stage of a front end resembles: a residual, a cell, a pool. */
static void make_net(sp_net *net, size_t features) {
    enum { H = 3, MOST = 16 };
    double w[4 * H * MOST], r[4 * H * H], b[4 * H];
    assert_true(features <= MOST);
    fill(w, 4 * H * features, 0.1);
    fill(r, 4 * H * H, 0.3);
    fill(b, 4 * H, 0.5);
    assert_int_equal(sp_net_init(NULL, net, features), SP_OK);
    assert_int_equal(sp_net_add_affine(NULL, net, H, w, b), SP_OK);
    assert_int_equal(sp_net_add_relu(NULL, net), SP_OK);
    sp_term term[2] = {{.input = 0, .in = features, .weight = w, .timing = sp_timing_same},
                       {.input = 2, .in = H, .weight = r, .timing = sp_timing_same}};
    const sp_node sum = {.kind = SP_NODE_AFFINE, .width = H, .terms = 2, .term = term, .bias = b};
    assert_int_equal(sp_net_append(NULL, net, &sum, NULL), SP_OK);
    assert_int_equal(sp_net_add_lstm(NULL, net, H, r, r, b), SP_OK);
    assert_int_equal(sp_net_add_pool(NULL, net, SP_POOLING_LAST), SP_OK);
    assert_int_equal(sp_net_add_affine(NULL, net, 2, r, b), SP_OK);
}

static sp_front *front_with(const char *extra) {
    sp_front *front = NULL;
    sp_error err;
    char text[2048];
    (void)snprintf(text, sizeof text, "{%s, %.*s", extra, (int)sizeof text - 64,
                   FRONT_TEXTS[0] + 1);
    if (sp_front_parse(&err, &front, text, strlen(text), "test") != SP_OK) {
        fail_msg("%s", err.text);
    }
    return front;
}

static sp_front *front_number(size_t which) {
    return which < FRONT_COUNT ? front_make(which)
                               : front_with("\"frames\": \"all complete but the last\"");
}

/* A clip of noise with its padding: what node 0 of the graph reads. */
static double *padded_clip(const sp_front *front, size_t n, size_t *padded) {
    *padded = sp_front_padded(front, n);
    double *samples = calloc(*padded + 1, sizeof *samples);
    assert_non_null(samples);
    fill(samples, n, 1000.0);
    return samples;
}

static void a_graph_agrees_with_the_front_end_and_the_net(void **state) {
    (void)state;
    sp_rng_init(&rng, sp_test_seed());
    for (size_t which = 0; which <= FRONT_COUNT; which++) {
        sp_front *front = front_number(which);
        const sp_front_layout *layout = sp_front_layout_of(front);
        sp_net net, graph;
        size_t features = 0;
        make_net(&net, layout->features);
        assert_int_equal(sp_front_graph(NULL, &graph, &features, front, &net), SP_OK);
        for (size_t i = 0; i < 8; i++) {
            const size_t n = sp_front_samples(front, 1) + sp_rng_below(&rng, 4 * layout->step);
            const size_t frames = sp_front_frames(front, n);
            size_t padded = 0;
            double *samples = padded_clip(front, n, &padded), two[2], one[2];
            double *rows = malloc(frames * layout->features * sizeof *rows);
            assert_non_null(rows);
            assert_int_equal(sp_net_frames(&graph, 0, features, padded), frames);
            assert_int_equal(sp_front_run(NULL, front, rows, samples, n), SP_OK);
            assert_int_equal(sp_net_run(NULL, &net, two, rows, frames), SP_OK);
            assert_int_equal(sp_net_run(NULL, &graph, one, samples, padded), SP_OK);
            for (size_t k = 0; k < 2; k++) {
                if (!(fabs(one[k] - two[k]) <= 1e-12 * fmax(1.0, fabs(two[k])))) {
                    fail_msg("front %zu, %zu samples: %a, expected %a", which, n, one[k], two[k]);
                }
            }
            free(rows);
            free(samples);
        }
        sp_net_clear(&graph);
        sp_net_clear(&net);
        sp_front_destroy(front);
    }
}

/* Through the stages and the network, or through the graph as one: the same. */
static void gradients_of_both_agree(void **state) {
    (void)state;
    enum { R = 2 };
    sp_rng_init(&rng, sp_test_seed() + 4);
    for (size_t which = 0; which <= FRONT_COUNT; which++) {
        sp_front *front = front_number(which);
        const sp_front_layout *layout = sp_front_layout_of(front);
        sp_net net, graph;
        size_t features = 0, padded = 0;
        make_net(&net, layout->features);
        assert_int_equal(sp_front_graph(NULL, &graph, &features, front, &net), SP_OK);
        const size_t n = sp_front_samples(front, 3) + sp_rng_below(&rng, layout->step);
        const size_t frames = sp_front_frames(front, n), numbers = frames * layout->features;
        double *samples = padded_clip(front, n, &padded), weight[R * 2], largest = 0.0;
        double *one = calloc(R * padded, sizeof *one), *two = calloc(R * n, sizeof *two);
        double *rows = calloc((R + 1) * numbers, sizeof *rows), *slope = rows + numbers;
        assert_true(one != NULL && two != NULL && rows != NULL);
        fill(weight, R * 2, 1.0);
        assert_int_equal(sp_net_gradient(NULL, &graph, one, samples, padded, weight, R), SP_OK);
        assert_int_equal(sp_front_run(NULL, front, rows, samples, n), SP_OK);
        assert_int_equal(sp_net_gradient(NULL, &net, slope, rows, frames, weight, R), SP_OK);
        assert_int_equal(sp_front_gradient(NULL, front, two, samples, n, slope, R, 0.0), SP_OK);
        for (size_t i = 0; i < R * n; i++) {
            largest = fmax(largest, fabs(two[i]));
        }
        assert_true(largest > 0.0);
        for (size_t i = 0; i < R * n; i++) {
            assert_true(fabs(two[i] - one[i / n * padded + i % n]) <= 1e-9 * largest);
        }
        free(rows);
        free(one);
        free(two);
        free(samples);
        sp_net_clear(&graph);
        sp_net_clear(&net);
        sp_front_destroy(front);
    }
}

static void expect_same(const char *what, const double *a, const double *b, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (!(fabs(a[i] - b[i]) <= 1e-12 * fabs(a[i]))) { // sums over padding end elsewhere
            fail_msg("%s[%zu]: %a, expected %a", what, i, b[i], a[i]);
        }
    }
}

static void bounds_of_a_graph_are_those_of_the_description(void **state) {
    (void)state;
    sp_rng_init(&rng, sp_test_seed() + 1);
    for (size_t which = 0; which <= FRONT_COUNT; which++) {
        sp_front *front = front_number(which);
        sp_net net, graph;
        size_t node = 0, padded = 0;
        make_net(&net, sp_front_layout_of(front)->features);
        assert_int_equal(sp_front_graph(NULL, &graph, &node, front, &net), SP_OK);
        const size_t n = sp_front_samples(front, 3) + 7;
        double *samples = padded_clip(front, n, &padded);
        for (int rule = SP_FRONT_INTERVAL; rule <= SP_FRONT_JOINT; rule++) {
            sp_front_forms *ours = front_forms(front, (sp_front_rule)rule), *theirs = NULL;
            sp_front_bound a, b;
            sp_noise of_clip, of_padded;
            assert_int_equal(
                sp_front_forms_of_graph(NULL, &theirs, &graph, node, (sp_front_rule)rule), SP_OK);
            assert_int_equal(sp_noise_box(NULL, &of_clip, n, 3.0), SP_OK);
            assert_int_equal(sp_noise_box(NULL, &of_padded, padded, 3.0), SP_OK);
            for (size_t i = n; i < padded; i++) {
                of_padded.radius[i] = 0.0;
            }
            assert_int_equal(sp_front_bound_create(NULL, &a, ours, samples, n, &of_clip), SP_OK);
            assert_int_equal(sp_front_bound_create(NULL, &b, theirs, samples, padded, &of_padded),
                             SP_OK);
            assert_int_equal(a.node, 0);
            assert_int_equal(b.node, node);
            assert_int_equal(a.frames, b.frames);
            assert_int_equal(a.features, b.features);
            assert_int_equal(a.frame, b.frame);
            expect_same("lo", a.lo, b.lo, a.frames * a.bands);
            expect_same("hi", a.hi, b.hi, a.frames * a.bands);
            expect_same("lo_c", a.lo_c, b.lo_c, a.frames * a.bands);
            expect_same("up_w", a.up_w, b.up_w, a.frames * a.bands);
            expect_same("form", a.form, b.form, a.frames * a.forms * a.frame);
            assert_int_equal(a.matrix != NULL, b.matrix != NULL);
            sp_front_bound_clear(&a);
            sp_front_bound_clear(&b);
            sp_noise_clear(&of_clip);
            sp_noise_clear(&of_padded);
            sp_front_forms_destroy(ours);
            sp_front_forms_destroy(theirs);
        }
        free(samples);
        sp_net_clear(&graph);
        sp_net_clear(&net);
        sp_front_destroy(front);
    }
}

/* ---- a graph that no description made ---- */

enum { TAPS = 12, ROWS = 6, BANDS = 3 };

typedef struct changes {
    size_t before;   /* zeros in front of the samples */
    double mel;      /* weight [0][0] of the energies */
    bool no_square;  /* a ReLU stands there */
    bool looks_back; /* a later node reads the energies once more */
    size_t mel_taps; /* energies of so many frames */
} changes;

static void energies(sp_net *graph, const changes *c) {
    double spectrum[ROWS * TAPS], zero[ROWS] = {0}, mel[BANDS * ROWS * 2], floor[BANDS];
    fill(spectrum, ROWS * TAPS, 0.3);
    for (size_t i = 0; i < BANDS * ROWS * 2; i++) {
        mel[i] = sp_rng_uniform(&rng, 0.0, 1.0);
    }
    mel[0] = c->mel;
    for (size_t m = 0; m < BANDS; m++) {
        floor[m] = 1e-4 * (double)(m + 1);
    }
    assert_int_equal(sp_net_init(NULL, graph, 1), SP_OK);
    assert_int_equal(sp_net_add_convolution(
                         NULL, graph, ROWS,
                         (sp_timing){.taps = TAPS, .stride = 5, .dilation = 1, .before = c->before},
                         spectrum, zero),
                     SP_OK);
    assert_int_equal(sp_net_add_curve(NULL, graph,
                                      (sp_activation){.kind = c->no_square ? SP_ACTIVATION_RELU
                                                                           : SP_ACTIVATION_SQUARE}),
                     SP_OK);
    assert_int_equal(sp_net_add_convolution(
                         NULL, graph, BANDS,
                         (sp_timing){.taps = c->mel_taps, .stride = 1, .dilation = 1}, mel, floor),
                     SP_OK);
    assert_int_equal(sp_net_add_curve(NULL, graph, (sp_activation){.kind = SP_ACTIVATION_LOG}),
                     SP_OK);
    sp_term term[2] = {{.input = 4, .in = BANDS, .weight = spectrum, .timing = sp_timing_same},
                       {.input = 3, .in = BANDS, .weight = spectrum, .timing = sp_timing_same}};
    const sp_node sum = {.kind = SP_NODE_AFFINE,
                         .width = 2,
                         .terms = c->looks_back ? 2 : 1,
                         .term = term,
                         .bias = zero};
    assert_int_equal(sp_net_append(NULL, graph, &sum, NULL), SP_OK);
    assert_int_equal(sp_net_add_pool(NULL, graph, SP_POOLING_LAST), SP_OK);
}

static void band_energies_are_found_in_any_graph(void **state) {
    (void)state;
    enum { N = 40 };
    const changes none = {.mel = 0.5, .mel_taps = 1};
    sp_rng_init(&rng, sp_test_seed() + 2);
    for (int rule = SP_FRONT_INTERVAL; rule <= SP_FRONT_JOINT; rule++) {
        sp_net graph;
        sp_front_forms *forms = NULL;
        sp_front_bound bound;
        sp_noise noise;
        double samples[N], moved[N], logs[2];
        energies(&graph, &none);
        fill(samples, N, 1.0);
        assert_int_equal(sp_noise_box(NULL, &noise, N, 0.01), SP_OK);
        assert_int_equal(
            sp_front_forms_of_graph(NULL, &forms, &graph, SP_FRONT_ANY_NODE, (sp_front_rule)rule),
            SP_OK);
        assert_int_equal(sp_front_bound_create(NULL, &bound, forms, samples, N, &noise), SP_OK);
        assert_int_equal(bound.node, 4);
        assert_int_equal(bound.frames, sp_net_frames(&graph, 0, 4, N));
        assert_int_equal(bound.bands, BANDS);
        // bounds of the last frame contain what the graph makes of clips of the set
        double weight[2 * BANDS];
        memcpy(weight, graph.node[5].term[0].weight, sizeof weight);
        for (size_t i = 0; i < 200; i++) {
            for (size_t s = 0; s < N; s++) {
                moved[s] = samples[s] + 0.01 * sp_rng_uniform(&rng, -1.0, 1.0);
            }
            assert_int_equal(sp_net_run(NULL, &graph, logs, moved, N), SP_OK);
            for (size_t k = 0; k < 2; k++) {
                double lo = 0.0, hi = 0.0;
                for (size_t m = 0; m < BANDS; m++) {
                    const size_t at = (bound.frames - 1) * BANDS + m;
                    const double w = weight[k * BANDS + m];
                    lo += fmin(w * bound.lo[at], w * bound.hi[at]);
                    hi += fmax(w * bound.lo[at], w * bound.hi[at]);
                }
                assert_true(lo - 1e-12 <= logs[k] && logs[k] <= hi + 1e-12);
            }
        }
        sp_front_bound_clear(&bound);
        sp_front_forms_destroy(forms);
        sp_noise_clear(&noise);
        sp_net_clear(&graph);
    }
}

static void what_only_looks_like_them_is_refused(void **state) {
    (void)state;
    const changes cases[] = {{.mel = 0.5, .mel_taps = 1, .before = 3},
                             {.mel = -1e-9, .mel_taps = 1},
                             {.mel = 0.5, .mel_taps = 1, .no_square = true},
                             {.mel = 0.5, .mel_taps = 1, .looks_back = true},
                             {.mel = 0.5, .mel_taps = 2}};
    sp_rng_init(&rng, sp_test_seed() + 3);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        sp_net graph;
        sp_front_forms *forms = NULL;
        energies(&graph, &cases[i]);
        assert_int_equal(
            sp_front_forms_of_graph(NULL, &forms, &graph, SP_FRONT_ANY_NODE, SP_FRONT_INTERVAL),
            SP_E_UNSUPPORTED);
        assert_null(forms);
        sp_net_clear(&graph);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_graph_agrees_with_the_front_end_and_the_net),
        cmocka_unit_test(gradients_of_both_agree),
        cmocka_unit_test(bounds_of_a_graph_are_those_of_the_description),
        cmocka_unit_test(band_energies_are_found_in_any_graph),
        cmocka_unit_test(what_only_looks_like_them_is_refused),
    };
    return cmocka_run_group_tests_name("preprocess/front_graph", tests, NULL, NULL);
}
