/* Profiles: what is read, what is refused, and the radii that are left. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "audio/audio.h"
#include "base/npy.h"
#include "tests/support/files.h"
#include "tests/support/support.h"

enum { PATH = 512 };

static void written(char path[PATH], const char *name, const char *text) {
    sp_file_write(name, path, PATH, text, strlen(text));
}

static void lists_and_arrays_are_read(void **state) {
    (void)state;
    static const char *const texts[] = {"[0, 0.25, 1]", "[[0, 0.25], [1, 0.5]]", " [1] "};
    static const size_t counts[] = {3, 4, 1};
    const double numbers[6] = {0.0, 0.5, 1.0, 0.25, 0.125, 0.75};
    char path[PATH];
    sp_error err = {0};
    sp_noise_profile profile;
    for (size_t i = 0; i < 3; i++) {
        written(path, "audio_profile/shares.json", texts[i]);
        if (sp_noise_profile_read(&err, &profile, path) != SP_OK) {
            fail_msg("%s: %s", texts[i], err.text);
        }
        assert_int_equal(profile.count, counts[i]);
        assert_true(i == 2 || (profile.share[0] == 0.0 && profile.share[1] == 0.25));
        sp_noise_profile_clear(&profile);
    }
    written(path, "audio_profile/shares.npy", "");
    assert_int_equal(sp_npy_write(NULL, path, numbers, 3, 2), SP_OK);
    assert_int_equal(sp_noise_profile_read(&err, &profile, path), SP_OK);
    assert_int_equal(profile.count, 6);
    assert_memory_equal(profile.share, numbers, sizeof numbers);
    sp_noise_profile_clear(&profile);
}

static void what_is_no_profile_is_refused(void **state) {
    (void)state;
    static const struct {
        const char *text, *why;
    } cases[] = {
        {"[0, 2]", "number 1 is 2"},
        {"[-0.5]", "number 0 is -0.5"},
        {"[0, 0]", "no share"},
        {"[]", "no list"},
        {"{\"a\": 1}", "no list"},
        {"[1, \"a\"]", "no list"},
        {"[[[1]]]", "no list"},
        {"0.5", "no list"},
        {"[1", "line 1"},
    };
    char path[PATH];
    sp_noise_profile profile;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        sp_error err = {0};
        written(path, "audio_profile/bad.json", cases[i].text);
        assert_int_not_equal(sp_noise_profile_read(&err, &profile, path), SP_OK);
        if (!strstr(err.text, cases[i].why) || !strstr(err.text, path)) {
            fail_msg("%s: %s", cases[i].text, err.text);
        }
        assert_null(profile.share);
    }
    sp_error err = {0};
    assert_int_not_equal(sp_noise_profile_read(&err, &profile, "/nonexistent/p.npy"), SP_OK);
    assert_non_null(strstr(err.text, "/nonexistent/p.npy"));
}

/* A radius is never below its share of the whole one, by a step at most above it. */
static void radii_are_rounded_up(void **state) {
    (void)state;
    double share[1000];
    sp_rng rng;
    sp_noise noise;
    sp_rng_init(&rng, sp_test_seed());
    for (size_t i = 0; i < 1000; i++) {
        share[i] = i % 5 == 0 ? 0.0 : i % 5 == 1 ? 1.0 : sp_rng_uniform(&rng, 0.0, 1.0);
    }
    assert_int_equal(sp_noise_of(NULL, &noise, &sp_noise_set_l2, 1000, 0.1), SP_OK);
    assert_int_equal(sp_noise_share(NULL, &noise, share), SP_OK);
    for (size_t i = 0; i < 1000; i++) {
        const long double exact = (long double)share[i] * 0.1;
        assert_true((long double)noise.radius[i] >= exact);
        assert_true(noise.radius[i] <= nextafter(nextafter(share[i] * 0.1, 1.0), 1.0));
        assert_true(noise.radius[i] > 0.0 || share[i] == 0.0);
        assert_true(noise.radius[i] == 0.1 || share[i] != 1.0);
    }
    memset(share, 0, sizeof share);
    assert_int_equal(sp_noise_share(NULL, &noise, share), SP_E_MISMATCH);
    share[3] = NAN;
    assert_int_equal(sp_noise_share(NULL, &noise, share), SP_E_ARGUMENT);
    sp_noise_clear(&noise);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_and_arrays_are_read),
        cmocka_unit_test(what_is_no_profile_is_refused),
        cmocka_unit_test(radii_are_rounded_up),
    };
    return cmocka_run_group_tests_name("audio/profile", tests, NULL, NULL);
}
