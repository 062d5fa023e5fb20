/* Every member of a description and every preset: the graph, the concrete path and its gradient
 * agree, and the bounds of all rules contain what noises of the set attain. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "preprocess/impl.h"
#include "tests/preprocess/front_check.h"
#include "tests/preprocess/front_text.h"

static sp_rng rng;

/* Changes of a small front end: 80 samples, every 50, 80 points, 5 bands. */
typedef struct variant {
    const char *text; /* a whole description, or NULL */
    const front_member change[7];
} variant;

static const front_member SMALL[] = {{"frame", "80"},      {"fft", "80"},
                                     {"step", "50"},       {"pad", NULL},
                                     {"mel.bands", "5"},   {"floor", "{\"add\": 2}"},
                                     {"mel.low_hz", "100"}};
enum { SMALL_COUNT = sizeof SMALL / sizeof *SMALL, CHANGES = 7 };

#define UNROUNDED                                                                                  \
    { "mel.rounding", "\"none\"" }
static const variant VARIANTS[] = {
    {NULL, {UNROUNDED}},
    {NULL, {UNROUNDED, {"mel.triangles", "\"mel\""}, {"mel.formula", "\"kaldi\""}}},
    {NULL, {UNROUNDED, {"mel.formula", "\"slaney\""}, {"mel.norm", "\"slaney\""}}},
    {NULL, {{"mel.bands", "60"}, UNROUNDED, {"mel.empty", "\"allowed\""}}},
    {NULL, {{"window", "{\"name\": \"hann-periodic\", \"length\": 61}"}}},
    {NULL, {{"window", "\"povey\""}, {"power_norm", "\"1/sum(window^2)\""}}},
    {NULL, {{"window", "\"blackman\""}, {"fft", "128"}}},
    {NULL, {{"window", "[1, 2, -3, 4, 5, 6, 7, 1, 1, 0.5]"}}},
    {NULL, {{"window", "\"sqrt-hann\""}, {"power_norm", "\"none\""}}},
    {NULL, {{"window", "\"sine\""}, {"frames", "\"all complete but the last\""}}},
    {NULL, {{"pad", "{\"rule\": \"centre\", \"fill\": \"reflect\", \"zeros\": 7}"}}},
    {NULL, {{"pad", "{\"rule\": \"centre\", \"fill\": \"zeros\"}"}, {"preemphasis", NULL}}},
    {NULL, {{"pad", "{\"rule\": \"centre\", \"fill\": \"edge\"}"}}},
    {NULL, {{"pad", "{\"rule\": \"around every step\", \"fill\": \"mirror\"}"}}},
    {NULL, {{"pad", "{\"rule\": \"to complete frames\"}"}}},
    {NULL, {{"pad", "{\"rule\": \"a frame at every step\"}"}}},
    {NULL,
     {{"preemphasis", "{\"coefficient\": 0.9, \"where\": \"whole clip\"}"},
      {"pad", "{\"rule\": \"to complete frames\"}"}}},
    {NULL,
     {{"preemphasis", "{\"coefficient\": 0.9, \"where\": \"whole clip\"}"},
      {"pad", "{\"rule\": \"centre\", \"fill\": \"zeros\"}"}}},
    {NULL,
     {{"preemphasis",
       "{\"coefficient\": 0.9, \"where\": \"inside each frame\", \"first\": \"repeated\"}"},
      {"remove_dc", "true"}}},
    {NULL,
     {{"remove_dc", "true"},
      {"floor", "{\"at_least\": 2}"},
      {"dct", "{\"type\": \"II\", \"norm\": \"none\", \"coefficients\": 4}"},
      {"lifter", "{\"length\": 22}"},
      {"energy", "{\"of\": \"frame\", \"at_least\": 900}"}}},
    {NULL, {{"energy", "{\"of\": \"windowed frame\"}"}, {"remove_dc", "true"}}},
    {NULL, {{"energy", "{\"of\": \"spectrum\"}"}, {"log", "\"dB\""}, {"reference", "3"}}},
    {NULL,
     {{"dct", "{\"type\": \"III\", \"norm\": \"orthonormal\", \"coefficients\": 5}"},
      {"lifter", "{\"length\": 4, \"first\": 1}"},
      {"log", "\"log10\""}}},
    {NULL,
     {{"dct", "{\"type\": \"II\", \"norm\": \"sqrt(2/N)\", \"coefficients\": 3}"},
      {"cmvn", "{\"mean\": [1, -2, 3], \"std\": [0.5, 2, -4]}"},
      {"map", "{\"matrix\": [[1, 0.5, 0], [0, 0, -2]], \"bias\": [7, -1]}"}}},
    {NULL, {{"log", "\"none\""}, {"floor", NULL}}},
    {NULL, {{"log", "\"none\""}, {"floor", "{\"at_least\": 3e4}"}, {"power_norm", "\"none\""}}},
    {NULL,
     {{"log", "\"none\""}, {"floor", NULL}, {"power", "1"}, {"mel", NULL}, {"bank", "\"bins\""}}},
    {NULL, {{"power", "1"}, {"floor", "{\"add\": 0.5}"}}},
    {NULL,
     {{"power", "1"},
      {"floor", "{\"at_least\": 100}"},
      {"log", "\"dB\""},
      {"dct", "{\"type\": \"II\", \"norm\": \"orthonormal\", \"coefficients\": 4}"}}},
    {NULL, {{"top_db", "9"}, {"log", "\"dB\""}, {"floor", "{\"at_least\": 1e-3}"}}},
    {NULL,
     {{"top_db", "3"},
      {"energy", "{\"of\": \"spectrum\"}"},
      {"dct", "{\"type\": \"II\", \"norm\": \"orthonormal\", \"coefficients\": 4}"}}},
    {NULL,
     {{"sequence", "[{\"deltas\": {\"rule\": \"htk\", \"reach\": 2, \"order\": 2}}]"},
      {"dct", "{\"type\": \"II\", \"norm\": \"orthonormal\", \"coefficients\": 4}"}}},
    {NULL,
     {{"sequence", "[{\"subtract\": \"mean of the clip\"}, {\"deltas\": {\"rule\": "
                   "\"kaldi\", \"reach\": 1, \"order\": 2}}]"},
      {"top_db", "9"}}},
    {NULL,
     {{"sequence", "[{\"deltas\": {\"rule\": \"librosa\", \"reach\": 1, \"order\": 2}}, "
                   "{\"normalise\": {\"mean\": [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, "
                   "15], \"std\": [1, 2, 3, 4, 5, 6, 7, 8, 9, -1, 11, 12, 13, 14, 0.5]}}]"}}},
    {NULL,
     {{"sequence", "[{\"context\": {\"left\": 2, \"right\": 1, \"edges\": \"repeated\"}}]"},
      {"power", "1"}}},
    {NULL,
     {{"sequence", "[{\"context\": {\"left\": 0, \"right\": 2, \"edges\": \"zeros\"}}, "
                   "{\"subtract\": \"mean of the clip\"}]"}}},
    {"{\"preset\": \"torchaudio.MelSpectrogram\", \"scale\": \"int16\", \"parameters\": "
     "{\"sample_rate\": 8000, \"n_fft\": 64, \"n_mels\": 6}}",
     {{NULL, NULL}}},
    {"{\"preset\": \"torchaudio.MFCC\", \"scale\": \"int16\", \"parameters\": {\"sample_rate\": "
     "8000, \"n_mfcc\": 4, \"melkwargs\": {\"n_fft\": 64, \"n_mels\": 6}}}",
     {{NULL, NULL}}},
    {"{\"preset\": \"librosa.melspectrogram\", \"scale\": \"int16\", \"parameters\": {\"sr\": "
     "8000, \"n_fft\": 64, \"hop_length\": 30, \"n_mels\": 6, \"power\": 1.0}}",
     {{NULL, NULL}}},
    {"{\"preset\": \"librosa.mfcc\", \"scale\": \"int16\", \"parameters\": {\"sr\": 8000, "
     "\"n_fft\": 64, \"hop_length\": 30, \"n_mels\": 6, \"n_mfcc\": 5, \"lifter\": 9}}",
     {{NULL, NULL}}},
    {"{\"preset\": \"kaldi.fbank\", \"scale\": \"int16\", \"parameters\": {\"sample_frequency\": "
     "8000, \"frame_length\": 8, \"frame_shift\": 5, \"num_mel_bins\": 5, \"use_energy\": true}}",
     {{NULL, NULL}}},
    {"{\"preset\": \"kaldi.mfcc\", \"scale\": \"int16\", \"parameters\": {\"sample_frequency\": "
     "8000, \"frame_length\": 8, \"frame_shift\": 5, \"num_mel_bins\": 5, \"num_ceps\": 4, "
     "\"snip_edges\": false, \"energy_floor\": 500}}",
     {{NULL, NULL}}},
    {"{\"preset\": \"python_speech_features.mfcc\", \"scale\": \"int16\", \"parameters\": "
     "{\"samplerate\": 8000, \"winlen\": 0.008, \"winstep\": 0.005, \"nfft\": 64, \"nfilt\": 6, "
     "\"numcep\": 4}}",
     {{NULL, NULL}}},
    {"{\"preset\": \"python_speech_features.logfbank\", \"scale\": \"int16\", \"parameters\": "
     "{\"samplerate\": 8000, \"winlen\": 0.01, \"nfft\": 64, \"nfilt\": 6}}",
     {{NULL, NULL}}},
    {"{\"preset\": \"tf.signal.log_mel_spectrogram\", \"scale\": \"int16\", \"parameters\": "
     "{\"frame_length\": 64, \"frame_step\": 40, \"num_mel_bins\": 5, \"pad_end\": true}}",
     {{NULL, NULL}}},
    {"{\"preset\": \"tf.signal.mfccs_from_log_mel_spectrograms\", \"scale\": \"int16\", "
     "\"parameters\": {\"frame_length\": 60, \"frame_step\": 40, \"num_mel_bins\": 5, "
     "\"num_mfccs\": 3}}",
     {{NULL, NULL}}}};
