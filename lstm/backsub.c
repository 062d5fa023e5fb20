// Back-substitution of one tile of rows of linear objectives through layers and time down to the
// samples: docs/theory/graph.md 2; rounding: docs/theory/rounding.md 3.
//
// Invariant of a row at every point of the walk, for every perturbation d of the set, in real
// arithmetic:
//   objective >= sum_v coefficient_v * v(d) + bias - gamma_chain * mass.
// Each kernel treats the coefficients that it is given as exact and adds to `mass` the sum of
// absolute values, over the boxes, of the terms that it rounds; no term meets more than `chain`
// roundings.
#include <string.h>

#include "lstm/layers.h"

/* Signs of the coefficients c [rows, frame] on samples [first, end) of frame t; NULL: 0. */
static void record_signs(sp_walk *walk, size_t t, size_t first, size_t end, const double *c) {
    const sp_front_bound *front = walk->bounds->front;
    sp_gpu_signs(walk->bounds->gpu,
                 &(sp_gpu_signs_args){.rows = walk->rows,
                                      .n = end - first,
                                      .c = c != NULL ? c + first : NULL,
                                      .ldc = front->frame,
                                      .sign = walk->ws->sign + sp_sign_at(front, t) + first,
                                      .lds = sp_sign_width(front)});
}

/* The columns [first, end) of the window of frame t meet no earlier frame: they are concretised. */
static void concretise(sp_walk *walk, size_t t, size_t first, size_t end) {
    const sp_front_bound *front = walk->bounds->front;
    sp_workspace *ws = walk->ws;
    sp_gpu_support(walk->bounds->gpu,
                   &(sp_gpu_support_args){.at = sp_walk_at(walk),
                                          .n = end - first,
                                          .c = ws->sample + first,
                                          .ldc = front->frame,
                                          .radius = front->radius + t * front->step + first,
                                          .out = ws->support});
    for (size_t r = 0; walk->gradient != NULL && r < walk->rows; r++) {
        memcpy(walk->gradient + r * front->padded + t * front->step + first,
               ws->sample + r * front->frame + first, (end - first) * sizeof(double));
    }
    if (walk->choosing) {
        record_signs(walk, t, first, end, ws->sample);
    }
}

/* The first `keep` columns of the window of frame t+1 are the last ones of that of frame t: they
 * wait in ws->carry while the window is computed anew, and are added to it. */
static void take_carry(sp_walk *walk, size_t keep) {
    const size_t frame = walk->bounds->front->frame;
    sp_gpu_copy(walk->bounds->gpu, &(sp_gpu_copy_args){.rows = walk->rows,
                                                       .n = keep,
                                                       .from = walk->ws->sample,
                                                       .ldf = frame,
                                                       .period = walk->rows,
                                                       .to = walk->ws->carry,
                                                       .ldt = keep});
}

static void add_carry(sp_walk *walk, size_t keep) {
    const size_t frame = walk->bounds->front->frame;
    double *end = walk->ws->sample + (frame - keep);
    sp_gpu_add(walk->bounds->gpu, &(sp_gpu_add_args){.rows = walk->rows,
                                                     .n = keep,
                                                     .a = end,
                                                     .b = walk->ws->carry,
                                                     .lda = frame,
                                                     .ldb = keep,
                                                     .to = end,
                                                     .ldt = frame});
}

/* Coefficients on the features of step t to those on its bands. */
static sp_rows bands_back(sp_walk *walk, size_t t, sp_rows in) {
    const sp_front_bound *front = walk->bounds->front;
    sp_workspace *ws = walk->ws;
    if (front->matrix == NULL) {
        return in;
    }
    const double *omega = walk->bounds->feature_omega + t * front->features;
    sp_walk_affine(walk, front->features, in, front->matrix_bias, omega);
    sp_walk_multiply(walk, front->bands, front->features, in, omega, front->matrix, front->bands,
                     0.0, ws->band, front->bands);
    return (sp_rows){ws->band, front->bands};
}

/* The same for the joint front end: the squares of the noise in all bands are bounded together. */
static void joint_back(sp_walk *walk, size_t t, sp_rows in) {
    const sp_front_bound *front = walk->bounds->front;
    sp_workspace *ws = walk->ws;
    const sp_gpu_menu *line = &walk->bounds->line[t];
    if (walk->choosing) {
        sp_gpu_pick(walk->bounds->gpu, &(sp_gpu_pick_args){.at = sp_walk_at(walk),
                                                           .w = in.w,
                                                           .ldw = in.ld,
                                                           .planes = *line,
                                                           .choice = ws->feature[t],
                                                           .x = ws->form,
                                                           .ldx = front->forms,
                                                           .bias = ws->bias,
                                                           .mass = ws->mass});
    } else {
        sp_walk_scalars(walk, in, line, false, ws->form, front->forms);
    }
    sp_gpu_squares(walk->bounds->gpu,
                   &(sp_gpu_squares_args){.at = sp_walk_at(walk),
                                          .bands = front->bands,
                                          .peaks = front->peaks,
                                          .x = ws->form,
                                          .ldx = front->forms,
                                          .square = front->square + t * front->bands,
                                          .energy = front->energy + t,
                                          .peak = front->peak,
                                          .highest = walk->choosing ? ws->peak[t] : NULL,
                                          .bias = ws->bias,
                                          .mass = ws->mass});
}

