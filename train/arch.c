/* Descriptions of architectures. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "train/impl.h"

enum { MOST_LAYERS = 64, MOST_OUT = 4096, MOST_BYTES = 1 << 20 };

typedef struct kind {
    const char *name;
    sp_node_kind node;
    sp_cell_kind cell; /* CELL */
    size_t gates;
} kind;
static const kind kinds[] = {{.name = "dense", .node = SP_NODE_AFFINE, .gates = 1},
                             {.name = "relu", .node = SP_NODE_CURVE},
                             {"lstm", SP_NODE_CELL, SP_CELL_LSTM, 4},
                             {"gru", SP_NODE_CELL, SP_CELL_GRU, 3},
                             {"rnn", SP_NODE_CELL, SP_CELL_RNN, 1},
                             {"linear", SP_NODE_CELL, SP_CELL_RNN, 1}};

/* layer_plan - one layer as the description has it. */
typedef struct layer_plan {
    const kind *kind;
    size_t out;
    sp_activation activation;
    double decay[2]; /* linear: the least and the largest lambda */
} layer_plan;

/* ---- reading ---- */

static sp_status read_kind(sp_error *err, layer_plan *plan, const sp_json *node) {
    const char *name = NULL;
    SP_TRY(sp_json_text(err, &name, node, "kind"));
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (strcmp(kinds[i].name, name) == 0) {
            plan->kind = &kinds[i];
            return SP_OK;
        }
    }
    return sp_fail(err, SP_E_UNSUPPORTED,
                   "kind '%s' is none of dense, relu, lstm, gru, rnn and linear", name);
}

static sp_status read_out(sp_error *err, layer_plan *plan, const sp_json *node) {
    double out = 0.0;
    SP_TRY(sp_json_number(err, &out, node, "out"));
    if (!(out >= 1.0 && out <= MOST_OUT && out == floor(out))) {
        return sp_fail(err, SP_E_FORMAT, "\"out\" is a whole number of 1 to %d, not %g", MOST_OUT,
                       out);
    }
    plan->out = (size_t)out;
    return SP_OK;
}

static sp_status read_activation(sp_error *err, layer_plan *plan, const sp_json *node) {
    const char *name = "tanh";
    if (sp_json_get(node, "activation")) {
        SP_TRY(sp_json_text(err, &name, node, "activation"));
    }
    if (strcmp(name, "tanh") == 0) {
        plan->activation.kind = SP_ACTIVATION_TANH;
    } else if (strcmp(name, "relu") == 0) {
        plan->activation.kind = SP_ACTIVATION_RELU;
    } else {
        return sp_fail(err, SP_E_UNSUPPORTED, "activation '%s' is neither tanh nor relu", name);
    }
    return SP_OK;
}

static bool is_linear(const layer_plan *plan) {
    return strcmp(plan->kind->name, "linear") == 0;
}

/* "decay": [0.5, 0.97], which is also the default. */
static sp_status read_decay(sp_error *err, layer_plan *plan, const sp_json *node) {
    const sp_json *pair = sp_json_get(node, "decay");
    plan->activation = (sp_activation){SP_ACTIVATION_AFFINE, 1.0, 0.0};
    plan->decay[0] = 0.5;
    plan->decay[1] = 0.97;
    if (!pair) {
        return SP_OK;
    }
    size_t count = 0;
    bool numbers = sp_json_is_array(pair);
    for (const sp_json *at = numbers ? sp_json_first(pair) : NULL; at; at = sp_json_next(at)) {
        numbers = numbers && sp_json_is_number(at);
        plan->decay[count < 2 ? count : 1] = sp_json_value(at);
        count++;
    }
    return numbers && count == 2 && plan->decay[0] > 0.0 && plan->decay[0] <= plan->decay[1] &&
                   plan->decay[1] < 1.0
               ? SP_OK
               : sp_fail(err, SP_E_FORMAT,
                         "\"decay\" is a pair of numbers above 0 and below 1, the smaller first");
}

