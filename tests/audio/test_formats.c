/* Every sample of every format arrives exactly. */
#include "tests/audio/sound.h"

#include <math.h>

#include "tests/support/arb.h"

enum { FRAMES = 700 };

static const struct {
    const char *name;
    int format, bits;
} integer_formats[] = {
    {"wav.u8", SF_FORMAT_WAV | SF_FORMAT_PCM_U8, 8},
    {"wav.16", SF_FORMAT_WAV | SF_FORMAT_PCM_16, 16},
    {"wav.24", SF_FORMAT_WAV | SF_FORMAT_PCM_24, 24},
    {"wav.32", SF_FORMAT_WAV | SF_FORMAT_PCM_32, 32},
    {"rifx.16", SF_FORMAT_WAV | SF_FORMAT_PCM_16 | SF_ENDIAN_BIG, 16},
    {"wavex.24", SF_FORMAT_WAVEX | SF_FORMAT_PCM_24, 24},
    {"rf64.16", SF_FORMAT_RF64 | SF_FORMAT_PCM_16, 16},
    {"w64.24", SF_FORMAT_W64 | SF_FORMAT_PCM_24, 24},
    {"aiff.s8", SF_FORMAT_AIFF | SF_FORMAT_PCM_S8, 8},
    {"aiff.16", SF_FORMAT_AIFF | SF_FORMAT_PCM_16, 16},
    {"aiff.24", SF_FORMAT_AIFF | SF_FORMAT_PCM_24, 24},
    {"aiff.32", SF_FORMAT_AIFF | SF_FORMAT_PCM_32, 32},
    {"au.16", SF_FORMAT_AU | SF_FORMAT_PCM_16, 16},
    {"caf.24", SF_FORMAT_CAF | SF_FORMAT_PCM_24, 24},
    {"caf.alac16", SF_FORMAT_CAF | SF_FORMAT_ALAC_16, 16},
    {"caf.alac24", SF_FORMAT_CAF | SF_FORMAT_ALAC_24, 24},
    {"nist.16", SF_FORMAT_NIST | SF_FORMAT_PCM_16, 16},
    {"flac.s8", SF_FORMAT_FLAC | SF_FORMAT_PCM_S8, 8},
    {"flac.16", SF_FORMAT_FLAC | SF_FORMAT_PCM_16, 16},
    {"flac.24", SF_FORMAT_FLAC | SF_FORMAT_PCM_24, 24},
};

/* Integers of this many bits, both ends of the range first. */
static void random_integers(long long *values, size_t count, int bits) {
    const long long half = 1LL << (bits - 1);
    sp_rng rng;
    sp_rng_init(&rng, sp_test_seed() + (uint64_t)bits);
    for (size_t i = 0; i < count; i++) {
        values[i] = (long long)sp_rng_below(&rng, (size_t)(2 * half)) - half;
    }
    values[0] = -half;
    values[1] = half - 1;
    values[2] = 1;
    values[3] = -1;
}

static void integers_are_exact(void **state) {
    (void)state;
    static const double scales[] = {32768.0, 1.0, 1.0 / 1024.0};
    for (size_t f = 0; f < sizeof integer_formats / sizeof integer_formats[0]; f++) {
        const int bits = integer_formats[f].bits;
        long long values[FRAMES];
        int left[FRAMES];
        char path[PATH_SIZE], name[64];
        random_integers(values, FRAMES, bits);
        for (size_t i = 0; i < FRAMES; i++) {
            left[i] = (int)(values[i] * (1LL << (32 - bits)));
        }
        snprintf(name, sizeof name, "audio_formats/%s", integer_formats[f].name);
        sound_integers(path, name, integer_formats[f].format, 8000, 1, left, FRAMES);
        for (size_t s = 0; s < sizeof scales / sizeof scales[0]; s++) {
            const sp_clip_options options = {.full_scale = scales[s]};
            const double lsb = scales[s] / (double)(1LL << (bits - 1));
            sp_clip clip;
            expect_clip(&clip, path, &options);
            assert_int_equal(clip.n, FRAMES);
            assert_int_equal(clip.rate, 8000);
            assert_int_equal(clip.bits, bits);
            assert_false(clip.resampled);
            assert_true(clip.lsb == lsb && clip.full_scale == scales[s]);
            assert_true(clip.peak == scales[s]); // the negative end of the range
            for (size_t i = 0; i < FRAMES; i++) {
                if (clip.samples[i] != (double)values[i] * lsb) {
                    fail_msg("%s: sample %zu is %a, not %lld steps of %a", path, i, clip.samples[i],
                             values[i], lsb);
                }
            }
            sp_clip_clear(&clip);
        }
    }
}