/* Coefficients on the bands of step t to those on its linear forms; returns how many there are.
 * */
static size_t forms_back(sp_walk *walk, size_t t, sp_rows in) {
    const sp_front_bound *front = walk->bounds->front;
    sp_workspace *ws = walk->ws;
    const sp_gpu_menu *line = &walk->bounds->line[t];
    if (front->tangents > 0) {
        joint_back(walk, t, in);
        return front->forms;
    }
    for (size_t r = 0; walk->choosing && r < walk->rows; r++) {
        for (size_t m = 0; m < front->bands; m++) {
            ws->feature[t][r * front->bands + m] = in.w[r * in.ld + m] >= 0.0 ? 0 : 1;
        }
    }
    if (front->bins == 0) {
        sp_walk_scalars(walk, in, line, front->lo_form != front->up_form, ws->form,
                        front->forms > 0 ? front->forms : front->bands);
        return front->forms;
    }
    double *squares = ws->form;
    const double *omega = walk->bounds->energy_omega + t * front->bands;
    const sp_rows energy = {ws->energy, front->bands};
    sp_walk_scalars(walk, in, line, false, ws->energy, front->bands);
    sp_walk_affine(walk, front->bands, energy, front->mel_bias, omega);
    sp_walk_multiply(walk, front->bins, front->bands, energy, omega, front->mel, front->bins, 0.0,
                     squares, front->bins);
    for (size_t i = 0; walk->choosing && i < walk->rows * front->bins; i++) {
        ws->bin[t][i] = squares[i] >= 0.0 ? 0 : 1;
    }
    sp_walk_scalars(walk, (sp_rows){squares, front->bins}, &walk->bounds->square[t], false, squares,
                    front->bins);
    return front->bins;
}

/* Coefficients on the forms of frame t to those on its samples. Each clip has forms of its own. */
static void multiply_forms(sp_walk *walk, size_t t, size_t forms) {
    const sp_bounds *bounds = walk->bounds;
    const sp_front_bound *front = bounds->front;
    const size_t frame = front->frame, clips = walk->rows / walk->span;
    sp_workspace *ws = walk->ws;
    if (bounds->forms_narrow) {
        sp_single_multiply(
            walk, &(sp_single_product){.n = frame,
                                       .k = forms,
                                       .count = clips,
                                       .step = bounds->stride * (sizeof(double) / sizeof(float)),
                                       .ldb = frame,
                                       .ldc = frame,
                                       .a = {ws->form, forms},
                                       .omega = bounds->form_min + t * forms,
                                       .b = bounds->form_single + t * forms * frame,
                                       .c = ws->sample});
    } else {
        sp_gpu_multiply(bounds->gpu,
                        &(sp_gpu_multiply_args){.m = walk->span,
                                                .n = frame,
                                                .k = forms,
                                                .a = ws->form,
                                                .lda = forms,
                                                .b = front->bins > 0
                                                         ? front->spectrum
                                                         : front->form + t * front->forms * frame,
                                                .ldb = frame,
                                                .c = ws->sample,
                                                .ldc = frame,
                                                .count = clips,
                                                .a_step = walk->span * forms,
                                                .b_step = front->bins > 0 ? 0 : bounds->stride,
                                                .c_step = walk->span * frame});
    }
    ws->flops += 2.0 * (double)walk->rows * (double)frame * (double)forms;
}

/* Coefficients on the features of step t: through the front end to the samples of frame t.
 * Samples that no earlier frame shares are concretised here, the others move on to frame t-1. */
static void features_back(sp_walk *walk, size_t t, sp_rows in, bool last) {
    const sp_front_bound *front = walk->bounds->front;
    const size_t forms = forms_back(walk, t, bands_back(walk, t, in));
    if (forms == 0) {
        return;
    }
    const size_t keep = front->joint && front->step < front->frame ? front->frame - front->step : 0;
    const bool carried = keep > 0 && t != walk->start->t;
    if (keep == 0 && walk->gradient == NULL && sp_walk_is_silent(walk->bounds, t)) {
        if (walk->choosing) {
            record_signs(walk, t, 0, front->frame, NULL);
        }
        return; // its samples do not move
    }
    if (carried) {
        take_carry(walk, keep);
    }
    multiply_forms(walk, t, forms);
    if (carried) {
        add_carry(walk, keep);
    }
    concretise(walk, t, last ? 0 : keep, front->frame);
}

