// Affine and ReLU layers.
#include <math.h>

#include "lstm/layers.h"

/* ---- affine ---- */

static sp_shape affine_shape(const sp_layer *layer) {
    (void)layer;
    return (sp_shape){.omegas = 1};
}

static sp_status affine_bound(sp_error *err, sp_bounds *bounds, size_t t, size_t layer) {
    const sp_layer *at = &bounds->net->layer[layer];
    sp_state *state = sp_state_at(bounds, t, layer);
    const double *lo, *hi;
    (void)err;
    sp_input_box(bounds, t, layer, &lo, &hi);
    sp_affine_interval(at->out, at->in, at->weight, lo, hi, 0, NULL, NULL, NULL, at->bias,
                       state->out_lo, state->out_hi, state->omega);
    if (bounds->options.planes == SP_PLANES_TANGENT) {
        sp_collapse(at->out, state->out_lo, state->out_hi);
    }
    return SP_OK;
}

static sp_rows affine_back(sp_walk *walk, size_t l, size_t t, sp_rows in) {
    sp_workspace *ws = walk->ws;
    const sp_layer *layer = &walk->bounds->net->layer[l];
    double *out = sp_walk_cross(walk);
    sp_gpu_affine_bias(walk->rows, layer->out, in.w, in.ld, layer->bias,
                       sp_state_at(walk->bounds, t, l)->omega, ws->bias, ws->mass);
    sp_walk_multiply(walk, layer->in, layer->out, in, layer->weight, layer->in, 0.0, out,
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

/* The standard lines, and for rows that choose the other lower slope of an unstable unit. */
static void relax(sp_gpu_menu *lines, size_t j, sp_iv x) {
    const sp_line_pair pair = sp_relu_lines(x);
    sp_menu_line(lines, 0, j, pair.lower, sp_iv_mag(x));
    if (lines->lower > 1) {
        const bool unstable = x.lo < 0.0 && x.hi > 0.0;
        const sp_line other = {pair.lower.w > 0.5 ? 0.0 : 1.0, 0.0};
        sp_menu_line(lines, 1, j, unstable ? other : pair.lower, sp_iv_mag(x));
    }
    sp_menu_line(lines, lines->lower, j, pair.upper, sp_iv_mag(x));
}

static sp_status relu_bound(sp_error *err, sp_bounds *bounds, size_t t, size_t layer) {
    const size_t n = bounds->net->layer[layer].out;
    sp_state *state = sp_state_at(bounds, t, layer);
    const double *lo, *hi;
    (void)err;
    sp_input_box(bounds, t, layer, &lo, &hi);
    const bool linear = sp_rule_is_linear(bounds->options.planes);
    if (linear) {
        const sp_start below = {.t = t, .layer = layer == 0 ? SP_NO_LAYER : layer - 1};
        sp_box_rows(bounds, SP_BOX_OUTPUT, &below, 0, n, lo, hi, state->in_lo, state->in_hi);
    }
    for (size_t j = 0; j < n; j++) {
        const sp_iv x =
            linear ? sp_iv_make(state->in_lo[j], state->in_hi[j]) : sp_iv_make(lo[j], hi[j]);
        state->in_lo[j] = x.lo;
        state->in_hi[j] = x.hi;
        state->out_lo[j] = fmax(0.0, x.lo);
        state->out_hi[j] = fmax(0.0, x.hi);
        relax(&state->menu[0], j, x);
    }
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
