/* train: what it prints and writes, what a killed run leaves, what it refuses; and info on its
 * models. */
#include <unistd.h>

#include "tests/cli/command.h"

const char *const program = "cli_train";

enum { TONES = 3, EACH = 8 };
static char front[PATH], arch[PATH], manifest[PATH], no_validation[PATH];

/* Clips of three pitches: 8 of each, the last ones for validation and testing. */
static void write_tone(char path[PATH], const char *name, int label, int number) {
    int16_t samples[CLIP_SAMPLES];
    sp_rng rng;
    sp_rng_init(&rng, (uint64_t)(100 * label + number));
    for (size_t i = 0; i < CLIP_SAMPLES; i++) {
        const double tone = 6000.0 * sin((0.2 + 0.6 * (double)label) * (double)i);
        samples[i] = (int16_t)lrint(tone + sp_rng_uniform(&rng, -500.0, 500.0));
    }
    sp_bytes bytes = sp_wav_bytes(samples, CLIP_SAMPLES, 1, CLIP_RATE);
    write_bytes(path, name, bytes.data, bytes.size);
    sp_bytes_clear(&bytes);
}

static int prepare(void **state) {
    (void)state;
    char text[2][TONES * EACH * 128] = {"", ""};
    for (int i = 0; i < TONES * EACH; i++) {
        char name[64], path[PATH], line[128];
        const int number = i / TONES;
        snprintf(name, sizeof name, "tone%d_%d.wav", i % TONES, number);
        write_tone(path, name, i % TONES, number);
        snprintf(line, sizeof line, "%s_%s\t%d\t%s\n", program, name, i % TONES,
                 number < 5 ? "train" : (number < 7 ? "validation" : "test"));
        strcat(text[0], line);
        snprintf(line, sizeof line, "%s_%s\t%d\n", program, name, i % TONES);
        strcat(text[1], line);
    }
    write_text(manifest, "clips.tsv", text[0]);
    write_text(no_validation, "drawn.tsv", text[1]);
    write_text(front, "front.json", toy_front);
    write_text(arch, "arch.json",
               "{\"layers\": [{\"kind\": \"lstm\", \"out\": 6}, {\"kind\": \"dense\", \"out\": "
               "3}]}");
    return 0;
}

#define DATA "--front", front, "--arch", arch, "--data", manifest
#define EXPECT_USAGE(word, ...)                                                                    \
    do {                                                                                           \
        sp_process process = RUN(__VA_ARGS__);                                                     \
        expect_code(&process, 1);                                                                  \
        expect_complaint(&process, 1, word);                                                       \
        assert_string_equal(process.out, "");                                                      \
        sp_process_clear(&process);                                                                \
    } while (0)

static char *bytes_of(const char *path, size_t *size) {
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    char *data = malloc(1 << 20);
    assert_non_null(data);
    *size = fread(data, 1, 1 << 20, file);
    assert_int_equal(fclose(file), 0);
    return data;
}

static void expect_same_file(const char *a, const char *b) {
    size_t sizes[2];
    char *first = bytes_of(a, &sizes[0]), *second = bytes_of(b, &sizes[1]);
    assert_int_equal(sizes[0], sizes[1]);
    assert_memory_equal(first, second, sizes[0]);
    free(first);
    free(second);
}

/* The model knows the tones, its front end and its history, and other commands take it as it is. */
static void a_model_is_made(void **state) {
    (void)state;
    char out[PATH];
    file_in(out, "made.onnx");
    sp_process process = RUN("train", DATA, "--epochs", "25", "--rate", "0.03", "--out", out);
    expect_code(&process, 0);
    assert_string_equal(process.err, "");
    assert_non_null(strstr(process.out, "24 clips: 15 for training, 6 for validation, 3 for"));
    assert_non_null(strstr(process.out, "100.00 % on test clips"));
    sp_process_clear(&process);
    process = RUN("info", out);
    expect_code(&process, 0);
    assert_non_null(strstr(process.out, "front end   described inside the file"));
    assert_non_null(strstr(process.out, "LSTM"));
    assert_non_null(strstr(process.out, "data_sha256"));
    assert_non_null(strstr(process.out, "test_accuracy      1"));
    assert_non_null(strstr(process.out, "seed               1"));
    sp_process_clear(&process);
    process = RUN("certify", "--model", out, "--budget", "-60dB", "--json", "--manifest", manifest);
    expect_code(&process, 0);
    assert_int_equal(sp_process_lines(process.out), TONES * EACH);
    assert_null(strstr(process.out, "misclassified"));
    sp_process_clear(&process);
}

