/* What the command prints: JSON that parses, a table that lines up, the same for any number of
 * threads. */
#include "tests/cli/json_lines.h"
#include "tests/cli/toy.h"

#include <sys/stat.h>

const char *const program = "cli_output";

static void json_lines(void **state) {
    (void)state;
    sp_process process = RUN(CERTIFY, "--json", "--budget", "-90dB", "--budget=-80dBFS", "--budget",
                             "3lsb", "--budget", "75dBsnr", CLIP_LIST);
    expect_code(&process, 0);
    cJSON *all = parse_lines(process.out, 16);
    for (int i = 0; i < 16; i++) {
        const cJSON *object = cJSON_GetArrayItem(all, i);
        assert_string_equal(member(object, "clip")->valuestring, t.clip[i / 4]);
        assert_true(member(object, "eps")->valuedouble > 0.0);
        assert_true(cJSON_IsNumber(member(object, "snr_db")));
        assert_true(member(object, "frames")->valuedouble == 6.0);
        assert_string_equal(member(object, "method")->valuestring, "exact");
        assert_string_equal(member(object, "front_relax")->valuestring, "joint");
        const int label = member(object, "label")->valueint;
        assert_int_equal(label, member(object, "predicted")->valueint); // no digit in the file name
        if (strcmp(member(object, "verdict")->valuestring, "certified") == 0) {
            assert_true(member(object, "margin")->valuedouble > 0.0);
            assert_true(cJSON_IsNull(member(object, "reason")));
        } else {
            assert_true(cJSON_IsString(member(object, "reason")));
        }
        const cJSON *margins = member(object, "margins");
        assert_int_equal(cJSON_GetArraySize(margins), 3);
        for (int k = 0; k < 3; k++) {
            assert_int_equal(cJSON_IsNull(cJSON_GetArrayItem(margins, k)), k == label);
        }
    }
    assert_true(member(cJSON_GetArrayItem(all, 0), "budget_db")->valuedouble == -90.0);
    assert_true(member(cJSON_GetArrayItem(all, 2), "eps_lsb")->valuedouble == 3.0);
    assert_true(member(cJSON_GetArrayItem(all, 2), "eps")->valuedouble >= 3.0);
    assert_true(fabs(member(cJSON_GetArrayItem(all, 2), "eps")->valuedouble - 3.0) < 1e-12);
    assert_true(member(cJSON_GetArrayItem(all, 3), "snr_db")->valuedouble == 75.0);
    assert_true(cJSON_IsTrue(member(cJSON_GetArrayItem(all, 0), "vacuous")));
    assert_true(cJSON_IsFalse(member(cJSON_GetArrayItem(all, 2), "vacuous")));
    cJSON_Delete(all);
    sp_process_clear(&process);
}

/* The two spellings of an option, and --threads in either place, are one command. */
static void spellings(void **state) {
    (void)state;
    sp_process apart = RUN(CERTIFY, "--json", "--budget", "-60dB", "--threads", "1", t.clip[0]);
    sp_process joined =
        RUN("--threads=1", CERTIFY, "--json", "--budget=-60dB", "--method=exact", t.clip[0]);
    expect_code(&apart, 0);
    expect_code(&joined, 0);
    *strstr(apart.out, "\"seconds\"") = '\0';
    *strstr(joined.out, "\"seconds\"") = '\0';
    assert_string_equal(apart.out, joined.out);
    sp_process_clear(&apart);
    sp_process_clear(&joined);
}

/* Replaces the value of every "seconds" by nothing. */
static void blank_seconds(char *text) {
    char *to = text;
    for (const char *from = text; *from;) {
        if (strncmp(from, "\"seconds\":", 10) == 0) {
            from += 10;
            while (*from && *from != ',' && *from != '}') {
                from++;
            }
        } else {
            *to++ = *from++;
        }
    }
    *to = '\0';
}

static void threads_change_nothing(void **state) {
    (void)state;
    char *first = NULL;
    static const char *const counts[] = {"1", "2", "5"};
    for (int i = 0; i < (sp_test_sanitized() ? 2 : 3); i++) {
        sp_process process = RUN(CERTIFY, "--threads", counts[i], "--json", "--budget", "-60dB",
                                 "--budget", "-75dB", CLIP_LIST, t.clip[1], t.clip[0]);
        expect_code(&process, 0);
        blank_seconds(process.out);
        if (first) {
            assert_string_equal(first, process.out);
        } else {
            first = strdup(process.out);
        }
        sp_process_clear(&process);
    }
    free(first);
}

