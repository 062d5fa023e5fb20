/* Front ends inside of models: the same pipeline as a graph over samples and as a description
 * before a network has the same logits and the same bounds of its bands. */
#include "tests/onnx/build.h"

#include <math.h>

#include "preprocess/front_bound.h"

enum { FRAME = 64, STEP = 50, BINS = 33, BANDS = 4, C = 3, N = 464 };

static const char TEXT[] =
    "{\"sample_rate\": 8000, \"scale\": \"unit\", \"frame\": 64, \"step\": 50,"
    "\"preemphasis\": {\"coefficient\": 0.97, \"where\": \"inside each frame\"},"
    "\"window\": \"hamming-periodic\", \"fft\": 64, \"power_norm\": \"none\","
    "\"mel\": {\"bands\": 4, \"low_hz\": 0, \"high_hz\": 4000,"
    "\"formula\": \"2595*log10(1+f/700)\", \"rounding\": \"floor((N+1)*hz/rate)\"},"
    "\"floor\": {\"add\": 1e-3}, \"log\": \"natural\"}";

static const char STFT_TEXT[] =
    "{\"sample_rate\": 8000, \"scale\": \"unit\", \"frame\": 64, \"step\": 50,"
    "\"window\": \"hann-periodic\", \"fft\": 64, \"power_norm\": \"none\","
    "\"mel\": {\"bands\": 4, \"low_hz\": 0, \"high_hz\": 4000,"
    "\"formula\": \"2595*log10(1+f/700)\", \"rounding\": \"floor((N+1)*hz/rate)\"},"
    "\"floor\": {\"add\": 1e-3}, \"log\": \"natural\"}";

static sp_rng rng;

static void doubles(om *m, const char *name, const char *shape, const double *values) {
    (void)om_initialiser(m, om_real_tensor(m, name, shape, values, OM_DOUBLE_RAW));
}

static sp_front *front_of(const char *text) {
    sp_front *front = NULL;
    sp_error err = {0};
    if (sp_front_parse(&err, &front, text, strlen(text), "test") != SP_OK) {
        fail_msg("%s", err.text);
    }
    return front;
}

/* The stages as exporters write them; the network behind them is one dense layer of their
 * mean. */
static om *graph_of(const sp_front *front, const char *squares, double least, const double *weight,
                    const double *bias) {
    size_t count = 0;
    const sp_stage *stage = sp_front_stages(front, &count);
    double mel[BINS * BANDS];
    for (size_t k = 0; k < BINS; k++) {
        for (size_t b = 0; b < BANDS; b++) {
            mel[k * BANDS + b] = stage[2].matrix[b * 2 * BINS + k];
        }
    }
    om *m = om_new(17);
    om_input(m, "x", "1 x 464");
    om_list(m, "one", 1, (const int64_t[]){1});
    om_list(m, "first", 1, (const int64_t[]){0});
    om_list(m, "half", 1, (const int64_t[]){BINS});
    om_list(m, "all", 1, (const int64_t[]){2 * BINS});
    doubles(m, "kernel", "66x1x64", stage[0].matrix);
    doubles(m, "mel", "33x4", mel);
    doubles(m, "two", "", (const double[]){2.0});
    doubles(m, "floor", "", &least);
    doubles(m, "V", "3x4", weight);
    doubles(m, "b", "3", bias);
    om_node(m, "Unsqueeze", "x,one", "channel");
    Onnx__NodeProto *conv = om_node(m, "Conv", "channel,kernel", "spectrum");
    om_ints(m, conv, "strides", 1, (const int64_t[]){STEP});
    om_node(m, "Slice", "spectrum,first,half,one", "re");
    om_node(m, "Slice", "spectrum,half,all,one", "im");
    if (strcmp(squares, "Pow") == 0) {
        om_node(m, "Pow", "re,two", "re2");
        om_node(m, "Pow", "im,two", "im2");
    } else {
        om_node(m, squares, "re,re", "re2");
        om_node(m, squares, "im,im", "im2");
    }
    om_node(m, "Add", "re2,im2", "power");
    Onnx__NodeProto *turn = om_node(m, "Transpose", "power", "frames");
    om_ints(m, turn, "perm", 3, (const int64_t[]){0, 2, 1});
    om_node(m, "MatMul", "frames,mel", "energies");
    om_node(m, "Add", "energies,floor", "floored");
    om_node(m, "Log", "floored", "logs");
    Onnx__NodeProto *mean = om_node(m, "ReduceMean", "logs", "end");
    om_ints(m, mean, "axes", 1, (const int64_t[]){1});
    om_int(m, mean, "keepdims", 0);
    Onnx__NodeProto *gemm = om_node(m, "Gemm", "end,V,b", "logits");
    om_int(m, gemm, "transB", 1);
    om_output(m, "logits");
    return m;
}

