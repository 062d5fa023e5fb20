/* What the tests of the front end's bounds share: front ends, clips, and every stage of a
 * perturbed clip in long double with a bound of its error. */
#ifndef SP_TESTS_RELAX_FRONT_CHECK_H
#define SP_TESTS_RELAX_FRONT_CHECK_H

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
#include "preprocess/bound/impl.h"
#include "tests/support/support.h"

/* ---- front ends ---- */

static const char *const FRONT_TEXTS[] = {
    /* FSDD */
    "{\"sample_rate\": 8000, \"scale\": \"int16\", \"frame\": 256, \"step\": 200, \"fft\": 256,"
    "\"pad\": {\"rule\": \"append one step of zeros unless the length is a multiple of the step\"},"
    "\"preemphasis\": {\"coefficient\": 0.97, \"where\": \"inside each frame\"},"
    "\"window\": \"hamming-periodic\", \"power_norm\": \"1/N\","
    "\"mel\": {\"bands\": 10, \"low_hz\": 0, \"high_hz\": 4000,"
    "\"formula\": \"2595*log10(1+f/700)\", \"rounding\": \"floor((N+1)*hz/rate)\"},"
    "\"floor\": {\"add\": 1e-10}, \"log\": \"natural\"}",
    /* zero padding, no pre-emphasis, one-sided window */
    "{\"sample_rate\": 16000, \"scale\": \"int16\", \"frame\": 100, \"step\": 60, \"fft\": 128,"
    "\"window\": \"hann\", \"power_norm\": \"none\","
    "\"mel\": {\"bands\": 7, \"low_hz\": 100, \"high_hz\": 7600,"
    "\"formula\": \"1127*ln(1+f/700)\", \"rounding\": \"floor((N+1)*hz/rate)\"},"
    "\"floor\": {\"add\": 1e-3}, \"log\": \"natural\"}",
    /* cut to its first samples, frames that leave samples out */
    "{\"sample_rate\": 8000, \"scale\": \"int16\", \"frame\": 150, \"step\": 170, \"fft\": 64,"
    "\"window\": \"none\", \"power_norm\": \"1/N\", \"preemphasis\": {\"coefficient\": 0.5,"
    "\"where\": \"inside each frame\"}, \"mel\": {\"bands\": 4, \"low_hz\": 0, \"high_hz\": 4000,"
    "\"formula\": \"2595*log10(1+f/700)\", \"rounding\": \"floor(N*hz/rate)\"},"
    "\"floor\": {\"add\": 1e-10}, \"log\": \"natural\"}",
    /* as mycroft-precise, with a floor that quiet bands meet */
    "{\"sample_rate\": 8000, \"scale\": \"int16\", \"frame\": 90, \"step\": 60, \"fft\": 48,"
    "\"window\": \"none\", \"power_norm\": \"1/N\", \"mel\": {\"bands\": 6, \"low_hz\": 0,"
    "\"high_hz\": 8000, \"formula\": \"1127*ln(1+f/700)\", \"rounding\": "
    "\"floor((N/2+1)*hz/rate)\"},"
    "\"floor\": {\"at_least\": 500}, \"log\": \"natural\","
    "\"dct\": {\"type\": \"II\", \"norm\": \"orthonormal\", \"coefficients\": 4},"
    "\"c0\": \"log energy\"}",
    /* FSDD without pre-emphasis behind a peak gain, with a floor in its middle */
    "{\"sample_rate\": 8000, \"scale\": \"int16\", \"frame\": 256, \"step\": 200, \"fft\": 256,"
    "\"gain\": {\"rule\": \"peak\", \"to\": 20000},"
    "\"pad\": {\"rule\": \"append one step of zeros unless the length is a multiple of the step\"},"
    "\"window\": \"hamming-periodic\", \"power_norm\": \"1/N\","
    "\"mel\": {\"bands\": 10, \"low_hz\": 0, \"high_hz\": 4000,"
    "\"formula\": \"2595*log10(1+f/700)\", \"rounding\": \"floor((N+1)*hz/rate)\"},"
    "\"floor\": {\"add\": 1e5}, \"log\": \"natural\"}",
    /* a gain, a least energy and a linear map */
    "{\"sample_rate\": 8000, \"scale\": \"int16\", \"frame\": 90, \"step\": 60, \"fft\": 48,"
    "\"gain\": {\"rule\": \"peak\", \"to\": 300},"
    "\"window\": \"none\", \"power_norm\": \"1/N\", \"mel\": {\"bands\": 6, \"low_hz\": 0,"
    "\"high_hz\": 8000, \"formula\": \"1127*ln(1+f/700)\", \"rounding\": "
    "\"floor((N/2+1)*hz/rate)\"},"
    "\"floor\": {\"at_least\": 50}, \"log\": \"natural\","
    "\"dct\": {\"type\": \"II\", \"norm\": \"orthonormal\", \"coefficients\": 4}}"};

