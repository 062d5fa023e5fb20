/* The package of python/, in an environment of its own that tests/python/environment.sh makes. */
#include <stdlib.h>
#include <unistd.h>

#include "tests/cli/rows_model.h"

const char *const program = "cli_python";

static void the_package_does_what_the_command_does(void **state) {
    (void)state;
    if (sp_test_sanitized()) {
        print_message("the package is linked with the build without a sanitizer\n");
        skip();
    }
    if (access("build/python-env/ready", F_OK) != 0) {
        print_message("build/python-env is not complete: make check makes it\n");
        skip();
    }
    char model[PATH];
    make_rows_model(model, "rows.onnx", true);
    assert_int_equal(setenv("SOUNDPROOF_ROWS_MODEL", model, 1), 0);
    sp_process process = sp_process_run(
        program, (const char *const[]){"build/python-env/bin/python", "-m", "pytest", "-q", "-p",
                                       "no:cacheprovider", "tests/python", NULL});
    if (process.code != 0) {
        print_message("%s%s\n", process.out, process.err);
    }
    expect_code(&process, 0);
    sp_process_clear(&process);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_package_does_what_the_command_does),
    };
    return cmocka_run_group_tests_name("cli/python", tests, NULL, NULL);
}
