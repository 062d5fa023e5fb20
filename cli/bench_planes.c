/* Time per supporting plane. */
#include "cli/bench.h"

#include <stdlib.h>

#include "base/clock.h"

enum { MOST_BOXES = 4096 };

typedef struct boxes {
    sp_box box[2][MOST_BOXES]; /* by product */
    size_t count[2];
} boxes;

static void add_box(boxes *all, sp_product f, double x_lo, double x_hi, double y_lo, double y_hi) {
    if (all->count[f] < MOST_BOXES) {
        all->box[f][all->count[f]++] = (sp_box){{x_lo, x_hi}, {y_lo, y_hi}};
    }
}

/* The products of one LSTM layer at one step: i with g, o with c_t, f with c_{t-1}. */
static void collect_step(boxes *all, sp_bounds *bounds, size_t t, size_t layer, size_t H) {
    const double *lo, *hi, *c_lo, *c_hi;
    sp_bounds_layer_box(bounds, t, layer, &lo, &hi);
    sp_bounds_cell_box(bounds, t, layer, &c_lo, &c_hi);
    for (size_t j = 0; j < H; j++) {
        const size_t i = j, g = 2 * H + j, o = 3 * H + j;
        add_box(all, SP_PRODUCT_SIGMOID_TANH, lo[i], hi[i], lo[g], hi[g]);
        add_box(all, SP_PRODUCT_SIGMOID_TANH, lo[o], hi[o], c_lo[j], c_hi[j]);
    }
    if (t > 0) {
        sp_bounds_cell_box(bounds, t - 1, layer, &c_lo, &c_hi);
        for (size_t j = 0; j < H; j++) {
            add_box(all, SP_PRODUCT_SIGMOID_ID, lo[H + j], hi[H + j], c_lo[j], c_hi[j]);
        }
    }
}

static void collect_net(boxes *all, sp_bounds *bounds, const sp_net *net, size_t frames) {
    for (size_t t = 0; t < frames; t++) {
        for (size_t n = 1; n < net->nodes; n++) {
            const sp_node *node = &net->node[n];
            if (node->kind == SP_NODE_CELL && node->cell.kind == SP_CELL_LSTM &&
                sp_net_frames(net, 0, n, frames) == frames) {
                collect_step(all, bounds, t, n, node->width);
            }
        }
    }
}

static sp_status collect(sp_error *err, boxes *all, const bench_case *c, const sp_clip *clip) {
    const sp_budget budget = {SP_BUDGET_DB_PEAK, -80.0};
    const sp_bounds_options options = {.planes = SP_PLANES_STATIC};
    sp_front_forms *forms = NULL;
    sp_front_bound front = {0};
    sp_bounds *bounds = NULL;
    sp_noise noise = {0};
    double eps = 0.0;
    SP_TRY(sp_budget_radius(err, &eps, &budget, clip));
    SP_TRY(sp_noise_box(err, &noise, clip->n, eps));
    sp_status status = sp_front_forms_create(err, &forms, c->front, SP_FRONT_JOINT);
    if (status == SP_OK) {
        status = sp_front_bound_create(err, &front, forms, clip->samples, clip->n, &noise);
    }
    if (status == SP_OK) {
        status = sp_bounds_create(err, &bounds, c->net, &front, &options);
    }
    if (status == SP_OK) {
        collect_net(all, bounds, c->net, front.frames);
    }
    sp_bounds_destroy(bounds);
    sp_front_bound_clear(&front);
    sp_front_forms_destroy(forms);
    sp_noise_clear(&noise);
    return status;
}

/* Best of five rounds over all boxes; a round makes a lower and an upper plane per box. */
static double measure(const boxes *all, sp_product f) {
    static volatile double sink; // the planes must be made although nobody reads them
    double best = 0.0;
    for (int round = 0; round < 5; round++) {
        const double start = sp_clock_wall();
        for (size_t i = 0; i < all->count[f]; i++) {
            sink = sink + sp_plane_static(f, all->box[f][i]).lower.c;
        }
        const double taken = (sp_clock_wall() - start) / (2.0 * (double)all->count[f]);
        best = round == 0 || taken < best ? taken : best;
    }
    return best;
}

sp_status bench_planes_run(sp_error *err, double seconds_per_plane[2], const bench_case *c,
                           const sp_clip *clip) {
    boxes *all = calloc(1, sizeof *all);
    if (!all) {
        return sp_fail(err, SP_E_MEMORY, "out of memory");
    }
    const sp_status status = collect(err, all, c, clip);
    for (int f = 0; status == SP_OK && f < 2; f++) {
        seconds_per_plane[f] = all->count[f] ? measure(all, (sp_product)f) : 0.0;
    }
    free(all);
    return status;
}
