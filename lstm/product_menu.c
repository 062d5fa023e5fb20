// The relaxations of products and curves, by the rule of the bounds, for the units of a layer in
// parallel.
#include <math.h>

#include "base/pool.h"
#include "lstm/layers.h"

enum { UNITS_PER_TASK = 8 };
#define PLANE_TOLERANCE 1e-3
/* One set of points in the unit square serves every product, as in R2's code. Its draw matters:
 * over four seeds the margin of 3_nicolas_0 at -70 dB ran from 2.81 to 3.11 (R2's own run: 3.03).
 * */
#define R2_SEED 5

/* One product: over x and y as the layer has them, and over the variables of map->product. */
typedef struct sp_relaxed {
    const sp_gate_map *map;
    sp_box box, inner;
    double x, y; /* magnitudes over box */
} sp_relaxed;

static void store(sp_gpu_menu *menu, size_t e, size_t j, const sp_relaxed *at, sp_plane plane) {
    const bool upper = e >= menu->lower;
    sp_menu_plane(menu, e, j, sp_gate_plane(at->map, at->box, plane, upper), at->x, at->y);
}

/* Exact planes at the static anchors and, for rows that choose, at anchors spread over the box. */
static void fill_menu(sp_gpu_menu *menu, size_t j, const sp_relaxed *at, const sp_cut *cut) {
    sp_anchor lower_at[SP_MENU_PLANES], upper_at[SP_MENU_PLANES];
    sp_plane lower[SP_MENU_PLANES], upper[SP_MENU_PLANES];
    const sp_box box = at->inner;
    sp_cut inner_cut;
    if (cut != NULL) {
        inner_cut = sp_gate_cut(at->map, at->box, cut);
    }
    sp_menu_anchors(box, menu->lower, lower_at, upper_at);
    sp_octagon_planes(at->map->product, box, cut != NULL ? &inner_cut : NULL, menu->lower, lower_at,
                      upper_at, PLANE_TOLERANCE, lower, upper);
    for (size_t k = 0; k < menu->lower; k++) {
        store(menu, k, j, at, lower[k]);
    }
    for (size_t k = 0; k < menu->lower; k++) {
        store(menu, menu->lower + k, j, at, upper[k]);
    }
}

/* R2's candidates: the standard entries are the planes of its LP. */
static sp_status fill_candidates(sp_gpu_menu *menu, size_t j, const sp_relaxed *at) {
    sp_plane_pair planes[SP_R2_CANDIDATES];
    SP_TRY(sp_plane_r2_candidates(NULL, planes, at->map->product, at->inner, R2_SEED));
    for (size_t k = 0; k < SP_R2_CANDIDATES; k++) {
        store(menu, k, j, at, planes[k].lower);
    }
    for (size_t k = 0; k < SP_R2_CANDIDATES; k++) {
        store(menu, menu->lower + k, j, at, planes[k].upper);
    }
    return SP_OK;
}

static sp_status relax_product(const sp_bounds *bounds, sp_gpu_menu *menu, size_t j,
                               const sp_gate_map *map, sp_box box, const sp_cut *cut) {
    const sp_relaxed at = {map, box, sp_gate_box(map, box), sp_iv_mag(box.x), sp_iv_mag(box.y)};
    sp_plane_pair pair;
    sp_status status = SP_OK;
    if (bounds->options.planes == SP_PLANES_STATIC) {
        fill_menu(menu, j, &at, cut);
        return SP_OK;
    }
    if (bounds->options.planes == SP_PLANES_R2_OPT) {
        return fill_candidates(menu, j, &at);
    }
    if (bounds->options.planes == SP_PLANES_R2_LP) {
        status = sp_plane_r2_lp(NULL, &pair, map->product, at.inner, R2_SEED);
    } else {
        const double x = 0.5 * at.inner.x.lo + 0.5 * at.inner.x.hi;
        pair.lower = pair.upper = sp_plane_tangent(map->product, x, box.y.lo);
    }
    store(menu, 0, j, &at, pair.lower);
    store(menu, menu->lower, j, &at, pair.upper);
    return status;
}

typedef struct sp_relaxing {
    size_t units;
    sp_status (*relax)(void *context, size_t j);
    void *context;
    sp_status *status; /* [tasks] */
} sp_relaxing;

