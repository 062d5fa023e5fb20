/* The installed interface, used as a stranger would: only its own header and its own texts. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "include/soundproof.h"
#include "tests/certify/small.h"
#include "tests/support/files.h"
#include "tests/support/support.h"

enum { PATH = 1024 };

typedef struct files {
    char model[PATH], with_front[PATH], front[PATH], clip[PATH];
} files;

static void write_model(const char *name, char path[PATH], const char *front, size_t features) {
    const sp_test_onnx shape = {
        .features = features, .hidden = 5, .classes = 3, .seed = 11, .front = front};
    sp_bytes bytes = sp_test_onnx_bytes(&shape);
    sp_file_write(name, path, PATH, bytes.data, bytes.size);
    sp_bytes_clear(&bytes);
}

static void make_samples(int16_t samples[SMALL_SAMPLES]) {
    sp_rng rng;
    sp_rng_init(&rng, 5);
    for (size_t i = 0; i < SMALL_SAMPLES; i++) {
        samples[i] = (int16_t)sp_rng_uniform(&rng, -3000.0, 3000.0);
    }
}

static int make_files(void **state) {
    static files paths;
    int16_t samples[SMALL_SAMPLES];
    write_model("certify_soundproof.onnx", paths.model, NULL, SMALL_FEATURES);
    write_model("certify_soundproof_front.onnx", paths.with_front, small_front, SMALL_FEATURES);
    sp_file_write_text("certify_soundproof.json", paths.front, PATH, small_front);
    make_samples(samples);
    sp_bytes wav = sp_wav_bytes(samples, SMALL_SAMPLES, 1, SMALL_RATE);
    sp_file_write("2_certify_soundproof.wav", paths.clip, PATH, wav.data, wav.size);
    sp_bytes_clear(&wav);
    *state = &paths;
    return 0;
}

static soundproof *open_or_fail(const char *model, const char *front, const char *method) {
    soundproof *pipeline = soundproof_open(model, front, method);
    if (!pipeline) {
        fail_msg("%s", soundproof_last_error());
    }
    assert_string_equal(soundproof_last_error(), "");
    return pipeline;
}

/* The answer to the clip becomes the label that is certified. */
static void files_are_certified(void **state) {
    const files *paths = *state;
    soundproof_verdict verdict;
    soundproof *pipeline = open_or_fail(paths->model, paths->front, "exact");
    assert_int_equal(soundproof_classes(pipeline), 3);
    assert_int_equal(soundproof_sample_rate(pipeline), SMALL_RATE);
    if (soundproof_certify_file(pipeline, &verdict, paths->clip, "-120dB",
                                SOUNDPROOF_LABEL_PREDICTED)) {
        fail_msg("%s", soundproof_last_error());
    }
    assert_int_equal(verdict.outcome, SOUNDPROOF_CERTIFIED);
    assert_string_equal(soundproof_outcome_name(verdict.outcome), "certified");
    assert_int_equal(verdict.label, verdict.predicted);
    assert_int_equal(verdict.classes, 3);
    assert_int_equal(verdict.frames, 6); // floor((264 + 50 - 64) / 50) + 1
    assert_true(verdict.margin > 0.0);
    assert_true(verdict.budget_db == -120.0);
    assert_int_equal(verdict.vacuous, 1);
    assert_string_equal(verdict.reason, "");
    soundproof_verdict_clear(&verdict);
    soundproof_close(pipeline);
}

/* A front end inside the model, and samples in memory at another scale, give the same margin. */
static void two_ways_agree(void **state) {
    const files *paths = *state;
    int16_t samples[SMALL_SAMPLES];
    double scaled[SMALL_SAMPLES];
    soundproof_verdict from_file, from_memory;
    soundproof *pipeline = open_or_fail(paths->with_front, NULL, NULL);
    make_samples(samples);
    for (size_t i = 0; i < SMALL_SAMPLES; i++) {
        scaled[i] = samples[i] / 32768.0;
    }
    assert_int_equal(soundproof_certify_file(pipeline, &from_file, paths->clip, "-90dB", -1), 0);
    assert_int_equal(soundproof_certify_samples(pipeline, &from_memory, scaled, SMALL_SAMPLES,
                                                SMALL_RATE, 1.0, "-90dB", -1),
                     0);
    assert_true(from_file.margin == from_memory.margin);
    assert_true(from_file.eps == from_memory.eps);
    assert_true(isnan(from_memory.eps_lsb)); // samples in memory have no file format
    assert_false(isnan(from_file.eps_lsb));
    soundproof_verdict_clear(&from_file);
    soundproof_verdict_clear(&from_memory);
    soundproof_close(pipeline);
}

static void the_file_name_gives_the_label(void **state) {
    const files *paths = *state;
    soundproof_verdict verdict;
    soundproof *pipeline = open_or_fail(paths->with_front, NULL, "ibp");
    assert_int_equal(soundproof_certify_file(pipeline, &verdict, paths->clip, "-120dB",
                                             SOUNDPROOF_LABEL_OF_NAME),
                     0);
    assert_int_equal(verdict.label, 2);
    soundproof_verdict_clear(&verdict);
    for (long label = 0; label < 3; label++) {
        assert_int_equal(soundproof_certify_file(pipeline, &verdict, paths->clip, "-120dB", label),
                         0);
        assert_int_equal(verdict.outcome == SOUNDPROOF_MISCLASSIFIED, label != verdict.predicted);
        soundproof_verdict_clear(&verdict);
    }
    soundproof_close(pipeline);
}

