// The perturbation that attains the bound of each row of a tile, run forward through the
// relaxations that the row chose; there each row chooses anew (docs/theory/planes.md 4).
// Nothing here needs to be sound: whatever is chosen, the next walk back proves its own bound.
#include "lstm/layers.h"

/* The samples of frame t at which the rows are least, in ws->sample. */
static void worst_samples(sp_walk *walk, size_t t) {
    const sp_front_bound *front = walk->bounds->front;
    sp_gpu_attain(walk->bounds->gpu,
                  &(sp_gpu_attain_args){.at = sp_walk_at(walk),
                                        .n = front->frame,
                                        .sign = walk->ws->sign + sp_sign_at(front, t),
                                        .lds = sp_sign_width(front),
                                        .radius = front->radius + t * front->step,
                                        .d = walk->ws->sample,
                                        .ldd = front->frame});
}

/* out [rows, count] = the forms of these samples; each clip has a matrix of its own, `step` doubles
 * apart. */
static void forms_value(sp_walk *walk, size_t t, size_t count, const double *matrix, size_t step,
                        double *out) {
    const size_t frame = walk->bounds->front->frame, clips = walk->rows / walk->span;
    if (sp_walk_is_silent(walk->bounds, t)) {
        sp_walk_set(walk, out, count, count, sp_no_rows);
        return;
    }
    sp_gpu_multiply(walk->bounds->gpu, &(sp_gpu_multiply_args){.m = walk->span,
                                                               .n = count,
                                                               .k = frame,
                                                               .a = walk->ws->sample,
                                                               .lda = frame,
                                                               .b = matrix,
                                                               .ldb = frame,
                                                               .transposed = true,
                                                               .c = out,
                                                               .ldc = count,
                                                               .count = clips,
                                                               .a_step = walk->span * frame,
                                                               .b_step = step,
                                                               .c_step = walk->span * count});
    walk->ws->flops += 2.0 * (double)walk->rows * (double)count * (double)frame;
}

/* The energies of frame t by the chosen lines of the squares. */
static void energy_value(sp_walk *walk, size_t t, double *energy) {
    const sp_front_bound *front = walk->bounds->front;
    sp_workspace *ws = walk->ws;
    const size_t K = front->bins;
    const sp_rows square = {ws->form, K};
    forms_value(walk, t, K, front->spectrum, 0, ws->form);
    sp_walk_menu_value(walk, &walk->bounds->square[t], ws->bin[t], square, sp_no_rows, ws->form, K);
    sp_walk_affine_value(walk, front->bands, K, square, front->mel, K, front->mel_bias, energy);
}

/* The forms that the chosen line of each feature reads. */
static void form_value(sp_walk *walk, size_t t, double *x) {
    const sp_front_bound *front = walk->bounds->front;
    sp_workspace *ws = walk->ws;
    const size_t bands = front->bands, lower = walk->bounds->line[t].lower;
    forms_value(walk, t, front->forms, front->form + t * front->forms * front->frame,
                walk->bounds->stride, ws->form);
    if (front->lo_form == front->up_form) {
        sp_walk_set(walk, x, bands, bands, (sp_rows){ws->form + front->lo_form, front->forms});
        return;
    }
    for (size_t r = 0; r < walk->rows; r++) { // never far: memory.c
        for (size_t m = 0; m < bands; m++) {
            const bool upper = (size_t)ws->feature[t][r * bands + m] >= lower;
            const size_t form = (upper ? front->up_form : front->lo_form) + m;
            x[r * bands + m] = ws->form[r * front->forms + form];
        }
    }
}

/* Takes from features on upper lines what their squares have less together than one by one. */
static void take_squares(sp_walk *walk, size_t t, double *feature) {
    const sp_front_bound *front = walk->bounds->front;
    sp_gpu_relieve(walk->bounds->gpu,
                   &(sp_gpu_relieve_args){.at = sp_walk_at(walk),
                                          .lines = walk->bounds->line[t],
                                          .choice = walk->ws->feature[t],
                                          .square = front->square + t * front->bands,
                                          .energy = front->energy + t,
                                          .peaks = front->peaks,
                                          .peak = front->peak,
                                          .highest = walk->ws->peak[t],
                                          .v = feature,
                                          .ldv = front->bands});
}

