/* Cells against onnxruntime: the real wake-word models on random features and on their recordings,
 * and random models with Loops and with LSTM, GRU and RNN nodes. Skipped without onnxruntime
 * (tests/onnx/onnxruntime_env.sh). */
#include "audio/audio.h"
#include "preprocess/preprocess.h"
#include "tests/onnx/onnxruntime.h"
#include "tests/onnx/wake.h"

enum { WAKE_STEPS = 29, WAKE_WIDTH = 13, BLOCKS = 1000 };

/* ---- the real models ---- */

/* Features as loud as real ones: c0 between -36 and 10, the others some units wide. */
static void random_block(sp_rng *rng, double *features) {
    const double size = sp_rng_uniform(rng, 0.1, 4.0), level = sp_rng_uniform(rng, -30.0, 8.0);
    for (size_t t = 0; t < WAKE_STEPS; t++) {
        for (size_t i = 0; i < WAKE_WIDTH; i++) {
            features[t * WAKE_WIDTH + i] = size * sp_rng_normal(rng) + (i == 0 ? level : 0.0);
        }
    }
}

/* Every window of a recording, in steps of five frames. */
static void add_recording(batch *b, const sp_front *front, const char *relative) {
    char path[512];
    sp_error err = {0};
    sp_clip clip;
    if (!sp_test_data(relative, path, sizeof path)) {
        return;
    }
    const sp_front_layout *layout = sp_front_layout_of(front);
    const sp_clip_options options = {.rate = layout->sample_rate, .full_scale = layout->full_scale};
    if (sp_clip_read(&err, &clip, path, &options) != SP_OK) {
        fail_msg("%s", err.text);
    }
    const size_t frames = sp_front_frames(front, clip.n);
    double *features = calloc(frames, layout->features * sizeof *features);
    assert_non_null(features);
    assert_int_equal(layout->features, WAKE_WIDTH);
    assert_int_equal(sp_front_run(&err, front, features, clip.samples, clip.n), SP_OK);
    for (size_t t = 0; t + WAKE_STEPS <= frames; t += 5) {
        batch_add(b, features + t * WAKE_WIDTH, WAKE_STEPS);
    }
    free(features);
    sp_clip_clear(&clip);
}

static batch *wake_batch(void) {
    static const char *const fronts[] = {"examples/fronts/precise-sonopy.json",
                                         "examples/fronts/precise-speechpy.json"};
    static const char *const recordings[] = {"wake/core_hey_mycroft.wav", "wake/core_mycroft.wav",
                                             "wake/core_weather_mycroft.wav",
                                             "wake/oww_alexa_test.wav"};
    batch *b = calloc(1, sizeof *b);
    sp_rng rng;
    double features[WAKE_STEPS * WAKE_WIDTH];
    assert_non_null(b);
    b->width = WAKE_WIDTH;
    sp_rng_init(&rng, sp_test_seed());
    for (size_t i = 0; i < BLOCKS; i++) {
        random_block(&rng, features);
        batch_add(b, features, WAKE_STEPS);
    }
    for (size_t f = 0; f < 2; f++) {
        sp_front *front = NULL;
        sp_error err = {0};
        if (sp_front_read(&err, &front, fronts[f]) != SP_OK) {
            fail_msg("%s", err.text);
        }
        for (size_t i = 0; i < sizeof recordings / sizeof *recordings; i++) {
            add_recording(b, front, recordings[i]);
        }
        sp_front_destroy(front);
    }
    return b;
}

/* The file's own graph, as our evaluator sees it, against onnxruntime too. */
static double compare_graph(const sp_model *model, const batch *b, const char *path) {
    char *data = NULL;
    size_t size = 0;
    double worst = 0.0, logit, probability, features[WAKE_STEPS * WAKE_WIDTH];
    assert_int_equal(sp_file_read(NULL, &data, &size, path, (size_t)1 << 28), SP_OK);
    for (size_t k = 0; k < b->clips; k += 7) {
        double theirs;
        sp_error err = {0};
        memcpy(&theirs, data + k * sizeof theirs, sizeof theirs);
        for (size_t i = 0; i < WAKE_STEPS * WAKE_WIDTH; i++) {
            features[i] = b->features[k][i];
        }
        if (sp_model_evaluate(&err, model, &logit, &probability, features, WAKE_STEPS) != SP_OK) {
            fail_msg("%s", err.text);
        }
        worst = fmax(worst, fabs(probability - theirs));
    }
    free(data);
    return worst;
}

