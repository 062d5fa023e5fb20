/* The weights of a net as one vector, and the parameters that stand behind them. */
#include <math.h>

#include "train/impl.h"

bool sp_train_is_linear(const sp_node *node) {
    return node->kind == SP_NODE_CELL && node->cell.kind == SP_CELL_RNN &&
           node->cell.candidate.kind == SP_ACTIVATION_AFFINE;
}

sp_train_weights sp_train_weights_of(const sp_node *node) {
    const sp_cell *cell = &node->cell;
    if (node->kind == SP_NODE_CELL) {
        const bool linear = sp_train_is_linear(node);
        const size_t rows = sp_cell_gates(cell) * cell->out;
        return (sp_train_weights){.in = cell->in,
                                  .out = cell->out,
                                  .rows = rows,
                                  .loops = linear ? cell->out : rows * cell->out,
                                  .stride = linear ? cell->out + 1 : 1,
                                  .weight = cell->weight,
                                  .recurrent = cell->recurrent,
                                  .bias = cell->bias,
                                  .recurrent_bias = cell->recurrent_bias};
    }
    if (node->kind == SP_NODE_AFFINE) {
        return (sp_train_weights){.in = node->term[0].in,
                                  .out = node->width,
                                  .rows = node->width,
                                  .weight = node->term[0].weight,
                                  .bias = node->bias};
    }
    return (sp_train_weights){.in = node->width, .out = node->width};
}

static size_t add(sp_train_block *block, double *value, size_t count, size_t stride, bool decays) {
    *block = (sp_train_block){value, 0, count, stride, decays};
    return value && count > 0;
}

/* O own [SP_TRAIN_BLOCKS]; `first` is not filled in. */
static size_t blocks_of_node(sp_train_block *own, const sp_node *node) {
    const sp_train_weights at = sp_train_weights_of(node);
    const bool linear = sp_train_is_linear(node);
    size_t count = add(own, at.weight, at.rows * at.in, 1, true);
    count += add(own + count, at.recurrent, at.loops, at.stride, !linear);
    count += add(own + count, at.bias, at.rows, 1, false);
    return count + add(own + count, at.recurrent_bias, at.out, 1, false);
}

size_t sp_train_blocks_of(sp_train_block *block, const sp_net *net) {
    size_t blocks = 0, first = 0;
    for (size_t n = 0; n < net->nodes; n++) {
        const size_t count = blocks_of_node(block + blocks, &net->node[n]);
        for (size_t i = 0; i < count; i++) {
            block[blocks].first = first;
            first += block[blocks++].count;
        }
    }
    return blocks;
}

static size_t parameters_of(const sp_node *node) {
    sp_train_block own[SP_TRAIN_BLOCKS];
    const size_t count = blocks_of_node(own, node);
    size_t sum = 0;
    for (size_t i = 0; i < count; i++) {
        sum += own[i].count;
    }
    return sum;
}

size_t sp_train_parameters(const sp_net *net) {
    size_t sum = 0;
    for (size_t n = 0; n < net->nodes; n++) {
        sum += parameters_of(&net->node[n]);
    }
    return sum;
}

sp_train_slopes sp_train_slopes_of(const sp_net *net, size_t node, double *gradient) {
    const sp_train_weights at = sp_train_weights_of(&net->node[node]);
    sp_train_slopes slopes = {0};
    for (size_t n = 0; n < node; n++) {
        gradient += parameters_of(&net->node[n]);
    }
    slopes.weight = gradient;
    gradient += at.rows * at.in;
    if (at.recurrent) {
        slopes.recurrent = gradient;
        gradient += at.loops;
    }
    slopes.bias = gradient;
    gradient += at.rows;
    slopes.recurrent_bias = at.recurrent_bias ? gradient : NULL;
    return slopes;
}

/* ---- parameters ---- */

/* Where W, theta and b of a linear layer stand in a vector. */
typedef struct linear {
    size_t in, out;
    double *weight, *theta, *bias;
} linear;

