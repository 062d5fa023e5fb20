/* Random graphs, and their values and derivatives along a direction in long double, node by node
 * from the definitions: y_t = bias + sum over taps of the padded sequence, ONNX's cells. */
#ifndef SP_TESTS_NET_GRAPHS_H
#define SP_TESTS_NET_GRAPHS_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "net/net.h"
#include "tests/net/tap.h"
#include "tests/support/support.h"

enum { GRAPH_WIDTH = 5, GRAPH_FRAMES = 40, GRAPH_NODES = 12 };

/* ---- numbers with a derivative ---- */

typedef struct dual {
    long double v, d;
} dual;

static inline dual dual_add(dual a, dual b) {
    return (dual){a.v + b.v, a.d + b.d};
}

static inline dual dual_times(dual a, dual b) {
    return (dual){a.v * b.v, a.d * b.v + a.v * b.d};
}

static inline dual dual_scale(double w, dual a) {
    return (dual){w * a.v, w * a.d};
}

static inline dual dual_function(sp_activation f, dual x) {
    const long double u = (long double)f.alpha * x.v + f.beta;
    long double v = 0.0L, slope = 0.0L;
    switch (f.kind) {
    case SP_ACTIVATION_SIGMOID:
        v = 1.0L / (1.0L + expl(-x.v));
        slope = v * (1.0L - v);
        break;
    case SP_ACTIVATION_TANH:
        v = tanhl(x.v);
        slope = 1.0L - v * v;
        break;
    case SP_ACTIVATION_HARD_SIGMOID:
        v = fmaxl(0.0L, fminl(1.0L, u));
        slope = u > 0.0L && u < 1.0L ? f.alpha : 0.0L;
        break;
    case SP_ACTIVATION_RELU:
        v = fmaxl(0.0L, x.v);
        slope = x.v > 0.0L ? 1.0L : 0.0L;
        break;
    case SP_ACTIVATION_AFFINE:
        v = u;
        slope = f.alpha;
        break;
    default: // tests/relax/test_curves.c compares the two
        v = sp_activation_value(f, (double)x.v);
        slope = sp_activation_tangent(f, (double)x.v).w;
        break;
    }
    return (dual){v, slope * x.d};
}

/* ---- the nodes by their definitions ---- */

typedef dual sequence[GRAPH_FRAMES][GRAPH_WIDTH];

/* What gates and candidates are applied to. */
static inline dual limited(const sp_cell *cell, dual x) {
    return cell->clip > 0.0 && fabsl(x.v) > cell->clip
               ? (dual){x.v > 0.0L ? cell->clip : -cell->clip, 0.0L}
               : x;
}

static inline dual gate_of(const sp_cell *cell, sp_activation f, dual sum) {
    return dual_function(f, limited(cell, sum));
}

static inline dual gate_sum(const sp_cell *cell, size_t row, const dual *x, const dual *h) {
    dual sum = {cell->bias[row], 0.0L};
    for (size_t i = 0; i < cell->in; i++) {
        sum = dual_add(sum, dual_scale(cell->weight[row * cell->in + i], x[i]));
    }
    for (size_t i = 0; h != NULL && i < cell->out; i++) {
        sum = dual_add(sum, dual_scale(cell->recurrent[row * cell->out + i], h[i]));
    }
    return sum;
}

static inline void lstm_step(const sp_cell *cell, const dual *x, dual *h, dual *c) {
    const size_t H = cell->out, first = sp_cell_seeds(cell) * H;
    dual next[GRAPH_WIDTH];
    for (size_t j = 0; j < H; j++) {
        const dual i = gate_of(cell, cell->gate, gate_sum(cell, first + j, x, h));
        const dual f = gate_of(cell, cell->gate, gate_sum(cell, first + H + j, x, h));
        const dual g = gate_of(cell, cell->candidate, gate_sum(cell, first + 2 * H + j, x, h));
        const dual o = gate_of(cell, cell->gate, gate_sum(cell, first + 3 * H + j, x, h));
        c[j] = dual_add(dual_times(f, c[j]), dual_times(i, g));
        next[j] = dual_times(o, dual_function(cell->candidate, c[j]));
    }
    memcpy(h, next, H * sizeof *h);
}

