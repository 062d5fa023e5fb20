/* Networks as ONNX files: features [T, 1, D] in, logits [1, C] out, weights as floats. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "onnx/file/writer.h"

enum { OPSET = 14, IR_VERSION = 7, MOST_INPUTS = 4, NODES_PER_NODE = 3, TENSORS_PER_NODE = 4 };

/* Gate g of the file is gate order[g] of the cell: i, o, f, c out of i, f, g, o; z, r, h. */
static const size_t lstm_order[4] = {0, 3, 1, 2}, plain_order[3] = {0, 1, 2};

/* ---- nodes of the network; l counts those that are no pool ---- */

/* out = x W^T + b, with W^T [in, out] in the file: MatMul takes any rank. */
static char *write_affine(sp_onnx_writer *w, const sp_node *from, size_t l, char *x) {
    const size_t in = from->term[0].in, out = from->width;
    float *weight = sp_onnx_write_take(w, in * out, sizeof *weight),
          *bias = sp_onnx_write_take(w, out, sizeof *bias);
    const int64_t weight_dim[] = {(int64_t)in, (int64_t)out}, bias_dim[] = {(int64_t)out};
    if (!weight || !bias) {
        return NULL;
    }
    for (size_t j = 0; j < out; j++) {
        for (size_t i = 0; i < in; i++) {
            weight[i * out + j] = (float)from->term[0].weight[j * in + i];
        }
        bias[j] = (float)from->bias[j];
    }
    char *product[] = {x, sp_onnx_write_floats(w, sp_onnx_write_numbered(w, "weight", l + 1),
                                               weight_dim, 2, weight)};
    char *sum[] = {
        sp_onnx_write_step(w, "MatMul", product, 2),
        sp_onnx_write_floats(w, sp_onnx_write_numbered(w, "bias", l + 1), bias_dim, 1, bias)};
    return sp_onnx_write_step(w, "Add", sum, 2);
}

/* Rows of the cell's matrix [G out, columns] in the file's order of gates. */
static float *reorder(sp_onnx_writer *w, const double *from, const size_t *order, size_t gates,
                      size_t block) {
    float *to = sp_onnx_write_take(w, gates * block, sizeof *to);
    for (size_t g = 0; to && g < gates; g++) {
        for (size_t i = 0; i < block; i++) {
            to[g * block + i] = (float)from[order[g] * block + i];
        }
    }
    return to;
}

/* The file's two biases; the second one is the recurrent bias of a GRU, else zero. */
static float *biases(sp_onnx_writer *w, const sp_cell *cell, const size_t *order, size_t gates) {
    const size_t H = cell->out;
    float *both = sp_onnx_write_take(w, 2 * gates * H, sizeof *both);
    float *first = reorder(w, cell->bias, order, gates, H);
    if (!both || !first) {
        return NULL;
    }
    memcpy(both, first, gates * H * sizeof *both);
    for (size_t j = 0; cell->recurrent_bias && j < H; j++) {
        both[(2 * gates - 1) * H + j] = (float)cell->recurrent_bias[j];
    }
    return both;
}

/* Of an RNN, or a GRU whose functions are not the usual ones; those that have factors take them
 * from lists. */
static void write_functions(sp_onnx_writer *w, Onnx__NodeProto *n, const sp_cell *cell) {
    const bool gru = cell->kind == SP_CELL_GRU;
    const sp_activation f[] = {cell->gate, cell->candidate};
    const char *names[2];
    double alpha[2], beta[2];
    size_t count = 0, factors = 0;
    for (size_t i = gru ? 0 : 1; i < 2; i++) {
        const bool line = f[i].kind == SP_ACTIVATION_AFFINE;
        const bool hard = f[i].kind == SP_ACTIVATION_HARD_SIGMOID;
        names[count++] = line                                 ? "Affine"
                         : hard                               ? "HardSigmoid"
                         : f[i].kind == SP_ACTIVATION_RELU    ? "Relu"
                         : f[i].kind == SP_ACTIVATION_SIGMOID ? "Sigmoid"
                                                              : "Tanh";
        if (line || hard) {
            alpha[factors] = f[i].alpha;
            beta[factors++] = f[i].beta;
        }
    }
    if (gru && factors == 0) {
        return;
    }
    sp_onnx_write_set_activations(w, n, names, count);
    if (factors > 0) {
        sp_onnx_write_set_floats(w, n, "activation_alpha", alpha, factors);
        sp_onnx_write_set_floats(w, n, "activation_beta", beta, factors);
    }
}

