/* The commands with journals and shards: what stands in a journal is printed as if it was done now,
 * and what is merged is what one run prints. */
#include "tests/runs/corpus.h"

const char *const program = "runs_corpus";

/* ---- what stands there is printed as if it was done now ---- */

#define EFFORT "--starts", "1", "--steps", "4"
static const char *const commands[][16] = {
    {"certify", "--budget", "-90dB", "--budget", "-50dB", "--attack", EFFORT},
    {"radius", "--tol", "6", "--method", "ibp", EFFORT},
    {"radius", "--burst", "5", "--tol", "10", "--method", "ibp", EFFORT},
    {"attack", "--budget", "-20dB", "--budget", "0dB", EFFORT},
    {"compare", "--methods", "ibp,exact", "--budget", "-90dB", "--budget", "-30dB", EFFORT}};
enum { COMMANDS = sizeof commands / sizeof commands[0] };

static sp_process run_command(size_t which, const char *const *more) {
    const char *list[MOST_ARGUMENTS];
    size_t count = 0;
    for (size_t i = 0; commands[which][i]; i++) {
        list[count++] = commands[which][i];
        if (i == 0) {
            list[count++] = "--model";
            list[count++] = t.model;
            list[count++] = "--front";
            list[count++] = t.front;
        }
    }
    while (*more) {
        list[count++] = *more++;
    }
    list[count] = NULL;
    return run_list(list);
}
#define COMMAND(which, ...) run_command(which, (const char *const[]){__VA_ARGS__, NULL})

static void results_are_printed_as_if_done_now(void **state) {
    (void)state;
    for (size_t i = 0; i < COMMANDS; i++) {
        char journal[PATH];
        fresh(journal, "again.jsonl");
        sp_process plain = COMMAND(i, "--json", CLIP_LIST);
        sp_process first = COMMAND(i, "--json", "--journal", journal, CLIP_LIST);
        const size_t results = results_in(journal);
        sp_process second = COMMAND(i, "--json", "--journal", journal, CLIP_LIST);
        sp_process merged = RUN("merge", "--json", journal);
        expect_code(&first, 0);
        expect_code(&second, 0);
        expect_code(&merged, 0);
        assert_string_equal(first.out, second.out); // to the bit, with its seconds
        assert_string_equal(first.out, merged.out);
        assert_int_equal(results_in(journal), results);
        assert_true(results >= CLIPS);
        expect_equal(plain.out, first.out);
        sp_process_clear(&plain);
        sp_process_clear(&first);
        sp_process_clear(&second);
        sp_process_clear(&merged);
    }
}

/* Another budget is done, and nothing else is done again. */
static void only_what_is_new_is_done(void **state) {
    (void)state;
    char journal[PATH];
    fresh(journal, "new.jsonl");
    sp_process first = RUN(CERTIFY, "--journal", journal, "--budget", "-90dB", CLIP_LIST);
    assert_int_equal(results_in(journal), CLIPS);
    sp_process more =
        RUN(CERTIFY, "--journal", journal, "--budget", "-90dB", "--budget", "-80dB", CLIP_LIST);
    assert_int_equal(results_in(journal), 2 * CLIPS);
    sp_process method =
        RUN(CERTIFY, "--journal", journal, "--budget", "-90dB", "--method", "ibp", CLIP_LIST);
    assert_int_equal(results_in(journal), 3 * CLIPS);
    expect_code(&first, 0);
    expect_code(&more, 0);
    expect_code(&method, 0);
    sp_process_clear(&first);
    sp_process_clear(&more);
    sp_process_clear(&method);
}

/* Neither another model's results, nor those of a recording that is another one now. */
static void other_models_and_recordings_are_not_mixed_in(void **state) {
    (void)state;
    const sp_test_onnx shape = {.features = 10, .hidden = 4, .classes = 3, .seed = 99};
    char other[PATH], journal[PATH], clip[PATH];
    fresh(journal, "mixed.jsonl");
    write_model(other, "other.onnx", &shape);
    write_clip(clip, "changing.wav", 1, 1, CLIP_RATE);
    sp_process first = RUN(CERTIFY, "--json", "--journal", journal, "--budget", "-90dB", clip);
    assert_int_equal(results_in(journal), 1);
    sp_process plain =
        RUN("certify", "--model", other, "--front", t.front, "--json", "--budget", "-90dB", clip);
    sp_process kept = RUN("certify", "--model", other, "--front", t.front, "--json", "--budget",
                          "-90dB", "--journal", journal, clip);
    assert_int_equal(results_in(journal), 2);
    expect_equal(plain.out, kept.out);
    write_clip(clip, "changing.wav", 2, 1, CLIP_RATE);
    sp_process changed = RUN(CERTIFY, "--json", "--budget", "-90dB", clip);
    sp_process again = RUN(CERTIFY, "--json", "--journal", journal, "--budget", "-90dB", clip);
    expect_equal(changed.out, again.out);
    blank_seconds(first.out);
    assert_string_not_equal(first.out, again.out);
    sp_process_clear(&first);
    sp_process_clear(&plain);
    sp_process_clear(&kept);
    sp_process_clear(&changed);
    sp_process_clear(&again);
}

