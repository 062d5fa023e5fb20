/* GRU models as tf2onnx writes them, with a Loop over the steps, in all seven
 * shapes and in other algebra that means the same. */
#ifndef SP_TESTS_ONNX_WAKE_H
#define SP_TESTS_ONNX_WAKE_H

#include <math.h>

#include "tests/onnx/build.h"

enum { FLOAT_TYPE = 1, INT32_TYPE = 6, INT64_TYPE = 7, BOOL_TYPE = 9 };

/* The weights of Keras, [in, out] per gate z, r, h, and a dense layer to one logit. */
typedef struct wake_weights {
    size_t in, hidden, steps;
    double *kernel[3], *recurrent[3], *bias[3], *inner_bias; /* in the model */
    double *dense, *dense_bias;
} wake_weights;

static inline double *wake_numbers(om *m, sp_rng *rng, size_t count, double size) {
    double *values = om_take(m, count, sizeof *values);
    for (size_t i = 0; i < count; i++) {
        values[i] = (float)(size * sp_rng_normal(rng));
    }
    return values;
}

static inline wake_weights wake_weights_random(om *m, sp_rng *rng, size_t in, size_t hidden,
                                               size_t steps) {
    wake_weights w = {.in = in, .hidden = hidden, .steps = steps};
    for (size_t g = 0; g < 3; g++) {
        w.kernel[g] = wake_numbers(m, rng, in * hidden, 0.4);
        w.recurrent[g] = wake_numbers(m, rng, hidden * hidden, 0.5 / sqrt((double)hidden));
        w.bias[g] = wake_numbers(m, rng, hidden, 0.5);
    }
    w.inner_bias = wake_numbers(m, rng, hidden, 0.5);
    w.dense = wake_numbers(m, rng, hidden, 1.0);
    w.dense_bias = wake_numbers(m, rng, 1, 1.0);
    return w;
}

/* How a model is written. */
typedef struct wake_shape {
    const char *carried; /* in order: h state, i index of the step, t counter, T steps, x input */
    bool inside;         /* weights are initialisers of the body, else of the graph around it */
    bool scan;           /* the result is the last row of a scan output, else the carried state */
    bool clip;           /* Clip, else Min and Max */
    bool computed;       /* h0, ones and conditions as tensorflow 1 computes them */
    /* in other algebra */
    enum { UPDATE_SUM, UPDATE_FROM_N, UPDATE_FROM_H, UPDATE_FLIPPED, UPDATES } update;
    enum { GATE_SCALED, GATE_MAX_FIRST, GATE_NODE, GATE_SIX, GATE_SIGMOID, GATES } gate;
    enum { CANDIDATE_LINEAR, CANDIDATE_TANH, CANDIDATE_RELU, CANDIDATES } candidate;
    bool reset_after;
    bool joined; /* one product of [x, h] for both gates, cut afterwards */
} wake_shape;

/* The seven shapes: A from tflite, B1..B4 and C1, C2 from tensorflow 1. */
static const wake_shape wake_shapes[7] = {
    {.carried = "tihTx", .inside = true, .scan = true}, {.carried = "hit", .computed = true},
    {.carried = "tih", .computed = true, .clip = true}, {.carried = "iht", .computed = true},
    {.carried = "thi", .computed = true, .clip = true}, {.carried = "hi", .computed = true},
    {.carried = "ih", .computed = true, .clip = true},
};

/* ---- the pieces ---- */

static inline void wake_matrix(om *m, const char *name, size_t rows, size_t columns,
                               const double *values) {
    char shape[48];
    if (rows > 0) {
        snprintf(shape, sizeof shape, "%zux%zu", rows, columns);
    } else {
        snprintf(shape, sizeof shape, "%zu", columns);
    }
    om_reals(m, name, shape, values);
}

static inline void wake_number(om *m, const char *name, double value) {
    om_reals(m, name, "", &value);
}

