/* Reports with journals: a page out of a journal is the page that one run writes. */
#include "tests/runs/corpus.h"

const char *const program = "runs_reports";

#define EFFORT "--starts", "1", "--steps", "4"

#define REPORT_OF(model)                                                                           \
    "report", "--model", model, "--front", t.front, "--json", "--tol", "6", "--method", "ibp",     \
        EFFORT, "--budget", "-90dB", "--budget", "-20dB"
#define REPORT REPORT_OF(t.model)

/* A model of which a clip is broken by a file: its sound is on the page too. */
static void write_breakable(char model[PATH], const char *page) {
    bool broken = false;
    for (uint64_t seed = 1; !broken && seed <= 30; seed++) {
        const sp_test_onnx shape = {.features = 10, .hidden = 4, .classes = 3, .seed = seed};
        write_model(model, "breakable.onnx", &shape);
        sp_process plain = RUN(REPORT_OF(model), "--html", page, CLIP_LIST);
        expect_code(&plain, 0);
        char *text = sp_file_text(page);
        broken = count_text(text, "<audio") > CLIPS;
        free(text);
        sp_process_clear(&plain);
    }
    assert_true(broken);
}

static void reports_are_recalled_and_merged(void **state) {
    (void)state;
    char journal[PATH], model[PATH], page[4][PATH];
    fresh(journal, "report.jsonl");
    for (int i = 0; i < 4; i++) {
        char name[32];
        snprintf(name, sizeof name, "report%d.html", i);
        fresh(page[i], name);
    }
    write_breakable(model, page[0]);
    sp_process first = RUN(REPORT_OF(model), "--html", page[1], "--journal", journal, CLIP_LIST);
    assert_int_equal(results_in(journal), CLIPS);
    sp_process second = RUN(REPORT_OF(model), "--html", page[2], "--journal", journal, CLIP_LIST);
    assert_int_equal(results_in(journal), CLIPS);
    sp_process merged = RUN("merge", "--json", "--html", page[3], journal);
    expect_code(&first, 0);
    expect_code(&second, 0);
    expect_code(&merged, 0);
    assert_string_equal(first.out, second.out);
    assert_string_equal(first.out, merged.out);
    for (int i = 1; i < 4; i++) {
        char *a = sp_file_text(page[0]), *b = sp_file_text(page[i]);
        assert_string_equal(a, b);
        free(a);
        free(b);
    }
    sp_process_clear(&first);
    sp_process_clear(&second);
    sp_process_clear(&merged);
}

/* Other budgets are another report; pages of a folder come out of shards. */
static void pages_come_out_of_shards(void **state) {
    (void)state;
    char journal[2][PATH], page[2][PATH], html[PATH], from[2 * PATH], to[2 * PATH];
    fresh(html, "whole.html");
    sp_process whole = RUN(REPORT, "--html", html, "--pages", "whole-pages", CLIP_LIST);
    expect_code(&whole, 0);
    for (int s = 0; s < 2; s++) {
        fresh(journal[s], s ? "report-two.jsonl" : "report-one.jsonl");
        fresh(page[s], s ? "shard-two.html" : "shard-one.html");
        sp_process shard = RUN(REPORT, "--html", page[s], "--shard", s ? "2/2" : "1/2", "--journal",
                               journal[s], CLIP_LIST);
        expect_code(&shard, 0);
        sp_process_clear(&shard);
    }
    sp_process merged = RUN("merge", "--json", "--html", page[0], "--pages", "merged-pages",
                            journal[0], journal[1]);
    expect_code(&merged, 0);
    expect_equal(whole.out, merged.out);
    const size_t folder = (size_t)(strrchr(html, '/') - html);
    for (int i = 1; i <= CLIPS; i++) {
        snprintf(from, sizeof from, "%.*s/whole-pages/clip-%d.html", (int)folder, html, i);
        snprintf(to, sizeof to, "%.*s/merged-pages/clip-%d.html", (int)folder, html, i);
        char *x = sp_file_text(from), *y = sp_file_text(to);
        const char *const behind = "<header>"; // the way back stands before it
        assert_string_equal(strstr(x, behind), strstr(y, behind));
        free(x);
        free(y);
    }
    sp_process wrong = RUN("merge", "--pages", "a/b", journal[0], journal[1]);
    expect_code(&wrong, 1);
    sp_process_clear(&whole);
    sp_process_clear(&merged);
    sp_process_clear(&wrong);
}

/* A report shows what was heard: a recording that is another one now is missing. */
static void merged_reports_need_their_recordings(void **state) {
    (void)state;
    char journal[PATH], clip[PATH], html[PATH];
    fresh(journal, "gone.jsonl");
    fresh(html, "gone.html");
    write_clip(clip, "gone.wav", 5, 1, CLIP_RATE);
    sp_process run = RUN(REPORT, "--html", html, "--journal", journal, clip, t.clip[0]);
    expect_code(&run, 0);
    write_clip(clip, "gone.wav", 6, 1, CLIP_RATE);
    sp_process merged = RUN("merge", "--html", html, journal);
    expect_code(&merged, 2);
    assert_non_null(strstr(merged.err, "no longer the recording that the journal speaks of"));
    assert_non_null(strstr(merged.err, "1 of 2 clips are missing"));
    sp_process_clear(&run);
    sp_process_clear(&merged);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reports_are_recalled_and_merged),
        cmocka_unit_test(pages_come_out_of_shards),
        cmocka_unit_test(merged_reports_need_their_recordings),
    };
    return cmocka_run_group_tests(tests, prepare, NULL);
}