static void put_number(unsigned char *at, unsigned value, size_t bytes) {
    for (size_t i = 0; i < bytes; i++) {
        at[i] = (unsigned char)(value >> (8 * i));
    }
}

/* The 44 byte header of a WAV file with one byte per sample. */
static void byte_wav_header(unsigned char *at, unsigned tag, unsigned frames) {
    memcpy(at, "RIFF....WAVEfmt ", 16);
    put_number(at + 4, 36 + frames, 4);
    put_number(at + 16, 16, 4);
    put_number(at + 20, tag, 2);
    put_number(at + 22, 1, 2);
    put_number(at + 24, 8000, 4);
    put_number(at + 28, 8000, 4);
    put_number(at + 32, 1, 2);
    put_number(at + 34, 8, 2);
    memcpy(at + 36, "data", 4);
    put_number(at + 40, frames, 4);
}

/* G.711: sign, three bits of exponent, four of mantissa, all inverted. */
static int mu_law(unsigned code) {
    const unsigned c = ~code & 0xff, exponent = c >> 4 & 7, mantissa = c & 15;
    const int size = (int)((((mantissa << 3) + 0x84) << exponent) - 0x84);
    return (c & 0x80) != 0 ? -size : size;
}

/* G.711: every second bit inverted; the sign bit set means positive. */
static int a_law(unsigned code) {
    const unsigned c = code ^ 0x55, exponent = c >> 4 & 7, mantissa = c & 15;
    const unsigned base = (mantissa << 4) + 8;
    const int size = (int)(exponent == 0 ? base : (base + 0x100) << (exponent - 1));
    return (c & 0x80) != 0 ? size : -size;
}

static void companded_codes_decode_to_16_bits_in_steps_of_their_own(void **state) {
    (void)state;
    for (int mu = 0; mu < 2; mu++) {
        unsigned char bytes[44 + 256];
        char path[PATH_SIZE];
        sp_clip clip;
        byte_wav_header(bytes, mu ? 7 : 6, 256);
        for (unsigned code = 0; code < 256; code++) {
            bytes[44 + code] = (unsigned char)code;
        }
        expect_clip(&clip, sound_bytes(path, "audio_formats/law", bytes, sizeof bytes), NULL);
        assert_int_equal(clip.n, 256);
        assert_int_equal(clip.bits, 16);
        assert_true(clip.lsb == (mu ? 8.0 : 16.0) && clip.gap == clip.lsb); // the smallest step
        for (unsigned code = 0; code < 256; code++) {
            assert_true(clip.samples[code] == (mu ? mu_law(code) : a_law(code)));
        }
        sp_clip_clear(&clip);
    }
}

static void adpcm_decodes_to_16_bits(void **state) {
    (void)state;
    static const int formats[] = {
        SF_FORMAT_WAV | SF_FORMAT_IMA_ADPCM, SF_FORMAT_WAV | SF_FORMAT_MS_ADPCM,
        SF_FORMAT_WAV | SF_FORMAT_GSM610, SF_FORMAT_AU | SF_FORMAT_G721_32};
    double wave[4000];
    for (size_t i = 0; i < 4000; i++) {
        wave[i] = 0.3 * sin(0.05 * (double)i);
    }
    for (size_t f = 0; f < sizeof formats / sizeof formats[0]; f++) {
        char path[PATH_SIZE];
        double error = 0.0;
        sp_clip clip;
        sound_doubles(path, "audio_formats/adpcm", formats[f], 8000, 1, wave, 4000);
        expect_clip(&clip, path, NULL);
        assert_true(clip.bits == 16 && clip.lsb == 1.0 && clip.n >= 4000);
        for (size_t i = 0; i < 4000; i++) {
            assert_true(clip.samples[i] == floor(clip.samples[i]));
            error += fabs(clip.samples[i] / 32768.0 - wave[i]) / 4000.0;
        }
        assert_true(error > 0.0 && error < 0.06);
        sp_clip_clear(&clip);
    }
}

