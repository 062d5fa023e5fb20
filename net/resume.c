// Networks that go on behind frames that were heard already: their cells begin with the states that
// they have then.
#include <stdlib.h>
#include <string.h>

#include "net/impl.h"

/* Nodes other than cells must hear one frame each, or those of one call. */
static sp_status check_node(sp_error *err, const sp_net *net, size_t n) {
    const sp_node *node = &net->node[n];
    bool alone = node->kind != SP_NODE_POOL || node->pool == SP_POOLING_LAST;
    for (size_t i = 0; node->kind == SP_NODE_AFFINE && i < node->terms; i++) {
        const sp_timing *timing = &node->term[i].timing;
        alone =
            alone && (sp_net_is_call(net, timing) || (timing->taps == 1 && timing->stride == 1 &&
                                                      timing->before == 0 && timing->after == 0));
    }
    alone = alone && !(node->kind == SP_NODE_CELL && (node->cell.reverse || node->cell.seeded));
    return alone ? SP_OK
                 : sp_fail(err, SP_E_UNSUPPORTED,
                           "node %zu hears other frames than its cells hand on as states, or "
                           "starts elsewhere than at zero: it cannot go on from a frame",
                           n);
}

static size_t states_of(const sp_node *node) {
    return node->kind == SP_NODE_CELL ? sp_cell_states(&node->cell) * node->width : 0;
}

size_t sp_net_state_width(const sp_net *net) {
    size_t width = 0;
    for (size_t n = 0; n < net->nodes; n++) {
        width += states_of(&net->node[n]);
    }
    return width;
}

sp_status sp_net_states(sp_error *err, const sp_net *net, double *states, const double *input,
                        size_t frames) {
    const size_t width = sp_net_state_width(net);
    sp_values values;
    sp_status status = SP_OK;
    for (size_t n = 1; n < net->nodes && status == SP_OK; n++) {
        status = check_node(err, net, n);
    }
    SP_TRY(status);
    status = sp_values_compute(err, &values, net, 0, input, frames, true);
    for (size_t n = 1, at = 0; n < net->nodes && status == SP_OK; n++) {
        const sp_node *node = &net->node[n];
        sp_cell_steps steps;
        if (node->kind != SP_NODE_CELL) {
            continue;
        }
        sp_cell_describe(&steps, &node->cell);
        const size_t size = sp_cell_block(&node->cell, &steps), H = node->width;
        if (values.trace[n] == NULL || values.frames[n] != frames) {
            status = sp_fail(err, SP_E_UNSUPPORTED,
                             values.trace[n] == NULL ? "node %zu is not part of the answer"
                                                     : "node %zu hears calls, not their frames",
                             n);
        }
        for (size_t t = 0; t < frames && status == SP_OK; t++) {
            for (size_t s = 0; s < steps.states; s++) {
                memcpy(states + t * width + at + s * H,
                       values.trace[n] + t * size + (size_t)steps.state[s].after * H,
                       H * sizeof *states);
            }
        }
        at += states_of(node);
    }
    sp_values_clear(&values);
    return status;
}

/* ---- the network that goes on ---- */

/* An affine node of up to two terms, whose arrays are borrowed. */
static sp_status add_affine(sp_error *err, sp_net *net, size_t out, sp_term *term, size_t terms,
                            double *bias) {
    const sp_node node = {
        .kind = SP_NODE_AFFINE, .width = out, .terms = terms, .term = term, .bias = bias};
    return sp_net_append(err, net, &node, NULL);
}

/* What the cell reads and, behind it, its states at the first frame, zeros at the others: start 1
 * at this frame less start 1 at the one before. memory: zeros. */
