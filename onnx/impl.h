/* Private to onnx/: a small abstract interpreter. It walks the graph once, at batch 1 and an
 * unknown number of steps T. A value of the graph is a tensor of constants, or a flow: numbers
 * that depend on the input and hold the output of a block (a layer of the network to be) at
 * every step, at the last step, or the last states of several LSTMs side by side. Inside the body
 * of a Loop, a tensor may hold forms: polynomials of one step of the input and of the states.
 * Whatever cannot be expressed so is refused. The same walk evaluates the graph when its input is
 * a tensor of constants. */
#ifndef SP_ONNX_IMPL_H
#define SP_ONNX_IMPL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "onnx/form.h"
#include "onnx/onnx.h"
#include "onnx/onnx.pb-c.h"

enum {
    SP_MAX_RANK = 8,
    SP_MAX_NODES = 100000,
    SP_MAX_NAMES = 1000000,
    SP_MAX_ATTRIBUTES = 32,
    SP_MIN_OPSET = 7, /* LSTM-7: the first without output_sequence */
    SP_MAX_OPSET = 28 /* onnx 1.23 */
};
static const size_t SP_MOST_WORK = (size_t)1 << 30; /* steps in bodies of Loops */

/* ---- wire.c: bytes to messages ---- */

/** sp_wire_unpack - the model in data[size]. Nesting depth, strings and memory are checked
 *  before and while protobuf-c reads. Free with onnx__model_proto__free_unpacked(model, NULL). */
SP_NODISCARD sp_status sp_wire_unpack(sp_error *err, Onnx__ModelProto **model, const uint8_t *data,
                                      size_t size);

/* ---- extent.c: whole numbers that may grow with the number of steps ---- */

/** sp_extent - the whole number k + t T. */
typedef struct sp_extent {
    int64_t k, t;
} sp_extent;

static inline sp_extent sp_whole(int64_t k) {
    return (sp_extent){k, 0};
}
static inline bool sp_extent_equal(sp_extent a, sp_extent b) {
    return a.k == b.k && a.t == b.t;
}
static inline bool sp_extent_is(sp_extent a, int64_t k) {
    return a.t == 0 && a.k == k;
}

/* False when the result does not fit, or is not of the form k + t T. */
bool sp_extent_add(sp_extent *r, sp_extent a, sp_extent b);
bool sp_extent_sub(sp_extent *r, sp_extent a, sp_extent b);
bool sp_extent_mul(sp_extent *r, sp_extent a, sp_extent b);
bool sp_extent_div(sp_extent *r, sp_extent a, sp_extent b); /* towards zero */
/** sp_extent_same - *same: whether a = b for every T >= 1; false when that depends on T. */
bool sp_extent_same(bool *same, sp_extent a, sp_extent b);

/* ---- heap.c: memory of one reading, within a budget ---- */

typedef struct sp_heap {
    struct sp_heap_block *first; /* owned */
    size_t left;                 /* bytes */
} sp_heap;

/** sp_heap_take - count zeroed objects that live until sp_heap_clear; NULL beyond the budget. */
void *sp_heap_take(sp_heap *heap, size_t count, size_t size);
void sp_heap_clear(sp_heap *heap, size_t budget);

/* ---- values ---- */

typedef enum { SP_NUMBERS_REAL, SP_NUMBERS_WHOLE, SP_NUMBERS_FORM } sp_numbers;

/** sp_tensor - constants, or forms inside the body of a Loop; row-major. Booleans are the whole
 *  numbers 0 and 1. */
typedef struct sp_tensor {
    sp_numbers kind;
    size_t rank, count;
    int64_t dim[SP_MAX_RANK];
    const double *real;     /* [count] borrowed from the heap; REAL only */
    const sp_extent *whole; /* [count] borrowed from the heap; WHOLE only */
    const sp_form *form;    /* [count] borrowed from the heap; FORM only */
} sp_tensor;

/** sp_block - a node of the network to be. Blocks form a tree: the branches that do not lead to
 *  the output of the graph are dropped. Arrays are borrowed from the heap. */
