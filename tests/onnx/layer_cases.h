/* Files with layers between the input and the logits: each is read, its network agrees with the
 * file's own graph, and with onnxruntime where that is there. */
#ifndef SP_TESTS_ONNX_LAYER_CASES_H
#define SP_TESTS_ONNX_LAYER_CASES_H

#include "tests/onnx/onnxruntime.h"

enum { D = 4, H = 3, C = 2, STEPS = 9, MOST_CASES = 40 };

/** sp_layer_case - a file: nodes from "x" [1, T, D] to "y", 1 x C. steps: fixed, or 0. */
typedef struct sp_layer_case {
    const char *name;
    size_t steps;
    void (*add)(om *m);
} sp_layer_case;

static sp_rng rng;

static inline void reals(om *m, const char *name, const char *shape, size_t count) {
    double *values = om_take(m, count, sizeof *values);
    om_random(&rng, values, count);
    om_reals(m, name, shape, values);
}

/* y = the `width` numbers of v [1, width], dense. */
static inline void classify(om *m, const char *v, size_t width) {
    char shape[32], inputs[64];
    snprintf(shape, sizeof shape, "%zux%d", width, C);
    reals(m, "head", shape, width * C);
    reals(m, "head bias", "2", C);
    snprintf(inputs, sizeof inputs, "%s,head,head bias", v);
    om_node(m, "Gemm", inputs, "y");
}

static inline void ints(om *m, Onnx__NodeProto *node, const char *name, size_t n,
                        const int64_t *v) {
    om_ints(m, node, name, n, v);
}

static inline void last_step(om *m, const char *x, const char *to) {
    char inputs[64];
    snprintf(inputs, sizeof inputs, "%s,last", x);
    om_whole(m, "last", -1);
    om_int(m, om_node(m, "Gather", inputs, to), "axis", 1);
}

/* v [1, T, width] -> the classes of its last step */
static inline void classify_last(om *m, const char *v, size_t width) {
    last_step(m, v, "last row");
    classify(m, "last row", width);
}

static inline om *make_file(const sp_layer_case *c) {
    char shape[32];
    om *m = om_new(20);
    snprintf(shape, sizeof shape, c->steps > 0 ? "1 x %d x 4" : "1 x T x 4", STEPS);
    om_input(m, "x", shape);
    c->add(m);
    om_output(m, "y");
    return m;
}

/* Each is read, and agrees with its own graph. */
static inline void check_graphs(const sp_layer_case *cases, size_t count) {
    sp_rng_init(&rng, sp_test_seed());
    for (size_t i = 0; i < count; i++) {
        sp_model model;
        om_accept(make_file(&cases[i]), &model);
        assert_int_equal(model.net.classes, C);
        assert_int_equal(model.net.steps, cases[i].steps);
        assert_true(model.agreement <= 1e-9);
        sp_model_clear(&model);
    }
}

/* Logits of files without a head, on inputs of several lengths. */
static inline void compare_files(const sp_layer_case *cases, size_t count, const char *what) {
    const char *interpreter = python();
    static batch batches[MOST_CASES];
    static char path[MOST_CASES][3][512];
    char jobs[512], jobs_name[64];
    assert_true(count <= MOST_CASES);
    sp_rng_init(&rng, sp_test_seed());
    snprintf(jobs_name, sizeof jobs_name, "test_%s.jobs", what);
    sp_test_scratch(jobs_name, jobs, sizeof jobs);
    FILE *list = fopen(jobs, "w");
    assert_non_null(list);
    for (size_t i = 0; i < count; i++) {
        static const char *const ends[3] = {"onnx", "features", "logits"};
        for (size_t k = 0; k < 3; k++) {
            char name[96];
            snprintf(name, sizeof name, "test_%s-%s.%s", what, cases[i].name, ends[k]);
            sp_test_scratch(name, path[i][k], sizeof path[i][k]);
        }
        size_t size = 0;
        om *m = make_file(&cases[i]);
        uint8_t *data = om_pack(m, &size);
        om_free(m);
        FILE *file = fopen(path[i][0], "wb");
        assert_non_null(file);
        assert_int_equal(fwrite(data, 1, size, file), size);
        assert_int_equal(fclose(file), 0);
        free(data);
        batches[i].width = D;
        for (size_t k = 0; k < 4; k++) {
            double features[12 * D];
            const size_t steps = cases[i].steps > 0 ? cases[i].steps : 3 + 3 * k;
            om_random(&rng, features, steps * D);
            batch_add(&batches[i], features, steps);
        }
        batch_write(&batches[i], path[i][1]);
        fprintf(list, "%s\t%s\t%s\t1,T,%d\n", path[i][0], path[i][1], path[i][2], D);
    }
    assert_int_equal(fclose(list), 0);
    run_jobs(interpreter, jobs);
    double worst = 0.0;
    for (size_t i = 0; i < count; i++) {
        sp_error err = {0};
        sp_model model;
        if (sp_model_read(&err, &model, path[i][0]) != SP_OK) {
            fail_msg("%s", err.text);
        }
        if (strcmp(cases[i].name, "log-softmax") != 0) { // whose probabilities are not the logits
            worst = fmax(worst, compare(&model.net, &batches[i], path[i][2], 1e-5, 1e-5));
        }
        sp_model_clear(&model);
        batch_clear(&batches[i]);
    }
    print_message("%d models, largest difference from onnxruntime %.2g\n", (int)count, worst);
}

#endif
