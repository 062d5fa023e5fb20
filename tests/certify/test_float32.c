/* Verdicts about float32 programs: the margins of real arithmetic less their terms; clips whose
 * answer rounding may change without noise are said to be so. */
#include "certify/study/study.h"
#include "onnx/onnx.h"
#include "tests/certify/small_net.h"

static uint64_t which = 5; /* network */

typedef struct system_of {
    small s;
    sp_model model;
    sp_pipeline pipeline;
} system_of;

/* `large` is added to the scores of all classes: it changes no margin of real numbers. */
static void open_system(system_of *y, const char *method, sp_arithmetic arithmetic, double large) {
    void *data = NULL;
    size_t size = 0;
    sp_error err = {0};
    make(&y->s, sp_test_seed() + which, false);
    sp_node *last = &y->s.net.node[y->s.net.nodes - 1];
    for (size_t k = 0; k < C; k++) {
        last->bias[k] = (double)(float)(large + 8.0 * (double)k * (large > 0.0));
    }
    const sp_method *row = sp_method_find(method);
    if (sp_model_pack(&err, &data, &size, &y->s.net, NULL, 0) != SP_OK ||
        sp_model_parse(&err, &y->model, data, size, "small") != SP_OK ||
        sp_pipeline_init(&err, &y->pipeline, &y->model.net, y->s.front, row, row->front) != SP_OK ||
        sp_pipeline_single(&err, &y->pipeline, &y->model, arithmetic) != SP_OK) {
        fail_msg("%s", err.text);
    }
    free(data);
}

static void close_system(system_of *y) {
    sp_pipeline_clear(&y->pipeline);
    sp_model_clear(&y->model);
    clear(&y->s);
}

static void certify_at(system_of *y, double db, sp_verdict *verdict) {
    const sp_budget budget = {.unit = SP_BUDGET_DB_PEAK, .value = db};
    assert_int_equal(sp_certify(NULL, verdict, &y->pipeline, &y->s.clip, &budget, -1, 0.0), SP_OK);
}

static void margins_are_those_of_real_numbers_less_the_term(void **state) {
    (void)state;
    static const char *const methods[] = {"ibp", "exact", "opt-rest", "zono", "r2-lp"};
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++) {
        system_of real, floats;
        open_system(&real, methods[i], SP_ARITHMETIC_REAL, 0.0);
        open_system(&floats, methods[i], SP_ARITHMETIC_FLOAT32, 0.0);
        for (double db = -90.0; db <= -40.0; db += 25.0) {
            sp_verdict a, b;
            certify_at(&real, db, &a);
            certify_at(&floats, db, &b);
            assert_true(a.arithmetic == SP_ARITHMETIC_REAL && b.arithmetic != a.arithmetic);
            assert_true(a.float32 > 0.0 && b.float32 > 0.0 && a.float32 < 1.0);
            for (size_t k = 0; k < C; k++) {
                // a pass of the method may be tried for one and not for the other
                const bool plain = strcmp(methods[i], "opt-rest") != 0;
                assert_true(k == a.label || !plain ||
                            (b.margins[k] < a.margins[k] &&
                             b.margins[k] >= a.margins[k] - 1.001 * b.float32));
            }
            sp_verdict_clear(&a);
            sp_verdict_clear(&b);
        }
        close_system(&real);
        close_system(&floats);
    }
}

static void answers_that_rounding_may_change_are_said_to_be_so(void **state) {
    (void)state;
    system_of real, floats;
    sp_verdict a, b;
    open_system(&real, "exact", SP_ARITHMETIC_REAL, 1e8);
    open_system(&floats, "exact", SP_ARITHMETIC_FLOAT32, 1e8);
    certify_at(&real, -100.0, &a);
    certify_at(&floats, -100.0, &b);
    assert_int_equal(a.kind, SP_VERDICT_CERTIFIED);
    assert_int_equal(b.kind, SP_VERDICT_UNKNOWN);
    assert_non_null(strstr(b.reason, "in float32 the answer is open even without noise"));
    assert_true(a.float32 >= 1.0);
    sp_verdict_clear(&a);
    sp_verdict_clear(&b);
    close_system(&real);
    close_system(&floats);
}

