/* Attributes of LSTM, GRU and RNN nodes. */
#include "onnx/cell/recurrence.h"
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

sp_status sp_onnx_recurrence_directions(sp_onnx_reader *r, size_t *directions, bool *reverse) {
    static const char *const names[3] = {"forward", "reverse", "bidirectional"};
    const Onnx__AttributeProto *a = sp_onnx_attribute(r->node, "direction");
    for (size_t i = 0; i < 3; i++) {
        if (a ? a->s.len == strlen(names[i]) && memcmp(a->s.data, names[i], a->s.len) == 0
              : i == 0) {
            *directions = i == 2 ? 2 : 1;
            *reverse = i == 1;
            return SP_OK;
        }
    }
    return sp_onnx_refuse(r, SP_E_UNSUPPORTED, "direction = \"%.*s\" is not supported",
                          (int)(a->s.len < 40 ? a->s.len : 40), a->s.data ? (char *)a->s.data : "");
}

sp_status sp_onnx_recurrence_switch(sp_onnx_reader *r, bool *value, const char *name) {
    int64_t number = 0;
    SP_TRY(sp_onnx_attribute_int(r, &number, name, 0));
    *value = number != 0;
    return number == 0 || number == 1
               ? SP_OK
               : sp_onnx_refuse(r, SP_E_UNSUPPORTED,
                                "%s = %" PRId64 " is not supported, only 0 and 1", name, number);
}

static sp_status check_input_forget(sp_onnx_reader *r) {
    int64_t value = 0;
    SP_TRY(sp_onnx_attribute_int(r, &value, "input_forget", 0));
    return value == 0
               ? SP_OK
               : sp_onnx_refuse(r, SP_E_UNSUPPORTED,
                                "input_forget = %" PRId64 " is not supported, only 0", value);
}

/* A limit of zero leaves nothing of the network. */
static sp_status read_clip(sp_onnx_reader *r, double *clip) {
    SP_TRY(sp_onnx_attribute_float(r, clip, "clip", 0.0));
    return !sp_onnx_attribute(r->node, "clip") || (*clip > 0.0 && isfinite(*clip))
               ? SP_OK
               : sp_onnx_refuse(r, SP_E_FORMAT, "clip = %g is no limit for pre-activations", *clip);
}

/* ---- activations ---- */

typedef struct sp_onnx_named_activation {
    const char *name;
    sp_activation_kind kind;
    bool takes; /* alpha and beta */
    double alpha, beta;
} sp_onnx_named_activation;

static const sp_onnx_named_activation activations[] = {
    {"Sigmoid", SP_ACTIVATION_SIGMOID, false, 0.0, 0.0},
    {"Tanh", SP_ACTIVATION_TANH, false, 0.0, 0.0},
    {"HardSigmoid", SP_ACTIVATION_HARD_SIGMOID, true, 0x1.99999ap-3, 0.5}, /* alpha: 0.2f */
    {"Relu", SP_ACTIVATION_RELU, false, 0.0, 0.0},
    {"Affine", SP_ACTIVATION_AFFINE, true, 1.0, 0.0},
};

static const sp_onnx_named_activation *find_activation(const ProtobufCBinaryData *name) {
    for (size_t i = 0; i < sizeof activations / sizeof *activations; i++) {
        if (name->len == strlen(activations[i].name) &&
            strncasecmp((const char *)name->data, activations[i].name, name->len) == 0) {
            return &activations[i];
        }
    }
    return NULL;
}

/* The floats of activation_alpha or activation_beta: activations that take one use them in
 * order. */
static sp_status read_numbers(sp_onnx_reader *r, const float **numbers, size_t *count,
                              const char *name) {
    const Onnx__AttributeProto *a = sp_onnx_attribute(r->node, name);
    *numbers = a ? a->floats : NULL;
    *count = a ? a->n_floats : 0;
    if (a && (a->has_i || a->has_f || a->n_ints > 0)) {
        return sp_onnx_refuse(r, SP_E_FORMAT, "%s is not a list of numbers", name);
    }
    for (size_t i = 0; i < *count; i++) {
        if (!isfinite((*numbers)[i])) {
            return sp_onnx_refuse(r, SP_E_NONFINITE, "%s[%zu] is %g", name, i,
                                  (double)(*numbers)[i]);
        }
    }
    return SP_OK;
}

