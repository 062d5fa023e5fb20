/* One pass of a method over one clip: time, processor time and operations. */
#include "cli/bench/bench.h"

#include <stdlib.h>

#include "base/clock.h"

/* Margins of label 0 against all others: the rows of a verdict. */
static sp_status all_rows(sp_error *err, const sp_domain *domain, void *bounds, size_t classes) {
    const size_t rows = classes - 1;
    double *weight = calloc(rows * classes, sizeof *weight);
    double *lower = malloc(rows * sizeof *lower);
    sp_status status = weight && lower ? SP_OK : sp_fail(err, SP_E_MEMORY, "out of memory");
    for (size_t r = 0; status == SP_OK && r < rows; r++) {
        weight[r * classes] = 1.0;
        weight[r * classes + r + 1] = -1.0;
    }
    if (status == SP_OK) {
        status = domain->margins(err, bounds, lower, NULL, weight, rows);
    }
    free(weight);
    free(lower);
    return status;
}

static sp_status run_net(sp_error *err, bench_pass *pass, const bench_case *c,
                         const sp_method *method, const sp_front_bound *front) {
    const sp_domain *domain = method->pass[0].domain;
    const sp_bound_task task = {.net = c->net, .fronts = &front, .clips = 1};
    void *bounds = NULL;
    size_t moved = 0;
    const double start = sp_clock_wall();
    sp_status status = domain->create(err, &bounds, &task, method->pass[0].options);
    if (status == SP_OK) {
        status = all_rows(err, domain, bounds, c->net->classes);
    }
    pass->seconds = sp_clock_wall() - start;
    pass->flops = 0.0;
    if (status == SP_OK) {
        domain->spent(bounds, &pass->flops, &moved);
    }
    domain->destroy(bounds);
    return status;
}

static sp_status run_once(sp_error *err, bench_pass *pass, const bench_case *c,
                          const sp_front_forms *forms, const sp_method *method, const sp_clip *clip,
                          const sp_noise *noise) {
    sp_front_bound front = {0};
    const double cpu = sp_clock_cpu(), start = sp_clock_wall();
    SP_TRY(sp_front_bound_create(err, &front, forms, clip->samples, clip->n, noise));
    pass->front_seconds = sp_clock_wall() - start;
    const sp_status status = run_net(err, pass, c, method, &front);
    pass->cpu_seconds = sp_clock_cpu() - cpu;
    sp_front_bound_clear(&front);
    return status;
}

static void keep_best(bench_pass *best, const bench_pass *one) {
    best->flops = one->flops;
    best->seconds = one->seconds < best->seconds ? one->seconds : best->seconds;
    best->front_seconds =
        one->front_seconds < best->front_seconds ? one->front_seconds : best->front_seconds;
    best->cpu_seconds = one->cpu_seconds < best->cpu_seconds ? one->cpu_seconds : best->cpu_seconds;
}

sp_status bench_pass_run(sp_error *err, bench_pass *pass, const bench_case *c,
                         const sp_method *method, const sp_clip *clip, size_t repetitions) {
    const sp_budget budget = {.unit = SP_BUDGET_DB_PEAK, .value = -80.0};
    sp_front_forms *forms = NULL;
    sp_noise noise = {0};
    double eps = 0.0;
    SP_TRY(sp_budget_radius(err, &eps, &budget, clip));
    SP_TRY(sp_noise_box(err, &noise, clip->n, eps));
    sp_status status = sp_front_forms_create(err, &forms, c->front, method->front);
    for (size_t i = 0; status == SP_OK && i < repetitions; i++) {
        bench_pass one = {0};
        status = run_once(err, &one, c, forms, method, clip, &noise);
        if (i == 0) {
            *pass = one;
        } else {
            keep_best(pass, &one);
        }
    }
    sp_front_forms_destroy(forms);
    sp_noise_clear(&noise);
    return status;
}

/* Operations of the walk of one row that starts on the pre-activations of node `top` - 1 (or, for
 * top = nodes, on the logits) at step t: at every step on the way down each cell with G gates costs
 * 2 x G H x (D + H) (D alone at step 0), each dense node 2 D H, the front end 2 M frame. `top` is
 * the first node above those met at step t. */
static double walk_flops(const sp_net *net, const sp_front_layout *layout, size_t t, size_t top) {
    double flops = 0.0;
    size_t highest = 0;
    for (size_t n = 1; n < top; n++) {
        highest = net->node[n].kind == SP_NODE_CELL ? n : highest;
    }
    for (size_t step = t + 1; step-- > 0;) {
        const size_t end = step == t ? top : highest + 1;
        for (size_t n = 1; n < end; n++) {
            const sp_node *node = &net->node[n];
            const sp_cell *cell = &node->cell;
            if (node->kind == SP_NODE_CELL) {
                const double width = (double)(cell->in + (step > 0 ? cell->out : 0));
                flops += 2.0 * (double)(sp_cell_gates(cell) * cell->out) * width;
            } else if (node->kind == SP_NODE_AFFINE) {
                flops += 2.0 * (double)(sp_node_parameters(node) - node->width);
            }
        }
        flops += 2.0 * (double)layout->features * (double)layout->frame;
        if (highest == 0) {
            break;
        }
    }
    return flops;
}

/* Variables per unit whose boxes are found by rows. */
static size_t boxes_of(const sp_cell *cell) {
    sp_cell_steps steps;
    size_t boxes = 0;
    sp_cell_describe(&steps, cell);
    for (size_t v = 0; v < steps.count; v++) {
        boxes += steps.variable[v].boxed ? 1 : 0;
    }
    return boxes;
}

/* Every box of every cell and step has two rows per unit, every input of a ReLU two, and the
 * margins have classes - 1. */
double bench_pass_flops(const sp_net *net, const sp_front_layout *layout, size_t frames) {
    double flops = (double)(net->classes - 1) * walk_flops(net, layout, frames - 1, net->nodes);
    for (size_t n = 1; n < net->nodes; n++) {
        const sp_node *node = &net->node[n];
        const size_t count = sp_net_frames(net, 0, n, frames);
        for (size_t i = 0; i < count; i++) {
            const size_t t = frames - count + i; // behind the pool: the last
            if (node->kind == SP_NODE_CELL) {
                flops += 2.0 * (double)(boxes_of(&node->cell) * node->width) *
                         walk_flops(net, layout, t, n + 1);
            } else if (node->kind == SP_NODE_CURVE) {
                flops += 2.0 * (double)node->width * walk_flops(net, layout, t, n);
            }
        }
    }
    return flops;
}
