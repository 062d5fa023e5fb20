/* Lines and ranges of a function out of its values, its slopes and its shape: docs/theory/planes.md
 * 6.5. Host and device.
 *
 * A slope w is chosen first; the constant is a lower bound of f - w x, which is least at an end, at
 * a break, or where the slope of a convex piece is w. So a line is sound for whatever slope. */
#ifndef SP_RELAX_LINE_SHAPE_H
#define SP_RELAX_LINE_SHAPE_H

#include "relax/curve/curve_value.h"

/** sp_shape_of - sign f(x) - w x and its shape on an interval; sign is 1 or -1. */
typedef struct sp_shape_of {
    sp_activation f;
    sp_shape shape;
    double sign;
    sp_iv x;
} sp_shape_of;

SP_HD double sp_shape_value(const sp_shape_of *s, double w, double x) {
    return s->sign * sp_curve_value_of(s->f, x) - w * x;
}

/** sp_shape_margin - what rounding may have moved in a constant c. */
SP_HD double sp_shape_margin(const sp_shape_of *s, double w, double c) {
    return SP_RELAX_MARGIN * (2.0 * (fabs(w) + s->shape.steep) * sp_iv_mag(s->x) + fabs(c) + 1.0);
}

/** sp_shape_dip - a lower bound of f - w x between lo and hi, where it is convex, by tangents at
 *  the ends of a bracket of its least point; infinite where there is nothing between them. */
SP_HD double sp_shape_dip(const sp_shape_of *s, double w, double lo, double hi, double *at) {
    double falls = -INFINITY, rises = INFINITY; // slopes at lo and hi, once they are inside
    const double enough = 0x1p-50 * (1.0 + (fabs(w) + s->shape.steep) * sp_iv_mag(s->x));
    for (int step = 0; step < 120; step++) {
        double middle = 0.5 * lo + 0.5 * hi;
        const double guess = lo + (hi - lo) * (falls / (falls - rises));
        if (step % 3 != 0 && guess > lo && guess < hi) {
            middle = guess;
        }
        if (!(middle > lo && middle < hi)) {
            break;
        }
        const double slope = s->sign * sp_curve_slope_of(s->f, middle) - w;
        if (slope < 0.0) {
            lo = middle;
            falls = slope;
        } else {
            hi = middle;
            rises = slope;
        }
        if ((hi - lo) * sp_relax_min(-falls, rises) <= enough) {
            break;
        }
    }
    double least = INFINITY;
    *at = lo;
    if (falls > -INFINITY) {
        least = sp_shape_value(s, w, lo) + falls * (hi - lo);
    }
    if (rises < INFINITY) {
        const double from_hi = sp_shape_value(s, w, hi) - rises * (hi - lo);
        if (falls == -INFINITY || from_hi > least) {
            least = from_hi;
            *at = hi;
        }
    }
    return least;
}

/** sp_shape_offset - the largest c found, less its margin, with w x + c <= sign f on the interval;
 *  *at: where it comes closest. -infinity where doubles do not tell. */
SP_HD double sp_shape_offset(const sp_shape_of *s, double w, double *at) {
    double from = s->x.lo, c = sp_shape_value(s, w, from);
    *at = from;
    for (int k = 0; k <= s->shape.breaks; k++) {
        const double to =
            k < s->shape.breaks ? sp_relax_clamp(s->shape.at[k], s->x.lo, s->x.hi) : s->x.hi;
        double place = to, dip = INFINITY;
        if (to > from && s->sign * s->shape.bend[k] > 0.0) {
            dip = sp_shape_dip(s, w, from, to, &place);
        }
        const double end = sp_shape_value(s, w, to);
        place = dip < end ? place : to;
        dip = dip < end ? dip : end;
        if (!(dip >= c)) {
            c = dip;
            *at = place;
        }
        from = to;
    }
    c -= sp_shape_margin(s, w, c);
    return c >= -DBL_MAX ? c : -INFINITY;
}

/** sp_shape_below - the line below sign f that is highest at m, by exchange: the chord over m
 *  between two points of the curve is above every line below it, so the points move to where the
 *  line of that slope touches. Never below the constant line at m. */
SP_HD sp_line sp_shape_below(const sp_shape_of *s, double m) {
    double a = s->x.lo, b = s->x.hi, touch;
    double fa = sp_shape_value(s, 0.0, a), fb = sp_shape_value(s, 0.0, b);
    const double fm = sp_shape_value(s, 0.0, m);
    double w = s->sign * sp_curve_slope_of(s->f, m), above = fm;
    sp_line r = {0.0, sp_shape_offset(s, 0.0, &touch)};
    for (int step = 0; step < 16 && fabs(w) <= SP_RELAX_HUGE; step++) {
        const double c = sp_shape_offset(s, w, &touch), at = w * m + c;
        if (at > r.w * m + r.c) {
            r.w = w;
            r.c = c;
        }
        const double close = 4.0 * sp_shape_margin(s, w, fm) + 1e-4 * (fm - at);
        if (above - at <= close || b - a < 1e-6 || (step > 0 && (touch <= a || touch >= b))) {
            break;
        }
        if (step > 0 && touch <= m) {
            a = touch;
            fa = sp_shape_value(s, 0.0, a);
        } else if (step > 0) {
            b = touch;
            fb = sp_shape_value(s, 0.0, b);
        }
        w = (fb - fa) / (b - a);
        above = fa + w * (m - a);
    }
    return r;
}

SP_HD sp_iv sp_shape_range(sp_activation f, sp_shape shape, sp_iv x) {
    double at;
    const sp_shape_of below = {f, shape, 1.0, x}, above = {f, shape, -1.0, x};
    const sp_iv r = {sp_shape_offset(&below, 0.0, &at), -sp_shape_offset(&above, 0.0, &at)};
    return r;
}

SP_HD sp_line_pair sp_shape_lines(sp_activation f, sp_shape shape, sp_iv x, double m) {
    const sp_shape_of below = {f, shape, 1.0, x}, above = {f, shape, -1.0, x};
    const sp_line flipped = sp_shape_below(&above, m);
    sp_line_pair r;
    r.lower = sp_shape_below(&below, m);
    r.upper.w = -flipped.w;
    r.upper.c = -flipped.c;
    return r;
}

#endif
