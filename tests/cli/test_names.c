/* What answers are called: in tables, objects, reasons and reports. */
#include "tests/cli/toy.h"

const char *const program = "cli_names";

/* Of --names, in every table and object; widths count columns, not bytes. */
static void answers_have_names_everywhere(void **state) {
    (void)state;
    char names[PATH], html[PATH], labels[PATH], text[3 * PATH];
    write_text(names, "names.txt", "stille\nja, f\xC3\xBCr immer\nnein\n");
    file_in(html, "names.html");
    sp_process process =
        RUN(CERTIFY, "--names", names, "--label", "1", "-v", "--budget", "-60dB", CLIP_LIST);
    expect_code(&process, 0);
    expect_text(&process, " label         answer  budget dB");
    expect_text(&process, "cli_names_clip0.wav  ja, f\xC3\xBCr immer ");
    expect_text(&process, "without any noise the model answers nein, not ja, f\xC3\xBCr immer\n");
    expect_text(&process, "\n    label        stille  logit ");
    expect_text(&process, "\n    label ja, f\xC3\xBCr immer  logit ");
    sp_process_clear(&process);
    static const char *const commands[] = {"attack", "radius", "compare", "run"};
    for (size_t i = 0; i < 4; i++) {
        const char *rest[][9] = {{"--budget", "-60dB", "--steps", "1"},
                                 {"--tol", "10", "--steps", "1"},
                                 {"--budget", "-60dB", "--methods", "ibp", "--no-attack"},
                                 {NULL}};
        for (int json = 0; json < 2; json++) {
            const char *arguments[24] = {commands[i], "--model", t.model, "--front",
                                         t.front,     "--names", names};
            size_t count = 7;
            for (size_t k = 0; rest[i][k]; k++) {
                arguments[count++] = rest[i][k];
            }
            arguments[count++] = t.clip[0];
            arguments[count] = json ? "--json" : NULL;
            process = run_list(arguments);
            expect_code(&process, 0);
            expect_text(&process, json ? "\"predicted_name\":\"nein\"" : "nein");
            sp_process_clear(&process);
        }
    }
    process = RUN("report", "--model", t.model, "--front", t.front, "--names", names, "--tol", "10",
                  "--steps", "1", "--html", html, t.clip[0]);
    expect_code(&process, 0);
    sp_process_clear(&process);
    process = sp_process_run(program, (const char *const[]){"/bin/cat", html, NULL});
    expect_text(&process, "<b>nein</b>");
    expect_text(&process, "<th scope=\"row\">stille</th>");
    sp_process_clear(&process);
    // a manifest's, and names that do not fit
    snprintf(text, sizeof text, "# names\tstille\tja\tnein\n%s\t2\n", t.clip[0]);
    process = RUN(CERTIFY, "--budget", "-60dB", "--json", "--manifest",
                  write_text(labels, "names.tsv", text));
    expect_code(&process, 0);
    expect_text(&process, "\"label\":2,\"label_name\":\"nein\"");
    sp_process_clear(&process);
    static const char *const wrong[][2] = {{"a\nb\n", "names 2 answers, but the model has 3"},
                                           {"a\nb\nc\nd\n", "more answers than the model has: 3"},
                                           {"a\nb\na\n", "calls answers 0 and 2 both 'a'"},
                                           {"a\n\nc\n", "name of answer 1 has 0 bytes"},
                                           {"[\"a\",1,\"c\"]", "name of answer 1 is no text"}};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        write_text(names, "wrong.txt", wrong[i][0]);
        process = RUN(CERTIFY, "--budget", "-60dB", "--names", names, t.clip[0]);
        expect_code(&process, 2);
        expect_complaint(&process, 1, wrong[i][1]);
        expect_complaint(&process, 1, names);
        sp_process_clear(&process);
    }
}

/* Those inside the model; a manifest that calls them otherwise has other labels. */
static void models_name_their_answers(void **state) {
    (void)state;
    char model[PATH], labels[PATH], text[3 * PATH];
    const sp_test_onnx shape = {.features = 10,
                                .hidden = 4,
                                .classes = 3,
                                .seed = 21,
                                .front = toy_front,
                                .names = "[\"stop\", \"go\", \"left\"]"};
    write_model(model, "named.onnx", &shape);
    sp_process process = RUN("run", "--model", model, "--json", t.clip[0]);
    expect_code(&process, 0);
    expect_text(&process, "\"predicted\":2,\"predicted_name\":\"left\"");
    sp_process_clear(&process);
    process = RUN("info", model);
    expect_text(&process, "answers     0 stop, 1 go, 2 left\n");
    sp_process_clear(&process);
    snprintf(text, sizeof text, "# names\tgo\tstop\tleft\n%s\t2\n", t.clip[0]);
    process = RUN("certify", "--model", model, "--budget", "-60dB", "--manifest",
                  write_text(labels, "others.tsv", text));
    expect_code(&process, 2);
    expect_complaint(&process, 1, "calls answer 0 'go', but the model 'stop'");
    sp_process_clear(&process);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_have_names_everywhere),
        cmocka_unit_test(models_name_their_answers),
    };
    return cmocka_run_group_tests_name("cli/names", tests, prepare, NULL);
}
