// A vanilla RNN layer at one step, h_t = f(W x + R h_{t-1} + b): boxes of the pre-activations,
// lines of f, and rows and values through them. Rows inside the layer (sp_start): stage 0, `gates`
// on the pre-activations.
#include "lstm/layers.h"

static sp_shape shape(const sp_layer *layer) {
    (void)layer;
    return (sp_shape){.inputs = 1, .omegas = 1, .menu = {SP_MENU_CURVE}};
}

static sp_status bound(sp_error *err, sp_bounds *bounds, size_t t, size_t layer) {
    const sp_layer *at = &bounds->net->layer[layer];
    const size_t H = at->out;
    const sp_start gates = {.t = t, .layer = layer};
    const sp_gpu_range none = {NULL, NULL};
    sp_state *state = sp_state_at(bounds, t, layer);
    const sp_gpu_range x = {state->in_lo, state->in_hi};
    sp_gpu_interval_args image = {.out = H,
                                  .in = at->in,
                                  .hidden = H,
                                  .weight = at->weight,
                                  .bias = at->bias,
                                  .lo = state->in_lo,
                                  .hi = state->in_hi,
                                  .omega = state->omega};
    (void)err;
    sp_input_box(bounds, t, layer, &image.x.lo, &image.x.hi);
    if (t > 0) {
        const sp_state *before = sp_state_at(bounds, t - 1, layer);
        image.recurrent = at->recurrent;
        image.h = (sp_gpu_range){before->out_lo, before->out_hi};
    }
    sp_bound_image(bounds, &image);
    sp_bound_boxes(bounds, SP_BOX_GATES, &gates, 0, H, state->in_lo, state->in_hi);
    sp_bound_lines(bounds, t, layer, 0, at->candidate, x);
    sp_bound_activation(bounds, H, at->candidate, x, none, none, state->out_lo, state->out_hi);
    if (bounds->options.planes == SP_PLANES_TANGENT) {
        sp_collapse(H, state->out_lo, state->out_hi);
    }
    return SP_OK;
}

/* From coefficients on the pre-activations to those on the input and, for t > 0, on h_{t-1}; both
 * stay in ws->pending[l]. */
static sp_rows gates_back(sp_walk *walk, size_t l, size_t t, sp_rows gates) {
    sp_workspace *ws = walk->ws;
    const sp_layer *layer = &walk->bounds->net->layer[l];
    const size_t H = layer->out, D = layer->in, width = D + H;
    double *pending = ws->pending[l];
    const double *omega = sp_state_at(walk->bounds, t, l)->omega;
    sp_walk_affine(walk, H, gates, layer->bias, omega);
    sp_walk_multiply(walk, D, H, gates, omega, layer->weight, D, 0.0, pending, width);
    if (t > 0) {
        sp_walk_multiply(walk, H, H, gates, omega, layer->recurrent, H, 0.0, pending + D, width);
    }
    return (sp_rows){pending, width};
}

static sp_rows start(sp_walk *walk, size_t l, size_t t) {
    return gates_back(walk, l, t, walk->start->gates);
}

static sp_rows back(sp_walk *walk, size_t l, size_t t, sp_rows above) {
    const size_t H = walk->bounds->net->layer[l].out;
    const sp_rows gates = {walk->ws->gates, H};
    sp_walk_lines(walk, l, t, 0, sp_walk_hidden(walk, l, t, above), walk->ws->gates, H);
    return gates_back(walk, l, t, gates);
}

/* x_t and h_{t-1} stand in pending[l]; leaves h_t there. */
static sp_rows value(sp_walk *walk, size_t l, size_t t, sp_rows in, size_t iteration) {
    const sp_layer *layer = &walk->bounds->net->layer[l];
    const sp_state *state = sp_state_at(walk->bounds, t, l);
    sp_workspace *ws = walk->ws;
    const size_t H = layer->out, D = layer->in, width = D + H;
    const sp_argument_value x = {{ws->gates, H}, {state->in_lo, state->in_hi}};
    double *joined = ws->pending[l];
    sp_walk_set(walk, joined, D, width, in);
    if (t == walk->start->t && l == walk->start->layer && walk->start->output.w == NULL) {
        return x.value; // rows on the pre-activations have passed no line here
    }
    sp_walk_affine_value(walk, H, D, (sp_rows){joined, width}, layer->weight, D, layer->bias,
                         ws->gates);
    if (t > 0) {
        sp_walk_weigh(walk, H, H, (sp_rows){joined + D, width}, layer->recurrent, H, ws->gates, H);
    }
    double *h = sp_walk_cross(walk);
    sp_walk_lines_value(walk, l, t, 0, x, h, H, iteration);
    sp_walk_set(walk, joined + D, H, width, (sp_rows){h, H});
    return (sp_rows){h, H};
}

const sp_layer_ops sp_rnn_ops = {
    .shape = shape, .bound = bound, .back = back, .value = value, .start = start};
