/* Running models in onnxruntime, and comparing the networks that the reader makes with it. */
#ifndef SP_TESTS_ONNX_ONNXRUNTIME_H
#define SP_TESTS_ONNX_ONNXRUNTIME_H

#include <math.h>
#include <unistd.h>

#include "audio/audio.h"
#include "base/file.h"
#include "preprocess/preprocess.h"
#include "tests/onnx/build.h"
#include "tests/support/process.h"

enum { MOST_CLIPS = 1200 };

/* The environment's Python; the test ends as skipped when it is absent. */
static inline const char *python(void) {
    const char *path = getenv("SOUNDPROOF_ONNXRUNTIME_PYTHON");
    path = path ? path : "build/onnxruntime-env/bin/python";
    if (access(path, X_OK) != 0) {
        print_message(
            "onnxruntime is absent: tests/onnx/onnxruntime_env.sh installs it from PyPI\n");
        skip();
    }
    return path;
}

static inline void run_jobs(const char *interpreter, const char *jobs) {
    const char *arguments[] = {interpreter, "tests/onnx/onnxruntime_logits.py", jobs, NULL};
    sp_process process = sp_process_run("test_onnxruntime", arguments);
    if (process.code != 0) {
        fail_msg("onnxruntime ended with %d: %s", process.code, process.err);
    }
    sp_process_clear(&process);
}

/* ---- features ---- */

/* Clips one after another, as onnxruntime_logits.py reads them; numbers that a float holds. */
typedef struct batch {
    size_t width, clips, steps[MOST_CLIPS];
    float *features[MOST_CLIPS]; /* [steps, width] owned */
} batch;

static inline void batch_add(batch *b, const double *features, size_t steps) {
    float *copy = malloc(steps * b->width * sizeof *copy);
    assert_non_null(copy);
    assert_true(b->clips < MOST_CLIPS);
    for (size_t i = 0; i < steps * b->width; i++) {
        copy[i] = (float)features[i];
    }
    b->steps[b->clips] = steps;
    b->features[b->clips++] = copy;
}

/* [steps, features] of a recording below SOUNDPROOF_DATA, to be freed; NULL: it is absent. */
static inline double *features_of(const sp_front *front, const char *name, size_t *steps) {
    char path[512];
    if (!sp_test_data(name, path, sizeof path)) {
        return NULL;
    }
    sp_error err = {0};
    sp_clip clip;
    const sp_front_layout *layout = sp_front_layout_of(front);
    const sp_clip_options options = {.rate = layout->sample_rate, .full_scale = layout->full_scale};
    if (sp_clip_read(&err, &clip, path, &options) != SP_OK) {
        fail_msg("%s", err.text);
    }
    *steps = sp_front_frames(front, clip.n);
    double *features = malloc(*steps * layout->features * sizeof *features);
    assert_non_null(features);
    assert_int_equal(sp_front_run(&err, front, features, clip.samples, clip.n), SP_OK);
    sp_clip_clear(&clip);
    return features;
}

static inline void batch_write(const batch *b, const char *path) {
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    const int32_t clips = (int32_t)b->clips;
    assert_int_equal(fwrite(&clips, sizeof clips, 1, file), 1);
    for (size_t k = 0; k < b->clips; k++) {
        const int32_t steps = (int32_t)b->steps[k];
        const size_t count = b->steps[k] * b->width;
        assert_int_equal(fwrite(&steps, sizeof steps, 1, file), 1);
        assert_int_equal(fwrite(b->features[k], sizeof(float), count, file), count);
    }
    assert_int_equal(fclose(file), 0);
}

static inline void batch_clear(batch *b) {
    for (size_t k = 0; k < b->clips; k++) {
        free(b->features[k]);
    }
    memset(b, 0, sizeof *b);
}

static inline void run_net(const sp_net *net, const batch *b, size_t clip, double *logits) {
    double *features = malloc(b->steps[clip] * b->width * sizeof *features);
    sp_error err = {0};
    assert_non_null(features);
    for (size_t i = 0; i < b->steps[clip] * b->width; i++) {
        features[i] = b->features[clip][i];
    }
    if (sp_net_run(&err, net, logits, features, b->steps[clip]) != SP_OK) {
        fail_msg("%s", err.text);
    }
    free(features);
}

/* What the file's head makes of the logits. */
static inline void apply_head(const sp_net *net, double *values) {
    double sum = 0.0;
    for (size_t k = 0; k < net->classes; k++) {
        values[k] = net->sigmoid   ? 1.0 / (1.0 + exp(-values[k]))
                    : net->softmax ? exp(values[k])
                                   : values[k];
        sum += values[k];
    }
    for (size_t k = 0; net->softmax && k < net->classes; k++) {
        values[k] /= sum;
    }
}

/* Compares all outputs with those in the file; returns the largest difference. */
static inline double compare(const sp_net *net, const batch *b, const char *path, double tolerance,
                             double relative) {
    char *data = NULL;
    size_t size = 0;
    double *logits = malloc(net->classes * sizeof *logits), worst = 0.0;
    assert_non_null(logits);
    assert_int_equal(sp_file_read(NULL, &data, &size, path, (size_t)1 << 28), SP_OK);
    assert_int_equal(size, b->clips * net->classes * sizeof(double));
    for (size_t k = 0; k < b->clips; k++) {
        run_net(net, b, k, logits);
        apply_head(net, logits);
        for (size_t j = 0; j < net->classes; j++) {
            double theirs;
            memcpy(&theirs, data + (k * net->classes + j) * sizeof theirs, sizeof theirs);
            const double difference = fabs(logits[j] - theirs);
            if (!(difference <= tolerance + relative * fabs(logits[j]))) {
                fail_msg("%s: clip %zu, output %zu: %.9g, onnxruntime %.9g", path, k, j, logits[j],
                         theirs);
            }
            worst = fmax(worst, difference);
        }
    }
    free(logits);
    free(data);
    return worst;
}

#endif
