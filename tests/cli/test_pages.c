/* Pages of a corpus: from clips and from journals, and in a browser at three widths, by day and by
 * night. */
#define _XOPEN_SOURCE 700 // realpath
#include <stdlib.h>
#include <unistd.h>

#include "tests/cli/toy.h"

const char *const program = "cli_pages";

#define MODEL "--model", t.with_front
#define QUICK "--steps", "8", "--starts", "1"
#define BUDGETS "--budget", "-120dB", "--budget", "-60dB", "--budget", "-20dB"
#define BROWSER "/usr/bin/chromium"

static size_t count_in(const char *text, const char *word) {
    size_t count = 0;
    for (const char *at = text; (at = strstr(at, word)) != NULL; at++) {
        count++;
    }
    return count;
}

static void expect_xml(const char *path) {
    sp_process process = sp_process_run(
        program, (const char *const[]){"/usr/bin/python3", "-c",
                                       "import sys, xml.dom.minidom as m; m.parse(sys.argv[1])",
                                       path, NULL});
    expect_code(&process, 0);
    sp_process_clear(&process);
}

static void expect_same(const char *a, const char *b) {
    char *first = sp_file_text(a), *second = sp_file_text(b);
    assert_string_equal(first, second);
    free(first);
    free(second);
}

/* What merge makes of journals is the page of the command, byte for byte; it has a row and a sound
 * for each clip, and a curve for each method and the attack. */
static void journals_give_the_page_of_the_command(void **state) {
    (void)state;
    char page[PATH], merged[PATH], journal[PATH];
    file_in(page, "compare.html");
    file_in(merged, "merged.html");
    file_in(journal, "compare.jsonl");
    unlink(journal);
    sp_process process =
        RUN("compare", MODEL, QUICK, BUDGETS, "--methods", "ibp,exact", "--label", "1", "--html",
            page, "--journal", journal, t.clip[0], t.clip[1], t.clip[2]);
    expect_code(&process, 0);
    sp_process_clear(&process);
    process = RUN("merge", "--html", merged, journal);
    expect_code(&process, 0);
    sp_process_clear(&process);
    expect_same(page, merged);
    expect_xml(page);
    char *text = sp_file_text(page);
    assert_int_equal(count_in(text, "<tr><th scope=\"row\">"), 3);
    assert_int_equal(count_in(text, "<path class=\"curve c"), 2 * 3); // with their keys
    assert_int_equal(count_in(text, "<audio "), count_in(text, "<li><h3>"));
    free(text);
    file_in(journal, "radius.jsonl");
    unlink(journal);
    process = RUN("radius", MODEL, QUICK, "--tol", "5", "--html", page, "--journal", journal,
                  t.clip[0], t.clip[1]);
    expect_code(&process, 0);
    sp_process_clear(&process);
    process = RUN("merge", "--html", merged, journal);
    expect_code(&process, 0);
    sp_process_clear(&process);
    expect_same(page, merged);
    expect_xml(page);
}

static void a_corpus_has_a_page_per_clip(void **state) {
    (void)state;
    char page[PATH], one[PATH], unusable[PATH];
    file_in(page, "report.html");
    file_in(one, "each/clip-2.html");
    unlink(one);
    write_text(unusable, "no audio.wav", "text");
    sp_process process = RUN("report", MODEL, QUICK, "--tol", "5", "--budget", "-60dB", "--html",
                             page, "--pages", "cli_pages_each", t.clip[0], t.clip[1], unusable);
    expect_code(&process, 2);
    sp_process_clear(&process);
    char *text = sp_file_text(page);
    assert_int_equal(count_in(text, "<th scope=\"row\"><a href=\"cli_pages_each/clip-"), 3);
    free(text);
    text = sp_file_text(one);
    assert_non_null(strstr(text, "/cli_pages_report.html\">All clips</a>"));
    assert_int_equal(count_in(text, "<section class=\"clip\""), 1);
    free(text);
    expect_xml(page);
    expect_xml(one);
    process = RUN("report", MODEL, "--pages", "a/b", t.clip[0]);
    expect_code(&process, 1);
    expect_complaint(&process, 1, "--pages needs the name of a folder");
    sp_process_clear(&process);
}

