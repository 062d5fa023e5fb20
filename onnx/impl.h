/* Private to onnx/: a small abstract interpreter. It walks the graph once, at batch 1 and an
 * unknown number of steps T. A value of the graph is a tensor of constants, or a sequence: numbers
 * that depend on the input, each an affine function of numbers of layers (nodes of the network to
 * be) at every step, or at certain steps. Inside the body of a Loop, a tensor may hold polynomials
 * of one step of the input and of the states. Whatever cannot be expressed so is refused. The same
 * walk evaluates the graph when its input is a tensor of constants. */
#ifndef SP_ONNX_IMPL_H
#define SP_ONNX_IMPL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/digest.h"
#include "base/region.h"
#include "onnx/cell/polynomial.h"
#include "onnx/file/role.h"
#include "onnx/layer/layers.h"
#include "onnx/onnx.h"
#include "onnx/onnx.pb-c.h"

enum {
    SP_ONNX_MAX_NODES = 100000,
    SP_ONNX_MAX_NAMES = 1000000,
    SP_ONNX_MAX_ATTRIBUTES = 32,
    SP_ONNX_MIN_OPSET = 7, /* LSTM-7: the first without output_sequence */
    SP_ONNX_MAX_OPSET = 28 /* onnx 1.23 */
};
static const size_t SP_ONNX_MOST_WORK = (size_t)1 << 30; /* steps in bodies of Loops */

/* ---- decode.c: bytes to messages ---- */

/** sp_onnx_decode - the model in data[size]. Nesting depth, strings and memory are checked
 *  before and while protobuf-c reads. Free with onnx__model_proto__free_unpacked(model, NULL). */
SP_NODISCARD sp_status sp_onnx_decode(sp_error *err, Onnx__ModelProto **model, const uint8_t *data,
                                      size_t size);

/* ---- external.c ---- */

/** sp_onnx_external_load - reads numbers that the file keeps beside itself into the messages;
 *  *bytes: how many, all of which are added to the digest. path: of the model; NULL: it has none,
 *  and a tensor that stands elsewhere is refused. */
SP_NODISCARD sp_status sp_onnx_external_load(sp_error *err, size_t *bytes, sp_digest *digest,
                                             Onnx__ModelProto *proto, const char *path);

/* ---- values ---- */

typedef enum { SP_ONNX_REAL, SP_ONNX_WHOLE, SP_ONNX_POLYNOMIAL } sp_onnx_numbers;

/** sp_onnx_tensor - constants, or polynomials inside the body of a Loop; row-major. Booleans are
 *  the whole numbers 0 and 1. */
typedef struct sp_onnx_tensor {
    sp_onnx_numbers kind;
    size_t rank, count;
    int64_t dim[SP_ONNX_MAX_RANK];
    const double *real;                   /* [count] borrowed from the region; REAL only */
    const sp_onnx_dim *whole;             /* [count] borrowed from the region; WHOLE only */
    const sp_onnx_polynomial *polynomial; /* [count] borrowed from the region; POLYNOMIAL only */
} sp_onnx_tensor;

typedef enum {
    SP_ONNX_VALUE_TENSOR,
    SP_ONNX_VALUE_SEQUENCE,
    SP_ONNX_VALUE_OPAQUE
} sp_onnx_value_kind;

/** sp_onnx_value - what a name stands for. OPAQUE, such as Y_c of an LSTM: no operator may read
 *  it. */
typedef struct sp_onnx_value {
    sp_onnx_value_kind kind;
    sp_onnx_tensor tensor;
    sp_onnx_sequence sequence;
    const char *why; /* OPAQUE: what it is, for messages */
} sp_onnx_value;

/* ---- graph.c: names and order ---- */

typedef enum {
    SP_ONNX_DEFINED_BY_INPUT,
    SP_ONNX_DEFINED_BY_INITIALISER,
    SP_ONNX_DEFINED_BY_NODE,
    SP_ONNX_DEFINED_OUTSIDE /* in a graph around this one */
} sp_onnx_definer;

typedef struct sp_onnx_definition {
    const char *name;
    sp_onnx_definer by;
    /* of the input, initialiser or node; OUTSIDE: the definition in the graph around this one */
    size_t index;
    size_t slot; /* of the node's output */
} sp_onnx_definition;

#define SP_ONNX_NO_NAME ((size_t)-1)