/* From step t on through layers below `highest` and earlier steps, all rows alike. */
static void walk_together(sp_walk *walk, size_t end, size_t highest) {
    const sp_net *net = walk->bounds->net;
    const sp_start *start = walk->start;
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

/* ---- rows of clips that end at different steps ---- */

/* No row has entered: nothing is kept from a later step. */
static void clear_kept(sp_walk *walk, size_t highest) {
    const sp_net *net = walk->bounds->net;
    const size_t frame = walk->bounds->front->frame;
    sp_workspace *ws = walk->ws;
    sp_walk_set(walk, ws->sample, frame, frame, sp_no_rows);
    for (size_t l = 0; highest != SP_NO_LAYER && l <= highest; l++) {
        const sp_layer *layer = &net->layer[l];
        const size_t width = layer->in + layer->out;
        if (sp_layer_is_recurrent(layer)) {
            sp_walk_set(walk, ws->pending[l], width, width, sp_no_rows);
            sp_walk_set(walk, ws->pending_c[l], layer->out, layer->out, sp_no_rows);
        }
    }
}

/* The rows of clips [first, end) at their last step t: down to the highest recurrent layer, where
 * they wait like rows of a later step, or to the samples. */
static void enter(sp_walk *walk, size_t t, size_t first, size_t end, size_t highest) {
    const sp_net *net = walk->bounds->net;
    const size_t row = first * walk->span;
    sp_workspace ws = *walk->ws;
    sp_start start = *walk->start;
    sp_walk some = *walk;
    start.t = t;
    some.start = &start;
    some.ws = &ws;
    some.rows = (end - first) * walk->span;
    ws.bias += row;
    ws.mass += row;
    ws.support += row;
    ws.sign = sp_signs_of(walk, row);
    sp_rows rows = {start.output.w + row * start.output.ld, start.output.ld};
    sp_bounds_turn(walk->bounds, first, end - first);
    for (size_t l = net->layers; l-- > (highest == SP_NO_LAYER ? 0 : highest + 1);) {
        rows = sp_layer_ops_of(&net->layer[l])->back(&some, l, t, rows);
    }
    if (highest == SP_NO_LAYER) {
        features_back(&some, t, rows, true);
    } else {
        const sp_layer *layer = &net->layer[highest];
        const size_t width = layer->in + layer->out;
        sp_walk_set(&some, ws.pending[highest] + row * width + layer->in, layer->out, width, rows);
    }
    sp_bounds_turn(walk->bounds, 0, walk->bounds->batch);
    walk->ws->flops = ws.flops;
}

static void walk_joined(sp_walk *walk, size_t highest) {
    const size_t rows = walk->rows;
    size_t clips = 0; // that have entered
    clear_kept(walk, highest);
    for (size_t t = walk->start->t; t-- > 0;) {
        const size_t having = sp_bounds_having(walk->bounds, t);
        if (having > clips) {
            enter(walk, t, clips, having, highest);
            clips = having;
        }
        if (highest != SP_NO_LAYER) {
            sp_rows at = sp_no_rows;
            walk->rows = clips * walk->span;
            for (size_t l = highest + 1; l-- > 0;) {
                at = sp_layer_ops_of(&walk->bounds->net->layer[l])->back(walk, l, t, at);
            }
            features_back(walk, t, at, t == 0);
        }
    }
    walk->rows = rows;
}

void sp_walk_back(sp_walk *walk) {
    const sp_net *net = walk->bounds->net;
    const sp_start *start = walk->start;
    const size_t end = start->layer == SP_NO_LAYER ? 0 : start->layer + 1;
    const size_t highest = sp_highest_recurrent(net, end);
    double *const sums[] = {walk->ws->bias, walk->ws->mass, walk->ws->support};
    for (size_t i = 0; i < sizeof sums / sizeof sums[0]; i++) {
        sp_gpu_copy(walk->bounds->gpu,
                    &(sp_gpu_copy_args){.rows = 1, .n = walk->rows, .period = 1, .to = sums[i]});
    }
    if (sp_bounds_slopes(&walk->bounds->options)) {
        walk->gradient = walk->ws->slope;
        memset(walk->gradient, 0, walk->rows * walk->bounds->front->padded * sizeof(double));
    }
    if (start->joined) {
        walk_joined(walk, highest);
    } else {
        walk_together(walk, end, highest);
    }
    if (walk->bounds->options.within != NULL) {
        sp_walk_within(walk);
    }
}