/* ---- in a browser ---- */

/* Sorts by the third column and back, and leaves in the page's title what it has become: whether
 * anything is wider than the window, the ground's colour, and the order of the numbers. */
static const char probe[] =
    "<script>\n"
    "var heads = document.querySelectorAll('table.clips thead button');\n"
    "function order() { return Array.from(document.querySelectorAll('table.clips tbody tr'))"
    ".map(function (row) { return row.cells[2].getAttribute('data-order'); }).join(','); }\n"
    "heads[2].click(); var up = order(); heads[2].click();\n"
    "document.title = 'PROBE ' + (document.documentElement.scrollWidth - window.innerWidth) + ' ' "
    "+ getComputedStyle(document.body).backgroundColor.replace(/ /g, '') + ' ' + up + ' ' + "
    "order() + ' ' + window.innerWidth;\n"
    "</script></body>";

static void write_probe(char path[PATH], const char *page) {
    char *text = sp_file_text(page), *end = strstr(text, "</body>");
    assert_non_null(end);
    *end = '\0';
    FILE *file = fopen(file_in(path, "probe.html"), "wb");
    assert_non_null(file);
    fprintf(file, "%s%s\n</html>\n", text, probe);
    fclose(file);
    free(text);
}

static void expect_sorted(const char *list, bool down) {
    double last = down ? 1e300 : -1e300;
    size_t numbers = 0, missing = 0;
    for (const char *at = list; *at && *at != ' '; at += *at == ',') {
        char *end = NULL;
        const double value = strtod(at, &end);
        if (end == at) {
            missing++; // what is not known stands behind
        } else {
            assert_int_equal(missing, 0);
            assert_true(down ? value <= last : value >= last);
            last = value;
            numbers++;
        }
        at = end;
    }
    assert_true(numbers >= 2);
}

static void look(const char *path, const char *width, bool night) {
    char size[32], url[PATH + 16], up[512], down[512], colour[64];
    int beyond = -1, inner = 0;
    snprintf(size, sizeof size, "--window-size=%s,900", width);
    snprintf(url, sizeof url, "file://%s", path);
    sp_process process = sp_process_run(
        program, (const char *const[]){BROWSER, "--headless", "--no-sandbox", "--disable-gpu",
                                       "--dump-dom", size,
                                       night ? "--blink-settings=preferredColorScheme=0"
                                             : "--blink-settings=preferredColorScheme=1",
                                       url, NULL});
    expect_code(&process, 0);
    const char *at = strstr(process.out, "PROBE ");
    assert_non_null(at);
    assert_int_equal(sscanf(at, "PROBE %d %63s %511s %511s %d", &beyond, colour, up, down, &inner),
                     5);
    assert_true(beyond <= 0); // nothing hangs over the edge
    assert_true(inner <= atoi(width));
    assert_string_equal(colour, night ? "rgb(22,23,26)" : "rgb(255,255,255)");
    expect_sorted(up, false);
    expect_sorted(down, true);
    sp_process_clear(&process);
}

static void browsers_show_and_sort_it(void **state) {
    (void)state;
    static const char *const widths[] = {"500", "820", "1280"};
    char page[PATH], path[PATH], real[4 * PATH];
    if (access(BROWSER, X_OK) != 0) {
        print_message("there is no %s: apt-get install chromium\n", BROWSER);
        skip();
    }
    file_in(page, "browsed.html");
    sp_process process = RUN("radius", MODEL, QUICK, "--tol", "2", "--html", page, CLIP_LIST);
    expect_code(&process, 0);
    sp_process_clear(&process);
    write_probe(path, page);
    assert_non_null(realpath(path, real));
    for (size_t i = 0; i < sizeof widths / sizeof widths[0]; i++) {
        look(real, widths[i], false);
        look(real, widths[i], true);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(journals_give_the_page_of_the_command),
        cmocka_unit_test(a_corpus_has_a_page_per_clip),
        cmocka_unit_test(browsers_show_and_sort_it),
    };
    return cmocka_run_group_tests_name("cli/pages", tests, prepare, NULL);
}