/** sp_onnx_graph - every name resolved, and the nodes that the outputs need in an order of
 *  evaluation. */
struct sp_onnx_subgraph;
typedef struct sp_onnx_graph {
    const Onnx__GraphProto *proto;  /* borrowed */
    sp_onnx_definition *definition; /* [definitions] owned, sorted by name */
    size_t definitions;
    size_t imports; /* while names are resolved: definitions OUTSIDE behind the sorted ones */
    /* [nodes + 1] owned: where a node's inputs start in `input`; behind them stand the names that
     * graphs inside of the node read from this one */
    size_t *first_input;
    size_t *input;        /* owned: definition of every input, SP_ONNX_NO_NAME for "" */
    size_t *output;       /* owned: definition of every output, in the order of first_output */
    size_t *first_output; /* [nodes + 1] owned */
    size_t *order;        /* [needed] owned */
    size_t needed;
    size_t *argument; /* [proto->n_input] owned: definitions of the inputs */
    size_t *result;   /* [results] owned: definitions of the outputs */
    size_t results;
    struct sp_onnx_subgraph
        *inner; /* [inners] owned: graphs inside of nodes, in the order of the nodes */
    size_t inners;
    /* of the outermost graph */
    const Onnx__ValueInfoProto *features;
    sp_onnx_role *role; /* [roles] owned: inputs that are no initialisers */
    size_t roles;
} sp_onnx_graph;

/** sp_onnx_subgraph - a graph that a node keeps as an attribute. */
typedef struct sp_onnx_subgraph {
    size_t node;
    const char *attribute;
    sp_onnx_graph graph;
} sp_onnx_subgraph;

/** sp_onnx_graph_init - for a file's outermost graph; sp_onnx_roles_find completes it. Depth of
 *  nesting is limited by sp_onnx_decode. */
SP_NODISCARD sp_status sp_onnx_graph_init(sp_error *err, sp_onnx_graph *graph,
                                          const Onnx__GraphProto *proto);
void sp_onnx_graph_clear(sp_onnx_graph *graph);
/** sp_onnx_graph_keep - drops all outputs but one, and the nodes that only others need. */
SP_NODISCARD sp_status sp_onnx_graph_keep(sp_error *err, sp_onnx_graph *graph, size_t output);
/** sp_onnx_graph_last - the one output from which no other is computed, used cells' states aside;
 *  or SP_ONNX_NO_NAME. sp_onnx_graph_moved - the value that Identity, Squeeze and the like move. */
SP_NODISCARD sp_status sp_onnx_graph_last(sp_error *err, const sp_onnx_graph *graph, size_t *at);
size_t sp_onnx_graph_moved(const sp_onnx_graph *graph, size_t id);
/** sp_onnx_graph_find - the definition of a name, or SP_ONNX_NO_NAME. */
size_t sp_onnx_graph_find(const sp_onnx_graph *graph, const char *name);
/** sp_onnx_subgraph_find - the graph that node n keeps under this name, or NULL. */
const sp_onnx_graph *sp_onnx_subgraph_find(const sp_onnx_graph *graph, size_t n,
                                           const char *attribute);

/** sp_onnx_graph_sort - fills order and needed (order.c). */
SP_NODISCARD sp_status sp_onnx_graph_sort(sp_error *err, sp_onnx_graph *graph);

/* ---- input.c: the input of the graph ---- */

/** sp_onnx_input_check - refuses inputs that are not a tensor of one to four axes with fixed
 *  features, or of samples. */
SP_NODISCARD sp_status sp_onnx_input_check(sp_error *err, const Onnx__GraphProto *proto,
                                           const Onnx__ValueInfoProto *input);
/** sp_onnx_input_describe - the shape as a text, "T x 1 x 10". Free it with free. */
SP_NODISCARD sp_status sp_onnx_input_describe(sp_error *err, char **text,
                                              const Onnx__TensorShapeProto *shape);

/** sp_onnx_batch - an axis of the input that holds a fixed number of recordings, each of which is
 *  answered by itself. */
typedef struct sp_onnx_batch {
    size_t recordings; /* 0: there is none */
    size_t axis;
} sp_onnx_batch;

/** sp_onnx_guess - one way to read the input: which axis counts the steps, and how many there must
 *  be. */
