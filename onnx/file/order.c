/* An order in which the nodes of a graph can be evaluated: depth first, with a stack of our own. */
#include <stdlib.h>
#include <string.h>

#include "onnx/impl.h"

enum { SP_ONNX_FRESH, SP_ONNX_OPEN, SP_ONNX_DONE };

typedef struct sp_onnx_visit {
    size_t *stack, *next; /* open nodes, and the input of each that is looked at next */
    unsigned char *state;
} sp_onnx_visit;

/* Appends `root` and everything that it reads to the order, which holds *count nodes. */
static sp_status visit(sp_error *err, sp_onnx_graph *graph, sp_onnx_visit *v, size_t root,
                       size_t *count) {
    size_t depth = 0;
    if (v->state[root] != SP_ONNX_FRESH) {
        return SP_OK;
    }
    v->stack[0] = root;
    v->next[0] = graph->first_input[root];
    v->state[root] = SP_ONNX_OPEN;
    for (;;) {
        const size_t n = v->stack[depth];
        if (v->next[depth] == graph->first_input[n + 1]) {
            v->state[n] = SP_ONNX_DONE;
            graph->order[(*count)++] = n;
            if (depth-- == 0) {
                return SP_OK;
            }
            continue;
        }
        const size_t id = graph->input[v->next[depth]++];
        if (id == SP_ONNX_NO_NAME || graph->definition[id].by != SP_ONNX_DEFINED_BY_NODE) {
            continue;
        }
        const size_t below = graph->definition[id].index;
        if (v->state[below] == SP_ONNX_OPEN) {
            const Onnx__NodeProto *node = graph->proto->node[below];
            return sp_fail(err, SP_E_FORMAT, "node '%.200s' (%.40s) needs its own result: a cycle",
                           node->name ? node->name : "", node->op_type ? node->op_type : "");
        }
        if (v->state[below] == SP_ONNX_FRESH) {
            v->state[below] = SP_ONNX_OPEN;
            v->stack[++depth] = below;
            v->next[depth] = graph->first_input[below];
        }
    }
}

sp_status sp_onnx_graph_sort(sp_error *err, sp_onnx_graph *graph) {
    const size_t nodes = graph->proto->n_node;
    sp_onnx_visit v = {.stack = malloc((nodes + 1) * sizeof *v.stack),
                       .next = malloc((nodes + 1) * sizeof *v.next),
                       .state = calloc(nodes + 1, 1)};
    sp_status status = v.stack && v.next && v.state
                           ? SP_OK
                           : sp_fail(err, SP_E_MEMORY, "no memory for the order of the nodes");
    size_t count = 0;
    for (size_t i = 0; i < graph->results + graph->roles && status == SP_OK; i++) {
        const size_t id =
            i < graph->results ? graph->result[i] : graph->role[i - graph->results].after;
        const sp_onnx_definition *result = id != SP_ONNX_NO_NAME ? &graph->definition[id] : NULL;
        if (result && result->by == SP_ONNX_DEFINED_BY_NODE) {
            status = visit(err, graph, &v, result->index, &count);
        }
    }
    graph->needed = count;
    // The others are not evaluated, but a file with a cycle is a damaged one.
    for (size_t n = 0; n < nodes && status == SP_OK; n++) {
        status = visit(err, graph, &v, n, &count);
    }
    free(v.stack);
    free(v.next);
    free(v.state);
    return status;
}

sp_status sp_onnx_graph_keep(sp_error *err, sp_onnx_graph *graph, size_t output) {
    graph->result[0] = graph->result[output];
    graph->results = 1;
    return sp_onnx_graph_sort(err, graph);
}

/* ---- the last output ---- */

static bool is_one_of(const sp_onnx_graph *graph, size_t n, const char *const *names) {
    const char *type = graph->proto->node[n]->op_type;
    for (; type && *names; names++) {
        if (strcmp(type, *names) == 0) {
            return true;
        }
    }
    return false;
}