static inline void wake_int32(om *m, const char *name, int32_t value) {
    size_t count;
    Onnx__TensorProto *t = om_bare(m, name, "", &count);
    t->data_type = ONNX__TENSOR_PROTO__DATA_TYPE__INT32;
    t->n_int32_data = 1;
    t->int32_data = om_take(m, 1, sizeof *t->int32_data);
    t->int32_data[0] = value;
    om_initialiser(m, t);
}

static inline void wake_weights_put(om *m, const wake_weights *w, const wake_shape *s) {
    static const char *const gate[3] = {"z", "r", "h"};
    const double sign = s->update == UPDATE_FLIPPED ? -1.0 : 1.0;
    for (size_t g = 0; g < 3; g++) {
        const double *from[3] = {w->kernel[g], w->recurrent[g], w->bias[g]};
        const size_t rows[3] = {w->in, w->hidden, 0};
        static const char *const kind[3] = {"W", "U", "b"};
        for (size_t k = 0; k < 3; k++) {
            char name[8];
            const size_t count = (rows[k] > 0 ? rows[k] : 1) * w->hidden;
            double *values = om_take(m, count, sizeof *values);
            for (size_t i = 0; i < count; i++) {
                values[i] = g == 0 ? sign * from[k][i] : from[k][i];
            }
            snprintf(name, sizeof name, "%s%s", kind[k], gate[g]);
            wake_matrix(m, name, rows[k], w->hidden, values);
        }
    }
    wake_matrix(m, "bi", 0, w->hidden, w->inner_bias);
}

static inline void wake_pair(om *m, const char *op, const char *a, const char *b, bool swap,
                             const char *y) {
    char inputs[64];
    snprintf(inputs, sizeof inputs, "%s,%s", swap ? b : a, swap ? a : b);
    om_node(m, op, inputs, y);
}

/* y = the gate's function of the pre-activation a. */
static inline void wake_gate(om *m, const wake_shape *s, const char *a, const char *y) {
    char v[24], u[24], limited[24], inputs[64];
    snprintf(v, sizeof v, "%s.v", y);
    snprintf(u, sizeof u, "%s.u", y);
    snprintf(limited, sizeof limited, "%s.w", y);
    if (s->gate == GATE_SIGMOID) {
        om_node(m, "Sigmoid", a, y);
        return;
    }
    if (s->gate == GATE_NODE) {
        om_float(m, om_node(m, "HardSigmoid", a, y), "alpha", 0.2f);
        return;
    }
    if (s->gate == GATE_SIX) { // relu6(a + 3) / 6
        snprintf(inputs, sizeof inputs, "%s,three", a);
        om_node(m, "Add", inputs, v);
        snprintf(inputs, sizeof inputs, "%s,zero,six", v);
        om_node(m, "Clip", inputs, u);
        snprintf(inputs, sizeof inputs, "%s,six", u);
        om_node(m, "Div", inputs, y);
        return;
    }
    wake_pair(m, "Mul", a, "fifth", !s->clip, v);
    wake_pair(m, "Add", v, "half", false, u);
    if (s->clip) {
        snprintf(inputs, sizeof inputs, "%s,zero,one", u);
        om_node(m, "Clip", inputs, y);
    } else if (s->gate == GATE_MAX_FIRST) {
        wake_pair(m, "Max", u, "zero", true, limited);
        wake_pair(m, "Min", limited, "one", true, y);
    } else {
        wake_pair(m, "Min", u, "one", false, limited);
        wake_pair(m, "Max", limited, "zero", false, y);
    }
}

/* a = x W + b + h U of one gate. */
static inline void wake_sum(om *m, const char *gate, const char *a) {
    char names[4][24], inputs[64];
    for (size_t k = 0; k < 4; k++) {
        snprintf(names[k], sizeof names[k], "%s.%zu", a, k);
    }
    snprintf(inputs, sizeof inputs, "x1,W%s", gate);
    om_node(m, "MatMul", inputs, names[0]);
    snprintf(inputs, sizeof inputs, "%s,b%s", names[0], gate);
    om_node(m, "Add", inputs, names[1]);
    snprintf(inputs, sizeof inputs, "h,U%s", gate);
    om_node(m, "MatMul", inputs, names[2]);
    snprintf(inputs, sizeof inputs, "%s,%s", names[1], names[2]);
    om_node(m, "Add", inputs, a);
}

