/* Front ends by the names that libraries have for them: the parameters of their functions, with
 * their defaults. */
#include <math.h>
#include <string.h>

#include "preprocess/impl.h"

#define FLOAT_EPSILON 1.1920928955078125e-07
#define DOUBLE_EPSILON 2.220446049250313e-16

static const sp_choice WINDOWS[] = {{"hann", SP_WINDOW_HANN},
                                    {"hann_window", SP_WINDOW_HANN},
                                    {"hanning", SP_WINDOW_HANN},
                                    {"hamming", SP_WINDOW_HAMMING},
                                    {"hamming_window", SP_WINDOW_HAMMING},
                                    {"blackman", SP_WINDOW_BLACKMAN},
                                    {"blackman_window", SP_WINDOW_BLACKMAN},
                                    {"povey", SP_WINDOW_POVEY},
                                    {"sine", SP_WINDOW_SINE},
                                    {"rectangular", SP_WINDOW_NONE},
                                    {"ones", SP_WINDOW_NONE},
                                    {NULL, 0}};
static const sp_choice PAD_MODES[] = {{"reflect", SP_FILL_REFLECT},  {"constant", SP_FILL_ZEROS},
                                      {"edge", SP_FILL_EDGE},        {"replicate", SP_FILL_EDGE},
                                      {"symmetric", SP_FILL_MIRROR}, {NULL, 0}};
static const sp_choice DCT_NORMS[] = {{"ortho", SP_DCT_ORTHONORMAL}, {NULL, 0}};
static const sp_choice AREAS[] = {{"slaney", 1}, {NULL, 0}};
static const sp_choice SCALES[] = {
    {"htk", SP_MEL_2595_LOG10}, {"slaney", SP_MEL_SLANEY}, {NULL, 0}};

/* A window by name or as numbers. */
static sp_status take_window(sp_error *err, sp_description *d, const sp_json *p, const char *key,
                             sp_window standard, bool periodic) {
    int window = (int)standard;
    const sp_json *node = sp_preset_given(p, key);
    d->blackman = 0.42;
    d->periodic = periodic;
    if (node != NULL && sp_json_is_array(node)) {
        size_t rows = 0;
        SP_TRY(sp_read_numbers(err, &d->window_numbers, &rows, &d->window_length, p, key, NULL));
        d->window = SP_WINDOW_NUMBERS;
        return rows == 1 && d->window_length <= d->frame
                   ? SP_OK
                   : sp_fail(err, SP_E_FORMAT, "%s: must be at most %zu numbers", key, d->frame);
    }
    SP_TRY(sp_preset_choice(err, &window, p, key, WINDOWS));
    d->window = (sp_window)window;
    return SP_OK;
}

static sp_status take_power(sp_error *err, sp_description *d, const sp_json *p) {
    double power = 2.0;
    SP_TRY(sp_preset_number(err, &power, p, "power", 1.0, 2.0));
    d->magnitude = power == 1.0;
    return power == 1.0 || power == 2.0
               ? SP_OK
               : sp_fail(err, SP_E_UNSUPPORTED, "power: 1 and 2 have bounds, %g has none", power);
}

static sp_status take_high(sp_error *err, sp_description *d, const sp_json *p, const char *key) {
    d->high_hz = 0.5 * d->sample_rate;
    SP_TRY(sp_preset_number(err, &d->high_hz, p, key, 1e-3, 0.5 * d->sample_rate));
    return d->low_hz < d->high_hz
               ? SP_OK
               : sp_fail(err, SP_E_FORMAT, "%s: %g is not above %g", key, d->high_hz, d->low_hz);
}

