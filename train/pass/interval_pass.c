/* One pass of boxes through all nodes, up to the differences of logits, and back. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "gpu/backend.h"
#include "train/pass/cell_plan.h"
#include "train/pass/interval_rules.h"

static size_t rows_of(const sp_train_interval_pass *pass, size_t node) {
    return sp_train_packed_batch_rows(pass->batch, pass->net, node);
}

static size_t weights_of(const sp_node *node) {
    const sp_train_weights at = sp_train_weights_of(node);
    return at.rows * at.in + (sp_train_is_linear(node) ? 0 : at.loops);
}

/* ---- memory ---- */

static size_t node_need(const sp_train_packed_batch *batch, const sp_node *node, size_t rows,
                        size_t *scratch) {
    const sp_train_weights at = sp_train_weights_of(node);
    const size_t d = sizeof(double), H = at.out, G = at.rows, inputs = at.in > H ? at.in : H;
    size_t need = sp_arena_need(4 * rows * H, d) + sp_arena_need(weights_of(node), d);
    size_t work = sp_arena_need(sp_train_interval_outer_work(rows, G, inputs), d);
    if (node->kind == SP_NODE_CURVE) {
        need += sp_arena_need(2 * rows * H, d);
    } else if (node->kind == SP_NODE_CELL && !sp_train_is_linear(node)) {
        sp_train_cell_plan plan;
        (void)sp_train_cell_plan_make(&plan, &node->cell, true);
        need += sp_arena_need(2 * rows * plan.slots * H, d);
        work += sp_arena_need(2 * rows * H, d) +
                sp_arena_need(plan.steps.count * H, sizeof(sp_train_ends)) +
                sp_arena_need(batch->clips * plan.steps.states * H, sizeof(sp_train_ends));
    }
    *scratch = work > *scratch ? work : *scratch;
    return need;
}

static sp_train_interval box_of(double *first, size_t count) {
    return (sp_train_interval){first, first + count};
}

static void take_node(sp_train_interval_pass *pass, size_t index) {
    const sp_node *node = &pass->net->node[index];
    const size_t rows = rows_of(pass, index), H = node->width, n = rows * H;
    sp_arena *arena = &pass->arena;
    sp_train_interval_trace *trace = &pass->trace[index];
    double *both = sp_arena_take(arena, 4 * n, double);
    trace->out = box_of(both, n);
    trace->slope = box_of(both + 2 * n, n);
    pass->magnitude[index] = sp_arena_take(arena, weights_of(node), double);
    if (node->kind == SP_NODE_CURVE) {
        trace->ends = sp_arena_take(arena, 2 * n, double);
    } else if (node->kind == SP_NODE_CELL && !sp_train_is_linear(node)) {
        sp_train_cell_plan plan;
        (void)sp_train_cell_plan_make(&plan, &node->cell, true);
        trace->ends = sp_arena_take(arena, 2 * rows * plan.slots * H, double);
    }
}

/* |weight| then, but for linear layers, |recurrent|. */
static void take_magnitudes(double *magnitude, const sp_node *node) {
    const sp_train_weights at = sp_train_weights_of(node);
    const size_t n = at.rows * at.in;
    for (size_t i = 0; i < n; i++) {
        magnitude[i] = fabs(at.weight[i]);
    }
    for (size_t i = 0; i < weights_of(node) - n; i++) {
        magnitude[n + i] = fabs(at.recurrent[i]);
    }
}

sp_status sp_train_interval_pass_create(sp_error *err, sp_train_interval_pass *pass,
                                        const sp_net *net, const sp_train_packed_batch *batch) {
    *pass = (sp_train_interval_pass){.net = net, .batch = batch};
    SP_TRY(sp_train_packed_batch_check(err, net));
    size_t scratch = 0, need = 0;
    for (size_t n = 1; n < net->nodes; n++) {
        need += node_need(batch, &net->node[n], rows_of(pass, n), &scratch);
    }
    pass->trace = calloc(net->nodes, sizeof *pass->trace);
    pass->magnitude = calloc(net->nodes, sizeof *pass->magnitude);
    if (!pass->trace || !pass->magnitude || sp_arena_init(&pass->arena, need + scratch) != SP_OK) {
        sp_train_interval_pass_clear(pass);
        return sp_fail(err, SP_E_MEMORY, "no memory for a pass over %zu steps", batch->rows);
    }
    for (size_t n = 1; n < net->nodes; n++) {
        take_node(pass, n);
        take_magnitudes(pass->magnitude[n], &net->node[n]);
    }
    return SP_OK;
}

