/* The body of a Loop: what it reads, one walk over it, and what outlives that walk. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "onnx/cell/loop.h"

/* ---- before the first iteration ---- */

sp_status sp_onnx_loop_condition(sp_onnx_reader *r, bool *go, const sp_onnx_value *value,
                                 const char *what) {
    if (value->kind != SP_ONNX_VALUE_TENSOR || value->tensor.kind != SP_ONNX_WHOLE ||
        value->tensor.count != 1 || value->tensor.whole[0].t != 0) {
        return sp_onnx_refuse(
            r, SP_E_UNSUPPORTED,
            "%s depends on the features or on the number of steps: only Loops whose "
            "number of iterations is fixed are read",
            what);
    }
    *go = value->tensor.whole[0].k != 0;
    return SP_OK;
}

static sp_status read_trips(sp_onnx_reader *r, sp_onnx_loop *loop) {
    loop->trips = INT64_MAX;
    loop->go = true;
    if (sp_onnx_input(r, 0)) {
        const sp_onnx_dim *count = NULL;
        size_t n = 0;
        SP_TRY(sp_onnx_input_wholes(r, &count, &n, 0, "M"));
        if (n != 1) {
            return sp_onnx_refuse(r, SP_E_FORMAT, "M has %zu numbers", n);
        }
        if (count[0].t != 0) {
            r->wants_length = true;
            return sp_onnx_refuse(
                r, SP_E_UNSUPPORTED,
                "its trip count depends on the number of steps: export the model with "
                "a fixed number of steps");
        }
        loop->trips = count[0].k;
    }
    return sp_onnx_input(r, 1)
               ? sp_onnx_loop_condition(r, &loop->go, sp_onnx_input(r, 1), "its condition")
               : SP_OK;
}

static sp_status check_body(sp_onnx_reader *r, sp_onnx_loop *loop) {
    loop->body = sp_onnx_subgraph_find(r->graph, sp_onnx_node_index(r), "body");
    if (!loop->body) {
        return sp_onnx_refuse(r, SP_E_FORMAT, "it has no body");
    }
    const Onnx__GraphProto *proto = loop->body->proto;
    if (sp_onnx_inputs(r) < 2) {
        return sp_onnx_refuse(r, SP_E_FORMAT, "it has %zu inputs", sp_onnx_inputs(r));
    }
    loop->carried = sp_onnx_inputs(r) - 2;
    if (proto->n_input != loop->carried + 2 || proto->n_output < loop->carried + 1 ||
        r->node->n_output > proto->n_output - 1) {
        return sp_onnx_refuse(
            r, SP_E_FORMAT,
            "it carries %zu values and has %zu outputs, but its body has %zu inputs "
            "and %zu outputs",
            loop->carried, r->node->n_output, proto->n_input, proto->n_output);
    }
    for (size_t i = 0; i < proto->n_input; i++) {
        if (loop->body->definition[loop->body->argument[i]].by != SP_ONNX_DEFINED_BY_INPUT) {
            return sp_onnx_refuse(r, SP_E_UNSUPPORTED,
                                  "input '%.60s' of its body is an initialiser too",
                                  proto->input[i]->name);
        }
    }
    loop->scans = proto->n_output - 1 - loop->carried;
    return SP_OK;
}

/* What the body reads from outside, and its initialisers. */
static sp_status bind_names(sp_onnx_reader *r, sp_onnx_loop *loop) {
    for (size_t i = 0; i < loop->body->definitions; i++) {
        const sp_onnx_definition *definition = &loop->body->definition[i];
        if (definition->by == SP_ONNX_DEFINED_OUTSIDE) {
            const sp_onnx_value *value = NULL;
            SP_TRY(sp_onnx_value_load(r, &value, definition->index));
            loop->value[i] = r->value[definition->index];
        } else if (definition->by == SP_ONNX_DEFINED_BY_INITIALISER) {
            sp_onnx_value *value = sp_region_take(&r->region, 1, sizeof *value);
            if (!value) {
                return sp_onnx_out_of_memory(r);
            }
            value->kind = SP_ONNX_VALUE_TENSOR;
            SP_TRY(sp_onnx_tensor_read(r->err, &r->region, &value->tensor,
                                       loop->body->proto->initializer[definition->index]));
            loop->value[i] = value;
        }
    }
    return SP_OK;
}

sp_status sp_onnx_loop_init(sp_onnx_reader *r, sp_onnx_loop *loop) {
    SP_TRY(check_body(r, loop));
    SP_TRY(read_trips(r, loop));
    const size_t names = loop->body->definitions;
    loop->value = calloc(names + 1, sizeof *loop->value);
    loop->scratch = calloc(names + 1, sizeof *loop->scratch);
    loop->now = sp_region_take(&r->region, loop->carried + 1, sizeof *loop->now);
    loop->next = sp_region_take(&r->region, 1 + loop->carried + loop->scans, sizeof *loop->next);
    loop->is_state = sp_region_take(&r->region, loop->carried + 1, sizeof *loop->is_state);
    loop->scan = calloc(loop->scans + 1, sizeof *loop->scan);
    if (!loop->value || !loop->scratch || !loop->now || !loop->next || !loop->is_state ||
        !loop->scan) {
        return sp_onnx_out_of_memory(r);
    }
    for (size_t i = 0; i < loop->carried; i++) {
        if (!sp_onnx_input(r, i + 2)) {
            return sp_onnx_refuse(r, SP_E_FORMAT, "input %zu is left out", i + 2);
        }
        loop->now[i] = *sp_onnx_input(r, i + 2);
    }
    return bind_names(r, loop);
}

