/* Clips that are written and read again: the samples, the rate and the format of their file. */
#include "tests/audio/sound.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { FRAMES = 500, RATE = 8000 };

static const struct {
    const char *name;
    int format, bits; /* bits 0: floating point */
    int written;      /* the format of the copy */
} formats[] = {
    {"u8.wav", SF_FORMAT_WAV | SF_FORMAT_PCM_U8, 8, SF_FORMAT_WAV | SF_FORMAT_PCM_U8},
    {"s16.wav", SF_FORMAT_WAV | SF_FORMAT_PCM_16, 16, SF_FORMAT_WAV | SF_FORMAT_PCM_16},
    {"s24.wav", SF_FORMAT_WAV | SF_FORMAT_PCM_24, 24, SF_FORMAT_WAV | SF_FORMAT_PCM_24},
    {"s32.wav", SF_FORMAT_WAV | SF_FORMAT_PCM_32, 32, SF_FORMAT_WAV | SF_FORMAT_PCM_32},
    {"s16.aiff", SF_FORMAT_AIFF | SF_FORMAT_PCM_16, 16, SF_FORMAT_AIFF | SF_FORMAT_PCM_16},
    {"s16.flac", SF_FORMAT_FLAC | SF_FORMAT_PCM_16, 16, SF_FORMAT_FLAC | SF_FORMAT_PCM_16},
    {"s24.flac", SF_FORMAT_FLAC | SF_FORMAT_PCM_24, 24, SF_FORMAT_FLAC | SF_FORMAT_PCM_24},
    {"alac.caf", SF_FORMAT_CAF | SF_FORMAT_ALAC_16, 16, SF_FORMAT_CAF | SF_FORMAT_ALAC_16},
    {"ulaw.wav", SF_FORMAT_WAV | SF_FORMAT_ULAW, 16, SF_FORMAT_WAV | SF_FORMAT_ULAW},
    {"alaw.au", SF_FORMAT_AU | SF_FORMAT_ALAW, 16, SF_FORMAT_AU | SF_FORMAT_ALAW},
    {"dwvw.aiff", SF_FORMAT_AIFF | SF_FORMAT_DWVW_16, 16, SF_FORMAT_AIFF | SF_FORMAT_DWVW_16},
    {"s16.w64", SF_FORMAT_W64 | SF_FORMAT_PCM_16, 16, SF_FORMAT_W64 | SF_FORMAT_PCM_16},
    {"s24.wavex", SF_FORMAT_WAVEX | SF_FORMAT_PCM_24, 24, SF_FORMAT_WAVEX | SF_FORMAT_PCM_24},
    {"ima.wav", SF_FORMAT_WAV | SF_FORMAT_IMA_ADPCM, 16, SF_FORMAT_WAV | SF_FORMAT_PCM_16},
    {"float.wav", SF_FORMAT_WAV | SF_FORMAT_FLOAT, 0, SF_FORMAT_WAV | SF_FORMAT_FLOAT},
    {"double.wav", SF_FORMAT_WAV | SF_FORMAT_DOUBLE, 0, SF_FORMAT_WAV | SF_FORMAT_DOUBLE},
    {"vorbis.ogg", SF_FORMAT_OGG | SF_FORMAT_VORBIS, 0, SF_FORMAT_WAV | SF_FORMAT_DOUBLE},
};
enum { FORMATS = sizeof formats / sizeof formats[0] };

/* A source of `channels` channels in format f; its samples do not matter. */
static const char *make_source(char *path, size_t f, int channels) {
    char name[64];
    int values[2 * FRAMES];
    sp_rng rng;
    sp_rng_init(&rng, sp_test_seed());
    for (size_t i = 0; i < (size_t)channels * FRAMES; i++) {
        values[i] = (int)sp_rng_uniform(&rng, -1e9, 1e9);
    }
    snprintf(name, sizeof name, "audio_write/source%d_%s", channels, formats[f].name);
    return sound_integers(path, name, formats[f].format, RATE, channels, values, FRAMES);
}

