/* attack, radius and compare: what they print, the files that they write, and what they refuse. */
#include <sys/stat.h>
#include <unistd.h>

#include "tests/cli/command.h"

const char *const program = "cli_search";
static toy t;

/* The first random model whose answer to the first clip loud noise changes. */
static bool make_breakable(char path[PATH]) {
    bool broken = false;
    for (uint64_t seed = 1; !broken && seed <= 40; seed++) {
        const sp_test_onnx shape = {.features = 10, .hidden = 4, .classes = 3, .seed = seed};
        write_model(path, "breakable.onnx", &shape);
        sp_process process = RUN("attack", "--model", path, "--front", t.front, "--budget", "-5dB",
                                 "--steps", "10", "--starts", "2", "--json", t.clip[0]);
        broken = strstr(process.out, "\"verdict\":\"broken\"") != NULL;
        sp_process_clear(&process);
    }
    return broken;
}

static int prepare(void **state) {
    (void)state;
    make_toy(&t);
    return make_breakable(t.model) ? 0 : -1;
}

#define MODEL "--model", t.model, "--front", t.front
#define QUICK "--steps", "10", "--starts", "2"
#define EXPECT_USAGE(word, ...)                                                                    \
    do {                                                                                           \
        sp_process process = RUN(__VA_ARGS__);                                                     \
        expect_code(&process, 1);                                                                  \
        expect_complaint(&process, 1, word);                                                       \
        assert_string_equal(process.out, "");                                                      \
        sp_process_clear(&process);                                                                \
    } while (0)

static double number_behind(const char *text, const char *key) {
    const char *at = strstr(text, key);
    if (!at) {
        fail_msg("no %s in %s", key, text);
        return NAN;
    }
    at += strlen(key);
    return strncmp(at, "null", 4) == 0 ? NAN : strtod(at, NULL);
}

static void remove_file(const char *folder, const char *name) {
    char path[2 * PATH];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    unlink(path);
}

static bool exists(const char *folder, const char *name) {
    char path[2 * PATH];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return access(path, F_OK) == 0;
}

/* ---- attack ---- */

/* Loud noise breaks the clip: the file and its JSON are there, and `run` hears the other answer. */
static void attack_writes_what_breaks(void **state) {
    (void)state;
    char folder[PATH], wav[64], json[64], path[2 * PATH];
    file_in(folder, "new/folder");
    snprintf(wav, sizeof wav, "%s_clip0_-5dB.wav", program);
    snprintf(json, sizeof json, "%s_clip0_-5dB.json", program);
    remove_file(folder, wav);
    remove_file(folder, json);
    sp_process process = RUN("attack", MODEL, "--budget", "-5dB", "--budget", "-150dB", "--out",
                             folder, "--json", t.clip[0]);
    expect_code(&process, 0);
    assert_int_equal(sp_process_lines(process.out), 2);
    assert_non_null(strstr(process.out, "\"verdict\":\"broken\""));
    assert_non_null(strstr(process.out, "\"verdict\":\"unknown\""));
    assert_true(exists(folder, wav));
    assert_true(exists(folder, json));
    const double predicted = number_behind(process.out, "\"predicted\":"),
                 answer = number_behind(process.out, "\"answer\":");
    assert_true(predicted != answer);
    assert_true(number_behind(process.out, "\"margin\":") < 0.0);
    assert_true(number_behind(process.out, "\"noise_lsb\":") <=
                number_behind(process.out, "\"eps_lsb\":"));
    snprintf(path, sizeof path, "%s/%s", folder, wav);
    assert_non_null(strstr(process.out, path));
    sp_process heard = RUN("run", MODEL, "--json", path);
    expect_code(&heard, 0);
    assert_true(number_behind(heard.out, "\"predicted\":") == answer);
    sp_process_clear(&heard);
    // The file beside it is the printed line.
    FILE *file;
    char line[16384] = "";
    snprintf(path, sizeof path, "%s/%s", folder, json);
    file = fopen(path, "r");
    assert_non_null(file);
    assert_non_null(fgets(line, sizeof line, file));
    fclose(file);
    assert_true(strncmp(process.out, line, strlen(line)) == 0);
    sp_process_clear(&process);
}

