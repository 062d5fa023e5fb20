/* Recordings that are longer or shorter than what a model with a fixed window hears: one verdict,
 * of the weakest window, and it is that of the window as a clip of its own. */
#include "tests/cli/json_lines.h"

const char *const program = "cli_windows";

enum { STEPS = 5, FRAMES = 9, WINDOWS = FRAMES - STEPS + 1, STEP = 200, FRAME = 256 };
enum { LONG = (FRAMES - 1) * STEP + FRAME, WINDOW = (STEPS - 1) * STEP + FRAME };

static char model[PATH], front[PATH], recording[PATH], window[WINDOWS][PATH], brief[PATH];
static int16_t heard[LONG];

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
    memcpy(heard, samples, sizeof heard);
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
    process = RUN("radius", SYSTEM, "--frame", "1", recording);
    expect_code(&process, 2);
    expect_complaint(&process, 1, "--frame and --burst");
    sp_process_clear(&process);
    process = RUN("certify", SYSTEM, "--budget", "-80dB", "--frame", "1", recording);
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

/* The margin of one clip under a budget and two more options. */
static double margin_of(const char *clip, const char *budget, const char *option,
                        const char *value) {
    sp_process process = RUN("certify", SYSTEM, "--budget", budget, option, value, "--json", clip);
    cJSON *line = parse_lines(process.out, 1);
    const double margin = number(line->child, "margin");
    cJSON_Delete(line);
    sp_process_clear(&process);
    return margin;
}

static void balls_are_cut_like_boxes(void **state) {
    (void)state;
    static const char *const norms[] = {"2", "1"};
    double energy = 0.0;
    for (size_t i = 0; i < LONG; i++) {
        energy += (double)heard[i] * heard[i];
    }
    for (size_t k = 0; k < 2; k++) {
        double least = INFINITY;
        for (size_t i = 0; i < WINDOWS; i++) {
            least = fmin(least, margin_of(window[i], "2lsb", "--norm", norms[k]));
        }
        assert_true(margin_of(recording, "2lsb", "--norm", norms[k]) == least);
    }
    /* A ratio is one to the energy of the whole recording. */
    sp_process process =
        RUN("certify", SYSTEM, "--budget", "60dBsnr", "--norm", "2", "--json", recording);
    cJSON *line = parse_lines(process.out, 1);
    assert_float_equal(number(line->child, "eps_lsb") / (1e-3 * sqrt(energy)), 1.0, 1e-12);
    assert_float_equal(number(line->child, "snr_db"), 60.0, 0.0);
    assert_float_equal(number(line->child, "budget_db"), -60.0, 1e-9);
    cJSON_Delete(line);
    sp_process_clear(&process);
    process = RUN("radius", SYSTEM, "--norm", "2", "--tol", "4", "--json", recording);
    line = parse_lines(process.out, 1);
    char quiet[32], loud[32];
    snprintf(quiet, sizeof quiet, "%gdB", number(line->child, "certified_db"));
    snprintf(loud, sizeof loud, "%gdB", number(line->child, "broken_db") + 12.0);
    assert_true(margin_of(recording, quiet, "--norm", "2") > 0.0);
    cJSON_Delete(line);
    sp_process_clear(&process);
    process = RUN("attack", SYSTEM, "--norm", "2", "--budget", loud, "--json", recording);
    expect_code(&process, 0);
    assert_non_null(strstr(process.out, "\"verdict\":\"broken\""));
    sp_process_clear(&process);
}

/* Shares [count] as a file. */
static void write_shares(char path[PATH], const char *name, const double *share, size_t count) {
    char *text = malloc(count * 8 + 8);
    size_t used = 0;
    assert_non_null(text);
    for (size_t i = 0; i < count; i++) {
        used += (size_t)sprintf(text + used, "%s%.3f", i ? "," : "[", share[i]);
    }
    strcpy(text + used, "]");
    write_text(path, name, text);
    free(text);
}