enum { VARIANT_COUNT = sizeof VARIANTS / sizeof *VARIANTS };

static sp_front *make(size_t which) {
    const variant *v = &VARIANTS[which];
    front_member all[SMALL_COUNT + CHANGES];
    size_t count = 0;
    char text[4096];
    sp_front *front = NULL;
    sp_error err;
    for (size_t i = 0; i < CHANGES && v->change[i].key != NULL; i++) {
        all[count++] = v->change[i];
    }
    for (size_t i = 0; i < SMALL_COUNT; i++) {
        all[count++] = SMALL[i];
    }
    front_text(text, sizeof text, all, count);
    const char *json = v->text != NULL ? v->text : text;
    if (sp_front_parse(&err, &front, json, strlen(json), "variant") != SP_OK) {
        fail_msg("variant %zu: %s\n%s", which, err.text, json);
    }
    return front;
}

static double *clip_of(size_t n, double loud) {
    double *samples = malloc(n * sizeof *samples);
    assert_non_null(samples);
    for (size_t i = 0; i < n; i++) {
        const double part = i < n / 3 ? 0.02 : 1.0; // quiet first: floors and top_db act
        samples[i] = part * loud * (sin(0.31 * (double)i) + 0.2 * sp_rng_normal(&rng));
    }
    return samples;
}

