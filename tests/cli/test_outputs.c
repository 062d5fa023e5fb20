/* Many decisions at once through the command: --property outputs, --output NAME@all, --threshold.
 */
#include <unistd.h>

#include "tests/cli/rows_model.h"

const char *const program = "cli_outputs";

#include "tests/cli/toy.h"

static char model[PATH], window[PATH], unpadded[PATH];

/* The front end without its padding: a window of a recording is a clip of its own. */
static void make_unpadded(void) {
    const char *pad = strstr(toy_front, " \"pad\""), *behind = strstr(toy_front, " \"frame\"");
    char text[sizeof toy_front];
    snprintf(text, sizeof text, "%.*s%s", (int)(pad - toy_front), toy_front, behind);
    write_text(unpadded, "unpadded.json", text);
}

static int prepare_models(void **state) {
    (void)prepare(state);
    make_unpadded();
    make_rows_model(model, "rows.onnx", true);
    make_rows_model(window, "window.onnx", false);
    return 0;
}

#define ALL "--model", model, "--front", t.front, "--output", "p@all"
#define SIDES ALL, "--property", "outputs", "--threshold", "0.45,0.5,0.55"

static void one_verdict_is_about_all_outputs_of_all_frames(void **state) {
    (void)state;
    sp_process process = RUN("certify", SIDES, "--budget", "-120dB", "--budget", "-3dB", "--attack",
                             "-v", t.clip[0]);
    expect_code(&process, 0);
    expect_text(&process, "-120dB: certified 1 of 1");
    expect_text(&process, "-3dB: certified 0 of 1, 1 broken");
    expect_text(&process, "18 decisions, the least margin at output ");
    expect_text(&process, " of frame ");
    expect_text(&process, "across its threshold");
    expect_text(&process, "that each output stays on its side of its threshold at every frame");
    sp_process_clear(&process);
    process = RUN("certify", ALL, "--budget", "-120dB", "--json", t.clip[0]);
    expect_code(&process, 0);
    expect_text(&process, "\"label\":null");
    expect_text(&process, "\"property\":\"answer\",\"outputs\":3,\"decisions\":6,");
    sp_process_clear(&process);
}

static void journals_keep_many_decisions(void **state) {
    (void)state;
    char journal[PATH];
    file_in(journal, "journal");
    unlink(journal);
    sp_process first = RUN("certify", SIDES, "--budget", "-100dB", "--json", "--journal", journal,
                           t.clip[0], t.clip[1]);
    expect_code(&first, 0);
    sp_process again = RUN("certify", SIDES, "--budget", "-100dB", "--json", "--journal", journal,
                           t.clip[0], t.clip[1]);
    expect_code(&again, 0);
    sp_process merged = RUN("merge", "--json", journal);
    expect_code(&merged, 0);
    const char *at = strstr(again.out, "\"weakest_output\":");
    assert_non_null(at);
    assert_string_equal(first.out, again.out);
    assert_non_null(strstr(merged.out, "\"decisions\":18,\"weakest_output\":"));
    sp_process_clear(&first);
    sp_process_clear(&again);
    sp_process_clear(&merged);
    sp_process other = RUN("certify", ALL, "--property", "outputs", "--budget", "-100dB", "--json",
                           "--journal", journal, t.clip[0], t.clip[1]);
    expect_code(&other, 0); // another question: nothing of it stands there
    assert_int_equal(sp_process_lines(other.out), 2);
    sp_process_clear(&other);
    unlink(journal);
}

/* The noisy file, heard by itself, has an output on the other side. */
static void the_breaking_file_changes_one(void **state) {
    (void)state;
    char folder[PATH], file[2 * PATH];
    file_in(folder, "attacks");
    sp_process process =
        RUN("attack", SIDES, "--budget", "-3dB", "--out", folder, "--json", t.clip[0]);
    expect_code(&process, 0);
    expect_text(&process, "\"verdict\":\"broken\"");
    const char *at = strstr(process.out, "\"broken_output\":");
    assert_non_null(at);
    const long output = strtol(at + strlen("\"broken_output\":"), NULL, 10);
    at = strstr(process.out, "\"broken_frame\":");
    assert_non_null(at);
    const long frame = strtol(at + strlen("\"broken_frame\":"), NULL, 10);
    at = strstr(process.out, "\"file\":\"");
    assert_non_null(at);
    snprintf(file, sizeof file, "%s", at + strlen("\"file\":\""));
    *strchr(file, '"') = '\0';
    static const double threshold[OUTPUTS] = {0.45, 0.5, 0.55};
    double value[2];
    const char *const heard[2] = {t.clip[0], file};
    for (int i = 0; i < 2; i++) {
        sp_process run = RUN("run", ALL, "--json", heard[i]);
        expect_code(&run, 0);
        const char *list = strstr(run.out, "\"probabilities\":[[");
        assert_non_null(list);
        list += strlen("\"probabilities\":[[");
        for (long k = 0; k < frame * OUTPUTS + output; k++) {
            list = strpbrk(list, ",");
            assert_non_null(list);
            list += 1 + strspn(list + 1, "[");
        }
        value[i] = strtod(list, NULL);
        sp_process_clear(&run);
    }
    assert_true((value[0] >= threshold[output]) != (value[1] >= threshold[output]));
    sp_process_clear(&process);
}

