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
    {"LayerNormalization",
     "a normalisation of every step by its own mean and deviation: its quotients have no bounds "
     "here, "
     "and a model with BatchNormalization in its place is another one, which has to be trained"},
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

/* The other operators of the outermost graph that are not read, each once. */
static void list_others(const sp_onnx_reader *r, char *list, size_t size) {
    const Onnx__GraphProto *proto = r->root->proto;
    size_t at = 0;
    list[0] = '\0';
    for (size_t k = 0; k < r->root->needed && at + 48 < size; k++) {
        const Onnx__NodeProto *node = proto->node[r->root->order[k]];
        bool fresh = !r->find(node) && strcmp(type_of(node), type_of(r->node)) != 0;
        for (size_t i = 0; fresh && i < k; i++) {
            fresh = strcmp(type_of(node), type_of(proto->node[r->root->order[i]])) != 0;
        }
        if (fresh) {
            at += (size_t)snprintf(
                list + at, size - at, "%s%.30s",
                at > 0 ? ", " : "; of this file it does not read either: ", type_of(node));
        }
    }
}

sp_status sp_onnx_refuse_operator(sp_onnx_reader *r) {
    char others[160];
    const char *reason = reason_of(type_of(r->node));
    const char *domain = r->node->domain ? r->node->domain : "";
    list_others(r, others, sizeof others);
    if (strcmp(type_of(r->node), "ArgMax") == 0) {
        return sp_onnx_refuse(
            r, SP_E_UNSUPPORTED,
            "verdicts speak of the logits in front of it: choose them by --output "
            "'%.60s'%s",
            sp_onnx_input_name(r, 0), others);
    }
    if (reason) {
        return sp_onnx_refuse(r, SP_E_UNSUPPORTED, "%s%s", reason, others);
    }
    if (domain[0] != '\0' && strcmp(domain, "ai.onnx") != 0) {
        return sp_onnx_refuse(r, SP_E_UNSUPPORTED,
                              "operators of the domain '%.60s' are not supported: export the model "
                              "with standard operators%s",
                              domain, others);
    }
    return sp_onnx_refuse(r, SP_E_UNSUPPORTED,
                          "this operator is not supported: docs/models.md says what is read%s",
                          others);
}