typedef struct sp_block {
    sp_node_kind kind;
    size_t parent; /* SP_INPUT: reads the features */
    size_t in, out;
    const double *weight, *bias; /* AFFINE: [out, in], [out] */
    sp_activation curve;         /* CURVE */
    sp_cell cell;                /* CELL */
    bool once;                   /* runs on the last step only */
    const Onnx__NodeProto *node;
} sp_block;

#define SP_INPUT ((size_t)-1)

typedef enum {
    SP_FLOW_SEQUENCE, /* a block at every step */
    SP_FLOW_VECTOR,   /* a block at the last step, or at the only one */
    SP_FLOW_STATES    /* several blocks at the last step, along the outer axis */
} sp_flow_kind;

#define SP_NO_AXIS ((size_t)-1)

/** sp_head - what stands between the logits and the flow. */
typedef enum { SP_HEAD_NONE, SP_HEAD_SIGMOID, SP_HEAD_SOFTMAX } sp_head;

/** sp_flow - numbers that depend on the input. All axes but the outer and the inner one have
 *  length 1. */
typedef struct sp_flow {
    sp_flow_kind kind;
    size_t rank;
    sp_extent dim[SP_MAX_RANK];
    size_t outer; /* axis of the steps or of the states; SP_NO_AXIS for vectors */
    /* axis of the features; SP_NO_AXIS when the width is 1: then any axis of length 1 */
    size_t inner;
    size_t width;
    size_t blocks;       /* 1; STATES: >= 2 */
    const size_t *block; /* [blocks] borrowed from the heap */
    sp_head head;        /* no layer may follow one */
    size_t logits;       /* definition of what stands in front of the head */
    bool partial;        /* other steps than the last one: only the shape may be read */
} sp_flow;

typedef enum { SP_VALUE_TENSOR, SP_VALUE_FLOW, SP_VALUE_OPAQUE } sp_value_kind;

/** sp_value - what a name stands for. OPAQUE, such as Y_c of an LSTM: no operator may read it. */
typedef struct sp_value {
    sp_value_kind kind;
    sp_tensor tensor;
    sp_flow flow;
    const char *why; /* OPAQUE: what it is, for messages */
} sp_value;

/* ---- graph.c: names and order ---- */

typedef enum {
    SP_DEFINED_BY_INPUT,
    SP_DEFINED_BY_INITIALISER,
    SP_DEFINED_BY_NODE,
    SP_DEFINED_OUTSIDE /* in a graph around this one */
} sp_definer;

typedef struct sp_definition {
    const char *name;
    sp_definer by;
    /* of the input, initialiser or node; OUTSIDE: the definition in the graph around this one */
    size_t index;
    size_t slot; /* of the node's output */
} sp_definition;

#define SP_NO_NAME ((size_t)-1)

/** sp_graph - every name resolved, and the nodes that the outputs need in an order of
 *  evaluation. */
struct sp_inner;
typedef struct sp_graph {
    const Onnx__GraphProto *proto; /* borrowed */
    sp_definition *definition;     /* [definitions] owned, sorted by name */
    size_t definitions;
    size_t imports; /* while names are resolved: definitions OUTSIDE behind the sorted ones */
    /* [nodes + 1] owned: where a node's inputs start in `input`; behind them stand the names that
     * graphs inside of the node read from this one */
    size_t *first_input;
    size_t *input;        /* owned: definition of every input, SP_NO_NAME for "" */
    size_t *output;       /* owned: definition of every output, in the order of first_output */
    size_t *first_output; /* [nodes + 1] owned */
    size_t *order;        /* [needed] owned */
    size_t needed;
    size_t *argument;       /* [proto->n_input] owned: definitions of the inputs */
    size_t *result;         /* [proto->n_output] owned: definitions of the outputs */
    struct sp_inner *inner; /* [inners] owned: graphs inside of nodes, in the order of the nodes */
    size_t inners;
    const Onnx__ValueInfoProto *features; /* outermost graph: its one input, no initialiser */
} sp_graph;

/** sp_inner - a graph that a node keeps as an attribute. */
typedef struct sp_inner {
    size_t node;
    const char *attribute;
    sp_graph graph;
} sp_inner;