/* ---- the same graph in doubles ---- */

static void widen_tensor(Onnx__TensorProto *t) {
    if (t->data_type != ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT) {
        return;
    }
    const size_t count = t->has_raw_data ? t->raw_data.len / sizeof(float) : t->n_float_data;
    double *wide = malloc((count + 1) * sizeof *wide);
    assert_non_null(wide);
    for (size_t i = 0; i < count; i++) {
        float number;
        memcpy(&number,
               t->has_raw_data ? (const void *)(t->raw_data.data + i * sizeof number)
                               : (const void *)&t->float_data[i],
               sizeof number);
        wide[i] = number;
    }
    free(t->raw_data.data);
    free(t->float_data);
    t->float_data = NULL;
    t->n_float_data = 0;
    t->has_raw_data = 1;
    t->raw_data.data = (uint8_t *)wide;
    t->raw_data.len = count * sizeof *wide;
    t->data_type = ONNX__TENSOR_PROTO__DATA_TYPE__DOUBLE;
}

static void widen_values(Onnx__ValueInfoProto **value, size_t count) {
    for (size_t i = 0; i < count; i++) {
        Onnx__TypeProto__Tensor *type = value[i]->type->tensor_type;
        type->elem_type = type->elem_type == 1 ? 11 : type->elem_type;
    }
}

static void widen_graph(Onnx__GraphProto *graph) {
    for (size_t i = 0; i < graph->n_initializer; i++) {
        widen_tensor(graph->initializer[i]);
    }
    widen_values(graph->input, graph->n_input);
    widen_values(graph->output, graph->n_output);
    widen_values(graph->value_info, graph->n_value_info);
    for (size_t n = 0; n < graph->n_node; n++) {
        for (size_t i = 0; i < graph->node[n]->n_attribute; i++) {
            Onnx__AttributeProto *a = graph->node[n]->attribute[i];
            if (a->g) {
                widen_graph(a->g);
            }
            if (a->t) {
                widen_tensor(a->t);
            }
            if (strcmp(a->name, "to") == 0 && a->i == 1) {
                a->i = 11;
            }
        }
    }
}

