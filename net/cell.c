// The cells, each as the list of its variables.
#include "net/cell.h"

size_t sp_cell_gates(const sp_cell *cell) {
    switch (cell->kind) {
    case SP_CELL_LSTM:
        return 4;
    case SP_CELL_GRU:
        return 3;
    case SP_CELL_RNN:
        return 1;
    }
    return 0;
}

size_t sp_cell_parameters(const sp_cell *cell) {
    const size_t rows = sp_cell_gates(cell) * cell->out;
    return rows * (cell->in + cell->out + 1) + (cell->recurrent_bias != NULL ? cell->out : 0);
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

static void describe_lstm(sp_cell_steps *s) {
    const sp_activation sigmoid = {.kind = SP_ACTIVATION_SIGMOID};
    const int before = state(s), cell_before = state(s);
    const int i = image(s, 0, before, SP_NO_VARIABLE), f = image(s, 1, before, SP_NO_VARIABLE);
    const int g = image(s, 2, before, SP_NO_VARIABLE), o = image(s, 3, before, SP_NO_VARIABLE);
    const int ig = product(s, sigmoid, i, g, true);
    const int fc = product(s, sigmoid, f, cell_before, false);
    const int c = sum(s, SP_CELL_SUM, ig, fc, SP_CELL_RANGE_TERMS);
    const int h = product(s, sigmoid, o, c, true);
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
    const sp_activation gate = cell->gate;
    const bool paired = cell->candidate.kind == SP_ACTIVATION_TANH && sp_gate_has_complement(gate);
    const int before = state(s);
    const int z = image(s, 0, before, SP_NO_VARIABLE), r = image(s, 1, before, SP_NO_VARIABLE);
    int candidate;
    if (cell->reset_after) {
        const int q = image(s, 2, before, SP_NO_VARIABLE);
        s->variable[q].input = false;
        s->variable[q].place = sp_cell_gates(cell); // behind those that W gives
        s->variable[q].recurrent_bias = true;
        candidate = image(s, 2, SP_NO_VARIABLE, product(s, gate, r, q, false));
    } else {
        candidate = image(s, 2, product(s, gate, r, before, false), SP_NO_VARIABLE);
    }
    s->variable[candidate].boxed = cell->candidate.kind != SP_ACTIVATION_AFFINE;
    const int n = curve(s, cell->candidate, candidate);
    const int y = sum(s, SP_CELL_DIFFERENCE, before, n, SP_CELL_RANGE_TERMS);
    int h;
    if (paired) {
        const int rest = product(s, gate, z, candidate, true);
        s->variable[rest].f = gate;
        s->variable[rest].complement = true;
        s->variable[rest].map = sp_gate_complement(gate);
        h = sum(s, SP_CELL_SUM, rest, product(s, gate, z, before, false), SP_CELL_RANGE_BLEND);
    } else {
        h = sum(s, SP_CELL_SUM, n, product(s, gate, z, y, false), SP_CELL_RANGE_BLEND);
    }
    keep_state(s, before, h);
    finish(s, h);
}

static void describe_rnn(sp_cell_steps *s, const sp_cell *cell) {
    const int before = state(s);
    const int h = curve(s, cell->candidate, image(s, 0, before, SP_NO_VARIABLE));
    keep_state(s, before, h);
    finish(s, h);
}

void sp_cell_describe(sp_cell_steps *steps, const sp_cell *cell) {
    *steps = (sp_cell_steps){0};
    switch (cell->kind) {
    case SP_CELL_LSTM:
        describe_lstm(steps);
        break;
    case SP_CELL_GRU:
        describe_gru(steps, cell);
        break;
    case SP_CELL_RNN:
        describe_rnn(steps, cell);
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
