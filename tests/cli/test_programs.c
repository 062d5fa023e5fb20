/* --arithmetic and --deployed in every command: what is printed names them, journals keep them
 * apart, and merged journals say the same. */
#include "tests/runs/corpus.h"

const char *const program = "cli_programs";

#define EFFORT "--starts", "1", "--steps", "3"
static const char *const commands[][16] = {
    {"certify", "--budget", "-100dB", "--budget", "-40dB", "--attack", EFFORT},
    {"radius", "--tol", "6", "--method", "ibp", EFFORT},
    {"attack", "--budget", "-20dB", EFFORT},
    {"compare", "--methods", "ibp,exact@interval", "--budget", "-100dB", EFFORT},
    {"report", "--tol", "6", "--method", "ibp", "--budget", "-100dB", EFFORT}};
enum { COMMANDS = sizeof commands / sizeof commands[0] };

/* On two clips; `journal` or NULL. */
static sp_process run_with(size_t which, const char *option, const char *value,
                           const char *journal) {
    const char *list[MOST_ARGUMENTS];
    char page[PATH];
    size_t count = 0;
    file_in(page, "page.html");
    for (size_t i = 0; commands[which][i]; i++) {
        list[count++] = commands[which][i];
        if (i == 0) {
            const char *const more[] = {"--model", t.model, "--front", t.front, "--json"};
            memcpy(list + count, more, sizeof more);
            count += sizeof more / sizeof more[0];
        }
    }
    if (strcmp(commands[which][0], "report") == 0) {
        list[count++] = "--html";
        list[count++] = page;
    }
    if (option) {
        list[count++] = option;
        list[count++] = value;
    }
    if (journal) {
        list[count++] = "--journal";
        list[count++] = journal;
    }
    list[count++] = t.clip[0];
    list[count++] = t.clip[1];
    list[count] = NULL;
    return run_list(list);
}

/* Each object that names an arithmetic names this one. */
static void expect_arithmetic(const char *text, const char *name) {
    char wanted[64];
    snprintf(wanted, sizeof wanted, "\"arithmetic\":\"%s", name);
    assert_true(count_text(text, wanted) > 0);
    assert_int_equal(count_text(text, wanted), count_text(text, "\"arithmetic\":"));
}

static void journals_keep_them_apart(void **state) {
    (void)state;
    for (size_t i = 0; i < COMMANDS; i++) {
        char journal[PATH], page[PATH];
        fresh(journal, "apart.jsonl");
        file_in(page, "merged.html");
        sp_process real = run_with(i, NULL, NULL, journal);
        const size_t results = results_in(journal);
        sp_process same = run_with(i, "--arithmetic", "real", journal);
        assert_int_equal(results_in(journal), results);
        sp_process floats = run_with(i, "--arithmetic", "float32", journal);
        assert_int_equal(results_in(journal), 2 * results);
        sp_process again = run_with(i, "--arithmetic", "float32", journal);
        assert_int_equal(results_in(journal), 2 * results);
        const bool paged = strcmp(commands[i][0], "report") == 0;
        sp_process merged = paged ? RUN("merge", "--json", "--html", page, journal)
                                  : RUN("merge", "--json", journal);
        expect_code(&real, 0);
        expect_code(&floats, 0);
        expect_code(&merged, 0);
        expect_arithmetic(real.out, "real arithmetic");
        expect_arithmetic(floats.out, "any IEEE float32 runtime");
        assert_string_equal(floats.out, again.out);
        assert_string_equal(floats.out, merged.out);
        sp_process_clear(&real);
        sp_process_clear(&same);
        sp_process_clear(&floats);
        sp_process_clear(&again);
        sp_process_clear(&merged);
    }
}

/* Noise that is rounded: a step and more of it is certified where less than half a step is. */
static void rounded_noise_is_known_everywhere(void **state) {
    (void)state;
    char page[PATH];
    file_in(page, "deployed.html");
    sp_process process = RUN("radius", TOY, "--json", "--tol", "3", "--method", "ibp", "--deployed",
                             "int16", t.clip[0]);
    expect_code(&process, 0);
    expect_text(&process, "\"deployed\":\"int16\"");
    expect_text(&process, "\"broken_db\":null");
    sp_process_clear(&process);
    process = RUN("compare", TOY, "--json", "--methods", "ibp", "--budget", "0.4lsb", "--no-attack",
                  "--deployed", "int16", t.clip[0]);
    expect_code(&process, 0);
    expect_text(&process, "\"heard_eps\":0,"); // rounds to the clip itself
    expect_text(&process, "\"verdict\":\"certified\"");
    sp_process_clear(&process);
    process = RUN("report", TOY, "--tol", "5", "--method", "ibp", "--budget", "0.4lsb",
                  "--deployed", "int16", "--html", page, t.clip[0]);
    expect_code(&process, 0);
    expect_text(&process, "--deployed int16: noisy samples are clipped and rounded");
    char *text = sp_file_text(page);
    assert_non_null(strstr(text, "clipped and rounded to 16-bit integers"));
    assert_non_null(strstr(text, "not looked for"));
    free(text);
    sp_process_clear(&process);
}

