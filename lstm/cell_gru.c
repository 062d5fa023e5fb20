// A GRU layer at one step: boxes, relaxations, and rows and values through them. With h = h_{t-1},
// a_z, a_r, a_n the pre-activations, and q = R_n h + recurrent_bias (reset_after only):
//   product RESET     p = gate(a_r) h      or, with reset_after, gate(a_r) q
//   a_n = W_n x + R_n p + b_n              or W_n x + b_n + p
//   curve CANDIDATE   n = candidate(a_n)
//   product UPDATE    h_t = n + gate(a_z) y, y = h - n: one product per unit, y from its own rows
// or, where the gates are sigma or its hard form and the candidate is tanh ("paired"; measured to
// be tighter),
//   h_t = (1 - gate(a_z)) tanh(a_n) + gate(a_z) h, products CANDIDATE and UPDATE.
// The state has no bound of its own (the candidate may be affine), so every box comes from rows;
// intervals reach over one step only.
//
// Rows inside the layer (sp_start): `gates` [., inputs out] on a_z, a_r, a_n and q, `before` on
// h_{t-1}, `cell` on y. Stage 0: on a_z, a_r, q and h; stage 1: on a_z, a_n and h; stage 2: on a_z
// and y.
#include <math.h>

#include "lstm/cell_gru.h"

bool sp_gru_is_paired(const sp_layer *layer) {
    return layer->candidate.kind == SP_ACTIVATION_TANH && sp_gate_has_complement(layer->gate);
}

size_t sp_gru_inputs(const sp_layer *layer) {
    return layer->reset_after ? 4 : 3;
}

static sp_shape shape(const sp_layer *layer) {
    const bool paired = sp_gru_is_paired(layer);
    // omega of the images, and |h| + |n|
    return (sp_shape){
        .inputs = sp_gru_inputs(layer),
        .omegas = sp_gru_inputs(layer) + 1,
        .cell = true,
        .menu = {SP_MENU_PRODUCT, paired ? SP_MENU_PRODUCT : SP_MENU_CURVE, SP_MENU_PRODUCT}};
}

/* ---- boxes and relaxations ---- */

typedef struct sp_gru_step {
    sp_bounds *bounds;
    const sp_layer *layer;
    sp_state *state;
    const sp_state *before; /* the layer at t-1; NULL at t = 0 */
    size_t H, t, l;
} sp_gru_step;

static sp_iv input(const sp_gru_step *step, size_t block, size_t j) {
    const size_t at = block * step->H + j;
    return (sp_iv){step->state->in_lo[at], step->state->in_hi[at]};
}

static sp_iv previous(const sp_gru_step *step, size_t j) {
    const sp_iv zero = {0.0, 0.0};
    return step->before != NULL ? (sp_iv){step->before->out_lo[j], step->before->out_hi[j]} : zero;
}

/* The second factor of RESET. */
static sp_iv reset_of(const sp_gru_step *step, size_t j) {
    return step->layer->reset_after ? input(step, IMAGE_Q, j) : previous(step, j);
}

static sp_iv difference(sp_iv a, sp_iv b) {
    const sp_iv minus = {-b.hi, -b.lo};
    return sp_iv_add(a, minus);
}

static sp_status relax(const sp_gru_step *step, size_t k, size_t j, const sp_gate_map *map, sp_iv x,
                       sp_iv y) {
    const sp_cut *cut = step->state->cut[k];
    const sp_box box = {x, y};
    return sp_relax_product(step->bounds, &step->state->menu[k], j, map, box,
                            cut != NULL ? cut + j : NULL);
}

static sp_status relax_reset(void *context, size_t j) {
    const sp_gru_step *step = context;
    const sp_gate_map map = sp_gate_map_of(step->layer->gate);
    return relax(step, RESET, j, &map, input(step, GATE_R, j), reset_of(step, j));
}

static sp_status relax_pair(void *context, size_t j) {
    const sp_gru_step *step = context;
    const sp_gate_map map = sp_gate_map_of(step->layer->gate),
                      complement = sp_gate_complement(step->layer->gate);
    const sp_iv z = input(step, GATE_Z, j);
    SP_TRY(relax(step, CANDIDATE, j, &complement, z, input(step, GATE_N, j)));
    return step->before == NULL ? SP_OK : relax(step, UPDATE, j, &map, z, previous(step, j));
}

static sp_status relax_candidate(void *context, size_t j) {
    const sp_gru_step *step = context;
    sp_relax_lines(step->bounds, &step->state->menu[CANDIDATE], j, step->layer->candidate,
                   input(step, GATE_N, j));
    return SP_OK;
}

/* Rows pass from h_t to n with w (1 - b) and to h with w b, apart: beside the plane's terms over y
 * these have the sizes |b| (|h| + |n|) + |n|. */
