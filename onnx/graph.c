/* Names of a graph: who defines them, who reads them. */
#include <stdlib.h>
#include <string.h>

#include "onnx/impl.h"

static int compare_names(const void *a, const void *b) {
    return strcmp(((const sp_definition *)a)->name, ((const sp_definition *)b)->name);
}

size_t sp_graph_find(const sp_graph *graph, const char *name) {
    const sp_definition key = {.name = name};
    const sp_definition *found = bsearch(&key, graph->definition, graph->definitions,
                                         sizeof *graph->definition, compare_names);
    return found ? (size_t)(found - graph->definition) : SP_NO_NAME;
}

static sp_status no_memory(sp_error *err) {
    return sp_fail(err, SP_E_MEMORY, "no memory for the names of the graph");
}

static void define(sp_graph *graph, const char *name, sp_definer by, size_t index, size_t slot) {
    graph->definition[graph->definitions++] =
        (sp_definition){.name = name, .by = by, .index = index, .slot = slot};
}

static bool is_initialiser(const Onnx__GraphProto *proto, const char **sorted, const char *name) {
    size_t lo = 0, hi = proto->n_initializer;
    while (lo < hi) {
        const size_t middle = lo + (hi - lo) / 2;
        const int order = strcmp(sorted[middle], name);
        if (order == 0) {
            return true;
        }
        if (order < 0) {
            lo = middle + 1;
        } else {
            hi = middle;
        }
    }
    return false;
}

