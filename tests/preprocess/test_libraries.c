/* Presets against the libraries that they are named after, defaults and others, on recordings. The
 * rate and, for integers, the scale are those of the recordings. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/npy.h"
#include "tests/preprocess/front_check.h"
#include "tests/support/process.h"

static const char *const CASES[] = {
    "{\"preset\": \"torchaudio.MelSpectrogram\", \"scale\": \"unit\", \"parameters\": "
    "{\"sample_rate\": 8000}}",
    "{\"preset\": \"torchaudio.MelSpectrogram\", \"scale\": \"unit\", \"parameters\": "
    "{\"sample_rate\": 8000, \"n_fft\": 256, \"win_length\": 200, \"hop_length\": 80, "
    "\"n_mels\": 40, \"f_min\": 60, \"f_max\": 3800, \"norm\": \"slaney\", "
    "\"mel_scale\": \"slaney\", \"normalized\": true}}",
    "{\"preset\": \"torchaudio.MelSpectrogram\", \"scale\": \"unit\", \"parameters\": "
    "{\"sample_rate\": 8000, \"n_fft\": 255, \"n_mels\": 20, \"power\": 1, \"pad\": 100, "
    "\"window_fn\": \"hamming_window\"}}",
    "{\"preset\": \"torchaudio.MelSpectrogram\", \"scale\": \"unit\", \"parameters\": "
    "{\"sample_rate\": 8000, \"n_fft\": 512, \"center\": false, \"normalized\": "
    "\"frame_length\", \"window_fn\": \"blackman_window\"}}",
    "{\"preset\": \"torchaudio.MFCC\", \"scale\": \"unit\", \"parameters\": "
    "{\"sample_rate\": 8000}}",
    "{\"preset\": \"torchaudio.MFCC\", \"scale\": \"unit\", \"parameters\": "
    "{\"sample_rate\": 8000, \"n_mfcc\": 13, \"log_mels\": true, \"norm\": null, "
    "\"melkwargs\": {\"n_fft\": 256, \"n_mels\": 30}}}",
    "{\"preset\": \"torchaudio.MFCC\", \"scale\": \"unit\", \"parameters\": "
    "{\"sample_rate\": 8000, \"melkwargs\": {\"pad_mode\": \"constant\", \"hop_length\": "
    "111}}}",
    "{\"preset\": \"torchaudio.MFCC\", \"scale\": \"int16\", \"parameters\": "
    "{\"sample_rate\": 8000, \"n_mfcc\": 20, \"melkwargs\": {\"n_fft\": 256, \"n_mels\": "
    "23, \"center\": false, \"mel_scale\": \"slaney\"}}}",
    "{\"preset\": \"librosa.melspectrogram\", \"scale\": \"unit\", \"parameters\": "
    "{\"sr\": 8000}}",
    "{\"preset\": \"librosa.melspectrogram\", \"scale\": \"unit\", \"parameters\": "
    "{\"sr\": 8000, \"n_fft\": 400, \"win_length\": 301, \"hop_length\": 90, \"htk\": "
    "true, \"norm\": null, \"power\": 1.0}}",
    "{\"preset\": \"librosa.melspectrogram\", \"scale\": \"unit\", \"parameters\": "
    "{\"sr\": 8000, \"n_fft\": 512, \"center\": true, \"pad_mode\": \"reflect\", "
    "\"n_mels\": 32, \"fmin\": 100, \"fmax\": 3500, \"window\": \"hamming\"}}",
    "{\"preset\": \"librosa.melspectrogram\", \"scale\": \"int16\", \"parameters\": "
    "{\"sr\": 8000, \"n_fft\": 300, \"center\": false, \"n_mels\": 20, \"window\": "
    "\"blackman\"}}",
    "{\"preset\": \"librosa.mfcc\", \"scale\": \"unit\", \"parameters\": {\"sr\": 8000}}",
    "{\"preset\": \"librosa.mfcc\", \"scale\": \"unit\", \"parameters\": {\"sr\": 8000, "
    "\"n_mfcc\": 13, \"lifter\": 22, \"n_fft\": 400, \"hop_length\": 160}}",
    "{\"preset\": \"librosa.mfcc\", \"scale\": \"unit\", \"parameters\": {\"sr\": 8000, "
    "\"dct_type\": 3, \"norm\": null, \"mel_norm\": null, \"n_mels\": 40, \"n_fft\": "
    "512}}",
    "{\"preset\": \"librosa.mfcc\", \"scale\": \"int16\", \"parameters\": {\"sr\": 8000, "
    "\"dct_type\": 3, \"htk\": true, \"n_mels\": 26, \"n_fft\": 512, \"pad_mode\": "
    "\"edge\"}}",
    "{\"preset\": \"kaldi.fbank\", \"scale\": \"int16\", \"parameters\": "
    "{\"sample_frequency\": 8000}}",
    "{\"preset\": \"kaldi.fbank\", \"scale\": \"int16\", \"parameters\": "
    "{\"sample_frequency\": 8000, \"num_mel_bins\": 40, \"snip_edges\": false, "
    "\"use_energy\": true, \"high_freq\": -200, \"window_type\": \"hamming\"}}",
    "{\"preset\": \"kaldi.fbank\", \"scale\": \"int16\", \"parameters\": "
    "{\"sample_frequency\": 8000, \"use_power\": false, \"preemphasis_coefficient\": "
    "0.5, \"window_type\": \"blackman\", \"round_to_power_of_two\": false}}",
    "{\"preset\": \"kaldi.fbank\", \"scale\": \"int16\", \"parameters\": "
    "{\"sample_frequency\": 8000, \"use_log_fbank\": false, \"remove_dc_offset\": false, "
    "\"window_type\": \"rectangular\", \"frame_length\": 30, \"frame_shift\": 7}}",
    "{\"preset\": \"kaldi.mfcc\", \"scale\": \"int16\", \"parameters\": "
    "{\"sample_frequency\": 8000}}",
    "{\"preset\": \"kaldi.mfcc\", \"scale\": \"int16\", \"parameters\": "
    "{\"sample_frequency\": 8000, \"num_ceps\": 20, \"num_mel_bins\": 30, "
    "\"use_energy\": false, \"cepstral_lifter\": 0}}",
    "{\"preset\": \"kaldi.mfcc\", \"scale\": \"int16\", \"parameters\": "
    "{\"sample_frequency\": 8000, \"raw_energy\": false, \"snip_edges\": false, "
    "\"window_type\": \"hanning\"}}",
    "{\"preset\": \"kaldi.mfcc\", \"scale\": \"int16\", \"parameters\": "
    "{\"sample_frequency\": 8000, \"energy_floor\": 1000000, \"low_freq\": 100, "
    "\"high_freq\": 3700}}",
    "{\"preset\": \"python_speech_features.mfcc\", \"scale\": \"int16\", \"parameters\": "
    "{\"samplerate\": 8000}}",
    "{\"preset\": \"python_speech_features.mfcc\", \"scale\": \"int16\", \"parameters\": "
    "{\"samplerate\": 8000, \"numcep\": 20, \"nfilt\": 30, \"nfft\": 256, \"ceplifter\": "
    "0, \"appendEnergy\": false, \"winfunc\": \"hamming\"}}",
    "{\"preset\": \"python_speech_features.mfcc\", \"scale\": \"unit\", \"parameters\": "
    "{\"samplerate\": 8000, \"winlen\": 0.032, \"winstep\": 0.0101, \"lowfreq\": 50, "
    "\"highfreq\": 3900, \"preemph\": 0}}",
    "{\"preset\": \"python_speech_features.mfcc\", \"scale\": \"int16\", \"parameters\": "
    "{\"samplerate\": 8000, \"nfft\": 128, \"nfilt\": 12, \"numcep\": 12}}",
    "{\"preset\": \"python_speech_features.logfbank\", \"scale\": \"int16\", "
    "\"parameters\": {\"samplerate\": 8000}}",
    "{\"preset\": \"python_speech_features.logfbank\", \"scale\": \"int16\", "
    "\"parameters\": {\"samplerate\": 8000, \"nfilt\": 40, \"preemph\": 0.5}}",
    "{\"preset\": \"python_speech_features.logfbank\", \"scale\": \"unit\", "
    "\"parameters\": {\"samplerate\": 8000, \"winlen\": 0.05, \"winstep\": 0.05}}",
    "{\"preset\": \"tf.signal.log_mel_spectrogram\", \"scale\": \"unit\", \"parameters\": "
    "{\"frame_length\": 256, \"frame_step\": 128}}",
    "{\"preset\": \"tf.signal.log_mel_spectrogram\", \"scale\": \"int16\", \"parameters\": "
    "{\"frame_length\": 200, \"frame_step\": 80, \"pad_end\": true, \"num_mel_bins\": 12, "
    "\"lower_edge_hertz\": 80, \"upper_edge_hertz\": 3600, \"log_offset\": 0.01}}",
    "{\"preset\": \"tf.signal.log_mel_spectrogram\", \"scale\": \"unit\", \"parameters\": "
    "{\"frame_length\": 255, \"frame_step\": 100, \"fft_length\": 512, \"window_fn\": "
    "\"hamming_window\"}}",
    "{\"preset\": \"tf.signal.mfccs_from_log_mel_spectrograms\", \"scale\": \"unit\", "
    "\"parameters\": {\"frame_length\": 256, \"frame_step\": 128}}",
    "{\"preset\": \"tf.signal.mfccs_from_log_mel_spectrograms\", \"scale\": \"unit\", "
    "\"parameters\": {\"frame_length\": 320, \"frame_step\": 160, \"num_mel_bins\": 30, "
    "\"num_mfccs\": 13, \"upper_edge_hertz\": 4000}}",
    "{\"preset\": \"torchaudio.MFCC\", \"scale\": \"unit\", \"parameters\": "
    "{\"sample_rate\": 8000, \"n_mfcc\": 13}, \"sequence\": [{\"deltas\": {\"rule\": "
    "\"htk\", \"reach\": 2, \"order\": 2}}]}",
    "{\"preset\": \"librosa.mfcc\", \"scale\": \"unit\", \"parameters\": {\"sr\": 8000, "
    "\"n_fft\": 400, \"hop_length\": 160}, \"sequence\": [{\"deltas\": {\"rule\": "
    "\"librosa\", \"reach\": 4, \"order\": 2}}]}",
    "{\"preset\": \"python_speech_features.mfcc\", \"scale\": \"int16\", \"parameters\": "
    "{\"samplerate\": 8000}, \"sequence\": [{\"deltas\": {\"rule\": \"htk\", \"reach\": 3, "
    "\"order\": 2}}, {\"subtract\": \"mean of the clip\"}]}",
    "{\"preset\": \"kaldi.mfcc\", \"scale\": \"int16\", \"parameters\": "
    "{\"sample_frequency\": 8000}, \"sequence\": [{\"subtract\": \"mean of the clip\"}, "
    "{\"deltas\": {\"rule\": \"kaldi\", \"reach\": 2, \"order\": 2}}]}",
    "{\"preset\": \"kaldi.fbank\", \"scale\": \"int16\", \"parameters\": "
    "{\"sample_frequency\": 8000}, \"sequence\": [{\"context\": {\"left\": 3, \"right\": 2, "
    "\"edges\": \"repeated\"}}]}",
    "{\"preset\": \"python_speech_features.logfbank\", \"scale\": \"int16\", "
    "\"parameters\": {\"samplerate\": 8000, \"nfilt\": 26, \"nfft\": 256}}",
};
enum { COUNT = sizeof CASES / sizeof *CASES };

/* Of the largest feature of a clip: Kaldi and librosa's banks are single precision. */
#define TOLERANCE 1e-5

