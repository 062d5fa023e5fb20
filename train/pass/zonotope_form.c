// Affine forms of the numbers of one row: ranges, functions, products and sums, there and back.
#include <math.h>
#include <string.h>

#include "train/pass/zonotope_form.h"

static double sign(double x) {
    return x > 0.0 ? 1.0 : (x < 0.0 ? -1.0 : 0.0);
}

sp_train_form sp_train_form_of(const sp_train_forms *forms, size_t row, size_t at, size_t H) {
    const size_t first = forms->first[row], here = row * forms->ld + at;
    return (sp_train_form){.H = H,
                           .ld = forms->ld,
                           .symbols = forms->first[row + 1] - first - 1,
                           .gen = forms->gen + first * forms->ld + at,
                           .rest = forms->rest + here,
                           .range = forms->range + here,
                           .box = {forms->box.mid + here, forms->box.rad + here},
                           .bounds = {forms->bounds.mid + here, forms->bounds.rad + here}};
}

void sp_train_form_clear(const sp_train_form *form) {
    const size_t bytes = form->H * sizeof(double);
    for (size_t p = 0; p <= form->symbols; p++) {
        memset(form->gen + p * form->ld, 0, bytes);
    }
    memset(form->rest, 0, bytes);
    memset(form->range, 0, bytes);
    memset(form->box.mid, 0, bytes);
    memset(form->box.rad, 0, bytes);
    memset(form->bounds.mid, 0, bytes);
    memset(form->bounds.rad, 0, bytes);
}

/* ---- ranges ---- */

void sp_train_form_close(const sp_train_form *form, bool meet) {
    const size_t H = form->H;
    memcpy(form->range, form->rest, H * sizeof(double));
    for (size_t p = 1; p <= form->symbols; p++) {
        const double *g = form->gen + p * form->ld;
        for (size_t j = 0; j < H; j++) {
            form->range[j] += fabs(g[j]);
        }
    }
    for (size_t j = 0; j < H; j++) {
        sp_train_ends x = sp_train_ends_of(form->gen[j], form->range[j]);
        if (meet) {
            const sp_train_ends b = sp_train_ends_of(form->bounds.mid[j], form->bounds.rad[j]);
            x = (sp_train_ends){fmax(x.lo, b.lo), fmin(x.hi, b.hi)};
        }
        form->box.mid[j] = 0.5 * (x.lo + x.hi);
        form->box.rad[j] = 0.5 * (x.hi - x.lo);
    }
}

/* Slopes by the ends of the box go to the end that was taken. */
static void part(const sp_train_form *form, const sp_train_form *slope, size_t j) {
    const sp_train_ends x = sp_train_ends_of(form->gen[j], form->range[j]);
    const sp_train_ends b = sp_train_ends_of(form->bounds.mid[j], form->bounds.rad[j]);
    const sp_train_ends s = sp_train_ends_slope(slope->box.mid[j], slope->box.rad[j]);
    const bool low = x.lo >= b.lo, high = x.hi <= b.hi;
    const sp_train_ends own = {low ? s.lo : 0.0, high ? s.hi : 0.0};
    const sp_train_ends other = {low ? 0.0 : s.lo, high ? 0.0 : s.hi};
    slope->gen[j] += own.lo + own.hi;
    slope->range[j] += own.hi - own.lo;
    slope->bounds.mid[j] += other.lo + other.hi;
    slope->bounds.rad[j] += other.hi - other.lo;
}

void sp_train_form_open(const sp_train_form *form, const sp_train_form *slope, bool meet) {
    const size_t H = form->H;
    for (size_t j = 0; j < H; j++) {
        if (meet) {
            part(form, slope, j);
        } else {
            slope->gen[j] += slope->box.mid[j];
            slope->range[j] += slope->box.rad[j];
        }
        slope->rest[j] += slope->range[j];
    }
    for (size_t p = 1; p <= form->symbols; p++) {
        const double *g = form->gen + p * form->ld;
        double *s = slope->gen + p * slope->ld;
        for (size_t j = 0; j < H; j++) {
            s[j] += g[j] > 0.0 ? slope->range[j] : (g[j] < 0.0 ? -slope->range[j] : 0.0);
        }
    }
}

