// Objectives of the output: from its box and, where the last layer is affine, from the box of what
// that layer reads, so that what the outputs have in common cancels.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lstm/boxes/boxes.h"

/* Terms c of a sum of C products: off by at most gamma_{C+2} of their sizes, which are computed as
 * well. */
void sp_boxes_row_through(const sp_boxes *boxes, const double *weight, double *row, double *off,
                          double *constant) {
    const sp_net *net = boxes->net;
    const sp_node *last = &net->node[net->nodes - 1];
    const double C = (double)net->classes, gamma = sp_gamma(2.0 * C + 8.0), least = C * 0x1p-1070;
    double bias = 0.0, size = 0.0;
    size_t at = 0;
    for (size_t c = 0; c < net->classes; c++) {
        bias += weight[c] * last->bias[c];
        size += fabs(weight[c] * last->bias[c]);
    }
    for (size_t k = 0; k < last->terms; k++) {
        const size_t n = last->term[k].timing.taps * last->term[k].in;
        memset(row + at, 0, n * sizeof *row);
        memset(off + at, 0, n * sizeof *off);
        for (size_t c = 0; c < net->classes; c++) {
            const double *from = last->term[k].weight + c * n; /* W[c,:] */
            for (size_t j = 0; weight[c] != 0.0 && j < n; j++) {
                row[at + j] += weight[c] * from[j];
                off[at + j] += fabs(weight[c] * from[j]);
            }
        }
        at += n;
    }
    for (size_t j = 0; j < at; j++) {
        off[j] = sp_above(gamma * off[j] + least);
    }
    off[at] = sp_above(gamma * size + least);
    *constant = bias;
}

/* The lower bound of a row over a box. */
static double interval_row(size_t n, const double *row, double constant, const double *lo,
                           const double *hi) {
    double row_lo, row_hi, omega;
    sp_gpu_affine_interval(&(sp_gpu_interval_args){.at = {1, 0},
                                                   .out = 1,
                                                   .in = n,
                                                   .weight = row,
                                                   .bias = &constant,
                                                   .x = {lo, hi},
                                                   .lo = &row_lo,
                                                   .hi = &row_hi,
                                                   .omega = &omega});
    return row_lo;
}

/* The box of a clip at the frames that the last layer, an affine one, reads. */
static void read_window(sp_boxes *boxes, size_t clip, double *lo, double *hi) {
    const sp_node *last = &boxes->net->node[boxes->net->nodes - 1];
    size_t at = 0;
    for (size_t k = 0; k < last->terms; k++) {
        const sp_term *term = &last->term[k];
        const size_t frames = sp_boxes_frames(boxes, 0, term->input);
        for (size_t tap = 0; tap < term->timing.taps; tap++, at += term->in) {
            const size_t bytes = term->in * sizeof *lo;
            size_t frame = 0;
            if (sp_timing_reads(&frame, &term->timing, frames, boxes->answer, tap) &&
                clip < sp_boxes_clips_at(boxes, term->input, frame)) {
                const sp_boxes_range box = sp_boxes_range_at(
                    sp_boxes_out(boxes, term->input, frame), clip * boxes->stride);
                sp_gpu_read(boxes->gpu, lo + at, box.lo.on, bytes);
                sp_gpu_read(boxes->gpu, hi + at, box.hi.on, bytes);
            } else {
                memset(lo + at, 0, bytes);
                memset(hi + at, 0, bytes);
            }
        }
    }
}

/* scratch: row [columns] and off [columns + 1] */
static double row_through(const sp_boxes *boxes, const double *weight, size_t columns,
                          const double *lo, const double *hi, double *row) {
    double *off = row + columns, constant, lost;
    sp_boxes_row_through(boxes, weight, row, off, &constant);
    lost = off[columns];
    for (size_t j = 0; j < columns; j++) {
        lost = sp_above(lost + sp_above(off[j] * sp_iv_mag((sp_iv){lo[j], hi[j]})));
    }
    return sp_below(interval_row(columns, row, constant, lo, hi) - lost);
}

sp_status sp_boxes_raise(sp_error *err, sp_boxes *boxes, double *lower, const double *weight,
                         size_t rows) {
    const size_t classes = boxes->net->classes, last = boxes->net->nodes - 1;
    const bool through = boxes->net->node[last].kind == SP_NODE_AFFINE && !boxes->evident;
    const size_t columns = through ? boxes->constants[last].columns : 0;
    double *box = malloc((2 * classes + 4 * columns + 2) * sizeof *box);
    double *lo = box + 2 * classes, *hi = lo + columns, *row = hi + columns;
    if (box == NULL) {
        return sp_fail(err, SP_E_MEMORY, "out of memory for %zu classes", classes);
    }
    for (size_t clip = 0; clip < boxes->clips; clip++) {
        sp_boxes_output(boxes, clip, box, box + classes);
        if (through) {
            read_window(boxes, clip, lo, hi);
        }
        for (size_t r = clip * rows; r < (clip + 1) * rows; r++) {
            const double *of = weight + r * classes;
            double bound = interval_row(classes, of, 0.0, box, box + classes);
            lower[r] = bound > lower[r] ? bound : lower[r];
            bound = through ? row_through(boxes, of, columns, lo, hi, row) : -INFINITY;
            lower[r] = bound > lower[r] ? bound : lower[r]; // NaN fails
        }
    }
    free(box);
    return SP_OK;
}
