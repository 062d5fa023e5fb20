/* A network computed in floats as a careless runtime might: sums in random orders, fused or not,
 * functions and features off as far as they may. */
#ifndef SP_TESTS_LSTM_FLOAT_MACHINE_H
#define SP_TESTS_LSTM_FLOAT_MACHINE_H

#include "lstm/single/single.h"
#include "tests/lstm/toy_graph.h"

typedef struct machine {
    sp_rng *rng;
    sp_single_program program;
    int push; /* -1, 1: all errors to one side; 0: at random */
    bool worst;
} machine;

static inline double off_by(const machine *m, double most) {
    return most * (m->push != 0 ? m->push * 0.999 : sp_rng_uniform(m->rng, -0.999, 0.999));
}

static inline float round_function(const machine *m, double exact) {
    const double room = m->program.function - fabs(exact) * 0x1p-24;
    return (float)(exact + (room > 0.0 ? off_by(m, room) : 0.0));
}

static inline float apply(const machine *m, sp_activation f, float x) {
    const float alpha = (float)f.alpha, beta = (float)f.beta;
    switch (f.kind) {
    case SP_ACTIVATION_SIGMOID:
    case SP_ACTIVATION_TANH:
        return round_function(m, sp_activation_value(f, (double)x));
    case SP_ACTIVATION_HARD_SIGMOID:
        return fmaxf(0.0F, fminf(1.0F, alpha * x + beta));
    case SP_ACTIVATION_AFFINE:
        return alpha * x + beta;
    case SP_ACTIVATION_LEAKY_RELU:
        return x < 0.0F ? alpha * x : x;
    case SP_ACTIVATION_AT_LEAST:
        return x > alpha ? x : alpha;
    default:
        return x > 0.0F ? x : 0.0F;
    }
}

enum { MOST_TERMS = 1 << 13 };
typedef struct products {
    float a[MOST_TERMS], b[MOST_TERMS];
    size_t count;
} products;

static inline void put(products *p, double w, float x) {
    assert_true(p->count < MOST_TERMS);
    p->a[p->count] = (float)w;
    p->b[p->count++] = x;
}

static inline int by_product(const void *a, const void *b) {
    const float x = *(const float *)a, y = *(const float *)b;
    return (x < y) - (x > y);
}

/* All products that are positive, the largest first, then the others; or the other way round. */
static inline float add_sorted(const machine *m, products *p) {
    const float sign = sp_rng_below(m->rng, 2) > 0 ? 1.0F : -1.0F;
    float sum = 0.0F;
    for (size_t i = 0; i < p->count; i++) {
        p->a[i] *= sign * p->b[i];
    }
    qsort(p->a, p->count, sizeof p->a[0], by_product);
    for (size_t i = 0; i < p->count; i++) {
        sum += p->a[i];
    }
    return sign * sum;
}

/* In any order: one after another from a random one on with fused multiply-adds, by a random tree,
 * or positive products first. */
static inline float add_up(const machine *m, products *p) {
    for (size_t i = p->count; i-- > 1;) {
        const size_t k = sp_rng_below(m->rng, i + 1);
        const float a = p->a[i], b = p->b[i];
        p->a[i] = p->a[k];
        p->b[i] = p->b[k];
        p->a[k] = a;
        p->b[k] = b;
    }
    if (sp_rng_below(m->rng, 4) == 0) {
        return add_sorted(m, p);
    }
    const bool fused = sp_rng_below(m->rng, 2) > 0;
    if (fused || sp_rng_below(m->rng, 2) > 0) {
        float sum = 0.0F;
        for (size_t i = 0; i < p->count; i++) {
            sum = fused ? fmaf(p->a[i], p->b[i], sum) : sum + p->a[i] * p->b[i];
        }
        return sum;
    }
    for (size_t i = 0; i < p->count; i++) {
        p->a[i] *= p->b[i];
    }
    for (size_t left = p->count; left > 1; left--) {
        const size_t i = sp_rng_below(m->rng, left - 1);
        p->a[i] += p->a[left - 1];
    }
    return p->count > 0 ? p->a[0] : 0.0F;
}

