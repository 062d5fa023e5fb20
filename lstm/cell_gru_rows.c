// Rows back and values forward through a GRU layer; the parts are those of cell_gru.c.
#include "lstm/cell_gru.h"

/* ---- rows ---- */

/* Coefficients on a_z, a_r, a_n and q stand in ws->gates [rows, 4 H], those on h_{t-1} in
 * ws->pending[l] + in. blocks: 3, or 2 where there are none on a_n, which nothing is known of yet.
 */
static sp_rows gates_back(sp_walk *walk, size_t l, size_t t, size_t blocks) {
    sp_workspace *ws = walk->ws;
    const sp_layer *layer = &walk->bounds->net->layer[l];
    const double *omega = sp_state_at(walk->bounds, t, l)->omega;
    const size_t H = layer->out, D = layer->in, width = D + H;
    const sp_rows gates = {ws->gates, 4 * H}, image = {ws->gates + 3 * H, 4 * H};
    double *pending = ws->pending[l];
    sp_walk_affine(walk, blocks * H, gates, layer->bias, omega);
    sp_walk_multiply(walk, D, blocks * H, gates, omega, layer->weight, D, 0.0, pending, width);
    if (t > 0) {
        sp_walk_multiply(walk, H, 2 * H, gates, omega, layer->recurrent, H, 1.0, pending + D,
                         width);
    }
    if (layer->reset_after) {
        sp_walk_affine(walk, H, image, layer->recurrent_bias, omega + 3 * H);
        if (t > 0) {
            sp_walk_multiply(walk, H, H, image, omega + 3 * H, layer->recurrent + 2 * H * H, H, 1.0,
                             pending + D, width);
        }
    }
    return (sp_rows){pending, width};
}

/* From coefficients on a_n to those on a_r and on h or q. */
static void reset_back(sp_walk *walk, size_t l, size_t t) {
    sp_workspace *ws = walk->ws;
    const sp_layer *layer = &walk->bounds->net->layer[l];
    const size_t H = layer->out, D = layer->in;
    const sp_rows candidate = {ws->gates + 2 * H, 4 * H}, product = {ws->c, H};
    if (layer->reset_after) {
        sp_walk_product(walk, l, t, RESET, candidate, ws->gates + H, 4 * H, ws->gates + 3 * H,
                        4 * H, false);
    } else if (t > 0) {
        sp_walk_multiply(walk, H, H, candidate, sp_state_at(walk->bounds, t, l)->omega + 2 * H,
                         layer->recurrent + 2 * H * H, H, 0.0, ws->c, H);
        sp_walk_product(walk, l, t, RESET, product, ws->gates + H, 4 * H, ws->pending[l] + D, D + H,
                        true);
    } else {
        sp_walk_set(walk, ws->gates + H, H, 4 * H, sp_no_rows);
    }
}

sp_rows sp_gru_start(sp_walk *walk, size_t l, size_t t) {
    const sp_start *at = walk->start;
    sp_workspace *ws = walk->ws;
    const sp_layer *layer = &walk->bounds->net->layer[l];
    const sp_state *state = sp_state_at(walk->bounds, t, l);
    const size_t H = layer->out, D = layer->in;
    double *h = ws->pending[l] + D;
    sp_walk_set(walk, ws->gates, sp_gru_inputs(layer) * H, 4 * H, at->gates);
    sp_walk_set(walk, h, H, D + H, at->before);
    if (at->stage == 2) { // y = h - n
        sp_gpu_support(walk->bounds->gpu,
                       &(sp_gpu_support_args){.at = sp_walk_at(walk),
                                              .n = H,
                                              .c = at->cell.w,
                                              .ldc = at->cell.ld,
                                              .radius = sp_gru_apart(layer, state),
                                              .out = ws->mass});
        sp_walk_set(walk, h, H, D + H, at->cell);
        sp_walk_set(walk, ws->h, H, H, sp_no_rows);
        sp_walk_add(walk, H, (sp_rows){ws->h, H}, at->cell, true, ws->h, H);
        sp_walk_lines(walk, l, t, CANDIDATE, (sp_rows){ws->h, H}, ws->gates + 2 * H, 4 * H);
    }
    if (at->stage > 0) {
        reset_back(walk, l, t);
    }
    return gates_back(walk, l, t, at->stage > 0 ? 3 : 2);
}

