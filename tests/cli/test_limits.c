/* Interruptions, time limits and full disks: what was done is there, and nothing in half. */
#include "tests/cli/command.h"

#include <sys/stat.h>
#include <unistd.h>

const char *const program = "cli_limits";
static toy t;
static char long_clip[PATH];

enum { LONG_SAMPLES = 400000 }; // 50 s: 2,000 frames

static int prepare(void **state) {
    (void)state;
    make_toy(&t);
    int16_t *samples = malloc(LONG_SAMPLES * sizeof *samples);
    assert_non_null(samples);
    for (size_t i = 0; i < LONG_SAMPLES; i += CLIP_SAMPLES) {
        make_samples(samples + i, LONG_SAMPLES - i < CLIP_SAMPLES ? LONG_SAMPLES - i : CLIP_SAMPLES,
                     i);
    }
    sp_bytes bytes = sp_wav_bytes(samples, LONG_SAMPLES, 1, CLIP_RATE);
    write_bytes(long_clip, "long.wav", bytes.data, bytes.size);
    sp_bytes_clear(&bytes);
    free(samples);
    return 0;
}

#define MODEL "--model", t.with_front

/* Runs the command until its output holds `word`, then sends it a signal. */
static sp_process interrupted(const char *signal, const char *word, const char *const *arguments) {
    static const char script[] = "set -m\n"
                                 "word=$1 signal=$2 out=$3; shift 3\n"
                                 ": >\"$out\"\n"
                                 "\"$@\" >\"$out\" & pid=$!\n"
                                 "for ((i = 0; i < 6000; i++)); do\n"
                                 "  grep -q -- \"$word\" \"$out\" && break; sleep 0.02\n"
                                 "done\n"
                                 "kill -\"$signal\" $pid; wait $pid; code=$?\n"
                                 "cat \"$out\"; exit $code";
    char out[PATH];
    const char *list[MOST_ARGUMENTS + 9] = {
        "/bin/bash",         "-c", script, "bash", word, signal, file_in(out, "interrupted"),
        getenv("SOUNDPROOF")};
    size_t count = 8;
    list[7] = list[7] && list[7][0] ? list[7] : "build/soundproof";
    for (; *arguments; arguments++) {
        list[count++] = *arguments;
    }
    return sp_process_run(program, list);
}
#define INTERRUPTED(signal, word, ...)                                                             \
    interrupted(signal, word, (const char *const[]){__VA_ARGS__, NULL})

/* Two clips are compared at once, a third one comes in between: the long one is cut short. */
static void comparisons_keep_what_is_done(void **state) {
    (void)state;
    char chart[PATH];
    file_in(chart, "chart.svg");
    unlink(chart);
    sp_process process =
        INTERRUPTED("INT", "^cli_limits_clip0", "compare", MODEL, "--threads", "1", "--methods",
                    "exact,opt", "--budget", "-80dB", "--budget", "-75dB", "--no-attack", "--plot",
                    chart, t.clip[0], long_clip, t.clip[1]);
    expect_code(&process, 130);
    assert_non_null(strstr(process.err, "soundproof: interrupted: 1 of 3 clips done"));
    assert_non_null(strstr(process.out, "1 of 1 clips are answered rightly"));
    assert_non_null(strstr(process.out, "certified, %"));
    assert_null(strstr(process.out, "clip1"));
    assert_int_equal(access(chart, F_OK), 0);
    sp_process_clear(&process);
}

static void json_totals_are_of_what_is_done(void **state) {
    (void)state;
    sp_process process =
        INTERRUPTED("TERM", "clip0.wav", "compare", MODEL, "--threads", "1", "--json", "--methods",
                    "opt", "--budget", "-80dB", "--no-attack", t.clip[0], long_clip);
    expect_code(&process, 143);
    assert_non_null(strstr(process.out, "\"summary\":\"-80dB\",\"method\":\"opt\",\"clips\":1"));
    sp_process_clear(&process);
}

static void reports_are_written_when_interrupted(void **state) {
    (void)state;
    char html[PATH], text[4096] = "";
    file_in(html, "page.html");
    unlink(html);
    sp_process process = INTERRUPTED("INT", "^cli_limits_clip0", "report", MODEL, "--threads", "1",
                                     "--tol", "5", "--steps", "40", "--starts", "1", "--html", html,
                                     t.clip[0], long_clip, t.clip[1]);
    expect_code(&process, 130);
    FILE *page = fopen(html, "r");
    assert_non_null(page);
    bool first = false, third = false, whole = false, said = false;
    while (fgets(text, sizeof text, page)) {
        first = first || strstr(text, "id=\"clip-1\"");
        third = third || strstr(text, "id=\"clip-3\"");
        said = said || strstr(text, "was interrupted: 1 more");
        whole = strstr(text, "</html>") != NULL;
    }
    fclose(page);
    assert_true(first && !third && whole && said);
    sp_process_clear(&process);
}

