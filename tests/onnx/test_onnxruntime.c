/* The networks that the reader makes against onnxruntime running the files themselves: FSDD on
 * every test clip, and random stacks in every way of writing them. tests/onnx/onnxruntime_env.sh
 * makes the Python environment; without it the tests are skipped. */
#include "audio/audio.h"
#include "preprocess/preprocess.h"
#include "tests/onnx/onnxruntime.h"
#include "tests/onnx/stack.h"
#include "tests/onnx/written.h"

enum { BANDS = 10, DIGITS = 10 };

/* ---- FSDD ---- */

static const char *const speakers[6] = {"george",  "jackson", "lucas",
                                        "nicolas", "theo",    "yweweler"};
// Clips that the network classifies correctly, of 50, as PROVER's code counts; -1: not known.
static const int known_correct[6] = {-1, 36, -1, 42, 45, 40};

static bool read_clip(const sp_front *front, batch *b, const char *relative) {
    size_t steps = 0;
    double *features = features_of(front, relative, &steps);
    if (features != NULL) {
        batch_add(b, features, steps);
        free(features);
    }
    return features != NULL;
}

/* Reads the test clips of one speaker (index 0 to 4 of every digit) and counts the correct ones. */
static void read_speaker(const sp_net *net, const sp_front *front, batch *b, size_t speaker) {
    size_t present = 0;
    int correct = 0;
    for (size_t i = 0; i < 50; i++) {
        char name[64];
        double logits[DIGITS];
        snprintf(name, sizeof name, "fsdd/%zu_%s_%zu.wav", i / 5, speakers[speaker], i % 5);
        if (!read_clip(front, b, name)) {
            continue;
        }
        run_net(net, b, b->clips - 1, logits);
        size_t best = 0;
        for (size_t k = 1; k < DIGITS; k++) {
            best = logits[k] > logits[best] ? k : best;
        }
        correct += best == i / 5;
        present++;
    }
    if (present == 50 && known_correct[speaker] >= 0) {
        assert_int_equal(correct, known_correct[speaker]);
    }
}

static void check_fsdd(const char *relative) {
    const char *interpreter = python();
    char model_path[512], front_path[512], features[512], logits[512], jobs[512];
    if (!sp_test_data(relative, model_path, sizeof model_path) ||
        !sp_test_data("fsdd-front.json", front_path, sizeof front_path)) {
        print_message("%s is absent: set SOUNDPROOF_DATA\n", relative);
        skip();
    }
    sp_error err = {0};
    sp_model model;
    sp_front *front = NULL;
    assert_int_equal(sp_model_read(&err, &model, model_path), SP_OK);
    assert_int_equal(sp_front_read(&err, &front, front_path), SP_OK);
    assert_int_equal(model.net.features, BANDS);
    assert_int_equal(model.net.classes, DIGITS);
    batch *b = calloc(1, sizeof *b);
    assert_non_null(b);
    b->width = BANDS;
    for (size_t s = 0; s < 6; s++) {
        read_speaker(&model.net, front, b, s);
    }
    assert_true(b->clips > 0);
    sp_test_scratch("test_onnxruntime-fsdd.features", features, sizeof features);
    sp_test_scratch("test_onnxruntime-fsdd.logits", logits, sizeof logits);
    sp_test_scratch("test_onnxruntime-fsdd.jobs", jobs, sizeof jobs);
    batch_write(b, features);
    FILE *file = fopen(jobs, "w");
    assert_non_null(file);
    fprintf(file, "%s\t%s\t%s\tT,1,%d\n", model_path, features, logits, BANDS);
    assert_int_equal(fclose(file), 0);
    run_jobs(interpreter, jobs);
    const double worst = compare(&model.net, b, logits, 1e-5, 0.0);
    print_message("%s: %zu clips, largest difference from onnxruntime %.2g\n", relative, b->clips,
                  worst);
    batch_clear(b);
    free(b);
    sp_front_destroy(front);
    sp_model_clear(&model);
}

static void test_fsdd(void **state) {
    (void)state;
    check_fsdd("models/fsdd.onnx");
}

static void test_fsdd_opset13(void **state) {
    (void)state;
    check_fsdd("models/fsdd-opset13.onnx");
}

/* ---- random models ---- */

