/* SHA-256 against the examples of FIPS 180-4, and numbers as eight bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/digest.h"

static void examples_of_the_standard(void **state) {
    (void)state;
    char text[SP_DIGEST_TEXT];
    sp_digest *digest = sp_digest_create();
    sp_digest_add(digest, "a", 1);
    sp_digest_add(digest, "bc", 2);
    assert_int_equal(sp_digest_finish(digest, text), SP_OK);
    assert_string_equal(text, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_int_equal(sp_digest_finish(sp_digest_create(), text), SP_OK);
    assert_string_equal(text, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

static void numbers_are_eight_bytes(void **state) {
    (void)state;
    char text[2][SP_DIGEST_TEXT];
    sp_digest *digest = sp_digest_create();
    sp_digest_number(digest, 0x0102030405060708u);
    sp_digest_real(digest, -2.0);
    assert_int_equal(sp_digest_finish(digest, text[0]), SP_OK);
    digest = sp_digest_create();
    sp_digest_add(digest, "\x08\x07\x06\x05\x04\x03\x02\x01\0\0\0\0\0\0\0\xC0", 16);
    assert_int_equal(sp_digest_finish(digest, text[1]), SP_OK);
    assert_string_equal(text[0], text[1]);
}

static void missing_memory_is_accepted(void **state) {
    (void)state;
    char text[SP_DIGEST_TEXT] = "";
    sp_digest_add(NULL, "a", 1);
    assert_int_equal(sp_digest_finish(NULL, text), SP_E_MEMORY);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(examples_of_the_standard),
        cmocka_unit_test(numbers_are_eight_bytes),
        cmocka_unit_test(missing_memory_is_accepted),
    };
    return cmocka_run_group_tests_name("base/digest", tests, NULL, NULL);
}