/* Transform, hop, window and centre padding as torch.stft and librosa.stft have them. */
static sp_status take_stft(sp_error *err, sp_description *d, const sp_json *p, size_t n_fft,
                           size_t hop, const char *window, sp_pad_fill fill) {
    bool centre = true;
    int mode = (int)fill;
    SP_TRY(sp_preset_count(err, &n_fft, p, "n_fft", 2, SP_FRONT_MAX_FRAME));
    d->fft = d->frame = n_fft;
    size_t length = n_fft;
    SP_TRY(sp_preset_count(err, &length, p, "win_length", 1, n_fft));
    d->step = hop > 0 ? hop : length / 2 > 0 ? length / 2 : 1;
    SP_TRY(sp_preset_count(err, &d->step, p, "hop_length", 1, SP_FRONT_MAX_FRAME));
    SP_TRY(take_window(err, d, p, window, SP_WINDOW_HANN, true));
    if (d->window == SP_WINDOW_NUMBERS && d->window_length != length) {
        return sp_fail(err, SP_E_FORMAT, "%s: has %zu numbers, win_length is %zu", window,
                       d->window_length, length);
    }
    d->window_length = length;
    SP_TRY(sp_preset_flag(err, &centre, p, "center"));
    SP_TRY(sp_preset_choice(err, &mode, p, "pad_mode", PAD_MODES));
    d->padding.rule = centre ? SP_PAD_CENTRE : SP_PAD_NONE;
    d->padding.fill = centre ? (sp_pad_fill)mode : SP_FILL_ZEROS;
    return take_power(err, d, p);
}

static void unrounded(sp_description *d, sp_mel_rounding triangles) {
    d->bank = SP_BANK_MEL;
    d->rounding = triangles;
    d->empty_bands = true;
    d->log = SP_UNIT_NONE;
    d->floor_rule = SP_FLOOR_NONE;
}

static void decibels(sp_description *d) {
    d->log = SP_UNIT_DB;
    d->floor_rule = SP_FLOOR_AT_LEAST;
    d->floor = 1e-10;
    d->top_db = 80.0;
}

/* ---- torchaudio ---- */

#define TORCHAUDIO_MEL                                                                             \
    "win_length", "hop_length", "n_fft", "f_min", "f_max", "pad", "n_mels", "window_fn", "power",  \
        "normalized", "center", "pad_mode", "norm", "mel_scale"

static sp_status torchaudio_mel_of(sp_error *err, sp_description *d, const sp_json *p) {
    static const sp_choice lengths[] = {
        {"window", SP_POWER_OVER_WINDOW}, {"frame_length", SP_POWER_OVER_N}, {NULL, 0}};
    int area = 0, scale = SP_MEL_2595_LOG10, norm = SP_POWER_WHOLE;
    bool normalized = false;
    unrounded(d, SP_MEL_IN_HZ);
    SP_TRY(take_stft(err, d, p, 400, 0, "window_fn", SP_FILL_REFLECT));
    SP_TRY(sp_preset_count(err, &d->padding.zeros, p, "pad", 0, SP_FRONT_MAX_FRAME));
    if (d->padding.zeros > 0 && d->padding.rule != SP_PAD_CENTRE) {
        return sp_fail(err, SP_E_UNSUPPORTED, "pad: only with center");
    }
    d->bands = 128;
    SP_TRY(sp_preset_count(err, &d->bands, p, "n_mels", 1, SP_FRONT_MAX_BANDS));
    SP_TRY(sp_preset_number(err, &d->low_hz, p, "f_min", 0.0, 1e6));
    SP_TRY(take_high(err, d, p, "f_max"));
    SP_TRY(sp_preset_choice(err, &area, p, "norm", AREAS));
    SP_TRY(sp_preset_choice(err, &scale, p, "mel_scale", SCALES));
    if (sp_preset_given(p, "normalized") != NULL &&
        sp_json_is_string(sp_preset_given(p, "normalized"))) {
        SP_TRY(sp_preset_choice(err, &norm, p, "normalized", lengths));
    } else {
        SP_TRY(sp_preset_flag(err, &normalized, p, "normalized"));
        norm = normalized ? SP_POWER_OVER_WINDOW : SP_POWER_WHOLE;
    }
    d->area = area == 1;
    d->formula = (sp_mel_formula)scale;
    d->half_rate_bins = true;
    d->power_norm = (sp_power_norm)norm;
    return SP_OK;
}

