// Rows on the part of the noise set in a halfspace. Every d of the part has
// slope . d + offset <= 0, so for any g >= 0
//   c . d >= c . d + g (slope . d + offset) >= g offset - sum_i |c_i + g slope_i| radius_i,
// concave in g. Whatever g is found, the bound that it gives is proved. Source:
// docs/theory/halfspaces.md 2.
#include <math.h>

#include "lstm/backsub/impl.h"

enum { DOUBLINGS = 40, HALVINGS = 8 };

/* What the walk proved of one row, and where. */
typedef struct sp_part {
    const sp_halfspace *half;
    const double *c, *radius; /* [n] */
    size_t n;
} sp_part;

/* g offset - sum |c + g slope| radius; *rise: its derivative by g. */
static double value_at(const sp_part *part, double g, double *rise) {
    const double *SP_RESTRICT c = part->c, *SP_RESTRICT radius = part->radius;
    const double *SP_RESTRICT slope = part->half->slope;
    double sum = 0.0, turn = 0.0;
#pragma omp simd reduction(+ : sum, turn)
    for (size_t i = 0; i < part->n; i++) {
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
static double best_share(const sp_part *part, double scale) {
    double rise, share = 0.0, lo = 0.0;
    double best = value_at(part, 0.0, &rise);
    double hi = scale > 0.0 ? -best / scale : 0.0;
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

/* The sums of a row, in memory of the program: halfspaces are not known to a device. */
typedef struct sp_row_sums {
    double *c, *bias, *mass, *support; /* c [padded] */
    unsigned char *sign;               /* NULL, or [width] */
    size_t width;
} sp_row_sums;

/* Moves a row to c + g slope. The new coefficients are rounded twice each: with g offset they go to
 * the mass. */
static void move_row(const sp_part *part, const sp_row_sums *row, double g, double scale) {
    const sp_halfspace *half = part->half;
    double *SP_RESTRICT c = row->c;
    double sum = 0.0;
#pragma omp simd reduction(+ : sum)
    for (size_t i = 0; i < part->n; i++) {
        c[i] += g * half->slope[i];
        sum += fabs(c[i]) * part->radius[i];
    }
    *row->mass += *row->support + g * scale + fabs(g * half->offset);
    *row->bias += g * half->offset;
    *row->support = sum;
    for (size_t i = 0; row->sign != NULL && i < row->width; i++) {
        row->sign[i] = c[i] >= 0.0;
    }
}

void sp_walk_within(sp_walk *walk) {
    const sp_boxes *boxes = &walk->self->boxes;
    const sp_front_bound *front = boxes->front;
    const sp_halfspace *half = walk->self->within;
    double *slope = sp_program_array(boxes, walk->ws->slope);
    double *bias = sp_program_array(boxes, walk->ws->bias);
    double *mass = sp_program_array(boxes, walk->ws->mass);
    double *support = sp_program_array(boxes, walk->ws->support);
    const size_t width = sp_sign_width(front);
    double scale = (double)front->padded * SP_IV_LEAST; // g may be large
    for (size_t i = 0; i < front->padded; i++) {
        scale += fabs(half->slope[i]) * front->radius[i];
    }
    for (size_t r = 0; r < walk->rows; r++) {
        const sp_part part = {half, slope + r * front->padded, front->radius, front->padded};
        const double g = best_share(&part, scale);
        if (g > 0.0) {
            move_row(&part,
                     &(sp_row_sums){slope + r * front->padded, bias + r, mass + r, support + r,
                                    walk->choosing ? walk->ws->sign + r * width : NULL, width},
                     g, scale);
        }
    }
}