void sp_onnx_loop_clear(sp_onnx_loop *loop) {
    for (size_t i = 0; loop->scan && i < loop->scans; i++) {
        free(loop->scan[i].value);
    }
    free(loop->scan);
    free(loop->value);
    free(loop->scratch);
    sp_region_clear(&loop->kept[0], 0);
    sp_region_clear(&loop->kept[1], 0);
}

/* ---- one iteration ---- */

static sp_status set_whole(sp_onnx_reader *r, sp_onnx_value **slot, int64_t k) {
    sp_onnx_value *value = sp_region_take(&r->region, 1, sizeof *value);
    if (!value) {
        return sp_onnx_out_of_memory(r);
    }
    value->kind = SP_ONNX_VALUE_TENSOR;
    value->tensor.kind = SP_ONNX_WHOLE;
    (void)sp_onnx_tensor_shape(&value->tensor, NULL, 0);
    sp_onnx_dim *number = sp_onnx_tensor_make(r, &value->tensor);
    if (!number) {
        return sp_onnx_out_of_memory(r);
    }
    *number = sp_onnx_dim_of(k);
    *slot = value;
    return SP_OK;
}

/* A state as symbols instead of numbers. */
static sp_status set_state(sp_onnx_reader *r, sp_onnx_value *value, const sp_onnx_tensor *like,
                           size_t state) {
    *value = (sp_onnx_value){.kind = SP_ONNX_VALUE_TENSOR, .tensor = *like};
    value->tensor.kind = SP_ONNX_POLYNOMIAL;
    sp_onnx_polynomial *polynomial = sp_onnx_tensor_make(r, &value->tensor);
    if (!polynomial) {
        return sp_onnx_out_of_memory(r);
    }
    for (size_t j = 0; j < like->count; j++) {
        SP_TRY(sp_onnx_polynomial_symbol(r, &polynomial[j],
                                         SP_ONNX_SYMBOL_STATE + ((sp_onnx_symbol)state << 22) +
                                             (sp_onnx_symbol)j));
    }
    return SP_OK;
}

static sp_status set_arguments(sp_onnx_reader *r, sp_onnx_loop *loop) {
    const size_t *argument = loop->body->argument;
    memcpy(loop->scratch, loop->value, loop->body->definitions * sizeof *loop->scratch);
    SP_TRY(set_whole(r, &loop->scratch[argument[0]], (int64_t)loop->iterations));
    SP_TRY(set_whole(r, &loop->scratch[argument[1]], 1));
    for (size_t i = 0, state = 0; i < loop->carried; i++) {
        sp_onnx_value *value = sp_region_take(&r->region, 1, sizeof *value);
        if (!value) {
            return sp_onnx_out_of_memory(r);
        }
        *value = loop->now[i];
        if (loop->is_state[i]) {
            SP_TRY(set_state(r, value, &loop->now[i].tensor, state++));
        }
        loop->scratch[argument[i + 2]] = value;
    }
    return SP_OK;
}

static sp_status read_outputs(sp_onnx_reader *r, sp_onnx_loop *loop) {
    for (size_t i = 0; i < loop->body->proto->n_output; i++) {
        const sp_onnx_value *value = NULL;
        SP_TRY(sp_onnx_value_load(r, &value, loop->body->result[i]));
        if (!value) {
            return sp_fail(r->err, SP_E_UNSUPPORTED, "output %zu of a Loop's body has no value", i);
        }
        loop->next[i] = *value;
    }
    return SP_OK;
}

/* Walks the body; its outputs live in the reader's region. */
sp_status sp_onnx_loop_run_body(sp_onnx_reader *r, sp_onnx_loop *loop) {
    const sp_onnx_reader around = *r;
    SP_TRY(set_arguments(r, loop));
    r->graph = loop->body;
    r->value = loop->scratch;
    r->depth++;
    sp_status status = sp_onnx_walk(r);
    status = status == SP_OK ? read_outputs(r, loop) : status;
    r->graph = around.graph;
    r->value = around.value;
    r->at = around.at;
    r->node = around.node;
    r->depth--;
    return status;
}

/* A value that outlives the region in which it is. */
sp_status sp_onnx_loop_keep(sp_onnx_reader *r, sp_onnx_value *copy, const sp_onnx_value *value) {
    *copy = *value;
    if (value->kind == SP_ONNX_VALUE_TENSOR && value->tensor.kind == SP_ONNX_POLYNOMIAL) {
        *copy = (sp_onnx_value){
            .kind = SP_ONNX_VALUE_OPAQUE,
            .why = "an output of a Loop that depends on the features and is not the "
                   "state of its cell"};
        return SP_OK;
    }
    if (value->kind == SP_ONNX_VALUE_TENSOR) {
        return sp_onnx_tensor_copy(r, &copy->tensor, &value->tensor);
    }
    return value->kind == SP_ONNX_VALUE_SEQUENCE
               ? sp_onnx_sequence_copy(r, &copy->sequence, &value->sequence)
               : SP_OK;
}