/* Errors are told again, and tried again. */
static void unusable_clips_are_tried_again(void **state) {
    (void)state;
    char journal[PATH], clip[PATH];
    fresh(journal, "unusable.jsonl");
    fresh(clip, "later.wav");
    sp_process before = RUN(CERTIFY, "--journal", journal, "--budget", "-90dB", clip, t.clip[0]);
    expect_code(&before, 2);
    assert_non_null(strstr(before.err, "no such file"));
    write_clip(clip, "later.wav", 5, 1, CLIP_RATE);
    sp_process after =
        RUN(CERTIFY, "--json", "--journal", journal, "--budget", "-90dB", clip, t.clip[0]);
    expect_code(&after, 0);
    assert_null(strstr(after.err, "no such file"));
    sp_process merged = RUN("merge", "--json", journal);
    expect_code(&merged, 0);
    assert_string_equal(after.out, merged.out);
    sp_process_clear(&before);
    sp_process_clear(&after);
    sp_process_clear(&merged);
}

/* ---- shards ---- */

static void merged_shards_are_the_single_run(void **state) {
    (void)state;
    static const char *const shards[] = {"1/3", "2/3", "3/3"};
    for (size_t i = 0; i < COMMANDS; i++) {
        char journal[3][PATH];
        sp_process whole = COMMAND(i, "--json", CLIP_LIST);
        size_t lines = 0;
        for (size_t s = 0; s < 3; s++) {
            char name[32];
            snprintf(name, sizeof name, "shard%zu.jsonl", s);
            fresh(journal[s], name);
            sp_process shard =
                COMMAND(i, "--json", "--shard", shards[s], "--journal", journal[s], CLIP_LIST);
            expect_code(&shard, 0);
            lines += count_text(shard.out, "{\"clip\":");
            sp_process_clear(&shard);
        }
        assert_int_equal(lines, count_text(whole.out, "{\"clip\":"));
        sp_process merged = RUN("merge", "--json", journal[2], journal[0], journal[1]);
        expect_code(&merged, 0);
        expect_equal(whole.out, merged.out);
        sp_process some = RUN("merge", "--json", journal[0], journal[2]);
        expect_code(&some, 2);
        assert_non_null(strstr(some.err, "there is none of shard 2/3"));
        sp_process_clear(&whole);
        sp_process_clear(&merged);
        sp_process_clear(&some);
    }
}

static void two_models_are_merged(void **state) {
    (void)state;
    const sp_test_onnx shape = {
        .features = 10, .hidden = 4, .classes = 3, .seed = 98, .front = toy_front};
    char other[PATH], both[2 * PATH + 2], journal[2][PATH], csv[PATH], latex[PATH];
    write_model(other, "second.onnx", &shape);
    snprintf(both, sizeof both, "%s,%s", t.with_front, other);
#define BOTH                                                                                       \
    "compare", "--models", both, "--methods", "ibp,exact", "--budget", "-90dB", "--budget",        \
        "-40dB", "--starts", "1"
    sp_process whole = RUN(BOTH, "--json", CLIP_LIST);
    for (int s = 0; s < 2; s++) {
        fresh(journal[s], s ? "models1.jsonl" : "models0.jsonl");
        sp_process shard =
            RUN(BOTH, "--shard", s ? "2/2" : "1/2", "--journal", journal[s], CLIP_LIST);
        expect_code(&shard, 0);
        sp_process_clear(&shard);
    }
    fresh(csv, "models.csv");
    fresh(latex, "models.tex");
    sp_process merged =
        RUN("merge", "--json", "--csv", csv, "--latex", latex, journal[0], journal[1]);
    expect_code(&merged, 0);
    expect_equal(whole.out, merged.out);
    char *table = sp_file_text(csv);
    assert_true(strncmp(table, "model,clip,label,", 17) == 0);
    assert_int_equal(sp_process_lines(table), 1 + 2 * CLIPS * 2 * 3);
    free(table);
    table = sp_file_text(latex);
    assert_int_equal(count_text(table, "\\begin{tabular}"), count_text(table, "\\end{tabular}"));
    assert_non_null(strstr(table, "exact & "));
    free(table);
    sp_process_clear(&whole);
    sp_process_clear(&merged);
}

