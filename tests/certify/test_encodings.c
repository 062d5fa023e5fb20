/* Attacks on clips of encodings other than linear integers: what is written is of that encoding, or
 * WAV that is called so, and lies in the noise set after decoding. */
#include "tests/certify/attacked.h"

static const sp_attack_options quick = {.steps = 15, .starts = 2, .seed = 1};
enum { BLOCK = 256, BLOCK_SAMPLES = 505 };

static void put_number(sp_bytes *bytes, uint32_t value, size_t size) {
    for (size_t i = 0; i < size; i++) {
        const unsigned char byte = (unsigned char)(value >> (8 * i));
        sp_bytes_add(bytes, &byte, 1);
    }
}

/* Everything in front of `size` bytes of data: tag 7 is mu-law, 6 A-law, 17 IMA ADPCM. */
static void put_head(sp_bytes *bytes, unsigned tag, uint32_t block, unsigned bits, uint32_t size) {
    sp_bytes_add(bytes, "RIFF", 4);
    put_number(bytes, 40 + size, 4);
    sp_bytes_add(bytes, "WAVEfmt ", 8);
    put_number(bytes, 20, 4);
    put_number(bytes, tag, 2);
    put_number(bytes, 1, 2);
    put_number(bytes, SMALL_RATE, 4);
    put_number(bytes, SMALL_RATE, 4);
    put_number(bytes, block, 2);
    put_number(bytes, bits, 2);
    put_number(bytes, 2, 2);
    put_number(bytes, BLOCK_SAMPLES, 2);
    sp_bytes_add(bytes, "data", 4);
    put_number(bytes, size, 4);
}

/* Codes of quiet speech: of the law the quieter half, of IMA ADPCM mostly small changes. */
static void put_codes(sp_bytes *bytes, unsigned tag, sp_rng *rng) {
    if (tag == 17) {
        put_number(bytes, 0, 4); // the first sample, and the place in the table of steps
        for (size_t i = 4; i < BLOCK; i++) {
            const unsigned low = (unsigned)sp_rng_below(rng, sp_rng_below(rng, 7) ? 4 : 8);
            const unsigned high = (unsigned)sp_rng_below(rng, sp_rng_below(rng, 7) ? 4 : 8);
            const unsigned signs = (unsigned)sp_rng_next(rng) & 0x88;
            put_number(bytes, low | high << 4 | signs, 1);
        }
        return;
    }
    for (size_t i = 0; i < SMALL_SAMPLES; i++) {
        const unsigned size = (unsigned)sp_rng_below(rng, 80), sign = i % 2 ? 0x80 : 0;
        put_number(bytes, (size | sign) ^ (tag == 7 ? 0xFF : 0x55), 1);
    }
}

static void read_encoded(attacked *a, unsigned tag, uint64_t seed) {
    const sp_clip_options wanted = {.rate = SMALL_RATE, .full_scale = 32768.0};
    sp_bytes bytes = {0};
    sp_rng rng;
    sp_rng_init(&rng, seed);
    const bool adaptive = tag == 17;
    put_head(&bytes, tag, adaptive ? BLOCK : 1, adaptive ? 4 : 8, adaptive ? BLOCK : SMALL_SAMPLES);
    put_codes(&bytes, tag, &rng);
    FILE *file = fopen(a->path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes.data, 1, bytes.size, file), bytes.size);
    assert_int_equal(fclose(file), 0);
    sp_bytes_clear(&bytes);
    sp_clip_clear(&a->clip);
    assert_int_equal(sp_clip_read(NULL, &a->clip, a->path, &wanted), SP_OK);
    assert_int_equal(a->clip.n, adaptive ? BLOCK_SAMPLES : SMALL_SAMPLES);
}

/* The file that stays, read by itself. */
static void check_file(attacked *a, const sp_attack *outcome) {
    const sp_clip_options wanted = {.rate = SMALL_RATE, .full_scale = 32768.0};
    sp_clip noisy;
    size_t runner_up = 0;
    assert_non_null(outcome->file_path);
    assert_int_equal(sp_clip_read(NULL, &noisy, outcome->file_path, &wanted), SP_OK);
    assert_int_equal(noisy.n, a->clip.n);
    assert_true(!outcome->file_own || noisy.format == a->clip.format);
    assert_int_equal(noisy.rate, SMALL_RATE);
    for (size_t i = 0; i < noisy.n; i++) {
        const double d = noisy.samples[i] - a->clip.samples[i];
        assert_true(fabs(d) <= outcome->verdict.eps);
        assert_true(d == outcome->noise[i]);
    }
    a->label = outcome->verdict.label;
    const double margin = attacked_margin(a, noisy.samples, &runner_up);
    assert_true(margin < 0.0 && margin == outcome->file_margin);
    assert_int_equal(runner_up, outcome->file_answer);
    sp_clip_clear(&noisy);
}

