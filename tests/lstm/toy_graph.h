/* Random graphs behind the toy front end: convolutions and strides, cells that run either way,
 * sums of several branches, curves of every kind, maxima, pools. */
#ifndef SP_TESTS_LSTM_TOY_GRAPH_H
#define SP_TESTS_LSTM_TOY_GRAPH_H

#include "tests/lstm/toy.h"

enum { TOY_NODES = 11, TOY_WIDTH = 6, ONE_FRAME = 1 };

/** sp_growth - a graph being made. Nodes of one class have equally many frames. */
typedef struct sp_growth {
    sp_rng *rng;
    sp_net *net;
    size_t source, classes;
    size_t frames; /* of the front end */
    size_t class_of[TOY_NODES + 16];
    bool reverse; /* cells may run backwards */
    bool varied;  /* they may be seeded or have limits, LSTMs other functions */
    double scale;
} sp_growth;

static inline size_t any_node(const sp_growth *g) {
    return g->source + sp_rng_below(g->rng, g->net->nodes - g->source);
}

static inline void append(sp_growth *g, const sp_node *node, size_t class) {
    g->class_of[g->net->nodes] = class;
    assert_int_equal(sp_net_append(NULL, g->net, node, NULL), SP_OK);
}

/* Padded so that no input is too short. */
static inline sp_timing toy_timing(sp_rng *rng) {
    sp_timing t = {.taps = 1 + sp_rng_below(rng, 3),
                   .stride = 1 + sp_rng_below(rng, 2),
                   .dilation = 1 + sp_rng_below(rng, 2),
                   .before = sp_rng_below(rng, 4),
                   .repeats = sp_rng_below(rng, 3) == 0};
    const size_t reach = (t.taps - 1) * t.dilation;
    t.after = (reach > t.before ? reach - t.before : 0) + sp_rng_below(rng, 2);
    return t;
}

/* Another timing of equally many frames, the middle tap alone of three. */
static const sp_timing toy_three = {.taps = 3, .stride = 2, .dilation = 1, .before = 1, .after = 1};
static const sp_timing toy_second = {.taps = 1, .stride = 2, .dilation = 1};

/* A sum over nodes of one class. */
static inline void grow_affine(sp_growth *g, size_t width) {
    sp_term term[3];
    const size_t first = any_node(g), class = g->class_of[first];
    const size_t kind = sp_rng_below(g->rng, 4); // timed, halved in two ways, else frame by frame
    sp_timing timing = toy_timing(g->rng);
    if (class == 0 && g->frames > 3 && !timing.repeats && sp_rng_below(g->rng, 2) == 0) {
        timing = (sp_timing){.taps = timing.taps,
                             .stride = timing.stride,
                             .dilation = 1,
                             .before = sp_rng_below(g->rng, 3),
                             .after = sp_rng_below(g->rng, 3),
                             .reflects = true};
    }
    sp_node node = {.kind = SP_NODE_AFFINE,
                    .width = width,
                    .terms = 1 + sp_rng_below(g->rng, 3),
                    .term = term,
                    .bias = toy_random(g->rng, width, 0.5)};
    for (size_t k = 0; k < node.terms; k++) {
        size_t input = any_node(g);
        const bool spread = k > 0 && g->class_of[input] == ONE_FRAME && class != ONE_FRAME;
        input = spread || (k > 0 && g->class_of[input] == class) ? input : first;
        term[k] = (sp_term){.input = input,
                            .in = g->net->node[input].width,
                            .timing = spread      ? sp_timing_spread
                                      : kind == 0 ? timing
                                      : kind == 1 ? (k % 2 == 0 ? toy_three : toy_second)
                                                  : sp_timing_same};
        term[k].weight = toy_random(g->rng, width * term[k].timing.taps * term[k].in,
                                    g->scale / (double)(node.terms * term[k].timing.taps));
    }
    append(g, &node, kind < 2 ? ++g->classes : class);
    for (size_t k = 0; k < node.terms; k++) {
        free(term[k].weight);
    }
    free(node.bias);
}

/* The larger one of two steps that lie side by side, as pools are read: a + relu(b - a). */
static inline void grow_largest(sp_growth *g) {
    const size_t input = any_node(g), n = g->net->node[input].width, class = ++g->classes;
    const sp_timing pair = {
        .taps = 2, .stride = 1 + sp_rng_below(g->rng, 2), .dilation = 1, .after = 1};
    double *apart = toy_random(g->rng, 2 * n * n, 0.0), *one = toy_random(g->rng, n * n, 0.0);
    double *first = toy_random(g->rng, 2 * n * n, 0.0), *zero = toy_random(g->rng, n, 0.0);
    for (size_t i = 0; i < n; i++) {
        apart[2 * i * n + i] = -1.0;
        apart[(2 * i + 1) * n + i] = first[2 * i * n + i] = one[i * n + i] = 1.0;
    }
    sp_term term[2] = {{.input = input, .in = n, .weight = apart, .timing = pair}};
    sp_node node = {.kind = SP_NODE_AFFINE, .width = n, .terms = 1, .term = term, .bias = zero};
    append(g, &node, class);
    append(g,
           &(sp_node){.kind = SP_NODE_CURVE,
                      .width = n,
                      .input = g->net->nodes - 1,
                      .curve = {.kind = SP_ACTIVATION_RELU}},
           class);
    term[0].weight = first;
    term[1] =
        (sp_term){.input = g->net->nodes - 1, .in = n, .weight = one, .timing = sp_timing_same};
    node.terms = 2;
    append(g, &node, class);
    free(apart);
    free(one);
    free(first);
    free(zero);
}

