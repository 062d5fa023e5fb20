/* The list of stages against the formulas of R2's FSDD front end, against the published model's
 * float64 values, and against the concrete path: both read the same constants. */
#include <dirent.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cjson/cJSON.h>
#include <cmocka.h>

#include "audio/audio.h"
#include "base/file.h"
#include "base/pool.h"
#include "preprocess/preprocess.h"
#include "tests/preprocess/front_text.h"
#include "tests/support/support.h"

#define PI 3.14159265358979323846264338327950288L

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

/* Every stage of one frame by the stage list, in long double. values: [2K | 2K | M | M]. */
static void run_stages(long double *values, const sp_front *front, const double *samples, size_t n,
                       size_t first) {
    size_t count = 0;
    const sp_stage *s = sp_front_stages(front, &count);
    long double *spectrum = values, *power = spectrum + s[0].out, *mel = power + s[1].out;
    for (size_t k = 0; k < s[0].out; k++) {
        spectrum[k] = s[0].bias[k];
        for (size_t j = 0; j < s[0].in && first + j < n; j++) {
            spectrum[k] += (long double)s[0].matrix[k * s[0].in + j] * samples[first + j];
        }
        power[k] = spectrum[k] * spectrum[k];
    }
    for (size_t m = 0; m < s[2].out; m++) {
        mel[m] = s[2].bias[m];
        for (size_t k = 0; k < s[2].in; k++) {
            mel[m] += (long double)s[2].matrix[m * s[2].in + k] * power[k];
        }
        mel[s[2].out + m] = logl(mel[m]);
    }
}

/* Largest distance of the concrete path from the stages: of energies, relative, and of features,
 * relative to max(1, |feature|). */
typedef struct distance {
    double energy, feature;
} distance;

static distance compare_clip(const sp_front *front, const double *samples, size_t n) {
    const sp_front_layout *l = sp_front_layout_of(front);
    const size_t frames = sp_front_frames(front, n);
    double *features = malloc(frames * l->features * sizeof *features);
    long double *values = malloc((4 * l->bins + 2 * l->bands) * sizeof *values);
    distance most = {0.0, 0.0};
    sp_error err;
    assert_non_null(features);
    assert_non_null(values);
    if (sp_front_run(&err, front, features, samples, n) != SP_OK) {
        fail_msg("%s", err.text);
    }
    for (size_t t = 0; t < frames; t++) {
        run_stages(values, front, samples, n, t * l->step);
        for (size_t m = 0; m < l->bands; m++) {
            const long double mel = values[4 * l->bins + m], expected = logl(mel);
            const long double ours = features[t * l->features + m];
            most.energy = fmax(most.energy, (double)fabsl(expm1l(ours - expected)));
            most.feature =
                fmax(most.feature, (double)(fabsl(ours - expected) / fmaxl(1.0L, fabsl(expected))));
        }
    }
    free(features);
    free(values);
    return most;
}

/* y = x (P o w) F with the numbers of R2's FSDD model, evaluated without any matrix of ours. */
static void test_spectrum_formula(void **state) {
    (void)state;
    sp_front *front = make(NULL, 0);
    size_t count = 0;
    const sp_stage *s = sp_front_stages(front, &count);
    for (size_t k = 0; k <= 128; k++) {
        for (size_t j = 0; j < 256; j++) {
            long double re = 0.0L, im = 0.0L;
            for (size_t i = j; i <= j + 1 && i < 256; i++) {
                const long double p = i == j ? 1.0L : -0.97L;
                const long double w = 0.54L - 0.46L * cosl(2.0L * PI * (long double)i / 256.0L);
                const long double angle = -2.0L * PI * (long double)(i * k) / 256.0L;
                re += p * w * cosl(angle) / 16.0L;
                im += p * w * sinl(angle) / 16.0L;
            }
            assert_true(fabsl(s[0].matrix[k * 256 + j] - re) < 2e-17L);
            assert_true(fabsl(s[0].matrix[(129 + k) * 256 + j] - im) < 2e-17L);
        }
    }
    for (size_t j = 0; j < 256; j++) { // no imaginary part at 0 and at half the rate
        assert_true(s[0].matrix[129 * 256 + j] == 0.0 && s[0].matrix[257 * 256 + j] == 0.0);
    }
    sp_front_destroy(front);
}

