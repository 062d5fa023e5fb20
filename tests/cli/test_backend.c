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

/* Lengths that all differ but for two; what cannot be used stands between them. */
enum { LENGTHS = 6, MOST_SAMPLES = 4000 };
static const size_t lengths[LENGTHS] = {1064, 256, 3900, 456, 1064, 2100};

static const char *write_length(char path[PATH], size_t index) {
    int16_t samples[MOST_SAMPLES];
    char name[32];
    snprintf(name, sizeof name, "length%zu.wav", index);
    make_samples(samples, lengths[index], 40 + index);
    sp_bytes bytes = sp_wav_bytes(samples, lengths[index], 1, CLIP_RATE);
    write_bytes(path, name, bytes.data, bytes.size);
    sp_bytes_clear(&bytes);
    return path;
}

static bool line_has(const char *line, const char *text) {
    const char *at = strstr(line, text);
    return at != NULL && at < strchr(line, '\n');
}

/* Line by line the CPU's clips and margins; returns how many lines tell of an error instead. */
static size_t expect_margins(const char *cpu, const char *device) {
    const char *const clip = "{\"clip\":";
    size_t errors = 0;
    for (; *cpu != '\0'; cpu = strchr(cpu, '\n') + 1, device = strchr(device, '\n') + 1) {
        assert_true(line_has(cpu, clip));
        assert_memory_equal(cpu, device, (size_t)(strchr(cpu, ',') - cpu));
        if (line_has(device, "\"verdict\":\"error\"")) {
            errors++;
        } else {
            const double x = number_of(cpu, "margin"), y = number_of(device, "margin");
            assert_true(isfinite(x) && fabs(x - y) <= 1e-9 * fmax(1.0, fabs(x)));
        }
    }
    assert_string_equal(device, "");
    return errors;
}

/* In memory for all of them, then in ever more of it: at first no clip fits, then some do, then all
 * in batches. */
static void clips_of_any_length_go_together(void **state) {
    char clip[LENGTHS][PATH], memory[32] = "1GB";
    size_t some = 0, all = 0;
    (void)state;
    for (size_t i = 0; i < LENGTHS; i++) {
        write_length(clip[i], i);
    }
    sp_process cpu = RUN(CERTIFY, "--budget", "-40dB", "--backend", "cpu", clip[0], clip[1],
                         clip[2], "absent.wav", clip[3], clip[4], clip[5]);
    expect_code(&cpu, 2);
    for (double size = 0.2; all < 2; size *= 1.3) {
        sp_process device =
            RUN(CERTIFY, "--budget", "-40dB", "--backend", "emulator", "--device-memory", memory,
                clip[0], clip[1], clip[2], "absent.wav", clip[3], clip[4], clip[5]);
        expect_code(&device, 2);
        const size_t complaints = sp_process_lines(device.err);
        expect_complaint(&device, complaints, "absent.wav");
        assert_int_equal(expect_margins(cpu.out, device.out), 2 * complaints); // budgets
        assert_true(complaints >= 1 && complaints <= LENGTHS + 1);
        some += complaints > 1 && complaints <= LENGTHS;
        all += complaints == 1;
        sp_process_clear(&device);
        (void)snprintf(memory, sizeof memory, "%.2fMB", size);
    }
    assert_true(some > 0);
    sp_process_clear(&cpu);
}

/* Every pass of `opt`: octagons, and rows that choose. */
static void rows_choose_together(void **state) {
    char clip[2][PATH];
    size_t passed = 0;
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        write_length(clip[i], i);
    }
#define OPT "--budget", "-30dB", "--budget", "-24dB", clip[0], clip[1], t.clip[0]
    sp_process exact = RUN(CERTIFY, "--method", "exact", OPT);
    sp_process cpu = RUN(CERTIFY, "--method", "opt", OPT);
    sp_process device = RUN(CERTIFY, "--method", "opt", "--backend", "emulator", OPT);
    sp_process small =
        RUN(CERTIFY, "--method", "opt", "--backend", "emulator", "--device-memory", "20MB", OPT);
    expect_code(&cpu, 0);
    expect_code(&device, 0);
    expect_code(&small, 0);
    assert_int_equal(expect_margins(cpu.out, device.out), 0);
    assert_int_equal(expect_margins(cpu.out, small.out), 0);
    for (const char *a = exact.out, *b = cpu.out; *a != '\0';
         a = strchr(a, '\n') + 1, b = strchr(b, '\n') + 1) {
        passed += number_of(a, "margin") != number_of(b, "margin");
    }
    assert_true(passed > 1);
#undef OPT
    sp_process_clear(&small);
    sp_process_clear(&device);
    sp_process_clear(&cpu);
    sp_process_clear(&exact);
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
        cmocka_unit_test(clips_of_any_length_go_together),
        cmocka_unit_test(rows_choose_together),
        cmocka_unit_test(what_is_not_there_is_named),
        cmocka_unit_test(too_little_memory_is_named),
    };
    return cmocka_run_group_tests(tests, prepare, NULL);
}