/* Every function of relax/curve/curve_list.h whose arguments may be any number, but for exp, which
 * runs away: that of softmaxes will do. */
static inline sp_activation toy_curve(sp_rng *rng) {
    sp_activation f = toy_activation(rng, false);
    do {
        f.kind = (sp_activation_kind)sp_rng_below(rng, SP_ACTIVATION_KINDS);
    } while (isfinite(sp_activation_least(f.kind)) || f.kind == SP_ACTIVATION_EXP);
    return f;
}

static inline void grow_curve(sp_growth *g) {
    const size_t input = any_node(g);
    const sp_node node = {.kind = SP_NODE_CURVE,
                          .width = g->net->node[input].width,
                          .input = input,
                          .curve = toy_curve(g->rng)};
    append(g, &node, g->class_of[input]);
}

static inline void grow_cell(sp_growth *g) {
    const size_t input = any_node(g), in = g->net->node[input].width;
    const size_t H = 1 + sp_rng_below(g->rng, TOY_WIDTH);
    sp_cell cell = {.kind = (sp_cell_kind)sp_rng_below(g->rng, g->varied ? 4 : 3),
                    .in = in,
                    .out = H,
                    .weight = toy_random(g->rng, 6 * H * in, g->scale),
                    .recurrent = toy_random(g->rng, 6 * H * H, 0.7 * g->scale),
                    .bias = toy_random(g->rng, 6 * H, 0.5),
                    .gate = {.kind = SP_ACTIVATION_SIGMOID},
                    .candidate = {.kind = SP_ACTIVATION_TANH},
                    .reverse = g->reverse && sp_rng_below(g->rng, 2) == 0,
                    .seeded = g->varied && sp_rng_below(g->rng, 4) == 0};
    double *own = toy_random(g->rng, H, 0.5);
    if (g->varied && sp_rng_below(g->rng, 4) == 0) {
        cell.clip = sp_rng_uniform(g->rng, 0.2, 3.0);
    }
    if (cell.kind != SP_CELL_LSTM || (g->varied && sp_rng_below(g->rng, 3) == 0)) {
        cell.gate = toy_activation(g->rng, true);
        if (sp_rng_below(g->rng, 2) > 0) {
            cell.candidate = toy_activation(g->rng, false);
        }
        cell.reset_after = cell.kind == SP_CELL_GRU && sp_rng_below(g->rng, 2) > 0;
        cell.recurrent_bias = cell.reset_after ? own : NULL;
    }
    double *loop = cell.recurrent;
    if (cell.kind == SP_CELL_TIMES) {
        cell.recurrent = cell.recurrent_bias = NULL;
        cell.seeded = cell.reset_after = false;
        cell.clip = 0.0;
    }
    const sp_node node = {.kind = SP_NODE_CELL, .width = H, .input = input, .cell = cell};
    append(g, &node, g->class_of[input]);
    free(cell.weight);
    free(loop);
    free(cell.bias);
    free(own);
}

/* Two numbers of every frame times one that the third node gives, or times two that are the same at
 * every frame. */
static inline void grow_times(sp_growth *g, size_t a, size_t b, size_t class) {
    const bool spread = g->class_of[b] == ONE_FRAME && class != ONE_FRAME;
    const size_t other = g->net->node[b].width, in = 2 + other;
    double *first = toy_random(g->rng, in * 2, 0.0), *second = toy_random(g->rng, in * other, 0.0);
    double *weight = toy_random(g->rng, 4 * in, 0.0), *zero = toy_random(g->rng, in + 4, 0.0);
    for (size_t i = 0; i < 2; i++) {
        first[i * 2 + i] = weight[i * in + i] = 1.0;
        weight[(2 + i) * in + 2 + (other > 1 ? i : 0)] = 1.0;
    }
    for (size_t i = 0; i < other; i++) {
        second[(2 + i) * other + i] = 1.0;
    }
    sp_term term[2] = {{.input = a, .in = 2, .weight = first, .timing = sp_timing_same},
                       {.input = b,
                        .in = other,
                        .weight = second,
                        .timing = spread ? sp_timing_spread : sp_timing_same}};
    append(g,
           &(sp_node){.kind = SP_NODE_AFFINE, .width = in, .terms = 2, .term = term, .bias = zero},
           class);
    append(g,
           &(sp_node){
               .kind = SP_NODE_CELL,
               .width = 2,
               .input = g->net->nodes - 1,
               .cell = {.kind = SP_CELL_TIMES, .in = in, .out = 2, .weight = weight, .bias = zero}},
           class);
    free(first);
    free(second);
    free(weight);
    free(zero);
}