static void paired_back(sp_walk *walk, size_t l, size_t t, sp_rows hidden) {
    sp_workspace *ws = walk->ws;
    const sp_layer *layer = &walk->bounds->net->layer[l];
    const size_t H = layer->out, D = layer->in;
    sp_walk_product(walk, l, t, CANDIDATE, hidden, ws->gates, 4 * H, ws->gates + 2 * H, 4 * H,
                    false);
    if (t > 0) { // the block of a_r is free; hidden may stand in pending
        double *z = ws->gates + H;
        sp_walk_product(walk, l, t, UPDATE, hidden, z, 4 * H, ws->c, H, false);
        sp_walk_add(walk, H, (sp_rows){ws->gates, 4 * H}, (sp_rows){z, 4 * H}, false, ws->gates,
                    4 * H);
        sp_walk_set(walk, ws->pending[l] + D, H, D + H, (sp_rows){ws->c, H});
    }
}

static void joint_back(sp_walk *walk, size_t l, size_t t, sp_rows hidden) {
    sp_workspace *ws = walk->ws;
    const sp_layer *layer = &walk->bounds->net->layer[l];
    const size_t H = layer->out, D = layer->in;
    const sp_rows y = {ws->c, H};
    sp_walk_product(walk, l, t, UPDATE, hidden, ws->gates, 4 * H, ws->c, H, false);
    sp_walk_add(walk, H, hidden, y, true, ws->h, H); // first: hidden may stand in pending
    sp_walk_set(walk, ws->pending[l] + D, H, D + H, y);
    sp_walk_lines(walk, l, t, CANDIDATE, (sp_rows){ws->h, H}, ws->gates + 2 * H, 4 * H);
}

sp_rows sp_gru_back(sp_walk *walk, size_t l, size_t t, sp_rows above) {
    const sp_layer *layer = &walk->bounds->net->layer[l];
    const sp_rows hidden = sp_walk_hidden(walk, l, t, above);
    (sp_gru_is_paired(layer) ? paired_back : joint_back)(walk, l, t, hidden);
    reset_back(walk, l, t);
    return gates_back(walk, l, t, 3);
}

/* ---- values ---- */

static sp_argument_value input_value(const sp_walk *walk, const sp_state *state, size_t H,
                                     size_t block) {
    return (sp_argument_value){{walk->ws->gates + block * H, 4 * H},
                               {state->in_lo + block * H, state->in_hi + block * H}};
}

/* block of ws->gates = W x + b (and, where there is h, + R h) for `blocks` blocks from `first`. */
static void image_value(sp_walk *walk, size_t l, size_t first, size_t blocks, sp_rows h,
                        bool inputs, const double *bias) {
    const sp_layer *layer = &walk->bounds->net->layer[l];
    const size_t H = layer->out, D = layer->in, n = blocks * H,
                 row = (first == IMAGE_Q ? GATE_N : first) * H;
    const sp_rows x = {walk->ws->pending[l], D + H};
    double *out = walk->ws->gates + first * H;
    sp_walk_bias_value(walk, n, bias, out, 4 * H);
    if (inputs) {
        sp_walk_weigh(walk, n, D, x, layer->weight + row * D, D, out, 4 * H);
    }
    if (h.w != NULL) {
        sp_walk_weigh(walk, n, H, h, layer->recurrent + row * H, H, out, 4 * H);
    }
}

