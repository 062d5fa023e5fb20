/* Interval rules of single numbers, there and back: what cells are made of. */
#ifndef SP_TRAIN_BALL_RULES_H
#define SP_TRAIN_BALL_RULES_H

#include "train/impl.h"

/** sp_ends - the two ends of an interval, or the slopes of the loss by them. */
typedef struct sp_ends {
    double lo, hi;
} sp_ends;

/** sp_ends_of - of a centre and a half width. sp_ends_slope - of the slopes by these two. */
static inline sp_ends sp_ends_of(double mid, double rad) {
    const sp_ends r = {mid - rad, mid + rad};
    return r;
}
static inline sp_ends sp_ends_slope(double mid, double rad) {
    const sp_ends r = {0.5 * (mid - rad), 0.5 * (mid + rad)};
    return r;
}

/** sp_ends_activate - by an activation that does not fall. sp_ends_activate_back - the slopes
 *  before it, from its values. */
static inline sp_ends sp_ends_activate(sp_activation activation, sp_ends x) {
    const sp_ends r = {sp_activation_value(activation, x.lo),
                       sp_activation_value(activation, x.hi)};
    return r;
}
static inline sp_ends sp_ends_activate_back(sp_activation activation, sp_ends value,
                                            sp_ends slope) {
    const sp_ends r = {slope.lo * sp_activation_slope(activation, value.lo),
                       slope.hi * sp_activation_slope(activation, value.hi)};
    return r;
}

/** sp_ends_gate - a b for a >= 0. sp_ends_gate_back - adds to the slopes by a and by b. */
static inline sp_ends sp_ends_gate(sp_ends a, sp_ends b) {
    const sp_ends r = {b.lo >= 0.0 ? a.lo * b.lo : a.hi * b.lo,
                       b.hi >= 0.0 ? a.hi * b.hi : a.lo * b.hi};
    return r;
}
static inline void sp_ends_gate_back(sp_ends *da, sp_ends *db, sp_ends a, sp_ends b,
                                     sp_ends slope) {
    *(b.lo >= 0.0 ? &da->lo : &da->hi) += slope.lo * b.lo;
    *(b.hi >= 0.0 ? &da->hi : &da->lo) += slope.hi * b.hi;
    db->lo += slope.lo * (b.lo >= 0.0 ? a.lo : a.hi);
    db->hi += slope.hi * (b.hi >= 0.0 ? a.hi : a.lo);
}

/** sp_pair - two arrays of ends: element k is {lo[k], hi[k]}. */
typedef struct sp_pair {
    double *lo, *hi;
} sp_pair;
static inline sp_ends sp_pair_get(sp_pair p, size_t k) {
    const sp_ends r = {p.lo[k], p.hi[k]};
    return r;
}
static inline void sp_pair_set(sp_pair p, size_t k, sp_ends x) {
    p.lo[k] = x.lo;
    p.hi[k] = x.hi;
}
/** sp_pair_slope - replaces the ends of a number by the slopes of its centre and half width. */
static inline void sp_pair_slope(sp_pair p, size_t k, sp_ends slope) {
    p.lo[k] = slope.lo + slope.hi;
    p.hi[k] = slope.hi - slope.lo;
}
static inline sp_pair sp_pair_of(double *first, size_t count) {
    const sp_pair r = {first, first + count};
    return r;
}

/** sp_ball_set - element k of a box from its ends. */
static inline void sp_ball_set(sp_ball box, size_t k, sp_ends x) {
    box.mid[k] = 0.5 * (x.lo + x.hi);
    box.rad[k] = 0.5 * (x.hi - x.lo);
}

#endif
