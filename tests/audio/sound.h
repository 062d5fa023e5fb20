/* Writing audio files for the tests, by libsndfile and by hand. */
#ifndef SP_TESTS_AUDIO_SOUND_H
#define SP_TESTS_AUDIO_SOUND_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sndfile.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audio/audio.h"
#include "tests/support/support.h"

enum { PATH_SIZE = 512 };

/* Opens `name` in the scratch folder for writing; NULL when libsndfile cannot write the format. */
static inline SNDFILE *sound_create(char *path, const char *name, int format, int rate,
                                    int channels) {
    SF_INFO info = {.samplerate = rate, .channels = channels, .format = format};
    sp_test_scratch(name, path, PATH_SIZE);
    return sf_open(path, SFM_WRITE, &info);
}

/* Interleaved 32 bit integers, justified to the left. */
static inline const char *sound_integers(char *path, const char *name, int format, int rate,
                                         int channels, const int *values, size_t frames) {
    SNDFILE *file = sound_create(path, name, format, rate, channels);
    assert_non_null(file);
    assert_int_equal(sf_writef_int(file, values, (sf_count_t)frames), frames);
    assert_int_equal(sf_close(file), 0);
    return path;
}

static inline const char *sound_doubles(char *path, const char *name, int format, int rate,
                                        int channels, const double *values, size_t frames) {
    SNDFILE *file = sound_create(path, name, format, rate, channels);
    assert_non_null(file);
    assert_int_equal(sf_writef_double(file, values, (sf_count_t)frames), frames);
    assert_int_equal(sf_close(file), 0);
    return path;
}

static inline const char *sound_bytes(char *path, const char *name, const void *bytes,
                                      size_t size) {
    sp_test_scratch(name, path, PATH_SIZE);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
    return path;
}

/* The whole file in memory; free it. */
static inline unsigned char *sound_load(const char *path, size_t *size) {
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    assert_int_equal(fseek(file, 0, SEEK_END), 0);
    *size = (size_t)ftell(file);
    rewind(file);
    unsigned char *bytes = malloc(*size);
    assert_non_null(bytes);
    assert_int_equal(fread(bytes, 1, *size, file), *size);
    fclose(file);
    return bytes;
}

/* A one-line failure with this code that begins with the path and speaks of `part`. */
static inline void expect_refusal(const char *path, const sp_clip_options *options, sp_status code,
                                  const char *part) {
    sp_error err = {SP_OK, ""};
    sp_clip clip;
    const sp_status status = sp_clip_read(&err, &clip, path, options);
    if (status != code || strncmp(err.text, path, strlen(path)) != 0 ||
        strstr(err.text, part) == NULL) {
        fail_msg("%s: status %d, \"%s\" instead of \"%s\"", path, (int)status, err.text, part);
    }
    assert_null(clip.samples);
    assert_null(strchr(err.text, '\n'));
}

static inline void expect_clip(sp_clip *clip, const char *path, const sp_clip_options *options) {
    sp_error err = {SP_OK, ""};
    if (sp_clip_read(&err, clip, path, options) != SP_OK) {
        fail_msg("%s", err.text);
    }
}

#endif
