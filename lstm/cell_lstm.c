// An LSTM layer at one step: boxes of the gates and of c_t, the planes of its three products
// sigma(i) tanh(g), sigma(f) c_{t-1} and sigma(o) tanh(c_t), and rows and values through them.
//
// Rows inside the layer (sp_start): stage 0 on the pre-activations and, as `before`, on c_{t-1};
// stage 1 on c_t, as `cell`, and the pre-activations of o.
#include "lstm/layers.h"

enum { IG, FC, OC }; /* the menus */

static sp_shape shape(const sp_layer *layer) {
    (void)layer;
    return (sp_shape){.inputs = 4,
                      .omegas = 4,
                      .cell = true,
                      .menu = {SP_MENU_PRODUCT, SP_MENU_PRODUCT, SP_MENU_PRODUCT}};
}

/* ---- boxes and planes ---- */

static sp_gpu_range gate_range(const sp_state *state, size_t gate, size_t H) {
    return (sp_gpu_range){state->in_lo + gate * H, state->in_hi + gate * H};
}

static sp_gpu_range cell_range(const sp_state *state) {
    return (sp_gpu_range){state->cell_lo, state->cell_hi};
}

/* The products of a step; `before` is the layer at t-1. */
static sp_gpu_factor factor_ig(const sp_state *state, size_t H) {
    return (sp_gpu_factor){sp_gate_identity(SP_PRODUCT_SIGMOID_TANH), gate_range(state, 0, H),
                           gate_range(state, 2, H)};
}

static sp_gpu_factor factor_fc(const sp_state *state, const sp_state *before, size_t H) {
    return (sp_gpu_factor){sp_gate_identity(SP_PRODUCT_SIGMOID_ID), gate_range(state, 1, H),
                           cell_range(before)};
}

static sp_gpu_factor factor_oc(const sp_state *state, size_t H) {
    return (sp_gpu_factor){sp_gate_identity(SP_PRODUCT_SIGMOID_TANH), gate_range(state, 3, H),
                           cell_range(state)};
}

static sp_status bound(sp_error *err, sp_bounds *bounds, size_t t, size_t layer) {
    const size_t H = bounds->net->layer[layer].out;
    sp_state *state = sp_state_at(bounds, t, layer);
    const sp_start gates = {.t = t, .layer = layer}, cell = {.t = t, .layer = layer, .stage = 1};
    const sp_gpu_factor ig = factor_ig(state, H), oc = factor_oc(state, H);
    sp_gpu_factor fc = {sp_gate_identity(SP_PRODUCT_SIGMOID_ID), {NULL, NULL}, {NULL, NULL}};
    if (t > 0) {
        fc = factor_fc(state, sp_state_at(bounds, t - 1, layer), H);
    }
    sp_bound_affine(bounds, t, layer, state->in_lo, state->in_hi);
    sp_bound_boxes(bounds, SP_BOX_GATES, &gates, 0, 4 * H, state->in_lo, state->in_hi);
    sp_bound_cuts(bounds, &gates, IG, t > 0 ? OC : FC);
    SP_TRY(sp_bound_planes(err, bounds, t, layer, IG, &ig));
    if (t > 0) {
        SP_TRY(sp_bound_planes(err, bounds, t, layer, FC, &fc));
    }
    sp_bound_ranges(bounds, H, &ig, &fc, state->cell_lo, state->cell_hi);
    sp_bound_boxes(bounds, SP_BOX_CELL, &cell, 0, H, state->cell_lo, state->cell_hi);
    sp_bound_cuts(bounds, &cell, OC, OC + 1);
    SP_TRY(sp_bound_planes(err, bounds, t, layer, OC, &oc));
    sp_bound_ranges(bounds, H, &oc, NULL, state->out_lo, state->out_hi);
    if (bounds->options.planes == SP_PLANES_TANGENT) {
        sp_collapse(H, state->out_lo, state->out_hi);
    }
    return SP_OK;
}

static sp_arguments arguments(const sp_bounds *bounds, size_t t, size_t layer, size_t k) {
    const size_t H = bounds->net->layer[layer].out, gate = k == OC ? 3 : k;
    const sp_state *state = sp_state_at(bounds, t, layer);
    const sp_gpu_range x = gate_range(state, gate, H);
    if (k == IG) {
        return (sp_arguments){x, gate_range(state, 2, H), 0, 2 * H, SP_ON_GATES};
    }
    if (k == FC) {
        const sp_gpu_range before = cell_range(sp_state_at(bounds, t - 1, layer));
        return (sp_arguments){x, before, H, 0, SP_ON_BEFORE};
    }
    return (sp_arguments){x, cell_range(state), 3 * H, 0, SP_ON_CELL};
}

/* ---- rows ---- */

/* From coefficients on c_t to those on i, f, g (in ws->gates) and c_{t-1}. */
static void cell_back(sp_walk *walk, size_t l, size_t t, sp_rows cell) {
    sp_workspace *ws = walk->ws;
    const size_t H = walk->bounds->net->layer[l].out;
    sp_walk_product(walk, l, t, IG, cell, ws->gates, 4 * H, ws->gates + 2 * H, 4 * H, false);
    if (t > 0) {
        sp_walk_product(walk, l, t, FC, cell, ws->gates + H, 4 * H, ws->pending_c[l], H, false);
    } else {
        sp_walk_set(walk, ws->gates + H, H, 4 * H, sp_no_rows);
    }
}