/* Every row of the table ends where its head does; a summary follows an empty line. */
static void the_table_lines_up(void **state) {
    (void)state;
    char accent[PATH];
    write_clip(accent, "caf\xC3\xA9.wav", 9, 1, CLIP_RATE);
    sp_process process = RUN(CERTIFY, "--budget", "-60dB", "--budget", "-45dB", CLIP_LIST, accent);
    expect_code(&process, 0);
    const size_t width = (size_t)(strchr(process.out, '\n') - process.out);
    size_t rows = 0;
    char *at = process.out;
    for (char *end; *at != '\n' && (end = strchr(at, '\n')); at = end + 1, rows++) {
        const size_t bytes = (size_t)(end - at);
        assert_int_equal(bytes, strstr(at, "caf\xC3\xA9") && strstr(at, "caf\xC3\xA9") < end
                                    ? width + 1
                                    : width);
    }
    assert_int_equal(rows, 11);
    assert_non_null(strstr(at, "-60dB: certified "));
    assert_non_null(strstr(at, "-45dB: certified "));
    assert_non_null(strstr(at, " of 5"));
    assert_null(strstr(process.out, "nan"));
    assert_null(strstr(process.out, "inf"));
    sp_process_clear(&process);
}

static void verbose_shows_all_labels(void **state) {
    (void)state;
    sp_process process = RUN(CERTIFY, "-v", "--budget", "-60dB", t.clip[0]);
    expect_code(&process, 0);
    for (int k = 0; k < 3; k++) {
        char word[32];
        snprintf(word, sizeof word, "label %3d", k);
        assert_non_null(strstr(process.out, word));
    }
    assert_non_null(strstr(process.out, "rounding error"));
    assert_non_null(strstr(process.out, "front end"));
    sp_process_clear(&process);
}

/* The label comes from --label, the manifest or the file name; what contradicts the model is
 * misclassified, and that is a verdict: exit code 0. */
static void labels(void **state) {
    (void)state;
    char named[PATH], manifest[PATH], text[2 * PATH];
    size_t misclassified = 0;
    for (int label = 0; label < 3; label++) {
        const char number[2] = {(char)('0' + label), '\0'};
        sp_process process =
            RUN(CERTIFY, "--json", "--budget", "-90dB", "--label", number, t.clip[0]);
        expect_code(&process, 0);
        cJSON *all = parse_lines(process.out, 1);
        const cJSON *object = cJSON_GetArrayItem(all, 0);
        assert_int_equal(member(object, "label")->valueint, label);
        const bool wrong = member(object, "predicted")->valueint != label;
        assert_int_equal(strcmp(member(object, "verdict")->valuestring, "misclassified") == 0,
                         wrong);
        misclassified += wrong;
        cJSON_Delete(all);
        sp_process_clear(&process);
    }
    assert_int_equal(misclassified, 2);
    file_in(named, "");
    strcat(named, "folder");
    mkdir(named, 0755);
    char name[64];
    snprintf(name, sizeof name, "folder/2_x.wav");
    write_clip(named, name, 1, 1, CLIP_RATE);
    snprintf(text, sizeof text, "path\tlabel\n%s\t1\n", strrchr(named, '/') + 1);
    snprintf(name, sizeof name, "folder/m.tsv");
    write_text(manifest, name, text);
    sp_process process = RUN(CERTIFY, "--json", "--budget", "-90dB", named);
    assert_non_null(strstr(process.out, "\"label\":2"));
    sp_process_clear(&process);
    process = RUN(CERTIFY, "--json", "--budget", "-90dB", "--manifest", manifest);
    expect_code(&process, 0);
    assert_non_null(strstr(process.out, "\"clip\":\"2_x.wav\""));
    assert_non_null(strstr(process.out, "\"label\":1"));
    sp_process_clear(&process);
}

