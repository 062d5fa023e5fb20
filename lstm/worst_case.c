// The perturbation that attains the bound of each row of a tile, run forward through the
// relaxations that the row chose; there each row chooses anew (math/planes.md 4, p-iteration, with
// a menu of planes). Nothing here needs to be sound: whatever is chosen, the next walk back proves
// its own bound.
#include <string.h>

#include "lstm/layers.h"

/* d_i = -sign(coefficient) radius for the samples of frame t, in ws->sample. */
static void worst_samples(sp_walk *walk, size_t t) {
    const sp_front_bound *front = walk->bounds->front;
    sp_workspace *ws = walk->ws;
    for (size_t r = 0; r < walk->rows; r++) {
        const unsigned char *sign = ws->sign + r * sp_sign_width(front) + sp_sign_at(front, t);
        double *d = ws->sample + r * front->frame; /* sample[r,:] */
        for (size_t i = 0; i < front->frame; i++) {
            const double radius = front->radius[t * front->step + i];
            d[i] = sign[i] ? -radius : radius;
        }
    }
}

static void forms_value(sp_walk *walk, size_t t, size_t count, const double *matrix, double *out) {
    const size_t frame = walk->bounds->front->frame;
    if (sp_walk_is_silent(walk->bounds, t)) {
        memset(out, 0, walk->rows * count * sizeof *out);
        return;
    }
    sp_gpu_gemm(walk->rows, count, frame, walk->ws->sample, frame, matrix, frame, true, 0.0, out,
                count);
    walk->ws->flops += 2.0 * (double)walk->rows * (double)count * (double)frame;
}

/* The energies of frame t by the chosen lines of the squares. */
static void energy_value(sp_walk *walk, size_t t, double *energy) {
    const sp_front_bound *front = walk->bounds->front;
    sp_workspace *ws = walk->ws;
    const size_t K = front->bins;
    forms_value(walk, t, K, front->spectrum, ws->form);
    sp_gpu_menu_value(walk->rows, &walk->bounds->square[t], ws->bin[t], ws->form, K, NULL, 0, false,
                      ws->form, K);
    sp_walk_affine_value(walk, front->bands, K, (sp_rows){ws->form, K}, front->mel, K,
                         front->mel_bias, energy);
}

/* The forms that the chosen line of each feature reads. */
static void form_value(sp_walk *walk, size_t t, double *x) {
    const sp_front_bound *front = walk->bounds->front;
    sp_workspace *ws = walk->ws;
    const size_t bands = front->bands, lower = walk->bounds->line[t].lower;
    forms_value(walk, t, front->forms, front->form + t * front->forms * front->frame, ws->form);
    for (size_t r = 0; r < walk->rows; r++) {
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
    const sp_gpu_menu *line = &walk->bounds->line[t];
    const double *square = front->square + t * front->bands;
    for (size_t r = 0; r < walk->rows; r++) {
        const int at = walk->ws->peak[t][r];
        const int *entry = walk->ws->feature[t] + r * front->bands; /* feature[t][r,:] */
        for (size_t m = 0; at >= 0 && m < front->bands; m++) {
            if ((size_t)entry[m] >= line->lower) {
                const double joint = front->energy[t] * front->peak[m * front->peaks + (size_t)at];
                feature[r * front->bands + m] -=
                    line->a[(size_t)entry[m] * line->n + m] * (square[m] - joint);
            }
        }
    }
}

/* The features of step t through the chosen lines. */
static sp_rows feature_value(sp_walk *walk, size_t t, size_t iteration) {
    const sp_front_bound *front = walk->bounds->front;
    const sp_gpu_menu *line = &walk->bounds->line[t];
    double *x = sp_walk_cross(walk), *out = sp_walk_cross(walk);
    memset(x, 0, walk->rows * front->bands * sizeof(double));
    if (front->forms > 0) {
        worst_samples(walk, t);
    }
    if (front->bins > 0) {
        energy_value(walk, t, x);
    } else if (front->forms > 0) {
        form_value(walk, t, x);
    }
    sp_gpu_menu_value(walk->rows, line, walk->ws->feature[t], x, front->bands, NULL, 0, false, out,
                      front->bands);
    if (front->tangents > 0) {
        take_squares(walk, t, out);
    }
    if (sp_features_choose(walk->bounds) && walk->mix == NULL) {
        const double *lo = walk->bounds->form_min + t * front->forms;
        const double *hi = front->form_max + t * front->forms;
        const sp_gpu_range range = {lo, hi}, none = {NULL, NULL};
        sp_gpu_menu_choose(walk->rows, line, x, front->bands, range, NULL, 0, none, iteration == 0,
                           sp_damping(iteration), walk->ws->feature_anchor[t],
                           walk->ws->feature[t]);
    }
    if (front->matrix == NULL) {
        return (sp_rows){out, front->bands};
    }
    sp_walk_affine_value(walk, front->features, front->bands, (sp_rows){out, front->bands},
                         front->matrix, front->bands, front->matrix_bias, x);
    return (sp_rows){x, front->features};
}

void sp_walk_worst(sp_walk *walk, size_t iteration) {
    const sp_net *net = walk->bounds->net;
    const sp_start *start = walk->start;
    const size_t end = start->layer == SP_NO_LAYER ? 0 : start->layer + 1;
    const size_t highest = sp_highest_recurrent(net, end);
    for (size_t t = highest == SP_NO_LAYER ? start->t : 0; t <= start->t; t++) {
        sp_rows rows = feature_value(walk, t, iteration);
        for (size_t l = 0; l < (t == start->t ? end : highest + 1); l++) {
            rows = sp_layer_ops_of(&net->layer[l])->value(walk, l, t, rows, iteration);
        }
    }
}
