/* The features of mycroft-precise in both banks, against the formulas of [Precise] written out
 * directly: a DFT by its sum, filters from the corner bins of both banks, no code of ours.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "preprocess/preprocess.h"
#include "tests/support/support.h"

#define PI 3.14159265358979323846264338327950288L
enum { BINS = 257, MELS = 20, FEATURES = 13, FRAME = 1600, HOP = 800, FFT = 512 };

typedef struct bank {
    const char *path;
    size_t corner[MELS + 2];
    bool zero_only; /* the floor replaces exact zeros only, and the last frame is dropped */
} bank;

static const bank BANKS[] = {
    {"examples/fronts/precise-sonopy.json",
     {0, 1, 3, 6, 9, 12, 16, 21, 26, 32, 39, 47, 57, 68, 81, 97, 114, 135, 159, 187, 219, 257},
     false},
    {"examples/fronts/precise-speechpy.json",
     {4, 6, 8, 10, 13, 15, 18, 21, 25, 29, 33, 38, 44, 50, 56, 64, 72, 81, 91, 102, 115, 128},
     true}};

static sp_front *read_front(const char *path) {
    sp_front *front = NULL;
    sp_error err;
    if (sp_front_read(&err, &front, path) != SP_OK) {
        fail_msg("%s", err.text);
    }
    return front;
}

static long double log_floor(const bank *b, long double energy) {
    const long double least = 0x1p-52L;
    const bool low = b->zero_only ? energy == 0.0L : energy < least;
    return logl(low ? least : energy);
}

/* One frame by these formulas. */
static void direct(long double *features, const bank *b, const double *x) {
    static long double cosine[FFT], sine[FFT];
    long double power[BINS], total = 0.0L, band[MELS];
    for (size_t q = 0; q < FFT && cosine[0] == 0.0L; q++) {
        cosine[FFT - 1 - q] = cosl(-2.0L * PI * (long double)(FFT - 1 - q) / FFT);
        sine[FFT - 1 - q] = sinl(-2.0L * PI * (long double)(FFT - 1 - q) / FFT);
    }
    for (size_t k = 0; k < BINS; k++) {
        long double re = 0.0L, im = 0.0L;
        for (size_t j = 0; j < FFT; j++) {
            re += x[j] * cosine[j * k % FFT];
            im += x[j] * sine[j * k % FFT];
        }
        power[k] = (re * re + im * im) / FFT;
        total += power[k];
    }
    for (size_t m = 0; m < MELS; m++) {
        const size_t l = b->corner[m], c = b->corner[m + 1], r = b->corner[m + 2];
        long double sum = 0.0L;
        for (size_t k = l; k < c; k++) {
            sum += power[k] * (long double)(k - l) / (long double)(c - l);
        }
        for (size_t k = c; k < r; k++) {
            sum += power[k] * (1.0L - (long double)(k - c) / (long double)(r - c));
        }
        band[m] = log_floor(b, sum);
    }
    features[0] = log_floor(b, total);
    for (size_t i = 1; i < FEATURES; i++) {
        long double sum = 0.0L;
        for (size_t j = 0; j < MELS; j++) {
            sum += band[j] * cosl(PI * (long double)(i * (2 * j + 1)) / 40.0L);
        }
        features[i] = sqrtl(2.0L / 20.0L) * sum;
    }
}

static void fill_noise(double *samples, size_t n, double size, sp_rng *rng) {
    for (size_t i = 0; i < n; i++) {
        samples[i] = rint(size * sp_rng_normal(rng)) / 32768.0;
    }
}

static void test_formulas(void **state) {
    (void)state;
    enum { N = 5 * HOP + FRAME };
    static const double sizes[] = {30.0, 3000.0, 0.3, 0.0};
    double samples[N], features[6 * FEATURES];
    long double expected[FEATURES];
    sp_rng rng;
    sp_rng_init(&rng, sp_test_seed());
    for (size_t i = 0; i < 2; i++) {
        sp_front *front = read_front(BANKS[i].path);
        const size_t frames = i == 0 ? 6 : 5;
        assert_int_equal(sp_front_frames(front, N), frames);
        for (size_t kind = 0; kind < sizeof sizes / sizeof *sizes; kind++) {
            sp_error err;
            fill_noise(samples, N, sizes[kind], &rng);
            if (sp_front_run(&err, front, features, samples, N) != SP_OK) {
                fail_msg("%s", err.text);
            }
            for (size_t t = 0; t < frames; t++) {
                direct(expected, &BANKS[i], samples + t * HOP);
                for (size_t c = 0; c < FEATURES; c++) {
                    const long double off = fabsl(features[t * FEATURES + c] - expected[c]);
                    if (!(off <= 1e-9L)) {
                        fail_msg("%s, noise of %g LSB, frame %zu, feature %zu: %.12g, not %.12Lg",
                                 BANKS[i].path, sizes[kind], t, c, features[t * FEATURES + c],
                                 expected[c]);
                    }
                }
            }
        }
        sp_front_destroy(front);
    }
}