static sp_status read_layer(sp_error *err, layer_plan *plan, const sp_json *node) {
    static const char *const relu[] = {"kind", NULL};
    static const char *const plain[] = {"kind", "out", NULL};
    static const char *const rnn[] = {"kind", "out", "activation", NULL};
    static const char *const linear[] = {"kind", "out", "decay", NULL};
    if (!sp_json_is_object(node)) {
        return sp_fail(err, SP_E_FORMAT, "a layer is an object with a \"kind\"");
    }
    SP_TRY(read_kind(err, plan, node));
    const bool curve = plan->kind->node == SP_NODE_CURVE;
    const bool is_rnn = strcmp(plan->kind->name, "rnn") == 0;
    SP_TRY(sp_json_only(err, node,
                        curve ? relu : (is_rnn ? rnn : (is_linear(plan) ? linear : plain))));
    if (is_linear(plan)) {
        SP_TRY(read_decay(err, plan, node));
    }
    if (is_rnn) {
        SP_TRY(read_activation(err, plan, node));
    }
    return curve ? SP_OK : read_out(err, plan, node);
}

static sp_status read_plans(sp_error *err, layer_plan *plans, size_t *count, const sp_json *root) {
    static const char *const keys[] = {"layers", NULL};
    const sp_json *layers = sp_json_get(root, "layers");
    SP_TRY(sp_json_only(err, root, keys));
    if (!sp_json_is_array(layers)) {
        return sp_fail(err, SP_E_FORMAT, "an architecture is an object with a list \"layers\"");
    }
    for (const sp_json *node = sp_json_first(layers); node; node = sp_json_next(node)) {
        if (*count == MOST_LAYERS) {
            return sp_fail(err, SP_E_UNSUPPORTED, "more than %d layers", MOST_LAYERS);
        }
        if (read_layer(err, &plans[*count], node) != SP_OK) {
            char place[32];
            snprintf(place, sizeof place, "layer %zu", *count + 1);
            return sp_error_in(err, place);
        }
        (*count)++;
    }
    return SP_OK;
}

/* ---- building ---- */

static double *uniform(sp_random *random, size_t count, double scale) {
    double *a = malloc((count > 0 ? count : 1) * sizeof *a);
    for (size_t i = 0; a && i < count; i++) {
        a[i] = scale * sp_random_sign(random);
    }
    return a;
}

static sp_status add_filled(sp_error *err, sp_net *net, const layer_plan *plan,
                            const double *weight, const double *recurrent, double *bias,
                            const double *own) {
    static const sp_activation sigmoid = {SP_ACTIVATION_SIGMOID, 0.0, 0.0};
    static const sp_activation tangent = {SP_ACTIVATION_TANH, 0.0, 0.0};
    const size_t H = plan->out;
    if (plan->kind->node == SP_NODE_CURVE) {
        return sp_net_add_relu(err, net);
    }
    if (plan->kind->node == SP_NODE_AFFINE) {
        return sp_net_add_affine(err, net, H, weight, bias);
    }
    switch (plan->kind->cell) {
    case SP_CELL_LSTM:
        for (size_t j = H; j < 2 * H; j++) {
            bias[j] = 1.0; // the forget gate begins open
        }
        return sp_net_add_lstm(err, net, H, weight, recurrent, bias);
    case SP_CELL_GRU:
        return sp_net_add_gru(err, net, H, sigmoid, tangent, true, weight, recurrent, bias, own);
    case SP_CELL_RNN:
        return sp_net_add_rnn(err, net, H, plan->activation, weight, recurrent, bias);
    case SP_CELL_TIMES:
        break;
    }
    return sp_fail(err, SP_E_UNSUPPORTED, "a layer of no known kind");
}

/* The lambda of unit j: time constants 1 / (1 - lambda) from the shortest to the longest, evenly in
 * their logarithms. */
static double lambda_of(const layer_plan *plan, size_t j) {
    const double share = plan->out > 1 ? (double)j / (double)(plan->out - 1) : 0.0;
    const double shortest = 1.0 - plan->decay[0], longest = 1.0 - plan->decay[1];
    return 1.0 - shortest * pow(longest / shortest, share);
}

