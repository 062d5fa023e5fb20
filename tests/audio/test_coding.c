/* The values of codings: neighbours of any number, the gap of a clip, and what is vacuous. */
#include "tests/audio/sound.h"

#include <math.h>

enum { CODES = 256, N = 40 };

/* All 256 codes of G.711 as a file, the law's tag being 7 (mu) or 6 (A). */
static void read_all_codes(sp_clip *clip, unsigned tag, double full_scale) {
    const sp_clip_options options = {.full_scale = full_scale};
    unsigned char bytes[44 + CODES] = "RIFF\x24\x01\0\0WAVEfmt \x10\0\0\0";
    char path[PATH_SIZE];
    bytes[20] = (unsigned char)tag;
    bytes[22] = bytes[32] = 1;
    bytes[24] = bytes[28] = 0x40; // 8000 Hz
    bytes[25] = bytes[29] = 0x1F;
    bytes[34] = 8;
    memcpy(bytes + 36, "data\0\x01\0\0", 8);
    for (unsigned i = 0; i < CODES; i++) {
        bytes[44 + i] = (unsigned char)i;
    }
    expect_clip(clip, sound_bytes(path, "audio_coding/codes.wav", bytes, sizeof bytes), &options);
    assert_int_equal(clip->n, CODES);
}

/* Against all values of the law. */
static void check_neighbours(const sp_clip *law, double x) {
    double below = -INFINITY, above = INFINITY, nearest = INFINITY;
    for (size_t i = 0; i < law->n; i++) {
        const double value = law->samples[i];
        below = value <= x ? fmax(below, value) : below;
        above = value >= x ? fmin(above, value) : above;
        nearest = fmin(nearest, fabs(value - x));
    }
    if (sp_clip_floor(law, x) != below || sp_clip_ceil(law, x) != above ||
        fabs(sp_clip_round(law, x) - x) != nearest) {
        fail_msg("%a: %a %a %a, not %a %a", x, sp_clip_floor(law, x), sp_clip_round(law, x),
                 sp_clip_ceil(law, x), below, above);
    }
}

static void neighbours_are_values_of_the_law(void **state) {
    (void)state;
    static const double scales[] = {32768.0, 1.0};
    sp_rng rng;
    sp_rng_init(&rng, sp_test_seed());
    for (unsigned k = 0; k < 4; k++) {
        const double scale = scales[k % 2];
        sp_clip law;
        read_all_codes(&law, k < 2 ? 7 : 6, scale);
        assert_int_equal(law.coding, k < 2 ? SP_CLIP_MU_LAW : SP_CLIP_A_LAW);
        for (size_t i = 0; i < law.n; i++) {
            check_neighbours(&law, law.samples[i]);
            check_neighbours(&law, nextafter(law.samples[i], INFINITY));
            check_neighbours(&law, nextafter(law.samples[i], -INFINITY));
        }
        for (int i = 0; i < 5000; i++) {
            check_neighbours(&law, scale * sp_rng_uniform(&rng, -1.1, 1.1) *
                                       pow(sp_rng_uniform(&rng, 0.0, 1.0), 4.0));
        }
        sp_clip_clear(&law);
    }
}

static void neighbours_are_multiples_of_the_step(void **state) {
    (void)state;
    static const double scales[] = {32768.0, 1.0, 0.3}, sample[1] = {0.0};
    sp_rng rng;
    sp_rng_init(&rng, sp_test_seed() + 1);
    for (size_t s = 0; s < 3; s++) {
        const double scale = scales[s], lsb = scale / 32768.0, most = scale - lsb;
        sp_clip clip;
        assert_int_equal(sp_clip_init(NULL, &clip, sample, 1, 8000, scale, lsb), SP_OK);
        for (int i = 0; i < 5000; i++) {
            const double x = most * sp_rng_uniform(&rng, -1.0, 1.0);
            const double below = sp_clip_floor(&clip, x), above = sp_clip_ceil(&clip, x);
            assert_true(below <= x && x <= above && above - below <= lsb * (1.0 + 1e-9));
            assert_true(below == lsb * nearbyint(below / lsb));
            assert_true(above == lsb * nearbyint(above / lsb));
            assert_true(sp_clip_floor(&clip, below) == below &&
                        sp_clip_ceil(&clip, above) == above);
        }
        assert_true(sp_clip_floor(&clip, 2.0 * scale) == most);
        assert_true(sp_clip_ceil(&clip, 2.0 * scale) == INFINITY);
        assert_true(sp_clip_floor(&clip, -2.0 * scale) == -INFINITY);
        assert_true(sp_clip_ceil(&clip, -2.0 * scale) == -scale);
        assert_true(sp_clip_round(&clip, 2.0 * scale) == most);
        assert_true(sp_clip_round(&clip, -2.0 * scale) == -scale);
        sp_clip_clear(&clip);
    }
}

