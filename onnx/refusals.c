/* Why an operator is refused, what else of the file would be, and what to do that keeps the model
 * the same. */
#include <stdio.h>
#include <string.h>

#include "onnx/impl.h"

#define QUANTISED                                                                                  \
    "the network is quantised, its weights and states are rounded to whole numbers, and a "        \
    "verdict "                                                                                     \
    "about the float32 network would say nothing about it: to certify that other network, export " \
    "it in float32, before quantisation"

/* Beginnings of names of operators. */
static const char *const reasons[][2] = {
    {"Scan", "of loops in the graph only Loop is read: export the model with another opset"},
    {"QuantizeLinear", QUANTISED},
    {"DequantizeLinear", QUANTISED},
    {"DynamicQuantize", QUANTISED},
    {"MatMulInteger", QUANTISED},
    {"ConvInteger", QUANTISED},
    {"QLinear", QUANTISED},
};

static const char *reason_of(const char *type) {
    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++) {
        if (strncmp(type, reasons[i][0], strlen(reasons[i][0])) == 0) {
            return reasons[i][1];
        }
    }
    return NULL;
}

static const char *type_of(const Onnx__NodeProto *node) {
    return node->op_type ? node->op_type : "";
}

/* ---- all that stands in the way ---- */

/* sp_onnx_obstacle - nodes that are refused for one reason. */
typedef struct sp_onnx_obstacle {
    const Onnx__NodeProto *node; /* the first one */
    const char *attribute;       /* NULL: its operator */
    size_t nodes;
} sp_onnx_obstacle;
enum { MOST_OBSTACLES = 8 };

static bool same_text(const char *a, const char *b) {
    return a && b ? strcmp(a, b) == 0 : a == b;
}

/* Adds what the row of the operator says about a node; returns how many there are now. */
static size_t add_obstacle(const sp_onnx_reader *r, sp_onnx_obstacle *list, size_t count,
                           const Onnx__NodeProto *node) {
    const sp_onnx_operator *row = r->find(node);
    const char *attribute = row ? sp_onnx_attribute_unknown(node, row->attributes) : NULL;
    if (row && !attribute) {
        return count;
    }
    for (size_t i = 0; i < count; i++) {
        if (strcmp(type_of(list[i].node), type_of(node)) == 0 &&
            same_text(list[i].attribute, attribute)) {
            list[i].nodes++;
            return count;
        }
    }
    if (count < MOST_OBSTACLES) {
        list[count++] = (sp_onnx_obstacle){node, attribute, 1};
    }
    return count;
}

static size_t print_obstacle(char *text, size_t size, const sp_onnx_obstacle *obstacle,
                             bool first) {
    const Onnx__NodeProto *node = obstacle->node;
    const char *name = node->name && node->name[0] != '\0' ? node->name
                       : node->n_output > 0                ? node->output[0]
                                                           : "";
    char more[64] = "", attribute[64] = "";
    if (obstacle->nodes > 1) {
        snprintf(more, sizeof more, " and %zu more", obstacle->nodes - 1);
    }
    if (obstacle->attribute) {
        snprintf(attribute, sizeof attribute, ", attribute '%.30s'", obstacle->attribute);
    }
    const int n =
        snprintf(text, size, "%s'%.40s' (%.30s%s)%s", first ? "; nor does it read " : ", ", name,
                 type_of(node), attribute, more);
    return n > 0 && (size_t)n < size ? (size_t)n : 0;
}

void sp_onnx_obstacles(const sp_onnx_reader *r, char *text, size_t size, const char *refusal) {
    const sp_onnx_graph *graph = r->root;
    sp_onnx_obstacle list[MOST_OBSTACLES];
    size_t count = 0, at = 0;
    for (size_t k = 0; k < graph->needed; k++) {
        count = add_obstacle(r, list, count, graph->proto->node[graph->order[k]]);
    }
    text[0] = '\0';
    for (size_t i = 0; i < count; i++) {
        char type[40];
        snprintf(type, sizeof type, "(%.30s):", type_of(list[i].node));
        if (!strstr(refusal, type)) { // that one is told already
            const size_t n = print_obstacle(text + at, size - at, &list[i], at == 0);
            text[at + n] = '\0';
            at += n;
        }
    }
}

/* ---- the first of them ---- */

sp_status sp_onnx_refuse_operator(sp_onnx_reader *r) {
    const char *reason = reason_of(type_of(r->node));
    const char *domain = r->node->domain ? r->node->domain : "";
    if (strcmp(type_of(r->node), "ArgMax") == 0) {
        return sp_onnx_refuse(
            r, SP_E_UNSUPPORTED,
            "verdicts speak of the logits in front of it: choose them by --output "
            "'%.60s'",
            sp_onnx_input_name(r, 0));
    }
    if (reason) {
        return sp_onnx_refuse(r, SP_E_UNSUPPORTED, "%s", reason);
    }
    if (domain[0] != '\0' && strcmp(domain, "ai.onnx") != 0) {
        return sp_onnx_refuse(r, SP_E_UNSUPPORTED,
                              "operators of the domain '%.60s' are not supported: export the model "
                              "with standard operators",
                              domain);
    }
    return sp_onnx_refuse(r, SP_E_UNSUPPORTED,
                          "this operator is not supported: docs/models.md says what is read");
}
