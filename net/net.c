// Networks as graphs: nodes appended one by one, each checked against those before it.
#include "net/net.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "net/impl.h"

static void cell_clear(sp_cell *cell) {
    free(cell->weight);
    free(cell->recurrent);
    free(cell->bias);
    free(cell->recurrent_bias);
}

static void node_clear(sp_node *node) {
    for (size_t i = 0; node->term != NULL && i < node->terms; i++) {
        free(node->term[i].weight);
    }
    free(node->term);
    free(node->bias);
    cell_clear(&node->cell);
    *node = (sp_node){0};
}

sp_status sp_net_init(sp_error *err, sp_net *net, size_t features) {
    *net = (sp_net){.features = features, .classes = features};
    if (features == 0) {
        return sp_fail(err, SP_E_ARGUMENT, "a network reads at least one number per frame");
    }
    net->node = calloc(1, sizeof *net->node);
    if (net->node == NULL) {
        return sp_fail(err, SP_E_MEMORY, "no memory for a network");
    }
    net->nodes = 1;
    net->node[0] = (sp_node){.kind = SP_NODE_INPUT, .width = features};
    return SP_OK;
}

void sp_net_clear(sp_net *net) {
    for (size_t n = 0; n < net->nodes; n++) {
        node_clear(&net->node[n]);
    }
    free(net->node);
    *net = (sp_net){0};
}

/* ---- what follows from a node ---- */

size_t sp_node_inputs(const sp_node *node) {
    switch (node->kind) {
    case SP_NODE_INPUT:
        return 0;
    case SP_NODE_AFFINE:
        return node->terms;
    case SP_NODE_CURVE:
    case SP_NODE_CELL:
    case SP_NODE_POOL:
        return 1;
    }
    return 0;
}

size_t sp_node_input(const sp_node *node, size_t i) {
    return node->kind == SP_NODE_AFFINE ? node->term[i].input : node->input;
}

size_t sp_node_parameters(const sp_node *node) {
    size_t count = 0;
    if (node->kind == SP_NODE_CELL) {
        count = sp_cell_parameters(&node->cell);
    } else if (node->kind == SP_NODE_AFFINE) {
        count = node->width;
        for (size_t i = 0; i < node->terms; i++) {
            count += node->width * node->term[i].timing.taps * node->term[i].in;
        }
    }
    return count;
}

/* ---- copies of weights ---- */

/* Copies values[rows, columns] into *copy; `what` names the array in messages. */
static sp_status copy_finite(sp_error *err, double **copy, size_t node, const char *what,
                             const double *values, size_t rows, size_t columns) {
    *copy = NULL;
    if (columns > SIZE_MAX / sizeof(double) / rows) {
        return sp_fail(err, SP_E_MEMORY, "node %zu: %s [%zu, %zu] is too large", node, what, rows,
                       columns);
    }
    const size_t count = rows * columns;
    for (size_t i = 0; i < count; i++) {
        if (!isfinite(values[i])) {
            return sp_fail(err, SP_E_NONFINITE,
                           "node %zu: %s[%zu] is %g: weights must be finite numbers", node, what, i,
                           values[i]);
        }
    }
    *copy = malloc(count * sizeof(double));
    if (*copy == NULL) {
        return sp_fail(err, SP_E_MEMORY, "node %zu: no memory for %s [%zu, %zu]", node, what, rows,
                       columns);
    }
    memcpy(*copy, values, count * sizeof(double));
    return SP_OK;
}

static sp_status check_activation(sp_error *err, size_t node, sp_activation f) {
    if (sp_activation_name(f.kind) == NULL) {
        return sp_fail(err, SP_E_ARGUMENT, "node %zu: no activation has number %d", node,
                       (int)f.kind);
    }
    const size_t reads = sp_activation_parameters(f.kind);
    if ((reads > 0 && !isfinite(f.alpha)) || (reads > 1 && !isfinite(f.beta))) {
        return sp_fail(err, SP_E_NONFINITE,
                       "node %zu: %s with alpha %g and beta %g: they must be finite numbers", node,
                       sp_activation_name(f.kind), f.alpha, f.beta);
    }
    return SP_OK;
}

