/* One pass of affine forms through all nodes, up to the differences of logits, and back. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "gpu/backend.h"
#include "train/pass/zonotope_form.h"

/* ---- memory ---- */

static size_t rows_of(const sp_train_zonotope_pass *pass, size_t node) {
    return sp_train_packed_batch_rows(pass->batch, pass->net, node);
}

/* Three lists of places: rows with the symbols of their frame, with those of all frames so far,
 * and the clips behind a pool. */
static sp_status make_index(sp_error *err, sp_train_zonotope_pass *pass, const size_t **first) {
    const sp_train_packed_batch *b = pass->batch;
    const size_t D = b->width, rows = b->rows;
    pass->index = calloc(2 * (rows + 1) + b->clips + 1, sizeof *pass->index);
    if (!pass->index) {
        return sp_fail(err, SP_E_MEMORY, "no memory for %zu steps", rows);
    }
    size_t *own = pass->index, *all = own + rows + 1, *pooled = all + rows + 1;
    for (size_t t = 0; t < b->steps; t++) {
        for (size_t r = b->first[t]; r < b->first[t] + b->count[t]; r++) {
            own[r + 1] = own[r] + 1 + D;
            all[r + 1] = all[r] + 1 + D * (t + 1);
        }
    }
    const size_t *now = own;
    first[0] = own;
    for (size_t n = 1; n < pass->net->nodes; n++) {
        const sp_node *node = &pass->net->node[n];
        if (node->kind == SP_NODE_POOL) {
            for (size_t i = 0; i < b->clips; i++) {
                pooled[i + 1] = pooled[i] + now[b->last[i] + 1] - now[b->last[i]];
            }
        }
        now = node->kind == SP_NODE_POOL ? pooled : (node->kind == SP_NODE_CELL ? all : now);
        first[n] = now;
    }
    return SP_OK;
}

static sp_train_zonotope_size size_of(const sp_node *node) {
    if (node->kind == SP_NODE_CELL && !sp_train_is_linear(node)) {
        return sp_train_zonotope_cell_size(&node->cell);
    }
    return (sp_train_zonotope_size){.slots = 1, .curves = node->kind == SP_NODE_CURVE};
}

static size_t weights_of(const sp_node *node) {
    const sp_train_weights at = sp_train_weights_of(node);
    return at.rows * at.in + (sp_train_is_linear(node) ? 0 : at.loops);
}

static size_t node_need(const sp_train_zonotope_pass *pass, size_t n, const size_t *first,
                        const size_t *before, size_t *scratch) {
    const sp_node *node = &pass->net->node[n];
    const sp_train_zonotope_size size = size_of(node);
    const sp_train_weights at = sp_train_weights_of(node);
    const size_t rows = rows_of(pass, n), H = node->width, in_rows = rows_of(pass, n - 1);
    size_t work =
        4 * sp_arena_need(H, sizeof(sp_train_seen)) + 2 * sp_arena_need(H, sizeof(double));
    if (at.rows > 0) {
        work += sp_train_forms_affine_work(before[in_rows], in_rows, at.in, at.rows);
    }
    if (node->kind == SP_NODE_CELL && !sp_train_is_linear(node)) {
        work += sp_train_zonotope_cell_work(&node->cell, rows,
                                            1 + pass->batch->steps * pass->batch->width);
    }
    *scratch = work > *scratch ? work : *scratch;
    return 2 * sp_train_forms_need(first[rows], rows, size.slots * H) +
           sp_arena_need(rows * size.curves * H, sizeof(sp_train_chord)) +
           sp_arena_need(weights_of(node), sizeof(double));
}

static sp_train_forms columns(sp_train_forms forms, size_t at) {
    forms.gen += at;
    forms.rest += at;
    forms.range += at;
    forms.box = (sp_train_interval){forms.box.mid + at, forms.box.rad + at};
    forms.bounds = (sp_train_interval){forms.bounds.mid + at, forms.bounds.rad + at};
    return forms;
}