static const char *python(void) {
    const char *path = getenv("SOUNDPROOF_LIBRARIES_PYTHON");
    path = path ? path : "build/libraries-env/bin/python";
    if (access(path, X_OK) != 0) {
        print_message("the libraries are absent: tests/preprocess/libraries_env.sh installs them "
                      "from PyPI\n");
        skip();
    }
    return path;
}

static void job_path(char path[256], size_t i) {
    const char *scratch = getenv("SOUNDPROOF_SCRATCH");
    (void)snprintf(path, 256, "%s/library_%zu.npy", scratch ? scratch : "/tmp", i);
}

static void run_library(const char *interpreter, const char *wav) {
    char jobs[256], out[256];
    (void)snprintf(jobs, sizeof jobs, "%s/library_jobs",
                   getenv("SOUNDPROOF_SCRATCH") ? getenv("SOUNDPROOF_SCRATCH") : "/tmp");
    FILE *file = fopen(jobs, "w");
    assert_non_null(file);
    for (size_t i = 0; i < COUNT; i++) {
        job_path(out, i);
        (void)fprintf(file, "%s\t%s\t%s\n", CASES[i], wav, out);
    }
    assert_int_equal(fclose(file), 0);
    const char *arguments[] = {interpreter, "-W", "ignore", "tests/preprocess/library_features.py",
                               jobs,        NULL};
    sp_process process = sp_process_run("test_libraries", arguments);
    if (process.code != 0) {
        fail_msg("the libraries ended with %d: %s", process.code, process.err);
    }
    sp_process_clear(&process);
    (void)remove(jobs);
}