static void every_window_has_its_part_of_a_profile(void **state) {
    (void)state;
    double share[LONG], frame[FRAMES] = {0}, spread[LONG] = {0}, least = INFINITY, other = INFINITY;
    char all[PATH], frames[PATH], part[PATH], name[32];
    frame[6] = 0.5;
    frame[7] = 1.0;
    for (size_t i = 0; i < LONG; i++) {
        share[i] = i < LONG / 2 ? 0.0 : (double)(i % 5) / 4.0;
        for (size_t t = 6; t < 8; t++) {
            const bool inside = i >= t * STEP && i < t * STEP + FRAME;
            spread[i] = inside ? fmax(spread[i], frame[t]) : spread[i];
        }
    }
    write_shares(all, "shares.json", share, LONG);
    write_shares(frames, "frames.json", frame, FRAMES);
    for (size_t i = 0; i < WINDOWS; i++) {
        bool noisy = false;
        for (size_t k = 0; k < WINDOW; k++) {
            noisy = noisy || spread[i * STEP + k] > 0.0;
        }
        snprintf(name, sizeof name, "part%zu.json", i);
        write_shares(part, name, share + i * STEP, WINDOW);
        least = fmin(least, margin_of(window[i], "1lsb", "--profile", part));
        write_shares(part, name, spread + i * STEP, WINDOW);
        assert_int_equal(noisy, i > 0);
        if (noisy) {
            other = fmin(other, margin_of(window[i], "1lsb", "--profile", part));
        }
    }
    assert_true(margin_of(recording, "1lsb", "--profile", all) == least);
    assert_true(margin_of(recording, "1lsb", "--profile", frames) == other);
    write_shares(part, "half.json", spread + LONG / 2, LONG / 2);
    sp_process process = RUN("certify", SYSTEM, "--budget", "1lsb", "--profile", part, recording);
    expect_code(&process, 2);
    expect_complaint(&process, 1, "one for each of");
    sp_process_clear(&process);
    memset(share, 0, sizeof share);
    write_shares(all, "quiet.json", share, LONG);
    process = RUN("certify", SYSTEM, "--budget", "1lsb", "--profile", all, recording);
    expect_code(&process, 2);
    expect_complaint(&process, 1, "no noise");
    sp_process_clear(&process);
}

/* Every method's verdict is that of certify, and the attack breaks what attack does. */
static void methods_are_compared_window_by_window(void **state) {
    (void)state;
    char journal[PATH];
    (void)remove(sp_test_scratch("cli_windows.journal", journal, PATH));
    static const char *const methods[] = {"ibp", "exact"};
    sp_process process =
        RUN("compare", SYSTEM, "--methods", "ibp,exact", "--budget", "1lsb", "--budget", "-10dB",
            "--hop", "2", "--json", "--journal", journal, recording);
    expect_code(&process, 0);
    const char *at = process.out;
    for (size_t m = 0; m < 2; m++) {
        sp_process one = RUN("certify", SYSTEM, "--method", methods[m], "--budget", "1lsb", "--hop",
                             "2", "--json", recording);
        cJSON *line = parse_lines(one.out, 1), *of = cJSON_ParseWithOpts(at, &at, 0);
        at++;
        assert_true(number(line->child, "margin") == number(of, "margin"));
        assert_int_equal(number(of, "windows"), 3);
        assert_int_equal(number(of, "window_frame"), number(line->child, "window_frame"));
        cJSON_Delete(line);
        cJSON_Delete(of);
        sp_process_clear(&one);
    }
    assert_non_null(strstr(at, "\"verdict\":\"broken\""));
    sp_process again =
        RUN("compare", SYSTEM, "--methods", "ibp,exact", "--budget", "1lsb", "--budget", "-10dB",
            "--hop", "2", "--json", "--journal", journal, recording);
    assert_string_equal(again.out, process.out);
    sp_process_clear(&again);
    sp_process_clear(&process);
    process = RUN("compare", SYSTEM, "--methods", "ibp,exact", "--budget", "1lsb", "--no-attack",
                  recording);
    expect_text(&process, "the row is that of the weakest");
    sp_process_clear(&process);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_verdict_is_that_of_the_weakest_window),
        cmocka_unit_test(edges_are_those_of_all_windows),
        cmocka_unit_test(what_is_missing_or_cannot_be_cut_is_said),
        cmocka_unit_test(labels_are_those_of_the_recording),
        cmocka_unit_test(balls_are_cut_like_boxes),
        cmocka_unit_test(every_window_has_its_part_of_a_profile),
        cmocka_unit_test(methods_are_compared_window_by_window),
    };
    return cmocka_run_group_tests(tests, make_all, NULL);
}
