/* The joint front end (docs/theory/front-end.md 4): each mel energy is one positive semidefinite
 * quadratic form of the samples that all frames share, E(d) = E(0) + g . d + d' Q d.
 *   upper: d' Q d at most what front_sets.c has for the set, then a tangent of log;
 *   lower: sqrt(E) >= l(d) = sqrt(E(0)) + g . d / (2 sqrt(E(0))), then the chord of 2 log between
 *          sqrt(E_min) and the largest value of l. */
#include <float.h>
#include <math.h>
#include <string.h>

#include "preprocess/bound/impl.h"

/* Upper lines are tangents of log at E(0), this share of the squares, and a part of the reach. */
#define SQUARE_SHARE 0.5
#define STANDARD_PART 0.25
#define LEAST_TANGENT 0.1
static const double tangent_part[SP_FRONT_TANGENTS] = {-0.4, 0.0, 0.5, 0.9};

static sp_iv log_of(double x) {
    const sp_iv point = {x, x};
    return sp_log_range(point);
}

static sp_iv value_of(sp_band_kind kind, double x) {
    const sp_iv point = {x, x};
    return sp_band_value(kind, point);
}

static double slope_above(sp_band_kind kind, double at) {
    return kind == SP_BAND_LOG ? 1.0 / at : kind == SP_BAND_SQRT ? 0.5 / sqrt(at) : 1.0;
}

double sp_front_touch(const sp_band_energy *e, double part) {
    const double middle = e->clean.hi + SQUARE_SHARE * e->square;
    return fmax(middle + part * e->reach, LEAST_TANGENT * middle);
}

double sp_front_touch_part(size_t tangent) {
    return tangent < SP_FRONT_TANGENTS ? tangent_part[tangent] : STANDARD_PART;
}

/* A line that lies above the band at every energy z: log z <= w z - 1 - log w,
 * sqrt z <= w z + 1 / (4 w). It is read at z = E <= form . d + q + top; it touches
 * at `part` of the reach above the middle. Where E may fall below its `least` the line must stay
 * above the band's value there too, down to form . d = -reach and q = 0. The largest q is added at
 * the end. */
static sp_line upper_line(const sp_band_energy *e, const sp_frame *frame, const sp_band *band,
                          double minimum, double part) {
    const sp_band_kind kind = frame->forms->kind;
    const double top = sp_above(e->clean.hi + e->slack);
    const double w = slope_above(kind, sp_front_touch(e, part));
    if (e->most <= band->least || !(w <= DBL_MAX)) {
        const sp_line flat = {0.0, value_of(kind, fmax(e->most, band->least)).hi};
        return flat;
    }
    sp_line line = {
        w, kind == SP_BAND_LOG
               ? sp_above(sp_above(sp_above(w * top) - 1.0) - log_of(w).lo)
               : sp_above(sp_above(w * top) + (kind == SP_BAND_SQRT ? sp_above(0.25 / w) : 0.0))};
    if (sp_below(minimum * minimum) <= band->least && band->least > 0.0) {
        line.c = fmax(line.c, sp_above(value_of(kind, band->least).hi + sp_above(w * e->reach)));
    }
    line.c = sp_above(line.c + sp_above(w * e->square));
    return line;
}

/* sqrt(E) is a norm of an affine map, so sqrt(E) >= root + t / (2 root), root = sqrt(E(0)) in
 * [r1, r2]; E itself is convex, E >= E(0) + t; t = g . d, |t| <= reach + slack. */
static sp_line convex_line(const sp_band_energy *e, sp_band_kind kind) {
    const double most = sp_above(e->reach + e->slack);
    if (kind == SP_BAND_ENERGY) {
        const sp_line line = {1.0, sp_below(e->clean.lo - e->slack)};
        return line;
    }
    const double r1 = sp_below(sqrt(e->clean.lo)), r2 = sp_above(sqrt(e->clean.hi));
    const sp_line none = {0.0, 0.0};
    if (!(r1 > 0x1p-300)) {
        return none;
    }
    const double steep = sp_above(0.5 / r1), gentle = sp_below(0.5 / r2);
    const double w = 0.5 * steep + 0.5 * gentle;
    const double off = sp_above(fmax(sp_above(steep - w), sp_above(w - gentle)) * most);
    const sp_line line = {w, sp_below(sp_below(r1 - off) - sp_above(w * e->slack))};
    return line;
}

