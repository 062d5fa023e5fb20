/* Band energies under a box of noise: d' Q d <= sum_i D_i r_i^2 with the diagonal D >= Q. */
#include "preprocess/bound/impl.h"

static double square(const sp_frame *frame, const sp_band *band, double fact) {
    const size_t n = frame->forms->layout->used;
    double sum = 0.0;
    (void)fact;
    for (size_t i = 0; i < n; i++) {
        sum += band->diagonal[i] * (frame->r[i] * frame->r[i]);
    }
    return sp_front_up(sum, (double)n + 2.0);
}

const sp_front_set sp_front_set_box = {.square = square};