static sp_status check_gate(sp_error *err, size_t node, sp_activation f) {
    SP_TRY(check_activation(err, node, f));
    return sp_gate_is_known(f.kind)
               ? SP_OK
               : sp_fail(err, SP_E_UNSUPPORTED, "node %zu: no cell has the activation %s", node,
                         sp_activation_name(f.kind));
}

static sp_status copy_cell(sp_error *err, sp_cell *copy, const sp_cell *cell, size_t n) {
    const size_t gates = sp_cell_gates(cell), H = cell->out;
    SP_TRY(check_gate(err, n, cell->gate));
    SP_TRY(check_gate(err, n, cell->candidate));
    if (gates == 0) {
        return sp_fail(err, SP_E_ARGUMENT, "node %zu: no cell has number %d", n, (int)cell->kind);
    }
    if (!(cell->clip >= 0.0 && isfinite(cell->clip))) {
        return sp_fail(err, SP_E_NONFINITE, "node %zu: a limit of %g for pre-activations", n,
                       cell->clip);
    }
    if (cell->kind == SP_CELL_TIMES && (cell->recurrent != NULL || cell->recurrent_bias != NULL ||
                                        cell->seeded || cell->reset_after || cell->clip > 0.0)) {
        return sp_fail(err, SP_E_ARGUMENT, "node %zu: a product has no states and no limits", n);
    }
    if (cell->recurrent_bias != NULL && !cell->reset_after) {
        return sp_fail(err, SP_E_ARGUMENT,
                       "node %zu: a recurrent bias of its own needs the reset after the product",
                       n);
    }
    if (H > SIZE_MAX / gates) {
        return sp_fail(err, SP_E_MEMORY, "node %zu: %zu hidden units are too many", n, H);
    }
    SP_TRY(copy_finite(err, &copy->weight, n, "weight", cell->weight, gates * H, cell->in));
    if (cell->kind != SP_CELL_TIMES) {
        SP_TRY(copy_finite(err, &copy->recurrent, n, "recurrent", cell->recurrent, gates * H, H));
    }
    SP_TRY(copy_finite(err, &copy->bias, n, "bias", cell->bias, gates * H, 1));
    if (cell->recurrent_bias != NULL) {
        return copy_finite(err, &copy->recurrent_bias, n, "recurrent_bias", cell->recurrent_bias, H,
                           1);
    }
    if (cell->reset_after) {
        copy->recurrent_bias = calloc(H, sizeof(double));
        return copy->recurrent_bias != NULL ? SP_OK : sp_fail(err, SP_E_MEMORY, "out of memory");
    }
    return SP_OK;
}

/* ---- frames ---- */

enum { MOST_FRAMES = 1 << 30 }; /* that a timing names; sums of a few of them fit a size_t */

static size_t span(const sp_timing *timing) {
    return (timing->taps - 1) * timing->dilation + 1;
}

size_t sp_timing_frames(const sp_timing *timing, size_t frames) {
    const size_t padded = frames + timing->before + timing->after;
    if (timing->stride == 0) {
        return frames == 1 ? 1 : 0;
    }
    const bool mirrored = !timing->reflects || (timing->before < frames && timing->after < frames);
    return frames == 0 || padded < span(timing) || !mirrored
               ? 0
               : (padded - span(timing)) / timing->stride + 1;
}

size_t sp_net_frames(const sp_net *net, size_t source, size_t index, size_t frames) {
    const sp_node *node = &net->node[index];
    if (index <= source) {
        return index == source ? frames : 0;
    }
    const size_t before = sp_net_frames(net, source, sp_node_input(node, 0), frames);
    if (node->kind == SP_NODE_POOL) {
        return before > 0 ? 1 : 0;
    }
    return node->kind == SP_NODE_AFFINE ? sp_timing_frames(&node->term[0].timing, before) : before;
}

/* The frames of a node as a function of those of the input: floor((n + shift) / stride) + 1, or,
 * behind a pool (stride 0), a number: shift. Modulo 2^64. */