static sp_status torchaudio_mel(sp_error *err, sp_description *d, const sp_json *p) {
    static const char *const keys[] = {"sample_rate", TORCHAUDIO_MEL, NULL};
    SP_TRY(sp_preset_only(err, p, keys));
    SP_TRY(sp_preset_rate(err, d, p, "sample_rate", 16000));
    return torchaudio_mel_of(err, d, p);
}

static sp_status torchaudio_mfcc(sp_error *err, sp_description *d, const sp_json *p) {
    static const char *const keys[] = {"sample_rate", "n_mfcc",    "dct_type", "norm",
                                       "log_mels",    "melkwargs", NULL};
    static const char *const mel_keys[] = {TORCHAUDIO_MEL, NULL};
    size_t type = 2;
    int norm = SP_DCT_ORTHONORMAL;
    bool logs = false;
    const sp_json *mel = sp_preset_given(p, "melkwargs");
    SP_TRY(sp_preset_only(err, p, keys));
    SP_TRY(sp_preset_only(err, mel, mel_keys));
    SP_TRY(sp_preset_rate(err, d, p, "sample_rate", 16000));
    SP_TRY(torchaudio_mel_of(err, d, mel));
    SP_TRY(sp_preset_count(err, &type, p, "dct_type", 2, 2));
    SP_TRY(sp_preset_choice(err, &norm, p, "norm", DCT_NORMS));
    SP_TRY(sp_preset_flag(err, &logs, p, "log_mels"));
    d->coefficients = 40;
    SP_TRY(sp_preset_count(err, &d->coefficients, p, "n_mfcc", 1, d->bands));
    d->dct_type = 2;
    d->dct_norm = sp_preset_is_null(p, "norm") ? SP_DCT_TWICE : (sp_dct_norm)norm;
    decibels(d);
    if (logs) {
        d->log = SP_UNIT_NATURAL;
        d->floor_rule = SP_FLOOR_ADD;
        d->floor = 1e-6;
        d->top_db = 0.0;
    }
    return d->coefficients <= d->bands
               ? SP_OK
               : sp_fail(err, SP_E_FORMAT, "n_mfcc: %zu of %zu bands", d->coefficients, d->bands);
}

/* ---- librosa ---- */

#define LIBROSA_MEL                                                                                \
    "sr", "n_fft", "hop_length", "win_length", "window", "center", "pad_mode", "power", "n_mels",  \
        "fmin", "fmax", "htk"

static sp_status librosa_mel_of(sp_error *err, sp_description *d, const sp_json *p,
                                const char *norm) {
    int area = 1;
    bool htk = false;
    unrounded(d, SP_MEL_IN_HZ);
    SP_TRY(sp_preset_rate(err, d, p, "sr", 22050));
    SP_TRY(take_stft(err, d, p, 2048, 0, "window", SP_FILL_ZEROS));
    if (sp_preset_given(p, "hop_length") == NULL) {
        d->step = 512;
    }
    d->bands = 128;
    SP_TRY(sp_preset_count(err, &d->bands, p, "n_mels", 1, SP_FRONT_MAX_BANDS));
    SP_TRY(sp_preset_number(err, &d->low_hz, p, "fmin", 0.0, 1e6));
    SP_TRY(take_high(err, d, p, "fmax"));
    SP_TRY(sp_preset_flag(err, &htk, p, "htk"));
    SP_TRY(sp_preset_choice(err, &area, p, norm, AREAS));
    d->formula = htk ? SP_MEL_2595_LOG10 : SP_MEL_SLANEY;
    d->area = area == 1 && !sp_preset_is_null(p, norm);
    return SP_OK;
}

static sp_status librosa_mel(sp_error *err, sp_description *d, const sp_json *p) {
    static const char *const keys[] = {LIBROSA_MEL, "norm", NULL};
    SP_TRY(sp_preset_only(err, p, keys));
    return librosa_mel_of(err, d, p, "norm");
}