static sp_status add_spike(sp_error *err, sp_net *net, size_t input, size_t D, size_t S,
                           const double *start, double *memory) {
    double *none = memory, *one = none + D, *edge = one + 1, *zero = edge + 2 * S;
    double *of_input = zero + D + S, *of_spike = of_input + (D + S) * D;
    *one = 1.0;
    sp_term term[2] = {{.input = input, .in = D, .weight = none, .timing = sp_timing_same}};
    SP_TRY(add_affine(err, net, 1, term, 1, one));
    for (size_t j = 0; j < S; j++) {
        edge[2 * j] = -start[j];
        edge[2 * j + 1] = start[j];
        of_spike[(D + j) * S + j] = 1.0;
    }
    term[0] = (sp_term){.input = net->nodes - 1,
                        .in = 1,
                        .weight = edge,
                        .timing = {.taps = 2, .stride = 1, .dilation = 1, .before = 1}};
    SP_TRY(add_affine(err, net, S, term, 1, zero));
    for (size_t j = 0; j < D; j++) {
        of_input[j * D + j] = 1.0;
    }
    term[0] = (sp_term){.input = input, .in = D, .weight = of_input, .timing = sp_timing_same};
    term[1] =
        (sp_term){.input = net->nodes - 1, .in = S, .weight = of_spike, .timing = sp_timing_same};
    return add_affine(err, net, D + S, term, 2, zero);
}

/* The cell over that, which adds the states to its own. memory: zeros. */
static sp_status add_seeded(sp_error *err, sp_net *net, const sp_cell *cell, size_t S,
                            double *memory, size_t *place) {
    const size_t H = cell->out, D = cell->in, wide = D + S, rows = sp_cell_gates(cell) * H;
    sp_cell seeded = *cell;
    seeded.seeded = true;
    seeded.in = wide;
    seeded.weight = memory;
    seeded.recurrent = memory + (S + rows) * wide;
    seeded.bias = seeded.recurrent + (S + rows) * H;
    for (size_t j = 0; j < S; j++) {
        seeded.weight[j * wide + D + j] = 1.0;
    }
    for (size_t j = 0; j < rows; j++) {
        memcpy(seeded.weight + (S + j) * wide, cell->weight + j * D, D * sizeof(double));
    }
    memcpy(seeded.recurrent + S * H, cell->recurrent, rows * H * sizeof(double));
    memcpy(seeded.bias + S, cell->bias, rows * sizeof(double));
    const sp_node node = {
        .kind = SP_NODE_CELL, .width = H, .input = net->nodes - 1, .cell = seeded};
    return sp_net_append(err, net, &node, place);
}

static sp_status add_cell(sp_error *err, sp_net *net, const sp_node *node, size_t input,
                          const double *start, size_t *place) {
    const size_t D = node->cell.in, H = node->cell.out, S = states_of(node);
    const size_t rows = S + sp_cell_gates(&node->cell) * H;
    const size_t spike = D + 1 + 2 * S + (D + S) * (1 + D + S);
    const size_t cell = rows * (D + S + H + 1);
    double *memory = calloc(spike + cell, sizeof *memory);
    if (memory == NULL) {
        return sp_fail(err, SP_E_MEMORY, "no memory for a cell that goes on");
    }
    sp_status status = add_spike(err, net, input, D, S, start, memory);
    status = status == SP_OK ? add_seeded(err, net, &node->cell, S, memory + spike, place) : status;
    free(memory);
    return status;
}

sp_status sp_net_resume(sp_error *err, sp_net *resumed, const sp_net *net, const double *state) {
    size_t *place = calloc(net->nodes, sizeof *place);
    sp_status status = place != NULL ? sp_net_init(err, resumed, net->features)
                                     : sp_fail(err, SP_E_MEMORY, "no memory for a network");
    for (size_t n = 1; n < net->nodes && status == SP_OK; n++) {
        const sp_node *node = &net->node[n];
        const size_t states = states_of(node);
        status = check_node(err, net, n);
        if (status == SP_OK) {
            status = states > 0 ? add_cell(err, resumed, node, place[node->input], state, &place[n])
                                : sp_net_append_moved(err, resumed, node, place, &place[n]);
        }
        state += states;
    }
    free(place);
    if (status != SP_OK) {
        sp_net_clear(resumed);
        return status;
    }
    resumed->steps = net->steps;
    sp_net_answer_as(resumed, net);
    return SP_OK;
}
