/* Queries as they are written by hand and by benchmarks: what they say, and what is refused. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/support.h"
#include "vnnlib/vnnlib.h"

static sp_vnnlib parse(const char *text) {
    sp_vnnlib query;
    sp_error err = {0};
    if (sp_vnnlib_parse(&err, &query, text, strlen(text), "q") != SP_OK) {
        fail_msg("%s: %s", text, err.text);
    }
    return query;
}

#define ONE                                                                                        \
    "(declare-const X_0 Real)(declare-const X_1 Real)\n(declare-const Y_0 Real)(declare-const "    \
    "Y_1 Real)\n(assert (>= X_0 -1))(assert (<= X_0 0.5))(assert (>= X_1 0))(assert (<= X_1 2))\n"
#define TWO                                                                                        \
    "(vnnlib-version <2.0>)\n(declare-network f (declare-input X float32 [1,2]) (declare-output "  \
    "Y float32 [2]))\n(assert (and (>= X[0,0] -1) (<= X[0,0] 0.5) (>= X[0, 1] 0.0) (<= X [0,1] "   \
    "2.0)))\n"

static bool meets(const sp_vnnlib *query, double a, double b, double y, double z) {
    return sp_vnnlib_holds(query, (double[]){a, b}, (double[]){y, z});
}

static void both_versions_say_the_same(void **state) {
    (void)state;
    const char *const texts[] = {ONE "(assert (<= Y_0 Y_1))",
                                 TWO "; a comment ( [\n(assert (<= (- Y[0] Y[1]) 0))"};
    for (int v = 0; v < 2; v++) {
        sp_vnnlib query = parse(texts[v]);
        assert_int_equal(query.version, v + 1);
        assert_int_equal(query.input.size, 2);
        assert_int_equal(query.output.size, 2);
        assert_int_equal(query.parts, 1);
        assert_int_equal(query.part[0].alternatives, 1);
        assert_int_equal(query.part[0].outputs[0].constraints, 1);
        assert_true(query.part[0].lo[0] == -1.0 && query.part[0].hi[0] == 0.5);
        assert_true(query.part[0].lo[1] == 0.0 && query.part[0].hi[1] == 2.0);
        assert_true(meets(&query, 0.0, 1.0, 3.0, 3.0));
        assert_false(meets(&query, 0.0, 1.0, 3.0, 2.0));
        assert_false(meets(&query, 0.6, 1.0, 2.0, 3.0));
        assert_false(meets(&query, NAN, 1.0, 2.0, 3.0));
        sp_vnnlib_clear(&query);
    }
}

static void ors_become_alternatives_and_boxes_become_parts(void **state) {
    (void)state;
    sp_vnnlib query =
        parse(ONE "(assert (or (and (<= X_0 0) (>= X_1 1)) (and (>= X_0 0.25) (<= X_1 1))))"
                  "(assert (or (<= Y_0 Y_1) (and (>= Y_0 3) (>= Y_1 3)) (not (<= Y_1 4))))");
    assert_int_equal(query.parts, 2);
    for (size_t k = 0; k < 2; k++) {
        assert_int_equal(query.part[k].alternatives, 3);
    }
    assert_true(query.part[0].hi[0] == 0.0 && query.part[0].lo[1] == 1.0);
    assert_true(query.part[1].lo[0] == 0.25 && query.part[1].hi[1] == 1.0);
    assert_true(meets(&query, -0.5, 1.5, 3.0, 3.0));
    assert_false(meets(&query, -0.5, 0.5, 3.0, 3.0));
    assert_false(meets(&query, 0.1, 0.5, 3.0, 3.0));
    assert_true(meets(&query, 0.3, 0.5, 5.0, 4.5)); // not (<= Y_1 4)
    assert_false(meets(&query, 0.3, 0.5, 2.0, 1.0));
    sp_vnnlib_clear(&query);
    query = parse(ONE "(assert (or (and (<= X_0 -2) (<= Y_0 0)) (and (<= X_0 0) (<= Y_0 0))))");
    assert_int_equal(query.parts, 1); // no X_0 below -2
    sp_vnnlib_clear(&query);
    query = parse(ONE "(assert (<= X_0 -2))");
    assert_int_equal(query.parts, 0);
    sp_vnnlib_clear(&query);
    query = parse(ONE "(assert (!= Y_0 1))");
    assert_int_equal(query.part[0].alternatives, 2);
    assert_false(meets(&query, 0.0, 1.0, 1.0, 0.0));
    assert_true(meets(&query, 0.0, 1.0, 1.5, 0.0));
    sp_vnnlib_clear(&query);
}

static void arithmetic_is_linear(void **state) {
    (void)state;
    sp_vnnlib query = parse(ONE "(assert (<= (+ (* 2 Y_0 -3) (- Y_1) (- 5 Y_0 X_1) X_1) (* 2 4)))");
    const sp_vnnlib_constraint *c = &query.constraint[query.constraints - 1];
    // -6 Y_0 - Y_1 + 5 - Y_0 <= 8
    assert_int_equal(c->terms, 2);
    assert_int_equal(c->term[0].variable, 2);
    assert_true(c->term[0].coefficient == -7.0 && c->term[0].error == 0.0);
    assert_true(c->term[1].coefficient == -1.0 && c->bound == 3.0 && c->error == 0.0);
    sp_vnnlib_clear(&query);
    query = parse(ONE "(assert (<= (+ X_0 X_1) 1))(assert (== Y_0 0.1))");
    assert_int_equal(query.part[0].inputs.constraints, 1);
    assert_int_equal(query.part[0].outputs[0].constraints, 2);
    c = &query.constraint[query.constraints - 1];
    assert_true(c->error > 0.0 && c->error < 1e-16); // 0.1 is no double
    sp_vnnlib_clear(&query);
}

/* A decimal number that is no double lies in the box all the same. */
static void boxes_hold_the_decimal_numbers(void **state) {
    (void)state;
    sp_vnnlib query = parse("(declare-const X_0 Real)(declare-const Y_0 Real)"
                            "(assert (<= X_0 0.1))(assert (>= X_0 0.1))");
    const sp_vnnlib_case *part = &query.part[0];
    assert_true(part->lo[0] < 0.1 && part->hi[0] > 0.1 && part->hi[0] - part->lo[0] < 1e-15);
    assert_true(part->least[0] == 0.1 && part->most[0] == 0.1);
    sp_vnnlib_clear(&query);
    query = parse("(vnnlib-version <2.0>)(declare-network f (declare-input X float32 [])"
                  "(declare-output Y float32 []))(assert (<= X 0.1))(assert (>= X 0))");
    part = &query.part[0]; // the float next to 0.1 is above it
    assert_true(part->most[0] == (double)0.1F && part->hi[0] >= (double)0.1F);
    sp_vnnlib_clear(&query);
}