typedef struct sp_onnx_guess {
    size_t axis;  /* SP_ONNX_NO_AXIS: the input is one step */
    size_t steps; /* 0: any */
    sp_onnx_batch batch;
} sp_onnx_guess;
enum { SP_ONNX_MOST_GUESSES = 12 };
/** sp_onnx_input_guesses - the guesses, in the order in which they are to be tried; their number.
 *  Every axis before the last one can be the steps unless its length is 1; the others have
 *  length 1 (batch), or, beside an open one that is named as that of the steps, a fixed number of
 *  recordings. When nothing needs steps, the input may also be a single one. At last, or at
 *  first if it has the name of one, the last axis may be the steps of the features before it. */
size_t sp_onnx_input_guesses(sp_onnx_guess *guess, const Onnx__GraphProto *proto,
                             const Onnx__TensorShapeProto *shape, bool flat);
/** sp_onnx_input_inner - the product of the lengths behind the axis of the steps. */
size_t sp_onnx_input_inner(const Onnx__TensorShapeProto *shape, size_t axis);

/** sp_onnx_name_holds - whether a name holds a word, whatever the case. */
bool sp_onnx_name_holds(const char *name, const char *word);
/** sp_onnx_axis_name - the name of an axis, "" when it has none. */
const char *sp_onnx_axis_name(const Onnx__TensorShapeProto *shape, size_t axis);
/** sp_onnx_axis_sense - what the name of an axis says: 1 that it counts steps, -1 that it counts
 *  recordings, 0 nothing. */
int sp_onnx_axis_sense(const Onnx__TensorShapeProto *shape, size_t axis);

/* ---- interpret.c, walk.c: one walk over the graph; operators.c: the table ---- */

/** sp_onnx_length - a number of steps that is no k + t L: floor((from + shift) / stride) + 1. */
typedef struct sp_onnx_length {
    sp_onnx_dim from;
    int64_t shift;
    size_t stride;
    const struct sp_onnx_length *before; /* or NULL */
} sp_onnx_length;

/** sp_onnx_part_of - which numbers of an output are the logits: its row of step `at` (-1: the
 *  last), or of every step, number `index` of it; axis: of its steps, or SP_ONNX_NO_AXIS, found by
 *  the walk. */
typedef struct sp_onnx_part_of {
    bool step, every, number;
    long at;
    size_t index, axis;
} sp_onnx_part_of;

struct sp_onnx_guard;
/** sp_onnx_reader - one reading of a file, or one evaluation. */
typedef struct sp_onnx_operator {
    const char *name;
    sp_status (*read)(struct sp_onnx_reader *r);
    size_t least, most; /* inputs */
    const char *attributes;
} sp_onnx_operator;

typedef struct sp_onnx_reader {
    sp_error *err;
    const sp_onnx_operator *(*find)(const Onnx__NodeProto *node);
    sp_status (*softmax)(struct sp_onnx_reader *r, sp_onnx_sequence *sequence);
    const sp_onnx_graph *root; /* borrowed: the outermost graph */
    long opset;
    size_t budget; /* bytes of the region */
    /* of the walk */
    sp_region region;
    size_t work;                /* steps that bodies of Loops may still take */
    size_t steps_axis;          /* of the input; SP_ONNX_NO_AXIS: the input is one step */
    size_t steps;               /* length of that axis; 0: not fixed */
    sp_onnx_batch batch;        /* read as one recording, evaluated with all of them */
    sp_onnx_value **root_value; /* [root->definitions] owned; entries in the region */
    sp_onnx_layer *layer;       /* [layers] owned */
    size_t layers, layer_room;
    const sp_onnx_length
        *length; /* those of layers with strides, the last one first; in the region */
    size_t lengths;
    sp_onnx_head head; /* of the network that was made */
    sp_onnx_part_of chosen;
    double *const *state;    /* evaluation: [roles] the states now, or NULL: at the start */
    sp_onnx_defined wanted;  /* evaluation: a value inside of an If that is to be kept */
    sp_onnx_value *captured; /* it; NULL: not reached */
    size_t furthest;         /* node of the outermost graph that the walk has reached */
    bool wants_length;       /* it failed for want of a fixed number of steps */
    size_t wants_steps;      /* it failed because it takes this number of steps alone; 0: not so */
    const struct sp_onnx_guard *guard; /* what must hold, the last one first; in the region */
    bool streams;                      /* states go from hop to hop */
    size_t hop;                        /* steps of each; 0: one, without an axis of steps */
    /* the graph at hand: the outermost one or the body of a Loop */
    const sp_onnx_graph *graph;
    sp_onnx_value **value;       /* [graph->definitions] */
    size_t depth;                /* 0: the outermost graph */
    size_t at;                   /* node at hand, as an index of graph->order */
    const Onnx__NodeProto *node; /* the same */
    sp_onnx_algebra *algebra;    /* in the body of a Loop over the input; else NULL */
} sp_onnx_reader;

