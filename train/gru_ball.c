/* A GRU layer over boxes, there and back. h = (1 - z) n + z h' grows with n and with h' and is
 * linear in z: each end of h takes the end of z that suits it. */
#include <string.h>

#include "train/ball_rules.h"

/* Where the numbers of one row stand. */
typedef struct cell {
    sp_pair gate;         /* [3 H] z, r, n; first mid and rad of the pre-activations */
    sp_pair q;            /* [H] what r multiplies */
    sp_ball before, back; /* [H] h of the step before and its slope; mid NULL: zero */
    sp_ball out, slope;   /* [H] */
} cell;

static cell cell_at(const sp_ball_layer *at, size_t t, size_t i) {
    const size_t H = at->layer->out, rows = at->pack->rows, row = at->pack->first[t] + i;
    sp_ball_trace *trace = at->trace;
    double *gates = trace->gates + row * 3 * H, *q = trace->inner + row * H;
    cell r = {.gate = {gates, gates + rows * 3 * H},
              .q = {q, q + rows * H},
              .out = {trace->out.mid + row * H, trace->out.rad + row * H},
              .slope = {trace->slope.mid + row * H, trace->slope.rad + row * H}};
    if (t > 0) {
        const size_t earlier = (at->pack->first[t - 1] + i) * H;
        r.before = (sp_ball){trace->out.mid + earlier, trace->out.rad + earlier};
        r.back = (sp_ball){trace->slope.mid + earlier, trace->slope.rad + earlier};
    }
    return r;
}

static sp_ends state_before(const cell *a, size_t j) {
    return a->before.mid ? sp_ends_of(a->before.mid[j], a->before.rad[j]) : (sp_ends){0.0, 0.0};
}

/* The ends of z that the lower and the upper end of h take. */
static sp_ends blend(sp_ends z, sp_ends n, sp_ends h) {
    return (sp_ends){h.lo < n.lo ? z.hi : z.lo, h.hi > n.hi ? z.hi : z.lo};
}

static void step_forward(const sp_cell *layer, cell a) {
    const size_t H = layer->out;
    for (size_t j = 0; j < H; j++) {
        const size_t k = 2 * H + j;
        const sp_ends z = sp_ends_activate(layer->gate, sp_ends_of(a.gate.lo[j], a.gate.hi[j]));
        const sp_ends r =
            sp_ends_activate(layer->gate, sp_ends_of(a.gate.lo[H + j], a.gate.hi[H + j]));
        const sp_ends q = sp_ends_of(a.q.lo[j], a.q.hi[j]), rq = sp_ends_gate(r, q);
        sp_ends n = sp_ends_of(a.gate.lo[k], a.gate.hi[k]);
        n = sp_ends_activate(layer->candidate, (sp_ends){n.lo + rq.lo, n.hi + rq.hi});
        const sp_ends h = state_before(&a, j), w = blend(z, n, h);
        sp_pair_set(a.gate, j, z);
        sp_pair_set(a.gate, H + j, r);
        sp_pair_set(a.gate, k, n);
        sp_pair_set(a.q, j, q);
        sp_ball_set(
            a.out, j,
            (sp_ends){(1.0 - w.lo) * n.lo + w.lo * h.lo, (1.0 - w.hi) * n.hi + w.hi * h.hi});
    }
}

