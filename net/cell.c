// The cells, each as the list of its variables.
#include "net/cell.h"

size_t sp_cell_states(const sp_cell *cell) {
    return cell->kind == SP_CELL_TIMES ? 0 : cell->kind == SP_CELL_LSTM ? 2 : 1;
}

size_t sp_cell_seeds(const sp_cell *cell) {
    return cell->seeded ? sp_cell_states(cell) : 0;
}

size_t sp_cell_gates(const sp_cell *cell) {
    switch (cell->kind) {
    case SP_CELL_LSTM:
        return sp_cell_seeds(cell) + 4;
    case SP_CELL_GRU:
        return sp_cell_seeds(cell) + 3;
    case SP_CELL_RNN:
        return sp_cell_seeds(cell) + 1;
    case SP_CELL_TIMES:
        return 2;
    }
    return 0;
}

static bool is_usual(const sp_cell *cell) {
    return cell->gate.kind == SP_ACTIVATION_SIGMOID && cell->candidate.kind == SP_ACTIVATION_TANH;
}

bool sp_cell_is_plain(const sp_cell *cell) {
    return cell->kind != SP_CELL_TIMES && !cell->seeded && !(cell->clip > 0.0) &&
           (cell->kind != SP_CELL_LSTM || is_usual(cell));
}

size_t sp_cell_parameters(const sp_cell *cell) {
    const size_t rows = sp_cell_gates(cell) * cell->out;
    const size_t loop = cell->kind == SP_CELL_TIMES ? 0 : cell->out;
    return rows * (cell->in + loop + 1) + (cell->recurrent_bias != NULL ? cell->out : 0);
}

/* ---- making a list ---- */

static int add(sp_cell_steps *s, sp_cell_variable variable) {
    s->variable[s->count] = variable;
    return (int)s->count++;
}

static int state(sp_cell_steps *s) {
    return add(s,
               (sp_cell_variable){.op = SP_CELL_STATE, .a = SP_NO_VARIABLE, .b = SP_NO_VARIABLE});
}

/* W x + R a + b + bias of a block. */
static int image(sp_cell_steps *s, size_t block, int a, int b) {
    s->images++;
    return add(s, (sp_cell_variable){.op = SP_CELL_IMAGE,
                                     .a = a,
                                     .b = b,
                                     .place = block,
                                     .block = block,
                                     .input = true,
                                     .boxed = true});
}

static int product(sp_cell_steps *s, sp_activation gate, int a, int b, bool tanh_second) {
    const sp_activation sigmoid = {.kind = SP_ACTIVATION_SIGMOID};
    return add(s, (sp_cell_variable){.op = SP_CELL_PRODUCT,
                                     .a = a,
                                     .b = b,
                                     .f = tanh_second ? sigmoid : gate,
                                     .second_tanh = tanh_second,
                                     .map = tanh_second ? sp_gate_identity(SP_PRODUCT_SIGMOID_TANH)
                                                        : sp_gate_map_of(gate)});
}

static int curve(sp_cell_steps *s, sp_activation f, int a) {
    return add(s, (sp_cell_variable){.op = SP_CELL_CURVE, .a = a, .b = SP_NO_VARIABLE, .f = f});
}

static int sum(sp_cell_steps *s, sp_cell_op op, int a, int b, sp_cell_range range) {
    return add(s, (sp_cell_variable){.op = op, .a = a, .b = b, .range = range, .boxed = true});
}

static void keep_state(sp_cell_steps *s, int before, int after) {
    s->state[s->states].before = before;
    s->state[s->states].after = after;
    s->states++;
}

/* Marks what the output depends on, and counts the sums: one for every product and curve, one for
 * every image and one more for its part of the state, two for a difference. */
static void finish(sp_cell_steps *s, int output) {
    s->output = output;
    s->variable[output].used = true;
    for (size_t i = 0; i < s->states; i++) {
        s->variable[s->state[i].after].used = true;
    }
    for (size_t i = s->count; i-- > 0;) {
        const sp_cell_variable *v = &s->variable[i];
        if (!v->used) {
            continue;
        }
        s->roundings += v->op == SP_CELL_STATE ? 0 : 2;
        if (v->a != SP_NO_VARIABLE) {
            s->variable[v->a].used = true;
        }
        if (v->b != SP_NO_VARIABLE) {
            s->variable[v->b].used = true;
        }
    }
}

/* ---- the cells ---- */

/* The state before, and what is added to it. */
static int seed(sp_cell_steps *s, const sp_cell *cell, size_t block, int before) {
    if (!cell->seeded) {
        return before;
    }
    const int seeded = image(s, block, SP_NO_VARIABLE, before);
    s->variable[seeded].boxed = false; // that of the state will do
    return seeded;
}

/* What a gate or candidate is applied to. */
static int limit(sp_cell_steps *s, const sp_cell *cell, int v) {
    const sp_activation clip = {SP_ACTIVATION_CLIP, -cell->clip, cell->clip};
    return cell->clip > 0.0 ? curve(s, clip, v) : v;
}

/* gate(a) f(b); where the two are sigmoid and tanh, one product has both. */
static int gated(sp_cell_steps *s, const sp_cell *cell, int a, int b) {
    return is_usual(cell) ? product(s, cell->gate, a, b, true)
                          : product(s, cell->gate, a, curve(s, cell->candidate, b), false);
}