/* The pre-activations of both gates by one product of [x, h], as tensorflow's GRUCell has it. */
static inline void wake_joined(om *m, const wake_weights *w) {
    const int64_t H = (int64_t)w->hidden;
    om_int(m, om_node(m, "Concat", "x1,h", "xh"), "axis", 1);
    om_int(m, om_node(m, "Concat", "Wz,Uz", "WUz"), "axis", 0);
    om_int(m, om_node(m, "Concat", "Wr,Ur", "WUr"), "axis", 0);
    om_int(m, om_node(m, "Concat", "WUz,WUr", "WU"), "axis", 1);
    om_int(m, om_node(m, "Concat", "bz,br", "bzr"), "axis", 0);
    om_node(m, "Gemm", "xh,WU,bzr", "azr");
    om_list(m, "[H]", 1, (const int64_t[]){H});
    om_list(m, "[2H]", 1, (const int64_t[]){2 * H});
    om_list(m, "[1]j", 1, (const int64_t[]){1});
    om_list(m, "[0]j", 1, (const int64_t[]){0});
    om_node(m, "Slice", "azr,[0]j,[H],[1]j", "az");
    om_node(m, "Slice", "azr,[H],[2H],[1]j", "ar");
}

/* "next" from "x1" [1, D] and "h" [1, H]. */
static inline void wake_cell(om *m, const wake_weights *w, const wake_shape *s) {
    if (s->joined) {
        wake_joined(m, w);
    } else {
        wake_sum(m, "z", "az");
        wake_sum(m, "r", "ar");
    }
    wake_gate(m, s, "az", "z");
    wake_gate(m, s, "ar", "r");
    om_node(m, "MatMul", "x1,Wh", "n.0");
    om_node(m, "Add", "n.0,bh", "n.1");
    if (s->reset_after) {
        om_node(m, "MatMul", "h,Uh", "n.2");
        om_node(m, "Add", "n.2,bi", "n.3");
        om_node(m, "Mul", "r,n.3", "n.4");
    } else {
        om_node(m, "Mul", "r,h", "n.2");
        om_node(m, "MatMul", "n.2,Uh", "n.4");
    }
    om_node(m, "Add", "n.1,n.4", "n.5");
    om_node(m,
            s->candidate == CANDIDATE_TANH   ? "Tanh"
            : s->candidate == CANDIDATE_RELU ? "Relu"
                                             : "Identity",
            "n.5", "n");
    switch (s->update) {
    case UPDATE_FROM_N: // n + z (h - n)
        om_node(m, "Sub", "h,n", "h-n");
        om_node(m, "Mul", "z,h-n", "z(h-n)");
        om_node(m, "Add", "n,z(h-n)", "next");
        break;
    case UPDATE_FROM_H: // h + (1 - z) (n - h)
        om_node(m, "Sub", "one,z", "1-z");
        om_node(m, "Sub", "n,h", "n-h");
        om_node(m, "Mul", "1-z,n-h", "change");
        om_node(m, "Add", "change,h", "next");
        break;
    case UPDATE_FLIPPED: // (1 - z) h + z n, where z has the negated weights
        om_node(m, "Sub", "one,z", "1-z");
        om_node(m, "Mul", "1-z,h", "zh");
        om_node(m, "Mul", "n,z", "zn");
        om_node(m, "Add", "zh,zn", "next");
        break;
    default: // z h + (1 - z) n
        om_node(m, "Sub", "one,z", "1-z");
        om_node(m, "Mul", "1-z,n", "zn");
        om_node(m, "Mul", "z,h", "zh");
        om_node(m, "Add", "zh,zn", "next");
        break;
    }
}

static inline void wake_constants(om *m) {
    wake_number(m, "fifth", 0.2);
    wake_number(m, "half", 0.5);
    wake_number(m, "one", 1.0);
    wake_number(m, "zero", 0.0);
    wake_number(m, "three", 3.0);
    wake_number(m, "six", 6.0);
    wake_int32(m, "1i", 1);
}

