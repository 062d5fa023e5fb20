/* The library's interface asks what the command asks: properties, thresholds, outputs, and its
 * verdicts are the command's to the bit. */
#include "include/soundproof.h"
#include "tests/cli/json_lines.h"
#include "tests/cli/rows_model.h"

const char *const program = "cli_interface";

#include "tests/cli/toy.h"

static char model[PATH], front[PATH];

static int prepare_models(void **state) {
    (void)prepare(state);
    strcpy(front, t.front);
    make_rows_model(model, "rows.onnx", true);
    return 0;
}

static soundproof *open_or_fail(const char *output) {
    soundproof_choice choice;
    soundproof_choice_init(&choice);
    choice.output = output;
    soundproof *system = soundproof_open_as(model, front, "exact", &choice);
    if (!system) {
        fail_msg("%s", soundproof_last_error());
    }
    return system;
}

static bool same(double mine, const cJSON *theirs) {
    return cJSON_IsNull(theirs) ? isnan(mine) : mine == theirs->valuedouble;
}

/* One question, asked both ways. */
static void compare(const char *output, const char *property, const char *threshold,
                    const char *budget) {
    soundproof *system = open_or_fail(output);
    soundproof_clip *clip = soundproof_clip_read(system, t.clip[0]);
    soundproof_query query;
    soundproof_verdict verdict;
    assert_non_null(clip);
    soundproof_query_init(&query);
    query.budget = budget;
    query.property = property;
    query.threshold = threshold;
    if (soundproof_certify(system, &verdict, clip, &query)) {
        fail_msg("%s", soundproof_last_error());
    }
    const char *line[24] = {"certify",  "--model", model,        "--front",
                            front,      "--json",  "--budget",   budget,
                            "--output", output,    "--property", property ? property : "answer"};
    size_t count = 12;
    if (threshold) {
        line[count++] = "--threshold";
        line[count++] = threshold;
    }
    line[count] = t.clip[0];
    const char *arguments[32] = {getenv("SOUNDPROOF")};
    memcpy(arguments + 1, line, sizeof line);
    sp_process process = sp_process_run(program, arguments);
    expect_code(&process, 0);
    cJSON *lines = parse_lines(process.out, 1);
    const cJSON *said = lines->child, *margins = member(said, "margins");
    const cJSON *logits = member(said, "logits");
    assert_string_equal(member(said, "verdict")->valuestring,
                        soundproof_outcome_name(verdict.outcome));
    assert_int_equal(cJSON_GetArraySize(margins), verdict.classes);
    for (size_t i = 0; i < verdict.classes; i++) {
        assert_true(same(verdict.margins[i], cJSON_GetArrayItem(margins, (int)i)));
        assert_true(same(verdict.logits[i], cJSON_GetArrayItem(logits, (int)i)));
    }
    assert_true(same(verdict.margin, member(said, "margin")));
    const size_t outputs = soundproof_outputs(system, &query);
    const cJSON *theirs = cJSON_GetObjectItem(said, "outputs");
    assert_int_equal(outputs, theirs ? theirs->valuedouble : 0);
    assert_int_equal(verdict.label<0, outputs> 0);
    cJSON_Delete(lines);
    sp_process_clear(&process);
    soundproof_verdict_clear(&verdict);
    soundproof_clip_free(clip);
    soundproof_close(system);
}

static void properties_thresholds_and_outputs_are_those_of_the_command(void **state) {
    (void)state;
    static const char *const budgets[] = {"-90dB", "-40dB"};
    for (size_t b = 0; b < 2; b++) {
        compare("p@all", NULL, NULL, budgets[b]);
        compare("p@all", "outputs", NULL, budgets[b]);
        compare("p@all", "outputs", "0.45,0.5,0.55", budgets[b]);
        compare("p@last", "outputs", "logit:0.1", budgets[b]);
        compare("p@last", "answer", NULL, budgets[b]);
        compare("p[1]@last", NULL, "0.45", budgets[b]);
        compare("p[1]@all", NULL, "0.45", budgets[b]);
    }
}

static void radii_and_attacks_ask_it_too(void **state) {
    (void)state;
    soundproof *system = open_or_fail("p@all");
    soundproof_clip *clip = soundproof_clip_read(system, t.clip[0]);
    soundproof_query query;
    soundproof_verdict verdict;
    double certified = NAN, broken = NAN;
    int score = -1;
    soundproof_query_init(&query);
    query.property = "outputs";
    query.threshold = "0.45,0.5,0.55";
    query.tolerance = 4.0;
    assert_int_equal(soundproof_radius(system, &verdict, &certified, &broken, clip, &query), 0);
    assert_true(certified < broken);
    soundproof_verdict_clear(&verdict);
    sp_process process = RUN("radius", "--model", model, "--front", front, "--output", "p@all",
                             "--property", "outputs", "--threshold", "0.45,0.5,0.55", "--tol", "4",
                             "--steps", "30", "--json", t.clip[0]);
    cJSON *lines = parse_lines(process.out, 1);
    assert_true(same(certified, member(lines->child, "certified_db")));
    cJSON_Delete(lines);
    sp_process_clear(&process);
    query.budget = "-3dB";
    assert_int_equal(soundproof_attack(system, &verdict, &score, NULL, clip, &query, NULL), 0);
    assert_int_equal(verdict.outcome, SOUNDPROOF_BROKEN);
    assert_in_range(score, 0, verdict.classes - 1);
    assert_non_null(strstr(verdict.reason, "across its threshold"));
    soundproof_verdict_clear(&verdict);
    const size_t scores = soundproof_scores(system, clip);
    double *logits = calloc(scores, sizeof *logits);
    assert_int_equal(scores % OUTPUTS, 0);
    assert_int_equal(soundproof_logits(system, logits, clip), 0);
    free(logits);
    soundproof_clip_free(clip);
    soundproof_close(system);
}

