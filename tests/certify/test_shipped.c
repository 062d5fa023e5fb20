/* The models under examples/models/: what they say about themselves, and how they do on the test
 * clips of FSDD that are in SOUNDPROOF_DATA. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "certify/attack/attack.h"
#include "onnx/onnx.h"
#include "tests/support/support.h"

enum { PLAIN, CERTIFIED, LOUD, LSTM, MODELS };
static const struct {
    const char *path;
    bool r2s, gain; /* R2's architecture; clips are brought to one peak */
} models[MODELS] = {[PLAIN] = {"examples/models/fsdd-plain.onnx", true, false},
                    [CERTIFIED] = {"examples/models/fsdd-certified.onnx", true, false},
                    [LOUD] = {"examples/models/fsdd-loud.onnx", false, true},
                    [LSTM] = {"examples/models/fsdd-lstm.onnx", true, true}};
static const char *const speakers[] = {"george", "jackson", "lucas", "nicolas", "theo", "yweweler"};
enum { SPEAKERS = 6, TAKES = 5, DIGITS = 10, PROVED = 10 }; /* PROVED: clips that are certified */

typedef struct shipped {
    sp_model model;
    sp_front *front;
} shipped;

static void open_shipped(shipped *s, const char *path) {
    sp_error err = {0};
    if (sp_model_read(&err, &s->model, path) != SP_OK) {
        fail_msg("%s", err.text);
    }
    assert_non_null(s->model.front);
    assert_int_equal(sp_front_parse(&err, &s->front, s->model.front, strlen(s->model.front), path),
                     SP_OK);
}

static void close_shipped(shipped *s) {
    sp_front_destroy(s->front);
    sp_model_clear(&s->model);
}

/* R2's architecture, its front end, and a history. */
static void models_know_where_they_come_from(void **state) {
    (void)state;
    static const sp_node_kind kinds[] = {SP_NODE_INPUT, SP_NODE_AFFINE, SP_NODE_CURVE, SP_NODE_CELL,
                                         SP_NODE_CELL,  SP_NODE_POOL,   SP_NODE_AFFINE};
    static const size_t width[] = {10, 40, 40, 32, 32, 32, 10};
    for (size_t i = 0; i < MODELS; i++) {
        shipped s;
        sp_json *root = NULL;
        double accuracy = 0.0;
        const char *text = NULL;
        open_shipped(&s, models[i].path);
        const sp_front_layout *layout = sp_front_layout_of(s.front);
        assert_int_equal(layout->frame, 256);
        assert_int_equal(layout->step, 200);
        assert_int_equal(layout->features, 10);
        assert_true(layout->peak == (models[i].gain ? 20000.0 : 0.0));
        assert_int_equal(s.model.net.nodes, models[i].r2s ? 7 : 9);
        for (size_t n = 0; n < 7 && models[i].r2s; n++) {
            assert_int_equal(s.model.net.node[n].kind, kinds[n]);
            assert_int_equal(s.model.net.node[n].width, width[n]);
        }
        assert_non_null(s.model.training);
        assert_int_equal(sp_json_parse(NULL, &root, s.model.training, strlen(s.model.training)),
                         SP_OK);
        assert_int_equal(sp_json_text(NULL, &text, root, "data_sha256"), SP_OK);
        assert_int_equal(strlen(text), 64);
        assert_int_equal(sp_json_text(NULL, &text, root, "defence"), SP_OK);
        assert_string_equal(text, i == PLAIN ? "none" : "certified");
        assert_int_equal(sp_json_number(NULL, &accuracy, root, "test_accuracy"), SP_OK);
        assert_true(accuracy >= 0.95);
        sp_json_destroy(root);
        close_shipped(&s);
    }
}

/* Clip `take` of a digit and a speaker; false: absent. */
static bool read_clip(sp_clip *clip, const sp_front *front, size_t digit, size_t speaker,
                      size_t take) {
    char name[64], path[512];
    const sp_front_layout *layout = sp_front_layout_of(front);
    const sp_clip_options options = {.rate = layout->sample_rate, .full_scale = layout->full_scale};
    snprintf(name, sizeof name, "fsdd/%zu_%s_%zu.wav", digit, speakers[speaker], take);
    return sp_test_data(name, path, sizeof path) &&
           sp_clip_read(NULL, clip, path, &options) == SP_OK;
}

static bool answers_rightly(const shipped *s, const sp_clip *clip, size_t digit) {
    double features[100 * 10], logits[DIGITS];
    bool tie = false;
    const size_t frames = sp_front_frames(s->front, clip->n);
    assert_true(frames <= 100);
    assert_int_equal(sp_front_run(NULL, s->front, features, clip->samples, clip->n), SP_OK);
    assert_int_equal(sp_net_run(NULL, &s->model.net, logits, features, frames), SP_OK);
    return sp_prediction(logits, DIGITS, &tie) == digit;
}

static void test_clips_are_recognised(void **state) {
    (void)state;
    for (size_t i = 0; i < MODELS; i++) {
        shipped s;
        size_t heard = 0, right = 0;
        open_shipped(&s, models[i].path);
        for (size_t k = 0; k < DIGITS * SPEAKERS * TAKES; k++) {
            sp_clip clip;
            const size_t digit = k / (SPEAKERS * TAKES);
            if (read_clip(&clip, s.front, digit, k / TAKES % SPEAKERS, k % TAKES)) {
                right += answers_rightly(&s, &clip, digit);
                heard++;
                sp_clip_clear(&clip);
            }
        }
        close_shipped(&s);
        if (heard == 0) {
            print_message("no test clips of FSDD: set SOUNDPROOF_DATA\n");
            skip();
        }
        print_message("%s: %zu of %zu test clips\n", models[i].path, right, heard);
        assert_true((double)right >= 0.95 * (double)heard);
    }
}

