/* Random arguments for every operation: which arrays each one has. */
#ifndef SP_TESTS_GPU_CASE_FILL_H
#define SP_TESTS_GPU_CASE_FILL_H

#include "tests/gpu/case.h"

static inline void clip_arrays(gpu_case *c, sp_gpu_op op, double *base, const clip_shape *s,
                               case_args *args) {
    const size_t n = c->n;
    switch (op) {
    case SP_GPU_OP_product:
        args->product.planes = case_menu(c, base, n, s->lower, s->upper, true, s->rough);
        return;
    case SP_GPU_OP_line:
        args->line.lines = case_menu(c, base, n, s->lower, s->upper, false, s->rough);
        return;
    case SP_GPU_OP_squares:
        args->squares.square = base + case_positive(c, n);
        args->squares.energy = base + case_positive(c, 1);
        return;
    case SP_GPU_OP_affine:
        args->affine.omega = base + case_positive(c, n);
        return;
    case SP_GPU_OP_narrow:
        args->narrow.omega = base + case_take(c, n);
        args->narrow.spread = s->cut ? NULL : base + case_take(c, n);
        args->narrow.shift = s->second ? NULL : base + case_take(c, n);
        return;
    case SP_GPU_OP_centre:
        args->centre.spread = base + case_take(c, n);
        args->centre.shift = s->second ? NULL : base + case_take(c, n);
        return;
    case SP_GPU_OP_widen:
        args->widen.box = s->cut ? (sp_gpu_range){NULL, NULL} : box_of(c, base, n);
        return;
    case SP_GPU_OP_support:
        args->support.radius = base + case_positive(c, n);
        return;
    case SP_GPU_OP_keep:
        args->keep.gamma = base + case_positive(c, 1);
        args->keep.lost = base + case_positive(c, 1);
        return;
    case SP_GPU_OP_cut_rows:
        args->cut_rows.of[0] = cut_pair_of(c, base, s, n);
        args->cut_rows.of[1] = cut_pair_of(c, base, s, n);
        return;
    case SP_GPU_OP_cuts:
        args->cuts.of[0] = cut_pair_of(c, base, s, n);
        args->cuts.of[1] = cut_pair_of(c, base, s, n);
        return;
    case SP_GPU_OP_attain:
        args->attain.radius = base + case_positive(c, n);
        return;
    case SP_GPU_OP_relieve:
        args->relieve.lines = case_menu(c, base, n, s->lower, s->upper, false, true);
        args->relieve.square = base + case_positive(c, n);
        args->relieve.energy = base + case_positive(c, 1);
        return;
    case SP_GPU_OP_pick:
        args->pick.planes = case_menu(c, base, n, s->lower, s->upper, s->planes, true);
        return;
    case SP_GPU_OP_value:
        args->value.planes = case_menu(c, base, n, s->lower, s->upper, s->planes, true);
        return;
    case SP_GPU_OP_choose:
        args->choose.planes = case_menu(c, base, n, s->lower, s->upper, s->planes, true);
        args->choose.x_box = box_of(c, base, n);
        args->choose.y_box = box_of(c, base, n);
        return;
    case SP_GPU_OP_interval:
        args->interval.x = box_of(c, base, s->in);
        args->interval.h = box_of(c, base, s->hidden);
        args->interval.lo = base + case_sum(c, n);
        args->interval.hi = base + case_sum(c, n);
        args->interval.omega = base + case_sum(c, n);
        return;
    case SP_GPU_OP_meet:
        args->meet.box = box_of(c, base, n);
        args->meet.lo = base + case_take(c, n);
        args->meet.hi = base + case_take(c, n);
        return;
    case SP_GPU_OP_planes:
        args->planes.of = factor_of(c, base, map_of(s->kind, s->seed), n);
        args->planes.menu = case_menu(c, base, n, s->lower, s->upper, true, s->rough);
        args->planes.cut = s->cut ? cut_of(c, base, &args->planes.of, n) : NULL;
        return;
    case SP_GPU_OP_masses:
        args->masses.of = factor_of(c, base, map_of(s->kind, s->seed), n);
        args->masses.menu = case_menu(c, base, n, s->lower, s->upper, true, s->rough);
        return;
    case SP_GPU_OP_fold:
        args->fold.menu = case_menu(c, base, n, s->lower, s->upper, s->planes, s->rough);
        args->fold.x_omega = base + case_positive(c, n);
        args->fold.y_omega = base + case_positive(c, n);
        return;
    case SP_GPU_OP_ranges:
        args->ranges.first = factor_of(c, base, map_of(s->kind, s->seed), n);
        args->ranges.second =
            s->second ? factor_of(c, base, map_of(s->seed % 7, s->kind), n)
                      : (sp_gpu_factor){args->ranges.first.map, {NULL, NULL}, {NULL, NULL}};
        args->ranges.lo = base + case_take(c, n);
        args->ranges.hi = base + case_take(c, n);
        return;
    case SP_GPU_OP_curve:
        args->curve.x = box_of(c, base, n);
        args->curve.lines = case_menu(c, base, n, s->lower, s->lower, false, s->rough);
        return;
    case SP_GPU_OP_activate:
        args->activate.x = box_of(c, base, n);
        args->activate.y = s->planes ? box_of(c, base, n) : (sp_gpu_range){NULL, NULL};
        args->activate.from = s->second ? box_of(c, base, n) : (sp_gpu_range){NULL, NULL};
        args->activate.lo = base + case_take(c, n);
        args->activate.hi = base + case_take(c, n);
        if (s->second && s->cut) { // in place
            args->activate.lo = base + (args->activate.from.lo - base);
            args->activate.hi = base + (args->activate.from.hi - base);
        }
        return;
    case SP_GPU_OP_difference:
        args->difference.x = box_of(c, base, n);
        args->difference.h = s->recurrent ? box_of(c, base, n) : (sp_gpu_range){NULL, NULL};
        args->difference.lo = base + case_take(c, n);
        args->difference.hi = base + case_take(c, n);
        args->difference.apart = base + case_take(c, n);
        return;
    case SP_GPU_OP_blend:
        args->blend.g = box_of(c, base, n);
        args->blend.x = box_of(c, base, n);
        args->blend.h = s->recurrent ? box_of(c, base, n) : (sp_gpu_range){NULL, NULL};
        args->blend.y = box_of(c, base, n);
        args->blend.lo = base + case_take(c, n);
        args->blend.hi = base + case_take(c, n);
        return;
    case SP_GPU_OP_lose:
        args->lose.x = box_of(c, base, n);
        args->lose.lost = base + case_positive(c, 1);
        return;
    case SP_GPU_OP_relu: {
        const sp_gpu_range box = box_of(c, base, n);
        args->relu.in_lo = base + (box.lo - base);
        args->relu.in_hi = base + (box.hi - base);
        args->relu.out_lo = base + case_take(c, n);
        args->relu.out_hi = base + case_take(c, n);
        args->relu.lines = case_menu(c, base, n, s->lower > 1 ? 2 : 1, 1, false, s->rough);
        return;
    }
    default:
        return;
    }
}

