/* A cell over boxes, there and back, by its description: sums and products by intervals. A blend
 * (1 - z) n + z h grows with n and with h and is linear in z: each of its ends takes the end of z
 * that suits it. Gates are nonnegative and functions do not fall. */
#include <string.h>

#include "gpu/backend.h"
#include "train/pass/cell_plan.h"
#include "train/pass/interval_rules.h"

/* Where the numbers of one row stand. */
typedef struct row {
    const sp_train_cell_plan *plan;
    size_t H;
    sp_train_pair block; /* pre-activations: first mid and rad, then their ends */
    sp_train_interval out;
    sp_train_pair block_before; /* of the step before; lo NULL: there is none */
    sp_train_interval out_before;
} row;

static row row_at(const sp_train_cell_plan *plan, const sp_train_interval_cell *at, size_t t,
                  size_t i) {
    const size_t H = at->cell->out, width = plan->slots * H, rows = at->batch->rows;
    const size_t here = at->batch->first[t] + i;
    double *lo = at->trace->ends, *hi = lo + rows * width;
    const sp_train_interval out = at->trace->out;
    row r = {.plan = plan,
             .H = H,
             .block = {lo + here * width, hi + here * width},
             .out = {out.mid + here * H, out.rad + here * H}};
    if (t > 0) {
        const size_t before = at->batch->first[t - 1] + i;
        r.block_before = (sp_train_pair){lo + before * width, hi + before * width};
        r.out_before = (sp_train_interval){out.mid + before * H, out.rad + before * H};
    }
    return r;
}

/* Ends of H numbers: as they stand, or of centres and half widths; lo NULL: zeros. */
typedef struct view {
    const double *lo, *hi;
    bool interval;
} view;

static inline sp_train_ends get(view x, size_t j) {
    if (x.lo == NULL) {
        return (sp_train_ends){0.0, 0.0};
    }
    return x.interval ? sp_train_ends_of(x.lo[j], x.hi[j]) : (sp_train_ends){x.lo[j], x.hi[j]};
}

static view at_slot(sp_train_pair block, size_t at) {
    return block.lo != NULL ? (view){block.lo + at, block.hi + at, false}
                            : (view){NULL, NULL, false};
}

/* The variable itself; a state stands in the row before. */
static view raw(const row *r, int v) {
    const sp_train_cell_plan *plan = r->plan;
    if (plan->steps.variable[v].op != SP_CELL_STATE) {
        return v == plan->steps.output ? (view){r->out.mid, r->out.rad, true}
                                       : at_slot(r->block, plan->raw[v] * r->H);
    }
    const size_t after = sp_train_cell_after(plan, (size_t)v);
    return (int)after == plan->steps.output ? (view){r->out_before.mid, r->out_before.rad, true}
                                            : at_slot(r->block_before, plan->raw[after] * r->H);
}

static view through(const row *r, int v) {
    return at_slot(r->block, r->plan->through[v] * r->H);
}

static view second(const row *r, const sp_cell_variable *v) {
    return v->second_tanh ? through(r, v->b) : raw(r, v->b);
}

static inline sp_train_ends first(const sp_cell_variable *v, sp_train_ends gate) {
    return v->complement ? (sp_train_ends){1.0 - gate.hi, 1.0 - gate.lo} : gate;
}

/* The ends of z that the lower and the upper end of a blend take. */
static sp_train_ends weights(sp_train_ends z, sp_train_ends n, sp_train_ends h) {
    return (sp_train_ends){h.lo < n.lo ? z.hi : z.lo, h.hi > n.hi ? z.hi : z.lo};
}

/* ---- there ---- */

/* Gate, candidate and state of a blend. */
typedef struct blended {
    view z, n, h;
} blended;

static blended blend_of(const row *r, const sp_cell_variable *v) {
    const sp_cell_variable *rest = &r->plan->steps.variable[v->a];
    const sp_cell_variable *kept = &r->plan->steps.variable[v->b];
    return (blended){through(r, rest->a), through(r, rest->b), raw(r, kept->b)};
}

