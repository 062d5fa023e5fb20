/* Reading JSON with errors that name the place, and writing numbers that read back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/utf8.h"
#include "tests/support/support.h"

static sp_json *parsed(const char *text) {
    sp_json *root = NULL;
    sp_error err = {SP_OK, ""};
    if (sp_json_parse(&err, &root, text, strlen(text)) != SP_OK) {
        fail_msg("%s: %s", text, err.text);
    }
    return root;
}

static void expect_refusal(const char *text, size_t size, const char *part) {
    sp_json *root = NULL;
    sp_error err = {SP_OK, ""};
    assert_int_equal(sp_json_parse(&err, &root, text, size), SP_E_FORMAT);
    assert_null(root);
    if (strstr(err.text, part) == NULL) {
        fail_msg("%.60s: \"%s\" does not speak of \"%s\"", text, err.text, part);
    }
}

static void members_are_read(void **state) {
    (void)state;
    sp_error err;
    double number = 0.0;
    const char *text = NULL;
    sp_json *root = parsed(" {\"a\": -2.5e-3, \"b\": {\"c\": \"gr\\u00fc\\n\"}, \"d\": [1, 2]} \n");
    assert_int_equal(sp_json_number(&err, &number, root, "a"), SP_OK);
    assert_true(number == -2.5e-3);
    const sp_json *inner = sp_json_get(root, "b");
    assert_true(sp_json_is_object(inner));
    assert_int_equal(sp_json_text(&err, &text, inner, "c"), SP_OK);
    assert_string_equal(text, "gr\xc3\xbc\n");
    assert_null(sp_json_get(root, "A"));
    assert_null(sp_json_get(inner, "a"));
    assert_null(sp_json_get(NULL, "a"));
    assert_null(sp_json_get(sp_json_get(root, "d"), "a"));
    sp_json_destroy(root);
}

static void wrong_members_are_named(void **state) {
    (void)state;
    sp_error err;
    double number = 0.0;
    const char *text = NULL;
    sp_json *root = parsed("{\"a\": \"1\", \"b\": 2, \"c\": null}");
    assert_int_equal(sp_json_number(&err, &number, root, "a"), SP_E_FORMAT);
    assert_string_equal(err.text, "member \"a\" must be a finite number");
    assert_int_equal(sp_json_text(&err, &text, root, "b"), SP_E_FORMAT);
    assert_string_equal(err.text, "member \"b\" must be a text in quotes");
    assert_int_equal(sp_json_number(&err, &number, root, "c"), SP_E_FORMAT);
    assert_int_equal(sp_json_number(&err, &number, root, "z"), SP_E_FORMAT);
    assert_string_equal(err.text, "member \"z\" is missing");
    assert_int_equal(sp_json_number(&err, &number, sp_json_get(root, "a"), "z"), SP_E_FORMAT);
    assert_int_equal(sp_json_number(&err, &number, NULL, "z"), SP_E_FORMAT);
    sp_json_destroy(root);
}

static void unknown_members_are_named(void **state) {
    (void)state;
    static const char *const all[] = {"a", "bb", NULL}, *const some[] = {"a", NULL};
    sp_error err;
    sp_json *root = parsed("{\"a\": 1, \"bb\": 2}");
    assert_int_equal(sp_json_only(&err, root, all), SP_OK);
    assert_int_equal(sp_json_only(&err, root, some), SP_E_UNSUPPORTED);
    assert_string_equal(err.text, "member \"bb\" is not known: remove it");
    assert_int_equal(sp_json_only(&err, sp_json_get(root, "a"), all), SP_E_FORMAT);
    assert_int_equal(sp_json_only(&err, NULL, all), SP_E_FORMAT);
    sp_json_destroy(root);
}

static void syntax_errors_have_a_place(void **state) {
    (void)state;
    static const struct {
        const char *text, *part;
    } cases[] = {
        {"", "line 1, column 1"},
        {"  ", "line 1"},
        {"{\"a\": 1,\n \"b\": }", "line 2, column 7"},
        {"{\"a\": 1\n\n\"b\": 2}", "line 3, column 1"},
        {"{\"a\": 1} x", "line 1, column 10"},
        {"{\"a\": 1}{}", "line 1, column 9"},
        {"{\"a\": NaN}", "line 1, column 7"},
        {"{\"a\": Infinity}", "line 1, column 7"},
        {"{\"a\": nan}", "line 1, column 7"},
        {"{\"a\": 0x10}", "line 1, column 8"},
        {"{\"a\": 1", "line 1"},
        {"{\"a\": \"x", "line 1"},
        {"{\"a\": \"\\x\"}", "line 1"},
        {"{a: 1}", "line 1, column"},
        {"[1, 2,]", "line 1, column 7"},
        {"{\"a\": \"b\\u0000c\"}", "\\u0000"},
        {"{\"a\\u0000\": 1}", "\\u0000"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        expect_refusal(cases[i].text, strlen(cases[i].text), cases[i].part);
    }
    expect_refusal("{\"a\": 1}\0{", 10, "line 1, column 9: a zero byte");
    sp_json_destroy(parsed("{\"a\": \"\\\\u0000\"}")); // a backslash and the letters u0000
}

static void every_prefix_is_refused(void **state) {
    (void)state;
    static const char text[] =
        "{\"mel\": {\"bands\": 10, \"x\": [true, null, -1.5e3, \"\\ud83d\\ude00\"]}}";
    for (size_t size = 0; size + 1 < sizeof text; size++) {
        char *copy = malloc(size > 0 ? size : 1); // exact, so that the sanitizer sees an overrun
        assert_non_null(copy);
        memcpy(copy, text, size);
        expect_refusal(copy, size, "line 1");
        free(copy);
    }
    sp_json_destroy(parsed(text));
}

static void doubled_members_are_refused(void **state) {
    (void)state;
    static const char *const texts[] = {"{\"a\": 1, \"b\": 2, \"a\": 1}",
                                        "[{\"x\": {\"a\": 1, \"a\": 2}}]",
                                        "{\"a\": 1, \"\\u0061\": 2}"};
    for (size_t i = 0; i < 3; i++) {
        expect_refusal(texts[i], strlen(texts[i]), "\"a\" appears twice");
    }
    sp_json_destroy(parsed("{\"a\": 1, \"A\": 2, \"b\": {\"a\": 3}}"));
}

static void huge_numbers_are_refused(void **state) {
    (void)state;
    static const char *const texts[] = {"{\"a\": 1e999}", "{\"b\": [1, -1e400]}"};
    for (size_t i = 0; i < 2; i++) {
        expect_refusal(texts[i], strlen(texts[i]), "beyond the range of a double");
    }
}

static void deep_nesting_is_refused(void **state) {
    (void)state;
    const size_t depth = 100000;
    char *text = malloc(2 * depth);
    assert_non_null(text);
    memset(text, '[', depth);
    memset(text + depth, ']', depth);
    expect_refusal(text, 2 * depth, "1000 levels");
    free(text);
}

static char *finished(sp_json_line *line) {
    char *text = sp_json_line_finish(line);
    assert_non_null(text);
    return text;
}

static void lines_are_written(void **state) {
    (void)state;
    const double rows[] = {1.0, -0.5, NAN, 1e22, 0.1, -INFINITY};
    sp_json_line *line = sp_json_line_create();
    sp_json_line_text(line, "clip", "a \"b\"\\\n\x01.wav");
    sp_json_line_number(line, "x", 0.1);
    sp_json_line_number(line, "bad", INFINITY);
    sp_json_line_null(line, "label");
    sp_json_line_bool(line, "yes", true);
    sp_json_line_numbers(line, "list", rows, 3);
    sp_json_line_numbers(line, "none", rows, 0);
    sp_json_line_rows(line, "rows", rows, 3, 2);
    sp_json_line_text(line, "absent", NULL);
    char *text = finished(line);
    assert_string_equal(text, "{\"clip\":\"a \\\"b\\\"\\\\\\n\\u0001.wav\",\"x\":0.1,\"bad\":null,"
                              "\"label\":null,\"yes\":true,\"list\":[1,-0.5,null],\"none\":[],"
                              "\"rows\":[[1,-0.5],[null,1e+22],[0.1,null]],\"absent\":null}");
    sp_json_destroy(parsed(text));
    free(text);
    text = finished(sp_json_line_create());
    assert_string_equal(text, "{}");
    free(text);
}

static void a_missing_line_is_accepted(void **state) {
    (void)state;
    sp_json_line_text(NULL, "a", "b");
    sp_json_line_number(NULL, "a", 1.0);
    sp_json_line_null(NULL, "a");
    sp_json_line_bool(NULL, "a", false);
    sp_json_line_numbers(NULL, "a", NULL, 0);
    sp_json_line_rows(NULL, "a", NULL, 0, 0);
    assert_null(sp_json_line_finish(NULL));
}

static void stray_bytes_become_utf8(void **state) {
    (void)state;
    sp_json_line *line = sp_json_line_create();
    sp_json_line_text(line, "f", "\xe9t\xc3\xa9.wav\xf0\x9f");
    char *text = finished(line);
    assert_string_equal(text, "{\"f\":\"\xef\xbf\xbdt\xc3\xa9.wav\xef\xbf\xbd\xef\xbf\xbd\"}");
    free(text);
}

/* Random bytes: the line is UTF-8 and JSON, and reads back to the same text if that was UTF-8. */
static void any_text_survives(void **state) {
    (void)state;
    sp_rng rng;
    sp_rng_init(&rng, sp_test_seed());
    for (size_t round = 0; round < 3000; round++) {
        char bytes[12] = "";
        const char *back = NULL;
        bool valid = true;
        sp_error err;
        for (size_t i = 0; i + 1 < sizeof bytes; i++) {
            bytes[i] = (char)(sp_rng_below(&rng, 3) == 0 ? sp_rng_below(&rng, 256)
                                                         : sp_rng_below(&rng, 128));
        }
        for (const char *at = bytes; *at != '\0'; at += valid ? sp_utf8_length(at) : 1) {
            valid = valid && sp_utf8_length(at) > 0;
        }
        sp_json_line *line = sp_json_line_create();
        sp_json_line_text(line, "t", bytes);
        char *text = finished(line);
        for (const char *at = text; *at != '\0'; at += sp_utf8_length(at)) {
            assert_int_not_equal(sp_utf8_length(at), 0);
        }
        sp_json *root = parsed(text);
        assert_int_equal(sp_json_text(&err, &back, root, "t"), SP_OK);
        if (valid) {
            assert_string_equal(back, bytes);
        }
        sp_json_destroy(root);
        free(text);
    }
}