/* V = (1 - lambda) W; the recurrent matrix is diag(lambda). */
static void make_linear(const layer_plan *plan, double *weight, double *loop, size_t in) {
    const size_t H = plan->out;
    memset(loop, 0, H * H * sizeof *loop);
    for (size_t j = 0; j < H; j++) {
        const double lambda = lambda_of(plan, j);
        loop[j * (H + 1)] = lambda;
        for (size_t i = 0; i < in; i++) {
            weight[j * in + i] *= 1.0 - lambda;
        }
    }
}

static sp_status add(sp_error *err, sp_net *net, const layer_plan *plan, sp_random *random) {
    const size_t rows = plan->kind->gates * plan->out, in = net->classes;
    const bool recurrent = plan->kind->node == SP_NODE_CELL, linear = is_linear(plan);
    const double scale =
        linear ? sqrt(6.0 / (double)in) : 1.0 / sqrt((double)(recurrent ? plan->out : in));
    double *weight = uniform(random, rows * in, scale);
    double *loop = uniform(random, recurrent ? rows * plan->out : 0, scale);
    double *bias = calloc(rows + 1, sizeof *bias), *own = calloc(plan->out + 1, sizeof *own);
    sp_status status = SP_E_MEMORY;
    if (weight && loop && bias && own) {
        if (linear) {
            make_linear(plan, weight, loop, in);
        }
        status = add_filled(err, net, plan, weight, loop, bias, own);
    } else {
        sp_fail(err, status, "no memory for layer %zu", net->nodes);
    }
    free(weight);
    free(loop);
    free(bias);
    free(own);
    return status;
}

static sp_status check(sp_error *err, const layer_plan *plans, size_t count, size_t *recurrent) {
    *recurrent = 0;
    for (size_t l = 0; l < count; l++) {
        *recurrent = plans[l].kind->node == SP_NODE_CELL ? l + 1 : *recurrent;
    }
    if (count > 0 && plans[0].kind->node == SP_NODE_CURVE) {
        return sp_fail(err, SP_E_UNSUPPORTED, "the first layer has weights: a relu comes later");
    }
    if (count == 0) {
        return sp_fail(err, SP_E_UNSUPPORTED, "at least one layer is needed");
    }
    if (plans[count - 1].kind->node != SP_NODE_AFFINE) {
        return sp_fail(err, SP_E_UNSUPPORTED,
                       "the last layer is dense: its outputs are the logits");
    }
    return SP_OK;
}

static sp_status build(sp_error *err, sp_net *net, const sp_json *root, size_t features,
                       uint64_t seed) {
    layer_plan plans[MOST_LAYERS] = {{0}};
    size_t count = 0, recurrent = 0;
    SP_TRY(read_plans(err, plans, &count, root));
    SP_TRY(check(err, plans, count, &recurrent));
    SP_TRY(sp_net_init(err, net, features));
    for (size_t l = 0; l < count; l++) {
        sp_random random = sp_train_stream(seed, SP_TRAIN_STREAM_WEIGHTS, l, 0);
        SP_TRY(add(err, net, &plans[l], &random));
        if (l + 1 == (recurrent > 0 ? recurrent : 1)) {
            SP_TRY(sp_net_add_pool(err, net, SP_POOLING_LAST));
        }
    }
    net->steps = recurrent == 0 ? 1 : 0;
    return SP_OK;
}

sp_status sp_arch_parse(sp_error *err, sp_net *net, const char *text, size_t size, const char *name,
                        size_t features, uint64_t seed) {
    sp_json *root = NULL;
    *net = (sp_net){0};
    sp_status status = sp_json_parse(err, &root, text, size);
    if (status == SP_OK) {
        status = build(err, net, root, features, seed);
        sp_json_destroy(root);
    }
    if (status != SP_OK) {
        sp_net_clear(net);
        sp_error_in(err, name);
    }
    return status;
}

sp_status sp_arch_read(sp_error *err, sp_net *net, const char *path, size_t features,
                       uint64_t seed) {
    char *text = NULL;
    size_t size = 0;
    *net = (sp_net){0};
    SP_TRY(sp_file_read(err, &text, &size, path, MOST_BYTES));
    const sp_status status = sp_arch_parse(err, net, text, size, path, features, seed);
    free(text);
    return status;
}