/* From coefficients on the pre-activations to those on the layer's input and, for t > 0, on
 * h_{t-1}; both stay in ws->pending[l] until step t-1. */
static sp_rows gates_back(sp_walk *walk, size_t l, size_t t, sp_rows gates) {
    sp_workspace *ws = walk->ws;
    const sp_layer *layer = &walk->bounds->net->layer[l];
    const size_t K = 4 * layer->out, width = layer->in + layer->out;
    const double *omega = sp_state_at(walk->bounds, t, l)->omega;
    sp_walk_affine(walk, K, gates, layer->bias, omega);
    sp_walk_multiply(walk, t > 0 ? width : layer->in, K, gates, omega, walk->bounds->weights[l],
                     width, 0.0, ws->pending[l], width);
    return (sp_rows){ws->pending[l], width};
}

static sp_rows start(sp_walk *walk, size_t l, size_t t) {
    const sp_start *at = walk->start;
    sp_workspace *ws = walk->ws;
    const size_t H = walk->bounds->net->layer[l].out;
    if (at->stage == 0) {
        sp_walk_set(walk, ws->pending_c[l], H, H, at->before);
        return gates_back(walk, l, t, at->gates);
    }
    const sp_rows gate_o = {at->gates.w != NULL ? at->gates.w + 3 * H : NULL, at->gates.ld};
    sp_walk_set(walk, ws->gates + 3 * H, H, 4 * H, gate_o);
    cell_back(walk, l, t, at->cell);
    return gates_back(walk, l, t, (sp_rows){ws->gates, 4 * H});
}

static sp_rows back(sp_walk *walk, size_t l, size_t t, sp_rows above) {
    sp_workspace *ws = walk->ws;
    const size_t H = walk->bounds->net->layer[l].out;
    const bool later = t != walk->start->t;
    const sp_rows hidden = sp_walk_hidden(walk, l, t, above);
    if (later) {
        sp_walk_set(walk, ws->c, H, H, (sp_rows){ws->pending_c[l], H});
    }
    sp_walk_product(walk, l, t, OC, hidden, ws->gates + 3 * H, 4 * H, ws->c, H, later);
    cell_back(walk, l, t, (sp_rows){ws->c, H});
    return gates_back(walk, l, t, (sp_rows){ws->gates, 4 * H});
}

/* ---- values ---- */

static sp_argument_value gate_value(const sp_walk *walk, const sp_state *state, size_t H,
                                    size_t gate) {
    return (sp_argument_value){{walk->ws->gates + gate * H, 4 * H},
                               {state->in_lo + gate * H, state->in_hi + gate * H}};
}

/* x_t and h_{t-1} stand in pending[l], c_{t-1} in pending_c[l]; leaves h_t and c_t there. */
static sp_rows value(sp_walk *walk, size_t l, size_t t, sp_rows in, size_t iteration) {
    const sp_layer *layer = &walk->bounds->net->layer[l];
    const sp_state *state = sp_state_at(walk->bounds, t, l);
    sp_workspace *ws = walk->ws;
    const size_t H = layer->out, width = layer->in + H;
    const bool inside =
        t == walk->start->t && l == walk->start->layer && walk->start->output.w == NULL;
    double *joined = ws->pending[l], *c = ws->pending_c[l], *new_c = ws->c;
    const sp_argument_value cell = {{c, H}, {state->cell_lo, state->cell_hi}};
    sp_walk_set(walk, joined, layer->in, width, in);
    if (inside && walk->start->stage == 0) {
        return cell.value; // rows on the pre-activations have passed no product here
    }
    sp_walk_affine_value(walk, 4 * H, t > 0 ? width : layer->in, (sp_rows){joined, width},
                         walk->bounds->weights[l], width, layer->bias, ws->gates);
    sp_walk_product_value(walk, l, t, IG, gate_value(walk, state, H, 0),
                          gate_value(walk, state, H, 2), false, new_c, iteration);
    if (t > 0) {
        const sp_state *before = sp_state_at(walk->bounds, t - 1, l);
        const sp_argument_value old = {{c, H}, {before->cell_lo, before->cell_hi}};
        sp_walk_product_value(walk, l, t, FC, gate_value(walk, state, H, 1), old, true, new_c,
                              iteration);
    }
    sp_walk_set(walk, c, H, H, (sp_rows){new_c, H});
    if (inside) {
        return cell.value;
    }
    double *h = sp_walk_cross(walk);
    sp_walk_product_value(walk, l, t, OC, gate_value(walk, state, H, 3), cell, false, h, iteration);
    sp_walk_set(walk, joined + layer->in, H, width, (sp_rows){h, H});
    return (sp_rows){h, H};
}

const sp_layer_ops sp_lstm_ops = {.shape = shape,
                                  .bound = bound,
                                  .back = back,
                                  .value = value,
                                  .start = start,
                                  .arguments = arguments};