/* The clip in `path`, its samples replaced by other values of its coding, both ends first. */
static void make_clip(sp_clip *clip, const char *path, double full_scale) {
    const sp_clip_options options = {.full_scale = full_scale, .channel = 1};
    sp_rng rng;
    expect_clip(clip, path, &options);
    sp_rng_init(&rng, sp_test_seed() + (uint64_t)clip->bits);
    for (size_t i = 0; i < clip->n; i++) {
        const double u = sp_rng_uniform(&rng, -1.0, 1.0) * full_scale;
        clip->samples[i] = sp_clip_round(clip, (double)(float)u);
    }
    clip->samples[0] = sp_clip_ceil(clip, -full_scale);
    clip->samples[1] = sp_clip_floor(clip, full_scale);
}

/* Its own format where that keeps the samples, else WAV. */
static sp_clip_form form_of(const sp_clip *clip) {
    return sp_clip_own(clip) == SP_CLIP_KEPT ? SP_CLIP_OWN : SP_CLIP_WAV;
}

static int format_of(const char *path) {
    SF_INFO info = {0};
    SNDFILE *file = sf_open(path, SFM_READ, &info);
    assert_non_null(file);
    sf_close(file);
    assert_int_equal(info.channels, 1);
    assert_int_equal(info.samplerate, RATE);
    return info.format & (SF_FORMAT_TYPEMASK | SF_FORMAT_SUBMASK);
}

static void check_copy(size_t f, int channels, double full_scale) {
    char source[PATH_SIZE], copy[PATH_SIZE], name[64];
    sp_error err = {SP_OK, ""};
    sp_clip clip, again;
    const sp_clip_options options = {.full_scale = full_scale};
    make_clip(&clip, make_source(source, f, channels), full_scale);
    snprintf(name, sizeof name, "audio_write/copy_%s", formats[f].name);
    sp_test_scratch(name, copy, PATH_SIZE);
    if (sp_clip_write(&err, copy, &clip, form_of(&clip)) != SP_OK) {
        fail_msg("%s", err.text);
    }
    assert_int_equal(format_of(copy), formats[f].written);
    expect_clip(&again, copy, &options);
    assert_int_equal(again.n, clip.n);
    assert_int_equal(again.bits, formats[f].bits);
    for (size_t i = 0; i < clip.n; i++) {
        if (again.samples[i] != clip.samples[i]) {
            fail_msg("%s: sample %zu is %a, not %a", copy, i, again.samples[i], clip.samples[i]);
        }
    }
    sp_clip_clear(&again);
    sp_clip_clear(&clip);
}

static void samples_and_format_are_kept(void **state) {
    (void)state;
    for (size_t f = 0; f < FORMATS; f++) {
        check_copy(f, 1, 32768.0);
        check_copy(f, 1, 1.0);
        const SF_INFO two = {.samplerate = RATE, .channels = 2, .format = formats[f].format};
        if (sf_format_check(&two) && formats[f].format != (SF_FORMAT_CAF | SF_FORMAT_ALAC_16)) {
            check_copy(f, 2, 32768.0); // one channel of two
        }
    }
}

/* Equal clips give equal files: no header holds the time of writing. */
static void files_do_not_depend_on_time(void **state) {
    (void)state;
    char source[PATH_SIZE], copy[2][PATH_SIZE];
    unsigned char *bytes[2];
    size_t size[2];
    sp_clip clip;
    make_clip(&clip, make_source(source, FORMATS - 3, 1), 1.0);
    for (int i = 0; i < 2; i++) {
        sp_test_scratch(i ? "audio_write/b.wav" : "audio_write/a.wav", copy[i], PATH_SIZE);
        assert_int_equal(sp_clip_write(NULL, copy[i], &clip, SP_CLIP_OWN), SP_OK);
        bytes[i] = sound_load(copy[i], &size[i]);
        for (size_t at = 0; at + 4 <= size[i]; at++) {
            assert_true(memcmp(bytes[i] + at, "PEAK", 4) != 0); // a chunk with the time
        }
    }
    assert_int_equal(size[0], size[1]);
    assert_memory_equal(bytes[0], bytes[1], size[0]);
    free(bytes[0]);
    free(bytes[1]);
    sp_clip_clear(&clip);
}

