/* Band energies under an l1 ball: d' Q d is convex, so it is largest at a vertex, all of the noise
 * in one sample, where it is r_i^2 Q_ii. Source: docs/theory/noise-sets.md 6. */
#include <math.h>

#include "preprocess/bound/impl.h"

/* The largest Q_ii. */
static double fact(const sp_band *band, const sp_stage *spectrum) {
    double largest = 0.0;
    for (size_t i = 0; i < spectrum->in; i++) {
        double sum = 0.0;
        for (size_t k = 0; k < band->rows; k++) {
            const double f = spectrum->matrix[band->row[k] * spectrum->in + i];
            sum += band->weight[k] * (f * f);
        }
        largest = fmax(largest, sum);
    }
    return sp_front_up(largest, (double)band->rows + 2.0);
}

static double square(const sp_frame *frame, const sp_band *band, double entry) {
    double largest = 0.0;
    (void)band;
    for (size_t i = 0; i < frame->forms->layout->used; i++) {
        largest = fmax(largest, sp_above(frame->r[i] * frame->r[i]));
    }
    return sp_above(largest * entry);
}

const sp_front_set sp_front_set_l1 = {.fact = fact, .square = square};