typedef struct run {
    const machine *m;
    const sp_net *net;
    size_t *frames;
    float **value; /* [nodes] [frames, width] owned */
    products *sum;
} run;

static inline void run_affine(const run *r, size_t n) {
    const sp_node *node = &r->net->node[n];
    for (size_t at = 0; at < r->frames[n] * node->width; at++) {
        const size_t t = at / node->width, j = at % node->width;
        r->sum->count = 0;
        for (size_t i = 0; i < node->terms; i++) {
            const sp_term *term = &node->term[i];
            for (size_t k = 0; k < term->timing.taps; k++) {
                size_t frame = 0;
                const bool reads =
                    sp_timing_reads(&frame, &term->timing, r->frames[term->input], t, k);
                for (size_t x = 0; reads && x < term->in; x++) {
                    put(r->sum, term->weight[(j * term->timing.taps + k) * term->in + x],
                        r->value[term->input][frame * term->in + x]);
                }
            }
        }
        put(r->sum, node->bias[j], 1.0F);
        r->value[n][at] = add_up(r->m, r->sum);
    }
}

static inline void run_pool(const run *r, size_t n) {
    const sp_node *node = &r->net->node[n];
    const size_t frames = r->frames[node->input];
    const bool all = node->pool == SP_POOLING_MEAN || node->pool == SP_POOLING_SUM;
    const size_t one = node->pool == SP_POOLING_LAST ? frames - 1 : 0;
    for (size_t j = 0; j < node->width; j++) {
        r->sum->count = 0;
        for (size_t t = all ? 0 : one; t < (all ? frames : one + 1); t++) {
            put(r->sum, 1.0, r->value[node->input][t * node->width + j]);
        }
        const float sum = add_up(r->m, r->sum);
        r->value[n][j] = node->pool == SP_POOLING_MEAN ? sum / (float)frames : sum;
    }
}

/* One pre-activation; h NULL: none. */
static inline float gate_sum(const run *r, const sp_cell *cell, size_t row, const float *x,
                             const float *h, double bias) {
    r->sum->count = 0;
    for (size_t i = 0; x != NULL && i < cell->in; i++) {
        put(r->sum, cell->weight[row * cell->in + i], x[i]);
    }
    for (size_t i = 0; h != NULL && i < cell->out; i++) {
        put(r->sum, cell->recurrent[row * cell->out + i], h[i]);
    }
    const double part = (double)(float)(bias * 0.25); // two biases, as files have them
    put(r->sum, part, 1.0F);
    put(r->sum, bias - part, 1.0F);
    return add_up(r->m, r->sum);
}

static inline void lstm_step(const run *r, const sp_cell *cell, const float *x, float *h,
                             float *c) {
    const size_t H = cell->out;
    float next[TOY_WIDTH];
    for (size_t j = 0; j < H; j++) {
        float gate[4];
        for (size_t k = 0; k < 4; k++) {
            const size_t row = (sp_cell_seeds(cell) + k) * H + j;
            gate[k] = gate_sum(r, cell, row, x, h, cell->bias[row]);
            gate[k] = apply(r->m, k == 2 ? cell->candidate : cell->gate, gate[k]);
        }
        c[j] = r->m->push > 0 ? fmaf(gate[1], c[j], gate[0] * gate[2])
                              : gate[1] * c[j] + gate[0] * gate[2];
        next[j] = gate[3] * apply(r->m, cell->candidate, c[j]);
    }
    memcpy(h, next, H * sizeof *h);
}

