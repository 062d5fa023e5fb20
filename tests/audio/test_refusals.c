/* Recordings that cannot be used are refused in one line that says why; resampling on request. */
#include "tests/audio/sound.h"

#include <math.h>
#include <unistd.h>

enum { FRAMES = 900, WAV16 = SF_FORMAT_WAV | SF_FORMAT_PCM_16 };

/* noise - integers that do not compress away. */
static const int *noise(void) {
    static int values[2 * FRAMES];
    sp_rng rng;
    sp_rng_init(&rng, 5);
    for (size_t i = 0; i < 2 * FRAMES; i++) {
        values[i] = (int)(int32_t)(uint32_t)sp_rng_next(&rng) / 2;
    }
    return values;
}

static void paths_that_are_no_recording(void **state) {
    (void)state;
    char path[PATH_SIZE];
    expect_refusal(sp_test_scratch("audio_refusals/absent.wav", path, sizeof path), NULL, SP_E_IO,
                   "no such file");
    *strrchr(path, '/') = '\0';
    expect_refusal(path, NULL, SP_E_IO, "directory");
    expect_refusal(sound_bytes(path, "audio_refusals/empty.wav", "", 0), NULL, SP_E_FORMAT,
                   "the file is empty");
    expect_refusal(sound_bytes(path, "audio_refusals/text.wav", "not audio at all\n", 17), NULL,
                   SP_E_FORMAT, "no audio file");
    expect_refusal(sound_bytes(path, "audio_refusals/riff.wav", "RIFF", 4), NULL, SP_E_FORMAT,
                   "no audio file");
    expect_refusal("", NULL, SP_E_IO, "no such file");
}

static void recordings_without_samples(void **state) {
    (void)state;
    static const int formats[] = {WAV16, SF_FORMAT_AIFF | SF_FORMAT_PCM_24,
                                  SF_FORMAT_AU | SF_FORMAT_FLOAT,
                                  SF_FORMAT_FLAC | SF_FORMAT_PCM_16};
    for (size_t f = 0; f < 4; f++) {
        char path[PATH_SIZE];
        sound_integers(path, "audio_refusals/none", formats[f], 8000, 1, noise(), 0);
        expect_refusal(path, NULL, SP_E_FORMAT, "");
    }
}

static void several_channels_need_a_choice(void **state) {
    (void)state;
    const sp_clip_options third = {.channel = 3};
    char path[PATH_SIZE];
    sound_integers(path, "audio_refusals/stereo.wav", WAV16, 8000, 2, noise(), FRAMES);
    expect_refusal(path, NULL, SP_E_MISMATCH, "has 2 channels: choose one by --channel 1 to 2");
    expect_refusal(path, &third, SP_E_MISMATCH, "has no channel 3");
}

static void another_rate_is_named(void **state) {
    (void)state;
    const sp_clip_options telephone = {.rate = 8000};
    char path[PATH_SIZE];
    sound_integers(path, "audio_refusals/rate.wav", WAV16, 44100, 1, noise(), FRAMES);
    expect_refusal(path, &telephone, SP_E_MISMATCH, "44100 Hz, the model hears 8000 Hz");
}

static void impossible_requests(void **state) {
    (void)state;
    const sp_clip_options requests[] = {{.rate = -1},
                                        {.channel = -1},
                                        {.full_scale = NAN},
                                        {.full_scale = -1.0},
                                        {.full_scale = INFINITY}};
    char path[PATH_SIZE];
    sound_integers(path, "audio_refusals/fine.wav", WAV16, 8000, 1, noise(), FRAMES);
    for (size_t i = 0; i < sizeof requests / sizeof requests[0]; i++) {
        expect_refusal(path, &requests[i], SP_E_ARGUMENT, "");
    }
}

