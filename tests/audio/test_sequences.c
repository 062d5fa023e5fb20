/* Sequences of numbers from .npy files, their budgets, and boxes of noise cut to an interval. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "audio/audio.h"
#include "tests/support/files.h"
#include "tests/support/support.h"

enum { PATH = 1024, WIDTH = 3, ROWS = 4, PARTS = 5 };

/* A file of numbers 0, 1, 2, ... with a header of this type and shape. */
static const char *write_numbers(char path[PATH], const char *name, const char *type,
                                 const char *order, const char *shape, size_t count) {
    char header[119], own[256];
    sp_bytes bytes = {0};
    memset(header, ' ', sizeof header);
    snprintf(header, sizeof header, "{'descr': '%s', 'fortran_order': %s, 'shape': %s, }", type,
             order, shape);
    header[strlen(header)] = ' ';
    header[117] = '\n';
    sp_bytes_add(&bytes, "\x93NUMPY\x01\x00\x76\x00", 10);
    sp_bytes_add(&bytes, header, 118);
    for (size_t i = 0; i < count; i++) {
        const double wide = (double)i;
        const float narrow = (float)i;
        const bool single = strcmp(type, "<f4") == 0;
        sp_bytes_add(&bytes, single ? (const void *)&narrow : (const void *)&wide,
                     single ? sizeof narrow : sizeof wide);
    }
    snprintf(own, sizeof own, "audio_sequences_%s", name);
    sp_file_write(own, path, PATH, bytes.data, bytes.size);
    sp_bytes_clear(&bytes);
    return path;
}

static void expect(const char *path, size_t first, size_t n) {
    const sp_clip_options wanted = {.width = WIDTH};
    sp_clip clip;
    sp_error err = {0};
    if (sp_clip_read(&err, &clip, path, &wanted) != SP_OK) {
        fail_msg("%s", err.text);
    }
    assert_int_equal(clip.n, n);
    assert_int_equal(clip.width, WIDTH);
    for (size_t i = 0; i < n; i++) {
        assert_true(clip.samples[i] == (double)(first + i));
    }
    sp_clip_clear(&clip);
}

static void a_file_holds_one_sequence_or_many(void **state) {
    (void)state;
    static const char *const types[] = {"<f4", "<f8"};
    for (int k = 0; k < 2; k++) {
        char path[PATH], part[PATH + 8];
        size_t count = 0, width = 0;
        write_numbers(path, "many.npy", types[k], "False", "(5, 4, 3)", PARTS * ROWS * WIDTH);
        assert_int_equal(sp_clip_sequence_look(NULL, &count, &width, path), SP_OK);
        assert_true(count == PARTS && width == WIDTH);
        for (size_t i = 0; i < PARTS; i++) {
            snprintf(part, sizeof part, "%s:%zu", path, i);
            expect(part, i * ROWS * WIDTH, ROWS * WIDTH);
        }
        write_numbers(path, "one.npy", types[k], "False", "(4, 3)", ROWS * WIDTH);
        expect(path, 0, ROWS * WIDTH);
        snprintf(part, sizeof part, "%s:0", path);
        expect(part, 0, ROWS * WIDTH);
    }
}

static void refuse(const char *path, size_t width, sp_status code, const char *word) {
    const sp_clip_options wanted = {.width = width};
    sp_clip clip;
    sp_error err = {0};
    assert_int_equal(sp_clip_read(&err, &clip, path, &wanted), code);
    if (!strstr(err.text, word) || !strstr(err.text, path) || strchr(err.text, '\n')) {
        fail_msg("no '%s' in '%s'", word, err.text);
    }
}

static void files_that_do_not_fit_are_refused_in_one_line(void **state) {
    (void)state;
    char path[PATH], part[PATH + 8];
    write_numbers(path, "many.npy", "<f4", "False", "(5, 4, 3)", PARTS * ROWS * WIDTH);
    refuse(path, WIDTH, SP_E_MISMATCH, "holds 5 sequences");
    snprintf(part, sizeof part, "%s:5", path);
    refuse(part, WIDTH, SP_E_MISMATCH, "no sequence 5");
    snprintf(part, sizeof part, "%s:1", path);
    refuse(part, WIDTH + 1, SP_E_MISMATCH, "rows of 3 numbers, and the model reads 4");
    write_numbers(path, "short.npy", "<f8", "False", "(5, 4, 3)", PARTS * ROWS * WIDTH - 1);
    snprintf(part, sizeof part, "%s:0", path);
    refuse(part, WIDTH, SP_E_FORMAT, "its header says 5 x 4 x 3");
    refuse(write_numbers(path, "columns.npy", "<f8", "True", "(4, 3)", ROWS * WIDTH), WIDTH,
           SP_E_UNSUPPORTED, "Fortran");
    refuse(write_numbers(path, "whole.npy", "<i8", "False", "(4, 3)", ROWS * WIDTH), WIDTH,
           SP_E_UNSUPPORTED, "float32");
    refuse(write_numbers(path, "four.npy", "<f8", "False", "(1, 1, 4, 3)", ROWS * WIDTH), WIDTH,
           SP_E_UNSUPPORTED, "dimensions");
    refuse(write_numbers(path, "empty.npy", "<f8", "False", "(0, 3)", 0), WIDTH, SP_E_FORMAT,
           "0 x 3");
    sp_test_scratch("audio_sequences_none.npy", path, PATH);
    refuse(path, WIDTH, SP_E_IO, "no such file");
    refuse(write_numbers(path, "recording.npy", "<f8", "False", "(4, 3)", ROWS * WIDTH), 0,
           SP_E_UNSUPPORTED, "a recording is needed");
}