void sp_train_interval_pass_clear(sp_train_interval_pass *pass) {
    sp_arena_clear(&pass->arena);
    free(pass->trace);
    free(pass->magnitude);
    *pass = (sp_train_interval_pass){0};
}

/* ---- there ---- */

static void relu_forward(sp_train_interval_pass *pass, size_t node, sp_train_interval x) {
    const size_t n = rows_of(pass, node) * pass->net->node[node].width;
    const sp_train_pair value = sp_train_pair_of(pass->trace[node].ends, n);
    for (size_t k = 0; k < n; k++) {
        const sp_train_ends in = sp_train_ends_of(x.mid[k], x.rad[k]);
        const sp_train_ends y = {in.lo > 0.0 ? in.lo : 0.0, in.hi > 0.0 ? in.hi : 0.0};
        sp_train_pair_set(value, k, y);
        sp_train_interval_set(pass->trace[node].out, k, y);
    }
}

static sp_train_interval_cell cell_at(sp_train_interval_pass *pass, size_t n, sp_train_interval x) {
    return (sp_train_interval_cell){.cell = &pass->net->node[n].cell,
                                    .batch = pass->batch,
                                    .trace = &pass->trace[n],
                                    .magnitude = pass->magnitude[n],
                                    .x = x,
                                    .arena = &pass->arena};
}

static void node_forward(sp_train_interval_pass *pass, size_t n, sp_train_interval x) {
    const sp_train_interval_cell at = cell_at(pass, n, x);
    const sp_node *node = &pass->net->node[n];
    const sp_train_weights w = sp_train_weights_of(node);
    switch (node->kind) {
    case SP_NODE_AFFINE:
        sp_train_interval_affine(at.trace->out, x, rows_of(pass, n), w.in, w.weight, at.magnitude,
                                 w.bias, w.out);
        break;
    case SP_NODE_CURVE:
        relu_forward(pass, n, x);
        break;
    case SP_NODE_CELL:
        (sp_train_is_linear(node) ? sp_train_linear_box_forward : sp_train_cell_box_forward)(&at);
        break;
    case SP_NODE_POOL:
        sp_train_packed_batch_last(at.trace->out.mid, pass->batch, x.mid, node->width);
        sp_train_packed_batch_last(at.trace->out.rad, pass->batch, x.rad, node->width);
        break;
    case SP_NODE_INPUT:
        break;
    }
}

/* worst[k] = max over the box of logit[k] - logit[label]: the differences of two rows of the last
 * node, so that what the two have in common cancels. */
static void worst_logits(const sp_train_interval_pass *pass, sp_train_interval x, double *worst) {
    const sp_train_weights last = sp_train_weights_of(&pass->net->node[pass->net->nodes - 1]);
    const size_t D = last.in, C = last.out;
    for (size_t i = 0; i < pass->batch->clips; i++) {
        const size_t label = pass->batch->label[i];
        const double *wy = last.weight + label * D; /* w[label,:] */
        const double *mid = x.mid + i * D, *rad = x.rad + i * D;
        for (size_t k = 0; k < C; k++) {
            const double *wk = last.weight + k * D; /* w[k,:] */
            double sum = last.bias[k] - last.bias[label];
            for (size_t j = 0; j < D; j++) {
                const double w = wk[j] - wy[j];
                sum += w * mid[j] + fabs(w) * rad[j];
            }
            worst[i * C + k] = sum;
        }
    }
}

/* What node n reads, once the nodes before it have run. */
static sp_train_interval input_of(const sp_train_interval_pass *pass, size_t n,
                                  sp_train_interval x) {
    return n > 1 ? pass->trace[n - 1].out : x;
}

void sp_train_interval_pass_forward(sp_train_interval_pass *pass, sp_train_interval x,
                                    double *worst) {
    const size_t last = pass->net->nodes - 1;
    for (size_t n = 1; n < last; n++) {
        node_forward(pass, n, input_of(pass, n, x));
    }
    worst_logits(pass, input_of(pass, last, x), worst);
}

/* ---- back ---- */

static double sign(double x) {
    return x > 0.0 ? 1.0 : (x < 0.0 ? -1.0 : 0.0);
}