/* What came through a pipe is broken by a file with the ending of its format. */
static void attack_of_standard_input(void **state) {
    (void)state;
    char folder[PATH], command[5 * PATH];
    file_in(folder, "new/folder");
    remove_file(folder, "stdin_-5dB.wav");
    snprintf(command, sizeof command,
             "\"$SOUNDPROOF\" attack --model '%s' --front '%s' --budget -5dB --out '%s' - < '%s'",
             t.model, t.front, folder, t.clip[0]);
    sp_process process =
        sp_process_run(program, (const char *const[]){"/bin/sh", "-c", command, NULL});
    expect_code(&process, 0);
    assert_non_null(strstr(process.out, "broken 1 of 1"));
    assert_true(exists(folder, "stdin_-5dB.wav"));
    sp_process_clear(&process);
}

static void attack_prints_a_table(void **state) {
    (void)state;
    sp_process process =
        RUN("attack", MODEL, "--budget", "-5dB", QUICK, "-v", t.clip[0], t.clip[1]);
    expect_code(&process, 0);
    assert_string_equal(process.err, "");
    assert_non_null(strstr(process.out, "file margin"));
    assert_non_null(strstr(process.out, "-5dB: broken"));
    assert_non_null(strstr(process.out, "why: "));
    sp_process_clear(&process);
}

static void attack_refuses(void **state) {
    (void)state;
    char folder[PATH];
    EXPECT_USAGE("--budget", "attack", MODEL, t.clip[0]);
    EXPECT_USAGE("no clips", "attack", MODEL, "--budget", "-50dB");
    EXPECT_USAGE("--steps", "attack", MODEL, "--budget", "-50dB", "--steps", "0", t.clip[0]);
    EXPECT_USAGE("--starts", "attack", MODEL, "--budget", "-50dB", "--starts", "many", t.clip[0]);
    EXPECT_USAGE("--seed", "attack", MODEL, "--budget", "-50dB", "--seed", "-1", t.clip[0]);
    EXPECT_USAGE("--method", "attack", MODEL, "--budget", "-50dB", "--method", "exact", t.clip[0]);
    EXPECT_USAGE("0 to 2", "attack", MODEL, "--budget", "-50dB", "--label", "3", t.clip[0]);
    // A folder that cannot be: a file stands there.
    write_text(folder, "no_folder", "x");
    sp_process process = RUN("attack", MODEL, "--budget", "-50dB", "--out", folder, t.clip[0]);
    expect_code(&process, 2);
    expect_complaint(&process, 1, folder);
    sp_process_clear(&process);
    // A clip that is none: the others are attacked.
    process = RUN("attack", MODEL, "--budget", "-100dB", QUICK, "--json", t.front, t.clip[0]);
    expect_code(&process, 2);
    expect_complaint(&process, 2, t.front); // and the note on half a step
    assert_int_equal(sp_process_lines(process.out), 2);
    assert_non_null(strstr(process.out, "\"verdict\":\"error\""));
    assert_non_null(strstr(process.out, "\"verdict\":\"unknown\""));
    sp_process_clear(&process);
}

static void certify_may_attack(void **state) {
    (void)state;
    sp_process process = RUN("certify", MODEL, "--budget", "-5dB", "--attack", "--json", t.clip[0]);
    expect_code(&process, 0);
    assert_non_null(strstr(process.out, "\"verdict\":\"broken\""));
    sp_process_clear(&process);
    process = RUN("certify", MODEL, "--budget", "-5dB", "--attack", t.clip[0]);
    expect_code(&process, 0);
    assert_non_null(strstr(process.out, "1 broken"));
    sp_process_clear(&process);
}

/* ---- radius ---- */

static void radius_finds_edges(void **state) {
    (void)state;
    sp_process process = RUN("radius", MODEL, "--tol", "2", QUICK, "--json", t.clip[0]);
    expect_code(&process, 0);
    assert_int_equal(sp_process_lines(process.out), 1);
    const double certified = number_behind(process.out, "\"certified_db\":"),
                 broken = number_behind(process.out, "\"broken_db\":");
    assert_true(fmod(certified, 2.0) == 0.0);
    assert_true(broken > certified);
    assert_true(number_behind(process.out, "\"broken_file_db\":") >= broken);
    assert_true(number_behind(process.out, "\"budget_db\":") == certified);
    assert_non_null(strstr(process.out, "\"tried_db\":["));
    sp_process_clear(&process);
    // The budget itself is certified, the next one is not.
    for (int step = 0; step < 2; step++) {
        char budget[32];
        snprintf(budget, sizeof budget, "%gdB", certified + 2.0 * step);
        process = RUN("certify", MODEL, "--budget", budget, "--json", t.clip[0]);
        expect_code(&process, 0);
        assert_true((strstr(process.out, "\"verdict\":\"certified\"") != NULL) == (step == 0));
        sp_process_clear(&process);
    }
    process = RUN("radius", MODEL, "--tol", "3", QUICK, "-v", t.clip[0], t.clip[1]);
    expect_code(&process, 0);
    assert_non_null(strstr(process.out, "certified dB"));
    assert_non_null(strstr(process.out, "budgets tried"));
    assert_non_null(strstr(process.out, "2 of 2 clips"));
    sp_process_clear(&process);
}

