/* The nodes of a network as a certificate names them. */
#include <string.h>

#include "proof/impl.h"

static sp_status refuse(sp_error *err, size_t node, const char *what) {
    return sp_fail(
        err, SP_E_UNSUPPORTED,
        "certificates do not know %s (node %zu): they are of dense layers, sums, ReLU, tanh, "
        "LSTM, GRU, tanh RNN and linear recurrences that run forward, and of the last step, mean, "
        "sum or maximum of all",
        what, node);
}

/* Frame by frame. */
static bool is_plain(const sp_timing *t) {
    return t->taps == 1 && t->stride == 1 && t->before == 0 && t->after == 0;
}

/* [n, taps n], one identity behind the other, the second one with this sign. */
static bool is_identity(const double *weight, size_t n, size_t taps, double sign) {
    for (size_t i = 0; i < n * n * taps; i++) {
        const size_t k = i % (n * taps);
        const double own = k % n == i / (n * taps) ? (k < n ? 1.0 : sign) : 0.0;
        if (weight[i] != own) {
            return false;
        }
    }
    return true;
}

static bool is_zero(const double *bias, size_t n) {
    for (size_t i = 0; i < n; i++) {
        if (bias[i] != 0.0) {
            return false;
        }
    }
    return true;
}

/* The largest number of all steps is made of x' - x, x' being x one step before, and of an RNN,
 * g = max(g' + x' - x, 0): how far it is above the last one. */
static bool is_fall(const sp_node *node) {
    const sp_term *term = node->term;
    const sp_timing *t = &term->timing;
    return node->terms == 1 && t->taps == 2 && t->stride == 1 && t->dilation == 1 &&
           t->before == 1 && t->after == 0 && t->repeats && term->in == node->width &&
           is_identity(term->weight, node->width, 2, -1.0) && is_zero(node->bias, node->width);
}

static bool is_maximum(const sp_net *net, size_t index) {
    const sp_node *node = &net->node[index], *from = &net->node[node->input];
    const sp_cell *cell = &node->cell;
    return node->kind == SP_NODE_CELL && cell->kind == SP_CELL_RNN && !cell->reverse &&
           cell->candidate.kind == SP_ACTIVATION_RELU && cell->in == cell->out &&
           sp_cell_is_plain(cell) && from->kind == SP_NODE_AFFINE && is_fall(from) &&
           is_identity(cell->weight, cell->out, 1, 1.0) &&
           is_identity(cell->recurrent, cell->out, 1, 1.0) && is_zero(cell->bias, cell->out);
}

/* Whether the only one who reads it is a maximum. */
static bool serves_maximum(const sp_net *net, size_t index) {
    size_t readers = 0, maxima = 0;
    for (size_t i = index + 1; i < net->nodes; i++) {
        for (size_t k = 0; k < sp_node_inputs(&net->node[i]); k++) {
            readers += sp_node_input(&net->node[i], k) == index;
        }
        maxima +=
            net->node[i].kind == SP_NODE_CELL && net->node[i].input == index && is_maximum(net, i);
    }
    return readers == 1 && maxima == 1;
}

static bool is_affine_known(const sp_net *net, size_t index) {
    const sp_node *node = &net->node[index];
    bool plain = true;
    for (size_t i = 0; i < node->terms; i++) {
        plain = plain && is_plain(&node->term[i].timing);
    }
    return plain || (is_fall(node) && serves_maximum(net, index));
}

/* Without a curve: h = W x + R h' + b, or n = W x + R (r o h') + b. */
bool sp_proof_linear(const sp_cell *cell) {
    const sp_activation *f = &cell->candidate;
    return cell->kind != SP_CELL_LSTM && f->kind == SP_ACTIVATION_AFFINE && f->alpha == 1.0 &&
           f->beta == 0.0;
}

