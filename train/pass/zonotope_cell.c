/* Cells and linear layers over affine forms, there and back: a cell by its description, product by
 * product. Symbols of earlier frames come first in a row, those of its own frame last, so that the
 * row of the step before is its beginning. */
#include <string.h>

#include "gpu/backend.h"
#include "train/pass/cell_plan.h"
#include "train/pass/zonotope_form.h"

/* Where variables and their functions stand. */
typedef struct plan {
    sp_train_cell_plan cell;
    size_t slot[SP_CELL_VARIABLES]; /* of the variable itself */
    size_t
        curve[SP_CELL_VARIABLES]; /* of the function that it is read by; SP_TRAIN_NO_SLOT: none */
    size_t slots, curves;
} plan;

static bool is_computed(const plan *p, size_t i) {
    const sp_cell_variable *v = &p->cell.steps.variable[i];
    return v->used && v->op != SP_CELL_STATE;
}

static void make_plan(plan *p, const sp_cell *cell) {
    *p = (plan){.slots = 0};
    (void)sp_train_cell_plan_make(&p->cell, cell, false);
    p->slots = p->cell.steps.images;
    for (size_t i = 0; i < p->cell.steps.count; i++) {
        const sp_cell_variable *v = &p->cell.steps.variable[i];
        p->slot[i] = p->curve[i] = SP_TRAIN_NO_SLOT;
        if (is_computed(p, i)) {
            p->slot[i] = v->op == SP_CELL_IMAGE ? v->place : p->slots++;
            p->curve[i] = p->cell.through[i] != SP_TRAIN_NO_SLOT ? p->curves++ : SP_TRAIN_NO_SLOT;
        }
    }
}

sp_train_zonotope_size sp_train_zonotope_cell_size(const sp_cell *cell) {
    plan p;
    make_plan(&p, cell);
    return (sp_train_zonotope_size){p.slots, p.curves, p.slot[p.cell.steps.output]};
}

size_t sp_train_zonotope_cell_work(const sp_cell *cell, size_t rows, size_t largest_row) {
    plan p;
    make_plan(&p, cell);
    const size_t H = cell->out, most = rows > largest_row ? rows : largest_row;
    const size_t G = p.cell.steps.images * H;
    return 4 * sp_arena_need(H, sizeof(sp_train_seen)) + 2 * sp_arena_need(H, sizeof(double)) +
           sp_arena_need(p.curves * H, sizeof(sp_train_seen)) +
           sp_arena_need(G * (most + H), sizeof(double));
}

/* ---- one row ---- */

typedef struct row {
    const plan *plan;
    const sp_train_zonotope_node *at;
    size_t here, before; /* rows; before: SP_TRAIN_NO_SLOT for the first step */
    size_t H;
    sp_train_operand a, b;
    sp_train_seen *curve_slope; /* [curves, H] on the way back */
    sp_train_curve curve[2];    /* of the operands */
} row;

static void take_scratch(row *r) {
    sp_train_operand *const operand[] = {&r->a, &r->b};
    for (size_t k = 0; k < 2; k++) {
        operand[k]->seen = sp_arena_take(r->at->arena, r->H, sp_train_seen);
        operand[k]->back = sp_arena_take(r->at->arena, r->H, sp_train_seen);
        operand[k]->scale = sp_arena_take(r->at->arena, r->H, double);
    }
    r->curve_slope = sp_arena_take(r->at->arena, r->plan->curves * r->H, sp_train_seen);
}

static sp_train_form form(const sp_train_forms *all, const row *r, size_t where, size_t v) {
    return sp_train_form_of(all, where, r->plan->slot[v] * r->H, r->H);
}

static sp_train_curve curve_of(const row *r, size_t v) {
    const size_t k = r->plan->curve[v] * r->H;
    return (sp_train_curve){
        .f = r->plan->cell.function[v],
        .chord = r->at->trace->chord + r->here * r->plan->curves * r->H + k,
        .slope = r->curve_slope + k,
    };
}