/* Name of a carried value: what the Loop gets, what the body calls it, what the body returns. */
static inline void wake_names(char kind, const char **outer, const char **inner,
                              const char **returned, int *type) {
    *type = kind == 'h' || kind == 'x' ? FLOAT_TYPE : INT32_TYPE;
    switch (kind) {
    case 'h':
        *outer = "h0", *inner = "h", *returned = "next";
        break;
    case 'i':
        *outer = "0i", *inner = "i", *returned = "i+1";
        break;
    case 't':
        *outer = "0i", *inner = "t", *returned = "t+1";
        break;
    case 'T':
        *outer = "steps", *inner = "T", *returned = "T";
        break;
    default:
        *outer = "xt", *inner = "xs", *returned = "xs";
        break;
    }
}

/* The body. Shapes of one or two counters stop when any of them has reached the steps. */
static inline Onnx__GraphProto *wake_body(om *m, const wake_weights *w, const wake_shape *s) {
    const Onnx__GraphProto around = om_body_begin(m);
    const bool has_t = strchr(s->carried, 't') != NULL, has_i = strchr(s->carried, 'i') != NULL;
    const bool has_x = strchr(s->carried, 'x') != NULL;
    const char *outer, *inner, *returned;
    int type;
    m->graph.input[m->graph.n_input++] = om_value(m, "iteration", INT64_TYPE, "");
    m->graph.input[m->graph.n_input++] = om_value(m, "go", BOOL_TYPE, "");
    m->graph.output[m->graph.n_output++] = om_value(m, "go on", BOOL_TYPE, "");
    for (const char *c = s->carried; *c != '\0'; c++) {
        wake_names(*c, &outer, &inner, &returned, &type);
        m->graph.input[m->graph.n_input++] = om_value(m, inner, type,
                                                      *c == 'h'   ? "N x ?"
                                                      : *c == 'x' ? "? x N x ?"
                                                                  : "");
        m->graph.output[m->graph.n_output++] = om_value(m, returned, type, NULL);
    }
    if (s->inside) {
        wake_weights_put(m, w, s);
        wake_constants(m);
    }
    om_list(m, "[0]b", 1, (const int64_t[]){0});
    wake_number(m, "29.", (double)w->steps);
    // what the step is indexed by
    const char *index = has_i ? "i" : "t";
    if (s->computed) {
        char inputs[32];
        snprintf(inputs, sizeof inputs, "%s,[0]b", index);
        om_node(m, "Unsqueeze", inputs, "[i]");
        om_node(m, "Gather", "xt,[i]", "x.0");
        om_node(m, "Squeeze", "x.0,[0]b", "x.1");
        om_node(m, "Mul", "x.1,ones", "x1");
    } else {
        char inputs[32];
        snprintf(inputs, sizeof inputs, "%s,%s", has_x ? "xs" : "xt", index);
        om_int(m, om_node(m, "Gather", inputs, "x.0"), "axis", 0);
        om_node(m, "Shape", "x.0", "x.1");
        om_int(m, om_node(m, "Cast", "x.1", "x.2"), "to", 6);
        om_int(m, om_node(m, "Cast", "x.2", "x.3"), "to", 7);
        om_node(m, "Expand", "one,x.3", "x.4");
        om_node(m, "Mul", "x.0,x.4", "x1");
    }
    wake_cell(m, w, s);
    if (has_t) {
        om_node(m, "Add", "t,1i", "t+1");
    }
    if (has_i) {
        om_node(m, "Add", "i,1i", "i+1");
    }
    om_int(m, om_node(m, "Cast", has_i ? "i+1" : "t+1", "i.f"), "to", 1);
    if (strchr(s->carried, 'T')) {
        om_int(m, om_node(m, "Cast", "T", "T.f"), "to", 1);
        om_node(m, "Less", "i.f,T.f", "go on");
    } else if (has_t && has_i) {
        om_int(m, om_node(m, "Cast", "t+1", "t.f"), "to", 1);
        om_node(m, "Less", "i.f,29.", "go i");
        om_node(m, "Less", "t.f,29.", "go t");
        om_node(m, "And", "go t,go i", "go on");
    } else {
        om_node(m, "Less", "i.f,29.", "go on");
    }
    if (s->scan) {
        om_node(m, "Unsqueeze", "next,[0]b", "next.0");
        om_node(m, "Squeeze", "next.0,[0]b", "row");
        m->graph.output[m->graph.n_output++] = om_value(m, "row", FLOAT_TYPE, NULL);
    }
    return om_body_end(m, &around);
}