static void check_round_trips(size_t count) {
    sp_rng rng;
    sp_rng_init(&rng, sp_test_seed());
    for (size_t i = 0; i < count; i++) {
        const double value = sp_rng_double(&rng);
        double back = NAN;
        sp_error err;
        sp_json_line *line = sp_json_line_create();
        sp_json_line_number(line, "v", value);
        char *text = finished(line);
        assert_null(strchr(text, ','));
        sp_json *root = parsed(text);
        assert_int_equal(sp_json_number(&err, &back, root, "v"), SP_OK);
        if (memcmp(&back, &value, sizeof value) != 0) {
            fail_msg("%a became %s and %a", value, text, back);
        }
        sp_json_destroy(root);
        free(text);
    }
}

static void numbers_read_back(void **state) {
    (void)state;
    check_round_trips(20000);
}

static void numbers_ignore_the_locale(void **state) {
    (void)state;
    static const char *const names[] = {"de_DE.UTF-8", "fr_FR.UTF-8", "de_DE.utf8",
                                        "de_DE",       "nl_NL.UTF-8", "ru_RU.UTF-8"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (setlocale(LC_NUMERIC, names[i]) != NULL) {
            assert_string_not_equal(localeconv()->decimal_point, ".");
            check_round_trips(2000);
            setlocale(LC_NUMERIC, "C");
            return;
        }
    }
    print_message("no locale with a decimal comma is installed\n");
    skip();
}

