// An LSTM layer at one step: boxes of the gates and of c_t, and the planes of its three products.
#include <math.h>

#include "base/pool.h"
#include "lstm/impl.h"

enum { UNITS_PER_TASK = 8 };
#define PLANE_TOLERANCE 1e-3
/* One set of points in the unit square serves every product, as in R2's code. Its draw matters:
 * over four seeds the margin of 3_nicolas_0 at -70 dB ran from 2.81 to 3.11 (R2's own run: 3.03).
 * */
#define R2_SEED 5

/* The products that one set of tasks relaxes: sigma(i) tanh(g) and sigma(f) c_{t-1}, or sigma(o)
 * tanh(c). */
typedef struct sp_relaxing {
    sp_bounds *bounds;
    sp_state *state;
    const sp_state *before; /* the layer at t-1; NULL at t = 0 */
    size_t t, layer;
    bool output;
} sp_relaxing;

static sp_box gate_box(const sp_state *state, size_t gate, size_t H, size_t j, sp_iv y) {
    return (sp_box){{state->in_lo[gate * H + j], state->in_hi[gate * H + j]}, y};
}

/* Exact planes at the static anchors and, for rows that choose, at 3 x 3 anchors spread over the
 * box. */
static void fill_menu(sp_gpu_menu *menu, size_t j, sp_product f, sp_box box, const sp_cut *cut) {
    sp_anchor lower_at[SP_MENU_PLANES], upper_at[SP_MENU_PLANES];
    sp_plane lower[SP_MENU_PLANES], upper[SP_MENU_PLANES];
    const double xc = 0.5 * (box.x.lo + box.x.hi), xh = (box.x.hi - box.x.lo) / 3.0;
    const double yc = 0.5 * (box.y.lo + box.y.hi), yh = (box.y.hi - box.y.lo) / 3.0;
    sp_static_anchors(box, &lower_at[0], &upper_at[0]);
    for (size_t k = 0; k + 1 < menu->lower; k++) {
        const sp_anchor at = {xc + xh * ((double)(k / 3) - 1.0), yc + yh * ((double)(k % 3) - 1.0)};
        lower_at[1 + k] = upper_at[1 + k] = at;
    }
    sp_octagon_planes(f, box, cut, menu->lower, lower_at, upper_at, PLANE_TOLERANCE, lower, upper);
    for (size_t k = 0; k < menu->lower; k++) {
        sp_menu_plane(menu, k, j, lower[k], sp_iv_mag(box.x), sp_iv_mag(box.y));
    }
    for (size_t k = 0; k < menu->lower; k++) {
        sp_menu_plane(menu, menu->lower + k, j, upper[k], sp_iv_mag(box.x), sp_iv_mag(box.y));
    }
}

/* R2's candidates: the standard entries are the planes of its LP. */
static sp_status fill_candidates(sp_gpu_menu *menu, size_t j, sp_product f, sp_box box) {
    sp_plane_pair planes[SP_R2_CANDIDATES];
    const double x = sp_iv_mag(box.x), y = sp_iv_mag(box.y);
    SP_TRY(sp_plane_r2_candidates(NULL, planes, f, box, R2_SEED));
    for (size_t k = 0; k < SP_R2_CANDIDATES; k++) {
        sp_menu_plane(menu, k, j, planes[k].lower, x, y);
    }
    for (size_t k = 0; k < SP_R2_CANDIDATES; k++) {
        sp_menu_plane(menu, menu->lower + k, j, planes[k].upper, x, y);
    }
    return SP_OK;
}

static sp_status relax_product(const sp_relaxing *work, sp_gpu_menu *menu, size_t product, size_t j,
                               sp_product f, sp_box box) {
    const sp_bounds *bounds = work->bounds;
    const sp_cut *cut = work->state->cut[product];
    sp_plane_pair pair;
    sp_status status = SP_OK;
    if (bounds->options.planes == SP_PLANES_STATIC) {
        fill_menu(menu, j, f, box, cut != NULL ? cut + j : NULL);
        return SP_OK;
    }
    if (bounds->options.planes == SP_PLANES_R2_OPT) {
        return fill_candidates(menu, j, f, box);
    }
    if (bounds->options.planes == SP_PLANES_R2_LP) {
        status = sp_plane_r2_lp(NULL, &pair, f, box, R2_SEED);
    } else {
        pair.lower = pair.upper = sp_plane_tangent(f, box.x.lo, box.y.lo);
    }
    sp_menu_plane(menu, 0, j, pair.lower, sp_iv_mag(box.x), sp_iv_mag(box.y));
    sp_menu_plane(menu, menu->lower, j, pair.upper, sp_iv_mag(box.x), sp_iv_mag(box.y));
    return status;
}

