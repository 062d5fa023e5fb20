/* The noises for which one band lies between two values: everything stays, but for the lines of
 * this band. Source: docs/theory/front-end.md 4.10. */
#include <math.h>

#include "preprocess/bound/impl.h"

static sp_iv log_of(double x) {
    const sp_iv point = {x, x};
    return sp_log_range(point);
}

/* A number that is at most sqrt(E) wherever log E >= level. */
static double root_below(double level) {
    const double root = exp(0.5 * level) * (1.0 - 0x1p-40);
    return root > 0.0 && 2.0 * log_of(root).hi <= level ? root : 0.0;
}

/* A number that is at least sqrt(E) wherever log E <= level. */
static double root_above(double level) {
    const double root = exp(0.5 * level) * (1.0 + 0x1p-40);
    return root > 0.0 && 2.0 * log_of(root).lo >= level ? root : INFINITY;
}

/* A tangent that touches within [lo, hi]: log E <= w E - 1 - log w at E <= form . d + q + top, any
 * w > 0. */
static sp_line tangent(const sp_band_energy *e, double part, double lo, double hi) {
    const double w = 1.0 / fmin(fmax(sp_front_touch(e, part), exp(lo)), exp(hi));
    const sp_line flat = {0.0, hi};
    if (!(w > 0.0 && isfinite(w))) {
        return flat;
    }
    const double top = sp_above(e->clean.hi + e->slack);
    const double c = sp_above(sp_above(sp_above(w * top) - 1.0) - log_of(w).lo);
    const sp_line line = {w, sp_above(c + sp_above(w * e->square))};
    return line;
}

static void put_lines(sp_front_bound *part, size_t t, size_t m) {
    const size_t M = part->bands, at = t * M + m;
    const double lo = part->lo[at], hi = part->hi[at];
    const sp_band_energy e = {.clean = {part->clean_lo[at], part->clean_hi[at]},
                              .slack = part->slack[at],
                              .square = part->square[at],
                              .reach = part->form_max[at],
                              .most = INFINITY};
    const double least = root_below(lo);
    if (least > 0.0) {
        const sp_line lower = sp_front_lower_line(&e, least, root_above(hi));
        part->lo_w[at] = lower.w;
        part->lo_c[at] = lower.c;
    }
    const sp_line upper = tangent(&e, sp_front_touch_part(SP_FRONT_TANGENTS), lo, hi);
    part->up_w[at] = upper.w;
    part->up_c[at] = upper.c;
    for (size_t k = 0; k < part->tangents; k++) { // the last one becomes a constant
        const size_t i = (t * part->tangents + k) * M + m;
        const sp_line line = tangent(&e, sp_front_touch_part(k), lo, hi);
        const bool flat = k + 1 == part->tangents;
        part->tangent_w[i] = flat ? 0.0 : line.w;
        part->tangent_c[i] = flat ? hi : line.c;
    }
}

sp_status sp_front_bound_part(sp_error *err, sp_front_bound *part, const sp_front_bound *bound,
                              size_t t, size_t m, double lo, double hi) {
    const size_t at = t * bound->bands + m;
    if (!sp_front_has_parts(bound, t, m)) {
        return sp_fail(err, SP_E_UNSUPPORTED, "band %zu of frame %zu has no parts", m, t);
    }
    SP_TRY(sp_front_bound_window(err, part, bound, 0, bound->frames));
    part->lo[at] = fmax(bound->lo[at], lo);
    part->hi[at] = fmin(bound->hi[at], hi);
    if (!(part->lo[at] <= part->hi[at])) {
        sp_front_bound_clear(part);
        return sp_fail(err, SP_E_ARGUMENT, "band %zu of frame %zu is never between %g and %g", m, t,
                       lo, hi);
    }
    put_lines(part, t, m);
    sp_front_features(part, t);
    if (!(part->lo_w[at] >= 0.0 && isfinite(part->lo_w[at]) && isfinite(part->lo_c[at]) &&
          isfinite(part->up_c[at]))) {
        sp_front_bound_clear(part);
        return sp_fail(err, SP_E_NONFINITE, "band %zu of frame %zu has no lines", m, t);
    }
    return SP_OK;
}