static void witnesses_have_the_form_of_their_version(void **state) {
    (void)state;
    static const char *const expected[] = {"((X_0 0.5)\n(X_1 1)\n(Y_0 -2)\n(Y_1 0.25))\n",
                                           "X float32 [1,2]\n0.5\n1\nY float32 [2]\n-2\n0.25\n"};
    const char *const texts[] = {ONE, TWO};
    for (int v = 0; v < 2; v++) {
        sp_vnnlib query = parse(texts[v]);
        char *text = NULL, name[SP_VNNLIB_NAME + 64];
        size_t size = 0;
        FILE *memory = open_memstream(&text, &size);
        assert_non_null(memory);
        sp_vnnlib_witness(memory, &query, (double[]){0.5, 1.0}, (double[]){-2.0, 0.25});
        assert_int_equal(fclose(memory), 0);
        assert_string_equal(text, expected[v]);
        sp_vnnlib_variable(name, sizeof name, &query, 1);
        assert_string_equal(name, v == 0 ? "X_1" : "X[0,1]");
        free(text);
        sp_vnnlib_clear(&query);
    }
}

static void what_is_no_query_is_refused_with_its_line(void **state) {
    (void)state;
    static const struct {
        const char *text, *word;
    } bad[] = {
        {"", "declares no input"},
        {ONE "(assert (<= Y_0 1)", "line 4: a '(' without its ')'"},
        {ONE "(assert (<= Y_0 1)))", "line 4: a ')' without its '('"},
        {ONE "(assert (<= Y_2 1))", "line 4: 'Y_2' is no number and was not declared"},
        {ONE "(assert (<= Y_0))", "line 4: a comparison is of two expressions"},
        {ONE "(assert (<= Y_0 1 2))", "a comparison is of two expressions"},
        {ONE "(assert (<= Y_0 nan))", "'nan' is no number"},
        {ONE "(assert (<= Y_0 1e999))", "'1e999' is no number"},
        {ONE "(assert (<= Y_0 0x10))", "'0x10' is no number"},
        {ONE "(assert (<= (* Y_0 Y_1) 1))", "a product of two variables"},
        {ONE "(assert (<= (/ Y_0 2) 1))", "an expression is a number"},
        {ONE "(assert (<= (* Y_0 1e308 1e308) 1))", "too large"},
        {ONE "(assert (=> (<= Y_0 1) (<= Y_1 1)))", "a formula is"},
        {ONE "(assert Y_0)", "a formula is"},
        {ONE "(check-sat)", "a query is declarations, then (assert FORMULA)"},
        {ONE "(declare-const X_2 Real)", "a declaration behind an assertion"},
        {"(declare-const Z_0 Real)", "'Z_0' is no input"},
        {"(declare-const X_0 Int)", "a declaration is"},
        {"(declare-const X_99999999999 Real)", "is no input"},
        {"(declare-const X_0 Real)(assert (<= X_0 1))", "declares no output"},
        {"(declare-const X_0 Real)(declare-const Y_0 Real)(assert (<= X_0 1))",
         "no assertion gives X_0 a lower bound"},
        {"(vnnlib-version <3.0>)", "version <3.0>"},
        {"(declare-network f)", "without (vnnlib-version <2.0>)"},
        {"(vnnlib-version <2.0>)(declare-network f (declare-input X int8 [1])"
         "(declare-output Y real [1]))",
         "the element type 'int8'"},
        {"(vnnlib-version <2.0>)(declare-network f (declare-input X real [1,0]))",
         "the shape [1,0]"},
        {"(vnnlib-version <2.0>)(declare-network f (declare-input X real [1])"
         "(declare-input Z real [1]))",
         "a second input, 'Z'"},
        {"(vnnlib-version <2.0>)(declare-network f (declare-input X real [1])"
         "(declare-hidden H real [1] \"h\"))",
         "'declare-hidden' in a network"},
        {"(vnnlib-version <2.0>)(declare-network f (declare-input X real [1])"
         "(declare-output Y real [1]))(declare-network g)",
         "a second network, 'g'"},
        {TWO "(assert (<= Y[2] 0))", "'Y[2]' is no number"},
        {TWO "(assert (<= Y 0))", "'Y' is no number"},
        {TWO "(assert (<= X[0,1,0] 0))", "'X[0,1,0]' is no number"},
        {TWO "(assert (<= Y[0 0))", "a '[' without its ']'"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        sp_vnnlib query;
        sp_error err = {0};
        const sp_status status =
            sp_vnnlib_parse(&err, &query, bad[i].text, strlen(bad[i].text), "q");
        if (status == SP_OK || !strstr(err.text, bad[i].word) || strncmp(err.text, "q: ", 3) != 0) {
            fail_msg("%s: not '%s' but '%s'", bad[i].text, bad[i].word, err.text);
        }
        assert_null(query.memory.first);
    }
}

static void too_many_alternatives_are_refused(void **state) {
    (void)state;
    char text[8192] = ONE;
    sp_vnnlib query;
    sp_error err = {0};
    for (int i = 0; i < 40; i++) {
        strcat(text, "(assert (or (<= Y_0 1) (<= Y_1 2) (>= Y_0 3)))");
    }
    assert_int_equal(sp_vnnlib_parse(&err, &query, text, strlen(text), "q"), SP_E_UNSUPPORTED);
    assert_non_null(strstr(err.text, "alternatives"));
}

/* Bytes that were changed never lead out of the text: what is read can be asked about. */
static void damaged_queries_are_read_or_refused(void **state) {
    (void)state;
    static const char text[] = TWO "(assert (or (and (<= Y[0] Y[1]) (>= (* 2.5 Y[0]) -1e-3)) (!= "
                                   "Y[1] 0)))(assert (not (< (+ X[0,0] X[0,1]) -3)))";
    static const char letters[] = "()[]\"; \n<>=!-+*0123456789.eXY,\\";
    sp_rng rng;
    size_t kept = 0;
    sp_rng_init(&rng, sp_test_seed());
    for (int i = 0; i < (sp_test_long() ? 200000 : 5000); i++) {
        char copy[sizeof text];
        sp_vnnlib query;
        sp_error err = {0};
        memcpy(copy, text, sizeof text);
        for (size_t k = 0; k <= sp_rng_below(&rng, 3); k++) {
            copy[sp_rng_below(&rng, sizeof text - 1)] =
                letters[sp_rng_below(&rng, sizeof letters - 1)];
        }
        if (sp_vnnlib_parse(&err, &query, copy, strlen(copy), "q") == SP_OK) {
            double x[64] = {0.0}, y[64] = {0.0};
            kept++;
            if (query.input.size <= 64 && query.output.size <= 64) {
                (void)sp_vnnlib_holds(&query, x, y);
            }
            sp_vnnlib_clear(&query);
        } else {
            assert_true(err.text[0] != '\0');
        }
    }
    assert_true(kept > 100);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_versions_say_the_same),
        cmocka_unit_test(ors_become_alternatives_and_boxes_become_parts),
        cmocka_unit_test(arithmetic_is_linear),
        cmocka_unit_test(boxes_hold_the_decimal_numbers),
        cmocka_unit_test(witnesses_have_the_form_of_their_version),
        cmocka_unit_test(what_is_no_query_is_refused_with_its_line),
        cmocka_unit_test(too_many_alternatives_are_refused),
        cmocka_unit_test(damaged_queries_are_read_or_refused),
    };
    return cmocka_run_group_tests_name("vnnlib", tests, NULL, NULL);
}
