/* The body of a Loop: what it reads, one walk over it, and what outlives that walk. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "onnx/loop.h"

/* ---- before the first iteration ---- */

sp_status sp_loop_condition(sp_reader *r, bool *go, const sp_value *value, const char *what) {
    if (value->kind != SP_VALUE_TENSOR || value->tensor.kind != SP_NUMBERS_WHOLE ||
        value->tensor.count != 1 || value->tensor.whole[0].t != 0) {
        return sp_refuse(r, SP_E_UNSUPPORTED,
                         "%s depends on the features or on the number of steps: only Loops whose "
                         "number of iterations is fixed are read",
                         what);
    }
    *go = value->tensor.whole[0].k != 0;
    return SP_OK;
}

static sp_status read_trips(sp_reader *r, sp_loop *loop) {
    loop->trips = INT64_MAX;
    loop->go = true;
    if (sp_input(r, 0)) {
        const sp_extent *count = NULL;
        size_t n = 0;
        SP_TRY(sp_input_wholes(r, &count, &n, 0, "M"));
        if (n != 1) {
            return sp_refuse(r, SP_E_FORMAT, "M has %zu numbers", n);
        }
        if (count[0].t != 0) {
            r->wants_length = true;
            return sp_refuse(r, SP_E_UNSUPPORTED,
                             "its trip count depends on the number of steps: export the model with "
                             "a fixed number of steps");
        }
        loop->trips = count[0].k;
    }
    return sp_input(r, 1) ? sp_loop_condition(r, &loop->go, sp_input(r, 1), "its condition")
                          : SP_OK;
}

static sp_status check_body(sp_reader *r, sp_loop *loop) {
    loop->body = sp_graph_inner(r->graph, sp_node_index(r), "body");
    if (!loop->body) {
        return sp_refuse(r, SP_E_FORMAT, "it has no body");
    }
    const Onnx__GraphProto *proto = loop->body->proto;
    if (sp_inputs(r) < 2) {
        return sp_refuse(r, SP_E_FORMAT, "it has %zu inputs", sp_inputs(r));
    }
    loop->carried = sp_inputs(r) - 2;
    if (proto->n_input != loop->carried + 2 || proto->n_output < loop->carried + 1 ||
        r->node->n_output > proto->n_output - 1) {
        return sp_refuse(r, SP_E_FORMAT,
                         "it carries %zu values and has %zu outputs, but its body has %zu inputs "
                         "and %zu outputs",
                         loop->carried, r->node->n_output, proto->n_input, proto->n_output);
    }
    for (size_t i = 0; i < proto->n_input; i++) {
        if (loop->body->definition[loop->body->argument[i]].by != SP_DEFINED_BY_INPUT) {
            return sp_refuse(r, SP_E_UNSUPPORTED, "input '%.60s' of its body is an initialiser too",
                             proto->input[i]->name);
        }
    }
    loop->scans = proto->n_output - 1 - loop->carried;
    return SP_OK;
}

/* What the body reads from outside, and its initialisers. */
static sp_status bind_names(sp_reader *r, sp_loop *loop) {
    for (size_t i = 0; i < loop->body->definitions; i++) {
        const sp_definition *definition = &loop->body->definition[i];
        if (definition->by == SP_DEFINED_OUTSIDE) {
            const sp_value *value = NULL;
            SP_TRY(sp_load(r, &value, definition->index));
            loop->value[i] = r->value[definition->index];
        } else if (definition->by == SP_DEFINED_BY_INITIALISER) {
            sp_value *value = sp_heap_take(&r->heap, 1, sizeof *value);
            if (!value) {
                return sp_out_of_memory(r);
            }
            value->kind = SP_VALUE_TENSOR;
            SP_TRY(sp_tensor_read(r->err, &r->heap, &value->tensor,
                                  loop->body->proto->initializer[definition->index]));
            loop->value[i] = value;
        }
    }
    return SP_OK;
}

sp_status sp_loop_init(sp_reader *r, sp_loop *loop) {
    SP_TRY(check_body(r, loop));
    SP_TRY(read_trips(r, loop));
    const size_t names = loop->body->definitions;
    loop->value = calloc(names + 1, sizeof *loop->value);
    loop->scratch = calloc(names + 1, sizeof *loop->scratch);
    loop->now = sp_heap_take(&r->heap, loop->carried + 1, sizeof *loop->now);
    loop->next = sp_heap_take(&r->heap, 1 + loop->carried + loop->scans, sizeof *loop->next);
    loop->is_state = sp_heap_take(&r->heap, loop->carried + 1, sizeof *loop->is_state);
    loop->scan = calloc(loop->scans + 1, sizeof *loop->scan);
    if (!loop->value || !loop->scratch || !loop->now || !loop->next || !loop->is_state ||
        !loop->scan) {
        return sp_out_of_memory(r);
    }
    for (size_t i = 0; i < loop->carried; i++) {
        if (!sp_input(r, i + 2)) {
            return sp_refuse(r, SP_E_FORMAT, "input %zu is left out", i + 2);
        }
        loop->now[i] = *sp_input(r, i + 2);
    }
    return bind_names(r, loop);
}

