/* Names of a graph: who defines them, who reads them. */
#include <stdlib.h>
#include <string.h>

#include "onnx/impl.h"

static int compare_names(const void *a, const void *b) {
    return strcmp(((const sp_onnx_definition *)a)->name, ((const sp_onnx_definition *)b)->name);
}

size_t sp_onnx_graph_find(const sp_onnx_graph *graph, const char *name) {
    const sp_onnx_definition key = {.name = name};
    const sp_onnx_definition *found = bsearch(&key, graph->definition, graph->definitions,
                                              sizeof *graph->definition, compare_names);
    return found ? (size_t)(found - graph->definition) : SP_ONNX_NO_NAME;
}

static sp_status no_memory(sp_error *err) {
    return sp_fail(err, SP_E_MEMORY, "no memory for the names of the graph");
}

static void define(sp_onnx_graph *graph, const char *name, sp_onnx_definer by, size_t index,
                   size_t slot) {
    graph->definition[graph->definitions++] =
        (sp_onnx_definition){.name = name, .by = by, .index = index, .slot = slot};
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

/* Initialisers, and inputs that are none; older files list initialisers among the inputs too. */
static sp_status define_inputs(sp_error *err, sp_onnx_graph *graph) {
    const Onnx__GraphProto *proto = graph->proto;
    const char **sorted = malloc((proto->n_initializer + 1) * sizeof *sorted);
    if (!sorted) {
        return no_memory(err);
    }
    for (size_t i = 0; i < proto->n_initializer; i++) {
        sorted[i] = proto->initializer[i]->name ? proto->initializer[i]->name : "";
        define(graph, sorted[i], SP_ONNX_DEFINED_BY_INITIALISER, i, 0);
    }
    qsort(sorted, proto->n_initializer, sizeof *sorted, compare_strings);
    for (size_t i = 0; i < proto->n_input; i++) {
        const char *name = proto->input[i]->name ? proto->input[i]->name : "";
        if (!is_initialiser(proto, sorted, name)) {
            define(graph, name, SP_ONNX_DEFINED_BY_INPUT, i, 0);
        }
    }
    free(sorted);
    return SP_OK;
}

static sp_status define_outputs(sp_error *err, sp_onnx_graph *graph) {
    const Onnx__GraphProto *proto = graph->proto;
    for (size_t n = 0; n < proto->n_node; n++) {
        for (size_t i = 0; i < proto->node[n]->n_output; i++) {
            if (proto->node[n]->output[i][0] != '\0') {
                define(graph, proto->node[n]->output[i], SP_ONNX_DEFINED_BY_NODE, n, i);
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

/* The outermost graph must have an input that is no initialiser, and an output. Called before the
 * outputs of nodes are defined. */
static sp_status check_outermost(sp_error *err, const sp_onnx_graph *graph) {
    const Onnx__GraphProto *proto = graph->proto;
    bool any = false;
    for (size_t i = 0; i < graph->definitions; i++) {
        any = any || graph->definition[i].by == SP_ONNX_DEFINED_BY_INPUT;
    }
    if (!any) {
        return sp_fail(err, SP_E_UNSUPPORTED,
                       "the graph has no input: export the model with its features as an input");
    }
    if (proto->n_output == 0) {
        return sp_fail(err, SP_E_UNSUPPORTED,
                       "the graph has 0 outputs: export the model with its logits as one");
    }
    return SP_OK;
}

/* ---- graphs inside of nodes ---- */

/* The first of the graphs inside of node n, or of a later node. */
static size_t first_inner(const sp_onnx_graph *graph, size_t n) {
    size_t lo = 0, hi = graph->inners;
    while (lo < hi) {
        const size_t middle = lo + (hi - lo) / 2;
        if (graph->inner[middle].node < n) {
            lo = middle + 1;
        } else {
            hi = middle;
        }
    }
    return lo;
}

/* What the graphs inside of node n read from outside: calls visit with each of these names. */
static sp_status visit_captured(sp_error *err, sp_onnx_graph *graph, size_t n,
                                sp_status (*visit)(sp_error *, sp_onnx_graph *, size_t,
                                                   const char *)) {
    for (size_t k = first_inner(graph, n); k < graph->inners && graph->inner[k].node == n; k++) {
        const sp_onnx_graph *inner = &graph->inner[k].graph;
        for (size_t i = 0; i < inner->definitions; i++) {
            if (inner->definition[i].by == SP_ONNX_DEFINED_OUTSIDE) {
                SP_TRY(visit(err, graph, n, inner->definition[i].name));
            }
        }
    }
    return SP_OK;
}

static size_t count_captured(const sp_onnx_graph *inner) {
    size_t count = 0;
    for (size_t i = 0; i < inner->definitions; i++) {
        count += inner->definition[i].by == SP_ONNX_DEFINED_OUTSIDE;
    }
    return count;
}

static sp_status init_graph(sp_error *err, sp_onnx_graph *graph, const Onnx__GraphProto *proto,
                            bool outermost);

static sp_status init_inner(sp_error *err, sp_onnx_graph *graph) {
    const Onnx__GraphProto *proto = graph->proto;
    size_t count = 0;
    for (size_t n = 0; n < proto->n_node; n++) {
        for (size_t i = 0; i < proto->node[n]->n_attribute; i++) {
            count += proto->node[n]->attribute[i]->g != NULL;
        }
    }
    graph->inner = calloc(count + 1, sizeof *graph->inner);
    if (!graph->inner) {
        return no_memory(err);
    }
    for (size_t n = 0; n < proto->n_node; n++) {
        for (size_t i = 0; i < proto->node[n]->n_attribute; i++) {
            const Onnx__AttributeProto *a = proto->node[n]->attribute[i];
            if (!a->g) {
                continue;
            }
            sp_onnx_subgraph *inner = &graph->inner[graph->inners++];
            inner->node = n;
            inner->attribute = a->name ? a->name : "";
            SP_TRY(init_graph(err, &inner->graph, a->g, false));
        }
    }
    return SP_OK;
}

const sp_onnx_graph *sp_onnx_subgraph_find(const sp_onnx_graph *graph, size_t n,
                                           const char *attribute) {
    for (size_t k = first_inner(graph, n); k < graph->inners && graph->inner[k].node == n; k++) {
        if (strcmp(graph->inner[k].attribute, attribute) == 0) {
            return &graph->inner[k].graph;
        }
    }
    return NULL;
}

/* ---- who reads what ---- */

static sp_status reads_nothing(sp_error *err, const sp_onnx_graph *graph, size_t n,
                               const char *name) {
    const Onnx__NodeProto *node = graph->proto->node[n];
    return sp_fail(err, SP_E_FORMAT,
                   "node '%.80s' (%.40s) reads '%.80s', which nothing in the graph defines",
                   node->name ? node->name : "", node->op_type ? node->op_type : "", name);
}

/* A name that this graph does not define: the graph around it must. */
static sp_status import(sp_error *err, sp_onnx_graph *graph, size_t n, const char *name) {
    (void)err;
    (void)n;
    if (name[0] != '\0' && sp_onnx_graph_find(graph, name) == SP_ONNX_NO_NAME) {
        // Behind the sorted ones; merged by import_all.
        graph->definition[graph->definitions + graph->imports++] =
            (sp_onnx_definition){.name = name, .by = SP_ONNX_DEFINED_OUTSIDE};
    }
    return SP_OK;
}

static sp_status import_all(sp_error *err, sp_onnx_graph *graph) {
    const Onnx__GraphProto *proto = graph->proto;
    for (size_t n = 0; n < proto->n_node; n++) {
        for (size_t i = 0; i < proto->node[n]->n_input; i++) {
            SP_TRY(import(err, graph, n, proto->node[n]->input[i]));
        }
        SP_TRY(visit_captured(err, graph, n, import));
    }
    for (size_t i = 0; i < proto->n_output; i++) {
        SP_TRY(import(err, graph, 0, proto->output[i]->name ? proto->output[i]->name : ""));
    }
    const size_t all = graph->definitions + graph->imports, own = graph->definitions;
    qsort(graph->definition + own, graph->imports, sizeof *graph->definition, compare_names);
    size_t kept = own;
    for (size_t i = own; i < all; i++) {
        if (i == own || strcmp(graph->definition[i].name, graph->definition[kept - 1].name) != 0) {
            graph->definition[kept++] = graph->definition[i];
        }
    }
    graph->definitions = kept;
    qsort(graph->definition, graph->definitions, sizeof *graph->definition, compare_names);
    return SP_OK;
}

/* Appends a definition to the inputs of node n. */
static sp_status append_input(sp_error *err, sp_onnx_graph *graph, size_t n, const char *name) {
    size_t *id = &graph->input[graph->first_input[n + 1]++];
    *id = name[0] == '\0' ? SP_ONNX_NO_NAME : sp_onnx_graph_find(graph, name);
    return *id == SP_ONNX_NO_NAME && name[0] != '\0' ? reads_nothing(err, graph, n, name) : SP_OK;
}

static sp_status resolve_nodes(sp_error *err, sp_onnx_graph *graph) {
    const Onnx__GraphProto *proto = graph->proto;
    for (size_t n = 0; n < proto->n_node; n++) {
        const Onnx__NodeProto *node = proto->node[n];
        graph->first_input[n + 1] = graph->first_input[n];
        for (size_t i = 0; i < node->n_input; i++) {
            SP_TRY(append_input(err, graph, n, node->input[i]));
        }
        SP_TRY(visit_captured(err, graph, n, append_input));
        graph->first_output[n + 1] = graph->first_output[n] + node->n_output;
        for (size_t i = 0; i < node->n_output; i++) {
            graph->output[graph->first_output[n] + i] =
                node->output[i][0] == '\0' ? SP_ONNX_NO_NAME
                                           : sp_onnx_graph_find(graph, node->output[i]);
        }
    }
    return SP_OK;
}

/* Tells the graphs inside which of our definitions their names stand for. */
static void link_inner(sp_onnx_graph *graph) {
    for (size_t k = 0; k < graph->inners; k++) {
        sp_onnx_graph *inner = &graph->inner[k].graph;
        for (size_t i = 0; i < inner->definitions; i++) {
            if (inner->definition[i].by == SP_ONNX_DEFINED_OUTSIDE) {
                inner->definition[i].index = sp_onnx_graph_find(graph, inner->definition[i].name);
            }
        }
    }
}

static sp_status resolve_ends(sp_error *err, sp_onnx_graph *graph) {
    const Onnx__GraphProto *proto = graph->proto;
    for (size_t i = 0; i < proto->n_input; i++) {
        graph->argument[i] =
            sp_onnx_graph_find(graph, proto->input[i]->name ? proto->input[i]->name : "");
    }
    for (size_t i = 0; i < proto->n_output; i++) {
        const char *name = proto->output[i]->name ? proto->output[i]->name : "";
        graph->result[i] = sp_onnx_graph_find(graph, name);
        graph->results = i + 1;
        if (graph->result[i] == SP_ONNX_NO_NAME) {
            return sp_fail(err, SP_E_FORMAT, "the output '%.200s' of the graph is not defined",
                           name);
        }
    }
    return SP_OK;
}

static sp_status check_size(sp_error *err, const Onnx__GraphProto *proto, size_t *inputs,
                            size_t *outputs) {
    if (proto->n_node > SP_ONNX_MAX_NODES) {
        return sp_fail(err, SP_E_UNSUPPORTED, "the graph has %zu nodes: at most %d are read",
                       proto->n_node, SP_ONNX_MAX_NODES);
    }
    if (proto->n_sparse_initializer > 0) {
        return sp_fail(err, SP_E_UNSUPPORTED,
                       "sparse initialisers are not supported: store them dense");
    }
    for (size_t n = 0; n < proto->n_node; n++) {
        *inputs += proto->node[n]->n_input;
        *outputs += proto->node[n]->n_output;
    }
    if (*inputs + *outputs + proto->n_initializer + proto->n_input > SP_ONNX_MAX_NAMES) {
        return sp_fail(err, SP_E_UNSUPPORTED, "the graph has more than %d names",
                       SP_ONNX_MAX_NAMES);
    }
    return SP_OK;
}

static sp_status take_arrays(sp_error *err, sp_onnx_graph *graph, size_t inputs, size_t outputs) {
    const Onnx__GraphProto *proto = graph->proto;
    size_t captured = 0;
    for (size_t k = 0; k < graph->inners; k++) {
        captured += count_captured(&graph->inner[k].graph);
    }
    inputs += captured;
    const size_t own = proto->n_initializer + proto->n_input + outputs;
    graph->definition = malloc((own + inputs + proto->n_output + 1) * sizeof *graph->definition);
    graph->input = malloc((inputs + 1) * sizeof *graph->input);
    graph->output = malloc((outputs + 1) * sizeof *graph->output);
    graph->first_input = calloc(proto->n_node + 1, sizeof *graph->first_input);
    graph->first_output = calloc(proto->n_node + 1, sizeof *graph->first_output);
    graph->order = malloc((proto->n_node + 1) * sizeof *graph->order);
    graph->argument = malloc((proto->n_input + 1) * sizeof *graph->argument);
    graph->result = malloc((proto->n_output + 1) * sizeof *graph->result);
    return graph->definition && graph->input && graph->output && graph->first_input &&
                   graph->first_output && graph->order && graph->argument && graph->result
               ? SP_OK
               : no_memory(err);
}

static sp_status init_graph(sp_error *err, sp_onnx_graph *graph, const Onnx__GraphProto *proto,
                            bool outermost) {
    *graph = (sp_onnx_graph){.proto = proto};
    size_t inputs = 0, outputs = 0;
    SP_TRY(check_size(err, proto, &inputs, &outputs));
    SP_TRY(init_inner(err, graph));
    SP_TRY(take_arrays(err, graph, inputs, outputs));
    SP_TRY(define_inputs(err, graph));
    SP_TRY(outermost ? check_outermost(err, graph) : SP_OK);
    SP_TRY(define_outputs(err, graph));
    SP_TRY(outermost ? SP_OK : import_all(err, graph));
    SP_TRY(resolve_nodes(err, graph));
    link_inner(graph);
    SP_TRY(resolve_ends(err, graph));
    return sp_onnx_graph_sort(err, graph);
}

sp_status sp_onnx_graph_init(sp_error *err, sp_onnx_graph *graph, const Onnx__GraphProto *proto) {
    return init_graph(err, graph, proto, true);
}

void sp_onnx_graph_clear(sp_onnx_graph *graph) {
    for (size_t k = 0; k < graph->inners; k++) {
        sp_onnx_graph_clear(&graph->inner[k].graph);
    }
    free(graph->inner);
    free(graph->definition);
    free(graph->input);
    free(graph->output);
    free(graph->first_input);
    free(graph->first_output);
    free(graph->order);
    free(graph->argument);
    free(graph->result);
    free(graph->role);
    *graph = (sp_onnx_graph){0};
}