/* Threads and the form of the output change nothing in the file; the seed does. */
static void runs_repeat(void **state) {
    (void)state;
    char one[PATH], three[PATH], other[PATH];
    file_in(one, "one.onnx");
    file_in(three, "three.onnx");
    file_in(other, "other.onnx");
#define SHORT DATA, "--epochs", "4", "--certify", "-60dB", "--warm", "1", "--ramp", "1"
    sp_process process = RUN("train", SHORT, "--threads", "1", "--out", one);
    expect_code(&process, 0);
    sp_process_clear(&process);
    process = RUN("train", SHORT, "--threads", "3", "--json", "--out", three);
    expect_code(&process, 0);
    assert_int_equal(sp_process_lines(process.out), 5);
    assert_non_null(strstr(process.out, "\"epoch\":1,"));
    assert_non_null(strstr(process.out, "\"accuracy_under_noise\":"));
    assert_non_null(strstr(process.out, "\"defence\":\"certified\""));
    sp_process_clear(&process);
    process = RUN("train", SHORT, "--seed", "2", "--out", other);
    expect_code(&process, 0);
    sp_process_clear(&process);
#undef SHORT
    expect_same_file(one, three);
    size_t sizes[2];
    char *a = bytes_of(one, &sizes[0]), *b = bytes_of(other, &sizes[1]);
    assert_true(sizes[0] != sizes[1] || memcmp(a, b, sizes[0]) != 0);
    free(a);
    free(b);
}

/* Killed again and again, wherever that is, a run ends with the file of one that was left alone. */
static void a_killed_run_goes_on(void **state) {
    (void)state;
    char whole[PATH], out[PATH], checkpoint[PATH];
    const char *command = getenv("SOUNDPROOF");
    command = command && command[0] ? command : "build/soundproof";
    file_in(whole, "whole.onnx");
    file_in(out, "resumed.onnx");
    file_in(checkpoint, "resumed.part");
    unlink(checkpoint);
    unlink(out);
#define LONG                                                                                       \
    DATA, "--epochs", "60", "--patience", "0", "--adversarial", "-50dB", "--warm", "2", "--ramp",  \
        "8"
    sp_process process = RUN("train", LONG, "--out", whole);
    expect_code(&process, 0);
    sp_process_clear(&process);
    int killed = 0;
    for (int run = 0; run < 200; run++) {
        const char *const list[] = {"/usr/bin/timeout",
                                    "-s",
                                    "KILL",
                                    run < 3 ? "0.15" : "60",
                                    command,
                                    "train",
                                    LONG,
                                    "--checkpoint",
                                    checkpoint,
                                    "--out",
                                    out,
                                    NULL};
        process = sp_process_run(program, list);
        killed += process.code != 0;
        const bool done = process.code == 0;
        if (!done && process.code != 128 + 9 && process.code != 124 + 13) {
            fail_msg("exit %d: %s", process.code, process.err);
        }
        sp_process_clear(&process);
        if (done) {
            break;
        }
    }
#undef LONG
    print_message("killed %d times\n", killed);
    expect_same_file(whole, out);
}

/* A limit ends training with the best epoch so far; without any there is nothing to write. */
static void a_limit_keeps_the_best_epoch(void **state) {
    (void)state;
    char out[PATH];
    file_in(out, "limit.onnx");
    unlink(out);
    sp_process process = RUN("train", DATA, "--timeout", "0.000001", "--out", out);
    expect_code(&process, 2);
    expect_complaint(&process, 1, "time limit reached in epoch 1");
    assert_int_not_equal(access(out, F_OK), 0);
    sp_process_clear(&process);
    process = RUN("train", DATA, "--epochs", "100000", "--patience", "0", "--timeout",
                  sp_test_sanitized() ? "20" : "4", "--out", out);
    expect_code(&process, 0);
    expect_complaint(&process, 1, "the best epoch so far is written");
    assert_int_equal(access(out, F_OK), 0);
    sp_process_clear(&process);
}

static void validation_clips_are_drawn(void **state) {
    (void)state;
    char out[PATH];
    file_in(out, "drawn.onnx");
    sp_process process = RUN("train", "--front", front, "--arch", arch, "--data", no_validation,
                             "--epochs", "1", "--out", out);
    expect_code(&process, 0);
    assert_non_null(strstr(process.out, "for validation (drawn), 0 for testing"));
    sp_process_clear(&process);
}