/* Those of all directions; function [count]. */
static sp_status read_activations(sp_onnx_reader *r, sp_activation *function, size_t count) {
    const Onnx__AttributeProto *a = sp_onnx_attribute(r->node, "activations");
    const float *alpha = NULL, *beta = NULL;
    size_t alphas = 0, betas = 0, takers = 0;
    SP_TRY(read_numbers(r, &alpha, &alphas, "activation_alpha"));
    SP_TRY(read_numbers(r, &beta, &betas, "activation_beta"));
    if (a && a->n_strings != count) {
        return sp_onnx_refuse(r, SP_E_UNSUPPORTED, "activations has %zu entries, not %zu",
                              a->n_strings, count);
    }
    for (size_t i = 0; a && i < count; i++) {
        const ProtobufCBinaryData *s = &a->strings[i];
        const sp_onnx_named_activation *found = find_activation(s);
        if (!found) {
            return sp_onnx_refuse(
                r, SP_E_UNSUPPORTED,
                "activations[%zu] = \"%.*s\" is not supported, only Sigmoid, Tanh, "
                "HardSigmoid, Relu and Affine",
                i, (int)(s->len < 40 ? s->len : 40), s->data ? (char *)s->data : "");
        }
        function[i] = (sp_activation){found->kind, found->alpha, found->beta};
        if (found->takes) {
            function[i].alpha = takers < alphas ? (double)alpha[takers] : found->alpha;
            function[i].beta = takers < betas ? (double)beta[takers] : found->beta;
            takers++;
        }
    }
    // Whoever wrote more of them meant something else.
    if (alphas > takers || betas > takers) {
        return sp_onnx_refuse(
            r, SP_E_UNSUPPORTED,
            "activation_%s = %g...: %zu numbers are not supported where %zu of its "
            "activations take one",
            alphas > takers ? "alpha" : "beta", (double)(alphas > takers ? alpha : beta)[0],
            alphas > takers ? alphas : betas, takers);
    }
    return SP_OK;
}

static bool same_function(sp_activation f, sp_activation g) {
    return f.kind == g.kind && f.alpha == g.alpha && f.beta == g.beta;
}

/* An LSTM of a network has one function for the candidate and for its output. */
static sp_status check_lstm_activations(sp_onnx_reader *r, const sp_activation *function,
                                        size_t count) {
    for (size_t i = 0; i < count; i += 3) {
        if (!same_function(function[i + 1], function[i + 2])) {
            return sp_onnx_refuse(r, SP_E_UNSUPPORTED,
                                  "activations[%zu] and activations[%zu] are not the same: LSTMs "
                                  "are read that have one function for candidate and output",
                                  i + 1, i + 2);
        }
    }
    return SP_OK;
}

/* Hard sigmoids get a positive alpha by the sign of their rows; here they must have one. */
static sp_status check_alpha(sp_onnx_reader *r, const sp_onnx_recurrence *cell) {
    for (size_t i = 0; i < 2; i++) {
        if (cell->function[i].kind == SP_ACTIVATION_HARD_SIGMOID &&
            !(cell->function[i].alpha > 0.0)) {
            return sp_onnx_refuse(r, SP_E_UNSUPPORTED,
                                  "activation_alpha = %g of a HardSigmoid: it must be positive",
                                  cell->function[i].alpha);
        }
    }
    return SP_OK;
}

sp_status sp_onnx_recurrence_attributes(sp_onnx_reader *r, sp_onnx_recurrence *cell,
                                        size_t directions) {
    const sp_activation sigmoid = {.kind = SP_ACTIVATION_SIGMOID},
                        tanh_ = {.kind = SP_ACTIVATION_TANH};
    const size_t each = cell->kind == SP_CELL_LSTM ? 3 : cell->kind == SP_CELL_GRU ? 2 : 1;
    sp_activation function[6];
    for (size_t i = 0; i < 6; i++) {
        function[i] = each > 1 && i % each == 0 ? sigmoid : tanh_;
    }
    SP_TRY(sp_onnx_recurrence_switch(r, &cell->batch_first, "layout"));
    SP_TRY(read_clip(r, &cell->clip));
    SP_TRY(cell->kind == SP_CELL_LSTM ? check_input_forget(r) : SP_OK);
    SP_TRY(cell->kind == SP_CELL_GRU
               ? sp_onnx_recurrence_switch(r, &cell->reset_after, "linear_before_reset")
               : SP_OK);
    SP_TRY(read_activations(r, function, each * directions));
    SP_TRY(cell->kind == SP_CELL_LSTM ? check_lstm_activations(r, function, each * directions)
                                      : SP_OK);
    for (size_t i = 0; i < directions; i++) {
        cell[i].batch_first = cell->batch_first;
        cell[i].clip = cell->clip;
        cell[i].reset_after = cell->reset_after;
        cell[i].function[0] = function[i * each];
        cell[i].function[1] = function[i * each + (each > 1 ? 1 : 0)];
        SP_TRY(check_alpha(r, &cell[i]));
    }
    return SP_OK;
}