/* Those in front, FRONT_COUNT, are graphs; with those behind them, which have a gain, FRONT_ALL. */
enum { FRONT_ALL = sizeof FRONT_TEXTS / sizeof *FRONT_TEXTS, FRONT_COUNT = FRONT_ALL - 2 };

static inline sp_front *front_make(size_t which) {
    sp_front *front = NULL;
    sp_error err;
    if (sp_front_parse(&err, &front, FRONT_TEXTS[which], strlen(FRONT_TEXTS[which]), "test") !=
        SP_OK) {
        fail_msg("%s", err.text);
    }
    return front;
}

static inline sp_front_forms *front_forms(const sp_front *front, sp_front_rule rule) {
    sp_front_forms *forms = NULL;
    sp_error err;
    if (sp_front_forms_create(&err, &forms, front, rule) != SP_OK) {
        fail_msg("%s", err.text);
    }
    return forms;
}

/* ---- clips ---- */

typedef struct front_clip {
    char name[64];
    double *samples; /* owned */
    size_t n;
} front_clip;

static inline double front_peak(const front_clip *clip) {
    double peak = 0.0;
    for (size_t i = 0; i < clip->n; i++) {
        peak = fmax(peak, fabs(clip->samples[i]));
    }
    return peak;
}

/** front_clip_load - a clip of the data folder; false when it is absent. */
static inline bool front_clip_load(front_clip *clip, const char *name) {
    char path[512], relative[128];
    const sp_clip_options options = {.rate = 8000, .full_scale = 32768.0};
    sp_clip read;
    sp_error err;
    (void)snprintf(relative, sizeof relative, "fsdd/%s.wav", name);
    if (sp_test_data(relative, path, sizeof path) == NULL) {
        return false;
    }
    if (sp_clip_read(&err, &read, path, &options) != SP_OK) {
        fail_msg("%s", err.text);
    }
    (void)snprintf(clip->name, sizeof clip->name, "%s", name);
    clip->samples = read.samples;
    clip->n = read.n;
    return true;
}

typedef enum {
    CLIP_SILENCE,
    CLIP_IMPULSE,
    CLIP_SQUARE,
    CLIP_NOISE,
    CLIP_TONE,
    CLIP_KINDS
} clip_kind;

static inline void front_clip_make(front_clip *clip, clip_kind kind, size_t n, sp_rng *rng) {
    static const char *const names[] = {"silence", "impulse", "square", "noise", "tone"};
    (void)snprintf(clip->name, sizeof clip->name, "%s", names[kind]);
    clip->n = n;
    clip->samples = malloc(n * sizeof *clip->samples);
    assert_non_null(clip->samples);
    for (size_t i = 0; i < n; i++) {
        const double noise = sp_rng_normal(rng);
        clip->samples[i] = kind == CLIP_IMPULSE  ? (i == n / 3 ? 32767.0 : 0.0)
                           : kind == CLIP_SQUARE ? (i / 7 % 2 ? 32767.0 : -32768.0)
                           : kind == CLIP_NOISE  ? 2000.0 * noise
                           : kind == CLIP_TONE   ? 9000.0 * sin(0.7 * (double)i) + 2.0 * noise
                                                 : 0.0;
    }
}

/* ---- exact stages of one perturbed frame ---- */

/** front_exact - energies and features of the frame at `first` of samples + d, each within its
 *  error. */