static void numbers_that_are_not_finite_are_refused(void **state) {
    (void)state;
    char path[PATH];
    write_numbers(path, "nan.npy", "<f8", "False", "(4, 3)", ROWS * WIDTH);
    FILE *file = fopen(path, "r+b");
    const double nothing = NAN;
    assert_non_null(file);
    assert_int_equal(fseek(file, -8, SEEK_END), 0);
    assert_int_equal(fwrite(&nothing, sizeof nothing, 1, file), 1);
    assert_int_equal(fclose(file), 0);
    refuse(path, WIDTH, SP_E_NONFINITE, "number 11");
}

static void a_written_sequence_is_read_back(void **state) {
    (void)state;
    char path[PATH];
    const sp_clip_options wanted = {.width = WIDTH};
    sp_clip clip, again;
    write_numbers(path, "source.npy", "<f4", "False", "(4, 3)", ROWS * WIDTH);
    assert_int_equal(sp_clip_read(NULL, &clip, path, &wanted), SP_OK);
    clip.samples[5] = 0.1;
    assert_int_equal(sp_clip_own(&clip), SP_CLIP_KEPT);
    sp_test_scratch("audio_sequences_copy.npy", path, PATH);
    assert_int_equal(sp_clip_write(NULL, path, &clip, SP_CLIP_OWN), SP_OK);
    assert_int_equal(sp_clip_read(NULL, &again, path, &wanted), SP_OK);
    assert_int_equal(again.n, clip.n);
    assert_memory_equal(again.samples, clip.samples, clip.n * sizeof *clip.samples);
    sp_clip_clear(&again);
    sp_clip_clear(&clip);
}

static void paths_name_sequences(void **state) {
    (void)state;
    static const struct {
        const char *path;
        size_t length, number;
        bool named;
    } cases[] = {{"a/x.npy", 7, 0, true},
                 {"a/x.npy:12", 7, 12, true},
                 {"x.npy:", 6, 0, false},
                 {"x.npy:1a", 8, 0, false},
                 {"x.wav:3", 7, 0, false},
                 {".npy", 4, 0, false},
                 {"x.npy:12345678901", 17, 0, false}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        size_t number = 7;
        assert_int_equal(sp_clip_sequence_file(cases[i].path, &number), cases[i].length);
        assert_int_equal(number, cases[i].number);
        assert_int_equal(sp_clip_sequence_named(cases[i].path), cases[i].named);
    }
}

static void manifests_tell_the_sequences_of_a_file_apart(void **state) {
    (void)state;
    char path[PATH], text[PATH], other[2 * PATH];
    sp_manifest manifest;
    write_numbers(path, "labelled.npy", "<f4", "False", "(5, 4, 3)", PARTS * ROWS * WIDTH);
    sp_file_write_text("audio_sequences.tsv", text, PATH,
                       "audio_sequences_labelled.npy:0\t4\naudio_sequences_labelled.npy:3\t9\n");
    assert_int_equal(sp_manifest_read(NULL, &manifest, text), SP_OK);
    const char *slash = strrchr(path, '/');
    snprintf(other, sizeof other, "%.*s/.%s:3", (int)(slash - path), path, slash);
    assert_int_equal(sp_manifest_find(&manifest, other)->label, 9);
    snprintf(other, sizeof other, "%s:0", path);
    assert_int_equal(sp_manifest_find(&manifest, other)->label, 4);
    snprintf(other, sizeof other, "%s:1", path);
    assert_null(sp_manifest_find(&manifest, other));
    sp_manifest_clear(&manifest);
}

