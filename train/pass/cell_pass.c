/* A cell over a batch, there and back, by its description: products with matrices for all rows of a
 * step, the rest row by row. */
#include <string.h>

#include "gpu/backend.h"
#include "train/pass/cell_plan.h"

/* Where the numbers of one row stand. */
typedef struct row {
    const sp_train_cell_plan *plan;
    size_t H;
    double *block, *out;
    const double *block_before, *out_before; /* of the step before; NULL: there is none */
    const double *zero;                      /* [H] */
} row;

static row row_at(const sp_train_cell_plan *plan, const sp_cell *cell,
                  const sp_train_packed_batch *batch, const sp_train_trace *trace, size_t t,
                  size_t i) {
    const size_t H = cell->out, width = plan->slots * H, at = batch->first[t] + i;
    row r = {.plan = plan,
             .H = H,
             .block = trace->cell + at * width,
             .out = trace->out + at * H,
             .zero = trace->zero};
    if (t > 0) {
        const size_t before = batch->first[t - 1] + i;
        r.block_before = trace->cell + before * width;
        r.out_before = trace->out + before * H;
    }
    return r;
}

static double *slot(const row *r, size_t at) {
    return r->block + at * r->H;
}

/* The variable itself; a state stands in the row before. */
static const double *raw(const row *r, int v) {
    const sp_train_cell_plan *plan = r->plan;
    if (plan->steps.variable[v].op != SP_CELL_STATE) {
        return v == plan->steps.output ? r->out : slot(r, plan->raw[v]);
    }
    const size_t after = sp_train_cell_after(plan, (size_t)v);
    if (r->out_before == NULL) {
        return r->zero;
    }
    return (int)after == plan->steps.output ? r->out_before
                                            : r->block_before + plan->raw[after] * r->H;
}

/* ---- there ---- */

static void product(const row *r, const sp_cell_variable *v, double *y) {
    const double *a = slot(r, r->plan->through[v->a]);
    const double *b = v->second_tanh ? slot(r, r->plan->through[v->b]) : raw(r, v->b);
    for (size_t j = 0; j < r->H; j++) {
        y[j] = (v->complement ? 1.0 - a[j] : a[j]) * b[j];
    }
}

static void sum(const row *r, const sp_cell_variable *v, double *y) {
    const double *a = raw(r, v->a), *b = raw(r, v->b);
    for (size_t j = 0; j < r->H; j++) {
        y[j] = v->op == SP_CELL_SUM ? a[j] + b[j] : a[j] - b[j];
    }
}

static void compute(const row *r, size_t i) {
    const sp_train_cell_plan *plan = r->plan;
    const sp_cell_variable *v = &plan->steps.variable[i];
    double *y = (int)i == plan->steps.output ? r->out : slot(r, plan->raw[i]);
    switch (v->op) {
    case SP_CELL_STATE:
        return;
    case SP_CELL_IMAGE:
        for (size_t j = 0; v->b != SP_NO_VARIABLE && j < r->H; j++) {
            y[j] += raw(r, v->b)[j];
        }
        break;
    case SP_CELL_PRODUCT:
        product(r, v, y);
        break;
    case SP_CELL_CURVE:
        memcpy(y, slot(r, plan->through[v->a]), r->H * sizeof *y);
        break;
    case SP_CELL_SUM:
    case SP_CELL_DIFFERENCE:
        sum(r, v, y);
        break;
    }
    if (plan->through[i] != SP_TRAIN_NO_SLOT) {
        double *z = slot(r, plan->through[i]);
        for (size_t j = 0; j < r->H; j++) {
            z[j] = sp_activation_value(plan->function[i], y[j]);
        }
    }
}

/* Biases of pre-activations that read no input. */
static void add_own_biases(const sp_train_cell_plan *plan, const sp_cell *cell,
                           const sp_train_packed_batch *batch, double *value) {
    const size_t H = cell->out, width = plan->slots * H;
    for (size_t i = 0; i < plan->steps.count; i++) {
        const sp_cell_variable *v = &plan->steps.variable[i];
        if (v->op == SP_CELL_IMAGE && v->used && !v->input) {
            const double *bias =
                v->recurrent_bias ? cell->recurrent_bias : cell->bias + v->block * H;
            for (size_t r = 0; r < batch->rows; r++) {
                memcpy(value + r * width + v->place * H, bias, H * sizeof *bias);
            }
        }
    }
}