typedef struct front_exact {
    long double row[520], row_error[520];     /* of samples + d */
    long double moved[520], moved_error[520]; /* of d alone, the bias left out */
    long double energy[64], energy_error[64]; /* without the gain */
    long double feature[64], feature_error[64];
    long double gain_square; /* of samples + d; 1 without a gain */
} front_exact;

/** front_gain_square - of all of samples + d. */
static inline long double front_gain_square(const sp_front *front, const double *samples,
                                            const double *d, size_t n) {
    const long double to = sp_front_layout_of(front)->peak;
    long double peak = 0.0L;
    for (size_t i = 0; i < n && to > 0.0L; i++) {
        peak = fmaxl(peak, fabsl((long double)samples[i] + d[i]));
    }
    return peak > 0.0L ? (to / peak) * (to / peak) : 1.0L;
}

#define LONG_UNIT 0x1p-63L

static inline void front_evaluate(front_exact *out, const sp_front *front, const double *samples,
                                  const double *d, size_t n, size_t first) {
    size_t count = 0;
    const sp_stage *s = sp_front_stages(front, &count);
    const size_t frame = s[0].in;
    const long double gain = front_gain_square(front, samples, d, n);
    out->gain_square = gain;
    const long double chain = (long double)(frame + 4) * LONG_UNIT;
    for (size_t m = 0; m < s[2].out; m++) {
        out->energy[m] = s[2].bias[m];
        out->energy_error[m] = 0.0L;
    }
    for (size_t k = 0; k < s[0].out; k++) {
        long double y = s[0].bias[k], size = fabsl(s[0].bias[k]), v = 0.0L, v_size = 0.0L;
        for (size_t j = 0; j < frame && first + j < n; j++) {
            const long double x = (long double)samples[first + j] + d[first + j];
            const long double p = (long double)s[0].matrix[k * frame + j] * x;
            y += p;
            size += fabsl(p);
            v += (long double)s[0].matrix[k * frame + j] * d[first + j];
            v_size += fabsl((long double)s[0].matrix[k * frame + j] * d[first + j]);
        }
        const long double error = chain * size;
        out->row[k] = y;
        out->row_error[k] = error;
        out->moved[k] = v;
        out->moved_error[k] = chain * v_size;
        for (size_t m = 0; m < s[2].out; m++) {
            const long double weight = s[2].matrix[m * s[2].in + k];
            out->energy[m] += weight * (y * y);
            out->energy_error[m] += weight * error * (2.0L * fabsl(y) + error);
        }
    }
    for (size_t m = 0; m < s[2].out; m++) {
        out->energy_error[m] += (long double)(s[0].out + 4) * LONG_UNIT * out->energy[m];
        const long double added = s[2].bias[m], own = out->energy[m] - added;
        const long double heard = gain * own + added;
        const bool raised = s[3].kind == SP_STAGE_AT_LEAST && heard < s[3].bias[m];
        const long double energy = raised ? s[3].bias[m] : heard;
        out->feature[m] = logl(energy);
        const long double lost = 8.0L * LONG_UNIT * (energy + gain * (own + added));
        const long double part = (gain * out->energy_error[m] + lost) / energy;
        out->feature_error[m] = 1.01L * part + 4.0L * LONG_UNIT * (1.0L + fabsl(out->feature[m]));
        if (!(part < 1e-3L)) { // cancelled: compare with the energy that is certain
            out->feature_error[m] = INFINITY;
        }
    }
}

/* ---- the check itself ---- */

/** front_form - form . d over the samples of a frame, and a bound of its error. */
static inline long double front_form(const sp_front_bound *b, size_t t, size_t row, const double *d,
                                     size_t n, long double *error) {
    const double *form = b->form + (t * b->forms + row) * b->frame;
    long double sum = 0.0L, size = 0.0L;
    for (size_t i = 0; i < b->frame && t * b->step + i < n; i++) {
        const long double p = (long double)form[i] * d[t * b->step + i];
        sum += p;
        size += fabsl(p);
    }
    *error = (long double)(b->frame + 2) * LONG_UNIT * size;
    return sum;
}