static void what_does_not_go_together_is_refused_in_one_line(void **state) {
    (void)state;
    static const struct {
        const char *argument[10], *word;
    } wrong[] = {
        {{"certify", "--budget", "-60dB", "--arithmetic", "float16"}, "--arithmetic is real or"},
        {{"radius", "--deployed", "int8"}, "--deployed is real, file or int16"},
        {{"radius", "--deployed", "int16", "--norm", "2"}, "goes with --norm inf"},
        {{"certify", "--budget", "-60dB", "--deployed", "int16", "--attack"}, "real-valued noise"},
        {{"certify", "--budget", "-60dB", "--arithmetic", "float32", "--proof", "build/none"},
         "--proof speaks of real numbers"},
        {{"radius", "--arithmetic", "float32", "--proof", "build/none"}, "--proof speaks of real"},
        {{"compare", "--budget", "-60dB", "--deployed", "int16"}, "--no-attack leaves them out"},
        {{"attack", "--budget", "-60dB", "--deployed", "int16"}, "--deployed"},
        {{"audit", "--deployed", "int16", "--property", "gain"}, "--deployed is for fire"}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        const char *list[16];
        size_t count = 0;
        for (size_t k = 0; wrong[i].argument[k]; k++) {
            list[count++] = wrong[i].argument[k];
        }
        const char *const more[] = {"--model", t.model, "--front", t.front, t.clip[0], NULL};
        memcpy(list + count, more, sizeof more);
        sp_process process = run_list(list);
        expect_code(&process, 1);
        expect_complaint(&process, 1, wrong[i].word);
        sp_process_clear(&process);
    }
}

/* A model with one logit and a fixed window: what it hears, gains of that, and rounded noise. */
static void audits_speak_of_them(void **state) {
    (void)state;
    const sp_test_onnx shape = {.features = 10, .hidden = 4, .classes = 1, .seed = 27, .steps = 5};
    static const char key[] = " \"pad\": ";
    const char *at = strstr(toy_front, key), *end = strchr(at, '}');
    char model[PATH], front[PATH], text[2048], journal[PATH];
    snprintf(text, sizeof text, "%.*s%s", (int)(at - toy_front), toy_front, end + 2);
    write_text(front, "nopad.json", text);
    write_model(model, "wake.onnx", &shape);
    fresh(journal, "audit.jsonl");
#define AUDIT                                                                                      \
    "audit", "--model", model, "--front", front, "--json", "--before", "0", "--after", "0.05",     \
        "--threshold", "logit:50", "--method", "exact"
    sp_process floats = RUN(AUDIT, "--arithmetic", "float32", "--property", "silent,noise-line",
                            "--budget", "-100dB", "--journal", journal, EFFORT, t.clip[0]);
    sp_process merged = RUN("merge", "--json", journal);
    expect_code(&floats, 0);
    expect_arithmetic(floats.out, "any IEEE float32 runtime");
    assert_int_equal(count_text(floats.out, "\"verdict\":\"certified\""), 2);
    assert_null(strstr(floats.out, "\"float32_term\":null"));
    assert_string_equal(floats.out, merged.out);
    sp_process rounded = RUN(AUDIT, "--deployed", "int16", "--budget", "0.4lsb", t.clip[0]);
    expect_code(&rounded, 0);
    expect_text(&rounded, "\"property\":\"silent\",\"verdict\":\"certified\"");
    expect_text(&rounded, "\"deployed\":\"int16\"");
    assert_int_equal(sp_process_lines(rounded.out), 1);
    sp_process_clear(&floats);
    sp_process_clear(&merged);
    sp_process_clear(&rounded);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(journals_keep_them_apart),
        cmocka_unit_test(rounded_noise_is_known_everywhere),
        cmocka_unit_test(what_does_not_go_together_is_refused_in_one_line),
        cmocka_unit_test(audits_speak_of_them),
    };
    return cmocka_run_group_tests(tests, prepare, NULL);
}
