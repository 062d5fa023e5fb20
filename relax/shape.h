/* Where a function of one variable bends: all that line_shape.h needs beside values and slopes.
 * Host and device. */
#ifndef SP_RELAX_SHAPE_H
#define SP_RELAX_SHAPE_H

#include "relax/relax.h"
#include "relax/scalar.h"

enum { SP_SHAPE_MOST = 2 };

/** sp_shape - points of inflection and kinks, ascending, and what the function is between them: 1
 *  convex, -1 concave, 0 affine. The slope is at most `steep` in size on the interval at hand.
 *  Values and slopes in doubles are off by 2^-49 (size of the value + steep |x| + 1) and 2^-49
 *  (steep + 1) at most. */
typedef struct sp_shape {
    int breaks;
    double at[SP_SHAPE_MOST];
    int bend[SP_SHAPE_MOST + 1];
    double steep;
} sp_shape;

/** sp_shape_even - one bend everywhere. */
SP_HD sp_shape sp_shape_even(int bend, double steep) {
    const sp_shape r = {0, {0.0, 0.0}, {bend, 0, 0}, steep};
    return r;
}

/** sp_shape_turning - `before` up to the point, `behind` from there on. */
SP_HD sp_shape sp_shape_turning(int before, double at, int behind, double steep) {
    const sp_shape r = {1, {at, 0.0}, {before, behind, 0}, steep};
    return r;
}

/** sp_shape_between - `inside` between two points in any order, `outside` on both sides. */
SP_HD sp_shape sp_shape_between(int outside, double p, int inside, double q, double steep) {
    const sp_shape r = {
        2, {sp_relax_min(p, q), sp_relax_max(p, q)}, {outside, inside, outside}, steep};
    return r;
}

#endif
