/* Random arguments for every operation, in one block of memory: the same seed gives the same case
 * on any backend, only its pointers differ. */
#ifndef SP_TESTS_GPU_CASE_H
#define SP_TESTS_GPU_CASE_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gpu/backend.h"
#include "tests/support/support.h"

enum { CASE_SIZE = 1 << 18, CASE_SUMS = 16 };

typedef union case_args {
#define CASE_MEMBER(name) sp_gpu_##name##_args name;
    SP_GPU_OPS(CASE_MEMBER)
#undef CASE_MEMBER
} case_args;

/* Places of sums, whose order differs between backends. */
typedef struct case_sums {
    size_t first, count;
} case_sums;

typedef struct gpu_case {
    sp_rng rng;
    double *data; /* [CASE_SIZE] as it is before */
    size_t used;
    case_sums sums[CASE_SUMS];
    size_t sum_count;
    size_t clips, span, n;
    case_args args;
} gpu_case;

static inline size_t case_take(gpu_case *c, size_t count) {
    const size_t at = c->used;
    c->used += count + 3; // what stands between two arrays must stay as it is
    assert_true(c->used <= CASE_SIZE);
    for (size_t i = at; i < c->used; i++) {
        c->data[i] = sp_rng_uniform(&c->rng, -2.0, 2.0);
    }
    return at;
}

/* Half of the coefficients of walks are zeros, some of them negative zeros. */
static inline size_t case_coefficients(gpu_case *c, size_t count) {
    const size_t at = case_take(c, count);
    for (size_t i = at; i < at + count; i++) {
        if (sp_rng_below(&c->rng, 4) == 0) {
            c->data[i] = sp_rng_below(&c->rng, 2) > 0 ? 0.0 : -0.0;
        }
    }
    return at;
}

static inline size_t case_positive(gpu_case *c, size_t count) {
    const size_t at = case_take(c, count);
    for (size_t i = at; i < at + count; i++) {
        c->data[i] = fabs(c->data[i]);
    }
    return at;
}

static inline size_t case_sum(gpu_case *c, size_t count) {
    const size_t at = case_take(c, count);
    assert_true(c->sum_count < CASE_SUMS);
    c->sums[c->sum_count++] = (case_sums){at, count};
    return at;
}

/* lo <= hi, some of them points. */
static inline void case_box(gpu_case *c, size_t n, size_t *lo, size_t *hi) {
    *lo = case_take(c, n);
    *hi = case_take(c, n);
    for (size_t i = 0; i < n; i++) {
        const double wide = sp_rng_below(&c->rng, 5) == 0 ? 0.0 : sp_rng_uniform(&c->rng, 0.0, 3.0);
        c->data[*hi + i] = c->data[*lo + i] + wide;
    }
}

static inline float *case_floats(gpu_case *c, double *base, size_t count) {
    const size_t at = case_take(c, (count + 1) / 2);
    float *values = (float *)(c->data + at);
    for (size_t i = 0; i < count; i++) {
        values[i] = (float)sp_rng_uniform(&c->rng, -2.0, 2.0);
    }
    return (float *)(base + at);
}

static inline sp_gpu_menu case_menu(gpu_case *c, double *base, size_t n, size_t lower, size_t upper,
                                    bool planes, bool rough) {
    sp_gpu_menu m = {n, lower, lower + upper, NULL, NULL, NULL, NULL, NULL};
    m.a = base + case_take(c, m.entries * n);
    m.b = planes ? base + case_take(c, m.entries * n) : NULL;
    m.c = base + case_take(c, m.entries * n);
    m.mass = base + case_positive(c, n);
    if (rough) {
        const size_t count = (m.entries * 3 * n + 1) / 2, at = case_take(c, count);
        float *values = (float *)(c->data + at);
        for (size_t i = 0; i < 2 * count; i++) {
            values[i] = (float)sp_rng_uniform(&c->rng, -1.0, 1.0);
        }
        m.rough = (float *)(base + at);
    }
    return m;
}

static inline int *case_choice(gpu_case *c, double *base, size_t count, size_t entries) {
    const size_t at = case_take(c, (count + 1) / 2);
    int *values = (int *)(c->data + at);
    for (size_t i = 0; i < count; i++) {
        values[i] = (int)sp_rng_below(&c->rng, entries);
    }
    return (int *)(base + at);
}

/* Bytes 0 or 1. */
static inline unsigned char *case_signs(gpu_case *c, double *base, size_t count) {
    const size_t at = case_take(c, (count + 7) / 8);
    unsigned char *values = (unsigned char *)(c->data + at);
    for (size_t i = 0; i < count; i++) {
        values[i] = (unsigned char)sp_rng_below(&c->rng, 2);
    }
    return (unsigned char *)(base + at);
}

#endif