/* The bank of that model: corners at 0 4 9 15 22 30 41 53 67 84 104 128 (257 hz / 8000, rounded
 * down). */
static void test_mel_bank(void **state) {
    (void)state;
    sp_front *front = make(NULL, 0);
    size_t count = 0, corner[12];
    const sp_stage *s = sp_front_stages(front, &count);
    for (size_t j = 0; j < 12; j++) {
        const double mel = 2595.0 * log10(1.0 + 4000.0 / 700.0) * (double)j / 11.0;
        corner[j] = (size_t)floor(257.0 * (700.0 * (pow(10.0, mel / 2595.0) - 1.0)) / 8000.0);
    }
    assert_int_equal(corner[0], 0);
    assert_int_equal(corner[11], 128);
    for (size_t m = 0; m < 10; m++) {
        for (size_t k = 0; k <= 128; k++) {
            const double up = ((double)k - (double)corner[m]) / (double)(corner[m + 1] - corner[m]);
            const double down =
                ((double)corner[m + 2] - (double)k) / (double)(corner[m + 2] - corner[m + 1]);
            const double weight = fmax(0.0, fmin(up, down));
            assert_true(fabs(s[2].matrix[m * 258 + k] - weight) < 1e-15);
            assert_true(s[2].matrix[m * 258 + 129 + k] == s[2].matrix[m * 258 + k]);
        }
    }
    sp_front_destroy(front);
}

static double *load_clip(const char *path, size_t *n) {
    const sp_clip_options options = {.rate = 8000, .full_scale = 32768.0};
    sp_clip clip;
    sp_error err;
    if (sp_clip_read(&err, &clip, path, &options) != SP_OK) {
        fail_msg("%s", err.text);
    }
    *n = clip.n;
    return clip.samples;
}

/* The published model in float64: spectrum, squares, mel energies and features of every frame. */
static void check_against_published(const sp_front *front, const char *name) {
    char path[512], relative[128];
    size_t n = 0, size = 0;
    char *text = NULL;
    sp_error err;
    static const char *const stages[] = {"mtx1", "square", "mel", "log"};
    (void)snprintf(relative, sizeof relative, "reference/intermediates_%s_m90.json", name);
    if (sp_test_data(relative, path, sizeof path) == NULL) {
        skip();
    }
    assert_int_equal(sp_file_read(&err, &text, &size, path, 1u << 26), SP_OK);
    cJSON *root = cJSON_ParseWithLength(text, size);
    free(text);
    assert_non_null(root);
    (void)snprintf(relative, sizeof relative, "fsdd/%s.wav", name);
    if (sp_test_data(relative, path, sizeof path) == NULL) {
        cJSON_Delete(root);
        skip();
    }
    double *samples = load_clip(path, &n);
    const cJSON *concrete = cJSON_GetObjectItemCaseSensitive(root, "concrete_f64");
    const cJSON *frames = cJSON_GetObjectItemCaseSensitive(concrete, "frames");
    assert_int_equal(cJSON_GetArraySize(frames), sp_front_frames(front, n));
    size_t t = 0;
    for (const cJSON *frame = frames->child; frame != NULL; frame = frame->next, t++) {
        long double values[258 + 258 + 10 + 10];
        const long double *at = values;
        run_stages(values, front, samples, n, 200 * t);
        for (size_t i = 0; i < 4; i++) {
            const cJSON *list = cJSON_GetObjectItemCaseSensitive(frame, stages[i]);
            long double largest = 0.0L, off = 0.0L;
            for (const cJSON *v = list->child; v != NULL; v = v->next, at++) {
                largest = fmaxl(largest, fabsl(v->valuedouble));
                off = fmaxl(off, fabsl(*at - v->valuedouble));
            }
            if (!(off <= 1e-6L * largest)) {
                fail_msg("%s frame %zu stage %s: off by %Lg of %Lg", name, t, stages[i], off,
                         largest);
            }
        }
        assert_ptr_equal(at, values + 536);
    }
    free(samples);
    cJSON_Delete(root);
}

