/* Verdicts below half a step of the clip's format: marked and counted wherever they stand. */
#include "tests/cli/json_lines.h"
#include "tests/cli/toy.h"

const char *const program = "cli_vacuous";

/* A recording whose loudest samples are a few steps: what is certified of it is vacuous. */
static const char *write_quiet(char path[PATH]) {
    int16_t samples[CLIP_SAMPLES];
    make_samples(samples, CLIP_SAMPLES, 1);
    for (size_t i = 0; i < CLIP_SAMPLES; i++) {
        samples[i] = (int16_t)(samples[i] / 3000);
    }
    sp_bytes bytes = sp_wav_bytes(samples, CLIP_SAMPLES, 1, CLIP_RATE);
    write_bytes(path, "quiet.wav", bytes.data, bytes.size);
    sp_bytes_clear(&bytes);
    return path;
}

/* A star in every row, a count in every summary, one line on stderr whatever the clips. */
static void vacuous_verdicts_are_marked_in_every_table(void **state) {
    (void)state;
    char quiet[PATH];
    write_quiet(quiet);
    sp_process process = RUN(CERTIFY, "--budget", "0.4lsb", "--budget", "0.6lsb", CLIP_LIST);
    expect_code(&process, 0);
    expect_complaint(&process, 1, "4 certified verdicts (*) are vacuous");
    expect_text(&process, "0.40");
    expect_text(&process, "certified* ");
    expect_text(&process, "\n0.4lsb: certified 4 of 4 (4 of them below half a step *)\n");
    expect_text(&process, "\n0.6lsb: certified 4 of 4\n");
    sp_process_clear(&process);
    process = RUN("compare", "--model", t.model, "--front", t.front, "--methods", "ibp,exact",
                  "--no-attack", "--budget", "0.001lsb", "--budget", "0.6lsb", CLIP_LIST);
    expect_code(&process, 0);
    expect_complaint(&process, 1, "certified verdicts (*) are vacuous");
    expect_text(&process, "\n* below half a step, %   0.001lsb     0.6lsb\n");
    expect_text(&process, "\n  exact                     100.0        0.0\n");
    sp_process_clear(&process);
    process = RUN("compare", "--model", t.model, "--front", t.front, "--methods", "exact",
                  "--no-attack", "--budget", "0.4lsb", t.clip[0]);
    expect_text(&process, " 0.4lsb*\n");
    sp_process_clear(&process);
    process = RUN("attack", "--model", t.model, "--front", t.front, "--steps", "1", "--starts", "1",
                  "--budget", "0.4lsb", "--budget", "2lsb", CLIP_LIST);
    expect_code(&process, 0);
    expect_complaint(&process, 1, "4 attacks (*) had less than half a step");
    expect_text(&process, "unknown* ");
    expect_text(&process, "\n0.4lsb: broken 0 of 4 by a file (4 of the 4 below half a step *)\n");
    expect_text(&process, "\n2lsb: broken 0 of 4 by a file\n");
    sp_process_clear(&process);
    process = RUN("radius", "--model", t.model, "--front", t.front, "--tol", "5", "--steps", "5",
                  quiet, t.clip[0]);
    expect_code(&process, 0);
    expect_complaint(&process, 1, "1 certified verdict (*) is vacuous");
    expect_text(&process, "certified* ");
    expect_text(&process, "found for 2 of 2 clips, for 1 of them below half a step *: ");
    sp_process_clear(&process);
}

/* The report says it of the clip, of its budgets and in its counts. */
static void vacuous_verdicts_are_marked_in_reports(void **state) {
    (void)state;
    char quiet[PATH], html[PATH];
    write_quiet(quiet);
    file_in(html, "vacuous.html");
    sp_process process =
        RUN("report", "--model", t.model, "--front", t.front, "--tol", "5", "--steps", "5",
            "--budget", "0.4lsb", "--html", html, quiet, t.clip[0]);
    expect_code(&process, 0);
    expect_complaint(&process, 1, "1 certified verdict (*) is vacuous");
    expect_text(&process, "certified* ");
    sp_process_clear(&process);
    process = sp_process_run(program, (const char *const[]){"/bin/cat", html, NULL});
    expect_text(&process, "; for 1 of the 2 certified clips (*) the former is below half a step");
    expect_text(&process, "</svg>1 (1*)</td>");
    expect_text(&process, ">certified*</span>");
    expect_text(&process, "less than half a step: no other clip of this format is so close");
    expect_text(&process, "which is below half a step of the format (*)");
    expect_text(&process, "<dt>Below half a step (*)</dt>");
    sp_process_clear(&process);
}

/* Of every command, and null where there is no budget to speak of. */
static void vacuous_is_a_key_of_every_object(void **state) {
    (void)state;
    char quiet[PATH], absent[PATH], html[PATH];
    file_in(html, "keys.html");
    write_quiet(quiet);
    const struct {
        const char *command, *more[7];
        size_t objects;
    } runs[] = {{"certify", {"--budget", "0.0001lsb"}, 1},
                {"attack", {"--budget", "0.0001lsb", "--steps", "1"}, 1},
                {"radius", {"--tol", "10", "--steps", "1"}, 1},
                {"report", {"--tol", "10", "--steps", "1", "--html", html}, 1},
                {"compare", {"--budget", "0.0001lsb", "--methods", "exact", "--no-attack"}, 3}};
    for (size_t i = 0; i < sizeof runs / sizeof runs[0]; i++) {
        const char *arguments[20] = {runs[i].command, "--model", t.model,
                                     "--front",       t.front,   "--json"};
        size_t count = 6;
        for (size_t k = 0; k < 7 && runs[i].more[k]; k++) {
            arguments[count++] = runs[i].more[k];
        }
        arguments[count] = quiet;
        sp_process process = run_list(arguments);
        expect_code(&process, 0);
        cJSON *all = parse_lines(process.out, runs[i].objects);
        assert_true(cJSON_IsTrue(member(cJSON_GetArrayItem(all, 0), "vacuous")));
        if (runs[i].objects > 1) { // the sums, behind which stand radii
            assert_int_equal(member(cJSON_GetArrayItem(all, 1), "vacuous")->valueint, 1);
        }
        cJSON_Delete(all);
        sp_process_clear(&process);
        arguments[count] = file_in(absent, "absent.wav");
        process = run_list(arguments);
        expect_code(&process, 2);
        all = parse_lines(process.out, runs[i].objects);
        assert_true(cJSON_IsNull(member(cJSON_GetArrayItem(all, 0), "vacuous")));
        cJSON_Delete(all);
        sp_process_clear(&process);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vacuous_verdicts_are_marked_in_every_table),
        cmocka_unit_test(vacuous_verdicts_are_marked_in_reports),
        cmocka_unit_test(vacuous_is_a_key_of_every_object),
    };
    return cmocka_run_group_tests_name("cli/vacuous", tests, prepare, NULL);
}