static void run(double *features, const sp_front *front, const double *samples, size_t n) {
    sp_error err;
    if (sp_front_run(&err, front, features, samples, n) != SP_OK) {
        fail_msg("%s", err.text);
    }
}

/* A network of features that is nothing but a mean over the last frame. */
static void graphs_and_joined_networks_agree_with_the_concrete_path(void **state) {
    (void)state;
    sp_rng_init(&rng, sp_test_seed());
    for (size_t which = 0; which < VARIANT_COUNT; which++) {
        sp_front *front = make(which);
        const sp_front *core = sp_front_core(front);
        const size_t features = sp_front_layout_of(front)->features;
        const size_t width = sp_front_layout_of(core)->features;
        const size_t n = 233 + sp_rng_below(&rng, 50), frames = sp_front_frames(front, n);
        const size_t padded = sp_front_padded(front, n);
        double *samples = clip_of(n, 700.0), *clip = malloc(padded * sizeof *clip);
        double *rows = malloc(frames * (features + width) * sizeof *rows);
        double *weight = malloc(2 * features * sizeof *weight), bias[2] = {0.5, -1.0};
        double expected[2], got[2];
        sp_net net, other;
        size_t node = 0;
        assert_true(rows != NULL && clip != NULL && weight != NULL);
        for (size_t i = 0; i < 2 * features; i++) {
            weight[i] = sp_rng_normal(&rng);
        }
        assert_int_equal(sp_net_init(NULL, &net, features), SP_OK);
        assert_int_equal(sp_net_add_pool(NULL, &net, SP_POOLING_LAST), SP_OK);
        assert_int_equal(sp_net_add_affine(NULL, &net, 2, weight, bias), SP_OK);
        run(rows, front, samples, n);
        assert_int_equal(sp_net_run(NULL, &net, expected, rows, frames), SP_OK);
        assert_int_equal(sp_front_pad(NULL, clip, front, samples, n), SP_OK);
        run(rows + frames * features, core, samples, n);
        assert_int_equal(sp_front_join(NULL, &other, front, &net), SP_OK);
        assert_int_equal(sp_net_run(NULL, &other, got, rows + frames * features, frames), SP_OK);
        for (size_t k = 0; k < 2; k++) {
            assert_true(fabs(got[k] - expected[k]) <= 1e-9 * (1.0 + fabs(expected[k])));
        }
        sp_net_clear(&other);
        if (sp_front_graph(NULL, &other, &node, front, &net) == SP_OK) {
            assert_int_equal(sp_net_frames(&other, 0, node, padded), frames);
            assert_int_equal(sp_net_run(NULL, &other, got, clip, padded), SP_OK);
            for (size_t k = 0; k < 2; k++) {
                if (!(fabs(got[k] - expected[k]) <= 1e-9 * (1.0 + fabs(expected[k])))) {
                    fail_msg("variant %zu: %a, expected %a", which, got[k], expected[k]);
                }
            }
            sp_net_clear(&other);
        } else {
            assert_true(front->top > 0.0);
        }
        sp_net_clear(&net);
        free(samples);
        free(clip);
        free(rows);
        free(weight);
        sp_front_destroy(front);
    }
}