static void radius_of_frames(void **state) {
    (void)state;
    sp_process process =
        RUN("radius", MODEL, "--tol", "5", QUICK, "--frame", "all", "--json", t.clip[0]);
    expect_code(&process, 0);
    const size_t frames = sp_process_lines(process.out);
    assert_true(number_behind(process.out, "\"frames\":") == (double)frames);
    const char *weakest = strstr(process.out, "\"weakest\":true");
    assert_non_null(weakest);
    assert_null(strstr(weakest + 1, "\"weakest\":true"));
    sp_process_clear(&process);
    process = RUN("radius", MODEL, "--tol", "5", QUICK, "--burst", "2", t.clip[0]);
    expect_code(&process, 0);
    assert_non_null(strstr(process.out, "weakest moment: frame"));
    assert_non_null(strstr(process.out, "0-1"));
    sp_process_clear(&process);
    process = RUN("radius", MODEL, "--tol", "5", QUICK, "--frame", "2", "--json", t.clip[0]);
    expect_code(&process, 0);
    assert_int_equal(sp_process_lines(process.out), 1);
    assert_true(number_behind(process.out, "\"frame\":") == 2.0);
    sp_process_clear(&process);
    process = RUN("radius", MODEL, "--tol", "5", QUICK, "--frame", "40", t.clip[0]);
    expect_code(&process, 2);
    expect_complaint(&process, 1, "no frame");
    sp_process_clear(&process);
}

static void radius_refuses(void **state) {
    (void)state;
    EXPECT_USAGE("no clips", "radius", MODEL);
    EXPECT_USAGE("--tol", "radius", MODEL, "--tol", "0", t.clip[0]);
    EXPECT_USAGE("--tol", "radius", MODEL, "--tol", "nan", t.clip[0]);
    EXPECT_USAGE("--tol", "radius", MODEL, "--tol", "1dB", t.clip[0]);
    EXPECT_USAGE("--frame", "radius", MODEL, "--frame", "some", t.clip[0]);
    EXPECT_USAGE("--frame", "radius", MODEL, "--frame", "-1", t.clip[0]);
    EXPECT_USAGE("--burst", "radius", MODEL, "--burst", "0", t.clip[0]);
    EXPECT_USAGE("--budget", "radius", MODEL, "--budget", "-70dB", t.clip[0]);
    sp_process process = RUN("radius", MODEL, "--json", t.front);
    expect_code(&process, 2);
    expect_complaint(&process, 1, t.front);
    assert_non_null(strstr(process.out, "\"verdict\":\"error\""));
    assert_non_null(strstr(process.out, "\"certified_db\":null"));
    sp_process_clear(&process);
}

/* ---- compare ---- */

static void compare_agrees_with_certify(void **state) {
    (void)state;
    sp_process process = RUN("compare", MODEL, "--methods", "ibp,exact", "--budget", "-60dB",
                             "--budget", "-120dB", QUICK, "--json", t.clip[0], t.clip[1]);
    expect_code(&process, 0);
    assert_int_equal(sp_process_lines(process.out), 2 * 2 * 3 + 2 * 3 + 2 + 3);
    sp_process alone =
        RUN("certify", MODEL, "--method", "exact", "--budget", "-60dB", "--json", t.clip[0]);
    expect_code(&alone, 0);
    const char *line = strstr(process.out, "\"method\":\"exact\"");
    assert_non_null(line);
    assert_true(number_behind(line, "\"margin\":") == number_behind(alone.out, "\"margin\":"));
    const char *summary = strstr(process.out, "\"summary\":\"-120dB\",\"method\":\"exact\"");
    assert_non_null(summary);
    assert_true(number_behind(summary, "\"right\":") == 2.0);
    assert_true(number_behind(summary, "\"share\":") == 100.0);
    sp_process_clear(&alone);
    sp_process_clear(&process);
}

static const char *chart(char path[PATH + 16], const char *stem, int i) { // of shares, of margins
    snprintf(path, PATH + 16, "%s%s.%s", stem, i / 2 ? "-margins" : "", i % 2 ? "svg" : "png");
    return path;
}