typedef struct extent {
    size_t stride, shift;
} extent;

static extent extent_of(const sp_net *net, size_t index);

static extent extent_after(const sp_timing *timing, extent before) {
    if (before.stride == 0) {
        return (extent){0, sp_timing_frames(timing, before.shift)};
    }
    // floor((floor((n + a) / s) + 1 + b) / r) + 1 = floor((n + a + s (1 + b)) / (s r)) + 1
    const size_t b = timing->before + timing->after - span(timing);
    return (extent){before.stride * timing->stride, before.shift + before.stride * (1 + b)};
}

static extent extent_of(const sp_net *net, size_t index) {
    const sp_node *node = &net->node[index];
    if (node->kind == SP_NODE_INPUT) {
        return (extent){1, (size_t)0 - 1};
    }
    if (node->kind == SP_NODE_POOL) {
        return (extent){0, 1};
    }
    const extent before = extent_of(net, sp_node_input(node, 0));
    return node->kind == SP_NODE_AFFINE ? extent_after(&node->term[0].timing, before) : before;
}

static bool has_one_frame(const sp_net *net, size_t index) {
    const extent e = extent_of(net, index);
    return e.stride == 0 && e.shift == 1;
}

/* ---- checks of a node ---- */

static bool is_spread(const sp_timing *timing) {
    return timing->stride == 0 && timing->taps == 1 && timing->dilation == 1 &&
           timing->before == 0 && timing->after == 0;
}

static sp_status check_timing(sp_error *err, size_t n, const sp_timing *timing) {
    if (is_spread(timing)) {
        return SP_OK;
    }
    if (timing->taps == 0 || timing->stride == 0 || timing->dilation == 0 ||
        (timing->repeats && timing->reflects)) {
        return sp_fail(
            err, SP_E_ARGUMENT,
            "node %zu: taps, stride and dilation must be positive, and one padding meant", n);
    }
    if (timing->taps > MOST_FRAMES || timing->stride > MOST_FRAMES ||
        timing->dilation > MOST_FRAMES || timing->before > MOST_FRAMES ||
        timing->after > MOST_FRAMES) {
        return sp_fail(err, SP_E_UNSUPPORTED, "node %zu: it reaches over more than %d frames", n,
                       MOST_FRAMES);
    }
    return SP_OK;
}

static sp_status check_input(sp_error *err, const sp_net *net, size_t input, size_t width) {
    if (input >= net->nodes) {
        return sp_fail(err, SP_E_MISMATCH, "node %zu: it reads node %zu, which is not before it",
                       net->nodes, input);
    }
    if (net->node[input].width != width) {
        return sp_fail(err, SP_E_MISMATCH, "node %zu: it reads %zu numbers where node %zu has %zu",
                       net->nodes, width, input, net->node[input].width);
    }
    return SP_OK;
}

static sp_status check_terms(sp_error *err, const sp_net *net, const sp_node *node) {
    if (node->terms == 0) {
        return sp_fail(err, SP_E_ARGUMENT, "node %zu: it reads no node", net->nodes);
    }
    for (size_t i = 0; i < node->terms; i++) {
        const sp_term *term = &node->term[i];
        SP_TRY(check_input(err, net, term->input, term->in));
        SP_TRY(check_timing(err, net->nodes, &term->timing));
        if (is_spread(&term->timing)) {
            if (i == 0 || !has_one_frame(net, term->input)) {
                return sp_fail(err, SP_E_MISMATCH,
                               "node %zu: one frame for all is read of a node that has one, behind "
                               "a term that says how many there are",
                               net->nodes);
            }
            continue;
        }
        const extent e = extent_after(&term->timing, extent_of(net, term->input)),
                     first =
                         extent_after(&node->term[0].timing, extent_of(net, node->term[0].input));
        if (e.stride != first.stride || e.shift != first.shift) {
            return sp_fail(err, SP_E_MISMATCH, "node %zu: it adds sequences of different lengths",
                           net->nodes);
        }
    }
    return SP_OK;
}