static void floats_are_exact(void **state) {
    (void)state;
    static const int formats[] = {SF_FORMAT_WAV | SF_FORMAT_DOUBLE, SF_FORMAT_WAV | SF_FORMAT_FLOAT,
                                  SF_FORMAT_AIFF | SF_FORMAT_FLOAT,
                                  SF_FORMAT_AU | SF_FORMAT_DOUBLE};
    double values[FRAMES];
    sp_rng rng;
    sp_rng_init(&rng, sp_test_seed());
    for (size_t i = 0; i < FRAMES; i++) {
        values[i] = (double)(float)(3.0 * sp_rng_normal(&rng)); // above full scale too
    }
    for (size_t f = 0; f < sizeof formats / sizeof formats[0]; f++) {
        const sp_clip_options options = {.full_scale = f % 2 == 0 ? 1.0 : 32768.0};
        char path[PATH_SIZE];
        sp_clip clip;
        sound_doubles(path, "audio_formats/float", formats[f], 44100, 1, values, FRAMES);
        expect_clip(&clip, path, &options);
        assert_true(clip.bits == 0 && clip.lsb == 0.0 && clip.n == FRAMES);
        for (size_t i = 0; i < FRAMES; i++) {
            assert_true(clip.samples[i] == values[i] * options.full_scale);
        }
        sp_clip_clear(&clip);
    }
}

static void lossy_formats_have_no_steps(void **state) {
    (void)state;
    static const int formats[] = {SF_FORMAT_OGG | SF_FORMAT_VORBIS, SF_FORMAT_OGG | SF_FORMAT_OPUS};
    double wave[16000];
    size_t tried = 0;
    for (size_t i = 0; i < 16000; i++) {
        wave[i] = 0.4 * sin(0.11 * (double)i);
    }
    for (size_t f = 0; f < sizeof formats / sizeof formats[0]; f++) {
        char path[PATH_SIZE];
        double error = 0.0;
        sp_clip clip;
        SNDFILE *file = sound_create(path, "audio_formats/lossy", formats[f], 16000, 1);
        if (file == NULL) {
            print_message("format %x cannot be written here\n", (unsigned)formats[f]);
            continue;
        }
        tried++;
        assert_int_equal(sf_writef_double(file, wave, 16000), 16000);
        sf_close(file);
        expect_clip(&clip, path, NULL);
        assert_true(clip.bits == 0 && clip.lsb == 0.0 && clip.n == 16000);
        for (size_t i = 4000; i < 12000; i++) {
            error = fmax(error, fabs(clip.samples[i] / 32768.0 - wave[i]));
        }
        assert_true(error > 0.0 && error < 0.1);
        sp_clip_clear(&clip);
    }
    if (tried == 0) {
        print_message("libsndfile here writes none of these formats\n");
        skip();
    }
}

static void channels_are_kept_apart(void **state) {
    (void)state;
    int values[3 * FRAMES];
    char path[PATH_SIZE];
    for (int i = 0; i < 3 * FRAMES; i++) {
        values[i] = (i / 3 + 1000 * (i % 3)) * 65536;
    }
    sound_integers(path, "audio_formats/three.wav", SF_FORMAT_WAV | SF_FORMAT_PCM_16, 8000, 3,
                   values, FRAMES);
    for (int channel = 1; channel <= 3; channel++) {
        const sp_clip_options options = {.channel = channel};
        sp_clip clip;
        expect_clip(&clip, path, &options);
        assert_int_equal(clip.n, FRAMES);
        for (int i = 0; i < FRAMES; i++) {
            assert_true(clip.samples[i] == i + 1000 * (channel - 1));
        }
        sp_clip_clear(&clip);
    }
}

/* More samples than one block, and more channels than a block has room for in frames of one. */
static void long_and_wide_files_are_whole(void **state) {
    (void)state;
    const size_t frames = 200001, channels = 300;
    int *values = calloc(frames > 500 * channels ? frames : 500 * channels, sizeof *values);
    char path[PATH_SIZE];
    sp_clip clip;
    assert_non_null(values);
    for (size_t i = 0; i < frames; i++) {
        values[i] = (int)(i % 30000) * 65536;
    }
    sound_integers(path, "audio_formats/long.wav", SF_FORMAT_WAV | SF_FORMAT_PCM_16, 8000, 1,
                   values, frames);
    expect_clip(&clip, path, NULL);
    assert_int_equal(clip.n, frames);
    for (size_t i = 0; i < frames; i++) {
        assert_true(clip.samples[i] == (double)(values[i] / 65536));
    }
    sp_clip_clear(&clip);
    sound_integers(path, "audio_formats/wide.wav", SF_FORMAT_WAV | SF_FORMAT_PCM_32, 8000,
                   (int)channels, values, 500);
    const sp_clip_options last = {.channel = (int)channels, .full_scale = 0x1p31};
    expect_clip(&clip, path, &last);
    assert_int_equal(clip.n, 500);
    for (size_t i = 0; i < 500; i++) {
        assert_true(clip.samples[i] == (double)values[i * channels + channels - 1]);
    }
    sp_clip_clear(&clip);
    free(values);
}