/* a_z, a_r, q, p and a_n. */
static void candidate_value(sp_walk *walk, size_t l, size_t t, sp_argument_value h,
                            size_t iteration) {
    const sp_layer *layer = &walk->bounds->net->layer[l];
    const sp_state *state = sp_state_at(walk->bounds, t, l);
    sp_workspace *ws = walk->ws;
    const size_t H = layer->out;
    const sp_argument_value r = input_value(walk, state, H, GATE_R);
    const sp_rows p = {ws->c, H};
    image_value(walk, l, GATE_Z, 2, h.value, true, layer->bias);
    if (layer->reset_after) {
        image_value(walk, l, IMAGE_Q, 1, h.value, false, layer->recurrent_bias);
        sp_walk_product_value(walk, l, t, RESET, r, input_value(walk, state, H, IMAGE_Q), false,
                              ws->c, iteration);
    } else if (t > 0) {
        sp_walk_product_value(walk, l, t, RESET, r, h, false, ws->c, iteration);
    }
    image_value(walk, l, GATE_N, 1, t > 0 && !layer->reset_after ? p : sp_no_rows, true,
                layer->bias + 2 * H);
    if (layer->reset_after) {
        const sp_rows n = {ws->gates + 2 * H, 4 * H};
        sp_walk_add(walk, H, n, p, false, ws->gates + 2 * H, 4 * H);
    }
}

/* n into ws->c, y into the block of a_r; false when the rows end there. */
static void cell_value(sp_walk *walk, size_t l, size_t t, sp_argument_value h, size_t iteration) {
    const sp_state *state = sp_state_at(walk->bounds, t, l);
    sp_workspace *ws = walk->ws;
    const size_t H = walk->bounds->net->layer[l].out;
    double *y = ws->gates + H;
    sp_walk_lines_value(walk, l, t, CANDIDATE, input_value(walk, state, H, GATE_N), ws->c, H,
                        iteration);
    if (h.value.w == NULL) {
        sp_walk_set(walk, y, H, 4 * H, sp_no_rows);
        h.value = (sp_rows){y, 4 * H};
    }
    sp_walk_add(walk, H, h.value, (sp_rows){ws->c, H}, true, y, 4 * H);
}

/* x_t and h_{t-1} stand in pending[l]; leaves h_t there. */
sp_rows sp_gru_value(sp_walk *walk, size_t l, size_t t, sp_rows in, size_t iteration) {
    const sp_layer *layer = &walk->bounds->net->layer[l];
    const sp_state *state = sp_state_at(walk->bounds, t, l);
    sp_workspace *ws = walk->ws;
    const size_t H = layer->out, D = layer->in, width = D + H;
    const bool inside =
        t == walk->start->t && l == walk->start->layer && walk->start->output.w == NULL;
    double *joined = ws->pending[l];
    sp_argument_value h = {{NULL, 0}, {NULL, NULL}};
    const sp_argument_value z = input_value(walk, state, H, GATE_Z);
    const sp_argument_value y = {{ws->gates + H, 4 * H}, {state->cell_lo, state->cell_hi}};
    sp_walk_set(walk, joined, D, width, in);
    if (t > 0) {
        const sp_state *before = sp_state_at(walk->bounds, t - 1, l);
        h = (sp_argument_value){{joined + D, width}, {before->out_lo, before->out_hi}};
    }
    if (inside && walk->start->stage == 0) {
        return z.value; // these rows have passed nothing here
    }
    candidate_value(walk, l, t, h, iteration);
    if (inside && walk->start->stage == 1) {
        return z.value;
    }
    double *out = sp_walk_cross(walk);
    if (sp_gru_is_paired(layer)) {
        sp_walk_product_value(walk, l, t, CANDIDATE, z, input_value(walk, state, H, GATE_N), false,
                              out, iteration);
        if (t > 0) {
            sp_walk_product_value(walk, l, t, UPDATE, z, h, true, out, iteration);
        }
    } else {
        cell_value(walk, l, t, h, iteration);
        if (inside) {
            return z.value;
        }
        sp_walk_set(walk, out, H, H, (sp_rows){ws->c, H});
        sp_walk_product_value(walk, l, t, UPDATE, z, y, true, out, iteration);
    }
    sp_walk_set(walk, joined + D, H, width, (sp_rows){out, H});
    return (sp_rows){out, H};
}