/* Sigmoids, hard or not; of these a tanh needs one whose complement is known exactly. */
static bool has_known_functions(const sp_cell *cell) {
    const sp_activation_kind gate = cell->gate.kind;
    return (gate == SP_ACTIVATION_SIGMOID || gate == SP_ACTIVATION_HARD_SIGMOID) &&
           (sp_proof_linear(cell) ||
            (cell->candidate.kind == SP_ACTIVATION_TANH && sp_gate_has_complement(cell->gate)));
}

static sp_status cell_word(sp_error *err, const char **word, const sp_cell *cell, size_t node) {
    const bool tanh_inside = cell->candidate.kind == SP_ACTIVATION_TANH;
    bool known = true;
    switch (cell->kind) {
    case SP_CELL_LSTM:
        *word = "lstm";
        break;
    case SP_CELL_GRU:
        *word = "gru";
        known = has_known_functions(cell);
        break;
    case SP_CELL_RNN:
        *word = sp_proof_linear(cell) ? "linear" : "rnn";
        known = tanh_inside || sp_proof_linear(cell);
        break;
    case SP_CELL_TIMES:
        return refuse(err, node, "products");
    }
    if (cell->reverse) {
        return refuse(err, node, "cells that run backward");
    }
    if (!sp_cell_is_plain(cell)) {
        return refuse(err, node,
                      "cells that do not start at zero, limit what they compute, or are "
                      "LSTMs with other functions");
    }
    return known ? SP_OK : refuse(err, node, "cells with this activation");
}

static sp_status pool_word(sp_error *err, const char **word, sp_pooling pool, size_t node) {
    switch (pool) {
    case SP_POOLING_LAST:
        *word = "last";
        return SP_OK;
    case SP_POOLING_MEAN:
        *word = "mean";
        return SP_OK;
    case SP_POOLING_SUM:
        *word = "sum";
        return SP_OK;
    case SP_POOLING_FIRST:
        break;
    }
    return refuse(err, node, "the first step of a sequence");
}

static sp_status node_word(sp_error *err, const char **word, const sp_net *net, size_t index) {
    const sp_node *node = &net->node[index];
    switch (node->kind) {
    case SP_NODE_INPUT:
        break;
    case SP_NODE_AFFINE:
        *word = "affine";
        return is_affine_known(net, index) ? SP_OK : refuse(err, index, "convolutions");
    case SP_NODE_CURVE:
        *word = node->curve.kind == SP_ACTIVATION_RELU ? "relu" : "tanh";
        return node->curve.kind == SP_ACTIVATION_RELU || node->curve.kind == SP_ACTIVATION_TANH
                   ? SP_OK
                   : refuse(err, index, "other curves than ReLU and tanh between layers");
    case SP_NODE_CELL:
        *word = "maximum";
        return is_maximum(net, index) ? SP_OK : cell_word(err, word, &node->cell, index);
    case SP_NODE_POOL:
        return pool_word(err, word, node->pool, index);
    }
    return refuse(err, index, "several inputs");
}

bool sp_proof_is_chain(const sp_net *net) {
    bool chain = true;
    for (size_t i = 1; i < net->nodes; i++) {
        const sp_node *node = &net->node[i];
        chain = chain && sp_node_inputs(node) == 1 && sp_node_input(node, 0) == i - 1 &&
                (node->kind != SP_NODE_AFFINE || is_plain(&node->term[0].timing)) &&
                (node->kind != SP_NODE_POOL || node->pool == SP_POOLING_LAST);
    }
    return chain;
}

sp_status sp_proof_nodes(sp_error *err, sp_proof_text *nodes, const sp_net *net) {
    for (size_t i = 1; i < net->nodes; i++) {
        const char *word = "";
        SP_TRY(node_word(err, &word, net, i));
        SP_TRY(
            sp_proof_append(err, nodes, "%s%s %zu", i > 1 ? ", " : "", word, net->node[i].width));
    }
    return SP_OK;
}