typedef struct random_model {
    size_t features, classes, steps; /* steps: 0 any */
    char shape[64];                  /* for onnxruntime_logits.py */
    char model[512], input[512], logits[512];
} random_model;

static void dense(om *m, sp_rng *rng, const char *x, const char *y, size_t in, size_t out,
                  bool gemm) {
    double *w = om_take(m, in * out, sizeof *w), *b = om_take(m, out, sizeof *b);
    char names[3][32], shape[48], inputs[128], product[40];
    om_random(rng, w, in * out);
    om_random(rng, b, out);
    snprintf(names[0], sizeof names[0], "%.20s.weight", y);
    snprintf(names[1], sizeof names[1], "%.20s.bias", y);
    const bool transposed = gemm && sp_rng_below(rng, 2) > 0;
    snprintf(shape, sizeof shape, "%zux%zu", transposed ? out : in, transposed ? in : out);
    om_reals(m, names[0], shape, w);
    snprintf(shape, sizeof shape, "%zu", out);
    om_reals(m, names[1], shape, b);
    if (gemm) {
        snprintf(inputs, sizeof inputs, "%s,%s,%s", x, names[0], names[1]);
        Onnx__NodeProto *node = om_node(m, "Gemm", inputs, y);
        om_int(m, node, "transB", transposed);
        om_float(m, node, "alpha", sp_rng_uniform(rng, 0.5, 1.5));
        om_float(m, node, "beta", sp_rng_uniform(rng, -1.5, 1.5));
        return;
    }
    snprintf(product, sizeof product, "%.20s.product", y);
    snprintf(inputs, sizeof inputs, "%s,%s", x, names[0]);
    om_node(m, "MatMul", inputs, product);
    const bool first = sp_rng_below(rng, 2) > 0;
    snprintf(inputs, sizeof inputs, "%s,%s", first ? product : names[1],
             first ? names[1] : product);
    om_node(m, "Add", inputs, y);
}

/* Dense and ReLU layers, up to three LSTMs, a way of reading out, ReLU and a dense layer. */
static om *random_model_make(sp_rng *rng, random_model *r) {
    char shape[64];
    sp_net unused;
    const size_t layers = sp_rng_below(rng, 4), hidden = 1 + sp_rng_below(rng, 6);
    const bool batch_first = sp_rng_below(rng, 3) == 0, before = sp_rng_below(rng, 2) > 0;
    r->features = 1 + sp_rng_below(rng, 5);
    r->classes = 1 + sp_rng_below(rng, 4);
    r->steps = sp_rng_below(rng, 4) == 0 ? 2 + sp_rng_below(rng, 8) : 0;
    char length[24] = "T";
    if (r->steps > 0) {
        snprintf(length, sizeof length, "%zu", r->steps);
    }
    const char *x = batch_first ? "xt" : "x";
    om *m = om_new(13 + (int64_t)sp_rng_below(rng, 5));
    snprintf(shape, sizeof shape, batch_first ? "batch x %s x %zu" : "%s x batch x %zu", length,
             r->features);
    om_input(m, "x", shape);
    snprintf(r->shape, sizeof r->shape, batch_first ? "1,T,%zu" : "T,1,%zu", r->features);
    if (batch_first) {
        om_ints(m, om_node(m, "Transpose", "x", "xt"), "perm", 3, (const int64_t[]){1, 0, 2});
    }
    size_t width = r->features;
    if (before || layers == 0) {
        dense(m, rng, x, "d", width, hidden, false);
        om_node(m, "Relu", "d", layers == 0 ? "S0" : "c");
        x = "c";
        width = hidden;
    }
    const read_out way = (read_out)sp_rng_below(rng, layers == 0 ? READ_STATES : (size_t)READ_WAYS);
    assert_int_equal(sp_net_init(NULL, &unused, width), SP_OK);
    if (layers > 0) {
        torch_states(m, x, layers, hidden);
        torch_stack(m, rng, &unused, x, layers, width, hidden);
    }
    sp_net_clear(&unused);
    read_out_by(m, layers > 0 ? layers : 1, hidden, way);
    const bool relu = sp_rng_below(rng, 2) > 0;
    if (relu) {
        om_node(m, "Relu", "v", "vr");
    }
    dense(m, rng, relu ? "vr" : "v", "logits", hidden, r->classes, true);
    om_output(m, "logits");
    return m;
}