static void entries_are_walked(void **state) {
    (void)state;
    sp_json *root = parsed("{\"a\": [1, \"x\", []], \"b\": 2}");
    const sp_json *a = sp_json_get(root, "a"), *at = sp_json_first(a);
    assert_true(sp_json_is_array(a));
    assert_false(sp_json_is_array(root));
    assert_true(sp_json_value(at) == 1.0);
    assert_string_equal(sp_json_string(at), "");
    assert_string_equal(sp_json_name(at), "");
    at = sp_json_next(at);
    assert_string_equal(sp_json_string(at), "x");
    assert_true(isnan(sp_json_value(at)));
    at = sp_json_next(at);
    assert_null(sp_json_first(at));
    assert_null(sp_json_next(at));
    at = sp_json_first(root);
    assert_string_equal(sp_json_name(at), "a");
    at = sp_json_next(at);
    assert_string_equal(sp_json_name(at), "b");
    assert_null(sp_json_first(at));
    assert_null(sp_json_first(NULL));
    sp_json_destroy(root);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(members_are_read),          cmocka_unit_test(wrong_members_are_named),
        cmocka_unit_test(unknown_members_are_named), cmocka_unit_test(syntax_errors_have_a_place),
        cmocka_unit_test(every_prefix_is_refused),   cmocka_unit_test(doubled_members_are_refused),
        cmocka_unit_test(huge_numbers_are_refused),  cmocka_unit_test(deep_nesting_is_refused),
        cmocka_unit_test(lines_are_written),         cmocka_unit_test(a_missing_line_is_accepted),
        cmocka_unit_test(stray_bytes_become_utf8),   cmocka_unit_test(any_text_survives),
        cmocka_unit_test(entries_are_walked),        cmocka_unit_test(numbers_read_back),
        cmocka_unit_test(numbers_ignore_the_locale),
    };
    return cmocka_run_group_tests_name("base/json", tests, NULL, NULL);
}
