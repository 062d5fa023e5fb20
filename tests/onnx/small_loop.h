/* One Loop over four steps of two features, whose body a test writes. */
#ifndef SP_TESTS_ONNX_SMALL_LOOP_H
#define SP_TESTS_ONNX_SMALL_LOOP_H

#include <math.h>

#include "tests/onnx/build.h"

enum { LOOP_D = 2, LOOP_H = 3, LOOP_T = 4 };

/* A Loop that carries "h" and hands it to nodes which make "next" of "h" and the step "x1". */
typedef struct small_loop {
    om *m;
    Onnx__GraphProto around;
    const char *shape; /* of the input */
    const char *go;    /* name of the condition that the body returns */
    const char *start; /* name of the initial state */
    bool scan;         /* "next" is a scan output too, and the result */
} small_loop;

static inline small_loop small_begin(const char *shape) {
    small_loop l = {.m = om_new(18), .shape = shape, .go = "go", .start = "zeros"};
    om *m = l.m;
    om_input(m, "input", shape);
    om_reals(m, "zeros", "1x3", (const double[LOOP_H]){0});
    om_reals(m, "ones", "1x3", (const double[LOOP_H]){1, 1, 1});
    om_reals(m, "W", "2x3", (const double[LOOP_D * LOOP_H]){0.5, -1, 0.25, 1, 0.75, -0.5});
    om_reals(m, "U", "3x3", (const double[LOOP_H * LOOP_H]){0.5, 0, 1, -1, 0.25, 0, 0, 0.5, -0.75});
    om_reals(m, "b", "3", (const double[LOOP_H]){0.125, -0.25, 0.5});
    om_reals(m, "third", "", (const double[]){1.0 / 3.0});
    om_reals(m, "nans", "1x3", (const double[LOOP_H]){0, 0, NAN});
    om_reals(m, "three", "", (const double[]){3.0});
    om_list(m, "axis0", 1, (const int64_t[]){0});
    om_whole(m, "true", 1);
    om_whole(m, "trips", LOOP_T);
    om_whole(m, "forever", INT64_MAX);
    om_whole(m, "T - 1", LOOP_T - 1);
    om_whole(m, "2", 2);
    om_ints(m, om_node(m, "Transpose", "input", "xt"), "perm", 3, (const int64_t[]){1, 0, 2});
    l.around = om_body_begin(m);
    m->graph.input[m->graph.n_input++] = om_value(m, "t", 7, "");
    m->graph.input[m->graph.n_input++] = om_value(m, "go", 9, "");
    m->graph.input[m->graph.n_input++] = om_value(m, "h", 1, NULL);
    om_node(m, "Gather", "xt,t", "x1");
    return l;
}

/* Ends the body, adds the Loop "loop" and makes the last state the output "y". */
static inline om *small_end(small_loop *l, const char *trips) {
    om *m = l->m;
    char inputs[64];
    m->graph.output[m->graph.n_output++] = om_value(m, l->go, 9, NULL);
    m->graph.output[m->graph.n_output++] = om_value(m, "next", 1, NULL);
    if (l->scan) {
        om_node(m, "Identity", "next", "row");
        m->graph.output[m->graph.n_output++] = om_value(m, "row", 1, NULL);
    }
    Onnx__GraphProto *body = om_body_end(m, &l->around);
    snprintf(inputs, sizeof inputs, "%s,true,%s", trips, l->start);
    Onnx__NodeProto *loop = om_node(m, "Loop", inputs, l->scan ? "last,rows" : "last");
    loop->name = om_text(m, "loop");
    om_graph(m, loop, "body", body);
    if (l->scan) {
        om_whole(m, "-1", -1);
        om_node(m, "Gather", "rows,-1", "y");
    } else {
        om_node(m, "Identity", "last", "y");
    }
    om_output(m, "y");
    return m;
}

/* next = f(x W + h U + b), with the nodes in `f` between "a" and "next". */
static inline void rnn_body(om *m) {
    om_node(m, "MatMul", "x1,W", "xW");
    om_node(m, "MatMul", "h,U", "hU");
    om_node(m, "Add", "xW,hU", "sum");
    om_node(m, "Add", "b,sum", "a");
}

#endif
