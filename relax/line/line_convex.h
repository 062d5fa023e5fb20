/* Lines of convex functions of one bend: docs/theory/planes.md 6.6. Host and device. */
#ifndef SP_RELAX_LINE_CONVEX_H
#define SP_RELAX_LINE_CONVEX_H

#include "relax/r2/line_r2.h"
#include "relax/range.h"

/** sp_line_convex - the tangent below (NULL: the least value), the chord above. at_lo, at_hi: no
 *  less than the function at the ends of x; `chord`: about its slope. Above, a line is sound when
 *  it is so at both ends. */
SP_HD sp_line_pair sp_line_convex(sp_iv x, sp_iv range, double at_lo, double at_hi, double chord,
                                  const sp_line *tangent) {
    sp_line_pair r = {{0.0, range.lo}, {0.0, range.hi}};
    if (!(range.hi <= SP_RELAX_HUGE)) {
        return r;
    }
    if (tangent != NULL) {
        r.lower = *tangent;
    }
    if (x.hi > x.lo && fabs(chord) <= SP_RELAX_HUGE) {
        r.upper.w = chord;
        r.upper.c = sp_relax_max(sp_line_above_end(at_lo, chord, x.lo),
                                 sp_line_above_end(at_hi, chord, x.hi));
    }
    return r;
}

#endif
