// Objectives of the output, from the forms of the last layer or, where it is affine, of what that
// layer reads.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lstm/zonotope/impl.h"

sp_zonotope_form *sp_zonotope_at(const sp_zonotope *z, size_t node, size_t frame) {
    const sp_boxes *boxes = &z->boxes;
    if (node == boxes->source) {
        return z->features + frame;
    }
    const size_t frames = sp_boxes_frames(boxes, 0, node);
    return z->out + boxes->first[node] +
           sp_boxes_step_frame(&boxes->net->node[node], frame, frames);
}

size_t sp_zonotope_parts(const sp_zonotope *z, size_t i, size_t t, const double *matrix,
                         size_t ld) {
    const sp_boxes *boxes = &z->boxes;
    const sp_node *node = &boxes->net->node[i];
    size_t parts = 0, column = 0;
    for (size_t k = 0; k < node->terms; k++) {
        const sp_term *term = &node->term[k];
        for (size_t tap = 0; tap < term->timing.taps; tap++, column += term->in) {
            const size_t frames = sp_boxes_frames(boxes, 0, term->input);
            size_t reads = 0;
            if (sp_timing_reads(&reads, &term->timing, frames, t, tap)) {
                z->part[parts++] =
                    (sp_zonotope_part){matrix + column, ld, sp_zonotope_at(z, term->input, reads)};
            }
        }
    }
    return parts;
}

/* An objective of the output. */
static void take_row(sp_zonotope *z, sp_zonotope_form *to, const double *weight) {
    const sp_net *net = z->boxes.net;
    const sp_zonotope_part part = {weight, net->classes,
                                   sp_zonotope_at(z, net->nodes - 1, z->boxes.answer)};
    sp_zonotope_image(z, to, 0, 1, &part, 1, NULL);
}

/* The same of a layer before it, so that what its outputs have in common cancels: errors have no
 * symbols that would. scratch: row [columns], off [columns + 1] */
static void take_row_through(sp_zonotope *z, sp_zonotope_form *to, const double *weight,
                             double *row) {
    const sp_boxes *boxes = &z->boxes;
    const size_t last = boxes->net->nodes - 1, K = boxes->constants[last].columns;
    double *off = row + K, bias = 0.0;
    sp_boxes_row_through(boxes, weight, row, off, &bias);
    const size_t parts = sp_zonotope_parts(z, last, boxes->answer, row, K);
    memset(to->generator, 0, parts == 0 ? z->capacity * sizeof(double) : 0);
    sp_zonotope_image(z, to, 0, 1, z->part, parts, &bias);
    double lost = off[K];
    for (size_t p = 0, at = 0; p < parts; p++) {
        const double *of_part = off + (z->part[p].matrix - row);
        for (size_t j = 0; j < z->part[p].x->n; j++, at++) {
            lost = sp_above(lost + sp_above(of_part[j] * z->scratch[at]));
        }
    }
    to->noise[0] = sp_above(to->noise[0] + lost);
}

void sp_zonotope_answer(void *self, size_t frame, const double *goal) {
    ((sp_zonotope *)self)->boxes.answer = frame;
    (void)goal;
}

sp_status sp_zonotope_margins(sp_error *err, void *self, double *lower, double *error,
                              const double *weight, size_t rows) {
    sp_zonotope *z = self;
    const sp_net *net = z->boxes.net;
    const bool through = net->node[net->nodes - 1].kind == SP_NODE_AFFINE;
    const size_t columns = through ? z->boxes.constants[net->nodes - 1].columns : 0;
    SP_TRY(sp_boxes_check_objectives(err, weight, rows * net->classes));
    double *row = calloc(z->capacity + 3 + 2 * columns, sizeof *row);
    if (row == NULL) {
        return sp_fail(err, SP_E_MEMORY, "out of memory for %zu rows", rows);
    }
    sp_zonotope_form to = {1, row, row + 1, row + 2};
    for (size_t r = 0; r < rows; r++) {
        if (through) {
            take_row_through(z, &to, weight + r * net->classes, row + 2 + z->capacity);
        } else {
            take_row(z, &to, weight + r * net->classes);
        }
        const double bound = sp_zonotope_range(z, &to, 0).lo;
        lower[r] = bound > -INFINITY && bound < INFINITY ? bound : -INFINITY; // NaN fails
        if (error != NULL) {
            error[r] = isfinite(to.noise[0]) ? to.noise[0] : 0.0;
        }
    }
    free(row);
    return z->options.rules.alone ? SP_OK : sp_boxes_raise(err, &z->boxes, lower, weight, rows);
}
