/* Shared helpers of the tests: seeded random numbers, paths of data and scratch files, tiers. */
#ifndef SP_TESTS_SUPPORT_SUPPORT_H
#define SP_TESTS_SUPPORT_SUPPORT_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/random.h"

#ifdef __cplusplus
extern "C" {
#endif

/** sp_test_seed - SOUNDPROOF_SEED, or a fixed number; printed on the first call. */
uint64_t sp_test_seed(void);
/** sp_test_long / sp_test_sanitized - SOUNDPROOF_LONG=1 asks for more samples,
 * SOUNDPROOF_SANITIZED=1 allows fewer. */
bool sp_test_long(void);
bool sp_test_sanitized(void);

/** sp_test_data - path of `relative` below SOUNDPROOF_DATA (default ../shared/data); NULL when that
 *  file is absent or the buffer too small. Then call skip(). */
const char *sp_test_data(const char *relative, char *buffer, size_t size);
/** sp_test_scratch - path of `name` below SOUNDPROOF_SCRATCH (default build/scratch), whose folders
 * are made. Programs run side by side: begin the name with that of the program. Never NULL. */
const char *sp_test_scratch(const char *name, char *buffer, size_t size);

/** sp_test_flush_subnormals - whether this thread takes subnormal numbers for 0, as objects built
 *  with fast-math make programs do. False: not known how on this processor; then call skip(). */
bool sp_test_flush_subnormals(bool flush);

/** sp_rng - splitmix64: equal seeds give equal numbers everywhere. */
typedef sp_random sp_rng;

static inline void sp_rng_init(sp_rng *rng, uint64_t seed) {
    rng->state = seed;
}

static inline uint64_t sp_rng_next(sp_rng *rng) {
    return sp_random_next(rng);
}

/** sp_rng_uniform - in [lo, hi], both finite. */
static inline double sp_rng_uniform(sp_rng *rng, double lo, double hi) {
    const double u = sp_random_unit(rng);
    return fmin(hi, fmax(lo, lo * (1.0 - u) + hi * u));
}

/** sp_rng_below - in 0..n-1 for n >= 1. The bias is below n / 2^64. */
static inline size_t sp_rng_below(sp_rng *rng, size_t n) {
    return (size_t)(sp_rng_next(rng) % n);
}

/** sp_rng_normal - mean 0, variance 1 (Box and Muller). */
static inline double sp_rng_normal(sp_rng *rng) {
    const double u = 1.0 - sp_rng_uniform(rng, 0.0, 1.0), v = sp_rng_uniform(rng, 0.0, 1.0);
    return sqrt(-2.0 * log(u > 0.0 ? u : 0x1p-53)) * cos(6.283185307179586 * v);
}

/** sp_rng_double - any finite double: uniform over the bit patterns, with many special values. */
double sp_rng_double(sp_rng *rng);

/** SP_TEST_LOST, SP_TEST_RAISED - added to 1 the first is lost, and the second counts as 2^-52:
 *  many of them make roundings that all go one way. */
#define SP_TEST_LOST 0x1.ffp-54
#define SP_TEST_RAISED 0x1.01p-53

#ifdef __cplusplus
}
#endif
#endif