/** front_bin_slack - the same for R2's bounds bin by bin. */
static inline long double front_bin_slack(const sp_front_bound *b, const sp_stage *s,
                                          const front_exact *exact, size_t t) {
    long double least = INFINITY;
    for (size_t k = 0; k < b->bins; k++) {
        const size_t at = t * b->bins + k;
        const long double y = exact->row[k], e = exact->row_error[k], v = exact->moved[k];
        const long double square = y * y, slack = 3.0L * e * (fabsl(y) + e) + LONG_UNIT * square;
        const long double lower = b->square_lo_w[at] * v + b->square_lo_c[at];
        const long double upper = b->square_up_w[at] * v + b->square_up_c[at];
        const long double slope = fmaxl(fabsl(b->square_lo_w[at]), fabsl(b->square_up_w[at]));
        const long double rounding =
            slope * exact->moved_error[k] + 4.0L * LONG_UNIT * (fabsl(lower) + fabsl(upper));
        least = fminl(least, square - lower + slack + rounding);
        least = fminl(least, upper - square + slack + rounding);
        least = fminl(least, b->bin_max[at] - fabsl(v) + exact->moved_error[k]);
        least = fminl(least, b->square_max[at] - square + slack);
    }
    for (size_t m = 0; m < b->bands && b->bins > 0; m++) {
        const size_t at = t * b->bands + m;
        const long double energy = exact->energy[m], e = exact->energy_error[m];
        const long double f = exact->feature[m], slack = exact->feature_error[m];
        // a raised energy satisfies the upper line only where it was not raised
        const bool raised =
            s[3].kind == SP_STAGE_AT_LEAST && exact->gain_square * energy <= s[3].bias[m];
        const long double lower = b->log_lo_w[at] * energy + b->log_lo_c[at];
        const long double upper =
            raised ? b->log_up_c[at] : b->log_up_w[at] * energy + b->log_up_c[at];
        const long double rounding = 4.0L * LONG_UNIT * (fabsl(lower) + fabsl(upper) + 1.0L);
        least = fminl(least, f - lower + slack + b->log_lo_w[at] * e + rounding);
        least = fminl(least, upper - f + slack + b->log_up_w[at] * e + rounding);
        least = fminl(least, b->energy_max[at] - energy + e);
    }
    return least;
}

/** front_feature_slack - the same for the boxes of features that are a map of the bands. */
static inline long double front_feature_slack(const sp_front_bound *b, const front_exact *exact,
                                              size_t t) {
    long double least = INFINITY;
    for (size_t i = 0; i < b->features && b->matrix != NULL; i++) {
        long double sum = b->matrix_bias[i], error = 0.0L;
        for (size_t m = 0; m < b->bands; m++) {
            const long double w = b->matrix[i * b->bands + m];
            sum += w * exact->feature[m];
            error += fabsl(w) * (exact->feature_error[m] + LONG_UNIT * fabsl(exact->feature[m]));
        }
        least = fminl(least, sum - b->feature_lo[t * b->features + i] + 4.0L * error);
        least = fminl(least, b->feature_hi[t * b->features + i] - sum + 4.0L * error);
    }
    return least;
}

/** front_square - d' Q_m d, and a bound of its error. */
static inline long double front_square(const front_exact *exact, const sp_front *front, size_t m,
                                       long double *error) {
    size_t count = 0;
    const sp_stage *s = sp_front_stages(front, &count);
    long double sum = 0.0L;
    *error = 0.0L;
    for (size_t k = 0; k < s[2].in; k++) {
        const long double weight = s[2].matrix[m * s[2].in + k];
        const long double v = exact->moved[k], e = exact->moved_error[k];
        sum += weight * (v * v);
        *error += weight * e * (2.0L * fabsl(v) + e);
    }
    *error += (long double)(s[2].in + 4) * LONG_UNIT * sum;
    return sum;
}

/** front_joint_slack - the same for the squares of the noise, band by band and together, and for
 *  the tangents over form and square. */
