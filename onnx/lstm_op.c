/* LSTM nodes. ONNX orders the gates i, o, f, c and keeps two biases; the layer has i, f, g, o
 * and one. */
#include <inttypes.h>
#include <string.h>
#include <strings.h>

#include "onnx/impl.h"

enum { IN_X, IN_W, IN_R, IN_B, IN_SEQUENCE_LENS, IN_INITIAL_H, IN_INITIAL_C, IN_P };

// Gate g of the layer is gate onnx_gate[g] of the file.
static const size_t onnx_gate[4] = {0, 2, 3, 1};

/* ---- what is refused ---- */

static sp_status check_text(sp_reader *r, const char *name, const char *wanted) {
    const Onnx__AttributeProto *a = sp_attribute(r->node, name);
    if (a && (a->s.len != strlen(wanted) || memcmp(a->s.data, wanted, a->s.len) != 0)) {
        return sp_refuse(r, SP_E_UNSUPPORTED, "%s = \"%.*s\" is not supported, only \"%s\"", name,
                         (int)(a->s.len < 40 ? a->s.len : 40), a->s.data ? (char *)a->s.data : "",
                         wanted);
    }
    return SP_OK;
}

static sp_status check_zero(sp_reader *r, const char *name) {
    int64_t value = 0;
    SP_TRY(sp_attribute_int(r, &value, name, 0));
    if (value != 0) {
        return sp_refuse(r, SP_E_UNSUPPORTED, "%s = %" PRId64 " is not supported, only 0", name,
                         value);
    }
    return SP_OK;
}

static sp_status check_activations(sp_reader *r) {
    static const char *const wanted[3] = {"Sigmoid", "Tanh", "Tanh"};
    const Onnx__AttributeProto *a = sp_attribute(r->node, "activations");
    if (!a) {
        return SP_OK;
    }
    if (a->n_strings != 3) {
        return sp_refuse(r, SP_E_UNSUPPORTED, "activations has %zu entries, not 3", a->n_strings);
    }
    for (size_t i = 0; i < 3; i++) {
        const ProtobufCBinaryData *s = &a->strings[i];
        if (s->len != strlen(wanted[i]) ||
            strncasecmp((const char *)s->data, wanted[i], s->len) != 0) {
            return sp_refuse(
                r, SP_E_UNSUPPORTED, "activations[%zu] = \"%.*s\" is not supported, only \"%s\"", i,
                (int)(s->len < 40 ? s->len : 40), s->data ? (char *)s->data : "", wanted[i]);
        }
    }
    return SP_OK;
}

static sp_status check_absent(sp_reader *r, const char *name) {
    const Onnx__AttributeProto *a = sp_attribute(r->node, name);
    const bool empty_list = a && a->has_type && a->n_floats == 0 &&
                            a->type == ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOATS;
    if (a && !empty_list) {
        return sp_refuse(r, SP_E_UNSUPPORTED, "%s = %g is not supported: leave it out", name,
                         (double)(a->n_floats > 0 ? a->floats[0] : a->f));
    }
    return SP_OK;
}

static sp_status check_attributes(sp_reader *r) {
    SP_TRY(check_text(r, "direction", "forward"));
    SP_TRY(check_zero(r, "input_forget"));
    SP_TRY(check_zero(r, "layout"));
    SP_TRY(check_activations(r));
    SP_TRY(check_absent(r, "activation_alpha"));
    SP_TRY(check_absent(r, "activation_beta"));
    return check_absent(r, "clip");
}

static sp_status check_state(sp_reader *r, size_t input, const char *what, size_t hidden) {
    if (!sp_input(r, input)) {
        return SP_OK;
    }
    const sp_tensor *state = NULL;
    SP_TRY(sp_input_tensor(r, &state, input, what));
    if (state->kind != SP_NUMBERS_REAL || state->rank != 3 || state->dim[0] != 1 ||
        state->dim[1] != 1 || state->dim[2] != (int64_t)hidden) {
        return sp_refuse(r, SP_E_FORMAT, "%s does not have the shape 1 x 1 x %zu", what, hidden);
    }
    for (size_t i = 0; i < state->count; i++) {
        if (!(state->real[i] == 0.0)) {
            return sp_refuse(r, SP_E_UNSUPPORTED,
                             "%s[%zu] = %g: only states that start at zero are "
                             "supported",
                             what, i, state->real[i]);
        }
    }
    return SP_OK;
}

static sp_status check_inputs(sp_reader *r, size_t hidden) {
    if (sp_input(r, IN_SEQUENCE_LENS)) {
        return sp_refuse(r, SP_E_UNSUPPORTED,
                         "sequence_lens ('%.60s') is not supported: export the model without it",
                         sp_input_name(r, IN_SEQUENCE_LENS));
    }
    if (sp_input(r, IN_P)) {
        return sp_refuse(r, SP_E_UNSUPPORTED, "peephole weights P ('%.60s') are not supported",
                         sp_input_name(r, IN_P));
    }
    SP_TRY(check_state(r, IN_INITIAL_H, "initial_h", hidden));
    return check_state(r, IN_INITIAL_C, "initial_c", hidden);
}

/* ---- weights ---- */