/* The mean square in exact arithmetic. */
static void check_rms(const sp_clip *clip) {
    arb_t sum, low, high;
    arb_init(sum);
    arb_init(low);
    arb_init(high);
    sp_arb_dot(sum, clip->samples, clip->samples, clip->n);
    arb_div_ui(sum, sum, clip->n, SP_ARB_BITS);
    arb_sqrt(sum, sum, SP_ARB_BITS);
    arb_set_d(low, 1.0 - 0x1p-49);
    arb_set_d(high, 1.0 + 0x1p-49);
    arb_mul(low, low, sum, SP_ARB_BITS);
    arb_mul(high, high, sum, SP_ARB_BITS);
    if (!sp_arb_le(low, clip->rms) || !sp_arb_ge(high, clip->rms)) {
        fail_msg("rms %a is not within 2^-49 of %a", clip->rms, sp_arb_upper(sum));
    }
    arb_clear(sum);
    arb_clear(low);
    arb_clear(high);
}

static void peak_and_rms_are_right(void **state) {
    (void)state;
    static const double sizes[] = {1.0, 1e-300, 1e300, 0x1p-1000};
    const size_t n = sp_test_sanitized() ? 2000 : 20000;
    double *samples = malloc(n * sizeof *samples);
    sp_rng rng;
    assert_non_null(samples);
    sp_rng_init(&rng, sp_test_seed() + 7);
    for (size_t k = 0; k < 12; k++) {
        const size_t length = k == 0 ? 1 : 1 + sp_rng_below(&rng, n);
        double peak = 0.0;
        sp_error err;
        sp_clip clip;
        for (size_t i = 0; i < length; i++) {
            samples[i] = sizes[k % 4] * (k % 3 == 0 ? sp_rng_normal(&rng)
                                                    : pow(sp_rng_uniform(&rng, -1.0, 1.0), 9.0));
            peak = fabs(samples[i]) > peak ? fabs(samples[i]) : peak;
        }
        assert_int_equal(sp_clip_init(&err, &clip, samples, length, 8000, 1.0, 0.0), SP_OK);
        assert_true(clip.peak == peak);
        check_rms(&clip);
        sp_clip_clear(&clip);
    }
    free(samples);
}

/* Squares that a plain sum would lose one by one. */
static void small_squares_count(void **state) {
    (void)state;
    double samples[4000];
    sp_error err;
    sp_clip clip;
    for (size_t i = 0; i < 4000; i++) {
        samples[i] = i == 0 ? -1.0 : 0x1p-27;
    }
    assert_int_equal(sp_clip_init(&err, &clip, samples, 4000, 8000, 1.0, 0.0), SP_OK);
    check_rms(&clip);
    sp_clip_clear(&clip);
}

static void real_recordings_are_read(void **state) {
    (void)state;
    char path[PATH_SIZE];
    const sp_clip_options options = {.rate = 8000};
    sp_clip clip;
    if (sp_test_data("fsdd/8_yweweler_0.wav", path, sizeof path) == NULL) {
        print_message("fsdd/8_yweweler_0.wav is not in SOUNDPROOF_DATA\n");
        skip();
    }
    expect_clip(&clip, path, &options);
    assert_true(clip.bits == 16 && clip.lsb == 1.0 && clip.rate == 8000);
    for (size_t i = 0; i < clip.n; i++) {
        assert_true(clip.samples[i] == floor(clip.samples[i]));
    }
    check_rms(&clip);
    sp_clip_clear(&clip);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers_are_exact),
        cmocka_unit_test(companded_codes_decode_to_16_bits_in_steps_of_their_own),
        cmocka_unit_test(adpcm_decodes_to_16_bits),
        cmocka_unit_test(floats_are_exact),
        cmocka_unit_test(lossy_formats_have_no_steps),
        cmocka_unit_test(channels_are_kept_apart),
        cmocka_unit_test(long_and_wide_files_are_whole),
        cmocka_unit_test(peak_and_rms_are_right),
        cmocka_unit_test(small_squares_count),
        cmocka_unit_test(real_recordings_are_read),
    };
    return cmocka_run_group_tests_name("audio/formats", tests, NULL, NULL);
}