static sp_status librosa_mfcc(sp_error *err, sp_description *d, const sp_json *p) {
    static const char *const keys[] = {LIBROSA_MEL, "n_mfcc",   "dct_type", "norm",
                                       "lifter",    "mel_norm", NULL};
    int norm = SP_DCT_ORTHONORMAL;
    size_t type = 2;
    SP_TRY(sp_preset_only(err, p, keys));
    SP_TRY(librosa_mel_of(err, d, p, "mel_norm"));
    SP_TRY(sp_preset_count(err, &type, p, "dct_type", 2, 3));
    SP_TRY(sp_preset_choice(err, &norm, p, "norm", DCT_NORMS));
    d->coefficients = d->bands < 20 ? d->bands : 20;
    SP_TRY(sp_preset_count(err, &d->coefficients, p, "n_mfcc", 1, d->bands));
    SP_TRY(sp_preset_number(err, &d->lifter, p, "lifter", 0.0, 1e6));
    d->lifter_first = 1;
    d->dct_type = (int)type;
    d->dct_norm = sp_preset_is_null(p, "norm") ? SP_DCT_TWICE : (sp_dct_norm)norm;
    decibels(d);
    return SP_OK;
}

/* ---- Kaldi ---- */

#define KALDI                                                                                      \
    "sample_frequency", "frame_length", "frame_shift", "preemphasis_coefficient",                  \
        "remove_dc_offset", "dither", "window_type", "round_to_power_of_two", "blackman_coeff",    \
        "snip_edges", "num_mel_bins", "low_freq", "high_freq", "use_energy", "energy_floor",       \
        "raw_energy"

static size_t power_of_two(size_t n) {
    size_t power = 1;
    while (power < n) {
        power *= 2;
    }
    return power;
}

static sp_status kaldi_frames(sp_error *err, sp_description *d, const sp_json *p) {
    double length = 25.0, shift = 10.0, dither = 0.0;
    bool power_of_2 = true, snip = true;
    SP_TRY(sp_preset_rate(err, d, p, "sample_frequency", 16000));
    SP_TRY(sp_preset_number(err, &length, p, "frame_length", 0.1, 4000.0));
    SP_TRY(sp_preset_number(err, &shift, p, "frame_shift", 0.1, 4000.0));
    SP_TRY(sp_preset_number(err, &dither, p, "dither", 0.0, 1e6));
    if (dither != 0.0) {
        return sp_fail(
            err, SP_E_UNSUPPORTED,
            "dither: random numbers have no verdict: evaluate the model with 0, which is "
            "what it was trained to bear");
    }
    d->frame = (size_t)(d->sample_rate * 0.001 * length);
    d->step = (size_t)(d->sample_rate * 0.001 * shift);
    if (d->frame < 2 || d->frame > SP_FRONT_MAX_FRAME || d->step < 1 || d->step > d->frame) {
        return sp_fail(err, SP_E_FORMAT, "frame_length: frames of %zu samples every %zu", d->frame,
                       d->step);
    }
    d->preemphasis = 0.97;
    d->emphasis = SP_EMPHASIS_REPEAT;
    d->remove_mean = true;
    SP_TRY(sp_preset_number(err, &d->preemphasis, p, "preemphasis_coefficient", 0.0, 1.0));
    SP_TRY(sp_preset_flag(err, &d->remove_mean, p, "remove_dc_offset"));
    SP_TRY(sp_preset_flag(err, &power_of_2, p, "round_to_power_of_two"));
    SP_TRY(sp_preset_flag(err, &snip, p, "snip_edges"));
    SP_TRY(take_window(err, d, p, "window_type", SP_WINDOW_POVEY, false));
    SP_TRY(sp_preset_number(err, &d->blackman, p, "blackman_coeff", 0.0, 1.0));
    d->fft = power_of_2 ? power_of_two(d->frame) : d->frame;
    d->padding.rule = snip ? SP_PAD_NONE : SP_PAD_MIDDLES;
    d->padding.fill = snip ? SP_FILL_ZEROS : SP_FILL_MIRROR;
    return SP_OK;
}

