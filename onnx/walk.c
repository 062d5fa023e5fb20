/* The walk over the graph at hand, and what its names stand for. */
#include "onnx/impl.h"

sp_status sp_onnx_value_load(sp_onnx_reader *r, const sp_onnx_value **found, size_t id) {
    const sp_onnx_definition *definition = &r->graph->definition[id];
    if (!r->value[id] && definition->by == SP_ONNX_DEFINED_BY_INITIALISER) {
        sp_onnx_value *value = sp_region_take(&r->region, 1, sizeof *value);
        if (!value) {
            return sp_fail(r->err, SP_E_MEMORY, "no memory for tensor '%.120s'", definition->name);
        }
        value->kind = SP_ONNX_VALUE_TENSOR;
        SP_TRY(sp_onnx_tensor_read(r->err, &r->region, &value->tensor,
                                   r->graph->proto->initializer[definition->index]));
        r->value[id] = value;
    }
    *found = r->value[id];
    return SP_OK;
}

static sp_status load_inputs(sp_onnx_reader *r) {
    for (size_t i = 0; i < r->node->n_input; i++) {
        const size_t id = sp_onnx_input_id(r, i);
        const sp_onnx_value *value = NULL;
        if (id == SP_ONNX_NO_NAME) {
            continue;
        }
        SP_TRY(sp_onnx_value_load(r, &value, id));
        if (!value) {
            return sp_onnx_refuse(r, SP_E_UNSUPPORTED,
                                  "it reads '%.60s', an optional output that its node "
                                  "does not give here",
                                  sp_onnx_input_name(r, i));
        }
        if (value->kind == SP_ONNX_VALUE_OPAQUE) {
            return sp_onnx_refuse(r, SP_E_UNSUPPORTED, "it reads '%.60s', %s",
                                  sp_onnx_input_name(r, i), value->why);
        }
    }
    return SP_OK;
}

static sp_status read_node(sp_onnx_reader *r) {
    const sp_onnx_operator *op = r->find(r->node);
    if (!op) {
        return sp_onnx_refuse_operator(r);
    }
    SP_TRY(sp_onnx_attributes_check(r, op->attributes));
    if (r->node->n_input < op->least || r->node->n_input > op->most) {
        return sp_onnx_refuse(r, SP_E_FORMAT, "it has %zu inputs", r->node->n_input);
    }
    SP_TRY(load_inputs(r));
    for (size_t i = 0; i < op->least; i++) {
        if (!sp_onnx_input(r, i)) {
            return sp_onnx_refuse(r, SP_E_FORMAT, "input %zu is left out", i);
        }
    }
    return op->read(r);
}

/* What bodies of Loops take: a step for the node and one for every 16 bytes. */
static sp_status account(sp_onnx_reader *r, size_t before) {
    const size_t steps = 1 + (before > r->region.left ? (before - r->region.left) / 16 : 0);
    if (r->depth > 0 && steps > r->work) {
        return sp_onnx_refuse(r, SP_E_UNSUPPORTED, "the Loop around it takes too many steps");
    }
    r->work -= r->depth > 0 ? steps : 0;
    return SP_OK;
}

sp_status sp_onnx_walk(sp_onnx_reader *r) {
    for (r->at = 0; r->at < r->graph->needed; r->at++) {
        r->node = r->graph->proto->node[sp_onnx_node_index(r)];
        r->furthest = r->graph == r->root ? r->at : r->furthest;
        const size_t before = r->region.left;
        SP_TRY(read_node(r));
        SP_TRY(account(r, before));
    }
    r->furthest = r->graph == r->root ? r->at : r->furthest;
    return SP_OK;
}