/* The operand `to` reads variable v; `curve`: by way of its function. */
static void point(row *r, sp_train_operand *to, int v, bool curve, bool complement) {
    const sp_cell_steps *steps = &r->plan->cell.steps;
    const bool state = steps->variable[v].op == SP_CELL_STATE;
    const size_t which = state ? sp_train_cell_after(&r->plan->cell, (size_t)v) : (size_t)v;
    const size_t where = state ? r->before : r->here;
    const sp_train_zonotope_trace *trace = r->at->trace;
    to->curve = NULL;
    to->complement = complement;
    if (where == SP_TRAIN_NO_SLOT) {
        to->x = to->slope = (sp_train_form){.H = r->H};
        return;
    }
    to->x = form(&trace->all, r, where, which);
    to->slope = form(&trace->all_slope, r, where, which);
    if (curve) {
        sp_train_curve *of = &r->curve[to == &r->b];
        *of = curve_of(r, (size_t)v);
        to->curve = of;
    }
}

static void point_factors(row *r, const sp_cell_variable *v) {
    point(r, &r->a, v->a, true, v->complement);
    point(r, &r->b, v->b, v->second_tanh, false);
}

static void compute(row *r, size_t i) {
    const sp_cell_variable *v = &r->plan->cell.steps.variable[i];
    const bool meet = r->at->meet;
    const sp_train_form y = form(&r->at->trace->all, r, r->here, i);
    if (v->op != SP_CELL_IMAGE) {
        sp_train_form_clear(&y);
    }
    switch (v->op) {
    case SP_CELL_STATE:
        break;
    case SP_CELL_IMAGE:
        if (v->b != SP_NO_VARIABLE) {
            point(r, &r->b, v->b, false, false);
            sp_train_form_add(&y, &r->b, 1.0, meet);
        }
        break;
    case SP_CELL_PRODUCT:
        point_factors(r, v);
        sp_train_form_product(&y, &r->a, &r->b, meet);
        break;
    case SP_CELL_CURVE:
        point(r, &r->a, v->a, true, false);
        sp_train_form_add(&y, &r->a, 1.0, meet);
        break;
    case SP_CELL_SUM:
    case SP_CELL_DIFFERENCE:
        point(r, &r->a, v->a, false, false);
        point(r, &r->b, v->b, false, false);
        sp_train_form_add(&y, &r->a, 1.0, meet);
        sp_train_form_add(&y, &r->b, v->op == SP_CELL_SUM ? 1.0 : -1.0, meet);
        break;
    }
    sp_train_form_close(&y, meet);
    if (r->plan->curve[i] != SP_TRAIN_NO_SLOT) {
        const sp_train_curve curve = curve_of(r, i);
        sp_train_curve_close(&curve, &y);
    }
}

static void back(row *r, size_t i) {
    const sp_cell_variable *v = &r->plan->cell.steps.variable[i];
    const bool meet = r->at->meet;
    const sp_train_form y = form(&r->at->trace->all, r, r->here, i);
    const sp_train_form slope = form(&r->at->trace->all_slope, r, r->here, i);
    if (r->plan->curve[i] != SP_TRAIN_NO_SLOT) {
        const sp_train_curve curve = curve_of(r, i);
        sp_train_curve_open(&curve, &y, &slope, meet);
    }
    sp_train_form_open(&y, &slope, meet);
    switch (v->op) {
    case SP_CELL_STATE:
        break;
    case SP_CELL_IMAGE:
        if (v->b != SP_NO_VARIABLE) {
            point(r, &r->b, v->b, false, false);
            sp_train_form_add_back(&slope, &r->b, 1.0, meet);
        }
        break;
    case SP_CELL_PRODUCT:
        point_factors(r, v);
        sp_train_form_product_back(&slope, &r->a, &r->b, meet);
        break;
    case SP_CELL_CURVE:
        point(r, &r->a, v->a, true, false);
        sp_train_form_add_back(&slope, &r->a, 1.0, meet);
        break;
    case SP_CELL_SUM:
    case SP_CELL_DIFFERENCE:
        point(r, &r->a, v->a, false, false);
        point(r, &r->b, v->b, false, false);
        sp_train_form_add_back(&slope, &r->a, 1.0, meet);
        sp_train_form_add_back(&slope, &r->b, v->op == SP_CELL_SUM ? 1.0 : -1.0, meet);
        break;
    }
}

/* ---- the products of a step with the state ---- */

static const double *recurrent_magnitude(const sp_train_zonotope_node *at) {
    const sp_cell *cell = &at->node->cell;
    return at->magnitude + sp_cell_gates(cell) * cell->out * cell->in;
}