static bool moves(const sp_onnx_graph *graph, size_t n) {
    static const char *const names[] = {"Identity", "Dropout", "Squeeze", "Unsqueeze", "Transpose",
                                        "Reshape",  "Flatten", "Cast",    "Concat",    NULL};
    return is_one_of(graph, n, names);
}

static bool recurs(const sp_onnx_graph *graph, size_t n) {
    static const char *const names[] = {"LSTM", "GRU", "RNN", NULL};
    return is_one_of(graph, n, names);
}

static bool is_made(const sp_onnx_graph *graph, size_t id) {
    return id != SP_ONNX_NO_NAME && graph->definition[id].by == SP_ONNX_DEFINED_BY_NODE;
}

size_t sp_onnx_graph_moved(const sp_onnx_graph *graph, size_t id) {
    while (is_made(graph, id) && moves(graph, graph->definition[id].index)) {
        const size_t n = graph->definition[id].index, first = graph->first_input[n];
        const bool joins = strcmp(graph->proto->node[n]->op_type, "Concat") == 0;
        if (joins || first == graph->first_input[n + 1] || graph->input[first] == SP_ONNX_NO_NAME) {
            break;
        }
        id = graph->input[first];
    }
    return id;
}

/* Marks what the nodes of the order read; `computes`: those that only hand a value on count where
 * something is computed of it behind them. */
static void mark_read(const sp_onnx_graph *graph, bool *read, bool computes) {
    for (size_t k = graph->needed; k-- > 0;) {
        const size_t n = graph->order[k];
        bool counts = !computes || !moves(graph, n);
        for (size_t i = graph->first_output[n]; !counts && i < graph->first_output[n + 1]; i++) {
            counts = graph->output[i] != SP_ONNX_NO_NAME && read[graph->output[i]];
        }
        for (size_t i = graph->first_input[n]; counts && i < graph->first_input[n + 1]; i++) {
            if (graph->input[i] != SP_ONNX_NO_NAME) {
                read[graph->input[i]] = true;
            }
        }
    }
}

/* Marks also the last states of recurrent nodes of which an output is read, and what hands on
 * nothing but marked values. */
static void mark_spare(const sp_onnx_graph *graph, bool *read) {
    for (size_t k = 0; k < graph->needed; k++) {
        const size_t n = graph->order[k];
        const bool hands_on = moves(graph, n);
        bool marked = hands_on;
        for (size_t i = graph->first_input[n]; hands_on && i < graph->first_input[n + 1]; i++) {
            marked = marked && (!is_made(graph, graph->input[i]) || read[graph->input[i]]);
        }
        for (size_t i = graph->first_output[n]; recurs(graph, n) && i < graph->first_output[n + 1];
             i++) {
            marked = marked || (graph->output[i] != SP_ONNX_NO_NAME && read[graph->output[i]]);
        }
        const size_t states = hands_on ? 0 : 1; // behind Y
        for (size_t i = graph->first_output[n] + states; marked && i < graph->first_output[n + 1];
             i++) {
            if (graph->output[i] != SP_ONNX_NO_NAME) {
                read[graph->output[i]] = true;
            }
        }
    }
}

static size_t find_unread(const sp_onnx_graph *graph, const bool *read) {
    size_t output = SP_ONNX_NO_NAME, left = 0;
    for (size_t i = 0; i < graph->results; i++) {
        if (!read[graph->result[i]]) {
            output = i;
            left++;
        }
    }
    return left == 1 ? output : SP_ONNX_NO_NAME;
}

sp_status sp_onnx_graph_last(sp_error *err, const sp_onnx_graph *graph, size_t *output) {
    bool *read = calloc(graph->definitions + 1, sizeof *read);
    if (!read) {
        return sp_fail(err, SP_E_MEMORY, "no memory for the outputs of the graph");
    }
    // The order holds whatever the outputs need: what one of its nodes reads is no last output.
    mark_read(graph, read, false);
    *output = find_unread(graph, read);
    if (*output == SP_ONNX_NO_NAME) {
        memset(read, 0, graph->definitions * sizeof *read);
        mark_read(graph, read, true);
        mark_spare(graph, read);
        *output = find_unread(graph, read);
    }
    free(read);
    return SP_OK;
}