static void compare_prints_tables_and_charts(void **state) {
    (void)state;
    char stem[PATH], path[PATH + 16];
    file_in(stem, "shares");
    for (int i = 0; i < 4; i++) {
        unlink(chart(path, stem, i));
    }
    sp_process process =
        RUN("compare", MODEL, "--methods", "exact", "--budget", "-60dB", "--budget", "-120dB",
            "--no-attack", "--plot", stem, t.clip[0], t.clip[1]);
    expect_code(&process, 0);
    assert_non_null(strstr(process.out, "certified, %"));
    assert_non_null(strstr(process.out, "seconds per clip"));
    assert_null(strstr(process.out, "broken"));
    for (int i = 0; i < 4; i++) {
        assert_int_equal(access(chart(path, stem, i), F_OK), 0);
    }
    sp_process_clear(&process);
}

/* Two models: the tables of both, and one chart with two lines. */
static void compare_takes_several_models(void **state) {
    (void)state;
    char models[2 * PATH + 8], chart[PATH], bad[2 * PATH + 8];
    snprintf(models, sizeof models, "%s,%s", t.model, t.with_front);
    file_in(chart, "models.svg");
    unlink(chart);
    sp_process process =
        RUN("compare", "--models", models, "--front", t.front, "--methods", "exact", "--budget",
            "-60dB", "--budget", "-120dB", "--no-attack", "--plot", chart, t.clip[0], t.clip[1]);
    expect_code(&process, 0);
    const char *first = strstr(process.out, t.model), *second = strstr(process.out, t.with_front);
    assert_true(first && second && first < second);
    const char *table = strstr(process.out, "certified, %");
    assert_true(first < table && table < second && strstr(second, "certified, %"));
    assert_int_equal(access(chart, F_OK), 0);
    sp_process_clear(&process);
    process = RUN("compare", "--models", models, "--front", t.front, "--methods", "ibp", "--budget",
                  "-60dB", "--no-attack", "--json", t.clip[0]);
    expect_code(&process, 0);
    assert_int_equal(sp_process_lines(process.out), 2 * 4); // model, verdict, sum, radii
    assert_int_equal(strncmp(process.out, "{\"model\":", 9), 0);
    sp_process_clear(&process);
    // the first model has its tables, the second one does not exist, and there is no chart
    snprintf(bad, sizeof bad, "%s,/nonexistent.onnx", t.model);
    unlink(chart);
    process = RUN("compare", "--models", bad, "--front", t.front, "--methods", "ibp", "--budget",
                  "-60dB", "--budget", "-70dB", "--no-attack", "--plot", chart, t.clip[0]);
    expect_code(&process, 2);
    expect_complaint(&process, 1, "/nonexistent.onnx");
    assert_int_not_equal(access(chart, F_OK), 0);
    sp_process_clear(&process);
}

static void compare_refuses(void **state) {
    (void)state;
    EXPECT_USAGE("--budget", "compare", MODEL, t.clip[0]);
    EXPECT_USAGE("no clips", "compare", MODEL, "--budget", "-60dB");
    EXPECT_USAGE("no method 'magic'", "compare", MODEL, "--budget", "-60dB", "--methods",
                 "exact,magic", t.clip[0]);
    EXPECT_USAGE("no method ''", "compare", MODEL, "--budget", "-60dB", "--methods", "exact,",
                 t.clip[0]);
    EXPECT_USAGE("twice", "compare", MODEL, "--budget", "-60dB", "--methods", "ibp,exact,ibp",
                 t.clip[0]);
    EXPECT_USAGE("behind @ stands a front end", "compare", MODEL, "--budget", "-60dB", "--methods",
                 "zono@r3", t.clip[0]);
    EXPECT_USAGE("no method 'magic'", "compare", MODEL, "--budget", "-60dB", "--methods",
                 "magic@r2", t.clip[0]);
    EXPECT_USAGE("exact has none to bound", "certify", MODEL, "--budget", "-60dB", "--symbols",
                 "64", t.clip[0]);
    EXPECT_USAGE("exact carries no affine forms", "compare", MODEL, "--budget", "-60dB",
                 "--methods", "zono/64,exact/64", t.clip[0]);
    EXPECT_USAGE("twice", "compare", MODEL, "--budget", "-60dB", "--methods", "zono@r2,zono@r2",
                 t.clip[0]);
    EXPECT_USAGE("exclude each other", "certify", MODEL, "--budget", "-60dB", "--method",
                 "exact@r2", "--front-relax", "joint", t.clip[0]);
    EXPECT_USAGE("two budgets", "compare", MODEL, "--budget", "-60dB", "--plot", "x", t.clip[0]);
    EXPECT_USAGE("exclude each other", "compare", MODEL, "--models", t.model, "--budget", "-60dB",
                 t.clip[0]);
    EXPECT_USAGE("axis", "compare", MODEL, "--budget", "-60dB", "--budget", "3lsb", "--plot", "x",
                 t.clip[0]);
    sp_process process =
        RUN("compare", MODEL, "--methods", "ibp", "--budget", "-60dB", "--budget", "-70dB",
            "--no-attack", "--plot", "/nonexistent/folder/x.svg", t.front, t.clip[0]);
    expect_code(&process, 2);
    expect_complaint(&process, 1, "/nonexistent/folder/x.svg");
    assert_string_equal(process.out, ""); // before hours are spent on it
    sp_process_clear(&process);
}