static inline void row_arrays(gpu_case *c, sp_gpu_op op, double *base, const clip_shape *s,
                              size_t stride) {
    const size_t rows = c->clips * c->span, n = c->n, extra = below(c, 3);
    const sp_gpu_rows at = {rows, c->span, stride};
    case_args *a = &c->args;
    switch (op) {
    case SP_GPU_OP_product:
        a->product.at = at;
        a->product.ldw = n + extra;
        a->product.w = base + case_coefficients(c, rows * (n + extra));
        a->product.ldx = n + below(c, 3);
        a->product.x = base + case_take(c, rows * a->product.ldx);
        a->product.ldy = n + below(c, 3);
        a->product.y = base + case_take(c, rows * a->product.ldy);
        a->product.add = coin(c);
        a->product.bias = base + case_sum(c, rows);
        a->product.mass = base + case_sum(c, rows);
        return;
    case SP_GPU_OP_line:
        a->line.at = at;
        a->line.split = coin(c);
        a->line.ldw = n + extra;
        a->line.w = base + case_coefficients(c, rows * (n + extra));
        a->line.ldx = 2 * n + below(c, 3);
        a->line.x = base + case_take(c, rows * a->line.ldx);
        if (!a->line.split && coin(c)) { // in place
            a->line.x = base + (a->line.w - base);
            a->line.ldx = a->line.ldw;
        }
        a->line.bias = base + case_sum(c, rows);
        a->line.mass = base + case_sum(c, rows);
        return;
    case SP_GPU_OP_affine:
        a->affine.at = at;
        a->affine.n = n;
        a->affine.lda = n + extra;
        a->affine.a = base + case_coefficients(c, rows * (n + extra));
        a->affine.b = base + case_take(c, n);
        a->affine.bias = base + case_sum(c, rows);
        a->affine.mass = base + case_sum(c, rows);
        return;
    case SP_GPU_OP_squares:
        a->squares.at = at;
        a->squares.bands = n;
        a->squares.peaks = below(c, 150);
        a->squares.ldx = n + extra;
        a->squares.x = base + case_coefficients(c, rows * (n + extra));
        a->squares.peak = base + case_positive(c, n * a->squares.peaks);
        a->squares.highest = coin(c) ? (int *)(base + case_take(c, rows)) : NULL;
        a->squares.bias = base + case_sum(c, rows);
        a->squares.mass = base + case_sum(c, rows);
        return;
    case SP_GPU_OP_narrow:
        a->narrow.at = at;
        a->narrow.n = n;
        a->narrow.lda = n + extra;
        a->narrow.a = base + case_coefficients(c, rows * (n + extra));
        for (size_t i = 0; i < rows * (n + extra); i += 1 + below(c, 5)) {
            c->data[a->narrow.a - base + (ptrdiff_t)i] *= 0x1p-50; // some above, some below
        }
        a->narrow.to = (float *)(base + case_take(c, rows * n));
        a->narrow.bias = base + case_sum(c, rows);
        a->narrow.rough = base + case_sum(c, rows);
        return;
    case SP_GPU_OP_centre:
        a->centre.at = at;
        a->centre.n = n;
        a->centre.lda = n + extra;
        a->centre.a = base + case_coefficients(c, rows * (n + extra));
        a->centre.bias = base + case_sum(c, rows);
        a->centre.rough = base + case_sum(c, rows);
        return;
    case SP_GPU_OP_widen:
        a->widen.at = at;
        a->widen.n = n;
        a->widen.add = coin(c);
        a->widen.ldt = n + extra;
        a->widen.from = case_floats(c, base, rows * n);
        a->widen.to = base + case_take(c, rows * (n + extra));
        a->widen.bias = base + case_sum(c, rows);
        return;
    case SP_GPU_OP_support:
        a->support.at = at;
        a->support.n = n;
        a->support.ldc = n + extra;
        a->support.c = base + case_coefficients(c, rows * (n + extra));
        a->support.out = base + case_sum(c, rows);
        return;
    case SP_GPU_OP_pick:
        a->pick.at = at;
        a->pick.ldw = n + extra;
        a->pick.w = base + case_coefficients(c, rows * (n + extra));
        a->pick.choice = case_choice(c, base, rows * n, s->lower + s->upper);
        a->pick.ldx = n + below(c, 3);
        a->pick.x = base + case_take(c, rows * a->pick.ldx);
        a->pick.ldy = n;
        a->pick.y = base + case_take(c, rows * n);
        a->pick.add = coin(c);
        a->pick.fresh = coin(c);
        a->pick.bias = base + case_sum(c, rows);
        a->pick.mass = base + case_sum(c, rows);
        return;
    case SP_GPU_OP_value:
        a->value.at = at;
        a->value.choice = case_choice(c, base, rows * n, s->lower + s->upper);
        a->value.ldx = n + extra;
        a->value.x = base + case_take(c, rows * (n + extra));
        a->value.ldy = n;
        a->value.y = base + case_take(c, rows * n);
        a->value.add = coin(c);
        a->value.ldo = n + below(c, 3);
        a->value.out = base + case_take(c, rows * a->value.ldo);
        return;
    case SP_GPU_OP_choose: {
        a->choose.at = at;
        a->choose.choice = case_choice(c, base, rows * n, s->lower + s->upper);
        a->choose.ldx = n + extra;
        a->choose.x = base + case_take(c, rows * (n + extra));
        a->choose.ldy = n;
        a->choose.y = base + case_take(c, rows * n);
        a->choose.first = coin(c);
        a->choose.step = 0.75;
        a->choose.anchor = case_floats(c, base, 2 * rows * n);
        if (a->choose.first && coin(c)) {
            a->choose.anchor = NULL;
        }
        return;
    }
    case SP_GPU_OP_copy:
        a->copy = (sp_gpu_copy_args){
            .rows = rows, .n = n, .ldf = n + extra, .period = 1 + below(c, rows), .ldt = n + 1};
        a->copy.from = coin(c) ? base + case_take(c, rows * (n + extra)) : NULL;
        a->copy.to = base + case_take(c, rows * (n + 1));
        return;
    case SP_GPU_OP_add:
        a->add = (sp_gpu_add_args){
            .rows = rows, .n = n, .lda = n + extra, .ldb = n, .minus = coin(c), .ldt = n};
        a->add.a = base + case_take(c, rows * (n + extra));
        a->add.b = a->add.to = base + case_take(c, rows * n);
        return;
    case SP_GPU_OP_keep:
        a->keep.at = at;
        a->keep.apart = c->span + below(c, 3);
        a->keep.fresh = coin(c);
        a->keep.bias = base + case_take(c, rows);
        c->data[a->keep.bias - base] = coin(c) ? NAN : INFINITY;
        a->keep.mass = base + case_positive(c, rows);
        a->keep.support = base + case_positive(c, rows);
        a->keep.lower = base + case_take(c, c->clips * a->keep.apart);
        a->keep.error = coin(c) ? base + case_take(c, c->clips * a->keep.apart) : NULL;
        a->keep.tile = 1 + below(c, 8);
        a->keep.settled = coin(c) ? case_numbers(c, base, rows, 2) : NULL;
        return;
    case SP_GPU_OP_cut_rows: {
        const size_t most = SP_GPU_CUT_PRODUCTS * SP_GPU_ROWS_PER_CUT * n;
        const size_t span = c->span < most ? c->span : most;
        a->cut_rows.at = (sp_gpu_rows){c->clips * span, span, stride};
        a->cut_rows.n = n;
        a->cut_rows.first = below(c, most - span + 1);
        a->cut_rows.gates_width = 4 * n;
        a->cut_rows.other_width = n + extra;
        a->cut_rows.gates = base + case_take(c, rows * 4 * n);
        a->cut_rows.other = base + case_take(c, rows * (n + extra));
        return;
    }
    case SP_GPU_OP_signs:
        a->signs = (sp_gpu_signs_args){.rows = rows, .n = n, .ldc = n + extra, .lds = n + 2};
        a->signs.c = coin(c) ? base + case_coefficients(c, rows * (n + extra)) : NULL;
        a->signs.sign = case_signs(c, base, rows * (n + 2));
        return;
    case SP_GPU_OP_attain:
        a->attain.at = at;
        a->attain.n = n;
        a->attain.lds = n + extra;
        a->attain.sign = case_signs(c, base, rows * (n + extra));
        a->attain.ldd = n + below(c, 3);
        a->attain.d = base + case_take(c, rows * a->attain.ldd);
        return;
    case SP_GPU_OP_relieve:
        a->relieve.at = at;
        a->relieve.choice = case_choice(c, base, rows * n, s->lower + s->upper);
        a->relieve.peaks = 1 + below(c, 20);
        a->relieve.peak = base + case_positive(c, n * a->relieve.peaks);
        a->relieve.highest = case_highest(c, base, rows, a->relieve.peaks);
        a->relieve.ldv = n + extra;
        a->relieve.v = base + case_take(c, rows * a->relieve.ldv);
        return;
    case SP_GPU_OP_reset:
        a->reset.count = below(c, rows * n + 1);
        a->reset.choice = case_choice(c, base, rows * n, 9);
        return;
    case SP_GPU_OP_settle:
        a->settle = (sp_gpu_settle_args){.clips = c->clips,
                                         .span = c->span,
                                         .tile = 1 + below(c, 4),
                                         .apart = c->span + below(c, 3),
                                         .fresh = coin(c)};
        a->settle.lower = base + case_positive(c, c->clips * a->settle.apart);
        c->data[a->settle.lower - base] = coin(c) ? -1.0 : 0.0;
        a->settle.settled = case_numbers(c, base, rows, 2);
        return;
    default:
        return;
    }
}

