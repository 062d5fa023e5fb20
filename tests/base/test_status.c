/* Status texts, and error lines that are safe to print. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdbool.h>
#include <string.h>

#include "base/status.h"
#include "base/utf8.h"

static void every_code_has_a_text(void **state) {
    (void)state;
#define ENTRY(name, value, text)                                                                   \
    assert_int_equal(name, value);                                                                 \
    assert_string_equal(sp_status_text(name), text);
    SP_STATUS_LIST(ENTRY)
#undef ENTRY
    assert_non_null(sp_status_text((sp_status)12345));
}

static void a_failure_is_formatted(void **state) {
    (void)state;
    sp_error err;
    assert_int_equal(sp_fail(&err, SP_E_IO, "%s: %d of %d", "a.wav", 3, 4), SP_E_IO);
    assert_int_equal(err.code, SP_E_IO);
    assert_string_equal(err.text, "a.wav: 3 of 4");
    assert_int_equal(sp_fail(NULL, SP_E_FORMAT, "%s", "nowhere"), SP_E_FORMAT);
}

static void control_characters_do_not_pass(void **state) {
    (void)state;
    sp_error err;
    sp_fail(&err, SP_E_IO, "%s", "a\x1b[31mb\nc\td\x7f");
    assert_string_equal(err.text, "a?[31mb?c?d?");
    // C1 (U+009B is an escape for terminals), a lone byte, an overlong slash, a surrogate
    sp_fail(&err, SP_E_IO, "%s", "\xc2\x9b|\xff|\xc0\xaf|\xed\xa0\x80|");
    assert_string_equal(err.text, "?|?|\?\?|\?\?\?|");
    sp_fail(&err, SP_E_IO, "%s", "gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x94\x8a");
    assert_string_equal(err.text, "gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x94\x8a");
}

static void long_lines_are_cut_at_a_character(void **state) {
    (void)state;
    for (size_t shift = 0; shift < 4; shift++) {
        sp_error err;
        char name[2001];
        memset(name, 'x', shift);
        for (size_t i = shift; i + 2 < sizeof name; i += 2) {
            memcpy(name + i, "\xc3\xbc", 3);
        }
        sp_fail(&err, SP_E_IO, "%s", name);
        const size_t length = strlen(err.text);
        assert_true(length < sizeof err.text && length > sizeof err.text - 8);
        assert_string_equal(err.text + length - 3, "...");
        for (const char *at = err.text; *at != '\0'; at += sp_utf8_length(at)) {
            assert_int_not_equal(sp_utf8_length(at), 0);
        }
    }
}

static void places_are_prefixed(void **state) {
    (void)state;
    sp_error err;
    sp_fail(&err, SP_E_FORMAT, "too short");
    assert_int_equal(sp_error_in(&err, "b\n.wav"), SP_E_FORMAT);
    assert_string_equal(err.text, "b?.wav: too short");
    assert_int_equal(sp_fail(&err, err.code, "again: %s", err.text), SP_E_FORMAT);
    assert_string_equal(err.text, "again: b?.wav: too short");
}

static void a_prefix_never_hides_a_failure(void **state) {
    (void)state;
    sp_error err = {SP_OK, ""};
    assert_int_equal(sp_error_in(NULL, "here"), SP_E_ARGUMENT);
    assert_int_equal(sp_error_in(&err, "here"), SP_E_ARGUMENT);
}

static sp_status tried(sp_status status, bool *reached) {
    SP_TRY(status);
    *reached = true;
    return SP_OK;
}

static void try_returns_early(void **state) {
    (void)state;
    bool reached = false;
    assert_int_equal(tried(SP_E_SOLVER, &reached), SP_E_SOLVER);
    assert_false(reached);
    assert_int_equal(tried(SP_OK, &reached), SP_OK);
    assert_true(reached);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_code_has_a_text),
        cmocka_unit_test(a_failure_is_formatted),
        cmocka_unit_test(control_characters_do_not_pass),
        cmocka_unit_test(long_lines_are_cut_at_a_character),
        cmocka_unit_test(places_are_prefixed),
        cmocka_unit_test(a_prefix_never_hides_a_failure),
        cmocka_unit_test(try_returns_early),
    };
    return cmocka_run_group_tests_name("base/status", tests, NULL, NULL);
}