/* With t = g . d in [., most], root = sqrt(E(0)) in [r1, r2] and least <= sqrt(E), least <= r1
 * (E standing for the energy raised to its floor, if it has one):
 * log E >= 2 log max(least, root + t / (2 root)). Less w t, this is convex-free: constant minus w
 * t up to t_a = 2 root (least - root), concave from there on. So its minimum is at t_a or at the
 * largest t:
 *   2 log least + 2 w root (root - least)       >= the same at root = r1, and
 *   2 log(root + most / (2 root)) - w most      >= 2 log(r1 + most / (2 r2)) - w most.
 * Any w >= 0 is sound; the slope of the chord between the two ends is the best. Where sqrt(E) <=
 * highest, root + t / (2 root) is at most that too, and a largest t below 0 is over 2 r1. */
sp_line sp_front_lower_line(const sp_band_energy *e, double least, double highest) {
    const double r1 = sp_below(sqrt(e->clean.lo)), r2 = sp_above(sqrt(e->clean.hi));
    const double above = sp_above(highest - r1); /* t <= 2 root (highest - root) */
    const double most =
        fmin(sp_above(e->reach + e->slack), sp_above(2.0 * (above > 0.0 ? r2 : r1) * above));
    const double from = fmin(least, r1);
    const double to = fmax(from, sp_below(r1 + sp_below(most / (2.0 * (most > 0.0 ? r2 : r1)))));
    const double wide = to - from;
    const double chord = wide > 1e-9 * from ? log1p(wide / from) / wide : 1.0 / from;
    const double w = chord / r1; /* half the slope of 2 log, over root */
    const double left = sp_below(2.0 * log_of(from).lo +
                                 sp_below(sp_below(2.0 * w * r1) * fmax(sp_below(r1 - from), 0.0)));
    const double right = sp_below(2.0 * log_of(to).lo - sp_above(w * most));
    const sp_line line = {w, sp_below(fmin(left, right) - sp_above(w * e->slack))};
    return line;
}

static void put_lines(sp_front_bound *bound, const sp_frame *frame, size_t m,
                      const sp_band_energy *e) {
    const sp_band *band = &frame->forms->band[m];
    const sp_band_kind kind = frame->forms->kind;
    const size_t at = frame->t * bound->bands + m;
    const double least = sp_band_minimum(frame, band, sqrt(e->most));
    const bool flat = e->clean.lo <= band->least && (kind == SP_BAND_LOG || band->least > 0.0);
    const double bottom = band->least > 0.0 ? value_of(kind, band->least).lo : -INFINITY;
    const sp_line lower = flat                  ? (sp_line){0.0, bottom}
                          : kind == SP_BAND_LOG ? sp_front_lower_line(e, least, INFINITY)
                                                : convex_line(e, kind);
    const sp_line upper = upper_line(e, frame, band, least, STANDARD_PART);
    bound->form_max[at] = e->reach;
    bound->lo_w[at] = lower.w;
    bound->lo_c[at] = lower.c;
    bound->up_w[at] = upper.w;
    bound->up_c[at] = upper.c;
    bound->lo[at] = kind == SP_BAND_SQRT     ? least
                    : kind == SP_BAND_ENERGY ? fmax(sp_below(least * least), 0.0)
                    : least > 0.0            ? 2.0 * log_of(least).lo
                                             : -INFINITY;
    bound->hi[at] = value_of(kind, fmax(e->most, band->least)).hi;
    bound->square[at] = e->square;
    const bool parts = kind == SP_BAND_LOG && band->least == 0.0 && band->for_zero == 0.0 &&
                       frame->forms->top == 0.0 && frame->forms->gain_peak == 0.0 && least > 0.0;
    bound->clean_lo[at] = parts ? e->clean.lo : 0.0;
    bound->clean_hi[at] = parts ? e->clean.hi : 0.0;
    bound->slack[at] = parts ? e->slack : 0.0;
    for (size_t k = 0; k < SP_FRONT_TANGENTS; k++) {
        const size_t i = (frame->t * SP_FRONT_TANGENTS + k) * bound->bands + m;
        const sp_line tangent = upper_line(e, frame, band, least, tangent_part[k]);
        bound->tangent_w[i] = tangent.w;
        bound->tangent_c[i] = tangent.c;
    }
}

void sp_front_joint(sp_front_bound *bound, const sp_frame *frame) {
    for (size_t m = 0; m < bound->bands; m++) {
        const sp_band *band = &frame->forms->band[m];
        const size_t at = frame->t * bound->bands + m;
        double *form = bound->form + at * bound->frame;
        if (band->rows == 0) { // nothing reaches it
            memset(form, 0, bound->frame * sizeof *form);
            bound->form_max[at] = 0.0;
            sp_front_constant(bound, frame, m);
            continue;
        }
        const sp_band_energy e = sp_band_energy_of(form, frame, band);
        put_lines(bound, frame, m, &e);
    }
    bound->energy[frame->t] = sp_front_square(frame, &frame->forms->energy);
}