static inline void gru_step(const sp_cell *cell, const dual *x, dual *h) {
    const size_t H = cell->out, first = sp_cell_seeds(cell) * H;
    dual r[GRAPH_WIDTH], kept[GRAPH_WIDTH], next[GRAPH_WIDTH];
    for (size_t j = 0; j < H; j++) {
        r[j] = gate_of(cell, cell->gate, gate_sum(cell, first + H + j, x, h));
        kept[j] = dual_times(r[j], h[j]);
    }
    for (size_t j = 0; j < H; j++) {
        const dual z = gate_of(cell, cell->gate, gate_sum(cell, first + j, x, h));
        dual n = gate_sum(cell, first + 2 * H + j, x, cell->reset_after ? NULL : kept);
        if (cell->reset_after) {
            dual q = {cell->recurrent_bias[j], 0.0L};
            for (size_t i = 0; i < H; i++) {
                q = dual_add(q, dual_scale(cell->recurrent[(first + 2 * H + j) * H + i], h[i]));
            }
            n = dual_add(n, dual_times(r[j], q));
        }
        const dual rest = {1.0L - z.v, -z.d};
        next[j] =
            dual_add(dual_times(rest, gate_of(cell, cell->candidate, n)), dual_times(z, h[j]));
    }
    memcpy(h, next, H * sizeof *h);
}

static inline void rnn_step(const sp_cell *cell, const dual *x, dual *h) {
    dual next[GRAPH_WIDTH];
    const size_t first = sp_cell_seeds(cell) * cell->out;
    for (size_t j = 0; j < cell->out; j++) {
        next[j] = gate_of(cell, cell->candidate, gate_sum(cell, first + j, x, h));
    }
    memcpy(h, next, cell->out * sizeof *h);
}

static inline void times_step(const sp_cell *cell, const dual *x, dual *h) {
    for (size_t j = 0; j < cell->out; j++) {
        h[j] = dual_times(gate_sum(cell, j, x, NULL), gate_sum(cell, cell->out + j, x, NULL));
    }
}

/* Adds what the input gives to the states. */
static inline void seed_states(const sp_cell *cell, const dual *x, dual *h, dual *c) {
    for (size_t k = 0; k < sp_cell_seeds(cell); k++) {
        for (size_t j = 0; j < cell->out; j++) {
            dual *state = k == 0 ? &h[j] : &c[j];
            *state = dual_add(*state, gate_sum(cell, k * cell->out + j, x, NULL));
        }
    }
}

static inline void cell_sequence(const sp_cell *cell, sequence y, sequence x, size_t frames) {
    dual h[GRAPH_WIDTH] = {{0.0L, 0.0L}}, c[GRAPH_WIDTH] = {{0.0L, 0.0L}};
    for (size_t s = 0; s < frames; s++) {
        const size_t t = cell->reverse ? frames - 1 - s : s;
        seed_states(cell, x[t], h, c);
        switch (cell->kind) {
        case SP_CELL_LSTM:
            lstm_step(cell, x[t], h, c);
            break;
        case SP_CELL_GRU:
            gru_step(cell, x[t], h);
            break;
        case SP_CELL_RNN:
            rnn_step(cell, x[t], h);
            break;
        case SP_CELL_TIMES:
            times_step(cell, x[t], h);
            break;
        }
        memcpy(y[t], h, cell->out * sizeof *h);
    }
}

/* Adds a term of an affine node, frame by frame of the padded input; returns its frames, of which
 * a term that reads one frame for all has as many as the term before it. */
static inline size_t term_sequence(const sp_term *term, size_t width, sequence y, sequence x,
                                   size_t frames, size_t of_others) {
    const sp_timing *g = &term->timing;
    const size_t padded = frames + g->before + g->after;
    size_t count = 0;
    while (g->stride == 0 ? count < of_others
                          : count * g->stride + (g->taps - 1) * g->dilation < padded) {
        assert_true(count < GRAPH_FRAMES);
        for (size_t j = 0; j < width; j++) {
            for (size_t k = 0; k < g->taps; k++) {
                const long at = tap_frame(g, frames, count, k);
                for (size_t i = 0; at >= 0 && i < term->in; i++) {
                    const double w = term->weight[(j * g->taps + k) * term->in + i];
                    y[count][j] = dual_add(y[count][j], dual_scale(w, x[at][i]));
                }
            }
        }
        count++;
    }
    return count;
}

static inline void pool_sequence(const sp_node *node, sequence y, sequence x, size_t frames) {
    const bool sums = node->pool == SP_POOLING_MEAN || node->pool == SP_POOLING_SUM;
    for (size_t t = 0; t < frames; t++) {
        const bool takes = sums || t == (node->pool == SP_POOLING_LAST ? frames - 1 : 0);
        for (size_t j = 0; takes && j < node->width; j++) {
            const dual share = {node->pool == SP_POOLING_MEAN ? 1.0L / (long double)frames : 1.0L,
                                0.0L};
            y[0][j] = dual_add(y[0][j], dual_times(share, x[t][j]));
        }
    }
}

