// Final rows of all clips of a batch, by way of the memory of a backend that has its own.
#include <stdlib.h>
#include <string.h>

#include "lstm/impl.h"

/* Rows [first, first + count) of every clip. buffer: [batch, count, classes]. */
static void some_rows(sp_bounds *bounds, double *lower, double *error, const double *weight,
                      size_t rows, size_t first, size_t count, double *buffer) {
    const size_t classes = bounds->net->classes, apart = bounds->apart;
    for (size_t clip = 0; clip < bounds->batch; clip++) {
        memcpy(buffer + clip * count * classes, weight + (clip * rows + first) * classes,
               count * classes * sizeof *buffer);
    }
    sp_gpu_write(bounds->gpu, bounds->objective, buffer,
                 bounds->batch * count * classes * sizeof *buffer);
    const sp_start start = {.t = bounds->fronts[0]->frames,
                            .layer = bounds->net->layers - 1,
                            .joined = true,
                            .output = {bounds->objective, classes}};
    sp_lower_rows(bounds, bounds->box_lower, bounds->row_error, apart, &start, count,
                  bounds->options.row_iterations, bounds->options.stop_positive);
    for (size_t clip = 0; clip < bounds->batch; clip++) {
        sp_gpu_read(bounds->gpu, lower + clip * rows + first, bounds->box_lower + clip * apart,
                    count * sizeof *lower);
        if (error != NULL) {
            sp_gpu_read(bounds->gpu, error + clip * rows + first, bounds->row_error + clip * apart,
                        count * sizeof *error);
        }
    }
}

/* The box of the logits of a clip. */
static void read_top(sp_bounds *bounds, size_t clip, double *lo, double *hi) {
    const size_t t = bounds->fronts[clip]->frames - 1, bytes = bounds->net->classes * sizeof *lo;
    const sp_state *top = sp_state_at(bounds, t, bounds->net->layers - 1);
    sp_gpu_read(bounds->gpu, lo, top->out_lo + clip * bounds->stride, bytes);
    sp_gpu_read(bounds->gpu, hi, top->out_hi + clip * bounds->stride, bytes);
}

sp_status sp_far_rows(sp_error *err, sp_bounds *bounds, double *lower, double *error,
                      const double *weight, size_t rows) {
    const size_t classes = bounds->net->classes;
    const size_t most = rows < bounds->tile ? rows : bounds->tile;
    double *buffer = malloc((bounds->batch * most + 2) * classes * sizeof *buffer);
    if (buffer == NULL) {
        return sp_fail(err, SP_E_MEMORY, "out of memory for %zu rows", rows);
    }
    for (size_t first = 0; first < rows; first += most) {
        some_rows(bounds, lower, error, weight, rows, first,
                  rows - first < most ? rows - first : most, buffer);
    }
    for (size_t clip = 0; clip < bounds->batch; clip++) {
        read_top(bounds, clip, buffer, buffer + classes);
        sp_raise_by_intervals(bounds, lower + clip * rows, weight + clip * rows * classes, rows,
                              buffer, buffer + classes);
    }
    free(buffer);
    return sp_gpu_sync(err, bounds->gpu);
}
