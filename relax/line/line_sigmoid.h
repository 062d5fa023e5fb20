/* Lines that bound sigma and tanh on an interval: docs/theory/planes.md 6.1. Host and device.
 *
 * A slope is chosen first; the constant is then the least value of f - w x over the ends and the
 * one local minimum, less the margin of plane_offset.h (whose argument covers one variable too). So
 * a line is sound for whatever slope was chosen. Upper lines: sigma(x) = 1 - sigma(-x), tanh is
 * odd. */
#ifndef SP_RELAX_LINE_SIGMOID_H
#define SP_RELAX_LINE_SIGMOID_H

#include "relax/line/stationary.h"
#include "relax/range.h"
#include "relax/relax.h"
#include "relax/scalar.h"

#define SP_LINE_THIN                                                                               \
    1e-6 /* below this width a chord's slope would be rounding: use the derivative */

typedef enum { SP_CURVE_SIGMOID, SP_CURVE_TANH } sp_curve;

SP_HD double sp_curve_value(sp_curve f, double x) {
    return f == SP_CURVE_TANH ? tanh(x) : sp_relax_sigmoid(x);
}

/** sp_curve_slope - the derivative where the curve's value is v. */
SP_HD double sp_curve_slope(sp_curve f, double v) {
    return f == SP_CURVE_TANH ? 1.0 - v * v : v * (1.0 - v);
}

/** sp_curve_offset - the largest c, less its margin, with w x + c <= f on a usable interval. */
SP_HD double sp_curve_offset(sp_curve f, sp_iv x, double w) {
    double at, v;
    double c = sp_relax_min(sp_curve_value(f, x.lo) - w * x.lo, sp_curve_value(f, x.hi) - w * x.hi);
    const bool stationary = f == SP_CURVE_TANH ? sp_stationary_tanh(w, 1.0, &at, &v)
                                               : sp_stationary_sigmoid(w, 1.0, &at, &v);
    if (stationary && at > x.lo && at < x.hi) {
        c = sp_relax_min(c, v - w * at);
    }
    return c - SP_RELAX_MARGIN * (fabs(w) * sp_iv_mag(x) + fabs(c) + 1.0);
}

/** sp_curve_touch - the point d < 0 whose tangent passes through (u, f(u)), u > 0: the zero of the
 *  increasing function f(d) + f'(d) (u - d) - f(u), by halving; Newton's steps would meet a flat
 *  tail. */
SP_HD double sp_curve_touch(sp_curve f, double u) {
    const double fu = sp_curve_value(f, u);
    double lo = sp_relax_max(-2.0 * u, -800.0), hi = 0.0;
    for (int step = 0; step < 50; step++) {
        const double d = 0.5 * (lo + hi), v = sp_curve_value(f, d);
        if (v + sp_curve_slope(f, v) * (u - d) > fu) {
            hi = d;
        } else {
            lo = d;
        }
    }
    return hi;
}

/** sp_curve_lower_slope - slope of the lower envelope at m. */
SP_HD double sp_curve_lower_slope(sp_curve f, sp_iv x, double m) {
    const double v = sp_curve_value(f, m);
    if (x.hi <= 0.0 || x.hi - x.lo < SP_LINE_THIN) {
        return sp_curve_slope(f, v);
    }
    if (x.lo < 0.0) {
        const double touch = sp_curve_touch(f, x.hi);
        if (touch > x.lo) {
            return sp_curve_slope(f, sp_curve_value(f, sp_relax_min(m, touch)));
        }
    }
    return (sp_curve_value(f, x.hi) - sp_curve_value(f, x.lo)) / (x.hi - x.lo);
}

/** sp_curve_lower - m is clamped into x; NaN becomes the middle. */
SP_HD sp_line sp_curve_lower(sp_curve f, sp_iv x, double m) {
    sp_line r = {0.0, (f == SP_CURVE_TANH ? sp_range_tanh(x) : sp_range_sigmoid(x)).lo};
    if (!sp_relax_usable(x)) {
        return r;
    }
    const double at = m == m ? sp_relax_clamp(m, x.lo, x.hi) : sp_relax_middle(x);
    const double w = sp_curve_lower_slope(f, x, at), c = sp_curve_offset(f, x, w);
    if (w * at + c >= r.c) {
        r.w = w;
        r.c = c;
    }
    return r;
}

/** sp_curve_steep - slope of the lower one of the tangents of [DeepCert] on a usable interval: that
 *  of the chord, or, where both ends are flatter, of the tangent through the upper end. */
SP_HD double sp_curve_steep(sp_curve f, sp_iv x) {
    const double vl = sp_curve_value(f, x.lo), vu = sp_curve_value(f, x.hi);
    if (x.hi - x.lo < SP_LINE_THIN) {
        return sp_curve_slope(f, vl);
    }
    const double k = (vu - vl) / (x.hi - x.lo);
    const bool flat = sp_curve_slope(f, vl) < k && sp_curve_slope(f, vu) < k;
    return flat && x.lo < 0.0 && x.hi > 0.0
               ? sp_curve_slope(f, sp_curve_value(f, sp_curve_touch(f, x.hi)))
               : k;
}

/** sp_curve_lower_tangent - the lower line of that slope; constant where that is higher in the
 *  middle. */
SP_HD sp_line sp_curve_lower_tangent(sp_curve f, sp_iv x) {
    sp_line r = {0.0, (f == SP_CURVE_TANH ? sp_range_tanh(x) : sp_range_sigmoid(x)).lo};
    const double w = sp_curve_steep(f, x), c = sp_curve_offset(f, x, w);
    if (w * sp_relax_middle(x) + c >= r.c) {
        r.w = w;
        r.c = c;
    }
    return r;
}

/** sp_curve_tangents - both lines of this kind. False: not for this interval. Rows that pass
 *  through many steps end nearer to what is attained with them than with lines in the middle, as
 *  long as the interval is not so wide that the curve is flat at its ends. */
#define SP_LINE_STEEP 2.0
SP_HD bool sp_curve_tangents(sp_curve f, sp_iv x, sp_line_pair *lines) {
    if (!sp_relax_usable(x) || !(x.hi - x.lo <= SP_LINE_STEEP)) {
        return false;
    }
    const sp_line mirrored = sp_curve_lower_tangent(f, sp_relax_flip(x));
    lines->lower = sp_curve_lower_tangent(f, x);
    lines->upper.w = mirrored.w;
    lines->upper.c = f == SP_CURVE_TANH ? -mirrored.c : sp_above(1.0 - mirrored.c);
    return true;
}

SP_HD sp_line_pair sp_curve_lines(sp_curve f, sp_iv x, double m) {
    const sp_line mirrored = sp_curve_lower(f, sp_relax_flip(x), -m);
    sp_line_pair r;
    r.lower = sp_curve_lower(f, x, m);
    r.upper.w = mirrored.w;
    r.upper.c = f == SP_CURVE_TANH ? -mirrored.c : sp_above(1.0 - mirrored.c);
    return r;
}

#endif