/* ---- functions of one number ---- */

enum { INNER = 2 };

/* Where f - k x can have its extremes inside: points of slope k, or kinks. */
static void inner_points(double *p, sp_activation f, double k) {
    p[0] = p[1] = NAN;
    if (f.kind == SP_ACTIVATION_SIGMOID && k > 0.0) {
        const double value = 2.0 * k / (1.0 + sqrt(fmax(0.0, 1.0 - 4.0 * k)));
        p[0] = log(value / (1.0 - value));
        p[1] = -p[0];
    } else if (f.kind == SP_ACTIVATION_TANH && k > 0.0) {
        const double value = sqrt(fmax(0.0, 1.0 - k));
        p[0] = log(1.0 + value) - 0.5 * log(k);
        p[1] = -p[0];
    } else if (f.kind == SP_ACTIVATION_RELU) {
        p[0] = 0.0;
    } else if (f.kind == SP_ACTIVATION_HARD_SIGMOID) {
        p[0] = -f.beta / f.alpha;
        p[1] = (1.0 - f.beta) / f.alpha;
    }
}

static bool is_smooth(sp_activation f) {
    return f.kind == SP_ACTIVATION_SIGMOID || f.kind == SP_ACTIVATION_TANH;
}

/* The curvature, from the value of a smooth function. */
static double bend(sp_activation f, double value) {
    return f.kind == SP_ACTIVATION_SIGMOID ? value * (1.0 - value) * (1.0 - 2.0 * value)
                                           : -2.0 * value * (1.0 - value * value);
}

/* Of an interval in which f is a parabola, or a line. */
static sp_train_chord narrow(sp_activation f, sp_train_ends x) {
    const double mid = 0.5 * (x.lo + x.hi), w = x.hi - x.lo, value = sp_activation_value(f, mid);
    const double k = sp_train_activation_slope(f, value), c = is_smooth(f) ? bend(f, value) : 0.0;
    const double half = -0.5 * mid * c, edge = 0.125 * c * w;
    return (sp_train_chord){.k = k,
                            .offset = value - k * mid + 0.5 * edge * w,
                            .error = 0.5 * fabs(edge) * w,
                            .by_k = {0.5 * c, 0.5 * c},
                            .by_offset = {half - edge, half + edge},
                            .by_error = {-fabs(edge), fabs(edge)}};
}

sp_train_chord sp_train_chord_of(sp_activation f, sp_train_ends x) {
    const double least = 1e-4, w = x.hi - x.lo;
    const double lo = sp_activation_value(f, x.lo), hi = sp_activation_value(f, x.hi);
    const double k = (hi - lo) / w;
    double p[INNER];
    inner_points(p, f, k);
    bool inside[INNER];
    for (int i = 0; i < INNER; i++) {
        inside[i] = p[i] > x.lo && p[i] < x.hi;
    }
    if (is_smooth(f) ? !(w > least) : !inside[0] && !inside[1]) {
        return narrow(f, x);
    }
    const sp_train_ends by_k = {(k - sp_train_activation_slope(f, lo)) / w,
                                (sp_train_activation_slope(f, hi) - k) / w};
    // the constants of the two lines, and their slopes; the ends of the chord come first
    double least_c = lo - k * x.lo, most_c = least_c;
    sp_train_ends by_least = {sp_train_activation_slope(f, lo) - k - x.lo * by_k.lo,
                              -x.lo * by_k.hi};
    sp_train_ends by_most = by_least;
    for (int i = 0; i < INNER; i++) {
        const double c = inside[i] ? sp_activation_value(f, p[i]) - k * p[i] : least_c;
        const sp_train_ends by = {-p[i] * by_k.lo, -p[i] * by_k.hi};
        if (c < least_c) {
            least_c = c;
            by_least = by;
        }
        if (c > most_c) {
            most_c = c;
            by_most = by;
        }
    }
    return (sp_train_chord){
        .k = k,
        .offset = 0.5 * (least_c + most_c),
        .error = 0.5 * (most_c - least_c),
        .by_k = by_k,
        .by_offset = {0.5 * (by_least.lo + by_most.lo), 0.5 * (by_least.hi + by_most.hi)},
        .by_error = {0.5 * (by_most.lo - by_least.lo), 0.5 * (by_most.hi - by_least.hi)}};
}

