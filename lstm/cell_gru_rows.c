// Rows back and values forward through a GRU layer; the parts are those of cell_gru.c.
#include <math.h>
#include <string.h>

#include "lstm/cell_gru.h"

/* ---- rows ---- */

/* Coefficients on a_z, a_r, a_n and q stand in ws->gates [rows, 4 H], those on h_{t-1} in
 * ws->pending[l] + in. */
static sp_rows gates_back(sp_walk *walk, size_t l, size_t t) {
    sp_workspace *ws = walk->ws;
    const sp_layer *layer = &walk->bounds->net->layer[l];
    const double *omega = sp_state_at(walk->bounds, t, l)->omega;
    const size_t H = layer->out, D = layer->in, width = D + H;
    const sp_rows gates = {ws->gates, 4 * H}, image = {ws->gates + 3 * H, 4 * H};
    double *pending = ws->pending[l];
    sp_gpu_affine_bias(walk->rows, 3 * H, gates.w, gates.ld, layer->bias, omega, ws->bias,
                       ws->mass);
    sp_walk_multiply(walk, D, 3 * H, gates, layer->weight, D, 0.0, pending, width);
    if (t > 0) {
        sp_walk_multiply(walk, H, 2 * H, gates, layer->recurrent, H, 1.0, pending + D, width);
    }
    if (layer->reset_after) {
        sp_gpu_affine_bias(walk->rows, H, image.w, image.ld, layer->recurrent_bias, omega + 3 * H,
                           ws->bias, ws->mass);
        if (t > 0) {
            sp_walk_multiply(walk, H, H, image, layer->recurrent + 2 * H * H, H, 1.0, pending + D,
                             width);
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
        sp_walk_multiply(walk, H, H, candidate, layer->recurrent + 2 * H * H, H, 0.0, ws->c, H);
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
    const size_t H = layer->out, D = layer->in;
    const double *apart = sp_state_at(walk->bounds, t, l)->omega + sp_gru_inputs(layer) * H;
    sp_walk_set(walk, ws->gates, sp_gru_inputs(layer) * H, 4 * H, at->gates);
    sp_walk_set(walk, ws->pending[l] + D, H, D + H, at->before);
    if (at->stage == 2) {
        double *h = ws->pending[l] + D;
        for (size_t r = 0; r < walk->rows; r++) {
            for (size_t j = 0; j < H; j++) {
                const double y = at->cell.w[r * at->cell.ld + j];
                ws->h[r * H + j] = -y;
                h[r * (D + H) + j] = y;
                ws->mass[r] += fabs(y) * apart[j];
            }
        }
        sp_walk_lines(walk, l, t, CANDIDATE, (sp_rows){ws->h, H}, ws->gates + 2 * H, 4 * H);
    }
    if (at->stage > 0) {
        reset_back(walk, l, t);
    }
    return gates_back(walk, l, t);
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
        for (size_t r = 0; r < walk->rows; r++) {
            for (size_t j = 0; j < H; j++) {
                ws->gates[r * 4 * H + j] += z[r * 4 * H + j];
            }
        }
        sp_walk_set(walk, ws->pending[l] + D, H, D + H, (sp_rows){ws->c, H});
    }
}

static void joint_back(sp_walk *walk, size_t l, size_t t, sp_rows hidden) {
    sp_workspace *ws = walk->ws;
    const sp_layer *layer = &walk->bounds->net->layer[l];
    const size_t H = layer->out, D = layer->in;
    double *h = ws->pending[l] + D;
    sp_walk_product(walk, l, t, UPDATE, hidden, ws->gates, 4 * H, ws->c, H, false);
    for (size_t r = 0; r < walk->rows; r++) {
        for (size_t j = 0; j < H; j++) {
            const double y = ws->c[r * H + j];
            ws->h[r * H + j] = hidden.w[r * hidden.ld + j] - y;
            h[r * (D + H) + j] = y;
        }
    }
    sp_walk_lines(walk, l, t, CANDIDATE, (sp_rows){ws->h, H}, ws->gates + 2 * H, 4 * H);
}

sp_rows sp_gru_back(sp_walk *walk, size_t l, size_t t, sp_rows above) {
    const sp_layer *layer = &walk->bounds->net->layer[l];
    const sp_rows hidden = sp_walk_hidden(walk, l, t, above);
    (sp_gru_is_paired(layer) ? paired_back : joint_back)(walk, l, t, hidden);
    reset_back(walk, l, t);
    return gates_back(walk, l, t);
}

/* ---- values ---- */

static sp_argument_value input_value(const sp_walk *walk, const sp_state *state, size_t H,
                                     size_t block) {
    return (sp_argument_value){{walk->ws->gates + block * H, 4 * H},
                               {state->in_lo + block * H, state->in_hi + block * H}};
}

/* block of ws->gates = W x + b (and, for `recurrent`, + R h) for `blocks` blocks from `first`. */
static void image_value(sp_walk *walk, size_t l, size_t first, size_t blocks, sp_rows h,
                        bool inputs, const double *bias) {
    const sp_layer *layer = &walk->bounds->net->layer[l];
    const size_t H = layer->out, D = layer->in, n = blocks * H,
                 row = (first == IMAGE_Q ? 2 : first) * H;
    double *out = walk->ws->gates + first * H;
    for (size_t r = 0; r < walk->rows; r++) {
        memcpy(out + r * 4 * H, bias, n * sizeof(double));
    }
    if (inputs) {
        sp_gpu_gemm(walk->rows, n, D, walk->ws->pending[l], D + H, layer->weight + row * D, D, true,
                    1.0, out, 4 * H);
        walk->ws->flops += 2.0 * (double)walk->rows * (double)n * (double)D;
    }
    if (h.w != NULL) {
        sp_gpu_gemm(walk->rows, n, H, h.w, h.ld, layer->recurrent + row * H, H, true, 1.0, out,
                    4 * H);
        walk->ws->flops += 2.0 * (double)walk->rows * (double)n * (double)H;
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
    for (size_t i = 0; layer->reset_after && i < walk->rows * H; i++) {
        ws->gates[i / H * 4 * H + 2 * H + i % H] += ws->c[i];
    }
}

/* n into ws->c, y into the block of a_r; false when the rows end there. */
static void cell_value(sp_walk *walk, size_t l, size_t t, sp_argument_value h, size_t iteration) {
    const sp_state *state = sp_state_at(walk->bounds, t, l);
    sp_workspace *ws = walk->ws;
    const size_t H = walk->bounds->net->layer[l].out;
    sp_walk_lines_value(walk, l, t, CANDIDATE, input_value(walk, state, H, GATE_N), ws->c, H,
                        iteration);
    for (size_t r = 0; r < walk->rows; r++) {
        for (size_t j = 0; j < H; j++) {
            const double before = h.value.w != NULL ? h.value.w[r * h.value.ld + j] : 0.0;
            ws->gates[r * 4 * H + H + j] = before - ws->c[r * H + j];
        }
    }
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