/* Writes the model in doubles; false for GRU nodes, which onnxruntime has in float32 only. */
static bool widen(const char *to, const char *from) {
    char *data = NULL;
    size_t size = 0;
    assert_int_equal(sp_file_read(NULL, &data, &size, from, (size_t)1 << 24), SP_OK);
    Onnx__ModelProto *model = onnx__model_proto__unpack(NULL, size, (uint8_t *)data);
    free(data);
    assert_non_null(model);
    bool possible = true;
    for (size_t n = 0; n < model->graph->n_node; n++) {
        possible = possible && strcmp(model->graph->node[n]->op_type, "GRU") != 0;
    }
    widen_graph(model->graph);
    uint8_t *packed = malloc(onnx__model_proto__get_packed_size(model));
    assert_non_null(packed);
    size = onnx__model_proto__pack(model, packed);
    FILE *file = fopen(to, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(packed, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
    free(packed);
    onnx__model_proto__free_unpacked(model, NULL);
    return possible;
}

/* ---- all of them ---- */

static const char *const wake_names_of_models[] = {"athena-en-0.3.0-20190801-eltocino",
                                                   "christopher",
                                                   "hey_mycroft",
                                                   "hey_mycroft_mk1",
                                                   "marvin",
                                                   "marvin-gru-op"};
enum { WAKE_MODELS = sizeof wake_names_of_models / sizeof *wake_names_of_models };

typedef struct wake_job {
    char model[512], output[512], wide[512], wide_output[512];
    bool has_wide;
} wake_job;

static void scratch(char *path, size_t size, const char *what, size_t i) {
    char name[96];
    snprintf(name, sizeof name, "test_onnxruntime-wake-%zu.%s", i, what);
    sp_test_scratch(name, path, size);
}

static void run_wake_jobs(wake_job *jobs, const batch *b, const batch *fewer) {
    char features[512], less[512], list[512];
    const char *interpreter = python();
    sp_test_scratch("test_onnxruntime-wake.features", features, sizeof features);
    sp_test_scratch("test_onnxruntime-wake.jobs", list, sizeof list);
    sp_test_scratch("test_onnxruntime-wake.fewer", less, sizeof less);
    batch_write(b, features);
    batch_write(fewer, less);
    FILE *file = fopen(list, "w");
    assert_non_null(file);
    for (size_t i = 0; i < WAKE_MODELS; i++) {
        wake_job *job = &jobs[i];
        scratch(job->output, sizeof job->output, "outputs", i);
        scratch(job->wide, sizeof job->wide, "onnx", i);
        scratch(job->wide_output, sizeof job->wide_output, "wide", i);
        fprintf(file, "%s\t%s\t%s\t1,T,%d\n", job->model, features, job->output, WAKE_WIDTH);
        job->has_wide = widen(job->wide, job->model);
        if (job->has_wide) {
            fprintf(file, "%s\t%s\t%s\t1,T,%d\n", job->wide, less, job->wide_output, WAKE_WIDTH);
        }
    }
    assert_int_equal(fclose(file), 0);
    run_jobs(interpreter, list);
}

/* float32 itself is up to 2e-6 away on these features, so the narrow bound is against
 * the same graph in doubles. */
static void check_wake_model(const wake_job *job, const char *name, const batch *b,
                             const batch *fewer) {
    sp_error err = {0};
    sp_model model;
    if (sp_model_read(&err, &model, job->model) != SP_OK) {
        fail_msg("%s", err.text);
    }
    assert_true(model.net.sigmoid);
    assert_int_equal(model.net.steps, WAKE_STEPS);
    assert_int_equal(model.parameters, 2061);
    const double single = compare(&model.net, b, job->output, 5e-6, 0.0);
    double wide = 0.0, graph = 0.0;
    if (job->has_wide) {
        wide = compare(&model.net, fewer, job->wide_output, 1e-9, 0.0);
        graph = compare_graph(&model, fewer, job->wide_output);
        assert_true(graph <= 1e-9);
    }
    print_message("%s: %zu blocks, largest difference from onnxruntime %.2g, from the same graph "
                  "in doubles %.2g, of our evaluator %.2g\n",
                  name, b->clips, single, wide, graph);
    sp_model_clear(&model);
}

static void test_wake_models(void **state) {
    (void)state;
    static wake_job jobs[WAKE_MODELS];
    (void)python();
    for (size_t i = 0; i < WAKE_MODELS; i++) {
        char name[96];
        snprintf(name, sizeof name, "wake/%s.onnx", wake_names_of_models[i]);
        if (!sp_test_data(name, jobs[i].model, sizeof jobs[i].model)) {
            print_message("%s is absent: set SOUNDPROOF_DATA\n", name);
            skip();
        }
    }
    batch *b = wake_batch(), *fewer = calloc(1, sizeof *fewer);
    assert_non_null(fewer);
    fewer->width = WAKE_WIDTH;
    for (size_t k = 0; k < b->clips; k += 9) { // borrowed from b
        fewer->features[fewer->clips] = b->features[k];
        fewer->steps[fewer->clips++] = b->steps[k];
    }
    run_wake_jobs(jobs, b, fewer);
    for (size_t i = 0; i < WAKE_MODELS; i++) {
        check_wake_model(&jobs[i], wake_names_of_models[i], b, fewer);
    }
    batch_clear(b);
    free(b);
    free(fewer);
}

/* ---- random models ---- */

typedef struct random_model {
    size_t features, steps;
    char shape[64], model[512], input[512], output[512];
} random_model;

static void write_model(const om *m, const char *path) {
    size_t size;
    uint8_t *data = om_pack(m, &size);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
    free(data);
}

static om *random_loop(sp_rng *rng, random_model *r, size_t index) {
    om *m = om_new(18);
    wake_shape s = wake_shapes[index % 7];
    s.update = sp_rng_below(rng, UPDATES);
    s.gate = sp_rng_below(rng, GATES);
    s.candidate = sp_rng_below(rng, CANDIDATES);
    s.reset_after = sp_rng_below(rng, 2) > 0;
    s.joined = sp_rng_below(rng, 2) > 0;
    r->features = 1 + sp_rng_below(rng, 6);
    r->steps = 2 + sp_rng_below(rng, 10);
    const wake_weights w =
        wake_weights_random(m, rng, r->features, 1 + sp_rng_below(rng, 8), r->steps);
    wake_model(m, &w, &s);
    m->output[0]->type->tensor_type->elem_type = 1;
    snprintf(r->shape, sizeof r->shape, "1,T,%zu", r->features);
    return m;
}

static void random_tensor(om *m, sp_rng *rng, const char *name, const char *shape, size_t count) {
    om_reals(m, name, shape, wake_numbers(m, rng, count, 0.5));
}

/* Where the states start: zeros, or the inputs that are named. */
static const char *random_starts(om *m, sp_rng *rng, bool lstm, size_t H) {
    char shape[24];
    const size_t kind = sp_rng_below(rng, 3);
    snprintf(shape, sizeof shape, "1x1x%zu", H);
    random_tensor(m, rng, "h0", shape, H);
    random_tensor(m, rng, "c0", shape, H);
    return kind == 0 ? "x,W,R,B" : kind == 1 || !lstm ? "x,W,R,B,,h0" : "x,W,R,B,,h0,c0";
}

/* The functions of a node, with their numbers. */
static void random_functions(om *m, sp_rng *rng, Onnx__NodeProto *node, size_t kind) {
    static const char *const names[] = {"Sigmoid", "Tanh", "HardSigmoid", "Relu", "Affine"};
    static const float alphas[] = {0, 0, 0.3f, 0, 0.75f}, betas[] = {0, 0, 0.25f, 0, -0.125f};
    const size_t gate = sp_rng_below(rng, 2) * 2, candidate = sp_rng_below(rng, 5);
    const size_t function[3] = {kind > 0 ? gate : candidate, candidate, candidate};
    char list[48] = "";
    float alpha[3], beta[3];
    size_t takers = 0;
    for (size_t i = 0; i < (kind == 0 ? 1 : kind + 1); i++) {
        strcat(strcat(list, i > 0 ? "," : ""), names[function[i]]);
        if (function[i] == 2 || function[i] == 4) {
            alpha[takers] = alphas[function[i]];
            beta[takers++] = betas[function[i]];
        }
    }
    om_strings(m, node, "activations", list);
    if (takers > 0) {
        om_float_list(m, node, "activation_alpha", takers, alpha);
        om_float_list(m, node, "activation_beta", takers, beta);
    }
}

/* One LSTM, GRU or RNN node with random attributes and starts. onnxruntime has no layout 1 for
 * them. */
static om *random_node(sp_rng *rng, random_model *r) {
    static const char *const kinds[] = {"RNN", "GRU", "LSTM"};
    static const size_t gates[] = {1, 3, 4};
    const size_t kind = sp_rng_below(rng, 3);
    const size_t H = 1 + sp_rng_below(rng, 8), rows = gates[kind] * H;
    char shape[48];
    om *m = om_new(14);
    r->features = 1 + sp_rng_below(rng, 6);
    r->steps = 0;
    snprintf(shape, sizeof shape, "T x 1 x %zu", r->features);
    om_input(m, "x", shape);
    snprintf(shape, sizeof shape, "1x%zux%zu", rows, r->features);
    random_tensor(m, rng, "W", shape, rows * r->features);
    snprintf(shape, sizeof shape, "1x%zux%zu", rows, H);
    random_tensor(m, rng, "R", shape, rows * H);
    snprintf(shape, sizeof shape, "1x%zu", 2 * rows);
    random_tensor(m, rng, "B", shape, 2 * rows);
    snprintf(shape, sizeof shape, "2x%zu", H);
    random_tensor(m, rng, "V", shape, 2 * H);
    Onnx__NodeProto *node = om_node(m, kinds[kind], random_starts(m, rng, kind == 2, H), ",h");
    om_int(m, node, "hidden_size", (int64_t)H);
    om_string(m, node, "direction", sp_rng_below(rng, 2) > 0 ? "forward" : "reverse");
    if (kind == 1) {
        om_int(m, node, "linear_before_reset", (int64_t)sp_rng_below(rng, 2));
    }
    if (sp_rng_below(rng, 3) == 0) {
        om_float(m, node, "clip", (float)sp_rng_uniform(rng, 0.2, 2.0));
    }
    random_functions(m, rng, node, kind);
    om_list(m, "[0]", 1, (const int64_t[]){0});
    om_node(m, "Squeeze", "h,[0]", "v");
    om_int(m, om_node(m, "Gemm", "v,V", "logits"), "transB", 1);
    om_int(m, om_node(m, "Softmax", "logits", "y"), "axis", 1);
    om_output(m, "y");
    snprintf(r->shape, sizeof r->shape, "T,1,%zu", r->features);
    return m;
}

static void make_model(sp_rng *rng, random_model *r, batch *b, size_t index) {
    char name[64];
    snprintf(name, sizeof name, "test_onnxruntime-cell-%zu.onnx", index);
    sp_test_scratch(name, r->model, sizeof r->model);
    snprintf(name, sizeof name, "test_onnxruntime-cell-%zu.features", index);
    sp_test_scratch(name, r->input, sizeof r->input);
    snprintf(name, sizeof name, "test_onnxruntime-cell-%zu.outputs", index);
    sp_test_scratch(name, r->output, sizeof r->output);
    om *m = index % 2 == 0 ? random_loop(rng, r, index / 2) : random_node(rng, r);
    write_model(m, r->model);
    om_free(m);
    b->width = r->features;
    for (size_t k = 0; k < 5; k++) {
        double features[12 * 8];
        const size_t steps = r->steps > 0 ? r->steps : 1 + sp_rng_below(rng, 12);
        om_random(rng, features, steps * r->features);
        batch_add(b, features, steps);
    }
    batch_write(b, r->input);
}

static void test_random_models(void **state) {
    (void)state;
    enum { MODELS = 140 };
    const char *interpreter = python();
    static random_model models[MODELS];
    static batch batches[MODELS];
    char jobs[512];
    sp_rng rng;
    sp_rng_init(&rng, sp_test_seed());
    sp_test_scratch("test_onnxruntime-cells.jobs", jobs, sizeof jobs);
    FILE *file = fopen(jobs, "w");
    assert_non_null(file);
    for (size_t i = 0; i < MODELS; i++) {
        make_model(&rng, &models[i], &batches[i], i);
        fprintf(file, "%s\t%s\t%s\t%s\n", models[i].model, models[i].input, models[i].output,
                models[i].shape);
    }
    assert_int_equal(fclose(file), 0);
    run_jobs(interpreter, jobs);
    double worst = 0.0;
    for (size_t i = 0; i < MODELS; i++) {
        sp_error err = {0};
        sp_model model;
        if (sp_model_read(&err, &model, models[i].model) != SP_OK) {
            fail_msg("%s", err.text);
        }
        worst = fmax(worst, compare(&model.net, &batches[i], models[i].output, 1e-5, 0.0));
        sp_model_clear(&model);
        batch_clear(&batches[i]);
    }
    print_message("%d models, largest difference from onnxruntime %.2g\n", MODELS, worst);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wake_models),
        cmocka_unit_test(test_random_models),
    };
    return cmocka_run_group_tests_name("onnx/onnxruntime_cells", tests, NULL, NULL);
}