static void fill(double *x, size_t count, double scale) {
    for (size_t i = 0; i < count; i++) {
        x[i] = sp_rng_uniform(&rng, -scale, scale);
    }
}

static void expect_near(const char *what, size_t i, double a, double b) {
    if (!(fabs(a - b) <= 1e-9 * (1.0 + fabs(b)))) {
        fail_msg("%s %zu: %.15g, by the description %.15g", what, i, a, b);
    }
}

static void same_bounds(const sp_front_bound *a, const sp_front_bound *b) {
    assert_int_equal(a->frames, b->frames);
    assert_int_equal(a->bands, b->bands);
    assert_int_equal(a->forms, b->forms);
    assert_int_equal(a->frame, b->frame);
    assert_int_equal(a->step, b->step);
    for (size_t i = 0; i < a->frames * a->bands; i++) {
        expect_near("lower end", i, a->lo[i], b->lo[i]);
        expect_near("upper end", i, a->hi[i], b->hi[i]);
        expect_near("lower slope", i, a->lo_w[i], b->lo_w[i]);
        expect_near("lower constant", i, a->lo_c[i], b->lo_c[i]);
        expect_near("upper slope", i, a->up_w[i], b->up_w[i]);
        expect_near("upper constant", i, a->up_c[i], b->up_c[i]);
    }
    for (size_t i = 0; i < a->frames * a->forms * a->frame; i++) {
        expect_near("form", i, a->form[i], b->form[i]);
    }
}

static void compare_bounds(const sp_front *samples, const sp_net *net, const sp_front *front,
                           const double *x) {
    for (int rule = SP_FRONT_INTERVAL; rule <= SP_FRONT_JOINT; rule++) {
        sp_front_forms *inside = NULL, *said = NULL;
        sp_front_bound a, b;
        sp_noise noise;
        sp_error err = {0};
        if (sp_front_forms_of_features(&err, &inside, samples, net, (sp_front_rule)rule) != SP_OK) {
            fail_msg("%s", err.text);
        }
        assert_int_equal(sp_front_forms_create(&err, &said, front, (sp_front_rule)rule), SP_OK);
        assert_int_equal(sp_noise_box(&err, &noise, N, 1e-3), SP_OK);
        assert_int_equal(sp_front_bound_create(&err, &a, inside, x, N, &noise), SP_OK);
        assert_int_equal(sp_front_bound_create(&err, &b, said, x, N, &noise), SP_OK);
        same_bounds(&a, &b);
        sp_front_bound_clear(&a);
        sp_front_bound_clear(&b);
        sp_noise_clear(&noise);
        sp_front_forms_destroy(inside);
        sp_front_forms_destroy(said);
    }
}

static void a_graph_over_samples_is_the_described_pipeline(void **state) {
    (void)state;
    static const char *const squares[] = {"Pow", "Mul"};
    sp_rng_init(&rng, sp_test_seed());
    for (size_t which = 0; which < 2; which++) {
        sp_front *front = front_of(TEXT);
        sp_front *samples =
            front_of("{\"sample_rate\": 8000, \"scale\": \"unit\", \"samples\": {}}");
        double weight[C * BANDS], bias[C], x[N], one[C], two[C], features[16 * BANDS];
        sp_model model = {0};
        sp_error err = {0};
        fill(weight, C * BANDS, 1.0);
        fill(bias, C, 1.0);
        fill(x, N, 0.7);
        om *m = graph_of(front, squares[which], 1e-3, weight, bias);
        if (om_parse(m, &err, &model) != SP_OK) {
            fail_msg("%s", err.text);
        }
        const size_t frames = sp_front_frames(front, N);
        assert_int_equal(model.net.features, 1);
        assert_int_equal(model.net.steps, N);
        assert_int_equal(sp_front_frames(samples, N), N);
        assert_int_equal(sp_net_run(&err, &model.net, one, x, N), SP_OK);
        assert_int_equal(sp_front_run(&err, front, features, x, N), SP_OK);
        for (size_t k = 0; k < C; k++) {
            two[k] = bias[k];
            for (size_t b = 0; b < BANDS; b++) {
                for (size_t t = 0; t < frames; t++) {
                    const double x_t = features[t * BANDS + b];
                    two[k] += weight[k * BANDS + b] * x_t / (double)frames;
                }
            }
            expect_near("logit", k, one[k], two[k]);
        }
        compare_bounds(samples, &model.net, front, x);
        sp_model_clear(&model);
        om_free(m);
        sp_front_destroy(front);
        sp_front_destroy(samples);
    }
}