static sp_status kaldi_bands(sp_error *err, sp_description *d, const sp_json *p, bool energy) {
    double high = 0.0;
    bool raw = true;
    unrounded(d, SP_MEL_IN_MEL);
    d->formula = SP_MEL_1127_LN;
    d->bands = 23;
    d->low_hz = 20.0;
    SP_TRY(sp_preset_count(err, &d->bands, p, "num_mel_bins", 1, SP_FRONT_MAX_BANDS));
    SP_TRY(sp_preset_number(err, &d->low_hz, p, "low_freq", 0.0, 1e6));
    SP_TRY(sp_preset_number(err, &high, p, "high_freq", -1e6, 0.5 * d->sample_rate));
    d->high_hz = high > 0.0 ? high : 0.5 * d->sample_rate + high;
    SP_TRY(sp_preset_flag(err, &energy, p, "use_energy"));
    SP_TRY(sp_preset_flag(err, &raw, p, "raw_energy"));
    SP_TRY(sp_preset_number(err, &d->energy_floor, p, "energy_floor", 0.0, 1e30));
    d->energy = !energy ? SP_ENERGY_NONE : raw ? SP_ENERGY_FRAME : SP_ENERGY_WINDOWED;
    d->energy_floor = energy && d->energy_floor > FLOAT_EPSILON ? d->energy_floor : 0.0;
    d->log = SP_UNIT_NATURAL;
    d->floor_rule = SP_FLOOR_AT_LEAST;
    d->floor = FLOAT_EPSILON;
    return d->low_hz < d->high_hz
               ? SP_OK
               : sp_fail(err, SP_E_FORMAT, "low_freq: %g is not below %g", d->low_hz, d->high_hz);
}

static sp_status kaldi_fbank(sp_error *err, sp_description *d, const sp_json *p) {
    static const char *const keys[] = {KALDI, "use_log_fbank", "use_power", NULL};
    bool logs = true, power = true;
    SP_TRY(sp_preset_only(err, p, keys));
    SP_TRY(kaldi_frames(err, d, p));
    SP_TRY(kaldi_bands(err, d, p, false));
    SP_TRY(sp_preset_flag(err, &logs, p, "use_log_fbank"));
    SP_TRY(sp_preset_flag(err, &power, p, "use_power"));
    d->magnitude = !power;
    if (!logs) {
        d->log = SP_UNIT_NONE;
        d->floor_rule = SP_FLOOR_NONE;
    }
    return SP_OK;
}

static sp_status kaldi_mfcc(sp_error *err, sp_description *d, const sp_json *p) {
    static const char *const keys[] = {KALDI, "num_ceps", "cepstral_lifter", NULL};
    SP_TRY(sp_preset_only(err, p, keys));
    SP_TRY(kaldi_frames(err, d, p));
    SP_TRY(kaldi_bands(err, d, p, true));
    d->coefficients = 13;
    d->lifter = 22.0;
    SP_TRY(sp_preset_count(err, &d->coefficients, p, "num_ceps", 1, d->bands));
    SP_TRY(sp_preset_number(err, &d->lifter, p, "cepstral_lifter", 0.0, 1e6));
    d->dct_type = 2;
    return d->coefficients <= d->bands
               ? SP_OK
               : sp_fail(err, SP_E_FORMAT, "num_ceps: %zu of %zu bands", d->coefficients, d->bands);
}

/* ---- python_speech_features ---- */

#define PSF                                                                                        \
    "samplerate", "winlen", "winstep", "nfilt", "nfft", "lowfreq", "highfreq", "preemph", "winfunc"

