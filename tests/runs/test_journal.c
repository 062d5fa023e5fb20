/* Journals: what stands there is found, what was cut short or changed is not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "runs/runs.h"
#include "tests/support/support.h"

enum { PATH = 1024 };

static const char *fresh(char path[PATH], const char *name) {
    char own[128];
    snprintf(own, sizeof own, "runs_journal_%s", name);
    sp_test_scratch(own, path, PATH);
    unlink(path);
    return path;
}

static sp_journal *open_at(const char *path) {
    sp_error err = {0};
    sp_journal *journal = NULL;
    if (sp_journal_open(&err, &journal, path, NULL, NULL) != SP_OK) {
        fail_msg("%s", err.text);
    }
    return journal;
}

static void name_of(char id[SP_JOURNAL_ID + 1], int result) {
    char part[32];
    snprintf(part, sizeof part, "part %d", result);
    assert_int_equal(sp_journal_name(id, "setup", "clip.wav", -1, part), SP_OK);
}

static void put(sp_journal *journal, int result, double value) {
    char id[SP_JOURNAL_ID + 1], line[256];
    name_of(id, result);
    snprintf(line, sizeof line, "{\"id\":\"%s\",\"value\":%g}", id, value);
    assert_int_equal(sp_journal_append(NULL, journal, line), SP_OK);
}

/* The value that stands there; -1: none. */
static double get(sp_journal *journal, int result) {
    char id[SP_JOURNAL_ID + 1];
    double value = -1.0;
    name_of(id, result);
    sp_json *line = sp_journal_find(journal, id);
    if (line) {
        assert_int_equal(sp_json_number(NULL, &value, line, "value"), SP_OK);
    }
    sp_json_destroy(line);
    return value;
}

static void results_are_found_again(void **state) {
    (void)state;
    enum { MANY = 5000 };
    char path[PATH];
    sp_journal *journal = open_at(fresh(path, "found"));
    for (int i = 0; i < MANY; i++) {
        put(journal, i, i);
    }
    put(journal, 7, 77.0); // the last one counts
    assert_int_equal(sp_journal_sync(NULL, journal), SP_OK);
    for (int again = 0; again < 2; again++) {
        for (int i = 0; i < MANY; i++) {
            assert_true(get(journal, i) == (i == 7 ? 77.0 : i));
        }
        assert_true(get(journal, MANY) == -1.0);
        assert_int_equal(sp_journal_tell(journal)->results, MANY);
        assert_int_equal(sp_journal_tell(journal)->lines, MANY + 1);
        sp_journal_close(journal);
        journal = open_at(path);
    }
    sp_journal_close(journal);
}

/* Every result has a name of its own, whatever of it differs. */
static void names_tell_results_apart(void **state) {
    (void)state;
    char id[5][SP_JOURNAL_ID + 1];
    assert_int_equal(sp_journal_name(id[0], "s", "c", 1, "p"), SP_OK);
    assert_int_equal(sp_journal_name(id[1], "t", "c", 1, "p"), SP_OK);
    assert_int_equal(sp_journal_name(id[2], "s", "d", 1, "p"), SP_OK);
    assert_int_equal(sp_journal_name(id[3], "s", "c", 2, "p"), SP_OK);
    assert_int_equal(sp_journal_name(id[4], "s", "c", 1, "q"), SP_OK);
    for (int i = 0; i < 5; i++) {
        for (int j = 0; j < i; j++) {
            assert_string_not_equal(id[i], id[j]);
        }
    }
}

/* Cut at every byte of the last line, the journal is what it was before that line. */
static void a_line_that_was_cut_short_is_taken_away(void **state) {
    (void)state;
    char path[PATH];
    sp_journal *journal = open_at(fresh(path, "torn"));
    put(journal, 0, 10.0);
    const uint64_t before = sp_journal_tell(journal)->bytes;
    put(journal, 1, 11.0);
    const uint64_t after = sp_journal_tell(journal)->bytes;
    sp_journal_close(journal);
    for (uint64_t size = after - 1; size > before; size--) {
        assert_int_equal(truncate(path, (off_t)size), 0);
        sp_journal *reading = NULL;
        assert_int_equal(sp_journal_read(NULL, &reading, path, NULL, NULL), SP_OK);
        assert_true(sp_journal_tell(reading)->torn);
        sp_journal_close(reading);
        journal = open_at(path);
        assert_true(sp_journal_tell(journal)->torn);
        assert_int_equal(sp_journal_tell(journal)->bytes, before);
        assert_true(get(journal, 0) == 10.0 && get(journal, 1) == -1.0);
        put(journal, 1, 11.0);
        sp_journal_close(journal);
    }
    journal = open_at(path);
    assert_false(sp_journal_tell(journal)->torn);
    assert_true(get(journal, 1) == 11.0);
    sp_journal_close(journal);
}

