// Cuts of the boxes of products: bounds on p x + q y and p x - q y by back-substitution
// (math/planes.md 8).
#include <math.h>
#include <string.h>

#include "lstm/impl.h"

enum { ROWS_PER_CUT = 4 }; /* sum, -sum, difference, -difference */

/* One product of the cell: where its arguments stand. */
typedef struct sp_arguments {
    sp_iv x, y;
    size_t gate_x;    /* column of x among the pre-activations */
    size_t gate_y;    /* column of y there, or */
    double *cell_row; /* NULL: y is a gate; else the row of coefficients on c */
    size_t cell_y;
} sp_arguments;

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
        gates[at->gate_x] = sign * cut->p;
        if (at->cell_row == NULL) {
            gates[at->gate_y] = other * cut->q;
        } else {
            cell[at->cell_y] = other * cut->q;
        }
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

static sp_iv gate(const sp_state *state, size_t column) {
    const sp_iv x = {state->in_lo[column], state->in_hi[column]};
    return x;
}

static sp_iv cell(const sp_state *state, size_t j) {
    const sp_iv c = {state->cell_lo[j], state->cell_hi[j]};
    return c;
}

/* The arguments of product k (ig, fc, oc) of unit j. */
static sp_arguments arguments(const sp_bounds *bounds, size_t t, size_t layer, size_t k, size_t j) {
    const size_t H = bounds->net->layer[layer].out;
    const sp_state *state = sp_state_at(bounds, t, layer);
    if (k == 0) {
        return (sp_arguments){gate(state, j), gate(state, 2 * H + j), j, 2 * H + j, NULL, 0};
    }
    if (k == 1) {
        const sp_state *before = sp_state_at(bounds, t - 1, layer);
        return (sp_arguments){gate(state, H + j), cell(before, j), H + j, 0, bounds->cut_cell, j};
    }
    return (sp_arguments){
        gate(state, 3 * H + j), cell(state, j), 3 * H + j, 0, bounds->cut_cell, j};
}

void sp_cut_rows(sp_bounds *bounds, size_t t, size_t layer, bool output) {
    const size_t H = bounds->net->layer[layer].out;
    sp_state *state = sp_state_at(bounds, t, layer);
    const size_t first = output ? 2 : 0, end = output ? 3 : t > 0 ? 2 : 1;
    const size_t rows = (end - first) * H * ROWS_PER_CUT;
    const sp_rows gates = {bounds->cut_gates, 4 * H}, cells = {bounds->cut_cell, H},
                  none = {NULL, 0};
    for (size_t i = 0; i < (end - first) * H; i++) {
        const sp_arguments at = arguments(bounds, t, layer, first + i / H, i % H);
        fill_rows(bounds, i * ROWS_PER_CUT, H, &at, state->cut[first + i / H] + i % H);
    }
    const sp_start start = {t, layer, none, gates, output ? cells : none, output ? none : cells};
    sp_lower_rows(bounds, bounds->cut_lower, NULL, &start, rows, bounds->options.box_iterations,
                  false);
    for (size_t i = 0; i < (end - first) * H; i++) {
        const sp_arguments at = arguments(bounds, t, layer, first + i / H, i % H);
        read_rows(bounds, i * ROWS_PER_CUT, &at, state->cut[first + i / H] + i % H);
    }
}