/** sp_onnx_reader_init - for reading the graph; sp_onnx_reader_clear frees what walks took. */
SP_NODISCARD sp_status sp_onnx_reader_init(sp_onnx_reader *r, sp_error *err,
                                           const sp_onnx_graph *root, long opset, size_t budget);
void sp_onnx_reader_clear(sp_onnx_reader *r);
/** sp_onnx_interpret - walks the graph; *result is its first output, a vector. */
SP_NODISCARD sp_status sp_onnx_interpret(sp_onnx_reader *r, const sp_onnx_sequence **result);
/** sp_onnx_evaluate - walks the graph with numbers as its input. */
SP_NODISCARD sp_status sp_onnx_evaluate(sp_onnx_reader *r, const double *features, size_t steps);
/** sp_onnx_evaluated - the real numbers that a definition got there: one of the outermost graph, or
 *  r->wanted. */
SP_NODISCARD sp_status sp_onnx_evaluated(sp_onnx_reader *r, const sp_onnx_tensor **result,
                                         sp_onnx_defined place);
SP_NODISCARD sp_status sp_onnx_results_check(sp_onnx_reader *r, const sp_onnx_sequence **result);
/** sp_onnx_walk - the needed nodes of the graph at hand. */
SP_NODISCARD sp_status sp_onnx_walk(sp_onnx_reader *r);
/** sp_onnx_value_load - the value of a definition of the graph at hand, reading initialisers; NULL
 *  when there is none yet. */
SP_NODISCARD sp_status sp_onnx_value_load(sp_onnx_reader *r, const sp_onnx_value **value,
                                          size_t id);

/** sp_onnx_operator_find - the row of the operator of a node; NULL: it is not read. What operators
 *  call asks r->find, so that no file below the table depends on it. */
const sp_onnx_operator *sp_onnx_operator_find(const Onnx__NodeProto *node);

/* ---- refusals.c ---- */

/** sp_onnx_refuse_operator - a failure because the operator of the node at hand is not read. */
sp_status sp_onnx_refuse_operator(sp_onnx_reader *r);
/** sp_onnx_obstacles - what else of the outermost graph is not read than a refusal says, as the end
 *  of a sentence; "" where there is nothing. */
void sp_onnx_obstacles(const sp_onnx_reader *r, char *text, size_t size, const char *refusal);

/* ---- node.c: the node at hand ---- */

/** sp_onnx_refuse - a failure at the node at hand: "node 'name' (Operator): ...". */
sp_status sp_onnx_refuse(sp_onnx_reader *r, sp_status code, const char *format, ...)
    SP_PRINTF(3, 4);
sp_status sp_onnx_out_of_memory(sp_onnx_reader *r);

size_t sp_onnx_node_index(const sp_onnx_reader *r);
size_t sp_onnx_inputs(const sp_onnx_reader *r);
/** sp_onnx_input_id - the definition of input i; SP_ONNX_NO_NAME when it is left out. */
size_t sp_onnx_input_id(const sp_onnx_reader *r, size_t i);
/** sp_onnx_input - input i of the node at hand; NULL when it is left out. */
const sp_onnx_value *sp_onnx_input(const sp_onnx_reader *r, size_t i);
/** sp_onnx_input_name - its name, for messages; "" when it is left out. */
const char *sp_onnx_input_name(const sp_onnx_reader *r, size_t i);
/** sp_onnx_input_tensor - a constant input that must be there; `what` is its name in the
 *  standard. */
SP_NODISCARD sp_status sp_onnx_input_tensor(sp_onnx_reader *r, const sp_onnx_tensor **tensor,
                                            size_t i, const char *what);
/** sp_onnx_input_wholes - a constant input of whole numbers, of rank 0 or 1. */
SP_NODISCARD sp_status sp_onnx_input_wholes(sp_onnx_reader *r, const sp_onnx_dim **values,
                                            size_t *count, size_t i, const char *what);