static sp_status relax_update(void *context, size_t j) {
    const sp_gru_step *step = context;
    const sp_state *state = step->state;
    const sp_gate_map map = sp_gate_map_of(step->layer->gate);
    const sp_gpu_menu *menu = &state->menu[UPDATE];
    const sp_iv y = {state->cell_lo[j], state->cell_hi[j]};
    const sp_iv n = sp_activation_range(step->layer->candidate, input(step, GATE_N, j));
    SP_TRY(relax(step, UPDATE, j, &map, input(step, GATE_Z, j), y));
    const double apart = state->omega[sp_gru_inputs(step->layer) * step->H + j];
    double most = 0.0;
    for (size_t e = 0; e < menu->entries; e++) {
        most = fmax(most, fabs(menu->b[e * menu->n + j]));
    }
    menu->mass[j] = sp_above(menu->mass[j] + sp_above(sp_above(most * apart) + sp_iv_mag(n)));
    return SP_OK;
}

static const double *previous_lo(const sp_gru_step *step) {
    return step->before != NULL ? step->before->out_lo : NULL;
}

static const double *previous_hi(const sp_gru_step *step) {
    return step->before != NULL ? step->before->out_hi : NULL;
}

/* a_z, a_r and q by intervals. */
static void gate_intervals(const sp_gru_step *step) {
    const sp_layer *at = step->layer;
    const size_t H = step->H;
    sp_state *state = step->state;
    const double *x_lo, *x_hi, *recurrent = step->before != NULL ? at->recurrent : NULL;
    sp_input_box(step->bounds, step->t, step->l, &x_lo, &x_hi);
    sp_affine_interval(2 * H, at->in, at->weight, x_lo, x_hi, H, recurrent, previous_lo(step),
                       previous_hi(step), at->bias, state->in_lo, state->in_hi, state->omega);
    if (at->reset_after) {
        sp_affine_interval(H, 0, at->weight, x_lo, x_hi, H,
                           recurrent != NULL ? recurrent + 2 * H * H : NULL, previous_lo(step),
                           previous_hi(step), at->recurrent_bias, state->in_lo + 3 * H,
                           state->in_hi + 3 * H, state->omega + 3 * H);
    }
}

/* a_n by intervals. The box of p stands in that of y for a moment. */
static void candidate_interval(const sp_gru_step *step) {
    const sp_layer *at = step->layer;
    const size_t H = step->H;
    sp_state *state = step->state;
    double *p_lo = state->cell_lo, *p_hi = state->cell_hi;
    double *lo = state->in_lo + 2 * H, *hi = state->in_hi + 2 * H;
    const bool inner = step->before != NULL && !at->reset_after;
    const double *x_lo, *x_hi;
    sp_input_box(step->bounds, step->t, step->l, &x_lo, &x_hi);
    for (size_t j = 0; j < H; j++) {
        const sp_iv gate = sp_activation_range(at->gate, input(step, GATE_R, j));
        const sp_iv p = sp_iv_mul(gate, reset_of(step, j));
        p_lo[j] = p.lo;
        p_hi[j] = p.hi;
    }
    sp_affine_interval(H, at->in, at->weight + 2 * H * at->in, x_lo, x_hi, H,
                       inner ? at->recurrent + 2 * H * H : NULL, p_lo, p_hi, at->bias + 2 * H, lo,
                       hi, state->omega + 2 * H);
    for (size_t j = 0; at->reset_after && j < H; j++) {
        lo[j] = sp_below(lo[j] + p_lo[j]);
        hi[j] = sp_above(hi[j] + p_hi[j]);
    }
}

/* y = h - n by intervals, and |h| + |n|. */
static void cell_interval(const sp_gru_step *step) {
    sp_state *state = step->state;
    double *apart = state->omega + sp_gru_inputs(step->layer) * step->H;
    for (size_t j = 0; j < step->H; j++) {
        const sp_iv h = previous(step, j);
        const sp_iv n = sp_activation_range(step->layer->candidate, input(step, GATE_N, j));
        const sp_iv y = difference(h, n);
        state->cell_lo[j] = y.lo;
        state->cell_hi[j] = y.hi;
        apart[j] = sp_above(sp_iv_mag(h) + sp_iv_mag(n));
    }
}

/* h_t = n + z y = (1 - z) n + z h by intervals; for z in [0, 1] it lies between n and h. */
static void output_interval(const sp_gru_step *step) {
    sp_state *state = step->state;
    const sp_iv one = {1.0, 1.0};
    for (size_t j = 0; j < step->H; j++) {
        const sp_iv h = previous(step, j), y = {state->cell_lo[j], state->cell_hi[j]};
        const sp_iv n = sp_activation_range(step->layer->candidate, input(step, GATE_N, j));
        const sp_iv z = sp_activation_range(step->layer->gate, input(step, GATE_Z, j));
        const sp_iv apart = sp_iv_add(sp_iv_mul(difference(one, z), n), sp_iv_mul(z, h));
        sp_iv out = sp_iv_meet(sp_iv_add(n, sp_iv_mul(z, y)), apart);
        if (z.lo >= 0.0 && z.hi <= 1.0) {
            const sp_iv hull = {fmin(n.lo, h.lo), fmax(n.hi, h.hi)};
            out = sp_iv_meet(out, hull);
        }
        state->out_lo[j] = out.lo;
        state->out_hi[j] = out.hi;
    }
}

