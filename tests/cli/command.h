/* Running the command, and files that it can work on without any outside data. */
#ifndef SP_TESTS_CLI_COMMAND_H
#define SP_TESTS_CLI_COMMAND_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/files.h"
#include "tests/support/process.h"
#include "tests/support/support.h"

enum { PATH = 1024, CLIP_SAMPLES = 1064, CLIP_RATE = 8000, MOST_ARGUMENTS = 64 };

/* The name of the test program: the first part of its scratch files' names. */
extern const char *const program;

static const char toy_front[] =
    "{\"sample_rate\": 8000, \"scale\": \"int16\","
    " \"pad\": {\"rule\": \"append one step of zeros unless the length is a multiple of the "
    "step\"},"
    " \"frame\": 256, \"step\": 200,"
    " \"preemphasis\": {\"coefficient\": 0.97, \"where\": \"inside each frame\"},"
    " \"window\": \"hamming-periodic\", \"fft\": 256, \"power_norm\": \"1/N\","
    " \"mel\": {\"bands\": 10, \"low_hz\": 0, \"high_hz\": 4000,"
    " \"formula\": \"2595*log10(1+f/700)\", \"rounding\": \"floor((N+1)*hz/rate)\"},"
    " \"floor\": {\"add\": 1e-10}, \"log\": \"natural\"}";

/* Runs the command with a NULL-ended list of arguments behind its name. */
static inline sp_process run_list(const char *const *arguments) {
    const char *list[MOST_ARGUMENTS + 2] = {getenv("SOUNDPROOF")};
    size_t count = 1;
    list[0] = list[0] && list[0][0] ? list[0] : "build/soundproof";
    for (; *arguments; arguments++) {
        assert_true(count < MOST_ARGUMENTS);
        list[count++] = *arguments;
    }
    const sp_process process = sp_process_run(program, list);
    assert_int_not_equal(process.code, 127);
    return process;
}
#define RUN(...) run_list((const char *const[]){__VA_ARGS__, NULL})

static inline void expect_code(const sp_process *process, int code) {
    if (process->code != code) {
        fail_msg("exit %d instead of %d\nstdout: %s\nstderr: %s", process->code, code, process->out,
                 process->err);
    }
}

/* `lines` lines on stderr, each of which begins as all messages do; `word` is in the text. */
static inline void expect_complaint(const sp_process *process, size_t lines, const char *word) {
    if (sp_process_lines(process->err) != lines || !strstr(process->err, word)) {
        fail_msg("not %zu lines with '%s': %s", lines, word, process->err);
    }
    for (const char *at = process->err; *at; at = strchr(at, '\n') + 1) {
        assert_true(strncmp(at, "soundproof: ", 12) == 0);
        assert_non_null(strchr(at, '\n'));
    }
}

static inline void expect_text(const sp_process *process, const char *text) {
    if (!strstr(process->out, text)) {
        fail_msg("no '%s' in %s", text, process->out);
    }
}

static inline const char *file_in(char path[PATH], const char *name) {
    char own[256];
    snprintf(own, sizeof own, "%s_%s", program, name);
    return sp_test_scratch(own, path, PATH);
}

static inline const char *write_bytes(char path[PATH], const char *name, const void *data,
                                      size_t size) {
    char own[256];
    snprintf(own, sizeof own, "%s_%s", program, name);
    return sp_file_write(own, path, PATH, data, size);
}

static inline const char *write_text(char path[PATH], const char *name, const char *text) {
    return write_bytes(path, name, text, strlen(text));
}

static inline const char *write_model(char path[PATH], const char *name,
                                      const sp_test_onnx *shape) {
    sp_bytes bytes = sp_test_onnx_bytes(shape);
    write_bytes(path, name, bytes.data, bytes.size);
    sp_bytes_clear(&bytes);
    return path;
}

/* A decaying tone in noise, different for every seed: five frames, six with the padding. */
static inline void make_samples(int16_t *samples, size_t count, uint64_t seed) {
    sp_rng rng;
    sp_rng_init(&rng, seed);
    const double pitch = sp_rng_uniform(&rng, 0.05, 0.9);
    for (size_t i = 0; i < count; i++) {
        const double tone = 9000.0 * exp(-0.002 * (double)i) * sin(pitch * (double)i);
        samples[i] = (int16_t)lrint(tone + sp_rng_uniform(&rng, -300.0, 300.0));
    }
}

static inline const char *write_clip(char path[PATH], const char *name, uint64_t seed, int channels,
                                     int rate) {
    int16_t samples[2 * CLIP_SAMPLES];
    make_samples(samples, (size_t)channels * CLIP_SAMPLES, seed);
    sp_bytes bytes = sp_wav_bytes(samples, CLIP_SAMPLES, channels, rate);
    write_bytes(path, name, bytes.data, bytes.size);
    sp_bytes_clear(&bytes);
    return path;
}

/* A model with three classes, its front end, and clips that it can hear. */
enum { CLIPS = 4 };
typedef struct toy {
    char model[PATH], with_front[PATH], front[PATH], clip[CLIPS][PATH];
} toy;

static inline void make_toy(toy *t) {
    const sp_test_onnx shape = {.features = 10, .hidden = 4, .classes = 3, .seed = 21};
    sp_test_onnx own = shape;
    own.front = toy_front;
    write_model(t->model, "toy.onnx", &shape);
    write_model(t->with_front, "toy_front.onnx", &own);
    write_text(t->front, "toy.json", toy_front);
    for (int i = 0; i < CLIPS; i++) {
        char name[32];
        snprintf(name, sizeof name, "clip%d.wav", i);
        write_clip(t->clip[i], name, (uint64_t)i + 1, 1, CLIP_RATE);
    }
}

#endif
