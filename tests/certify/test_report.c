/* JSON lines and table rows. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>
#include <cmocka.h>

#include "certify/report/report.h"

static double *list(size_t count, const double *values) {
    double *copy = malloc(count * sizeof *copy);
    assert_non_null(copy);
    memcpy(copy, values, count * sizeof *copy);
    return copy;
}

static sp_verdict sample(void) {
    sp_verdict verdict;
    sp_verdict_init(&verdict);
    verdict.label = verdict.predicted = 2;
    verdict.classes = 3;
    verdict.frames = 17;
    verdict.logits = list(3, (double[]){0.25, -1.0, 4.5});
    verdict.margins = list(3, (double[]){1.5, 2.5, NAN});
    verdict.error = 1e-11;
    verdict.eps = 3.25;
    verdict.set = &sp_noise_set_l2;
    verdict.scale = (sp_budget_scale){-70.0, 3.25, 45.123456789, false};
    verdict.seconds = 0.123456789;
    sp_verdict_judge(&verdict);
    return verdict;
}

static const char *const every_key[] = {
    "clip",         "label",     "label_name", "predicted",   "predicted_name",
    "frames",       "budget_db", "eps",        "eps_lsb",     "snr_db",
    "norm",         "method",    "verdict",    "margin",      "margins",
    "seconds",      "reason",    "logits",     "vacuous",     "error_term",
    "float32_term", "deployed",  "heard_eps",  "front_relax", "arithmetic"};

static cJSON *parse(char *line) {
    assert_non_null(line);
    assert_null(strchr(line, '\n'));
    assert_null(strstr(line, "nan"));
    assert_null(strstr(line, "inf"));
    cJSON *object = cJSON_Parse(line);
    assert_non_null(object);
    for (size_t i = 0; i < sizeof every_key / sizeof every_key[0]; i++) {
        if (!cJSON_GetObjectItemCaseSensitive(object, every_key[i])) {
            fail_msg("the key %s is missing", every_key[i]);
        }
    }
    assert_int_equal(cJSON_GetArraySize(object), sizeof every_key / sizeof every_key[0]);
    free(line);
    return object;
}

static double number(const cJSON *object, const char *key) {
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);
    assert_true(cJSON_IsNumber(item));
    return item->valuedouble;
}

static void json_of_a_certified_clip(void **state) {
    (void)state;
    const sp_pipeline pipeline = {.method = sp_method_find("exact"), .front_rule = SP_FRONT_R2};
    sp_verdict verdict = sample();
    cJSON *object = parse(sp_report_verdict_json("dir/\"8\"_\xC3\xA9.wav", &pipeline, &verdict));
    assert_string_equal(cJSON_GetObjectItem(object, "clip")->valuestring, "dir/\"8\"_\xC3\xA9.wav");
    assert_string_equal(cJSON_GetObjectItem(object, "verdict")->valuestring, "certified");
    assert_string_equal(cJSON_GetObjectItem(object, "method")->valuestring, "exact");
    assert_string_equal(cJSON_GetObjectItem(object, "front_relax")->valuestring, "r2");
    assert_string_equal(cJSON_GetObjectItem(object, "arithmetic")->valuestring,
                        sp_arithmetic_text(SP_ARITHMETIC_REAL));
    assert_true(number(object, "label") == 2.0);
    assert_true(number(object, "predicted") == 2.0);
    assert_true(number(object, "frames") == 17.0);
    assert_true(number(object, "budget_db") == -70.0);
    assert_true(number(object, "eps") == 3.25);
    assert_true(number(object, "eps_lsb") == 3.25);
    assert_true(number(object, "snr_db") == 45.123457);
    assert_string_equal(cJSON_GetObjectItem(object, "norm")->valuestring, "2");
    assert_true(number(object, "margin") == 1.5);
    assert_true(number(object, "seconds") == 0.1235);
    assert_true(number(object, "error_term") == 1e-11);
    assert_true(cJSON_IsFalse(cJSON_GetObjectItem(object, "vacuous")));
    assert_true(cJSON_IsNull(cJSON_GetObjectItem(object, "reason")));
    const cJSON *margins = cJSON_GetObjectItem(object, "margins");
    assert_int_equal(cJSON_GetArraySize(margins), 3);
    assert_true(cJSON_GetArrayItem(margins, 1)->valuedouble == 2.5);
    assert_true(cJSON_IsNull(cJSON_GetArrayItem(margins, 2)));
    cJSON_Delete(object);
    sp_verdict_clear(&verdict);
}

static void json_of_an_error_and_of_infinite_margins(void **state) {
    (void)state;
    static const char *const empty[] = {"label",   "predicted", "frames", "budget_db",
                                        "eps",     "eps_lsb",   "snr_db", "norm",
                                        "margins", "margin",    "logits"};
    sp_verdict verdict;
    sp_verdict_init(&verdict);
    strcpy(verdict.reason, "not audio");
    cJSON *object = parse(sp_report_verdict_json("x", NULL, &verdict));
    for (size_t i = 0; i < sizeof empty / sizeof empty[0]; i++) {
        assert_true(cJSON_IsNull(cJSON_GetObjectItem(object, empty[i])));
    }
    assert_string_equal(cJSON_GetObjectItem(object, "verdict")->valuestring, "error");
    assert_string_equal(cJSON_GetObjectItem(object, "reason")->valuestring, "not audio");
    cJSON_Delete(object);
    verdict = sample();
    verdict.margins[0] = -INFINITY;
    sp_verdict_judge(&verdict);
    object = parse(sp_report_verdict_json("x", NULL, &verdict));
    assert_true(cJSON_IsNull(cJSON_GetObjectItem(object, "margin")));
    assert_string_equal(cJSON_GetObjectItem(object, "verdict")->valuestring, "unknown");
    cJSON_Delete(object);
    sp_verdict_clear(&verdict);
}

static void rows_line_up(void **state) {
    (void)state;
    static const char *const names[] = {"a", "8_theo_0.wav", "na\xC3\xAFve.wav",
                                        "\xE9\x9F\xB3.wav"};
    static const double margins[] = {4.674, -18.45, 1e-9, 0.0, -123456.0, -INFINITY};
    const size_t width = 14;
    char *head = sp_report_verdict_head(width, false, NULL);
    assert_non_null(head);
    const size_t columns = sp_table_text_width(head);
    for (size_t i = 0; i < 4; i++) {
        for (size_t m = 0; m < 6; m++) {
            sp_verdict verdict = sample();
            verdict.margins[0] = margins[m];
            sp_verdict_judge(&verdict);
            char *row = sp_report_verdict_row(names[i], width, false, &verdict);
            assert_non_null(row);
            assert_int_equal(sp_table_text_width(row), columns);
            assert_true(strncmp(row, names[i], strlen(names[i])) == 0);
            assert_null(strstr(row, "inf"));
            free(row);
            sp_verdict_clear(&verdict);
        }
    }
    free(head);
}

/* A small margin must not read as zero. */
static void small_margins_stay_visible(void **state) {
    (void)state;
    sp_verdict verdict = sample();
    verdict.margins[0] = 0.0001;
    sp_verdict_judge(&verdict);
    char *row = sp_report_verdict_row("x", 4, false, &verdict);
    assert_non_null(strstr(row, "1.00e-04"));
    free(row);
    sp_verdict_clear(&verdict);
}

