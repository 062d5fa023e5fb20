/* LSTM stacks as PyTorch's exporter writes them, and the ways in which their last state is read
 * out. */
#ifndef SP_TESTS_ONNX_STACK_H
#define SP_TESTS_ONNX_STACK_H

#include "tests/onnx/lstm.h"

/* The zero states of a stack as PyTorch makes them: torch.zeros(layers, batch, hidden), sliced. */
static inline void torch_states(om *m, const char *x, size_t layers, size_t hidden) {
    char node[96];
    om_whole(m, "one", 1);
    om_list(m, "zero", 1, (const int64_t[]){0});
    om_list(m, "layers", 1, (const int64_t[]){(int64_t)layers});
    om_list(m, "hidden", 1, (const int64_t[]){(int64_t)hidden});
    om_node(m, "Shape", x, "shape");
    om_int(m, om_node(m, "Gather", "shape,one", "batch"), "axis", 0);
    om_node(m, "Unsqueeze", "batch,zero", "batch1");
    om_int(m, om_node(m, "Concat", "layers,batch1,hidden", "states-shape"), "axis", 0);
    om_tensor(m, om_node(m, "ConstantOfShape", "states-shape", "states"), "value",
              om_real_tensor(m, "", "1", (const double[]){0.0}, OM_RAW));
    for (size_t l = 0; l < layers; l++) {
        char from[32], to[32], name[32];
        snprintf(from, sizeof from, "from%zu", l);
        snprintf(to, sizeof to, "to%zu", l);
        snprintf(name, sizeof name, "state%zu", l);
        om_list(m, from, 1, (const int64_t[]){(int64_t)l});
        om_list(m, to, 1, (const int64_t[]){(int64_t)l + 1});
        snprintf(node, sizeof node, "states,%s,%s,zero", from, to);
        om_node(m, "Slice", node, name);
    }
}

/* One LSTM node of a stack; returns it. Outputs are Y<l>, H<l> and C<l>. */
static inline Onnx__NodeProto *lstm_node(om *m, const om_lstm *l, size_t index, const char *x,
                                         const char *state) {
    char prefix[16], inputs[192], outputs[64];
    snprintf(prefix, sizeof prefix, "l%zu", index);
    om_lstm_weights(m, l, prefix, OM_RAW);
    snprintf(inputs, sizeof inputs, "%s,%sW,%sR,%sB,,%s,%s", x, prefix, prefix, prefix, state,
             state);
    snprintf(outputs, sizeof outputs, "Y%zu,H%zu,C%zu", index, index, index);
    Onnx__NodeProto *node = om_node(m, "LSTM", inputs, outputs);
    om_int(m, node, "hidden_size", (int64_t)l->hidden);
    return node;
}

/* The stack itself: Squeeze of the direction axis between the layers. Sequences are S0, S1, ... */
static inline void torch_stack(om *m, sp_rng *rng, sp_net *want, const char *x, size_t layers,
                               size_t in, size_t hidden) {
    char from[32], name[32], state[32];
    om_list(m, "axis1", 1, (const int64_t[]){1});
    snprintf(from, sizeof from, "%s", x);
    for (size_t l = 0; l < layers; l++) {
        const om_lstm lstm = om_lstm_random(m, rng, l == 0 ? in : hidden, hidden);
        snprintf(state, sizeof state, "state%zu", l);
        lstm_node(m, &lstm, l, from, state);
        om_lstm_expect(want, &lstm);
        snprintf(name, sizeof name, "Y%zu,axis1", l);
        snprintf(from, sizeof from, "S%zu", l);
        om_node(m, "Squeeze", name, from);
    }
}

/* How the last state is read out of a stack. */
typedef enum {
    READ_SEQUENCE,     /* Gather(-1) of the last sequence */
    READ_SLICE,        /* Slice(-1:) and Squeeze of it */
    READ_LAST_INDEX,   /* Gather(T - 1), T from Shape */
    READ_STATES,       /* h_n[-1] of the Concat of all Y_h */
    READ_STATES_VIEW,  /* the same after h_n.view(layers, 1, batch, hidden) */
    READ_STATES_SLICE, /* h_n[-1:] */
    READ_LAST_STATE,   /* Squeeze of Y_h itself */
    READ_WAYS
} read_out;

static inline void read_states(om *m, size_t layers, size_t hidden, read_out way) {
    char list[128] = "";
    for (size_t l = 0; l < layers; l++) {
        char name[32];
        snprintf(name, sizeof name, "%sH%zu", l == 0 ? "" : ",", l);
        strcat(list, name);
    }
    om_int(m, om_node(m, "Concat", list, "h_n"), "axis", 0);
    if (way == READ_STATES_VIEW) {
        om_list(m, "view", 4, (const int64_t[]){(int64_t)layers, 1, -1, (int64_t)hidden});
        om_node(m, "Reshape", "h_n,view", "h_v");
        om_int(m, om_node(m, "Gather", "h_v,minus-one", "h_1"), "axis", 0);
        om_node(m, "Squeeze", "h_1,axis0", "v");
    } else if (way == READ_STATES_SLICE) {
        om_node(m, "Slice", "h_n,minus-one-list,far,axis0", "h_1");
        om_node(m, "Squeeze", "h_1,axis0", "v");
    } else {
        om_int(m, om_node(m, "Gather", "h_n,minus-one", "v"), "axis", 0);
    }
}

static inline void read_sequence(om *m, const char *sequence, read_out way) {
    char inputs[64];
    if (way == READ_SLICE) {
        snprintf(inputs, sizeof inputs, "%s,minus-one-list,far,axis0", sequence);
        om_node(m, "Slice", inputs, "cut");
        om_node(m, "Squeeze", "cut,axis0", "v");
    } else if (way == READ_LAST_INDEX) {
        om_node(m, "Shape", sequence, "lengths");
        om_int(m, om_node(m, "Gather", "lengths,index0", "T"), "axis", 0);
        om_node(m, "Sub", "T,index1", "T-1");
        snprintf(inputs, sizeof inputs, "%s,T-1", sequence);
        om_int(m, om_node(m, "Gather", inputs, "v"), "axis", 0);
    } else {
        snprintf(inputs, sizeof inputs, "%s,minus-one", sequence);
        om_int(m, om_node(m, "Gather", inputs, "v"), "axis", 0);
    }
}

static inline void read_out_by(om *m, size_t layers, size_t hidden, read_out way) {
    char last[16], inputs[32];
    om_whole(m, "minus-one", -1);
    om_whole(m, "index0", 0);
    om_whole(m, "index1", 1);
    om_list(m, "axis0", 1, (const int64_t[]){0});
    om_list(m, "minus-one-list", 1, (const int64_t[]){-1});
    om_list(m, "far", 1, (const int64_t[]){INT64_MAX});
    snprintf(last, sizeof last, "S%zu", layers - 1);
    if (way == READ_LAST_STATE) {
        snprintf(inputs, sizeof inputs, "H%zu,axis0", layers - 1);
        om_node(m, "Squeeze", inputs, "v");
    } else if (way >= READ_STATES) {
        read_states(m, layers, hidden, way);
    } else {
        read_sequence(m, last, way);
    }
}

#endif