/** sp_onnx_return_* - sets output i of the node at hand; nothing happens when nobody names it. */
SP_NODISCARD sp_status sp_onnx_return_tensor(sp_onnx_reader *r, size_t i,
                                             const sp_onnx_tensor *tensor);
SP_NODISCARD sp_status sp_onnx_return_sequence(sp_onnx_reader *r, size_t i,
                                               const sp_onnx_sequence *sequence);
SP_NODISCARD sp_status sp_onnx_return_opaque(sp_onnx_reader *r, size_t i, const char *why);
SP_NODISCARD sp_status sp_onnx_return_value(sp_onnx_reader *r, size_t i,
                                            const sp_onnx_value *value);

/** sp_onnx_normalise_axis - an axis of the standard, -rank..rank-1, as an index. */
SP_NODISCARD sp_status sp_onnx_normalise_axis(sp_onnx_reader *r, size_t *axis, int64_t given,
                                              size_t rank);

/* ---- attribute.c ---- */

const Onnx__AttributeProto *sp_onnx_attribute(const Onnx__NodeProto *node, const char *name);
/** sp_onnx_attributes_check - refuses attributes that are not in the blank-separated list, or given
 *  twice. */
SP_NODISCARD sp_status sp_onnx_attributes_check(sp_onnx_reader *r, const char *known);
/** sp_onnx_attribute_unknown - the first attribute of a node that is not in the list, or NULL. */
const char *sp_onnx_attribute_unknown(const Onnx__NodeProto *node, const char *known);
SP_NODISCARD sp_status sp_onnx_attribute_int(sp_onnx_reader *r, int64_t *value, const char *name,
                                             int64_t otherwise);
SP_NODISCARD sp_status sp_onnx_attribute_float(sp_onnx_reader *r, double *value, const char *name,
                                               double otherwise);
/** sp_onnx_attribute_wholes - a list of whole numbers; *values is NULL when the attribute is
 *  absent. */
SP_NODISCARD sp_status sp_onnx_attribute_wholes(sp_onnx_reader *r, const sp_onnx_dim **values,
                                                size_t *count, const char *name);
/** sp_onnx_operand_wholes - axes and the like: an attribute before opset `since`, else input i.
 *  *values is NULL when neither is given. */
SP_NODISCARD sp_status sp_onnx_operand_wholes(sp_onnx_reader *r, const sp_onnx_dim **values,
                                              size_t *count, const char *name, size_t i,
                                              long since);

/* ---- tensor.c ---- */

/** sp_onnx_tensor_read - the numbers of a message, which live in the region. */
SP_NODISCARD sp_status sp_onnx_tensor_read(sp_error *err, sp_region *region, sp_onnx_tensor *tensor,
                                           const Onnx__TensorProto *proto);
/** sp_onnx_tensor_bytes - what the numbers of a message take as raw bytes; false when its type or
 *  its shape is none that is read. */
bool sp_onnx_tensor_bytes(size_t *bytes, const Onnx__TensorProto *proto);
/** sp_onnx_number_size - bytes of one number; sp_onnx_tensor_data - where they are. */
size_t sp_onnx_number_size(sp_onnx_numbers kind);
const void *sp_onnx_tensor_data(const sp_onnx_tensor *tensor);
/** sp_onnx_tensor_polynomials - the same numbers as polynomials. REAL and POLYNOMIAL only; NaN and
 *  infinities are refused. */
SP_NODISCARD sp_status sp_onnx_tensor_polynomials(sp_onnx_reader *r, sp_onnx_tensor *polynomials,
                                                  const sp_onnx_tensor *tensor);
/** sp_onnx_tensor_copy - the same tensor with numbers of its own. */
SP_NODISCARD sp_status sp_onnx_tensor_copy(sp_onnx_reader *r, sp_onnx_tensor *copy,
                                           const sp_onnx_tensor *tensor);
/** sp_onnx_tensor_shape - sets rank, dim and count; false when they do not fit. */
bool sp_onnx_tensor_shape(sp_onnx_tensor *tensor, const int64_t *dim, size_t rank);
/** sp_onnx_tensor_make - memory for kind and count of a tensor with a shape; NULL when it does not
 *  fit. */
void *sp_onnx_tensor_make(sp_onnx_reader *r, sp_onnx_tensor *tensor);
/** sp_onnx_tensor_view - a new tensor of the shape of `tensor` with elements
 *  source[first + sum_i index_i stride_i]; the caller answers for the range. */