static size_t count_certified(const char *path, double db) {
    shipped s;
    sp_pipeline pipeline;
    size_t certified = 0;
    const sp_budget budget = {.unit = SP_BUDGET_DB_PEAK, .value = db};
    const sp_method *exact = sp_method_find("exact");
    open_shipped(&s, path);
    assert_int_equal(sp_pipeline_init(NULL, &pipeline, &s.model.net, s.front, exact, exact->front),
                     SP_OK);
    for (size_t digit = 0; digit < PROVED; digit++) {
        sp_clip clip;
        sp_verdict verdict;
        if (!read_clip(&clip, s.front, digit, 1, 0)) {
            print_message("no test clips of FSDD: set SOUNDPROOF_DATA\n");
            sp_pipeline_clear(&pipeline);
            close_shipped(&s);
            skip();
        }
        sp_verdict_init(&verdict);
        assert_int_equal(sp_certify(NULL, &verdict, &pipeline, &clip, &budget, (long)digit, 0.0),
                         SP_OK);
        certified += verdict.kind == SP_VERDICT_CERTIFIED;
        sp_verdict_clear(&verdict);
        sp_clip_clear(&clip);
    }
    sp_pipeline_clear(&pipeline);
    close_shipped(&s);
    return certified;
}

/* What certified training is for, at -60 dB, on ten clips of the speaker that is hardest to
 * prove. */
static void certified_training_pays(void **state) {
    (void)state;
    const size_t plain = count_certified(models[PLAIN].path, -60.0);
    const size_t certified = count_certified(models[CERTIFIED].path, -60.0);
    print_message("certified at -60 dB: %zu and %zu of %d\n", plain, certified, (int)PROVED);
    assert_true(certified >= 2 * plain && certified > 0);
}

/* Noise that is five to fifteen decibels louder, before a gain that it moves. */
static void louder_noise_is_proved_harmless(void **state) {
    (void)state;
    const size_t linear = count_certified(models[LOUD].path, -45.0);
    const size_t lstm = count_certified(models[LSTM].path, -55.0);
    print_message("certified: %zu at -45 dB, %zu at -55 dB of %d\n", linear, lstm, (int)PROVED);
    assert_true(linear >= PROVED - 2 && lstm >= PROVED - 2);
}

/* Real clips: for one radius no margin falls from clicks to energy to the box, and no noise of a
 * ball breaks what is certified. */
static void check_balls(const char *path, size_t digits) {
    static const sp_noise_set *const nested[] = {&sp_noise_set_l1, &sp_noise_set_l2,
                                                 &sp_noise_set_box};
    const sp_attack_options quick = {.steps = 20, .starts = 3, .seed = 1};
    const sp_method *exact = sp_method_find("exact");
    shipped s;
    sp_pipeline pipeline;
    sp_attacker attacker;
    size_t broken = 0, certified = 0;
    open_shipped(&s, path);
    assert_int_equal(sp_pipeline_init(NULL, &pipeline, &s.model.net, s.front, exact, exact->front),
                     SP_OK);
    assert_int_equal(sp_attacker_init(NULL, &attacker, &pipeline), SP_OK);
    for (size_t digit = 0; digit < digits; digit++) {
        sp_clip clip;
        if (!read_clip(&clip, s.front, digit, 4, 0)) {
            sp_attacker_clear(&attacker);
            sp_pipeline_clear(&pipeline);
            close_shipped(&s);
            print_message("no test clips of FSDD: set SOUNDPROOF_DATA\n");
            skip();
        }
        for (double eps = 2.0; eps < 1000.0; eps *= 8.0) {
            double before = INFINITY;
            for (size_t k = 0; k < 3; k++) {
                sp_noise noise;
                sp_verdict verdict;
                sp_attack attack;
                assert_int_equal(sp_noise_of(NULL, &noise, nested[k], clip.n, eps), SP_OK);
                assert_int_equal(
                    sp_certify_noise(NULL, &verdict, &pipeline, &clip, &noise, (long)digit, 0.0),
                    SP_OK);
                assert_int_equal(
                    sp_attack_noise(NULL, &attack, &attacker, &clip, &noise, (long)digit, &quick),
                    SP_OK);
                assert_true(verdict.margin <= before + 1e-3);
                assert_true(verdict.margin <= attack.real_margin);
                before = verdict.margin;
                certified += verdict.kind == SP_VERDICT_CERTIFIED;
                broken += attack.real_broken;
                sp_attack_clear(&attack);
                sp_verdict_clear(&verdict);
                sp_noise_clear(&noise);
            }
        }
        sp_clip_clear(&clip);
    }
    assert_true(certified > 0 && broken > 0);
    sp_attacker_clear(&attacker);
    sp_pipeline_clear(&pipeline);
    close_shipped(&s);
}

static void balls_on_real_clips(void **state) {
    (void)state;
    check_balls(models[CERTIFIED].path, sp_test_sanitized() ? 1 : 3);
    check_balls(models[LOUD].path, 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(models_know_where_they_come_from),
        cmocka_unit_test(test_clips_are_recognised),
        cmocka_unit_test(certified_training_pays),
        cmocka_unit_test(louder_noise_is_proved_harmless),
        cmocka_unit_test(balls_on_real_clips),
    };
    return cmocka_run_group_tests_name("certify/shipped", tests, NULL, NULL);
}
