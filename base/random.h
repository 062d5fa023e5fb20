/* Random numbers that are the same on every machine: splitmix64. Source: [SplitMix]. */
#ifndef SP_BASE_RANDOM_H
#define SP_BASE_RANDOM_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** sp_random - a stream of numbers; any state is a seed. */
typedef struct sp_random {
    uint64_t state;
} sp_random;

static inline uint64_t sp_random_next(sp_random *random) {
    uint64_t z = (random->state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/** sp_random_unit - uniform in [0, 1). sp_random_sign - uniform in [-1, 1). */
static inline double sp_random_unit(sp_random *random) {
    return (double)(sp_random_next(random) >> 11) * 0x1p-53;
}
static inline double sp_random_sign(sp_random *random) {
    return (double)(sp_random_next(random) >> 11) * 0x1p-52 - 1.0;
}

/** sp_random_seed - one seed per number, far from those of its neighbours; add another number to
 *  tell streams of one seed apart. */
static inline uint64_t sp_random_seed(uint64_t number) {
    return number * UINT64_C(0x9e3779b97f4a7c15);
}

#ifdef __cplusplus
}
#endif
#endif