static void neighbours_of_floats_are_singles(void **state) {
    (void)state;
    double values[N] = {0.25};
    char path[PATH_SIZE];
    sp_clip clip;
    sp_rng rng;
    sp_rng_init(&rng, sp_test_seed() + 2);
    sound_doubles(path, "audio_coding/float.wav", SF_FORMAT_WAV | SF_FORMAT_FLOAT, 8000, 1, values,
                  N);
    expect_clip(&clip, path, NULL);
    assert_int_equal(clip.coding, SP_CLIP_SINGLE);
    for (int i = 0; i < 5000; i++) {
        const double x = sp_rng_uniform(&rng, -40000.0, 40000.0);
        const double below = sp_clip_floor(&clip, x), above = sp_clip_ceil(&clip, x);
        assert_true((double)(float)below == below && (double)(float)above == above);
        assert_true(below < x && x < above && nextafterf((float)below, INFINITY) == (float)above);
    }
    sp_clip_clear(&clip);
}

/* The gap is the way to another file: of a loud mu-law clip it is a coarse step. */
static void vacuous_follows_the_steps_around_the_samples(void **state) {
    (void)state;
    static const struct {
        int law;
        double value, gap;
    } cases[] = {{SF_FORMAT_ULAW, 0.0, 8.0},
                 {SF_FORMAT_ULAW, 1000.0, 64.0},
                 {SF_FORMAT_ULAW, 30000.0, 1024.0},
                 {SF_FORMAT_ALAW, 8.0, 16.0},
                 {SF_FORMAT_ALAW, 30000.0, 1024.0}};
    for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++) {
        int values[N];
        char path[PATH_SIZE];
        sp_clip clip;
        sp_budget_scale scale;
        for (size_t i = 0; i < N; i++) {
            values[i] = (int)cases[c].value * 65536;
        }
        sound_integers(path, "audio_coding/loud.wav", SF_FORMAT_WAV | cases[c].law, 8000, 1, values,
                       N);
        expect_clip(&clip, path, NULL);
        const double smallest = cases[c].law == SF_FORMAT_ULAW ? 8.0 : 16.0;
        if (clip.gap != cases[c].gap || clip.lsb != smallest) {
            fail_msg("%g: gap %g, step %g", cases[c].value, clip.gap, clip.lsb);
        }
        sp_budget_describe(&scale, 0.49 * clip.gap, &sp_noise_set_box, &clip);
        assert_true(scale.vacuous && scale.lsb == 0.49 * clip.gap / smallest);
        sp_budget_describe(&scale, 0.51 * clip.gap, &sp_noise_set_box, &clip);
        assert_false(scale.vacuous);
        sp_clip_clear(&clip);
    }
}

/* Parts and embedded clips are of the same coding. */
static void made_clips_keep_the_coding(void **state) {
    (void)state;
    sp_clip law, part, embedded;
    const sp_clip_background background = {0.01, 0.01, 3.0, 5};
    read_all_codes(&law, 7, 32768.0);
    assert_int_equal(sp_clip_part(NULL, &part, &law, 10, 100), SP_OK);
    assert_int_equal(sp_clip_embed(NULL, &embedded, &law, &background), SP_OK);
    assert_int_equal(part.coding, SP_CLIP_MU_LAW);
    assert_true(part.lsb == 8.0 && part.format == law.format && part.peak == law.peak);
    assert_int_equal(embedded.coding, SP_CLIP_MU_LAW);
    for (size_t i = 0; i < embedded.n; i++) {
        assert_true(sp_clip_floor(&law, embedded.samples[i]) == embedded.samples[i]);
    }
    sp_clip_clear(&part);
    sp_clip_clear(&embedded);
    sp_clip_clear(&law);
}

static void expect_names(const char *ending, int format, const char *own, const char *wav,
                         sp_clip_fidelity fidelity) {
    double values[8000];
    char path[PATH_SIZE], name[64], text[64];
    sp_clip clip;
    for (size_t i = 0; i < 8000; i++) {
        values[i] = 0.3 * sin(0.05 * (double)i);
    }
    snprintf(name, sizeof name, "audio_coding/named.%s", ending);
    SNDFILE *file = sound_create(path, name, format, 8000, 1);
    if (file == NULL) {
        print_message("%s cannot be written here\n", own);
        return;
    }
    assert_int_equal(sf_writef_double(file, values, 8000), 8000);
    sf_close(file);
    expect_clip(&clip, path, NULL);
    sp_clip_form_name(text, sizeof text, &clip, SP_CLIP_OWN);
    assert_string_equal(text, own);
    sp_clip_form_name(text, sizeof text, &clip, SP_CLIP_WAV);
    assert_string_equal(text, wav);
    assert_int_equal(sp_clip_own(&clip), fidelity);
    sp_clip_clear(&clip);
}

