/* --backend and --device-memory: what is there computes the same, what is not there is named. */
#include "tests/cli/command.h"

const char *const program = "cli_backend";
static toy t;

static int prepare(void **state) {
    (void)state;
    make_toy(&t);
    return 0;
}

#define CERTIFY "certify", "--model", t.model, "--front", t.front, "--budget", "-60dB", "--json"

static double number_of(const char *json, const char *key) {
    char quoted[64];
    snprintf(quoted, sizeof quoted, "\"%s\":", key);
    const char *at = strstr(json, quoted);
    assert_non_null(at);
    return strtod(at + strlen(quoted), NULL);
}

static void a_device_gives_the_same_verdicts(void **state) {
    static const char *const memory[] = {"1GB", "2MB"};
    (void)state;
    /* clips of equally many frames under two budgets, and one that cannot be used */
    sp_process cpu = RUN(CERTIFY, "--budget", "-40dB", "--backend", "cpu", t.clip[0], t.clip[1]);
    expect_code(&cpu, 0);
    for (size_t i = 0; i < sizeof memory / sizeof memory[0]; i++) {
        sp_process device = RUN(CERTIFY, "--budget", "-40dB", "--backend", "emulator",
                                "--device-memory", memory[i], t.clip[0], t.clip[1], "absent.wav");
        expect_code(&device, 2);
        expect_complaint(&device, 1, "absent.wav");
        assert_int_equal(sp_process_lines(device.out), 6);
        const char *a = cpu.out, *b = device.out;
        for (size_t line = 0; line < 4; line++) {
            const double x = number_of(a, "margin"), y = number_of(b, "margin");
            assert_true(isfinite(x) && fabs(x - y) <= 1e-9 * fmax(1.0, fabs(x)));
            a = strchr(a, '\n') + 1;
            b = strchr(b, '\n') + 1;
        }
        sp_process_clear(&device);
    }
    sp_process_clear(&cpu);
}

static void what_is_not_there_is_named(void **state) {
    (void)state;
    sp_process process = RUN(CERTIFY, "--backend", "abacus", t.clip[0]);
    expect_code(&process, 1);
    expect_complaint(&process, 1, "abacus");
    sp_process_clear(&process);
    process = RUN(CERTIFY, "--backend", "cuda", t.clip[0]);
    if (process.code != 0) { // no device, or built without nvcc
        expect_code(&process, 2);
        expect_complaint(&process, 1, "CUDA");
        assert_string_equal(process.out, "");
    }
    sp_process_clear(&process);
    process = RUN(CERTIFY, "--device-memory", "1GB", t.clip[0]);
    expect_code(&process, 1);
    expect_complaint(&process, 1, "--backend cuda");
    sp_process_clear(&process);
    process = RUN(CERTIFY, "--backend", "emulator", "--device-memory", "12", t.clip[0]);
    expect_code(&process, 1);
    expect_complaint(&process, 1, "16GB");
    sp_process_clear(&process);
}

static void too_little_memory_is_named(void **state) {
    (void)state;
    sp_process process =
        RUN(CERTIFY, "--backend", "emulator", "--device-memory", "0.1MB", t.clip[0]);
    expect_code(&process, 2);
    expect_complaint(&process, 1, "--device-memory");
    sp_process_clear(&process);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_device_gives_the_same_verdicts),
        cmocka_unit_test(what_is_not_there_is_named),
        cmocka_unit_test(too_little_memory_is_named),
    };
    return cmocka_run_group_tests(tests, prepare, NULL);
}
