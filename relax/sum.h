/* Planes below and above the sum of two products of different variables, on what is known of all
 * four together. Of boxes, or of octagons, planes of each product apart give all that there is;
 * bounds on combinations of variables of both leave less.
 * Source: docs/theory/sums.md. */
#ifndef SP_RELAX_SUM_H
#define SP_RELAX_SUM_H

#include "relax/relax.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { SP_SUM_STRIPS = 8, SP_SUM_PLANES = 9 };

/** sp_sum_product - one of the two products: sigma(x) tanh(y) or sigma(x) y. */
typedef struct sp_sum_product {
    sp_product f;
    sp_box box;
    sp_cut cut;
} sp_sum_product;

/** sp_sum_strip - bounds on a[0] x + b[0] y of the first product + a[1] x + b[1] y of the other.
 *  A range that is not finite and ordered says nothing. */
typedef struct sp_sum_strip {
    double a[2], b[2];
    sp_iv range;
} sp_sum_strip;

/** sp_sum_plane - the slopes over both products, and their common constant in the first one. */
typedef struct sp_sum_plane {
    sp_plane of[2];
} sp_sum_plane;

/** sp_sum_is_known - whether there are such planes of a product.
 *  sp_sum_planes - lower(x, y of both) <= sum of the two products <= upper, wherever both lie in
 *  their boxes and cuts and in all strips; false: there are none.
 *  O lower, upper [SP_SUM_PLANES] */
bool sp_sum_is_known(const sp_gate_map *map);
bool sp_sum_planes(const sp_sum_product of[2], const sp_sum_strip strip[SP_SUM_STRIPS],
                   sp_sum_plane *lower, sp_sum_plane *upper);

#ifdef __cplusplus
}
#endif
#endif
