/* One step of an LSTM, written out in operators as exporters do. */
#ifndef SP_TESTS_ONNX_STEP_H
#define SP_TESTS_ONNX_STEP_H

#include "tests/onnx/lstm.h"

/* What a step may get wrong, or write otherwise. */
typedef enum {
    STEP_RIGHT,
    STEP_SLICED,         /* gates by Slice instead of Split */
    STEP_NO_TANH,        /* h = o c' */
    STEP_COMPLEMENT,     /* c' = (1 - f) c + i g */
    STEP_TANH_OF_OLD,    /* h = o tanh(c) */
    STEP_SIGMOID_INSIDE, /* g = sigmoid */
    STEPS_WRITTEN
} step_form;

static inline char *step_name(om *m, const char *prefix, const char *name) {
    char text[96];
    snprintf(text, sizeof text, "%s%s", prefix, name);
    return om_text(m, text);
}

static inline char *step_names(om *m, const char *prefix, const char *list) {
    char text[256] = "", copy[256], *rest = NULL;
    snprintf(copy, sizeof copy, "%s", list);
    for (char *word = strtok_r(copy, ",", &rest); word; word = strtok_r(NULL, ",", &rest)) {
        const size_t at = strlen(text);
        snprintf(text + at, sizeof text - at, "%s%s%s", at > 0 ? "," : "", prefix, word);
    }
    return om_text(m, text);
}

/* Initialisers cell + "W" [in, 4H], "R" [H, 4H], "bi" and "br" [4H]. */
static inline void step_weights(om *m, const om_lstm *l, const char *cell) {
    const size_t D = l->in, H = l->hidden;
    double *w = om_take(m, D * 4 * H, sizeof *w), *r = om_take(m, H * 4 * H, sizeof *r);
    char shape[48];
    for (size_t j = 0; j < 4 * H; j++) {
        for (size_t i = 0; i < D; i++) {
            w[i * 4 * H + j] = l->input[j * D + i];
        }
        for (size_t i = 0; i < H; i++) {
            r[i * 4 * H + j] = l->recurrent[j * H + i];
        }
    }
    snprintf(shape, sizeof shape, "%zux%zu", D, 4 * H);
    om_reals(m, step_name(m, cell, "W"), shape, w);
    snprintf(shape, sizeof shape, "%zux%zu", H, 4 * H);
    om_reals(m, step_name(m, cell, "R"), shape, r);
    snprintf(shape, sizeof shape, "%zu", 4 * H);
    om_reals(m, step_name(m, cell, "bi"), shape, l->bias_input);
    om_reals(m, step_name(m, cell, "br"), shape, l->bias_recurrent);
}

static inline void step_node(om *m, const char *p, const char *op, const char *in,
                             const char *out) {
    om_node(m, op, step_names(m, p, in), step_name(m, p, out));
}

/* Nodes that make p + "h" and p + "c" of x [1, in], h and c [1, H]. */
static inline void step_write(om *m, const om_lstm *l, const char *cell, const char *p,
                              const char *x, const char *h, const char *c, step_form form) {
    static const char *const gates[4] = {"i", "f", "g", "o"};
    const size_t H = l->hidden;
    char both[160];
    snprintf(both, sizeof both, "%s,%sW", x, cell);
    om_node(m, "MatMul", both, step_name(m, p, "xW"));
    snprintf(both, sizeof both, "%s,%sR", h, cell);
    om_node(m, "MatMul", both, step_name(m, p, "hR"));
    snprintf(both, sizeof both, "%sxW,%sbi", p, cell);
    om_node(m, "Add", both, step_name(m, p, "xb"));
    snprintf(both, sizeof both, "%shR,%sbr", p, cell);
    om_node(m, "Add", both, step_name(m, p, "hb"));
    step_node(m, p, "Add", "xb,hb", "a");
    if (form == STEP_SLICED) {
        for (size_t k = 0; k < 4; k++) {
            const int64_t first = (int64_t)(k * H), end = (int64_t)((k + 1) * H), axis = 1;
            char list[128];
            om_list(m, step_name(m, p, step_name(m, gates[k], "0")), 1, &first);
            om_list(m, step_name(m, p, step_name(m, gates[k], "1")), 1, &end);
            om_list(m, step_name(m, p, step_name(m, gates[k], "2")), 1, &axis);
            snprintf(list, sizeof list, "a,%s0,%s1,%s2", gates[k], gates[k], gates[k]);
            step_node(m, p, "Slice", list, step_name(m, gates[k], "a"));
        }
    } else {
        Onnx__NodeProto *split =
            om_node(m, "Split", step_name(m, p, "a"), step_names(m, p, "ia,fa,ga,oa"));
        om_int(m, split, "axis", -1);
        om_int(m, split, "num_outputs", 4);
    }
    step_node(m, p, "Sigmoid", "ia", "i");
    step_node(m, p, "Sigmoid", "fa", "f");
    step_node(m, p, form == STEP_SIGMOID_INSIDE ? "Sigmoid" : "Tanh", "ga", "g");
    step_node(m, p, "Sigmoid", "oa", "o");
    if (form == STEP_COMPLEMENT) {
        snprintf(both, sizeof both, "one,%sf", p);
        om_node(m, "Sub", both, step_name(m, p, "keep"));
    }
    snprintf(both, sizeof both, "%s%s,%s", p, form == STEP_COMPLEMENT ? "keep" : "f", c);
    om_node(m, "Mul", both, step_name(m, p, "fc"));
    step_node(m, p, "Mul", "g,i", "ig");
    step_node(m, p, "Add", "fc,ig", "c");
    if (form == STEP_TANH_OF_OLD) {
        om_node(m, "Tanh", c, step_name(m, p, "t"));
    } else {
        step_node(m, p, form == STEP_NO_TANH ? "Identity" : "Tanh", "c", "t");
    }
    step_node(m, p, "Mul", "o,t", "h");
}

#endif