static void long_recordings_are_refused(void **state) {
    (void)state;
    char path[PATH_SIZE];
    sp_clip clip;
    sound_integers(path, "audio_refusals/long.wav", WAV16, 8000, 1, noise(), FRAMES);
    const sp_clip_options less = {.max_samples = FRAMES - 1}, enough = {.max_samples = FRAMES};
    expect_refusal(path, &less, SP_E_UNSUPPORTED, "longer than the 899 samples");
    expect_clip(&clip, path, &enough);
    sp_clip_clear(&clip);
}

static void samples_must_be_finite(void **state) {
    (void)state;
    static const double bad[] = {NAN, INFINITY, -INFINITY};
    for (size_t k = 0; k < 3; k++) {
        double values[FRAMES] = {0.0};
        char path[PATH_SIZE];
        values[800] = bad[k];
        sound_doubles(path, "audio_refusals/nan.wav", SF_FORMAT_WAV | SF_FORMAT_FLOAT, 8000, 1,
                      values, FRAMES);
        expect_refusal(path, NULL, SP_E_NONFINITE, "sample 800 (at 0.100 s) is not a finite");
    }
}

/* Every format that says how long it is, cut at many places: never accepted. */
static void cut_files_are_refused(void **state) {
    (void)state;
    static const struct {
        const char *name;
        int format;
        size_t least; // bytes that must be lacking
    } cases[] = {
        {"cut.wav", WAV16, 1},
        {"cut.u8.wav", SF_FORMAT_WAV | SF_FORMAT_PCM_U8, 1},
        {"cut.24.wav", SF_FORMAT_WAV | SF_FORMAT_PCM_24, 1},
        {"cut.float.wav", SF_FORMAT_WAV | SF_FORMAT_FLOAT, 1},
        {"cut.wavex", SF_FORMAT_WAVEX | SF_FORMAT_PCM_16, 1},
        {"cut.ulaw.wav", SF_FORMAT_WAV | SF_FORMAT_ULAW, 1},
        {"cut.ima.wav", SF_FORMAT_WAV | SF_FORMAT_IMA_ADPCM, 2},
        {"cut.gsm.wav", SF_FORMAT_WAV | SF_FORMAT_GSM610, 2},
        {"cut.rf64", SF_FORMAT_RF64 | SF_FORMAT_PCM_16, 2},
        {"cut.w64", SF_FORMAT_W64 | SF_FORMAT_PCM_16, 2},
        {"cut.aiff", SF_FORMAT_AIFF | SF_FORMAT_PCM_16, 1},
        {"cut.au", SF_FORMAT_AU | SF_FORMAT_PCM_16, 2},
        {"cut.caf", SF_FORMAT_CAF | SF_FORMAT_PCM_24, 1},
        {"cut.nist", SF_FORMAT_NIST | SF_FORMAT_PCM_16, 1},
        {"cut.flac", SF_FORMAT_FLAC | SF_FORMAT_PCM_16, 1},
    };
    for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++) {
        char path[PATH_SIZE], name[64];
        size_t size = 0;
        sp_clip clip;
        snprintf(name, sizeof name, "audio_refusals/%s", cases[c].name);
        sound_integers(path, name, cases[c].format, 8000, 1, noise(), FRAMES);
        expect_clip(&clip, path, NULL);
        sp_clip_clear(&clip);
        unsigned char *bytes = sound_load(path, &size);
        for (size_t lacking = cases[c].least; lacking < size; lacking += 1 + lacking / 4) {
            assert_int_equal(truncate(path, (off_t)(size - lacking)), 0);
            sp_error err;
            if (sp_clip_read(&err, &clip, path, NULL) == SP_OK) {
                fail_msg("%s without %zu of its %zu bytes is read as %zu samples", path, lacking,
                         size, clip.n);
            }
            sound_bytes(path, name, bytes, size);
        }
        free(bytes);
    }
}

