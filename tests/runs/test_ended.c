/* Whatever ends a run, nothing that was reported done is lost or done twice. */
#include "tests/runs/corpus.h"

const char *const program = "runs_ended";

/* A shell that has the command as $0. */
static sp_process run_shell(const char *script, const char *const *arguments) {
    const char *list[MOST_ARGUMENTS + 8] = {"/bin/bash", "-c", script, getenv("SOUNDPROOF")};
    size_t count = 4;
    list[3] = list[3] && list[3][0] ? list[3] : "build/soundproof";
    while (*arguments) {
        list[count++] = *arguments++;
    }
    return sp_process_run(program, list);
}
#define SHELL(script, ...) run_shell(script, (const char *const[]){__VA_ARGS__, NULL})

#define MANY                                                                                       \
    "--methods", "ibp,deepz,exact", "--budget", "-90dB", "--budget", "-60dB", "--budget", "-30dB", \
        "--starts", "2"
#define COMPARE "compare", TOY, MANY

/* Every clip of the list in what is printed stands in the journal with all its results. */
static void expect_standing(const char *printed, const char *journal, size_t results) {
    char *text = sp_file_text(journal);
    for (int i = 0; i < CLIPS; i++) {
        char clip[PATH + 16];
        snprintf(clip, sizeof clip, "{\"clip\":\"%s\"", t.clip[i]);
        if (strstr(printed, clip)) {
            snprintf(clip, sizeof clip, "\",\"clip\":\"%s\"", t.clip[i]);
            assert_int_equal(count_text(text, clip), results);
        }
    }
    free(text);
}

/* Kills it when so many results stand there. Its last clip is a pipe into which nobody writes, so
 * that it cannot end before. */
static const char kill_at[] =
    "out=$1 journal=$2 most=$3 clip=${!#}; shift 3; : >$journal\n"
    "mv $clip $clip.kept && mkfifo $clip || exit 1\n"
    "\"$0\" \"$@\" >$out & pid=$!\n"
    "while kill -0 $pid 2>/dev/null && "
    "[ \"$(grep -c '^{\"id\"' $journal)\" -lt $most ]; do sleep 0.02; done\n"
    "kill -9 $pid 2>/dev/null; wait $pid 2>/dev/null; code=$?\n"
    "mv $clip.kept $clip; exit $code";
enum { KILLED = 128 + 9 };

static void a_killed_run_loses_nothing(void **state) {
    (void)state;
    static const char *const moments[] = {"1", "13", "30"};
    char journal[PATH], out[PATH];
    sp_process whole = RUN(COMPARE, "--json", CLIP_LIST);
    for (size_t i = 0; i < sizeof moments / sizeof *moments; i++) {
        fresh(journal, "killed.jsonl");
        fresh(out, "killed.out");
        sp_process killed = SHELL(kill_at, out, journal, moments[i], COMPARE, "--json", "--journal",
                                  journal, CLIP_LIST);
        expect_code(&killed, KILLED);
        char *printed = sp_file_text(out);
        expect_standing(printed, journal, 10);
        sp_process rest = RUN(COMPARE, "--json", "--journal", journal, CLIP_LIST);
        expect_code(&rest, 0);
        assert_int_equal(results_in(journal), CLIPS * 10);
        expect_equal(whole.out, rest.out);
        free(printed);
        sp_process_clear(&killed);
        sp_process_clear(&rest);
    }
    sp_process_clear(&whole);
}