static void widths(void **state) {
    (void)state;
    assert_int_equal(sp_table_text_width(""), 0);
    assert_int_equal(sp_table_text_width("plain"), 5);
    assert_int_equal(sp_table_text_width("na\xC3\xAFve"), 5);
    assert_int_equal(sp_table_text_width("e\xCC\x81"), 1);    // combining accent
    assert_int_equal(sp_table_text_width("\xE9\x9F\xB3"), 2); // wide
    assert_int_equal(sp_table_text_width("a\xFF"
                                         "b"),
                     3); // not UTF-8
}

static void summary_counts(void **state) {
    (void)state;
    sp_tally tally = {0};
    sp_verdict verdict = sample();
    sp_tally_add(&tally, &verdict);
    sp_tally_add(&tally, &verdict);
    verdict.kind = SP_VERDICT_MISCLASSIFIED;
    sp_tally_add(&tally, &verdict);
    char *line = sp_report_summary("-70dB", &tally);
    assert_non_null(strstr(line, "-70dB: certified 2 of 3"));
    assert_non_null(strstr(line, "1 misclassified"));
    assert_null(strstr(line, "unknown"));
    free(line);
    sp_verdict_clear(&verdict);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_of_a_certified_clip),
        cmocka_unit_test(json_of_an_error_and_of_infinite_margins),
        cmocka_unit_test(rows_line_up),
        cmocka_unit_test(small_margins_stay_visible),
        cmocka_unit_test(widths),
        cmocka_unit_test(summary_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
