/* Running the commands with journals. */
#ifndef SP_TESTS_RUNS_CORPUS_H
#define SP_TESTS_RUNS_CORPUS_H

#include <unistd.h>

#include "runs/runs.h" // before the toy, whose name t would hide names in it

#include "tests/cli/toy.h"

/* ---- texts ---- */

/* Replaces the value of every key that ends in "seconds" by nothing. */
static inline void blank_seconds(char *text) {
    char *to = text;
    for (const char *from = text; *from;) {
        *to++ = *from++;
        if (to - text >= 9 && strncmp(to - 9, "seconds\":", 9) == 0) {
            while (*from && *from != ',' && *from != '}') {
                from++;
            }
        }
    }
    *to = '\0';
}

static inline void expect_equal(char *a, char *b) {
    blank_seconds(a);
    blank_seconds(b);
    assert_string_equal(a, b);
}

static inline size_t count_text(const char *text, const char *word) {
    size_t count = 0;
    for (const char *at = text; (at = strstr(at, word)) != NULL; at++) {
        count++;
    }
    return count;
}

/* The results of a journal, of which no two have one name. */
static inline size_t results_in(const char *path) {
    sp_journal *journal = NULL;
    char *text = sp_file_text(path);
    const size_t lines = count_text(text, "{\"id\":");
    free(text);
    assert_int_equal(sp_journal_read(NULL, &journal, path, NULL, NULL), SP_OK);
    assert_int_equal(sp_journal_tell(journal)->results, lines);
    assert_int_equal(sp_journal_tell(journal)->damaged, 0);
    sp_journal_close(journal);
    return lines;
}

static inline const char *fresh(char path[PATH], const char *name) {
    file_in(path, name);
    unlink(path);
    return path;
}

#define TOY "--model", t.model, "--front", t.front

#endif