static void what_does_not_belong_together_is_refused(void **state) {
    (void)state;
    char one[PATH], two[PATH], text[PATH];
    fresh(one, "one.jsonl");
    fresh(two, "two.jsonl");
    sp_process a = RUN(CERTIFY, "--journal", one, "--budget", "-90dB", CLIP_LIST);
    sp_process b = RUN(CERTIFY, "--journal", two, "--budget", "-80dB", CLIP_LIST);
    sp_process merged = RUN("merge", one, two);
    expect_code(&merged, 2);
    expect_complaint(&merged, 1, "is of other options than");
    assert_string_equal(merged.out, "");
    write_text(text, "no.jsonl", "{\"clip\":\"a.wav\"}\n");
    sp_process none = RUN("merge", text);
    expect_code(&none, 2);
    assert_non_null(strstr(none.err, "is no journal of soundproof"));
    sp_process nothing = RUN("merge");
    expect_code(&nothing, 1);
    expect_complaint(&nothing, 1, "no journals");
    sp_process_clear(&a);
    sp_process_clear(&b);
    sp_process_clear(&merged);
    sp_process_clear(&none);
    sp_process_clear(&nothing);
}

/* An attack of one machine that breaks what another one has certified. */
static void contradictions_are_found(void **state) {
    (void)state;
    char journal[PATH];
    fresh(journal, "contradiction.jsonl");
    sp_process run = RUN("compare", TOY, "--methods", "exact", "--budget", "-120dB", "--starts",
                         "1", "--journal", journal, t.clip[0]);
    expect_code(&run, 0);
    sp_process fine = RUN("merge", journal);
    expect_code(&fine, 0);
    char *text = sp_file_text(journal), *line = strstr(text, "\"part\":\"attack -120dB\"");
    assert_non_null(line);
    while (line[-1] != '\n') {
        line--;
    }
    *strstr(line, ",\"check\":") = '\0';
    char *broken = strstr(line, "\"real_broken\":false"), changed[8192];
    assert_non_null(broken);
    snprintf(changed, sizeof changed, "%.*s\"real_broken\":true%s}", (int)(broken - line), line,
             broken + strlen("\"real_broken\":false"));
    sp_journal *forged = NULL;
    assert_int_equal(sp_journal_open(NULL, &forged, journal, NULL, NULL), SP_OK);
    assert_int_equal(sp_journal_append(NULL, forged, changed), SP_OK);
    sp_journal_close(forged);
    sp_process merged = RUN("merge", journal);
    expect_code(&merged, 2);
    assert_non_null(strstr(merged.err, "exact certifies -120dB, and noise within it changes"));
    free(text);
    sp_process_clear(&run);
    sp_process_clear(&fine);
    sp_process_clear(&merged);
}

static void wrong_shards_are_refused(void **state) {
    (void)state;
    static const char *const wrong[] = {"0/3", "4/3", "3", "1/0", "a/b", "1/2/3", "-1/2", "/2"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        sp_process process = RUN(CERTIFY, "--shard", wrong[i], "--budget", "-90dB", t.clip[0]);
        expect_code(&process, 1);
        expect_complaint(&process, 1, "--shard needs K/N");
        sp_process_clear(&process);
    }
}

/* ---- tables for other programs ---- */

static void tables_have_a_row_for_each_line(void **state) {
    (void)state;
    for (size_t i = 0; i < COMMANDS; i++) {
        char csv[PATH], latex[PATH];
        fresh(csv, "table.csv");
        fresh(latex, "table.tex");
        sp_process process = COMMAND(i, "--json", "--csv", csv, "--latex", latex, CLIP_LIST);
        expect_code(&process, 0);
        const size_t objects = count_text(process.out, "{\"clip\":");
        char *table = sp_file_text(csv);
        assert_int_equal(sp_process_lines(table), objects + 1);
        assert_true(strncmp(table, "clip,label,", 11) == 0);
        assert_non_null(strstr(table, ",margin,"));
        free(table);
        table = sp_file_text(latex);
        assert_non_null(strstr(table, "\\toprule\n"));
        assert_int_equal(count_text(table, "\\begin{tabular}"), count_text(table, "\\bottomrule"));
        if (strcmp(commands[i][0], "compare") != 0) {
            assert_int_equal(count_text(table, " \\\\\n"), objects + 1);
        }
        free(table);
        sp_process_clear(&process);
    }
}

