/* Sequences of numbers, which need no front end. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "preprocess/impl.h"

sp_status sp_front_sequence(sp_error *err, sp_front **front, size_t width) {
    *front = NULL;
    if (width == 0) {
        return sp_fail(err, SP_E_ARGUMENT, "a row has at least one number");
    }
    sp_front *made = calloc(1, sizeof *made);
    if (made == NULL) {
        return sp_fail(err, SP_E_MEMORY, "out of memory for a front end");
    }
    made->sequence = true;
    made->base = width;
    made->layout = (sp_front_layout){.full_scale = 1.0,
                                     .frame = width,
                                     .step = width,
                                     .used = width,
                                     .bands = width,
                                     .features = width};
    *front = made;
    return SP_OK;
}

size_t sp_front_width(const sp_front *front) {
    return front->sequence ? front->layout.features : 0;
}

sp_status sp_front_sequence_run(sp_error *err, const sp_front *front, double *features,
                                const double *samples, size_t n) {
    if (n == 0 || n % front->layout.step != 0) {
        return sp_fail(err, SP_E_MISMATCH, "%zu numbers are no rows of %zu", n, front->layout.step);
    }
    for (size_t i = 0; i < n; i++) {
        if (!isfinite(samples[i])) {
            return sp_fail(err, SP_E_NONFINITE, "number %zu is not finite", i);
        }
    }
    memcpy(features, samples, n * sizeof *features);
    return SP_OK;
}

void sp_front_sequence_gradient(double *gradient, const double *slope, size_t rows, size_t n) {
    memcpy(gradient, slope, rows * n * sizeof *gradient);
}
