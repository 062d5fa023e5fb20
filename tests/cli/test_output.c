/* What the command prints: JSON that parses, a table that lines up, the same for any number of
 * threads. */
#include "tests/cli/command.h"

#include <cjson/cJSON.h>
#include <sys/stat.h>

const char *const program = "cli_output";
static toy t;

static int prepare(void **state) {
    (void)state;
    make_toy(&t);
    return 0;
}

#define CERTIFY "certify", "--model", t.model, "--front", t.front
#define CLIP_LIST t.clip[0], t.clip[1], t.clip[2], t.clip[3]

static const cJSON *member(const cJSON *object, const char *key) {
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);
    if (!item) {
        fail_msg("no key %s", key);
    }
    return item;
}

/* The objects of JSON lines; no number may be spelled nan or inf, for cJSON reads some of that. */
static cJSON *parse_lines(char *text, size_t count) {
    cJSON *all = cJSON_CreateArray();
    assert_null(strstr(text, ":nan"));
    assert_null(strstr(text, ":inf"));
    assert_null(strstr(text, ":-inf"));
    for (char *at = strtok(text, "\n"); at; at = strtok(NULL, "\n")) {
        cJSON *object = cJSON_ParseWithOpts(at, NULL, 1);
        if (!object) {
            fail_msg("not JSON: %s", at);
        }
        cJSON_AddItemToArray(all, object);
    }
    assert_int_equal(cJSON_GetArraySize(all), count);
    return all;
}

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

/* A recording whose loudest samples are a few steps: what is certified of it is vacuous. */
static const char *write_quiet(char path[PATH]) {
    int16_t samples[CLIP_SAMPLES];
    make_samples(samples, CLIP_SAMPLES, 1);
    for (size_t i = 0; i < CLIP_SAMPLES; i++) {
        samples[i] = (int16_t)(samples[i] / 3000);
    }
    sp_bytes bytes = sp_wav_bytes(samples, CLIP_SAMPLES, 1, CLIP_RATE);
    write_bytes(path, "quiet.wav", bytes.data, bytes.size);
    sp_bytes_clear(&bytes);
    return path;
}

static void expect_text(const sp_process *process, const char *text) {
    if (!strstr(process->out, text)) {
        fail_msg("no '%s' in %s", text, process->out);
    }
}

/* A star in every row, a count in every summary, one line on stderr whatever the clips. */
static void vacuous_verdicts_are_marked_in_every_table(void **state) {
    (void)state;
    char quiet[PATH];
    write_quiet(quiet);
    sp_process process = RUN(CERTIFY, "--budget", "0.4lsb", "--budget", "0.6lsb", CLIP_LIST);
    expect_code(&process, 0);
    expect_complaint(&process, 1, "4 certified verdicts (*) are vacuous");
    expect_text(&process, "0.40");
    expect_text(&process, "certified* ");
    expect_text(&process, "\n0.4lsb: certified 4 of 4 (4 of them below half a step *)\n");
    expect_text(&process, "\n0.6lsb: certified 4 of 4\n");
    sp_process_clear(&process);
    process = RUN("compare", "--model", t.model, "--front", t.front, "--methods", "ibp,exact",
                  "--no-attack", "--budget", "0.001lsb", "--budget", "0.6lsb", CLIP_LIST);
    expect_code(&process, 0);
    expect_complaint(&process, 1, "certified verdicts (*) are vacuous");
    expect_text(&process, "\n* below half a step, %   0.001lsb     0.6lsb\n");
    expect_text(&process, "\n  exact                     100.0        0.0\n");
    sp_process_clear(&process);
    process = RUN("compare", "--model", t.model, "--front", t.front, "--methods", "exact",
                  "--no-attack", "--budget", "0.4lsb", t.clip[0]);
    expect_text(&process, " 0.4lsb*\n");
    sp_process_clear(&process);
    process = RUN("attack", "--model", t.model, "--front", t.front, "--steps", "1", "--starts", "1",
                  "--budget", "0.4lsb", "--budget", "2lsb", CLIP_LIST);
    expect_code(&process, 0);
    expect_complaint(&process, 1, "4 attacks (*) had less than half a step");
    expect_text(&process, "unknown* ");
    expect_text(&process, "\n0.4lsb: broken 0 of 4 by a file (4 of the 4 below half a step *)\n");
    expect_text(&process, "\n2lsb: broken 0 of 4 by a file\n");
    sp_process_clear(&process);
    process = RUN("radius", "--model", t.model, "--front", t.front, "--tol", "5", "--steps", "5",
                  quiet, t.clip[0]);
    expect_code(&process, 0);
    expect_complaint(&process, 1, "1 certified verdict (*) is vacuous");
    expect_text(&process, "certified* ");
    expect_text(&process, "found for 2 of 2 clips, for 1 of them below half a step *: ");
    sp_process_clear(&process);
}