/* [T, 1, in] to [T, 1, out], or to the last state [1, out]. */
static char *write_recurrent(sp_onnx_writer *w, const sp_cell *cell, size_t l, char *x, bool last) {
    const bool lstm = cell->kind == SP_CELL_LSTM, gru = cell->kind == SP_CELL_GRU;
    const size_t G = sp_cell_gates(cell), H = cell->out, *order = lstm ? lstm_order : plain_order;
    const int64_t rows = (int64_t)(G * H);
    const int64_t weight_dim[] = {1, rows, (int64_t)cell->in}, loop_dim[] = {1, rows, (int64_t)H};
    const int64_t bias_dim[] = {1, 2 * rows};
    float *weight = reorder(w, cell->weight, order, G, H * cell->in);
    float *loop = reorder(w, cell->recurrent, order, G, H * H);
    float *bias = biases(w, cell, order, G);
    if (!weight || !loop || !bias) {
        return NULL;
    }
    char *input[] = {
        x,
        sp_onnx_write_floats(w, sp_onnx_write_numbered(w, "weight", l + 1), weight_dim, 3, weight),
        sp_onnx_write_floats(w, sp_onnx_write_numbered(w, "recurrent", l + 1), loop_dim, 3, loop),
        sp_onnx_write_floats(w, sp_onnx_write_numbered(w, "bias", l + 1), bias_dim, 2, bias)};
    char *state = sp_onnx_write_numbered(w, last ? "last" : "states", l + 1);
    char *output[] = {last ? sp_onnx_write_text(w, "") : state, state};
    Onnx__NodeProto *n = sp_onnx_write_node(w, lstm ? "LSTM" : (gru ? "GRU" : "RNN"), input,
                                            MOST_INPUTS, output, last ? 2 : 1);
    sp_onnx_write_set_int(w, n, "hidden_size", (int64_t)H);
    if (gru) {
        sp_onnx_write_set_int(w, n, "linear_before_reset", cell->reset_after);
    }
    if (!lstm) {
        write_functions(w, n, cell);
    }
    char *squeezed[] = {state,
                        sp_onnx_write_axis(w, l + 1, last ? 0 : 1)}; // the axis of the directions
    return sp_onnx_write_step(w, "Squeeze", squeezed, 2);
}

static bool writable_cell(const sp_cell *cell) {
    const sp_activation_kind gate = cell->gate.kind, candidate = cell->candidate.kind;
    if (!sp_cell_is_plain(cell) || cell->kind == SP_CELL_TIMES) {
        return false;
    }
    if (cell->kind == SP_CELL_RNN) {
        return !cell->reverse &&
               (candidate == SP_ACTIVATION_TANH || candidate == SP_ACTIVATION_RELU ||
                candidate == SP_ACTIVATION_AFFINE);
    }
    const bool gru = cell->kind == SP_CELL_GRU;
    return !cell->reverse &&
           (gate == SP_ACTIVATION_SIGMOID || (gru && gate == SP_ACTIVATION_HARD_SIGMOID)) &&
           (candidate == SP_ACTIVATION_TANH || (gru && candidate == SP_ACTIVATION_AFFINE));
}

static bool is_dense(const sp_node *at) {
    const sp_timing *timing = &at->term[0].timing;
    return at->terms == 1 && timing->taps == 1 && timing->stride == 1 && timing->before == 0 &&
           timing->after == 0;
}

static bool writable(const sp_node *at) {
    switch (at->kind) {
    case SP_NODE_AFFINE:
        return is_dense(at);
    case SP_NODE_CURVE:
        return at->curve.kind == SP_ACTIVATION_RELU || at->curve.kind == SP_ACTIVATION_TANH;
    case SP_NODE_CELL:
        return writable_cell(&at->cell);
    case SP_NODE_POOL:
        return at->pool == SP_POOLING_LAST;
    case SP_NODE_INPUT:
        break;
    }
    return false;
}

/* Of one step: [1, 1, width] to [1, width]. */
static char *write_only_step(sp_onnx_writer *w, size_t l, char *x) {
    char *squeezed[] = {x, sp_onnx_write_axis(w, l + 1, 0)};
    return sp_onnx_write_step(w, "Squeeze", squeezed, 2);
}

/* A chain of nodes with one pool, which follows a cell unless there is only one step; behind it
 * there are no cells. */
static sp_status check(sp_error *err, const sp_net *net) {
    size_t pool = 0;
    for (size_t n = 1; n < net->nodes; n++) {
        const sp_node *at = &net->node[n];
        if (!writable(at) || sp_node_input(at, 0) != n - 1 ||
            (pool > 0 && (at->kind == SP_NODE_CELL || at->kind == SP_NODE_POOL))) {
            return sp_fail(err, SP_E_UNSUPPORTED,
                           "layer %zu: only dense, ReLU, tanh, LSTM, GRU and RNN layers with the "
                           "activations of the standard are written",
                           pool > 0 ? n - 1 : n);
        }
        pool = at->kind == SP_NODE_POOL ? n : pool;
    }
    if (pool < 2 || (net->steps != 1 && net->node[pool - 1].kind != SP_NODE_CELL)) {
        return sp_fail(err, SP_E_UNSUPPORTED,
                       "only networks whose last layer of every step is recurrent are written");
    }
    return SP_OK;
}

/* ---- the whole ---- */