/* Images of step t += h of step t - 1 times the blocks of a group. */
static void recurrence(const sp_train_zonotope_node *at, const sp_train_cell_group *g, size_t t) {
    const sp_cell *cell = &at->node->cell;
    const size_t H = cell->out, n = g->count * H, w = g->block * H * H, clips = at->batch->count[t];
    const size_t here = at->batch->first[t], before = at->batch->first[t - 1];
    const sp_train_forms *all = &at->trace->all, *h = &at->trace->out;
    const size_t ld = all->ld, y = here * ld + g->place * H;
    const double *r = cell->recurrent + w, *size = recurrent_magnitude(at) + w;
    for (size_t i = 0; i < clips; i++) {
        const size_t from = h->first[before + i], count = h->first[before + i + 1] - from;
        sp_gpu_gemm(count, n, H, h->gen + from * ld, ld, r, H, true, 1.0,
                    all->gen + all->first[here + i] * ld + g->place * H, ld);
    }
    sp_gpu_gemm(clips, n, H, h->rest + before * ld, ld, size, H, true, 1.0, all->rest + y, ld);
    if (at->meet) {
        sp_gpu_gemm(clips, n, H, h->box.mid + before * ld, ld, r, H, true, 1.0, all->bounds.mid + y,
                    ld);
        sp_gpu_gemm(clips, n, H, h->box.rad + before * ld, ld, size, H, true, 1.0,
                    all->bounds.rad + y, ld);
    }
}

static void recurrence_back(const sp_train_zonotope_node *at, const sp_train_cell_group *g,
                            size_t t, double *scratch) {
    const sp_cell *cell = &at->node->cell;
    const size_t H = cell->out, n = g->count * H, w = g->block * H * H, clips = at->batch->count[t];
    const size_t here = at->batch->first[t], before = at->batch->first[t - 1];
    const sp_train_forms *dy = &at->trace->all_slope, *h = &at->trace->out;
    const sp_train_forms *dh = &at->trace->out_slope;
    const size_t ld = dy->ld, y = here * ld + g->place * H, x = before * ld;
    const double *r = cell->recurrent + w, *size = recurrent_magnitude(at) + w;
    double *dr = at->slopes->recurrent + w;
    for (size_t i = 0; i < clips; i++) {
        const size_t from = h->first[before + i], count = h->first[before + i + 1] - from;
        const double *slope = dy->gen + dy->first[here + i] * ld + g->place * H;
        sp_gpu_gemm(count, H, n, slope, ld, r, H, false, 1.0, dh->gen + from * ld, ld);
        sp_train_forms_outer(dr, slope, ld, h->gen + from * ld, ld, count, n, H, scratch);
    }
    sp_gpu_gemm(clips, H, n, dy->rest + y, ld, size, H, false, 1.0, dh->rest + x, ld);
    sp_train_forms_outer_sign(dr, r, dy->rest + y, ld, h->rest + x, ld, clips, n, H, scratch);
    if (at->meet) {
        sp_gpu_gemm(clips, H, n, dy->bounds.mid + y, ld, r, H, false, 1.0, dh->box.mid + x, ld);
        sp_gpu_gemm(clips, H, n, dy->bounds.rad + y, ld, size, H, false, 1.0, dh->box.rad + x, ld);
        sp_train_forms_outer(dr, dy->bounds.mid + y, ld, h->box.mid + x, ld, clips, n, H, scratch);
        sp_train_forms_outer_sign(dr, r, dy->bounds.rad + y, ld, h->box.rad + x, ld, clips, n, H,
                                  scratch);
    }
}

/* ---- whole batches ---- */

static sp_train_forms_map input_map(const sp_train_zonotope_node *at) {
    const sp_cell *cell = &at->node->cell;
    return (sp_train_forms_map){.weight = cell->weight,
                                .magnitude = at->magnitude,
                                .bias = cell->bias,
                                .weight_slope = at->slopes ? at->slopes->weight : NULL,
                                .bias_slope = at->slopes ? at->slopes->bias : NULL,
                                .in = cell->in,
                                .out = sp_cell_gates(cell) * cell->out};
}