static void take_node(sp_train_zonotope_pass *pass, size_t n, const size_t *first) {
    const sp_node *node = &pass->net->node[n];
    const sp_train_zonotope_size size = size_of(node);
    const size_t rows = rows_of(pass, n), H = node->width;
    sp_train_zonotope_trace *trace = &pass->trace[n];
    trace->all = sp_train_forms_take(&pass->arena, first, rows, size.slots * H);
    trace->all_slope = sp_train_forms_take(&pass->arena, first, rows, size.slots * H);
    trace->out = columns(trace->all, size.output * H);
    trace->out_slope = columns(trace->all_slope, size.output * H);
    trace->chord = sp_arena_take(&pass->arena, rows * size.curves * H, sp_train_chord);
    const sp_train_weights at = sp_train_weights_of(node);
    const size_t weights = at.rows * at.in;
    double *magnitude = sp_arena_take(&pass->arena, weights_of(node), double);
    for (size_t i = 0; i < weights_of(node); i++) {
        magnitude[i] = fabs(i < weights ? at.weight[i] : at.recurrent[i - weights]);
    }
    pass->magnitude[n] = magnitude;
}

sp_status sp_train_zonotope_pass_create(sp_error *err, sp_train_zonotope_pass *pass,
                                        const sp_net *net, const sp_train_packed_batch *batch,
                                        bool meet) {
    *pass = (sp_train_zonotope_pass){.net = net, .batch = batch, .meet = meet};
    SP_TRY(sp_train_packed_batch_check(err, net));
    const size_t **first = calloc(net->nodes, sizeof *first);
    sp_status status = first ? make_index(err, pass, first)
                             : sp_fail(err, SP_E_MEMORY, "no memory for %zu nodes", net->nodes);
    pass->trace = calloc(net->nodes, sizeof *pass->trace);
    pass->magnitude = calloc(net->nodes, sizeof *pass->magnitude);
    size_t scratch = 0, need = 0;
    for (size_t n = 1; status == SP_OK && n < net->nodes; n++) {
        need += node_need(pass, n, first[n], first[n - 1], &scratch);
    }
    if (status == SP_OK) {
        need += sp_train_forms_need(first[0][batch->rows], batch->rows, batch->width) + scratch;
        if (!pass->trace || !pass->magnitude || sp_arena_init(&pass->arena, need) != SP_OK) {
            status =
                sp_fail(err, SP_E_MEMORY, "no memory for zonotopes over %zu steps", batch->rows);
        }
    }
    if (status == SP_OK) {
        pass->input = sp_train_forms_take(&pass->arena, first[0], batch->rows, batch->width);
        for (size_t n = 1; n < net->nodes; n++) {
            take_node(pass, n, first[n]);
        }
    } else {
        sp_train_zonotope_pass_clear(pass);
    }
    free(first);
    return status;
}

void sp_train_zonotope_pass_clear(sp_train_zonotope_pass *pass) {
    sp_arena_clear(&pass->arena);
    free(pass->index);
    free(pass->trace);
    free(pass->magnitude);
    *pass = (sp_train_zonotope_pass){0};
}

/* ---- there ---- */

/* One symbol for each feature of each frame. */
static void begin(sp_train_zonotope_pass *pass, sp_train_interval x) {
    const size_t D = pass->batch->width;
    for (size_t r = 0; r < pass->batch->rows; r++) {
        const sp_train_form y = sp_train_form_of(&pass->input, r, 0, D);
        sp_train_form_clear(&y);
        memcpy(y.gen, x.mid + r * D, D * sizeof(double));
        memcpy(y.bounds.mid, x.mid + r * D, D * sizeof(double));
        memcpy(y.bounds.rad, x.rad + r * D, D * sizeof(double));
        for (size_t m = 0; m < D; m++) {
            y.gen[(m + 1) * y.ld + m] = x.rad[r * D + m];
        }
        sp_train_form_close(&y, pass->meet);
    }
}

static sp_train_forms_map map_of(const sp_train_zonotope_pass *pass, size_t n,
                                 const sp_train_slopes *slopes) {
    const sp_train_weights w = sp_train_weights_of(&pass->net->node[n]);
    return (sp_train_forms_map){.weight = w.weight,
                                .magnitude = pass->magnitude[n],
                                .bias = w.bias,
                                .weight_slope = slopes ? slopes->weight : NULL,
                                .bias_slope = slopes ? slopes->bias : NULL,
                                .in = w.in,
                                .out = w.rows};
}