static sp_status check(sp_error *err, const sp_net *net, const sp_node *node) {
    const size_t n = net->nodes;
    if (node->width == 0) {
        return sp_fail(err, SP_E_ARGUMENT, "node %zu: widths must be positive", n);
    }
    switch (node->kind) {
    case SP_NODE_INPUT:
        return sp_fail(err, SP_E_ARGUMENT, "node %zu: only the first node is an input", n);
    case SP_NODE_AFFINE:
        return check_terms(err, net, node);
    case SP_NODE_CURVE:
        SP_TRY(check_activation(err, n, node->curve));
        return check_input(err, net, node->input, node->width);
    case SP_NODE_CELL:
        if (node->cell.out != node->width) {
            return sp_fail(err, SP_E_MISMATCH, "node %zu: a cell of %zu units, width %zu", n,
                           node->cell.out, node->width);
        }
        return check_input(err, net, node->input, node->cell.in);
    case SP_NODE_POOL:
        return check_input(err, net, node->input, node->width);
    }
    return sp_fail(err, SP_E_ARGUMENT, "node %zu: no kind of node has number %d", n,
                   (int)node->kind);
}

static sp_status copy_terms(sp_error *err, sp_node *copy, const sp_node *node, size_t n) {
    copy->term = calloc(node->terms, sizeof *copy->term);
    if (copy->term == NULL) {
        return sp_fail(err, SP_E_MEMORY, "out of memory");
    }
    for (size_t i = 0; i < node->terms; i++) {
        const sp_term *term = &node->term[i];
        const size_t taps = term->timing.taps;
        copy->term[i] = *term;
        copy->term[i].weight = NULL;
        if (term->in > SIZE_MAX / taps) {
            return sp_fail(err, SP_E_MEMORY, "node %zu: weight [%zu, %zu, %zu] is too large", n,
                           node->width, taps, term->in);
        }
        SP_TRY(copy_finite(err, &copy->term[i].weight, n, "weight", term->weight, node->width,
                           taps * term->in));
    }
    return copy_finite(err, &copy->bias, n, "bias", node->bias, node->width, 1);
}

sp_status sp_node_copy(sp_error *err, sp_node *copy, const sp_node *node, size_t n) {
    *copy = (sp_node){.kind = node->kind, .width = node->width, .input = node->input};
    switch (node->kind) {
    case SP_NODE_AFFINE:
        copy->terms = node->terms;
        return copy_terms(err, copy, node, n);
    case SP_NODE_CELL:
        copy->cell = node->cell;
        copy->cell.weight = copy->cell.recurrent = NULL;
        copy->cell.bias = copy->cell.recurrent_bias = NULL;
        return copy_cell(err, &copy->cell, &node->cell, n);
    case SP_NODE_CURVE:
        copy->curve = node->curve;
        return SP_OK;
    case SP_NODE_POOL:
        copy->pool = node->pool;
        return SP_OK;
    case SP_NODE_INPUT:
        return SP_OK;
    }
    return SP_OK;
}

sp_status sp_net_append(sp_error *err, sp_net *net, const sp_node *node, size_t *index) {
    sp_node copy = {0};
    SP_TRY(check(err, net, node));
    sp_status status = sp_node_copy(err, &copy, node, net->nodes);
    sp_node *grown = NULL;
    if (status == SP_OK) {
        grown = realloc(net->node, (net->nodes + 1) * sizeof *grown);
        status =
            grown != NULL ? SP_OK : sp_fail(err, SP_E_MEMORY, "no memory for node %zu", net->nodes);
    }
    if (status != SP_OK) {
        node_clear(&copy);
        return status;
    }
    net->node = grown;
    net->node[net->nodes] = copy;
    if (index != NULL) {
        *index = net->nodes;
    }
    net->nodes++;
    net->classes = node->width;
    return SP_OK;
}

/* ---- appending a node that reads the last one ---- */

const sp_timing sp_timing_same = {.taps = 1, .stride = 1, .dilation = 1};
const sp_timing sp_timing_spread = {.taps = 1, .stride = 0, .dilation = 1};