/* A network of frames of samples, with real and imaginary parts in layers of their own. */
static void frames_of_samples_are_taps(void **state) {
    (void)state;
    sp_front *front = front_of(TEXT);
    sp_front *samples = front_of("{\"sample_rate\": 8000, \"scale\": \"unit\", "
                                 "\"samples\": {\"frame\": 64, \"step\": 50}}");
    size_t count = 0;
    const sp_stage *stage = sp_front_stages(front, &count);
    sp_net net;
    double x[N], mel[2][BANDS * BINS], rows[16 * FRAME], logits[BANDS], logs[16 * BANDS];
    sp_rng_init(&rng, sp_test_seed() + 1);
    fill(x, N, 0.7);
    assert_int_equal(sp_net_init(NULL, &net, FRAME), SP_OK);
    sp_term term[2] = {{.in = FRAME, .timing = sp_timing_same}};
    for (size_t part = 0; part < 2; part++) {
        term[0].input = 0;
        term[0].weight = (double *)(uintptr_t)(stage[0].matrix + part * BINS * FRAME);
        const sp_node node = {.kind = SP_NODE_AFFINE,
                              .width = BINS,
                              .terms = 1,
                              .term = term,
                              .bias = (double *)(uintptr_t)stage[0].bias};
        assert_int_equal(sp_net_append(NULL, &net, &node, NULL), SP_OK);
        assert_int_equal(
            sp_net_add_curve(NULL, &net, (sp_activation){.kind = SP_ACTIVATION_SQUARE}), SP_OK);
        for (size_t i = 0; i < BANDS * BINS; i++) {
            mel[part][i] = stage[2].matrix[i / BINS * 2 * BINS + part * BINS + i % BINS];
        }
    }
    for (size_t part = 0; part < 2; part++) {
        term[part] = (sp_term){
            .input = 2 + 2 * part, .in = BINS, .weight = mel[part], .timing = sp_timing_same};
    }
    const sp_node energies = {.kind = SP_NODE_AFFINE,
                              .width = BANDS,
                              .terms = 2,
                              .term = term,
                              .bias = (double *)(uintptr_t)stage[2].bias};
    assert_int_equal(sp_net_append(NULL, &net, &energies, NULL), SP_OK);
    assert_int_equal(sp_net_add_curve(NULL, &net, (sp_activation){.kind = SP_ACTIVATION_LOG}),
                     SP_OK);
    assert_int_equal(sp_net_add_pool(NULL, &net, SP_POOLING_LAST), SP_OK);
    const size_t frames = sp_front_frames(samples, N);
    assert_int_equal(frames, sp_front_frames(front, N));
    assert_int_equal(sp_front_run(NULL, samples, rows, x, N), SP_OK);
    assert_int_equal(sp_net_run(NULL, &net, logits, rows, frames), SP_OK);
    assert_int_equal(sp_front_run(NULL, front, logs, x, N), SP_OK);
    for (size_t b = 0; b < BANDS; b++) {
        expect_near("logarithm", b, logits[b], logs[(frames - 1) * BANDS + b]);
    }
    compare_bounds(samples, &net, front, x);
    double prefixes[16 * BANDS];
    assert_int_equal(sp_net_run_prefixes(NULL, &net, prefixes, rows, frames), SP_OK);
    for (size_t i = 0; i < frames * BANDS; i++) {
        expect_near("answer to a beginning", i, prefixes[i], logs[i]);
    }
    sp_net_clear(&net);
    sp_front_destroy(front);
    sp_front_destroy(samples);
}