/* Stages one after the other, killed in between or not, give the same file; it names each, and is
 * what a training with --init begins with. */
static void stages_follow_each_other(void **state) {
    (void)state;
    char stages[PATH], whole[PATH], out[PATH], checkpoint[PATH], later[PATH];
    write_text(stages, "stages.json",
               "{\"note\": \"two\", \"stages\": [{\"epochs\": 3, \"patience\": 0, \"rate\": 0.01},"
               " {\"epochs\": 4, \"certify\": \"-50dB\", \"box-weight\": 0.5, \"warm\": 0,"
               " \"certify-with\": \"zonotope\", \"box-ramp\": 2,"
               " \"ramp\": 1, \"average\": 0.5}]}");
    file_in(whole, "stages_whole.onnx");
    file_in(out, "stages.onnx");
    file_in(later, "later.onnx");
    file_in(checkpoint, "stages.part");
    sp_process process = RUN("train", DATA, "--stages", stages, "--out", whole);
    expect_code(&process, 0);
    assert_non_null(strstr(process.out, "stage 2 of 2"));
    assert_non_null(strstr(process.out, "a floor of about"));
    sp_process_clear(&process);
    process = RUN("train", DATA, "--stages", stages, "--out", out, "--checkpoint", checkpoint);
    expect_code(&process, 0);
    sp_process_clear(&process);
    expect_same_file(whole, out);
    strcat(checkpoint, ".2");
    assert_int_equal(unlink(checkpoint), 0); // killed as the second stage began
    checkpoint[strlen(checkpoint) - 2] = '\0';
    process = RUN("train", DATA, "--stages", stages, "--out", out, "--checkpoint", checkpoint);
    expect_code(&process, 0);
    assert_non_null(strstr(process.out, "goes on behind epoch 3"));
    sp_process_clear(&process);
    expect_same_file(whole, out);
    process = RUN("train", "--front", front, "--data", manifest, "--init", whole, "--epochs", "1",
                  "--out", later);
    expect_code(&process, 0);
    sp_process_clear(&process);
}

/* Of two labels: one logit with the answers of the two; of three: refused. */
static void two_logits_are_one(void **state) {
    (void)state;
    char two[PATH], tsv[PATH], out[PATH], text[TONES * EACH * 128] = "", layers[PATH];
    for (int i = 0; i < TONES * EACH; i++) {
        char line[128];
        snprintf(line, sizeof line, "%s_tone%d_%d.wav\t%d\t%s\n", program, i % TONES, i / TONES,
                 i % TONES == 1, i < 18 ? "train" : "validation");
        strcat(text, line);
    }
    write_text(tsv, "wake.tsv", text);
    write_text(
        layers, "wake.json",
        "{\"layers\": [{\"kind\": \"gru\", \"out\": 6}, {\"kind\": \"dense\", \"out\": 2}]}");
    file_in(two, "two.onnx");
    file_in(out, "wake.onnx");
#define WAKE                                                                                       \
    "train", "--front", front, "--arch", layers, "--data", tsv, "--epochs", "20", "--rate", "0.03"
    sp_process process = RUN(WAKE, "--out", two);
    expect_code(&process, 0);
    sp_process_clear(&process);
    process = RUN(WAKE, "--logits", "1", "--out", out);
    expect_code(&process, 0);
    sp_process_clear(&process);
    process = RUN("info", out);
    assert_non_null(strstr(process.out, "one logit"));
    sp_process_clear(&process);
    const char *const models[] = {two, out};
    char *answers[2];
    for (size_t m = 0; m < 2; m++) {
        process = RUN("certify", "--model", models[m], "--budget", "-60dB", "--manifest", tsv);
        expect_code(&process, 0);
        const char *tail = strstr(process.out, "\n-60dB: ");
        assert_non_null(tail);
        answers[m] = strndup(tail, strcspn(tail + 1, "\n") + 1);
        sp_process_clear(&process);
    }
    assert_non_null(strstr(answers[0], "certified 24 of 24"));
    assert_string_equal(answers[0], answers[1]);
    free(answers[0]);
    free(answers[1]);
    process = RUN("train", DATA, "--logits", "1", "--out", out);
    expect_code(&process, 2);
    expect_complaint(&process, 1, "labels 0 and 1");
    sp_process_clear(&process);
}