void sp_train_curve_close(const sp_train_curve *curve, const sp_train_form *x) {
    for (size_t j = 0; j < x->H; j++) {
        curve->chord[j] =
            sp_train_chord_of(curve->f, sp_train_ends_of(x->box.mid[j], x->box.rad[j]));
    }
}

void sp_train_curve_open(const sp_train_curve *curve, const sp_train_form *x,
                         const sp_train_form *slope, bool meet) {
    for (size_t j = 0; j < x->H; j++) {
        const sp_train_chord *c = &curve->chord[j];
        const sp_train_ends ends = sp_train_ends_of(x->box.mid[j], x->box.rad[j]);
        sp_train_seen s = curve->slope[j];
        sp_train_ends by = {0.0, 0.0};
        double by_error = s.rest;
        if (meet) { // the value's box: the function of the ends
            by.lo =
                s.lo * sp_train_activation_slope(curve->f, sp_activation_value(curve->f, ends.lo));
            by.hi =
                s.hi * sp_train_activation_slope(curve->f, sp_activation_value(curve->f, ends.hi));
        } else { // centre +- (k range + error)
            const double radius = s.hi - s.lo;
            s.centre += s.lo + s.hi;
            s.scale += radius * x->range[j];
            slope->range[j] += radius * c->k;
            by_error += radius;
        }
        const double k = s.scale + s.centre * x->gen[j] + s.rest * x->rest[j];
        slope->gen[j] += s.centre * c->k;
        slope->rest[j] += s.rest * c->k;
        by.lo += k * c->by_k.lo + s.centre * c->by_offset.lo + by_error * c->by_error.lo;
        by.hi += k * c->by_k.hi + s.centre * c->by_offset.hi + by_error * c->by_error.hi;
        slope->box.mid[j] += by.lo + by.hi;
        slope->box.rad[j] += by.hi - by.lo;
    }
}

/* ---- operands ---- */

static sp_train_seen value_of(const sp_train_operand *a, size_t j, bool meet) {
    const sp_train_form *x = &a->x;
    const sp_train_ends ends = sp_train_ends_of(x->box.mid[j], x->box.rad[j]);
    if (a->curve == NULL) {
        return (sp_train_seen){x->gen[j], 1.0, x->rest[j], ends.lo, ends.hi};
    }
    const sp_train_chord *c = &a->curve->chord[j];
    const double centre = c->k * x->gen[j] + c->offset, radius = c->k * x->range[j] + c->error;
    sp_train_seen s = {centre, c->k, c->k * x->rest[j] + c->error, centre - radius,
                       centre + radius};
    if (meet) {
        s.lo = sp_activation_value(a->curve->f, ends.lo);
        s.hi = sp_activation_value(a->curve->f, ends.hi);
    }
    return a->complement ? (sp_train_seen){1.0 - s.centre, -s.scale, s.rest, 1.0 - s.hi, 1.0 - s.lo}
                         : s;
}

void sp_train_operand_look(const sp_train_operand *a, bool meet) {
    for (size_t j = 0; j < a->x.H; j++) {
        a->seen[j] = a->x.gen ? value_of(a, j, meet) : (sp_train_seen){0.0, 1.0, 0.0, 0.0, 0.0};
    }
}