static inline void clip_numbers(gpu_case *c, sp_gpu_op op, double *base, const clip_shape *s,
                                size_t stride) {
    const sp_gpu_clips at = {c->clips, stride};
    case_args *a = &c->args;
    switch (op) {
    case SP_GPU_OP_interval:
        a->interval.at = at;
        a->interval.out = c->n;
        a->interval.in = s->in;
        a->interval.hidden = s->recurrent ? s->hidden : 0;
        a->interval.weight = base + case_take(c, c->n * s->in);
        a->interval.recurrent = s->recurrent ? base + case_take(c, c->n * s->hidden) : NULL;
        a->interval.bias = base + case_take(c, c->n);
        return;
    case SP_GPU_OP_cuts:
        a->cuts.at = at;
        a->cuts.n = c->n;
        a->cuts.products = 1 + below(c, SP_GPU_CUT_PRODUCTS);
        a->cuts.apart = SP_GPU_CUT_PRODUCTS * SP_GPU_ROWS_PER_CUT * c->n + below(c, 5);
        a->cuts.lower = base + case_take(c, c->clips * a->cuts.apart);
        return;
    case SP_GPU_OP_meet:
        a->meet.at = at;
        a->meet.n = c->n;
        a->meet.apart = 2 * c->n + below(c, 5);
        a->meet.lower = base + case_take(c, c->clips * a->meet.apart);
        return;
    case SP_GPU_OP_planes:
        a->planes.at = at;
        a->planes.tolerance = 1e-3;
        return;
    case SP_GPU_OP_masses:
        a->masses.at = at;
        return;
    case SP_GPU_OP_fold:
        a->fold.at = at;
        a->fold.x_bias = s->cut ? NULL : base + case_take(c, c->n);
        a->fold.y_bias = s->planes && s->second ? base + case_take(c, c->n) : NULL;
        return;
    case SP_GPU_OP_ranges:
        a->ranges.at = at;
        a->ranges.n = c->n;
        return;
    case SP_GPU_OP_curve:
        a->curve.at = at;
        a->curve.f = activation_of(s->kind, s->seed);
        return;
    case SP_GPU_OP_activate:
        a->activate.at = at;
        a->activate.n = c->n;
        a->activate.f = activation_of(s->kind, s->seed);
        return;
    case SP_GPU_OP_difference:
        a->difference.at = at;
        a->difference.n = c->n;
        a->difference.f = activation_of(s->kind, s->seed);
        return;
    case SP_GPU_OP_blend:
        a->blend.at = at;
        a->blend.n = c->n;
        a->blend.gate = activation_of(s->kind, s->seed);
        a->blend.f = activation_of(s->seed, s->kind);
        return;
    case SP_GPU_OP_lose:
        a->lose.at = at;
        a->lose.n = c->n;
        a->lose.rate = 0x1p-1060;
        return;
    case SP_GPU_OP_relu:
        a->relu.at = at;
        return;
    default:
        return;
    }
}

/** case_init - a case of operation `op`; its pointers start at `base`. data is [CASE_SIZE]. */
static inline void case_init(gpu_case *c, double *data, uint64_t seed, sp_gpu_op op, double *base) {
    *c = (gpu_case){.data = data};
    sp_rng_init(&c->rng, seed);
    c->clips = 1 + below(c, 4);
    c->span = 1 + below(c, 20);
    c->n = 1 + below(c, below(c, 3) == 0 ? 150 : 40);
    clip_shape s = {1 + below(c, 4), 1 + below(c, 4), 1 + below(c, 40), 1 + below(c, 20),
                    below(c, 7),     below(c, 12),    coin(c),          coin(c),
                    coin(c),         coin(c),         coin(c)};
    case_args others = {.product = {{0, 0, 0}}};
    clip_arrays(c, op, base, &s, &c->args);
    const size_t stride = c->used;
    for (size_t k = 1; k < c->clips; k++) {
        clip_arrays(c, op, base, &s, &others);
        assert_int_equal(c->used, (k + 1) * stride);
    }
    row_arrays(c, op, base, &s, stride);
    clip_numbers(c, op, base, &s, stride);
}

#endif
