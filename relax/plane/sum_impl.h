/* Private to planes of sums of two products (relax/sum.h): the two octagons in cells, and the
 * offset of a plane over all pairs of them. Source: docs/theory/sums.md. */
#ifndef SP_RELAX_PLANE_SUM_IMPL_H
#define SP_RELAX_PLANE_SUM_IMPL_H

#include "relax/plane/plane_offset.h"
#include "relax/sum.h"

enum { SP_SUM_GRID = 8, SP_SUM_CELLS = SP_SUM_GRID * SP_SUM_GRID };

/* Of the sizes that go into a sum: more than its roundings, and those of the corners of cells. */
#define SP_SUM_MARGIN 0x1p-40

/** sp_sum_cell - a convex piece of an octagon: its corners; what the product can be below the
 *  values at the corners, interpolated; and what it is in the strips. */
typedef struct sp_sum_cell {
    int corners;
    sp_spot corner[SP_POLYGON_CORNERS];
    double error;
    sp_iv in[SP_SUM_STRIPS];
} sp_sum_cell;

/** sp_sum_part - one product; its cells cover the octagon. */
typedef struct sp_sum_part {
    sp_product f;
    sp_box box;
    sp_cut cut;
    double a[SP_SUM_STRIPS], b[SP_SUM_STRIPS]; /* of the strips */
    int cells;
    sp_sum_cell cell[SP_SUM_CELLS];
} sp_sum_part;

typedef enum { SP_SUM_APART, SP_SUM_INSIDE, SP_SUM_CROSSED } sp_sum_meeting;

/** sp_sum_domain - both products for planes below, or for planes above with y turned round. */
typedef struct sp_sum_domain {
    sp_sum_part part[2];
    int strips;
    sp_iv range[SP_SUM_STRIPS];
    /* whether two cells have points in all strips, and others too */
    unsigned char meeting[SP_SUM_CELLS][SP_SUM_CELLS];
} sp_sum_domain;

/** sp_sum_domain_make - false: there is none. */
bool sp_sum_domain_make(sp_sum_domain *d, const sp_sum_product of[2],
                        const sp_sum_strip strip[SP_SUM_STRIPS], bool upper);
/** sp_sum_offset - the constant that makes a plane with these slopes (x, y of the first product, of
 *  the second) a lower one, and about where it touches; -inf: none. */
double sp_sum_offset(const sp_sum_domain *d, const double slope[4], sp_spot at[2]);

#endif