static sp_status bound_reset(sp_error *err, sp_gru_step *step) {
    const size_t H = step->H;
    const sp_start at = {.t = step->t, .layer = step->l};
    sp_state *state = step->state;
    gate_intervals(step);
    sp_bound_boxes(step->bounds, SP_BOX_GATES, &at, 0, 2 * H, state->in_lo, state->in_hi);
    if (step->layer->reset_after) {
        sp_bound_boxes(step->bounds, SP_BOX_GATES, &at, 3 * H, H, state->in_lo + 3 * H,
                       state->in_hi + 3 * H);
    } else if (step->before == NULL) {
        return SP_OK;
    }
    sp_bound_cuts(step->bounds, &at, RESET, RESET + 1);
    return sp_relax_units(err, step->bounds, step->t, step->l, relax_reset, step);
}

static sp_status bound_update(sp_error *err, sp_gru_step *step) {
    const size_t H = step->H;
    const sp_start inner = {.t = step->t, .layer = step->l, .stage = 1};
    const sp_start cell = {.t = step->t, .layer = step->l, .stage = 2};
    sp_bounds *bounds = step->bounds;
    sp_state *state = step->state;
    candidate_interval(step);
    if (step->layer->candidate.kind != SP_ACTIVATION_AFFINE ||
        bounds->options.planes == SP_PLANES_TANGENT) {
        sp_bound_boxes(bounds, SP_BOX_GATES, &inner, 2 * H, H, state->in_lo + 2 * H,
                       state->in_hi + 2 * H);
    }
    cell_interval(step);
    if (sp_gru_is_paired(step->layer)) {
        sp_bound_cuts(bounds, &inner, CANDIDATE, step->before != NULL ? UPDATE + 1 : UPDATE);
        return sp_relax_units(err, bounds, step->t, step->l, relax_pair, step);
    }
    SP_TRY(sp_relax_units(err, bounds, step->t, step->l, relax_candidate, step));
    sp_bound_boxes(bounds, SP_BOX_CELL, &cell, 0, H, state->cell_lo, state->cell_hi);
    sp_bound_cuts(bounds, &cell, UPDATE, UPDATE + 1);
    return sp_relax_units(err, bounds, step->t, step->l, relax_update, step);
}

static sp_status bound(sp_error *err, sp_bounds *bounds, size_t t, size_t layer) {
    const sp_start output = {.t = t, .layer = layer};
    sp_state *state = sp_state_at(bounds, t, layer);
    const size_t H = bounds->net->layer[layer].out;
    sp_gru_step step = {bounds, &bounds->net->layer[layer],
                        state,  t > 0 ? sp_state_at(bounds, t - 1, layer) : NULL,
                        H,      t,
                        layer};
    SP_TRY(bound_reset(err, &step));
    SP_TRY(bound_update(err, &step));
    output_interval(&step);
    sp_bound_boxes(bounds, SP_BOX_OUTPUT, &output, 0, H, state->out_lo, state->out_hi);
    return SP_OK;
}

static sp_arguments arguments(const sp_bounds *bounds, size_t t, size_t layer, size_t k, size_t j) {
    const sp_layer *at = &bounds->net->layer[layer];
    const size_t H = at->out;
    sp_state *state = sp_state_at(bounds, t, layer);
    const sp_state *before = t > 0 ? sp_state_at(bounds, t - 1, layer) : NULL;
    const sp_gru_step step = {NULL, at, state, before, H, t, layer};
    const size_t gate = k == RESET ? GATE_R : GATE_Z;
    sp_arguments r = {input(&step, gate, j), {0.0, 0.0}, gate * H + j, j, SP_ON_BEFORE};
    if (k == RESET && at->reset_after) {
        r.y = input(&step, IMAGE_Q, j);
        r.y_column = IMAGE_Q * H + j;
        r.y_block = SP_ON_GATES;
    } else if (k == CANDIDATE) {
        r.y = input(&step, GATE_N, j);
        r.y_column = GATE_N * H + j;
        r.y_block = SP_ON_GATES;
    } else if (k == UPDATE && !sp_gru_is_paired(at)) {
        r.y = (sp_iv){state->cell_lo[j], state->cell_hi[j]};
        r.y_block = SP_ON_CELL;
    } else {
        r.y = previous(&step, j);
    }
    return r;
}

const sp_layer_ops sp_gru_ops = {.shape = shape,
                                 .bound = bound,
                                 .back = sp_gru_back,
                                 .value = sp_gru_value,
                                 .start = sp_gru_start,
                                 .arguments = arguments};