/* By central differences along random directions. */
static void gradients_are_those_of_the_features(void **state) {
    (void)state;
    sp_rng_init(&rng, sp_test_seed() + 1);
    for (size_t which = 0; which < VARIANT_COUNT; which++) {
        sp_front *front = make(which);
        const size_t n = 260,
                     count = sp_front_frames(front, n) * sp_front_layout_of(front)->features;
        double *samples = clip_of(n, 700.0), *moved = malloc(n * sizeof *moved);
        double *gradient = malloc(n * sizeof *gradient), *slope = malloc(count * sizeof *slope);
        double *features = malloc(count * sizeof *features);
        assert_true(moved && gradient && slope && features);
        for (size_t i = 0; i < count; i++) {
            slope[i] = sp_rng_normal(&rng);
        }
        assert_int_equal(sp_front_gradient(NULL, front, gradient, samples, n, slope, 1, 0.0),
                         SP_OK);
        for (size_t k = 0; k < 6; k++) {
            const size_t at = k == 0 ? 0 : k == 1 ? n - 1 : sp_rng_below(&rng, n);
            const double h = 1e-3;
            double by[2] = {0.0, 0.0}, size = 0.0;
            for (size_t side = 0; side < 2; side++) {
                memcpy(moved, samples, n * sizeof *moved);
                moved[at] += side == 0 ? -h : h;
                run(features, front, moved, n);
                for (size_t i = 0; i < count; i++) {
                    by[side] += slope[i] * features[i];
                    size += fabs(slope[i] * features[i]);
                }
            }
            const double found = (by[1] - by[0]) / (2.0 * h);
            if (!(fabs(found - gradient[at]) <= 1e-4 * (fabs(found) + 1e-2) + 1e-9 * size)) {
                fail_msg("variant %zu, sample %zu: %.9g, by differences %.9g", which, at,
                         gradient[at], found);
            }
        }
        free(samples);
        free(moved);
        free(gradient);
        free(slope);
        free(features);
        sp_front_destroy(front);
    }
}

