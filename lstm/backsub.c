// Back-substitution of one tile of rows of linear objectives through layers and time down to the
// samples (DeepPoly/CROWN order; seed 000, section 3; rounding: math/rounding.md).
//
// Invariant of a row at every point of the walk, for every perturbation d of the set, in real
// arithmetic:
//   objective >= sum_v coefficient_v * v(d) + bias - gamma_chain * mass.
// Each kernel treats the coefficients that it is given as exact and adds to `mass` the sum of
// absolute values, over the boxes, of the terms that it rounds; no term meets more than `chain`
// roundings.
#include <string.h>

#include "lstm/layers.h"

/* The columns [first, end) of the window of frame t meet no earlier frame: they are concretised. */
static void concretise(sp_walk *walk, size_t t, size_t first, size_t end) {
    const sp_front_bound *front = walk->bounds->front;
    sp_workspace *ws = walk->ws;
    sp_gpu_box_support(walk->rows, end - first, ws->sample + first, front->frame,
                       front->radius + t * front->step + first, ws->support);
    for (size_t r = 0; walk->gradient != NULL && r < walk->rows; r++) {
        memcpy(walk->gradient + r * front->padded + t * front->step + first,
               ws->sample + r * front->frame + first, (end - first) * sizeof(double));
    }
    for (size_t r = 0; walk->choosing && r < walk->rows; r++) {
        unsigned char *sign = ws->sign + r * sp_sign_width(front) + sp_sign_at(front, t);
        for (size_t i = first; i < end; i++) {
            sign[i] = ws->sample[r * front->frame + i] >= 0.0;
        }
    }
}

/* Moves the window of coefficients on samples from frame t+1 to frame t. */
static void shift_window(sp_walk *walk, size_t keep) {
    const size_t frame = walk->bounds->front->frame;
    for (size_t r = 0; r < walk->rows; r++) {
        double *row = walk->ws->sample + r * frame; /* sample[r,:] */
        memmove(row + (frame - keep), row, keep * sizeof(double));
        memset(row, 0, (frame - keep) * sizeof(double));
    }
}

/* Coefficients on the features of step t to those on its bands. */
static sp_rows bands_back(sp_walk *walk, size_t t, sp_rows in) {
    const sp_front_bound *front = walk->bounds->front;
    sp_workspace *ws = walk->ws;
    if (front->matrix == NULL) {
        return in;
    }
    sp_gpu_affine_bias(walk->rows, front->features, in.w, in.ld, front->matrix_bias,
                       walk->bounds->feature_omega + t * front->features, ws->bias, ws->mass);
    sp_walk_multiply(walk, front->bands, front->features, in, front->matrix, front->bands, 0.0,
                     ws->band, front->bands);
    return (sp_rows){ws->band, front->bands};
}

/* Coefficients on the bands of step t to those on its linear forms; returns how many there are.
 * */
static size_t forms_back(sp_walk *walk, size_t t, sp_rows in) {
    const sp_front_bound *front = walk->bounds->front;
    sp_workspace *ws = walk->ws;
    const sp_gpu_menu *line = &walk->bounds->line[t];
    for (size_t r = 0; walk->choosing && r < walk->rows; r++) {
        for (size_t m = 0; m < front->bands; m++) {
            ws->feature[t][r * front->bands + m] = in.w[r * in.ld + m] >= 0.0 ? 0 : 1;
        }
    }
    if (front->bins == 0) {
        sp_gpu_line_back(walk->rows, in.w, in.ld, line, front->lo_form != front->up_form, ws->form,
                         front->forms > 0 ? front->forms : front->bands, ws->bias, ws->mass);
        return front->forms;
    }
    double *squares = ws->form;
    sp_gpu_line_back(walk->rows, in.w, in.ld, line, false, ws->energy, front->bands, ws->bias,
                     ws->mass);
    sp_gpu_affine_bias(walk->rows, front->bands, ws->energy, front->bands, front->mel_bias,
                       walk->bounds->energy_omega + t * front->bands, ws->bias, ws->mass);
    sp_walk_multiply(walk, front->bins, front->bands, (sp_rows){ws->energy, front->bands},
                     front->mel, front->bins, 0.0, squares, front->bins);
    for (size_t i = 0; walk->choosing && i < walk->rows * front->bins; i++) {
        ws->bin[t][i] = squares[i] >= 0.0 ? 0 : 1;
    }
    sp_gpu_line_back(walk->rows, squares, front->bins, &walk->bounds->square[t], false, squares,
                     front->bins, ws->bias, ws->mass);
    return front->bins;
}

/* Coefficients on the features of step t: through the front end to the samples of frame t.
 * Samples that no earlier frame shares are concretised here, the others move on to frame t-1. */
static void features_back(sp_walk *walk, size_t t, sp_rows in, bool last) {
    const sp_front_bound *front = walk->bounds->front;
    const size_t forms = forms_back(walk, t, bands_back(walk, t, in));
    if (forms == 0) {
        return;
    }
    const double *matrix =
        front->bins > 0 ? front->spectrum : front->form + t * front->forms * front->frame;
    const size_t keep = front->joint && front->step < front->frame ? front->frame - front->step : 0;
    const bool carried = front->joint && t != walk->start->t;
    if (carried) {
        shift_window(walk, keep);
    }
    sp_walk_multiply(walk, front->frame, forms, (sp_rows){walk->ws->form, forms}, matrix,
                     front->frame, carried ? 1.0 : 0.0, walk->ws->sample, front->frame);
    concretise(walk, t, last ? 0 : keep, front->frame);
}

void sp_walk_back(sp_walk *walk) {
    const sp_net *net = walk->bounds->net;
    const sp_start *start = walk->start;
    const size_t end = start->layer == SP_NO_LAYER ? 0 : start->layer + 1;
    const size_t highest = sp_highest_recurrent(net, end);
    memset(walk->ws->bias, 0, SP_TILE * sizeof(double));
    memset(walk->ws->mass, 0, SP_TILE * sizeof(double));
    memset(walk->ws->support, 0, SP_TILE * sizeof(double));
    for (size_t t = start->t;; t--) {
        const bool first = t == start->t;
        const bool last = t == 0 || highest == SP_NO_LAYER;
        sp_rows rows = first ? start->output : sp_no_rows;
        for (size_t l = first ? end : highest + 1; l-- > 0;) {
            const sp_layer_ops *ops = sp_layer_ops_of(&net->layer[l]);
            const bool inside = first && l == start->layer && start->output.w == NULL;
            rows = inside ? ops->start(walk, l, t) : ops->back(walk, l, t, rows);
        }
        features_back(walk, t, rows, last);
        if (last) {
            return;
        }
    }
}
