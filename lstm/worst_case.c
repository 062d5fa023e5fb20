// The perturbation that attains the bound of each row of a tile, run forward through the
// relaxations that the row chose; there each row chooses anew (math/planes.md 4, p-iteration, with
// a menu of planes). Nothing here needs to be sound: whatever is chosen, the next walk back proves
// its own bound.
#include <string.h>

#include "lstm/impl.h"

static double *next_cross(sp_walk *walk) {
    walk->turn ^= 1;
    return walk->ws->cross[walk->turn];
}

/* out = in weights^T + bias, [rows, n]. */
static void affine_value(sp_walk *walk, size_t n, size_t k, const double *in, size_t ld,
                         const double *weight, size_t ldw, const double *bias, double *out) {
    for (size_t r = 0; r < walk->rows; r++) {
        memcpy(out + r * n, bias, n * sizeof(double));
    }
    sp_gpu_gemm(walk->rows, n, k, in, ld, weight, ldw, true, 1.0, out, n);
    walk->ws->flops += 2.0 * (double)walk->rows * (double)n * (double)k;
}

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

static void forms_value(sp_walk *walk, size_t count, const double *matrix, double *out) {
    const size_t frame = walk->bounds->front->frame;
    sp_gpu_gemm(walk->rows, count, frame, walk->ws->sample, frame, matrix, frame, true, 0.0, out,
                count);
    walk->ws->flops += 2.0 * (double)walk->rows * (double)count * (double)frame;
}

/* The energies of frame t by the chosen lines of the squares. */
static void energy_value(sp_walk *walk, size_t t, double *energy) {
    const sp_front_bound *front = walk->bounds->front;
    sp_workspace *ws = walk->ws;
    const size_t K = front->bins;
    forms_value(walk, K, front->spectrum, ws->form);
    sp_gpu_menu_value(walk->rows, &walk->bounds->square[t], ws->bin[t], ws->form, K, NULL, 0, false,
                      ws->form, K);
    affine_value(walk, front->bands, K, ws->form, K, front->mel, K, front->mel_bias, energy);
}

/* The forms that the chosen line of each feature reads. */
static void form_value(sp_walk *walk, size_t t, double *x) {
    const sp_front_bound *front = walk->bounds->front;
    sp_workspace *ws = walk->ws;
    const size_t bands = front->bands;
    forms_value(walk, front->forms, front->form + t * front->forms * front->frame, ws->form);
    for (size_t r = 0; r < walk->rows; r++) {
        for (size_t m = 0; m < bands; m++) {
            const bool upper = ws->feature[t][r * bands + m] != 0;
            const size_t form = (upper ? front->up_form : front->lo_form) + m;
            x[r * bands + m] = ws->form[r * front->forms + form];
        }
    }
}

/* The features of step t through the chosen lines. */
static sp_rows feature_value(sp_walk *walk, size_t t) {
    const sp_front_bound *front = walk->bounds->front;
    double *x = next_cross(walk), *out = next_cross(walk);
    memset(x, 0, walk->rows * front->bands * sizeof(double));
    if (front->forms > 0) {
        worst_samples(walk, t);
    }
    if (front->bins > 0) {
        energy_value(walk, t, x);
    } else if (front->forms > 0) {
        form_value(walk, t, x);
    }
    sp_gpu_menu_value(walk->rows, &walk->bounds->line[t], walk->ws->feature[t], x, front->bands,
                      NULL, 0, false, out, front->bands);
    return (sp_rows){out, front->bands};
}

static double damping(size_t iteration) {
    return iteration == 0 ? 0.75 : 2.0 / ((double)iteration + 3.0);
}

static sp_choices *choices_at(const sp_walk *walk, size_t l, size_t t) {
    return walk->ws->choices + t * walk->bounds->net->layers + l;
}

static sp_rows relu_value(sp_walk *walk, size_t l, size_t t, sp_rows in, size_t iteration) {
    const sp_state *state = sp_state_at(walk->bounds, t, l);
    const sp_choices *choices = choices_at(walk, l, t);
    const size_t n = state->lines.n;
    double *out = next_cross(walk);
    const sp_gpu_range box = {state->in_lo, state->in_hi}, no_box = {NULL, NULL};
    sp_gpu_menu_value(walk->rows, &state->lines, choices->entry[0], in.w, in.ld, NULL, 0, false,
                      out, n);
    if (walk->mix != NULL) {
        return (sp_rows){out, n};
    }
    sp_gpu_menu_choose(walk->rows, &state->lines, in.w, in.ld, box, NULL, 0, no_box, iteration == 0,
                       damping(iteration), choices->anchor[0], choices->entry[0]);
    return (sp_rows){out, n};
}

