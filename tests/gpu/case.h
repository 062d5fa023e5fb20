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
    sp_gpu_menu m = {.n = n, .lower = lower, .entries = lower + upper};
    m.a = base + case_take(c, m.entries * n);
    m.b = planes ? base + case_take(c, m.entries * n) : NULL;
    m.c = base + case_take(c, m.entries * n);
    m.constant = base + case_take(c, m.entries * n);
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

static inline unsigned char *case_choice(gpu_case *c, double *base, size_t count, size_t entries) {
    const size_t at = case_take(c, (count + 7) / 8);
    unsigned char *values = (unsigned char *)(c->data + at);
    for (size_t i = 0; i < count; i++) {
        values[i] = (unsigned char)sp_rng_below(&c->rng, entries);
    }
    return (unsigned char *)(base + at);
}

static inline int *case_numbers(gpu_case *c, double *base, size_t count, size_t entries) {
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

static inline size_t below(gpu_case *c, size_t n) {
    return sp_rng_below(&c->rng, n);
}

static inline bool coin(gpu_case *c) {
    return below(c, 2) > 0;
}

/* The choices that all clips share. */
typedef struct clip_shape {
    size_t lower, upper, in, hidden, kind, seed;
    bool planes, rough, cut, second, recurrent;
} clip_shape;

static inline sp_gpu_range box_of(gpu_case *c, double *base, size_t n) {
    size_t lo, hi;
    case_box(c, n, &lo, &hi);
    return (sp_gpu_range){base + lo, base + hi};
}

/* Any activation; for the smallest kinds of trouble with kinks and with signs. */
static inline sp_activation activation_of(size_t kind, size_t seed) {
    const sp_activation f = {(sp_activation_kind)(kind % 5), seed % 2 == 0 ? 0.4 : -0.6,
                             seed % 3 == 0 ? 0.25 : 0.0};
    return f;
}

/* The products of LSTMs, gates and complements of all kinds. */
static inline sp_gate_map map_of(size_t kind, size_t seed) {
    const sp_activation f = activation_of(kind, seed);
    if (kind >= 5) {
        return sp_gate_identity(kind % 2 == 0 ? SP_PRODUCT_SIGMOID_TANH : SP_PRODUCT_SIGMOID_ID);
    }
    return seed % 4 == 0 && sp_gate_has_complement(f) ? sp_gate_complement(f) : sp_gate_map_of(f);
}

static inline sp_gpu_factor factor_of(gpu_case *c, double *base, sp_gate_map map, size_t n) {
    const sp_gpu_range x = box_of(c, base, n), y = box_of(c, base, n);
    return (sp_gpu_factor){map, x, y};
}

/* Bounds of the sums over the box that really cut it. */
static inline const sp_cut *cut_of(gpu_case *c, double *base, const sp_gpu_factor *of, size_t n) {
    const size_t at = case_take(c, n * (sizeof(sp_cut) / sizeof(double)));
    sp_cut *cut = (sp_cut *)(c->data + at);
    for (size_t j = 0; j < n; j++) {
        const double x_lo = c->data[of->x.lo - base + (ptrdiff_t)j],
                     x_hi = c->data[of->x.hi - base + (ptrdiff_t)j];
        const double y_lo = c->data[of->y.lo - base + (ptrdiff_t)j],
                     y_hi = c->data[of->y.hi - base + (ptrdiff_t)j];
        const double middle = 0.5 * (x_lo + x_hi + y_lo + y_hi);
        const double half = 0.4 * (x_hi - x_lo + y_hi - y_lo) + 1e-3;
        const double other = 0.5 * (x_lo + x_hi - y_lo - y_hi);
        cut[j] = (sp_cut){1.0, 1.0, {middle - half, middle + half}, {other - half, other + half}};
    }
    return (const sp_cut *)(base + at);
}

/* A product to be cut: x on the second block of pre-activations, y on the third or on its own. */
static inline sp_gpu_cut_of cut_pair_of(gpu_case *c, double *base, const clip_shape *s, size_t n) {
    sp_gpu_cut_of of = {.x_column = n, .y_column = s->planes ? 2 * n : 0, .y_on_gates = s->planes};
    of.x = box_of(c, base, n);
    of.y = box_of(c, base, n);
    of.cut = (sp_cut *)(base + case_take(c, n * (sizeof(sp_cut) / sizeof(double))));
    if (s->second) {
        of.y.lo = of.y.hi = NULL;
    }
    return of;
}

/* Peaks, or -1: none. */
static inline const int *case_highest(gpu_case *c, double *base, size_t rows, size_t peaks) {
    int *highest = case_numbers(c, base, rows, peaks + 1);
    int *values = (int *)(c->data + ((double *)highest - base));
    for (size_t r = 0; r < rows; r++) {
        values[r]--;
    }
    return highest;
}

#endif