/* ---- containment ---- */

typedef struct subject {
    size_t which;
    const sp_front *front; /* the core */
    const sp_front_bound *bound;
    const double *samples;
    const sp_noise *noise;
    size_t n;
    double *d, *lifted, *features, *bands;
} subject;

/* What the features are a map of, where that can be run: without rows. */
static bool run_bands(const subject *s, const double *samples) {
    sp_front bare = *s->front;
    if (bare.description.magnitude && bare.description.bank != SP_BANK_BINS) {
        return false;
    }
    bare.rows = NULL;
    bare.layout.features = bare.layout.bands;
    run(s->bands, &bare, samples, s->n);
    return true;
}

static double form_at(const subject *s, size_t t, size_t row) {
    const sp_front_bound *b = s->bound;
    double sum = 0.0;
    for (size_t i = 0; i < b->frame && t * b->step + i < b->padded; i++) {
        sum += b->form[(t * b->forms + row) * b->frame + i] * s->lifted[t * b->step + i];
    }
    return sum;
}

static void expect_inside(const subject *s, const char *what, size_t i, double lo, double x,
                          double hi) {
    const double slack = 1e-9 * (1.0 + fabs(x));
    if (!(lo <= x + slack && x - slack <= hi)) {
        fail_msg("variant %zu, rule %d, %s noise, %s %zu: %.12g is not in [%.12g, %.12g]", s->which,
                 (int)s->bound->rule, s->noise->set->name, what, i, x, lo, hi);
    }
}

static void check_noise(const subject *s) {
    const sp_front_bound *b = s->bound;
    const sp_padding *padding = &s->front->description.padding;
    double *moved = malloc(s->n * sizeof *moved), weight = 0.0;
    assert_non_null(moved);
    for (size_t i = 0; i < s->n; i++) {
        moved[i] = s->samples[i] + s->d[i];
    }
    for (size_t i = 0; i < b->padded; i++) {
        const size_t at = sp_padding_source(padding, s->n, i, &weight);
        s->lifted[i] = at != SIZE_MAX ? weight * s->d[at] : 0.0;
        assert_true(fabs(s->lifted[i]) <= b->radius[i]);
    }
    run(s->features, s->front, moved, s->n);
    for (size_t i = 0; i < b->frames * b->features; i++) {
        expect_inside(s, "feature", i, b->feature_lo[i], s->features[i], b->feature_hi[i]);
    }
    const bool bands = run_bands(s, moved);
    for (size_t i = 0; bands && i < b->frames * b->bands; i++) {
        const size_t t = i / b->bands, m = i % b->bands;
        const double low = b->forms > 0 ? form_at(s, t, b->lo_form + m) : 0.0;
        const double high = b->forms > 0 ? form_at(s, t, b->up_form + m) : 0.0;
        expect_inside(s, "box", i, b->lo[i], s->bands[i], b->hi[i]);
        expect_inside(s, "line", i, b->lo_w[i] * low + b->lo_c[i], s->bands[i],
                      b->up_w[i] * high + b->up_c[i]);
        for (size_t k = 0; k < b->tangents; k++) {
            const size_t at = (t * b->tangents + k) * b->bands + m;
            expect_inside(s, "tangent", i, -INFINITY, s->bands[i],
                          b->tangent_w[at] * high + b->tangent_c[at]);
        }
    }
    free(moved);
}

