/* info and run on a real wake-word model: one row per hop of its front end. */
#include <math.h>

#include <cjson/cJSON.h>

#include "tests/cli/command.h"

const char *const program = "cli_wake";

static const char *const front = "examples/fronts/precise-sonopy.json";

typedef struct data {
    char model[PATH], clip[PATH];
} data;

/* Skips the test, visibly, when the data is not there. */
static void find(data *d) {
    if (!sp_test_data("wake/hey_mycroft.onnx", d->model, PATH) ||
        !sp_test_data("wake/core_hey_mycroft.wav", d->clip, PATH)) {
        print_message("no wake/hey_mycroft.onnx or its recording below SOUNDPROOF_DATA\n");
        skip();
    }
}

static void info_names_the_cell(void **state) {
    (void)state;
    static const char *const parts[] = {
        "13 features per frame, windows of 29 frames",
        "one logit",
        "sigmoid",
        "2061",
        "GRU       13    20        2040",
        "gates hard sigmoid 0.2 x + 0.5, candidate linear, reset before the product",
        "dense     20     1          21",
        "checked     against the file's own graph"};
    data d;
    find(&d);
    sp_process process = RUN("info", d.model);
    expect_code(&process, 0);
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        if (!strstr(process.out, parts[i])) {
            fail_msg("no '%s' in %s", parts[i], process.out);
        }
    }
    sp_process_clear(&process);
}

static double number(const cJSON *object, const char *key) {
    const cJSON *item = cJSON_GetObjectItem(object, key);
    if (!cJSON_IsNumber(item)) {
        fail_msg("no number '%s'", key);
    }
    return item->valuedouble;
}

static const cJSON *list(const cJSON *object, const char *key, int length) {
    const cJSON *item = cJSON_GetObjectItem(object, key);
    assert_true(cJSON_IsArray(item));
    assert_int_equal(cJSON_GetArraySize(item), length);
    return item;
}

/* 59 frames of 50 ms: 31 windows. The recording says the word. */
static void run_gives_one_row_per_hop(void **state) {
    (void)state;
    enum { HOPS = 31 };
    data d;
    find(&d);
    sp_process process = RUN("run", "--json", "--model", d.model, "--front", front, d.clip);
    expect_code(&process, 0);
    cJSON *object = cJSON_Parse(process.out);
    assert_non_null(object);
    assert_true(number(object, "hop_s") == 0.05);
    assert_true(number(object, "window_s") == 1.5);
    assert_true(number(object, "frames") == HOPS + 28);
    const cJSON *logits = list(object, "logits", HOPS);
    const cJSON *probabilities = list(object, "probabilities", HOPS);
    const cJSON *answers = list(object, "answers", HOPS);
    int fires = 0;
    for (int i = 0; i < HOPS; i++) {
        const cJSON *row = cJSON_GetArrayItem(logits, i);
        const cJSON *other = cJSON_GetArrayItem(probabilities, i);
        assert_int_equal(cJSON_GetArraySize(row), 1);
        assert_int_equal(cJSON_GetArraySize(other), 1);
        const double logit = cJSON_GetArrayItem(row, 0)->valuedouble;
        const double probability = cJSON_GetArrayItem(other, 0)->valuedouble;
        const int answer = cJSON_GetArrayItem(answers, i)->valueint;
        assert_true(fabs(probability - 1.0 / (1.0 + exp(-logit))) < 1e-12);
        assert_int_equal(answer, logit >= 0.0);
        fires += answer;
    }
    assert_true(fires > 5 && fires < HOPS);
    assert_true(number(object, "predicted") == 1.0);
    cJSON_Delete(object);
    sp_process_clear(&process);
    process = RUN("run", "--model", d.model, "--front", front, d.clip);
    expect_code(&process, 0);
    assert_int_equal(sp_process_lines(process.out), HOPS + 1);
    sp_process_clear(&process);
}

/* A clip that is shorter than the window, and a front end of another width. */
static void what_does_not_fit(void **state) {
    (void)state;
    char path[PATH];
    data d;
    find(&d);
    write_clip(path, "short.wav", 1, 1, 16000);
    sp_process process = RUN("run", "--model", d.model, "--front", front, path);
    expect_code(&process, 2);
    expect_complaint(&process, 1, "windows of 29");
    sp_process_clear(&process);
    if (!sp_test_data("fsdd-front.json", path, PATH)) {
        print_message("no fsdd-front.json below SOUNDPROOF_DATA\n");
        skip();
    }
    process = RUN("run", "--model", d.model, "--front", path, d.clip);
    expect_code(&process, 2);
    expect_complaint(&process, 1, "13");
    sp_process_clear(&process);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(info_names_the_cell),
        cmocka_unit_test(run_gives_one_row_per_hop),
        cmocka_unit_test(what_does_not_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