static void close_rows(const sp_train_forms *forms, size_t H, bool meet) {
    for (size_t r = 0; r < forms->rows; r++) {
        const sp_train_form y = sp_train_form_of(forms, r, 0, H);
        sp_train_form_close(&y, meet);
    }
}

/* A ReLU as a function that row r is read by. */
typedef struct relu {
    sp_train_curve curve;
    sp_train_operand operand;
} relu;

static relu relu_of(const sp_train_zonotope_node *at) {
    const size_t H = at->node->width;
    relu r = {.curve = {.f = {.kind = SP_ACTIVATION_RELU}}};
    r.curve.slope = sp_arena_take(at->arena, H, sp_train_seen);
    r.operand.seen = sp_arena_take(at->arena, H, sp_train_seen);
    r.operand.back = sp_arena_take(at->arena, H, sp_train_seen);
    r.operand.scale = sp_arena_take(at->arena, H, double);
    return r;
}

static void relu_move(relu *r, const sp_train_zonotope_node *at, size_t row) {
    const size_t H = at->node->width;
    r->curve.chord = at->trace->chord + row * H;
    r->operand.curve = &r->curve;
    r->operand.x = sp_train_form_of(at->x, row, 0, H);
    r->operand.slope = at->dx ? sp_train_form_of(at->dx, row, 0, H) : (sp_train_form){.H = H};
}

static void relu_forward(const sp_train_zonotope_node *at) {
    const size_t H = at->node->width, mark = sp_arena_mark(at->arena);
    relu r = relu_of(at);
    for (size_t row = 0; row < at->trace->out.rows; row++) {
        const sp_train_form y = sp_train_form_of(&at->trace->out, row, 0, H);
        relu_move(&r, at, row);
        sp_train_curve_close(&r.curve, &r.operand.x);
        sp_train_form_clear(&y);
        sp_train_form_add(&y, &r.operand, 1.0, at->meet);
        sp_train_form_close(&y, at->meet);
    }
    sp_arena_release(at->arena, mark);
}

static void relu_backward(const sp_train_zonotope_node *at) {
    const size_t H = at->node->width, mark = sp_arena_mark(at->arena);
    relu r = relu_of(at);
    for (size_t row = 0; at->dx && row < at->trace->out.rows; row++) {
        const sp_train_form y = sp_train_form_of(&at->trace->out, row, 0, H);
        const sp_train_form slope = sp_train_form_of(&at->trace->out_slope, row, 0, H);
        relu_move(&r, at, row);
        memset(r.curve.slope, 0, H * sizeof *r.curve.slope);
        sp_train_form_open(&y, &slope, at->meet);
        sp_train_form_add_back(&slope, &r.operand, 1.0, at->meet);
        sp_train_curve_open(&r.curve, &r.operand.x, &r.operand.slope, at->meet);
    }
    sp_arena_release(at->arena, mark);
}

/* All of the last row of each clip; `back`: the slopes of clips become those of their last rows. */
static void pool(const sp_train_forms *clips, const sp_train_forms *rows, size_t H,
                 const sp_train_packed_batch *batch, bool back) {
    for (size_t i = 0; i < batch->clips; i++) {
        const sp_train_form c = sp_train_form_of(clips, i, 0, H);
        const sp_train_form r = sp_train_form_of(rows, batch->last[i], 0, H);
        const sp_train_form *to = back ? &r : &c, *from = back ? &c : &r;
        sp_train_form_copy(to, from);
        memcpy(to->range, from->range, H * sizeof(double));
        memcpy(to->box.mid, from->box.mid, H * sizeof(double));
        memcpy(to->box.rad, from->box.rad, H * sizeof(double));
    }
}

static sp_train_zonotope_node node_at(sp_train_zonotope_pass *pass, size_t n) {
    return (sp_train_zonotope_node){.node = &pass->net->node[n],
                                    .batch = pass->batch,
                                    .trace = &pass->trace[n],
                                    .magnitude = pass->magnitude[n],
                                    .x = n > 1 ? &pass->trace[n - 1].out : &pass->input,
                                    .dx = n > 1 ? &pass->trace[n - 1].out_slope : NULL,
                                    .arena = &pass->arena,
                                    .meet = pass->meet};
}