/* Images that read no input begin with their biases. */
static void begin_own_images(const plan *p, const sp_train_zonotope_node *at) {
    const sp_cell *cell = &at->node->cell;
    const size_t H = cell->out;
    for (size_t i = 0; i < p->cell.steps.count; i++) {
        const sp_cell_variable *v = &p->cell.steps.variable[i];
        const double *bias = v->recurrent_bias ? cell->recurrent_bias : cell->bias + v->block * H;
        for (size_t r = 0; v->op == SP_CELL_IMAGE && v->used && !v->input && r < at->batch->rows;
             r++) {
            const sp_train_form y = sp_train_form_of(&at->trace->all, r, v->place * H, H);
            sp_train_form_clear(&y);
            memcpy(y.gen, bias, H * sizeof *bias);
            memcpy(y.bounds.mid, bias, H * sizeof *bias);
        }
    }
}

static row row_of(const plan *p, const sp_train_zonotope_node *at) {
    row r = {.plan = p, .at = at, .H = at->node->cell.out};
    take_scratch(&r);
    return r;
}

static void move_to(row *r, size_t t, size_t i) {
    const size_t *first = r->at->batch->first;
    r->here = first[t] + i;
    r->before = t > 0 ? first[t - 1] + i : SP_TRAIN_NO_SLOT;
}

void sp_train_zonotope_cell_forward(const sp_train_zonotope_node *at) {
    const size_t mark = sp_arena_mark(at->arena);
    const sp_train_forms_map map = input_map(at);
    plan p;
    make_plan(&p, &at->node->cell);
    row r = row_of(&p, at);
    sp_train_forms_affine(&at->trace->all, at->x, &map, at->meet, at->arena);
    begin_own_images(&p, at);
    for (size_t t = 0; t < at->batch->steps; t++) {
        for (size_t g = 0; t > 0 && g < p.cell.groups; g++) {
            recurrence(at, &p.cell.group[g], t);
        }
        for (size_t i = 0; i < at->batch->count[t]; i++) {
            move_to(&r, t, i);
            for (size_t v = 0; v < p.cell.steps.count; v++) {
                if (is_computed(&p, v)) {
                    compute(&r, v);
                }
            }
        }
    }
    sp_arena_release(at->arena, mark);
}

static void own_images_back(const plan *p, const sp_train_zonotope_node *at) {
    const size_t H = at->node->cell.out;
    for (size_t i = 0; i < p->cell.steps.count; i++) {
        const sp_cell_variable *v = &p->cell.steps.variable[i];
        for (size_t r = 0;
             v->op == SP_CELL_IMAGE && v->used && v->recurrent_bias && r < at->batch->rows; r++) {
            const sp_train_form s = sp_train_form_of(&at->trace->all_slope, r, v->place * H, H);
            for (size_t j = 0; j < H; j++) {
                at->slopes->recurrent_bias[j] += s.gen[j] + (at->meet ? s.bounds.mid[j] : 0.0);
            }
        }
    }
}

void sp_train_zonotope_cell_backward(const sp_train_zonotope_node *at) {
    const sp_cell *cell = &at->node->cell;
    const size_t mark = sp_arena_mark(at->arena), H = cell->out;
    const sp_train_forms_map map = input_map(at);
    plan p;
    make_plan(&p, cell);
    row r = row_of(&p, at);
    size_t largest = at->batch->rows;
    for (size_t k = 0; k < at->batch->rows; k++) {
        const size_t own = at->trace->all.first[k + 1] - at->trace->all.first[k];
        largest = own > largest ? own : largest;
    }
    double *scratch = sp_arena_take(at->arena, p.cell.steps.images * H * (largest + H), double);
    for (size_t t = at->batch->steps; t-- > 0;) {
        for (size_t i = 0; i < at->batch->count[t]; i++) {
            move_to(&r, t, i);
            memset(r.curve_slope, 0, p.curves * H * sizeof *r.curve_slope);
            for (size_t v = p.cell.steps.count; v-- > 0;) {
                if (is_computed(&p, v)) {
                    back(&r, v);
                }
            }
        }
        for (size_t g = 0; t > 0 && g < p.cell.groups; g++) {
            recurrence_back(at, &p.cell.group[g], t, scratch);
        }
    }
    sp_train_forms_affine_back(&at->trace->all_slope, at->x, at->dx, &map, at->meet, at->arena);
    own_images_back(&p, at);
    sp_arena_release(at->arena, mark);
}