/* The value of a product into out (added to it for `add`), then its new choice. */
static void product_value(sp_walk *walk, size_t l, size_t t, size_t product,
                          const sp_gpu_menu *planes, sp_rows x, sp_gpu_range x_box, sp_rows y,
                          sp_gpu_range y_box, bool add, double *out, size_t iteration) {
    const sp_choices *choices = choices_at(walk, l, t);
    double *value = walk->ws->h; // out may be y
    if (walk->mix != NULL) {
        sp_mixture_value(walk, planes, sp_mixed_at(walk, l, t, product), x, y, value);
    } else {
        sp_gpu_menu_value(walk->rows, planes, choices->entry[product], x.w, x.ld, y.w, y.ld, false,
                          value, planes->n);
        sp_gpu_menu_choose(walk->rows, planes, x.w, x.ld, x_box, y.w, y.ld, y_box, iteration == 0,
                           damping(iteration), choices->anchor[product], choices->entry[product]);
    }
    for (size_t i = 0; i < walk->rows * planes->n; i++) {
        out[i] = add ? out[i] + value[i] : value[i];
    }
}

static sp_gpu_range gate_range(const sp_state *state, size_t gate, size_t H) {
    return (sp_gpu_range){state->in_lo + gate * H, state->in_hi + gate * H};
}

/* x_t and h_{t-1} stand in pending[l], c_{t-1} in pending_c[l]; leaves h_t and c_t there. */
static sp_rows lstm_value(sp_walk *walk, size_t l, size_t t, sp_rows in, size_t iteration) {
    const sp_layer *layer = &walk->bounds->net->layer[l];
    const sp_state *state = sp_state_at(walk->bounds, t, l);
    sp_workspace *ws = walk->ws;
    const size_t H = layer->out, width = layer->in + H;
    const bool last = t == walk->start->t && l == walk->start->layer;
    double *joined = ws->pending[l], *c = ws->pending_c[l], *new_c = ws->c;
    const sp_rows gates = {ws->gates, 4 * H};
    for (size_t r = 0; r < walk->rows; r++) {
        memcpy(joined + r * width, in.w + r * in.ld, layer->in * sizeof(double));
    }
    if (last && walk->start->output.w == NULL && walk->start->cell.w == NULL) {
        return gates; // rows on the pre-activations have passed no product here
    }
    affine_value(walk, 4 * H, t > 0 ? width : layer->in, joined, width, walk->bounds->weights[l],
                 width, layer->bias, ws->gates);
    product_value(walk, l, t, 0, &state->ig, gates, gate_range(state, 0, H),
                  (sp_rows){ws->gates + 2 * H, 4 * H}, gate_range(state, 2, H), false, new_c,
                  iteration);
    if (t > 0) {
        const sp_state *before = sp_state_at(walk->bounds, t - 1, l);
        product_value(walk, l, t, 1, &state->fc, (sp_rows){ws->gates + H, 4 * H},
                      gate_range(state, 1, H), (sp_rows){c, H},
                      (sp_gpu_range){before->cell_lo, before->cell_hi}, true, new_c, iteration);
    }
    memcpy(c, new_c, walk->rows * H * sizeof(double));
    if (last && walk->start->output.w == NULL) {
        return (sp_rows){c, H};
    }
    double *h = next_cross(walk);
    product_value(walk, l, t, 2, &state->oc, (sp_rows){ws->gates + 3 * H, 4 * H},
                  gate_range(state, 3, H), (sp_rows){c, H},
                  (sp_gpu_range){state->cell_lo, state->cell_hi}, false, h, iteration);
    for (size_t r = 0; r < walk->rows; r++) {
        memcpy(joined + r * width + layer->in, h + r * H, H * sizeof(double));
    }
    return (sp_rows){h, H};
}

void sp_walk_worst(sp_walk *walk, size_t iteration) {
    const sp_net *net = walk->bounds->net;
    const sp_start *start = walk->start;
    const size_t end = start->layer == SP_NO_LAYER ? 0 : start->layer + 1;
    const size_t highest = sp_highest_lstm(net, end);
    for (size_t t = highest == SP_NO_LAYER ? start->t : 0; t <= start->t; t++) {
        sp_rows rows = feature_value(walk, t);
        for (size_t l = 0; l < (t == start->t ? end : highest + 1); l++) {
            const sp_layer *layer = &net->layer[l];
            if (layer->kind == SP_LAYER_RELU) {
                rows = relu_value(walk, l, t, rows, iteration);
            } else if (layer->kind == SP_LAYER_LSTM) {
                rows = lstm_value(walk, l, t, rows, iteration);
            } else {
                double *out = next_cross(walk);
                affine_value(walk, layer->out, layer->in, rows.w, rows.ld, layer->weight, layer->in,
                             layer->bias, out);
                rows = (sp_rows){out, layer->out};
            }
        }
    }
}