static void add_seen(sp_train_seen *to, sp_train_seen s) {
    to->centre += s.centre;
    to->scale += s.scale;
    to->rest += s.rest;
    to->lo += s.lo;
    to->hi += s.hi;
}

void sp_train_operand_give(const sp_train_operand *a) {
    for (size_t j = 0; a->x.gen && j < a->x.H; j++) {
        const sp_train_seen s = a->back[j];
        if (a->curve && a->complement) {
            const sp_train_seen turned = {-s.centre, -s.scale, s.rest, -s.hi, -s.lo};
            add_seen(&a->curve->slope[j], turned);
        } else if (a->curve) {
            add_seen(&a->curve->slope[j], s);
        } else {
            a->slope.gen[j] += s.centre;
            a->slope.rest[j] += s.rest;
            a->slope.box.mid[j] += s.lo + s.hi;
            a->slope.box.rad[j] += s.hi - s.lo;
        }
    }
}

/* ---- sums of coefficients ---- */

/* y_p (+)= scale o x_p for all symbols of x; symbols of y beyond become (stay) what they are. */
static void add_scaled(const sp_train_form *y, const sp_train_operand *a, bool first) {
    const size_t H = y->H, symbols = a->x.gen ? a->x.symbols : 0;
    for (size_t p = 1; p <= y->symbols; p++) {
        double *to = y->gen + p * y->ld;
        const double *from = a->x.gen + p * a->x.ld;
        if (first) {
            memset(to, 0, H * sizeof *to);
        }
        for (size_t j = 0; p <= symbols && j < H; j++) {
            to[j] += a->scale[j] * from[j];
        }
    }
}

/* The way back: slopes by x_p += scale o slopes by y_p; dot [H]: sum over p of slope y_p o x_p. */
static void give_scaled(const sp_train_form *slope, const sp_train_operand *a, double *dot) {
    const size_t H = slope->H, symbols = a->x.gen ? a->x.symbols : 0;
    memset(dot, 0, H * sizeof *dot);
    for (size_t p = 1; p <= symbols; p++) {
        const double *s = slope->gen + p * slope->ld, *x = a->x.gen + p * a->x.ld;
        double *to = a->slope.gen + p * a->slope.ld;
        for (size_t j = 0; j < H; j++) {
            to[j] += a->scale[j] * s[j];
            dot[j] += s[j] * x[j];
        }
    }
}

/* ---- products ---- */

static double reach(const sp_train_seen *s) {
    return fmax(s->hi - s->centre, s->centre - s->lo);
}

static void reach_back(const sp_train_seen *s, sp_train_seen *back, double slope) {
    if (s->hi - s->centre >= s->centre - s->lo) {
        back->hi += slope;
        back->centre -= slope;
    } else {
        back->centre += slope;
        back->lo -= slope;
    }
}

/* What the coefficients of one factor are multiplied by: the other's centre. */
static void scale_by(const sp_train_operand *a, const sp_train_operand *other) {
    for (size_t j = 0; j < a->x.H; j++) {
        a->scale[j] = a->seen[j].scale * other->seen[j].centre;
    }
}

/* (x + dx)(y + dy) = x y + y dx + x dy + dx dy. */
void sp_train_form_product(const sp_train_form *y, const sp_train_operand *a,
                           const sp_train_operand *b, bool meet) {
    sp_train_operand_look(a, meet);
    sp_train_operand_look(b, meet);
    scale_by(a, b);
    scale_by(b, a);
    add_scaled(y, a, true);
    add_scaled(y, b, false);
    for (size_t j = 0; j < y->H; j++) {
        const sp_train_seen *s = &a->seen[j], *t = &b->seen[j];
        y->gen[j] = s->centre * t->centre;
        y->rest[j] = fabs(s->centre) * t->rest + fabs(t->centre) * s->rest + reach(s) * reach(t);
        if (meet) {
            const sp_train_ends bounds =
                sp_train_ends_gate((sp_train_ends){s->lo, s->hi}, (sp_train_ends){t->lo, t->hi});
            sp_train_interval_set(y->bounds, j, bounds);
        }
    }
}