static void relax_units(void *context, size_t index) {
    const sp_relaxing *work = context;
    sp_state *state = work->state;
    const size_t H = work->bounds->net->layer[work->layer].out;
    const size_t end = (index + 1) * UNITS_PER_TASK < H ? (index + 1) * UNITS_PER_TASK : H;
    sp_status status = SP_OK;
    for (size_t j = index * UNITS_PER_TASK; j < end && status == SP_OK; j++) {
        if (work->output) {
            const sp_iv c = {state->cell_lo[j], state->cell_hi[j]};
            status = relax_product(work, &state->oc, 2, j, SP_PRODUCT_SIGMOID_TANH,
                                   gate_box(state, 3, H, j, c));
            continue;
        }
        const sp_iv g = {state->in_lo[2 * H + j], state->in_hi[2 * H + j]};
        status = relax_product(work, &state->ig, 0, j, SP_PRODUCT_SIGMOID_TANH,
                               gate_box(state, 0, H, j, g));
        if (status == SP_OK && work->before != NULL) {
            const sp_iv c = {work->before->cell_lo[j], work->before->cell_hi[j]};
            status = relax_product(work, &state->fc, 1, j, SP_PRODUCT_SIGMOID_ID,
                                   gate_box(state, 1, H, j, c));
        }
    }
    work->bounds->task_status[index] = status;
}

static sp_status relax(sp_error *err, const sp_relaxing *work) {
    if (work->bounds->options.planes == SP_PLANES_INTERVAL) {
        return SP_OK;
    }
    const size_t H = work->bounds->net->layer[work->layer].out;
    const size_t tasks = (H + UNITS_PER_TASK - 1) / UNITS_PER_TASK;
    sp_pool_run(tasks, 0, relax_units, (void *)work);
    for (size_t i = 0; i < tasks; i++) {
        if (work->bounds->task_status[i] != SP_OK) {
            return sp_fail(err, work->bounds->task_status[i],
                           "no plane for a product of layer %zu at step %zu: %s", work->layer,
                           work->t, sp_status_text(work->bounds->task_status[i]));
        }
    }
    return SP_OK;
}

/* c_t = sigma(i) tanh(g) + sigma(f) c_{t-1} and h_t = sigma(o) tanh(c_t) by intervals. */
static void cell_interval(sp_state *state, const sp_state *before, size_t H) {
    for (size_t j = 0; j < H; j++) {
        const sp_iv g = {state->in_lo[2 * H + j], state->in_hi[2 * H + j]};
        sp_iv c = sp_product_range(SP_PRODUCT_SIGMOID_TANH, gate_box(state, 0, H, j, g));
        if (before != NULL) {
            const sp_iv previous = {before->cell_lo[j], before->cell_hi[j]};
            const sp_box box = gate_box(state, 1, H, j, previous);
            c = sp_iv_add(c, sp_product_range(SP_PRODUCT_SIGMOID_ID, box));
        }
        state->cell_lo[j] = c.lo;
        state->cell_hi[j] = c.hi;
    }
}

static void output_interval(sp_state *state, size_t H) {
    for (size_t j = 0; j < H; j++) {
        const sp_iv c = {state->cell_lo[j], state->cell_hi[j]};
        const sp_iv h = sp_product_range(SP_PRODUCT_SIGMOID_TANH, gate_box(state, 3, H, j, c));
        state->out_lo[j] = h.lo;
        state->out_hi[j] = h.hi;
    }
}

sp_status sp_lstm_bound(sp_error *err, sp_bounds *bounds, size_t t, size_t layer) {
    const sp_layer *at = &bounds->net->layer[layer];
    const size_t H = at->out;
    const bool linear = sp_rule_is_linear(bounds->options.planes);
    const bool tangent = bounds->options.planes == SP_PLANES_TANGENT;
    sp_state *state = sp_state_at(bounds, t, layer);
    const sp_state *before = t > 0 ? sp_state_at(bounds, t - 1, layer) : NULL;
    const double *x_lo, *x_hi;
    sp_input_box(bounds, t, layer, &x_lo, &x_hi);
    sp_affine_interval(
        4 * H, at->in, at->weight, x_lo, x_hi, H, before != NULL ? at->recurrent : NULL,
        before != NULL ? before->out_lo : NULL, before != NULL ? before->out_hi : NULL, at->bias,
        state->in_lo, state->in_hi, state->omega);
    if (linear) {
        sp_box_rows(bounds, SP_BOX_GATES, t, layer, 4 * H, state->in_lo, state->in_hi, state->in_lo,
                    state->in_hi);
    }
    if (tangent) {
        sp_collapse(4 * H, state->in_lo, state->in_hi);
    }
    if (linear && bounds->options.octagons) {
        sp_cut_rows(bounds, t, layer, false);
    }
    sp_relaxing work = {bounds, state, before, t, layer, false};
    SP_TRY(relax(err, &work));
    cell_interval(state, before, H);
    if (linear) {
        sp_box_rows(bounds, SP_BOX_CELL, t, layer, H, state->cell_lo, state->cell_hi,
                    state->cell_lo, state->cell_hi);
    }
    if (tangent) {
        sp_collapse(H, state->cell_lo, state->cell_hi);
    }
    if (linear && bounds->options.octagons) {
        sp_cut_rows(bounds, t, layer, true);
    }
    work.output = true;
    SP_TRY(relax(err, &work));
    output_interval(state, H);
    if (tangent) {
        sp_collapse(H, state->out_lo, state->out_hi);
    }
    return SP_OK;
}
