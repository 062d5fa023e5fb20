/* Recordings that are longer or shorter than what a model with a fixed window hears: one verdict,
 * of the weakest window, and it is that of the window as a clip of its own. */
#include "tests/cli/json_lines.h"

const char *const program = "cli_windows";

enum { STEPS = 5, FRAMES = 9, WINDOWS = FRAMES - STEPS + 1, STEP = 200, FRAME = 256 };
enum { LONG = (FRAMES - 1) * STEP + FRAME, WINDOW = (STEPS - 1) * STEP + FRAME };

static char model[PATH], front[PATH], recording[PATH], window[WINDOWS][PATH], brief[PATH];

static void write_samples(char path[PATH], const char *name, const int16_t *samples, size_t count) {
    sp_bytes bytes = sp_wav_bytes(samples, count, 1, CLIP_RATE);
    write_bytes(path, name, bytes.data, bytes.size);
    sp_bytes_clear(&bytes);
}

static int make_all(void **state) {
    (void)state;
    const sp_test_onnx shape = {
        .features = 10, .hidden = 4, .classes = 3, .seed = 27, .steps = STEPS};
    static const char key[] = " \"pad\": ";
    const char *at = strstr(toy_front, key), *end = at ? strchr(at, '}') : NULL;
    char text[2048];
    int16_t samples[LONG];
    assert_true(at && end);
    snprintf(text, sizeof text, "%.*s%s", (int)(at - toy_front), toy_front, end + 2);
    write_text(front, "nopad.json", text);
    write_model(model, "window.onnx", &shape);
    for (size_t i = 0; i < LONG; i += LONG / 2) {
        make_samples(samples + i, i + LONG / 2 <= LONG ? LONG / 2 : LONG - i, 7 + i);
    }
    write_samples(recording, "long.wav", samples, LONG);
    write_samples(brief, "brief.wav", samples, WINDOW - STEP);
    for (size_t i = 0; i < WINDOWS; i++) {
        char name[32];
        snprintf(name, sizeof name, "window%zu.wav", i);
        write_samples(window[i], name, samples + i * STEP, WINDOW);
    }
    return 0;
}

#define SYSTEM "--model", model, "--front", front

static double number(const cJSON *object, const char *key) {
    return member(object, key)->valuedouble;
}

static void the_verdict_is_that_of_the_weakest_window(void **state) {
    (void)state;
    static const char *const hops[] = {"1", "2", "4"};
    for (size_t h = 0; h < 3; h++) {
        const size_t hop = (size_t)atoi(hops[h]);
        double least = INFINITY;
        size_t weakest = 0, count = 0;
        for (size_t i = 0; i < WINDOWS; i += hop, count++) {
            sp_process process = RUN("certify", SYSTEM, "--budget", "0.2lsb", "--json", window[i]);
            cJSON *line = parse_lines(process.out, 1);
            const double margin = number(line->child, "margin");
            weakest = margin < least ? i : weakest;
            least = fmin(least, margin);
            cJSON_Delete(line);
            sp_process_clear(&process);
        }
        sp_process process =
            RUN("certify", SYSTEM, "--budget", "0.2lsb", "--json", "--hop", hops[h], recording);
        expect_code(&process, 0);
        cJSON *line = parse_lines(process.out, 1);
        assert_true(number(line->child, "margin") == least);
        assert_int_equal(number(line->child, "windows"), count);
        assert_int_equal(number(line->child, "window_frame"), weakest);
        assert_int_equal(number(line->child, "frames"), STEPS);
        cJSON_Delete(line);
        sp_process_clear(&process);
    }
}

/* Certified up to what all windows are, broken from where one is, and attacked by a file. */
static void edges_are_those_of_all_windows(void **state) {
    (void)state;
    sp_process process = RUN("radius", SYSTEM, "--tol", "4", "--json", recording);
    expect_code(&process, 0);
    cJSON *line = parse_lines(process.out, 1);
    const double certified = number(line->child, "certified_db");
    const double broken = number(line->child, "broken_db");
    assert_true(certified < broken);
    cJSON_Delete(line);
    sp_process_clear(&process);
    char quiet[32], loud[32];
    snprintf(quiet, sizeof quiet, "%gdB", certified);
    snprintf(loud, sizeof loud, "%gdB", broken + 12.0);
    process = RUN("certify", SYSTEM, "--budget", quiet, "--json", recording);
    assert_non_null(strstr(process.out, "\"verdict\":\"certified\""));
    sp_process_clear(&process);
    process = RUN("attack", SYSTEM, "--budget", loud, "--json", recording);
    expect_code(&process, 0);
    assert_non_null(strstr(process.out, "\"verdict\":\"broken\""));
    assert_non_null(strstr(process.out, "\"windows\":5"));
    sp_process_clear(&process);
}

static void what_is_missing_or_cannot_be_cut_is_said(void **state) {
    (void)state;
    static const char *const commands[] = {"certify", "attack"};
    for (size_t i = 0; i < 2; i++) {
        sp_process process = RUN(commands[i], SYSTEM, "--budget", "-80dB", brief);
        expect_code(&process, 2);
        expect_complaint(&process, 1, "200 samples are missing");
        sp_process_clear(&process);
    }
    char padded[PATH];
    write_text(padded, "padded.json", toy_front);
    sp_process process =
        RUN("certify", "--model", model, "--front", padded, "--budget", "-80dB", recording);
    expect_code(&process, 2);
    expect_complaint(&process, 1, "pads the clip");
    sp_process_clear(&process);
    process = RUN("certify", SYSTEM, "--budget", "40dBsnr", "--norm", "2", recording);
    expect_code(&process, 2);
    expect_complaint(&process, 1, "--norm inf only");
    sp_process_clear(&process);
    process = RUN("radius", SYSTEM, "--frame", "1", recording);
    expect_code(&process, 2);
    expect_complaint(&process, 1, "--frame and --burst");
    sp_process_clear(&process);
    process = RUN("certify", SYSTEM, "--budget", "-80dB", "--hop", "0", recording);
    expect_code(&process, 1);
    expect_complaint(&process, 1, "--hop");
    sp_process_clear(&process);
}

/* A right answer that the recording does not get is no property of its windows. */
static void labels_are_those_of_the_recording(void **state) {
    (void)state;
    sp_process process = RUN("run", SYSTEM, "--json", recording);
    cJSON *line = parse_lines(process.out, 1);
    const int predicted = (int)number(line->child, "predicted");
    char right[16], wrong[16];
    cJSON_Delete(line);
    sp_process_clear(&process);
    snprintf(right, sizeof right, "%d", predicted);
    snprintf(wrong, sizeof wrong, "%d", (predicted + 1) % 3);
    process = RUN("certify", SYSTEM, "--budget", "0.01lsb", "--label", right, "--json", recording);
    assert_non_null(strstr(process.out, "\"verdict\":\"certified\""));
    sp_process_clear(&process);
    process = RUN("certify", SYSTEM, "--budget", "0.01lsb", "--label", wrong, "--json", recording);
    assert_non_null(strstr(process.out, "\"verdict\":\"misclassified\""));
    sp_process_clear(&process);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_verdict_is_that_of_the_weakest_window),
        cmocka_unit_test(edges_are_those_of_all_windows),
        cmocka_unit_test(what_is_missing_or_cannot_be_cut_is_said),
        cmocka_unit_test(labels_are_those_of_the_recording),
    };
    return cmocka_run_group_tests(tests, make_all, NULL);
}
