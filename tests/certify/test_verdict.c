/* The verdict is certified only when every margin of a false label is a number above zero. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "certify/certify.h"
#include "lstm/backsub/backsub.h"
#include "tests/support/support.h"

enum { C = 4 };

/* A verdict about label 1 of four, with these margins; the label's own margin is NaN. */
static sp_verdict make(double m0, double m2, double m3) {
    sp_verdict verdict;
    sp_verdict_init(&verdict);
    verdict.label = 1;
    verdict.predicted = 1;
    verdict.classes = C;
    verdict.logits = calloc(C, sizeof(double));
    verdict.margins = calloc(C, sizeof(double));
    assert_non_null(verdict.logits);
    assert_non_null(verdict.margins);
    verdict.logits[1] = 5.0;
    verdict.margins[0] = m0;
    verdict.margins[1] = NAN;
    verdict.margins[2] = m2;
    verdict.margins[3] = m3;
    sp_verdict_judge(&verdict);
    return verdict;
}

static void all_positive_is_certified(void **state) {
    (void)state;
    sp_verdict verdict = make(0.5, 0x1p-1074, 2.0);
    assert_int_equal(verdict.kind, SP_VERDICT_CERTIFIED);
    assert_true(verdict.margin == 0x1p-1074);
    assert_string_equal(verdict.reason, "");
    sp_verdict_clear(&verdict);
}

/* Each bad value, at each false label: never certified, and the reason names the label. */
static void one_bad_margin_is_enough(void **state) {
    (void)state;
    static const double bad[] = {0.0, -0.0, -0x1p-1074, -1.0, NAN, -NAN, -INFINITY};
    for (size_t b = 0; b < sizeof bad / sizeof bad[0]; b++) {
        for (int at = 0; at < 3; at++) {
            sp_verdict verdict =
                make(at == 0 ? bad[b] : 3.0, at == 1 ? bad[b] : INFINITY, at == 2 ? bad[b] : 1.0);
            const char *const names[3] = {"label 0", "label 2", "label 3"};
            assert_int_equal(verdict.kind, SP_VERDICT_UNKNOWN);
            assert_false(verdict.margin > 0.0);
            assert_false(isnan(verdict.margin));
            assert_non_null(strstr(verdict.reason, names[at]));
            sp_verdict_clear(&verdict);
        }
    }
}

static void nan_wins_over_negative(void **state) {
    (void)state;
    sp_verdict verdict = make(-7.0, NAN, 3.0);
    assert_int_equal(verdict.kind, SP_VERDICT_UNKNOWN);
    assert_true(verdict.margin == -INFINITY);
    sp_verdict_clear(&verdict);
}

static void the_label_must_exist(void **state) {
    (void)state;
    sp_verdict verdict = make(1.0, 1.0, 1.0);
    verdict.label = C;
    verdict.margins[1] = 1.0;
    sp_verdict_judge(&verdict);
    assert_int_equal(verdict.kind, SP_VERDICT_UNKNOWN);
    verdict.label = SP_NO_LABEL;
    sp_verdict_judge(&verdict);
    assert_int_equal(verdict.kind, SP_VERDICT_UNKNOWN);
    verdict.label = 0;
    verdict.classes = 1; // nothing to compare with proves nothing
    sp_verdict_judge(&verdict);
    assert_int_equal(verdict.kind, SP_VERDICT_UNKNOWN);
    sp_verdict_clear(&verdict);
}

/* The least margin is the least over random margins, whatever their order. */
static void margin_is_the_least(void **state) {
    (void)state;
    sp_rng rng;
    sp_rng_init(&rng, sp_test_seed());
    for (int i = 0; i < 1000; i++) {
        const double a = sp_rng_uniform(&rng, -1.0, 3.0), b = sp_rng_uniform(&rng, -1.0, 3.0),
                     c = sp_rng_uniform(&rng, -1.0, 3.0), least = fmin(a, fmin(b, c));
        sp_verdict verdict = make(a, b, c);
        assert_true(verdict.margin == least);
        assert_int_equal(verdict.kind, least > 0.0 ? SP_VERDICT_CERTIFIED : SP_VERDICT_UNKNOWN);
        sp_verdict_clear(&verdict);
    }
}

static void prediction_sees_ties_and_nan(void **state) {
    (void)state;
    bool tie = true;
    assert_int_equal(sp_prediction((double[]){1.0, 3.0, 2.0}, 3, &tie), 1);
    assert_false(tie);
    assert_int_equal(sp_prediction((double[]){3.0, 1.0, 3.0}, 3, &tie), 0);
    assert_true(tie);
    assert_int_equal(sp_prediction((double[]){3.0, 3.0, 4.0}, 3, &tie), 2);
    assert_false(tie);
    assert_true(sp_prediction((double[]){3.0, NAN, 4.0}, 3, &tie) == SP_NO_LABEL);
    assert_true(sp_prediction((double[]){3.0, INFINITY}, 2, &tie) == SP_NO_LABEL);
    assert_true(sp_prediction((double[]){-INFINITY, 1.0}, 2, &tie) == SP_NO_LABEL);
    assert_true(sp_prediction(NULL, 0, &tie) == SP_NO_LABEL);
}

static void names_of_verdicts(void **state) {
    (void)state;
    static const char *const names[SP_VERDICT_KINDS] = {"certified",     "broken",  "unknown",
                                                        "misclassified", "timeout", "error"};
    for (int kind = 0; kind < SP_VERDICT_KINDS; kind++) {
        assert_string_equal(sp_verdict_name((sp_verdict_kind)kind), names[kind]);
    }
}

static void the_table_of_methods(void **state) {
    (void)state;
    size_t count = 0;
    const sp_method *methods = sp_methods(&count);
    assert_true(count >= 3);
    for (size_t i = 0; i < count; i++) {
        assert_ptr_equal(sp_method_find(methods[i].name), &methods[i]);
        assert_true(strlen(methods[i].summary) > 10);
        assert_true(methods[i].passes > 0);
    }
    assert_int_equal(sp_method_find("ibp")->front, SP_FRONT_INTERVAL);
    assert_ptr_equal(sp_method_find("ibp")->pass->domain, &sp_domain_interval);
    assert_int_equal(sp_method_find("r2-lp")->front, SP_FRONT_R2);
    const sp_backsub_options *sampled = sp_method_find("r2-lp")->pass->options;
    assert_int_equal(sampled->planes, SP_BACKSUB_R2_LP);
    assert_int_equal(sp_method_find("exact")->front, SP_FRONT_JOINT);
    const sp_backsub_options *exact = sp_method_find("exact")->pass->options;
    assert_int_equal(exact->planes, SP_BACKSUB_STATIC);
    // opt begins with the pass of exact, so that it is never below it
    assert_memory_equal(sp_method_find("opt")->pass, sp_method_find("exact")->pass,
                        sizeof(sp_method_pass));
    assert_null(sp_method_find("EXACT"));
    assert_null(sp_method_find(""));
    assert_null(sp_method_find(NULL));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_positive_is_certified), cmocka_unit_test(one_bad_margin_is_enough),
        cmocka_unit_test(nan_wins_over_negative),    cmocka_unit_test(the_label_must_exist),
        cmocka_unit_test(margin_is_the_least),       cmocka_unit_test(prediction_sees_ties_and_nan),
        cmocka_unit_test(names_of_verdicts),         cmocka_unit_test(the_table_of_methods),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