static void refuse(const soundproof *system, const soundproof_clip *clip, const char *property,
                   const char *threshold, long label, const char *words) {
    soundproof_query query;
    soundproof_verdict verdict;
    soundproof_query_init(&query);
    query.budget = "-90dB";
    query.property = property;
    query.threshold = threshold;
    query.label = label;
    assert_int_not_equal(soundproof_certify(system, &verdict, clip, &query), 0);
    assert_int_equal(verdict.outcome, SOUNDPROOF_ERROR);
    if (!strstr(verdict.reason, words) || strchr(verdict.reason, '\n')) {
        fail_msg("'%s' is not one line that holds '%s'", verdict.reason, words);
    }
    soundproof_verdict_clear(&verdict);
}

static void questions_that_make_no_sense_are_refused(void **state) {
    (void)state;
    soundproof *all = open_or_fail("p@all"), *last = open_or_fail("p@last");
    soundproof_clip *clip = soundproof_clip_read(all, t.clip[0]);
    refuse(all, clip, "sides", NULL, -1, "answer or outputs, not 'sides'");
    refuse(all, clip, "outputs", "1.5", -1, "no probability");
    refuse(all, clip, "outputs", "nan", -1, "needs a number");
    refuse(all, clip, "outputs", "", -1, "needs a number");
    refuse(all, clip, "outputs", "0.1,0.2", -1, "each of 3");
    refuse(all, clip, "outputs", NULL, 1, "many decisions");
    refuse(all, clip, NULL, NULL, 1, "many decisions");
    refuse(last, clip, "answer", "0.5", -1, "knows no threshold");
    soundproof_clip_free(clip);
    soundproof_close(all);
    soundproof_close(last);
    soundproof_choice choice;
    soundproof_choice_init(&choice);
    choice.output = "q@all";
    assert_null(soundproof_open_as(model, front, NULL, &choice));
    assert_non_null(strstr(soundproof_last_error(), "no output 'q@all'"));
    soundproof_choice_init(&choice);
    choice.inputs = (const char *const[]){"rate", NULL};
    assert_null(soundproof_open_as(model, front, NULL, &choice));
    assert_non_null(strstr(soundproof_last_error(), "NAME=VALUE"));
    choice.size = 3;
    assert_null(soundproof_open_as(model, front, NULL, &choice));
    assert_non_null(strstr(soundproof_last_error(), "soundproof_choice_init"));
}

/* Programs that were compiled against this header read members at these places: new ones come
 * behind them, and only in structs that know their size. */
static void members_stay_where_they_are(void **state) {
    (void)state;
    if (sizeof(void *) != 8 || sizeof(long) != 8) {
        skip();
    }
#define AT(type, member, place) assert_int_equal(offsetof(type, member), place)
    AT(soundproof_query, budget, 8);
    AT(soundproof_query, norm, 16);
    AT(soundproof_query, label, 24);
    AT(soundproof_query, timeout, 32);
    AT(soundproof_query, steps, 40);
    AT(soundproof_query, starts, 44);
    AT(soundproof_query, seed, 48);
    AT(soundproof_query, tolerance, 56);
    AT(soundproof_query, deployed, 64);
    AT(soundproof_query, property, 72);
    AT(soundproof_query, threshold, 80);
    AT(soundproof_choice, output, 8);
    AT(soundproof_choice, inputs, 16);
    AT(soundproof_choice, steps_axis, 24);
    AT(soundproof_verdict, label, 4);
    AT(soundproof_verdict, classes, 16);
    AT(soundproof_verdict, logits, 32);
    AT(soundproof_verdict, margins, 40);
    AT(soundproof_verdict, margin, 48);
    AT(soundproof_verdict, eps, 56);
    AT(soundproof_verdict, snr_db, 80);
    AT(soundproof_verdict, vacuous, 88);
    AT(soundproof_verdict, seconds, 96);
    AT(soundproof_verdict, reason, 104);
#undef AT
    assert_int_equal(sizeof(soundproof_verdict), 616);
    assert_int_equal(SOUNDPROOF_CERTIFIED, 0);
    assert_int_equal(SOUNDPROOF_ERROR, 5);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(properties_thresholds_and_outputs_are_those_of_the_command),
        cmocka_unit_test(radii_and_attacks_ask_it_too),
        cmocka_unit_test(questions_that_make_no_sense_are_refused),
        cmocka_unit_test(members_stay_where_they_are),
    };
    return cmocka_run_group_tests(tests, prepare_models, NULL);
}