/* The features of step t through the chosen lines. */
static sp_rows feature_value(sp_walk *walk, size_t t, size_t iteration) {
    const sp_front_bound *front = walk->bounds->front;
    const sp_gpu_menu *line = &walk->bounds->line[t];
    double *x = sp_walk_cross(walk), *out = sp_walk_cross(walk); // the layer above overwrites x
    double *band = front->matrix != NULL ? walk->ws->band : out;
    const sp_rows form = {x, front->bands};
    if (front->forms > 0) {
        worst_samples(walk, t);
    }
    if (front->bins > 0) {
        energy_value(walk, t, x);
    } else if (front->forms > 0) {
        form_value(walk, t, x);
    } else {
        sp_walk_set(walk, x, front->bands, front->bands, sp_no_rows);
    }
    sp_walk_menu_value(walk, line, walk->ws->feature[t], form, sp_no_rows, band, front->bands);
    if (front->tangents > 0) {
        take_squares(walk, t, band);
    }
    if (sp_features_choose(walk->bounds) && walk->mix == NULL) {
        const double *lo = walk->bounds->form_min + t * front->forms;
        const double *hi = front->form_max + t * front->forms;
        const sp_argument_value at = {form, {lo, hi}}, none = {sp_no_rows, {NULL, NULL}};
        sp_walk_menu_choose(walk, line, at, none, iteration, walk->ws->feature_anchor[t],
                            walk->ws->feature[t]);
    }
    if (front->matrix == NULL) {
        return (sp_rows){band, front->bands};
    }
    sp_walk_affine_value(walk, front->features, front->bands, (sp_rows){band, front->bands},
                         front->matrix, front->bands, front->matrix_bias, out);
    return (sp_rows){out, front->features};
}

/* The values of layers [first, end) at step t. */
static sp_rows layers_value(sp_walk *walk, size_t t, size_t first, size_t end, sp_rows in,
                            size_t iteration) {
    for (size_t l = first; l < end; l++) {
        in = sp_layer_ops_of(&walk->bounds->net->layer[l])->value(walk, l, t, in, iteration);
    }
    return in;
}

/* The rows of clips [first, end) at their last step t, the way that backsub.c has them enter. `in`:
 * the values of layer `highest` for all rows. */
static void leave(sp_walk *walk, size_t t, size_t first, size_t end, size_t highest, sp_rows in,
                  size_t iteration) {
    const size_t row = first * walk->span;
    sp_workspace ws = *walk->ws;
    sp_walk some = *walk;
    some.ws = &ws;
    some.rows = (end - first) * walk->span;
    ws.sign = sp_signs_of(walk, row);
    sp_bounds_turn(walk->bounds, first, end - first);
    const sp_rows from = highest == SP_NO_LAYER ? feature_value(&some, t, iteration)
                                                : (sp_rows){in.w + row * in.ld, in.ld};
    (void)layers_value(&some, t, highest == SP_NO_LAYER ? 0 : highest + 1,
                       walk->bounds->net->layers, from, iteration);
    sp_bounds_turn(walk->bounds, 0, walk->bounds->batch);
    walk->ws->flops = ws.flops;
}

static void worst_joined(sp_walk *walk, size_t highest, size_t iteration) {
    const size_t rows = walk->rows;
    for (size_t t = 0; t < walk->start->t; t++) {
        const size_t clips = sp_bounds_having(walk->bounds, t);
        const size_t later = sp_bounds_having(walk->bounds, t + 1);
        sp_rows at = sp_no_rows;
        if (highest != SP_NO_LAYER) {
            walk->rows = clips * walk->span;
            at = feature_value(walk, t, iteration);
            at = layers_value(walk, t, 0, highest + 1, at, iteration);
        }
        if (clips > later) {
            leave(walk, t, later, clips, highest, at, iteration);
        }
    }
    walk->rows = rows;
}

void sp_walk_worst(sp_walk *walk, size_t iteration) {
    const sp_start *start = walk->start;
    const size_t end = start->layer == SP_NO_LAYER ? 0 : start->layer + 1;
    const size_t highest = sp_highest_recurrent(walk->bounds->net, end);
    if (start->joined) {
        worst_joined(walk, highest, iteration);
        return;
    }
    for (size_t t = highest == SP_NO_LAYER ? start->t : 0; t <= start->t; t++) {
        const sp_rows rows = feature_value(walk, t, iteration);
        (void)layers_value(walk, t, 0, t == start->t ? end : highest + 1, rows, iteration);
    }
}