static void test_published_model(void **state) {
    (void)state;
    sp_front *front = make(NULL, 0);
    check_against_published(front, "4_theo_0");
    check_against_published(front, "5_yweweler_0");
    sp_front_destroy(front);
}

/* Matrix stages and FFTW agree to 1e-12 on every clip (every 20th in a normal run). */
static void test_all_clips(void **state) {
    (void)state;
    char folder[512], path[1024];
    if (sp_test_data("fsdd", folder, sizeof folder) == NULL) {
        skip();
    }
    sp_front *front = make(NULL, 0);
    DIR *list = opendir(folder);
    assert_non_null(list);
    distance most = {0.0, 0.0};
    size_t seen = 0, run = 0;
    const size_t every = sp_test_long() ? 1 : sp_test_sanitized() ? 100 : 20;
    for (struct dirent *e = readdir(list); e != NULL; e = readdir(list)) {
        const size_t length = strlen(e->d_name);
        if (length < 4 || strcmp(e->d_name + length - 4, ".wav") != 0 || seen++ % every != 0) {
            continue;
        }
        size_t n = 0;
        (void)snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
        double *samples = load_clip(path, &n);
        const distance d = compare_clip(front, samples, n);
        most.energy = fmax(most.energy, d.energy);
        most.feature = fmax(most.feature, d.feature);
        free(samples);
        run++;
    }
    closedir(list);
    sp_front_destroy(front);
    print_message("%zu of %zu clips: energies within %.2g, features within %.2g\n", run, seen,
                  most.energy, most.feature);
    assert_true(run > 0);
    assert_true(most.energy <= 1e-12);
    assert_true(most.feature <= 1e-12);
}

/* Other fronts: padded and cut transforms, all windows, both scales of power and of mel. */
static void test_other_fronts(void **state) {
    (void)state;
    static const front_member variants[][6] = {{{"frame", "400"},
                                                {"fft", "512"},
                                                {"step", "160"},
                                                {"window", "\"hamming\""},
                                                {"log", "\"natural\""},
                                                {"pad", NULL}},
                                               {{"frame", "600"},
                                                {"fft", "128"},
                                                {"step", "300"},
                                                {"window", "\"none\""},
                                                {"mel.bands", "6"},
                                                {"preemphasis", NULL}},
                                               {{"frame", "255"},
                                                {"fft", "255"},
                                                {"step", "255"},
                                                {"window", "\"hann\""},
                                                {"power_norm", "\"none\""},
                                                {"mel.formula", "\"1127*ln(1+f/700)\""}},
                                               {{"frame", "300"},
                                                {"fft", "301"},
                                                {"step", "500"},
                                                {"window", "\"hann-periodic\""},
                                                {"mel.rounding", "\"floor(N*hz/rate)\""},
                                                {"mel.low_hz", "50"}}};
    sp_rng rng;
    sp_rng_init(&rng, sp_test_seed());
    double samples[3000];
    for (size_t v = 0; v < 4; v++) {
        sp_front *front = make(variants[v], 6);
        for (size_t i = 0; i < 3000; i++) {
            samples[i] = 3000.0 * sp_rng_normal(&rng);
        }
        const distance d = compare_clip(front, samples, 3000);
        if (!(d.energy <= 1e-12 && d.feature <= 1e-12)) {
            fail_msg("variant %zu: energies off by %g, features by %g", v, d.energy, d.feature);
        }
        sp_front_destroy(front);
    }
}

