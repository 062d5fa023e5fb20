/* soundproof report: the page, what is printed beside it, and what it refuses. */
#include <sys/stat.h>
#include <unistd.h>

#include "tests/cli/toy.h"

const char *const program = "cli_report";

#define MODEL "--model", t.with_front
#define QUICK "--tol", "5", "--steps", "10", "--starts", "1"

static char *read_page(const char *path) {
    static char text[4 << 20];
    FILE *file = fopen(path, "rb");
    if (!file) {
        fail_msg("%s is not there", path);
        return text;
    }
    const size_t size = fread(text, 1, sizeof text - 1, file);
    text[size] = '\0';
    fclose(file);
    return text;
}

static bool exists(const char *path) {
    return access(path, F_OK) == 0;
}

/* A row per clip, a page with a section per clip, and nothing else beside it. */
static void writes_a_page(void **state) {
    (void)state;
    char html[PATH], part[PATH + 8];
    file_in(html, "page.html");
    snprintf(part, sizeof part, "%s.part", html);
    unlink(html);
    sp_process process = RUN("report", MODEL, QUICK, "--budget", "-120dB", "--budget", "1lsb",
                             "--label", "1", "--html", html, t.clip[0], t.clip[1]);
    expect_code(&process, 0);
    assert_string_equal(process.err, "");
    assert_int_equal(sp_process_lines(process.out), 6); // head, two rows, blank, page, method
    assert_non_null(strstr(process.out, html));
    assert_false(exists(part));
    const char *text = read_page(html);
    assert_non_null(strstr(text, "id=\"clip-1\""));
    assert_non_null(strstr(text, "id=\"clip-2\""));
    assert_null(strstr(text, "id=\"clip-3\""));
    assert_non_null(strstr(text, "toy_front.onnx"));
    assert_non_null(strstr(text, "\xE2\x88\x92"
                                 "120\xC2\xA0"
                                 "dB"));
    assert_non_null(strstr(text, "1\xC2\xA0"
                                 "lsb"));
    assert_non_null(strstr(text, "</html>"));
    sp_process_clear(&process);
}

/* The same page on any number of threads; --json prints the lines of radius. */
static void same_page_on_any_threads(void **state) {
    (void)state;
    char first[PATH], second[PATH];
    file_in(first, "one.html");
    file_in(second, "four.html");
    sp_process process = RUN("report", MODEL, QUICK, "--threads", "1", "--json", "--html", first,
                             t.clip[0], t.clip[1], t.clip[2]);
    expect_code(&process, 0);
    assert_int_equal(sp_process_lines(process.out), 3);
    assert_non_null(strstr(process.out, "\"certified_db\":"));
    sp_process_clear(&process);
    process = RUN("report", MODEL, QUICK, "--threads", "4", "--json", "--html", second, t.clip[0],
                  t.clip[1], t.clip[2]);
    expect_code(&process, 0);
    sp_process_clear(&process);
    char *text = strdup(read_page(first));
    assert_non_null(text);
    assert_string_equal(text, read_page(second));
    free(text);
}

/* Breaking clips stay in the folder, and `run` hears what the page says. */
static void keeps_breaking_clips(void **state) {
    (void)state;
    char html[PATH], folder[PATH], wav[2 * PATH], words[64];
    file_in(html, "kept.html");
    file_in(folder, "kept/deep");
    bool found = false;
    for (uint64_t seed = 1; !found && seed <= 20; seed++) {
        const sp_test_onnx shape = {.features = 10, .hidden = 4, .classes = 3, .seed = seed};
        char model[PATH];
        write_model(model, "breakable.onnx", &shape);
        snprintf(wav, sizeof wav, "%s/%s_clip0_broken.wav", folder, program);
        unlink(wav);
        sp_process process = RUN("report", "--model", model, "--front", t.front, QUICK, "--html",
                                 html, "--out", folder, "--budget", "-60dB", t.clip[0]);
        expect_code(&process, 0);
        sp_process_clear(&process);
        found = exists(wav);
        if (found) {
            process = RUN("run", "--model", model, "--front", t.front, "--json", wav);
            expect_code(&process, 0);
            const char *heard = strstr(process.out, "\"predicted\":");
            assert_non_null(heard);
            snprintf(words, sizeof words, "answered <b>%c</b>", heard[12]);
            assert_non_null(strstr(read_page(html), words));
            assert_non_null(strstr(read_page(html), "_clip0_broken.wav"));
            sp_process_clear(&process);
        }
    }
    assert_true(found);
}

static void unusable_clips_are_on_the_page(void **state) {
    (void)state;
    char html[PATH], cut[PATH];
    file_in(html, "unusable.html");
    write_text(cut, "no & audio.wav", "text");
    sp_process process = RUN("report", MODEL, QUICK, "--html", html, t.clip[0], cut);
    expect_code(&process, 2);
    expect_complaint(&process, 1, cut);
    const char *text = read_page(html);
    assert_non_null(strstr(text, "no &amp; audio.wav"));
    assert_non_null(strstr(text, "could not be used"));
    sp_process_clear(&process);
}

/* Where nothing can be written, nothing is computed; an old page stays. */
static void places_that_cannot_be_written(void **state) {
    (void)state;
    char folder[PATH], old[PATH];
    file_in(folder, "folder.html");
    mkdir(folder, 0755);
    sp_process process = RUN("report", MODEL, "--html", folder, t.clip[0]);
    expect_code(&process, 2);
    expect_complaint(&process, 1, "folder.html: cannot be written: Is a directory");
    assert_string_equal(process.out, "");
    sp_process_clear(&process);
    process = RUN("report", MODEL, "--html", "/nonexistent/page.html", t.clip[0]);
    expect_code(&process, 2);
    expect_complaint(&process, 1, "/nonexistent/page.html");
    assert_string_equal(process.out, "");
    sp_process_clear(&process);
    write_text(old, "old.html", "old");
    process = RUN("report", MODEL, "--html", old, "--out", "/dev/null/x", t.clip[0]);
    expect_code(&process, 2);
    expect_complaint(&process, 1, "/dev/null/x");
    assert_string_equal(read_page(old), "old");
    sp_process_clear(&process);
    process = RUN("report", MODEL, "--frame", "1", t.clip[0]);
    expect_code(&process, 1);
    sp_process_clear(&process);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_a_page),
        cmocka_unit_test(same_page_on_any_threads),
        cmocka_unit_test(keeps_breaking_clips),
        cmocka_unit_test(unusable_clips_are_on_the_page),
        cmocka_unit_test(places_that_cannot_be_written),
    };
    return cmocka_run_group_tests(tests, prepare, NULL);
}