/* The edge of what is certified is no louder, and below what is broken of any program. */
static void radii_speak_of_float32(void **state) {
    (void)state;
    system_of real, floats;
    open_system(&real, "ibp", SP_ARITHMETIC_REAL, 0.0);
    open_system(&floats, "ibp", SP_ARITHMETIC_FLOAT32, 0.0);
    const sp_radius_options options = {.tolerance = 3.0, .attack = {.steps = 10, .starts = 2}};
    sp_radius radius[2];
    for (int i = 0; i < 2; i++) {
        const system_of *y = i == 0 ? &real : &floats;
        sp_attacker attacker;
        assert_int_equal(sp_attacker_init(NULL, &attacker, &y->pipeline), SP_OK);
        assert_int_equal(sp_radius_find(NULL, &radius[i], &attacker, &y->s.clip, -1, &options),
                         SP_OK);
        sp_attacker_clear(&attacker);
    }
    assert_int_equal(radius[1].verdict.arithmetic, SP_ARITHMETIC_FLOAT32);
    assert_true(radius[1].verdict.float32 > 0.0);
    assert_true(radius[1].certified_db <= radius[0].certified_db);
    assert_true(isnan(radius[1].broken_db) || radius[1].broken_db > radius[1].certified_db);
    sp_radius_clear(&radius[0]);
    sp_radius_clear(&radius[1]);
    close_system(&real);
    close_system(&floats);
}

/* The same attack on real numbers and on float32 programs, of a network whose scores are about 8e6,
 * multiples of a half in float32. */
static void attack_both(sp_attack attack[2]) {
    const sp_budget budget = {.unit = SP_BUDGET_DB_PEAK, .value = 0.0};
    const sp_attack_options options = {.steps = 20, .starts = 2};
    for (int i = 0; i < 2; i++) {
        system_of y;
        sp_attacker attacker;
        double score[C];
        sp_error err = {0};
        open_system(&y, "ibp", i == 0 ? SP_ARITHMETIC_REAL : SP_ARITHMETIC_FLOAT32, 0.0);
        sp_node *last = &y.pipeline.net->node[y.pipeline.net->nodes - 1];
        assert_int_equal(sp_pipeline_clean(NULL, &y.pipeline, score, &y.s.clip), SP_OK);
        for (size_t k = 0; k < C; k++) { // label 0 leads by a little
            const double lead = k == 0 ? 0.75 : 0.0;
            last->bias[k] = (double)(float)(8e6 + last->bias[k] - score[k] + lead);
        }
        assert_int_equal(sp_attacker_init(NULL, &attacker, &y.pipeline), SP_OK);
        if (sp_attack_budget(&err, &attack[i], &attacker, &y.s.clip, &budget, 0, &options) !=
            SP_OK) {
            fail_msg("%s", err.text);
        }
        sp_attacker_clear(&attacker);
        close_system(&y);
    }
}

/* What changes the real answer by less than rounding breaks no float32 program. */
static void breaks_are_beyond_rounding(void **state) {
    (void)state;
    size_t within = 0;
    for (uint64_t i = 0; i < 30 && within == 0; i++) {
        sp_attack attack[2];
        which = 5 + i;
        attack_both(attack);
        if (!attack[1].real_broken && attack[1].real_margin < -1e-6) {
            within++;
            assert_true(attack[0].real_broken);
            assert_non_null(strstr(attack[1].verdict.reason, "rounding in float32 may undo that"));
        }
        sp_attack_clear(&attack[0]);
        sp_attack_clear(&attack[1]);
    }
    which = 5;
    assert_int_equal(within, 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(margins_are_those_of_real_numbers_less_the_term),
        cmocka_unit_test(answers_that_rounding_may_change_are_said_to_be_so),
        cmocka_unit_test(radii_speak_of_float32),
        cmocka_unit_test(breaks_are_beyond_rounding),
    };
    return cmocka_run_group_tests_name("certify/float32", tests, NULL, NULL);
}
