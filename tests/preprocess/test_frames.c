/* The number of frames for every length, by the rule of R2's FSDD model: "if len mod 200 != 0
 * append 200 zeros; T = floor((len - 256) / 200) + 1". The published certifier pads always, and
 * its loop drops the last frame when len mod 200 = 56: both lengths stand in the table. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "preprocess/preprocess.h"
#include "tests/preprocess/front_text.h"

static sp_front *make(const front_member *changes, size_t count) {
    char text[4096];
    sp_front *front = NULL;
    sp_error err;
    front_text(text, sizeof text, changes, count);
    if (sp_front_parse(&err, &front, text, strlen(text), "test") != SP_OK) {
        fail_msg("%s", err.text);
    }
    return front;
}

/* Lengths and frames counted by hand. */
static void test_table(void **state) {
    (void)state;
    static const size_t table[][2] = {
        {0, 0},     {1, 0},     {55, 0},    {56, 1},     {57, 1},    {199, 1},   {200, 0},
        {201, 1},   {255, 1},   {256, 2},   {257, 2},    {399, 2},   {400, 1},   {401, 2},
        {455, 2},   {456, 3},   {457, 3},   {599, 3},    {600, 2},   {655, 3},   {656, 4},
        {2000, 9},  {2055, 10}, {2056, 11}, {2057, 11},  {2190, 11}, {2199, 11}, {2200, 10},
        {2425, 12}, {8000, 39}, {8056, 41}, {24000, 119}};
    sp_front *front = make(NULL, 0);
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        if (sp_front_frames(front, table[i][0]) != table[i][1]) {
            fail_msg("%zu samples: %zu frames, expected %zu", table[i][0],
                     sp_front_frames(front, table[i][0]), table[i][1]);
        }
    }
    sp_front_destroy(front);
}

/* Every length up to 3 s, against frames laid one after the other. */
static void test_every_length(void **state) {
    (void)state;
    sp_front *front = make(NULL, 0);
    for (size_t n = 1; n <= 24000; n++) {
        size_t padded = n, frames = 0;
        while (n % 200 != 0 && padded < n + 200) {
            padded++;
        }
        for (size_t end = 256; end <= padded; end += 200) {
            frames++;
        }
        if (sp_front_frames(front, n) != frames || sp_front_padded(front, n) != padded) {
            fail_msg("%zu samples: %zu frames of %zu, expected %zu of %zu", n,
                     sp_front_frames(front, n), sp_front_padded(front, n), frames, padded);
        }
    }
    sp_front_destroy(front);
}

static void test_without_padding(void **state) {
    (void)state;
    static const front_member rules[] = {{"pad", NULL}, {"pad", "{\"rule\": \"none\"}"}};
    for (size_t i = 0; i < 2; i++) {
        sp_front *front = make(&rules[i], 1);
        assert_int_equal(sp_front_frames(front, 255), 0);
        assert_int_equal(sp_front_frames(front, 256), 1);
        assert_int_equal(sp_front_frames(front, 455), 1);
        assert_int_equal(sp_front_frames(front, 456), 2);
        assert_int_equal(sp_front_padded(front, 457), 457);
        sp_front_destroy(front);
    }
}

/* What runs is as many rows as are counted, and a clip that is too short says so. */
static void test_run_length(void **state) {
    (void)state;
    sp_front *front = make(NULL, 0);
    double samples[700], features[10 * 6];
    sp_error err;
    for (size_t i = 0; i < 700; i++) {
        samples[i] = (double)(i * 37 % 101) - 50.0;
    }
    for (size_t n = 1; n <= 700; n++) {
        const size_t frames = sp_front_frames(front, n);
        for (size_t i = 0; i < 60; i++) {
            features[i] = -1e9;
        }
        const sp_status status = sp_front_run(&err, front, features, samples, n);
        assert_int_equal(status, frames > 0 ? SP_OK : SP_E_MISMATCH);
        for (size_t i = 0; i < 60; i++) {
            assert_true((features[i] != -1e9) == (i < 10 * frames));
        }
    }
    assert_int_equal(sp_front_run(&err, front, features, samples, 55), SP_E_MISMATCH);
    assert_non_null(strstr(err.text, "55"));
    assert_non_null(strstr(err.text, "256"));
    sp_front_destroy(front);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_every_length),
        cmocka_unit_test(test_without_padding),
        cmocka_unit_test(test_run_length),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
