/* Real clips: what the project promises for the FSDD network. */
#include "tests/cli/command.h"

const char *const program = "cli_fsdd";

typedef struct data {
    char model[PATH], front[PATH], clip[PATH];
} data;

/* Skips the test, visibly, when the data is not there. */
static void find(data *d, const char *clip) {
    char name[PATH];
    snprintf(name, sizeof name, "fsdd/%s", clip);
    if (!sp_test_data("models/fsdd.onnx", d->model, PATH) ||
        !sp_test_data("fsdd-front.json", d->front, PATH) || !sp_test_data(name, d->clip, PATH)) {
        print_message("no models/fsdd.onnx, fsdd-front.json or %s below SOUNDPROOF_DATA\n", name);
        skip();
    }
}

static double number_behind(const char *text, const char *key) {
    const char *at = strstr(text, key);
    assert_non_null(at);
    return strtod(at + strlen(key), NULL);
}

/* Certified at this budget, with at least this margin. */
static void expect_margin(const char *clip, const char *budget, double margin) {
    data d;
    find(&d, clip);
    sp_process process = RUN("certify", "--model", d.model, "--front", d.front, "--budget", budget,
                             "--method", "exact", "--json", d.clip);
    expect_code(&process, 0);
    if (!strstr(process.out, "\"verdict\":\"certified\"") ||
        !(number_behind(process.out, "\"margin\":") >= margin)) {
        fail_msg("%s at %s: %s", clip, budget, process.out);
    }
    sp_process_clear(&process);
}

static void the_first_command(void **state) {
    (void)state;
    expect_margin("8_yweweler_0.wav", "-80dB", 0.0);
}

static void budgets_that_must_be_certified(void **state) {
    (void)state;
    static const char *const cases[8][2] = {
        {"2_theo_3.wav", "-59.5dB"},     {"4_yweweler_3.wav", "-65dB"},
        {"8_yweweler_0.wav", "-72dB"},   {"8_yweweler_1.wav", "-71dB"},
        {"7_yweweler_1.wav", "-72.5dB"}, {"9_nicolas_0.wav", "-62.5dB"},
        {"4_theo_0.wav", "-57dB"},       {"1_theo_0.wav", "-55.5dB"}};
    const size_t count = sp_test_sanitized() ? 2 : 8;
    for (size_t i = 0; i < count; i++) {
        expect_margin(cases[i][0], cases[i][1], 0.0);
    }
}

static void margins_that_must_be_reached(void **state) {
    (void)state;
    expect_margin("2_theo_3.wav", "-60dB", 0.1);
    if (!sp_test_sanitized()) {
        expect_margin("4_yweweler_3.wav", "-66dB", 2.4);
        expect_margin("8_yweweler_0.wav", "-75dB", 4.1);
        expect_margin("7_yweweler_1.wav", "-80dB", 4.6);
    }
}

/* 2_theo_3 is broken by an attack at -54.7 dB: nothing may be certified there. */
static void what_an_attack_breaks_is_not_certified(void **state) {
    (void)state;
    static const char *const methods[] = {"ibp", "r2-lp", "exact"};
    data d;
    find(&d, "2_theo_3.wav");
    for (int m = 0; m < 3; m++) {
        if (m == 1 && sp_test_sanitized()) {
            continue;
        }
        sp_process process = RUN("certify", "--model", d.model, "--front", d.front, "--budget",
                                 "-54.5dB", "--method", methods[m], "--json", d.clip);
        expect_code(&process, 0);
        assert_null(strstr(process.out, "\"verdict\":\"certified\""));
        sp_process_clear(&process);
    }
}

/* Both exports of one network give one margin; the label comes from the file name. */
static void both_models_agree(void **state) {
    (void)state;
    data d;
    char other[PATH];
    find(&d, "2_theo_3.wav");
    assert_non_null(sp_test_data("models/fsdd-opset13.onnx", other, PATH));
    sp_process first = RUN("certify", "--model", d.model, "--front", d.front, "--budget", "-70dB",
                           "--json", d.clip),
               second = RUN("certify", "--model", other, "--front", d.front, "--budget", "-70dB",
                            "--json", d.clip);
    assert_non_null(strstr(first.out, "\"label\":2,"));
    const double a = number_behind(first.out, "\"margin\":"),
                 b = number_behind(second.out, "\"margin\":");
    assert_true(fabs(a - b) <= 1e-9);
    sp_process_clear(&first);
    sp_process_clear(&second);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_command),
        cmocka_unit_test(budgets_that_must_be_certified),
        cmocka_unit_test(margins_that_must_be_reached),
        cmocka_unit_test(what_an_attack_breaks_is_not_certified),
        cmocka_unit_test(both_models_agree),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