SP_NODISCARD sp_status sp_onnx_tensor_view(sp_onnx_reader *r, sp_onnx_tensor *tensor,
                                           const sp_onnx_tensor *source, int64_t first,
                                           const int64_t *stride);
/** sp_onnx_tensor_strides - strides of row-major storage. */
void sp_onnx_tensor_strides(int64_t *stride, const sp_onnx_tensor *tensor);
/** sp_onnx_tensor_broadcast - the common shape of a and b; false when there is none. */
bool sp_onnx_tensor_broadcast(sp_onnx_tensor *shape, const sp_onnx_tensor *a,
                              const sp_onnx_tensor *b);
/** sp_onnx_tensor_expand - `source` repeated to the shape of `tensor`. */
SP_NODISCARD sp_status sp_onnx_tensor_expand(sp_onnx_reader *r, sp_onnx_tensor *tensor,
                                             const sp_onnx_tensor *source);

/* ---- operators: each reads the node at hand ---- */

sp_status sp_onnx_op_activation(sp_onnx_reader *r); /* Sigmoid, Tanh, HardSigmoid, Relu, Neg */
sp_status sp_onnx_op_arithmetic(sp_onnx_reader *r); /* Add, Sub, Mul, Div */
sp_status sp_onnx_op_batch_norm(sp_onnx_reader *r);
sp_status sp_onnx_op_cast(sp_onnx_reader *r);
sp_status sp_onnx_op_clip(sp_onnx_reader *r);
sp_status sp_onnx_op_compare(sp_onnx_reader *r); /* And, Or, Equal, Less, ... */
sp_status sp_onnx_op_concat(sp_onnx_reader *r);
sp_status sp_onnx_op_constant(sp_onnx_reader *r);
sp_status sp_onnx_op_constant_of_shape(sp_onnx_reader *r);
sp_status sp_onnx_op_conv(sp_onnx_reader *r);
sp_status sp_onnx_op_curve(sp_onnx_reader *r); /* those of curve_operators.h */
sp_status sp_onnx_op_dropout(sp_onnx_reader *r);
sp_status sp_onnx_op_expand(sp_onnx_reader *r);
sp_status sp_onnx_op_flatten(sp_onnx_reader *r);
sp_status sp_onnx_op_gather(sp_onnx_reader *r);
sp_status sp_onnx_op_gelu(sp_onnx_reader *r);
sp_status sp_onnx_op_gemm(sp_onnx_reader *r);
sp_status sp_onnx_op_identity(sp_onnx_reader *r);
sp_status sp_onnx_op_if(sp_onnx_reader *r);
sp_status sp_onnx_op_instance_norm(sp_onnx_reader *r);
sp_status sp_onnx_op_layer_norm(sp_onnx_reader *r);
sp_status sp_onnx_op_limit(sp_onnx_reader *r); /* Min, Max */
sp_status sp_onnx_op_loop(sp_onnx_reader *r);
sp_status sp_onnx_op_matmul(sp_onnx_reader *r);
sp_status sp_onnx_op_mod(sp_onnx_reader *r);
sp_status sp_onnx_op_not(sp_onnx_reader *r);
sp_status sp_onnx_op_prelu(sp_onnx_reader *r);
sp_status sp_onnx_op_pool(sp_onnx_reader *r); /* MaxPool, AveragePool */
sp_status sp_onnx_op_reduce_max(sp_onnx_reader *r);
sp_status sp_onnx_op_reciprocal(sp_onnx_reader *r);
sp_status sp_onnx_op_reduce_prod(sp_onnx_reader *r);
sp_status sp_onnx_op_recurrent(sp_onnx_reader *r);  /* LSTM, GRU, RNN */
sp_status sp_onnx_op_reduce_sum(sp_onnx_reader *r); /* and means */
sp_status sp_onnx_op_pad(sp_onnx_reader *r);
sp_status sp_onnx_op_reshape(sp_onnx_reader *r);
sp_status sp_onnx_op_reverse_sequence(sp_onnx_reader *r);
sp_status sp_onnx_op_scatter_elements(sp_onnx_reader *r);
sp_status sp_onnx_op_shape(sp_onnx_reader *r); /* and Size */
sp_status sp_onnx_op_slice(sp_onnx_reader *r);
sp_status sp_onnx_op_split(sp_onnx_reader *r);
sp_status sp_onnx_op_softmax(sp_onnx_reader *r);
sp_status sp_onnx_op_squeeze(sp_onnx_reader *r);
sp_status sp_onnx_op_tile(sp_onnx_reader *r);
sp_status sp_onnx_op_top_k(sp_onnx_reader *r);
sp_status sp_onnx_op_transpose(sp_onnx_reader *r);
sp_status sp_onnx_op_unsqueeze(sp_onnx_reader *r);
sp_status sp_onnx_op_where(sp_onnx_reader *r);

