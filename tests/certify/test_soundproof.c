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

/* ---- the long form ---- */

static soundproof_clip *read_or_fail(const soundproof *pipeline, const char *path) {
    soundproof_clip *clip = soundproof_clip_read(pipeline, path);
    if (!clip) {
        fail_msg("%s", soundproof_last_error());
    }
    return clip;
}

static void expect_refusal(const soundproof *pipeline, const soundproof_clip *clip,
                           const soundproof_query *query, const char *words) {
    soundproof_verdict verdict;
    assert_int_not_equal(soundproof_certify(pipeline, &verdict, clip, query), 0);
    assert_int_equal(verdict.outcome, SOUNDPROOF_ERROR);
    assert_non_null(strstr(verdict.reason, words));
    assert_string_equal(verdict.reason, soundproof_last_error());
    soundproof_verdict_clear(&verdict);
}

static void long_and_short_forms_agree(void **state) {
    const files *paths = *state;
    soundproof *pipeline = open_or_fail(paths->model, paths->front, "exact");
    soundproof_clip *clip = read_or_fail(pipeline, paths->clip);
    soundproof_query query;
    soundproof_verdict brief, verdict;
    double logits[3];
    soundproof_query_init(&query);
    query.budget = "-120dB";
    assert_int_equal(soundproof_certify_file(pipeline, &brief, paths->clip, "-120dB", query.label),
                     0);
    assert_int_equal(soundproof_certify(pipeline, &verdict, clip, &query), 0);
    assert_true(verdict.margin == brief.margin && verdict.outcome == brief.outcome);
    assert_int_equal(soundproof_logits(pipeline, logits, clip), 0);
    assert_memory_equal(logits, verdict.logits, sizeof logits);
    assert_int_equal(soundproof_clip_size(clip), SMALL_SAMPLES);
    soundproof_verdict_clear(&brief);
    soundproof_verdict_clear(&verdict);
    soundproof_clip_free(clip);
    soundproof_close(pipeline);
}

/* A larger set has smaller margins. */
static void norms_hold_one_another(void **state) {
    static const char *const norm[3] = {"1", "2", "inf"};
    const files *paths = *state;
    soundproof *pipeline = open_or_fail(paths->model, paths->front, "exact");
    soundproof_clip *clip = read_or_fail(pipeline, paths->clip);
    double margin[3];
    for (size_t i = 0; i < 3; i++) {
        soundproof_query query;
        soundproof_verdict verdict;
        soundproof_query_init(&query);
        query.budget = "0.5lsb";
        query.norm = norm[i];
        assert_int_equal(soundproof_certify(pipeline, &verdict, clip, &query), 0);
        margin[i] = verdict.margin;
        soundproof_verdict_clear(&verdict);
    }
    assert_true(margin[0] > margin[1] && margin[1] > margin[2]);
    soundproof_clip_free(clip);
    soundproof_close(pipeline);
}

static void queries_of_older_programs_are_read(void **state) {
    const files *paths = *state;
    soundproof *pipeline = open_or_fail(paths->model, paths->front, "exact");
    soundproof_clip *clip = read_or_fail(pipeline, paths->clip);
    soundproof_query query;
    soundproof_verdict verdict;
    soundproof_query_start(&query, offsetof(soundproof_query, tolerance));
    query.budget = "-120dB";
    query.tolerance = NAN; // beyond what an older header knows
    assert_int_equal(soundproof_certify(pipeline, &verdict, clip, &query), 0);
    assert_int_equal(verdict.outcome, SOUNDPROOF_CERTIFIED);
    soundproof_verdict_clear(&verdict);
    double certified = 0.0, broken = 0.0;
    assert_int_equal(soundproof_radius(pipeline, &verdict, &certified, &broken, clip, &query), 0);
    assert_true(certified < broken);
    soundproof_verdict_clear(&verdict);
    query.size = 3;
    expect_refusal(pipeline, clip, &query, "soundproof_query_init");
    soundproof_clip_free(clip);
    soundproof_close(pipeline);
}