static void relax_some(void *context, size_t index) {
    const sp_relaxing *work = context;
    const size_t first = index * UNITS_PER_TASK, left = work->units - first;
    const size_t end = first + (left < UNITS_PER_TASK ? left : UNITS_PER_TASK);
    sp_status status = SP_OK;
    for (size_t j = first; j < end && status == SP_OK; j++) {
        status = work->relax(work->context, j);
    }
    work->status[index] = status;
}

/* Runs relax(context, j) for the units of a layer, in parallel. A status that is not SP_OK is named
 * with the layer and the step. */
static sp_status relax_units(sp_error *err, sp_bounds *bounds, size_t t, size_t layer,
                             sp_status (*relax)(void *context, size_t j), void *context) {
    if (bounds->options.planes == SP_PLANES_INTERVAL) {
        return SP_OK;
    }
    const size_t units = bounds->net->layer[layer].out;
    const size_t tasks = (units + UNITS_PER_TASK - 1) / UNITS_PER_TASK;
    sp_relaxing work = {units, relax, context, bounds->task_status};
    sp_pool_run(tasks, 0, relax_some, &work);
    for (size_t i = 0; i < tasks; i++) {
        const sp_status status = bounds->task_status[i];
        if (status != SP_OK) {
            return sp_fail(err, status, "no plane for a product of layer %zu at step %zu: %s",
                           layer, t, sp_status_text(status));
        }
    }
    return SP_OK;
}

/* One product of all units of a layer, where the rule needs the program's own code. */
typedef struct sp_unit_factor {
    const sp_bounds *bounds;
    sp_gpu_menu *menu;
    const sp_cut *cut; /* [n] or NULL */
    const sp_gpu_factor *of;
} sp_unit_factor;

static sp_status relax_factor(void *context, size_t j) {
    const sp_unit_factor *work = context;
    const sp_gpu_factor *of = work->of;
    const sp_box box = {{of->x.lo[j], of->x.hi[j]}, {of->y.lo[j], of->y.hi[j]}};
    return relax_product(work->bounds, work->menu, j, &of->map, box,
                         work->cut != NULL ? work->cut + j : NULL);
}

sp_status sp_bound_planes(sp_error *err, sp_bounds *bounds, size_t t, size_t layer, size_t k,
                          const sp_gpu_factor *of) {
    sp_state *state = sp_state_at(bounds, t, layer);
    const sp_gpu_clips at = {bounds->clips, bounds->stride};
    if (bounds->options.planes != SP_PLANES_STATIC || !bounds->far) {
        sp_unit_factor work = {bounds, &state->menu[k], state->cut[k], of};
        return relax_units(err, bounds, t, layer, relax_factor, &work);
    }
    sp_gpu_planes(bounds->gpu, &(sp_gpu_planes_args){.at = at,
                                                     .of = *of,
                                                     .cut = state->cut[k],
                                                     .tolerance = PLANE_TOLERANCE,
                                                     .menu = state->menu[k]});
    sp_gpu_masses(bounds->gpu, &(sp_gpu_masses_args){.at = at, .of = *of, .menu = state->menu[k]});
    return SP_OK;
}

static void tangent_lines(sp_gpu_menu *menu, sp_activation f, sp_gpu_range x) {
    for (size_t j = 0; j < menu->n; j++) {
        const sp_line line = sp_activation_tangent(f, x.lo[j]);
        const double size = sp_iv_mag((sp_iv){x.lo[j], x.hi[j]});
        sp_menu_line(menu, 0, j, line, size);
        sp_menu_line(menu, menu->lower, j, line, size);
    }
}

void sp_bound_lines(sp_bounds *bounds, size_t t, size_t layer, size_t k, sp_activation f,
                    sp_gpu_range x) {
    sp_gpu_menu *menu = &sp_state_at(bounds, t, layer)->menu[k];
    if (bounds->options.planes == SP_PLANES_TANGENT) {
        tangent_lines(menu, f, x);
    } else if (sp_rule_is_linear(bounds->options.planes)) {
        sp_gpu_curve(bounds->gpu,
                     &(sp_gpu_curve_args){
                         .at = {bounds->clips, bounds->stride}, .f = f, .x = x, .lines = *menu});
    }
}
