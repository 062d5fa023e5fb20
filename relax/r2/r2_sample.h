/* The points at which R2's linear programs bound a product: uniform in the unit square, from the
 * seed alone. Host only. */
#ifndef SP_RELAX_R2_SAMPLE_H
#define SP_RELAX_R2_SAMPLE_H

#include <stdint.h>

#include "base/random.h"

enum { SP_R2_POINTS = 100 };

static inline void sp_r2_points(uint64_t seed, double x[SP_R2_POINTS], double y[SP_R2_POINTS]) {
    sp_random random = {seed};
    for (int i = 0; i < SP_R2_POINTS; i++) {
        x[i] = sp_random_unit(&random);
        y[i] = sp_random_unit(&random);
    }
}

#endif