static void every_method_and_front_end(void **state) {
    (void)state;
    static const char *const methods[] = {"ibp", "r2-lp", "exact"};
    static const char *const fronts[] = {"interval", "r2", "joint"};
    sp_process single =
        RUN(CERTIFY, "--json", "--budget", "-80dB", "--precision", "float32", t.clip[0]);
    expect_code(&single, 0);
    assert_non_null(strstr(single.out, "\"method\":\"exact/float32\""));
    sp_process_clear(&single);
    for (int m = 0; m < 3; m++) {
        for (int f = 0; f < 3; f++) {
            sp_process process = RUN(CERTIFY, "--json", "--budget", "-80dB", "--method", methods[m],
                                     "--front-relax", fronts[f], t.clip[0]);
            expect_code(&process, 0);
            assert_non_null(strstr(process.out, methods[m]));
            assert_non_null(strstr(process.out, fronts[f]));
            sp_process_clear(&process);
        }
    }
}

static void timeouts_are_verdicts(void **state) {
    (void)state;
    sp_process process =
        RUN(CERTIFY, "--json", "--budget", "-60dB", "--timeout", "0.000001", t.clip[0]);
    expect_code(&process, 0);
    assert_non_null(strstr(process.out, "\"verdict\":\"timeout\""));
    sp_process_clear(&process);
}

/* run: the answer is the largest logit, and --front is not needed when the model carries it. */
static void run_prints_logits(void **state) {
    (void)state;
    sp_process process = RUN("run", "--json", "--model", t.with_front, CLIP_LIST);
    expect_code(&process, 0);
    cJSON *all = parse_lines(process.out, CLIPS);
    for (int i = 0; i < CLIPS; i++) {
        const cJSON *object = cJSON_GetArrayItem(all, i), *logits = member(object, "logits");
        const int predicted = member(object, "predicted")->valueint;
        assert_int_equal(cJSON_GetArraySize(logits), 3);
        for (int k = 0; k < 3; k++) {
            assert_true(cJSON_GetArrayItem(logits, k)->valuedouble <=
                        cJSON_GetArrayItem(logits, predicted)->valuedouble);
        }
    }
    cJSON_Delete(all);
    sp_process_clear(&process);
}

/* bench without data: a random network and noise; every line is a figure that is a number above
 * zero. */
static void bench_prints_figures(void **state) {
    (void)state;
    static const char *const topics[] = {"memory", "dgemm",   "exact",   "growth", "planes",
                                         "rivals", "backend", "kernels", "model",  "clips"};
    enum { TOPICS = sizeof topics / sizeof topics[0] };
    size_t seen[TOPICS] = {0}, same = 0;
    sp_process process = RUN("bench", "--quick", "--threads", "1", "--json");
    expect_code(&process, 0);
    assert_string_equal(process.err, "");
    const size_t lines = sp_process_lines(process.out);
    cJSON *all = parse_lines(process.out, lines);
    for (int i = 0; i < cJSON_GetArraySize(all); i++) {
        const cJSON *object = cJSON_GetArrayItem(all, i);
        assert_true(member(object, "value")->valuedouble > 0.0);
        assert_true(cJSON_IsString(member(object, "unit")));
        assert_true(cJSON_IsString(member(object, "target")));
        for (int k = 0; k < TOPICS; k++) {
            seen[k] += strcmp(member(object, "topic")->valuestring, topics[k]) == 0;
        }
        if (strstr(member(object, "what")->valuestring, "/ by formula")) {
            assert_true(fabs(member(object, "value")->valuedouble - 1.0) <= 0.1);
        }
        const char *what = member(object, "what")->valuestring;
        int clips = 0;
        if (strstr(what, "the same verdict") && sscanf(what, "exact, %d clips", &clips) == 1) {
            assert_int_equal((int)member(object, "value")->valuedouble, clips);
            same++;
        }
    }
    for (int k = 0; k < TOPICS; k++) {
        assert_true(seen[k] > 0);
    }
    assert_int_equal(same, 1);
    cJSON_Delete(all);
    sp_process_clear(&process);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_lines),
        cmocka_unit_test(spellings),
        cmocka_unit_test(threads_change_nothing),
        cmocka_unit_test(the_table_lines_up),
        cmocka_unit_test(verbose_shows_all_labels),
        cmocka_unit_test(labels),
        cmocka_unit_test(every_method_and_front_end),
        cmocka_unit_test(timeouts_are_verdicts),
        cmocka_unit_test(run_prints_logits),
        cmocka_unit_test(bench_prints_figures),
    };
    return cmocka_run_group_tests(tests, prepare, NULL);
}