static void node_forward(sp_train_zonotope_pass *pass, size_t n) {
    const sp_train_zonotope_node at = node_at(pass, n);
    const sp_train_forms_map map = map_of(pass, n, NULL);
    switch (at.node->kind) {
    case SP_NODE_AFFINE:
        sp_train_forms_affine(&at.trace->out, at.x, &map, at.meet, at.arena);
        close_rows(&at.trace->out, at.node->width, at.meet);
        break;
    case SP_NODE_CURVE:
        relu_forward(&at);
        break;
    case SP_NODE_CELL:
        (sp_train_is_linear(at.node) ? sp_train_zonotope_linear_forward
                                     : sp_train_zonotope_cell_forward)(&at);
        break;
    case SP_NODE_POOL:
        pool(&at.trace->out, at.x, at.node->width, at.batch, false);
        break;
    case SP_NODE_INPUT:
        break;
    }
}

/* ---- the differences of logits ---- */

/* One of them: rows k and y of the last node over one clip. */
typedef struct pair {
    sp_train_form x, logits; /* before the last node, and behind it */
    const double *wk, *wy;
    double bias;
    size_t k, y;
} pair;

static pair pair_of(const sp_train_zonotope_pass *pass, size_t clip, size_t k) {
    const size_t n = pass->net->nodes - 1, y = pass->batch->label[clip];
    const sp_train_weights last = sp_train_weights_of(&pass->net->node[n]);
    const sp_train_forms *x = n > 1 ? &pass->trace[n - 1].out : &pass->input;
    return (pair){.x = sp_train_form_of(x, clip, 0, last.in),
                  .logits = sp_train_form_of(&pass->trace[n].out, clip, 0, last.out),
                  .wk = last.weight + k * last.in,
                  .wy = last.weight + y * last.in,
                  .bias = last.bias[k] - last.bias[y],
                  .k = k,
                  .y = y};
}

/* Upper bounds of the difference: by the forms, and by the box. */
static double by_forms(const pair *p) {
    double sum = p->logits.gen[p->k] - p->logits.gen[p->y];
    for (size_t s = 1; s <= p->x.symbols; s++) {
        const double *g = p->logits.gen + s * p->logits.ld;
        sum += fabs(g[p->k] - g[p->y]);
    }
    for (size_t j = 0; j < p->x.H; j++) {
        sum += fabs(p->wk[j] - p->wy[j]) * p->x.rest[j];
    }
    return sum;
}

static double by_box(const pair *p) {
    double sum = p->bias;
    for (size_t j = 0; j < p->x.H; j++) {
        const double w = p->wk[j] - p->wy[j];
        sum += w * p->x.box.mid[j] + fabs(w) * p->x.box.rad[j];
    }
    return sum;
}

void sp_train_zonotope_pass_forward(sp_train_zonotope_pass *pass, sp_train_interval x,
                                    double *worst) {
    const size_t last = pass->net->nodes - 1, C = pass->net->classes;
    begin(pass, x);
    for (size_t n = 1; n <= last; n++) {
        node_forward(pass, n);
    }
    for (size_t i = 0; i < pass->batch->clips; i++) {
        for (size_t k = 0; k < C; k++) {
            const pair p = pair_of(pass, i, k);
            worst[i * C + k] = pass->meet ? fmin(by_forms(&p), by_box(&p)) : by_forms(&p);
        }
    }
}

/* ---- back ---- */

static double sign(double x) {
    return x > 0.0 ? 1.0 : (x < 0.0 ? -1.0 : 0.0);
}

/* d: slopes behind the last node; dx: before it. */
static void forms_back(const pair *p, double slope, const sp_train_form *d, const sp_train_form *dx,
                       const sp_train_slopes *slopes) {
    d->gen[p->k] += slope;
    d->gen[p->y] -= slope;
    for (size_t s = 1; s <= p->x.symbols; s++) {
        const double *g = p->logits.gen + s * p->logits.ld;
        const double by = slope * sign(g[p->k] - g[p->y]);
        d->gen[s * d->ld + p->k] += by;
        d->gen[s * d->ld + p->y] -= by;
    }
    for (size_t j = 0; j < p->x.H; j++) {
        const double w = p->wk[j] - p->wy[j], by = slope * sign(w) * p->x.rest[j];
        dx->rest[j] += slope * fabs(w);
        slopes->weight[p->k * p->x.H + j] += by;
        slopes->weight[p->y * p->x.H + j] -= by;
    }
}

