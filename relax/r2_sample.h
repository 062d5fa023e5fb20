/* The points at which R2's linear programs bound a product: uniform in the unit square, from the
 * seed alone. Host only. */
#ifndef SP_RELAX_R2_SAMPLE_H
#define SP_RELAX_R2_SAMPLE_H

#include <stdint.h>

enum { SP_R2_POINTS = 100 };

/** sp_r2_uniform - the next number in [0, 1). Source: splitmix64, Steele, Lea and Flood 2014. */
static inline double sp_r2_uniform(uint64_t *state) {
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    z ^= z >> 31;
    return (double)(z >> 11) * 0x1p-53;
}

static inline void sp_r2_points(uint64_t seed, double x[SP_R2_POINTS], double y[SP_R2_POINTS]) {
    uint64_t state = seed;
    for (int i = 0; i < SP_R2_POINTS; i++) {
        x[i] = sp_r2_uniform(&state);
        y[i] = sp_r2_uniform(&state);
    }
}

#endif