static void wrong_usage(void **state) {
    (void)state;
    char out[PATH];
    char bad[PATH];
    file_in(out, "usage.onnx");
    EXPECT_USAGE("exclude each other", "train", DATA, "--init", out, "--out", out);
    write_text(bad, "bad.json", "{\"stages\": [{\"data\": \"x\"}]}");
    EXPECT_USAGE("'data' is no option", "train", DATA, "--stages", bad, "--out", out);
    write_text(bad, "bad.json", "{\"stages\": [{\"rate\": -1}]}");
    EXPECT_USAGE("the rate is", "train", DATA, "--stages", bad, "--out", out);
    write_text(bad, "bad.json", "{\"stages\": []}");
    EXPECT_USAGE("empty", "train", DATA, "--stages", bad, "--out", out);
    EXPECT_USAGE("--logits needs 1", "train", DATA, "--logits", "2", "--out", out);
    EXPECT_USAGE("--certify-with goes with --certify", "train", DATA, "--certify-with", "zonotope",
                 "--out", out);
    EXPECT_USAGE("needs interval, zonotope or interzono", "train", DATA, "--certify", "-60dB",
                 "--certify-with", "box", "--out", out);
    EXPECT_USAGE("leave none", "train", DATA, "--certify", "-60dB", "--box-ramp", "60", "--out",
                 out);
    EXPECT_USAGE("--front is missing", "train", "--arch", arch, "--data", manifest, "--out", out);
    EXPECT_USAGE("--arch is missing", "train", "--front", front, "--data", manifest, "--out", out);
    EXPECT_USAGE("--data is missing", "train", "--front", front, "--arch", arch, "--out", out);
    EXPECT_USAGE("--out is missing", "train", DATA);
    EXPECT_USAGE("named in the manifest", "train", DATA, "--out", out, "clip.wav");
    EXPECT_USAGE("--epochs needs a whole number", "train", DATA, "--out", out, "--epochs", "x");
    EXPECT_USAGE("--rate needs a number", "train", DATA, "--out", out, "--rate", "fast");
    EXPECT_USAGE("the rate is", "train", DATA, "--out", out, "--rate", "0");
    EXPECT_USAGE("relative to the peak", "train", DATA, "--out", out, "--certify", "3lsb");
    EXPECT_USAGE("exclude each other", "train", DATA, "--out", out, "--certify", "-60dB",
                 "--adversarial", "-60dB");
    EXPECT_USAGE("unknown option", "certify", "--epochs", "3");
}

#define EXPECT_INPUT(word, ...)                                                                    \
    do {                                                                                           \
        sp_process process = RUN(__VA_ARGS__);                                                     \
        expect_code(&process, 2);                                                                  \
        expect_complaint(&process, 1, word);                                                       \
        sp_process_clear(&process);                                                                \
    } while (0)

static void unusable_inputs(void **state) {
    (void)state;
    char out[PATH], bad[PATH], wide[PATH], checkpoint[PATH];
    file_in(out, "input.onnx");
    EXPECT_INPUT("nowhere.tsv", "train", "--front", front, "--arch", arch, "--data", "nowhere.tsv",
                 "--out", out);
    write_text(bad, "missing.tsv", "absent.wav\t0\nabsent2.wav\t1\n");
    EXPECT_INPUT("absent.wav", "train", "--front", front, "--arch", arch, "--data", bad, "--out",
                 out);
    write_text(wide, "wide.json",
               "{\"layers\": [{\"kind\": \"lstm\", \"out\": 2}, {\"kind\": \"dense\", \"out\": "
               "4}]}");
    EXPECT_INPUT("4 outputs", "train", "--front", front, "--arch", wide, "--data", manifest,
                 "--out", out);
    EXPECT_INPUT("cannot be written", "train", DATA, "--epochs", "1", "--out",
                 "/nonexistent/m.onnx");
    write_text(checkpoint, "bad.part", "nothing");
    EXPECT_INPUT("not a checkpoint", "train", DATA, "--checkpoint", checkpoint, "--out", out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_model_is_made),
        cmocka_unit_test(runs_repeat),
        cmocka_unit_test(a_killed_run_goes_on),
        cmocka_unit_test(a_limit_keeps_the_best_epoch),
        cmocka_unit_test(validation_clips_are_drawn),
        cmocka_unit_test(stages_follow_each_other),
        cmocka_unit_test(two_logits_are_one),
        cmocka_unit_test(wrong_usage),
        cmocka_unit_test(unusable_inputs),
    };
    return cmocka_run_group_tests_name("cli/train", tests, prepare, NULL);
}