/* ---- norms ---- */

static size_t count_of(const char *text, const char *part) {
    size_t count = 0;
    for (; (text = strstr(text, part)) != NULL; text++) {
        count++;
    }
    return count;
}

/* Every command that takes a norm, without one and with each: its lines say which, its table what a
 * budget is, and the certified edge of the whole clip falls from clicks to noise everywhere. */
static void every_command_takes_a_norm(void **state) {
    (void)state;
    static const char *const norms[] = {NULL, "inf", "2", "1"};
    static const char *const commands[][8] = {
        {"certify", "--budget", "40dBsnr", "--attack"},
        {"attack", "--budget", "40dBsnr"},
        {"radius", "--tol", "4"},
        {"compare", "--budget", "40dBsnr", "--methods", "ibp,exact"},
        {"report", "--budget", "40dBsnr", "--tol", "4", "--html"}};
    char page[PATH];
    file_in(page, "norm.html");
    for (size_t i = 0; i < 4 * sizeof commands / sizeof *commands; i++) {
        const char *norm = norms[i % 4], *text = norm ? norm : "inf", *list[24];
        const char *const *command = commands[i / 4];
        char key[24];
        size_t count = 0;
        for (size_t k = 0; command[k]; k++) {
            list[count++] = command[k];
        }
        if (i / 4 == 4) {
            list[count++] = page;
        }
        for (const char *const *more = (const char *const[]){MODEL, QUICK, t.clip[0], NULL}; *more;
             more++) {
            list[count++] = *more;
        }
        if (norm) {
            list[count++] = "--norm";
            list[count++] = norm;
        }
        list[count] = NULL;
        sp_process process = run_list(list);
        expect_code(&process, 0);
        snprintf(key, sizeof key, "--norm %s: a budget is", text);
        assert_int_equal(count_of(process.out, key), strcmp(text, "inf") != 0);
        sp_process_clear(&process);
        list[count++] = "--json";
        list[count] = NULL;
        process = run_list(list);
        expect_code(&process, 0);
        snprintf(key, sizeof key, "\"norm\":\"%s\"", text);
        assert_int_equal(count_of(process.out, key), sp_process_lines(process.out));
        sp_process_clear(&process);
    }
}

/* 40 dBsnr are 40 dB below the clip's energy: one budget with two names. */
static void energy_has_two_names(void **state) {
    (void)state;
    sp_process process = RUN("certify", MODEL, "--norm", "2", "--budget", "40dBsnr", "--budget",
                             "-40dB", "--json", t.clip[0]);
    expect_code(&process, 0);
    assert_int_equal(count_of(process.out, "\"budget_db\":-40,"), 2);
    assert_int_equal(count_of(process.out, "\"snr_db\":40,"), 2);
    const char *second = strchr(process.out, '\n') + 1;
    assert_true(fabs(number_behind(process.out, "\"eps\":") / number_behind(second, "\"eps\":") -
                     1.0) < 1e-12);
    sp_process_clear(&process);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(attack_writes_what_breaks),
        cmocka_unit_test(attack_of_standard_input),
        cmocka_unit_test(attack_prints_a_table),
        cmocka_unit_test(attack_refuses),
        cmocka_unit_test(certify_may_attack),
        cmocka_unit_test(radius_finds_edges),
        cmocka_unit_test(radius_of_frames),
        cmocka_unit_test(radius_refuses),
        cmocka_unit_test(compare_agrees_with_certify),
        cmocka_unit_test(compare_prints_tables_and_charts),
        cmocka_unit_test(compare_takes_several_models),
        cmocka_unit_test(compare_refuses),
        cmocka_unit_test(every_command_takes_a_norm),
        cmocka_unit_test(energy_has_two_names),
    };
    return cmocka_run_group_tests(tests, prepare, NULL);
}