/* The arrays of nodes are not const; sp_net_append copies them. */
static double *borrow(const double *array) {
    return (double *)(uintptr_t)array;
}

sp_status sp_net_add_affine(sp_error *err, sp_net *net, size_t out, const double *weight,
                            const double *bias) {
    return sp_net_add_convolution(err, net, out, sp_timing_same, weight, bias);
}

sp_status sp_net_add_convolution(sp_error *err, sp_net *net, size_t out, sp_timing timing,
                                 const double *weight, const double *bias) {
    sp_term term = {
        .input = net->nodes - 1, .in = net->classes, .weight = borrow(weight), .timing = timing};
    const sp_node node = {
        .kind = SP_NODE_AFFINE, .width = out, .terms = 1, .term = &term, .bias = borrow(bias)};
    return sp_net_append(err, net, &node, NULL);
}

sp_status sp_net_add_curve(sp_error *err, sp_net *net, sp_activation curve) {
    const sp_node node = {
        .kind = SP_NODE_CURVE, .width = net->classes, .input = net->nodes - 1, .curve = curve};
    return sp_net_append(err, net, &node, NULL);
}

sp_status sp_net_add_relu(sp_error *err, sp_net *net) {
    return sp_net_add_curve(err, net, (sp_activation){.kind = SP_ACTIVATION_RELU});
}

static sp_status add_cell(sp_error *err, sp_net *net, sp_cell cell) {
    cell.in = net->classes;
    const sp_node node = {
        .kind = SP_NODE_CELL, .width = cell.out, .input = net->nodes - 1, .cell = cell};
    return sp_net_append(err, net, &node, NULL);
}

sp_status sp_net_add_lstm(sp_error *err, sp_net *net, size_t hidden, const double *weight,
                          const double *recurrent, const double *bias) {
    return add_cell(err, net,
                    (sp_cell){.kind = SP_CELL_LSTM,
                              .out = hidden,
                              .weight = borrow(weight),
                              .recurrent = borrow(recurrent),
                              .bias = borrow(bias),
                              .gate = {.kind = SP_ACTIVATION_SIGMOID},
                              .candidate = {.kind = SP_ACTIVATION_TANH}});
}

sp_status sp_net_add_gru(sp_error *err, sp_net *net, size_t hidden, sp_activation gate,
                         sp_activation candidate, bool reset_after, const double *weight,
                         const double *recurrent, const double *bias,
                         const double *recurrent_bias) {
    return add_cell(err, net,
                    (sp_cell){.kind = SP_CELL_GRU,
                              .out = hidden,
                              .weight = borrow(weight),
                              .recurrent = borrow(recurrent),
                              .bias = borrow(bias),
                              .recurrent_bias = borrow(recurrent_bias),
                              .gate = gate,
                              .candidate = candidate,
                              .reset_after = reset_after});
}

sp_status sp_net_add_rnn(sp_error *err, sp_net *net, size_t hidden, sp_activation activation,
                         const double *weight, const double *recurrent, const double *bias) {
    return add_cell(err, net,
                    (sp_cell){.kind = SP_CELL_RNN,
                              .out = hidden,
                              .weight = borrow(weight),
                              .recurrent = borrow(recurrent),
                              .bias = borrow(bias),
                              .candidate = activation});
}

sp_status sp_net_add_pool(sp_error *err, sp_net *net, sp_pooling pool) {
    if (has_one_frame(net, net->nodes - 1)) {
        return SP_OK;
    }
    const sp_node node = {
        .kind = SP_NODE_POOL, .width = net->classes, .input = net->nodes - 1, .pool = pool};
    return sp_net_append(err, net, &node, NULL);
}

sp_status sp_net_copy(sp_error *err, sp_net *copy, const sp_net *net) {
    sp_status status = sp_net_init(err, copy, net->features);
    for (size_t n = 1; status == SP_OK && n < net->nodes; n++) {
        status = sp_net_append(err, copy, &net->node[n], NULL);
    }
    copy->steps = net->steps;
    sp_net_answer_as(copy, net);
    if (status != SP_OK) {
        sp_net_clear(copy);
    }
    return status;
}