static int compare_strings(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Initialisers and the one input that is none; older files list initialisers among the inputs
 * too. */
static sp_status define_inputs(sp_error *err, sp_graph *graph) {
    const Onnx__GraphProto *proto = graph->proto;
    const char **sorted = malloc((proto->n_initializer + 1) * sizeof *sorted);
    if (!sorted) {
        return no_memory(err);
    }
    for (size_t i = 0; i < proto->n_initializer; i++) {
        sorted[i] = proto->initializer[i]->name ? proto->initializer[i]->name : "";
        define(graph, sorted[i], SP_DEFINED_BY_INITIALISER, i, 0);
    }
    qsort(sorted, proto->n_initializer, sizeof *sorted, compare_strings);
    sp_status status = SP_OK;
    for (size_t i = 0; i < proto->n_input && status == SP_OK; i++) {
        const char *name = proto->input[i]->name ? proto->input[i]->name : "";
        if (is_initialiser(proto, sorted, name)) {
            continue;
        }
        if (graph->features) {
            status =
                sp_fail(err, SP_E_UNSUPPORTED,
                        "the graph has several inputs ('%.60s', '%.60s'): export the model with "
                        "its features as the only input",
                        graph->features->name ? graph->features->name : "", name);
        }
        graph->features = proto->input[i];
        define(graph, name, SP_DEFINED_BY_INPUT, i, 0);
    }
    free(sorted);
    if (status == SP_OK && !graph->features) {
        return sp_fail(err, SP_E_UNSUPPORTED,
                       "the graph has no input: export the model with its features as an input");
    }
    return status;
}

static sp_status define_all(sp_error *err, sp_graph *graph) {
    const Onnx__GraphProto *proto = graph->proto;
    SP_TRY(define_inputs(err, graph));
    for (size_t n = 0; n < proto->n_node; n++) {
        for (size_t i = 0; i < proto->node[n]->n_output; i++) {
            if (proto->node[n]->output[i][0] != '\0') {
                define(graph, proto->node[n]->output[i], SP_DEFINED_BY_NODE, n, i);
            }
        }
    }
    qsort(graph->definition, graph->definitions, sizeof *graph->definition, compare_names);
    for (size_t i = 0; i < graph->definitions; i++) {
        const char *name = graph->definition[i].name;
        if (name[0] == '\0') {
            return sp_fail(err, SP_E_FORMAT, "an input or initialiser of the graph has no name");
        }
        if (i > 0 && strcmp(name, graph->definition[i - 1].name) == 0) {
            return sp_fail(err, SP_E_FORMAT, "the name '%.200s' is defined more than once", name);
        }
    }
    return SP_OK;
}

static sp_status resolve_node(sp_error *err, sp_graph *graph, size_t n) {
    const Onnx__NodeProto *node = graph->proto->node[n];
    for (size_t i = 0; i < node->n_input; i++) {
        size_t *id = &graph->input[graph->first_input[n] + i];
        *id = node->input[i][0] == '\0' ? SP_NO_NAME : sp_graph_find(graph, node->input[i]);
        if (*id == SP_NO_NAME && node->input[i][0] != '\0') {
            return sp_fail(err, SP_E_FORMAT,
                           "node '%.80s' (%.40s) reads '%.80s', which nothing in the graph defines",
                           node->name ? node->name : "", node->op_type ? node->op_type : "",
                           node->input[i]);
        }
    }
    for (size_t i = 0; i < node->n_output; i++) {
        graph->output[graph->first_output[n] + i] =
            node->output[i][0] == '\0' ? SP_NO_NAME : sp_graph_find(graph, node->output[i]);
    }
    return SP_OK;
}

static sp_status resolve(sp_error *err, sp_graph *graph) {
    const Onnx__GraphProto *proto = graph->proto;
    for (size_t n = 0; n < proto->n_node; n++) {
        graph->first_input[n + 1] = graph->first_input[n] + proto->node[n]->n_input;
        graph->first_output[n + 1] = graph->first_output[n] + proto->node[n]->n_output;
        SP_TRY(resolve_node(err, graph, n));
    }
    if (proto->n_output != 1) {
        return sp_fail(
            err, SP_E_UNSUPPORTED,
            "the graph has %zu outputs: export the model with its logits as the only one",
            proto->n_output);
    }
    const char *name = proto->output[0]->name ? proto->output[0]->name : "";
    graph->result = sp_graph_find(graph, name);
    if (graph->result == SP_NO_NAME) {
        return sp_fail(err, SP_E_FORMAT, "the output '%.200s' of the graph is not defined", name);
    }
    return SP_OK;
}

static sp_status check_size(sp_error *err, const Onnx__GraphProto *proto, size_t *inputs,
                            size_t *outputs) {
    if (proto->n_node > SP_MAX_NODES) {
        return sp_fail(err, SP_E_UNSUPPORTED, "the graph has %zu nodes: at most %d are read",
                       proto->n_node, SP_MAX_NODES);
    }
    if (proto->n_sparse_initializer > 0) {
        return sp_fail(err, SP_E_UNSUPPORTED,
                       "sparse initialisers are not supported: store them dense");
    }
    for (size_t n = 0; n < proto->n_node; n++) {
        *inputs += proto->node[n]->n_input;
        *outputs += proto->node[n]->n_output;
    }
    if (*inputs + *outputs + proto->n_initializer + proto->n_input > SP_MAX_NAMES) {
        return sp_fail(err, SP_E_UNSUPPORTED, "the graph has more than %d names", SP_MAX_NAMES);
    }
    return SP_OK;
}

sp_status sp_graph_init(sp_error *err, sp_graph *graph, const Onnx__GraphProto *proto) {
    *graph = (sp_graph){.proto = proto};
    size_t inputs = 0, outputs = 0;
    SP_TRY(check_size(err, proto, &inputs, &outputs));
    const size_t names = proto->n_initializer + proto->n_input + outputs;
    graph->definition = malloc((names + 1) * sizeof *graph->definition);
    graph->input = malloc((inputs + 1) * sizeof *graph->input);
    graph->output = malloc((outputs + 1) * sizeof *graph->output);
    graph->first_input = calloc(proto->n_node + 1, sizeof *graph->first_input);
    graph->first_output = calloc(proto->n_node + 1, sizeof *graph->first_output);
    graph->order = malloc((proto->n_node + 1) * sizeof *graph->order);
    if (!graph->definition || !graph->input || !graph->output || !graph->first_input ||
        !graph->first_output || !graph->order) {
        return no_memory(err);
    }
    SP_TRY(define_all(err, graph));
    SP_TRY(resolve(err, graph));
    return sp_graph_sort(err, graph);
}

void sp_graph_clear(sp_graph *graph) {
    free(graph->definition);
    free(graph->input);
    free(graph->output);
    free(graph->first_input);
    free(graph->first_output);
    free(graph->order);
    *graph = (sp_graph){0};
}
