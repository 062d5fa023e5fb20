/* soundproof audit on a published wake-word model (counted as skipped without the data), and on
 * command lines and inputs that are wrong. */
#include "base/npy.h"
#include "tests/cli/toy.h"

const char *const program = "cli_audit";

#define SONOPY "examples/fronts/precise-sonopy.json"

static void wrong_command_lines(void **state) {
    (void)state;
    static const char *const wrong[][3] = {{"--property", "shout", "shout"},
                                           {"--gain", "6", "--gain"},
                                           {"--gain", "1:2", "--gain"},
                                           {"--sensitivity", "2", "--sensitivity"},
                                           {"--before", "-1", "--before"},
                                           {"--background", "loud", "--background"},
                                           {"--threshold", "many", "--threshold"},
                                           {"--trigger", "consecutive:0", "--trigger"},
                                           {"--trigger", "speech:1,2,3,4", "--trigger"},
                                           {"--hop", "0", "--hop"}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        sp_process process = RUN("audit", "--model", t.model, "--front", t.front, wrong[i][0],
                                 wrong[i][1], t.clip[0]);
        expect_code(&process, 1);
        expect_complaint(&process, 1, wrong[i][2]);
        sp_process_clear(&process);
    }
    sp_process process = RUN("audit", "--model", t.model, "--front", t.front, "--norm", "2",
                             "--property", "fire,gain", t.clip[0]);
    expect_code(&process, 1);
    expect_complaint(&process, 1, "gain is not about all noise");
    sp_process_clear(&process);
}

/* A classifier has no trigger. */
static void other_models_are_refused(void **state) {
    (void)state;
    sp_process process = RUN("audit", "--model", t.model, "--front", t.front, t.clip[0]);
    expect_code(&process, 2);
    expect_complaint(&process, 1, "one output");
    sp_process_clear(&process);
}

static void a_published_model(void **state) {
    (void)state;
    char model[PATH], clip[PATH];
    if (!sp_test_data("wake/hey_mycroft.onnx", model, sizeof model) ||
        !sp_test_data("wake/core_hey_mycroft.wav", clip, sizeof clip)) {
        print_message("no wake/hey_mycroft.onnx or its recording below SOUNDPROOF_DATA\n");
        skip();
    }
    sp_process process = RUN("audit", "--model", model, "--front", SONOPY, "--json", "--property",
                             "gain,dead-samples,stream-silent", clip);
    expect_code(&process, 0);
    assert_int_equal(sp_process_lines(process.out), 3);
    assert_non_null(strstr(process.out, "\"property\":\"gain\",\"verdict\":\"certified\""));
    assert_non_null(strstr(process.out, "\"gain_lo_db\":-6,\"gain_hi_db\":6"));
    assert_non_null(strstr(process.out, "\"property\":\"dead-samples\",\"verdict\":\"certified\""));
    assert_non_null( // it does fire
        strstr(process.out, "\"property\":\"stream-silent\",\"verdict\":\"misclassified\""));
    assert_non_null(strstr(process.err, "precise-speechpy")); // the other bank disagrees
    sp_process_clear(&process);
}

/* Properties of all noise of a budget, and no others, are asked in a norm. */
static void audits_in_a_norm(void **state) {
    (void)state;
    char model[PATH], clip[PATH];
    if (!sp_test_data("wake/hey_mycroft.onnx", model, sizeof model) ||
        !sp_test_data("wake/core_hey_mycroft.wav", clip, sizeof clip)) {
        print_message("no wake/hey_mycroft.onnx or its recording below SOUNDPROOF_DATA\n");
        skip();
    }
    sp_process process = RUN("audit", "--model", model, "--front", SONOPY, "--json", "--norm", "2",
                             "--burst", "29", "--method", "ibp", "--budget", "95dBsnr", clip);
    expect_code(&process, 0);
    assert_int_equal(sp_process_lines(process.out), 2);
    assert_non_null(strstr(process.out, "\"property\":\"fire\""));
    assert_non_null(strstr(process.out, "\"property\":\"burst\""));
    assert_null(strstr(process.out, "\"norm\":null"));
    for (const char *at = process.out; (at = strstr(at, "\"norm\":")) != NULL; at += 5) {
        assert_true(strncmp(at, "\"norm\":\"2\"", 10) == 0);
    }
    sp_process_clear(&process);
}

static double margin_of(const char *json) {
    const char *at = strstr(json, "\"margin\":");
    assert_non_null(at);
    return strtod(at + 9, NULL);
}

/* Shares of the window's frames: noise in half of it leaves a wider margin; other properties know
 * no shares. */
static void audits_with_a_profile(void **state) {
    (void)state;
    enum { FRAMES = 29 };
    char model[PATH], clip[PATH], path[PATH];
    double shares[FRAMES] = {0.0}, margin[2];
    if (!sp_test_data("wake/hey_mycroft.onnx", model, sizeof model) ||
        !sp_test_data("wake/core_hey_mycroft.wav", clip, sizeof clip)) {
        print_message("no wake/hey_mycroft.onnx or its recording below SOUNDPROOF_DATA\n");
        skip();
    }
    file_in(path, "shares.npy");
    for (size_t half = 0; half < 2; half++) {
        for (size_t i = 0; i < FRAMES; i++) {
            shares[i] = half && i < FRAMES / 2 ? 0.0 : 1.0;
        }
        assert_int_equal(sp_npy_write(NULL, path, shares, 1, FRAMES), SP_OK);
        sp_process process =
            RUN("audit", "--model", model, "--front", SONOPY, "--json", "--property", "fire",
                "--profile", path, "--budget", "-80dB", clip);
        expect_code(&process, 0);
        margin[half] = margin_of(process.out);
        assert_non_null(strstr(process.out, "\"profile\":true"));
        sp_process_clear(&process);
    }
    assert_true(margin[1] > margin[0]);
    sp_process process = RUN("audit", "--model", model, "--front", SONOPY, "--property", "gain",
                             "--profile", path, clip);
    expect_code(&process, 1);
    expect_complaint(&process, 1, "--profile is for fire, silent and trigger");
    sp_process_clear(&process);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wrong_command_lines),   cmocka_unit_test(other_models_are_refused),
        cmocka_unit_test(a_published_model),     cmocka_unit_test(audits_in_a_norm),
        cmocka_unit_test(audits_with_a_profile),
    };
    return cmocka_run_group_tests(tests, prepare, NULL);
}