void sp_train_cell_forward(const sp_cell *cell, const sp_train_packed_batch *batch,
                           sp_train_trace *trace, const double *x) {
    const size_t H = cell->out;
    sp_train_cell_plan plan;
    (void)sp_train_cell_plan_make(&plan, cell, false);
    const size_t width = plan.slots * H;
    sp_train_rows_affine(trace->cell, width, x, batch->rows, cell->in, cell->weight, cell->bias,
                         sp_cell_gates(cell) * H);
    add_own_biases(&plan, cell, batch, trace->cell);
    for (size_t t = 0; t < batch->steps; t++) {
        for (size_t g = 0; t > 0 && g < plan.groups; g++) {
            const sp_train_cell_group *at = &plan.group[g];
            sp_gpu_gemm(batch->count[t], at->count * H, H, trace->out + batch->first[t - 1] * H, H,
                        cell->recurrent + at->block * H * H, H, true, 1.0,
                        trace->cell + batch->first[t] * width + at->place * H, width);
        }
        for (size_t i = 0; i < batch->count[t]; i++) {
            const row r = row_at(&plan, cell, batch, trace, t, i);
            for (size_t v = 0; v < plan.steps.count; v++) {
                if (plan.steps.variable[v].used) {
                    compute(&r, v);
                }
            }
        }
    }
}

/* ---- and back ---- */

/* d += s times the derivatives of a product by its operands. */
static void product_back(const row *r, const sp_cell_variable *v, const double *s, double *da,
                         double *db) {
    const sp_train_cell_plan *plan = r->plan;
    const sp_activation f = v->f, g = {.kind = SP_ACTIVATION_TANH};
    const double *a = slot(r, plan->through[v->a]);
    const double *b = v->second_tanh ? slot(r, plan->through[v->b]) : raw(r, v->b);
    for (size_t j = 0; j < r->H; j++) {
        const double first = v->complement ? 1.0 - a[j] : a[j];
        const double by_a = s[j] * b[j] * sp_train_activation_slope(f, a[j]);
        const double by_b = s[j] * first;
        da[j] += v->complement ? -by_a : by_a;
        db[j] += v->second_tanh ? by_b * sp_train_activation_slope(g, b[j]) : by_b;
    }
}

static void add(double *d, const double *s, double factor, size_t H) {
    for (size_t j = 0; j < H; j++) {
        d[j] += factor * s[j];
    }
}

/* d [count, H]: slopes by the variables; those by the pre-activations go to their slots. */
static void back(const row *r, size_t i, double *d) {
    const sp_train_cell_plan *plan = r->plan;
    const sp_cell_variable *v = &plan->steps.variable[i];
    const size_t H = r->H;
    const double *s = d + i * H;
    double *da = d + (size_t)(v->a < 0 ? 0 : v->a) * H, *db = d + (size_t)(v->b < 0 ? 0 : v->b) * H;
    switch (v->op) {
    case SP_CELL_STATE:
        break;
    case SP_CELL_IMAGE:
        if (v->b != SP_NO_VARIABLE) {
            add(db, s, 1.0, H);
        }
        memcpy(slot(r, v->place), s, H * sizeof *s);
        break;
    case SP_CELL_PRODUCT:
        product_back(r, v, s, da, db);
        break;
    case SP_CELL_CURVE: {
        const double *y = slot(r, plan->through[v->a]);
        for (size_t j = 0; j < H; j++) {
            da[j] += s[j] * sp_train_activation_slope(v->f, y[j]);
        }
        break;
    }
    case SP_CELL_SUM:
    case SP_CELL_DIFFERENCE:
        add(da, s, 1.0, H);
        add(db, s, v->op == SP_CELL_SUM ? 1.0 : -1.0, H);
        break;
    }
}

/* One row: from the slope by the output and what later steps hand over [states, H], to the slots of
 * the pre-activations and what the step before takes. d [count, H] is scratch. */