static void set(const row *r, size_t i, size_t j, sp_train_ends y) {
    const sp_train_cell_plan *plan = r->plan;
    if ((int)i == plan->steps.output) {
        sp_train_interval_set(r->out, j, y);
    } else {
        sp_train_pair_set(r->block, plan->raw[i] * r->H + j, y);
    }
    if (plan->through[i] != SP_TRAIN_NO_SLOT) {
        sp_train_pair_set(r->block, plan->through[i] * r->H + j,
                          sp_train_ends_activate(plan->function[i], y));
    }
}

static void compute_blend(const row *r, size_t i, const sp_cell_variable *v) {
    const blended x = blend_of(r, v);
    for (size_t j = 0; j < r->H; j++) {
        const sp_train_ends n = get(x.n, j), h = get(x.h, j), w = weights(get(x.z, j), n, h);
        set(r, i, j,
            (sp_train_ends){(1.0 - w.lo) * n.lo + w.lo * h.lo, (1.0 - w.hi) * n.hi + w.hi * h.hi});
    }
}

static void compute_image(const row *r, size_t i, const sp_cell_variable *v) {
    const size_t at = v->place * r->H;
    const view b = v->b != SP_NO_VARIABLE ? raw(r, v->b) : (view){NULL, NULL, false};
    for (size_t j = 0; j < r->H; j++) {
        const sp_train_ends x = sp_train_ends_of(r->block.lo[at + j], r->block.hi[at + j]),
                            y = get(b, j);
        set(r, i, j, (sp_train_ends){x.lo + y.lo, x.hi + y.hi});
    }
}

static void compute_sum(const row *r, size_t i, const sp_cell_variable *v) {
    const view a = raw(r, v->a), b = raw(r, v->b);
    for (size_t j = 0; j < r->H; j++) {
        const sp_train_ends x = get(a, j), y = get(b, j);
        set(r, i, j,
            v->op == SP_CELL_SUM ? (sp_train_ends){x.lo + y.lo, x.hi + y.hi}
                                 : (sp_train_ends){x.lo - y.hi, x.hi - y.lo});
    }
}

static void compute(const row *r, size_t i) {
    const sp_cell_variable *v = &r->plan->steps.variable[i];
    view a, b;
    switch (v->op) {
    case SP_CELL_STATE:
        break;
    case SP_CELL_IMAGE:
        compute_image(r, i, v);
        break;
    case SP_CELL_PRODUCT:
        a = through(r, v->a);
        b = second(r, v);
        for (size_t j = 0; j < r->H; j++) {
            set(r, i, j, sp_train_ends_gate(first(v, get(a, j)), get(b, j)));
        }
        break;
    case SP_CELL_CURVE:
        a = through(r, v->a);
        for (size_t j = 0; j < r->H; j++) {
            set(r, i, j, get(a, j));
        }
        break;
    case SP_CELL_SUM:
    case SP_CELL_DIFFERENCE:
        if ((int)i == r->plan->blend) {
            compute_blend(r, i, v);
        } else {
            compute_sum(r, i, v);
        }
        break;
    }
}

static bool is_computed(const sp_train_cell_plan *plan, size_t i) {
    const sp_cell_variable *v = &plan->steps.variable[i];
    return v->used && !plan->skip[i] && v->op != SP_CELL_STATE;
}

/* Biases of pre-activations that read no input. */
static void add_own_biases(const sp_train_cell_plan *plan, const sp_train_interval_cell *at,
                           sp_train_interval images) {
    const sp_cell *cell = at->cell;
    const size_t H = cell->out, width = plan->slots * H;
    for (size_t i = 0; i < plan->steps.count; i++) {
        const sp_cell_variable *v = &plan->steps.variable[i];
        if (v->op == SP_CELL_IMAGE && v->used && !v->input) {
            const double *bias =
                v->recurrent_bias ? cell->recurrent_bias : cell->bias + v->block * H;
            for (size_t r = 0; r < at->batch->rows; r++) {
                memcpy(images.mid + r * width + v->place * H, bias, H * sizeof *bias);
                memset(images.rad + r * width + v->place * H, 0, H * sizeof *bias);
            }
        }
    }
}

