/* Comparisons: the same verdicts as alone, sums that add up, and charts that are written. */
#include "tests/certify/attacked.h"

#include <unistd.h>

enum { METHODS = 2, BUDGETS = 3 };
static const char *const names[METHODS] = {"ibp", "exact"};
static const sp_budget budgets[BUDGETS] = {{.unit = SP_BUDGET_DB_PEAK, .value = -30.0},
                                           {.unit = SP_BUDGET_DB_PEAK, .value = -110.0},
                                           {.unit = SP_BUDGET_DB_PEAK, .value = -8.0}};
static char *texts[BUDGETS] = {"-30dB", "-110dB", "-8dB"};
static const size_t order[BUDGETS] = {1, 0, 2};

typedef struct setup {
    attacked a;
    sp_pipeline pipeline[METHODS];
    sp_comparison_setup setup;
} setup;

static void contest_init(setup *c, uint64_t seed) {
    attacked_init(&c->a, seed, 3000.0, "exact");
    for (int m = 0; m < METHODS; m++) {
        const sp_method *method = sp_method_find(names[m]);
        assert_int_equal(
            sp_pipeline_init(NULL, &c->pipeline[m], &c->a.net, c->a.front, method, method->front),
            SP_OK);
    }
    c->setup = (sp_comparison_setup){.methods = METHODS,
                                     .budgets = BUDGETS,
                                     .pipeline = c->pipeline,
                                     .budget = budgets,
                                     .text = texts,
                                     .quiet_first = order,
                                     .attacker = &c->a.attacker,
                                     .attack = {.steps = 15, .starts = 2, .seed = 1}};
}

static void contest_clear(setup *c) {
    for (int m = 0; m < METHODS; m++) {
        sp_pipeline_clear(&c->pipeline[m]);
    }
    attacked_clear(&c->a);
}

static void run(sp_comparison *comparison, const setup *c, long label) {
    assert_int_equal(sp_comparison_init(NULL, comparison, BUDGETS, METHODS), SP_OK);
    sp_comparison_run(comparison, &c->setup, &c->a.clip, label, c->a.path);
}

/* Every verdict is that of sp_certify; what breaks a quiet budget breaks the louder ones. */
static void verdicts_are_those_of_certify(void **state) {
    (void)state;
    setup c;
    sp_comparison comparison;
    contest_init(&c, sp_test_seed() + 3);
    run(&comparison, &c, (long)c.a.label);
    for (size_t b = 0; b < BUDGETS; b++) {
        for (size_t m = 0; m < METHODS; m++) {
            const sp_verdict *verdict = &comparison.verdict[b * METHODS + m];
            sp_verdict alone;
            assert_int_equal(sp_certify(NULL, &alone, &c.pipeline[m], &c.a.clip, &budgets[b],
                                        (long)c.a.label, 0.0),
                             SP_OK);
            assert_int_equal(verdict->kind, alone.kind);
            assert_true(verdict->margin == alone.margin);
            assert_false(sp_comparison_contradicts(&comparison, b, m));
            sp_verdict_clear(&alone);
        }
    }
    for (size_t i = 1; i < BUDGETS; i++) {
        const sp_attack *quiet = &comparison.attack[order[i - 1]],
                        *loud = &comparison.attack[order[i]];
        assert_true(!quiet->real_broken || loud->real_broken);
        assert_true(quiet->verdict.kind != SP_VERDICT_BROKEN ||
                    loud->verdict.kind == SP_VERDICT_BROKEN);
    }
    assert_true(comparison.attack[order[BUDGETS - 1]].real_broken);
    assert_int_equal(comparison.verdict[1 * METHODS + 1].kind, SP_VERDICT_CERTIFIED);
    // A contradiction is seen.
    comparison.verdict[2 * METHODS].kind = SP_VERDICT_CERTIFIED;
    assert_true(sp_comparison_contradicts(&comparison, 2, 0));
    sp_comparison_clear(&comparison);
    contest_clear(&c);
}