/* The report says it of the clip, of its budgets and in its counts. */
static void vacuous_verdicts_are_marked_in_reports(void **state) {
    (void)state;
    char quiet[PATH], html[PATH];
    write_quiet(quiet);
    file_in(html, "vacuous.html");
    sp_process process =
        RUN("report", "--model", t.model, "--front", t.front, "--tol", "5", "--steps", "5",
            "--budget", "0.4lsb", "--html", html, quiet, t.clip[0]);
    expect_code(&process, 0);
    expect_complaint(&process, 1, "1 certified verdict (*) is vacuous");
    expect_text(&process, "certified* ");
    sp_process_clear(&process);
    process = sp_process_run(program, (const char *const[]){"/bin/cat", html, NULL});
    expect_text(&process, "; for 1 of the 2 certified clips (*) the former is below half a step");
    expect_text(&process, "</svg>1 (1*)</td>");
    expect_text(&process, ">certified*</span>");
    expect_text(&process, "less than half a step: no other clip of this format is so close");
    expect_text(&process, "which is below half a step of the format (*)");
    expect_text(&process, "<dt>Below half a step (*)</dt>");
    sp_process_clear(&process);
}

/* Of every command, and null where there is no budget to speak of. */
static void vacuous_is_a_key_of_every_object(void **state) {
    (void)state;
    char quiet[PATH], absent[PATH], html[PATH];
    file_in(html, "keys.html");
    write_quiet(quiet);
    const struct {
        const char *command, *more[7];
        size_t objects;
    } runs[] = {{"certify", {"--budget", "0.0001lsb"}, 1},
                {"attack", {"--budget", "0.0001lsb", "--steps", "1"}, 1},
                {"radius", {"--tol", "10", "--steps", "1"}, 1},
                {"report", {"--tol", "10", "--steps", "1", "--html", html}, 1},
                {"compare", {"--budget", "0.0001lsb", "--methods", "exact", "--no-attack"}, 2}};
    for (size_t i = 0; i < sizeof runs / sizeof runs[0]; i++) {
        const char *arguments[20] = {runs[i].command, "--model", t.model,
                                     "--front",       t.front,   "--json"};
        size_t count = 6;
        for (size_t k = 0; k < 7 && runs[i].more[k]; k++) {
            arguments[count++] = runs[i].more[k];
        }
        arguments[count] = quiet;
        sp_process process = run_list(arguments);
        expect_code(&process, 0);
        cJSON *all = parse_lines(process.out, runs[i].objects);
        assert_true(cJSON_IsTrue(member(cJSON_GetArrayItem(all, 0), "vacuous")));
        if (runs[i].objects > 1) { // the totals
            assert_int_equal(member(cJSON_GetArrayItem(all, 1), "vacuous")->valueint, 1);
        }
        cJSON_Delete(all);
        sp_process_clear(&process);
        arguments[count] = file_in(absent, "absent.wav");
        process = run_list(arguments);
        expect_code(&process, 2);
        all = parse_lines(process.out, runs[i].objects);
        assert_true(cJSON_IsNull(member(cJSON_GetArrayItem(all, 0), "vacuous")));
        cJSON_Delete(all);
        sp_process_clear(&process);
    }
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
        cmocka_unit_test(vacuous_verdicts_are_marked_in_every_table),
        cmocka_unit_test(vacuous_verdicts_are_marked_in_reports),
        cmocka_unit_test(vacuous_is_a_key_of_every_object),
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
