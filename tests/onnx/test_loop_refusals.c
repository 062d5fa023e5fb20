/* Loops that are refused: what is no cell, no walk over the steps, or no graph at all. */
#include "base/clock.h"
#include "tests/onnx/small_loop.h"

/* ---- cells ---- */

/* The body computes "next" by `nodes`: operator, inputs, output, one behind the other, until NULL.
 */
static void refuse_body(sp_status status, const char *parts, const char *const *nodes) {
    small_loop l = small_begin("N x 4 x 2");
    rnn_body(l.m);
    for (; nodes[0]; nodes += 3) {
        om_node(l.m, nodes[0], nodes[1], nodes[2]);
    }
    om_refuse(small_end(&l, "trips"), status, parts);
}

#define REFUSE(status, parts, ...)                                                                 \
    refuse_body(status, parts, (const char *const[]){__VA_ARGS__, NULL})

static void test_cells(void **state) {
    (void)state;
    const sp_status no = SP_E_UNSUPPORTED;
    // not z h + (1 - z) n
    REFUSE(no, "'loop' (Loop)|unit 0|no LSTM, GRU or vanilla RNN|z h + (1 - z) n", "Sigmoid", "a",
           "z", "Mul", "z,h", "zh", "Add", "zh,a", "next");
    REFUSE(no, "unit 0|no LSTM, GRU or vanilla RNN", "Mul", "h,a", "next");
    REFUSE(no, "unit 0|no LSTM, GRU or vanilla RNN", "Tanh", "a", "n", "Add", "n,n", "next");
    REFUSE(no, "unit 0|no LSTM, GRU or vanilla RNN", "Tanh", "a", "n", "Add", "n,h", "next");
    // (1 - z) n + z h, where n depends on h without a reset gate
    REFUSE(no, "unit 0|no LSTM, GRU or vanilla RNN|other terms", "Sigmoid", "a", "z", "Tanh", "a",
           "n", "Sub", "h,n", "d", "Mul", "z,d", "zd", "Add", "n,zd", "next");
    // z of another unit
    REFUSE(no, "no LSTM, GRU or vanilla RNN", "MatMul", "x1,W", "v", "Sigmoid", "v", "z", "MatMul",
           "z,U", "zU", "Tanh", "v", "n", "Sub", "h,n", "d", "Mul", "zU,d", "zd", "Add", "n,zd",
           "next");
    // gates that are no activations of sums
    REFUSE(no, "gate does not depend linearly", "Sigmoid", "a", "z1", "Sigmoid", "z1", "z", "Tanh",
           "xW", "n", "Sub", "h,n", "d", "Mul", "z,d", "zd", "Add", "n,zd", "next");
    REFUSE(no, "limited on one side", "Max", "a,third", "next");
    REFUSE(no, "more than 3 quantities", "Mul", "h,a", "p", "Mul", "p,a", "q", "Mul", "q,a",
           "next");
    REFUSE(no, "'next' (Div)|divides by 'a'", "Div", "h,a", "next");
    REFUSE(no, "'next' (Div)|divides by", "Sub", "b,b", "none", "Div", "a,none", "next");
    REFUSE(no, "'next' (Clip)|empty range 3 .. 0.333", "Clip", "a,three,third", "next");
    REFUSE(no, "limited on one side", "Max", "a,three", "p", "Min", "p,third", "next");
    REFUSE(no, "'next' (Softmax)|inside of a Loop", "Softmax", "a", "next");
    REFUSE(no, "'next' (Det)|not supported", "Det", "a", "next");
    REFUSE(no, "'c' (Less)|depends on the features", "Less", "a,b", "c", "Where", "c,a,b", "next");
    REFUSE(SP_E_FORMAT, "'next' (MatMul)|cannot be multiplied", "MatMul", "h,W", "next");
    REFUSE(SP_E_FORMAT, "'next' (Add)|do not fit together", "Add", "a,x1", "next");
    REFUSE(no, "another one after iteration 0", "Unsqueeze", "a,axis0", "next");
    // gates of two kinds
    REFUSE(no, "not that of the other units", "Sigmoid", "xW", "z", "Relu", "sum", "r", "Mul",
           "r,h", "rh", "MatMul", "rh,U", "rU", "Add", "xW,rU", "s", "Tanh", "s", "n", "Sub", "h,n",
           "d", "Mul", "z,d", "zd", "Add", "n,zd", "next");
}