/** sp_graph_init - for a file's outermost graph. Depth of nesting is limited by sp_wire_unpack. */
SP_NODISCARD sp_status sp_graph_init(sp_error *err, sp_graph *graph, const Onnx__GraphProto *proto);
void sp_graph_clear(sp_graph *graph);
/** sp_graph_find - the definition of a name, or SP_NO_NAME. */
size_t sp_graph_find(const sp_graph *graph, const char *name);
/** sp_graph_inner - the graph that node n keeps under this name, or NULL. */
const sp_graph *sp_graph_inner(const sp_graph *graph, size_t n, const char *attribute);

/** sp_graph_sort - fills order and needed (order.c). */
SP_NODISCARD sp_status sp_graph_sort(sp_error *err, sp_graph *graph);

/* ---- input.c: the input of the graph ---- */

/** sp_input_check - refuses inputs that are not a tensor of one to three axes with fixed
 *  features. */
SP_NODISCARD sp_status sp_input_check(sp_error *err, const Onnx__ValueInfoProto *input);
/** sp_input_describe - the shape as a text, "T x 1 x 10". Free it with free. */
SP_NODISCARD sp_status sp_input_describe(sp_error *err, char **text,
                                         const Onnx__TensorShapeProto *shape);

/** sp_guess - one way to read the input: which axis counts the steps, and how many there must
 *  be. */
typedef struct sp_guess {
    size_t axis;  /* SP_NO_AXIS: the input is one step */
    size_t steps; /* 0: any */
} sp_guess;
enum { SP_MOST_GUESSES = 3 };
/** sp_input_guesses - the guesses, in the order in which they are to be tried; their number.
 *  Every axis before the features can be the steps unless its length is 1; the others have
 *  length 1 (batch). When nothing needs steps, the input may also be a single one. */
size_t sp_input_guesses(sp_guess *guess, const Onnx__GraphProto *proto,
                        const Onnx__TensorShapeProto *shape);

/* ---- interpret.c: one walk over the graph ---- */

/** sp_reader - one reading of a file, or one evaluation. */
typedef struct sp_reader {
    sp_error *err;
    const sp_graph *root; /* borrowed: the outermost graph */
    long opset;
    size_t budget; /* bytes of the heap */
    /* of the walk */
    sp_heap heap;
    size_t work;           /* steps that bodies of Loops may still take */
    size_t steps_axis;     /* of the input; SP_NO_AXIS: the input is one step */
    size_t steps;          /* length of that axis; 0: not fixed */
    sp_value **root_value; /* [root->definitions] owned; entries in the heap */
    sp_block *block;       /* [blocks] owned */
    size_t blocks, block_room;
    size_t furthest;   /* node of the outermost graph that the walk has reached */
    bool wants_length; /* it failed for want of a fixed number of steps */
    /* the graph at hand: the outermost one or the body of a Loop */
    const sp_graph *graph;
    sp_value **value;            /* [graph->definitions] */
    size_t depth;                /* 0: the outermost graph */
    size_t at;                   /* node at hand, as an index of graph->order */
    const Onnx__NodeProto *node; /* the same */
    sp_algebra *algebra;         /* in the body of a Loop over the input; else NULL */
} sp_reader;

/** sp_reader_init - for reading the graph; sp_reader_clear frees what walks took. */
SP_NODISCARD sp_status sp_reader_init(sp_reader *r, sp_error *err, const sp_graph *root, long opset,
                                      size_t budget);
void sp_reader_clear(sp_reader *r);
/** sp_interpret - walks the graph; *result is its first output, a vector. */
SP_NODISCARD sp_status sp_interpret(sp_reader *r, const sp_flow **result);
/** sp_evaluate - walks the graph with numbers as its input. */
SP_NODISCARD sp_status sp_evaluate(sp_reader *r, const double *features, size_t steps);
/** sp_evaluated - the real numbers that a definition of the outermost graph got there. */
SP_NODISCARD sp_status sp_evaluated(sp_reader *r, const sp_tensor **result, size_t id);
/** sp_walk - the needed nodes of the graph at hand, in order. */
SP_NODISCARD sp_status sp_walk(sp_reader *r);
/** sp_load - the value of a definition of the graph at hand, reading initialisers; NULL when
 *  there is none yet. */