static void queries_that_ask_for_nothing_are_refused(void **state) {
    const files *paths = *state;
    soundproof *pipeline = open_or_fail(paths->model, paths->front, "exact");
    soundproof_clip *clip = read_or_fail(pipeline, paths->clip);
    soundproof_query query;
    soundproof_query_init(&query);
    expect_refusal(pipeline, clip, &query, "no budget");
    query.budget = "-120dB";
    query.norm = "7";
    expect_refusal(pipeline, clip, &query, "inf, 2 or 1");
    query.norm = NULL;
    query.timeout = -1.0;
    expect_refusal(pipeline, clip, &query, "time limits");
    assert_null(soundproof_clip_read(pipeline, "absent.wav"));
    assert_non_null(strstr(soundproof_last_error(), "absent.wav"));
    soundproof_clip_free(NULL);
    soundproof_clip_free(clip);
    soundproof_close(pipeline);
}

typedef struct seen {
    const double *at; /* [frames, SMALL_FEATURES] of a clip in the set */
    size_t features, logits;
    bool inside;
    int end;
} seen;

static int see(void *context, size_t node, const char *kind, size_t frame, size_t width,
               const double *lo, const double *hi) {
    seen *s = context;
    for (size_t i = 0; i < width; i++) {
        s->inside = s->inside && lo[i] <= hi[i];
        if (node == 0) {
            const double x = s->at[frame * width + i];
            s->inside = s->inside && lo[i] <= x && x <= hi[i];
        }
    }
    s->features += node == 0;
    s->logits += width == 3;
    assert_true(strcmp(kind, "features") == 0 ? node == 0 : node > 0);
    return s->end;
}

static void boxes_hold_the_clip_without_noise(void **state) {
    const files *paths = *state;
    soundproof *pipeline = open_or_fail(paths->model, paths->front, "exact");
    soundproof_clip *clip = read_or_fail(pipeline, paths->clip);
    soundproof_query query;
    size_t frames = 0, width = 0;
    double *features = NULL;
    soundproof_query_init(&query);
    query.budget = "-60dB";
    assert_int_equal(soundproof_features(pipeline, &features, &frames, &width, clip), 0);
    seen all = {.at = features, .inside = true};
    assert_int_equal(soundproof_bounds(pipeline, clip, &query, see, &all), 0);
    assert_true(all.inside);
    assert_int_equal(all.features, frames);
    assert_int_equal(all.logits, 1);
    seen first = {.at = features, .inside = true, .end = 77};
    assert_int_equal(soundproof_bounds(pipeline, clip, &query, see, &first), 77);
    assert_int_equal(first.features, 1);
    soundproof_free(features);
    soundproof_clip_free(clip);
    soundproof_close(pipeline);
}

static void stopped_calls_say_so_and_later_ones_work(void **state) {
    const files *paths = *state;
    soundproof *pipeline = open_or_fail(paths->model, paths->front, "exact");
    soundproof_clip *clip = read_or_fail(pipeline, paths->clip);
    soundproof_query query;
    soundproof_verdict verdict;
    soundproof_query_init(&query);
    query.budget = "-120dB";
    soundproof_stop(1);
    assert_int_not_equal(soundproof_certify(pipeline, &verdict, clip, &query), 0);
    assert_int_equal(verdict.outcome, SOUNDPROOF_TIMEOUT);
    soundproof_verdict_clear(&verdict);
    soundproof_stop(0);
    assert_int_equal(soundproof_certify(pipeline, &verdict, clip, &query), 0);
    assert_int_equal(verdict.outcome, SOUNDPROOF_CERTIFIED);
    soundproof_verdict_clear(&verdict);
    soundproof_clip_free(clip);
    soundproof_close(pipeline);
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
        cmocka_unit_test(long_and_short_forms_agree),
        cmocka_unit_test(norms_hold_one_another),
        cmocka_unit_test(queries_of_older_programs_are_read),
        cmocka_unit_test(queries_that_ask_for_nothing_are_refused),
        cmocka_unit_test(boxes_hold_the_clip_without_noise),
        cmocka_unit_test(stopped_calls_say_so_and_later_ones_work),
    };
    return cmocka_run_group_tests(tests, make_files, NULL);
}