/* Padding in front of the samples, and gradients by them. */
static void samples_pass_through(void **state) {
    (void)state;
    sp_front *samples = front_of("{\"sample_rate\": 8000, \"scale\": \"unit\", "
                                 "\"samples\": {\"frame\": 5, \"step\": 3, \"before\": 2}}");
    const double x[7] = {1, 2, 3, 4, 5, 6, 7};
    const double expected[15] = {0, 0, 1, 2, 3, 2, 3, 4, 5, 6};
    double rows[15], gradient[7];
    assert_int_equal(sp_front_frames(samples, 7), 2);
    assert_int_equal(sp_front_run(NULL, samples, rows, x, 7), SP_OK);
    assert_memory_equal(rows, expected, 10 * sizeof *rows);
    const double slope[10] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1}, by[7] = {1, 2, 2, 1, 1, 1, 0};
    assert_int_equal(sp_front_gradient(NULL, samples, gradient, x, 7, slope, 1, 0.0), SP_OK);
    assert_memory_equal(gradient, by, sizeof by);
    sp_front_destroy(samples);
}

/* Logarithms of what may be negative are none of energies. */
static void negative_numbers_have_no_logarithm(void **state) {
    (void)state;
    static const char *const operators[] = {"Log", "Sqrt"};
    for (size_t i = 0; i < 2; i++) {
        om *m = om_new(17);
        sp_model model = {0};
        sp_error err = {0};
        const double weight[4] = {1.0, -0.5, 0.25, 1.0}, bias[2] = {3.0, 3.0};
        om_input(m, "x", "1 x 2");
        om_reals(m, "V", "2x2", weight);
        om_reals(m, "b", "2", bias);
        om_node(m, "Gemm", "x,V,b", "y");
        om_node(m, operators[i], "y", "logits");
        om_output(m, "logits");
        assert_int_equal(om_parse(m, &err, &model), SP_E_UNSUPPORTED);
        assert_non_null(strstr(err.text, "never to be negative"));
        sp_model_clear(&model);
        om_free(m);
    }
}

/* The same without pre-emphasis, by the operators that torch.stft becomes: what they give is
 * recognised as band energies. */
static om *stft_graph(const sp_front *front, const char *shape, bool root, const char *around,
                      const double *weight, const double *bias) {
    size_t count = 0;
    const sp_stage *stage = sp_front_stages(front, &count);
    double mel[BINS * BANDS];
    for (size_t i = 0; i < BINS * BANDS; i++) {
        mel[i] = stage[2].matrix[i % BANDS * 2 * BINS + i / BANDS];
    }
    om *m = om_new(17);
    om_input(m, "x", shape);
    om_whole(m, "frame", FRAME);
    om_whole(m, "step", STEP);
    doubles(m, "mel", "33x4", mel);
    doubles(m, "two", "", (const double[]){2.0});
    doubles(m, "floor", "", (const double[]){1e-3});
    doubles(m, "V", "3x4", weight);
    doubles(m, "b", "3", bias);
    om_list(m, "behind", 1, (const int64_t[]){2});
    if (around) { // as center=True is exported
        om_list(m, "channel", 3, (const int64_t[]){1, 1, -1});
        om_list(m, "pads", 6, (const int64_t[]){0, 0, FRAME / 2, 0, 0, FRAME / 2});
        om_list(m, "flat", 2, (const int64_t[]){1, -1});
        om_node(m, "Reshape", "x,channel", "one channel");
        om_string(m, om_node(m, "Pad", "one channel,pads", "padded"), "mode", around);
        om_node(m, "Reshape", "padded,flat", "around");
    }
    om_node(m, "Unsqueeze", around ? "around,behind" : "x,behind", "signal");
    om_node(m, "HannWindow", "frame", "window");
    om_node(m, "STFT", "signal,step,window,frame", "spectrum");
    Onnx__NodeProto *power =
        om_node(m, root ? "ReduceL2" : "ReduceSumSquare", "spectrum", root ? "size" : "power");
    om_ints(m, power, "axes", 1, (const int64_t[]){3});
    om_int(m, power, "keepdims", 0);
    if (root) { // as torchaudio takes the power of what abs gives
        om_node(m, "Pow", "size,two", "power");
    }
    om_node(m, "MatMul", "power,mel", "energies");
    om_node(m, "Add", "energies,floor", "floored");
    om_node(m, "Log", "floored", "logs");
    Onnx__NodeProto *mean = om_node(m, "ReduceMean", "logs", "end");
    om_ints(m, mean, "axes", 1, (const int64_t[]){1});
    om_int(m, mean, "keepdims", 0);
    om_int(m, om_node(m, "Gemm", "end,V,b", "logits"), "transB", 1);
    om_output(m, "logits");
    return m;
}