/* "h0" and "ones" as constants of the input's shape. */
static inline void wake_start(om *m, const wake_weights *w, const wake_shape *s) {
    const int64_t H = (int64_t)w->hidden;
    om_node(m, "Shape", "input", "shape");
    if (!s->computed) { // Expand(0, [N, H]), steps from the shape
        om_list(m, "[H]o", 1, (const int64_t[]){H});
        om_node(m, "Slice", "shape,[0],[1],[0]", "N");
        om_int(m, om_node(m, "Concat", "N,[H]o", "h0 shape"), "axis", 0);
        om_node(m, "Expand", "zero o,h0 shape", "h0");
        om_node(m, "Shape", "xt", "shape t");
        om_int(m, om_node(m, "Cast", "shape t", "shape i"), "to", 6);
        om_node(m, "Slice", "shape i,[0],[1],[0]", "steps 1");
        om_node(m, "Squeeze", "steps 1,[0]", "steps");
        om_int(m, om_node(m, "Cast", "steps", "steps f"), "to", 1);
        om_node(m, "Less", "zero o,steps f", "go in");
        return;
    }
    om_list(m, "[1 2]", 2, (const int64_t[]){1, 2});
    om_list(m, "[1 H]", 2, (const int64_t[]){1, H});
    om_list(m, "[-1]", 1, (const int64_t[]){-1});
    om_tensor(m, om_node(m, "ConstantOfShape", "shape", "zeros"), "value",
              om_real_tensor(m, "", "1", (const double[]){0.0}, OM_RAW));
    Onnx__NodeProto *sum = om_node(m, "ReduceSum", "zeros,[1 2]", "sum");
    om_int(m, sum, "keepdims", 0);
    om_int(m, sum, "noop_with_empty_axes", 1);
    om_node(m, "Unsqueeze", "sum,[-1]", "column");
    om_node(m, "Tile", "column,[1 H]", "h0");
    om_node(m, "Slice", "xt,[0],[1],[0]", "first");
    om_node(m, "Squeeze", "first,[0]", "first x");
    om_node(m, "Shape", "first x", "x shape");
    om_int(m, om_node(m, "Cast", "x shape", "x shape i"), "to", 6);
    om_int(m, om_node(m, "Cast", "x shape i", "x shape l"), "to", 7);
    om_node(m, "Expand", "one o,x shape l", "ones");
    wake_number(m, "29. o", (double)w->steps);
    om_node(m, "Less", "zero o,29. o", "less");
    om_node(m, "And", "less,less", "go in");
}