SP_NODISCARD sp_status sp_load(sp_reader *r, const sp_value **value, size_t id);

/* ---- node.c: the node at hand ---- */

/** sp_refuse - a failure at the node at hand: "node 'name' (Operator): ...". */
sp_status sp_refuse(sp_reader *r, sp_status code, const char *format, ...) SP_PRINTF(3, 4);
sp_status sp_out_of_memory(sp_reader *r);

size_t sp_node_index(const sp_reader *r);
size_t sp_inputs(const sp_reader *r);
/** sp_input_id - the definition of input i; SP_NO_NAME when it is left out. */
size_t sp_input_id(const sp_reader *r, size_t i);
/** sp_input - input i of the node at hand; NULL when it is left out. */
const sp_value *sp_input(const sp_reader *r, size_t i);
/** sp_input_name - its name, for messages; "" when it is left out. */
const char *sp_input_name(const sp_reader *r, size_t i);
/** sp_input_tensor - a constant input that must be there; `what` is its name in the standard. */
SP_NODISCARD sp_status sp_input_tensor(sp_reader *r, const sp_tensor **tensor, size_t i,
                                       const char *what);
/** sp_input_wholes - a constant input of whole numbers, of rank 0 or 1. */
SP_NODISCARD sp_status sp_input_wholes(sp_reader *r, const sp_extent **values, size_t *count,
                                       size_t i, const char *what);
/** sp_return_* - sets output i of the node at hand; nothing happens when nobody names it. */
SP_NODISCARD sp_status sp_return_tensor(sp_reader *r, size_t i, const sp_tensor *tensor);
SP_NODISCARD sp_status sp_return_flow(sp_reader *r, size_t i, const sp_flow *flow);
SP_NODISCARD sp_status sp_return_opaque(sp_reader *r, size_t i, const char *why);
SP_NODISCARD sp_status sp_return_value(sp_reader *r, size_t i, const sp_value *value);

/** sp_normalise_axis - an axis of the standard, -rank..rank-1, as an index. */
SP_NODISCARD sp_status sp_normalise_axis(sp_reader *r, size_t *axis, int64_t given, size_t rank);

/* ---- attribute.c ---- */

const Onnx__AttributeProto *sp_attribute(const Onnx__NodeProto *node, const char *name);
/** sp_attributes_check - refuses attributes that are not in the blank-separated list, or given
 *  twice. */
SP_NODISCARD sp_status sp_attributes_check(sp_reader *r, const char *known);
SP_NODISCARD sp_status sp_attribute_int(sp_reader *r, int64_t *value, const char *name,
                                        int64_t otherwise);
SP_NODISCARD sp_status sp_attribute_float(sp_reader *r, double *value, const char *name,
                                          double otherwise);
/** sp_attribute_wholes - a list of whole numbers; *values is NULL when the attribute is absent. */
SP_NODISCARD sp_status sp_attribute_wholes(sp_reader *r, const sp_extent **values, size_t *count,
                                           const char *name);
/** sp_operand_wholes - axes and the like: an attribute before opset `since`, else input i.
 *  *values is NULL when neither is given. */
SP_NODISCARD sp_status sp_operand_wholes(sp_reader *r, const sp_extent **values, size_t *count,
                                         const char *name, size_t i, long since);

/* ---- tensor.c ---- */

/** sp_tensor_read - the numbers of a message, which live in the heap. */
SP_NODISCARD sp_status sp_tensor_read(sp_error *err, sp_heap *heap, sp_tensor *tensor,
                                      const Onnx__TensorProto *proto);
/** sp_number_size - bytes of one number; sp_tensor_data - where they are. */
size_t sp_number_size(sp_numbers kind);
const void *sp_tensor_data(const sp_tensor *tensor);
/** sp_tensor_forms - the same numbers as forms. REAL and FORM only; NaN and infinities are
 *  refused. */
