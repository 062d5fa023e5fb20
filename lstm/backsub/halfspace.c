// Rows on the part of the noise set in halfspaces. Every d of the part has
// slope_k . d + offset_k <= 0, so for any g_k >= 0
//   c . d >= c . d + sum_k g_k (slope_k . d + offset_k)
//         >= sum_k g_k offset_k - sum_i |c_i + sum_k g_k slope_ki| radius_i,
// concave in g: one g_k after the other is raised to where it is best. Whatever g is found, the
// bound that it gives is proved. Source: docs/theory/halfspaces.md 2.
#include <math.h>

#include "lstm/backsub/impl.h"

enum { DOUBLINGS = 40, HALVINGS = 8, ROUNDS = 2 };

/* A row and a halfspace where that has a slope, samples [first, end). */
typedef struct sp_part {
    const sp_halfspace *half;
    double *c;
    const double *radius;
    size_t first, end;
    double scale; /* sum |slope| radius */
} sp_part;

/* g offset - sum |c + g slope| radius; *rise: its derivative by g. */
static double value_at(const sp_part *part, double g, double *rise) {
    const double *SP_RESTRICT c = part->c, *SP_RESTRICT radius = part->radius;
    const double *SP_RESTRICT slope = part->half->slope;
    double sum = 0.0, turn = 0.0;
#pragma omp simd reduction(+ : sum, turn)
    for (size_t i = part->first; i < part->end; i++) {
        const double w = c[i] + g * slope[i], v = slope[i] * radius[i];
        sum += fabs(w) * radius[i];
        turn += w >= 0.0 ? v : -v;
    }
    *rise = part->half->offset - turn;
    return g * part->half->offset - sum;
}

/* Keeps g in *share where it is better; returns whether a larger g may be better still. */
static bool try_share(const sp_part *part, double g, double *best, double *share) {
    double rise;
    const double value = value_at(part, g, &rise);
    if (value > *best) {
        *best = value;
        *share = g;
    }
    return rise > 0.0;
}

/* The best g that was met; on a part without any noise the value grows for ever. */
static double best_share(const sp_part *part) {
    double rise, share = 0.0, lo = 0.0;
    double best = value_at(part, 0.0, &rise);
    double hi = part->scale > 0.0 ? -best / part->scale : 0.0;
    if (!(rise > 0.0) || !(hi > 0.0) || !isfinite(hi)) {
        return 0.0;
    }
    for (int k = 0; k < DOUBLINGS && try_share(part, hi, &best, &share); k++) {
        lo = hi;
        hi *= 2.0;
    }
    for (int k = 0; k < HALVINGS; k++) {
        const double middle = 0.5 * (lo + hi);
        *(try_share(part, middle, &best, &share) ? &lo : &hi) = middle;
    }
    return share;
}

/* Moves a row to c + g slope. The new coefficients are rounded twice each: with g offset they go to
 * the mass. */
static void move_row(const sp_part *part, double g, double support, double *bias, double *mass) {
    const sp_halfspace *half = part->half;
    double *SP_RESTRICT c = part->c;
    for (size_t i = part->first; i < part->end; i++) {
        c[i] += g * half->slope[i];
    }
    *mass += support + g * part->scale + fabs(g * half->offset);
    *bias += g * half->offset;
}

static double support_of(const double *c, const double *radius, size_t n) {
    double sum = 0.0;
#pragma omp simd reduction(+ : sum)
    for (size_t i = 0; i < n; i++) {
        sum += fabs(c[i]) * radius[i];
    }
    return sum;
}

static sp_part part_of(const sp_halfspace *half, const sp_front_bound *front) {
    sp_part part = {half, NULL, front->radius, front->padded, 0, 0.0};
    part.scale = (double)front->padded * SP_IV_LEAST; // g may be large
    for (size_t i = 0; i < front->padded; i++) {
        if (half->slope[i] != 0.0) {
            part.first = i < part.first ? i : part.first;
            part.end = i + 1;
            part.scale += fabs(half->slope[i]) * front->radius[i];
        }
    }
    return part;
}

void sp_walk_within(sp_walk *walk) {
    const sp_boxes *boxes = &walk->self->boxes;
    const sp_front_bound *front = boxes->front;
    const sp_backsub_part *within = &walk->self->part;
    const size_t n = front->padded, width = sp_backsub_sign_width(front);
    double *slope = sp_boxes_program(boxes, walk->ws->slope);
    double *bias = sp_boxes_program(boxes, walk->ws->bias);
    double *mass = sp_boxes_program(boxes, walk->ws->mass);
    double *support = sp_boxes_program(boxes, walk->ws->support);
    sp_part part[SP_BACKSUB_MOST_SPLITS + 1];
    for (size_t k = 0; k < within->halves; k++) {
        part[k] = part_of(within->half[k], front);
    }
    for (size_t r = 0; r < walk->rows; r++) {
        double *c = slope + r * n;
        bool moved = false, again = true;
        for (int round = 0; round < ROUNDS && again; round++) {
            again = false;
            for (size_t k = 0; k < within->halves; k++) {
                part[k].c = c;
                const double g = best_share(&part[k]);
                if (g > 0.0) {
                    move_row(&part[k], g, support[r], bias + r, mass + r);
                    support[r] = support_of(c, front->radius, n);
                    moved = true;
                    again = within->halves > 1;
                }
            }
        }
        for (size_t i = 0; moved && walk->choosing && i < width; i++) {
            walk->ws->sign[r * width + i] = c[i] >= 0.0;
        }
    }
}