/* y += h of step t - 1 times the blocks of a group, for centres and half widths. */
static void recurrence(const sp_train_interval_cell *at, const sp_train_cell_group *g, size_t t,
                       sp_train_interval images, size_t width) {
    const size_t H = at->cell->out, before = at->batch->first[t - 1] * H;
    const size_t y = at->batch->first[t] * width + g->place * H, w = g->block * H * H;
    const double *magnitude = at->magnitude + sp_cell_gates(at->cell) * H * at->cell->in;
    const sp_train_interval h = at->trace->out;
    sp_gpu_gemm(at->batch->count[t], g->count * H, H, h.mid + before, H, at->cell->recurrent + w, H,
                true, 1.0, images.mid + y, width);
    sp_gpu_gemm(at->batch->count[t], g->count * H, H, h.rad + before, H, magnitude + w, H, true,
                1.0, images.rad + y, width);
}

void sp_train_cell_box_forward(const sp_train_interval_cell *at) {
    const sp_cell *cell = at->cell;
    const size_t H = cell->out, G = sp_cell_gates(cell) * H, rows = at->batch->rows;
    sp_train_cell_plan plan;
    (void)sp_train_cell_plan_make(&plan, cell, true);
    const size_t width = plan.slots * H;
    const sp_train_interval images = {at->trace->ends, at->trace->ends + rows * width};
    sp_train_rows_affine(images.mid, width, at->x.mid, rows, cell->in, cell->weight, cell->bias, G);
    sp_train_rows_affine(images.rad, width, at->x.rad, rows, cell->in, at->magnitude, NULL, G);
    add_own_biases(&plan, at, images);
    for (size_t t = 0; t < at->batch->steps; t++) {
        for (size_t g = 0; t > 0 && g < plan.groups; g++) {
            recurrence(at, &plan.group[g], t, images, width);
        }
        for (size_t i = 0; i < at->batch->count[t]; i++) {
            const row r = row_at(&plan, at, t, i);
            for (size_t v = 0; v < plan.steps.count; v++) {
                if (is_computed(&plan, v)) {
                    compute(&r, v);
                }
            }
        }
    }
}

/* ---- and back ---- */

static void add(sp_train_ends *d, sp_train_ends s) {
    d->lo += s.lo;
    d->hi += s.hi;
}

static void product_back(const row *r, const sp_cell_variable *v, const sp_train_ends *s,
                         sp_train_ends *da, sp_train_ends *db) {
    const sp_activation tangent = {.kind = SP_ACTIVATION_TANH};
    const view a = through(r, v->a), b = second(r, v);
    for (size_t j = 0; j < r->H; j++) {
        const sp_train_ends gate = get(a, j), y = get(b, j);
        sp_train_ends by_first = {0.0, 0.0}, by_second = {0.0, 0.0};
        sp_train_ends_gate_back(&by_first, &by_second, first(v, gate), y, s[j]);
        if (v->complement) {
            by_first = (sp_train_ends){-by_first.hi, -by_first.lo};
        }
        add(&da[j], sp_train_ends_activate_back(v->f, gate, by_first));
        add(&db[j],
            v->second_tanh ? sp_train_ends_activate_back(tangent, y, by_second) : by_second);
    }
}

static void blend_back(const row *r, const sp_cell_variable *v, const sp_train_ends *slope,
                       sp_train_ends *d) {
    const sp_activation tangent = {.kind = SP_ACTIVATION_TANH};
    const sp_cell_variable *rest = &r->plan->steps.variable[v->a];
    const sp_cell_variable *kept = &r->plan->steps.variable[v->b];
    const size_t H = r->H;
    const blended x = blend_of(r, v);
    for (size_t j = 0; j < H; j++) {
        const sp_train_ends z = get(x.z, j), n = get(x.n, j), h = get(x.h, j), s = slope[j];
        const sp_train_ends w = weights(z, n, h);
        sp_train_ends dz = {0.0, 0.0};
        *(h.lo < n.lo ? &dz.hi : &dz.lo) += s.lo * (h.lo - n.lo);
        *(h.hi > n.hi ? &dz.hi : &dz.lo) += s.hi * (h.hi - n.hi);
        add(&d[(size_t)kept->b * H + j], (sp_train_ends){s.lo * w.lo, s.hi * w.hi});
        add(&d[(size_t)rest->b * H + j],
            sp_train_ends_activate_back(tangent, n,
                                        (sp_train_ends){s.lo * (1.0 - w.lo), s.hi * (1.0 - w.hi)}));
        add(&d[(size_t)rest->a * H + j], sp_train_ends_activate_back(kept->f, z, dz));
    }
}