static sp_status read_weights(sp_reader *r, const sp_tensor **tensor, size_t input,
                              const char *what, size_t rank, size_t rows, size_t columns) {
    SP_TRY(sp_input_tensor(r, tensor, input, what));
    const sp_tensor *t = *tensor;
    if (t->kind != SP_NUMBERS_REAL || t->rank != rank || t->dim[0] != 1 ||
        t->dim[1] != (int64_t)rows || (rank == 3 && t->dim[2] != (int64_t)columns)) {
        return sp_refuse(r, SP_E_FORMAT,
                         "%s ('%.60s') does not have the shape that one direction, %zu "
                         "features and hidden_size need",
                         what, sp_input_name(r, input), columns);
    }
    return SP_OK;
}

/* rows of `from` [4 hidden, columns], gate by gate, in the layer's order. */
static double *reorder(sp_reader *r, const double *from, size_t hidden, size_t columns) {
    double *to = sp_heap_take(&r->heap, 4 * hidden * columns, sizeof *to);
    for (size_t g = 0; to && g < 4; g++) {
        memcpy(to + g * hidden * columns, from + onnx_gate[g] * hidden * columns,
               hidden * columns * sizeof *to);
    }
    return to;
}

static sp_status read_layer(sp_reader *r, sp_block *block, size_t hidden, size_t width) {
    const sp_tensor *w = NULL, *recurrent = NULL, *b = NULL;
    SP_TRY(read_weights(r, &w, IN_W, "W", 3, 4 * hidden, width));
    SP_TRY(read_weights(r, &recurrent, IN_R, "R", 3, 4 * hidden, hidden));
    double *bias = sp_heap_take(&r->heap, 4 * hidden, sizeof *bias);
    block->weight = reorder(r, w->real, hidden, width);
    block->recurrent = reorder(r, recurrent->real, hidden, hidden);
    block->bias = bias;
    if (!bias || !block->weight || !block->recurrent) {
        return sp_out_of_memory(r);
    }
    if (sp_input(r, IN_B)) {
        SP_TRY(read_weights(r, &b, IN_B, "B", 2, 8 * hidden, width));
        for (size_t j = 0; j < 4 * hidden; j++) {
            const size_t from = onnx_gate[j / hidden] * hidden + j % hidden;
            bias[j] = b->real[from] + b->real[4 * hidden + from];
        }
    }
    return SP_OK;
}

/* The number of hidden units, from R and hidden_size, which must agree. */
static sp_status read_hidden(sp_reader *r, size_t *hidden) {
    const sp_tensor *recurrent = NULL;
    int64_t declared = 0;
    SP_TRY(sp_input_tensor(r, &recurrent, IN_R, "R"));
    const int64_t found = recurrent->rank == 3 ? recurrent->dim[2] : 0;
    SP_TRY(sp_attribute_int(r, &declared, "hidden_size", found));
    if (found <= 0 || declared != found || found > INT64_MAX / 32) {
        return sp_refuse(r, SP_E_FORMAT, "hidden_size = %" PRId64 ", but R has %" PRId64 " columns",
                         declared, found);
    }
    *hidden = (size_t)found;
    return SP_OK;
}

/* ---- the node ---- */

static sp_status check_features(sp_reader *r, const sp_flow *x) {
    const bool steps_first = x->outer == SP_NO_AXIS || x->outer == 0;
    if (x->kind == SP_FLOW_STATES || x->rank != 3 || !steps_first ||
        !sp_flow_is_feature_axis(x, 2)) {
        return sp_refuse(r, SP_E_UNSUPPORTED,
                         "its input '%.60s' must have the axes steps x batch x features (layout 0)",
                         sp_input_name(r, IN_X));
    }
    return SP_OK;
}

/* Y [steps, direction, batch, hidden] and Y_h [direction, batch, hidden]. */
static sp_status return_outputs(sp_reader *r, const sp_flow *h) {
    sp_flow y = *h, last = *h;
    const bool fresh[4] = {false, true, false, false};
    SP_TRY(sp_flow_insert(r, &y, fresh, 4));
    SP_TRY(sp_return_flow(r, 0, &y));
    if (h->kind == SP_FLOW_SEQUENCE) {
        SP_TRY(sp_flow_select(r, &last, 0, sp_whole(-1), sp_whole(INT32_MAX)));
    }
    SP_TRY(sp_return_flow(r, 1, &last));
    return sp_return_cell(r, 2);
}

sp_status sp_op_lstm(sp_reader *r) {
    SP_TRY(check_attributes(r));
    const sp_value *x = sp_input(r, IN_X);
    if (x->kind != SP_VALUE_FLOW) {
        return sp_refuse(r, SP_E_UNSUPPORTED, "its input '%.60s' does not depend on the features",
                         sp_input_name(r, IN_X));
    }
    sp_flow flow = x->flow;
    size_t hidden = 0;
    SP_TRY(read_hidden(r, &hidden));
    SP_TRY(check_inputs(r, hidden));
    SP_TRY(check_features(r, &flow));
    sp_block block = {.kind = SP_LAYER_LSTM, .out = hidden};
    SP_TRY(read_layer(r, &block, hidden, flow.width));
    SP_TRY(sp_block_add(r, &flow, 2, block));
    return return_outputs(r, &flow);
}