/* Whatever byte of a line is another one, the line does not count. */
static void a_line_that_was_changed_does_not_count(void **state) {
    (void)state;
    char path[PATH];
    sp_journal *journal = open_at(fresh(path, "changed"));
    put(journal, 0, 10.0);
    const long size = (long)sp_journal_tell(journal)->bytes;
    put(journal, 1, 11.0);
    sp_journal_close(journal);
    for (long at = 0; at + 1 < size; at++) {
        FILE *file = fopen(path, "r+b");
        assert_non_null(file);
        fseek(file, at, SEEK_SET);
        const int byte = fgetc(file);
        fseek(file, at, SEEK_SET);
        fputc(byte ^ 1, file);
        fclose(file);
        journal = open_at(path);
        assert_int_equal(sp_journal_tell(journal)->damaged, 1);
        assert_true(get(journal, 0) == -1.0 && get(journal, 1) == 11.0);
        sp_journal_close(journal);
        file = fopen(path, "r+b");
        fseek(file, at, SEEK_SET);
        fputc(byte, file);
        fclose(file);
    }
}

static void two_processes_do_not_share_a_journal(void **state) {
    (void)state;
    char path[PATH];
    sp_journal *journal = open_at(fresh(path, "locked"));
    put(journal, 0, 1.0);
    fflush(NULL);
    const pid_t child = fork();
    if (child == 0) {
        sp_error err = {0};
        sp_journal *second = NULL;
        const sp_status status = sp_journal_open(&err, &second, path, NULL, NULL);
        _exit(status == SP_E_IO && strstr(err.text, "another process") && !second ? 0 : 1);
    }
    int ended = 1;
    assert_true(child > 0 && waitpid(child, &ended, 0) == child);
    assert_int_equal(ended, 0);
    sp_journal *reading = NULL; // readers do not wait
    assert_int_equal(sp_journal_read(NULL, &reading, path, NULL, NULL), SP_OK);
    assert_true(get(reading, 0) == 1.0);
    sp_journal_close(reading);
    sp_journal_close(journal);
    sp_journal_close(open_at(path));
}

static void what_is_no_file_is_refused(void **state) {
    (void)state;
    static const char *const wrong[] = {"/dev/full", "/dev/null", "/", "/nowhere/at/all"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        sp_error err = {0};
        sp_journal *journal = NULL;
        assert_int_equal(sp_journal_open(&err, &journal, wrong[i], NULL, NULL), SP_E_IO);
        assert_null(journal);
        assert_true(strncmp(err.text, wrong[i], strlen(wrong[i])) == 0);
    }
}

static void write_text(const char *path, const char *text) {
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
}

/* Somebody's file that was named by mistake keeps every byte. */
static void files_that_are_no_journals_stay_as_they_are(void **state) {
    (void)state;
    static const char *const wrong[] = {"hello",
                                        "hello\n",
                                        "hello\nworld",
                                        "{\"scale\":\"unit\"}",
                                        "\n",
                                        "{\"scale\":\n\"unit\"}",
                                        "{\"run\":\"certify\"}\n{\"ru"};
    static const char *const cut[] = {
        "", "{", "{\"i", "{\"ru", "{\"run\":\"certify\",\"mod", "{\"id\":\"0"};
    char path[PATH], held[64];
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        sp_error err = {0};
        sp_journal *journal = NULL;
        write_text(fresh(path, "foreign"), wrong[i]);
        assert_int_equal(sp_journal_open(&err, &journal, path, NULL, NULL), SP_E_FORMAT);
        assert_non_null(strstr(err.text, "no journal"));
        assert_int_equal(sp_journal_read(&err, &journal, path, NULL, NULL), SP_E_FORMAT);
        FILE *file = fopen(path, "rb");
        assert_non_null(file);
        assert_int_equal(fread(held, 1, sizeof held, file), strlen(wrong[i]));
        assert_memory_equal(held, wrong[i], strlen(wrong[i]));
        fclose(file);
    }
    for (size_t i = 0; i < sizeof cut / sizeof *cut; i++) {
        write_text(fresh(path, "foreign"), cut[i]);
        sp_journal *journal = open_at(path);
        put(journal, 0, 1.0);
        assert_true(get(journal, 0) == 1.0);
        sp_journal_close(journal);
    }
}

static sp_status count_other(sp_error *err, void *context, const char *line, size_t size) {
    (void)err;
    assert_true(size > 2 && line[0] == '{');
    ++*(int *)context;
    return SP_OK;
}

static void lines_that_are_no_results_are_shown(void **state) {
    (void)state;
    char path[PATH];
    int others = 0;
    sp_journal *journal = open_at(fresh(path, "others"));
    assert_int_equal(sp_journal_append(NULL, journal, "{\"run\":\"certify\"}"), SP_OK);
    put(journal, 0, 1.0);
    assert_int_equal(sp_journal_append(NULL, journal, "{\"clip\":0}"), SP_OK);
    sp_journal_close(journal);
    assert_int_equal(sp_journal_read(NULL, &journal, path, count_other, &others), SP_OK);
    assert_int_equal(others, 2);
    assert_int_equal(sp_journal_tell(journal)->results, 1);
    sp_journal_close(journal);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(results_are_found_again),
        cmocka_unit_test(names_tell_results_apart),
        cmocka_unit_test(a_line_that_was_cut_short_is_taken_away),
        cmocka_unit_test(a_line_that_was_changed_does_not_count),
        cmocka_unit_test(two_processes_do_not_share_a_journal),
        cmocka_unit_test(what_is_no_file_is_refused),
        cmocka_unit_test(files_that_are_no_journals_stay_as_they_are),
        cmocka_unit_test(lines_that_are_no_results_are_shown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