void sp_loop_clear(sp_loop *loop) {
    for (size_t i = 0; loop->scan && i < loop->scans; i++) {
        free(loop->scan[i].value);
    }
    free(loop->scan);
    free(loop->value);
    free(loop->scratch);
    sp_heap_clear(&loop->kept[0], 0);
    sp_heap_clear(&loop->kept[1], 0);
}

/* ---- one iteration ---- */

static sp_status set_whole(sp_reader *r, sp_value **slot, int64_t k) {
    sp_value *value = sp_heap_take(&r->heap, 1, sizeof *value);
    if (!value) {
        return sp_out_of_memory(r);
    }
    value->kind = SP_VALUE_TENSOR;
    value->tensor.kind = SP_NUMBERS_WHOLE;
    (void)sp_tensor_shape(&value->tensor, NULL, 0);
    sp_extent *number = sp_tensor_make(r, &value->tensor);
    if (!number) {
        return sp_out_of_memory(r);
    }
    *number = sp_whole(k);
    *slot = value;
    return SP_OK;
}

/* A state as symbols instead of numbers. */
static sp_status set_state(sp_reader *r, sp_value *value, const sp_tensor *like, size_t state) {
    *value = (sp_value){.kind = SP_VALUE_TENSOR, .tensor = *like};
    value->tensor.kind = SP_NUMBERS_FORM;
    sp_form *form = sp_tensor_make(r, &value->tensor);
    if (!form) {
        return sp_out_of_memory(r);
    }
    for (size_t j = 0; j < like->count; j++) {
        SP_TRY(
            sp_form_symbol(r, &form[j], SP_SYMBOL_STATE + ((sp_symbol)state << 22) + (sp_symbol)j));
    }
    return SP_OK;
}

static sp_status set_arguments(sp_reader *r, sp_loop *loop) {
    const size_t *argument = loop->body->argument;
    memcpy(loop->scratch, loop->value, loop->body->definitions * sizeof *loop->scratch);
    SP_TRY(set_whole(r, &loop->scratch[argument[0]], (int64_t)loop->iterations));
    SP_TRY(set_whole(r, &loop->scratch[argument[1]], 1));
    for (size_t i = 0, state = 0; i < loop->carried; i++) {
        sp_value *value = sp_heap_take(&r->heap, 1, sizeof *value);
        if (!value) {
            return sp_out_of_memory(r);
        }
        *value = loop->now[i];
        if (loop->is_state[i]) {
            SP_TRY(set_state(r, value, &loop->now[i].tensor, state++));
        }
        loop->scratch[argument[i + 2]] = value;
    }
    return SP_OK;
}

static sp_status read_outputs(sp_reader *r, sp_loop *loop) {
    for (size_t i = 0; i < loop->body->proto->n_output; i++) {
        const sp_value *value = NULL;
        SP_TRY(sp_load(r, &value, loop->body->result[i]));
        if (!value) {
            return sp_fail(r->err, SP_E_UNSUPPORTED, "output %zu of a Loop's body has no value", i);
        }
        loop->next[i] = *value;
    }
    return SP_OK;
}

/* Walks the body; its outputs live in the reader's heap. */
sp_status sp_loop_run_body(sp_reader *r, sp_loop *loop) {
    const sp_reader around = *r;
    SP_TRY(set_arguments(r, loop));
    r->graph = loop->body;
    r->value = loop->scratch;
    r->depth++;
    sp_status status = sp_walk(r);
    status = status == SP_OK ? read_outputs(r, loop) : status;
    r->graph = around.graph;
    r->value = around.value;
    r->at = around.at;
    r->node = around.node;
    r->depth--;
    return status;
}

/* A value that outlives the heap in which it is. */
sp_status sp_loop_keep(sp_reader *r, sp_value *copy, const sp_value *value) {
    *copy = *value;
    if (value->kind == SP_VALUE_TENSOR && value->tensor.kind == SP_NUMBERS_FORM) {
        *copy = (sp_value){.kind = SP_VALUE_OPAQUE,
                           .why = "an output of a Loop that depends on the features and is not the "
                                  "state of its cell"};
        return SP_OK;
    }
    if (value->kind == SP_VALUE_TENSOR) {
        return sp_tensor_copy(r, &copy->tensor, &value->tensor);
    }
    if (value->kind == SP_VALUE_FLOW) {
        size_t *block = sp_heap_take(&r->heap, value->flow.blocks, sizeof *block);
        if (!block) {
            return sp_out_of_memory(r);
        }
        memcpy(block, value->flow.block, value->flow.blocks * sizeof *block);
        copy->flow.block = block;
    }
    return SP_OK;
}
