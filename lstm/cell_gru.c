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
#include "lstm/cell_gru.h"

bool sp_gru_is_paired(const sp_layer *layer) {
    return layer->candidate.kind == SP_ACTIVATION_TANH && sp_gate_has_complement(layer->gate);
}

size_t sp_gru_inputs(const sp_layer *layer) {
    return layer->reset_after ? 4 : 3;
}

double *sp_gru_apart(const sp_layer *layer, const sp_state *state) {
    return state->omega + sp_gru_inputs(layer) * layer->out;
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

static const sp_gpu_range nowhere = {NULL, NULL};

static sp_gpu_range input(const sp_gru_step *step, size_t block) {
    const size_t at = block * step->H;
    return (sp_gpu_range){step->state->in_lo + at, step->state->in_hi + at};
}

static sp_gpu_range previous(const sp_gru_step *step) {
    const sp_state *before = step->before;
    return before != NULL ? (sp_gpu_range){before->out_lo, before->out_hi} : nowhere;
}

static sp_gpu_range cell(const sp_gru_step *step) {
    return (sp_gpu_range){step->state->cell_lo, step->state->cell_hi};
}

/* The second factor of RESET. */
static sp_gpu_range reset_of(const sp_gru_step *step) {
    return step->layer->reset_after ? input(step, IMAGE_Q) : previous(step);
}

static sp_gpu_clips clips_of(const sp_gru_step *step) {
    return (sp_gpu_clips){step->bounds->clips, step->bounds->stride};
}

static sp_status relax(sp_error *err, const sp_gru_step *step, size_t k, sp_gate_map map,
                       size_t gate, sp_gpu_range y) {
    const sp_gpu_factor of = {map, input(step, gate), y};
    return sp_bound_planes(err, step->bounds, step->t, step->l, k, &of);
}

static sp_status relax_pair(sp_error *err, const sp_gru_step *step) {
    const sp_activation gate = step->layer->gate;
    SP_TRY(relax(err, step, CANDIDATE, sp_gate_complement(gate), GATE_Z, input(step, GATE_N)));
    return step->before == NULL
               ? SP_OK
               : relax(err, step, UPDATE, sp_gate_map_of(gate), GATE_Z, previous(step));
}

/* Rows pass from h_t to n with w (1 - b) and to h with w b, apart: beside the plane's terms over y
 * these have the sizes |b| (|h| + |n|) + |n|. */
static sp_status relax_update(sp_error *err, const sp_gru_step *step) {
    const sp_state *state = step->state;
    SP_TRY(relax(err, step, UPDATE, sp_gate_map_of(step->layer->gate), GATE_Z, cell(step)));
    if (step->bounds->options.planes != SP_PLANES_INTERVAL) {
        sp_gpu_apart(step->bounds->gpu,
                     &(sp_gpu_apart_args){.at = clips_of(step),
                                          .f = step->layer->candidate,
                                          .x = input(step, GATE_N),
                                          .apart = sp_gru_apart(step->layer, state),
                                          .planes = state->menu[UPDATE]});
    }
    return SP_OK;
}

/* Blocks of pre-activations from `first` on by intervals: W x + R h + b, with `in` numbers x. */
static void image_interval(const sp_gru_step *step, size_t first, size_t blocks, size_t in,
                           sp_gpu_range h, const double *bias) {
    const sp_layer *at = step->layer;
    const size_t H = step->H, block = first * H, row = (first == IMAGE_Q ? GATE_N : first) * H;
    sp_state *state = step->state;
    sp_gpu_interval_args image = {.out = blocks * H,
                                  .in = in,
                                  .hidden = H,
                                  .weight = at->weight + row * at->in,
                                  .recurrent = h.lo != NULL ? at->recurrent + row * H : NULL,
                                  .bias = bias,
                                  .h = h,
                                  .lo = state->in_lo + block,
                                  .hi = state->in_hi + block,
                                  .omega = state->omega + block};
    sp_input_box(step->bounds, step->t, step->l, &image.x.lo, &image.x.hi);
    sp_bound_image(step->bounds, &image);
}

/* a_z, a_r and q by intervals. */
static void gate_intervals(const sp_gru_step *step) {
    const sp_layer *at = step->layer;
    image_interval(step, GATE_Z, 2, at->in, previous(step), at->bias);
    if (at->reset_after) {
        image_interval(step, IMAGE_Q, 1, 0, previous(step), at->recurrent_bias);
    }
}

/* a_n by intervals. The box of p stands in that of y for a moment. */
static void candidate_interval(const sp_gru_step *step) {
    const sp_layer *at = step->layer;
    const size_t H = step->H;
    sp_state *state = step->state;
    const sp_gpu_range n = input(step, GATE_N), r = input(step, GATE_R);
    const bool inner = step->before != NULL && !at->reset_after;
    if (inner) {
        sp_bound_activation(step->bounds, H, at->gate, r, reset_of(step), nowhere, state->cell_lo,
                            state->cell_hi);
    }
    image_interval(step, GATE_N, 1, at->in, inner ? cell(step) : nowhere, at->bias + 2 * H);
    if (at->reset_after) {
        sp_bound_activation(step->bounds, H, at->gate, r, reset_of(step), n, state->in_lo + 2 * H,
                            state->in_hi + 2 * H);
    }
}

/* y = h - n by intervals, and |h| + |n|. */
static void cell_interval(const sp_gru_step *step) {
    sp_state *state = step->state;
    sp_gpu_difference(step->bounds->gpu,
                      &(sp_gpu_difference_args){.at = clips_of(step),
                                                .n = step->H,
                                                .f = step->layer->candidate,
                                                .x = input(step, GATE_N),
                                                .h = previous(step),
                                                .lo = state->cell_lo,
                                                .hi = state->cell_hi,
                                                .apart = sp_gru_apart(step->layer, state)});
}

static void output_interval(const sp_gru_step *step) {
    sp_gpu_blend(step->bounds->gpu, &(sp_gpu_blend_args){.at = clips_of(step),
                                                         .n = step->H,
                                                         .gate = step->layer->gate,
                                                         .f = step->layer->candidate,
                                                         .g = input(step, GATE_Z),
                                                         .x = input(step, GATE_N),
                                                         .h = previous(step),
                                                         .y = cell(step),
                                                         .lo = step->state->out_lo,
                                                         .hi = step->state->out_hi});
}

static sp_status bound_reset(sp_error *err, const sp_gru_step *step) {
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
    return relax(err, step, RESET, sp_gate_map_of(step->layer->gate), GATE_R, reset_of(step));
}

static sp_status bound_update(sp_error *err, const sp_gru_step *step) {
    const size_t H = step->H;
    const sp_start inner = {.t = step->t, .layer = step->l, .stage = 1};
    const sp_start last = {.t = step->t, .layer = step->l, .stage = 2};
    const sp_activation f = step->layer->candidate;
    sp_bounds *bounds = step->bounds;
    sp_state *state = step->state;
    candidate_interval(step);
    if (f.kind != SP_ACTIVATION_AFFINE || bounds->options.planes == SP_PLANES_TANGENT) {
        sp_bound_boxes(bounds, SP_BOX_GATES, &inner, 2 * H, H, state->in_lo + 2 * H,
                       state->in_hi + 2 * H);
    }
    cell_interval(step);
    if (sp_gru_is_paired(step->layer)) {
        sp_bound_cuts(bounds, &inner, CANDIDATE, step->before != NULL ? UPDATE + 1 : UPDATE);
        return relax_pair(err, step);
    }
    sp_bound_lines(bounds, step->t, step->l, CANDIDATE, f, input(step, GATE_N));
    sp_bound_boxes(bounds, SP_BOX_CELL, &last, 0, H, state->cell_lo, state->cell_hi);
    sp_bound_cuts(bounds, &last, UPDATE, UPDATE + 1);
    return relax_update(err, step);
}

static sp_status bound(sp_error *err, sp_bounds *bounds, size_t t, size_t layer) {
    const sp_start output = {.t = t, .layer = layer};
    sp_state *state = sp_state_at(bounds, t, layer);
    const size_t H = bounds->net->layer[layer].out;
    const sp_gru_step step = {bounds, &bounds->net->layer[layer],
                              state,  t > 0 ? sp_state_at(bounds, t - 1, layer) : NULL,
                              H,      t,
                              layer};
    SP_TRY(bound_reset(err, &step));
    SP_TRY(bound_update(err, &step));
    output_interval(&step);
    sp_bound_boxes(bounds, SP_BOX_OUTPUT, &output, 0, H, state->out_lo, state->out_hi);
    return SP_OK;
}

static sp_arguments arguments(const sp_bounds *bounds, size_t t, size_t layer, size_t k) {
    const sp_layer *at = &bounds->net->layer[layer];
    const size_t H = at->out;
    sp_state *state = sp_state_at(bounds, t, layer);
    const sp_state *before = t > 0 ? sp_state_at(bounds, t - 1, layer) : NULL;
    const sp_gru_step step = {NULL, at, state, before, H, t, layer};
    const size_t gate = k == RESET ? GATE_R : GATE_Z;
    const sp_gpu_range x = input(&step, gate);
    if (k == RESET && at->reset_after) {
        return (sp_arguments){x, input(&step, IMAGE_Q), gate * H, IMAGE_Q * H, SP_ON_GATES};
    }
    if (k == CANDIDATE) {
        return (sp_arguments){x, input(&step, GATE_N), gate * H, GATE_N * H, SP_ON_GATES};
    }
    if (k == UPDATE && !sp_gru_is_paired(at)) {
        return (sp_arguments){x, cell(&step), gate * H, 0, SP_ON_CELL};
    }
    return (sp_arguments){x, previous(&step), gate * H, 0, SP_ON_BEFORE};
}

const sp_layer_ops sp_gru_ops = {.shape = shape,
                                 .bound = bound,
                                 .back = sp_gru_back,
                                 .value = sp_gru_value,
                                 .start = sp_gru_start,
                                 .arguments = arguments};