/* Findings of the clips before stand, the one under way does not. */
static void audits_keep_what_is_done(void **state) {
    (void)state;
    char model[PATH], other[PATH], word[PATH];
    if (!sp_test_data("wake/hey_mycroft.onnx", model, PATH) ||
        !sp_test_data("wake/core_weather_mycroft.wav", other, PATH) ||
        !sp_test_data("wake/core_hey_mycroft.wav", word, PATH)) {
        print_message("no wake/hey_mycroft.onnx or recordings below SOUNDPROOF_DATA\n");
        skip();
    }
    sp_process process = INTERRUPTED("INT", "misclassified", "audit", "--model", model, "--front",
                                     "examples/fronts/precise-sonopy.json", "--method", "opt",
                                     "--threads", "1", "--property", "stream-fire", other, word);
    expect_code(&process, 130);
    assert_non_null(strstr(process.err, "interrupted: 1 of 2 clips done"));
    assert_non_null(strstr(process.out, "0 of 1 certified"));
    assert_non_null(strstr(process.out, "1 not so without noise already"));
    assert_null(strstr(process.out, "core_hey_mycroft.wav  stream-fire"));
    sp_process_clear(&process);
}

/* The limit is that of all that a page shows of a clip: budgets, search and attacks. */
static void reports_keep_to_the_limit(void **state) {
    (void)state;
    char html[PATH];
    sp_process process =
        RUN("report", MODEL, "--timeout", "2", "--threads", "1", "--html",
            file_in(html, "limit.html"), "--budget", "-60dB", "--budget", "-50dB", long_clip);
    expect_code(&process, 0);
    const char *seconds = strstr(process.out, "Method exact, ");
    assert_non_null(seconds);
    assert_true(strtod(seconds + 14, NULL) < (sp_test_sanitized() ? 40.0 : 6.0));
    sp_process_clear(&process);
}

/* Timeouts are a column of their own, and no shortcoming of a method. */
static void comparisons_count_timeouts(void **state) {
    (void)state;
    sp_process process =
        RUN("compare", MODEL, "--methods", "exact", "--budget", "-80dB", "--budget", "-60dB",
            "--no-attack", "--timeout", "0.000001", t.clip[0]);
    expect_code(&process, 0);
    assert_non_null(strstr(process.out, "out of time\n"));
    assert_non_null(strstr(process.out, "out of time, %"));
    sp_process_clear(&process);
    process = RUN("compare", MODEL, "--json", "--methods", "exact", "--budget", "-80dB",
                  "--no-attack", "--timeout", "0.000001", t.clip[0]);
    assert_non_null(strstr(process.out, "\"timeouts\":1"));
    sp_process_clear(&process);
    process =
        RUN("compare", MODEL, "--methods", "exact", "--budget", "-80dB", "--no-attack", t.clip[0]);
    assert_null(strstr(process.out, "out of time"));
    sp_process_clear(&process);
}

/* The limit reaches into the front end of a long clip, whose intervals come first. */
static void long_clips_keep_to_the_limit(void **state) {
    (void)state;
    sp_process process = RUN("certify", MODEL, "--json", "--method", "opt", "--budget", "-60dB",
                             "--timeout", "2", "--threads", "1", long_clip);
    expect_code(&process, 0);
    const char *seconds = strstr(process.out, "\"seconds\":");
    assert_non_null(seconds);
    assert_true(strtod(seconds + 10, NULL) < (sp_test_sanitized() ? 20.0 : 4.0));
    assert_non_null(strstr(process.out, "\"verdict\":\"timeout\""));
    sp_process_clear(&process);
}

/* Before any work: nothing is printed. */
static void folders_are_tried_first(void **state) {
    (void)state;
    const char *const command[] = {"attack", "report", "audit"};
    const char *const folder[] = {"/proc", "/dev/null/a", "/proc/none"};
    for (size_t c = 0; c < 2; c++) { // audit needs a wake-word model: tests/cli/test_wake.c
        for (size_t f = 0; f < 3; f++) {
            sp_process process =
                RUN(command[c], MODEL, "--budget", "-60dB", "--out", folder[f], t.clip[0]);
            expect_code(&process, 2);
            expect_complaint(&process, 1, folder[f]);
            assert_string_equal(process.out, "");
            sp_process_clear(&process);
        }
    }
}