static void open_fails(const char *model, const char *front, const char *method, const char *word) {
    assert_null(soundproof_open(model, front, method));
    const char *text = soundproof_last_error();
    if (!strstr(text, word) || strchr(text, '\n')) {
        fail_msg("'%s' is not one line that holds '%s'", text, word);
    }
}

static void bad_parts_are_named(void **state) {
    const files *paths = *state;
    char narrow[PATH];
    write_model("certify_soundproof_narrow.onnx", narrow, NULL, 7);
    open_fails("/nonexistent.onnx", paths->front, NULL, "/nonexistent.onnx");
    open_fails(paths->model, "/nonexistent.json", NULL, "/nonexistent.json");
    open_fails(paths->model, NULL, NULL, "front-end description");
    open_fails(paths->model, paths->front, "magic", "magic");
    open_fails(paths->clip, paths->front, NULL, paths->clip);
    open_fails(paths->model, paths->clip, NULL, paths->clip);
    open_fails(narrow, paths->front, NULL, "reads 7");
    open_fails(NULL, paths->front, NULL, "no model");
    soundproof_close(NULL);
}

static void must_fail(const soundproof *pipeline, const char *path, const char *budget, long label,
                      const char *word) {
    soundproof_verdict verdict;
    assert_int_not_equal(soundproof_certify_file(pipeline, &verdict, path, budget, label), 0);
    assert_int_equal(verdict.outcome, SOUNDPROOF_ERROR);
    assert_true(isnan(verdict.margin));
    if (!strstr(soundproof_last_error(), word)) {
        fail_msg("'%s' does not hold '%s'", soundproof_last_error(), word);
    }
    assert_string_equal(verdict.reason, soundproof_last_error());
    soundproof_verdict_clear(&verdict);
}

static void bad_calls_are_explained(void **state) {
    const files *paths = *state;
    const double sample = 1.0, bad[SMALL_SAMPLES] = {[3] = NAN};
    soundproof_verdict verdict;
    soundproof *pipeline = open_or_fail(paths->with_front, NULL, NULL);
    must_fail(pipeline, "/nonexistent.wav", "-70dB", -1, "/nonexistent.wav");
    must_fail(pipeline, paths->clip, "-banana", -1, "-banana");
    must_fail(pipeline, paths->clip, "-70dB", 3, "label 3");
    must_fail(pipeline, paths->model, "-70dB", -1, paths->model);
    assert_int_not_equal(
        soundproof_certify_samples(pipeline, &verdict, &sample, 1, SMALL_RATE, 1.0, "-70dB", -1),
        0);
    soundproof_verdict_clear(&verdict);
    assert_int_not_equal(
        soundproof_certify_samples(pipeline, &verdict, NULL, 0, SMALL_RATE, 1.0, "-70dB", -1), 0);
    soundproof_verdict_clear(&verdict);
    assert_int_not_equal(soundproof_certify_samples(pipeline, &verdict, bad, SMALL_SAMPLES,
                                                    SMALL_RATE, 1.0, "-70dB", -1),
                         0);
    soundproof_verdict_clear(&verdict);
    assert_int_not_equal(soundproof_certify_samples(pipeline, &verdict, bad, SMALL_SAMPLES,
                                                    SMALL_RATE, NAN, "-70dB", -1),
                         0);
    soundproof_verdict_clear(&verdict);
    soundproof_close(pipeline);
}

/* Nothing changes the answer in the last bits; the loudest noise does, and its file is heard so. */
static void attacks_leave_the_file_that_breaks(void **state) {
    const files *paths = *state;
    char out[PATH];
    soundproof_verdict verdict;
    int answer = 7;
    soundproof *pipeline = open_or_fail(paths->with_front, NULL, NULL);
    sp_test_scratch("certify_soundproof_out.wav", out, PATH);
    assert_int_equal(
        soundproof_attack_file(pipeline, &verdict, &answer, paths->clip, "-120dB", -1, NULL), 0);
    assert_int_equal(verdict.outcome, SOUNDPROOF_UNKNOWN);
    assert_int_equal(answer, -1);
    soundproof_verdict_clear(&verdict);
    assert_int_equal(
        soundproof_attack_file(pipeline, &verdict, &answer, paths->clip, "0dB", -1, out), 0);
    assert_int_equal(verdict.outcome, SOUNDPROOF_BROKEN);
    assert_int_not_equal(answer, verdict.predicted);
    assert_true(verdict.margin < 0.0);
    soundproof_verdict_clear(&verdict);
    assert_int_equal(soundproof_certify_file(pipeline, &verdict, out, "-120dB", -1), 0);
    assert_int_equal(verdict.predicted, answer);
    soundproof_verdict_clear(&verdict);
    assert_int_not_equal(
        soundproof_attack_file(pipeline, &verdict, &answer, "/nonexistent.wav", "0dB", -1, NULL),
        0);
    assert_int_equal(verdict.outcome, SOUNDPROOF_ERROR);
    assert_int_equal(answer, -1);
    soundproof_verdict_clear(&verdict);
    soundproof_close(pipeline);
}

static void the_version_is_a_number(void **state) {
    (void)state;
    assert_true(soundproof_version()[0] >= '0' && soundproof_version()[0] <= '9');
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_are_certified),
        cmocka_unit_test(two_ways_agree),
        cmocka_unit_test(the_file_name_gives_the_label),
        cmocka_unit_test(bad_parts_are_named),
        cmocka_unit_test(bad_calls_are_explained),
        cmocka_unit_test(the_version_is_a_number),
        cmocka_unit_test(attacks_leave_the_file_that_breaks),
    };
    return cmocka_run_group_tests(tests, make_files, NULL);
}