static inline void gru_step(const run *r, const sp_cell *cell, const float *x, float *h) {
    const size_t H = cell->out, first = sp_cell_seeds(cell) * H;
    float next[TOY_WIDTH], kept[TOY_WIDTH], reset[TOY_WIDTH];
    for (size_t j = 0; j < H; j++) {
        reset[j] = apply(r->m, cell->gate,
                         gate_sum(r, cell, first + H + j, x, h, cell->bias[first + H + j]));
        kept[j] = reset[j] * h[j];
    }
    for (size_t j = 0; j < H; j++) {
        const size_t row = first + 2 * H + j;
        const float z =
            apply(r->m, cell->gate, gate_sum(r, cell, first + j, x, h, cell->bias[first + j]));
        float n = gate_sum(r, cell, row, x, cell->reset_after ? NULL : kept, cell->bias[row]);
        if (cell->reset_after) {
            n += reset[j] * gate_sum(r, cell, row, NULL, h, cell->recurrent_bias[j]);
        }
        n = apply(r->m, cell->candidate, n);
        next[j] = sp_rng_below(r->m->rng, 2) > 0 ? n + z * (h[j] - n) : (1.0F - z) * n + z * h[j];
    }
    memcpy(h, next, H * sizeof *h);
}

static inline void run_cell(const run *r, size_t n) {
    const sp_node *node = &r->net->node[n];
    const sp_cell *cell = &node->cell;
    float h[TOY_WIDTH] = {0.0F}, c[TOY_WIDTH] = {0.0F}, next[TOY_WIDTH];
    assert_true(cell->out <= TOY_WIDTH);
    for (size_t k = 0; k < r->frames[n]; k++) {
        const size_t t = cell->reverse ? r->frames[n] - 1 - k : k;
        const float *x = r->value[node->input] + t * cell->in;
        const size_t seeds = sp_cell_seeds(cell) * cell->out;
        for (size_t s = 0; s < seeds; s++) {
            float *seeded = s < cell->out ? h + s : c + s - cell->out;
            *seeded += gate_sum(r, cell, s, x, NULL, cell->bias[s]);
        }
        if (cell->kind == SP_CELL_LSTM) {
            lstm_step(r, cell, x, h, c);
        } else if (cell->kind == SP_CELL_GRU) {
            gru_step(r, cell, x, h);
        } else {
            for (size_t j = 0; j < cell->out; j++) {
                next[j] = apply(r->m, cell->candidate,
                                gate_sum(r, cell, seeds + j, x, h, cell->bias[seeds + j]));
            }
            memcpy(h, next, cell->out * sizeof *h);
        }
        memcpy(r->value[n] + t * cell->out, h, cell->out * sizeof *h);
    }
}

/* The output of the program for features of `frames` frames of node `source`. */
static inline void run_floats(const machine *m, const sp_net *net, size_t source,
                              const double *features, size_t frames, double *output) {
    size_t count[TOY_NODES + 8];
    float *value[TOY_NODES + 8] = {NULL};
    products *sum = malloc(sizeof *sum);
    const run r = {m, net, count, value, sum};
    assert_non_null(sum);
    for (size_t n = source; n < net->nodes; n++) {
        const sp_node *node = &net->node[n];
        count[n] = sp_net_frames(net, source, n, frames);
        value[n] = calloc(count[n] * node->width + 1, sizeof *value[n]);
        assert_non_null(value[n]);
        for (size_t i = 0; n == source && i < frames * node->width; i++) {
            const double most = m->program.feature * fabs(features[i]) + m->program.feature_least;
            const double room = most - fabs(features[i]) * 0x1p-24;
            value[n][i] = (float)(features[i] + (room > 0.0 ? off_by(m, room) : 0.0));
        }
        if (n == source) {
            continue;
        }
        switch (node->kind) {
        case SP_NODE_AFFINE:
            run_affine(&r, n);
            break;
        case SP_NODE_CELL:
            run_cell(&r, n);
            break;
        case SP_NODE_POOL:
            run_pool(&r, n);
            break;
        default:
            for (size_t i = 0; i < count[n] * node->width; i++) {
                value[n][i] = apply(m, node->curve, value[node->input][i]);
            }
        }
    }
    for (size_t k = 0; k < net->classes; k++) {
        output[k] = (double)value[net->nodes - 1][k];
    }
    for (size_t n = source; n < net->nodes; n++) {
        free(value[n]);
    }
    free(sum);
}

#endif