static inline long double front_joint_slack(const sp_front_bound *b, const sp_front *front,
                                            const front_exact *exact, const double *d, size_t n,
                                            size_t t) {
    long double least = INFINITY, square[64], error[64];
    for (size_t m = 0; m < b->bands; m++) {
        const size_t at = t * b->bands + m;
        long double form_error = 0.0L;
        const long double form = front_form(b, t, b->up_form + m, d, n, &form_error);
        square[m] = front_square(exact, front, m, &error[m]);
        least = fminl(least, b->square[at] - square[m] + error[m]);
        for (size_t k = 0; k <= b->tangents; k++) {
            const size_t i = (t * b->tangents + k - 1) * b->bands + m;
            const double w = k == 0 ? b->up_w[at] : b->tangent_w[i];
            const double c = k == 0 ? b->up_c[at] : b->tangent_c[i];
            const long double upper = w * (form + (square[m] - b->square[at])) + c;
            const long double slack = exact->feature_error[m] + w * (form_error + error[m]) +
                                      8.0L * LONG_UNIT * (fabsl(upper) + w * b->square[at] + 1.0L);
            least = fminl(least, upper - exact->feature[m] + slack);
        }
    }
    for (size_t k = 0; k < 3 * b->bands; k++) { // one band, two neighbours, all by their size
        long double sum = 0.0L, sum_error = 0.0L, highest = 0.0L;
        for (size_t j = 0; j < b->peaks; j++) {
            long double peak = 0.0L;
            sum = sum_error = 0.0L;
            for (size_t m = 0; m < b->bands; m++) {
                const size_t apart = m > k % b->bands ? m - k % b->bands : k % b->bands - m;
                const long double one = 1.0L / (1e-300L + b->square[t * b->bands + m]);
                const long double a = k < b->bands       ? (apart == 0 ? one : 0.0L)
                                      : k < 2 * b->bands ? (apart < 2 ? one : 0.0L)
                                                         : one / (1.0L + (long double)apart);
                peak += a * b->peak[m * b->peaks + j];
                sum += a * square[m];
                sum_error += a * error[m];
            }
            highest = fmaxl(highest, peak);
        }
        const long double bound = b->energy[t] * highest;
        least = fminl(least, bound - sum + sum_error + 256.0L * LONG_UNIT * bound);
    }
    return least;
}

/** front_slack - the least distance of the bounds of frame t from the features of samples + d,
 *  less the error of this evaluation; negative: a bound does not hold. */
static inline long double front_slack(const sp_front_bound *b, const sp_front *front,
                                      const double *samples, const double *d, size_t n, size_t t) {
    front_exact exact;
    size_t count = 0;
    front_evaluate(&exact, front, samples, d, n, t * b->step);
    long double least = front_bin_slack(b, sp_front_stages(front, &count), &exact, t);
    least = fminl(least, front_feature_slack(b, &exact, t));
    if (b->tangents > 0) {
        least = fminl(least, front_joint_slack(b, front, &exact, d, n, t));
    }
    for (size_t m = 0; m < b->bands; m++) {
        const size_t at = t * b->bands + m;
        long double low = 0.0L, high = 0.0L, low_error = 0.0L, high_error = 0.0L;
        if (b->forms > 0) {
            low = front_form(b, t, b->lo_form + m, d, n, &low_error);
            high = front_form(b, t, b->up_form + m, d, n, &high_error);
            const double *most = b->form_max + t * b->forms;
            least = fminl(least, most[b->lo_form + m] - fabsl(low) + low_error);
            least = fminl(least, most[b->up_form + m] - fabsl(high) + high_error);
        }
        const long double f = exact.feature[m], e = exact.feature_error[m];
        const long double lower = b->lo_w[at] * low + b->lo_c[at];
        const long double upper = b->up_w[at] * high + b->up_c[at];
        const long double rounding = 4.0L * LONG_UNIT * (fabsl(lower) + fabsl(upper) + 1.0L);
        least = fminl(least, f - lower + e + b->lo_w[at] * low_error + rounding);
        least = fminl(least, upper - f + e + b->up_w[at] * high_error + rounding);
        least = fminl(least, fminl(f - b->lo[at], b->hi[at] - f) + e);
    }
    return least;
}

#endif