static void describe_lstm(sp_cell_steps *s, const sp_cell *cell) {
    const size_t k = sp_cell_seeds(cell);
    const int before = state(s), cell_before = state(s);
    const int hidden = seed(s, cell, 0, before), memory = seed(s, cell, 1, cell_before);
    int gate[4];
    for (size_t g = 0; g < 4; g++) {
        gate[g] = image(s, k + g, hidden, SP_NO_VARIABLE);
    }
    for (size_t g = 0; g < 4; g++) {
        gate[g] = limit(s, cell, gate[g]);
    }
    const int ig = gated(s, cell, gate[0], gate[2]);
    const int fc = product(s, cell->gate, gate[1], memory, false);
    const int c = sum(s, SP_CELL_SUM, ig, fc, SP_CELL_RANGE_TERMS);
    const int h = gated(s, cell, gate[3], c);
    keep_state(s, before, h);
    keep_state(s, cell_before, c);
    finish(s, h);
}

/* n = candidate(a_n), a_n holding the reset state; h = n + gate(a_z) y with y = h' - n: one product
 * per unit. Where the candidate is tanh and the gate has a complement that is known without
 * rounding, h = (1 - gate(a_z)) tanh(a_n) + gate(a_z) h' instead, two products: measured to be
 * tighter there. y then serves the range only. The state has no bound of its own, the candidate
 * may be affine: every box comes from rows. */
static void describe_gru(sp_cell_steps *s, const sp_cell *cell) {
    const size_t k = sp_cell_seeds(cell);
    const sp_activation gate = cell->gate;
    const bool paired = cell->candidate.kind == SP_ACTIVATION_TANH && sp_gate_has_complement(gate);
    const int before = state(s), hidden = seed(s, cell, 0, before);
    int z = image(s, k, hidden, SP_NO_VARIABLE), r = image(s, k + 1, hidden, SP_NO_VARIABLE);
    z = limit(s, cell, z);
    r = limit(s, cell, r);
    int candidate;
    if (cell->reset_after) {
        const int q = image(s, k + 2, hidden, SP_NO_VARIABLE);
        s->variable[q].input = false;
        s->variable[q].place = sp_cell_gates(cell); // behind those that W gives
        s->variable[q].recurrent_bias = true;
        candidate = image(s, k + 2, SP_NO_VARIABLE, product(s, gate, r, q, false));
    } else {
        candidate = image(s, k + 2, product(s, gate, r, hidden, false), SP_NO_VARIABLE);
    }
    s->variable[candidate].boxed = cell->candidate.kind != SP_ACTIVATION_AFFINE;
    candidate = limit(s, cell, candidate);
    const int n = curve(s, cell->candidate, candidate);
    const int y = sum(s, SP_CELL_DIFFERENCE, hidden, n, SP_CELL_RANGE_TERMS);
    int h;
    if (paired) {
        const int rest = product(s, gate, z, candidate, true);
        s->variable[rest].f = gate;
        s->variable[rest].complement = true;
        s->variable[rest].map = sp_gate_complement(gate);
        h = sum(s, SP_CELL_SUM, rest, product(s, gate, z, hidden, false), SP_CELL_RANGE_BLEND);
    } else {
        h = sum(s, SP_CELL_SUM, n, product(s, gate, z, y, false), SP_CELL_RANGE_BLEND);
    }
    keep_state(s, before, h);
    finish(s, h);
}

static void describe_rnn(sp_cell_steps *s, const sp_cell *cell) {
    const int before = state(s), hidden = seed(s, cell, 0, before);
    const int a = image(s, sp_cell_seeds(cell), hidden, SP_NO_VARIABLE);
    const int h = curve(s, cell->candidate, limit(s, cell, a));
    keep_state(s, before, h);
    finish(s, h);
}

static void describe_times(sp_cell_steps *s) {
    const sp_activation itself = {SP_ACTIVATION_AFFINE, 1.0, 0.0};
    const int a = image(s, 0, SP_NO_VARIABLE, SP_NO_VARIABLE);
    const int b = image(s, 1, SP_NO_VARIABLE, SP_NO_VARIABLE);
    finish(s, product(s, itself, a, b, false));
}

void sp_cell_describe(sp_cell_steps *steps, const sp_cell *cell) {
    *steps = (sp_cell_steps){0};
    switch (cell->kind) {
    case SP_CELL_LSTM:
        describe_lstm(steps, cell);
        break;
    case SP_CELL_GRU:
        describe_gru(steps, cell);
        break;
    case SP_CELL_RNN:
        describe_rnn(steps, cell);
        break;
    case SP_CELL_TIMES:
        describe_times(steps);
        break;
    }
}

bool sp_cell_zero(const sp_cell_steps *steps, int v, bool first) {
    if (!first || v == SP_NO_VARIABLE) {
        return v == SP_NO_VARIABLE;
    }
    const sp_cell_variable *at = &steps->variable[v];
    switch (at->op) {
    case SP_CELL_STATE:
        return true;
    case SP_CELL_PRODUCT: // tanh(0) = 0, too
        return sp_cell_zero(steps, at->b, first);
    case SP_CELL_SUM:
    case SP_CELL_DIFFERENCE:
        return sp_cell_zero(steps, at->a, first) && sp_cell_zero(steps, at->b, first);
    case SP_CELL_IMAGE:
    case SP_CELL_CURVE:
        return false;
    }
    return false;
}