static void standings_add_up(void **state) {
    (void)state;
    setup c;
    sp_comparison right, wrong;
    sp_comparison_totals totals;
    contest_init(&c, sp_test_seed() + 3);
    run(&right, &c, (long)c.a.label);
    run(&wrong, &c, (long)((c.a.label + 1) % C));
    assert_int_equal(sp_comparison_totals_init(NULL, &totals, BUDGETS, METHODS), SP_OK);
    sp_comparison_totals_add(&totals, &right);
    sp_comparison_totals_add(&totals, &right);
    sp_comparison_totals_add(&totals, &wrong); // counts as heard only
    assert_int_equal(totals.heard, 3);
    assert_int_equal(totals.right, 2);
    for (size_t b = 0; b < BUDGETS; b++) {
        const sp_comparison_sum *attack = &totals.attack[b];
        assert_int_equal(attack->clips, 2);
        assert_int_equal(attack->broken, right.attack[b].real_broken ? 2 : 0);
        assert_int_equal(attack->broken_file,
                         right.attack[b].verdict.kind == SP_VERDICT_BROKEN ? 2 : 0);
        for (size_t m = 0; m < METHODS; m++) {
            const sp_comparison_sum *standing = &totals.method[b * METHODS + m];
            const sp_verdict *verdict = &right.verdict[b * METHODS + m];
            assert_int_equal(standing->clips, 2);
            assert_int_equal(standing->certified, verdict->kind == SP_VERDICT_CERTIFIED ? 2 : 0);
            assert_true(fabs(standing->margin - 2.0 * verdict->margin) < 1e-12);
            assert_true(fabs(standing->seconds - 2.0 * verdict->seconds) < 1e-12);
        }
    }
    char *table = sp_report_comparison_table(&totals, &c.setup);
    assert_non_null(table);
    // Budgets stand from quiet to loud.
    const char *quiet = strstr(table, "-110dB"), *middle = strstr(table, "-30dB");
    assert_true(quiet && middle && quiet < middle);
    assert_non_null(strstr(table, "2 of 3 clips"));
    assert_non_null(strstr(table, "not broken by a file"));
    free(table);
    sp_comparison_totals_clear(&totals);
    sp_comparison_clear(&right);
    sp_comparison_clear(&wrong);
    contest_clear(&c);
}

static long file_starts_with(const char *path, const char *magic) {
    char head[16] = "";
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    assert_int_equal(fread(head, 1, 15, file), 15);
    fseek(file, 0, SEEK_END);
    const long size = ftell(file);
    fclose(file);
    assert_int_equal(memcmp(head, magic, strlen(magic)), 0);
    return size;
}

static void charts_are_written(void **state) {
    (void)state;
    static const double x[4] = {-90.0, -80.0, -70.0, -60.0}, loose[4] = {90.0, 20.0, 0.0, NAN},
                        tight[4] = {100.0, 80.0, 30.0, 0.0},
                        ceiling[4] = {100.0, 100.0, 90.0, 40.0}, low[4] = {60.0, 30.0, 0.0, 0.0};
    const sp_chart_series series[2] = {{"loose", loose}, {"tight", tight}};
    sp_chart chart = {"title", "x", "y", 4, x, false, 2, series, ceiling, "broken", low, "quiet"};
    char stem[PATH], path[PATH + 8];
    sp_error err = {0};
    sp_test_scratch("certify_attacked/chart", stem, PATH);
    snprintf(path, sizeof path, "%s.svg", stem);
    unlink(path);
    snprintf(path, sizeof path, "%s.png", stem);
    unlink(path);
    assert_int_equal(sp_chart_write(&err, &chart, path), SP_OK);
    assert_true(file_starts_with(path, "\x89PNG\r\n") > 1000);
    snprintf(path, sizeof path, "%s.svg", stem);
    assert_int_equal(access(path, F_OK), -1); // only what was asked for
    assert_int_equal(sp_chart_write(&err, &chart, stem), SP_OK);
    const long with_ceiling = file_starts_with(path, "<?xml");
    chart.ceiling = NULL;
    chart.flip = true;
    assert_int_equal(sp_chart_write(&err, &chart, path), SP_OK);
    assert_true(file_starts_with(path, "<?xml") < with_ceiling);
    assert_int_equal(sp_chart_write(&err, &chart, "/nonexistent/folder/x.svg"), SP_E_IO);
    assert_non_null(strstr(err.text, "/nonexistent/folder/x.svg"));
    assert_int_equal(sp_chart_write(&err, &chart, "/nonexistent/folder/x.png"), SP_E_IO);
    chart.points = 1;
    assert_int_equal(sp_chart_write(&err, &chart, path), SP_E_ARGUMENT);
}

static void charts_need_one_axis(void **state) {
    (void)state;
    static const sp_budget mixed[2] = {{.unit = SP_BUDGET_DB_PEAK, .value = -30.0},
                                       {.unit = SP_BUDGET_LSB, .value = 3.0}};
    sp_comparison_setup c = {.budgets = 2, .budget = mixed};
    sp_error err = {0};
    assert_int_equal(sp_report_comparison_check_chart(&err, &c), SP_E_ARGUMENT);
    c.budget = budgets;
    assert_int_equal(sp_report_comparison_check_chart(&err, &c), SP_OK);
    c.budgets = 1;
    assert_int_equal(sp_report_comparison_check_chart(&err, &c), SP_E_ARGUMENT);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(verdicts_are_those_of_certify),
        cmocka_unit_test(standings_add_up),
        cmocka_unit_test(charts_are_written),
        cmocka_unit_test(charts_need_one_axis),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
