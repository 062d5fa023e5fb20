/* Interval rules of single numbers, there and back: what cells are made of. */
#ifndef SP_TRAIN_INTERVAL_RULES_H
#define SP_TRAIN_INTERVAL_RULES_H

#include "train/impl.h"

/** sp_train_ends - the two ends of an interval, or the slopes of the loss by them. */
typedef struct sp_train_ends {
    double lo, hi;
} sp_train_ends;

/** sp_train_ends_of - of a centre and a half width. sp_train_ends_slope - of the slopes by these
 *  two. */
static inline sp_train_ends sp_train_ends_of(double mid, double rad) {
    const sp_train_ends r = {mid - rad, mid + rad};
    return r;
}
static inline sp_train_ends sp_train_ends_slope(double mid, double rad) {
    const sp_train_ends r = {0.5 * (mid - rad), 0.5 * (mid + rad)};
    return r;
}

/** sp_train_ends_activate - by an activation that does not fall. sp_train_ends_activate_back - the
 *  slopes before it, from its values. */
static inline sp_train_ends sp_train_ends_activate(sp_activation activation, sp_train_ends x) {
    const sp_train_ends r = {sp_activation_value(activation, x.lo),
                             sp_activation_value(activation, x.hi)};
    return r;
}
static inline sp_train_ends sp_train_ends_activate_back(sp_activation activation,
                                                        sp_train_ends value, sp_train_ends slope) {
    const sp_train_ends r = {slope.lo * sp_train_activation_slope(activation, value.lo),
                             slope.hi * sp_train_activation_slope(activation, value.hi)};
    return r;
}

/** sp_train_ends_gate - a b for a >= 0. sp_train_ends_gate_back - adds to the slopes by a and by
 *  b. */
static inline sp_train_ends sp_train_ends_gate(sp_train_ends a, sp_train_ends b) {
    const sp_train_ends r = {b.lo >= 0.0 ? a.lo * b.lo : a.hi * b.lo,
                             b.hi >= 0.0 ? a.hi * b.hi : a.lo * b.hi};
    return r;
}
static inline void sp_train_ends_gate_back(sp_train_ends *da, sp_train_ends *db, sp_train_ends a,
                                           sp_train_ends b, sp_train_ends slope) {
    *(b.lo >= 0.0 ? &da->lo : &da->hi) += slope.lo * b.lo;
    *(b.hi >= 0.0 ? &da->hi : &da->lo) += slope.hi * b.hi;
    db->lo += slope.lo * (b.lo >= 0.0 ? a.lo : a.hi);
    db->hi += slope.hi * (b.hi >= 0.0 ? a.hi : a.lo);
}

/** sp_train_pair - two arrays of ends: element k is {lo[k], hi[k]}. */
typedef struct sp_train_pair {
    double *lo, *hi;
} sp_train_pair;
static inline sp_train_ends sp_train_pair_get(sp_train_pair p, size_t k) {
    const sp_train_ends r = {p.lo[k], p.hi[k]};
    return r;
}
static inline void sp_train_pair_set(sp_train_pair p, size_t k, sp_train_ends x) {
    p.lo[k] = x.lo;
    p.hi[k] = x.hi;
}
/** sp_train_pair_slope - replaces the ends of a number by the slopes of its centre and half
 *  width. */
static inline void sp_train_pair_slope(sp_train_pair p, size_t k, sp_train_ends slope) {
    p.lo[k] = slope.lo + slope.hi;
    p.hi[k] = slope.hi - slope.lo;
}
static inline sp_train_pair sp_train_pair_of(double *first, size_t count) {
    const sp_train_pair r = {first, first + count};
    return r;
}

/** sp_train_interval_set - element k of a box from its ends. */
static inline void sp_train_interval_set(sp_train_interval box, size_t k, sp_train_ends x) {
    box.mid[k] = 0.5 * (x.lo + x.hi);
    box.rad[k] = 0.5 * (x.hi - x.lo);
}

#endif
