/* Reading whole files, and a clear line for each way in which that fails. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "tests/support/support.h"

static const char *write_file(const char *name, const char *bytes, size_t size, char *path) {
    sp_test_scratch(name, path, 512);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
    return path;
}

static void expect_failure(const char *path, size_t limit, sp_status code, const char *part) {
    sp_error err = {SP_OK, ""};
    char *data = NULL;
    size_t size = 7;
    assert_int_equal(sp_file_read(&err, &data, &size, path, limit), code);
    assert_null(data);
    assert_int_equal(size, 0);
    if (strstr(err.text, part) == NULL || strstr(err.text, path) == NULL) {
        fail_msg("\"%s\" does not speak of \"%s\" and %s", err.text, part, path);
    }
}

static void bytes_come_back(void **state) {
    (void)state;
    static const char bytes[] = "zero \0 and \xff";
    char path[512], *data = NULL;
    size_t size = 0;
    sp_error err;
    write_file("base_file/bytes", bytes, sizeof bytes, path);
    for (size_t extra = 0; extra < 2; extra++) {
        assert_int_equal(sp_file_read(&err, &data, &size, path, sizeof bytes + extra), SP_OK);
        assert_int_equal(size, sizeof bytes);
        assert_memory_equal(data, bytes, sizeof bytes);
        assert_int_equal(data[size], 0);
        free(data);
    }
    expect_failure(path, sizeof bytes - 1, SP_E_FORMAT, "larger");
}

static void a_large_file_comes_back(void **state) {
    (void)state;
    const size_t length = 3000001;
    char path[512], *data = NULL, *bytes = malloc(length);
    size_t size = 0;
    sp_error err;
    assert_non_null(bytes);
    for (size_t i = 0; i < length; i++) {
        bytes[i] = (char)(i * 2654435761u >> 13);
    }
    write_file("base_file/large", bytes, length, path);
    assert_int_equal(sp_file_read(&err, &data, &size, path, SIZE_MAX), SP_OK);
    assert_int_equal(size, length);
    assert_memory_equal(data, bytes, length);
    free(data);
    free(bytes);
}

static void refusals_say_why(void **state) {
    (void)state;
    char path[512];
    expect_failure(sp_test_scratch("base_file/absent", path, sizeof path), 100, SP_E_IO,
                   "no such file");
    expect_failure(write_file("base_file/empty", "", 0, path), 100, SP_E_FORMAT, "empty");
    sp_test_scratch("base_file/folder/below", path, sizeof path);
    *strrchr(path, '/') = '\0';
    expect_failure(path, 100, SP_E_IO, "directory");
    write_file("base_file/plain", "x", 1, path);
    strcat(path, "/below");
    expect_failure(path, 100, SP_E_IO, "cannot be opened");
    expect_failure("", 100, SP_E_IO, "no such file");
}

static void endless_devices_end_at_the_limit(void **state) {
    (void)state;
    expect_failure("/dev/zero", 100000, SP_E_FORMAT, "larger");
    expect_failure("/dev/null", 100000, SP_E_FORMAT, "empty");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_come_back),
        cmocka_unit_test(a_large_file_comes_back),
        cmocka_unit_test(refusals_say_why),
        cmocka_unit_test(endless_devices_end_at_the_limit),
    };
    return cmocka_run_group_tests_name("base/file", tests, NULL, NULL);
}