SP_NODISCARD sp_status sp_tensor_forms(sp_reader *r, sp_tensor *forms, const sp_tensor *tensor);
/** sp_tensor_copy - the same tensor with numbers of its own. */
SP_NODISCARD sp_status sp_tensor_copy(sp_reader *r, sp_tensor *copy, const sp_tensor *tensor);
/** sp_tensor_shape - sets rank, dim and count; false when they do not fit. */
bool sp_tensor_shape(sp_tensor *tensor, const int64_t *dim, size_t rank);
/** sp_tensor_make - memory for kind and count of a tensor with a shape; NULL when it does not
 *  fit. */
void *sp_tensor_make(sp_reader *r, sp_tensor *tensor);
/** sp_tensor_view - a new tensor of the shape of `tensor` with elements
 *  source[first + sum_i index_i stride_i]; the caller answers for the range. */
SP_NODISCARD sp_status sp_tensor_view(sp_reader *r, sp_tensor *tensor, const sp_tensor *source,
                                      int64_t first, const int64_t *stride);
/** sp_tensor_strides - strides of row-major storage. */
void sp_tensor_strides(int64_t *stride, const sp_tensor *tensor);
/** sp_tensor_broadcast - the common shape of a and b; false when there is none. */
bool sp_tensor_broadcast(sp_tensor *shape, const sp_tensor *a, const sp_tensor *b);
/** sp_tensor_expand - `source` repeated to the shape of `tensor`. */
SP_NODISCARD sp_status sp_tensor_expand(sp_reader *r, sp_tensor *tensor, const sp_tensor *source);

/* ---- flow.c ---- */

/** sp_flow_is_feature_axis - whether the features lie along this axis. */
bool sp_flow_is_feature_axis(const sp_flow *flow, size_t axis);
/** sp_flow_of_block - lets the flow hold one block, `width` wide. */
SP_NODISCARD sp_status sp_flow_of_block(sp_reader *r, sp_flow *flow, size_t block, size_t width);
/** sp_flow_pad - leading axes of length 1 up to the rank. */
SP_NODISCARD sp_status sp_flow_pad(sp_reader *r, sp_flow *flow, size_t rank);
/** sp_flow_permute / sp_flow_drop / sp_flow_insert / sp_flow_reshape - the same numbers on other
 *  axes. drop: drop[i] tells whether axis i goes; insert: axis i of the result is new where
 *  fresh[i]. */
void sp_flow_permute(sp_flow *flow, const size_t *perm);
SP_NODISCARD sp_status sp_flow_drop(sp_reader *r, sp_flow *flow, const bool *drop);
SP_NODISCARD sp_status sp_flow_insert(sp_reader *r, sp_flow *flow, const bool *fresh, size_t rank);
SP_NODISCARD sp_status sp_flow_reshape(sp_reader *r, sp_flow *flow, const sp_extent *dim,
                                       size_t rank);
/** sp_flow_select - keeps first .. end-1 along an axis: all of it, the last step, or some
 *  states. */
SP_NODISCARD sp_status sp_flow_select(sp_reader *r, sp_flow *flow, size_t axis, sp_extent first,
                                      sp_extent end);

/* ---- blocks (blocks.c) ---- */

/** sp_block_add - appends a layer to the flow (not STATES): the flow is then its output, with the
 *  features along `axis` (SP_NO_AXIS only for width 1 to 1). in, parent and once are filled in. */
SP_NODISCARD sp_status sp_block_add(sp_reader *r, sp_flow *flow, size_t axis, sp_block block);
/** sp_block_add_bias - adds numbers to the features; a dense layer at the end takes them up. */
SP_NODISCARD sp_status sp_block_add_bias(sp_reader *r, sp_flow *flow, const double *bias);
/** sp_blocks_to_net - the branch that ends in `last`, as nodes. */
SP_NODISCARD sp_status sp_blocks_to_net(sp_reader *r, sp_net *net, size_t features, size_t last);

/* ---- operators: each reads the node at hand ---- */

