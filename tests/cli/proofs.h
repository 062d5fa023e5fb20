/* Certificates in tests: small front ends and clips, the checker, and what it prints. */
#ifndef SP_TESTS_CLI_PROOFS_H
#define SP_TESTS_CLI_PROOFS_H

#include "tests/cli/command.h"

enum { SMALL_BANDS = 5, SMALL_SAMPLES = 300, SMALL_FRONTS = 7 };

#define SMALL_MEL                                                                                  \
    "\"mel\": {\"bands\": 5, \"low_hz\": 0, \"high_hz\": 4000, \"formula\": "                      \
    "\"2595*log10(1+f/700)\", \"rounding\": \"floor((N+1)*hz/rate)\"}"
#define SMALL_PAD                                                                                  \
    "\"pad\": {\"rule\": \"append one step of zeros unless the length is a multiple of the "       \
    "step\"}"
static const char *const small_fronts[SMALL_FRONTS] = {
    "{\"sample_rate\": 8000, \"scale\": \"int16\", " SMALL_PAD ", \"frame\": 64, \"step\": 50, "
    "\"preemphasis\": {\"coefficient\": 0.97, \"where\": \"inside each frame\"}, "
    "\"window\": \"hamming-periodic\", \"fft\": 64, \"power_norm\": \"1/N\", " SMALL_MEL
    ", \"floor\": {\"add\": 1}, \"log\": \"natural\"}",
    "{\"sample_rate\": 8000, \"scale\": \"int16\", \"gain\": {\"rule\": \"peak\", \"to\": 20000}, "
    "\"frame\": 60, \"step\": 60, \"window\": \"hann\", \"fft\": 64, "
    "\"power_norm\": \"1/N\", " SMALL_MEL ", \"floor\": {\"add\": 1e4}, \"log\": \"natural\"}",
    "{\"sample_rate\": 8000, \"scale\": \"unit\", " SMALL_PAD ", \"frame\": 64, \"step\": 30, "
    "\"window\": \"none\", \"fft\": 64, \"power_norm\": \"none\", " SMALL_MEL
    ", \"floor\": {\"add\": 1e-3}, \"log\": \"natural\"}",
    "{\"sample_rate\": 8000, \"scale\": \"int16\", \"frame\": 64, \"step\": 50, "
    "\"window\": \"hann\", \"fft\": 64, \"power_norm\": \"1/N\", " SMALL_MEL
    ", \"floor\": {\"at_least\": 3e5}, \"log\": \"dB\", \"reference\": 1e4, "
    "\"cmvn\": {\"mean\": [3, 2, 1, 0, -1], \"std\": [4, 5, 6, 7, 8]}}",
    "{\"sample_rate\": 8000, \"scale\": \"int16\", \"frame\": 64, \"step\": 50, "
    "\"window\": \"hann-periodic\", \"fft\": 64, \"power_norm\": \"1/N\", " SMALL_MEL
    ", \"floor\": {\"for_zero\": 1}, \"log\": \"log10\", "
    "\"dct\": {\"type\": \"II\", \"norm\": \"none\", \"coefficients\": 5}, "
    "\"cmvn\": {\"std\": [4, 4, 4, 4, 4]}}",
    "{\"sample_rate\": 8000, \"scale\": \"int16\", \"gain\": {\"rule\": \"peak\", \"to\": 20000}, "
    "\"frame\": 60, \"step\": 60, \"window\": \"hann\", \"fft\": 64, "
    "\"power_norm\": \"1/N\", " SMALL_MEL ", \"floor\": {\"at_least\": 1e6}, \"log\": \"natural\", "
    "\"dct\": {\"type\": \"II\", \"norm\": \"orthonormal\", \"coefficients\": 5}}",
    /* frames that are cut, with samples between them that none hears; mycroft-precise's, small */
    "{\"sample_rate\": 8000, \"scale\": \"int16\", \"frame\": 90, \"step\": 70, "
    "\"frames\": \"all complete but the last\", \"preemphasis\": {\"coefficient\": 0.5, \"where\": "
    "\"inside each frame\"}, \"window\": \"hamming\", \"fft\": 64, \"power_norm\": "
    "\"1/N\", " SMALL_MEL ", \"floor\": {\"at_least\": 1e-3}, \"log\": \"natural\", \"dct\": "
    "{\"type\": \"II\", \"norm\": "
    "\"orthonormal\", \"coefficients\": 5}, \"c0\": \"log energy\", "
    "\"cmvn\": {\"mean\": [10, 0, 0, 0, 0], \"std\": [4, 2, 2, 2, 2]}}"};