static void box_back(const pair *p, double slope, const sp_train_form *dx,
                     const sp_train_slopes *slopes) {
    for (size_t j = 0; j < p->x.H; j++) {
        const double w = p->wk[j] - p->wy[j];
        const double by = slope * (p->x.box.mid[j] + sign(w) * p->x.box.rad[j]);
        dx->box.mid[j] += slope * w;
        dx->box.rad[j] += slope * fabs(w);
        slopes->weight[p->k * p->x.H + j] += by;
        slopes->weight[p->y * p->x.H + j] -= by;
    }
    slopes->bias[p->k] += slope;
    slopes->bias[p->y] -= slope;
}

static void worst_back(sp_train_zonotope_pass *pass, const double *slope,
                       const sp_train_slopes *slopes) {
    const size_t last = pass->net->nodes - 1, C = pass->net->classes;
    const sp_train_zonotope_node at = node_at(pass, last);
    const sp_train_forms_map map = map_of(pass, last, slopes);
    for (size_t i = 0; i < pass->batch->clips; i++) {
        const sp_train_form d = sp_train_form_of(&at.trace->out_slope, i, 0, C);
        const sp_train_form dx = sp_train_form_of(at.dx, i, 0, map.in);
        for (size_t k = 0; k < C; k++) {
            const pair p = pair_of(pass, i, k);
            if (p.k == p.y) {
                continue;
            }
            if (pass->meet && by_box(&p) < by_forms(&p)) {
                box_back(&p, slope[i * C + k], &dx, slopes);
            } else {
                forms_back(&p, slope[i * C + k], &d, &dx, slopes);
            }
        }
    }
    sp_train_forms_affine_back(&at.trace->out_slope, at.x, at.dx, &map, at.meet, at.arena);
}

static void clear_slopes(const sp_train_forms *slope) {
    const size_t n = slope->rows * slope->ld;
    memset(slope->gen, 0, sp_train_forms_all(slope) * slope->ld * sizeof(double));
    memset(slope->rest, 0, 6 * n * sizeof(double)); // see sp_train_forms_take
}

static void node_backward(sp_train_zonotope_pass *pass, size_t n, const sp_train_slopes *slopes) {
    sp_train_zonotope_node at = node_at(pass, n);
    const sp_train_forms_map map = map_of(pass, n, slopes);
    const size_t H = at.node->width;
    at.slopes = slopes;
    switch (at.node->kind) {
    case SP_NODE_AFFINE:
        for (size_t r = 0; r < at.trace->out.rows; r++) {
            const sp_train_form y = sp_train_form_of(&at.trace->out, r, 0, H);
            const sp_train_form s = sp_train_form_of(&at.trace->out_slope, r, 0, H);
            sp_train_form_open(&y, &s, at.meet);
        }
        sp_train_forms_affine_back(&at.trace->out_slope, at.x, at.dx, &map, at.meet, at.arena);
        break;
    case SP_NODE_CURVE:
        relu_backward(&at);
        break;
    case SP_NODE_CELL:
        (sp_train_is_linear(at.node) ? sp_train_zonotope_linear_backward
                                     : sp_train_zonotope_cell_backward)(&at);
        break;
    case SP_NODE_POOL:
        pool(&at.trace->out_slope, at.dx, H, at.batch, true);
        break;
    case SP_NODE_INPUT:
        break;
    }
}

void sp_train_zonotope_pass_backward(sp_train_zonotope_pass *pass, const double *slope,
                                     double *gradient) {
    const sp_net *net = pass->net;
    for (size_t n = 1; n < net->nodes; n++) {
        clear_slopes(&pass->trace[n].all_slope);
    }
    for (size_t n = net->nodes - 1; n > 0; n--) {
        const sp_train_slopes slopes = sp_train_slopes_of(net, n, gradient);
        if (n + 1 == net->nodes) {
            worst_back(pass, slope, &slopes);
        } else {
            node_backward(pass, n, &slopes);
        }
    }
}