/* A transform of a whole period has its energy where it belongs: a cosine of 1 kHz falls into the
 * band around 1 kHz, and a frame cut to its first samples ignores the others. */
static void test_meaning(void **state) {
    (void)state;
    sp_front *front = make(NULL, 0);
    double samples[512], features[30];
    sp_error err;
    for (size_t i = 0; i < 512; i++) {
        samples[i] = 1000.0 * cos(2.0 * 3.14159265358979 * (double)i / 8.0);
    }
    assert_int_equal(sp_front_run(&err, front, features, samples, 512), SP_OK);
    size_t loudest = 0;
    for (size_t m = 0; m < 10; m++) {
        loudest = features[m] > features[loudest] ? m : loudest;
    }
    size_t count = 0;
    const sp_stage *s = sp_front_stages(front, &count);
    assert_true(s[2].matrix[loudest * 258 + 32] >= 0.5); // bin 32 of 256 is 1 kHz
    sp_front_destroy(front);

    static const front_member cut[] = {{"frame", "512"}, {"fft", "256"}, {"step", "512"}};
    double other[10];
    front = make(cut, 3);
    assert_int_equal(sp_front_run(&err, front, features, samples, 512), SP_OK);
    for (size_t i = 256; i < 512; i++) {
        samples[i] = -17.0;
    }
    assert_int_equal(sp_front_run(&err, front, other, samples, 512), SP_OK);
    assert_memory_equal(features, other, sizeof other);
    samples[255] += 1.0;
    assert_int_equal(sp_front_run(&err, front, other, samples, 512), SP_OK);
    assert_memory_not_equal(features, other, sizeof other);
    sp_front_destroy(front);
}

static void test_not_finite(void **state) {
    (void)state;
    sp_front *front = make(NULL, 0);
    double samples[256] = {0.0}, features[20];
    sp_error err;
    assert_int_equal(sp_front_run(&err, front, features, samples, 256), SP_OK);
    for (size_t m = 0; m < 20; m++) { // silence is the floor
        assert_true(fabs(features[m] - log(1e-10)) < 1e-12);
    }
    samples[7] = 1e200;
    assert_int_equal(sp_front_run(&err, front, features, samples, 256), SP_E_NONFINITE);
    samples[7] = NAN;
    assert_int_equal(sp_front_run(&err, front, features, samples, 256), SP_E_NONFINITE);
    sp_front_destroy(front);
}

typedef struct shared_run {
    const sp_front *front;
    const double *samples;
    double features[16][70];
    sp_status status[16];
} shared_run;

static void run_task(void *context, size_t i) {
    shared_run *work = context;
    work->status[i] = sp_front_run(NULL, work->front, work->features[i], work->samples, 1290);
}

static void test_threads(void **state) {
    (void)state;
    sp_front *front = make(NULL, 0);
    double samples[1290];
    shared_run work = {.front = front, .samples = samples};
    for (size_t i = 0; i < 1290; i++) {
        samples[i] = (double)(i * 7919 % 2003) - 1000.0;
    }
    assert_int_equal(sp_front_frames(front, 1290), 7);
    assert_int_equal(sp_pool_start(4), SP_OK);
    sp_pool_run(16, 0, run_task, &work);
    sp_pool_stop();
    for (size_t i = 0; i < 16; i++) {
        assert_int_equal(work.status[i], SP_OK);
        assert_memory_equal(work.features[i], work.features[0], sizeof work.features[0]);
    }
    sp_front_destroy(front);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_spectrum_formula), cmocka_unit_test(test_mel_bank),
        cmocka_unit_test(test_published_model),  cmocka_unit_test(test_all_clips),
        cmocka_unit_test(test_other_fronts),     cmocka_unit_test(test_meaning),
        cmocka_unit_test(test_not_finite),       cmocka_unit_test(test_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