/* ---- linear layers: what stands in a row is lambda times the row before, and V x + c ---- */

static double lambda_of(const sp_cell *cell, size_t j) {
    return cell->recurrent[j * (cell->out + 1)];
}

/* y [count, H] += lambda o x. */
static void add_before(const sp_cell *cell, double *y, const double *x, size_t count) {
    for (size_t k = 0; k < count; k++) {
        for (size_t j = 0; j < cell->out; j++) {
            y[k * cell->out + j] += lambda_of(cell, j) * x[k * cell->out + j];
        }
    }
}

/* d [H] += sum of s o x, [count, H] each. */
static void add_dots(double *d, const double *s, const double *x, size_t count, size_t H) {
    for (size_t k = 0; k < count * H; k++) {
        d[k % H] += s[k] * x[k];
    }
}

static sp_train_form linear_row(const sp_train_zonotope_node *at, const sp_train_forms *forms,
                                size_t t, size_t i) {
    return sp_train_form_of(forms, at->batch->first[t] + i, 0, at->node->width);
}

void sp_train_zonotope_linear_forward(const sp_train_zonotope_node *at) {
    const sp_cell *cell = &at->node->cell;
    const sp_train_forms_map map = input_map(at);
    sp_train_forms_affine(&at->trace->all, at->x, &map, at->meet, at->arena);
    for (size_t t = 1; t < at->batch->steps; t++) {
        for (size_t i = 0; i < at->batch->count[t]; i++) {
            const sp_train_form y = linear_row(at, &at->trace->all, t, i);
            const sp_train_form x = linear_row(at, &at->trace->all, t - 1, i);
            add_before(cell, y.gen, x.gen, x.symbols + 1);
            add_before(cell, y.rest, x.rest, 1);
            if (at->meet) {
                add_before(cell, y.bounds.mid, x.bounds.mid, 1);
                add_before(cell, y.bounds.rad, x.bounds.rad, 1);
            }
        }
    }
    for (size_t r = 0; r < at->batch->rows; r++) {
        const sp_train_form y = sp_train_form_of(&at->trace->all, r, 0, cell->out);
        sp_train_form_close(&y, at->meet);
    }
}

/* The slopes s of one row go to the row before, ds, and to lambda. */
static void linear_row_back(const sp_train_zonotope_node *at, size_t t, size_t i) {
    const sp_cell *cell = &at->node->cell;
    const size_t H = cell->out;
    double *d = at->slopes->recurrent;
    const sp_train_form s = linear_row(at, &at->trace->all_slope, t, i);
    const sp_train_form x = linear_row(at, &at->trace->all, t - 1, i);
    const sp_train_form ds = linear_row(at, &at->trace->all_slope, t - 1, i);
    add_dots(d, s.gen, x.gen, x.symbols + 1, H);
    add_dots(d, s.rest, x.rest, 1, H);
    add_before(cell, ds.gen, s.gen, x.symbols + 1);
    add_before(cell, ds.rest, s.rest, 1);
    if (at->meet) {
        add_dots(d, s.bounds.mid, x.bounds.mid, 1, H);
        add_dots(d, s.bounds.rad, x.bounds.rad, 1, H);
        add_before(cell, ds.bounds.mid, s.bounds.mid, 1);
        add_before(cell, ds.bounds.rad, s.bounds.rad, 1);
    }
}

void sp_train_zonotope_linear_backward(const sp_train_zonotope_node *at) {
    const sp_train_forms_map map = input_map(at);
    for (size_t r = 0; r < at->batch->rows; r++) {
        const sp_train_form y = sp_train_form_of(&at->trace->all, r, 0, at->node->width);
        const sp_train_form s = sp_train_form_of(&at->trace->all_slope, r, 0, at->node->width);
        sp_train_form_open(&y, &s, at->meet);
    }
    for (size_t t = at->batch->steps; t-- > 1;) {
        for (size_t i = 0; i < at->batch->count[t]; i++) {
            linear_row_back(at, t, i);
        }
    }
    sp_train_forms_affine_back(&at->trace->all_slope, at->x, at->dx, &map, at->meet, at->arena);
}