/* The sequences of all nodes; O frames [nodes]. I values[0], frames[0]: the input. */
static inline void reference_run(const sp_net *net, sequence *values, size_t *frames) {
    for (size_t n = 1; n < net->nodes; n++) {
        const sp_node *node = &net->node[n];
        memset(values[n], 0, sizeof values[n]);
        switch (node->kind) {
        case SP_NODE_INPUT:
            break;
        case SP_NODE_AFFINE:
            for (size_t i = 0; i < node->terms; i++) {
                frames[n] = term_sequence(&node->term[i], node->width, values[n],
                                          values[node->term[i].input], frames[node->term[i].input],
                                          frames[n]);
            }
            for (size_t t = 0; t < frames[n]; t++) {
                for (size_t j = 0; j < node->width; j++) {
                    values[n][t][j].v += node->bias[j];
                }
            }
            break;
        case SP_NODE_CURVE:
            frames[n] = frames[node->input];
            for (size_t t = 0; t < frames[n]; t++) {
                for (size_t j = 0; j < node->width; j++) {
                    values[n][t][j] = dual_function(node->curve, values[node->input][t][j]);
                }
            }
            break;
        case SP_NODE_CELL:
            frames[n] = frames[node->input];
            cell_sequence(&node->cell, values[n], values[node->input], frames[n]);
            break;
        case SP_NODE_POOL:
            frames[n] = 1;
            pool_sequence(node, values[n], values[node->input], frames[node->input]);
            break;
        }
    }
}

/* ---- random graphs ---- */

static inline void random_numbers(sp_rng *rng, double *to, size_t count, double scale) {
    for (size_t i = 0; i < count; i++) {
        to[i] = scale * sp_rng_normal(rng);
    }
}

/* Functions whose values do not run away. */
static inline sp_activation random_function(sp_rng *rng, uint64_t kinds) {
    return (sp_activation){(sp_activation_kind)sp_rng_below(rng, kinds),
                           0.3 + 0.2 * sp_rng_uniform(rng, 0.0, 1.0), 0.3 * sp_rng_normal(rng)};
}

/* Any function of any argument. */
static inline sp_activation random_curve(sp_rng *rng) {
    sp_activation f = random_function(rng, SP_ACTIVATION_KINDS);
    while (isfinite(sp_activation_least(f.kind)) || f.kind == SP_ACTIVATION_SQUARE ||
           f.kind == SP_ACTIVATION_EXP) {
        f = random_function(rng, SP_ACTIVATION_KINDS);
    }
    return f;
}

static inline sp_timing random_timing(sp_rng *rng) {
    const size_t around = sp_rng_below(rng, 4);
    return (sp_timing){.taps = 1 + sp_rng_below(rng, 4),
                       .stride = 1 + sp_rng_below(rng, 3),
                       .dilation = 1 + sp_rng_below(rng, 3),
                       .before = sp_rng_below(rng, 5),
                       .after = sp_rng_below(rng, 5),
                       .repeats = around == 0,
                       .reflects = around == 1};
}

/* A node less what a pool makes of it, at every frame. */
static inline void random_centred(sp_rng *rng, sp_net *net, size_t first) {
    double weight[GRAPH_WIDTH * GRAPH_WIDTH], one[GRAPH_WIDTH * GRAPH_WIDTH] = {0.0};
    double bias[GRAPH_WIDTH];
    const size_t input = first + sp_rng_below(rng, net->nodes - first);
    const size_t width = net->node[input].width;
    const sp_node pool = {.kind = SP_NODE_POOL,
                          .width = width,
                          .input = input,
                          .pool = (sp_pooling)sp_rng_below(rng, 4)};
    random_numbers(rng, weight, width * width, 0.4);
    random_numbers(rng, bias, width, 1.0);
    for (size_t i = 0; i < width; i++) {
        one[i * width + i] = 1.0;
    }
    assert_int_equal(sp_net_append(NULL, net, &pool, NULL), SP_OK);
    sp_term term[2] = {
        {.input = input, .in = width, .weight = one, .timing = sp_timing_same},
        {.input = net->nodes - 1, .in = width, .weight = weight, .timing = sp_timing_spread}};
    const sp_node node = {
        .kind = SP_NODE_AFFINE, .width = width, .terms = 2, .term = term, .bias = bias};
    assert_int_equal(sp_net_append(NULL, net, &node, NULL), SP_OK);
}