static inline void grow_function(sp_growth *g, sp_activation_kind kind, size_t class) {
    const size_t last = g->net->nodes - 1;
    append(g,
           &(sp_node){.kind = SP_NODE_CURVE,
                      .width = g->net->node[last].width,
                      .input = last,
                      .curve = {.kind = kind}},
           class);
}

/* A softmax over the frames or of every frame, or a normalisation of every frame. */
static inline void grow_quotient(sp_growth *g) {
    const size_t input = any_node(g), in = g->net->node[input].width, class = g->class_of[input];
    double *weight = toy_random(g->rng, 2 * in, g->scale), *bias = toy_random(g->rng, 2, 0.5);
    double mean[2] = {0.5, 0.5}, little = 0.1;
    sp_term term = {.input = input, .in = in, .weight = weight, .timing = sp_timing_same};
    sp_node node = {.kind = SP_NODE_AFFINE, .width = 2, .terms = 1, .term = &term, .bias = bias};
    append(g, &node, class);
    grow_function(g, SP_ACTIVATION_TANH, class); // scores that no exp overflows
    const size_t at = g->net->nodes - 1;
    const size_t kind = sp_rng_below(g->rng, 3);
    double ones[2] = {1.0, 1.0}, none = 0.0;
    if (kind == 0) {
        grow_function(g, SP_ACTIVATION_EXP, class);
        term = (sp_term){.input = at + 1, .in = 2, .weight = ones, .timing = sp_timing_same};
        node.width = 1;
        node.bias = &none;
        append(g, &node, class);
        grow_function(g, SP_ACTIVATION_RECIPROCAL, class);
        grow_times(g, at + 1, g->net->nodes - 1, class);
    } else if (kind == 1) {
        grow_function(g, SP_ACTIVATION_EXP, class);
        append(
            g,
            &(sp_node){.kind = SP_NODE_POOL, .width = 2, .input = at + 1, .pool = SP_POOLING_SUM},
            ONE_FRAME);
        grow_function(g, SP_ACTIVATION_RECIPROCAL, ONE_FRAME);
        grow_times(g, at + 1, g->net->nodes - 1, class);
    } else {
        grow_function(g, SP_ACTIVATION_SQUARE, class);
        term = (sp_term){.input = at + 1, .in = 2, .weight = mean, .timing = sp_timing_same};
        node.width = 1;
        node.bias = &little;
        append(g, &node, class);
        grow_function(g, SP_ACTIVATION_RSQRT, class);
        grow_times(g, at, g->net->nodes - 1, class);
    }
    free(weight);
    free(bias);
}

static inline void grow_pool(sp_growth *g) {
    const size_t input = any_node(g);
    const sp_node node = {.kind = SP_NODE_POOL,
                          .width = g->net->node[input].width,
                          .input = input,
                          .pool = (sp_pooling)sp_rng_below(g->rng, 4)};
    append(g, &node, ONE_FRAME);
}

static inline void grow_graph(sp_growth g, sp_toy *toy, size_t classes, bool inner) {
    sp_rng *rng = g.rng;
    sp_net *net = g.net;
    g.scale = sp_rng_uniform(rng, 0.3, 1.0);
    sp_net_clear(net);
    assert_int_equal(sp_net_init(NULL, net, inner ? 2 : toy->front.features), SP_OK);
    if (inner) {
        toy_affine(rng, net, 2, toy->front.features, 1.0);
        g.source = net->nodes - 1;
    }
    toy->front.node = g.source;
    g.frames = toy->front.frames;
    const size_t nodes = net->nodes + 1 + sp_rng_below(rng, TOY_NODES - 3);
    while (net->nodes < nodes) {
        switch (sp_rng_below(rng, g.varied ? 11 : 9)) {
        case 0:
            grow_curve(&g);
            break;
        case 9:
        case 10:
            grow_quotient(&g);
            break;
        case 8:
            grow_largest(&g);
            break;
        case 1:
        case 2:
            grow_cell(&g);
            break;
        case 3:
            if (sp_rng_below(rng, 3) == 0) {
                grow_pool(&g);
            }
            break;
        default:
            grow_affine(&g, 1 + sp_rng_below(rng, TOY_WIDTH));
        }
    }
    assert_int_equal(sp_net_add_pool(NULL, net, (sp_pooling)sp_rng_below(rng, 4)), SP_OK);
    toy_affine(rng, net, net->node[net->nodes - 1].width, classes, 1.0);
}

/* In place of the toy's net. With `inner` the front end is bounded at a node behind the input. */
static inline void toy_graph(sp_rng *rng, sp_toy *toy, size_t classes, bool reverse, bool inner) {
    grow_graph(
        (sp_growth){.rng = rng, .net = &toy->net, .classes = 1, .reverse = reverse, .varied = true},
        toy, classes, inner);
}

/* The same with plain cells alone. */
static inline void toy_plain_graph(sp_rng *rng, sp_toy *toy, size_t classes, bool inner) {
    grow_graph((sp_growth){.rng = rng, .net = &toy->net, .classes = 1, .reverse = true}, toy,
               classes, inner);
}

#endif
