/* Command lines that are wrong: one line that says how to put it right, and exit code 1. */
#include "tests/cli/toy.h"

const char *const program = "cli_usage";

#define EXPECT_USAGE(word, ...)                                                                    \
    do {                                                                                           \
        sp_process process = RUN(__VA_ARGS__);                                                     \
        expect_code(&process, 1);                                                                  \
        expect_complaint(&process, 1, word);                                                       \
        assert_string_equal(process.out, "");                                                      \
        sp_process_clear(&process);                                                                \
    } while (0)

static void the_command(void **state) {
    (void)state;
    EXPECT_USAGE("unknown command 'certifi'", "certifi");
    EXPECT_USAGE("unknown command 'a?b?[0m'", "a\nb\033[0m");
    EXPECT_USAGE("unknown command 'certifi'", "help", "certifi");
    EXPECT_USAGE("unknown command 'x'", "help", "certify", "x");
    EXPECT_USAGE("'certifi', perhaps certify: the commands are certify, radius,", "certifi");
    EXPECT_USAGE(
        "'zzz': the commands are certify, radius, attack, compare, audit, report, merge, run,",
        "zzz");
    EXPECT_USAGE("unknown option '--nope'", "--nope");
    EXPECT_USAGE("--threads", "--threads");
    EXPECT_USAGE("--threads", "--threads", "0", "methods");
    EXPECT_USAGE("--threads", "--threads=two", "methods");
    EXPECT_USAGE("which command", "--threads", "2");
    EXPECT_USAGE("no argument 'x'", "methods", "x");
    EXPECT_USAGE("which ONNX file", "info");
    EXPECT_USAGE("no argument", "bench", "x");
    EXPECT_USAGE("no such folder", "bench", "--data", "/nonexistent");
    EXPECT_USAGE("either side of each comma", "compare", "--models", "a.onnx,,", "--budget",
                 "-60dB", "x.wav");
    sp_process process = run_list((const char *const[]){NULL});
    expect_code(&process, 1);
    expect_complaint(&process, 1, "which command");
    sp_process_clear(&process);
}

static void budgets(void **state) {
    (void)state;
    EXPECT_USAGE("--budget", CERTIFY, t.clip[0]);
    EXPECT_USAGE("-banana", CERTIFY, "--budget", "-banana", t.clip[0]);
    EXPECT_USAGE("", CERTIFY, "--budget=", t.clip[0]);
    EXPECT_USAGE("", CERTIFY, "--budget", "-70", t.clip[0]);
    EXPECT_USAGE("", CERTIFY, "--budget", "nandB", t.clip[0]);
    EXPECT_USAGE("", CERTIFY, "--budget", "infdB", t.clip[0]);
    EXPECT_USAGE("", CERTIFY, "--budget", "0lsb", t.clip[0]);
    EXPECT_USAGE("", CERTIFY, "--budget", "-3lsb", t.clip[0]);
    EXPECT_USAGE("", CERTIFY, "--budget", "-70dB", "--budget", "70 bananas", t.clip[0]);
    EXPECT_USAGE("--budget", CERTIFY, "--budget");
}

