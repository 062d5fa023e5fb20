// Affine and ReLU layers at one step: boxes, and the lines of the ReLU.
#include <math.h>

#include "lstm/impl.h"

void sp_input_box(const sp_bounds *bounds, size_t t, size_t layer, const double **lo,
                  const double **hi) {
    if (layer == 0) {
        *lo = bounds->front->lo + t * bounds->front->bands;
        *hi = bounds->front->hi + t * bounds->front->bands;
    } else {
        const sp_state *below = sp_state_at(bounds, t, layer - 1);
        *lo = below->out_lo;
        *hi = below->out_hi;
    }
}

void sp_collapse(size_t n, double *lo, double *hi) {
    for (size_t j = 0; j < n; j++) {
        lo[j] = hi[j] = 0.5 * (lo[j] + hi[j]);
    }
}

void sp_affine_bound(sp_bounds *bounds, size_t t, size_t layer) {
    const sp_layer *at = &bounds->net->layer[layer];
    sp_state *state = sp_state_at(bounds, t, layer);
    const double *lo, *hi;
    sp_input_box(bounds, t, layer, &lo, &hi);
    sp_affine_interval(at->out, at->in, at->weight, lo, hi, 0, NULL, NULL, NULL, at->bias,
                       state->out_lo, state->out_hi, state->omega);
    if (bounds->options.planes == SP_PLANES_TANGENT) {
        sp_collapse(at->out, state->out_lo, state->out_hi);
    }
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

void sp_relu_bound(sp_bounds *bounds, size_t t, size_t layer) {
    const size_t n = bounds->net->layer[layer].out;
    sp_state *state = sp_state_at(bounds, t, layer);
    const double *lo, *hi;
    sp_input_box(bounds, t, layer, &lo, &hi);
    const bool linear = sp_rule_is_linear(bounds->options.planes);
    if (linear) {
        sp_box_rows(bounds, SP_BOX_OUTPUT, t, layer == 0 ? SP_NO_LAYER : layer - 1, n, lo, hi,
                    state->in_lo, state->in_hi);
    }
    for (size_t j = 0; j < n; j++) {
        const sp_iv x =
            linear ? sp_iv_make(state->in_lo[j], state->in_hi[j]) : sp_iv_make(lo[j], hi[j]);
        state->in_lo[j] = x.lo;
        state->in_hi[j] = x.hi;
        state->out_lo[j] = fmax(0.0, x.lo);
        state->out_hi[j] = fmax(0.0, x.hi);
        relax(&state->lines, j, x);
    }
}
