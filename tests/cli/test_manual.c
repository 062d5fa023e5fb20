/* The manual: what the console blocks of README.md and of docs/ print. */
#include <dirent.h>

#include "tests/cli/command.h"

const char *const program = "cli_manual";

enum { MOST_PAGES = 64, MOST_BLOCKS = 256 };

static char page[MOST_PAGES][PATH];
static size_t pages;
/* The blocks that were not run. */
static struct { char place[PATH], reason[PATH]; /* PAGE:LINE */ } left_out[MOST_BLOCKS];
static size_t blocks;

static void add_page(const char *folder, const char *name) {
    const size_t length = strlen(name);
    if (length > 3 && strcmp(name + length - 3, ".md") == 0 && pages < MOST_PAGES) {
        snprintf(page[pages++], PATH, "%s%s", folder, name);
    }
}

static int by_name(const void *a, const void *b) {
    return strcmp(a, b);
}

static void find_pages(void) {
    DIR *docs = opendir("docs");
    add_page("", "README.md");
    add_page("", "CONTRIBUTING.md");
    for (struct dirent *entry = docs ? readdir(docs) : NULL; entry; entry = readdir(docs)) {
        add_page("docs/", entry->d_name);
    }
    if (docs) {
        closedir(docs);
    }
    qsort(page, pages, sizeof page[0], by_name);
}

static void collect_left_out(const char *text) {
    for (const char *at = strstr(text, "skipped "); at; at = strstr(at + 1, "\nskipped ")) {
        at += at[0] == '\n';
        const char *const place = at + 8, *const reason = strstr(place, ": ");
        if (blocks < MOST_BLOCKS && reason) {
            snprintf(left_out[blocks].place, PATH, "%.*s", (int)(reason - place), place);
            snprintf(left_out[blocks++].reason, PATH, "%.*s", (int)strcspn(reason + 2, "\n"),
                     reason + 2);
        }
    }
}

/* The commands of a page succeed and print what the page says. */
static void a_page(void **state) {
    char folder[PATH];
    const char *const name = *state;
    file_in(folder, "tree");
    sp_process process = sp_process_run(
        program, (const char *const[]){"/usr/bin/python3", "tests/cli/console_blocks.py", folder,
                                       name, NULL});
    expect_code(&process, 0);
    collect_left_out(process.out);
    sp_process_clear(&process);
}

static void skipped_because(void **state) {
    print_message("%s\n", (const char *)*state);
    skip();
}

static int skip_all(const char *reason) {
    char text[PATH];
    snprintf(text, sizeof text, "%s", reason);
    const struct CMUnitTest test = {
        .name = "console_blocks", .test_func = skipped_because, .initial_state = text};
    return _cmocka_run_group_tests("pages", &test, 1, NULL, NULL);
}

int main(void) {
    static struct CMUnitTest tests[MOST_PAGES], skipped[MOST_BLOCKS];
    if (sp_test_sanitized()) {
        return skip_all("not under a sanitizer");
    }
    find_pages();
    for (size_t i = 0; i < pages; i++) {
        tests[i] =
            (struct CMUnitTest){.name = page[i], .test_func = a_page, .initial_state = page[i]};
    }
    const int failed = _cmocka_run_group_tests("pages", tests, pages, NULL, NULL);
    for (size_t i = 0; i < blocks; i++) {
        skipped[i] = (struct CMUnitTest){.name = left_out[i].place,
                                         .test_func = skipped_because,
                                         .initial_state = left_out[i].reason};
    }
    return failed + (blocks ? _cmocka_run_group_tests("blocks", skipped, blocks, NULL, NULL) : 0);
}
