/* Random numbers that depend on what they are for, never on the order in which they are drawn. */
#ifndef SP_TRAIN_RANDOM_H
#define SP_TRAIN_RANDOM_H

#include <stdint.h>

/** sp_random - a stream. Source: splitmix64, Steele, Lea and Flood 2014. */
typedef struct sp_random {
    uint64_t state;
} sp_random;

static inline uint64_t sp_random_next(sp_random *random) {
    uint64_t z = (random->state += UINT64_C(0x9E3779B97F4A7C15));
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

/** sp_random_of - the stream of a purpose and two numbers, an epoch and a clip for instance. */
static inline sp_random sp_random_of(uint64_t seed, uint64_t purpose, uint64_t a, uint64_t b) {
    sp_random random = {seed};
    random.state = sp_random_next(&random) ^ purpose;
    random.state = sp_random_next(&random) ^ a;
    random.state = sp_random_next(&random) ^ b;
    random.state = sp_random_next(&random);
    return random;
}
/* Purposes. */
enum { SP_RANDOM_WEIGHTS = 1, SP_RANDOM_ORDER, SP_RANDOM_SPLIT, SP_RANDOM_CLIP, SP_RANDOM_ATTACK };

/** sp_random_unit - in [0, 1). sp_random_sign - in [-1, 1). */
static inline double sp_random_unit(sp_random *random) {
    return (double)(sp_random_next(random) >> 11) * 0x1p-53;
}
static inline double sp_random_sign(sp_random *random) {
    return (double)(sp_random_next(random) >> 11) * 0x1p-52 - 1.0;
}

#endif