static sp_process shell(const char *script, const char *const *arguments) {
    const char *list[MOST_ARGUMENTS + 6] = {"/bin/bash", "-c", script, "bash",
                                            getenv("SOUNDPROOF")};
    size_t count = 5;
    list[4] = list[4] && list[4][0] ? list[4] : "build/soundproof";
    for (; *arguments; arguments++) {
        list[count++] = *arguments;
    }
    return sp_process_run(program, list);
}
#define SHELL(script, ...) shell(script, (const char *const[]){__VA_ARGS__, NULL})

static void a_full_device_is_an_error(void **state) {
    (void)state;
    sp_process list[] = {
        SHELL("\"$@\" >/dev/full", "certify", MODEL, "--json", "--budget", "-80dB", t.clip[0]),
        SHELL("\"$@\" >/dev/full", "compare", MODEL, "--no-attack", "--budget", "-80dB", t.clip[0]),
        SHELL("\"$@\" >/dev/full", "methods"), SHELL("\"$@\" >/dev/full", "--help"),
        SHELL("\"$@\" >/dev/full", "help", "certify")};
    for (size_t i = 0; i < sizeof list / sizeof list[0]; i++) {
        expect_code(&list[i], 2);
        assert_non_null(strstr(list[i].err, "soundproof: the output could not be written"));
        sp_process_clear(&list[i]);
    }
}

/* Files of at most 1 KiB stand for a full disk: what was there before stays, and no half ones. */
static void full_disks_leave_no_halves(void **state) {
    (void)state;
    static const char script[] = "trap '' XFSZ; ulimit -f 1; \"$@\" >/dev/null";
    char chart[PATH], html[PATH], boxes[PATH];
    struct stat about;
    write_text(chart, "full.png", "old");
    write_text(boxes, "full.npz", "old");
    write_text(html, "full.html", "old");
    sp_process process =
        SHELL(script, "compare", MODEL, "--methods", "ibp", "--no-attack", "--budget", "-80dB",
              "--budget", "-60dB", "--plot", chart, t.clip[0]);
    expect_code(&process, 2);
    expect_complaint(&process, 1, "full.png");
    sp_process_clear(&process);
    process = SHELL(script, "report", MODEL, "--tol", "5", "--steps", "10", "--starts", "1",
                    "--html", html, t.clip[0]);
    expect_code(&process, 2);
    expect_complaint(&process, 1, "full.html");
    sp_process_clear(&process);
    process = SHELL(script, "certify", MODEL, "--budget", "-80dB", "--dump-bounds", boxes,
                    t.clip[0], t.clip[1]);
    expect_code(&process, 2);
    assert_non_null(strstr(process.err, "full.npz: cannot be written"));
    sp_process_clear(&process);
    assert_true(stat(boxes, &about) == 0 && about.st_size == 3);
    assert_true(stat(chart, &about) == 0 && about.st_size == 3);
    assert_true(stat(html, &about) == 0 && about.st_size == 3);
}

/* Two clips of one name would be two arrays of one name. */
static void boxes_of_a_clip_are_written_once(void **state) {
    (void)state;
    char boxes[PATH];
    sp_process process =
        RUN("certify", MODEL, "--threads", "1", "--budget", "-80dB", "--dump-bounds",
            file_in(boxes, "twice.npz"), t.clip[0], t.clip[1], t.clip[0]);
    expect_code(&process, 2);
    expect_complaint(&process, 1, "is in it already");
    assert_int_equal(access(boxes, F_OK), 0);
    sp_process_clear(&process);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(comparisons_keep_what_is_done),
        cmocka_unit_test(json_totals_are_of_what_is_done),
        cmocka_unit_test(reports_are_written_when_interrupted),
        cmocka_unit_test(audits_keep_what_is_done),
        cmocka_unit_test(reports_keep_to_the_limit),
        cmocka_unit_test(comparisons_count_timeouts),
        cmocka_unit_test(long_clips_keep_to_the_limit),
        cmocka_unit_test(folders_are_tried_first),
        cmocka_unit_test(a_full_device_is_an_error),
        cmocka_unit_test(full_disks_leave_no_halves),
        cmocka_unit_test(boxes_of_a_clip_are_written_once),
    };
    return cmocka_run_group_tests_name("cli/limits", tests, prepare, NULL);
}