/* The stage list says the same as the concrete path. */
static void test_stages(void **state) {
    (void)state;
    double samples[FRAME + HOP], features[2 * FEATURES];
    long double x[2 * BINS], y[2 * BINS];
    sp_rng rng;
    sp_rng_init(&rng, sp_test_seed());
    for (size_t i = 0; i < 2; i++) {
        sp_front *front = read_front(BANKS[i].path);
        size_t count = 0;
        const sp_stage *s = sp_front_stages(front, &count);
        assert_int_equal(count, 6);
        assert_int_equal(s[0].in, FFT);
        fill_noise(samples, FRAME + HOP, 500.0, &rng);
        memset(samples, 0, i == 0 ? FFT * sizeof *samples : 0); // silence is the floor
        assert_int_equal(sp_front_run(NULL, front, features, samples, FRAME + HOP), SP_OK);
        for (size_t j = 0; j < s[0].in; j++) {
            x[j] = samples[j];
        }
        for (size_t k = 0; k < count; k++) {
            for (size_t o = 0; o < s[k].out; o++) {
                y[o] = s[k].bias != NULL ? s[k].bias[o] : 0.0L;
                for (size_t j = 0; s[k].kind == SP_STAGE_AFFINE && j < s[k].in; j++) {
                    y[o] += s[k].matrix[o * s[k].in + j] * x[j];
                }
                y[o] = s[k].kind == SP_STAGE_AFFINE     ? y[o]
                       : s[k].kind == SP_STAGE_SQUARE   ? x[o] * x[o]
                       : s[k].kind == SP_STAGE_LOG      ? logl(x[o])
                       : s[k].kind == SP_STAGE_AT_LEAST ? fmaxl(x[o], y[o])
                       : x[o] == 0.0L                   ? y[o]
                                                        : x[o];
            }
            memcpy(x, y, s[k].out * sizeof *x);
        }
        assert_int_equal(s[count - 1].out, FEATURES);
        for (size_t c = 0; c < FEATURES; c++) {
            assert_true(fabsl(x[c] - features[c]) <= 1e-11L * fmaxl(1.0L, fabsl(x[c])));
        }
        sp_front_destroy(front);
    }
}

/* Symmetries: a sign changes nothing, a gain moves c0 by twice its logarithm, samples
 * behind the first 512 of a hop are never heard. */
static void test_symmetries(void **state) {
    (void)state;
    enum { N = 3 * HOP + FRAME };
    double samples[N], changed[N], features[4 * FEATURES], others[4 * FEATURES];
    sp_rng rng;
    sp_rng_init(&rng, sp_test_seed());
    sp_front *front = read_front(BANKS[0].path);
    fill_noise(samples, N, 900.0, &rng);
    assert_int_equal(sp_front_run(NULL, front, features, samples, N), SP_OK);
    for (size_t kind = 0; kind < 3; kind++) {
        for (size_t i = 0; i < N; i++) {
            const bool dead = i % HOP >= FFT;
            changed[i] = kind == 0   ? -samples[i]
                         : kind == 1 ? 0.37 * samples[i]
                         : dead      ? 1.0 - samples[i]
                                     : samples[i];
        }
        assert_int_equal(sp_front_run(NULL, front, others, changed, N), SP_OK);
        for (size_t i = 0; i < 4 * FEATURES; i++) {
            const double moved = kind == 1 && i % FEATURES == 0 ? 2.0 * log(0.37) : 0.0;
            assert_true(fabs(others[i] - features[i] - moved) <= 1e-11);
        }
        assert_true(kind != 2 || memcmp(features, others, sizeof features) == 0);
    }
    sp_front_destroy(front);
}

/* Lengths: 29 frames need 1.5 s, and one hop more where the last frame is dropped. */
static void test_lengths(void **state) {
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        sp_front *front = read_front(BANKS[i].path);
        const size_t n = i == 0 ? 24000 : 24800;
        assert_int_equal(sp_front_samples(front, 29), n);
        assert_int_equal(sp_front_frames(front, n), 29);
        assert_int_equal(sp_front_frames(front, n - 1), 28);
        assert_int_equal(sp_front_frames(front, sp_front_samples(front, 1)), 1);
        assert_int_equal(sp_front_frames(front, sp_front_samples(front, 1) - 1), 0);
        assert_int_equal(sp_front_samples(front, 0), 0);
        assert_string_equal(sp_front_name(front), i == 0 ? "precise-sonopy" : "precise-speechpy");
        sp_front_destroy(front);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_formulas),
        cmocka_unit_test(test_stages),
        cmocka_unit_test(test_symmetries),
        cmocka_unit_test(test_lengths),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