/* ---- walks over the steps ---- */

static small_loop tanh_loop(const char *shape) {
    small_loop l = small_begin(shape);
    rnn_body(l.m);
    om_node(l.m, "Tanh", "a", "next");
    return l;
}

/* A body whose first node reads another step: op and inputs instead of Gather(xt, t). */
static void refuse_step(const char *parts, const char *op, const char *inputs) {
    small_loop l = small_begin("N x 4 x 2");
    om *m = l.m;
    Onnx__NodeProto *gather = m->graph.node[0];
    om_node(m, op, inputs, "s");
    gather->input[1] = om_text(m, "s");
    rnn_body(m);
    om_node(m, "Tanh", "a", "next");
    om_refuse(small_end(&l, "trips"), SP_E_UNSUPPORTED, parts);
}

static void test_steps(void **state) {
    (void)state;
    refuse_step("iteration 0 reads step 3|in order", "Sub", "T - 1,t");
    refuse_step("iteration 0 reads step 2|in order", "Add", "t,2");
    refuse_step("iteration 1 reads step 0|in order", "Sub", "t,t");
}

static void test_lengths(void **state) {
    (void)state;
    static const struct {
        const char *shape, *trips, *parts;
    } cases[] = {
        {"N x 5 x 2", "trips", "'loop' (Loop)|ends after 4 of the 5 steps"},
        {"N x 3 x 2", "trips", "'x1' (Gather)|step 3 does not exist among 3"},
        {"N x 4 x 2", "T - 1", "ends after 3 of the 4 steps"},
        {"N x 4 x 2", "forever", "'x1' (Gather)|step 4 does not exist"},
        {"N x T x 2", "trips", "'x1' (Gather)|unknown number of steps"},
        {"N x T x 2", "length", "'loop' (Loop)|trip count depends on the number of steps"},
        {"N x 4 x 2", "minus", "'y' is not a function of the input"},
        {"N x 4 x 2", "half", "M ('half')|whole numbers"},
        {"N x 4 x 2", "input", "input M ('input') depends on the features"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        small_loop l = tanh_loop(cases[i].shape);
        om *m = small_end(&l, cases[i].trips);
        om_node(m, "Shape", "xt", "lengths");
        om_list(m, "[0]", 1, (const int64_t[]){0});
        om_node(m, "Gather", "lengths,[0]", "length");
        om_whole(m, "minus", -3);
        om_reals(m, "half", "", (const double[]){0.5});
        sp_error err = {0};
        sp_model model;
        const sp_status status = om_parse(m, &err, &model);
        assert_true(status == SP_E_UNSUPPORTED || status == SP_E_FORMAT);
        om_refuse(m, status, cases[i].parts);
    }
    small_loop l = small_begin("N x 4 x 2"); // two steps in one iteration
    om_node(l.m, "Sub", "T - 1,t", "u");
    om_node(l.m, "Gather", "xt,u", "x2");
    om_node(l.m, "Add", "x1,x2", "x");
    om_node(l.m, "MatMul", "x,W", "xW");
    om_node(l.m, "Tanh", "xW", "next");
    om_refuse(small_end(&l, "trips"), SP_E_UNSUPPORTED, "'x2' (Gather)|more than one step");
    l = small_begin("N x 4 x 2"); // none in the last one
    om_node(l.m, "Gather", "x1,T - 1", "unused");
    rnn_body(l.m);
    om_node(l.m, "Less", "t,T - 1", "c");
    om_node(l.m, "Tanh", "a", "next");
    l.go = "c";
    om_refuse(small_end(&l, "2"), SP_E_UNSUPPORTED, "ends after 2 of the 4 steps");
}

static void test_states(void **state) {
    (void)state;
    small_loop l = tanh_loop("N x 4 x 2");
    l.start = "ones";
    sp_model model;
    om_accept(small_end(&l, "trips"), &model);
    assert_true(model.agreement < 1e-12);
    sp_model_clear(&model);
    l = tanh_loop("N x 4 x 2");
    l.start = "nans";
    om_refuse(small_end(&l, "trips"), SP_E_NONFINITE, "'sum' (Add)|nan");
    l = small_begin("N x 4 x 2"); // the state of a cell is a whole number
    rnn_body(l.m);
    om_int(l.m, om_node(l.m, "Cast", "a", "next"), "to", 7);
    om_refuse(small_end(&l, "trips"), SP_E_UNSUPPORTED, "'next' (Cast)|to = 7");
    l = tanh_loop("N x 4 x 2"); // two states
    om *m = l.m;
    m->graph.input[m->graph.n_input++] = om_value(m, "c", 1, NULL);
    om_node(m, "Add", "c,a", "next c");
    m->graph.output[m->graph.n_output++] = om_value(m, "go", 9, NULL);
    m->graph.output[m->graph.n_output++] = om_value(m, "next", 1, NULL);
    m->graph.output[m->graph.n_output++] = om_value(m, "next c", 1, NULL);
    Onnx__GraphProto *body = om_body_end(m, &l.around);
    om_graph(m, om_node(m, "Loop", "trips,true,zeros,zeros", "y,c"), "body", body);
    om_output(m, "y");
    om_refuse(m, SP_E_UNSUPPORTED, "(Loop)|no LSTM");
    // a scan output that is not the state, and a constant one beside it
    l = small_begin("N x 4 x 2");
    l.scan = true;
    rnn_body(l.m);
    om_node(l.m, "Tanh", "a", "next");
    m = small_end(&l, "trips");
    body = m->node[m->graph.n_node - 2]->attribute[0]->g;
    body->output[2]->name = om_text(m, "sum");
    om_refuse(m, SP_E_UNSUPPORTED, "'y' (Gather)|reads 'rows'|not the state of its cell");
    // the cell of one iteration is another one
    l = small_begin("N x 4 x 2");
    rnn_body(l.m);
    om_node(l.m, "Equal", "t,2", "third step");
    om_node(l.m, "Where", "third step,b,ones", "c");
    om_node(l.m, "Add", "a,c", "e");
    om_node(l.m, "Tanh", "e", "next");
    om_refuse(small_end(&l, "trips"), SP_E_UNSUPPORTED, "iteration 2 computes another cell");
    // conditions that depend on the features
    l = tanh_loop("N x 4 x 2");
    l.go = "next";
    om_refuse(small_end(&l, "trips"), SP_E_UNSUPPORTED,
              "'loop' (Loop)|condition of its body depends on the features");
}

/* ---- damage ---- */

static void refuse_loop(sp_status status, const char *parts,
                        void (*edit)(om *m, Onnx__NodeProto *loop)) {
    small_loop l = tanh_loop("N x 4 x 2");
    om *m = small_end(&l, "trips");
    edit(m, m->node[m->graph.n_node - 2]);
    om_refuse(m, status, parts);
}

static Onnx__GraphProto *body_of(Onnx__NodeProto *loop) {
    return loop->attribute[0]->g;
}
static void no_body(om *m, Onnx__NodeProto *loop) {
    (void)m;
    loop->n_attribute = 0;
}
static void other_attribute(om *m, Onnx__NodeProto *loop) {
    loop->attribute[0]->name = om_text(m, "then_branch");
}
static void body_twice(om *m, Onnx__NodeProto *loop) {
    om_graph(m, loop, "body", body_of(loop));
}
static void more_inputs(om *m, Onnx__NodeProto *loop) {
    Onnx__GraphProto *body = body_of(loop);
    body->input[body->n_input++] = om_value(m, "extra", 1, NULL);
}
static void fewer_outputs(om *m, Onnx__NodeProto *loop) {
    (void)m;
    body_of(loop)->n_output = 1;
}
static void no_inputs(om *m, Onnx__NodeProto *loop) {
    (void)m;
    loop->n_input = 1;
}
static void left_out(om *m, Onnx__NodeProto *loop) {
    loop->input[2] = om_text(m, "");
}
static void unknown_name(om *m, Onnx__NodeProto *loop) {
    body_of(loop)->node[1]->input[1] = om_text(m, "nowhere");
}
static void unknown_output(om *m, Onnx__NodeProto *loop) {
    body_of(loop)->output[1]->name = om_text(m, "nowhere");
}
static void nameless_output(om *m, Onnx__NodeProto *loop) {
    (void)m;
    body_of(loop)->output[1]->name = NULL;
}
static void inner_name(om *m, Onnx__NodeProto *loop) {
    (void)loop; // what the body defines does not exist outside
    m->node[m->graph.n_node - 1]->input[0] = om_text(m, "xW");
}
static void own_result(om *m, Onnx__NodeProto *loop) {
    body_of(loop)->node[1]->input[1] = om_text(m, "last");
}
static void cycle(om *m, Onnx__NodeProto *loop) {
    body_of(loop)->node[1]->input[1] = om_text(m, "hU");
    body_of(loop)->node[2]->input[1] = om_text(m, "xW");
}
static void twice(om *m, Onnx__NodeProto *loop) {
    body_of(loop)->node[1]->output[0] = om_text(m, "hU");
}
static void input_and_initialiser(om *m, Onnx__NodeProto *loop) {
    Onnx__GraphProto *body = body_of(loop);
    body->initializer[body->n_initializer++] =
        om_real_tensor(m, "h", "3", (const double[]){0, 0, 0}, OM_RAW);
}
static void nan_weight(om *m, Onnx__NodeProto *loop) {
    ((float *)(void *)m->initialiser[2]->raw_data.data)[1] = NAN;
    (void)loop;
}
static void infinite_bias(om *m, Onnx__NodeProto *loop) {
    ((float *)(void *)m->initialiser[4]->raw_data.data)[1] = INFINITY;
    (void)loop;
}
static void huge_weights(om *m, Onnx__NodeProto *loop) { // a product that overflows
    Onnx__TensorProto *huge = om_real_tensor(
        m, "huge", "3x3",
        (const double[9]){1e300, 1e300, 1e300, 1e300, 1e300, 1e300, 1e300, 1e300, 1e300},
        OM_DOUBLE_RAW);
    om_initialiser(m, huge);
    Onnx__GraphProto *body = body_of(loop);
    body->node[2]->input[1] = om_text(m, "huge");
    body->node[4]->op_type = om_text(m, "MatMul");
    body->node[4]->input[0] = om_text(m, "sum");
    body->node[4]->input[1] = om_text(m, "huge");
}

static void test_damage(void **state) {
    (void)state;
    refuse_loop(SP_E_FORMAT, "'loop' (Loop)|no body", no_body);
    refuse_loop(SP_E_UNSUPPORTED, "'then_branch' is not supported", other_attribute);
    refuse_loop(SP_E_FORMAT, "'body' is given twice", body_twice);
    refuse_loop(SP_E_FORMAT, "'loop' (Loop)|carries 1 values|4 inputs", more_inputs);
    refuse_loop(SP_E_FORMAT, "'loop' (Loop)|1 outputs", fewer_outputs);
    refuse_loop(SP_E_FORMAT, "'loop' (Loop)|1 inputs", no_inputs);
    refuse_loop(SP_E_FORMAT, "'loop' (Loop)|input 2 is left out", left_out);
    refuse_loop(SP_E_FORMAT, "'loop' (Loop) reads 'nowhere'", unknown_name);
    refuse_loop(SP_E_FORMAT, "'loop' (Loop) reads 'nowhere'", unknown_output);
    refuse_loop(SP_E_FORMAT, "output '' of the graph is not defined", nameless_output);
    refuse_loop(SP_E_FORMAT, "(Identity) reads 'xW', which nothing", inner_name);
    refuse_loop(SP_E_FORMAT, "'loop' (Loop) needs its own result: a cycle", own_result);
    refuse_loop(SP_E_FORMAT, "a cycle", cycle);
    refuse_loop(SP_E_FORMAT, "'hU' is defined more than once", twice);
    refuse_loop(SP_E_UNSUPPORTED, "'loop' (Loop)|input 'h' of its body is an initialiser",
                input_and_initialiser);
    refuse_loop(SP_E_NONFINITE, "'xW' (MatMul)|weight is nan", nan_weight);
    refuse_loop(SP_E_NONFINITE, "'a' (Add)|is inf", infinite_bias);
    refuse_loop(SP_E_NONFINITE, "'a' (MatMul)|not a finite number", huge_weights);
}

/* ---- time and memory ---- */

/* A Loop of constants with these trips and body nodes, whose result is added to the input. */
static om *constant_loop(const char *op, const char *inputs, int depth) {
    om *m = om_new(18);
    om_input(m, "x", "N x 3");
    om_reals(m, "w", "2x3", (const double[6]){1, 2, 3, 4, 5, 6});
    om_reals(m, "one", "3", (const double[]){1, 1, 1});
    om_whole(m, "forever", INT64_MAX);
    om_whole(m, "true", 1);
    Onnx__GraphProto around[8];
    for (int d = 0; d < depth; d++) {
        char names[3][16];
        snprintf(names[0], sizeof names[0], "i%d", d);
        snprintf(names[1], sizeof names[1], "go%d", d);
        snprintf(names[2], sizeof names[2], "v%d", d);
        around[d] = om_body_begin(m);
        m->graph.input[m->graph.n_input++] = om_value(m, names[0], 7, "");
        m->graph.input[m->graph.n_input++] = om_value(m, names[1], 9, "");
        m->graph.input[m->graph.n_input++] = om_value(m, names[2], 1, NULL);
    }
    om_node(m, op, inputs, "inner");
    for (int d = depth; d-- > 0;) {
        char names[2][32];
        snprintf(names[0], sizeof names[0], d + 1 == depth ? "inner" : "r%d", d);
        m->graph.output[m->graph.n_output++] = om_value(m, "true", 9, NULL);
        m->graph.output[m->graph.n_output++] = om_value(m, names[0], 1, NULL);
        Onnx__GraphProto *body = om_body_end(m, &around[d]);
        snprintf(names[0], sizeof names[0], d == 0 ? "forever,true,one" : "forever,true,v%d",
                 d - 1);
        snprintf(names[1], sizeof names[1], "r%d", d - 1);
        om_graph(m, om_node(m, "Loop", names[0], d == 0 ? "r" : names[1]), "body", body);
    }
    om_node(m, "Add", "x,r", "s");
    om_int(m, om_node(m, "Gemm", "s,w", "y"), "transB", 1);
    om_output(m, "y");
    return m;
}

static void refuse_quickly(om *m, sp_status status, const char *parts) {
    const double start = sp_clock_wall();
    om_refuse(m, status, parts);
    const double seconds = sp_clock_wall() - start, most = sp_test_sanitized() ? 300.0 : 30.0;
    if (!(seconds < most)) {
        fail_msg("refused after %g s", seconds);
    }
}

static void test_endless(void **state) {
    (void)state;
    refuse_quickly(constant_loop("Identity", "v0", 1), SP_E_UNSUPPORTED,
                   "(Loop)|does not end within");
    refuse_quickly(constant_loop("Add", "v0,one", 1), SP_E_UNSUPPORTED,
                   "(Loop)|does not end within");
    refuse_quickly(constant_loop("Add", "v1,one", 2), SP_E_MEMORY, "(Loop)|memory");
    // doubles its size each time
    om *m = constant_loop("Concat", "v0,v0", 1);
    om_int(m, m->node[0]->attribute[0]->g->node[0], "axis", 0);
    refuse_quickly(m, SP_E_MEMORY, "'inner' (Concat)|memory");
    // much work in each iteration
    m = constant_loop("MatMul", "square,square", 1);
    om_list(m, "[400 400]", 2, (const int64_t[]){400, 400});
    om_node(m, "ConstantOfShape", "[400 400]", "square");
    refuse_quickly(m, SP_E_UNSUPPORTED, "'inner' (MatMul)|too many steps");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cells),   cmocka_unit_test(test_steps),
        cmocka_unit_test(test_lengths), cmocka_unit_test(test_states),
        cmocka_unit_test(test_damage),  cmocka_unit_test(test_endless),
    };
    return cmocka_run_group_tests_name("onnx/loop_refusals", tests, NULL, NULL);
}