static void formats_have_names(void **state) {
    (void)state;
    expect_names("wav", SF_FORMAT_WAV | SF_FORMAT_ULAW, "mu-law WAV", "16-bit WAV", SP_CLIP_KEPT);
    expect_names("au", SF_FORMAT_AU | SF_FORMAT_ALAW, "A-law AU", "16-bit WAV", SP_CLIP_KEPT);
    expect_names("wav", SF_FORMAT_WAV | SF_FORMAT_IMA_ADPCM, "IMA ADPCM WAV", "16-bit WAV",
                 SP_CLIP_NEAR);
    expect_names("wav", SF_FORMAT_WAV | SF_FORMAT_GSM610, "GSM 6.10 WAV", "16-bit WAV",
                 SP_CLIP_NEAR);
    expect_names("flac", SF_FORMAT_FLAC | SF_FORMAT_PCM_24, "24-bit FLAC", "24-bit WAV",
                 SP_CLIP_KEPT);
    expect_names("wav", SF_FORMAT_WAV | SF_FORMAT_FLOAT, "32-bit float WAV", "64-bit float WAV",
                 SP_CLIP_KEPT);
    expect_names("ogg", SF_FORMAT_OGG | SF_FORMAT_VORBIS, "Vorbis OGG", "64-bit float WAV",
                 SP_CLIP_LOST);
}

static void endings_fit_what_is_written(void **state) {
    (void)state;
    static const struct {
        const char *path;
        sp_clip_form form;
        const char *place;
    } cases[] = {{"a/x_-50dB.wav", SP_CLIP_OWN, "a/x_-50dB.wav"},
                 {"a/x_-50dB.WAV", SP_CLIP_WAV, "a/x_-50dB.WAV"},
                 {"a/x_-50dB.mp3", SP_CLIP_WAV, "a/x_-50dB.mp3.wav"},
                 {"a.b/stdin", SP_CLIP_WAV, "a.b/stdin.wav"},
                 {"a.b/stdin", SP_CLIP_OWN, "a.b/stdin.flac"}};
    const sp_clip clip = {.format = SF_FORMAT_FLAC | SF_FORMAT_PCM_16, .bits = 16};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char *place = sp_clip_form_place(cases[i].path, &clip, cases[i].form);
        assert_string_equal(place, cases[i].place);
        free(place);
    }
}

/* Encodings that move samples give back what they gave once. */
static void recoding_is_what_a_file_does(void **state) {
    (void)state;
    static const int formats[] = {SF_FORMAT_WAV | SF_FORMAT_IMA_ADPCM,
                                  SF_FORMAT_AU | SF_FORMAT_G721_32};
    for (size_t f = 0; f < 2; f++) {
        double values[2000], first[3000], second[3000];
        char path[PATH_SIZE], copy[PATH_SIZE];
        size_t moved = 0;
        sp_clip clip, again;
        for (size_t i = 0; i < 2000; i++) {
            values[i] = 0.2 * sin(0.03 * (double)i) + 0.05 * sin(0.7 * (double)i);
        }
        sound_doubles(path, "audio_coding/near", formats[f], 8000, 1, values, 2000);
        expect_clip(&clip, path, NULL);
        assert_true(clip.n <= 3000);
        clip.samples[700] += 300.0;
        assert_int_equal(sp_clip_recode(NULL, first, &clip), SP_OK);
        sp_test_scratch("audio_coding/near_copy", copy, sizeof copy);
        assert_int_equal(sp_clip_write(NULL, copy, &clip, SP_CLIP_OWN), SP_OK);
        expect_clip(&again, copy, NULL);
        assert_int_equal(again.n, clip.n);
        assert_memory_equal(again.samples, first, clip.n * sizeof *first);
        for (size_t i = 0; i < clip.n; i++) {
            moved += first[i] != clip.samples[i];
        }
        assert_true(moved > 0);
        assert_int_equal(sp_clip_recode(NULL, second, &again), SP_OK);
        assert_memory_equal(second, first, clip.n * sizeof *first);
        sp_clip_clear(&again);
        sp_clip_clear(&clip);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(neighbours_are_values_of_the_law),
        cmocka_unit_test(neighbours_are_multiples_of_the_step),
        cmocka_unit_test(neighbours_of_floats_are_singles),
        cmocka_unit_test(vacuous_follows_the_steps_around_the_samples),
        cmocka_unit_test(made_clips_keep_the_coding),
        cmocka_unit_test(formats_have_names),
        cmocka_unit_test(endings_fit_what_is_written),
        cmocka_unit_test(recoding_is_what_a_file_does),
    };
    return cmocka_run_group_tests_name("audio/coding", tests, NULL, NULL);
}
