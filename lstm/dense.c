// Affine and ReLU layers.
#include <string.h>

#include "lstm/layers.h"

/* ---- affine ---- */

static sp_shape affine_shape(const sp_layer *layer) {
    (void)layer;
    return (sp_shape){.omegas = 1};
}

static sp_status affine_bound(sp_error *err, sp_bounds *bounds, size_t t, size_t layer) {
    sp_state *state = sp_state_at(bounds, t, layer);
    (void)err;
    sp_bound_affine(bounds, t, layer, state->out_lo, state->out_hi);
    if (bounds->options.planes == SP_PLANES_TANGENT) {
        sp_collapse(bounds->net->layer[layer].out, state->out_lo, state->out_hi);
    }
    return SP_OK;
}

static sp_rows affine_back(sp_walk *walk, size_t l, size_t t, sp_rows in) {
    const sp_layer *layer = &walk->bounds->net->layer[l];
    double *out = sp_walk_cross(walk);
    const double *omega = sp_state_at(walk->bounds, t, l)->omega;
    sp_walk_affine(walk, layer->out, in, layer->bias, omega);
    sp_walk_multiply(walk, layer->in, layer->out, in, omega, layer->weight, layer->in, 0.0, out,
                     layer->in);
    return (sp_rows){out, layer->in};
}

static sp_rows affine_value(sp_walk *walk, size_t l, size_t t, sp_rows in, size_t iteration) {
    const sp_layer *layer = &walk->bounds->net->layer[l];
    double *out = sp_walk_cross(walk);
    (void)t;
    (void)iteration;
    sp_walk_affine_value(walk, layer->out, layer->in, in, layer->weight, layer->in, layer->bias,
                         out);
    return (sp_rows){out, layer->out};
}

const sp_layer_ops sp_affine_ops = {
    .shape = affine_shape, .bound = affine_bound, .back = affine_back, .value = affine_value};

/* ---- ReLU ---- */

static sp_shape relu_shape(const sp_layer *layer) {
    (void)layer;
    return (sp_shape){.inputs = 1, .menu = {SP_MENU_LINES}};
}

static sp_status relu_bound(sp_error *err, sp_bounds *bounds, size_t t, size_t layer) {
    const size_t n = bounds->net->layer[layer].out;
    sp_state *state = sp_state_at(bounds, t, layer);
    const double *lo, *hi;
    (void)err;
    sp_input_box(bounds, t, layer, &lo, &hi);
    if (sp_rule_is_linear(bounds->options.planes)) {
        const sp_start below = {.t = t, .layer = layer == 0 ? SP_NO_LAYER : layer - 1};
        sp_box_rows(bounds, SP_BOX_OUTPUT, &below, 0, n, lo, hi, state->in_lo, state->in_hi);
    } else {
        memcpy(state->in_lo, lo, n * sizeof *lo);
        memcpy(state->in_hi, hi, n * sizeof *hi);
    }
    sp_gpu_relu(bounds->gpu, &(sp_gpu_relu_args){.at = {bounds->clips, bounds->stride},
                                                 .lines = state->menu[0],
                                                 .in_lo = state->in_lo,
                                                 .in_hi = state->in_hi,
                                                 .out_lo = state->out_lo,
                                                 .out_hi = state->out_hi});
    return SP_OK;
}

static sp_rows relu_back(sp_walk *walk, size_t l, size_t t, sp_rows in) {
    const size_t n = walk->bounds->net->layer[l].out;
    double *out = sp_walk_cross(walk);
    sp_walk_lines(walk, l, t, 0, in, out, n);
    return (sp_rows){out, n};
}

static sp_rows relu_value(sp_walk *walk, size_t l, size_t t, sp_rows in, size_t iteration) {
    const sp_state *state = sp_state_at(walk->bounds, t, l);
    const size_t n = walk->bounds->net->layer[l].out;
    const sp_argument_value x = {in, {state->in_lo, state->in_hi}};
    double *out = sp_walk_cross(walk);
    sp_walk_lines_value(walk, l, t, 0, x, out, n, iteration);
    return (sp_rows){out, n};
}

const sp_layer_ops sp_relu_ops = {
    .shape = relu_shape, .bound = relu_bound, .back = relu_back, .value = relu_value};