static void name_files(random_model *r, const char *kind, size_t index) {
    char name[64];
    snprintf(name, sizeof name, "test_onnxruntime-%s-%zu.onnx", kind, index);
    sp_test_scratch(name, r->model, sizeof r->model);
    snprintf(name, sizeof name, "test_onnxruntime-%s-%zu.features", kind, index);
    sp_test_scratch(name, r->input, sizeof r->input);
    snprintf(name, sizeof name, "test_onnxruntime-%s-%zu.logits", kind, index);
    sp_test_scratch(name, r->logits, sizeof r->logits);
}

static void random_batch(sp_rng *rng, const random_model *r, batch *b) {
    b->width = r->features;
    for (size_t k = 0; k < 5; k++) {
        double features[12 * 8];
        const size_t steps = r->steps > 0 ? r->steps : 1 + sp_rng_below(rng, 12);
        om_random(rng, features, steps * r->features);
        batch_add(b, features, steps);
    }
    batch_write(b, r->input);
}

static void random_model_write(sp_rng *rng, random_model *r, batch *b, size_t index) {
    name_files(r, "random", index);
    om *m = random_model_make(rng, r);
    size_t size;
    uint8_t *data = om_pack(m, &size);
    om_free(m);
    FILE *file = fopen(r->model, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
    free(data);
    random_batch(rng, r, b);
}

static void test_random_models(void **state) {
    (void)state;
    enum { MODELS = 60 };
    const char *interpreter = python();
    static random_model models[MODELS];
    static batch batches[MODELS];
    char jobs[512];
    sp_rng rng;
    sp_rng_init(&rng, sp_test_seed());
    sp_test_scratch("test_onnxruntime-random.jobs", jobs, sizeof jobs);
    FILE *file = fopen(jobs, "w");
    assert_non_null(file);
    for (size_t i = 0; i < MODELS; i++) {
        random_model_write(&rng, &models[i], &batches[i], i);
        fprintf(file, "%s\t%s\t%s\t%s\n", models[i].model, models[i].input, models[i].logits,
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
        assert_int_equal(model.net.classes, models[i].classes);
        assert_int_equal(model.net.steps, models[i].steps);
        // Weights of size 1 make float32 lose more than in a trained network.
        worst = fmax(worst, compare(&model.net, &batches[i], models[i].logits, 1e-4, 1e-5));
        sp_model_clear(&model);
        batch_clear(&batches[i]);
    }
    print_message("%d models, largest difference from onnxruntime %.2g\n", MODELS, worst);
}

/* ---- models that soundproof writes ---- */

static void test_written_models(void **state) {
    (void)state;
    const char *interpreter = python();
    static random_model models[WRITTEN];
    static batch batches[WRITTEN];
    static sp_net nets[WRITTEN];
    char jobs[512];
    sp_rng rng;
    sp_rng_init(&rng, sp_test_seed() + 1);
    sp_test_scratch("test_onnxruntime-written.jobs", jobs, sizeof jobs);
    FILE *file = fopen(jobs, "w");
    assert_non_null(file);
    for (size_t i = 0; i < WRITTEN; i++) {
        written_net(&rng, &nets[i], written_stacks[i]);
        models[i].features = nets[i].features;
        name_files(&models[i], "written", i);
        assert_int_equal(sp_model_write(NULL, models[i].model, &nets[i], NULL, 0), SP_OK);
        random_batch(&rng, &models[i], &batches[i]);
        fprintf(file, "%s\t%s\t%s\tT,1,%zu\n", models[i].model, models[i].input, models[i].logits,
                nets[i].features);
    }
    assert_int_equal(fclose(file), 0);
    run_jobs(interpreter, jobs);
    double worst = 0.0;
    for (size_t i = 0; i < WRITTEN; i++) {
        worst = fmax(worst, compare(&nets[i], &batches[i], models[i].logits, 1e-4, 1e-5));
        sp_net_clear(&nets[i]);
        batch_clear(&batches[i]);
    }
    print_message("%d models, largest difference from onnxruntime %.2g\n", (int)WRITTEN, worst);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fsdd),
        cmocka_unit_test(test_fsdd_opset13),
        cmocka_unit_test(test_random_models),
        cmocka_unit_test(test_written_models),
    };
    return cmocka_run_group_tests_name("onnx/onnxruntime", tests, NULL, NULL);
}