/* What surrounds the samples may be wrong as long as the samples are all there. */
static void sloppy_headers_are_accepted(void **state) {
    (void)state;
    char path[PATH_SIZE];
    size_t size = 0;
    sp_clip clip;
    sound_integers(path, "audio_refusals/sloppy.wav", WAV16, 8000, 1, noise(), FRAMES);
    unsigned char *bytes = sound_load(path, &size);
    unsigned char *more = calloc(1, size + 100);
    assert_non_null(more);
    memcpy(more, bytes, size);
    more[4] = (unsigned char)(more[4] + 8); // the size of the RIFF counts its own header
    expect_clip(&clip, sound_bytes(path, "audio_refusals/sloppy.wav", more, size), NULL);
    assert_int_equal(clip.n, FRAMES);
    sp_clip_clear(&clip);
    expect_clip(&clip, sound_bytes(path, "audio_refusals/sloppy.wav", more, size + 100), NULL);
    assert_int_equal(clip.n, FRAMES); // zeros behind the samples
    sp_clip_clear(&clip);
    free(more);
    free(bytes);
}

/* Flipped bytes: a failure or finite samples, never a crash. The sanitizers watch. */
static void damaged_files_do_no_harm(void **state) {
    (void)state;
    static const int formats[] = {WAV16,
                                  SF_FORMAT_WAV | SF_FORMAT_FLOAT,
                                  SF_FORMAT_FLAC | SF_FORMAT_PCM_16,
                                  SF_FORMAT_AIFF | SF_FORMAT_PCM_24,
                                  SF_FORMAT_NIST | SF_FORMAT_PCM_16,
                                  SF_FORMAT_WAV | SF_FORMAT_MS_ADPCM};
    const sp_clip_options options = {.max_samples = 100000};
    const size_t rounds = sp_test_long() ? 5000 : 60;
    sp_rng rng;
    sp_rng_init(&rng, sp_test_seed());
    for (size_t f = 0; f < sizeof formats / sizeof formats[0]; f++) {
        char path[PATH_SIZE];
        size_t size = 0;
        sound_integers(path, "audio_refusals/damaged", formats[f], 8000, 1, noise(), 200);
        unsigned char *bytes = sound_load(path, &size);
        for (size_t round = 0; round < rounds; round++) {
            unsigned char *hurt = malloc(size);
            sp_error err;
            sp_clip clip;
            assert_non_null(hurt);
            memcpy(hurt, bytes, size);
            for (size_t k = 0; k <= round % 4; k++) {
                hurt[sp_rng_below(&rng, round % 2 == 0 && size > 80 ? 80 : size)] =
                    (unsigned char)sp_rng_next(&rng);
            }
            sound_bytes(path, "audio_refusals/damaged", hurt, size);
            if (sp_clip_read(&err, &clip, path, &options) == SP_OK) {
                for (size_t i = 0; i < clip.n; i++) {
                    assert_true(isfinite(clip.samples[i]));
                }
                assert_true(clip.n >= 1 && clip.n <= 100000 && clip.rate > 0);
                sp_clip_clear(&clip);
            }
            free(hurt);
        }
        free(bytes);
    }
}

static void silence_is_a_recording(void **state) {
    (void)state;
    static const int zeros[FRAMES];
    char path[PATH_SIZE];
    sp_clip clip;
    expect_clip(&clip,
                sound_integers(path, "audio_refusals/silent.wav", WAV16, 8000, 1, zeros, FRAMES),
                NULL);
    assert_true(clip.n == FRAMES && clip.peak == 0.0 && clip.rms == 0.0 && clip.bits == 16);
    sp_clip_clear(&clip);
}