static void image_back(const row *r, const sp_cell_variable *v, const sp_train_ends *s,
                       sp_train_ends *db) {
    for (size_t j = 0; j < r->H; j++) {
        if (v->b != SP_NO_VARIABLE) {
            add(&db[j], s[j]);
        }
        sp_train_pair_slope(r->block, v->place * r->H + j, s[j]);
    }
}

static void sum_back(const row *r, const sp_cell_variable *v, const sp_train_ends *s,
                     sp_train_ends *da, sp_train_ends *db) {
    for (size_t j = 0; j < r->H; j++) {
        add(&da[j], s[j]);
        add(&db[j], v->op == SP_CELL_SUM ? s[j] : (sp_train_ends){-s[j].hi, -s[j].lo});
    }
}

/* d [count, H]: slopes by the ends of the variables; those of the pre-activations go to their
 * slots, as slopes by centre and half width. */
static void back(const row *r, size_t i, sp_train_ends *d) {
    const sp_cell_variable *v = &r->plan->steps.variable[i];
    const size_t H = r->H;
    const sp_train_ends *s = d + i * H;
    sp_train_ends *da = d + (size_t)(v->a < 0 ? 0 : v->a) * H;
    sp_train_ends *db = d + (size_t)(v->b < 0 ? 0 : v->b) * H;
    switch (v->op) {
    case SP_CELL_STATE:
        break;
    case SP_CELL_IMAGE:
        image_back(r, v, s, db);
        break;
    case SP_CELL_PRODUCT:
        product_back(r, v, s, da, db);
        break;
    case SP_CELL_CURVE:
        for (size_t j = 0; j < H; j++) {
            add(&da[j], sp_train_ends_activate_back(v->f, get(through(r, v->a), j), s[j]));
        }
        break;
    case SP_CELL_SUM:
    case SP_CELL_DIFFERENCE:
        if ((int)i == r->plan->blend) {
            blend_back(r, v, s, d);
        } else {
            sum_back(r, v, s, da, db);
        }
        break;
    }
}

/* One row; see cell_pass.c. before: the slopes by the output of the step before, or mid NULL. */
static void row_back(const row *r, sp_train_interval slope, sp_train_interval before,
                     sp_train_ends *carry, sp_train_ends *d) {
    const sp_cell_steps *s = &r->plan->steps;
    const size_t H = r->H;
    memset(d, 0, s->count * H * sizeof *d);
    for (size_t j = 0; j < H; j++) {
        d[(size_t)s->output * H + j] = sp_train_ends_slope(slope.mid[j], slope.rad[j]);
    }
    for (size_t k = 0; k < s->states; k++) {
        for (size_t j = 0; s->state[k].after != s->output && j < H; j++) {
            add(&d[(size_t)s->state[k].after * H + j], carry[k * H + j]);
        }
    }
    for (size_t i = s->count; i-- > 0;) {
        if (is_computed(r->plan, i)) {
            back(r, i, d);
        }
    }
    for (size_t k = 0; k < s->states; k++) {
        const sp_train_ends *from = d + (size_t)s->state[k].before * H;
        if (s->state[k].after != s->output) {
            memcpy(carry + k * H, from, H * sizeof *carry);
        }
        for (size_t j = 0; s->state[k].after == s->output && before.mid != NULL && j < H; j++) {
            before.mid[j] += from[j].lo + from[j].hi;
            before.rad[j] += from[j].hi - from[j].lo;
        }
    }
}

static void recurrence_back(const sp_train_interval_cell *at, const sp_train_cell_group *g,
                            size_t t, sp_train_interval images, size_t width) {
    const size_t H = at->cell->out, before = at->batch->first[t - 1] * H;
    const size_t y = at->batch->first[t] * width + g->place * H, w = g->block * H * H;
    const double *magnitude = at->magnitude + sp_cell_gates(at->cell) * H * at->cell->in;
    const sp_train_interval dh = at->trace->slope;
    sp_gpu_gemm(at->batch->count[t], H, g->count * H, images.mid + y, width,
                at->cell->recurrent + w, H, false, 1.0, dh.mid + before, H);
    sp_gpu_gemm(at->batch->count[t], H, g->count * H, images.rad + y, width, magnitude + w, H,
                false, 1.0, dh.rad + before, H);
}