/* The page is that of a run that nobody has killed. */
static void a_killed_report_is_resumed(void **state) {
    (void)state;
#define REPORT                                                                                     \
    "report", TOY, "--tol", "3", "--method", "ibp", "--starts", "1", "--steps", "10", "--budget",  \
        "-60dB", "--json"
    char journal[PATH], out[PATH], page[2][PATH];
    fresh(journal, "report.jsonl");
    fresh(out, "report.out");
    fresh(page[0], "report.html");
    fresh(page[1], "resumed.html");
    sp_process whole = RUN(REPORT, "--html", page[0], CLIP_LIST);
    sp_process killed = SHELL(kill_at, out, journal, "1", REPORT, "--html", page[1], "--threads",
                              "1", "--journal", journal, CLIP_LIST);
    expect_code(&killed, KILLED);
    assert_int_not_equal(access(page[1], F_OK), 0);
    char *printed = sp_file_text(out);
    expect_standing(printed, journal, 1);
    sp_process rest = RUN(REPORT, "--html", page[1], "--journal", journal, CLIP_LIST);
    expect_code(&rest, 0);
    assert_int_equal(results_in(journal), CLIPS);
    expect_equal(whole.out, rest.out);
    char *a = sp_file_text(page[0]), *b = sp_file_text(page[1]);
    assert_string_equal(a, b);
    free(a);
    free(b);
    free(printed);
    sp_process_clear(&whole);
    sp_process_clear(&killed);
    sp_process_clear(&rest);
}

static void a_torn_line_is_done_again(void **state) {
    (void)state;
    char journal[PATH];
    fresh(journal, "torn.jsonl");
    sp_process whole = RUN(COMPARE, "--json", "--journal", journal, CLIP_LIST);
    FILE *file = fopen(journal, "rb");
    fseek(file, 0, SEEK_END);
    assert_int_equal(truncate(journal, ftell(file) - 9), 0);
    fclose(file);
    sp_process merged = RUN("merge", "--json", journal);
    expect_code(&merged, 2);
    assert_non_null(strstr(merged.err, "its last line was cut short"));
    assert_non_null(strstr(merged.err, "1 of 4 clips are missing"));
    sp_process again = RUN(COMPARE, "--json", "--journal", journal, CLIP_LIST);
    expect_code(&again, 0);
    assert_non_null(strstr(again.err, "its last line was cut short"));
    expect_equal(whole.out, again.out);
    assert_int_equal(results_in(journal), CLIPS * 10);
    sp_process_clear(&whole);
    sp_process_clear(&merged);
    sp_process_clear(&again);
}

static void a_second_process_is_told(void **state) {
    (void)state;
    char journal[PATH];
    fresh(journal, "busy.jsonl");
    sp_journal *held = NULL;
    assert_int_equal(sp_journal_open(NULL, &held, journal, NULL, NULL), SP_OK);
    sp_process second = RUN(CERTIFY, "--journal", journal, "--budget", "-90dB", CLIP_LIST);
    expect_code(&second, 2);
    expect_complaint(&second, 1, "another process is writing to this journal");
    assert_string_equal(second.out, "");
    sp_journal_close(held);
    sp_process_clear(&second);
}

/* A limit on the size of files ends in the middle of a line, as a full disk does. */
static void a_full_disk_is_told(void **state) {
    (void)state;
    static const char script[] = "set -o pipefail; (ulimit -f $1; shift; exec \"$0\" \"$@\") | cat";
    static const char *const limits[] = {"1", "9", "19"}; // KiB
    char journal[PATH];
    sp_process whole = RUN(COMPARE, "--json", CLIP_LIST);
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        fresh(journal, "full.jsonl");
        sp_process full =
            SHELL(script, limits[i], COMPARE, "--json", "--journal", journal, CLIP_LIST);
        expect_code(&full, 2);
        assert_non_null(strstr(full.err, "cannot be written: File too large"));
        assert_int_equal(count_text(full.err, "cannot be written"), 1);
        expect_standing(full.out, journal, 10);
        sp_process rest = RUN(COMPARE, "--json", "--journal", journal, CLIP_LIST);
        expect_code(&rest, 0);
        assert_null(strstr(rest.err, "cut short")); // what did not fit was taken away again
        assert_int_equal(results_in(journal), CLIPS * 10);
        expect_equal(whole.out, rest.out);
        sp_process_clear(&full);
        sp_process_clear(&rest);
    }
    sp_process_clear(&whole);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_killed_run_loses_nothing), cmocka_unit_test(a_killed_report_is_resumed),
        cmocka_unit_test(a_torn_line_is_done_again),  cmocka_unit_test(a_second_process_is_told),
        cmocka_unit_test(a_full_disk_is_told),
    };
    return cmocka_run_group_tests(tests, prepare, NULL);
}