/* The whole model, with a Sigmoid at the end; returns the Loop's node. */
static inline Onnx__NodeProto *wake_model(om *m, const wake_weights *w, const wake_shape *s) {
    char shape[48], list[64] = "trips,go in", outputs[64] = "";
    size_t at = 0;
    snprintf(shape, sizeof shape, "N x %zu x %zu", w->steps, w->in);
    om_input(m, "input", shape);
    om_whole(m, "trips", INT64_MAX);
    om_list(m, "[0]", 1, (const int64_t[]){0});
    om_list(m, "[1]", 1, (const int64_t[]){1});
    wake_number(m, "zero o", 0.0);
    wake_number(m, "one o", 1.0);
    wake_int32(m, "0i", 0);
    om_ints(m, om_node(m, "Transpose", "input", "xt"), "perm", 3, (const int64_t[]){1, 0, 2});
    wake_start(m, w, s);
    if (!s->inside) {
        wake_weights_put(m, w, s);
        wake_constants(m);
    }
    for (const char *c = s->carried; *c != '\0'; c++) {
        const char *outer, *inner, *returned;
        int type;
        wake_names(*c, &outer, &inner, &returned, &type);
        strcat(strcat(list, ","), outer);
        snprintf(outputs + strlen(outputs), sizeof outputs - strlen(outputs), "%sunused_%zu",
                 at > 0 ? "," : "", at);
        at++;
    }
    if (s->scan) {
        strcat(outputs, ",rows");
    }
    Onnx__NodeProto *loop = om_node(m, "Loop", list, outputs);
    om_graph(m, loop, "body", wake_body(m, w, s));
    char last[64];
    if (s->scan) {
        om_list(m, "[0 0 0]", 3, (const int64_t[]){0, 0, 0});
        om_list(m, "[-1 0 0]", 3, (const int64_t[]){-1, 0, 0});
        om_list(m, "[far]", 3, (const int64_t[]){INT32_MAX, INT32_MAX, INT32_MAX});
        om_list(m, "[0 1 2]", 3, (const int64_t[]){0, 1, 2});
        om_node(m, "Reshape", "rows,[0 0 0]", "rows 1");
        om_node(m, "Slice", "rows 1,[-1 0 0],[far],[0 1 2]", "rows 2");
        om_node(m, "Squeeze", "rows 2,[0]", "state");
        snprintf(last, sizeof last, "state,dense");
    } else {
        snprintf(last, sizeof last, "unused_%zu,dense",
                 (size_t)(strchr(s->carried, 'h') - s->carried));
    }
    wake_matrix(m, "dense", w->hidden, 1, w->dense);
    wake_matrix(m, "dense bias", 0, 1, w->dense_bias);
    om_node(m, "MatMul", last, "product");
    om_node(m, "Add", "product,dense bias", "logit");
    om_node(m, "Sigmoid", "logit", "probability");
    om_output(m, "probability");
    return loop;
}

/* ---- what they mean ---- */

static inline sp_activation wake_activation(const wake_shape *s) {
    switch (s->gate) {
    case GATE_SIGMOID:
        return (sp_activation){.kind = SP_ACTIVATION_SIGMOID};
    case GATE_SIX:
        return (sp_activation){SP_ACTIVATION_HARD_SIGMOID, 1.0 / 6.0, 0.5};
    default:
        return (sp_activation){SP_ACTIVATION_HARD_SIGMOID, (double)0.2f, 0.5};
    }
}

static inline void wake_expect(sp_net *net, const wake_weights *w, const wake_shape *s) {
    const size_t D = w->in, H = w->hidden;
    double *weight = calloc(3 * H * D, sizeof *weight), *u = calloc(3 * H * H, sizeof *u);
    double *bias = calloc(3 * H, sizeof *bias);
    assert_true(weight && u && bias);
    for (size_t g = 0; g < 3; g++) {
        for (size_t k = 0; k < H; k++) {
            for (size_t i = 0; i < D; i++) {
                weight[(g * H + k) * D + i] = w->kernel[g][i * H + k];
            }
            for (size_t i = 0; i < H; i++) {
                u[(g * H + k) * H + i] = w->recurrent[g][i * H + k];
            }
            bias[g * H + k] = w->bias[g][k];
        }
    }
    const sp_activation candidate = {.kind = s->candidate == CANDIDATE_TANH ? SP_ACTIVATION_TANH
                                             : s->candidate == CANDIDATE_RELU
                                                 ? SP_ACTIVATION_RELU
                                                 : SP_ACTIVATION_AFFINE,
                                     .alpha = 1.0};
    assert_int_equal(sp_net_init(NULL, net, D), SP_OK);
    net->steps = w->steps;
    net->sigmoid = true;
    assert_int_equal(sp_net_add_gru(NULL, net, H, wake_activation(s), candidate, s->reset_after,
                                    weight, u, bias, s->reset_after ? w->inner_bias : NULL),
                     SP_OK);
    assert_int_equal(sp_net_add_pool(NULL, net, SP_POOLING_LAST), SP_OK);
    assert_int_equal(sp_net_add_affine(NULL, net, 1, w->dense, w->dense_bias), SP_OK);
    free(weight);
    free(u);
    free(bias);
}

#endif