static void all_commands_about_noise_ask_it(void **state) {
    (void)state;
    char page[PATH];
    sp_process process =
        RUN("radius", SIDES, "--tol", "6", "--starts", "1", "--steps", "5", t.clip[0]);
    expect_code(&process, 0);
    expect_text(&process, "18 decisions, the least margin at output ");
    sp_process_clear(&process);
    process = RUN("compare", SIDES, "--budget", "-100dB", "--methods", "ibp,exact", "--starts", "1",
                  "--steps", "5", t.clip[0]);
    expect_code(&process, 0);
    expect_text(&process, "1 of 1 clips are answered rightly without noise");
    sp_process_clear(&process);
    file_in(page, "report.html");
    process = RUN("report", SIDES, "--budget", "-100dB", "--tol", "6", "--starts", "1", "--steps",
                  "5", "--html", page, t.clip[0]);
    expect_code(&process, 0);
    char *text = sp_file_text(page);
    assert_non_null(strstr(text, "18 decisions"));
    assert_null(strstr(text, "could not be used"));
    free(text);
    sp_process_clear(&process);
}

/* Each output of every window of a longer recording. */
static void windows_are_asked_about_all_outputs(void **state) {
    (void)state;
#define WINDOW "--model", window, "--front", unpadded, "--property", "outputs"
    sp_process process =
        RUN("certify", WINDOW, "--budget", "-120dB", "--budget", "20dB", "--attack", t.clip[0]);
    expect_code(&process, 0);
    expect_text(&process, "-120dB: certified 1 of 1");
    expect_text(&process, "20dB: certified 0 of 1");
    expect_text(&process, "3 decisions, the least margin at output ");
    expect_text(&process, "Longer than the model's window of 4 frames: 1");
    sp_process_clear(&process);
    process = RUN("attack", WINDOW, "--budget", "20dB", "--json", t.clip[0]);
    expect_code(&process, 0);
    expect_text(&process, "\"windows\":");
    sp_process_clear(&process);
    process = RUN("radius", WINDOW, "--tol", "6", "--starts", "1", "--steps", "5", t.clip[0]);
    expect_code(&process, 0);
    expect_text(&process, "3 decisions, the least margin at output ");
    sp_process_clear(&process);
}

static void questions_that_make_no_sense_are_refused(void **state) {
    (void)state;
    static const struct {
        const char *option, *value, *word;
    } wrong[] = {
        {"--label", "1", "many decisions are asked about"},
        {"--threshold", "0.5", "--threshold goes with --property outputs"},
        {"--property", "sides", "--property is answer or outputs, not 'sides'"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        sp_process process =
            RUN("certify", ALL, "--budget", "-90dB", wrong[i].option, wrong[i].value, t.clip[0]);
        expect_code(&process, 1);
        expect_complaint(&process, 1, wrong[i].word);
        sp_process_clear(&process);
    }
    static const char *const thresholds[] = {"1.5", "0.5,0.5", "0.1,0.2,0.3,0.4", "x", "0.5,"};
    for (size_t i = 0; i < sizeof thresholds / sizeof *thresholds; i++) {
        sp_process process = RUN("certify", ALL, "--property", "outputs", "--budget", "-90dB",
                                 "--threshold", thresholds[i], t.clip[0]);
        expect_code(&process, 1);
        expect_complaint(&process, 1, "--threshold");
        sp_process_clear(&process);
    }
    char folder[PATH];
    file_in(folder, "proofs");
    sp_process process = RUN("certify", SIDES, "--budget", "-90dB", "--proof", folder, t.clip[0]);
    expect_code(&process, 1);
    expect_complaint(&process, 1, "--proof is of one answer");
    sp_process_clear(&process);
    // a logit that is no probability
    process = RUN("certify", ALL, "--property", "outputs", "--budget", "-120dB", "--threshold",
                  "logit:1.5", t.clip[0]);
    expect_code(&process, 0);
    sp_process_clear(&process);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_verdict_is_about_all_outputs_of_all_frames),
        cmocka_unit_test(journals_keep_many_decisions),
        cmocka_unit_test(the_breaking_file_changes_one),
        cmocka_unit_test(all_commands_about_noise_ask_it),
        cmocka_unit_test(windows_are_asked_about_all_outputs),
        cmocka_unit_test(questions_that_make_no_sense_are_refused),
    };
    return cmocka_run_group_tests_name("cli/outputs", tests, prepare_models, NULL);
}
