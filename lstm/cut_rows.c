// Cuts of the boxes of products: bounds on p x + q y and p x - q y by back-substitution
// (math/planes.md 8).
#include <math.h>
#include <string.h>

#include "lstm/layers.h"

enum { ROWS_PER_CUT = 4 }; /* sum, -sum, difference, -difference */

static double inverse_half(sp_iv x) {
    const double half = 0.5 * (x.hi - x.lo);
    return half > 0x1p-500 && half < 0x1p500 ? 1.0 / half : 1.0;
}

static void fill_rows(sp_bounds *bounds, size_t row, size_t H, const sp_arguments *at,
                      sp_cut *cut) {
    cut->p = inverse_half(at->x);
    cut->q = inverse_half(at->y);
    for (size_t k = 0; k < ROWS_PER_CUT; k++) {
        const double sign = k % 2 == 0 ? 1.0 : -1.0, other = k < 2 ? sign : -sign;
        double *gates = bounds->cut_gates + (row + k) * 4 * H; /* cut_gates[row + k, :] */
        double *cell = bounds->cut_cell + (row + k) * H;       /* cut_cell[row + k, :] */
        memset(gates, 0, 4 * H * sizeof(double));
        memset(cell, 0, H * sizeof(double));
        gates[at->x_column] = sign * cut->p;
        (at->y_block == SP_ON_GATES ? gates : cell)[at->y_column] = other * cut->q;
    }
}

/* What the box says about p x + q y and p x - q y. */
static sp_iv box_sum(const sp_cut *cut, sp_iv x, sp_iv y) {
    const sp_iv p = {cut->p, cut->p}, q = {cut->q, cut->q};
    return sp_iv_add(sp_iv_mul(p, x), sp_iv_mul(q, y));
}

static void read_rows(const sp_bounds *bounds, size_t row, const sp_arguments *at, sp_cut *cut) {
    const double *lower = bounds->cut_lower + row;
    const sp_iv minus_y = {-at->y.hi, -at->y.lo};
    const sp_iv sum = {lower[0], -lower[1]}, difference = {lower[2], -lower[3]};
    cut->sum = sp_iv_meet(sum, box_sum(cut, at->x, at->y));
    cut->difference = sp_iv_meet(difference, box_sum(cut, at->x, minus_y));
}

void sp_cut_rows(sp_bounds *bounds, const sp_start *where, size_t first, size_t end) {
    const sp_layer *layer = &bounds->net->layer[where->layer];
    const sp_layer_ops *ops = sp_layer_ops_of(layer);
    const size_t H = layer->out, units = (end - first) * H;
    sp_state *state = sp_state_at(bounds, where->t, where->layer);
    const sp_rows cells = {bounds->cut_cell, H};
    sp_start start = *where;
    start.gates = (sp_rows){bounds->cut_gates, 4 * H};
    for (size_t i = 0; i < units; i++) {
        const size_t k = first + i / H, j = i % H;
        const sp_arguments at = ops->arguments(bounds, where->t, where->layer, k, j);
        fill_rows(bounds, i * ROWS_PER_CUT, H, &at, state->cut[k] + j);
        if (at.y_block != SP_ON_GATES) {
            *(at.y_block == SP_ON_CELL ? &start.cell : &start.before) = cells;
        }
    }
    sp_lower_rows(bounds, bounds->cut_lower, NULL, 0, &start, units * ROWS_PER_CUT,
                  bounds->options.box_iterations, false);
    for (size_t i = 0; i < units; i++) {
        const size_t k = first + i / H, j = i % H;
        const sp_arguments at = ops->arguments(bounds, where->t, where->layer, k, j);
        read_rows(bounds, i * ROWS_PER_CUT, &at, state->cut[k] + j);
    }
}