sp_status sp_op_activation(sp_reader *r); /* Sigmoid, Tanh, HardSigmoid, Relu, Neg */
sp_status sp_op_arithmetic(sp_reader *r); /* Add, Sub, Mul, Div */
sp_status sp_op_cast(sp_reader *r);
sp_status sp_op_clip(sp_reader *r);
sp_status sp_op_compare(sp_reader *r); /* And, Or, Equal, Less, ... */
sp_status sp_op_concat(sp_reader *r);
sp_status sp_op_constant(sp_reader *r);
sp_status sp_op_curve(sp_reader *r); /* those of curve_list.h */
sp_status sp_op_constant_of_shape(sp_reader *r);
sp_status sp_op_dropout(sp_reader *r);
sp_status sp_op_expand(sp_reader *r);
sp_status sp_op_flatten(sp_reader *r);
sp_status sp_op_gather(sp_reader *r);
sp_status sp_op_gemm(sp_reader *r);
sp_status sp_op_identity(sp_reader *r);
sp_status sp_op_limit(sp_reader *r); /* Min, Max */
sp_status sp_op_loop(sp_reader *r);
sp_status sp_op_matmul(sp_reader *r);
sp_status sp_op_not(sp_reader *r);
sp_status sp_op_recurrent(sp_reader *r); /* LSTM, GRU, RNN */
sp_status sp_op_reduce_sum(sp_reader *r);
sp_status sp_op_reshape(sp_reader *r);
sp_status sp_op_shape(sp_reader *r);
sp_status sp_op_slice(sp_reader *r);
sp_status sp_op_softmax(sp_reader *r);
sp_status sp_op_squeeze(sp_reader *r);
sp_status sp_op_tile(sp_reader *r);
sp_status sp_op_transpose(sp_reader *r);
sp_status sp_op_unsqueeze(sp_reader *r);
sp_status sp_op_where(sp_reader *r);

/** sp_shape_of - the shape of a value as extents; returns its rank. */
size_t sp_shape_of(const sp_value *value, sp_extent *dim);
/** sp_return_reshaped - returns x with another shape as the only output. */
SP_NODISCARD sp_status sp_return_reshaped(sp_reader *r, const sp_value *x, const sp_extent *dim,
                                          size_t rank);
/** sp_tensor_arithmetic - a op b, broadcast; op is one of + - * /. */
SP_NODISCARD sp_status sp_tensor_arithmetic(sp_reader *r, sp_tensor *to, const sp_tensor *a,
                                            const sp_tensor *b, char op);
/** sp_dense_arithmetic - the node at hand as a op b, where one of them depends on the features. */
SP_NODISCARD sp_status sp_dense_arithmetic(sp_reader *r, char op);
/** sp_tensor_product - MatMul of two tensors, one of which may hold forms. */
SP_NODISCARD sp_status sp_tensor_product(sp_reader *r, sp_tensor *to, const sp_tensor *a,
                                         const sp_tensor *b);

/* ---- original.c ---- */

/** sp_original - a file's own graph. */
typedef struct sp_original {
    Onnx__ModelProto *proto; /* owned */
    sp_graph graph;
    long opset;
    size_t budget; /* bytes that one evaluation may take */
    size_t steps_axis;
    size_t logits; /* definition of what stands in front of the head, if any */
} sp_original;

void sp_original_destroy(sp_original *original);
/** sp_model_check - compares the net with the file's own graph; sets model->agreement. */
SP_NODISCARD sp_status sp_model_check(sp_error *err, sp_model *model);

/* ---- recurrent_op.c and recurrent_run.c ---- */

/** sp_recurrence - an LSTM, GRU or RNN node as the file has it: gates in ONNX's order (i, o, f, c;
 *  z, r, h), G = 4, 3 or 1. */
typedef struct sp_recurrence {
    sp_cell_kind kind;
    size_t gates, hidden, width;
    const double *weight, *recurrent; /* [G hidden, width], [G hidden, hidden] */
    const double *bias;               /* [2 G hidden], of W and of R; NULL: zero */
    sp_activation function[2];        /* of the gates and the candidate; RNN: [1] only */
    bool reset_after, batch_first;
} sp_recurrence;

/** sp_recurrence_run - runs the node at hand on constants, by the formulas of the standard. */
SP_NODISCARD sp_status sp_recurrence_run(sp_reader *r, const sp_recurrence *cell,
                                         const sp_tensor *x);

#endif