#define SMALL_OTHER(more)                                                                          \
    "{\"sample_rate\": 8000, \"scale\": \"int16\", \"frame\": 64, \"step\": 50, "                  \
    "\"window\": \"hann\", \"fft\": 64, \"power_norm\": \"1/N\", " SMALL_MEL more "}"
/* Front ends that certificates do not know, and what is said of them. */
static const char *const unknown_fronts[][2] = {
    {SMALL_OTHER(", \"floor\": {\"add\": 1}, \"log\": \"dB\", \"top_db\": 80"), "top_db"},
    {SMALL_OTHER(", \"floor\": {\"add\": 1}, \"log\": \"natural\", \"remove_dc\": true"),
     "remove_dc"},
    {SMALL_OTHER(", \"floor\": {\"add\": 1}, \"log\": \"natural\", \"pad\": {\"rule\": \"centre\", "
                 "\"fill\": \"reflect\"}"),
     "pad.rule"},
    {SMALL_OTHER(", \"floor\": {\"add\": 1}, \"log\": \"natural\", \"energy\": {\"of\": "
                 "\"frame\"}, \"dct\": {\"type\": \"II\", \"norm\": \"orthonormal\", "
                 "\"coefficients\": 5}"),
     "energy"},
    {SMALL_OTHER(", \"floor\": {\"add\": 1}, \"log\": \"none\""), "none"}};

static inline const char *write_small_clip(char path[PATH], const char *name, uint64_t seed) {
    int16_t samples[SMALL_SAMPLES];
    make_samples(samples, SMALL_SAMPLES, seed);
    sp_bytes bytes = sp_wav_bytes(samples, SMALL_SAMPLES, 1, 8000);
    write_bytes(path, name, bytes.data, bytes.size);
    sp_bytes_clear(&bytes);
    return path;
}

/* Where the certificates of a program of tests lie. */
static inline const char *proof_folder(void) {
    static char folder[PATH];
    return file_in(folder, "proofs");
}

static inline void proof_path(char path[PATH], const char *clip, const char *budget) {
    const char *name = strrchr(clip, '/') + 1;
    char base[PATH];
    snprintf(base, sizeof base, "%s", name);
    *strrchr(base, '.') = '\0';
    const int size = snprintf(path, PATH, "%s/%s_%s.proof", proof_folder(), base, budget);
    assert_true(size > 0 && size < PATH);
}

/* Runs the checker that stands beside the command; front: NULL, or the file of the description. It
 * ends without giving memory back. */
static inline sp_process check_proof(const char *model, const char *clip, const char *front,
                                     const char *file, const char *threads) {
    static char checker[PATH];
    const char *command = getenv("SOUNDPROOF");
    snprintf(checker, sizeof checker, "%s-check",
             command && command[0] ? command : "build/soundproof");
    const char *list[] = {"/usr/bin/env",
                          "ASAN_OPTIONS=detect_leaks=0",
                          checker,
                          "--threads",
                          threads,
                          "--model",
                          model,
                          "--clip",
                          clip,
                          file,
                          "--front",
                          front,
                          NULL};
    list[10] = front ? list[10] : NULL;
    return sp_process_run(program, list);
}

/* The number behind a word in what the checker prints. */
static inline double number_behind(const char *text, const char *word) {
    const char *at = strstr(text, word);
    if (!at) {
        fail_msg("no '%s' in %s", word, text);
        return 0.0;
    }
    return strtod(at + strlen(word), NULL);
}

#endif
