// The relaxations of products, by the rule of the bounds, for the units of a layer in parallel.
#include <math.h>

#include "base/pool.h"
#include "lstm/impl.h"

enum { UNITS_PER_TASK = 8 };
#define PLANE_TOLERANCE 1e-3
/* One set of points in the unit square serves every product, as in R2's code. Its draw matters:
 * over four seeds the margin of 3_nicolas_0 at -70 dB ran from 2.81 to 3.11 (R2's own run: 3.03).
 * */
#define R2_SEED 5

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

sp_status sp_relax_product(const sp_bounds *bounds, sp_gpu_menu *menu, size_t j, sp_product f,
                           sp_box box, const sp_cut *cut) {
    sp_plane_pair pair;
    sp_status status = SP_OK;
    if (bounds->options.planes == SP_PLANES_STATIC) {
        fill_menu(menu, j, f, box, cut);
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

sp_status sp_relax_units(sp_error *err, sp_bounds *bounds, size_t t, size_t layer,
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