/* Corners of the set: at random, and those that one band's form asks for. */
static void draw(const subject *s, size_t k) {
    const sp_front_bound *b = s->bound;
    double *c = calloc(s->n, sizeof *c), weight = 0.0;
    assert_non_null(c);
    for (size_t i = 0; i < s->n; i++) {
        c[i] = sp_rng_normal(&rng);
    }
    if (k % 3 != 0 && b->forms > 0) {
        const size_t t = sp_rng_below(&rng, b->frames), row = sp_rng_below(&rng, b->forms);
        const double sign = k % 3 == 1 ? 1.0 : -1.0;
        memset(c, 0, s->n * sizeof *c);
        for (size_t i = 0; i < b->frame && t * b->step + i < b->padded; i++) {
            const size_t at =
                sp_padding_source(&s->front->description.padding, s->n, t * b->step + i, &weight);
            if (at != SIZE_MAX) {
                c[at] += sign * weight * b->form[(t * b->forms + row) * b->frame + i];
            }
        }
    }
    s->noise->set->attain(s->d, c, s->noise->radius, s->n);
    const double part = k % 4 == 3 ? sp_rng_uniform(&rng, 0.0, 1.0) : 1.0;
    for (size_t i = 0; i < s->n; i++) {
        s->d[i] *= part * (1.0 - 0x1p-40);
    }
    free(c);
}

static void check_bounds(size_t which, const sp_front *front, const sp_front_forms *forms,
                         const sp_noise_set *set, double eps) {
    const size_t n = 230 + sp_rng_below(&rng, 60);
    double *samples = clip_of(n, 700.0);
    sp_noise noise;
    sp_front_bound bound;
    sp_error err;
    assert_int_equal(sp_noise_of(NULL, &noise, set, n, eps), SP_OK);
    const sp_status status = sp_front_bound_create(&err, &bound, forms, samples, n, &noise);
    const bool tail = front->description.padding.tail != 0.0 && !set->box;
    const bool vanishes = front->description.floor_rule == SP_FLOOR_FOR_ZERO;
    if ((status == SP_E_UNSUPPORTED && tail) || (status == SP_E_NONFINITE && vanishes)) {
        free(samples);
        sp_noise_clear(&noise);
        return;
    }
    if (status != SP_OK) {
        fail_msg("variant %zu: %s", which, err.text);
    }
    assert_int_equal(bound.frames, sp_front_frames(front, n));
    const size_t numbers = bound.frames * (bound.features + bound.bands);
    double *memory = calloc(n + bound.padded + numbers, sizeof *memory);
    assert_non_null(memory);
    const subject s = {.which = which,
                       .front = front,
                       .bound = &bound,
                       .samples = samples,
                       .noise = &noise,
                       .n = n,
                       .d = memory,
                       .lifted = memory + n,
                       .features = memory + n + bound.padded,
                       .bands = memory + n + bound.padded + bound.frames * bound.features};
    check_noise(&s);
    for (size_t k = 0; k < (sp_test_sanitized() ? 6 : 30); k++) {
        draw(&s, k);
        check_noise(&s);
    }
    free(memory);
    free(samples);
    sp_front_bound_clear(&bound);
    sp_noise_clear(&noise);
}

static void bounds_contain_what_noises_attain(void **state) {
    (void)state;
    static const sp_front_rule rules[] = {SP_FRONT_INTERVAL, SP_FRONT_R2, SP_FRONT_JOINT};
    static const double radii[] = {1e-3, 0.3, 4.0, 150.0};
    size_t sets = 0;
    const sp_noise_set *const *set = sp_noise_sets(&sets);
    sp_rng_init(&rng, sp_test_seed() + 2);
    for (size_t which = 0; which < VARIANT_COUNT; which++) {
        sp_front *front = make(which);
        for (size_t rule = 0; rule < 3; rule++) {
            sp_front_forms *forms = front_forms(front, rules[rule]);
            for (size_t i = 0; i < sets; i++) {
                for (size_t r = 0; r < 4 && !set[i]->path; r++) {
                    check_bounds(which, sp_front_core(front), forms, set[i], radii[r]);
                }
            }
            sp_front_forms_destroy(forms);
        }
        sp_front_destroy(front);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(graphs_and_joined_networks_agree_with_the_concrete_path),
        cmocka_unit_test(gradients_are_those_of_the_features),
        cmocka_unit_test(bounds_contain_what_noises_attain),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