/** sp_onnx_shape_of - the shape of a value as dims; returns its rank. */
size_t sp_onnx_shape_of(const sp_onnx_value *value, sp_onnx_dim *dim);
/** sp_onnx_return_reshaped - returns x with another shape as the only output. */
SP_NODISCARD sp_status sp_onnx_return_reshaped(sp_onnx_reader *r, const sp_onnx_value *x,
                                               const sp_onnx_dim *dim, size_t rank);
/** sp_onnx_tensor_arithmetic - a op b, broadcast; op is one of + - * /. */
SP_NODISCARD sp_status sp_onnx_tensor_arithmetic(sp_onnx_reader *r, sp_onnx_tensor *to,
                                                 const sp_onnx_tensor *a, const sp_onnx_tensor *b,
                                                 char op);
/** sp_onnx_dense_arithmetic - the node at hand as a op b, where one of them depends on the
 *  features. */
SP_NODISCARD sp_status sp_onnx_dense_arithmetic(sp_onnx_reader *r, char op);
/** sp_onnx_tensor_product - MatMul of two tensors, one of which may hold polynomials. */
SP_NODISCARD sp_status sp_onnx_tensor_product(sp_onnx_reader *r, sp_onnx_tensor *to,
                                              const sp_onnx_tensor *a, const sp_onnx_tensor *b);

/* ---- states.c ---- */

/** sp_onnx_states_close - checks that every state of a streaming model goes from hop to hop inside
 *  of a cell; what computes a cell by other operators becomes one. */
SP_NODISCARD sp_status sp_onnx_states_close(sp_onnx_reader *r);

/* ---- unrolled.c ---- */

/** sp_onnx_unrolled_find - cells that are written out step by step among the layers that rows need:
 *  their outputs at every step are replaced by those of cells over all steps. Layers in which none
 *  is seen keep the reason. */
SP_NODISCARD sp_status sp_onnx_unrolled_find(sp_onnx_reader *r, const sp_onnx_affine *row,
                                             size_t count);
/** sp_onnx_sequence_roll - numbers without steps whose axis holds what one layer gives at every
 *  step: then it is the axis of the steps. *rolled: whether it is. */
SP_NODISCARD sp_status sp_onnx_sequence_roll(sp_onnx_reader *r, sp_onnx_sequence *sequence,
                                             size_t axis, bool *rolled);

/* ---- needed.c ---- */

/** sp_onnx_resolve - what is read instead of a source that stands for another one. */
sp_onnx_source sp_onnx_resolve(const sp_onnx_reader *r, sp_onnx_source from);

/** sp_onnx_layers_compact - keeps the layers that *last needs, each behind those that it reads, and
 *  reads instead of a replaced layer what it is. Refuses those that are no nodes. */
SP_NODISCARD sp_status sp_onnx_layers_compact(sp_onnx_reader *r, sp_onnx_source *last);

/* ---- reference_graph.c ---- */

/** sp_onnx_reference - a file's own graph. */
typedef struct sp_onnx_reference {
    Onnx__ModelProto *proto; /* owned */
    sp_onnx_graph graph;
    long opset;
    size_t budget; /* bytes that one evaluation may take */
    size_t steps_axis;
    sp_onnx_batch batch;
    sp_onnx_defined logits; /* what stands in front of the head, if any */
    sp_onnx_head head;
    bool streams; /* one evaluation is a hop */
    size_t hop;   /* of so many steps; 0: of one */
    sp_onnx_part_of chosen;
} sp_onnx_reference;

void sp_onnx_reference_destroy(sp_onnx_reference *reference);
/** sp_model_check - compares the net with the file's own graph; sets model->agreement. */
SP_NODISCARD sp_status sp_model_check(sp_error *err, sp_model *model);

#endif