/* dot: [H] the slope by the coefficients of a, before its scale. */
static void factor_back(const sp_train_operand *a, const sp_train_operand *b,
                        const sp_train_form *slope, const double *dot) {
    for (size_t j = 0; j < a->x.H; j++) {
        const sp_train_seen *s = &a->seen[j], *t = &b->seen[j];
        a->back[j].scale += dot[j] * t->centre;
        b->back[j].centre += dot[j] * s->scale;
        a->back[j].centre += slope->gen[j] * t->centre + slope->rest[j] * sign(s->centre) * t->rest;
        a->back[j].rest += slope->rest[j] * fabs(t->centre);
        reach_back(s, &a->back[j], slope->rest[j] * reach(t));
    }
}

void sp_train_form_product_back(const sp_train_form *slope, const sp_train_operand *a,
                                const sp_train_operand *b, bool meet) {
    const size_t H = slope->H;
    sp_train_operand_look(a, meet);
    sp_train_operand_look(b, meet);
    memset(a->back, 0, H * sizeof *a->back);
    memset(b->back, 0, H * sizeof *b->back);
    scale_by(a, b);
    scale_by(b, a);
    double *dot = slope->range; // open and read no more
    give_scaled(slope, a, dot);
    factor_back(a, b, slope, dot);
    give_scaled(slope, b, dot);
    factor_back(b, a, slope, dot);
    for (size_t j = 0; meet && j < H; j++) {
        const sp_train_seen *s = &a->seen[j], *t = &b->seen[j];
        sp_train_ends da = {0.0, 0.0}, db = {0.0, 0.0};
        sp_train_ends_gate_back(&da, &db, (sp_train_ends){s->lo, s->hi},
                                (sp_train_ends){t->lo, t->hi},
                                sp_train_ends_slope(slope->bounds.mid[j], slope->bounds.rad[j]));
        a->back[j].lo += da.lo;
        a->back[j].hi += da.hi;
        b->back[j].lo += db.lo;
        b->back[j].hi += db.hi;
    }
    sp_train_operand_give(a);
    sp_train_operand_give(b);
}

/* ---- sums ---- */

static void scale_all(const sp_train_operand *a, double sign_of) {
    for (size_t j = 0; j < a->x.H; j++) {
        a->scale[j] = sign_of * a->seen[j].scale;
    }
}

void sp_train_form_add(const sp_train_form *y, const sp_train_operand *a, double sign_of,
                       bool meet) {
    sp_train_operand_look(a, meet);
    scale_all(a, sign_of);
    add_scaled(y, a, false);
    for (size_t j = 0; j < y->H; j++) {
        const sp_train_seen *s = &a->seen[j];
        y->gen[j] += sign_of * s->centre;
        y->rest[j] += s->rest;
        y->bounds.mid[j] += 0.5 * sign_of * (s->lo + s->hi);
        y->bounds.rad[j] += 0.5 * (s->hi - s->lo);
    }
}

void sp_train_form_add_back(const sp_train_form *slope, const sp_train_operand *a, double sign_of,
                            bool meet) {
    double *dot = slope->range; // open and read no more
    sp_train_operand_look(a, meet);
    scale_all(a, sign_of);
    give_scaled(slope, a, dot);
    for (size_t j = 0; j < a->x.H; j++) {
        const double mid = meet ? sign_of * slope->bounds.mid[j] : 0.0;
        const double rad = meet ? slope->bounds.rad[j] : 0.0;
        const sp_train_ends ends = sp_train_ends_slope(mid, rad);
        a->back[j] = (sp_train_seen){sign_of * slope->gen[j], sign_of * dot[j], slope->rest[j],
                                     ends.lo, ends.hi};
    }
    sp_train_operand_give(a);
}