void sp_gru_box_forward(const sp_ball_layer *at) {
    const sp_cell *layer = at->layer;
    const size_t H = layer->out, W = 3 * H, rows = at->pack->rows;
    const sp_ball gates = {at->trace->gates, at->trace->gates + rows * W};
    const sp_ball q = {at->trace->inner, at->trace->inner + rows * H};
    const double *magnitude = at->magnitude + W * layer->in;
    sp_ball_affine(gates, at->x, rows, layer->in, layer->weight, at->magnitude, layer->bias, W);
    for (size_t t = 0; t < at->pack->steps; t++) {
        const size_t first = at->pack->first[t], count = at->pack->count[t];
        memset(q.rad + first * H, 0, count * H * sizeof *q.rad);
        for (size_t i = 0; i < count; i++) {
            memcpy(q.mid + (first + i) * H, layer->recurrent_bias, H * sizeof *q.mid);
        }
        if (t > 0) {
            sp_ball_recurrence(at, t, gates.mid + first * W, gates.rad + first * W, W,
                               layer->recurrent, magnitude, 2 * H);
            sp_ball_recurrence(at, t, q.mid + first * H, q.rad + first * H, H,
                               layer->recurrent + 2 * H * H, magnitude + 2 * H * H, H);
        }
        for (size_t i = 0; i < count; i++) {
            step_forward(layer, cell_at(at, t, i));
        }
    }
}

static void step_backward(const sp_cell *layer, cell a) {
    const size_t H = layer->out;
    for (size_t j = 0; j < H; j++) {
        const size_t k = 2 * H + j;
        const sp_ends z = sp_pair_get(a.gate, j), r = sp_pair_get(a.gate, H + j);
        const sp_ends n = sp_pair_get(a.gate, k), q = sp_pair_get(a.q, j);
        const sp_ends h = state_before(&a, j), w = blend(z, n, h);
        const sp_ends s = sp_ends_slope(a.slope.mid[j], a.slope.rad[j]);
        sp_ends dz = {0.0, 0.0}, dr = {0.0, 0.0}, dq = {0.0, 0.0};
        *(h.lo < n.lo ? &dz.hi : &dz.lo) += s.lo * (h.lo - n.lo);
        *(h.hi > n.hi ? &dz.hi : &dz.lo) += s.hi * (h.hi - n.hi);
        if (a.back.mid) {
            a.back.mid[j] += s.lo * w.lo + s.hi * w.hi;
            a.back.rad[j] += s.hi * w.hi - s.lo * w.lo;
        }
        const sp_ends dn = sp_ends_activate_back(
            layer->candidate, n, (sp_ends){s.lo * (1.0 - w.lo), s.hi * (1.0 - w.hi)});
        sp_ends_gate_back(&dr, &dq, r, q, dn);
        sp_pair_slope(a.gate, j, sp_ends_activate_back(layer->gate, z, dz));
        sp_pair_slope(a.gate, H + j, sp_ends_activate_back(layer->gate, r, dr));
        sp_pair_slope(a.gate, k, dn);
        sp_pair_slope(a.q, j, dq);
    }
}

/* Slopes of the products with h' of one row: those of z and r, and of q. */
static void gather(double *product, const double *gates, const double *q, size_t H) {
    memcpy(product, gates, 2 * H * sizeof *product);
    memcpy(product + 2 * H, q, H * sizeof *product);
}

void sp_gru_box_backward(const sp_ball_layer *at) {
    const sp_cell *layer = at->layer;
    const size_t H = layer->out, W = 3 * H, rows = at->pack->rows;
    const size_t mark = sp_arena_mark(at->arena);
    double *both = sp_arena_take(at->arena, 2 * rows * W, double);
    const sp_ball product = {both, both + rows * W};
    for (size_t t = at->pack->steps; t-- > 0;) {
        const size_t first = at->pack->first[t];
        for (size_t i = 0; i < at->pack->count[t]; i++) {
            const size_t row = first + i;
            const cell a = cell_at(at, t, i);
            step_backward(layer, a);
            gather(product.mid + row * W, a.gate.lo, a.q.lo, H);
            gather(product.rad + row * W, a.gate.hi, a.q.hi, H);
        }
        if (t > 0) {
            sp_ball_recurrence_back(at, t, product.mid + first * W, product.rad + first * W, W,
                                    layer->recurrent, at->magnitude + W * layer->in, W);
        }
    }
    sp_rows_sum(at->slopes->recurrent_bias, at->trace->inner, H, rows, H);
    sp_ball_recurrent_slopes(at, product);
    sp_arena_release(at->arena, mark);
}