static sp_status psf_bands(sp_error *err, sp_description *d, const sp_json *p) {
    double length = 0.025, step = 0.01;
    SP_TRY(sp_preset_rate(err, d, p, "samplerate", 16000));
    SP_TRY(sp_preset_number(err, &length, p, "winlen", 1e-4, 4.0));
    SP_TRY(sp_preset_number(err, &step, p, "winstep", 1e-4, 4.0));
    d->frame = (size_t)floor(length * d->sample_rate + 0.5);
    d->step = (size_t)floor(step * d->sample_rate + 0.5);
    d->fft = 512;
    d->bands = 26;
    d->preemphasis = 0.97;
    SP_TRY(sp_preset_count(err, &d->bands, p, "nfilt", 1, SP_FRONT_MAX_BANDS));
    SP_TRY(sp_preset_count(err, &d->fft, p, "nfft", 2, SP_FRONT_MAX_FRAME));
    SP_TRY(sp_preset_number(err, &d->low_hz, p, "lowfreq", 0.0, 1e6));
    SP_TRY(take_high(err, d, p, "highfreq"));
    SP_TRY(sp_preset_number(err, &d->preemphasis, p, "preemph", 0.0, 1.0));
    if (d->frame < 1 || d->frame > SP_FRONT_MAX_FRAME || d->step < 1) {
        return sp_fail(err, SP_E_FORMAT, "winlen: frames of %zu samples every %zu", d->frame,
                       d->step);
    }
    SP_TRY(take_window(err, d, p, "winfunc", SP_WINDOW_NONE, false));
    unrounded(d, SP_MEL_FLOOR_N_PLUS_1);
    d->formula = SP_MEL_2595_LOG10;
    d->power_norm = SP_POWER_OVER_N;
    d->emphasis = d->preemphasis != 0.0 ? SP_EMPHASIS_CLIP : SP_EMPHASIS_FRAME;
    d->padding.rule = SP_PAD_LAST;
    d->log = SP_UNIT_NATURAL;
    d->floor_rule = SP_FLOOR_FOR_ZERO;
    d->floor = DOUBLE_EPSILON;
    return SP_OK;
}

static sp_status psf_logfbank(sp_error *err, sp_description *d, const sp_json *p) {
    static const char *const keys[] = {PSF, NULL};
    SP_TRY(sp_preset_only(err, p, keys));
    return psf_bands(err, d, p);
}

static sp_status psf_mfcc(sp_error *err, sp_description *d, const sp_json *p) {
    static const char *const keys[] = {PSF, "numcep", "ceplifter", "appendEnergy", NULL};
    bool energy = true;
    SP_TRY(sp_preset_only(err, p, keys));
    SP_TRY(psf_bands(err, d, p));
    d->coefficients = 13;
    d->lifter = 22.0;
    SP_TRY(sp_preset_count(err, &d->coefficients, p, "numcep", 1, d->bands));
    SP_TRY(sp_preset_number(err, &d->lifter, p, "ceplifter", 0.0, 1e6));
    SP_TRY(sp_preset_flag(err, &energy, p, "appendEnergy"));
    d->energy = energy ? SP_ENERGY_SPECTRUM : SP_ENERGY_NONE;
    d->dct_type = 2;
    return SP_OK;
}

/* ---- tf.signal ---- */

#define TENSORFLOW                                                                                 \
    "sample_rate", "frame_length", "frame_step", "fft_length", "window_fn", "pad_end",             \
        "num_mel_bins", "lower_edge_hertz", "upper_edge_hertz", "log_offset"

