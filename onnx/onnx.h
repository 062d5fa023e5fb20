/* ONNX files. Only this folder knows protobuf-c and onnx.proto. */
#ifndef SP_ONNX_ONNX_H
#define SP_ONNX_ONNX_H

#include <stdbool.h>
#include <stddef.h>

#include "base/digest.h"
#include "base/status.h"
#include "net/net.h"

#ifdef __cplusplus
extern "C" {
#endif

/** sp_model - a network and what its file says about itself. */
typedef struct sp_model {
    sp_net net;
    char *front;    /* owned; metadata_props "soundproof.front" (a front-end description) or NULL */
    char *training; /* owned; metadata_props "soundproof.training" (a JSON object) or NULL */
    char *names;    /* owned; metadata_props "soundproof.names" (a JSON list of texts) or NULL */
    char *producer; /* owned; "pytorch 2.1.0" or "" */
    char *input_name;  /* owned */
    char *input_shape; /* owned; "T x 1 x 10" as the file names it */
    long steps_axis;   /* axis of the input that counts steps; -1: it is one step */
    size_t inner;      /* numbers of a step that stand side by side in the input: those behind that
                        * axis; the others stand before it */
    size_t recordings; /* the file takes so many at once; 0: one */
    char *doubt;       /* owned; NULL, or why that axis may be the wrong one */
    char *inputs;      /* owned; what its other inputs are, "h0 -> hn, from 0; sr = 16000", or "" */
    bool log_softmax;  /* the file has a LogSoftmax behind the logits */
    bool streams;      /* the file computes one hop, and its states go from each hop to the next */
    char digest[SP_DIGEST_TEXT]; /* SHA-256 of the file and of its numbers in files beside it */
    long opset;
    size_t parameters; /* number of weights that the net uses */
    double agreement;  /* largest difference from the file's own graph on the probe inputs,
                        * relative for numbers above 1 */
    struct sp_onnx_reference *reference; /* owned; the file's own graph */
} sp_model;

/** sp_model_read / sp_model_parse - reads MatMul, Gemm, Add, Relu, LSTM, GRU, RNN, Loops over the
 *  steps whose body is a GRU or RNN in whatever arithmetic it is written, and the shape plumbing
 *  around them folded as constants at batch 1. A Sigmoid or Softmax at the end is dropped and
 *  marked in the net. The net is compared with an evaluation of the file's own graph on probe
 *  inputs; a difference above 1e-5 (relative for numbers above 1) is SP_E_UNSUPPORTED.
 *  Whatever it does not cover is refused with the node's name, the operator or attribute and its
 *  value: SP_E_UNSUPPORTED. Malformed files: SP_E_FORMAT. NaN or infinite weights: SP_E_NONFINITE.
 *  Numbers in other files are read from the folder of `path` only, and refused by sp_model_parse.
 *  Files up to 1 GiB; what a file makes the reader allocate is limited too: SP_E_MEMORY. A file
 *  whose input has a fixed number of steps sets net.steps. A failed call leaves an empty model.
 *  `name` is used in messages. */
SP_NODISCARD sp_status sp_model_read(sp_error *err, sp_model *model, const char *path);
SP_NODISCARD sp_status sp_model_parse(sp_error *err, sp_model *model, const void *data, size_t size,
                                      const char *name);
/** sp_model_operator - the name of an operator that is read; NULL behind the last one. */
const char *sp_model_operator(size_t index);
/** sp_model_opsets - the first and the last version of the standard's operators that is read. */
void sp_model_opsets(long *least, long *most);
/** sp_model_evaluate - evaluates the file's own graph operator by operator, Loops included, without
 *  the net: an independent check of what the net says.
 *  O logits [rows, classes]  in front of the Sigmoid or Softmax where the net is marked so; rows as
 *                            sp_net_rows has them
 *  O output [rows, classes]  the graph's first output: probabilities behind such a head, else the
 *                            logits; may be NULL
 *  I features [steps, features]; steps as for sp_net_run
 *  All real numbers are doubles, whatever type the file names: nothing is rounded to float32.
 *  Thread-safe. SP_E_NONFINITE when one of them is not finite. */
SP_NODISCARD sp_status sp_model_evaluate(sp_error *err, const sp_model *model, double *logits,
                                         double *output, const double *features, size_t steps);
/** sp_model_single - whether a runtime that computes the file's graph operator by operator in
 *  float32, sums in any order, rounds what the nodes of the net compute and nothing else:
 *  operators, constants and biases stand in the file as in the net. SP_E_UNSUPPORTED names the
 *  first that does not. *biases: how much larger |Wb| + |Rb| is than |Wb + Rb| at most, of
 *  recurrent layers. */
SP_NODISCARD sp_status sp_model_single(sp_error *err, const sp_model *model, double *biases);
void sp_model_clear(sp_model *model);

/** sp_model_choice - what a file may leave open. */
#define SP_MODEL_AXIS_BY_FILE (-1L)
/** sp_model_input - a number that an input has in every call (a state: in the first one), lengths
 *  of its axes ("1x576"), or "steps", the number of steps of the features. */
typedef struct sp_model_input {
    const char *name, *value;
} sp_model_input;
typedef struct sp_model_choice {
    /* name of what is the logits; NULL: by the file. "NAME@last", "NAME@first", "NAME@7": its row
     * of one step, "NAME@all": those of every step (net.every); "NAME[3]": one number;
     * "NAME[3]@last"; without a name: of the first output */
    const char *output;
    long steps_axis; /* axis of the input that counts steps, or SP_MODEL_AXIS_BY_FILE */
    /* an input whose lengths are all fixed, before a network without recurrence, is one step,
     * whatever its axes could count */
    bool flat;
    bool accept_doubt; /* a contradiction about that axis goes to model->doubt: to be shown only */
    const sp_model_input *input; /* [inputs] what the file leaves open */
    size_t inputs;
} sp_model_choice;
/** sp_model_open - sp_model_read with choices; NULL: none. An axis of steps that contradicts the
 *  names of the axes, or that could as well be another one, is SP_E_UNSUPPORTED unless chosen. */
SP_NODISCARD sp_status sp_model_open(sp_error *err, sp_model *model, const char *path,
                                     const sp_model_choice *choice);

/** sp_model_note - an entry of a file's metadata. */
typedef struct sp_model_note {
    const char *key, *value;
} sp_model_note;

/** sp_model_pack / sp_model_write - a network as an ONNX file: "features" [T, 1, D], T its fixed
 *  number of steps if it has one, to "logits" [1, C], weights rounded to float, opset 14; in memory
 *  (free *data with free) or at `path`, which is replaced whole. The last layer of every step must
 *  be recurrent; SP_E_UNSUPPORTED names a layer that cannot be written. */
SP_NODISCARD sp_status sp_model_pack(sp_error *err, void **data, size_t *size, const sp_net *net,
                                     const sp_model_note *note, size_t notes);
/** sp_model_pack_pipeline - the nodes of a front end over samples (sp_front_graph_scaled) and
 *  behind them the graph of the file as it is: "front.samples" [1, samples] to its outputs. With a
 *  peak > 0 the samples are brought to it first. SP_E_UNSUPPORTED: nodes that are no convolutions,
 *  squares, logarithms, roots and floors; files with several inputs, or numbers beside them. */
SP_NODISCARD sp_status sp_model_pack_pipeline(sp_error *err, void **data, size_t *size,
                                              const sp_model *model, const sp_net *front,
                                              double peak, size_t samples);
SP_NODISCARD sp_status sp_model_write(sp_error *err, const char *path, const sp_net *net,
                                      const sp_model_note *note, size_t notes);

#ifdef __cplusplus
}
#endif
#endif