static void weights_back(const sp_train_cell_plan *plan, const sp_train_interval_cell *at,
                         sp_train_interval dy) {
    const sp_cell *cell = at->cell;
    const sp_train_packed_batch *batch = at->batch;
    const size_t H = cell->out, G = sp_cell_gates(cell) * H, D = cell->in, rows = batch->rows;
    const size_t width = plan->slots * H, start = batch->count[0] * width;
    const size_t mark = sp_arena_mark(at->arena);
    double *scratch =
        sp_arena_take(at->arena, sp_train_interval_outer_work(rows, G, D > H ? D : H), double);
    double *before = sp_arena_take(at->arena, 2 * rows * H, double);
    const sp_train_interval earlier = {before, before + rows * H};
    sp_train_interval_outer(at->slopes->weight, dy, width, at->x, rows, G, D, cell->weight,
                            scratch);
    sp_train_rows_sum(at->slopes->bias, dy.mid, width, rows, G);
    sp_train_packed_batch_before(earlier.mid, batch, at->trace->out.mid, H);
    sp_train_packed_batch_before(earlier.rad, batch, at->trace->out.rad, H);
    for (size_t g = 0; g < plan->groups; g++) {
        const sp_train_cell_group *group = &plan->group[g];
        const size_t w = group->block * H * H, y = start + group->place * H;
        sp_train_interval_outer(
            at->slopes->recurrent + w, (sp_train_interval){dy.mid + y, dy.rad + y}, width, earlier,
            rows - batch->count[0], group->count * H, H, cell->recurrent + w, scratch);
    }
    for (size_t i = 0; i < plan->steps.count; i++) {
        const sp_cell_variable *v = &plan->steps.variable[i];
        if (v->op == SP_CELL_IMAGE && v->used && v->recurrent_bias) {
            sp_train_rows_sum(at->slopes->recurrent_bias, dy.mid + v->place * H, width, rows, H);
        }
    }
    sp_arena_release(at->arena, mark);
}

void sp_train_cell_box_backward(const sp_train_interval_cell *at) {
    const sp_cell *cell = at->cell;
    const sp_train_packed_batch *batch = at->batch;
    const size_t H = cell->out, G = sp_cell_gates(cell) * H, D = cell->in, rows = batch->rows;
    const size_t mark = sp_arena_mark(at->arena);
    sp_train_cell_plan plan;
    (void)sp_train_cell_plan_make(&plan, cell, true);
    const size_t width = plan.slots * H, states = plan.steps.states * H;
    const sp_train_interval images = {at->trace->ends, at->trace->ends + rows * width};
    const sp_train_interval slope = at->trace->slope;
    sp_train_ends *carry = sp_arena_take(at->arena, batch->clips * states, sp_train_ends);
    sp_train_ends *d = sp_arena_take(at->arena, plan.steps.count * H, sp_train_ends);
    memset(carry, 0, batch->clips * states * sizeof *carry);
    for (size_t t = batch->steps; t-- > 0;) {
        for (size_t i = 0; i < batch->count[t]; i++) {
            const row r = row_at(&plan, at, t, i);
            const size_t here = (batch->first[t] + i) * H;
            sp_train_interval before = {NULL, NULL};
            if (t > 0) {
                const size_t earlier = (batch->first[t - 1] + i) * H;
                before = (sp_train_interval){slope.mid + earlier, slope.rad + earlier};
            }
            row_back(&r, (sp_train_interval){slope.mid + here, slope.rad + here}, before,
                     carry + i * states, d);
        }
        for (size_t g = 0; t > 0 && g < plan.groups; g++) {
            recurrence_back(at, &plan.group[g], t, images, width);
        }
    }
    if (at->dx.mid) {
        sp_gpu_gemm(rows, D, G, images.mid, width, cell->weight, D, false, 0.0, at->dx.mid, D);
        sp_gpu_gemm(rows, D, G, images.rad, width, at->magnitude, D, false, 0.0, at->dx.rad, D);
    }
    weights_back(&plan, at, images);
    sp_arena_release(at->arena, mark);
}