static linear linear_at(const sp_node *node, double *first) {
    const size_t in = node->cell.in, out = node->cell.out;
    double *theta = first + in * out;
    return (linear){in, out, first, theta, theta + out};
}

static double sigmoid(double x) {
    return x >= 0.0 ? 1.0 / (1.0 + exp(-x)) : exp(x) / (1.0 + exp(x));
}

/* 1 - lambda. */
static double rest_of(double theta) {
    return sigmoid(-theta);
}

static void store_linear(const sp_cell *cell, const linear *from) {
    for (size_t j = 0; j < from->out; j++) {
        const double rest = rest_of(from->theta[j]);
        cell->recurrent[j * (from->out + 1)] = sigmoid(from->theta[j]);
        cell->bias[j] = rest * from->bias[j];
        for (size_t i = 0; i < from->in; i++) {
            cell->weight[j * from->in + i] = rest * from->weight[j * from->in + i];
        }
    }
}

static void load_linear(const linear *to, const sp_cell *cell) {
    for (size_t j = 0; j < to->out; j++) {
        const double lambda = cell->recurrent[j * (to->out + 1)], rest = 1.0 - lambda;
        to->theta[j] = log(lambda / rest);
        to->bias[j] = cell->bias[j] / rest;
        for (size_t i = 0; i < to->in; i++) {
            to->weight[j * to->in + i] = cell->weight[j * to->in + i] / rest;
        }
    }
}

/* With V = (1 - lambda) W, c = (1 - lambda) b and lambda' = lambda (1 - lambda) by theta. */
static void chain_linear(const linear *slope, const linear *at) {
    for (size_t j = 0; j < at->out; j++) {
        const double lambda = sigmoid(at->theta[j]), rest = rest_of(at->theta[j]);
        double by_lambda = slope->theta[j] - slope->bias[j] * at->bias[j];
        slope->bias[j] *= rest;
        for (size_t i = j * at->in; i < (j + 1) * at->in; i++) {
            by_lambda -= slope->weight[i] * at->weight[i];
            slope->weight[i] *= rest;
        }
        slope->theta[j] = by_lambda * lambda * rest;
    }
}

static void copy_node(const sp_node *node, double *parameter, bool load) {
    sp_train_block own[SP_TRAIN_BLOCKS];
    const size_t count = blocks_of_node(own, node);
    for (size_t b = 0; b < count; b++) {
        for (size_t i = 0; i < own[b].count; i++) {
            double *value = own[b].value + i * own[b].stride;
            *(load ? parameter : value) = *(load ? value : parameter);
            parameter++;
        }
    }
}

void sp_train_store(const sp_net *net, const double *parameter) {
    double *at = (double *)parameter; // not written to
    for (size_t n = 0; n < net->nodes; n++) {
        const sp_node *node = &net->node[n];
        if (sp_train_is_linear(node)) {
            const linear from = linear_at(node, at);
            store_linear(&node->cell, &from);
        } else {
            copy_node(node, at, false);
        }
        at += parameters_of(node);
    }
}

void sp_train_load(double *parameter, const sp_net *net) {
    for (size_t n = 0; n < net->nodes; n++) {
        const sp_node *node = &net->node[n];
        if (sp_train_is_linear(node)) {
            const linear to = linear_at(node, parameter);
            load_linear(&to, &node->cell);
        } else {
            copy_node(node, parameter, true);
        }
        parameter += parameters_of(node);
    }
}

void sp_train_chain(double *gradient, const sp_net *net, const double *parameter) {
    double *at = (double *)parameter; // not written to
    for (size_t n = 0; n < net->nodes; n++) {
        const sp_node *node = &net->node[n];
        if (sp_train_is_linear(node)) {
            const linear slope = linear_at(node, gradient), from = linear_at(node, at);
            chain_linear(&slope, &from);
        }
        gradient += parameters_of(node);
        at += parameters_of(node);
    }
}