static void row_back(const row *r, const double *slope, double *slope_before, double *carry,
                     double *d) {
    const sp_cell_steps *s = &r->plan->steps;
    const size_t H = r->H;
    memset(d, 0, s->count * H * sizeof *d);
    memcpy(d + (size_t)s->output * H, slope, H * sizeof *d);
    for (size_t k = 0; k < s->states; k++) {
        if (s->state[k].after != s->output) {
            add(d + (size_t)s->state[k].after * H, carry + k * H, 1.0, H);
        }
    }
    for (size_t i = s->count; i-- > 0;) {
        if (s->variable[i].used) {
            back(r, i, d);
        }
    }
    for (size_t k = 0; k < s->states; k++) {
        const double *before = d + (size_t)s->state[k].before * H;
        if (s->state[k].after != s->output) {
            memcpy(carry + k * H, before, H * sizeof *carry);
        } else if (slope_before != NULL) {
            add(slope_before, before, 1.0, H);
        }
    }
}

/* The slopes by the weights, from those by the pre-activations. */
static void weights_back(const sp_train_cell_plan *plan, const sp_cell *cell,
                         const sp_train_packed_batch *batch, const sp_train_trace *trace,
                         const double *x, const sp_train_slopes *slopes, sp_arena *arena) {
    const size_t H = cell->out, D = cell->in, G = sp_cell_gates(cell) * H, rows = batch->rows;
    const size_t width = plan->slots * H, later = rows - batch->count[0],
                 mark = sp_arena_mark(arena);
    double *turned = sp_arena_take(arena, rows * G, double);
    double *before = sp_arena_take(arena, rows * H, double);
    sp_train_rows_outer(slopes->weight, trace->cell, width, x, rows, G, D, turned);
    sp_train_rows_sum(slopes->bias, trace->cell, width, rows, G);
    sp_train_packed_batch_before(before, batch, trace->out, H);
    for (size_t g = 0; g < plan->groups; g++) {
        const sp_train_cell_group *at = &plan->group[g];
        sp_train_rows_outer(slopes->recurrent + at->block * H * H,
                            trace->cell + batch->count[0] * width + at->place * H, width, before,
                            later, at->count * H, H, turned);
    }
    for (size_t i = 0; i < plan->steps.count; i++) {
        const sp_cell_variable *v = &plan->steps.variable[i];
        if (v->op == SP_CELL_IMAGE && v->used && v->recurrent_bias) {
            sp_train_rows_sum(slopes->recurrent_bias, trace->cell + v->place * H, width, rows, H);
        }
    }
    sp_arena_release(arena, mark);
}

void sp_train_cell_backward(const sp_cell *cell, const sp_train_packed_batch *batch,
                            sp_train_trace *trace, const double *x, double *dx,
                            const sp_train_slopes *slopes, sp_arena *arena) {
    const size_t H = cell->out, G = sp_cell_gates(cell) * H, mark = sp_arena_mark(arena);
    sp_train_cell_plan plan;
    (void)sp_train_cell_plan_make(&plan, cell, false);
    const size_t width = plan.slots * H, states = plan.steps.states * H;
    double *carry = sp_arena_take(arena, batch->clips * states, double);
    double *d = sp_arena_take(arena, plan.steps.count * H, double);
    memset(carry, 0, batch->clips * states * sizeof *carry);
    for (size_t t = batch->steps; t-- > 0;) {
        double *before = t > 0 ? trace->slope + batch->first[t - 1] * H : NULL;
        for (size_t i = 0; i < batch->count[t]; i++) {
            const row r = row_at(&plan, cell, batch, trace, t, i);
            row_back(&r, trace->slope + (batch->first[t] + i) * H,
                     before != NULL ? before + i * H : NULL, carry + i * states, d);
        }
        for (size_t g = 0; before != NULL && g < plan.groups; g++) {
            const sp_train_cell_group *at = &plan.group[g];
            sp_gpu_gemm(batch->count[t], H, at->count * H,
                        trace->cell + batch->first[t] * width + at->place * H, width,
                        cell->recurrent + at->block * H * H, H, false, 1.0, before, H);
        }
    }
    if (dx) {
        sp_gpu_gemm(batch->rows, cell->in, G, trace->cell, width, cell->weight, cell->in, false,
                    0.0, dx, cell->in);
    }
    if (slopes) {
        weights_back(&plan, cell, batch, trace, x, slopes, arena);
    }
    sp_arena_release(arena, mark);
}