static void options(void **state) {
    (void)state;
    EXPECT_USAGE("no clips", CERTIFY, "--budget", "-70dB");
    EXPECT_USAGE("--model", "certify", "--budget", "-70dB", t.clip[0]);
    EXPECT_USAGE("--front", "certify", "--model", t.model, "--budget", "-70dB", t.clip[0]);
    EXPECT_USAGE("the methods are ibp, r2-lp", CERTIFY, "--budget", "-70dB", "--method", "magic",
                 t.clip[0]);
    EXPECT_USAGE("--norm is inf, 2 or 1", CERTIFY, "--budget", "-70dB", "--norm", "3", t.clip[0]);
    EXPECT_USAGE("--norm is inf, 2 or 1", CERTIFY, "--budget", "-70dB", "--norm", "l2", t.clip[0]);
    EXPECT_USAGE("joint", CERTIFY, "--budget", "-70dB", "--front-relax", "magic", t.clip[0]);
    EXPECT_USAGE("float64 or float32", CERTIFY, "--budget", "-70dB", "--precision", "half",
                 t.clip[0]);
    EXPECT_USAGE("ibp is computed in double", CERTIFY, "--budget", "-70dB", "--precision",
                 "float32", "--method", "ibp", t.clip[0]);
    EXPECT_USAGE("unknown option, perhaps --budget", CERTIFY, "--bugdet", "-70dB", t.clip[0]);
    EXPECT_USAGE("cpu, cuda and emulator", CERTIFY, "--budget", "-70dB", "--backend", "tpu",
                 t.clip[0]);
    EXPECT_USAGE("the properties are fire, silent, burst, gain, noise-line, stream-fire", "audit",
                 "--model", t.model, "--front", t.front, "--property", "fire,loud", t.clip[0]);
    EXPECT_USAGE("train, validation or test", CERTIFY, "--budget", "-70dB", "--split", "dev",
                 "--manifest", "m.tsv");
    EXPECT_USAGE("none is given", CERTIFY, "--budget", "-70dB", "--split", "test", t.clip[0]);
    EXPECT_USAGE("name no others", CERTIFY, "--budget", "-70dB", "--split", "test", "--manifest",
                 "m.tsv", t.clip[0]);
    EXPECT_USAGE("--loud", CERTIFY, "--budget", "-70dB", "--loud", t.clip[0]);
    EXPECT_USAGE("--json", CERTIFY, "--budget", "-70dB", "--json=yes", t.clip[0]);
    EXPECT_USAGE("--threads", CERTIFY, "--budget", "-70dB", "--threads", "0", t.clip[0]);
    EXPECT_USAGE("--threads", CERTIFY, "--budget", "-70dB", "--threads", "-1", t.clip[0]);
    EXPECT_USAGE("--threads", CERTIFY, "--budget", "-70dB", "--threads", "99999999999", t.clip[0]);
    EXPECT_USAGE("--timeout", CERTIFY, "--budget", "-70dB", "--timeout", "0", t.clip[0]);
    EXPECT_USAGE("--timeout", CERTIFY, "--budget", "-70dB", "--timeout", "soon", t.clip[0]);
    EXPECT_USAGE("--timeout", CERTIFY, "--budget", "-70dB", "--timeout", "nan", t.clip[0]);
    EXPECT_USAGE("--channel", CERTIFY, "--budget", "-70dB", "--channel", "0", t.clip[0]);
    EXPECT_USAGE("exclude each other", CERTIFY, "--budget", "-70dB", "--channel", "1", "--downmix",
                 t.clip[0]);
    EXPECT_USAGE("no clips", "run", "--model", t.model, "--front", t.front);
    EXPECT_USAGE("--budget", "run", "--model", t.model, "--front", t.front, "--budget", "-70dB",
                 t.clip[0]);
}

static void labels(void **state) {
    (void)state;
    EXPECT_USAGE("0 to 2", CERTIFY, "--budget", "-70dB", "--label", "3", t.clip[0]);
    EXPECT_USAGE("--label", CERTIFY, "--budget", "-70dB", "--label", "one", t.clip[0]);
    EXPECT_USAGE("--label", CERTIFY, "--budget", "-70dB", "--label", "-1", t.clip[0]);
    EXPECT_USAGE("--label", CERTIFY, "--budget", "-70dB", "--label", "1.5", t.clip[0]);
    EXPECT_USAGE("--label", CERTIFY, "--budget", "-70dB", "--label", "", t.clip[0]);
    EXPECT_USAGE("exclude", CERTIFY, "--budget", "-70dB", "--label", "1", "--manifest", t.front,
                 t.clip[0]);
}

/* What is mostly a slip is done, and said. */
static void loud_budgets_get_a_warning(void **state) {
    (void)state;
    static const char *const loud[] = {"70dB", "6dBFS", "-45dBsnr"};
    static const char *const usual[] = {"-70dB", "-6dBFS", "45dBsnr", "0dB", "90lsb"};
    for (size_t i = 0; i < 3; i++) {
        char said[64];
        snprintf(said, sizeof said, "--budget %s allows noise that is louder", loud[i]);
        sp_process process = RUN(CERTIFY, "--method", "ibp", "--budget", loud[i], t.clip[0]);
        expect_code(&process, 0);
        expect_complaint(&process, 1, said);
        sp_process_clear(&process);
    }
    for (size_t i = 0; i < 5; i++) {
        sp_process process = RUN(CERTIFY, "--method", "ibp", "--budget", usual[i], t.clip[0]);
        expect_code(&process, 0);
        assert_string_equal(process.err, "");
        sp_process_clear(&process);
    }
}

