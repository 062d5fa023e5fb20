/* One pass of concrete values through all nodes, and back. */
#include <stdlib.h>
#include <string.h>

#include "gpu/backend.h"
#include "train/pass/cell_plan.h"

static size_t larger(size_t a, size_t b) {
    return a > b ? a : b;
}

size_t sp_train_packed_batch_rows(const sp_train_packed_batch *batch, const sp_net *net,
                                  size_t node) {
    return sp_net_frames(net, 0, node, 2) == 1 ? batch->clips : batch->rows;
}

static size_t rows_of(const sp_train_pass *pass, size_t node) {
    return sp_train_packed_batch_rows(pass->batch, pass->net, node);
}

/* Bytes of what one node keeps; *scratch: of what it needs on the way back. */
static size_t node_need(const sp_train_packed_batch *batch, const sp_node *node, size_t rows,
                        size_t *scratch) {
    const size_t d = sizeof(double), H = node->width, G = sp_train_weights_of(node).rows;
    size_t need = 2 * sp_arena_need(rows * H, d), work = sp_arena_need(rows * G, d);
    if (node->kind == SP_NODE_CELL && !sp_train_is_linear(node)) {
        sp_train_cell_plan plan;
        (void)sp_train_cell_plan_make(&plan, &node->cell, false);
        need += sp_arena_need(rows * plan.slots * H, d) + sp_arena_need(H, d);
        work += sp_arena_need(rows * H, d) + sp_arena_need(plan.steps.count * H, d) +
                sp_arena_need(batch->clips * plan.steps.states * H, d);
    }
    *scratch = larger(*scratch, work);
    return need;
}

static void take_node(sp_train_pass *pass, size_t n) {
    const sp_node *node = &pass->net->node[n];
    const size_t rows = rows_of(pass, n), H = node->width;
    sp_train_trace *trace = &pass->trace[n];
    trace->out = sp_arena_take(&pass->arena, rows * H, double);
    trace->slope = sp_arena_take(&pass->arena, rows * H, double);
    if (node->kind == SP_NODE_CELL && !sp_train_is_linear(node)) {
        sp_train_cell_plan plan;
        (void)sp_train_cell_plan_make(&plan, &node->cell, false);
        trace->cell = sp_arena_take(&pass->arena, rows * plan.slots * H, double);
        trace->zero = sp_arena_take(&pass->arena, H, double);
        memset(trace->zero, 0, H * sizeof *trace->zero);
    }
}

/* Whether the recurrent matrix of a linear layer is diag(lambda) with 0 < lambda < 1. */
static bool is_diagonal(const sp_cell *cell) {
    const size_t H = cell->out;
    bool diagonal = cell->candidate.alpha == 1.0 && cell->candidate.beta == 0.0;
    for (size_t i = 0; diagonal && i < H * H; i++) {
        const double r = cell->recurrent[i];
        diagonal = i % (H + 1) == 0 ? r > 0.0 && r < 1.0 : r == 0.0;
    }
    return diagonal;
}

static bool has_passes(const sp_node *node) {
    sp_train_cell_plan plan;
    return sp_train_is_linear(node) ? is_diagonal(&node->cell)
                                    : sp_train_cell_plan_make(&plan, &node->cell, false);
}

sp_status sp_train_packed_batch_check(sp_error *err, const sp_net *net) {
    for (size_t n = 1; n < net->nodes; n++) {
        const sp_node *node = &net->node[n];
        const bool chained = sp_node_inputs(node) == 1 && sp_node_input(node, 0) == n - 1;
        const bool timed = node->kind == SP_NODE_AFFINE && node->term[0].timing.taps > 1;
        const bool curve = node->kind != SP_NODE_CURVE || node->curve.kind == SP_ACTIVATION_RELU;
        const bool cell = node->kind != SP_NODE_CELL || (!node->cell.reverse && has_passes(node));
        const bool pool = node->kind != SP_NODE_POOL || node->pool == SP_POOLING_LAST;
        if (!chained || timed || !curve || !cell || !pool) {
            return sp_fail(err, SP_E_UNSUPPORTED, "node %zu: the trainer has no passes through it",
                           n);
        }
    }
    return SP_OK;
}

sp_status sp_train_pass_create(sp_error *err, sp_train_pass *pass, const sp_net *net,
                               const sp_train_packed_batch *batch) {
    *pass = (sp_train_pass){.net = net, .batch = batch};
    SP_TRY(sp_train_packed_batch_check(err, net));
    size_t scratch = 0, need = sp_arena_need(batch->rows * batch->width, sizeof(double));
    for (size_t n = 1; n < net->nodes; n++) {
        need += node_need(batch, &net->node[n], rows_of(pass, n), &scratch);
    }
    pass->trace = calloc(net->nodes, sizeof *pass->trace);
    if (!pass->trace || sp_arena_init(&pass->arena, need + scratch) != SP_OK) {
        sp_train_pass_clear(pass);
        return sp_fail(err, SP_E_MEMORY, "no memory for a pass over %zu steps", batch->rows);
    }
    pass->input_slope = sp_arena_take(&pass->arena, batch->rows * batch->width, double);
    for (size_t n = 1; n < net->nodes; n++) {
        take_node(pass, n);
    }
    return SP_OK;
}

