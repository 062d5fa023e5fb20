/* What the demo promises: the shipped model hears the ten digits of espeak-ng rightly, and most of
 * them are certified at -70 dB. */
#include <unistd.h>

#include "tests/cli/command.h"

const char *const program = "cli_demo";

enum { DIGITS = 10, CERTIFIED = 8 };
static const char model[] = "examples/models/fsdd-certified.onnx";

static size_t count_of(const char *text, const char *word) {
    size_t count = 0;
    for (const char *at = strstr(text, word); at; at = strstr(at + 1, word)) {
        count++;
    }
    return count;
}

/* The clips of the demo; false: there is no espeak-ng. */
static bool speak(const char *folder) {
    const char *const arguments[] = {"/usr/bin/env", "datasets/synthetic", folder, "--voices",
                                     "us-m4",        "--renditions",       "4",    NULL};
    sp_process process = sp_process_run(program, arguments);
    const bool spoken = process.code == 0;
    if (!spoken && !strstr(process.err, "espeak-ng is not installed")) {
        fail_msg("exit %d: %s", process.code, process.err);
    }
    sp_process_clear(&process);
    return spoken;
}

static void ten_digits(void **state) {
    (void)state;
    char folder[PATH], clip[DIGITS][PATH + 32];
    const char *arguments[DIGITS + 8] = {"certify",  "--model", model,
                                         "--budget", "-70dB",   "--json"};
    file_in(folder, "clips");
    if (!speak(folder)) {
        print_message("espeak-ng is not installed\n");
        skip();
    }
    for (int digit = 0; digit < DIGITS; digit++) {
        snprintf(clip[digit], sizeof clip[digit], "%s/%d_us-m4_4.wav", folder, digit);
        arguments[6 + digit] = clip[digit];
    }
    sp_process process = run_list(arguments);
    expect_code(&process, 0);
    assert_int_equal(sp_process_lines(process.out), DIGITS);
    assert_int_equal(count_of(process.out, "\"verdict\":\"misclassified\""), 0);
    const size_t certified = count_of(process.out, "\"verdict\":\"certified\"");
    print_message("certified %zu of %d at -70 dB\n", certified, DIGITS);
    assert_true(certified >= CERTIFIED);
    sp_process_clear(&process);
}

/* The whole script, in the long tests only; bash reads all of it in any case. */
static void the_script(void **state) {
    (void)state;
    const char *const read[] = {"/bin/bash", "-n", "examples/demo", NULL};
    const char *const run[] = {"/bin/bash", "examples/demo", NULL};
    sp_process process = sp_process_run(program, sp_test_long() ? run : read);
    expect_code(&process, 0);
    if (sp_test_long()) {
        assert_non_null(strstr(process.out, "build/demo/report.html"));
        assert_int_equal(access("build/demo/report.html", R_OK), 0);
    }
    sp_process_clear(&process);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ten_digits),
        cmocka_unit_test(the_script),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