static double compare(size_t i, const char *wav) {
    sp_front *front = NULL;
    sp_clip clip;
    sp_error err;
    char path[256];
    double *theirs = NULL, largest = 0.0, apart = 0.0;
    size_t rows = 0, columns = 0;
    if (sp_front_parse(&err, &front, CASES[i], strlen(CASES[i]), "case") != SP_OK) {
        fail_msg("%s", err.text);
    }
    const sp_front_layout *layout = sp_front_layout_of(front);
    const sp_clip_options options = {.rate = layout->sample_rate, .full_scale = layout->full_scale};
    assert_int_equal(sp_clip_read(&err, &clip, wav, &options), SP_OK);
    job_path(path, i);
    if (sp_npy_read(&err, &theirs, &rows, &columns, path, (size_t)1 << 24) != SP_OK) {
        fail_msg("%s", err.text);
    }
    const size_t frames = sp_front_frames(front, clip.n);
    if (rows != frames || columns != layout->features) {
        fail_msg("%s: %zu frames of %zu, expected %zu of %zu", CASES[i], frames, layout->features,
                 rows, columns);
    }
    double *ours = malloc(rows * columns * sizeof *ours);
    assert_non_null(ours);
    assert_int_equal(sp_front_run(&err, front, ours, clip.samples, clip.n), SP_OK);
    for (size_t k = 0; k < rows * columns; k++) {
        largest = fmax(largest, fabs(theirs[k]));
        apart = fmax(apart, fabs(ours[k] - theirs[k]));
    }
    if (!(apart <= TOLERANCE * largest)) {
        fail_msg("%s on %s: off by %g of %g", CASES[i], wav, apart, largest);
    }
    free(ours);
    free(theirs);
    (void)remove(path);
    sp_clip_clear(&clip);
    sp_front_destroy(front);
    return apart / largest;
}

static void presets_are_what_the_libraries_compute(void **state) {
    (void)state;
    static const char *const clips[] = {"fsdd/4_theo_0.wav", "fsdd/8_yweweler_1.wav"};
    const char *interpreter = python();
    double worst = 0.0;
    for (size_t k = 0; k < 2; k++) {
        char wav[512];
        if (sp_test_data(clips[k], wav, sizeof wav) == NULL) {
            skip();
        }
        run_library(interpreter, wav);
        for (size_t i = 0; i < COUNT; i++) {
            worst = fmax(worst, compare(i, wav));
        }
    }
    print_message("%d cases, within %.2g of the largest feature\n", (int)COUNT, worst);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(presets_are_what_the_libraries_compute),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