/* Row `k` against row `label` of the last node, for one clip. */
static void pair_backward(const sp_train_weights *last, size_t k, size_t label, double slope,
                          const double *mid, const double *rad, double *dmid, double *drad,
                          const sp_train_slopes *slopes) {
    const size_t D = last->in;
    const double *wk = last->weight + k * D, *wy = last->weight + label * D;
    for (size_t j = 0; j < D; j++) {
        const double w = wk[j] - wy[j], dw = slope * (mid[j] + sign(w) * rad[j]);
        dmid[j] += slope * w;
        drad[j] += slope * fabs(w);
        slopes->weight[k * D + j] += dw;
        slopes->weight[label * D + j] -= dw;
    }
    slopes->bias[k] += slope;
    slopes->bias[label] -= slope;
}

static void worst_backward(const sp_train_interval_pass *pass, sp_train_interval x,
                           sp_train_interval dx, const double *slope,
                           const sp_train_slopes *slopes) {
    const sp_train_weights last = sp_train_weights_of(&pass->net->node[pass->net->nodes - 1]);
    const size_t D = last.in, C = last.out, clips = pass->batch->clips;
    memset(dx.mid, 0, clips * D * sizeof *dx.mid);
    memset(dx.rad, 0, clips * D * sizeof *dx.rad);
    for (size_t i = 0; i < clips; i++) {
        for (size_t k = 0; k < C; k++) {
            if (k != pass->batch->label[i]) {
                pair_backward(&last, k, pass->batch->label[i], slope[i * C + k], x.mid + i * D,
                              x.rad + i * D, dx.mid + i * D, dx.rad + i * D, slopes);
            }
        }
    }
}

static void affine_backward(const sp_train_interval_cell *at, const sp_node *node, size_t rows) {
    const sp_train_weights w = sp_train_weights_of(node);
    const size_t in = w.in, out = w.out, mark = sp_arena_mark(at->arena);
    const sp_train_interval dy = at->trace->slope;
    double *scratch = sp_arena_take(at->arena, sp_train_interval_outer_work(rows, out, in), double);
    if (at->dx.mid) {
        sp_gpu_gemm(rows, in, out, dy.mid, out, w.weight, in, false, 0.0, at->dx.mid, in);
        sp_gpu_gemm(rows, in, out, dy.rad, out, at->magnitude, in, false, 0.0, at->dx.rad, in);
    }
    sp_train_interval_outer(at->slopes->weight, dy, out, at->x, rows, out, in, w.weight, scratch);
    sp_train_rows_sum(at->slopes->bias, dy.mid, out, rows, out);
    sp_arena_release(at->arena, mark);
}

static void relu_backward(const sp_train_interval_cell *at, size_t n) {
    const sp_train_pair value = sp_train_pair_of(at->trace->ends, n);
    for (size_t k = 0; at->dx.mid && k < n; k++) {
        const sp_train_ends s =
            sp_train_ends_slope(at->trace->slope.mid[k], at->trace->slope.rad[k]);
        const double lo = value.lo[k] > 0.0 ? s.lo : 0.0, hi = value.hi[k] > 0.0 ? s.hi : 0.0;
        at->dx.mid[k] = lo + hi;
        at->dx.rad[k] = hi - lo;
    }
}

static void node_backward(const sp_train_interval_pass *pass, const sp_train_interval_cell *at,
                          size_t n) {
    const sp_node *node = &pass->net->node[n];
    switch (node->kind) {
    case SP_NODE_AFFINE:
        affine_backward(at, node, rows_of(pass, n));
        break;
    case SP_NODE_CURVE:
        relu_backward(at, rows_of(pass, n) * node->width);
        break;
    case SP_NODE_CELL:
        (sp_train_is_linear(node) ? sp_train_linear_box_backward : sp_train_cell_box_backward)(at);
        break;
    case SP_NODE_POOL:
        sp_train_packed_batch_spread(at->dx.mid, pass->batch, at->trace->slope.mid, node->width);
        sp_train_packed_batch_spread(at->dx.rad, pass->batch, at->trace->slope.rad, node->width);
        break;
    case SP_NODE_INPUT:
        break;
    }
}

void sp_train_interval_pass_backward(sp_train_interval_pass *pass, sp_train_interval x,
                                     const double *slope, double *gradient) {
    const sp_net *net = pass->net;
    for (size_t n = net->nodes - 1; n > 0; n--) {
        const sp_train_slopes slopes = sp_train_slopes_of(net, n, gradient);
        const sp_train_interval none = {NULL, NULL}, dx = n > 1 ? pass->trace[n - 1].slope : none;
        if (n + 1 == net->nodes) {
            worst_backward(pass, input_of(pass, n, x), dx, slope, &slopes);
        } else {
            sp_train_interval_cell at = cell_at(pass, n, input_of(pass, n, x));
            at.dx = dx;
            at.slopes = &slopes;
            node_backward(pass, &at, n);
        }
    }
}
