/* If with a condition that is a constant: the branch that it takes, as if it stood in the graph. */
#include <stdlib.h>

#include "onnx/impl.h"

static sp_status read_condition(sp_onnx_reader *r, bool *holds) {
    const sp_onnx_value *value = sp_onnx_input(r, 0);
    if (value->kind == SP_ONNX_VALUE_TENSOR && value->tensor.kind != SP_ONNX_POLYNOMIAL &&
        value->tensor.count == 1) {
        const bool whole = value->tensor.kind == SP_ONNX_WHOLE;
        if (!whole || value->tensor.whole[0].t == 0) {
            *holds = whole ? value->tensor.whole[0].k != 0 : value->tensor.real[0] != 0.0;
            return SP_OK;
        }
        r->wants_length = true;
        return sp_onnx_refuse(r, SP_E_UNSUPPORTED,
                              "which branch it takes depends on the number of steps: export the "
                              "same weights with a fixed number of steps");
    }
    return sp_onnx_refuse(r, SP_E_UNSUPPORTED,
                          "which branch it takes depends on the features ('%.60s'): no bound is "
                          "made of a network that changes with its input",
                          sp_onnx_input_name(r, 0));
}

/* What the branch reads from outside. */
static void bind(sp_onnx_reader *r, const sp_onnx_graph *branch, sp_onnx_value **value) {
    for (size_t i = 0; i < branch->definitions; i++) {
        if (branch->definition[i].by == SP_ONNX_DEFINED_OUTSIDE) {
            value[i] = r->value[branch->definition[i].index];
        }
    }
}

static sp_status load_outside(sp_onnx_reader *r, const sp_onnx_graph *branch) {
    const sp_onnx_value *value = NULL;
    for (size_t i = 0; i < branch->definitions; i++) {
        if (branch->definition[i].by == SP_ONNX_DEFINED_OUTSIDE) {
            SP_TRY(sp_onnx_value_load(r, &value, branch->definition[i].index));
        }
    }
    return SP_OK;
}

/* The outputs of the branch, which are those of the node. */
static sp_status hand_out(sp_onnx_reader *r, const sp_onnx_graph *branch,
                          const sp_onnx_reader *around) {
    const sp_onnx_value *result[16];
    sp_onnx_value **const values = r->value;
    if (branch->results > sizeof result / sizeof *result || around->node->n_output > 16 ||
        around->node->n_output > branch->results) {
        return sp_onnx_refuse(r, SP_E_UNSUPPORTED, "a branch with %zu outputs", branch->results);
    }
    for (size_t i = 0; i < branch->results; i++) {
        SP_TRY(sp_onnx_value_load(r, &result[i], branch->result[i]));
        if (!result[i]) {
            return sp_onnx_refuse(r, SP_E_UNSUPPORTED, "output %zu of its branch has no value", i);
        }
    }
    if (r->wanted.graph == branch) {
        r->captured = values[r->wanted.id];
    }
    r->graph = around->graph;
    r->value = around->value;
    r->at = around->at;
    r->node = around->node;
    for (size_t i = 0; i < around->node->n_output; i++) {
        SP_TRY(sp_onnx_return_value(r, i, result[i]));
    }
    return SP_OK;
}

sp_status sp_onnx_op_if(sp_onnx_reader *r) {
    bool holds = false;
    SP_TRY(read_condition(r, &holds));
    const char *name = holds ? "then_branch" : "else_branch";
    const sp_onnx_graph *branch = sp_onnx_subgraph_find(r->graph, sp_onnx_node_index(r), name);
    if (!branch || branch->proto->n_input > 0) {
        return sp_onnx_refuse(r, SP_E_FORMAT, "it has no %s without inputs", name);
    }
    SP_TRY(load_outside(r, branch));
    sp_onnx_value **value = calloc(branch->definitions + 1, sizeof *value);
    if (!value) {
        return sp_onnx_out_of_memory(r);
    }
    bind(r, branch, value);
    const sp_onnx_reader around = *r;
    r->graph = branch;
    r->value = value;
    sp_status status = sp_onnx_walk(r);
    status = status == SP_OK ? hand_out(r, branch, &around) : status;
    r->graph = around.graph;
    r->value = around.value;
    r->at = around.at;
    if (status == SP_OK) {
        r->node = around.node;
    }
    free(value);
    return status;
}