void sp_train_pass_clear(sp_train_pass *pass) {
    sp_arena_clear(&pass->arena);
    free(pass->trace);
    *pass = (sp_train_pass){0};
}

/* ---- there ---- */

static void node_forward(sp_train_pass *pass, size_t n, const double *x) {
    const sp_node *node = &pass->net->node[n];
    const sp_train_weights at = sp_train_weights_of(node);
    sp_train_trace *trace = &pass->trace[n];
    const size_t rows = rows_of(pass, n);
    switch (node->kind) {
    case SP_NODE_AFFINE:
        sp_train_rows_affine(trace->out, at.out, x, rows, at.in, at.weight, at.bias, at.out);
        break;
    case SP_NODE_CURVE: // a ReLU
        for (size_t j = 0; j < rows * node->width; j++) {
            trace->out[j] = x[j] < 0.0 ? 0.0 : x[j];
        }
        break;
    case SP_NODE_CELL:
        (sp_train_is_linear(node) ? sp_train_linear_forward
                                  : sp_train_cell_forward)(&node->cell, pass->batch, trace, x);
        break;
    case SP_NODE_POOL:
        sp_train_packed_batch_last(trace->out, pass->batch, x, node->width);
        break;
    case SP_NODE_INPUT:
        break;
    }
}

const double *sp_train_pass_forward(sp_train_pass *pass, const double *x) {
    for (size_t n = 1; n < pass->net->nodes; n++) {
        node_forward(pass, n, x);
        x = pass->trace[n].out;
    }
    return x;
}

/* ---- back ---- */

static void affine_backward(sp_train_pass *pass, size_t n, const double *x, double *dx,
                            const sp_train_slopes *slopes) {
    const sp_train_weights at = sp_train_weights_of(&pass->net->node[n]);
    const size_t rows = rows_of(pass, n), mark = sp_arena_mark(&pass->arena);
    const double *dy = pass->trace[n].slope;
    if (dx) {
        sp_gpu_gemm(rows, at.in, at.out, dy, at.out, at.weight, at.in, false, 0.0, dx, at.in);
    }
    if (slopes) {
        double *turned = sp_arena_take(&pass->arena, rows * at.out, double);
        sp_train_rows_outer(slopes->weight, dy, at.out, x, rows, at.out, at.in, turned);
        sp_train_rows_sum(slopes->bias, dy, at.out, rows, at.out);
    }
    sp_arena_release(&pass->arena, mark);
}

static void relu_backward(sp_train_pass *pass, size_t n, double *dx) {
    const sp_train_trace *trace = &pass->trace[n];
    for (size_t j = 0; dx && j < rows_of(pass, n) * pass->net->node[n].width; j++) {
        dx[j] = trace->out[j] > 0.0 ? trace->slope[j] : 0.0;
    }
}

static void node_backward(sp_train_pass *pass, size_t n, const double *x, double *dx,
                          const sp_train_slopes *slopes) {
    switch (pass->net->node[n].kind) {
    case SP_NODE_AFFINE:
        affine_backward(pass, n, x, dx, slopes);
        break;
    case SP_NODE_CURVE:
        relu_backward(pass, n, dx);
        break;
    case SP_NODE_CELL:
        (sp_train_is_linear(&pass->net->node[n]) ? sp_train_linear_backward
                                                 : sp_train_cell_backward)(
            &pass->net->node[n].cell, pass->batch, &pass->trace[n], x, dx, slopes, &pass->arena);
        break;
    case SP_NODE_POOL:
        sp_train_packed_batch_spread(dx, pass->batch, pass->trace[n].slope,
                                     pass->net->node[n].width);
        break;
    case SP_NODE_INPUT:
        break;
    }
}

void sp_train_pass_backward(sp_train_pass *pass, const double *x, const double *slope,
                            double *gradient, bool inputs) {
    const sp_net *net = pass->net;
    memcpy(pass->trace[net->nodes - 1].slope, slope,
           pass->batch->clips * net->classes * sizeof *slope);
    for (size_t n = net->nodes - 1; n > 0; n--) {
        const sp_train_slopes slopes =
            gradient ? sp_train_slopes_of(net, n, gradient) : (sp_train_slopes){0};
        const double *in = n > 1 ? pass->trace[n - 1].out : x;
        double *dx = n > 1 ? pass->trace[n - 1].slope : (inputs ? pass->input_slope : NULL);
        node_backward(pass, n, in, dx, gradient ? &slopes : NULL);
    }
}