static inline void random_affine(sp_rng *rng, sp_net *net, size_t first) {
    double weight[4][GRAPH_WIDTH * 4 * GRAPH_WIDTH], bias[GRAPH_WIDTH];
    sp_term term[4];
    const bool timed = sp_rng_below(rng, 2) == 0;
    const sp_timing timing = timed ? random_timing(rng) : sp_timing_same;
    sp_node node = {.kind = SP_NODE_AFFINE,
                    .width = 1 + sp_rng_below(rng, GRAPH_WIDTH),
                    .terms = 1 + sp_rng_below(rng, 4),
                    .term = term,
                    .bias = bias};
    random_numbers(rng, bias, node.width, 1.0);
    for (size_t i = 0; i < node.terms; i++) {
        const size_t input = first + sp_rng_below(rng, net->nodes - first);
        const size_t in = net->node[input].width;
        random_numbers(rng, weight[i], node.width * timing.taps * in, 0.4);
        term[i] = (sp_term){.input = input, .in = in, .weight = weight[i], .timing = timing};
    }
    sp_error err = {0};
    const sp_status status = sp_net_append(&err, net, &node, NULL);
    assert_true(status == SP_OK || status == SP_E_MISMATCH); // lengths that do not fit
}

static inline void random_cell(sp_rng *rng, sp_net *net, size_t first) {
    enum { ROWS = 6 * GRAPH_WIDTH };
    double weight[ROWS * GRAPH_WIDTH], recurrent[ROWS * GRAPH_WIDTH], bias[ROWS], own[GRAPH_WIDTH];
    const size_t input = first + sp_rng_below(rng, net->nodes - first);
    sp_cell cell = {.kind = (sp_cell_kind)sp_rng_below(rng, 4),
                    .in = net->node[input].width,
                    .out = 1 + sp_rng_below(rng, GRAPH_WIDTH),
                    .weight = weight,
                    .recurrent = recurrent,
                    .bias = bias,
                    .gate = {.kind = SP_ACTIVATION_SIGMOID},
                    .candidate = {.kind = SP_ACTIVATION_TANH},
                    .reverse = sp_rng_below(rng, 2) == 0,
                    .seeded = sp_rng_below(rng, 4) == 0,
                    .clip = sp_rng_below(rng, 4) == 0 ? sp_rng_uniform(rng, 0.2, 2.0) : 0.0};
    if (cell.kind != SP_CELL_LSTM || sp_rng_below(rng, 3) == 0) {
        cell.candidate = random_function(rng, 5);
        cell.gate = random_function(rng, 3);
    }
    if (cell.kind == SP_CELL_TIMES) {
        cell.recurrent = NULL;
        cell.seeded = false;
        cell.clip = 0.0;
    }
    cell.reset_after = cell.kind == SP_CELL_GRU && sp_rng_below(rng, 2) == 0;
    cell.recurrent_bias = cell.reset_after ? own : NULL;
    random_numbers(rng, weight, ROWS * GRAPH_WIDTH, 0.5);
    random_numbers(rng, recurrent, ROWS * GRAPH_WIDTH, 0.3);
    random_numbers(rng, bias, ROWS, 0.5);
    random_numbers(rng, own, GRAPH_WIDTH, 0.5);
    const sp_node node = {.kind = SP_NODE_CELL, .width = cell.out, .input = input, .cell = cell};
    assert_int_equal(sp_net_append(NULL, net, &node, NULL), SP_OK);
}

/* Nodes side by side at every frame, the second one the same at each where it has one frame; then
 * products of the first `width` numbers with the others, or with the only other one. */
static inline void random_times(sp_net *net, size_t a, size_t b, bool spread) {
    enum { MOST = GRAPH_WIDTH * GRAPH_WIDTH };
    double first[MOST] = {0.0}, second[MOST] = {0.0}, weight[2 * MOST] = {0.0};
    const double zero[2 * GRAPH_WIDTH] = {0.0};
    const size_t width = net->node[a].width, other = net->node[b].width, in = width + other;
    assert_true(in <= GRAPH_WIDTH);
    for (size_t i = 0; i < width; i++) {
        first[i * width + i] = weight[i * in + i] = 1.0;
        weight[(width + i) * in + width + (other > 1 ? i : 0)] = 1.0;
    }
    for (size_t i = 0; i < other; i++) {
        second[(width + i) * other + i] = 1.0;
    }
    sp_term term[2] = {{.input = a, .in = width, .weight = first, .timing = sp_timing_same},
                       {.input = b,
                        .in = other,
                        .weight = second,
                        .timing = spread ? sp_timing_spread : sp_timing_same}};
    double bias[GRAPH_WIDTH] = {0.0};
    const sp_node both = {
        .kind = SP_NODE_AFFINE, .width = in, .terms = 2, .term = term, .bias = bias};
    assert_int_equal(sp_net_append(NULL, net, &both, NULL), SP_OK);
    const sp_node times = {.kind = SP_NODE_CELL,
                           .width = width,
                           .input = net->nodes - 1,
                           .cell = {.kind = SP_CELL_TIMES,
                                    .in = in,
                                    .out = width,
                                    .weight = weight,
                                    .bias = (double *)(uintptr_t)zero}};
    assert_int_equal(sp_net_append(NULL, net, &times, NULL), SP_OK);
}