/* Attacks with louder and louder noise; breaks by the clip's own format, and by WAV. */
static void count_breaks(unsigned tag, const char *name, size_t *own, size_t *wav) {
    static const double budgets[] = {-40.0, -30.0, -20.0, -14.0, -8.0, -4.0};
    *own = *wav = 0;
    for (uint64_t seed = 1; seed <= 6; seed++) {
        attacked a;
        attacked_init(&a, sp_test_seed() + seed, 3000.0, "ibp");
        read_encoded(&a, tag, sp_test_seed() + seed);
        for (size_t b = 0; b < sizeof budgets / sizeof budgets[0]; b++) {
            char out[PATH];
            const sp_budget budget = {.unit = SP_BUDGET_DB_PEAK, .value = budgets[b]};
            sp_attack_options options = quick;
            sp_attack outcome;
            sp_test_scratch("certify_attacked/encoded.wav", out, PATH);
            unlink(out);
            options.source = a.path;
            options.out = out;
            assert_int_equal(
                sp_attack_budget(NULL, &outcome, &a.attacker, &a.clip, &budget, -1, &options),
                SP_OK);
            if (outcome.verdict.kind == SP_VERDICT_BROKEN) {
                check_file(&a, &outcome);
                assert_string_equal(outcome.file_format, outcome.file_own ? name : "16-bit WAV");
                assert_true(outcome.file_own || strstr(outcome.verdict.reason, name) != NULL);
                *own += outcome.file_own;
                *wav += !outcome.file_own;
            } else {
                assert_int_equal(outcome.verdict.kind, SP_VERDICT_UNKNOWN);
                assert_true(access(out, F_OK) != 0 && outcome.file_path == NULL);
            }
            sp_attack_clear(&outcome);
        }
        attacked_clear(&a);
    }
}

static void companded_clips_are_broken_by_companded_files(void **state) {
    (void)state;
    size_t own = 0, wav = 0;
    count_breaks(7, "mu-law WAV", &own, &wav);
    assert_true(own > 0 && wav == 0);
    count_breaks(6, "A-law WAV", &own, &wav);
    assert_true(own > 0 && wav == 0);
}

static void adpcm_clips_are_broken_by_adpcm_files_or_by_wav_that_says_so(void **state) {
    (void)state;
    size_t own = 0, wav = 0;
    count_breaks(17, "IMA ADPCM WAV", &own, &wav);
    print_message("IMA ADPCM: %zu own files, %zu WAV\n", own, wav);
    assert_true(own > 0);
}

/* Less than the way to the next value of the law, though more than half a step of 16 bits. */
static void half_a_step_of_the_law_is_vacuous(void **state) {
    (void)state;
    attacked a;
    sp_attack outcome;
    const sp_budget budget = {.unit = SP_BUDGET_LSB, .value = 0.49};
    attacked_init(&a, sp_test_seed() + 3, 3000.0, "exact");
    read_encoded(&a, 7, sp_test_seed());
    sp_attack_options options = quick;
    options.source = a.path;
    assert_int_equal(sp_attack_budget(NULL, &outcome, &a.attacker, &a.clip, &budget, -1, &options),
                     SP_OK);
    assert_true(outcome.verdict.eps >= 0.49 * 8.0 && outcome.verdict.scale.vacuous);
    assert_int_not_equal(outcome.verdict.kind, SP_VERDICT_BROKEN);
    sp_attack_clear(&outcome);
    attacked_clear(&a);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(companded_clips_are_broken_by_companded_files),
        cmocka_unit_test(adpcm_clips_are_broken_by_adpcm_files_or_by_wav_that_says_so),
        cmocka_unit_test(half_a_step_of_the_law_is_vacuous),
    };
    return cmocka_run_group_tests_name("certify/encodings", tests, NULL, NULL);
}