static void budgets_of_sequences_are_absolute(void **state) {
    (void)state;
    sp_clip clip = {.samples = (double[]){0.5, -0.25},
                    .n = 2,
                    .width = 2,
                    .full_scale = 1.0,
                    .peak = 0.5,
                    .rms = 0.4};
    sp_budget budget;
    sp_budget_scale scale;
    sp_error err = {0};
    double eps = 0.0;
    assert_int_equal(sp_budget_parse_absolute(&err, &budget, "0.1"), SP_OK);
    assert_int_equal(sp_budget_radius(&err, &eps, &budget, &clip), SP_OK);
    assert_true(eps > 0.1 && eps <= 0.1 * (1.0 + 1e-15));
    sp_budget_describe(&scale, eps, &sp_noise_set_box, &clip);
    assert_true(isnan(scale.db_peak) && isnan(scale.lsb) && isnan(scale.snr_db));
    assert_false(scale.vacuous);
    static const char *const wrong[] = {"", "0", "-1", "1dB", " 1", "nan", "inf", "1:2", "1e999"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_int_equal(sp_budget_parse_absolute(&err, &budget, wrong[i]), SP_E_ARGUMENT);
    }
    const sp_budget loud = {.unit = SP_BUDGET_DB_PEAK, .value = -20.0};
    assert_int_equal(sp_budget_radius(&err, &eps, &loud, &clip), SP_E_MISMATCH);
    clip.width = 0;
    const sp_budget absolute = {.unit = SP_BUDGET_ABSOLUTE, .value = 0.1};
    assert_int_equal(sp_budget_radius(&err, &eps, &absolute, &clip), SP_E_MISMATCH);
}

/* Every number of both intervals is within the radius of the centre, and what is within it leaves
 * them by rounding at most. */
static void cut_noise_is_that_of_both_intervals(void **state) {
    (void)state;
    enum { N = 64 };
    sp_rng rng;
    sp_rng_init(&rng, sp_test_seed());
    for (int round = 0; round < 200; round++) {
        double x[N], centre[N];
        const double least = sp_rng_uniform(&rng, -2.0, 0.0), most = sp_rng_uniform(&rng, 0.1, 2.0);
        const double eps = exp(sp_rng_uniform(&rng, -20.0, 2.0));
        sp_noise noise;
        assert_int_equal(sp_noise_of(NULL, &noise, &sp_noise_set_box, N, eps), SP_OK);
        noise.radius[0] = 0.0;
        for (size_t i = 0; i < N; i++) {
            const size_t kind = sp_rng_below(&rng, 4);
            x[i] = kind == 0 ? least : kind == 1 ? most : sp_rng_uniform(&rng, least, most);
        }
        assert_int_equal(sp_noise_within(NULL, &noise, centre, x, least, most), SP_OK);
        assert_true(noise.radius[0] == 0.0 && centre[0] == x[0]);
        for (size_t i = 1; i < N; i++) {
            const long double r = noise.radius[i], c = centre[i];
            const long double lo = fmaxl((long double)x[i] - eps, least);
            const long double hi = fminl((long double)x[i] + eps, most);
            assert_true(c - r <= lo && c + r >= hi);
            assert_true(c - r >= lo - 1e-15L * 4 && c + r <= hi + 1e-15L * 4);
        }
        sp_noise_clear(&noise);
    }
}

static void only_boxes_around_numbers_inside_are_cut(void **state) {
    (void)state;
    const double x[2] = {0.5, 1.25};
    double centre[2];
    sp_noise noise;
    sp_error err = {0};
    assert_int_equal(sp_noise_of(NULL, &noise, &sp_noise_set_box, 2, 0.1), SP_OK);
    assert_int_equal(sp_noise_within(&err, &noise, centre, x, 0.0, 1.0), SP_E_MISMATCH);
    assert_non_null(strstr(err.text, "number 1 is 1.25"));
    sp_noise_clear(&noise);
    assert_int_equal(sp_noise_of(NULL, &noise, &sp_noise_set_l2, 2, 0.1), SP_OK);
    assert_int_equal(sp_noise_within(&err, &noise, centre, x, 0.0, 2.0), SP_E_ARGUMENT);
    sp_noise_clear(&noise);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_holds_one_sequence_or_many),
        cmocka_unit_test(files_that_do_not_fit_are_refused_in_one_line),
        cmocka_unit_test(numbers_that_are_not_finite_are_refused),
        cmocka_unit_test(a_written_sequence_is_read_back),
        cmocka_unit_test(paths_name_sequences),
        cmocka_unit_test(manifests_tell_the_sequences_of_a_file_apart),
        cmocka_unit_test(budgets_of_sequences_are_absolute),
        cmocka_unit_test(cut_noise_is_that_of_both_intervals),
        cmocka_unit_test(only_boxes_around_numbers_inside_are_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