/* --help and --version are no errors and name what they are about. */
static void help(void **state) {
    (void)state;
    static const char *const commands[] = {"certify", "radius", "attack",  "compare",
                                           "run",     "info",   "methods", "bench"};
    sp_process process = RUN("--help");
    expect_code(&process, 0);
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        char example[64];
        assert_non_null(strstr(process.out, commands[i]));
        sp_process own = RUN(commands[i], "--help");
        expect_code(&own, 0);
        snprintf(example, sizeof example, "soundproof %s", commands[i]);
        assert_non_null(strstr(own.out, "Examples:"));
        assert_non_null(strstr(strstr(own.out, "Examples:"), example));
        assert_true(strstr(own.out, "Examples:") < strstr(own.out, "Options:"));
        assert_string_equal(own.err, "");
        sp_process asked = RUN("help", commands[i]);
        expect_code(&asked, 0);
        assert_string_equal(asked.out, own.out);
        sp_process_clear(&asked);
        sp_process_clear(&own);
    }
    assert_string_equal(process.err, "");
    sp_process about = RUN("help", "help");
    assert_string_equal(about.out, process.out);
    sp_process_clear(&about);
    sp_process again = RUN("help");
    assert_string_equal(again.out, process.out);
    sp_process_clear(&again);
    sp_process_clear(&process);
    process = RUN("--version");
    expect_code(&process, 0);
    assert_true(strncmp(process.out, "soundproof ", 11) == 0);
    sp_process_clear(&process);
}

static void methods_and_info(void **state) {
    (void)state;
    sp_process process = RUN("methods");
    expect_code(&process, 0);
    assert_true(sp_process_lines(process.out) >= 4); // the head, and three methods at least
    const char *const ibp = strstr(process.out, "\nibp "),
                      *const lp = strstr(process.out, "\nr2-lp "),
                      *const exact = strstr(process.out, "\nexact ");
    assert_true(ibp && lp && exact && ibp < lp && lp < exact);
    sp_process_clear(&process);
    process = RUN("info", t.with_front);
    expect_code(&process, 0);
    assert_non_null(strstr(process.out, "LSTM"));
    assert_non_null(strstr(process.out, "soundproof tests"));
    assert_non_null(strstr(process.out, "described inside the file"));
    sp_process_clear(&process);
}

/* What bash would offer for the last of these words, in its order. */
static void expect_completion(const char *words, const char *offered) {
    static const char script[] =
        "soundproof() { \"${SOUNDPROOF:-build/soundproof}\" \"$@\"; }; . cli/completion.bash; "
        "COMP_WORDS=($1);"
        "[ \"${1% }\" = \"$1\" ] || COMP_WORDS+=('');"
        "COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _soundproof; echo \"${COMPREPLY[*]}\"";
    sp_process process = sp_process_run(
        program, (const char *const[]){"/bin/bash", "-c", script, "bash", words, NULL});
    expect_code(&process, 0);
    assert_string_equal(process.out, offered);
    sp_process_clear(&process);
}

static void completion(void **state) {
    (void)state;
    expect_completion("soundproof ce", "certify\n");
    expect_completion("soundproof help ra", "radius\n");
    expect_completion("soundproof --threads 2 rep", "report\n");
    expect_completion("soundproof certify --bud", "--budget\n");
    expect_completion("soundproof certify a.wav --method r2", "r2-lp r2-opt\n");
    expect_completion("soundproof certify --norm ", "inf 2 1\n");
    expect_completion("soundproof certify --front-relax = jo", "joint\n");
    expect_completion("soundproof features Makef", "Makefile\n");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_command),
        cmocka_unit_test(budgets),
        cmocka_unit_test(options),
        cmocka_unit_test(labels),
        cmocka_unit_test(loud_budgets_get_a_warning),
        cmocka_unit_test(help),
        cmocka_unit_test(methods_and_info),
        cmocka_unit_test(completion),
    };
    return cmocka_run_group_tests(tests, prepare, NULL);
}