static sp_status tf_bands(sp_error *err, sp_description *d, const sp_json *p) {
    bool end = false;
    if (sp_preset_given(p, "frame_length") == NULL || sp_preset_given(p, "frame_step") == NULL) {
        return sp_fail(err, SP_E_FORMAT, "frame_length and frame_step are needed");
    }
    unrounded(d, SP_MEL_IN_MEL);
    SP_TRY(sp_preset_rate(err, d, p, "sample_rate", 8000));
    SP_TRY(sp_preset_count(err, &d->frame, p, "frame_length", 2, SP_FRONT_MAX_FRAME));
    SP_TRY(sp_preset_count(err, &d->step, p, "frame_step", 1, SP_FRONT_MAX_FRAME));
    d->fft = power_of_two(d->frame);
    SP_TRY(sp_preset_count(err, &d->fft, p, "fft_length", 2, SP_FRONT_MAX_FRAME));
    SP_TRY(take_window(err, d, p, "window_fn", SP_WINDOW_HANN, true));
    d->periodic = d->periodic && d->frame % 2 == 0; // windows of odd length are symmetric there
    SP_TRY(sp_preset_flag(err, &end, p, "pad_end"));
    d->bands = 20;
    d->low_hz = 125.0;
    d->high_hz = 3800.0;
    d->floor = 1e-6;
    SP_TRY(sp_preset_count(err, &d->bands, p, "num_mel_bins", 1, SP_FRONT_MAX_BANDS));
    SP_TRY(sp_preset_number(err, &d->low_hz, p, "lower_edge_hertz", 0.0, 1e6));
    SP_TRY(sp_preset_number(err, &d->high_hz, p, "upper_edge_hertz", 1e-3, 0.5 * d->sample_rate));
    SP_TRY(sp_preset_number(err, &d->floor, p, "log_offset", 1e-30, 1e30));
    d->formula = SP_MEL_1127_LN;
    d->magnitude = true;
    d->padding.rule = end ? SP_PAD_STARTS : SP_PAD_NONE;
    d->log = SP_UNIT_NATURAL;
    d->floor_rule = SP_FLOOR_ADD;
    return d->low_hz < d->high_hz && d->high_hz <= 0.5 * d->sample_rate
               ? SP_OK
               : sp_fail(err, SP_E_FORMAT, "upper_edge_hertz: %g is not between %g and %g",
                         d->high_hz, d->low_hz, 0.5 * d->sample_rate);
}

static sp_status tf_log_mel(sp_error *err, sp_description *d, const sp_json *p) {
    static const char *const keys[] = {TENSORFLOW, NULL};
    SP_TRY(sp_preset_only(err, p, keys));
    return tf_bands(err, d, p);
}

static sp_status tf_mfcc(sp_error *err, sp_description *d, const sp_json *p) {
    static const char *const keys[] = {TENSORFLOW, "num_mfccs", NULL};
    SP_TRY(sp_preset_only(err, p, keys));
    SP_TRY(tf_bands(err, d, p));
    d->coefficients = d->bands;
    SP_TRY(sp_preset_count(err, &d->coefficients, p, "num_mfccs", 1, d->bands));
    d->dct_type = 2;
    d->dct_norm = SP_DCT_SAME_SCALE;
    return SP_OK;
}

/* ---- the table ---- */

typedef struct preset {
    const char *name;
    sp_status (*read)(sp_error *err, sp_description *d, const sp_json *p);
} preset;
static const preset PRESETS[] = {{"torchaudio.MelSpectrogram", torchaudio_mel},
                                 {"torchaudio.MFCC", torchaudio_mfcc},
                                 {"librosa.melspectrogram", librosa_mel},
                                 {"librosa.mfcc", librosa_mfcc},
                                 {"kaldi.fbank", kaldi_fbank},
                                 {"kaldi.mfcc", kaldi_mfcc},
                                 {"python_speech_features.mfcc", psf_mfcc},
                                 {"python_speech_features.logfbank", psf_logfbank},
                                 {"tf.signal.log_mel_spectrogram", tf_log_mel},
                                 {"tf.signal.mfccs_from_log_mel_spectrograms", tf_mfcc}};
enum { PRESET_COUNT = sizeof PRESETS / sizeof *PRESETS };

sp_status sp_preset_read(sp_error *err, sp_description *d, const char *name,
                         const sp_json *parameters) {
    char known[400] = "";
    for (size_t i = 0; i < PRESET_COUNT; i++) {
        if (strcmp(name, PRESETS[i].name) == 0) {
            return PRESETS[i].read(err, d, parameters);
        }
        strcat(known, i > 0 ? ", " : "");
        strcat(known, PRESETS[i].name);
    }
    return sp_fail(err, SP_E_UNSUPPORTED, "is no preset; known: %s", known);
}
