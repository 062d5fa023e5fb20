/* The installed header compiles alone, as C11 and as C++17, without a warning. */
#include "tests/cli/command.h"

const char *const program = "cli_header";

static const char source[] =
    "#include \"include/soundproof.h\"\n"
    "double margin_of(const soundproof *system, const double *samples);\n"
    "double margin_of(const soundproof *system, const double *samples) {\n"
    "    soundproof_verdict verdict;\n"
    "    const int failed = soundproof_certify_samples(system, &verdict, samples, 8000, 8000, "
    "1.0,\n"
    "                                                  \"-70dB\", SOUNDPROOF_LABEL_PREDICTED);\n"
    "    const double margin = failed ? -1.0 : verdict.margin;\n"
    "    soundproof_verdict_clear(&verdict);\n"
    "    return verdict.outcome == SOUNDPROOF_CERTIFIED ? margin : 0.0;\n"
    "}\n";

/* Compiles the source by a compiler found in PATH; skips when there is none. */
static void compile(const char *compiler, const char *standard, const char *name) {
    char path[PATH], command[3 * PATH];
    write_text(path, name, source);
    snprintf(command, sizeof command,
             "command -v %s >/dev/null || exit 99; %s -std=%s -Wall -Wextra -Wpedantic -Werror -I. "
             "-fsyntax-only '%s'",
             compiler, compiler, standard, path);
    sp_process process =
        sp_process_run(program, (const char *const[]){"/bin/sh", "-c", command, NULL});
    if (process.code == 99) {
        sp_process_clear(&process);
        print_message("no compiler %s\n", compiler);
        skip();
    }
    expect_code(&process, 0);
    sp_process_clear(&process);
}

static void as_c11(void **state) {
    (void)state;
    compile("cc", "c11", "use.c");
}

static void as_cpp17(void **state) {
    (void)state;
    compile("c++", "c++17", "use.cpp");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_c11),
        cmocka_unit_test(as_cpp17),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