static void rates_are_converted_on_request(void **state) {
    (void)state;
    const sp_clip_options wanted = {.rate = 8000, .resample = true, .full_scale = 32768.0};
    const int rates[] = {16000, 11025, 8000};
    for (size_t r = 0; r < 3; r++) {
        const size_t frames = (size_t)rates[r];
        double *wave = malloc(frames * sizeof *wave), error = 0.0;
        char path[PATH_SIZE];
        sp_clip clip;
        assert_non_null(wave);
        for (size_t i = 0; i < frames; i++) {
            wave[i] = 0.5 * sin(2764.6015351590181 * (double)i / rates[r]); // 440 Hz
        }
        sound_doubles(path, "audio_refusals/tone.wav", SF_FORMAT_WAV | SF_FORMAT_FLOAT, rates[r], 1,
                      wave, frames);
        expect_clip(&clip, path, &wanted);
        assert_int_equal(clip.rate, 8000);
        assert_int_equal(clip.resampled, rates[r] != 8000);
        assert_true(clip.n >= 7998 && clip.n <= 8001);
        for (size_t i = 1000; i < 7000; i++) {
            const double truth = 16384.0 * sin(2764.6015351590181 * (double)i / 8000.0);
            error = fmax(error, fabs(clip.samples[i] - truth));
        }
        assert_true(error < 0.5);
        sp_clip_clear(&clip);
        free(wave);
    }
}

static void impossible_conversions_are_refused(void **state) {
    (void)state;
    const sp_clip_options up = {.rate = 8000 * 257, .resample = true};
    const sp_clip_options longer = {.rate = 16000, .resample = true, .max_samples = FRAMES + 10};
    char path[PATH_SIZE];
    sound_integers(path, "audio_refusals/convert.wav", WAV16, 8000, 1, noise(), FRAMES);
    expect_refusal(path, &up, SP_E_UNSUPPORTED, "cannot be converted");
    expect_refusal(path, &longer, SP_E_UNSUPPORTED, "longer than the 910 samples");
}

static void clips_in_memory_are_checked(void **state) {
    (void)state;
    const double samples[] = {1.0, -2.0, 0.5}, bad[] = {1.0, NAN};
    sp_error err;
    sp_clip clip;
    assert_int_equal(sp_clip_init(&err, &clip, samples, 3, 8000, 32768.0, 0.5), SP_OK);
    assert_true(clip.bits == 17 && clip.peak == 2.0 && clip.samples != samples);
    sp_clip_clear(&clip);
    assert_null(clip.samples);
    assert_int_equal(sp_clip_init(&err, &clip, samples, 0, 8000, 1.0, 0.0), SP_E_ARGUMENT);
    assert_int_equal(sp_clip_init(&err, &clip, samples, 3, 0, 1.0, 0.0), SP_E_ARGUMENT);
    assert_int_equal(sp_clip_init(&err, &clip, samples, 3, 8000, 0.0, 0.0), SP_E_ARGUMENT);
    assert_int_equal(sp_clip_init(&err, &clip, samples, 3, 8000, NAN, 0.0), SP_E_ARGUMENT);
    assert_int_equal(sp_clip_init(&err, &clip, samples, 3, 8000, 1.0, -1.0), SP_E_ARGUMENT);
    assert_int_equal(sp_clip_init(&err, &clip, samples, 3, 8000, 1.0, NAN), SP_E_ARGUMENT);
    assert_int_equal(sp_clip_init(&err, &clip, bad, 2, 8000, 1.0, 0.0), SP_E_NONFINITE);
    assert_null(clip.samples);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths_that_are_no_recording),
        cmocka_unit_test(recordings_without_samples),
        cmocka_unit_test(several_channels_need_a_choice),
        cmocka_unit_test(another_rate_is_named),
        cmocka_unit_test(impossible_requests),
        cmocka_unit_test(long_recordings_are_refused),
        cmocka_unit_test(samples_must_be_finite),
        cmocka_unit_test(cut_files_are_refused),
        cmocka_unit_test(sloppy_headers_are_accepted),
        cmocka_unit_test(damaged_files_do_no_harm),
        cmocka_unit_test(silence_is_a_recording),
        cmocka_unit_test(rates_are_converted_on_request),
        cmocka_unit_test(impossible_conversions_are_refused),
        cmocka_unit_test(clips_in_memory_are_checked),
    };
    return cmocka_run_group_tests_name("audio/refusals", tests, NULL, NULL);
}
