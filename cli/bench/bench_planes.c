/* Time per supporting plane. */
#include "cli/bench/bench.h"

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

/* The two factors of a product of a cell, or of the products of all its units. */
static void collect_product(boxes *all, void *bounds, const sp_net *net, size_t node, size_t t,
                            const sp_cell_steps *steps, const sp_cell_variable *p) {
    const double *x_lo, *x_hi, *y_lo, *y_hi;
    size_t before = t;
    int second = p->b;
    for (size_t i = 0; i < steps->states; i++) {
        if (steps->state[i].before == second) {
            second = steps->state[i].after;
            before = t - 1;
        }
    }
    if (before > t || p->map.product > SP_PRODUCT_SIGMOID_ID) {
        return; // times a state that is 0; or no product of an LSTM
    }
    sp_domain_backsub.box(bounds, node, t, p->a, &x_lo, &x_hi);
    sp_domain_backsub.box(bounds, node, before, second, &y_lo, &y_hi);
    for (size_t j = 0; j < net->node[node].width; j++) {
        add_box(all, p->map.product, x_lo[j], x_hi[j], y_lo[j], y_hi[j]);
    }
}

static void collect_net(boxes *all, void *bounds, const sp_net *net, size_t frames) {
    for (size_t n = 1; n < net->nodes; n++) {
        sp_cell_steps steps = {0};
        if (net->node[n].kind == SP_NODE_CELL && net->node[n].cell.kind == SP_CELL_LSTM) {
            sp_cell_describe(&steps, &net->node[n].cell);
        }
        for (size_t t = 0; t < sp_net_frames(net, 0, n, frames); t++) {
            for (size_t v = 0; v < steps.count; v++) {
                if (steps.variable[v].op == SP_CELL_PRODUCT) {
                    collect_product(all, bounds, net, n, t, &steps, &steps.variable[v]);
                }
            }
        }
    }
}

static sp_status collect(sp_error *err, boxes *all, const bench_case *c, const sp_clip *clip) {
    const sp_budget budget = {.unit = SP_BUDGET_DB_PEAK, .value = -80.0};
    sp_front_forms *forms = NULL;
    sp_front_bound front = {0};
    void *bounds = NULL;
    sp_noise noise = {0};
    double eps = 0.0;
    SP_TRY(sp_budget_radius(err, &eps, &budget, clip));
    SP_TRY(sp_noise_box(err, &noise, clip->n, eps));
    sp_status status = sp_front_forms_create(err, &forms, c->front, SP_FRONT_JOINT);
    if (status == SP_OK) {
        status = sp_front_bound_create(err, &front, forms, clip->samples, clip->n, &noise);
    }
    if (status == SP_OK) {
        const sp_front_bound *fronts[] = {&front};
        const sp_bound_task task = {.net = c->net, .fronts = fronts, .clips = 1};
        status = sp_domain_backsub.create(err, &bounds, &task, NULL);
    }
    if (status == SP_OK) {
        collect_net(all, bounds, c->net, front.frames);
    }
    sp_domain_backsub.destroy(bounds);
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