static void an_stft_inside_of_a_model_is_band_energies(void **state) {
    (void)state;
    static const struct {
        const char *shape, *around, *said;
        bool root;
    } cases[] = {{"1 x 464", NULL, NULL, false},           {"1 x 464", NULL, NULL, true},
                 {"1 x 464", "reflect", "reflect", false}, {"1 x n", "reflect", "reflect", true},
                 {"1 x n", "constant", "zeros", false},    {"1 x 464", "edge", "edge", false}};
    sp_rng_init(&rng, sp_test_seed() + 2);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        double weight[C * BANDS], bias[C], x[N], inside[C], said[C], logs[16 * BANDS];
        char text[1024];
        sp_model model = {0};
        sp_error err = {0};
        snprintf(text, sizeof text, "%.*s, \"pad\": {\"rule\": \"%s\", \"fill\": \"%s\"}}",
                 (int)strlen(STFT_TEXT) - 1, STFT_TEXT, cases[i].said ? "centre" : "none",
                 cases[i].said ? cases[i].said : "zeros");
        sp_front *front = front_of(cases[i].said ? text : STFT_TEXT);
        sp_front *samples =
            front_of("{\"sample_rate\": 8000, \"scale\": \"unit\", \"samples\": {}}");
        fill(weight, C * BANDS, 1.0);
        fill(bias, C, 1.0);
        fill(x, N, 0.7);
        om *m = stft_graph(front, cases[i].shape, cases[i].root, cases[i].around, weight, bias);
        if (om_parse(m, &err, &model) != SP_OK) {
            fail_msg("%s", err.text);
        }
        const size_t frames = sp_front_frames(front, N);
        assert_int_equal(model.net.steps, strchr(cases[i].shape, 'n') ? 0 : N);
        assert_int_equal(sp_net_run(&err, &model.net, inside, x, N), SP_OK);
        assert_int_equal(sp_front_run(&err, front, logs, x, N), SP_OK);
        for (size_t k = 0; k < C; k++) {
            said[k] = bias[k];
            for (size_t e = 0; e < frames * BANDS; e++) {
                said[k] += weight[k * BANDS + e % BANDS] * logs[e] / (double)frames;
            }
            expect_near("logit", k, inside[k], said[k]);
        }
        compare_bounds(samples, &model.net, front, x);
        sp_model_clear(&model);
        om_free(m);
        sp_front_destroy(front);
        sp_front_destroy(samples);
    }
}

/* As many samples as the mirror image needs, or one sentence. */
static void short_recordings_have_no_mirror_image(void **state) {
    (void)state;
    const double weight[C * BANDS] = {1.0}, bias[C] = {0.0}, x[FRAME] = {0.5};
    sp_model model = {0};
    sp_error err = {0};
    double logits[C];
    sp_front *front = front_of(STFT_TEXT);
    om *m = stft_graph(front, "1 x n", false, "reflect", weight, bias);
    if (om_parse(m, &err, &model) != SP_OK) {
        fail_msg("%s", err.text);
    }
    assert_int_equal(sp_net_run(&err, &model.net, logits, x, FRAME / 2), SP_E_MISMATCH);
    assert_int_equal(sp_net_run(&err, &model.net, logits, x, FRAME / 2 + 1), SP_OK);
    sp_model_clear(&model);
    om_free(m);
    sp_front_destroy(front);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_graph_over_samples_is_the_described_pipeline),
        cmocka_unit_test(frames_of_samples_are_taps),
        cmocka_unit_test(an_stft_inside_of_a_model_is_band_energies),
        cmocka_unit_test(short_recordings_have_no_mirror_image),
        cmocka_unit_test(samples_pass_through),
        cmocka_unit_test(negative_numbers_have_no_logarithm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