enum { QUOTIENT_NODES = 6 }; /* that random_quotient appends at most */

/* A softmax over the frames or of every frame, or a normalisation of every frame. */
static inline void random_quotient(sp_rng *rng, sp_net *net, size_t first) {
    double weight[2 * GRAPH_WIDTH], bias[2], mean[2] = {0.5, 0.5}, ones[2] = {1.0, 1.0};
    const double little = 0.05, none = 0.0;
    const size_t input = first + sp_rng_below(rng, net->nodes - first);
    const size_t in = net->node[input].width;
    const size_t kind = sp_rng_below(rng, 3);
    const bool softmax = kind == 0;
    random_numbers(rng, weight, 2 * in, 0.3);
    random_numbers(rng, bias, 2, 0.5);
    sp_term term = {.input = input, .in = in, .weight = weight, .timing = sp_timing_same};
    const sp_node two = {
        .kind = SP_NODE_AFFINE, .width = 2, .terms = 1, .term = &term, .bias = bias};
    assert_int_equal(sp_net_append(NULL, net, &two, NULL), SP_OK);
    const size_t at = net->nodes - 1;
    if (softmax) {
        assert_int_equal(sp_net_add_curve(NULL, net, (sp_activation){.kind = SP_ACTIVATION_EXP}),
                         SP_OK);
        const sp_node sum = {
            .kind = SP_NODE_POOL, .width = 2, .input = at + 1, .pool = SP_POOLING_SUM};
        assert_int_equal(sp_net_append(NULL, net, &sum, NULL), SP_OK);
        assert_int_equal(
            sp_net_add_curve(NULL, net, (sp_activation){.kind = SP_ACTIVATION_RECIPROCAL}), SP_OK);
    } else if (kind == 1) {
        assert_int_equal(sp_net_add_curve(NULL, net, (sp_activation){.kind = SP_ACTIVATION_EXP}),
                         SP_OK);
        assert_int_equal(sp_net_add_affine(NULL, net, 1, ones, &none), SP_OK);
        assert_int_equal(
            sp_net_add_curve(NULL, net, (sp_activation){.kind = SP_ACTIVATION_RECIPROCAL}), SP_OK);
    } else {
        assert_int_equal(sp_net_add_curve(NULL, net, (sp_activation){.kind = SP_ACTIVATION_SQUARE}),
                         SP_OK);
        assert_int_equal(sp_net_add_affine(NULL, net, 1, mean, &little), SP_OK);
        assert_int_equal(sp_net_add_curve(NULL, net, (sp_activation){.kind = SP_ACTIVATION_RSQRT}),
                         SP_OK);
    }
    random_times(net, kind < 2 ? at + 1 : at, net->nodes - 1, softmax);
}

/* Ends in one frame. Nodes may be left unread, before `first` all are. */
static inline void random_graph(sp_rng *rng, sp_net *net, size_t nodes, size_t first) {
    assert_int_equal(sp_net_init(NULL, net, 1 + sp_rng_below(rng, GRAPH_WIDTH)), SP_OK);
    while (net->nodes + 1 < nodes) {
        const size_t from = net->nodes > first ? first : 0;
        const size_t input = from + sp_rng_below(rng, net->nodes - from);
        const sp_node curve = {.kind = SP_NODE_CURVE,
                               .width = net->node[input].width,
                               .input = input,
                               .curve = random_curve(rng)};
        const bool two = net->nodes + 2 < nodes && net->nodes != first;
        const bool six = net->nodes + QUOTIENT_NODES < nodes && (first == 0 || net->nodes > first);
        switch (sp_rng_below(rng, six ? 7 : two ? 5 : 4)) {
        case 0:
            assert_int_equal(sp_net_append(NULL, net, &curve, NULL), SP_OK);
            break;
        case 5:
        case 6:
            random_quotient(rng, net, from);
            break;
        case 4:
            random_centred(rng, net, from);
            break;
        case 1:
            random_cell(rng, net, from);
            break;
        default:
            random_affine(rng, net, from);
        }
    }
    assert_int_equal(sp_net_add_pool(NULL, net, (sp_pooling)sp_rng_below(rng, 4)), SP_OK);
}

#endif
