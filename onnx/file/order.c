/* An order in which the nodes of a graph can be evaluated: depth first, with a stack of our own. */
#include <stdlib.h>

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

sp_status sp_onnx_graph_last(sp_error *err, const sp_onnx_graph *graph, size_t *output) {
    bool *read = calloc(graph->definitions + 1, sizeof *read);
    size_t left = 0;
    if (!read) {
        return sp_fail(err, SP_E_MEMORY, "no memory for the outputs of the graph");
    }
    // The order holds whatever the outputs need: what one of its nodes reads is no last output.
    for (size_t k = 0; k < graph->needed; k++) {
        const size_t n = graph->order[k];
        for (size_t i = graph->first_input[n]; i < graph->first_input[n + 1]; i++) {
            if (graph->input[i] != SP_ONNX_NO_NAME) {
                read[graph->input[i]] = true;
            }
        }
    }
    *output = SP_ONNX_NO_NAME;
    for (size_t i = 0; i < graph->results; i++) {
        if (!read[graph->result[i]]) {
            *output = i;
            left++;
        }
    }
    *output = left == 1 ? *output : SP_ONNX_NO_NAME;
    free(read);
    return SP_OK;
}