/* What an audit printed, from its table to the line that holds the seconds. */
static const char *table_of(sp_process *process) {
    char *method = strstr(process->out, "Method ");
    assert_non_null(method);
    *method = '\0';
    const char *table = strstr(process->out, "clip  ");
    assert_non_null(table);
    return table;
}

static void audits_are_recalled_and_merged(void **state) {
    (void)state;
    char model[PATH], word[PATH], journal[PATH];
    if (!sp_test_data("wake/hey_mycroft.onnx", model, PATH) ||
        !sp_test_data("wake/core_hey_mycroft.wav", word, PATH)) {
        print_message("no wake/hey_mycroft.onnx or recordings below SOUNDPROOF_DATA\n");
        skip();
    }
    fresh(journal, "audit.jsonl");
#define AUDIT(properties)                                                                          \
    RUN("audit", "--model", model, "--front", "examples/fronts/precise-sonopy.json", "--property", \
        properties, "--seed", "1", "--journal", journal, word)
    sp_process one = AUDIT("gain"), both = AUDIT("gain,dead-samples");
    sp_process again = AUDIT("gain,dead-samples"), merged = RUN("merge", journal);
    expect_code(&one, 0);
    expect_code(&both, 0);
    expect_code(&again, 0);
    expect_code(&merged, 0);
    assert_null(strstr(merged.err, "null"));
    assert_null(strstr(one.out, "dead-samples"));
    assert_non_null(strstr(both.out, "dead-samples"));
    const char *table = table_of(&both);
    assert_string_equal(table_of(&again), table);
    assert_string_equal(table_of(&merged), table);
    sp_process_clear(&one);
    sp_process_clear(&both);
    sp_process_clear(&again);
    sp_process_clear(&merged);
}

/* Several methods: a row for each, of one run and of merged shards alike. */
static void compared_audits_are_merged(void **state) {
    (void)state;
    char model[PATH], word[PATH], journal[2][PATH];
    if (!sp_test_data("wake/hey_mycroft.onnx", model, PATH) ||
        !sp_test_data("wake/core_hey_mycroft.wav", word, PATH)) {
        print_message("no wake/hey_mycroft.onnx or recordings below SOUNDPROOF_DATA\n");
        skip();
    }
#define COMPARED                                                                                   \
    "audit", "--model", model, "--front", "examples/fronts/precise-sonopy.json", "--property",     \
        "fire,dead-samples", "--methods", "ibp,exact", "--budget", "-110dB", "--starts", "1",      \
        "--steps", "2", "--seed", "1"
    sp_process whole = RUN(COMPARED, "--json", word, "no.wav");
    for (int s = 0; s < 2; s++) {
        fresh(journal[s], s ? "compared2.jsonl" : "compared1.jsonl");
        sp_process shard =
            RUN(COMPARED, "--shard", s ? "2/2" : "1/2", "--journal", journal[s], word, "no.wav");
        sp_process_clear(&shard);
    }
    sp_process merged = RUN("merge", "--json", journal[0], journal[1]);
    sp_process table = RUN("merge", journal[0], journal[1]);
    assert_int_equal(sp_process_lines(whole.out), 2 + 1); // dead samples know no method
    assert_int_equal(count_text(whole.out, "\"method\":\"exact\""), 1);
    expect_equal(whole.out, merged.out);
    expect_text(&table, "method     property");
    expect_text(&table, "Methods ibp, exact, ");
    sp_process both = RUN(COMPARED, "--method", "opt", word);
    expect_code(&both, 1);
    expect_complaint(&both, 1, "--method and --methods exclude each other");
    sp_process_clear(&both);
    sp_process_clear(&whole);
    sp_process_clear(&table);
    sp_process_clear(&merged);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(results_are_printed_as_if_done_now),
        cmocka_unit_test(only_what_is_new_is_done),
        cmocka_unit_test(other_models_and_recordings_are_not_mixed_in),
        cmocka_unit_test(unusable_clips_are_tried_again),
        cmocka_unit_test(merged_shards_are_the_single_run),
        cmocka_unit_test(two_models_are_merged),
        cmocka_unit_test(what_does_not_belong_together_is_refused),
        cmocka_unit_test(contradictions_are_found),
        cmocka_unit_test(wrong_shards_are_refused),
        cmocka_unit_test(tables_have_a_row_for_each_line),
        cmocka_unit_test(audits_are_recalled_and_merged),
        cmocka_unit_test(compared_audits_are_merged),
    };
    return cmocka_run_group_tests(tests, prepare, NULL);
}