static void write_nodes(sp_onnx_writer *w, const sp_net *net, char *name) {
    size_t l = 0;
    for (size_t n = 1; n < net->nodes && !w->failed; n++) {
        const sp_node *at = &net->node[n];
        if (at->kind == SP_NODE_POOL) {
            if (net->node[n - 1].kind != SP_NODE_CELL) {
                name = write_only_step(w, l++, name);
            }
            continue; // a cell before it gives its last state
        }
        if (at->kind == SP_NODE_CELL) {
            const bool last = n + 1 < net->nodes && net->node[n + 1].kind == SP_NODE_POOL;
            name = write_recurrent(w, &at->cell, l, name, last);
        } else if (at->kind == SP_NODE_AFFINE) {
            name = write_affine(w, at, l, name);
        } else {
            const bool relu = at->curve.kind == SP_ACTIVATION_RELU;
            name = sp_onnx_write_step(w, relu ? "Relu" : "Tanh", &name, 1);
        }
        l++;
    }
    if (!w->failed) { // the last node gives the logits their name
        Onnx__NodeProto *last = w->graph.node[w->graph.n_node - 1];
        last->output[0] = w->graph.output[0]->name;
    }
}

static void write_graph(sp_onnx_writer *w, const sp_net *net) {
    const int64_t steps = net->steps > 0 ? (int64_t)net->steps : -1;
    const int64_t in[] = {steps, 1, (int64_t)net->features}, out[] = {1, (int64_t)net->classes};
    onnx__graph_proto__init(&w->graph);
    w->graph.name = sp_onnx_write_text(w, "soundproof");
    w->graph.node = sp_onnx_write_take(w, NODES_PER_NODE * net->nodes, sizeof *w->graph.node);
    w->graph.initializer =
        sp_onnx_write_take(w, TENSORS_PER_NODE * net->nodes, sizeof *w->graph.initializer);
    w->graph.input = sp_onnx_write_take(w, 1, sizeof *w->graph.input);
    w->graph.output = sp_onnx_write_take(w, 1, sizeof *w->graph.output);
    if (w->failed) {
        return;
    }
    w->graph.input[0] = sp_onnx_write_value_info(w, sp_onnx_write_text(w, "features"), in, 3, "T");
    w->graph.output[0] = sp_onnx_write_value_info(w, sp_onnx_write_text(w, "logits"), out, 2, "T");
    w->graph.n_input = w->graph.n_output = 1;
    if (!w->failed) {
        write_nodes(w, net, w->graph.input[0]->name);
    }
}

static void write_notes(sp_onnx_writer *w, const sp_model_note *note, size_t notes) {
    w->model.metadata_props = sp_onnx_write_take(w, notes, sizeof *w->model.metadata_props);
    for (size_t i = 0; i < notes && !w->failed; i++) {
        Onnx__StringStringEntryProto *entry = sp_onnx_write_take(w, 1, sizeof *entry);
        if (entry) {
            onnx__string_string_entry_proto__init(entry);
            entry->key = sp_onnx_write_text(w, note[i].key);
            entry->value = sp_onnx_write_text(w, note[i].value);
            w->model.metadata_props[w->model.n_metadata_props++] = entry;
        }
    }
}

static void write_model(sp_onnx_writer *w, const sp_net *net, const sp_model_note *note,
                        size_t notes) {
    Onnx__OperatorSetIdProto *set = sp_onnx_write_take(w, 1, sizeof *set);
    onnx__model_proto__init(&w->model);
    w->model.opset_import = sp_onnx_write_take(w, 1, sizeof *w->model.opset_import);
    write_graph(w, net);
    write_notes(w, note, notes);
    w->model.producer_name = sp_onnx_write_text(w, "soundproof");
    w->model.producer_version = sp_onnx_write_text(w, SP_VERSION);
    if (w->failed) {
        return;
    }
    onnx__operator_set_id_proto__init(set);
    set->domain = sp_onnx_write_text(w, "");
    set->has_version = 1;
    set->version = OPSET;
    w->model.opset_import[0] = set;
    w->model.n_opset_import = 1;
    w->model.has_ir_version = 1;
    w->model.ir_version = IR_VERSION;
    w->model.graph = &w->graph;
}

sp_status sp_model_pack(sp_error *err, void **data, size_t *size, const sp_net *net,
                        const sp_model_note *note, size_t notes) {
    sp_onnx_writer w = {.region = {.left = SIZE_MAX}};
    *data = NULL;
    *size = 0;
    SP_TRY(check(err, net));
    write_model(&w, net, note, notes);
    return sp_onnx_write_pack(err, &w, data, size);
}

sp_status sp_model_write(sp_error *err, const char *path, const sp_net *net,
                         const sp_model_note *note, size_t notes) {
    void *data = NULL;
    size_t size = 0;
    SP_TRY(sp_model_pack(err, &data, &size, net, note, notes));
    const sp_status status = sp_file_replace(err, path, data, size);
    free(data);
    return status;
}