static void expect_failure(const sp_clip *clip, const char *path, sp_clip_form form, sp_status code,
                           const char *part) {
    sp_error err = {SP_OK, ""};
    const sp_status status = sp_clip_write(&err, path, clip, form);
    if (status != code || !strstr(err.text, part)) {
        fail_msg("status %d, \"%s\" instead of \"%s\"", (int)status, err.text, part);
    }
}

static void what_cannot_be_written_is_refused(void **state) {
    (void)state;
    char source[PATH_SIZE], copy[PATH_SIZE];
    sp_clip clip;
    make_clip(&clip, make_source(source, 1, 1), 32768.0);
    sp_test_scratch("audio_write/refused.wav", copy, PATH_SIZE);
    expect_failure(&clip, "/nonexistent/folder/x.wav", SP_CLIP_OWN, SP_E_IO, "/nonexistent/folder");
    static const double outside[3] = {32768.0, -32769.0, 0.5};
    for (int i = 0; i < 3; i++) {
        clip.samples[0] = outside[i];
        expect_failure(&clip, copy, SP_CLIP_OWN, SP_E_ARGUMENT, "16-bit");
        expect_failure(&clip, copy, SP_CLIP_WAV, SP_E_ARGUMENT, "16-bit");
    }
    clip.samples[0] = 0.0;
    clip.format = 0; // a clip in memory has no format of its own
    assert_int_equal(sp_clip_own(&clip), SP_CLIP_LOST);
    expect_failure(&clip, copy, SP_CLIP_OWN, SP_E_UNSUPPORTED, "");
    sp_clip_clear(&clip);
    make_clip(&clip, make_source(source, 8, 1), 32768.0); // mu-law
    clip.samples[0] = 9.0;
    expect_failure(&clip, copy, SP_CLIP_OWN, SP_E_ARGUMENT, "mu-law");
    sp_clip_clear(&clip);
}

/* Files may not grow beyond `most` bytes here, as on a full disk. 0, or what went wrong. */
static int write_under_limit(const char *copy, const sp_clip *clip, rlim_t most, bool *failed) {
    const struct rlimit limit = {most, most};
    sp_error err = {SP_OK, ""};
    signal(SIGXFSZ, SIG_IGN);
    if (setrlimit(RLIMIT_FSIZE, &limit) != 0) {
        return 1;
    }
    const sp_status status = sp_clip_write(&err, copy, clip, form_of(clip));
    *failed = status != SP_OK;
    return status == SP_OK || (status == SP_E_IO && strstr(err.text, "cannot be written")) ? 0 : 2;
}

/* Whatever the format and wherever it fails, the copy is whole or the old one. */
static void a_full_disk_leaves_the_old_copy(void **state) {
    (void)state;
    for (size_t f = 0; f < FORMATS; f++) {
        char source[PATH_SIZE], copy[PATH_SIZE], name[64];
        sp_clip clip;
        make_clip(&clip, make_source(source, f, 1), 32768.0);
        snprintf(name, sizeof name, "audio_write/full_%s", formats[f].name);
        sp_test_scratch(name, copy, PATH_SIZE);
        assert_int_equal(sp_clip_write(NULL, copy, &clip, form_of(&clip)), SP_OK);
        size_t size = 0, after = 0;
        unsigned char *old = sound_load(copy, &size);
        clip.samples[2] = sp_clip_round(&clip, 0.5 * clip.samples[2]);
        for (size_t most = 0; most < size; most += 1 + size / 13) {
            int status = 0;
            const pid_t child = fork();
            assert_true(child >= 0);
            if (child == 0) {
                bool failed = false;
                const int step = write_under_limit(copy, &clip, most, &failed);
                _exit(step ? step : failed ? 0 : 3);
            }
            assert_int_equal(waitpid(child, &status, 0), child);
            if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
                fail_msg("%s, %zu of %zu bytes: %d", copy, most, size, WEXITSTATUS(status));
            }
            unsigned char *now = sound_load(copy, &after);
            assert_int_equal(after, size);
            assert_memory_equal(now, old, size);
            free(now);
        }
        free(old);
        sp_clip_clear(&clip);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(samples_and_format_are_kept),
        cmocka_unit_test(files_do_not_depend_on_time),
        cmocka_unit_test(what_cannot_be_written_is_refused),
        cmocka_unit_test(a_full_disk_leaves_the_old_copy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
